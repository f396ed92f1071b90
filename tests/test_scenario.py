"""Scenarios: what a page saved is recounted, compared and merged; what is wrong with a file is named."""

from __future__ import annotations

import json

import docx
import jsonschema
import numpy as np
import pytest
from edit_states import Witness
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.cli import main
from plugspan.errors import InputError
from plugspan.network.access import find_served
from plugspan.pipeline import find_places, plan_study
from plugspan.programme import plan_programme, scenario_differences
from plugspan.project import read_project
from plugspan.render.files import write_report_files
from plugspan.render.result_schema import result_schema
from plugspan.render.verify import _plan_states, _same
from plugspan.scenario import Scenario, ScenarioPlace, merge_scenarios, read_scenario
from plugspan.siting.pins import own_places
from plugspan.study import load, sample_project
from plugspan.tables.edit_tables import edit_data
from plugspan.tables.numbers import plain
from plugspan.tables.result import plan_part, plan_result
from plugspan.tables.sentences import brief_sentences
from plugspan.units import lonlat


@pytest.fixture(scope="module")
def study():
    with sample_project() as path:
        return load(read_project(path))


@pytest.fixture(scope="module")
def recounted(study):
    """A random scenario of the sample, with a site of today closed, recounted; its state, and its witness."""
    witness = Witness(plan_programme(study, find_places(study)).world)
    rng = np.random.default_rng(2)
    actions, sites = witness.world.actions, witness.world.context.inputs.sites
    on = (rng.random(len(actions)) < 0.15) & ~actions["kind"].isin(["survey", "opening"]).to_numpy(bool)
    on &= actions["reason"].isna().to_numpy(bool)
    status = witness.world.context.status(study.policy.rules[2].site)
    off = np.zeros(len(sites), bool)
    off[np.flatnonzero(sites["inside"].to_numpy(bool) & (status == "yes"))[:2]] = True
    closed = [f"site:{name}" for name in sites["id"][off]]
    ids = actions["id"][on].astype(str).tolist()
    scenario = Scenario(schema=1, on=ids, off=closed, years=dict.fromkeys(ids[:3], 2027))
    return plan_study(study, scenario=scenario), scenario, on, off, witness


def test_the_name_of_a_place_has_all_its_metres():
    """A project requires places by it: 1107.412 km of a long road is not 1107.41."""
    assert ScenarioPlace(ref="G320", km=1107.412, direction="backward").name == "G320 1107.412 km ←"
    assert ScenarioPlace(ref="G106", km=112.5, section=2).name == "G106 112.5 km (2)"


def test_a_scenario_is_recounted_as_it_is(recounted):
    """Exactly its actions are carried out, and every rule has the value that the assessment gives that state."""
    plan, scenario, on, off, witness = recounted
    gone = {f"{kind}-{site}" for kind in ("upgrade", "commission") for site in scenario.closed_sites}
    assert set(plan.programme.chosen["id"]) == set(scenario.on) - gone
    assert plan.programme.faults == ()
    expected = witness.findings(on, off)
    for finding in plan.after.findings:
        other = expected[finding.rule.id]
        assert finding.low == pytest.approx(other.low), finding.rule.id
        assert finding.high == pytest.approx(other.high), finding.rule.id
    years = plan.programme.chosen.set_index("id")["stage_year"]
    assert {int(years[name]) for name in set(scenario.on[:3]) - gone} == {2027}
    assert plan.before["ordinary-highway-spacing"].figures["sites"] > 0


def test_a_scenario_may_cost_more_than_there_is(recounted):
    """Nobody claimed that it keeps within the money of the years: `plugspan verify` finds no fault in it."""
    plan, *_ = recounted
    result = plain(plan_result(plan, "en"))
    for stage in result["plan"]["stages"]:
        stage["budget"] = 1.0
    claims = _plan_states(result["plan"], {row["rule"]: row for row in result["after"]["findings"]})
    assert [name for name, said, found in claims if not _same(name, said, found)] == []


