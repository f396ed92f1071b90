"""The plan to adopt: a page for the head of department, and the chapter that it sums up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import geopandas as gpd
import pandas as pd
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Pt

from ...plan import Plan
from ...rules.finding import Finding
from ...schema import at_most, chainage, column, day, percent, shown
from ...siting.actions import KINDS
from ...siting.programme import Programme
from ...tables import numbers, programme
from ...tables.gap_words import shared_words
from ...tables.layer import Layer
from ...texts import catalogue, text
from ...units import figures_in_km
from ..plan_panel import brief_sentences, people_words
from .context import Report
from .doc import BLUE, SOFT
from .evidence import ROWS, picked
from .room import rows_mm, text_mm
from .table import Cell, on_paper

YEARS = 4
"""So many years stand beside today in the table of the first page; of more the first and the last."""
BRIEF_MAP_MM, BRIEF_TITLE_MM, BRIEF_CAPTION_MM = (60.0, 120.0), 10.0, 10.0
"""Least and most height of the first page's map; height of what stands above the sentences and below the map, without
the footer, which the first page has not."""
DISC_PX = 13.0
BRIEF_SUMS = ("count", "both", "bureau", "people")
_UNIT_TWICE = re.compile(r"([+-]?[\d.,]+)(\D*) – ([+-]?[\d.,]+)\2")
LOOK = {"met": "good", "met on average": "middle", "undecided": "middle", "not met": "gap", "not due": "soft"}


# -- the first page --------------------------------------------------------------------------------------


def write_brief(report: Report) -> None:
    """One page for the head of department: three sentences, one table with the money by year, one map."""
    plan, paper = report.plan, report.paper
    title = paper.document.add_paragraph()
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    title.paragraph_format.space_after = Pt(2)
    run = title.add_run(on_paper(plan.project.output.title or plan.project.name))
    run.bold, run.font.size, run.font.color.rgb = True, Pt(16), BLUE
    below = paper.document.add_paragraph()
    below.alignment = WD_ALIGN_PARAGRAPH.CENTER
    below.paragraph_format.space_after = Pt(6)
    run = below.add_run(report.words("plan.brief"))
    run.font.size, run.font.color.rgb = Pt(11), SOFT
    room = paper.page_mm - BRIEF_TITLE_MM
    for number, line in enumerate(brief_sentences(plan, report.lang), 1):
        paragraph = paper.text(f"{number}. {line}", indent=False)
        paragraph.paragraph_format.space_after, paragraph.paragraph_format.line_spacing = Pt(3), 1.1
        room -= text_mm(f"{number}. {line}", paper.text_mm, report.lang)
    heads, rows, widths = _state_rows(report, _shown_states(plan), brief=True)
    paper.table(report.words("plan.brief-table"), heads, rows, widths)
    scale = paper.text_mm / sum(widths)
    room -= sum(rows_mm(heads, rows, [width * scale for width in widths])) + BRIEF_CAPTION_MM
    height = min(max(room, BRIEF_MAP_MM[0]), BRIEF_MAP_MM[1])
    report.map(_action_map(report), report.words("plan.map"), phase="after", height_mm=height)


def _action_map(report: Report) -> list[Layer]:
    """Routes with the plan, and its actions as small numbered discs: pins would hide each other on half a page."""
    layers = picked([x for x in report.layers if x.phase != "before"], ("routes", "plan_actions"))
    quiet = [x for x in layers if x.name not in ("roads", "towns")]
    return [_with_discs(x) if x.name == "plan_actions" else x for x in quiet]


def _with_discs(layer: Layer) -> Layer:
    discs = tuple(replace(c, symbol="circle", width=DISC_PX) for c in layer.style.categories)
    return replace(layer, style=replace(layer.style, categories=discs))


# -- states: today and after each year -------------------------------------------------------------------


State = tuple[Any, dict[str, Any], dict[str, Finding]]
"""Year (None for today, "" for a plan without years), row of the steps, findings then."""


def _states(plan: Plan) -> list[State]:
    """Today and the end of each year, or of the plan."""
    rows = programme.steps(plan)
    today: State = (None, rows[0], programme.step_findings(plan, rows[0]))
    years = [row["year"] for row in programme.stage_rows(plan)]
    if not years:
        return [today, ("", rows[-1], programme.step_findings(plan, rows[-1]))]
    return [today, *((year, *programme.year_end(plan, year)) for year in years)]


def _shown_states(plan: Plan) -> list[State]:
    states = _states(plan)
    return states if len(states) <= YEARS + 1 else [*states[:YEARS], states[-1]]


def _state_rows(
    report: Report, states: list[State], *, brief: bool = False
) -> tuple[list[str], list[list[Cell]], list[float]]:
    """Header, rows and widths: each rule's value in each state, then actions, money and people."""
    plan, lang = report.plan, report.lang
    heads = [
        report.words("head.title"),
        report.words("head.target"),
        *(_state_name(report, y) for y, _, _ in states),
    ]
    rows = []
    for rule in _of(plan).rules:
        first: Finding = plan.before[rule.rule]
        cells = [Cell(first.rule.title[lang]), Cell(numbers.target(first, lang))]
        for _, _, found in states:
            now = found[rule.rule]
            cells.append(Cell(_value(now, lang), shade=LOOK.get(str(now.shown), "")))
        rows.append(cells)
    sums = _sums(plan, lang)
    for key in BRIEF_SUMS if brief else [key for key in sums if key != "both"]:
        value = sums.get(key)
        if value is None:
            continue
        rows.append(
            [
                Cell(report.words(f"plan.{key}"), bold=True),
                Cell(""),
                *(Cell(value(y, r)) for y, r, _ in states),
            ]
        )
    each = (166.0 - 52.0 - 17.0) / len(states)
    return heads, rows, [52.0, 17.0, *([each] * len(states))]


