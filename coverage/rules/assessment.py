"""All findings of one state of the network, one for each rule of a policy, with what they rest on."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..inputs import Inputs
from ..inputs.sites import as_they_will_be
from ..network import Region, RoadGraph
from ..network.routes import Route, parallel_inside_m
from ..units import WGS84
from .evidence import EVIDENCE_COLUMNS, gap_evidence
from .finding import UNKNOWN, Finding, site_status
from .kind import kind_of
from .model import SiteRequirement
from .policy import Policy
from .roads import GAP_COLUMNS, RoadContext, RouteRule

ROUTE_COLUMNS = (
    *("ref", "class", "length_m", "parallel_m", "sites", "length_per_site_m", "gap_mean_m", "gap_max_m"),
)


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
        A row for each assessed route: ``ref``, ``class``, ``length_m``, ``sites``, gaps …
    gaps : GeoDataFrame
        A row for each gap of each rule on spacing, route and direction, in metres, with its line (EPSG:4326).
    access : DataFrame
        Which site serves which route and direction, where and how far off, in metres.
    not_served : GeoDataFrame
        Sites near a route that don't serve it, with the reason, in metres.
    demand : GeoDataFrame
        Demand points with their distance to the nearest qualifying site, by the first rule on reach.
    demand_by_rule : mapping
        The same by the id of each rule on reach.
    sites : GeoDataFrame
        Charging sites with ``fast`` (yes / unknown / no; empty if it charges no vehicles) by the power that the
        policy's strictest rule on routes asks for; those not in operation as they will be.
    evidence : DataFrame
        For each gap the sites that close it, candidates inside it, and sites that don't count with the reason;
        see :func:`plugspan.rules.evidence.gap_evidence`.
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
    demand_by_rule: Mapping[str, gpd.GeoDataFrame] = field(default_factory=dict)

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
        """True if no rule with a target that is due is missed or undecided."""
        return all(f.status in (None, "met", "not due") for f in self.findings)


def assess(
    policy: Policy,
    inputs: Inputs,
    graph: RoadGraph,
    routes: Iterable[Route],
    region: Region | None,
    *,
    candidates: gpd.GeoDataFrame | None = None,
    context: RoadContext | None = None,
    at: dt.date | None = None,
) -> Assessment:
    """Measure every rule of a policy.

    Parameters
    ----------
    policy : Policy
    inputs : Inputs
        Tables in EPSG:4326.
    graph : RoadGraph
        Cut to the region and its halo.
    routes : iterable of Route
        Found in ``graph`` with the policy's classes of road.
    region : Region, optional
        Without it everything is inside.
    candidates : GeoDataFrame, optional
        Places where a site may be built, for the evidence of the gaps; see :func:`gap_evidence`.
    context : RoadContext, optional
        Of the same inputs, graph, routes and region, if there is one already.
    at : date, optional
        Day of the state that is measured: rules due later are not missed yet. All are due if left out.
    """
    context = context or RoadContext(inputs, graph, tuple(routes), region)
    measured = [kind_of(rule).measure(rule, context) for rule in policy.rules]
    no_gaps = gpd.GeoDataFrame(_empty(GAP_COLUMNS), geometry=[], crs=WGS84)
    all_gaps = _joined([m.gaps for m in measured if m.gaps is not None], no_gaps)
    tables = [m.routes for m in measured if m.routes is not None]
    places = {m.finding.rule.id: m.demand for m in measured if m.demand is not None}
    return Assessment(
        tuple(replace(m.finding, at=at) for m in measured),
        # The table of routes is that of the first rule that has one: one row a route.
        _with_parallel(context, _joined(tables[:1], _empty(ROUTE_COLUMNS))),
        all_gaps,
        *_access_frames(context, policy),
        next(iter(places.values()), inputs.demand.assign(distance_m=np.nan, reached=None, problem=None)),
        _site_frame(context, policy),
        evidence=gap_evidence(context, policy, all_gaps, candidates),
        demand_by_rule=places,
    )


def _joined(frames: Iterable[pd.DataFrame], empty: pd.DataFrame) -> Any:
    """All rows below each other; ``empty`` if there are none."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else empty


def _with_parallel(context: RoadContext, table: pd.DataFrame) -> pd.DataFrame:
    """Add to a table of routes the length of their parallel carriageways inside the region."""
    inside_m = {r.ref: parallel_inside_m(context.index, r, context.area) for r in context.routes}
    return table.assign(parallel_m=table["ref"].map(inside_m).astype(float))


def _asked_on_routes(policy: Policy) -> list[SiteRequirement]:
    """What the rules on routes ask of a site, in the policy's order."""
    return [rule.site for rule in policy.rules if isinstance(rule, RouteRule)]


_WAY = ["chainage_m", "distance_m", "back_m"]


def _access_frames(context: RoadContext, policy: Policy) -> tuple[pd.DataFrame, gpd.GeoDataFrame]:
    """Which site serves which route, in metres, and which site near a route does not, by id."""
    asked = [*_asked_on_routes(policy), SiteRequirement()]
    access, sites = context.access(asked[0].access_km), context.inputs.sites
    served, near = (_with_ids(table, sites) for table in (access.served, access.near))
    # As they have stood in the tables: the two lengths of the way last.
    served = served[[*served.columns.difference(_WAY, sort=False), *_WAY]]
    points = sites.geometry.iloc[access.near["site"].to_numpy(np.int64)]
    return served, gpd.GeoDataFrame(near, geometry=list(points), crs=WGS84)


def _with_ids(table: pd.DataFrame, sites: gpd.GeoDataFrame) -> pd.DataFrame:
    at = table["site"].to_numpy(np.int64)
    named = table.assign(id=sites["id"].to_numpy(object)[at], name=sites["name"].to_numpy(object)[at])
    return named.drop(columns="site").reset_index(drop=True)


def _site_frame(context: RoadContext, policy: Policy) -> gpd.GeoDataFrame:
    """Charging sites with ``fast``: whether they meet the highest power that a rule on routes asks for.

    A site that is not in operation is shown as it will be, its status beside; one for battery swap or hydrogen is
    neither fast nor slow.
    """
    inputs = context.inputs
    strictest = max(_asked_on_routes(policy), key=lambda site: site.dc_min_kw, default=None)
    if strictest is None:
        return inputs.sites.assign(fast=UNKNOWN)
    # Closed to the public is no answer to how fast it is.
    asked = strictest.model_copy(update={"public_only": False})
    running = inputs.chargers.assign(status="operational")
    waiting = (inputs.sites["status"] != "operational").fillna(False).to_numpy(bool)
    fast = np.where(
        waiting, site_status(replace(inputs, chargers=running), asked), site_status(inputs, asked)
    )
    fast[(inputs.sites["kind"] != "charging").to_numpy(bool)] = ""
    return as_they_will_be(inputs.sites, inputs.chargers).assign(fast=fast)


def _empty(columns: Iterable[str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
