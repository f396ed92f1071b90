"""In files an empty cell is unknown, and nothing else is: hand-worked rows of every table that has both."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from plugspan.schema import COLUMNS, columns
from plugspan.tables import columns as c
from plugspan.tables import numbers
from plugspan.tables.table import coded

NA = "not_applicable"


def codes(rows, shown, *names):
    """The columns named of the rows as files have them."""
    found = coded(pd.DataFrame(rows), shown, "en")[0]
    return [[None if pd.isna(value) else value for value in found[name]] for name in names]


def test_a_berth_without_shore_power_has_no_power_that_could_be_known():
    """Of four berths one has it with its power, one has it, one hasn't, one says nothing; none of them is counted."""
    rows = {
        "has": "not_counted",
        "shore_power": pd.array([True, True, False, None], "boolean"),
        "shore_power_kw": [400.0, None, None, None],
    }
    assert codes(rows, columns("has shore_power_kw"), "shore_power_state") == [
        ["known", "unknown", NA, "unknown"]
    ]


def test_the_site_before_a_gap_is_unknown_only_where_the_road_goes_on():
    """A gap between two sites, one at a dead end, one where the road leaves the data."""
    rows = {
        "from_site": ["A", None, None],
        "to_site": [None, None, "B"],
        "open_start": [False, False, True],
        "open_end": [True, False, False],
    }
    shown = columns("from_site to_site")
    assert codes(rows, shown, "from_site", "to_site") == [["A", NA, None], [None, NA, "B"]]


def test_a_site_at_no_facility_has_no_side_of_it():
    """At a facility, the side unknown; at none, at no numbered road; and no points of which to know the power."""
    rows = {name: [None, None] for name in (each.name for each in c.SITE_COLUMNS)}
    rows |= {"service_area": ["Foo", None], "ref": ["G1", None], "points": [2, 0]}
    found = codes(rows, c.SITE_COLUMNS, "service_area", "side", "ref", "point_kw_state", "status")
    assert found == [["Foo", NA], [None, NA], ["G1", NA], ["unknown", NA], ["operational_by_default"] * 2]


def test_what_a_kind_of_place_cannot_have_is_not_unknown():
    """A station by the road has no sides, a service area has; PV has no charge points, a swap station has."""
    rows = {name: [None, None, None] for name in (each.name for each in c.FACILITY_COLUMNS)}
    rows |= {
        "kind": ["expressway_service_area", "ordinary_trunk_service_station", "hub"],
        "points": [None, 0, 3],
    }
    found = codes(rows, c.FACILITY_COLUMNS, "side", "ref", "point_kw_state")
    assert found == [[None, NA, NA], [None, None, NA], ["unknown", NA, "unknown"]]
    rows = {name: [None, None] for name in (each.name for each in c.OTHER_COLUMNS)}
    rows |= {"kind": ["battery_swap", "pv_storage"]}
    assert codes(rows, c.OTHER_COLUMNS, "points_state") == [["unknown", NA]]


def test_a_ferry_without_number_and_name_has_no_tag_of_a_road():
    """Nothing about a road's own data is unknown."""
    assert codes({"ref": [None], "name": [None], "highway": [None]}, c.ROAD_COLUMNS, "ref", "name", "highway") == [
        [NA], [NA], [NA]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "low", "high", "parts"),
    [
        ("value", "known", "unknown", NA),  # at least so much: no bound above
        ("unknown", "unknown", "unknown", "unknown"),  # data are missing
        ("nothing", NA, NA, NA),
        ("listed", NA, NA, NA),
    ],
)
def test_an_undecided_rule_has_a_value_that_is_not_known(said, low, high, parts):
    """Only where there is nothing to measure is a value not applicable."""
    names = {each.name for each in c.FINDING_COLUMNS}
    rows = {name: [None] for name in names} | {"said": [said], "said_after": ["unknown"]}
    rows["low"] = [0.5 if said == "value" else None]
    found = codes(rows, c.FINDING_COLUMNS, "low_state", "high_state", "parts_state", "low_after_state")
    assert found == [[low], [high], [parts], ["unknown"]]


def test_what_a_finding_says_goes_by_its_rows():
    """No value and rows: data are missing, unless the rule only lists; no rows: there is nothing."""
    rule = SimpleNamespace(kind="share_margin")
    finding = SimpleNamespace(low=None, high=None, rule=rule, table=pd.DataFrame({"id": ["P1"]}))
    assert numbers.said(finding) == "unknown"
    finding.table = pd.DataFrame()
    assert numbers.said(finding) == "nothing"
    finding.low = 0.0
    assert numbers.said(finding) == "value"


def test_things_that_may_count_are_counted_apart():
    """Of 45 berths none counts for sure; a rule that counts nothing has no such numbers."""
    none, maybe = dict.fromkeys(numbers.COUNTS, 0.0), {"yes": 3.0, "unknown": 20.0, "no": 22.0}

    def found(counts, may_count):
        finding = SimpleNamespace(counts=counts, may_count=may_count, ratio_unit="", parts=None)
        return [numbers.counted(finding)[f"may_{name}"] for name in numbers.COUNTS]

    assert found(none, maybe) == [3.0, 20.0, 22.0]
    assert found({**none, "yes": 1.0}, {}) == [0.0, 0.0, 0.0]
    assert found({}, {}) == [None, None, None]
    assert COLUMNS["may_no"].state == "counts_state"
