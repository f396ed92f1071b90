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
        drives = [drive for section in route.sections for drive in section.drives]
        parts = [graph.edge_segment[drive.edges] for drive in drives] + [route.aside]
        mine, at = np.unique(np.concatenate(parts), return_inverse=True)
        weights = [*(drive.weight for drive in drives), np.full(len(route.aside), 0.5)]
        weight = np.minimum(np.bincount(at, weights=np.concatenate(weights), minlength=len(mine)), 1.0)
        lowest[mine] = np.where(weight > 0, np.minimum(lowest[mine], weight), lowest[mine])
    return np.where(np.isfinite(lowest), lowest, 0.0)


def network_length_m(graph: RoadGraph, routes: Iterable[Route]) -> float:
    """Length of all roads of some routes, metres, each road once."""
    return float((segment_weight(graph, routes) * graph.seg_length_m).sum())
