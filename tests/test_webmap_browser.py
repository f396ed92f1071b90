"""The map in a browser: Debian's Chromium, network off, no console error, no request."""

# ruff: noqa: E501 (scripts in one line)

from __future__ import annotations

import base64
import re

import pytest
from conftest import HANGS_S
from plugspan.render.webmap import Basemap, MapPage, write_map
from plugspan.tables import styles
from plugspan.tables.layer import FindingRow, Layer, SourceNote
from plugspan.tables.plan_cards import PlanCard
from plugspan.texts import text
from shapely import LineString, Point
from test_webmap import EVIL_SVG, HOSTILE, named_points
from webmap_case import case, col, frame, schema

pytestmark = pytest.mark.browser
DESK, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """The demo map in both languages."""
    folder = tmp_path_factory.mktemp("maps")
    for lang in ("zh", "en"):
        write_map(MapPage(**case(lang)), folder / f"{lang}.html")
    return folder


@pytest.fixture
def opened(browser):
    """A function that opens a file; at the end there was no request, no console message, no dialog."""
    contexts, trouble = [], []

    def open_file(path, viewport=DESK, before="", **options):
        context = browser.new_context(viewport=viewport, **options)
        context.set_offline(True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(HANGS_S * 1000)
        page.on("console", lambda message: trouble.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda r: r.url.startswith(("file:", "data:", "blob:")) or trouble.append(f"request: {r.url}"),
        )
        if before:
            page.add_init_script(before)
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready=yes]")
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert trouble == []


def until(page, condition):
    """Wait for a condition in the page (the page's policy forbids what Playwright's own waiting uses)."""
    code = condition if "=>" in condition.split("\n")[0] else f"() => {condition}"
    for _ in range(40 * HANGS_S):
        if page.evaluate(code):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never came true: {condition}")


def layer_state(page, name):
    """Whether Leaflet shows something of a layer."""
    return page.evaluate(
        "name => plugspan.view.layers.filter(l => l.spec.name === name).map(l =>"
        " (l.parts || []).some(p => plugspan.map.hasLayer(p)) || Boolean(l.grid && l.grid._map))",
        name,
    )


def test_first_view(opened, maps):
    """The map opens with title, findings, legend, names, a metric scale and the line of notes."""
    page = opened(maps / "zh.html")
    assert page.title() == page.inner_text("h1") == case()["title"]
    assert page.locator(".finding").count() == 5
    assert page.locator(".leaflet-overlay-pane, .leaflet-pane path").count() > 20
    assert page.locator("canvas.leaflet-tile").count() > 0
    assert "km" in page.inner_text(".leaflet-control-scale-line")
    assert "mi" not in page.inner_text(".leaflet-control-scale")
    assert {"G106", "醴陵市"} <= set(page.locator(".name").all_inner_texts())
    for part in ("OpenStreetMap", "非测绘成果", "审图号", "2026年11月20日"):
        assert part in page.inner_text("#notes")
    west, south, east, north = page.evaluate("plugspan.map.getBounds().toBBoxString()").split(",")
    assert float(west) < 112.97
    assert float(south) < 26.1
    assert float(east) > 114.08
    assert float(north) > 28.0


def test_roads_are_drawn(opened, maps):
    """The canvas of the dense roads holds ink."""
    page = opened(maps / "zh.html")
    ink = """() => [...document.querySelectorAll('canvas.leaflet-tile')].some(c =>
        c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 3 && v > 100))"""
    until(page, ink)
    page.evaluate(
        "void plugspan.view.layers.find(l => l.spec.name === 'roads').grid.setCategories([false, false, false, false])"
    )
    until(page, f"() => !({ink})()")


