"""One number, one value: map, layers, workbook, report and terminal say what result.json says, by id and column.

Tried on the sample in both languages and in miles, and with ``--extra-data`` on two real extracts under two policies,
one of which counts in miles.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import fields, is_dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from types import SimpleNamespace

import docx
import jsonschema
import matplotlib
import pandas as pd
import pytest
from PIL import ImageFont
from plugspan.inputs import Inputs
from plugspan.pipeline import make_plan
from plugspan.project import MarkSettings, RouteSettings, read_project
from plugspan.render.run import write_run
from plugspan.rules.spacing import RouteSpacing
from plugspan.schema import COLUMNS, OBJECTIVE_UNITS, Column, Form, readers_unit, shown
from plugspan.tables.columns import ROUTE_COLUMNS
from plugspan.tables.layers import plan_layers
from plugspan.tables.plan_tables import plan_tables
from plugspan.tables.sheets import sheets as book_sheets
from plugspan.tables.words import assumption_lines
from plugspan.texts import catalogue, text
from plugspan.units import in_kilometres, km
from plugspan.waymarks import ends_by_name, is_posted
from run_surfaces import json_blocks, layer_tables, leaves, published, report_lines, sheets, shown_texts

REAL = """schema = 1
name = "{name}"
language = "en"
policy = "{policy}"
[region]
bbox = {box}
halo_km = 5
[network]
osm = "{osm}"
[road_class]
{classes}
[tables.chargers]
path = "chargers.csv"
[siting]
sites = 2
objective = "highway"
reach_km = 3
time_limit_s = 60
"""
POOLS = """id,name,lon,lat,current,points,point_kw,pool_kw,connector,open_24h,access,status,kind
strong,Strong,{0},{1},dc,8,350,1400,CCS2,yes,public,operational,charging
weak,Weak,{2},{3},dc,1,50,50,CCS2,yes,public,operational,charging
soon,Soon,{0},{3},dc,4,150.5,602,CCS2,yes,public,under_construction,charging
gas,Gas,{2},{1},,1,,,,yes,public,operational,hydrogen
"""
CASES = {
    "zh": None,
    "en": None,
    "miles": None,
    "oslo": ("eu-afir", [10.75, 59.85, 10.95, 59.97], "tent_core = ['E6', 'E18']\ntent_comprehensive = ['Ring\\d']",
             "oslo-east", (10.8418, 59.87, 10.85, 59.93)),
    "andorra": ("us-nevi", [1.42, 42.43, 1.75, 42.65], "corridor = ['CG-?\\d']", "andorra",
                (1.5, 42.46, 1.62, 42.56)),
}  # fmt: skip
G240 = MarkSettings(km=3095.0, lon=113.316347, lat=27.122928)
"""A post on one of the sample's roads: no other reaches kilometres like these."""


@pytest.fixture(scope="module")
def sample(root):
    """The plan of the embedded sample, in which one road has posts."""
    project = read_project(root / "data" / "zhuzhou.toml")
    return make_plan(project.model_copy(update={"routes": {"G240": RouteSettings(marks=(G240,))}}))


@pytest.fixture(
    scope="module",
    params=[
        "zh",
        "en",
        "miles",
        *(pytest.param(k, marks=pytest.mark.extra_data) for k in ("oslo", "andorra")),
    ],
)
def run(request, tmp_path_factory):
    """A plan, its language, and all that its run folder holds."""
    folder = tmp_path_factory.mktemp("one")
    if CASES[request.param] is None:
        plan, lang = request.getfixturevalue("sample"), "zh" if request.param == "zh" else "en"
        if request.param == "miles":
            plan = replace(plan, policy=plan.policy.model_copy(update={"lengths": "mi"}))
    else:
        policy, box, classes, name, at = CASES[request.param]
        osm = (request.getfixturevalue("extra_data") / "osm" / f"{name}.osm.pbf").as_posix()
        (folder / "chargers.csv").write_text(POOLS.format(*at), "utf-8")
        project = REAL.format(name=name, policy=policy, box=box, classes=classes, osm=osm)
        (folder / "project.toml").write_text(project, "utf-8")
        plan, lang = make_plan(read_project(folder)), "en"
    write_run(plan, folder / "run", overwrite=False, lang=lang, progress=lambda key, share: None)
    folder = folder / "run"
    return SimpleNamespace(
        plan=plan,
        lang=plan.reader(lang),
        folder=folder,
        result=json.loads((folder / "result.json").read_text("utf-8")),
        layers=layer_tables(folder),
        cells=sheets(folder),
        report=report_lines(folder),
        blocks=json_blocks(folder),
    )


# -- by id and column ------------------------------------------------------------------------------------


def same(one, other) -> bool:
    """Equal as result.json writes numbers: to six decimals; nothing is nothing."""
    gone = (None, "", "nan")
    if one in gone or other in gone or one != one or other != other:
        return (one in gone or one != one) and (other in gone or other != other)
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) <= 1.5e-6 * max(1.0, abs(one))
    return str(one) == str(other)


def assert_same_rows(ones, others, keys, columns) -> None:
    """The same rows by their keys, and in each column the same values; none is missing."""
    plain = lambda v: float(v) if isinstance(v, (int, float)) else str(v)  # noqa: E731
    by_key = lambda rows: {tuple(plain(r[k]) for k in keys): r for r in rows}  # noqa: E731
    one, other = by_key(ones), by_key(others)
    assert one.keys() == other.keys()
    wrong = [
        (key, name, one[key][name], other[key][name])
        for key in one
        for name in columns
        if not same(one[key][name], other[key][name])
    ]
    assert not wrong, wrong[:5]


