"""Sheets of the workbook on siting: proposed sites, curve, what stays uncovered, least sites, retrofits."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ..plan import Plan
from ..schema import COLUMNS, Column, columns, in_currency
from ..texts import text
from ..units import in_kilometres
from .columns import (
    ACTION_COLUMNS,
    OTHER_ACTION_COLUMNS,
    SAVING_COLUMNS,
    STEP_COLUMNS,
    UNSERVED_COLUMNS,
)
from .plan_tables import coverage_curve
from .programme import shown_actions, shown_others, shown_savings, shown_steps
from .sheet import Head, Sheet, heads, placed
from .siting_layers import amounts_in_units


def proposed_sheet(plan: Plan, lang: str) -> Sheet:
    """New sites in build order, with what is lost without each."""
    frames = []
    for siting in plan.siting:
        frame = placed(siting.proposed).rename(columns={"order": "build_order"})
        if len(siting.choices):
            choices = siting.choices[["id", "price", "share_of_good_plans", "essential"]]
            frame = frame.merge(
                choices.assign(share_of_good_plans=choices["share_of_good_plans"] * 100.0),
                on="id",
                how="left",
            )
        frames.append(amounts_in_units(frame, siting.objective_name))
    names = (
        "build_order name kind adds share_after cost objective price share_of_good_plans essential id lon lat"
    )
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Sheet("proposed", heads(names, lang, objective_of(plan)), frame)


def programme_sheets(plan: Plan, lang: str) -> list[Sheet]:
    """The plan to adopt: its actions (the sheet for finance), its steps, what a survey can save, what it leaves out."""
    if plan.programme is None:
        return []
    currency = plan.programme.costs.currency

    def own(names: Iterable[Column]) -> tuple[Head, ...]:
        return heads([in_currency(each, currency) for each in names], lang)

    rules = [plan.before[rule.rule].rule for rule in plan.programme.rules]
    values = tuple(Head(rule.id, rule.title[lang], COLUMNS["value"], rule.title[lang]) for rule in rules)
    return [
        Sheet("plan-actions", own((*ACTION_COLUMNS, *columns("lon lat"))), placed(shown_actions(plan, lang))),
        Sheet("plan-steps", (*own(STEP_COLUMNS), *values), shown_steps(plan, lang)),
        Sheet("plan-survey", own(SAVING_COLUMNS), shown_savings(plan)),
        Sheet("plan-others", own((*OTHER_ACTION_COLUMNS, *columns("lon lat"))), placed(shown_others(plan))),
    ]


def objective_of(plan: Plan) -> str:
    """The siting's objective, whose unit the amounts of a sheet have; empty if nothing was sited."""
    return plan.siting[0].objective_name if plan.siting else ""


def curve_sheet(plan: Plan, lang: str) -> Sheet:
    """Coverage by number of new sites, with the bound."""
    renamed = {"objective": "objective_value", "cost": "cost_so_far", "built": "sites_built"}
    frames = [
        amounts_in_units(coverage_curve(s).rename(columns=renamed), s.objective_name).assign(
            objective=s.objective_name
        )
        for s in plan.siting
    ]
    names = "sites_built objective name adds objective_value share cost_so_far best best_share bound bound_share gap"
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Sheet("curve", heads(names, lang, objective_of(plan)), frame)


def least_sheets(plan: Plan, lang: str) -> list[Sheet]:
    """Least sites for each span, and the stretches that nothing can serve."""
    titles = {c.rule: plan.before[c.rule].rule.title[lang] for c in plan.compliance}
    sites = [
        placed(c.sites).assign(span_km=c.span_km, rule_title=titles[c.rule])
        for c in plan.compliance
        if len(c.sites)
    ]
    left = [
        in_kilometres(c.unserved).assign(span_km=c.span_km, rule_title=titles[c.rule])
        for c in plan.compliance
        if len(c.unserved)
    ]
    found, never = (pd.concat(f, ignore_index=True) if f else pd.DataFrame() for f in (sites, left))
    names = "span_km build_order name kind serves cost id lon lat"
    which = heads("rule_title", lang) if len(titles) > 1 else ()
    return [
        Sheet("least-sites", (*which, *heads(names, lang)), found.rename(columns={"order": "build_order"})),
        Sheet("unserved", (*which, *heads(UNSERVED_COLUMNS, lang)), never),
    ]


def retrofit_sheet(plan: Plan, lang: str) -> Sheet:
    """Berths to retrofit, best first."""
    names = (
        "name port class_t calls_per_year hours_per_call energy_kwh energy_estimated co2_avoided_t retrofit_cost "
        "co2_t_per_cost build_order id"
    )
    found = plan.retrofit
    frame = pd.DataFrame() if found is None else found.berths.rename(columns={"order": "build_order"})
    return Sheet("retrofit", heads(names, lang), frame)


def uncovered_sheet(plan: Plan, lang: str) -> Sheet:
    """Demand that stays uncovered with the plan, heaviest first, and why."""
    frames = []
    for siting in plan.siting:
        left = siting.demand[siting.demand["covered"] == "never"]
        never = left["id"].isin(set(siting.unreachable["id"]))
        why = np.where(never, text("sheet.never-reachable", lang), text("sheet.not-chosen", lang))
        points = bool((left.geometry.geom_type == "Point").all())
        frame = placed(left) if points else pd.DataFrame(left.drop(columns="geometry"))
        frame = amounts_in_units(frame.rename(columns={"weight": "amount"}), siting.objective_name)
        frames.append(frame.assign(objective=siting.objective_name, why=why))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if len(frame):
        frame = frame.sort_values(["amount", "id"], ascending=[False, True], kind="stable").reset_index(
            drop=True
        )
    return Sheet("uncovered", heads("name amount why objective lon lat id", lang, objective_of(plan)), frame)
