"""Rules on spacing and covered length: lengths that agree everywhere. Kilometres in comments."""

from __future__ import annotations

import math
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from plugspan import InputError
from plugspan.measure.spacing import find_spacing
from plugspan.network import Region
from plugspan.network.access import find_access
from plugspan.network.routes import RoadIndex, edge_weight, find_routes, network_length_m
from plugspan.network.snapping import snap
from plugspan.rules.assessment import assess
from plugspan.rules.gap_ids import GapIds
from plugspan.rules.length import assess_coverage
from plugspan.rules.reach import assess_reach
from plugspan.rules.roads import RoadContext, gap_frame
from plugspan.rules.spacing import assess_spacing
from plugspan.units import in_kilometres
from shapely import Point
from test_evidence import COVERED, inputs_of, policy, site
from test_routes import ring
from test_routes_properties import FEW, build, networks
from test_spacing import box
from toy import Toy, lonlat

SOME = settings(FEW, max_examples=60)
NOWHERE = np.empty((0, 2))


def spacing_without_sites(graph):
    index, routes = RoadIndex(graph), find_routes(graph)
    return find_spacing(index, routes, find_access(index, routes, snap(graph, NOWHERE))), routes


def covered(toy, sites, region=None, span_km=None):
    """The finding of the rule on covered length; the second rule of the policy."""
    text = COVERED if span_km is None else COVERED.replace("40.0", str(span_km), 1)
    rule = policy(text).rules[1]
    graph = toy.graph()
    context = RoadContext(inputs_of(sites), graph, tuple(find_routes(graph)), region)
    return assess_coverage(context, rule)[0]


# -- one number ----------------------------------------------------------------------------------------------


def crossing_at_a_roundabout():
    """G207 from north to south and S310 from west to east cross at a roundabout that bears both numbers.

    Dual approaches end at neighbouring corners of an octagon, so each road drives three sides per direction and
    two sides stay aside; what is aside for one road is driven by the other.
    """
    at = [(30 * math.sin(math.radians(a)), 30 * math.cos(math.radians(a))) for a in range(22, 360, 45)]
    toy = Toy(**{f"p{k}": xy for k, xy in enumerate(at)})
    arms = {"n": (-10, 3000), "o": (10, 3000), "t": (10, -3000), "s": (-10, -3000)}
    arms |= {"e": (3000, 10), "f": (3000, -10), "v": (-3000, -10), "w": (-3000, 10)}
    for name, xy in arms.items():
        toy.node(name, *xy)
    toy.road("n p7", "G207", oneway=True).road("p0 o", "G207", oneway=True)
    toy.road("t p3", "G207", oneway=True).road("p4 s", "G207", oneway=True)
    toy.road("e p1", "S310", oneway=True).road("p2 f", "S310", oneway=True)
    toy.road("v p5", "S310", oneway=True).road("p6 w", "S310", oneway=True)
    return toy.road("p7 p6 p5 p4 p3 p2 p1 p0 p7", "G207;S310", oneway=True, junction="roundabout")


def test_far_sides_that_another_route_drives_count_once():
    """Each route counts half of its carriageways and half of the whole circle; both together the circle once."""
    graph = crossing_at_a_roundabout().graph()
    spacing, routes = spacing_without_sites(graph)
    half_m = graph.seg_length_m.sum() / 2
    circle_m = graph.seg_length_m[graph.segments["junction"].notna()].sum() / 2
    assert sum(len(d.far.at) for r in routes for s in r.sections for d in s.drives) == 4
    assert sum(route.length_m for route in routes) == pytest.approx(half_m + circle_m)
    assert network_length_m(graph, routes) == pytest.approx(half_m)
    assert spacing.network["length_m"] == pytest.approx(half_m)


@given(networks())
@SOME
def test_the_network_has_one_length(network):
    """What the figures of the network say and what the spacing of its routes adds up to are one number."""
    graph = build(*network)
    spacing, routes = spacing_without_sites(graph)
    assert spacing.network["length_m"] == pytest.approx(network_length_m(graph, routes), abs=1e-6)
    assert spacing.by_route["length_m"].sum() == pytest.approx(sum(r.length_m for r in routes), abs=1e-6)


