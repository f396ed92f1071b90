"""Exact places and driving distances, against networkx and by hand."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from plugspan.network.distances import (
    AnchoredGraph,
    Snapper,
    distances_within,
    join_snapped,
    main_segments,
    nearest_distance,
    nearest_source,
    snap,
)
from plugspan.network.geometry import earth_centred
from pyproj import Geod
from test_routes_properties import build, networks
from toy import Toy, lonlat

GEOD = Geod(ellps="WGS84")


def places(*xy):
    return lonlat(*np.array(xy, dtype=float).T)


def by_networkx(graph, snapped):
    """Second implementation: a MultiDiGraph whose edges are cut at the places one by one."""
    g = nx.MultiDiGraph()
    g.add_nodes_from(range(graph.n_nodes + len(snapped.segment)))
    for seg in range(graph.n_segments):
        on = [(snapped.offset_m[k], graph.n_nodes + k) for k in np.flatnonzero(snapped.segment == seg)]
        stops = [(0.0, int(graph.seg_u[seg])), *sorted(on), (graph.seg_length_m[seg], int(graph.seg_v[seg]))]
        for (at, a), (to, b) in zip(stops[:-1], stops[1:], strict=True):
            if graph.seg_forward[seg]:
                g.add_edge(a, b, weight=to - at)
            if graph.seg_backward[seg]:
                g.add_edge(b, a, weight=to - at)
    for k, seg in enumerate(
        snapped.segment.tolist()
    ):  # a place at a junction can be left whichever way one may drive
        if seg >= 0:
            for node, off in (
                (graph.seg_u, snapped.offset_m[k]),
                (graph.seg_v, graph.seg_length_m[seg] - snapped.offset_m[k]),
            ):
                if off <= 0.05:
                    g.add_edge(graph.n_nodes + k, int(node[seg]), weight=0.0)
                    g.add_edge(int(node[seg]), graph.n_nodes + k, weight=0.0)
    return g


# -- snapping ------------------------------------------------------------------------------------------------


def test_snap_to_the_middle_of_a_segment():
    """A point 100 m off a bent road of 4 + 3 km snaps square to it, 1 km behind the bend."""
    toy = Toy(a=(0, 0), b=(3000, 4000)).road("a b", via={("a", "b"): [(0, 4000)]})
    found = snap(toy.graph(), places((1000, 4100), (-100, 1500)))
    assert found.segment.tolist() == [0, 0]
    assert found.offset_m == pytest.approx([5000, 1500], rel=1e-3)
    assert found.snap_m == pytest.approx([100, 100], rel=1e-2)
    assert found.xy == pytest.approx(places((1000, 4000), (0, 1500)), abs=1e-5)


def test_snap_is_geodesic():
    """At 60 degrees north the nearest road is the nearest on the ground, not in degrees.

    East road 900 m away is 0.0161 degrees of longitude, north road 1000 m away is 0.0090 degrees of latitude.
    """
    east, north, at = (
        np.array([[10.0161, 59.9], [10.0161, 60.1]]),
        np.array([[9.9, 60.009], [10.1, 60.009]]),
        (10.0, 60.0),
    )
    import pandas as pd
    from toy import make_graph

    graph = make_graph(
        np.arange(4), np.concatenate([east, north]), [0, 2], [1, 3], [east, north], [True] * 2, [True] * 2,
        pd.DataFrame({"highway": "primary", "ref": [None] * 2, "name": None, "junction": None}),
    )  # fmt: skip
    found = snap(graph, np.array([at]), usable=np.ones(2, dtype=bool))
    assert found.segment.tolist() == [0]
    assert found.snap_m[0] == pytest.approx(GEOD.inv(*at, 10.0161, 60.0)[2], abs=1.0)


def test_snap_offset_is_the_length_along_the_segment():
    """The offset equals the geodesic length of the part before the place, to a metre in 20 km of three straights."""
    toy = Toy(a=(0, 0), b=(9000, 18000)).road("a b", via={("a", "b"): [(5000, 3000), (-2000, 9000)]})
    graph = toy.graph()
    line = graph.lines()[0]
    share = np.array([0.1, 0.4, 0.8])
    points = shapely.get_coordinates(shapely.line_interpolate_point(line, share, normalized=True))
    found = snap(graph, points)
    for k in range(3):
        part = shapely.ops.substring(line, 0, share[k], normalized=True)
        assert found.offset_m[k] == pytest.approx(GEOD.geometry_length(part), abs=1.0)


def test_too_far_and_missing_points_are_not_snapped():
    """Beyond 1 km, NaN and empty points have no segment; the reason is told."""
    toy = Toy(a=(0, 0), b=(0, 9000)).road("a b")
    points = gpd.GeoSeries(
        [shapely.Point(*lonlat(1100, 4000)), None, shapely.Point(), shapely.Point(*lonlat(900, 4000))]
    )
    found = snap(toy.graph(), points)
    assert found.found.tolist() == [False, False, False, True]
    assert found.problem.tolist() == ["far", "far", "far", None]
    assert np.isnan(found.offset_m[:3]).all()
    assert snap(toy.graph(), np.empty((0, 2))).segment.shape == (0,)


def test_points_in_another_system_are_converted():
    """A GeoSeries in EPSG:4547 lands where the same points in degrees do."""
    toy = Toy(a=(0, 0), b=(0, 9000)).road("a b")
    points = gpd.GeoSeries(shapely.points(places((50, 2000), (70, 8000))), crs="EPSG:4326")
    there = snap(toy.graph(), points.to_crs("EPSG:4547"))
    assert there.offset_m == pytest.approx(snap(toy.graph(), points).offset_m, abs=0.01)


def test_islands_are_passed_over():
    """Next to a road that joins nothing, a point goes to the main road and says so; if that is far, nowhere."""
    toy = Toy(a=(0, 0), b=(0, 9000), i=(500, 1000), j=(500, 2000), k=(5000, 1000), m=(5000, 2000))
    toy.road("a b").road("i j").road("k m")
    found = snap(toy.graph(), places((490, 1500), (5010, 1500), (10, 1500)))
    assert found.segment.tolist() == [0, -1, 0]
    assert found.problem.tolist() == ["island", "island", None]


def test_one_way_roads_out_of_the_data_count_as_reached():
    """A motorway that leaves the main network at the edge of the data can be snapped to; an island can't."""
    toy = (
        Toy(a=(0, 0), b=(0, 5000), c=(0, 9000), d=(3000, 0), e=(4000, 0))
        .road("a b")
        .road("b c", oneway=True)
        .road("d e")
    )
    assert main_segments(toy.graph()).tolist() == [True, True, False]


