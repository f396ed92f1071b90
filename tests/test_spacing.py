"""Spacing: gaps, classes, ends, regions, rings, shared roads. Kilometres in comments, metres in code."""

from __future__ import annotations

import math
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.measure.spacing import find_spacing, gap_paths, length_by_area
from plugspan.measure.spacing_gaps import _bounds, length_class
from plugspan.network.access import Access, find_access
from plugspan.network.routes import RoadIndex, find_routes, network_length_m
from plugspan.network.snapping import snap
from pyproj import Geod
from test_routes import every_km, ring
from toy import Toy, lonlat

GEOD = Geod(ellps="WGS84")


def box(x0, y0, x1, y1):
    return shapely.box(*lonlat(x0, y0), *lonlat(x1, y1))


def measure(toy, sites, qualifies=None, **options):
    graph = toy.graph()
    index, routes = RoadIndex(graph), find_routes(graph)
    points = lonlat(*np.array(sites, dtype=float).reshape(-1, 2).T)
    access = find_access(index, routes, snap(graph, points), points)
    return find_spacing(index, routes, access, qualifies, **options), index, routes


def road(length=120_000, **more):
    """A road from north to south, with a crossing at each end so that its ends are true ends."""
    toy = Toy(n=(0, length), s=(0, 0), nw=(-5000, length), se=(5000, 0))
    return toy.road("n s", "G207").road("nw n").road("s se")


def at_km(*km, length=120_000):
    return [(0, length - k * 1000) for k in km]


def forward(spacing):
    return spacing.gaps[spacing.gaps["direction"] == "forward"]


# -- gaps ----------------------------------------------------------------------------------------------------


def test_gaps_by_hand():
    """Sites at 10, 40 and 80 of 120 km: 10 (start), 30, 40, 40 (end).

    Between sites: mean and median 35, P90 39, longest 40. The average stands beside the longest gap.
    """
    spacing, *_ = measure(road(), at_km(10, 40, 80))
    gaps = forward(spacing)
    assert gaps["kind"].tolist() == ["start", "between", "between", "end"]
    assert gaps["length_m"].to_numpy() / 1000 == pytest.approx([10, 30, 40, 40], rel=1e-3)
    row = spacing.by_direction.iloc[0]
    assert row[["gap_mean_m", "gap_median_m", "gap_p90_m", "gap_max_m"]].tolist() == pytest.approx(
        [35000, 35000, 39000, 40000], rel=1e-3
    )
    assert row["length_per_site_m"] == pytest.approx(40000, rel=1e-3)
    assert row["sites"] == 3
    assert not row["gap_max_open"]


def test_a_site_at_the_very_end_has_no_gap_behind_it():
    """Sites at 0, 40 and 120 of 120 km: two gaps, none of no length."""
    spacing, *_ = measure(road(), at_km(0, 40, 120))
    gaps = forward(spacing)
    assert gaps["kind"].tolist() == ["between", "between"]
    assert gaps["length_m"].to_numpy() / 1000 == pytest.approx([40, 80], rel=1e-3)


def test_both_directions_and_driving_order():
    """Backward gaps run from high to low chainage, from site to site as one drives."""
    spacing, *_ = measure(road(), at_km(10, 40, 80))
    back = spacing.gaps[spacing.gaps["direction"] == "backward"]
    assert back["kind"].tolist() == ["start", "between", "between", "end"]
    assert back["length_m"].to_numpy() / 1000 == pytest.approx([40, 40, 30, 10], rel=1e-3)
    assert back["from_site"].tolist()[1:] == [2, 1, 0]
    assert back["to_site"].tolist()[:3] == [2, 1, 0]
    assert (back["from_m"] > back["to_m"]).all()
    assert pd.isna(back["from_site"].iloc[0])


def test_classes_add_up():
    """10 + 24 | 26 + 39 | 42: class 0 holds 34, class 1 holds 65, class 2 the rest; halves by direction."""
    spacing, *_ = measure(road(141_000), at_km(10, 34, 60, 99, length=141_000))
    route = spacing.by_route.iloc[0]
    assert route[["class_0_m", "class_1_m", "class_2_m", "no_site_m"]].to_numpy(
        dtype=float
    ) / 1000 == pytest.approx([34, 65, 42, 0], rel=2e-3, abs=1e-6)
    assert route[spacing.class_columns].sum() == pytest.approx(route["length_m"])
    assert route["length_m"] == pytest.approx(141_000, rel=1e-3)


@pytest.mark.parametrize(
    ("length", "expected"), [(24_999.99, 0), (25_000, 1), (40_000, 1), (40_000.0004, 1), (40_000.01, 2)]
)
def test_class_limits(length, expected):
    """Below 25; from 25 to 40, both included; above 40. Compared to the millimetre."""
    assert length_class(np.array([length]), (25_000.0, 40_000.0))[0] == expected


