"""Look-ups on a road graph that all routes share: edges, drawn paths, roundabouts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import shapely
from scipy import sparse
from scipy.sparse import csgraph
from shapely.geometry.base import BaseGeometry

from ..geometry import ground_scale, ground_steps, mercator
from ..graph import BoolArray, FloatArray, IntArray, RoadGraph


@dataclass(frozen=True, eq=False)
class RoadIndex:
    """A road graph with the look-ups routes need; make it once per graph."""

    graph: RoadGraph

    @cached_property
    def edge_of(self) -> IntArray:
        """(s, 2) directed edge of each segment along (column 0) and against (1) its drawing order, or -1."""
        found = np.full((self.graph.n_segments, 2), -1, dtype=np.int64)
        found[self.graph.edge_segment, self.graph.edge_reversed.astype(np.int64)] = np.arange(
            len(self.graph.edge_u)
        )
        return found

    @cached_property
    def opposite(self) -> IntArray:
        """(m,) the directed edge that runs the other way on the same segment, or -1."""
        g = self.graph
        return self.edge_of[g.edge_segment, 1 - g.edge_reversed.astype(np.int64)]

    @cached_property
    def degree(self) -> IntArray:
        """(n,) segment ends at each node; a loop counts twice."""
        g = self.graph
        return np.bincount(g.seg_u, minlength=g.n_nodes) + np.bincount(g.seg_v, minlength=g.n_nodes)

    @cached_property
    def out_ptr(self) -> IntArray:
        """(n + 1,) directed edges out of node i are ``out_edge[out_ptr[i]:out_ptr[i + 1]]``."""
        counts = np.bincount(self.graph.edge_u, minlength=self.graph.n_nodes)
        return np.concatenate([[0], np.cumsum(counts)])

    @cached_property
    def out_edge(self) -> IntArray:
        """(m,) directed edges ordered by their first node, then by id."""
        return np.argsort(self.graph.edge_u, kind="stable")

    @cached_property
    def _into(self) -> tuple[IntArray, IntArray]:
        """Directed edges ordered by their last node, then by id, and where each node's begin."""
        counts = np.bincount(self.graph.edge_v, minlength=self.graph.n_nodes)
        return np.argsort(self.graph.edge_v, kind="stable"), np.concatenate([[0], np.cumsum(counts)])

    def in_edges(self, node: int) -> IntArray:
        """Directed edges that arrive at a node, by id."""
        edges, ptr = self._into
        return edges[ptr[node] : ptr[node + 1]]

    @cached_property
    def roundabout(self) -> IntArray:
        """(s,) number of the roundabout each segment belongs to, or -1."""
        return roundabout_numbers(self.graph)

    @cached_property
    def _by_roundabout(self) -> tuple[IntArray, IntArray]:
        """Segments of roundabouts, ordered by roundabout, and where each begins."""
        at = np.flatnonzero(self.roundabout >= 0)
        at = at[np.argsort(self.roundabout[at], kind="stable")]
        number = self.roundabout[at]
        return at, np.searchsorted(number, np.arange(number.max(initial=-1) + 2))

    def roundabout_segments(self, number: int) -> IntArray:
        """(k,) rising positions of the segments of a roundabout."""
        at, ptr = self._by_roundabout
        return at[ptr[number] : ptr[number + 1]]

    @cached_property
    def node_roundabout(self) -> IntArray:
        """(n,) number of the roundabout each node lies on, or -1."""
        found = np.full(self.graph.n_nodes, -1, dtype=np.int64)
        circle = self.roundabout >= 0
        found[self.graph.seg_u[circle]] = self.roundabout[circle]
        found[self.graph.seg_v[circle]] = self.roundabout[circle]
        return found

    @cached_property
    def node_merc(self) -> FloatArray:
        """(n, 2) Mercator coordinates of the nodes."""
        return mercator(self.graph.node_xy)

    @cached_property
    def kind(self) -> IntArray:
        """(s, 2) codes of highway class and name of each segment; -1 is missing."""
        columns = (self.graph.segments["highway"], self.graph.segments["name"])
        return np.stack([pd.factorize(column.astype(object))[0] for column in columns], axis=1).astype(
            np.int64
        )

    @property
    def _dense(self) -> tuple[FloatArray, IntArray]:
        return self.graph.dense

    @property
    def xy(self) -> FloatArray:
        """(c, 2) longitude, latitude of all vertices; long legs are divided."""
        return self._dense[0]

    @property
    def merc(self) -> FloatArray:
        """(c, 2) Mercator coordinates of ``xy``."""
        return self.graph.dense_merc

    @cached_property
    def _step_m(self) -> FloatArray:
        """(c + 1,) length on the ground from the vertex before; 0 at the first vertex of a segment."""
        step = np.append(ground_steps(self.xy), 0.0)
        step[self._dense[1]] = 0.0
        return step

    @cached_property
    def bounds(self) -> FloatArray:
        """(s, 4) west, south, east, north of each segment, EPSG:4326."""
        start = self._dense[1][:-1]
        if not len(start):
            return np.empty((0, 4))
        low, high = (extreme.reduceat(self.xy, start, axis=0) for extreme in (np.minimum, np.maximum))
        return np.concatenate([low, high], axis=1)

    @cached_property
    def _area(self) -> list[BaseGeometry]:
        return []

    def area(self, polygon: BaseGeometry) -> BaseGeometry:
        """A polygon (EPSG:4326) in Mercator, prepared; the last one is kept, as drive after drive asks for it."""
        if not self._area or self._area[0] is not polygon:
            area = shapely.transform(polygon, mercator)
            shapely.prepare(area)
            self._area[:] = [polygon, area]
        return self._area[1]

    def path_vertices(self, edges: IntArray) -> tuple[IntArray, IntArray]:
        """Rows of ``xy`` along a path of directed edges, and the position in ``edges`` of each row."""
        g = self.graph
        seg, back = g.edge_segment[edges], g.edge_reversed[edges]
        ptr = self._dense[1]
        counts = ptr[seg + 1] - ptr[seg]
        which = np.repeat(np.arange(len(edges)), counts)
        step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        first = np.where(back, ptr[seg + 1] - 1, ptr[seg])
        return first[which] + np.where(back, -1, 1)[which] * step, which

    def path(self, edges: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the drawn path of directed edges.

        Parameters
        ----------
        edges : (k,) int64
            Directed edges in driving order.

        Returns
        -------
        xy : (p, 2) float64
            Mercator coordinates of the vertices; nodes between two edges appear twice.
        s_m : (p,) float64
            Driven length at each vertex, scaled so that each edge has its geodesic length.
        """
        return self.paths([edges])[0]

    def paths(self, many: Sequence[IntArray]) -> list[tuple[FloatArray, FloatArray]]:
        """Return several drawn paths at once; see :meth:`path`."""
        edges = np.concatenate([np.empty(0, np.int64), *many])
        rows, which = self.path_vertices(edges)
        # Drawn backwards, a step ends where it starts: its length stands one row further on.
        step = self._step_m[rows + self.graph.edge_reversed[edges][which]]
        drawn = np.bincount(which, weights=step, minlength=len(edges))
        length = self.graph.edge_length_m[edges]
        scale = np.divide(length, drawn, out=np.zeros_like(length), where=drawn > 0)
        xy, step = self.merc[rows], step * scale[which]
        ends = np.cumsum([len(path) for path in many])[:-1]
        cuts = [0, *np.searchsorted(which, ends).tolist(), len(rows)]
        return [(xy[a:b], np.cumsum(step[a:b])) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]

    def lonlat_path(self, edges: IntArray) -> FloatArray:
        """(p, 2) longitude, latitude along a path of directed edges, without repeated vertices."""
        rows, _ = self.path_vertices(edges)
        xy = self.xy[rows]
        keep = np.ones(len(xy), dtype=bool)
        keep[1:] = (np.diff(xy, axis=0) != 0).any(axis=1)
        return xy[keep]


# -- roundabouts, and small one-way circles that nobody tagged as such -----------------------------------


CIRCLE_M, CIRCLE_EDGES = 300.0, 16
"""An untagged circle is at most 300 m round and of at most 16 segments."""
ROUNDNESS = 0.7
"""Its area is at least 0.7 of that of a true circle of its length (a square has 0.79)."""


def roundabout_numbers(graph: RoadGraph) -> IntArray:
    """Number the roundabouts of a graph.

    Parameters
    ----------
    graph : RoadGraph

    Returns
    -------
    (s,) int64
        Number of the roundabout each segment belongs to, or -1. Circles that touch are one.
    """
    circle = (graph.segments["junction"].astype(object) == "roundabout").to_numpy(dtype=bool)
    circle = circle | _untagged(graph, circle)
    found = np.full(graph.n_segments, -1, dtype=np.int64)
    if circle.any():
        ends = (graph.seg_u[circle], graph.seg_v[circle])
        touching = sparse.coo_array((np.ones(circle.sum()), ends), shape=(graph.n_nodes, graph.n_nodes))
        label = csgraph.connected_components(touching, directed=False)[1]
        found[circle] = np.unique(label[graph.seg_u[circle]], return_inverse=True)[1]
    return found


def _untagged(graph: RoadGraph, tagged: BoolArray) -> BoolArray:
    """Mark the segments of small one-way circles; only numbered roads are looked at as starts."""
    link = graph.segments["highway"].astype(object).astype("string").str.endswith("_link").fillna(False)
    oneway = (graph.seg_forward != graph.seg_backward) & ~tagged & ~link.to_numpy(dtype=bool)
    oneway &= graph.seg_length_m <= CIRCLE_M
    numbered = graph.segments["ref"].notna().to_numpy(dtype=bool)
    walker = _CircleWalker(graph, np.flatnonzero(oneway))
    found = np.zeros(graph.n_segments, dtype=bool)
    for seg in np.flatnonzero(oneway & numbered).tolist():
        if not found[seg]:
            found[walker.circle(seg)] = True
    return found


class _CircleWalker:
    """Walks one-way segments, always bearing to one side."""

    def __init__(self, graph: RoadGraph, segments: IntArray) -> None:
        self.graph = graph
        ahead = graph.seg_forward[segments]
        starts = np.where(ahead, graph.seg_u[segments], graph.seg_v[segments])
        ends = np.where(ahead, graph.seg_v[segments], graph.seg_u[segments])
        self.start = dict(zip(segments.tolist(), starts.tolist(), strict=True))
        self.end = dict(zip(segments.tolist(), ends.tolist(), strict=True))
        self.out: dict[int, list[int]] = {}
        for seg, node in self.start.items():
            self.out.setdefault(node, []).append(seg)

    def circle(self, seg: int) -> list[int]:
        """Segments of the small circle through ``seg``, or none."""
        for side in (1.0, -1.0):
            walk, length = [seg], float(self.graph.seg_length_m[seg])
            while self.end[walk[-1]] != self.start[seg] and len(walk) < CIRCLE_EDGES:
                step = self._next(walk[-1], side)
                if step is None or step in walk:
                    break
                length += float(self.graph.seg_length_m[step])
                walk.append(step)
                if length > CIRCLE_M:
                    break
            if self.end[walk[-1]] == self.start[seg] and length <= CIRCLE_M and self._is_round(walk, length):
                return walk
        return []

    def _next(self, seg: int, side: float) -> int | None:
        """Return the way on that bears most to one side, short of turning round."""
        x0, y0 = self._heading(seg, last=True)
        best, best_turn = None, -math.inf
        for step in sorted(self.out.get(self.end[seg], [])):
            x1, y1 = self._heading(step, last=False)
            turn = side * math.degrees(math.atan2(x0 * y1 - y0 * x1, x0 * x1 + y0 * y1))
            if best_turn < turn < 150.0:
                best, best_turn = step, turn
        return best

    def _drawn(self, seg: int) -> FloatArray:
        xy = mercator(self.graph.xy[self.graph.seg_ptr[seg] : self.graph.seg_ptr[seg + 1]])
        return xy if self.graph.seg_forward[seg] else xy[::-1]

    def _heading(self, seg: int, *, last: bool) -> tuple[float, float]:
        xy = self._drawn(seg)
        dx, dy = (xy[-1] - xy[-2]) if last else (xy[1] - xy[0])
        return float(dx), float(dy)

    def _is_round(self, walk: list[int], length_m: float) -> bool:
        xy = np.concatenate([self._drawn(seg) for seg in walk])
        scale = ground_scale(xy[0, 1])
        x, y = (xy - xy[0]).T * scale
        area = abs(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())) / 2.0
        return area * 4.0 * math.pi >= ROUNDNESS * length_m**2
