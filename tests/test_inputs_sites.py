"""Charge points grouped into sites, and whether a site meets a requirement."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.errors import InputError
from plugspan.inputs import CHARGERS, as_table, empty_table, group_sites, qualify, qualify_points
from plugspan.inputs import sites as grouping
from plugspan.inputs.proximity import near_links, near_pairs
from plugspan.inputs.sites import _linked, as_they_will_be, charger_faults, count_points
from plugspan.units import GEOD
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely import Point

DEG_PER_M = 1 / (111_319.49 * np.cos(np.radians(27.8)))
"""Degrees of longitude per metre at 27.8° N, near enough."""


def table(*rows):
    """Chargers from rows of (metres east of a point, other columns)."""
    made = []
    for number, (east_m, columns) in enumerate(rows):
        place = shapely.Point(113.0 + east_m * DEG_PER_M, 27.8)
        made.append({"id": f"c{number:02d}", "geometry": place, **columns})
    return as_table(made, CHARGERS)


def groups(chargers):
    """Sets of ids that belong together."""
    members, _ = group_sites(chargers)
    return {frozenset(g["id"]) for _, g in members.groupby("site")}


def test_points_within_100_m_are_one_site():
    """99 m apart is one site, 101 m two; single linkage: 0, 90, 180 m are one."""
    assert len(groups(table((0, {}), (99, {})))) == 1
    assert len(groups(table((0, {}), (101, {})))) == 2
    assert len(groups(table((0, {}), (90, {}), (180, {})))) == 1


def test_known_operators_that_differ_are_apart():
    """Two operators at one place are two sites; an unknown one joins the nearest."""
    a, b = {"operator": "A"}, {"operator": "B"}
    assert len(groups(table((0, a), (10, b)))) == 2
    assert len(groups(table((0, a), (10, a)))) == 1
    assert groups(table((0, a), (80, {}), (100, b))) == {frozenset({"c00"}), frozenset({"c01", "c02"})}


def test_an_unknown_operator_never_joins_two():
    """A and B, 150 m apart with unnamed points between them, stay two sites."""
    found = groups(table((0, {"operator": "A"}), (50, {}), (100, {}), (150, {"operator": "B"})))
    assert len(found) == 2
    assert not any({"c00", "c03"} <= g for g in found)


def test_sides_and_kinds_are_apart():
    """The two sides of a service area, and swapping beside charging, are never one site."""
    north = {"service_area": "X", "side": "north"}
    south = {"service_area": "X", "side": "south"}
    assert len(groups(table((0, north), (60, south)))) == 2
    assert len(groups(table((0, {"side": "north"}), (60, {"side": "south"})))) == 1
    assert len(groups(table((0, {}), (5, {"kind": "battery_swap"})))) == 2
    assert len(groups(table((0, {}), (5, {"kind": "charging"})))) == 1


ROW = st.tuples(st.floats(0, 900), st.fixed_dictionaries({"operator": st.sampled_from([None, "A", "B"])}))


@settings(max_examples=30)
@given(st.lists(ROW, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_grouping_against_brute_force(rows, random):
    """In any order: an operator's sites are the single-linkage groups of its points, and no site mixes."""
    chargers = table(*rows)
    found = groups(chargers)
    assert sum(map(len, found)) == len(chargers)
    operator = dict(zip(chargers["id"], [r[1]["operator"] for r in rows], strict=True))
    place = dict(zip(chargers["id"], chargers.geometry, strict=True))

    def near(i, j):
        return GEOD.inv(place[i].x, place[i].y, place[j].x, place[j].y)[2] <= 100.0

    for name in ("A", "B"):
        own = [i for i in operator if operator[i] == name]
        link = {i: {i} for i in own}
        for i, j in itertools.combinations(own, 2):
            if near(i, j) and link[i] is not link[j]:
                link[i] |= link[j]
                for k in link[j]:
                    link[k] = link[i]
        expected = {frozenset(g) for g in link.values()}
        assert {frozenset(i for i in g if operator[i] == name) for g in found} - {frozenset()} == expected
    for group in found:
        assert len({operator[i] for i in group} - {None}) <= 1
    order = list(range(len(chargers)))
    random.shuffle(order)
    assert groups(chargers.iloc[order]) == found


