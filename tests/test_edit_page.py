"""The edit mode of the map in a browser: tap, gap, undo, scenarios, completing, files; zh and en, desk and phone."""

from __future__ import annotations

import base64
import gzip
import json
import re
from itertools import pairwise

import numpy as np
import pytest
from conftest import HANGS_S
from plugspan.render.run import write_map_file
from plugspan.render.webmap.packing import b64gz
from plugspan.render.webmap.page import asset
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack
from test_webmap_browser import DESK, PHONE, opened, until  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(sample_plan, tmp_path_factory):
    """The sample's plan, and its map in both languages."""
    folder = tmp_path_factory.mktemp("edit")
    for lang in ("zh", "en"):
        write_map_file(sample_plan, folder / f"{lang}.html", overwrite=True, lang=lang)
    return sample_plan, folder


def on_ids(page):
    return set(page.evaluate("plugspan.actions().filter(a => a.on).map(a => a.id)"))


@pytest.mark.parametrize(("lang", "size"), [("zh", DESK), ("en", PHONE)])
def test_the_page_begins_with_the_plan_and_says_its_numbers(opened, pages, lang, size):  # noqa: F811
    """Figures are those of the run; opening the mode shows every rule, ranked gaps and the chosen actions."""
    plan, folder = pages
    page = opened(folder / f"{lang}.html", viewport=size)
    said, last = page.evaluate("plugspan.figures()"), plan.programme.steps.iloc[-1]
    assert on_ids(page) == set(plan.programme.chosen["id"])
    assert said["cost"] == pytest.approx(last["spent"])
    assert said["people"] == pytest.approx(last["people"])
    for finding in plan.after.findings:
        if finding.target is not None:
            assert said["rules"][finding.rule.id]["status"] == finding.status
    page.click("#toggle-edit")
    assert page.locator("#edit-rules tr").count() >= 6
    assert page.locator("#edit-gaps li").count() > 5
    assert page.locator("#edit-actions li").count() == len(plan.programme.chosen)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    text = page.inner_text("#edit")
    assert not re.search(r"map\\.edit|undefined|NaN|\\{\\w+\\}", text)


