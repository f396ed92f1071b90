"""How long the map's edit mode takes to recount a plan: the sample, and a prefecture (100 000 roads, 3 000 demands).

    python benchmarks/edit_page.py [--times 60] [--seeds 6]

The prefecture is made of copies of the sample's roads, joined, with six times its routes. Median and longest time of an
edit in headless Chromium (named by CHROMIUM, or on the PATH) are printed, in milliseconds; nothing is asserted.
Then "complete the plan": 300 places, 3 000 demands in a square, 40 to choose,
each within 0.08 of its side; what is served, the bound and the gap between, by seed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from itertools import accumulate

import numpy as np
from playwright.sync_api import sync_playwright
from plugspan.pipeline import assess_study, find_places
from plugspan.programme import plan_programme
from plugspan.project import read_project
from plugspan.render.webmap.page import asset
from plugspan.siting.edit_model import edit_model
from plugspan.study import load, sample_project

ROADS, ROUTES, DEMANDS = 28, 6, 3000
"""Copies of the sample's roads and routes, and demands."""
PLACES, CHOSEN, REACH = 300, 40, 0.08
TIMED = """
window.timed = (model, times) => {
  const core = new EditCore(model), on = new Uint8Array(core.n), off = new Uint8Array(core.sites), found = [];
  for (let k = 0; k < times + 20; k++) {
    on[(k * 7) % core.n] ^= 1;
    const begun = performance.now();
    core.assess(on, off);
    if (k >= 20) found.push(performance.now() - begun);
  }
  found.sort((a, b) => a - b);
  return [found[times >> 1], found[times - 1]];
};
"""


def larger(model):
    """The model with as many roads, routes and demands as a prefecture has."""
    big = json.loads(json.dumps(model))
    for graph in big["edges"]:
        n = graph["nodes"]
        for name in ("u", "v", "piece_u", "piece_v"):
            graph[name] = [node + n * copy for copy in range(ROADS) for node in graph[name]]
        for name in ("m", "piece_m", "weight_m"):
            graph[name] = graph[name] * ROADS
        pieces = max(graph["piece"]) + 1
        graph["piece"] = [
            p + pieces * copy if p >= 0 else -1 for copy in range(ROADS) for p in graph["piece"]
        ]
        graph["from"] = graph["from"] * ROADS
        graph["nodes"] = n * ROADS
        for copy in range(ROADS - 1):
            for k in range(20):
                graph["u"].append(n * copy + 50 * k)
                graph["v"].append(n * (copy + 1) + 50 * k)
                graph["m"].append(4000.0)
                graph["piece"].append(-1)
                graph["from"].append(0.0)
    for net in big["nets"]:
        net["once"]["alone"] = net["once"]["alone"] * ROUTES
        n, shared = len(net["drives"]), net["once"]["shared"]
        net["once"]["shared"] = [
            [x + n * k if i % 6 == 0 else x for i, x in enumerate(road)]
            for k in range(ROUTES)
            for road in shared
        ]
        net["drives"] = [d | {"ref": f"{d['ref']}/{k}"} for k in range(ROUTES) for d in net["drives"]]
    for reach in big["reaches"]:
        n = len(reach["id"])
        copies = DEMANDS // n + 1
        near = [
            reach["place"][a:b] for a, b in zip(reach["start"], reach["start"][1:], strict=False)
        ] * copies
        reach["start"] = [0, *accumulate(map(len, near))]
        reach["place"] = [place for places in near for place in places]
        reach["id"] = [f"{name}-{k}" for k in range(copies) for name in reach["id"]]
        for name in ("county", "weight", "lost"):
            reach[name] = reach[name] * copies
    return big


def scattered(seed):
    """Places and weighted demands anywhere in a square, as the page's completing takes them."""
    rng = np.random.default_rng(seed)
    demands, places = rng.random((DEMANDS, 2)), rng.random((PLACES, 2))
    near = [np.flatnonzero(np.hypot(*(places - one).T) <= REACH).tolist() for one in demands]
    return {
        "n": PLACES, "cost": [1] * PLACES, "on": [0] * PLACES, "off": [0] * PLACES,
        "budget": CHOSEN, "unit": 1, "seconds": 2.8,
        "rows": {"start": [0], "action": [], "amount": [], "need": []},
        "demand": {
            "start": [0, *accumulate(map(len, near))], "action": [place for places in near for place in places],
            "weight": rng.integers(1, 101, DEMANDS).tolist(),
        },
    }  # fmt: skip


def main():
    """Print a line for each size, and for each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=6)
    times, seeds = vars(parser.parse_args()).values()
    with sample_project() as path:
        study = load(read_project(path))
    candidates = find_places(study)
    programme = plan_programme(study, candidates)
    model = json.loads(json.dumps(edit_model(programme, assess_study(study, candidates), None)))
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.add_script_tag(content=asset("web/edit_roads.js") + asset("web/edit_core.js") + TIMED)
        for name, made in (("sample", model), ("prefecture", larger(model))):
            graph, reach = made["edges"][0], made["reaches"][0]
            median, longest = page.evaluate("([model, times]) => window.timed(model, times)", [made, times])
            print(
                f"{name}: {len(graph['u'])} roads, {len(graph['piece_u'])} pieces, {len(reach['id'])} demands, "
                f"{made['places']['n']} places: {median:.1f} ms, at most {longest:.1f} ms"
            )
        page.add_script_tag(content=asset("web/edit_complete.js"))
        for seed in range(seeds):
            found = page.evaluate("problem => completePlan(problem, () => {})", scattered(seed))
            served, bound = found["people"], found["peopleBound"]
            print(f"seed {seed}: {served:.0f} served, at most {bound:.0f}, gap {bound / served - 1:.2%}")
        browser.close()


if __name__ == "__main__":
    main()
