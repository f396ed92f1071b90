"""The constraints of ``[siting]`` from the project file to the recounted result, on the embedded sample."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys

import jsonschema
import pytest
from coverage_case import coverage_file, coverage_project
from plugspan.errors import InputError
from plugspan.pipeline import PROPOSE_OPTIONS, _assessed_routes, find_places, load
from plugspan.project import SitingSettings, read_project
from plugspan.render.result_schema import result_schema
from plugspan.render.verify import verify_run
from plugspan.rules.reach import first_of_charging
from plugspan.siting.planning.constraints import Constraints, SolverOptions
from plugspan.siting.planning.propose import _same, claimed_of, propose
from plugspan.siting.planning.recount import claims
from plugspan.tables.numbers import plain
from plugspan.tables.result import siting_row

PLACE = "route_point-G106-1-125.0"


@pytest.fixture(scope="module")
def study(root, tmp_path_factory):
    """The sample, read once, and its candidates."""
    found = load(coverage_project(root, tmp_path_factory.mktemp("coverage")))
    return found, find_places(found)


def siting(study, **settings):
    """Propose sites with these settings beside those of the sample."""
    found, candidates = study
    options = {**found.project.siting.model_dump(), "time_limit_s": 3600.0, **settings}
    checked = SitingSettings.model_validate(options)
    constraints = Constraints.from_options(checked.model_dump())
    answer = propose(
        found.inputs,
        found.roads,
        _assessed_routes(found),
        candidates,
        region=found.region.polygon,
        site=first_of_charging(found.policy).site,
        solver=SolverOptions(checked.time_limit_s, checked.gap, checked.seed),
        constraints=constraints,
        **checked.model_dump(include=PROPOSE_OPTIONS),
    )
    return answer, constraints, checked


WANTED = {
    "limits": {
        "required": [PLACE],
        "forbidden": ["fuel-FS23"],
        "min_distance_km": 5.0,
        "min_per_county": {"攸县": 2, "茶陵县": 1},
    },
    "capacity": {"capacity": {"per_plug": 2000, "plugs": 12}},
    "backup": {"backup": 0.4},
    "scenarios": {
        "scenarios": {
            "春节": {"demand": {"攸县": 2.0}, "detour": 1.3},
            "近": {"detour": 0.8, "probability": 3},
        },
        "scenario_goal": "expected",
    },
    "aims": {
        "aims": {"people": 5, "highway": 3, "equity": 1, "cost": 1},
        "pareto_front": ["people", "highway"],
    },
    "money": {"sites": None, "budget": 4.0},
}


@pytest.fixture(scope="module", params=WANTED)
def answer(request, study):
    """One siting for each kind of constraint."""
    return request.param, *siting(study, **WANTED[request.param])


def test_every_claim_is_recounted(answer):
    """The independent check finds nothing, and it looks at a good deal."""
    _, found, constraints, options = answer
    assert found.faults == ()
    claimed = claimed_of(found, constraints, options.reach_km, n_sites=options.sites, budget=options.budget)
    assert len(list(claims(claimed))) > 200


def test_the_record_follows_the_schema(answer):
    """Every entry of result.json is described, and nothing else is in it."""
    schema = result_schema()["properties"]["siting"]["items"]
    jsonschema.validate(plain(siting_row(answer[1], "en")), schema, cls=jsonschema.Draft202012Validator)


CHANGED = {
    "limits": [("counties", 1, "sites"), ("counties", 1, "after"), ("sites", 70, "left"), ("sites", 70, "lon")],
    "capacity": [("sites", 70, "served"), ("sites", 3, "capacity"), ("goal", None, "objective")],
    "backup": [("backup", 1, "left_worst"), ("backup", 1, "twice"), ("goal", None, "objective"), ("goal", None, "gap")],
    "scenarios": [("scenarios", 0, "after"), ("scenarios", 1, "total"), ("scenarios", 1, "probability"),
                  ("goal", None, "before")],
    "aims": [("aims", 1, "share_after"), ("aims", 2, "share_before"), ("aims", 3, "share_after"),
             ("pareto_front", 1, "share_second"), ("pareto_front", 0, "cost")],
    "money": [("frontier_by_money", 3, "cost"), ("frontier_by_money", 5, "objective"), ("sites", 0, "covers")],
}  # fmt: skip


def test_a_changed_number_is_found(answer):
    """Whatever number is changed, the recount says so."""
    kind, found, constraints, options = answer
    claimed = claimed_of(found, constraints, options.reach_km, n_sites=options.sites, budget=options.budget)
    for table, row, column in CHANGED[kind]:
        forged = copy.deepcopy(dict(claimed.row))
        record = forged[table] if row is None else forged[table][row]
        record[column] = record[column] * 1.5 + 100 if column != "lon" else found.sites["lon"].iloc[0]
        if column == "lon":
            record["lat"] = found.sites["lat"].iloc[0]
        told = type(claimed)(**{**vars(claimed), "row": forged})
        wrong = [name for name, claim, real in claims(told) if not _same(claim, real, found.result.total)]
        assert wrong, (table, row, column)


def test_limits_hold(answer):
    """The required place is built, the forbidden one is not, counties have what they need, the curve is right."""
    kind, found, _, _ = answer
    chosen = set(found.proposed["id"])
    if kind == "limits":
        assert PLACE in chosen
        assert "fuel-FS23" not in chosen
        by_county = found.counties.set_index("county")
        assert by_county.loc["攸县", "sites"] >= 2
        assert by_county.loc["茶陵县", "sites"] >= 1
        assert found.choices.set_index("id")["required"][PLACE]
    if kind == "money":
        assert found.frontier.empty
        curve = found.frontier_by_money.set_index("budget")
        assert curve.loc[4.0, "objective"] == found.result.objective
        assert (curve["cost"] <= curve.index).all()
    else:
        assert found.frontier_by_money.empty


def test_what_was_not_asked_for_is_empty(study):
    """Plain coverage: no goal, no scenarios, no aims; failures and counties are always told."""
    found, _, _ = siting(study)
    assert found.goal is None
    assert all(
        getattr(found, name).empty for name in ("scenarios", "aims", "pareto_front", "served", "aim_demand")
    )
    assert found.backup["phase"].tolist() == ["before", "after"]
    assert found.counties["after"].sum() == found.result.objective
    assert len(found.sites) == found.backup["sites"].iloc[1]


@pytest.mark.parametrize(
    ("constraints", "key"),
    [
        ({"min_per_county": 5}, "siting-group-candidates"),
        ({"sites": 1, "required": [PLACE, "fuel-FS23"]}, "siting-required-number"),
        ({"sites": None, "budget": 0.5, "required": [PLACE]}, "siting-required-budget"),
        (
            {"required": [PLACE, "route_point-G106-1-135.0"], "min_distance_km": 15},
            "siting-required-conflict",
        ),
        ({"sites": 3, "min_per_county": {"攸县": 2, "茶陵县": 2}}, "siting-group-number"),
    ],
)
def test_what_cannot_be_had_is_told_in_both_languages(study, constraints, key):
    """No plan, no traceback: status, reason and remedy with the names of the project, and the recount agrees."""
    found, _, _ = siting(study, **constraints)
    assert found.result.status == "infeasible"
    assert found.result.reason.key == key
    assert found.proposed.empty
    assert found.faults == ()
    for lang in ("zh", "en"):
        assert "{" not in found.result.reason.render(lang)
    if key == "siting-required-conflict":
        assert "route_point-G106-1-135.0" in found.result.reason.render("en")


def test_names_that_are_in_no_table_are_faults(study):
    """Unknown candidates (with near ones) and counties (with the known ones), all at once."""
    with pytest.raises(InputError) as caught:
        siting(
            study,
            required=["fuel-FS99"],
            forbidden=["nowhere"],
            min_per_county={"攸线": 1},
            scenarios={"a": {"demand": {"Nowhere": 2.0}}},
            aims={"flow": 1},
        )
    assert [f.key for f in caught.value.faults] == [
        "siting-candidate-unknown",
        "siting-candidate-unknown",
        "siting-county-unknown",
        "siting-county-unknown",
        "siting-no-flow",
    ]
    assert "fuel-FS" in caught.value.faults[0].values["near"]
    assert "攸县" in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("backup = 0.9", "0.5"),
        ("backup = 0.2\naims = { people = 1 }", "only one of"),
        ("capacity = { plugs = 3 }", "per_plug"),
        ('scenario_goal = "worst"', "scenarios"),
        ('required = ["a"]\nforbidden = ["a"]', "both required and forbidden"),
        ('pareto_front = ["people", "people"]', "different"),
        ("aims = { people = 0 }", "importance"),
        ("aims = { poeple = 1 }", "poeple"),
        ("min_distance_km = -1", "at least 0"),
        ("min_per_county = { x = -2 }", "at least 0"),
        ("[siting.scenarios.a]\ndetour = 0", "greater than 0"),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path, lines, words):
    """Each is a fault of the project file that says what is expected."""
    text = f'schema = 1\nname = "x"\n[network]\nosm = "x.osm"\n[siting]\nsites = 2\n{lines}\n'
    (tmp_path / "project.toml").write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        read_project(tmp_path)
    assert words in str(caught.value)


def test_a_run_without_a_plan_is_written_and_ends_with_code_4(root, tmp_path):
    """The assessment is there, the reason stands in result.json and on stderr, and the run verifies."""
    file = coverage_file(root, tmp_path / "in")
    text = file.read_text("utf-8").replace("sites = 8\n", "sites = 8\nmin_per_county = 5\n")
    file.write_text(text, "utf-8")
    command = [sys.executable, "-m", "plugspan", "run", str(file), "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [*command, "--lang", "en"], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 4, done.stderr
    assert "min_per_county" in done.stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text("utf-8"))
    assert result["siting"][0]["status"] == "infeasible"
    assert "天元区" in result["siting"][0]["reason"]
    assert result["findings"]
    assert verify_run(tmp_path / "run")[1] == []