def test_layers_switch(opened, maps):
    """A layer's box and a category's line hide and show it."""
    page = opened(maps / "zh.html")
    berths = page.locator("#tree .layer", has_text="泊位").first
    assert layer_state(page, "berths") == [True]
    berths.locator("input").uncheck()
    assert layer_state(page, "berths") == [False]
    berths.locator("input").check()
    marks = page.locator("[aria-label*='泊位 · 无岸电']")
    assert marks.count() == 2
    berths.locator("button", has_text="无岸电").click()
    assert marks.count() == 0
    assert page.locator("[aria-label*='泊位 · 有岸电']").count() == 1
    group = page.locator(".layer-group", has=page.locator("summary", has_text="现有设施")).locator(
        ".group-box input"
    )
    group.uncheck()
    assert [layer_state(page, name) for name in ("berths", "service_areas", "charging_sites")] == [
        [False]
    ] * 3
    page.locator("#tree .layer", has_text="泊位").locator("input").first.check()
    assert group.evaluate("box => box.indeterminate")
    assert layer_state(page, "berths") == [True]
    demand = page.locator("#tree .layer", has_text="需求点").locator("input")
    assert layer_state(page, "demand") == [False]
    demand.check()
    assert layer_state(page, "demand") == [True]


def test_popups_open(opened, maps):
    """Markers, dense roads and counties answer a click with their table, in the chosen language."""
    page = opened(maps / "en.html")
    page.evaluate("void plugspan.map.setView([27.84, 113.06], 13, {animate: false})")
    page.locator("[aria-label*='华新水泥1号泊位']").click()
    popup = page.locator(".leaflet-popup-content")
    assert "not counted" in popup.inner_text()
    assert re.search(r"500", popup.inner_text())
    at = page.evaluate(
        """async () => { const g = plugspan.view.layers.find(l => l.spec.name === 'roads').grid; await g.ready;
        plugspan.map.setView(g.anchor(100), 16, {animate: false}); const p = plugspan.map.latLngToContainerPoint(g.anchor(100));
        const box = plugspan.map.getContainer().getBoundingClientRect(); return [p.x + box.left, p.y + box.top]; }"""
    )
    page.mouse.click(*at)
    until(page, "document.querySelector('.leaflet-popup-content')?.textContent.includes('Roads')")
    assert "路" in popup.inner_text()
    page.evaluate("void plugspan.map.setView([26.2, 113.8], 10, {animate: false})")
    box = page.locator("#map").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2)
    until(page, "document.querySelector('.leaflet-popup-content')?.textContent.includes('Counties')")
    assert "71.5" in popup.inner_text()


def test_unknown_is_said(opened, maps):
    """A missing power is shown as unknown, not as nothing."""
    page = opened(maps / "zh.html")
    page.fill("#search", "充电站3")
    page.wait_for_selector("#hits [role=option]")
    page.press("#search", "Enter")
    page.wait_for_selector(".popup table")
    assert page.inner_text(".popup .missing th") == "未知"
    assert "功率" in page.inner_text(".popup .missing td")


def test_search_by_keyboard(opened, maps):
    """The search box finds routes, places and coordinates, and goes there without a mouse."""
    page = opened(maps / "zh.html")
    page.focus("#search")
    page.keyboard.type("建议4")
    page.wait_for_selector("#hits [role=option]")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#search", "aria-activedescendant") == "hit-0"
    page.keyboard.press("Enter")
    page.wait_for_selector(".popup")
    assert "建议4" in page.inner_text(".popup")
    assert page.get_attribute("#phase button[data-phase=after]", "aria-pressed") == "true"
    page.fill("#search", "113.5, 27.67")
    page.wait_for_selector("#hits [role=option]")
    page.press("#search", "Enter")
    until(page, "plugspan.map.getZoom() >= 13")
    assert page.evaluate("plugspan.map.getCenter().distanceTo([27.67, 113.5]) < 3000")
    page.fill("#search", "没有的地方")
    page.wait_for_selector("#hits .none")
    assert "没有的地方" in page.inner_text("#hits")


