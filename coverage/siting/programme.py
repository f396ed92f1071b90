"""The plan that a bureau adopts: which actions, in which order and year, for how much, and how it is proven.

It is made twice: taking what the data leave open as missing, which is the plan, and as there, which says what of it is
needed either way. Everything here is recounted by :mod:`.proof`, and by the assessment with the actions carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import sparse

from ..rules.costs import CostTable
from ..rules.model import SiteRequirement
from ..rules.reach import first_of_charging
from ..rules.rows import DemandReached, RuleRows
from .levels import Level, LevelPlan, PlanProblem, greedy_plan, solve_levels
from .maxcover.priced import TIME_LIMIT_S
from .maxcover.problem import BoolArray, FloatArray
from .maxcover.run import Progress
from .plan_steps import action_table, step_table, survey_table, unmet_table
from .proof import check_proof, write_proof
from .rows import stack_rows
from .stages import StagePlan, given_stages, spread_plan
from .world import World, favourable_rows, rows_of


@dataclass(frozen=True)
class ProgrammeOptions:
    """What a plan is asked for beside the rules.

    Attributes
    ----------
    meet : tuple of str
        Ids of the rules to meet, in order of priority; empty for all in the policy's order.
    then : mapping
        What the money that is left is spent on (``"people"``, ``"highway"``, ``"flow"``), with its importance.
    growth : mapping
        County (``"*"``: all others) -> year -> factor on the demand of the year ``begin``.
    begin : int
        Year that is assessed.
    budget : float or None
        Money in all; the least that meets the rules if left out.
    years : mapping
        Year -> money; their sum is the budget.
    greedy : bool
        The plan by greedy choice alone, with its bound.
    effort, time_limit_s, gap : float
        Of each level; see :func:`.priced.solve_program`.
    scheduled : mapping, optional
        The plan is given: ids of its actions with their years. All that is required is in it, and money is no limit.
    """

    meet: tuple[str, ...] = ()
    then: Mapping[str, float] = field(default_factory=lambda: {"people": 1.0})
    growth: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    begin: int = 2000
    budget: float | None = None
    years: Mapping[int, float] = field(default_factory=dict)
    greedy: bool = False
    effort: float = 1.0
    time_limit_s: float = TIME_LIMIT_S
    gap: float = 0.0
    scheduled: Mapping[str, int] | None = None

    @property
    def money(self) -> float | None:
        """Money in all; None without a limit."""
        if self.scheduled is not None:
            return None
        return float(sum(self.years.values())) if self.years else self.budget


@dataclass(frozen=True, eq=False, repr=False)
class Programme:
    """A plan and all that is known about it.

    Attributes
    ----------
    actions : GeoDataFrame
        All actions and events (see :func:`.actions.find_actions`) with ``chosen`` (bool), ``order``, ``stage_year``,
        ``certain`` (needed whatever a survey says), ``in_other`` (in the plan if all that is unknown turns out well),
        ``without_low, without_high`` (additional money if it must not be), ``without_lost`` (what nothing serves then),
        ``insist_low, insist_high`` (additional money if it must be), ``chosen_at`` (cost at which it would be chosen),
        ``closes`` (list of what it serves that was not served before it); with counts of traffic ``traffic_points``
        (see :func:`.traffic_points.with_traffic_points`).
    steps : DataFrame
        After each action: ``order, action, year, spent, people``, ``RULE.low, RULE.high`` of each rule; row 0: today.
        What opens by itself is a row, too, before the actions of its year and with the ``order`` of the one before.
    levels : tuple of Level
    stages : StagePlan or None
    unmet : DataFrame
        ``rule, what, why, who, weight``: what no action can serve.
    survey : DataFrame
        ``action`` (of the event), ``target, name, place, saves_low, saves_high``: the most decisive first.
    cost_low, cost_high : float
        Money if all that is unknown turns out well, and if none does: what the plan spends. Where it is too little for
        all rules, the former is what the rules need if all turns out well, or the same as the latter if they need more.
    least : float
        Least money that meets the rules.
    complete : bool
        False if the budget is too little for all rules.
    greedy_cost : float
        Money of the plan that greedy choice alone makes for the same rows.
    people_total, people_before, people_after : float
    proof : dict
        See :func:`.proof.write_proof`.
    faults : tuple of str
        What the check of the proof found wrong; empty if all holds.
    world : World
        What the rows were made from.
    people : DemandReached
        People within reach in the plan's last year.
    people_reach : tuple
        What a site must have for them, and how far it may be: kilometres, or minutes of driving.
    required : (n,) bool
        Actions and events that are in every plan.
    given : bool
        The plan was not looked for: it is that of a scenario.
    in_time : tuple of str
        Ids of actions that were set so that rules are met by their years; what is proven is proven of plans with them.
    """

    actions: gpd.GeoDataFrame
    rules: tuple[RuleRows, ...]
    steps: pd.DataFrame
    levels: tuple[Level, ...]
    stages: StagePlan | None
    unmet: pd.DataFrame
    survey: pd.DataFrame
    cost_low: float
    cost_high: float
    least: float
    budget: float | None
    complete: bool
    greedy_cost: float
    people_total: float
    people_before: float
    people_after: float
    costs: CostTable
    proof: dict[str, Any]
    faults: tuple[str, ...]
    world: World
    people: DemandReached
    people_reach: tuple[SiteRequirement, float | None, float | None]
    required: BoolArray
    then: Mapping[str, float] = field(default_factory=lambda: {"people": 1.0})
    given: bool = False
    in_time: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Actions, money, and whether the rules are met."""
        cost = " – ".join(dict.fromkeys(f"{money:g}" for money in (self.cost_low, self.cost_high)))
        return f"<Programme: {len(self.chosen)} actions, cost {cost}, {'complete' if self.complete else 'incomplete'}>"

    @cached_property
    def chosen(self) -> gpd.GeoDataFrame:
        """The actions of the plan in building order."""
        return self.actions[self.actions["chosen"]].sort_values("order")

    @property
    def spends_more(self) -> bool:
        """Whether the plan spends more than the rules need."""
        return self.cost_high > self.least + 1e-6

    @property
    def carried_out(self) -> gpd.GeoDataFrame:
        """What is there once the plan is carried out: its actions, and what opens by itself until then."""
        return self.actions[self.actions["chosen"] | (self.actions["kind"] == "opening")]


