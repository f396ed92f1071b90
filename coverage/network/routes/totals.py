"""Lengths of networks of routes: a road that several routes share counts once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..graph import FloatArray, RoadGraph
from .model import Route


def edge_weight(graph: RoadGraph, routes: Iterable[Route]) -> FloatArray:
    """Share of each directed edge's length that counts in the network of some routes.

    Parameters
    ----------
    graph : RoadGraph
    routes : iterable of Route

    Returns
    -------
    (m,) float64
        0 for edges of no route, one half for a direction whose other direction is on another edge (of the same
        road or of another carriageway) and for far sides of roundabouts, 1 where there is no other direction.
        Of several routes on one edge the smallest weight holds: who knows of both directions knows more.
    """
    lowest = np.full(len(graph.edge_u), np.inf)
    for route in routes:
        for section in route.sections:
            for drive in section.drives:
                np.minimum.at(lowest, drive.edges, drive.weight)
                np.minimum.at(lowest, drive.far.edge, 0.5)
    return np.where(np.isfinite(lowest), lowest, 0.0)


def segment_weight(graph: RoadGraph, routes: Iterable[Route]) -> FloatArray:
    """(s,) share of each segment's length that counts: the sum over its directed edges; see :func:`edge_weight`."""
    found = np.zeros(graph.n_segments)
    np.add.at(found, graph.edge_segment, edge_weight(graph, routes))
    return found


def network_length_m(graph: RoadGraph, routes: Iterable[Route]) -> float:
    """Length of all roads of some routes, metres, each road once."""
    return float((edge_weight(graph, routes) * graph.edge_length_m).sum())
