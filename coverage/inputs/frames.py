"""Frames of a schema: dtypes, empty ones, joining several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..errors import Fault, InputError
from ..schema import Column, TableSchema
from ..units import WGS84
from .headers import listed

TEXT_DTYPE: Any = pd.Series(["text"]).dtype
"""``str`` since pandas 3, ``object`` before."""

_DTYPES: Mapping[str, Any] = {"int": "Int64", "float": "float64", "bool": "boolean"}


def as_series(values: list[Any], column: Column) -> pd.Series[Any]:
    """Series of the dtype that goes with ``column.type``; None is missing."""
    series: pd.Series[Any]
    if column.type in _DTYPES:
        series = pd.Series(values, dtype=_DTYPES[column.type])
        return series
    if column.type == "date":
        return pd.Series([pd.NaT if v is None else pd.Timestamp(v) for v in values], dtype="datetime64[s]")
    series = pd.Series(values, dtype=TEXT_DTYPE)
    return series


def empty_table(schema: TableSchema) -> gpd.GeoDataFrame:
    """Return a table of ``schema`` without rows."""
    return as_table([], schema)


def as_table(rows: Iterable[Mapping[str, Any]], schema: TableSchema, source: str = "") -> gpd.GeoDataFrame:
    """Table of ``schema`` from rows already in its types, with a ``geometry`` each (EPSG:4326).

    Missing keys are missing values. Rows are numbered from 1 in ``source_row``.
    """
    listed_rows = list(rows)
    names = [c for c in schema.columns if c.name not in ("lon", "lat", "position")]
    frame = pd.DataFrame({c.name: as_series([r.get(c.name) for r in listed_rows], c) for c in names})
    frame["source"] = pd.Series([source] * len(frame), dtype=TEXT_DTYPE)
    frame["source_row"] = np.arange(1, len(frame) + 1, dtype=np.int64)
    shapes = np.empty(len(frame), dtype=object)
    shapes[:] = [r.get("geometry") for r in listed_rows]
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=WGS84)


def combine_tables(tables: Iterable[gpd.GeoDataFrame], schema: TableSchema) -> gpd.GeoDataFrame:
    """One table from several of one schema.

    Raises
    ------
    InputError
        If an id stands in two of them.
    """
    parts = [t for t in tables if len(t)]
    if not parts:
        return empty_table(schema)
    joined = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=WGS84)
    faults = []
    for value, group in joined[joined["id"].duplicated(keep=False)].groupby("id", sort=True):
        where = [f"{r.source}:{r.source_row}" for r in group.itertuples()]
        faults.append(Fault("id-twice-files", value=value, values={"rows": listed(where)}))
    if faults:
        raise InputError(faults)
    return joined
