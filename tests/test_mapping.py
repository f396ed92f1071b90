"""What a person says of a table is followed, and what a header only seems to mean is not taken."""

from __future__ import annotations

import pytest
from plugspan import InputError
from plugspan.cli import main
from plugspan.errors import Diagnostics
from plugspan.inputs import CHARGERS, FACILITIES, read_table
from plugspan.inputs.mapping import Reading
from plugspan.pipeline import load
from plugspan.project import read_project


def read(folder, body, schema=CHARGERS, encoding="utf-8", **reading):
    """A table of such text, and what was noticed."""
    path = folder / "a.csv"
    path.write_bytes(body.encode(encoding))
    notes, ledger = Diagnostics(), []
    table = read_table(path, schema, notes=notes, ledger=ledger, reading=Reading(**reading))
    return table, {f.key: f for f in notes}, ledger[0]


def faults(folder, body, **reading):
    """Keys of the faults of such a table."""
    with pytest.raises(InputError) as caught:
        read(folder, body, **reading)
    for fault in caught.value.faults:
        assert fault.render("zh")
        assert fault.render("en")
    return [fault.key for fault in caught.value.faults]


def test_values_of_another_code(tmp_path):
    """50 is operational, 5 out of order, 0 unknown; another code is a fault as before."""
    body = "id,lon,lat,status\na,113,27,50\nb,113,27,5\nc,113.1,27,0\n"
    codes = {"50": "operational", "5": "out_of_order", "0": ""}
    table, _, _ = read(tmp_path, body, values={"status": codes})
    assert table["status"].fillna("?").tolist() == ["operational", "out_of_order", "?"]
    assert faults(tmp_path, body, values={"status": {"50": "operational"}}) == [
        "choice-unknown",
        "choice-unknown",
    ]
    assert "override-unknown-near" in faults(tmp_path, body, values={"state": codes, "status": codes})


def test_units_that_no_header_names(tmp_path):
    """Watts become kilowatts; an unknown unit is named with those that are known."""
    body = "id,lon,lat,power\na,113,27,120000\n"
    assert read(tmp_path, body, units={"point_kw": "W"})[0]["point_kw"].tolist() == [120.0]
    assert faults(tmp_path, body, units={"point_kw": "kVA"}) == ["units-unknown"]


def test_latitude_first(tmp_path):
    """One cell with both, latitude before longitude."""
    body = 'id,坐标\na,"27.83, 113.15"\nb,"27.83，113.16"\n'
    table, _, _ = read(tmp_path, body, position_order="lat,lon")
    assert [(p.x, p.y) for p in table.geometry] == [(113.15, 27.83), (113.16, 27.83)]


def test_decimal_commas(tmp_path):
    """Numbers and coordinates of a German list; without the setting the fault names it."""
    body = "id;lon;lat;power;points\na;8,5;50,25;1.120,5 kW;4\n"
    table, _, _ = read(tmp_path, body, decimal=",")
    assert (table.geometry.x[0], table.geometry.y[0]) == (8.5, 50.25)
    assert (table["point_kw"][0], table["points"][0]) == (1120.5, 4)
    with pytest.raises(InputError, match="decimal"):
        read(tmp_path, body)


def test_columns_left_out(tmp_path):
    """An ignored column is neither taken nor told of; one that is not there is a fault."""
    body = "id,lon,lat,功率,额定功率,xyz\na,113,27,60,很大,1\n"
    table, notes, _ = read(tmp_path, body, ignore=["额定功率", "xyz"])
    assert table["point_kw"].tolist() == [60.0]
    assert "columns-unused" not in notes
    assert "ignore-missing" in faults(tmp_path, body, ignore=["额定功率", "nothing"])


@pytest.mark.parametrize(
    ("header", "cells", "schema", "column"),
    [
        ("State", ("Bayern", "Hessen"), CHARGERS, "status"),
        ("capacity (kW)", ("150", "300"), CHARGERS, "points"),
        ("capacity", ("150 kW", "22 kW"), CHARGERS, "points"),
        ("area", ("yes", "yes"), FACILITIES, "area_m2"),
        ("设备类型", ("换电柜", "充电堆"), CHARGERS, "current"),
    ],
)
def test_headers_that_mean_something_else(tmp_path, header, cells, schema, column):
    """A federal state is no status, kilowatts are no points, OSM's area=yes is no m²: left out, with a word."""
    body = f"id,lon,lat,kind,{header}\n" + "".join(
        f"{n},113.{n},27,{'hub' if schema is FACILITIES else ''},{cell}\n" for n, cell in enumerate(cells)
    )
    table, notes, _ = read(tmp_path, body, schema)
    assert table[column].isna().all()
    assert notes["column-doubtful"].column == header
    for lang in ("zh", "en"):
        assert column in notes["column-doubtful"].render(lang)


