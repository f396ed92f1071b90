"""The public names as a user of geopandas meets them: frames in, frames out, no project file."""

from __future__ import annotations

import doctest
import importlib

import folium
import geopandas as gpd
import pandas as pd
import plugspan
import pytest
import shapely
from toy import Toy, lonlat

POLICY = """
schema = 1
id = "line"
name = { zh = "直线", en = "line" }
source = "test"

[road_class]
trunk = ["G1"]

[[rule]]
id = "spacing"
kind = "route_spacing"
title = { zh = "间距", en = "spacing" }
network = "trunk"
statistic = "gap_max"
class_limits_km = [20.0, 30.0]
site = {}
target = { value_max = 30.0 }
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    path = tmp_path_factory.mktemp("policy") / "line.toml"
    path.write_text(POLICY, "utf-8")
    return plugspan.read_policy(path)


@pytest.fixture(scope="module")
def roads():
    """A road of 100 km from west to east, with a cross street at both ends: junctions are true ends."""
    world = Toy(a=(0, 0), b=(50_000, 0), c=(100_000, 0), n=(0, 5e3), s=(0, -5e3), p=(1e5, 5e3), q=(1e5, -5e3))
    return world.road("a b c", ref="G1").road("n a s").road("p c q").graph()


def chargers(*km, **more):
    xy = lonlat([1000.0 * k for k in km], [0.0] * len(km))
    rows = {"id": [f"s{k}" for k in km], "lon": xy[:, 0], "lat": xy[:, 1], "current": "dc", "point_kw": 120.0}
    return pd.DataFrame({**rows, "status": "operational", **more})


@pytest.fixture(scope="module")
def plan(roads, policy):
    return plugspan.make_plan(chargers(10, 40), roads, policy, name="<b>{{ 7 * 7 }}</b>")


def test_public_names_load_and_are_documented():
    """Every public name is there, says what it is, and functions that users call show an example or a parameter."""
    for name in plugspan.__all__:
        assert (getattr(plugspan, name).__doc__ or "").strip(), name


def test_frames_are_read_like_files(roads, policy, tmp_path):
    """A frame, a GeoDataFrame in another CRS, and the CSV of it give the same sites."""
    frame = chargers(10, 40)
    file = tmp_path / "chargers.csv"
    frame.to_csv(file, index=False)
    points = gpd.points_from_xy(frame["lon"], frame["lat"], crs=4326)
    local = gpd.GeoDataFrame(frame.drop(columns=["lon", "lat"]), geometry=points).to_crs(32649)
    read = [
        plugspan.read_tables(source).sites
        for source in (frame, file, local, [frame.iloc[:1], frame.iloc[1:]])
    ]
    for sites in read:
        assert sites["id"].tolist() == read[0]["id"].tolist()
        assert shapely.distance(sites.geometry.to_numpy(), read[0].geometry.to_numpy()).max() < 1e-8
    assert frame.equals(chargers(10, 40))  # not changed


def test_faults_of_a_frame_are_named_all_at_once():
    """Rows count from 1; every fault of every table comes together."""
    wrong = chargers(10, 40, point_kw=[120.0, -3.0])
    berths = pd.DataFrame({"编号": ["b1"], "靠泊吨级(吨)": ["many"]})
    with pytest.raises(plugspan.InputError) as caught:
        plugspan.read_tables(wrong, berths=berths)
    told = {(fault.file, fault.row) for fault in caught.value.faults}
    assert {("chargers", 2), ("berths", 1)} <= told


def test_assess_by_hand(roads, policy):
    """Sites at 10 and 40 of 100 km: the longest gap is from 40 to the end, 60 km; no project file is needed."""
    found = plugspan.assess(chargers(10, 40), roads, policy)
    assert found["spacing"].status == "not met"
    assert found["spacing"].high == pytest.approx(60.0, abs=0.01)
    assert found.table.loc[0, ["rule", "unit", "status"]].tolist() == ["spacing", "km", "not met"]
    assert (
        plugspan.assess(plugspan.read_tables(chargers(10, 40)), roads, policy)["spacing"].high
        == found["spacing"].high
    )


def test_a_plan_by_hand(plan):
    """From the site at 40 km to the end are 60 km: one site, at 70 km and nowhere else, makes two gaps of 30 of it."""
    assert plan.after["spacing"].status == "met"
    assert len(plan.actions) == 1
    assert plan.actions.geometry.iloc[0].x == pytest.approx(lonlat(70_000, 0)[0], abs=1e-4)
    assert plan.findings.loc[0, ["status", "status_after"]].tolist() == ["not met", "met"]


def test_frames_have_units(plan):
    """Units stand in ``attrs``, of the registry or of the name; the plan's own frames stay as they were."""
    assert plan.gaps.attrs["units"]["length_m"] == "m"
    assert plan.tables["access"].attrs["units"]["distance_m"] == "m"
    assert not plan.before.gaps.attrs
    for name, frame in plan.tables.items():
        assert isinstance(frame, pd.DataFrame), name


