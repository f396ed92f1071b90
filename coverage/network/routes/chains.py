"""Chains: the pieces of one road number between places where something can branch.

Two segments that meet where nothing else does belong to one chain, so that it makes no difference where
ways are cut, and in which order they are drawn.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from ..graph import FloatArray, IntArray
from .index import RoadIndex

LOOK_M = 20.0
"""How far along a chain its direction at the end is taken."""


MAX_TURN_ONEWAY_DEG, MAX_TURN_MIXED_DEG = 120.0, 165.0
"""Sharper turns between two one-way roads, or a one-way and a two-way road, are ends, not the road going on:
where two carriageways meet at the end of a dual road, one doesn't turn round onto the other."""
Arc = tuple[int, int]
"""(chain, direction); direction 1 runs against the chain's order."""


@dataclass(frozen=True, eq=False)
class Chain:
    """A piece of road without branches: directed edges in one driving order, and whether both ways are allowed."""

    edges: IntArray
    two_way: bool


@dataclass(frozen=True, eq=False)
class ChainEnd:
    """One end of a chain at a node.

    Attributes
    ----------
    chain, last : int
        Number of the chain; 0 for its first end, 1 for its last.
    node : int
        Position of the node.
    arrive, leave : bool
        Can one arrive at the node along the chain, and leave it?
    away : (2,) float64
        Unit vector from the node into the chain.
    look_xy : (2,) float64
        Mercator point up to ``LOOK_M`` into the chain.
    kind : tuple
        Codes of highway class and name beside the node (-1 is missing), to prefer the same road.
    """

    chain: int
    last: int
    node: int
    arrive: bool
    leave: bool
    away: FloatArray
    look_xy: FloatArray
    kind: tuple[int, int]

    @property
    def leaving(self) -> Arc:
        """The arc that leaves the node."""
        return self.chain, self.last

    @property
    def arriving(self) -> Arc:
        """The arc that arrives at the node."""
        return self.chain, 1 - self.last


def turn_deg(a: FloatArray, b: FloatArray) -> float:
    """Turn in degrees from arriving against ``a`` to leaving along ``b``; 0 is straight on. Symmetric."""
    return 180.0 - math.degrees(math.acos(max(-1.0, min(1.0, float(a[0] * b[0] + a[1] * b[1])))))


def limit_deg(a: ChainEnd, b: ChainEnd) -> float:
    """The sharpest turn from one end to another that is the road going on."""
    oneway = int(not (a.arrive and a.leave)) + int(not (b.arrive and b.leave))
    return (180.0, MAX_TURN_MIXED_DEG, MAX_TURN_ONEWAY_DEG)[oneway]


def make_chains(index: RoadIndex, segments: IntArray) -> list[Chain]:
    """Join segments through nodes where exactly two segments meet.

    Parameters
    ----------
    index : RoadIndex
    segments : (k,) int64
        Rising positions of the segments of one road number.

    Returns
    -------
    list of Chain
        Each edge of the segments in exactly one chain (of a two-way chain, one of its two directions).
    """
    graph = index.graph
    ends: dict[int, list[int]] = defaultdict(list)
    for seg in segments.tolist():
        ends[int(graph.seg_u[seg])].append(seg)
        ends[int(graph.seg_v[seg])].append(seg)
    walker = _Walker(index, ends)
    return walker.chains(segments)


class _Walker:
    """Walks chains; keeps which segments are done."""

    def __init__(self, index: RoadIndex, ends: dict[int, list[int]]) -> None:
        self.index, self.ends = index, ends
        self.done: set[int] = set()

    def chains(self, segments: IntArray) -> list[Chain]:
        g = self.index.graph
        borders = [
            s
            for s in segments.tolist()
            if not (self._passes(int(g.seg_u[s])) and self._passes(int(g.seg_v[s])))
        ]
        starts = borders + self._northmost_first(segments)
        return [self._walk(seg) for seg in starts if seg not in self.done]

    def _northmost_first(self, segments: IntArray) -> list[int]:
        """Loops without any branch start at their northernmost (then westernmost) node."""
        g = self.index.graph
        xy = g.node_xy[g.seg_u[segments]]
        return segments[np.lexsort((xy[:, 0], -xy[:, 1]))].tolist()  # type: ignore[no-any-return]

    def _passes(self, node: int) -> bool:
        """Whether a node just joins two segments of the road that are driven alike."""
        two = self.ends[node]
        if self.index.degree[node] != 2 or len(two) != 2 or two[0] == two[1]:
            return False
        g = self.index.graph
        away = [
            (g.seg_forward[s], g.seg_backward[s])
            if g.seg_u[s] == node
            else (g.seg_backward[s], g.seg_forward[s])
            for s in two
        ]
        return bool(away[0] == away[1][::-1])

    def _walk(self, seg: int) -> Chain:
        """Walk from a segment both ways to where the chain ends."""
        g = self.index.graph
        self.done.add(seg)
        start, end = int(g.seg_u[seg]), int(g.seg_v[seg])
        pieces = [(seg, 0)]
        while self._passes(end) and (step := self._next(end)) is not None:
            pieces.append(step)
            end = int((g.seg_v, g.seg_u)[step[1]][step[0]])
        while self._passes(start) and (step := self._next(start)) is not None:
            pieces.insert(0, (step[0], 1 - step[1]))
            start = int((g.seg_v, g.seg_u)[step[1]][step[0]])
        table = np.array(pieces)
        along = self.index.edge_of[table[:, 0], table[:, 1]]
        against = self.index.edge_of[table[::-1, 0], 1 - table[::-1, 1]]
        if (along < 0).any():
            return Chain(against, two_way=False)
        return Chain(along, two_way=bool((against >= 0).all()))

    def _next(self, node: int) -> tuple[int, int] | None:
        for seg in self.ends[node]:
            if seg not in self.done:
                self.done.add(seg)
                return seg, int(self.index.graph.seg_u[seg] != node)
        return None


def chain_ends(index: RoadIndex, chains: list[Chain]) -> list[ChainEnd]:
    """Both ends of each chain, ``[first of 0, last of 0, first of 1, …]``."""
    found = []
    drawn = index.paths([chain.edges for chain in chains])
    for number, (chain, (xy, s_m)) in enumerate(zip(chains, drawn, strict=True)):
        found += [_end(index, number, chain, last, xy, s_m) for last in (0, 1)]
    return found


def _end(index: RoadIndex, number: int, chain: Chain, last: int, xy: FloatArray, s_m: FloatArray) -> ChainEnd:
    graph = index.graph
    edge = int(chain.edges[-last])
    node = int((graph.edge_u, graph.edge_v)[last][edge])
    reach = min(LOOK_M, s_m[-1])
    at = s_m[-1] - reach if last else reach
    look = np.array([np.interp(at, s_m, xy[:, 0]), np.interp(at, s_m, xy[:, 1])])
    away = look - xy[-last]
    size = float(np.hypot(*away))
    if size == 0.0:  # a loop shorter than twice the look, or a segment without length
        away, size = np.array([0.0, 1.0]), 1.0
    highway, name = index.kind[graph.edge_segment[edge]].tolist()
    return ChainEnd(
        chain=number,
        last=last,
        node=node,
        arrive=chain.two_way or last == 1,
        leave=chain.two_way or last == 0,
        away=away / size,
        look_xy=look,
        kind=(highway, name),
    )
