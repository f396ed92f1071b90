"""Headers and cells: what people write, and what it means."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugspan.inputs.cells import (
    BadCellError,
    is_missing,
    parse_bool,
    parse_choice,
    parse_date,
    parse_degrees,
    parse_int,
    parse_number,
    parse_text,
)
from plugspan.inputs.headers import find_column, map_headers, normal
from plugspan.inputs.same_site import model
from plugspan.inputs.schemas import BERTHS, CHARGERS, COUNTIES, SCHEMAS
from plugspan.schema import Column
from plugspan.texts import catalogue

KW, T, COUNT = CHARGERS["point_kw"], BERTHS["class_t"], CHARGERS["points"]
LON, LAT = CHARGERS["lon"], CHARGERS["lat"]


# -- the schemas themselves ------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda s: s.name)
def test_no_spelling_means_two_columns(schema):
    """Within a table every header means one column at most."""
    seen: dict[str, str] = {}
    for column in schema.columns:
        for spelling in {normal(s) for s in (column.name, *column.aliases)}:
            assert seen.setdefault(spelling, column.name) == column.name, spelling


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda s: s.name)
def test_every_column_and_value_has_texts(schema):
    """Labels and meanings stand in the catalogue in both languages."""
    for column in schema.columns:
        for lang in ("zh", "en"):
            assert column.label(lang)
            assert column.meaning(lang)
        for value, _ in column.choices:
            assert f"choice.{column.name}.{value}" in catalogue()


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda s: s.name)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_labels_are_understood_as_headers(schema, lang):
    """A table written with plugspan's own labels, units in brackets, is read back column by column."""
    labels = [column.label(lang) for column in schema.columns]
    mapped, unused, faults = map_headers(schema, labels)
    assert not faults
    assert not unused
    assert [m.column.name for m in mapped] == [c.name for c in schema.columns]
    assert {m.factor for m in mapped} == {1.0}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda s: s.name)
def test_spellings_of_choices_are_unambiguous(schema):
    """No spelling of a choice means two values."""
    for column in schema.columns:
        for value, spellings in column.choices:
            for spelling in (value, *spellings):
                assert parse_choice(spelling, column) == value


# -- headers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("功率(kW)", "point_kw"),
        ("功率（千瓦）", "point_kw"),
        ("单枪功率 [kW]", "point_kw"),
        ("功率kW", "point_kw"),
        ("Point_KW", "point_kw"),
        ("LONGITUDE", "lon"),
        ("Longtitude", "lon"),
        ("经度", "lon"),
        (" 经 度 ", "lon"),
        ("经度（°）", "lon"),
        ("Lat.", "lat"),
        ("charge_count", "points"),
        ("ＬＡＴ", "lat"),
        ("站名", "name"),
        ("运营商", "operator"),
        ("nonsense", None),
        ("", None),
    ],
)
def test_headers_are_found_without_case_spaces_brackets(header, name):
    """Case, width, spaces, punctuation and units in brackets don't matter."""
    column = find_column(CHARGERS, header)
    assert (column.name if column else None) == name


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        ("功率(kW)", 1.0),
        ("功率(MW)", 1000.0),
        ("总功率（万千瓦）", 10_000.0),
        ("功率W", 0.001),
        ("功率(额定)", 1.0),
    ],
)
def test_units_in_headers_are_converted(header, factor):
    """A unit in the header scales the column; a bracket that is no unit does nothing."""
    mapped, _, faults = map_headers(CHARGERS, [header])
    assert not faults
    assert mapped[0].factor == factor


def test_counted_in_ten_thousands():
    """人口（万人） is in units of 10 000."""
    mapped, _, _ = map_headers(COUNTIES, ["名称", "常住人口（万人）"])
    assert mapped[1].factor == 10_000.0


