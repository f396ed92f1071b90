"""Tables as offices really hand them over: merged headers, sums, footnotes, renamed files, half a Shapefile.

What can be read is read, and what was left out is noted; what cannot be read is a fault that says where and
what to do, in words that are not those of a library.
"""

from __future__ import annotations

import os

import geopandas as gpd
import openpyxl
import pytest
import shapely
from plugspan.errors import Diagnostics, InputError
from plugspan.inputs import BERTHS, CAR_PARKS, CHARGERS, COUNTIES, read_table
from plugspan.inputs.cells import BadCellError, parse_position

HEADER = "id,name,lon,lat,points,point_kw\n"


def write(path, content, encoding="utf-8"):
    """Write text or bytes; returns the path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def workbook(path, rows, merged=()):
    """Write a workbook with merged cells; returns its path."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in merged:
        book.active.merge_cells(cells)
    book.save(path)
    return path


def faults(path, schema=CHARGERS, **options):
    """(key, row) of every fault, after checking that each can be told in both languages."""
    with pytest.raises(InputError) as caught:
        read_table(path, schema, **options)
    for fault in caught.value.faults:
        assert "{" not in fault.render("zh") + fault.render("en")
    return [(fault.key, fault.row) for fault in caught.value.faults]


def read(path, schema=CHARGERS, **options):
    """The table and the keys and row lists of what was noticed."""
    notes = Diagnostics()
    table = read_table(path, schema, notes=notes, **options)
    return table, {note.key: note.values.get("rows") for note in notes}


# -- sums, footnotes, headers of two rows, merged cells -------------------------------------------------------


def test_sums_are_left_out_and_noted(tmp_path):
    """合计 has no position: it is no charger, and its 12 points are not counted twice."""
    body = "编号,站名,经度,纬度,桩数\n1,甲,113.1,27.8,4\n小 计,,,,4\n2,乙,113.2,27.8,8\n合计：,,,,12\n"
    table, notes = read(write(tmp_path / "a.csv", body))
    assert table["points"].sum() == 12
    assert notes["rows-sums"] == "3, 5"


def test_a_sum_among_berths_without_positions_is_no_berth(tmp_path):
    """Berths need no position, so a sum would be one more berth; it is left out all the same."""
    table, notes = read(write(tmp_path / "a.csv", "泊位名称,设计吨级\n1 号,1000\n合计,1000\n"), BERTHS)
    assert table["name"].tolist() == ["1 号"]
    assert notes["rows-sums"] == "3"


def test_a_place_called_total_is_kept(tmp_path):
    """A station of that brand has a position."""
    table, notes = read(write(tmp_path / "a.csv", "name,lon,lat\nTotal,113.1,27.8\nB,113.2,27.8\n"))
    assert table["name"].tolist() == ["Total", "B"]
    assert "rows-sums" not in notes


def test_footnotes_below_the_table_are_left_out_and_noted(tmp_path):
    """Who filled the form in, and where the numbers are from; the same word inside the table is a row."""
    body = HEADER + "1,A,113.1,27.8,4,60\n注：含专用桩,,,,,\n填表人：某某,,,,,\n"
    table, notes = read(write(tmp_path / "a.csv", body))
    assert len(table) == 1
    assert notes["rows-footnotes"] == "3, 4"
    inside = HEADER + "注：含专用桩,,,,,\n1,A,113.1,27.8,4,60\n"
    assert faults(write(tmp_path / "b.csv", inside)) == [("position-missing", 2)]


def test_titles_and_a_header_of_two_rows_with_merged_cells(tmp_path):
    """A form: title over all columns, 位置 above 经度 and 纬度. Rows keep the numbers of the sheet."""
    rows = [
        ["充电设施统计表", None, None, None, None],
        ["填报单位：某局", None, None, None, "2025年"],
        ["编号", "站名", "位置", None, "桩数"],
        [None, None, "经度", "纬度", None],
        ["a", "甲", 113.1, 27.8, 4],
        ["b", "乙", 113.2, 27.8, 6],
        ["合计", None, None, None, 10],
    ]
    merged = ["A1:E1", "C3:D3", "A3:A4", "B3:B4", "E3:E4", "A7:C7"]
    table, notes = read(workbook(tmp_path / "a.xlsx", rows, merged))
    assert table["source_row"].tolist() == [5, 6]
    assert table["points"].tolist() == [4, 6]
    assert notes["rows-sums"] == "7"
    rows[5][2] = "x"
    assert faults(workbook(tmp_path / "b.xlsx", rows, merged)) == [("degrees-unreadable", 6)]


