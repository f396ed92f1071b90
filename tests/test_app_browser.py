"""The local application in a real browser: a walk through every page in both languages, with no request out."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import docx
import openpyxl
import pytest
from conftest import HANGS_S
from helsinki_case import write_case
from plugspan.project import read_project
from plugspan.render.webmap import MapPage, basemap_of, write_map
from plugspan.texts import text
from webmap_case import case

pytestmark = pytest.mark.browser
DESK, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TABLES = ("chargers", "facilities", "berths", "car_parks", "demand", "calls")


@contextmanager
def served(folder, lang="zh", **env):
    """``plugspan serve`` as a process of its own; its address, and a way to kill it."""
    child = subprocess.Popen(
        [sys.executable, "-m", "plugspan", "serve", str(folder), "--no-browser", "--lang", lang],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PLUGSPAN_LANG": lang, **env},
    )
    try:
        yield child, child.stdout.readline().strip()
    finally:
        child.terminate()
        child.wait(HANGS_S)
        child.stdout.close()


@pytest.fixture
def opened(browser):
    """A function that opens an address; all that went wrong in any page, and all requests that went elsewhere."""
    contexts, trouble = [], []

    def open_page(address, viewport=DESK, outside=(), **options):
        context = browser.new_context(viewport=viewport, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        watch(page, address, outside)
        page.goto(address)
        ready(page)
        return page

    def watch(page, address, outside=()):
        page.set_default_timeout(HANGS_S * 1000)
        page.on("console", lambda m: trouble.append(f"console: {m.text}") if expected(m.text) else None)
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        here = urlsplit(address).netloc
        page.on(
            "request",
            lambda r: urlsplit(r.url).netloc in (here, "", *outside) or trouble.append(f"request: {r.url}"),
        )

    def expected(message):
        """The browser itself notes a refusal (412, 422 …), and that the server is gone; the pages tell both."""
        gone = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING")
        return "status of 4" not in message and not any(each in message for each in gone)

    open_page.watch = watch
    yield open_page
    for context in contexts:
        context.close()
    assert not trouble


def ready(page, name=None):
    """Wait for a page to stand."""
    page.wait_for_selector(f"body[data-ready=yes]{f'[data-page={name}]' if name else ''}")


def go(page, name, project, lang="zh"):
    """Follow a step."""
    page.goto(page.url.split("#")[0] + f"#/{lang}/{name}/{quote(project)}")
    here = f"#steps [aria-current]:has-text('{text(f'app.step.{name}', lang)}')"
    page.wait_for_selector(f"body[data-ready=yes][data-page={name}] {here}")


def fits(page):
    """Nothing is cut off: the page is not wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_planner_goes_from_tables_to_the_zip(opened, root, tmp_path):
    """New project from the sample's tables, a fault mended in its cell, rule changed, run, plan, zip; zh and en."""
    world = tmp_path / "world"
    world.mkdir()
    sites = root / "data" / "sites"
    bad = tmp_path / "chargers.csv"
    lines = (sites / "chargers.csv").read_text("utf-8-sig").split("\n")
    # Two counties: a run of them has all that one of the whole has, in two thirds of the time.
    counties = json.loads((sites / "counties.geojson").read_text("utf-8"))
    counties["features"] = [
        f for f in counties["features"] if f["properties"]["name"] in ("茶陵县", "炎陵县")
    ]
    (tmp_path / "counties.geojson").write_text(json.dumps(counties), "utf-8")
    header = lines[0].split(",")
    at = header.index("充电枪数")
    cells = lines[1].split(",")
    right, cells[at] = cells[at], "若干"
    bad.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]), "utf-8")
    with served(world) as (_, address):
        page = opened(address)
        assert "token" not in page.url
        page.fill("#new-name", "株洲 试点")
        page.select_option("#new-policy", "zhuzhou-2025")
        page.click("#new-make")
        ready(page, "data")
        project = world / "株洲 试点"
        files = [bad, *(sites / f"{name}.csv" for name in TABLES[1:]), tmp_path / "counties.geojson"]
        files += [
            root / "data" / "osm" / "zhuzhou-sample.osm.pbf",
            sites / "chargers_gcj02.csv",
            sites / "service_areas_gcj02.csv",
        ]
        page.set_input_files("#inputs .drop input", files)
        page.wait_for_selector("#table[data-table='service_areas_gcj02.csv']")
        page.select_option("#region-file", "counties.geojson")
        page.wait_for_selector("#inputs li.there:has(#region-file)")
        # The datum of a map service is noticed, and changed by a click.
        for name in ("chargers_gcj02.csv", "service_areas_gcj02.csv"):
            page.click(f"#tables button:has-text('{name}')")
            page.wait_for_selector(f"#table[data-table='{name}'] #datum-notice")
            page.click("#datum-notice button")
            page.wait_for_selector(f"#table[data-table='{name}']:not(:has(#datum-notice))")
        # The fault stands in its cell, with the remedy, and is mended there.
        page.click("#tables button:has-text('chargers.csv'):not(:has-text('gcj02'))")
        page.wait_for_selector("#table[data-table='chargers.csv'][data-faults='1'] td.bad .remedy")
        assert fits(page)
        page.fill("td.bad input", right)
        page.press("td.bad input", "Enter")
        page.wait_for_selector("#table[data-table='chargers.csv'][data-faults='0']")
        assert (project / "chargers.csv").read_text("utf-8").split("\n")[1].split(",")[at] == right
        assert len(read_project(project).tables["chargers"]) == 2
        page.set_viewport_size(PHONE)
        assert fits(page)
        page.set_viewport_size(DESK)
        walk_rules(page, project)
        walk_run(page, project)
        walk_plan(page, project)
        walk_zip(page, project, tmp_path)
        for lang, size in (("en", DESK), ("en", PHONE), ("zh", PHONE)):
            page.set_viewport_size(size)
            for name in ("start", "data", "rules", "run", "plan", "handover"):
                go(page, name, project.name, lang)
                assert fits(page), (name, lang, size)
                assert page.locator("#page").inner_text().strip()


