"""Findings: intervals from yes, unknown and no, worked by hand and by brute force."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from plugspan.inputs import CHARGERS, FACILITIES, as_table, group_sites
from plugspan.rules.berths import assess_berths, berth_membership, co2_avoided_t
from plugspan.rules.calls import assess_calls
from plugspan.rules.finding import Finding, ratio_ends, share_bounds
from plugspan.rules.fleet import assess_fleet
from plugspan.rules.inventory import assess_inventory
from plugspan.rules.model import EmissionFactors
from plugspan.rules.parking import assess_parking, ev_share
from plugspan.rules.policy import read_policy

RULES = {rule.id: rule for rule in read_policy("zhuzhou-2025").rules}


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 9), st.booleans()), max_size=6)
)
def test_ratio_bounds_are_the_extremes_over_all_ways_to_decide_the_unknowns(rows):
    """Brute force over every subset of the optional rows gives the same interval."""
    low = np.array([min(a, b, w) for a, b, w, _ in rows], float)
    high = np.array([min(max(a, b), w) for a, b, w, _ in rows], float)
    whole = np.array([w for *_, w, _ in rows], float)
    certain = np.array([c for *_, c in rows], bool)
    found = ratio_ends(low, high, whole, certain)
    values = []
    for chosen in itertools.product([False, True], repeat=int((~certain).sum())):
        belongs = certain.copy()
        belongs[~certain] = chosen
        if belongs.any():
            values.append(
                (low[belongs].sum() / whole[belongs].sum(), high[belongs].sum() / whole[belongs].sum())
            )
    if not values:
        assert found is None
    else:
        ends = tuple(end.value for end in found)
        assert ends == pytest.approx((min(v[0] for v in values), max(v[1] for v in values)))


def test_an_empty_population_gives_no_number():
    """Nothing to measure is neither 0 nor 100 %."""
    assert share_bounds(pd.Series([], dtype=object)) == (None, None, {"yes": 0.0, "unknown": 0.0, "no": 0.0})


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [
        (1.0, 1.0, "met"),
        (0.9, 1.0, "undecided"),
        (0.2, 0.9, "not met"),
        (None, None, "undecided"),
        (1 - 1e-12, 1.0, "met"),
        (1.0, None, "met"),
        (None, 0.9, "not met"),
    ],
)
def test_a_rule_is_met_only_if_every_way_to_fill_the_unknown_meets_it(low, high, status):
    """Shares: the interval against the target."""
    assert Finding(RULES["berth-shore-power"], "share", low, high).status == status


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [
        (20, 39, "met"),
        (30, 41, "undecided"),
        (41, 50, "not met"),
        (41, None, "not met"),
        (None, 39, "met"),
        (30, 40.0000004, "met"),  # the same to the millimetre
        (40.000001, 41, "not met"),
    ],
)
def test_spacing_is_better_when_smaller(low, high, status):
    """Kilometres per site: the target is an upper limit."""
    assert Finding(RULES["ordinary-highway-spacing"], "km", low, high).status == status


@pytest.mark.parametrize(
    ("low", "high", "over", "shown"),
    [(30, 39, 0, "met"), (30, 39, 2, "met on average"), (30, 41, 2, "undecided"), (41, 42, 2, "not met")],
)
def test_an_average_that_hides_gaps_is_never_plainly_met(low, high, over, shown):
    """The status stays what the target says; what is shown tells that there are gaps."""
    finding = Finding(RULES["ordinary-highway-spacing"], "km", low, high, figures={"own_gaps_over": over})
    assert finding.shown == shown
    assert finding.status == shown.removesuffix(" on average")


def test_a_share_of_length_is_no_average():
    """A share that is reached is met, whatever gaps a route has: roads beside it may cover them."""
    finding = Finding(
        RULES["ordinary-highway-fast-coverage"], "share", 1.0, 1.0, figures={"own_gaps_over": 2}
    )
    assert finding.shown == "met"


def test_a_rule_without_a_target_has_no_status():
    """Report-only rules are neither met nor missed."""
    assert Finding(RULES["shore-power-use"], "share", 0.1, 0.2).status is None


def berths(**columns):
    n = len(next(iter(columns.values())))
    base = {
        "id": [f"b{i}" for i in range(n)],
        "name": [None] * n,
        "port": ["P"] * n,
        "class_t": [2000.0] * n,
        "structure_class_t": [None] * n,
        "length_m": [100.0] * n,
        "cargo": ["bulk"] * n,
        "status": ["operational"] * n,
        "shore_power": [None] * n,
        "inside": [True] * n,
    }
    return gpd.GeoDataFrame(
        {**base, **columns}, geometry=gpd.points_from_xy([113.0] * n, [27.0] * n), crs=4326
    )


def test_which_berths_count():
    """Below 1000 t, liquid cargo and berths not in operation don't count; a missing class or cargo is unknown."""
    frame = berths(
        class_t=[999.0, 1000.0, None, 3000.0, 3000.0, 3000.0, 3000.0],
        cargo=["bulk", "bulk", "bulk", "oil", None, "bulk", "bulk"],
        status=["operational", "operational", "operational", "operational", "operational", "planned", None],
    )
    expected = ["no", "yes", "unknown", "no", "unknown", "no", "yes"]
    assert berth_membership(frame, RULES["berth-shore-power"].berth).tolist() == expected


