"""The sections of the report, in order."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Mm, Pt

from ..assess.finding import Finding
from ..errors import PlugspanError
from ..policy import RouteSpacing
from ..siting.outcome import Siting
from ..texts import text
from . import numbers
from .charts import curve_figure, figure_png, svg_png
from .report_doc import BLUE, SOFT, Cell
from .report_evidence import (
    ROWS,
    SHEETS,
    evidence,
    number_words,
    picked,
    rule_extent,
    rule_layers,
    table_cells,
)
from .report_state import Report, measured
from .report_words import assumption_lines, finding_sentences, licences, survey_sentence
from .strips import strip_charts
from .workbook_cells import clean
from .workbook_sheets import plan_sheets, retrofit_sheet
from .workbook_sheets import status_looks as looks_of_status

PAGE_MM, TEXT_ABOVE_MM, ROW_MM, MAP_MM = 250.0, 78.0, 6.2, (82.0, 125.0)
"""Height of a page's text, of what stands above a rule's map (about), of a table row; least and most for a map."""
STRIPS = 4
"""Strip charts of so many routes, those with the longest gaps."""


def write_cover(report: Report) -> None:
    """Title, what was assessed against what, when, by whom; the contents' place."""
    plan, paper = report.plan, report.paper
    project = plan.project
    for words, size, before, colour in (
        (project.output.title or project.name, 24, 90, BLUE),
        (report.words("kind"), 15, 12, SOFT),
    ):
        paragraph = paper.document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.space_before = Pt(before)
        run = paragraph.add_run(clean(words))
        run.font.size, run.bold, run.font.color.rgb = Pt(size), size > 20, colour
    entries = [
        ("policy", plan.policy.name[report.lang]),
        ("assess-at", "" if project.assess_at is None else f"{project.assess_at:%Y-%m-%d}"),
        ("data-date", "" if project.network.data_date is None else f"{project.network.data_date:%Y-%m-%d}"),
        ("author", project.output.author),
        ("approval", project.output.approval_number or text("note.no-approval", report.lang)),
        ("software", "plugspan " + plan.provenance.versions.get("plugspan", "")),
    ]
    for i, (key, value) in enumerate(entries):
        if value:
            paragraph = paper.document.add_paragraph()
            paragraph.paragraph_format.left_indent = Mm(34)
            paragraph.paragraph_format.space_before = Pt(110 if i == 0 else 4)
            paragraph.add_run(f"{report.words(f'cover.{key}')}{report.words('colon')}").bold = True
            paragraph.add_run(clean(value))
    for line in (
        text("note.schematic", report.lang) if project.output.schematic else "",
        project.output.note,
    ):
        if line:
            paragraph = paper.document.add_paragraph()
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            paragraph.paragraph_format.space_before = Pt(30)
            paragraph.add_run(clean(line)).bold = True
    paper.page_break()
    title = paper.document.add_paragraph()
    title.paragraph_format.space_after = Pt(10)
    run = title.add_run(report.words("contents"))
    run.bold, run.font.size, run.font.color.rgb = True, Pt(16), BLUE
    paper.document.add_paragraph()


def write_summary(report: Report) -> None:
    """All findings as a table, then each in words."""
    report.paper.heading(report.words("summary"), new_page=True)
    report.paper.text(_opening(report), keep=True)
    heads = ["title", "value", "target", "status"] + (
        ["value-after", "status-after"] if report.plan.siting else []
    )
    rows = [_summary_row(report, before, after) for before, after in report.pairs()]
    widths = [44.0, 33.0, 19.0, 20.0, 33.0, 20.0] if report.plan.siting else [64.0, 50.0, 26.0, 26.0]
    report.paper.table(
        report.words("summary-table"), [report.words(f"head.{h}") for h in heads], rows, widths
    )
    report.paper.heading(report.words("in-words"), 2)
    for before, after in report.pairs():
        if measured(before):
            words = _words(report, before, after)
            report.paper.lead(before.rule.title[report.lang] + report.words("stop"), words)
    empty = [before.rule.title[report.lang] for before, _ in report.pairs() if not measured(before)]
    if empty:
        report.paper.text(
            report.words("nothing", titles=text("map.comma", report.lang).join(empty)), indent=False
        )


