"""Sheets of the workbook on what a plan is worth: other plans, each site out of order, counties, scenarios, aims."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from ..plan import Plan
from ..schema import OBJECTIVE_UNITS, told_unit, unit_words
from ..siting.planning.outcome import Siting
from .numbers import plan_letter
from .sheet import Sheet, heads, placed
from .siting_layers import amounts_in_units
from .siting_sheets import objective_of

RENAMED = {"sites": "new_sites", "share_before": "share_today", "share_after": "share_planned"}


def choice_sheets(plan: Plan, lang: str) -> list[Sheet]:
    """All of them; those without rows are left out by the caller."""
    known = {str(name) for siting in plan.siting for name in siting.sites.columns}
    held = " ".join(name for name in ("plugs", "capacity", "served") if name in known)
    return [
        _gathered("alternatives", plan, lang, _alternatives, "plan part name kind build_order objective_value share "
                  "less objective lon lat id"),
        _gathered("outages", plan, lang, _outages,
                  f"name existing county covers left lost {held} objective lon lat id"),
        _gathered("gains", plan, lang, lambda s: s.counties, "county total before after share_today share_planned "
                  "new_sites min_sites objective"),
        _gathered("scenarios", plan, lang, lambda s: s.scenarios, "scenario probability detour total before after "
                  "share_today share_planned objective"),
        _aims(plan, lang),
        _gathered("pareto-front", plan, lang, _pareto_front, "first share_first second share_second new_sites cost "
                  "chosen objective"),
        _gathered("money", plan, lang, _money, "budget new_sites cost objective_value share bound bound_share gap "
                  "objective"),
    ]  # fmt: skip


def _gathered(key: str, plan: Plan, lang: str, rows: Callable[[Siting], pd.DataFrame], names: str) -> Sheet:
    """A sheet of the rows of each siting, under the columns named, amounts in the unit of its objective."""
    frames = [
        amounts_in_units(frame, siting.objective_name).assign(objective=siting.objective_name)
        for siting in plan.siting
        if len(frame := rows(siting).rename(columns=RENAMED))
    ]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Sheet(key, heads(names, lang, objective_of(plan)), frame)


# -- other plans -----------------------------------------------------------------------------------------


def _alternatives(siting: Siting) -> pd.DataFrame:
    """A row for each plan and place: what both plans have, what this one adds, what it leaves out."""
    if not siting.alternatives:
        return pd.DataFrame()
    own = dict(zip(siting.proposed["id"], siting.proposed["order"], strict=True))
    rows = []
    for k, (value, ids) in enumerate(sorted(siting.alternatives, key=lambda plan: (-plan[0], plan[1]))):
        about = {"plan": plan_letter(k), "objective_value": value, "share": siting.result.share_of(value),
                 "less": max(siting.result.objective - value, 0.0)}  # fmt: skip
        for place in sorted({*own, *ids}, key=lambda i: (own.get(i, len(own) + 1), i)):
            part = "instead" if place not in own else "both" if place in ids else "left-out"
            rows.append({**about, "part": part, "build_order": own.get(place), "id": place})
    places = placed(siting.candidates[["id", "name", "kind", "geometry"]].drop_duplicates("id"))
    return pd.DataFrame(rows).merge(places, on="id", how="left")


# -- each site, counties ---------------------------------------------------------------------------------


def _outages(siting: Siting) -> pd.DataFrame:
    frame = siting.sites
    return frame.sort_values(["lost", "id"], ascending=[False, True], kind="stable") if len(frame) else frame


# -- aims, money -----------------------------------------------------------------------------------------


def _aims(plan: Plan, lang: str) -> Sheet:
    """Each aim in its own unit; those that do not add up (the worst-served county, cost) have shares alone."""
    frames = [
        amounts_in_units(rows.assign(objective=siting.objective_name, aim=aim), str(aim))
        for siting in plan.siting
        if len(siting.aims)
        for aim, rows in siting.aims.rename(columns=RENAMED).groupby("aim", sort=False)
    ]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["aim"])
    frame["unit_shown"] = [
        unit_words(told_unit(unit, lang), lang) for unit in frame["aim"].map(OBJECTIVE_UNITS).fillna("")
    ]
    names = "aim importance total before after unit_shown share_today share_planned objective"
    return Sheet("aims", heads(names, lang), frame)


def _pareto_front(siting: Siting) -> pd.DataFrame:
    frame = siting.pareto_front
    return frame.assign(chosen=[" ".join(map(str, ids)) for ids in frame["chosen"]]) if len(frame) else frame


def _money(siting: Siting) -> pd.DataFrame:
    frame, total = siting.frontier_by_money, siting.result.total or np.nan
    if frame.empty:
        return frame
    return frame.assign(share=frame["objective"] / total, bound_share=frame["bound"] / total).rename(
        columns={"objective": "objective_value"}
    )
