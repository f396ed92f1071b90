"""The region that is assessed, and the halo around it from which sites may still serve it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Transformer
from pyproj.enums import TransformDirection
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from ..errors import Fault, InputError, NetworkError
from ..units import WGS84
from ..vectors import SUFFIXES, read_vector
from .geometry import line_lengths_m
from .graph import BoolArray, FloatArray, RoadGraph
from .osm.files import check_file

HALO_M = 40_000.0
"""Halo unless the project says otherwise: the widest spacing the plan allows."""
_QUADRANT = 32
_STEP_DEG = 0.1
_PROJECTED_M = 5_000_000.0
"""Further than this from its middle an azimuthal projection is no picture of a region any more."""
_M_PER_DEGREE = 110_574.0
"""Length of the shortest degree of latitude, at the equator."""


@dataclass(frozen=True, repr=False)
class Region:
    """A region and its halo.

    Attributes
    ----------
    polygon : Polygon or MultiPolygon
        EPSG:4326, valid, not empty.
    halo_m : float
        Width of the halo, metres, 0 or more.
    name : str
        As shown.
    """

    polygon: BaseGeometry
    halo_m: float = HALO_M
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be a region.

        Raises
        ------
        NetworkError
            If the polygon is empty, not a polygon, invalid or outside the globe, or the halo negative.
        """
        polygon = self.polygon
        if polygon.geom_type not in {"Polygon", "MultiPolygon"} or polygon.is_empty or not polygon.is_valid:
            raise NetworkError("region-no-polygon")
        west, south, east, north = polygon.bounds
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            raise NetworkError("region-off-globe", west=west, south=south, east=east, north=north)
        if not (np.isfinite(self.halo_m) and self.halo_m >= 0):
            raise NetworkError("region-halo", halo_m=self.halo_m)

    def __repr__(self) -> str:
        """Name, box and halo."""
        west, south, east, north = self.polygon.bounds
        box = f"{west:.3f}, {south:.3f}, {east:.3f}, {north:.3f}"
        return f"<Region {self.name!r}: box ({box}), halo {self.halo_m:g} m>"

    @classmethod
    def from_bbox(
        cls, west: float, south: float, east: float, north: float, *, halo_m: float = HALO_M, name: str = ""
    ) -> Region:
        """Region between two meridians and two parallels, in degrees (EPSG:4326).

        Raises
        ------
        NetworkError
            If west ≥ east or south ≥ north, or outside the globe.
        """
        values = np.array([west, south, east, north], dtype=float)
        if not np.isfinite(values).all() or west >= east or south >= north:
            raise NetworkError("region-bbox", west=west, south=south, east=east, north=north)
        return cls(shapely.box(west, south, east, north), halo_m, name)

    @cached_property
    def with_halo(self) -> BaseGeometry:
        """The polygon widened by the halo, EPSG:4326; it goes on beyond the antimeridian, and round a pole.

        The buffer is drawn in an azimuthal equidistant projection around the region's middle. Distances from
        the middle are true there; across it they are stretched by less than 0.4 % within 1 000 km. A region that
        reaches with its halo further than :data:`_PROJECTED_M` from its middle, or round a pole, gets a box.
        """
        if self.halo_m == 0:
            return self.polygon
        # A straight edge of the region is a straight edge in degrees: it gets vertices before it is bent.
        drawn = shapely.segmentize(self.polygon, _STEP_DEG)
        lon, lat = _middle(self.polygon)
        plane = f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m"
        to_plane = Transformer.from_crs(WGS84, plane, always_xy=True)  # takes longer to make than to use
        flat = _moved(drawn, to_plane)
        reach_m = float(np.hypot(*shapely.get_coordinates(flat).T).max()) + self.halo_m
        if not reach_m < _PROJECTED_M:
            return self._boxed()
        wide = shapely.buffer(shapely.make_valid(flat), self.halo_m, quad_segs=_QUADRANT)
        if shapely.intersects_xy(wide, *to_plane.transform([0, 0], [90, -90])).any():
            return self._boxed()
        halo = _from_middle(_moved(wide, to_plane, back=True), lon)
        return shapely.union(_on_globe(shapely.make_valid(halo)), self.polygon)

    def _boxed(self) -> BaseGeometry:
        """The box of the polygon, widened by the halo in degrees of latitude and longitude."""
        west, south, east, north = self.polygon.bounds
        more = self.halo_m / _M_PER_DEGREE
        south, north = max(south - more, -90.0), min(north + more, 90.0)
        round_pole = max(abs(south), abs(north)) >= 90.0 - 1e-9
        aside = 360.0 if round_pole else more / math.cos(math.radians(max(abs(south), abs(north))))
        if east - west + 2 * aside >= 360.0:
            return shapely.box(-180.0, south, 180.0, north)
        return _on_globe(shapely.box(west - aside, south, east + aside, north))