def walk_rules(page, project):
    """60 kW becomes 120 kW, and what today's state becomes is seen; then the profile's value again."""
    go(page, "rules", project.name)
    line = "[data-rule=expressway-service-area-fast] [data-key='site.dc_min_kw']"
    page.click(f"{line} button.link")
    page.fill(f"{line} input", "120")
    page.press(f"{line} input", "Enter")
    page.wait_for_selector(f"{line}.changed:has-text('60 kW'):has-text('120 kW')")
    page.wait_for_selector("[data-rule=expressway-service-area-fast] .now .chip")
    assert read_project(project).rules == {"expressway-service-area-fast": {"site": {"dc_min_kw": 120}}}
    page.click(f"{line} button.link:has-text('{text('app.rules.undo', 'zh')}')")
    page.wait_for_selector(f"{line}:not(.changed)")
    page.wait_for_selector(
        "section .job[data-ended='2'][data-state=done]"
    )  # the second assessment, not the first
    assert read_project(project).rules == {}


def walk_run(page, project):
    """Stages and the solver's bound are followed live; a page that is loaded again follows on."""
    go(page, "run", project.name)
    page.click("#run-start")
    page.wait_for_selector("#run-log[data-state=running] progress")
    page.reload()
    ready(page, "run")
    page.wait_for_selector("#run-log .solver[data-seen]", state="attached")
    page.wait_for_selector("#run-log[data-state=done]")
    page.wait_for_selector("#findings tr")
    assert (project / "run" / "result.json").is_file()


def walk_plan(page, project):
    """The map stands in the page; a place is forbidden and money changed: lines of the project file."""
    go(page, "plan", project.name)
    page.frame_locator("#map").locator("body[data-ready=yes]").wait_for()
    first = page.locator("#actions select[data-action]").first
    action = first.get_attribute("data-action")
    first.select_option("forbidden")
    page.wait_for_selector("#stale:not([hidden])")
    assert read_project(project).plan.forbidden == (action,)
    page.locator(f"select[data-action='{action}']").first.select_option("")
    page.locator("#money input[type=range]").fill("800")
    assert page.input_value("#money-budget") == "800"
    page.click("#money-save")
    page.wait_for_selector("body:not([aria-busy])")
    plan = read_project(project).plan
    assert (plan.forbidden, plan.budget) == ((), 800)
    walk_scenario(page, project)


