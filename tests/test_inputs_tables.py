"""Tables of every format, right and broken: the same rows come out, and every fault is told with its row."""

from __future__ import annotations

import datetime as dt
import zipfile

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from plugspan import InputError
from plugspan.errors import Diagnostics
from plugspan.inputs import (
    BERTHS,
    CALLS,
    CAR_PARKS,
    CHARGERS,
    COUNTIES,
    DEMAND,
    FACILITIES,
    SCHEMAS,
    as_table,
    combine_tables,
    empty_table,
    read_table,
)
from plugspan.inputs.cells import is_missing, parse_number
from plugspan.inputs.checks import grown
from plugspan.inputs.datum import wgs84_to_gcj02
from plugspan.inputs.headers import find_column

HEADER = ["编号", "名称", "经度", "纬度", "功率(kW)", "枪数", "状态", "投运日期", "备注"]
ROWS = [
    ["a1", "白关充电站", 113.245, 27.770, 60, 4, "运营", "2023-05-01", "=1+1"],
    ["a2", "株洲，火车站", 113.150, 27.830, None, 2, "在建", None, 'say "hi"'],
    [None, "醴陵", 113.500, 27.670, 120.5, None, None, "2024-01-01", None],
]


def text_of(rows, delimiter=","):
    """Rows as delimited text, quoted where needed."""

    def cell(value):
        shown = "" if value is None else str(value)
        return '"' + shown.replace('"', '""') + '"' if any(c in shown for c in f'"\n{delimiter}') else shown

    return "\r\n".join(delimiter.join(map(cell, row)) for row in rows) + "\r\n"


def write_csv(path, rows, encoding="utf-8", delimiter=","):
    """Write a text table."""
    path.write_bytes(text_of(rows, delimiter).encode(encoding))
    return path


def write_xlsx(path, rows, title="Sheet1"):
    """Write a workbook with one sheet."""
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(
            [dt.date.fromisoformat(c) if isinstance(c, str) and c[:2] == "20" else c for c in row]
        )
    for row in book.active.iter_rows():
        for cell in row:
            cell.data_type = "s" if cell.data_type == "f" else cell.data_type
    book.save(path)
    return path


def layer():
    """The rows as a layer."""
    frame = pd.DataFrame([r[:2] + r[4:] for r in ROWS], columns=HEADER[:2] + HEADER[4:])
    points = shapely.points([(r[2], r[3]) for r in ROWS])
    return gpd.GeoDataFrame(frame, geometry=points, crs="EPSG:4326")


def fault_keys(path, schema=CHARGERS, **options):
    """Keys of all faults of a file, with their rows."""
    with pytest.raises(InputError) as caught:
        read_table(path, schema, **options)
    for fault in caught.value.faults:
        assert fault.render("zh")
        assert fault.render("en")
        assert fault.file == str(path)
    return [(f.key, f.row) for f in caught.value.faults]


# -- the same rows from every format ---------------------------------------------------------------------

FORMATS = {
    "utf8.csv": lambda p: write_csv(p, [HEADER, *ROWS]),
    "bom.csv": lambda p: write_csv(p, [HEADER, *ROWS], "utf-8-sig"),
    "gbk.csv": lambda p: write_csv(p, [HEADER, *ROWS], "gbk"),
    "gb18030.csv": lambda p: write_csv(p, [HEADER, *ROWS], "gb18030"),
    "utf16.csv": lambda p: write_csv(p, [HEADER, *ROWS], "utf-16"),
    "semicolon.csv": lambda p: write_csv(p, [HEADER, *ROWS], delimiter=";"),
    "tab.tsv": lambda p: write_csv(p, [HEADER, *ROWS], delimiter="\t"),
    "book.xlsx": lambda p: write_xlsx(p, [HEADER, *ROWS]),
    "layer.geojson": lambda p: layer().to_file(p) or p,
    "layer.gpkg": lambda p: layer().to_file(p) or p,
    "projected.gpkg": lambda p: layer().to_crs("EPSG:4547").to_file(p) or p,
    "layer.fgb": lambda p: layer().to_file(p, SPATIAL_INDEX="NO") or p,
    "utf8.shp": lambda p: layer().to_file(p, encoding="utf-8") or p,
    "gbk.shp": lambda p: layer().to_file(p, encoding="gbk") or p,
}


