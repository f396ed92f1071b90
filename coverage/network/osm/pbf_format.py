"""The OSM PBF format, as far as it is read here: blocks decoded in whole numpy arrays.

Sources: OSM wiki, *PBF Format*; Protocol Buffers documentation, *Encoding*.

A **file** is a sequence of: 4 bytes big-endian, the size of a ``BlobHeader``; the header (field 1 ``type``,
3 ``datasize``); a ``Blob`` of that size (1 ``raw``, or 2 ``raw_size`` and 3 ``zlib_data``). The first blob is an
``OSMHeader`` (4 ``required_features``), the others are ``OSMData``: each unpacks to a **block**, complete in
itself::

    PrimitiveBlock   1 stringtable (1 s, repeated)   2 primitivegroup, repeated
                     17 granularity = 100   19, 20 lat_offset, lon_offset = 0
    PrimitiveGroup   2 dense nodes   or 3 ways   or 4 relations
    DenseNodes       1 id, 8 lat, 9 lon: packed differences   10 keys_vals: key, value, …, 0 for each node
    Way              1 id   2 keys   3 vals: packed   8 refs: packed differences
    Relation         1 id   2 keys   3 vals: packed   9 memids: packed differences   10 types: packed

Keys and values are positions in the block's string table. A message is a sequence of fields: the key
``number << 3 | kind``, and then a varint (kind 0: seven bits a byte, the lowest first, the high bit says that
more follow), 8 or 4 bytes (kinds 1 and 5), or a size and so many bytes (kind 2). Differences are zigzag coded
(0, -1, 1, -2, …). Versions, authors and times (``info``, ``denseinfo``) and roles of members are skipped.

Only what nearly all files consist of is decoded: zlib or raw blobs of limited size, dense
nodes, one kind of object a group, packed fields each written once, coordinates in units of 1e-7 degrees, ids
that ascend. Anything else raises :class:`Unusual`, and osmium reads the file: plain nodes, other compressions
and units, locations on ways, history, changesets, negative ids. Every size is compared with what is there, and
with the limits below, before anything is read or made room for.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..graph import IntArray
from .ways import pointers, ranges

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.unsignedinteger[Any]]
MAX_HEADER_BYTES = 64 * 1024
MAX_BLOCK_BYTES = 8 * 1024 * 1024
MAX_OBJECTS, MAX_GROUPS = 100_000, 1000
"""Programs write 8000 objects and half a megabyte at most, in one group or two."""
FORMAT_MAX_BYTES = 32 * 1024 * 1024
"""The format allows no larger blocks."""
KNOWN_FEATURES = frozenset([b"OsmSchema-V0.6", b"DenseNodes"])
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Unusual(ValueError):  # noqa: N818  (never reaches a user)
    """The file has something that only osmium reads, or is damaged."""


REFUSALS = (Unusual, IndexError, ValueError, OverflowError, zlib.error, MemoryError, OSError)
"""What reading a file that is not an ordinary one, or a damaged one, can raise."""


def is_full_disk(error: BaseException) -> bool:
    """Whether something failed because there is no room to write: no fault of a file that is read."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


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


def read_index(file: BinaryIO, limit: int = MAX_BLOCK_BYTES) -> Iterator[tuple[int, int]]:
    """Find all blobs of a file: where each begins, and its size; the first is the header of the file."""
    file.seek(0, 2)
    total = file.tell()
    at, expected = 0, b"OSMHeader"
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
        if kind != expected or not 0 <= blob_size <= limit or at + blob_size > total:
            raise Unusual("blob")
        yield at, blob_size
        at, expected = at + blob_size, b"OSMData"


def unpack(blob: bytes, limit: int = MAX_BLOCK_BYTES) -> bytes:
    """Decompress a blob."""
    raw_size = -1
    for number, value, end in read_fields(blob, 0, len(blob)):
        if number == 1:
            return blob[value:end]
        if number == 2:
            raw_size = value
        elif number == 3:
            if not 0 <= raw_size <= limit:
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
def decode_varints(data: Bytes) -> Numbers:
    """All numbers of a packed field, unsigned, in as many bytes as the longest of them needs."""
    last = np.flatnonzero(data < 128)
    if len(last) == len(data):
        return data
    if not len(last) or last[-1] != len(data) - 1:
        raise Unusual("packed field")
    size = np.diff(last, prepend=-1)
    value = _short_varints(data, last, np.minimum(size, 4))
    long = np.flatnonzero(size > 4)  # a block's first coordinates, seldom more
    if len(long):
        numbers = _long_varints(data, last[long], size[long])
        if numbers.max() > np.iinfo(np.uint32).max:
            value = value.astype(np.uint64)
        value[long] = numbers
    return value


