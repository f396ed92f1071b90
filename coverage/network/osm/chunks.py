"""The roads and features of an OSM file put by on disk in chunks, so that memory doesn't grow with the file.

The file is read once, from its end. Ways are put by as soon as there are enough, each chunk those of a range of ids.
The ids of the nodes that they need are sorted into stacks, so that of these, too, only the stack of the nodes that are
being read is in memory. When the nodes have been read, each chunk is given the places of its own, and an index of small
cells. From then on a piece takes from each chunk what lies in its cells. Nodes with tags are chunks of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ..graph import BoolArray, IntArray
from .features import FEATURE_TAGS
from .files import osm_faults, read_content
from .objects import Content, Selection, TaggedWays, Tags
from .pbf import Reading, joined_roads, scan_pbf
from .pbf_format import DENSE, Block
from .pbf_write import Listed
from .tags import why_dropped
from .ways import UNITS_PER_DEGREE, WAY_KEYS, NodeTable, Ways, find_ids, pointers, ranges, unique_ids

CELL_DEG = 0.02
"""Side of a cell, 2 km: a piece is larger than its area by less than a cell on each side."""
COLUMNS = round(360 / CELL_DEG)
MOST = 1_500_000
"""Vertices of a chunk, and nodes that are found before they are put by: 100 bytes each while they are worked on."""
_CELL_UNITS = round(CELL_DEG * UNITS_PER_DEGREE)
_COLUMNS = ("ids", "ptr", "number", "tag_ptr", "key", "value")
_STACK_BITS, _LAST_STACK = 23, 4095
"""A stack holds 8 million ids: 64 MB if all are needed."""


def cells_of(x: npt.NDArray[np.int32], y: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Cell of each place, in units of 1e-7 degrees; cells of a row of latitude follow each other from west to east."""
    column = (x.astype(np.int64) + 1_800_000_000) // _CELL_UNITS % COLUMNS
    row = (y.astype(np.int64) + 900_000_000) // _CELL_UNITS
    return (row * COLUMNS + column).astype(np.int32)


class _Texts(Sequence[str]):
    """Texts as they lie in a file; those that are asked for are decoded."""

    def __init__(self, ptr: IntArray, data: npt.NDArray[np.uint8]) -> None:
        self._ptr, self._data = ptr, data

    def __len__(self) -> int:
        return len(self._ptr) - 1

    @overload
    def __getitem__(self, i: int) -> str: ...

    @overload
    def __getitem__(self, i: slice) -> Sequence[str]: ...

    def __getitem__(self, i: int | slice) -> str | Sequence[str]:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        return self._data[self._ptr[i] : self._ptr[i + 1]].tobytes().decode()


