"""One plan in levels: the least money that serves the rows, the most good with what is left, the fewest actions.

::

    level 1   min  sum_j cost_j x_j
              s.t. sum_j amount_rj x_j >= need_r                    rows of rules that ask for all
                   sum_j amount_rj x_j >= need_r s_r,               rows of rules that ask for a share
                   sum_{r of rule} weight_r s_r >= least_rule
    level 2   max  sum_d weight_d z_d    z_d <= sum_{j reaches d} x_j,   cost within the budget, rows kept
    level 3   min  sum_j x_j, then the actions that come first;          value of level 2 kept

with ``x`` and ``s`` binary. Each level is solved to proof and carries the prices of its rows: :mod:`.priced`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse

from ..rules.rows import RuleRows
from .build_order import build_order
from .maxcover.priced import TIME_LIMIT_S, PricedProgram, Solution, solve_program
from .maxcover.problem import COST_TOLERANCE, BoolArray, FloatArray, IntArray
from .maxcover.result import LogLine
from .maxcover.run import Progress
from .rows import Rows, stack_rows

KEPT = 1e-9
"""Relative slack with which the value of a level is kept in the next."""


@dataclass(frozen=True, eq=False)
class PlanProblem:
    """Actions, the rows that they serve and the demand that they bring within reach.

    Attributes
    ----------
    cost : (n,) float64
        Money of each action, not negative.
    rows : Rows
    reach : (m, n) csr_array
        Demand (row) that each action brings within reach; demand that has a site today is left out.
    weight : (m,) float64
    required, forbidden : (n,) bool
    good : str
        What the demand is, as the second level is called: ``people``, ``highway``, ``flow`` or ``aims``.
    thing : (n,) int64, optional
        Number of what each action is at: actions and surveys of one site, facility, berth or car park share it.
    """

    cost: FloatArray
    rows: Rows
    reach: sparse.csr_array
    weight: FloatArray
    required: BoolArray
    forbidden: BoolArray
    good: str = "people"
    thing: IntArray | None = None

    def answered(self, survey: BoolArray) -> PlanProblem:
        """The same problem with these surveys answered favourably; what is there then no action gives a second time."""
        forbidden = self.forbidden & ~survey
        rules = tuple(_given_once(rule, survey, self.thing) for rule in self.rows.rules)
        rows = stack_rows(rules, self.rows.n_actions, ~forbidden)
        return replace(self, rows=rows, forbidden=forbidden, required=self.required | survey)

    @property
    def unit(self) -> float:
        """Largest power of two or ten of which all costs are whole multiples; 0 if there is none."""
        for unit in (1000.0, 100.0, 10.0, 1.0, 0.5, 0.25, 0.1, 0.01):
            multiples = self.cost / unit
            if np.all(np.abs(multiples - np.rint(multiples)) <= 1e-9 * np.maximum(1.0, multiples)):
                return unit
        return 0.0

    def money(self, chosen: BoolArray) -> float:
        """Cost of a plan."""
        return float(self.cost[chosen].sum())

    def holds(self, chosen: BoolArray) -> bool:
        """Whether a plan breaks no row that is not there yet; see :meth:`RuleRows.completed`."""
        return all(rule.completed(chosen) is None for rule in self.rows.rules)

    def people(self, chosen: BoolArray) -> float:
        """Weight of the demand that a plan brings within reach, beyond what is there today."""
        reached = np.asarray(self.reach @ chosen.astype(np.float64)) > 0.5
        return float(self.weight[reached].sum())


def _given_once(rule: RuleRows, survey: BoolArray, thing: IntArray | None) -> RuleRows:
    """Rows in which actions give nothing where a survey at the same thing does."""
    if thing is None:
        return rule
    entry = rule.matrix.tocoo()
    at = entry.row.astype(np.int64) * (int(thing.max(initial=0)) + 1) + thing[entry.col]
    again = np.isin(at, at[survey[entry.col]]) & ~survey[entry.col]
    if not again.any():
        return rule
    kept = (entry.data[~again], (entry.row[~again], entry.col[~again]))
    return replace(rule, matrix=sparse.csr_array(kept, shape=rule.matrix.shape))


Watch = Callable[..., Callable[[float, float], None]]
"""From a level's name and the scale of its program to what is reported of its best value and bound."""