def test_a_one_way_half_of_a_route_takes_nothing_from_a_two_way_one():
    """S310 runs both ways on b-c; G207 only northwards there, its southbound side is on d-e.

    S310 alone has 4 km; together 4 km and half of the 4 km long other street; G207's ends are 3 + 3 km.
    """
    toy = Toy(a=(0, 0), b=(0, 3000), c=(0, 7000), z=(0, 10000), d=(200, 7000), e=(200, 3000))
    toy.road("a b", "G207").road("c z", "G207").road("c d e b", "G207", oneway=True)
    toy.road("b c", "S310")
    graph = toy.graph()
    alone = find_routes(graph)
    assert network_length_m(graph, alone) == pytest.approx(4000 + 6000 + 4400, rel=1e-3)
    weight = edge_weight(graph, alone)
    assert sorted(set(weight[weight > 0].round(6))) == [0.5, 1.0]


# -- covered length ------------------------------------------------------------------------------------------


def test_covered_length_counts_a_dual_road_once():
    """30 km dual with a site in its middle, 10 km of two-way road behind it; span 24 km.

    One site at km 15 of the dual road: the carriageways are long edges of 15 km on both sides of it, 0 + 15 + 15
    > 24 fails; the two-way road has no site near. With a second site 10 km on at the end of the two-way road the
    10 km pass: 0 + 10 + d(v) where v is the end of the dual road, 15 km from the first site but 10 km from the
    second, so 0 + 10 + 10 = 20 <= 24. Of 40 km (the dual road once) 10 pass: a quarter, not 10 of 70.
    """
    toy = Toy(a=(0, 0), b=(0, 15_000), c=(0, 30_000), d=(0, 40_000), e=(-20, 15_000), f=(-20, 0))
    toy.road("a b c", "G207", oneway=True).road("c e f", "G207", oneway=True).road("c d", "G207")
    toy.road("f a", None).road("b e", None)
    finding = covered(toy, [site("x", (0, 15_000)), site("y", (0, 40_000))], span_km=24.0)
    assert finding.figures["length_m"] == pytest.approx(40_000, rel=2e-3)
    assert finding.figures["edge_low"] == pytest.approx(0.25, abs=0.01)


def test_covered_length_counts_what_lies_in_the_region():
    """Of a road of 40 km in one piece, 10 km inside: the length is 10 km and all of it is judged."""
    toy = Toy(a=(0, 0), b=(0, 40_000)).road("a b", "G207")
    region = Region(box(-5000, -1000, 5000, 10_000), name="south")
    finding = covered(toy, [site("x", (0, 0)), site("y", (0, 40_000))], region)
    assert finding.figures["length_m"] == pytest.approx(10_000, rel=1e-2)
    assert finding.figures["edge_low"] == finding.figures["two_site_low"] == 1.0


def test_sites_outside_the_region_cover_what_lies_inside():
    """A road of 60 km, K20-40 inside, sites at 15 and 45 outside only: the drive of 30 km is within a span of 40."""
    toy = Toy(a=(0, 0), b=(0, 60_000)).road("a b", "G207")
    region = Region(box(-5000, 20_000, 5000, 40_000), name="middle")
    inputs = inputs_of([site("x", (0, 15_000)), site("y", (0, 45_000))], region.polygon)
    assert not inputs.sites["inside"].any()
    graph = toy.graph()
    context = RoadContext(inputs, graph, tuple(find_routes(graph)), region)
    rule = policy(COVERED).rules[1]
    finding, spacing = assess_coverage(context, rule)
    figures = finding.figures
    assert set(gap_frame(context, rule, rule.network, spacing)["spacing_class"]) == {"middle"}  # 25 to 40 km
    assert figures["route_low"] == figures["two_site_low"] == 1.0
    assert figures["span_m"] == 40_000.0


@pytest.mark.parametrize(("span_km", "edge", "two_site"), [(40, 0.0, 0.0), (60, 0.5, 0.5), (70, 1.0, 1.0)])
def test_a_piece_over_the_border_is_cut_there(span_km, edge, two_site):
    """A road of 200 km, region K50-150, sites at K30, 100 and 160: the pieces inside are K50-100 and K100-150.

    K50-100: 20 km to the site before, 50 km, a site at its end: 70. K100-150: a site, 50 km, 10 km to the site behind:
    60. Neither is the 70 km or 60 km between two sites with a share of it inside.
    """
    toy = Toy(a=(0, 0), b=(0, 200_000)).road("a b", "G207")
    sites = [site(f"s{k}", (0, k * 1000)) for k in (30, 100, 160)]
    region = Region(box(-5000, 50_000, 5000, 150_000), name="middle")
    finding = covered(toy, sites, region, span_km=span_km + 0.2)
    assert finding.figures["edge_low"] == pytest.approx(edge, abs=0.01)
    assert finding.figures["two_site_low"] == pytest.approx(two_site, abs=0.01)


