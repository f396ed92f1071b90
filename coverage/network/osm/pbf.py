"""Roads and tagged objects from an ordinary PBF file, several times faster than object by object.

The file is read once, from its end to its beginning, because what is needed of it is known in that order:
relations say which ways they are made of, ways say which nodes; of the nodes, which most of a file consists
of, only the ids are decoded in full, and the places of needed ones kept. So memory grows with what is wanted,
not with the file. Blobs are decompressed in a thread of their own, outside Python's lock.

The answer is that of :func:`.files.read_by_osmium`, which is asked whenever anything is out of the ordinary
or looks damaged: this module never decides that a file is bad.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..graph import BoolArray, IntArray
from .objects import AREA_RELATIONS, Content, Selection, TaggedNodes, TaggedRelations, TaggedWays, Tags
from .pbf_format import (
    DENSE,
    FORMAT_MAX_BYTES,
    REFUSALS,
    RELATION,
    WAY,
    Block,
    Entities,
    TagNumbers,
    Unusual,
    check_header,
    is_full_disk,
    open_block,
    read_dense,
    read_entities,
    read_fields,
    read_index,
    unpack,
)
from .tags import is_candidate
from .ways import WAY_KEYS, Coded, NodeTable, Ways, join_nodes, pointers, unique_ids

_AT_ONCE = 8
_HIGHWAY, _ROUTE = WAY_KEYS.index("highway"), WAY_KEYS.index("route")
_KEY_NUMBER = {key.encode(): number for number, key in enumerate(WAY_KEYS)}
_WAY_MEMBER = 1
Int32 = npt.NDArray[np.int32]


def read_pbf(path: Path, selection: Selection) -> Content | None:
    """Read what is wanted of a PBF file; None if it is not an ordinary one.

    Raises
    ------
    ValueError
        If the file must not be given to osmium either.
    """
    reading = Reading(selection)
    return reading.found if scan_pbf(path, reading) else None


def scan_pbf(path: Path, reading: Reading) -> bool:
    """Have a PBF file read block by block; False if it is not an ordinary one, and nothing is to be made of it.

    Raises
    ------
    ValueError
        If the file must not be given to osmium either.
    OSError
        If the disk is full on which the reading puts things by.
    """
    try:
        with path.open("rb") as file, ThreadPoolExecutor(1) as pool:
            _read(file, pool, reading)
    except REFUSALS as error:
        if is_full_disk(error):
            raise
    else:
        return True
    if has_zero_byte(path):
        raise ValueError("zero byte in a text")
    return False


def has_zero_byte(path: Path) -> bool:
    """Whether a text of the file has a zero byte, as far as the file can be read here.

    osmium reads beyond the end of such a text, and takes the whole process down with it.
    """
    with path.open("rb") as file, suppress(*REFUSALS):
        index = read_index(file, FORMAT_MAX_BYTES)
        next(index, None)
        for begin, size in index:
            file.seek(begin)
            with suppress(*REFUSALS):
                data = unpack(file.read(size), FORMAT_MAX_BYTES)
                for number, start, end in read_fields(data, 0, len(data)):
                    if number == 1 and any(b"\0" in data[a:b] for _, a, b in read_fields(data, start, end)):
                        return True
    return False


def _read(file: BinaryIO, pool: ThreadPoolExecutor, reading: Reading) -> None:
    index = np.array(array("q", chain.from_iterable(read_index(file))), dtype=np.int64)
    begins, sizes = index[::2], index[1::2]
    for header in _unpacked(file, pool, begins[:1], sizes[:1]):
        check_header(header)
    for data in _unpacked(file, pool, begins[:0:-1], sizes[:0:-1]):
        reading.take(open_block(data))
    reading.end()


def _unpacked(file: BinaryIO, pool: ThreadPoolExecutor, begins: IntArray, sizes: IntArray) -> Iterator[bytes]:
    """Decompressed blobs in the order asked for; while a few are worked on, the next few are unpacked."""
    waiting: deque[Future[list[bytes]]] = deque()
    try:
        for first in range(0, len(begins), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            blobs = []
            for begin, size in zip(begins[some], sizes[some], strict=True):
                file.seek(int(begin))
                blobs.append(file.read(int(size)))
            waiting.append(pool.submit(lambda blobs: [unpack(blob) for blob in blobs], blobs))
            if len(waiting) > 1:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


class _Sieve:
    """Finds objects by their tags, by the numbers of strings alone."""

    def __init__(self, wanted: Mapping[str, frozenset[str]]) -> None:
        self.wanted = {key.encode(): [value.encode() for value in wanted[key]] for key in wanted}
        keys = list(self.wanted)
        values = sorted({value for group in self.wanted.values() for value in group})
        self.number = {
            text: (
                keys.index(text) + 1 if text in keys else 0,
                values.index(text) + 1 if text in values else 0,
            )
            for text in sorted({*keys, *values})
        }
        self.allowed = np.zeros((len(keys) + 1, len(values) + 1), dtype=bool)
        for k, group in enumerate(self.wanted.values()):
            self.allowed[k + 1, [values.index(v) + 1 for v in group] or slice(None)] = True

    def may_hit(self, block: Block) -> bool:
        """Whether any object can have a wanted tag: key and value are in the string table."""
        return any(
            block.may_have(key) and (not values or any(map(block.may_have, values)))
            for key, values in self.wanted.items()
        )

    def hits(self, tags: TagNumbers, strings: list[bytes]) -> BoolArray:
        """Whether each object has a wanted tag."""
        key_value = np.zeros((2, len(strings)), dtype=np.int64)
        for i in [i for i, text in enumerate(strings) if text in self.number]:
            key_value[:, i] = self.number[strings[i]]
        maybe = np.flatnonzero(key_value[0][tags.key])
        good = self.allowed[key_value[0][tags.key[maybe]], key_value[1][tags.value[maybe]]]
        found = np.zeros(len(tags.count), dtype=bool)
        found[tags.owners()[maybe[good]]] = True
        return found


@dataclass(frozen=True)
class Candidates:
    """Candidate ways of one group; ``columns`` has the codes and values of each key of WAY_KEYS."""

    n_seen: int
    way_id: IntArray
    counts: IntArray
    ref: IntArray
    columns: list[tuple[Int32, list[str]]]


@dataclass(frozen=True)
class _Listed:
    """Wanted ways or relations of one group, and so many numbers of each: node ids, or ids of member ways."""

    ids: IntArray
    counts: IntArray
    numbers: IntArray
    tags: list[Tags | None]


class Reading:
    """What has been found so far, from the end of the file on; lists of parts are in reverse order.

    Attributes
    ----------
    found : Content, optional
        Everything, in the order of the file, at the end.
    """

    def __init__(self, selection: Selection) -> None:
        self.found: Content | None = None
        self.selection = selection
        self.sieve = _Sieve(selection.tags)
        self.stage = RELATION
        self.first_id: dict[int, int] = {}
        self.relations: list[_Listed] = []
        self.ways: list[_Listed] = []
        self.roads: list[Candidates] = []
        self.tagged_nodes: list[tuple[NodeTable, list[Tags]]] = []
        self.nodes: list[NodeTable] = []
        self.members = self.needed = np.zeros(0, dtype=np.int64)

    def take(self, block: Block) -> None:
        """Read a block."""
        for kind, work in ((RELATION, self._relations), (WAY, self._ways), (DENSE, self._nodes)):
            if block.groups[kind]:
                self._enter(kind)
                work(block)

    def _enter(self, kind: int) -> None:
        """Go on to ways, then to nodes; gather what the objects read before need of them."""
        if kind > self.stage:
            raise Unusual("order of objects")
        if kind <= WAY < self.stage:
            self.members = unique_ids([part.numbers for part in self.relations])
        if kind == DENSE < self.stage:
            self.needed = unique_ids([part.ref for part in self.roads] + [part.numbers for part in self.ways])
        self.stage = kind

    def _check_ids(self, kind: int, ids: IntArray) -> None:
        """Refuse ids that do not ascend throughout the file."""
        if len(ids):
            if np.any(ids[1:] <= ids[:-1]) or ids[-1] >= self.first_id.get(kind, np.inf):
                raise Unusual("order of ids")
            self.first_id[kind] = int(ids[0])

    def _relations(self, block: Block) -> None:
        if not self.selection.tags and self.selection.relation_id is None:
            return
        for group in reversed(list(read_entities(block, RELATION))):
            self._check_ids(RELATION, group.entity_id)
            self.relations.append(_relations_of(group, block, self.sieve, self.selection))

    def _ways(self, block: Block) -> None:
        for group in reversed(list(read_entities(block, WAY))):
            self._check_ids(WAY, group.entity_id)
            tags = group.tags(len(block.strings))
            if self.selection.roads:
                self.roads.append(_roads_of(group, tags, block))
            self.ways.append(_ways_of(group, tags, block, self.sieve, self.members))

    def _nodes(self, block: Block) -> None:
        tagged = self.sieve.may_hit(block)
        for group in reversed(list(read_dense(block))):
            self._check_ids(DENSE, group.node_id)
            here = _within(group.node_id, self.needed_among(group.node_id))
            tags = group.tags(len(block.strings)) if tagged else None
            hits = np.flatnonzero(self.sieve.hits(tags, block.strings)) if tags else here[:0]
            if not len(here) and not len(hits):
                continue
            nodes = NodeTable(group.node_id, *group.coordinates())
            self.nodes.append(nodes.take(here))
            if tags and len(hits):
                self.tagged_nodes.append((nodes.take(hits), tags.dicts(hits, block.texts)))

    def needed_among(self, ids: IntArray) -> IntArray:
        """Ascending ids that the ways need, at least those from the first to the last of these."""
        del ids
        return self.needed

    def end(self) -> None:
        """Take the end of the file's blocks: its beginning."""
        self._enter(DENSE)
        nodes = NodeTable.joined(self.nodes[::-1])
        tagged, tags = self.taken_tagged()
        valid = tagged.valid()
        tagged_nodes = TaggedNodes(
            tagged.node_id[valid], tagged.xy(valid), [tags[i] for i in np.flatnonzero(valid).tolist()]
        )
        nodes = nodes.take(nodes.valid())
        self.found = Content(
            joined_roads(self.roads[::-1], nodes),
            tagged_nodes,
            self.taken_ways(),
            self.all_relations(),
            nodes,
        )

    def taken_tagged(self) -> tuple[NodeTable, list[Tags]]:
        """Wanted nodes found since this was last asked, and their tags."""
        parts, self.tagged_nodes = self.tagged_nodes[::-1], []
        return NodeTable.joined([table for table, _ in parts]), [each for _, part in parts for each in part]

    def taken_ways(self) -> TaggedWays:
        """Wanted ways found since this was last asked."""
        parts, self.ways = self.ways[::-1], []
        return TaggedWays(*_listed(parts))

    def all_relations(self) -> TaggedRelations:
        """All wanted relations."""
        relation_id, ptr, member, tags = _listed(self.relations[::-1])
        return TaggedRelations(relation_id, ptr, member, [t or {} for t in tags])