def test_merged_words_count_for_all_rows_merged_numbers_for_the_first(tmp_path):
    """A district over three rows is theirs; 8 points over two rows are not 16, and the second is unknown."""
    rows = [
        ["编号", "区县", "经度", "纬度", "桩数"],
        ["a", "芦淞区", 113.1, 27.8, 8],
        ["b", None, 113.2, 27.8, None],
        ["c", None, 113.3, 27.8, 2],
    ]
    table, notes = read(workbook(tmp_path / "a.xlsx", rows, ["B2:B4", "E2:E3"]))
    assert table["county"].tolist() == ["芦淞区"] * 3
    assert table["points"].isna().tolist() == [False, True, False]
    assert notes["merged-number"] == "3"


def test_a_merged_id_names_no_two_rows(tmp_path):
    """One station number over two chargers: each charger gets an id of its own."""
    rows = [["编号", "经度", "纬度"], ["ZZ01", 113.1, 27.8], [None, None, None], ["ZZ02", 113.2, 27.8]]
    rows[2] = [None, None, None]
    rows.insert(2, [None, 113.1001, 27.8])
    table, _ = read(workbook(tmp_path / "a.xlsx", rows, ["A2:A3"]))
    assert table["id"].tolist() == ["ZZ01", "a-3", "ZZ02"]


# -- text files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "start"),
    [
        ("utf-16", b""),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("gbk", b"\xef\xbb\xbf"),
        ("utf-8", b"\xef\xbb\xbf"),
    ],
)
def test_encodings_that_programs_really_write(tmp_path, encoding, start):
    """UTF-16 with and without its mark, and GBK behind a UTF-8 mark, which editors leave there."""
    body = "编号,站名,经度,纬度\n1,株洲一站,113.1,27.8\n"
    table, _ = read(write(tmp_path / "a.csv", start + body.encode(encoding)))
    assert table["name"].tolist() == ["株洲一站"]


