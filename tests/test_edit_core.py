"""The page's edit core against the assessment: random states of a plan, every figure to the last shown digit."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from itertools import pairwise, product

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from conftest import HANGS_S
from edit_states import Witness, random_places, with_places
from plugspan import make_plan
from plugspan.measure.covered import covered_length
from plugspan.network import read_network
from plugspan.network.refs import RoadClasses
from plugspan.network.routes import find_routes
from plugspan.pipeline import assess_study, find_places
from plugspan.programme import plan_programme
from plugspan.project import read_project
from plugspan.render.webmap import packing
from plugspan.render.webmap.page import asset
from plugspan.rules.gap_ids import GapIds
from plugspan.rules.policy import read_policy
from plugspan.siting.edit_model import edit_model
from plugspan.siting.world import favourable_rows
from plugspan.study import load, sample_project
from plugspan.tables.numbers import plain

pytestmark = pytest.mark.browser
RUN = """
window.recount = (states) => states.map(([on, off]) => {
  const found = window.core.assess(Uint8Array.from(on), Uint8Array.from(off)), spacing = {}, counties = {};
  for (const id in found.rules) {
    const { strict } = found.rules[id];
    if (found.rules[id].counties) counties[id] = [...found.rules[id].counties];
    if (strict) spacing[id] = { all: strict.all, routes: Object.fromEntries(strict.routes) };
  }
  const parts = Object.fromEntries(Object.entries(found.rules).map(([id, rule]) => [id, rule.parts || null]));
  return { figures: plainFigures(found), spacing, counties, parts };
});
"""
NETWORK = {
    "gap_max_m": "gap_max_m", "own_gaps_over": "gaps_over", "sites": "sites", "shared_gaps": "shared_gaps",
    "direction_sites": "direction_sites", "routes_over": "routes_over",
}  # fmt: skip
CLASSES = {
    "good_m": "0",
    "middle_m": "1",
    "gap_m": "2",
    "no_site_m": "no_site",
    "open_m": "open",
    "shared_m": "shared",
}


@pytest.fixture(scope="module")
def sample():
    """The sample's plan, its model as JSON, and its witness; photovoltaics have a target, and reach 3 km."""
    with sample_project() as path:
        study = load(read_project(path))
    pv = next(rule for rule in study.policy.rules if rule.kind == "pv_potential")
    asked = pv.target.model_copy(update={"report_only": False, "share_min": 0.8})
    asked_pv = pv.model_copy(update={"target": asked, "within_m": 3000.0})
    rules = tuple(asked_pv if rule is pv else rule for rule in study.policy.rules)
    study = replace(study, policy=study.policy.model_copy(update={"rules": rules}))
    candidates = find_places(study)
    programme = plan_programme(study, candidates)
    at = programme.stages.last_day
    model = edit_model(programme, assess_study(study, candidates), at)
    return programme, json.loads(json.dumps(model, allow_nan=False)), Witness(programme.world, at)


@pytest.fixture(scope="module")
def recount(browser):
    """A function that recounts states of a model in Chromium."""
    page = browser.new_page()
    page.set_default_timeout(HANGS_S * 1000)
    code = "\n".join(asset(f"web/{name}.js") for name in ("edit_roads", "edit_core"))
    page.add_script_tag(
        content=f"{code}\nwindow.make = (model) => {{ window.core = new EditCore(model); }};\n{RUN}"
    )

    def run(model, states, places=()):
        page.evaluate("model => window.make(model)", model)
        for place in places:
            page.evaluate("([line, m]) => window.core.addPlace(line, m, '', [0, 0])", list(place))
        numbers = [[on.astype(int).tolist(), off.astype(int).tolist()] for on, off in states]
        return page.evaluate("states => window.recount(states)", numbers)

    yield run
    page.close()


