"""Numbers and dates as people read them in their language: one way to write an interval, used by every output."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..rules.finding import Finding
from ..rules.kind import kind_of
from ..rules.model import Rule
from ..schema import Column, column, readers_unit, shown
from ..texts import text
from ..units import figures_in_km, in_kilometres, km


def value_column(finding: Finding) -> Column:
    """The column that a finding's value would stand in: kilometres, a share, a difference of shares, a count."""
    return column("number", unit="" if finding.unit == "count" else finding.unit)


def _one(value: float, finding: Finding, lang: str) -> str:
    return shown(value, value_column(finding), lang, unit=True)


def kilometres(km: float, lang: str) -> str:
    """Kilometres of a stretch, with their unit."""
    return shown(km, column("length_km"), lang, unit=True)


def span(km: float, lang: str) -> str:
    """A limit in kilometres, with its unit: without the zeros of a measured length."""
    return shown(km, column("span_km"), lang, unit=True)


def limits(ends: tuple[float, float], lang: str) -> str:
    """A range of kilometres that a rule asks for, as ``25–40 km``."""
    return f"{shown(ends[0], column('span_km'), lang)}–{span(ends[1], lang)}"


def headline(finding: Finding, lang: str, *, parts: bool = True) -> str:
    """The measured value as it is shown: an average never without the longest gap and the number over the span.

    A share has beside it what it is made of, unless ``parts`` are told elsewhere; one of length that is met by the
    rule's reading has the gaps that remain along the routes.
    """
    value = with_parts(finding, lang) if parts else interval(finding, lang)
    figures = figures_in_km(finding.figures)
    if along := along_words(value, finding.unit, finding.status, figures, lang):
        return along
    longest = figures.get("gap_max_km") if finding.unit == "km" else None
    if longest is None or finding.rule.target.at_most is False:
        return value
    if not finding.rule.of_longest_gap:
        key = "finding.longest-open" if figures.get("gap_max_open") else "finding.longest"
        value = text(key, lang, value=value, longest=kilometres(longest, lang))
    gaps, routes, limit = (figures.get(k) for k in ("own_gaps_over", "routes_over", "span_km"))
    if not gaps or limit is None:
        return value
    return text("finding.over", lang, value=value, limit=span(limit, lang), gaps=gaps, routes=routes)


def gaps_along(unit: str, status: object, figures: Mapping[str, Any]) -> int:
    """Gaps over the span along the routes that a share of length leaves, though the rule is met: others serve them."""
    gaps = figures.get("own_gaps_over")
    return (
        int(gaps) if isinstance(gaps, (int, float, np.integer)) and unit == "share" and status == "met" else 0
    )


def along_words(value: str, unit: str, status: object, figures: Mapping[str, Any], lang: str) -> str:
    """The value with the gaps that stay along the routes; empty if there are none. Figures are in kilometres."""
    gaps, limit = gaps_along(unit, status, figures), figures.get("span_km")
    if not gaps or not isinstance(limit, (int, float)):
        return ""
    return text("finding.along", lang, value=value, gaps=gaps, limit=span(limit, lang))


OF_PARTS = ("low_part", "low_whole", "high_part", "high_whole")
"""Columns of what the ends of a share, or of an average, are made of."""
COUNTS = ("yes", "unknown", "no")
FLEET = ("registered_ev", "registered_cars")
"""Figures of a margin that no action changes: the fleet that the share is held against."""
UNIT_BY = {
    name: "whole_unit" if "whole" in name else "part_unit" for x in OF_PARTS for name in (x, f"{x}_after")
}
"""By their names: the column with the unit of each row."""
UNITS_OF_PARTS = {"": ("", ""), "m": ("km", "km"), "m/site": ("km", "")}
"""Units of numerator and denominator, by what a finding's ratios are in; nothing: counted."""