def _within(ids: IntArray, wanted: IntArray) -> IntArray:
    """Positions of those ids that are wanted; both are ascending."""
    if not len(ids):
        return ids
    wanted = wanted[np.searchsorted(wanted, ids[0]) : np.searchsorted(wanted, ids[-1], side="right")]
    place = np.searchsorted(ids, wanted)
    found: IntArray = place[ids[place] == wanted]
    return found


# -- relations and tagged ways -----------------------------------------------------------------------------
def _relations_of(group: Entities, block: Block, sieve: _Sieve, selection: Selection) -> _Listed:
    """Relations that are wanted, with their member ways."""
    tags = group.tags(len(block.strings))
    hits = np.flatnonzero(sieve.hits(tags, block.strings) | (group.entity_id == selection.relation_id))
    found = tags.dicts(hits, block.texts)
    areal = [k for k, each in enumerate(found) if each.get("type") in AREA_RELATIONS]
    which = hits[areal]
    ref, counts = group.deltas(9, which)
    kind, n_kinds = group.packed(10, which)
    if not np.array_equal(counts, n_kinds):
        raise Unusual("members")
    is_way = kind == _WAY_MEMBER
    n_ways = np.diff(pointers(is_way)[pointers(counts)])
    return _Listed(group.entity_id[which], n_ways, ref[is_way], [found[k] for k in areal])