def test_the_structural_class_does_not_make_a_berth_bigger():
    """A 500 t berth whose structure is fit for 2000 t is a 500 t berth."""
    frame = berths(class_t=[500.0], structure_class_t=[2000.0])
    assert berth_membership(frame, RULES["berth-shore-power"].berth).tolist() == ["no"]


def test_berth_share_by_hand():
    """Counted: yes, no, unknown; a berth of unknown class without shore power may lower the share.

    low: (1 + 0) / (3 + 1) = 0.25; high: the optional berth stays out, (1 + 1) / 3.
    """
    finding = assess_berths(
        berths(class_t=[1000.0, 2000.0, 3000.0, None], shore_power=[True, False, None, False]),
        RULES["berth-shore-power"],
    )
    assert (finding.low, finding.high) == pytest.approx((0.25, 2 / 3))
    assert finding.status == "not met"
    assert finding.counts == {"yes": 1, "unknown": 1, "no": 1}
    assert finding.survey["id"].tolist() == ["b3", "b2"]


def test_berths_outside_the_region_do_not_count():
    """The halo closes gaps of roads; it adds no berths."""
    finding = assess_berths(
        berths(shore_power=[True, False], inside=[True, False]), RULES["berth-shore-power"]
    )
    assert (finding.low, finding.high, finding.status) == (1.0, 1.0, "met")


def test_no_berths_at_all():
    """A region without berths: nothing to measure."""
    finding = assess_berths(berths(shore_power=[True]).iloc[:0], RULES["berth-shore-power"])
    assert (finding.low, finding.high, finding.status) == (None, None, "undecided")


def test_co2_avoided_is_the_method_s_figure():
    """0.215 × 3.206 − 0.4900 = 0.199 kg/kWh."""
    factors = read_policy("zhuzhou-2025").emissions
    assert co2_avoided_t(1_000_000, factors) == pytest.approx(199.29)
    assert "湖南" in factors.source
    assert np.isnan(co2_avoided_t(1_000_000, EmissionFactors()))


def test_use_rate_counts_calls_able_to_connect():
    """b0 has shore power: two able calls, one connected; a short stay and a tanker don't count; b1 has none."""
    calls = pd.DataFrame(
        {
            "berth": ["b0", "b0", "b0", "b0", "b1"],
            "hours": [10.0, 5.0, 1.0, 9.0, 9.0],
            "able": [True] * 5,
            "ship_kind": ["dry_cargo", "dry_cargo", "dry_cargo", "liquid_cargo", "dry_cargo"],
            "connected": [True, False, True, True, True],
        }
    )
    finding = assess_calls(calls, berths(shore_power=[True, False]), RULES["shore-power-use"])
    assert (finding.low, finding.high) == (0.5, 0.5)


def test_calls_at_berths_outside_the_region_are_not_its_own():
    """b1 lies in the halo: its call is not counted; that of a berth that nobody knows may be the region's."""
    calls = pd.DataFrame(
        {
            "berth": ["b0", "b1", "b9"],
            "hours": [10.0, 9.0, 9.0],
            "able": [True] * 3,
            "ship_kind": ["dry_cargo"] * 3,
            "connected": [True, False, False],
        }
    )
    there = berths(shore_power=[True, True], inside=[True, False])
    finding = assess_calls(calls, there, RULES["shore-power-use"])
    assert (finding.low, finding.high) == (0.5, 1.0)
    assert finding.table["berth"].tolist() == ["b0", "b9"]


def test_a_call_that_connected_was_able_to():
    """The berth's entry and the ship's equipment are missing; one call connected all the same, one is unknown.

    The first counts for sure and is a yes; the second may count, as a yes or a no: between 1/2 and 1.
    """
    calls = pd.DataFrame(
        {
            "berth": ["b0", "b0"],
            "hours": [10.0, 5.0],
            "able": pd.array([pd.NA, pd.NA], dtype="boolean"),
            "ship_kind": ["dry_cargo", "dry_cargo"],
            "connected": pd.array([True, pd.NA], dtype="boolean"),
        }
    )
    finding = assess_calls(calls, berths(shore_power=[None]), RULES["shore-power-use"])
    assert (finding.low, finding.high) == (0.5, 1.0)
    assert finding.may_count == {"yes": 0.0, "unknown": 1.0, "no": 0.0}


