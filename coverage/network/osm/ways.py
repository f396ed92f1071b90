"""Ways as they come out of an OSM file, in arrays: the form both readers deliver and the builder takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

UNITS_PER_DEGREE = 1e7
"""OSM coordinates are whole numbers; so many units are a degree."""
LON_LIMIT, LAT_LIMIT = 1_800_000_000, 900_000_000
"""Coordinates beyond, which also stand for "none", are no place."""


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


@dataclass(frozen=True)
class NodeTable:
    """Places of nodes: ids ascending, each once, with x and y in units (:data:`UNITS_PER_DEGREE`)."""

    node_id: IntArray
    x: npt.NDArray[np.int32]
    y: npt.NDArray[np.int32]

    @classmethod
    def joined(cls, parts: list[NodeTable]) -> NodeTable:
        """Several tables one after the other, each with higher ids than the one before."""
        none = np.zeros(0, dtype=np.int32)
        return cls(
            np.concatenate([none.astype(np.int64), *(part.node_id for part in parts)]),
            np.concatenate([none, *(part.x for part in parts)]),
            np.concatenate([none, *(part.y for part in parts)]),
        )

    def take(self, which: IntArray | BoolArray) -> NodeTable:
        """Return the same for some nodes."""
        return NodeTable(self.node_id[which], self.x[which], self.y[which])

    def valid(self) -> BoolArray:
        """(n,) whether the place is one."""
        x_valid = (self.x >= -LON_LIMIT) & (self.x <= LON_LIMIT)
        return x_valid & (self.y >= -LAT_LIMIT) & (self.y <= LAT_LIMIT)

    def xy(self, which: IntArray | BoolArray) -> FloatArray:
        """(n, 2) longitude and latitude of some nodes."""
        return np.stack([self.x[which], self.y[which]], axis=1) / UNITS_PER_DEGREE


def last_versions(ids: IntArray) -> IntArray:
    """Positions of the last of each id, in ascending order of the ids."""
    order = np.argsort(ids, kind="stable")
    return order[np.append(ids[order][1:] != ids[order][:-1], True)] if len(order) else order


def unique_ids(parts: Sequence[IntArray]) -> IntArray:
    """Each number once, ascending; of millions, several times faster than numpy's way by hashes."""
    numbers = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *parts]))
    return numbers[np.append(numbers[1:] != numbers[:-1], True)] if len(numbers) else numbers


def find_ids(ids: IntArray, wanted: IntArray) -> IntArray:
    """Position among ascending ids of each that is wanted; -1 if it is not there."""
    if not len(ids):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.searchsorted(ids, wanted)
    place[place == len(ids)] = 0
    place[ids[place] != wanted] = -1
    return place


def join_nodes(
    way_id: IntArray,
    counts: IntArray,
    ref: IntArray,
    tags: dict[str, Coded],
    nodes: NodeTable,
    *,
    n_seen: int,
) -> Ways:
    """Join ways, of which each stands once, to the places of their nodes.

    Parameters
    ----------
    way_id, counts, ref
        Ids of the ways, ascending, number of vertices of each, and the node ids of all vertices.
    tags, n_seen
        See :class:`Ways`.
    nodes
        Nodes of these ways, perhaps among others.
    """
    vertex = find_ids(nodes.node_id, ref)
    used = np.zeros(len(nodes.node_id), dtype=bool)
    used[vertex[vertex >= 0]] = True
    position = np.append(np.cumsum(used) - 1, -1)  # the last for vertices that are -1
    return Ways(way_id, pointers(counts), position[vertex], nodes.node_id[used], nodes.xy(used), tags, n_seen)
