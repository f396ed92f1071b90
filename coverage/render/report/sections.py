"""The sections of the report, in order."""

from __future__ import annotations

from dataclasses import replace

from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Mm, Pt

from ...rules.model import Rule
from ...schema import column
from ...tables.layer import Layer
from ...tables.layer_frame import rule_extent
from ...tables.table import Table
from ...texts import text
from ...waymarks import road_words
from ..pictures.charts import svg_png
from ..strips.draw import strip_svg
from .context import FREE_MM, ROWS, Report
from .doc import BLUE, CAPTION_MM, SOFT
from .grid import BRIEF, COMPACT, on_paper

STRIPS = 4
"""Strip charts of so many routes, those with the longest gaps."""


def write_cover(report: Report) -> None:
    """Title, what was assessed against what, when, by whom; the contents' place.

    Behind the page for the head of department, which has the title, it is a few lines above the contents.
    """
    paper, brief = report.paper, report.has_plan
    lines = [(report.shown.title, 24, 90, BLUE), (report.words("kind"), 15, 12, SOFT)]
    for words, size, before, colour in [(report.words("kind"), 15, 0, BLUE)] if brief else lines:
        paragraph = paper.document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.page_break_before = brief
        paragraph.paragraph_format.space_before = Pt(before)
        run = paragraph.add_run(on_paper(words))
        run.font.size, run.bold, run.font.color.rgb = Pt(size), colour is BLUE, colour
    for i, (lead, value) in enumerate(report.leads("cover")):
        paragraph = paper.document.add_paragraph()
        paragraph.paragraph_format.left_indent = Mm(34)
        paragraph.paragraph_format.space_before = Pt((6 if brief else 110) if i == 0 else 1 if brief else 4)
        if brief:
            paragraph.paragraph_format.space_after = Pt(0)
        paragraph.add_run(f"{lead}{report.words('colon')}").bold = True
        paragraph.add_run(on_paper(value))
    for line in report.said("banner"):
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
    """All findings as a table, then gaps, what to build and how certain; each in words stands in the next chapters."""
    report.paper.heading(report.words("summary"), new_page=True)
    report.paper.text(report.said("opening")[0], keep=True)
    table = report.rows("findings")
    widths = {"title": 44.0, "value": 33.0, "target_shown": 19.0, "finding_status": 20.0, "value_after": 33.0,
              "status_after": 20.0}  # fmt: skip
    if not any(head.name == "value_after" for head in table.heads):
        widths = {"title": 64.0, "value": 50.0, "target_shown": 26.0, "finding_status": 26.0}
    table = replace(table, frame=table.frame.sort_values("measured", ascending=False, kind="stable"))
    report.table(report.words("summary-table"), table, widths, len(table.frame))
    for lead, words in report.leads("glance"):
        report.paper.lead(lead, words)
    for words in report.said("nothing"):
        report.paper.text(words, indent=False)


# -- strips ----------------------------------------------------------------------------------------------


def write_strips(report: Report) -> None:
    """Strip charts of the routes with the longest gaps."""
    strips = report.shown.longest_strips(STRIPS)
    if not strips:
        return
    report.paper.heading(report.words("strips"))
    unit = column("length_km").unit_words(report.lang)
    report.paper.text(report.words("strips-how", n=len(strips), unit=unit))
    for data, title in strips:
        words = report.words("strip-of", ref=road_words(data.ref, report.lang), section=data.section)
        if title:
            words += report.words("colon") + title
        half = report.paper.page_mm / 2 - CAPTION_MM - 3.0  # two stand on a page
        report.paper.figure(svg_png(strip_svg(data, report.lang)), words, half)


# -- method, data, sources -------------------------------------------------------------------------------


