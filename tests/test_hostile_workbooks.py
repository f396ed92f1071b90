"""Workbooks that are damaged, claim more than they hold, or lead elsewhere; honest ones are read whole."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from plugspan.errors import InputError
from plugspan.inputs import CHARGERS, read_table
from plugspan.inputs.files import read_raw

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>lon</t></is></c><c r="B1" t="inlineStr"><is><t>lat</t></is></c></row>'
PLACE = '<row r="2"><c r="A2"><v>113.1</v></c><c r="B2"><v>27.8</v></c></row>'


def relations(*kinds, more=""):
    """A part that names others: (kind, target) each."""
    rows = "".join(
        f'<Relationship Id="r{i}" Type="{OFFICE}/{k}" Target="{t}"/>' for i, (k, t) in enumerate(kinds)
    )
    return f'<Relationships xmlns="{PACKAGE}">{rows}{more}</Relationships>'


def workbook(path, rows=HEAD + PLACE, *, after="", texts="", parts=None, method=zipfile.ZIP_DEFLATED):
    """The smallest workbook, part by part."""
    made = {
        "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="a" sheetId="1" r:id="r0"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "texts.xml")),
        "xl/texts.xml": f'<sst xmlns="{MAIN}">{texts}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>',
        **(parts or {}),
    }  # fmt: skip
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, body in made.items():
            archive.writestr(name, body)
    return path


def faults(path, **options):
    """Keys of a table's faults."""
    with pytest.raises(InputError) as caught:
        read_table(path, CHARGERS, **options)
    assert caught.value.render("zh") != caught.value.render("en")
    return [fault.key for fault in caught.value.faults]


def test_the_smallest_workbook_is_read(tmp_path):
    """The parts above make a table of one place: what the tests below change is what they are about."""
    assert len(read_table(workbook(tmp_path / "a.xlsx"), CHARGERS)) == 1


@pytest.mark.parametrize(
    "row", ['<row r="2000000000"><c><v>1</v></c></row>', '<row r="1048577"/>', '<row r="0"><c><v>1</v></c></row>',
            '<row r="3"><c r="A2000000000"><v>1</v></c></row>', '<row r="3"><c r="XFE3"><v>1</v></c></row>'],
)  # fmt: skip
def test_cells_beyond_the_sheet(tmp_path, row):
    """A row or a column that no sheet has is damage, and is not filled up to with empty rows."""
    assert faults(workbook(tmp_path / "a.xlsx", HEAD + PLACE + row)) == ["excel-nowhere"]


def test_the_last_row_of_a_sheet_costs_nothing(tmp_path):
    """A cell far below the table is read, with its row."""
    far = '<row r="1048576"><c r="A1048576"><v>113.1</v></c><c r="B1048576"><v>27.8</v></c></row>'
    table = read_table(workbook(tmp_path / "a.xlsx", HEAD + PLACE + far), CHARGERS)
    assert table["source_row"].tolist() == [2, 1_048_576]


def test_too_much_is_told_with_its_cause(tmp_path, monkeypatch):
    """Rows, cells, columns, shared texts, merged cells that lie on each other, parts that unpack to too much."""
    path = tmp_path / "a.xlsx"
    many = "".join(
        f'<row r="{i}"><c r="A{i}"><v>113</v></c><c r="B{i}"><v>27</v></c></row>' for i in range(2, 40)
    )
    with monkeypatch.context() as patched:
        patched.setattr("plugspan.files.MOST_CELLS", 50)
        assert faults(workbook(path, HEAD + many)) == ["table-too-large"]
        assert faults(workbook(path, texts="<si><t/></si>" * 51)) == ["workbook-too-many-texts"]
        merged = (
            '<mergeCells><mergeCell ref="A2:B1048576"/>'
            + '<mergeCell ref="A2:XFD1048576"/>' * 40
            + "</mergeCells>"
        )
        assert faults(workbook(path, HEAD + PLACE, after=merged)) == ["table-too-large"]
    with monkeypatch.context() as patched:
        patched.setattr("plugspan.inputs.files.MOST_ROWS", 30)
        assert faults(workbook(path, HEAD + many)) == ["table-too-long"]
    wide = HEAD.replace("</row>", '<c r="XFD1" t="inlineStr"><is><t>x</t></is></c></row>')
    assert faults(workbook(path, wide + PLACE)) == ["table-too-wide"]
    with monkeypatch.context() as patched:
        patched.setattr("plugspan.markup.MOST_PART_MB", 1)
        assert faults(workbook(path, HEAD + PLACE + " " * 1_000_001)) == ["package-too-large"]
        patched.setattr("plugspan.markup.MOST_ELEMENTS", 20)
        assert faults(workbook(path, HEAD + many)) == ["xml-too-large"]
        patched.setattr("plugspan.markup.MOST_LETTERS", 20)
        assert faults(workbook(path, HEAD, texts=f"<si><t>{'x' * 21}</t></si>")) == ["xml-too-large"]
    (tmp_path / "b.csv").write_text("lon,lat," + ",".join(f"c{i}" for i in range(100_000)) + "\n", "utf-8")
    assert faults(tmp_path / "b.csv") == ["table-too-wide"]


