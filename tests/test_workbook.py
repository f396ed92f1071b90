"""The workbook: the numbers of result.json in typed cells; nothing in it is live; the same plan, the same bytes."""

from __future__ import annotations

import datetime as dt
import json
import re
import zipfile
from dataclasses import replace

import openpyxl
import pandas as pd
import pytest
from helsinki_case import HOSTILE, write_case
from plugspan.errors import Fault
from plugspan.pipeline import make_plan
from plugspan.project import read_project
from plugspan.render.data_package import run_package
from plugspan.render.run import RUN_FILES
from plugspan.render.workbook.cells import number_formats, sheet_rows
from plugspan.render.workbook.write import _fitted, _note_within, write_workbook
from plugspan.rules.kind import kind_of
from plugspan.rules.policy import PROFILES, read_policy
from plugspan.schema import Column, column, of_objective
from plugspan.schema import shown as schema_shown
from plugspan.tables import numbers
from plugspan.tables.layer import SourceNote
from plugspan.tables.layers import plan_layers
from plugspan.tables.plan_tables import plan_tables
from plugspan.tables.publication import Publication
from plugspan.tables.result import plan_result
from plugspan.tables.rule_tables import counties, evidence, figures, routes
from plugspan.tables.sheets import sheets
from plugspan.tables.siting_layers import least_layers
from plugspan.tables.siting_tables import coverage_curve, least_sites
from plugspan.tables.source_tables import access, faults
from plugspan.tables.table import (
    Head,
    cell_value,
    clean,
    free_title,
    has_own_sheet,
    own_sheet_title,
    short_title,
)
from plugspan.texts import LANGUAGES, text
from run_surfaces import published

NASTY = (
    *HOSTILE,
    "\x00\x01\x1b",
    "_x0041_ _x000D_",
    "http://evil.example/",
    "{=1+1}",
    "1e5",
    "-2+3",
    "@SUM(1)",
)


def write_book(shown, path):
    """The workbook of what a plan shows."""
    write_workbook(shown.imprint, shown.tables, path, lang=shown.lang, note=shown.note)


@pytest.fixture(scope="module")
def plan(coverage_plan):
    """The embedded sample, with the goal "coverage"."""
    return coverage_plan


@pytest.fixture(scope="module", params=LANGUAGES)
def book(plan, request, tmp_path_factory):
    """(language, plan, the workbook read back by another library)."""
    path = tmp_path_factory.mktemp("book") / "tables.xlsx"
    write_book(Publication(plan, request.param), path)
    return request.param, plan, openpyxl.load_workbook(path)


