"""Pieces of an OSM file: what lies in an area, found by an index of small cells and written as a file of its own.

A piece may hold more than its area, never less: each way that may touch it is whole, and so is each area. Read with
the area as its region it gives the same roads and features as the whole file does. Its bytes don't depend on how the
file was put by in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ..graph import BoolArray, FloatArray, IntArray
from .chunks import CELL_DEG, COLUMNS, MOST, Chunk, Chunks, cells_of, list_tagged
from .files import OSM_SUFFIXES, check_file
from .objects import Tags
from .pbf_write import Listed, join_listed, take_listed, write_pbf
from .ways import UNITS_PER_DEGREE, NodeTable, find_ids, ranges, unique_ids

Roads = list[BoolArray]
"""Some of the roads: for each chunk of ways, which."""


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
        found.append((row * COLUMNS + column % COLUMNS)[touches])
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
    return np.unique(row[again] * COLUMNS + column % COLUMNS)


def within_cells(xy: FloatArray, cells: IntArray) -> BoolArray:
    """Which of the places (n, 2), in degrees, lie in one of the cells."""
    x, y = np.rint(xy.T * UNITS_PER_DEGREE).astype(np.int32)
    return np.isin(cells_of(x, y), cells)


class OsmPieces:
    """The roads and features of an OSM file, to be written piece by piece.

    Parameters
    ----------
    path : Path
        OSM file; it is read once, the roads that nobody drives on left out.
    folder : Path
        An empty one, for what is put by on disk: about as much as the file has.
    most : int
        Vertices that are in memory at a time while the file is read.

    Raises
    ------
    InputError
        As :func:`~plugspan.network.read_osm`.
    """

    def __init__(self, path: Path, folder: Path, most: int = MOST) -> None:
        check_file(path, OSM_SUFFIXES)
        chunks = Chunks(path, folder, most)
        self._ways = [chunk.folder for chunk in chunks.ways]
        self._tagged_nodes = [chunk.folder for chunk in chunks.tagged_nodes]
        found = chunks.relations
        self.relations = list_tagged(found.relation_id, found.ptr, found.member, found.tags)
        self._boxes = self._relation_boxes()

    @property
    def _chunks(self) -> Iterable[Chunk]:
        """Chunks of ways, one after the other."""
        return map(Chunk, self._ways)

    @property
    def vertices(self) -> int:
        """Vertices of all ways."""
        return sum(len(chunk["place"]) for chunk in self._chunks)

    def _relation_boxes(self) -> npt.NDArray[np.object_]:
        """Box around each relation, EPSG:4326; an empty one where no member is in the file."""
        n = len(self.relations.ids)
        low, high = np.full((n, 2), np.inf), np.full((n, 2), -np.inf)
        of_member = np.repeat(np.arange(n), np.diff(self.relations.ptr))
        for chunk in self._chunks:
            ways = chunk.listed
            found = find_ids(ways.ids, self.relations.number)
            owner, member = of_member[found >= 0], found[found >= 0]
            counts = ways.ptr[member + 1] - ways.ptr[member]
            place = chunk.place[ranges(ways.ptr[member], counts)]
            of_node = np.repeat(owner, counts)[place >= 0]
            xy = chunk.nodes.xy(place[place >= 0])
            np.minimum.at(low, of_node, xy)
            np.maximum.at(high, of_node, xy)
        boxes = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
        boxes[~np.isfinite(low[:, 0])] = shapely.Polygon()
        return np.asarray(boxes, dtype=object)

    def write_area(self, path: Path, area: BaseGeometry) -> None:
        """Write what lies in an area (EPSG:4326): roads and features."""
        cells = cells_in(area)
        shapely.prepare(area)
        relations = take_listed(self.relations, np.flatnonzero(shapely.intersects(area, self._boxes)))
        ways = (chunk.within(cells) for chunk in self._chunks)
        nodes = (_part(chunk, chunk.within(cells)) for chunk in map(Chunk, self._tagged_nodes))
        self._write(path, ways, nodes, relations)

    def write_roads(self, path: Path, roads: Roads) -> None:
        """Write some of the roads, and all features of the file."""
        features = (chunk["feature"] for chunk in self._chunks)
        ways = (np.flatnonzero(own | some) for own, some in zip(features, roads, strict=True))
        nodes = (_part(chunk, np.arange(len(chunk["ids"]))) for chunk in map(Chunk, self._tagged_nodes))
        self._write(path, ways, nodes, self.relations)

    def _write(
        self,
        path: Path,
        ways: Iterable[IntArray],
        tagged: Iterable[tuple[Listed, NodeTable]],
        relations: Listed,
    ) -> None:
        members = unique_ids([relations.number])
        parts = []
        for chunk, chosen in zip(self._chunks, ways, strict=True):
            found = find_ids(chunk["ids"], members)
            parts.append(_part(chunk, np.union1d(chosen, found[found >= 0])))
        own = list(tagged)
        nodes = NodeTable.joined([table for _, table in (*parts, *own)])
        nodes = nodes.take(np.unique(nodes.node_id, return_index=True)[1])
        tags = dict[int, Tags]()
        for listed, _ in own:
            texts = list(listed.texts)
            pairs = [
                (texts[k], texts[v]) for k, v in zip(listed.key.tolist(), listed.value.tolist(), strict=True)
            ]
            at, ends = find_ids(nodes.node_id, listed.ids).tolist(), listed.tag_ptr.tolist()
            tags |= {i: dict(pairs[a:b]) for i, a, b in zip(at, ends[:-1], ends[1:], strict=True)}
        write_pbf(path, nodes, tags, join_listed([listed for listed, _ in parts]), relations)

    def roads_with(self, key: str, rule: Callable[[str], bool]) -> Roads:
        """Roads with a tag that has this key and a value that a rule takes."""
        return [chunk["road"] & chunk.tagged(key, rule) for chunk in self._chunks]

    def roads_in(self, cells: IntArray) -> Roads:
        """Roads with a node in one of the cells."""
        found = []
        for chunk in self._chunks:
            is_road = chunk["road"]
            inside = np.zeros(len(is_road), dtype=bool)
            inside[chunk.within(cells)] = True
            found.append(inside & is_road)
        return found

    def along(self, roads: Roads) -> FloatArray:
        """(n, 2) middles of the cells that some of the roads have nodes in."""
        found = [np.zeros(0, dtype=np.int32)]
        for chunk, some in zip(self._chunks, roads, strict=True):
            found.append(np.unique(chunk["cell"][some[chunk["owner"]]]))
        row, column = np.divmod(np.unique(np.concatenate(found)).astype(np.int64), COLUMNS)
        return (np.stack([column, row], axis=1) + 0.5) * CELL_DEG - [180.0, 90.0]

    def loose_ends(self, roads: Roads) -> FloatArray:
        """(n, 2) places where none of these roads goes on."""
        vertices, ends = [np.zeros(0, dtype=np.int64)], [NodeTable.joined([])]
        for chunk, some in zip(self._chunks, roads, strict=True):
            ways, which = chunk.listed, np.flatnonzero(some)
            first, last = ways.ptr[which], ways.ptr[which + 1]
            place = chunk.place[ranges(first, last - first)]
            vertices.append(chunk.nodes.node_id[place[place >= 0]])
            place = chunk.place[np.concatenate([first, last - 1])]
            ends.append(chunk.nodes.take(place[place >= 0]))
        ids, uses = np.unique(np.concatenate(vertices), return_counts=True)
        found = NodeTable.joined(ends)
        lone = np.flatnonzero(uses[find_ids(ids, found.node_id)] == 1)
        return found.xy(lone)

    def feature_xy(self) -> FloatArray:
        """(n, 2) a place of each feature: its node, or the first of its way."""
        found = [np.zeros((0, 2))]
        for chunk in self._chunks:
            first, last = chunk["ptr"][:-1], chunk["ptr"][1:]
            place = chunk.place[first[chunk["feature"] & (last > first)]]
            found.append(chunk.nodes.xy(place[place >= 0]))
        found += [
            chunk.nodes.xy(np.arange(len(chunk["node_id"]))) for chunk in map(Chunk, self._tagged_nodes)
        ]
        return np.concatenate(found)


def _part(chunk: Chunk, which: IntArray) -> tuple[Listed, NodeTable]:
    """Some objects of a chunk, with the texts that they use, and their nodes."""
    taken = take_listed(chunk.listed, which)
    used, at = np.unique(np.concatenate([taken.key, taken.value]), return_inverse=True)
    key, value = np.split(at.astype(np.int64), 2)
    texts = [taken.texts[i] for i in used.tolist()]
    place = chunk.place[ranges(chunk.listed.ptr[which], np.diff(taken.ptr))]
    nodes = chunk.nodes.take(unique_ids([place[place >= 0]]))
    return Listed(taken.ids, taken.ptr, taken.number, taken.tag_ptr, key, value, texts), nodes