def test_by_hand(opened, pages):  # noqa: F811
    """Switch a site off by its symbol, close the gap from its popup, undo, redo, reset: by mouse and by keyboard."""
    _, folder = pages
    page = opened(folder / "en.html")
    page.click("#toggle-edit")
    before = page.evaluate("plugspan.figures()")
    assert page.locator("#phase button[aria-pressed=true]").all_inner_texts() == ["Edited"]
    classes = page.locator("#edit-legend .category small").all_inner_texts()
    spot = page.locator(
        '.edit-spot[data-ids="route_point-G106-0-K240.0"], .edit-spot[aria-pressed="true"]'
    ).first
    name = spot.get_attribute("data-ids")
    spot.evaluate("node => node.click()")
    assert name not in on_ids(page) or " " in name
    page.evaluate(
        "plugspan.actions().filter(a => a.on && a.kind === 'new_site' && a.may)"
        ".forEach(a => plugspan.set([a.id], false))"
    )
    worst = page.evaluate("plugspan.figures()")
    assert worst["longest_gap_km"] > before["longest_gap_km"]
    assert worst["gaps_over"] > 0
    assert page.locator("#edit-gaps .over").count() > 0
    assert page.locator("#edit-legend .category small").all_inner_texts() != classes
    page.locator("#edit-gaps button").first.evaluate("node => node.click()")
    page.wait_for_selector(".edit-places button")
    page.locator(".edit-places li button").first.evaluate("node => node.click()")
    closed = page.evaluate("plugspan.figures()")
    assert closed["cost"] > worst["cost"]
    page.keyboard.press("Control+z")
    assert page.evaluate("plugspan.figures()") == worst
    page.keyboard.press("Control+Shift+z")
    assert page.evaluate("plugspan.figures()") == closed
    page.click("#edit-reset")
    assert page.evaluate("plugspan.figures()") == before
    page.click("#edit-undo")
    assert page.evaluate("plugspan.figures()") == closed
    # At a mark, by the keyboard alone.
    page.focus("#edit-gaps button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".edit-mark input")
    mark = page.locator(".edit-mark input")
    wanted = float(mark.input_value()) + 0.5
    mark.fill(f"{wanted:.3f}")
    mark.press("Tab")
    page.keyboard.press("Enter")
    (place,) = page.evaluate("plugspan.scenario().places")
    assert place["km"] == pytest.approx(wanted)
    page.click("#phase [data-phase=before]")
    assert page.locator("#phase button[aria-pressed=true]").all_inner_texts() == ["Today"]
    assert page.locator("#edit").is_hidden()


def test_what_is_open_says_the_state_after_a_change(opened, pages):  # noqa: F811
    """The tooltip of a place that is tapped, and the boxes of a place with several actions, undone from elsewhere."""
    _, folder = pages
    page = opened(folder / "en.html")
    page.click("#toggle-edit")
    ids = page.locator(".edit-spot").evaluate_all("nodes => nodes.map(node => node.dataset.ids)")
    alone = next(name for name in ids if name.startswith("route_point") and " " not in name)
    page.evaluate("id => plugspan.set([id], false)", alone)
    spot = page.locator(f'.edit-spot[data-ids="{alone}"]')
    spot.dispatch_event("mouseover")
    page.wait_for_selector(".leaflet-tooltip:has-text('· off')")
    spot.dispatch_event("click")
    assert alone in on_ids(page)
    assert page.locator(".leaflet-tooltip").inner_text().endswith("· on")
    several = next(name for name in ids if "upgrade" in name and name.startswith("site:"))
    page.locator(f'.edit-spot[data-ids="{several}"]').dispatch_event("click")
    boxes = page.locator(".edit-spot-box input")
    was = boxes.evaluate_all("nodes => nodes.map(node => node.checked)")
    boxes.first.evaluate("node => node.click()")
    assert boxes.evaluate_all("nodes => nodes.map(node => node.checked)") != was
    page.click("#edit-undo")
    assert boxes.evaluate_all("nodes => nodes.map(node => node.checked)") == was


def test_gaps_have_the_ids_of_the_run(opened, pages):  # noqa: F811
    """In the ranked list, which tells the two directions apart, in the summary and in the popup."""
    plan, folder = pages
    known = set(plan.after.gaps["gap_id"])
    page = opened(folder / "zh.html")
    page.click("#toggle-edit")
    listed = page.locator("#edit-gaps small").all_inner_texts()
    assert len(listed) > 5
    assert set(listed) <= known
    assert len(set(page.locator("#edit-gaps button").all_inner_texts())) == len(listed)
    page.click("[data-part=summary] summary")
    assert listed[0] in page.inner_text("#edit-sheet")
    page.locator("#edit-gaps button").first.evaluate("node => node.click()")
    assert page.locator(".popup.edit-gap h2 small").inner_text() == listed[0]


def test_a_page_with_candidates_only_says_so(opened, pages):  # noqa: F811
    """Where one would ask for a place at any metre, in the gap and at the end of a drag."""
    plan, folder = pages
    text = (folder / "en.html").read_text("utf-8")
    packed = re.search(r'id="plugspan-edit">\{"packed":"([^"]+)"', text)[1]
    model = json.loads(gzip.decompress(base64.b64decode(packed))) | {"own": None}
    bare = folder / "bare.html"
    bare.write_text(text.replace(packed, b64gz(json.dumps(model).encode())), "utf-8")
    page = opened(bare)
    page.click("#toggle-edit")
    page.click("#edit-gaps button")
    page.wait_for_selector(".edit-bound:has-text('only be placed on candidates')")
    assert page.locator(".edit-mark").count() == 0
    page.keyboard.press("Escape")
    drag(page, plan.programme.chosen)
    page.wait_for_selector("#edit-note:has-text('only be placed on candidates')")
    assert on_ids(page) == set(plan.programme.chosen["id"])


def drag(page, chosen):
    """Drag the symbol of the first new site at a mark by some pixels; its id."""
    mine = next(str(a) for a in chosen["id"] if str(a).startswith("route_point"))
    at = chosen.set_index("id").geometry[mine]
    page.evaluate("([x, y]) => plugspan.map.setView([y, x], 10, { animate: false })", [at.x, at.y])
    box = page.locator(f'.edit-spot[data-ids="{mine}"]').bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 10, y + 60, steps=5)
    page.mouse.move(x + 10, y + 90, steps=5)
    page.mouse.up()
    return mine


def test_a_site_of_today_is_switched_off_by_key(opened, pages):  # noqa: F811
    """Enter on its symbol; it is listed, and can be had back."""
    _, folder = pages
    page = opened(folder / "zh.html")
    page.click("#toggle-edit")
    spot = page.locator('.edit-spot[data-ids^="site:"]:not([data-ids*=" "])').first
    before = page.evaluate("plugspan.figures()")
    spot.focus()
    page.keyboard.press("Enter")
    assert spot.get_attribute("aria-pressed") == "true"
    told = page.evaluate("plugspan.scenario()")
    assert told["off"] == [spot.get_attribute("data-ids")]
    page.keyboard.press("Enter")
    assert page.evaluate("plugspan.figures()") == before


