"""How fast ``covered_length`` is, and against what: sizes, seconds and memory, in one run.

    python benchmarks/covered.py [EXTRACT.osm.pbf …]

The networks are drawn at random: junctions in the plane, joined with their neighbours (Delaunay, a third of its edges
left out), roads cut into pieces, a few roads twice. Each case runs in a process of its own; memory is the largest
resident size with imports and the network itself.

core
    5 000 junctions of a continent's core network, 1 200 sites, all of it counted.
province
    A million edges, 50 000 of them counted, 2 000 sites.
brute force
    networkx on a small network: for every edge a copy without it, and the distances from every site. The same small
    network is measured with ``covered_length``, the answers are compared, and the times stand as a ratio.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time

import networkx as nx
import numpy as np
import pandas as pd
from plugspan import covered_length, read_network
from scipy.spatial import Delaunay

SPAN_M = 40_000.0


def roads(n_junctions, spacing_m, pieces, seed=0):
    """Edges of a random planar network; every road is cut into so many pieces."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, spacing_m * np.sqrt(n_junctions), (n_junctions, 2))
    corners = Delaunay(xy).simplices
    pairs = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]), axis=1)
    pairs = np.unique(pairs, axis=0)
    pairs = pairs[rng.random(len(pairs)) < 2 / 3]
    pairs = np.concatenate([pairs, pairs[::200]])
    length_m = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T) * rng.uniform(1, 1.4, len(pairs)) / pieces
    inner = n_junctions + np.arange(len(pairs) * (pieces - 1)).reshape(len(pairs), pieces - 1)
    chain = np.column_stack([pairs[:, 0], inner, pairs[:, 1]])
    return pd.DataFrame(
        {"u": chain[:, :-1].ravel(), "v": chain[:, 1:].ravel(), "length_m": np.repeat(length_m, pieces)}
    )


def drawn(edges, n_sites, seed=1):
    """Nodes of the edges, drawn at random."""
    return np.random.default_rng(seed).choice(np.unique(edges["u"]), n_sites, replace=False).tolist()


def core():
    edges = roads(5_000, 20_000, 1)
    return edges, drawn(edges, 1_200), 60_000.0


def province():
    edges = roads(170_000, 600, 3)
    edges["counted"] = np.random.default_rng(2).permutation(len(edges)) < 50_000
    return edges, drawn(edges, 2_000), SPAN_M


def extract(path):
    graph = read_network(path)
    edges = pd.DataFrame({"u": graph.seg_u, "v": graph.seg_v, "length_m": graph.seg_length_m})
    return edges, drawn(edges, max(2, len(edges) // 300)), SPAN_M


def small():
    edges = roads(80, 8_000, 2)
    return edges, drawn(edges, 12), SPAN_M


def timed(make, *args):
    """One case: a line with its sizes, seconds (best of three), memory and shares."""
    edges, sites, span_m = make(*args)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        found = covered_length(edges, sites, span_m)
        seconds.append(time.perf_counter() - start)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    name = args[0].rsplit("/", 1)[-1] if args else make.__name__
    counted = int(edges["counted"].sum()) if "counted" in edges else len(edges)
    print(
        f"{name:<24}{len(edges):>10}{counted:>10}{len(sites):>8}{min(seconds):>10.3f}{memory_mb:>10.0f}"
        f"{found.edge_rule:>8.3f}{found.two_site_rule:>8.3f}"
    )
    sys.stdout.flush()


def brute_force(edges, sites, span_m):
    """Which edges pass the two-site rule, by networkx, from the definition."""
    graph = nx.MultiGraph()
    for k, (u, v, length_m) in enumerate(edges[["u", "v", "length_m"]].itertuples(index=False)):
        graph.add_edge(u, v, k, weight=length_m)
    passes = []
    for u, v, k in sorted(graph.edges(keys=True), key=lambda edge: edge[2]):
        rest = graph.copy()
        rest.remove_edge(u, v, k)
        from_u, from_v = (nx.single_source_dijkstra_path_length(rest, end) for end in (u, v))
        drives = [
            from_u[a] + from_v[b] for a in sites for b in sites if a != b and a in from_u and b in from_v
        ]
        passes.append(min(drives, default=np.inf) + graph.edges[u, v, k]["weight"] <= span_m)
    return passes


def against_networkx():
    edges, sites, span_m = small()
    start = time.perf_counter()
    expected = brute_force(edges, sites, span_m)
    slow_s = time.perf_counter() - start
    start = time.perf_counter()
    found = covered_length(edges, sites, span_m)
    fast_s = time.perf_counter() - start
    same = "the same answers" if found.two_site_passes.tolist() == expected else "DIFFERENT ANSWERS"
    print(
        f"\nnetworkx, brute force, {len(edges)} edges: {slow_s:.2f} s against {fast_s * 1000:.1f} ms: "
        f"{slow_s / fast_s:.0f} times as long, {same}"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("extracts", nargs="*", metavar="EXTRACT.osm.pbf")
    cases = [(small,), (core,), (province,), *((extract, path) for path in parser.parse_args().extracts)]
    heads = ("edges", 10), ("counted", 10), ("sites", 8), ("s", 10), ("MB", 10), ("edge", 8), ("two", 8)
    print(" " * 24 + "".join(f"{head:>{width}}" for head, width in heads), flush=True)
    for case in cases:
        process = multiprocessing.get_context("spawn").Process(target=timed, args=case)
        process.start()
        process.join()
    against_networkx()


if __name__ == "__main__":
    main()
