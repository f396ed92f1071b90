"""People from a population raster, and many places of demand joined into few.

A raster (WorldPop, GHS-POP: people in each cell) is read piece by piece. A cell that the region's border cuts counts by
the share of its area inside, so that the sum over the region is that of the raster, whatever the size of the cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
import shapely
from pyproj import Transformer
from rasterio.windows import Window
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry
from sklearn.cluster import MiniBatchKMeans

from ..errors import Fault, InputError
from ..files import check_there
from ..schema import Length
from ..units import EARTH_RADIUS_M, M_PER_KM, WGS84, lonlat
from .bundle import Inputs
from .frames import as_table
from .headers import listed
from .schemas import DEMAND
from .sites import exists

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MOST_CELLS = 2_000_000_000
"""Cells in the region at most: China at 100 m has 1 000 million."""
CELLS_AT_ONCE = 1_000_000
MOST_BLOCKS = 100_000
"""Places that a raster becomes at most: cells are joined in squares until there are no more."""
SQUARES = 10
"""Squares along the longer side of an area whose people are spread over it."""
_SMALL_M = 2_000.0
SEED = 20250630

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Piece:
    """Some rows of a raster in the region: people of each cell, and its column and row."""

    people: FloatArray
    column: IntArray
    row: IntArray


def people_from_raster(
    path: Path, region: BaseGeometry | None, *, most: int = MOST_BLOCKS
) -> tuple[gpd.GeoDataFrame, list[Fault]]:
    """Read the people of a raster as demand.

    Parameters
    ----------
    path : Path
        GeoTIFF whose first band holds people per cell; negative numbers and those marked as no data are none.
    region : geometry, optional
        EPSG:4326; without it the whole raster.
    most : int
        Cells are joined in squares of 1, 2, 4, … until at most so many hold anybody.

    Returns
    -------
    GeoDataFrame
        Of the schema ``demand``: a row for each square with people in it, at the middle of its people.
    list of Fault
        A notice with the sum and the size of the squares.

    Raises
    ------
    InputError
        If it is no GeoTIFF with a coordinate system and upright cells, lies elsewhere, or is too large.

    Notes
    -----
    Shares of area are those in the raster's own plane, in which its cells are alike.
    """
    file = str(path)
    with _opened(path) as raster:
        area = None if region is None else _in_plane(region, raster.crs)
        window = _window(raster, area, file)
        pieces = list(_joined(_pieces(raster, window, area), most))
        to_degrees = Transformer.from_crs(raster.crs, WGS84, always_xy=True)
        cell_x, cell_y = raster.transform.a, raster.transform.e
        left, top = raster.transform.c, raster.transform.f
    size, table = pieces[-1]
    x, y = left + table["x"].to_numpy() * cell_x, top + table["y"].to_numpy() * cell_y
    lon, lat = to_degrees.transform(x, y)
    rows = [
        {
            "id": f"{path.stem}-{r}-{c}",
            "kind": "population",
            "weight": people,
            "geometry": shapely.Point(a, b),
        }
        for r, c, people, a, b in zip(table["row"], table["column"], table["people"], lon, lat, strict=True)
    ]
    total = float(table["people"].sum())
    values = {"n": len(rows), "people": f"{total:,.0f}", "cells": size}
    notes = [Fault("raster-read", file=file, values=values, warning=True)]
    return as_table(rows, DEMAND, path.name), notes


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a raster, or say why it can't be read."""
    file = str(path)
    check_there(path)
    with path.open("rb") as opened:
        if opened.read(4) not in _MAGIC:
            raise InputError(Fault("raster-foreign", file=file))
    try:
        # Neither neighbours of the file nor other drivers: a data file is data.
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED=False),
            rasterio.open(path, driver="GTiff") as raster,
        ):
            if raster.crs is None or raster.transform.b or raster.transform.d or raster.transform.e >= 0:
                raise InputError(Fault("raster-crs", file=file))
            yield raster
    except rasterio.errors.RasterioError as error:
        raise InputError(Fault("raster-broken", file=file)) from error


