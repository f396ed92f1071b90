"""From ways to the simplified graph: nodes, segments, lengths."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from osm_xml import drives, ends, node, write_osm
from plugspan.network import read_network
from plugspan.network.geometry import line_lengths_m, step_lengths_m
from pyproj import Geod

GEOD = Geod(ellps="WGS84")
ROAD = {"highway": "primary"}
GRID = [node(1 + 10 * y + x, x, y) for y in range(5) for x in range(5)]  # 1..5, 11..15, 21..25, …


def graph_of(tmp_path, ways, nodes=GRID, name="a.osm", **options):
    """Graph of hand-made ways."""
    return read_network(write_osm(tmp_path / name, nodes, ways, **options))


def test_a_straight_road_is_one_segment(tmp_path):
    """Vertices are no nodes; the two-way segment starts at its end with the smaller id."""
    graph = graph_of(tmp_path, [(7, [5, 4, 3, 2, 1], ROAD)])
    assert graph.node_id.tolist() == [1, 5]
    assert graph.n_segments == 1
    assert graph.xy[:, 0].tolist() == [10.0, 10.001, 10.002, 10.003, 10.004]
    assert graph.seg_length_m[0] == pytest.approx(GEOD.line_length(*graph.xy.T), rel=1e-9)


def test_junctions_and_dead_ends_are_nodes(tmp_path):
    """A cross of two ways has five nodes and four segments, cut where the ways share a node."""
    graph = graph_of(tmp_path, [(1, [11, 12, 13, 14], ROAD), (2, [3, 13, 23], ROAD)])
    assert graph.node_id.tolist() == [3, 11, 13, 14, 23]
    there, back = [(11, 13), (13, 14), (3, 13), (13, 23)], [(13, 11), (14, 13), (13, 3), (23, 13)]
    assert ends(graph) == sorted([*there, *back])


def test_ways_that_only_cross_do_not_meet(tmp_path):
    """A bridge without a shared node is no junction."""
    graph = graph_of(tmp_path, [(1, [11, 13], ROAD), (2, [2, 22], {**ROAD, "bridge": "yes"})])
    assert (graph.n_nodes, graph.n_segments) == (4, 2)


@pytest.mark.parametrize(
    ("change", "n"),
    [
        ({}, 1),
        ({"highway": "secondary"}, 2),
        ({"ref": "G107"}, 2),
        ({"name": "Zhuzhou Avenue"}, 2),
        ({"maxspeed": "60"}, 2),
        ({"oneway": "yes"}, 2),
        ({"bridge": "yes"}, 1),
        ({"tunnel": "yes"}, 1),
        ({"lanes": "3"}, 1),
        ({"oneway": "no"}, 1),
        ({"maxspeed": "none"}, 1),
    ],
)
def test_where_attributes_that_matter_change_is_a_node(tmp_path, change, n):
    """Class, ref, name, speed and one-way cut; bridges, tunnels and lanes don't; a bridge is remembered."""
    graph = graph_of(tmp_path, [(1, [1, 2, 3], ROAD), (2, [3, 4, 5], {**ROAD, **change})])
    assert graph.n_segments == n
    assert graph.segments.way_id.iloc[0] == 1
    for key in ("bridge", "tunnel"):
        assert bool(graph.segments[key].any()) == (key in change)


def test_a_road_drawn_in_pieces_and_directions_is_one_segment(tmp_path):
    """Head to head, tail to tail: drawing does not matter on a two-way road."""
    pieces = [(9, [1, 2], ROAD), (5, [3, 2], ROAD), (7, [3, 4], ROAD), (6, [5, 4], ROAD)]
    graph = graph_of(tmp_path, pieces)
    assert graph.n_segments == 1
    assert graph.segments.way_id.tolist() == [5]
    assert drives(graph) == drives(graph_of(tmp_path, [(1, [1, 2, 3, 4, 5], ROAD)], name="b.osm"))


def test_opposing_one_ways_do_not_merge(tmp_path):
    """Two one-way streets that both end in a node can't be driven through: the node stays."""
    one_way = {**ROAD, "oneway": "yes"}
    graph = graph_of(tmp_path, [(1, [1, 2, 3], one_way), (2, [5, 4, 3], one_way)])
    assert ends(graph) == [(1, 3), (5, 3)]