def in_units(rows, objective, names):
    """Amounts of demand as they are shown: the siting counts metres of highway."""
    factor = 1000.0 if objective == "highway" else 1.0
    return [row | {n: row[n] / factor for n in names if row.get(n) is not None} for row in rows]


GAP_NUMBERS = ("length_km", "from_km", "to_km", "spacing_class", "from_site", "to_site")
ROUTE_NUMBERS = [c.name for c in ROUTE_COLUMNS if c.type in ("int", "float")]


def test_layers_hold_the_numbers_of_result_json(run):
    """Gaps, routes, access, proposed and least sites: the same rows, the same value in every column."""
    result, layers = run.result, run.layers
    rule = next(r.id for r in run.plan.policy.rules if isinstance(r, RouteSpacing))
    states = [("before", result["gaps"]), ("after", result["after"]["gaps"])] if run.plan.siting else []
    for phase, rows in states:
        own = [row for row in rows if row["rule"] == rule]
        key = ("ref", "section", "direction", "from_km")
        assert_same_rows(own, layers[f"routes_{phase}"], key, GAP_NUMBERS)
    place = ("ref", "section", "direction", "site_id", "chainage_km")
    for phase, found in (("before", result), ("after", result["after"])):
        of_phase = {
            name: [row for row in layers[name] if row["phase"] == phase]
            for name in ("route_figures", "access")
        }
        assert_same_rows(found["routes"], of_phase["route_figures"], ("ref",), ROUTE_NUMBERS)
        if "access" in found:
            assert_same_rows(found["access"], of_phase["access"], place, ("distance_km", "back_km"))
    for siting in result["siting"]:
        rows = in_units(siting["proposed"], siting["objective_name"], ["adds"])
        if rows:
            assert_same_rows(rows, layers["proposed_after"], ("action_id",), ("adds", "share_after", "cost"))
            order = {row["action_id"]: row["build_order"] for row in layers["proposed_after"]}
            assert [order[i] for i in siting["chosen"]] == list(range(1, len(order) + 1))
    found = max(result["least_sites"], key=lambda row: row["span_km"], default=None)
    if found and found["proposed"]:
        assert_same_rows(found["proposed"], layers["least_sites"], ("action_id",), ("serves",))


LISTED = """
    ref name highway operator points fast_points point_kw pool_kw service_area side current access area_m2 length_m
    class_t spaces ready_spaces population registered_ev from_site to_site
"""
MAY_BE_UNKNOWN = frozenset(LISTED.split())
"""What lists and OpenStreetMap may not say, and the site beyond the data. Nothing that is computed is here."""
STATES = {n: (c.state,) for n, c in COLUMNS.items() if c.state}
STATES |= {"length_km": ("length_state",), "chainage_km": ("chainage_state",)}


def test_what_is_empty_in_a_file_is_unknown(run):
    """No NULL means anything else: texts have a code, and beside a number stands what it is."""
    seen = set()
    for name, rows in run.layers.items():
        if name.startswith("input_") or not rows:
            continue
        for column in set(rows[0]) - {"fid", "geom"}:
            empty = [row for row in rows if row[column] is None]
            held = COLUMNS.get(column)
            state = next((s for s in STATES.get(column, ()) if s in rows[0]), None)
            if state is not None:
                assert {row[state] for row in empty} <= {"unknown", "not_applicable", "not_reached"}
                assert {row[state] for row in rows if row[column] is not None} <= {"known"}
                seen |= {row[state] for row in empty}
            elif empty:
                assert column in MAY_BE_UNKNOWN, (name, column)
                assert held is None or not held.absent or held.absent_if[0], (name, column)
            assert "" not in {row[column] for row in rows}, (name, column)
    assert "not_applicable" in seen
    jsonschema.validate(run.result, json.loads((run.folder / "result.schema.json").read_text("utf-8")))
    berths = {row["site_id"]: row for row in run.layers.get("berths", ())}
    for row in run.plan.inputs.berths.to_dict("records"):
        if row["id"] not in berths:  # it has no position
            continue
        state = berths[row["id"]]["shore_power_state"]
        known = not math.isnan(row["shore_power_kw"])
        lacks = not pd.isna(row["shore_power"]) and not row["shore_power"]
        assert state == ("known" if known else "not_applicable" if lacks else "unknown")


SHEETS_OF_RESULT = {
    "routes": ("routes", ("ref",)),
    "access": ("access", ("ref", "section", "direction", "site_id", "chainage_km")),
}
SHEETS_OF_LAYERS = {
    "sites": ("charging_sites", "site_id"),
    "berths": ("berths", "site_id"),
    "car-parks": ("car_parks", "site_id"),
    "service-areas": ("service_areas", "site_id"),
    "proposed": ("proposed_after", "action_id"),
    "least-sites": ("least_sites", "action_id"),
}


def sheet_values(run):
    """(key, heads, rows) of each sheet: cells by name of their column, as they stand in the file."""
    for sheet in book_sheets(plan_tables(run.plan, run.lang), run.lang):
        rows = run.cells[sheet.title(run.lang)][1 : len(sheet.frame) + 1]
        names = [head.name for head in sheet.heads]
        yield sheet, [dict(zip(names, row, strict=True)) for row in rows]