def _short_varints(data: Bytes, last: IntArray, size: IntArray) -> Numbers:
    """Numbers of at most four bytes: the word that ends with each is read, and the bits that count moved together."""
    padded = np.concatenate([np.zeros(3, dtype=np.uint8), data])
    word = np.ndarray((len(data),), dtype="<u4", buffer=padded, strides=(1,))[last]
    word >>= (32 - 8 * size).astype(np.uint32)
    value = word & np.uint32(0x7F)
    for k in range(1, int(size.max())):
        value |= (word >> np.uint32(k)) & np.uint32(0x7F << 7 * k)
    return value


def _long_varints(data: Bytes, last: IntArray, size: IntArray) -> npt.NDArray[np.uint64]:
    """Numbers of any size, byte by byte."""
    if size.max() > 10:
        raise Unusual("number too long")
    value = np.zeros(len(last), dtype=np.uint64)
    for k in range(int(size.max())):
        more = size > k
        byte = (data[last[more] - size[more] + 1 + k] & 127).astype(np.uint64)
        value[more] |= byte << np.uint64(7 * k)
    return value


def unzigzag(value: Numbers) -> npt.NDArray[np.signedinteger[Any]]:
    """Signed numbers from their zigzag form."""
    signed = f"i{value.dtype.itemsize}"
    one = value.dtype.type(1)
    number: npt.NDArray[np.signedinteger[Any]] = (value >> one).view(signed) ^ -(value & one).view(signed)
    return number


def decode_deltas(data: Bytes) -> IntArray:
    """Numbers written as differences."""
    return np.cumsum(unzigzag(decode_varints(data)), dtype=np.int64)


# -- blocks ------------------------------------------------------------------------------------------------
DENSE, WAY, RELATION = 2, 3, 4
"""Field numbers of the groups in a block."""


class Texts(dict[int, str]):
    """Texts of a string table by their numbers; each is decoded when it is first asked for.

    A text that is not UTF-8 is a ValueError then, a number beyond the table an IndexError.
    """

    def __init__(self, raw: list[bytes]) -> None:
        super().__init__()
        self.raw = raw

    def __missing__(self, number: int) -> str:
        """Decode a text."""
        text = self[number] = self.raw[number].decode()
        return text


@dataclass(frozen=True)
class Block:
    """A primitive block: its bytes, where its string table is, and (start, end) of its groups by kind."""

    data: bytes
    table: tuple[int, int]
    groups: dict[int, list[tuple[int, int]]]

    @cached_property
    def strings(self) -> list[bytes]:
        """The string table."""
        data, (at, end) = self.data, self.table
        strings = []
        while at < end:
            if data[at] != 10:  # field 1, bytes
                raise Unusual("string table")
            size, at = data[at + 1], at + 2
            if size > 127:
                size, at = read_varint(data, at - 1)
            strings.append(data[at : at + size])
            at += size
        if at != end:
            raise Unusual("string table")
        if b"\0" in b"".join(strings):
            raise Unusual("zero byte in a text")
        return strings

    @cached_property
    def texts(self) -> Texts:
        """The same, decoded."""
        return Texts(self.strings)

    def may_have(self, text: bytes) -> bool:
        """Whether a text of less than 128 bytes can be in the string table, without taking it apart."""
        return self._has_long_sizes or self.data.find(b"\n%c%b" % (len(text), text), *self.table) >= 0

    @cached_property
    def _has_long_sizes(self) -> bool:
        """Whether a size can be written in more bytes than it needs: the last of them is zero then.

        Other zeros are sizes of empty texts, right behind the byte (10) that begins each text.
        """
        return self.data.count(b"\0", *self.table) != self.data.count(b"\n\0", *self.table)


