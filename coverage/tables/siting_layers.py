"""Layers of the siting: demand, candidates, proposed sites with what each is worth, alternatives, least sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..plan import Plan
from ..rules.assessment import Assessment
from ..rules.finding import YES
from ..schema import COLUMNS, Column, column, in_currency, of_objective, shown
from ..siting.planning.outcome import Siting
from ..texts import text
from ..units import M_PER_KM, WGS84
from . import styles
from .columns import (
    ACTION_COLUMNS,
    ACTION_POPUP,
    ALTERNATIVE_COLUMNS,
    CANDIDATE_COLUMNS,
    DEMAND_COLUMNS,
    LEAST_COLUMNS,
    OUTAGE_COLUMNS,
    PROPOSED_COLUMNS,
    WORTH_COLUMNS,
)
from .layer import Layer, Popup, own_layer
from .layer_frame import make_layer
from .popups import proposed_popup
from .programme import shown_actions


def demand_layer(plan: Plan, demand: gpd.GeoDataFrame) -> Layer:
    """Who is reached, today and with the plan."""
    frame = demand.copy()
    people = next((s for s in plan.siting if s.objective_name == "people"), None)
    if people is not None:
        covered = people.demand.set_index("id")["covered"]
        frame["covered"] = frame["id"].map(covered[~covered.index.duplicated()]).fillna("never")
    elif plan.programme is not None:
        before, after = (_reached(a) for a in (plan.before, plan.after))
        frame["covered"] = np.select([before, after], ["before", "after"], "never")
    frame["distance_km"] = frame["distance_m"] / M_PER_KM
    return make_layer("demand", frame, DEMAND_COLUMNS, styles.DEMAND, "demand", visible=False)


def _reached(assessment: Assessment) -> npt.NDArray[np.bool_]:
    """Which demand is surely within reach, in the order of the table."""
    return np.asarray((assessment.demand["reached"] == YES).fillna(False), dtype=np.bool_)


def candidates_layer(plan: Plan) -> Layer | None:
    """What the siting chose from."""
    frames = [siting.candidates for siting in plan.siting if len(siting.candidates)]
    if not frames and plan.candidates is not None and len(plan.candidates):
        frames = [plan.candidates]
    if not frames:
        return None
    frame = gpd.GeoDataFrame(pd.concat(frames).drop_duplicates("id"), geometry="geometry", crs=WGS84)
    frame["candidate_status"] = np.where(frame["excluded"].isna(), "free", "excluded")
    frame["reason"] = frame["excluded"]
    return make_layer("candidates", frame, CANDIDATE_COLUMNS, styles.CANDIDATES, "plan", visible=False)


def proposed_layer(plan: Plan, lang: str) -> Layer | None:
    """New sites in build order, with what is lost without each."""
    frames = [_worth(siting, lang) for siting in plan.siting if len(siting.proposed)]
    if not frames:
        return None
    frame = gpd.GeoDataFrame(pd.concat(frames), geometry="geometry", crs=WGS84)
    more = [c for c in (*WORTH_COLUMNS, *OUTAGE_COLUMNS) if c.name in frame and frame[c.name].notna().any()]
    columns = _in_objective((*PROPOSED_COLUMNS[:-1], *more, PROPOSED_COLUMNS[-1]), plan)
    return make_layer(
        "proposed",
        frame,
        columns,
        styles.PROPOSED,
        "plan",
        keep=tuple(c.name for c in proposed_popup(frame).columns),
        popup=proposed_popup(frame),
        label_column="build_order",
        search_column="name",
        phase="after",
    )


def actions_layer(plan: Plan, lang: str) -> Layer | None:
    """Actions of the plan to adopt, in building order."""
    if plan.programme is None or plan.programme.chosen.empty:
        return None
    frame = shown_actions(plan, lang)
    frame = frame[frame.geometry.notna() & ~frame.geometry.is_empty]
    currency = plan.programme.costs.currency
    return make_layer(
        "plan_actions",
        frame,
        tuple(in_currency(each, currency) for each in ACTION_COLUMNS),
        styles.PROPOSED,
        "plan",
        popup=Popup(tuple(in_currency(each, currency) for each in ACTION_POPUP), quiet=frozenset({"county"})),
        label_column="build_order",
        search_column="name",
        phase="after",
    )


def _in_objective(columns: Iterable[Column], plan: Plan) -> tuple[Column, ...]:
    """Columns of a layer of proposed sites, amounts in the unit of the objective."""
    return tuple(of_objective(each, plan.siting[0].objective_name) for each in columns)


def _worth(siting: Siting, lang: str) -> gpd.GeoDataFrame:
    """Proposed sites with their price, what they serve, and both in words."""
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
    frame = amounts_in_units(frame, name).assign(**words)
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=WGS84)


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


def alternatives_layer(plan: Plan, lang: str) -> Layer | None:
    """Places that other plans, nearly as good, use instead."""
    frames = [_others(siting, lang) for siting in plan.siting if siting.alternatives]
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        return None
    frame = gpd.GeoDataFrame(pd.concat(frames), geometry="geometry", crs=WGS84)
    return make_layer(
        "alternatives",
        frame,
        _in_objective(ALTERNATIVE_COLUMNS, plan),
        styles.ALTERNATIVES,
        "plan",
        keep=("in_others",),
        visible=False,
        search_column="name",
        phase="after",
    )


def _others(siting: Siting, lang: str) -> gpd.GeoDataFrame:
    own = set(siting.proposed["id"])
    count = Counter(place for _, plan in siting.alternatives for place in set(plan))
    frame = siting.candidates[siting.candidates["id"].isin(set(count) - own)].copy()
    n = len(siting.alternatives)
    frame["plans"] = [count[place] for place in frame["id"]]
    frame["of_plans"] = n
    frame["worst_loss"] = [
        siting.result.objective - min(value for value, plan in siting.alternatives if place in plan)
        for place in frame["id"]
    ]
    frame["objective"] = siting.objective_name
    frame["in_others"] = [text("in-plans.others", lang, k=k, n=n) for k in frame["plans"]]
    frame = frame.sort_values(["plans", "id"], ascending=[False, True], kind="stable")
    return amounts_in_units(frame, siting.objective_name)


def least_layers(plan: Plan) -> list[Layer]:
    """Least sites of each rule on spacing, for the widest span that was asked for; the first rule's on top."""
    rules = [plan.before[found.rule].rule for found in plan.widest]
    return [
        own_layer(
            make_layer(
                "least_sites",
                found.sites.rename(columns={"order": "build_order"}),
                LEAST_COLUMNS,
                styles.LEAST_SITES,
                "plan",
                visible=False,
                search_column="name",
                title_values={"span_km": found.span_km},
            ),
            rules,
            rule,
        )
        for found, rule in reversed(list(zip(plan.widest, rules, strict=True)))
        if not found.sites.empty
    ]