def test_search_stays_in_the_state_that_is_shown(opened, maps):
    """A route is found once, and looking it up with the plan shown doesn't lead back to today."""
    page = opened(maps / "zh.html")
    for phase in ("after", "before"):
        page.click(f"#phase button[data-phase={phase}]")
        page.fill("#search", "G106")
        page.wait_for_selector("#hits [role=option]")
        assert page.locator("#hits [role=option]", has_text="普通国省干线").count() == 1
        page.press("#search", "Enter")
        page.wait_for_selector("#strip svg")
        assert page.evaluate("plugspan.view.phase") == phase


def test_what_the_plan_comes_to(opened, tmp_path):
    """The plan's card stands last today and first with the plan; its texts are text."""
    card = PlanCard(
        "建议新建 8 处 <b>", (("已覆盖", "74.5% → 84.6%"), ("与最优方案的差距", "已证明最优")), "proposed"
    )
    write_map(MapPage(**case("zh", n_roads=10), cards=[card]), tmp_path / "map.html")
    page = opened(tmp_path / "map.html")
    tops = "[...document.querySelectorAll('.finding')].map(c => [c.getBoundingClientRect().top, c.matches('.plan')]).sort((a, b) => a[0] - b[0]).map(c => c[1])"
    assert page.evaluate(tops) == [False] * 5 + [True]
    assert page.inner_text(".plan h3") == "建议新建 8 处 <b>"
    page.locator(".plan button").click()
    assert page.evaluate("plugspan.view.phase") == "after"
    assert page.evaluate(tops) == [True] + [False] * 5
    assert layer_state(page, "proposed") == [True]


def test_strip_chart_on_click(opened, maps):
    """A click on a route opens its strip chart; the search shows a whole route with it."""
    page = opened(maps / "zh.html")
    page.fill("#search", "G106")
    page.wait_for_selector("#hits [role=option]")
    page.press("#search", "Enter")
    page.wait_for_selector("#strip svg")
    assert "G106" in page.inner_text("#strip-title")
    page.click("[data-close=drawer]")
    assert page.locator("#drawer").is_hidden()
    at = page.evaluate(
        """() => { const l = plugspan.view.layers.find(l => l.spec.name === 'routes'); const a = l.anchor(0);
        plugspan.map.setView(a, 14, {animate: false}); const p = plugspan.map.latLngToContainerPoint(a);
        const box = plugspan.map.getContainer().getBoundingClientRect(); return [p.x + box.left, p.y + box.top]; }"""
    )
    page.mouse.click(*at)
    page.wait_for_selector("#strip svg")
    # A style attribute is taken over as attributes, which the policy allows.
    assert page.locator("#strip line[stroke='#A50026'][stroke-width='7']").count() == 1


def test_before_and_after(opened, maps):
    """The switch changes routes, pins and the legend; hiding a layer lasts across it."""
    page = opened(maps / "zh.html")
    assert layer_state(page, "routes") == [True, False]
    assert page.locator(".pin").count() == 0
    assert page.locator("#tree", has_text="缺口：").count() == 1
    page.click("#phase button[data-phase=after]")
    assert layer_state(page, "routes") == [False, True]
    assert sorted(page.locator(".pin text").all_text_contents()) == list("123456")
    assert page.locator("#tree", has_text="缺口：").count() == 0
    page.locator("#tree .layer", has_text="普通国省干线").locator("input").uncheck()
    page.click("#phase button[data-phase=before]")
    assert layer_state(page, "routes") == [False, False]


def test_pins_do_not_lie_on_each_other(opened, maps):
    """Numbered pins are moved apart by leaders."""
    page = opened(maps / "zh.html")
    page.click("#phase button[data-phase=after]")
    until(page, "document.querySelectorAll('.pin circle:nth-of-type(2)').length === 6")
    heads = page.evaluate(
        "[...document.querySelectorAll('.pin circle:nth-of-type(2)')].map(c => { const b = c.getBoundingClientRect(); return [b.x, b.y]; })"
    )
    assert len(heads) == 6
    for i, a in enumerate(heads):
        for b in heads[:i]:
            assert max(abs(a[0] - b[0]), abs(a[1] - b[1])) > 20