def walk_scenario(page, project):
    """The plan is edited in the map, saved, changed back and opened; recounted, and compared with the run before."""
    page.fill("#keep-name", "原方案")
    page.press("#keep-name", "Enter")
    page.wait_for_selector("#compare-first option:has-text('原方案')", state="attached")
    page.frame_locator("#map").locator("#toggle-edit").click()
    switched = page.locator("#map").evaluate(
        """frame => {
             const { plugspan } = frame.contentWindow;
             const one = plugspan.actions().find((a) => a.on && a.may && a.kind === "new_site").id;
             plugspan.set([one], false);
             return one;
           }"""
    )
    page.fill("#scenario-name", "少一处")
    page.click("#scenario-save")
    page.wait_for_selector("#scenario-open option:has-text('少一处')", state="attached")
    page.wait_for_selector("#compare-first option:has-text('少一处')", state="attached")
    on = json.loads((project / "scenarios" / "少一处.json").read_text("utf-8"))["on"]
    page.locator("#map").evaluate("(frame, one) => frame.contentWindow.plugspan.set([one], true)", switched)
    page.select_option("#scenario-open", "少一处")
    page.wait_for_selector("body:not([aria-busy])")
    assert on == page.locator("#map").evaluate("frame => frame.contentWindow.plugspan.scenario().on")
    page.click("#scenario-prove")
    page.wait_for_selector("#run-log[data-state=running]")
    page.wait_for_selector("#run-log[data-state=done]:has-text('按情景重算')")
    result = json.loads((project / "run" / "result.json").read_text("utf-8"))
    plan, kept_beside = result["plan"], project / "run" / result["provenance"]["scenario"]
    assert set(json.loads(kept_beside.read_text("utf-8"))["on"]) == set(on)
    chosen = {action["action_id"] for action in plan["actions"]}
    assert set(on) <= chosen
    assert switched not in chosen
    page.frame_locator("#map").locator("body[data-ready=yes]").wait_for()
    for first in ("runs/原方案", "scenarios/少一处"):
        page.select_option("#compare-first", first)
        page.click("#compare")
        page.frame_locator("iframe.compare").locator(
            f"body[data-ready=yes]:has-text('{first.split('/')[1]}')"
        ).wait_for()


def walk_zip(page, project, tmp_path):
    """All files, whole, with what repeats the run; a single file is the one of the run folder."""
    go(page, "handover", project.name)
    with page.expect_download() as begun:
        page.click("a:has-text('layers.gpkg')")
    begun.value.save_as(tmp_path / "one.gpkg")
    assert (tmp_path / "one.gpkg").read_bytes() == (project / "run" / "layers.gpkg").read_bytes()
    page.check("#with-inputs")
    with page.expect_download() as begun:
        page.click("#zip")
    begun.value.save_as(tmp_path / "all.zip")
    archive = zipfile.ZipFile(tmp_path / "all.zip")
    assert archive.testzip() is None
    files = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
    for name in ("map.html", "report.docx", "tables.xlsx", "layers.gpkg", "result.json", "scenario.json"):
        assert files[name] == (project / "run" / name).read_bytes(), name
    assert "按情景重算" in files["log.txt"].decode() or "情景" in files["log.txt"].decode()
    assert docx.Document(io.BytesIO(files["report.docx"])).paragraphs
    assert openpyxl.load_workbook(io.BytesIO(files["tables.xlsx"]), read_only=True).sheetnames
    assert files["layers.gpkg"].startswith(b"SQLite format 3")
    assert json.loads(files["result.json"])["provenance"]["scenario"] == "scenario.json"
    assert "<script" not in files["一页摘要.html"].decode()
    sent = tmp_path / "sent"
    for name, content in files.items():
        if name.startswith("输入/"):
            (sent / name).parent.mkdir(parents=True, exist_ok=True)
            (sent / name).write_bytes(content)
    again = read_project(sent / "输入")
    assert again == read_project(project).model_copy(update={"folder": again.folder})
    for table in (t for tables in again.tables.values() for t in tables):
        assert again.path(table.path).is_file()
    assert again.path(again.network.osm).is_file()


