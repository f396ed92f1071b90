"""Every row is accounted for: read = kept + merged + left out + faulted; faults come back in the user's own table."""

from __future__ import annotations

import json
from dataclasses import replace

import openpyxl
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plugspan import InputError
from plugspan.cli.check import command
from plugspan.errors import MOST_ALIKE, Diagnostics, Fault, fault_lines
from plugspan.inputs import CHARGERS, DEMAND, read_table
from plugspan.inputs.ledger import FileEntry, row_sites
from plugspan.pipeline import load
from plugspan.project import read_project
from plugspan.template import write_template

HEAD = "编号,名称,运营商,经度,纬度,功率,枪数\n"
GOOD = "a1,青溪,绿动,113.15,27.83,120,4\n"
BAD = "a2,云岭,绿动,113.16,27.83,很大,4\n"
TWICE = "a1,石桥,绿动,113.17,27.83,60,2\n"
SWAPPED = "a3,石桥,绿动,27.83,113.17,60,2\n"
SUM = "合计,,,,,,8\n"
PROJECT = """schema = 1
name = "t"
language = "en"
[network]
osm = "{osm}"
{tables}
"""


@pytest.fixture
def project(root, tmp_path):
    """Write a project with such tables of chargers (text of each file) and further keys of each."""

    def write(*bodies, keys=""):
        tables = ""
        for name, body in zip("abc", bodies, strict=False):
            (tmp_path / f"{name}.csv").write_text(HEAD + body, "utf-8")
            tables += f'[[tables.chargers]]\npath = "{name}.csv"\n{keys}\n'
        osm = (root / "data" / "osm" / "zhuzhou-sample.osm.pbf").as_posix()
        (tmp_path / "project.toml").write_text(PROJECT.format(osm=osm, tables=tables), "utf-8")
        return tmp_path

    return write


def test_skip_leaves_faulty_rows_aside(tmp_path):
    """A bad number, an id used twice, swapped axes and a sum: one row stays, each other is accounted for."""
    path = tmp_path / "a.csv"
    path.write_text(HEAD + GOOD + BAD + TWICE + SWAPPED + SUM, "utf-8")
    notes, ledger = Diagnostics(), []
    table = read_table(path, CHARGERS, on_fault="skip", notes=notes, ledger=ledger)
    assert table["id"].tolist() == ["a1"]
    assert table["source_row"].tolist() == [2]
    assert [replace(entry, columns=()) for entry in ledger] == [
        FileEntry(str(path), "chargers", 5, (6,), (3, 4, 5))
    ]
    assert [header for _, header, _ in ledger[0].columns] == HEAD.strip().split(",")
    assert (ledger[0].kept, ledger[0].merged) == (1, 0)
    assert {"rows-skipped", "number-unreadable", "id-twice", "position-swapped"} <= {f.key for f in notes}
    assert not notes.faults
    with pytest.raises(InputError):
        read_table(path, CHARGERS, ledger=ledger)
    assert ledger[1] == ledger[0]


def test_skip_does_not_forgive_a_missing_column(tmp_path):
    """Without a longitude no row could be used: that is no fault of a row."""
    (tmp_path / "a.csv").write_text("lat,weight\n27,1\n", "utf-8")
    with pytest.raises(InputError, match="lon"):
        read_table(tmp_path / "a.csv", DEMAND, on_fault="skip")


ROWS = st.lists(
    st.sampled_from([GOOD, BAD, TWICE, SWAPPED, SUM, "x,\n", "\n", "b9,,,113.1,27.9,,\n"]), max_size=8
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_read_is_kept_and_faulted_and_left_out(tmp_path, rows):
    """Whatever rows a table has, the ledger adds up, and what is kept is what the table holds."""
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "".join(rows), "utf-8")
    ledger = []
    table = read_table(path, CHARGERS, on_fault="skip", ledger=ledger)
    (entry,) = ledger
    assert entry.read == sum(row.strip() != "" for row in rows)
    assert entry.kept == len(table)
    assert table["id"].is_unique


def test_the_ledger_of_a_project(project):
    """Two lists with one site in common, the same file again, a bad row: each figure by hand."""
    other = "b1,青溪站,湖南绿动新能源有限公司,113.15005,27.83,120,4\nb2,云岭,川流,113.2,27.8,60,x\n" + SUM
    folder = project(GOOD, other, GOOD, keys='on_fault = "skip"')
    inputs = load(read_project(folder)).inputs
    found = [tuple(e.counts().values()) for e in inputs.ledger]
    assert found == [
        ("a.csv", "chargers", 1, 1, 0, 0, 0),
        ("b.csv", "chargers", 3, 0, 1, 1, 1),
        ("c.csv", "chargers", 1, 0, 1, 0, 0),
    ]
    rows = row_sites(inputs)
    assert rows[["file", "row", "site", "outcome"]].fillna("-").to_numpy().tolist() == [
        ["a.csv", 2, "a1", "kept"],
        ["b.csv", 2, "a1", "merged"],
        ["b.csv", 3, "-", "faulted"],
        ["b.csv", 4, "-", "left_out"],
    ]