def test_no_site_is_no_division_by_zero():
    """Without sites there is one whole gap, no length per site, and nothing is covered, however short."""
    spacing, *_ = measure(road(20_000), [])
    assert spacing.gaps["kind"].tolist() == ["whole", "whole"]
    assert spacing.by_route["length_per_site_m"].isna().all()
    assert spacing.network["covered_high"] == 0.0
    assert spacing.network["no_site_m"] == pytest.approx(20_000, rel=1e-3)
    assert spacing.network["gap_max_m"] == pytest.approx(20_000, rel=1e-3)
    long, *_ = measure(road(90_000), [])
    assert long.network["class_2_m"] == pytest.approx(90_000, rel=1e-3)


def test_no_routes_at_all():
    """A region without such roads has zero length and empty tables."""
    spacing, *_ = measure(Toy(a=(0, 0), b=(0, 5000)).road("a b"), [(0, 0)])
    assert spacing.gaps.empty
    assert spacing.by_route.empty
    assert spacing.network["length_m"] == 0.0
    assert math.isnan(spacing.network["covered_low"])


def test_sites_that_dont_qualify_close_no_gap():
    """With the middle site left out its two gaps become one; strict and lenient are two calls."""
    sites = at_km(10, 40, 80)
    strict, *_ = measure(road(), sites, [True, False, True])
    assert forward(strict)["length_m"].to_numpy() / 1000 == pytest.approx([10, 70, 40], rel=1e-3)
    assert strict.network["sites"] == 2
    lenient, *_ = measure(road(), sites, [True, True, True])
    assert lenient.network["covered_low"] >= strict.network["covered_low"]


def test_sites_at_one_place_make_no_gap():
    """Two sites that leave the road at the same place count twice for length per site, and no gap of 0 arises."""
    spacing, *_ = measure(road(), [*at_km(60), *at_km(60)])
    assert forward(spacing)["kind"].tolist() == ["start", "end"]
    assert spacing.network["sites"] == 2
    assert spacing.network["gaps"] == 0


def test_covered_share_is_the_share_of_length_in_gaps_within_the_span():
    """10 + 30 + 60 + 20 of 120 km, span 40: 60 of 120 km."""
    spacing, *_ = measure(road(), at_km(10, 40, 100), span_m=40_000)
    assert spacing.network["covered_low"] == pytest.approx(0.5, rel=1e-3)
    assert spacing.network["covered_high"] == pytest.approx(0.5, rel=1e-3)


# -- ends and regions ----------------------------------------------------------------------------------------


def test_open_ends_are_at_least_so_long():
    """20 + 39 + 41 km, open at both ends: covered is 39 for sure, 59 at best (41 is above the span anyway).

    The 20 km are in no class: nobody knows what they belong to.
    """
    toy = Toy(n=(0, 100_000), s=(0, 0)).road("n s", "G207")
    spacing, *_ = measure(toy, at_km(20, 59, length=100_000))
    gaps = forward(spacing)
    assert gaps["open_start"].tolist() == [True, False, False]
    assert gaps["open_end"].tolist() == [False, False, True]
    assert spacing.network["covered_low"] == pytest.approx(0.39, rel=1e-3)
    assert spacing.network["covered_high"] == pytest.approx(0.59, rel=1e-3)
    assert spacing.network["open_m"] == pytest.approx(20_000, rel=1e-3)
    assert spacing.network["class_2_m"] == pytest.approx(41_000, rel=1e-3)
    assert gaps["own_open"].tolist() == [True, False, True]


def test_sites_in_the_halo_close_gaps():
    """Region from 40 to 80 of 120 km, sites at 30, 60 and 95: gaps of 30 and 35 km, of which 20 and 20 inside.

    One site inside: 40 km per site. The site at 30 and 95 close the gaps but don't count.
    """
    spacing, *_ = measure(road(), at_km(30, 60, 95), region=box(-9000, 40_000, 9000, 80_000))
    gaps = forward(spacing)
    assert gaps["length_m"].to_numpy() / 1000 == pytest.approx([30, 35], rel=1e-3)
    assert gaps["inside_m"].to_numpy() / 1000 == pytest.approx([20, 20], rel=2e-3)
    assert spacing.network["length_m"] == pytest.approx(40_000, rel=2e-3)
    assert spacing.network["sites"] == 1
    assert spacing.network["class_1_m"] == pytest.approx(40_000, rel=2e-3)


