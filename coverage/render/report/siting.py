"""The report's sections on siting: proposed sites, what stays uncovered, least sites, retrofits."""

from __future__ import annotations

import pandas as pd

from ...schema import at_most, column, percent, shown
from ...siting.planning.outcome import Siting
from ...tables import numbers
from ...tables.siting_layers import amount
from ...tables.siting_sheets import least_sheets, proposed_sheet, retrofit_sheet
from ...tables.words import factor_sentence, title_before
from ...texts import text
from ..pictures.charts import curve_figure, figure_png
from .choices import write_choices
from .context import Report
from .evidence import ROWS, map_height_mm, picked, table_cells
from .robust import goal_sentence, write_robust
from .table import Cell


def write_siting(report: Report) -> None:
    """What to build, in which order, what it brings, and how far from the best possible it is."""
    paper, lang = report.paper, report.lang
    for siting in report.plan.siting:
        paper.heading(
            report.words("siting", objective=text(f"objective.{siting.objective_name}", lang)), new_page=True
        )
        for line in _siting_words(report, siting):
            paper.text(line)
        if len(siting.proposed):
            _proposed_table(report, siting)
            layers = picked(
                [x for x in report.layers if x.phase != "before"], ("routes", "charging_sites", "proposed")
            )
            height = map_height_mm(len(siting.proposed))
            report.map(layers, report.words("map-after"), phase="after", height_mm=height)
            paper.figure(figure_png(curve_figure(siting, lang)), report.words("curve"))
        write_choices(report, siting)
        write_robust(report, siting)
        _uncovered(report, siting)


def _siting_words(report: Report, siting: Siting) -> list[str]:
    result = siting.result
    if not result.total:
        return [report.words("siting-nothing")]
    share = {
        "before": percent(result.share_before),
        "after": percent(result.share),
    }
    if siting.candidates["excluded"].notna().all():
        return [report.words("siting-no-candidates", before=share["before"])]
    bound = percent(result.share_bound)
    gap = at_most(result.gap)
    key = "siting-optimal" if result.status == "optimal" else "siting-gap"
    built = "siting-adds" if len(siting.proposed) else "siting-none"
    lines = [
        report.words(built, n=len(siting.proposed), candidates=len(siting.candidates), **share),
        report.words(key, bound=bound, gap=gap),
    ]
    if siting.faults:
        lines.append(report.words("siting-faults", n=len(siting.faults)))
    else:
        lines.append(report.words("siting-verified"))
    goal = goal_sentence(siting, report.lang)
    if goal:
        lines.insert(1, goal)
    return lines


def _proposed_table(report: Report, siting: Siting) -> None:
    lang = report.lang
    sheet = proposed_sheet(report.plan, lang)
    wanted = {"build_order": 14.0, "name": 40.0, "kind": 26.0, "adds": 20.0, "share_after": 20.0, "cost": 14.0,
              "lon": 26.0, "lat": 24.0}  # fmt: skip
    heads = [h for h in sheet.heads if h.name in wanted]
    frame = sheet.frame[sheet.frame["objective"] == siting.objective_name]
    report.paper.table(report.words("proposed-table"), [h.label for h in heads], table_cells(frame, heads, lang),
                       [wanted[h.name] for h in heads])  # fmt: skip
    note = "proposed-note" if siting.goal is None else "proposed-note-goal"
    report.paper.text(report.words(note, n=len(siting.proposed)), indent=False, soft=True)