def test_two_tabs_and_a_killed_server_lose_nothing(opened, root, tmp_path):
    """The second tab's stale change is refused in words; a server killed and started again has all that was saved."""
    with served(tmp_path / "world", "en") as (child, address):
        page = opened(address)
        page.goto(page.url.split("#")[0] + "#/en/start/")
        page.wait_for_selector("#sample-make:has-text('Open')")
        page.click("#sample-make")
        ready(page, "data")
        project = next(p for p in (tmp_path / "world").iterdir())
        other = page.context.new_page()
        opened.watch(other, address)
        other.goto(page.url)
        ready(other, "data")
        page.select_option("#datum", "wgs84")
        page.wait_for_selector("#datum-notice")
        other.select_option("#datum", "bd09")
        other.wait_for_selector("#notice:not([hidden]):has-text('changed elsewhere')")
        assert read_project(project).tables["chargers"][0].datum == "wgs84"
        other.select_option("#datum", "gcj02")
        other.wait_for_selector("#table:not(:has(#datum-notice)) #datum")
        other.wait_for_selector("body:not([aria-busy])")
        child.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        child.wait(HANGS_S)
        page.select_option("#datum", "bd09")
        page.wait_for_selector("#notice:not([hidden]):has-text('start plugspan serve again')")
    assert read_project(project).tables["chargers"][0].datum == "gcj02"
    assert not [p for p in project.iterdir() if ".new-" in p.name]
    with served(tmp_path / "world", "en") as (_, address):
        page = opened(address)
        page.click("#projects a")
        ready(page, "data")
        page.wait_for_selector("#datum option:checked:has-text('GCJ')", state="attached")


def test_a_region_is_drawn_with_mouse_finger_and_keys(opened, root, tmp_path):
    """A new project with its roads; corners put, moved, added, taken away and undone; kept as a file, drawn again."""
    with served(tmp_path / "world") as (_, address):
        page = opened(address, has_touch=True)
        page.fill("#new-name", "画界")
        page.set_input_files("#new-roads", root / "data" / "osm" / "zhuzhou-sample.osm.pbf")
        page.select_option("#new-where", "draw")
        page.click("#new-make")
        ready(page, "data")
        canvas = page.locator("#region-editor canvas")
        box = canvas.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        corners = page.locator("#region-corners")

        def ring():
            return [tuple(map(float, line.split(", "))) for line in corners.input_value().split("\n") if line]

        assert page.is_disabled("#region-save")
        page.mouse.click(x - 80, y - 80)
        page.mouse.click(x + 80, y - 80)
        page.touchscreen.tap(x + 80, y + 80)
        canvas.focus()
        page.keyboard.press("Enter")  # at the cross in the middle
        first = ring()
        assert len(first) == 4
        assert first[0][0] < first[3][0] < first[1][0]
        assert first[0][1] > first[3][1] > first[2][1]
        page.mouse.move(x, y - 80)  # the middle of the first side becomes a corner
        page.mouse.down()
        page.mouse.move(x, y - 140, steps=3)
        page.mouse.up()
        assert len(ring()) == 5
        assert ring()[1][1] > first[0][1]
        page.keyboard.press("Backspace")
        assert ring() == first
        page.keyboard.press("Control+z")
        assert len(ring()) == 5
        page.click("#region-undo")
        page.mouse.move(x, y)  # the corner itself, to where the others make a square with it
        page.mouse.down()
        page.mouse.move(x - 80, y + 80, steps=3)
        page.mouse.up()
        moved = ring()
        assert moved[:3] == first[:3]
        assert moved[3] == pytest.approx((first[0][0], first[2][1]), abs=1e-4)
        page.mouse.move(x - 200, y)  # elsewhere a drag moves the map, no corner
        page.mouse.down()
        page.mouse.move(x - 230, y, steps=3)
        page.mouse.up()
        assert ring() == moved
        page.click("#region-save")
        page.wait_for_selector("#notice.done")
        project = tmp_path / "world" / "画界"
        assert read_project(project).region.file.name == "drawn-region.geojson"
        page.set_viewport_size(PHONE)
        page.click("#region-draw")
        page.wait_for_selector("#region-editor")
        assert fits(page)
        assert sorted(ring()) == sorted(moved)
        page.click("#region-editor summary")
        corners.fill("113, 27\n114, 28\n114 27\n113，28")
        corners.blur()
        page.click("#region-save")
        page.wait_for_selector("#notice:not(.done):has-text('自相交')")
        corners.fill("113, 27\n114, 95")
        corners.blur()
        page.wait_for_selector("#region-corners[aria-invalid=true]")
        page.click("#region-extent")
        assert ring()[0] == (112.63998, 25.8)
        page.click("#region-save")
        page.wait_for_selector("#notice.done")


