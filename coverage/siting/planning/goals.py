"""Which plan is chosen when something else than plain coverage decides, and what that costs in coverage."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..maxcover.aims import AimsResult, by_group, mixed_aims, mixed_values, pareto_curve, worst_served
from ..maxcover.capacity import CapacityResult, capacity_plan, served_by
from ..maxcover.problem import FloatArray, IntArray, SitingProblem
from ..maxcover.result import SitingResult, build_order, covered, relative_gap, who_covers
from ..maxcover.robustness import BackupResult, backup_coverage, backup_value, scenario_problem
from ..maxcover.solve import solve
from .constraints import Capacity, Constraints, SolverOptions
from .outcome import Goal
from .reach import Places, Reach

PLAN_STATUSES = ("optimal", "gap", "feasible", "time_limit", "interrupted")
Found = AimsResult | BackupResult | CapacityResult | SitingResult


@dataclass(frozen=True, eq=False)
class Decision:
    """The plan: its coverage with a bound on coverage, and the goal it was made for."""

    result: SitingResult
    goal: Goal | None = None
    capacity: FloatArray | None = None
    served: sparse.csr_array | None = None


def decide(
    problem: SitingProblem,
    reach: Reach,
    places: Places,
    constraints: Constraints,
    aims: AimTable | None,
    solver: SolverOptions,
    reach_km: float,
    plain: SitingResult,
) -> Decision:
    """Choose the plan by the goal that the constraints name.

    Parameters
    ----------
    problem, reach, places
        Demand (m), candidates and existing sites (n), and who reaches whom.
    constraints : Constraints
        Name one goal at most; without one ``plain`` is the answer.
    aims : AimTable or None
        Needed if the constraints name aims.
    solver : SolverOptions
        Not much time is taken if ``plain`` was interrupted.
    reach_km : float
        Driving distance from demand to site; scenarios stretch the ways, not the reach.
    plain : SitingResult
        The best plan for coverage alone; it stays if the goal's own solve finds none that is worth more.
    """
    if constraints.plain or plain.status in ("infeasible", "unknown"):
        return Decision(plain)
    if plain.status == "interrupted":  # the user wants to have it now
        solver = replace(solver, time_limit_s=0.1)
    if constraints.capacity is not None:
        return _by_capacity(problem, constraints.capacity, places, solver, plain)
    if constraints.backup is not None:
        return _by_backup(problem, constraints.backup, solver, plain)
    if constraints.aims:
        assert aims is not None
        return _by_aims(problem, aims, constraints.aims, solver, plain)
    return _by_scenarios(problem, reach, constraints, solver, reach_km, plain)


def _by_capacity(
    problem: SitingProblem, limits: Capacity, places: Places, solver: SolverOptions, plain: SitingResult
) -> Decision:
    capacity, unknown = limits.of(places), limits.unknown(places)

    def value(plan: IntArray) -> float:
        return float(served_by(problem, capacity, plan).sum())

    found = capacity_plan(problem, capacity, **solver.keywords())
    decision = _better(problem, "capacity", found, plain, value, problem.weight.sum())
    chosen = decision.result.chosen
    served = served_by(problem, capacity, chosen)
    # what is not known is not guessed: the plan takes it as nothing, the figure beside it as enough
    most = served_by(problem, np.where(unknown, np.inf, capacity), chosen) if unknown.any() else served
    options = {"plugs_unknown_sites": float(unknown.sum()), "objective_high": float(most.sum())}
    goal = None if decision.goal is None else replace(decision.goal, options=options)
    return replace(decision, goal=goal, capacity=capacity, served=served)


def _by_backup(problem: SitingProblem, backup: float, solver: SolverOptions, plain: SitingResult) -> Decision:
    def value(plan: IntArray) -> float:
        return backup_value(problem, plan, backup)

    found = backup_coverage(problem, backup=backup, **solver.keywords())
    return _better(problem, "backup", found, plain, value, problem.weight.sum(), {"backup": backup})


def _by_aims(
    problem: SitingProblem,
    aims: AimTable,
    importance: Mapping[str, float],
    solver: SolverOptions,
    plain: SitingResult,
) -> Decision:
    linear, worst, price = aims.terms(importance)
    # the share of money that is left counts, not the money that is spent
    left = importance.get("cost", 0.0) / sum(importance.values())

    def value(plan: IntArray) -> float:
        return float(mixed_values(aims.problem, linear, aims.counties, worst, price, plan).sum()) + left

    found = aims.best(importance, solver)
    return _better(problem, "aims", replace(found, bound=found.bound + left), plain, value, 1.0)


def _by_scenarios(
    problem: SitingProblem,
    reach: Reach,
    constraints: Constraints,
    solver: SolverOptions,
    reach_km: float,
    plain: SitingResult,
) -> Decision:
    both, rows = scenarios_of(problem, reach, constraints, reach_km)
    kept = rows[rows.sum(axis=1) > 0]
    shares = kept / kept.sum(axis=1, keepdims=True) if len(kept) else np.zeros((1, both.size[1]))
    worst = constraints.scenario_goal == "worst"

    def value(plan: IntArray) -> float:
        hit = covered(both, np.union1d(both.fixed, plan))
        return float(shares[:, hit].sum(axis=1).min()) if worst else float(both.weight[hit].sum())

    found: Found = (
        worst_served(both, shares, **solver.keywords()) if worst else solve(both, **solver.keywords())
    )
    total = 1.0 if worst else float(both.weight.sum())
    return _better(problem, constraints.scenario_goal, found, plain, value, total)


def _better(
    problem: SitingProblem,
    name: str,
    found: Found,
    plain: SitingResult,
    value: Callable[[IntArray], float],
    total: float,
    options: Mapping[str, float] | None = None,
) -> Decision:
    """Keep what was found, or the plan for coverage if that is better (a solve that was cut short)."""
    start_s = time.perf_counter()
    plan, worth = plain.chosen, value(plain.chosen)
    if np.isfinite(found.objective) and value(found.chosen) >= worth:
        plan, worth = found.chosen, value(found.chosen)
    bound = min(found.bound, float(total)) if np.isfinite(found.bound) else float(total)
    bound = max(bound, worth)
    status = found.status if found.status in PLAN_STATUSES else "time_limit"
    elapsed = found.runtime_s + time.perf_counter() - start_s
    before = value(np.empty(0, dtype=np.int64))
    unit = "share" if name in ("aims", "worst") else "weight"
    gap = relative_gap(worth, bound)
    goal = Goal(name, unit, before, worth, bound, gap, status, elapsed, dict(options or {}))
    return Decision(as_coverage(problem, plan, plain, status), goal)


def scenarios_of(
    problem: SitingProblem, reach: Reach, constraints: Constraints, reach_km: float
) -> tuple[SitingProblem, FloatArray]:
    """The scenarios as demands side by side, weighed by their probability; and (s, s × m) their own weights."""
    county = reach.demand["county"]
    weights = np.array([problem.weight * s.factor(county) for s in constraints.scenarios])
    reaches = [reach.within(reach_km, s.detour) for s in constraints.scenarios]
    chance = probabilities(constraints)
    both, rows = scenario_problem(problem, weights, reaches)
    return replace(both, weight=chance @ rows), rows


def probabilities(constraints: Constraints) -> FloatArray:
    """(s,) probability of each scenario; they add up to 1."""
    given = np.array([s.probability for s in constraints.scenarios], dtype=np.float64)
    return np.asarray(given / given.sum())


def as_coverage(problem: SitingProblem, chosen: IntArray, plain: SitingResult, status: str) -> SitingResult:
    """Coverage of a plan that another goal chose, under the bound of plain coverage."""
    order, gain = build_order(problem, chosen)
    hit = covered(problem, np.union1d(problem.fixed, order))
    objective = float(problem.weight[hit].sum())
    bound = max(plain.bound, objective)
    gap = relative_gap(objective, bound)
    claimed = "optimal" if gap == 0 else "interrupted" if status == "interrupted" else "feasible"
    return replace(
        plain,
        chosen=order,
        gain=gain,
        objective=objective,
        bound=bound,
        gap=gap,
        status=claimed,
        cost=float(problem.cost[order].sum()),
        sites=order if problem.site_ids is None else problem.site_ids[order],
        covered_by=who_covers(problem, order),
    )


# -- several aims at once -----------------------------------------------------------------------------


PARETO_POINTS = 9


@dataclass(frozen=True, eq=False)
class AimTable:
    """Several aims over one set of demands side by side.

    Attributes
    ----------
    names : tuple of str
        Aims that add up, in the order of ``rows``; then ``equity`` and ``cost`` if they are asked for.
    problem : SitingProblem
        Reach and limits; its weights don't matter.
    rows : (s, m) float64
        What each demand is worth for each aim that adds up, as shares of all of it.
    total : (s,) float64
        All of each aim, in its unit.
    counties : (g, m) float64
        Shares of the people of each county.
    price : (n,) float64
        Cost of each new site as a share of the money.
    """

    names: tuple[str, ...]
    problem: SitingProblem
    rows: FloatArray
    total: FloatArray
    counties: FloatArray
    price: FloatArray

    def terms(self, importance: Mapping[str, float]) -> tuple[FloatArray, float, FloatArray]:
        """Arguments of :func:`plugspan.siting.maxcover.aims.mixed_aims`; importances are divided by their sum."""
        whole = sum(importance.values())
        share = {name: importance.get(name, 0.0) / whole for name in self.names}
        linear = np.zeros(self.problem.size[1])
        for k, row in enumerate(self.rows):
            linear += share[self.names[k]] * row
        return linear, share.get("equity", 0.0), share.get("cost", 0.0) * self.price

    def values(self, plan: IntArray) -> dict[str, float]:
        """Share of each aim that a plan reaches; of cost the share of the money that is left."""
        hit = covered(self.problem, np.union1d(self.problem.fixed, plan))
        found = {name: float(row[hit].sum()) for name, row in zip(self.names, self.rows, strict=False)}
        if "equity" in self.names:
            found["equity"] = float(self.counties[:, hit].sum(axis=1).min(initial=1.0))
        if "cost" in self.names:
            found["cost"] = 1.0 - float(self.price[plan].sum())
        return found

    def best(self, importance: Mapping[str, float], solver: SolverOptions, share: float = 1.0) -> AimsResult:
        """Plan with the best weighted sum; a ``cost`` aim counts from all the money being left."""
        linear, worst, price = self.terms(importance)
        return mixed_aims(self.problem, linear, self.counties, worst, price, **solver.keywords(share))


def pareto_table(
    aims: AimTable,
    pair: tuple[str, str],
    solver: SolverOptions,
    names: np.ndarray[Any, Any],
    cost: FloatArray,
) -> pd.DataFrame:
    """Plans along the Pareto front of two aims; see :attr:`.outcome.Siting.pareto_front`."""
    first, second = pair

    def at(weight: float) -> AimsResult:
        found = aims.best(
            {first: 1 - weight, second: weight}, replace(solver, gap=max(solver.gap, 1e-4)), share
        )
        if not np.isfinite(found.objective):
            return found
        values = aims.values(found.chosen)
        return replace(found, values=np.array([values[first], values[second]]))

    share = 1.0 / PARETO_POINTS
    curve = pareto_curve(at, n_points=PARETO_POINTS, time_limit_s=solver.time_limit_s)
    return pd.DataFrame(
        {
            "first": [first] * len(curve),
            "second": [second] * len(curve),
            "share_first": [float(p.values[0]) for p in curve],
            "share_second": [float(p.values[1]) for p in curve],
            "sites": [len(p.chosen) for p in curve],
            "cost": [float(cost[p.chosen].sum()) for p in curve],
            "chosen": [tuple(names[p.chosen]) for p in curve],
            "status": [p.status for p in curve],
        }
    )


def aim_table(
    names: tuple[str, ...],
    reaches: Mapping[str, Reach],
    problem: SitingProblem,
    reach_km: float,
) -> AimTable:
    """Put the demands of all aims side by side.

    Parameters
    ----------
    names : tuple of str
        Aims wanted.
    reaches : mapping
        Demand and distances of ``people``, ``highway``, ``flow`` as far as they are wanted; ``people`` for equity.
    problem : SitingProblem
        Limits and sites.
    reach_km : float
        Driving distance from demand to site.
    """
    adding = [n for n in ("people", "highway", "flow") if n in names]
    stacked = [n for n in ("people", "highway", "flow") if n in reaches]
    sizes = {n: len(reaches[n].demand) for n in stacked}
    start = dict(zip(stacked, np.concatenate([[0], np.cumsum(list(sizes.values()))])[:-1], strict=True))
    m = sum(sizes.values())
    rows, total = np.zeros((len(adding), m)), np.zeros(len(adding))
    for k, name in enumerate(adding):
        total[k] = float(reaches[name].weight.sum())
        own = reaches[name].weight / total[k] if total[k] > 0 else 0.0
        rows[k, start[name] : start[name] + sizes[name]] = own
    counties = np.zeros((0, m))
    if "equity" in names:
        own = _county_rows(reaches["people"])
        counties = np.zeros((len(own), m))
        counties[:, start["people"] : start["people"] + sizes["people"]] = own
    reach = sparse.csr_array(sparse.hstack([reaches[n].within(reach_km) for n in stacked]))
    both = replace(problem, reach=reach, weight=np.zeros(m))
    rest = tuple(n for n in ("equity", "cost") if n in names)
    return AimTable((*adding, *rest), both, rows, total, counties, _price(problem))


def _county_rows(people: Reach) -> FloatArray:
    """(g, m) share of its county's demand that each demand is; demand outside of all counties is left out."""
    county = people.demand["county"].to_numpy(object)
    known = sorted({c for c in county if c})
    rows = by_group(people.weight, [known.index(c) if c else -1 for c in county])
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def _price(problem: SitingProblem) -> FloatArray:
    """(n,) cost as a share of the money: the budget, or what the dearest sites that may be built cost together."""
    open_ = np.setdiff1d(np.arange(problem.size[0]), np.union1d(problem.fixed, problem.forbidden))
    dearest = np.sort(problem.cost[open_])[::-1][: problem.n_sites]
    money = problem.budget if problem.budget else float(dearest.sum())
    return problem.cost / money if money else np.zeros(problem.size[0])
