"""Evidence of the gaps: candidates inside, sites that close them, sites that don't count. Kilometres in comments."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.inputs import SCHEMAS, collect
from plugspan.inputs.frames import as_table
from plugspan.network.access import REASONS as ACCESS_REASONS
from plugspan.network.routes import RoadIndex, find_routes, locate, paths_between
from plugspan.rules.assessment import assess
from plugspan.rules.evidence import (
    EVIDENCE_COLUMNS,
    MOST_CANDIDATES,
    MOST_NOT_COUNTING,
    REASONS,
    why_not,
)
from plugspan.rules.policy import Policy
from plugspan.rules.roads import RoadContext
from plugspan.settings import parse_toml
from plugspan.tables.result import evidence_of
from plugspan.texts import catalogue
from plugspan.units import in_kilometres
from pyproj import Geod
from shapely import Point
from test_routes import ring
from test_spacing import at_km, road
from toy import lonlat

GEOD = Geod(ellps="WGS84")
POLICY = """
schema = 1
id = "toy"
name = { zh = "玩具", en = "toy" }
source = "test"
[road_class]
ordinary_trunk = ['[GS]\\d{3}']
[[rule]]
id = "spacing"
kind = "route_spacing"
title = { zh = "间距", en = "spacing" }
network = "ordinary_trunk"
site = { dc_min_kw = 60, access_km = 3.0, public_only = true, min_points = 2 }
target = { value_max = 40.0 }
"""
COVERED = """
[[rule]]
id = "covered"
kind = "length_coverage"
title = { zh = "覆盖", en = "covered" }
network = "ordinary_trunk"
site = { dc_min_kw = 0, access_km = 3.0 }
span_max_km = 40.0
target = { share_min = 1.0 }
"""
FAST = {"kind": "charging", "current": "dc", "status": "operational", "access": "public"}
FAST |= {"points": 4, "dc_points": 4, "point_kw": 120.0}


def policy(*more):
    return parse_toml("".join([POLICY, *more]), Policy, "toy")


def site(name, xy, **about):
    """One charger, a site of its own by its operator."""
    return {**FAST, "id": name, "name": name, "operator": name, "geometry": Point(lonlat(*xy)), **about}


def inputs_of(sites, region=None):
    tables = {name: as_table(sites if name == "chargers" else [], schema) for name, schema in SCHEMAS.items()}
    return collect(tables, region, [])


def candidates_of(places, excluded=()):
    """Candidates by name -> (x, y)."""
    return gpd.GeoDataFrame(
        {
            "id": list(places),
            "kind": "fuel",
            "name": list(places),
            "excluded": ["has_site" if name in excluded else None for name in places],
        },
        geometry=[Point(lonlat(*xy)) for xy in places.values()],
        crs="EPSG:4326",
    )


def measured(toy, sites, places=None, rules=None, excluded=(), region=None):
    graph = toy.graph()
    candidates = None if places is None else candidates_of(places, excluded)
    inputs = inputs_of(sites, region)
    return assess(rules or policy(), inputs, graph, find_routes(graph), None, candidates=candidates)


def numbered_ring():
    """A ring of about 31 km that is G207."""
    toy = ring(dual=False)
    for row in toy.rows:
        row["ref"] = row["ref"] and "G207"
    return toy


def rows(assessment, kind, **where):
    table = in_kilometres(assessment.evidence)
    table = table[table["evidence_kind"] == kind]
    for name, value in where.items():
        table = table[table[name] == value]
    return table


def place(km):
    return at_km(km)[0]


# -- by hand -------------------------------------------------------------------------------------------------

TWO = [site("a", place(10)), site("z", place(100))]


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_candidates_nearest_to_the_middle(direction):
    """Sites at 10 and 100: the middle is 55. Of 20, 50, 62, 80, 105 the nearest three are 50 (5), 62 (7), 80 (25)."""
    places = {f"c{km}": place(km) for km in (20, 50, 62, 80, 105)}
    found = rows(measured(road(), TWO, places), "candidate", direction=direction)
    gap = found[found["id"] == "c50"].iloc[0]["gap"]
    mine = found[found["gap"] == gap]
    assert mine["id"].tolist() == ["c50", "c62", "c80"]
    assert mine["rank"].tolist() == [1, 2, 3]
    assert mine["chainage_km"].tolist() == pytest.approx([50, 62, 80], rel=1e-3)
    assert mine["distance_km"].tolist() == pytest.approx([0, 0, 0], abs=2e-3)


def test_equally_near_candidates_go_by_the_shorter_way_then_by_id():
    """A at 54 and B, C at the same spot 56, all 1 km from the middle at 55: A, B, C by id; a side road comes last.

    Rounding may tell 54 from 56 to the metre, so only B and C are compared, and D, which is 2 km off the road there.
    """
    toy = road().node("j", 0, 120_000 - 56_000).node("d", 2000, 120_000 - 56_000)
    toy.rows.clear()
    toy.road("n j s", "G207").road("nw n").road("s se").road("j d", highway="residential")
    places = {"D": (2000, 64_000), "C": (0, 64_000), "B": (0, 64_000)}
    found = rows(measured(toy, TWO, places), "candidate", direction="forward")
    assert found["id"].tolist() == ["B", "C", "D"]
    assert found["distance_km"].tolist() == pytest.approx([0, 0, 2], abs=2e-3)


def test_excluded_places_and_places_out_of_reach_are_no_candidates():
    """What has a site already, and what lies 5 km off any road, doesn't appear; nor does the very end of a gap."""
    x, y = place(55)
    places = {"taken": place(50), "far": (x + 5000, y), "at the site": place(10), "free": place(70)}
    found = measured(road(), TWO, places, excluded=["taken"])
    assert set(rows(found, "candidate")["id"]) == {"free"}


