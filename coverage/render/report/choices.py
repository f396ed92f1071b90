"""What can be changed in a plan: the price of doing without each site, and other plans that are nearly as good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ...schema import percent
from ...siting.planning.outcome import Siting
from ...tables.numbers import plan_letter
from ...tables.siting_layers import amount, proposed_layer
from ...tables.words import short_name
from ...texts import text
from .context import Report
from .table import Cell

NAMED = 6
"""So many sites are named in a sentence; the table has all."""


def write_choices(report: Report, siting: Siting) -> None:
    """Which sites are settled, which are a matter of taste, and what could be built instead."""
    if not len(siting.choices):
        return
    paper, lang = report.paper, report.lang
    paper.heading(report.words("choices.title"), 2)
    paper.bullets(choice_sentences(siting, lang))
    frame = worth_frame(report, siting)
    rows = [
        [Cell(str(row["build_order"]), right=True), Cell(short_name(row)), Cell(row["without_it"] or "–"),
         Cell(row["in_plans"] or "–")]
        for row in frame.to_dict("records")
    ]  # fmt: skip
    heads = [report.words(f"choices.head.{key}") for key in ("order", "name", "without", "settled")]
    paper.table(report.words("choices.table"), heads, rows, [13.0, 36.0, 66.0, 51.0])
    _other_plans(report, siting)


def worth_frame(report: Report, siting: Siting) -> pd.DataFrame:
    """Proposed sites in build order with what they are worth, in the words of the map."""
    layer = proposed_layer(report.plan, report.lang)
    assert layer is not None  # there are choices only where there are proposed sites
    frame = pd.DataFrame(layer.frame.drop(columns="geometry"))
    return frame[frame["objective"] == siting.objective_name].sort_values("build_order", kind="stable")


# -- in words --------------------------------------------------------------------------------------------


def choice_sentences(siting: Siting, lang: str) -> list[str]:
    """What a planner can defend: what is lost without a site, what is essential, what is a matter of taste."""
    proposed = pd.DataFrame(siting.proposed.drop(columns="geometry", errors="ignore"))
    rows = proposed.merge(siting.choices, on="id", how="inner").sort_values("order", kind="stable")
    optional = ~_true(rows, "required")
    low, price = (pd.to_numeric(rows[name], errors="coerce") for name in ("price_low", "price"))
    costly = rows[optional & (low > 0)].sort_values(
        ["price_low", "order"], ascending=[False, True], kind="stable"
    )
    groups = (
        ("required", rows[~optional]), ("essential", rows[_true(rows, "essential") & optional]), ("costly", costly),
        ("taste", rows[optional & (price <= 0)]), ("unproven", rows[optional & (low <= 0) & (price > 0)]),
    )  # fmt: skip
    lines = [_sentence(key, found, siting, lang) for key, found in groups if len(found)]
    if not _true(rows, "essential").any():
        lines.insert(0, text("report.choices.none-essential", lang))
    if siting.alternatives:
        worst = min(value for value, _ in siting.alternatives)
        less = amount(max(siting.result.objective - worst, 0.0), siting.objective_name, lang)
        lines.append(text("report.choices.others", lang, n=len(siting.alternatives), amount=less))
    return lines


def _true(rows: pd.DataFrame, name: str) -> pd.Series[bool]:
    if name not in rows:
        return pd.Series(False, index=rows.index)
    return rows[name].astype("boolean").fillna(False).astype(bool)


def _sentence(key: str, rows: pd.DataFrame, siting: Siting, lang: str) -> str:
    swaps = _swaps(siting) if key == "taste" else {}
    named = [
        _named(row, key, swaps, siting.objective_name, lang) for row in rows.head(NAMED).to_dict("records")
    ]
    sites = text("report.semicolon" if key in ("costly", "taste") else "map.comma", lang).join(named)
    more = text("report.choices.more", lang, n=len(rows) - NAMED) if len(rows) > NAMED else ""
    return text(f"report.choices.{key}", lang, sites=sites + more)


def _named(row: dict[Any, Any], key: str, swaps: dict[str, str], objective: str, lang: str) -> str:
    site = text("report.choices.site", lang, n=row["order"], name=short_name(row))
    if key == "costly":
        return text("report.choices.loses", lang, site=site, amount=amount(row["price_low"], objective, lang))
    if str(row["id"]) in swaps:
        return text("report.choices.instead", lang, site=site, name=swaps[str(row["id"])])
    return site


def _swaps(siting: Siting) -> dict[str, str]:
    """Chosen site -> name of the place that replaces it alone and at no loss, where such a plan was found."""
    own = set(siting.proposed["id"])
    found: dict[str, str] = {}
    for value, plan in siting.alternatives:
        out, into = own - set(plan), set(plan) - own
        if value >= siting.result.objective and len(out) == len(into) == 1:
            found.setdefault(str(next(iter(out))), place_names(siting, sorted(into))[0])
    return found


def place_names(siting: Siting, ids: Sequence[str]) -> list[str]:
    """Names of candidates, in the order of their ids given."""
    names = siting.candidates.drop_duplicates("id").set_index("id")["name"]
    return [short_name({"id": place, "name": names.get(place)}) for place in ids]


# -- other plans -----------------------------------------------------------------------------------------


def other_plans(siting: Siting) -> list[tuple[str, float, list[int], list[str]]]:
    """Letter, weight covered, numbers of our sites left out, ids built instead; the best first."""
    order = dict(zip(siting.proposed["id"], siting.proposed["order"], strict=True))
    plans = sorted(siting.alternatives, key=lambda plan: (-plan[0], plan[1]))
    return [
        (
            plan_letter(k),
            value,
            sorted(int(order[i]) for i in set(order) - set(ids)),
            sorted(set(ids) - set(order)),
        )
        for k, (value, ids) in enumerate(plans)
    ]


def _other_plans(report: Report, siting: Siting) -> None:
    if not siting.alternatives:
        return
    lang, result = report.lang, siting.result
    comma = text("map.comma", lang)
    rows = []
    for letter, value, without, instead in other_plans(siting):
        less = max(siting.result.objective - value, 0.0)
        rows.append(
            [
                Cell(letter),
                Cell(percent(result.share_of(value)) if result.total else "–", right=True),
                Cell(amount(less, siting.objective_name, lang) or "–", right=True),
                Cell(comma.join(map(str, without)) or "–"),
                Cell(comma.join(place_names(siting, instead)) or "–"),
            ]
        )
    heads = [report.words(f"choices.head.{key}") for key in ("plan", "share", "less", "left-out", "instead")]
    report.paper.table(report.words("choices.plans-table"), heads, rows, [14.0, 22.0, 28.0, 28.0, 74.0])