@dataclass(frozen=True)
class Chunk:
    """Ways, or nodes with tags, of a range of ids, in a folder, each array a file that is mapped.

    Parts that are read stay in memory as long as the chunk does: ask for it, use it, forget it.
    """

    folder: Path

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return an array."""
        return np.asarray(np.load(self.folder / f"{name}.npy", mmap_mode="r"))

    @cached_property
    def listed(self) -> Listed:
        """All objects; a node has itself as its only vertex."""
        columns = {name: self[name] for name in _COLUMNS}
        return Listed(**columns, texts=_Texts(self["text_ptr"], self["text"]))

    @cached_property
    def place(self) -> IntArray:
        """Position among the nodes of the chunk of each vertex; -1 for those that are not in the file."""
        return self["place"]

    @cached_property
    def nodes(self) -> NodeTable:
        """Nodes of all objects."""
        return NodeTable(self["node_id"], self["x"], self["y"])

    def within(self, cells: IntArray) -> IntArray:
        """Objects with a node in any of the cells, ascending."""
        cell, wanted = self["cell"], cells.astype(np.int32)
        first = np.searchsorted(cell, wanted)
        counts = np.searchsorted(cell, wanted, side="right") - first
        return unique_ids([self["owner"][ranges(first, counts)]])

    def tagged(self, key: str, rule: Any) -> BoolArray:
        """Whether each object has a tag with this key and a value that a rule takes; each value is asked about once."""
        listed = self.listed
        is_key = np.array([text == key for text in listed.texts], dtype=bool)
        at = np.flatnonzero(is_key[listed.key])
        values, back = np.unique(listed.value[at], return_inverse=True)
        good = np.array([rule(listed.texts[i]) for i in values.tolist()], dtype=bool)[back]
        found = np.zeros(len(listed.ids), dtype=bool)
        found[np.searchsorted(listed.tag_ptr, at[good], side="right") - 1] = True
        return found


@dataclass
class _Stacks:
    """Ids of nodes that are needed, sorted into files by their highest digits."""

    folder: Path
    waiting: list[IntArray] = field(default_factory=list)
    held: tuple[int, IntArray] = (-1, np.zeros(0, dtype=np.int64))
    n: int = 0

    @staticmethod
    def stack_of(ids: IntArray) -> IntArray:
        """Number of the stack of each id; ids that no node has must not make any number of files."""
        stacks: IntArray = np.clip(ids >> _STACK_BITS, 0, _LAST_STACK)
        return stacks

    def add(self, ids: IntArray) -> None:
        """Put ids by."""
        self.waiting.append(ids)
        self.n += len(ids)
        if self.n > MOST:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        ids = unique_ids(self.waiting)
        self.waiting, self.n = [], 0
        stacks, first = np.unique(self.stack_of(ids), return_index=True)
        ends = [*first.tolist(), len(ids)]
        for stack, part in zip(stacks.tolist(), pairwise(ends), strict=True):
            with (self.folder / f"stack-{stack}").open("ab") as file:
                file.write(ids[slice(*part)].tobytes())

    def between(self, first: int, last: int) -> IntArray:
        """Ids that were put by, from the first stack to the last, ascending."""
        if first == last:  # of hundreds of blocks one after the other, without a copy
            return self._take(first)
        return np.concatenate([self._take(stack) for stack in range(first, last + 1)])

    def _take(self, stack: int) -> IntArray:
        if self.held[0] != stack:
            path = self.folder / f"stack-{stack}"
            ids = np.fromfile(path, dtype=np.int64) if path.exists() else np.zeros(0, dtype=np.int64)
            self.held = stack, unique_ids([ids])
        return self.held[1]


class Chunks:
    """All chunks of a file.

    Parameters
    ----------
    path : Path
        OSM file. An ordinary PBF file is read in bounded memory, any other one as a whole.
    folder : Path
        An empty one, to put chunks by; they are used as long as this is.
    most : int
        Vertices of a chunk.

    Attributes
    ----------
    ways, tagged_nodes : list of Chunk
        By ascending ids.
    relations : TaggedRelations
        Areas; they are few, and in memory.

    Raises
    ------
    InputError
        As :func:`~plugspan.network.read_osm`.
    OSError
        If the disk is full.
    """

    def __init__(self, path: Path, folder: Path, most: int = MOST) -> None:
        self.folder = folder
        self.ways: list[Chunk] = []
        self.tagged_nodes: list[Chunk] = []
        selection = Selection(roads=True, tags=FEATURE_TAGS)
        ordinary = False
        if path.name.lower().endswith(".pbf"):
            with osm_faults(path):
                reading = _ChunkReading(selection, self, most)
                ordinary = scan_pbf(path, reading)
        if ordinary:
            self.relations = reading.all_relations()
            tables = reading.tables[::-1]
        else:
            for left in folder.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            self.ways, self.tagged_nodes = [], []
            content = read_content(path, selection)
            self.relations = content.tagged_relations
            tables = [self._take_content(content)]
        self.ways.reverse()
        self.tagged_nodes.reverse()
        for chunk in (*self.ways, *self.tagged_nodes):
            _complete(chunk.folder, map(_load_nodes, tables))

    def _take_content(self, content: Content) -> Path:
        """Put by what was read as a whole: a chunk of ways and one of nodes."""
        tagged = content.tagged_nodes
        roads = content.roads.take(_driven(content.roads))
        ids = (roads.node_id, tagged.node_id, content.nodes.node_id, content.tagged_ways.ref)
        self.add_ways(roads, content.tagged_ways, max(int(each.max(initial=0)) for each in ids) + 1)
        self.add_nodes(tagged.node_id, tagged.tags)
        xy = np.concatenate([roads.node_xy, tagged.xy])
        x, y = np.rint(xy.T * UNITS_PER_DEGREE).astype(np.int32)
        own = NodeTable(np.concatenate(ids[:2]), x, y)
        return save_nodes(self.folder / "nodes", [own, content.nodes])

    def add_ways(self, roads: Ways, tagged: TaggedWays, no_node: int) -> IntArray:
        """Put a chunk of ways by; returns the ids of their nodes."""
        listed, is_road, is_feature = _listed_ways(roads, tagged, no_node)
        self._add(self.ways, "ways", listed, road=is_road, feature=is_feature)
        return listed.number

    def add_nodes(self, ids: IntArray, tags: list[Tags]) -> None:
        """Put a chunk of nodes with tags by."""
        if len(ids):
            self._add(self.tagged_nodes, "tagged", list_tagged(ids, np.arange(len(ids) + 1), ids, tags))

    def _add(self, chunks: list[Chunk], name: str, listed: Listed, **more: BoolArray) -> None:
        folder = self.folder / f"{name}-{len(chunks)}"
        folder.mkdir()
        columns = {key: getattr(listed, key) for key in _COLUMNS}
        texts = [text.encode() for text in listed.texts]
        columns |= {"text_ptr": pointers([len(text) for text in texts])}
        columns |= {"text": np.frombuffer(b"".join(texts), dtype=np.uint8)}
        _save(folder, columns | more)
        chunks.append(Chunk(folder))


class _ChunkReading(Reading):
    """Puts by what it finds, as soon as there is enough of it; parts of the file are read from its end on."""

    def __init__(self, selection: Selection, chunks: Chunks, most: int) -> None:
        super().__init__(selection)
        self.chunks, self.most = chunks, most
        self.stacks = _Stacks(chunks.folder)
        self.tables: list[Path] = []
        self.waiting = 0

    def _enter(self, kind: int) -> None:
        if kind == DENSE < self.stage:
            self._put_ways_by()
            self.stacks.flush()
        super()._enter(kind)

    def _ways(self, block: Block) -> None:
        super()._ways(block)
        if (
            sum(len(part.ref) for part in self.roads) + sum(len(part.numbers) for part in self.ways)
            > self.most
        ):
            self._put_ways_by()

    def _put_ways_by(self) -> None:
        tagged, roads = self.taken_ways(), self.roads[::-1]
        self.roads, self.waiting = [], 0
        ids = unique_ids([part.ref for part in roads])
        nowhere = np.zeros(len(ids), dtype=np.int32)
        found = joined_roads(roads, NodeTable(ids, nowhere, nowhere))
        self.stacks.add(self.chunks.add_ways(found.take(_driven(found)), tagged, 0))

    def _nodes(self, block: Block) -> None:
        before = len(self.nodes)
        super()._nodes(block)
        self.waiting += sum(len(part.node_id) for part in self.nodes[before:])
        if self.waiting > self.most:
            self._put_nodes_by()

    def needed_among(self, ids: IntArray) -> IntArray:
        """Ascending ids that the ways need, of the stacks that these ids are of."""
        if not len(ids):
            return ids
        return self.stacks.between(*self.stacks.stack_of(ids[[0, -1]]).tolist())

    def _put_nodes_by(self) -> None:
        tagged, tags = self.taken_tagged()
        valid = np.flatnonzero(tagged.valid())
        self.chunks.add_nodes(tagged.node_id[valid], [tags[i] for i in valid.tolist()])
        path = self.chunks.folder / f"nodes-{len(self.tables)}"
        self.tables.append(save_nodes(path, [*self.nodes[::-1], tagged]))
        self.nodes, self.waiting = [], 0

    def end(self) -> None:
        """Put by what is left."""
        self._enter(DENSE)
        self._put_nodes_by()


# -- files of arrays ---------------------------------------------------------------------------------------
def _save(folder: Path, columns: dict[str, npt.NDArray[Any]]) -> None:
    for name, values in columns.items():
        np.save(folder / f"{name}.npy", values)


def save_nodes(path: Path, tables: Sequence[NodeTable]) -> Path:
    """Write nodes with valid places, each once, by id; returns the path of the file."""
    ids, x, y = (np.concatenate([getattr(table, name) for table in tables]) for name in ("node_id", "x", "y"))
    _, first = np.unique(ids, return_index=True)
    nodes = NodeTable(ids, x, y).take(first)
    nodes = nodes.take(nodes.valid())
    whole = path.with_suffix(".npy")
    rows = np.empty(len(nodes.node_id), dtype=[("id", np.int64), ("x", np.int32), ("y", np.int32)])
    rows["id"], rows["x"], rows["y"] = nodes.node_id, nodes.x, nodes.y
    np.save(whole, rows)
    return whole


def _load_nodes(path: Path) -> NodeTable:
    rows = np.load(path)
    return NodeTable(np.ascontiguousarray(rows["id"]), rows["x"], rows["y"])


def _complete(folder: Path, tables: Iterator[NodeTable]) -> None:
    """Give a chunk the places of its nodes, from tables with ascending ids, and its index."""
    number, ptr = np.load(folder / "number.npy"), np.load(folder / "ptr.npy")
    wanted, found = unique_ids([number]), []
    for table in tables:
        if len(table.node_id):
            first, last = np.searchsorted(wanted, table.node_id[[0, -1]] + [0, 1])
            place = find_ids(table.node_id, wanted[first:last])
            found.append(table.take(place[place >= 0]))
    nodes = NodeTable.joined(found)
    place = find_ids(nodes.node_id, number).astype(np.int32)
    there = place >= 0
    cell = cells_of(nodes.x, nodes.y)[place[there]]
    owner = np.repeat(np.arange(len(ptr) - 1, dtype=np.int32), np.diff(ptr))[there]
    new = np.ones(len(cell), dtype=bool)  # pairs that follow each other and are equal count once
    new[1:] = (cell[1:] != cell[:-1]) | (owner[1:] != owner[:-1])
    cell, owner = cell[new], owner[new]
    order = np.argsort(cell, kind="stable")
    columns: dict[str, npt.NDArray[Any]] = {
        "node_id": nodes.node_id,
        "x": nodes.x,
        "y": nodes.y,
        "place": place,
    }
    _save(folder, columns | {"cell": cell[order], "owner": owner[order]})


# -- lists of objects --------------------------------------------------------------------------------------
def _driven(roads: Ways) -> BoolArray:
    """Which roads the public drives on."""
    kept: BoolArray = ~np.logical_or.reduce(list(why_dropped(roads).values()))
    return kept


def _listed_ways(roads: Ways, tagged: TaggedWays, no_node: int) -> tuple[Listed, BoolArray, BoolArray]:
    """All ways by id, which are roads, and which are features.

    ``no_node``: stands for a node of a road that is not in the file.
    """
    ids = np.union1d(roads.way_id, tagged.way_id)
    road_of, tagged_of = find_ids(ids, roads.way_id), find_ids(ids, tagged.way_id)
    lone = ~np.isin(tagged.way_id, roads.way_id)
    counts = np.zeros(len(ids), dtype=np.int64)
    counts[road_of] = np.diff(roads.ptr)
    counts[tagged_of[lone]] = np.diff(tagged.ptr)[lone]
    ptr = pointers(counts)
    number = np.zeros(ptr[-1], dtype=np.int64)
    number[ranges(ptr[road_of], counts[road_of])] = np.append(roads.node_id, no_node)[roads.vertex]
    refs = ranges(tagged.ptr[:-1][lone], np.diff(tagged.ptr)[lone])
    number[ranges(ptr[tagged_of[lone]], counts[tagged_of[lone]])] = tagged.ref[refs]
    is_road, is_feature = np.zeros((2, len(ids)), dtype=bool)
    is_road[road_of] = True
    is_feature[tagged_of] = [tags is not None for tags in tagged.tags]
    texts = list(WAY_KEYS)
    parts = [np.zeros((3, 0), dtype=np.int64)]
    plain = np.flatnonzero(~is_feature[road_of])
    for key, name in enumerate(WAY_KEYS):
        coded = roads.tags[name]
        has = plain[coded.codes[plain] >= 0]
        value = len(texts) + coded.codes[has].astype(np.int64)
        parts.append(np.stack([road_of[has], np.full(len(has), key), value]))
        texts += coded.values
    known: dict[str, int] = {}
    pairs = zip(tagged_of.tolist(), tagged.tags, strict=True)
    rows = [(i, *pair) for i, tags in pairs for pair in (tags or {}).items()]
    parts.append(_numbered(rows, known, len(texts)))
    owner, key_of, value_of = np.concatenate(parts, axis=1)
    order = np.argsort(owner, kind="stable")
    tag_ptr = pointers(np.bincount(owner, minlength=len(ids)))
    listed = Listed(ids, ptr, number, tag_ptr, key_of[order], value_of[order], [*texts, *known])
    return listed, is_road, is_feature


def list_tagged(ids: IntArray, ptr: IntArray, number: IntArray, tags: Iterable[Tags]) -> Listed:
    """Objects with their numbers and tags."""
    known: dict[str, int] = {}
    owner, key, value = _numbered(
        [(i, *pair) for i, each in enumerate(tags) for pair in each.items()], known, 0
    )
    return Listed(ids, ptr, number, pointers(np.bincount(owner, minlength=len(ids))), key, value, list(known))


def _numbered(rows: list[tuple[int, str, str]], known: dict[str, int], first: int) -> IntArray:
    """(3, n) owner, key and value of tags as numbers; texts that are new are numbered on from ``first``."""
    numbers = [
        (owner, first + known.setdefault(key, len(known)), first + known.setdefault(value, len(known)))
        for owner, key, value in rows
    ]
    return np.array(numbers, dtype=np.int64).reshape(-1, 3).T
