"""Where a new site may be built: what excludes a place, and points along both carriageways. Metres in worlds."""

from __future__ import annotations

from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.inputs import SCHEMAS, collect
from plugspan.inputs.frames import as_table
from plugspan.measure.landmarks import FAR_M, OFF_ROAD_M, RANK, Landmarks, named_places
from plugspan.network.routes import Counting, Mark, RoadIndex, find_routes
from plugspan.schema import Reader
from plugspan.siting.planning.candidates import find_candidates
from plugspan.siting.planning.reach import highway_demand
from plugspan.tables.gap_words import marked_gap, with_gap_words
from plugspan.waymarks import other_names, place_names, stretch_words
from shapely import Point
from test_border import CARRIAGEWAY_M, straight
from test_evidence import inputs_of, site
from test_spacing import box
from toy import lonlat


def fuel(name, x, y):
    return {"id": name, "name": name, "kind": "fuel", "geometry": Point(lonlat(x, y))}


def candidates(toy, *, sites=(), facilities=(), kinds=("fuel",), region=None, cost=None):
    tables = {name: as_table([], schema) for name, schema in SCHEMAS.items()}
    tables["chargers"] = as_table(list(sites), SCHEMAS["chargers"])
    tables["facilities"] = as_table(list(facilities), SCHEMAS["facilities"])
    graph = toy.graph()
    return find_candidates(
        collect(tables, region, []), RoadIndex(graph), find_routes(graph), kinds=kinds, route_point_km=10.0,
        cost=cost or {}, region=region,
    ).set_index("id")  # fmt: skip


def test_a_place_is_its_own_beyond_300_m():
    """Beside an operational site, 290 m are too close and 310 m are not; a planned site excludes nothing."""
    places = [fuel("at-290", 290, 5000), fuel("at-310", 310, 5000), fuel("at-plan", 0, 1000)]
    sites = [site("s", (0, 5000)), site("later", (0, 1000), status="planned")]
    found = candidates(straight(10), sites=sites, facilities=places)
    assert found["excluded"].fillna("").to_dict() == {
        "fuel-at-290": "has_site",
        "fuel-at-310": "",
        "fuel-at-plan": "",
    }


def test_the_kind_listed_first_wins_a_place():
    """Fuel 290 m from a route point at K5 is the same place, at 310 m it is not; of two fuel stations both stay."""
    places = [fuel("near", 0, 5290), fuel("beside", 10, 5290), fuel("off", 0, 4690)]
    first = candidates(straight(10), facilities=places, kinds=("route_point", "fuel"))
    assert first["excluded"].fillna("").to_dict() == {
        "route_point-G207-1-5.0": "",
        "fuel-near": "same_place",
        "fuel-beside": "same_place",
        "fuel-off": "",
    }
    last = candidates(straight(10), facilities=places, kinds=("fuel", "route_point"))
    assert last["excluded"].fillna("").to_dict() == {
        "fuel-near": "",
        "fuel-beside": "",
        "fuel-off": "",
        "route_point-G207-1-5.0": "same_place",
    }


def test_points_along_a_road_stand_half_a_step_from_its_start():
    """40 km, a point every 10: K5, 15, 25, 35; the region K10-30 has two of them. Costs go by kind."""
    found = candidates(straight(40), kinds=("route_point",), cost={"route_point": 3.5})
    assert found["name"].tolist() == [f"G207 measured km {km}.0" for km in (5, 15, 25, 35)]
    assert found["cost"].unique().tolist() == [3.5]
    inside = candidates(straight(40), kinds=("route_point",), region=box(-4000, 10_000, 4000, 30_000))
    assert inside["name"].tolist() == ["G207 measured km 15.0", "G207 measured km 25.0"]


def test_each_carriageway_has_points_of_its_own():
    """Dual carriageways that meet at the ends only: points on either, on a two-way road one for both directions."""
    found = candidates(straight(40, dual=True), kinds=("route_point",))
    there = found[~found.index.str.endswith("-back")]
    back = found[found.index.str.endswith("-back")]
    assert len(there) == len(back) == 4
    east_m = (back.geometry.x.to_numpy() - there.geometry.x.to_numpy()[:4]) * 99_000
    assert east_m == pytest.approx([CARRIAGEWAY_M] * 4, abs=2.0)


@pytest.mark.parametrize(
    ("lang", "posted", "marks"),
    [
        (Reader("en", "km"), False, ["measured km 0.5", "measured km 1.4"]),
        (Reader("zh", "mi"), False, ["量算 0.3 英里", "量算 0.9 英里"]),
        (Reader("en", "km"), True, ["K0.5", "K1.4"]),
        (Reader("zh", "mi"), True, ["MP 0.3", "MP 0.9"]),
    ],
)
def test_places_along_a_road_are_named_by_posts_only_if_some_are_given(lang, posted, marks):
    """Demand of a road of 2.8 km lies in the middles of three stretches: at 0.47, 1.40 and 2.33 km."""
    graph = straight(2.8).graph()
    marks_of = {"G207": Counting(marks=(Mark(0.0, *graph.node_xy[0].tolist()),))} if posted else {}
    routes = find_routes(graph, counting=marks_of)
    lang = Reader(lang, lang.lengths, Landmarks(routes))
    places = highway_demand(inputs_of([]), RoadIndex(graph), routes, None, lang)
    there = places[places["id"].str.contains("forward")]
    assert there["name"].tolist()[:2] == [f"G207 {mark}" for mark in marks]
    assert places["weight"].sum() == pytest.approx(2800, rel=1e-2)


