"""Features of OSM files: what becomes which table, with what shape."""

from __future__ import annotations

import pytest
import shapely
from osm_xml import node, write_osm
from plugspan.errors import InputError
from plugspan.network import Region, read_features, read_osm, read_region_from_osm

ROAD = (1, [1, 2], {"highway": "primary"})
CORNERS = [node(1, 0, 0), node(2, 4, 0), node(3, 4, 4), node(4, 0, 4)]
INNER = [node(11, 1, 1), node(12, 2, 1), node(13, 2, 2), node(14, 1, 2)]
SQUARE = [1, 2, 3, 4, 1]


def features(tmp_path, nodes=CORNERS, ways=(), relations=(), region=None, **options):
    """Feature tables of a hand-made file."""
    return read_features(write_osm(tmp_path / "f.osm", nodes, [ROAD, *ways], relations, **options), region)


@pytest.mark.parametrize(
    ("table", "tags", "kind"),
    [
        ("charging", {"amenity": "charging_station"}, "charging_station"),
        ("charging", {"man_made": "charge_point"}, "charge_point"),
        ("service_areas", {"highway": "services"}, "services"),
        ("service_areas", {"highway": "rest_area"}, "rest_area"),
        ("fuel", {"amenity": "fuel"}, "fuel"),
        ("parking", {"amenity": "parking"}, "parking"),
        ("bus_stations", {"amenity": "bus_station"}, "bus_station"),
        ("bus_stations", {"public_transport": "station", "bus": "yes"}, "station"),
        ("harbours", {"harbour": "yes"}, "harbour"),
        ("harbours", {"seamark:type": "harbour"}, "harbour"),
        ("harbours", {"seamark:type": "berth", "man_made": "pier"}, "berth"),
        ("harbours", {"man_made": "quay"}, "quay"),
        ("harbours", {"man_made": "pier", "mooring": "yes"}, "pier"),
        ("harbours", {"landuse": "port"}, "port"),
        ("harbours", {"landuse": "harbour"}, "harbour"),
        ("harbours", {"landuse": "industrial", "industrial": "port"}, "port"),
        ("harbours", {"mooring": "commercial"}, "mooring"),
        ("airports", {"aeroway": "aerodrome"}, "aerodrome"),
        ("ferry_terminals", {"amenity": "ferry_terminal"}, "ferry_terminal"),
        *(("places", {"place": p}, p) for p in ("city", "town", "village", "hamlet", "suburb")),
    ],
)
def test_a_node_becomes_a_row(tmp_path, table, tags, kind):
    """Each kind of feature lands in its table only, with its point, name and all its tags."""
    tags = {**tags, "name": "<script>站</script>", "ele": "3"}
    found = features(tmp_path, [*CORNERS, (9, 10.5, 50.5, tags)])
    assert {name: len(frame) for name, frame in found.items() if len(frame)} == {table: 1}
    row = found[table].iloc[0]
    assert (row.osm_type, row.osm_id, row["name"], row.kind, row.tags) == (
        "node",
        9,
        tags["name"],
        kind,
        tags,
    )
    assert row.geometry.equals(shapely.Point(10.5, 50.5))
    assert found[table].crs == "EPSG:4326"


@pytest.mark.parametrize(
    "tags",
    [
        {"amenity": "restaurant"},
        {"public_transport": "station", "train": "yes"},
        {"harbour": "no"},
        {"mooring": "no"},
        {"place": "island"},
        {"waterway": "river"},
        {"boundary": "administrative", "admin_level": "6", "name": "a node"},
        {"disused:amenity": "fuel"},
    ],
)
def test_what_is_no_feature(tmp_path, tags):
    """Other things, and things of the wrong shape."""
    assert not any(len(f) for f in features(tmp_path, [*CORNERS, (9, 10.5, 50.5, tags)]).values())


def test_areas_become_points_inside_and_lines_points_half_way(tmp_path):
    """A car park drawn as an L has its point on the L; a quay drawn as a line has it half-way."""
    corner = [node(1, 0, 0), node(2, 4, 0), node(3, 4, 1), node(4, 1, 1), node(5, 1, 4), node(6, 0, 4)]
    ways = [
        (2, [1, 2, 3, 4, 5, 6, 1], {"amenity": "parking", "capacity": "80"}),
        (3, [1, 2], {"man_made": "quay"}),
        (4, [1, 99], {"man_made": "quay"}),
    ]
    found = features(tmp_path, corner, ways)
    shape = shapely.Polygon([n[1:3] for n in corner])
    assert shape.contains(found["parking"].geometry.iloc[0])
    assert found["parking"].tags.iloc[0]["capacity"] == "80"
    assert found["harbours"].geometry.iloc[0].distance(shapely.Point(10.002, 50)) < 1e-9
    assert found["harbours"].osm_id.tolist() == [3]  # the other has one node only


