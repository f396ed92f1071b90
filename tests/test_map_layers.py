"""What popups and layers say of gaps and proposed sites: the words, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import geopandas as gpd
import pandas as pd
import pytest
from plugspan.render.webmap.payload import layer_payload
from plugspan.schema import Column, TableSchema, shown
from plugspan.siting.maxcover.result import SitingResult
from plugspan.siting.planning.outcome import Siting
from plugspan.tables.columns import GAP_LAYER_COLUMNS
from plugspan.tables.gap_words import with_gap_words
from plugspan.tables.layer import Layer, Popup, rule_layer_names
from plugspan.tables.plan_cards import _card
from plugspan.tables.popups import POPUPS
from plugspan.tables.siting_layers import _others
from plugspan.tables.siting_tables import amount, proposed_frame
from plugspan.tables.styles import TOWNS
from plugspan.texts import catalogue, text
from plugspan.waymarks import mark_words
from shapely import LineString, Point

WGS = "EPSG:4326"


def gaps():
    """A wide gap, a short one, one that goes on beyond the data, a section without any site; numbered from 7."""
    rows = [
        ("gap", "between", 9.0, 68.76, False, False),
        ("good", "between", 68.76, 89.4, False, False),
        ("open", "end", 89.4, 99.0, False, True),
        ("no_site", "whole", 0.0, 9.9, False, False),
        ("middle", "start", 0.0, 30.0, False, False),
    ]
    names = ["spacing_class", "kind", "from_km", "to_km", "open_start", "open_end"]
    line = LineString([(113, 27), (114, 27)])
    frame = gpd.GeoDataFrame(pd.DataFrame(rows, columns=names), geometry=[line] * len(rows), crs=WGS)
    return frame.assign(ref="G106", section=1).set_index(pd.RangeIndex(7, 7 + len(rows)))


def evidence():
    """Sites, candidates and what doesn't count, of the gaps above."""
    rows = [
        (7, "from_site", "a", "浏阳", None, 9.0, 0.0),
        (7, "to_site", "b", "", None, 68.76, 0.92),
        (7, "candidate", "c1", "加油站", None, 45.0, 0.0),
        (7, "candidate", "c2", "G106 measured km 55.0", None, 55.0, 0.0),
        (7, "not_counting", "d", "官庄", "too_far_by_road", 45.4, None),
        (7, "not_counting", "e", "别处", "a reason from tomorrow", None, None),
        (8, "from_site", "b", None, None, 68.76, 0.92),
        (8, "to_site", "f", "泗汾", None, 89.4, 0.04),
        (8, "candidate", "c3", "不提", None, 70.0, 0.0),
        (9, "from_site", "f", "泗汾", None, 89.4, 0.04),
        (11, "to_site", "a", "浏阳", None, 30.0, 0.0),
    ]
    names = ["gap", "evidence_kind", "id", "name", "reason", "chainage_km", "distance_km"]
    return pd.DataFrame(rows, columns=names).assign(ref="G106", section=1)


def test_a_gap_says_where_it_begins_and_ends():
    """Name and chainage of the site, or why there is none; a site without a name goes by its id."""
    found = with_gap_words(gaps(), evidence(), "zh")
    assert found["stretch"].iloc[0] == "量算 9.0–68.8 km"
    assert found["begins"].tolist() == [
        "浏阳（量算 9.0 km）", "b（量算 68.8 km，离路 0.92 km）", "泗汾（量算 89.4 km）", text("gap.no-site", "zh"),
        text("gap.road-ends", "zh"),
    ]  # fmt: skip
    assert found["ends"].tolist() == [
        "b（量算 68.8 km，离路 0.92 km）", "泗汾（量算 89.4 km）", text("gap.goes-on", "zh"), text("gap.no-site", "zh"),
        "浏阳（量算 30.0 km）",
    ]  # fmt: skip


def test_a_gap_says_where_to_build_and_what_does_not_count():
    """An entry a line, in the order of the evidence; nothing where the spacing is good; a chainage stands once."""
    found = with_gap_words(gaps(), evidence(), "en")
    assert found["could_build"].iloc[0] == "加油站 (measured km 45.0)\nG106 measured km 55.0"
    first, second = found["not_counting"].iloc[0].split("\n")
    assert first == f"官庄 (measured km 45.4): {catalogue()['choice.reason.too_far_by_road']['en']}"
    assert second.startswith("别处")
    assert found["could_build"].iloc[1:].isna().all()
    assert found["not_counting"].iloc[1:].isna().all()


