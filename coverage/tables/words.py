"""Words about rules and figures that all outputs share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ..plan import Plan
from ..project import Project
from ..rules.finding import Finding, Ratio
from ..rules.kind import kind_of
from ..rules.model import EmissionFactors, Rule
from ..rules.policy import Policy
from ..schema import Column, Form, column, percent, shown
from ..texts import catalogue, joined, text
from ..units import figures_in_km, km
from . import numbers
from .layer import approval_line
from .numbers import plain

Figure = tuple[str, str, float | int | None, str, str]
WITH_UNKNOWN = "_with_unknown"
UNIT_OF_SUFFIX = {
    "km": "km", "kw": "kW", "m": "m", "h": "h", "t": "t", "kwh": "kWh", "mwh": "MWh", "share": "share",
}  # fmt: skip
"""Units stand in the names of figures and settings."""


def figure_rows(finding: Finding, lang: str) -> list[Figure]:
    """Further numbers of a finding: key, label, number, unit, and the words if it is not a number.

    Lists (by county, by direction …) are tables of their own and are left out.
    """
    return list(_figures(plain(figures_in_km(finding.figures)), lang, "", ""))


def _figures(figures: Mapping[str, Any], lang: str, key: str, label: str) -> Iterator[Figure]:
    for name, value in figures.items():
        own_key, own_label = f"{key}{name}", f"{label}{figure_label(name, lang)}"
        if isinstance(value, dict):
            yield from _figures(value, lang, f"{own_key}.", f"{own_label}{text('report.colon', lang)}")
        elif isinstance(value, bool):
            yield own_key, own_label, None, "", text("value.yes" if value else "value.no", lang)
        elif isinstance(value, (int, float)):
            yield own_key, own_label, value, figure_unit(name, own_key), ""
        elif isinstance(value, str):
            reading = f"figure-value.{value}"
            yield own_key, own_label, None, "", text(reading, lang) if reading in catalogue() else value
        elif value is None:
            yield own_key, own_label, None, "", text("value.unknown", lang)


def figure_label(name: str, lang: str) -> str:
    """Label of a figure: its own, else that of the column or kind of the same name, else its key."""
    if name.endswith(WITH_UNKNOWN):
        return text("figure.with-unknown", lang, label=figure_label(name.removesuffix(WITH_UNKNOWN), lang))
    for key in (f"figure.{name}", f"column.{name}", f"choice.kind.{name}"):
        if key in catalogue():
            return text(key, lang)
    return name


def figure_unit(name: str, key: str = "") -> str:
    """Unit of a figure by the suffix of its key: ``km``, ``kW``, ``share``, or none."""
    base = name.removesuffix(WITH_UNKNOWN)
    parts = base.split("_")
    for part in parts:
        if part in UNIT_OF_SUFFIX and len(parts) > 1:
            return UNIT_OF_SUFFIX[part]
    return "share" if parts[-1] in ("low", "high", "share") or key.endswith((".low", ".high")) else ""


def assumption_lines(rule: Rule, lang: str) -> list[str]:
    """The settings of a rule that the policy's text leaves open, with the value taken."""
    return [_assumption(rule, name, lang) for name in rule.assumptions]


def _assumption(rule: Rule, name: str, lang: str) -> str:
    value: Any = getattr(rule, name, None)
    for part in ("site", "berth", "target"):
        if value is None:
            value = getattr(getattr(rule, part, None), name, None)
    return setting_words(name, value, lang)


_UNIT_OF_SETTING = {
    "share_min": "share",
    "charging_spaces_min": "share",
    "margin_min": "margin",
    "value_max": "km",
    "class_t_min": "t",
    "dc_min_kw": "kW",
    "pool_min_kw": "kW",
}


def setting_words(name: str, value: Any, lang: str) -> str:
    """Return the value of a rule's key as a sentence: “fast means one DC point of 60 kW or more”.

    A key that is on or off has a sentence for both, ``assumption.KEY`` and ``assumption.KEY-no``.
    """
    unit = _UNIT_OF_SETTING.get(name) or UNIT_OF_SUFFIX.get(name.rpartition("_")[2], "")
    held = Column(name, "float", unit, form=Form(1))
    if isinstance(value, (tuple, list)):
        last = len(value) - 1
        parts = [
            shown(v, held, lang, unit=k == last) if isinstance(v, float) else _choice(str(v), lang)
            for k, v in enumerate(value)
        ]
        value = text("map.comma", lang).join(parts)
    elif isinstance(value, Mapping):  # shares by kind of place
        parts = [f"{_choice(str(key), lang)} {percent(share)}" for key, share in value.items()]
        value = text("map.comma", lang).join(parts)
    elif "_per_" in name and value is not None:
        value = shown(value, Column(name, "float"), lang)
    elif isinstance(value, bool):
        name = name if value else f"{name}-no"
    elif isinstance(value, str):
        value = _choice(value, lang)
    elif value is not None:
        value = shown(value, held, lang, unit=True).removeprefix("+")  # what is asked for is no difference
    key = f"assumption.{name}"
    return text(key, lang, value=value) if key in catalogue() else f"{name} = {value}"


