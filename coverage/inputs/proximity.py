"""Pairs of points that are near each other on the ground."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from ..errors import Fault, InputError
from ..units import EARTH_RADIUS_M, GEOD

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Pairs = tuple[IntArray, IntArray, FloatArray]

# The sphere differs from the ellipsoid by less than 1 %, so candidates are sought a little further out.
_MARGIN = 1.01


MOST_PAIRS = 5_000_000
"""Pairs at most, about 0.6 GB: 100 000 places that lie within reach of each other would make 5 000 million."""


def near_pairs(points: gpd.GeoSeries, reach_m: float) -> Pairs:
    """Pairs i < j of points (EPSG:4326) within ``reach_m`` of each other, and their geodesic distance.

    Raises
    ------
    InputError
        If there are more than :data:`MOST_PAIRS`, with the place where most of them are.
    """
    tree = cKDTree(_ball(points))
    _check_crowd(points, tree, tree, reach_m)
    found = tree.query_pairs(reach_m * _MARGIN, output_type="ndarray").astype(np.int64)
    return _within(points, points, found[:, 0], found[:, 1], reach_m)


def pairs_between(left: gpd.GeoSeries, right: gpd.GeoSeries, reach_m: float) -> Pairs:
    """Pairs of a point of ``left`` and one of ``right`` within ``reach_m``, in order, and their distance.

    Raises
    ------
    InputError
        As :func:`near_pairs`.
    """
    tree, other = cKDTree(_ball(left)), cKDTree(_ball(right))
    _check_crowd(left, tree, other, reach_m)
    near = tree.query_ball_tree(other, reach_m * _MARGIN)
    i = np.repeat(np.arange(len(left)), [len(found) for found in near])
    j = np.array([k for found in near for k in sorted(found)], dtype=np.int64)
    return _within(left, right, i.astype(np.int64), j, reach_m)


def _check_crowd(points: gpd.GeoSeries, tree: cKDTree, other: cKDTree, reach_m: float) -> None:
    """Refuse points that crowd: they were copied, or lost their own positions."""
    pairs = 0  # counted some at a time: to count all 5 000 million would take a minute
    for at in range(0, tree.n, 200):
        pairs += int(np.sum(other.query_ball_point(tree.data[at : at + 200], reach_m, return_length=True)))
        if pairs > 2 * MOST_PAIRS:
            break
    else:
        return
    # The most crowded of a thousand points stands for the place.
    some = np.unique(np.linspace(0, tree.n - 1, 1000).astype(np.int64))
    crowds = np.asarray(other.query_ball_point(tree.data[some], reach_m, return_length=True))
    at = int(np.argmax(crowds))
    place = points.iloc[int(some[at])]
    values = {
        "n": int(crowds[at]),
        "reach": f"{reach_m:g}",
        "lon": round(place.x, 5),
        "lat": round(place.y, 5),
    }
    raise InputError(Fault("places-crowded", values=values))


def _ball(points: gpd.GeoSeries) -> FloatArray:
    return on_ball(points.x.to_numpy(), points.y.to_numpy())


def on_ball(lon: FloatArray, lat: FloatArray) -> FloatArray:
    """(n, 3) points on a sphere, metres, of degrees."""
    a, b = np.radians(lon), np.radians(lat)
    return EARTH_RADIUS_M * np.column_stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])


def _within(left: gpd.GeoSeries, right: gpd.GeoSeries, i: IntArray, j: IntArray, reach_m: float) -> Pairs:
    x, y, u, v = left.x.to_numpy()[i], left.y.to_numpy()[i], right.x.to_numpy()[j], right.y.to_numpy()[j]
    distance_m = np.asarray(GEOD.inv(x, y, u, v)[2], dtype=float)
    keep = distance_m <= reach_m
    return i[keep], j[keep], distance_m[keep]
