"""Ordinary damage is named: what is wrong, in which file and where, and what to do; never a fault of our own.

Most of these cases were found by ``tests/fuzz``. Each stands here in its smallest form.
"""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from osm_xml import node, write_osm
from plugspan.errors import Fault, InputError, NetworkError
from plugspan.inputs import CHARGERS, COUNTIES, SCHEMAS, collect, combine_tables, read_table
from plugspan.network import Region, distances, read_network
from plugspan.network.distances import AnchoredGraph, distances_within, snap
from plugspan.network.routes import bridges, find_routes
from plugspan.notices import county_notices
from plugspan.pipeline import find_places, load
from plugspan.project import OutputSettings, Project, read_project, tile_hosts
from plugspan.rules.fleet import FleetPower, assess_fleet
from plugspan.rules.policy import read_policy
from plugspan.settings import parse_toml
from plugspan.siting.planning import candidates
from plugspan.siting.planning import constraints as constraints
from plugspan.siting.planning.reach import Places
from project_files import write_project
from toy import Toy, lonlat

ROAD = {"highway": "primary"}


def keys(caught):
    """(key, row) of every fault, after checking that each can be told in both languages."""
    for fault in caught.value.faults:
        assert fault.render("zh")
        assert fault.render("en")
    return [(fault.key, fault.row) for fault in caught.value.faults]


# -- project files ---------------------------------------------------------------------------------------------


def project_faults(tmp_path, more, first='schema = 1\nname = "x"\n[network]\nosm = "x.osm"\n'):
    """Faults of a project file of six lines or more."""
    (tmp_path / "project.toml").write_text(f"{first}{more}\n", "utf-8")
    with pytest.raises(InputError) as caught:
        read_project(tmp_path)
    return keys(caught)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("bridge_km = " + "9" * 5000, [("toml-number", 5)]),
        ("bridge_km = 0x" + "f" * 5000, [("key-value", 5)]),
        ("bridge_km = " + "[" * 5000 + "]" * 5000, [("toml-deep", 5)]),
        ("bridge_km = " + "[" * 300 + "]" * 300, [("key-value", 5)]),
        ("bridge_km = nan", [("key-value", 5)]),
        ("bridge_km = 1" + "0" * 400 + ".5", [("key-value", 5)]),
        ("a" * 100_000 + " = 1", [("key-unknown", 5)]),
        ("a" + ".a" * 20_000 + " = 1", [("toml-deep", 5)]),
        ("'#'" + ' . "\\"."' * 101 + " = 1", [("toml-deep", 5)]),
        ("[" + "a." * 101 + "a]", [("toml-deep", 5)]),
        ("bridge_km = { " + "a." * 101 + "a = 1 }", [("toml-deep", 5)]),
        ("a" + ".a" * 99 + " = 1", [("key-unknown", 5)]),
        ("a = 1\n" * 200_000, [("toml-large", None)]),
    ],
)
def test_settings_that_no_hand_writes(tmp_path, line, found):
    """Numbers of thousands of digits, brackets in hundreds of levels, nan, a key of 100 000 letters or parts."""
    assert project_faults(tmp_path, line) == found


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("x = " + "[" * 50_000 + "]" * 50_000, [("toml-deep", 2)]),
        (".".join("a" * 20_000) + " = 1", [("toml-deep", 2)]),
        ("x = " + "9" * 5000, [("toml-number", 2)]),
        ("a = 1\n" * 200_000, [("toml-large", None)]),
    ],
)
def test_policies_that_no_hand_writes(tmp_path, more, found):
    """They come by e-mail; nor is a folder or a pipe one."""
    (tmp_path / "policy.toml").write_text(f'id = "a"\n{more}\n', "utf-8")
    with pytest.raises(InputError) as caught:
        read_policy(tmp_path / "policy.toml")
    assert keys(caught) == found
    with pytest.raises(InputError) as caught:
        read_policy(tmp_path)
    assert keys(caught) == [("file-is-folder", None)]