def test_check_as_json(project):
    """The contract: files, faults, notes; all faults, with exit code 3."""
    folder = project("".join(f"c{n},x,绿动,113.15,27.83,很大,4\n" for n in range(80)))
    shown = CliRunner().invoke(command, [str(folder), "--json"], standalone_mode=False)
    told = json.loads(shown.stdout)
    assert shown.return_value == 3
    assert [column["header"] for column in told["files"][0].pop("columns")] == HEAD.strip().split(",")
    assert told["files"] == [
        {
            "path": "a.csv",
            "table": "chargers",
            "read": 80,
            "kept": 0,
            "merged": 0,
            "left_out": 0,
            "faulted": 80,
        }
    ]
    assert [(f["row"], f["column"], f["value"]) for f in told["faults"]] == [
        (n, "功率", "很大") for n in range(2, 82)
    ]
    assert all("很大" in f["message"] for f in told["faults"])


def test_the_faults_come_back_in_the_table(project, tmp_path):
    """Rows stand where the file has them, the cell is coloured, the remedy stands beside, formulas stay texts."""
    folder = project(GOOD + BAD + "=1+1,y,绿动,113.16,27.84,60,4\n")
    out = tmp_path / "faults.xlsx"
    with pytest.raises(InputError):
        CliRunner().invoke(
            command, [str(folder), "--faults", str(out)], standalone_mode=False, catch_exceptions=False
        )
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["Counts", "All faults", "a"]
    sheet = book["a"]
    assert [cell.value for cell in sheet[3]][:7] == ["a2", "云岭", "绿动", "113.16", "27.83", "很大", "4"]
    assert sheet["F3"].fill.fgColor.rgb == "FFF4B8B0"
    assert sheet["A3"].fill.fgColor.rgb != "FFF4B8B0"
    assert "很大" in sheet["H3"].value
    assert sheet["H2"].value is None
    assert (sheet["A4"].value, sheet["A4"].data_type) == ("=1+1", "s")
    assert [cell.value for cell in book["Counts"][2]] == ["a.csv", "chargers", 3, 2, 0, 0, 1]


def test_faults_of_a_kind_are_told_once_with_their_rows():
    """Of 30 the first 20 one by one, of the others the rows; another column is another kind."""
    faults = [
        Fault("number-unreadable", "a.csv", n, "p", "x", {"unit": "kW", "name": "p"}) for n in range(2, 32)
    ]
    faults.append(Fault("number-unreadable", "a.csv", 40, "q", "y", {"unit": "kW", "name": "q"}))
    for lang in ("zh", "en"):
        lines = fault_lines(faults, lang)
        assert len(lines) == MOST_ALIKE + 2
        assert "10" in lines[MOST_ALIKE]
        assert "22, 23" in lines[MOST_ALIKE]
        assert "q" in lines[-1]


def test_cells_are_quoted_as_written(tmp_path):
    """A number that is odd is told as the file has it, not as 1.56104e+10."""
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "a1,青溪,绿动,113.15,27.83,15610400000,4\n", "utf-8")
    notes = Diagnostics()
    read_table(path, CHARGERS, notes=notes)
    odd = next(f for f in notes if f.key == "value-odd")
    assert odd.value == "15610400000"
    assert "15610400000" in odd.render("en")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_data_package_of_empty_tables_describes_their_headers(tmp_path, lang):
    """Each table of ``init`` is a resource; its fields are its headers, in order, with both languages and the unit."""
    write_template(tmp_path, lang)
    package = json.loads((tmp_path / "datapackage.json").read_text("utf-8"))
    assert {r["path"] for r in package["resources"]} == {p.name for p in tmp_path.glob("*.csv")}
    for resource in package["resources"]:
        header = (tmp_path / resource["path"]).read_text("utf-8-sig").strip().split(",")
        fields = resource["schema"]["fields"]
        assert [field["name"] for field in fields] == header
        assert all(field["descriptions"]["zh"] and field["descriptions"]["en"] for field in fields)
    power = next(f for f in package["resources"][0]["schema"]["fields"] if f["column"] == "point_kw")
    assert (power["type"], power["unit"]) == ("number", "kW")
