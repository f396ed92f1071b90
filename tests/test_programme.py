"""The plan to adopt on the sample: carried out, judged by the assessment, changed by pins and money."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from plugspan.errors import InputError
from plugspan.pipeline import find_places
from plugspan.pipeline import judged as wrong_claims
from plugspan.programme import plan_programme
from plugspan.project import PlanSettings, read_project
from plugspan.rules.assessment import assess
from plugspan.rules.roads import RouteRule
from plugspan.rules.rows import RuleRows
from plugspan.siting.actions import carry_out
from plugspan.siting.plan_steps import unmet_table
from plugspan.siting.proof import check_proof
from plugspan.siting.rows import stack_rows
from plugspan.siting.step_gaps import gaps_by_step
from plugspan.study import load, sample_project
from plugspan.tables.numbers import plain
from plugspan.tables.result import plan_part
from plugspan.units import in_kilometres
from scipy import sparse


@pytest.fixture(scope="module")
def study():
    with sample_project() as path:
        return load(read_project(path))


@pytest.fixture(scope="module")
def candidates(study):
    return find_places(study)


def planned(study, candidates, **settings):
    """The plan with other settings of ``[plan]``."""
    project = study.project.model_copy(update={"plan": PlanSettings(**settings)})
    changed = type(study)(
        project, study.policy, study.region, study.roads, study.routes, study.inputs, study.background
    )
    changed.__dict__["context"] = study.context
    return plan_programme(changed, candidates)


@pytest.fixture(scope="module")
def least(study, candidates):
    return planned(study, candidates)


def judged(study, actions):
    inputs = carry_out(study.inputs, actions, study.policy)
    context = study.context.with_inputs(inputs)
    return assess(study.policy, inputs, study.roads, study.routes, study.region, context=context)


def test_the_least_plan_meets_every_rule(study, least):
    """Carried out and assessed anew, every rule with a target is met, and each value is the one that was claimed."""
    assert least.complete
    assert least.faults == ()
    assert least.unmet.empty
    after, last = judged(study, least.carried_out), least.steps.iloc[-1]
    for rule in least.rules:
        found = after[rule.rule]
        assert found.status == "met", rule.rule
        assert last[f"{rule.rule}.low"] == pytest.approx(found.low)
        assert last[f"{rule.rule}.high"] == pytest.approx(found.high)
    assert after["ordinary-highway-spacing"].figures["own_gaps_over"] == 0
    assert after["ordinary-highway-fast-coverage"].low == 1.0


def test_every_step_is_what_the_assessment_says(study, least):
    """After five and after twelve actions, too."""
    for k in (5, 12):
        after, row = judged(study, least.chosen.head(k)), least.steps.iloc[k]
        for rule in least.rules:
            assert row[f"{rule.rule}.low"] == pytest.approx(after[rule.rule].low), (k, rule.rule)
            assert row[f"{rule.rule}.high"] == pytest.approx(after[rule.rule].high), (k, rule.rule)


def test_a_site_of_unknown_power_in_service_counts_at_the_upper_end(study, candidates):
    """Nobody knows whether ZZ041 gives fast charging once it is in service: each step says so, as the assessment."""
    found = planned(study, candidates, required=("commission-ZZ041",), budget=100.0)
    k = found.steps["action"].tolist().index("commission-ZZ041")
    before, row = found.steps.iloc[k - 1], found.steps.iloc[k]
    fast = "ordinary-highway-fast-coverage"
    assert row[f"{fast}.high"] > row[f"{fast}.low"] == before[f"{fast}.low"]
    order = found.steps["action"].tolist()
    done = found.actions[found.actions["id"].isin(order[1 : k + 1])]
    after = judged(study, done)
    for rule in found.rules:
        assert row[f"{rule.rule}.low"] == pytest.approx(after[rule.rule].low), rule.rule
        assert row[f"{rule.rule}.high"] == pytest.approx(after[rule.rule].high), rule.rule
    assert wrong_claims(found, judged(study, found.carried_out)) == []


def test_the_gaps_of_every_step_are_what_the_assessment_finds(study, least):
    """Today, after five and twelve actions, and with all: the same gaps, each once, and the same longest one."""
    built = study.context.with_inputs(carry_out(study.inputs, least.carried_out, study.policy))
    rules = [r for r in study.policy.rules if isinstance(r, RouteRule)]
    rule = rules[0]
    found = gaps_by_step(study.context, built, rules, least)
    key = ["ref", "section", "direction", "from_km", "to_km", "length_km", "spacing_class"]
    for k in (0, 5, 12, len(least.chosen)):
        after = judged(study, least.chosen.head(k))
        now = found.gaps[(found.gaps["from_step"] <= k) & (k <= found.gaps["to_step"])]
        now = in_kilometres(now)  # to the metre
        gaps = in_kilometres(after.gaps[after.gaps["rule"] == rule.id])
        assert sorted(map(tuple, now[key].to_numpy())) == sorted(map(tuple, gaps[key].to_numpy())), k
        for each in rules:
            for name in ("gap_max_m", "gap_max_open", "own_gaps_over", "routes_over", "span_m"):
                wanted = pytest.approx(after[each.id].figures[name], abs=1e-3)
                assert found.figures[each.id].loc[k, name] == wanted, (k, name)
    assert not in_kilometres(found.gaps).duplicated([*key, "from_step"]).any()


def test_no_action_of_the_least_plan_can_be_left_out(study, least):
    """Each one is needed: without it a rule is no longer met, or the plan would not be the least."""
    chosen = least.chosen
    for name in chosen["id"].iloc[::6]:
        after = judged(study, chosen[chosen["id"] != name])
        assert any(after[rule.rule].status != "met" for rule in least.rules), name


@pytest.mark.parametrize(
    ("budget", "needed"),
    [(500.0, False), (900.0, True), (1650.0, True)],
    ids=["short", "short-once", "nearly"],
)
def test_where_money_binds_the_interval_of_the_cost_is_ordered(study, candidates, least, budget, needed):
    """No more is spent than there is; if the unknown turns out well, the rules need their least, or all of it."""
    found = planned(study, candidates, budget=budget)
    assert not found.complete
    assert found.cost_low <= found.cost_high <= budget
    assert found.cost_high == pytest.approx(found.chosen["cost"].sum())
    assert found.cost_low == pytest.approx(
        min(least.cost_low, found.cost_high) if needed else found.cost_high
    )


def test_with_all_that_is_unknown_turning_out_well_it_costs_less(least):
    """The interval of the cost, and what is needed either way."""
    assert least.cost_low < least.cost_high == least.least
    assert least.chosen["certain"].any()
    assert not least.chosen["certain"].all()
    assert (least.survey["saves_low"] <= least.cost_high - least.cost_low + 1e-6).all()


def test_with_more_money_no_rule_is_worse_off(study, candidates, least):
    """Budgets from nothing to half as much again: shares only rise, and a rule once met stays so."""
    before = met = None
    for budget in np.linspace(0, 1.5 * least.least, 7):
        found = planned(study, candidates, budget=float(budget))
        assert found.chosen["cost"].sum() <= budget + 1e-6
        last = found.steps.iloc[-1]
        now = {
            rule.rule: float(last[f"{rule.rule}.low"])
            for rule in found.rules
            if rule.rule not in ("ordinary-highway-spacing", "car-park-readiness")
        }
        assert len(now) == 4
        after = judged(study, found.carried_out)
        good = {rule.rule for rule in found.rules if after[rule.rule].status == "met"}
        assert good >= (met or set()), budget
        met = good
        for name, value in (before or {}).items():
            assert now[name] >= value - 1e-9, (budget, name)
        before = now
    assert before is not None


def test_years_keep_their_money_and_nest(study, candidates):
    """Spending up to each year stays within the money up to it; the last year meets the rules."""
    found = planned(study, candidates, years={2026: 600, 2027: 600, 2028: 700})
    assert found.stages is not None
    assert found.stages.status == "optimal"
    chosen = found.chosen
    assert chosen["order"].tolist() == list(range(1, len(chosen) + 1))
    assert chosen["stage_year"].is_monotonic_increasing
    for year, money in ((2026, 600), (2027, 1200), (2028, 1900)):
        assert chosen.loc[chosen["stage_year"] <= year, "cost"].sum() <= money + 1e-6
    assert found.complete


def test_pins(study, candidates, least):
    """Required, forbidden and cost by id, by name and by a place on a route."""
    out = least.chosen["id"].iloc[-1]
    found = planned(
        study,
        candidates,
        required=("G106 K100", "攸县客运枢纽"),
        forbidden=(out,),
        cost={"攸县客运枢纽": 1.0},
    )
    ids = set(found.chosen["id"])
    assert "G106 K100" in ids
    assert out not in ids
    with pytest.raises(InputError) as error:
        planned(study, candidates, required=("no such place",), forbidden=("neither",))
    assert len(error.value.faults) == 2


def test_rules_by_priority_alone(study, candidates):
    """Only the berths: five actions at most, each shore power."""
    found = planned(study, candidates, meet=("berth-shore-power",))
    assert set(found.chosen["kind"]) == {"shore_power"}
    with pytest.raises(InputError):
        planned(study, candidates, meet=("no-such-rule",))


def test_the_proof_is_plain_arithmetic(least):
    """As it is written and read back, the proof holds; with one action less it does not."""
    proof = json.loads(json.dumps(least.proof))
    assert check_proof(proof) == []
    assert check_proof({**proof, "chosen": proof["chosen"][1:]})


def test_greedy_is_told_with_its_distance(study, candidates, least):
    """By greedy choice alone it costs no less, and the bound says how much less a plan may cost at best."""
    found = planned(study, candidates, method="greedy")
    assert found.cost_high >= least.least
    level = found.levels[0]
    assert level.bound <= least.least + 1e-6
    assert judged(study, found.carried_out)["berth-shore-power"].status == "met"


def test_result_part_is_json(study, candidates, least):
    """What goes to result.json has no NaN and no numpy."""
    from types import SimpleNamespace

    before = judged(study, least.actions.iloc[:0])
    plan = SimpleNamespace(
        programme=least,
        step_gaps=None,
        before=before,
        after=judged(study, least.carried_out),
        project=study.project,
    )
    part = plain(plan_part(plan, "en"))
    text = json.dumps(part, allow_nan=False)
    assert {"actions", "steps", "levels", "stages", "unmet", "shared_gaps", "survey", "cost"} <= set(
        json.loads(text)
    )
    assert part["cost"]["unit"] == "万元"


def test_why_nothing_serves_an_item():
    """By the row that lacks: a road of which one stretch has no place is not one whose places were ruled out."""
    from types import SimpleNamespace

    world = SimpleNamespace(actions=pd.DataFrame({"kind": ["new_site", "new_site", "survey"]}))
    row_of_item = {
        "one stretch empty": [[1, 1, 0], [0, 0, 0]], "ruled out": [[1, 0, 0]], "both are not enough": [[0.5, 0.4, 0]],
        "unknown": [[0, 0, 1]], "can be built": [[0, 1, 0]],
    }  # fmt: skip
    matrix = sparse.csr_array(np.array([row for rows in row_of_item.values() for row in rows], float))
    item = np.repeat(np.arange(len(row_of_item)), [len(rows) for rows in row_of_item.values()])
    items = pd.DataFrame({"id": list(row_of_item), "weight": 1.0})
    rule = RuleRows("rule", matrix, np.ones(len(item)), item, items, served=0.0, total=5.0)
    found = unmet_table(world, stack_rows([rule], 3, [1]))
    assert found[["id", "why", "who"]].to_numpy().tolist() == [
        ["one stretch empty", "no_candidate", "bureau"], ["ruled out", "barred", "bureau"],
        ["both are not enough", "too_little", "bureau"], ["unknown", "survey", "bureau"],
    ]  # fmt: skip
