"""A country's tables, shared gaps, files and map, from three regions with sums by hand."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import weakref
import zipfile
from contextlib import closing
from xml.etree import ElementTree

import geopandas as gpd
import jsonschema
import openpyxl
import pandas as pd
import pytest
from country_case import KM, NOTE, REASON, write_country, write_results
from docx import Document
from plugspan.country import national
from plugspan.country.findings import ranked
from plugspan.country.layers import country_layers, country_tables, thinned
from plugspan.country.national import read_results
from plugspan.country.outputs import FILES, FOLDERS, country_result, country_schema
from plugspan.errors import InputError
from plugspan.files import MOST_MB
from plugspan.render.read_run import read_run
from plugspan.render.webmap import MapPage, write_map
from shapely import Point
from test_webmap_browser import PHONE, opened  # noqa: F401 (a fixture)
from webmap_case import case

OUTPUT = {"crs": "EPSG:4326", "title": "All of Threeland", "sources": "Made up"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The country with all its files."""
    out = write_country(tmp_path_factory.mktemp("country") / "out")
    write_results(out, **OUTPUT)
    return out


@pytest.fixture(scope="module")
def country(folder):
    """As it is read back."""
    return read_results(folder)


def test_ranks_go_by_the_end_that_speaks_against_a_region(country):
    """30 km come before a road without any site; a share of 1 before one of 0.5 to 0.75; reports have no rank."""
    rank = country.findings.set_index(["region_id", "rule"])["rank"]
    assert (rank["a", "spacing"], rank["b", "spacing"]) == (1, 2)
    assert (rank["a", "services"], rank["b", "services"]) == (2, 1)
    assert country.findings.loc[country.findings["rule"] == "reach", "rank"].isna().all()


def test_what_is_decided_without_an_interval_ranks_by_its_target():
    """A road too short for a site has no spacing and meets 40 km: behind 30, before 45 and a road without any site."""
    rows = [(30.0, "met"), (45.0, "not met"), (None, "not met"), (None, "met"), (None, "undecided")]
    frame = pd.DataFrame(
        [("r", "<=", 40.0, value, value, status) for value, status in rows],
        columns=["rule", "sense", "target_value", "low", "high", "status"], dtype=object,
    )  # fmt: skip
    assert ranked(frame)["rank"].astype(object).tolist()[:4] == [1, 3, 4, 2]
    assert ranked(frame)["rank"].isna().tolist() == [False] * 4 + [True]


def test_regions_are_counted_and_ranked_by_what_they_miss(country):
    """A and B miss one rule each and share the first rank; C failed and has none."""
    rows = country.regions.set_index("id")
    assert rows["rules_not_met"].tolist()[:2] == [1, 1]
    assert rows["rules_on_average"].tolist()[:2] == [1, 0]
    assert rows["rank"].tolist()[:2] == [1, 1]
    assert rows.loc["c", ["rank", "rules_met", "own_sites"]].isna().all()
    assert rows["standing"].tolist() == ["few", "few", "none"]
    assert rows.loc["c", "state_reason"] == REASON


def test_the_whole_is_the_national_run_on_roads_and_the_sum_of_the_regions_elsewhere(country):
    """Spacing is 35.5 km as measured on the whole; 2 + 4 service areas of 4 + 4 have it, 1 is unknown."""
    whole = country.whole.set_index("rule")
    assert whole.loc["spacing", ["low", "yes", "no"]].tolist() == [35.5, 5.0, 3.0]
    assert whole.loc["services", ["yes", "unknown", "no"]].tolist() == [6.0, 1.0, 1.0]
    assert whole.loc["services", ["low_part", "low_whole", "high_part", "high_whole"]].tolist() == [
        6,
        8,
        7,
        8,
    ]
    assert whole.loc["services", ["low", "high", "status"]].tolist() == [0.75, 0.875, "not met"]
    assert whole.loc["services", "value"] == "75% – 87.5% (6/8 – 7/8)"
    assert whole.loc["reach", ["low", "high"]].tolist() == [0.25, 0.25]
    assert whole.loc["reach", "status"] is None or whole["status"].isna()["reach"]
    assert whole.loc["spacing", ["regions_met", "regions_on_average", "regions_not_met"]].tolist() == [
        0,
        1,
        1,
    ]
    assert whole.loc["services", ["regions_met", "regions_not_met"]].tolist() == [1, 1]


