"""The plan to adopt on map, layers, workbook, terminal and in result.json: one run, read back."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import docx
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
from plugspan.pipeline import make_plan
from plugspan.project import PlanSettings, SitingSettings, read_project
from plugspan.render.run import write_run
from plugspan.render.webmap import MapPage, write_map
from plugspan.render.webmap.payload import layer_payload
from plugspan.siting.step_gaps import _each_once
from plugspan.study import sample_project, silent
from plugspan.tables import numbers
from plugspan.tables.layer import PIECES
from plugspan.tables.layers import plan_layers
from plugspan.tables.plan_panel import _pieces, plan_panel, step_days, stepped_layers
from plugspan.tables.programme import closes_words, responsible, step_rows
from plugspan.tables.publication import Publication
from run_surfaces import report_lines


@pytest.fixture(scope="module")
def plan():
    with sample_project() as path:
        project = read_project(path)
        settings = {"plan": PlanSettings(years={2026: 900, 2027: 1000}), "siting": SitingSettings()}
        return make_plan(project.model_copy(update=settings))


@pytest.fixture(scope="module")
def folder(plan, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    write_run(plan, out, overwrite=False, lang="en", progress=silent)
    return out


def test_stretches_by_day_are_the_states_of_the_plan(plan, folder):
    """On every day the stretches after the steps done by then, each once: today first, the plan on the last day."""
    read = lambda name: pyogrio.read_dataframe(folder / "layers.gpkg", layer=name)  # noqa: E731
    days, rows, gaps = step_days(plan), read("routes_by_step_after"), plan.step_gaps.gaps
    starts = sorted({*days[:-1]})
    assert (starts[0].isoformat(), days[-1].isoformat()) == ("2026-01-01", "2028-01-01")
    assert len(starts) == len(plan.programme.steps)
    frame = np.gcd.reduce([(day - starts[0]).days for day in starts])
    assert frame == min((b - a).days for a, b in itertools.pairwise(starts)) > 1
    key = ["ref", "section", "direction", "gap_id"]
    for step, day in enumerate(days[:-1]):
        for at in (day, days[step + 1] - dt.timedelta(days=1)):
            shown = rows[(rows["valid_from"].dt.date <= at) & (rows["valid_to"].dt.date >= at)]
            held = gaps[(gaps["from_step"] <= step) & (gaps["to_step"] >= step) & gaps.geometry.notna()]
            assert sorted(map(tuple, shown[key].to_numpy())) == sorted(map(tuple, held[key].to_numpy()))
    ends = {"routes_before": starts[0], "routes_after": days[-1] - dt.timedelta(days=1)}
    for name, at in ends.items():
        shown = rows[(rows["valid_from"].dt.date <= at) & (rows["valid_to"].dt.date >= at)]
        assert set(shown["gap_id"]) == set(read(name)["gap_id"])
        assert len(shown) == len(read(name))
    actions = read("plan_actions_after").set_index("action_id")["valid_from"].dt.date
    order = dict(zip(plan.programme.steps["action"], days, strict=False))
    assert all(actions[name] == order[name] for name in actions.index)


def test_relations_of_the_qgis_project_join_rows(folder):
    """Each names columns that are there and finds rows; among them every kind of id."""
    with closing(sqlite3.connect(folder / "layers.gpkg")) as database:
        [(content,)] = database.execute("SELECT content FROM qgis_projects")
        with zipfile.ZipFile(BytesIO(bytes.fromhex(content))) as archive:
            root = ElementTree.fromstring(archive.read("plugspan.qgs"))
        links, names = set(), []
        for relation in root.find("relations"):
            pair = relation.find("fieldRef").attrib
            parent, child = (
                relation.get(f"referenc{end}Layer").removeprefix("plugspan_") for end in ("ed", "ing")
            )
            rows = database.execute(
                f"SELECT count(*) FROM {parent} JOIN {child} "
                f"ON {parent}.{pair['referencedField']} = {child}.{pair['referencingField']}"
            ).fetchone()
            assert rows[0], relation.get("name")
            links.add((parent, child, pair["referencingField"]))
            names.append(relation.get("name"))
    assert len(set(names)) == len(names)
    assert links >= {
        ("charging_sites", "routes_before", "from_site"), ("charging_sites", "routes_after", "to_site"),
        ("service_areas", "rule_roadside_pv", "site_id"), ("hubs", "rule_roadside_pv", "site_id"),
        ("charging_sites", "not_served", "site_id"), ("candidates", "plan_others_after", "action_id"),
        ("plan_others_after", "gap_evidence", "action_id"), ("findings", "routes_before", "rule"),
        ("route_figures", "access", "ref"), ("routes_before", "gap_evidence", "gap_id"),
    }  # fmt: skip


def test_every_surface_tells_the_same_plan(plan, folder):
    """Actions, order, year and money agree in result.json, the layer and the sheet for finance."""
    part = json.loads((folder / "result.json").read_text("utf-8"))["plan"]
    assert part["verified"]
    assert [a["order"] for a in part["actions"]] == list(range(1, len(part["actions"]) + 1))
    layer = pyogrio.read_dataframe(folder / "layers.gpkg", layer="plan_actions_after")
    placed = [a for a in part["actions"] if a["lon"] is not None]
    assert layer["action_id"].tolist() == [a["action_id"] for a in placed]
    assert layer["money"].tolist() == pytest.approx([a["cost"] for a in placed])
    book = openpyxl.load_workbook(folder / "tables.xlsx", read_only=True)
    rows = list(book["Plan actions"].iter_rows(values_only=True))
    head = next(k for k, row in enumerate(rows) if "Build order" in row)
    money = rows[head].index(next(h for h in rows[head] if h and h.startswith("Cost")))
    sheet = [
        row for row in rows[head + 1 :] if isinstance(row[rows[head].index("Build order")], (int, float))
    ]
    assert [row[money] for row in sheet] == pytest.approx([a["cost"] for a in part["actions"]], abs=0.01)
    assert sum(a["cost"] for a in part["actions"]) == pytest.approx(part["cost"]["high"])
    assert part["stages"][-1]["spent"] == pytest.approx(part["cost"]["high"])


def test_ids_of_the_tables_lead_to_layers(plan, folder):
    """What was left out, closed, surveyed and chosen from: no id of result.json or of a table is in no layer."""
    part = json.loads((folder / "result.json").read_text("utf-8"))["plan"]

    def read(name):
        return pyogrio.read_dataframe(folder / "layers.gpkg", layer=name)

    actions, others = read("plan_actions_after"), read("plan_others_after")
    told = {row["action_id"] for key in ("others", "excluded") for row in part[key]}
    placed = plan.programme.actions.loc[plan.programme.actions.geometry.notna(), "id"]
    assert set(others["action_id"]) == (told & set(placed)) - {
        a for a in told if a.startswith(("survey", "opening"))
    }
    built = actions.loc[actions["action_kind"] == "new_site", "action_id"]
    assert set(built) <= set(read("candidates")["action_id"])
    closes = read("plan_closes")
    assert set(closes["action_id"]) <= {a["action_id"] for a in part["actions"]}
    keys = ["rule", "site_id", "gap_id"]
    told = {
        (a["action_id"], *(i.get(k, "not_applicable") for k in keys))
        for a in part["actions"]
        for i in a["closes"]
    }
    assert set(closes[["action_id", *keys]].itertuples(index=False, name=None)) == told
    assert not closes.duplicated(["action_id", *keys, "ref"]).any()
    gaps = {gap for name in ("routes_before", "stretches_before") for gap in read(name)["gap_id"]}
    assert set(closes["gap_id"]) - gaps == {"not_applicable"}
    lengths = closes.groupby("action_id")["length_km"].sum()
    for action in part["actions"]:
        km = sum(item["weight"] for item in action["closes"] if "from_m" in item) / 1000
        assert lengths.get(action["action_id"], 0.0) == pytest.approx(km)
    survey = read("plan_survey")
    assert survey["action_id"].tolist() == [row["action_id"] for row in part["survey"]]
    assert survey["site_id"].tolist() == [row["target"] for row in part["survey"]]
    evidence = read("gap_evidence")
    for phase in ("before", "after"):
        own = evidence[(evidence["phase"] == phase) & (evidence["evidence_kind"] == "from_site")]
        ends = read(f"routes_{phase}")
        ends = ends[ends["from_site"].notna() & (ends["from_site"] != "not_applicable")]
        assert set(ends["gap_id"]) <= set(own["gap_id"])
    assert set(read("access")["phase"]) == set(read("route_figures")["phase"]) == {"before", "after"}
    by_span = read("least_sites_by_span")
    assert by_span["span_km"].nunique() == len(
        {found.span_km for found in plan.compliance if len(found.sites)}
    )


@pytest.fixture(scope="module")
def tables(folder):
    """Tables of the report as rows of texts."""
    document = docx.Document(str(folder / "report.docx"))
    return [[[cell.text for cell in row.cells] for row in table.rows] for table in document.tables]


def test_the_report_opens_with_the_plan_on_one_page(plan, folder, tables):
    """Before any heading: numbered sentences, the rules today and then, money by year with who is responsible."""
    part = json.loads((folder / "result.json").read_text("utf-8"))["plan"]
    head, *rows = tables[0]
    assert head == ["Rule", "Target", "Due", "Today", "End of 2027"]
    assert {row[0] for row in rows} == {
        plan.before[rule.rule].rule.title["en"] for rule in plan.programme.rules
    }
    head, *rows = tables[1]
    assert head == ["Action", "No.", "2026", "2027", "Total (×10,000 yuan)", "Responsible body"]
    *kinds, total = ([float(cell.replace(",", "")) for cell in row[1:5]] for row in rows)
    assert np.sum(kinds, axis=0) == pytest.approx(total)
    spent = [stage["spent"] for stage in part["stages"]]
    assert total == pytest.approx([len(part["actions"]), spent[0], spent[1] - spent[0], spent[1]], abs=0.05)
    operators = plan.inputs.sites.set_index("id")["operator"].dropna()
    named = {operators.get(target) for target in plan.programme.chosen["target"]} - {None}
    assert any(row[5].startswith(tuple(named)) for row in rows)
    assert rows[0][5] == "to be named"  # new sites have nobody yet
    lines = report_lines(folder)
    first = next(k for k, line in enumerate(lines) if line.startswith("1. "))
    least = f"{part['cost']['least']:,.10g} ×10,000 yuan"
    assert least in lines[first]
    assert lines[first + 1].startswith("2. Today ")
    today, then = (
        sum(plan.before[r.rule].status == "met" for r in plan.programme.rules),
        part["steps"][-1]["rules"],
    )
    late = sum(rule["status"] == "met" for rule in then.values()) - today  # all were due at the end of 2025
    assert f"of which {late} after the date that the policy sets" in lines[first + 1]
    assert lines[first + 2].startswith("3. ")
    unnamed = sum(not row for row in responsible(plan, "en"))
    assert lines[first + 3].startswith(
        f"4. {unnamed} of the {len(part['actions'])} actions have no responsible body"
    )
    assert next(k for k, line in enumerate(lines) if "Contents" in line) > first + 2


def test_the_chapter_lists_every_action_with_what_it_closes(plan, folder, tables):
    """Order, year, place, cost, certainty and id of each action as in result.json; greedy stands beside proven."""
    part = json.loads((folder / "result.json").read_text("utf-8"))["plan"]
    head, *rows = next(t for t in tables if t[0][:2] == ["Build order", "Year"])
    assert head[4] == "Cost (×10,000 yuan)"
    assert len(rows) == len(part["actions"])
    for row, action in zip(rows, part["actions"], strict=True):
        assert row[:2] == [str(action["order"]), str(action["year"])]
        assert row[2].startswith(action["name"])
        assert float(row[4].replace(",", "")) == pytest.approx(action["cost"], abs=0.005)
        assert row[head.index("In both plans")] == ("yes" if action["certain"] else "depends on survey")
        assert row[-1] == action["action_id"]
    (methods,) = [t for t in tables if t[0][0] == "Method"]
    shown = [float(row[1].split()[0].replace(",", "")) for row in methods[1:]]
    assert shown == pytest.approx([part["cost"]["greedy"], part["cost"]["least"]], abs=0.005)
    closed = [row[3] for row, action in zip(rows, part["actions"], strict=True)
              if any("to_m" in item for item in action["closes"])]  # fmt: skip
    assert closed
    assert all("measured km " in words for words in closed)


def test_a_length_on_both_directions_is_told_once(plan):
    """Two directions of one stretch are one length between its marks; several stretches are their sum."""
    rule = plan.step_gaps.rule
    item = {"rule": rule, "ref": "G1", "from_m": 9_000.0, "to_m": 49_000.0, "weight": 40_000.0}
    both = [{**item, "direction": "forward"}, {**item, "direction": "backward", "weight": 39_000.0}]
    assert closes_words(plan, both, "en").endswith("G1 measured km 9.0–49.0 (40.0 km)")
    more = [*both, {**both[0], "from_m": 60_000.0, "to_m": 61_000.0, "weight": 1_000.0}]
    assert closes_words(plan, more, "en").endswith("41.0 km on G1")
    assert closes_words(plan, [], "en", people=1200.0) == "1,200 people come within reach"


def test_the_terminal_tells_actions_money_and_years(plan):
    """One line for the plan, one for each year; the last year meets every rule."""
    lines = [" ".join(cell.strip() for cell in row) for row in Publication(plan, "en").summary]
    assert any(line.startswith(f"plan: {len(plan.programme.chosen)} actions") for line in lines)
    assert any(line.startswith("2027") and "6/6" in line for line in lines)


def test_the_last_step_is_the_state_after(folder):
    """What the last step claims of each rule is what the assessment after the plan says."""
    result = json.loads((folder / "result.json").read_text("utf-8"))
    last = result["plan"]["steps"][-1]["rules"]
    for finding in result["after"]["findings"]:
        if finding["rule"] in last:
            assert last[finding["rule"]]["low"] == pytest.approx(finding["low"])
            assert last[finding["rule"]]["status"] == finding["status"]
    assert "plan_actions" in (folder / "map.html").read_text("utf-8")


# -- the map ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(browser, folder):
    """The map in a browser, with the errors it wrote and the requests it made."""
    opened = browser.new_page(viewport={"width": 1366, "height": 768})
    opened.heard = []
    opened.on("pageerror", lambda error: opened.heard.append(str(error)))
    opened.on("console", lambda line: opened.heard.append(line.text) if line.type == "error" else None)
    opened.on("request", lambda asked: opened.heard.append(asked.url) if "file:" not in asked.url else None)
    opened.goto((folder / "map.html").as_uri())
    opened.wait_for_selector("body[data-ready=yes]")
    yield opened
    opened.close()


DRAWN = """(name) => {
  const layer = plugspan.view.layers.filter((l) => l.spec.name === name && l.spec.phase === "after").pop();
  return layer.spec.cat.filter((k, i) => layer.items[i] && layer.parts[k].hasLayer(layer.items[i]))
    .map((k) => layer.spec.categories[k].label);
}"""


def test_the_slider_shows_what_the_assessment_found_after_each_step(plan, folder, page):
    """Today, in the middle and at the end: gaps drawn, pins, every rule's value and status, the money."""
    part = json.loads((folder / "result.json").read_text("utf-8"))["plan"]
    gaps = plan.step_gaps.gaps
    for step in (0, 7, len(part["steps"]) - 1):
        page.locator("#step").evaluate(
            "(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", step
        )
        row = part["steps"][step]
        there = gaps[(gaps["from_step"] <= step) & (step <= gaps["to_step"])]
        drawn = page.evaluate(DRAWN, "routes")
        assert len(drawn) == len(there)
        assert sum("over 40" in label for label in drawn) == (there["spacing_class"] == "gap").sum()
        assert len(page.evaluate(DRAWN, "plan_actions")) == sum(
            a["order"] <= row["order"] and a["lon"] is not None for a in part["actions"]
        )
        lines = page.locator("#step-rules tr").all_inner_texts()
        for line, (rule, found) in zip(lines, row["rules"].items(), strict=True):
            assert plan.before[rule].rule.title["en"] in line
            assert {"met": "met", "not met": "not met", "undecided": "undecided"}[found["status"]] in line
        assert f"{row['longest_gap_km']:.1f} km" in page.locator("#step-rules").inner_text()
        assert f"{row['spent']:,.10g} ×10,000 yuan" in page.locator("#step-label").inner_text()
        legend = page.locator("#tree .category").all_inner_texts()
        assert any("gap: over 40" in line for line in legend) == (row["gaps_over"] > 0)
    assert page.heard == []