@pytest.fixture(params=FORMATS, scope="module")
def any_file(request, tmp_path_factory):
    """One file of each format."""
    return FORMATS[request.param](tmp_path_factory.mktemp("format") / request.param)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_every_format_gives_the_same_table(any_file):
    """CSV in four encodings, Excel, GeoJSON, GeoPackage, Shapefile: one table comes out."""
    table = read_table(any_file, CHARGERS)
    assert table["name"].tolist() == [r[1] for r in ROWS]
    assert table["id"].tolist() == ["a1", "a2", f"{any_file.stem}-4"]
    assert table["point_kw"].fillna(-1).tolist() == [60.0, -1.0, 120.5]
    assert table["points"].fillna(-1).tolist() == [4, 2, -1]
    assert table["status"].fillna("?").tolist() == ["operational", "under_construction", "?"]
    assert table["opened"].dt.strftime("%Y-%m-%d").fillna("?").tolist() == ["2023-05-01", "?", "2024-01-01"]
    assert table["note"].fillna("?").tolist() == ["=1+1", 'say "hi"', "?"]
    assert table["source"].unique().tolist() == [any_file.name]
    assert table["source_row"].tolist() == [2, 3, 4]
    assert table.crs == "EPSG:4326"
    found = np.column_stack([table.geometry.x, table.geometry.y])
    assert found == pytest.approx(np.array([[r[2], r[3]] for r in ROWS]), abs=1e-8)


def test_types_are_those_of_the_schema(any_file):
    """Whatever the format, the columns have the schema's types; so has an empty table."""
    table = read_table(any_file, CHARGERS)
    assert list(table.columns) == list(empty_table(CHARGERS).columns)
    assert table.dtypes.astype(str).tolist() == empty_table(CHARGERS).dtypes.astype(str).tolist()
    assert str(table["points"].dtype) == "Int64"
    assert str(table["open_24h"].dtype) == "boolean"


def test_gcj02_in_a_table_and_in_a_layer(tmp_path):
    """Shifted coordinates come back to where they were, from text and from a layer."""
    lon, lat = wgs84_to_gcj02(np.array([113.15]), np.array([27.83]))
    csv = write_csv(tmp_path / "a.csv", [["lon", "lat"], [lon[0], lat[0]]])
    moved = gpd.GeoDataFrame({"name": ["x"]}, geometry=shapely.points(lon, lat), crs="EPSG:4326")
    moved.to_file(tmp_path / "a.gpkg")
    for path in (csv, tmp_path / "a.gpkg"):
        point = read_table(path, CHARGERS, datum="gcj02").geometry.iloc[0]
        assert (point.x, point.y) == pytest.approx((113.15, 27.83), abs=1e-8)


def test_projected_text(tmp_path):
    """Easting and northing in metres are read with the source's EPSG code."""
    path = write_csv(tmp_path / "a.csv", [["x", "y"], [500_000, 3_000_000]])
    point = read_table(path, CHARGERS, datum="EPSG:4547").geometry.iloc[0]
    assert point.x == pytest.approx(114.0)


def test_degrees_minutes_seconds_in_a_file(tmp_path):
    """A list of settlements with positions as text is read as it is."""
    rows = [
        ["Latitude", "Longtitude", "Settlement", "Population"],
        ["54°57'01\"N", "8°21'30\"W", "Dungloe", 1247],
    ]
    table = read_table(write_csv(tmp_path / "a.csv", rows), DEMAND)
    assert (table.geometry.x[0], table.geometry.y[0]) == pytest.approx((-8.358333, 54.950278), abs=1e-6)
    assert table["weight"].tolist() == [1247]