@pytest.mark.parametrize("header", ["功率(kVA)", "功率(吨)", "power (km)"])
def test_a_unit_that_does_not_fit_is_a_fault(header):
    """KVA is not kW and is not taken for it."""
    _, _, faults = map_headers(CHARGERS, [header])
    assert [f.key for f in faults] == ["unit-wrong"]


def test_two_headers_for_one_column():
    """Two headers that mean the same are a fault, unless one is chosen by the settings."""
    headers = ["name", "名称", "经度"]
    assert [f.key for f in map_headers(CHARGERS, headers)[2]] == ["column-twice"]
    mapped, unused, faults = map_headers(CHARGERS, headers, {"name": "名称"})
    assert not faults
    assert unused == ["name"]
    assert {m.column.name: m.header for m in mapped} == {"name": "名称", "lon": "经度"}


def test_a_header_that_repeats():
    """The same header twice is a fault: which of them counts is unclear."""
    assert [f.key for f in map_headers(CHARGERS, ["经度", "纬度", "经度"])[2]] == ["column-repeated"]


def test_overrides_are_checked():
    """An unknown column name and a header that is not there are told, with what there is."""
    faults = map_headers(CHARGERS, ["a", "b"], {"powr": "a", "name": "c"})[2]
    assert [f.key for f in faults] == ["override-unknown", "override-missing"]
    assert "point_kw" in faults[0].render("en")
    assert "a, b" in faults[1].render("zh")


def test_a_shapefile_cuts_headers():
    """Ten bytes of a name are enough in a Shapefile, and only there."""
    assert find_column(BERTHS, "shore_powe") is None
    assert find_column(BERTHS, "connected_", cut=True).name == "connected_calls"
    assert find_column(BERTHS, "shore_powe", cut=True) is None  # shore_power or shore_power_kw


# -- numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("60", 60),
        ("60kW", 60),
        ("60 千瓦", 60),
        ("６０", 60),
        ("1,200", 1200),
        ("1,234,567.5", 1_234_567.5),
        ("0.06MW", 60),
        ("60000W", 60),
        (" 60 ", 60),
        (60, 60),
        (60.5, 60.5),
        ("-5", -5),
        ("1e2", 100),
        ("７．５ｋＷ", 7.5),
        (".5", 0.5),
    ],
)
def test_numbers(cell, value):
    """Units, thousands separators and full-width digits are read."""
    assert parse_number(cell, KW) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1000", 1000),
        ("1000吨", 1000),
        ("3千吨级", 3000),
        ("1.5万吨", 15_000),
        ("0.3万", 3000),
        ("2000 t", 2000),
    ],
)
def test_tonnages(cell, value):
    """A tonnage may carry its unit, also in thousands or ten thousands."""
    assert parse_number(cell, T) == pytest.approx(value)


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("千吨", "number-word"),
        ("千吨级", "number-word"),
        ("万吨级", "number-word"),
        ("吨", "number-unreadable"),
        ("约1000", "number-bound"),
        ("≥60", "number-bound"),
        ("60以上", "number-bound"),
        ("50%", "number-percent"),
        ("1000-2000", "number-trailing"),
        ("2×1000", "number-trailing"),
        ("12,5", "number-comma"),
        ("1,23,456", "number-comma"),
        ("1000 kW", "number-trailing"),
        ("1e999", "number-unreadable"),
        ("=1+1", "number-unreadable"),
        (float("inf"), "number-unreadable"),
        (True, "number-unreadable"),
        ("#DIV/0!", "number-unreadable"),
        ("1 000", "number-trailing"),
    ],
)
def test_what_is_no_number(cell, key):
    """Words, ranges, decimal commas, foreign units and error values are faults, never guesses."""
    with pytest.raises(BadCellError) as caught:
        parse_number(cell, T)
    assert caught.value.key == key


def test_a_word_for_a_number_says_what_to_write():
    """千吨 is answered with 1000."""
    with pytest.raises(BadCellError) as caught:
        parse_number("千吨", T)
    assert caught.value.values["write"] == 1000