def test_findings_lead_to_their_layer(opened, maps):
    """A finding shows its interval and brings its layer back."""
    page = opened(maps / "zh.html")
    page.locator("#tree .layer", has_text="泊位").locator("input").first.uncheck()
    card = page.locator(".finding", has_text="岸电")
    assert "25–50 %" in card.inner_text()
    card.locator("button").click()
    assert layer_state(page, "berths") == [True]
    assert page.evaluate("plugspan.map.getZoom()") > 9


def test_measuring(opened, maps):
    """The tool adds up geodesic lengths: a degree of the meridian at 27° north is 110.8 km."""
    page = opened(maps / "en.html")
    metres = page.evaluate("plugspan.distance({lat: 26.5, lng: 113}, {lat: 27.5, lng: 113})")
    assert metres == pytest.approx(110_797, abs=30)
    assert page.evaluate("plugspan.distance({lat: 27, lng: 113}, {lat: 27, lng: 114})") == pytest.approx(
        99_250, abs=40
    )
    page.click("#measure")
    box = page.locator("#map").bounding_box()
    for dx in (100, 300, 300):
        page.mouse.click(box["x"] + dx, box["y"] + 300)
        page.wait_for_timeout(20)
    assert re.fullmatch(r"[\d.]+ km", page.inner_text(".measured"))
    assert page.locator(".leaflet-popup").count() == 0
    page.keyboard.press("Escape")
    assert page.get_attribute("#measure", "aria-pressed") == "false"


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_fits_the_screen(opened, maps, lang, viewport):
    """Nothing hangs over the edge, controls don't cover each other, and panels collapse on a phone."""
    phone = viewport is PHONE
    page = opened(maps / f"{lang}.html", viewport, has_touch=phone)
    assert page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight"
    )
    assert page.locator("#layers").is_visible() != phone
    assert page.locator("#map").bounding_box()["width"] >= (380 if phone else 600)
    for selector in ("header", "#notes", "#search", "#print", "#phase", ".tools"):
        box = page.locator(selector).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport["width"]
    page.click("#toggle-layers")
    assert page.locator("#layers").is_visible() == phone
    if phone:
        page.click("#toggle-findings")
        assert page.locator("#findings").is_visible()
        assert page.locator("#layers").is_hidden()


def test_keyboard_and_screen_readers(opened, maps):
    """Buttons and markers have names, a marker opens by Enter, changes are announced, the language is set."""
    page = opened(maps / "zh.html")
    assert page.get_attribute("html", "lang") == "zh-CN"
    unnamed = "[...document.querySelectorAll('button, input')].filter(b => !(b.getAttribute('aria-label') || b.textContent.trim() || b.closest('label')))"
    assert page.evaluate(f"{unnamed}.length") == 0
    page.locator(f"[aria-label*=' · {text('legend.facility-no', 'zh')}']").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".popup")
    page.click("#phase button[data-phase=after]")
    assert page.inner_text("#live") == "方案实施后"


def test_paper(opened, maps):
    """On paper: title, findings, map, legend and notes on one sheet, no buttons; afterwards all is as before."""
    page = opened(maps / "zh.html")
    page.evaluate("plugspan.view.layers.forEach(l => { l.on = true; }); plugspan.showLayer('berths')")
    assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    for selector in ("nav", ".tools", "#plan", "#search"):
        assert page.locator(selector).is_hidden()
    assert page.locator("#findings").is_visible()
    # A printer's paper may be narrower than a phone's limit for the style sheet: the legend keeps its size.
    high = page.evaluate("document.querySelector('#tree').scrollHeight")
    page.set_viewport_size({"width": 800, "height": 768})
    assert page.evaluate("document.querySelector('#tree').scrollHeight") == high
    page.set_viewport_size(DESK)
    assert page.locator("#layers").is_visible()
    legend, notes = page.locator("#tree > :last-child").bounding_box(), page.locator("#notes").bounding_box()
    assert legend["y"] + legend["height"] <= notes["y"] + 1
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("nav").is_visible()