def _opening(report: Report) -> str:
    found = [f.status for f in report.plan.before.findings if f.status is not None]
    counts = {name.replace(" ", "_"): found.count(name) for name in ("met", "not met", "undecided")}
    line = report.words("opening", policy=report.plan.policy.name[report.lang], n=len(found), **counts)
    for siting in report.plan.siting:
        result = siting.result
        if result.total > 0 and len(siting.proposed):
            line += report.words(
                "opening-siting",
                n=len(siting.proposed),
                objective=text(f"objective.{siting.objective_name}", report.lang),
                before=numbers.percent(result.base / result.total),
                after=numbers.percent(result.objective / result.total),
            )
    return line


def _words(report: Report, before: Finding, after: Finding) -> str:
    sentences = finding_sentences(before, after, report.lang, siting=bool(report.plan.siting))
    return ("" if report.lang == "zh" else " ").join(sentences)


def _summary_row(report: Report, before: Finding, after: Finding) -> list[Cell]:
    lang = report.lang
    row = [Cell(before.rule.title[lang]), Cell(numbers.headline(before, lang)), Cell(numbers.target(before, lang)),
           _status(before, lang)]  # fmt: skip
    return [*row, Cell(numbers.headline(after, lang)), _status(after, lang)] if report.plan.siting else row


def _status(finding: Finding, lang: str) -> Cell:
    words = numbers.status(finding, lang)
    looks = {label: look for look, labels in looks_of_status(lang).items() for label in labels}
    return Cell(words, shade=looks.get(words, ""), bold=finding.status == "not met")


# -- a page per rule -------------------------------------------------------------------------------------


def write_rules(report: Report) -> None:
    """Each rule on its own page: clause, finding, assumptions, map, evidence."""
    report.paper.heading(report.words("rules"), new_page=True)
    report.paper.text(report.words("rules-how"))
    first = True
    for before, after in report.pairs():
        if measured(before):
            _rule(report, before, after, new_page=not first)
            first = False


def _rule(report: Report, before: Finding, after: Finding, *, new_page: bool) -> None:
    paper, lang = report.paper, report.lang
    rule = before.rule
    paper.heading(rule.title[lang], 2, new_page=new_page)
    paper.lead(report.words("clause"), rule.source)
    paper.lead(report.words("finding"), _words(report, before, after))
    assumed = assumption_lines(rule, lang)
    if assumed:
        paper.lead(
            report.words("assumed"), text("report.semicolon", lang).join(assumed) + report.words("stop")
        )
    layers = rule_layers(report.plan, report.layers, before)
    if layers:
        # A short table shall stand on the same page: the map leaves it room if it can.
        room = PAGE_MM - TEXT_ABOVE_MM - ROW_MM * (min(len(before.table), ROWS) + 2)
        height = min(room, MAP_MM[1]) if room >= MAP_MM[0] else MAP_MM[1]
        report.map(
            layers,
            report.words("map-of", title=rule.title[lang]),
            height_mm=height,
            extent=rule_extent(layers, before),
        )
    if not len(before.table):
        return
    heads, rows, widths, n = evidence(before, lang)
    paper.table(report.words("table-of", title=rule.title[lang]), heads, rows, widths)
    if n > ROWS:
        sheet = text(f"sheet.{SHEETS[rule.kind]}.title", lang)
        paper.text(report.words("more-rows", n=n, shown=ROWS, sheet=sheet), indent=False, soft=True)


# -- strips ----------------------------------------------------------------------------------------------


