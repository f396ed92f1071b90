"""Parts of the solvers, each against a plain recount of what it keeps up to date or claims."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.siting.maxcover import make_problem, max_coverage, solve
from plugspan.siting.maxcover.least_sites import _greedy, _thin_out
from plugspan.siting.maxcover.local_search import Plan
from plugspan.siting.maxcover.prices import first_prices, lagrangian
from plugspan.siting.maxcover.programs import cover_program
from plugspan.siting.maxcover.reduced_problem import reduce_problem, restrict
from plugspan.siting.maxcover.robustness import scenario_problem
from plugspan.siting.maxcover.run import Run
from scipy import sparse
from scipy.optimize import linprog

SEEDS = st.integers(0, 10_000)


def random_core(seed):
    """A reduced problem with groups, conflicts and costs, and no limit that forbids anything."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 9)), int(rng.integers(1, 15))
    pairs = rng.integers(0, n, (3, 2))
    problem = make_problem(
        rng.random((n, m)) < 0.4, rng.integers(1, 9, m), n_sites=n, group=rng.integers(-1, 2, n), group_min=[1, 1],
        conflicts=pairs[pairs[:, 0] != pairs[:, 1]], cost=rng.integers(0, 5, n), budget=1e6,
    )  # fmt: skip
    return reduce_problem(problem), rng


def value(core, sites):
    """Weight that candidates cover."""
    return float(core.weight[core.reach[sorted(sites)].toarray().any(axis=0)].sum()) if sites else 0.0


@settings(max_examples=200)
@given(SEEDS)
def test_a_plans_bookkeeping_is_what_a_recount_gives(seed):
    """After any adding and dropping: worth of adding, dropping and swapping, costs, groups and rivals."""
    core, rng = random_core(seed)
    k = len(core.sites)
    plan = Plan(core, k)
    for _ in range(int(rng.integers(0, 12))):
        inside = np.flatnonzero(plan.site >= 0)
        outside = np.setdiff1d(np.arange(k), plan.site)
        if len(outside) and (not len(inside) or rng.random() < 0.6):
            plan.add(int(np.flatnonzero(plan.site < 0)[0]), int(rng.choice(outside)))
        elif len(inside):
            plan.drop(int(rng.choice(inside)))
    chosen = set(plan.chosen.tolist())
    rivals = [{a, b} - {i} for i in range(k) for a, b in core.conflicts.tolist() if i in (a, b)]
    assert plan.value == value(core, chosen)
    assert plan.spent == core.cost[sorted(chosen)].sum()
    assert np.isneginf(plan.closed).tolist() == [i in chosen for i in range(k)]
    assert plan.group_count.tolist() == [
        sum(core.group[i] == g for i in chosen) for g in range(len(core.group_min))
    ]
    assert sum(plan.rival_count) == sum(len(r & chosen) for r in rivals)
    for i in range(k):
        mine = [sum(({a, b} - {i}) <= chosen for a, b in core.conflicts.tolist() if i in (a, b))]
        assert plan.rival_count[i] == sum(mine)
        if i not in chosen:
            assert plan.gain[i] == value(core, chosen | {i}) - plan.value
    for slot in np.flatnonzero(plan.site >= 0):
        rest = chosen - {int(plan.site[slot])}
        assert plan.loss[slot] == plan.value - value(core, rest)
        for i in set(range(k)) - chosen:
            swapped = plan.gain[i] - plan.loss[slot] + plan.extra[slot, i]
            assert swapped == value(core, rest | {i}) - plan.value


@settings(max_examples=100)
@given(SEEDS)
def test_a_problem_made_smaller_knows_what_was_built(seed):
    """Taking a site removes it, its demand and its rivals, and counts it: what is left adds up to the same plans."""
    core, rng = random_core(seed)
    k = len(core.sites)
    if not k:
        return
    take = int(rng.integers(k))
    part = restrict(core, np.ones(k, dtype=bool), np.array([take]))
    rivals = {a + b - take for a, b in core.conflicts.tolist() if take in (a, b)}
    assert part.sites.tolist() == [core.sites[i] for i in range(k) if i != take and i not in rivals]
    assert part.taken.tolist() == [core.sites[take]]
    assert part.limit == min(core.limit - 1, len(part.sites))
    assert part.budget == core.budget - core.cost[take]
    lacking = core.group_min - [core.group[take] == g for g in range(2)]
    assert part.group_min.tolist() == np.maximum(lacking, 0).tolist()
    for i, site in enumerate(part.sites.tolist()):
        old = int(np.flatnonzero(core.sites == site)[0])
        assert part.base + part.value(np.array([i])) == core.base + value(core, {take, old})


