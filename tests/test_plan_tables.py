"""The plan's named tables: each once, with units; renderers take them and compute nothing."""

from __future__ import annotations

import ast
from dataclasses import replace

import pandas as pd
import pytest
from plugspan.render.report.context import Report
from plugspan.render.report.doc import open_paper
from plugspan.tables.gap_words import marked_gap
from plugspan.tables.layers import gis_layers, plan_layers
from plugspan.tables.plan_tables import FILE_TABLES, file_tables, plan_tables
from plugspan.tables.publication import Publication
from plugspan.tables.sheets import sheets
from plugspan.tables.table import Table, heads

COMPUTE = ("rules", "siting", "measure", "network", "inputs", "plan", "pipeline", "programme", "study")
"""Rooms that compute."""
DECLARED = {"Rule", "RUN_TABLE", "StripData", "StripLane", "StripSite", "StripGap", "LaneState", "Stretch"}
"""What renderers take from them: a rule as it is declared, how tables of a run are named, what a strip chart is of."""
READERS = (
    "verify.py",
    "read_run.py",
    "compare.py",
    "changes.py",
    "change_page.py",
    "result_schema.py",
    "finding_schema.py",
    "schema_nodes.py",
    "faults.py",
)
"""They render no plan: they read run folders back, describe ``result.json``, give lists back with their faults."""
DOORS = ("run.py", "files.py")
"""They are given a plan, and hand it to :class:`Publication` at once."""


@pytest.fixture(scope="module")
def plan(sample_plan):
    """The embedded sample."""
    return sample_plan


@pytest.fixture(scope="module")
def tables(plan):
    return plan_tables(plan, "en")


def test_units_stand_in_the_attributes_of_every_frame(tables):
    """A number with a unit says so: in the registry's unit, demand and money in those of the plan."""
    for table in tables.values():
        assert table.frame.attrs["units"] == {h.name: h.column.unit for h in table.heads if h.column.unit}
    assert tables["gaps"].frame.attrs["units"]["length_km"] == "km"
    assert tables["plan-actions"].frame.attrs["units"]["money"] == "万元"
    assert tables["retrofit"].frame.attrs["units"]["retrofit_cost"] == "万元"
    assert tables["retrofit"].frame.attrs["units"]["co2_t_per_cost"] == "t/万元"


def test_a_cost_of_sites_has_a_unit_only_where_the_project_gives_one(plan, tables):
    """Without ``siting.cost`` each site counts as 1, which is no money."""
    assert "money" in tables["least-sites"].frame.attrs["units"].get("cost", "money")
    siting = plan.project.siting.model_copy(update={"cost": {"hub": 80.0}})
    priced = replace(plan, project=plan.project.model_copy(update={"siting": siting}))
    assert plan_tables(priced, "en")["least-sites"].frame.attrs["units"]["cost"] == "万元"


def test_each_table_has_a_name_of_its_own_and_sheets_have_their_texts(tables):
    """What is no sheet has no rows to lose there: it is the report's or the GeoPackage's."""
    named = [table.name for table in tables.values()]
    assert named == list(tables)
    shown = sheets(tables, "en")
    assert len({table.title("en") for table in shown}) == len(shown)
    assert {
        "findings",
        "gap-totals",
        "gaps:ordinary-highway-spacing",
        "plan-actions",
        "facts",
        "sources",
    } <= {table.name for table in shown}
    assert "checksums" not in {table.name for table in shown}
    assert [head.name for head in tables["files"].heads][:4] == ["file", "table", "read", "kept"]


def test_the_geopackage_holds_rows_of_the_same_tables(tables):
    """Findings and routes of the file are those of the workbook, column by column."""
    held = file_tables(tables)
    assert set(held) <= set(FILE_TABLES)
    for name, (frame, schema) in held.items():
        source = tables[FILE_TABLES[name][0]].frame
        assert set(schema.names) <= set(frame.columns)
        same = [c for c in schema.names if c in source]
        today = frame[frame["phase"] == "before"] if "phase" in frame else frame
        pd.testing.assert_frame_equal(
            today[same], pd.DataFrame(source[same]), check_frame_type=False, check_dtype=False
        )
    assert held["findings"][0]["target"].tolist() == tables["findings"].frame["target_shown"].tolist()