def write_strips(report: Report) -> None:
    """Strip charts of the routes with the longest gaps."""
    rule = next((r for r in report.plan.policy.rules if isinstance(r, RouteSpacing)), None)
    charts = strip_charts(report.plan, report.lang) if rule is not None else {}
    if rule is None or not charts:
        return
    gaps = report.plan.before.gaps
    gaps = gaps[(gaps["rule"] == rule.id) & gaps["strip"].isin(set(charts))]
    longest = gaps.groupby("strip")["length_km"].max()
    order = sorted(charts, key=lambda key: (-float(longest.get(key, 0.0)), key))[:STRIPS]
    report.paper.heading(report.words("strips"), new_page=True)
    report.paper.text(report.words("strips-how", n=len(order)))
    for key in order:
        ref, _, section = key.rpartition("/")
        try:
            picture = svg_png(charts[key])
        except PlugspanError as error:
            report.paper.text(error.render(report.lang), soft=True)
            return
        report.paper.figure(picture, report.words("strip-of", ref=ref, section=section))


# -- proposed sites --------------------------------------------------------------------------------------


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
            room = PAGE_MM - TEXT_ABOVE_MM - ROW_MM * (min(len(siting.proposed), ROWS) + 2)
            height = room if MAP_MM[0] <= room <= MAP_MM[1] else MAP_MM[1]
            report.map(layers, report.words("map-after"), phase="after", height_mm=height)
            try:
                paper.figure(figure_png(curve_figure(siting, lang)), report.words("curve"))
            except PlugspanError as error:
                paper.text(error.render(lang), soft=True)
        _uncovered(report, siting)


def _siting_words(report: Report, siting: Siting) -> list[str]:
    result = siting.result
    if not result.total:
        return [report.words("siting-nothing")]
    share = {
        "before": numbers.percent(result.base / result.total),
        "after": numbers.percent(result.objective / result.total),
    }
    bound = numbers.percent(min(result.bound / result.total, 1.0))
    gap = numbers.percent(max(result.gap, 0.0)) if result.gap else "0%"
    key = "siting-optimal" if result.status == "optimal" else "siting-gap"
    lines = [
        report.words("siting-adds", n=len(siting.proposed), candidates=len(siting.candidates), **share),
        report.words(key, bound=bound, gap=gap),
    ]
    if siting.faults:
        lines.append(report.words("siting-faults", n=len(siting.faults)))
    else:
        lines.append(report.words("siting-verified"))
    if len(siting.choices):
        names = siting.proposed.set_index("id")["name"]
        needed = [
            str(names[i])
            for i in siting.choices.loc[siting.choices["essential"].astype(bool), "id"]
            if i in names
        ]
        sheet = text("sheet.proposed.title", report.lang)
        listed = text("map.comma", report.lang).join(needed)
        lines.append(report.words("choices", n=len(needed), names=listed) if needed else
                     report.words("choices-none", sheet=sheet))  # fmt: skip
    return lines


def _proposed_table(report: Report, siting: Siting) -> None:
    lang = report.lang
    sheet = next(s for s in plan_sheets(report.plan, lang) if s.key == "proposed")
    wanted = {"build_order": 14.0, "name": 40.0, "kind": 26.0, "adds": 20.0, "share_after": 20.0, "cost": 14.0,
              "lon": 26.0, "lat": 24.0}  # fmt: skip
    heads = [h for h in sheet.heads if h.name in wanted]
    frame = sheet.frame[sheet.frame["objective"] == siting.objective_name]
    report.paper.table(report.words("proposed-table"), [h.label for h in heads], table_cells(frame, heads, lang),
                       [wanted[h.name] for h in heads])  # fmt: skip
    report.paper.text(report.words("proposed-note", n=len(siting.proposed)), indent=False, soft=True)


