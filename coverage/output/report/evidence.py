"""What a rule's page in the report shows: which table of evidence, which map."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from ...plan import Plan
from ...rules.finding import Finding
from ...schema import column, day, shown
from ...texts import text
from ..layer import Layer
from ..rule_layers import rule_layer_names
from ..workbook.cells import Head, cell_value
from .table import Cell

ROWS = 24
"""Rows of a table in the report's text at most; the workbook has all of them."""
SHEETS: Mapping[str, str] = {
    "facility_share": "service-areas", "route_spacing": "routes", "length_coverage": "routes", "berth_share": "berths",
    "call_share": "calls", "share_margin": "car-parks", "inventory": "inventory", "fleet_power": "counties",
    "demand_reach": "counties",
}  # fmt: skip
"""Kind of rule -> sheet of the workbook with all rows."""
COLUMNS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "facility_share": (("name", 50), ("kind", 40), ("ref", 18), ("side", 14), ("has", 20), ("evidence", 28)),
    "route_spacing": (("ref", 20), ("length_km", 22), ("sites", 16), ("length_per_site_km", 26), ("gap_mean_km", 24),
                      ("gap_max_km", 26), ("gap_km", 26)),
    "length_coverage": (("ref", 20), ("length_km", 24), ("sites", 18), ("gap_max_km", 28), ("covered_low", 30),
                        ("covered_high", 30)),
    "berth_share": (("name", 50), ("port", 36), ("class_t", 24), ("counts", 20), ("has", 20)),
    "call_share": (("ship", 40), ("berth", 26), ("arrived", 28), ("hours", 24), ("connected_status", 28)),
    "share_margin": (("name", 60), ("park_type", 24), ("spaces", 24), ("ready_spaces", 30)),
    "demand_reach": (("county", 40), ("weight", 36), ("low", 36), ("high", 36)),
    "inventory": (("name", 60), ("kind", 36), ("status", 26), ("county", 30)),
    "fleet_power": (("county", 30), ("sites", 20), ("sites_without_power", 30), ("installed_kw", 30), ("points", 22),
                    ("registered_ev", 26), ("ev_per_point", 22)),
}  # fmt: skip
"""Columns of each kind's table with their share of the width."""
SHARE_OF_PEOPLE = {"low": "reach_low", "high": "reach_high"}
"""Columns of the table of people within reach, by the names they have in the schema."""
NAMES = ("name", "port", "ship", "berth", "county", "ref", "side")
NAME_LENGTH, WORDS_LENGTH = 60, 240
"""Characters of a name and of other words in a cell at most: the workbook has them whole."""
SHADE = {"yes": "", "no": "gap", "unknown": "middle"}
CLOSE: Mapping[str, str] = {"berth_share": "berths", "share_margin": "car_parks"}
"""Kind of rule -> the layer its map is cut to."""
GROUND = ("counties", "waterways", "roads", "expressways", "towns")


def evidence(
    finding: Finding, lang: str, most: int = ROWS
) -> tuple[list[str], list[list[Cell]], list[float], int]:
    """Return header, rows (``most`` at most) and widths of a rule's table, and how many rows there are in all."""
    wanted = COLUMNS[finding.rule.kind]
    names = [name for name, _ in wanted if name in finding.table or not len(finding.table)]
    heads = [Head.of(column(SHARE_OF_PEOPLE.get(name, name)), lang, name=name) for name in names]
    widths = [width for name, width in wanted if name in finding.table or not len(finding.table)]
    table = _worst_first(finding.table)
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
    kind = finding.rule.kind
    wanted = rule_layer_names(layers, finding)
    if not wanted:
        return []
    chosen = picked(layers, wanted)
    if kind == "length_coverage":
        chosen = [_gaps_of(plan, layer, finding) if layer.name == "routes" else layer for layer in chosen]
    return chosen if any(len(layer.frame) for layer in chosen if layer.name in wanted) else []


def rule_extent(layers: Sequence[Layer], finding: Finding) -> tuple[float, float, float, float] | None:
    """West, south, east, north of what the rule counts, where that lies close together; None for the whole region."""
    wanted = CLOSE.get(finding.rule.kind)
    boxes = [layer.frame.total_bounds for layer in layers if layer.name == wanted and len(layer.frame)]
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
    gaps = assessment.gaps[(assessment.gaps["rule"] == finding.rule.id) & assessment.gaps.geometry.notna()]
    frame = gaps.reindex(columns=list(layer.frame.columns)).reset_index(drop=True)
    return replace(layer, frame=frame.set_geometry("geometry", crs=layer.frame.crs).assign(side=1))
