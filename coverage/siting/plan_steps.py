"""A plan as tables: each action with its order, year and price, every rule after each action, what nothing serves.

What each action alone is worth to the plan stands beside it (:func:`doing_without`, :func:`insisting_on`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import sparse

from ..rules.rows import SERVED, DemandReached, RuleRows
from .actions import EVENTS
from .levels import LevelPlan, PlanProblem, least_money, plan_values
from .maxcover.priced import round_up, solve_program
from .maxcover.problem import BoolArray, FloatArray
from .rows import Rows, stack_rows
from .stages import StagePlan
from .world import World

NO_CANDIDATE, TOO_LITTLE, BARRED = "no_candidate", "too_little", "barred"
"""Why something can't be served; ``reason.unmet.KEY`` in the catalogue says it in words."""


def action_table(
    world: World, problem: PlanProblem, plan: LevelPlan, other: LevelPlan, stages: StagePlan | None
) -> gpd.GeoDataFrame:
    """All actions and events with their place in the plan and the prices of doing otherwise."""
    event = world.actions["kind"].isin(EVENTS).to_numpy(bool)
    order = _order(plan, stages, event)
    without, insist = doing_without(problem, plan), insisting_on(problem, plan)
    place = np.full(world.n, np.nan)
    place[order] = np.arange(1, len(order) + 1)
    year = np.full(world.n, np.nan)
    if stages is not None:
        year = np.where(stages.stage >= 0, stages.years[np.maximum(stages.stage, 0)].astype(float), np.nan)
    chosen = plan.chosen & ~event
    closes: list[list[dict[str, Any]]] = [[] for _ in range(world.n)]
    for j, found in zip(order, _closes(problem.rows, order, problem.required), strict=True):
        closes[j] = found
    return world.actions.assign(
        chosen=chosen,
        order=pd.array(place, dtype="Float64").astype("Int64"),
        stage_year=pd.array(np.where(chosen, year, np.nan), dtype="Float64").astype("Int64"),
        certain=chosen & other.chosen,
        in_other=other.chosen & ~event,
        without_low=without.low,
        without_high=without.high,
        without_lost=without.lost,
        insist_low=np.where(event, np.nan, insist.low),
        insist_high=np.where(event, np.nan, insist.high),
        chosen_at=np.where(event, np.nan, np.maximum(problem.cost - insist.high, 0.0)),
        closes=closes,
    )


def _order(plan: LevelPlan, stages: StagePlan | None, event: BoolArray) -> list[int]:
    order = plan.order if stages is None else stages.order
    return [j for j in order.tolist() if not event[j]]


def _closes(rows: Rows, order: list[int], required: BoolArray) -> list[list[dict[str, Any]]]:
    """For each action in its order the items that it is the last to serve."""
    now = required.copy()
    now[order] = False
    held, by_action = rows.matrix @ now.astype(np.float64), sparse.csc_array(rows.matrix)
    lacking = np.bincount(rows.item, held < rows.enough, minlength=len(rows.item_weight))
    found, named = [], _items(rows)
    for j in order:
        at = slice(by_action.indptr[j], by_action.indptr[j + 1])
        mine, amount = by_action.indices[at], by_action.data[at]
        short = held[mine] < rows.enough[mine]
        mine = mine[short]
        held[mine] += amount[short]
        items, closed = np.unique(rows.item[mine[held[mine] >= rows.enough[mine]]], return_counts=True)
        lacking[items] -= closed
        last = items[(lacking[items] == 0) & (rows.item_weight[items] > 0)]
        found.append([named[i] for i in last.tolist()])
    return found


def _items(rows: Rows) -> list[dict[str, Any]]:
    """What each item is: its rule, its weight and the columns that name it."""
    return [
        {"rule": rule.rule, **{str(name): value for name, value in item.items()}}
        for rule in rows.rules
        for item in rule.items.to_dict("records")
    ]


def step_table(
    world: World,
    problem: PlanProblem,
    plan: LevelPlan,
    stages: StagePlan | None,
    survey: BoolArray,
    people: DemandReached,
    favourable: tuple[RuleRows, ...],
) -> pd.DataFrame:
    """Every rule's value, the money and the people after each action."""
    event = world.actions["kind"].isin(EVENTS).to_numpy(bool)
    opens = np.flatnonzero(problem.required & event)
    opens = opens[np.argsort(world.actions["year"].to_numpy(float)[opens], kind="stable")].tolist()
    order = _order(plan, stages, event)
    if stages is None:
        dated: list[tuple[int | None, int]] = [(None, j) for j in [*opens, *order]]
    else:
        first = world.actions["year"].to_numpy(float)
        ends = [(int(stages.years[np.searchsorted(stages.years, first[j])]), j) for j in opens]
        ends += [(int(stages.years[stages.stage[j]]), j) for j in order]
        dated = [*sorted(ends, key=lambda found: found[0])]  # stable: what opens comes before what is built
    now = np.zeros(world.n, np.bool_)
    rows, built = [_step(problem, favourable, now, survey, people, 0, "", None)], 0
    for year, j in dated:
        now = now.copy()
        now[j] = True
        built += not event[j]
        rows.append(
            _step(problem, favourable, now, survey, people, built, str(world.actions["id"].iloc[j]), year)
        )
    return pd.DataFrame(rows)