def test_the_same_headers_where_they_mean_it(tmp_path):
    """``State`` with words of status, ``capacity`` with numbers of points; one bad cell stays a fault."""
    body = "id,lon,lat,State,capacity\na,113,27,运营,4\nb,113.1,27,planned,6\n"
    table, notes, _ = read(tmp_path, body)
    assert table["status"].tolist() == ["operational", "planned"]
    assert table["points"].tolist() == [4, 6]
    assert "column-doubtful" not in notes
    assert faults(tmp_path, body + "c,113.2,27,planned,six\n") == ["number-unreadable"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_western_letters(tmp_path, encoding):
    """``Électricité`` and ``Straße`` in a list from the west are found by themselves, and Chinese ones still are."""
    body = (
        "id,name,operator,lon,lat\na,Aire de Beauséjour,Électricité,4.8,47.0\nb,Hauptstraße,Müller,8.1,50\n"
    )
    table, _, _ = read(tmp_path, body, encoding=encoding)
    assert table["operator"].tolist() == ["Électricité", "Müller"]
    assert table["name"].tolist() == ["Aire de Beauséjour", "Hauptstraße"]
    short = "id;name;lon;lat\na;Aire d'été n°1 à Évry;4.8;47.0\nb;été à la Cité n°2;8.1;50\n"
    table, _, _ = read(tmp_path, short, encoding=encoding)
    assert table["name"].tolist() == ["Aire d'été n°1 à Évry", "été à la Cité n°2"]
    for chinese in ("gbk", "gb18030"):
        table, _, _ = read(tmp_path, "编号,名称,经度,纬度\na,镕基 A站b,113,27\n", encoding=chinese)
        assert table["name"].tolist() == ["镕基 A站b"]


def test_hours_and_openness_as_offices_write_them(tmp_path):
    """24/7 and 00:00-24:00 are day and night, 08:00-22:00 is not; 公开 = 是 is public."""
    body = "id,lon,lat,24h,公开\na,113,27,24/7,是\nb,113.1,27,00:00-24:00,否\nc,113.2,27,08:00-22:00,公开\n"
    table, _, _ = read(tmp_path, body)
    assert table["open_24h"].tolist() == [True, True, False]
    assert table["access"].tolist() == ["public", "restricted", "public"]


def test_the_columns_that_were_guessed_are_shown_with_samples(tmp_path):
    """Our column, the header, its first different values."""
    _, _, entry = read(tmp_path, "编号,经度,纬度,功率\na,113,27,60\nb,113.1,27,60\nc,113.2,27,120\n")
    assert entry.columns[-1] == ("point_kw", "功率", "60, 120")


def test_a_list_of_mere_places_says_what_is_missing_for_which_rule(root, tmp_path, capsys):
    """Only lon and lat: the note names current, power and points, and the rules that stay undecided."""
    (tmp_path / "a.csv").write_text("id,lon,lat\na,113.15,27.83\n", "utf-8")
    osm = (root / "data" / "osm" / "zhuzhou-sample.osm.pbf").as_posix()
    (tmp_path / "project.toml").write_text(
        f'schema = 1\nname = "t"\n[network]\nosm = "{osm}"\n[tables.chargers]\npath = "a.csv"\n'
        '[tables.chargers.values.status]\n50 = "operational"\n',
        "utf-8",
    )
    study = load(read_project(tmp_path))
    note = next(f for f in study.inputs.warnings if f.key == "measures-missing")
    assert "power" in note.render("en").lower()
    rule = next(r for r in study.policy.rules if getattr(getattr(r, "site", None), "dc_min_kw", 0))
    assert rule.title["zh"] in note.render("zh")
    with pytest.raises(SystemExit) as end:
        main(["check", str(tmp_path), "--lang", "en"])
    said = capsys.readouterr().err
    assert end.value.code == 0
    assert "1 file lacks columns that rules need" in said
    assert "can be used" not in said