def _uncovered(report: Report, siting: Siting) -> None:
    left = siting.demand[siting.demand["covered"] == "never"]
    if not len(left):
        return
    never = left[left["id"].isin(set(siting.unreachable["id"]))]
    report.paper.heading(report.words("uncovered"), 2)
    report.paper.text(
        report.words(
            "uncovered-words",
            n=len(left),
            weight=number_words(float(left["weight"].sum()), ""),
            never=len(never),
            sheet=text("sheet.uncovered.title", report.lang),
        ),
        keep=True,
    )
    biggest = left.sort_values(["weight", "id"], ascending=[False, True], kind="stable").head(12)
    reach = {True: text("sheet.never-reachable", report.lang), False: text("sheet.not-chosen", report.lang)}
    ids = set(never["id"])
    rows = [
        [Cell("–" if pd.isna(row["name"]) else str(row["name"])),
         Cell(number_words(float(row["weight"]), ""), right=True), Cell(reach[row["id"] in ids])]
        for row in biggest.drop(columns="geometry").to_dict("records")
    ]  # fmt: skip
    heads = [report.words("head.name"), report.words("head.weight"), report.words("head.why")]
    report.paper.table(report.words("uncovered-table"), heads, rows, [50.0, 30.0, 86.0])


def write_least(report: Report) -> None:
    """Fewest sites for each span, and those of the widest."""
    found = report.plan.compliance
    if not found:
        return
    paper, lang = report.paper, report.lang
    paper.heading(report.words("least"), new_page=True)
    paper.text(report.words("least-words"))
    heads = [report.words(f"head.{key}") for key in ("span", "needed", "bound", "stretches", "unserved")]
    rows = [
        [
            *(Cell(words, right=True) for words in
              (f"{c.span_km:g}", f"{len(c.sites)}", f"{c.result.bound:g}", f"{c.stretches:,}")),
            Cell(f"{len(c.unserved):,}", right=True, shade="gap" if len(c.unserved) else ""),
        ]
        for c in found
    ]  # fmt: skip
    paper.table(report.words("least-table"), heads, rows, [34.0, 30.0, 34.0, 34.0, 34.0])
    if any(len(c.unserved) for c in found):
        paper.text(report.words("least-never", sheet=text("sheet.unserved.title", lang)))
    sheet = next((s for s in plan_sheets(report.plan, lang) if s.key == "least-sites"), None)
    if sheet is not None:
        widest = max(c.span_km for c in found)
        wanted = {"build_order": 18.0, "name": 50.0, "kind": 34.0, "serves": 24.0, "lon": 20.0, "lat": 20.0}
        chosen = [h for h in sheet.heads if h.name in wanted]
        frame = sheet.frame[sheet.frame["span_km"] == widest].head(ROWS)
        if len(frame):
            title = report.words("least-list", span=f"{widest:g}")
            paper.table(title, [h.label for h in chosen], table_cells(frame, chosen, lang),
                        [wanted[h.name] for h in chosen])  # fmt: skip


def write_retrofit(report: Report) -> None:
    """Berths to retrofit, best first."""
    sheet = retrofit_sheet(report.plan, report.lang)
    if not len(sheet.frame):
        return
    paper = report.paper
    paper.heading(report.words("retrofit"))
    paper.text(report.words("retrofit-words"))
    wanted = {"name": 44.0, "port": 28.0, "class_t": 20.0, "energy_kwh": 24.0, "co2_avoided_t": 24.0,
              "retrofit_cost": 20.0, "co2_t_per_cost": 22.0}  # fmt: skip
    heads = [h for h in sheet.heads if h.name in wanted]
    paper.table(report.words("retrofit-table"), [h.label for h in heads],
                table_cells(sheet.frame.head(ROWS), heads, report.lang), [wanted[h.name] for h in heads])  # fmt: skip


# -- method, data, sources -------------------------------------------------------------------------------


