"""The roads one takes from a route to a site."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csgraph

from .distances import AnchoredGraph, subgraph
from .graph import FloatArray, IntArray
from .routes import Drive, RoadIndex, Route
from .snapping import Snapped

SAME_M = 0.002
"""Chainages are compared to the millimetre."""


def access_segments(
    index: RoadIndex, routes: Sequence[Route], snapped: Snapped, served: pd.DataFrame, *, access_m: float
) -> list[IntArray]:
    """Segments of the shortest way from the route to the site.

    Parameters
    ----------
    index : RoadIndex
    routes : sequence of Route
    snapped : Snapped
        The sites.
    served : DataFrame
        Rows of ``Access.served``: ``site, ref, section, direction, chainage_m``.
    access_m : float
        The access distance that ``served`` was found with.

    Returns
    -------
    list of (k,) int64
        For each row the segments in driving order, each once; none where the site lies on the carriageway.
    """
    site = served["site"].to_numpy(np.int64)
    unique, which = np.unique(site, return_inverse=True)
    anchored = AnchoredGraph(index.graph, snapped.take(unique))
    drives = {(r.ref, s.number, d.direction): d for r in routes for s in r.sections for d in s.drives}
    keys = list(zip(served["ref"], served["section"].astype(int), served["direction"], strict=True))
    chainage = served["chainage_m"].to_numpy(float)
    found: list[IntArray] = [np.empty(0, np.int64)] * len(served)
    scratch = np.full(anchored.n, -1, dtype=np.int64)
    for number in range(len(unique)):
        tree = _Tree(anchored, number, access_m, scratch)
        for row in np.flatnonzero(which == number).tolist():
            places = _nodes_at(index, drives[keys[row]], float(chainage[row]))
            found[row] = _segments(index, anchored, tree.way(places))
    return found


class _Tree:
    """Shortest ways to one place."""

    def __init__(self, anchored: AnchoredGraph, number: int, limit_m: float, scratch: IntArray) -> None:
        anchor = anchored.anchors[number : number + 1]
        self.nodes = anchored.near(anchor, limit_m)
        part = subgraph(anchored.csr_reversed, self.nodes, scratch)
        distance, following = csgraph.dijkstra(
            part,
            directed=True,
            indices=np.searchsorted(self.nodes, anchor),
            limit=limit_m + 1.0,
            return_predecessors=True,
        )
        self.distance, self.next = distance[0], following[0]

    def way(self, places: IntArray) -> IntArray:
        """Nodes from the nearest of some places to the site."""
        at = np.minimum(np.searchsorted(self.nodes, places), len(self.nodes) - 1)
        at = at[(self.nodes[at] == places) & np.isfinite(self.distance[at])]
        if not len(at):
            return np.empty(0, np.int64)
        node = int(at[np.argmin(self.distance[at])])
        way = [node]
        while (node := int(self.next[node])) >= 0:
            way.append(node)
        return np.asarray(self.nodes[np.array(way)], dtype=np.int64)


def _nodes_at(index: RoadIndex, drive: Drive, chainage_m: float) -> IntArray:
    """Nodes of a drive at a chainage."""
    at: FloatArray = np.append(drive.from_m, drive.to_m[-1:])
    node = np.append(index.graph.edge_u[drive.edges], index.graph.edge_v[drive.edges[-1:]])
    return np.unique(node[np.abs(at - chainage_m) <= SAME_M])


def _segments(index: RoadIndex, anchored: AnchoredGraph, way: IntArray) -> IntArray:
    """Segments between the nodes of a way, each once, in driving order."""
    graph, snapped = index.graph, anchored.snapped
    assert snapped is not None
    found = []
    for a, b in zip(way[:-1].tolist(), way[1:].tolist(), strict=True):
        if max(a, b) >= graph.n_nodes:
            found.append(int(snapped.segment[max(a, b) - graph.n_nodes]))
            continue
        out = index.out_edge[index.out_ptr[a] : index.out_ptr[a + 1]]
        out = out[graph.edge_v[out] == b]
        found.append(int(graph.edge_segment[out[np.argmin(graph.edge_length_m[out])]]))
    return np.array(list(dict.fromkeys(found)), dtype=np.int64)