def test_old_browser(opened, maps):
    """Without DecompressionStream the dense layers are missing, which is said; the rest works."""
    page = opened(maps / "zh.html", before="delete window.DecompressionStream;")
    assert "浏览器版本过旧" in page.inner_text("#warning")
    assert layer_state(page, "berths") == [True]
    assert layer_state(page, "roads") == []


def test_tiles_beside_the_map(opened, tmp_path):
    """A basemap from a folder beside the page is shown, and its credit stands in the notes."""
    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    for x in range(4):
        for y in range(4):
            (tmp_path / "tiles" / "2" / str(x)).mkdir(parents=True, exist_ok=True)
            (tmp_path / "tiles" / "2" / str(x) / f"{y}.png").write_bytes(png)
    basemap = Basemap("tiles/{z}/{x}/{y}.png", "© Example tiles", max_zoom=2)
    write_map(MapPage(**case("en", n_roads=10), basemap=basemap), tmp_path / "map.html")
    page = opened(tmp_path / "map.html")
    until(page, "[...document.querySelectorAll('img.leaflet-tile')].some(t => t.naturalWidth === 1)")
    assert "© Example tiles" in page.inner_text("#notes")
    page.locator("#tree input").first.uncheck()
    assert page.locator("img.leaflet-tile").count() == 0


def hostile_map(path):
    """A map in which every text is hostile, and so are the strip charts."""
    names = HOSTILE
    fields = schema("t", col("name"), col("ref"))
    common = {"label_column": "name", "search_column": "name", "strip_column": "ref"}
    towns = Layer(
        "towns", "layer.towns", named_points(names, ref=names), fields, styles.TOWNS, "background", **common
    )
    pins = Layer(
        "proposed",
        "layer.proposed",
        named_points(names, ref=names),
        fields,
        styles.PROPOSED,
        "plan",
        **common,
    )
    lines = frame(
        {"name": names, "ref": names, "spacing_class": "gap", "side": 0},
        [LineString([(113, 27.1 + 0.02 * i), (113.2, 27.1 + 0.02 * i)]) for i in range(len(names))],
    )
    routes = Layer("routes", "layer.routes", lines, fields, styles.route_style(25, 40), "routes", **common)
    many = frame(
        {"name": names * 60, "ref": names * 60},
        [Point(113 + 0.0002 * i, 26.9) for i in range(60 * len(names))],
    )
    dense = Layer("issues", "layer.issues", many, fields, styles.ISSUES, "quality", **common)
    findings = [FindingRow(name, "not met", name, name, "towns", "met", name, name) for name in names]
    note = SourceNote(" ".join(names), names[2], approval=names[1], extra=tuple(names))
    title, strips = " ".join(names), dict.fromkeys(names, EVIL_SVG)
    layers = [routes, dense, towns, pins]
    write_map(MapPage(layers, title, findings, lang="en", subtitle=title, note=note, strips=strips), path)


def test_hostile_names_are_inert(opened, tmp_path):
    """Names that try to run come out as text in every place, and no strip chart runs, loads or links."""
    hostile_map(tmp_path / "map.html")
    page = opened(tmp_path / "map.html")
    for layer in ("routes", "towns", "proposed", "issues"):
        for i in range(len(HOSTILE)):
            page.evaluate(
                "([n, i]) => plugspan.goTo(plugspan.view.layers.find(l => l.spec.name === n), [i])",
                [layer, i],
            )
        if layer != "issues":
            page.locator(".leaflet-popup-content button.plain").click()
    page.locator(".leaflet-interactive").first.hover(force=True)
    for name in HOSTILE:
        page.fill("#search", name)
        page.wait_for_timeout(15)
    assert page.evaluate("window.hacked") is None
    assert (
        page.evaluate(
            "document.querySelectorAll('main img, main iframe, main script, main a[href]:not(.leaflet-popup-close-button), header img, footer img').length"
        )
        == 0
    )
    shown = page.locator(".finding h3").all_text_contents()
    assert shown == HOSTILE
    assert page.evaluate("[...document.querySelectorAll('#strip svg *')].map(n => n.localName)") == [
        "rect",
        "text",
        "tspan",
    ]
    rect = page.evaluate(
        "Object.fromEntries([...document.querySelector('#strip rect').attributes].map(a => [a.name, a.value]))"
    )
    assert rect == {"width": "9", "height": "9", "clip-path": "url(#own)", "stroke": "#123456"}
    assert page.text_content("#strip text") == "kept <b>x tail"