def ratio_parts(finding: Finding, lang: str) -> dict[str, Any]:
    """What the ends of a share or an average are made of, and in what: nothing if the value is neither."""
    if finding.parts is None:
        return {"part_unit": "", "whole_unit": "", "part_unit_shown": ""}
    units = UNITS_OF_PARTS[finding.ratio_unit]
    parts = (km(v) if unit else v for ratio in finding.parts for v, unit in zip(ratio, units, strict=True))
    noun = noun_words(finding.rule, lang)
    counted = readers_unit(units[0], lang) if units[0] or not noun else noun
    if units == ("km", ""):
        counted = text("number.per-site-unit", lang, unit=counted)
    named = {"part_unit": units[0], "whole_unit": units[1], "part_unit_shown": counted}
    return dict(zip(OF_PARTS, parts, strict=True)) | named


def counted(finding: Finding) -> dict[str, float | None]:
    """What has what the rule asks for, of what it is unknown, what has not; then what may or may not count of each.

    Of a share of length these are kilometres: those are what numerator and denominator count.
    """
    counts: dict[str, float] = dict(finding.counts)
    if finding.ratio_unit == "m" and finding.parts is not None:
        low, high = finding.parts
        lengths = (low.part, high.part - low.part, high.whole - high.part)
        counts = {name: km(length) for name, length in zip(COUNTS, lengths, strict=True)}
    maybe = finding.may_count or (dict.fromkeys(COUNTS, 0.0) if counts else {})
    return {name: counts.get(name) for name in COUNTS} | {f"may_{name}": maybe.get(name) for name in COUNTS}


def noun_words(rule: Rule, lang: str) -> str:
    """What a rule counts, in words; empty if its kind counts nothing."""
    noun = kind_of(rule).noun
    found = noun(rule) if callable(noun) else noun
    return "" if found is None else found[lang]


def fraction(finding: Finding, end: Literal["low", "high"], lang: str) -> str:
    """One end of a share as what it is made of: ``4/9``, or ``638.2/1,017.5 km``."""
    parts = ratio_parts(finding, lang)
    units = parts["part_unit"], parts["whole_unit"]
    return fraction_words(parts[f"{end}_part"], parts[f"{end}_whole"], units, lang)


def fraction_words(part: float, whole: float, units: tuple[str, str], lang: str) -> str:
    """Write a share as what it is made of, or an average; units are ``"km"``, or empty for what is counted."""
    over, under = (column("length_km") if unit == "km" else Column("n", "float") for unit in units)
    if units == ("km", ""):
        values = {"part": shown(part, over, lang, unit=True), "whole": shown(whole, under, lang)}
        return text("number.per-site", lang, **values)
    return f"{shown(part, over, lang)}/{shown(whole, under, lang, unit=True)}"


def fractions(parts: Mapping[str, Any], lang: str) -> str:
    """Both ends of a share as what they are made of, one where they are the same; empty if it is no share.

    ``parts`` are those of :func:`ratio_parts`, or a finding in ``result.json``, which has the same keys.
    """
    ends = [parts.get(name) for name in OF_PARTS]
    values = [float(value) for value in ends if isinstance(value, (int, float))]
    if len(values) < len(OF_PARTS):
        return ""
    units = str(parts.get("part_unit") or ""), str(parts.get("whole_unit") or "")
    low, high = (fraction_words(values[k], values[k + 1], units, lang) for k in (0, 2))
    if low == high or units == ("km", ""):
        return low if low == high else f"{low} – {high}"
    (least, whole), (most, other) = low.split("/"), high.split("/")
    if whole != other:
        return f"{low} – {high}"
    return text("number.of-whole", lang, low=least, high=most, whole=whole)


def made_of(unit: str, parts: Mapping[str, Any], figures: Mapping[str, Any], lang: str) -> str:
    """What a share is made of, or both shares of a margin: ``18 – 22 of 24``; empty for what is neither."""
    words = fractions(parts, lang) if unit in ("share", "margin") else ""
    fleet = [figures.get(name) for name in FLEET]
    if unit != "margin" or not words or None in fleet:
        return words
    ev, cars = (shown(value, column("registered_ev"), lang) for value in fleet)
    return text("number.margin-parts", lang, parts=words, ev=ev, cars=cars)


