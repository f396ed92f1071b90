"""Fast points that traffic suggests, worked by hand. Kilometres along G106, which has 80 and two directions."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import plugspan
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from plugspan.project import PlanSettings
from plugspan.rules.model import ChargingRates
from plugspan.rules.roads import RoadContext
from plugspan.settings import parse_toml
from plugspan.siting.traffic_points import points_of, sized_points, stretches_m, with_traffic_points
from test_evidence import site
from test_traffic import counts, rules, two_roads, world
from toy import lonlat

RATES = ChargingRates(electric_share=0.25, on_way_share=0.5, km_per_charge=200, minutes_per_charge=30,
                      peak_hour_share=0.1, busy_share=0.5)  # fmt: skip


def suggested(traffic, sites, rates=RATES, points=4):
    """Points by traffic of the proposed sites at km 20 of G106 and of one that upgrades what is at km 60."""
    graph, routes, inputs = world(traffic, sites)
    row = {"id": ["a", "upgrade-b", "c"], "kind": ["new_site", "upgrade", "new_site"], "target": ["a", "b", "c"],
           "points": points, "chosen": [True, True, False]}  # fmt: skip
    actions = gpd.GeoDataFrame(row, geometry=[shapely.Point(lonlat(0, 0))] * 3, crs=4326)
    built = RoadContext(inputs, graph, tuple(routes), None)
    return with_traffic_points(actions, built, rules(), rates).get("traffic_points")


def strong(name, x, y=0):
    return site(name, (x, y), points=4, point_kw=150.0, pool_kw=600.0)


SITES = (strong("proposed-a", 20_000), strong("b", 60_000))


def test_points_by_hand():
    """10 000 vehicles, a fifth of them heavy: 8000 light ones, 4000 a direction, a quarter electric: 1000.

    Each of two sites charges for 40 km: 0.5 * 40 / 200 of them stop: 100 a day, 10 in the busiest hour for half an
    hour: 5 points taken, half the time at most: 10 for a direction, 20 for both. What is not chosen gets none.
    """
    found = suggested(counts({"ref": "G106", "aadt": 10_000.0, "heavy_share": 0.2}), SITES)
    assert found.tolist()[:2] == [20, 20]
    assert found.isna().tolist() == [False, False, True]


def sized(traffic, sites, at=(20_000, 60_000), points=4):
    """Points that a new site and an upgrade are planned with, and one of a kind that is not sized."""
    graph, routes, inputs = world(traffic, sites)
    row = {"id": ["a", "upgrade-b", "c"], "kind": ["new_site", "upgrade", "commission"], "target": ["a", "b", "c"],
           "points": pd.array([points, points, None], "Int64")}  # fmt: skip
    places = [shapely.Point(lonlat(x, 0)) for x in (*at, at[0])]
    actions = gpd.GeoDataFrame(row, geometry=places, crs=4326)
    return sized_points(actions, RoadContext(inputs, graph, tuple(routes), None), rules(), RATES).tolist()


def test_sized_points_by_hand():
    """The span is 60 km: a site at km 20 of 80 would charge for 20 km to the end and 30 km on the other side.

    1000 electric ones a direction, 0.5 * 50 / 200 of them stop: 12.5 points, 25 for both. A pool that counts at km 30
    leaves 20 + 5 km to the one and 15 + 20 km to the other. Where traffic is unknown: four, as without counts.
    """
    table = counts({"ref": "G106", "aadt": 10_000.0, "heavy_share": 0.2})
    assert sized(table, ()) == [25, 25, pd.NA]
    assert sized(table, (), points=30) == [30, 30, pd.NA]
    assert sized(table, (strong("n", 30_000),)) == [13, 18, pd.NA]
    half = counts({"ref": "G106", "from_km": 40.0, "to_km": 80.0, "aadt": 10_000.0, "heavy_share": 0.2})
    assert sized(half, ()) == [25, 4, pd.NA]


def test_the_next_site_halves_the_way_and_a_weak_one_does_not():
    """With a pool at km 30 the site at km 20 charges for 25 km: 12.5 points, rounded up. One of 60 kW is none."""
    table = counts({"ref": "G106", "aadt": 10_000.0, "heavy_share": 0.2})
    assert suggested(table, (*SITES, strong("n", 30_000))).iloc[0] == 13
    weak = site("n", (30_000, 0), points=4, point_kw=60.0)
    assert suggested(table, (*SITES, weak)).iloc[0] == 20


def test_never_fewer_than_the_plan_builds():
    """100 vehicles ask for a quarter of a point; the rule's four stay."""
    assert suggested(counts({"ref": "G106", "aadt": 100.0}), SITES).tolist()[:2] == [4, 4]


def test_unknown_where_the_traffic_is():
    """Counts on the half with km 20 alone (marks run the other way); without any count there is no column."""
    found = suggested(counts({"ref": "G106", "from_km": 40.0, "to_km": 80.0, "aadt": 10_000.0}), SITES)
    assert found.isna().tolist() == [False, True, True]
    assert found.iloc[0] == 25
    assert suggested(counts(), SITES) is None