# -- distances -----------------------------------------------------------------------------------------------


def test_two_places_on_one_road():
    """Two-way, 2 km apart: 2 km. One-way: 2 km ahead, and back only round by the other road (7 + 3 + 10 - 2)."""
    two = Toy(a=(0, 0), b=(0, 9000)).road("a b").graph()
    at = AnchoredGraph(two, snap(two, places((0, 3000), (0, 5000))))
    assert distances_within(at, at.anchors, at.anchors, 5000).csr().toarray() == pytest.approx(
        np.array([[0, 2000], [2000, 0]]), rel=1e-3, abs=1e-5
    )
    toy = Toy(a=(0, 0), b=(0, 9000), c=(1000, 9000), d=(1000, 0)).road("a b", oneway=True).road("b c d a")
    graph = toy.graph()
    at = AnchoredGraph(graph, snap(graph, places((0, 3000), (0, 5000))))
    there = distances_within(at, at.anchors, at.anchors, np.inf).csr().toarray()
    assert there[0, 1] == pytest.approx(2000, rel=1e-3)
    assert there[1, 0] == pytest.approx(4000 + 1000 + 9000 + 1000 + 3000, rel=1e-3)


def test_places_on_top_of_each_other_and_at_the_ends():
    """Several places at one spot, and at both ends of a segment, are 0 m from each other and from the nodes."""
    graph = Toy(a=(0, 0), b=(0, 9000)).road("a b").graph()
    at = AnchoredGraph(graph, snap(graph, places((0, 3000), (0, 3000), (0, -50), (0, 9050))))
    nodes = np.concatenate([at.anchors, [0, 1]])
    found = distances_within(at, nodes, nodes, 100).csr().toarray() > 0
    assert found.tolist() == (np.array([0, 0, 1, 2, 1, 2])[:, None] == np.array([0, 0, 1, 2, 1, 2])).tolist()


def test_repeated_sources_and_targets_keep_their_rows():
    """Asking twice for the same place gives the same answer twice, in order."""
    graph = Toy(a=(0, 0), b=(0, 9000)).road("a b").graph()
    pairs = distances_within(AnchoredGraph(graph), [1, 0, 1], [1, 1, 0], np.inf)
    assert pairs.shape == (3, 3)
    assert pairs.distance_m.reshape(3, 3) == pytest.approx(
        graph.seg_length_m[0] * np.array([[0, 0, 1], [1, 1, 0], [0, 0, 1]])
    )


def test_nothing_to_ask():
    """No sources, no targets, places that were not snapped: empty answers, no error."""
    graph = Toy(a=(0, 0), b=(0, 9000)).road("a b").graph()
    far = snap(graph, places((5000, 0)))
    at = AnchoredGraph(graph, far)
    assert len(distances_within(at, [], [0, 1], 100).source) == 0
    assert len(distances_within(at, [0], [], 100).source) == 0
    assert distances_within(at, at.anchors, [0, 1], np.inf).csr().nnz == 0
    assert np.isinf(nearest_distance(graph, far, snap(graph, places((0, 0))))).all()
    assert np.isinf(nearest_source(at, np.empty(0, dtype=int))[0]).all()


