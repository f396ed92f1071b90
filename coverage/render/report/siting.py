"""The report's chapters on siting: proposed sites, other plans, what the choice rests on, least sites, retrofits."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ...tables.layer_frame import picked
from ...tables.table import Table
from ...texts import text
from ..pictures.charts import curve_figure, figure_png
from .context import Report

ROBUST: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("counties", "gains", {"county": 46.0, "total": 36.0, "share_today": 26.0, "share_planned": 26.0, "new_sites": 22.0,
                           "min_sites": 22.0}),
    ("scenarios", "scenarios", {"scenario": 46.0, "probability": 22.0, "detour": 20.0, "total": 34.0,
                                "share_today": 22.0, "share_planned": 22.0}),
    ("aims", "aims", {"aim": 76.0, "importance": 30.0, "share_today": 30.0, "share_planned": 30.0}),
    ("pareto-front", "pareto-front", {"share_first": 50.0, "share_second": 50.0, "new_sites": 33.0, "cost": 33.0}),
    ("money", "money", {"budget": 42.0, "new_sites": 40.0, "share": 42.0, "bound_share": 42.0}),
    ("capacity", "capacity", {"name": 64.0, "plugs": 22.0, "capacity": 40.0, "served": 40.0}),
)  # fmt: skip
"""Caption, table of the plan, and the columns that stand on paper with their width."""


def write_siting(report: Report) -> None:
    """What to build, in which order, what it brings, and how far from the best possible it is."""
    paper, sitings = report.paper, report.rows("sentences", lambda frame: frame["part"] == "siting").frame
    for name, lines in sitings.groupby("of", sort=False):
        siting = str(name)
        paper.heading(report.words("siting", objective=lines["lead"].iloc[0]))
        for line in lines["words"]:
            paper.text(line)
        proposed = _of(report, "proposed", siting)
        if len(proposed.frame):
            _proposed(report, proposed, siting)
        if choices := report.said("choice", siting):
            paper.heading(report.words("choices.title"), 2)
            paper.bullets(choices)
            widths = {"build_order": 13.0, "name": 36.0, "without_it": 66.0, "in_plans": 51.0}
            report.table(report.words("choices.table"), proposed, widths, len(proposed.frame))
            widths = {"plan": 14.0, "share": 22.0, "less": 28.0, "left-out": 28.0, "instead": 74.0}
            report.table(report.words("choices.plans-table"), _of(report, "other-plans", siting), widths)
        if len(proposed.frame):
            _robust(report, siting)
        _uncovered(report, siting)


def _of(report: Report, name: str, siting: str) -> Table:
    """The rows of a table that are of one siting, called by its objective."""
    return report.rows(name, lambda frame: frame["objective"] == siting)


def _proposed(report: Report, table: Table, siting: str) -> None:
    widths = {"build_order": 14.0, "name": 40.0, "kind": 26.0, "adds": 20.0, "share_after": 20.0, "cost": 14.0,
              "lon": 26.0, "lat": 24.0}  # fmt: skip
    n = len(table.frame)
    report.table(report.words("proposed-table"), table, widths, n)
    for words in report.said("proposed-note", siting):
        report.soft(words)
    layers = [layer for layer in report.shown.layers if layer.phase != "before"]
    shown_layers = picked(layers, ("routes", "charging_sites", "proposed"))
    report.map(shown_layers, report.words("map-after"), phase="after")
    curve, money = (_of(report, name, siting).frame for name in ("curve", "money"))
    report.paper.figure(figure_png(curve_figure(curve, money, report.lang)), report.words("curve"))


def _robust(report: Report, siting: str) -> None:
    """Tables of what the outcome holds; nothing where it holds nothing."""
    tables = {name: _of(report, name, siting) for _, name, _ in ROBUST}
    gains = tables["gains"].frame
    if len(gains) and gains["county"].astype(bool).any():
        gains = gains.sort_values(["share_planned", "county"], kind="stable")
        tables["gains"] = replace(tables["gains"], frame=gains)
    else:  # no counties are known
        del tables["gains"]
    backup = report.said("backup", siting)
    if not (backup or any(len(table.frame) for table in tables.values())):
        return
    report.paper.heading(report.words("robust.title"), 2)
    for sentence in backup:
        report.paper.text(sentence)
    for caption, name, widths in ROBUST:
        if name in tables and len(tables[name].frame):
            asked = tables[name].frame.get("min_sites", pd.Series([1])).gt(0).any()
            held = {key: width for key, width in widths.items() if key != "min_sites" or asked}
            both = {
                end: text(f"choice.aim.{value}", report.lang)
                for end in ("first", "second")
                for value in tables[name].frame.get(end, pd.Series(dtype=object)).head(1)
            }
            report.table(report.words(f"robust.{caption}", **both), tables[name], held)


def _uncovered(report: Report, siting: str) -> None:
    words = report.said("uncovered", siting)
    if not words:
        return
    report.paper.heading(report.words("uncovered"), 2)
    report.paper.text(words[0], keep=True)
    widths = {"name": 50.0, "amount": 30.0, "why": 86.0}
    report.table(report.words("uncovered-table"), _of(report, "uncovered-heaviest", siting), widths)


def write_least(report: Report) -> None:
    """Fewest sites for each span, and those of the widest."""
    paper, words = report.paper, report.said("least")
    if not words:
        return
    paper.heading(report.words("least"))
    paper.text(words[0], keep=True)
    table = report.rows("least-spans")
    several = {"title": 40.0} if any(head.name == "title" for head in table.heads) else {}
    widths = {**several, "span": 34.0, "needed": 30.0, "bound": 34.0, "stretches": 34.0, "unserved": 34.0}
    report.table(report.words("least-table"), table, widths)
    for line in report.said("least-never"):
        paper.text(line)
    widths = {"build_order": 18.0, "name": 50.0, "kind": 34.0, "serves": 24.0, "lon": 20.0, "lat": 20.0}
    for rule in report.shown.policy.rules:
        for title in report.said("least-list", rule.id):
            report.table(title, _widest(report.rows("least-sites"), rule.id), widths)


def _widest(table: Table, rule: str) -> Table:
    """The rows of a rule's widest span."""
    return replace(table, frame=table.frame[table.frame["widest"] == rule]) if len(table.frame) else table


def write_retrofit(report: Report) -> None:
    """Berths to retrofit, best first."""
    table = report.rows("retrofit")
    if not len(table.frame):
        return
    report.paper.heading(report.words("retrofit"))
    report.paper.text(report.words("retrofit-words"))
    for words in report.said("factors"):
        report.paper.text(words)
    widths = {"name": 44.0, "port": 28.0, "class_t": 20.0, "energy_kwh": 24.0, "co2_avoided_t": 24.0,
              "retrofit_cost": 20.0, "co2_t_per_cost": 22.0}  # fmt: skip
    report.table(report.words("retrofit-table"), table, widths)