def test_longitude_and_latitude_in_one_column(tmp_path):
    """经纬度 holds both, with a comma of either width between."""
    rows = [["名称", "经纬度"], ["a", "113.15,27.83"], ["b", "113.15，27.83"], ["c", "here"]]
    path = write_csv(tmp_path / "a.csv", rows)
    assert fault_keys(path) == [("degrees-unreadable", 4)]
    table = read_table(write_csv(tmp_path / "b.csv", rows[:3]), CHARGERS)
    assert table.geometry.x.tolist() == [113.15, 113.15]


def test_a_title_above_the_header(tmp_path):
    """The header may stand below a title; rows keep the numbers a spreadsheet shows."""
    rows = [["株洲市充电设施一览表"], [], HEADER, *ROWS]
    table = read_table(write_xlsx(tmp_path / "a.xlsx", rows), CHARGERS)
    assert table["source_row"].tolist() == [4, 5, 6]
    assert table["name"].tolist() == [r[1] for r in ROWS]


def test_blank_rows_are_skipped_and_counted(tmp_path):
    """A blank line in a text table is no row, but it counts for the numbers of those below."""
    path = tmp_path / "a.csv"
    path.write_text("lon,lat\n113.1,27.8\n\n,\n113.2,27.9\n", "utf-8")
    assert read_table(path, CHARGERS)["source_row"].tolist() == [2, 5]


def test_overrides_and_defaults(tmp_path):
    """A header can be named, and a value given for cells that are missing."""
    rows = [["x", "y", "P", "kind"], [113.1, 27.8, "60", None], [113.2, 27.8, "7", "加氢站"]]
    path = write_csv(tmp_path / "a.csv", rows)
    table = read_table(path, CHARGERS, columns={"point_kw": "P"}, defaults={"kind": "充电", "current": "dc"})
    assert table["point_kw"].tolist() == [60, 7]
    assert table["kind"].tolist() == ["charging", "hydrogen"]
    assert table["current"].tolist() == ["dc", "dc"]
    with pytest.raises(InputError, match="purple"):
        read_table(path, CHARGERS, columns={"point_kw": "P"}, defaults={"current": "purple"})


def test_a_column_the_file_lacks_can_have_a_default(tmp_path):
    """A list of service areas without a column for the kind is one with a default."""
    path = write_csv(tmp_path / "a.csv", [["名称", "经度", "纬度"], ["建宁", 113.0, 27.7]])
    assert fault_keys(path, FACILITIES) == [("column-missing", 1)]
    table = read_table(path, FACILITIES, defaults={"kind": "服务区"})
    assert table["kind"].tolist() == ["expressway_service_area"]


def test_counties_are_polygons_or_figures(tmp_path):
    """Counties may come with polygons or as figures alone; calls have no place at all."""
    frame = gpd.GeoDataFrame(
        {"名称": ["甲"], "常住人口": [1000]}, geometry=[shapely.box(113, 27, 114, 28)], crs="EPSG:4326"
    )
    frame.to_file(tmp_path / "a.geojson")
    assert read_table(tmp_path / "a.geojson", COUNTIES).geometry.iloc[0].area == pytest.approx(1.0)
    figures = read_table(write_csv(tmp_path / "a.csv", [["区县", "人口（万人）"], ["甲", "0.1"]]), COUNTIES)
    assert figures.geometry.isna().all()
    assert figures["population"].tolist() == [1000]
    calls = read_table(write_csv(tmp_path / "c.csv", [["泊位", "是否使用岸电"], ["B1", "未知"]]), CALLS)
    assert calls["connected"].isna().all()


def test_polygons_of_chargers_become_points_inside(tmp_path):
    """A site drawn as an area is a point in it."""
    shape = shapely.Polygon([(113, 27), (113.01, 27), (113.01, 27.01), (113.009, 27.001), (113, 27)])
    gpd.GeoDataFrame({"name": ["x"]}, geometry=[shape], crs="EPSG:4326").to_file(tmp_path / "a.gpkg")
    point = read_table(tmp_path / "a.gpkg", CHARGERS).geometry.iloc[0]
    assert point.geom_type == "Point"
    assert shape.contains(point)