def test_a_recounted_plan_may_be_changed_on(recounted):
    """On its map all can be switched but what the project itself decides; sites that it closed stay so."""
    plan, scenario, _, _, witness = recounted
    model, today = edit_data(plan, "en"), witness.world.actions.set_index("id")
    actions = model["actions"]
    barred = {
        name for name, reason in zip(actions["id"], actions["reason"], strict=True) if reason is not None
    }
    assert barred == set(today.index[today["reason"].notna()]) & set(actions["id"])
    assert not any(actions["pinned"])
    assert model["closed"] == list(scenario.closed_sites)


def test_a_place_of_its_own_is_built_exactly_there(study):
    """At its metre of the road, for the price of a site at a route; a mark that is somewhere else by now is a fault."""
    route = next(r for r in study.routes if r.ref == "G106")
    km = round(route.sections[0].drives[0].start_m / 1000 + 12.3456, 3)
    place = ScenarioPlace(ref="G106", km=km)
    plan = plan_study(study, scenario=Scenario(schema=1, on=[], places=[place], years={place.id: 2027}))
    chosen = plan.programme.chosen
    assert chosen["id"].tolist() == [place.id]
    assert chosen["stage_year"].tolist() == [2027]
    assert chosen["cost"].tolist() == [plan.programme.costs.new_site.of("route_point", 4, 480)]
    model = edit_data(plan, "en")  # on the map of the recounted plan it is a place of one's own again
    ((line, at),) = [tuple(own.values()) for own in model["actions"]["own"] if own]
    assert (model["lines"][line]["key"], at) == (["G106", 1, "forward"], round(km * 1000))
    context, points = study.context, lonlat(chosen.geometry)
    served = find_served(context.index, [route], context.snapper.snap(points), points)
    assert served["chainage_m"].to_numpy() == pytest.approx(km * 1000, abs=1e-3)
    assert set(served["direction"]) == {"forward", "backward"}
    assert plan.programme.faults == ()
    there = place.model_copy(update={"lon": points[0, 0], "lat": points[0, 1] + 0.01})
    with pytest.raises(InputError) as error:
        own_places(context, [there], "scenario.json")
    assert [fault.key for fault in error.value.faults] == ["scenario-place-moved"]


def test_no_output_calls_a_scenario_the_best(recounted, tmp_path):
    """The outputs say that a person made the plan; nothing stands as proven or as least money."""
    plan = recounted[0]
    assert plan_part(plan, "en")["given"] is True
    jsonschema.validate(plan_result(plan, "en"), result_schema(), cls=jsonschema.Draft202012Validator)
    assert "not optimised" in brief_sentences(plan, "en")[0]
    write_report_files(plan, tmp_path / "a.docx", pdf=False, overwrite=False, lang="en")
    words = "\n".join(p.text for p in docx.Document(str(tmp_path / "a.docx")).paragraphs)
    assert "recounted, not optimised" in words
    for claim in ("least money", "the rules alone need", "Optimisation and proof", "whatever a survey finds"):
        assert claim not in words, claim