def _value(finding: Finding, lang: str) -> str:
    """A value in a narrow cell: its unit once; an average with the longest gap and the number of holes below it."""
    value = _UNIT_TWICE.sub(r"\1 – \3\2", numbers.interval(finding, lang))
    figures = figures_in_km(finding.figures)
    longest, over = figures.get("gap_max_km"), figures.get("own_gaps_over")
    if longest is None or finding.rule.of_longest_gap:
        return value
    limit = numbers.span(figures["span_km"], lang)
    if finding.unit != "km":
        holes = bool(over) and finding.status == "met"
        return text("report.plan.holes", lang, value=value, n=over, limit=limit) if holes else value
    key = "report.plan.spacing-over" if over else "report.plan.spacing"
    return text(key, lang, value=value, longest=numbers.kilometres(longest, lang), n=over, limit=limit)


def _state_name(report: Report, year: Any) -> str:
    if year is None:
        return text("plan.today", report.lang)
    return report.words("plan.end-of", year=year) if year else report.words("plan.with-plan")


def _sums(plan: Plan, lang: str) -> dict[str, Any]:
    """Rows below the rules: key of the label -> words for a year and its state."""
    found = _of(plan)
    table = programme.action_table(plan)
    stages = {row["year"]: row for row in programme.stage_rows(plan)}
    shares = {kind: getattr(found.costs, kind).paid_by.get("bureau") for kind in KINDS}

    def of_year(year: Any) -> gpd.GeoDataFrame:
        return table if year == "" else table.loc[(table["year"] == year).fillna(False).to_numpy(bool)]

    def bureau(year: Any, _: Any) -> str:
        return "" if year is None else programme.money(plan, float(of_year(year)["bureau_cost"].sum()), lang)

    def amount(value: float) -> str:
        return shown(value, programme.money_column(plan), lang)

    sums = {
        "count": lambda y, _: "" if y is None else str(len(of_year(y))),
        "year-money": lambda y, _: (
            "" if y is None else programme.money(plan, float(of_year(y)["cost"].sum()), lang)
        ),
        "budget": lambda y, _: programme.money(plan, stages[y]["budget"], lang) if y in stages else "",
        "both": lambda y, r: (
            "" if y is None else f"{amount(float(of_year(y)['cost'].sum()))} / {amount(r['spent'])}"
        ),
        "spent": lambda _, r: programme.money(plan, r["spent"], lang),
        "people": lambda _, r: people_words(plan, r["people"]),
    }
    if not stages:
        del sums["budget"]
    return {**sums, "bureau": bureau} if any(share is not None for share in shares.values()) else sums


# -- the chapter -----------------------------------------------------------------------------------------


def write_programme(report: Report) -> None:
    """The plan's actions, what they reach, what is left and who must act, how certain and how proven it is."""
    if report.plan.programme is None:
        return
    paper = report.paper
    paper.heading(report.words("plan.title"), new_page=True)
    paper.text(report.words("plan.how"))
    paper.text(report.words("plan.unconfirmed" if report.plan.programme.faults else "plan.confirmed"))
    _actions(report)
    for part in (_years_table, _unmet, _shared, _survey, _two_plans, _method, _costs):
        part(report)


