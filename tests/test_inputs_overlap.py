"""What a table and OpenStreetMap both hold counts once; what lies far from all roads is noticed."""

from __future__ import annotations

import pandas as pd
import pytest
import shapely
from plugspan.inputs import CHARGERS, FACILITIES, SCHEMAS, as_table, collect, combine_tables, empty_table
from plugspan.inputs.from_osm import SOURCE
from plugspan.inputs.overlap import merge_overlap
from plugspan.inputs.proximity import near_pairs, pairs_between
from plugspan.pipeline import load
from plugspan.project import read_project
from plugspan.units import GEOD

LON, LAT = 113.1, 27.8
M = 1 / 98_500
"""Degrees of longitude in one metre here, about."""


def row(name, metres, **known):
    """One charger so many metres east of the corner."""
    return {"id": name, "geometry": shapely.Point(LON + metres * M, LAT), **known}


def merged(own, osm, schema=CHARGERS, agree=("operator", "kind", "current")):
    """Own rows and OSM's after merging, and the notes."""
    table = combine_tables([as_table(own, schema, "a.csv"), as_table(osm, schema, SOURCE)], schema)
    return merge_overlap(table, agree)[:2]


def test_a_station_in_both_counts_once_with_both_sources():
    """The row of the table stays; what it does not know comes from OSM; the provenance names both."""
    own = [row("a", 0, points=4, operator="Fortum", provenance="city list")]
    osm = [
        row(
            "osm-node-1",
            40,
            points=4,
            point_kw=150.0,
            current="dc",
            operator="FORTUM Charge",
            access="public",
        )
    ]
    table, notes = merged(own, osm)
    assert table["id"].tolist() == ["a"]
    assert (table["point_kw"][0], table["current"][0], table["access"][0]) == (150.0, "dc", "public")
    assert table["points"].sum() == 4
    assert table["provenance"][0] == "city list; OpenStreetMap (osm-node-1)"
    assert [(note.key, note.values["n"]) for note in notes] == [("osm-overlap", 1)]


def test_numbers_that_contradict_take_nothing_over():
    """The table says 6 points, OSM 2 of 150 kW: the other four are not made fast."""
    table, _ = merged(
        [row("a", 0, points=6)], [row("osm-node-1", 10, points=2, point_kw=150.0, current="dc")]
    )
    assert table["points"].tolist() == [6]
    assert table["point_kw"].isna().all()
    assert table["current"].isna().all()


@pytest.mark.parametrize(
    ("own", "osm"),
    [
        ({"operator": "A"}, {"operator": "B"}),
        ({"current": "dc"}, {"current": "ac"}),
        ({"kind": "battery_swap"}, {"kind": "charging"}),
    ],
)
def test_what_differs_stays_two(own, osm):
    """Another operator, the slow posts beside the fast ones, a swap station beside chargers."""
    table, notes = merged([row("a", 0, **own)], [row("osm-node-1", 10, **osm)])
    assert len(table) == 2
    assert not notes


def test_further_than_100_m_is_another_site():
    """At 99 m one, at 102 m two."""
    assert len(merged([row("a", 0)], [row("osm-node-1", 99)])[0]) == 1
    assert len(merged([row("a", 0)], [row("osm-node-1", 102)])[0]) == 2


def test_of_several_rows_each_keeps_what_it_says():
    """Two rows of the table beside one station of OSM: it goes, and fills neither, as nobody knows which."""
    table, _ = merged([row("a", 0), row("b", 20)], [row("osm-node-1", 5, point_kw=150.0)])
    assert table["id"].tolist() == ["a", "b"]
    assert table["point_kw"].isna().all()
    assert table["provenance"].fillna("").tolist() == ["a.csv; OpenStreetMap (osm-node-1)", ""]


def test_tables_of_the_user_are_added_up_not_merged():
    """Two lists of a city complete each other."""
    parts = [as_table([row(name, 0)], CHARGERS, f"{name}.csv") for name in "ab"]
    table, noticed, _ = merge_overlap(combine_tables(parts, CHARGERS), ("operator",))
    assert len(table) == 2
    assert not noticed