def write_method(report: Report) -> None:
    """How things are measured, in short, with their sources; what was assumed."""
    paper = report.paper
    paper.heading(report.words("method"))
    for key in ("unknown", "routes", "access", "spacing", "covered", "siting"):
        words = "words-own" if key == "routes" and not _chinese_numbers(report) else "words"
        paper.lead(report.words(f"how.{key}.title"), report.words(f"how.{key}.{words}"))
    table = report.rows("assumptions")
    if len(table.frame):
        paper.heading(report.words("assumptions"), 2)
        paper.text(report.words("assumptions-words"), keep=True)
        widths = {"assumption": 62.0, "title": 76.0, "mark": 28.0}
        report.table(report.words("assumptions-table"), table, widths, len(table.frame))


def _chinese_numbers(report: Report) -> bool:
    """Whether the road classes are the policy's own of GB/T 917."""
    classes, own = set(report.shown.policy.road_class), report.shown.project.road_class
    return not own and bool(classes) and classes <= {"expressway", "ordinary_trunk"}


def write_data(report: Report) -> None:
    """What was read, what was noticed, what to survey, what is doubtful about the roads."""
    paper = report.paper
    paper.heading(report.words("data"))
    for line in report.said("network"):
        paper.text(line)
    survey, warnings = report.said("survey"), report.said("warning")
    paper.heading(report.words("survey"), 2)
    paper.text(report.words("survey-words" if survey else "survey-none"), keep=bool(survey))
    paper.bullets(survey)
    paper.heading(report.words("noticed"), 2)
    files = report.rows("files")
    widths = {
        "file": 58.0,
        "table": 30.0,
        **dict.fromkeys(("read", "kept", "merged", "left_out", "faulted"), 16.0),
    }
    report.table(files.title(report.lang), files, widths, len(files.frame), BRIEF)
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
    report.paper.text(report.words("issues-words" if shown else "issues-none", n=n, shown=shown), keep=True)
    widths = {"quality_kind": 26.0, "severity": 20.0, "ref": 18.0, "length_km": 18.0, "effect": 84.0}
    report.table(report.words("issues-table"), table, widths)


def write_sources(report: Report) -> None:
    """Policy, files with their sums, programs, licences."""
    paper, lang, shown = report.paper, report.lang, report.shown
    paper.heading(report.words("sources"))
    paper.lead(report.words("cover.policy") + report.words("colon"), shown.policy.source.of(shown.language))
    if given := shown.project.output.sources.of(shown.language):
        paper.lead(report.words("data-from") + report.words("colon"), given)
    files = report.rows("checksums")
    report.table(
        report.words("files-table"), files, {"file": 42.0, "entry": 124.0}, len(files.frame), COMPACT
    )
    versions = (f"{name} {version}" for name, version in shown.provenance.versions.items())
    paper.lead(report.words("versions") + report.words("colon"), text("map.comma", lang).join(versions))
    paper.heading(report.words("licences"), 2)
    paper.bullets(report.said("licence"), together=True)  # a last page of two lines looks lost


# -- a section for each rule --------------------------------------------------------------------------


NOTES_MM, FOOT_MM, OPENING_MM = 8.0, 60.0, 42.0
"""What stands below a rule's table; a foot of a page that may stay empty so that a rule stands on one page; headings
and words above the text of the first rule."""
EVIDENCE = 8
"""Rows of a rule's evidence in the text; the list in full stands at the end."""
FULL_ROWS = 60
"""Rows of a list in full; longer ones stand in the workbook alone."""


def write_rules(report: Report) -> None:
    """Each rule with its map, one after another."""
    pages = [rule for rule in report.shown.policy.rules if report.said("finding", rule.id)]
    if not pages:
        return
    # The first rule begins below the heading of the chapter: both on a new page, if its text has no place here.
    opening = (
        sum(report.paper.text_high_mm(lead + rest) for lead, rest in _leads(report, pages[0])) + OPENING_MM
    )
    report.paper.heading(report.words("rules"), new_page=opening > report.paper.left_mm)
    report.paper.text(report.words("rules-how"), keep=True)
    shared: dict[str, list[Rule]] = {}
    for rule in pages:
        shared.setdefault(_content(report, rule), []).append(rule)
    numbers: dict[str, int] = {}
    for rule in pages:
        content = _content(report, rule)
        _write(report, rule, report.shown.rule_map(rule), shared[content], numbers.get(content))
        numbers.setdefault(content, report.paper.tables)


