"""How a plan stands up: what decided it, a site out of order, counties, scenarios, several aims, money."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...schema import at_most, column, percent, shown
from ...siting.planning.outcome import Siting
from ...tables.siting_layers import amount
from ...tables.words import short_name
from ...texts import text
from .context import Report
from .table import Cell

MOST_ROWS = 24


def goal_sentence(siting: Siting, lang: str) -> str:
    """What the choice was made for, with its own certificate; empty where plain coverage decided."""
    goal = siting.goal
    if goal is None:
        return ""

    def reached(value: float) -> str:
        if goal.unit == "share":
            return percent(value)
        return amount(value, siting.objective_name, lang) or ""

    proven = "proven" if goal.status == "optimal" else "bound"
    return text(
        f"report.robust.goal-{proven}",
        lang,
        goal=text(f"goal.{goal.name}", lang),
        before=reached(goal.before),
        after=reached(goal.objective),
        bound=reached(goal.bound),
        gap=at_most(goal.gap),
    )


def write_robust(report: Report, siting: Siting) -> None:
    """Tables of what the outcome holds; nothing where it holds nothing."""
    if not len(siting.proposed):
        return
    if any(
        len(f) for f in (siting.backup, siting.counties, siting.scenarios, siting.aims, siting.pareto_front)
    ):
        report.paper.heading(report.words("robust.title"), 2)
    for part in (_backup, _counties, _scenarios, _aims, _pareto_front, _money, _capacity):
        part(report, siting)


def _amount(value: Any, siting: Siting, lang: str) -> str:
    return amount(value, siting.objective_name, lang) or text("value.unknown", lang)


def _share(part: Any, whole: Any) -> str:
    return percent(float(part) / float(whole)) if whole and not pd.isna(part) else "–"


def _percent(value: Any) -> str:
    return "–" if value is None or pd.isna(value) else percent(float(value))


def _backup(report: Report, siting: Siting) -> None:
    """One sentence: what is left if the worst site fails."""
    rows = {str(row["phase"]): row for row in siting.backup.to_dict("records")}
    after = rows.get("after")
    if after is None or pd.isna(after["left_worst"]) or not siting.result.total:
        return
    lang, total = report.lang, siting.result.total
    names = (
        siting.sites.drop_duplicates("id").set_index("id")["name"]
        if len(siting.sites)
        else pd.Series(dtype=object)
    )
    worst = after["worst_site"]
    known = worst is not None and not pd.isna(worst)
    report.paper.text(report.words(
        "robust.backup" if known else "robust.backup-none",
        covered=_share(after["covered"], total), left=_share(after["left_worst"], total),
        lost=_amount(float(after["covered"]) - float(after["left_worst"]), siting, lang),
        twice=_share(after["twice"], total),
        site=short_name({"id": worst, "name": names.get(worst)}) if known else "",
    ))  # fmt: skip


def _counties(report: Report, siting: Siting) -> None:
    frame = siting.counties
    if not frame["county"].astype(bool).any():
        return
    asked = bool((frame["min_sites"] > 0).any())
    frame = frame.sort_values(["share_after", "county"], kind="stable").head(MOST_ROWS)
    heads = ["county", "total", "share-before", "share-after", "new-sites", *(["asked"] if asked else [])]
    rows = [
        [
            Cell(str(row["county"]) or report.words("robust.no-county")),
            Cell(_amount(row["total"], siting, report.lang), right=True),
            Cell(_percent(row["share_before"]), right=True),
            Cell(_percent(row["share_after"]), right=True),
            Cell(str(int(row["sites"])), right=True),
            *([Cell(str(int(row["min_sites"])), right=True)] if asked else []),
        ]
        for row in frame.to_dict("records")
    ]
    _table(report, "counties", heads, rows, [46.0, 36.0, 26.0, 26.0, 22.0, 22.0][: len(heads)])


def _scenarios(report: Report, siting: Siting) -> None:
    rows = [
        [Cell(str(row["scenario"])), Cell(_percent(row["probability"]), right=True),
         Cell(shown(row["detour"], column("detour"), report.lang), right=True),
         Cell(_amount(row["total"], siting, report.lang), right=True),
         Cell(_percent(row["share_before"]), right=True), Cell(_percent(row["share_after"]), right=True)]
        for row in siting.scenarios.to_dict("records")
    ]  # fmt: skip
    heads = ["scenario", "probability", "detour", "total", "share-before", "share-after"]
    _table(report, "scenarios", heads, rows, [46.0, 22.0, 20.0, 34.0, 22.0, 22.0])


def _aims(report: Report, siting: Siting) -> None:
    rows = [
        [Cell(text(f"choice.aim.{row['aim']}", report.lang)), Cell(_percent(row["importance"]), right=True),
         Cell(_percent(row["share_before"]), right=True), Cell(_percent(row["share_after"]), right=True)]
        for row in siting.aims.to_dict("records")
    ]  # fmt: skip
    _table(
        report, "aims", ["aim", "importance", "share-before", "share-after"], rows, [76.0, 30.0, 30.0, 30.0]
    )


def _pareto_front(report: Report, siting: Siting) -> None:
    frame = siting.pareto_front
    if not len(frame):
        return
    lang = report.lang
    first, second = (text(f"choice.aim.{frame[name].iloc[0]}", lang) for name in ("first", "second"))
    rows = [
        [Cell(_percent(row["share_first"]), right=True), Cell(_percent(row["share_second"]), right=True),
         Cell(str(int(row["sites"])), right=True), Cell(shown(row["cost"], column("cost"), lang), right=True)]
        for row in frame.head(MOST_ROWS).to_dict("records")
    ]  # fmt: skip
    heads = [first, second, report.words("robust.head.new-sites"), report.words("robust.head.cost")]
    report.paper.table(
        report.words("robust.pareto-front", first=first, second=second), heads, rows, [50.0, 50.0, 33.0, 33.0]
    )


def _money(report: Report, siting: Siting) -> None:
    total, lang = siting.result.total, report.lang
    rows = [
        [Cell(shown(row["budget"], column("budget"), lang), right=True), Cell(str(int(row["sites"])), right=True),
         Cell(_share(row["objective"], total), right=True), Cell(_share(min(row["bound"], total), total), right=True)]
        for row in siting.frontier_by_money.head(MOST_ROWS).to_dict("records")
    ]  # fmt: skip
    _table(report, "money", ["budget", "new-sites", "covered", "bound"], rows, [42.0, 40.0, 42.0, 42.0])


def _capacity(report: Report, siting: Siting) -> None:
    """With capacity: which sites are full."""
    frame = siting.sites
    if "capacity" not in frame or not len(siting.served):
        return
    own = frame[~frame["existing"].astype(bool)].head(MOST_ROWS)
    rows = [
        [Cell(short_name(row)), Cell(_plugs(row["plugs"], report.lang), right=True),
         Cell(_amount(row["capacity"], siting, report.lang), right=True),
         Cell(_amount(row["served"], siting, report.lang), right=True)]
        for row in own.to_dict("records")
    ]  # fmt: skip
    _table(report, "capacity", ["site", "plugs", "capacity", "served"], rows, [64.0, 22.0, 40.0, 40.0])


def _plugs(plugs: Any, lang: str) -> str:
    return shown(plugs, column("plugs"), lang)


def _table(report: Report, key: str, heads: list[str], rows: list[list[Cell]], widths: list[float]) -> None:
    if rows:
        labels = [report.words(f"robust.head.{head}") for head in heads]
        report.paper.table(report.words(f"robust.{key}"), labels, rows, widths)
