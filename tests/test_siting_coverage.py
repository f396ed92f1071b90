"""Maximum coverage: every method against brute force, verify against forged claims, faults of the statement."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.errors import SitingError
from plugspan.siting.maxcover import (
    METHODS,
    STATUSES,
    ProblemError,
    make_problem,
    max_coverage,
    solve,
    verify,
)
from plugspan.siting.maxcover.local_search import greedy
from plugspan.siting.maxcover.prices import first_prices, lagrangian, linear_program, middle, primal_dual
from plugspan.siting.maxcover.programs import relaxation
from plugspan.siting.maxcover.reduced_problem import identical_rows, reduce_problem, restrict, undominated
from plugspan.siting.maxcover.result import build_order
from scipy import sparse


def brute_force(problem):
    """Best objective over all subsets, None if none is allowed."""
    reach, best = problem.reach.toarray(), None
    fixed = problem.fixed.tolist()
    free = [i for i in range(len(reach)) if i not in fixed and i not in problem.forbidden]
    most = len(free) if problem.n_sites is None else min(problem.n_sites, len(free))
    for size in range(most + 1):
        for new in itertools.combinations(free, size):
            if not set(problem.required.tolist()) <= set(new):
                continue
            if problem.budget is not None and problem.cost[list(new)].sum() > problem.budget + 1e-9:
                continue
            counts = [sum(problem.group[i] == g for i in new) for g in range(len(problem.group_min))]
            if any(have < least for have, least in zip(counts, problem.group_min, strict=True)):
                continue
            there = {*new, *fixed}
            if any({i, k} <= there and {i, k} & set(new) for i, k in problem.conflicts.tolist()):
                continue
            value = problem.weight[reach[sorted(there)].any(axis=0)].sum() if there else 0.0
            best = value if best is None else max(best, value)
    return best


def random_problem(rng):
    """A small problem with anything in it: empty rows and columns, ties, zero weights and costs, all limits."""
    n, m = int(rng.integers(1, 9)), int(rng.integers(0, 12))
    reach = rng.random((n, m)) < rng.uniform(0.05, 0.6)
    weight = rng.choice([0, 1, 1, 2.5, 3, 5.5, 7], m) if rng.random() < 0.5 else rng.integers(0, 9, m)
    kind, extra = rng.random(), {}
    required = np.flatnonzero(rng.random(n) < 0.1) if rng.random() < 0.3 else np.empty(0, dtype=np.int64)
    if rng.random() < 0.3:
        extra |= {"group": rng.integers(-1, 3, n), "group_min": rng.integers(0, 2, 3)}
    if rng.random() < 0.3 and n > 1:
        extra["conflicts"] = [rng.choice(n, 2, replace=False) for _ in range(int(rng.integers(1, 5)))]
    return make_problem(
        reach,
        weight,
        n_sites=int(rng.integers(0, n + 1)) if kind < 0.7 else None,
        budget=float(rng.choice([0, 1, 3, 4.5, 7])) if kind > 0.4 else None,
        cost=rng.choice([0, 1, 2, 2.5, 3], n) if rng.random() < 0.6 else None,
        fixed=np.flatnonzero(rng.random(n) < 0.15),
        required=required,
        forbidden=np.setdiff1d(np.flatnonzero(rng.random(n) < 0.15), required),
        **extra,
    )


@pytest.mark.parametrize("block", range(8))
def test_every_method_against_brute_force(block):
    """Both auto and exact reach the optimum and prove it; greedy and improve never claim more than is true."""
    for seed in range(block * 30, block * 30 + 30):
        problem = random_problem(np.random.default_rng(seed))
        best = brute_force(problem)
        for method in METHODS:
            result = solve(problem, method=method, time_limit_s=3600)
            assert verify(problem, result) == [], (seed, method)
            if best is None:
                assert result.status == "infeasible", (seed, method)
                continue
            assert result.objective <= best + 1e-9 <= result.bound + 2e-6, (seed, method)
            if method in ("auto", "exact"):
                assert result.status == "optimal", (seed, method)
                assert result.objective == pytest.approx(best), (seed, method)


def naive_greedy(reach, weight, n_sites):
    """Textbook greedy: look at every site in every round; lowest position wins ties."""
    rest, chosen = weight.astype(float).copy(), []
    while len(chosen) < n_sites:
        gains = reach @ rest
        gains[chosen] = 0
        if gains.max(initial=0) == 0:
            break
        chosen.append(int(np.argmax(gains)))
        rest[reach[chosen[-1]]] = 0
    return chosen


@settings(max_examples=150)
@given(st.integers(0, 2**32 - 1))
def test_lazy_greedy_is_greedy(seed):
    """Lazy evaluation changes the effort, not the choice; the build order is the greedy order."""
    rng = np.random.default_rng(seed)
    reach = rng.random((rng.integers(1, 15), rng.integers(1, 25))) < 0.25
    weight = rng.integers(0, 4, reach.shape[1])
    p = int(rng.integers(0, len(reach) + 1))
    problem = make_problem(reach, weight, n_sites=p)
    core = reduce_problem(problem)
    expected = naive_greedy(reach, weight, p)
    assert core.sites[greedy(core)].tolist() == sorted(expected)
    assert build_order(problem, np.array(expected, dtype=np.int64))[0].tolist() == expected


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_bounds_hold_for_any_prices(seed):
    """A Lagrangian value is never below the optimum: at any prices, on the way to better ones, and at the LP's."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng)
    best, core = brute_force(problem), reduce_problem(problem)
    if best is None or core.reason:
        return
    prices = first_prices(core)
    wild = dataclasses.replace(
        prices,
        demand=rng.normal(1, 3, len(prices.demand)),
        budget=rng.normal(),
        group=rng.normal(size=len(prices.group)),
        pair=rng.normal(size=len(prices.pair)),
    )
    for found in (
        lagrangian(core, prices),
        lagrangian(core, wild),
        primal_dual(core, middle(core, prices), 60, lambda: 1)[0],
        linear_program(core, lambda: 9.0) or lagrangian(core, prices),
    ):
        assert core.base + found.value >= best - 1e-9


