"""Look-ups on a road graph that all routes share: edges of a segment, edges out of a node, drawn paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ..graph import FloatArray, IntArray, RoadGraph
from .geometry import dense_lines, ground_steps, mercator
from .roundabouts import roundabout_numbers


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

    @cached_property
    def _dense(self) -> tuple[FloatArray, IntArray]:
        return dense_lines(self.graph)

    @property
    def xy(self) -> FloatArray:
        """(c, 2) longitude, latitude of all vertices; long legs are divided."""
        return self._dense[0]

    @cached_property
    def merc(self) -> FloatArray:
        """(c, 2) Mercator coordinates of ``xy``."""
        return mercator(self.xy)

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