@cache
def road(posts=()):
    """60 km, perhaps with posts."""
    graph = straight(60).graph()
    return RoadIndex(graph), find_routes(graph, counting={"G207": Counting(marks=posts)} if posts else {})


def marks_beside(places, posts=()):
    """What a reader knows of a road of 60 km with named places beside it: ``(name, kind, x, y)``."""
    index, routes = road(posts)
    frame = gpd.GeoDataFrame(
        {"name": [p[0] for p in places], "kind": [p[1] for p in places]},
        geometry=[Point(lonlat(*p[2:])) for p in places],
        crs="EPSG:4326",
    )
    found = named_places(frame, inputs_of([]))
    return Landmarks(routes, lambda: index, found)


BESIDE = [
    ("A", "town", 1000, 50_000),  # K10, 1 km off
    ("B", "hamlet", -100, 40_000),  # K20
    ("far", "village", 3000, 30_000),  # K30, too far off for a village
    ("", "city", 0, 20_000),
]


@pytest.mark.parametrize(
    ("km", "en", "zh"),
    [
        (10.2, "at A", "A处"),
        (11.3, "1.3 km south of A", "A以南 1.3 km"),
        (4.0, "6.0 km north of A", "A以北 6.0 km"),
        (17.0, "7.0 km south of A", "A以南 7.0 km"),  # the hamlet is 3 km away, which counts three times
        (18.5, "1.5 km north of B", "B以北 1.5 km"),
        (30.0, "20.0 km south of A", "A以南 20.0 km"),
        (45.0, None, None),  # A is 35 km away, B 25, which counts three times
    ],
)
def test_a_place_is_named_by_the_nearest_place_that_people_know(km, en, zh):
    """Along the road, little known places counting as further; the measured kilometre stands behind, never a mark."""
    marks = marks_beside(BESIDE)
    for lang, where, words, at in (
        ("en", en, "G207, {} ({})", f"measured km {km}"), ("zh", zh, "G207 {}（{}）", f"量算 {km} km"),
    ):  # fmt: skip
        reader = Reader(lang, "km", marks)
        want = words.format(where, at) if where else f"G207 {at}"
        assert place_names([km], reader, "G207", 1, "forward") == [want]
        assert other_names(reader)[want] == want
    assert place_names([km], Reader("en", "km", None), "G207", 1) == [f"G207 measured km {km}"]


def test_a_motorway_junction_names_what_no_place_is_near():
    """It counts as twice as far as a town, and only on the road itself, not at an interchange beside it."""
    junctions = [
        ("X", "motorway_junction", 100, 15_000),
        ("Y", "motorway_junction", 400, 48_000),
    ]  # K45; K12, off
    reader = Reader("en", "km", marks_beside([*BESIDE, *junctions]))
    names = place_names([46.5, 11.3, 30.0], reader, "G207", 1, "forward")
    assert names[0] == "G207, 1.5 km south of X (measured km 46.5)"
    assert names[1] == "G207, 1.3 km south of A (measured km 11.3)"
    assert names[2] == "G207, 20.0 km south of A (measured km 30.0)"  # X is 15 km away, which counts as 30


def test_posts_name_a_place_before_all_else():
    """With a post the mark stands alone; a stretch likewise, else with both its ends by name."""
    marks = marks_beside(BESIDE)
    row = {"ref": "G207", "section": 1, "direction": "forward", "a": 10.1, "b": 18.5}
    reader = Reader("en", "km", marks)
    assert stretch_words(row, ("a", "b"), reader) == "A to 1.5 km north of B (measured km 10.1–18.5)"
    assert stretch_words(row | {"b": 45.0}, ("a", "b"), reader) == "measured km 10.1–45.0"
    gap = row | {"from_km": 18.5, "to_km": 4.0, "length_km": 14.5, "own_km": 14.5}
    gap |= {"open_start": True, "open_end": False}
    for reader_, length, want in (
        (reader, "own_km", "G207 between 6.0 km north of A and 1.5 km north of B (measured km 4.0–18.5, 14.5 km)"),
        (Reader("zh", "km", marks), "length_km",
         "G207 A以北 6.0 km至B以北 1.5 km（量算 4.0–18.5 km，至少 14.5 km，道路在数据之外继续）"),
        (Reader("en", "mi", marks), "own_km",
         "G207 between 3.7 mi north of A and 1.0 mi north of B (measured mi 2.5–11.5, 9.0 mi)"),
    ):  # fmt: skip
        assert marked_gap(gap, length, reader_) == want
    part = marked_gap(gap | {"own_km": 9.0}, "own_km", reader)
    assert part.endswith(" of B (measured km 4.0–18.5, 9.0 km of 14.5 km inside)")
    assert marked_gap(gap | {"from_km": 45.0}, "own_km", reader) == "G207 measured km 4.0–45.0 (14.5 km)"
    post = Mark(310_000.0, *lonlat(0, 50_000).tolist())
    reader = Reader("en", "km", marks_beside(BESIDE, (post,)))
    assert place_names([311.3], reader, "G207", 1) == ["G207 K311.3"]
    assert stretch_words(row | {"a": 310.0, "b": 345.0}, ("a", "b"), reader) == "K310.0–K345.0"
    assert (
        marked_gap(gap | {"from_km": 345.0, "to_km": 310.0}, "own_km", reader)
        == "G207 K310.0–K345.0 (14.5 km)"
    )
    assert place_names([311.3], Reader("zh", "mi", reader.waymarks), "G207", 1) == ["G207 MP 193.4"]


