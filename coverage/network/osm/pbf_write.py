"""OSM PBF files out: dense nodes, ways and relations in blocks, the same bytes for the same content.

The format is described in :mod:`.pbf_format`. osmium writes PBF, too, but object by object from Python; the pieces of a
country are some hundred million nodes, and whole arrays take a tenth of the time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..graph import IntArray
from .objects import Tags
from .pbf_format import DENSE, RELATION, WAY, Bytes
from .ways import NodeTable, pointers, ranges

_NODES, _OBJECTS = 16_000, 8_000
"""So many nodes, and so many ways or relations, are a block."""
_LEVEL = 3
"""zlib's sixth level takes twice as long for 4 % less."""


@dataclass(frozen=True)
class Listed:
    """Ways or relations by id; object ``i`` has the numbers ``number[ptr[i]:ptr[i + 1]]``, nodes or member ways.

    Its tags are the pairs of texts ``key[tag_ptr[i]:tag_ptr[i + 1]]`` and ``value[…]``, as numbers of ``texts``.
    """

    ids: IntArray
    ptr: IntArray
    number: IntArray
    tag_ptr: IntArray
    key: IntArray
    value: IntArray
    texts: Sequence[str]


def write_pbf(
    path: Path,
    nodes: NodeTable,
    node_tags: Mapping[int, Tags],
    ways: Listed,
    relations: Listed,
) -> None:
    """Write a file.

    Parameters
    ----------
    path : Path
        Of a file that is not there yet, or may be replaced.
    nodes : NodeTable
    node_tags : mapping
        Position in ``nodes`` -> tags, of the nodes that have some.
    ways, relations : Listed
        All members of relations are ways.
    """
    with path.open("wb") as file:
        features = b"".join(_field(4, name) for name in (b"OsmSchema-V0.6", b"DenseNodes"))
        _blob(file, b"OSMHeader", features + _field(16, b"plugspan"))
        tagged = np.array(sorted(node_tags), dtype=np.int64)
        for first in range(0, len(nodes.node_id), _NODES):
            _blob(file, b"OSMData", _node_block(nodes, node_tags, tagged, slice(first, first + _NODES)))
        for kind, listed in ((WAY, ways), (RELATION, relations)):
            for first in range(0, len(listed.ids), _OBJECTS):
                last = min(first + _OBJECTS, len(listed.ids))
                _blob(file, b"OSMData", _object_block(kind, listed, first, last))


def _blob(file: BinaryIO, kind: bytes, data: bytes) -> None:
    blob = _number(2, len(data)) + _field(3, zlib.compress(data, _LEVEL))
    header = _field(1, kind) + _number(3, len(blob))
    file.write(len(header).to_bytes(4, "big") + header + blob)


# -- numbers -----------------------------------------------------------------------------------------------
def encode_varints(values: npt.ArrayLike) -> tuple[Bytes, IntArray]:
    """Bytes of whole numbers, and how many each takes; see :func:`~.pbf_format.decode_varints`."""
    value = np.asarray(values).astype(np.uint64)
    size = np.ones(len(value), dtype=np.int64)
    for k in range(1, 10):
        longer = value >= np.uint64(1) << np.uint64(7 * k)
        if not longer.any():
            break
        size += longer
    start = np.cumsum(size) - size
    data = np.empty(int(size.sum()), dtype=np.uint8)
    for k in range(int(size.max(initial=0))):
        more = size > k
        byte = (value[more] >> np.uint64(7 * k)) & np.uint64(127)
        data[start[more] + k] = byte | np.where(size[more] > k + 1, np.uint64(128), np.uint64(0))
    return data, size


