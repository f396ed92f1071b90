"""First page of the findings: which rules, where the holes are, what to build, how certain it is."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from ...rules.finding import Finding
from ...rules.kind import kind_of
from ...rules.spacing import RouteSpacing
from ...schema import at_most, chainage, column, percent, shown
from ...siting.planning.comply import Compliance
from ...siting.planning.outcome import Siting
from ...tables import numbers
from ...tables.words import short_name, title_before
from ...texts import joined, text
from ...units import in_kilometres
from ..plan_panel import decision
from .context import Report, measured
from .robust import goal_sentence

HOLES, NAMES, SITES = 4, 4, 12
"""So many gaps, places that lack something, and sites to build are named; the rest is counted."""
STATES = ("not met", "undecided", "met")


def opening(report: Report) -> str:
    """How many rules are met, not met, undecided."""
    found = [str(before.status) for before, _ in report.pairs() if before.status is not None]
    counts = {state.replace(" ", "_"): found.count(state) for state in STATES}
    average = sum(before.shown == "met on average" for before, _ in report.pairs())
    words = report.words("opening-average", n=average) if average else ""
    later = found.count("not due")
    words += report.words("opening-not-due", n=later) if later else ""
    name = report.plan.policy.name[report.lang]
    return report.words("opening", policy=name, n=len(found), average=words, **counts)


def write_glance(report: Report) -> None:
    """What a reader in a hurry needs beside the table of rules, each part with its bold lead."""
    for key, lines in (("holes", _holes(report)), ("build", _build(report)), ("certain", _certain(report))):
        if lines:
            report.paper.lead(report.words(f"glance.{key}.lead"), joined(lines, report.lang))


# -- where the holes are ---------------------------------------------------------------------------------


def _holes(report: Report) -> list[str]:
    rules = report.plan.policy.of(RouteSpacing)
    lines = [_gaps(report, rule, several=len(rules) > 1) for rule in rules]
    for before, _ in report.pairs():
        if kind_of(before.rule).names_lacking and before.target is not None:
            lines.append(_lacking(report, before))
    return [line for line in lines if line]


def _gaps(report: Report, rule: RouteSpacing, *, several: bool) -> str:
    """The longest gaps of a rule on spacing, each stretch of road once; its title first if there are several rules."""
    gaps = in_kilometres(report.plan.before.gaps)
    if gaps.empty:
        return ""
    limit, once = (
        numbers.span(rule.span_km, report.lang),
        gaps[(gaps["rule"] == rule.id) & gaps["once"].astype(bool)],
    )
    over = once[once["over"].astype(bool)]
    shared = once[once["spacing_class"] == "shared"]
    lines = [
        report.words("glance.gaps", n=len(over), limit=limit, gaps=_listed(report, over, "own_km"))
        if len(over)
        else report.words("glance.no-gaps", limit=limit)
    ]
    if len(shared):
        lines.append(
            report.words(
                "glance.shared", n=len(shared), limit=limit, gaps=_listed(report, shared, "length_km")
            )
        )
    words = joined(lines, report.lang)
    return f"{rule.title[report.lang]}{report.words('colon')}{words}" if several else words


def _listed(report: Report, gaps: pd.DataFrame, length: str) -> str:
    """The longest of some gaps, by their own part or as a whole."""
    ordered = gaps.sort_values([length, "strip", "direction"], ascending=[False, True, False], kind="stable")
    shown = [_gap(report, row, length) for row in ordered.head(HOLES).to_dict("records")]
    more = report.words("glance.more", n=len(ordered) - HOLES) if len(ordered) > HOLES else ""
    return text("report.semicolon", report.lang).join(shown) + more


def _gap(report: Report, row: dict[Hashable, Any], length_of: str) -> str:
    low, high = sorted(float(row[name]) for name in ("from_km", "to_km"))
    length = numbers.kilometres(float(row[length_of]), report.lang)
    is_open = length_of == "length_km" and (row["open_start"] or row["open_end"])
    whole = numbers.kilometres(float(row["length_km"]), report.lang)
    # Between the marks lies the whole gap: where only a part of it is meant, both lengths are said.
    key = "glance.gap-open" if is_open else "glance.gap" if length == whole else "glance.gap-part"
    ends = {"low": chainage(low, report.lang), "high": chainage(high, report.lang)}
    return report.words(key, ref=row["ref"], length=length, whole=whole, **ends)


def _lacking(report: Report, finding: Finding) -> str:
    """What is known to lack what a rule asks for."""
    table = finding.table
    if "has" not in table:
        return ""
    lacking = table[table["has"] == "no"]
    if "counts" in table:
        lacking = lacking[lacking["counts"] == "yes"]
    if lacking.empty:
        return ""
    named = [short_name(row) for row in lacking.head(NAMES).to_dict("records")]
    more = report.words("glance.more", n=len(lacking) - NAMES) if len(lacking) > NAMES else ""
    names = text("map.comma", report.lang).join(named) + more
    return report.words("glance.lacking", title=finding.rule.title[report.lang], n=len(lacking), names=names)


# -- what to build ---------------------------------------------------------------------------------------


def _build(report: Report) -> list[str]:
    lines = [line for siting in report.plan.siting if (line := _sited(report, siting))]
    if report.plan.programme is not None:
        lines.insert(0, decision(report.plan, report.lang))
    return lines + [
        title_before(report.plan, found.rule, report.lang) + _least(report, found)
        for found in report.plan.widest
        if found.stretches
    ]


def _sited(report: Report, siting: Siting) -> str:
    result, lang = siting.result, report.lang
    if not result.total or not len(siting.proposed):
        return ""
    return report.words(
        "glance.sited",
        n=len(siting.proposed),
        objective=text(f"objective.{siting.objective_name}", lang),
        before=percent(result.share_before),
        after=percent(result.share),
        sites=_in_order(report, siting.proposed),
    )


def _in_order(report: Report, sites: pd.DataFrame) -> str:
    rows = pd.DataFrame(sites.drop(columns="geometry", errors="ignore")).sort_values("order", kind="stable")
    named = [f"{row['order']} {short_name(row)}" for row in rows.head(SITES).to_dict("records")]
    more = report.words("glance.more", n=len(rows) - SITES) if len(rows) > SITES else ""
    return text("map.comma", report.lang).join(named) + more


def _least(report: Report, found: Compliance) -> str:
    if not len(found.sites) and len(found.unserved):
        return report.words(
            "glance.least-none", n=len(found.unserved), span=numbers.span(found.span_km, report.lang)
        )
    key = "glance.least" if found.result.bound >= found.result.objective else "glance.least-bound"
    line = report.words(
        key,
        n=len(found.sites),
        span=numbers.span(found.span_km, report.lang),
        bound=shown(found.result.bound, column("sites"), report.lang),
        sites=_in_order(report, found.sites),
    )
    return line + (report.words("glance.unserved", n=len(found.unserved)) if len(found.unserved) else "")


# -- how certain it is -----------------------------------------------------------------------------------


def _certain(report: Report) -> list[str]:
    findings = [before for before, _ in report.pairs() if measured(before)]
    wide = [f for f in findings if f.low is not None and f.high is not None and f.high > f.low]
    asked = [i for f in findings if "id" in f.survey for i in f.survey["id"].dropna()]
    survey = len(set(asked))
    key = "glance.intervals" if survey else "glance.intervals-open"
    lines = [report.words(key, n=len(wide), of=len(findings), survey=survey, rows=len(asked))] if wide else []
    lines += [line for siting in report.plan.siting if (line := _certificate(report, siting))]
    assumed = sum(len(rule.assumptions) for rule in report.plan.policy.rules)
    if assumed:
        lines.append(report.words("glance.assumed"))
    if report.plan.project.output.schematic:
        lines.append(report.words("glance.schematic"))
    return lines


def _certificate(report: Report, siting: Siting) -> str:
    result = siting.result
    if not result.total or not len(siting.proposed):
        return ""
    if siting.faults:
        return report.words("siting-faults", n=len(siting.faults))
    if siting.goal is not None:
        return goal_sentence(siting, report.lang)
    key = "glance.optimal" if result.status == "optimal" else "glance.bound"
    return report.words(key, objective=text(f"objective.{siting.objective_name}", report.lang),
                        gap=at_most(result.gap))  # fmt: skip