def test_a_ring_without_junction_keeps_its_smallest_node(tmp_path):
    """A closed loop alone is one segment from a node to itself, wherever the way starts and is cut."""
    whole = graph_of(tmp_path, [(1, [2, 12, 11, 1, 2], ROAD)])
    assert whole.node_id.tolist() == [1]
    assert ends(whole) == [(1, 1), (1, 1)]
    cut = graph_of(tmp_path, [(1, [12, 11, 1], ROAD), (2, [12, 2, 1], ROAD)], name="b.osm")
    assert drives(cut) == drives(whole)


def test_a_one_way_ring_is_driven_as_drawn(tmp_path):
    """1 -> 2 -> 12 -> 11 -> 1, whether it is drawn so or backwards with oneway=-1."""
    there = graph_of(tmp_path, [(1, [12, 11, 1, 2, 12], {**ROAD, "junction": "roundabout"})])
    back = graph_of(
        tmp_path, [(1, [12, 2, 1, 11, 12], {**ROAD, "junction": "roundabout", "oneway": "-1"})], name="b.osm"
    )
    assert drives(there) == drives(back)
    assert there.xy[:, 1].round(3).tolist() == [50.0, 50.0, 50.001, 50.001, 50.0]


def test_a_roundabout_on_the_way(tmp_path):
    """A road through a roundabout: two arcs, one way each, and the road cut in two."""
    ring = (1, [2, 12, 13, 3, 2], {**ROAD, "junction": "roundabout"})
    graph = graph_of(tmp_path, [ring, (2, [1, 2], ROAD), (3, [13, 14], ROAD)])
    assert ends(graph) == [(1, 2), (2, 1), (2, 13), (13, 2), (13, 14), (14, 13)]


def test_parallel_roads_and_lollipops_are_kept(tmp_path):
    """Two roads between the same nodes, and a loop at the end of a road."""
    ways = [(1, [1, 2], ROAD), (2, [1, 11, 12, 2], {"highway": "service"}), (3, [2, 3, 4, 14, 13, 3], ROAD)]
    graph = graph_of(tmp_path, ways)
    assert graph.node_id.tolist() == [1, 2, 3]
    assert sorted(zip(graph.seg_u, graph.seg_v, strict=True)) == [(0, 1), (0, 1), (1, 2), (2, 2)]


def test_missing_nodes_cut_a_way(tmp_path):
    """What lies on both sides of a missing node stays; the gap is not bridged."""
    graph = graph_of(tmp_path, [(1, [1, 2, 99, 4, 5], ROAD), (2, [98, 11, 97], ROAD)])
    assert ends(graph) == [(1, 2), (2, 1), (4, 5), (5, 4)]


def test_repeated_nodes_and_ways_of_no_length(tmp_path):
    """A node twice in a row counts once; ways with fewer than two nodes vanish."""
    ways = [(1, [1, 1, 2, 2, 3], ROAD), (2, [5], ROAD), (3, [5, 5], ROAD), (4, [], ROAD)]
    graph = graph_of(tmp_path, ways)
    assert ends(graph) == [(1, 3), (3, 1)]
    assert len(graph.xy) == 3


def test_two_nodes_at_one_place_stay_two(tmp_path):
    """Nodes are told apart by id, not by place; a step of length 0 is still a connection."""
    nodes = [node(1, 0, 0), node(2, 1, 0), node(3, 1, 0), node(4, 2, 0)]
    apart = graph_of(tmp_path, [(1, [1, 2], ROAD), (2, [3, 4], ROAD)], nodes)
    assert apart.n_nodes == 4
    joined = graph_of(
        tmp_path, [(1, [1, 2], ROAD), (2, [2, 3], {"highway": "service"}), (3, [3, 4], ROAD)], nodes, "b.osm"
    )
    assert joined.seg_length_m.min() == 0
    assert joined.csr.nnz == 6


def test_negative_ids_and_nodes_after_ways(tmp_path):
    """Files edited by hand have negative ids; Overpass may write nodes last."""
    nodes = [node(-1, 0, 0), node(-2, 1, 0), node(5, 2, 0)]
    graph = graph_of(tmp_path, [(-7, [-1, -2, 5], ROAD)], nodes, ways_first=True)
    assert ends(graph) == [(-1, 5), (5, -1)]