@dataclass(frozen=True, eq=False)
class Level:
    """One level with its certificate.

    ``objective`` and ``bound`` are in the level's unit (money, weight, actions); no plan can be better than ``bound``.
    ``price_bound`` is what ``prices`` alone prove; the rest rests on branch and bound. ``ties`` is what each action
    weighs beside 1 in the level that counts actions, less than a half in all.
    """

    name: str
    objective: float
    bound: float
    price_bound: float
    gap: float
    status: str
    runtime_s: float
    prices: FloatArray = field(repr=False, default_factory=lambda: np.empty(0))
    ties: FloatArray = field(repr=False, default_factory=lambda: np.empty(0))

    @property
    def rests_on(self) -> str:
        """What proves the bound: ``"prices"``, or ``"branch_and_bound"`` where they prove less."""
        same = abs(self.bound - self.price_bound) <= 1e-6 * max(1.0, abs(self.bound))
        return "prices" if same else "branch_and_bound"


@dataclass(frozen=True, eq=False)
class LevelPlan:
    """A plan with the certificates of its levels.

    Attributes
    ----------
    chosen : (n,) bool
    order : int64 array
        Chosen actions in building order.
    whole : (n,) bool
        The plan that serves all rows; ``chosen`` is a part of it if the money is too little.
    least : float
        The least money ``C*`` that serves all rows that can be served.
    levels : tuple of Level
    complete : bool
        All rows that can be served are; False if the budget is below ``least``.
    cheapest : (n,) bool
        A plan of that least money: what more money brings is compared with it.
    """

    chosen: BoolArray
    order: IntArray
    whole: BoolArray
    least: float
    levels: tuple[Level, ...]
    complete: bool
    cheapest: BoolArray


def solve_levels(
    problem: PlanProblem,
    *,
    budget: float | None = None,
    prefer: BoolArray | None = None,
    greedy: bool = False,
    effort: float = 1.0,
    time_limit_s: float = TIME_LIMIT_S,
    gap: float = 0.0,
    progress: Progress | None = None,
) -> LevelPlan:
    """Solve the levels one after the other.

    Parameters
    ----------
    problem : PlanProblem
    budget : float, optional
        Money in all; the least that serves the rows if left out. If it is below that, the plan is the beginning of
        the complete plan in building order, so that no rule is ever worse off with more money.
    prefer : (n,) bool, optional
        Among plans of the same cost and good, those with more of these actions come first.
    greedy : bool
        Keep the plan that greedy choice makes; the first level then says how far from the least it is.
    effort, time_limit_s, gap : float
        Of each level; see :func:`.priced.solve_program`.
    progress : callable, optional
        Told of the best value and its bound in each level, in the level's own unit.

    Returns
    -------
    LevelPlan
    """
    begun = time.perf_counter()
    limits = {"effort": effort, "time_limit_s": time_limit_s, "gap": gap}

    def watch(name: str, scale: float = 1.0) -> Callable[[float, float], None]:
        def news(best: float, bound: float) -> None:
            if progress is not None:
                progress(LogLine(time.perf_counter() - begun, name, best / scale, bound / scale))

        return news

    levels: list[Level] = []

    def note(level: Level) -> None:
        levels.append(level)
        watch(level.name)(level.objective, level.bound)

    least = solve_program(
        least_money(problem),
        start=plan_values(problem, greedy_plan(problem)),
        **limits,
        watch=watch("money"),
    )
    if least.values is None:
        raise ValueError("rows that cannot be served must be marked lost")
    chosen = greedy_plan(problem) if greedy else least.values[: problem.rows.n_actions] > 0.5
    money, cheapest = problem.money(chosen), chosen
    if greedy:
        least = replace(least, objective=money, status="optimal" if least.bound >= money else "greedy")
    note(_level("money", least))
    short = budget is not None and budget < money * (1 - COST_TOLERANCE)
    purse = money if budget is None or short else budget
    if problem.weight.sum() > 0 and not greedy:
        chosen, level = _most_people(problem, chosen, purse, limits, watch)
        note(level)
    if not greedy:
        chosen, level = _fewest(problem, chosen, purse, prefer, {**limits, "gap": 0.0}, watch("actions"))
        note(level)
    order = build_order(problem.rows, problem.cost, chosen, problem.reach, problem.weight)
    whole = chosen
    if short:
        assert budget is not None
        order = order[
            np.argsort(~problem.required[order], kind="stable")
        ]  # what must be is not what is saved
        afford = np.cumsum(problem.cost[order]) <= budget * (1 + COST_TOLERANCE)
        order = order[: int(np.argmin(afford)) if not afford.all() else len(order)]
        chosen = np.isin(np.arange(len(chosen)), order)
    return LevelPlan(chosen, order, whole, money, tuple(levels), not short, cheapest)