BOMB = '<!DOCTYPE a [<!ENTITY x0 "ha"><!ENTITY x1 "&x0;&x0;"><!ENTITY y SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/texts.xml", "xl/worksheets/sheet1.xml", "_rels/.rels"]
)
def test_entities_are_refused_in_every_part(tmp_path, part):
    """Entities that double each other, and one that stands for a file: never taken up."""
    whole = workbook(tmp_path / "a.xlsx")
    with zipfile.ZipFile(whole) as archive:
        parts = {part: BOMB + archive.read(part).decode()}
    assert faults(workbook(tmp_path / "b.xlsx", parts=parts)) == ["xml-doctype"]


def test_links_to_elsewhere_are_not_followed(tmp_path):
    """External books, DDE and formulas that ask servers: only the values that are stored count."""
    links = relations(("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "texts.xml"),
                      more=f'<Relationship Id="x" Type="{OFFICE}/externalLink" Target="file:///etc/hostname" '
                      f'TargetMode="External"/><Relationship Id="y" Type="{OFFICE}/worksheet" '
                      'Target="../../../../etc/hostname"/>')  # fmt: skip
    asks, runs = 'WEBSERVICE("http://127.0.0.1/")', "cmd|'/c calc'!A1"
    heads = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in ("points", "note"))
    cells = f'<c><f>{asks}</f><v>7</v></c><c t="str"><f>{runs}</f><v>z</v></c>'
    rows = HEAD.replace("</row>", f"{heads}</row>") + PLACE.replace("</row>", f"{cells}</row>")
    table = read_table(
        workbook(tmp_path / "a.xlsx", rows, parts={"xl/_rels/workbook.xml.rels": links}), CHARGERS
    )
    assert table[["points", "note"]].to_numpy().tolist() == [[7, "z"]]


def test_a_chart_that_comes_first_is_no_table(tmp_path):
    """The first sheet with cells is read; a chart named as the sheet is told with those that there are."""
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        chart = book.add_chartsheet("chart")
        page = book.add_worksheet("data")
        page.write_row(0, 0, ["lon", "lat"])
        page.write_row(1, 0, [113.1, 27.8])
        drawn = book.add_chart({"type": "line"})
        drawn.add_series({"values": "=data!$A$2:$A$2"})
        chart.set_chart(drawn)
    assert len(read_table(tmp_path / "a.xlsx", CHARGERS)) == 1
    assert faults(tmp_path / "a.xlsx", sheet="chart") == ["sheet-missing"]


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_packing_methods_that_no_workbook_has(tmp_path, method):
    """Such may ask for gigabytes before they give a byte."""
    assert faults(workbook(tmp_path / "a.xlsx", method=method)) == ["package-broken"]


def test_every_flipped_bit_is_told_or_harmless(tmp_path):
    """Each byte of a workbook damaged in turn: a table or a fault, never another error."""
    whole = workbook(tmp_path / "a.xlsx", texts="<si><t>x</t></si>").read_bytes()
    seen = set()
    for at in range(0, len(whole), 3):
        path = Path(tmp_path / "b.xlsx")
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        try:
            read_table(path, CHARGERS)
        except InputError as error:
            seen |= {fault.key for fault in error.faults}
    assert "package-broken" in seen


def test_values_are_those_that_openpyxl_reads(tmp_path):
    """Numbers, texts, dates, times, truth, errors, rich texts, spaces; also counted from 1904."""
    for epoch in (None, dt.datetime(1904, 1, 1)):
        book = openpyxl.Workbook()
        if epoch:
            book.epoch = epoch
        page = book.active
        page.append(["lon", "lat", "a", "b"])
        rich = CellRichText("red ", TextBlock(InlineFont(b=True), "bold"), " 株洲")
        page.append([1, 2.5, "  x ", True])
        page.append([-1e-7, 12_345_678_901, dt.datetime(2024, 2, 29, 13, 5), dt.date(2025, 12, 31)])
        page.append([None, "#REF!", rich, False])
        page.append([0.1, "=1", "a\nb", "<&>"])
        page["A6"], page["A6"].number_format = 45_000.5, 'yyyy"年"m"月"d"日"'
        page["B6"], page["B6"].number_format = 0.5, "[Red]0.00"
        page["D9"] = "far"
        held = io.BytesIO()
        book.save(held)
        (tmp_path / "a.xlsx").write_bytes(held.getvalue())
        theirs = openpyxl.load_workbook(tmp_path / "a.xlsx", data_only=True).active
        rows = [list(row) for row in theirs.iter_rows(min_row=2, values_only=True)]
        assert read_raw(tmp_path / "a.xlsx").rows == [row for row in rows if any(c is not None for c in row)]
