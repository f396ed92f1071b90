"""OSM features as tables: what tags say, and what they leave unknown."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from plugspan.errors import Diagnostics
from plugspan.inputs import qualify_points, table_from_osm
from plugspan.inputs.from_osm import counties_from_osm, demand_from_osm, pair_name, power_kw, socket_rows


def features(*rows, osm_type="node"):
    """A feature frame from (tags, geometry or None)."""
    shapes = [shape or shapely.Point(113 + 0.01 * i, 27) for i, (_, shape) in enumerate(rows)]
    return gpd.GeoDataFrame(
        {
            "osm_type": [osm_type] * len(rows),
            "osm_id": list(range(1, len(rows) + 1)),
            "name": [tags.get("name") for tags, _ in rows],
            "tags": [tags for tags, _ in rows],
        },
        geometry=shapes,
        crs="EPSG:4326",
    )


@pytest.mark.parametrize(
    ("tag", "kw"),
    [
        ("50 kW", 50),
        ("50kW", 50),
        ("50 KW", 50),
        ("22000 W", 22),
        ("22000", 22),
        ("150", 150),
        ("0.15 MW", 150),
        ("22;43 kW", 43),
        ("3.7 kW", 3.7),
        ("yes", None),
        ("", None),
        (None, None),
        ("400 V", None),
        ("0", None),
    ],
)
def test_power_tags(tag, kw):
    """Kilowatts, watts and lists are read; what is no power is missing."""
    assert power_kw(tag) == (None if kw is None else pytest.approx(kw))


def test_a_station_of_one_kind_of_socket():
    """Two CCS sockets of 150 kW are two DC points; capacity settles the number."""
    tags = {"socket:type2_combo": "2", "socket:type2_combo:output": "150 kW"}
    (row,) = socket_rows("x", tags)
    assert (row["current"], row["points"], row["point_kw"]) == ("dc", 2, 150.0)
    (row,) = socket_rows("x", {**tags, "capacity": "1"})
    assert row["points"] == 1


def test_two_dc_sockets_may_be_one_post():
    """CHAdeMO and CCS on one post serve one car or two: the number of points is missing."""
    (row,) = socket_rows("x", {"socket:chademo": "1", "socket:type2_combo": "1"})
    assert row["points"] is None
    (row,) = socket_rows("x", {"socket:chademo": "1", "socket:type2_combo": "1", "capacity": "1"})
    assert row["points"] == 1


def test_dc_and_ac_are_rows_of_their_own():
    """A station with both has two rows; the DC row keeps the station's id."""
    tags = {
        "socket:type2": "2",
        "socket:type2:output": "22 kW",
        "socket:chademo": "1",
        "socket:chademo:output": "50",
    }
    rows = socket_rows("x", tags)
    assert [(r["id"], r["current"], r["point_kw"]) for r in rows] == [("x", "dc", 50.0), ("x-2", "ac", 22.0)]


def test_a_strong_socket_beside_an_unknown_one_is_still_strong():
    """CCS 150 kW and CHAdeMO of unknown power: fast, yes. CHAdeMO 50 kW and CCS unknown: unknown, not no."""
    strong = {"socket:type2_combo": "1", "socket:type2_combo:output": "150 kW", "socket:chademo": "1"}
    weak = {"socket:chademo": "1", "socket:chademo:output": "50 kW", "socket:type2_combo": "1"}
    for tags, answer in ((strong, "yes"), (weak, "unknown")):
        table = table_from_osm(
            "chargers", {"charging": features(({"amenity": "charging_station", **tags}, None))}
        )
        assert qualify_points(table, 60.0, 1) == answer


def test_a_station_without_sockets_is_unknown():
    """Nothing but amenity=charging_station: there is a charger, whether it is fast is unknown."""
    table = table_from_osm("chargers", {"charging": features(({"amenity": "charging_station"}, None))})
    assert table["id"].tolist() == ["osm-node-1"]
    assert table["current"].isna().all()
    assert qualify_points(table, 0.0, 1) == "yes"
    assert qualify_points(table, 60.0, 1) == "unknown"


def test_bicycle_chargers_are_left_out_and_counted():
    """Stations for bicycles only are not for cars; a note says how many."""
    notes = Diagnostics()
    rows = [
        ({"bicycle": "yes"}, None),
        ({"bicycle": "yes", "motorcar": "yes"}, None),
        ({"motorcar": "no"}, None),
    ]
    table = table_from_osm("chargers", {"charging": features(*rows)}, notes=notes)
    assert table["id"].tolist() == ["osm-node-2"]
    assert "2" in notes[0].render("en")