def test_without_candidates_the_rest_is_there():
    """Evidence doesn't need a siting."""
    found = measured(road(), TWO)
    assert rows(found, "candidate").empty
    assert rows(found, "from_site", direction="forward")["id"].tolist() == ["a", "z"]
    assert rows(found, "to_site", direction="forward")["id"].tolist() == ["a", "z"]
    assert rows(found, "from_site", direction="backward")["id"].tolist() == ["z", "a"]
    assert tuple(found.evidence.columns) == EVIDENCE_COLUMNS


NOT_COUNTING = {
    "closed": ({"access": "restricted"}, "restricted", "no"),
    "planned": ({"status": "planned"}, "not_operational", "no"),
    "swap": ({"kind": "battery_swap"}, "other_kind", "no"),
    "no power": ({"point_kw": None}, "unknown_power", "unknown"),
    "no number": ({"points": None, "dc_points": None}, "unknown_points", "unknown"),
    "slow": ({"point_kw": 30.0}, "slow", "no"),
    "ac": ({"current": "ac", "dc_points": 0}, "slow", "no"),
    "single": ({"points": 1, "dc_points": 1}, "too_few_points", "no"),
}


@pytest.mark.parametrize("name", NOT_COUNTING)
def test_why_a_site_on_the_road_does_not_count(name):
    """Each reason by hand; the site lies at 55 in the gap from 10 to 100, and the gap stays."""
    about, reason, meets = NOT_COUNTING[name]
    found = measured(road(), [*TWO, site(name, place(55), **about)])
    mine = rows(found, "not_counting", direction="forward")
    assert mine[["id", "reason", "meets"]].to_numpy().tolist() == [[name, reason, meets]]
    assert mine["chainage_km"].tolist() == pytest.approx([55], rel=1e-3)
    gap = in_kilometres(found.gaps).loc[mine["gap"].iloc[0]]
    assert (gap["from_site"], gap["to_site"]) == ("a", "z")


def test_several_reasons_the_first_holds():
    """Closed, planned and slow at once: closed to the public comes first, then not in operation."""
    both = inputs_of([site("x", place(5), access="restricted", status="planned", point_kw=7.0)])
    assert why_not(both, policy().rules[0]).tolist() == ["restricted"]
    one = inputs_of([site("x", place(5), status="planned", point_kw=7.0)])
    assert why_not(one, policy().rules[0]).tolist() == ["not_operational"]


def test_a_site_counts_exactly_if_there_is_no_reason():
    """Sites without a reason are those that close gaps."""
    sites = [*TWO, *(site(n, place(20 + 5 * k), **NOT_COUNTING[n][0]) for k, n in enumerate(NOT_COUNTING))]
    found = measured(road(), sites)
    why = why_not(inputs_of(sites), policy().rules[0])
    ids = inputs_of(sites).sites["id"].to_numpy()
    assert set(ids[pd.isna(why)]) == {"a", "z"} == set(found.gaps["from_site"].dropna())
    assert set(why[~pd.isna(why)]) <= set(REASONS)
    assert len(rows(found, "not_counting", direction="forward")) == MOST_NOT_COUNTING


