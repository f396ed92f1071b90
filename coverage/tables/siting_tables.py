"""Tables on siting: proposed sites and what each is worth, the curve, other plans, least sites, retrofits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..plan import Plan
from ..schema import (
    ACTION_ID,
    COLUMNS,
    FORMS,
    OBJECTIVE_UNITS,
    SITE_ID,
    column,
    of_objective,
    readers_unit,
    shown,
    unit_words,
)
from ..siting.planning.comply import Compliance
from ..siting.planning.outcome import Siting
from ..texts import text
from ..units import M_PER_KM, WGS84, in_kilometres
from .columns import OUTAGE_COLUMNS, UNSERVED_COLUMNS
from .numbers import plan_letter
from .row_ids import with_both_ids, with_row_id
from .table import Head, Table, heads, labelled, placed
from .words import short_name

RENAMED = {"sites": "new_sites", "share_before": "share_today", "share_after": "share_planned"}
HEAVIEST = 12
"""So many places that stay uncovered are named in the report."""


# -- amounts of demand -----------------------------------------------------------------------------------


def amount(weight: Any, objective: str, lang: str) -> str | None:
    """Covered demand in its unit: people, or kilometres of highway (the solver counts metres)."""
    if weight is None or pd.isna(weight):
        return None
    return shown(
        in_units(float(weight), objective), of_objective(column("amount"), objective), lang, unit=True
    )


def in_units(weight: Any, objective: str) -> Any:
    """An amount, or a column of amounts, in the unit it is shown in: the solver counts metres of highway."""
    return weight / M_PER_KM if objective == "highway" else weight


def amounts_in_units(frame: pd.DataFrame, objective: str) -> pd.DataFrame:
    """All columns that hold amounts of demand in the unit they are shown in."""
    held = [name for name in map(str, frame.columns) if name in COLUMNS and COLUMNS[name].unit == "demand"]
    return frame.assign(**{name: in_units(frame[name].astype(float), objective) for name in held})


def objective_of(plan: Plan) -> str:
    """The siting's objective, whose unit the amounts of a table have; empty if nothing was sited."""
    return plan.siting[0].objective_name if plan.siting else ""


def siting_currency(plan: Plan) -> str:
    """Unit of what sites cost: that of the table of costs if the project says what they cost; else each is 1."""
    return plan.currency if plan.project.siting.cost else ""


def _gathered(
    name: str, plan: Plan, lang: str, rows: Callable[[Siting], pd.DataFrame], columns: str, **options: Any
) -> Table:
    """A table of the rows of each siting, under the columns named, amounts in the unit of its objective."""
    frames = [
        amounts_in_units(frame, siting.objective_name).assign(objective=siting.objective_name)
        for siting in plan.siting
        if len(frame := rows(siting))
    ]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    frame = with_row_id(frame, columns.split())
    return Table(name, heads(columns, lang, objective_of(plan), siting_currency(plan)), frame, **options)


# -- proposed sites --------------------------------------------------------------------------------------


def proposed_frame(siting: Siting, lang: str) -> gpd.GeoDataFrame:
    """Proposed sites with their price, what they serve, and both in words; amounts as the solver counts them."""
    frame = siting.proposed.rename(columns={"order": "build_order"})
    if len(siting.choices):
        choices = siting.choices.assign(share_of_good_plans=siting.choices["share_of_good_plans"] * 100.0)
        frame = frame.merge(choices, on="id", how="left")
    if len(siting.sites):
        own = siting.sites.loc[~siting.sites["existing"].astype(bool)]
        wanted = [c.name for c in OUTAGE_COLUMNS if c.name in own]
        frame = frame.merge(own[["id", *wanted]].drop_duplicates("id"), on="id", how="left")
    rows = frame.drop(columns="geometry").to_dict("records")
    name = siting.objective_name
    words: dict[str, Any] = {
        "adds_words": [amount(row["adds"], name, lang) for row in rows],
        "without_it": [_without(row, name, lang) for row in rows],
        "in_plans": [_in_plans(row, lang) for row in rows],
    }
    for key in ("covers", "lost", "capacity", "served"):
        if key in frame:
            # What equals the gain is said once.
            words[f"{key}_words"] = [
                None if row[key] == row["adds"] else amount(row[key], name, lang) for row in rows
            ]
    return gpd.GeoDataFrame(frame.assign(**words), geometry="geometry", crs=WGS84)