def _actions(report: Report) -> None:
    plan, lang = report.plan, report.lang
    found = programme.shown_actions(plan, lang)
    report.paper.heading(report.words("plan.actions"), 2)
    with_payers = any(programme.payers(plan, kind, lang) for kind in KINDS)
    heads = ["order", "year", "place", "closes", "cost", *(["payers"] if with_payers else []), "certain"]
    sure, doubtful = report.words("plan.sure"), report.words("plan.if-survey")
    rows = [
        [
            Cell(str(row["order"]), right=True),
            Cell("–" if pd.isna(row["year"]) else str(row["year"])),
            Cell(f"{row['name']}\n{shown(row['kind'], column('action_kind'), lang)}"),
            Cell(row["closes_words"]),
            Cell(shown(row["cost"], programme.money_column(plan), lang), right=True),
            *([Cell(programme.payers(plan, row["kind"], lang))] if with_payers else []),
            Cell(sure) if row["certain"] else Cell(doubtful, shade="middle"),
        ]
        for row in found.drop(columns="geometry").head(3 * ROWS).to_dict("records")
    ]  # fmt: skip
    widths = [10.0, 12.0, 40.0, 58.0, 24.0, *([20.0] if with_payers else []), 20.0]
    unit = programme.money_column(plan).unit
    labels = [report.words(f"plan.head.{key}", unit=unit) for key in heads]
    report.paper.table(report.words("plan.actions-table"), labels, rows, widths)
    if len(found) > len(rows):
        sheet = text("sheet.plan-actions.title", lang)
        report.paper.text(report.words("more-rows", n=len(found), shown=len(rows), sheet=sheet), indent=False)


def _years_table(report: Report) -> None:
    report.paper.heading(report.words("plan.states"), 2)
    states = _states(report.plan)
    for start in range(0, max(len(states) - 1, 1), YEARS):
        part = [states[0], *states[1 + start : 1 + start + YEARS]]
        report.paper.table(report.words("plan.states-table"), *_state_rows(report, part))


def _unmet(report: Report) -> None:
    table = _of(report.plan).unmet
    report.paper.heading(report.words("plan.unmet"), 2)
    if table.empty:
        report.paper.text(report.words("plan.unmet-none"))
        return
    keys = ("rule", "what", "why", "who")
    rows = [
        [Cell(words[key]) for key in keys]
        for row in table.head(ROWS).to_dict("records")
        for words in [programme.unmet_words(report.plan, row, report.lang)]
    ]
    report.paper.table(report.words("plan.unmet-table"), [report.words(f"plan.head.{key}") for key in keys], rows,
                       [46.0, 56.0, 42.0, 22.0])  # fmt: skip


def _shared(report: Report) -> None:
    lang = report.lang
    table = programme.shared_gap_table(report.plan)
    table = (
        table[table["once"].astype(bool)].drop_duplicates(["ref", "from_km", "to_km"])
        if len(table)
        else table
    )
    report.paper.heading(report.words("plan.shared"), 2)
    report.paper.text(
        report.words("plan.shared-some" if len(table) else "plan.shared-none"), keep=len(table) > 0
    )
    rows = []
    for row in table.head(ROWS).to_dict("records"):
        low, high = (chainage(km, lang) for km in sorted((row["from_km"], row["to_km"])))
        lengths = (numbers.kilometres(float(row[key]), lang) for key in ("length_km", "own_km"))
        rows.append([Cell(f"{row['ref']} {low}–{high}"), *(Cell(x, right=True) for x in lengths),
                     Cell(shared_words(row, lang) or "")])  # fmt: skip
    if rows:
        heads = [report.words(f"plan.head.{key}") for key in ("stretch", "whole", "own", "neighbour")]
        report.paper.table(report.words("plan.shared-table"), heads, rows, [40.0, 24.0, 24.0, 78.0])


def _survey(report: Report) -> None:
    plan, lang = report.plan, report.lang
    table = _of(plan).survey
    table = table[table["saves_high"] > 0]
    report.paper.heading(report.words("plan.survey"), 2)
    report.paper.text(
        report.words("plan.survey-some" if len(table) else "plan.survey-none", n=len(_of(plan).survey))
    )
    rows = [
        [
            Cell(str(row["name"])),
            Cell(shown(row["place"], column("place"), lang)),
            Cell("–" if pd.isna(row["county"]) else str(row["county"])),
            Cell(_between(plan, row["saves_low"], row["saves_high"], lang), right=True),
        ]
        for row in table.head(ROWS).to_dict("records")
    ]
    if rows:
        heads = [report.words(f"plan.head.{key}") for key in ("what", "kind", "county", "saves")]
        report.paper.table(report.words("plan.survey-table"), heads, rows, [62.0, 44.0, 26.0, 34.0])


def _between(plan: Plan, low: float, high: float, lang: str) -> str:
    ends = dict.fromkeys(programme.money(plan, float(value), lang) for value in (low, high))
    return " – ".join(ends)