def test_thousands_of_unknown_settings_are_all_counted(tmp_path):
    """The first twenty are told, fifty have their lines; to look for the line of each of 20 000 would take minutes."""
    lines = "".join(f"a{k} = 1\n" for k in range(20_000))
    (tmp_path / "project.toml").write_text(f'schema = 1\nname = "x"\nnetwork.osm = "x.osm"\n{lines}', "utf-8")
    with pytest.raises(InputError) as caught:
        read_project(tmp_path)
    assert [fault.row for fault in caught.value.faults[:50]] == list(range(4, 54))
    assert len(caught.value.faults) == 20_000
    assert str(caught.value).count("\n") == 20
    assert "19980" in str(caught.value).replace(",", "")


def test_the_same_fault_is_told_once():
    """A file of counties that is the region, too, was told twice."""
    twice = [Fault("file-is-folder", file="a.shp"), Fault("file-is-folder", file="a.shp")]
    assert InputError(twice).render("en").count("a.shp") == 1
    assert InputError(twice * 40).render("en").count("\n") == 1


def test_dots_in_texts_and_comments_join_no_keys(tmp_path):
    """Neither do those of many keys and numbers, one after the other."""
    dots = "a" + ".a" * 500
    quotes = ['"{}"', "'{}'", '"""\n{}""\n"""', "'''\n{}''\n'''", '"\\"{}"']
    lines = [f"title = {quote.format(dots)} # {dots}" for quote in quotes]
    for line in lines:
        more = f"# {dots}\n[output]\n{line}\n[routes]\n" + "\n".join(
            f"G{k}.start_km = 1.5" for k in range(200)
        )
        (tmp_path / "project.toml").write_text(
            f'schema = 1\nname = "x"\nnetwork.osm = "x.osm"\n{more}', "utf-8"
        )
        assert dots in str(read_project(tmp_path).output.title)


