"""What people decide of a plan: by id, by name, by place on a route; in the project file and in a table."""

from __future__ import annotations

import re
from dataclasses import replace

import geopandas as gpd
import pytest
from plugspan.errors import InputError
from plugspan.pipeline import find_places
from plugspan.programme import plan_programme
from plugspan.project import PlanSettings, read_project
from plugspan.siting.pins import place_on_routes
from plugspan.study import load, sample_project

HEAD = "决定,名称,造价,新位置,经度,纬度,备注\n"


@pytest.fixture(scope="module")
def study():
    with sample_project() as path:
        return load(read_project(path))


@pytest.fixture(scope="module")
def candidates(study):
    return find_places(study)


@pytest.fixture(scope="module")
def least(study, candidates):
    return planned(study, candidates)


def planned(study, candidates, **settings):
    project = study.project.model_copy(update={"plan": PlanSettings(**settings)})
    changed = replace(study, project=project)
    changed.__dict__["context"] = study.context
    return plan_programme(changed, candidates)


def actions_of(programme):
    return programme.actions.set_index("id")


def test_the_three_ways_to_name_an_action_are_one(study, candidates, least):
    """Id, name and place on its route forbid the same action."""
    chosen = least.chosen
    row = chosen[chosen["id"].str.startswith("route_point-")].iloc[0]
    ref, km = row["name"].split(" ")[0], float(re.search(r"量算 ([\d.]+) km", row["name"])[1]) + 0.01
    places = (
        f"{ref} k {km:.3f}",
        f"{ref} km {km:.3f}",
        f"{ref} measured km {km:.3f}",
        f"{ref} 量算 {km:.3f} km",
    )
    for name in (row["id"], row["name"], *places):
        found = actions_of(planned(study, candidates, forbidden=(name,)))
        assert found.loc[row["id"], "reason"] == "forbidden", name
        assert not found.loc[row["id"], "chosen"]


def test_a_place_on_a_route_can_be_required_and_have_a_cost(study, candidates):
    """A new candidate at the place, in the plan, with the cost that is said; once required, it is counted in full."""
    found = actions_of(planned(study, candidates, required=("G106 K100.25",), cost={"G106 K100.25": 33.0}))
    assert found.loc["G106 K100.25", "chosen"]
    assert found.loc["G106 K100.25", "cost"] == 33.0
    at = found.loc["G106 K100.25", "geometry"]
    place = place_on_routes("G106 K100.25", study.context.index, study.routes)
    assert (at.x, at.y) == pytest.approx(place)


def test_marks_may_be_miles(study):
    """``MP`` is a mile post."""
    km, miles = (
        place_on_routes(text, study.context.index, study.routes) for text in ("G106 K80.4672", "G106 MP 50")
    )
    assert km == pytest.approx(miles)


def test_a_moved_candidate_is_where_it_was_put(study, candidates):
    """By a place on a route and by coordinates."""
    found = actions_of(planned(study, candidates, moved={"fuel-FS28": "G106 K100"}))
    at = found.loc["fuel-FS28", "geometry"]
    assert (at.x, at.y) == pytest.approx(place_on_routes("G106 K100", study.context.index, study.routes))
    found = actions_of(planned(study, candidates, moved={"fuel-FS28": (113.2, 27.7)}))
    assert found.loc["fuel-FS28", "geometry"].coords[0] == (113.2, 27.7)


def test_a_table_says_the_same_as_the_project_file(study, candidates, tmp_path):
    """As CSV and as a GeoPackage from QGIS: the plan is the same, action for action."""
    own = planned(
        study, candidates, required=("G106 K100",), forbidden=("fuel-FS28",), cost={"攸县客运枢纽": 1.0}
    )
    path = tmp_path / "plan_pins.csv"
    rows = "必须,G106 K100,,,,,\n禁止,fuel-FS28,,,,,\n造价,攸县客运枢纽,1,,,,\n"
    path.write_text(HEAD + rows, "utf-8")
    found = planned(study, candidates, pins=path)
    assert found.chosen["id"].tolist() == own.chosen["id"].tolist()
    assert found.cost_high == own.cost_high
    columns = {"pin": ["require"], "name": ["新站"], "cost": [12.0]}
    layer = gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy([113.3], [27.6]), crs=4326)
    layer.to_file(tmp_path / "pins.gpkg")
    found = actions_of(planned(study, candidates, pins=tmp_path / "pins.gpkg"))
    assert found.loc["新站", "chosen"]
    assert found.loc["新站", "cost"] == 12.0
    assert found.loc["新站", "geometry"].coords[0] == pytest.approx((113.3, 27.6))