def test_a_place_without_a_name_is_told_by_its_kind():
    """A fuel station that nobody named is a fuel station at its kilometre mark, not a number of OpenStreetMap."""
    rows = evidence().assign(kind="fuel").replace({"name": {"加油站": None}})
    found = with_gap_words(gaps(), rows, "en")["could_build"].iloc[0]
    assert found.startswith(f"{catalogue()['choice.kind.fuel']['en']} (measured km 45.0)")


def test_no_evidence_is_no_crash():
    """Gaps without any row of evidence, and no gaps at all."""
    nothing = evidence().iloc[:0]
    assert with_gap_words(gaps(), nothing, "zh")["could_build"].isna().all()
    assert len(with_gap_words(gaps().iloc[:0], nothing, "zh")) == 0
    assert mark_words(float("nan"), "en", "G106") == ""


def siting(**more):
    """Two sites of three candidates; the first is worth 30 of 40, the second can be had elsewhere."""
    places = gpd.GeoDataFrame(
        {"id": ["x", "y", "z"], "kind": "town", "name": ["甲", "乙", "丙"], "cost": 1.0, "excluded": None},
        geometry=[Point(113, 27), Point(113.1, 27), Point(113.2, 27)], crs=WGS,
    )  # fmt: skip
    proposed = places.iloc[:2].assign(
        order=[1, 2], adds=[40.0, 10.0], share_after=[70.0, 80.0], objective="people"
    )
    choices = pd.DataFrame(
        {"id": ["x", "y"], "price": [30.0, 0.0], "price_low": [30.0, 0.0], "share_of_good_plans": [1.0, 0.5],
         "essential": [True, False], "required": [False, False]}
    )  # fmt: skip
    result = SitingResult(
        chosen=[0, 1], gain=[40.0, 10.0], objective=80.0, bound=80.0, gap=0.0, status="optimal", runtime_s=0.0,
        base=30.0, total=100.0, cost=2.0,
    )  # fmt: skip
    return Siting(
        "people", places, places.iloc[:0], proposed, pd.DataFrame(), pd.DataFrame(), result, choices=choices,
        alternatives=((80.0, ("x", "z")), (79.5, ("z", "y"))), **more,
    )  # fmt: skip


def test_a_proposed_site_says_what_is_lost_without_it():
    """The price with its proof, and whether it is settled or a matter of taste."""
    found = proposed_frame(siting(), "en")
    assert found["adds_words"].tolist() == ["40 people", "10 people"]
    assert "30 people" in found["without_it"].iloc[0]
    assert "at least" not in found["without_it"].iloc[0]
    assert found["without_it"].iloc[1] == text("without.nothing", "en")
    assert found["in_plans"].iloc[0] == text("in-plans.essential", "en")
    assert found["in_plans"].iloc[1] == text("in-plans.free", "en")


@pytest.mark.parametrize(
    ("price", "low", "required", "key"),
    [(5.0, 3.0, False, "at-least"), (3.0, 3.0, False, "exactly"), (3.0, 0.0, False, "unproven"),
     (0.0, 0.0, False, "nothing"), (None, None, True, "required")],
)  # fmt: skip
def test_only_what_is_proven_is_claimed(price, low, required, key):
    """A price found by search alone is not sold as a loss; a site that was asked for has none."""
    plan = siting()
    choices = plan.choices.assign(price=price, price_low=low, required=required, essential=False)
    found = proposed_frame(replace(plan, choices=choices), "zh")["without_it"].iloc[0]
    assert found == text(f"without.{key}", "zh", amount=amount(low, "people", "zh"))


def test_highway_is_told_in_kilometres():
    """The solver counts metres; people read kilometres."""
    assert amount(45_200.0, "highway", "en") == "45.2 km"
    assert amount(float("nan"), "highway", "en") is None


def test_alternatives_are_the_places_other_plans_use():
    """Place z is in both other plans, which cover 0.5 less at worst; what is proposed already is no alternative."""
    found = _others(siting(), "zh")
    assert found["id"].tolist() == ["z"]
    assert found[["plans", "of_plans", "worst_loss"]].iloc[0].tolist() == [2, 2, 0.5]