def test_words_that_look_like_keys_without_end_are_read_once():
    """Quotes, escapes and names that never close: the search before parsing goes over each letter a few times."""
    for piece in ('\\"', '"\\"', '"""\\"', "'", 3 * "'", "a", "a.", '""', "a .", "#", '"a', "\n" + 3 * "'"):
        for first in ("", '"', '"""', 3 * "'", "x = "):
            with pytest.raises(InputError):
                parse_toml(first + piece * (100_000 // len(piece)), Project, "x.toml")


@pytest.mark.parametrize(
    "line",
    [
        "sites = 99999999999999999999",
        "sites = 1e308",
        "seed = 18446744073709551616",
        "min_per_county = { A = 9223372036854775808 }",
        "capacity = { per_plug = 1e-320 }",
        "capacity = { per_plug = 5, plugs = 99999999999999999999 }",
        "budget = 1e300",
        "budget = nan",
        "gap = nan",
        "backup = nan",
        "route_point_km = 1e-6",
        "spans_km = [1e-9]",
        "reach_km = 1e300",
    ],
)
def test_numbers_without_any_sense(tmp_path, line):
    """Too large, too small, or none: told with the line, for whole numbers, money, shares and distances."""
    assert set(project_faults(tmp_path, f"[siting]\n{line}")) == {("key-value", 6)}


def test_a_kilometre_mark_longer_than_any_road(tmp_path):
    """It would drown the metres of the route: 1e300 + 1 is 1e300."""
    lines = "[routes.G107]\nstart_km = -1e300\nmarks = [{ km = 1e300, lon = nan, lat = 1 }]"
    assert project_faults(tmp_path, lines) == [("key-value", 6), ("key-value", 7), ("key-value", 7)]


@pytest.mark.parametrize("path", ["9" * 300, "x/" * 2000, "a\\u0000b"])
def test_what_cannot_be_a_path(tmp_path, path):
    """The system would refuse even to say whether it is there; told before, with the line."""
    lines = f'policy = "{path}"\n[region]\nfile = "{path}"\n[network]\nosm = "x.osm"\n[[tables.calls]]\npath = "{path}"'
    assert project_faults(tmp_path, lines, 'schema = 1\nname = "x"\n') == [
        ("key-value", row) for row in (3, 5, 9)
    ]


@pytest.mark.parametrize(
    "address",
    [
        "https://{zz}/{x}/{y}",
        "file:///{z}/{x}/{y}.png",
        "//host/{z}/{x}/{y}",
        "https://a b/{z}/{x}/{y}",
        "https://host",
    ],
)
def test_a_bad_basemap_is_told_before_the_work_begins(tmp_path, address):
    """The map would be the last thing written; the address is looked at when the project is read."""
    assert project_faults(tmp_path, f"[output]\nbasemap = '{address}'") == [("key-value", 6)]


@pytest.mark.parametrize(
    "address",
    [
        "https://t0.example:8080/w?T=v&x={x}&y={y}&l={z}&tk=1",
        "tiles/{z}/{x}/{-y}.png",
        "http://{s}.x.cn/{z}/{x}/{y}",
    ],
)
def test_usual_basemaps_are_taken(tmp_path, address):
    """A server with a query and a key, a folder beside the map with rows from the south, several hosts."""
    text = f'schema = 1\nname = "x"\n[network]\nosm = "x.osm"\n[output]\nbasemap = "{address}"\n'
    (tmp_path / "project.toml").write_text(text, "utf-8")
    assert read_project(tmp_path).output.basemap == address


def test_basemaps_by_name(tmp_path):
    """OSM, and Tianditu with the user's key; without the key it is told before the work begins."""
    text = 'schema = 1\nname = "x"\n[network]\nosm = "x.osm"\n[output]\n'
    for lines, host in (
        ('basemap = "osm"', "https://tile.openstreetmap.org"),
        ('basemap = "tianditu"\nbasemap_key = "a1B2"', "https://t7.tianditu.gov.cn"),
    ):
        (tmp_path / "project.toml").write_text(text + lines, "utf-8")
        address, names, credit, servers = read_project(tmp_path).output.tiles
        assert tile_hosts(address, servers)[-1] == host
        assert credit.startswith("©")
    assert address.endswith("tk=a1B2")
    assert names == address.replace("vec_w", "cva_w")
    assert project_faults(tmp_path, '[output]\nbasemap = "tianditu"')[0][0] == "key-value"
    assert project_faults(tmp_path, '[output]\nbasemap_key = "a;b"')[0][0] == "key-value"


# -- OSM files -------------------------------------------------------------------------------------------------


def osm_faults(path, nodes, ways, region=None):
    """Faults of a small OSM file."""
    write_osm(path, nodes, ways)
    with pytest.raises(InputError) as caught:
        read_network(path, region)
    return keys(caught)


@pytest.mark.parametrize("name", ["a.osm", "a.osm.pbf"])
@pytest.mark.parametrize("region", [None, Region.from_bbox(9, 49, 11, 51)])
def test_ways_whose_nodes_are_all_missing(tmp_path, name, region):
    """An extract cut without complete ways: not "no road in the region", which would send the user the wrong way."""
    assert osm_faults(tmp_path / name, [], [(7, [1, 2, 3], ROAD)], region) == [("osm-no-nodes", None)]
    assert osm_faults(tmp_path / name, [node(9, 0, 0)], [(7, [1, 2], ROAD)], region) == [
        ("osm-no-nodes", None)
    ]


@pytest.mark.parametrize("region", [None, Region.from_bbox(9, 49, 11, 51)])
def test_nodes_all_at_one_place(tmp_path, region):
    """Coordinates lost on the way: 30 000 nodes at one place are told as that, and at once."""
    nodes = [node(k, 0, 0) for k in range(1, 30_001)]
    ways = [(k, [k, k + 1, k + 2], {**ROAD, "ref": "G107"}) for k in range(1, 29_999)]
    assert osm_faults(tmp_path / "a.osm", nodes, ways, region) == [("osm-one-place", None)]


@pytest.mark.parametrize("region", [None, Region.from_bbox(9, 49, 11, 51)])
@pytest.mark.parametrize("refs", [[1], [1, 1], [1, 8, 9]])
def test_roads_of_one_node(tmp_path, region, refs):
    """One node, a loop on it, the others missing: no road has a length."""
    assert osm_faults(tmp_path / "a.osm", [node(1, 0, 0)], [(5, refs, ROAD)], region) == [
        ("osm-one-place", None)
    ]


def test_a_numbered_road_without_length_is_no_route(tmp_path):
    """One road has all its nodes at one place; the other is what it was."""
    nodes = [node(1, 0, 0), node(2, 0, 0), node(3, 0, 0), node(4, 5, 0), node(5, 9, 0)]
    ways = [(1, [1, 2, 3], {**ROAD, "ref": "G107"}), (2, [3, 4, 5], {**ROAD, "ref": "G320"})]
    graph = read_network(write_osm(tmp_path / "a.osm", nodes, ways))
    assert [route.ref for route in find_routes(graph)] == ["G320"]


def test_a_hundred_roads_of_one_number_at_one_place(tmp_path):
    """Numbers or nodes were mixed up; matching 20 000 of them with each other took minutes."""
    nodes = [node(1, 0, 0), *(node(k, k, k % 7) for k in range(2, 105))]
    ways = [(k, [1, k], {**ROAD, "ref": "G107"}) for k in range(2, 105)]
    graph = read_network(write_osm(tmp_path / "a.osm", nodes, ways))
    with pytest.raises(InputError) as caught:
        find_routes(graph)
    assert keys(caught) == [("route-branches", None)]
    assert caught.value.faults[0].values == {"n": 103, "lon": 10.0, "lat": 50.0}


def test_loose_pieces_of_one_number(tmp_path, monkeypatch):
    """Pairs of their ends took 7.5 GB for 10 000 pieces; far from each other they are a road in pieces."""
    monkeypatch.setattr(bridges, "MOST_PAIRS", 500)
    ways = [(k, [k, k + 1000], {**ROAD, "ref": "G107"}) for k in range(1, 41)]
    for step, crowded in ((0.3, True), (30, False)):
        nodes = [node(k + side, k * step, side / 1000) for k in range(1, 41) for side in (0, 1000)]
        graph = read_network(write_osm(tmp_path / "a.osm", nodes, ways))
        if crowded:
            with pytest.raises(InputError, match="G107 is in so many loose pieces that 160 ends") as caught:
                find_routes(graph)
            assert keys(caught) == [("route-loose-ends", None)]
        else:
            assert len(find_routes(graph)[0].sections) == 40


def test_places_that_crowd(monkeypatch):
    """More pairs than a machine can hold are told as that, counting repeated places as often as they stand there."""
    graph = Toy(a=(0, 0), b=(1000, 0)).road("a b").graph()
    anchored = AnchoredGraph(graph, snap(graph, lonlat([0, 500, 500, 500], [0, 0, 0, 0])))
    asked = anchored.anchors[:1], anchored.anchors[1:], 600.0
    assert len(distances_within(anchored, *asked).distance_m) == 3
    monkeypatch.setattr(distances, "MOST_PAIRS", 2)
    with pytest.raises(NetworkError, match=r"more than 2 pairs of places lie within 0\.6 km"):
        distances_within(anchored, *asked)


# -- tables ----------------------------------------------------------------------------------------------------


def test_lists_where_numbers_should_be(tmp_path):
    """A GeoJSON may hold lists in any property."""
    properties = {"name": "a", "points": [1, 2], "point_kw": [60.5]}
    geometry = {"type": "Point", "coordinates": [1, 2]}
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    text = json.dumps({"type": "FeatureCollection", "features": [feature]})
    (tmp_path / "a.geojson").write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "a.geojson", CHARGERS)
    assert keys(caught) == [("number-unreadable", 2), ("number-unreadable", 2)]


def test_a_county_in_two_rows(tmp_path):
    """Two rows of one name are parts of one county: told, and their fleets are added, unknown if one is."""
    area = gpd.GeoDataFrame(
        {"name": ["A", "B", "A", "B"], "registered_ev": [100, 50, 30, None]},
        geometry=[shapely.box(k, 0, k + 1, 1) for k in range(4)],
        crs=4326,
    )
    area.to_file(tmp_path / "a.geojson")
    tables = {name: combine_tables([], schema) for name, schema in SCHEMAS.items()}
    inputs = collect({**tables, "counties": read_table(tmp_path / "a.geojson", COUNTIES)}, None, [])
    assert [(note.value, note.values["rows"]) for note in county_notices(inputs)] == [
        ("A", "2, 4"),
        ("B", "3, 5"),
    ]
    rule = next(r for r in read_policy("zhuzhou-2025").rules if isinstance(r, FleetPower))
    table = assess_fleet(inputs.sites, inputs.counties, rule).table.set_index("county")
    assert table.loc["A", "registered_ev"] == 130
    assert pd.isna(table.loc["B", "registered_ev"])


# -- planning --------------------------------------------------------------------------------------------------


def crowd(n):
    """Candidates for one site each, all within 10 m."""
    points = gpd.points_from_xy([113 + k * 1e-6 for k in range(n)], [27.0] * n)
    return gpd.GeoDataFrame({"id": [str(k) for k in range(n)], "existing": False}, geometry=points, crs=4326)


def test_candidates_that_crowd_cannot_be_kept_apart(monkeypatch):
    """Four candidates make six pairs."""
    monkeypatch.setattr(constraints, "MOST_CONFLICTS", 6)
    places = Places(crowd(4), crowd(0))
    assert len(constraints.too_close(places, 1.0)) == 6
    monkeypatch.setattr(constraints, "MOST_CONFLICTS", 5)
    with pytest.raises(InputError) as caught:
        constraints.too_close(places, 1.0)
    assert keys(caught) == [("siting-crowded", None)]


def test_more_candidates_than_can_be_worked_with(monkeypatch, root):
    """They are counted by kind, so that the user sees which to leave out."""
    project = read_project(root / "data" / "zhuzhou.toml")
    monkeypatch.setattr(candidates, "MOST_CANDIDATES", 10)
    with pytest.raises(InputError, match=r"route_point [0-9]+") as caught:
        find_places(load(project))
    assert keys(caught) == [("siting-many-candidates", None)]


@pytest.mark.parametrize("code", ["EPSG:5325", "epsg:5325", " 5325 ", 5325])
def test_any_code_of_a_plane_system_is_taken(code):
    """Lambert for Iceland (ISN2004) in every spelling is the same code."""
    assert OutputSettings(crs=code).crs == "EPSG:5325"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("EPSG:5714", "heights alone"),  # mean sea level
        ("EPSG:4978", "heights alone, geocentric"),  # WGS 84, x y z
        ("EPSG:4979", "three dimensions"),  # WGS 84 with heights
        ("EPSG:7415", "three dimensions"),  # Amersfoort with NAP heights
        ("EPSG:999999", "no such coordinate system"),
        ("ESRI:54030", "no such coordinate system"),
        ("WGS 84", "no such coordinate system"),
        (True, "no such coordinate system"),
    ],
)
def test_a_system_that_draws_no_map_is_refused_with_its_line(tmp_path, code, says):
    """The line of the project file, what is wrong and what to write, in both languages."""
    line = f"crs = {str(code).lower() if code is True else repr(code)}"
    assert project_faults(tmp_path, f"[output]\n{line}") == [("key-value", 6)]
    with pytest.raises(InputError) as caught:
        read_project(tmp_path / "project.toml")
    (fault,) = caught.value.faults
    assert says in fault.render("en")
    assert "[output]" in fault.render("zh")


def test_a_zone_that_is_not_of_the_place_is_told_before_the_work_begins(tmp_path):
    """CGCS2000's zone of 114° E for a region in Iceland: told with what else is wrong, here no network."""
    settings = (
        '[region]\nbbox = [-22.9, 63.35, -19.6, 64.75]\n[network]\nosm = "none.pbf"\n[output]\ncrs = "{}"\n'
    )
    write_project(tmp_path, settings.format("EPSG:4547"))
    with pytest.raises(InputError) as caught:
        load(read_project(tmp_path))
    found = {fault.key: fault for fault in caught.value.faults}
    assert set(found) == {"crs-too-far", "network-file-missing"}
    for lang in ("zh", "en"):
        assert "project.toml" in found["crs-too-far"].render(lang)
    for code in ("EPSG:5325", "EPSG:4490", "EPSG:3857"):  # degrees of CGCS2000, the default, hold every place
        write_project(tmp_path, settings.format(code))
        with pytest.raises(InputError) as caught:
            load(read_project(tmp_path))
        assert [key for key, _ in keys(caught)] == ["network-file-missing"]
