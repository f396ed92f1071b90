"""Coverage with capacities: against brute force over all choices, with a maximum flow for who is served where."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from plugspan.errors import SitingError
from plugspan.siting.maxcover import max_coverage
from plugspan.siting.maxcover.capacity import capacitated_coverage


def flow(reach, weight, capacity, sites):
    """Most weight that the sites can serve: a maximum flow site -> demand."""
    graph = nx.DiGraph()
    graph.add_nodes_from(["s", "t"])
    for i in sites:
        graph.add_edge("s", ("site", i), capacity=float(capacity[i]))
        for j in np.flatnonzero(reach[i]):
            graph.add_edge(("site", i), ("demand", int(j)), capacity=float(weight[j]))
    for j, w in enumerate(weight):
        graph.add_edge(("demand", j), "t", capacity=float(w))
    return nx.maximum_flow_value(graph, "s", "t")


@pytest.mark.parametrize("seed", range(60))
def test_no_choice_serves_more(seed):
    """Up to 7 sites: every choice within number and budget is tried."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 8)), int(rng.integers(1, 9))
    reach = rng.random((n, m)) < 0.5
    weight = rng.integers(0, 10, m).astype(float)
    capacity = rng.integers(0, 15, n).astype(float)
    cost = rng.integers(1, 5, n).astype(float)
    fixed = [0] if seed % 3 == 0 else []
    p, budget = int(rng.integers(0, n)), float(rng.integers(0, 10)) if seed % 2 else None
    found = capacitated_coverage(reach, weight, capacity, n_sites=p, budget=budget, cost=cost, fixed=fixed)
    new = [i for i in range(n) if i not in fixed]
    best = max(
        flow(reach, weight, capacity, [*fixed, *chosen])
        for size in range(min(p, len(new)) + 1)
        for chosen in combinations(new, size)
        if budget is None or cost[list(chosen)].sum() <= budget
    )
    assert found.objective == pytest.approx(best, abs=1e-6)
    assert found.bound >= best - 1e-9
    assert found.status == "optimal"
    load = found.served.toarray()
    assert (load.sum(axis=1) <= capacity + 1e-6).all()
    assert (load.sum(axis=0) <= weight + 1e-6).all()
    assert (load[~reach] == 0).all()
    assert set(np.flatnonzero(load.sum(axis=1) > 1e-9)) <= {*fixed, *found.chosen.tolist()}


def test_without_a_limit_it_is_maximum_coverage():
    """Infinite capacities give the plain problem's optimum."""
    rng = np.random.default_rng(7)
    reach, weight = rng.random((20, 60)) < 0.15, rng.integers(1, 30, 60).astype(float)
    free = capacitated_coverage(reach, weight, np.full(20, np.inf), n_sites=4)
    assert free.objective == pytest.approx(max_coverage(reach, weight, n_sites=4).objective)


def test_plugs_make_the_difference():
    """One site reaches all 100 but serves 30; two sites of 60 that reach halves serve all."""
    reach = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]], dtype=bool)
    weight = np.full(4, 25.0)
    found = capacitated_coverage(reach, weight, [30.0, 60.0, 60.0], n_sites=2)
    assert sorted(found.chosen.tolist()) == [1, 2]
    assert found.objective == pytest.approx(100.0)


@pytest.mark.parametrize("capacity", [[1.0], [1.0, -2.0], [1.0, float("nan")]])
def test_capacities_that_make_no_sense_are_told(capacity):
    """A wrong number of them, negative or NaN ones."""
    with pytest.raises(SitingError):
        capacitated_coverage(np.ones((2, 2), bool), [1.0, 1.0], capacity, n_sites=1)