def _without(row: dict[str, Any], objective: str, lang: str) -> str | None:
    """What the plan loses at least without a site, the others placed anew."""
    low = row.get("price_low")
    if row.get("required") is True:
        return text("without.required", lang)
    if low is None or pd.isna(low):
        return None
    if low > 0:
        exact = row["price"] <= low
        return text(
            f"without.{'exactly' if exact else 'at-least'}", lang, amount=amount(low, objective, lang)
        )
    return text("without.nothing" if row["price"] <= 0 else "without.unproven", lang)


def _in_plans(row: dict[str, Any], lang: str) -> str | None:
    share = row.get("share_of_good_plans")
    if share is None or pd.isna(share):
        return None
    if row.get("essential") is True:
        return text("in-plans.essential", lang)
    price = row.get("price")
    if price is not None and price <= 0.0:
        return text("in-plans.free", lang)
    words = shown(share, column("share_of_good_plans"), lang, unit=True)
    return text("in-plans.share" if share > 50.0 else "in-plans.taste", lang, share=words)


def proposed(plan: Plan, lang: str) -> Table:
    """New sites in build order, with what is lost without each."""
    columns = (
        "build_order name kind adds share_after cost objective price share_of_good_plans essential action_id "
    )
    columns += "lon lat"
    words = labelled("column", dict.fromkeys(("without_it", "in_plans"), column("words")), lang)
    more: dict[str, Any] = {"paper": words, "row_id": "action_id"}
    return _gathered("proposed", plan, lang, lambda s: placed(proposed_frame(s, lang)), columns, **more)


def curve(plan: Plan, lang: str) -> Table:
    """Coverage by number of new sites, with the bound."""
    renamed = {"objective": "objective_value", "cost": "cost_so_far", "built": "sites_built"}
    columns = "sites_built objective name adds objective_value share cost_so_far best best_share bound bound_share gap"
    return _gathered("curve", plan, lang, lambda s: coverage_curve(s).rename(columns=renamed), columns)


def coverage_curve(siting: Siting) -> pd.DataFrame:
    """Coverage by number of new sites: along the plan's build order, the best of each number, and the proven bound.

    Returns
    -------
    DataFrame
        A row for each number of new sites, from none. Along the build order, as far as the plan goes: the ``site``
        and ``name`` built at this step, what it ``adds``, ``objective`` (weight covered), ``share`` of all weight,
        ``cost`` so far. From the frontier, where there is one: ``best`` and ``best_share`` (a plan of its own for
        each number), ``bound`` and ``bound_share`` (no plan of that number covers more), ``gap`` (relative).
    """
    result, chosen = siting.result, siting.proposed
    gain = np.asarray(result.gain, float)
    covered = result.base + np.concatenate([[0.0], np.cumsum(gain)])
    total = result.total or np.nan
    missing: list[object] = [None]
    frame = pd.DataFrame(
        {
            "built": np.arange(len(covered)),
            "site": missing + chosen["id"].tolist(),
            "name": missing + chosen["name"].tolist(),
            "adds": [np.nan, *gain],
            "objective": covered,
            "share": covered / total,
            "cost": np.concatenate([[0.0], np.cumsum(chosen["cost"].astype(float))]),
        }
    )
    best = _best(siting, len(frame))
    frame = frame.merge(best, on="built", how="outer").sort_values("built", kind="stable", ignore_index=True)
    return frame.assign(best_share=frame["best"] / total, bound_share=frame["bound"] / total)


def _best(siting: Siting, n: int) -> pd.DataFrame:
    """``built, best, bound, gap`` of the frontier, as far as it rises; without one those of the plan alone."""
    frontier = siting.frontier
    if frontier.empty:
        result = siting.result
        return pd.DataFrame(
            {"built": [n - 1], "best": [result.objective], "bound": [result.bound], "gap": [result.gap]}
        )
    rises = np.flatnonzero(np.diff(frontier["objective"].to_numpy(float), prepend=-np.inf) > 0)
    last = max(n - 1, int(frontier["sites"].iloc[rises[-1]]) if len(rises) else 0)
    kept = frontier[frontier["sites"] <= last]
    return kept.rename(columns={"sites": "built", "objective": "best"})[["built", "best", "bound", "gap"]]


