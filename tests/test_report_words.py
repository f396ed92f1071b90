"""What the report says of uncertain values: ends of an interval, roads that go on, nothing to choose from."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from plugspan.rules.finding import Finding
from plugspan.rules.policy import read_policy
from plugspan.schema import TableSchema, at_most
from plugspan.tables import layers, numbers, summary
from plugspan.tables.layer import Category, Layer, LayerStyle
from plugspan.tables.sentences import brief_sentences
from plugspan.tables.words import assumption_lines, finding_words, setting_words, short_names, survey_sentence
from plugspan.texts import LANGUAGES, catalogue, text

PROFILES = ("zhuzhou-2025", "cn-national", "eu-afir", "us-nevi")


def rule_of(profile, rule_id):
    return next(r for r in read_policy(profile).rules if r.id == rule_id)


def gap_finding(low, high, *, unknown=0.0, longest=4.8, is_open=False):
    """A finding on the longest gap (AFIR), as the assessment makes it."""
    figures = {"gap_max_m": longest and longest * 1000, "gap_max_open": is_open}
    counts = {"yes": 3.0, "unknown": unknown, "no": 0.0}
    return Finding(
        rule_of("eu-afir", "ldv-core-gap-2025"),
        "km",
        low,
        high,
        counts,
        figures,
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_longest_gap_is_told_once(lang):
    """Its value is the longest gap; an average has the longest one beside it."""
    assert numbers.headline(gap_finding(4.8, 4.8), lang) == "4.8 km"
    at_least = numbers.headline(gap_finding(7.7, math.inf, longest=7.7, is_open=True), lang)
    assert at_least == text("finding.at-least", lang, value="7.7 km")
    average = replace(
        gap_finding(26.7, 26.7, longest=82.7), rule=rule_of("zhuzhou-2025", "ordinary-highway-spacing")
    )
    assert "82.7 km" in numbers.headline(average, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_why_building_lowers_the_use_of_shore_power_is_told(lang):
    """A berth that gets power brings in its calls, of which none connected: 10 of 12 become 10 of 20."""
    rule = rule_of("zhuzhou-2025", "shore-power-use")
    before, after = (
        Finding(rule, "share", 10 / n, 10 / n, {"yes": 10, "unknown": 0, "no": n - 10}) for n in (12, 20)
    )
    why = text("report.say.after-calls", lang)
    assert why in finding_words(before, after, lang, siting=True)
    assert why not in finding_words(after, before, lang, siting=True)
    assert why not in finding_words(before, before, lang, siting=True)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_open_gap_is_not_blamed_on_missing_data(lang):
    """No site is unknown: the road goes on, and that is all there is to say."""
    found = gap_finding(7.7, math.inf, is_open=True)
    words = finding_words(found, found, lang, siting=False)
    assert text("report.say.open", lang) in words
    whole = dict.fromkeys(("low_part", "high_part"), "")
    opening = text("report.say.interval", lang, **whole)[:10]
    assert opening not in words
    assert not any(text(f"report.say.interval-{key}", lang) in words for key in ("distance", "least"))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_of_distances_the_low_end_counts_unknown_sites(lang):
    """Shares rise with every site, distances fall: the ends of the interval change places."""
    found = gap_finding(3.0, 4.8, unknown=2.0)
    words = finding_words(found, found, lang, siting=False)
    assert text("report.say.interval-distance", lang) in words
    assert text("report.say.interval-least", lang) not in words
    both = finding_words(gap_finding(3.0, math.inf, unknown=2.0), found, lang, siting=False)
    assert text("report.say.open", lang) in both
    assert text("report.say.interval-least", lang) in both


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_interval_too_narrow_to_be_seen_is_not_called_one(lang):
    """600 unknown people of 3.66 million: both ends read 74.5 %."""
    rule = rule_of("zhuzhou-2025", "people-in-reach")
    counts = {"yes": 2_731_000.0, "unknown": 600.0, "no": 933_000.0}
    found = Finding(rule, "share", 2_731_000 / 3_664_600, 2_731_600 / 3_664_600, counts)
    words = finding_words(found, found, lang, siting=False)
    ends = {"low_part": "2,731,000/3,664,600", "high_part": "2,731,600/3,664,600"}
    assert text("report.say.interval-narrow", lang, **ends) in words
    assert text("report.say.interval-least", lang) not in words


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("profile", PROFILES)
def test_every_assumption_of_every_profile_is_told_in_words(profile, lang):
    """No line is the raw name of a setting, and none names a class of roads by its code."""
    for rule in read_policy(profile).rules:
        network = getattr(rule, "network", None)
        assert network is None or f"“{network}”" not in setting_words("network", network, lang)
        for name in rule.assumptions:
            assert f"assumption.{name}" in catalogue(), name
        assert not any(" = " in line for line in assumption_lines(rule, lang))


def test_a_hole_begins_where_the_rule_on_the_longest_gap_ends():
    """AFIR allows 60 km, though its widest class of the map begins at 100."""
    assert rule_of("eu-afir", "ldv-core-gap-2025").span_km == 60.0
    assert rule_of("zhuzhou-2025", "ordinary-highway-spacing").span_km == 40.0


def test_spans_to_try_come_from_the_rule():
    """An average between two limits is tried in four steps; a longest gap has one span."""
    assert rule_of("zhuzhou-2025", "ordinary-highway-spacing").spans_km == (25.0, 30.0, 35.0, 40.0)
    assert rule_of("eu-afir", "ldv-core-gap-2025").spans_km == (60.0,)
    assert rule_of("us-nevi", "corridor-spacing").spans_km == (80.4672,)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_candidate_and_no_demand_are_told_as_such(lang):
    """Neither "0 new sites, proven to be the fewest" nor "0 % to 0 %, 0 % from the best"."""
    result = SimpleNamespace(bound=0.0, objective=0.0, total=0.0, base=0.0, gap=0.0, status="optimal")
    found = SimpleNamespace(
        sites=pd.DataFrame(), unserved=pd.DataFrame({"ref": ["G1"]}), span_km=40.0, result=result
    )
    assert summary._least_line(found, lang)[0] == text("summary.least-none", lang)
    siting = SimpleNamespace(result=result, proposed=pd.DataFrame(), objective_name="people")
    assert summary._siting_line(siting, lang)[1] == text("summary.no-demand", lang)
    assert np.isfinite(result.gap)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_roads_of_another_policy_are_not_called_chinese_classes(lang):
    """On a map of AFIR there are no ordinary trunk highways; Zhuzhou's layers keep their names."""
    style = LayerStyle("line", (Category(None, "legend.expressway", "#7F8FA3"),))
    lines = Layer(
        "expressways",
        "layer.expressways",
        gpd.GeoDataFrame(geometry=[], crs="EPSG:4326"),
        TableSchema("x", ()),
        style,
        "routes",
    )
    routes = replace(lines, name="routes", title_key="layer.routes")

    def named(profile, classes, layer):
        plan = SimpleNamespace(
            policy=read_policy(profile), routes=[SimpleNamespace(road_class=c) for c in classes]
        )
        return layers._named_for(plan, layer)

    assert text(named("eu-afir", ["tent_core"], routes).title_key, lang) == text("layer.routes-own", lang)
    other = named("eu-afir", ["tent_core", "tent_comprehensive"], lines)
    assert other.title_key == "layer.expressways-own"
    assert [text(c.label_key, lang) for c in other.style.categories] == [text("legend.expressway-own", lang)]
    assert named("zhuzhou-2025", ["expressway", "ordinary_trunk"], lines) is lines
    assert named("zhuzhou-2025", ["expressway", "ordinary_trunk"], routes) is routes


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_rule_that_only_lists_is_not_nothing_to_measure(lang):
    """The first page's table sends the reader to the list; an empty one says that there is nothing."""
    rule = rule_of("zhuzhou-2025", "swap-hydrogen-pv")
    found = Finding(rule, "count", None, None, table=pd.DataFrame({"id": ["H1"]}))
    assert numbers.headline(found, lang) == text("finding.listed", lang)
    empty = replace(found, table=pd.DataFrame())
    assert numbers.headline(empty, lang) == text("finding.nothing", lang)
    # Car parks are there, but nobody knows how many cars are registered: that is no lack of things to measure.
    parking = Finding(rule_of("zhuzhou-2025", "car-park-readiness"), "margin", None, None, table=found.table)
    assert numbers.headline(parking, lang) == text("finding.unknown", lang)


