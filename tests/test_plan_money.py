"""What the rest of the money is spent on, who pays, and why a place is not in the plan."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest
from plugspan.errors import InputError
from plugspan.pipeline import make_plan
from plugspan.project import PlanSettings, SitingSettings, read_project
from plugspan.render.run import write_run
from plugspan.render.verify import verify_run
from plugspan.rules.costs import CostTable
from plugspan.siting.programme import ProgrammeOptions, _growth
from plugspan.study import load, sample_project, silent
from plugspan.tables.programme import money, why_not
from plugspan.tables.publication import Publication
from plugspan.texts import text

SHARED = {
    "new_site": {"paid_by": {"bureau": 0.3, "operator": 0.7}},
    "shore_power": {"paid_by": {"port": 1.0}},
}


MADE = {}
"""Plans by what they were asked for: several tests read the same one."""


def sample_plan(costs=None, **settings):
    asked = json.dumps([costs, settings], ensure_ascii=False)
    if asked not in MADE:
        MADE[asked] = _sample_plan(costs, settings)
    return MADE[asked]


def _sample_plan(costs, settings):
    with sample_project() as path:
        project = read_project(path)
        changes = {"plan": PlanSettings(**settings), "siting": SitingSettings()}
        if costs is not None:
            changes["costs"] = CostTable.model_validate(costs)
        return make_plan(project.model_copy(update=changes))


@pytest.fixture(scope="module")
def plan():
    """More money than the rules need, for people and roads; operators pay most of the new sites."""
    return sample_plan(SHARED, budget=2100.0, then={"people": 2, "highway": 1})


@pytest.fixture(scope="module")
def part(plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("money") / "run"
    write_run(plan, folder, overwrite=False, lang="zh", progress=silent)
    assert [fault.key for fault in verify_run(folder)[1] if not fault.warning] == []
    return json.loads((folder / "result.json").read_text("utf-8"))["plan"]


def test_several_aims_weigh_by_importance(plan, part):
    """100 for all people and all roads; the plan is proven, and people are still counted as people."""
    level = part["levels"][1]
    assert level["name"] == "aims"
    assert part["then"] == pytest.approx({"people": 2 / 3, "highway": 1 / 3})
    assert 0 < level["objective"] <= level["bound"] + 1e-6 < 100
    assert part["people"]["total"] > 1e5
    assert part["people"]["after"] == pytest.approx(part["steps"][-1]["people"])


def test_the_bureaus_own_part_is_a_number(plan, part):
    """By action and in all; what nobody is named for stands apart, and the parts add up."""
    new = sum(a["cost"] for a in part["actions"] if a["kind"] == "new_site")
    berths = sum(a["cost"] for a in part["actions"] if a["kind"] == "shore_power")
    paid = part["cost"]["paid_by"]
    assert paid["bureau"] == pytest.approx(0.3 * new)
    assert paid["operator"] == pytest.approx(0.7 * new)
    assert paid["port"] == pytest.approx(berths)
    assert sum(paid.values()) == pytest.approx(part["cost"]["high"])
    for action in part["actions"]:
        if action["kind"] == "new_site":
            assert action["paid_by"]["bureau"] == pytest.approx(action["bureau_cost"])


def test_the_terminal_does_not_call_money_for_people_the_least(plan):
    """With money for people the line tells the least beside the total; without, the total is the least."""
    assert plan.programme.spends_more
    exact = replace(plan, programme=replace(plan.programme, cost_high=plan.programme.least))
    for lang, words in (("en", "meets the rules, which alone need "), ("zh", "仅为达标最少 ")):
        line = next(line for line in Publication(plan, lang).summary if words in line[3])
        assert words + money(plan, plan.programme.least, lang) in line[3]
        assert not any(words in line[3] for line in Publication(exact, lang).summary)


def test_every_place_that_is_not_chosen_has_its_answer(plan, part):
    """Free places have the price of insisting and the cost at which they would be chosen, the others a reason."""
    actions = plan.programme.actions
    real = actions[~actions["kind"].isin(["survey", "opening"])]
    told = {row["action_id"] for key in ("actions", "others", "excluded") for row in part[key]}
    assert told == set(real["id"])
    for row in part["others"]:
        assert 0 <= row["insist_low"] <= row["insist_high"] + 1e-6
        assert row["chosen_at"] == pytest.approx(max(row["cost"] - row["insist_high"], 0.0), abs=1e-5)
    assert all(row["reason"] for row in part["excluded"])


def test_insisting_is_counted_from_the_cheapest_plan():
    """With money for people, too, no place costs more than its own price: what goes to people is not its fault."""
    actions = sample_plan(budget=2100.0).programme.actions
    free = actions[~actions["chosen"] & actions["insist_high"].notna()]
    assert len(free) > 50
    assert (free["insist_high"] <= free["cost"] + 1e-6).all()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_map_says_why_not_my_town(plan, lang):
    """Every place on a road or in a town that was left out has its sentence, with the figures of result.json."""
    table = why_not(plan, lang).set_index("id")
    actions = plan.programme.actions.set_index("id")
    grid = actions.index.str.startswith("route_point-") & actions.index.str.contains(r"\d\.\d{3,4}")
    assert grid.any()
    assert (grid == actions["span_point"].notna()).all()
    left = actions[~actions["chosen"] & ~actions["kind"].isin(["survey", "opening"]) & ~grid]
    assert set(table.index) == set(left.index[left.geometry.notna()])
    for name, row in table.iterrows():
        if row["left_out"] == "closed":
            assert text(f"choice.reason.{actions.loc[name, 'reason']}", lang) in row["why_words"]
        elif row["left_out"] == "equal":
            assert actions.loc[name, "insist_high"] <= 1e-6
        else:
            assert money(plan, actions.loc[name, "insist_high"], lang) in row["why_words"]
            at = actions.loc[name, "chosen_at"]
            assert at <= 0 or money(plan, at, lang) in row["why_words"]
    assert {"closed", "dearer"} <= set(table["left_out"])


def test_a_place_is_chosen_at_the_cost_that_was_told():
    """Two places left out that cost more than nothing: a little under that cost each is in a cheapest plan."""
    least = sample_plan()
    free = least.programme.actions
    free = free[~free["chosen"] & free["reason"].isna() & (free["chosen_at"] > 5.0)].sort_values("chosen_at")
    row = free.iloc[-1]
    cheaper = sample_plan(cost={row["id"]: float(row["chosen_at"]) - 1.0})
    assert cheaper.programme.least <= least.programme.least - 1.0 + 1e-6


def test_roads_are_an_aim_of_their_own():
    """With "highway" the level counts metres of road, and reaches at least what the plan for people does."""
    roads = sample_plan(budget=2100.0, then="highway").programme
    level = roads.levels[1]
    assert level.name == "highway"
    assert level.objective > 1e4
    assert sample_plan(budget=2100.0).programme.people_after >= roads.people_after - 1e-6


def test_demand_grows_by_county_and_year():
    """Where a county's people grow twentyfold the rest of the money goes there; elsewhere nothing changes."""
    years = {2026: 1000.0, 2028: 900.0}
    plain = sample_plan(years=years).programme
    grown = sample_plan(years=years, growth={"炎陵县": {2028: 20.0}, "*": {2027: 1.0}}).programme
    assert grown.people_total > plain.people_total
    assert grown.faults == plain.faults == ()
    assert grown.least == plain.least
    factor = 20.0
    own = plain.people_total + (factor - 1.0) * _people_of("炎陵县")
    assert grown.people_total == pytest.approx(own)
    with pytest.raises(InputError) as error:
        sample_plan(growth={"没有县": {2028: 2.0}})
    assert [fault.key for fault in error.value.faults] == ["plan-growth-county", "plan-growth-years"]


def _people_of(county):
    with sample_project() as path:
        demand = load(read_project(path)).inputs.demand
    return float(demand.loc[(demand["county"] == county) & demand["inside"], "weight"].sum())


@pytest.mark.parametrize(
    ("year", "factor"),
    [(2025, 1.0), (2026, 1.0), (2027, 1.1), (2028, 1.2), (2029, 1.3), (2030, 1.4), (2040, 1.4)],
)
def test_growth_is_straight_between_the_years_that_are_given(year, factor):
    """From 1 in the year assessed; after the last year it stays."""
    options = ProgrammeOptions(growth={"a": {2028: 1.2, 2030: 1.4}, "*": {2028: 2.0}}, begin=2026)
    demand = pd.DataFrame({"county": ["a", "b", "a"], "grows": [True, True, False]})
    found = _growth(demand, options, year)
    assert found[[0, 2]] == pytest.approx([factor, 1.0])
    assert found[1] == pytest.approx(min(max(1.0 + (year - 2026) / 2, 1.0), 2.0))
