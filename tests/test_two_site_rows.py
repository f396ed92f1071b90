"""Readings of covered length that need more than one site: rows and plans against brute force over all choices."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from plugspan.measure.border import OwnPart
from plugspan.measure.covered import Links, covered_length
from plugspan.rules.covered_rows import SitesOnRoads, join_roads, roads_of_pieces, watched
from plugspan.rules.rows import RuleRows
from plugspan.rules.stretches import gap_rows
from plugspan.siting.levels import PlanProblem, solve_levels
from plugspan.siting.proof import check_proof, write_proof
from plugspan.siting.rows import stack_rows
from scipy import sparse
from test_edge_cover import cut, random_world

COSTS = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 1.0, 2.0])


def true_share(world, chosen):
    """Share of the length that passes, cut at the chosen places alone, by the assessment's own function."""
    n, edges, fixed, places, span = world
    table = cut(n, edges, places, chosen)
    table["counted"] = table["edge"] >= 0
    found = covered_length(table.drop(columns="edge"), [*fixed, *(n + k for k in chosen)], span)
    total = table.loc[table["counted"], "length_m"].sum()
    good = found.two_site_passes.to_numpy(bool) & table["counted"].to_numpy(bool)
    return float(table.loc[good, "length_m"].sum() / total)


def as_rule(world, share=1.0):
    """The same world as the plan sees it: cut at all places, chains joined."""
    n, edges, fixed, places, span = world
    k = len(places)
    table = cut(n, edges, places, set(range(k)))
    u, v = table["u"].to_numpy(np.int64), table["v"].to_numpy(np.int64)
    length = table["length_m"].to_numpy(float)
    keep = np.zeros(n + k, bool)
    keep[[*fixed, *range(n, n + k)]] = True
    joined = join_roads(u, v, length, keep)
    weight = np.where(table["edge"] >= 0, length, 0.0)
    names = pd.DataFrame({"ref": "R", "from_m": 0.0}, index=range(len(table)))
    items = roads_of_pieces(joined, weight, names)
    road = items["road"].to_numpy(np.int64)
    links = Links(joined.u.astype(np.int32), joined.v.astype(np.int32), joined.length_m, n + k)
    roads = SitesOnRoads(links, np.array(fixed, np.int64), n + np.arange(k), COSTS[:k], span)
    dead = np.flatnonzero(road < 0)
    empty = sparse.csr_array((len(dead), k), dtype=float)
    rows = RuleRows("r", empty, np.ones(len(dead)), dead, items, 0.0, float(weight.sum()), share)
    return watched(rows, roads, road)


def choices(k):
    return [np.array([mask >> j & 1 for j in range(k)], bool) for mask in range(1 << k)]


@pytest.mark.parametrize("seed", range(150))
def test_the_value_is_what_the_assessment_says(seed):
    """For every choice of places: cutting at all places and joining chains changes no verdict."""
    world = random_world(seed)
    rule = as_rule(world)
    for chosen in choices(len(world[3])):
        expected = true_share(world, set(np.flatnonzero(chosen).tolist()))
        assert rule.reached(chosen, False).value == pytest.approx(expected, abs=1e-9)


def solved(rule, k):
    """Least money, with rows added until the plan is what the rule measures."""
    everything = np.ones(k, bool)
    rule = rule.completed(everything) or rule
    for _ in range(200):
        rows = stack_rows([rule], k)
        problem = PlanProblem(
            COSTS[:k], rows, sparse.csr_array((0, k)), np.empty(0), np.zeros(k, bool), np.zeros(k, bool)
        )
        plan = solve_levels(problem)
        more = rule.completed(plan.whole)
        if more is None:
            return plan, rule
        rule = more
    raise AssertionError("rows are added for ever")


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("seed", range(150))
def test_the_least_money_is_that_of_brute_force(seed, share):
    """Of all choices that reach the share, or all that can be reached, none is cheaper; each row holds for them all."""
    world = random_world(seed)
    k = len(world[3])
    plan, rule = solved(as_rule(world, share), k)
    values = {tuple(chosen): true_share(world, set(np.flatnonzero(chosen).tolist())) for chosen in choices(k)}
    wanted = min(share, max(values.values())) - 1e-9
    least = min(float(COSTS[:k][list(chosen)].sum()) for chosen, value in values.items() if value >= wanted)
    assert plan.least == pytest.approx(least)
    assert values[tuple(plan.whole)] >= wanted
    for chosen in choices(k):
        served = rule.served_items(chosen)
        if rule.reached(chosen, False).value == pytest.approx(max(values.values())):
            reachable = rule.served_items(np.ones(k, bool))
            assert served[reachable].all()


