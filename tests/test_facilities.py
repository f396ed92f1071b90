"""Which chargers are a service area's, and what they and its own survey come to, worked by hand."""

from __future__ import annotations

import geopandas as gpd
import pytest
from plugspan.inputs import CHARGERS, FACILITIES, as_table
from plugspan.rules.facilities import FacilityShare, assess_facilities
from toy import lonlat

AREA = {"name": "S", "pair": "S", "kind": "expressway_service_area", "surveyed": True}
SIDES = ({**AREA, "id": "A", "side": "A", "off": 60}, {**AREA, "id": "B", "side": "B", "off": -60})
PILE = {"id": "K", "current": "dc", "point_kw": 120.0, "points": 4, "off": 55}


def table(schema, rows):
    """Rows at metres ``off`` the road."""
    points = gpd.points_from_xy(*lonlat([0.0] * len(rows), [row["off"] for row in rows]).T)
    rows = [
        {k: v for k, v in row.items() if k != "off"} | {"geometry": p}
        for row, p in zip(rows, points, strict=True)
    ]
    return as_table(rows, schema).assign(inside=True)


def has(facilities, chargers, **site):
    """What each side is found to have, by its id, under a rule of 60 kW."""
    rule = FacilityShare(
        id="r", kind="facility_share", title={"zh": "甲", "en": "A"}, target={"share_min": 1.0},
        facility=("expressway_service_area",), site={"dc_min_kw": 60, "same_side": True, **site},
    )  # fmt: skip
    found = assess_facilities(table(FACILITIES, facilities), table(CHARGERS, chargers), rule).table
    return dict(zip(found["id"], found["has"], strict=True))


@pytest.mark.parametrize(
    ("facilities", "charger", "found"),
    [
        (SIDES, PILE, {"A": "yes", "B": "no"}),
        # 115 m from B, but on the side that is still being built.
        (({**SIDES[0], "status": "under_construction"}, SIDES[1]), PILE, {"B": "no"}),
        # It says that it is on side A, which is not listed, or further off.
        (SIDES[1:], {**PILE, "service_area": "S", "side": "A"}, {"B": "no"}),
        (SIDES, {**PILE, "off": -20, "side": "A"}, {"A": "yes", "B": "no"}),
    ],
)
def test_a_charger_of_one_side_is_none_of_the_other_s(facilities, charger, found):
    assert has(facilities, [charger]) == found


@pytest.mark.parametrize(
    ("survey", "found"),
    [
        ({}, "no"),  # nobody says that there is more than the list has
        ({"points": 0}, "no"),
        ({"points": 4}, "unknown"),
        ({"fast_points": 2}, "unknown"),
        ({"fast_points": 2, "point_kw": 30.0}, "no"),
        ({"fast_points": 2, "point_kw": 60.0}, "yes"),
    ],
)
def test_a_slow_charger_in_a_list_is_no_answer_to_what_a_survey_found(survey, found):
    """A survey knows of points without their power, a list has one slow one: the power of the others is unknown."""
    slow = {**PILE, "current": "ac", "point_kw": 7.0, "points": 1}
    assert has([{**SIDES[0], **survey}], [slow]) == {"A": found}


@pytest.mark.parametrize(
    ("charger", "site", "found"),
    [
        ({"access": "restricted"}, {}, "yes"),
        ({"access": "restricted"}, {"public_only": True}, "no"),
        ({}, {"public_only": True}, "yes"),
        ({"pool_kw": 400.0}, {"pool_min_kw": 480}, "no"),
        ({"pool_kw": 480.0}, {"pool_min_kw": 480}, "yes"),
        ({}, {"pool_min_kw": 480}, "unknown"),
        ({"open_24h": False}, {"open_24h": True}, "no"),
        ({}, {"open_24h": True}, "unknown"),
        ({"connector": "CHAdeMO"}, {"connectors": ("CCS",)}, "no"),
    ],
)
def test_all_that_a_rule_asks_of_a_site_is_asked_at_a_service_area(charger, site, found):
    assert has(SIDES[:1], [{**PILE, **charger}], **site) == {"A": found}


def test_a_survey_of_points_says_nothing_of_the_whole_site():
    survey = {**SIDES[0], "points": 4, "fast_points": 4, "point_kw": 120.0}
    assert has([survey], []) == {"A": "yes"}
    assert has([survey], [], pool_min_kw=480) == {"A": "unknown"}
    assert has([{**survey, "fast_points": 0}], [], pool_min_kw=480) == {"A": "no"}
