"""Places beside a site that gives nothing to them: the other side of a service area, a private post, hydrogen."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from plugspan.pipeline import find_places, make_plan
from plugspan.programme import plan_programme
from plugspan.project import PlanSettings, SitingSettings, read_project
from plugspan.rules.assessment import assess
from plugspan.siting.actions import carry_out
from plugspan.study import load, sample_project


@pytest.fixture(scope="module")
def study():
    with sample_project() as path:
        project = read_project(path)
        return load(project.model_copy(update={"plan": PlanSettings(), "siting": SitingSettings()}))


def with_post(study, candidates, place, **changes):
    """The study with one more charging site at a candidate: a public post of 7 kW unless changed."""
    at = candidates.set_index("id").geometry[place]
    post = {
        "id": "POST", "site": "POST", "name": "post", "kind": "charging", "current": "ac", "status": "operational",
        "access": "public", "points": 1, "point_kw": 7.0, "geometry": at, **changes,
    }  # fmt: skip
    return replace(study, inputs=study.inputs.with_chargers(study.inputs.chargers, [post]))


def after(study, programme):
    inputs = carry_out(study.inputs, programme.carried_out, study.policy)
    return assess(study.policy, inputs, study.roads, study.routes, study.region)


def test_the_other_side_of_a_service_area_is_a_place_of_its_own(study):
    """SA12A has a slow charger, SA12B across the road nothing: the one is upgraded, the other gets a site."""
    chargers = study.inputs.chargers
    without = replace(study, inputs=study.inputs.with_chargers(chargers[chargers["id"] != "FW022"], ()))
    programme = plan_programme(without, find_places(without))
    chosen = set(programme.chosen["id"])
    assert {"upgrade-FW021", "service_area-SA12B"} <= chosen
    assert "service_area-SA12A" not in chosen
    assert programme.unmet.empty
    found = after(without, programme)
    for rule in programme.rules:
        assert found[rule.rule].status == "met", rule.rule
    reason = programme.actions.set_index("id")["reason"]
    assert reason["service_area-SA12A"] == "has_site"  # what is there falls short: it is an upgrade


def test_both_sides_of_the_sample_get_their_plan(study):
    """As the sample is: the slow side is upgraded, the site under construction across the road put into service."""
    plan = make_plan(study.project)
    assert {"upgrade-FW021", "commission-FW022"} <= set(plan.programme.chosen["id"])
    table = plan.after["expressway-service-area-fast"].table.set_index("id")["has"]
    assert (table["SA12A"], table["SA12B"]) == ("yes", "yes")


@pytest.mark.parametrize(
    ("changes", "free"),
    [
        ({}, False),
        ({"access": "restricted"}, True),
        ({"kind": "hydrogen"}, True),
        ({"status": "out_of_order"}, True),
    ],
)
def test_what_is_not_for_everybody_takes_no_place(study, changes, free):
    """A public post takes the place and can be upgraded; a private one, hydrogen or a broken one does not."""
    candidates = find_places(study)
    changed = with_post(study, candidates, "fuel-FS28", **changes)
    programme = plan_programme(changed, find_places(changed))
    actions = programme.actions.set_index("id")
    assert pd.isna(actions.loc["fuel-FS28", "reason"]) == free
    assert ("upgrade-POST" in actions.index) == (changes in ({}, {"access": "restricted"}))
    assert programme.faults == ()
