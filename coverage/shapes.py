"""Layers from elsewhere and their shapes: well-known binary and GeoJSON, each shape checked before GEOS sees it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from .errors import Fault, InputError

Shapes = npt.NDArray[np.object_]
_PARTS = re.compile(
    rb"\x01[\x04-\x07]\x00\x00[\x00\x20-\xe0]|\x01[\x04-\x07\xbc-\xbf\xd4-\xd7\xec-\xef][\x03\x07\x0b]\x00\x00"
    rb"|\x00[\x00\x20-\xe0]\x00[\x00\x03\x07\x0b][\x04-\x07\xbc-\xbf\xd4-\xd7\xec-\xef]"
)
"""Beginnings of shapes that consist of shapes, in well-known binary."""
_MOST_DEEP = 1_000
"""GEOS calls itself for each shape inside a shape, and some 20 000 deep ends the process."""
_MOST_OBJECTS, _MOST_LISTS = 2_500_000, 5_500_000
"""Of a GeoJSON: a feature is three objects, a vertex a list. Without anything in them they take 60 bytes each."""


def shapes_from_wkb(wkb: Sequence[bytes | None]) -> tuple[Shapes, list[int]]:
    """Read shapes from well-known binary.

    Returns
    -------
    (n,) array of geometry or None
        None also where there is none.
    list of int
        Positions of those that make none: a ring is open or too short, coordinates are missing or infinite.
    """
    safe = np.full(len(wkb), None, dtype=object)
    safe[:] = [b"" if raw and len(_PARTS.findall(raw)) > _MOST_DEEP else raw for raw in wkb]
    shapes = np.asarray(shapely.from_wkb(safe, on_invalid="ignore"), dtype=object)
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    shapes[owner[~np.isfinite(xy).all(axis=1)]] = None
    return shapes, [i for i, raw in enumerate(wkb) if shapes[i] is None and raw is not None]


class BrokenShape:
    """Stands for a geometry whose coordinates make none."""


def _points(values: Any) -> npt.NDArray[np.float64]:
    """(n, 2) finite coordinates; heights are left out."""
    try:
        xy = np.array(values, dtype=np.float64)
    except ValueError:  # some with heights, some without
        xy = np.array([pair[:2] for pair in values], dtype=np.float64)
    if xy.size and (xy.ndim != 2 or xy.shape[1] < 2 or not np.isfinite(xy).all()):
        raise ValueError("no coordinates")
    return xy[:, :2] if xy.size else xy.reshape(0, 2)


def ring_area(rings: Any) -> Any:
    """Make a polygon whose rings are closed and have at least four points."""
    made = [_points(ring) for ring in rings]
    if any(len(ring) < 4 or (ring[0] != ring[-1]).any() for ring in made):
        raise ValueError("ring")
    return shapely.Polygon(made[0], made[1:]) if made else shapely.Polygon()


_SHAPES: Mapping[str, Callable[[Any], Any]] = {
    "Point": lambda xy: shapely.Point(_points([xy])[0]) if xy else shapely.Point(),
    "LineString": lambda xy: shapely.LineString(_points(xy)),
    "Polygon": ring_area,
    "MultiPoint": lambda xy: shapely.MultiPoint(_points(xy)),
    "MultiLineString": lambda lines: shapely.MultiLineString([_points(xy) for xy in lines]),
    "MultiPolygon": lambda areas: shapely.MultiPolygon([ring_area(rings) for rings in areas]),
    "GeometryCollection": shapely.GeometryCollection,
}


def json_shape(geometry: Any) -> Any:
    """Shape of a geometry of GeoJSON, without heights.

    Raises
    ------
    ValueError
        If it is none: another type, missing or infinite coordinates, a ring that is open or too short.

    Examples
    --------
    >>> json_shape({"type": "Point", "coordinates": [113.1, 27.8]}).wkt
    'POINT (113.1 27.8)'
    """
    try:
        kind = geometry["type"]
        return _SHAPES[kind](geometry["geometries" if kind == "GeometryCollection" else "coordinates"])
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, shapely.errors.ShapelyError) as error:
        raise ValueError("no shape") from error


def _json_object(pairs: list[tuple[str, Any]]) -> Any:
    """Turn a geometry into a shape as soon as it is read: its lists of numbers take ten times the room."""
    made = dict(pairs)
    kind = made.get("type")
    if not isinstance(kind, str) or kind not in _SHAPES or not {"coordinates", "geometries"} & made.keys():
        return made
    try:
        return json_shape(made)
    except ValueError:
        return BrokenShape()


class TooManyError(ValueError):
    """More objects or lists than can be held."""


def read_json(content: bytes) -> Any:
    """Read a GeoJSON; its geometries are shapes, or :class:`BrokenShape`.

    Raises
    ------
    TooManyError
        If it holds more than can be.
    ValueError, RecursionError
        If it is no JSON, or nested too deep.
    """
    if content.count(b"{") > _MOST_OBJECTS or content.count(b"[") > _MOST_LISTS:
        raise TooManyError
    return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_json_object, parse_constant=float)


# -- layers ----------------------------------------------------------------------------------------------------

Cells = list[list[Any]]


@dataclass(frozen=True, eq=False)
class VectorLayer:
    """One layer, its cells as plain Python.

    Attributes
    ----------
    name : str
    others : tuple of str
        The file's other layers.
    headers : list of str
    rows : list of list
        A row each feature; texts, numbers, booleans, None.
    shapes : (n,) array of geometry or None, optional
        In ``crs``; None if the layer has no geometry.
    crs : CRS, optional
    faults : list of Fault
        Shapes that can't be used, by row: the n-th feature is row n + 1, as a spreadsheet would show it.
    """

    name: str
    others: tuple[str, ...]
    headers: list[str]
    rows: Cells
    shapes: Shapes | None
    crs: CRS | None
    faults: list[Fault] = field(default_factory=list)

    @property
    def geometry(self) -> gpd.GeoSeries | None:
        """The shapes with their coordinate system."""
        return None if self.shapes is None else gpd.GeoSeries(self.shapes, crs=self.crs)


def chosen_layer(file: str, names: Sequence[str], wanted: str | None, first: str | None = None) -> str:
    """Name of the layer to read."""
    if wanted is not None and wanted not in names:
        raise InputError(
            Fault("layer-missing", file=file, value=wanted, values={"known": ", ".join(names[:12])})
        )
    return wanted or first or names[0]


def broken_shape(file: str, number: int) -> Fault:
    """Say that a shape can't be used, by its position in the layer."""
    return Fault("layer-shape", file=file, row=number + 2)


def layer_shapes(file: str, wkb: Sequence[bytes | None] | None) -> tuple[Shapes | None, list[Fault]]:
    """Shapes of a layer that has some, and a fault for each that is broken."""
    if wkb is None:
        return None, []
    shapes, lost = shapes_from_wkb(wkb)
    return shapes, [broken_shape(file, i) for i in lost]


def plain_cell(cell: Any) -> Any:
    """Return a cell as plain Python: numpy scalars unpacked, NaN to None, what has parts as JSON."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, float) and np.isnan(cell):
        return None
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if cell is None or isinstance(cell, str | int | float):
        return cell
    return json.dumps(cell, ensure_ascii=False, default=str)