# -- other plans -----------------------------------------------------------------------------------------


def alternatives(plan: Plan, lang: str) -> Table:
    """A row for each other plan and place: what both plans have, what this one adds, what it leaves out."""
    columns = "plan part name kind build_order objective_value share less objective lon lat action_id"
    return _gathered("alternatives", plan, lang, _alternatives, columns)


def _ranked(siting: Siting) -> Iterable[tuple[dict[str, Any], frozenset[str]]]:
    """Other plans, the best first: letter and figures, ids of their places."""
    for k, (value, ids) in enumerate(sorted(siting.alternatives, key=lambda other: (-other[0], other[1]))):
        result = siting.result
        share = result.share_of(value) if result.total else np.nan
        less = max(result.objective - value, 0.0)
        yield (
            {"plan": plan_letter(k), "objective_value": value, "share": share, "less": less},
            frozenset(ids),
        )


def _alternatives(siting: Siting) -> pd.DataFrame:
    if not siting.alternatives:
        return pd.DataFrame()
    own = dict(zip(siting.proposed["id"], siting.proposed["order"], strict=True))
    rows = []
    for about, ids in _ranked(siting):
        for place in sorted({*own, *ids}, key=lambda i: (own.get(i, len(own) + 1), i)):
            part = "instead" if place not in own else "both" if place in ids else "left-out"
            rows.append({**about, "part": part, "build_order": own.get(place), "id": place})
    places = placed(siting.candidates[["id", "name", "kind", "geometry"]].drop_duplicates("id"))
    return pd.DataFrame(rows).merge(places, on="id", how="left")


def other_plans(plan: Plan, lang: str) -> Table:
    """A row for each other plan: its share, the numbers of our sites that it leaves out, what it builds instead."""

    def rows(siting: Siting) -> pd.DataFrame:
        own = dict(zip(siting.proposed["id"], siting.proposed["order"], strict=True))
        names = siting.candidates.drop_duplicates("id").set_index("id")["name"]
        comma = text("map.comma", lang)
        return pd.DataFrame(
            [
                {
                    **about,
                    "left-out": comma.join(map(str, sorted(int(own[i]) for i in set(own) - ids))),
                    "instead": comma.join(
                        short_name({"id": i, "name": names.get(i)}) for i in sorted(ids - set(own))
                    ),
                }
                for about, ids in _ranked(siting)
            ]
        )

    found = _gathered("other-plans", plan, lang, rows, "plan share less objective")
    lists = labelled("report.choices.head", dict.fromkeys(("left-out", "instead"), column("words")), lang)
    return replace(found, heads=(*found.heads, *lists))


# -- what the outcome holds ------------------------------------------------------------------------------


def outages(plan: Plan, lang: str) -> Table:
    """Each site out of order: what is lost."""
    known = {str(name) for siting in plan.siting for name in siting.sites.columns}
    held = " ".join(name for name in ("plugs", "capacity", "served") if name in known)

    def rows(siting: Siting) -> pd.DataFrame:
        frame = with_both_ids(siting.sites)
        by = ["lost", "id"]
        return frame.sort_values(by, ascending=[False, True], kind="stable") if len(frame) else frame

    columns = f"name existing county covers left lost {held} objective lon lat site_id action_id"
    return _gathered("outages", plan, lang, rows, columns)


def capacity(plan: Plan, lang: str) -> Table:
    """What each new site can serve and serves, where capacity was asked for."""

    def rows(siting: Siting) -> pd.DataFrame:
        asked = "capacity" in siting.sites and len(siting.served) > 0
        frame = (
            siting.sites.sort_values(["lost", "id"], ascending=[False, True], kind="stable")
            if asked
            else None
        )
        return pd.DataFrame() if frame is None else frame[~frame["existing"].astype(bool)]

    return _gathered("capacity", plan, lang, rows, "name plugs capacity served action_id", row_id="action_id")