def make_programme(
    world: World,
    options: ProgrammeOptions,
    *,
    required: Sequence[str] = (),
    costs: CostTable,
    reach_km: float = 10.0,
    prefer: BoolArray | None = None,
    progress: Progress | None = None,
) -> Programme:
    """Make the plan.

    Parameters
    ----------
    world : World
        State today, policy and actions; ``actions.reason`` says which can't be chosen.
    options : ProgrammeOptions
    required : sequence of str
        Ids of actions that must be in the plan.
    costs : CostTable
        What the actions' costs come from.
    reach_km : float
        Driving distance within which people are reached, where no rule says.
    prefer : (n,) bool, optional
        Actions that come first among equals.
    progress : callable, optional
        Told of the best value and its bound in each level.
    """
    people = _demand(world, "people", reach_km, options)
    reached = people if set(options.then) == {"people"} else _aims(world, reach_km, options)
    good = next(iter(options.then)) if len(options.then) == 1 else "aims"
    survey = (world.actions["kind"] == "survey").to_numpy(bool)
    may = ~_shut(world, required)
    # What nothing serves is found first; then rows are added until no plan breaks a rule that it seems to keep.
    rules = _with_more_rows(_asked(rows_of(world), options.meet), [may | survey, may])
    while True:
        base = replace(_problem(world, rules, reached, required), good=good)
        favourable = base.answered(survey)
        base, other, plan, stages = _solved(world, base, favourable, reached, options, prefer, progress)
        more = _with_more_rows(rules, [other.whole, plan.whole, greedy_plan(base)])
        if all(a is b for a, b in zip(rules, more, strict=True)):
            break
        rules = more
    purse = plan.least if options.money is None or not plan.complete else options.money
    given, spent = options.scheduled is not None, base.money(plan.chosen)
    claimed = None if given else stages  # nothing is claimed of years that are given
    ids = world.actions["id"].astype(str)
    proof = write_proof(base, plan, purse, ids, claimed)
    insisted = _problem(world, rules, reached, required).required
    return Programme(
        actions=action_table(world, base, plan, other, stages),
        rules=rules,
        steps=step_table(world, base, plan, stages, survey, people, favourable_rows(world, rules)),
        levels=plan.levels,
        stages=stages,
        unmet=unmet_table(world, base.rows),
        survey=survey_table(world, base, plan, survey),
        cost_low=_favourable_money(favourable, other, plan, spent),
        cost_high=spent,
        least=plan.least,
        budget=options.money,
        complete=plan.complete,
        greedy_cost=base.money(greedy_plan(base)),
        people_total=float(people.weight.sum()),
        people_before=people.within(np.zeros(world.n, np.bool_)),
        people_after=people.within(plan.chosen),
        then=dict(options.then),
        costs=costs,
        proof=proof,
        faults=tuple(check_proof(proof)),
        world=world,
        people=people,
        people_reach=_people_reach(world, reach_km),
        # Not base.required: of that are also actions that the due rules want in time, which a person may change.
        required=insisted,
        given=given,
        in_time=tuple(ids[base.required & ~insisted]),
    )


