"""What changed between two runs: by name, with units and verdicts, and why; as lines, as a page and as a sheet."""

from __future__ import annotations

import copy
import json

import openpyxl
import pytest
from plugspan.cli import _run
from plugspan.render.changes import compare, table_lines


def action(name, lon, lat, *, kind="new_site", year=2026, cost=64.0):
    return {
        "action_id": f"{kind}-{name}",
        "kind": kind,
        "name": name,
        "lon": lon,
        "lat": lat,
        "year": year,
        "cost": cost,
    }


def finding(rule, low, high, status, **figures):
    unit = "km" if figures else "share"
    return {
        "rule": rule,
        "title": rule.title(),
        "unit": unit,
        "low": low,
        "high": high,
        "target": 40.0 if figures else 1.0,
        "status": status,
        "shown": status,
        "figures": figures,
    }


@pytest.fixture
def result():
    """A run of two rules and four actions."""
    actions = [
        action("A", 113.0, 27.0),
        action("B", 113.1, 27.0),
        action("C", 113.2, 27.0, year=2027),
        action("D", 113.3, 27.0, kind="shore_power"),
    ]
    today = [
        finding("berths", 0.5, 0.75, "not met"),
        finding("spacing", 50.0, 50.0, "not met", gap_max_km=82.7, own_gaps_over=3),
    ]
    steps = [{"longest_gap_km": 82.7}, {"longest_gap_km": 39.9}]
    plan = {
        "actions": actions,
        "steps": steps,
        "stages": [{"year": 2026, "spent": 192.0}, {"year": 2027, "spent": 256.0}],
        "cost": {"low": 128.0, "high": 256.0, "least": 256.0, "budget": 300.0, "unit": "万元"},
        "people": {"after": 1000.0},
    }
    project = {
        "language": "en",
        "policy": "p",
        "length_unit": "km",
        "options": {"plan": {"then": "people", "years": {"2026": 200}}},
    }
    provenance = {"inputs": [{"path": "chargers.csv", "sha256": "a" * 64}], "versions": {"plugspan": "1"}}
    return {
        "schema": 2,
        "project": project,
        "provenance": provenance,
        "findings": today,
        "measures": [],
        "routes": [],
        "siting": [],
        "plan": plan,
        "after": {"findings": copy.deepcopy(today)},
    }


@pytest.fixture
def written(result, tmp_path):
    """Two run folders: the second as a function has changed it."""

    def write(change):
        for name in ("one", "two"):
            (tmp_path / name).mkdir(exist_ok=True)
            held = copy.deepcopy(result)
            if name == "two":
                change(held)
            (tmp_path / name / "result.json").write_text(json.dumps(held), "utf-8")
        return tmp_path / "one", tmp_path / "two"

    return write


def told(found, part):
    return [(c.what, c.first, c.second, c.note) for c in found.changes if c.part == part]


def test_the_same_run_twice_agrees(written):
    """Nothing differs."""
    found = compare(*written(lambda held: None), "en")
    assert found.changes == ()
    assert table_lines(found, "en", aligned=True) == ["the two agree"]
    assert {p.run for p in found.places} == {"both"}


def test_new_moved_dropped_and_changed_actions(written):
    """B goes 5 km east, C a year later, D is dropped, E is new; A stays and is not told."""

    def change(held):
        held["plan"]["actions"] = [
            action("A", 113.0, 27.0),
            action("B2", 113.15, 27.0),
            action("C", 113.2, 27.0, year=2028),
            action("E", 114.5, 27.0),
        ]

    found = compare(*written(change), "en")
    rows = {what: (a, b, note) for what, a, b, note in told(found, "actions")}
    assert rows["B2"] == ("B", "B2", "moved by 4.96 km")  # 0.05 degrees at 27 degrees north
    assert rows["C"][2] == "another year or cost"
    assert rows["C"][:2] == ("new charging site · 2027 · 64", "new charging site · 2028 · 64")
    assert rows["D"] == ("shore power · 2026 · 64", "–", "dropped")
    assert rows["E"] == ("–", "new charging site · 2026 · 64", "new")
    assert len(rows) == 4
    assert {p.name: p.run for p in found.places} == {
        "A": "both",
        "B2": "second",
        "C": "changed",
        "E": "second",
        "B": "first",
        "D": "first",
    }
    moved = {p.name: p for p in found.places}["B2"]
    assert (moved.from_at, moved.lon) == ((113.1, 27.0), 113.15)
    assert "moved by 4.96 km" in moved.about
    assert [p.name for p in found.places if p.from_at is not None] == ["B2"]