def test_a_brand_of_fuel_names_no_place():
    """Two stations of a name 20 km apart; one of a service area with two sides; a village of either name is a place."""
    brands = [
        ("ÓB", "service", 100, 45_000),
        ("ÓB", "service", 100, 25_000),
        ("East", "service", 100, 45_000),
        ("East", "service", -100, 44_800),
    ]
    reader = Reader("en", "km", marks_beside(brands))
    assert place_names([16.0, 35.0], reader, "G207", 1) == [
        "G207, 1.0 km south of East (measured km 16.0)",
        "G207 measured km 35.0",  # 20 km from East, which counts as 40
    ]
    villages = [("ÓB", "village", 100, 45_000), ("ÓB", "village", 100, 25_000)]
    reader = Reader("en", "km", marks_beside(villages))
    assert place_names([16.0], reader, "G207", 1) == ["G207, 1.0 km south of ÓB (measured km 16.0)"]
    row = {"ref": "G207", "section": 1, "direction": "forward", "a": 15.0, "b": 34.0}
    assert stretch_words(row, ("a", "b"), reader) == "measured km 15.0–34.0"  # not from ÓB to ÓB


def test_a_road_that_is_only_a_number_is_called_a_route():
    """The gap, the place on it and what closes it; the column ``ref`` stays as it is."""
    gap = {"ref": "36", "section": 1, "direction": "forward", "from_km": 0.0, "to_km": 67.5, "length_km": 67.5,
           "own_km": 67.5, "open_start": False, "open_end": False}  # fmt: skip
    assert marked_gap(gap, "own_km", "en") == "route 36 measured km 0.0–67.5 (67.5 km)"
    assert marked_gap(gap, "own_km", "zh") == "36 号路 量算 0.0–67.5 km（67.5 km）"
    assert place_names([5.0], "en", "36", 1) == ["route 36 measured km 5.0"]


def test_the_end_of_a_gap_has_its_mark_once():
    """A site at a point that is named by its place on the road; on another road with that road's own mark."""
    reader = Reader("en", "km", marks_beside(BESIDE))
    (name,) = place_names([10.2], reader, "G207", 1, "forward")
    gaps = gpd.GeoDataFrame(
        {"ref": ["G207", "32"], "section": 1, "direction": "forward", "spacing_class": "good", "from_km": 0.0,
         "to_km": 10.2, "open_start": False, "open_end": False, "kind": "first"},
        geometry=[None, None], crs="EPSG:4326",
    )  # fmt: skip
    ends = pd.DataFrame(
        {"evidence_kind": "to_site", "gap": [0, 1], "ref": ["G207", "32"], "section": 1, "name": name, "reason": None,
         "chainage_km": [10.3, 68.8], "distance_km": [0.0, 0.5]}
    )  # fmt: skip
    found = with_gap_words(gaps, ends, reader)
    assert found["ends"].tolist() == [name, f"{name} (route 32 measured km 68.8, 0.50 km off the road)"]
    assert name == "G207, at A (measured km 10.2)"


PLACES = st.lists(
    st.tuples(st.sampled_from(list(OFF_ROAD_M)), st.integers(-6, 6), st.integers(0, 60)), max_size=6
)


@settings(max_examples=12, deadline=None)
@given(beside=PLACES, at_km=st.integers(0, 60))
def test_the_nearest_place_is_that_of_a_plain_search(beside, at_km):
    """Every place that is near enough to the road, one after the other."""
    places = [(f"p{k}", kind, x * 900, y * 1000) for k, (kind, x, y) in enumerate(beside)]
    marks = marks_beside(places)
    at = at_km * 1000.0
    found = [
        (abs(60_000.0 - y - at) * RANK[kind], name)
        for name, kind, x, y in places
        if abs(x) < OFF_ROAD_M[kind]
    ]
    near = [(far, name) for far, name in found if far <= FAR_M]
    (told,) = marks.beside("G207", 1, "forward", np.array([at]))
    if not near or min(found)[0] > FAR_M - 500:
        assert told is None or min(found)[0] > FAR_M - 500
        return
    assert told is not None
    least = min(far for far, _ in near)
    assert told[0] in {name for far, name in near if far <= least + 200}