def test_the_workbook_holds_the_numbers_of_result_json(run):
    """Every number of a sheet whose rows are in result.json, and the sums of what it counts."""
    found = {sheet.name: (sheet, rows) for sheet, rows in sheet_values(run)}
    for key, (name, by) in SHEETS_OF_RESULT.items():
        if key in found:
            rows = metric_cells(run, *found[key])
            raw = [{str(k): v for k, v in r.items()} for r in run.result[name]]
            coded = {
                "direction": {text(f"choice.direction.{d}", run.lang): d for d in ("forward", "backward")}
            }
            rows = [
                row | {n: labels.get(row[n], row[n]) for n, labels in coded.items() if n in row}
                for row in rows
            ]
            columns = [n for n in rows[0] if n in raw[0] and COLUMNS[n].type in ("int", "float")]
            assert len(columns) > 2
            assert_same_rows(raw, rows, by, columns)
    for key, (name, by) in SHEETS_OF_LAYERS.items():
        if key in found and name in run.layers:
            rows = metric_cells(run, *found[key])
            layer = run.layers[name]
            rows = [row for row in rows if row[by] in {r[by] for r in layer}]
            widest = max((r["span_km"] for r in rows if r.get("span_km")), default=None)
            rows = [r for r in rows if r.get("span_km") in (None, widest)]
            layer = [r for r in layer if r[by] in {x[by] for x in rows}]
            columns = [n for n in rows[0] if n in layer[0] and COLUMNS[n].type in ("int", "float")]
            assert_same_rows(layer, rows, (by,), columns)


def metric_cells(run, sheet, rows):
    """Values of a sheet's cells; lengths told in miles and feet as kilometres and metres again."""
    each = {"km": 1.609344, "m": 0.3048} if run.lang.lengths == "mi" else {}
    told = {h.name: each[h.column.unit] for h in sheet.heads if h.column.unit in each}
    dashes = {h.name for h in sheet.heads if h.column.state}  # a word where there is no number to be known

    def value(name, cell):
        if isinstance(cell.value, str) and name in dashes:
            return None
        return cell.value if cell.value is None or name not in told else round(cell.value * told[name], 6)

    return [{n: value(n, c) for n, c in row.items()} for row in rows]


def as_excel_shows(cell) -> str:
    """A number under its format, as a spreadsheet writes it: rounded half up."""
    code = cell.number_format.split(";")[0]
    value = Decimal(repr(float(cell.value))) * (100 if code.endswith("%") else 1)
    places = len(code.rstrip("%").partition(".")[2])
    comma = "," if "," in code or code.endswith("%") else ""
    return f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):{comma}f}"


def test_cells_of_the_workbook_look_as_every_other_surface(run):
    """The number format of each cell shows what :func:`shown` says, at most with zeros behind it."""
    seen = 0
    for sheet, rows in sheet_values(run):
        heads = {head.name: head for head in sheet.heads}
        for i, row in enumerate(rows):
            for name, cell in row.items():
                head = heads[name]
                if isinstance(cell.value, bool) or not isinstance(cell.value, (int, float)):
                    continue
                unit = sheet.frame[head.unit_by].tolist()[i] if head.unit_by else head.column.unit
                words = shown(cell.value, column_with(head.column, readers_unit(unit, run.lang)), "en")
                want = re.sub(r"[^\d.,-]", "", words)
                got = as_excel_shows(cell)
                plain = lambda t: t.rstrip("0").rstrip(".") if "." in t else t  # noqa: E731
                assert plain(got) == plain(want), (sheet.name, name, cell.value, cell.number_format, words)
                seen += 1
    assert seen > 100


def column_with(held: Column, unit: str) -> Column:
    """The column with the unit of its row."""
    return Column(held.name, held.type, unit, form=held.form)


# -- the map ---------------------------------------------------------------------------------------------


def spec_of(run, name, phase=None):
    """A layer of the map."""
    main = next(b for b in run.blocks if isinstance(b, dict) and "layers" in b)
    return next(s for s in main["layers"] if s["name"] == name and phase in (None, s["phase"]))


def popup_rows(spec) -> list[tuple[str, ...]]:
    """What a click shows for each feature (with the whole plan), in the order of the popup's columns."""
    columns = [[part["values"][i] for i in part["index"][: spec["count"]]] for part in spec["props"]]
    return list(zip(*columns, strict=True))


LAYERS_OF_MAP = (
    "charging_sites",
    "service_areas",
    "berths",
    "car_parks",
    "hubs",
    "least_sites",
    "not_served",
    "demand",
)


def test_popups_show_the_numbers_of_the_layers(run):
    """Each popup by its columns: the value of the GeoPackage, rounded and worded as everywhere."""
    tried = 0
    for layer in plan_layers(run.plan, run.lang):
        spec = spec_of(run, layer.name, layer.phase)
        if "packed" in spec:
            continue
        name = layer.name if layer.phase == "both" else f"{layer.name}_{layer.phase}"
        raw = run.layers[name]
        for k, held in enumerate(layer.popup_columns):
            if not raw or held.type not in ("int", "float") or held.name not in raw[0]:
                continue
            want = Counter(shown(row[held.name], held, run.lang, unit=True) for row in raw)
            if layer.name == "plan_others":  # the map leaves out points that only a long gap has
                assert spec["count"] <= len(raw)
                kept = Counter(layer.frame[held.name])
                want = Counter(shown(value, held, run.lang, unit=True) for value in kept.elements())
            got = Counter(row[k] for row in popup_rows(spec))
            for quiet in (
                "",
                text(f"absent.{held.absent or 'none'}", run.lang),
                text("value.unknown", run.lang),
                text("value.none", run.lang),
            ):  # left out where there is nothing to say
                want.pop(quiet, None), got.pop(quiet, None)
            assert got == want, (layer.name, held.name)
            tried += sum(want.values())
    assert tried > 5


