"""From a project's tables to proposed sites: candidates, demand, who reaches whom, the solver, the check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import sparse
from shapely.geometry.base import BaseGeometry

from ...inputs import Inputs
from ...network import RoadGraph
from ...network.routes import RoadIndex, Route
from ...rules.model import SiteRequirement
from ...schema import LengthUnit
from ..maxcover.problem import SitingProblem, make_problem
from ..maxcover.result import SitingResult, verify
from ..maxcover.run import Progress
from ..maxcover.solve import solve
from .aims import AimTable, aim_table
from .constraints import Constraints, SolverOptions, check_constraints, limits
from .goals import Decision, decide
from .infeasible import why_infeasible
from .outcome import Siting
from .reach import Places, Reach, find_sites, highway_demand, measure, people_demand
from .recount_frames import recount_frames
from .sensitivity import sensitivity
from .tables import aims_table, backup_table, counties_table, scenarios_table, sites_table


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
    solver: SolverOptions,
    constraints: Constraints | None = None,
    lengths: LengthUnit = "km",
    progress: Progress | None = None,
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
    sites, budget
        At most so many, at most so much; one of the two at least.
    reach_km : float
        Driving distance from demand to site.
    method, solver
        As in :func:`plugspan.siting.maxcover.solve`; how long and how closely.
    lengths : str
        Unit of the marks that places along a route are named after.
    constraints, progress : optional
        What else is asked for; who is told of each step of the solve.

    Returns
    -------
    Siting
        With no site chosen if there is no candidate, nothing to cover, or no plan that meets the constraints
        (``result.status`` is then ``infeasible`` and ``result.reason`` says why): a finding, not a fault.

    Raises
    ------
    InputError
        If the constraints name candidates or counties that are not there.
    """
    constraints = Constraints() if constraints is None else constraints
    check_constraints(constraints, candidates, inputs)
    places = find_sites(inputs, candidates, site)
    reaches = _Reaches(
        inputs, graph, list(routes), region, places, reach_km * constraints.longest_reach, lengths
    )
    problem, counties = _problem(
        inputs, places, reaches.reach(objective), constraints, sites, budget, reach_km
    )
    plain = solve(problem, method=method, progress=progress, **solver.keywords())
    if plain.status == "infeasible":
        plain = replace(plain, reason=why_infeasible(problem, plain, places.names, counties))
    return _told(objective, candidates, reaches, problem, plain, constraints, solver, reach_km)


def _told(
    objective: str,
    candidates: gpd.GeoDataFrame,
    reaches: _Reaches,
    problem: SitingProblem,
    plain: SitingResult,
    constraints: Constraints,
    solver: SolverOptions,
    reach_km: float,
) -> Siting:
    """Decide by the goal, put the frames together, and have everything recounted."""
    places, reach = reaches.places, reaches.reach(objective)
    wanted = tuple(dict.fromkeys((*constraints.aims, *(constraints.pareto_front or ()))))
    aims = reaches.aims(wanted, problem, reach_km) if wanted and np.isfinite(plain.objective) else None
    found = decide(problem, reach, places, constraints, aims, solver, reach_km, plain)
    siting = Siting(
        objective,
        candidates,
        _covered(reach.demand, problem, found.result),
        _proposed(places, found.result, objective),
        reach.evidence(places.names),
        _unreachable(reach.demand, problem.reach),
        found.result,
        goal=found.goal,
        **reaches.evidence(wanted),
        **_frames(problem, reach, places, constraints, aims, found, reach_km),
        **sensitivity(problem, places, aims, found, constraints, solver),
    )
    again = recount_frames(siting, constraints, reach_km, n_sites=problem.n_sites, budget=problem.budget)
    return replace(siting, faults=(*verify(problem, found.result), *again))


