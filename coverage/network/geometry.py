"""Lengths of very many short steps on the ellipsoid, and plane coordinates in which angles are true."""

from __future__ import annotations

import numpy as np

from ..units import EARTH_RADIUS_M, GEOD
from .graph import FloatArray, IntArray, RoadGraph

CHORD_LIMIT_M = 10_000.0
"""Steps whose chord is longer are measured by pyproj."""
_RADIUS_M = 6_367_000.0
_A_M = GEOD.a
_E2 = GEOD.es


def earth_centred(xy: FloatArray) -> FloatArray:
    """Earth-centred coordinates (3, n) in metres of points (n, 2) in degrees on the WGS 84 ellipsoid."""
    lon, lat = np.radians(xy[:, 0]), np.radians(xy[:, 1])
    sin_lat, cos_lat = np.sin(lat), np.cos(lat)
    normal_m = _A_M / np.sqrt(1.0 - _E2 * sin_lat * sin_lat)
    across = normal_m * cos_lat
    return np.stack([across * np.cos(lon), across * np.sin(lon), normal_m * (1.0 - _E2) * sin_lat])


def step_lengths_m(xy: FloatArray, start: IntArray, end: IntArray) -> FloatArray:
    """Geodesic lengths (s,) in metres of the steps ``xy[start] -> xy[end]``.

    Parameters
    ----------
    xy : (n, 2) float64
        Longitude, latitude, EPSG:4326.
    start, end : (s,) int
        Positions in ``xy``.
    """
    centred = earth_centred(xy)
    square = np.zeros(len(start))
    for axis in centred:
        difference = axis[end]
        difference -= axis[start]
        difference *= difference
        square += difference
    chord = np.sqrt(square)
    length_m = chord + chord * square / (24.0 * _RADIUS_M**2)
    far = np.flatnonzero(chord > CHORD_LIMIT_M)
    if len(far):
        a, b = xy[start[far]], xy[end[far]]
        length_m[far] = GEOD.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])[2]
    return length_m


def sums(group: IntArray, values: FloatArray, n: int) -> FloatArray:
    """(n,) sum of the values of each group."""
    total: FloatArray = np.bincount(group, weights=values, minlength=n).astype(np.float64)
    return total


def line_lengths_m(xy: FloatArray, ptr: IntArray) -> FloatArray:
    """Geodesic lengths (l,) in metres of the lines ``xy[ptr[i]:ptr[i + 1]]``; 0 below two vertices."""
    n = len(xy)
    if n < 2:
        return np.zeros(len(ptr) - 1)
    index = np.arange(n)
    steps = step_lengths_m(xy, index[:-1], index[1:])
    line = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
    inner = line[:-1] == line[1:]
    return sums(line[:-1][inner], steps[inner], len(ptr) - 1)


# -- plane coordinates in which angles are true ----------------------------------------------------------


LEG_M = 2000.0
"""Longest straight leg that is taken as it is."""


def mercator(xy: FloatArray) -> FloatArray:
    """Project longitude, latitude to spherical Mercator, metres at the equator.

    Mercator is conformal: angles are true, and distances near a place are true times ``1 / cos(latitude)``.
    """
    rad = np.radians(np.asarray(xy, dtype=np.float64))
    x, y = rad[..., 0], np.arcsinh(np.tan(rad[..., 1]))
    return np.asarray(EARTH_RADIUS_M * np.stack([x, y], axis=-1), dtype=np.float64)


def unmercator(xy: FloatArray) -> FloatArray:
    """Longitude, latitude of spherical Mercator coordinates; the inverse of :func:`mercator`."""
    xy = np.asarray(xy, dtype=np.float64) / EARTH_RADIUS_M
    found = np.degrees(np.stack([xy[..., 0], np.arctan(np.sinh(xy[..., 1]))], axis=-1))
    return np.asarray(found, dtype=np.float64)


def ground_scale(y: FloatArray | float) -> FloatArray:
    """Metres on the ground per metre of Mercator, at Mercator ``y``."""
    return np.array(1.0 / np.cosh(np.asarray(y) / EARTH_RADIUS_M), dtype=np.float64)


def ground_steps(lonlat: FloatArray) -> FloatArray:
    """Length of each step between neighbouring points, metres on WGS 84; the first is 0."""
    at = np.arange(len(lonlat))
    return np.concatenate([np.zeros(min(1, len(lonlat))), step_lengths_m(lonlat, at[:-1], at[1:])])


def dense_lines(graph: RoadGraph) -> tuple[FloatArray, IntArray]:
    """Vertices of all segments with more on legs longer than ``LEG_M``, straight in longitude and latitude.

    On such legs lengths on the ground and on a map run in step; most road data have none that long.

    Returns
    -------
    xy : (c, 2) float64
        Longitude, latitude.
    ptr : (s + 1,) int64
        As ``graph.seg_ptr``.
    """
    xy, ptr = graph.xy, graph.seg_ptr
    leg = ground_steps(xy)
    leg[ptr[:-1]] = 0.0
    parts = np.maximum(np.ceil(leg / LEG_M), 1.0).astype(np.int64)
    if (parts == 1).all():
        return xy, ptr
    row = np.repeat(np.arange(len(xy)), parts)
    step = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts) + 1
    share = (step / parts[row])[:, None]
    before = xy[np.maximum(row - 1, 0)]
    dense = np.where(share == 1.0, xy[row], before + share * (xy[row] - before))
    return dense, np.concatenate([[0], np.cumsum(parts)])[ptr]
