"""Sheets of the workbook on what a plan is worth: other plans, each site out of order, counties, scenarios, aims."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from ...plan import Plan
from ...schema import Column
from ...siting.planning.outcome import Siting
from ..columns import ID, KIND, NAME, OUTAGE_COLUMNS
from ..report.choices import plan_letter
from .cells import LAT, LON, Head, Sheet, heads_of, own_head, placed


def choice_sheets(plan: Plan, lang: str) -> list[Sheet]:
    """All of them; those without rows are left out by the caller."""
    return [
        _gathered("alternatives", plan, _alternatives, _alternative_heads(lang)),
        _gathered("outages", plan, _outages, _outage_heads(plan, lang)),
        _gathered("gains", plan, lambda s: s.counties, _gain_heads(lang)),
        _gathered("scenarios", plan, lambda s: s.scenarios, _scenario_heads(lang)),
        _gathered("aims", plan, lambda s: s.aims, _aim_heads(lang)),
        _gathered("trade-off", plan, _trade_off, _trade_off_heads(lang)),
        _gathered("money", plan, _money, _money_heads(lang)),
    ]


def _gathered(key: str, plan: Plan, rows: Callable[[Siting], pd.DataFrame], heads: tuple[Head, ...]) -> Sheet:
    found = [(s.objective_name, rows(s)) for s in plan.siting]
    frames = [
        frame.rename(columns={"sites": "new_sites"}).assign(objective_name=name)
        for name, frame in found
        if len(frame)
    ]
    return Sheet(key, heads, pd.concat(frames, ignore_index=True) if frames else pd.DataFrame())


def _objective(lang: str) -> Head:
    return own_head("objective_name", lang, "choice", choices="objective")


def _shares(lang: str, *names: str) -> tuple[Head, ...]:
    return tuple(own_head(name, lang, "float", "share") for name in names)


def _amounts(lang: str, *names: str) -> tuple[Head, ...]:
    return tuple(own_head(name, lang, "float", "count") for name in names)


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


def _alternative_heads(lang: str) -> tuple[Head, ...]:
    return (
        own_head("plan", lang), own_head("part", lang, "choice", choices="plan-part"), *heads_of((NAME, KIND), lang),
        Head.of(Column("build_order", "int"), lang), *_amounts(lang, "objective_value"), *_shares(lang, "share"),
        *_amounts(lang, "less"), _objective(lang), *heads_of((LON, LAT, ID), lang),
    )  # fmt: skip


# -- each site, counties ---------------------------------------------------------------------------------


def _outages(siting: Siting) -> pd.DataFrame:
    frame = siting.sites
    return frame.sort_values(["lost", "id"], ascending=[False, True], kind="stable") if len(frame) else frame


def _outage_heads(plan: Plan, lang: str) -> tuple[Head, ...]:
    known = {str(name) for siting in plan.siting for name in siting.sites.columns}
    capacity = [c for c in OUTAGE_COLUMNS if c.name in known and c.name not in ("covers", "lost")]
    return (
        Head.of(NAME, lang), own_head("existing", lang, "bool"), Head.of(Column("county"), lang),
        *_amounts(lang, "covers", "left", "lost"), *heads_of(capacity, lang), _objective(lang),
        *heads_of((LON, LAT, ID), lang),
    )  # fmt: skip


def _gain_heads(lang: str) -> tuple[Head, ...]:
    return (
        Head.of(Column("county"), lang), *_amounts(lang, "total", "before", "after"),
        *_shares(lang, "share_before", "share_after"), own_head("new_sites", lang, "int"),
        own_head("min_sites", lang, "int"), _objective(lang),
    )  # fmt: skip


# -- scenarios, aims, money ------------------------------------------------------------------------------


def _scenario_heads(lang: str) -> tuple[Head, ...]:
    return (
        own_head("scenario", lang), *_shares(lang, "probability"), own_head("detour", lang, "float"),
        *_amounts(lang, "total", "before", "after"), *_shares(lang, "share_before", "share_after"), _objective(lang),
    )  # fmt: skip


def _aim_heads(lang: str) -> tuple[Head, ...]:
    return (
        own_head("aim", lang, "choice", choices="aim"), *_shares(lang, "importance"),
        *_amounts(lang, "total", "before", "after"), *_shares(lang, "share_before", "share_after"), _objective(lang),
    )  # fmt: skip


def _trade_off(siting: Siting) -> pd.DataFrame:
    frame = siting.trade_off
    return frame.assign(chosen=[" ".join(map(str, ids)) for ids in frame["chosen"]]) if len(frame) else frame


def _trade_off_heads(lang: str) -> tuple[Head, ...]:
    first, second = (own_head(name, lang, "choice", choices="aim") for name in ("first", "second"))
    return (
        first, *_shares(lang, "share_first"), second, *_shares(lang, "share_second"),
        own_head("new_sites", lang, "int"), own_head("cost", lang, "float"), own_head("chosen", lang), _objective(lang),
    )  # fmt: skip


def _money(siting: Siting) -> pd.DataFrame:
    frame, total = siting.frontier_by_money, siting.result.total or np.nan
    if frame.empty:
        return frame
    return frame.assign(share=frame["objective"] / total, bound_share=frame["bound"] / total).rename(
        columns={"objective": "objective_value"}
    )


def _money_heads(lang: str) -> tuple[Head, ...]:
    return (
        own_head("budget", lang, "float"), own_head("new_sites", lang, "int"), own_head("cost", lang, "float"),
        *_amounts(lang, "objective_value"), *_shares(lang, "share"), *_amounts(lang, "bound"),
        *_shares(lang, "bound_share", "gap"), _objective(lang),
    )  # fmt: skip
