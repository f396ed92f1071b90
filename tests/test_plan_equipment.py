"""What a rule asks at hubs, or by driving time, makes its own actions and rows and changes no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plugspan.pipeline import find_places
from plugspan.programme import plan_programme
from plugspan.project import PlanSettings, SitingSettings, read_project
from plugspan.rules.kind import kind_of
from plugspan.rules.model import Target
from plugspan.rules.policy import read_policy
from plugspan.siting.actions import Equipment, carry_out
from plugspan.study import load, sample_project

HUBS, PEOPLE = "high-power-hubs", "people-in-reach"


def rule_of(rule_id):
    return next(rule for rule in read_policy("zhuzhou-2025").rules if rule.id == rule_id)


def policy_with(rule_id, **changes):
    """The sample's policy with one rule changed."""
    policy = read_policy("zhuzhou-2025")
    rules = tuple(rule.model_copy(update=changes) if rule.id == rule_id else rule for rule in policy.rules)
    return policy.model_copy(update={"rules": rules})


@pytest.fixture(scope="module")
def study():
    with sample_project() as path:
        return load(read_project(path))


def plan_for(study, policy, meet, **settings):
    changes = {"plan": PlanSettings(meet=meet, **settings), "siting": SitingSettings(spans_km=())}
    changed = replace(study, policy=policy, project=study.project.model_copy(update=changes))
    return changed, plan_programme(changed, find_places(changed))


def confirmed(study, programme, rule_id):
    """The assessment's finding with the plan carried out, at both ends what the plan claims."""
    rule = next(rule for rule in study.policy.rules if rule.id == rule_id)
    context = study.context.with_inputs(carry_out(study.inputs, programme.carried_out, study.policy))
    found, last = kind_of(rule).measure(rule, context).finding, programme.steps.iloc[-1]
    for end in ("low", "high"):
        assert last[f"{rule_id}.{end}"] == pytest.approx(getattr(found, end), abs=1e-9)
    return found


def test_a_rule_on_hubs_makes_new_sites_no_dearer(study):
    """350 kW at hubs: sites along the routes stay as they were, hubs get high power at the costs of high power."""
    plain = Equipment.of(read_policy("zhuzhou-2025"))
    site = rule_of(HUBS).site.model_copy(update={"dc_min_kw": 350.0, "min_points": 6})
    policy = policy_with(HUBS, site=site, target=Target(share_min=1.0))
    equipment = Equipment.of(policy)
    assert equipment.site == plain.site
    assert (equipment.hub.point_kw, equipment.hub.points) == (350.0, 6)
    changed, programme = plan_for(study, policy, (HUBS,))
    actions = programme.actions
    new, hubs = actions[actions["kind"] == "new_site"], actions[actions["kind"] == "high_power"]
    assert set(new["point_kw"]) == {plain.site.point_kw}
    assert new["cost"].max() == pytest.approx(60.0 + 0.05 * 480)
    assert len(hubs)
    assert hubs["cost"].to_numpy() == pytest.approx(np.full(len(hubs), 80.0 + 0.08 * 2100))
    assert confirmed(changed, programme, HUBS).low == 1.0


def test_more_points_than_a_new_site_has_are_an_action_of_the_hub():
    """60 kW at eight points: the power is no more than a new site's, the number is."""
    site = rule_of(HUBS).site.model_copy(update={"dc_min_kw": 60.0, "min_points": 8})
    equipment = Equipment.of(policy_with(HUBS, site=site, target=Target(share_min=1.0)))
    assert equipment.falls_short(site)
    assert (equipment.site.points, equipment.hub.points) == (4, 8)


def test_a_rule_by_driving_time_is_planned_by_driving_time(study):
    """The plan's rows are those of the isochrone: its value and its people are those of the assessment."""
    policy = policy_with(PEOPLE, reach_km=None, reach_min=6.0, target=Target(share_min=0.9))
    changed, programme = plan_for(study, policy, (PEOPLE,))
    found = confirmed(changed, programme, PEOPLE)
    assert 0.65 < programme.people_before / programme.people_total < 0.66 < found.low
    assert programme.people_after / programme.people_total == pytest.approx(found.low)
    assert found.high > found.low  # an island, of which nobody knows
