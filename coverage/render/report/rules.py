"""The report's pages on the rules: clause, finding, assumptions, map and evidence of each; long lists in full."""

from __future__ import annotations

from dataclasses import dataclass

from ...rules.finding import Finding
from ...tables.layer import Layer
from ...tables.sheet import rule_sheet_title
from ...tables.words import assumption_lines, finding_words
from ...texts import text
from .context import Report, measured
from .doc import HEADINGS
from .evidence import ROWS, evidence, rule_extent, rule_layers
from .room import CAPTION_MM, fitting, heading_mm, rows_mm, text_mm
from .table import Cell

MAP_MM = (82.0, 125.0)
"""Least and most for the height of a map."""
LONG_MM = 88.0
"""Height of a map above a table too long for the page."""
FULL_ROWS = 60
"""Rows of a list in full; longer ones stand in the workbook alone."""
FEWEST = 3
SPARE_MM = 14.0
"""Room left at the foot of a page, as fonts differ from machine to machine: a line too much costs a blank page."""


@dataclass(frozen=True)
class _Page:
    """A rule's page before it is written: its paragraphs, map, table, and how much room they take."""

    finding: Finding
    paragraphs: list[tuple[str, str]]
    layers: list[Layer]
    heads: list[str]
    rows: list[list[Cell]]
    widths: list[float]
    n: int
    above_mm: float
    heights: list[float]

    @property
    def whole_mm(self) -> float:
        """Height with all rows and the smallest map."""
        return self.above_mm + sum(self.heights) + (MAP_MM[0] + CAPTION_MM if self.layers else 0.0) + SPARE_MM

    def split(self, room_mm: float) -> tuple[float, int]:
        """Height of the map, and how many rows stand on the page that has so much room."""
        room = room_mm - self.above_mm - SPARE_MM
        if not self.layers:
            return 0.0, max(min(fitting(self.heights, room), ROWS), FEWEST)
        room -= CAPTION_MM
        most = room - sum(self.heights)
        if most >= MAP_MM[0] and len(self.rows) <= ROWS:
            return min(most, MAP_MM[1]), len(self.rows)
        return LONG_MM, max(fitting(self.heights, room - LONG_MM), FEWEST)


def write_rules(report: Report) -> None:
    """Each rule with a map on its own page; short ones without a map follow one another."""
    if not any(measured(before) for before, _ in report.pairs()):
        return
    page_mm, text_width = report.paper.page_mm, report.paper.text_mm
    report.paper.heading(report.words("rules"), new_page=True)
    report.paper.text(report.words("rules-how"))
    left = page_mm - heading_mm(report.words("rules"), HEADINGS[1][0], 26.0, text_width)
    left -= text_mm(report.words("rules-how"), text_width, report.lang)
    first = True
    for before, after in report.pairs():
        if not measured(before):
            continue
        page = _page(report, before, after)
        fits = page.whole_mm <= left and not (page.layers and not first)
        left = left if fits or first else page_mm
        left -= _write(report, page, left, new_page=not (fits or first))
        first = False


def _page(report: Report, before: Finding, after: Finding) -> _Page:
    rule, lang = before.rule, report.lang
    paragraphs = [(report.words("clause"), rule.source), (report.words("finding"), finding_words(before, after, lang,
                   siting=report.plan.proposes))]  # fmt: skip
    assumed = assumption_lines(rule, lang)
    if assumed:
        line = text("report.semicolon", lang).join(assumed) + report.words("stop")
        paragraphs.append((report.words("assumed"), line))
    heads, rows, widths, n = evidence(before, lang, FULL_ROWS)
    note = _other_reading(report, before)
    size, above, below = HEADINGS[2]
    height = heading_mm(rule.title[lang], size, above + below, report.paper.text_mm)
    height += sum(text_mm(lead + words, report.paper.text_mm, lang) for lead, words in paragraphs)
    height += text_mm(note, report.paper.text_mm, lang) if note else 0.0
    scale = report.paper.text_mm / sum(widths) if widths else 1.0
    heights = rows_mm(heads, rows, [w * scale for w in widths]) if rows else [0.0]
    layers = rule_layers(report.plan, report.layers, before)
    return _Page(before, paragraphs, layers, heads, rows, widths, n, height, heights)


def _write(report: Report, page: _Page, room_mm: float, *, new_page: bool) -> float:
    """Write a rule; return how much of the page it takes."""
    paper, finding = report.paper, page.finding
    title = finding.rule.title[report.lang]
    paper.heading(title, 2, new_page=new_page)
    for lead, words in page.paragraphs:
        paper.lead(lead, words)
    map_mm, shown = page.split(room_mm)
    if page.layers:
        report.map(page.layers, report.words("map-of", title=title), height_mm=map_mm,
                   extent=rule_extent(page.layers, finding))  # fmt: skip
        map_mm += CAPTION_MM
    if page.rows:
        paper.table(report.words("table-of", title=title), page.heads, page.rows[:shown], page.widths)
    note = _other_reading(report, finding)
    if page.rows and note:
        report.paper.text(note, indent=False, soft=True)
    if page.n > shown and page.rows:
        _say_more(report, page, shown)
    return page.above_mm + map_mm + sum(page.heights[: shown + 1]) + SPARE_MM


def _other_reading(report: Report, finding: Finding) -> str:
    """Say that table and finding are read differently, where they are."""
    reading = finding.figures.get("reading", "route")
    if reading == "route":
        return ""
    reading = text(f"figure-value.{reading}", report.lang)
    return report.words("other-reading", reading=reading)


def _say_more(report: Report, page: _Page, shown: int) -> None:
    """Say where the other rows are."""
    in_full = len(page.rows) > shown
    if in_full:
        report.cut.append(page.finding)
    sheet = rule_sheet_title(page.finding.rule, report.plan.policy, report.lang)
    key = "more-rows-in-full" if in_full else "more-rows"
    words = report.words(key, n=page.n, shown=shown, sheet=sheet, chapter=report.words("lists"))
    report.paper.text(words, indent=False, soft=True)


def write_lists(report: Report) -> None:
    """The tables that had no room on their rule's page, in full."""
    if not report.cut:
        return
    report.paper.heading(report.words("lists"), new_page=True)
    report.paper.text(report.words("lists-how"))
    for finding in report.cut:
        heads, rows, widths, n = evidence(finding, report.lang, FULL_ROWS)
        report.paper.table(finding.rule.title[report.lang], heads, rows, widths)
        if n > len(rows):
            sheet = rule_sheet_title(finding.rule, report.plan.policy, report.lang)
            report.paper.text(
                report.words("more-rows", n=n, shown=len(rows), sheet=sheet), indent=False, soft=True
            )