# -- faults in rows --------------------------------------------------------------------------------------


def test_all_faults_of_a_file_come_at_once(tmp_path):
    """Five bad cells in four rows are five faults, in order of rows, with column and value."""
    rows = [
        ["经度", "纬度", "功率", "枪数", "状态"],
        [113.1, 27.8, "60kW×2", "4", "运营"],
        [113.1, 27.8, "60", "many", "在用"],
        [113.1, 27.8, "60", "4", "nice"],
        ["north", 27.8, "-60", "4", ""],
    ]
    path = write_csv(tmp_path / "a.csv", rows)
    assert fault_keys(path) == [
        ("number-trailing", 2),
        ("number-unreadable", 3),
        ("choice-unknown", 4),
        ("degrees-unreadable", 5),
        ("value-negative", 5),
    ]
    with pytest.raises(InputError) as caught:
        read_table(path, CHARGERS)
    assert caught.value.faults[1].column == "枪数"
    assert caught.value.faults[1].value == "many"
    assert "row 3" in str(caught.value)
    assert "第 3 行" in caught.value.render("zh")


def test_a_long_list_of_faults_is_cut_with_a_count(tmp_path):
    """Of 80 faults of one kind 20 are shown and 60 counted, with rows; all of them are in the error."""
    rows = [["经度", "纬度"], *([["x", 27.8]] * 80)]
    with pytest.raises(InputError) as caught:
        read_table(write_csv(tmp_path / "a.csv", rows), CHARGERS)
    assert len(caught.value.faults) == 80
    lines = caught.value.render("en").splitlines()
    assert len(lines) == 21
    assert "60 more" in lines[-1]
    assert "22, 23, 24" in lines[-1]


def test_a_berth_of_qiandun(tmp_path):
    """千吨 for a class is a fault that says to write 1000."""
    path = write_csv(tmp_path / "berths.csv", [["泊位名称", "吨级"], ["1号", "千吨"], ["2号", "2000"]])
    with pytest.raises(InputError) as caught:
        read_table(path, BERTHS)
    assert str(caught.value).startswith("berths.csv row 2 column 吨级")
    assert "1000" in str(caught.value)
    assert "1000" in caught.value.render("zh")


@pytest.mark.parametrize(
    ("lon", "lat", "key"),
    [
        ("27.83", "113.15", "position-swapped"),
        ("0", "0", "position-zero"),
        ("200", "27", "position-impossible"),
        ("", "27.8", "position-missing"),
        ("", "", "position-missing"),
        ("113.15", "95", "position-impossible"),
    ],
)
def test_impossible_positions(tmp_path, lon, lat, key):
    """Swapped, zero, missing and impossible positions are faults of their row."""
    rows = [["经度", "纬度", "名称"], ["113.1", "27.8", "x"], [lon, lat, "y"]]
    assert fault_keys(write_csv(tmp_path / "a.csv", rows)) == [(key, 3)]


def test_swapped_positions_are_found_by_the_region(tmp_path):
    """At 10° E, 59° N a swap is possible on the globe; the region tells it."""
    region = shapely.box(10, 59, 11, 60)
    path = write_csv(tmp_path / "a.csv", [["lon", "lat"], ["59.5", "10.5"]])
    assert len(read_table(path, CHARGERS)) == 1
    assert fault_keys(path, region=region) == [("position-swapped", 2)]


def test_positions_outside_the_region_are_warned_of(tmp_path):
    """What lies beyond region and halo is listed once and kept."""
    notes = Diagnostics()
    rows = [["lon", "lat"], ["113.5", "27.5"], ["113.5", "27.9"], ["120", "30"]]
    region = shapely.box(113, 27, 114, 27.6)
    table = read_table(write_csv(tmp_path / "a.csv", rows), CHARGERS, region=region, notes=notes)
    assert len(table) == 3
    assert [(n.key, n.values["rows"]) for n in notes] == [("position-outside", "4")]


