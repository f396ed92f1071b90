"""Units: what numbers mean, the Earth that lengths are measured on, and coordinates as arrays.

Every quantity carries its unit in its name (``_m``, ``_km``, ``_s``, ``_kw``, ``_t``). Inside, lengths are
metres; kilometres appear only where something is shown or written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
from pyproj import Geod

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    Frame = TypeVar("Frame", bound=pd.DataFrame)

LEAST, MOST = 1e-9, 1e15
"""No quantity of a setting or a table is larger; what is smaller is nothing. Whole numbers up to here are exact."""
WGS84 = "EPSG:4326"
GEOD = Geod(ellps="WGS84")
M_PER_KM = 1000.0
KM_PER_MILE = 1.609344
EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG) for quick spherical estimates; lengths that are reported use ``GEOD``."""


def km(length_m: float) -> float:
    """Kilometres, rounded to the metre, for tables and files."""
    return round(float(length_m) / M_PER_KM, 3)


def in_kilometres(frame: Frame) -> Frame:
    """Columns of metres (``…_m``) in kilometres (``…_km``), rounded to the metre, for tables and files.

    This and :func:`figures_in_km` are the only ways from what is measured, in metres, to what is written.

    Examples
    --------
    >>> import pandas as pd
    >>> in_kilometres(pd.DataFrame({"ref": ["G106"], "own_m": [40_000.1234]})).to_dict("records")
    [{'ref': 'G106', 'own_km': 40.0}]
    """
    metres = [str(name) for name in frame.columns if str(name).endswith("_m")]
    shown = {name: (frame[name].astype(float) / M_PER_KM).round(3) for name in metres}
    return frame.assign(**shown).rename(columns={name: f"{name.removesuffix('_m')}_km" for name in metres})


_METRES = re.compile(r"_m(?=$|_with_unknown$)")
_LIMITS = frozenset({"span_m", "reach_m"})
"""Figures that a policy sets are kept as it has them: 50 miles are 80.4672 km."""


def figures_in_km(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures in metres (``…_m``) in kilometres (``…_km``), rounded to the metre, with those of tables inside.

    Examples
    --------
    >>> figures_in_km({"gap_max_m": 40_000.1234, "span_m": 80_467.2, "by_county": [{"length_m": None}]})
    {'gap_max_km': 40.0, 'span_km': 80.4672, 'by_county': [{'length_km': None}]}
    """
    return {_METRES.sub("_km", name): _figure_in_km(name, value) for name, value in figures.items()}


def _figure_in_km(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [figures_in_km(row) if isinstance(row, Mapping) else row for row in value]
    if value is None or not _METRES.search(name):
        return value
    return float(value) / M_PER_KM if name in _LIMITS else km(value)


def compare_m(length_m: npt.ArrayLike, limit_m: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Compare lengths with limits to the millimetre: -1 shorter, 0 equal, 1 longer; NaN where a length is NaN.

    Every comparison with a span, in assessment and siting alike, goes through here. Lengths are sums and
    differences of measured ones, so that 40 km comes as 40 000.000 000 01 m, which is not longer than 40 km.

    Examples
    --------
    >>> compare_m([39_999.99, 40_000.0004, 40_000.001], 40_000.0).tolist()
    [-1.0, 0.0, 1.0]
    """
    difference = np.asarray(length_m, dtype=np.float64) - np.asarray(limit_m, dtype=np.float64)
    return np.sign(np.round(difference, 3))


def lonlat(points: gpd.GeoSeries) -> npt.NDArray[np.float64]:
    """(n, 2) longitude, latitude of points in EPSG:4326; NaN where there is no point."""
    return np.column_stack([points.x.to_numpy(float), points.y.to_numpy(float)]).reshape(-1, 2)