def with_population(
    counties: gpd.GeoDataFrame, rasters: Sequence[Path]
) -> tuple[gpd.GeoDataFrame, list[Fault]]:
    """Fill in the population of counties that have none, from rasters: the people of each cell by its share of area.

    Parameters
    ----------
    counties : GeoDataFrame
        Of the schema ``counties``; those without an area stay as they are.
    rasters : sequence of Path
        As for :func:`people_from_raster`; tiles that lie beside each other add up.

    Returns
    -------
    GeoDataFrame
        A county that reaches beyond the rasters keeps an unknown population.
    list of Fault
        A notice of how many were filled, and which were not.
    """
    lacks = (counties["population"].isna() & counties.geometry.notna()).to_numpy(bool)
    if not lacks.any() or not rasters:
        return counties, []
    people, covered = np.zeros(len(counties)), np.zeros(len(counties))
    for path in rasters:
        with _opened(path) as raster:
            extent = shapely.box(*raster.bounds)
            for k in np.flatnonzero(lacks).tolist():
                area = _in_plane(counties.geometry.iloc[k], raster.crs)
                share = shapely.intersection(area, extent).area / area.area
                if share > 0:
                    covered[k] += share
                    pieces = _pieces(raster, _window(raster, area, str(path)), area)
                    people[k] += sum(float(piece.people.sum()) for piece in pieces)
    filled = lacks & (covered > 1.0 - _SAME_SHARE)
    population = counties["population"].astype(float).mask(filled, people)
    values = {"n": int(filled.sum()), "people": f"{people[filled].sum():,.0f}"}
    notes = (
        [Fault("counties-counted", file=rasters[0].name, values=values, warning=True)] if filled.any() else []
    )
    if beyond := counties["name"][lacks & ~filled].astype(str).tolist():
        notes.append(
            Fault("counties-beyond", file=rasters[0].name, values={"names": listed(beyond)}, warning=True)
        )
    return counties.assign(population=population), notes


_SAME_SHARE = 1e-6


def _in_plane(region: BaseGeometry, crs: Any) -> BaseGeometry:
    """Region in the raster's plane; its edges are cut first, since what is straight there is not here."""
    move = Transformer.from_crs(WGS84, crs, always_xy=True)
    fine = shapely.segmentize(region, 0.01)
    return shapely.make_valid(
        shapely.transform(fine, lambda xy: np.column_stack(move.transform(xy[:, 0], xy[:, 1])))
    )


def _window(raster: Any, area: BaseGeometry | None, file: str) -> Window:
    whole = Window(0, 0, raster.width, raster.height)
    if area is not None:
        west, south, east, north = area.bounds
        t = raster.transform
        columns = np.floor((west - t.c) / t.a), np.ceil((east - t.c) / t.a)
        rows = np.floor((north - t.f) / t.e), np.ceil((south - t.f) / t.e)
        low = [
            int(np.clip(x, 0, most))
            for x, most in zip((columns[0], rows[0]), (raster.width, raster.height), strict=True)
        ]
        high = [
            int(np.clip(x, 0, most))
            for x, most in zip((columns[1], rows[1]), (raster.width, raster.height), strict=True)
        ]
        if high[0] <= low[0] or high[1] <= low[1]:
            raise InputError(Fault("raster-elsewhere", file=file))
        whole = Window(low[0], low[1], high[0] - low[0], high[1] - low[1])
    if whole.width * whole.height > MOST_CELLS:
        raise InputError(Fault("raster-too-large", file=file, values={"most": f"{MOST_CELLS:,}"}))
    return whole