def open_block(data: bytes) -> Block:
    """Find the parts of a block."""
    table = (0, 0)
    groups: dict[int, list[tuple[int, int]]] = {DENSE: [], WAY: [], RELATION: []}
    for number, value, end in read_fields(data, 0, len(data)):
        if number == 1:
            table = (value, end)
        elif number == 2 and value < end:
            kind = read_varint(data, value)[0] >> 3  # of the first object
            if kind not in groups:
                raise Unusual("plain nodes or changesets")
            groups[kind].append((value, end))
            if len(groups[kind]) > MAX_GROUPS:
                raise Unusual("many groups")
        elif (number == 17 and value != 100) or (number in (19, 20) and value):
            raise Unusual("coordinate unit")
    return Block(data, table, groups)


@dataclass(frozen=True)
class TagNumbers:
    """Tags of the objects of a group: string numbers of keys and values, and how many each object has."""

    key: IntArray
    value: IntArray
    count: IntArray

    def check(self, n_strings: int) -> TagNumbers:
        """Refuse numbers that the string table does not have."""
        for part in (self.key, self.value):
            if len(part) and not 0 <= part.min() <= part.max() < n_strings:
                raise Unusual("string number")
        return self

    def owners(self) -> IntArray:
        """Object that each tag belongs to."""
        return np.repeat(np.arange(len(self.count)), self.count)

    def dicts(self, which: IntArray, texts: Texts) -> list[dict[str, str]]:
        """Tags of some objects; of several equal keys the last counts."""
        start, count = pointers(self.count)[which], self.count[which]
        at = ranges(start, count)
        keys = [texts[number] for number in self.key[at].tolist()]
        values = [texts[number] for number in self.value[at].tolist()]
        ends = pointers(count).tolist()
        return [dict(zip(keys[a:b], values[a:b], strict=True)) for a, b in pairwise(ends)]