def test_the_two_sides_of_a_service_area_are_not_one():
    """Sides that are known and differ; the same side is one, and a survey in the table stays."""
    own = [row("n", 0, kind="expressway_service_area", side="北", surveyed=True, points=4)]
    osm = [
        row("osm-way-1", 30, kind="expressway_service_area", side="南"),
        row("osm-way-2", 40, kind="expressway_service_area", side="北侧"),
    ]
    table, _ = merged(own, osm, FACILITIES, ("kind", "side"))
    assert table["id"].tolist() == ["n", "osm-way-1"]
    assert table["points"].tolist()[0] == 4


def test_sites_of_a_project_count_each_station_once():
    """Through ``collect``: 4 points in one site, not 8, and the note is among the warnings."""
    tables = {name: empty_table(schema) for name, schema in SCHEMAS.items()}
    own, osm = row("a", 0, points=4, operator="A"), row("osm-node-1", 30, points=4)
    parts = [as_table([own], CHARGERS, "a.csv"), as_table([osm], CHARGERS, SOURCE)]
    inputs = collect({**tables, "chargers": combine_tables(parts, CHARGERS)}, None, [])
    assert inputs.sites["points"].tolist() == [4]
    assert "osm-overlap" in [fault.key for fault in inputs.warnings]


def test_an_operator_written_in_two_ways_is_one():
    """``State Grid`` and ``STATE-GRID`` at one place are one site."""
    tables = {name: empty_table(schema) for name, schema in SCHEMAS.items()}
    rows = [
        row("a", 0, operator="State Grid"),
        row("b", 20, operator="STATE-GRID"),
        row("c", 40, operator="X"),
    ]
    inputs = collect({**tables, "chargers": as_table(rows, CHARGERS, "a.csv")}, None, [])
    assert inputs.sites["members"].tolist() == ["a b", "c"]


def test_near_pairs_are_those_of_brute_force(rng):
    """All pairs within reach, by geodesic distance, within one set and between two."""
    points = shapely.points(LON + rng.random(40) * 0.005, LAT + rng.random(40) * 0.005)
    series = pd.Series(points)
    import geopandas as gpd

    left, right = gpd.GeoSeries(series[:25].tolist()), gpd.GeoSeries(series[25:].tolist())
    every = {
        (a, b)
        for a, p in enumerate(left)
        for b, q in enumerate(right)
        if GEOD.inv(p.x, p.y, q.x, q.y)[2] <= 100
    }
    i, j, _ = pairs_between(left, right, 100.0)
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == every
    i, j, _ = near_pairs(left, 100.0)
    assert len(i) == sum(
        GEOD.inv(left[a].x, left[a].y, left[b].x, left[b].y)[2] <= 100 for a in range(25) for b in range(a)
    )


@pytest.fixture
def rng():
    """Numbers that are the same every time."""
    import numpy as np

    return np.random.default_rng(4)


PROJECT = """schema = 1
name = "t"
[network]
osm = "{osm}"
[tables.chargers]
path = "a.csv"
"""


def noticed(root, folder, body):
    """What is noticed about a table in a project without a region on the sample's roads."""
    (folder / "a.csv").write_text(body, "utf-8")
    osm = (root / "data" / "osm" / "zhuzhou-sample.osm.pbf").as_posix()
    (folder / "project.toml").write_text(PROJECT.format(osm=osm), "utf-8")
    return {fault.key: fault for fault in load(read_project(folder)).inputs.warnings}


def test_points_far_from_all_roads_are_noticed_without_a_region(root, tmp_path):
    """Shenzhen, 600 km off, in a project of Zhuzhou: rows and setting are named, nothing stops."""
    body = "id,lon,lat\n1,113.15,27.83\n2,114.06,22.54\n3,113.9,22.5\n"
    note = noticed(root, tmp_path, body)["position-far"]
    assert note.values["rows"] == "3, 4"
    for lang in ("zh", "en"):
        assert "[region]" in note.render(lang)
        assert "a.csv" in note.render(lang)


def test_points_among_the_roads_are_not_noticed(root, tmp_path):
    """Nor those just outside."""
    assert "position-far" not in noticed(root, tmp_path, "id,lon,lat\n1,113.15,27.83\n2,112.7,27.83\n")