def test_popup_gives_names_letter_by_letter(opened, tmp_path):
    """A popup's heading and table hold exactly the name of the data."""
    hostile_map(tmp_path / "map.html")
    page = opened(tmp_path / "map.html")
    for i, name in enumerate(HOSTILE):
        page.evaluate("i => plugspan.goTo(plugspan.view.layers.find(l => l.spec.name === 'towns'), [i])", i)
        assert page.locator(".popup h2").text_content() == name
        assert page.locator(".popup td").first.text_content() == name


def two_ways(path, n):
    """A road in both directions in so many pieces, a gap one way and good the other, and many sites in one place."""
    along = [113 + 0.4 * i / n for i in range(n + 1)]
    pieces = [LineString([(a, 27.0), (b, 27.0)]) for a, b in zip(along, along[1:], strict=False)]
    lines = frame(
        {"ref": ["G1"] * 2 * n, "spacing_class": ["gap"] * n + ["good"] * n, "side": [1] * 2 * n},
        [*pieces, *(piece.reverse() for piece in pieces)],
    )
    routes = Layer(
        "routes", "layer.routes", lines, schema("routes", col("ref")), styles.route_style(25, 40), "routes", search_column="ref",
    )  # fmt: skip
    many = frame(
        {"name": [f"站{i}" for i in range(700)], "site_class": ["yes", "no"] * 350},
        [Point(113.2 + 0.0001 * (i % 20), 27.05 + 0.0001 * (i // 20)) for i in range(700)],
    )
    sites = Layer(
        "charging_sites", "layer.charging_sites", many, schema("s", col("name")), styles.SITES, "places", search_column="name",
    )  # fmt: skip
    write_map(MapPage([routes, sites], "t"), path)


@pytest.mark.parametrize("n", [10, 1300], ids=["small", "dense"])
def test_directions_lie_side_by_side(opened, tmp_path, n):
    """Eastwards lies south of westwards, on the screen and for a click, in small layers and in dense ones."""
    two_ways(tmp_path / "map.html", n)
    page = opened(tmp_path / "map.html")
    for dy, wanted in ((-3, "间距小于"), (3, "缺口")):
        page.keyboard.press("Escape")
        at = page.evaluate(
            """dy => { plugspan.map.setView([27.0, 113.2], 13, {animate: false}); const p = plugspan.map.latLngToContainerPoint([27.0, 113.2]);
            const box = plugspan.map.getContainer().getBoundingClientRect(); return [p.x + box.left + 40, p.y + box.top + dy]; }""",
            dy,
        )
        page.mouse.click(*at)
        page.wait_for_selector(".popup-kind")
        assert wanted in page.inner_text(".popup-kind")
    assert page.locator(".name.shield").all_inner_texts() == ["G1"]


def test_many_points_gather(opened, tmp_path):
    """Zoomed out a disc stands for many sites; a click goes nearer until the sites stand alone."""
    two_ways(tmp_path / "map.html", 10)
    page = opened(tmp_path / "map.html")
    grid = "plugspan.view.layers.find(l => l.spec.name === 'charging_sites').grid"
    page.evaluate("void plugspan.map.setView([27.052, 113.201], 11, {animate: false})")
    assert page.evaluate(f"Boolean({grid}.clusterAt(plugspan.map.getCenter()))")
    box = page.locator("#map").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    until(page, "plugspan.map.getZoom() >= 13")
    assert page.evaluate(f"{grid}.clusterAt(plugspan.map.getCenter())") is None
    assert page.locator(".leaflet-popup").count() == 0


def test_arrow_keys_go_from_symbol_to_symbol(opened, maps):
    """One symbol is a stop of the Tab key; arrows reach the others, Enter opens, Escape leads back."""
    page = opened(maps / "zh.html")
    stops = "[...document.querySelectorAll('#map [tabindex=\"0\"]')].filter(n => n.matches('.leaflet-marker-icon, path')).length"
    until(page, f"{stops} === 1")
    # Lines are no stops: from the map the Tab key goes to the one symbol, from there out of the map's content.
    page.locator(".folium-map").focus()
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.localName"))
    assert "path" not in reached
    page.locator("#map .leaflet-marker-icon[tabindex='0']").focus()
    seen = set()
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
        seen.add(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert len(seen) > 2
    assert page.evaluate(stops) == 1
    page.keyboard.press("Enter")
    page.wait_for_selector(".popup")
    assert page.evaluate("Boolean(document.activeElement.closest('.leaflet-popup'))")
    page.keyboard.press("Escape")
    until(page, "document.activeElement.matches('.leaflet-marker-icon')")


def test_calm_for_those_who_ask(opened, maps):
    """With reduced motion the map jumps instead of flying."""
    page = opened(maps / "zh.html", reduced_motion="reduce")
    zoom = page.evaluate("plugspan.map.getZoom()")
    page.locator(".tools button").first.click()
    assert page.evaluate("plugspan.map.getZoom()") == zoom + 1


def test_layers_without_data_are_named_once(opened, tmp_path):
    """A layer that holds nothing is no line of the legend; that there are no data is said at its foot."""
    nothing = Layer(
        "berths", "layer.berths", frame({"name": [], "status": []}, []), schema("b", col("name")), styles.berth_style(), "places"
    )  # fmt: skip
    arguments = case("zh", n_roads=10)
    layers = [layer for layer in arguments.pop("layers") if layer.name != "berths"]
    write_map(MapPage([*layers, nothing], **arguments), tmp_path / "map.html")
    page = opened(tmp_path / "map.html")
    assert page.locator("#tree .layer-title", has_text="泊位").count() == 0
    assert page.inner_text("#tree .no-data") == "没有数据：泊位"


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_text_can_be_read_and_targets_hit(opened, maps, viewport):
    """Text has a contrast of 4.5 and 11 pixels; on a phone what one touches measures 40 pixels."""
    page = opened(maps / "zh.html", viewport, has_touch=viewport is PHONE)
    for panel in ("findings", "layers") if viewport is PHONE else ("",):
        if panel:
            page.click(f"#toggle-{panel}")
        assert page.evaluate(FAINT) == []
        if panel:
            assert page.evaluate(SMALL_TARGETS) == []


FAINT = """() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const numbers = s => s.match(/[\\d.]+/g).map(Number), out = [];
  const ground = n => { for (; n; n = n.parentElement) { const c = numbers(getComputedStyle(n).backgroundColor); if (c.length < 4 || c[3] > 0.7) return c; } return [255, 255, 255]; };
  for (const n of document.querySelectorAll('body *')) {
    if (![...n.childNodes].some(t => t.nodeType === 3 && t.textContent.trim()) || !n.getClientRects().length || n.closest('svg')) continue;
    let seen = 1; for (let p = n; p; p = p.parentElement) seen *= +getComputedStyle(p).opacity;
    const style = getComputedStyle(n), back = ground(n), ink = numbers(style.color).slice(0, 3).map((v, i) => v * seen + back[i] * (1 - seen));
    const a = light(ink), b = light(back), contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5 || parseFloat(style.fontSize) < 11) out.push(`${n.className} ${n.textContent} ${contrast} ${style.fontSize}`);
  }
  return out; }"""
SMALL_TARGETS = """() => [...document.querySelectorAll('button, summary, label, input')].filter(n => n.getClientRects().length
  && !(n.matches('input') && n.closest('label'))).map(n => [n.textContent, n.getBoundingClientRect()])
  .filter(([, b]) => b.width < 40 || b.height < 40).map(([text, b]) => `${text} ${b.width}×${b.height}`)"""