@given(
    networks(), st.integers(0, 2**32 - 1), st.sampled_from([800.0, 3000.0, 20000.0, np.inf]), st.booleans()
)
@settings(max_examples=40)
def test_distances_equal_networkx(network, seed, limit, reverse):
    """Bounded and local, both ways round, to a millimetre: the same pairs and distances as networkx."""
    graph = build(*network)
    rng = np.random.default_rng(seed)
    west, south, east, north = *graph.node_xy.min(axis=0), *graph.node_xy.max(axis=0)
    points = rng.uniform([west, south], [east, north], (12, 2))
    snapped = snap(graph, points, max_m=5000, usable=np.ones(graph.n_segments, dtype=bool))
    at = AnchoredGraph(graph, snapped)
    targets = np.concatenate([at.anchors[:6], np.arange(graph.n_nodes)])
    found = distances_within(at, at.anchors, targets, limit, reverse=reverse)
    witness = by_networkx(graph, snapped)
    witness = witness.reverse() if reverse else witness
    for k, source in enumerate(at.anchors.tolist()):
        far = nx.single_source_dijkstra_path_length(
            witness, source, cutoff=None if np.isinf(limit) else limit + 0.01
        )
        mine = dict(
            zip(
                targets[found.target[found.source == k]].tolist(),
                found.distance_m[found.source == k],
                strict=True,
            )
        )
        for node in targets.tolist():
            if node in far and far[node] <= limit - 0.01:
                assert mine[node] == pytest.approx(far[node], abs=1e-3)
            elif node not in far:
                assert node not in mine


@given(networks(), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_nearest_distance_is_the_least_of_all(network, seed):
    """One search from all goals gives the least of the single distances."""
    graph = build(*network)
    rng = np.random.default_rng(seed)
    low, high = graph.node_xy.min(axis=0), graph.node_xy.max(axis=0)
    finder = Snapper(graph)
    origins, goals = (finder.snap(rng.uniform(low, high, (k, 2)), max_m=3000) for k in (10, 4))
    at = AnchoredGraph(graph, join_snapped(origins, goals))
    pairs = distances_within(at, at.anchors[:10], at.anchors[10:], np.inf)
    least = np.full(10, np.inf)
    np.minimum.at(least, pairs.source, pairs.distance_m)
    assert nearest_distance(graph, origins, goals) == pytest.approx(
        np.where(origins.found, least, np.inf), abs=1e-3
    )


def test_costs_other_than_lengths():
    """With seconds as cost the fast detour wins, and the limit is in seconds."""
    toy = Toy(a=(0, 0), b=(0, 9000), c=(5000, 4500)).road("a b").road("a c b")
    graph = toy.graph()
    slow = graph.seg_length_m / np.array([10.0, 30.0, 30.0])
    at = AnchoredGraph(graph, snap(graph, places((0, -10), (0, 9010))), slow)
    pairs = distances_within(at, at.anchors[:1], at.anchors[1:], 500.0)
    assert pairs.distance_m == pytest.approx([slow[1] + slow[2]], rel=1e-6)
    assert len(distances_within(at, at.anchors[:1], at.anchors[1:], 400.0).source) == 0


def test_straight_lines_through_the_earth_are_shorter():
    """Geocentric distances never exceed geodesic ones: the bound that keeps searches local."""
    rng = np.random.default_rng(3)
    a = np.stack([rng.uniform(-180, 180, 200), rng.uniform(-85, 85, 200)], axis=1)
    b = a + rng.uniform(-2, 2, (200, 2))
    straight = np.sqrt(((earth_centred(a) - earth_centred(b)) ** 2).sum(axis=0))
    assert (straight <= GEOD.inv(*a.T, *b.T)[2] + 1e-6).all()


@pytest.mark.extra_data
def test_real_distances_against_networkx(extra_data):
    """200 random places in Liechtenstein within 5 km: equal to networkx to a millimetre."""
    from plugspan import read_network

    graph = read_network(extra_data / "osm" / "liechtenstein.osm.pbf")
    rng = np.random.default_rng(0)
    points = rng.uniform(graph.node_xy.min(axis=0), graph.node_xy.max(axis=0), (200, 2))
    snapped = snap(graph, points, max_m=5000)
    at, witness = AnchoredGraph(graph, snapped), by_networkx(graph, snapped)
    pairs = distances_within(at, at.anchors, at.anchors, 5000)
    for k in range(0, 200, 20):
        far = nx.single_source_dijkstra_path_length(witness, int(at.anchors[k]), cutoff=5000)
        mine = pairs.source == k
        expected = {n - graph.n_nodes: d for n, d in far.items() if n >= graph.n_nodes}
        assert dict(zip(pairs.target[mine].tolist(), pairs.distance_m[mine], strict=True)) == pytest.approx(
            expected, abs=1e-3
        )
