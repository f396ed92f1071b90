"""The sections of the report, in order."""

from __future__ import annotations

from dataclasses import replace

from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Mm, Pt

from ...errors import fault_lines
from ...rules.finding import Finding
from ...schema import column, day
from ...tables import numbers
from ...tables.layer import Layer
from ...tables.layer_frame import rule_extent, rule_map
from ...tables.sentences import glance, opening
from ...tables.strips import longest_strips
from ...tables.table import rule_sheet_title
from ...tables.words import (
    approval_number,
    assumption_lines,
    finding_words,
    licences,
    measured,
    survey_sentence,
)
from ...texts import text
from ...units import figures_in_km
from ..pictures.charts import svg_png
from ..strips.draw import strip_svg
from .context import ROWS, Report
from .doc import BLUE, SOFT, on_paper

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
    plan, lang = report.plan, report.lang
    report.paper.heading(report.words("summary"), new_page=True)
    report.paper.text(opening(plan, lang), keep=True)
    widths = {"title": 44.0, "value": 33.0, "target_shown": 19.0, "finding_status": 20.0, "value_after": 33.0,
              "status_after": 20.0}  # fmt: skip
    if not plan.proposes:
        widths = {"title": 64.0, "value": 50.0, "target_shown": 26.0, "finding_status": 26.0}
    table = report.rows("findings")
    table = replace(table, frame=table.frame.sort_values("measured", ascending=False, kind="stable"))
    report.table(report.words("summary-table"), table, widths, len(table.frame))
    for lead, words in glance(plan, lang):
        report.paper.lead(lead, words)
    pairs = list(zip(plan.before.findings, plan.after.findings, strict=True))
    if any(measured(before) for before, _ in pairs):
        # With a plan the lines above may run onto a second page: what follows fills it.
        report.paper.heading(report.words("in-words"), 2, new_page=plan.programme is None)
    for before, after in pairs:
        if measured(before):
            words = finding_words(before, after, lang, siting=plan.proposes)
            report.paper.lead(before.rule.title[lang] + report.words("stop"), words)
    empty = [before.rule.title[lang] for before, _ in pairs if not measured(before)]
    if empty:
        report.paper.text(report.words("nothing", titles=text("map.comma", lang).join(empty)), indent=False)


# -- strips ----------------------------------------------------------------------------------------------


def write_strips(report: Report) -> None:
    """Strip charts of the routes with the longest gaps."""
    strips = longest_strips(report.plan, STRIPS)
    if not strips:
        return
    report.paper.heading(report.words("strips"), new_page=True)
    unit = column("length_km").unit_words(report.lang)
    report.paper.text(report.words("strips-how", n=len(strips), unit=unit))
    for data, rule in strips:
        words = report.words("strip-of", ref=data.ref, section=data.section)
        if rule is not None:
            words += report.words("colon") + rule.title[report.lang]
        report.paper.figure(svg_png(strip_svg(data, report.lang)), words)


# -- method, data, sources -------------------------------------------------------------------------------


def write_method(report: Report) -> None:
    """How things are measured, in short, with their sources; what was assumed."""
    paper = report.paper
    paper.heading(report.words("method"), new_page=True)
    for key in ("unknown", "routes", "access", "spacing", "covered", "siting"):
        words = "words-own" if key == "routes" and not _chinese_numbers(report) else "words"
        paper.lead(report.words(f"how.{key}.title"), report.words(f"how.{key}.{words}"))
    table = report.rows("assumptions")
    if len(table.frame):
        paper.heading(report.words("assumptions"), 2)
        paper.text(report.words("assumptions-words"))
        widths = {"assumption": 62.0, "title": 76.0, "mark": 28.0}
        report.table(report.words("assumptions-table"), table, widths, len(table.frame))


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
    paper.bullets([text("ledger.line", lang, **entry.counts()) for entry in report.plan.inputs.ledger])
    warnings = fault_lines(report.plan.inputs.warnings, lang)
    paper.text(report.words("noticed-words" if warnings else "noticed-none", n=len(warnings)))
    paper.bullets(warnings[:30])
    if report.boxed:
        paper.text(report.words("boxed", characters=" ".join(sorted(report.boxed))))
    _issues(report)