@pytest.mark.parametrize("limits", ["number", "budget", "both", "groups", "pairs", "all"])
@pytest.mark.parametrize("seed", range(3))
def test_first_order_prices_reach_the_value_of_the_linear_program(limits, seed):
    """HiGHS's LP value lies between what our fractional plan covers and our bound, which are 0.1 % apart at most."""
    rng = np.random.default_rng(seed)
    reach, weight = clustered(rng, m=400, n=60)
    options = {"n_sites": 8}
    if limits in ("budget", "both", "all"):
        options |= {"budget": 14.0, "cost": rng.uniform(1, 3, 60)}
    if limits == "budget":
        del options["n_sites"]
    if limits in ("groups", "all"):
        options |= {"group": rng.integers(-1, 3, 60), "group_min": [1, 2, 1]}
    if limits in ("pairs", "all"):
        options |= {"conflicts": rng.permutation(60)[:40].reshape(-1, 2)}
    core = reduce_problem(make_problem(reach, weight, **options))
    found, end = primal_dual(core, middle(core, first_prices(core)), 4000, lambda: 60.0, tolerance=1e-6)
    value = relaxation(core, 9.0).value
    assert value * (1 - 1e-6) <= found.value <= value * 1.001
    assert found.plan.min() >= 0
    assert found.plan.max() <= 1
    assert found.plan.sum() <= core.limit * (1.001 if "budget" in options else 1 + 1e-6)
    if core.plain:
        assert core.weight @ np.minimum(core.by_demand @ found.plan, 1) >= 0.999 * value
    again, _ = primal_dual(core, end, 20, lambda: 60.0)
    assert again.value <= found.value * 1.01  # going on from the end does not begin anew


def test_identical_demands_merge_and_dominated_candidates_go():
    """Hand-worked: demands 0 and 2 have sites {0, 1}; site 2 reaches nothing that site 1 does not."""
    #            d0 d1 d2 d3
    reach = [[1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 0, 0]]
    core = reduce_problem(make_problem(reach, [2, 3, 5, 7], n_sites=1))
    assert core.weight.tolist() == [7, 3]  # d0 + d2, d1; nobody reaches d3
    assert undominated(core).tolist() == [False, True, False]
    assert restrict(core, undominated(core), np.array([1])).base == 10
    matrix = sparse.csr_array(np.array([[1, 0], [0, 1], [1, 0], [0, 0], [0, 0]]))
    assert identical_rows(matrix).tolist() == [0, 1, 0, 3, 3]