def test_the_later_version_of_an_object_counts(tmp_path):
    """If a file holds an id twice, the last one is taken."""
    nodes = [node(1, 0, 0), node(2, 1, 0), node(1, 0, 3)]
    graph = graph_of(tmp_path, [(7, [1, 2], {"highway": "track"}), (7, [2, 1], ROAD)], nodes)
    assert graph.segments.way_id.tolist() == [7]
    assert graph.node_xy[0].tolist() == [10.0, 50.003]


def test_across_the_antimeridian(tmp_path):
    """A step from 179.999 to -179.999 degrees is 0.002 degrees long, not once around the globe."""
    nodes = [(1, 179.999, -17.0, {}), (2, -179.999, -17.0, {})]
    graph = graph_of(tmp_path, [(7, [1, 2], ROAD)], nodes)
    assert graph.seg_length_m[0] == pytest.approx(GEOD.inv(179.999, -17, -179.999, -17)[2], rel=1e-9)


# -- lengths -----------------------------------------------------------------------------------------------
coordinates = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


@settings(max_examples=200)
@given(coordinates, st.floats(0, 360), st.floats(-3, 7))
def test_steps_are_as_long_as_pyproj_says(place, azimuth, log_length):
    """From a millimetre to 10 000 km, anywhere, in any direction: within 1 nm per metre plus 2 nm."""
    lon, lat, _ = GEOD.fwd(*place, azimuth, 10**log_length)
    xy = np.array([place, (lon, lat)])
    exact = GEOD.inv(*xy[0], *xy[1])[2]
    assert step_lengths_m(xy, np.array([0]), np.array([1]))[0] == pytest.approx(exact, rel=3e-9, abs=5e-9)


def test_line_lengths(tmp_path):
    """Lines of 3, 0, 1 and 2 vertices."""
    xy = np.array([[10, 50], [10.001, 50], [10.001, 50.002], [0, 0], [20, 60], [20.5, 60.1]])
    lengths = line_lengths_m(xy, np.array([0, 3, 3, 4, 6]))
    exact = [GEOD.line_length(*xy[:3].T), 0, 0, GEOD.line_length(*xy[4:].T)]
    assert lengths == pytest.approx(exact, rel=1e-9)


# -- properties on random networks -------------------------------------------------------------------------
tags = st.fixed_dictionaries(
    {"highway": st.sampled_from(["primary", "residential"])},
    optional={"oneway": st.sampled_from(["yes", "-1", "no"]), "ref": st.sampled_from(["G1", "S2"])},
)
walks = st.lists(st.sampled_from([n[0] for n in GRID]), min_size=1, max_size=8)
networks = st.lists(st.tuples(walks, tags), min_size=1, max_size=6)
FLIPPED = {"yes": "-1", "-1": "yes"}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One folder for all examples of a property."""
    return tmp_path_factory.mktemp("ways")


def numbered(network):
    """Ways with ids 10, 20, …; and one plain road so that there is something to read."""
    ways = [(10 * i, refs, tags) for i, (refs, tags) in enumerate(network, start=1)]
    return [*ways, (999, [45, 44], {"highway": "primary", "name": "anchor"})]


@settings(max_examples=150)
@given(networks, st.data())
def test_order_cutting_and_drawing_of_ways_change_nothing(scratch, network, data):
    """The file's order, ways cut in two, and ways drawn backwards with ``oneway`` turned: the same drives."""
    ways = numbered(network)
    other = []
    for way_id, refs, tags in ways:
        if data.draw(st.booleans()):
            turned = FLIPPED.get(tags.get("oneway"))
            drawn, said = refs[::-1], {**tags, "oneway": turned} if turned else tags
        else:
            drawn, said = refs, tags
        cut = data.draw(st.integers(0, len(refs) - 1))
        pieces = [(way_id, drawn[: cut + 1], said), (way_id + 1, drawn[cut:], said)]
        other += pieces if data.draw(st.booleans()) else pieces[::-1]
    other = data.draw(st.permutations(other))
    assert drives(graph_of(scratch, other, name="b.osm")) == drives(graph_of(scratch, ways))


