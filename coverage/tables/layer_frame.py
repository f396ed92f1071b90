"""Frames cut to what a layer shows."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd

from ..schema import Column, TableSchema
from ..units import WGS84
from .layer import Group, Layer, LayerStyle
from .popups import POPUPS


def layer_frame(frame: pd.DataFrame, schema: TableSchema, *keep: str) -> gpd.GeoDataFrame:
    """Only the columns that are shown or that the renderer needs; missing ones are missing values."""
    wanted = list(dict.fromkeys([*schema.names, *keep]))
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