def _two_plans(report: Report) -> None:
    """The plan that takes the unknown as missing beside the one in which all of it turns out well."""
    plan, found, lang = report.plan, _of(report.plan), report.lang
    report.paper.heading(report.words("plan.two"), 2)
    report.paper.text(report.words("plan.two-words"), keep=True)
    own, other = (Counter(found.actions.loc[found.actions[flag], "kind"]) for flag in ("chosen", "in_other"))
    sure = Counter(found.chosen.loc[found.chosen["certain"], "kind"])
    rows = [
        [
            Cell(shown(kind, column("action_kind"), lang)),
            *(Cell(str(n[kind]), right=True) for n in (own, other, sure)),
        ]
        for kind in KINDS
        if own[kind] or other[kind]
    ]
    certain = float(found.chosen.loc[found.chosen["certain"], "cost"].sum())
    sums = [programme.money(plan, value, lang) for value in (found.cost_high, found.cost_low, certain)]
    rows.append(
        [Cell(report.words("plan.total"), bold=True), *(Cell(x, right=True, bold=True) for x in sums)]
    )
    heads = [report.words(f"plan.head.{key}") for key in ("action", "missing", "there", "certain-part")]
    report.paper.table(report.words("plan.two-table"), heads, rows, [46.0, 42.0, 42.0, 36.0])


def _method(report: Report) -> None:
    """Greedy beside proven, and the certificate of each level."""
    plan, found, lang = report.plan, _of(report.plan), report.lang
    report.paper.heading(report.words("plan.method"), 2)
    greedy, least = found.greedy_cost, found.least
    report.paper.text(report.words("plan.method-words", greedy=programme.money(plan, greedy, lang),
                                   least=programme.money(plan, least, lang),
                                   more=percent((greedy - least) / least) if least else "0%"))  # fmt: skip
    bound = found.levels[0].bound
    rows = [
        [
            Cell(report.words(f"plan.by-{name}")),
            *(Cell(programme.money(plan, value, lang), right=True) for value in (cost, bound)),
            Cell(at_most(max(cost - bound, 0.0) / cost if cost else 0.0), right=True),
        ]
        for name, cost in (("greedy", greedy), ("proof", least))
    ]
    heads = [report.words(f"plan.head.{key}") for key in ("method", "cost-of", "bound", "gap")]
    report.paper.table(report.words("plan.method-table"), heads, rows, [60.0, 36.0, 36.0, 34.0])
    rows = [_level(plan, level, lang) for level in found.levels]
    heads = [
        report.words(f"plan.head.{key}")
        for key in ("level", "value", "bound", "price-bound", "gap", "status")
    ]
    report.paper.table(report.words("plan.levels-table"), heads, rows, [42.0, 26.0, 26.0, 28.0, 20.0, 24.0])


def _level(plan: Plan, level: Any, lang: str) -> list[Cell]:
    def amount(value: float) -> str:
        if level.name == "money":
            return programme.money(plan, value, lang)
        return shown(value, column("number"), lang)

    key = f"report.plan.level.{level.name}"
    name = text(key, lang) if key in catalogue() else level.name
    values = [amount(value) for value in (level.objective, level.bound, level.price_bound)]
    proven = "plan.optimal" if level.status == "optimal" else "plan.bounded"
    return [Cell(name), *(Cell(value, right=True) for value in values), Cell(at_most(level.gap), right=True),
            Cell(text(f"report.{proven}", lang))]  # fmt: skip


def _costs(report: Report) -> None:
    """What each kind of action costs, and where the figures come from."""
    plan, lang = report.plan, report.lang
    costs = _of(plan).costs
    report.paper.heading(report.words("plan.costs"), 2)
    dated = "" if costs.date is None else report.words("plan.costs-of", date=day(costs.date, lang))
    source = costs.source or report.words("factors-unsourced")
    report.paper.text(report.words("plan.costs-words", unit=costs.currency or "1", source=source, date=dated))
    if costs.assumed:
        report.paper.text(report.words("plan.costs-assumed"))
    used = set(_of(plan).actions["kind"])
    money = partial(programme.money, plan, lang=lang)
    rows = []
    for kind in KINDS:
        if kind not in used:
            continue
        table = getattr(costs, kind)
        parts = {"base": table.base, "point": table.per_point, "kw": table.per_kw, "space": table.per_space}
        named: Mapping[str, float] = {key: value for key, value in parts.items() if value}
        words = [report.words(f"plan.cost-{key}", money=money(value)) for key, value in named.items()]
        words += [
            report.words("plan.cost-at", place=shown(place, column("place"), lang), money=money(base))
            for place, base in table.place.items()
        ]
        rows.append([Cell(shown(kind, column("action_kind"), lang)), Cell(text("map.comma", lang).join(words) or "0"),
                     Cell(programme.payers(plan, kind, lang) or report.words("plan.no-payers"))])  # fmt: skip
    heads = [report.words(f"plan.head.{key}") for key in ("action", "costs", "who-pays")]
    report.paper.table(report.words("plan.costs-table"), heads, rows, [40.0, 90.0, 36.0])


def _of(plan: Plan) -> Programme:
    assert plan.programme is not None
    return plan.programme
