"""How a plan answers to change: curves by number and by money, prices of its sites, and plans nearly as good."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..maxcover.frontier import Frontier, frontier
from ..maxcover.problem import SitingProblem
from ..maxcover.result import SitingResult
from ..maxcover.robustness import alternatives
from .constraints import Constraints, SolverOptions
from .goals import AimTable, Decision, pareto_table
from .reach import Places

FRONTIER_SITES = 20
"""The frontier goes at least this far."""
FRONTIER_BUDGETS = 10
"""Steps of the frontier by money, from none to twice the budget that was asked for."""


def sensitivity(
    problem: SitingProblem,
    places: Places,
    aims: AimTable | None,
    found: Decision,
    constraints: Constraints,
    solver: SolverOptions,
) -> dict[str, Any]:
    """Curves and alternatives; what Ctrl-C stops is left out, as is all of it after an interrupted solve."""
    frames: dict[str, Any] = {}
    status = {found.result.status, found.goal.status if found.goal else ""}
    if status & {"interrupted", "infeasible", "unknown"}:
        return frames
    try:
        if found.goal is None:
            frames["choices"], frames["alternatives"] = _around(problem, found.result, places.names, solver)
        if problem.n_sites is not None:
            curve = _by_number(problem, len(places.free), solver)
            frames["frontier"] = _with_plan(curve, "sites", problem.n_sites, found, constraints)
        else:
            curve = _by_money(problem, solver)
            frames["frontier_by_money"] = _with_plan(
                curve, "budget", problem.budget or 0.0, found, constraints
            )
        if aims is not None and constraints.pareto_front is not None:
            names, cost = places.names, problem.cost
            frames["pareto_front"] = pareto_table(aims, constraints.pareto_front, solver, names, cost)
    except KeyboardInterrupt:
        pass
    return frames


def _by_number(problem: SitingProblem, n_free: int, solver: SolverOptions) -> pd.DataFrame:
    """The frontier by number of sites, twice as far as the plan goes."""
    top = min(n_free, max(2 * (problem.n_sites or 0), FRONTIER_SITES))
    curve = _frontier(problem, solver, n_sites=top)
    return _points(curve, sites=curve.limit.astype(np.int64))


def _by_money(problem: SitingProblem, solver: SolverOptions) -> pd.DataFrame:
    """The frontier by money, twice as far as the budget, but no further than all candidates cost."""
    budget = problem.budget or 0.0
    open_ = np.setdiff1d(np.arange(problem.size[0]), np.union1d(problem.fixed, problem.forbidden))
    top = min(2 * budget, max(float(problem.cost[open_].sum()), budget))
    steps = np.linspace(0.0, top, FRONTIER_BUDGETS + 1)
    budgets = np.unique(np.round(np.append(steps, budget), 6))
    curve = _frontier(problem, solver, budgets=budgets)
    return _points(curve, budget=curve.limit, sites=[len(plan) for plan in curve.plans])


def _frontier(problem: SitingProblem, solver: SolverOptions, **limits: Any) -> Frontier:
    """The frontier of the problem, free of all constraints but forbidden sites."""
    return frontier(
        problem.reach,
        problem.weight,
        cost=problem.cost,
        fixed=problem.fixed,
        forbidden=problem.forbidden,
        time_limit_s=solver.time_limit_s,
        seed=solver.seed,
        **limits,
    )


def _points(curve: Frontier, **limits: Any) -> pd.DataFrame:
    """One row a point."""
    values = {"objective": curve.objective, "bound": curve.bound, "gap": curve.gap, "cost": curve.cost}
    return pd.DataFrame({**limits, **values})


def _with_plan(
    curve: pd.DataFrame, limit: str, asked: float, found: Decision, constraints: Constraints
) -> pd.DataFrame:
    """The curve with what is known of the plan itself, so that no table contradicts another.

    The plan is one of those within its limit or a wider one. What was proven of the plan bounds all with its limit or
    a narrower one, unless constraints held it back that the curve is free of; and what bounds more sites bounds fewer.
    """
    result, limits = found.result, curve[limit].to_numpy(float)
    used = float(len(result.chosen)) if limit == "sites" else float(result.cost)
    better = (limits >= used) & (curve["objective"].to_numpy(float) < result.objective)
    best = np.where(better, result.objective, curve["objective"])
    bound = curve["bound"].to_numpy(float)
    if found.goal is None and not constraints.min_distance_km and not constraints.min_per_county:
        bound = np.where(limits <= asked, np.minimum(bound, result.bound), bound)
    bound = np.maximum(np.minimum.accumulate(bound[::-1])[::-1], best)
    gap = np.where(best > 0, bound / np.where(best > 0, best, 1.0) - 1.0, curve["gap"])
    cost = np.where(better, result.cost, curve["cost"])
    return curve.assign(objective=best, bound=bound, gap=gap, cost=cost)


def _around(
    problem: SitingProblem, result: SitingResult, names: npt.NDArray[np.object_], solver: SolverOptions
) -> tuple[pd.DataFrame, tuple[tuple[float, tuple[str, ...]], ...]]:
    """What each chosen site is worth, and other plans that are nearly as good."""
    columns = ["id", "price", "price_low", "share_of_good_plans", "essential", "required"]
    if not len(result.chosen):
        return pd.DataFrame(columns=columns), ()
    # Generous, so that the answer does not depend on solver busy the machine is.
    found = alternatives(problem, result, time_limit_s=max(solver.time_limit_s, 30.0), seed=solver.seed)
    required = np.isin(result.chosen, problem.required)
    table = pd.DataFrame(
        {
            "id": names[result.chosen],
            "price": np.where(required, np.nan, found.price),
            "price_low": np.where(required, np.nan, found.price_low),
            "share_of_good_plans": found.share,
            "essential": found.essential & ~required,
            "required": required,
        }
    )
    return table, tuple((plan.objective, tuple(names[plan.chosen])) for plan in found.plans)
