"""Drives between two sites: worked by hand, brute force and a search per edge as oracles, ids of all types."""

from __future__ import annotations

import heapq

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan import InputError, covered_length, read_network
from plugspan.measure.covered import Links, least_drives, nearest_two
from scipy.spatial import Delaunay

FAR = 1e9


def frame(*rows):
    """Edges from (u, v, length_m) or (u, v, length_m, counted)."""
    names = ["u", "v", "length_m", "counted"]
    return pd.DataFrame(list(rows), columns=names[: len(rows[0])])


def drives(edges, sites, limit_m=FAR):
    """Shortest two-site drive over each edge, by the package; nodes are 0 … n-1."""
    u, v = edges["u"].to_numpy(np.int32), edges["v"].to_numpy(np.int32)
    links = Links(u, v, edges["length_m"].to_numpy(float), int(max(u.max(), v.max())) + 1)
    return least_drives(links, nearest_two(links, np.unique(np.array(sites, dtype=np.int32)), limit_m))


# -- oracles -------------------------------------------------------------------------------------------------


def all_distances(u, v, length_m, n):
    """Floyd-Warshall on an undirected network."""
    d = np.full((n, n), np.inf)
    np.minimum.at(d, (u, v), length_m)
    np.minimum.at(d, (v, u), length_m)
    np.fill_diagonal(d, 0)
    for k in range(n):
        d = np.minimum(d, d[:, [k]] + d[[k]])
    return d


def brute_force(edges, sites):
    """Per edge: the sum of the edge rule and the shortest two-site drive, straight from the definitions."""
    u, v, length_m = (edges[c].to_numpy() for c in ("u", "v", "length_m"))
    n = int(max(u.max(), v.max())) + 1
    sites = sorted(set(sites))
    whole = all_distances(u, v, length_m, n)[sites].min(axis=0, initial=np.inf)
    by_two = np.full(len(u), np.inf)
    for e in range(len(u)):
        rest = np.arange(len(u)) != e
        d = all_distances(u[rest], v[rest], length_m[rest], n)
        pairs = [d[a, u[e]] + d[b, v[e]] for a in sites for b in sites if a != b]
        by_two[e] = min(pairs, default=np.inf) + length_m[e]
    return whole[u] + length_m + whole[v], by_two


def two_nearest_without(neighbours, sites, start, without):
    """Two nearest sites of a node, {site: distance}, by a search of its own without one edge."""
    found, done, queue = {}, set(), [(0.0, start)]
    while queue and len(found) < 2:
        d, node = heapq.heappop(queue)
        if node in done:
            continue
        done.add(node)
        if node in sites:
            found[node] = d
        for to, length_m, edge in neighbours[node]:
            if edge != without and to not in done:
                heapq.heappush(queue, (d + length_m, to))
    return found


def plain(edges, sites, which=None):
    """Shortest two-site drive over each edge (of ``which``), by two searches each; for larger networks."""
    rows = list(zip(edges["u"].tolist(), edges["v"].tolist(), edges["length_m"].tolist(), strict=True))
    neighbours = [[] for _ in range(max(max(a, b) for a, b, _ in rows) + 1)]
    for k, (a, b, length_m) in enumerate(rows):
        neighbours[a].append((b, length_m, k))
        neighbours[b].append((a, length_m, k))
    sites = set(sites)
    result = []
    for k in range(len(rows)) if which is None else which:
        a, b, length_m = rows[k]
        from_a, from_b = (two_nearest_without(neighbours, sites, end, k) for end in (a, b))
        sums = [p + q for s, p in from_a.items() for t, q in from_b.items() if s != t]
        result.append(min(sums, default=np.inf) + length_m)
    return np.array(result)


# -- hand-worked ---------------------------------------------------------------------------------------------


def test_the_span_is_included():
    """A drive of exactly the span passes, one a millimetre longer does not."""
    edges = frame((1, 2, 10.1), (2, 3, 19.9))
    assert covered_length(edges, [1, 3], 30.0).two_site_rule == 1
    assert covered_length(edges, [1, 3], 29.999).two_site_rule == 0


def test_a_drive_may_not_come_back_over_the_edge():
    """In a dead end with both sites on one side, the way from its end to a site would use the edge twice."""
    edges = frame((0, 1, 5), (1, 2, 5), (1, 3, 7))
    found = covered_length(edges, [0, 2], FAR)
    assert found.two_site_passes.tolist() == [True, True, False]
    assert found.edge_passes.all()


