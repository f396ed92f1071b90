"""One finding for each rule of a policy."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd

from ..inputs import Inputs
from ..network import Region, RoadGraph
from ..network.routes import Route
from ..policy import (
    BerthShare,
    CallShare,
    DemandReach,
    FacilityShare,
    FleetPower,
    Inventory,
    LengthCoverage,
    Policy,
    RouteSpacing,
    Rule,
    ShareMargin,
)
from ..units import M_PER_KM, WGS84
from .assessment import Assessment
from .berths import assess_berths, assess_calls
from .evidence import gap_evidence
from .facilities import assess_facilities, assess_fleet, assess_inventory
from .finding import Finding
from .parking import assess_parking
from .reach import assess_reach
from .spacing_rules import RoadContext, assess_coverage, assess_spacing, gap_frame, route_rows

ROUTE_COLUMNS = ("ref", "class", "length_km", "sites", "length_per_site_km", "gap_mean_km", "gap_max_km")


def assess(
    policy: Policy,
    inputs: Inputs,
    graph: RoadGraph,
    routes: Iterable[Route],
    region: Region | None,
    *,
    candidates: gpd.GeoDataFrame | None = None,
    context: RoadContext | None = None,
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
    """
    context = context or RoadContext(inputs, graph, tuple(routes), region)
    findings: list[Finding] = []
    gaps: list[gpd.GeoDataFrame] = []
    rows: list[pd.DataFrame] = []
    demand = inputs.demand.assign(distance_m=np.nan, reached=None, problem=None)
    for rule in policy.rules:
        if isinstance(rule, RouteSpacing):
            finding, spacing = assess_spacing(context, rule)
            gaps.append(gap_frame(context, rule, rule.network, spacing))
            rows += [] if rows else [route_rows(spacing), *_other_classes(context, rule)]
        elif isinstance(rule, LengthCoverage):
            finding, spacing = assess_coverage(context, rule)
            gaps.append(gap_frame(context, rule, rule.network, spacing))
        elif isinstance(rule, DemandReach):
            finding, demand = assess_reach(inputs, graph, rule)
        else:
            finding = _facility_rule(inputs, rule)
        findings.append(finding)
    table = (
        pd.concat([r for r in rows if len(r)], ignore_index=True)
        if any(map(len, rows))
        else _empty(ROUTE_COLUMNS)
    )
    drawn = [frame for frame in gaps if len(frame)]
    all_gaps = pd.concat(drawn, ignore_index=True) if drawn else _no_gaps()
    return Assessment(
        tuple(findings),
        table,
        all_gaps,
        *_access_frames(context, policy),
        demand,
        _site_frame(context, policy),
        evidence=gap_evidence(context, policy, all_gaps, candidates),
    )


def _facility_rule(inputs: Inputs, rule: Rule) -> Finding:
    """Rules that need no roads."""
    if isinstance(rule, FacilityShare):
        return assess_facilities(inputs.facilities, inputs.chargers, rule)
    if isinstance(rule, BerthShare):
        return assess_berths(inputs.berths, rule)
    if isinstance(rule, CallShare):
        return assess_calls(inputs.calls, inputs.berths, rule)
    if isinstance(rule, ShareMargin):
        return assess_parking(inputs.car_parks, inputs.counties, rule)
    if isinstance(rule, Inventory):
        return assess_inventory(inputs.facilities, inputs.chargers, rule)
    assert isinstance(rule, FleetPower)
    return assess_fleet(inputs.sites, inputs.counties, rule)


def _other_classes(context: RoadContext, rule: RouteSpacing) -> list[pd.DataFrame]:
    """Routes of the other classes, measured in the same way for the record; no rule judges them."""
    others = sorted({route.road_class for route in context.routes} - {rule.network})
    yes = context.status(rule.site) == "yes"
    return [route_rows(context.spacing(rule, network, yes)) for network in others]


def _access_frames(context: RoadContext, policy: Policy) -> tuple[pd.DataFrame, gpd.GeoDataFrame]:
    """Which site serves which route, and which site near a route does not, by id and in kilometres."""
    km = next((r.site.access_km for r in policy.rules if isinstance(r, RouteSpacing | LengthCoverage)), 3.0)
    access, sites = context.access(km), context.inputs.sites
    served, near = (_with_ids(table, sites) for table in (access.served, access.near))
    served["chainage_km"] = (served.pop("chainage_m") / M_PER_KM).round(3)
    for table in (served, near):
        table["distance_km"] = (table["distance_m"] / M_PER_KM).round(3)
        table["back_km"] = (table.pop("back_m") / M_PER_KM).round(3)
    served = served.drop(columns="distance_m")
    points = sites.geometry.iloc[access.near["site"].to_numpy(np.int64)]
    return served, gpd.GeoDataFrame(near, geometry=list(points), crs=WGS84)


def _with_ids(table: pd.DataFrame, sites: gpd.GeoDataFrame) -> pd.DataFrame:
    at = table["site"].to_numpy(np.int64)
    named = table.assign(id=sites["id"].to_numpy(object)[at], name=sites["name"].to_numpy(object)[at])
    return named.drop(columns="site").reset_index(drop=True)


def _site_frame(context: RoadContext, policy: Policy) -> gpd.GeoDataFrame:
    """Sites with ``fast``: whether they meet the highest power that a rule on routes asks for."""
    asked = [r.site for r in policy.rules if isinstance(r, RouteSpacing | LengthCoverage)]
    strictest = max(asked, key=lambda site: site.dc_min_kw, default=None)
    sites = context.inputs.sites
    fast = (
        context.status(strictest) if strictest is not None else np.full(len(sites), "unknown", dtype=object)
    )
    return sites.assign(fast=fast)


def _empty(columns: Iterable[str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})


def _no_gaps() -> gpd.GeoDataFrame:
    columns = (
        "rule",
        "ref",
        "road_class",
        "section",
        "direction",
        "kind",
        "from_site",
        "to_site",
        "from_km",
        "to_km",
        "length_km",
        "inside_km",
        "open_start",
        "open_end",
        "spacing_class",
        "strip",
        "ways",
    )
    return gpd.GeoDataFrame(_empty(columns), geometry=[], crs=WGS84)