def test_why_they_differ(written):
    """An input by its content, one that is new, settings with their meaning, a target, the program."""

    def change(held):
        held["provenance"]["inputs"] = [
            {"path": "chargers.csv", "sha256": "b" * 64},
            {"path": "new.csv", "sha256": "c" * 64},
        ]
        held["project"]["options"]["plan"] = {"then": "flow", "years": {"2026": 200}}
        held["findings"][0]["target"] = 0.9
        held["provenance"]["versions"]["plugspan"] = "2"

    rows = told(compare(*written(change), "en"), "why")
    assert ("input file chargers.csv", "aaaaaaaaaaaa…", "bbbbbbbbbbbb…", "its content differs") in rows
    assert ("input file new.csv", "–", "cccccccccccc…", "not read in the first run") in rows
    (setting,) = [row for row in rows if row[0] == "setting plan.then"]
    assert setting[1:3] == ("people", "flow")
    assert "spent on" in setting[3]
    assert ("target: Berths", "100%", "90%", "") in rows
    assert ("program plugspan", "1", "2", "") in rows
    assert len(rows) == 5


def test_rules_money_and_the_longest_gap_with_units(written):
    """A verdict that turns is told; an average stands with its longest gap."""

    def change(held):
        held["after"]["findings"] = [
            finding("berths", 1.0, 1.0, "met"),
            finding("spacing", 26.0, 26.0, "met", gap_max_km=39.9, own_gaps_over=0),
        ]
        held["plan"]["cost"]["high"] = 300.5
        held["plan"]["steps"][-1]["longest_gap_km"] = 35.81
        held["plan"]["stages"][1]["spent"] = 300.5

    found = compare(*written(change), "en")
    assert told(found, "rules") == []
    assert told(found, "after") == [
        ("Berths", "50% – 75% · not met", "100% · met", "met now"),
        (
            "Spacing",
            "50.0 km, longest 82.7 km, 3 gaps too long · not met",
            "26.0 km, longest 39.9 km · met",
            "met now",
        ),
    ]
    assert ("cost of the plan", "256 ×10,000 yuan", "300.5 ×10,000 yuan", "") in told(found, "money")
    assert ("spent by the end of 2027", "256 ×10,000 yuan", "300.5 ×10,000 yuan", "") in told(found, "money")
    assert told(found, "gaps") == [("longest gap with the plan", "39.9 km", "35.8 km", "")]


EVIL = "=cmd|' /C calc'!A1<img src=x onerror=document.title='run'>{{7*7}}"