def test_near_but_not_reachable():
    """A site 2 km beside the road on a lane that joins it nowhere near: the reason is that of the access."""
    x, y = place(55)
    toy = road().node("p", x + 2000, y).node("q", x + 2000, y + 200).road("p q", highway="service")
    found = measured(toy, [*TWO, site("lane", (x + 2000, y))])
    mine = rows(found, "not_counting", direction="forward")
    assert mine["id"].tolist() == ["lane"]
    assert mine["reason"].iloc[0] in ACCESS_REASONS
    assert mine["meets"].tolist() == ["yes"]
    assert mine["straight_km"].tolist() == pytest.approx([2.0], rel=1e-2)
    assert mine["chainage_km"].tolist() == pytest.approx(
        [55], abs=0.2
    )  # the nearest place on a leg of 120 km


def test_outside_the_region():
    """Where sites outside the region don't count, that is the reason; elsewhere they close gaps."""
    rules = parse_toml(POLICY.replace("[[rule]]", "[[rule]]\noutside_sites_count = false"), Policy, "toy")
    region = shapely.box(*lonlat(-20_000, 0), *lonlat(20_000, 60_000))  # from 60 km on
    assert why_not(inputs_of(TWO, region), rules.rules[0]).tolist() == ["outside", None]
    assert why_not(inputs_of(TWO, region), policy().rules[0]).tolist() == [None, None]


def test_each_rule_has_its_own_evidence():
    """A slow site closes gaps of the rule that takes any charger, and is a reason under the one that doesn't."""
    found = measured(road(), [*TWO, site("slow", place(55), point_kw=7.0)], rules=policy(COVERED))
    assert set(rows(found, "not_counting")["rule"]) == {"spacing"}
    assert "slow" in set(rows(found, "from_site", rule="covered")["id"])
    assert "slow" not in set(rows(found, "from_site", rule="spacing")["id"])


def test_a_gap_over_the_seam_of_a_ring():
    """A ring with sites at a quarter and a half: places in the third quarter and just after the seam lie in the gap
    that runs on over it, and its middle lies in the last quarter.
    """
    graph = numbered_ring().graph()
    route = find_routes(graph)[0]
    drive = route.sections[0].drives[0]
    shares = {"a": 0.25, "z": 0.5, "c first": 0.05, "c before": 0.3, "c last": 0.875}
    at = locate(RoadIndex(graph), drive, np.array(list(shares.values())) * (drive.end_m - drive.start_m))
    points = [Point(xy) for xy in at[["lon", "lat"]].to_numpy()]
    where = dict(zip(shares, points, strict=True))
    sites = [site(n, (0, 0)) | {"geometry": where[n]} for n in ("a", "z")]
    places = candidates_of({n: (0, 0) for n in shares if n.startswith("c ")}).set_geometry(
        [where[n] for n in shares if n.startswith("c ")], crs="EPSG:4326"
    )
    found = assess(policy(), inputs_of(sites), graph, [route], None, candidates=places)
    mine = rows(found, "candidate", direction=drive.direction)
    over = found.gaps[(found.gaps["kind"] == "ring") & (found.gaps["direction"] == drive.direction)].index[0]
    assert mine.loc[mine["gap"] == over, "id"].tolist() == ["c last", "c first"]
    assert mine.loc[mine["gap"] != over, "id"].tolist() == ["c before"]


def test_the_roads_to_a_site():
    """From the road at 56 km one takes way 5 and then way 6 to the end, where the site stands; a shorter one-way road
    leads back only. The sites on the carriageway have no access road.
    """
    y = 120_000 - 56_000
    toy = road().node("j", 0, y).node("d", 1000, y).node("e", 1000, y + 800)
    toy.rows.clear()
    toy.road("n j s", "G207").road("nw n").road("s se").road("j d", highway="service").road(
        "d e", highway="service"
    )
    toy.road("e j", highway="service", oneway=True)
    found = measured(toy, [*TWO, site("m", (1000, y + 800))])
    ends = rows(found, "from_site", direction="forward").set_index("id")
    assert ends.loc["m", "ways"] == "5 6"
    assert ends.loc["m", "distance_km"] == pytest.approx(1.8, abs=0.01)
    assert ends.loc["m", "back_km"] == pytest.approx(np.hypot(1.0, 0.8), abs=0.01)
    assert ends.loc["a", "ways"] == ""


# -- properties ------------------------------------------------------------------------------------------------

spots = st.lists(st.integers(1, 119), min_size=0, max_size=9, unique=True)