def _issues(report: Report) -> None:
    n = len(report.rows("issues").frame)
    if not n:
        return
    table = report.rows("issues", lambda frame: frame["severity"] != "note")
    shown = min(len(table.frame), ROWS)
    report.paper.heading(report.words("issues"), 2)
    report.paper.text(report.words("issues-words" if shown else "issues-none", n=n, shown=shown))
    widths = {"quality_kind": 26.0, "severity": 20.0, "ref": 18.0, "length_km": 18.0, "effect": 84.0}
    report.table(report.words("issues-table"), table, widths)


def write_sources(report: Report) -> None:
    """Policy, files with their sums, programs, licences."""
    paper, lang = report.paper, report.lang
    plan = report.plan
    paper.heading(report.words("sources"))
    paper.lead(report.words("cover.policy") + report.words("colon"), plan.policy.source)
    if plan.project.output.sources:
        paper.lead(report.words("data-from") + report.words("colon"), plan.project.output.sources)
    files = report.rows("checksums")
    report.table(report.words("files-table"), files, {"file": 42.0, "entry": 124.0}, len(files.frame))
    versions = text("map.comma", lang).join(
        f"{name} {version}" for name, version in plan.provenance.versions.items()
    )
    paper.lead(report.words("versions") + report.words("colon"), versions)
    paper.heading(report.words("licences"), 2)
    paper.bullets(licences(plan, lang))


# -- a section for each rule --------------------------------------------------------------------------


BELOW_MAP = 12
"""Rows of a table that stand on the page of a map."""
FULL_ROWS = 60
"""Rows of a list in full; longer ones stand in the workbook alone."""


def write_rules(report: Report) -> None:
    """Each rule with a map on its own page; those without a map follow one another."""
    pairs = zip(report.plan.before.findings, report.plan.after.findings, strict=True)
    pages = [(before, after) for before, after in pairs if measured(before)]
    if not pages:
        return
    report.paper.heading(report.words("rules"), new_page=True)
    report.paper.text(report.words("rules-how"))
    for number, (before, after) in enumerate(pages):
        layers = rule_map(report.plan, report.layers, before.rule)
        _write(report, before, after, layers, new_page=bool(number and layers))


def _write(report: Report, before: Finding, after: Finding, layers: list[Layer], *, new_page: bool) -> None:
    paper, rule, lang = report.paper, before.rule, report.lang
    title = rule.title[lang]
    paper.heading(title, 2, new_page=new_page)
    paper.lead(report.words("clause"), report.plan.policy.clause(rule, lang))
    paper.lead(report.words("finding"), finding_words(before, after, lang, siting=report.plan.proposes))
    if assumed := assumption_lines(rule, lang):
        paper.lead(
            report.words("assumed"), text("report.semicolon", lang).join(assumed) + report.words("stop")
        )
    table = report.rows(f"evidence:{rule.id}")
    n = len(table.frame)
    if layers:
        extent = rule_extent(layers, rule)
        report.map(layers, report.words("map-of", title=title), rows=min(n, BELOW_MAP), extent=extent)
    most = BELOW_MAP if layers else ROWS
    in_text = report.table(report.words("table-of", title=title), table, most=most)
    reading = before.figures.get("reading", "route")
    if n and reading != "route":
        report.soft(report.words("other-reading", reading=text(f"figure-value.{reading}", lang)))
    if n > in_text:
        report.cut.append(table)
        sheet = rule_sheet_title(rule, report.plan.policy, lang)
        chapter = report.words("lists")
        report.soft(report.words("more-rows-in-full", n=n, shown=in_text, sheet=sheet, chapter=chapter))


def write_lists(report: Report) -> None:
    """The tables of which the pages on rules show the first rows only."""
    if not report.cut:
        return
    report.paper.heading(report.words("lists"), new_page=True)
    report.paper.text(report.words("lists-how"))
    for table in report.cut:
        assert table.rule is not None  # they are the evidence of rules
        n, listed = len(table.frame), report.table(table.rule.title[report.lang], table, most=FULL_ROWS)
        if n > listed:
            sheet = rule_sheet_title(table.rule, report.plan.policy, report.lang)
            report.soft(report.words("more-rows", n=n, shown=listed, sheet=sheet))