def test_what_the_page_said_is_compared(recounted):
    """A figure that differs is a fault by name."""
    plan, scenario, *_ = recounted
    rule = plan.after["ordinary-highway-spacing"]
    figures = {
        "cost": plan.programme.cost_high,
        "people": plan.programme.people_after,
        "longest_gap_km": round(plan.step_gaps.figures[plan.step_gaps.rule].iloc[-1]["gap_max_m"] / 1000, 3),
        "gaps_over": int(rule.figures["own_gaps_over"]),
        "rules": {rule.rule.id: {"low": rule.low, "high": rule.high + 1.0}},
    }
    told = scenario.model_copy(update={"figures": figures})
    wrong = scenario_differences(told, plan.programme, plan.after, plan.step_gaps)
    assert wrong == ["scenario ordinary-highway-spacing.high"]
    figures["rules"][rule.rule.id]["high"] = rule.high
    assert scenario_differences(told, plan.programme, plan.after, plan.step_gaps) == []
    figures["cost"] += 0.1
    assert scenario_differences(told, plan.programme, plan.after, plan.step_gaps) == ["scenario cost"]


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"on": ["fuel-FS0x"]}, "scenario-action-unknown"),
        ({"on": [], "off": ["site:nowhere"]}, "scenario-site-unknown"),
        ({"on": [], "places": [{"ref": "G999", "km": 3}]}, "plan-pin-nowhere"),
    ],
)
def test_what_is_not_there_is_named(study, told, kind):
    with pytest.raises(InputError) as error:
        plan_study(study, scenario=Scenario(schema=1, **told))
    assert {fault.key for fault in error.value.faults} <= {kind, "plan-action-unknown"}


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"schema": 2, "on": []}', '{"schema": 1}', '{"schema": 1, "on": [""]}', "\xff"],
)
def test_a_damaged_file_is_an_input_error(tmp_path, content):
    path = tmp_path / "scenario.json"
    path.write_text(content, "latin-1")
    with pytest.raises(InputError):
        read_scenario(path)
    with pytest.raises(InputError):
        read_scenario(tmp_path)


decisions = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["on", "on 2027", "off"]))


def scenario_of(found):
    return Scenario(
        schema=1,
        on=[k for k, v in found.items() if v.startswith("on")],
        off=[k for k, v in found.items() if v == "off"],
        years={k: int(v.split()[1]) for k, v in found.items() if " " in v},
    )


@settings(max_examples=150, deadline=None)
@given(decisions, decisions, decisions)
def test_merging(a, b, c):
    """Who alone changed something wins, the same change is agreed on, different ones are conflicts, in any order."""
    base, one, other = map(scenario_of, (a, b, c))
    merged, turned = merge_scenarios(base, one, other), merge_scenarios(base, other, one)
    for name in "abcdef":
        x, y, z = (found.get(name, "") for found in (a, b, c))
        if y != x and z != x and y != z:
            assert merged.conflicts[name] == (x, y, z)
            assert merged.decisions.get(name, "") == x
        else:
            assert name not in merged.conflicts
            assert merged.decisions.get(name, "") == (y if y != x else z)
    assert merged.decisions == turned.decisions
    assert merge_scenarios(base, one, one).decisions == one.decisions()
    assert merge_scenarios(base, base, one).decisions == one.decisions()


def said(capsys, *args):
    """Exit code and output of a command."""
    with pytest.raises(SystemExit) as ended:
        main([*map(str, args), "--lang", "en"])
    return ended.value.code or 0, capsys.readouterr().out


def test_the_commands(tmp_path, capsys):
    """Merge lists agreements and conflicts and writes what is joined; compare takes two scenarios."""
    for name, told in (
        ("base", {"on": ["a", "b"]}),
        ("mine", {"on": ["a", "b", "c"], "places": [{"ref": "G106", "km": 12.5}]}),
        ("theirs", {"on": ["b"], "off": ["c"], "figures": {"cost": 3}}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps({"schema": 1, "name": name, **told}), "utf-8")
    files = [tmp_path / f"{name}.json" for name in ("base", "mine", "theirs")]
    out = tmp_path / "joined.json"
    code, lines = said(capsys, "merge", *files, "--out", out)
    assert code == 1
    assert "conflict\tc\tnot chosen\ton\truled out" in lines
    assert "agreed\ta\tnot chosen" in lines
    joined = read_scenario(out)
    assert (joined.on, joined.off) == (("b",), ())
    assert [place.name for place in joined.places] == ["G106 12.5 km"]
    code, lines = said(capsys, "compare", *files[1:])
    assert code == 0
    assert "a\ton\tnot chosen" in lines
    assert "cost\t–\t3" in lines
    assert said(capsys, "compare", files[0], files[0]) == (0, "No difference.\n")