def zigzag(values: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """Unsigned form of signed numbers: 0, -1, 1, -2 … are 0, 1, 2, 3 …"""  # noqa: D400
    value = np.asarray(values, dtype=np.int64)
    return ((value << 1) ^ (value >> 63)).view(np.uint64)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _packed(values: npt.ArrayLike) -> bytes:
    return encode_varints(values)[0].tobytes()


def _differences(values: npt.NDArray[np.signedinteger]) -> bytes:
    return _packed(zigzag(np.diff(values.astype(np.int64), prepend=0)))


# -- blocks ------------------------------------------------------------------------------------------------
def _block(texts: Iterable[str], group: bytes) -> bytes:
    table = b"".join(_field(1, text.encode()) for text in ("", *texts))  # number 0 ends the tags of a node
    return _field(1, table) + _field(2, group)


def _node_block(nodes: NodeTable, node_tags: Mapping[int, Tags], tagged: IntArray, which: slice) -> bytes:
    """``tagged``: the positions of the nodes with tags, in order."""
    ids = nodes.node_id[which]
    parts = [(1, _differences(ids)), (8, _differences(nodes.y[which])), (9, _differences(nodes.x[which]))]
    texts: dict[str, int] = {}
    here = tagged[slice(*np.searchsorted(tagged, [which.start, which.stop]))]
    if len(here):
        words = [[text for pair in node_tags[i].items() for text in pair] for i in here.tolist()]
        counts = np.ones(len(ids), dtype=np.int64)  # a nought ends each node's
        counts[here - which.start] += [len(each) for each in words]
        first = pointers(counts)
        pairs = np.zeros(first[-1], dtype=np.int64)
        starts = first[here - which.start]
        at = ranges(starts, np.array([len(each) for each in words]))
        pairs[at] = [texts.setdefault(text, len(texts) + 1) for each in words for text in each]
        parts.append((10, _packed(pairs)))
    dense = b"".join(_field(number, data) for number, data in parts)
    return _block(texts, _field(DENSE, dense))


def _object_block(kind: int, listed: Listed, first: int, last: int) -> bytes:
    some = slice(listed.tag_ptr[first], listed.tag_ptr[last])
    used, place = np.unique(np.concatenate([listed.key[some], listed.value[some]]), return_inverse=True)
    texts = [listed.texts[i] for i in used.tolist()]
    table = sorted(set(texts))  # however they were numbered before
    number = {text: i for i, text in enumerate(table, start=1)}
    keys, values = np.split(np.array([number[text] for text in texts], dtype=np.int64)[place], 2)
    tag_ptr = listed.tag_ptr[first : last + 1] - listed.tag_ptr[first]
    ptr = listed.ptr[first : last + 1]
    numbers = listed.number[ptr[0] : ptr[-1]]
    begins = ptr[:-1][np.diff(ptr) > 0] - ptr[0]
    steps = np.diff(numbers, prepend=0)
    steps[begins] = numbers[begins]  # each object's numbers start anew
    counts = np.diff(ptr)
    ids = np.full(last - first, 1 << 3, dtype=np.uint8), np.ones(last - first, dtype=np.int64)
    fields = [
        ids,
        encode_varints(listed.ids[first:last]),
        _fields(2, *_by_object(keys, tag_ptr)),
        _fields(3, *_by_object(values, tag_ptr)),
    ]
    steps_of = _by_object(zigzag(steps), ptr - ptr[0])
    if kind == WAY:
        fields.append(_fields(8, *steps_of))
    else:
        none, ways = (np.full(len(numbers), value, dtype=np.uint8) for value in (0, 1))
        fields += [_fields(8, none, counts), _fields(9, *steps_of), _fields(10, ways, counts)]  # no roles
    message, size = _side_by_side(fields)
    return _block(table, _fields(kind, message, size)[0].tobytes())


# Of each object a slice of bytes: all of them, one after the other, and how many each has.
def _by_object(values: npt.ArrayLike, ptr: IntArray) -> tuple[Bytes, IntArray]:
    """Encode the numbers ``values[ptr[i]:ptr[i + 1]]`` of each object."""
    data, size = encode_varints(values)
    return data, np.diff(pointers(size)[ptr])


def _side_by_side(parts: Sequence[tuple[Bytes, IntArray]]) -> tuple[Bytes, IntArray]:
    """Put the slices of each object behind each other."""
    total = np.sum([size for _, size in parts], axis=0)
    at, whole = pointers(total)[:-1], np.empty(int(total.sum()), dtype=np.uint8)
    for data, size in parts:
        whole[ranges(at, size)] = data
        at = at + size
    return whole, total


def _fields(number: int, data: Bytes, size: IntArray) -> tuple[Bytes, IntArray]:
    """Make a field of each object's slice; an empty one has none."""
    some = size > 0
    lengths, width = encode_varints(size[some])
    widths = np.zeros_like(size)
    widths[some] = width
    heads = np.full(np.count_nonzero(some), number << 3 | 2, dtype=np.uint8)
    return _side_by_side([(heads, some.astype(np.int64)), (lengths, widths), (data, size)])


def take_listed(listed: Listed, which: IntArray) -> Listed:
    """Return some of the ways or relations, in ascending order."""
    counts, tags = (
        listed.ptr[which + 1] - listed.ptr[which],
        listed.tag_ptr[which + 1] - listed.tag_ptr[which],
    )
    at, tag_at = ranges(listed.ptr[which], counts), ranges(listed.tag_ptr[which], tags)
    return Listed(
        listed.ids[which], pointers(counts), listed.number[at],
        pointers(tags), listed.key[tag_at], listed.value[tag_at], listed.texts,
    )  # fmt: skip


def join_listed(parts: Sequence[Listed]) -> Listed:
    """Return the objects of several lists one after the other; ids ascend from list to list."""
    none = np.zeros(0, dtype=np.int64)
    first = pointers([len(part.texts) for part in parts]).tolist()

    def joined(columns: Iterable[IntArray]) -> IntArray:
        return np.concatenate([none, *columns])

    return Listed(
        joined(part.ids for part in parts),
        pointers(joined(np.diff(part.ptr) for part in parts)),
        joined(part.number for part in parts),
        pointers(joined(np.diff(part.tag_ptr) for part in parts)),
        joined(part.key + n for part, n in zip(parts, first, strict=False)),
        joined(part.value + n for part, n in zip(parts, first, strict=False)),
        [text for part in parts for text in part.texts],
    )