def test_scenarios_are_compared_as_runs_are(written, tmp_path, capsys):
    """By the names, costs and places of the run on whose map they were made; with one another, and with the run."""
    one, _ = written(lambda held: held["plan"].update(others=[action("E", 113.4, 27.0, cost=70.0)]))
    base = tmp_path / "two"
    ids = ["new_site-A", "new_site-B", "new_site-C", "shore_power-D"]
    figures = {
        "rules": {"berths": {"low": 1.0, "high": 1.0, "status": "met"},
                  "spacing": {"low": 60.0, "high": 60.0, "status": "not met"}},
        "longest_gap_km": 90.1, "gaps_over": 4, "cost": 262.0, "people": 900,
    }  # fmt: skip
    years = dict.fromkeys(ids, 2026) | {"new_site-C": 2027}
    mine = {"schema": 1, "on": ids, "years": years}
    place = {"ref": "G1", "km": 12.5, "lon": 113.0, "lat": 26.5}
    on, off = [*ids[1:], "new_site-E", "gone"], ["site:S1", "new_site-A", "x"]
    other = {"schema": 1, "on": on, "off": off, "places": [place], "years": years, "figures": figures}
    for name, scenario in (("mine", mine), ("other", other)):
        (tmp_path / f"{name}.json").write_text(json.dumps(scenario), "utf-8")
    found = compare(tmp_path / "mine.json", tmp_path / "other.json", "en", base=base)
    assert found.names == ("mine", "other")
    assert told(found, "actions") == [
        ("E", "–", "new charging site · 70", "new"),
        ("gone", "–", "–", "new"),
        ("G1 12.5 km", "–", "new charging site · –", "new"),
        ("A", "new charging site · 2026 · 64", "–", "dropped"),
        ("existing site S1", "not chosen", "ruled out", ""),
        ("x", "not chosen", "ruled out", ""),
    ]
    assert told(found, "gaps") == [("longest gap with the plan", "–", "90.1 km", "")]
    assert [c.part for c in found.changes if c.part in ("why", "rules", "routes", "siting")] == []
    runs = {place.name: (place.run, place.lon) for place in found.places}
    assert runs["E"] == ("second", 113.4)
    assert (runs["A"], runs["B"], runs["G1 12.5 km"]) == (
        ("first", 113.0),
        ("both", 113.1),
        ("second", 113.0),
    )
    # With the run itself: its own actions differ in nothing, what the page said does.
    found = compare(one, tmp_path / "other.json", "en", base=base)
    assert ("Berths", "50% – 75% · not met", "100% · met", "met now") in told(found, "after")
    spaced = (
        "Spacing",
        "50.0 km, longest 82.7 km, 3 gaps too long · not met",
        "60.0 km, longest 90.1 km, 4 gaps too long · not met",
        "",
    )
    assert spaced in told(found, "after")
    assert ("cost of the plan", "256 ×10,000 yuan", "262 ×10,000 yuan", "") in told(found, "money")
    assert told(compare(one, tmp_path / "mine.json", "en", base=base), "actions") == []
    both = [str(tmp_path / f"{name}.json") for name in ("mine", "other")]
    assert _run(["compare", *both, "--out", str(tmp_path / "out")]) == 2
    assert "--run" in capsys.readouterr().err
    assert _run(["compare", *both, "--run", str(base), "--out", str(tmp_path / "out")]) == 0
    assert "G1 12.5 km" in (tmp_path / "out" / "compare.html").read_text("utf-8")


def test_page_and_sheet_hold_the_same_changes_as_text(written, tmp_path, capsys):
    """Each change stands in both; a name is never markup and never a formula; a second time it refuses to overwrite."""

    def change(held):
        held["plan"]["actions"][0]["name"] = EVIL
        held["plan"]["actions"][0]["year"] = 2030
        held["plan"]["cost"]["high"] = 300.5

    one, two = written(change)
    assert _run(["compare", str(one), str(two), "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    book = openpyxl.load_workbook(tmp_path / "out" / "compare.xlsx")
    rows = [[cell.value or "" for cell in row] for row in book.active.iter_rows(min_row=2)]
    assert ["\t".join(row) for row in rows] == lines
    assert all(
        cell.data_type == "s" for row in book.active.iter_rows(min_row=2) for cell in row if cell.value
    )
    page = (tmp_path / "out" / "compare.html").read_text("utf-8")
    assert "<img" not in page
    assert "300.5 ×10,000 yuan" in page
    assert _run(["compare", str(one), str(two), "--out", str(tmp_path / "out")]) == 2
    assert _run(["compare", str(one), str(two), "--out", str(tmp_path / "out"), "--overwrite"]) == 0


def test_the_map_shows_actions_in_two_colours(written, tmp_path, browser):
    """Pins of one run alone and of both; no script fails, no host is asked."""
    one, two = written(lambda held: held["plan"]["actions"].pop())
    assert _run(["compare", str(one), str(two), "--out", str(tmp_path / "out")]) == 0
    page, heard = browser.new_page(), []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda asked: heard.append(asked.url) if "file:" not in asked.url else None)
    page.goto((tmp_path / "out" / "compare.html").as_uri())
    page.wait_for_selector("body[data-ready=yes]")
    legend = page.locator("#tree").inner_text()
    assert "in the first only" in legend
    assert "in both" in legend
    assert "in the second only" not in legend
    assert "dropped" in page.locator("#finding-list").inner_text()
    assert heard == []
    page.close()
