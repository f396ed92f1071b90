"""The statement of a siting problem: reach or distances, arrays or frames, who covers whom."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from plugspan.siting.maxcover import (
    ProblemError,
    from_distances,
    frontier,
    make_problem,
    max_coverage,
    solve,
    verify,
)
from plugspan.siting.maxcover.robustness import scenario_problem
from scipy import sparse

DISTANCES = arrays(
    float,
    st.tuples(st.integers(1, 6), st.integers(1, 7)),
    elements=st.sampled_from([0, 1, 2, 3.5, 9, np.inf]),
)


def keys(call):
    """Keys of the faults that a call is refused for."""
    with pytest.raises(ProblemError) as caught:
        call()
    assert caught.value.render("zh") != caught.value.render("en")
    return [fault.key for fault in caught.value.faults]


@given(DISTANCES, st.sampled_from([0.0, 1.0, 3.4, 3.5, np.inf]))
def test_a_site_reaches_what_is_within_the_radius(distances, radius):
    """Entry by entry, whichever way the matrix lies, dense or sparse; what is infinitely far is never reached."""
    want = [[bool(x <= radius and x < np.inf) for x in row] for row in distances.tolist()]
    n, m = distances.shape
    stored = sparse.coo_array(
        (distances.ravel(), (np.repeat(np.arange(n), m), np.tile(np.arange(m), n))), (n, m)
    )
    for given_, axis in (
        (distances, 0),
        (distances.T, 1),
        (stored, 0),
        (stored.T.tocsr(), 1),
        (stored.tocsc(), 0),
    ):
        problem = from_distances(given_, radius, axis=axis, n_sites=1)
        assert problem.reach.toarray().tolist() == want
        assert problem.weight.tolist() == [1.0] * m


def test_each_site_may_have_its_radius():
    """A strong charger reaches further: 3 m and 5 m."""
    problem = from_distances([[3, 4, 5], [3, 5, 6]], [3, 5], axis=0, weight=[1, 2, 4], n_sites=2)
    assert problem.reach.toarray().tolist() == [[True, False, False], [True, True, False]]
    assert solve(problem).objective == 3
    assert from_distances([[3, 4, 5], [3, 5, 6]], [3, 4, 6], axis=1, n_sites=1).reach.sum() == 5  # 2 + 1 + 2


def test_a_zero_that_a_sparse_matrix_does_not_store_has_to_be_explained():
    """Three points on a line, 1 apart: without its diagonal nobody would reach himself."""
    dense = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))
    lost = sparse.csr_array(dense)
    assert lost.nnz == 6
    assert keys(lambda: from_distances(lost, 1, axis=0, n_sites=1)) == ["siting-diagonal"]
    same = from_distances(lost, 1, axis=0, n_sites=1, same_points=True)
    assert same.reach.toarray().tolist() == (dense <= 1).tolist()
    other = from_distances(lost, 1, axis=0, n_sites=1, same_points=False)
    assert other.reach.toarray().tolist() == ((dense <= 1) & (dense > 0)).tolist()
    assert from_distances(lost[:2], 1, axis=0, n_sites=1).reach.sum() == 3  # not square: nothing to explain


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"distances": [[np.nan, 1], [1, 1]]}, "siting-distances"),
        ({"distances": sparse.csr_array([[-1.0, 1], [1, 1]])}, "siting-distances"),
        ({"distances": [1, 2]}, "siting-reach-shape"),
        ({"distances": [["near", "far"]]}, "siting-not-number"),
        ({"radius": -1}, "siting-radius"),
        ({"radius": np.nan}, "siting-radius"),
        ({"radius": [1, 2, 3]}, "siting-radius"),
        ({"axis": 2}, "siting-axis"),
        ({"n_sites": 3}, "siting-count-high"),
        ({"weight": [1, 2, 3]}, "siting-length"),
    ],
)
def test_distances_that_make_no_sense_are_refused(change, key):
    """Each fault is named by its own text, in both languages."""
    sound = {"distances": [[0, 1], [1, 0]], "radius": 1, "axis": 0, "n_sites": 1, **change}
    assert key in keys(lambda: from_distances(sound.pop("distances"), sound.pop("radius"), **sound))


def test_distances_handed_over_as_reach_are_refused():
    """They once gave "optimal, 100 %"; booleans, 0 and 1 of any type, dense or sparse, are taken."""
    distances = [[0.0, 450.0], [450.0, 0.0]]
    for reach in (
        distances,
        sparse.csr_array(distances),
        pd.DataFrame(distances),
        [[1, 2], [0, 1]],
        [[1, -1]],
    ):
        assert "siting-reach-binary" in keys(lambda reach=reach: max_coverage(reach, [1, 1], n_sites=1))
    assert "siting-reach-binary" in keys(lambda: frontier(distances, [1, 1], n_sites=1))
    problem = make_problem(np.eye(2), [1, 1], n_sites=1)
    assert "siting-reach-binary" in keys(lambda: scenario_problem(problem, reaches=[distances]))
    for reach in (
        np.eye(2, dtype=np.int8),
        np.eye(2, dtype=bool),
        sparse.eye_array(2),
        pd.DataFrame(np.eye(2)),
    ):
        assert make_problem(reach, [1, 1], n_sites=1).reach.toarray().tolist() == [
            [True, False],
            [False, True],
        ]


# -- frames ----------------------------------------------------------------------------------------------
SITES, DEMANDS = ["north", "south", "old"], [101, 102, 103, 104]
FRAME = pd.DataFrame([[1, 3, 9, 9], [9, 9, 2, 9], [9, 9, 9, 1]], index=SITES, columns=DEMANDS)


def test_labels_are_kept_and_series_aligned():
    """Weights by label in another order; sites are named by label; 103 weighs 8, so south goes first."""
    weight = pd.Series({104: 1.0, 103: 8.0, 102: 4.0, 101: 2.0})
    problem = from_distances(FRAME, 3, axis=0, weight=weight, n_sites=2, fixed=["old"])
    result = solve(problem)
    assert problem.weight.tolist() == [2, 4, 8, 1]
    assert result.sites.tolist() == ["south", "north"]
    assert result.chosen.tolist() == [1, 0]
    assert result.covered_by.tolist() == [0, 0, 1, 2]
    assert dict(zip(problem.demand_ids, problem.site_ids[result.covered_by], strict=True)) == {
        101: "north", 102: "north", 103: "south", 104: "old",
    }  # fmt: skip
    turned = from_distances(FRAME.T, 3, axis=1, weight=weight, n_sites=2, fixed=["old"])
    assert solve(turned).sites.tolist() == ["south", "north"]
    assert max_coverage((FRAME <= 3).astype(int), weight, n_sites=1).sites.tolist() == ["south"]


def test_lists_of_labels_mean_labels_even_if_they_are_numbers():
    """Sites numbered 2, 0, 1: "forbidden 2" is the first row; conflicts, costs and groups follow, too."""
    frame = FRAME.set_axis([2, 0, 1], axis=0)
    problem = make_problem(
        frame <= 3, [1, 1, 1, 1], n_sites=3, forbidden=[2], required=[1], conflicts=[[0, 1]],
        cost=pd.Series({0: 5.0, 1: 6.0, 2: 7.0}), group=pd.Series({0: 0, 1: 1, 2: -1}), group_min=[0, 1],
    )  # fmt: skip
    assert (problem.forbidden.tolist(), problem.required.tolist()) == ([0], [2])
    assert problem.conflicts.tolist() == [[1, 2]]
    assert problem.cost.tolist() == [7, 5, 6]
    assert problem.group.tolist() == [-1, 0, 1]
    assert make_problem(
        frame <= 3, [1] * 4, n_sites=1, fixed=np.array([True, False, False])
    ).fixed.tolist() == [0]
    assert make_problem(
        frame <= 3, [1] * 4, n_sites=1, fixed=pd.Series({0: 1, 1: 0, 2: 0}) > 0
    ).fixed.tolist() == [1]


def test_labels_that_do_not_fit_are_refused():
    """Twice the same, unknown ones, a series that speaks of others."""
    reach = FRAME <= 3
    assert keys(lambda: make_problem(reach.set_axis(["a", "a", "b"], axis=0), [1] * 4, n_sites=1)) == [
        "siting-id-twice"
    ]
    assert keys(lambda: make_problem(reach, [1] * 4, n_sites=1, required=["west"])) == ["siting-id-unknown"]
    assert keys(lambda: make_problem(reach, [1] * 4, n_sites=1, conflicts=[["north", "x"]])) == [
        "siting-id-unknown"
    ]
    for weight in (
        pd.Series([1, 1, 1, 1]),
        pd.Series([1] * 3, DEMANDS[:3]),
        pd.Series([1] * 5, [*DEMANDS, 105]),
    ):
        assert keys(lambda weight=weight: make_problem(reach, weight, n_sites=1)) == ["siting-id-mismatch"]


def test_who_covers_whom_is_claimed_and_checked():
    """The first site in build order that reaches a demand; nobody is -1; without labels sites are positions."""
    problem = make_problem([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], [1, 2, 4, 8], n_sites=2)
    result = solve(problem)
    assert result.chosen.tolist() == result.sites.tolist() == [1, 0]
    assert result.covered_by.tolist() == [0, 1, 1, -1]
    assert problem.site_ids is None
    assert verify(problem, result) == []


def test_labels_beside_an_array_are_those_of_a_frame():
    """``site_ids`` and ``demand_ids`` name what an array can't; wrong numbers of them and doubles are faults."""
    reach, names = np.array([[1, 1, 0], [0, 0, 1]]), {"site_ids": ["A", "B"], "demand_ids": ["x", "y", "z"]}
    assert solve(make_problem(reach, np.ones(3), n_sites=1, required=["B"], **names)).sites.tolist() == ["B"]
    wrong = {"site_ids": ["A"], "demand_ids": ["x", "x", "z"]}
    assert keys(lambda: make_problem(reach, np.ones(3), n_sites=1, **wrong)) == [
        "siting-length",
        "siting-id-twice",
    ]