def test_a_piece_that_leaves_and_comes_back_is_judged_in_parts():
    """K0-20 and K80-100 inside, sites at K0 and K100, span 45 km: each part passes by itself, the whole does not."""
    toy = Toy(a=(0, 0), b=(0, 100_000)).road("a b", "G207")
    outline = box(-5000, -1000, 5000, 20_000).union(box(-5000, 80_000, 5000, 101_000))
    finding = covered(
        toy, [site("x", (0, 0)), site("y", (0, 100_000))], Region(outline, name="two"), span_km=45.0
    )
    assert finding.figures["length_m"] == pytest.approx(40_000, rel=1e-2)
    assert finding.figures["edge_low"] == 1.0
    assert finding.figures["two_site_low"] == 0.0


# -- spacing -------------------------------------------------------------------------------------------------


def judged(toy, sites, region=None, statistic="length_per_site"):
    """The finding of the rule on spacing; its statistic may be the longest gap."""
    rule = policy().rules[0].model_copy(update={"statistic": statistic})
    graph = toy.graph()
    context = RoadContext(inputs_of(sites), graph, tuple(find_routes(graph)), region)
    return assess_spacing(context, rule)[0]


def test_what_to_survey_comes_with_the_most_decisive_first():
    """Sites known at km 0 and 100; unknown at 3, 50 and 80: the one in the middle halves the gap, then 80, then 3."""
    toy = (
        Toy(n=(0, 100_000), s=(0, 0), w=(-900, 100_000), e=(900, 0))
        .road("n s", "G207")
        .road("w n")
        .road("s e")
    )
    sites = [site("known-a", (0, 100_000)), site("known-b", (0, 0))]
    sites += [site(f"at-{km}", (0, (100 - km) * 1000), point_kw=None) for km in (3, 50, 80)]
    assert judged(toy, sites).survey["id"].tolist() == ["at-50", "at-80", "at-3"]


def test_what_to_survey_on_a_ring_reaches_over_the_seam():
    """A ring of 31 km, sites known at 3 and 9 o'clock; the unknown one at the seam (12) is in the middle."""
    sites = [site("east", (5000, 0)), site("west", (-5000, 0))]
    sites += [site("near-east", (4700, -1700), point_kw=None), site("at-seam", (300, 4990), point_kw=None)]
    toy = ring(dual=False)
    rule = policy().rules[0].model_copy(update={"network": "expressway"})
    graph = toy.graph()
    context = RoadContext(inputs_of(sites), graph, tuple(find_routes(graph)), None)
    assert assess_spacing(context, rule)[0].survey["id"].tolist() == ["at-seam", "near-east"]


def test_the_longest_gap_has_no_upper_bound_while_a_gap_is_open():
    """A road of 60 km that goes on beyond the data, sites at 20 and 40: at least 20 km, perhaps more."""
    toy = Toy(n=(0, 60_000), s=(0, 0)).road("n s", "G207")
    finding = judged(toy, [site("a", (0, 40_000)), site("b", (0, 20_000))], statistic="gap_max")
    assert finding.low == pytest.approx(20, rel=1e-2)
    assert finding.status == "undecided"
    closed = (
        Toy(n=(0, 60_000), s=(0, 0), w=(-900, 60_000), e=(900, 0)).road("n s", "G207").road("w n").road("s e")
    )
    finding = judged(closed, [site("a", (0, 40_000)), site("b", (0, 20_000))], statistic="gap_max")
    assert finding.high == pytest.approx(20, rel=1e-2)
    assert finding.status == "met"