def test_a_detour_counts_where_the_edge_is_left_out():
    """The nearest sites of an end may lie across the edge; without it the way round is taken.

    Sites A = 0, B = 1; 0 -1- 2 -2- 3, a way round 2 -6- 4 -6- 3, and 1 -3- 2. Edge 2-3 (2 m): from 3 both
    sites lie across it; round by 4 they are 12 + 1 and 12 + 3 m away. A to 2 (1) + 2 + 3 to B (15) = 18.
    """
    edges = frame((0, 2, 1), (2, 3, 2), (2, 4, 6), (4, 3, 6), (1, 2, 3))
    assert drives(edges, [0, 1])[1] == 18
    assert covered_length(edges, [0, 1], 18).two_site_passes[1]
    assert not covered_length(edges, [0, 1], 17).two_site_passes[1]


def test_parallel_edges_are_different_edges():
    """One of two parallel edges may be the way back of the other: 0 -1- 1 =2,5= 2, and a site 3 behind 1."""
    edges = frame((0, 1, 1), (1, 2, 2), (1, 2, 5), (1, 3, 4))
    assert drives(edges, [0, 3]).tolist() == [5, 1 + 2 + 5 + 4, 1 + 5 + 2 + 4, 5]


def test_a_loop_is_driven_once():
    """A loop at a node lies on the drive through it: A 3, loop 10, B 4 = 17."""
    edges = frame((0, 1, 3), (1, 1, 10), (1, 2, 4))
    assert drives(edges, [0, 2]).tolist() == [7, 17, 7]


def test_sites_at_distance_zero_are_two_sites():
    """Edges of length 0 carry drives like others, and pass if both ends have a site."""
    edges = frame((0, 1, 0), (1, 2, 5), (2, 0, 0))
    assert drives(edges, [0, 1]).tolist() == [0, 5, 5]


def test_only_counted_edges_count():
    """Edges that don't count carry distance and get their own answer, but no share."""
    edges = frame((0, 1, 10, True), (1, 2, 10, False), (3, 4, 20, True))
    found = covered_length(edges, [0, 2], 20)
    assert found.two_site_passes.tolist() == [True, True, False]
    assert found.length_m == 30
    assert found.two_site_rule == pytest.approx(1 / 3)


# -- oracles, many networks ----------------------------------------------------------------------------------


def lengths(rng, m, kind):
    """Lengths of a kind: many ties, zeros, or none of both."""
    if kind == "ties":
        return rng.integers(1, 4, m).astype(float)
    if kind == "zeros":
        return np.where(rng.random(m) < 0.4, 0.0, rng.integers(1, 9, m))
    return rng.uniform(0.1, 9, m)


def random_network(rng, shape, kind):
    """A small network: any, with parallel edges and loops, often disconnected; a tree; a ring; a grid."""
    if shape == "any":
        n, m = int(rng.integers(1, 11)), int(rng.integers(1, 24))
        u, v = rng.integers(0, n, m), rng.integers(0, n, m)
    elif shape == "tree":
        v = np.arange(1, int(rng.integers(2, 16)))
        u = (rng.random(len(v)) * v).astype(int)
    elif shape == "ring":
        u = np.arange(int(rng.integers(2, 12)))
        v = (u + 1) % len(u)
        u, v = np.append(u, rng.integers(0, len(u), 3)), np.append(v, rng.integers(0, len(v), 3))
    else:
        ids = np.arange(12).reshape(3, 4)
        u = np.concatenate([ids[:, :-1].ravel(), ids[:-1].ravel()])
        v = np.concatenate([ids[:, 1:].ravel(), ids[1:].ravel()])
    turned = rng.random(len(u)) < 0.5
    u, v = np.where(turned, v, u), np.where(turned, u, v)
    return pd.DataFrame({"u": u, "v": v, "length_m": lengths(rng, len(u), kind)})


def check(edges, sites, spans):
    """Compare everything with brute force: drives without a limit, and both rules at several spans."""
    by_edge, by_two = brute_force(edges, sites)
    np.testing.assert_allclose(drives(edges, sites), by_two, rtol=1e-12, atol=1e-9)
    there = set(edges["u"]) | set(edges["v"])
    for span_m in spans:
        if not there.intersection(sites):
            continue
        found = covered_length(edges, sites, span_m)
        np.testing.assert_array_equal(found.edge_passes, by_edge <= span_m + 1e-6)
        np.testing.assert_array_equal(found.two_site_passes, by_two <= span_m + 1e-6)