def _favourable_money(favourable: PlanProblem, other: LevelPlan, plan: LevelPlan, spent: float) -> float:
    """Money if all that is unknown turns out well; never more than what is spent if it does not."""
    if not other.complete:
        return spent  # answers save nothing, the same money reaches more
    # A plan that is short spends nothing on more than the rules: compared with it is the least money for them.
    return min(favourable.money(other.chosen) if plan.complete else other.least, spent)


def _with_more_rows(rules: tuple[RuleRows, ...], plans: Sequence[BoolArray]) -> tuple[RuleRows, ...]:
    """Rules with the rows that these plans break; the same objects where they break none."""
    found = list(rules)
    for plan in plans:
        for k, rule in enumerate(found):
            found[k] = rule.completed(plan) or rule
    return tuple(found)


def _solved(
    world: World,
    base: PlanProblem,
    favourable: PlanProblem,
    reached: DemandReached,
    options: ProgrammeOptions,
    prefer: BoolArray | None,
    progress: Progress | None,
) -> tuple[PlanProblem, LevelPlan, LevelPlan, StagePlan | None]:
    """The problem with what its years require, the plan if all that is unknown turns out well, the plan, its years."""
    survey = (world.actions["kind"] == "survey").to_numpy(bool)
    limits: dict[str, Any] = {
        "effort": options.effort, "time_limit_s": options.time_limit_s, "gap": options.gap,
    }  # fmt: skip
    other = solve_levels(favourable, budget=options.money, prefer=prefer, **limits)
    kept = other.chosen & ~survey if prefer is None else prefer | (other.chosen & ~survey)
    plan = solve_levels(
        base, budget=options.money, prefer=kept, greedy=options.greedy, progress=progress, **limits
    )
    if not options.years:
        return base, other, plan, None
    listed = list(options.years)
    if options.scheduled is not None:
        stages = _as_scheduled(world, base, plan, options, options.scheduled)
        return base, other, replace(plan, order=stages.order), stages
    lacking = ~reached.reached
    now = [_growth(reached.demand, options, year)[lacking] for year in listed]
    base, plan, stages = spread_plan(
        base,
        plan,
        listed,
        list(options.years.values()),
        lambda problem: solve_levels(problem, budget=options.money, prefer=kept, **limits),
        earliest=world.actions["year"].fillna(listed[0]).to_numpy(np.int64),
        prefer=kept,
        demand=base.weight * np.array(now) / now[-1],
        **limits,
    )
    # Of equally good plans the one that serves most early is the plan.
    spread = stages.stage >= 0
    whole = spread if plan.complete else plan.whole
    return base, other, replace(plan, chosen=spread, order=stages.order, whole=whole), stages


