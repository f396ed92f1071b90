"""A stranger checks a plan: ``verify`` derives bounds, rows and money anew, and finds whatever was changed."""

from __future__ import annotations

import json
import random
import shutil

import jsonschema
import pytest
from plugspan.atomic import MARKER
from plugspan.cli import _run
from plugspan.pipeline import make_plan
from plugspan.project import PlanSettings, read_project
from plugspan.render.result_schema import result_schema
from plugspan.render.run import write_run
from plugspan.render.verify import verify_run
from plugspan.study import sample_project, silent


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """A run of the sample with money for two years; without the list of files, so that only numbers can tell."""
    with sample_project() as path:
        project = read_project(path)
        settings = PlanSettings(years={2026: 900, 2027: 1000})
        plan = make_plan(project.model_copy(update={"plan": settings}))
        folder = tmp_path_factory.mktemp("proof") / "run"
        write_run(plan, folder, overwrite=False, lang="en", progress=silent)
    (folder / MARKER).unlink()
    return folder


@pytest.fixture
def copy(honest, tmp_path):
    shutil.copytree(honest, tmp_path / "run")
    return tmp_path / "run"


def faults_of(folder):
    return [fault for fault in verify_run(folder)[1] if not fault.warning]


def change(folder, edit):
    path = folder / "result.json"
    result = json.loads(path.read_text("utf-8"))
    edit(result["plan"])
    path.write_text(json.dumps(result, ensure_ascii=False), "utf-8")


def test_an_honest_plan_holds(honest):
    """Nothing is wrong; what rests on branch and bound alone is said with both bounds, and the exit code is 0."""
    checked, faults = verify_run(honest)
    assert checked > 120
    assert [fault.key for fault in faults if not fault.warning] == []
    plan = json.loads((honest / "result.json").read_text("utf-8"))["plan"]
    beyond = [level for level in plan["levels"] if level["rests_on"] == "branch_and_bound"]
    told = [fault for fault in faults if fault.key == "verify-branch-and-bound"]
    assert len(told) == len(beyond)
    for level, fault in zip(beyond, told, strict=True):
        assert f"{level['price_bound']:.9g}" in fault.render("en")
    years = plan["schedule"]["rests_on"] == "branch_and_bound"
    assert any(fault.key == "verify-years" for fault in faults) == years
    assert any(fault.key == "verify-years-missed" for fault in faults) == bool(plan["schedule"]["missed"])
    assert _run(["verify", str(honest)]) == 0


def test_the_result_keeps_its_schema(honest):
    """``plan`` with its proof is what the published schema says."""
    jsonschema.validate(json.loads((honest / "result.json").read_text("utf-8")), result_schema())


def stretch(plan, k=0):
    return [row for row in plan["proof"]["rows"] if "line" in row][k]


def reached(plan):
    chosen = set(plan["proof"]["chosen"])
    return next(demand for demand in plan["proof"]["demand"] if chosen & set(demand["actions"]))


def forge_bound(plan):
    """A bound that the prices don't prove, told alike in both places."""
    plan["levels"][0]["price_bound"] += 5.0
    plan["proof"]["levels"][0]["price_bound"] += 5.0


def forge_rows(plan):
    """Stretches that fewer places serve than lie in them: the bound rises, the rows are no longer the road's."""
    for row in plan["proof"]["rows"]:
        if "line" in row and len(row["actions"]) > 1:
            row["actions"] = [j for j in row["actions"] if j in plan["proof"]["chosen"]] or row["actions"][:1]


def forge_years(plan):
    """A better bound of the years than the prices prove, told alike in both places."""
    for part in (plan["schedule"], plan["proof"]["years"]):
        part["price_bound"] = part["bound"] = part["objective"]


def hurry(plan):
    """Everything in the first year."""
    years = plan["proof"]["years"]
    years["stage"] = [min(year, 0) for year in years["stage"]]


