"""Ways and their nodes from an ordinary PBF file, several times faster than object by object.

The blobs at the end of the file, which hold the ways, are read first; after that it is known which nodes
are needed, and of the blobs before them only the ids are decoded in full and the coordinates of needed nodes
kept.
So memory grows with the roads, not with the file. Two threads share the work: decompression and most of
numpy run outside Python's lock.

The answer is that of :func:`.read.read_ways`, which is asked whenever anything is out of the ordinary or
looks damaged: this module never decides that a file is bad.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt

from ..graph import BoolArray, IntArray
from .pbf_blocks import (
    Blob,
    Block,
    Unusual,
    WayFields,
    check_header,
    open_block,
    read_dense,
    read_index,
    read_strings,
    read_way_fields,
    unpack,
    unzigzag,
)
from .tags import is_candidate
from .ways import (
    DEGREES_PER_UNIT,
    WAY_KEYS,
    Coded,
    Ways,
    pointers,
    sort_ways,
)

THREADS = 2
_AHEAD = 4
_LON_LIMIT, _LAT_LIMIT = 1_800_000_000, 900_000_000
_HIGHWAY, _ROUTE = WAY_KEYS.index("highway"), WAY_KEYS.index("route")
_KEY_NUMBER = {key.encode(): number for number, key in enumerate(WAY_KEYS)}
T = TypeVar("T")


@dataclass(frozen=True)
class _Ways:
    """Candidate ways of one blob; ``columns`` has the codes and values of each key of WAY_KEYS."""

    n_seen: int
    way_id: IntArray
    counts: IntArray
    ref: IntArray
    columns: list[tuple[npt.NDArray[np.int32], list[str]]]


@dataclass(frozen=True)
class _Places:
    """Coordinates of needed nodes: ``at`` is their position among the needed ids."""

    at: IntArray
    x: IntArray
    y: IntArray


def read_ways_fast(path: Path) -> Ways | None:
    """Read candidate ways and their nodes; None if the file is not an ordinary one."""
    try:
        with path.open("rb") as file, ThreadPoolExecutor(THREADS) as pool:
            return _read(file, pool)
    except (Unusual, IndexError, ValueError, OverflowError, zlib.error, MemoryError, OSError):
        return None


def _read(file: BinaryIO, pool: ThreadPoolExecutor) -> Ways:
    blobs = read_index(file)
    if not blobs or blobs[0].kind != b"OSMHeader":
        raise Unusual("no header")
    check_header(unpack(_bytes(file, blobs[0])))
    if any(blob.kind == b"OSMHeader" for blob in blobs[1:]):
        raise Unusual("several headers")
    blobs = [blob for blob in blobs if blob.kind == b"OSMData"]
    parts: list[_Ways] = []
    n_nodes = 0  # blobs up to the last one with nodes
    for at, (has_nodes, ways) in enumerate(_ordered(file, pool, blobs[::-1], _ways_of)):
        parts.extend(ways[::-1])
        if has_nodes:
            n_nodes = max(n_nodes, len(blobs) - at)
            if not ways:  # all ways should stand after it: a blob of ways before is Unusual
                break
    n_seen, way_id, counts, ref, tags = _joined(parts[::-1])
    del parts
    way_id, counts, ref, tags = sort_ways(way_id, counts, ref, tags)
    needed = np.sort(ref)
    needed = needed[np.append(needed[1:] != needed[:-1], True)] if len(needed) else needed
    vertex = np.searchsorted(needed, ref)
    del ref
    x = np.zeros(len(needed), dtype=np.int32)
    y = np.zeros(len(needed), dtype=np.int32)
    found = np.zeros(len(needed), dtype=bool)
    for places in _ordered(file, pool, blobs[:n_nodes], lambda data: _places_of(data, needed)):
        for p in places:
            known = (np.abs(p.x) <= _LON_LIMIT) & (np.abs(p.y) <= _LAT_LIMIT)
            found[p.at] = known
            x[p.at[known]], y[p.at[known]] = p.x[known], p.y[known]
    position = np.append(np.cumsum(found) - 1, -1)
    position[:-1][~found] = -1
    xy = np.stack([x[found], y[found]], axis=1) / (1 / DEGREES_PER_UNIT)
    return Ways(way_id, pointers(counts), position[vertex], needed[found], xy, tags, n_seen)


def _bytes(file: BinaryIO, blob: Blob) -> bytes:
    """Compressed bytes of a blob."""
    file.seek(blob.offset)
    return file.read(blob.size)


def _ordered(
    file: BinaryIO, pool: ThreadPoolExecutor, blobs: Iterable[Blob], work: Callable[[bytes], T]
) -> Iterator[T]:
    """Results of the blobs in their order, a few worked on ahead."""
    waiting: deque[Future[T]] = deque()
    try:
        for blob in blobs:
            waiting.append(pool.submit(work, _bytes(file, blob)))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _ways_of(data: bytes) -> tuple[bool, list[_Ways]]:
    """Whether the blob holds nodes, and its candidate ways, group by group.

    A blob of relations only counts as one without nodes and ways.
    """
    block = open_block(unpack(data))
    if not block.ways:
        return bool(block.dense), []
    strings = read_strings(block)
    return bool(block.dense), [_candidates(fields, strings) for fields in read_way_fields(block)]


def _candidates(fields: WayFields, strings: list[bytes]) -> _Ways:
    """Tags and refs of the ways that may be roads or ferries."""
    n = len(fields.way_id)
    keys, n_keys = fields.packed(2)
    values, n_values = fields.packed(3)
    if not np.array_equal(n_keys, n_values):
        raise Unusual("keys and values")
    number = np.array([_KEY_NUMBER.get(string, -1) for string in strings], dtype=np.int8)
    number = number[keys.view(np.int64)]
    hits = np.flatnonzero(number >= 0)[::-1]  # the first of several equal keys is written last
    table = np.full((len(WAY_KEYS), n), -1, dtype=np.int32)
    table[number[hits], np.repeat(np.arange(n), n_keys)[hits]] = values[hits]
    keep, seen = _are_candidates(table[_HIGHWAY], table[_ROUTE], strings)
    refs, counts = fields.packed(8, keep)
    columns = [_column(row[keep], strings) for row in table]
    return _Ways(int(seen.sum()), fields.way_id[keep], counts, _from_deltas(unzigzag(refs), counts), columns)


def _are_candidates(
    highway: npt.NDArray[np.int32], route: npt.NDArray[np.int32], strings: list[bytes]
) -> tuple[BoolArray, BoolArray]:
    """Which ways may be roads or ferries, and which have ``highway`` or ``route`` at all."""
    has = highway >= 0
    roads = _by_string(highway, strings, lambda value: is_candidate(value, None))
    ferries = _by_string(route, strings, lambda value: is_candidate(None, value))
    return np.where(has, roads, ferries), has | (route >= 0)


def _by_string(row: npt.NDArray[np.int32], strings: list[bytes], rule: Callable[[str], bool]) -> BoolArray:
    """Apply a rule to each different value once; False where there is none."""
    answers = np.zeros(len(strings) + 1, dtype=bool)
    for i in np.flatnonzero(np.bincount(row[row >= 0])).tolist():
        answers[i] = rule(strings[i].decode())
    return answers[row]


def _column(row: npt.NDArray[np.int32], strings: list[bytes]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Codes and values of one key, numbered within the blob."""
    has = row >= 0
    seen = np.zeros(len(strings) + 1, dtype=bool)
    seen[row[has]] = True
    number = np.where(seen, np.cumsum(seen) - 1, -1).astype(np.int32)
    return number[row], [strings[i].decode() for i in np.flatnonzero(seen).tolist()]