def test_a_click_on_an_action_goes_there_and_says_what_it_closes(folder, page):
    """From an earlier step, too: the map zooms in, the popup has name, cost and what is closed."""
    part = json.loads((folder / "result.json").read_text("utf-8"))["plan"]
    page.evaluate("plugspan.setStep(0)")
    action = next(a for a in part["actions"][8:] if a["lon"] is not None and a["closes"])
    page.locator("#action-list button").nth(action["order"] - 1).click()
    page.wait_for_selector(".popup h2")
    assert page.locator(".popup h2").inner_text() == action["name"]
    words = page.locator(".popup table").inner_text()
    assert f"{action['cost']:,.10g} ×10,000 yuan" in words
    assert page.evaluate("plugspan.view.step") >= action["order"]
    at = page.evaluate("[plugspan.map.getCenter().lng, plugspan.map.getCenter().lat, plugspan.map.getZoom()]")
    assert at[:2] == pytest.approx([action["lon"], action["lat"]], abs=0.08)
    assert at[2] >= 12
    assert page.locator("#action-list li.later").count() == len(part["actions"]) - action["order"]
    assert page.heard == []


def test_names_in_the_panel_are_text(browser, tmp_path):
    """Markup in a name, a rule or a sentence neither runs nor becomes an element."""
    evil = "<img src=x onerror=document.title='run'>{{7*7}}"
    step = {"order": 0, "label": evil, "sums": [[evil, evil]], "values": [evil], "statuses": ["met"]}
    action = {
        "step": 1,
        "order": 1,
        "name": evil,
        "year": evil,
        "about": evil,
        "closes": evil,
        "certain": evil,
    }
    panel = {"sentences": [evil], "rules": [[evil, evil]], "steps": [step, {**step, "order": 1}],
             "years": [[evil, 1]], "actions": [action], "lists": [[evil, [evil]]]}  # fmt: skip
    write_map(MapPage([], "T", lang="en", panel=panel), tmp_path / "map.html")
    opened = browser.new_page()
    opened.goto((tmp_path / "map.html").as_uri())
    opened.wait_for_selector("body[data-ready=yes]")
    opened.click("#toggle-plan")
    opened.click("#step-back")
    assert evil in opened.locator("#action-list").inner_text()
    assert opened.locator("#plan img").count() == 0
    assert opened.title() == "T"
    opened.close()