def _ways_of(group: Entities, tags: TagNumbers, block: Block, sieve: _Sieve, members: IntArray) -> _Listed:
    """Ways that are wanted for their tags, or as members of relations, with their nodes."""
    tagged = sieve.hits(tags, block.strings)
    wanted = tagged.copy()
    wanted[_within(group.entity_id, members)] = True
    which = np.flatnonzero(wanted)
    ref, counts = group.deltas(8, which)
    dicts = iter(tags.dicts(np.flatnonzero(tagged), block.texts))
    return _Listed(group.entity_id[which], counts, ref, [next(dicts) if t else None for t in tagged[which]])


def _listed(parts: list[_Listed]) -> tuple[IntArray, IntArray, IntArray, list[Tags | None]]:
    """Ids, pointers, numbers and tags of all parts."""
    none = np.zeros(0, dtype=np.int64)
    return (
        np.concatenate([none, *(part.ids for part in parts)]),
        pointers(np.concatenate([none, *(part.counts for part in parts)])),
        np.concatenate([none, *(part.numbers for part in parts)]),
        [tags for part in parts for tags in part.tags],
    )


# -- roads -------------------------------------------------------------------------------------------------
def _roads_of(group: Entities, tags: TagNumbers, block: Block) -> Candidates:
    """Tags and refs of the ways that may be roads or ferries."""
    n = len(group.entity_id)
    number = np.array([_KEY_NUMBER.get(string, -1) for string in block.strings], dtype=np.int8)[tags.key]
    hits = np.flatnonzero(number >= 0)[::-1]  # the first of several equal keys is written last
    table = np.full((len(WAY_KEYS), n), -1, dtype=np.int32)
    table[number[hits], tags.owners()[hits]] = tags.value[hits]
    keep, seen = _are_candidates(table[_HIGHWAY], table[_ROUTE], block)
    which = np.flatnonzero(keep)
    ref, counts = group.deltas(8, which)
    columns = [_column(row[which], block) for row in table]
    return Candidates(int(seen.sum()), group.entity_id[which], counts, ref, columns)


