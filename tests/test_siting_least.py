"""Least sites to comply: windows against a literal walk along the route, covers against brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.siting import ProblemError, gap_windows, least_sites

INTEGERS = st.integers(0, 30)


def gaps(length, sites, ring=False):
    """Lengths of all gaps, walked literally; sites outside the line close its ends."""
    at = sorted(sites)
    if ring:
        return [length] if not at else [b - a for a, b in itertools.pairwise([*at, at[0] + length])]
    if not at or at[0] >= 0:
        at = [0, *at]
    if at[-1] <= length:
        at = [*at, length]
    return [b - a for a, b in itertools.pairwise(at)]


@settings(max_examples=400)
@given(
    st.integers(1, 30), st.lists(INTEGERS, max_size=6), st.integers(1, 12),
    st.lists(st.integers(-8, 38), max_size=3), st.booleans(),
)  # fmt: skip
def test_windows_hold_a_site_exactly_when_all_gaps_are_short(length, candidates, span, fixed, ring):
    """For every subset of the candidates: all windows hold one <=> every gap is at most the span."""
    candidates = [c for c in candidates if c <= length]
    if ring:
        fixed, candidates = [f % length for f in fixed], [c % length for c in candidates]
    windows = gap_windows(length, candidates, span, fixed, ring=ring)
    cover = windows.cover.toarray()
    for size in range(len(candidates) + 1):
        for subset in itertools.combinations(range(len(candidates)), size):
            complies = max(gaps(length, [*fixed, *(candidates[i] for i in subset)], ring)) <= span
            assert cover[list(subset)].any(axis=0).all() == complies


@settings(max_examples=200)
@given(
    st.integers(1, 30), st.lists(INTEGERS, max_size=6), st.integers(1, 12), st.lists(INTEGERS, max_size=3),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_an_end_that_does_not_count_is_left_out(length, candidates, span, fixed, start_counts, end_counts):
    """Only gaps between the outermost existing sites (or counted ends) matter then."""
    fixed = [f for f in fixed if f <= length]
    windows = gap_windows(length, candidates, span, fixed, start_counts=start_counts, end_counts=end_counts)
    if not fixed and not (start_counts and end_counts):
        assert windows.cover.shape[1] == 0
        return
    low = 0 if start_counts else min(fixed)
    high = length if end_counts else max(fixed)
    inside = [i for i, c in enumerate(candidates) if low <= c <= high]
    cover = windows.cover.toarray()
    for size in range(len(inside) + 1):
        for subset in itertools.combinations(inside, size):
            at = [low, *sorted([*fixed, *(candidates[i] for i in subset)]), high]
            complies = max(b - a for a, b in itertools.pairwise(at)) <= span
            assert cover[list(subset)].any(axis=0).all() == complies


def test_windows_worked_by_hand():
    """100 km, span 40, sites possible at 10, 50, 90: windows [0,40], (10,50], (50,90] (90+40 > 100 is the end)."""
    windows = gap_windows(100, [10, 50, 90], 40)
    assert windows.from_m.tolist() == [0, 10, 50]
    assert windows.cover.toarray().T.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_candidate_off_the_route_is_in_no_window():
    """NaN chainage: serves another route."""
    assert gap_windows(100, [np.nan, 50], 60).cover.toarray().tolist() == [[False], [True]]


@pytest.mark.parametrize("bad", [{"length_m": 0}, {"span_m": -1}, {"span_m": np.nan}, {"fixed_m": [np.nan]}])
def test_senseless_lengths_are_refused(bad):
    """Lengths must be positive and finite."""
    with pytest.raises(ProblemError):
        gap_windows(**{"length_m": 100, "candidate_m": [1], "span_m": 40, **bad})


def brute_force(cover, need, cost, fixed, forbidden):
    """Cheapest subset with every window's need, or what can be had of it."""
    n = len(cover)
    free = [i for i in range(n) if i not in fixed and i not in forbidden]
    left = np.maximum(need - cover[fixed].sum(axis=0), 0)
    possible = cover[free].sum(axis=0)
    unserved = np.flatnonzero(possible < left)
    left = np.minimum(left, possible)
    subsets = itertools.chain.from_iterable(itertools.combinations(free, k) for k in range(len(free) + 1))
    return min(cost[list(s)].sum() for s in subsets if (cover[list(s)].sum(axis=0) >= left).all()), unserved


@pytest.mark.parametrize("block", range(5))
def test_least_sites_against_brute_force(block):
    """Number or cost, backup, fixed, forbidden, windows that can't be served: always the least, proven."""
    for seed in range(block * 40, block * 40 + 40):
        rng = np.random.default_rng(seed)
        n, w = int(rng.integers(1, 10)), int(rng.integers(0, 12))
        cover = (rng.random((n, w)) < rng.uniform(0.1, 0.7)).astype(int)
        need = rng.integers(0, 4, w) if rng.random() < 0.4 else np.ones(w, dtype=int)
        cost = rng.choice([0, 1, 2.5, 3, 7.25], n) if rng.random() < 0.5 else np.ones(n)
        fixed, forbidden = (np.flatnonzero(rng.random(n) < 0.15) for _ in range(2))
        least, unserved = brute_force(cover, need, cost, fixed, forbidden)
        found = least_sites(cover, need=need, cost=cost, fixed=fixed, forbidden=forbidden)
        assert found.objective == pytest.approx(least), seed
        assert found.bound == pytest.approx(least), seed
        assert found.unserved.tolist() == unserved.tolist()
        assert found.status == ("infeasible" if len(unserved) else "optimal")
        assert found.objective == pytest.approx(cost[found.chosen].sum())
        assert not set(found.chosen) & {*fixed, *forbidden}


def test_a_route_is_served_with_the_fewest_sites():
    """400 km with a candidate every 5 km and span 40: 9 sites, at 40, 80 … 360 km or as good."""
    windows = gap_windows(400_000, np.arange(0, 400_001, 5_000), 40_000)
    found = least_sites(windows.cover)
    assert (found.objective, found.bound, found.status) == (9, 9, "optimal")
    assert max(gaps(400_000, found.chosen * 5_000)) <= 40_000


def test_stretches_without_any_candidate_are_named():
    """Nothing can be built between 100 and 200 km: those windows are listed, the rest is served all the same."""
    places = np.concatenate([np.arange(0, 100_001, 10_000), np.arange(200_000, 300_001, 10_000)])
    windows = gap_windows(300_000, places, 40_000)
    found = least_sites(windows.cover)
    assert found.status == "infeasible"
    assert windows.from_m[found.unserved].tolist() == [100_000]
    assert len(found.chosen) > 0


@pytest.mark.parametrize(
    "bad", [{"need": -1}, {"need": 1.5}, {"cost": [np.nan, 1]}, {"time_limit_s": 0}, {"gap": -1}]
)
def test_senseless_demands_are_refused(bad):
    """Faults are named, as everywhere."""
    with pytest.raises(ProblemError):
        least_sites(np.eye(2), **bad)
