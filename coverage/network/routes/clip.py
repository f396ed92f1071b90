"""Which part of a route lies in a region, and whether a road goes on where the data end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import shapely
from shapely import MultiLineString, MultiPoint, Point
from shapely.geometry.base import BaseGeometry

from ..geometry import ground_scale, mercator, unmercator
from ..graph import BoolArray, FloatArray, IntArray, RoadGraph
from .index import RoadIndex
from .model import Drive, DriveKey, Route

EDGE_M = 2000.0
"""A dead end this close to the edge of the data is where the data end, not the road."""
SAME_END_M = 1000.0
"""Both carriageways of a road end there where the data end, if they end this close to each other."""
OUTLINE_RATIO = 0.3
"""How concave the outline of the data may be (0 follows every bay, 1 is convex)."""
THIN_M = 2000.0
"""Vertices are thinned to a grid of this size before the outline of the data is drawn."""


def to_mercator(geometry: BaseGeometry) -> BaseGeometry:
    """Project an EPSG:4326 geometry to spherical Mercator."""
    projected: BaseGeometry = shapely.transform(geometry, mercator)
    return projected


def inside_intervals(index: RoadIndex, drive: Drive, polygon: BaseGeometry | None) -> FloatArray:
    """Find the chainage of a drive that lies in a polygon.

    Parameters
    ----------
    index : RoadIndex
    drive : Drive
    polygon : Polygon or MultiPolygon, optional
        EPSG:4326; None means everywhere.

    Returns
    -------
    (k, 2) float64
        From, to of each stretch inside, rising, without overlap. Jumps of the chainage belong to no stretch.
    """
    return merge_intervals(pieces_inside(index, drive, polygon)[:, :2])


def parallel_inside_m(index: RoadIndex, route: Route, polygon: BaseGeometry | None) -> float:
    """Length of a route's parallel carriageways in a polygon (EPSG:4326; None means everywhere), metres."""
    total = 0.0
    for lane in route.parallel:
        at = np.concatenate([[0.0], np.cumsum(index.graph.edge_length_m[lane.edges])])
        n = len(lane.edges)
        own = Drive(
            "forward", lane.edges, at[:-1], at[1:], np.zeros(n, bool), np.ones(n), np.diff(at), ring=False
        )
        total += float(np.diff(inside_intervals(index, own, polygon), axis=1).sum())
    return total


def pieces_inside(index: RoadIndex, drive: Drive, polygon: BaseGeometry | None) -> FloatArray:
    """(p, 3) pieces of the drive's edges in the polygon: from, to (rising chainage), number of the edge."""
    k = np.arange(len(drive.edges), dtype=np.float64)
    whole = np.stack([drive.low_m, drive.high_m, k], axis=1)
    if polygon is None:
        return whole[np.lexsort((drive.high_m, drive.low_m))]
    about = np.flatnonzero(_may_touch(index, drive, polygon))
    if not len(about):
        return np.empty((0, 3))
    area = index.area(polygon)
    lines = _mercator_lines(index, drive.edges[about])
    covered = shapely.covers(area, lines)
    crossing = np.flatnonzero(shapely.intersects(area, lines) & ~covered)
    parts = [whole[about[covered]]]
    for line in crossing.tolist():
        number = int(about[line])
        shares = _on_ground(index, int(drive.edges[number]), _shares(area, lines[line]))
        cut = drive.from_m[number] + (drive.to_m[number] - drive.from_m[number]) * shares
        parts.append(np.column_stack([np.sort(cut, axis=1), np.full(len(cut), float(number))]))
    found = np.concatenate(parts)
    return found[np.lexsort((found[:, 1], found[:, 0]))]


