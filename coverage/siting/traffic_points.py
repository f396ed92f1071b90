"""Fast charge points that traffic suggests for the sites of a plan along the roads; the formula stands in docs/plan.md.

Each kilometre of a direction belongs to one site, that which is nearest along it: what electric vehicles use there is
charged there, as far as it is charged on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd

from ..inputs.bundle import PROPOSED
from ..network.graph import BoolArray, FloatArray
from ..network.routes import Drive, Route
from ..rules.finding import YES
from ..rules.model import ChargingRates
from ..rules.policy import Policy
from ..rules.roads import RoadContext, RouteRule
from ..rules.traffic import Laid
from ..units import M_PER_KM

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


def _points_needed(
    built: RoadContext, policy: Policy, proposed: set[str], rates: ChargingRates
) -> dict[str, float]:
    """Points by the id of a site that serves a judged road; NaN where traffic is unknown."""
    ids = built.inputs.sites["id"].astype(str).to_numpy(object)
    asked = [
        rule
        for rule in policy.rules
        if isinstance(rule, RouteRule) and rule.target.value is not None and rule.site.serves == "charging"
    ]
    done: set[str] = set()
    parts = [pd.DataFrame({"site": [], "points": []})]
    for rule in asked:
        routes = [route for route in built.of_class(rule.network) if route.ref not in done]
        done |= {route.ref for route in routes}
        counts = (built.status(rule.site) == YES) | np.isin(ids, list(proposed))
        parts.append(_along(built, routes, counts, rule.site.access_km, rates))
    table = pd.concat(parts, ignore_index=True)
    table["id"] = ids[table["site"].to_numpy(np.int64)]
    total = table.groupby("id")["points"].agg(lambda x: x.sum(skipna=False))  # one unknown makes all unknown
    return {str(site): float(points) for site, points in total.items()}


def _along(
    built: RoadContext, routes: Sequence[Route], counts: BoolArray, access_km: float, rates: ChargingRates
) -> pd.DataFrame:
    """Points for each direction that a site serves: ``site`` (position), ``points``."""
    served = built.access(access_km).served
    served = served[counts[served["site"].to_numpy(np.int64)]]
    places = dict(iter(served.groupby(["ref", "section", "direction"])))
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
                light = np.full(len(at), np.nan) if laid is None else _light_at(laid, beside)
                points = points_of(light / len(section.drives), stretches_m(drive, at) / M_PER_KM, rates)
                found.append(pd.DataFrame({"site": here["site"].to_numpy(np.int64), "points": points}))
    return pd.concat(found, ignore_index=True)


def _light_at(laid: Laid, at_m: FloatArray) -> FloatArray:
    k = np.searchsorted(laid.to_m, at_m, side="left")
    return np.asarray(laid.light[np.minimum(k, len(laid.light) - 1)], dtype=np.float64)


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


def points_of(vehicles: FloatArray, stretch_km: FloatArray, rates: ChargingRates) -> FloatArray:
    """Points, not rounded, for light vehicles a day in one direction and the length they charge for.

    >>> points_of(np.array([5000.0]), np.array([40.0]), ChargingRates()).round(4).tolist()
    [3.75]
    """
    stops = np.minimum(1.0, rates.on_way_share * stretch_km / rates.km_per_charge)
    charges = vehicles * rates.electric_share * stops
    taken = charges * rates.peak_hour_share * rates.minutes_per_charge / MIN_PER_H
    return np.asarray(taken / rates.busy_share, dtype=np.float64)
