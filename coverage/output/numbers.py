"""Numbers and dates as people read them in their language: one way to write an interval, used by every output."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable

from ..assess.finding import Finding
from ..policy import RouteSpacing
from ..texts import text

LISTING = ("inventory", "fleet_power")
"""Kinds of rules that measure no single value: they list."""


def at_most(share: float) -> str:
    """Write a share that is a limit from above: rounded up, never down; a dash if there is none.

    >>> at_most(0.0021), at_most(0.0)
    ('0.3%', '0%')
    """
    if not math.isfinite(share):
        return "–"
    return f"{math.ceil(max(share, 0.0) * 1000 - 1e-9) / 10:g}%"


def percent(share: float) -> str:
    """``0.6667`` -> ``66.7%``; never rounded up to 100 % or down to 0 %.

    >>> percent(0.9999)
    '99.9%'
    """
    shown = round(share * 100, 1)
    if shown == 100 and share < 1 - 1e-9:
        shown = 99.9
    if shown == 0 and share > 1e-9:
        shown = 0.1
    return f"{shown:.1f}".removesuffix(".0") + "%"


def kilometres(km: float) -> str:
    """Kilometres to the hundred metres."""
    return f"{km:.1f} km"


def points(margin: float, lang: str) -> str:
    """A difference of shares, in percentage points.

    >>> points(0.095, "en")
    '+9.5 pp'
    """
    return text("number.points", lang, value=f"{margin * 100:+.1f}")


def day(date: dt.date, lang: str) -> str:
    """A date in words, so that nobody takes the day for the month.

    >>> day(dt.date(2025, 6, 30), "en"), day(dt.date(2025, 6, 30), "zh")
    ('30 June 2025', '2025年6月30日')
    """
    name = text(f"number.month-{date.month}", lang)
    return text("number.day", lang, year=date.year, month=name, day=date.day)


def _one(value: float, unit: str, lang: str) -> str:
    writers: dict[str, Callable[[float], str]] = {"share": percent, "km": kilometres}
    if unit == "margin":
        return points(value, lang)
    return writers[unit](value) if unit in writers else f"{value:g}"


def headline(finding: Finding, lang: str) -> str:
    """The measured value as it is shown: an average of gaps never without the longest one."""
    value = interval(finding, lang)
    longest = finding.figures.get("gap_max_km") if finding.unit == "km" else None
    if longest is None or finding.rule.target.at_most is False or of_longest_gap(finding):
        return value
    key = "finding.longest-open" if finding.figures.get("gap_max_open") else "finding.longest"
    return text(key, lang, value=value, longest=kilometres(longest))


def of_longest_gap(finding: Finding) -> bool:
    """Whether the value is itself the longest gap, not an average."""
    rule = finding.rule
    return isinstance(rule, RouteSpacing) and rule.statistic == "gap_max"


def interval(finding: Finding, lang: str) -> str:
    """The measured value: one number if it is certain, else both ends."""
    if finding.low is None and finding.high is None:
        listed = finding.rule.kind in LISTING and len(finding.table)
        return text("finding.listed" if listed else "finding.nothing", lang)
    if finding.low == math.inf:
        return text("finding.no-site", lang)
    if finding.high is None or finding.high == math.inf:
        assert finding.low is not None
        return text("finding.at-least", lang, value=_one(finding.low, finding.unit, lang))
    if finding.low is None:
        return text("finding.at-most", lang, value=_one(finding.high, finding.unit, lang))
    low, high = _one(finding.low, finding.unit, lang), _one(finding.high, finding.unit, lang)
    return low if low == high else f"{low} – {high}"


def target(finding: Finding, lang: str) -> str:
    """What the rule asks for, as ``≥ 100%``; a dash if it only asks for a report."""
    if finding.target is None:
        return text("finding.report-only", lang)
    sign = "≤" if finding.rule.target.at_most else "≥"
    return f"{sign} {_one(finding.target, finding.unit, lang)}"


def status(finding: Finding, lang: str) -> str:
    """``met`` and so on in words."""
    if finding.status is None:
        return text("finding.report-only", lang)
    return text(f"status.{finding.status.replace(' ', '-')}", lang)
