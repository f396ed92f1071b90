"""Frontier, alternatives, robustness, several aims, shore power: each against brute force on small cases."""

import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest
from plugspan.siting.maxcover import (
    ProblemError,
    alternatives,
    backup_coverage,
    by_group,
    failures,
    frontier,
    make_problem,
    max_coverage,
    pareto_front,
    scenario_problem,
    shore_power,
    solve,
    verify,
    weighted_aims,
    worst_served,
)
from scipy import sparse


def small(seed, n=9, m=20):
    """Random reach and whole weights."""
    rng = np.random.default_rng(seed)
    return rng.random((n, m)) < 0.25, rng.integers(0, 9, m), rng


def plans(n, size, fixed=()):
    """All choices of at most ``size`` new sites."""
    free = [i for i in range(n) if i not in fixed]
    return itertools.chain.from_iterable(itertools.combinations(free, k) for k in range(size + 1))


def value(reach, weight, sites):
    """Weight that ``sites`` cover."""
    return weight[reach[sorted(sites)].any(axis=0)].sum() if len(sites) else 0


def test_essential_is_what_is_proven_not_what_a_search_lost(monkeypatch):
    """A poor search without a site finds little and proves no loss: its price is high, and it is not essential."""
    module = sys.modules["plugspan.siting.maxcover.robustness"]
    reach = np.eye(3, dtype=bool)
    problem = make_problem(reach, [5.0, 3.0, 2.0], n_sites=2)
    result = solve(problem)

    def poor(asked, **options):
        return replace(solve(asked, **options), objective=0.0, bound=result.objective, status="time_limit")

    assert alternatives(problem, result).essential.tolist() == [True, True]
    monkeypatch.setattr(module, "solve", poor)
    found = alternatives(problem, result)
    assert (found.price > 0.01 * result.objective).all()
    assert found.price_low.tolist() == [0.0, 0.0]
    assert not found.essential.any()


@pytest.mark.parametrize("seed", range(12))
def test_frontier_by_number(seed):
    """Each point lies between the greedy promise and the optimum, its bound on or above the optimum."""
    reach, weight, rng = small(seed)
    fixed = [int(rng.integers(9))] if seed % 2 else []
    curve = frontier(reach, weight, n_sites=5, fixed=fixed)
    assert curve.limit.tolist() == [0, 1, 2, 3, 4, 5]
    for p, plan in enumerate(curve.plans):
        best = max(value(reach, weight, {*s, *fixed}) for s in plans(9, p, fixed))
        assert (1 - 1 / np.e) * best <= curve.objective[p] <= best <= curve.bound[p]
        assert len(plan) <= p
        assert value(reach, weight, {*plan.tolist(), *fixed}) == curve.objective[p]
    assert (np.diff(curve.objective) >= 0).all()
    assert (np.diff(curve.bound) >= 0).all()
    assert curve.order_objective[-1] == curve.objective[-1]
    assert (curve.order_objective <= curve.objective[: len(curve.order_objective)]).all()


@pytest.mark.parametrize("seed", range(24))
def test_frontier_by_budget(seed):
    """Each plan can be paid and keeps the number, and its objective and bound enclose the optimum."""
    reach, weight, rng = small(seed)
    cost = rng.choice([0.0, 1.0, 2.0, 3.5], 9)
    most = 2 if seed % 3 == 0 else None
    fixed = [4] if seed % 4 == 0 else []
    curve = frontier(reach, weight, budgets=[7, 0, 3], cost=cost, n_sites=most, fixed=fixed)
    assert curve.limit.tolist() == [0, 3, 7]
    for budget, plan, objective, bound in zip(
        curve.limit, curve.plans, curve.objective, curve.bound, strict=True
    ):
        can = [s for s in plans(9, most or 9, fixed) if cost[list(s)].sum() <= budget + 1e-9]
        best = max(value(reach, weight, {*s, *fixed}) for s in can)
        assert cost[plan].sum() <= budget + 1e-9
        assert len(plan) <= (most or 9)
        assert objective == value(reach, weight, {*plan.tolist(), *fixed})
        assert objective <= best <= bound + 1e-9
        assert objective >= best * 0.998


def test_frontier_of_a_larger_case_has_a_narrow_band():
    """1500 clustered demands, 30 sites at most: every point within 2 % of its bound, most within 0.5 %."""
    rng = np.random.default_rng(1)
    centre = rng.random((12, 2))
    demand = centre[rng.integers(12, size=1500)] + rng.normal(scale=0.05, size=(1500, 2))
    site = centre[rng.integers(12, size=150)] + rng.normal(scale=0.06, size=(150, 2))
    reach = sparse.csr_array(((site[:, None] - demand) ** 2).sum(axis=2) < 0.05**2)
    curve = frontier(reach, rng.integers(1, 100, 1500), n_sites=30)
    assert curve.gap.max() < 0.02
    assert np.median(curve.gap) < 0.005