def test_a_unit_in_the_cell_is_stronger_than_the_header():
    """In a column headed MW, 0.06 is 60 kW, and so is 60kW."""
    assert parse_number("0.06", KW, 1000.0) == pytest.approx(60)
    assert parse_number("60kW", KW, 1000.0) == pytest.approx(60)


@given(st.floats(-1e12, 1e12, allow_nan=False))
def test_numbers_survive_being_written(value):
    """What repr writes is read back exactly, with or without thousands separators; below 1e-9 it is nothing."""
    assert parse_number(repr(value), T) == (value if abs(value) >= 1e-9 else 0)
    assert parse_number(f"{value:,.3f}", T) == pytest.approx(value, abs=1e-3)


@given(st.text(max_size=40))
def test_no_text_breaks_a_parser(cell):
    """Whatever stands in a cell, a parser returns a value of its type or says what is wrong."""
    for parse, column, kind in (
        (parse_number, T, float),
        (parse_degrees, LON, float),
        (parse_int, COUNT, int),
        (parse_bool, BERTHS["shore_power"], bool),
        (parse_date, CHARGERS["opened"], dt.date),
        (parse_choice, CHARGERS["kind"], str),
    ):
        key = ""
        try:
            value = parse(cell, column)
        except BadCellError as error:
            key = error.key
        assert f"fault.{key}" in catalogue() if key else isinstance(value, kind)


def test_counts_are_whole():
    """4 and 4.0 and 4个 are counts, 4.5 is not."""
    assert [parse_int(c, COUNT) for c in ("4", 4.0, "4个", "4 台")] == [4, 4, 4, 4]
    with pytest.raises(BadCellError, match="number-not-whole"):
        parse_int("4.5", COUNT)


# -- coordinates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "column", "value"),
    [
        # 54 + 57/60 + 1/3600 = 54.950277…; 8 + 21/60 + 30/3600 = 8.358333…, west
        ("54°57'01\"N", LAT, 54.950277778),
        ("8°21'30\"W", LON, -8.358333333),
        ("113°09′00″E", LON, 113.15),
        ("东113°9'", LON, 113.15),
        ("113度9分0秒", LON, 113.15),
        ("N27.83", LAT, 27.83),
        ("27.83°N", LAT, 27.83),
        ("27.83°", LAT, 27.83),
        ("113.15", LON, 113.15),
        ("27 49 48 N", LAT, 27.83),
        ("113°09'E", LON, 113.15),
        ("-8.5", LON, -8.5),
        (113.15, LON, 113.15),
    ],
)
def test_degrees(cell, column, value):
    """Decimal degrees and degrees, minutes, seconds are read, with the letter's sign."""
    assert parse_degrees(cell, column) == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize(
    ("cell", "column", "key"),
    [
        ("54°57'01\"N", LON, "degrees-axis"),
        ("8°21'30\"W", LAT, "degrees-axis"),
        ("54°61'00\"N", LAT, "degrees-unreadable"),
        ("54°10'75\"N", LAT, "degrees-unreadable"),
        ("N54°10'N", LAT, "degrees-unreadable"),
        ("here", LAT, "degrees-unreadable"),
    ],
)
def test_what_is_no_coordinate(cell, column, key):
    """A letter of the other axis, sixty minutes or plain words are faults."""
    with pytest.raises(BadCellError, match=key):
        parse_degrees(cell, column)


@given(st.floats(0, 179.99), st.sampled_from("EW"))
def test_degrees_minutes_seconds_round_trip(value, letter):
    """Any longitude written in degrees, minutes and seconds comes back within a hundredth of a second."""
    minutes, seconds = divmod(round(value * 3600, 2), 60)
    degrees, minutes = divmod(int(minutes), 60)
    cell = f"{degrees}°{minutes:02d}'{seconds:05.2f}\"{letter}"
    sign = -1 if letter == "W" else 1
    assert parse_degrees(cell, LON) == pytest.approx(sign * value, abs=0.011 / 3600)


