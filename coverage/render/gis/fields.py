"""Frames made ready for files: typed columns with their gaps, clean texts, geometries of one kind in the CRS asked for.

GDAL gets plain numpy arrays with a mask for what is missing, so nothing is guessed from the first rows.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from ...errors import Fault, InputError
from ...markup import clean_text
from ...schema import Column, ColumnType, TableSchema
from ...tables.layer import Kind, Layer
from ...texts import catalogue, text
from ...units import WGS84

Array = npt.NDArray[Any]
CGCS2000 = "EPSG:4490"
RESERVED = frozenset({"fid", "geom", "ogc_fid", "geometry"})
"""Names that GeoPackage writers give to the key and the geometry."""
DIMENSION: Mapping[Kind, int] = {"point": 0, "line": 1, "polygon": 2}
SINGLE: Mapping[Kind, str] = {"point": "Point", "line": "LineString", "polygon": "Polygon"}
_ROUND_TRIP_DEG = 1e-7
_MARGIN_DEG = 6.0
"""How far outside its area of use a system may be asked for: a province is wider than a 3-degree zone."""


@dataclass(frozen=True, eq=False)
class Field:
    """One column as it is written.

    Attributes
    ----------
    name : str
        ASCII, unique without regard to case within the table.
    column : Column
        What it holds; ``column.name`` is the frame's name for it.
    values : (n,) array
        bool, int64, float64, datetime64[D] or object (str or None).
    missing : (n,) array of bool
        True where there is no value.
    is_offset : bool
        It is the style's -1, 0, 1, not a column of that name.
    """

    name: str
    column: Column
    values: Array
    missing: npt.NDArray[np.bool_]
    is_offset: bool = False

    def label(self, lang: str) -> str:
        """Return the header a person reads; the name itself where the catalogue has none."""
        if self.is_offset:
            return text("export.offset", lang)
        # A column holds what its name says, whatever unit its reader is told.
        return (
            self.column.label(str(lang)) if f"column.{self.column.name}" in catalogue() else self.column.name
        )

    def meaning(self, lang: str) -> str:
        """Return what the column holds, empty where the catalogue doesn't say."""
        if self.is_offset:
            return text("export.offset-meaning", lang)
        return self.column.meaning(lang) if f"meaning.{self.column.name}" in catalogue() else ""

    def choices(self, lang: str) -> dict[str, str]:
        """Labels of the codes that occur in the column; empty if a value has none."""
        if self.column.type != "choice" or self.values.dtype != object:
            return {}
        known = dict(_labels(self.column.labels or self.column.name, str(lang)))
        if known and self.column.absent:
            known[self.column.absent] = text(f"absent.{self.column.absent}", lang)
        return known if set(self.values[~self.missing]) <= set(known) else {}


@cache
def _labels(column: str, lang: str) -> Mapping[str, str]:
    """Labels of all codes that a column may hold."""
    prefix = f"choice.{column}."
    return {k.removeprefix(prefix): v[lang] for k, v in catalogue().items() if k.startswith(prefix)}


# -- columns ---------------------------------------------------------------------------------------------


def layer_fields(layer: Layer) -> tuple[Field, ...]:
    """Columns of a layer: those of its schema, then those its style needs."""
    style = layer.style
    extra = [style.by, style.offset_by, layer.label_column or "", layer.search_column or "", *layer.more]
    names = [name for name in dict.fromkeys(extra) if name and name not in layer.schema.names]
    columns = [*layer.schema.columns, *(_column(name, layer.frame[name]) for name in names)]
    found = fields(layer.frame, columns)
    own = style.offset_by not in layer.schema.names
    return tuple(replace(f, is_offset=True) if own and f.column.name == style.offset_by else f for f in found)


def table_fields(frame: pd.DataFrame, schema: TableSchema) -> tuple[Field, ...]:
    """Columns of a table without geometry, as its schema lists them."""
    return fields(frame, schema.columns)


def fields(frame: pd.DataFrame, columns: Iterable[Column]) -> tuple[Field, ...]:
    """Convert columns by their type. A value that doesn't fit the type makes the whole column a text."""
    columns = list(columns)
    names = ascii_names([column.name for column in columns])
    return tuple(
        Field(name, column, *_values(frame[column.name], column.type))
        for name, column in zip(names, columns, strict=True)
    )