def with_plan(folder, rule, **then):
    """Give a run another result of a rule with its plan: in result.json, and that words of it are there."""
    path = folder / "result.json"
    run = json.loads(path.read_text("utf-8"))
    after = json.loads(json.dumps(run["after"]))
    next(r for r in after["findings"] if r["rule"] == rule).update(then)
    run["after"] = {**after, "reference_date": "2026-12-31"}
    path.write_text(json.dumps(run), "utf-8")


def parts(*numbers):
    """Numerator and denominator of both ends."""
    return dict(zip(("low_part", "low_whole", "high_part", "high_whole"), map(float, numbers), strict=True))


def test_with_the_plan_the_whole_is_the_national_run_if_it_counts_the_same(tmp_path):
    """Of 8 service areas the national plan gives 7 or 8 a charger, the regions' own plans all 8 together.

    The national run says so as long as it counts 6 to 7 of 8 today, as the regions do; else the regions are summed.
    """
    out = write_country(tmp_path / "out")
    with_plan(out / "regions" / "a", "services", **parts(4, 4, 4, 4))
    with_plan(out / "regions" / "b", "services", **parts(4, 4, 4, 4))
    names = ["low_after", "high_after", "status_code_after", "value_after"]
    assert read_results(out).whole.set_index("rule").loc["services", names].tolist() == [
        1,
        1,
        "met",
        "100% (8/8)",
    ]
    path = out / "national" / "result.json"
    run = json.loads(path.read_text("utf-8"))
    next(r for r in run["findings"] if r["rule"] == "services").update(**parts(6, 8, 7, 8))
    path.write_text(json.dumps(run), "utf-8")
    with_plan(
        out / "national", "services", **parts(7, 8, 8, 8), counts={"yes": 7.0, "unknown": 1.0, "no": 0.0}
    )
    whole = read_results(out).whole.set_index("rule")
    assert whole.loc["services", names].tolist() == [0.875, 1, "undecided", "87.5% – 100% (7/8 – 8/8)"]
    assert whole.loc["services", "value"] == "75% – 87.5% (6/8 – 7/8)"


def test_sums_without_an_interval_are_told_as_such(tmp_path):
    """Where it is open whether something counts, the country's worst case isn't the sum of the regions'."""
    out = write_country(tmp_path / "out")
    path = out / "regions" / "a" / "result.json"
    run = json.loads(path.read_text("utf-8"))
    row = next(r for r in run["findings"] if r["rule"] == "services")
    row |= {"low_part": 2.0, "low_whole": 4.0, "high_part": 2.0, "high_whole": 3.0}
    path.write_text(json.dumps(run), "utf-8")
    whole = read_results(out).whole.set_index("rule")
    assert whole.loc["services", "value"] == "6/8 – 6/7"
    assert whole.loc["services", ["low", "high", "status"]].isna().all()
    row |= {**parts(0, 1, 0, 1), "counts": {"yes": 0.0, "unknown": 0.0, "no": 0.0}}  # one that may count
    path.write_text(json.dumps(run), "utf-8")
    whole = read_results(out).whole.set_index("rule")
    assert whole.loc["services", "value"] == "4/5"
    assert whole.loc["services", ["low", "high", "status"]].isna().all()


def test_a_shared_gap_is_one_row_with_both_neighbours(country):
    """Of the gaps that are too long, counted once, two cross a border: at 55.66 and at 166.97 km."""
    gaps = country.gaps
    assert gaps["from_km"].tolist() == [20.0, 150.0]
    assert [[id_ for id_, _ in parts] for parts in gaps["parts"]] == [["a", "b"], ["b", "c"]]
    first, second = (dict(parts) for parts in gaps["parts"])
    assert first["a"] == pytest.approx(0.5 * KM - 20, abs=0.02)
    assert first["a"] + first["b"] == pytest.approx(80, abs=0.02)
    assert second["b"] == pytest.approx(1.5 * KM - 150, abs=0.02)
    assert gaps["regions"].tolist() == ["Aland, Berg", "Berg, Cliff"]


def test_who_builds_at_the_border_is_where_the_action_lies(country):
    """P closes the first gap and lies in Berg, r the second and lies in Cliff; q closes none."""
    assert country.gaps["closed_by"].tolist() == [["p"], ["r"]]
    assert country.gaps["builders"].tolist() == ["Berg builds Site p", "Cliff builds Site r"]
    assert country.actions["at_border"].tolist() == [True, False, True]
    assert country.actions["region"].tolist() == ["Berg", "Aland", "Cliff"]