def test_berths_may_lack_positions(tmp_path):
    """A berth list without coordinates counts; a row without them in a list that has them is noted."""
    assert len(read_table(write_csv(tmp_path / "a.csv", [["名称", "吨级"], ["x", 1000]]), BERTHS)) == 1
    notes = Diagnostics()
    rows = [["名称", "吨级", "经度", "纬度"], ["x", 1000, 113.1, 27.8], ["y", 1000, "", ""]]
    table = read_table(write_csv(tmp_path / "b.csv", rows), BERTHS, notes=notes)
    assert table.geometry.isna().tolist() == [False, True]
    assert [n.key for n in notes] == ["position-some-missing"]
    path = write_csv(tmp_path / "c.csv", [["名称", "吨级", "经度"], ["x", 1000, 113.1]])
    assert fault_keys(path, BERTHS) == [("column-missing", 1)]


def test_odd_values_are_warned_of(tmp_path):
    """A gun of 10 000 kW and a berth of 3 000 000 t are possible to read and odd."""
    notes = Diagnostics()
    rows = [["lon", "lat", "功率"], ["113.5", "27.5", "10000"]]
    assert read_table(write_csv(tmp_path / "a.csv", rows), CHARGERS, notes=notes)["point_kw"].tolist() == [
        10_000
    ]
    read_table(write_csv(tmp_path / "b.csv", [["名称", "吨级"], ["x", "3000000"]]), BERTHS, notes=notes)
    assert [(n.key, n.row) for n in notes] == [("value-odd", 2), ("value-odd", 2)]
    assert all(n.warning for n in notes)


def test_more_ready_spaces_than_spaces(tmp_path):
    """A part can't be more than the whole."""
    path = write_csv(
        tmp_path / "a.csv", [["名称", "车位数", "具备充电条件车位"], ["x", 100, 120], ["y", 100, 100]]
    )
    assert fault_keys(path, CAR_PARKS) == [("part-over-whole", 2)]


def test_duplicate_ids_are_faults(tmp_path):
    """An id twice in a file, or in two files, is a fault that names the rows."""
    rows = [["id", "lon", "lat"], ["a", 113.1, 27.8], ["b", 113.2, 27.8], ["a", 113.3, 27.8]]
    path = write_csv(tmp_path / "a.csv", rows)
    assert fault_keys(path) == [("id-twice", 4)]
    one = read_table(write_csv(tmp_path / "b.csv", rows[:2]), CHARGERS)
    two = read_table(write_csv(tmp_path / "c.csv", rows[:3]), CHARGERS)
    with pytest.raises(InputError, match=r"b\.csv:2, c\.csv:2"):
        combine_tables([one, two], CHARGERS)
    assert combine_tables([], CHARGERS).empty
    assert len(combine_tables([one, empty_table(CHARGERS)], CHARGERS)) == 1


def test_duplicate_places_are_warned_of(tmp_path):
    """The same content at the same place twice is one warning; another power there is none."""
    notes = Diagnostics()
    rows = [
        ["name", "lon", "lat", "power"],
        ["a", 113.1, 27.8, 60],
        ["a", 113.10001, 27.8, 60],
        ["a", 113.1, 27.8, 120],
    ]
    read_table(write_csv(tmp_path / "a.csv", rows), CHARGERS, notes=notes)
    assert [(n.key, n.values["rows"]) for n in notes] == [("place-twice", "2+3")]


def test_made_ids_are_stable_and_differ_from_given_ones(tmp_path):
    """A row without id is called by file and row; one that has that id already keeps it."""
    rows = [["id", "lon", "lat"], ["", 113.1, 27.8], ["chargers-2", 113.2, 27.8], ["", 113.3, 27.8]]
    table = read_table(write_csv(tmp_path / "chargers.csv", rows), CHARGERS)
    assert table["id"].tolist() == ["chargers-2x", "chargers-2", "chargers-4"]