def gains(plan: Plan, lang: str) -> Table:
    """What each county gains."""
    columns = "county total before after share_today share_planned new_sites min_sites objective"
    return _gathered("gains", plan, lang, lambda s: s.counties.rename(columns=RENAMED), columns)


def scenarios(plan: Plan, lang: str) -> Table:
    """What is covered in each scenario."""
    columns = "scenario probability detour total before after share_today share_planned objective"
    return _gathered("scenarios", plan, lang, lambda s: s.scenarios.rename(columns=RENAMED), columns)


def aims(plan: Plan, lang: str) -> Table:
    """Each aim in its own unit; those that do not add up (the worst-served county, cost) have shares alone."""
    frames = [
        amounts_in_units(rows.assign(objective=siting.objective_name, aim=aim), str(aim))
        for siting in plan.siting
        if len(siting.aims)
        for aim, rows in siting.aims.rename(columns=RENAMED).groupby("aim", sort=False)
    ]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["aim"])
    frame["unit_shown"] = [
        unit_words(readers_unit(unit, lang), lang) for unit in frame["aim"].map(OBJECTIVE_UNITS).fillna("")
    ]
    columns = "aim importance total before after unit_shown share_today share_planned objective"
    return Table("aims", heads(columns, lang), frame)


def pareto_front(plan: Plan, lang: str) -> Table:
    """Two aims against each other."""

    def rows(siting: Siting) -> pd.DataFrame:
        frame = siting.pareto_front
        chosen = [" ".join(map(str, ids)) for ids in frame["chosen"]] if len(frame) else []
        return frame.assign(chosen=chosen).rename(columns=RENAMED) if len(frame) else frame

    columns = "first share_first second share_second new_sites cost chosen objective"
    return _gathered("pareto-front", plan, lang, rows, columns)


def money(plan: Plan, lang: str) -> Table:
    """The best plan of each budget."""

    def rows(siting: Siting) -> pd.DataFrame:
        frame, total = siting.frontier_by_money, siting.result.total or np.nan
        if frame.empty:
            return frame
        shares = {"share": frame["objective"] / total, "bound_share": frame["bound"] / total}
        return frame.assign(**shares).rename(columns={**RENAMED, "objective": "objective_value"})

    columns = "budget new_sites cost objective_value share bound bound_share gap objective"
    return _gathered("money", plan, lang, rows, columns)


# -- uncovered, least sites, retrofits -------------------------------------------------------------------


def uncovered(plan: Plan, lang: str) -> Table:
    """Demand that stays uncovered with the plan, heaviest first, and why."""
    found = _gathered(
        "uncovered", plan, lang, lambda s: _uncovered(s, lang), "name amount why objective lon lat id"
    )
    frame = found.frame
    if len(frame):
        frame = frame.sort_values(["amount", "id"], ascending=[False, True], kind="stable", ignore_index=True)
    return replace(found, frame=frame)


def _uncovered(siting: Siting, lang: str) -> pd.DataFrame:
    left = siting.demand[siting.demand["covered"] == "never"]
    never = left["id"].isin(set(siting.unreachable["id"]))
    why = np.where(never, text("sheet.never-reachable", lang), text("sheet.not-chosen", lang))
    points = bool((left.geometry.geom_type == "Point").all())
    frame = placed(left) if points else pd.DataFrame(left.drop(columns="geometry"))
    return frame.rename(columns={"weight": "amount"}).assign(why=why)


def heaviest_uncovered(plan: Plan, lang: str) -> Table:
    """The heaviest of them; stretches of a route, which bear its name alone, as one."""

    def rows(siting: Siting) -> pd.DataFrame:
        frame = _uncovered(siting, lang)
        if siting.objective_name == "highway" and len(frame):
            frame = frame.groupby(["name", "why"], as_index=False).agg(
                id=("id", "first"), amount=("amount", "sum")
            )
        return frame.sort_values(["amount", "id"], ascending=[False, True], kind="stable").head(HEAVIEST)

    return _gathered("uncovered-heaviest", plan, lang, rows, "name amount why objective")


