"""Parallel carriageways: where a number runs on more than one pair, those that are not the road.

Express and local lanes, old and new tunnel tubes: one keeps straight on along one of them, and the others leave it
and come back to it, or run beside it. They add nothing to the length of a route.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..graph import FloatArray, IntArray
from .drives import Path
from .forks import STUB_M
from .index import RoadIndex
from .model import Drive, ParallelCarriageway, Section
from .pairing import BESIDE_M, MIN_OVERLAP_M, Samples, in_order, measure, sample, shared_places

NEAR_M, NEAR_SHARE = 300.0, 0.8
"""A carriageway that doesn't meet the road at both ends runs beside it, this close, for this share of its length."""
SAME_WAY_COS = 0.7
"""Headings of one direction differ by less than 45 degrees."""
_BLOCK = 50_000
"""Samples whose neighbours are looked for at once, some 100 MB."""
CROSS_M = 1000.0
"""Ways from the road onto a carriageway beside it, and back, are looked for up to this length."""


@dataclass(frozen=True, eq=False)
class Beside:
    """Edges of a parallel carriageway, and those of the road at whose start one leaves and at whose end one returns."""

    edges: IntArray
    leave: int
    join: int


def part(index: RoadIndex, paths: list[Path]) -> tuple[list[Path], list[Beside]]:
    """Part the drives of a road number in those of the road and those beside it.

    Parameters
    ----------
    index : RoadIndex
    paths : list of Path

    Returns
    -------
    road : list of Path
    beside : list of Beside
        Drives that leave another and come back to it further on, never more than 1 km from it; drives over 1 km
        that run beside a longer one in the same direction; pieces up to 500 m from one drive to another. A two-way
        road is a section of its own instead.
    """
    if len(paths) < 3:
        return paths, []
    return _Family(index, paths).part()


Span = tuple[int, int, int]
"""A drive, and the positions of its edges before which one leaves it and comes back to it."""