def test_what_a_site_says():
    """Sums are over what exists; a missing term makes the sum missing; the first known name counts."""
    chargers = table(
        (0, {"points": 4, "point_kw": 60.0, "current": "dc"}),
        (20, {"points": 2, "point_kw": 7.0, "current": "ac", "name": "Foo"}),
        (40, {"points": 9, "point_kw": 350.0, "status": "planned", "name": "Bar"}),
        (500, {"points": 4, "current": "ac"}),
        (900, {"status": "under_construction"}),
        (1500, {"status": "operational"}),
        (1520, {}),
    )
    members, sites = group_sites(chargers)
    assert sites["id"].tolist() == ["c00", "c03", "c04", "c05"]
    assert members["site"].tolist() == ["c00", "c00", "c00", "c03", "c04", "c05", "c05"]
    first, second, third, _ = (sites.iloc[i] for i in range(4))
    assert (first["points"], first["point_kw"], first["pool_kw"]) == (6, 60.0, 4 * 60 + 2 * 7)
    assert (first["name"], first["current"]) == ("Foo", "dc")
    assert first["members"] == "c00 c01 c02"
    assert first.geometry.equals(chargers.geometry.iloc[1])
    assert (second["points"], second["current"]) == (4, "ac")
    assert np.isnan(second["pool_kw"])
    said = sites["status"]  # two that say nothing, beside a planned one, too; then what they say
    assert said.isna().tolist() == [True, True, False, False]
    assert said.tolist()[2:] == ["under_construction", "operational"]
    assert third.isna()["points"]


def test_no_chargers_are_no_sites():
    """An empty table is grouped into an empty table of the same columns."""
    members, sites = group_sites(empty_table(CHARGERS))
    assert len(sites) == len(members) == 0
    assert list(sites.columns) == list(group_sites(table((0, {})))[1].columns)
    assert qualify(sites, members, dc_min_kw=60).tolist() == []


# -- requirements ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "fast", "any_charger"),
    [
        ({"current": "dc", "point_kw": 60.0}, "yes", "yes"),
        ({"current": "dc", "point_kw": 59.9}, "no", "yes"),
        ({"current": "dc"}, "unknown", "yes"),
        ({"current": "ac", "point_kw": 7.0}, "no", "yes"),
        ({"current": "ac"}, "no", "yes"),
        ({"current": "ac", "point_kw": 80.0}, "no", "yes"),  # contradicts itself; the current counts
        ({"point_kw": 120.0}, "yes", "yes"),  # no AC point has more than 44 kW
        ({"point_kw": 7.0}, "no", "yes"),
        ({}, "unknown", "yes"),
        ({"current": "dc", "point_kw": 60.0, "status": "planned"}, "no", "no"),
        ({"current": "dc", "point_kw": 60.0, "status": "under_construction"}, "no", "no"),
        ({"current": "dc", "point_kw": 60.0, "status": "out_of_order"}, "no", "no"),
        ({"current": "dc", "point_kw": 60.0, "status": "operational"}, "yes", "yes"),
        ({"current": "dc", "point_kw": 60.0, "kind": "battery_swap"}, "no", "no"),
        ({"points": 0}, "no", "no"),
        ({"points": 4, "dc_points": 0, "point_kw": 120.0}, "no", "yes"),
        ({"points": 4, "dc_points": 1, "point_kw": 120.0}, "yes", "yes"),
    ],
)
def test_one_charger(columns, fast, any_charger):
    """Fast is DC of 60 kW or more; what is not stated is unknown; what does not exist is a no."""
    chargers = table((0, columns))
    assert qualify_points(chargers, 60.0, 1) == fast
    assert qualify_points(chargers, 0.0, 1) == any_charger
    members, sites = group_sites(chargers)
    assert qualify(sites, members, dc_min_kw=60.0).tolist() == [fast]


def test_numbers_of_points():
    """Points are counted over a site; a missing count is at least one and anything at most."""
    four, some = {"current": "dc", "point_kw": 60.0, "points": 4}, {"current": "dc", "point_kw": 60.0}
    chargers = table((0, four), (10, some))
    assert [qualify_points(chargers, 60.0, n) for n in (4, 5, 6)] == ["yes", "yes", "unknown"]
    chargers = table((0, four), (10, {"current": "ac", "points": 8}))
    assert [qualify_points(chargers, 60.0, n) for n in (4, 5)] == ["yes", "no"]
    assert qualify_points(chargers, 0.0, 12) == "yes"