def test_legends_count_what_the_rules_count(run):
    """Classes of gaps, of service areas and of berths: as many as the rows of the layer, and as the rule counts."""
    main = next(b for b in run.blocks if isinstance(b, dict) and "layers" in b)
    for spec in main["layers"]:
        assert sum(spec["counts"]) == spec["count"], spec["name"]
    rows = {f["rule"]: f for f in (*run.result["findings"], *run.result["measures"])}
    for layer in plan_layers(run.plan, run.lang):
        if layer.rule is not None:
            found, spec = rows[layer.rule.id], spec_of(run, layer.name, layer.phase)
            assert spec["title"] == layer.rule.title[run.lang]
            if isinstance(layer.rule, RouteSpacing):
                gaps = run.result["gaps"] if layer.phase == "before" else run.result["after"]["gaps"]
                classes = Counter(g["spacing_class"] for g in gaps if g["rule"] == layer.rule.id)
                assert sorted(n for n in spec["counts"] if n) == sorted(classes.values())
                continue
            counts = dict(zip(("yes", "no", "unknown"), spec["counts"], strict=False))
            counted = [
                row["has"] for row in found["evidence"] if row["has"] in counts
            ]  # planned ones are only listed
            assert counts == Counter(counted) | {k: 0 for k in counts if not counts[k]}
        if layer.name == "berths":
            found = next((f for f in rows.values() if f["kind"] == "berth_share"), None)
            if found is not None:
                yes, no, unknown, maybe = spec_of(run, "berths")["counts"][:4]
                placed = {row["site_id"] for row in run.layers["berths"]}
                sure = Counter(
                    r["has"] for r in found["evidence"] if r["counts"] == "yes" and r["site_id"] in placed
                )
                assert (yes, no, unknown) == (sure["yes"], sure["no"], sure["unknown"])
                assert maybe == sum(
                    r["counts"] == "unknown" and r["site_id"] in placed for r in found["evidence"]
                )
    for phase, gaps in (("before", run.result["gaps"]), ("after", run.result["after"]["gaps"])):
        rule = next(r.id for r in run.plan.policy.rules if isinstance(r, RouteSpacing))
        classes = Counter(g["spacing_class"] for g in gaps if g["rule"] == rule)
        counts = spec_of(run, "routes", phase)["counts"]
        assert sorted(n for n in counts if n) == sorted(classes.values())


# -- sentences -------------------------------------------------------------------------------------------

UNITS = "km|mi|ft|kWh|kW|%|个百分点|pp|人|people|kg|t|m|h"
NUMBER = re.compile(rf"(?<![A-Za-z0-9_.])([+-]?\d[\d,]*(?:\.\d+)?) ?({UNITS})(?![A-Za-z²])")
POST = re.compile(r"(?<!\w)(?:K|MP )(-?\d+(?:\.\d+)?)(?![\w.])")
MEASURED = re.compile(r"(?:measured (?:km|mi)|量算) (-?\d+(?:\.\d+)?)(?:–(-?\d+(?:\.\d+)?))?")


def words_of(value, unit, lang, form=None) -> str:
    """A number with its unit, blanks left out."""
    return shown(value, Column("x", "float", unit, form=form), lang, unit=True).replace(" ", "")


def numbers_of_sheets(run):
    """Every number of the workbook with its unit."""
    for sheet, rows in sheet_values(run):
        for i, row in enumerate(rows):
            for head in sheet.heads:
                value = row[head.name].value
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    unit = sheet.frame[head.unit_by].tolist()[i] if head.unit_by else head.column.unit
                    told = column_with(head.column, readers_unit(unit, run.lang))
                    yield shown(value, told, run.lang, unit=True).replace(" ", "")


def numbers_of_result(run):
    """Every number of result.json and of the policy, in each unit that its name may mean."""
    suffixes = {"_m": "m", "_h": "h", "_kw": "kW", "_t": "t", "_t_min": "t", "_kg_per_kwh": "kg"}
    policy = run.plan.policy.model_dump(mode="json")
    for path, value in (*leaves(run.result), *leaves(policy)):
        name = path.rpartition(".")[2].removesuffix("_with_unknown")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if name.endswith("_km") or name == "class_limits_km" or name in ("low", "high", "target"):
            yield from (
                words_of(value, "km", run.lang, form) for form in (None, Form(1), Form(2, fixed=True))
            )
        if name == "people_gained":
            yield words_of(value, "people", run.lang)
        if 0 <= value <= 1:
            yield words_of(value, "share", run.lang)
        for suffix, unit in suffixes.items():
            if name.endswith(suffix):
                yield from (words_of(value, unit, run.lang, form) for form in (None, Form(1), Form(3)))
        if name in ("target", "low", "high"):
            words = words_of(value, "margin", run.lang)
            yield from (words, words.lstrip("+"))


