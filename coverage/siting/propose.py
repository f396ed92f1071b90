"""From a project's tables to proposed sites: candidates, demand, who reaches whom, the solver, the check."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from shapely.geometry.base import BaseGeometry

from ..assess.finding import YES, site_status
from ..inputs import Inputs
from ..network import RoadGraph
from ..network.distances import AnchoredGraph, Pairs, distances_within, snap
from ..network.routes import RoadIndex, Route, inside_intervals, locate
from ..policy import SiteRequirement
from ..units import M_PER_KM, WGS84, lonlat
from .alternatives import alternatives
from .frontier import frontier
from .outcome import Siting
from .problem import SitingProblem, make_problem
from .result import SitingResult
from .solve import max_coverage
from .verify import verify

FRONTIER_SITES = 20
"""The frontier goes at least this far."""
DEMAND_STEP_M = 1000.0
"""Highway length is sampled in stretches of this length."""


def propose(
    inputs: Inputs,
    graph: RoadGraph,
    routes: Iterable[Route],
    candidates: gpd.GeoDataFrame,
    *,
    region: BaseGeometry | None,
    site: SiteRequirement,
    objective: str,
    sites: int | None,
    budget: float | None,
    reach_km: float,
    method: str,
    gap: float,
    time_limit_s: float,
    seed: int,
) -> Siting:
    """Choose new sites that bring the most demand within reach; existing sites are fixed and cost nothing.

    Parameters
    ----------
    inputs, graph, routes
        As read; ``routes`` are those that are assessed.
    candidates : GeoDataFrame
        From :func:`.candidates.find_candidates`.
    region : geometry, optional
        EPSG:4326; candidates and highway demand lie inside it.
    site : SiteRequirement
        What an existing site must have to count.
    objective : str
        ``"people"`` (the demand table's weights) or ``"highway"`` (metres of route).
    sites, budget : limits
        At most so many, at most so much; one of the two at least.
    reach_km : float
        Driving distance from demand to site.

    Returns
    -------
    Siting
        With no site chosen if there is no candidate, or nothing to cover: a finding, not a fault.
    """
    routes, index = list(routes), RoadIndex(graph)
    demand = _people(inputs) if objective == "people" else _highway(index, routes, region)
    free = candidates[candidates["excluded"].isna()]
    if sites is not None:
        sites = min(sites, len(free))
    existing = inputs.sites[site_status(inputs, site) == YES]
    places = gpd.GeoSeries(pd.concat([existing.geometry, free.geometry], ignore_index=True), crs=WGS84)
    names = np.concatenate([existing["id"].to_numpy(object), free["id"].to_numpy(object)])
    far = _distances(graph, demand.geometry, places, reach_km * M_PER_KM)
    reach = sparse.csr_array(
        (np.ones(len(far.source), bool), (far.target, far.source)), shape=far.shape[::-1]
    )
    fixed = np.arange(len(existing))
    every = np.concatenate([np.zeros(len(existing)), free["cost"].to_numpy(float)])
    result = max_coverage(
        reach,
        demand["weight"].to_numpy(float),
        n_sites=sites,
        budget=budget,
        cost=every,
        fixed=fixed,
        time_limit_s=time_limit_s,
        gap=gap,
        method=method,
        seed=seed,
    )
    problem = make_problem(
        reach, demand["weight"].to_numpy(float), n_sites=sites, budget=budget, cost=every, fixed=fixed
    )
    chosen = free.iloc[result.chosen - len(existing)]
    choices, others = _around(problem, result, names, time_limit_s, seed)
    return Siting(
        objective,
        candidates,
        _covered(demand, reach, fixed, result),
        _proposed(chosen, result, objective),
        _evidence(far, names, demand),
        _unreachable(demand, reach),
        result,
        faults=tuple(verify(problem, result)),
        frontier=_curve(problem, len(free), time_limit_s, seed),
        choices=choices,
        alternatives=others,
    )


def _curve(problem: SitingProblem, n_free: int, time_limit_s: float, seed: int) -> pd.DataFrame:
    """The frontier by number of sites, twice as far as the plan goes."""
    top = min(n_free, max(2 * (problem.n_sites or 0), FRONTIER_SITES))
    curve = frontier(
        problem.reach,
        problem.weight,
        n_sites=top,
        cost=problem.cost,
        fixed=problem.fixed,
        time_limit_s=time_limit_s,
        seed=seed,
    )
    return pd.DataFrame(
        {
            "sites": curve.limit.astype(np.int64),
            "objective": curve.objective,
            "bound": curve.bound,
            "gap": curve.gap,
            "cost": curve.cost,
        }
    )


def _around(
    problem: SitingProblem,
    result: SitingResult,
    names: npt.NDArray[np.object_],
    time_limit_s: float,
    seed: int,
) -> tuple[pd.DataFrame, tuple[tuple[float, tuple[str, ...]], ...]]:
    """What each chosen site is worth, and other plans that are nearly as good."""
    if not len(result.chosen):
        return pd.DataFrame(columns=["id", "price", "price_low", "share_of_good_plans", "essential"]), ()
    # Generous, so that the answer does not depend on how busy the machine is.
    found = alternatives(problem, result, time_limit_s=max(time_limit_s, 30.0), seed=seed)
    table = pd.DataFrame(
        {
            "id": names[result.chosen],
            "price": found.price,
            "price_low": found.price_low,
            "share_of_good_plans": found.share,
            "essential": found.essential,
        }
    )
    return table, tuple((plan.objective, tuple(names[plan.chosen])) for plan in found.plans)


def _distances(graph: RoadGraph, demand: gpd.GeoSeries, places: gpd.GeoSeries, limit_m: float) -> Pairs:
    """Driving distances demand -> place within the limit."""
    anchored = AnchoredGraph(graph, snap(graph, np.concatenate([lonlat(demand), lonlat(places)])))
    # Few places face many demands, so the search runs backwards from the places.
    found = distances_within(
        anchored, anchored.anchors[len(demand) :], anchored.anchors[: len(demand)], limit_m, reverse=True
    )
    order = np.lexsort((found.source, found.target))
    return Pairs(found.target[order], found.source[order], found.distance_m[order], found.shape[::-1])


def _people(inputs: Inputs) -> gpd.GeoDataFrame:
    own = inputs.demand[inputs.demand["inside"].astype(bool) & (inputs.demand["weight"] > 0)]
    return own[["id", "name", "weight", "geometry"]].reset_index(drop=True)


def _highway(index: RoadIndex, routes: list[Route], region: BaseGeometry | None) -> gpd.GeoDataFrame:
    """Middles of stretches of each direction, weighted by the length that counts (each road once)."""
    frames = []
    for route in routes:
        for section in route.sections:
            for drive in section.drives:
                at, length_m = _stretches(inside_intervals(index, drive, region))
                if not len(at):
                    continue
                where = locate(index, drive, at)
                name = [f"{route.ref}-{section.number}-{drive.direction}-{x / M_PER_KM:.2f}" for x in at]
                weight = length_m * drive.weight[where["edge"]]
                frames.append(where.assign(id=name, name=route.ref, weight=weight))
    columns = ["id", "name", "weight"]
    if not frames:
        return gpd.GeoDataFrame(columns=columns, geometry=[], crs=WGS84)
    table = pd.concat(frames, ignore_index=True)
    points = gpd.points_from_xy(table["lon"], table["lat"])
    return gpd.GeoDataFrame(table[columns], geometry=points, crs=WGS84)


def _stretches(intervals: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Middles and lengths of equal stretches, none longer than :data:`DEMAND_STEP_M`."""
    middles, lengths = [np.empty(0)], [np.empty(0)]
    for low, high in intervals:
        n = max(1, int(np.ceil((high - low) / DEMAND_STEP_M)))
        step = (high - low) / n
        middles.append(low + step * (np.arange(n) + 0.5))
        lengths.append(np.full(n, step))
    return np.concatenate(middles), np.concatenate(lengths)


def _covered(
    demand: gpd.GeoDataFrame, reach: sparse.csr_array, fixed: npt.NDArray[np.int64], result: SitingResult
) -> gpd.GeoDataFrame:
    before, after = np.zeros(len(demand), bool), np.zeros(len(demand), bool)
    before[reach[fixed].indices] = True
    after[reach[result.chosen].indices] = True
    return demand.assign(covered=np.select([before, after], ["before", "after"], "never"))


def _proposed(chosen: gpd.GeoDataFrame, result: SitingResult, objective: str) -> gpd.GeoDataFrame:
    share = (result.base + np.cumsum(result.gain)) / result.total if result.total else np.zeros(len(chosen))
    return (
        chosen.drop(columns="excluded")
        .assign(
            order=np.arange(1, len(chosen) + 1),
            adds=result.gain,
            share_after=share * 100.0,
            objective=objective,
        )
        .reset_index(drop=True)
    )


def _evidence(far: Pairs, names: npt.NDArray[np.object_], demand: gpd.GeoDataFrame) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "site": names[far.target],
            "demand": demand["id"].to_numpy()[far.source],
            "distance_km": far.distance_m / M_PER_KM,
        }
    )
    return table.sort_values(["demand", "distance_km", "site"], kind="stable").reset_index(drop=True)


def _unreachable(demand: gpd.GeoDataFrame, reach: sparse.csr_array) -> pd.DataFrame:
    seen = np.zeros(len(demand), bool)
    seen[reach.indices] = True
    return pd.DataFrame(demand.loc[~seen, ["id", "name", "weight"]]).reset_index(drop=True)
