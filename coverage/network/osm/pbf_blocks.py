"""Blocks of a PBF file decoded in whole numpy arrays.

Sources: OSM wiki, *PBF Format*; Protocol Buffers documentation, *Encoding*.

Only what nearly all files consist of is decoded: zlib or raw blobs, dense nodes, packed fields each written
once, coordinates in units of 1e-7 degrees. Anything else raises :class:`Unusual`, and osmium reads the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..graph import BoolArray, IntArray
from .ways import pointers, ranges

Bytes = npt.NDArray[np.uint8]
MAX_HEADER_BYTES = 64 * 1024
MAX_BLOB_BYTES = 32 * 1024 * 1024
KNOWN_FEATURES = frozenset([b"OsmSchema-V0.6", b"DenseNodes"])
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Unusual(ValueError):  # noqa: N818  (never reaches a user)
    """The file has something that only osmium reads, or is damaged."""


@dataclass(frozen=True)
class Blob:
    """Where the compressed part of a file is: ``kind`` is ``b"OSMHeader"`` or ``b"OSMData"``."""

    kind: bytes
    offset: int
    size: int


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned number and the position after it."""
    byte = data[at]
    at += 1
    if byte < 128:
        return byte, at
    value, shift = byte & 127, 7
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise Unusual("number too long")


