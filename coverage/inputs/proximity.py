"""Pairs of points that are near each other on the ground."""

from __future__ import annotations

from itertools import combinations

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay, QhullError, cKDTree

from ..errors import Fault, InputError
from ..units import EARTH_RADIUS_M, GEOD

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Pairs = tuple[IntArray, IntArray, FloatArray]

# The sphere differs from the ellipsoid by less than 1 %, so candidates are sought a little further out.
_MARGIN = 1.01


MOST_PAIRS = 5_000_000
"""Pairs at most, about 0.6 GB: 100 000 places that lie within reach of each other would make 5 000 million."""


CROWD_PAIRS = 500_000
"""From so many pairs on places are linked through few of them; see :func:`near_links`."""


def near_pairs(points: gpd.GeoSeries, reach_m: float, *, few: bool = False) -> Pairs:
    """Pairs i < j of points (EPSG:4326) within ``reach_m`` of each other, and their geodesic distance.

    ``few`` says that they have been counted; see :func:`is_crowd`.

    Raises
    ------
    InputError
        If there are more than :data:`MOST_PAIRS`, with the place where most of them are.
    """
    tree = cKDTree(_ball(points))
    if not few:
        _check_crowd(points, tree, tree, reach_m)
    found = tree.query_pairs(reach_m * _MARGIN, output_type="ndarray").astype(np.int64)
    return _within(points, points, found[:, 0], found[:, 1], reach_m)


def is_crowd(points: gpd.GeoSeries, reach_m: float, most: int = CROWD_PAIRS) -> bool:
    """Whether more than ``most`` pairs of points lie within reach of each other."""
    tree = cKDTree(_ball(points))
    return _crowded(tree, tree, reach_m, most)


def _crowded(tree: cKDTree, other: cKDTree, reach_m: float, most: int) -> bool:
    pairs = 0  # counted some at a time: to count all 5 000 million would take a minute
    for at in range(0, tree.n, 200):
        pairs += int(np.sum(other.query_ball_point(tree.data[at : at + 200], reach_m, return_length=True)))
        if pairs > 2 * most:
            return True
    return False


def near_links(points: gpd.GeoSeries, reach_m: float) -> Pairs:
    """Some of the pairs of :func:`near_pairs`: as few as link the same points with each other, through others.

    Of a Delaunay triangulation, which holds the shortest tree through all points, the edges within reach. The plane is
    Mercator's, which is true to shape wherever points are near each other.
    """
    x, y = np.radians(points.x.to_numpy()), np.arctanh(np.sin(np.radians(points.y.to_numpy())))
    places, first, back = np.unique(np.column_stack([x, y]), axis=0, return_index=True, return_inverse=True)
    twins = np.flatnonzero(first[back.ravel()] != np.arange(len(x)))
    edges = [np.column_stack([first[back.ravel()[twins]], twins])]
    if 2 <= len(places) <= 3:
        edges.append(first[np.array(list(combinations(range(len(places)), 2)))])
    elif len(places) > 3:
        try:
            found = Delaunay(places - places.mean(axis=0))
            edges += [first[found.simplices[:, pair]] for pair in ([0, 1], [1, 2], [0, 2])]
            edges.append(first[found.coplanar[:, [0, 2]]])
        except QhullError:  # all on one line
            along = first[np.lexsort(places.T)]
            edges.append(np.column_stack([along[:-1], along[1:]]))
    pairs = np.unique(np.sort(np.concatenate(edges).astype(np.int64), axis=1), axis=0)
    return _within(points, points, pairs[:, 0], pairs[:, 1], reach_m)


def nearest_between(left: gpd.GeoSeries, right: gpd.GeoSeries, reach_m: float, k: int = 4) -> Pairs:
    """Pairs of each point of ``left`` and its ``k`` nearest of ``right`` within reach."""
    k_each = range(1, min(k, len(right)) + 1)
    found = cKDTree(_ball(right)).query(_ball(left), k=list(k_each), distance_upper_bound=reach_m * _MARGIN)
    near = np.asarray(found[1])
    i, at = np.nonzero(near < len(right))
    return _within(left, right, i.astype(np.int64), near[i, at].astype(np.int64), reach_m)


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
    if not _crowded(tree, other, reach_m, MOST_PAIRS):
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
