"""Lengths of networks of routes: a road that several routes share counts once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..graph import FloatArray, RoadGraph
from .model import Route


def segment_weight(graph: RoadGraph, routes: Iterable[Route]) -> FloatArray:
    """Share of each segment's length that counts in the network of some routes.

    Parameters
    ----------
    graph : RoadGraph
    routes : iterable of Route

    Returns
    -------
    (s,) float64
        0 for segments of no route, 1 for two-way roads, one half for a carriageway whose other direction is on
        another segment. Of several routes on one segment the smallest weight holds.
    """
    lowest = np.full(graph.n_segments, np.inf)
    for route in routes:
        mine = np.zeros(graph.n_segments)
        for section in route.sections:
            for drive in section.drives:
                np.add.at(mine, graph.edge_segment[drive.edges], drive.weight)
        mine[route.aside] = 0.5
        mine = np.minimum(mine, 1.0)
        lowest = np.where(mine > 0, np.minimum(lowest, mine), lowest)
    return np.where(np.isfinite(lowest), lowest, 0.0)


def network_length_m(graph: RoadGraph, routes: Iterable[Route]) -> float:
    """Length of all roads of some routes, metres, each road once."""
    return float((segment_weight(graph, routes) * graph.seg_length_m).sum())