def test_route_that_leaves_and_re_enters():
    """Inside 0-30 and 90-120 km; one gap from 20 to 100 runs outside: 10 + 10 km are the region's, the rest is not."""
    region = shapely.union(box(-9000, 90_000, 9000, 130_000), box(-9000, -9000, 9000, 30_000))
    spacing, *_ = measure(road(), at_km(20, 100), region=region)
    middle = forward(spacing).iloc[1]
    assert middle["length_m"] == pytest.approx(80_000, rel=1e-3)
    assert middle["inside_m"] == pytest.approx(20_000, rel=5e-3)
    assert middle["own_m"] == pytest.approx(20_000, rel=5e-3)
    assert spacing.network["shared_m"] == pytest.approx(20_000, rel=5e-3)


def test_region_without_the_route():
    """Nothing inside: no gaps, no length."""
    spacing, *_ = measure(road(), at_km(20), region=box(50_000, 0, 60_000, 1000))
    assert spacing.gaps.empty
    assert spacing.network["length_m"] == 0.0


def test_length_by_county():
    """The border at 60 km cuts a gap: each county gets its part, in the class of the whole gap."""
    spacing, index, routes = measure(road(), at_km(10, 40, 90))
    counties = gpd.GeoDataFrame(
        geometry=[box(-9000, 60_000, 9000, 130_000), box(-9000, -9000, 9000, 60_000)],
        index=["north", "south"],
    )
    table = length_by_area(index, routes, spacing, counties)
    assert table.loc["north", ["class_0_m", "class_1_m", "class_2_m"]].to_numpy() / 1000 == pytest.approx(
        [10, 30, 20], rel=5e-3
    )
    assert table.loc["south", ["class_0_m", "class_1_m", "class_2_m"]].to_numpy() / 1000 == pytest.approx(
        [0, 30, 30], rel=5e-3, abs=1e-6
    )
    assert table["length_m"].sum() == pytest.approx(spacing.network["length_m"], rel=1e-3)


# -- rings and shared roads ----------------------------------------------------------------------------------


def test_ring_closes_on_the_first_site():
    """A ring of 31.4 km with sites at opposite sides: two gaps of half the ring, one of them over the seam."""
    spacing, *_ = measure(ring(dual=False), [(4990, 0), (-4990, 0)])
    gaps = forward(spacing)
    whole = gaps["length_m"].sum()
    assert gaps["kind"].tolist() == ["between", "ring"]
    assert gaps["length_m"].to_numpy() == pytest.approx([whole / 2, whole / 2], rel=1e-2)
    assert whole == pytest.approx(36 * 871.56, rel=1e-3)
    assert spacing.network["class_0_m"] == pytest.approx(whole, rel=1e-3)


def test_one_site_on_a_ring():
    """One site: the gap is the whole ring, from the site to itself."""
    spacing, *_ = measure(ring(dual=True), [(5000, 500)])
    gaps = spacing.gaps
    assert gaps["kind"].tolist()[:1] == ["ring"]
    assert gaps["from_site"].tolist()[:1] == gaps["to_site"].tolist()[:1] == [0]
    assert gaps["length_m"].iloc[0] == pytest.approx(31_300, rel=5e-3)


def test_one_place_at_the_seam_of_a_ring():
    """Sites at 0 and at the whole length, to less than half a millimetre, are one place: it is named once."""
    drive = SimpleNamespace(start_m=0.0, end_m=100.0, ring=True)
    for last_m, low, sites in (
        (100.0, [0, 50], [[7, 8], [8, 7]]),
        (99.9996, [0, 50], [[7, 8], [8, 7]]),
        (99.99, [0, 50, 99.99], [[7, 8, 9], [8, 9, 7]]),
    ):
        held = SimpleNamespace(drive=drive, site_m=np.array([0.0, 50.0, last_m]), site=np.array([7, 8, 9]))
        found_low, high, site, kind = _bounds(held)
        assert (found_low.tolist(), site.tolist()) == (low, sites)
        assert high.tolist() == [*low[1:], 100]
        assert kind.tolist() == ["between"] * (len(low) - 1) + ["ring"]


def test_ring_partly_in_the_region():
    """The eastern half of a ring inside: half of its length counts, over the seam too."""
    spacing, *_ = measure(ring(dual=False), [(-4990, 0)], region=box(0, -9000, 9000, 9000))
    assert spacing.network["length_m"] == pytest.approx(36 * 871.56 / 2, rel=5e-3)
    assert spacing.network["sites"] == 0


def shared_road():
    """G207 from north to south, 100 km; G320 joins it for the middle 20 km."""
    toy = Toy(n=(0, 100_000), p=(0, 60_000), q=(0, 40_000), s=(0, 0), w=(-30_000, 60_000), e=(30_000, 40_000))
    return (
        toy.road("n p", "G207")
        .road("p q", "G207;G320")
        .road("q s", "G207")
        .road("w p", "G320")
        .road("q e", "G320")
    )


