"""Plane coordinates in which angles are true."""

from __future__ import annotations

import numpy as np

from ...units import EARTH_RADIUS_M
from ..geodesic import step_lengths_m
from ..graph import FloatArray


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
    return np.degrees(np.stack([xy[..., 0], np.arctan(np.sinh(xy[..., 1]))], axis=-1))


def ground_scale(y: FloatArray | float) -> FloatArray:
    """Metres on the ground per metre of Mercator, at Mercator ``y``."""
    return np.array(1.0 / np.cosh(np.asarray(y) / EARTH_RADIUS_M), dtype=np.float64)


def ground_steps(lonlat: FloatArray) -> FloatArray:
    """Length of each step between neighbouring points, metres on WGS 84; the first is 0."""
    at = np.arange(len(lonlat))
    return np.concatenate([np.zeros(min(1, len(lonlat))), step_lengths_m(lonlat, at[:-1], at[1:])])
