"""A kind of rule is one file: a dummy kind, and several rules of one kind, on everything a run writes."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from types import SimpleNamespace

import jsonschema
import pytest
from dummy_kind import KIND, PointsShare
from plugspan.errors import InputError
from plugspan.inputs.choices import HUB_KINDS
from plugspan.pipeline import make_plan
from plugspan.project import PlanSettings, SitingSettings, read_project
from plugspan.render.changes import compare
from plugspan.render.result_schema import result_schema
from plugspan.render.run import write_run
from plugspan.render.verify import verify_run
from plugspan.rules import kind as kinds_module
from plugspan.rules.kind import kinds, register
from plugspan.rules.policy import read_policy
from plugspan.schema import column
from plugspan.study import sample_project, silent
from plugspan.tables import styles
from plugspan.tables.layers import plan_layers
from plugspan.tables.table import capital
from plugspan.texts import text
from run_surfaces import json_blocks, layer_tables, report_lines, sheets

RULES = """
[[rule]]
id = "points-at-hubs"
kind = "points_share"
title = { zh = "场站桩数足够", en = "Hubs with enough points" }
source = "a made-up plan, 1(2)"
least = 4
target = { share_min = 0.9 }

[[rule]]
id = "longest-gap"
kind = "route_spacing"
title = { zh = "普通公路最大间距", en = "Longest gap along ordinary highways" }
source = "a made-up plan, 2"
network = "ordinary_trunk"
site = { dc_min_kw = 100, min_points = 2 }
statistic = "gap_max"
class_limits_km = [30.0, 50.0]
target = { value_max = 50.0 }

[[rule]]
id = "people-within-five"
kind = "demand_reach"
title = { zh = "五公里内人口", en = "People within five kilometres" }
source = "a made-up plan, 3"
site = { dc_min_kw = 0 }
reach_km = 5.0
target = { report_only = true }

[[rule]]
id = "large-berths"
kind = "berth_share"
title = { zh = "三千吨级泊位岸电", en = "Shore power at berths of 3000 t" }
source = "a made-up plan, 4"
berth = { class_t_min = 3000 }
target = { share_min = 0.5 }

[[rule]]
id = "use-of-long-calls"
kind = "call_share"
title = { zh = "长时间靠泊岸电使用率", en = "Use at long calls" }
source = "a made-up plan, 5"
min_stay_h = 12.0
target = { report_only = true }
"""
NEW = ("points-at-hubs", "longest-gap", "people-within-five", "large-berths", "use-of-long-calls")


@pytest.fixture(scope="module")
def known():
    """The dummy kind, as long as this file's tests run."""
    register(KIND)
    yield
    del kinds_module._FROM_ELSEWHERE[KIND.name]


@pytest.fixture(scope="module")
def run(known, tmp_path_factory):
    """The embedded sample under its policy with five more rules, and all that its run folder holds."""
    folder = tmp_path_factory.mktemp("kinds")
    own = (resources.files("plugspan.rules") / "profiles" / "zhuzhou-2025.toml").read_text("utf-8")
    (folder / "policy.toml").write_text(own + RULES, "utf-8")
    with sample_project() as path:
        project = read_project(path)
        changes = {
            "policy": str(folder / "policy.toml"),
            "plan": PlanSettings(goal="rules", time_limit_s=10.0),
            "siting": SitingSettings(),
        }
        plan = make_plan(project.model_copy(update=changes))
    write_run(plan, folder / "run", overwrite=False, lang="en", progress=silent)
    folder = folder / "run"
    return SimpleNamespace(
        plan=plan,
        folder=folder,
        result=json.loads((folder / "result.json").read_text("utf-8")),
        layers=layer_tables(folder),
        sheets={name: [[c.value for c in row] for row in rows] for name, rows in sheets(folder).items()},
        report="\n".join(report_lines(folder)),
        map=json_blocks(folder)[0],
    )


def finding_of(run, rule):
    """A rule's finding of result.json."""
    return next(f for part in ("findings", "measures") for f in run.result[part] if f["rule"] == rule)


def test_profiles_know_the_kind_while_it_is_registered(known, tmp_path):
    """Its keys are checked like those of our own kinds, and a wrong one is named with the right one."""
    own = (resources.files("plugspan.rules") / "profiles" / "zhuzhou-2025.toml").read_text("utf-8")
    path = tmp_path / "p.toml"
    path.write_text(own + RULES, "utf-8")
    assert isinstance(read_policy(path).rules[-5], PointsShare)
    path.write_text(own + RULES.replace("least = 4", "laest = 4"), "utf-8")
    with pytest.raises(InputError, match=r"laest.*least"):
        read_policy(path)


