"""Plane coordinates in which angles are true."""

from __future__ import annotations

import numpy as np

from ...units import EARTH_RADIUS_M
from ..geodesic import step_lengths_m
from ..graph import FloatArray, IntArray, RoadGraph

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
