"""The main job, end to end: from a project file to a plan and its result.json."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import jsonschema
import pytest
from plugspan.errors import InputError
from plugspan.pipeline import make_plan
from plugspan.project import read_project
from plugspan.render.result_schema import result_schema, result_text
from plugspan.rules.model import SiteRequirement
from plugspan.rules.reach import DemandReach
from plugspan.tables.report_words import sentences
from plugspan.tables.result import plan_result

PROJECT = """
schema = 1
name = "Helsinki"
language = "en"
[region]
bbox = [24.93, 60.15, 24.98, 60.18]
halo_km = 2
[network]
osm = "helsinki.osm.pbf"
[road_class]
expressway = []
ordinary_trunk = ['\\d{2,3}', 'E ?\\d+']
[tables.chargers]
from_osm = true
[tables.facilities]
from_osm = true
[tables.berths]
from_osm = true
[tables.demand]
path = "demand.csv"
[siting]
sites = 3
reach_km = 0.5
time_limit_s = 3600
"""
DEMAND = "name,lon,lat,weight\nKamppi,24.932,60.168,900\nKruununhaka,24.957,60.173,700\nKatajanokka,24.966,60.167,500\n"

CLASSES = ("good_km", "middle_km", "gap_km", "no_site_km", "open_km", "shared_km")


@pytest.fixture(scope="module")
def sample(sample_plan):
    """The plan of the embedded sample."""
    return sample_plan


@pytest.fixture(scope="module")
def result(sample):
    return plan_result(sample, "zh")


@pytest.fixture
def helsinki(root, tmp_path):
    """A project on the real extract of central Helsinki."""
    shutil.copy(root / "data" / "osm" / "helsinki.osm.pbf", tmp_path)
    (tmp_path / "demand.csv").write_text(DEMAND, "utf-8")
    (tmp_path / "project.toml").write_text(PROJECT, "utf-8")
    return tmp_path


def without_times(value):
    """The result without what differs between two runs of the same: when it began, how long it took."""
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in ("started", "runtime_s")}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def test_result_follows_its_schema(result):
    """The published JSON Schema describes what is written."""
    jsonschema.validate(result, result_schema(), cls=jsonschema.Draft202012Validator)
    assert json.loads(result_text(result)) == result


def test_the_sample_has_every_status(result):
    """A newcomer sees rules that are met, missed and undecided, and things that are unknown."""
    assert {f["status"] for f in result["findings"]} == {"met", "not met", "undecided"}
    assert any(f["counts"].get("unknown") for f in result["findings"])


def test_the_same_inputs_give_the_same_result(sample, result, root):
    """Byte-identical, times apart."""
    again = plan_result(make_plan(read_project(root / "data" / "zhuzhou.toml")), "zh")
    assert result_text(without_times(again)) == result_text(without_times(result))


def test_what_is_proven_of_plans_in_time_alone_is_told(sample, result):
    """The sample's years set some actions first; its least money is no bound for plans that may be late."""
    held = sample.programme.in_time
    assert held
    assert result["plan"]["in_time"] == list(held)
    assert set(held) <= set(sample.programme.chosen["id"])
    proof = sample.programme.proof
    assert {proof["ids"].index(each) for each in held} <= set(proof["required"])
    words = sentences(sample, "en").frame["words"]
    assert (
        words.str.startswith(
            f"So that rules are met as early as the money of each year allows, {len(held)} action"
        ).sum()
        == 1
    )


def test_routes_add_up(result):
    """Each route's length is that of its classes together; the network counts shared roads once."""
    for row in result["routes"]:
        parts = sum(row[c] for c in CLASSES)
        assert parts == pytest.approx(row["length_km"], abs=0.01)
    own = [r["length_km"] for r in result["routes"] if r["class"] == "ordinary_trunk"]
    spacing = next(f for f in result["findings"] if f["rule"] == "ordinary-highway-spacing")
    assert spacing["figures"]["length_km"] <= sum(own) + 1e-6
    assert spacing["low"] == pytest.approx(
        spacing["figures"]["length_km"] / spacing["figures"]["sites_with_unknown"], rel=1e-4
    )


@pytest.fixture(scope="module")
def sited(coverage_plan):
    """The plan of the embedded sample with the goal "coverage"."""
    return coverage_plan


def test_siting_claims_hold(sited):
    """Covered before plus gains is the objective; the bound is not below it; the check found nothing."""
    (siting,) = plan_result(sited, "zh")["siting"]
    assert siting["existing"] + sum(siting["gain"]) == pytest.approx(siting["objective"])
    assert siting["objective"] <= siting["bound"] + 1e-6
    assert siting["verified"]
    covered = sited.siting[0].demand
    assert covered.loc[covered["covered"] != "never", "weight"].sum() == pytest.approx(siting["objective"])


def test_the_plan_reaches_what_it_says_when_assessed_again(sited):
    """The assessment after building, made without the solver, finds the people that the siting promised."""
    result = plan_result(sited, "zh")
    (siting,) = result["siting"]
    after = next(f for f in result["after"]["measures"] if f["rule"] == "people-in-reach")
    whole = sum(row["weight"] for row in after["evidence"])
    assert after["low"] * whole == pytest.approx(siting["objective"], rel=1e-5)
    assert siting["rule"] == "people-in-reach"


def test_with_several_rules_on_reach_the_siting_says_which_it_stands_for(sited):
    """Sites are counted by the first one's requirement: result.json has its id, the report its title."""
    (first,) = sited.policy.of(DemandReach)
    second = first.model_copy(update={"id": "fast-reach", "site": SiteRequirement(dc_min_kw=350.0)})
    more = sited.policy.model_copy(update={"rules": (*sited.policy.rules, second)})
    (line,) = set(said(replace(sited, policy=more))) - set(said(sited))
    assert first.title["en"] in line


def said(plan) -> list[str]:
    """What the report says of the siting."""
    frame = sentences(plan, "en").frame
    return frame.loc[frame["part"] == "siting", "words"].tolist()


def test_building_more_never_makes_a_finding_worse(result):
    """Shares do not fall and kilometres per site do not rise."""
    for before, after in zip(result["findings"], result["after"]["findings"], strict=True):
        if before["low"] is None:
            continue
        if before["sense"] == ">=":
            assert after["low"] >= before["low"] - 1e-9
        else:
            assert after["high"] <= before["high"] + 1e-9


def test_real_osm_runs_end_to_end(helsinki):
    """Central Helsinki: chargers, facilities and quays from OSM, demand from a table, three new sites."""
    plan = make_plan(read_project(helsinki))
    assert len(plan.inputs.sites) >= 1
    assert plan.network["length_m"] > 20_000
    assert len(plan.siting[0].proposed) <= 3
    jsonschema.validate(plan_result(plan, "en"), result_schema())


def test_faults_of_several_files_are_told_together(helsinki):
    """A berth of 千吨 in one file and swapped coordinates in another: both are in the one message."""
    (helsinki / "berths.csv").write_text("name,class_t,lon,lat\nA,千吨,24.95,60.16\n", "utf-8")
    (helsinki / "demand.csv").write_text(
        "name,lon,lat,weight\nX,124.93,60.168,1\nY,60.17,194.93,2\n", "utf-8"
    )
    text = PROJECT.replace("[tables.berths]\nfrom_osm = true", '[tables.berths]\npath = "berths.csv"')
    (helsinki / "project.toml").write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        make_plan(read_project(helsinki))
    assert "千吨" in str(caught.value)
    assert "194.93" in str(caught.value)
    assert {fault.row for fault in caught.value.faults} >= {2, 3}