def test_fixed_sites_cover_and_are_not_chosen():
    """Site 0 exists and covers demand 0 (weight 9); the one new site is worth 4, not 9."""
    result = max_coverage([[1, 0, 0], [1, 0, 0], [0, 1, 1]], [9, 1, 3], n_sites=1, fixed=[0])
    assert (result.base, result.chosen.tolist(), result.gain.tolist()) == (9, [2], [4])
    assert (result.objective, result.bound, result.gap, result.status) == (13, 13, 0, "optimal")


def test_a_site_too_dear_does_not_spoil_the_budget_greedy():
    """Gain per cost takes the cheap site (2 for 1) and can't pay the big one (100 for 100): best of both wins."""
    result = max_coverage(np.eye(2), [2, 100], cost=[1, 100], budget=100, method="greedy")
    assert result.chosen.tolist() == [1]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"weight": [1, np.nan]}, "siting-not-finite"),
        ({"weight": [1, -1]}, "siting-negative"),
        ({"weight": [1, np.inf]}, "siting-not-finite"),
        ({"weight": [1, 2, 3]}, "siting-length"),
        ({"weight": ["a", "b"]}, "siting-not-number"),
        ({"cost": [1, np.nan, 1]}, "siting-not-finite"),
        ({"cost": [1, -1, 1]}, "siting-negative"),
        ({"cost": [1]}, "siting-length"),
        ({"budget": -1.0}, "siting-budget"),
        ({"budget": float("nan")}, "siting-budget"),
        ({"budget": float("inf")}, "siting-budget"),
        ({"budget": True}, "siting-budget"),
        ({"budget": "much"}, "siting-budget"),
        ({"n_sites": 4}, "siting-count-high"),
        ({"n_sites": -1}, "siting-count"),
        ({"n_sites": 1.5}, "siting-count"),
        ({"n_sites": True}, "siting-count"),
        ({"n_sites": None}, "siting-no-limit"),
        ({"fixed": [3]}, "siting-index"),
        ({"fixed": [-1]}, "siting-index"),
        ({"forbidden": [0.5]}, "siting-index"),
        ({"required": [1], "forbidden": [1]}, "siting-clash"),
        ({"group": [0, 0], "group_min": [1]}, "siting-group-min"),
        ({"group": [0, 0, 1], "group_min": [1]}, "siting-group-min"),
        ({"conflicts": [[0, 0]]}, "siting-conflicts"),
        ({"conflicts": [[0, 9]]}, "siting-conflicts"),
        ({"reach": [1, 2]}, "siting-reach-shape"),
        ({"reach": [[np.nan, 0], [0, 1], [1, 1]]}, "siting-reach-values"),
        ({"time_limit_s": 0}, "siting-time-limit"),
        ({"time_limit_s": float("nan")}, "siting-time-limit"),
        ({"gap": -0.1}, "siting-gap"),
        ({"seed": -1}, "siting-seed"),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused(change, key):
    """Each fault is named by its own text, in both languages."""
    sound = {"reach": [[1, 0], [0, 1], [1, 1]], "weight": [1, 2], "n_sites": 1}
    with pytest.raises(ProblemError) as caught:
        max_coverage(**{**sound, **change})
    assert key in [fault.key for fault in caught.value.faults]
    assert caught.value.render("zh") != caught.value.render("en")


def test_all_faults_at_once():
    """Weights, costs and the number are all named in one go."""
    with pytest.raises(ProblemError) as caught:
        max_coverage(np.eye(2), [np.nan, 1], cost=[-1, 1], n_sites=5)
    assert {f.key for f in caught.value.faults} == {
        "siting-not-finite",
        "siting-negative",
        "siting-count-high",
    }


def test_unknown_method_names_the_known_ones():
    """The message lists what could be asked for."""
    with pytest.raises(SitingError, match="auto, exact, greedy, improve"):
        max_coverage(np.eye(2), [1, 1], n_sites=1, method="magic")


def clustered(rng, m=1500, n=150, radius=0.07):
    """Demands and sites in clusters, as towns are."""
    centre = rng.random((12, 2))
    demand = centre[rng.integers(12, size=m)] + rng.normal(scale=0.05, size=(m, 2))
    site = centre[rng.integers(12, size=n)] + rng.normal(scale=0.06, size=(n, 2))
    reach = ((site[:, None] - demand) ** 2).sum(axis=2) < radius**2
    return sparse.csr_array(reach), rng.integers(1, 100, m)