class _Family:
    """The drives of a number, the longest first, and which run beside which."""

    def __init__(self, index: RoadIndex, paths: list[Path]) -> None:
        graph, circle = index.graph, index.node_roundabout
        self.drives = in_order(index, [measure(index, path) for path in paths])
        place = np.where(circle >= 0, graph.n_nodes + circle, np.arange(graph.n_nodes))
        self.places = [
            place[np.append(graph.edge_u[d.path.edges], graph.edge_v[d.path.edges[-1]])] for d in self.drives
        ]
        self.at: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for k, stops in enumerate(self.places):
            for i, stop in enumerate(stops.tolist()):
                self.at[stop].append((k, i))
        self.samples = sample(index, self.drives, [np.zeros(len(d.path.edges), bool) for d in self.drives])
        self.near = _same_way(self.samples)
        # Samples and their neighbours stand drive by drive: those of drive k from first[k] to first[k + 1].
        numbers = np.arange(len(self.drives) + 1)
        self.first = np.searchsorted(self.samples.drive, numbers)
        self.first_near = np.searchsorted(self.samples.drive[self.near[0]], numbers)
        self.two_way = self._two_way(index)

    def _two_way(self, index: RoadIndex) -> set[int]:
        """Drives that share most of their road with one other, which shares most of its own with them."""
        found = set()
        for (a, b), stretches in shared_places(index, self.drives).items():
            shared = sum(s1 - s0 for s0, s1, _, _ in stretches)
            if 2.0 * shared > max(self.drives[a].length_m, self.drives[b].length_m):
                found |= {a, b}
        return found

    def part(self) -> tuple[list[Path], list[Beside]]:
        """Drives of the road, and those beside it."""
        spans: dict[int, Span] = {}
        size = -1
        while len(spans) > size:
            size = len(spans)
            for k in range(len(self.drives)):
                if k not in spans and k not in self.two_way and not self.drives[k].path.ring:
                    span = self._off_and_on(k, spans) or self._all_along(k, spans) or self._across(k, spans)
                    if span is not None:
                        spans[k] = span
        road = [drive.path for k, drive in enumerate(self.drives) if k not in spans]
        return road, [self._beside(k, spans) for k in spans]

    def _beside(self, k: int, spans: dict[int, Span]) -> Beside:
        road, leave, join = spans[k]
        while road in spans:
            road, leave, join = spans[road]
        edges = self.drives[road].path.edges
        return Beside(
            self.drives[k].path.edges,
            int(edges[min(leave, len(edges) - 1)]),
            int(edges[min(max(join - 1, 0), len(edges) - 1)]),
        )

    def _off_and_on(self, k: int, spans: dict[int, Span]) -> Span | None:
        """The drive that one begins and ends at, or at drives beside it."""
        starts, ends = (
            {(spans[r][0], spans[r][side]) if r in spans else (r, i) for r, i in self.at[int(stop)] if r != k}
            for stop, side in ((self.places[k][0], 1), (self.places[k][-1], 2))
        )
        for road, leave in sorted(starts):
            for joined, join in sorted(ends):
                onward = leave < join or self.drives[road].path.ring
                if road == joined != k and road not in spans and onward and self._close(k, road):
                    return road, leave, join
        return None

    def _across(self, k: int, spans: dict[int, Span]) -> Span | None:
        """The drive that a short piece leaves for another one (for the other direction, say)."""
        if self.drives[k].length_m > STUB_M:
            return None
        on, off = (
            [
                (r, i)
                for r, i in self.at[int(stop)]
                if r != k and r not in spans and 0 < i < len(self.places[r]) - 1
            ]
            for stop in (self.places[k][0], self.places[k][-1])
        )
        return (*on[0], on[0][1]) if on and off else None

    def _close(self, k: int, road: int) -> bool:
        """Whether a drive never lies further than ``BESIDE_M`` from another, and isn't its other direction."""
        mine, other = (np.arange(self.first[i], self.first[i + 1]) for i in (k, road))
        apart, at = cKDTree(self.samples.xy[other]).query(self.samples.xy[mine])
        along = (self.samples.heading[mine] * self.samples.heading[other[at]]).sum(axis=1)
        return bool(np.max(apart) <= BESIDE_M and 2 * (along < -SAME_WAY_COS).sum() < len(along))

    def _all_along(self, k: int, spans: dict[int, Span]) -> Span | None:
        """The longer drive that one runs beside."""
        if self.drives[k].length_m < MIN_OVERLAP_M:
            return None
        rows, cols = (column[self.first_near[k] : self.first_near[k + 1]] for column in self.near)
        other = self.samples.drive[cols]
        free = [number for number in np.unique(other).tolist() if number < k and number not in spans]
        ok = np.isin(other, free)
        if len(np.unique(rows[ok])) < NEAR_SHARE * (self.first[k + 1] - self.first[k]):
            return None
        pairs = np.unique(np.stack([other[ok], rows[ok]], axis=1), axis=0)
        road = int(np.argmax(np.bincount(pairs[:, 0])))
        at = self.samples.s_m[cols[ok & (other == road)]]  # rows rise along the drive, the nearest first
        leave, join = np.searchsorted(self.drives[road].at_m, [at[0], at[-1]], side="right")
        return road, int(leave) - 1, int(join)


def _same_way(samples: Samples) -> tuple[IntArray, IntArray]:
    """Samples, and of each other drive the nearest within ``NEAR_M`` if it runs the same way."""
    n, tree = len(samples.drive), cKDTree(samples.xy)
    blocks = [np.arange(at, min(at + _BLOCK, n)) for at in range(0, n, _BLOCK)]
    found = [_neighbours(samples, tree, block) for block in blocks]
    none = np.empty(0, dtype=np.int64)
    return np.concatenate([none, *(rows for rows, _ in found)]), np.concatenate(
        [none, *(cols for _, cols in found)]
    )