def test_capacity_and_outage_are_shown_where_they_were_worked_out():
    """Extras of the chosen sites come into the popup's words; what equals the gain is not said twice."""
    sites = pd.DataFrame(
        {"id": ["old", "x", "y"], "existing": [True, False, False], "covers": [30.0, 40.0, 25.0],
         "lost": [30.0, 40.0, 0.0], "plugs": [4, 8, 2], "capacity": [50.0, 100.0, 8.0], "served": [30.0, 40.0, 8.0]}
    )  # fmt: skip
    found = proposed_frame(siting(sites=sites), "en")
    assert found["covers_words"].isna().tolist() == [True, False]
    assert found["covers_words"].iloc[1] == "25 people"
    assert found["plugs"].tolist() == [8, 2]
    assert found["capacity_words"].tolist() == ["100 people", "8 people"]


def test_the_card_of_the_plan():
    """Coverage before and after, the certificate, the worst outage, the county covered least, scenarios by name."""
    more = {
        "backup": pd.DataFrame({"phase": ["before", "after"], "left_worst": [10.0, 62.0], "twice": [0.0, 33.0]}),
        "counties": pd.DataFrame({"county": ["甲县", "乙县", ""], "total": [60.0, 40.0, 5.0],
                                  "share_before": [0.5, 0.2, 0.0], "share_after": [0.9, 0.65, 0.0]}),
        "scenarios": pd.DataFrame({"scenario": ["春运"], "share_before": [0.1], "share_after": [0.55]}),
    }  # fmt: skip
    rows = dict(_card(siting(**more), "en").rows)
    assert rows[text("objective.people", "en")] == "30% → 80%"
    assert rows[text("card.certificate", "en")] == text("card.optimal", "en")
    assert "62%" in rows[text("card.backup", "en")]
    assert rows[text("card.worst-county", "en")] == "乙县 20% → 65%"
    assert rows["春运"] == "10% → 55%"
    assert text("card.cost", "en") not in rows  # nobody gave costs


def test_popups_name_columns_that_have_texts():
    """Every column of every popup has a header in both languages, and what is quiet or a list is one of them."""
    for name, popup in POPUPS.items():
        names = {column.name for column in popup.columns}
        assert names <= {key.removeprefix("column.") for key in catalogue() if key.startswith("column.")}, (
            name
        )
        assert popup.quiet | popup.lists <= names, name
    meanings = [column.meaning(lang) for column in GAP_LAYER_COLUMNS for lang in ("zh", "en")]
    assert all(meanings)


def test_quiet_columns_are_empty_where_there_is_nothing_to_say():
    """Missing or no leaves no line; other missing values are unknown; units stand behind the value."""
    frame = gpd.GeoDataFrame(
        {"name": ["a"], "side": [None], "open_24h": [False], "point_kw": [None], "length_km": [1.25],
         "share_after": [9.5]},
        geometry=[Point(113, 27)], crs=WGS,
    )  # fmt: skip
    columns = (Column("side"), Column("open_24h", "bool"), Column("point_kw", "float", "kW"),
               Column("length_km", "float", "km"), Column("share_after", "float", "%"))  # fmt: skip
    popup = Popup(columns, quiet=frozenset({"side", "open_24h"}), heading="name")
    layer = Layer(
        "towns",
        "layer.towns",
        frame,
        TableSchema("t", (Column("name"), *columns)),
        TOWNS,
        "places",
        popup=popup,
    )
    spec, _ = layer_payload(layer, "en", "b")
    assert [column["values"] for column in spec["props"]] == [[""], [""], ["unknown"], ["1.3 km"], ["9.5%"]]
    assert spec["heading"] == ["a"]
    assert not any("(" in header for header in spec["columns"])
    assert shown(None, Column("point_kw", "float", "kW"), "zh", unit=True) == "未知"


def test_a_finding_opens_the_layer_of_its_own_rule():
    """Two rules on service areas have a layer each; one on berths that of its kind; one that only lists, none."""
    first, second = (SimpleNamespace(id=name, kind="facility_share") for name in ("fast", "any"))
    frame = gpd.GeoDataFrame({"id": ["S1"]}, geometry=[Point(113, 27)], crs=WGS)
    areas = [
        Layer(name, "layer.towns", frame, TableSchema("t", (Column("id"),)), TOWNS, "places", rule=rule)
        for name, rule in (("service_areas_2", second), ("service_areas", first))
    ]
    opened = lambda rule: rule_layer_names(areas, rule)  # noqa: E731
    assert opened(first) == ("service_areas",)
    assert opened(second) == ("service_areas_2",)
    assert opened(SimpleNamespace(id="b", kind="berth_share")) == ("berths",)
    assert opened(SimpleNamespace(id="c", kind="inventory")) == ()