def _uncovered(report: Report, siting: Siting) -> None:
    left = siting.demand[siting.demand["covered"] == "never"]
    lang = report.lang
    if not len(left):
        return
    never = left[left["id"].isin(set(siting.unreachable["id"]))]
    report.paper.heading(report.words("uncovered"), 2)
    report.paper.text(
        report.words(
            "uncovered-words",
            n=len(left),
            weight=amount(left["weight"].sum(), siting.objective_name, lang),
            never=len(never),
            sheet=text("sheet.uncovered.title", report.lang),
        ),
        keep=True,
    )
    frame = pd.DataFrame(left[["id", "name", "weight"]]).assign(never=left["id"].isin(set(never["id"])))
    if siting.objective_name == "highway":  # a route's stretches bear its name alone
        frame = frame.groupby(["name", "never"], as_index=False).agg(
            id=("id", "first"), weight=("weight", "sum")
        )
    biggest = frame.sort_values(["weight", "id"], ascending=[False, True], kind="stable").head(12)
    reach = {True: text("sheet.never-reachable", report.lang), False: text("sheet.not-chosen", report.lang)}
    rows = [
        [Cell("–" if pd.isna(row["name"]) else str(row["name"])),
         Cell(amount(row["weight"], siting.objective_name, lang) or "–", right=True), Cell(reach[row["never"]])]
        for row in biggest.to_dict("records")
    ]  # fmt: skip
    heads = [report.words("head.name"), report.words("head.weight"), report.words("head.why")]
    report.paper.table(report.words("uncovered-table"), heads, rows, [50.0, 30.0, 86.0])


def _count(n: float, lang: str) -> str:
    return shown(n, column("sites"), lang)


def write_least(report: Report) -> None:
    """Fewest sites for each span, and those of the widest."""
    found = report.plan.compliance
    if not any(c.stretches or len(c.unserved) for c in found):
        return
    paper, lang = report.paper, report.lang
    paper.heading(report.words("least"), new_page=True)
    paper.text(report.words("least-words"))
    heads = [report.words(f"head.{key}") for key in ("span", "needed", "bound", "stretches", "unserved")]
    rows = [
        [
            Cell(title_before(report.plan, c.rule, lang) + numbers.span(c.span_km, lang), right=True),
            *(Cell(_count(n, lang), right=True) for n in (len(c.sites), c.result.bound, c.stretches)),
            Cell(_count(len(c.unserved), lang), right=True, shade="gap" if len(c.unserved) else ""),
        ]
        for c in found
    ]  # fmt: skip
    paper.table(report.words("least-table"), heads, rows, [34.0, 30.0, 34.0, 34.0, 34.0])
    if any(len(c.unserved) for c in found):
        paper.text(report.words("least-never", sheet=text("sheet.unserved.title", lang)))
    sheet = least_sheets(report.plan, lang)[0]
    if len(sheet.frame):
        wanted = {"build_order": 18.0, "name": 50.0, "kind": 34.0, "serves": 24.0, "lon": 20.0, "lat": 20.0}
        chosen = [h for h in sheet.heads if h.name in wanted]
        for least in report.plan.widest:
            rule = title_before(report.plan, least.rule, lang)
            own = sheet.frame["rule_title"] == report.plan.before[least.rule].rule.title[lang]
            frame = sheet.frame[own & (sheet.frame["span_km"] == least.span_km)].head(ROWS)
            if len(frame):
                title = report.words("least-list", span=numbers.span(least.span_km, lang))
                paper.table(f"{rule}{title}", [h.label for h in chosen], table_cells(frame, chosen, lang),
                            [wanted[h.name] for h in chosen])  # fmt: skip


def write_retrofit(report: Report) -> None:
    """Berths to retrofit, best first."""
    sheet = retrofit_sheet(report.plan, report.lang)
    if not len(sheet.frame):
        return
    paper = report.paper
    paper.heading(report.words("retrofit"))
    paper.text(report.words("retrofit-words"))
    assert report.plan.retrofit is not None  # the sheet has its rows
    paper.text(factor_sentence(report.plan.retrofit.factors, report.lang))
    wanted = {"name": 44.0, "port": 28.0, "class_t": 20.0, "energy_kwh": 24.0, "co2_avoided_t": 24.0,
              "retrofit_cost": 20.0, "co2_t_per_cost": 22.0}  # fmt: skip
    heads = [h for h in sheet.heads if h.name in wanted]
    paper.table(report.words("retrofit-table"), [h.label for h in heads],
                table_cells(sheet.frame.head(ROWS), heads, report.lang), [wanted[h.name] for h in heads])  # fmt: skip
