"""Layers made of frames cut to what they show; layers picked for the map of a rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import pandas as pd

from ..plan import Plan
from ..rules.kind import kind_of
from ..rules.model import Rule
from ..schema import Column, TableSchema
from ..units import WGS84, in_kilometres
from .layer import Group, Layer, LayerStyle, rule_layer_names
from .popups import POPUPS
from .row_ids import with_row_id

GROUND = ("counties", "waterways", "roads", "expressways", "towns")
"""What lies under the map of a rule in the report."""


def layer_frame(frame: pd.DataFrame, schema: TableSchema, *keep: str) -> gpd.GeoDataFrame:
    """Only the columns that are shown or that the renderer needs; missing ones are missing values."""
    wanted = list(dict.fromkeys([*schema.names, *keep]))
    frame = with_row_id(frame, wanted)
    geometry = frame.geometry if isinstance(frame, gpd.GeoDataFrame) else gpd.GeoSeries([], crs=WGS84)
    table = pd.DataFrame(frame.drop(columns="geometry", errors="ignore")).reindex(columns=wanted)
    return gpd.GeoDataFrame(table.reset_index(drop=True), geometry=geometry.reset_index(drop=True), crs=WGS84)


def make_layer(
    name: str,
    frame: pd.DataFrame,
    columns: tuple[Column, ...],
    style: LayerStyle,
    group: Group,
    *,
    keep: tuple[str, ...] = (),
    **options: Any,
) -> Layer:
    """Make a layer whose texts and popup go by its name; ``keep`` are columns that only style and popup need."""
    schema = TableSchema(name, columns)
    popup = options.pop("popup", POPUPS.get(name))
    more = [column.name for column in popup.columns] if popup else []
    more += [each.absent_if[0] for each in columns if each.absent_if[0] not in ("", "lon")]
    return Layer(
        name,
        f"layer.{name}",
        layer_frame(frame, schema, *keep, *more),
        schema,
        style,
        group,
        popup=popup,
        **options,
    )


# -- the map of a rule -----------------------------------------------------------------------------------


def rule_map(plan: Plan, layers: Sequence[Layer], rule: Rule) -> list[Layer]:
    """Layers of the map of a rule in the report, what it counts; empty if it has none."""
    wanted = rule_layer_names(layers, rule)
    chosen = picked(layers, wanted)
    if kind_of(rule).own_gaps:
        chosen = [_with_gaps_of(plan, layer, rule) if layer.name == "routes" else layer for layer in chosen]
    return chosen if any(len(layer.frame) for layer in chosen if layer.name in wanted) else []


def picked(layers: Sequence[Layer], wanted: Iterable[str]) -> list[Layer]:
    """The quiet ground and the layers named, all made visible."""
    names = {*GROUND, *wanted}
    return [replace(layer, visible=True) for layer in layers if layer.name in names]


def _with_gaps_of(plan: Plan, layer: Layer, rule: Rule) -> Layer:
    """Show the gaps of this rule instead of those of the rule on spacing."""
    gaps = in_kilometres((plan.after if layer.phase == "after" else plan.before).gaps)
    gaps = gaps[(gaps["rule"] == rule.id) & gaps.geometry.notna()]
    frame = gaps.reindex(columns=list(layer.frame.columns)).reset_index(drop=True)
    return replace(layer, frame=frame.set_geometry("geometry", crs=layer.frame.crs).assign(side=1))


def rule_extent(layers: Sequence[Layer], rule: Rule) -> tuple[float, float, float, float] | None:
    """West, south, east, north of what a rule counts, where that lies close together; None for the whole region."""
    near = kind_of(rule).close_to
    close = {near, *(layer.name for layer in layers if layer.rule == rule)} if near else set()
    boxes = [layer.frame.total_bounds for layer in layers if layer.name in close and len(layer.frame)]
    if not boxes:
        return None
    west, south, east, north = (float(v) for v in boxes[0])
    room = max(0.12 * (east - west), 0.12 * (north - south), 0.02)
    return west - room, south - room, east + room, north + room
