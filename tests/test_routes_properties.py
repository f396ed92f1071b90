"""What must hold for routes of any network: made by hypothesis, cut, turned and renumbered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from osm_xml import node, write_osm
from plugspan import read_network
from plugspan.network.refs import split_refs
from plugspan.network.routes import RoadIndex, find_routes, network_length_m
from toy import lonlat, make_graph

FEW = settings(max_examples=300, suppress_health_check=list(HealthCheck))
REFS = [None, "G201", "S301", "G201;S301"]


@st.composite
def networks(draw):
    """A jittered grid of roads, some one-way, with two road numbers scattered over it.

    Returns node coordinates (metres) and roads (u, v, bends, ref, forward, backward, junction).
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(2, 5))
    pitch = draw(st.sampled_from([700.0, 1500.0, 4000.0]))
    xy = np.array([(x, y) for y in range(size) for x in range(size)], float) * pitch
    xy += rng.uniform(-0.2, 0.2, xy.shape) * pitch
    roads = []
    for k in range(size * size):
        for to in (k + 1 if (k + 1) % size else None, k + size if k + size < size * size else None):
            if to is None or rng.random() < 0.15:
                continue
            way = rng.choice(3, p=[0.7, 0.15, 0.15])
            bends = xy[k] + np.outer([0.35, 0.65], xy[to] - xy[k]) + rng.normal(0, 0.03 * pitch, (2, 2))
            ref = REFS[rng.choice(4, p=[0.3, 0.4, 0.15, 0.15])]
            roads.append((k, to, bends, ref, bool(way != 1), bool(way != 2)))
    if not roads:
        roads.append((0, 1, np.empty((0, 2)), "G201", True, True))
    return xy, roads


def build(xy, roads):
    """RoadGraph of a network."""
    u, v, bends, ref, ahead, back = zip(*roads, strict=True)
    used = np.unique([*u, *v])
    number = {n: k for k, n in enumerate(used)}
    node_xy = lonlat(*xy[used].T)
    lines = [
        np.concatenate([lonlat(*xy[[a]].T), lonlat(*np.asarray(b).reshape(-1, 2).T), lonlat(*xy[[c]].T)])
        for a, b, c in zip(u, bends, v, strict=True)
    ]
    table = pd.DataFrame({"highway": "primary", "ref": list(ref), "name": None, "junction": None})
    nodes = [number[n] for n in u], [number[n] for n in v]
    return make_graph(used, node_xy, *nodes, lines, ahead, back, table)


def measured(graph):
    """What must not depend on drawing: lengths of sections, directions, and what was bridged."""
    found = []
    for route in find_routes(graph):
        sections = [
            (
                s.length_m,
                *(0.0 if d is None else d.length_m for d in (s.forward, s.backward)),
                float(sum(graph.edge_length_m[d.edges[d.inferred]].sum() for d in s.drives)),
                float(s.ring),
            )
            for s in route.sections
        ]
        found.append((route.ref, sorted(sections)))
    return found


def same(a, b):
    """Both measures agree to 0.1 m."""
    assert [ref for ref, _ in a] == [ref for ref, _ in b]
    for (_, x), (_, y) in zip(a, b, strict=True):
        assert np.array(x) == pytest.approx(np.array(y), abs=0.1)


@given(networks())
@FEW
def test_every_road_of_a_number_is_driven_once(network):
    """Each directed edge with the number lies in one drive or beside the road; others only where a break is bridged.

    Left out is what leads nowhere: one direction of a two-way street whose other direction is driven.
    """
    graph = build(*network)
    index = RoadIndex(graph)
    for route in find_routes(graph):
        bears = np.array([route.ref in split_refs(r) for r in graph.segments["ref"].astype(object)])
        driven = np.concatenate([d.edges for s in route.sections for d in s.drives])
        inferred = np.concatenate([d.inferred for s in route.sections for d in s.drives])
        own = bears[graph.edge_segment]
        beside = [e for p in route.parallel for e in p.edges.tolist()]
        used = [*driven[~inferred].tolist(), *beside]
        assert len(used) == len(set(used))
        left_out = set(np.flatnonzero(own).tolist()) - set(used)
        assert set(used) <= set(np.flatnonzero(own).tolist())
        assert {int(index.opposite[e]) for e in left_out} <= set(used)
        assert not own[driven[inferred]].any()


@given(networks())
@FEW
def test_lengths_add_up(network):
    """Sections add up to the route; a two-way road counts once; no road counts more than once."""
    graph = build(*network)
    routes = find_routes(graph)
    for route in routes:
        assert route.length_m == pytest.approx(sum(s.length_m for s in route.sections))
        for s in route.sections:
            assert s.length_m == pytest.approx(sum(d.counted_m.sum() for d in s.drives))
            for d in s.drives:
                assert ((d.weight >= 0.5 - 1e-9) & (d.weight <= 1 + 1e-9)).all()
    total = network_length_m(graph, routes)
    assert total <= sum(r.length_m for r in routes) + 1e-6
    assert total <= graph.seg_length_m.sum() + 1e-6