def assert_same(witness, states, recounted):
    """What the page says of each state is what the assessment says."""
    for (on, off), found in zip(states, recounted, strict=True):
        for name, finding in witness.findings(on, off).items():
            said = found["figures"]["rules"].get(name)
            if said is None or finding.rule.kind in ("inventory", "fleet_power"):
                continue
            expected = {"low": plain(finding.low), "high": plain(finding.high), "status": finding.status}
            assert said["status"] == expected["status"], (name, said, expected)
            for end in ("low", "high"):
                assert said[end] == pytest.approx(expected[end], abs=1.5e-6), (name, said, expected)
            if finding.unit in ("share", "margin") and finding.parts is not None:
                made_of = [number for ratio in finding.parts for number in ratio]
                assert found["parts"][name] == pytest.approx(made_of, abs=0.5), (name, made_of)
            if name in found["spacing"]:
                assert_same_spacing(finding, found["spacing"][name])
            if finding.rule.kind == "demand_reach":
                counties = dict(found["counties"][name])
                for row in finding.table.to_dict("records"):
                    if row["weight"]:
                        mine = counties[row["county"]]
                        assert mine["low"] / mine["weight"] == pytest.approx(row["low"], abs=1e-9)
                        assert mine["high"] / mine["weight"] == pytest.approx(row["high"], abs=1e-9)


def assert_same_spacing(finding, said):
    for name, own in CLASSES.items():
        assert finding.figures[name] == pytest.approx(said["all"]["classes"].get(own, 0.0), abs=2e-3), name
    for name, own in NETWORK.items():
        value = said["all"][own]
        assert finding.figures[name] == pytest.approx(value, abs=2e-3), name
    for row in finding.table.to_dict("records"):
        mine = said["routes"][row["ref"]]
        assert mine["sites"] == row["sites"]
        assert mine["gaps_over"] == row["own_gaps_over"]
        assert mine["gap_max_m"] == pytest.approx(row["gap_max_m"], abs=2e-3)
        for name, own in CLASSES.items():
            assert mine["classes"].get(own, 0.0) == pytest.approx(row[name], abs=2e-3), (
                row["ref"],
                name,
            )


def test_random_states_of_the_sample(sample, recount):
    """Actions on and off, today's sites switched off: each rule's interval and status, routes, classes, people."""
    _, model, witness = sample
    rng = np.random.default_rng(11)
    states = [witness.random(rng) for _ in range(5)]
    assert_same(witness, states, recount(model, states))


def test_new_sites_at_any_metre(sample, recount):
    """Places of one's own on the roads, some of them on, count as the assessment counts them."""
    programme, model, _ = sample
    rng = np.random.default_rng(8)
    places = random_places(model, rng, 12)
    witness = Witness(with_places(programme.world, programme.costs, model, places), programme.stages.last_day)
    states = [witness.random(rng) for _ in range(6)]
    assert_same(witness, states, recount(model, states, places))
    own = witness.world.actions.iloc[-len(places) :]
    assert (own["cost"] == model["own"]["cost"]).all()


def network(rng):
    """A small network as the page has it, with parallel roads, loops and lengths of 0; its span and its shares."""
    n, m = int(rng.integers(3, 14)), int(rng.integers(2, 26))
    u, v = rng.integers(0, n, m), rng.integers(0, n, m)
    length_m = rng.choice([0.0, 1000.0, 2000.0, 3000.0, 5000.0, 8500.0], m)
    sites, span_m = (
        rng.choice(n, int(rng.integers(0, min(n, 5) + 1)), replace=False),
        rng.choice([4e3, 8e3, 1.2e4, 2e4]),
    )
    counted = rng.random(m) < 0.8
    edges = pd.DataFrame({"u": u, "v": v, "length_m": length_m, "counted": counted})
    found = covered_length(edges, sites, span_m)
    ends = {"u": u.tolist(), "v": v.tolist(), "m": length_m.tolist()}
    spec = {
        "nodes": n, **ends, "piece": np.where(counted, np.arange(m), -1).tolist(), "from": [0] * m, "along": [],
        "place": sites.tolist(), "node": sites.tolist(), "on": {"piece": [], "place": [], "m": []},
        **{f"piece_{name}": values for name, values in ends.items()}, "weight_m": (length_m * counted).tolist(),
    }  # fmt: skip
    return [spec, float(span_m)], (found.edge_rule, found.two_site_rule)