def test_a_proposed_site_is_drawn_along_its_road(opened, pages):  # noqa: F811
    """Dragged by the mouse it lands on a metre of the road, which the file names; its mark can be written, too."""
    plan, folder = pages
    page = opened(folder / "en.html")
    page.click("#toggle-edit")
    mine = drag(page, plan.programme.chosen)
    now = on_ids(page)
    assert mine not in now
    assert len(now) == len(plan.programme.chosen)
    told = page.evaluate("plugspan.scenario()")
    (place,) = told["places"]
    assert mine.startswith(f"route_point-{place['ref']}-{place['section']}-")
    assert len(told["on"]) == len(plan.programme.chosen) - 1
    mark = page.locator("#edit-actions input[type=number]")
    mark.fill(f"{place['km'] + 0.123:.3f}")
    mark.press("Enter")
    (moved,) = page.evaluate("plugspan.scenario().places")
    assert moved["km"] == pytest.approx(place["km"] + 0.123)
    page.evaluate("told => plugspan.load(told)", told)
    assert page.evaluate("plugspan.scenario()")["places"] == [place]
    assert page.evaluate("plugspan.figures()") == told["figures"]
    for _ in range(3):
        page.click("#edit-undo")
    assert mine in on_ids(page)
    assert page.evaluate("plugspan.scenario().places") == []


def test_scenarios_are_kept_compared_saved_and_opened(opened, pages, tmp_path):  # noqa: F811
    """Side by side in a table and in two colours on the map; the file that is downloaded opens again."""
    _, folder = pages
    page = opened(folder / "en.html", accept_downloads=True)
    page.click("#toggle-edit")
    page.click("#edit-keep")
    page.evaluate(
        "plugspan.set(plugspan.actions().filter(a => a.on && a.may).slice(0, 3).map(a => a.id), false)"
    )
    page.click("#edit-keep")
    assert page.locator("#edit-scenarios input").count() == 2
    page.locator(".scenario-tools").first.locator("button").nth(1).click()
    assert page.locator(".edit-key span").count() == 3
    told = page.evaluate("plugspan.scenario('mine')")
    with page.expect_download() as download:
        page.click("#edit-save")
    path = tmp_path / "scenario.json"
    download.value.save_as(path)
    saved = json.loads(path.read_text("utf-8"))
    assert {k: v for k, v in saved.items() if k != "name"} == {k: v for k, v in told.items() if k != "name"}
    page.click("#edit-reset")
    page.set_input_files("#edit-file", str(path))
    until(page, f"plugspan.scenario().on.length === {len(told['on'])}")
    again = page.evaluate("plugspan.scenario('mine')")
    assert again["figures"] == told["figures"]
    assert set(again["on"]) == set(told["on"])
    for bad in ("{", "[]", '{"schema": 2}', '{"schema": 1, "on": [3]}'):
        path.write_text(bad, "utf-8")
        page.set_input_files("#edit-file", str(path))
        page.wait_for_selector("#edit-note:has-text('scenario.json')")
        assert page.evaluate("plugspan.figures()") == told["figures"]
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_completing_keeps_what_is_pinned(opened, pages):  # noqa: F811
    """What was switched off stays off, all rules are met again, value and bound are told, and it can be stopped."""
    plan, folder = pages
    page = opened(folder / "zh.html")
    gone = plan.programme.chosen.query("kind == 'new_site' and without_lost == 0")["id"].tolist()[:2]
    page.evaluate("ids => plugspan.set(ids, false)", gone)
    own = (
        plan.programme.chosen.query("kind == 'new_site'")["id"]
        .str.extract(r"route_point-(\w+)-1-([\d.]+)$")
        .dropna()
    )
    place = {"ref": own[0].iloc[0], "km": round(float(own[1].iloc[0]) + 1.234, 3)}
    name = page.evaluate("place => plugspan.place(place)", place)
    page.set_default_timeout(HANGS_S * 1000)
    done = page.evaluate("plugspan.complete({ seconds: 1 })")
    assert name in on_ids(page)
    assert not set(gone) & on_ids(page)
    assert done["rows"]["served"] == done["rows"]["asked"]
    assert done["missed"] == []
    assert done["money"]["bound"] <= done["money"]["value"] + 1e-6
    assert all(r["status"] in (None, "met") for r in page.evaluate("plugspan.figures()")["rules"].values())
    stopped = page.evaluate(
        "(async () => { const wait = plugspan.complete({ seconds: 60 }); plugspan.stop(); return wait; })()"
    )
    assert stopped == {"stopped": True}


