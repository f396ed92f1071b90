"""What is wrong or odd in a table that could be read: positions, values, duplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from ..errors import Fault
from ..schema import Length
from ..units import EARTH_RADIUS_M, M_PER_KM
from .datum import SHIFTED, FloatArray, from_wgs84, notice_datum, to_wgs84
from .headers import listed

BoolArray = npt.NDArray[np.bool_]

SHARES = ("heavy_share",)
"""Columns that hold a share of a whole: nobody can tell whether 22 is 22 % or a slip."""
USUAL: Mapping[str, tuple[float, float]] = {
    "points": (0, 1000),
    "dc_points": (0, 1000),
    "fast_points": (0, 1000),
    "point_kw": (1, 4000),
    "pool_kw": (1, 100_000),
    "class_t": (10, 500_000),
    "structure_class_t": (10, 500_000),
    "length_m": (5, 2000),
    "shore_power_kw": (1, 50_000),
    "calls_per_year": (0, 50_000),
    "hours_per_call": (0.1, 1000),
    "spaces": (1, 50_000),
    "hours": (0, 5000),
    "heavy_share": (0, 1),
}
"""Values outside are possible but odd, and reported as warnings: megawatt charging reaches 3.75 MW (MCS), the
largest ships 440 000 t."""

_MANY = 10
_NO_DEGREES = 1000.0
"""Larger numbers than this are metres, not degrees."""


def near_factor(latitude: FloatArray) -> FloatArray:
    """Metres per degree of longitude, on a sphere."""
    factor: FloatArray = np.radians(1.0) * EARTH_RADIUS_M * np.cos(np.radians(latitude))
    return factor


def distance_to(geometries: Iterable[BaseGeometry]) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """Return a function (lon, lat) -> metres to the nearest of ``geometries`` (EPSG:4326).

    Distances are straight lines on a local plane (equirectangular at the geometries' mean latitude): good to
    a percent up to some tens of kilometres, meant for noticing, not for results.
    """
    lines = np.asarray(list(geometries), dtype=object)
    if not len(lines):
        return lambda lon, lat: np.full(len(lon), np.inf)
    middle = float(np.mean(shapely.total_bounds(lines)[[1, 3]]))
    scale = np.array([float(near_factor(np.array([middle]))[0]), np.radians(1.0) * EARTH_RADIUS_M])
    flat = shapely.transform(shapely.force_2d(lines), lambda xy: xy * scale)
    tree = shapely.STRtree(flat)

    def distance_m(lon: FloatArray, lat: FloatArray) -> FloatArray:
        points = shapely.points(np.column_stack([lon, lat]) * scale)
        return np.asarray(shapely.distance(points, flat[tree.nearest(points)]), dtype=float)

    return distance_m


def notice_table_datum(
    table: gpd.GeoDataFrame,
    declared: str,
    distance_m: Callable[[FloatArray, FloatArray], FloatArray],
    veto: Callable[[FloatArray, FloatArray], FloatArray] | None = None,
) -> Fault | None:
    """Notice that the points of a table lie better under another datum than the one it was read with.

    Parameters
    ----------
    table : GeoDataFrame
        As :func:`plugspan.inputs.read_table` returns it, from one file.
    declared : str
        The datum it was read with; EPSG codes are not judged.
    distance_m : callable
        See :func:`distance_to`.
    veto : callable, optional
        See :func:`plugspan.inputs.notice_datum`.

    Returns
    -------
    Fault or None
        See :func:`plugspan.inputs.notice_datum`.
    """
    points = table.geometry[table.geometry.notna()]
    if declared.lower() not in ("wgs84", *SHIFTED) or points.empty or (points.geom_type != "Point").any():
        return None
    x, y = from_wgs84(points.x.to_numpy(), points.y.to_numpy(), declared)
    file = str(table["source"].iloc[0])
    return notice_datum(x, y, declared, distance_m, file=file, veto=veto)


_FINE_VERTICES = 10_000


# -- positions -------------------------------------------------------------------------------------------


def grown(region: BaseGeometry, halo_km: float) -> BaseGeometry:
    """``region`` (EPSG:4326) and what lies within ``halo_km`` of it, roughly (buffered in degrees).

    A border drawn finely, as a coast is, is made coarser by a hundredth of the halo, and the halo as much wider: with
    a million vertices the buffer takes half a minute, for each table.
    """
    _west, south, _east, north = region.bounds
    scale = float(near_factor(np.array([min(max(abs(south), abs(north)), 80.0)]))[0])
    wide = halo_km * M_PER_KM / scale
    if shapely.get_num_coordinates(region) > _FINE_VERTICES:
        return shapely.buffer(shapely.simplify(region, wide / 100), wide * 1.01)
    return shapely.buffer(region, wide)


def position_faults(
    x: FloatArray,
    y: FloatArray,
    datum: str,
    rows: npt.NDArray[np.int64],
    *,
    file: str,
    zone: BaseGeometry | None = None,
    far_km: float | None = None,
) -> tuple[FloatArray, FloatArray, list[Fault]]:
    """Convert positions to WGS 84 and say which can't be right.

    Parameters
    ----------
    x, y : (n,) float
        As the file has them; NaN where there is no position.
    datum : str
        See :func:`plugspan.inputs.datum.to_wgs84`.
    rows : (n,) int
        Spreadsheet rows.
    file : str
    zone : geometry, optional
        Region and halo, EPSG:4326.
    far_km : float, optional
        There is no region: ``zone`` is where there are roads, and so far around.

    Returns
    -------
    lon, lat : (n,) float
    faults : list of Fault
        Positions of 0, 0, swapped ones, impossible ones; as a warning those outside ``zone``.
    """
    lon, lat = to_wgs84(x, y, datum)
    given = np.isfinite(x) & np.isfinite(y)
    zero = given & (x == 0) & (y == 0)
    valid = _valid(lon, lat) & given & ~zero
    inside = _within(zone, lon, lat, valid)
    suspect = given & ~zero & ~(valid & inside)
    swapped = np.zeros(len(x), dtype=bool)
    if suspect.any():
        back = to_wgs84(y, x, datum)
        possible = _valid(*back) & suspect
        swapped = possible & (~valid | (_within(zone, *back, possible) if zone is not None else False))
    faults = [Fault("position-zero", file=file, row=int(r)) for r in rows[zero]]
    for i in np.flatnonzero(swapped):
        told: dict[str, Any] = {"x": float(x[i]), "y": float(y[i])}
        faults.append(Fault("position-swapped", file=file, row=int(rows[i]), values=told))
    for i in np.flatnonzero(suspect & ~valid & ~swapped):
        metres = datum.lower() in ("wgs84", *SHIFTED) and min(abs(x[i]), abs(y[i])) > _NO_DEGREES
        told = {"x": _plainly(x[i]), "y": _plainly(y[i]), "datum": datum}
        key = "position-metres" if metres else "position-impossible"
        faults.append(Fault(key, file=file, row=int(rows[i]), values=told))
    far = suspect & valid & ~swapped
    if far.any():
        values = {
            "n": int(far.sum()),
            "rows": listed(rows[far].tolist(), 20),
            "far": None if far_km is None else Length(far_km),
        }
        key = "position-outside" if far_km is None else "position-far"
        faults.append(Fault(key, file=file, values=values, warning=True))
    return lon, lat, faults


def _plainly(number: float) -> str:
    """Return a coordinate as people write it: no exponent, no more digits than it has."""
    return f"{number:.6f}".rstrip("0").rstrip(".") if abs(number) < 1e9 else f"{number:g}"


def _valid(lon: FloatArray, lat: FloatArray) -> BoolArray:
    return np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)


def _within(zone: BaseGeometry | None, lon: FloatArray, lat: FloatArray, which: BoolArray) -> BoolArray:
    if zone is None:
        return np.ones(len(lon), dtype=bool)
    found = np.zeros(len(lon), dtype=bool)
    shapely.prepare(zone)
    found[which] = shapely.intersects_xy(zone, lon[which], lat[which])
    return found


# -- values ----------------------------------------------------------------------------------------------


def value_faults(frame: pd.DataFrame, file: str, headers: Mapping[str, str]) -> list[Fault]:
    """Negative numbers and shares above 1 (faults), and odd ones (warnings), with their rows.

    Longitudes, latitudes and temperatures aside, nothing in a table may be negative.
    """
    faults, rows = [], frame["source_row"].to_list()
    for name in frame.columns:
        if name in ("lon", "lat", "source_row") or not pd.api.types.is_numeric_dtype(frame[name]):
            continue
        if pd.api.types.is_bool_dtype(frame[name]):
            continue
        number = frame[name].to_numpy(dtype=float, na_value=np.nan)
        column, (low, high) = headers.get(name, name), USUAL.get(name, (0.0, np.inf))
        for i in np.flatnonzero((number < low) | (number > high)).tolist():
            value, row = float(number[i]), rows[i]
            if value < 0:
                faults.append(Fault("value-negative", file, row, column, value))
            elif name in SHARES:
                faults.append(Fault("value-share", file, row, column, value, {"share": value / 100}))
            else:
                limits = {"low": low, "high": high}
                faults.append(Fault("value-odd", file, row, column, value, limits, warning=True))
    return faults


def part_faults(frame: pd.DataFrame, file: str, part: str, whole: str) -> list[Fault]:
    """Rows where ``part`` is more than ``whole``."""
    if part not in frame or whole not in frame:
        return []
    more = (frame[part] > frame[whole]).fillna(value=False).to_numpy(dtype=bool)
    rows, parts, wholes = (frame[c].to_list() for c in ("source_row", part, whole))
    faults = []
    for i in np.flatnonzero(more).tolist():
        values = {"part": part, "whole": whole, "total": wholes[i]}
        faults.append(Fault("part-over-whole", file, rows[i], part, parts[i], values))
    return faults


PARTS = (
    ("dc_points", "points"),
    ("fast_points", "points"),
    ("ready_spaces", "spaces"),
    ("charging_spaces", "spaces"),
    ("connected_calls", "calls_per_year"),
)


# -- duplicates ------------------------------------------------------------------------------------------


def duplicate_id_faults(frame: pd.DataFrame, file: str) -> list[Fault]:
    """Ids used by more than one row."""
    faults = []
    again = (frame["id"].notna() & frame["id"].duplicated(keep=False)).to_numpy(bool)
    for value, group in frame.loc[again, ["id", "source_row"]].groupby("id", sort=True):
        rows = group["source_row"].tolist()
        faults.append(Fault("id-twice", file=file, row=rows[1], value=value, values={"rows": listed(rows)}))
    return faults


def _digests(frame: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """(n,) number that rows alike in all columns share: compared in the place of 20 columns of texts."""
    total = np.zeros(len(frame), np.uint64)
    for name in frame.columns:
        total = total * np.uint64(1_000_003) + pd.util.hash_array(pd.factorize(frame[name])[0])
    return total


def duplicate_place_faults(frame: gpd.GeoDataFrame, file: str, describing: Sequence[str]) -> list[Fault]:
    """Rows that agree in position (to 1e-4°, about 10 m) and in all ``describing`` columns: one warning."""
    here = (frame.geometry.notna() & ~frame.geometry.is_empty).to_numpy()
    if not here.any() or (frame.geometry[here].geom_type != "Point").any():
        return []
    near = pd.DataFrame({"x": frame.geometry.x.round(4), "y": frame.geometry.y.round(4)})
    near["all"] = _digests(frame[list(describing)])
    again = here & near.duplicated(keep=False).to_numpy()
    placed = frame[again]
    if placed.empty:
        return []
    keys = pd.DataFrame({c: placed[c].astype(object).where(placed[c].notna(), "") for c in describing})
    keys["_x"], keys["_y"] = placed.geometry.x.round(4), placed.geometry.y.round(4)
    twice = keys.duplicated(keep=False)
    if not twice.any():
        return []
    groups = placed["source_row"][twice].groupby([keys.loc[twice, c] for c in keys.columns]).agg(list)
    shown = ["+".join(map(str, rows[:_MANY])) for rows in sorted(groups)]
    values: dict[str, Any] = {"n": len(groups), "rows": listed(shown, 20)}
    return [Fault("place-twice", file=file, values=values, warning=True)]