def test_pool_power():
    """A pool is as strong as stated; else between one point and the sum of all."""
    stated = {"points": 4, "point_kw": 150.0, "current": "dc", "pool_kw": 300.0}
    members, sites = group_sites(table((0, stated)))
    answers = [qualify(sites, members, dc_min_kw=150, pool_min_kw=p).iloc[0] for p in (300, 301)]
    assert answers == ["yes", "no"]
    members, sites = group_sites(table((0, {**stated, "pool_kw": None})))
    answers = [qualify(sites, members, dc_min_kw=150, pool_min_kw=p).iloc[0] for p in (150, 400, 600, 601)]
    assert answers == ["yes", "unknown", "unknown", "no"]


CHARGER = st.fixed_dictionaries(
    {
        "current": st.sampled_from([None, "dc", "ac"]),
        "points": st.sampled_from([None, 0, 1, 4]),
        "point_kw": st.sampled_from([None, 7.0, 60.0, 120.0]),
        "status": st.sampled_from([None, "operational", "planned"]),
    }
)


@settings(max_examples=30)
@given(st.lists(CHARGER, min_size=1, max_size=2), st.sampled_from([0.0, 60.0, 250.0]), st.integers(1, 6))
def test_filling_in_what_is_missing_never_turns_an_answer(rows, dc_min_kw, min_points):
    """Yes and no stand for every way the missing cells could be filled in; unknown for both."""
    answer = qualify_points(table(*((0, r) for r in rows)), dc_min_kw, min_points)
    options = {"current": ["dc", "ac"], "points": [1, 2, 9], "point_kw": [7.0, 60.0, 350.0]}
    seen = set()
    for filled in itertools.islice(itertools.product(*(_fillings(r, options) for r in rows)), 60):
        seen.add(qualify_points(table(*((0, r) for r in filled)), dc_min_kw, min_points))
    assert "unknown" not in seen
    assert answer == "unknown" or seen == {answer}


def _fillings(row, options):
    """All ways to fill in a row, far apart ones first; AC above 44 kW does not exist."""
    missing = [k for k in options if row[k] is None]
    ways = list(itertools.product(*(options[k] for k in missing)))
    for values in (*ways[::5], *ways):
        filled = {**row, **dict(zip(missing, values, strict=True))}
        if not (row["current"] is None and filled["current"] == "ac" and filled["point_kw"] > 44):
            yield filled


def test_stricter_requirements_are_met_by_fewer():
    """The counts can only fall when more power is asked for."""
    chargers = table(
        (0, {"current": "dc", "point_kw": 120.0, "points": 3}), (5, {"points": 2}), (9, {"current": "ac"})
    )
    previous = count_points(chargers, 0.0)
    for kw in (30.0, 60.0, 120.0, 121.0):
        now = count_points(chargers, kw)
        assert (now[0] <= previous[0]).all()
        assert (now[1] <= previous[1]).all()
        previous = now


def test_strong_ac_is_warned_of():
    """An AC point of 80 kW contradicts itself and is told with its row."""
    (fault,) = charger_faults(
        table((0, {"current": "ac", "point_kw": 80.0}), (9, {"current": "dc", "point_kw": 80.0}))
    )
    assert fault.warning
    assert fault.row == 1
    assert "43.5" in fault.render("en")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 0, 60, 150, 260]),
            st.fixed_dictionaries({
                "operator": st.sampled_from(["A", "a", "B", "!!", None]),
                "kind": st.sampled_from(["charging", "battery_swap", None]),
            }),
        ),
        min_size=1,
        max_size=25,
    )
)  # fmt: skip
def test_rows_that_are_alike_are_looked_at_once(rows):
    """The sites are those of all pairs, though piles of one station at one point are taken together first."""
    chargers = table(*rows)
    labels = _linked(chargers, 100.0)
    ids = chargers["id"].to_numpy()
    assert groups(chargers) == {frozenset(ids[labels == label]) for label in np.unique(labels)}


def test_rows_at_one_place_are_one_site():
    """100 000 rows at one point are one site, and so are 4000 points on a line of some metres."""
    crowd = table(*[(0, {})] * 3)
    many = crowd.iloc[np.zeros(100_000, dtype=int)].assign(id=[f"c{i:06d}" for i in range(100_000)])
    assert group_sites(many)[1]["n_chargers"].tolist() == [100_000]
    places = shapely.points(113 + np.arange(4000) * 1e-8, np.full(4000, 27.8))
    line = many.iloc[:4000].set_geometry(places, crs=4326)
    assert group_sites(line)[1]["n_chargers"].tolist() == [4000]