@settings(max_examples=150)
@given(networks)
def test_the_simplified_graph_agrees_with_a_plain_one(scratch, network):
    """Networkx on every single step of the ways: same length in all, same distances between the nodes kept.

    And no node is left that could go: two segments of equal attributes that can be driven through.
    """
    ways = numbered(network)
    graph = graph_of(scratch, ways)
    place = {n[0]: n[1:3] for n in GRID}
    plain = nx.MultiDiGraph()
    for _, refs, tags in ways:
        for a, b in itertools.pairwise(refs):
            if a != b:
                metres = GEOD.inv(*place[a], *place[b])[2]
                if tags.get("oneway") != "-1":
                    plain.add_edge(a, b, length=metres)
                if tags.get("oneway") != "yes":
                    plain.add_edge(b, a, length=metres)
    total = sum(d for _, _, d in plain.edges(data="length"))
    assert graph.edge_length_m.sum() == pytest.approx(total, rel=1e-9)
    simple = nx.MultiDiGraph()
    simple.add_weighted_edges_from(
        zip(
            graph.node_id[graph.edge_u].tolist(),
            graph.node_id[graph.edge_v].tolist(),
            graph.edge_length_m,
            strict=True,
        ),
        weight="length",
    )
    expected = dict(nx.all_pairs_dijkstra_path_length(plain, weight="length"))
    for start, found in nx.all_pairs_dijkstra_path_length(simple, weight="length"):
        wanted = {k: v for k, v in expected[start].items() if k in simple}
        assert found == pytest.approx(wanted, rel=1e-9)
    assert_nothing_left_to_merge(graph)


def assert_nothing_left_to_merge(graph):
    """At each node with two segment ends: a ring, different attributes, no way through, or a numbered hairpin."""
    table = graph.segments.astype(object).where(graph.segments.notna(), None)
    columns = ["highway", "ref", "name", "junction", "ferry", "speed_kmh"]
    kinds = [
        (*row, bool(two))
        for row, two in zip(table[columns].to_numpy().tolist(), graph.seg_backward, strict=True)
    ]
    for at in range(graph.n_nodes):
        leaving, arriving = np.flatnonzero(graph.seg_u == at), np.flatnonzero(graph.seg_v == at)
        touching = [*leaving.tolist(), *arriving.tolist()]
        if len(touching) == 2 and touching[0] != touching[1] and kinds[touching[0]] == kinds[touching[1]]:
            assert not graph.seg_backward[touching[0]]
            assert len(leaving) != 1 or (kinds[touching[0]][1] and turn_deg(graph, *arriving, *leaving) > 150)


def turn_deg(graph, before, behind):
    """Turn from the last step of one segment to the first of another; steps of the grid are longer than a hairpin."""
    (a, b), (c, d) = (
        graph.lines([k])[0].coords[s] for k, s in ((before, slice(-2, None)), (behind, slice(0, 2)))
    )
    first, second = GEOD.inv(*a, *b)[0], GEOD.inv(*c, *d)[0]
    return abs((second - first + 180) % 360 - 180)


def test_a_numbered_one_way_road_has_a_node_where_it_turns_right_round(tmp_path):
    """Drawn up and back 20 m beside itself: one node in the turn; without a number, or round a roundabout, none."""
    nodes = [
        node(k, x, y) for k, (x, y) in enumerate([(0, 0), (0, 5), (0, 9), (0.3, 9), (0.3, 5), (0.3, 0)], 1)
    ]
    one_way = {**ROAD, "oneway": "yes"}
    found = {
        name: graph_of(tmp_path, [(1, [1, 2, 3, 4, 5, 6], tags)], nodes, f"{name}.osm").node_id.tolist()
        for name, tags in {
            "numbered": {**one_way, "ref": "G107"},
            "plain": one_way,
            "round": {**one_way, "ref": "G107", "junction": "roundabout"},
            "both ways": {**ROAD, "ref": "G107"},
        }.items()
    }
    assert found == {"numbered": [1, 3, 6], "plain": [1, 6], "round": [1, 6], "both ways": [1, 6]}
