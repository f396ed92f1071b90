"""Pieces of an OSM file: what lies in an area, found by an index of small cells and written as a file of its own.

A piece may hold more than its area, never less: each way that may touch it is whole, and so is each area. Read with
the area as its region it gives the same roads and features as the whole file does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ..graph import BoolArray, FloatArray, IntArray
from .features import FEATURE_TAGS
from .files import OSM_SUFFIXES, check_file, read_content
from .objects import Content, Selection, Tags
from .pbf_write import Listed, take_listed, write_pbf
from .tags import why_dropped
from .ways import UNITS_PER_DEGREE, WAY_KEYS, NodeTable, Ways, find_ids, pointers, ranges

CELL_DEG = 0.02
"""Side of a cell, 2 km: a piece is larger than its area by less than a cell on each side."""
_COLUMNS = round(360 / CELL_DEG)
_CELL_UNITS = round(CELL_DEG * UNITS_PER_DEGREE)


def cells_of(x: npt.NDArray[np.int32], y: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Cell of each place, in units of 1e-7 degrees; cells of a row of latitude follow each other from west to east."""
    column = (x.astype(np.int64) + 1_800_000_000) // _CELL_UNITS % _COLUMNS
    row = (y.astype(np.int64) + 900_000_000) // _CELL_UNITS
    return (row * _COLUMNS + column).astype(np.int32)


def cells_in(area: BaseGeometry) -> IntArray:
    """Cells that an area (EPSG:4326) touches, ascending."""
    found = []
    for part in shapely.get_parts(area):
        shapely.prepare(part)
        west, south, east, north = part.bounds
        columns = np.arange(int((west + 180) / CELL_DEG), int((east + 180) / CELL_DEG) + 1)
        rows = np.arange(int((south + 90) / CELL_DEG), int((north + 90) / CELL_DEG) + 1)
        column, row = (each.ravel() for each in np.meshgrid(columns, rows))
        x, y = column * CELL_DEG - 180, row * CELL_DEG - 90
        touches = shapely.intersects(part, shapely.box(x, y, x + CELL_DEG, y + CELL_DEG))
        found.append((row * _COLUMNS + column % _COLUMNS)[touches])
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *found]))


def cells_around(xy: FloatArray, radius_m: float) -> IntArray:
    """Cells within a distance of any of the points (n, 2), and some beyond, ascending."""
    if not len(xy):
        return np.zeros(0, dtype=np.int64)
    # Millions of places lie in some thousand cells: the middles of these stand for them.
    xy = (np.unique(np.floor(xy / CELL_DEG), axis=0) + 0.5) * CELL_DEG
    radius_m = radius_m + CELL_DEG * 110_574.0 * 0.75
    reach_y = radius_m / 110_574.0
    reach_x = reach_y / np.maximum(np.cos(np.radians(np.abs(xy[:, 1]) + reach_y)), 0.01)
    low = ((xy + 180 - np.stack([reach_x, np.full(len(xy), reach_y + 90)], axis=1)) / CELL_DEG).astype(
        np.int64
    )
    high = ((xy + 180 + np.stack([reach_x, np.full(len(xy), reach_y - 90)], axis=1)) / CELL_DEG).astype(
        np.int64
    )
    wide, tall = (high - low + 1).T
    owner = np.repeat(np.arange(len(xy)), tall)
    row = low[owner, 1] + ranges(np.zeros(len(xy), dtype=np.int64), tall)
    again = np.repeat(np.arange(len(owner)), wide[owner])
    column = low[owner[again], 0] + ranges(np.zeros(len(owner), dtype=np.int64), wide[owner])
    return np.unique(row[again] * _COLUMNS + column % _COLUMNS)


def within_cells(xy: FloatArray, cells: IntArray) -> BoolArray:
    """Which of the places (n, 2), in degrees, lie in one of the cells."""
    x, y = np.rint(xy.T * UNITS_PER_DEGREE).astype(np.int32)
    return np.isin(cells_of(x, y), cells)


@dataclass(frozen=True)
class _Index:
    """Objects by the cells that they have a node in."""

    cell: npt.NDArray[np.int32]
    owner: IntArray

    @classmethod
    def of(cls, cell: npt.NDArray[np.int32], owner: IntArray) -> _Index:
        """Index of pairs; those that follow each other and are equal count once."""
        new = np.ones(len(cell), dtype=bool)
        new[1:] = (cell[1:] != cell[:-1]) | (owner[1:] != owner[:-1])
        cell, owner = cell[new], owner[new]
        order = np.argsort(cell, kind="stable")
        return cls(cell[order], owner[order])

    def within(self, cells: IntArray) -> IntArray:
        """Objects in any of the cells, ascending."""
        wanted = cells.astype(np.int32)
        first = np.searchsorted(self.cell, wanted)
        counts = np.searchsorted(self.cell, wanted, side="right") - first
        return np.unique(self.owner[ranges(first, counts)])