@pytest.mark.parametrize("seed", range(5))
def test_price_of_doing_without_a_site(seed):
    """Price is what brute force says is lost; sites proven essential are in every good plan."""
    reach, weight, _ = small(seed)
    problem = make_problem(reach, weight, n_sites=3)
    result = solve(problem)
    around = alternatives(problem, result, tolerance=0.05)
    good = [set(s) for s in plans(9, 3) if value(reach, weight, s) >= 0.95 * result.objective]
    for place, site in enumerate(result.chosen.tolist()):
        without = max(value(reach, weight, s) for s in plans(9, 3) if site not in s)
        lost = result.objective - without
        assert around.price_low[place] <= lost <= around.price[place] + 1e-9
        assert around.price[place] <= lost + 1e-3 * result.objective
        if around.essential[place]:
            assert all(site in plan for plan in good)
    for plan in around.plans:
        assert value(reach, weight, set(plan.chosen.tolist())) == plan.objective >= 0.95 * result.objective
        assert set(plan.chosen.tolist()) != set(result.chosen.tolist())
        assert plan.differs == len(set(plan.chosen.tolist()) - set(result.chosen.tolist()))


def test_twins_are_a_matter_of_taste():
    """Sites 0 and 1 reach the same: doing without 0 costs nothing, and the plan with 1 is offered."""
    problem = make_problem([[1, 1, 0], [1, 1, 0], [0, 0, 1]], [5, 5, 3], n_sites=2)
    around = alternatives(problem, solve(problem), tolerance=0.1)
    assert around.price.tolist() == [0, 3]
    assert around.essential.tolist() == [False, True]
    assert [plan.chosen.tolist() for plan in around.plans] == [[1, 2]]
    assert around.share.tolist() == [0.5, 1.0]


def test_failures_worked_by_hand():
    """Sites 0 (d0, d1) and 1 (d1, d2), weights 4, 2, 1: without 0 there are 3 left, without 1 there are 6."""
    found = failures(make_problem([[1, 1, 0], [0, 1, 1]], [4, 2, 1], n_sites=2), [0, 1])
    assert (found.left.tolist(), found.worst, found.mean, found.twice) == ([3, 6], 3, 4.5, 2)


def test_failures_without_any_site():
    """Nothing there, nothing left."""
    assert failures(make_problem(np.eye(2), [1, 1], n_sites=0), []).worst == 0


@pytest.mark.parametrize("seed", range(10))
def test_backup_coverage_against_brute_force(seed):
    """Exact: the best mix of first and second cover over all plans."""
    reach, weight, rng = small(seed)
    fixed = [int(rng.integers(9))] if seed % 2 else []
    problem = make_problem(reach, weight, n_sites=3, fixed=fixed)
    found = backup_coverage(problem, backup=0.4, gap=0.0)

    def worth(sites):
        count = reach[sorted(sites)].sum(axis=0) if sites else np.zeros(20)
        return 0.6 * weight[count > 0].sum() + 0.4 * weight[count > 1].sum()

    best = max(worth({*s, *fixed}) for s in plans(9, 3, fixed))
    assert found.objective == pytest.approx(best)
    assert found.bound == pytest.approx(best, rel=1e-6)
    assert worth({*found.chosen.tolist(), *fixed}) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(10))
def test_the_worst_served_county_against_brute_force(seed):
    """Equity: no plan serves the worst county better."""
    reach, weight, rng = small(seed)
    aims = by_group(weight + 1, rng.integers(0, 3, 20))
    problem = make_problem(reach, weight, n_sites=3)
    found = worst_served(problem, aims, gap=0.0)
    shares = aims / aims.sum(axis=1, keepdims=True)
    options = [shares[:, reach[list(s)].any(axis=0)].sum(axis=1).min() if s else 0 for s in plans(9, 3)]
    assert found.objective == pytest.approx(max(options))
    assert found.bound >= max(options) - 1e-9
    assert found.values.min() == found.objective