def _pieces(raster: Any, window: Window, area: BaseGeometry | None) -> Iterator[_Piece]:
    """Rows of the raster, so many at a time that memory stays small, with the people inside."""
    step = max(1, CELLS_AT_ONCE // max(int(window.width), 1))
    for top in range(int(window.row_off), int(window.row_off + window.height), step):
        height = min(step, int(window.row_off + window.height) - top)
        read = raster.read(1, window=Window(window.col_off, top, window.width, height), masked=True)
        people = np.ma.filled(read.astype(np.float64), 0.0)
        people[~np.isfinite(people) | (people < 0)] = 0.0
        row, column = np.nonzero(people)
        found = people[row, column]
        column, row = column + int(window.col_off), row + top
        if area is not None:
            found = found * cell_shares(column, row, raster.transform, area)
        keep = found > 0
        yield _Piece(found[keep], column[keep].astype(np.int64), row[keep].astype(np.int64))


def cell_shares(column: IntArray, row: IntArray, transform: Any, area: BaseGeometry) -> FloatArray:
    """(n,) share of each cell's area that lies in an area of the same plane: exact at its border.

    A cell whose border the area's does not touch lies inside or outside as its middle does.
    """
    t = transform
    shapely.prepare(area)
    inside = shapely.contains_xy(area, t.c + (column + 0.5) * t.a, t.f + (row + 0.5) * t.e).astype(np.float64)
    edges = shapely.segmentize(area.boundary, min(abs(t.a), abs(t.e)))
    xy, line = shapely.get_coordinates(shapely.get_parts(edges), return_index=True)
    at = np.column_stack([(xy[:, 0] - t.c) / t.a, (xy[:, 1] - t.f) / t.e])
    joined = line[1:] == line[:-1]
    low = np.floor(np.minimum(at[1:], at[:-1])[joined] - 1e-6).astype(np.int64)
    high = np.floor(np.maximum(at[1:], at[:-1])[joined] + 1e-6).astype(np.int64)
    # A short edge lies in three columns and rows at most.
    touched = [np.minimum(low + np.array([i, j]), high) for i in range(3) for j in range(3)]
    width = int(max(column.max(initial=0), *(c[:, 0].max(initial=0) for c in touched))) + 2
    cut = np.unique(np.concatenate([c[:, 1] * width + c[:, 0] for c in touched]))
    on = np.flatnonzero(np.isin(row * width + column, cut))
    x, y = t.c + column[on] * t.a, t.f + row[on] * t.e
    boxes = shapely.box(x, y + t.e, x + t.a, y)
    inside[on] = shapely.area(shapely.intersection(boxes, area)) / shapely.area(boxes)
    return np.asarray(inside, dtype=np.float64)


def _joined(pieces: Iterator[_Piece], most: int) -> Iterator[tuple[int, pd.DataFrame]]:
    """Sums of squares of cells with the middle of their people; squares grow while there are too many."""
    size, held = 1, pd.DataFrame({"row": [], "column": [], "people": [], "x": [], "y": []})
    for piece in pieces:
        new = pd.DataFrame(
            {
                "row": piece.row // size,
                "column": piece.column // size,
                "people": piece.people,
                "x": piece.people * (piece.column + 0.5),
                "y": piece.people * (piece.row + 0.5),
            }
        )
        held = _summed(pd.concat([held, new], ignore_index=True) if len(held) else new)
        while len(held) > most:
            size *= 2
            held = _summed(held.assign(row=held["row"] // 2, column=held["column"] // 2))
    yield size, held.assign(x=held["x"] / held["people"], y=held["y"] / held["people"])


def _summed(table: pd.DataFrame) -> pd.DataFrame:
    return table.groupby(["row", "column"], sort=True, as_index=False).sum()


# -- people of areas -------------------------------------------------------------------------------------


def spread_areas(
    table: gpd.GeoDataFrame, areas: npt.NDArray[np.object_]
) -> tuple[gpd.GeoDataFrame, list[Fault]]:
    """Spread the people of areas evenly over them, instead of putting all at one place.

    Parameters
    ----------
    table : GeoDataFrame
        Of the schema ``demand``, a row each.
    areas : (n,) array of geometry or None
        EPSG:4326. Rows without an area, or with one of less than two kilometres across, stay as they are.

    Returns
    -------
    GeoDataFrame
        Areas are laid out in squares, ten along the longer side; each holds the people, and the flow, of its share of
        the area, at the middle of its part.
    list of Fault
        A notice if any area was spread.
    """
    keep, parts = np.ones(len(table), dtype=bool), []
    for i, area in enumerate(areas):
        if area is None or area.geom_type not in ("Polygon", "MultiPolygon"):
            continue
        west, south, east, north = area.bounds
        shrink = float(np.cos(np.radians((south + north) / 2)))
        side = max((east - west) * shrink, north - south) / SQUARES
        if side * SQUARES * np.radians(1.0) * EARTH_RADIUS_M < _SMALL_M:
            continue
        x = np.arange(west, east, side / shrink)
        y = np.arange(south, north, side)
        corner = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        boxes = shapely.box(corner[:, 0], corner[:, 1], corner[:, 0] + side / shrink, corner[:, 1] + side)
        cut = shapely.intersection(boxes, area)
        share = shapely.area(cut) / area.area
        on = np.flatnonzero(share > 0)
        rows = table.iloc[np.full(len(on), i)].copy()
        rows["id"] = [f"{table['id'].iloc[i]}-{k + 1}" for k in range(len(on))]
        for name in ("weight", "flow"):
            rows[name] = rows[name].to_numpy(np.float64) * share[on]
        parts.append(rows.set_geometry(shapely.point_on_surface(cut[on]), crs=WGS84))
        keep[i] = False
    if not parts:
        return table, []
    joined = pd.concat([table[keep], *parts], ignore_index=True)
    values = {"n": len(parts), "points": sum(map(len, parts))}
    file = str(table["source"].iloc[0])
    return gpd.GeoDataFrame(joined, geometry="geometry", crs=WGS84), [
        Fault("demand-spread", file=file, values=values, warning=True)
    ]


# -- few places for many ---------------------------------------------------------------------------------


def cluster_demand(inputs: Inputs, source: str, points: int, reach_km: float) -> Inputs:
    """Return the inputs with the demand of one file joined into at most so many points, and say what that loses.

    Places are joined within their county, each county with its share of the points, by k-means weighted with people
    (Lloyd 1982, in batches: Sculley 2010); a joined place stands at the one of its places that is nearest to their
    middle. Sums of people and of flow stay what they are, by county too.

    Parameters
    ----------
    inputs : Inputs
    source : str
        Name of the file.
    points : int
    reach_km : float
        For the notice: the share of people within this straight-line distance of today's sites before and after.
    """
    demand = inputs.demand
    mine = (demand["source"] == source).to_numpy(bool)
    if mine.sum() <= points:
        return inputs
    old = demand[mine].reset_index(drop=True)
    weight = old["weight"].fillna(0.0).to_numpy(np.float64)
    plane, label = _plane(old), np.full(len(old), -1, dtype=np.int64)
    groups = old.groupby([old["county"].fillna(""), old["inside"]], sort=True).indices
    shares = _apportioned(np.array([len(rows) for rows in groups.values()]), points)
    for rows, k in zip(groups.values(), shares.tolist(), strict=True):
        label[rows] = label.max() + 1 + _labels(plane[rows], weight[rows], k)
    share = np.maximum(weight, 1e-9)
    total = np.bincount(label, share)
    middle = np.column_stack([np.bincount(label, share * plane[:, axis]) / total for axis in (0, 1)])
    off_m = np.hypot(*(plane - middle[label]).T)
    order = np.lexsort((old["id"].astype(str).to_numpy(), off_m, label))
    first = order[np.unique(label[order], return_index=True)[1]]
    new = old.iloc[first].reset_index(drop=True)
    new["weight"] = np.bincount(label, weight)
    flow = old["flow"].to_numpy(np.float64)
    new["flow"] = np.where(
        np.bincount(label, ~np.isnan(flow)) > 0, np.bincount(label, np.nan_to_num(flow)), np.nan
    )
    moved_m = np.hypot(*(plane - plane[first][label]).T)
    note = _loss(inputs, old, new, weight, moved_m, reach_km)
    joined = pd.concat([demand[~mine], new], ignore_index=True)
    demand = gpd.GeoDataFrame(joined, geometry="geometry", crs=WGS84)
    return replace(inputs, demand=demand, warnings=(*inputs.warnings, note))


def _plane(table: gpd.GeoDataFrame) -> FloatArray:
    """Metres on a plane around the middle latitude: good to a percent over a province."""
    xy = np.radians(lonlat(table.geometry))
    return np.asarray(
        EARTH_RADIUS_M * np.column_stack([xy[:, 0] * np.cos(xy[:, 1].mean()), xy[:, 1]]), dtype=float
    )


def _apportioned(sizes: IntArray, points: int) -> IntArray:
    """Share ``points`` among groups by their number of places, one at least and no more than it has."""
    wanted = np.clip(np.floor(points * sizes / sizes.sum()), 1, sizes).astype(np.int64)
    return np.asarray(wanted, dtype=np.int64)


def _labels(plane: FloatArray, weight: FloatArray, k: int) -> IntArray:
    if k >= len(plane):
        return np.arange(len(plane))
    batches = MiniBatchKMeans(k, random_state=SEED, n_init=1, batch_size=4096, max_iter=50)
    batches.fit(plane, sample_weight=np.maximum(weight, 1e-9))
    nearest = cKDTree(batches.cluster_centers_).query(plane)[1]
    return np.asarray(np.unique(nearest, return_inverse=True)[1], dtype=np.int64)


def _loss(
    inputs: Inputs,
    old: gpd.GeoDataFrame,
    new: gpd.GeoDataFrame,
    weight: FloatArray,
    moved_m: FloatArray,
    reach_km: float,
) -> Fault:
    """How far people are moved, and what that does to the share near today's sites."""
    order = np.argsort(moved_m, kind="stable")
    up_to = np.cumsum(weight[order]) / max(weight.sum(), 1e-9)
    half, most = (
        float(moved_m[order][min(int(np.searchsorted(up_to, p)), len(order) - 1)]) for p in (0.5, 0.95)
    )
    there = inputs.sites[exists(inputs.sites)]
    values: dict[str, Any] = {
        "old": len(old), "new": len(new), "half": Length(round(half / M_PER_KM, 2)),
        "most": Length(round(most / M_PER_KM, 2)), "reach": Length(reach_km),
        "before": _near(old, weight, there, reach_km),
        "after": _near(new, new["weight"].fillna(0.0).to_numpy(np.float64), there, reach_km),
    }  # fmt: skip
    file = str(old["source"].iloc[0])
    return Fault("demand-clustered", file=file, values=values, warning=True)


def _near(places: gpd.GeoDataFrame, weight: FloatArray, sites: gpd.GeoDataFrame, reach_km: float) -> str:
    if sites.empty or not weight.sum() > 0:
        return "–"
    ball = [
        np.column_stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)]) * EARTH_RADIUS_M
        for a, b in (np.radians(lonlat(table.geometry)).T for table in (sites, places))
    ]
    near = cKDTree(ball[0]).query(ball[1])[0] <= reach_km * M_PER_KM
    return f"{100 * float(weight[near].sum() / weight.sum()):.1f} %"