def test_kinds_of_elsewhere_do_not_replace_ours():
    """The name of one of our kinds is taken."""
    own = kinds()["berth_share"]
    with pytest.raises(ValueError, match="berth_share"):
        register(own)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_photovoltaics_do_not_look_like_charging(lang):
    """The layer of its own has another shape and sign, and its legend speaks of PV."""
    sign = next(kind.sign for kind in kinds().values() if kind.name == "pv_potential")
    pv, charging = styles.own_style(sign).categories, styles.facility_style().categories
    assert not {c.symbol for c in pv} & {c.symbol for c in (*charging, *styles.HUBS.categories)}
    assert pv[0].mark != charging[0].mark
    assert [c.label(lang) for c in pv[:2]] == [text(f"legend.pv-{has}", lang) for has in ("yes", "no")]
    assert all(word not in c.label(lang) for c in (*pv, *charging) for word in ("charging", "充电"))


def test_the_kind_stands_in_the_result(run):
    """Interval, counts and evidence, in the form of the published schema; columns no schema speaks of are kept."""
    jsonschema.validate(run.result, result_schema(), cls=jsonschema.Draft202012Validator)
    found = finding_of(run, "points-at-hubs")
    facilities = run.plan.inputs.facilities
    ours = facilities[facilities["kind"].isin(HUB_KINDS) & facilities["inside"].astype(bool)]
    points = ours["points"].astype("Float64")
    assert found["low"] == pytest.approx(float((points >= 4).fillna(False).mean()), abs=1e-6)
    assert found["high"] == pytest.approx(
        float(((points >= 4) | points.isna()).fillna(True).mean()), abs=1e-6
    )
    assert {e["site_id"]: e["points_short"] for e in found["evidence"]} == {
        i: None if p is None else max(4 - p, 0)
        for i, p in zip(ours["id"], points.astype(object).where(points.notna(), None), strict=True)
    }


def test_the_kind_stands_on_map_and_layers(run):
    """A panel row that opens a layer of its own, which is named after the rule and holds its evidence."""
    layer = run.layers["rule_points_at_hubs"]
    evidence = finding_of(run, "points-at-hubs")["evidence"]
    assert [row["name"] for row in layer] == [e["name"] for e in evidence]
    assert [row["points_short"] for row in layer] == [e["points_short"] for e in evidence]
    drawn = next(x for x in run.map["layers"] if x["name"] == "rule_points_at_hubs")
    assert drawn["title"] == "Hubs with enough points"
    assert drawn["count"] == len(evidence)
    row = next(f for f in run.map["findings"] if f["title"] == "Hubs with enough points")
    assert row["layer"] == "rule_points_at_hubs"


def test_the_kind_stands_in_the_workbook(run):
    """A row among the findings and a sheet of its own, under the labels of its declaration."""
    titles = [row[0] for row in run.sheets["Findings"]]
    assert "Hubs with enough points" in titles
    sheet = run.sheets["Rule Hubs with enough points"]
    head, rows = sheet[0], sheet[1:]
    evidence = finding_of(run, "points-at-hubs")["evidence"]
    assert [row[head.index("Points short")] for row in rows] == [e["points_short"] for e in evidence]


def test_the_kind_stands_in_the_report(run):
    """Its title, clause, counts with its noun, what lacks, and its table."""
    assert "Hubs with enough points" in run.report
    assert "a made-up plan, 1(2)" in run.report
    counts = finding_of(run, "points-at-hubs")["counts"]
    number = "meets" if counts["yes"] == 1 else "meet"
    assert f"Of {sum(counts.values()):g} hubs, {counts['yes']:g} {number} the requirement" in run.report
    assert "Points short" in run.report


def test_a_plan_sees_the_kind(run):
    """Its rows are served or stand among what nothing can serve."""
    unmet = [u for u in run.result["plan"]["unmet"] if u["rule"] == "points-at-hubs"]
    lacking = finding_of(run, "points-at-hubs")["counts"]
    assert len(unmet) >= lacking["no"] > 0


def test_verify_and_compare_know_the_kind(run, tmp_path):
    """All claims hold; a falsified status is found; a changed value is told."""
    count, faults = verify_run(run.folder)
    assert count > 0
    assert not [f for f in faults if not f.warning]
    other = tmp_path / "other"
    shutil.copytree(run.folder, other)
    result = json.loads((other / "result.json").read_text("utf-8"))
    row = next(f for f in result["findings"] if f["rule"] == "points-at-hubs")
    row["low"], row["high"], row["status"] = 0.95, 0.95, "not met"
    (other / "result.json").write_text(json.dumps(result), "utf-8")
    _, faults = verify_run(other)
    assert any("points-at-hubs.status" in f.render("en") for f in faults)
    (told,) = [c for c in compare(run.folder, other, "en").changes if c.part == "rules"]
    assert told.what == row["title"]
    assert told.second.endswith("not met")