GATE = """
import os, time
from plugspan.cli import common

say = common.ProgressLines.__call__

def waiting(self, key, share):
    say(self, key, share)
    if key == "siting":
        from plugspan.siting.maxcover.highs import HASTE
        while not HASTE.is_set():
            time.sleep(0.05)

common.ProgressLines.__call__ = waiting
"""
"""Run by Python before the command: a run goes on from choosing sites only when it is asked for its best plan."""


@pytest.mark.slow
def test_a_killed_server_loses_no_run_and_its_best_plan_is_kept(opened, root, tmp_path):
    """The run goes on without the application, is found again, and told to stop solving it writes the plan it has."""
    folder = tmp_path / "world" / "p"
    folder.mkdir(parents=True)
    write_case(folder, root)
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "sitecustomize.py").write_text(GATE, "utf-8")
    env = {"PYTHONPATH": str(tmp_path / "gate")}
    live = "#run-log[data-state=running]"
    with served(tmp_path / "world", "en", **env) as (child, address):
        page = opened(address)
        go(page, "run", "p", "en")
        page.click("#run-start")
        page.wait_for_selector(f"{live} .stages li[aria-current]:has-text('choosing sites')")
        child.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        child.wait(HANGS_S)
    with served(tmp_path / "world", "en", **env) as (_, address):
        page = opened(address)
        go(page, "run", "p", "en")
        page.wait_for_selector(f"{live} .stages li[aria-current]:has-text('choosing sites')")
        assert not (folder / "run").exists()
        page.click("#run-start")  # one run at a time, whoever started it
        page.wait_for_selector("#notice:has-text('wait for its end')")
        page.click(f"{live} button:has-text('keep the best plan')")
        page.wait_for_selector("#run-log[data-state=done]")
        page.wait_for_selector("#findings tr")
        assert page.locator("#run-log details:not([open])").count() == 1
    result = json.loads((folder / "run" / "result.json").read_text("utf-8"))
    assert all(siting["objective"] <= siting["bound"] for siting in result["siting"])


def test_columns_are_mapped_and_projects_listed(opened, tmp_path):
    """A column is named by hand; names of folders and files that mean something elsewhere are names here."""
    world = tmp_path / "world"
    names = ("<img src=x onerror=alert(1)>", "a#b?c%2e%2e&d", "'quoted\" 名")
    for name in names:
        (world / name).mkdir(parents=True)
        toml = f"schema = 1\nname = {json.dumps(name)}\n[network]\nosm = 'r.osm'\n"
        (world / name / "project.toml").write_text(toml, "utf-8")
    (tmp_path / "#1&2%2f'.csv").write_text(
        "编号,叫法,经度,纬度,枪\n1,甲,113.1,27.1,2\n2,乙,113.2,27.2,4\n", "utf-8"
    )
    with served(world) as (_, address):
        page = opened(address)
        assert sorted(page.locator("#projects b").all_inner_texts()) == sorted(names)
        for name in names:
            page.locator("#projects a").filter(has_text=name).click()
            ready(page, "data")
            assert page.inner_text("#project-name") == name
            page.set_input_files("#inputs .drop input", tmp_path / "#1&2%2f'.csv")
            page.wait_for_selector("#table[data-table]")
            page.select_option("#table select[aria-label*='“叫法”']", "name")
            page.wait_for_selector("#table select.known[aria-label*='“叫法”']")
            [table] = read_project(world / name).tables["chargers"]
            assert (table.path.name, table.columns) == ("#1&2%2f'.csv", {"name": "叫法"})
            page.click("#brand")
            ready(page, "start")
            assert page.locator("#projects b").first.inner_text() == name  # the one worked on last
            assert page.locator("img[src=x]").count() == 0