def least_spans(plan: Plan, lang: str) -> Table:
    """How many sites each longest gap needs at least."""
    several = len({c.rule for c in plan.compliance}) > 1
    frame = pd.DataFrame(
        [
            {
                "title": plan.before[c.rule].rule.title[lang],
                "span": c.span_km,
                "needed": len(c.sites),
                "bound": c.result.bound,
                "stretches": c.stretches,
                "unserved": len(c.unserved),
            }
            for c in plan.compliance
        ]
    )
    count = column("sites")
    columns = {
        **({"title": column("rule_title")} if several else {}),
        "span": column("span_km"),
        **dict.fromkeys(("needed", "bound", "stretches", "unserved"), count),
    }
    return Table("least-spans", labelled("report.head", columns, lang), frame, limits={"unserved": 0.0})


def _of_rule(plan: Plan, found: Compliance, frame: pd.DataFrame, lang: str) -> pd.DataFrame:
    """Rows of the least sites of a rule on spacing, with its title and span."""
    return frame.assign(
        span_km=found.span_km, rule=found.rule, rule_title=plan.before[found.rule].rule.title[lang]
    )


def _which(plan: Plan, lang: str) -> tuple[Head, ...]:
    """The rule's title, where least sites of several rules stand together."""
    return heads("rule_title", lang) if len({c.rule for c in plan.compliance}) > 1 else ()


def least_sites(plan: Plan, lang: str) -> Table:
    """Least sites for each span."""
    widest = {(c.rule, c.span_km) for c in plan.widest}
    found = [
        _of_rule(plan, c, placed(c.sites), lang).assign(
            widest=c.rule if (c.rule, c.span_km) in widest else None
        )
        for c in plan.compliance
        if len(c.sites)
    ]
    frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    cost = " cost" if plan.project.siting.cost else ""  # else each site is 1
    columns = heads(
        f"span_km build_order name kind serves{cost} action_id lon lat", lang, currency=siting_currency(plan)
    )
    return Table(
        "least-sites", (*_which(plan, lang), *columns),
        frame.rename(columns={"order": "build_order", **ACTION_ID}), row_id="action_id",
    )  # fmt: skip


def unserved(plan: Plan, lang: str) -> Table:
    """Stretches that nothing can serve."""
    found = [_of_rule(plan, c, in_kilometres(c.unserved), lang) for c in plan.compliance if len(c.unserved)]
    frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    return Table("unserved", (*_which(plan, lang), *heads(UNSERVED_COLUMNS[1:], lang)), frame)


def retrofit(plan: Plan, lang: str) -> Table:
    """Berths to retrofit, best first."""
    columns = (
        "name port class_t calls_per_year hours_per_call energy_kwh energy_estimated co2_avoided_t retrofit_cost "
        "co2_t_per_cost build_order site_id"
    )
    found = plan.retrofit
    frame = (
        pd.DataFrame() if found is None else found.berths.rename(columns={"order": "build_order", **SITE_ID})
    )
    each = column("co2_t_per_cost", unit=f"t/{plan.currency}" if plan.currency else "t", form=FORMS["ratio"])
    own = [each if c.name == each.name else c for c in map(column, columns.split())]
    return Table("retrofit", heads(own, lang, currency=plan.currency), frame, row_id="site_id")


# -- evidence --------------------------------------------------------------------------------------------


def evidence(plan: Plan, lang: str) -> Iterable[Table]:
    """Who reaches whom; of capacity and aims only if they were asked for."""
    for siting in plan.siting:
        name = siting.objective_name
        yield Table(f"reach_{name}", heads("site demand distance_km", lang), _reach_km(siting.reach))
        columns = heads("id name weight covered county", lang)
        yield Table(f"demand_{name}", columns, pd.DataFrame(siting.demand))
        if siting.goal is not None and siting.goal.name == "capacity":
            yield Table(f"served_{name}", heads("site demand amount", lang), siting.served)
        if len(siting.aim_demand):
            yield Table("demand_aims", heads("aim id amount county", lang), siting.aim_demand)
            yield Table("reach_aims", heads("aim site demand distance_km", lang), _reach_km(siting.aim_reach))


def _reach_km(reach: pd.DataFrame) -> pd.DataFrame:
    """Who reaches whom, unrounded: what lies exactly at the limit is recounted from the file."""
    return reach.assign(distance_km=reach["distance_m"] / M_PER_KM)
