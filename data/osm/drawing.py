"""Drawing schematic roads: smooth bends through given points, parallel carriageways, common nodes.

Everything happens on a plane in metres around the middle of the sample; only lengths that must be true are
measured on the ellipsoid. All bends come from sines whose phases hang on the road's name: no random numbers.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Geod

Array = npt.NDArray[np.float64]
GEOD = Geod(ellps="WGS84")
ORIGIN = np.array([113.5, 27.05])
SCALE = np.array([6_378_137.0 * np.cos(np.radians(27.05)), 6_362_900.0]) * np.pi / 180
"""Metres per degree of longitude and latitude, near enough for drawing."""
STEP_M, KEEP_M, SNAP_M = 60.0, 2.5, 1.0
BENDS = ((9000.0, 260.0), (4200.0, 130.0), (1900.0, 60.0), (900.0, 22.0))
"""Wavelength and amplitude of the bends of an ordinary road, metres; a motorway takes the first two."""


@dataclass(frozen=True)
class Line:
    """One line with its tags, on the plane."""

    id: str
    xy: Array
    tags: dict[str, str] = field(default_factory=dict)
    kind: str = "surface"

    def with_xy(self, xy: Array) -> Line:
        """Return the same line with other vertices."""
        return replace(self, xy=xy)

    @property
    def shape(self) -> shapely.LineString:
        """The line as a geometry."""
        return shapely.LineString(self.xy)


def to_plane(lonlat: Array) -> Array:
    """Degrees to metres on the plane."""
    return (np.asarray(lonlat, dtype=float) - ORIGIN) * SCALE


def to_degrees(xy: Array) -> Array:
    """Metres on the plane to degrees, rounded as OSM stores them."""
    return np.round(np.asarray(xy) / SCALE + ORIGIN, 7)


def length_m(xy: Array) -> float:
    """Geodesic length."""
    lonlat = np.asarray(xy) / SCALE + ORIGIN
    return float(GEOD.line_length(lonlat[:, 0], lonlat[:, 1]))


def phase(name: str) -> float:
    """Return an angle that hangs on ``name`` alone."""
    return zlib.crc32(name.encode()) / 2**32 * 2 * np.pi


# -- bends -----------------------------------------------------------------------------------------------


def spline(points: Array, before: Array | None = None, after: Array | None = None) -> list[Array]:
    """Centripetal Catmull-Rom through ``points``: one dense leg between each two neighbours.

    ``before`` and ``after`` are points the road comes from and goes on to.
    """
    if len(points) == 2 and before is None and after is None:
        return [_dense(points)]
    first = 2 * points[0] - points[1] if before is None else before
    last = 2 * points[-1] - points[-2] if after is None else after
    p = np.vstack([first, points, last])
    return [_leg(p[i : i + 4]) for i in range(len(p) - 3)]


def _dense(ends: Array) -> Array:
    n = max(int(np.ceil(np.hypot(*(ends[1] - ends[0])) / STEP_M)), 1)
    return ends[0] + np.linspace(0.0, 1.0, n + 1)[:, None] * (ends[1] - ends[0])


def _leg(p: Array) -> Array:
    t = np.concatenate([[0.0], np.cumsum(np.sqrt(np.maximum(np.hypot(*np.diff(p, axis=0).T), 1e-9)))])
    n = max(int(np.ceil(np.hypot(*(p[2] - p[1])) / STEP_M)), 1)
    u = np.linspace(t[1], t[2], n + 1)[:, None]
    a = [((t[i + 1] - u) * p[i] + (u - t[i]) * p[i + 1]) / (t[i + 1] - t[i]) for i in range(3)]
    b = [((t[i + 2] - u) * a[i] + (u - t[i]) * a[i + 1]) / (t[i + 2] - t[i]) for i in range(2)]
    curve: Array = ((t[2] - u) * b[0] + (u - t[1]) * b[1]) / (t[2] - t[1])
    curve[0], curve[-1] = p[1], p[2]
    return curve


def normals(xy: Array) -> Array:
    """Return unit normals to the right of the drawing direction, one per vertex."""
    d = np.gradient(xy, axis=0) if len(xy) > 2 else np.repeat(np.diff(xy, axis=0), 2, axis=0)
    d = d / np.maximum(np.hypot(d[:, 0], d[:, 1]), 1e-9)[:, None]
    return np.column_stack([d[:, 1], -d[:, 0]])


def chainage(xy: Array) -> Array:
    """Distance from the first vertex along the line, on the plane."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])


def bend(leg: Array, name: str, strength: float, terms: int) -> Array:
    """Push a leg sideways by sines that vanish at its ends."""
    s = chainage(leg)
    ends = np.clip(np.minimum(s, s[-1] - s) / 1200.0, 0.0, 1.0)
    taper = ends * ends * (3 - 2 * ends)
    push = sum(a * np.sin(2 * np.pi * s / w + phase(f"{name}{w}")) for w, a in BENDS[:terms])
    return leg + normals(leg) * (strength * taper * push)[:, None]