def numbers_that_follow(run):
    """What sentences say that is a difference or a share of numbers of result.json."""
    for row in run.result["siting"]:
        unit, factor = (
            OBJECTIVE_UNITS[row["objective_name"]],
            1000.0 if row["objective_name"] == "highway" else 1.0,
        )
        total = row["total"] or 1.0
        amounts = [
            row["total"],
            row["objective"],
            row["total"] - row["objective"],
        ]
        for state in row["backup"]:
            amounts += [state["covered"] - state["left_worst"]]
            yield from (
                words_of(state[k] / total, "share", run.lang) for k in ("covered", "left_worst", "twice")
            )
        yield from (words_of(value / factor, unit, run.lang) for value in amounts)
        yield from (words_of(row[k] / total, "share", run.lang) for k in ("objective", "bound", "existing"))
        worst = min(
            (value for value in (a["objective"] for a in row["alternatives"])), default=row["objective"]
        )
        yield words_of((row["objective"] - worst) / factor, unit, run.lang)
    for siting in run.plan.siting:
        if siting.objective_name == "highway":  # stretches of a route that stay uncovered, in one row
            left = siting.demand[siting.demand["covered"] == "never"]
            never = left["id"].isin(set(siting.unreachable["id"]))
            yield from (
                words_of(m / 1000.0, "km", run.lang) for m in left.groupby(["name", never])["weight"].sum()
            )
    for found in (*run.result["measures"], *run.result["findings"]):
        yield words_of(sum(found["counts"].values()), "people", run.lang)
        yield from (words_of(n, "people", run.lang) for n in found["counts"].values())
    lanes = {}
    rule = next(r.id for r in run.plan.policy.rules if isinstance(r, RouteSpacing))
    for phase, gaps in (("before", run.result["gaps"]), ("after", run.result["after"]["gaps"])):
        for gap in gaps:
            if gap["rule"] == rule and gap["from_site"] and gap["to_site"]:
                lanes.setdefault((phase, gap["ref"], gap["section"], gap["direction"]), []).append(
                    gap["length_km"]
                )
    yield from (words_of(sum(lane) / len(lane), "km", run.lang) for lane in lanes.values())
    for route in run.plan.routes:
        yield from (words_of(section.length_m / 1000.0, "km", run.lang) for section in route.sections)
    yield from (
        words_of(km, "km", run.lang, Form(2, fixed=True))
        for km in in_kilometres(run.plan.after.access)["distance_km"]
    )
    yield from (
        words_of(float(row["within_km"]), "km", run.lang, Form(1)) for row in run.layers.get("reach", ())
    )
    factors = (run.result["retrofit"] or {}).get("factors", {})
    if factors:
        yield f"{factors['avoided_kg_per_kwh'] or 0.0:.3f}kg"


def quoted(run) -> str:
    """Texts that hold numbers of their own: the catalogue's, the policy's with its settings, doubts about the roads."""
    said = [row["effect"] for row in run.result["quality"]]
    said += [entry[run.lang] for entry in catalogue().values()]
    said += [v for _, v in leaves(run.plan.policy.model_dump(mode="json")) if isinstance(v, str)]
    said += [line for rule in run.plan.policy.rules for line in assumption_lines(rule, run.lang)]
    return "\n".join(said)