def test_what_is_impossible_is_named_for_what_it_is():
    """The second group lacks sites, not the first; nothing is covered where nothing may be built."""
    group = {"group": [0, 1, 1], "group_min": [1, 3]}
    result = max_coverage(np.eye(3), [1, 1, 1], n_sites=3, **group)
    assert result.status == "infeasible"
    assert result.reason.key == "siting-group-candidates"
    assert result.reason.values == {"group": 1, "missing": 3, "candidates": 2}
    core = reduce_problem(make_problem(np.eye(3), [1, 1, 1], n_sites=0))
    assert lagrangian(core, first_prices(core)).value == pytest.approx(3 - first_prices(core).demand.sum())


def test_pairs_given_twice_are_one():
    """Whichever way round; so are sites."""
    problem = make_problem(
        np.eye(3), [1, 1, 1], n_sites=1, conflicts=[[2, 1], [1, 2], [0, 2], [1, 2]], fixed=[0, 0]
    )
    assert problem.conflicts.tolist() == [[0, 2], [1, 2]]
    assert problem.fixed.tolist() == [0]


def test_scenarios_take_small_weights():
    """Half a person is half a person."""
    problem, aims = scenario_problem(make_problem(np.eye(2), [1, 1], n_sites=1), [[0.5, 0.25], [0.0, 0.75]])
    assert aims.tolist() == [[0.5, 0.25, 0, 0], [0, 0, 0, 0.75]]
    assert problem.weight.tolist() == [0.25, 0.125, 0, 0.375]


# -- least sites -----------------------------------------------------------------------------------------


def random_windows(seed):
    """Windows that can be served, their needs, and costs."""
    rng = np.random.default_rng(seed)
    w, n = int(rng.integers(1, 8)), int(rng.integers(2, 8))
    by_window = rng.random((w, n)) < 0.5
    by_window[np.arange(w), rng.integers(0, n, w)] = True
    need = np.minimum(rng.integers(1, 3, w), by_window.sum(axis=1)).astype(np.int64)
    return sparse.csr_array(by_window), need, rng.integers(1, 6, n).astype(float)


@settings(max_examples=150)
@given(SEEDS)
def test_greedy_takes_the_cheapest_per_window_each_time(seed):
    """Literally: at each step the site that helps most open windows for its cost, the first of equals."""
    by_window, need, cost = random_windows(seed)
    left, want = need.copy(), []
    while left.any():
        helps = (by_window.toarray() & (left > 0)[:, None]).sum(axis=0)
        worth = [
            -1.0 if i in want or not h else h / c for i, (h, c) in enumerate(zip(helps, cost, strict=True))
        ]
        want.append(int(np.argmax(worth)))
        left = np.maximum(left - by_window.toarray()[:, want[-1]], 0)
    assert _greedy(by_window, need, cost).tolist() == sorted(want)
    kept = _thin_out(by_window, need, cost, np.arange(len(cost)))
    held = by_window.toarray()[:, kept].sum(axis=1)
    assert (held >= need).all()
    for i in kept:  # none of them can be missed
        assert (held - by_window.toarray()[:, i] < need).any()


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("seed", range(5))
def test_prices_of_windows_prove_the_relaxations_value(unit, seed):
    """Whatever money is counted in: what windows pay, less what sites earn too much, is the LP's value."""
    by_window, need, cost = random_windows(seed)
    cost = unit * cost
    found, prices = cover_program(by_window, need, cost, np.arange(len(cost)), 3600.0, 0.0)
    proven = prices @ need + np.minimum(cost - by_window.T @ prices, 0.0).sum()
    relaxed = linprog(cost / unit, A_ub=-by_window.astype(float), b_ub=-need.astype(float), bounds=(0, 1))
    assert proven / unit == pytest.approx(relaxed.fun, rel=1e-6)
    assert found.done
    assert cost[found.plan].sum() / unit == pytest.approx(found.bound / unit, rel=1e-6)


def test_a_solve_that_is_done_leaves_its_candidates_alone():
    """A bound that proves the plan good enough ends the solve: nothing is left out after it; before, it is."""
    problem = make_problem(np.eye(8, dtype=bool), [50, 40, 30, 5, 4, 3, 2, 1], n_sites=3)
    best = solve(problem)
    for gap, shrinks in ((0.9, False), (0.0, True)):
        run = Run(problem, time_limit_s=60, gap=gap, start_s=time.perf_counter(), progress=None)
        run.offer(np.flatnonzero(np.isin(run.core.sites, best.chosen)))
        core, found = run.core, lagrangian(run.core, run.prices)
        run.fix(replace(found, value=float(problem.weight[:3].sum()) + 2 - core.base))
        assert run.done != shrinks
        assert (run.core is not core) == shrinks