@pytest.mark.parametrize("kind", ["ties", "zeros", "real"])
@pytest.mark.parametrize("shape", ["any", "tree", "ring", "grid"])
def test_it_is_brute_force(shape, kind):
    """On hundreds of small networks both rules and the length of each drive are what the definitions say."""
    rng = np.random.default_rng(sum(map(ord, shape + kind)))
    for _ in range(50):
        edges = random_network(rng, shape, kind)
        ends = np.unique(edges[["u", "v"]].to_numpy())
        sites = rng.choice(ends, min(len(ends), int(rng.integers(1, 7))), replace=False).tolist()
        check(edges, sites, (1, 4, 9, 20))


@st.composite
def networks(draw):
    """Edges on up to eight nodes with small whole lengths, and sites."""
    n = draw(st.integers(1, 8))
    node = st.integers(0, n - 1)
    rows = draw(st.lists(st.tuples(node, node, st.integers(0, 4).map(float)), min_size=1, max_size=16))
    return frame(*rows), draw(
        st.lists(st.sampled_from([r[0] for r in rows] + [r[1] for r in rows]), max_size=5)
    )


@settings(max_examples=300)
@given(networks())
def test_it_is_brute_force_on_hostile_networks(case):
    """The same where a search for counterexamples picks the network."""
    check(*case, spans=(1, 3, 6, 12))


@settings(max_examples=60)
@given(networks(), st.integers(0, 2**32 - 1), st.integers(1, 15))
def test_order_and_names_do_not_matter(case, seed, span_m):
    """Shuffled rows, turned edges and other names of nodes (tuples, text) give the same answers."""
    edges, sites = case
    if not sites:
        return
    rng = np.random.default_rng(seed)
    expected = covered_length(edges, sites, span_m)
    other = edges.sample(frac=1, random_state=seed)
    turned = rng.random(len(other)) < 0.5
    u, v = other["u"].where(~turned, other["v"]), other["v"].where(~turned, other["u"])
    number = rng.permutation(8)
    for name in (
        lambda k: int(number[k]) * 10**15,
        lambda k: ("node", int(number[k])),
        lambda k: f"n{number[k]}",
    ):
        named = pd.DataFrame({"u": u.map(name), "v": v.map(name), "length_m": other["length_m"]})
        found = covered_length(named, [name(k) for k in sites], span_m)
        assert found.two_site_passes.sort_index().equals(expected.two_site_passes)
        assert found.edge_passes.sort_index().equals(expected.edge_passes)


@settings(max_examples=60)
@given(networks(), st.integers(1, 15))
def test_more_span_or_sites_never_cover_less(case, span_m):
    """Covered stays covered with a longer span or a further site; the two-site rule is the stricter one."""
    edges, sites = case
    if not sites:
        return
    found, longer = covered_length(edges, sites, span_m), covered_length(edges, sites, span_m + 1)
    more = covered_length(edges, [*sites, int(edges["u"][0])], span_m)
    for name in ("edge_passes", "two_site_passes"):
        assert (getattr(longer, name) | ~getattr(found, name)).all()
        assert (getattr(more, name) | ~getattr(found, name)).all()
    assert (found.edge_passes | ~found.two_site_passes).all()


@pytest.mark.parametrize("whole", [False, True])
def test_a_planar_network_agrees_with_a_search_per_edge(whole):
    """On a planar network of some 600 nodes with stubs and shape points, with and without ties."""
    rng = np.random.default_rng(7)
    xy = rng.uniform(0, 100, (600, 2))
    triangles = Delaunay(xy).simplices
    pairs = np.unique(
        np.sort(np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])), axis=0
    )
    u, v = pairs[rng.random(len(pairs)) < 0.5].T
    length_m = np.hypot(*(xy[u] - xy[v]).T)
    edges = pd.DataFrame({"u": u, "v": v, "length_m": np.rint(length_m / 3) if whole else length_m})
    sites = rng.choice(np.unique(u), 25, replace=False).tolist()
    by_two = plain(edges, sites)
    np.testing.assert_allclose(drives(edges, sites), by_two, rtol=1e-12)
    for span_m in (10, 30, 60):
        found = covered_length(edges, sites, span_m)
        np.testing.assert_array_equal(found.two_site_passes, by_two <= span_m + 1e-6)


def test_a_long_road_needs_no_depth_of_stack():
    """A road of 20 000 pieces with a site at each end: every piece lies on the one drive."""
    u = np.arange(20_000)
    edges = pd.DataFrame({"u": u, "v": u + 1, "length_m": 1.0})
    assert covered_length(edges, [0, 20_000], 20_000).two_site_rule == 1
    assert covered_length(edges, [0, 20_000], 19_999).two_site_rule == 0