TAMPERED = {
    "a better bound of the years": forge_years,
    "actions hurried": hurry,
    "a year's money in the proof": lambda p: p["proof"]["years"]["money"].__setitem__(0, 1e6),
    "a rule due later": lambda p: p["proof"]["rules"][0].update(due=2040),
    "what is missed": lambda p: (p["schedule"]["missed"].clear(), p["proof"]["years"]["missed"].clear()),
    "people of a year": lambda p: p["proof"]["years"]["people"][0].__setitem__(
        slice(None), [0.0] * len(p["proof"]["demand"])
    ),
    "prices of years too few": lambda p: p["proof"]["years"]["prices"].pop(),
    "a cheaper action": lambda p: p["actions"][3].update(cost=1.0),
    "a cheaper total": lambda p: p["cost"].update(high=p["cost"]["high"] - 10),
    "an action less": lambda p: p["actions"].pop(),
    "another order": lambda p: p["actions"].insert(0, p["actions"].pop()),
    "a cost of the proof": lambda p: p["proof"]["cost"].__setitem__(p["proof"]["chosen"][0], 1.0),
    "a chosen one less in both": lambda p: (p["actions"].pop(), p["proof"]["chosen"].pop()),
    "a better bound": forge_bound,
    "a bound of a level": lambda p: p["levels"][0].update(bound=p["levels"][0]["objective"] + 1),
    "a price": lambda p: p["proof"]["levels"][0]["prices"].__setitem__(
        slice(None), [0.5 * y for y in p["proof"]["levels"][0]["prices"]]
    ),
    "rows of fewer places": forge_rows,
    "a stretch elsewhere": lambda p: stretch(p).update(from_m=stretch(p)["from_m"] + 15_000.0),
    "a stretch off the road": lambda p: stretch(p).update(from_m=1e7, actions=[]),
    "a wider need": lambda p: stretch(p).update(need=2.0),
    "a row's item": lambda p: p["proof"]["items"][0].update(hopeless=True),
    "people": lambda p: p["levels"][1].update(objective=p["levels"][1]["objective"] + 1000),
    "demand": lambda p: reached(p).update(weight=reached(p)["weight"] + 100.0),
    "people afterwards": lambda p: p["people"].update(after=p["people"]["after"] + 100.0),
    "a value at the end": lambda p: p["steps"][-1]["rules"]["ordinary-highway-fast-coverage"].update(low=0.9),
    "a year's money": lambda p: p["stages"][0].update(budget=100.0),
    "a year's spending": lambda p: p["stages"][0].update(spent=p["stages"][0]["spent"] - 1.0),
    "the purse": lambda p: p["proof"].update(purse=p["proof"]["purse"] + 500),
    "a negative position": lambda p: stretch(p)["actions"].append(-1),
    "no proof": lambda p: p.pop("proof"),
    "prices too few": lambda p: p["proof"]["levels"][0]["prices"].pop(),
    "a need of nothing": lambda p: stretch(p).update(need=0.0),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_plan_is_found(copy, what):
    """Each change is a fault; the run is refused with exit code 3."""
    change(copy, TAMPERED[what])
    assert faults_of(copy), what
    assert _run(["verify", str(copy)]) == 3


def test_weaker_prices_only_prove_less(copy):
    """Any prices are fine as long as no more is claimed than they prove: then nothing is wrong."""

    def weaken(plan):
        for level, proven in zip(plan["levels"], plan["proof"]["levels"], strict=True):
            worst = plan["proof"]["purse"] * 0 if level["name"] != "people" else 1e12
            level["price_bound"] = proven["price_bound"] = worst
            proven["prices"] = [0.0] * len(proven["prices"])

    change(copy, weaken)
    assert faults_of(copy) == []


def test_no_damage_is_a_traceback(copy):
    """Values of the plan replaced at random by others: faults or none, never an exception."""
    rng = random.Random(5)
    whole = (copy / "result.json").read_text("utf-8")
    for _ in range(25):
        result = json.loads(whole)
        at = result["plan"]
        for _ in range(rng.randrange(1, 5)):
            key = rng.choice(list(at) if isinstance(at, dict) else range(len(at))) if at else None
            if key is None or not isinstance(at[key], (dict, list)) or not at[key]:
                break
            at = at[key]
        if isinstance(at, dict):
            at[rng.choice(list(at))] = rng.choice([None, "x", -1, [], {}, 1e300])
        else:
            at[rng.randrange(len(at))] = rng.choice([None, "x", -1, [], {}, 1e300])
        (copy / "result.json").write_text(json.dumps(result), "utf-8")
        verify_run(copy)
