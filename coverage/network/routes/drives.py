"""Drives: what one follows when keeping to one road number in one direction.

At each node every way in continues on the straightest way out; a roundabout is one place whose driven part
belongs to the drive. A two-way road gives two drives, a dual carriageway too, and so do one-way pairs in towns.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..graph import BoolArray, FloatArray, IntArray
from .chains import Chain, ChainEnd, chain_ends, make_chains
from .geometry import mercator
from .index import RoadIndex

OTHER_CLASS_DEG, OTHER_NAME_DEG = 30.0, 15.0
"""A change of highway class, or of name, counts like so much of a turn."""
MAX_TURN_ONEWAY_DEG, MAX_TURN_MIXED_DEG = 120.0, 165.0
"""Sharper turns between two one-way roads, or a one-way and a two-way road, are ends, not the road going on:
where two carriageways meet at the end of a dual road, one doesn't turn round onto the other."""


@dataclass(frozen=True, eq=False)
class Path:
    """Directed edges in driving order, and for each whether it bears the road number (``own``).

    ``ring`` says whether the end joins the start.
    """

    edges: IntArray
    own: BoolArray
    ring: bool = False


def find_drives(index: RoadIndex, segments: IntArray) -> tuple[list[Path], IntArray]:
    """Follow one road number.

    Parameters
    ----------
    index : RoadIndex
    segments : (k,) int64
        Rising positions of its segments.

    Returns
    -------
    drives : list of Path
        Each directed edge of the number in exactly one of them, except
    aside : (k,) int64
        segments of roundabouts that no drive passes.
    """
    circles = _circles_on_the_way(index, segments)
    on_circle = np.isin(index.roundabout[segments], list(circles))
    chains = make_chains(index, segments[~on_circle])
    follow = _match(index, chains, circles)
    drives = _join(index, chains, follow, segments)
    driven = np.concatenate([np.empty(0, np.int64), *(drive.edges for drive in drives)])
    return drives, np.setdiff1d(segments[on_circle], index.graph.edge_segment[driven])


def _circles_on_the_way(index: RoadIndex, segments: IntArray) -> set[int]:
    """Roundabouts that some segment of the number, not on a roundabout itself, touches."""
    approach = segments[index.roundabout[segments] < 0]
    nodes = np.concatenate([index.graph.seg_u[approach], index.graph.seg_v[approach]])
    return set(index.node_roundabout[nodes].tolist()) - {-1}


Follow = dict[tuple[int, int], tuple[int, int, IntArray]]
"""(chain, direction) -> (chain, direction, roundabout edges between); direction 1 runs against the chain's order."""


def _match(index: RoadIndex, chains: list[Chain], circles: set[int]) -> Follow:
    """Decide at each node or roundabout which way in continues on which way out."""
    places: dict[tuple[int, int], list[ChainEnd]] = defaultdict(list)
    for end in chain_ends(index, chains):
        circle = int(index.node_roundabout[end.node])
        places[(1, circle) if circle in circles else (0, end.node)].append(end)
    follow: Follow = {}
    for (is_circle, number), ends in places.items():
        ways = _Circle(index, number) if is_circle else None
        follow.update(_match_place(ends, ways))
    return follow


def _match_place(ends: list[ChainEnd], circle: _Circle | None) -> Follow:
    """Straightest first, each way in and each way out used once. Ties: by bearing, then by chain."""
    outward = [end.away if circle is None else circle.outward(end) for end in ends]
    options = []
    for i, a in enumerate(ends):
        for j, b in enumerate(ends):
            if i != j and a.arrive and b.leave:
                turn = _turn(outward[i], outward[j])
                if turn <= _limit(a, b):
                    pair = sorted([_bearing(outward[i]), _bearing(outward[j])])
                    options.append((round(turn + _penalty(a, b), 6), pair, min(i, j), max(i, j), i, j))
    follow: Follow = {}
    arrived: set[int] = set()
    left: set[int] = set()
    for *_, i, j in sorted(options):
        if i in arrived or j in left:
            continue
        way = np.empty(0, dtype=np.int64) if circle is None else circle.way(ends[i].node, ends[j].node)
        if way is None:
            continue
        arrived.add(i)
        left.add(j)
        follow[(ends[i].chain, 1 - ends[i].last)] = (ends[j].chain, ends[j].last, way)
    return follow