def test_covered_length_of_small_networks(browser):
    """Both readings on the roads, as measure/covered.py has them."""
    rng = np.random.default_rng(1)
    asked, expected = zip(*(network(rng) for _ in range(400)), strict=True)
    page = browser.new_page()
    page.add_script_tag(content=asset("web/edit_roads.js") + "\nwindow.RoadGraph = RoadGraph;")
    measure = """cases => cases.map(([spec, span]) => { const graph = new RoadGraph(spec);
        return [graph.share(() => true, span), graph.twoSiteShare(() => true, span)]; })"""
    said = page.evaluate(measure, list(asked))
    page.close()
    assert np.array(said, float) == pytest.approx(np.array(expected), abs=1e-9, nan_ok=True)
    assert 0.2 < np.nanmean(np.array(expected)) < 0.8


def test_ids_of_gaps_are_those_of_a_run(browser):
    """Of roads with all kinds of numbers, and of names longer than a block of the digest."""
    gaps = pd.DataFrame(
        [(rule, ref, section, way, low, high)
         for rule in ("spacing", "普" * 90, "r" * 128)
         for ref in ("G106", "E 18", "Ｇ１０６国道", "环线", "A-very-long/number")
         for section, way, low, high in ((1, "forward", 0.4, 58_145.6), (12, "backward", 1e6, 2_345_678.9))],
        columns=["rule", "ref", "section", "direction", "from_m", "to_m"],
    )  # fmt: skip
    page = browser.new_page()
    page.add_script_tag(content=asset("web/gap_ids.js") + "\nwindow.gapId = gapId;")
    said = page.evaluate(
        "rows => rows.map((row) => gapId(row.rule, row, row.from_m, row.to_m))", gaps.to_dict("records")
    )
    page.close()
    assert said == GapIds().of(gaps).tolist()


def two_site_model(spec, span_m, today, cost, target):
    """A model with one rule on drives between two sites: first the places of today, then those of the actions."""
    places = len(spec["place"])
    built = list(range(today, places))
    actions = {
        "id": [f"a{k}" for k in built], "kind": ["new_site"] * len(built), "at": built, "cost": cost,
        "event": [False] * len(built),
    }  # fmt: skip
    rule = {"id": "two", "how": "two_site", "unit": "share", "target": target, "requirement": 0, "edge": 0,
            "outside": True, "span_m": span_m}  # fmt: skip
    return {
        "places": {"sites": today, "n": places}, "sites": {"id": [str(k) for k in range(today)]}, "actions": actions,
        "requirements": [{"status": [2] * today, "adds": list(range(len(built))), "may": []}], "rules": [rule],
        "nets": [], "edges": [spec | {"place": list(range(places))}], "lines": [],
        "reaches": [{"id": [], "start": [0], "place": []}], "people": {"reach": 0, "requirement": 0, "weight": {}},
    }  # fmt: skip


MEET_AND_TRY_ALL = """async ([model, barred]) => {
  Object.assign(edit, { model, core: new EditCore(model) });
  edit.state = { on: new Uint8Array(edit.core.n), off: new Uint8Array(edit.core.sites) };
  const { cost } = model.actions, n = cost.length, lack = (on) => lackIn(model.rules, on), on = new Uint8Array(n);
  const price = (on) => cost.reduce((sum, c, a) => sum + (on[a] ? c : 0), 0);
  let least = Infinity, cheapest = Infinity, alone = Infinity;
  for (let mask = 0; mask < 1 << n; mask++) {
    const plan = Uint8Array.from(cost, (_, a) => mask >> a & 1);
    if (plan.some((x, a) => x && barred[a])) continue;
    const missing = lack(plan), paid = price(plan);
    if (missing < least - 1e-9) { least = missing; cheapest = paid; }
    if (missing < least + 1e-9) cheapest = Math.min(cheapest, paid);
    if (plan.reduce((x, y) => x + y, 0) <= 1) alone = Math.min(alone, missing);
  }
  const begin = lack(on), { added, never, ended } = await meetTheRest(on, barred, 60);
  return { begin, added, never, ended, least, cheapest, alone, missing: lack(on), paid: price(on) };
}"""


