"""Driving distances between exact places on the roads, bounded and local.

A search with a limit only looks at the part of the network that lies within the limit in a straight line, so
that its cost grows with the number of places and not with the size of the country.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from ..errors import NetworkError
from ..units import M_PER_KM
from .cutting import cut_segments
from .geometry import earth_centred
from .graph import FloatArray, IntArray, RoadGraph, shortest_csr
from .snapping import SNAP_M, Snapped, Snapper, join_snapped, main_segments, snap

AT_NODE_M = 0.05
"""A place so close to the end of a segment lies at the junction, whichever way the segment may be driven."""
BLOCK = 64
"""Sources searched at once."""
MOST_PAIRS = 10_000_000
"""Pairs of places within reach of each other that are looked at, some 1 GB: 30 000 places that were all put on one spot
would make 900 million."""
MAX_CELLS = 20_000_000
"""Largest number of distances held at once."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Distances between sources and targets, where within the limit.

    Attributes
    ----------
    source, target : (p,) int64
        Positions in the arrays that were asked for; ordered by source, then target.
    distance_m : (p,) float64
        In the unit of the costs (metres unless costs were given).
    shape : (int, int)
        Number of sources and of targets.
    """

    source: IntArray
    target: IntArray
    distance_m: FloatArray
    shape: tuple[int, int]

    def csr(self) -> sparse.csr_array:
        """(sources, targets) matrix; a distance of 0 is stored as 1e-6, as "no entry" means out of reach."""
        data = np.maximum(self.distance_m, 1e-6)
        return sparse.csr_array((data, (self.source, self.target)), shape=self.shape)


class AnchoredGraph:
    """A road graph with k places put in as nodes ``n … n + k - 1``; roads are cut there, one-way stays one-way.

    Parameters
    ----------
    graph : RoadGraph
    snapped : Snapped, optional
        The places. What is not snapped becomes a node without roads.
    seg_cost : (s,) float64, optional
        Cost of each segment other than its length, for example seconds; must be positive.
    """

    def __init__(
        self, graph: RoadGraph, snapped: Snapped | None = None, seg_cost: FloatArray | None = None
    ) -> None:
        self.graph = graph
        self.snapped = snapped
        self.seg_cost = graph.seg_length_m if seg_cost is None else np.asarray(seg_cost, dtype=np.float64)
        self.n_anchors = 0 if snapped is None else len(snapped.segment)

    @property
    def n(self) -> int:
        """Number of nodes, places included."""
        return self.graph.n_nodes + self.n_anchors

    @cached_property
    def anchors(self) -> IntArray:
        """(k,) node of each place."""
        return self.graph.n_nodes + np.arange(self.n_anchors)

    @cached_property
    def csr(self) -> sparse.csr_array:
        """(n + k, n + k) directed adjacency."""
        g = self.graph
        cut = np.zeros(g.n_segments, dtype=bool)
        u, v, cost = self._pieces(cut)
        whole = ~cut[g.edge_segment]
        return shortest_csr(
            np.concatenate([g.edge_u[whole], u]),
            np.concatenate([g.edge_v[whole], v]),
            np.concatenate([self.seg_cost[g.edge_segment][whole], cost]),
            self.n,
        )

    @cached_property
    def csr_reversed(self) -> sparse.csr_array:
        """The same with every road driven the other way: distances *to* a place."""
        return self.csr.T.tocsr()

    def _pieces(
        self, cut: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ) -> tuple[IntArray, IntArray, FloatArray]:
        """Directed pieces of the segments that hold places; marks those segments in ``cut``."""
        g = self.graph
        if self.snapped is None or not self.snapped.found.any():
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        a, b, length, of, _ = cut_segments(g, self.snapped)
        cut[of] = True
        share = np.divide(length, g.seg_length_m[of], out=np.zeros_like(length), where=g.seg_length_m[of] > 0)
        cost = np.maximum(share, 0.0) * self.seg_cost[of]
        ahead, back = g.seg_forward[of], g.seg_backward[of]
        at = np.flatnonzero(self.snapped.found)
        offset, whole = self.snapped.offset_m[at], g.seg_length_m[self.snapped.segment[at]]
        low, high = at[offset <= AT_NODE_M], at[offset >= whole - AT_NODE_M]
        here = np.concatenate([g.n_nodes + low, g.n_nodes + high])
        there = np.concatenate([g.seg_u[self.snapped.segment[low]], g.seg_v[self.snapped.segment[high]]])
        return (
            np.concatenate([a[ahead], b[back], here, there]),
            np.concatenate([b[ahead], a[back], there, here]),
            np.concatenate([cost[ahead], cost[back], np.zeros(2 * len(here))]),
        )

    @cached_property
    def lonlat(self) -> FloatArray:
        """(n + k, 2) longitude, latitude."""
        if self.snapped is None:
            return self.graph.node_xy
        return np.concatenate([self.graph.node_xy, self.snapped.xy])

    @cached_property
    def xyz(self) -> FloatArray:
        """(n + k, 3) geocentric coordinates, metres: straight lines between them are shorter than any road."""
        return earth_centred(self.lonlat).T.copy()

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.xyz)

    @cached_property
    def m_per_cost(self) -> float:
        """Most metres that one unit of cost can buy (1 if the costs are lengths)."""
        used = self.seg_cost > 0
        return float(np.max(self.graph.seg_length_m[used] / self.seg_cost[used], initial=0.0)) or 1.0

    def near(self, nodes: IntArray, limit: float) -> IntArray:
        """Nodes that can lie within a cost of ``limit`` of some of the nodes; sorted."""
        xyz = self.xyz[nodes]
        centre = (xyz.min(axis=0) + xyz.max(axis=0)) / 2.0
        radius = float(np.sqrt(((xyz - centre) ** 2).sum(axis=1)).max())
        reach = radius + 1.0 + 1.001 * limit * self.m_per_cost
        return np.sort(np.asarray(self._tree.query_ball_point(centre, reach), dtype=np.int64))


def distances_within(
    anchored: AnchoredGraph,
    sources: IntArray,
    targets: IntArray,
    limit_m: float,
    *,
    reverse: bool = False,
) -> Pairs:
    """Driving distances from each source to the targets within a limit.

    Parameters
    ----------
    anchored : AnchoredGraph
    sources, targets : (a,) and (b,) int64
        Nodes of ``anchored``; repeats are allowed.
    limit_m : float
        Largest distance (or cost), may be infinite.
    reverse : bool
        True for distances *to* the sources.

    Returns
    -------
    Pairs

    Raises
    ------
    NetworkError
        If there are more than :data:`MOST_PAIRS`.
    """
    sources, targets = np.asarray(sources, dtype=np.int64), np.asarray(targets, dtype=np.int64)
    unique, which = np.unique(targets, return_inverse=True)
    slot = np.full(anchored.n, -1, dtype=np.int64)
    slot[unique] = np.arange(len(unique))
    repeats = np.bincount(which, minlength=len(unique))
    parts = []
    n_pairs = 0
    for block, nodes, dist in _searches(anchored, sources, limit_m, reverse=reverse):
        cols = np.flatnonzero(slot[nodes] >= 0)
        row, col = np.nonzero(np.isfinite(dist[:, cols]))
        parts.append((block[row], slot[nodes[cols[col]]], dist[row, cols[col]]))
        n_pairs += int(repeats[parts[-1][1]].sum())
        if n_pairs > MOST_PAIRS:
            raise NetworkError("pairs-crowded", most=f"{MOST_PAIRS:,}", km=limit_m / M_PER_KM)
    found = _concat(parts)
    return _for_repeated(found, which, len(unique), (len(sources), len(targets)))


Part = tuple[IntArray, IntArray, FloatArray]


def _concat(parts: list[Part]) -> Part:
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    a, b, c = zip(*parts, strict=True)
    return np.concatenate(a), np.concatenate(b), np.concatenate(c)


def _for_repeated(found: Part, which: IntArray, n_unique: int, shape: tuple[int, int]) -> Pairs:
    """Give each repeated target its own column; order by source, then target."""
    source, column, distance = found
    order = np.argsort(which, kind="stable")
    counts = np.bincount(which, minlength=n_unique)
    first = np.cumsum(counts) - counts
    times = counts[column]
    within = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    target = order[np.repeat(first[column], times) + within]
    source, distance = np.repeat(source, times), np.repeat(distance, times)
    by = np.lexsort((target, source))
    return Pairs(source[by], target[by], distance[by], shape)


def _searches(
    anchored: AnchoredGraph, sources: IntArray, limit_m: float, *, reverse: bool
) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
    """Search from neighbouring sources at once: their positions, the nodes looked at, the distances."""
    matrix = anchored.csr_reversed if reverse else anchored.csr
    local = np.full(anchored.n, -1, dtype=np.int64)
    for block in _blocks(anchored, sources, limit_m):
        nodes = (
            anchored.near(sources[block], limit_m)
            if np.isfinite(limit_m)
            else np.arange(anchored.n, dtype=np.int64)
        )
        part = subgraph(matrix, nodes, local)
        start = np.searchsorted(nodes, sources[block])
        step = max(1, MAX_CELLS // max(1, len(nodes)))
        for k in range(0, len(block), step):
            dist = csgraph.dijkstra(part, directed=True, indices=start[k : k + step], limit=limit_m)
            yield block[k : k + step], nodes, np.atleast_2d(dist)


def _blocks(anchored: AnchoredGraph, sources: IntArray, limit_m: float) -> Iterator[IntArray]:
    """Positions of sources in neighbourhoods no wider than the limit, ``BLOCK`` at most at once."""
    if not len(sources):
        return
    lonlat = anchored.lonlat[sources]
    reach = limit_m * anchored.m_per_cost if np.isfinite(limit_m) else 1e7
    cell_deg = max(reach, 500.0) / 111_000.0
    cell = np.floor(
        lonlat / (cell_deg / np.array([max(0.05, float(np.cos(np.radians(lonlat[:, 1])).min())), 1.0]))
    )
    order = np.lexsort((np.arange(len(sources)), cell[:, 1], cell[:, 0]))
    change = np.ones(len(order), dtype=bool)
    change[1:] = (np.diff(cell[order], axis=0) != 0).any(axis=1)
    starts = np.append(np.flatnonzero(change), len(order))
    for low, high in zip(starts[:-1], starts[1:], strict=True):
        for k in range(low, high, BLOCK):
            yield order[k : min(k + BLOCK, high)]


def subgraph(matrix: sparse.csr_array, nodes: IntArray, local: IntArray) -> sparse.csr_array:
    """Rows and columns of some nodes, in time that depends on them alone. ``local`` is scratch, all -1."""
    first, counts = matrix.indptr[nodes].astype(np.int64), np.diff(matrix.indptr)[nodes].astype(np.int64)
    row = np.repeat(np.arange(len(nodes)), counts)
    take = np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    local[nodes] = np.arange(len(nodes))
    column = local[matrix.indices[take]]
    local[nodes] = -1
    keep = column >= 0
    ptr = np.concatenate([[0], np.cumsum(np.bincount(row[keep], minlength=len(nodes)))])
    return sparse.csr_array((matrix.data[take][keep], column[keep], ptr), shape=(len(nodes), len(nodes)))


def nearest_source(
    anchored: AnchoredGraph, sources: IntArray, *, limit_m: float = np.inf, reverse: bool = False
) -> tuple[FloatArray, IntArray]:
    """Distance from the nearest source to every node, in one search.

    Parameters
    ----------
    anchored : AnchoredGraph
    sources : (a,) int64
        Nodes.
    limit_m : float
        Largest distance.
    reverse : bool
        True for distances to the nearest source.

    Returns
    -------
    distance_m : (n,) float64
        Infinite where nothing is in reach.
    source : (n,) int64
        Position in ``sources`` of the nearest one, -1 where nothing is in reach.
    """
    sources = np.asarray(sources, dtype=np.int64)
    if not len(sources):
        return np.full(anchored.n, np.inf), np.full(anchored.n, -1, dtype=np.int64)
    unique, first = np.unique(sources, return_index=True)
    matrix = anchored.csr_reversed if reverse else anchored.csr
    dist, _, root = csgraph.dijkstra(
        matrix, directed=True, indices=unique, limit=limit_m, min_only=True, return_predecessors=True
    )
    position = np.full(anchored.n, -1, dtype=np.int64)
    position[unique] = first
    return dist, np.where(np.isfinite(dist), position[np.maximum(root, 0)], -1)


def nearest_distance(
    graph: RoadGraph,
    origins: Snapped,
    goals: Snapped,
    *,
    seg_cost: FloatArray | None = None,
) -> FloatArray:
    """Driving distance (or time) from each origin to its nearest goal, in one search.

    Parameters
    ----------
    graph : RoadGraph
    origins, goals : Snapped
        Exact places, such as demand points and charging sites.
    seg_cost : (s,) float64, optional
        Cost of each segment other than its length, for example seconds.

    Returns
    -------
    (k,) float64
        Metres, or the unit of the costs; infinite where nothing is in reach or the origin was not snapped.
    """
    anchored = AnchoredGraph(graph, join_snapped(origins, goals), seg_cost)
    first = anchored.anchors[: len(origins.segment)]
    there = anchored.anchors[len(origins.segment) :][goals.found]
    distance, _ = nearest_source(anchored, there, reverse=True)
    return np.where(origins.found, distance[first], np.inf)


__all__ = [
    "SNAP_M",
    "AnchoredGraph",
    "Pairs",
    "Snapped",
    "Snapper",
    "distances_within",
    "join_snapped",
    "main_segments",
    "nearest_distance",
    "nearest_source",
    "snap",
    "subgraph",
]
