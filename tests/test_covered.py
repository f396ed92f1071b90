"""Covered length: by hand, against brute force, and on broken tables."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan import InputError, covered_length


def table(*rows, **columns):
    return pd.DataFrame(rows, columns=["u", "v", "length_m"]).assign(**columns)


def brute_force(edges, sites, span_m):
    """Second implementation: for each edge, take it out and look at all pairs of sites."""
    graph = nx.MultiGraph()
    for key, row in zip(edges.index, edges.itertuples(), strict=True):
        graph.add_edge(row.u, row.v, key=key, weight=row.length_m)
    sites = [s for s in dict.fromkeys(sites) if s in graph]
    far = {s: nx.single_source_dijkstra_path_length(graph, s) for s in sites}
    by_edge, by_two = [], []
    for key, row in zip(edges.index, edges.itertuples(), strict=True):
        ends = [min((far[s].get(n, np.inf) for s in sites), default=np.inf) for n in (row.u, row.v)]
        by_edge.append(ends[0] + row.length_m + ends[1] <= span_m + 1e-6)
        rest = graph.copy()
        rest.remove_edge(row.u, row.v, key=key)
        from_u, from_v = (nx.single_source_dijkstra_path_length(rest, n) for n in (row.u, row.v))
        best = min(
            (
                from_u.get(a, np.inf) + row.length_m + from_v.get(b, np.inf)
                for a in sites
                for b in sites
                if a != b
            ),
            default=np.inf,
        )
        by_two.append(best <= span_m + 1e-6)
    return by_edge, by_two


# -- by hand -------------------------------------------------------------------------------------------------


def test_path_between_two_sites():
    """A - 10 - b - 20 - C - 10 - d, sites at A and C, span 30.

    Edge rule: A-b 0 + 10 + 10 (b's nearest is A), b-C 10 + 20 + 0, C-d 0 + 10 + 10: all pass. Two sites: A-b and
    b-C lie on A -> C of 30; from d there is no second site: 30 of 40.
    """
    found = covered_length(table(("A", "b", 10), ("b", "C", 20), ("C", "d", 10)), ["A", "C"], 30)
    assert found.edge_rule == 1.0
    assert found.two_site_rule == 0.75
    assert found.length_m == 40.0
    assert found.two_site_passes.tolist() == [True, True, False]


def test_span_is_met_exactly_and_missed_by_a_centimetre():
    """30 passes a span of 30 and fails one of 29.99."""
    edges = table((1, 2, 10), (2, 3, 20))
    assert covered_length(edges, [1, 3], 30).two_site_rule == 1.0
    assert covered_length(edges, [1, 3], 29.99).two_site_rule == 0.0


def test_one_site_serves_both_ends_of_the_edge_rule_only():
    """One site in the middle of 5 + 5: edge rule 0 + 5 + 5; no two sites at all."""
    found = covered_length(table((1, 2, 5), (2, 3, 5)), [2], 10)
    assert (found.edge_rule, found.two_site_rule) == (1.0, 0.0)


def test_a_way_to_a_site_may_not_use_the_edge_itself():
    """Sites 1 and 2 lie beyond u on a stub; from v they are reached only back over the edge.

    1 - 1 - u, 2 - 1 - u, u - 5 - v: labels of v are sites 1 and 2 at 6; without the edge v has none.
    """
    found = covered_length(table((1, "u", 1), (2, "u", 1), ("u", "v", 5)), [1, 2], 100)
    assert found.two_site_passes.tolist() == [True, True, False]


def test_way_round_without_the_edge():
    """A square: the nearest sites of v come over the edge, another one lies the other way round.

    u has site 1 at 1 and site 2 at 2; u - 4 - v; v - 10 - w, w has site 3 at 0. v's two nearest in the network
    are 1 (5) and 2 (6), both over the edge; without it 3 at 10: 1 + 4 + 10 = 15.
    """
    edges = table(("u", 1, 1), ("u", 2, 2), ("u", "v", 4), ("v", 3, 10))
    assert covered_length(edges, [1, 2, 3], 15).two_site_passes.tolist() == [True, True, True, True]
    assert covered_length(edges, [1, 2, 3], 14).two_site_passes.tolist() == [True, True, False, False]


def test_the_two_sites_must_differ():
    """A loop through one site: round trips of 30 from A to A don't count for two sites."""
    found = covered_length(table(("A", "b", 10), ("b", "c", 10), ("c", "A", 10)), ["A"], 40)
    assert (found.edge_rule, found.two_site_rule) == (1.0, 0.0)


def test_sites_at_both_ends_of_an_edge():
    """A = u and B = v: the edge alone."""
    found = covered_length(table((1, 2, 40), (2, 3, 41)), [1, 2, 3], 40)
    assert found.two_site_passes.tolist() == [True, False]


def test_parallel_edges_are_different_edges():
    """Of two roads between the same places, one of 10 and one of 50, only the short one fits into 20."""
    found = covered_length(table((1, 2, 10), (2, 1, 50)), [1, 2], 20)
    assert found.edge_passes.tolist() == [True, False]
    assert found.two_site_passes.tolist() == [True, False]
    assert found.two_site_rule == pytest.approx(10 / 60)


def test_loops_and_zero_lengths():
    """A loop at u passes with A -> u -> round -> u -> B; edges of length 0 are allowed."""
    edges = table(("A", "u", 3), ("u", "u", 4), ("u", "B", 5), ("B", "C", 0))
    found = covered_length(edges, ["A", "B"], 12)
    assert found.two_site_passes.tolist() == [True, True, True, False]
    assert found.edge_passes.tolist() == [True, True, True, True]


def test_only_counted_edges_count():
    """Access roads carry distance and are not in the share."""
    edges = table(("A", "u", 5), ("u", "v", 10), ("v", "B", 5), counted=[False, True, False])
    found = covered_length(edges, ["A", "B"], 20)
    assert (found.edge_rule, found.two_site_rule, found.length_m) == (1.0, 1.0, 10.0)
    assert covered_length(edges, ["A", "B"], 19).two_site_rule == 0.0


def test_counted_may_be_written_as_numbers():
    """0 and 1 from a table file, booleans with a missing-value type and plain ones say the same; 2 doesn't."""
    edges = table(("A", "u", 5), ("u", "v", 10), ("v", "B", 5))
    for flags in ([0, 1, 0], [0.0, 1.0, 0.0], pd.array([False, True, False], dtype="boolean")):
        assert covered_length(edges.assign(counted=flags), ["A", "B"], 20).length_m == 10.0
    with pytest.raises(InputError, match="has 2 in counted"):
        covered_length(edges.assign(counted=[0, 2, 1]), ["A", "B"], 20)


def test_nothing_counts():
    """Without counted length there is no share, and no error."""
    found = covered_length(table((1, 2, 5), counted=[False]), [1], 10)
    assert np.isnan(found.edge_rule)
    assert np.isnan(found.two_site_rule)
    assert found.length_m == 0.0
    assert covered_length(table(), [], 10).length_m == 0.0


def test_no_sites():
    """Without sites nothing is covered."""
    found = covered_length(table((1, 2, 5)), [], 10)
    assert (found.edge_rule, found.two_site_rule) == (0.0, 0.0)


def test_a_node_named_twice_is_one_site():
    """Duplicates don't make two sites."""
    assert covered_length(table((1, 2, 5)), [1, 1], 100).two_site_rule == 0.0


def test_unknown_site_nodes_are_told():
    """Sites elsewhere cover nothing and are named; ids that only differ in their type are an error."""
    assert covered_length(table((1, 2, 5)), [1, 2, 99], 10).sites_unknown == (99,)
    nowhere = covered_length(table((1, 2, 5)), [98, 99], 10)
    assert (nowhere.edge_rule, nowhere.sites_unknown) == (0.0, (98, 99))
    assert covered_length(table((1, 2, 5)), [1, "2"], 10).sites_unknown == (
        "2",
    )  # another site is on the network
    with pytest.raises(InputError, match="the sites say '1', the edges 1"):
        covered_length(table((1, 2, 5)), ["1", "2"], 10)


def test_any_hashable_ids():
    """Tuples, text and numbers may be mixed; the index of the edges is kept."""
    edges = table(((0, 0), "x", 5), ("x", 7, 5))
    edges.index = ["first", "second"]
    found = covered_length(edges, [(0, 0), 7], 10)
    assert found.two_site_passes.to_dict() == {"first": True, "second": True}


# -- against brute force -------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_equals_brute_force(seed):
    """Both rules, edge by edge, on small random networks with loops, parallel edges, islands and zero lengths."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 10)), int(rng.integers(1, 18))
    edges = pd.DataFrame(
        {"u": rng.integers(0, n, m), "v": rng.integers(0, n, m), "length_m": rng.integers(0, 9, m)}
    )
    nodes = np.unique(edges[["u", "v"]])
    sites = rng.choice(nodes, int(rng.integers(0, min(6, len(nodes)) + 1)), replace=True).tolist()
    span_m = float(rng.integers(1, 28))
    found = covered_length(edges, sites, span_m)
    by_edge, by_two = brute_force(edges, sites, span_m)
    assert found.edge_passes.tolist() == by_edge
    assert found.two_site_passes.tolist() == by_two


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_two_sites_are_the_stricter_rule_and_more_sites_cover_more(seed):
    """What passes by two sites passes the edge rule; adding a site or widening the span loses nothing."""
    rng = np.random.default_rng(seed)
    edges = pd.DataFrame(
        {"u": rng.integers(0, 30, 60), "v": rng.integers(0, 30, 60), "length_m": rng.uniform(0, 9, 60)}
    )
    sites = rng.choice(edges["u"], 6).tolist()
    less, more = covered_length(edges, sites[:4], 20), covered_length(edges, sites, 20)
    wide = covered_length(edges, sites, 25)
    assert not (less.two_site_passes & ~less.edge_passes).any()
    for rule in ("edge_passes", "two_site_passes"):
        assert not (getattr(less, rule) & ~getattr(more, rule)).any()
        assert not (getattr(more, rule) & ~getattr(wide, rule)).any()


# -- broken tables -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [-1.0, np.nan, np.inf, "ten", None])
def test_bad_lengths(length):
    """Negative, missing, infinite and unreadable lengths are refused, each row named."""
    with pytest.raises(InputError, match="edge 1 has the length") as error:
        covered_length(pd.DataFrame({"u": [1, 2], "v": [2, 3], "length_m": [5.0, length]}), [1], 10)
    assert len(error.value.faults) == 1


@pytest.mark.parametrize("span_m", [0, -5, np.nan, np.inf, "wide", None])
def test_bad_spans(span_m):
    """The span is a finite length above 0."""
    with pytest.raises(InputError, match="the span is"):
        covered_length(table((1, 2, 5)), [1], span_m)


def test_all_faults_at_once():
    """Missing ends, bad lengths and bad flags of one table are told together, in both languages."""
    edges = pd.DataFrame({"u": [1, None], "v": [2, 3], "length_m": [-1, 2], "counted": [True, "yes"]})
    with pytest.raises(InputError) as error:
        covered_length(edges, [1], -1)
    assert {f.key for f in error.value.faults} == {
        "span-invalid",
        "edges-length",
        "edges-node",
        "edges-counted",
    }
    assert error.value.render("zh").count("\n") == 3


def test_missing_columns_are_named():
    """Each missing column is a fault."""
    with pytest.raises(InputError) as error:
        covered_length(pd.DataFrame({"u": [1]}), [1], 10)
    assert [f.values["column"] for f in error.value.faults] == ["v", "length_m"]


def test_many_faults_are_cut_short():
    """Of a hundred bad rows twenty are told, and how many more."""
    with pytest.raises(InputError, match="80 more"):
        covered_length(pd.DataFrame({"u": 1, "v": 2, "length_m": [-1.0] * 100}), [1], 10)
