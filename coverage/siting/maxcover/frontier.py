"""Coverage against number or money: the whole curve, with a plan and an upper bound for each point."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .local_search import HOT, WARM, Plan, Search, descend, round_off, searchable, slots_needed
from .prices import first_prices, middle, primal_dual
from .problem import FloatArray, IntArray, SitingProblem, make_problem
from .reduced_problem import Core, reduce_problem, restrict, spendable, undominated
from .result import build_order, relative_gap

_MARKS, _BEND = 12, 1.6
"""Prices are sought at so many points of the curve; the larger the exponent, the more of them at its beginning."""
_ROUNDS, _NEAR = 250, 3e-4
"""Rounds at each of them, fewer if the bound is so close to what a fractional plan is worth."""
_EFFORT = 4e8
"""Array entries that the search at single points may touch: half a second."""
_STEPS = 20
"""Steps of the search at one point before the next is chosen."""


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

    Prices from the linear relaxation, sought at a few points, bound the whole curve; its fractional plans are
    rounded, carried along the curve, and searched around where plan and bound are furthest apart.

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
    if budgets is None:
        limits = np.arange((n_sites or 0) + 1, dtype=np.float64)
    else:
        limits = np.sort(np.asarray(budgets, dtype=np.float64).ravel())
    end_s = start_s + time_limit_s
    curve = _Curve(_candidates(problem), limits, budgets is not None, lambda: end_s - time.perf_counter())
    curve.draw(np.random.default_rng(seed))
    plans = [curve.core.sites[plan] for plan in curve.plan]
    return _put_together(problem, limits, plans, _whole(problem, curve.core.base + curve.bound), start_s)


def _candidates(problem: SitingProblem) -> Core:
    """Reduced problem without dominated candidates."""
    core = reduce_problem(problem)
    keep = undominated(core)
    return core if keep.all() else restrict(core, keep, np.empty(0, dtype=np.int64))


def _whole(problem: SitingProblem, bound: FloatArray) -> FloatArray:
    """Bounds with a slack for rounding of sums; whole numbers where all weights are."""
    slack = 1e-12 * float(problem.weight.sum())
    return np.asarray(np.floor(bound + slack + 1e-6) if problem.integral else bound + slack)


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


class _Curve:
    """The curve under construction: for each limit the best plan (positions in ``core``), its value, a bound.

    Values and bounds are beyond ``core.base``.
    """

    def __init__(self, core: Core, limits: FloatArray, money: bool, left: Callable[[], float]) -> None:
        self.core, self.limits, self.money, self.left = core, limits, money, left
        self.plan: list[IntArray] = [np.empty(0, dtype=np.int64)] * len(limits)
        self.value = np.zeros(len(limits))
        self.bound = np.full(len(limits), float(core.weight.sum()))
        self.guide: dict[int, FloatArray] = {}

    def part(self, point: int) -> Core:
        """Return the reduced problem with the limit of a point."""
        limit = float(self.limits[point])
        if self.money:
            return self.core.limited(budget=limit)
        return self.core.limited(limit=min(int(limit), len(self.core.sites)))

    def draw(self, rng: np.random.Generator) -> None:
        """Prices at marks give bounds and plans to start from; walks between marks and searches do the rest."""
        if not all(self.core.size) or not len(self.limits):
            self.bound[:] = 0.0
            return
        marks = _spread(len(self.limits))
        self._price(marks)
        if not searchable(self.core):
            return
        for mark in marks:
            self._keep(mark, self._rounded(mark, rng))
        for here, there in zip(marks[:-1], marks[1:], strict=True):
            self._walk(here, range(here + 1, there + 1))
        for there, here in zip([0, *marks[:-1]], marks, strict=True):
            self._walk(here, range(here - 1, there - 1, -1))
        self._search(rng)

    # -- bounds ------------------------------------------------------------------------------------------
    def _price(self, marks: list[int]) -> None:
        """Bounds from the prices of marks, and from mixtures of neighbours' prices, for all limits."""
        self._limit_by(0.0, self.core.reach @ self.core.weight)
        saddle = middle(self.core, first_prices(self.core))
        rest, score = [], []
        for mark in marks[::-1]:
            found, saddle = primal_dual(self.part(mark), saddle, _ROUNDS, self.left, tolerance=_NEAR)
            self.guide[mark] = found.plan
            rest.append(float((self.core.weight - found.prices.demand).sum()))
            score.append(self.core.reach @ found.prices.demand)
            self._limit_by(rest[-1], score[-1])
        for i in range(len(marks) - 1):
            for share in np.linspace(0, 1, 8)[1:-1]:
                mixed = score[i] + share * (score[i + 1] - score[i])
                self._limit_by(rest[i] + share * (rest[i + 1] - rest[i]), mixed)

    def _limit_by(self, rest: float, score: FloatArray) -> None:
        """Bounds of one set of prices: the largest scores that number or money allows, in fractions."""
        core = self.core
        score = np.maximum(score, 0.0)
        if not self.money:
            sums = np.append(0.0, np.cumsum(np.sort(score)[::-1]))
            taken = sums[np.minimum(self.limits.astype(np.int64), len(score))]
        else:
            free = core.cost <= 0
            dear = np.flatnonzero(~free)
            dear = dear[np.argsort(-score[dear] / core.cost[dear], kind="stable")]
            money, sums = (np.append(0.0, np.cumsum(x[dear])) for x in (core.cost, score))
            budget = np.array([spendable(limit) for limit in self.limits.tolist()])
            taken = float(score[free].sum()) + np.interp(budget, money, sums)
        self.bound = np.minimum(self.bound, rest + taken)

    # -- plans -------------------------------------------------------------------------------------------
    def _keep(self, point: int, plan: IntArray) -> bool:
        """Keep a plan for a point if it is the best so far there."""
        value = self.core.value(plan)
        if value <= self.value[point] * (1 + 1e-12):
            return False
        self.plan[point], self.value[point] = plan, value
        return True

    def _rounded(self, mark: int, rng: np.random.Generator) -> IntArray:
        """The fractional plan, rounded and swapped to a local optimum."""
        part = self.part(mark)
        if not slots_needed(part):
            return np.empty(0, dtype=np.int64)
        return round_off(part, self.guide[mark], 1, rng, self.left)

    def _walk(self, start: int, points: Iterable[int], *, as_long_as_better: bool = False) -> float:
        """Carry the plan of ``start`` from point to point, dropping and adding sites and swapping at each."""
        plan = Plan(self.core, max(slots_needed(self.core), len(self.plan[start])))
        plan.fill(self.plan[start])
        for point in points:
            if self.left() <= 0:
                break
            plan.core = self.part(point)
            _fit(plan)
            descend(plan, self.left)
            if not self._keep(point, plan.chosen) and as_long_as_better:
                break
        return plan.work

    def _search(self, rng: np.random.Generator) -> None:
        """Ruin and repair where plan and bound are furthest apart; better plans are carried to both sides."""
        work, tries = 0.0, np.zeros(len(self.limits))
        marks = np.array(sorted(self.guide))
        while work < _EFFORT and self.left() > 0:
            gap = (self.bound - self.value) / np.maximum(self.value, 1e-300)
            gap[self.value <= 0] = 0.0
            point = int(np.argmax(gap / (1.0 + tries)))
            if gap[point] <= 1e-9:
                return
            tries[point] += 1
            guide = self.guide[int(marks[np.argmin(np.abs(marks - point))])]
            found = Search(self.part(point), self.plan[point], guide, 1e9, rng, (HOT, WARM))
            for _ in range(_STEPS):
                found.step(self.left)
            work += found.plan.work
            if self._keep(point, found.best):
                work += self._walk(point, range(point + 1, len(self.limits)), as_long_as_better=True)
                work += self._walk(point, range(point - 1, -1, -1), as_long_as_better=True)


def _spread(points: int) -> list[int]:
    """Positions of marks among ``points`` limits, the last one among them, closer where the curve bends."""
    share = np.linspace(0, 1, min(_MARKS, points) + 1)[1:] ** _BEND
    return sorted({int(mark) for mark in np.rint(share * (points - 1))})


def _fit(plan: Plan) -> None:
    """Drop the sites that are missed least for their cost until the limits of the plan's core hold."""
    core = plan.core
    while (plan.site >= 0).sum() > core.limit or plan.spent > spendable(core.budget):
        cost = core.cost[plan.site] if np.isfinite(core.budget) else np.ones(len(plan.site))
        worth = plan.loss / np.maximum(cost, 1e-300)
        plan.drop(int(np.where(plan.site >= 0, worth, np.inf).argmin()))
