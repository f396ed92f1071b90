"""The sentences of the report as one table: each with its part, and the rule or siting that it is of."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..errors import fault_lines
from ..plan import Plan
from ..rules.reach import DemandReach
from ..schema import day, percent, unit_words
from ..siting.planning.outcome import Siting
from ..texts import text
from ..units import figures_in_km
from . import numbers, programme
from .sentences import (
    backup_sentence,
    brief_sentences,
    choice_sentences,
    glance,
    opening,
    siting_sentences,
)
from .siting_tables import amount
from .table import Table, heads
from .words import (
    approval_number,
    assumption_lines,
    factor_sentence,
    finding_words,
    licences,
    measured,
    survey_sentence,
    title_before,
)

Line = tuple[str, str, str, str]
"""Part, id of what it is of, words in bold before it, words."""


def sentences(plan: Plan, lang: str) -> Table:
    """All sentences of the report that speak of this plan, part by part in their order."""
    makers = (_cover, _summary, _rules, _programme, _sitings, _least, _data)
    lines = [line for make in makers for line in make(plan, lang)]
    frame = pd.DataFrame(lines, columns=["part", "of", "lead", "words"], dtype=object)
    return Table("sentences", heads("words", lang), frame)


def _said(key: str, lang: str, **values: object) -> str:
    return text(f"report.{key}", lang, **values)


def _cover(plan: Plan, lang: str) -> Iterator[Line]:
    project, number = plan.project, approval_number(plan.project, plan.policy)
    dates = {"assess-at": project.assess_at, "data-date": project.network.data_date}
    entries = {
        "policy": plan.policy.name[lang],
        **{key: "" if date is None else day(date, lang) for key, date in dates.items()},
        "author": project.output.author.of(lang),
        "approval": "" if number is None else number or text("note.no-approval", lang),
        "software": "plugspan " + plan.provenance.versions.get("plugspan", ""),
    }
    for key, value in entries.items():
        if value:
            yield "cover", key, _said(f"cover.{key}", lang), value
    for line in (
        text("note.schematic", lang) if project.output.schematic else "",
        project.output.note.of(lang),
    ):
        if line:
            yield "banner", "", "", line


def _summary(plan: Plan, lang: str) -> Iterator[Line]:
    yield "opening", "", "", opening(plan, lang)
    for lead, words in glance(plan, lang):
        yield "glance", "", lead, words
    empty = [finding.rule.title[lang] for finding in plan.before.findings if not measured(finding)]
    if empty:
        yield "nothing", "", "", _said("nothing", lang, titles=text("map.comma", lang).join(empty))


def _rules(plan: Plan, lang: str) -> Iterator[Line]:
    """The finding of each rule of which something was measured, what was assumed, another reading of a route."""
    for before, after in zip(plan.before.findings, plan.after.findings, strict=True):
        rule = before.rule
        if not measured(before):
            continue
        yield "finding", rule.id, rule.title[lang], finding_words(before, after, lang, siting=plan.proposes)
        if assumed := assumption_lines(rule, lang):
            yield "assumed", rule.id, "", _said("semicolon", lang).join(assumed) + _said("stop", lang)
        reading = before.figures.get("reading", "route")
        if reading != "route":
            words = text(f"figure-value.{reading}", lang)
            yield "other-reading", rule.id, "", _said("other-reading", lang, reading=words)


def _programme(plan: Plan, lang: str) -> Iterator[Line]:
    """The plan to adopt: the page for the head of department, how it was made, what it is worth, what it costs."""
    found = plan.programme
    if found is None:
        return
    for line in brief_sentences(plan, lang):
        yield "plan-brief", "", "", line
    yield "plan-how", "", "", _said("plan.how-given" if found.given else "plan.how", lang)
    yield "plan-how", "", "", _said("plan.unconfirmed" if found.faults else "plan.confirmed", lang)
    if not found.given:  # of a scenario's plan nothing is claimed of what would be best
        money = {
            name: programme.money(plan, value, lang)
            for name, value in (("greedy", found.greedy_cost), ("least", found.least))
        }
        more = percent((found.greedy_cost - found.least) / found.least) if found.least else "0%"
        key = "plan.method-words" if found.greedy_cost > found.least else "plan.method-same"
        yield "plan-method", "", "", _said(key, lang, more=more, **money)
        bound = "plan.method-in-time" if found.in_time else "plan.method-bound"
        yield "plan-method", "", "", _said(bound, lang, n=len(found.in_time))
    costs = found.costs
    dated = "" if costs.date is None else _said("plan.costs-of", lang, date=day(costs.date, lang))
    source = costs.source.of(lang) or _said("factors-unsourced", lang)
    unit = unit_words(costs.currency, lang) or "1"
    yield "plan-costs", "", "", _said("plan.costs-words", lang, unit=unit, source=source, date=dated)
    berths = plan.inputs.berths
    if len(berths) and berths["retrofit_cost"].notna().any():
        yield "plan-costs", "", "", _said("plan.costs-of-berths", lang)
    if costs.assumed:
        yield "plan-costs", "", "", _said("plan.costs-assumed", lang)


def _sitings(plan: Plan, lang: str) -> Iterator[Line]:
    for siting in plan.siting:
        name, n = siting.objective_name, len(siting.proposed)
        for line in siting_sentences(siting, lang):
            yield "siting", name, text(f"objective.{name}", lang), line
        reach = [rule for rule in plan.policy.of(DemandReach) if rule.site.serves == "charging"]
        if len(reach) > 1:
            title = plan.before[siting.rule].rule.title[lang]
            yield "siting", name, text(f"objective.{name}", lang), _said("siting-rule", lang, title=title)
        if n:
            key = "proposed-note" if siting.goal is None else "proposed-note-goal"
            yield "proposed-note", name, "", _said(key, lang, n=n)
        for line in choice_sentences(siting, lang) if len(siting.choices) else ():
            yield "choice", name, "", line
        if n and (backup := backup_sentence(siting, lang)):
            yield "backup", name, "", backup
        if left := _uncovered(siting, lang):
            yield "uncovered", name, "", left


def _uncovered(siting: Siting, lang: str) -> str:
    left = siting.demand[siting.demand["covered"] == "never"]
    if not len(left):
        return ""
    weight = amount(left["weight"].sum(), siting.objective_name, lang)
    never = int(left["id"].isin(set(siting.unreachable["id"])).sum())
    sheet = text("sheet.uncovered.title", lang)
    return _said("uncovered-words", lang, n=len(left), weight=weight, never=never, sheet=sheet)


def _least(plan: Plan, lang: str) -> Iterator[Line]:
    """Which stretches nothing serves, the caption of the sites of each rule, the factors of the retrofits."""
    found = plan.compliance
    if any(c.stretches or len(c.unserved) for c in found):
        yield "least", "", "", _said("least-words", lang)
        if any(len(c.unserved) for c in found):
            yield "least-never", "", "", _said("least-never", lang, sheet=text("sheet.unserved.title", lang))
        for least in plan.widest:
            title = _said("least-list", lang, span=numbers.span(least.span_km, lang))
            yield "least-list", least.rule, "", title_before(plan, least.rule, lang) + title
    if plan.retrofit is not None:
        yield "factors", "", "", factor_sentence(plan.retrofit.factors, lang)


def _data(plan: Plan, lang: str) -> Iterator[Line]:
    figures = figures_in_km(plan.network)
    if {"length_km", "routes", "routes_km"} <= set(figures):
        lengths = {k: numbers.kilometres(float(figures[k]), lang) for k in ("length_km", "routes_km")}
        yield "network", "", "", _said("network", lang, routes=figures["routes"], **lengths)
    for finding in plan.before.findings:
        if line := survey_sentence(finding, lang):
            yield "survey", finding.rule.id, "", line
    for line in fault_lines(plan.inputs.warnings, lang):
        yield "warning", "", "", line
    for line in licences(plan, lang):
        yield "licence", "", "", line