def strings_of_charts(tree):
    """Texts and titles of a strip chart's tree of shapes."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, list):
        yield tree[1].get("aria-label", "")
        for inner in tree[2:]:
            yield from strings_of_charts(inner)


def prose(run):
    """(where, line) of what people read as sentences, panels, charts and cells of paper tables."""
    yield from (("report", line) for line in run.report)
    main = next(b for b in run.blocks if isinstance(b, dict) and "layers" in b)
    for key in ("findings", "cards"):
        yield from ((key, v) for _, v in leaves(main[key]) if isinstance(v, str))
    for name, tree in main["strips"].items():
        yield from (
            (f"strip {name}", line) for words in strings_of_charts(tree) for line in words.split("\n")
        )
    yield from (("legend", c["label"]) for spec in main["layers"] for c in spec["categories"])
    yield from (("title", spec["title"]) for spec in main["layers"])
    yield from (("terminal", cell) for row in published(run.plan, run.lang).summary for cell in row)


def test_every_number_in_words_is_one_that_is_known(run):
    """Report, panel, cards, strip charts, legends and terminal: each number with a unit is one of result.json."""
    known = {*numbers_of_sheets(run), *numbers_of_result(run), *numbers_that_follow(run)}
    known |= {value + unit for value, unit in NUMBER.findall(quoted(run))}
    # "3.2 km south of …" is part of the name of a place on a road, and of where the layers say that a gap ends.
    named = [*run.plan.waymarks.named, *(str(r.get("stretch")) for rows in run.layers.values() for r in rows)]
    closed = [
        row
        for action in (run.result["plan"] or {"actions": []})["actions"]
        for row in action["closed_lengths"]
        if "to_km" in row
    ]
    named += [
        name for row in closed for name in ends_by_name(row, ("from_km", "to_km"), run.plan.reader(run.lang))
    ]
    known |= {value + unit for value, unit in NUMBER.findall(" ".join(named))}
    strange = Counter(
        (where, value + unit, line[:90])
        for where, line in prose(run)
        for value, unit in NUMBER.findall(MEASURED.sub("", line))
        if value + unit not in known
    )
    assert not strange, "\n".join(map(str, strange.most_common(60)))


def kilometres_by_road(value, ref=""):
    """(route, kilometre) of the ends of gaps and stretches, of sites and of candidates in a result."""
    if isinstance(value, dict):
        ref = value.get("ref") or ref
        for key, inner in value.items():
            if isinstance(inner, float) and key.endswith(("from_km", "to_km", "chainage_km")):
                yield ref, inner
            yield from kilometres_by_road(inner, ref)
    elif isinstance(value, list):
        for inner in value:
            yield from kilometres_by_road(inner, ref)


def test_official_marks_stand_only_where_posts_were_given(run):
    """``K68.8`` on the road with a post and nowhere else; kilometres that are measured are called so, and are known."""
    known = {True: set(), False: set()}
    found = run.plan.step_gaps
    steps = [] if found is None else in_kilometres(found.gaps.drop(columns="geometry")).to_dict("records")
    for ref, km_ in (*kilometres_by_road(run.result), *kilometres_by_road(steps)):
        if pd.isna(km_):
            continue
        number = shown(km_, Column("x", "float", "km"), run.lang).replace(",", "")
        known[is_posted(run.lang, ref)].add(number)
    for km_, ref, *_ in run.plan.waymarks.named.values():
        number = shown(km_, Column("x", "float", "km"), run.lang).replace(",", "")
        known[is_posted(run.lang, ref)].add(number)
    effects = [str(row["effect"]) for row in run.result["quality"]]
    known[False] |= {number for line in effects for ends in MEASURED.findall(line) for number in ends}
    least = 2900 / (1.609344 if run.lang.lengths == "mi" else 1)
    posts = sum(ref == "G240" for ref, _ in kilometres_by_road(run.result))
    lines = [*prose(run), *(("layers", text) for text in layer_texts(run))]
    towns = {str(v) for v in run.plan.background.get("towns", {}).get("name", ())} | {
        str(v) for v in run.plan.inputs.demand["name"].dropna()
    }
    found, strange = Counter(), Counter()
    for where, line in lines:
        for posted, numbers in ((True, POST.findall(line)), (False, sum(MEASURED.findall(line), ()))):
            found[posted] += len(numbers)
            town = where.startswith("strip") and line.split(" · ")[0] in towns
            for number in filter(None, numbers):
                wrong = (float(number) > least) != posted or not (number in known[posted] or town)
                strange[where, number, line[:80]] += wrong
    assert not +strange, "\n".join(map(str, (+strange).most_common(60)))
    assert found[False]
    assert bool(found[True]) == bool(posts)


def layer_texts(run):
    """Cells of layers that hold text."""
    return (v for rows in run.layers.values() for row in rows for v in row.values() if isinstance(v, str))


@pytest.mark.parametrize(("run", "lang"), [("andorra", "en"), ("andorra", "zh")], indirect=["run"])
@pytest.mark.extra_data
def test_a_run_in_miles_says_nothing_in_kilometres(run, lang, tmp_path):
    """Nor in the other language, and no line on China's approval of maps; names of columns keep their units."""
    write_run(run.plan, tmp_path / "run", overwrite=False, lang=lang, progress=lambda key, share: None)
    lines = [(where, line) for where, line in shown_texts(tmp_path / "run") if not where.endswith("unit")]
    lines += [("terminal", cell) for row in published(run.plan, lang).summary for cell in row]
    kilometres = re.compile(r"(?<![_a-z\[\]])km(?![_a-z0-9])|[kK]ilomet|公里|千米|(?<!\w)K-?\d+\.\d")
    strange = [(where, line) for where, line in lines if kilometres.search(line)]
    other = re.compile("[\u4e00-\u9fff]" if lang == "en" else "(?!)")
    strange += [(where, line) for where, line in lines if other.search(line) or "审图" in line]
    assert not strange, strange[:20]
    with closing(sqlite3.connect(tmp_path / "run" / "layers.gpkg")) as db:
        styles = " ".join(qml for (qml,) in db.execute("SELECT styleQML FROM layer_styles"))
    labels = re.findall(r'<category [^>]*label="([^"]*)"', styles)
    assert labels
    assert not [label for label in labels if kilometres.search(label)]
    legal = [line for where, line in lines if re.search(r"(?<![\d.])50 (mi|英里)(?![a-z])", line)]
    assert len(legal) > 5


def test_the_sheet_of_gaps_opens_with_the_longest_gap_of_the_finding(run):
    """The first row is the gap that panel and report call the longest; its length stands in one direction's column."""
    rule = next(r for r in run.plan.policy.rules if isinstance(r, RouteSpacing))
    rows = next(found for sheet, found in sheet_values(run) if sheet.name == f"gaps:{rule.id}")
    finding = run.plan.before[rule.id]
    if len(rows) and finding.figures.get("gap_max_m") is not None:
        assert rows[0]["rule_title"].value == rule.title[run.lang]
        own = shown(km(finding.figures["gap_max_m"]), COLUMNS["own_km"], run.lang)
        lengths = [rows[0][f"own_km:{direction}"] for direction in ("forward", "backward")]
        assert [as_excel_shows(cell) for cell in lengths if isinstance(cell.value, (int, float))] == [own]


