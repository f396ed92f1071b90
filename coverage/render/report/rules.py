"""The report's pages on the rules: clause, finding, assumptions, map and evidence of each; long lists in full."""

from __future__ import annotations

from ...rules.finding import Finding
from ...tables.layer import Layer
from ...tables.layer_frame import rule_extent, rule_map
from ...tables.table import rule_sheet_title
from ...tables.words import assumption_lines, finding_words, measured
from ...texts import text
from .context import ROWS, Report

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
    paper.lead(report.words("clause"), rule.source)
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