@given(networks())
@FEW
def test_chainage_is_monotonic(network):
    """Chainage rises along forward drives and falls along backward ones, by the length of each edge."""
    graph = build(*network)
    for route in find_routes(graph):
        for section in route.sections:
            for drive in section.drives:
                sign = 1 if drive.direction == "forward" else -1
                assert sign * (drive.to_m - drive.from_m) == pytest.approx(
                    graph.edge_length_m[drive.edges], abs=1e-6
                )
                assert (sign * (drive.from_m[1:] - drive.to_m[:-1]) >= -1e-6).all()
                assert drive.low_m.min() >= -1e-6
                at = np.linspace(drive.start_m, drive.end_m, 50)
                assert (np.diff(section.to_other(at, drive.direction)) >= -1e-6).all()


@given(networks(), st.integers(0, 2**32 - 1))
@FEW
def test_reversed_drawing_and_new_numbers_change_nothing(network, seed):
    """Nodes and segments in another order, and segments drawn the other way, give the same routes."""
    xy, roads = network
    rng = np.random.default_rng(seed)
    turned = [
        (v, u, np.asarray(b).reshape(-1, 2)[::-1], ref, back, ahead)
        if rng.random() < 0.5
        else (u, v, b, ref, ahead, back)
        for u, v, b, ref, ahead, back in roads
    ]
    turned = [turned[k] for k in rng.permutation(len(turned))]
    new = rng.permutation(len(xy))
    renumbered = [(new[u], new[v], *rest) for u, v, *rest in turned]
    moved = np.empty_like(xy)
    moved[new] = xy
    same(measured(build(xy, roads)), measured(build(moved, renumbered)))


@given(networks(), st.integers(0, 2**32 - 1))
@FEW
def test_cutting_roads_changes_nothing(network, seed):
    """Segments cut in two at a bend give the same routes."""
    xy, roads = network
    rng = np.random.default_rng(seed)
    pieces, points = [], list(xy)
    for u, v, drawn, *rest in roads:
        bends = np.asarray(drawn).reshape(-1, 2)
        if len(bends) and rng.random() < 0.6:
            k = int(rng.integers(len(bends)))
            points.append(bends[k])
            pieces += [(u, len(points) - 1, bends[:k], *rest), (len(points) - 1, v, bends[k + 1 :], *rest)]
        else:
            pieces.append((u, v, bends, *rest))
    same(measured(build(xy, roads)), measured(build(np.array(points), pieces)))


@given(
    st.lists(st.tuples(st.floats(1500, 4000), st.floats(-40, 40)), min_size=2, max_size=8), st.floats(8, 60)
)
@FEW
def test_a_second_carriageway_changes_no_length(legs, apart_m):
    """A two-way road that becomes a dual carriageway keeps its length.

    The second carriageway is the first one moved sideways, so both are equally long.
    """
    heading = np.radians(90 + np.cumsum([turn for _, turn in legs]) / 2)
    step = np.array([size for size, _ in legs])
    xy = np.concatenate(
        [[[0, 0]], np.cumsum(np.stack([step * np.cos(heading), step * np.sin(heading)], axis=1), axis=0)]
    )
    n = len(xy)
    single = [(k, k + 1, [], "G201", True, True) for k in range(n - 1)]
    beside = np.concatenate([xy, xy + np.array([apart_m, 0.0])])
    dual = [(k, k + 1, [], "G201", True, False) for k in range(n - 1)]
    dual += [(n + k + 1, n + k, [], "G201", True, False) for k in range(n - 1)]
    (one,), (two,) = find_routes(build(xy, single)), find_routes(build(beside, dual))
    assert len(two.sections) == 1
    assert two.length_m == pytest.approx(one.length_m, rel=1e-3)


def u_turn(tmp_path, cuts, name):
    """A dual road of 6 km, one-way ways only, that turns round at its north end; one road joins 1 km south of that.

    The one-way road is drawn as one line and cut into ways at the vertices ``cuts``.
    """
    up = [(0.0, 10.0 * k) for k in range(7)]
    line = [*up, *((0.3, y) for _, y in reversed(up))]
    nodes = [node(k + 1, x, y) for k, (x, y) in enumerate(line)] + [node(99, -9, 50)]
    bounds = [0, *sorted(cuts), len(line) - 1]
    numbered = {"highway": "trunk", "ref": "G207", "oneway": "yes"}
    ways = [
        (k, list(range(a + 1, b + 2)), {**numbered, "name": f"part {k}"})
        for k, (a, b) in enumerate(zip(bounds[:-1], bounds[1:], strict=True), start=10)
    ]
    ways.append((99, [99, 6, 9], {"highway": "residential"}))
    return read_network(write_osm(tmp_path / name, nodes, ways))


@pytest.mark.parametrize("cuts", [[6], [7], [3], [3, 6, 10], [1, 7, 12]])
def test_a_dual_road_that_turns_round_at_its_end_is_two_directions(tmp_path, cuts):
    """Wherever the ways are cut, one carriageway ends at the turn and the other begins; half of both is the length."""
    (whole,), (cut,) = (
        find_routes(u_turn(tmp_path, at, name)) for at, name in (([], "a.osm"), (cuts, "b.osm"))
    )
    for route in (whole, cut):
        (section,) = route.sections
        assert section.length_m == pytest.approx(6675, rel=2e-3)
        assert [d.length_m for d in section.drives] == pytest.approx([6675, 6675], rel=5e-3)
    assert [d.length_m for d in cut.sections[0].drives] == pytest.approx(
        [d.length_m for d in whole.sections[0].drives], abs=1e-6
    )