def test_unused_columns_are_noted(tmp_path):
    """Headers that mean nothing here are listed, so that a misspelt one is seen."""
    notes = Diagnostics()
    rows = [["lon", "lat", "pwer", "TAZID"], ["113.5", "27.5", "60", "1"]]
    read_table(write_csv(tmp_path / "a.csv", rows), CHARGERS, notes=notes)
    assert [n.key for n in notes] == ["columns-unused"]
    assert "pwer, TAZID" in notes[0].render("en")


def test_hostile_text_survives_as_text(tmp_path):
    """Formulas, markup, templates, newlines and emoji are read as they stand."""
    nasty = [
        "=1+1",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "{% off",
        "${x}",
        "a\nb",
        "🚗",
        "'; --",
        "</script>",
    ]
    rows = [["name", "lon", "lat"], *([n, 113.1, 27.8] for n in nasty)]
    for path in (write_csv(tmp_path / "a.csv", rows), write_xlsx(tmp_path / "a.xlsx", rows)):
        assert read_table(path, CHARGERS)["name"].tolist() == nasty


def test_hostile_text_in_a_fault_is_one_short_line(tmp_path):
    """A long cell with newlines is cut in the message, and braces don't run as a format."""
    rows = [["lon", "lat", "power"], [113.1, 27.8, "{x}\n" + "y" * 500]]
    with pytest.raises(InputError) as caught:
        read_table(write_csv(tmp_path / "a.csv", rows), CHARGERS)
    assert "\n" not in str(caught.value)
    assert "{x} y" in str(caught.value)
    assert len(str(caught.value)) < 300


# -- broken files ----------------------------------------------------------------------------------------


def test_missing_and_empty_files(tmp_path):
    """A file that is not there, is a folder, is empty or blank: a fault that names it."""
    assert fault_keys(tmp_path / "no.csv") == [("file-missing", None)]
    (tmp_path / "dir.csv").mkdir()
    assert fault_keys(tmp_path / "dir.csv") == [("file-is-folder", None)]
    (tmp_path / "empty.csv").touch()
    assert fault_keys(tmp_path / "empty.csv") == [("file-empty", None)]
    (tmp_path / "blank.csv").write_text("\n \n")
    assert fault_keys(tmp_path / "blank.csv") == [("file-empty", None)]


def test_a_header_alone_is_an_empty_table(tmp_path):
    """A template that nobody filled in is no fault; it is noted."""
    notes = Diagnostics()
    table = read_table(write_csv(tmp_path / "a.csv", [["经度", "纬度"]]), CHARGERS, notes=notes)
    assert table.empty
    assert table.crs == "EPSG:4326"
    assert [n.key for n in notes] == ["table-empty"]


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        (b"\x00\x01\x02\x00binary", [("file-binary", None)]),
        (b"lon,lat\n113.1,27.8\x00\n", [("file-binary", None)]),
        (bytes(range(1, 256)) * 3, [("encoding-unclear", 2)]),
        (b"lon,lat\n113.1,27.8,5\n113.1\n", [("row-ragged", 2), ("row-ragged", 3)]),
        (b'lon,lat,name\n113.1,27.8,"open\n113.1,27.8,x\n', [("csv-broken", 2)]),
        (b'lon,lat,name\n113.1,27.8,"a"b\n', [("csv-broken", 2)]),
        (b"name,power\nx,60\n", [("column-missing", 1), ("column-missing", 1)]),
        (b"lon,lat,\xe7\xbb\x8f\xe5\xba\xa6\n1,2,3\n", [("column-twice", 1)]),
    ],
)
def test_broken_text_tables(tmp_path, content, keys):
    """Binary, garbled, ragged, unclosed and incomplete tables are told for what they are."""
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert fault_keys(path) == keys


def test_trailing_empty_cells_are_no_fault(tmp_path):
    """Spreadsheets write empty cells behind the last column; they mean nothing."""
    path = tmp_path / "a.csv"
    path.write_text("lon,lat,,\n113.1,27.8,,\n", "utf-8")
    assert len(read_table(path, CHARGERS)) == 1


