"""Points snapped to exact places on the roads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import csgraph

from ..units import GEOD, WGS84
from .geometry import ground_scale, ground_steps, mercator, unmercator
from .graph import BoolArray, FloatArray, IntArray, RoadGraph

SNAP_M = 1000.0
"""Points further from a road than this are not snapped."""
_AT_ONCE = 1_000


@dataclass(frozen=True, eq=False)
class Snapped:
    """Places of k points on the segments of a road graph.

    Attributes
    ----------
    segment : (k,) int64
        Segment, or -1 if no usable road is near enough.
    offset_m : (k,) float64
        Length from the segment's first node, NaN if not snapped.
    snap_m : (k,) float64
        Straight-line (geodesic) distance to the place, NaN if not snapped.
    xy : (k, 2) float64
        Longitude, latitude of the place; of the point itself if not snapped.
    island : (k,) bool
        The nearest road of all is not usable (cut off from the main network); a further one was taken, or none
        (or this one, if asked for).
    """

    segment: IntArray
    offset_m: FloatArray
    snap_m: FloatArray
    xy: FloatArray
    island: BoolArray

    @property
    def found(self) -> BoolArray:
        """(k,) whether the point was snapped."""
        return self.segment >= 0

    @property
    def problem(self) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
        """(k,) ``"island"`` where the nearest road is cut off, ``"far"`` where no road is near enough, else None."""
        problem = np.full(len(self.segment), None, dtype=object)
        problem[~self.found] = "far"
        problem[self.island] = "island"
        return problem

    def take(self, rows: IntArray | BoolArray) -> Snapped:
        """Return some of the points."""
        return Snapped(
            self.segment[rows], self.offset_m[rows], self.snap_m[rows], self.xy[rows], self.island[rows]
        )


def places_on(segment: IntArray, offset_m: FloatArray) -> Snapped:
    """Places given by segment and offset, with no point beside them."""
    k = len(segment)
    return Snapped(segment, offset_m, np.zeros(k), np.full((k, 2), np.nan), np.zeros(k, dtype=np.bool_))


def join_snapped(*parts: Snapped) -> Snapped:
    """Put several sets of places behind each other."""
    return Snapped(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("segment", "offset_m", "snap_m", "xy", "island")
        )
    )


def main_segments(graph: RoadGraph) -> BoolArray:
    """Segments that can be driven onto from the main network, and from which it can be reached again.

    The main network is the largest strongly connected component. (Where a one-way road leads out of the data,
    what lies on it can't be left again within the data; it counts as reached if it joins the main network at
    either end.)

    Returns
    -------
    (s,) bool
    """
    main = int(np.argmin(graph.component)) if graph.n_nodes else 0
    out = np.zeros(graph.n_nodes, dtype=bool)
    back = np.zeros(graph.n_nodes, dtype=bool)
    if graph.n_nodes:
        out[csgraph.breadth_first_order(graph.csr, main, return_predecessors=False)] = True
        back[csgraph.breadth_first_order(graph.csr.T.tocsr(), main, return_predecessors=False)] = True
    joined = out | back
    return (graph.seg_forward | graph.seg_backward) & joined[graph.seg_u] & joined[graph.seg_v]


class Snapper:
    """Finds the nearest usable road. Make it once, use it for several sets of points.

    Parameters
    ----------
    graph : RoadGraph
    usable : (s,) bool, optional
        Segments points may be snapped to; the main network by default (see :func:`main_segments`).
    """

    def __init__(self, graph: RoadGraph, usable: BoolArray | None = None) -> None:
        self.graph = graph
        self.usable = main_segments(graph) if usable is None else np.asarray(usable, dtype=bool)

    @cached_property
    def _lines(self) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
        counts = np.diff(self.graph.dense[1])
        rows = np.repeat(np.arange(self.graph.n_segments), counts)
        return np.asarray(shapely.linestrings(self.graph.dense_merc, indices=rows), dtype=object)

    @cached_property
    def _all(self) -> shapely.STRtree:
        return shapely.STRtree(self._lines)

    def _usable_near(self, xy: FloatArray, max_m: float) -> IntArray:
        """Usable segments that may be within the distance of one of the Mercator points."""
        reach, found = _reach(xy, max_m), [np.empty(0, np.int64)]
        for some in np.array_split(xy, 1 + len(xy) // _AT_ONCE):
            boxes = shapely.box(*(some - reach).T, *(some + reach).T)
            found.append(np.unique(self._all.query(boxes)[1]))
        near: IntArray = np.unique(np.concatenate(found))
        return np.asarray(near[self.usable[near]], dtype=np.int64)

    def snap(
        self, points: FloatArray | gpd.GeoSeries, *, max_m: float = SNAP_M, islands: bool = False
    ) -> Snapped:
        """Snap points to the nearest usable road.

        Parameters
        ----------
        points : (k, 2) float64 or GeoSeries of points
            Longitude, latitude, EPSG:4326. NaN, empty and missing points are not snapped.
        max_m : float
            Largest straight-line distance, metres.
        islands : bool
            Take the nearest road even if it is not usable.

        Returns
        -------
        Snapped
            Of equally near segments the one with the smallest number.
        """
        points = _lonlat(points)
        xy = mercator(points)
        segment = self._nearest(self._all, np.arange(self.graph.n_segments), xy, max_m)
        island = (segment >= 0) & ~self.usable[segment]
        if island.any() and not islands:
            # Islands are few: a second tree of all that is usable would be held for them alone.
            near = self._usable_near(xy[island], max_m)
            segment[island] = self._nearest(shapely.STRtree(self._lines[near]), near, xy[island], max_m)
        return self._placed(points, xy, segment, island, max_m)

    def _nearest(self, tree: shapely.STRtree, numbers: IntArray, xy: FloatArray, max_m: float) -> IntArray:
        """Return the nearest segment of each Mercator point, -1 if none is near enough."""
        found = np.full(len(xy), -1, dtype=np.int64)
        ok = np.flatnonzero(np.isfinite(xy).all(axis=1))
        if len(ok) and len(numbers):
            which, near = tree.query_nearest(shapely.points(xy[ok]), max_distance=_reach(xy[ok], max_m))
            order = np.lexsort((numbers[near], which))[::-1]
            found[ok[which[order]]] = numbers[near[order]]
        return found

    def _placed(
        self, points: FloatArray, xy: FloatArray, segment: IntArray, island: BoolArray, max_m: float
    ) -> Snapped:
        """Work out places, offsets and distances; drop what is too far."""
        place, offset = points.copy(), np.full(len(points), np.nan)
        snap_m = np.full(len(points), np.nan)
        hit = np.flatnonzero(segment >= 0)
        if len(hit):
            along = shapely.line_locate_point(self._lines[segment[hit]], shapely.points(xy[hit]))
            at = shapely.line_interpolate_point(self._lines[segment[hit]], along)
            place[hit] = unmercator(shapely.get_coordinates(at))
            offset[hit] = self._offset_m(segment[hit], along)
            snap_m[hit] = GEOD.inv(*points[hit].T, *place[hit].T)[2]
        far = ~(snap_m <= max_m)
        segment = np.where(far, -1, segment)
        place[far], offset[far], snap_m[far] = points[far], np.nan, np.nan
        return Snapped(segment, offset, snap_m, place, island)

    def _offset_m(self, segment: IntArray, along: FloatArray) -> FloatArray:
        """Turn Mercator length along segments into metres from their first node."""
        g, merc = self.graph, self.graph.dense_merc
        lonlat, ptr = g.dense
        unique, which = np.unique(segment, return_inverse=True)
        counts = ptr[unique + 1] - ptr[unique]
        first = np.cumsum(counts) - counts
        rows = np.repeat(ptr[unique] - first, counts) + np.arange(counts.sum())
        xy = merc[rows]
        step = np.hypot(*np.diff(xy, axis=0, prepend=xy[:1]).T)
        step[first] = 0.0
        on_ground = ground_steps(lonlat[rows])
        on_ground[first] = 0.0
        drawn, ground = np.cumsum(step), np.cumsum(on_ground)
        last = first + counts - 1
        whole = ground[last] - ground[first]
        at = np.interp(drawn[first][which] + along, drawn, ground) - ground[first][which]
        scale = np.divide(g.seg_length_m[unique], whole, out=np.zeros_like(whole), where=whole > 0)
        return np.asarray(np.clip(at * scale[which], 0.0, g.seg_length_m[segment]), dtype=np.float64)


def _reach(xy: FloatArray, max_m: float) -> float:
    """The distance in Mercator metres, where it is longest."""
    return 1.01 * max_m / float(ground_scale(xy[:, 1]).min()) + 1.0


def _lonlat(points: FloatArray | gpd.GeoSeries) -> FloatArray:
    if isinstance(points, gpd.GeoSeries):
        if points.crs is not None and not points.crs.equals(WGS84):
            points = points.to_crs(WGS84)
        found = np.full((len(points), 2), np.nan)
        there = ~(points.isna() | points.is_empty).to_numpy(dtype=bool)
        found[there] = shapely.get_coordinates(points[there].to_numpy())
        return found
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def snap(
    graph: RoadGraph,
    points: FloatArray | gpd.GeoSeries,
    *,
    max_m: float = SNAP_M,
    usable: BoolArray | None = None,
) -> Snapped:
    """Snap points once; see :meth:`Snapper.snap`."""
    return (graph.snapper if usable is None else Snapper(graph, usable)).snap(points, max_m=max_m)