def _are_candidates(highway: Int32, route: Int32, block: Block) -> tuple[BoolArray, BoolArray]:
    """Which ways may be roads or ferries, and which have ``highway`` or ``route`` at all."""
    has = highway >= 0
    roads = _by_string(highway, block, lambda value: is_candidate(value, None))
    ferries = _by_string(route, block, lambda value: is_candidate(None, value))
    return np.where(has, roads, ferries), has | (route >= 0)


def _by_string(row: Int32, block: Block, rule: Callable[[str], bool]) -> BoolArray:
    """Apply a rule to each different value once; False where there is none."""
    answers = np.zeros(len(block.strings) + 1, dtype=bool)
    for i in np.flatnonzero(np.bincount(row[row >= 0])).tolist():
        answers[i] = rule(block.texts[i])
    return answers[row]


def _column(row: Int32, block: Block) -> tuple[Int32, list[str]]:
    """Codes and values of one key, numbered within the group."""
    seen = np.zeros(len(block.strings) + 1, dtype=bool)
    seen[row[row >= 0]] = True
    number = np.where(seen, np.cumsum(seen) - 1, -1).astype(np.int32)
    return number[row], [block.texts[i] for i in np.flatnonzero(seen).tolist()]


def joined_roads(parts: list[Candidates], nodes: NodeTable) -> Ways:
    """Roads of all groups with values numbered throughout, and their nodes."""
    none = np.zeros(0, dtype=np.int64)
    tags = {}
    for k, key in enumerate(WAY_KEYS):
        known: dict[str, int] = {}
        codes = [np.zeros(0, dtype=np.int32)]
        for part in parts:
            local, values = part.columns[k]
            numbers = [known.setdefault(value, len(known)) for value in values]
            codes.append(np.array([*numbers, -1], dtype=np.int32)[local])
        tags[key] = Coded(np.concatenate(codes), list(known))
    return join_nodes(
        np.concatenate([none, *(part.way_id for part in parts)]),
        np.concatenate([none, *(part.counts for part in parts)]),
        np.concatenate([none, *(part.ref for part in parts)]),
        tags,
        nodes,
        n_seen=sum(part.n_seen for part in parts),
    )
