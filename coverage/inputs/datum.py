"""Coordinates of Chinese map services, and any EPSG code, to WGS 84.

GCJ-02 (Amap, Tencent) shifts a point by up to some 700 m; BD-09 (Baidu) shifts it once more. The formulas are
the ones that circulate publicly (sine series on the Krasovsky 1940 ellipsoid); inverses are iterated until
the forward formula gives the point back within 1e-11 degrees. By convention points outside the rectangle
72.004–137.8347° E, 0.8293–55.8271° N are not shifted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from ..errors import Fault, InputError

FloatArray = npt.NDArray[np.float64]
Shift = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]

SHIFTED = ("gcj02", "bd09")
_KRASOVSKY_A_M = 6_378_245.0
_KRASOVSKY_E2 = 0.006_693_421_622_965_943_23
_CHINA = (72.004, 0.8293, 137.8347, 55.8271)
_BD = np.pi * 3000.0 / 180.0
_TOLERANCE_DEG = 1e-11
JUDGED_M = 1_500.0
"""Points that come no nearer than this to what they should lie on say nothing of their datum (BD-09 is 1.2 km off)."""


def _in_china(lon: FloatArray, lat: FloatArray) -> npt.NDArray[np.bool_]:
    west, south, east, north = _CHINA
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def _waves(t: FloatArray, first: FloatArray, lows: tuple[float, float]) -> FloatArray:
    """Sum of the sine terms shared by both directions."""
    series: FloatArray = (20.0 * np.sin(6.0 * first * np.pi) + 20.0 * np.sin(2.0 * first * np.pi)) * 2 / 3
    series += (20.0 * np.sin(t * np.pi) + 40.0 * np.sin(t / 3.0 * np.pi)) * 2 / 3
    series += (lows[0] * np.sin(t / 12.0 * np.pi) + lows[1] * np.sin(t / 30.0 * np.pi)) * 2 / 3
    return series


def wgs84_to_gcj02(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shift WGS 84 degrees (arrays of any one shape) to GCJ-02."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + _waves(y, x, (160.0, 320.0))
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + _waves(x, x, (150.0, 300.0))
    sin_lat = np.sin(np.radians(lat))
    magic = 1.0 - _KRASOVSKY_E2 * sin_lat * sin_lat
    meridian = _KRASOVSKY_A_M * (1.0 - _KRASOVSKY_E2) / (magic * np.sqrt(magic))
    parallel = _KRASOVSKY_A_M / np.sqrt(magic) * np.cos(np.radians(lat))
    inside = _in_china(lon, lat)
    return (
        np.where(inside, lon + np.degrees(d_lon / parallel), lon),
        np.where(inside, lat + np.degrees(d_lat / meridian), lat),
    )


def gcj02_to_bd09(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shift GCJ-02 degrees to BD-09."""
    radius = np.hypot(lon, lat) + 0.000_02 * np.sin(lat * _BD)
    angle = np.arctan2(lat, lon) + 0.000_003 * np.cos(lon * _BD)
    inside = _in_china(lon, lat)
    return (
        np.where(inside, radius * np.cos(angle) + 0.0065, lon),
        np.where(inside, radius * np.sin(angle) + 0.006, lat),
    )