@pytest.mark.parametrize("seed", range(6))
def test_pareto_front_points_are_not_beaten(seed):
    """Every point of the curve is a plan that no other plan beats in both aims; its ends are the best of each."""
    reach, first, rng = small(seed)
    second = rng.integers(0, 9, 20)
    problem = make_problem(reach, first, n_sites=2)
    curve = pareto_front(problem, first, second, gap=0.0)
    every = np.array(
        [[value(reach, first, s) / first.sum(), value(reach, second, s) / second.sum()] for s in plans(9, 2)]
    )
    for point in curve:
        better = (every >= point.values + 1e-9).all(axis=1)
        assert not better.any()
    assert curve[0].values[0] == pytest.approx(every[:, 0].max())
    assert curve[-1].values[1] == pytest.approx(every[:, 1].max())


def test_weighted_aims_count_shares_not_units():
    """Aim 1 in persons, aim 2 in tonnes: equal importance means equal shares of each, whatever the units."""
    problem = make_problem(np.eye(3), [1, 1, 1], n_sites=1)
    found = weighted_aims(problem, [[6e6, 4e6, 0], [0, 3, 7]], [1, 1])
    assert (found.chosen.tolist(), found.values.tolist()) == ([1], [0.4, 0.3])


def test_scenarios_mean_and_worst():
    """Weights by scenario, or a scenario in which site 0 reaches nobody: the mean decides, or the worst share."""
    problem = make_problem(np.eye(2), [1, 1], n_sites=1)
    both, aims = scenario_problem(problem, weights=[[10, 1], [1, 2]])
    assert solve(both).chosen.tolist() == [0]
    assert solve(both).objective == 5.5
    assert worst_served(both, aims).chosen.tolist() == [0]  # shares: 1/3 in the worst case against 1/11
    closed = scenario_problem(problem, reaches=[np.eye(2), [[0, 0], [0, 1]]])[0]
    assert solve(closed).chosen.tolist() == [1]


@pytest.mark.parametrize("seed", range(10))
def test_shore_power_is_an_exact_knapsack(seed):
    """Values and costs of 12 berths: the best subset under the budget, proven."""
    rng = np.random.default_rng(seed)
    worth, cost = rng.integers(0, 50, 12) * 1.5, rng.integers(1, 20, 12) * 2.25
    budget = float(cost.sum() * 0.4)
    found = shore_power(worth, cost, budget)
    best = max(worth[list(s)].sum() for s in plans(12, 12) if cost[list(s)].sum() <= budget)
    assert (found.objective, found.status) == (pytest.approx(best), "optimal")
    assert found.cost <= budget


def test_side_conditions_reach_every_variant():
    """A required, a forbidden and a conflicting site are respected by backup and worst-served plans as well."""
    reach, weight, _ = small(4)
    problem = make_problem(
        reach, weight, n_sites=3, required=[8], forbidden=[0], conflicts=[[1, 2], [3, 4]], group=[0] * 4 + [1] * 5,
        group_min=[1, 0], budget=9.0, cost=np.full(9, 2.9),
    )  # fmt: skip
    for found in (backup_coverage(problem), worst_served(problem, [weight, np.ones(20)])):
        sites = set(found.chosen.tolist())
        assert 8 in sites
        assert 0 not in sites
        assert not {1, 2} <= sites
        assert not {3, 4} <= sites
        assert sites & {1, 2, 3}
        assert len(sites) <= 3
    assert verify(problem, solve(problem)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda p: backup_coverage(p, backup=0.7),
        lambda p: weighted_aims(p, [[1, 1]], [0]),
        lambda p: weighted_aims(p, [[1, 1, 1]], [1]),
        lambda p: worst_served(p, [[1, np.nan]]),
        lambda p: worst_served(p, [[1, -1]]),
        lambda p: scenario_problem(p, weights=[[1, 1, 1]]),
        lambda p: scenario_problem(p, weights=[[1, -1]]),
        lambda p: scenario_problem(p, reaches=[np.eye(3)]),
    ],
)
def test_senseless_requests_are_refused(wrong):
    """Shapes, signs and ranges are checked with a text in both languages."""
    with pytest.raises(ProblemError) as caught:
        wrong(make_problem(np.eye(2), [1, 1], n_sites=1))
    assert caught.value.render("zh")


def test_infeasible_is_a_status_everywhere():
    """Two required sites, room for one: no exception, no plan."""
    problem = make_problem(np.eye(3), [1, 1, 1], n_sites=1, required=[0, 1])
    assert solve(problem).status == "infeasible"
    assert backup_coverage(problem).status == "infeasible"
    assert worst_served(problem, np.ones((1, 3))).status == "infeasible"
    assert (
        max_coverage(np.eye(2), [1, 1], n_sites=2, required=[0, 1], conflicts=[[0, 1]]).status == "infeasible"
    )
    assert replace(problem, n_sites=2).n_sites == 2