def covering(seed):
    """A small problem: rows that want one or two of some actions, demand, whole costs."""
    rng = np.random.default_rng(seed)
    n, m, d = 14, 9, 12
    cover = rng.random((m, n)) < 0.3
    cover[np.arange(m), rng.integers(0, n, m)] = True
    reach = rng.random((d, n)) < 0.25
    need = np.where(cover.sum(axis=1) > 3, rng.integers(1, 3, m), 1)
    return (
        cover,
        need,
        reach,
        rng.integers(1, 9, d),
        rng.integers(1, 9, n),
        rng.random(n) < 0.1,
        rng.random(n) < 0.1,
    )


def lists(matrix):
    rows = [np.flatnonzero(row).tolist() for row in matrix]
    return np.cumsum([0, *map(len, rows)]).tolist(), [j for row in rows for j in row]


def test_the_bounds_hold(browser):
    """Against branch and bound: no bound is better than the best plan, and small plans are the best ones."""
    page = browser.new_page()
    page.add_script_tag(content=asset("web/edit_complete.js"))
    hits = 0
    for seed in range(30):
        cover, need, reach, weight, cost, on, off = covering(seed)
        off &= ~on
        start, action = lists(cover)
        reach_start, reach_action = lists(reach)
        able = (cover & ~off).sum(axis=1) >= need
        rows = [LinearConstraint(cover[able].astype(float), need[able], np.inf)] if able.any() else []
        limits = Bounds(on.astype(float), (~off).astype(float))
        least = milp(cost, constraints=rows, bounds=limits, integrality=np.ones(14))
        budget = float(np.ceil(least.fun * 1.3))
        problem = {
            "n": 14, "cost": cost.tolist(), "on": on.tolist(), "off": off.tolist(), "unit": 1, "seconds": 0.3,
            "rows": {"start": start, "action": action, "amount": [], "need": need.tolist()},
            "demand": {"start": reach_start, "action": reach_action, "weight": weight.tolist()}, "budget": budget,
        }  # fmt: skip
        found = page.evaluate("problem => completePlan(problem, () => {})", problem)
        chosen = np.array(found["chosen"], bool)
        assert (chosen >= on).all()
        assert not (chosen & off).any()
        assert (cover[able].astype(int) @ chosen >= need[able]).all()
        assert found["costBound"] <= least.fun + 1e-6
        # The most demand: columns [x | z].
        link = LinearConstraint(np.hstack([reach.astype(float), -np.eye(12)]), 0, np.inf)
        money = LinearConstraint(np.concatenate([cost, np.zeros(12)])[None, :], -np.inf, budget)
        kept = [
            LinearConstraint(
                np.hstack([cover[able].astype(float), np.zeros((able.sum(), 12))]), need[able], np.inf
            )
        ]
        most = milp(
            np.concatenate([np.zeros(14), -weight]), constraints=[link, money, *(kept if able.any() else [])],
            bounds=Bounds(np.concatenate([on, np.zeros(12)]), np.concatenate([~off, np.ones(12)])),
            integrality=np.ones(26),
        )  # fmt: skip
        assert found["cost"] == pytest.approx(float(cost[chosen].sum()))
        assert found["cost"] <= budget + 1e-6
        assert found["people"] == pytest.approx(float(weight[reach[:, chosen].any(axis=1)].sum()))
        assert found["peopleBound"] >= -most.fun - 1e-6
        hits += found["people"] >= -most.fun - 1e-6
    page.close()
    assert hits >= 27


