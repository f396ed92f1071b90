"""Fast charge points that traffic suggests for the sites of a plan along the roads; the formula stands in docs/plan.md.

They are advice beside a plan that stands (:func:`with_traffic_points`), or the size that actions are planned and paid
with (:func:`sized_points`): then no other site of the plan is known yet, and half a span on each side is counted.

Each kilometre of a direction belongs to one site, that which is nearest along it: what electric vehicles use there is
charged there, as far as it is charged on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..inputs.bundle import PROPOSED
from ..network.access import find_served
from ..network.graph import FloatArray
from ..network.routes import Drive, Route
from ..rules.finding import YES
from ..rules.model import ChargingRates
from ..rules.policy import Policy
from ..rules.roads import RoadContext, RouteRule
from ..units import M_PER_KM, lonlat

ROADSIDE = ("new_site", "upgrade")
MIN_PER_H = 60.0


def with_traffic_points(
    actions: gpd.GeoDataFrame, built: RoadContext, policy: Policy, rates: ChargingRates
) -> gpd.GeoDataFrame:
    """Return the actions of a plan with ``traffic_points``, or as they are where there are no counts of traffic.

    Parameters
    ----------
    actions : GeoDataFrame
        :attr:`.programme.Programme.actions`.
    built : RoadContext
        With the plan carried out.
    policy : Policy
        Which sites share a road is for its first rule with a target on charging along it to say.
    rates : ChargingRates

    Returns
    -------
    GeoDataFrame
        ``traffic_points`` (Int64) is never less than ``points``. It is missing for what is not chosen or stands at no
        road that is judged, and where the traffic of a direction served is unknown.
    """
    if not built.laid:
        return actions
    mine = (actions["chosen"] & actions["kind"].isin(ROADSIDE)).to_numpy(bool)
    site = (PROPOSED + actions["id"].astype(str)).where(actions["kind"] == "new_site", actions["target"])
    needed = site[mine].map(_points_needed(built, policy, set(site[mine]), rates)).astype("Float64")
    least = np.ceil(needed - 1e-9).clip(lower=actions.loc[mine, "points"].astype("Float64"))
    return actions.assign(traffic_points=least.reindex(actions.index).astype("Int64"))


def sized_points(
    actions: gpd.GeoDataFrame, today: RoadContext, policy: Policy, rates: ChargingRates
) -> pd.Series[Any]:
    """Points of actions sized by traffic before any is chosen.

    Parameters
    ----------
    actions : GeoDataFrame
        See :func:`.actions.find_actions`; ``points`` are those of the equipment of one size.
    today : RoadContext
    policy : Policy
    rates : ChargingRates

    Returns
    -------
    Series
        ``points``, of new sites and upgrades at a judged road at least what traffic asks of the way up to half a span
        on each side, and no further than halfway to a site that counts today, or to the end of the road. As they
        were where traffic is unknown.
    """
    mine = np.flatnonzero(actions["kind"].isin(ROADSIDE))
    points = lonlat(actions.geometry.iloc[mine])
    snapped = today.snapper.snap(points)
    done: set[str] = set()
    total = pd.Series(dtype=np.float64)
    for rule in _road_rules(policy):
        routes = [route for route in today.of_class(rule.network) if route.ref not in done]
        done |= {route.ref for route in routes}
        access_km = rule.site.access_km
        new = find_served(
            today.index, routes, snapped, points, access_m=access_km * M_PER_KM, snapper=today.snapper
        )
        old = today.access(access_km).served
        old = old[(today.status(rule.site) == YES)[old["site"].to_numpy(np.int64)]]
        found = _along(today, routes, new, rates, (old, rule.span_km * M_PER_KM))
        part = found.groupby("site")["points"].agg(lambda x: x.sum(skipna=False))
        total = total.add(part, fill_value=0.0) if len(total) else part
    needed = pd.Series(np.ceil(total - 1e-9).to_numpy(), index=mine[total.index.to_numpy(np.int64)])
    least = actions["points"].astype("Float64")
    sized = needed.reindex(np.arange(len(actions))).set_axis(actions.index)
    points_of_each: pd.Series[Any] = least.mask((sized > least).fillna(False), sized).astype("Int64")
    return points_of_each


def _road_rules(policy: Policy) -> list[RouteRule]:
    """Rules with a target on charging along the roads: the first one says which sites share a road."""
    return [
        rule
        for rule in policy.rules
        if isinstance(rule, RouteRule) and rule.target.value is not None and rule.site.serves == "charging"
    ]


def _points_needed(
    built: RoadContext, policy: Policy, proposed: set[str], rates: ChargingRates
) -> dict[str, float]:
    """Points by the id of a site that serves a judged road; NaN where traffic is unknown."""
    ids = built.inputs.sites["id"].astype(str).to_numpy(object)
    done: set[str] = set()
    parts = [pd.DataFrame({"site": [], "points": []})]
    for rule in _road_rules(policy):
        routes = [route for route in built.of_class(rule.network) if route.ref not in done]
        done |= {route.ref for route in routes}
        counts = (built.status(rule.site) == YES) | np.isin(ids, list(proposed))
        served = built.access(rule.site.access_km).served
        parts.append(_along(built, routes, served[counts[served["site"].to_numpy(np.int64)]], rates))
    table = pd.concat(parts, ignore_index=True)
    table["id"] = ids[table["site"].to_numpy(np.int64)]
    total = table.groupby("id")["points"].agg(lambda x: x.sum(skipna=False))  # one unknown makes all unknown
    return {str(site): float(points) for site, points in total.items()}


def _along(
    built: RoadContext,
    routes: Sequence[Route],
    served: pd.DataFrame,
    rates: ChargingRates,
    apart: tuple[pd.DataFrame, float] | None = None,
) -> pd.DataFrame:
    """Points for each direction that a site serves: ``site`` (position), ``points``.

    ``apart``: the sites stand each for itself, between these others and not further than the span.
    """
    places, others = (
        dict(iter(table.groupby(["ref", "section", "direction"])))
        for table in (served, served[:0] if apart is None else apart[0])
    )
    found = [pd.DataFrame({"site": [], "points": []})]
    for route in routes:
        for section in route.sections:
            laid = built.laid.get((route.ref, section.number))
            for drive in section.drives:
                here = places.get((route.ref, section.number, drive.direction))
                if here is None:
                    continue
                at = here["chainage_m"].to_numpy(np.float64)
                # Counts lie along the first direction; the other has a chainage of its own.
                own = drive is section.drives[0]
                beside = at if own else np.asarray(section.to_other(at, drive.direction), dtype=np.float64)
                light = np.full(len(at), np.nan) if laid is None else laid.light_at(beside)
                if apart is None:
                    length_m = stretches_m(drive, at)
                else:
                    beyond = others.get((route.ref, section.number, drive.direction), served[:0])
                    length_m = single_stretches_m(
                        drive, at, beyond["chainage_m"].to_numpy(np.float64), apart[1]
                    )
                points = points_of(light / len(section.drives), length_m / M_PER_KM, rates)
                found.append(pd.DataFrame({"site": here["site"].to_numpy(np.int64), "points": points}))
    return pd.concat(found, ignore_index=True)


def stretches_m(drive: Drive, at_m: FloatArray) -> FloatArray:
    """Length of a direction that each of its sites charges for: halfway to the next on both sides, or to the end.

    Parameters
    ----------
    drive : Drive
    at_m : (k,) float64
        Chainage of the sites, rising.

    Returns
    -------
    (k,) float64
        Together the length of the direction.
    """
    edges = np.concatenate([[drive.start_m], (at_m[1:] + at_m[:-1]) / 2, [drive.end_m]])
    return np.asarray(np.diff(edges), dtype=np.float64)


def single_stretches_m(drive: Drive, at_m: FloatArray, fixed_m: FloatArray, span_m: float) -> FloatArray:
    """Length that each of some possible sites would charge for, whichever others are built.

    Half a span on each side, at most halfway to the next of the sites that are there, or to the end.
    """
    fixed = np.sort(fixed_m)
    k = np.searchsorted(fixed, at_m)
    known = np.concatenate([[-np.inf], fixed, [np.inf]])
    before = np.minimum(at_m - drive.start_m, (at_m - known[k]) / 2)
    behind = np.minimum(drive.end_m - at_m, (known[k + 1] - at_m) / 2)
    half = span_m / 2
    return np.asarray(np.clip(before, 0.0, half) + np.clip(behind, 0.0, half), dtype=np.float64)


def points_of(vehicles: FloatArray, stretch_km: FloatArray, rates: ChargingRates) -> FloatArray:
    """Points, not rounded, for light vehicles a day in one direction and the length they charge for.

    >>> points_of(np.array([5000.0]), np.array([40.0]), ChargingRates()).round(4).tolist()
    [3.75]
    """
    stops = np.minimum(1.0, rates.on_way_share * stretch_km / rates.km_per_charge)
    charges = vehicles * rates.electric_share * stops
    taken = charges * rates.peak_hour_share * rates.minutes_per_charge / MIN_PER_H
    return np.asarray(taken / rates.busy_share, dtype=np.float64)