@dataclass(frozen=True)
class DenseNodes:
    """Dense nodes with ids decoded; coordinates and tags not yet."""

    node_id: IntArray
    lat: Bytes
    lon: Bytes
    keys_vals: Bytes

    def coordinates(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Return x and y in units of 1e-7 degrees."""
        x, y = decode_deltas(self.lon), decode_deltas(self.lat)
        if len(x) != len(self.node_id) or len(y) != len(self.node_id):
            raise Unusual("dense nodes")
        short = x.astype(np.int32), y.astype(np.int32)
        if np.any(short[0] != x) or np.any(short[1] != y):
            raise Unusual("coordinates")
        return short

    def tags(self, n_strings: int) -> TagNumbers:
        """Tags of all nodes."""
        numbers = decode_varints(self.keys_vals).astype(np.int64)
        ends = np.flatnonzero(numbers == 0)
        if not len(numbers):  # no node has any
            ends = np.full(len(self.node_id), -1)
        if len(ends) != len(self.node_id) or (len(numbers) and ends[-1] != len(numbers) - 1):
            raise Unusual("tags of nodes")
        size = np.diff(ends, prepend=-1) - 1 if len(numbers) else np.zeros(len(ends), dtype=np.int64)
        if np.any(size % 2):  # a value that is string 0 looks like an end
            raise Unusual("tags of nodes")
        pairs = numbers[numbers != 0].reshape(-1, 2)
        return TagNumbers(pairs[:, 0], pairs[:, 1], size // 2).check(n_strings)


def read_dense(block: Block) -> Iterator[DenseNodes]:
    """Decode the groups of dense nodes, in the order of the file."""
    whole = np.frombuffer(block.data, dtype=np.uint8)
    for group in block.groups[DENSE]:
        for kind, first, last in read_fields(block.data, *group):
            if kind != DENSE or last < 0:
                raise Unusual("group of several kinds")
            parts: dict[int, Bytes] = {}
            for number, a, b in read_fields(block.data, first, last):
                if number in (1, 8, 9, 10):
                    if b < 0 or number in parts:
                        raise Unusual("dense nodes")
                    parts[number] = whole[a:b]
            if not {1, 8, 9} <= set(parts):
                raise Unusual("dense nodes")
            node_id = decode_deltas(parts[1])
            if len(node_id) > MAX_OBJECTS:
                raise Unusual("many nodes")
            yield DenseNodes(node_id, parts[8], parts[9], parts.get(10, whole[:0]))


@dataclass(frozen=True)
class Entities:
    """Ways or relations of a group with ids; where the packed fields of each are in ``data``."""

    data: Bytes
    entity_id: IntArray
    starts: dict[int, IntArray]
    sizes: dict[int, IntArray]

    def packed(self, field: int, which: IntArray | None = None) -> tuple[Numbers, IntArray]:
        """All numbers of one field of the entities (or of some), and how many each has."""
        start, size = self.starts[field], self.sizes[field]
        if which is not None:
            start, size = start[which], size[which]
        data = self.data[ranges(start, size)]
        ended = pointers(data < 128)
        ptr = pointers(size)
        if np.any(data[ptr[1:][size > 0] - 1] > 127):
            raise Unusual("packed field")
        return decode_varints(data), np.diff(ended[ptr])

    def deltas(self, field: int, which: IntArray) -> tuple[IntArray, IntArray]:
        """Numbers that some entities write as differences, and how many each has."""
        numbers, counts = self.packed(field, which)
        total = np.cumsum(unzigzag(numbers), dtype=np.int64)
        before = np.append(0, total)[pointers(counts)[:-1]]
        return total - np.repeat(before, counts), counts

    def tags(self, n_strings: int) -> TagNumbers:
        """Tags of all entities."""
        key, count = self.packed(2)
        value, n_values = self.packed(3)
        if not np.array_equal(count, n_values):
            raise Unusual("keys and values")
        return TagNumbers(key.astype(np.int64), value.astype(np.int64), count).check(n_strings)


def read_entities(block: Block, kind: int) -> Iterator[Entities]:
    """Find ids and packed fields of all ways, or relations, of each group, all in step."""
    data = np.frombuffer(block.data, dtype=np.uint8)
    wanted = (2, 3, 8) if kind == WAY else (2, 3, 9, 10)
    for group in block.groups[kind]:
        at, end = _entity_bounds(data, *group, first_byte=kind << 3 | _BYTES)
        n = len(at)
        entity_id = np.zeros(n, dtype=np.int64)
        starts = {field: np.full(n, -1, dtype=np.int64) for field in wanted}
        sizes = {field: np.zeros(n, dtype=np.int64) for field in wanted}
        active = np.flatnonzero(at < end)
        at = at[active]
        while len(active):
            key = data[at]
            value, at = _varints_at(data, at + 1)
            wire, field = key & 7, key >> 3
            if np.any((key > 127) | ((wire != _VARINT) & (wire != _BYTES))):
                raise Unusual("field of a way or relation")
            is_id = (field == 1) & (wire == _VARINT)
            entity_id[active[is_id]] = value[is_id]
            for number, start in starts.items():
                hit = np.flatnonzero(field == number)
                who = active[hit]
                if np.any(wire[hit] != _BYTES) or np.any(start[who] >= 0):
                    raise Unusual("field of a way or relation")
                start[who], sizes[number][who] = at[hit], value[hit]
            at = at + np.where(wire == _BYTES, value, 0)
            if np.any(at > end[active]) or np.any(value < 0):
                raise Unusual("field of a way or relation")
            on = at < end[active]
            active, at = active[on], at[on]
        yield Entities(data, entity_id, {f: np.maximum(s, 0) for f, s in starts.items()}, sizes)


def _entity_bounds(data: Bytes, at: int, end: int, *, first_byte: int) -> tuple[IntArray, IntArray]:
    """Start and end of each entity of a group.

    Every byte that may begin one is looked at in whole arrays; which of them do is found by going from the end
    of each to the next, in steps of 1, 2, 4, … entities.
    """
    maybe = np.flatnonzero(data[at:end] == first_byte) + at
    if not len(maybe) or maybe[0] != at:
        raise Unusual("group of several kinds")
    size, start = _varints_at(data, np.minimum(maybe + 1, len(data) - 1), limit=4)
    stop = start + size
    n = len(maybe)
    following = np.append(np.searchsorted(maybe, stop), n)  # the last stands for "none"
    following[:-1][maybe[np.minimum(following[:-1], n - 1)] != stop] = n
    following[:-1][size < 0] = n
    found = np.zeros(1, dtype=np.int64)
    while len(further := following[found][following[found] < n]):
        found = np.append(found, further)
        following = following[following]
        if len(found) > MAX_OBJECTS:
            raise Unusual("many objects")
    if stop[found[-1]] != end or size[found[-1]] < 0:
        raise Unusual("way or relation runs over the end")
    return start[found], stop[found]


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