def lengths_in_km(value, where=""):
    """Where in a value a column of a frame or a key of a mapping is in kilometres; settings are not looked at."""
    if isinstance(value, Inputs):  # tables as their owners write them: kilometre posts, say
        return
    if isinstance(value, pd.DataFrame):
        names = [n for n in map(str, value.columns) if re.search(r"_km(_|$)", n)]
        yield from (f"{where}[{name}]" for name in names)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(name, str) and re.search(r"_km(_|$)", name):
                yield f"{where}[{name}]"
            yield from lengths_in_km(inner, f"{where}[{name}]")
    elif isinstance(value, (tuple, list)):
        for i, inner in enumerate(value):
            yield from lengths_in_km(inner, f"{where}[{i}]")
    elif is_dataclass(value):
        for field in fields(value):
            yield from lengths_in_km(getattr(value, field.name), f"{where}.{field.name}")


def test_a_plan_holds_metres(sample):
    """No frame and no figure of a plan is in kilometres: ``shown`` and the files make them."""
    assert not list(lengths_in_km(sample)), "kilometres before they are shown"
    assert list(
        lengths_in_km({"a": (pd.DataFrame({"length_km": [1.0]}),)})
    )  # the search finds what it looks for


FRACTION = re.compile(r"([\d,.]+)(?:/| (?:km|mi)[^÷\d]*÷\D*)([\d,.]+)")


def test_a_reader_redoes_every_share_from_the_parts_beside_it(run):
    """Numerator and denominator in result.json, on the findings sheet and in the report's sentence give the value."""
    sheet = next(rows for sheet, rows in sheet_values(run) if sheet.name == "findings")
    cells = {row["rule"].value: row for row in sheet}
    shares = [f for f in (*run.result["findings"], *run.result["measures"]) if f["low_part"] is not None]
    assert any(f["kind"] == "route_spacing" for f in shares) or run.plan.policy.id != "zhuzhou-2025"
    assert len(shares) > 1 or run.plan.policy.id != "zhuzhou-2025"
    for row in shares:
        fleet = run.plan.before[row["rule"]].figures.get("registered_ev_share") or 0.0
        # The sentence stands under the rule's heading, which has a number.
        named = [i for i, line in enumerate(run.report) if line.endswith(row["title"])]
        lines = [line for i in named for line in run.report[i : i + 4]]
        told = [(float(a), float(b)) for line in lines for a, b in FRACTION.findall(line.replace(",", ""))]
        for end in ("low", "high"):
            share = row[f"{end}_part"] / row[f"{end}_whole"]
            metre = (
                1e-3 / row[f"{end}_whole"] if row["part_unit"] == "km" else 0.0
            )  # lengths are whole metres
            assert share - fleet == pytest.approx(row[end], rel=1e-6, abs=1e-6 + metre)
            pair = [cells[row["rule"]][f"{end}_{part}"].value for part in ("part", "whole")]
            average = (row["part_unit"], row["whole_unit"]) == ("km", "")
            share /= 1.609344 if average and run.lang.lengths == "mi" else 1.0
            assert pair[0] / pair[1] == pytest.approx(share, rel=1e-6, abs=1e-6)
            assert any(a / b == pytest.approx(share, rel=2e-3) for a, b in told), (row["title"], end, lines)


def pixels_on_screen(cell, bold) -> float:
    """Width of a number or date as a spreadsheet draws it at 96 pixels an inch; Chinese characters are square."""
    if isinstance(cell.value, dt.date):
        year, month, day = cell.value.timetuple()[:3]
        words = (
            f"{year}年{month}月{day}日" if "年" in cell.number_format else f"{day} {MONTHS[month - 1]} {year}"
        )
    else:
        words = as_excel_shows(cell)
    square = len(re.findall("[\u2e80-\uffee]", words))
    size = cell.font.size * 96 / 72
    return square * size + bold.getlength(re.sub("[\u2e80-\uffee]", "", words)) / 100 * size


MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def test_no_number_or_date_is_wider_than_its_column(run):
    """Nowhere ``###``: measured in bold DejaVu Sans, wider than the fonts that are asked for, an indent included."""
    bold = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans-Bold.ttf"), 100)
    narrow, measured = set(), 0
    for title, rows in run.cells.items():
        columns = {at: held.width for held in rows[0][0].parent.column_dimensions.values()
                   for at in range(held.min, held.max + 1)}  # fmt: skip
        for cell in (cell for row in rows for cell in row if isinstance(cell.value, (int, float, dt.date))):
            room = int(columns[cell.column] * 7) - 5 - 13 * int(cell.alignment.indent)
            measured += 1
            if pixels_on_screen(cell, bold) > room:
                narrow.add((title, cell.column_letter, cell.value, cell.number_format, room))
    assert measured > 100
    assert not narrow, sorted(narrow, key=str)[:20]


# -- ids -------------------------------------------------------------------------------------------------

ROW_IDS = ("gap_id", "site_id", "action_id")
OTHER_IDS = ("calls", "merges", "rows", "uncovered", "survey")
"""Sheets in which ``id`` names something else: a call, a row of an input, demand, or a site as well."""
PLAIN_LAYERS = """
    counties waterways reach roads expressways towns demand issues findings route_figures unserved_stretches
    demand_people demand_highway demand_aims reach_people reach_highway reach_aims served_people served_highway
"""
"""Layers and tables whose rows are no gaps, sites or actions."""


