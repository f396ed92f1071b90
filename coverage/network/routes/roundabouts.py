"""Roundabouts, and small one-way circles that nobody tagged as such."""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from ..graph import BoolArray, FloatArray, IntArray, RoadGraph
from .geometry import ground_scale, mercator

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