# -- yes, no, unknown; dates; texts ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell", ["", " ", None, "-", "—", "未知", "unknown", "N/A", "空", "?", float("nan"), "#N/A", "　"]
)
def test_nobody_knows(cell):
    """Empty cells, dashes and words for unknown are missing, which is neither yes nor no."""
    assert is_missing(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("是", True),
        ("有", True),
        ("Yes", True),
        ("✓", True),
        ("√", True),
        ("1", True),
        (1, True),
        (1.0, True),
        (True, True),
        ("否", False),
        ("无", False),
        ("NO", False),
        ("0", False),
        (0, False),
        ("×", False),
        (False, False),
    ],
)
def test_yes_and_no(cell, value):
    """Usual spellings of yes and no, and only those."""
    assert parse_bool(cell, BERTHS["shore_power"]) is value


@pytest.mark.parametrize("cell", ["maybe", "2", "部分", "x"])
def test_neither_yes_nor_no(cell):
    """Anything else is a fault."""
    with pytest.raises(BadCellError, match="bool-unreadable"):
        parse_bool(cell, BERTHS["shore_power"])


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2024-12-31", (2024, 12, 31)),
        ("2024/1/5", (2024, 1, 5)),
        ("2024年12月31日", (2024, 12, 31)),
        ("2024年6月", (2024, 6, 1)),
        ("2024", (2024, 1, 1)),
        (2024, (2024, 1, 1)),
        ("20241231", (2024, 12, 31)),
        (dt.datetime(2024, 5, 6, 7), (2024, 5, 6)),
        (dt.date(2024, 5, 6), (2024, 5, 6)),
        ("45657", (2024, 12, 31)),
        ("2024-12-31 08:00", (2024, 12, 31)),
        ("2024.3.1", (2024, 3, 1)),
    ],
)
def test_dates(cell, value):
    """Dates as people and spreadsheets write them; Excel's day 45657 is 31 December 2024."""
    assert parse_date(cell, CHARGERS["opened"]) == dt.date(*value)


@pytest.mark.parametrize("cell", ["2024-13-01", "2024-02-30", "31.12.2024", "去年", "99999999"])
def test_what_is_no_date(cell):
    """Days that don't exist and other orders are faults."""
    with pytest.raises(BadCellError, match="date-unreadable"):
        parse_date(cell, CHARGERS["opened"])


def test_choices_are_found_in_both_languages():
    """直流快充, DC and fast are dc; what is not known lists what is."""
    current = CHARGERS["current"]
    assert [parse_choice(c, current) for c in ("直流快充", "DC", " fast ", "ＤＣ")] == ["dc"] * 4
    with pytest.raises(BadCellError) as caught:
        parse_choice("both", current)
    assert "dc" in caught.value.values["allowed"]


@pytest.mark.parametrize(
    "cell", ["=1+1", "<script>alert(1)</script>", "{{7*7}}", "a\nb", "🚗", "'; DROP TABLE"]
)
def test_hostile_text_is_just_text(cell):
    """Formulas, markup and templates in a text cell stay what they are."""
    assert parse_text(cell, Column("note")) == cell


def test_numbers_in_text_columns_keep_no_decimals():
    """A spreadsheet's 1001.0 in a text column is 1001."""
    assert parse_text(1001.0, Column("id")) == "1001"


def test_the_documentation_has_the_weights(root):
    """So it holds the weights by which sites of two lists are joined."""
    text = (root / "docs" / "inputs.md").read_text("utf-8")
    between = text.split("<!-- weights -->")[1].split("<!-- end of weights -->")[0]
    names, weights, constant, threshold = model()
    rows = [("constant", constant), *zip(names, weights.tolist(), strict=True), ("threshold", threshold)]
    assert between.strip().splitlines()[2:] == [f"| `{name}` | {weight:g} |" for name, weight in rows]