def car_parks(**columns):
    n = len(next(iter(columns.values())))
    base = {
        "id": [f"c{i}" for i in range(n)],
        "park_type": ["new"] * n,
        "status": [None] * n,
        "inside": [True] * n,
    }
    return gpd.GeoDataFrame(
        {**base, **columns}, geometry=gpd.points_from_xy([113.0] * n, [27.0] * n), crs=4326
    )


COUNTIES = pd.DataFrame({"name": ["a", "b"], "registered_ev": [5.0, 15.0], "registered_cars": [100.0, 100.0]})


def test_car_park_margin_by_hand():
    """EV share 20 / 200 = 0.10. Ready 30 + (0 … 50) of 150 → 0.2 … 0.5333; margin 0.1 … 0.4333: met."""
    finding = assess_parking(
        car_parks(
            spaces=[100, 50, 70], ready_spaces=[30, None, 0], park_type=["new", "ancillary", "existing"]
        ),
        COUNTIES,
        RULES["car-park-readiness"],
    )
    assert (finding.low, finding.high) == pytest.approx((0.1, 80 / 150 - 0.1))
    assert finding.status == "met"


def test_unknown_registrations_decide_nothing():
    """A county without figures leaves the margin open instead of counting as zero."""
    counties = COUNTIES.assign(registered_ev=[5.0, None])
    assert ev_share(counties) is None
    finding = assess_parking(
        car_parks(spaces=[100], ready_spaces=[30]), counties, RULES["car-park-readiness"]
    )
    assert (finding.low, finding.status) == (None, "undecided")


def test_car_parks_without_a_size_are_listed_not_guessed():
    """A car park without a number of spaces can't be weighed; it is counted as left out and to be surveyed."""
    finding = assess_parking(
        car_parks(spaces=[100, None], ready_spaces=[30, 10]), COUNTIES, RULES["car-park-readiness"]
    )
    assert finding.figures["car_parks_without_spaces"] == 1
    assert finding.survey["id"].tolist() == ["c1"]


def test_only_what_is_in_operation_is_installed():
    """4 points of 60 kW run, 4 are planned, of a third site nobody knows how many points it has."""
    pile = {"current": "dc", "point_kw": 60.0, "points": 4, "county": "A"}
    rows = [{"id": "a"}, {"id": "b", "status": "planned"}, {"id": "c", "points": None}]
    rows = [{**pile, **row, "geometry": shapely.Point(113 + k / 10, 27)} for k, row in enumerate(rows)]
    fleet = gpd.GeoDataFrame({"name": ["A"], "registered_ev": [100]}, geometry=[None], crs=4326)

    def row(chargers):
        sites = group_sites(as_table(chargers, CHARGERS).assign(inside=True))[1].assign(inside=True)
        found = assess_fleet(sites, fleet, RULES["fleet-match"]).table.iloc[0]
        return found[["sites", "sites_without_power", "installed_kw", "points", "ev_per_point"]].tolist()

    assert row(rows[:2]) == [1, 0, 240, 4, 25]
    *known, per_point = row(rows)
    assert known == [2, 1, 240, 4]
    assert pd.isna(per_point)


def test_power_that_nobody_knows_is_no_zero():
    """A: one site of unknown power and points; B: no site at all, so 0 kW are installed there for sure."""
    pile = {"id": "a", "current": "dc", "point_kw": None, "points": None, "county": "A"}
    fleet = gpd.GeoDataFrame({"name": ["A", "B"], "registered_ev": [100, 50]}, geometry=[None] * 2, crs=4326)
    rows = as_table([{**pile, "geometry": shapely.Point(113, 27)}], CHARGERS).assign(inside=True)
    finding = assess_fleet(group_sites(rows)[1].assign(inside=True), fleet, RULES["fleet-match"])
    table = finding.table.set_index("county")
    assert table.loc["A", ["installed_kw", "points", "kw_per_ev", "ev_per_point"]].isna().all()
    assert table.loc["B", ["sites", "installed_kw", "points", "kw_per_ev"]].tolist() == [0, 0, 0, 0]
    assert finding.figures["installed_kw_low"] == 0


def test_a_station_of_two_rows_is_listed_once():
    """Two rows of one operator at one place are one swap station."""
    row = {"kind": "battery_swap", "operator": "O", "geometry": shapely.Point(113, 27)}
    table = as_table([{**row, "id": "a"}, {**row, "id": "b"}], CHARGERS).assign(inside=True)
    sites = group_sites(table)[1].assign(inside=True)
    finding = assess_inventory(as_table([], FACILITIES), sites, RULES["swap-hydrogen-pv"])
    assert finding.figures["operational"]["battery_swap"] == 1
