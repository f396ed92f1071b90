"""Least sites to comply: windows against a literal walk along the route, covers against brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.errors import InputError
from plugspan.rules.stretches import gap_windows
from plugspan.siting.maxcover import ProblemError, least_sites

PLACES = st.integers(-8, 38)
"""Halves of a metre, beyond both ends too."""


def gaps(length, sites, ring=False):
    """Lengths of all gaps, walked literally; the ends count, whatever lies beyond them."""
    at = sorted(sites)
    if ring:
        return [length] if not at else [b - a for a, b in itertools.pairwise([*at, at[0] + length])]
    at = [0, *(x for x in at if 0 <= x <= length), length]
    return [b - a for a, b in itertools.pairwise(at)]


@settings(max_examples=400)
@given(
    st.integers(1, 30), st.lists(PLACES, max_size=6), st.integers(1, 12),
    st.lists(PLACES, max_size=3), st.booleans(),
)  # fmt: skip
def test_windows_hold_a_site_exactly_when_all_gaps_are_short(length, candidates, span, fixed, ring):
    """For every subset of the candidates: all windows hold one <=> every gap is at most the span."""
    length, span = length / 2, span / 2
    candidates, fixed = [c / 2 for c in candidates], [f / 2 for f in fixed]
    if ring:
        fixed, candidates = [f % length for f in fixed], [c % length for c in candidates]
    windows = gap_windows(length, candidates, span, fixed, ring=ring)
    cover = windows.cover.toarray()
    for size in range(len(candidates) + 1):
        for subset in itertools.combinations(range(len(candidates)), size):
            complies = max(gaps(length, [*fixed, *(candidates[i] for i in subset)], ring)) <= span
            assert cover[list(subset)].any(axis=0).all() == complies


@settings(max_examples=400)
@given(
    st.integers(2, 30), st.lists(PLACES, max_size=5), st.integers(1, 12), st.lists(PLACES, max_size=3),
    st.tuples(st.integers(0, 30), st.integers(1, 15)), st.booleans(),
)  # fmt: skip
def test_windows_of_a_judged_stretch(length, candidates, span, fixed, judged, ring):
    """For every subset: all windows hold one <=> every gap that reaches into the stretch is at most the span."""
    low = (judged[0] % length) / 2
    length, span = length / 2, span / 2
    high = min(low + judged[1] / 2, length)
    candidates, fixed = [c / 2 for c in candidates], [f / 2 for f in fixed]
    if ring:
        fixed, candidates = [f % length for f in fixed], [c % length for c in candidates]
    cover = gap_windows(length, candidates, span, fixed, ring=ring, judged_m=(low, high)).cover.toarray()
    for size in range(len(candidates) + 1):
        for subset in itertools.combinations(range(len(candidates)), size):
            at = sorted([*fixed, *(candidates[i] for i in subset)])
            if not ring:
                ends = [0.0, *(x for x in at if 0 <= x <= length), length]
            else:
                ends = [*at, at[0] + length] if at else [low, low + length]
            turns = (0.0, length) if ring else (0.0,)
            complies = all(
                b - a <= span
                for a, b in itertools.pairwise(ends)
                if any(a < high + turn and b > low + turn for turn in turns)
            )
            assert cover[list(subset)].any(axis=0).all() == complies


def test_windows_worked_by_hand():
    """100 km, span 40, sites possible at 10, 50, 90: windows [0,40], (10,50], (50,90] (90+40 > 100 is the end)."""
    windows = gap_windows(100, [10, 50, 90], 40)
    assert windows.from_m.tolist() == [0, 10, 50]
    assert windows.to_m.tolist() == [40, 50, 90]
    assert windows.cover.toarray().T.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_site_beyond_the_end_asks_for_nothing():
    """Whether a site outside is near or far from the border, and whichever end: the windows are the same."""
    alone = gap_windows(100, [30, 70], 40)
    for fixed in ([-5], [-39], [135], [-1, 101]):
        beside = gap_windows(100, [30, 70], 40, fixed)
        assert beside.from_m.tolist() == alone.from_m.tolist()
        assert (beside.cover != alone.cover).nnz == 0


@pytest.mark.parametrize("ring", [False, True])
def test_lengths_are_compared_to_the_millimetre(ring):
    """Candidates 30 km apart, measured with an error of a micrometre: a span of 30 km is enough, 29.999 km is not."""
    rng = np.random.default_rng(5)
    places = np.arange(1, 14) * 30_000.0 + rng.uniform(-1e-6, 1e-6, 13) - (15_000.0 if ring else 0.0)
    for span, enough in ((30_000.0, True), (30_000.0004, True), (29_999.999, False), (30_001.0, True)):
        found = least_sites(gap_windows(390_000.0, places, span, ring=ring).cover)
        assert (found.status == "optimal") == enough
        assert len(found.chosen) == (13 if ring else 12) or not enough


@pytest.mark.parametrize(
    ("beyond_m", "holds"), [(0.0, True), (0.0004, True), (0.0006, False), (0.0009, False)]
)
def test_a_window_ends_to_the_millimetre(beyond_m, holds):
    """A site half a millimetre and more behind the end of a window is not in it."""
    assert gap_windows(100_000, [50_000 + beyond_m], 50_000).cover.toarray()[0, 0] == holds


def test_a_candidate_off_the_route_is_in_no_window():
    """NaN chainage: serves another route."""
    assert gap_windows(100, [np.nan, 50], 60).cover.toarray().tolist() == [[False], [True]]


@pytest.mark.parametrize(
    "bad",
    [
        {"length_m": 0},
        {"length_m": np.inf},
        {"span_m": -1},
        {"span_m": np.nan},
        {"span_m": np.inf},
        {"fixed_m": [np.nan]},
    ],
)
def test_senseless_lengths_are_refused(bad):
    """Lengths must be positive and finite."""
    with pytest.raises(InputError):
        gap_windows(**{"length_m": 100, "candidate_m": [1], "span_m": 40, **bad})


def test_places_that_are_none_are_counted():
    """Existing sites without a position and candidates at infinity; a candidate without one serves another route."""
    with pytest.raises(InputError) as told:
        gap_windows(100, [1, np.inf, -np.inf, np.nan], 40, [np.nan, 3, 4, np.inf, 5, 6])
    assert [fault.values["count"] for fault in told.value.faults] == [4]


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