def _choice(value: str, lang: str) -> str:
    for key in (
        f"figure-value.{value}",
        f"choice.cargo.{value}",
        f"choice.kind.{value}",
        f"choice.road_class.{value}",
    ):
        if key in catalogue():
            return text(key, lang)
    return value


def title_before(plan: Plan, rule: str, lang: str) -> str:
    """The title of a rule on spacing with a colon, where least sites of several such rules stand together."""
    several = len({found.rule for found in plan.compliance}) > 1
    return f"{plan.before[rule].rule.title[lang]}{text('report.colon', lang)}" if several else ""


def licences(plan: Plan, lang: str) -> list[str]:
    """Under which terms the data may be handed on."""
    lines = [text(key, lang) for key in ("report.licence-osm", "report.licence-tables", "note.internal")]
    number = approval_number(plan.project, plan.policy)
    return lines if number is None else [*lines, approval_line(number, lang)]


def approval_number(project: Project, policy: Policy) -> str | None:
    """Number of approval of the map, empty if it has none; None where the policy's country asks for none."""
    number = project.output.approval_number
    return number if number or policy.map_approval else None


# -- sentences -------------------------------------------------------------------------------------------

SURVEYED = 6
"""So many things to survey are named in a sentence."""
LONGEST_NAME = 60


def measured(finding: Finding) -> bool:
    """Whether there was anything to measure, or at least to list."""
    return finding.low is not None or finding.high is not None or len(finding.table) > 0


def finding_sentences(before: Finding, after: Finding, lang: str, *, siting: bool) -> list[str]:
    """A finding in words: value, target, status, unknowns, what to survey, and the state after building."""
    if before.low is None and before.high is None:
        lines = [
            _unmeasured_margin(before, lang)
            if before.ratios and before.unit == "margin"
            else _listed(before, lang)
        ]
    else:
        key = "value" if before.status is None else "value-target"
        lines = [text(f"report.say.{key}", lang, value=numbers.headline(before, lang, parts=False),
                      target=numbers.target(before, lang), status=numbers.status(before, lang))]  # fmt: skip
    lines += _counts(before, lang)
    lines += _made_of(before, lang)
    survey = survey_sentence(before, lang, with_title=False)
    lines += [survey] if survey else []
    now, then = numbers.headline(before, lang), numbers.headline(after, lang)
    if siting and now != then:
        key = "after" if after.status is None else "after-status"
        parts = numbers.average_words(after, lang)
        made_of = text("report.say.made-of", lang, parts=parts) if parts else ""
        status = numbers.status(after, lang)
        lines.append(text(f"report.say.{key}", lang, value=then, status=status, made_of=made_of))
        fall = kind_of(before.rule).fall_text
        if fall and before.high is not None and after.high is not None and after.high < before.high:
            lines.append(text(fall, lang))
    return lines


def _made_of(finding: Finding, lang: str) -> list[str]:
    """What a reader redoes the value from: the parts of each end of a share, and why there are two ends."""
    if finding.low is None or finding.high is None:
        return []
    ends = numbers.interval(finding, lang)
    if finding.parts is None:
        return _why_uncertain(finding, lang)
    values = {f"{end}_part": numbers.fraction(finding, end, lang) for end in ("low", "high")}
    if finding.unit == "km":
        parts = numbers.average_words(finding, lang)
        return [text("report.say.average", lang, parts=parts), *_why_uncertain(finding, lang)]
    if finding.unit == "margin":
        fleet = {"ev": finding.figures["registered_ev"], "cars": finding.figures["registered_cars"]}
        words = {name: shown(value, column("registered_ev"), lang) for name, value in fleet.items()}
        return [text("report.say.margin", lang, **values, **words), *_left_out(finding, lang)]
    maybe = sum(finding.may_count.values())
    if maybe:
        groups = {key: shown(value, Column("n", "int"), lang) for key, value in finding.may_count.items()}
        values |= {"low": percent(finding.low), "high": percent(finding.high), "n": f"{maybe:.0f}", **groups}
    if not maybe and not finding.high > finding.low:
        return [text("report.say.exact", lang, **values)]
    narrow = ends in (percent(finding.low), percent(finding.high))
    key = "may-count" if maybe else "interval-narrow" if narrow else "interval"
    return [text(f"report.say.{key}", lang, noun=numbers.noun_words(finding.rule, lang), **values)]


def _unmeasured_margin(finding: Finding, lang: str) -> str:
    """The share that is known of a margin whose other share is not."""
    low, high = finding.ratios or (Ratio(0.0, 0.0), Ratio(0.0, 0.0))
    shares = dict.fromkeys(percent(end.value) for end in (low, high) if end.value is not None)
    told = dict.fromkeys(numbers.fraction_words(*end, ("", ""), lang) for end in (low, high))
    line = text("report.say.margin-unknown", lang, value=" – ".join(shares), parts=" – ".join(told))
    return joined([line, *_left_out(finding, lang)], lang)


def _left_out(finding: Finding, lang: str) -> list[str]:
    """Car parks that can't be weighed, and so stand in neither end."""
    n = int(finding.figures.get("car_parks_without_spaces") or 0)
    return [text("report.say.without-spaces", lang, n=n)] if n else []


