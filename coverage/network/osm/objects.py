"""What is wanted of an OSM file, what the two readers deliver, and the shapes drawn from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from ..graph import BoolArray, FloatArray, IntArray
from .ways import NodeTable, Ways, find_ids, ranges

Tags = dict[str, str]
Shapes = npt.NDArray[Any]
AREA_RELATIONS = frozenset(["multipolygon", "boundary"])
"""Values of ``type`` of relations whose member ways enclose an area."""


@dataclass(frozen=True)
class Selection:
    """What to read of an OSM file.

    Attributes
    ----------
    roads : bool
        Ways that may be roads or ferries.
    tags : mapping
        Key -> values: objects with one of these tags; any value if there are none.
    relation_id : int, optional
        One relation, whatever its other tags.
    """

    roads: bool = False
    tags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    relation_id: int | None = None

    def takes(self, tags: Iterable[tuple[str, str]]) -> bool:
        """Whether an object with these tags is wanted."""
        return any(
            key in self.tags and (not self.tags[key] or value in self.tags[key]) for key, value in tags
        )


@dataclass(frozen=True)
class TaggedNodes:
    """Wanted nodes with valid places, by id."""

    node_id: IntArray
    xy: FloatArray
    tags: list[Tags]


@dataclass(frozen=True)
class TaggedWays:
    """Wanted ways and the members of wanted relations, by id; ``tags`` is None for those that are members only.

    Way ``i`` has the node ids ``ref[ptr[i]:ptr[i + 1]]``.
    """

    way_id: IntArray
    ptr: IntArray
    ref: IntArray
    tags: list[Tags | None]


@dataclass(frozen=True)
class TaggedRelations:
    """Wanted relations by id; relation ``i`` has the member ways ``member[ptr[i]:ptr[i + 1]]``."""

    relation_id: IntArray
    ptr: IntArray
    member: IntArray
    tags: list[Tags]


@dataclass(frozen=True)
class Content:
    """What a reader found in a file; ``nodes`` holds those of the tagged ways, perhaps among others."""

    roads: Ways
    tagged_nodes: TaggedNodes
    tagged_ways: TaggedWays
    tagged_relations: TaggedRelations
    nodes: NodeTable


@dataclass(frozen=True)
class Objects:
    """Tagged objects with their shapes (EPSG:4326): nodes, ways, then relations, by id.

    ``osm_type`` is ``node``, ``way`` or ``relation``; a shape is a Point, a LineString, or an area.
    """

    osm_type: npt.NDArray[Any]
    osm_id: IntArray
    tags: list[Tags]
    shape: Shapes


def draw(content: Content) -> Objects:
    """Give each tagged object its shape.

    Ways whose nodes are partly missing are drawn from those present. Ways with fewer than two different
    points, and relations that do not close to an area, are left out.
    """
    nodes, ways, relations = content.tagged_nodes, content.tagged_ways, content.tagged_relations
    line, differing = _lines(ways, content.nodes)
    way = np.flatnonzero(np.array([tags is not None for tags in ways.tags], dtype=bool) & differing)
    way_tags = [ways.tags[i] or {} for i in way.tolist()]
    way_shape = line[way]
    areal = np.flatnonzero(_closed(ways)[way] & np.array([_is_area(tags) for tags in way_tags], dtype=bool))
    area = areas_of(way_shape[areal], np.arange(len(areal)), len(areal))
    encloses = ~shapely.is_missing(area)
    way_shape[areal[encloses]] = area[encloses]
    member = find_ids(ways.way_id, relations.member)
    owner = np.repeat(np.arange(len(relations.relation_id)), np.diff(relations.ptr))
    area = areas_of(line[member[member >= 0]], owner[member >= 0], len(relations.relation_id))
    closes = np.flatnonzero(~shapely.is_missing(area))
    return Objects(
        np.repeat(["node", "way", "relation"], [len(nodes.node_id), len(way), len(closes)]),
        np.concatenate([nodes.node_id, ways.way_id[way], relations.relation_id[closes]]),
        [*nodes.tags, *way_tags, *(relations.tags[i] for i in closes.tolist())],
        np.concatenate([shapely.points(nodes.xy), way_shape, area[closes]]),
    )


def _lines(ways: TaggedWays, nodes: NodeTable) -> tuple[Shapes, BoolArray]:
    """Line of each way, None with fewer than two points, and whether it has two different points."""
    vertex = find_ids(nodes.node_id, ways.ref)
    known = vertex >= 0
    ptr = np.append(0, np.cumsum(known))[ways.ptr]
    counts = np.diff(ptr)
    xy = nodes.xy(vertex[known])
    line = np.full(len(counts), None, dtype=object)
    long = np.flatnonzero(counts > 1)
    at = ranges(ptr[long], counts[long])
    if len(long):
        line[long] = shapely.linestrings(xy[at], indices=np.repeat(np.arange(len(long)), counts[long]))
    first = np.repeat(ptr[:-1], counts)
    owner = np.repeat(np.arange(len(counts)), counts)
    differing = np.zeros(len(counts), dtype=bool)
    differing[owner[(xy != xy[first]).any(axis=1)]] = True
    return line, differing


def _closed(ways: TaggedWays) -> BoolArray:
    """Whether each way ends at the node it starts from, with at least three different ones meant."""
    counts = np.diff(ways.ptr)
    closed = np.zeros(len(counts), dtype=bool)
    ring = np.flatnonzero(counts > 3)
    closed[ring] = ways.ref[ways.ptr[ring]] == ways.ref[ways.ptr[ring + 1] - 1]
    return closed


def _is_area(tags: Tags) -> bool:
    """Whether a closed way means its inside (everything but water lines and ``area=no``)."""
    return tags.get("area") != "no" and "waterway" not in tags


def areas_of(line: Shapes, owner: IntArray, n: int) -> Shapes:
    """Area that the lines of each of ``n`` owners enclose, holes left out; None if they do not close.

    Owners are in ascending order; missing lines are skipped.
    """
    area = np.full(n, None, dtype=object)
    drawn = ~shapely.is_missing(line)
    who, place = np.unique(owner[drawn], return_inverse=True)
    if not len(who):
        return area
    built: Shapes = np.asarray(shapely.build_area(shapely.multilinestrings(line[drawn], indices=place)))
    bounds = shapely.bounds(built)
    good = np.isfinite(bounds).all(axis=1)  # an empty one has no bounds
    broken = good & ~shapely.is_valid(built)
    built[broken] = shapely.make_valid(built[broken])
    area[who[good]] = built[good]
    return area


def point_of(shape: Shapes) -> Shapes:
    """Return the point that stands for each shape: on an area, half-way along a line."""
    kind = shapely.get_type_id(shape)
    point = shape.copy()
    is_line, is_area = kind == shapely.GeometryType.LINESTRING, kind > shapely.GeometryType.LINEARRING
    point[is_line] = shapely.line_interpolate_point(shape[is_line], 0.5, normalized=True)
    point[is_area] = shapely.point_on_surface(shape[is_area])
    return point