def test_two_encodings_in_one_file_are_told_with_the_row(tmp_path):
    """Two files pasted together: the row where the encoding changes is named."""
    first, second = "编号,站名,经度,纬度\n1,株洲,113.1,27.8\n", "2,醴陵,113.2,27.8\n"
    assert faults(write(tmp_path / "a.csv", first.encode() + second.encode("gbk"))) == [
        ("encoding-unclear", 3)
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(tmp_path, delimiter):
    """Comma, semicolon, tab and bar are found by themselves."""
    body = "id,lon,lat\n1,113.1,27.8\n".replace(",", delimiter)
    assert len(read(write(tmp_path / "a.csv", body))[0]) == 1


def test_a_missing_column_hides_no_faults_of_the_others(tmp_path):
    """Header and cells are told at once."""
    body = "id,lon,kind,points\n1,113.1,rocket,4\n2,113.2,charging,four\n"
    found = faults(write(tmp_path / "a.csv", body))
    assert sorted(found) == [("choice-unknown", 2), ("column-missing", 1), ("number-unreadable", 3)]


def test_ragged_rows_hide_no_faults_of_the_others(tmp_path):
    """A row with a cell too many is told together with the bad number of another row."""
    body = "id,lon,lat,points\n1,113.1,27.8,4,9\n2,113.2,27.8,four\n"
    assert faults(write(tmp_path / "a.csv", body)) == [("row-ragged", 2), ("number-unreadable", 3)]


def test_all_faults_of_defaults_and_columns_are_told(tmp_path):
    """Unknown names, with the one that may be meant, and values that cannot be used: all at once."""
    path = write(tmp_path / "a.csv", HEADER + "1,A,113.1,27.8,4,60\n")
    options = {"defaults": {"current": "x", "access": "y", "state": "planned"}, "columns": {"nam": "name"}}
    found = faults(path, **options)
    assert [key for key, _ in found] == ["override-unknown-near"] * 2 + ["default-value"] * 2
    with pytest.raises(InputError, match="Did you mean status"):
        read_table(path, CHARGERS, **options)


def test_error_values_of_formulas_are_no_content(tmp_path):
    """#REF! is nobody's name."""
    body = "id,name,lon,lat\n1,#REF!,113.1,27.8\n"
    assert faults(write(tmp_path / "a.csv", body)) == [("cell-error", 2)]


@pytest.mark.parametrize(
    ("cell", "place"),
    [
        ("113.15,27.83", (113.15, 27.83)),
        ("(113.15 27.83)", (113.15, 27.83)),
        ("１１３．１５，２７．８３", (113.15, 27.83)),
        ("113°09'00\"E，27°49'48\"N", (113.15, 27.83)),
        ("113.15/27.83", (113.15, 27.83)),
    ],
)
def test_longitude_and_latitude_in_one_cell(cell, place):
    """Comma, space, slash, full width, degrees and minutes."""
    assert parse_position(cell, CHARGERS) == pytest.approx(place)


@pytest.mark.parametrize("cell", ["113.15", "113.15,27.83,40", "27°49'48\"N,113°09'00\"E", "here, there", ""])
def test_what_is_no_pair_of_coordinates(cell):
    """One number, three, the wrong order by its letters, words."""
    with pytest.raises(BadCellError):
        parse_position(cell, CHARGERS)


def test_a_share_is_no_count(tmp_path):
    """15 % of the spaces is not 15 spaces, nor 0.15."""
    body = "id,spaces,ready_spaces\n1,100,15%\n2,100,0.15\n"
    found = faults(write(tmp_path / "a.csv", body), CAR_PARKS)
    assert found == [("number-percent", 2), ("number-not-whole", 3)]


# -- containers ------------------------------------------------------------------------------------------------


def test_what_is_no_file(tmp_path):
    """A folder, a link in a circle, a pipe, a path with the separators of another system."""
    (tmp_path / "dir.csv").mkdir()
    assert faults(tmp_path / "dir.csv") == [("file-is-folder", None)]
    if os.name == "posix":
        (tmp_path / "loop.csv").symlink_to("loop.csv")
        assert faults(tmp_path / "loop.csv") == [("file-link", None)]
        os.mkfifo(tmp_path / "pipe.csv")
        (tmp_path / "zero.csv").symlink_to("/dev/zero")
        for name in ("pipe.csv", "zero.csv"):
            assert faults(tmp_path / name) == [("file-no-file", None)]
        assert faults(tmp_path / "sites\\a.csv") == [("file-missing-backslash", None)]


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    """The system's reason is told, not its traceback."""
    path = write(tmp_path / "a.csv", HEADER)

    def refuse(self, *_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert faults(path) == [("file-unreadable", None)]


@pytest.mark.parametrize("filling", [b"a", b","])
def test_a_line_without_end_is_told(tmp_path, monkeypatch, filling):
    """90 MB in one line took 1.6 GB, and was told as a quote that is not closed."""
    monkeypatch.setattr("plugspan.inputs.files.MOST_LINE", 1000)
    (tmp_path / "a.csv").write_bytes(b"id,lon,lat\n" + filling * 2100)
    with pytest.raises(InputError, match=r"a.csv row 2: this line has more than 1,000 bytes"):
        read_table(tmp_path / "a.csv", CHARGERS)
    (tmp_path / "a.csv").write_bytes((b"id,lon,lat\r" + filling * 900 + b"\r") * 3)
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "a.csv", CHARGERS)
    assert "line-too-long" not in {fault.key for fault in caught.value.faults}


def test_renamed_files_are_told_for_what_they_are(tmp_path):
    """CSV called .xlsx, a workbook called .csv, text called .gpkg, a list called .geojson."""
    assert faults(write(tmp_path / "a.xlsx", HEADER)) == [("excel-foreign", None)]
    book = workbook(tmp_path / "b.xlsx", [["lon", "lat"]]).read_bytes()
    assert faults(write(tmp_path / "b.csv", book)) == [("file-binary", None)]
    assert faults(write(tmp_path / "c.gpkg", "hello")) == [("layer-foreign", None)]
    assert faults(write(tmp_path / "d.geojson", "[1, 2]")) == [("json-unknown", None)]


def test_messages_on_layers_hold_no_words_of_the_library(tmp_path):
    """Nothing about drivers, config options or SQL; the place in the file, where there is one."""
    write(tmp_path / "a.gpkg", b"SQLite format 3\0" + b"x" * 500)
    write(tmp_path / "b.geojson", '{"type": "FeatureCollection",\n "features": [')
    write(tmp_path / "c.fgb", b"fgb\x03fgb\x00" + b"x" * 50)
    assert faults(tmp_path / "b.geojson") == [("layer-json", 2)]
    for name in ("a.gpkg", "b.geojson", "c.fgb"):
        with pytest.raises(InputError) as caught:
            read_table(tmp_path / name, CHARGERS)
        told = str(caught.value).lower()
        assert not any(
            word in told for word in ("driver", "sqlite", "config", "failed", "errno", "supported")
        )


def points(n=1):
    """A layer of n points."""
    where = [shapely.Point(113.1 + i / 10, 27.8) for i in range(n)]
    return gpd.GeoDataFrame({"id": [str(i) for i in range(n)]}, geometry=where, crs=4326)


def test_a_shapefile_names_the_parts_that_are_missing(tmp_path):
    """The column file or the index forgotten while copying; without .prj metres are told with the setting."""
    for gone in (".dbf", ".shx"):
        points().to_file(tmp_path / f"a{gone}.shp")
        (tmp_path / f"a{gone}.shp").with_suffix(gone).unlink()
        with pytest.raises(InputError, match=gone):
            read_table(tmp_path / f"a{gone}.shp", CHARGERS)
    points().to_crs(4547).to_file(tmp_path / "m.shp")
    (tmp_path / "m.prj").unlink()
    assert faults(tmp_path / "m.shp") == [("position-metres", 2)]
    assert len(read(tmp_path / "m.shp", datum="EPSG:4547")[0]) == 1


def test_styles_that_qgis_keeps_in_a_geopackage_are_no_layer(tmp_path):
    """A style table listed first is not mistaken for the data, nor told as a second layer."""
    import pandas as pd
    import pyogrio

    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(pd.DataFrame({"styleQML": ["x"]}), path, layer="layer_styles", driver="GPKG")
    points(2).to_file(path, layer="桩")
    table, notes = read(path)
    assert len(table) == 2
    assert "layer-first" not in notes


def test_areas_lines_and_groups_of_points_as_sites_are_noted(tmp_path):
    """One point on each is used, and that is said; a group of one point is a point."""
    shapes = [
        shapely.Point(113.1, 27.8),
        shapely.MultiPoint([(113.2, 27.8)]),
        shapely.MultiPoint([(113.2, 27.8), (113.3, 27.8)]),
        shapely.box(113.4, 27.8, 113.5, 27.9),
    ]
    gpd.GeoDataFrame({"id": list("abcd")}, geometry=shapes, crs=4326).to_file(tmp_path / "a.geojson")
    table, notes = read(tmp_path / "a.geojson")
    assert notes["layer-no-points"] == "4, 5"
    assert shapes[3].contains(table.geometry.iloc[3])


def test_points_as_counties_are_a_fault(tmp_path):
    """A county is an area; a table without shapes will do for its figures."""
    points().rename(columns={"id": "name"}).to_file(tmp_path / "a.geojson")
    assert faults(tmp_path / "a.geojson", COUNTIES) == [("layer-no-area", 2)]


def test_impossible_numbers_in_a_layer(tmp_path):
    """A point without coordinates has no position; letters or NaN for coordinates are a broken shape."""
    feature = (
        '{"type": "Feature", "properties": {"id": "%s"}, "geometry": {"type": "Point", "coordinates": %s}}'
    )
    body = ", ".join(feature % pair for pair in (("1", "[]"), ("2", '["a", 27]'), ("3", "[NaN, 27]")))
    write(tmp_path / "a.geojson", f'{{"type": "FeatureCollection", "features": [{body}]}}')
    broken = [("layer-shape", row) for row in (3, 4)]
    assert faults(tmp_path / "a.geojson") == [("position-missing", 2), *broken]