def _inverse(forward: Shift, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Point that ``forward`` shifts to (lon, lat), by fixed-point iteration (shifts are smooth)."""
    x, y = lon.copy(), lat.copy()
    inside = _in_china(lon, lat)
    for _ in range(60):
        fx, fy = forward(x, y)
        dx, dy = np.where(inside, lon - fx, 0.0), np.where(inside, lat - fy, 0.0)
        x, y = x + dx, y + dy
        if not len(dx) or max(np.abs(dx).max(), np.abs(dy).max()) < _TOLERANCE_DEG:
            break
    return x, y


def gcj02_to_wgs84(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shift GCJ-02 degrees back to WGS 84 (to within 1e-9°, a tenth of a millimetre)."""
    return _inverse(wgs84_to_gcj02, np.atleast_1d(lon), np.atleast_1d(lat))


def bd09_to_wgs84(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shift BD-09 degrees back to WGS 84."""
    return gcj02_to_wgs84(*_inverse(gcj02_to_bd09, np.atleast_1d(lon), np.atleast_1d(lat)))


def to_wgs84(x: npt.ArrayLike, y: npt.ArrayLike, datum: str) -> tuple[FloatArray, FloatArray]:
    """Longitude and latitude in WGS 84 of coordinates in ``datum``.

    Parameters
    ----------
    x, y : (n,) array_like
        Longitude and latitude in degrees, or easting and northing if ``datum`` is a projected system.
        NaN stays NaN.
    datum : str
        ``"wgs84"``, ``"gcj02"``, ``"bd09"`` or ``"EPSG:4547"`` and the like.

    Raises
    ------
    InputError
        If there is no such datum.
    """
    x, y = np.array(x, dtype=float, ndmin=1), np.array(y, dtype=float, ndmin=1)
    name = datum.strip().lower().replace("-", "")
    if name in ("wgs84", "epsg:4326"):
        return x, y
    finite = np.isfinite(x) & np.isfinite(y)
    lon, lat = np.full_like(x, np.nan), np.full_like(y, np.nan)
    if name in SHIFTED:
        shift = gcj02_to_wgs84 if name == "gcj02" else bd09_to_wgs84
        lon[finite], lat[finite] = shift(x[finite], y[finite])
        return lon, lat
    transformer = Transformer.from_crs(parse_crs(datum), "EPSG:4326", always_xy=True)
    lon[finite], lat[finite] = transformer.transform(x[finite], y[finite])
    lost = ~(np.isfinite(lon) & np.isfinite(lat))
    lon[lost], lat[lost] = np.nan, np.nan
    return lon, lat


def from_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike, datum: str) -> tuple[FloatArray, FloatArray]:
    """Coordinates in ``wgs84``, ``gcj02`` or ``bd09`` of WGS 84 degrees: the inverse of :func:`to_wgs84`.

    Raises
    ------
    ValueError
        For any other datum.
    """
    x, y = np.array(lon, dtype=float, ndmin=1), np.array(lat, dtype=float, ndmin=1)
    name = datum.lower()
    if name not in ("wgs84", *SHIFTED):
        raise ValueError(f"{datum} is none of wgs84, gcj02, bd09")
    if name != "wgs84":
        x, y = wgs84_to_gcj02(x, y)
    return gcj02_to_bd09(x, y) if name == "bd09" else (x, y)


def parse_crs(datum: str) -> CRS:
    """Return the coordinate system of an EPSG code.

    Raises
    ------
    InputError
        If pyproj does not know it.
    """
    try:
        return CRS.from_user_input(datum.strip().upper())
    except CRSError as error:
        raise InputError(Fault("datum-unknown", value=datum)) from error


def notice_datum(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    declared: str,
    distance_m: Callable[[FloatArray, FloatArray], FloatArray],
    *,
    file: str = "",
    veto: Callable[[FloatArray, FloatArray], FloatArray] | None = None,
) -> Fault | None:
    """Notice that points lie better if another datum is assumed for them.

    For ``wgs84``, ``gcj02`` and ``bd09`` the distance of each point to what it should lie on (roads, service
    areas) is compared with the distance under the declared datum. If one of them brings clearly most points
    closer (sign test, p < 0.01 one-sided), and halves the median distance by 50 m or more, that is reported. Only
    points that come within :data:`JUDGED_M` of it under one of the datums are judged: others say nothing, and they
    used to hide those that do. Nothing is changed.

    Parameters
    ----------
    x, y : (n,) array_like
        Coordinates as the file has them.
    declared : str
        The source's datum setting.
    distance_m : callable
        (lon, lat) in WGS 84 -> (n,) metres to the nearest thing the points should lie on; see
        :func:`plugspan.inputs.checks.distance_to`.
    file : str
        Named in the fault.
    veto : callable, optional
        The same for something else: a datum that takes the points clearly away from it is not proposed.

    Returns
    -------
    Fault or None
        A warning that names the setting to change.
    """
    if declared.lower() not in ("wgs84", *SHIFTED):
        return None
    left, up = np.array(x, dtype=np.float64, ndmin=1), np.array(y, dtype=np.float64, ndmin=1)
    keep = np.isfinite(left) & np.isfinite(up)
    left, up = left[keep], up[keep]
    by_datum = _judged(left, up, distance_m)
    against = {} if veto is None else _judged(left, up, veto)
    here = by_datum[declared.lower()]
    best: tuple[float, str, float] | None = None
    for other in ("wgs84", *SHIFTED):
        if other == declared.lower() or (
            against and _clearly_closer(against[other], against[declared.lower()])
        ):
            continue
        there = by_datum[other]
        median = float(np.median(there)) if len(there) else np.inf
        if _clearly_closer(here, there) and (best is None or median < best[0]):
            best = (median, other, float((there < here).mean()))
    if best is None:
        return None
    median, other, share = best
    values = {"declared": declared, "other": other, "share": f"{share:.0%}", "n": len(here)}
    metres = {"before_m": round(float(np.median(here))), "after_m": round(median)}
    return Fault("datum-mismatch", file=file, value=declared, values={**values, **metres}, warning=True)


def _judged(
    x: FloatArray, y: FloatArray, distance_m: Callable[[FloatArray, FloatArray], FloatArray]
) -> dict[str, FloatArray]:
    """Distances under each datum, of the points that come near under one of them."""
    found = {datum: distance_m(*to_wgs84(x, y, datum)) for datum in ("wgs84", *SHIFTED)}
    near = np.min(list(found.values()), axis=0) <= JUDGED_M
    return {datum: metres[near] for datum, metres in found.items()}


def _clearly_closer(here: FloatArray, there: FloatArray) -> bool:
    from scipy.stats import binomtest

    closer, further = int((there < here).sum()), int((there > here).sum())
    if closer <= further or binomtest(closer, closer + further, alternative="greater").pvalue >= 0.01:
        return False
    before, after = float(np.median(here)), float(np.median(there))
    return after <= before / 2 and before - after >= 50.0