def faults_of(study, candidates, **settings):
    with pytest.raises(InputError) as error:
        planned(study, candidates, **settings)
    return error.value.faults


def test_a_wrong_name_is_a_fault_with_names_near_it(study, candidates):
    """Near in writing for a name, near in place for a place; all of them are told at once."""
    faults = faults_of(study, candidates, required=("fuel-FS2X", "G106 K9999"), forbidden=("攸县客运枢扭",))
    assert [fault.key for fault in faults] == ["plan-action-unknown"] * 3
    assert "fuel-FS2" in faults[0].render("en")
    assert "攸县客运枢纽" in faults[2].render("zh")


def test_contradictions_are_faults(study, candidates):
    """Required and forbidden by different names; two costs; moved to nowhere."""
    faults = faults_of(study, candidates, required=("fuel-FS28",), forbidden=("S209 加油站 28",))
    assert [fault.key for fault in faults] == ["plan-both"]
    faults = faults_of(study, candidates, cost={"fuel-FS28": 1.0, "S209 加油站 28": 2.0})
    assert [fault.key for fault in faults] == ["plan-pin-costs"]
    faults = faults_of(study, candidates, moved={"fuel-FS28": "G999 K3"})
    assert [fault.key for fault in faults] == ["plan-pin-nowhere"]
    faults = faults_of(study, candidates, moved={"fuel-FS99": "G106 K100"})
    assert [fault.key for fault in faults] == ["plan-action-unknown"]


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ("造价,fuel-FS28,,,,,\n", "plan-pin-cost"),
        ("移动,fuel-FS28,,,,,\n", "plan-pin-place"),
        ("必须,,,,113.3,27.6,\n", "plan-pin-name"),
        ("也许,fuel-FS28,,,,,\n", None),
        ("造价,fuel-FS28,很贵,,,,\n", None),
        ("必须,没有这个,,,,,\n", "plan-action-unknown"),
    ],
)
def test_a_row_that_says_too_little_is_named(study, candidates, tmp_path, row, key):
    """The file and its row are in the fault, in both languages."""
    path = tmp_path / "plan_pins.csv"
    path.write_text(HEAD + row, "utf-8")
    faults = faults_of(study, candidates, pins=path)
    assert key in (None, *(fault.key for fault in faults))
    for lang in ("zh", "en"):
        assert all("plan_pins.csv" in fault.render(lang) for fault in faults)
    assert all(fault.row == 2 for fault in faults)


def test_a_missing_table_is_named(study, candidates, tmp_path):
    """No traceback."""
    assert "nowhere.csv" in faults_of(study, candidates, pins=tmp_path / "nowhere.csv")[0].render("en")


def test_decisions_stand_in_the_plan_and_what_moved_is_known(study, candidates):
    """Each decided action says how; a moved one knows where it was; with too little money what must be comes first."""
    found = planned(study, candidates, required=("fuel-FS14",), forbidden=("fuel-FS28",),
                    moved={"fuel-FS03": "G106 K112.5"}, budget=100.0)  # fmt: skip
    actions = actions_of(found)
    pins = actions["pin"].dropna().to_dict()
    assert pins == {"fuel-FS14": "require", "fuel-FS28": "forbid", "fuel-FS03": "move"}
    old = candidates.set_index("id").geometry["fuel-FS03"]
    assert actions.loc["fuel-FS03", "moved_from"].equals(old)
    assert actions.geometry["fuel-FS03"].distance(old) > 0.01
    assert actions["moved_from"].notna().sum() == 1
    assert not found.complete
    assert actions.loc["fuel-FS14", "chosen"]
