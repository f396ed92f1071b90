"""Coverage against number or money: the whole curve, with a plan and an upper bound for each point."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .bound import Prices, first_prices, lagrangian, sift, subgradient
from .core import Core, reduce_problem
from .greedy import greedy
from .improve import descend, searchable
from .presolve import restrict, undominated
from .problem import FloatArray, IntArray, SitingProblem, make_problem
from .result import build_order, relative_gap
from .solve import solve
from .swaps import Plan


@dataclass(frozen=True, eq=False)
class Frontier:
    """The curve.

    Attributes
    ----------
    limit : (q,) float64
        Number of new sites, or budget, of each point.
    objective, bound, gap : (q,) float64
        Weight covered (fixed sites included) by the best plan found for each limit by itself, upper bound, and
        relative gap.
    cost : (q,) float64
        Cost of each plan.
    plans : tuple of int64 arrays
        New sites of each plan, in its build order.
    order : int64 array
        Build order of the last plan: building year by year towards it.
    order_objective : (len(order) + 1,) float64
        Weight covered after each step of ``order``; it lies on or below ``objective``.
    runtime_s : float
    """

    limit: FloatArray
    objective: FloatArray
    bound: FloatArray
    gap: FloatArray
    cost: FloatArray
    plans: tuple[IntArray, ...]
    order: IntArray
    order_objective: FloatArray
    runtime_s: float


def frontier(
    reach: Any,
    weight: npt.ArrayLike,
    *,
    n_sites: int | None = None,
    budgets: npt.ArrayLike | None = None,
    cost: npt.ArrayLike | None = None,
    fixed: npt.ArrayLike = (),
    forbidden: npt.ArrayLike = (),
    time_limit_s: float = 30.0,
    seed: int = 0,
) -> Frontier:
    """Best coverage for every number of new sites up to ``n_sites``, or for each of ``budgets``.

    By number: plans grow and shrink along the curve, each swapped to a local optimum; one set of Lagrangian
    prices bounds all numbers at once, and prices are sought at a few numbers. By money: one solve each.

    Raises
    ------
    ProblemError
        As :func:`.solve.max_coverage`.
    """
    start_s = time.perf_counter()
    top = None if budgets is None else float(np.max(np.asarray(budgets, dtype=np.float64), initial=0.0))
    problem = make_problem(
        reach, weight, n_sites=n_sites, budget=top, cost=cost, fixed=fixed, forbidden=forbidden
    )
    if budgets is not None:
        limits = np.sort(np.asarray(budgets, dtype=np.float64).ravel())
        plans, bounds = _by_budget(problem, limits, time_limit_s, seed)
    else:
        limits = np.arange((n_sites or 0) + 1, dtype=np.float64)
        plans, bounds = _by_number(problem, start_s + time_limit_s)
    return _put_together(problem, limits, plans, bounds, start_s)


def _put_together(
    problem: SitingProblem, limits: FloatArray, plans: list[IntArray], bounds: FloatArray, start_s: float
) -> Frontier:
    """Recompute objectives from the problem; a plan of a lower limit stands in where it is better."""
    orders: list[IntArray] = []
    values: list[float] = []
    base = 0.0
    for plan in plans:
        order, gain = build_order(problem, plan)
        base = _base(problem)
        value = base + float(gain.sum())
        if values and values[-1] > value:
            order, value = orders[-1], values[-1]
        orders.append(order)
        values.append(value)
    objective = np.array(values)
    bound = np.maximum(np.minimum.accumulate(bounds[::-1])[::-1], objective)
    order, gain = build_order(problem, orders[-1] if orders else np.empty(0, np.int64))
    return Frontier(
        limit=limits,
        objective=objective,
        bound=bound,
        gap=np.array([relative_gap(o, b) for o, b in zip(objective, bound, strict=True)]),
        cost=np.array([float(problem.cost[o].sum()) for o in orders]),
        plans=tuple(orders),
        order=order,
        order_objective=base + np.concatenate([[0.0], np.cumsum(gain)]),
        runtime_s=time.perf_counter() - start_s,
    )


def _base(problem: SitingProblem) -> float:
    """Weight that the fixed sites cover."""
    hit = np.zeros(problem.size[1], dtype=np.bool_)
    hit[problem.reach[problem.fixed].indices] = True
    return float(problem.weight[hit].sum())


def _by_budget(
    problem: SitingProblem, limits: FloatArray, time_limit_s: float, seed: int
) -> tuple[list[IntArray], FloatArray]:
    """One solve per budget, to within 0.1 % or its share of the time."""
    plans, bounds = [], []
    share = max(time_limit_s / max(len(limits), 1), 0.05)
    for limit in limits:
        found = solve(replace(problem, budget=float(limit)), time_limit_s=share, gap=1e-3, seed=seed)
        plans.append(found.chosen)
        bounds.append(found.bound)
    return plans, np.array(bounds)


def _by_number(problem: SitingProblem, end_s: float) -> tuple[list[IntArray], FloatArray]:
    """Plans and bounds for 0 … n_sites new sites."""

    def left() -> float:
        return end_s - time.perf_counter()

    core = reduce_problem(problem)
    keep = undominated(core)
    core = core if keep.all() else restrict(core, keep, np.empty(0, dtype=np.int64))
    top = problem.n_sites or 0
    plans = _plans(core, top, left)
    values = np.array([core.value(plan) for plan in plans])
    bounds = _bounds(core, values, top, left)
    total = core.base + bounds
    slack = 1e-12 * float(problem.weight.sum())
    total = np.floor(total + slack + 1e-6) if problem.integral else total + slack
    return [core.sites[plan] for plan in plans], total


def _plans(core: Core, top: int, left: Any) -> list[IntArray]:
    """Grow from nothing and shrink from the greedy end, swapping after each step; the better of the two."""
    steps = min(top, core.limit)
    chain = greedy(core)
    if chain is None or not searchable(core) or not steps:
        return [np.empty(0, dtype=np.int64)] * (top + 1)
    best: list[IntArray] = [np.empty(0, dtype=np.int64)] * (steps + 1)
    value = np.zeros(steps + 1)

    def keep(plan: Plan) -> None:
        size = len(plan.chosen)
        if plan.value > value[size]:
            best[size], value[size] = plan.chosen, plan.value

    grown = np.empty(0, dtype=np.int64)
    for size in range(1, steps + 1):
        plan = Plan(replace(core, limit=size), size)
        plan.fill(grown)
        descend(plan, left)
        grown = plan.chosen
        keep(plan)
    plan = Plan(core, steps)
    plan.fill(best[steps] if len(best[steps]) else chain)
    while (plan.site >= 0).any() and left() > 0:
        keep(plan)
        loss = np.where(plan.site >= 0, plan.loss, np.inf)
        plan.drop(int(loss.argmin()))
        _swap_only(plan, left)
    return best + [best[-1]] * (top - steps)


def _swap_only(plan: Plan, left: Any) -> None:
    """Swap while it pays, without filling free slots."""
    least = 1e-9 * float(plan.core.weight.sum())
    while (plan.site >= 0).any() and left() > 0:
        worth, slot, newcomer = plan.best_swap()
        if worth <= least:
            return
        plan.drop(slot)
        plan.add(slot, newcomer)


def _bounds(core: Core, values: FloatArray, top: int, left: Any) -> FloatArray:
    """(top + 1,) bounds beyond the base: the least over several sets of prices."""
    bounds = np.full(top + 1, float(core.weight.sum()))
    if not core.size[0]:
        return np.zeros(top + 1)
    bounds = np.minimum(bounds, _bound_curve(core, core.weight, top))
    prices: Prices = first_prices(core)
    marks = np.unique(np.rint(np.linspace(0, 1, 9)[1:] ** 1.3 * min(top, core.limit)).astype(np.int64))
    marks = marks[marks > 0]
    for mark in marks:
        if left() <= 0:
            break
        found = subgradient(replace(core, limit=int(mark)), float(values[mark]), prices, 500, left)
        prices = found.prices
        bounds = np.minimum(bounds, _bound_curve(core, prices.demand, top))
    for mark in marks[::-1]:
        if left() <= 0 or core.reach.nnz > 1_000_000:
            break
        part = replace(core, limit=int(mark))
        found = sift(part, lagrangian(part, prices), left, tolerance=1e-3, report=lambda bound: False)
        bounds = np.minimum(bounds, _bound_curve(core, found.prices.demand, top))
    return np.asarray(bounds)


def _bound_curve(core: Core, demand: FloatArray, top: int) -> FloatArray:
    """Lagrangian bounds of one set of prices for 0 … top sites: sums of the largest scores."""
    score = np.sort(np.maximum(core.reach @ demand, 0.0))[::-1][:top]
    sums = np.concatenate([[0.0], np.cumsum(score)])
    sums = np.concatenate([sums, np.full(top + 1 - len(sums), sums[-1])])
    return np.asarray(float((core.weight - demand).sum()) + sums)
