"""Rules with a year, and sites that open later: what counts today, what at each year of a plan."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from importlib import resources

import pandas as pd
import pytest
from plugspan.pipeline import assess_study, make_plan
from plugspan.project import PlanSettings, read_project
from plugspan.render.run import write_run
from plugspan.render.verify import verify_run
from plugspan.rules.finding import Finding
from plugspan.rules.policy import read_policy
from plugspan.study import load, silent
from plugspan.tables import numbers
from plugspan.tables.programme import stage_rows, step_rows

YEARS = {2026: 600, 2027: 600, 2029: 700}
OPENS = {"ZZ036": "2027-06-01", "FW022": "2035-01-01"}
"""Sites of the sample under construction, with dates of our own."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The sample with dates: two sites under construction, and one in operation that opens in 2028."""
    out = tmp_path_factory.mktemp("dated") / "data"
    with resources.as_file(resources.files("plugspan.data")) as data:
        shutil.copytree(data, out)
    for name in ("chargers.csv", "chargers_gcj02.csv"):
        table = pd.read_csv(out / "sites" / name, dtype=str)
        table["投运日期"] = table["编号"].map(OPENS).fillna(table["投运日期"])
        table.loc[table["编号"] == "ZZ001", "投运日期"] = "2028-03-01"
        table.to_csv(out / "sites" / name, index=False)
    project = (out / "zhuzhou.toml").read_text("utf-8")
    profile = resources.files("plugspan.rules") / "profiles" / "zhuzhou-2025.toml"
    policy = profile.read_text("utf-8")
    berths = policy.index('id = "berth-shore-power"')
    (out / "late.toml").write_text(
        policy[:berths] + policy[berths:].replace("2025-12-31", "2029-12-31", 1), "utf-8"
    )
    (out / "project.toml").write_text(project.replace('"zhuzhou-2025"', '"late.toml"'), "utf-8")
    return out


@pytest.fixture(scope="module")
def plan(folder):
    project = read_project(folder).model_copy(update={"plan": PlanSettings(years=YEARS)})
    return make_plan(project)


def rule(by):
    policy = read_policy("zhuzhou-2025")
    return next(r for r in policy.rules if r.id == "berth-shore-power").model_copy(update={"by": by})


@pytest.mark.parametrize(
    ("value", "by", "at", "status"),
    [
        (0.5, dt.date(2030, 12, 31), dt.date(2025, 12, 31), "not due"),
        (0.5, dt.date(2030, 12, 31), dt.date(2030, 12, 31), "not met"),
        (0.5, dt.date(2030, 12, 31), dt.date(2031, 1, 1), "not met"),
        (0.5, dt.date(2030, 12, 31), None, "not met"),
        (0.5, None, dt.date(2025, 12, 31), "not met"),
        (1.0, dt.date(2030, 12, 31), dt.date(2025, 12, 31), "met"),
        (None, dt.date(2030, 12, 31), dt.date(2025, 12, 31), "not due"),
        (None, dt.date(2020, 12, 31), dt.date(2025, 12, 31), "undecided"),
    ],
)
def test_a_rule_is_judged_at_its_own_year(value, by, at, status):
    """Before its day a rule is met or not due, never missed; on the day and after it is missed."""
    found = Finding(rule(by), "share", value, value, at=at)
    assert found.status == found.shown == status
    if status == "not due":
        assert numbers.status(found, "en") == "not due until 2030"
        assert "2030" in numbers.status(found, "zh")


def test_a_site_in_operation_that_opens_later_is_not_there_yet(folder):
    """It counts as under construction, with a notice; its neighbours of the same site stay as they are."""
    study = load(read_project(folder))
    chargers = study.inputs.chargers.set_index("id")
    assert chargers.loc["ZZ001", "status"] == "under_construction"
    assert chargers.loc["ZZ002", "status"] == "operational"
    notice = next(fault for fault in study.inputs.warnings if fault.key == "opens-later")
    assert "ZZ001" in notice.render("en")
    site = study.inputs.sites.set_index("id").loc[chargers.loc["ZZ001", "site"]]
    assert site["points"] == 10  # the alternating-current points alone


def test_strict_does_not_miss_what_is_not_due(folder):
    """The rule on berths is due in 2029; asked at the end of 2025 it is not among the missed ones."""
    study = load(read_project(folder))
    found = assess_study(study)
    assert found["berth-shore-power"].status == "not due"
    assert found["expressway-service-area-fast"].status == "not met"


def test_a_site_counts_in_the_plan_from_its_year_on(plan):
    """水口 opens in 2027 and costs nothing; what opens in 2035 only if it is hurried."""
    programme = plan.programme
    assert programme.faults == ()
    opening = programme.actions[programme.actions["kind"] == "opening"].set_index("name")
    assert list(opening["year"]) == [2028, 2027]
    assert "commission-FW022" in set(programme.chosen["id"])  # its side of the service area has to be hurried
    steps = step_rows(plan)
    rows = {step["action_id"]: step for step in steps}
    mine = rows[opening.loc["水口充电站", "id"]]
    assert mine["year"] == 2027
    before = steps[steps.index(mine) - 1]
    assert mine["spent"] == before["spent"]
    spacing = "ordinary-highway-spacing"  # one site more along G106, for nothing
    assert mine["rules"][spacing]["low"] < before["rules"][spacing]["low"]


def test_each_year_judges_what_is_due_in_it(plan):
    """Berths may wait to 2029; before they are met or not due, in 2029 they are met."""
    status = {row["year"]: row["rules"]["berth-shore-power"]["status"] for row in stage_rows(plan)}
    assert list(status) == list(YEARS)
    assert "not met" not in status.values()
    assert status[2029] == "met"
    assert plan.after_date == dt.date(2029, 12, 31)
    for finding in plan.after.findings:
        assert finding.status in (None, "met"), finding.rule.id


def test_the_run_folder_tells_the_day_and_verifies(plan, tmp_path):
    """``result.json`` has the day and each rule's; ``verify`` derives "not due" from them, and finds it changed."""
    out = tmp_path / "run"
    write_run(plan, out, overwrite=False, lang="en", progress=silent)
    checked, faults = verify_run(out)
    assert checked > 50
    assert [fault.key for fault in faults if not fault.warning] == []
    path = out / "result.json"
    result = json.loads(path.read_text("utf-8"))
    assert result["project"]["reference_date"] == "2025-12-31"
    row = next(row for row in result["findings"] if row["rule"] == "berth-shore-power")
    assert (row["status"], row["by"]) == ("not due", "2029-12-31")
    row["by"] = "2024-12-31"
    path.write_text(json.dumps(result), "utf-8")
    wrong = {fault.key for fault in verify_run(out)[1] if not fault.warning}
    assert wrong == {"verify-changed", "verify-value"}
    page = (out / "map.html").read_text("utf-8")
    assert "not due until {year}" in page
