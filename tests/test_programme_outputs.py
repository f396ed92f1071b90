"""The plan to adopt on map, layers, workbook, terminal and in result.json: one run, read back."""

from __future__ import annotations

import json

import openpyxl
import pyogrio
import pytest
from plugspan.output.run import write_run
from plugspan.output.summary import summary_lines
from plugspan.pipeline import make_plan
from plugspan.project import PlanSettings, SitingSettings, read_project
from plugspan.study import sample_project, silent


@pytest.fixture(scope="module")
def plan():
    with sample_project() as path:
        project = read_project(path)
        settings = {"plan": PlanSettings(years={2026: 900, 2027: 1000}), "siting": SitingSettings()}
        return make_plan(project.model_copy(update=settings))


@pytest.fixture(scope="module")
def folder(plan, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    write_run(plan, out, overwrite=False, lang="en", tell=silent)
    return out


def test_every_surface_tells_the_same_plan(plan, folder):
    """Actions, order, year and money agree in result.json, the layer and the sheet for finance."""
    part = json.loads((folder / "result.json").read_text("utf-8"))["plan"]
    assert part["verified"]
    assert [a["order"] for a in part["actions"]] == list(range(1, len(part["actions"]) + 1))
    layer = pyogrio.read_dataframe(folder / "layers.gpkg", layer="plan_actions_after")
    placed = [a for a in part["actions"] if a["lon"] is not None]
    assert layer["id"].tolist() == [a["id"] for a in placed]
    assert layer["money"].tolist() == pytest.approx([a["cost"] for a in placed])
    book = openpyxl.load_workbook(folder / "tables.xlsx", read_only=True)
    rows = list(book["Plan actions"].iter_rows(values_only=True))
    head = next(k for k, row in enumerate(rows) if "Build order" in row)
    money = rows[head].index(next(h for h in rows[head] if h and h.startswith("Cost")))
    sheet = [
        row for row in rows[head + 1 :] if isinstance(row[rows[head].index("Build order")], (int, float))
    ]
    assert [row[money] for row in sheet] == pytest.approx([a["cost"] for a in part["actions"]], abs=0.01)
    assert sum(a["cost"] for a in part["actions"]) == pytest.approx(part["cost"]["high"])
    assert part["stages"][-1]["spent"] == pytest.approx(part["cost"]["high"])


def test_the_terminal_tells_actions_money_and_years(plan):
    """One line for the plan, one for each year; the last year meets every rule."""
    lines = [" ".join(cell.strip() for cell in row) for row in summary_lines(plan, "en")]
    assert any(line.startswith(f"plan: {len(plan.programme.chosen)} actions") for line in lines)
    assert any(line.startswith("2027") and "6/6" in line for line in lines)


def test_the_last_step_is_the_state_after(folder):
    """What the last step claims of each rule is what the assessment after the plan says."""
    result = json.loads((folder / "result.json").read_text("utf-8"))
    last = result["plan"]["steps"][-1]["rules"]
    for finding in result["after"]["findings"]:
        if finding["rule"] in last:
            assert last[finding["rule"]]["low"] == pytest.approx(finding["low"])
            assert last[finding["rule"]]["status"] == finding["status"]
    assert "plan_actions" in (folder / "map.html").read_text("utf-8")
