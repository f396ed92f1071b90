"""From a project's tables to proposed sites: candidates, demand, who reaches whom, the solver, the check."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from shapely.geometry.base import BaseGeometry

from ...errors import Fault
from ...inputs import Inputs
from ...network import RoadGraph
from ...network.routes import RoadIndex, Route
from ...rules.finding import YES, site_status
from ...rules.model import SiteRequirement
from ...texts import text
from ..maxcover.problem import SitingProblem, make_problem
from ..maxcover.result import SitingResult, verify
from ..maxcover.run import Progress
from ..maxcover.solve import solve
from .constraints import Constraints, SolverOptions, check_constraints, limits
from .goals import AimTable, Decision, aim_table, decide
from .outcome import Siting
from .reach import Places, Reach, find_sites, highway_demand, measure, people_demand
from .recount import Claimed, Evidence, claims
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
    lang: str = "en",
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
    lang : str
        Language that places along a route are named in.
    constraints, progress : optional
        What else is asked for; and who gets each step of the solve.

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
    places = find_sites(inputs, candidates, site_status(inputs, site) == YES)
    reaches = _Reaches(
        inputs, graph, list(routes), region, places, reach_km * constraints.longest_reach, lang
    )
    problem, counties = _problem(
        inputs, places, reaches.reach(objective), constraints, sites, budget, reach_km
    )
    plain = solve(problem, method=method, progress=progress, **solver.keywords())
    if plain.status == "infeasible":
        plain = replace(plain, reason=why_infeasible(problem, plain, places.names, counties))
    return _objective_outcome(objective, candidates, reaches, problem, plain, constraints, solver, reach_km)


def _objective_outcome(
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
        lang: str,
    ) -> None:
        self.inputs, self.graph, self.routes, self.region = inputs, graph, routes, region
        self.places, self.limit_km, self.lang = places, limit_km, lang
        self._known: dict[str, Reach] = {}

    def reach(self, aim: str) -> Reach:
        """Demand of ``people``, ``flow`` or ``highway`` and its distances to the places."""
        if aim not in self._known:
            if aim == "highway":
                demand = highway_demand(
                    self.inputs, RoadIndex(self.graph), self.routes, self.region, self.lang
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


# -- why there is no plan -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A text of the catalogue as a value of another text."""

    key: str

    def render(self, lang: str) -> str:
        """Return the text in ``lang``."""
        return text(self.key, lang)


def why_infeasible(
    problem: SitingProblem,
    result: SitingResult,
    names: npt.NDArray[np.object_],
    counties: list[str],
) -> Fault:
    """Why there is no plan, in the project's names; if it is not plain, the constraint without which there is one."""
    reason = result.reason or Fault("siting-no-choice")
    values = dict(reason.values)
    for key in ("site", "other"):
        if key in values:
            values[key] = str(names[values[key]])
    if "group" in values:
        values["group"] = counties[values["group"]]
    if reason.key != "siting-no-choice":
        return replace(reason, values=values)
    none = np.empty(0, dtype=np.int64)
    for constraint, changed in (
        ("min-distance", replace(problem, conflicts=np.empty((0, 2), dtype=np.int64))),
        ("min-per-county", replace(problem, group_min=np.zeros_like(problem.group_min))),
        ("required", replace(problem, required=none)),
        ("budget", replace(problem, budget=None, n_sites=problem.n_sites or problem.size[0])),
        ("sites", replace(problem, n_sites=None, budget=problem.budget or float(problem.cost.sum()))),
    ):
        if np.isfinite(solve(changed, method="greedy", time_limit_s=5.0).objective):
            return Fault("siting-no-choice-but", values={"constraint": Text(f"constraint.{constraint}")})
    return reason


# -- the check ----------------------------------------------------------------------------------------


TOLERANCE = 1e-6
"""Relative difference that rounding of sums may explain; absolute for shares."""


def recount_frames(
    siting: Siting, constraints: Constraints, reach_km: float, *, n_sites: int | None, budget: float | None
) -> list[Fault]:
    """Check all that the frames claim; empty if every claim holds."""
    claimed = claimed_of(siting, constraints, reach_km, n_sites=n_sites, budget=budget)
    scale = max(1.0, abs(siting.result.total))
    return [
        Fault("siting-claim", values={"name": name, "claimed": claim, "found": found})
        for name, claim, found in claims(claimed)
        if not _same(claim, found, scale)
    ]


def _same(claim: Any, found: Any, scale: float) -> bool:
    number = isinstance(claim, (int, float)) and isinstance(found, (int, float))
    if number and not isinstance(claim, bool):
        slack = TOLERANCE if abs(found) <= 1 else TOLERANCE * scale
        return math.isclose(claim, found, rel_tol=TOLERANCE, abs_tol=slack)
    return bool(claim == found)


def claimed_of(
    siting: Siting, constraints: Constraints, reach_km: float, *, n_sites: int | None, budget: float | None
) -> Claimed:
    """The frames as records and plain evidence."""
    result, free = siting.result, siting.candidates[siting.candidates["excluded"].isna()]
    free = free[~free["id"].isin(constraints.forbidden)]
    row = {
        "chosen": siting.proposed["id"].tolist(),
        "status": result.status,
        "cost": result.cost,
        **siting.claims(),
    }
    aims = {str(aim): own for aim, own in siting.aim_demand.groupby("aim")} if len(siting.aim_demand) else {}
    return Claimed(
        row=row,
        constraints=constraints,
        reach_km=reach_km,
        n_sites=n_sites,
        budget=budget,
        demand=_evidence(pd.DataFrame(siting.demand), siting.reach, "weight"),
        aims={
            aim: _evidence(own, siting.aim_reach[siting.aim_reach["aim"] == aim], "amount")
            for aim, own in aims.items()
        },
        served=_triples(siting.served, "amount", ("site", "demand")),
        costs=dict(zip(free["id"], free["cost"].astype(float), strict=True)),
    )


def _evidence(demand: pd.DataFrame, reach: pd.DataFrame, amount: str) -> Evidence:
    return Evidence(
        dict(zip(demand["id"], demand[amount].astype(float), strict=True)),
        dict(zip(demand["id"], demand["county"].fillna("").astype(str), strict=True)),
        _triples(reach, "distance_m", ("site", "demand")),
    )


def _triples(frame: pd.DataFrame, value: str, ids: tuple[str, str]) -> list[tuple[str, str, float]]:
    if frame.empty:
        return []
    columns = (frame[name].tolist() for name in (*ids, value))
    return list(zip(*columns, strict=True))