@pytest.fixture
def edit_page(browser):
    """A page with the edit core and no model."""
    page = browser.new_page()
    page.set_default_timeout(HANGS_S * 1000)
    code = "\n".join(asset(f"web/{name}.js") for name in ("edit_roads", "edit_core", "edit"))
    page.add_script_tag(content=f"const T = (key) => key;\n{code}")
    yield page
    page.close()


@pytest.fixture
def met(edit_page):
    """A function that completes small models, and tries all their plans."""
    return lambda model, barred: edit_page.evaluate(MEET_AND_TRY_ALL, [model, barred])


def test_the_average_is_no_stretch_that_a_place_of_ones_own_serves(edit_page):
    """A rule on the average has one row more than stretches: completing beside such a place ended in an error."""
    served = edit_page.evaluate(
        """() => {
          const rules = [{ id: "s", how: "spacing", requirement: 0, net: 0 }];
          const model = { rules, actions: { id: ["a"], own: [{ line: 0, m: 5 }] } };
          const core = { adds: [[0]], nets: [{ drives: [{ ring: false }] }], placesOf: () => [] };
          Object.assign(edit, { model, core, state: { on: [1] } });
          return [0, 1].map(servedByOwn({ rule: "s", laid: { span: 40000, where: [0], from: [0] } }));
        }"""
    )
    assert served == [False, True]


def test_two_sites_at_once(met):
    """A road of four stretches of 10 km, span 20 km, a place at each end: one site serves nothing, 0 and 2 serve half.

    Three are needed, 0, 2 and 4; without 2 they are 0, 1, 3 and 4. Without an end 10 km of the 40 stay open.
    """
    ends = {"u": [0, 1, 2, 3], "v": [1, 2, 3, 4], "m": [1e4] * 4}
    spec = {
        "nodes": 5, **ends, "piece": [0, 1, 2, 3], "from": [0] * 4, "along": [], "weight_m": [1e4] * 4,
        "place": [0] * 5, "node": [0, 1, 2, 3, 4], "on": {"piece": [], "place": [], "m": []},
        **{f"piece_{name}": x for name, x in ends.items()},
    }  # fmt: skip
    model = two_site_model(spec, 2e4, 0, [1.0] * 5, 1.0)
    found = met(model, [0] * 5)
    assert (found["begin"], found["alone"], found["missing"]) == pytest.approx((1, 1, 0))
    assert sorted(found["added"]) == [0, 2, 4]
    found = met(model, [0, 0, 1, 0, 0])
    assert sorted(found["added"]) == [0, 1, 3, 4]
    assert found["never"] == []
    found = met(model, [1, 0, 0, 0, 0])
    assert found["missing"] == pytest.approx(0.25)
    assert (found["never"], found["ended"]) == (["two"], False)


