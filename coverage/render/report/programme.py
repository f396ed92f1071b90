"""The plan to adopt: a page for the head of department, and the chapter that it sums up."""

from __future__ import annotations

from dataclasses import replace

from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Pt

from ...tables.layer import Layer
from ...tables.layer_frame import picked
from ...tables.table import Table
from ...texts import text
from .context import ROWS, Report
from .doc import BLUE, CAPTION_MM, SOFT
from .grid import BRIEF, COMPACT, MM_PER_PT, Type, line_height, lines_in, on_paper

DISC_PX = 13.0
HEAD_MM = 15.0
"""Titles of the first page, as measured in LibreOffice."""
BRIEF_MAP_MM, BRIEF_FREE_MM = 58.0, 6.0
"""Least height of the map of the first page; what stays free below its caption."""
ACTIONS_MM = 148.0
"""Width of the list of actions without the ids."""
BRIEF_PT = 9.5
"""Size of the sentences of the first page."""


def write_brief(report: Report) -> None:
    """One page for the head of department: what to decide, the rules, the money with who is responsible, a map."""
    paper = report.paper
    for words, size, after, colour in (
        (report.shown.title, 14, 2, BLUE),
        (report.words("plan.brief"), 11, 6, SOFT),
    ):
        paragraph = paper.document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.space_after = Pt(after)
        run = paragraph.add_run(on_paper(words))
        run.bold, run.font.size, run.font.color.rgb = colour is BLUE or None, Pt(size), colour
    lines = report.said("plan-brief")
    for number, line in enumerate(lines, 1):
        paragraph = paper.text(f"{number}. {line}", indent=False)
        paragraph.paragraph_format.space_after, paragraph.paragraph_format.line_spacing = Pt(2), 1.05
        for run in paragraph.runs:
            run.font.size = Pt(BRIEF_PT)
    lines_pt = sum(
        lines_in(f"1. {x}", paper.text_mm, BRIEF_PT) * BRIEF_PT * 1.05 * line_height(x) + 2 for x in lines
    )
    paper.at_mm = HEAD_MM + lines_pt * MM_PER_PT
    rules = report.rows("plan-brief")
    _states(report, rules, report.words("plan.brief-table"), COMPACT)
    duties = report.rows("plan-duties")
    years = [head.name for head in duties.heads if head.name.startswith("year_")]
    widths = {"kind": 40.0, "number": 9.0, **dict.fromkeys(years, 42.0 / max(len(years), 3)), "cost": 30.0}
    widths["responsible"] = 166.0 - sum(widths.values())
    report.table(report.words("plan.duties-table"), duties, widths, type_=COMPACT)
    for paragraph in paper.document.paragraphs:
        if paragraph.style.name == paper.style("Caption").name:
            space = paragraph.paragraph_format
            space.space_before, space.space_after, space.line_spacing = Pt(4), Pt(3), 1.0
    left = paper.left_mm - CAPTION_MM - BRIEF_FREE_MM
    _, most = report.map_range_mm(_action_map(report), phase="after")
    height = max(min(left, most), BRIEF_MAP_MM)
    report.map(_action_map(report), report.words("plan.map"), phase="after", height_mm=height, inset=True)


def _states(report: Report, table: Table, caption: str, type_: Type | None = None) -> None:
    """Write a table of rules or money at the end of each year."""
    years = [head.name for head in table.heads if head.name.startswith("state_")]
    widths = {"title": 60.0, "target": 15.0} if len(years) <= 2 else {"title": 40.0, "target": 13.0}
    if any(head.name == "due" for head in table.heads):
        widths["due"] = 15.0 if len(years) <= 2 else 11.0
    widths |= dict.fromkeys(years, (166.0 - sum(widths.values())) / len(years))
    signs = report.words("plan.signs")
    report.table(
        report.words("plan.signed", caption=caption, signs=signs), table, widths, len(table.frame), type_
    )


def _action_map(report: Report) -> list[Layer]:
    """Routes with the plan, and its actions as small numbered discs: pins would hide each other on half a page."""
    layers = picked([x for x in report.shown.layers if x.phase != "before"], ("routes", "plan_actions"))
    quiet = [layer for layer in layers if layer.name not in ("roads", "towns")]
    return [_with_discs(layer) if layer.name == "plan_actions" else layer for layer in quiet]