def test_representations_are_short(plan, roads, policy):
    """What a notebook prints of an object is a line; its HTML is a table and no markup of the data."""
    for each in (plan, plan.before, roads, policy, plan.inputs, plan.project, plan.programme, *plan.routes,
                 *plan.before.findings, plan.quality, plugspan.Region.from_bbox(0, 0, 1, 1)):  # fmt: skip
        assert len(repr(each)) < 200, type(each)
        assert "\n" not in repr(each)
    assert "<table" in plan._repr_html_()
    assert "<b>" not in plan._repr_html_()


def test_the_map_is_foliums(plan):
    """It takes further layers, shows in a notebook, and nothing of the data is markup or a template."""
    shown = plan.map()
    assert isinstance(shown, folium.Map)
    folium.CircleMarker([27.0, 113.0]).add_to(shown)
    page = shown.get_root().render()
    assert "circleMarker" in page
    assert "iframe" in shown._repr_html_()
    assert "geo_json" in page


def test_texts_of_the_data_are_no_templates(roads, policy):
    """Names with braces and tags are written, not run, in the folium map."""
    evil = "{{ 7 * 191 }}<img src=x onerror=alert(1)>{% raw %}"
    plan = plugspan.make_plan(chargers(10, 40, name=evil), roads, policy)
    page = plan.map().get_root().render()
    assert "1337" not in page
    assert "<img" not in page
    assert "7 * 191" in page


def test_save_and_read_back(plan, tmp_path):
    """A saved plan reads back as the same numbers; another save needs ``overwrite``."""
    folder = plan.save(tmp_path / "run")
    run = plugspan.read_run(folder)
    assert run.findings["high_after"].tolist() == pytest.approx(
        plan.findings["high_after"].tolist(), abs=1e-6
    )
    assert run.findings["status"].tolist() == plan.findings["status"].tolist()
    assert run.actions["action_id"].tolist() == plan.actions["action_id"].tolist()
    assert set(run.tables) >= {"findings", "access"}
    assert isinstance(run.tables["routes_before"], gpd.GeoDataFrame)
    with pytest.raises(plugspan.OutputExistsError):
        plan.save(folder)
    plan.save(folder, overwrite=True)


def test_options_that_are_none_are_named(roads, policy):
    """A wrong keyword is an input fault that names it, and the nearest that is one."""
    with pytest.raises(plugspan.InputError, match="budgte"):
        plugspan.make_plan(chargers(10), roads, policy, budgte=3)
    with pytest.raises(TypeError, match="roads"):
        plugspan.make_plan(chargers(10))


@pytest.mark.parametrize("name", ["api", "render.read_run", "schema"])
def test_examples_of_docstrings(name):
    """They run, and print what they say."""
    failed, tried = doctest.testmod(importlib.import_module(f"plugspan.{name}"))
    assert tried
    assert not failed