def _level(name: str, found: Solution, sign: float = 1.0, offset: float = 0.0, scale: float = 1.0) -> Level:
    """Certificate in the level's own unit."""
    objective, bound, by_prices = (
        sign * value / scale + offset for value in (found.objective, found.bound, found.price_bound)
    )
    gap = abs(objective - bound) / abs(objective) if objective else abs(objective - bound)
    return Level(name, objective, bound, by_prices, gap, found.status, found.runtime_s, found.prices / scale)


def met_rules(problem: PlanProblem, chosen: BoolArray) -> BoolArray:
    """(k,) rules of which a plan serves what can be served, or the share that is asked for."""
    rows, k = problem.rows, len(problem.rows.rules)
    served = rows.item_weight * (rows.served(chosen) & ~rows.hopeless)
    got = np.bincount(rows.rule_of_item, served, minlength=k)
    missed = np.bincount(rows.rule_of_item[rows.item], rows.asked() & ~rows.met(chosen), minlength=k)
    return np.asarray((got >= rows.least() * (1 - KEPT) - 1e-12) & (missed == 0), dtype=np.bool_)


# -- programs --------------------------------------------------------------------------------------------


def row_blocks(
    problem: PlanProblem, only: BoolArray | None = None
) -> tuple[sparse.csr_array, FloatArray, int]:
    """Rows that are kept in every level, over the columns ``[x | s]``; their lower limits; number of ``s``.

    ``s`` stands for the items of rules that ask for a share: 1 only if all rows of the item are met. ``only`` is a mask
    of the rules whose rows are wanted; all if left out.
    """
    rows = problem.rows
    asked = np.ones(len(rows.rules), np.bool_) if only is None else only
    mine = asked[rows.rule_of_item]
    whole = np.flatnonzero(rows.asked() & mine[rows.item])
    items = np.flatnonzero(rows.partial() & mine)
    partial = np.flatnonzero((rows.partial() & mine)[rows.item])
    n, k = rows.n_actions, len(items)
    shares = [i for i, rule in enumerate(rows.rules) if rule.share < 1.0 and asked[i]]
    scale = np.array([max(rows.rules[i].total, 1e-300) for i in shares])
    which = np.searchsorted(shares, rows.rule_of_item[items]), np.arange(k)
    counts = sparse.csr_array((rows.item_weight[items] / scale[which[0]], which), shape=(len(shares), k))
    at = np.arange(len(partial)), np.searchsorted(items, rows.item[partial])
    claimed = sparse.csr_array((-np.ones(len(partial)), at), shape=(len(partial), k))
    served, in_part = (scaled(rows.matrix[some], rows.need[some]) for some in (whole, partial))
    matrix = sparse.vstack(
        [
            sparse.hstack([served, sparse.csr_array((len(whole), k))]),
            sparse.hstack([in_part, claimed]),
            sparse.hstack([sparse.csr_array((len(shares), n)), counts]),
        ]
    )
    least = rows.least()[shares] / scale * (1 - KEPT)
    return sparse.csr_array(matrix), np.concatenate([np.ones(len(whole)), np.zeros(len(partial)), least]), k


