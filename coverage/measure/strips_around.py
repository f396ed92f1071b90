"""What lies along a route: towns, counties, other routes; places found on a drive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import LineString
from shapely.geometry.base import BaseGeometry

from ..network.graph import FloatArray, IntArray
from ..network.routes import (
    Drive,
    RoadIndex,
    Route,
    Section,
    ground_scale,
    inside_intervals,
    mercator,
    merge_intervals,
)
from ..units import lonlat

TOWN_M = 3000.0
"""A town belongs to a strip if the road comes this near in a straight line."""
SAME_CROSSING_M = 600.0
"""Two carriageways and a roundabout cross another road several times: within this it is one crossing."""
SHORT_SHARED_M = 300.0
"""Routes that run together for less merely cross (offset junctions, roundabouts)."""
SLIVER_M = 300.0
"""Where a road follows a county limit, parts shorter than this are not shown."""
RANKS = {"city": 4, "district": 3, "county": 3, "town": 2}
COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
Lines = np.ndarray[tuple[int], np.dtype[np.object_]]


class Named(Protocol):
    """Something with a name."""

    @property
    def name(self) -> str:
        """The name."""


class DriveLines:
    """The edges of a drive as Mercator lines, to find places beside it."""

    def __init__(self, index: RoadIndex, drive: Drive) -> None:
        self.drive = drive
        rows, which = index.path_vertices(drive.edges)
        xy = mercator(index.xy[rows])
        self.lines: Lines = np.asarray(shapely.linestrings(xy, indices=which), dtype=object)
        self.bounds = (*xy.min(axis=0).tolist(), *xy.max(axis=0).tolist())

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Tree of the lines."""
        return shapely.STRtree(self.lines)

    def nearest(self, xy: FloatArray, max_m: float) -> tuple[IntArray, FloatArray, FloatArray]:
        """Nearest place of each Mercator point: which point, chainage, straight distance in metres.

        Points further away than ``max_m`` are left out; of equally near places the smallest chainage holds.
        """
        scale = ground_scale(xy[:, 1]) if len(xy) else np.empty(0)
        if not len(xy):
            return np.empty(0, np.int64), np.empty(0), np.empty(0)
        points: Lines = np.asarray(shapely.points(xy), dtype=object)
        reach = float((max_m / scale).max())
        which, edge = self.tree.query_nearest(points, max_distance=reach)
        away = shapely.distance(points[which], self.lines[edge]) * scale[which]
        at = self.chainage(edge, points[which])
        order = np.lexsort((at, which))
        order = order[away[order] <= max_m]
        first = np.ones(len(order), dtype=bool)
        first[1:] = np.diff(which[order]) != 0
        take = order[first]
        return which[take], at[take], away[take]

    def chainage(self, edge: IntArray, points: Any) -> FloatArray:
        """Chainage of points on edges (numbers in the drive)."""
        share = shapely.line_locate_point(self.lines[edge], points, normalized=True)
        d = self.drive
        return np.asarray(d.from_m[edge] + share * (d.to_m[edge] - d.from_m[edge]), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Towns, counties, region and all routes of a road graph; make it once.

    Attributes
    ----------
    index : RoadIndex
    routes : sequence of Route
        All numbered routes; those that meet a strip are named on it.
    towns : GeoDataFrame
        ``name, kind, weight``; points, EPSG:4326. A name may stand twice; the better known one is shown.
    counties : GeoDataFrame
        ``name``; polygons, EPSG:4326.
    region : Polygon or MultiPolygon, optional
        EPSG:4326.
    """

    index: RoadIndex
    routes: Sequence[Route]
    towns: gpd.GeoDataFrame
    counties: gpd.GeoDataFrame
    region: BaseGeometry | None = None

    # -- towns and areas ---------------------------------------------------------------------------------
    @cached_property
    def _town_xy(self) -> FloatArray:
        return mercator(lonlat(self.towns.geometry)) if len(self.towns) else np.empty((0, 2))

    def towns_near(self, lines: DriveLines) -> list[tuple[float, str, str, float, float]]:
        """Towns near a drive: chainage, name, kind, weight, straight distance; rising."""
        west, south, east, north = lines.bounds
        xy, reach = (
            self._town_xy,
            TOWN_M / float(ground_scale(max(abs(lines.bounds[1]), abs(lines.bounds[3])))),
        )
        near = np.flatnonzero(
            (xy[:, 0] >= west - reach)
            & (xy[:, 0] <= east + reach)
            & (xy[:, 1] >= south - reach)
            & (xy[:, 1] <= north + reach)
        )
        which, at, away = lines.nearest(xy[near], TOWN_M)
        if not len(which):
            return []
        found = pd.DataFrame(self.towns[["name", "kind", "weight"]].iloc[near[which]]).assign(
            at_m=at, away_m=away
        )
        found["name"] = found["name"].astype("string").fillna("")
        found["kind"] = found["kind"].astype("string").fillna("")
        found["weight"] = pd.to_numeric(found["weight"], errors="coerce").fillna(0.0).astype(float)
        found["rank"] = found["kind"].map(RANKS).fillna(1).astype(int)
        found = found[found["name"] != ""].sort_values(
            ["rank", "weight", "at_m"], ascending=[False, False, True]
        )
        found = found.drop_duplicates("name").sort_values(["at_m", "name"])
        columns = (found[c].tolist() for c in ("at_m", "name", "kind", "weight", "away_m"))
        return list(zip(*columns, strict=True))

    def counties_along(self, drive: Drive) -> list[tuple[float, float, str]]:
        """Stretches of a drive by county: from, to, name; rising."""
        if self.counties.empty:
            return []
        xy = self.index.lonlat_path(drive.edges)
        box = shapely.box(*xy.min(axis=0), *xy.max(axis=0))
        areas = self.counties[self.counties.geometry.notna()]
        areas = areas[shapely.intersects(areas.geometry.to_numpy(), box)]
        found = [
            (low, high, str(name))
            for name, area in zip(areas["name"].fillna(""), areas.geometry, strict=True)
            for low, high in merge_intervals(inside_intervals(self.index, drive, area), SLIVER_M).tolist()
            if high - low >= SLIVER_M
        ]
        return sorted(found)

    def inside(self, drive: Drive) -> FloatArray:
        """(k, 2) chainage of a drive in the region, rising."""
        return inside_intervals(self.index, drive, self.region)

    # -- other routes ------------------------------------------------------------------------------------
    @cached_property
    def _borne(self) -> pd.DataFrame:
        """Segments and the routes they belong to: ``segment, ref``, sorted."""
        g = self.index.graph
        own = [
            np.unique(np.concatenate([g.edge_segment[d.edges] for s in r.sections for d in s.drives]))
            for r in self.routes
        ]
        counts = [len(segments) for segments in own]
        refs = np.repeat(np.array([r.ref for r in self.routes], dtype=object), counts)
        found = pd.DataFrame({"segment": np.concatenate([np.empty(0, np.int64), *own]), "ref": refs})
        return found.sort_values(["segment", "ref"], ignore_index=True)

    @cached_property
    def _segments(self) -> IntArray:
        return np.unique(self._borne["segment"].to_numpy(np.int64))

    @cached_property
    def _tree(self) -> tuple[shapely.STRtree, Lines]:
        lines = shapely.transform(self.index.graph.lines(self._segments), mercator)
        return shapely.STRtree(lines), lines

    def crossings(
        self, route: Route, section: Section
    ) -> tuple[list[tuple[float, str, bool]], list[tuple[float, float, str]]]:
        """Find where other routes meet a section.

        Returns
        -------
        crossings : list of (chainage, ref, level)
            ``level`` is False where the roads pass over each other without a common junction.
        shared : list of (from, to, ref)
            Where another route runs on the same road.

        Chainage is that of the forward direction (of the only one if there is one), rising.
        """
        met = pd.concat([self._met(route, section, drive) for drive in section.drives], ignore_index=True)
        shared = _shared(met[met["kind"] == "same"])
        crossings = []
        for ref, rows in met[met["kind"] != "same"].groupby("ref", sort=True):
            alone = ~_within(rows["at_m"].to_numpy(), [(a, b) for a, b, r in shared if r == ref])
            crossings += [(at, str(ref), level) for at, level in _clusters(rows[alone])]
        long = [s for s in shared if s[1] - s[0] >= SHORT_SHARED_M]
        crossings += [((a + b) / 2.0, ref, True) for a, b, ref in shared if b - a < SHORT_SHARED_M]
        return sorted(crossings), sorted(long)

    def _met(self, route: Route, section: Section, drive: Drive) -> pd.DataFrame:
        """Every touch of a drive with a segment of another route: ``at_m, to_m, ref, kind``."""
        g, mine = self.index.graph, DriveLines(self.index, drive)
        tree, lines = self._tree
        edge, other = tree.query(mine.lines, predicate="intersects")
        segment = self._segments[other]
        own = g.edge_segment[drive.edges[edge]]
        same = segment == own
        u, v = g.edge_u[drive.edges[edge]], g.edge_v[drive.edges[edge]]
        at_u = (u == g.seg_u[segment]) | (u == g.seg_v[segment])
        at_v = (v == g.seg_u[segment]) | (v == g.seg_v[segment])
        over = ~(same | at_u | at_v)
        at, to = np.where(at_u | same, drive.from_m[edge], drive.to_m[edge]), drive.to_m[edge]
        if over.any():
            cut = shapely.intersection(mine.lines[edge[over]], lines[other[over]])
            at[over] = mine.chainage(edge[over], shapely.point_on_surface(cut))
        kind = np.select([same, over], ["same", "over"], "level")
        if drive.direction == "backward" and section.forward is not None:
            at, to = section.to_other(at, "backward"), section.to_other(to, "backward")
        touches = pd.DataFrame({"segment": segment, "at_m": at, "to_m": to, "kind": kind})
        found = touches.merge(self._borne[self._borne["ref"] != route.ref], on="segment")
        return found[["at_m", "to_m", "ref", "kind"]]


def _shared(same: pd.DataFrame) -> list[tuple[float, float, str]]:
    found = []
    for ref, rows in same.groupby("ref", sort=True):
        ends = np.sort(rows[["at_m", "to_m"]].to_numpy(float), axis=1)
        found += [(low, high, str(ref)) for low, high in merge_intervals(ends, SHORT_SHARED_M).tolist()]
    return found


def _within(
    at_m: FloatArray, stretches: list[tuple[float, float]]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    hit = np.zeros(len(at_m), dtype=bool)
    for low, high in stretches:
        hit |= (at_m >= low - SAME_CROSSING_M) & (at_m <= high + SAME_CROSSING_M)
    return hit


def _clusters(rows: pd.DataFrame) -> list[tuple[float, bool]]:
    """Middles of groups of neighbouring places, and whether one of them is a common junction."""
    if rows.empty:
        return []
    rows = rows.sort_values("at_m")
    group = (rows["at_m"].diff() > SAME_CROSSING_M).cumsum()
    level = (rows["kind"] == "level").groupby(group).any()
    middle = (rows["at_m"].groupby(group).min() + rows["at_m"].groupby(group).max()) / 2.0
    return list(zip(middle.tolist(), level.tolist(), strict=True))


def end_names(
    axis: LineString,
    towns: Sequence[tuple[float, str, str, float]],
    counties: Sequence[Named],
    start_m: float,
    end_m: float,
) -> tuple[str, str]:
    """Names for the low and the high end of a section.

    The best known town of the last quarter, else the last one of that half, else the county if it is another
    one than at the other end, else the direction of the compass (a text key ``strip.compass.*``).
    """
    span = max(end_m - start_m, 1e-9)
    ends = []
    for high in (False, True):
        place = [
            ((at - start_m) / span if high else (end_m - at) / span, name, kind, weight)
            for at, name, kind, weight in towns
        ]
        last = [
            (RANKS.get(kind, 1), weight, share, name) for share, name, kind, weight in place if share >= 0.75
        ]
        half = [(share, name) for share, name, _, _ in place if share > 0.5]
        ends.append(max(last)[3] if last else max(half)[1] if half else "")
    if counties and counties[0].name != counties[-1].name:
        ends = [ends[0] or counties[0].name, ends[1] or counties[-1].name]
    xy = np.asarray(axis.coords)
    east, north = (mercator(xy[-1]) - mercator(xy[0])).tolist()
    turn = round(float(np.degrees(np.arctan2(east, north))) / 45.0)
    return (
        ends[0] or f"strip.compass.{COMPASS[(turn + 4) % 8]}",
        ends[1] or f"strip.compass.{COMPASS[turn % 8]}",
    )