def test_shared_road_counts_once_with_its_longest_gap():
    """Sites on G207 at km 30 and 70, none on G320's arms: by G207 a gap of 40, by G320 a whole of 80 km.

    Network: 100 + 60 km; the shared 20 km count once, with the longer (80 km without a site: above 40). The ends of
    G207, 30 km each, are open.
    """
    spacing, index, routes = measure(shared_road(), [(0, 70_000), (0, 30_000)])
    assert spacing.by_route["length_m"].to_numpy() == pytest.approx([100_000, 80_000], rel=2e-3)
    assert spacing.network["length_m"] == pytest.approx(160_000, rel=2e-3)
    assert spacing.network["length_m"] == pytest.approx(network_length_m(index.graph, routes), rel=1e-6)
    assert spacing.network["class_2_m"] == pytest.approx(80_000, rel=2e-3)
    assert spacing.network["class_1_m"] == pytest.approx(20_000, rel=2e-3)
    assert spacing.network["open_m"] == pytest.approx(60_000, rel=2e-3)
    assert spacing.network[spacing.class_columns].sum() == pytest.approx(spacing.network["length_m"])


def test_a_shared_road_that_two_routes_count_from_opposite_ends():
    """G207 counts from the north, G320 from the east, so up the shared road: each gap lies where it is driven.

    A site 5 km into the shared 20 km. Too long are G207 north of it (45 km) and G320 south of it (45 km), so all of
    the shared road: 40 + 20 + 30 km. The arm to the west and 18 km of G207 lie in gaps of 35 and 33 km.
    """
    ends = [(0, 100_000), (0, 22_000), (0, 0), (30_000, 40_000), (-30_000, 60_000)]
    spacing, *_ = measure(shared_road(), [(0, 55_000), *ends])
    found = spacing.network[["class_0_m", "class_1_m", "class_2_m"]].to_numpy(float)
    assert found == pytest.approx([22_000, 48_000, 90_000], rel=2e-3)


def test_a_site_on_a_shared_road_is_one_site_of_the_network():
    """On the shared stretch it serves both routes, and counts once for the network."""
    spacing, *_ = measure(shared_road(), [(0, 50_000)])
    assert spacing.by_route["sites"].tolist() == [1, 1]
    assert spacing.network["sites"] == 1
    assert spacing.network["length_per_site_m"] == pytest.approx(160_000, rel=2e-3)


# -- evidence ------------------------------------------------------------------------------------------------


def test_gap_lines_are_as_long_as_their_gaps():
    """The drawn evidence of each gap has the gap's length and names its edges."""
    toy = Toy(n=(0, 90_000), m=(20_000, 60_000), s=(0, 0), k=(40_000, 60_000))
    toy.road("n m s", "G207", via=every_km(toy, "n m s")).road("m k")
    spacing, index, routes = measure(toy, [(10_000, 75_000), (10_000, 30_000)])
    lines, edges = gap_paths(index, routes, spacing.gaps)
    lengths = [GEOD.geometry_length(line) for line in lines]
    assert lengths == pytest.approx(spacing.gaps["length_m"].tolist(), rel=1e-4)
    assert [len(e) for e in edges] == [1, 2, 1, 1, 2, 1]


@given(st.lists(st.floats(0, 120), max_size=8), st.floats(0, 60), st.floats(70, 125))
@settings(max_examples=30)
def test_gaps_tile_the_route(km, low, high):
    """Whatever the sites and the region: gaps follow each other without hole, and lengths add up to the part inside."""
    region = box(-9000, (120 - high) * 1000, 9000, (120 - low) * 1000)
    spacing, *_ = measure(road(), at_km(*km), region=region)
    gaps = forward(spacing)
    assert gaps["from_m"].to_numpy()[1:] == pytest.approx(gaps["to_m"].to_numpy()[:-1], abs=1.01)
    inside = (min(high, 120) - low) * 1000
    assert gaps["inside_m"].sum() == pytest.approx(inside, rel=2e-3, abs=5)
    assert spacing.network["length_m"] == pytest.approx(inside, rel=2e-3, abs=5)
    for frame in (spacing.by_route, spacing.by_direction):
        assert frame[spacing.class_columns].sum(axis=1).to_numpy() == pytest.approx(
            frame["length_m"].to_numpy()
        )


def test_access_table_alone_is_enough():
    """Spacing needs chainages only: proposed sites can be put in as rows."""
    graph = road().graph()
    index, routes = RoadIndex(graph), find_routes(graph)
    served = pd.DataFrame(
        {"site": [5], "ref": ["G207"], "section": [1], "direction": ["forward"], "chainage_m": [50_000.0]}
    )
    spacing = find_spacing(index, routes, Access(served, pd.DataFrame(), 3000.0))
    assert forward(spacing)["to_site"].iloc[0] == 5
    assert spacing.gaps["kind"].tolist() == ["start", "end", "whole"]