def _with_discs(layer: Layer) -> Layer:
    discs = tuple(replace(c, symbol="circle", width=DISC_PX) for c in layer.style.categories)
    return replace(layer, style=replace(layer.style, categories=discs))


# -- the chapter -----------------------------------------------------------------------------------------


def write_programme(report: Report) -> None:
    """The plan's actions, what they reach, what is left and who must act, how certain and how proven it is."""
    paper = report.paper
    if not report.has_plan:
        return
    paper.heading(report.words("plan.title"))
    for words in report.said("plan-how"):
        paper.text(words)
    _actions(report)
    paper.heading(report.words("plan.states"), 2)
    for name in report.shown.tables:
        if name.startswith("plan-states"):
            _states(report, report.rows(name), report.words("plan.states-table"))
    _left(report)
    _proof(report)
    _costs(report)


def _actions(report: Report) -> None:
    report.paper.heading(report.words("plan.actions"), 2)
    table = report.rows("plan-actions")
    payers = {"payers": 18.0} if table.frame["payers"].notna().any() else {}
    years = {"stage_year": 9.0} if table.frame["stage_year"].notna().any() else {}
    bodies = {"who_words": 20.0} if table.frame["responsible"].notna().any() else {}
    widths = {"build_order": 9.0, **years, "place_words": 28.0, "closes_words": 0.0, "money": 14.0, **payers,
              **bodies, "certain_words": 15.0}  # fmt: skip
    widths["closes_words"] = ACTIONS_MM - sum(widths.values())  # the longest words take what the others leave
    listed = report.table(report.words("plan.actions-table"), table, widths, 3 * ROWS, BRIEF)
    if len(table.frame) > listed:
        sheet = text("sheet.plan-actions.title", report.lang)
        report.paper.text(
            report.words("more-rows", n=len(table.frame), shown=listed, sheet=sheet), indent=False
        )


def _left(report: Report) -> None:
    """What can't be met, what is shared with neighbours, what to survey first."""
    n = len(report.rows("plan-survey").frame)
    tables = {
        "unmet": (report.rows("plan-unmet"), {"rule": 58.0, "what": 50.0, "why": 36.0, "who": 22.0}),
        "shared": (
            report.rows("plan-shared"),
            {"stretch": 40.0, "whole": 24.0, "own": 24.0, "neighbour": 78.0},
        ),
        "survey": (
            report.rows("plan-survey", lambda frame: frame["saves_high"] > 0),
            {"what": 58.0, "place": 36.0, "county": 24.0, "saves_low": 24.0, "saves_high": 24.0},
        ),
    }
    for key, (table, widths) in tables.items():
        report.paper.heading(report.words(f"plan.{key}"), 2)
        if not len(table.frame):
            none = "nothing" if key == "survey" and not n else "none"
            report.paper.text(report.words(f"plan.{key}-{none}", n=n))
            continue
        if key != "unmet":
            report.paper.text(report.words(f"plan.{key}-some", n=n), keep=True)
        report.table(report.words(f"plan.{key}-table"), table, widths)


def _proof(report: Report) -> None:
    """The plan beside the one in which all unknown turns out well, beside the greedy one, and its certificates."""
    paper, how = report.paper, report.said("plan-method")
    if not how:
        return  # a scenario's plan: nothing is claimed of what would be best
    paper.heading(report.words("plan.two"), 2)
    paper.text(report.words("plan.two-words"), keep=True)
    widths = {"action": 46.0, "missing": 42.0, "there": 42.0, "certain-part": 36.0}
    report.table(report.words("plan.two-table"), report.rows("plan-two"), widths)
    paper.heading(report.words("plan.method"), 2)
    for words in how:
        paper.text(words)
    widths = {"method": 60.0, "cost-of": 36.0, "bound": 36.0, "gap": 34.0}
    report.table(report.words("plan.method-table"), report.rows("plan-methods"), widths)
    widths = {"level": 42.0, "value": 26.0, "bound": 26.0, "price-bound": 28.0, "gap": 20.0, "status": 24.0}
    report.table(report.words("plan.levels-table"), report.rows("plan-levels"), widths)


def _costs(report: Report) -> None:
    """What each kind of action costs, and where the figures come from."""
    report.paper.heading(report.words("plan.costs"), 2)
    for words in report.said("plan-costs"):
        report.paper.text(words)
    widths = {"action": 40.0, "costs": 90.0, "who-pays": 36.0}
    report.table(report.words("plan.costs-table"), report.rows("plan-costs"), widths)
