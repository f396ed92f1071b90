"""All findings of one state of the network, with what they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import pandas as pd

from .finding import Finding

EVIDENCE_COLUMNS = (
    *(
        "gap",
        "rule",
        "ref",
        "section",
        "direction",
        "from_km",
        "to_km",
        "evidence_kind",
        "rank",
        "id",
        "name",
    ),
    *("kind", "reason", "meets", "chainage_km", "distance_km", "back_km", "straight_km", "ways"),
)
"""Columns of :attr:`Assessment.evidence`."""


@dataclass(frozen=True, eq=False)
class Assessment:
    """Findings in the order of the policy's rules, and the frames behind them.

    Attributes
    ----------
    findings : tuple of Finding
    routes : DataFrame
        A row for each assessed route: ``ref``, ``road_class``, ``length_km``, ``sites``, gaps …
    gaps : GeoDataFrame
        A row for each gap of each rule on spacing, route and direction, with its line (EPSG:4326).
    access : DataFrame
        Which site serves which route and direction, where and how far off.
    not_served : GeoDataFrame
        Sites near a route that don't serve it, with the reason.
    demand : GeoDataFrame
        Demand points with their distance to the nearest qualifying site.
    sites : GeoDataFrame
        Charging sites with ``fast`` (yes / unknown / no; empty if it charges no vehicles) by the power that the
        policy's strictest rule on routes asks for; those not in operation as they will be.
    evidence : DataFrame
        For each gap the sites that close it, candidates inside it, and sites that don't count with the reason;
        see :func:`plugspan.assess.evidence.gap_evidence`.
    """

    findings: tuple[Finding, ...]
    routes: pd.DataFrame
    gaps: gpd.GeoDataFrame
    access: pd.DataFrame
    not_served: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    sites: gpd.GeoDataFrame
    network: Mapping[str, object] = field(default_factory=dict)
    evidence: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(EVIDENCE_COLUMNS)))

    def __getitem__(self, rule_id: str) -> Finding:
        return next(f for f in self.findings if f.rule.id == rule_id)

    @property
    def all_met(self) -> bool:
        """True if no rule with a target is missed or undecided."""
        return all(f.status in (None, "met") for f in self.findings)
