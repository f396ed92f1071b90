"""Layers of the siting: demand, candidates, proposed sites with what each is worth, alternatives, least sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ..plan import Plan
from ..rules.assessment import Assessment
from ..rules.finding import YES
from ..schema import ACTION_ID, Column, column, columns, in_currency, of_objective
from ..siting.planning.outcome import Siting
from ..texts import text
from ..units import GEOD, M_PER_KM, WGS84, in_kilometres
from . import styles
from .columns import (
    ACTION_COLUMNS,
    ACTION_POPUP,
    ALTERNATIVE_COLUMNS,
    CANDIDATE_COLUMNS,
    DEMAND_COLUMNS,
    LEAST_COLUMNS,
    LEFT_OUT_POPUP,
    OTHER_ACTION_COLUMNS,
    OUTAGE_COLUMNS,
    PROPOSED_COLUMNS,
    TRAFFIC_POINTS,
    UNSERVED_COLUMNS,
    WORTH_COLUMNS,
)
from .layer import Layer, Popup, own_layer
from .layer_frame import make_layer
from .popups import POPUPS, proposed_popup
from .programme import shown_actions, why_not
from .siting_tables import amounts_in_units, objective_of, proposed_frame, siting_currency


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
    if plan.programme is not None:
        # What the plan builds where a gap wants it, at a point of a route that nobody proposed, is a candidate, too.
        built = plan.programme.chosen
        built = built[(built["kind"] == "new_site") & ~built["id"].isin(frame["id"])]
        built = built.assign(kind=built["place"], candidate_status="free", reason=None)
        frame = pd.concat([frame, built.reindex(columns=frame.columns)], ignore_index=True)
    return make_layer(
        "candidates", frame, _in_objective(CANDIDATE_COLUMNS, plan), styles.CANDIDATES, "plan", visible=False
    )


def proposed_layer(plan: Plan, lang: str) -> Layer | None:
    """New sites in build order, with what is lost without each."""
    frames = [
        amounts_in_units(proposed_frame(siting, lang), siting.objective_name)
        for siting in plan.siting
        if len(siting.proposed)
    ]
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
    more = TRAFFIC_POINTS if "traffic_points" in frame else ()
    return make_layer(
        "plan_actions",
        frame,
        tuple(in_currency(each, currency) for each in (*ACTION_COLUMNS, *more)),
        styles.PROPOSED,
        "plan",
        popup=Popup(
            tuple(in_currency(each, currency) for each in (*ACTION_POPUP, *more)),
            quiet=frozenset({"county", "pin"}),
        ),
        label_column="build_order",
        search_column="name",
        phase="after",
    )


def others_layers(plan: Plan, lang: str, *, grid: bool = False) -> list[Layer]:
    """Places that the plan left out, with the price of each (:func:`why_not`); where people moved one from and to."""
    if plan.programme is None:
        return []
    currency = plan.programme.costs.currency
    shown = tuple(in_currency(each, currency) for each in OTHER_ACTION_COLUMNS)
    popup = Popup(
        tuple(in_currency(column(name), currency) for name in LEFT_OUT_POPUP), frozenset({"pin", "county"})
    )
    frame = why_not(plan, lang, grid=grid)
    placed = frame.geometry.notna() & ~frame.geometry.is_empty
    layers = [
        make_layer(
            "plan_others", frame[placed], shown, styles.LEFT_OUT, "plan", keep=("left_out",), search_column="name",
            popup=popup, phase="after", unplaced=int((~placed).sum()),
        )
    ]  # fmt: skip
    actions = plan.programme.actions
    moved = actions[actions["moved_from"].notna() & actions.geometry.notna()]
    if len(moved):
        pairs = zip(moved["moved_from"], moved.geometry, strict=True)
        lines = moved.set_geometry([shapely.LineString([*a.coords, *b.coords]) for a, b in pairs], crs=WGS84)
        lines = lines.rename(columns=ACTION_ID).assign(
            distance_km=lines.geometry.map(GEOD.geometry_length) / M_PER_KM
        )
        shown = columns("name distance_km action_id")
        layers.append(make_layer("plan_moved", lines, shown, styles.MOVED, "plan", phase="after"))
    return layers if placed.any() else layers[1:]


def _in_objective(columns: Iterable[Column], plan: Plan) -> tuple[Column, ...]:
    """Columns of a layer of the siting, amounts in the unit of the objective, money in that of costs."""
    objective, currency = objective_of(plan), siting_currency(plan)
    found = (of_objective(each, objective) if objective else each for each in columns)
    return tuple(in_currency(each, currency) for each in found)


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


def unserved_layer(plan: Plan) -> list[Layer]:
    """Stretches that no candidate can serve, of each rule on spacing and span that was asked for."""
    frames = [
        in_kilometres(found.unserved).assign(rule=found.rule, span_km=found.span_km)
        for found in plan.compliance
        if len(found.unserved)
    ]
    if not frames:
        return []
    frame = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=WGS84)
    return [
        make_layer("unserved_stretches", frame, UNSERVED_COLUMNS, styles.UNSERVED, "quality", visible=False,
                   search_column="ref")
    ]  # fmt: skip


def least_layers(plan: Plan) -> list[Layer]:
    """Least sites of each rule on spacing, for the widest span that was asked for; the first rule's on top."""
    rules = [plan.before[found.rule].rule for found in plan.widest]
    columns, popup = _in_objective(LEAST_COLUMNS, plan), POPUPS["least_sites"]
    if not plan.project.siting.cost:  # each site is 1, beside what the table of costs says of it
        columns = tuple(each for each in columns if each.name != "cost")
        popup = replace(popup, columns=tuple(each for each in popup.columns if each.name != "cost"))
    return [
        own_layer(
            make_layer(
                "least_sites",
                found.sites.rename(columns={"order": "build_order"}),
                columns,
                styles.LEAST_SITES,
                "plan",
                visible=False,
                popup=popup,
                search_column="name",
                title_values={"span_km": found.span_km},
            ),
            rules,
            rule,
        )
        for found, rule in reversed(list(zip(plan.widest, rules, strict=True)))
        if not found.sites.empty
    ]
