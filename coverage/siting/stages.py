"""When to carry out what: a plan spread over years so that most is served early, with money for each year.

::

    max  sum_t ( sum_r weight_rt s_rt + LITTLE sum_d share_d z_dt )              t = all years but the last
    s.t. s_rt <= sum_j amount_rj x_jt / need_r,   z_dt <= sum_{j reaches d} x_jt
         x_{j,t-1} <= x_jt,   sum_j cost_j x_jt <= money up to year t
         the last year keeps the rows, the good and the number of actions of the plan in levels

A rule that is due by year ``t`` weighs :data:`DUE` times as much from then on as one that is not.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .build_order import build_order
from .levels import LevelPlan, PlanProblem, row_blocks
from .maxcover.priced import PricedProgram, Solution, solve_program
from .maxcover.problem import COST_TOLERANCE, BoolArray, FloatArray, IntArray

DUE = 10.0
"""Weight of a rule from the year on in which it is due; 1 before."""
TIE = 1e-4
"""Weight of all actions that are not preferred against one rule."""
LITTLE = 1e-3
"""Weight of all demand within reach in a year against one rule: it decides between equals."""


@dataclass(frozen=True, eq=False)
class StagePlan:
    """A plan spread over years.

    Attributes
    ----------
    years : (t,) int64
    money : (t,) float64
        Money up to each year.
    stage : (n,) int64
        Position of the year in which each action is carried out; -1 for those that are not in the plan.
    order : int64 array
        All actions in building order: by year, then as :func:`.build_order.build_order` has it.
    objective, bound, price_bound, gap, status, runtime_s
        Of the weighted rows served early; no spread of a plan as good in its last year has more than ``bound``. The
        prices of the relaxation prove ``price_bound``.
    """

    years: IntArray
    money: FloatArray
    stage: IntArray
    order: IntArray
    objective: float
    bound: float
    price_bound: float
    gap: float
    status: str
    runtime_s: float

    @property
    def last_day(self) -> dt.date:
        """End of the last year."""
        return dt.date(int(self.years[-1]), 12, 31)


def solve_stages(
    problem: PlanProblem,
    plan: LevelPlan,
    years: npt.ArrayLike,
    money: npt.ArrayLike,
    *,
    earliest: npt.ArrayLike | None = None,
    prefer: BoolArray | None = None,
    demand: FloatArray | None = None,
    time_limit_s: float = 20.0,
    gap: float = 0.0,
) -> StagePlan:
    """Spread a plan over years.

    Parameters
    ----------
    problem : PlanProblem
    plan : LevelPlan
        Of the money of all years together.
    years : (t,) int
        Rising.
    money : (t,) float
        Money of each year; what is left over is there in the next.
    earliest : (n,) int, optional
        First year of each action (a site that opens later); any year if left out.
    prefer : (n,) bool, optional
        Among spreads that serve as much early, those with more of these actions.
    demand : (t, m) float64, optional
        Weight of the demand in each year, where it grows; that of the problem in every year if left out.

    Returns
    -------
    StagePlan
        If the money is too little for a complete plan, its building order is cut where the money of a year ends.
    """
    when = np.asarray(years, dtype=np.int64)
    upto = np.cumsum(np.asarray(money, dtype=np.float64))
    first = np.zeros(problem.rows.n_actions, np.int64)
    if earliest is not None:
        first = np.minimum(np.searchsorted(when, np.asarray(earliest)), len(when) - 1)
    begin = _in_order(problem, plan, upto, first)
    if not plan.complete or len(when) == 1:
        return _staged(problem, when, upto, begin, None)
    last = np.zeros(len(first), np.float64)
    if prefer is not None:
        last[~prefer] = TIE / len(first)
    weight = np.tile(problem.weight, (len(when), 1)) if demand is None else demand
    program = _program(problem, plan, when, upto, first, last, weight)
    start = _values(problem, begin, len(when))
    found = solve_program(program, start=start, time_limit_s=time_limit_s, gap=gap)
    if found.values is not None:
        n, t = problem.rows.n_actions, len(when)
        on = found.values[: n * t].reshape(t, n) > 0.5
        begin = np.where(on.any(axis=0), on.argmax(axis=0), -1).astype(np.int64)
    return _staged(problem, when, upto, begin, found)


def _staged(
    problem: PlanProblem, years: IntArray, upto: FloatArray, stage: IntArray, found: Solution | None
) -> StagePlan:
    order: list[int] = []
    done = np.zeros(len(stage), np.bool_)
    for t in range(len(years)):
        now = done | (stage == t)
        ranked = build_order(problem.rows, problem.cost, now, problem.reach, problem.weight, first=done)
        order += [j for j in ranked.tolist() if stage[j] == t]
        done = now
    at = np.array(order, dtype=np.int64)
    if found is None:
        value = 0.0
        return StagePlan(years, upto, stage, at, value, value, value, 0.0, "optimal", 0.0)
    objective, bound, by_prices = -found.objective, -found.bound, -found.price_bound
    missing = (bound - objective) / abs(objective) if objective else bound - objective
    return StagePlan(
        years, upto, stage, at, objective, bound, by_prices, max(missing, 0.0), found.status, found.runtime_s
    )


def _in_order(problem: PlanProblem, plan: LevelPlan, upto: FloatArray, first: IntArray) -> IntArray:
    """Year of each action if the building order is cut where the money of a year ends."""
    stage = np.full(problem.rows.n_actions, -1, dtype=np.int64)
    spent = np.cumsum(problem.cost[plan.order]) if len(plan.order) else np.empty(0)
    cut = np.searchsorted(upto * (1 + COST_TOLERANCE), spent - COST_TOLERANCE * spent.max(initial=0.0))
    stage[plan.order] = np.minimum(np.maximum(cut, first[plan.order]), len(upto) - 1)
    return stage


def _weights(problem: PlanProblem, years: IntArray) -> FloatArray:
    """(t, r) weight of each row in each year."""
    due = np.array([np.inf if rule.due is None else rule.due for rule in problem.rows.rules])
    factor = np.where(due[None, :] <= years[:, None], DUE, 1.0)
    rule = problem.rows.rule_of_item[problem.rows.item]
    return np.asarray(factor[:, rule] * problem.rows.weight[None, :])


def _program(
    problem: PlanProblem,
    plan: LevelPlan,
    years: IntArray,
    upto: FloatArray,
    first: IntArray,
    tie: FloatArray,
    demand: FloatArray,
) -> PricedProgram:
    """The program over ``[x_1 … x_T | s_1 … s_T-1 | z_1 … z_T-1 | s and z of the last year]``."""
    rows, n, t = problem.rows, problem.rows.n_actions, len(years)
    open_rows = np.flatnonzero(~rows.hopeless[rows.item])
    r, m = len(open_rows), len(problem.weight)
    part = sparse.csr_array(sparse.diags_array(1.0 / rows.need[open_rows]) @ rows.matrix[open_rows])
    kept, low_kept, k = row_blocks(problem)
    cost = problem.cost / max(float(problem.cost.max(initial=0.0)), 1e-300)
    money = upto * (1 + COST_TOLERANCE) / max(float(problem.cost.max(initial=0.0)), 1e-300)
    people = problem.weight / max(float(problem.weight.sum()), 1e-300)
    good = float(problem.people(plan.chosen) / max(float(problem.weight.sum()), 1e-300)) - COST_TOLERANCE
    all_years, early = sparse.eye_array(t), sparse.eye_array(t - 1, t)
    later, last = sparse.eye_array(t - 1, t, k=1), sparse.csr_array(np.eye(t)[-1:])
    pins, pinned = _pins(problem, first, t)
    widths = (n * t, r * (t - 1), m * (t - 1), k, m)
    # Each line: the blocks by column group, then the lower and upper limits of its rows.
    lines: list[tuple[dict[int, Any], Any, Any]] = [
        ({0: sparse.kron(early, part), 1: -sparse.eye_array(widths[1])}, 0.0, np.inf),
        ({0: sparse.kron(early, problem.reach), 2: -sparse.eye_array(widths[2])}, 0.0, np.inf),
        ({0: sparse.kron(later - early, sparse.eye_array(n))}, 0.0, np.inf),
        ({0: sparse.kron(all_years, cost[None, :])}, -np.inf, money),
        ({0: sparse.kron(last, kept[:, :n]), 3: kept[:, n:]}, low_kept, np.inf),
        ({0: sparse.kron(last, problem.reach), 4: -sparse.eye_array(m)}, 0.0, np.inf),
        ({4: people[None, :]}, good, np.inf),
        ({0: sparse.kron(last, np.ones((1, n)))}, -np.inf, float(plan.chosen.sum())),
        ({0: pins}, pinned, np.inf),
    ]
    matrix, low, high = _stacked(lines, widths)
    shut = np.concatenate([problem.forbidden | (first > year) for year in range(t)])
    early_people = demand[: t - 1] / np.maximum(demand[: t - 1].sum(axis=1, keepdims=True), 1e-300)
    weights = _weights(problem, years)[: t - 1, open_rows].ravel()
    rest = np.zeros(k + m)
    return PricedProgram(
        objective=np.concatenate(
            [np.zeros(n * (t - 1)), tie, -weights, -LITTLE * early_people.ravel(), rest]
        ),
        matrix=matrix,
        low=low,
        high=high,
        upper=np.concatenate([np.where(shut, 0.0, 1.0), np.ones(sum(widths[1:]))]),
        integer=np.repeat([True, False, False, True, False], widths),
    )


def _pins(problem: PlanProblem, first: IntArray, t: int) -> tuple[sparse.csr_array, FloatArray]:
    """Rows ``x_jt >= 1``: required actions in the last year; those that cost nothing from their first year on."""
    year, action = np.meshgrid(np.arange(t), np.flatnonzero(problem.required), indexing="ij")
    free = problem.cost[action] <= 0
    stands = (year == t - 1) | (free & (first[action] <= year))
    at = (year * problem.rows.n_actions + action)[stands]
    block = sparse.csr_array(
        (np.ones(len(at)), (np.arange(len(at)), at)), shape=(len(at), t * problem.rows.n_actions)
    )
    return block, np.ones(len(at))


def _stacked(
    lines: list[tuple[dict[int, Any], Any, Any]], widths: tuple[int, ...]
) -> tuple[sparse.csr_array, FloatArray, FloatArray]:
    """Lines of blocks as one matrix, with the limits of its rows."""
    heights = [next(iter(blocks.values())).shape[0] for blocks, _, _ in lines]
    parts = [
        sparse.hstack([sparse.csr_array(blocks.get(g, (height, width))) for g, width in enumerate(widths)])
        for (blocks, _, _), height in zip(lines, heights, strict=True)
    ]
    low = np.concatenate([np.broadcast_to(line[1], h) for line, h in zip(lines, heights, strict=True)])
    high = np.concatenate([np.broadcast_to(line[2], h) for line, h in zip(lines, heights, strict=True)])
    return sparse.csr_array(sparse.vstack(parts)), low.astype(np.float64), high.astype(np.float64)


def _values(problem: PlanProblem, stage: IntArray, t: int) -> FloatArray:
    """A spread as values of all columns."""
    rows = problem.rows
    open_rows = np.flatnonzero(~rows.hopeless[rows.item])
    on: list[BoolArray] = [(stage >= 0) & (stage <= year) for year in range(t)]
    part = [
        np.minimum((rows.matrix[open_rows] @ x.astype(np.float64)) / rows.need[open_rows], 1.0) for x in on
    ]
    reached = [np.minimum(problem.reach @ x.astype(np.float64), 1.0) for x in on]
    end = rows.served(on[-1])[rows.partial()].astype(np.float64)
    return np.concatenate([*(x.astype(np.float64) for x in on), *part[:-1], *reached[:-1], end, reached[-1]])
