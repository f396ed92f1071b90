"""A plan as tables: each action with its order, year and price, every rule after each action, what nothing serves."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..rules.rows import DemandReached, RuleRows
from .actions import EVENTS
from .levels import LevelPlan, PlanProblem
from .marginal import doing_without, insisting_on, survey_savings
from .maxcover.problem import BoolArray
from .rows import Rows
from .stages import StagePlan
from .world import World

NO_CANDIDATE, NO_DATA = "no_candidate", "no_data"
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
    before = rows.served(now)
    found = []
    for j in order:
        now[j] = True
        after = rows.served(now)
        found.append(
            [_item(rows, i) for i in np.flatnonzero(after & ~before).tolist() if rows.item_weight[i] > 0]
        )
        before = after
    return found


def _item(rows: Rows, i: int) -> dict[str, Any]:
    """What an item is: its rule, its weight and the columns that name it."""
    k = int(rows.rule_of_item[i])
    rule = rows.rules[k]
    first = int(np.flatnonzero(rows.rule_of_item == k)[0])
    return {"rule": rule.rule, **{str(n): v for n, v in rule.items.iloc[i - first].items()}}


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
        ends = [rule.value(now, False), hopeful.value(now | survey, True)]
        known = sorted(value for value in ends if value is not None)
        row[f"{rule.rule}.low"], row[f"{rule.rule}.high"] = (known[0], known[-1]) if known else (None, None)
    return row


def unmet_table(world: World, rows: Rows) -> pd.DataFrame:
    """Items that no action serves; who must act follows from why."""
    found = []
    for i in np.flatnonzero(rows.hopeless).tolist():
        item = _item(rows, i)
        mine = rows.matrix[np.flatnonzero(rows.item == i)]
        why = item.get("why")
        if not isinstance(why, str):
            surveys = world.actions["kind"].to_numpy(object)[mine.indices] == "survey"
            why = NO_CANDIDATE if mine.nnz == 0 else "survey" if surveys.any() else NO_DATA
        found.append({**item, "why": why, "who": "data" if why == "data_end" else "bureau"})
    return pd.DataFrame(found, columns=["rule", "weight", "why", "who"] if not found else None)


def survey_table(world: World, problem: PlanProblem, plan: LevelPlan, survey: BoolArray) -> pd.DataFrame:
    """What to survey, by the money that each answer can save."""
    asked = np.flatnonzero(survey)
    saves = survey_savings(problem, plan, asked)
    table = pd.DataFrame(world.actions.iloc[asked][["id", "target", "name", "place", "county"]])
    table["saves_low"], table["saves_high"] = saves.low[asked], saves.high[asked]
    return table.sort_values(["saves_low", "id"], ascending=[False, True]).reset_index(drop=True)
