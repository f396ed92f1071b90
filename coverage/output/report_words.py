"""Words about rules and figures that workbook and report share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..assess.finding import Finding
from ..plan import Plan
from ..policy import Rule
from ..texts import catalogue, text
from .result import plain

Figure = tuple[str, str, float | int | None, str, str]
WITH_UNKNOWN = "_with_unknown"


def figure_rows(finding: Finding, lang: str) -> list[Figure]:
    """Further numbers of a finding: key, label, number, unit, and the words if it is not a number.

    Lists (by county, by direction …) are tables of their own and are left out.
    """
    return list(_figures(plain(dict(finding.figures)), lang, "", ""))


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
            yield own_key, own_label, None, "", text("finding.nothing", lang)


def figure_label(name: str, lang: str) -> str:
    """Label of a figure: its own, else that of the column or kind of the same name, else its key."""
    if name.endswith(WITH_UNKNOWN):
        return text("figure.with-unknown", lang, label=figure_label(name.removesuffix(WITH_UNKNOWN), lang))
    for key in (f"figure.{name}", f"column.{name}", f"choice.kind.{name}"):
        if key in catalogue():
            return text(key, lang)
    return name


def figure_unit(name: str, key: str = "") -> str:
    """Unit of a figure by the suffix of its key: ``km``, ``kW``, ``share`` or ``count``."""
    base = name.removesuffix(WITH_UNKNOWN)
    parts = base.split("_")
    if "km" in parts:
        return "km"
    if "kw" in parts:
        return "kW"
    return "share" if parts[-1] in ("low", "high", "share") or key.endswith((".low", ".high")) else "count"


def assumption_lines(rule: Rule, lang: str) -> list[str]:
    """The settings of a rule that the policy's text leaves open, with the value taken."""
    return [_assumption(rule, name, lang) for name in rule.assumptions]


def _assumption(rule: Rule, name: str, lang: str) -> str:
    value: Any = getattr(rule, name, None)
    for part in ("site", "berth"):
        if value is None:
            value = getattr(getattr(rule, part, None), name, None)
    if isinstance(value, (tuple, list)):
        value = text("map.comma", lang).join(_choice(str(v), lang) for v in value)
    elif isinstance(value, bool):
        value = text("value.yes" if value else "value.no", lang)
    elif isinstance(value, str):
        value = _choice(value, lang)
    key = f"assumption.{name}"
    return text(key, lang, value=value) if key in catalogue() else f"{name} = {value}"


def _choice(value: str, lang: str) -> str:
    for key in (f"figure-value.{value}", f"choice.cargo.{value}"):
        if key in catalogue():
            return text(key, lang)
    return value


def licences(plan: Plan, lang: str) -> list[str]:
    """Under which terms the data may be handed on."""
    approval = plan.project.output.approval_number or text("note.no-approval", lang)
    return [text("report.licence-osm", lang), text("report.licence-tables", lang),
            text("note.internal", lang), text("note.approval", lang, number=approval)]  # fmt: skip
