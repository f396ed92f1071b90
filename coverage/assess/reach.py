"""Demand within reach: driving distance from each demand point to the nearest qualifying site."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..inputs import Inputs
from ..network import RoadGraph, travel_time_s
from ..network.distances import Snapped, Snapper, nearest_distance
from ..policy import DemandReach
from ..units import M_PER_KM, lonlat
from .finding import NO, UNKNOWN, YES, Finding, site_status, status_counts

S_PER_MIN = 60.0


def assess_reach(inputs: Inputs, graph: RoadGraph, rule: DemandReach) -> tuple[Finding, gpd.GeoDataFrame]:
    """Share of demand within ``reach_km``, or ``reach_min`` of driving, of a qualifying site, by county.

    Demand is snapped to the nearest road of the main network. What is further than 1 km from one counts as not
    reached in the lower bound and as reached in the upper one; that, and what lies on an island of roads, is listed.

    Returns
    -------
    Finding
        Its table has a row per county: ``county, weight, low, high``.
    GeoDataFrame
        The demand inside the region, EPSG:4326, with ``distance_m`` to the nearest site that surely qualifies (NaN if
        none is in reach of the network), ``reached`` (yes / unknown / no) and ``problem`` (``far``, ``island`` or
        missing).
    """
    demand = inputs.demand[inputs.demand["inside"].astype(bool)].reset_index(drop=True)
    status = site_status(inputs, rule.site)
    snapper = Snapper(graph)
    here, there = snapper.snap(lonlat(demand.geometry)), snapper.snap(lonlat(inputs.sites.geometry))
    strict = nearest_distance(graph, here, there.take(status == YES))
    lost, island = ~here.found, here.island
    sure, perhaps = _within(graph, here, there, rule, status)
    reached = np.select([lost, sure, perhaps], [UNKNOWN, YES, UNKNOWN], NO)
    problem = np.select([island, lost], ["island", "far"], "").astype(object)
    problem[problem == ""] = None
    demand = demand.assign(
        distance_m=np.where(np.isfinite(strict), strict, np.nan), reached=reached, problem=problem
    )
    table = _by_county(demand)
    weight, low, high = table["weight"].sum(), table["_low"].sum(), table["_high"].sum()
    return Finding(
        rule,
        "share",
        low / weight if weight > 0 else None,
        high / weight if weight > 0 else None,
        counts=status_counts(reached, demand["weight"].fillna(0.0)),
        table=table.drop(columns=["_low", "_high"]),
        survey=pd.DataFrame(demand[demand["problem"].notna()].drop(columns="geometry")),
        figures={
            "demand_without_weight": int(demand["weight"].isna().sum()),
            **({"reach_min": rule.reach_min} if rule.reach_km is None else {"reach_km": rule.reach_km}),
        },
    ), demand


def _within(
    graph: RoadGraph, here: Snapped, there: Snapped, rule: DemandReach, status: npt.NDArray[np.object_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which demand is within reach of a site that surely qualifies, and of one that may qualify."""
    if rule.reach_km is not None:
        cost, limit = None, rule.reach_km * M_PER_KM
    else:
        assert rule.reach_min is not None
        cost, limit = travel_time_s(graph), rule.reach_min * S_PER_MIN
    sure, perhaps = (
        nearest_distance(graph, here, there.take(sites), seg_cost=cost) <= limit
        for sites in (status == YES, status != NO)
    )
    return sure, perhaps


def _by_county(demand: pd.DataFrame) -> pd.DataFrame:
    weight = demand["weight"].fillna(0.0)
    sums = (
        pd.DataFrame(
            {
                "county": demand["county"].fillna(""),
                "weight": weight,
                "_low": weight.where(demand["reached"] == YES, 0.0),
                "_high": weight.where(demand["reached"] != NO, 0.0),
            }
        )
        .groupby("county", sort=True)
        .sum()
        .reset_index()
    )
    whole = sums["weight"].where(sums["weight"] > 0)
    return sums.assign(low=sums["_low"] / whole, high=sums["_high"] / whole)