@pytest.mark.parametrize(
    ("gap", "shown"), [(0.0, "0%"), (0.00001, "0.1%"), (0.0021, "0.3%"), (0.002, "0.2%"), (math.nan, "–")]
)
def test_a_proven_gap_is_never_rounded_down(gap, shown):
    """To say at most 0.2 % of a gap of 0.21 % would be wrong."""
    assert at_most(gap) == shown


@pytest.mark.parametrize(("lengths", "words"), [("km", "40.2, 80.5 km"), ("mi", "25, 50 mi")])
def test_a_list_of_limits_is_in_the_reader_s_unit(lengths, words):
    """As every other length: limits of a policy in miles are told in miles."""
    lang = read_policy("us-nevi").model_copy(update={"lengths": lengths}).reader("en")
    assert setting_words("class_limits_km", (40.2336, 80.4672), lang) == f"spacing is classed at {words}"


def test_money_that_is_left_or_not_enough_for_anything(sample_plan):
    """The next action costs more than what is left; without any action none is needed, whatever a survey finds."""
    found = sample_plan.programme
    short = replace(found, complete=False, budget=found.cost_high + 13.5)
    first, *_ = brief_sentences(replace(sample_plan, programme=short), "zh")
    assert "余下 13.5 万元，不足以实施次序中的下一项" in first
    none = replace(
        short, budget=13.5, cost_low=0.0, cost_high=0.0, actions=found.actions.assign(chosen=False)
    )
    said = brief_sentences(replace(sample_plan, programme=none), "en")
    assert "(13.5 ×10,000 yuan) is not enough for any action" in said[0]
    assert said[2].startswith("No action can be carried out;")


def test_places_of_one_name_are_told_by_their_ids():
    """Also where the list is cut before the second of them; one without a name is its id."""
    places = pd.DataFrame(
        {"id": ["F1", "F2", "F3", "F4"], "name": ["Orkan", "N1", None, "Orkan"]}, index=[7, 5, 3, 1]
    )
    assert short_names(places) == ["Orkan (F1)", "N1", "F3", "Orkan (F4)"]
    finding = replace(gap_finding(1.0, 2.0), survey=places)
    assert "Orkan (F1), N1, F3" in survey_sentence(finding, "en")