def test_access_and_hours():
    """Customers' chargers are restricted; 24/7 is open all day, other hours are not, none is unknown."""
    tags = [
        {"access": "private"},
        {"access": "customers"},
        {"access": "yes", "opening_hours": "24/7"},
        {"opening_hours": "Mo-Fr"},
    ]
    table = table_from_osm("chargers", {"charging": features(*((t, None) for t in tags))})
    assert table["access"].fillna("?").tolist() == ["restricted", "restricted", "public", "?"]
    assert table["open_24h"].astype(object).where(table["open_24h"].notna(), None).tolist() == [
        None,
        None,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("朱亭服务区(北区)", "朱亭服务区"),
        ("朱亭服务区（南行）", "朱亭服务区"),
        ("朱亭服务区东", "朱亭服务区"),
        ("朱亭服务区A", "朱亭服务区"),
        ("Tibshelf Services Northbound", "Tibshelf Services"),
        ("Forum", "Forum"),
        ("北", "北"),
        ("Raststätte Ost", "Raststätte"),
    ],
)
def test_names_of_pairs(name, pair):
    """The side is taken off the end of a name, but never the whole name."""
    assert pair_name(name) == pair


def test_sides_of_a_service_area_become_a_pair():
    """Two sides near each other share a pair; the same name far away does not join."""
    rows = [
        ({"highway": "services", "name": "甲服务区（北行）"}, shapely.Point(113.0, 27.0)),
        ({"highway": "services", "name": "甲服务区（南行）"}, shapely.Point(113.002, 27.0)),
        ({"highway": "services", "name": "甲服务区（北行）"}, shapely.Point(115.0, 27.0)),
        ({"highway": "rest_area"}, shapely.Point(113.5, 27.0)),
    ]
    table = table_from_osm("facilities", {"service_areas": features(*rows)})
    assert table["pair"].tolist() == ["甲服务区", "甲服务区", "甲服务区（北行）", "osm-node-4"]
    assert table["kind"].tolist() == ["expressway_service_area"] * 3 + ["parking_area"]


def test_an_object_of_several_kinds_is_one_facility():
    """A service area that sells fuel is a service area; a depot with a pump is a depot; the others stay."""
    both = ({"highway": "services", "amenity": "fuel"}, shapely.Point(113.0, 27.0))
    depot = ({"landuse": "depot", "amenity": "fuel"}, shapely.Point(113.2, 27.0))
    pump = ({"amenity": "fuel"}, shapely.Point(113.4, 27.0))
    fuel = features(both, depot, pump)
    table = table_from_osm(
        "facilities", {"service_areas": fuel.iloc[[0]], "bus_stations": fuel.iloc[[1]], "fuel": fuel}
    )
    assert table["id"].tolist() == ["osm-node-1", "osm-node-2", "osm-node-3"]
    assert table["kind"].tolist() == ["expressway_service_area", "bus_depot", "fuel"]


def test_populations_are_known_or_flagged():
    """A tag is taken; a missing one is assumed by kind and flagged; parts of towns are left out."""
    notes = Diagnostics()
    rows = [
        ({"place": "town", "population": "12,345"}, None),
        ({"place": "village"}, None),
        ({"place": "suburb"}, None),
        ({"place": "island"}, None),
        ({"place": "town", "population": "many"}, None),
    ]
    table, notes = demand_from_osm({"places": features(*rows)})
    assert table["weight"].tolist() == [12_345, 1500, 30_000]
    assert table["estimated"].tolist() == [False, True, True]
    assert "2 of 3" in notes[0].render("en")


def test_quays_keep_their_length_and_lack_a_class():
    """A quay drawn as a line gives its geodesic length; its tonnage is unknown."""
    line = shapely.LineString([(113.0, 27.0), (113.001, 27.0)])
    table = table_from_osm(
        "berths", {"harbours": features(({"man_made": "quay", "power_supply": "yes"}, line))}
    )
    assert table["length_m"].iloc[0] == pytest.approx(99.2, abs=0.5)
    assert table["class_t"].isna().all()
    assert bool(table["shore_power"].iloc[0])
    assert table.geometry.iloc[0].geom_type == "Point"


def test_car_parks_keep_their_spaces():
    """Capacity is the number of spaces; words are not."""
    rows = [({"capacity": "120", "capacity:charging": "6"}, None), ({"capacity": "yes"}, None)]
    table = table_from_osm("car_parks", {"parking": features(*rows)})
    assert table["spaces"].tolist()[0] == 120
    assert table["spaces"].isna().tolist() == [False, True]


def test_counties_are_of_one_level():
    """Of levels 5, 6 and 8 the counties are level 6; with 8 alone they are 8."""
    box = shapely.box(113, 27, 114, 28)
    rows = [({"admin_level": str(level), "name": f"L{level}"}, box) for level in (5, 6, 6, 8)]
    assert counties_from_osm({"boundaries": features(*rows)})[0]["name"].tolist() == ["L6", "L6"]
    assert counties_from_osm({"boundaries": features(rows[3])})[0]["name"].tolist() == ["L8"]


def test_hostile_tags_are_just_text():
    """Whatever stands in tags is text, and missing layers are empty tables of the same columns."""
    table = table_from_osm(
        "chargers",
        {"charging": features(({"name": "<script>{{7*7}}", "capacity": "=1+1", "start_date": "x"}, None))},
    )
    assert table["name"].tolist() == ["<script>{{7*7}}"]
    assert table["points"].isna().all()
    for name in ("chargers", "facilities", "berths", "car_parks", "demand", "counties"):
        assert len(table_from_osm(name, {})) == 0