def _why_uncertain(finding: Finding, lang: str) -> list[str]:
    """Why a distance is an interval or an "at least", and what its ends stand for."""
    if finding.low is None or finding.high is None or not finding.high > finding.low:
        return []
    open_end = finding.rule.of_longest_gap and math.isinf(finding.high)
    lines = [text("report.say.open", lang)] if open_end else []
    # Of distances the low end is the good one.
    if finding.unit == "km" and (finding.counts.get("unknown", 0) or not open_end):
        lines.append(text(f"report.say.interval-{'least' if math.isinf(finding.high) else 'distance'}", lang))
    return lines


def finding_words(before: Finding, after: Finding, lang: str, *, siting: bool) -> str:
    """The sentences on a finding as one paragraph."""
    return joined(finding_sentences(before, after, lang, siting=siting), lang)


def _listed(finding: Finding, lang: str) -> str:
    """What stands in the place of a value for rules that only list: their figures."""
    groups: dict[str, list[str]] = {}
    colon = text("report.colon", lang)
    for key, label, value, unit, words in figure_rows(finding, lang):
        head, _, tail = label.rpartition(colon)
        told = words or number_in_unit(value, unit, lang)
        counted = f"figure-counted.{key.partition('.')[0]}"
        told = (
            text(counted, lang, value=told)
            if counted in catalogue() and told != text("value.unknown", lang)
            else told
        )
        row = text("report.say.figure", lang, label=tail, value=told)
        groups.setdefault(head, []).append(row)
    listed = [
        f"{head}{colon if head else ''}{text('map.comma', lang).join(rows)}" for head, rows in groups.items()
    ]
    if not listed:
        return text("finding.nothing", lang)
    return text("report.semicolon", lang).join(listed) + text("report.stop", lang)


def number_in_unit(value: float | None, unit: str, lang: str) -> str:
    """Write a figure with its unit."""
    return "" if value is None else shown(value, column("number", unit=unit), lang, unit=True)


def _counts(finding: Finding, lang: str) -> list[str]:
    if finding.ratio_unit == "m" and finding.parts is not None:
        lengths = {
            key: numbers.kilometres(numbers.counted(finding)[key] or 0.0, lang) for key in numbers.COUNTS
        }
        total = numbers.kilometres(km(finding.parts[0].whole), lang)
        return [text("report.say.counts-length", lang, total=total, **lengths)]
    counts = {key: finding.counts.get(key, 0.0) for key in numbers.COUNTS}
    kind = kind_of(finding.rule)
    if not sum(counts.values()) or not numbers.noun_words(finding.rule, lang):
        return []
    counted = {**counts, "total": sum(counts.values())}
    words = {key: shown(value, Column("n", "int"), lang) for key, value in counted.items()}
    noun = numbers.noun_words(finding.rule, lang)
    return [text(kind.counts_text, lang, noun=noun, **words)]


def factor_sentence(factors: EmissionFactors, lang: str) -> str:
    """With which factors CO2 was reckoned, and where they are from."""
    if factors.avoided_kg_per_kwh is None:
        return text("report.retrofit-no-factor", lang)
    return text(
        "report.retrofit-factors",
        lang,
        sfoc=f"{factors.sfoc_kg_per_kwh:g}",
        carbon=f"{factors.carbon_factor:g}",
        grid=f"{factors.grid_kg_per_kwh:g}",
        avoided=shown(factors.avoided_kg_per_kwh, column("co2_t_per_cost"), lang),
        source=factors.source.of(lang) or text("report.factors-unsourced", lang),
    )


def survey_sentence(finding: Finding, lang: str, *, with_title: bool = True) -> str:
    """What to find out for a rule, most decisive first; empty if nothing is open."""
    if "id" not in finding.survey:
        return ""
    survey = finding.survey[finding.survey["id"].notna()]
    if survey.empty:
        return ""
    listed = text("map.comma", lang).join(short_names(survey)[:SURVEYED])
    key = "survey" if len(survey) <= SURVEYED else "survey-more"
    line = text(f"report.say.{key}", lang, n=len(survey), names=listed)
    return f"{finding.rule.title[lang]}{text('report.colon', lang)}{line}" if with_title else line


def short_names(places: pd.DataFrame) -> list[str]:
    """Names of places, with its id behind one that is not the only of that name.

    >>> short_names(pd.DataFrame({"id": ["F1", "F2", "F3"], "name": ["Orkan", "N1", "Orkan"]}))
    ['Orkan (F1)', 'N1', 'Orkan (F3)']
    """
    rows = places.to_dict("records")
    names = [short_name(row) for row in rows]
    often = Counter(names)
    return [
        f"{name} ({row['id']})" if often[name] > 1 else name for name, row in zip(names, rows, strict=True)
    ]


def short_name(row: Any) -> str:
    """Name of a place, its id if it has none; a very long one is cut and says so."""
    name = row["id"] if _gone(row.get("name")) else row["name"]
    line = " ".join(str(name).split())
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"


def _gone(value: object) -> bool:
    return value is None or str(value).strip() in ("", "<NA>", "nan", "None")
