"""What the strip charts (路线条形图) of a plan show: one for each section of a route that a rule on spacing judges."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import pandas as pd

from ..inputs.bundle import PROPOSED
from ..measure.landmarks import KINDS
from ..measure.strip_model import StripData
from ..measure.strips import StripFrames, strip_of, strips_of
from ..measure.strips_around import Surroundings
from ..network.routes import RoadIndex
from ..plan import Plan
from ..rules.assessment import Assessment
from ..rules.spacing import RouteSpacing
from ..siting.planning.candidates import TOWNS
from ..units import WGS84

TOWN_KINDS = {word: kind for word, kind in KINDS.items() if kind in TOWNS}
"""Kinds of demand that are towns to name on a strip; others (villages, grid cells, parks) are not."""


def plan_strips(plan: Plan) -> Mapping[str, StripData]:
    """Gather what the strip charts of a plan show; empty without a rule on spacing."""
    rules = plan.policy.of(RouteSpacing)
    if not rules:
        return {}
    counties = plan.inputs.counties
    around = Surroundings(
        RoadIndex(plan.roads), plan.routes, _towns(plan), counties[counties.geometry.notna()],
        None if plan.region is None else plan.region.polygon,
    )  # fmt: skip
    order = {
        str(row.id): int(row.order)
        for siting in plan.siting
        for row in siting.proposed[["id", "order"]].itertuples()
    }
    found: dict[str, StripData] = {}
    for rule in rules:
        after = _frames(plan.after, rule.id, order) if plan.proposes else None
        routes = [route for route in plan.routes if route.road_class == rule.road_class]
        before = _frames(plan.before, rule.id, {})
        strips = strips_of(around, routes, before, after, limits_km=rule.class_limits_km)
        found |= {key if rule is rules[0] else strip_of(key, rule.id): strip for key, strip in strips.items()}
    return found


def longest_strips(
    plan: Plan, strips: Mapping[str, StripData], most: int
) -> list[tuple[StripData, RouteSpacing | None]]:
    """The strips with the longest gaps inside the region today, each with its rule where there are several."""
    rules = plan.policy.of(RouteSpacing)
    gaps = plan.before.gaps
    longest: dict[str, list[float]] = {}
    of: dict[str, RouteSpacing] = {}
    for rule in rules:
        by_strip = gaps[gaps["rule"] == rule.id].groupby("strip")[["own_m", "length_m"]].max()
        own = {
            key if rule is rules[0] else strip_of(str(key), rule.id): value
            for key, *value in by_strip.itertuples(name=None)
        }
        longest |= own
        of |= dict.fromkeys(own, rule)
    order = sorted(strips, key=lambda key: ([-x for x in longest.get(key, [0.0, 0.0])], key))[:most]
    return [(strips[key], of.get(key) if len(rules) > 1 else None) for key in order]


def _frames(assessment: Assessment, rule_id: str, order: dict[str, int]) -> StripFrames:
    sites, gaps = assessment.sites, assessment.gaps
    built = {f"{PROPOSED}{name}": number for name, number in order.items()}
    numbers = {str(site): built[str(site)] for site in sites["id"] if str(site) in built}
    return StripFrames(
        gaps[gaps["rule"] == rule_id], assessment.access, sites, assessment.not_served, numbers
    )


def _towns(plan: Plan) -> gpd.GeoDataFrame:
    """Cities and towns of the map's background, and those of the demand table."""
    frames = []
    places = plan.background.get("towns")
    if places is not None and len(places):
        tags = places["tags"] if "tags" in places else pd.Series([{}] * len(places), index=places.index)
        people = pd.to_numeric(tags.map(lambda t: t.get("population")), errors="coerce")
        frames.append(places[["name", "kind", "geometry"]].assign(weight=people))
    demand = plan.inputs.demand
    if len(demand):
        towns = demand.assign(kind=demand["kind"].astype("string").str.strip().str.lower().map(TOWN_KINDS))
        frames.append(
            towns[towns["kind"].notna() & towns.geometry.notna()][["name", "kind", "weight", "geometry"]]
        )
    if not frames:
        return gpd.GeoDataFrame({"name": [], "kind": [], "weight": []}, geometry=[], crs=WGS84)
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=WGS84)