def test_what_is_left_goes_near_the_most(browser):
    """60 places, 500 demands, 9 to choose: within 1 % of what branch and bound finds, and so is the bound."""
    page = browser.new_page()
    page.add_script_tag(content=asset("web/edit_complete.js"))
    for seed in range(6):
        rng = np.random.default_rng(seed)
        demands, places, weight = rng.random((500, 2)), rng.random((60, 2)), rng.integers(1, 101, 500)
        reach = np.hypot(*(demands[:, None] - places[None]).transpose(2, 0, 1)) <= 0.17
        start, action = lists(reach)
        problem = {
            "n": 60, "cost": [1] * 60, "on": [0] * 60, "off": [0] * 60, "unit": 1, "seconds": 3, "budget": 9,
            "rows": {"start": [0], "action": [], "amount": [], "need": []},
            "demand": {"start": start, "action": action, "weight": weight.tolist()},
        }  # fmt: skip
        found = page.evaluate("problem => completePlan(problem, () => {})", problem)
        most = milp(
            np.concatenate([np.zeros(60), -weight]),
            constraints=[
                LinearConstraint(hstack([csr_array(reach.astype(float)), -eye_array(500)]), 0, np.inf),
                LinearConstraint(np.concatenate([np.ones(60), np.zeros(500)])[None, :], -np.inf, 9),
            ],
            bounds=Bounds(0, 1),
            integrality=np.concatenate([np.ones(60), np.zeros(500)]),
        )
        served = weight[reach[:, np.array(found["chosen"], bool)].any(axis=1)].sum()
        assert served == found["people"]
        assert 0.99 * -most.fun <= served <= -most.fun + 1e-6
        assert -most.fun - 1e-6 <= found["peopleBound"] <= 1.01 * -most.fun
    page.close()


INSIDE = """(...two) => { const [a, b] = two.map(s => document.querySelector(s).getBoundingClientRect());
  return a.left >= b.left && a.right <= b.right + 0.5 && a.top >= b.top - 0.5 && a.bottom <= b.bottom + 0.5; }"""


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_popup_and_strip_of_a_gap_stand_whole(opened, pages, size):  # noqa: F811
    """Neither leaves its frame; headings descend by one, and no control stands within another."""
    page = opened(pages[1] / "zh.html", size)
    page.click("#toggle-edit")
    page.click("#edit-gaps button")
    page.wait_for_selector(".popup.edit-gap h2")
    # The map moves until the popup is in it.
    until(page, f"({INSIDE})('.leaflet-popup-content-wrapper', '#map')")
    until(page, f"({INSIDE})('.popup.edit-gap p', '.leaflet-popup-content')")
    if size == DESK:
        until(page, f"({INSIDE})('#strip svg', '#strip')")
    assert page.locator("summary :is(input, button, a)").count() == 0
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.tagName[1]))")
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_the_look(opened, pages):  # noqa: F811
    """All gaps are in the first view, names of districts stay, a tap beside a gap takes it, the print has findings."""
    _, folder = pages
    page = opened(folder / "zh.html")
    out = page.evaluate(
        """() => { const l = plugspan.view.layers.find(l => l.spec.name === 'routes');
        const seen = plugspan.map.getBounds();
        return l.spec.cat.filter((c, i) => c === 2 && !seen.contains(l.bounds(i))).length; }"""
    )
    assert out == 0
    names = """() => Object.fromEntries([...document.querySelectorAll('.name.area')]
        .map(n => [n.textContent, n.style.transform]))"""
    until(page, "document.querySelectorAll('.name.area').length > 5")
    today = page.evaluate(names)
    page.evaluate("plugspan.setPhase('after')")
    until(page, "document.querySelectorAll('.pin').length > 5")
    page.wait_for_selector(".name.area")
    after = page.evaluate(names)
    assert {name: after[name] for name in today if name in after} == today
    page.evaluate("plugspan.setPhase('before')")
    spot = page.evaluate(
        """() => { const l = plugspan.view.layers.find(l => l.spec.name === 'routes');
        const i = l.spec.cat.indexOf(2), at = l.anchor(i);
        plugspan.map.setView(at, 11, { animate: false });
        const line = l.items[i].getLayers()[0]._parts.flat(), p = plugspan.map.latLngToLayerPoint(at);
        const near = [...line.keys()].reduce((a, b) => line[a].distanceTo(p) <= line[b].distanceTo(p) ? a : b);
        const k = Math.max(1, near), dx = line[k].x - line[k - 1].x, dy = line[k].y - line[k - 1].y;
        const size = Math.hypot(dx, dy), middle = line[k].add(line[k - 1]).divideBy(2);
        const off = middle.add([-dy / size * 10, dx / size * 10]), c = plugspan.map.layerPointToContainerPoint(off);
        const box = plugspan.map.getContainer().getBoundingClientRect(); return [c.x + box.left, c.y + box.top]; }"""
    )
    page.mouse.click(*spot)
    page.wait_for_selector(".popup .popup-kind")
    assert "普通国省干线" in page.inner_text(".popup .popup-kind")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#findings").is_visible()
    assert page.evaluate(
        "(box => box.scrollHeight <= box.clientHeight + 2)(document.getElementById('finding-list'))"
    )
    page.evaluate("dispatchEvent(new Event('afterprint'))")