def _step(
    problem: PlanProblem,
    favourable: tuple[RuleRows, ...],
    now: BoolArray,
    survey: BoolArray,
    people: DemandReached,
    order: int,
    action: str,
    year: int | None,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "order": order, "action": action, "year": year, "spent": problem.money(now), "people": people.within(now),
    }  # fmt: skip
    for rule, hopeful in zip(problem.rows.rules, favourable, strict=True):
        ends = [rule.reached(now, False), hopeful.reached(now | survey, True)]
        known = sorted((end for end in ends if end.value is not None), key=lambda end: end.value or 0.0)
        for name, end in zip(("low", "high"), (known[0], known[-1]) if known else ends, strict=True):
            part, whole = end.ratio or (None, None)
            row |= {f"{rule.rule}.{name}": end.value, f"{rule.rule}.{name}_part": part,
                    f"{rule.rule}.{name}_whole": whole}  # fmt: skip
    return row


def unmet_table(world: World, rows: Rows) -> pd.DataFrame:
    """Items that no action serves; who must act follows from why."""
    found, named = [], _items(rows)
    by_item, kind = np.argsort(rows.item, kind="stable"), world.actions["kind"].to_numpy(object)
    first = np.searchsorted(rows.item[by_item], np.arange(len(rows.item_weight) + 1))
    empty = np.diff(rows.matrix.indptr) == 0
    # What lacks though all actions there are were allowed.
    short = np.asarray(rows.matrix.sum(axis=1)).ravel() < rows.need * (1 - SERVED)
    for i in np.flatnonzero(rows.hopeless).tolist():
        item, mine = named[i], by_item[first[i] : first[i + 1]]
        mine = mine[rows.lost[mine]]
        why = item.get("why")
        if not isinstance(why, str):
            surveys = (kind[rows.matrix[mine].indices] == "survey").any()
            why = TOO_LITTLE if short[mine].any() else BARRED
            why = NO_CANDIDATE if empty[mine].any() else "survey" if surveys else why
        found.append({**item, "why": why, "who": "data" if why == "data_end" else "bureau"})
    return pd.DataFrame(found, columns=["rule", "weight", "why", "who"] if not found else None)


def survey_table(world: World, problem: PlanProblem, plan: LevelPlan, survey: BoolArray) -> pd.DataFrame:
    """What to survey, by the money that each answer can save."""
    asked = np.flatnonzero(survey)
    saves = survey_savings(problem, plan, asked)
    table = pd.DataFrame(world.actions.iloc[asked][["id", "target", "name", "place", "county"]])
    table["saves_low"], table["saves_high"] = saves.low[asked], saves.high[asked]
    return table.sort_values(["saves_low", "id"], ascending=[False, True]).reset_index(drop=True)


# -- what each step adds ------------------------------------------------------------------------------


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
        lost[j] = len(np.unique(problem.rows.item[other.rows.lost & ~problem.rows.lost]))
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
    rows = replace(problem.rows, lost=other.rows.lost)
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
    spared, unit, money = _Spared(problem, plan.cheapest), problem.unit, problem.money(plan.cheapest)
    for j in np.flatnonzero(~plan.whole & ~problem.forbidden).tolist():
        saved = float(problem.cost[spared.beside(j)].sum())
        at_least = round_up(bound + max(float(reduced[j]), 0.0), unit)
        added = 0.0 if plan.cheapest[j] else float(problem.cost[j])
        high[j] = max(added - saved + money - plan.least, 0.0)
        low[j] = min(max(at_least - plan.least, 0.0), high[j])
    return Extra(low, high, np.zeros(n, np.int64))


class _Spared:
    """Actions of a plan that another one makes unnecessary.

    Only those that share a row with it are looked at, and those that nothing needs as it is: the rows of all others
    have no more to spare than before. A country has tens of thousands of actions, and as many questions.
    """

    def __init__(self, problem: PlanProblem, chosen: BoolArray) -> None:
        rows, may = problem.rows, np.flatnonzero(chosen & ~problem.required)
        self.problem, self.chosen = problem, chosen
        self.order = may[np.argsort(-problem.cost[may], kind="stable")]
        self.by_action = sparse.csc_array(rows.matrix)
        self.in_order = sparse.csr_array(rows.matrix[:, self.order])
        self.spare = rows.matrix @ chosen.astype(np.float64) - rows.need
        self.keep = rows.asked() | (rows.partial()[rows.item] & rows.met(chosen))
        self.loose = [i for i, k in enumerate(self.order.tolist()) if self._goes(k, self.spare)]

    def beside(self, j: int) -> list[int]:
        """Those that go if ``j`` is carried out, dearest first; none if a rule is broken without them."""
        mine, amount = self._column(j)
        spare = self.spare.copy()
        if not self.chosen[j]:
            spare[mine] += amount
        found: list[int] = []
        for k in self.order[np.union1d(self.in_order[mine].indices, self.loose).astype(np.int64)].tolist():
            if self._goes(k, spare):
                at, less = self._column(k)
                spare[at] -= less
                found.append(k)
        if not found:
            return []
        x = self.chosen.copy()
        x[j] = True
        x[found] = False
        return found if self.problem.holds(x) else []

    def _goes(self, k: int, spare: FloatArray) -> bool:
        """Whether the rows that must be kept have enough without an action."""
        mine, amount = self._column(k)
        wanted = self.keep[mine]
        return bool((spare[mine][wanted] >= amount[wanted] - 1e-9).all())

    def _column(self, j: int) -> tuple[np.ndarray, FloatArray]:
        """Rows that an action serves, and its amounts."""
        at = slice(self.by_action.indptr[j], self.by_action.indptr[j + 1])
        return self.by_action.indices[at], self.by_action.data[at]


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
        other = problem.answered(np.arange(n) == k)
        found = solve_program(least_money(other), start=plan_values(other, plan.whole), effort=EFFORT)
        if found.values is not None:
            sure = problem.holds(found.values[:n] > 0.5)
            low[k] = max(plan.least - found.objective, 0.0) if sure else 0.0
            high[k] = max(plan.least - found.bound, 0.0)
    return Extra(low, high, np.zeros(n, np.int64))