def ascii_names(names: Iterable[str], *, width: int = 63, reserved: Iterable[str] = RESERVED) -> list[str]:
    """Return names of ASCII letters, digits and underscores, unique without regard to case.

    Examples
    --------
    >>> ascii_names(["name", "Name", "名称", "fid"])
    ['name', 'Name_1', 'field_3', 'fid_1']
    """
    taken = {name.lower() for name in reserved}
    found = []
    for i, name in enumerate(names, 1):
        base = re.sub(r"[^A-Za-z0-9_]", "_", name) if name.isascii() else ""
        base = (base if re.match(r"[A-Za-z_]", base) else f"field_{i}")[:width]
        new, n = base, 0
        while new.lower() in taken:
            n += 1
            new = f"{base[: width - 1 - len(str(n))]}_{n}"
        taken.add(new.lower())
        found.append(new)
    return found


def _column(name: str, values: pd.Series) -> Column:
    """A column that no schema names: a code, if all its values are those of a list, or what its values are."""
    codes = _labels(name, "en")
    return Column(name, "choice" if codes and set(values.dropna()) <= set(codes) else _kind_of(values))


def _kind_of(values: pd.Series) -> ColumnType:
    if pd.api.types.is_bool_dtype(values.dtype):
        return "bool"
    if pd.api.types.is_integer_dtype(values.dtype):
        return "int"
    return "float" if pd.api.types.is_float_dtype(values.dtype) else "text"


def _values(values: pd.Series, kind: ColumnType) -> tuple[Array, npt.NDArray[np.bool_]]:
    convert: Callable[[list[Any]], Array] = _CONVERT.get(kind, _texts)
    missing = values.isna().to_numpy(dtype=bool)
    present = values[~missing].tolist()
    try:
        held = convert(present)
    except (TypeError, ValueError, OverflowError):
        held = _texts(present)
    out = np.zeros(len(values), dtype=held.dtype) if held.dtype != object else np.full(len(values), None)
    out[~missing] = held
    if held.dtype == np.float64:
        missing = missing | ~np.isfinite(out)
        out[missing] = np.nan
    return out, missing


def _texts(values: list[Any]) -> Array:
    held = np.empty(len(values), dtype=object)
    held[:] = [clean_text(value) for value in values]
    return held


def _bools(values: list[Any]) -> Array:
    if not all(isinstance(value, bool | np.bool_) or value in (0, 1) for value in values):
        raise ValueError("not yes or no")
    return np.array([bool(value) for value in values], dtype=bool)


def _ints(values: list[Any]) -> Array:
    if any(isinstance(value, str) or int(value) != value for value in values):
        return _floats(values)
    return np.array([int(value) for value in values], dtype=np.int64)


def _floats(values: list[Any]) -> Array:
    if any(isinstance(value, str) for value in values):
        raise ValueError("a text among numbers")
    return np.array([float(value) for value in values], dtype=np.float64)


def _dates(values: list[Any]) -> Array:
    if not all(isinstance(value, dt.date | np.datetime64) for value in values):
        raise ValueError("not a date")
    return np.array([pd.Timestamp(value).date() for value in values], dtype="datetime64[D]")


_CONVERT: Mapping[str, Callable[[list[Any]], Array]] = {
    "bool": _bools,
    "int": _ints,
    "float": _floats,
    "date": _dates,
}


# -- geometry --------------------------------------------------------------------------------------------


def geometries(layer: Layer, crs: str) -> tuple[Array, str]:
    """Return a layer's geometries in ``crs``, of one kind, and the name of that kind.

    Returns
    -------
    ndarray of Geometry or None, shape (n,)
        Two-dimensional; empty ones are None. Parts of another kind (a point in a collection of lines) are left out.
    str
        ``"Point"``, ``"MultiLineString"`` and so on; the multi form if any geometry has several parts.
    """
    kind = layer.style.kind
    held = _of_kind(in_crs(layer.frame.geometry, crs).to_numpy(), kind)
    several = bool((shapely.get_type_id(held) > 3).any())
    if several:
        held = np.array([_as_multi(g, kind) for g in held], dtype=object)
    return held, f"Multi{SINGLE[kind]}" if several else SINGLE[kind]