RESULT = {
    "schema": 2, "findings": [], "measures": [], "after": {"findings": []},
    "provenance": {"started": "2026-01-01T00:00:00"},
    "plan": {"stages": [{"year": y, "spent": 5.0, "actions": 2, "rules": {}} for y in (2026, 2027)], "levels": [],
             "actions": [{"action_id": "a", "name": "甲", "kind": "new_site", "order": 1, "year": 2026, "cost": 3}],
             "cost": {"low": 5, "high": 9, "unit": "万元", "assumed": True}},
}  # fmt: skip


@pytest.mark.parametrize("name", ["osm", "tianditu"])
def test_money_by_year_and_a_basemap_by_name(opened, tmp_path, name):
    """Both are lines of the project file; the map asks the server of the basemap for tiles, and can ask no other."""
    toml = '# mine\nschema = 1\nname = "p"\n[network]\nosm = "r.osm"\n[plan]\nyears = { 2026 = 600, 2027 = 700 }\n'
    (tmp_path / "project.toml").write_text(toml, "utf-8")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text(json.dumps(RESULT), "utf-8")
    (tmp_path / "run" / "log.txt").write_text("log", "utf-8")
    write_map(MapPage(**case("zh", n_roads=10)), tmp_path / "run" / "map.html")
    hosts = {"osm": ["tile.openstreetmap.org"], "tianditu": [f"t{i}.tianditu.gov.cn" for i in range(8)]}[name]
    asked = []

    def tile(route):
        asked.append((route.request.url, route.request.headers.get("referer")))
        route.fulfill(body=PNG, content_type="image/png")

    with served(tmp_path) as (_, address):
        page = opened(address, outside=hosts)
        page.route(lambda url: "127.0.0.1" not in url and url.startswith("http"), tile)
        go(page, "plan", tmp_path.name)
        page.frame_locator("#map").locator("body[data-ready=yes]").wait_for()
        assert asked == []
        page.locator("#money li:has-text('2026') input[type=range]").fill("900")
        assert page.input_value("#money-2026") == "900"
        page.click("#money-year")
        page.fill("#money-2028", "50")
        page.click("#money li:has-text('2026') button")
        page.click("#money-save")
        page.wait_for_selector("#stale:not([hidden])")
        assert read_project(tmp_path).plan.years == {2027: 700, 2028: 50}
        for year in (2027, 2028):
            page.click(f"#money li:has-text('{year}') button")
        page.fill("#money-budget", "1200")
        page.click("#money-save")
        page.wait_for_selector("body:not([aria-busy])")
        plan = read_project(tmp_path).plan
        assert (plan.years, plan.budget) == ({}, 1200)
        page.click("#basemap summary")
        page.select_option("#basemap-name", name)
        if name == "tianditu":
            page.click("#basemap-save")  # without the key
            page.wait_for_selector("#notice:has-text('basemap_key')")
            page.fill("#basemap-key", "a1B2")
        page.click("#basemap-save")
        page.wait_for_selector("body:not([aria-busy])")
        assert fits(page)
        output = read_project(tmp_path).output
        assert (output.basemap, output.basemap_key) == (name, "a1B2" if name == "tianditu" else "")
        assert (tmp_path / "project.toml").read_text("utf-8").startswith("# mine")
        shown = MapPage(**case("zh", n_roads=10), basemap=basemap_of(output))
        write_map(shown, tmp_path / "run" / "map.html")  # as the next run does
        page.reload()
        ready(page, "plan")
        frame = page.frame_locator("#map")
        layers = 2 if name == "tianditu" else 1  # its names are tiles of their own, over the others
        frame.locator(f".leaflet-layer:nth-of-type({layers}) img.leaflet-tile-loaded").first.wait_for()
        addresses = {
            "osm": r"https://tile\.openstreetmap\.org/(?P<z>\d+)/(?P<x>\d+)/(?P<y>\d+)\.png",
            "tianditu": r"https://t[0-7]\.tianditu\.gov\.cn/DataServer\?T=(?P<of>vec|cva)_w&x=(?P<x>\d+)&y=(?P<y>\d+)&l=(?P<z>\d+)&tk=a1B2",
        }
        found = [re.fullmatch(addresses[name], url) for url, _ in asked]
        assert all(found), asked
        if layers == 2:
            sheets = [{m.group("z", "x", "y") for m in found if m["of"] == of} for of in ("vec", "cva")]
            assert sheets[0] == sheets[1]
        z = int(found[0]["z"])
        x = (113.2 + 180) / 360 * 2**z  # a town of the map lies in one of them
        y = (1 - math.asinh(math.tan(math.radians(27.5))) / math.pi) / 2 * 2**z
        assert (z, int(x), int(y)) in {(int(m["z"]), int(m["x"]), int(m["y"])) for m in found}
        # Servers of tiles want to know who asks: the origin, without any path.
        assert {referer for _, referer in asked} == {address.split("?")[0]}
        answer = page.request.get(f"{address.split('?')[0]}api/p/{tmp_path.name}/map")
        allowed = ["data:", "blob:", *(f"https://{host}" for host in hosts)]
        for policy in (answer.headers["content-security-policy"], answer.text()):
            assert re.search(r"img-src ([^;]*);", policy)[1].split() == allowed