@pytest.mark.parametrize("seed", range(60))
def test_rows_are_recounted_from_distances(seed):
    """The proof holds as written; a row that leaves out one of its actions is found by the distances alone."""
    world = random_world(seed)
    k = len(world[3])
    plan, rule = solved(as_rule(world), k)
    problem = PlanProblem(
        COSTS[:k],
        stack_rows([rule], k),
        sparse.csr_array((0, k)),
        np.empty(0),
        np.zeros(k, bool),
        np.zeros(k, bool),
    )
    proof = json.loads(json.dumps(write_proof(problem, plan, plan.least)))
    assert check_proof(proof) == []
    for drive in proof["drives"]:
        drive["left_m"] += 0.01  # lengths are whole metres here: away from the slack for rounding
    assert check_proof(proof) == []
    for r, row in enumerate(proof["rows"]):
        if "drive" in row and row["actions"]:
            actions, row["actions"] = row["actions"], row["actions"][1:]
            drive = proof["drives"][row["drive"]]
            shared = {s for j, s in zip(drive["action"], drive["site"], strict=True) if j == actions[0]}
            alone = not any(
                s in shared
                for j, s in zip(drive["action"], drive["site"], strict=True)
                if j in row["actions"]
            )
            assert not alone or f"drive {r}" in check_proof(proof)
            row["actions"] = actions


# -- along one route -------------------------------------------------------------------------------------


def route_world(seed):
    """A direction with a part inside the region, existing sites, places, and ends that are open or not."""
    rng = np.random.default_rng(seed)
    length = float(rng.integers(30, 160))
    ring = bool(rng.random() < 0.25)
    cuts = np.sort(rng.choice(np.arange(1, int(length)), 3, replace=False)).astype(float)
    inside = [(0.0, length)] if rng.random() < 0.5 else [(0.0, cuts[0]), (cuts[1], cuts[2])]
    fixed = np.unique(rng.integers(0, int(length), rng.integers(0, 3))).astype(float)
    places = rng.integers(0, int(length) + (not ring), rng.integers(1, 7)).astype(float)
    span = float(rng.integers(15, 60))
    return length, ring, inside, fixed, places, rng.random(2) < 0.4, span


def gaps_of(length, ring, points, is_open):
    """Gaps between sites and ends, by the definition: (low, high, open at low, open at high, kind)."""
    points = np.unique(points)
    if not len(points):
        return [(0.0, length, *is_open, "whole")]
    if ring:
        ends = [*points, points[0] + length]
        return [(a, b, False, False, "between") for a, b in zip(ends[:-1], ends[1:], strict=True)]
    found = [(a, b, False, False, "between") for a, b in zip(points[:-1], points[1:], strict=True)]
    found += [(0.0, points[0], is_open[0], False, "start")] if points[0] > 0 else []
    found += [(points[-1], length, False, is_open[1], "end")] if points[-1] < length else []
    return found


def passes(gap, span):
    low, high, open_low, open_high, kind = gap
    return kind != "whole" and not open_low and not open_high and high - low <= span + 1e-9


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("seed", range(200))
def test_rows_of_a_route_say_what_its_gaps_say(seed, direction):
    """All of the region's part lies in closed gaps within the span exactly when all rows hold a site."""
    length, ring, inside, fixed, places, is_open, span = route_world(seed)
    is_open = (False, False) if ring else tuple(is_open.tolist())
    drive = SimpleNamespace(direction=direction, ring=ring, start_m=0.0, end_m=length)
    own = OwnPart(np.array(inside), 0.0, length, ring)
    serving = np.arange(len(places)), places
    line = SimpleNamespace(drive=drive, own=own, serving=serving, fixed_m=fixed, judged=own.inside)

    def touched(gap):
        return bool((own.inside(gap[0], gap[1])).size)

    rows = []
    for gap in gaps_of(length, ring, fixed, is_open):
        if touched(gap) and not passes(gap, span):
            low, high, open_low, open_high, kind = gap
            ends = (low, high) if direction == "forward" else (high, low)
            opens = (open_low, open_high) if direction == "forward" else (open_high, open_low)
            named = {"from_m": ends[0], "to_m": ends[1], "open_start": opens[0], "open_end": opens[1]}
            rows += gap_rows(line, {**named, "kind": kind}, span)
    for chosen in choices(len(places)):
        points = np.concatenate([fixed, places[chosen]])
        if ring:
            points = points % length
        good = all(passes(gap, span) for gap in gaps_of(length, ring, points, is_open) if touched(gap))
        held = all(chosen[members].any() for members in rows)
        assert held == good, (chosen, rows)