def test_the_data_package_describes_every_sheet(book):
    """Each sheet but the cover is a resource; its fields are its headers, in order, and its cells of their types."""
    lang, plan, read = book
    package = json.loads(run_package(Publication(plan, lang)))
    held = {r["dialect"]["excel"]["sheet"]: r for r in package["resources"] if r["path"] == "tables.xlsx"}
    assert list(held) == read.sheetnames[1:]
    assert {r["path"] for r in package["resources"]} == {*RUN_FILES} - {"log.txt", "datapackage.json"}
    names = [r["name"] for r in package["resources"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9._-]+", name) for name in names)
    kinds = {"integer": int, "number": (int, float), "date": dt.date, "string": str, "any": object}
    for title, resource in held.items():
        head, body = above_the_sums(read[title])
        fields, empty = resource["schema"]["fields"], {None, *resource["schema"]["missingValues"]}
        assert [field["name"] for field in fields] == list(head[: len(fields)])
        for c, field in enumerate(fields):
            assert all(isinstance(row[c], kinds[field["type"]]) for row in body if row[c] not in empty), field
            assert set(field["descriptions"]) == set(LANGUAGES)


def above_the_sums(page):
    """Header and rows of a sheet, without the sums below an empty row."""
    head, *body = page.iter_rows(values_only=True)
    end = next((i for i, row in enumerate(body) if not any(cell is not None for cell in row)), len(body))
    return head, body[:end]


def rows(book, lang, key):
    """Rows of a sheet as dicts by header."""
    head, body = above_the_sums(book[text(f"sheet.{key}.title", lang)])
    return [dict(zip(head, row, strict=True)) for row in body]


def own(name, lang):
    """Header of a column of the registry; amounts of demand are people in the sample."""
    return Head.of(of_objective(column(name), "people"), lang).label


def test_findings_are_those_of_result_json(book):
    """Low, high and target of every rule, before and after, to the last digit; and the words of numbers.py."""
    lang, plan, workbook = book
    result = plan_result(plan, "zh")
    # A dash where a rule has no target, or counts nothing: nothing is unknown there.
    dash = text("absent.not_applicable", lang)
    found = [{name: None if cell == dash else cell for name, cell in row.items()}
             for row in rows(workbook, lang, "findings")]  # fmt: skip
    expected = {r["rule"]: r for r in (*result["findings"], *result["measures"])}
    after = {r["rule"]: r for r in (*result["after"]["findings"], *result["after"]["measures"])}
    rule = own("rule", lang)
    assert [row[rule] for row in found] == [f.rule.id for f in plan.before.findings]
    for row, finding in zip(found, plan.before.findings, strict=True):
        want, then = expected[row[rule]], after[row[rule]]
        assert row[own("low", lang)] == want["low"]
        assert row[own("high", lang)] == want["high"]
        assert row[own("target_value", lang)] == want.get("target")
        assert row[own("low_after", lang)] == then["low"]
        assert row[own("high_after", lang)] == then["high"]
        # Of a length these are kilometres, like its numerator.
        assert row[own("yes", lang)] == (
            want["low_part"]
            if want["part_unit"] == "km" and want["unit"] == "share"
            else want["counts"].get("yes")
        )
        assert row[own("value", lang)] == numbers.headline(finding, lang)


@pytest.mark.parametrize(
    ("key", "name", "path"),
    [
        ("routes", "length_per_site_km", ("routes",)),
        ("routes", "gap_max_km", ("routes",)),
        ("access", "distance_km", ("access",)),
        ("proposed", "adds", ("siting", 0, "proposed")),
        ("proposed", "share_after", ("siting", 0, "proposed")),
    ],
)
def test_tables_hold_every_row_of_result_json(book, key, name, path):
    """As many rows, the same numbers."""
    lang, plan, workbook = book
    want = plan_result(plan, "zh")
    for step in path:
        want = want[step]
    header = own(name, lang)
    got = [row[header] for row in rows(workbook, lang, key)][: len(want)]
    order = lambda values: sorted((v is None, v) for v in values)  # noqa: E731
    assert order(got) == order(row[name] for row in want)


def test_no_sum_of_lengths_takes_a_gap_of_two_directions_or_rules_twice(book):
    """Columns of the sheets of gaps, totals, subtotals and the pivot of the long form: all are sums of result.json."""
    lang, plan, workbook = book
    result = plan_result(plan, "zh")
    want = {}
    for state, gaps in (("today", result["gaps"]), ("after", result["after"]["gaps"])):
        for gap in gaps:
            rule = next(rule for rule in plan.policy.rules if rule.id == gap["rule"])
            key = (
                text(f"sheet.phase.{state}", lang),
                rule.title[lang],
                text(f"choice.direction.{gap['direction']}", lang),
            )
            want.setdefault(key, []).append(gap["own_km"])
    assert len(want) == 8
    columns, totals = {}, {}
    for row in rows(workbook, lang, "gap-totals"):
        at = tuple(row[own(name, lang)] for name in ("phase", "rule_title", "direction"))
        totals[at] = (row[own("gap_count", lang)], row[own("own_km", lang)])
        for what, name in ((102, "gap_count_shown"), (109, "own_km_shown")):
            formula = row[own(name, lang)]
            code, sheet, column, last = re.fullmatch(
                r"=SUBTOTAL\((\d+),'(.+)'!\$(\w+)\$2:\$\3\$(\d+)\)", formula
            ).groups()
            assert int(code) == what
            assert int(last) == workbook[sheet].max_row
            columns[at] = [c.value for c in workbook[sheet][column][1:] if isinstance(c.value, (int, float))]
    assert columns.keys() == totals.keys() == want.keys()
    for at, lengths in want.items():
        assert sorted(columns[at]) == sorted(lengths)
        assert totals[at][0] == len(lengths)
        assert totals[at][1] == pytest.approx(sum(lengths))
    facts = pd.DataFrame(rows(workbook, lang, "facts"))
    assert facts.columns.is_unique
    facts = facts[facts[own("rule", lang)].notna() & (facts[own("key", lang)] == "own_km")]
    keys = [own(name, lang) for name in ("phase", "rule_title", "direction")]
    pivot = facts.pivot_table(index=keys, values=own("number", lang), aggfunc="sum")[
        own("number", lang)
    ].to_dict()
    assert pivot == pytest.approx({at: sum(lengths) for at, lengths in want.items()})


def figures_of_all(plan):
    """(level, key, state, rule) -> the figure of the whole region in result.json, of all that may be summed."""
    result, found = plan_result(plan, "en"), {}
    found["action", "money", "after", None] = result["plan"]["cost"]["high"]
    counties = plan.inputs.own_counties
    found["county", "population", "today", None] = counties["population"].sum()
    for state, part in (("today", result), ("after", result["after"])):
        for row in (*part["findings"], *part["measures"]):
            rule, figures, rows = row["rule"], row["figures"], row["evidence"]
            if row["kind"] == "route_spacing":
                found["route", "own_gaps_over", state, rule] = figures["own_gaps_over"]
                for name in ("length_km", "good_km", "middle_km", "gap_km", "open_km", "shared_km"):
                    found["county", name, state, rule] = figures[name]
            if row["kind"] == "demand_reach":
                found["county", "people_counted", state, rule] = row["low_whole"]
                for end in ("low", "high"):
                    found["county", f"people_{end}", state, rule] = row[f"{end}_part"]
            if row["kind"] == "fleet_power":
                found["county", "installed_kw", state, rule] = figures["installed_kw_low"]
                found["county", "sites_without_power", state, rule] = figures["sites_without_power"]
                found["county", "registered_ev", state, rule] = figures["registered_ev"]
                for name in ("sites", "points"):
                    found["county", name, state, rule] = sum(each[name] for each in rows)
        for way in ("forward", "backward"):
            for rule in {gap["rule"] for gap in part["gaps"]}:
                own = [g["own_km"] for g in part["gaps"] if (g["rule"], g["direction"]) == (rule, way)]
                found["gap", "own_km", state, rule, way] = sum(own)
    return found


def test_whatever_the_long_form_lets_sum_is_the_figure_of_the_region(sample_plan):
    """Level by level: sites and lengths by route don't add up, for two routes may share them; the rest is checked."""
    facts = sheets(plan_tables(sample_plan, "en"), "en")[-2].frame
    states = {text(f"sheet.phase.{state}", "en"): state for state in ("today", "after")}
    sums = {}
    for row in facts[facts["adds_up"].astype(bool)].to_dict("records"):
        key = row["key"].partition(":")[0].removesuffix("_after")
        rule = None if pd.isna(row["rule"]) else row["rule"]
        at = (
            row["level"],
            key,
            states[row["phase"]],
            rule,
            *([row["direction"]] if row["level"] == "gap" else []),
        )
        sums[at] = sums.get(at, 0.0) + row["number"]
    found = figures_of_all(sample_plan)
    others = {
        at for at in sums if at[:2] == ("route", "own_gaps_over") and at[3] is None
    }  # judged by no rule
    assert {at for at in found if at[0] != "county" or at[2] == "today"} == sums.keys() - others
    for at, total in sums.items():
        assert at in others or total == pytest.approx(found[at], abs=0.005), at
    kept = {(row["level"], row["key"]) for row in facts[~facts["adds_up"].astype(bool)].to_dict("records")}
    assert {
        ("route", name) for name in ("sites", "direction_sites", "driven_km", "length_km", "gap_km")
    } <= kept


@pytest.mark.parametrize("cost", [{}, {"fuel": 3.0}])
def test_the_fewest_sites_have_a_cost_only_if_the_project_says_what_sites_cost(sample_plan, cost):
    """Without it each counts as one, beside the money that the plan's actions at the same place cost."""
    siting = sample_plan.project.siting.model_copy(update={"cost": cost})
    plan = replace(sample_plan, project=sample_plan.project.model_copy(update={"siting": siting}))
    assert ("cost" in {head.name for head in least_sites(plan, "en").heads}) is bool(cost)
    [layer] = least_layers(plan)
    assert ("cost" in layer.schema.names) is ("cost" in layer.frame) is bool(cost)


def test_years_and_values_in_question_are_numbers(sample_plan):
    """A year can be filtered and has no comma; a value that was a number in the file is one, a text none."""
    tables = plan_tables(sample_plan, "en")
    for name in ("plan-actions", "plan-steps"):
        at = next(i for i, head in enumerate(tables[name].heads) if head.name == "stage_year")
        rows = sheet_rows(tables[name], "en")
        years = [row[at] for row in rows if not isinstance(row[at], str)]
        assert set(years) == set(sample_plan.project.plan.years), name
        assert {row[at] for row in rows} - {*years} <= {"–"}  # today is in no year
        assert set(number_formats(tables[name], at, rows, "en")) == {"0"}
    noted = [Fault("ac-strong", "x.csv", 2, "kw", value) for value in (60.0, "60 kW")]
    inputs = replace(sample_plan.inputs, warnings=tuple(noted))
    [number, words] = sheet_rows(faults(replace(sample_plan, inputs=inputs), "en"), "en")
    assert (number[3], words[3]) == (60.0, "60 kW")


def test_kilowatts_per_car_are_a_lower_bound_where_a_site_says_no_power(sample_plan):
    """The sample has seven sites of unknown power, two of them all that 荷塘区 has: nothing is known there, not 0."""
    table = counties(sample_plan, "en")
    assert "kW per EV, at least" in {head.label for head in table.heads}
    nothing = table.frame.set_index("county").loc["荷塘区"]
    assert nothing["sites_without_power"] == nothing["sites"] == 2
    assert nothing[["installed_kw", "kw_per_ev"]].isna().all()
    rows = sheet_rows(table, "en")
    for name, wanted in (("kw_per_ev", "#,##0.00"), ("ev_per_point", "#,##0.00")):
        at = next(i for i, head in enumerate(table.heads) if head.name == name)
        assert set(number_formats(table, at, rows, "en")) == {wanted}


def test_codes_of_tables_and_classes_of_road_are_words(book):
    """A Chinese sheet holds no ``chargers``; every class that our policies name has a name; ids are headed as such."""
    lang, _, workbook = book
    for key, column_name in (("files", "table"), ("rows", "table"), ("routes", "road_class")):
        words = {row[own(column_name, lang)] for row in rows(workbook, lang, key)}
        assert words
        assert lang == "en" or not any(re.search("[a-z_]{4}", word) for word in words), words
    for policy in map(read_policy, PROFILES):
        for rule in policy.rules:
            if hasattr(rule, "road_class"):
                assert "_" not in schema_shown(rule.road_class, column("road_class"), lang)
    assert own("rule", "en") == "Rule id"
    assert own("rule_title", "en") == "Rule"


def test_headers_of_lengths_by_class_name_the_limits(sample_plan):
    """Under a longest gap of 60 km with classes at 60 and 100 km a gap too long lies in 60–100 km: no contradiction."""
    policy = sample_plan.policy
    rules = [rule for rule in policy.rules if rule.kind == "route_spacing"]
    assert "Gaps >40 km" in {head.label for head in routes(sample_plan, "en").heads}
    target = rules[0].target.model_copy(update={"value_max": 60.0})
    changed = {"statistic": "gap_max", "class_limits_km": (60.0, 100.0), "target": target}
    policy = policy.model_copy(update={"rules": (rules[0].model_copy(update=changed),)})
    labels = [head.label for head in routes(replace(sample_plan, policy=policy), "en").heads]
    for wanted in (
        "Gaps >60 km",
        "Length in gaps <60 km",
        "Length in gaps 60–100 km",
        "After: length in gaps >100 km",
    ):
        assert wanted in labels


def test_shares_of_people_by_county_can_be_redone(sample_plan):
    """Sheet, layer and report give the people counted beside the census; 402,000 of 693,000 in 攸县, not of 614,000."""
    frame = counties(sample_plan, "en").frame.set_index("county")
    assert frame.loc["攸县", ["population", "people_counted", "people_low"]].tolist() == [
        614_000,
        693_000,
        402_000,
    ]
    assert (frame["people_low"] / frame["people_counted"]).tolist() == pytest.approx(
        frame["reach_low"].tolist()
    )
    layer = next(each for each in plan_layers(sample_plan, "en") if each.name == "counties")
    rows = layer.frame.set_index("name")
    for name in ("people_counted", "people_low", "people_high"):
        assert rows[name].to_dict() == frame[name].to_dict()
        assert name in {each.name for each in layer.popup_columns}
    report = next(table for table in evidence(sample_plan, "en") if table.rule.kind == "demand_reach")
    assert "Weight" not in {head.label for head in report.heads}
    assert {"weight", "low_part", "high_part"} <= {head.name for head in report.heads}


def test_shares_of_length_can_be_redone_from_their_row(sample_plan):
    """Routes without sites, too; on the sheet of figures readings of covered length, and berths by length."""
    for table in (routes(sample_plan, "en"), *evidence(sample_plan, "en")):
        if "covered_low" not in {head.name for head in table.heads}:
            continue
        assert {"covered_low_km", "covered_high_km"} <= {head.name for head in table.heads}
        for end in ("low", "high"):
            redone = table.frame[f"covered_{end}_km"] / table.frame["length_km"]
            assert redone.tolist() == pytest.approx(table.frame[f"covered_{end}"].tolist(), abs=2e-4)
    frame = figures(sample_plan, "en").frame
    shares = frame[frame["numerator"].notna()]
    keys = {f"{name}_{end}" for name in ("route", "edge", "two_site") for end in ("low", "high")}
    keys |= {f"{name}.{end}" for name in ("by_length", "by_class_tonnage") for end in ("low", "high")}
    assert set(shares["key"]) == keys
    redone = shares["numerator"].astype(float) / shares["denominator"].astype(float)
    assert redone.tolist() == pytest.approx(shares["number"].astype(float).tolist(), abs=1e-6)
    assert set(frame.loc[frame["key"] == "by_length.low_part", "unit_shown"]) == {"m"}
    assert set(shares["part_unit_shown"]) == {"km", "m", "t"}


def test_the_curve_is_that_of_the_siting(book):
    """Each step adds what result.json says; the last step is the objective; no point lies above its bound."""
    lang, plan, workbook = book
    siting = plan_result(plan, "zh")["siting"][0]
    curve = [row for row in rows(workbook, lang, "curve") if row[own("sites_built", lang)] is not None]
    steps = [row for row in curve if row[own("objective_value", lang)] is not None]
    assert steps[0][own("objective_value", lang)] == siting["existing"]
    assert steps[-1][own("objective_value", lang)] == siting["objective"]
    assert [row[own("adds", lang)] for row in steps[1:]] == siting["gain"]
    for row in curve:
        for name in ("share", "best_share"):
            if row[own(name, lang)] is not None and row[own("bound_share", lang)] is not None:
                assert row[own(name, lang)] <= row[own("bound_share", lang)] + 1e-9


def test_without_a_frontier_the_curve_has_the_plans_own_bound(plan):
    """One bound, at the plan's number of sites."""
    siting = replace(plan.siting[0], frontier=pd.DataFrame())
    curve = coverage_curve(siting)
    assert curve["bound"].notna().sum() == 1
    assert curve["bound"].iloc[-1] == siting.result.bound
    assert len(curve) == len(siting.proposed) + 1


def test_cells_are_typed(book):
    """Dates are dates, counts numbers, names texts; missing cells are empty, never 0."""
    lang, plan, workbook = book
    findings = rows(workbook, lang, "findings")
    assert isinstance(findings[0][own("by", lang)], dt.datetime)
    berths = rows(workbook, lang, "berths")
    known = own("class_t", lang)
    assert [row[known] is None for row in berths] == plan.inputs.berths["class_t"].isna().tolist()
    assert all(isinstance(row[known], (int, float)) for row in berths if row[known] is not None)


def test_every_sheet_can_be_filtered_and_is_frozen_and_printable(book):
    """Filter on the header, header frozen and repeated, landscape, one page wide, source note at the foot."""
    _, _, workbook = book
    for page in workbook.worksheets[1:]:
        assert page.auto_filter.ref
        assert page.freeze_panes == "B2"
        assert page.page_setup.orientation == "landscape"
        assert page.sheet_properties.pageSetUpPr.fitToPage
        assert page.print_title_rows == "$1:$1"
        assert "OpenStreetMap" in page.oddFooter.left.text


def test_a_page_says_what_is_not_printed_and_findings_print_what_their_shares_are_made_of(book):
    """Columns beyond the printed ones are named above each page; the longest sheets print their header alone."""
    lang, _, workbook = book
    for page in workbook.worksheets[1:]:
        area, heads = page.print_area, [cell.value for cell in page[1]]
        if not area:
            assert "\n" not in page.oddHeader.right.text
            continue
        _, last = area.rsplit("!", 1)[1].replace("$", "").split(":")
        column, row = openpyxl.utils.cell.coordinate_from_string(last)
        beyond = heads[openpyxl.utils.column_index_from_string(column) :]
        title, said = page.oddHeader.right.text.split("\n")
        assert title == page.title
        if row == 1:
            assert said == text("sheet.not-on-paper", lang, n=page.max_row - 1)
            assert not beyond
        else:
            after, end = (openpyxl.utils.get_column_letter(len(heads) - n) for n in (len(beyond) - 1, 0))
            assert said == text("sheet.not-printed", lang, columns=f"{after}–{end}")
        if title == text("sheet.findings.title", lang):
            assert {own(name, lang) for name in (*numbers.OF_PARTS, "part_unit_shown")} <= set(heads) - set(
                beyond
            )
    short = [page.title for page in workbook.worksheets if (page.print_area or "").endswith("$1")]
    assert short == [text(f"sheet.{name}.title", lang) for name in ("rows", "facts")]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("sources", ["", "a.csv & b.csv", "chargers.csv, " * 40])
def test_the_foot_of_a_page_keeps_what_the_map_is_and_its_approval(lang, sources):
    """255 characters are too few for all: the names of the sources are cut first."""
    note = SourceNote(
        sources=sources, date="2019-06-30", schematic=True, extra=("x" * 200,) if sources else ()
    )
    line = _note_within(note, 238, lang)
    assert len(line) <= 238
    for part in SourceNote(schematic=True).parts(lang):
        assert part in line
    assert bool(sources) == line.startswith(text("note.sources", lang, sources=sources[:9]))


def test_no_row_is_made_high_by_a_column_that_is_not_printed(book):
    """The clause of a rule stood in a narrow column beside the printed ones: rows of a line were eight lines high."""
    lang, _, workbook = book
    page = workbook[text("sheet.findings.title", lang)]
    heights = [page.row_dimensions[row].height or 15.0 for row in range(2, page.max_row + 1)]
    assert max(heights) <= 60.0


def test_the_same_plan_gives_the_same_bytes(plan, tmp_path):
    """No time of writing, no random id."""
    for name in ("a", "b"):
        write_book(Publication(plan, "zh"), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.fixture(scope="module")
def hostile(root, tmp_path_factory):
    """A plan whose every text is hostile, and the workbook of it."""
    folder = tmp_path_factory.mktemp("hostile")
    plan = make_plan(read_project(write_case(folder, root)))
    sites, berths = plan.before.sites.copy(), plan.inputs.berths.copy()
    sites["name"] = [NASTY[k % len(NASTY)] for k in range(len(sites))]
    berths["name"] = [NASTY[-1 - k % len(NASTY)] for k in range(len(berths))]
    plan = replace(plan, before=replace(plan.before, sites=sites), inputs=replace(plan.inputs, berths=berths))
    path = folder / "tables.xlsx"
    note = SourceNote(sources="&G &[Picture] &P =1+1 " * 20)
    write_book(published(plan, "en", note=note), path)
    return plan, path


def test_the_chart_is_one_that_every_office_program_takes(hostile):
    """No extension of its own, which Microsoft's validator refuses; a description for those who can't see it."""
    with zipfile.ZipFile(hostile[1]) as archive:
        chart = archive.read("xl/charts/chart1.xml").decode()
        [about] = re.findall(
            r'<xdr:cNvPr [^>]*descr="([^"]+)"', archive.read("xl/drawings/drawing1.xml").decode()
        )
    assert "extLst" not in chart
    assert about in re.findall("<a:t>([^<]+)</a:t>", chart)


def test_no_cell_evaluates_or_links_what_came_from_data(hostile):
    """No formula but subtotals of ours, no hyperlink out of the book, no external relationship, no macro."""
    _, path = hostile
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            content = archive.read(name).decode("utf-8")
            if name.startswith("xl/worksheets/sheet"):
                formulas = re.findall("<f[^>]*>([^<]*)</f>", content)
                assert all(re.fullmatch(r"SUBTOTAL\(10[29],('[^'!\[]+'!)?[$A-Z0-9:]+\)", f) for f in formulas)
                assert not re.search(r"<hyperlink [^>]*r:id=", content)
            if name.endswith(".rels"):
                assert 'TargetMode="External"' not in content
        assert not [n for n in archive.namelist() if "vba" in n.lower() or "externalLink" in n]


def test_hostile_texts_arrive_as_they_are(hostile):
    """Letter by letter; only what XML forbids is replaced, visibly."""
    plan, path = hostile
    workbook = openpyxl.load_workbook(path)
    shown = {row["Name"] for row in rows(workbook, "en", "sites")}
    assert {openpyxl.utils.escape.unescape(str(v)) for v in shown} >= {
        clean(name) for name in plan.before.sites["name"] if "_x00" not in name
    }


def test_texts_that_look_like_formulas_stay_texts_when_edited(hostile):
    """They, and no others, carry the mark that a spreadsheet shows as ``'``; the title of the cover as well."""
    _, path = hostile
    marked = 0
    for page in openpyxl.load_workbook(path):
        for cell in (cell for row in page.iter_rows() for cell in row if isinstance(cell.value, str)):
            if cell.data_type == "f":
                assert cell.value.startswith("=SUBTOTAL(")
                continue
            assert bool(cell.quotePrefix) == (cell.value[0] in "=+-@＝＋－＠\t\r\n"), cell.value
            marked += bool(cell.quotePrefix)
    assert marked > 3


def test_clean_replaces_only_what_xml_forbids():
    """Control characters and lone surrogates become U+FFFD; a very long text is cut and says so."""
    assert clean("a\x00b\ud800c\n好🔌") == "a\ufffdb\ufffdc\n好🔌"
    assert clean("x" * 40_000).endswith("…")
    assert len(clean("x" * 40_000)) < 32_767


def test_headers_and_footers_hold_255_characters_and_no_codes_of_the_data():
    """``&`` starts a code there: one from the data must not."""
    line = _fitted("&L", "&G &[Picture] &P " * 50, "&R&P / &N")
    assert len(line) <= 255
    assert line.count("&") == 4


def test_missing_is_empty_and_an_unknown_yes_or_no_says_so():
    """An empty number stays empty; a missing bool is *unknown*."""
    number, yes = Head("x", "x", Column("x", "float", "km")), Head("y", "y", Column("y", "bool"))
    assert cell_value(float("nan"), number, "zh") is None
    assert cell_value(pd.NA, number, "zh") is None
    assert cell_value(float("inf"), number, "zh") is None
    assert cell_value(pd.NA, yes, "zh") == text("value.unknown", "zh")
    assert cell_value(False, yes, "en") == text("value.no", "en")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sheet_names_are_allowed_and_differ(plan, lang):
    """At most 31 characters, none that Excel forbids, no two alike."""
    names = [sheet.title(lang) for sheet in sheets(plan_tables(plan, lang), lang)]
    assert len({n.lower() for n in names}) == len(names)
    assert all(len(n) <= 31 and not re.search(r"[\[\]:*?/\\']", n) for n in names)


def test_sums_stand_below_the_table_and_follow_its_filter(sample_plan, tmp_path):
    """Behind an empty row, outside of the filter: money of actions, people of counties, spaces, rows."""
    path = tmp_path / "tables.xlsx"
    write_book(Publication(sample_plan, "en"), path)
    formulas, values = openpyxl.load_workbook(path), openpyxl.load_workbook(path, data_only=True)
    result, found = plan_result(sample_plan, "en"), {}
    for key in ("plan-actions", "counties", "car-parks", "files"):
        page = formulas[text(f"sheet.{key}.title", "en")]
        foot = page.max_row
        assert page.auto_filter.ref.endswith(str(foot - 2))
        assert all(cell.value is None for cell in page[foot - 1])
        for head, cell in zip(page[1], page[foot], strict=True):
            if isinstance(cell.value, str) and cell.value.startswith("="):
                at = cell.column_letter
                assert cell.value == f"=SUBTOTAL(109,{at}2:{at}{foot - 2})"
                found[key, head.value] = values[page.title][cell.coordinate].value
    assert found["plan-actions", "Cost (×10,000 yuan)"] == pytest.approx(result["plan"]["cost"]["high"])
    assert found["counties", "Population"] == sample_plan.inputs.own_counties["population"].sum()
    assert found["car-parks", "Spaces"] == sample_plan.inputs.car_parks["spaces"].sum()
    assert found["files", "Read"] == sum(row["read"] for row in result["files"])


def test_every_sheet_leads_back_to_the_first_and_says_what_it_holds(book):
    """By the header that stays in view; filters and frozen panes are as they were."""
    lang, _, workbook = book
    cover = workbook.worksheets[0].title
    for page in workbook.worksheets[1:]:
        link = page["A1"].hyperlink
        assert link.location == f"'{cover}'!A1"
        assert link.tooltip.startswith(f"← {cover}: ")
        assert len(link.tooltip) <= 255
    words = [cell.value for row in workbook.worksheets[0].iter_rows(max_col=1) for cell in row]
    assert text("sheet.cover.terms", lang) in words


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("policy", PROFILES)
def test_every_rule_of_our_policies_names_its_sheets_by_words(policy, lang):
    """No id, no cut word: what stands on the tab of the gaps today and with the plan, or of a sheet of its own."""
    taken, found = set(), read_policy(policy)
    for rule in found.rules:
        keys = ["gaps", "gaps-after"] if kind_of(rule).own_gaps else []
        wanted = [text(f"sheet.{key}.named", lang, rule=short_title(rule, lang)) for key in keys]
        assert [free_title(words, taken) for words in wanted] == wanted
        if has_own_sheet(rule, found):
            title = own_sheet_title(rule, found, lang)
            assert title == text("sheet.rule.title", lang, rule=short_title(rule, lang)), title


def test_rules_with_the_same_gaps_share_a_sheet_that_names_them_all(plan):
    """Gaps of two rules on the same roads were the same rows on two sheets; their totals still have a row for each."""
    tables = plan_tables(plan, "en")
    gaps = tables["gaps"]
    first = gaps.frame[gaps.frame["rule"] == "ordinary-highway-spacing"]
    twin = first.assign(rule="twin", rule_title="The twin", gap_id=[f"twin-{g}" for g in first["gap_id"]])
    both = {**tables, "gaps": replace(gaps, frame=pd.concat([gaps.frame, twin], ignore_index=True))}
    found = {sheet.name: sheet for sheet in sheets(both, "en")}
    assert "gaps:twin" not in found
    shared = found["gaps:ordinary-highway-spacing"]
    assert shared.title("en") == "Spacing charging sites +1"
    assert "The twin" in shared.question("en")
    assert set(shared.frame["rule"]) == {"ordinary-highway-spacing twin"}
    assert shared.frame["gap_id"].tolist() == [f"{g} twin-{g}" for g in first["gap_id"]]
    totals = found["gap-totals"].frame
    assert len(totals) == 2 * 5  # two rules in two states, and the twin today, each in two directions
    same = [
        totals[totals["rule_title"] == title]["own_km"].tolist()
        for title in (first["rule_title"].iloc[0], "The twin")
    ]
    assert same[0][:2] == same[1]


def test_result_json_has_no_number_the_workbook_rounds(book):
    """Cells are not rounded for looks: only their format is."""
    _, plan, workbook = book
    share = plan_result(plan, "zh")["findings"][0]["high"]
    cells = [c for row in workbook.worksheets[1].iter_rows() for c in row if c.value == share]
    assert cells
    assert json.dumps(share) == json.dumps(cells[0].value)
    assert cells[0].number_format == "0.0%"


def test_calls_and_listed_sites_have_their_sheets(book):
    """Every call with its berth's name, what was found and its date; every listed place with its position."""
    lang, plan, workbook = book
    calls = rows(workbook, lang, "calls")
    assert len(calls) == len(plan.inputs.calls)
    found = next(f for f in plan.before.findings if f.rule.kind == "call_share")
    assert sum(row[own("counts_in_rule", lang)] == text("value.yes", lang) for row in calls) == len(
        found.table
    )
    names = set(plan.inputs.berths["name"])
    assert all(row[own("berth_name", lang)] in names for row in calls)
    assert isinstance(calls[0][own("arrived", lang)], dt.datetime)
    assert not any("_" in row[own("ship_kind", lang)] for row in calls)
    listed = rows(workbook, lang, "inventory")
    assert len(listed) == sum(len(f.table) for f in plan.before.findings if f.rule.kind == "inventory")
    assert all(isinstance(row[own("lon", lang)], float) for row in listed)


def test_access_says_which_sites_are_not_in_operation(plan):
    """A site that is being built has a way to its route and closes nothing yet."""
    state = access(plan, "zh").frame.set_index("site_id")["status"]
    of_site = plan.before.sites.set_index("id")["status"]
    assert len(state) == len(plan.before.access)
    assert set(state.items()) == {(site, of_site[site]) for site in plan.before.access["id"]}
    assert set(state["ZZ036"]) == {"under_construction"}


def test_sheets_on_the_siting_hold_what_the_outcome_holds(book):
    """Counties, each site out of order, other plans: as many rows, the same sums."""
    lang, plan, workbook = book
    siting = plan.siting[0]
    gains = rows(workbook, lang, "gains")
    assert sum(row[own("after", lang)] for row in gains) == siting.counties["after"].sum()
    assert sum(row[own("new_sites", lang)] for row in gains) == len(siting.proposed)
    lost = [row[own("lost", lang)] for row in rows(workbook, lang, "outages")]
    assert lost == sorted(siting.sites["lost"], reverse=True)
    plans = {row[own("plan", lang)] for row in rows(workbook, lang, "alternatives")}
    assert len(plans) == len(siting.alternatives)