def segments_inside(
    index: RoadIndex, polygon: BaseGeometry, segments: IntArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Parts of segments that lie in a polygon (EPSG:4326).

    Returns
    -------
    (p,) int64, (p,) float64, (p,) float64
        Segment, and from where to where on it in metres from its first node; a segment may have several parts.
    """
    graph = index.graph
    area = index.area(polygon)
    lines = shapely.transform(graph.lines(segments), mercator)
    covered = shapely.covers(area, lines)
    found = [np.column_stack([segments, np.zeros(len(segments)), graph.seg_length_m[segments]])[covered]]
    edge_of = np.full(graph.n_segments, -1, dtype=np.int64)
    edge_of[graph.edge_segment[::-1]] = np.arange(len(graph.edge_segment))[::-1]  # the first edge of each
    for k in np.flatnonzero(shapely.intersects(area, lines) & ~covered).tolist():
        segment, edge = int(segments[k]), int(edge_of[segments[k]])
        shares = _shares(area, lines[k])
        if graph.edge_reversed[edge]:
            shares = 1.0 - _on_ground(index, edge, 1.0 - shares)
        else:
            shares = _on_ground(index, edge, shares)
        at = np.sort(shares, axis=1) * graph.seg_length_m[segment]
        found.append(np.column_stack([np.full(len(at), float(segment)), at]))
    table = np.concatenate(found)
    return table[:, 0].astype(np.int64), table[:, 1], table[:, 2]


def _may_touch(index: RoadIndex, drive: Drive, polygon: BaseGeometry) -> BoolArray:
    """Which edges' bounds meet the polygon's."""
    west, south, east, north = polygon.bounds
    bounds = index.bounds[index.graph.edge_segment[drive.edges]]
    return np.asarray(
        (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
    )


def _mercator_lines(index: RoadIndex, edges: IntArray) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    rows, which = index.path_vertices(edges)
    return np.asarray(shapely.linestrings(mercator(index.xy[rows]), indices=which), dtype=object)


def _shares(area: BaseGeometry, line: BaseGeometry) -> FloatArray:
    """(k, 2) parts of a line inside an area, as shares of its length."""
    at = shapely.get_coordinates(shapely.intersection(line, shapely.boundary(area)))
    one = np.array([line], dtype=object)
    cuts = np.empty(0)
    if len(at):
        cuts = shapely.line_locate_point(
            one, np.array([Point(xy) for xy in at], dtype=object), normalized=True
        )
    bounds = np.unique(np.concatenate([[0.0, 1.0], cuts]))
    middle = shapely.line_interpolate_point(one, (bounds[1:] + bounds[:-1]) / 2.0, normalized=True)
    keep = shapely.intersects(area, middle)
    return np.stack([bounds[:-1][keep], bounds[1:][keep]], axis=1)


def _on_ground(index: RoadIndex, edge: int, shares: FloatArray) -> FloatArray:
    """Turn shares of an edge's Mercator line into shares of its length."""
    xy, s_m = index.path(np.array([edge]))
    drawn = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    if drawn[-1] == 0.0 or s_m[-1] == 0.0:
        return shares
    return np.asarray(np.interp(shares * drawn[-1], drawn, s_m) / s_m[-1])


def merge_intervals(intervals: FloatArray, join_m: float = 1e-6) -> FloatArray:
    """Join intervals that touch or overlap; rising."""
    if not len(intervals):
        return np.empty((0, 2))
    low, high = intervals[np.argsort(intervals[:, 0], kind="stable"), :2].T
    reach = np.maximum.accumulate(high)
    apart = np.flatnonzero(low[1:] > reach[:-1] + join_m)
    return np.stack([low[np.append(0, apart + 1)], reach[np.append(apart, len(low) - 1)]], axis=1)


class OpenEnds(NamedTuple):
    """Whether the road goes on beyond the data at the smallest and at the largest chainage of a drive."""

    low: bool
    high: bool


def open_ends(
    index: RoadIndex, routes: list[Route], boundary: BaseGeometry | None = None
) -> dict[DriveKey, OpenEnds]:
    """Tell where routes go on beyond the data.

    An end is open if nothing else is attached there and it lies outside, or less than 2 km inside, of the area
    the graph was cut to or of the outline of the data themselves. An end at a junction is a true end: if the
    number went on, the data would have the next piece. Where one direction goes on, the other does, too, though
    a link may meet it at the very edge of the data.

    Parameters
    ----------
    index : RoadIndex
    routes : list of Route
    boundary : Polygon or MultiPolygon, optional
        EPSG:4326; region and halo that the graph was cut to.

    Returns
    -------
    dict
        ``(ref, section number, direction)`` -> OpenEnds.
    """
    edge = DataEdge(index.graph, boundary)
    found: dict[DriveKey, OpenEnds] = {}
    for route in routes:
        for section in route.sections:
            nodes = np.array([_ends(index, drive) for drive in section.drives])
            rings = np.array([drive.ring for drive in section.drives])
            is_open = (index.degree[nodes] == 1) & edge.is_near(index.node_merc[nodes]) & ~rings[:, None]
            is_open |= _beside_an_open_end(index, nodes, is_open) & ~rings[:, None]
            for drive, (low, high) in zip(section.drives, is_open.tolist(), strict=True):
                found[(route.ref, section.number, drive.direction)] = OpenEnds(low, high)
    return found


def _ends(index: RoadIndex, drive: Drive) -> tuple[int, int]:
    """Nodes at the smallest and at the largest chainage."""
    first, last = int(index.graph.edge_u[drive.edges[0]]), int(index.graph.edge_v[drive.edges[-1]])
    return (first, last) if drive.direction == "forward" else (last, first)


def _beside_an_open_end(index: RoadIndex, nodes: IntArray, is_open: BoolArray) -> BoolArray:
    """(drives, 2) ends close to an open end of the other direction: no road goes on one way only."""
    xy = index.node_merc[nodes]
    near_m = SAME_END_M / ground_scale(xy[..., 1])
    apart = np.hypot(*(xy[:, None] - xy[None]).transpose(3, 0, 1, 2))
    return np.asarray(((apart <= near_m[:, None]) & is_open[None]).any(axis=1))


class DataEdge:
    """The edge of the data: the outline of all nodes, and the area they were cut to."""

    def __init__(self, graph: RoadGraph, boundary: BaseGeometry | None) -> None:
        self.area = None if boundary is None else to_mercator(boundary)
        areas = [_outline(graph), *([] if self.area is None else [self.area])]
        self.edges = [a.boundary if a.geom_type in ("Polygon", "MultiPolygon") else a for a in areas]
        shapely.prepare([self.area, *self.edges])

    def is_near(self, xy: FloatArray) -> BoolArray:
        """Whether Mercator points (any shape, x and y last) lie near or beyond the edge."""
        points = shapely.points(xy)
        near = EDGE_M / ground_scale(xy[..., 1])
        near_edge = [shapely.dwithin(edge, points, near) for edge in self.edges]  # type: ignore[call-overload]
        found = np.any(near_edge, axis=0)
        return np.asarray(found if self.area is None else found | ~shapely.intersects(self.area, points))


def _outline(graph: RoadGraph) -> BaseGeometry:
    """Draw a concave outline of all vertices, thinned to the cells of a grid."""
    xy = mercator(graph.xy)
    cell = np.round(xy / THIN_M).astype(np.int64)
    _, first = np.unique(cell, axis=0, return_index=True)
    hull: BaseGeometry = shapely.concave_hull(MultiPoint(xy[np.sort(first)]), ratio=OUTLINE_RATIO)
    return hull


def path_between(
    index: RoadIndex, drive: Drive, from_m: float, to_m: float
) -> tuple[IntArray, MultiLineString]:
    """Follow a drive between two places; see :func:`paths_between`."""
    return paths_between(index, drive, np.array([from_m]), np.array([to_m]))[0]


def paths_between(
    index: RoadIndex, drive: Drive, from_m: FloatArray, to_m: FloatArray
) -> list[tuple[IntArray, MultiLineString]]:
    """Follow a drive between pairs of places.

    Parameters
    ----------
    index : RoadIndex
    drive : Drive
    from_m, to_m : (k,) float64
        Chainage, in driving order; on a ring it may run on beyond the seam.

    Returns
    -------
    list of (edges, line)
        Directed edges in driving order, partly driven ones too, and the line, EPSG:4326, in driving order.
    """
    drawn = _Drawn(index, drive)
    found = []
    for a, b in zip(np.asarray(from_m).tolist(), np.asarray(to_m).tolist(), strict=True):
        low, high = min(a, b), max(a, b)
        spans = [(low, min(high, drive.end_m))]
        if high > drive.end_m:
            spans.append((drive.start_m, drive.start_m + high - drive.end_m))
        if drive.direction == "backward":
            spans = [(-high, -low) for low, high in reversed(spans)]
        parts = [drawn.between(*span) for span in spans]
        edges = np.concatenate([drive.edges[first:last] for first, last, _ in parts])
        found.append((edges, _merged_line([line for *_, lines in parts for line in lines])))
    return found


class _Drawn:
    """The line of a drive with the chainage of each vertex, counted up in driving order.

    (Backward drives count from minus their largest chainage to minus their smallest.)
    """

    def __init__(self, index: RoadIndex, drive: Drive) -> None:
        rows, which = index.path_vertices(drive.edges)
        sign = 1.0 if drive.direction == "forward" else -1.0
        self.low, self.high = sign * drive.from_m, sign * drive.to_m
        self.lonlat, (self.xy, s_m) = index.xy[rows], index.path(drive.edges)
        first = np.searchsorted(which, np.arange(len(drive.edges)))
        self.ptr = np.append(first, len(which))
        self.at = self._chainage(s_m, which)
        end = self.lonlat[self.ptr[1:-1] - 1]
        apart = ~np.isclose(end, self.lonlat[self.ptr[1:-1]], rtol=0.0, atol=1e-9).all(axis=1)
        self.breaks = np.flatnonzero(apart) + 1

    def _chainage(self, s_m: FloatArray, which: IntArray) -> FloatArray:
        start, end = s_m[self.ptr[:-1]], s_m[self.ptr[1:] - 1]
        scale = np.divide(self.high - self.low, end - start, out=np.zeros(len(start)), where=end > start)
        return np.asarray(self.low[which] + (s_m - start[which]) * scale[which], dtype=np.float64)

    def between(self, low: float, high: float) -> tuple[int, int, list[FloatArray]]:
        """First edge, edge after the last, and longitude, latitude of the parts that hang together."""
        first = int(np.searchsorted(self.high, low, side="right"))
        last = max(first, int(np.searchsorted(self.low, high, side="left")))
        cuts = [first, *self.breaks[(self.breaks > first) & (self.breaks < last)].tolist(), last]
        lines = [self._part(a, b, low, high) for a, b in zip(cuts[:-1], cuts[1:], strict=True) if b > a]
        return first, last, lines

    def _part(self, first: int, last: int, low: float, high: float) -> FloatArray:
        """Draw the edges ``first`` to ``last`` - 1, cut at the two chainages."""
        a, b = int(self.ptr[first]), int(self.ptr[last])
        cut_low, cut_high = low > self.low[first], high < self.high[last - 1]
        at = self.at[a:b]
        keep = np.ones(b - a, dtype=bool)
        keep[1:] = (np.diff(self.lonlat[a:b], axis=0) != 0.0).any(axis=1)
        if cut_low:
            keep &= at > low
        if cut_high:
            keep &= at < high
        line = [self.lonlat[a:b][keep]]
        if cut_low:
            line.insert(0, self._place(first, low))
        if cut_high:
            line.append(self._place(last - 1, high))
        return np.concatenate(line)

    def _place(self, edge: int, at: float) -> FloatArray:
        """(1, 2) longitude, latitude of a chainage on an edge."""
        on = slice(int(self.ptr[edge]), int(self.ptr[edge + 1]))
        xy = [np.interp(at, self.at[on], self.xy[on, k]) for k in (0, 1)]
        return unmercator(np.array([xy]))


def _merged_line(parts: list[FloatArray]) -> MultiLineString:
    """Join parts that touch."""
    lines: list[list[FloatArray]] = []
    for part in parts:
        if lines and len(part) and np.abs(lines[-1][-1][-1] - part[0]).max() <= 1e-9:
            lines[-1].append(part[1:])
        elif len(part):
            lines.append([part])
    drawn = [np.concatenate(line) for line in lines]
    return MultiLineString([line for line in drawn if len(line) > 1])


def locate(index: RoadIndex, drive: Drive, chainage_m: FloatArray) -> pd.DataFrame:
    """Find places on a drive.

    Parameters
    ----------
    index : RoadIndex
    drive : Drive
    chainage_m : (k,) float64
        Clipped to the drive.

    Returns
    -------
    DataFrame
        ``edge`` (position in ``drive.edges``), ``lon``, ``lat`` (EPSG:4326), one row per chainage.
    """
    at = np.clip(np.asarray(chainage_m, dtype=np.float64), drive.start_m, drive.end_m)
    order = np.lexsort((drive.high_m, drive.low_m))
    k = order[np.clip(np.searchsorted(drive.high_m[order], at), 0, len(order) - 1)]
    span = np.abs(drive.to_m - drive.from_m)
    xy, s_m = index.path(drive.edges)
    driven = (np.cumsum(span) - span)[k] + np.clip(np.abs(at - drive.from_m[k]), 0.0, span[k])
    places = np.stack([np.interp(driven, s_m, xy[:, 0]), np.interp(driven, s_m, xy[:, 1])], axis=1)
    lonlat = unmercator(places)
    return pd.DataFrame({"edge": k, "lon": lonlat[:, 0], "lat": lonlat[:, 1]})
