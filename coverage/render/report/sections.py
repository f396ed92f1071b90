"""The sections of the report, in order."""

from __future__ import annotations

from pathlib import Path

from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Mm, Pt

from ...measure.strips import strip_of
from ...rules.finding import Finding
from ...rules.spacing import RouteSpacing
from ...schema import column, day
from ...tables import numbers
from ...tables.sheets import status_looks as looks_of_status
from ...tables.source_sheets import issues_sheet
from ...tables.words import approval_number, assumption_lines, finding_words, licences, survey_sentence
from ...texts import text
from ...units import figures_in_km, in_kilometres
from ..pictures.charts import svg_png
from ..strips.draw import strip_charts
from .context import Report, measured
from .doc import BLUE, SOFT
from .evidence import (
    ROWS,
    table_cells,
)
from .summary_page import opening, write_glance
from .table import Cell, on_paper

STRIPS = 4
"""Strip charts of so many routes, those with the longest gaps."""


def write_cover(report: Report) -> None:
    """Title, what was assessed against what, when, by whom; the contents' place.

    Behind the page for the head of department, which has the title, it is a few lines above the contents.
    """
    plan, paper = report.plan, report.paper
    project, brief = plan.project, report.plan.programme is not None
    lines = [(project.output.title or project.name, 24, 90, BLUE), (report.words("kind"), 15, 12, SOFT)]
    for words, size, before, colour in [(report.words("kind"), 15, 0, BLUE)] if brief else lines:
        paragraph = paper.document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.page_break_before = brief
        paragraph.paragraph_format.space_before = Pt(before)
        run = paragraph.add_run(on_paper(words))
        run.font.size, run.bold, run.font.color.rgb = Pt(size), colour is BLUE, colour
    number = approval_number(plan)
    entries = [
        ("policy", plan.policy.name[report.lang]),
        ("assess-at", "" if project.assess_at is None else day(project.assess_at, report.lang)),
        (
            "data-date",
            "" if project.network.data_date is None else day(project.network.data_date, report.lang),
        ),
        ("author", project.output.author),
        ("approval", None if number is None else number or text("note.no-approval", report.lang)),
        ("software", "plugspan " + plan.provenance.versions.get("plugspan", "")),
    ]
    for i, (key, value) in enumerate(entries):
        if value:
            paragraph = paper.document.add_paragraph()
            paragraph.paragraph_format.left_indent = Mm(34)
            paragraph.paragraph_format.space_before = Pt(
                (6 if brief else 110) if i == 0 else 1 if brief else 4
            )
            if brief:
                paragraph.paragraph_format.space_after = Pt(0)
            paragraph.add_run(f"{report.words(f'cover.{key}')}{report.words('colon')}").bold = True
            paragraph.add_run(on_paper(value))
    for line in (
        text("note.schematic", report.lang) if project.output.schematic else "",
        project.output.note,
    ):
        if line:
            paragraph = paper.document.add_paragraph()
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            paragraph.paragraph_format.space_before = Pt(6 if brief else 30)
            paragraph.add_run(on_paper(line)).bold = True
    if not brief:
        paper.page_break()
    title = paper.document.add_paragraph()
    title.paragraph_format.space_after = Pt(10)
    run = title.add_run(report.words("contents"))
    run.bold, run.font.size, run.font.color.rgb = True, Pt(16), BLUE
    anchor = paper.document.add_paragraph()  # so small that it never needs a page of its own
    anchor.paragraph_format.line_spacing, anchor.paragraph_format.space_after = Pt(1), Pt(0)


def write_summary(report: Report) -> None:
    """All findings as a table, then holes, what to build and how certain; on the next page each in words."""
    report.paper.heading(report.words("summary"), new_page=True)
    report.paper.text(opening(report), keep=True)
    heads = ["title", "value", "target", "status"] + (
        ["value-after", "status-after"] if report.plan.proposes else []
    )
    rows = [_summary_row(report, before, after) for before, after in report.pairs()]
    widths = [44.0, 33.0, 19.0, 20.0, 33.0, 20.0] if report.plan.proposes else [64.0, 50.0, 26.0, 26.0]
    report.paper.table(
        report.words("summary-table"), [report.words(f"head.{h}") for h in heads], rows, widths
    )
    write_glance(report)
    if any(measured(before) for before, _ in report.pairs()):
        # With a plan the lines above may run onto a second page: what follows fills it.
        report.paper.heading(report.words("in-words"), 2, new_page=report.plan.programme is None)
    for before, after in report.pairs():
        if measured(before):
            words = finding_words(before, after, report.lang, siting=report.plan.proposes)
            report.paper.lead(before.rule.title[report.lang] + report.words("stop"), words)
    empty = [before.rule.title[report.lang] for before, _ in report.pairs() if not measured(before)]
    if empty:
        report.paper.text(
            report.words("nothing", titles=text("map.comma", report.lang).join(empty)), indent=False
        )