def _from_deltas(deltas: IntArray, counts: IntArray) -> IntArray:
    """Return running sums that start again with each way."""
    total = np.cumsum(deltas)
    before = np.append(0, total)[pointers(counts)[:-1]]
    ref: IntArray = total - np.repeat(before, counts)
    return ref


def _places_of(data: bytes, needed: IntArray) -> list[_Places]:
    """Coordinates of the needed nodes of a blob."""
    block = open_block(unpack(data))
    if block.ways and not block.dense:
        raise Unusual("order of objects")
    return list(_needed_places(block, needed))


def _needed_places(block: Block, needed: IntArray) -> Iterator[_Places]:
    for nodes in read_dense(block):
        if not len(nodes.node_id):
            continue
        low, high = np.searchsorted(needed, [nodes.node_id[0], nodes.node_id[-1] + 1])
        if low == high:
            continue
        wanted = needed[low:high]
        place = np.minimum(np.searchsorted(nodes.node_id, wanted), len(nodes.node_id) - 1)
        here = np.flatnonzero(nodes.node_id[place] == wanted)
        x, y = nodes.coordinates()
        yield _Places(low + here, x[place[here]], y[place[here]])


def _joined(parts: list[_Ways]) -> tuple[int, IntArray, IntArray, IntArray, dict[str, Coded]]:
    """Ways of all blobs in file order, with values numbered throughout."""
    none = np.zeros(0, dtype=np.int64)
    way_id = np.concatenate([none, *(p.way_id for p in parts)])
    counts = np.concatenate([none, *(p.counts for p in parts)])
    ref = np.concatenate([none, *(p.ref for p in parts)])
    tags = {}
    for k, key in enumerate(WAY_KEYS):
        known: dict[str, int] = {}
        codes = [np.zeros(0, dtype=np.int32)]
        for part in parts:
            local, values = part.columns[k]
            numbers = [known.setdefault(value, len(known)) for value in values]
            codes.append(np.array([*numbers, -1], dtype=np.int32)[local])
        tags[key] = Coded(np.concatenate(codes), list(known))
    return sum(p.n_seen for p in parts), way_id, counts, ref, tags
