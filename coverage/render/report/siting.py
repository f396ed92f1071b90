"""The report's chapters on siting: proposed sites, other plans, what the choice rests on, least sites, retrofits."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pandas as pd

from ...siting.planning.comply import Compliance
from ...siting.planning.outcome import Siting
from ...tables import numbers
from ...tables.layer_frame import picked
from ...tables.sentences import backup_sentence, choice_sentences, siting_sentences
from ...tables.siting_tables import amount
from ...tables.table import Table
from ...tables.words import factor_sentence, title_before
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
    ("capacity", "outages", {"name": 64.0, "plugs": 22.0, "capacity": 40.0, "served": 40.0}),
)  # fmt: skip
"""Caption, table of the plan, and the columns that stand on paper with their width."""


def write_siting(report: Report) -> None:
    """What to build, in which order, what it brings, and how far from the best possible it is."""
    paper, lang = report.paper, report.lang
    for siting in report.plan.siting:
        objective = text(f"objective.{siting.objective_name}", lang)
        paper.heading(report.words("siting", objective=objective), new_page=True)
        for line in siting_sentences(siting, lang):
            paper.text(line)
        if len(siting.proposed):
            _proposed(report, siting)
        if len(siting.choices):
            paper.heading(report.words("choices.title"), 2)
            paper.bullets(choice_sentences(siting, lang))
            widths = {"build_order": 13.0, "name": 36.0, "without_it": 66.0, "in_plans": 51.0}
            report.table(
                report.words("choices.table"), _of(report, "proposed", siting), widths, len(siting.proposed)
            )
            widths = {"plan": 14.0, "share": 22.0, "less": 28.0, "left-out": 28.0, "instead": 74.0}
            report.table(report.words("choices.plans-table"), _of(report, "other-plans", siting), widths)
        if len(siting.proposed):
            _robust(report, siting)
        _uncovered(report, siting)


def _of(report: Report, name: str, siting: Siting) -> Table:
    """The rows of a table that are of one siting."""
    return report.rows(name, lambda frame: frame["objective"] == siting.objective_name)


def _proposed(report: Report, siting: Siting) -> None:
    widths = {"build_order": 14.0, "name": 40.0, "kind": 26.0, "adds": 20.0, "share_after": 20.0, "cost": 14.0,
              "lon": 26.0, "lat": 24.0}  # fmt: skip
    n = len(siting.proposed)
    report.table(report.words("proposed-table"), _of(report, "proposed", siting), widths, n)
    note = "proposed-note" if siting.goal is None else "proposed-note-goal"
    report.soft(report.words(note, n=n))
    layers = [layer for layer in report.layers if layer.phase != "before"]
    shown_layers = picked(layers, ("routes", "charging_sites", "proposed"))
    report.map(shown_layers, report.words("map-after"), phase="after", rows=n)
    curve, money = (_of(report, name, siting).frame for name in ("curve", "money"))
    report.paper.figure(figure_png(curve_figure(curve, money, report.lang)), report.words("curve"))


def _robust(report: Report, siting: Siting) -> None:
    """Tables of what the outcome holds; nothing where it holds nothing."""
    tables = {name: _of(report, name, siting) for _, name, _ in ROBUST}
    gains = tables["gains"].frame
    if len(gains) and gains["county"].astype(bool).any():
        gains = gains.sort_values(["share_planned", "county"], kind="stable")
        tables["gains"] = replace(tables["gains"], frame=gains)
    else:  # no counties are known
        del tables["gains"]
    if "capacity" in tables["outages"].frame and len(siting.served):
        tables["outages"] = report.rows(
            "outages", lambda f: (f["objective"] == siting.objective_name) & ~f["existing"].astype(bool)
        )
    else:
        del tables["outages"]
    sentence = backup_sentence(siting, report.lang)
    if not (sentence or any(len(table.frame) for table in tables.values())):
        return
    report.paper.heading(report.words("robust.title"), 2)
    if sentence:
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


def _uncovered(report: Report, siting: Siting) -> None:
    left, lang = siting.demand[siting.demand["covered"] == "never"], report.lang
    if not len(left):
        return
    report.paper.heading(report.words("uncovered"), 2)
    weight = amount(left["weight"].sum(), siting.objective_name, lang)
    never = int(left["id"].isin(set(siting.unreachable["id"])).sum())
    sheet = text("sheet.uncovered.title", lang)
    words = report.words("uncovered-words", n=len(left), weight=weight, never=never, sheet=sheet)
    report.paper.text(words, keep=True)
    widths = {"name": 50.0, "amount": 30.0, "why": 86.0}
    report.table(report.words("uncovered-table"), _of(report, "uncovered-heaviest", siting), widths)


def write_least(report: Report) -> None:
    """Fewest sites for each span, and those of the widest."""
    found = report.plan.compliance
    if not any(c.stretches or len(c.unserved) for c in found):
        return
    paper, lang = report.paper, report.lang
    paper.heading(report.words("least"), new_page=True)
    paper.text(report.words("least-words"))
    several = {"title": 40.0} if len({c.rule for c in found}) > 1 else {}
    widths = {**several, "span": 34.0, "needed": 30.0, "bound": 34.0, "stretches": 34.0, "unserved": 34.0}
    report.table(report.words("least-table"), report.rows("least-spans"), widths)
    if any(len(c.unserved) for c in found):
        paper.text(report.words("least-never", sheet=text("sheet.unserved.title", lang)))
    widths = {"build_order": 18.0, "name": 50.0, "kind": 34.0, "serves": 24.0, "lon": 20.0, "lat": 20.0}
    for least in report.plan.widest:
        title = report.words("least-list", span=numbers.span(least.span_km, lang))
        title = title_before(report.plan, least.rule, lang) + title
        report.table(title, report.rows("least-sites", partial(_is_of, least)), widths)


def _is_of(least: Compliance, frame: pd.DataFrame) -> pd.Series[bool]:
    return (frame["rule"] == least.rule) & (frame["span_km"] == least.span_km)


def write_retrofit(report: Report) -> None:
    """Berths to retrofit, best first."""
    table, found = report.rows("retrofit"), report.plan.retrofit
    if found is None or not len(table.frame):
        return
    report.paper.heading(report.words("retrofit"))
    report.paper.text(report.words("retrofit-words"))
    report.paper.text(factor_sentence(found.factors, report.lang))
    widths = {"name": 44.0, "port": 28.0, "class_t": 20.0, "energy_kwh": 24.0, "co2_avoided_t": 24.0,
              "retrofit_cost": 20.0, "co2_t_per_cost": 22.0}  # fmt: skip
    report.table(report.words("retrofit-table"), table, widths)