def _neighbours(samples: Samples, tree: cKDTree, some: IntArray) -> tuple[IntArray, IntArray]:
    """The same for some of the samples."""
    n = len(samples.drive)
    found = tree.query(samples.xy[some], k=range(1, min(n, 64) + 1), distance_upper_bound=NEAR_M)
    apart, which = (np.asarray(column) for column in found)
    near = np.isfinite(apart)
    rows, cols = np.repeat(some, near.sum(axis=1)), which[near]
    _, first = np.unique(rows * n + samples.drive[cols], return_index=True)  # the nearest comes first
    rows, cols = rows[first], cols[first]
    ok = (samples.heading[rows] * samples.heading[cols]).sum(axis=1) > SAME_WAY_COS
    ok &= samples.drive[rows] != samples.drive[cols]
    return rows[ok], cols[ok]


# -- where one leaves the road for them ----------------------------------------------------------------------


def locate_beside(
    index: RoadIndex, sections: Sequence[Section], beside: Sequence[Beside]
) -> tuple[ParallelCarriageway, ...]:
    """Say on which direction of which section parallel carriageways are left for, and where.

    Parameters
    ----------
    index : RoadIndex
    sections : sequence of Section
        With their final numbers and chainages.
    beside : sequence of Beside

    Returns
    -------
    tuple of ParallelCarriageway
        By section, direction, and chainage.
    """
    if not beside:
        return ()
    drives = [(section.number, drive) for section in sections for drive in section.drives]
    where = {int(e): (k, i) for k, (_, d) in reversed([*enumerate(drives)]) for i, e in enumerate(d.edges)}
    found = []
    for item in beside:
        if item.leave not in where and item.join not in where:
            continue
        k, i = where.get(item.leave, where.get(item.join, (0, 0)))
        number, drive = drives[k]
        last, j = where.get(item.join, (k, i))
        to_m = float(drive.to_m[j if last == k else -1])
        leave_m = _leave_m(index, drive, item.edges, float(drive.from_m[i]))
        length_m = float(index.graph.edge_length_m[item.edges].sum())
        found.append(ParallelCarriageway(number, drive.direction, item.edges, leave_m, to_m, length_m))
    return tuple(sorted(found, key=lambda p: (p.section, p.direction, p.from_m, p.to_m, p.length_m)))


def _leave_m(index: RoadIndex, drive: Drive, edges: IntArray, first_m: float) -> FloatArray:
    """(k + 1,) chainage at which one leaves a drive for each node of a carriageway beside it.

    One leaves as late as possible, over ways no longer than ``CROSS_M``.
    """
    graph = index.graph
    sign = 1.0 if drive.direction == "forward" else -1.0
    at: dict[int, float] = {}
    for node, chainage in zip(
        np.append(graph.edge_u[drive.edges], graph.edge_v[drive.edges[-1:]]).tolist(),
        np.append(drive.from_m, drive.to_m[-1:]).tolist(),
        strict=True,
    ):
        at.setdefault(node, chainage)
    taken = set(edges.tolist())
    nodes = np.append(graph.edge_u[edges], graph.edge_v[edges[-1:]]).tolist()
    found = []
    latest = first_m
    for k, node in enumerate(nodes):
        left = _left(index, node, at, taken)
        if left is not None and (k == 0 or sign * left > sign * latest):
            latest = left
        found.append(latest)
    return np.array(found)


def _left(index: RoadIndex, node: int, at: dict[int, float], taken: set[int]) -> float | None:
    """Chainage at which the shortest way to a node that uses none of some edges leaves a drive."""
    graph = index.graph
    queue = [(0.0, node)]
    done: set[int] = set()
    while queue:
        length, here = heapq.heappop(queue)
        if here in at:
            return at[here]
        if here in done:
            continue
        done.add(here)
        for edge in index.in_edges(here).tolist():
            reach = length + float(graph.edge_length_m[edge])
            if edge not in taken and reach <= CROSS_M:
                heapq.heappush(queue, (reach, int(graph.edge_u[edge])))
    return None