@pytest.mark.parametrize(
    ("built", "ends", "over", "closed_by"),
    [
        ("r", ["s", "proposed-r", "t"], False, ["r"]),
        ("r", ["s", "proposed-r", "t"], True, []),
        ("r", ["s", "t"], False, []),
        ("u", ["s", "old", "t"], False, ["u"]),
        ("u", ["old", "s", "t"], False, []),
    ],
)
def test_who_builds_for_a_rule_on_length_is_whose_site_splits_the_gap(tmp_path, built, ends, over, closed_by):
    """Such a rule's plan names pieces of road: its site stands between the ends of the gap of 150 to 200 km."""
    out = write_country(tmp_path / "out")
    path = out / "national" / "result.json"
    run = json.loads(path.read_text("utf-8"))
    key = {"rule": "length", "ref": "G1", "section": 1, "direction": "forward"}
    run["gaps"] = [row | key for row in run["gaps"] if row["from_km"] == 150]
    run["gaps"][0] |= {"from_site": "s", "to_site": "t"}
    run["plan"]["actions"][2] |= {
        "action_id": built, "kind": "new_site" if built == "r" else "upgrade", "target": "r" if built == "r" else "old",
        "closes": [{"rule": "length", "ref": "G1", "segment": 7, "from_m": 0.0, "length_m": 900.0}],
    }  # fmt: skip
    marks = (
        [150.0, 200.0]
        if len(ends) == 2
        else [150.0, 170.0, 200.0]
        if ends[0] == "s"
        else [120.0, 150.0, 200.0]
    )
    run["after"]["gaps"] = [
        {**key, "from_km": a, "to_km": b, "from_site": s, "to_site": t, "over": over}
        for a, b, s, t in zip(marks, marks[1:], ends, ends[1:], strict=False)
    ]
    path.write_text(json.dumps(run), "utf-8")
    found = read_results(out)
    assert found.gaps["closed_by"].tolist() == [closed_by]
    assert found.actions["at_border"].tolist() == [False, False, bool(closed_by)]


def test_the_parts_of_the_plan_add_up(country):
    """A plans 3 + 4 for itself, B nothing that is known; the national plan's 22 lie in three regions."""
    rows = country.regions.set_index("id")
    assert rows.loc["a", ["own_sites", "own_money", "national_money", "border_money"]].tolist() == [
        2,
        7.0,
        5.0,
        0.0,
    ]
    assert rows.loc["b", ["national_sites", "national_money", "border_sites"]].tolist() == [1, 10.0, 1]
    assert rows["own_sites"].isna().tolist() == [False, True, True]
    assert rows["national_money"].sum() == country.actions["cost"].sum() == 22.0
    assert rows["border_money"].sum() == 17.0
    assert country.currency == "k€"


def test_every_figure_of_a_region_is_that_of_its_run(country, folder):
    """Ends, targets and counts are those of result.json, to the last digit."""
    for row in country_result(country)["findings"]:
        run = json.loads((folder / "regions" / row["region_id"] / "result.json").read_text("utf-8"))
        own = next(r for r in (*run["findings"], *run["measures"]) if r["rule"] == row["rule"])
        assert (row["low"], row["high"], row["target_value"]) == (own["low"], own["high"], own.get("target"))
        assert {k: row["counts"][k] for k in own["counts"]} == own["counts"]
        assert row["status"] == own.get("shown")


def test_country_json_is_what_its_schema_says(folder):
    """The schema is written beside it, and refuses what is no result."""
    result = json.loads((folder / "country.json").read_text("utf-8"))
    schema = json.loads((folder / "country.schema.json").read_text("utf-8"))
    assert schema == country_schema()
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    validator.validate(result)
    assert result["warnings"] == [NOTE]
    for broken in (result | {"schema": 1}, result | {"more": 1}, {**result, "regions": [{"id": 1}]}):
        assert not validator.is_valid(broken)


def test_the_workbook_has_what_failed_with_its_reason(folder):
    """A sheet for each table; the reason stands there as text."""
    book = openpyxl.load_workbook(folder / "country.xlsx")
    gaps = next(name for name in book.sheetnames if name.startswith("Shared gaps "))
    assert book.sheetnames[1:4] == ["Whole country", "Ranking", "Rules by region"]
    assert book.sheetnames[4:] == ["Gap totals", gaps, "Plan by region", "National plan", "Not done"]
    assert [row[3] for row in book["Gap totals"].iter_rows(min_row=2, values_only=True)] == [2, 0]
    rows = list(book["Not done"].iter_rows(values_only=True))
    assert rows[1][:3] == ("Cliff", "failed", REASON)
    assert book["Rules by region"].max_row == 7


