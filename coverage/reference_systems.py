"""Coordinate systems that layers are written in: which codes can be used at all, and which hold a place."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from pydantic_core import PydanticCustomError
from pyproj import CRS, Transformer

from .errors import Fault, InputError
from .units import WGS84

CGCS2000 = "EPSG:4490"
_ROUND_TRIP_DEG = 1e-7
_MARGIN_DEG = 6.0
"""How far outside its area of use a system may be asked for: a province is wider than a 3-degree zone."""


def plane_code(code: object) -> str:
    """EPSG code of a system with two axes, as PROJ writes it.

    Raises
    ------
    PydanticCustomError
        If there is no such code, or the system is of heights alone, geocentric or in space: no map is drawn in it.

    Examples
    --------
    >>> plane_code("epsg:5325"), plane_code(4547)
    ('EPSG:5325', 'EPSG:4547')
    """
    number = str(code).strip().upper().removeprefix("EPSG:").strip()
    try:
        system = CRS.from_epsg(int(number))
    except Exception as error:  # PROJ has an error of its own for each way not to know a code
        raise PydanticCustomError("crs_unknown", "no such coordinate system") from error
    if not (system.is_geographic or system.is_projected) or len(system.axis_info) != 2:
        raise PydanticCustomError("crs_plane", "no coordinate system of a map")
    return f"EPSG:{int(number)}"


def check_crs(crs: str, bounds: Iterable[float], *, file: str = "") -> None:
    """Refuse a CRS that is not meant for ``bounds`` (west, south, east, north in degrees), nor nearly.

    ``file`` is the one that asks for it, which the fault names. Degrees of WGS 84 and CGCS2000 hold every place.

    Raises
    ------
    InputError
        ``crs-unknown``, or ``crs-too-far``.
    """
    if crs in (WGS84, CGCS2000):
        return
    try:
        there = Transformer.from_crs(degrees_of(crs), crs, always_xy=True)
    except Exception as error:
        raise InputError(Fault("crs-unknown", file=file, value=crs)) from error
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
        raise InputError(Fault("crs-too-far", file=file, value=crs, values={"where": where}))


@cache
def degrees_of(crs: str) -> str:
    """Of EPSG:4490 and EPSG:4326 the one whose degrees lead to a system without a shift for PROJ to choose."""
    base = CRS.from_user_input(crs).geodetic_crs
    return CGCS2000 if base is not None and base.to_epsg() == 4490 else WGS84
