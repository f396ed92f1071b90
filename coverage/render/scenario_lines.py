"""Scenarios compared and merged, as lines: tab-separated, a decision each."""

from __future__ import annotations

from ..scenario import SITE, Merged, Scenario
from ..texts import text


def _said(decision: str, lang: str) -> str:
    """A decision in words: switched on (in a year), ruled out, none."""
    what, _, year = decision.partition(" ")
    return text(f"scenario.{what or 'nothing'}", lang) + (f" {year}" if year else "")


def _named(name: str, lang: str) -> str:
    return text("scenario.site", lang, name=name.removeprefix(SITE)) if name.startswith(SITE) else name


def compare_lines(first: Scenario, second: Scenario, lang: str) -> list[str]:
    """What two scenarios decide differently, then the figures that the page said of each.

    Parameters
    ----------
    first, second : Scenario
    lang : str

    Returns
    -------
    list of str
        Tab-separated: what, in the first, in the second.
    """
    one, other = first.decisions(), second.decisions()
    lines = [
        "\t".join([_named(name, lang), *(_said(found.get(name, ""), lang) for found in (one, other))])
        for name in sorted({*one, *other})
        if one.get(name, "") != other.get(name, "")
    ]
    for key in ("cost", "people", "longest_gap_km", "gaps_over"):
        a, b = first.figures.get(key), second.figures.get(key)
        if a != b:
            lines.append("\t".join([text(f"scenario.figure.{key}", lang), *(_number(x) for x in (a, b))]))
    mine, theirs = (s.figures.get("rules") for s in (first, second))
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for rule in sorted({*mine, *theirs}):
            ends = [_interval(found.get(rule)) for found in (mine, theirs)]
            if ends[0] != ends[1]:
                lines.append("\t".join([rule, *ends]))
    return lines or [text("scenario.same", lang)]


def _number(value: object) -> str:
    return f"{value:,.10g}" if isinstance(value, int | float) else "–"


def _interval(found: object) -> str:
    if not isinstance(found, dict):
        return "–"
    low, high = (_number(found.get(end)) for end in ("low", "high"))
    status = found.get("status")
    return (low if low == high else f"{low} – {high}") + (f" ({status})" if isinstance(status, str) else "")


def merge_lines(merged: Merged, lang: str) -> list[str]:
    """What both agree on, then the conflicts with all three decisions.

    Parameters
    ----------
    merged : Merged
    lang : str
    """
    agreed = [
        "\t".join([text("scenario.agreed", lang), _named(name, lang), _said(decision, lang)])
        for name, decision in merged.agreed.items()
    ]
    conflicts = [
        "\t".join([text("scenario.conflict", lang), _named(name, lang), *(_said(x, lang) for x in three)])
        for name, three in merged.conflicts.items()
    ]
    return [*agreed, *conflicts] or [text("scenario.same", lang)]