def _content(report: Report, rule: Rule) -> str:
    """A rule's evidence as one text: rules that differ in their year alone have the same; none is shared by others."""
    table = report.rows(f"evidence:{rule.id}")
    heads = "".join(head.label for head in table.heads)
    said = table.frame.drop(columns=table.row_id or [])  # ids of gaps differ from rule to rule
    return heads + said.to_csv(index=False) if len(said) else rule.id


def _leads(report: Report, rule: Rule) -> list[tuple[str, str]]:
    """What is said of a rule, in paragraphs that begin with bold words."""
    said = [
        (report.words(part), words) for part in ("finding", "assumed") for words in report.said(part, rule.id)
    ]
    return [(report.words("clause"), report.shown.policy.clause(rule, report.lang)), *said]


def _write(report: Report, rule: Rule, layers: list[Layer], alike: list[Rule], same_as: int | None) -> None:
    """Write a rule's section; ``alike`` are the rules with the same evidence, which stands in table ``same_as``."""
    paper, title = report.paper, rule.title[report.lang]
    leads = _leads(report, rule)
    table = report.rows(f"evidence:{rule.id}")
    n = len(table.frame)
    most = n if n <= EVIDENCE + 4 else EVIDENCE  # four rows more are shorter than a table at the end
    table_mm = report.table_high_mm(table, most) + NOTES_MM if n and same_as is None else 0.0
    extent = rule_extent(layers, rule)
    map_mm = report.map_range_mm(layers, extent=extent)[0] + CAPTION_MM + FREE_MM if layers else 0.0
    text_mm = paper.heading_high_mm(title, 2) + sum(paper.text_high_mm(lead + rest) for lead, rest in leads)
    # On one page, if it isn't far to the next one; a rule's text never breaks.
    new_page = text_mm + map_mm + table_mm > paper.left_mm and paper.left_mm < max(text_mm, FOOT_MM)
    paper.heading(title, 2, new_page=new_page and paper.at_mm > 0)
    for i, (lead, rest) in enumerate(leads):
        paper.lead(lead, rest, keep=i + 1 < len(leads), whole=True)
    # What does not fit on the page is the map, if the table does.
    last = layers and table_mm and paper.left_mm < map_mm and paper.left_mm >= table_mm
    if layers and not last:
        report.map(layers, report.words("map-of", title=title), extent=extent, below_mm=table_mm)
    if n and same_as is not None:
        report.soft(report.words("same-table", number=same_as))
    elif n:
        _evidence(report, rule, table, most, alike)
    if last:
        report.map(layers, report.words("map-of", title=title), extent=extent)


def _evidence(report: Report, rule: Rule, table: Table, most: int, alike: list[Rule]) -> None:
    """Write the first rows of a rule's evidence, and what is to be said of them."""
    n, title = len(table.frame), rule.title[report.lang]
    in_text = report.table(report.words("table-of", title=title), table, most=most)
    for words in report.said("other-reading", rule.id):
        report.soft(words)
    if others := [each.title[report.lang] for each in alike if each is not rule]:
        report.soft(report.words("shared-table", rules=report.words("semicolon").join(others)))
    if n > in_text:
        report.cut.append(table)
        sheet = report.shown.sheet_of(rule)
        chapter = report.words("lists")
        report.soft(report.words("more-rows-in-full", n=n, shown=in_text, sheet=sheet, chapter=chapter))


def write_lists(report: Report) -> None:
    """The tables of which the pages on rules show the first rows only."""
    if not report.cut:
        return
    report.paper.heading(report.words("lists"))
    report.paper.text(report.words("lists-how"), keep=True)
    for table in report.cut:
        assert table.rule is not None  # they are the evidence of rules
        n, listed = (
            len(table.frame),
            report.table(table.rule.title[report.lang], table, most=FULL_ROWS, type_=COMPACT),
        )
        if n > listed:
            sheet = report.shown.sheet_of(table.rule)
            report.soft(report.words("more-rows", n=n, shown=listed, sheet=sheet))