def test_same_input_same_answer():
    """Two runs agree in every byte, times apart."""
    reach, weight = clustered(np.random.default_rng(5))
    runs = [max_coverage(reach, weight, n_sites=10, seed=3) for _ in range(2)]
    assert runs[0].status == "optimal"
    for name in ("chosen", "gain"):
        assert getattr(runs[0], name).tobytes() == getattr(runs[1], name).tobytes()
    for name in ("objective", "bound", "gap", "status", "cost"):
        assert getattr(runs[0], name) == getattr(runs[1], name)
    assert [line.stage for line in runs[0].log] == [line.stage for line in runs[1].log]


def test_fractional_weights_in_any_unit_are_proven():
    """Weights of 1e-9 or 1e9 make no difference to the plan or its proof."""
    reach, weight = clustered(np.random.default_rng(6), m=600, n=60)
    plain = max_coverage(reach, weight * 0.37, n_sites=6)
    for unit in (1e-9, 1e9):
        other = max_coverage(reach, weight * 0.37 * unit, n_sites=6)
        assert other.status == plain.status == "optimal"
        assert other.objective == pytest.approx(plain.objective * unit)


def test_a_gap_that_is_enough_ends_the_solve():
    """With gap=0.5 the first bound settles it; the certificate holds."""
    reach, weight = clustered(np.random.default_rng(7))
    problem = make_problem(reach, weight, n_sites=10)
    result = solve(problem, gap=0.5)
    assert result.status in ("gap", "optimal")
    assert result.gap <= 0.5
    assert verify(problem, result) == []


def test_progress_is_told_and_never_worse():
    """Best never falls, bound never rises, and best never passes the bound."""
    seen = []
    reach, weight = clustered(np.random.default_rng(8))
    max_coverage(reach, weight, n_sites=10, progress=seen.append)
    assert len(seen) >= 2
    assert all(a.best <= b.best and a.bound >= b.bound for a, b in itertools.pairwise(seen))
    assert all(line.best <= line.bound for line in seen)


def test_ctrl_c_returns_the_best_so_far():
    """An interrupt in the middle gives a plan with its bound, not a traceback."""
    reach, weight = clustered(np.random.default_rng(9))
    problem = make_problem(reach, weight, n_sites=10)

    def interrupt(line):
        if line.stage == "swaps":
            raise KeyboardInterrupt

    result = solve(problem, progress=interrupt)
    assert result.status == "interrupted"
    assert len(result.chosen) == 10
    assert verify(problem, result) == []


def test_a_tiny_time_limit_gives_a_plan_and_says_so():
    """Out of time at once: still a plan, still a bound that holds."""
    reach, weight = clustered(np.random.default_rng(10))
    problem = make_problem(reach, weight, n_sites=10)
    result = solve(problem, time_limit_s=1e-6)
    assert result.status == "time_limit"
    assert verify(problem, result) == []


@pytest.mark.parametrize(
    "forge",
    [
        {"objective": 99.0},
        {"bound": 1.0},
        {"gap": 0.3},
        {"status": "splendid"},
        {"cost": 7.0},
        {"base": 5.0},
        {"chosen": np.array([0, 0])},
        {"chosen": np.array([0, 9])},
        {"chosen": np.array([0, 2])},
        {"chosen": np.array([1, 0])},
        {"gain": np.array([1.0, 2.0])},
        {"gain": np.array([3.0])},
        {"covered_by": np.array([0, 0, 0])},
    ],
)
def test_verify_finds_forged_claims(forge):
    """Change any one claim of a sound result and it is named."""
    problem = make_problem([[1, 1, 0], [0, 0, 1], [1, 0, 0]], [1, 2, 2.5], n_sites=2)
    result = solve(problem)
    assert result.chosen.tolist() == [0, 1]
    assert verify(problem, result) == []
    assert verify(problem, dataclasses.replace(result, **forge))


def test_every_status_is_explained():
    """The table of statuses holds what results can say."""
    assert {"optimal", "gap", "feasible", "time_limit", "interrupted", "infeasible", "unknown"} == set(
        STATUSES
    )
