"""Rows of covered length: a choice serves all rows of a piece exactly when the edge rule passes it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from plugspan.measure.covered import covered_length
from plugspan.rules.covered_rows import Pieces, edge_rows
from scipy import sparse
from scipy.sparse import csgraph


def random_world(seed: int):
    """A random road net with existing sites at nodes and possible places at nodes or on edges, cut at all places."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 7)), int(rng.integers(2, 9))
    edges = [(int(a), int(b), float(rng.integers(1, 40))) for a, b in rng.integers(0, n, (m, 2)) if a != b]
    edges = edges or [(0, 1, 30.0)]
    fixed = [int(f) for f in rng.choice(n, rng.integers(0, 3), replace=False)]
    places = []  # (edge, distance from its first end), or (None, node)
    for _ in range(int(rng.integers(1, 6))):
        if rng.random() < 0.6:
            e = int(rng.integers(len(edges)))
            places.append((e, float(rng.integers(0, int(edges[e][2]) + 1))))
        else:
            places.append((None, int(rng.integers(n))))
    return n, edges, fixed, places, float(rng.integers(10, 61))


def cut(n, edges, places, chosen):
    """Edges cut at the chosen places; node ``n + k`` is place ``k``. Rows: u, v, length, first edge."""
    rows = []
    for e, (a, b, length) in enumerate(edges):
        stops = sorted((at, k) for k, (on, at) in enumerate(places) if on == e and k in chosen)
        before, last = a, 0.0
        for at, k in stops:
            rows.append((before, n + k, at - last, e))
            before, last = n + k, at
        rows.append((before, b, length - last, e))
    for k, (on, at) in enumerate(places):
        if on is None and k in chosen:
            rows.append((int(at), n + k, 0.0, -1))
    return pd.DataFrame(rows, columns=["u", "v", "length_m", "edge"])


def passing(world, chosen):
    """Whether each edge passes: all its parts do, by the assessment's own function."""
    n, edges, fixed, places, span = world
    table = cut(n, edges, places, chosen)
    found = covered_length(table[["u", "v", "length_m"]], [*fixed, *(n + k for k in chosen)], span)
    ok = found.edge_passes.to_numpy(bool)
    return np.array([ok[(table["edge"] == e).to_numpy()].all() for e in range(len(edges))])


def as_pieces(world) -> Pieces:
    n, edges, fixed, places, span = world
    table = cut(n, edges, places, set(range(len(places))))
    size = n + len(places)
    far = np.full((size, size), np.inf)
    for u, v, length in table[["u", "v", "length_m"]].itertuples(index=False):
        far[int(u), int(v)] = far[int(v), int(u)] = min(far[int(u), int(v)], max(length, 1e-5))
    far = csgraph.dijkstra(np.where(np.isinf(far), 0, far), directed=False)
    far = np.round(far, 3)
    u, v, length = (np.array(x) for x in zip(*edges, strict=True))
    near = far[:, fixed].min(axis=1) if fixed else np.full(size, np.inf)
    near = np.where(near <= span, near, np.inf)

    def within(nodes):
        part = far[nodes][:, n:]
        row, column = np.nonzero(part <= span)
        return sparse.csr_array((part[row, column], (row, column)), shape=part.shape)

    on = sorted((e, k, at) for k, (e, at) in enumerate(places) if e is not None)
    on_piece, on_place = (np.array([x[i] for x in on], np.int64) for i in (0, 1))
    on_m = np.array([x[2] for x in on], float)
    return Pieces(length.astype(float), near[u], near[v], within(u), within(v), on_piece, on_place, on_m)


@pytest.mark.parametrize("seed", range(300))
def test_rows_say_what_the_edge_rule_says(seed):
    """For every choice of places on a random net, and every edge."""
    world = random_world(seed)
    pieces, span = as_pieces(world), world[-1]
    cover, piece, _ = edge_rows(pieces, span)
    dense = cover.toarray()
    for mask in range(1 << len(world[3])):
        chosen = {k for k in range(len(world[3])) if mask >> k & 1}
        x = np.array([k in chosen for k in range(len(world[3]))], float)
        served = dense @ x >= 1
        said = np.array([served[piece == e].all() for e in range(len(world[1]))])
        assert (said == passing(world, chosen)).all()