class _Reaches:
    """Demands of the aims and their distances, each measured once."""

    def __init__(
        self,
        inputs: Inputs,
        graph: RoadGraph,
        routes: list[Route],
        region: BaseGeometry | None,
        places: Places,
        limit_km: float,
        lengths: LengthUnit,
    ) -> None:
        self.inputs, self.graph, self.routes, self.region = inputs, graph, routes, region
        self.places, self.limit_km, self.lengths = places, limit_km, lengths
        self._known: dict[str, Reach] = {}

    def reach(self, aim: str) -> Reach:
        """Demand of ``people``, ``flow`` or ``highway`` and its distances to the places."""
        if aim not in self._known:
            if aim == "highway":
                demand = highway_demand(
                    self.inputs, RoadIndex(self.graph), self.routes, self.region, self.lengths
                )
            else:
                demand = people_demand(self.inputs, "weight" if aim == "people" else aim)
            self._known[aim] = measure(self.graph, demand, self.places, self.limit_km)
        return self._known[aim]

    def aims(self, names: tuple[str, ...], problem: SitingProblem, reach_km: float) -> AimTable:
        """All demands that the aims need, side by side."""
        return aim_table(names, {n: self.reach(n) for n in _measured(names)}, problem, reach_km)

    def evidence(self, names: tuple[str, ...]) -> dict[str, Any]:
        """``aim_demand`` and ``aim_reach`` of the aims."""
        if not names:
            return {}
        measured = {name: self.reach(name) for name in _measured(names)}
        demand = [r.demand[["id", "weight", "county"]].assign(aim=n) for n, r in measured.items()]
        reach = [r.evidence(self.places.names).assign(aim=n) for n, r in measured.items()]
        return {
            "aim_demand": pd.DataFrame(pd.concat(demand, ignore_index=True)).rename(
                columns={"weight": "amount"}
            ),
            "aim_reach": pd.concat(reach, ignore_index=True),
        }


def _measured(names: tuple[str, ...]) -> list[str]:
    """Aims whose demand is needed; equity is about people."""
    return sorted({"people" if n == "equity" else n for n in names} - {"cost"}) or ["people"]


def _problem(
    inputs: Inputs,
    places: Places,
    reach: Reach,
    constraints: Constraints,
    sites: int | None,
    budget: float | None,
    reach_km: float,
) -> tuple[SitingProblem, list[str]]:
    """The problem, and the names of its groups."""
    areas = inputs.counties[inputs.counties.geometry.notna()] if len(inputs.counties) else inputs.counties
    counties = sorted(set(areas["name"].dropna().astype(str))) if len(areas) else []
    problem = make_problem(
        reach.within(reach_km),
        reach.weight,
        n_sites=None if sites is None else min(sites, len(places.free)),
        budget=budget,
        cost=places.table["cost"].to_numpy(float),
        fixed=places.fixed,
        **limits(constraints, places, counties),
    )
    return problem, counties


def _frames(
    problem: SitingProblem,
    reach: Reach,
    places: Places,
    constraints: Constraints,
    aims: AimTable | None,
    found: Decision,
    reach_km: float,
) -> dict[str, Any]:
    """What the plan means, as far as it was asked for."""
    chosen, names = found.result.chosen, places.names
    minima = constraints.minima(sorted({c for c in places.table["county"] if c}))
    frames: dict[str, Any] = {
        "sites": sites_table(problem, places, chosen, found.capacity, found.served),
        "backup": backup_table(problem, names, chosen),
        "counties": counties_table(problem, reach, places, chosen, minima),
    }
    if constraints.scenarios:
        frames["scenarios"] = scenarios_table(problem, reach, constraints, chosen, reach_km)
    if found.served is not None:
        pairs = sparse.coo_array(found.served)
        amounts = {"site": names[pairs.row], "demand": reach.demand["id"].to_numpy(object)[pairs.col]}
        frames["served"] = pd.DataFrame({**amounts, "amount": pairs.data})
    if aims is not None and constraints.aims:
        frames["aims"] = aims_table(aims, constraints.aims, chosen)
    return frames


def _covered(demand: gpd.GeoDataFrame, problem: SitingProblem, result: SitingResult) -> gpd.GeoDataFrame:
    before, after = np.zeros(len(demand), bool), np.zeros(len(demand), bool)
    before[problem.reach[problem.fixed].indices] = True
    after[problem.reach[result.chosen].indices] = True
    return demand.assign(covered=np.select([before, after], ["before", "after"], "never"))


def _proposed(places: Places, result: SitingResult, objective: str) -> gpd.GeoDataFrame:
    chosen = places.free.iloc[result.chosen - len(places.fixed)]
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


def _unreachable(demand: gpd.GeoDataFrame, reach: sparse.csr_array) -> pd.DataFrame:
    seen = np.zeros(len(demand), bool)
    seen[reach.indices] = True
    return pd.DataFrame(demand.loc[~seen, ["id", "name", "weight"]]).reset_index(drop=True)
