"""One number, one value: map, layers, workbook and report say what result.json says."""

from __future__ import annotations

import json
import re
import sqlite3

import docx
import openpyxl
import pytest
from plugspan.output import numbers
from plugspan.output.run import write_run
from plugspan.pipeline import make_plan
from plugspan.project import read_project


@pytest.fixture(scope="module")
def case(root, tmp_path_factory):
    """The sample's plan and its run folder."""
    plan = make_plan(read_project(root / "data" / "zhuzhou.toml"))
    folder = tmp_path_factory.mktemp("one") / "run"
    write_run(plan, folder, overwrite=False, lang="zh", tell=lambda key, share: None)
    return plan, folder


def texts(value):
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def test_every_finding_reads_the_same_in_map_layers_workbook_and_report(case):
    """The value of each rule with a target stands, letter by letter, in all four."""
    plan, folder = case
    blocks = re.findall(
        r'<script type="application/json"[^>]*>(.*?)</script>',
        (folder / "map.html").read_text("utf-8"),
        flags=re.S,
    )
    in_map = {t for block in blocks for t in texts(json.loads(block))}
    with sqlite3.connect(folder / "layers.gpkg") as db:
        in_layers = {row[0] for row in db.execute("SELECT value FROM findings")}
    book = openpyxl.load_workbook(folder / "tables.xlsx")
    in_book = {
        str(c.value) for sheet in book for row in sheet.iter_rows() for c in row if c.value is not None
    }
    report = docx.Document(str(folder / "report.docx"))
    cells = [c.text for table in report.tables for row in table.rows for c in row.cells]
    in_report = (
        " ".join([*(p.text for p in report.paragraphs), *cells]).replace("\u00a0", " ").replace("\u2060", "")
    )
    for finding in plan.before.findings:
        if finding.target is None:
            continue
        value = numbers.headline(finding, "zh")
        assert value in in_map, value
        assert value in in_layers, value
        assert any(value in cell for cell in in_book), value
        assert value in in_report, value


def test_what_is_shown_is_what_is_in_the_result(case):
    """The texts are made from the numbers of result.json."""
    plan, folder = case
    result = json.loads((folder / "result.json").read_text("utf-8"))
    for row in result["findings"]:
        finding = plan.before[row["rule"]]
        assert row["status"] == finding.status
        for key, value in (("low", finding.low), ("high", finding.high)):
            assert row[key] == pytest.approx(value, abs=1e-6)
