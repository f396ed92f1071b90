"""One finding for each rule of a policy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..inputs import Inputs
from ..inputs.sites import as_they_will_be
from ..network import Region, RoadGraph
from ..network.routes import Route, parallel_inside_m
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
    SiteRequirement,
)
from ..units import M_PER_KM, WGS84
from .assessment import Assessment
from .berths import assess_berths, assess_calls
from .evidence import gap_evidence
from .facilities import assess_facilities, assess_fleet, assess_inventory
from .finding import UNKNOWN, YES, Finding, site_status
from .parking import assess_parking
from .reach import assess_reach
from .spacing_rules import RoadContext, assess_coverage, assess_spacing, gap_frame, route_rows

ROUTE_COLUMNS = (
    "ref",
    "class",
    "length_km",
    "parallel_km",
    "sites",
    "length_per_site_km",
    "gap_mean_km",
    "gap_max_km",
)


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
    measured: list[pd.DataFrame] | None = None
    demand = inputs.demand.assign(distance_m=np.nan, reached=None, problem=None)
    for rule in policy.rules:
        if isinstance(rule, RouteSpacing):
            finding, spacing = assess_spacing(context, rule)
            gaps.append(gap_frame(context, rule, rule.network, spacing))
            # The table of routes is that of the first rule on spacing: one row a route.
            measured = measured or [route_rows(spacing), *_other_classes(context, rule)]
        elif isinstance(rule, LengthCoverage):
            finding, spacing = assess_coverage(context, rule)
            gaps.append(gap_frame(context, rule, rule.network, spacing))
        elif isinstance(rule, DemandReach):
            finding, demand = assess_reach(inputs, graph, rule)
        else:
            finding = _facility_rule(inputs, rule)
        findings.append(finding)
    all_gaps = _joined(gaps, _no_gaps())
    return Assessment(
        tuple(findings),
        _with_parallel(context, _joined(measured or [], _empty(ROUTE_COLUMNS))),
        all_gaps,
        *_access_frames(context, policy),
        demand,
        _site_frame(context, policy),
        evidence=gap_evidence(context, policy, all_gaps, candidates),
    )


def _joined(frames: Iterable[pd.DataFrame], empty: pd.DataFrame) -> Any:
    """All rows below each other; ``empty`` if there are none."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else empty


def _with_parallel(context: RoadContext, table: pd.DataFrame) -> pd.DataFrame:
    """Add to a table of routes the length of their parallel carriageways inside the region."""
    inside_m = {r.ref: parallel_inside_m(context.index, r, context.area) for r in context.routes}
    return table.assign(parallel_km=(table["ref"].map(inside_m).astype(float) / M_PER_KM).round(3))


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
    yes = context.status(rule.site) == YES
    return [route_rows(context.spacing(rule, network, yes)) for network in others]


def _asked_on_routes(policy: Policy) -> list[SiteRequirement]:
    """What the rules on routes ask of a site, in the policy's order."""
    return [rule.site for rule in policy.rules if isinstance(rule, RouteSpacing | LengthCoverage)]


def _access_frames(context: RoadContext, policy: Policy) -> tuple[pd.DataFrame, gpd.GeoDataFrame]:
    """Which site serves which route, and which site near a route does not, by id and in kilometres."""
    asked = [*_asked_on_routes(policy), SiteRequirement()]
    access, sites = context.access(asked[0].access_km), context.inputs.sites
    served, near = (_with_ids(table, sites) for table in (access.served, access.near))
    served["chainage_km"] = (served.pop("chainage_m") / M_PER_KM).round(3)
    near["chainage_km"] = (near.pop("chainage_m") / M_PER_KM).round(3)
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