def test_a_relation_with_a_hole(tmp_path):
    """A boundary of two outer ways and an inner ring: 16 - 1 grid squares, whatever the roles say."""
    ways = [(21, [1, 2, 3], {}), (22, [1, 4, 3], {}), (23, [11, 12, 13, 14, 11], {})]
    members = [("way", 21, "outer"), ("way", 22, ""), ("way", 23, "inner"), ("node", 11, "admin_centre")]
    tags = {"type": "boundary", "boundary": "administrative", "admin_level": "6", "name": "攸县"}
    found = features(tmp_path, [*CORNERS, *INNER], ways, [(5, members, tags)], ways_first=True)
    row = found["boundaries"].iloc[0]
    assert (row.osm_type, row.osm_id, row["name"], row.kind) == ("relation", 5, "攸县", "6")
    assert row.geometry.area == pytest.approx(15e-6)
    assert not row.geometry.contains(shapely.Point(10.0015, 50.0015))


def test_an_open_boundary_is_left_out(tmp_path):
    """A relation whose ways are partly missing closes to nothing; the rest is read."""
    tags = {"type": "boundary", "boundary": "administrative", "admin_level": "6", "name": "half"}
    relation = (5, [("way", 21, "outer"), ("way", 22, "outer")], tags)
    found = features(tmp_path, CORNERS, [(21, [1, 2, 3], {})], [relation])
    assert not len(found["boundaries"])


def test_closed_ways_are_boundaries_only_with_a_name(tmp_path):
    """The nameless ring is a part of some relation."""
    tags = {"boundary": "administrative", "admin_level": "8"}
    ways = [(21, SQUARE, {**tags, "name": "town"}), (22, SQUARE, tags)]
    assert features(tmp_path, ways=ways)["boundaries"].osm_id.tolist() == [21]


def test_rivers_stay_lines(tmp_path):
    """Also closed ones; streams are left out."""
    ways = [
        (21, SQUARE, {"waterway": "canal"}),
        (22, [1, 3], {"waterway": "river"}),
        (23, [1, 2], {"waterway": "stream"}),
    ]
    found = features(tmp_path, ways=ways)["waterways"]
    assert found.kind.tolist() == ["canal", "river"]
    assert set(found.geom_type) == {"LineString"}


def test_a_place_drawn_twice_is_one(tmp_path):
    """A town's node within the town's area of the same name counts once; other areas stay."""
    town = {"place": "town", "name": "A"}
    ways = [(21, SQUARE, town), (22, SQUARE, {"place": "town", "name": "B"})]
    found = features(tmp_path, [*CORNERS, (9, 10.002, 50.002, town)], ways)["places"]
    assert found[["osm_type", "osm_id"]].to_numpy().tolist() == [["node", 9], ["way", 22]]


def test_broken_shapes_do_not_stop_the_reading(tmp_path):
    """A bow tie, a flat ring, a way without nodes, a relation without members."""
    ways = [
        (21, [1, 3, 2, 4, 1], {"amenity": "parking"}),
        (22, [1, 2, 1, 2, 1], {"amenity": "parking"}),
        (23, [], {"amenity": "parking"}),
    ]
    relations = [(5, [], {"type": "multipolygon", "amenity": "parking"})]
    found = features(tmp_path, ways=ways, relations=relations)["parking"]
    assert found.osm_id.tolist() == [21, 22]
    assert found.geometry.is_valid.all()


def test_features_outside_the_halo_are_left_out(tmp_path):
    """Points by their place; boundaries and rivers if they touch the halo, then whole."""
    nodes = [
        *CORNERS,
        (8, 10.001, 50.001, {"amenity": "fuel"}),
        (9, 10.05, 50.0, {"amenity": "fuel"}),
        node(7, 90, 0),
    ]
    ways = [(21, [1, 7], {"waterway": "river"})]
    region = Region.from_bbox(10, 50, 10.002, 50.002, halo_m=1000)
    found = features(tmp_path, nodes, ways, region=region)
    assert found["fuel"].osm_id.tolist() == [8]
    assert found["waterways"].geometry.iloc[0].bounds[2] == pytest.approx(10.09)
    assert len(features(tmp_path, nodes, ways)["fuel"]) == 2


def test_pbf_and_xml_give_the_same_features(root, tmp_path):
    """Helsinki as it is and as XML."""
    import osmium

    source, path = root / "data" / "osm" / "helsinki.osm.pbf", tmp_path / "h.osm"
    with osmium.SimpleWriter(str(path)) as writer:
        for item in osmium.FileProcessor(str(source)):
            writer.add(item)
    one, two = read_osm(source).features, read_osm(path).features
    assert {k: v.to_json() for k, v in one.items()} == {k: v.to_json() for k, v in two.items()}
    assert sum(map(len, one.values())) > 50


def test_a_region_from_a_relation(tmp_path):
    """By its number, with its name; a missing or open one is named with the place to look it up."""
    tags = {"type": "boundary", "name": "攸县"}
    relations = [(5, [("way", 21, "outer")], tags), (6, [("way", 99, "outer")], tags)]
    path = write_osm(tmp_path / "r.osm", CORNERS, [(21, SQUARE, {})], relations)
    region = read_region_from_osm(path, 5, halo_m=10)
    assert (region.name, region.halo_m) == ("攸县", 10)
    assert region.polygon.area == pytest.approx(16e-6)
    for relation_id in (6, 7):
        with pytest.raises(InputError, match=f"openstreetmap.org/relation/{relation_id}"):
            read_region_from_osm(path, relation_id)