def in_crs(geometry: gpd.GeoSeries, crs: str) -> gpd.GeoSeries:
    """Convert from EPSG:4326.

    CGCS2000 (EPSG:4490) is realised in ITRF97 at epoch 2000.0 and agrees with WGS 84 to better than the accuracy
    of any data here (Wei 2008; decimetres of plate motion): the numbers stay as they are. Projected systems on it,
    such as EPSG:4547, are reached from there, so that PROJ has no choice of grids or shifts to make.

    Raises
    ------
    InputError
        If the system is unknown or cannot hold these positions (a zone on the other side of the earth).
    """
    if crs == WGS84:
        return geometry
    if crs == CGCS2000:
        return geometry.set_crs(CGCS2000, allow_override=True)
    check_crs(crs, geometry.total_bounds)
    start = CGCS2000 if _on_cgcs2000(crs) else WGS84
    return geometry.set_crs(start, allow_override=True).to_crs(crs)


def in_wgs84(geometry: gpd.GeoSeries) -> gpd.GeoSeries:
    """Convert to EPSG:4326: the way back of :func:`in_crs`."""
    crs = geometry.crs.to_string()
    if crs not in (WGS84, CGCS2000):
        geometry = geometry.to_crs(CGCS2000 if _on_cgcs2000(crs) else WGS84)
    return geometry.set_crs(WGS84, allow_override=True)


def check_crs(crs: str, bounds: Iterable[float]) -> None:
    """Refuse a CRS that is not meant for ``bounds`` (west, south, east, north in degrees), nor nearly.

    Raises
    ------
    InputError
        ``crs-unknown``, or ``crs-too-far``.
    """
    try:
        there = Transformer.from_crs(CGCS2000 if _on_cgcs2000(crs) else WGS84, crs, always_xy=True)
    except Exception as error:
        raise InputError(Fault("crs-unknown", value=crs)) from error
    west, south, east, north = bounds
    if not np.isfinite([west, south, east, north]).all():
        return
    x, y = np.array([west, west, east, east]), np.array([south, north, south, north])
    back = there.transform(*there.transform(x, y), direction="INVERSE")
    exact = (np.abs(np.subtract(back, (x, y))) < _ROUND_TRIP_DEG).all()
    area = CRS.from_user_input(crs).area_of_use
    near = area is None or (
        west > area.west - _MARGIN_DEG
        and east < area.east + _MARGIN_DEG
        and south > area.south - _MARGIN_DEG
        and north < area.north + _MARGIN_DEG
    )
    if not (exact and near):
        where = f"{west:.2f}–{east:.2f}, {south:.2f}–{north:.2f}"
        raise InputError(Fault("crs-too-far", value=crs, values={"where": where}))


def _on_cgcs2000(crs: str) -> bool:
    base = CRS.from_user_input(crs).geodetic_crs
    return base is not None and base.to_epsg() == 4490


def _of_kind(held: Array, kind: Kind) -> Array:
    held = shapely.force_2d(held)
    held[shapely.is_empty(held)] = None
    wrong = ~shapely.is_missing(held) & (
        (shapely.get_dimensions(held) != DIMENSION[kind]) | (shapely.get_type_id(held) == 7)
    )
    ring = shapely.get_type_id(held) == 2
    for i in np.flatnonzero(wrong | ring):
        held[i] = _parts_of_kind(held[i], kind)
    return held


def _parts_of_kind(geometry: shapely.Geometry, kind: Kind) -> shapely.Geometry | None:
    parts = shapely.get_parts(np.atleast_1d(shapely.get_parts(geometry)))
    rings = shapely.get_type_id(parts) == 2
    parts[rings] = (
        shapely.linestrings([shapely.get_coordinates(g) for g in parts[rings]]) if rings.any() else []
    )
    parts = parts[shapely.get_dimensions(parts) == DIMENSION[kind]]
    if len(parts) < 2:
        return parts[0] if len(parts) else None
    return _MULTI[kind](parts)


_MULTI: Mapping[Kind, Callable[[Any], shapely.Geometry]] = {
    "point": shapely.multipoints,
    "line": shapely.multilinestrings,
    "polygon": shapely.multipolygons,
}


def _as_multi(geometry: shapely.Geometry | None, kind: Kind) -> shapely.Geometry | None:
    if geometry is None or shapely.get_type_id(geometry) > 3:
        return geometry
    return _MULTI[kind]([geometry])