def test_a_crowd_of_places_is_told():
    """Where all pairs are wanted, 4000 points within some metres are no list of places."""
    places = gpd.GeoSeries(shapely.points(113 + np.arange(4000) * 1e-8, np.full(4000, 27.8)), crs=4326)
    with pytest.raises(InputError) as caught:
        near_pairs(places, 100.0)
    fault = caught.value.faults[0]
    assert (fault.key, fault.values["n"], fault.values["lon"]) == ("places-crowded", 4000, 113.0)


def test_a_site_not_in_operation_is_shown_as_it_will_be():
    """Two chargers under construction make a site of 4 points and 240 kW in all; one in operation stays as it is."""
    building = {"status": "under_construction", "current": "dc", "points": 2, "point_kw": 60.0}
    chargers, sites = group_sites(
        table((0, building), (20, building), (5000, {"points": 3, "point_kw": 7.0, "status": "operational"}),
              (9000, {"status": "planned"}))
    )  # fmt: skip
    assert sites["points"].isna().tolist() == [True, False, True]
    shown = as_they_will_be(sites, chargers)
    assert shown["points"].tolist()[:2] == [4, 3]
    assert shown["pool_kw"].tolist()[:2] == [240.0, 21.0]
    assert shown["point_kw"].tolist()[:2] == [60.0, 7.0]
    assert shown["current"].tolist()[0] == "dc"
    assert shown["status"].tolist() == ["under_construction", "operational", "planned"]
    assert shown["points"].isna().tolist() == [False, False, True]  # of the planned one nothing is known
    assert sites["points"].isna().tolist() == [True, False, True]  # what counts stays as it was


def crowded(rng, n):
    """Chargers of few operators, sides and lists within 300 m, some at one point, some with nothing known."""
    xy = np.array([113.1, 27.8]) + rng.uniform(0, 0.003, (n, 2)).round(4)
    rows = [
        {"id": f"P{i:03}", "operator": rng.choice([None, "甲", "乙"], p=[0.3, 0.4, 0.3]), "kind": "charging",
         "service_area": rng.choice([None, "S"]), "side": rng.choice([None, "北", "南"]), "geometry": Point(*at)}
        for i, at in enumerate(xy)
    ]  # fmt: skip
    made = as_table(rows, CHARGERS, "one.csv")
    return made.assign(_list=rng.choice(["", "0", "1"], n)) if rng.random() < 0.5 else made


@pytest.mark.parametrize("seed", range(12))
def test_a_crowd_is_grouped_as_all_its_pairs_would(monkeypatch, seed):
    """Few links through a triangulation make the sites that all pairs within reach make."""
    rng = np.random.default_rng(seed)
    chargers, reach = crowded(rng, int(rng.integers(5, 90))), float(rng.choice([15.0, 40.0, 100.0]))
    expected = group_sites(chargers, reach)[0]["site"].tolist()
    monkeypatch.setattr(grouping, "is_crowd", lambda points, reach_m: True)
    assert group_sites(chargers, reach)[0]["site"].tolist() == expected


def test_links_of_points_on_a_line_and_at_one_place():
    """No triangle anywhere: neighbours on a line 50 m apart, the same point thrice."""
    line = gpd.GeoSeries([Point(113 + 0.0005 * k, 27) for k in (3, 0, 2, 1, 4, 2, 2)], crs=4326)
    i, j, _ = near_links(line, 60.0)
    same = coo_array((np.ones(len(i)), (i, j)), shape=(7, 7))
    assert connected_components(same, directed=False)[0] == 1
    assert len(near_links(line, 10.0)[0]) == 2  # those at one place


def test_twenty_thousand_places_within_200_m_are_grouped():
    """They were refused; most have an operator of their own, and 6000 are one operator's."""
    rng = np.random.default_rng(1)
    xy = np.array([113.1, 27.8]) + rng.uniform(-0.001, 0.001, (20_000, 2))
    rows = {"id": [f"P{i}" for i in range(20_000)], "operator": [f"O{max(i, 6000)}" for i in range(20_000)]}
    made = pd.DataFrame(rows).assign(geometry=shapely.points(xy)).to_dict("records")
    labels = grouping.site_labels(as_table(made, CHARGERS, "c.csv"))
    assert len(np.unique(labels)) == 14_000
    assert len(np.unique(labels[:6001])) == 1