def test_the_panel_answers_what_is_first_and_which_berths(plan):
    """The first action with its cost, and every berth that gets shore power, without reading the whole list."""
    panel = plan_panel(plan, "en")
    first = plan.programme.chosen.iloc[0]
    assert f"First comes {first['name']}" in panel["sentences"][0]
    title, lines = panel["lists"][0]
    berths = plan.programme.chosen.query("kind == 'shore_power'")["name"].tolist()
    assert berths
    line = next(line for line in lines if line.startswith("shore power"))
    assert title.startswith("Actions by kind")
    assert line.endswith(", ".join(berths))


def test_a_gap_of_an_earlier_step_is_made_of_the_last_ones():
    """By hand: two sites split 0–100; the way back runs the other way; over a ring's start a gap keeps its line."""
    rows = [  # direction, from_km, to_km, to_step
        ("+", 0, 30, 2), ("+", 30, 60, 2), ("+", 60, 100, 2), ("-", 100, 60, 2), ("-", 60, 0, 2), ("o", 40, 90, 2),
        ("o", 90, 110, 2), ("+", 30, 100, 1), ("+", 0, 100, 0), ("-", 100, 0, 1), ("o", 60, 110, 0),
    ]  # fmt: skip
    gaps = pd.DataFrame(rows, columns=["direction", "from_km", "to_km", "to_step"]).assign(
        ref="G1", section=1
    )
    found = _pieces(gaps).tolist()
    assert found == [*[None] * 7, [1, 2], [0, 1, 2], [3, 4], None]