# -- several rules of one kind ---------------------------------------------------------------------------


def test_each_rule_has_its_layer(run):
    """Two rules on spacing, reach and berths: a layer each, with its own values and the rule's title."""
    assert {row["rule"] for row in run.result["least_sites"]} == {"ordinary-highway-spacing", "longest-gap"}
    assert {"reach", "reach_people_within_five", "least_sites", "least_sites_longest_gap"} <= set(run.layers)
    wanted = [row["chosen"] for row in run.result["least_sites"] if row["rule"] == "longest-gap"][-1]
    assert [row["action_id"] for row in run.layers["least_sites_longest_gap"]] == wanted
    counties = next(layer for layer in plan_layers(run.plan, "en") if layer.name == "counties").frame
    assert counties["reached_today"].str.contains("\nPeople within five kilometres: ").all()
    for phase in ("before", "after"):
        mine = run.layers[f"routes_longest_gap_{phase}"]
        gaps = run.result["gaps"] if phase == "before" else run.result["after"]["gaps"]
        wanted = [g["length_km"] for g in gaps if g["rule"] == "longest-gap"]
        assert [row["length_km"] for row in mine] == pytest.approx(wanted, abs=1e-6)
        first = [g["length_km"] for g in gaps if g["rule"] == "ordinary-highway-spacing"]
        assert [r["length_km"] for r in run.layers[f"routes_{phase}"]] == pytest.approx(first, abs=1e-6)
        assert len(first) != len(wanted)
    near, far = run.layers["demand_people_within_five"], run.layers["demand"]
    assert len(near) == len(far)
    berths = {row["site_id"]: row for row in run.layers["berths_large_berths"]}
    for e in finding_of(run, "large-berths")["evidence"]:
        assert (berths[e["site_id"]]["has"], berths[e["site_id"]]["counts"]) == (e["has"], e["counts"])
    titles = {x["name"]: x["title"] for x in run.map["layers"]}
    assert titles["routes"] == "Average spacing of charging sites along ordinary highways"
    assert titles["routes_longest_gap"] == "Longest gap along ordinary highways"
    assert titles["berths_large_berths"] == "Shore power at berths of 3000 t"
    assert titles["demand_people_within_five"] == "People within five kilometres"
    opens = {f["title"]: f["layer"] for f in run.map["findings"]}
    assert opens["Longest gap along ordinary highways"] == "routes_longest_gap"
    assert opens["Shore power at berths of 3000 t"] == "berths_large_berths"


def test_each_rule_on_spacing_has_its_strips(run):
    """The layer of the second rule opens strips of its own, which show its sites."""
    strips = run.map["strips"]
    own = {key for key in strips if key.endswith("@longest-gap")}
    assert {key.partition("@")[0] for key in own} == {key for key in strips if "@" not in key}
    assert own
    assert all(strips[key] != strips[key.partition("@")[0]] for key in own)


def test_each_rule_stands_in_the_workbook(run):
    """Rows of routes on a sheet of its own; berths, calls and counties with columns under the rule's title."""
    head, *routes = run.sheets["Rule Longest gap along…"]
    found = {row[head.index(capital(text("column.ref", "en")))]: row for row in routes}
    at = head.index(capital(column("gap_max_km").label("en")))
    wanted = {e["ref"]: e["gap_max_km"] for e in finding_of(run, "longest-gap")["evidence"]}
    assert {ref: row[at] for ref, row in found.items()} == pytest.approx(wanted)
    berths = run.sheets["Berths"]
    at = next(i for i, h in enumerate(berths[0]) if str(h).startswith("Shore power at berths of 3000 t: "))
    assert {row[at] for row in berths[1:]} - {None}
    counties = run.sheets["Counties"]
    shares = [
        i for i, h in enumerate(counties[0]) if h == "People within five kilometres: within reach, at least"
    ]
    by_county = {row[0]: row for row in counties[1:]}
    for e in finding_of(run, "people-within-five")["evidence"]:
        assert by_county[e["county"]][shares[0]] == pytest.approx(e["low"], abs=1e-6)
    calls = run.sheets[text("sheet.calls.title", "en")][0]
    assert any(str(h).startswith("Use at long calls: ") for h in calls)


def test_each_rule_stands_in_the_report(run):
    """Every rule's title and clause, and the holes of both rules on spacing."""
    for rule in NEW:
        finding = run.plan.before[rule]
        assert finding.rule.title["en"] in run.report
        assert finding.rule.source in run.report
    assert "Longest gap along ordinary highways: " in run.report
