"""Ways as they come out of an OSM file, in arrays: the form both readers deliver and the builder takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..graph import BoolArray, FloatArray, IntArray

WAY_KEYS = (
    "highway",
    "ref",
    "name",
    "oneway",
    "junction",
    "maxspeed",
    "route",
    "access",
    "vehicle",
    "motor_vehicle",
    "motorcar",
    "bridge",
    "tunnel",
    "area",
    "service",
    "duration",
)
"""The tags of a way that the road graph is made from; all others stay in the file."""

DEGREES_PER_UNIT = 1e-7
"""OSM coordinates are whole numbers of this unit."""
NO_COORDINATE = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Coded:
    """One tag of all ways: ``values[codes[i]]``, or no such tag where the code is -1."""

    codes: npt.NDArray[np.int32]
    values: list[str]

    def table(self, rule: Callable[[str], bool], missing: bool = False) -> BoolArray:
        """Apply a yes/no rule to each different value once; return the answer per way."""
        answers = np.array([*(rule(v) for v in self.values), missing], dtype=bool)
        return answers[self.codes]

    def numbers(self, rule: Callable[[str], float]) -> FloatArray:
        """Apply a rule giving a number to each different value once; NaN where there is no tag."""
        answers = np.array([*(rule(v) for v in self.values), np.nan], dtype=np.float64)
        return answers[self.codes]

    @property
    def present(self) -> BoolArray:
        """(w,) whether the way has the tag."""
        return self.codes >= 0

    def take(self, which: IntArray | BoolArray) -> Coded:
        """Return the same for some ways."""
        return Coded(self.codes[which], self.values)


@dataclass(frozen=True)
class Ways:
    """Ways with their tags and vertices, and the nodes they use.

    Attributes
    ----------
    way_id : (w,) int64
        Ascending, unique.
    ptr : (w + 1,) int64
        Way ``i`` has the vertices ``vertex[ptr[i]:ptr[i + 1]]``.
    vertex : (v,) int64
        Position in ``node_id``; -1 for a node the file does not hold.
    node_id : (n,) int64
        Ascending, unique.
    node_xy : (n, 2) float64
        Longitude, latitude, EPSG:4326.
    tags : dict
        One :class:`Coded` for each of :data:`WAY_KEYS`.
    n_seen : int
        Ways in the file with ``highway`` or ``route``; those that are no candidates are counted only.
    """

    way_id: IntArray
    ptr: IntArray
    vertex: IntArray
    node_id: IntArray
    node_xy: FloatArray
    tags: dict[str, Coded]
    n_seen: int

    def take(self, which: BoolArray) -> Ways:
        """Return the same with some of the ways; the nodes stay."""
        counts = np.diff(self.ptr)
        return Ways(
            self.way_id[which],
            pointers(counts[which]),
            self.vertex[np.repeat(which, counts)],
            self.node_id,
            self.node_xy,
            {key: coded.take(which) for key, coded in self.tags.items()},
            self.n_seen,
        )


def pointers(counts: npt.ArrayLike) -> IntArray:
    """Start of each piece, and the end of the last, from the pieces' sizes."""
    sizes = np.asarray(counts, dtype=np.int64)
    ptr = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=ptr[1:])
    return ptr


def ranges(starts: IntArray, counts: IntArray) -> IntArray:
    """Concatenated ``arange(start, start + count)`` of each piece."""
    ptr = pointers(counts)
    return np.arange(ptr[-1]) + np.repeat(starts - ptr[:-1], counts)


def sort_ways(
    way_id: IntArray, counts: IntArray, ref: IntArray, tags: dict[str, Coded]
) -> tuple[IntArray, IntArray, IntArray, dict[str, Coded]]:
    """Ways in ascending order of id; of several versions of one way the last in the file stays."""
    if np.all(way_id[1:] > way_id[:-1]):
        return way_id, counts, ref, tags
    order = np.argsort(way_id, kind="stable")
    last = np.append(way_id[order][1:] != way_id[order][:-1], True)
    order = order[last]
    ref = ref[ranges(pointers(counts)[order], counts[order])]
    return way_id[order], counts[order], ref, {k: c.take(order) for k, c in tags.items()}


def assemble(
    way_id: IntArray,
    counts: IntArray,
    ref: IntArray,
    tags: dict[str, Coded],
    nodes: tuple[IntArray, npt.NDArray[np.int32], npt.NDArray[np.int32]],
    *,
    n_seen: int,
) -> Ways:
    """Join ways to the coordinates of their nodes.

    Parameters
    ----------
    way_id, counts, ref
        Ids of the ways, number of vertices of each, and the node ids of all vertices.
    tags
        See :class:`Ways`.
    nodes
        Node ids in any order, with x and y in :data:`DEGREES_PER_UNIT`; ``NO_COORDINATE`` if unset. Of
        several versions of one node the last in the file counts.
    n_seen
        See :class:`Ways`.
    """
    way_id, counts, ref, tags = sort_ways(way_id, counts, ref, tags)
    node_id, x, y = nodes
    if not np.all(node_id[1:] > node_id[:-1]):
        order = np.argsort(node_id, kind="stable")
        order = order[np.append(node_id[order][1:] != node_id[order][:-1], True)] if len(order) else order
        node_id, x, y = node_id[order], x[order], y[order]
    place = np.searchsorted(node_id, ref)
    place[place == len(node_id)] = 0
    found = (
        (node_id[place] == ref) & (x[place] != NO_COORDINATE) if len(node_id) else np.zeros(len(ref), bool)
    )
    used = np.zeros(len(node_id), dtype=bool)
    used[place[found]] = True
    position = np.cumsum(used) - 1
    vertex = np.full(len(ref), -1, dtype=np.int64)
    vertex[found] = position[place[found]]
    xy = np.stack([x[used], y[used]], axis=1) / (1 / DEGREES_PER_UNIT)
    return Ways(way_id, pointers(counts), vertex, node_id[used], xy, tags, n_seen)