def _turn(a: FloatArray, b: FloatArray) -> float:
    """Turn in degrees from arriving against ``a`` to leaving along ``b``; 0 is straight on. Symmetric."""
    return 180.0 - math.degrees(math.acos(max(-1.0, min(1.0, float(a[0] * b[0] + a[1] * b[1])))))


def _bearing(a: FloatArray) -> float:
    return round(math.degrees(math.atan2(a[0], a[1])) % 360.0, 6)


def _limit(a: ChainEnd, b: ChainEnd) -> float:
    oneway = int(not (a.arrive and a.leave)) + int(not (b.arrive and b.leave))
    return (180.0, MAX_TURN_MIXED_DEG, MAX_TURN_ONEWAY_DEG)[oneway]


def _penalty(a: ChainEnd, b: ChainEnd) -> float:
    other_class = OTHER_CLASS_DEG if a.kind[0] != b.kind[0] else 0.0
    named = a.kind[1] >= 0 and b.kind[1] >= 0
    return other_class + (OTHER_NAME_DEG if named and a.kind[1] != b.kind[1] else 0.0)


class _Circle:
    """One roundabout: its centre, and the way round from one node to another."""

    def __init__(self, index: RoadIndex, number: int) -> None:
        graph = index.graph
        self.index = index
        self.segments = index.roundabout_segments(number)
        nodes = np.unique(np.concatenate([graph.seg_u[self.segments], graph.seg_v[self.segments]]))
        xy = index.node_merc[nodes]
        rows = np.concatenate([np.arange(graph.seg_ptr[s], graph.seg_ptr[s + 1]) for s in self.segments])
        drawn = mercator(graph.xy[rows])
        self.centre = (drawn.min(axis=0) + drawn.max(axis=0)) / 2.0 if len(drawn) else xy.mean(axis=0)
        edges = index.edge_of[self.segments].ravel()
        self.edges = edges[edges >= 0]

    def outward(self, end: ChainEnd) -> FloatArray:
        """Unit vector from the centre to a point on the chain; robust where approaches flare."""
        away = end.look_xy - self.centre
        size = float(np.hypot(*away))
        return away / size if size > 0 else end.away

    def way(self, start: int, end: int) -> IntArray | None:
        """Shortest way on the circle between two of its nodes, or None."""
        return shortest_way(self.index, self.edges.tolist(), start, end)


def shortest_way(index: RoadIndex, edges: Iterable[int], start: int, end: int) -> IntArray | None:
    """Shortest path on a few directed edges, as edges; None if there is none. Ties: by edge id."""
    graph = index.graph
    out: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        out[int(graph.edge_u[edge])].append(edge)
    queue: list[tuple[float, tuple[int, ...], int]] = [(0.0, (), start)]
    done: set[int] = set()
    while queue:
        length, way, node = heapq.heappop(queue)
        if node == end:
            return np.array(way, dtype=np.int64)
        if node in done:
            continue
        done.add(node)
        for edge in out[node]:
            heapq.heappush(
                queue, (length + float(graph.edge_length_m[edge]), (*way, edge), int(graph.edge_v[edge]))
            )
    return None


def _join(index: RoadIndex, chains: list[Chain], follow: Follow, segments: IntArray) -> list[Path]:
    """String chains together as matched; what has no start is a ring."""
    arcs = [(c, d) for c, chain in enumerate(chains) for d in ((0, 1) if chain.two_way else (0,))]
    followed = {(c, d) for c, d, _ in follow.values()}
    done: set[tuple[int, int]] = set()
    found = []
    for arc in [a for a in arcs if a not in followed] + arcs:
        if arc in done:
            continue
        pieces: list[IntArray] = []
        step: tuple[int, int] | None = arc
        while step is not None and step not in done:
            done.add(step)
            chain = chains[step[0]]
            pieces.append(index.opposite[chain.edges[::-1]] if step[1] else chain.edges)
            after = follow.get(step)
            step = None
            if after is not None:
                pieces.append(after[2])
                step = after[:2]
        edges = np.concatenate(pieces)
        found.append(Path(edges, _among(index.graph.edge_segment[edges], segments), ring=step == arc))
    return found


def _among(values: IntArray, rising: IntArray) -> BoolArray:
    """Which values are among the rising ones."""
    at = np.minimum(np.searchsorted(rising, values), len(rising) - 1)
    return np.asarray(rising[at] == values)
