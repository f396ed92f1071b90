"""The road network in a few numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .graph import RoadGraph
from .routes import Route, network_length_m
from .snapping import main_segments


def network_figures(graph: RoadGraph, routes: Sequence[Route]) -> dict[str, float | int]:
    """Count nodes, directed edges and islands; lengths in metres, every road once.

    ``islands`` are pieces of road that cannot be reached from the main network or not left for it.
    """
    cut_off = ~main_segments(graph)
    pieces = np.unique(graph.component[graph.seg_u[cut_off]]) if cut_off.any() else np.empty(0)
    ferry = graph.segments["ferry"].to_numpy(bool)
    inferred = sum(
        float(d.weight[d.inferred] @ np.abs(d.to_m - d.from_m)[d.inferred]) for d in _drives(routes)
    )
    return {
        "nodes": graph.n_nodes,
        "edges": len(graph.edge_u),
        "segments": graph.n_segments,
        "length_m": float(graph.seg_length_m[~ferry].sum()),
        "ferry_m": float(graph.seg_length_m[ferry].sum()),
        "islands": len(pieces),
        "islands_m": float(graph.seg_length_m[cut_off].sum()),
        "routes": len(routes),
        "routes_m": float(network_length_m(graph, routes)),
        "bridged_m": inferred,
        "parallel_m": float(sum(p.length_m for r in routes for p in r.parallel)),
    }


def _drives(routes: Sequence[Route]) -> list:  # type: ignore[type-arg]
    return [d for r in routes for s in r.sections for d in s.drives]