def test_a_gap_is_worded_by_its_marks_whichever_way_it_is_driven():
    """Marks rise; where only a part lies inside, both lengths are said; an open end says "at least"."""
    gap = {"ref": "G1", "from_km": 49.0, "to_km": 9.0, "length_km": 40.0, "own_km": 40.0, "open_start": False,
           "open_end": False}  # fmt: skip
    assert marked_gap(gap, "own_km", "en") == "G1 measured km 9.0–49.0 (40.0 km)"
    assert (
        marked_gap({**gap, "own_km": 12.34}, "own_km", "en")
        == "G1 measured km 9.0–49.0 (12.3 km of 40.0 km inside)"
    )
    assert "at least 40.0 km" in marked_gap({**gap, "open_end": True}, "length_km", "en")
    assert "at least" not in marked_gap({**gap, "open_end": True}, "own_km", "en")


def test_a_table_on_paper_shades_marks_and_cuts(plan, tables):
    """Worked by hand: no is a gap, above its limit a gap, numbers right, long names cut, the rest counted."""
    columns = heads("name has length_km county", "en")
    frame = pd.DataFrame(
        {"name": ["n" * 99, "b", "c"], "has": ["no", "yes", "unknown"], "length_km": [3.0, 1.0, None],
         "county": ["", "X", None]}
    )  # fmt: skip
    looks = {"has": {"gap": ("no",), "middle": ("unknown",)}}
    table = Table("t", columns, frame, looks, {"length_km": 2.0})
    report = Report.of(Publication(plan, "en"), open_paper(None, "en"))
    assert report.table("x", table, {"name": 20.0, "has": 10.0, "length_km": 10.0, "county": 10.0}, 2) == 2
    (written,) = report.paper.document.tables
    cells = [[cell.text for cell in row.cells] for row in written.rows]
    assert cells[0][2] == "Length (km)"
    assert cells[1][0] == "n" * 59 + "…"
    assert cells[1][2:] == ["3.0", "(outside of all counties)"]
    assert len(cells) == 3
    xml = written._tbl.xml
    assert xml.count('w:fill="F6DCE1"') == 2


def renderers(root):
    """(path, tree) of every module that writes down what a plan shows."""
    for path in sorted((root / "coverage" / "render").rglob("*.py")):
        if path.name not in READERS and "vendor" not in path.parts:
            yield path.relative_to(root), ast.parse(path.read_text("utf-8"))


def test_renderers_compute_nothing(root):
    """From the rooms that compute they take no function and no frame, only what is declared there."""
    taken = {
        f"{alias.name} in {path}"
        for path, tree in renderers(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == len(path.parts) - 1 and node.module
        if node.module.split(".")[0] in COMPUTE
        for alias in node.names
        if alias.name not in DECLARED
    }
    assert taken == {f"Plan in coverage/render/{name}" for name in DOORS}


def test_renderers_see_no_plan(root):
    """The doors hand the plan on, and nobody reaches for it through what it shows."""
    wrong = [
        f"{path}:{node.lineno} {ast.unparse(node)}"
        for path, tree in renderers(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        if node.attr == "plan" or (isinstance(node.value, ast.Name) and node.value.id == "plan")
    ]
    assert not wrong


def test_gaps_of_every_rule_on_roads_have_a_layer_and_their_evidence_leads_there(plan, tables):
    """Spacing and covered length, today and with the plan: each gap once, with its line, by its id."""
    layers = gis_layers(plan, plan_layers(plan, "en"), "en")
    for phase, assessment in (("before", plan.before), ("after", plan.after)):
        drawn = [
            layer
            for layer in layers
            if layer.phase == phase and layer.name.startswith(("routes", "stretches"))
        ]
        assert {layer.name for layer in drawn} == {"routes", "stretches"}
        ids = [gap for layer in drawn for gap in layer.frame["gap_id"]]
        assert sorted(ids) == sorted(assessment.gaps["gap_id"])
        assert len(ids) > 100
        assert not any(layer.frame.geometry.is_empty.any() for layer in drawn)
    kept = set(plan.before.gaps["gap_id"]) & set(plan.after.gaps["gap_id"])
    length = {
        phase: a.gaps.set_index("gap_id")["length_m"] for phase, a in (("b", plan.before), ("a", plan.after))
    }
    assert all(abs(length["b"][gap] - length["a"][gap]) < 1.5 for gap in kept)  # ends are named to the metre
    assert set(tables["gap-evidence"].frame["gap_id"]) <= set(plan.before.gaps["gap_id"])
    steps, actions = tables["plan-steps"].frame["action_id"], tables["plan-actions"].frame["id"]
    assert steps.dropna().tolist() == actions.tolist()