def test_layers_come_back_from_every_format(folder):
    """Regions, their rules, routes, shared gaps and actions; tiles hold all but the rules."""
    held = {"regions": 3, "region_rules": 6, "routes": 5, "shared_gaps": 2, "national_actions": 3}
    for name, n in held.items():
        layer = gpd.read_file(folder / "country.gpkg", layer=name)
        assert (len(layer), layer.crs.to_epsg()) == (n, 4326)  # as [output] asks
        assert len(gpd.read_parquet(folder / "country-geoparquet" / f"{name}.parquet")) == n
        assert (folder / "country-pmtiles" / f"{name}.pmtiles").exists() == (name != "region_rules")
    assert len(gpd.read_file(folder / "country.gpkg", layer="country_rules")) == 6
    with closing(sqlite3.connect(folder / "country.gpkg")) as database:
        [(content,)] = database.execute("SELECT content FROM qgis_projects")
    with zipfile.ZipFile(io.BytesIO(bytes.fromhex(content))) as archive:
        links = ElementTree.fromstring(archive.read("plugspan.qgs")).findall("relations/relation")
    assert [each.get("name") for each in links] == ["Regions → Rules by region", "Regions → Plan by region"]


def test_the_report_names_failed_regions_and_who_builds(folder):
    """It is a Word document with the chapters in their order, under the title and sources that were asked for."""
    document = Document(folder / "country.docx")
    assert document.core_properties.title == OUTPUT["title"]
    assert OUTPUT["sources"] in "".join(p.text for s in document.sections for p in s.footer.paragraphs)
    heads = [p.text for p in document.paragraphs if p.style.name == "Heading 1"]
    assert [h.split("  ")[1] for h in heads] == [
        "Summary", "Routes and shared gaps", "Rule by rule", "Ranking of the regions", "Plan by region",
        "Regions without a result", "Notes on the input data", "How the country's figures are computed",
    ]  # fmt: skip
    said = [p.text for p in document.paragraphs if p.text.startswith("Whole country: 75% – 87.5%")]
    assert [words.rpartition(". ")[2] for words in said] == [
        "With the plan: 75% – 87.5% (6/8 – 7/8) (not met)."
    ]
    cells = {cell.text for table in document.tables for row in table.rows for cell in row.cells}
    assert {"Cliff", "Berg builds Site p", "failed"} <= cells
    assert NOTE in [p.text for p in document.paragraphs]


def test_the_same_runs_give_the_same_bytes(folder):
    """Written again over the earlier files."""
    names = [*FILES, *(f"{name}/{p.name}" for name in FOLDERS for p in (folder / name).iterdir())]

    def digests():
        return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}

    before = digests()
    write_results(folder, **OUTPUT)
    assert digests() == before


def test_a_damaged_run_is_a_region_that_failed(tmp_path):
    """The others are told all the same, the reason says what is wrong."""
    out = write_country(tmp_path / "out", "zh")
    (out / "regions" / "b" / "result.json").write_text('{"schema": 1', "utf-8")
    country = read_results(out)
    assert country.regions["region_state"].tolist() == ["done", "failed", "failed"]
    assert "result.json" in country.regions["state_reason"].iloc[1]
    assert set(country.findings["region_id"]) == {"a"}


def test_results_hold_no_run_of_a_region(tmp_path, monkeypatch):
    """``result.json`` takes ten times its size in memory, and regions are thousands."""
    out, runs = write_country(tmp_path / "out"), []

    def watched(folder, **limits):
        if folder.parent.name == "regions":
            assert [run for run in runs if run() is not None] == []
        found = read_run(folder, **limits)
        runs.append(weakref.ref(found))
        return found

    monkeypatch.setattr(national, "read_run", watched)
    read_results(out)
    assert len(runs) == 3


def test_the_roads_of_a_country_may_say_more_than_those_of_a_city(tmp_path):
    """``result.json`` of the national run has the size of all cities' together: beyond what is read of one."""
    out = write_country(tmp_path / "out")
    expected = country_result(read_results(out))
    path = out / "national" / "result.json"
    path.write_text(path.read_text("utf-8") + " " * (MOST_MB * 1_000_000), "utf-8")
    with pytest.raises(InputError):
        read_run(out / "national")
    assert country_result(read_results(out)) == expected


def test_without_a_national_run_there_are_no_routes(tmp_path):
    """An older run in its place counts no more; what the national plan would build is unknown, not nothing."""
    out = write_country(tmp_path / "out", national="failed")
    country = read_results(out)
    assert country.gaps.empty
    assert country.actions.empty
    assert country.regions["national_sites"].isna().all()
    assert [layer.name for layer in country_layers(country)] == ["regions", "region_rules"]
    assert len(country_tables(country)["country-whole"].frame) == 3