def test_hostile_names_are_text(opened, tmp_path):
    """Names, cells and headers with markup are shown as they are, and nothing of them runs."""
    evil = "<img src=x onerror=alert(1)>"
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "a.csv").write_text(
        f"编号,名称,经度,纬度,{evil}\n1,{evil},113,27,{evil}\n{evil},x,{evil},27,\n", "utf-8"
    )
    toml = f'schema = 1\nname = "{evil}"\n[network]\nosm = "{evil}.pbf"\n[tables.chargers]\npath = "a.csv"\n'
    (folder / "project.toml").write_text(toml, "utf-8")
    with served(folder) as (_, address):
        page = opened(address)
        assert page.locator("#projects b").inner_text() == evil
        for name in ("data", "rules", "run", "plan", "handover"):
            go(page, name, "p")
            assert page.locator("img[src=x]").count() == 0
        go(page, "data", "p")
        assert page.locator("th:has-text('onerror')").count() >= 1
        page.wait_for_selector("td.bad .remedy")


def test_a_page_from_another_origin_reaches_nothing(opened, tmp_path):
    """Same machine, another port: with the cookie in the browser it can neither read, write, nor frame."""
    import http.server
    import threading

    class Page(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>evil</title><body></body>")

        def log_message(self, *_args):
            pass

    evil = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    script = """async (origin) => {
      const tried = [];
      for (const [path, options] of [
        ["/api/home", {}], ["/api/home", {mode: "no-cors", credentials: "include"}],
        ["/api/projects", {method: "POST", mode: "no-cors", credentials: "include", body: '{"name": "evil"}'}],
        ["/api/projects", {method: "POST", credentials: "include", body: '{"name": "evil"}',
                           headers: {"content-type": "application/json"}}],
      ]) {
        try { const answer = await fetch(origin + path, options); tried.push([answer.type, answer.status]); }
        catch { tried.push(["error", 0]); }
      }
      const frame = document.createElement("iframe");
      frame.src = origin + "/";
      await new Promise((done) => { frame.onload = done; document.body.append(frame); });
      let framed = null;
      try { framed = frame.contentDocument?.title ?? null; } catch { framed = null; }
      return {tried, framed};
    }"""
    try:
        with served(tmp_path / "world") as (_, address):
            page = opened(address)
            origin = address.split("/?")[0]
            other = page.context.new_page()  # not watched: its refusals are what is asked for
            other.goto(f"http://127.0.0.1:{evil.server_address[1]}/")
            found = other.evaluate(script, origin)
            assert all(kind in ("error", "opaque") for kind, _ in found["tried"])
            assert found["framed"] in (None, "")
            assert not list((tmp_path / "world").iterdir())
    finally:
        evil.shutdown()
        evil.server_close()
