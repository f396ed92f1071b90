"""All findings of one state of the network, with what they rest on."""

from __future__ import annotations

from collections import Counter
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


def findings_table(before: Assessment, after: Assessment | None = None, lang: str = "en") -> pd.DataFrame:
    """A row for each rule: ``rule, title, kind, unit, target, low, high, status``; ``low_after`` … with ``after``."""
    rows = []
    for k, finding in enumerate(before.findings):
        row = {
            "rule": finding.rule.id, "title": finding.rule.title[lang], "kind": finding.rule.kind,
            "unit": finding.unit, "target": finding.target,
        }  # fmt: skip
        for end, found in (("", finding), ("_after", None if after is None else after.findings[k])):
            if found is not None:
                row |= {f"low{end}": found.low, f"high{end}": found.high, f"status{end}": found.shown}
        rows.append(row)
    return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False, repr=False)
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

    @property
    def table(self) -> pd.DataFrame:
        """A row for each rule: ``rule, title, kind, unit, target, low, high, status``."""
        return findings_table(self)

    def __repr__(self) -> str:
        """How many rules, and how they stand."""
        counts = Counter(finding.shown or "reported" for finding in self.findings)
        how = ", ".join(f"{n} {status}" for status, n in counts.items())
        return f"<Assessment: {len(self.findings)} rules ({how}), {len(self.gaps)} gaps>"

    def _repr_html_(self) -> str:
        """The findings as a table."""
        return str(self.table.to_html(index=False, na_rep=""))

    def __getitem__(self, rule_id: str) -> Finding:
        return next(f for f in self.findings if f.rule.id == rule_id)

    @property
    def all_met(self) -> bool:
        """True if no rule with a target is missed or undecided."""
        return all(f.status in (None, "met") for f in self.findings)