def course(legs: list[Array], name: str, strength: float, terms: int, target_m: float | None = None) -> Array:
    """Bent line along ``legs``; with ``target_m`` the bends are as strong as that length needs.

    Raises
    ------
    ValueError
        If the line is longer than ``target_m`` already, or far too short for it.
    """

    def draw(by: float) -> Array:
        bent = [bend(leg, f"{name}{i}", by, terms) for i, leg in enumerate(legs)]
        bent = [shapely.get_coordinates(shapely.simplify(shapely.LineString(b), KEEP_M)) for b in bent]
        return np.vstack([bent[0], *(b[1:] for b in bent[1:])])

    if target_m is None:
        return draw(strength)
    low, high = 0.0, 6.0
    if not length_m(draw(low)) <= target_m <= length_m(draw(high)):
        reached = f"{length_m(draw(low)):.0f} to {length_m(draw(high)):.0f} m"
        raise ValueError(f"{name}: {target_m:.0f} m cannot be reached, only {reached}")
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if length_m(draw(middle)) < target_m else (low, middle)
    return draw(high)


def beside(xy: Array, offset_m: float, taper_m: float = 0.0) -> Array:
    """Parallel line to the right, with ``taper_m`` growing from nothing at both ends."""
    s = chainage(xy)
    if taper_m:
        xy = np.vstack(
            [
                xy[0],
                point_at(xy, taper_m),
                xy[(s > taper_m) & (s < s[-1] - taper_m)],
                point_at(xy, s[-1] - taper_m),
                xy[-1],
            ]
        )
        s = chainage(xy)
    grow = np.clip(np.minimum(s, s[-1] - s) / taper_m, 0.0, 1.0) if taper_m else np.ones(len(s))
    return xy + normals(xy) * (offset_m * grow)[:, None]


def point_at(xy: Array, at_m: float) -> Array:
    """Point at a distance along the line."""
    s = chainage(xy)
    return np.array([np.interp(at_m, s, xy[:, 0]), np.interp(at_m, s, xy[:, 1])])


def heading_at(xy: Array, at_m: float) -> Array:
    """Return the drawing direction at a distance along the line."""
    d = point_at(xy, at_m + 20.0) - point_at(xy, at_m - 20.0)
    return d / np.hypot(*d)


def insert_at(xy: Array, at_m: float) -> tuple[Array, Array]:
    """Line with a vertex at a distance along it, and that vertex; one that is near enough is taken."""
    s = chainage(xy)
    near = int(np.argmin(np.abs(s - at_m)))
    if abs(s[near] - at_m) <= SNAP_M:
        return xy, xy[near]
    point = point_at(xy, at_m)
    return np.insert(xy, int(np.searchsorted(s, at_m)), point, axis=0), point


def split_at(xy: Array, cuts_m: list[float]) -> list[Array]:
    """Pieces of a line between the given distances along it."""
    for cut in cuts_m:
        xy, _ = insert_at(xy, cut)
    s = chainage(xy)
    marks = sorted({int(np.argmin(np.abs(s - cut))) for cut in cuts_m} - {0, len(xy) - 1})
    bounds = [0, *marks, len(xy) - 1]
    return [xy[a : b + 1] for a, b in pairwise(bounds)]


def curve(start: Array, control: Array, end: Array, n: int = 9) -> Array:
    """Quadratic Bézier curve."""
    t = np.linspace(0.0, 1.0, n)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end


# -- common nodes ----------------------------------------------------------------------------------------


def node_lines(lines: list[Line]) -> list[Line]:
    """Give lines that cross a common vertex there."""
    shapes = np.array([line.shape for line in lines], dtype=object)
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    wanted: dict[int, list[Array]] = {}
    for i, j in sorted((a, b) for a, b in zip(left.tolist(), right.tolist(), strict=True) if a < b):
        for point in shapely.get_coordinates(shapely.intersection(shapes[i], shapes[j])):
            place = _snapped(point, lines[i].xy, lines[j].xy)
            wanted.setdefault(i, []).append(place)
            wanted.setdefault(j, []).append(place)
    return [line.with_xy(with_vertices(line.xy, wanted.get(i, []))) for i, line in enumerate(lines)]


def _snapped(point: Array, *lines: Array) -> Array:
    """Return the nearest vertex of the lines within reach, else the point itself."""
    for xy in lines:
        off = np.hypot(*(xy - point).T)
        if off.min() <= SNAP_M:
            return xy[int(np.argmin(off))]
    return point


def with_vertices(xy: Array, places: list[Array]) -> Array:
    """Insert vertices where they lie along the line; those it has already are left."""
    xy = xy.copy()
    shape = shapely.LineString(xy)
    closed = bool(np.allclose(xy[0], xy[-1]))
    s, extra = chainage(xy), {}
    for place in places:
        off = np.hypot(*(xy - place).T)
        if off.min() <= SNAP_M:
            k = int(np.argmin(off))
            xy[k] = place
            if closed and k in (0, len(xy) - 1):
                xy[0] = xy[-1] = place
            continue
        extra[round(float(shape.project(shapely.Point(place))), 3)] = place
    at = np.array(sorted(extra))
    if not len(at):
        return xy
    merged = np.concatenate([s, at])
    return np.vstack([xy, [extra[a] for a in at]])[np.argsort(merged, kind="stable")]
