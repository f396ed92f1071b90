"""The plan to adopt as tables: what map, layers, workbook, report and ``result.json`` say of it, computed once.

Money is in the unit of the cost table, lengths in metres, shares 0 to 1; nothing is rounded here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..plan import Plan
from ..rules.finding import Finding
from ..schema import COLUMNS, in_currency, shown
from ..siting.programme import Programme
from ..texts import text
from ..units import M_PER_KM
from . import numbers


def action_table(plan: Plan) -> gpd.GeoDataFrame:
    """Actions of the plan in building order.

    Returns
    -------
    GeoDataFrame
        EPSG:4326; ``order, id, kind, place, name, county, year, cost, bureau_cost`` (the bureau's part), ``certain``,
        ``without_low, without_high, without_lost, closes`` (list of mappings), ``spent`` (money up to it).
    """
    programme = _of(plan)
    table = programme.chosen.reset_index(drop=True)
    shares = [getattr(programme.costs, kind).paid_by.get("bureau", np.nan) for kind in table["kind"]]
    return table.assign(
        year=table["stage_year"],
        bureau_cost=table["cost"] * np.array(shares, dtype=float),
        spent=table["cost"].cumsum(),
    )


def step_rows(plan: Plan) -> list[dict[str, Any]]:
    """Today, then the state after each action: ``order, action, year, spent, people``, each rule with its status."""
    programme = _of(plan)
    rows = []
    for row in programme.steps.to_dict("records"):
        rules = {}
        for rule in programme.rules:
            found = plan.before[rule.rule]
            at = found.at if pd.isna(row["year"]) else dt.date(int(row["year"]), 12, 31)
            now = _finding_at(found, row[f"{rule.rule}.low"], row[f"{rule.rule}.high"], at)
            rules[rule.rule] = {"low": now.low, "high": now.high, "status": now.status}
        rows.append(
            {key: row[key] for key in ("order", "action", "year", "spent", "people")} | {"rules": rules}
        )
    return rows


def _finding_at(found: Finding, low: float | None, high: float | None, at: dt.date | None) -> Finding:
    return replace(found, low=low, high=high, figures={}, at=at)


def level_rows(plan: Plan) -> list[dict[str, Any]]:
    """Each level with its certificate: ``name, objective, bound, price_bound, rests_on, gap, status, runtime_s``.

    ``rests_on`` says what proves ``bound``: the prices of the rows, or branch and bound beyond ``price_bound``.
    """
    keys = ("name", "objective", "bound", "price_bound", "rests_on", "gap", "status", "runtime_s")
    return [{key: getattr(level, key) for key in keys} for level in _of(plan).levels]


def stage_rows(plan: Plan) -> list[dict[str, Any]]:
    """Each year: money given and spent up to it, actions, and the rules' values at its end."""
    programme = _of(plan)
    if programme.stages is None:
        return []
    steps = step_rows(plan)
    rows = []
    for year, money in zip(programme.stages.years.tolist(), programme.stages.money.tolist(), strict=True):
        done = [step for step in steps if pd.isna(step["year"]) or step["year"] <= year]
        # Nothing may happen in a year, yet a rule falls due in it.
        state = {name: _finding_at(plan.before[name], rule["low"], rule["high"], dt.date(year, 12, 31))
                 for name, rule in done[-1]["rules"].items()}  # fmt: skip
        rows.append(
            {
                "year": year,
                "budget": money,
                "spent": done[-1]["spent"],
                "actions": int((programme.chosen["stage_year"] == year).sum()),
                "people": done[-1]["people"],
                "rules": {n: {"low": f.low, "high": f.high, "status": f.status} for n, f in state.items()},
            }
        )
    return rows


def shared_gap_table(plan: Plan) -> pd.DataFrame:
    """Gaps that the region shares with a neighbour once the plan is carried out, and what closes them."""
    gaps = plan.after.gaps
    rules = {rule.rule for rule in _of(plan).rules}
    return pd.DataFrame(
        gaps[(gaps["spacing_class"] == "shared") & gaps["rule"].isin(rules)].drop(columns="geometry")
    )


def other_actions(plan: Plan) -> gpd.GeoDataFrame:
    """Actions that are not in the plan, the least additional money first: "why not my town?"."""
    programme = _of(plan)
    table = programme.actions
    free = table[~table["chosen"] & table["reason"].isna() & table["insist_low"].notna()]
    return free.sort_values(["insist_high", "insist_low", "id"]).reset_index(drop=True)


# -- as people read them ---------------------------------------------------------------------------------


def shown_actions(plan: Plan, lang: str) -> gpd.GeoDataFrame:
    """Actions in building order with the columns of :data:`.columns.ACTION_COLUMNS`."""
    table = action_table(plan)
    return table.assign(
        build_order=table["order"],
        action_kind=table["kind"],
        stage_year=table["year"].astype("string"),
        money=table["cost"],
        closes_words=[closes_words(plan, found, lang) for found in table["closes"]],
        without_words=[without_words(plan, row, lang) for row in table.to_dict("records")],
    )


def closes_words(plan: Plan, closes: list[dict[str, Any]], lang: str) -> str:
    """What an action closes, rule by rule: ``"spacing: 2 gaps on G106, S321; shore power: Berth 4"``."""
    parts = []
    for rule in dict.fromkeys(item["rule"] for item in closes):
        mine = [item for item in closes if item["rule"] == rule]
        refs = sorted(
            {str(item["ref"]) for item in mine if "from_m" in item and not pd.isna(item.get("ref"))}
        )
        if refs:
            length = shown(
                sum(item["weight"] for item in mine) / M_PER_KM, COLUMNS["length_km"], lang, unit=True
            )
            what = text("plan.closes-length", lang, length=length, refs=text("map.comma", lang).join(refs))
        else:
            names = [str(item.get("name") or item.get("id") or "") for item in mine]
            what = text("map.comma", lang).join(name for name in names if name and name != "nan")
        title = plan.before[rule].rule.title[lang]
        parts.append(f"{title}{text('report.colon', lang)}{what}" if what else title)
    return text("plan.semicolon", lang).join(parts) or text("plan.closes-nothing", lang)


def without_words(plan: Plan, row: dict[str, Any], lang: str) -> str:
    """What doing without an action costs: more money, or what nobody serves then."""
    if row["without_lost"]:
        return text("plan.without-lost", lang, n=int(row["without_lost"]))
    if pd.isna(row["without_low"]):
        return text("value.none", lang)
    if row["without_high"] < row["without_low"] + 1e-6 and row["without_low"] <= 1e-6:
        return text("plan.without-nothing", lang)
    return text("plan.without-money", lang, money=money(plan, row["without_low"], lang))


def money(plan: Plan, value: float, lang: str) -> str:
    """An amount of money with its unit."""
    return shown(value, in_currency(COLUMNS["money"], _of(plan).costs.currency), lang, unit=True)


def shown_others(plan: Plan) -> gpd.GeoDataFrame:
    """Actions that are not in the plan with the columns of :data:`.columns.OTHER_ACTION_COLUMNS`."""
    table = other_actions(plan)
    return table.assign(action_kind=table["kind"], money=table["cost"])


def shown_steps(plan: Plan, lang: str) -> pd.DataFrame:
    """Today and each step, with each rule's value in words in a column of its own, called by the rule's id."""
    names = dict(zip(_of(plan).actions["id"], _of(plan).actions["name"], strict=True))
    rows = []
    for step in step_rows(plan):
        values = {}
        for rule, found in step["rules"].items():
            now = _finding_at(plan.before[rule], found["low"], found["high"], None)
            values[rule] = numbers.interval(now, lang)
        action = names.get(step["action"], text("plan.today", lang))
        year = None if step["year"] is None or pd.isna(step["year"]) else str(int(step["year"]))
        about = {"build_order": step["order"], "action": action, "stage_year": year, "spent": step["spent"]}
        rows.append({**about, "people_reached": step["people"], **values})
    return pd.DataFrame(rows)


def shown_savings(plan: Plan) -> pd.DataFrame:
    """What to survey, by the money that the answer can save, with the columns of :data:`.columns.SAVING_COLUMNS`."""
    return _of(plan).survey.rename(columns={"name": "what"})


def plan_part(plan: Plan) -> dict[str, Any] | None:
    """The plan as ``result.json`` has it; None if none was asked for."""
    programme = plan.programme
    if programme is None:
        return None
    columns = [
        *(
            "id",
            "kind",
            "place",
            "name",
            "target",
            "county",
            "lon",
            "lat",
            "year",
            "order",
            "cost",
            "bureau_cost",
        ),
        *("spent", "closes", "certain", "without_low", "without_high", "without_lost"),
    ]
    others = [
        "id",
        "kind",
        "place",
        "name",
        "county",
        "lon",
        "lat",
        "cost",
        "insist_low",
        "insist_high",
        "chosen_at",
    ]
    costs = programme.costs
    return {
        "actions": _listed(action_table(plan), columns),
        "steps": step_rows(plan),
        "levels": level_rows(plan),
        "stages": stage_rows(plan),
        "schedule": _schedule(programme),
        "unmet": programme.unmet.to_dict("records"),
        "shared_gaps": shared_gap_table(plan).to_dict("records"),
        "survey": programme.survey.rename(columns={"name": "what"}).to_dict("records"),
        "others": _listed(other_actions(plan), others),
        "cost": {
            "low": programme.cost_low,
            "high": programme.cost_high,
            "least": programme.least,
            "greedy": programme.greedy_cost,
            "budget": programme.budget,
            "unit": costs.currency,
            "source": costs.source,
            "date": None if costs.date is None else costs.date.isoformat(),
            "assumed": costs.assumed,
        },
        "people": {
            "total": programme.people_total,
            "before": programme.people_before,
            "after": programme.people_after,
        },
        "complete": programme.complete,
        "candidates": int(
            (
                programme.actions["reason"].isna() & ~programme.actions["kind"].isin(["survey", "opening"])
            ).sum()
        ),
        "verified": not programme.faults,
        "faults": list(programme.faults),
    }


def _schedule(programme: Programme) -> dict[str, Any] | None:
    """Certificate of the spread over the years."""
    if programme.stages is None:
        return None
    keys = ("objective", "bound", "price_bound", "gap", "status", "runtime_s")
    return {key: getattr(programme.stages, key) for key in keys}


def _listed(table: gpd.GeoDataFrame, columns: list[str]) -> list[dict[str, Any]]:
    points = table.geometry
    here = points.notna() & ~points.is_empty
    lonlat = {"lon": points.x.where(here).round(7), "lat": points.y.where(here).round(7)}
    frame = pd.DataFrame(table.drop(columns="geometry")).assign(**lonlat)
    return [{str(k): v for k, v in row.items()} for row in frame[columns].to_dict("records")]


def _of(plan: Plan) -> Programme:
    assert plan.programme is not None
    return plan.programme