def write_method(report: Report) -> None:
    """How things are measured, in short, with their sources; what was assumed."""
    paper, lang = report.paper, report.lang
    paper.heading(report.words("method"), new_page=True)
    for key in ("unknown", "routes", "access", "spacing", "covered", "siting"):
        paper.lead(report.words(f"how.{key}.title"), report.words(f"how.{key}.words"))
    rules: dict[str, list[str]] = {}
    for rule in report.plan.policy.rules:
        for line in assumption_lines(rule, lang):
            rules.setdefault(line, []).append(rule.title[lang])
    rows = [
        [
            Cell(line),
            Cell(text("report.semicolon", lang).join(titles)),
            Cell(report.words("assumption-mark"), shade="middle"),
        ]
        for line, titles in rules.items()
    ]
    if rows:
        paper.heading(report.words("assumptions"), 2)
        paper.text(report.words("assumptions-words"))
        heads = [report.words("head.assumption"), report.words("head.title"), report.words("head.mark")]
        paper.table(report.words("assumptions-table"), heads, rows, [62.0, 76.0, 28.0])


def write_data(report: Report) -> None:
    """What was read, what was noticed, what to survey, what is doubtful about the roads."""
    paper, lang = report.paper, report.lang
    paper.heading(report.words("data"), new_page=True)
    figures = report.plan.network
    if {"length_km", "routes", "routes_km"} <= set(figures):
        shown = {k: number_words(float(figures[k]), "km") for k in ("length_km", "routes_km")}
        paper.text(report.words("network", routes=figures["routes"], **shown))
    survey = [line for f in report.plan.before.findings if (line := survey_sentence(f, lang))]
    paper.heading(report.words("survey"), 2)
    paper.text(report.words("survey-words" if survey else "survey-none"))
    paper.bullets(survey)
    paper.heading(report.words("noticed"), 2)
    warnings = [fault.render(lang) for fault in report.plan.inputs.warnings]
    paper.text(report.words("noticed-words" if warnings else "noticed-none", n=len(warnings)))
    paper.bullets(warnings[:30])
    _issues(report)


def _issues(report: Report) -> None:
    sheet = next((s for s in plan_sheets(report.plan, report.lang) if s.key == "issues"), None)
    if sheet is None:
        return
    frame = sheet.frame[sheet.frame["severity"] != "note"].head(ROWS)
    report.paper.heading(report.words("issues"), 2)
    report.paper.text(report.words("issues-words", n=len(sheet.frame), shown=len(frame)))
    if len(frame):
        wanted = {"quality_kind": 26.0, "severity": 16.0, "ref": 18.0, "length_km": 18.0, "effect": 88.0}
        heads = [h for h in sheet.heads if h.name in wanted]
        report.paper.table(report.words("issues-table"), [h.label for h in heads],
                           table_cells(frame, heads, report.lang), [wanted[h.name] for h in heads])  # fmt: skip


def write_sources(report: Report) -> None:
    """Policy, files with their sums, programs, licences."""
    paper, lang = report.paper, report.lang
    plan = report.plan
    paper.heading(report.words("sources"), new_page=True)
    paper.lead(report.words("cover.policy") + report.words("colon"), plan.policy.source)
    if plan.project.output.sources:
        paper.lead(report.words("data-from") + report.words("colon"), plan.project.output.sources)
    rows = [[Cell(Path(path).as_posix()), Cell(digest)] for path, digest in plan.provenance.inputs]
    paper.table(report.words("files-table"), [report.words("head.file"), "SHA-256"], rows, [42.0, 124.0])
    versions = text("map.comma", lang).join(
        f"{name} {version}" for name, version in plan.provenance.versions.items()
    )
    paper.lead(report.words("versions") + report.words("colon"), versions)
    paper.heading(report.words("licences"), 2)
    paper.bullets(licences(plan, lang))


__all__ = [
    "write_cover", "write_data", "write_least", "write_method", "write_retrofit", "write_rules", "write_siting",
    "write_sources", "write_strips", "write_summary",
]  # fmt: skip