class OsmPieces:
    """The roads and features of an OSM file, to be written piece by piece.

    Parameters
    ----------
    path : Path
        OSM file; it is read once, the roads that nobody drives on left out.

    Raises
    ------
    InputError
        As :func:`~plugspan.network.read_osm`.
    """

    def __init__(self, path: Path) -> None:
        check_file(path, OSM_SUFFIXES)
        content = read_content(path, Selection(roads=True, tags=FEATURE_TAGS))
        dropped = np.logical_or.reduce(list(why_dropped(content.roads).values()))
        self.roads = content.roads.take(~dropped)
        self.nodes = _all_nodes(content, self.roads)
        self.ways, self.road_of, self.feature = _ways(content, self.roads)
        self.relations = _relations(content)
        tagged = content.tagged_nodes
        at = find_ids(self.nodes.node_id, tagged.node_id)
        self.node_tags: dict[int, Tags] = dict(zip(at.tolist(), tagged.tags, strict=True))
        self._place = find_ids(self.nodes.node_id, self.ways.number)
        self._cell = cells_of(self.nodes.x, self.nodes.y)
        there = self._place >= 0
        owner = np.repeat(np.arange(len(self.ways.ids)), np.diff(self.ways.ptr))
        self._by_cell = _Index.of(self._cell[self._place[there]], owner[there])
        tagged_at = np.array(sorted(self.node_tags), dtype=np.int64)
        self._nodes_by_cell = _Index.of(self._cell[tagged_at], tagged_at)
        self._member = find_ids(self.ways.ids, self.relations.number)
        self._boxes = self._relation_boxes()

    def _relation_boxes(self) -> npt.NDArray[np.object_]:
        """Box around each relation, EPSG:4326; an empty one where no member is in the file."""
        n = len(self.relations.ids)
        low, high = np.full((n, 2), np.inf), np.full((n, 2), -np.inf)
        owner = np.repeat(np.arange(n), np.diff(self.relations.ptr))[self._member >= 0]
        member = self._member[self._member >= 0]
        counts = np.diff(self.ways.ptr)[member]
        place = self._place[ranges(self.ways.ptr[member], counts)]
        of_node = np.repeat(owner, counts)[place >= 0]
        xy = self.nodes.xy(place[place >= 0])
        np.minimum.at(low, of_node, xy)
        np.maximum.at(high, of_node, xy)
        boxes = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
        boxes[~np.isfinite(low[:, 0])] = shapely.Polygon()
        return np.asarray(boxes, dtype=object)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of all roads."""
        low, high = self.roads.node_xy.min(axis=0), self.roads.node_xy.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def write_area(self, path: Path, area: BaseGeometry) -> None:
        """Write what lies in an area (EPSG:4326): roads and features."""
        cells = cells_in(area)
        shapely.prepare(area)
        relations = np.flatnonzero(shapely.intersects(area, self._boxes))
        self._write(path, self._by_cell.within(cells), self._nodes_by_cell.within(cells), relations)

    def write_roads(self, path: Path, roads: BoolArray) -> None:
        """Write some of ``roads``, and all features of the file."""
        keep = self.feature.copy()
        keep[self.road_of[roads]] = True
        relations = np.arange(len(self.relations.ids))
        self._write(path, np.flatnonzero(keep), np.array(sorted(self.node_tags), dtype=np.int64), relations)

    def _write(self, path: Path, ways: IntArray, tagged: IntArray, relations: IntArray) -> None:
        members = take_listed(self.relations, relations)
        found = find_ids(self.ways.ids, members.number)
        ways = np.union1d(ways, found[found >= 0])
        chosen = take_listed(self.ways, ways)
        place = self._place[ranges(self.ways.ptr[ways], np.diff(chosen.ptr))]
        used = np.union1d(place[place >= 0], tagged)
        tags = {i: self.node_tags[k] for i, k in enumerate(used.tolist()) if k in self.node_tags}
        write_pbf(path, self.nodes.take(used), tags, chosen, members)

    def roads_in(self, cells: IntArray) -> BoolArray:
        """Whether each of ``roads`` has a node in one of the cells."""
        inside = np.zeros(len(self.ways.ids), dtype=bool)
        inside[self._by_cell.within(cells)] = True
        return inside[self.road_of]

    def xy_of(self, roads: BoolArray) -> FloatArray:
        """(n, 2) vertices of some of ``roads``."""
        vertex = self.roads.vertex[np.repeat(roads, np.diff(self.roads.ptr))]
        return self.roads.node_xy[np.unique(vertex[vertex >= 0])]

    def feature_xy(self) -> FloatArray:
        """(n, 2) a place of each feature: its node, or the first of its way."""
        first = self._place[self.ways.ptr[:-1][self.feature & (np.diff(self.ways.ptr) > 0)]]
        tagged = np.array(sorted(self.node_tags), dtype=np.int64)
        return self.nodes.xy(np.concatenate([first[first >= 0], tagged]))


def _all_nodes(content: Content, roads: Ways) -> NodeTable:
    """Nodes of roads and features, and those with tags of their own."""
    xy = [roads.node_xy, content.tagged_nodes.xy]
    units = np.rint(np.concatenate(xy) * UNITS_PER_DEGREE).astype(np.int32)
    ids = np.concatenate([roads.node_id, content.tagged_nodes.node_id])
    used = content.nodes.take(np.unique(_found(content.nodes.node_id, content.tagged_ways.ref)))
    ids = np.concatenate([ids, used.node_id])
    x, y = np.concatenate([units[:, 0], used.x]), np.concatenate([units[:, 1], used.y])
    node_id, first = np.unique(ids, return_index=True)
    return NodeTable(node_id, x[first], y[first])


def _found(ids: IntArray, wanted: IntArray) -> IntArray:
    place = find_ids(ids, wanted)
    return place[place >= 0]


def _ways(content: Content, roads: Ways) -> tuple[Listed, IntArray, BoolArray]:
    """All ways by id, where each road is among them, and which are features.

    A node that is not in the file has a number that no node has.
    """
    tagged = content.tagged_ways
    ids = np.union1d(roads.way_id, tagged.way_id)
    road_of, tagged_of = find_ids(ids, roads.way_id), find_ids(ids, tagged.way_id)
    lone = ~np.isin(tagged.way_id, roads.way_id)
    counts = np.zeros(len(ids), dtype=np.int64)
    counts[road_of] = np.diff(roads.ptr)
    counts[tagged_of[lone]] = np.diff(tagged.ptr)[lone]
    ptr = pointers(counts)
    number = np.zeros(ptr[-1], dtype=np.int64)
    number[ranges(ptr[road_of], counts[road_of])] = np.append(roads.node_id, _no_node(content))[roads.vertex]
    refs = ranges(tagged.ptr[:-1][lone], np.diff(tagged.ptr)[lone])
    number[ranges(ptr[tagged_of[lone]], counts[tagged_of[lone]])] = tagged.ref[refs]
    feature = np.zeros(len(ids), dtype=bool)
    feature[tagged_of] = [tags is not None for tags in tagged.tags]
    texts = list(WAY_KEYS)
    parts = [np.zeros((3, 0), dtype=np.int64)]
    plain = np.flatnonzero(~feature[road_of])
    for key, name in enumerate(WAY_KEYS):
        coded = roads.tags[name]
        has = plain[coded.codes[plain] >= 0]
        parts.append(
            np.stack([road_of[has], np.full(len(has), key), len(texts) + coded.codes[has].astype(np.int64)])
        )
        texts += coded.values
    known: dict[str, int] = {}
    rows = [
        (i, *pair)
        for i, tags in zip(tagged_of.tolist(), tagged.tags, strict=True)
        for pair in (tags or {}).items()
    ]
    parts.append(_numbered(rows, known, len(texts)))
    owner, key_of, value_of = np.concatenate(parts, axis=1)
    order = np.argsort(owner, kind="stable")
    tag_ptr = pointers(np.bincount(owner, minlength=len(ids)))
    return (
        Listed(ids, ptr, number, tag_ptr, key_of[order], value_of[order], [*texts, *known]),
        road_of,
        feature,
    )


def _no_node(content: Content) -> int:
    """A number that no node of the file has; which one is missing isn't known of roads any more."""
    ids = (
        content.roads.node_id,
        content.tagged_nodes.node_id,
        content.nodes.node_id,
        content.tagged_ways.ref,
    )
    return max(int(each.max(initial=0)) for each in ids) + 1


def _numbered(rows: list[tuple[int, str, str]], known: dict[str, int], first: int) -> IntArray:
    """(3, n) owner, key and value of tags as numbers; texts that are new are numbered on from ``first``."""
    numbers = [
        (owner, first + known.setdefault(key, len(known)), first + known.setdefault(value, len(known)))
        for owner, key, value in rows
    ]
    return np.array(numbers, dtype=np.int64).reshape(-1, 3).T


def _relations(content: Content) -> Listed:
    """All areas, with their member ways."""
    found, known = content.tagged_relations, dict[str, int]()
    rows = [(i, *pair) for i, tags in enumerate(found.tags) for pair in tags.items()]
    owner, key, value = _numbered(rows, known, 0)
    tag_ptr = pointers(np.bincount(owner, minlength=len(found.relation_id)))
    return Listed(found.relation_id, found.ptr, found.member, tag_ptr, key, value, list(known))