def test_a_road_whose_only_site_is_of_unknown_quality():
    """60 km, one site at 30: 60 km a site if it counts, none at all if it does not."""
    toy = (
        Toy(n=(0, 60_000), s=(0, 0), w=(-900, 60_000), e=(900, 0)).road("n s", "G207").road("w n").road("s e")
    )
    unknown = [site("a", (0, 30_000), point_kw=None)]
    finding = judged(toy, unknown)
    assert (finding.low, finding.high) == (pytest.approx(60, rel=1e-2), math.inf)
    longest = judged(toy, unknown, statistic="gap_max")
    assert (longest.low, longest.high) == (pytest.approx(30, rel=1e-2), pytest.approx(60, rel=1e-2))


@pytest.mark.parametrize(("closed", "high"), [(False, 1.0), (True, 0.0)])
def test_a_road_without_a_site_in_the_data_may_be_covered_from_beyond_them(closed, high):
    """30 km that go on beyond the data: sites may stand there. Between two cross streets there are none."""
    toy = Toy(n=(0, 30_000), s=(0, 0), w=(-900, 30_000), e=(900, 0)).road("n s", "G207")
    finding = covered(toy.road("w n").road("s e") if closed else toy, [])
    assert (finding.figures["route_low"], finding.figures["route_high"]) == (0.0, high)


def test_a_short_road_without_any_site_is_in_a_class_of_its_own():
    """G207 of 20 km has no site: no gap of under 25 km, but none at all; G208 of 60 km is a gap. Sites on S310."""
    toy = Toy(a=(0, 20_000), b=(0, 0), c=(9000, 60_000), d=(9000, 0), e=(20_000, 30_000), f=(20_000, 0))
    toy = toy.road("a b", "G207").road("c d", "G208").road("e f", "S310").road("b d f")
    rule = policy().rules[0]
    graph = toy.graph()
    context = RoadContext(inputs_of([site("x", (20_000, 15_000))]), graph, tuple(find_routes(graph)), None)
    spacing = assess_spacing(context, rule)[1]
    gaps = gap_frame(context, rule, rule.network, spacing)
    classes = gaps.groupby("ref")["spacing_class"].agg(set).to_dict()
    assert classes["G207"] == {"no_site"}
    assert classes["G208"] == {"gap"}
    assert "no_site" not in classes["S310"]


# -- reach ---------------------------------------------------------------------------------------------------


def test_reach_by_driving_time():
    """Primary road, 65 km/h assumed: 10 minutes are 10.8 km. Demand at 10 km is in reach, at 12 km is not."""
    toy = Toy(a=(0, 0), b=(20_000, 0)).road("a b", "G320")
    text = """
[[rule]]
id = "reach"
kind = "demand_reach"
title = { zh = "可达", en = "reach" }
reach_min = 10
site = { dc_min_kw = 60 }
target = { share_min = 1.0 }
"""
    tables = inputs_of([site("a", (0, 0))])
    places = gpd.GeoDataFrame(
        {"id": ["near", "far"], "weight": [3.0, 1.0], "county": [None, None], "inside": [True, True]},
        geometry=[Point(lonlat(x, 0)) for x in (10_000, 12_000)],
        crs=4326,
    )
    finding, demand = assess_reach(replace(tables, demand=places), toy.graph(), policy(text).rules[1])
    assert (finding.low, finding.high) == (0.75, 0.75)
    assert demand["reached"].tolist() == ["yes", "no"]
    assert finding.figures["reach_min"] == 10.0
    with pytest.raises(InputError, match="either reach_km"):
        policy(text.replace("reach_min", "reach_km = 5\nreach_min"))