def stacked(
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


def scaled(matrix: sparse.csr_array, need: FloatArray) -> sparse.csr_array:
    """Rows divided by their need; no amount above it, which makes the relaxation tighter and serves as well."""
    found = sparse.csr_array(sparse.diags_array(1.0 / need) @ matrix)
    found.data = np.minimum(found.data, 1.0)
    return found


def _limits(problem: PlanProblem) -> FloatArray:
    """(n,) upper limits of the actions."""
    return np.where(problem.forbidden, 0.0, 1.0)


def _required(problem: PlanProblem, columns: int) -> tuple[sparse.csr_array, FloatArray]:
    """Rows ``x_j >= 1`` of what must be built."""
    at = np.flatnonzero(problem.required)
    block = sparse.csr_array((np.ones(len(at)), (np.arange(len(at)), at)), shape=(len(at), columns))
    return block, np.ones(len(at))


def least_money(problem: PlanProblem) -> PricedProgram:
    """The program of level 1 over the columns ``[x | s]``."""
    matrix, low, k = row_blocks(problem)
    pins, ones = _required(problem, matrix.shape[1])
    low = np.concatenate([low, ones])
    n = problem.rows.n_actions
    return PricedProgram(
        objective=np.concatenate([problem.cost, np.zeros(k)]),
        matrix=sparse.csr_array(sparse.vstack([matrix, pins])),
        low=low,
        high=np.full(len(low), np.inf),
        upper=np.concatenate([_limits(problem), np.ones(k)]),
        integer=np.ones(n + k, np.bool_),
        unit=problem.unit,
    )


def _within(problem: PlanProblem, purse: float, demand: BoolArray) -> PricedProgram:
    """Rows, pins and budget over ``[x | s | z]`` with ``z_d <= sum x`` for the demands named; no objective yet."""
    matrix, low, k = row_blocks(problem)
    n, rows = problem.rows.n_actions, np.flatnonzero(demand)
    d = len(rows)
    kept = sparse.hstack([matrix, sparse.csr_array((matrix.shape[0], d))])
    pins, ones = _required(problem, n + k + d)
    scale = max(float(problem.cost.max(initial=0.0)), 1e-300)
    spent = np.concatenate([problem.cost / scale, np.zeros(k + d)])
    people = sparse.hstack([problem.reach[rows], sparse.csr_array((d, k)), -sparse.eye_array(d)])
    blocks = [kept, pins, people, sparse.csr_array(spent[None, :])]
    lows = [low, ones, np.zeros(d), np.array([-np.inf])]
    most = np.array([purse * (1 + COST_TOLERANCE) / scale])
    highs = [np.full(len(low) + len(ones) + d, np.inf), most]
    return PricedProgram(
        objective=np.zeros(n + k + d),
        matrix=sparse.csr_array(sparse.vstack(blocks)),
        low=np.concatenate(lows),
        high=np.concatenate(highs),
        upper=np.concatenate([_limits(problem), np.ones(k + d)]),
        integer=np.concatenate([np.ones(n + k, np.bool_), np.zeros(d, np.bool_)]),
    )


def _most_people(
    problem: PlanProblem, chosen: BoolArray, purse: float, limits: dict[str, float], watch: Watch
) -> tuple[BoolArray, Level]:
    """Level 2: the most demand within reach, rows kept, within the purse."""
    some = (np.diff(problem.reach.indptr) > 0) & (problem.weight > 0)
    program = _within(problem, purse, some)
    total = float(problem.weight[some].sum())
    scale = 1e3 / total if total else 1.0
    n = problem.rows.n_actions
    objective = np.concatenate(
        [np.zeros(len(program.objective) - int(some.sum())), -scale * problem.weight[some]]
    )
    program = replace(program, objective=objective)
    begin = _filled(problem, _spend_on_people(problem, chosen, purse), some)
    news = watch(problem.good, -scale)
    found = solve_program(program, start=begin, **limits, watch=news)
    level = _level(problem.good, found, sign=-1.0, scale=scale)
    chosen = chosen if found.values is None else found.values[:n] > 0.5
    # Counted, not what the solver's sums came to.
    reached = problem.people(chosen)
    bound = reached if level.bound - reached <= 1e-6 * max(total, 1.0) else level.bound
    gap = (bound - reached) / reached if reached else bound
    status = "optimal" if bound <= reached else level.status
    return chosen, replace(level, objective=reached, bound=bound, gap=gap, status=status)


def _fewest(
    problem: PlanProblem,
    chosen: BoolArray,
    purse: float,
    prefer: BoolArray | None,
    limits: dict[str, float],
    news: Callable[[float, float], None],
) -> tuple[BoolArray, Level]:
    """Level 3: the fewest actions with the same good, then preferred ones, then those that come first."""
    n = problem.rows.n_actions
    some = (np.diff(problem.reach.indptr) > 0) & (problem.weight > 0)
    program = _within(problem, purse, some)
    k = len(program.objective) - n
    good = problem.people(chosen)
    scale = max(float(problem.weight[some].sum()), 1e-300)
    people = np.concatenate([np.zeros(n + k - int(some.sum())), problem.weight[some] / scale])
    # A tie is worth less than one action: positions weigh up to a quarter in all, preferences another quarter.
    tie = np.arange(n) / max(n * n, 1) * 0.25
    if prefer is not None:
        tie = tie + np.where(prefer, 0.0, 0.25 / max(n, 1))
    program = replace(
        program,
        objective=np.concatenate([1.0 + tie, np.zeros(k)]),
        matrix=sparse.csr_array(sparse.vstack([program.matrix, sparse.csr_array(people[None, :])])),
        low=np.append(program.low, good / scale - KEPT),
        high=np.append(program.high, np.inf),
    )
    start = _filled(problem, chosen, some)
    found = solve_program(program, start=start, **limits, watch=news)
    if found.values is not None:
        chosen = found.values[:n] > 0.5
    count = float(chosen.sum())
    # The objective of whole plans is their number plus less than a half.
    bound = min(float(np.ceil(found.bound - 0.5)), count) if np.isfinite(found.bound) else 0.0
    by_prices = min(float(np.ceil(found.price_bound - 0.5)), count) if np.isfinite(found.price_bound) else 0.0
    gap = (count - bound) / count if count else 0.0
    status = "optimal" if bound >= count else found.status
    return chosen, Level("actions", count, bound, by_prices, gap, status, found.runtime_s, found.prices, tie)


def _filled(problem: PlanProblem, chosen: BoolArray, demand: BoolArray) -> FloatArray:
    """A plan as values of ``[x | s | z]``."""
    rows = problem.rows
    partial = rows.partial()
    x = chosen.astype(np.float64)
    z = np.minimum(problem.reach[np.flatnonzero(demand)] @ x, 1.0)
    return np.concatenate([x, rows.served(chosen)[partial].astype(np.float64), z])


def plan_values(problem: PlanProblem, chosen: BoolArray) -> FloatArray:
    """A plan as values of the columns of level 1."""
    return _filled(problem, chosen, np.zeros(len(problem.weight), np.bool_))


def greedy_plan(problem: PlanProblem) -> BoolArray:
    """A plan that serves the rows by greedy choice (Chvátal 1979), without what it doesn't need in the end."""
    may, rows = ~problem.forbidden, problem.rows
    order = build_order(rows, problem.cost, may, problem.reach, np.zeros(len(problem.weight)))
    held, by_action = rows.matrix @ may.astype(np.float64), sparse.csc_array(rows.matrix)
    chosen = may.copy()
    for j in order[::-1].tolist():
        at = slice(by_action.indptr[j], by_action.indptr[j + 1])
        mine = by_action.indices[at]
        left = held[mine] - by_action.data[at]
        if not problem.required[j] and (left >= rows.enough[mine])[~rows.lost[mine]].all():
            held[mine], chosen[j] = left, False
    return chosen


def _spend_on_people(problem: PlanProblem, chosen: BoolArray, purse: float) -> BoolArray:
    """Add what brings the most people per money, as long as the purse lasts."""
    found = chosen.copy()
    left = purse * (1 + COST_TOLERANCE) - problem.money(found)
    unmet = np.asarray(problem.reach @ found.astype(np.float64)) < 0.5
    price = np.maximum(problem.cost, 1e-9 * max(float(problem.cost.max(initial=0.0)), 1.0))
    by_action = sparse.csr_array(problem.reach.T)
    while True:
        gain = by_action @ (problem.weight * unmet) / price
        gain[found | problem.forbidden | (problem.cost > left)] = 0.0
        if not len(gain) or gain.max() <= 0:
            return found
        j = int(gain.argmax())
        found[j], left = True, left - problem.cost[j]
        unmet[by_action.indices[by_action.indptr[j] : by_action.indptr[j + 1]]] = False