def share_words(value: str, row: Mapping[str, Any], figures: Mapping[str, Any], lang: str) -> str:
    """What :func:`headline` says of a share, from a finding in ``result.json``; empty if it is none."""
    unit = str(row.get("unit"))
    parts = made_of(unit, row, figures, lang)
    if not parts:
        return ""
    words = text("number.with-parts", lang, value=value, parts=parts)
    return along_words(words, unit, row.get("status"), figures, lang) or words


def average_words(finding: Finding, lang: str) -> str:
    """What an average is made of, which stands by itself: it is too long to stand behind the value."""
    return fractions(ratio_parts(finding, lang), lang) if finding.unit == "km" else ""


def with_parts(finding: Finding, lang: str) -> str:
    """The interval with what its ends are made of: ``75% – 91.7% (18 – 22 of 24)``."""
    parts = made_of(finding.unit, ratio_parts(finding, lang), finding.figures, lang)
    value = interval(finding, lang)
    return text("number.with-parts", lang, value=value, parts=parts) if parts else value


def table_in_km(finding: Finding) -> pd.DataFrame:
    """The rows of a finding as they are written: lengths of road in kilometres."""
    return in_kilometres(finding.table) if kind_of(finding.rule).lengths_in_km else finding.table


def said(finding: Finding) -> Literal["value", "listed", "unknown", "nothing"]:
    """What a finding says: a value or a bound, a list, that data are missing for it, or that nothing is there."""
    if finding.low is not None or finding.high is not None:
        return "value"
    if not len(finding.table):
        return "nothing"
    return "listed" if kind_of(finding.rule).lists else "unknown"


def interval(finding: Finding, lang: str) -> str:
    """The measured value: one number if it is certain, else both ends."""
    if (without := said(finding)) != "value":
        return text(f"finding.{without}", lang)
    if finding.low == math.inf:
        return text("finding.no-site", lang)
    if finding.high is None or finding.high == math.inf:
        assert finding.low is not None
        return text("finding.at-least", lang, value=_one(finding.low, finding, lang))
    if finding.low is None:
        return text("finding.at-most", lang, value=_one(finding.high, finding, lang))
    low, high = _one(finding.low, finding, lang), _one(finding.high, finding, lang)
    return low if low == high else f"{low} – {high}"


def target(finding: Finding, lang: str) -> str:
    """What the rule asks for, as ``≥ 75%`` or ``100%``, of which there is no more; a range as ``25–40 km``."""
    if finding.target is None:
        return text("finding.report-only", lang)
    if finding.rule.target_range is not None:
        return limits(finding.rule.target_range, lang)
    sign = "≤" if finding.rule.target.at_most else "≥"
    asked = (
        span(finding.target, lang)
        if finding.unit == "km"
        else _one(finding.target, finding, lang).removeprefix("+")
    )
    whole = finding.unit == "share" and finding.target == 1.0 and not finding.rule.target.at_most
    return asked if whole else f"{sign} {asked}"


def status(finding: Finding, lang: str) -> str:
    """``met`` and so on in words."""
    if finding.shown is None:
        return text("finding.report-only", lang)
    year = "" if finding.rule.by is None else finding.rule.by.year
    return text(f"status.{finding.shown.replace(' ', '-')}", lang, year=year)


DECIMALS = 6
"""Shares and kilometres are written to this many decimals: a millimetre, a millionth."""


def plain(value: Any) -> Any:
    """Numpy and pandas values as JSON has them; missing and infinite as null, floats rounded."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [plain(v) for v in items]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return round(float(value), DECIMALS) + 0.0 if math.isfinite(value) else None
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, str) else str(value)


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def plan_letter(k: int) -> str:
    """``A``, ``B`` … ``Z``, then ``A2`` and so on."""
    return LETTERS[k % len(LETTERS)] + (str(k // len(LETTERS) + 1) if k >= len(LETTERS) else "")
