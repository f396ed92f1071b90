"""When to carry out what: a plan spread over years so that most is served early, with money for each year.

::

    max  sum_t ( sum_r weight_rt s_rt + LITTLE sum_d share_d z_dt )              t = all years but the last
    s.t. s_rt <= sum_j amount_rj x_jt / need_r,   z_dt <= sum_{j reaches d} x_jt
         x_{j,t-1} <= x_jt,   sum_j cost_j x_jt <= money up to year t
         the last year keeps the rows, the good and the number of actions of the plan in levels
         rules that are due keep all their rows from the year on in which they can

Which due rules can be met when is found first, year by year and in each by the order of the rules: a rule is
held from the first year on in which it can be met beside those that are held already, the money of each year
kept and all rules met in the end. What is due and not held weighs :data:`DUE` times as much as what is not due.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .build_order import build_order
from .levels import LevelPlan, PlanProblem, met_rules, row_blocks, scaled, stacked
from .maxcover.priced import TIME_LIMIT_S, PricedProgram, Solution, solve_program
from .maxcover.problem import COST_TOLERANCE, BoolArray, FloatArray, IntArray

DUE = 10.0
"""Weight of a rule from the year on in which it is due; 1 before."""
TIE = 1e-4
"""Weight of all actions that are not preferred against one rule."""
DUE_EFFORT, DUE_GAP = 0.1, 0.02
"""Work and gap of the search for a spread that meets a due rule."""
SPREAD_EFFORT = 0.5
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
        prices of the relaxation prove ``price_bound``. NaN and ``greedy`` where a building order was cut by years.
    missed : tuple of (year, rule)
        Rules that are due by the end of a year and not met then.
    keeps : Years
    program : dict
        What the proof tells of the program beside it: prices of its rows, weights of the people, ties.
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
    missed: tuple[tuple[int, str], ...] = ()
    keeps: Years | None = None
    program: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def rests_on(self) -> str:
        """What proves the bound: ``"prices"``, or ``"branch_and_bound"`` where they prove less."""
        more = abs(self.bound - self.price_bound) > 1e-6 * max(1.0, abs(self.bound))
        return "branch_and_bound" if more else "prices"

    @property
    def last_day(self) -> dt.date:
        """End of the last year."""
        return dt.date(int(self.years[-1]), 12, 31)


@dataclass(frozen=True, eq=False)
class Years:
    """What a spread over years keeps.

    Attributes
    ----------
    years : (t,) int64
    money : (t,) float64
        Money up to each year.
    first : (n,) int64
        Position of the first year of each action.
    hold : (t, k) bool
        Rules whose rows are all kept from that year on.
    """

    years: IntArray
    money: FloatArray
    first: IntArray
    hold: BoolArray

    @property
    def n(self) -> int:
        """Number of years."""
        return len(self.years)


def missed_rules(problem: PlanProblem, years: IntArray, stage: IntArray) -> tuple[tuple[int, str], ...]:
    """(year, rule) of each rule that is due by the end of a year and not met then."""
    found = []
    for t, year in enumerate(years.tolist()):
        met = met_rules(problem, (stage >= 0) & (stage <= t))
        found += [
            (year, rule.rule)
            for rule, ok in zip(problem.rows.rules, met, strict=True)
            if rule.due is not None and rule.due <= year and not ok
        ]
    return tuple(found)


def hold_due_rules(
    problem: PlanProblem,
    plan: LevelPlan,
    years: npt.ArrayLike,
    money: npt.ArrayLike,
    *,
    earliest: npt.ArrayLike | None = None,
    effort: float = 1.0,
    time_limit_s: float = TIME_LIMIT_S,
) -> tuple[Years, IntArray]:
    """Find from which year on each due rule can be met; the last year is the plan's own.

    Returns
    -------
    Years
    (n,) int64
        A spread that keeps it: position of the year of each action, -1 for those not in it.
    """
    when = np.asarray(years, dtype=np.int64)
    upto = np.cumsum(np.asarray(money, dtype=np.float64))
    first = np.zeros(problem.rows.n_actions, np.int64)
    if earliest is not None:
        first = np.minimum(np.searchsorted(when, np.asarray(earliest)), len(when) - 1)
    hold = np.zeros((len(when), len(problem.rows.rules)), np.bool_)
    stage = _in_order(problem, plan, upto, first)
    if not plan.complete:
        return Years(when, upto, first, hold), stage
    for t in range(len(when) - 1):
        for k, rule in enumerate(problem.rows.rules):
            if rule.due is None or rule.due > when[t] or hold[: t + 1, k].any():
                continue
            hold[t, k] = True
            if met_rules(problem, (stage >= 0) & (stage <= t))[k]:
                continue
            found = _keeping(problem, Years(when, upto, first, hold), effort, time_limit_s)
            hold[t, k] = found is not None
            stage = stage if found is None else found
    return Years(when, upto, first, hold), stage


def _keeping(problem: PlanProblem, years: Years, effort: float, time_limit_s: float) -> IntArray | None:
    """The cheapest spread that keeps what is held and all rules in the end; None if none was found."""
    n, t = problem.rows.n_actions, years.n
    if t * n == 0:
        return None
    blocks = _kept_lines(problem, years)
    lines, widths = _numbered(blocks, n * t)
    matrix, low, high = stacked(lines, widths)
    cost = problem.cost / _dearest(problem)
    program = PricedProgram(
        objective=np.concatenate([np.zeros(n * (t - 1)), cost, np.zeros(sum(widths[1:]))]),
        matrix=matrix,
        low=low,
        high=high,
        upper=np.concatenate([_open(problem, years), np.ones(sum(widths[1:]))]),
        integer=np.ones(sum(widths), np.bool_),
    )
    found = solve_program(program, effort=effort * DUE_EFFORT, time_limit_s=time_limit_s, gap=DUE_GAP)
    return None if found.values is None else _stage_of(found.values, n, t)


def _stage_of(values: FloatArray, n: int, t: int) -> IntArray:
    on = values[: n * t].reshape(t, n) > 0.5
    return np.where(on.any(axis=0), on.argmax(axis=0), -1).astype(np.int64)


def spread_plan(
    problem: PlanProblem,
    plan: LevelPlan,
    years: npt.ArrayLike,
    money: npt.ArrayLike,
    levels: Callable[[PlanProblem], LevelPlan],
    *,
    earliest: npt.ArrayLike | None = None,
    effort: float = 1.0,
    time_limit_s: float = TIME_LIMIT_S,
    **how: Any,
) -> tuple[PlanProblem, LevelPlan, StagePlan]:
    """Spread a plan over years; where no plan as good meets the due rules in time, make it anew with what does.

    Parameters
    ----------
    problem : PlanProblem
    plan : LevelPlan
        Of the money of all years together.
    years : (t,) int
        Rising.
    money : (t,) float64
        Money of each year; what is left over is there in the next.
    levels : callable
        Makes the plan of another problem.
    earliest : (n,) int, optional
        First year of each action (a site that opens later); any year if left out.
    **how
        As :func:`solve_stages` takes it.

    Returns
    -------
    PlanProblem
        With the actions required that meet the due rules in time, if they had to be.
    LevelPlan
    StagePlan
    """
    work: dict[str, Any] = {"effort": effort, "time_limit_s": time_limit_s}
    kept, begin = hold_due_rules(problem, plan, years, money, earliest=earliest, **work)
    stages = solve_stages(problem, plan, kept, begin, **work, **how)
    if stages is None:
        in_time = (begin >= 0) & (begin <= int(np.flatnonzero(kept.hold.any(axis=1)).max()))
        problem = replace(problem, required=problem.required | in_time)
        plan = levels(problem)
        begin = np.where(in_time, begin, np.where(plan.chosen, kept.n - 1, -1))
        stages = solve_stages(problem, plan, kept, begin, **work, **how)
    assert stages is not None  # what is begun with keeps all rows
    return problem, plan, stages


def given_stages(
    problem: PlanProblem, years: npt.ArrayLike, money: npt.ArrayLike, stage: IntArray
) -> StagePlan:
    """The years of a plan that was not looked for; nothing is claimed of it.

    Parameters
    ----------
    problem : PlanProblem
    years : (t,) int
        Rising.
    money : (t,) float64
        Money of each year; a plan that is given may spend more.
    stage : (n,) int64
        Position of the year of each action; -1 for those that are not in the plan.
    """
    when, upto = np.asarray(years, dtype=np.int64), np.cumsum(np.asarray(money, dtype=np.float64))
    hold = np.zeros((len(when), len(problem.rows.rules)), np.bool_)
    return _staged(problem, Years(when, upto, np.zeros(len(stage), np.int64), hold), stage, None)


def solve_stages(
    problem: PlanProblem,
    plan: LevelPlan,
    years: Years,
    begin: IntArray,
    *,
    prefer: BoolArray | None = None,
    demand: FloatArray | None = None,
    effort: float = 1.0,
    time_limit_s: float = TIME_LIMIT_S,
    gap: float = 0.0,
) -> StagePlan | None:
    """Spread a plan over years.

    Parameters
    ----------
    problem : PlanProblem
    plan : LevelPlan
        Of the money of all years together.
    years, begin
        As :func:`hold_due_rules` found them.
    prefer : (n,) bool, optional
        Among spreads that serve as much early, those with more of these actions.
    demand : (t, m) float64, optional
        Weight of the demand in each year, where it grows; that of the problem in every year if left out.

    Returns
    -------
    StagePlan or None
        If the money is too little for a complete plan, its building order is cut where the money of a year ends.
        None if no plan as good in the end keeps the due rules that are held.
    """
    if not plan.complete or years.n == 1:
        return _staged(problem, years, _in_order(problem, plan, years.money, years.first), None)
    tie = np.zeros(problem.rows.n_actions, np.float64)
    if prefer is not None:
        tie[~prefer] = TIE / len(tie)
    weight = np.tile(problem.weight, (years.n, 1)) if demand is None else demand
    program, widths = _program(problem, plan, years, tie, weight)
    start = _values(problem, years, begin, widths)
    if not program.keeps(start):
        start = _values(problem, years, _in_order(problem, plan, years.money, years.first), widths)
    found = solve_program(
        program, start=start, effort=effort * SPREAD_EFFORT, time_limit_s=time_limit_s, gap=gap
    )
    if found.values is None:
        return None
    stage = _stage_of(found.values, problem.rows.n_actions, years.n)
    listed = {
        "objective": program.objective, "prices": found.prices, "ties": tie,
        "people": _early_people(weight), "count": int(plan.chosen.sum()), "good": problem.people(plan.chosen),
    }  # fmt: skip
    return _staged(problem, years, stage, found, listed)


def _staged(
    problem: PlanProblem,
    years: Years,
    stage: IntArray,
    found: Solution | None,
    listed: dict[str, Any] | None = None,
) -> StagePlan:
    order: list[int] = []
    done = np.zeros(len(stage), np.bool_)
    for t in range(years.n):
        now = done | (stage == t)
        ranked = build_order(problem.rows, problem.cost, now, problem.reach, problem.weight, first=done)
        order += [j for j in ranked.tolist() if stage[j] == t]
        done = now
    at = np.array(order, dtype=np.int64)
    missed = missed_rules(problem, years.years, stage)
    if found is None:  # nothing was looked for, and where there was something to look for nothing is proven
        none, status = (0.0, "optimal") if years.n == 1 else (np.nan, "greedy")
        return StagePlan(
            years.years, years.money, stage, at, none, none, none, none, status, 0.0, missed, years
        )
    objective, bound, by_prices = -found.objective, -found.bound, -found.price_bound
    missing = (bound - objective) / abs(objective) if objective else bound - objective
    return StagePlan(
        years.years, years.money, stage, at, objective, bound, by_prices, max(missing, 0.0), found.status,
        found.runtime_s, missed, years, listed or {},
    )  # fmt: skip


def _in_order(problem: PlanProblem, plan: LevelPlan, upto: FloatArray, first: IntArray) -> IntArray:
    """Year of each action if the building order is cut where the money of a year ends."""
    stage = np.full(problem.rows.n_actions, -1, dtype=np.int64)
    spent = np.cumsum(problem.cost[plan.order]) if len(plan.order) else np.empty(0)
    cut = np.searchsorted(upto * (1 + COST_TOLERANCE), spent - COST_TOLERANCE * spent.max(initial=0.0))
    stage[plan.order] = np.minimum(np.maximum(cut, first[plan.order]), len(upto) - 1)
    return stage


def _dearest(problem: PlanProblem) -> float:
    return max(float(problem.cost.max(initial=0.0)), 1e-300)


def _open(problem: PlanProblem, years: Years) -> FloatArray:
    """Upper limits of the actions, year by year."""
    shut = np.concatenate([problem.forbidden | (years.first > year) for year in range(years.n)])
    return np.where(shut, 0.0, 1.0)


def _weights(problem: PlanProblem, years: IntArray) -> FloatArray:
    """(t, r) weight of each row in each year."""
    due = np.array([np.inf if rule.due is None else rule.due for rule in problem.rows.rules])
    factor = np.where(due[None, :] <= years[:, None], DUE, 1.0)
    rule = problem.rows.rule_of_item[problem.rows.item]
    return np.asarray(factor[:, rule] * problem.rows.weight[None, :])


def _early_people(demand: FloatArray) -> FloatArray:
    """(t - 1, m) weight of the demand in all years but the last, 1 for all of a year."""
    return np.asarray(demand[:-1] / np.maximum(demand[:-1].sum(axis=1, keepdims=True), 1e-300))


Lines = list[tuple[dict[Any, Any], Any, Any]]
"""Each line: the blocks by column group, then the lower and upper limits of its rows."""


def _kept_lines(problem: PlanProblem, years: Years) -> Lines:
    """Rows of every spread: nothing is taken down, money, all rules in the end, pins, rules that are held."""
    n, t = problem.rows.n_actions, years.n
    all_years, early = sparse.eye_array(t), sparse.eye_array(t - 1, t)
    later = sparse.eye_array(t - 1, t, k=1)
    cost = problem.cost / _dearest(problem)
    pins, pinned = _pins(problem, years.first, t)
    lines: Lines = [
        ({"x": sparse.kron(later - early, sparse.eye_array(n))}, 0.0, np.inf),
        (
            {"x": sparse.kron(all_years, cost[None, :])},
            -np.inf,
            years.money * (1 + COST_TOLERANCE) / _dearest(problem),
        ),
        ({"x": pins}, pinned, np.inf),
    ]
    everything = np.ones(len(problem.rows.rules), np.bool_)
    for year, only in [*enumerate(years.hold[:-1]), (t - 1, everything)]:
        if only.any():
            kept, low, _ = row_blocks(problem, only)
            at = sparse.csr_array(np.eye(t)[[year]])
            lines.append(({"x": sparse.kron(at, kept[:, :n]), ("kept", year): kept[:, n:]}, low, np.inf))
    return lines


def _numbered(lines: Lines, first_width: int) -> tuple[Lines, tuple[int, ...]]:
    """Lines with their groups of columns numbered in the order in which they come; the widths of the groups."""
    number: dict[Any, int] = {"x": 0}
    widths = [first_width]
    for blocks, _, _ in lines:
        for group, block in blocks.items():
            if group not in number:
                number[group] = len(widths)
                widths.append(block.shape[1])
    return [({number[g]: b for g, b in blocks.items()}, lo, hi) for blocks, lo, hi in lines], tuple(widths)


def _program(
    problem: PlanProblem, plan: LevelPlan, years: Years, tie: FloatArray, demand: FloatArray
) -> tuple[PricedProgram, tuple[int, ...]]:
    """The program over ``[x_1 … x_T | s of the early years | z of all years | s of items asked for in part …]``."""
    rows, n, t = problem.rows, problem.rows.n_actions, years.n
    open_rows = np.flatnonzero(~rows.lost)
    part = scaled(rows.matrix[open_rows], rows.need[open_rows])
    r, m = len(open_rows), len(problem.weight)
    total = max(float(problem.weight.sum()), 1e-300)
    early, last = sparse.eye_array(t - 1, t), sparse.csr_array(np.eye(t)[-1:])
    good = problem.people(plan.chosen) / total - COST_TOLERANCE
    count = float(plan.chosen.sum())
    in_the_end = sparse.hstack(
        [sparse.csr_array((1, m * (t - 1))), sparse.csr_array((problem.weight / total)[None, :])]
    )
    lines, widths = _numbered(
        [
            ({"x": sparse.kron(early, part), "s": -sparse.eye_array(r * (t - 1))}, 0.0, np.inf),
            ({"x": sparse.kron(sparse.eye_array(t), problem.reach), "z": -sparse.eye_array(m * t)}, 0.0, np.inf),
            ({"z": in_the_end}, good, np.inf),
            ({"x": sparse.kron(last, np.ones((1, n)))}, -np.inf, count),
            *_kept_lines(problem, years),
        ],
        n * t,
    )  # fmt: skip
    matrix, low, high = stacked(lines, widths)
    weights = _weights(problem, years.years)[: t - 1, open_rows].ravel()
    people = np.concatenate([LITTLE * _early_people(demand).ravel(), np.zeros(m)])
    objective = np.concatenate([np.zeros(n * (t - 1)), tie, -weights, -people, np.zeros(sum(widths[3:]))])
    integer = np.repeat([True, False, False, *(True for _ in widths[3:])], widths)
    program = PricedProgram(
        objective=objective,
        matrix=matrix,
        low=low,
        high=high,
        upper=np.concatenate([_open(problem, years), np.ones(sum(widths[1:]))]),
        integer=integer,
    )
    return program, widths


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


def _values(problem: PlanProblem, years: Years, stage: IntArray, widths: tuple[int, ...]) -> FloatArray:
    """A spread as values of all columns."""
    rows = problem.rows
    open_rows = np.flatnonzero(~rows.lost)
    on: list[BoolArray] = [(stage >= 0) & (stage <= year) for year in range(years.n)]
    part = scaled(rows.matrix[open_rows], rows.need[open_rows])
    served = [np.minimum(part @ x.astype(np.float64), 1.0) for x in on[:-1]]
    reached = [np.minimum(problem.reach @ x.astype(np.float64), 1.0) for x in on]
    held = [(x, only) for x, only in zip(on[:-1], years.hold[:-1], strict=True) if only.any()]
    held.append((on[-1], np.ones(len(rows.rules), np.bool_)))
    items = [rows.served(x)[rows.partial() & only[rows.rule_of_item]].astype(np.float64) for x, only in held]
    found = np.concatenate([*(x.astype(np.float64) for x in on), *served, *reached, *items])
    assert len(found) == sum(widths)
    return found