def test_a_plan_without_roads_has_layers(plan):
    """Where no road is of the class that the rule on spacing judges, its layer stays as it is."""
    none = replace(plan, step_gaps=replace(plan.step_gaps, gaps=_each_once([], 3)))
    layers = [
        replace(one, frame=one.frame.iloc[:0]) for one in plan_layers(plan, "en") if one.name == "routes"
    ]
    assert stepped_layers(none, layers, "en") == layers


def test_the_map_draws_earlier_gaps_from_the_last_ones(plan):
    """Joined in the page's own units they are the lines that the gaps have."""
    layers = stepped_layers(plan, plan_layers(plan, "en"), "en")
    layer = next(layer for layer in layers if PIECES in layer.frame)
    payload, _ = layer_payload(layer, "en", "x")
    told = [i for i, line in enumerate(payload["geom"]) if isinstance(line[0], int)]
    assert len(told) > 20
    assert all(payload["steps"][j][1] == payload["steps"][0][1] for i in told for j in payload["geom"][i])
    for i in told:
        lines = layer.frame.geometry.to_numpy()[payload["geom"][i]]
        whole = layer.frame.geometry.iloc[i]
        assert shapely.length(lines).sum() == pytest.approx(whole.length, rel=1e-6)
        assert shapely.distance(whole, shapely.point_on_surface(lines)).max() < 1e-9


def test_each_step_says_what_its_shares_are_made_of(plan):
    """Numerator over denominator is the value, and after the last step they are those of the assessment."""
    rules = {rule.rule: plan.after[rule.rule] for rule in plan.programme.rules}
    rows = step_rows(plan)
    tried = 0
    for row in rows:
        for name, values in row["rules"].items():
            if rules[name].unit != "share":
                continue
            for end in ("low", "high"):
                part, whole = values[f"{end}_part"], values[f"{end}_whole"]
                assert values[end] == pytest.approx(part / whole)
                tried += 1
    assert tried > len(rows)
    for name, values in rows[-1]["rules"].items():
        told = numbers.ratio_parts(rules[name], "en")
        for key in numbers.OF_PARTS:
            assert values[key] == pytest.approx(told[key]), (name, key)
