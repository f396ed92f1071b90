"""Each policy gives a plan by its own spans and in its own money, and the assessment confirms what the plan says."""

from __future__ import annotations

import json

import pytest
from plugspan.pipeline import make_plan
from plugspan.project import PlanSettings, SitingSettings, read_project
from plugspan.render.run import write_run
from plugspan.render.verify import verify_run
from plugspan.rules.policy import read_policy
from plugspan.rules.roads import GAP_COLUMNS
from plugspan.study import sample_project, silent
from plugspan.tables.plan_panel import brief_sentences
from plugspan.tables.programme import rules_outside
from plugspan.tables.publication import Publication

ROADS = {
    "eu-afir": {"tent_core": ("G106",), "tent_comprehensive": ("G320", "S3.*")},
    "us-nevi": {"corridor": ("G106", "S2.*")},
    "cn-national": {},
}
CURRENCY = {"eu-afir": "k€", "us-nevi": "k$", "cn-national": "万元"}


def sample_plan(policy, **settings):
    with sample_project() as path:
        project = read_project(path)
        changes = {"policy": policy, "plan": PlanSettings(**settings), "siting": SitingSettings()}
        if ROADS[policy]:
            changes["road_class"] = ROADS[policy]
        return make_plan(project.model_copy(update=changes))


@pytest.fixture(scope="module", params=sorted(ROADS))
def plan(request):
    return sample_plan(request.param)


def confirmed(plan):
    """Every value at the end is what the assessment finds, whether it is met or not."""
    programme = plan.programme
    assert programme.faults == ()
    last = programme.steps.iloc[-1]
    for rule in programme.rules:
        found = plan.after[rule.rule]
        for end, value in (("low", found.low), ("high", found.high)):
            if value is not None:
                assert last[f"{rule.rule}.{end}"] == pytest.approx(value, abs=1e-9), rule.rule


def test_the_assessment_confirms_the_plan(plan):
    """With reading "two_site" (AFIR), "route" (NEVI) and pairs (China)."""
    assert len(plan.programme.chosen)
    confirmed(plan)


def test_what_can_be_met_is_met(plan):
    """A rule that is not met in the end has an entry that says what nothing can serve."""
    missed = {f.rule.id for f in plan.after.findings if f.status in ("not met", "not due", "undecided")}
    made = {rule.rule for rule in plan.programme.rules}
    assert missed & made <= set(plan.programme.unmet["rule"])


def test_gaps_have_the_same_columns_under_every_policy(plan):
    """Also where no rule asks for spacing, as in the national policy: what shows gaps then shows none."""
    for state in (plan.before, plan.after):
        assert set(state.gaps) == {*GAP_COLUMNS, "geometry"}


def test_rules_that_the_plan_leaves_are_named(plan):
    """Those it is made for and those named beside it are all rules with a target, in sentences and on the terminal."""
    made = {rule.rule for rule in plan.programme.rules}
    asked = {f.rule.id for f in plan.before.findings if f.target is not None}
    outside = rules_outside(plan)
    assert {rule.id for rule in outside} == asked - made
    lines = " ".join(
        line[3].strip() for line in Publication(plan, "en").summary if line[0].startswith("outside the plan")
    )
    words = " ".join(brief_sentences(plan, "en"))
    for rule in outside:
        assert rule.title["en"] in lines
        assert rule.title["en"] in words
    if plan.policy.id == "cn-national":
        assert {rule.id for rule in outside} == {"service-area-spaces", "shore-power-use"}
        assert "the 4 of 6 rules with a target that the plan is made for" in words
        assert "2 more rules with a target" in words


def test_rules_that_stay_unmet_are_named_on_the_terminal(plan):
    """Those of the plan that the assessment after it does not find met, and no others."""
    made = {rule.rule for rule in plan.programme.rules}
    missed = [f.rule.title["en"] for f in plan.after.findings if f.rule.id in made and f.status != "met"]
    lines = {line[0].strip(): line for line in Publication(plan, "en").summary}
    named = [line for head, line in lines.items() if head.startswith("not met with the plan")]
    assert [line[0].strip() for line in named] == [f"not met with the plan: {len(missed)}"] * bool(missed)
    assert all(title in line[3] for line in named for title in missed)
    said = [line[3] for head, line in lines.items() if head.startswith("plan: ")]
    assert ("all that can be met" in said[0]) == bool(missed)


def test_money_is_in_the_policys_unit(plan):
    """Each has a table of costs with unit and source, marked as assumed."""
    costs = plan.programme.costs
    assert costs.currency == CURRENCY[plan.policy.id]
    assert costs.assumed
    assert "assumed" in costs.source.of("en")
    assert plan.programme.chosen["cost"].min() > 0
    assert read_policy(plan.policy.id).costs == costs


def test_proof_and_run_hold(plan, tmp_path):
    """The run is written, and verify finds nothing wrong."""
    write_run(plan, tmp_path / "run", overwrite=False, lang="en", progress=silent)
    assert [fault.key for fault in verify_run(tmp_path / "run")[1] if not fault.warning] == []
    part = json.loads((tmp_path / "run" / "result.json").read_text("utf-8"))["plan"]
    assert part["cost"]["unit"] == CURRENCY[plan.policy.id]


def test_part_of_the_money_is_confirmed_too():
    """A plan of which the money is too little is measured as the assessment does."""
    part = sample_plan("us-nevi", budget=1700.0)
    confirmed(part)
    assert not part.programme.complete


PROJECT = """schema = 1
name = "extract"
language = "en"
policy = "{policy}"
assess_at = 2025-12-31
[region]
bbox = {bbox}
halo_km = {halo}
[network]
osm = "{osm}"
[road_class]
{classes}
[tables.chargers]
path = "chargers.csv"
[tables.facilities]
from_osm = true
[tables.demand]
from_osm = true
[siting]
route_point_km = 5
[plan]
"""
POOLS = """id,lon,lat,current,points,point_kw,pool_kw,connector,open_24h,access
strong,1.5218,42.5078,dc,8,350,3600,CCS2,yes,public
weak,10.8500,59.9300,dc,1,50,50,CCS2,yes,public
"""


@pytest.mark.extra_data
@pytest.mark.parametrize(
    ("policy", "osm", "bbox", "halo", "classes", "sites"),
    [
        ("eu-afir", "andorra", [1.40, 42.42, 1.80, 42.66], 0,
         "tent_core = ['CG-?[12]']\ntent_comprehensive = ['CG-?[34]']", 3),
        ("us-nevi", "oslo-east", [10.75, 59.85, 10.95, 59.97], 5, "corridor = ['E6', 'E18', 'Ring\\d']", 2),
    ],
)  # fmt: skip
def test_plans_on_real_roads_are_confirmed(extra_data, tmp_path, policy, osm, bbox, halo, classes, sites):
    """Andorra under AFIR, Oslo under the rules of the US: every value is what the assessment finds, proven least."""
    path = (extra_data / "osm" / f"{osm}.osm.pbf").as_posix()
    (tmp_path / "chargers.csv").write_text(POOLS, "utf-8")
    text = PROJECT.format(policy=policy, bbox=bbox, halo=halo, osm=path, classes=classes)
    (tmp_path / "project.toml").write_text(text, "utf-8")
    plan = make_plan(read_project(tmp_path))
    confirmed(plan)
    assert len(plan.programme.chosen) >= sites
    assert plan.programme.levels[0].status == "optimal"
    reasons = {row["rule"] for row in plan.programme.unmet.to_dict("records")}
    for finding in plan.after.findings:
        assert finding.status in (None, "met") or finding.rule.id in reasons or finding.low is None
