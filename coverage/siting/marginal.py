"""What each action is worth to a plan: doing without it, insisting on another one, and what a survey can save."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from .levels import LevelPlan, PlanProblem, least_money, plan_values
from .maxcover.priced import round_up, solve_program
from .maxcover.problem import BoolArray, FloatArray
from .rows import stack_rows

SOLVED = 60
"""Up to so many questions are solved one by one; beyond, prices and a rearranged plan bound the answer."""
EFFORT = 0.05
"""Of each question, as :func:`.priced.solve_program` counts it."""


@dataclass(frozen=True, eq=False)
class Extra:
    """Additional money, proven between two ends.

    Attributes
    ----------
    low, high : (n,) float64
        Money beyond the least; NaN where the question makes no sense (not in the plan, or required). An infinite
        ``high``: no other plan was confirmed.
    lost : (n,) int64
        Items that nothing serves any more then.
    """

    low: FloatArray
    high: FloatArray
    lost: np.ndarray


def doing_without(problem: PlanProblem, plan: LevelPlan) -> Extra:
    """Additional least money if one action of a plan must not be carried out, the others chosen anew.

    Parameters
    ----------
    problem : PlanProblem
    plan : LevelPlan
        Its first level must have been solved.

    Returns
    -------
    Extra
        Where ``lost`` is above 0, the money is that of the rest: those items stay unserved.
    """
    n = problem.rows.n_actions
    low, high, lost = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, np.int64)
    asked = np.flatnonzero(plan.whole & ~problem.required & (problem.cost > 0))
    for j in asked[:SOLVED].tolist():
        other = _with_forbidden(problem, j)
        lost[j] = int(other.rows.hopeless.sum() - problem.rows.hopeless.sum())
        found = solve_program(least_money(other), effort=EFFORT)
        if found.values is not None:
            base = _settled(problem, other) if lost[j] else plan.least
            low[j] = found.bound - base
            high[j] = found.objective - base if problem.holds(found.values[:n] > 0.5) else np.inf
    return Extra(low, high, lost)


def _with_forbidden(problem: PlanProblem, j: int) -> PlanProblem:
    forbidden = problem.forbidden.copy()
    forbidden[j] = True
    rows = stack_rows(problem.rows.rules, problem.rows.n_actions, ~forbidden)
    return replace(problem, rows=rows, forbidden=forbidden)


def _settled(problem: PlanProblem, other: PlanProblem) -> float:
    """Least money for the items that can still be served, with everything allowed."""
    rows = replace(problem.rows, hopeless=other.rows.hopeless)
    found = solve_program(least_money(replace(problem, rows=rows)), effort=EFFORT)
    return found.objective


def insisting_on(problem: PlanProblem, plan: LevelPlan) -> Extra:
    """Additional least money if an action that isn't in the plan is carried out all the same.

    The low end follows from the prices of the first level, the high end from the plan of the least money with the
    action added and what it makes unnecessary taken out. An action costs nothing more at ``cost - high``: at that cost
    it is in a cheapest plan.

    Returns
    -------
    Extra
        ``lost`` is 0 throughout.
    """
    n = problem.rows.n_actions
    low, high = np.full(n, np.nan), np.full(n, np.nan)
    program = least_money(problem)
    level = plan.levels[0]
    reduced = program.objective - program.matrix.T @ level.prices
    bound = program.bound(level.prices)
    spare = plan.cheapest & ~problem.required
    order = np.flatnonzero(spare)[np.argsort(-problem.cost[spare], kind="stable")]
    by_action = sparse.csc_array(problem.rows.matrix)
    for j in np.flatnonzero(~plan.whole & ~problem.forbidden).tolist():
        unneeded = _unneeded(problem, by_action, plan.cheapest, j, order)
        saved = float(problem.cost[unneeded].sum())
        at_least = round_up(bound + max(float(reduced[j]), 0.0), problem.unit)
        added = 0.0 if plan.cheapest[j] else float(problem.cost[j])
        high[j] = max(added - saved + problem.money(plan.cheapest) - plan.least, 0.0)
        low[j] = min(max(at_least - plan.least, 0.0), high[j])
    return Extra(low, high, np.zeros(n, np.int64))


def _unneeded(
    problem: PlanProblem, by_action: sparse.csc_array, chosen: BoolArray, j: int, order: np.ndarray
) -> list[int]:
    """Chosen actions that ``j`` makes unnecessary, dearest first; none if a rule is broken without them."""
    rows = problem.rows
    x = chosen.copy()
    x[j] = True
    spare = rows.matrix @ x.astype(np.float64) - rows.need
    keep = rows.whole()[rows.item] | (rows.partial()[rows.item] & rows.met(chosen))
    unneeded: list[int] = []
    for k in order.tolist():
        at = slice(by_action.indptr[k], by_action.indptr[k + 1])
        mine, amount = by_action.indices[at], by_action.data[at]
        wanted = keep[mine]
        if (spare[mine][wanted] >= amount[wanted] - 1e-9).all():
            spare[mine] -= amount
            unneeded.append(k)
    x[unneeded] = False
    return unneeded if not unneeded or problem.holds(x) else []


def survey_savings(problem: PlanProblem, plan: LevelPlan, unknown: np.ndarray) -> Extra:
    """Money that each answer can save: the least money with that one unknown thing known to be there.

    Parameters
    ----------
    problem : PlanProblem
        In which the unknown things are actions that cost nothing and are forbidden.
    plan : LevelPlan
    unknown : (k,) int64
        Positions of the unknown things.

    Returns
    -------
    Extra
        ``low`` and ``high`` of the saving, NaN for all other actions.
    """
    n = problem.rows.n_actions
    low, high = np.full(n, np.nan), np.full(n, np.nan)
    for k in np.asarray(unknown)[: 2 * SOLVED].tolist():
        forbidden, required = problem.forbidden.copy(), problem.required.copy()
        forbidden[k], required[k] = False, True
        rows = stack_rows(problem.rows.rules, n, ~forbidden)
        other = replace(problem, rows=rows, forbidden=forbidden, required=required)
        found = solve_program(least_money(other), start=plan_values(other, plan.whole), effort=EFFORT)
        if found.values is not None:
            sure = problem.holds(found.values[:n] > 0.5)
            low[k] = max(plan.least - found.objective, 0.0) if sure else 0.0
            high[k] = max(plan.least - found.bound, 0.0)
    return Extra(low, high, np.zeros(n, np.int64))