def _as_scheduled(
    world: World, base: PlanProblem, plan: LevelPlan, options: ProgrammeOptions, scheduled: Mapping[str, int]
) -> StagePlan:
    """The years of a plan that is given; what opens by itself has its own, what is named without one the last."""
    years = np.array(list(options.years), dtype=np.int64)
    when = world.actions["id"].map(dict(scheduled)).astype(float).fillna(world.actions["year"].astype(float))
    stage = np.searchsorted(years, when.fillna(float(years[-1])).to_numpy(np.float64))
    stage = np.where(plan.chosen, np.minimum(stage, len(years) - 1), -1).astype(np.int64)
    return given_stages(base, years, list(options.years.values()), stage)


def _shut(world: World, required: Sequence[str]) -> BoolArray:
    """Actions that can't be chosen, and events that are not for a plan to choose."""
    actions = world.actions
    shut = actions["reason"].notna() | (actions["kind"] == "survey")
    return np.asarray(shut & ~actions["id"].isin(set(required)), dtype=np.bool_)


def _asked(rules: tuple[RuleRows, ...], meet: tuple[str, ...]) -> tuple[RuleRows, ...]:
    if not meet:
        return rules
    known = {rule.rule: rule for rule in rules}
    return tuple(known[name] for name in meet if name in known)


def _aims(world: World, reach_km: float, options: ProgrammeOptions) -> DemandReached:
    """Demand of the second level: of one aim in its unit, of several by importance, 100 for all of them."""
    then = options.then
    parts = {aim: _demand(world, aim, reach_km, options) for aim in then}
    if len(parts) == 1:
        return next(iter(parts.values()))
    scaled = [
        found.weight * (100.0 * then[aim] / max(float(found.weight.sum()), 1e-300))
        for aim, found in parts.items()
    ]
    return DemandReached(
        pd.concat([found.demand for found in parts.values()], ignore_index=True),
        np.concatenate(scaled),
        np.concatenate([found.reached for found in parts.values()]),
        sparse.csr_array(sparse.vstack([found.matrix for found in parts.values()])),
        np.concatenate([found.off_road for found in parts.values()]),
    )


def _growth(demand: pd.DataFrame, options: ProgrammeOptions, year: int) -> FloatArray:
    """(m,) factor on each demand in a year: straight between the years that are given, then as in the last of them."""
    factors = {}
    for county, given in options.growth.items():
        years = sorted(given)
        values = [given[y] for y in years]
        if years[0] > options.begin:
            years, values = [options.begin, *years], [1.0, *values]
        factors[county] = float(np.interp(year, years, values))
    found = demand["county"].map(factors).astype(float).fillna(factors.get("*", 1.0))
    return np.where(demand["grows"], found, 1.0).astype(np.float64)


def _people_reach(world: World, reach_km: float) -> tuple[SiteRequirement, float | None, float | None]:
    """What a site must have to bring people within reach, and how far that is: by the policy's rule if there is one."""
    rule = first_of_charging(world.policy)
    if rule is None:
        return SiteRequirement(), reach_km, None
    return rule.site, rule.reach_km, rule.reach_min


def _demand(world: World, aim: str, reach_km: float, options: ProgrammeOptions) -> DemandReached:
    """Demand of an aim in the plan's last year: within the reach of the policy's rule on it if there is one."""
    amount = "weight" if aim == "people" else aim
    site, within_km, within_min = _people_reach(world, reach_km)
    found = world.demand_within(site, within_km, amount, reach_min=within_min)
    demand = found.demand.assign(grows=aim != "highway")
    factor = _growth(demand, options, max(options.years, default=options.begin))
    return replace(found, demand=demand, weight=found.weight * factor)


def _problem(
    world: World, rules: tuple[RuleRows, ...], reached: DemandReached, required: Sequence[str]
) -> PlanProblem:
    """The problem in which what is unknown is missing, and what opens by itself is there."""
    actions = world.actions
    opening = (actions["kind"] == "opening").to_numpy(bool)
    must, shut = actions["id"].isin(set(required)).to_numpy(bool), _shut(world, required)
    rows = stack_rows(rules, world.n, ~shut)
    lacking = np.flatnonzero(~reached.reached)
    return PlanProblem(
        actions["cost"].to_numpy(np.float64),
        rows,
        sparse.csr_array(reached.matrix[lacking]),
        reached.weight[lacking],
        opening | must,
        shut,
        thing=world.things,
    )