def known_ids(run) -> dict[str, set]:
    """Ids of all gaps that are drawn, of all places of the inputs and what is built there, of all that may be done."""
    plan, layers = run.plan, run.layers
    drawn = [rows for name, rows in layers.items() if name.startswith(("routes", "stretches"))]
    inputs = plan.inputs
    tables = (inputs.sites, inputs.chargers, inputs.facilities, inputs.berths, inputs.car_parks)
    sites = {str(i) for table in tables for i in table["id"].dropna()}
    actions = [siting.candidates for siting in plan.siting]
    actions += [plan.candidates] if plan.candidates is not None else []
    actions += [plan.programme.actions] if plan.programme is not None else []
    actions += [found.sites for found in plan.compliance]
    may_be = {str(i) for table in actions for i in table["id"]}
    built = {f"proposed-{i}" for i in may_be}
    gaps = {row["gap_id"] for rows in drawn for row in rows}
    return {"gap_id": gaps, "site_id": sites | built, "action_id": may_be | {"not_applicable"}}


def id_paths(value, path=""):
    """(path, key, id) of every id in ``result.json``; the path without numbers."""
    if isinstance(value, dict):
        for key, held in value.items():
            if key == "id" or key in ROW_IDS:
                yield path, key, held
            yield from id_paths(held, f"{path}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from id_paths(each, path)


def test_rows_of_result_json_bear_ids_that_join(run):
    """Gaps, sites and actions have their ids, which stand in the layers and inputs; none of them is called id."""
    known, found = known_ids(run), list(id_paths(run.result))
    others = (".project.", ".plan.proof.", ".merges", ".siting.unreachable", ".siting.proposed.demand")
    calls = {f["rule"] for f in run.result["measures"] + run.result["findings"] if f["kind"] == "call_share"}
    wrong = {path for path, key, _ in found if key == "id" and not path.startswith(others)}
    assert wrong <= (
        {f"{part}.{kind}.evidence" for part in ("", ".after") for kind in ("findings", "measures")}
        if calls
        else set()
    )
    for key in ROW_IDS:
        strange = {(path, i) for path, k, i in found if k == key and i not in known[key]}
        assert not strange, sorted(strange)[:5]
    for gaps in (run.result["gaps"], run.result["after"]["gaps"]):
        ids = [row["gap_id"] for row in gaps]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*-[0-9A-HJKMNP-TV-Z]{5}(-\d+)?", i) for i in ids)
        assert {row["mark_kind"] for row in gaps} <= {"posted", "measured"}
    plan = run.result["plan"]
    if plan is not None:
        assert {row["gap_id"] for row in plan["shared_gaps"]} <= {
            g["gap_id"] for g in run.result["after"]["gaps"]
        }
        steps = {row["gap_id"] for row in plan["step_gaps"]}
        drawn = {row["gap_id"] for row in run.layers.get("routes_by_step_after", ())}
        states = (run.result["gaps"], run.result["after"]["gaps"])
        assert drawn - {row["gap_id"] for gaps in states for row in gaps} <= steps <= drawn
        roads = [
            part
            for row in plan["actions"]
            for part in row["closes"]
            if "from_m" in part and "direction" in part
        ]
        assert all(part["gap_id"] in {g["gap_id"] for g in run.result["gaps"]} for part in roads)


def test_rows_of_layers_and_sheets_bear_ids_that_join(run):
    """Each layer, table and sheet of gaps, sites or actions; a layer without ids is one whose rows are none of them."""
    known = known_ids(run)
    for name, rows in run.layers.items():
        if not rows or name.startswith("input_"):
            continue
        held = [key for key in ROW_IDS if key in rows[0]]
        assert (
            held or re.sub("_(before|after|[0-9]+)$", "", name) in PLAIN_LAYERS.split() or "demand" in name
        ), name
        for key in held:
            ids = {row[key] for row in rows} - {"not_applicable"}
            assert ids <= known[key], (name, key, sorted(map(str, ids - known[key]))[:5])
    for sheet in book_sheets(plan_tables(run.plan, run.lang), run.lang):
        names = {head.name for head in sheet.heads}
        assert "id" not in names or sheet.family in OTHER_IDS, sheet.name
        for key in names & set(ROW_IDS):
            # Rules with the same gaps share a sheet: a cell has the id that each of them gives to it.
            ids = {id_ for cell in sheet.frame[key].dropna() for id_ in str(cell).split()}
            assert ids <= known[key], (sheet.name, key)
    gaps = [
        s
        for s in book_sheets(plan_tables(run.plan, run.lang), run.lang)
        if s.family in ("gaps", "gaps-after")
    ]
    assert all("gap_id" in {head.name for head in sheet.heads} for sheet in gaps)


def test_tables_of_the_report_end_with_the_ids_of_their_rows(run):
    """Every table on paper whose rows are gaps, sites or actions, or routes by their longest gap."""
    known, tables = known_ids(run), plan_tables(run.plan, run.lang)
    wanted = [
        t for t in tables.values() if t.row_id in ROW_IDS and len(t.frame) and t.frame[t.row_id].notna().any()
    ]
    families = {t.family for t in wanted}
    assert families >= {"evidence"}
    assert run.result["plan"] is None or families >= {"plan-actions", "plan-survey"}
    labels = {}
    for table in wanted:
        heads = {head.name: head.label for head in (*table.heads, *table.paper)}
        labels[heads[table.row_id]] = table.row_id
    found = Counter()
    for table in docx.Document(str(run.folder / "report.docx")).tables:
        key = labels.get(table.rows[0].cells[-1].text)
        if key:
            ids = {row.cells[-1].text for row in table.rows[1:]}
            assert ids - {text("value.none", run.lang), "–"} <= known[key], (key, sorted(ids)[:5])
            found[key] += 1
    assert {t.row_id for t in wanted if t.family in ("evidence", "plan-actions")} <= set(found)
