"""The plan to adopt as a panel of the map: what stands there after each step.

Every number and word is made here from the steps of the plan; the page's script only chooses which to show.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..plan import Plan
from ..schema import column, columns, shown
from ..texts import text
from ..units import in_kilometres
from . import numbers, programme
from .gap_words import shared_stretch, shared_words, with_gap_words
from .layer import PIECES, Layer
from .layer_frame import layer_frame
from .sentences import brief_sentences, people_words

NAMED = 8
"""So many things of a list are named in the panel; the rest is in report and workbook."""
LISTED = 30
"""So many actions of a kind are named."""
DRIVE = ["ref", "section", "direction"]
NEAR_KM = 1e-5
"""Ends of gaps this close are the same place."""
MOST_DAYS = 360
"""The steps of a year are spread over so many days at most."""


# -- the panel of the map --------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlanPanel:
    """What the map's panel shows; texts are ready in the chosen language.

    Attributes
    ----------
    sentences : tuple of str
    rules : tuple of (title, target)
    steps : tuple of dict
        Today, then each step: ``order, label, sums`` (pairs of caption and text), ``values`` and ``statuses`` by rule.
    years : tuple of (label, step)
        The last step by the end of each year.
    actions : tuple of dict
        ``step`` from which it is there, ``order, name, year, about`` (kind and cost), ``closes, certain``.
    lists : tuple of (title, lines)
        What can't be met, what a neighbour must build, what to survey first.
    """

    sentences: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]
    steps: tuple[dict[str, Any], ...]
    years: tuple[tuple[str, int], ...]
    actions: tuple[dict[str, Any], ...]
    lists: tuple[tuple[str, tuple[str, ...]], ...]


def plan_panel(plan: Plan, lang: str) -> dict[str, Any] | None:
    """The panel as the page reads it; None without a plan."""
    if plan.programme is None or plan.programme.chosen.empty:
        return None
    rows = programme.steps(plan)
    rules = [plan.before[rule.rule] for rule in plan.programme.rules]
    years = [row["year"] for row in programme.stage_rows(plan)]
    ends = [(str(year), int(programme.year_end(plan, year)[0]["step"])) for year in years]
    names = dict(zip(plan.programme.actions["id"], plan.programme.actions["name"], strict=True))
    first = {row["action"]: row["step"] for row in rows}
    return asdict(
        PlanPanel(
            tuple(brief_sentences(plan, lang)),
            tuple((found.rule.title[lang], numbers.target(found, lang)) for found in rules),
            tuple(_step(plan, row, names, lang) for row in rows),
            tuple(ends or [(text("report.plan.with-plan", lang), len(rows) - 1)]),
            tuple(
                _action(plan, row, first[row["id"]], lang)
                for row in _records(programme.shown_actions(plan, lang))
            ),
            tuple((title, tuple(lines)) for title, lines in _lists(plan, lang) if lines),
        )
    )


def _records(table: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.drop(columns="geometry").to_dict("records")]


def _step(plan: Plan, row: dict[str, Any], names: Mapping[str, str], lang: str) -> dict[str, Any]:
    found = programme.step_findings(plan, row)
    year = [] if pd.isna(row["year"]) else [str(int(row["year"]))]
    action = names.get(row["action"], text("plan.today", lang))
    return {
        "order": int(row["order"]),
        "label": " · ".join([*year, str(action)]),
        "sums": [
            [text("column.spent", lang), programme.money(plan, row["spent"], lang)],
            [text("report.plan.people", lang), people_words(plan, row["people"])],
        ],
        "values": [numbers.headline(now, lang) for now in found.values()],
        "statuses": [now.shown for now in found.values()],
    }


def _action(plan: Plan, row: dict[str, Any], step: int, lang: str) -> dict[str, Any]:
    kind = shown(row["kind"], column("action_kind"), lang)
    return {
        "step": step,
        "order": int(row["order"]),
        "name": str(row["name"]),
        "year": "" if pd.isna(row["year"]) else str(int(row["year"])),
        "about": f"{kind} · {programme.money(plan, row['cost'], lang)}",
        "closes": row["closes_words"],
        "certain": "" if row["certain"] else text("report.plan.if-survey", lang),
    }


def _lists(plan: Plan, lang: str) -> list[tuple[str, list[str]]]:
    """What it does, kind by kind, and what it leaves: to others, to the neighbours, to a survey."""
    colon = text("report.colon", lang)
    kinds = []
    for kind, rows in programme.adopted(plan).chosen.groupby("kind", sort=False):
        which = text("map.comma", lang).join(rows["name"].astype(str).head(LISTED))
        which += "…" if len(rows) > LISTED else ""
        said = {"kind": shown(kind, column("action_kind"), lang), "n": len(rows), "names": which}
        money = programme.money(plan, float(rows["cost"].sum()), lang)
        kinds.append(text("plan.kind-line", lang, money=money, **said))
    unmet = [
        f"{words['rule']}{colon}{words['what']} ({words['why']})"
        for words in programme.unmet_rows(plan, lang)[:NAMED]
    ]
    gaps = programme.shared_gaps_once(plan)
    shared = [
        f"{shared_stretch(row, lang)}{colon}{shared_words(row, lang)}"
        for row in gaps.head(NAMED).to_dict("records")
    ]
    survey = programme.adopted(plan).survey
    asked = [
        f"{row['name']}{colon}{programme.money(plan, float(row['saves_high']), lang)}"
        for row in survey[survey["saves_high"] > 0].head(NAMED).to_dict("records")
    ]
    names = ("plan.by-kind", "report.plan.unmet", "report.plan.shared", "plan.survey-first")
    return [
        (text(name, lang), lines) for name, lines in zip(names, (kinds, unmet, shared, asked), strict=True)
    ]


# -- roads through the steps -----------------------------------------------------------------------------


def stepped_layers(plan: Plan, layers: Sequence[Layer], lang: str) -> list[Layer]:
    """Layers of the map: gaps of the first rule on spacing and actions know from which step to which they are there."""
    if plan.step_gaps is None or plan.programme is None:
        return list(layers)
    steps = programme.steps(plan)
    at = {row["action"]: row["step"] for row in steps}
    gaps = in_kilometres(plan.step_gaps.gaps)
    out = list(layers)
    for k, layer in enumerate(layers):
        if layer.name == "plan_actions":
            frame = layer.frame.assign(from_step=layer.frame["action_id"].map(at), to_step=len(steps) - 1)
            out[k] = replace(layer, frame=frame, steps=("from_step", "to_step"))
    own = [k for k, layer in enumerate(layers) if layer.name == "routes" and layer.phase == "after"]
    if own and len(gaps):  # the first rule's layer lies on top; without roads of the rule it has nothing
        out[own[-1]] = _stepped_routes(plan, layers[own[-1]], gaps, lang)
    return out


def _stepped_routes(plan: Plan, layer: Layer, gaps: gpd.GeoDataFrame, lang: str) -> Layer:
    """The layer with the gaps of all steps; those of the last step come first, so that they are what is counted."""
    gaps = (
        gaps[gaps.geometry.notna()]
        .sort_values("to_step", ascending=False, kind="stable")
        .reset_index(drop=True)
    )
    frame = with_gap_words(gaps, _evidence(plan, gaps), lang).assign(side=1)
    frame[PIECES] = _pieces(gaps)
    keep = [name for name in layer.frame.columns if name != "geometry"]
    return replace(layer, frame=layer_frame(frame, layer.schema, *keep, "from_step", "to_step", PIECES),
                   steps=("from_step", "to_step"))  # fmt: skip


def step_days(plan: Plan) -> list[dt.date]:
    """Day from which the state after each step is there, then the day after the plan: as a time controller plays it.

    Steps come in the years of the plan, at equal distances: every day is a whole number of frames after the first one,
    so that no frame mixes two states. Where a year has more steps than days, the last ones share its last day.
    """
    rows = programme.steps(plan)
    known = [int(row["year"]) for row in rows if not pd.isna(row["year"])]
    first = known[0] if known else (plan.project.reference_date or dt.date(2000, 1, 1)).year
    years = [first if pd.isna(row["year"]) else int(row["year"]) for row in rows]
    frame = dt.timedelta(days=max(1, MOST_DAYS // (1 + max(Counter(years).values()))))
    days = [dt.date(first, 1, 1)]
    for year in years[1:]:
        to_new_year = dt.date(year, 1, 1) - days[-1]
        later = days[-1] + frame * max(1, -(-to_new_year // frame))
        days.append(later if later.year == year else days[-1])
    planned = plan.project.plan.years if plan.project.plan else ()
    return [*days, dt.date(max([*years, *planned]) + 1, 1, 1)]


def timed_layers(plan: Plan, layers: Sequence[Layer], lang: str) -> list[Layer]:
    """Layers of files: gaps of the first rule on spacing through the steps as one more, with the days of each.

    A time controller that plays them recolours the roads as the plan is built. Both days are included: what is there on
    a day has begun by then and has not ended before. Actions have the day from which each is there; they stay.
    """
    if plan.programme is None:
        return list(layers)
    days, out = step_days(plan), []
    at = {row["action"]: row["step"] for row in programme.steps(plan)}
    own = [k for k, layer in enumerate(layers) if layer.name == "routes" and layer.phase == "after"]
    for k, layer in enumerate(layers):
        out.append(_timed_actions(layer, at, days) if layer.name == "plan_actions" else layer)
        if own and k == own[-1]:
            out += _routes_by_step(plan, layer, days, lang)
    return out


def _timed_actions(layer: Layer, at: Mapping[str, int], days: Sequence[dt.date]) -> Layer:
    frame = layer.frame.assign(valid_from=[days[at[name]] for name in layer.frame["action_id"]])
    schema = replace(layer.schema, columns=(*layer.schema.columns, *columns("valid_from")))
    return replace(layer, frame=frame, schema=schema)


def _routes_by_step(plan: Plan, layer: Layer, days: Sequence[dt.date], lang: str) -> list[Layer]:
    if plan.step_gaps is None:
        return []
    gaps = in_kilometres(plan.step_gaps.gaps)
    gaps = gaps.assign(
        valid_from=[days[step] for step in gaps["from_step"]],
        valid_to=[days[step + 1] - dt.timedelta(days=1) for step in gaps["to_step"]],
    )
    # Between two steps of one day a gap is never there.
    gaps = gaps[gaps.geometry.notna() & (gaps["valid_from"] <= gaps["valid_to"])].reset_index(drop=True)
    if gaps.empty:  # no road of the rule: nothing to play
        return []
    frame = with_gap_words(gaps, _evidence(plan, gaps), lang).assign(side=1)
    keep = [name for name in layer.frame.columns if name != "geometry"]
    schema = replace(layer.schema, columns=(*layer.schema.columns, *columns("valid_from valid_to")))
    held = layer_frame(frame, schema, *keep)
    title = "layer.routes_by_step"
    return [
        replace(
            layer, name="routes_by_step", title_key=title, rule=None, frame=held, schema=schema, visible=False
        )
    ]


def _pieces(gaps: gpd.GeoDataFrame) -> pd.Series:
    """Positions of the gaps of the last step that each gap falls into as sites come; none for those of the last step.

    A site more only splits gaps, so that nothing but the last gaps needs a line. Where they don't make up the whole, as
    over the start of a ring, the gap keeps its own.
    """
    found = pd.Series([None] * len(gaps), dtype=object)
    low, high = (gaps[["from_km", "to_km"]].agg(end, axis=1).to_numpy(np.float64) for end in ("min", "max"))
    step = gaps["to_step"].to_numpy(np.int64)
    for rows in gaps.groupby(DRIVE, sort=False).indices.values():
        last = rows[step[rows] == step.max()]
        last = last[np.argsort(low[last], kind="stable")]
        ends = np.maximum.accumulate(high[last])
        for k in rows[step[rows] < step.max()].tolist():
            first = int(np.searchsorted(low[last], low[k] - NEAR_KM))
            stop = int(np.searchsorted(ends, high[k] + NEAR_KM, side="right"))
            mine = last[first:stop]
            whole = float((high[mine] - low[mine]).sum())
            if len(mine) and abs(whole - (high[k] - low[k])) <= NEAR_KM * len(mine):
                turned = gaps["from_km"].iloc[k] > gaps["to_km"].iloc[k]
                found.iloc[k] = (mine[::-1] if turned else mine).tolist()
    return found


def _evidence(plan: Plan, gaps: gpd.GeoDataFrame) -> pd.DataFrame:
    """Evidence of the assessments before and after for the gaps of all steps.

    Who closes a gap is known for each: its sites close some gap with the plan. What could be built or does not count
    is told of gaps that are there today or with the plan.
    """
    known = pd.concat(
        [in_kilometres(state.evidence) for state in (plan.before, plan.after)], ignore_index=True
    )
    known = known[known["rule"] == gaps["rule"].iloc[0]].drop(columns="gap")
    closing = known["evidence_kind"].isin(["from_site", "to_site"])
    numbered = pd.DataFrame(gaps[[*DRIVE, "from_km", "to_km", "from_site", "to_site"]]).assign(gap=gaps.index)
    sites = known[closing].drop_duplicates([*DRIVE, "id"]).drop(columns=["evidence_kind", "from_km", "to_km"])
    ends = [
        numbered[[*DRIVE, side, "gap"]].rename(columns={side: "id"}).merge(sites, on=[*DRIVE, "id"])
        .assign(evidence_kind=side)
        for side in ("from_site", "to_site")
    ]  # fmt: skip
    key = [*DRIVE, "from_km", "to_km"]
    others = (
        known[~closing].drop_duplicates([*key, "evidence_kind", "id"]).merge(numbered[[*key, "gap"]], on=key)
    )
    found: pd.DataFrame = pd.concat([*ends, others], ignore_index=True)
    return found
