"""The local application in a real browser: a walk through every page in both languages, with no request out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import pytest
from conftest import HANGS_S
from plugspan.project import read_project
from plugspan.texts import text

pytestmark = pytest.mark.browser
DESK, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
TABLES = ("chargers", "facilities", "berths", "car_parks", "demand", "calls")


@contextmanager
def served(folder, lang="zh"):
    """``plugspan serve`` as a process of its own; its address, and a way to kill it."""
    child = subprocess.Popen(
        [sys.executable, "-m", "plugspan", "serve", str(folder), "--no-browser", "--lang", lang],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PLUGSPAN_LANG": lang},
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

    def open_page(address, viewport=DESK, **options):
        context = browser.new_context(viewport=viewport, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        watch(page, address)
        page.goto(address)
        ready(page)
        return page

    def watch(page, address):
        page.set_default_timeout(HANGS_S * 1000)
        page.on("console", lambda m: trouble.append(f"console: {m.text}") if expected(m.text) else None)
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        here = urlsplit(address).netloc
        page.on(
            "request",
            lambda r: urlsplit(r.url).netloc in (here, "") or trouble.append(f"request: {r.url}"),
        )

    def expected(message):
        """The browser itself notes a refusal (412, 422 …), and that the server is gone; the pages tell both."""
        return "status of 4" not in message and "ERR_CONNECTION_REFUSED" not in message

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
        files = [bad, *(sites / f"{name}.csv" for name in TABLES[1:]), sites / "counties.geojson"]
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
    page.locator("#money input[type=range]").fill("1500")
    assert page.input_value("#money-budget") == "1500"
    page.click("#money-save")
    page.wait_for_selector("body:not([aria-busy])")
    plan = read_project(project).plan
    assert (plan.forbidden, plan.budget) == ((), 1500)
    walk_scenario(page, project)


def walk_scenario(page, project):
    """The plan is edited in the map, saved, changed back and opened; recounted, and compared with the run before."""
    page.fill("#keep-name", "原方案")
    page.press("#keep-name", "Enter")
    kept = page.locator("#kept li:has-text('原方案') button")
    kept.wait_for()
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
    on = json.loads((project / "scenarios" / "少一处.json").read_text("utf-8"))["on"]
    page.click("#scenario-prove")
    page.wait_for_selector("#run-log[data-state=running]")
    page.wait_for_selector("#run-log[data-state=done]:has-text('按情景重算')")
    result = json.loads((project / "run" / "result.json").read_text("utf-8"))
    plan, kept_beside = result["plan"], project / "run" / result["provenance"]["scenario"]
    assert set(json.loads(kept_beside.read_text("utf-8"))["on"]) == set(on)
    chosen = {action["id"] for action in plan["actions"]}
    assert set(on) <= chosen
    assert switched not in chosen
    page.frame_locator("#map").locator("body[data-ready=yes]").wait_for()
    kept.click()
    page.frame_locator("iframe.compare").locator("body[data-ready=yes]:has-text('原方案')").wait_for()


def walk_zip(page, project, tmp_path):
    """All files, with what repeats the run."""
    go(page, "handover", project.name)
    page.check("#with-inputs")
    with page.expect_download() as begun:
        page.click("#zip")
    begun.value.save_as(tmp_path / "all.zip")
    names = [name.split("/", 1)[1] for name in zipfile.ZipFile(tmp_path / "all.zip").namelist()]
    wanted = {"map.html", "report.docx", "tables.xlsx", "layers.gpkg", "result.json"}
    assert wanted | {"一页摘要.html", "输入/project.toml", "输入/chargers.csv"} <= set(names)


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
