"""Sheets of the workbook on siting: proposed sites, curve, what stays uncovered, least sites, retrofits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...plan import Plan
from ...schema import Column
from ...texts import text
from ..columns import LEAST_COLUMNS, NAME, PROPOSED_COLUMNS, UNSERVED_COLUMNS
from ..pictures.charts import coverage_curve
from .cells import LAT, LON, Head, Sheet, heads_of, own_head, placed


def proposed_sheet(plan: Plan, lang: str) -> Sheet:
    """New sites in build order, with what is lost without each."""
    frames = []
    for siting in plan.siting:
        frame = placed(siting.proposed).rename(columns={"order": "build_order"})
        more = ["id", "price", "share_of_good_plans", "essential"]
        frames.append(
            frame.merge(siting.choices[more], on="id", how="left") if len(siting.choices) else frame
        )
    columns = heads_of((*PROPOSED_COLUMNS, LON, LAT), lang)
    heads = (
        *columns[:-3],
        own_head("price", lang, "float", "count"),
        own_head("share_of_good_plans", lang, "float", "share"),
        own_head("essential", lang, "bool"),
        *columns[-3:],
    )
    return Sheet("proposed", heads, pd.concat(frames, ignore_index=True) if frames else pd.DataFrame())


def curve_sheet(plan: Plan, lang: str) -> Sheet:
    """Coverage by number of new sites, with the bound."""
    frames = [coverage_curve(s).assign(objective_name=s.objective_name) for s in plan.siting]
    heads = (
        own_head("built", lang, "int"),
        own_head("objective_name", lang, "choice", choices="objective"),
        Head.of(Column("name"), lang),
        Head.of(Column("adds", "float"), lang),
        own_head("objective_value", lang, "float", "count"),
        own_head("share", lang, "float", "share"),
        own_head("cost_so_far", lang, "float"),
        own_head("best", lang, "float", "count"),
        own_head("best_share", lang, "float", "share"),
        own_head("bound", lang, "float", "count"),
        own_head("bound_share", lang, "float", "share"),
        own_head("gap", lang, "float", "share"),
    )
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Sheet(
        "curve", heads, frame.rename(columns={"objective": "objective_value", "cost": "cost_so_far"})
    )


def least_sheets(plan: Plan, lang: str) -> list[Sheet]:
    """Least sites for each span, and the stretches that nothing can serve."""
    sites = [placed(c.sites).assign(span_km=c.span_km) for c in plan.compliance if len(c.sites)]
    left = [c.unserved.assign(span_km=c.span_km) for c in plan.compliance if len(c.unserved)]
    found, never = (pd.concat(f, ignore_index=True) if f else pd.DataFrame() for f in (sites, left))
    span = Column("span_km", "float", "km")
    return [
        Sheet("least-sites", heads_of((span, *LEAST_COLUMNS, LON, LAT), lang),
              found.rename(columns={"order": "build_order"})),
        Sheet("unserved", heads_of(UNSERVED_COLUMNS, lang), never),
    ]  # fmt: skip


def retrofit_sheet(plan: Plan, lang: str) -> Sheet:
    """Berths to retrofit, best first."""
    columns = (NAME, Column("port"), Column("class_t", "float", "t"), Column("calls_per_year", "float"),
               Column("hours_per_call", "float", "h"))  # fmt: skip
    heads = (
        *heads_of(columns, lang),
        own_head("energy_kwh", lang, "float", "count"),
        own_head("energy_estimated", lang, "bool"),
        own_head("co2_avoided_t", lang, "float", "km"),
        Head.of(Column("retrofit_cost", "float"), lang),
        own_head("co2_t_per_cost", lang, "float", "ratio"),
        Head.of(Column("build_order", "int"), lang),
        Head.of(Column("id"), lang),
    )
    frame = (
        pd.DataFrame()
        if plan.retrofit is None
        else plan.retrofit.berths.rename(columns={"order": "build_order"})
    )
    return Sheet("retrofit", heads, frame)


def uncovered_sheet(plan: Plan, lang: str) -> Sheet:
    """Demand that stays uncovered with the plan, heaviest first, and why."""
    frames = []
    for siting in plan.siting:
        left = siting.demand[siting.demand["covered"] == "never"]
        never = left["id"].isin(set(siting.unreachable["id"]))
        why = np.where(never, text("sheet.never-reachable", lang), text("sheet.not-chosen", lang))
        points = bool((left.geometry.geom_type == "Point").all())
        frame = placed(left) if points else pd.DataFrame(left.drop(columns="geometry"))
        frames.append(frame.assign(objective_name=siting.objective_name, why=why))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if len(frame):
        frame = frame.sort_values(["weight", "id"], ascending=[False, True], kind="stable").reset_index(
            drop=True
        )
    heads = (
        *heads_of((Column("name"), Column("weight", "float")), lang), own_head("why", lang),
        own_head("objective_name", lang, "choice", choices="objective"),
        *heads_of((LON, LAT, Column("id")), lang),
    )  # fmt: skip
    return Sheet("uncovered", heads, frame)