def _summary_row(report: Report, before: Finding, after: Finding) -> list[Cell]:
    lang = report.lang
    row = [Cell(before.rule.title[lang]), Cell(numbers.headline(before, lang)), Cell(numbers.target(before, lang)),
           _status(before, lang)]  # fmt: skip
    return [*row, Cell(numbers.headline(after, lang)), _status(after, lang)] if report.plan.proposes else row


def _status(finding: Finding, lang: str) -> Cell:
    words = numbers.status(finding, lang)
    looks = {label: look for look, labels in looks_of_status(lang).items() for label in labels}
    return Cell(words, shade=looks.get(words, ""), bold=finding.status == "not met")


# -- strips ----------------------------------------------------------------------------------------------


def write_strips(report: Report) -> None:
    """Strip charts of the routes with the longest gaps."""
    rules = report.plan.policy.of(RouteSpacing)
    charts = strip_charts(report.plan, report.lang)
    if not charts:
        return
    longest: dict[str, float] = {}
    for rule in rules:
        gaps = in_kilometres(report.plan.before.gaps)
        by_strip = gaps[gaps["rule"] == rule.id].groupby("strip")["length_km"].max()
        longest |= {k if rule is rules[0] else strip_of(str(k), rule.id): v for k, v in by_strip.items()}
    order = sorted(charts, key=lambda key: (-float(longest.get(key, 0.0)), key))[:STRIPS]
    report.paper.heading(report.words("strips"), new_page=True)
    report.paper.text(
        report.words("strips-how", n=len(order), unit=column("length_km").unit_words(report.lang))
    )
    for key in order:
        ref, _, section = key.rpartition("/")
        section, _, rule_id = section.partition("@")
        words = report.words("strip-of", ref=ref, section=section)
        if len(rules) > 1:
            words += (
                report.words("colon") + report.plan.before[rule_id or rules[0].id].rule.title[report.lang]
            )
        report.paper.figure(svg_png(charts[key]), words)


# -- method, data, sources -------------------------------------------------------------------------------


def write_method(report: Report) -> None:
    """How things are measured, in short, with their sources; what was assumed."""
    paper, lang = report.paper, report.lang
    paper.heading(report.words("method"), new_page=True)
    for key in ("unknown", "routes", "access", "spacing", "covered", "siting"):
        words = "words-own" if key == "routes" and not _chinese_numbers(report) else "words"
        paper.lead(report.words(f"how.{key}.title"), report.words(f"how.{key}.{words}"))
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


def _chinese_numbers(report: Report) -> bool:
    """Whether the road classes are the policy's own of GB/T 917."""
    classes = set(report.plan.policy.road_class)
    return (
        not report.plan.project.road_class and bool(classes) and classes <= {"expressway", "ordinary_trunk"}
    )


def write_data(report: Report) -> None:
    """What was read, what was noticed, what to survey, what is doubtful about the roads."""
    paper, lang = report.paper, report.lang
    paper.heading(report.words("data"))
    figures = figures_in_km(report.plan.network)
    if {"length_km", "routes", "routes_km"} <= set(figures):
        shown = {k: numbers.kilometres(float(figures[k]), lang) for k in ("length_km", "routes_km")}
        paper.text(report.words("network", routes=figures["routes"], **shown))
    survey = [line for f in report.plan.before.findings if (line := survey_sentence(f, lang))]
    paper.heading(report.words("survey"), 2)
    paper.text(report.words("survey-words" if survey else "survey-none"))
    paper.bullets(survey)
    paper.heading(report.words("noticed"), 2)
    warnings = [fault.render(lang) for fault in report.plan.inputs.warnings]
    paper.text(report.words("noticed-words" if warnings else "noticed-none", n=len(warnings)))
    paper.bullets(warnings[:30])
    if report.boxed:
        paper.text(report.words("boxed", characters=" ".join(sorted(report.boxed))))
    _issues(report)


def _issues(report: Report) -> None:
    sheet = issues_sheet(report.plan, report.lang)
    if not len(sheet.frame):
        return
    frame = sheet.frame[sheet.frame["severity"] != "note"].head(ROWS)
    report.paper.heading(report.words("issues"), 2)
    key = "issues-words" if len(frame) else "issues-none"
    report.paper.text(report.words(key, n=len(sheet.frame), shown=len(frame)))
    if len(frame):
        wanted = {"quality_kind": 26.0, "severity": 20.0, "ref": 18.0, "length_km": 18.0, "effect": 84.0}
        heads = [h for h in sheet.heads if h.name in wanted]
        report.paper.table(report.words("issues-table"), [h.label for h in heads],
                           table_cells(frame, heads, report.lang), [wanted[h.name] for h in heads])  # fmt: skip


def write_sources(report: Report) -> None:
    """Policy, files with their sums, programs, licences."""
    paper, lang = report.paper, report.lang
    plan = report.plan
    paper.heading(report.words("sources"))
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