def _middle(polygon: BaseGeometry) -> tuple[float, float]:
    """Longitude and latitude of the middle of a polygon, also of one on both sides of the antimeridian."""
    west, south, east, north = polygon.bounds
    lon = (west + east) / 2
    if east - west > 180.0:
        angle = np.radians(shapely.get_coordinates(polygon)[:, 0])
        lon = math.degrees(math.atan2(np.sin(angle).mean(), np.cos(angle).mean()))
    return lon, (south + north) / 2


def _from_middle(shape: BaseGeometry, lon: float) -> BaseGeometry:
    """Shape with longitudes within 180 degrees of ``lon``, so that no line jumps at the antimeridian."""
    return shapely.transform(
        shape, lambda xy: np.stack([lon + (xy[:, 0] - lon + 180.0) % 360.0 - 180.0, xy[:, 1]], axis=1)
    )


def _on_globe(shape: BaseGeometry) -> BaseGeometry:
    """Shape with what lies beyond the antimeridian moved to the other side of the map."""
    west, _, east, _ = shape.bounds
    if west >= -180.0 and east <= 180.0:
        return shape
    parts = []
    for by in (-360.0, 0.0, 360.0):
        seen = shapely.intersection(shape, shapely.box(by - 180.0, -90.0, by + 180.0, 90.0))
        parts.append(affinity.translate(seen, -by))
    return shapely.union_all(parts)


def _moved(shape: BaseGeometry, transformer: Transformer, *, back: bool = False) -> BaseGeometry:
    """Shape in another coordinate system, x first."""
    direction = TransformDirection.INVERSE if back else TransformDirection.FORWARD
    return shapely.transform(
        shape, lambda xy: np.stack(transformer.transform(xy[:, 0], xy[:, 1], direction=direction), axis=1)
    )


def contains(polygon: BaseGeometry, xy: FloatArray) -> BoolArray:
    """(n,) which points (n, 2) lie in the polygon or on its border."""
    west, south, east, north = polygon.bounds
    x, y = xy[:, 0], xy[:, 1]
    near = np.flatnonzero((x >= west) & (x <= east) & (y >= south) & (y <= north))
    inside = np.zeros(len(xy), dtype=bool)
    shapely.prepare(polygon)
    inside[near] = shapely.intersects_xy(polygon, x[near], y[near])
    return inside


def graph_inside(graph: RoadGraph, region: Region) -> FloatArray:
    """(s,) share of each segment's length that lies in the region proper, without the halo: 0 … 1."""
    share = np.zeros(graph.n_segments)
    lines = graph.lines()
    shapely.prepare(region.polygon)
    share[shapely.contains_properly(region.polygon, lines)] = 1.0
    crossing = np.flatnonzero((share == 0) & shapely.intersects(region.polygon, lines))
    if len(crossing):
        parts = shapely.intersection(lines[crossing], region.polygon)
        pieces, owner = shapely.get_parts(parts, return_index=True)
        is_line = shapely.get_type_id(pieces) == shapely.GeometryType.LINESTRING
        pieces, owner = pieces[is_line], owner[is_line]
        xy = shapely.get_coordinates(pieces)
        ptr = np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(pieces))]).astype(np.int64)
        inside_m = np.bincount(owner, weights=line_lengths_m(xy, ptr), minlength=len(crossing))
        total_m = np.maximum(graph.seg_length_m[crossing], 1e-9)
        share[crossing] = np.clip(inside_m / total_m, 0.0, 1.0)
    return share


def read_region(
    path: str | Path, *, layer: str | None = None, halo_m: float = HALO_M, name: str | None = None
) -> Region:
    """Read a region from a polygon file in any coordinate system; several polygons are united.

    Polygons that cross themselves are repaired. A file without a coordinate system is taken as EPSG:4326 if
    its numbers can be degrees.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read, holds several layers and none is named, holds no polygon, or has
        no usable coordinate system.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(Fault("region-file-missing", file=str(path)))
    check_file(path, SUFFIXES)
    found = read_vector(path, layer)
    if layer is None and found.others:
        names = ", ".join([found.name, *found.others][:12])
        raise InputError(Fault("region-file-layers", file=str(path), values={"names": names}))
    if found.faults:
        raise InputError(found.faults)
    if found.geometry is None or found.geometry.isna().all():
        raise InputError(Fault("region-file-no-polygon", file=str(path)))
    polygon = _united(found.geometry.dropna(), str(path))
    return Region(polygon, halo_m, path.stem if name is None else name)


def _united(shapes: gpd.GeoSeries, file: str) -> BaseGeometry:
    """Unite the polygons among shapes, in EPSG:4326; without a CRS they are in it if their numbers can be degrees."""
    degrees = (shapes if shapes.crs is None else shapes.to_crs(WGS84)).to_numpy()
    west, south, east, north = shapely.total_bounds(degrees)
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InputError(Fault("region-file-no-crs", file=file))
    if not np.isfinite(shapely.get_coordinates(degrees)).all():
        raise InputError(Fault("region-file-no-crs", file=file))
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(degrees)))
    polygons = parts[np.isin(shapely.get_type_id(parts), [3, 6])]
    if not len(polygons):
        raise InputError(Fault("region-file-no-polygon", file=file))
    return shapely.union_all(polygons)
