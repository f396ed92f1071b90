"""What a rule's page in the report shows: which table of evidence, which map."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from ...plan import Plan
from ...rules.finding import Finding
from ...rules.kind import kind_of
from ...schema import column, day, shown
from ...tables.layer import Layer, rule_layer_names
from ...tables.numbers import told_table
from ...tables.sheet import Head, cell_value
from ...texts import text
from ...units import in_kilometres
from .table import Cell

ROWS = 24
"""Rows of a table in the report's text at most; the workbook has all of them."""
NAMES = ("name", "port", "ship", "berth", "county", "ref", "side")
NAME_LENGTH, WORDS_LENGTH = 60, 240
"""Characters of a name and of other words in a cell at most: the workbook has them whole."""
SHADE = {"yes": "", "no": "gap", "unknown": "middle"}
GROUND = ("counties", "waterways", "roads", "expressways", "towns")


def evidence(
    finding: Finding, lang: str, most: int = ROWS
) -> tuple[list[str], list[list[Cell]], list[float], int]:
    """Return header, rows (``most`` at most) and widths of a rule's table, and how many rows there are in all."""
    kind = kind_of(finding.rule)
    wanted, table = kind.table, told_table(finding)
    names = [name for name, _ in wanted if name in table or not len(table)]
    heads = [Head.of(column(kind.column_names.get(name, name)), lang, name=name) for name in names]
    widths = [width for name, width in wanted if name in table or not len(table)]
    table = _worst_first(table)
    return [h.label for h in heads], table_cells(table.head(most), heads, lang), widths, len(table)


def table_cells(table: pd.DataFrame, heads: Sequence[Head], lang: str) -> list[list[Cell]]:
    """Rows of a table as cells: numbers to the right, what is missing or unknown shaded."""
    records = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    return [[_cell(row, head, lang) for head in heads] for row in records]


def _cell(row: Mapping[str, Any], head: Head, lang: str) -> Cell:
    value = cell_value(row.get(head.name), head, lang)
    if "has" in (head.column.name, head.column.labels):
        return Cell(str(value or ""), shade=SHADE.get(str(row.get(head.name)), ""))
    if value is None:
        return _missing(head, lang)
    if isinstance(value, (int, float)):
        words = shown(value, head.column, lang)
        if head.name == "gap_max_km" and row.get("gap_max_open") is True:
            words = f"≥ {words}"
        return Cell(words, right=True)
    if isinstance(value, dt.date):
        return Cell(day(value, lang))
    most = NAME_LENGTH if head.name in NAMES else WORDS_LENGTH
    return Cell(value if len(value) <= most else value[: most - 1] + "…")


def _missing(head: Head, lang: str) -> Cell:
    """What stands for no value: unknown, or a dash where there is nothing to be known."""
    if head.name == "county":
        return Cell(text("report.robust.no-county", lang))
    number = head.column.type in ("float", "int")
    return Cell(shown(None, head.column, lang) if number else text("value.none", lang), right=number)


def _worst_first(table: pd.DataFrame) -> pd.DataFrame:
    """What has it not first, then what is unknown; routes by their longest gap. Ties as they stand."""
    for name in ("has", "connected_status"):
        if name in table:
            rank = table[name].map({"no": 0, "unknown": 1, "yes": 2}).fillna(3)
            if "counts" in table:
                rank = rank.where(table["counts"] != "no", 4)
            return table.iloc[rank.argsort(kind="stable")]
    if "gap_max_km" in table:
        return table.sort_values("gap_max_km", ascending=False, kind="stable")
    return table


PAGE_MM, TEXT_ABOVE_MM, ROW_MM, MAP_MM = 250.0, 78.0, 6.2, (82.0, 125.0)
"""Height of a page's text, of what stands above a map (about), of a table row; least and most for a map."""


def map_height_mm(rows: int) -> float:
    """Height of a map that leaves a short table room on the same page; the most if the table is too long for that."""
    room = PAGE_MM - TEXT_ABOVE_MM - ROW_MM * (min(rows, ROWS) + 2)
    return min(room, MAP_MM[1]) if room >= MAP_MM[0] else MAP_MM[1]


# -- maps ------------------------------------------------------------------------------------------------


def rule_layers(plan: Plan, layers: Sequence[Layer], finding: Finding) -> list[Layer]:
    """Layers of a rule's map: the quiet ground and what the rule counts; empty if it has no map."""
    wanted = rule_layer_names(layers, finding.rule)
    if not wanted:
        return []
    chosen = picked(layers, wanted)
    if kind_of(finding.rule).own_gaps:
        chosen = [_gaps_of(plan, layer, finding) if layer.name == "routes" else layer for layer in chosen]
    return chosen if any(len(layer.frame) for layer in chosen if layer.name in wanted) else []


def rule_extent(layers: Sequence[Layer], finding: Finding) -> tuple[float, float, float, float] | None:
    """West, south, east, north of what the rule counts, where that lies close together; None for the whole region."""
    kind = kind_of(finding.rule)
    close = {kind.close_to, *(x.name for x in layers if x.rule == finding.rule)} if kind.close_to else set()
    boxes = [layer.frame.total_bounds for layer in layers if layer.name in close and len(layer.frame)]
    if not boxes:
        return None
    west, south, east, north = (float(v) for v in boxes[0])
    room = max(0.12 * (east - west), 0.12 * (north - south), 0.02)
    return west - room, south - room, east + room, north + room


def picked(layers: Sequence[Layer], wanted: Iterable[str]) -> list[Layer]:
    """Ground and the layers named, all made visible."""
    names = {*GROUND, *wanted}
    return [replace(layer, visible=True) for layer in layers if layer.name in names]


def _gaps_of(plan: Plan, layer: Layer, finding: Finding) -> Layer:
    """Show the gaps of this rule instead of those of the rule on spacing."""
    assessment = plan.after if layer.phase == "after" else plan.before
    gaps = in_kilometres(assessment.gaps)
    gaps = gaps[(gaps["rule"] == finding.rule.id) & gaps.geometry.notna()]
    frame = gaps.reindex(columns=list(layer.frame.columns)).reset_index(drop=True)
    return replace(layer, frame=frame.set_geometry("geometry", crs=layer.frame.crs).assign(side=1))