def test_sites_that_serve_only_together(met):
    """On small networks, against all plans: what can be met is met, nothing barred, most often at the least cost."""
    rng = np.random.default_rng(4)
    together, dearer = 0, []
    for _ in range(60):
        (spec, span_m), _ = network(rng)
        node = rng.permutation(spec["nodes"])[:9]
        today = int(rng.integers(0, 3)) if len(node) > 4 else 0
        spec |= {"place": [0] * len(node), "node": node.tolist()}
        cost = rng.integers(1, 5, len(node) - today).astype(float).tolist()
        model = two_site_model(spec, span_m, today, cost, float(rng.choice([0.4, 0.8, 1.0])))
        barred = (rng.random(len(cost)) < 0.1).astype(int).tolist()
        found = met(model, barred)
        assert not found["ended"]
        assert found["missing"] == pytest.approx(found["least"], abs=1e-9)
        assert bool(found["never"]) == (found["least"] > 1e-9)
        assert not any(barred[a] for a in found["added"])
        assert found["paid"] >= found["cheapest"] - 1e-9
        together += found["alone"] > found["begin"] - 1e-9 > found["least"]
        dearer.append(found["paid"] / max(found["cheapest"], 1.0))
    assert together > 5
    assert np.mean(np.array(dearer) < 1 + 1e-9) > 0.8
    assert np.mean(dearer) < 1.06


def test_a_page_that_would_be_too_large_has_candidates_only(sample, recount, monkeypatch):
    """Without what a site at any metre would serve, the figures are the same."""
    model = sample[1] | {"lines": [line | {"at": np.zeros((2, 3))} for line in sample[1]["lines"]]}
    monkeypatch.setattr(packing, "MOST_OF_MODEL", 0)
    packed = packing.pack_model(model)["packed"]
    bare = json.loads(gzip.decompress(base64.b64decode(packed)))
    assert bare["own"] is None
    assert len(json.dumps(bare)) < 0.85 * len(json.dumps(sample[1]))
    states = [sample[2].random(np.random.default_rng(1))]
    assert recount(bare, states) == recount(sample[1], states)


def test_500_states_against_the_rows(sample, recount):
    """The rows of the rules, which the plan is made with, give the same values in every state."""
    programme, model, witness = sample
    rng = np.random.default_rng(5)
    opening = (programme.actions["kind"] == "opening").to_numpy(bool)
    states = [witness.random(rng, sites=False) for _ in range(500)]
    survey = (programme.actions["kind"] == "survey").to_numpy(bool)
    favourable = favourable_rows(programme.world, programme.rules)
    for (on, _), found in zip(states, recount(model, states), strict=True):
        done = on | opening
        for rule, hopeful in zip(programme.rules, favourable, strict=True):
            ends = sorted(
                [plain(rule.reached(done, False).value), plain(hopeful.reached(done | survey, True).value)]
            )
            said = found["figures"]["rules"][rule.rule]
            assert [said["low"], said["high"]] == pytest.approx(ends, abs=1.5e-6), rule.rule
        assert found["figures"]["people"] == pytest.approx(programme.people.within(done), abs=1e-5)
        assert found["figures"]["cost"] == pytest.approx(float(programme.actions["cost"][on].sum()), abs=1e-5)


def test_every_step_of_the_plan(sample, recount):
    """After each action of the plan the page says what ``result.json`` says."""
    programme, model, _ = sample
    order = programme.steps["action"].tolist()
    ids = programme.actions["id"].to_numpy(object)
    off = np.zeros(model["places"]["sites"], bool)
    states = [(np.isin(ids, order[: k + 1]), off) for k in range(len(order))]
    found = recount(model, states)
    for k, rule in product(range(len(order)), programme.rules):
        for end in ("low", "high"):
            claimed = programme.steps.iloc[k][f"{rule.rule}.{end}"]
            assert found[k]["figures"]["rules"][rule.rule][end] == pytest.approx(claimed, abs=1.5e-6)
    money = [step["figures"]["cost"] for step in found]
    assert money == pytest.approx(programme.steps["spent"].tolist(), abs=1e-5)
    assert all(a <= b for a, b in pairwise(money))


@pytest.mark.slow
def test_more_random_states_of_the_sample(sample, recount):
    """Twenty more, by the assessment itself."""
    _, model, witness = sample
    rng = np.random.default_rng(77)
    states = [witness.random(rng) for _ in range(20)]
    assert_same(witness, states, recount(model, states))