def test_encodings_can_be_set(tmp_path):
    """A set encoding is used; a wrong or unknown one is a fault."""
    path = write_csv(tmp_path / "a.csv", [HEADER, *ROWS], "gbk")
    assert read_table(path, CHARGERS, encoding="gbk")["name"].tolist()[0] == "白关充电站"
    assert fault_keys(path, encoding="utf-8") == [("encoding-wrong", 1)]
    assert fault_keys(path, encoding="klingon") == [("encoding-unknown", None)]


def test_unknown_formats(tmp_path):
    """Old Excel files and other suffixes are told what to save as."""
    for name, key in (("a.xls", "file-xls"), ("a.pdf", "file-format"), ("a", "file-format")):
        (tmp_path / name).write_bytes(b"something")
        assert fault_keys(tmp_path / name) == [(key, None)]


def test_broken_workbooks(tmp_path):
    """A workbook with a password, a text file renamed, a cut one, one without sheets of that name."""
    (tmp_path / "locked.xlsx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    assert fault_keys(tmp_path / "locked.xlsx") == [("file-locked", None)]
    (tmp_path / "text.xlsx").write_text("lon,lat\n1,2\n")
    assert fault_keys(tmp_path / "text.xlsx") == [("excel-foreign", None)]
    whole = write_xlsx(tmp_path / "whole.xlsx", [HEADER, *ROWS])
    (tmp_path / "cut.xlsx").write_bytes(whole.read_bytes()[:2000])
    assert fault_keys(tmp_path / "cut.xlsx") == [("package-broken", None)]
    with zipfile.ZipFile(tmp_path / "zip.xlsx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert fault_keys(tmp_path / "zip.xlsx") == [("package-broken", None)]
    assert fault_keys(whole, sheet="Blatt") == [("sheet-missing", None)]
    assert fault_keys(write_xlsx(tmp_path / "none.xlsx", [])) == [("sheet-empty", None)]


def test_sheets_are_chosen_or_noted(tmp_path):
    """Of two sheets the first is read, with a note, or the one that is named."""
    book = openpyxl.Workbook()
    book.active.append(["lon", "lat"])
    book.active.append([113.1, 27.8])
    second = book.create_sheet("二")
    second.append(["lon", "lat"])
    second.append([113.2, 27.8])
    book.save(tmp_path / "a.xlsx")
    notes = Diagnostics()
    assert read_table(tmp_path / "a.xlsx", CHARGERS, notes=notes).geometry.x.tolist() == [113.1]
    assert [n.key for n in notes] == ["sheet-first"]
    assert read_table(tmp_path / "a.xlsx", CHARGERS, sheet="二").geometry.x.tolist() == [113.2]


def test_formulas_without_values_are_faults(tmp_path):
    """A formula that no program has calculated has no value: it is not taken for missing."""
    book = openpyxl.Workbook()
    for row in (["lon", "lat", "power"], [113.1, 27.8, "=2*30"]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert fault_keys(tmp_path / "a.xlsx") == [("excel-formula", 2)]


def test_broken_layers(tmp_path):
    """Broken JSON, a text file called GeoPackage, a Shapefile without its parts, a layer that is not there."""
    (tmp_path / "a.geojson").write_text('{"type": "FeatureCollection", "features": [')
    assert fault_keys(tmp_path / "a.geojson") == [("layer-json", 1)]
    (tmp_path / "a.gpkg").write_text("hello")
    assert fault_keys(tmp_path / "a.gpkg") == [("layer-foreign", None)]
    layer().to_file(tmp_path / "b.gpkg", layer="one")
    layer().to_file(tmp_path / "b.gpkg", layer="two")
    assert fault_keys(tmp_path / "b.gpkg", layer="three") == [("layer-missing", None)]
    notes = Diagnostics()
    read_table(tmp_path / "b.gpkg", CHARGERS, notes=notes)
    assert [n.key for n in notes] == ["layer-first"]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_a_shapefile_without_its_parts(tmp_path):
    """A lone .shp is told to be incomplete, with the parts that are missing."""
    layer().to_file(tmp_path / "a.shp")
    for suffix in (".dbf", ".shx", ".prj", ".cpg"):
        (tmp_path / f"a{suffix}").unlink()
    assert fault_keys(tmp_path / "a.shp") == [("shapefile-parts", None)]


def test_a_layer_that_contradicts_its_datum(tmp_path):
    """A projected layer can't be GCJ-02: the setting or the layer is wrong."""
    layer().to_crs("EPSG:4547").to_file(tmp_path / "a.gpkg")
    assert fault_keys(tmp_path / "a.gpkg", datum="gcj02") == [("datum-conflict", None)]
    assert len(read_table(tmp_path / "a.gpkg", CHARGERS, datum="EPSG:4547")) == 3


def test_rows_made_by_hand_have_the_schema(tmp_path):
    """A table from rows has the same columns and types as one from a file."""
    made = as_table([{"id": "x", "points": 4, "geometry": shapely.Point(113, 27)}], CHARGERS, "me")
    read = read_table(write_csv(tmp_path / "a.csv", [["lon", "lat"], [113, 27]]), CHARGERS)
    assert made.dtypes.equals(read.dtypes)
    assert made["source"].tolist() == ["me"]


def test_many_different_numbers_are_read_as_each_by_itself(tmp_path):
    """2000 numbers at once, some in forms of their own, give what each of them gives alone; a bad one names its row."""
    rng = np.random.default_rng(5)
    odd = ["60 kW", "1,200", "１２０", " 7.4 ", "+22", "0", "0.0", "1e2", "-", "1.5 MW", ""]
    cells = [f"{kw:.3f}" for kw in rng.uniform(1, 400, 2000)] + odd
    rows = "".join(f'c{i},113,27,"{cell}"\n' for i, cell in enumerate(cells))
    (tmp_path / "a.csv").write_text("编号,经度,纬度,功率\n" + rows, "utf-8")
    table = read_table(tmp_path / "a.csv", CHARGERS)
    alone = [np.nan if is_missing(c) else parse_number(c, CHARGERS["point_kw"]) for c in cells]
    np.testing.assert_array_equal(table["point_kw"].to_numpy(), alone)
    (tmp_path / "b.csv").write_text(
        "编号,经度,纬度,功率\n" + rows + "x,113,27,fast\ny,113,27,fast\n", "utf-8"
    )
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "b.csv", CHARGERS)
    assert [f.row for f in caught.value.faults] == [len(cells) + 2, len(cells) + 3]


def test_the_surroundings_of_a_fine_border_are_those_of_a_plain_one():
    """They hold what lies within the halo, and hardly more; a border of a million vertices would take half a minute."""
    fine, plain = (shapely.Point(112, 28).buffer(0.3, quad_segs=n) for n in (5_000, 500))
    here = grown(fine, 40.0)
    assert here.covers(grown(plain, 40.0))
    assert here.area < 1.03 * grown(plain, 40.0).area
    assert shapely.get_num_coordinates(here) < 1_000


def test_headers_of_lists_as_offices_keep_them():
    """Lists of service areas, chargers, car parks, people, registered cars and traffic under their usual headers."""
    for schema, found in {
        "facilities": {"设施编号": "id", "设施名称": "name", "所属服务区": "pair", "所在区县": "county"},
        "chargers": {"场站编号": "id", "设备类型": "current", "所属服务区": "service_area"},
        "car_parks": {"停车场编号": "id", "停车场名称": "name", "类别": "park_type"},
        "demand": {"所在区县": "county"},
        "counties": {"注册车辆数": "registered_cars", "新能源汽车数（辆）": "registered_ev"},
        "traffic": {"起点桩号": "from_km", "止点桩号": "to_km"},
    }.items():
        assert {header: find_column(SCHEMAS[schema], header).name for header in found} == found