@pytest.mark.extra_data
def test_a_real_network_agrees_with_a_search_per_edge(extra_data):
    """On the roads of eastern Oslo, for 300 edges drawn at random."""
    graph = read_network(extra_data / "osm" / "oslo-east.osm.pbf")
    rng = np.random.default_rng(3)
    edges = pd.DataFrame({"u": graph.seg_u, "v": graph.seg_v, "length_m": graph.seg_length_m})
    sites = rng.choice(graph.n_nodes, 40, replace=False).tolist()
    which = rng.choice(len(edges), 300, replace=False)
    np.testing.assert_allclose(drives(edges, sites)[which], plain(edges, sites, which), rtol=1e-9)


# -- inputs --------------------------------------------------------------------------------------------------


def test_nothing_to_measure():
    """Without edges, counted edges or sites the shares are NaN or 0, not an error."""
    empty = covered_length(pd.DataFrame({"u": [], "v": [], "length_m": []}), [1], 10)
    assert np.isnan(empty.edge_rule)
    assert empty.length_m == 0
    assert empty.sites_unknown == (1,)
    assert np.isnan(covered_length(frame((1, 2, 5, False)), [1], 10).two_site_rule)
    assert covered_length(frame((1, 2, 5)), [], 10).edge_rule == 0


def test_the_index_is_that_of_the_edges():
    """Answers per edge carry the index of the edges, repeated labels too."""
    edges = frame((1, 2, 5), (2, 3, 5)).set_axis(["x", "x"])
    found = covered_length(edges, [1, 3], 10)
    assert found.two_site_passes.index.tolist() == ["x", "x"]
    assert found.two_site_passes.dtype == found.edge_passes.dtype == bool


def test_sites_elsewhere_are_named():
    """Sites that are no nodes cover nothing and are handed back in their order; none at all is an error."""
    edges = frame((1, 2, 5), (2, 3, 5))
    assert covered_length(edges, [9, 1, "1", 3, 8, 9], 10).sites_unknown == (9, "1", 8)
    with pytest.raises(InputError):
        covered_length(edges, ["1", "3"], 10)


@pytest.mark.parametrize(
    "dtype", ["int8", "uint32", "int64", "uint64", "float64", "Int64", "object", "string"]
)
def test_node_ids_of_any_type(dtype):
    """Nodes are equal if Python says so: whole numbers of any width, text, objects."""
    edges = frame((1, 2, 5), (2, 3, 5)).astype({"u": dtype, "v": dtype})
    sites = ["1", "3"] if dtype == "string" else [1, 3]
    assert covered_length(edges, sites, 10).two_site_rule == 1


def test_columns_of_different_types_join():
    """An id in one column as a whole number and in the other as an object or decimal is one node."""
    edges = frame((1, 2, 5), (2, 3, 5))
    assert covered_length(edges.astype({"u": object}), [1, 3], 10).two_site_rule == 1
    assert covered_length(edges.astype({"v": float}), [1, 3], 10).two_site_rule == 1
    big = 2**60
    apart = pd.DataFrame({"u": [big, big + 1], "v": [0.0, 1.0], "length_m": [1.0, 1.0]})
    assert covered_length(apart, [big], 10).edge_passes.tolist() == [True, False]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_all_faults_are_told_at_once(lang):
    """Wrong lengths, ends, counted values and the span come in one error, with the edges they are at."""
    edges = pd.DataFrame(
        {
            "u": [1, None, 3, 4],
            "v": [2, 3, 4, 5],
            "length_m": [-1, 2, np.nan, np.inf],
            "counted": [True, 3, False, "no"],
        },
        index=["a", "b", "c", "d"],
    )
    with pytest.raises(InputError) as raised:
        covered_length(edges, [1], 0)
    told = [(fault.key, fault.values.get("edge")) for fault in raised.value.faults]
    assert told == [
        ("span-invalid", None),
        *(("edges-length", k) for k in "acd"),
        ("edges-node", "b"),
        *(("edges-counted", k) for k in "bd"),
    ]
    assert len(raised.value.render(lang).splitlines()) == len(told)


def test_the_edges_are_left_as_they_were():
    """The caller's frame is not written to."""
    edges = frame((1, 2, 5, True), (2, 3, 5, False))
    before = edges.copy(deep=True)
    covered_length(edges, [1, 3], 10)
    pd.testing.assert_frame_equal(edges, before)