def test_nobody_stops_more_than_once_at_a_site():
    """With 10 km a charge everyone would stop twice along 40 km: 2000 stops at most for both directions."""
    rates = RATES.model_copy(update={"km_per_charge": 10.0})
    found = suggested(counts({"ref": "G106", "aadt": 8_000.0}), SITES, rates)
    assert found.iloc[0] == 200  # 2000 * 0.1 * 0.5 h / 0.5


@pytest.fixture(scope="module")
def drive():
    return world(counts())[1][0].sections[0].drives[0]


@given(at=st.lists(st.floats(0, 80_000), min_size=1, max_size=20))
def test_each_kilometre_belongs_to_one_site(drive, at):
    """The stretches add up to the direction, and each is that of the places nearer to its site than to any other."""
    places = np.sort(np.array(at)) + drive.start_m
    places = np.minimum(places, drive.end_m)
    found = stretches_m(drive, places)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(drive.end_m - drive.start_m)
    step = np.arange(drive.start_m + 50, drive.end_m, 100.0)
    nearest = np.bincount(np.abs(step[:, None] - places).argmin(axis=1), minlength=len(places)) * 100.0
    alone = np.append(np.diff(places) > 1, True) & np.insert(np.diff(places) > 1, 0, True)
    assert np.abs(found - nearest)[alone].max(initial=0.0) <= 201.0


def test_the_defaults_are_assumed_and_steered():
    """A project file changes them; more vehicles, or a longer stay, never mean fewer points."""
    text = "traffic = { electric_share = 0.4, source = 'count of 2025' }"
    rates = parse_toml(text, PlanSettings, "plan").traffic
    assert (rates.electric_share, rates.on_way_share, rates.source) == (0.4, 0.3, "count of 2025")
    twice = points_of(np.array([1000.0]), np.array([40.0]), rates)
    assert twice == 2 * points_of(np.array([1000.0]), np.array([40.0]), ChargingRates())


def test_a_plan_shows_them_in_workbook_layers_and_result(tmp_path):
    """One number on all surfaces; the plan and its money are those without counts."""
    graph = two_roads()
    places = [(x, y) for x in (0, 80_000) for y in (0, 50_000)]
    chargers = pd.DataFrame({"id": range(4), "lon": [lonlat(*p)[0] for p in places],
                             "lat": [lonlat(*p)[1] for p in places], "points": 4, "current": "dc", "point_kw": 150.0,
                             "pool_kw": 600.0, "status": "operational"})  # fmt: skip
    traffic = pd.DataFrame({"ref": ["G106"], "aadt": [40_000.0]})
    with_counts, without = (
        plugspan.make_plan(chargers, graph, rules(), traffic=table) for table in (traffic, None)
    )
    own = with_counts.actions
    assert own["action_id"].tolist() == without.actions["action_id"].tolist()
    assert own["cost"].sum() == without.actions["cost"].sum()
    assert "traffic_points" not in without.actions
    sites = plugspan.make_plan(chargers, graph, rules(), traffic=traffic, points="traffic")
    assert not sites.programme.faults
    # In the middle of G106, halfway to the pools at both ends: what the advice says, too. G107 has no counts.
    assert sorted(sites.actions["points"].tolist()) == [4, 30]
    one = sites.actions["points"] == 30
    more = float(sites.actions.loc[one, "cost"].iloc[0] - sites.actions.loc[~one, "cost"].iloc[0])
    per_kw, per_point = sites.programme.costs.new_site.per_kw, sites.programme.costs.new_site.per_point
    assert more == pytest.approx(26 * (per_point + 150.0 * per_kw))
    built = sites.after.sites
    assert sorted(built.loc[built["id"].str.startswith("proposed-"), "points"].tolist()) == [4, 30]
    with_counts.save(tmp_path / "run")
    rows = json.loads((tmp_path / "run/result.json").read_text("utf-8"))["plan"]
    assert rows["traffic"]["assumed"]
    told = {row["action_id"]: row["traffic_points"] for row in rows["actions"]}
    # 20 000 a direction, a fifth electric; the pools at both ends halve the 80 km: 0.3 * 40 / 200 stop: 240 a day,
    # 24 an hour, 12 points taken, 15 with room, 30 for both directions. G107 has no counts.
    assert sorted(told.values(), key=str) == [30, None]
    layer = pyogrio.read_dataframe(tmp_path / "run/layers.gpkg", layer="plan_actions_after")
    assert sorted(layer["traffic_points"].dropna().tolist()) == [30]
    book = openpyxl.load_workbook(tmp_path / "run/tables.xlsx", read_only=True)
    head, *body = book["Plan actions"].iter_rows(values_only=True)
    assert 30 in [value for row in (head, *body) for value in row]