def test_demand_that_is_lost_is_unknown_not_out_of_reach():
    """Of 10 people 4 live at the site, 3 are 20 km off, 3 more than 1 km from any road: 0.4 to 0.7."""
    toy = Toy(a=(0, 0), b=(20_000, 0)).road("a b", "G320")
    text = """
[[rule]]
id = "reach"
kind = "demand_reach"
title = { zh = "可达", en = "reach" }
reach_km = 10
site = { dc_min_kw = 60 }
target = { share_min = 0.5 }
"""
    places = gpd.GeoDataFrame(
        {
            "id": ["near", "out", "lost"],
            "weight": [4.0, 3.0, 3.0],
            "county": ["A", "A", "B"],
            "inside": [True] * 3,
        },
        geometry=[Point(lonlat(*xy)) for xy in ((0, 0), (20_000, 0), (0, 1_500))],
        crs=4326,
    )
    tables = replace(inputs_of([site("a", (0, 0))]), demand=places)
    finding, demand = assess_reach(tables, toy.graph(), policy(text).rules[1])
    assert demand["reached"].tolist() == ["yes", "no", "unknown"]
    assert (finding.low, finding.high) == pytest.approx((0.4, 0.7))
    assert demand["distance_m"].tolist() == pytest.approx(
        [0.0, 20_000.0, math.nan],
        rel=1e-3,
        abs=0.01,
        nan_ok=True,  # projections differ by a micrometre
    )
    nobody = replace(tables, demand=places.assign(weight=0.0))
    none, _ = assess_reach(nobody, toy.graph(), policy(text).rules[1])
    assert (none.low, none.high, none.status) == (None, None, "undecided")
    assert finding.status == "undecided"
    assert finding.counts == {"yes": 4.0, "unknown": 3.0, "no": 3.0}
    assert finding.survey["id"].tolist() == ["lost"]
    assert finding.table.set_index("county").loc["B", ["low", "high"]].tolist() == [0.0, 1.0]


def test_frames_hold_metres_and_tables_kilometres():
    """Gaps of the frames add up to the driven road to the micrometre; the tables have them to the metre."""
    toy = Toy(a=(0, 0), b=(0, 100_000)).road("a b", "G320")
    graph = toy.graph()
    tables = inputs_of([site("x", (0, 12_345.6789)), site("y", (0, 55_555.5555))])
    found = assess(policy(), tables, graph, find_routes(graph), None)
    drive = find_routes(graph)[0].sections[0].drives[0]
    metres = found.gaps[(found.gaps["rule"] == policy().rules[0].id) & (found.gaps["direction"] == "forward")]
    assert metres["length_m"].sum() == pytest.approx(drive.length_m, abs=1e-6)
    assert not np.allclose(metres["length_m"], metres["length_m"].round(0), atol=1e-3)
    shown = in_kilometres(found.gaps).loc[metres.index, "length_km"]
    assert shown.tolist() == [round(x / 1000, 3) for x in metres["length_m"]]


def test_each_gap_has_an_id_of_its_own_that_stays():
    """Route and five letters of what the gap is, by whole metres; others where anything of it differs."""
    rows = [
        ("spacing", "G106", 1, "forward", 8996.4, 68754.6),
        ("spacing", "G106", 1, "backward", 8996.4, 68754.6),
        ("spacing", "G106", 1, "forward", 0.0, 0.2),
        ("spacing", "G106", 1, "forward", 0.3, 0.4),
        ("fast", "G106", 1, "forward", 8996.4, 68754.6),
        ("fast", "E 18/环线", 1, "forward", 8996.4, 68754.6),
    ]
    gaps = pd.DataFrame(
        rows, columns=["rule", "ref", "section", "direction", "from_m", "to_m"], index=[7, 3, 5, 1, 2, 0]
    )
    given = GapIds()
    found = given.of(gaps)
    assert found.index.tolist() == [7, 3, 5, 1, 2, 0]
    assert found.tolist() == [
        "G106-PRXGT", "G106-MCRN2", "G106-56ZGZ", "G106-8F4CX", "G106-B6MYD", "E18-1JE74",
    ]  # fmt: skip
    assert given.of(gaps.iloc[:0]).tolist() == []
    # Another state, in which all but two gaps are gone, some millimetres apart: they keep their ids.
    later = gaps.loc[[0, 7]].assign(from_m=8996.41)
    assert given.of(later).tolist() == GapIds().of(later).tolist() == found.loc[[0, 7]].tolist()


def test_gaps_that_would_have_the_same_id_are_told_apart_in_every_state(monkeypatch):
    """The second has a number, and has it where the first is gone, too."""
    monkeypatch.setattr("plugspan.rules.gap_ids.letters", lambda what: "AAAAA")
    gaps = pd.DataFrame(
        {
            "rule": "spacing",
            "ref": "G106",
            "section": 1,
            "direction": "forward",
            "from_m": [0.0, 5.0, 7.0],
            "to_m": 9.0,
        }
    )
    given = GapIds()
    assert given.of(gaps.iloc[:2]).tolist() == ["G106-AAAAA", "G106-AAAAA-2"]
    assert given.of(gaps.iloc[1:]).tolist() == ["G106-AAAAA-2", "G106-AAAAA-3"]