def read_fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Fields of a message: number, and start and end of its bytes, or its value and -1."""
    while at < end:
        key, at = read_varint(data, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = read_varint(data, at)
            yield key >> 3, value, -1
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire, -1)
        if wire == _BYTES:
            size, at = read_varint(data, at)
        if size < 0 or at + size > end:
            raise Unusual("field runs over the end")
        yield key >> 3, at, at + size
        at += size


def read_index(file: BinaryIO) -> list[Blob]:
    """Find all blobs of a file by their headers."""
    blobs = []
    file.seek(0, 2)
    total = file.tell()
    at = 0
    while at < total:
        file.seek(at)
        size = int.from_bytes(file.read(4), "big")
        header = file.read(size) if 0 < size <= MAX_HEADER_BYTES else b""
        if not header or len(header) != size:
            raise Unusual("blob header")
        kind, blob_size = b"", -1
        for number, value, end in read_fields(header, 0, size):
            if number == 1:
                kind = header[value:end]
            elif number == 3:
                blob_size = value
        at += 4 + size
        if not 0 <= blob_size <= MAX_BLOB_BYTES or at + blob_size > total:
            raise Unusual("blob size")
        blobs.append(Blob(kind, at, blob_size))
        at += blob_size
    return blobs


def unpack(blob: bytes) -> bytes:
    """Decompress a blob."""
    raw_size = -1
    for number, value, end in read_fields(blob, 0, len(blob)):
        if number == 1:
            return blob[value:end]
        if number == 2:
            raw_size = value
        elif number == 3:
            if not 0 <= raw_size <= MAX_BLOB_BYTES:
                raise Unusual("size of the raw data")
            data = zlib.decompressobj().decompress(memoryview(blob)[value:end], raw_size + 1)
            if len(data) != raw_size:
                raise Unusual("size of the raw data")
            return data
        else:
            break
    raise Unusual("compression")


def check_header(data: bytes) -> None:
    """Refuse files that demand features this decoder lacks (locations on ways, history, …)."""
    for number, value, end in read_fields(data, 0, len(data)):
        if number == 4 and data[value:end] not in KNOWN_FEATURES:
            raise Unusual("required feature")


# -- varints in arrays -------------------------------------------------------------------------------------
def decode_varints(data: Bytes) -> npt.NDArray[np.uint64]:
    """All numbers of a packed field."""
    last = np.flatnonzero(data < 128)
    if (len(last) and last[-1]) != max(len(data) - 1, 0) or not len(last):
        if len(data):
            raise Unusual("packed field")
        return np.zeros(0, dtype=np.uint64)
    if len(last) == len(data):
        return data.astype(np.uint64)
    first = np.empty_like(last)
    first[0] = 0
    first[1:] = last[:-1] + 1
    size = last - first
    longest = int(size.max())
    if longest < 4:
        return _small_varints(data, first, size)
    value = (data[first] & 127).astype(np.uint64)
    longer = np.flatnonzero(size)
    for k in range(1, min(longest, 9) + 1):
        byte = (data[first[longer] + k] & 127).astype(np.uint64)
        value[longer] |= byte << np.uint64(7 * k)
        longer = longer[size[longer] > k]
    if longest > 9:
        raise Unusual("number too long")
    return value


_MASK = np.array([0x7F, 0x7F7F, 0x7F7F7F, 0x7F7F7F7F], dtype=np.uint32)


def _small_varints(data: Bytes, first: IntArray, size: IntArray) -> npt.NDArray[np.uint64]:
    """Numbers of at most four bytes: each is read as one word, and the bits that count are moved together."""
    padded = np.concatenate([data, np.zeros(3, dtype=np.uint8)])
    words = np.ndarray((len(data),), dtype="<u4", buffer=padded, strides=(1,))
    word = words[first] & _MASK[size]
    value = word & np.uint32(0x7F)
    for k in range(1, 4):
        value |= (word >> np.uint32(k)) & np.uint32(0x7F << 7 * k)
    return value.astype(np.uint64)


def unzigzag(value: npt.NDArray[np.uint64]) -> IntArray:
    """Signed numbers from their zigzag form."""
    return (value >> np.uint64(1)).view(np.int64) ^ -(value & np.uint64(1)).view(np.int64)


def decode_deltas(data: Bytes) -> IntArray:
    """Numbers written as differences."""
    return np.cumsum(unzigzag(decode_varints(data)))


# -- blocks ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Block:
    """A primitive block: its bytes, where its string table is, and its groups by kind.

    ``dense`` and ``ways`` are lists of (start, end); ``other`` says whether there is anything else.
    """

    data: bytes
    strings: tuple[int, int]
    dense: list[tuple[int, int]]
    ways: list[tuple[int, int]]
    other: bool


def open_block(data: bytes) -> Block:
    """Find the parts of a block."""
    strings = (0, 0)
    dense: list[tuple[int, int]] = []
    ways: list[tuple[int, int]] = []
    other = False
    for number, value, end in read_fields(data, 0, len(data)):
        if number == 1:
            strings = (value, end)
        elif number == 2:
            kinds = _group_kind(data, value, end)
            if kinds == 2:
                dense.extend((a, b) for n, a, b in read_fields(data, value, end) if n == 2)
            elif kinds == 3:
                ways.append((value, end))
            elif kinds == 4:
                other = True
            elif kinds is not None:
                raise Unusual("plain nodes or changesets")
        elif (number == 17 and value != 100) or (number in (19, 20) and value):
            raise Unusual("coordinate unit")
    return Block(data, strings, dense, ways, other)


def _group_kind(data: bytes, at: int, end: int) -> int | None:
    """Field number of the first object in a group."""
    return None if at == end else read_varint(data, at)[0] >> 3


@dataclass(frozen=True)
class DenseNodes:
    """Dense nodes with ids decoded and coordinates not yet."""

    node_id: IntArray
    lat: Bytes
    lon: Bytes

    def coordinates(self) -> tuple[IntArray, IntArray]:
        """Return x and y in units of 1e-7 degrees."""
        x, y = decode_deltas(self.lon), decode_deltas(self.lat)
        if len(x) != len(self.node_id) or len(y) != len(self.node_id):
            raise Unusual("dense nodes")
        return x, y


def read_dense(block: Block) -> Iterator[DenseNodes]:
    """Decode the groups of dense nodes."""
    whole = np.frombuffer(block.data, dtype=np.uint8)
    for start, end in block.dense:
        parts: dict[int, Bytes] = {}
        for number, a, b in read_fields(block.data, start, end):
            if number in (1, 8, 9) and (b < 0 or number in parts):
                raise Unusual("dense nodes")
            if b >= 0:
                parts[number] = whole[a:b]
        if not {1, 8, 9} <= set(parts):
            raise Unusual("dense nodes")
        node_id = decode_deltas(parts[1])
        if np.any(node_id[1:] <= node_id[:-1]):
            raise Unusual("order of nodes")
        yield DenseNodes(node_id, parts[8], parts[9])


def read_strings(block: Block) -> list[bytes]:
    """Read the string table."""
    data = block.data
    at, end = block.strings
    strings = []
    while at < end:
        if data[at] != 10:  # field 1, bytes
            raise Unusual("string table")
        size, at = read_varint(data, at + 1)
        strings.append(data[at : at + size])
        at += size
    if at != end:
        raise Unusual("string table")
    return strings


def _way_bounds(data: Bytes, at: int, end: int) -> tuple[IntArray, IntArray]:
    """Start and end of each way of a group.

    Every byte that may begin a way (26: field 3, bytes) is looked at in whole arrays; which of them do is then
    found by going from the end of each way to the next.
    """
    maybe = np.flatnonzero(data[at:end] == 26) + at
    if not len(maybe) or maybe[0] != at:
        raise Unusual("group of several kinds")
    size, start = _varints_at(data, np.minimum(maybe + 1, len(data) - 1), limit=4)
    stop = start + size
    after = np.searchsorted(maybe, stop)
    after[maybe[np.minimum(after, len(maybe) - 1)] != stop] = -1
    after[size < 0] = -1
    following, found, k = after.tolist(), [], 0
    while k >= 0:  # each way lies behind the one before, so this ends
        found.append(k)
        k = following[k]
    if stop[k := found[-1]] != end or size[k] < 0:
        raise Unusual("way runs over the end")
    return start[found], stop[found]


@dataclass(frozen=True)
class WayFields:
    """Ways of a group with ids; where the packed keys, values and refs of each are in ``data``."""

    data: Bytes
    way_id: IntArray
    starts: dict[int, IntArray]
    sizes: dict[int, IntArray]

    def packed(self, field: int, which: BoolArray | None = None) -> tuple[npt.NDArray[np.uint64], IntArray]:
        """All numbers of one field of the ways (or of some), and how many each way has."""
        start, size = self.starts[field], self.sizes[field]
        if which is not None:
            start, size = start[which], size[which]
        data = self.data[ranges(start, size)]
        ended = pointers(data < 128)
        ptr = pointers(size)
        if np.any(data[ptr[1:][size > 0] - 1] > 127):
            raise Unusual("packed field")
        return decode_varints(data), np.diff(ended[ptr])


def read_way_fields(block: Block) -> Iterator[WayFields]:
    """Find ids and packed fields of all ways of each group, all ways in step."""
    data = np.frombuffer(block.data, dtype=np.uint8)
    for group in block.ways:
        at, end = _way_bounds(data, *group)
        n = len(at)
        way_id = np.zeros(n, dtype=np.int64)
        starts = {field: np.full(n, -1, dtype=np.int64) for field in (2, 3, 8)}
        sizes = {field: np.zeros(n, dtype=np.int64) for field in (2, 3, 8)}
        active = np.flatnonzero(at < end)
        at = at[active]
        while len(active):
            key = data[at]
            value, at = _varints_at(data, at + 1)
            wire, field = key & 7, key >> 3
            if np.any((key > 127) | ((wire != _VARINT) & (wire != _BYTES))):
                raise Unusual("field of a way")
            is_id = (field == 1) & (wire == _VARINT)
            way_id[active[is_id]] = value[is_id]
            for number, start in starts.items():
                hit = np.flatnonzero(field == number)
                who = active[hit]
                if np.any(wire[hit] != _BYTES) or np.any(start[who] >= 0):
                    raise Unusual("field of a way")
                start[who], sizes[number][who] = at[hit], value[hit]
            at = at + np.where(wire == _BYTES, value, 0)
            if np.any(at > end[active]) or np.any(value < 0):
                raise Unusual("field of a way")
            on = at < end[active]
            active, at = active[on], at[on]
        yield WayFields(data, way_id, {f: np.maximum(s, 0) for f, s in starts.items()}, sizes)


def _varints_at(data: Bytes, at: IntArray, limit: int = 9) -> tuple[IntArray, IntArray]:
    """Read one number of at most ``limit`` bytes at each position; return them and the positions after them.

    Where a number is longer, what is returned is -1.
    """
    byte = data[at]
    value = (byte & 127).astype(np.int64)
    at = at + 1
    more = np.flatnonzero(byte > 127)
    for k in range(1, limit):
        if not len(more):
            return value, at
        more = more[at[more] < len(data)]
        byte = data[at[more]]
        value[more] |= (byte & 127).astype(np.int64) << (7 * k)
        at[more] += 1
        more = more[byte > 127]
    value[more] = -1
    return value, at