def test_without_a_plan_nobody_builds_nothing(tmp_path):
    """What was not asked for is not there, in the report neither; it is not 0."""
    out = write_country(tmp_path / "out")
    path = out / "national" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"plan": None}), "utf-8")
    assert (
        read_results(out).regions[["national_sites", "national_money", "border_sites"]].isna().all(axis=None)
    )


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    """With the remedy."""
    with pytest.raises(InputError) as caught:
        read_results(tmp_path)
    assert "plugspan run" in caught.value.render("en")


def test_shapes_are_thinned_to_what_a_page_holds():
    """Few vertices stay as they are; many become few, and the shape keeps its size."""
    round_ = gpd.GeoSeries([Point(0, 0).buffer(1, quad_segs=5000)] * 2)
    assert thinned(round_, 100_000).geom_equals_exact(round_, 0).all()
    few = thinned(round_, 1000)
    assert few.count_coordinates().sum() <= 1000
    assert few.area.iloc[0] == pytest.approx(round_.area.iloc[0], rel=0.01)
    assert len(thinned(round_, 1)) == 2  # no shape can have so few


@pytest.mark.browser
def test_the_map_ranks_colours_and_links(opened, folder):  # noqa: F811
    """The list follows the rule that is chosen; a click on it goes to the region, which links to its own map."""
    page = opened(folder / "country.html")
    names = page.locator("#region-list .who")
    assert names.all_inner_texts() == ["Aland", "Berg", "Cliff"]
    assert REASON in page.locator("#region-list li").nth(2).inner_text()
    page.select_option("#region-rule", label="Rule services")
    assert names.all_inner_texts() == ["Berg", "Aland", "Cliff"]
    assert page.locator("#region-list .rank").all_inner_texts() == ["1", "2", "–"]
    colours = page.evaluate(
        "() => window.plugspan.view.layers.find((l) => l.spec.name === 'regions').spec.cat"
    )
    labels = page.evaluate(
        "() => window.plugspan.view.layers.find((l) => l.spec.name === 'regions').spec.categories.map((c) => c.label)"
    )
    assert [labels[k] for k in colours] == ["not met", "met", "no result"]
    page.locator("#region-list button").nth(0).click()
    page.wait_for_selector(".region-box")
    own = folder / "regions" / "b" / "map.html"
    write_map(MapPage(**case("en"), all_regions="../../country.html"), own)
    with page.context.expect_page() as other:  # beside the country's, from the disk
        page.locator(".region-box a").click()
    other.value.wait_for_selector("body[data-ready=yes]")
    assert other.value.url == own.as_uri()
    other.value.get_by_role("link", name="All regions").click()  # and back
    other.value.wait_for_selector("#region-list button")
    assert other.value.url == (folder / "country.html").as_uri()
    assert other.value.get_by_role("link", name="All regions").count() == 0
    assert page.locator(".region-box tr").count() == 3
    page.locator("#region-list button").nth(2).click()
    page.wait_for_function("() => document.querySelector('.region-box h2')?.textContent === 'Cliff'")
    assert page.locator(".region-box a").count() == 0
    assert REASON in page.locator(".region-box").inner_text()


@pytest.mark.browser
def test_no_region_bears_its_name_among_its_neighbours(opened, folder):  # noqa: F811
    """Of three hundred regions on a small map a name would cover four."""
    page = opened(folder / "country.html")
    names = page.locator(".name.area")
    page.wait_for_function("() => document.querySelectorAll('.name.area').length === 3")
    page.evaluate("void plugspan.map.setView([0.5, 1.5], 4, {animate: false})")
    page.wait_for_function("() => document.querySelectorAll('.name.area').length === 0")
    page.evaluate("void plugspan.map.setView([0.5, 1.5], 8, {animate: false})")
    names.first.wait_for()


@pytest.mark.browser
def test_the_map_is_usable_by_keyboard_and_on_a_phone(opened, folder):  # noqa: F811
    """The panel opens by its button, Enter on a region goes there, and the panel makes room for it."""
    page = opened(folder / "country.html", PHONE)
    assert page.locator("#regions").is_hidden()
    page.locator("#toggle-regions").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#region-list button")
    first = page.locator("#region-list button").nth(0)
    assert first.bounding_box()["height"] >= 44
    first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".region-box")
    assert page.locator("#regions").is_hidden()
