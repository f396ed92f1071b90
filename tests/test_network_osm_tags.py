"""What OSM tags mean for driving."""

from __future__ import annotations

import math

import pytest
from osm_xml import ends, node, write_osm
from plugspan.errors import InputError
from plugspan.network import read_network, read_osm, travel_time_s
from plugspan.network.osm.tags import duration_s, speed_kmh

NODES = [node(1, 0, 0), node(2, 1, 0), node(3, 2, 0)]
BOTH, FORTH, BACK = [(1, 3), (3, 1)], [(1, 3)], [(3, 1)]


def only(tmp_path, **tags):
    """Graph of one way 1-2-3 with these tags."""
    tags = {k.replace("__", ":"): v for k, v in tags.items()}
    return read_network(write_osm(tmp_path / "one.osm", NODES, [(7, [1, 2, 3], tags)]))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"highway": "primary"}, BOTH),
        ({"highway": "primary", "oneway": "yes"}, FORTH),
        ({"highway": "primary", "oneway": "true"}, FORTH),
        ({"highway": "primary", "oneway": "1"}, FORTH),
        ({"highway": "primary", "oneway": "-1"}, BACK),
        ({"highway": "primary", "oneway": "reverse"}, BACK),
        ({"highway": "primary", "oneway": "no"}, BOTH),
        ({"highway": "primary", "oneway": "reversible"}, BOTH),
        ({"highway": "primary", "oneway": "alternating"}, BOTH),
        ({"highway": "motorway"}, FORTH),
        ({"highway": "motorway", "oneway": "no"}, BOTH),
        ({"highway": "motorway", "oneway": "-1"}, BACK),
        ({"highway": "motorway_link"}, FORTH),
        ({"highway": "trunk"}, BOTH),
        ({"highway": "primary", "junction": "roundabout"}, FORTH),
        ({"highway": "primary", "junction": "circular"}, FORTH),
        ({"highway": "primary", "junction": "roundabout", "oneway": "no"}, BOTH),
        ({"highway": "primary", "junction": "roundabout", "oneway": "-1"}, BACK),
        ({"highway": "primary", "junction": "yes"}, BOTH),
        ({"route": "ferry"}, BOTH),
        ({"route": "ferry", "oneway": "yes"}, FORTH),
    ],
)
def test_directions(tmp_path, tags, expected):
    """``oneway``, motorways and roundabouts decide which way a road is driven."""
    graph = only(tmp_path, **tags)
    assert ends(graph) == expected
    assert graph.seg_forward.all()
    assert bool(graph.edges.oneway.iloc[0]) == (len(expected) == 1)


@pytest.mark.parametrize(
    "tags",
    [
        *(
            {"highway": h}
            for h in ("motorway_link", "trunk_link", "primary_link", "secondary_link", "tertiary_link")
        ),
        *({"highway": h} for h in ("unclassified", "residential", "living_street", "service", "road")),
        {"highway": "service", "service": "alley"},
        *(
            {"highway": "residential", "access": a}
            for a in ("destination", "customers", "permissive", "yes", "whatever")
        ),
        {"highway": "residential", "access": "no", "motor_vehicle": "yes"},
        {"highway": "residential", "access": "private", "motorcar": "destination"},
        {"highway": "residential", "vehicle": "no", "motor_vehicle": "permissive"},
        {"highway": "residential", "motor_vehicle": "private;destination"},
        {"highway": "residential", "area": "no"},
        {"route": "ferry"},
        {"route": "bicycle;ferry", "foot": "yes"},
        {"highway": "primary", "route": "bus"},
    ],
)
def test_roads_that_are_kept(tmp_path, tags):
    """Drivable classes, and what the most specific access tag lets in."""
    assert only(tmp_path, **tags).n_segments == 1


@pytest.mark.parametrize(
    "tags",
    [
        *(
            {"highway": h}
            for h in ("track", "footway", "cycleway", "path", "steps", "pedestrian", "bus_guideway")
        ),
        *(
            {"highway": h}
            for h in ("construction", "proposed", "services", "rest_area", "raceway", "Primary", "")
        ),
        {"highway": "construction", "construction": "primary"},
        *({"highway": "residential", k: "no"} for k in ("access", "vehicle", "motor_vehicle", "motorcar")),
        *(
            {"highway": "residential", k: "private"}
            for k in ("access", "vehicle", "motor_vehicle", "motorcar")
        ),
        {"highway": "residential", "access": "yes", "motor_vehicle": "no"},
        {"highway": "residential", "motor_vehicle": "yes", "motorcar": "no"},
        {"highway": "residential", "motor_vehicle": "agricultural;forestry"},
        {"highway": "residential", "area": "yes"},
        *({"highway": "service", "service": s} for s in ("parking_aisle", "driveway", "drive-through")),
        {"route": "ferry", "motor_vehicle": "no"},
        {"route": "ferry", "motorcar": "no"},
        {"route": "ferry", "highway": "footway"},
        {"route": "bus"},
        {"name": "nothing"},
    ],
)
def test_roads_that_are_left_out(tmp_path, tags):
    """Ways cars can't, mayn't or needn't drive on; a file without any other says so."""
    with pytest.raises(InputError) as caught:
        only(tmp_path, **tags)
    assert [f.key for f in caught.value.faults] == ["osm-no-roads"]