@settings(max_examples=10)
@given(spots, spots)
def test_candidates_against_brute_force(site_km, candidate_km):
    """For each gap: the three candidates inside it that are nearest to its middle, found by looking at all."""
    sites = [site(f"s{km}", place(km)) for km in site_km]
    places = {f"c{km:03}": place(km) for km in candidate_km} or None
    found = measured(road(), sites, places)
    for number, gap in in_kilometres(found.gaps).iterrows():
        low, high = sorted([gap["from_km"], gap["to_km"]])
        inside = [km for km in candidate_km if low + 0.1 < km < high - 0.1]
        off = sorted(abs(km - (low + high) / 2) for km in inside)[:MOST_CANDIDATES]
        mine = rows(found, "candidate", gap=number)
        assert [abs(c - (low + high) / 2) for c in mine["chainage_km"]] == pytest.approx(off, abs=0.2)


@settings(max_examples=10)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8), st.booleans())
def test_paths_are_as_long_as_their_chainage_says(shares, closed):
    """Between any two places of a drive: the line's geodesic length is the difference of the chainages, it starts
    and ends where the places are, and its edges are those the chainages cover.
    """
    graph = (numbered_ring() if closed else road()).graph()
    index = RoadIndex(graph)
    drive = find_routes(graph)[0].sections[0].drives[-1]
    at = drive.start_m + np.sort(np.array(shares), axis=1) * (drive.end_m - drive.start_m)
    at = at[np.diff(at, axis=1)[:, 0] > 1.0]
    ends = at if drive.direction == "forward" else at[:, ::-1]
    for (edges, line), (start, end) in zip(paths_between(index, drive, *ends.T), ends, strict=True):
        assert GEOD.geometry_length(line) == pytest.approx(abs(end - start), abs=0.05)
        first, last = locate(index, drive, np.array([start, end]))[["lon", "lat"]].to_numpy()
        drawn = shapely.get_coordinates(line)
        assert np.abs(drawn[[0, -1]] - [first, last]).max() < 1e-6
        low, high = min(start, end), max(start, end)
        assert edges.tolist() == drive.edges[(drive.high_m > low) & (drive.low_m < high)].tolist()


# -- forms -----------------------------------------------------------------------------------------------------


def test_the_same_roads_with_other_sites():
    """What is kept about the roads changes no number."""
    graph = road().graph()
    routes = find_routes(graph)
    context = RoadContext(inputs_of(TWO), graph, tuple(routes), None)
    assess(policy(), context.inputs, graph, routes, None, context=context)
    more = inputs_of([*TWO, site("m", place(55))])
    kept = assess(policy(), more, graph, routes, None, context=context.with_inputs(more))
    fresh = assess(policy(), more, graph, routes, None)
    pd.testing.assert_frame_equal(kept.evidence, fresh.evidence)
    pd.testing.assert_frame_equal(kept.gaps.drop(columns="geometry"), fresh.gaps.drop(columns="geometry"))


def test_no_route_no_evidence():
    """Without a road of the class there is no gap, and an empty table with its columns."""
    toy = road()
    for row in toy.rows:
        row["ref"] = None
    found = measured(toy, TWO, {"c": place(55)})
    assert found.evidence.empty
    assert tuple(found.evidence.columns) == EVIDENCE_COLUMNS
    assert evidence_of(in_kilometres(found.evidence), [3]) == [
        {"ends": [], "candidates": [], "not_counting": []}
    ]


def test_evidence_of_a_gap_for_the_result():
    """Each gap gets its own lists, in order."""
    found = measured(road(), [*TWO, site("slow", place(60), point_kw=7.0)], {"c": place(55)})
    number = found.gaps.index[(found.gaps["from_site"] == "a") & (found.gaps["to_site"] == "z")][0]
    (mine,) = evidence_of(in_kilometres(found.evidence), [number])
    assert [(e["evidence_kind"], e["site_id"]) for e in mine["ends"]] == [
        ("from_site", "a"),
        ("to_site", "z"),
    ]
    assert [c["action_id"] for c in mine["candidates"]] == ["c"]
    assert [(n["site_id"], n["reason"]) for n in mine["not_counting"]] == [("slow", "slow")]


@pytest.mark.parametrize("reason", [*REASONS, *ACCESS_REASONS, "has_site", "same_place"])
def test_every_reason_has_words(reason):
    """Popups and tables show reasons in words."""
    assert catalogue()[f"choice.reason.{reason}"]["zh"]