def made_up(graph, rng):
    """Tables of chargers, facilities and demand at places of a road graph."""

    def points(n):
        return [shapely.Point(graph.node_xy[k]) for k in rng.integers(0, graph.n_nodes, n)]

    chargers = gpd.GeoDataFrame(
        {
            "id": [f"c{k}" for k in range(30)],
            "current": "dc",
            "point_kw": rng.choice([30.0, 60.0, 120.0, np.nan], 30),
            "points": rng.integers(1, 4, 30),
            "status": rng.choice(["operational", "planned", "out_of_order"], 30, p=[0.7, 0.2, 0.1]),
        },
        geometry=points(30), crs=4326,
    )  # fmt: skip
    facilities = gpd.GeoDataFrame(
        {"id": [f"f{k}" for k in range(8)], "name": [f"f{k}" for k in range(8)], "kind": "expressway_service_area"},
        geometry=points(8), crs=4326,
    )  # fmt: skip
    demand = gpd.GeoDataFrame(
        {"id": [f"d{k}" for k in range(60)], "weight": rng.integers(1, 100, 60).astype(float)},
        geometry=points(60), crs=4326,
    )  # fmt: skip
    return chargers, facilities, demand


@pytest.mark.extra_data
@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize(("name", "pattern"), [("andorra", r"CG-?\\d+"), ("oslo-east", r"E ?\\d+|Ring ?\\d")])
def test_random_states_of_real_roads(extra_data, recount, tmp_path, root, name, pattern, quiet):
    """Dual carriageways, shared roads, borders and open ends of whole extracts; rules eased on quiet stretches."""
    graph = read_network(extra_data / "osm" / f"{name}.osm.pbf")
    rng = np.random.default_rng(3)
    west, south, east, north = (*graph.node_xy.min(axis=0), *graph.node_xy.max(axis=0))
    inset = (east - west) / 6, (north - south) / 6
    region = shapely.box(west + inset[0], south + inset[1], east - inset[0], north - inset[1])
    policy = (root / "coverage" / "rules" / "profiles" / "zhuzhou-2025.toml").read_text("utf-8")
    policy = policy.replace("'[GS]\\d{3}'", f"'{pattern}'".replace("\\\\", "\\"))
    policy = policy.replace("[25.0, 40.0]", "[3.0, 6.0]").replace("value_max = 40.0", "value_max = 6.0")
    policy = policy.replace("span_max_km = 40.0", "span_max_km = 6.0")
    if quiet:
        eased = "[{ light_below = 8500, one_way_pool_share = 0.5 }, { light_below = 3000, span_km = 9.0 }]"
        policy = policy.replace(
            'network = "ordinary_trunk"', f'network = "ordinary_trunk"\nunder_traffic = {eased}'
        )
    (tmp_path / "policy.toml").write_text(policy, "utf-8")
    chargers, facilities, demand = made_up(graph, rng)
    refs = sorted(
        {
            r.ref
            for r in find_routes(
                graph, RoadClasses.from_mapping(read_policy(tmp_path / "policy.toml").road_class)
            )
        }
    )
    traffic = pd.DataFrame(
        {"ref": np.repeat(refs, 4), "from_km": rng.uniform(0, 20, 4 * len(refs)),
         "to_km": rng.uniform(0, 20, 4 * len(refs)), "aadt": rng.choice([2000.0, 5000.0, 9000.0], 4 * len(refs))}
    )  # fmt: skip
    plan = make_plan(
        chargers, graph, read_policy(tmp_path / "policy.toml"), region=region, facilities=facilities, demand=demand,
        traffic=traffic if quiet else None,
    )  # fmt: skip
    programme = plan.programme
    model = json.loads(json.dumps(edit_model(programme, plan.before, None), allow_nan=False))
    witness = Witness(programme.world)
    states = [witness.random(rng) for _ in range(8)]
    assert model["nets"][0]["drives"]
    assert any("-under-" in rule["id"] for rule in model["rules"]) == quiet
    assert_same(witness, states, recount(model, states))