def test_the_report_counts_what_was_left_out(tmp_path):
    """Each way is counted for the first reason that applies; ways of other kinds are not counted."""
    ways = [
        (1, [1, 2], {"highway": "primary"}),
        (2, [1, 2], {"highway": "track"}),
        (3, [1, 2], {"highway": "residential", "access": "private"}),
        (4, [1, 2], {"highway": "service", "service": "driveway", "access": "private"}),
        (5, [1, 2], {"highway": "service", "service": "driveway"}),
        (6, [1, 2, 3, 1], {"highway": "service", "area": "yes"}),
        (7, [1, 2], {"waterway": "river"}),
        (8, [1, 9], {"highway": "primary"}),
    ]
    report = read_osm(write_osm(tmp_path / "a.osm", NODES, ways)).report
    assert (report.ways, report.kept) == (7, 2)
    assert report.dropped == {"not-drivable": 1, "area": 1, "access": 2, "minor-service": 1}
    assert (report.missing_nodes, report.short_ways) == (1, 1)
    assert [f.key for f in report.faults] == ["osm-missing-nodes", "osm-short-ways"]
    assert all(f.warning and f.render("zh") != f.render("en") for f in report.faults)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("80", 80),
        ("80 km/h", 80),
        ("50 mph", 80.467),
        ("50mph", 80.467),
        ("10 knots", 18.52),
        ("walk", 7),
        ("60;80", 60),
        ("80|60|none", 60),
        ("62.5", 62.5),
        ("none", math.nan),
        ("signals", math.nan),
        ("CN:urban", math.nan),
        ("", math.nan),
        ("0", math.nan),
        ("-5", math.nan),
        ("1e3", math.nan),
        ("nan", math.nan),
        ("inf", math.nan),
        ("８０", 80),
        ("80 80", math.nan),
        ("fast", math.nan),
    ],
)
def test_speed_limits(value, expected):
    """Numbers with km/h, mph or knots; the lowest of several; what gives no number is unknown."""
    assert speed_kmh(value) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("00:20", 1200),
        ("1:30", 5400),
        ("01:00:30", 3630),
        ("20", 1200),
        ("PT1H20M", 4800),
        ("PT45S", 45),
        ("P1DT2H", 93600),
        ("P", math.nan),
        ("PT", math.nan),
        ("20 min", math.nan),
        ("", math.nan),
        ("²", math.nan),
    ],
)
def test_durations(value, expected):
    """Clock time, minutes, and ISO 8601."""
    assert duration_s(value) == pytest.approx(expected, nan_ok=True)


def test_attributes_of_a_segment(tmp_path):
    """Class, refs, name, limit, roundabout, bridge and tunnel arrive as they are; absent ones are missing."""
    graph = only(
        tmp_path, highway="primary", ref="G 107;S211", name="<b>路</b>", maxspeed="60", bridge="viaduct"
    )
    row = graph.segments.iloc[0]
    assert (row.way_id, row.highway, row.ref, row["name"], row.speed_kmh) == (
        7,
        "primary",
        "G 107;S211",
        "<b>路</b>",
        60,
    )
    assert (bool(row.bridge), bool(row.tunnel), bool(row.ferry)) == (True, False, False)
    assert row.isna().junction
    plain = only(tmp_path, highway="primary", bridge="no", junction="circular").segments.iloc[0]
    assert plain[["ref", "name", "speed_kmh"]].isna().all()
    assert not plain.bridge
    assert plain.junction == "roundabout"


def test_a_ferry_takes_its_time_from_its_duration(tmp_path):
    """143.4 m in 1 minute are 8.6 km/h; without a duration the default of 15 km/h applies."""
    graph = only(tmp_path, route="ferry", duration="00:01")
    assert bool(graph.segments.ferry.iloc[0])
    assert graph.segments.speed_kmh.iloc[0] == pytest.approx(graph.seg_length_m[0] / 60 * 3.6, abs=0.05)
    assert travel_time_s(graph)[0] == pytest.approx(60, abs=0.5)
    slow = only(tmp_path, route="ferry")
    assert travel_time_s(slow)[0] == pytest.approx(slow.seg_length_m[0] / 15 * 3.6)


def test_driving_time_by_limit_and_by_class(tmp_path):
    """0.9 of a known limit; else the speed of the class."""
    limit, motorway = only(tmp_path, highway="primary", maxspeed="60"), only(tmp_path, highway="motorway")
    assert travel_time_s(limit)[0] == pytest.approx(limit.seg_length_m[0] / 54 * 3.6)
    assert travel_time_s(motorway)[0] == pytest.approx(motorway.seg_length_m[0] / 100 * 3.6)
