"""Sheets of the workbook on calls at berths, and on battery-swap, hydrogen and other sites that are only listed."""

from __future__ import annotations

import pandas as pd

from ...plan import Plan
from ...rules.calls import CallShare
from ...rules.inventory import Inventory
from ...schema import column
from ...texts import text
from .cells import Head, Sheet, heads, placed


def calls_sheet(plan: Plan, lang: str) -> Sheet:
    """Each call: ship, berth, hours, whether it could connect and did, and whether the rule counts it."""
    frame = pd.DataFrame(plan.inputs.calls.drop(columns="geometry", errors="ignore"))
    more = []
    for number, rule in enumerate(plan.policy.of(CallShare)):
        table = plan.before[rule.id].table
        if "connected_status" not in table:
            continue
        known = table.drop_duplicates("id").set_index("id")["connected_status"]
        status, counts = (f"{n}:{rule.id}" if number else n for n in ("connected_status", "counts_in_rule"))
        frame = frame.assign(**{status: frame["id"].map(known), counts: frame["id"].isin(known.index)})
        if number:  # the columns of a further rule bear its title
            prefix = f"{rule.title[lang]}{text('report.colon', lang)}"
            more += [Head.of(column(n), lang, prefix=prefix, name=f"{n}:{rule.id}")
                     for n in ("connected_status", "counts_in_rule")]  # fmt: skip
    berths = plan.inputs.berths.drop_duplicates("id").set_index("id")["name"]
    frame = frame.assign(berth_name=frame["berth"].map(berths)) if len(frame) else frame
    names = (
        "ship ship_kind gross_tonnage berth berth_name arrived hours able connected_status counts_in_rule kwh id "
        "provenance note"
    )
    look = {
        "good": (text("choice.has.yes", lang),), "middle": (text("choice.has.unknown", lang),),
        "gap": (text("choice.has.no", lang),),
    }  # fmt: skip
    found = (*heads(names, lang), *more)
    return Sheet("calls", found, frame, {h.name: look for h in found if h.column.name == "connected_status"})


def inventory_sheet(plan: Plan, lang: str) -> Sheet:
    """What the rules only list, with its place."""
    findings = [f for f in plan.before.findings if isinstance(f.rule, Inventory) and len(f.table)]
    frames = [f.table.assign(rule_title=f.rule.title[lang]) for f in findings]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if len(frame):
        # What is listed may stand in the table of facilities or among the charging sites.
        known = [
            placed(t[["id", "geometry"]])
            for t in (plan.inputs.facilities, plan.inputs.sites, plan.inputs.chargers)
        ]
        where = pd.concat(known, ignore_index=True).drop_duplicates("id")
        frame = pd.DataFrame(frame.drop(columns=["geometry", "lon", "lat"], errors="ignore"))
        frame = frame.merge(where, on="id", how="left")
    return Sheet("inventory", heads("name kind status county lon lat id rule_title", lang), frame)
