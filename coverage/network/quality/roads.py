"""Issues of single roads: cut off from the network, or drawn twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import shapely
from scipy import sparse
from scipy.sparse import csgraph

from ..graph import BoolArray, IntArray, RoadGraph
from ..routes import Route, ground_scale, mercator
from ..snapping import main_segments
from .issue import Issue, Severity

Objects = np.ndarray[tuple[int], np.dtype[np.object_]]
LONG_ISLAND_M = 5000.0
SAME_LINE_M = 3.0
"""Two roads this near everywhere are one road drawn twice; carriageways lie further apart."""
SAME_LENGTH = 0.02
LEAST_COVERED_M = 30.0
"""Shorter pieces lie on each other at any junction."""


def route_segments(graph: RoadGraph, routes: Sequence[Route]) -> pd.Series[str]:
    """Refs of the routes that run on each segment that has any: index segment, refs joined by ``;``."""
    parts = [
        np.unique(np.concatenate([graph.edge_segment[d.edges] for s in r.sections for d in s.drives]))
        for r in routes
    ]
    refs = np.repeat(np.array([r.ref for r in routes], dtype=object), [len(p) for p in parts])
    frame = pd.DataFrame({"segment": np.concatenate([np.empty(0, np.int64), *parts]), "ref": refs})
    return frame.sort_values(["segment", "ref"]).groupby("segment")["ref"].agg(";".join)


def islands(graph: RoadGraph, routes: Sequence[Route]) -> Iterator[Issue]:
    """Roads that cannot be reached from the main network or not left for it, by connected pieces."""
    cut = np.flatnonzero(~main_segments(graph))
    if not len(cut):
        return
    u, v = graph.seg_u[cut], graph.seg_v[cut]
    joined = sparse.csr_array((np.ones(len(cut)), (u, v)), shape=(graph.n_nodes, graph.n_nodes))
    _, label = csgraph.connected_components(joined, directed=False)
    _, piece = np.unique(label[u], return_inverse=True)
    order = np.argsort(piece, kind="stable")
    borne = route_segments(graph, routes)
    ref = np.full(graph.n_segments, "", dtype=object)
    ref[borne.index.to_numpy(np.int64)] = borne.to_numpy(object)
    routed = ref != ""
    for segments in np.split(cut[order], np.flatnonzero(np.diff(piece[order])) + 1):
        length_m = float(graph.seg_length_m[segments].sum())
        on = segments[routed[segments]]
        route_m = float(graph.seg_length_m[on].sum())
        refs = sorted({one for value in ref[on].tolist() for one in value.split(";")})
        severity: Severity = "serious" if refs else "doubtful" if length_m >= LONG_ISLAND_M else "note"
        values = {
            "n": len(segments),
            "length": length_m,
            "route": route_m,
            "refs": ", ".join(refs),
        }
        key = "quality.effect.island-route" if refs else "quality.effect.island"
        yield Issue("island", severity, ";".join(refs), length_m, key, values, segments)


def duplicates(graph: RoadGraph, routes: Sequence[Route]) -> Iterator[Issue]:
    """Roads drawn twice: between the same nodes, or lying on another road of the same number."""
    borne = route_segments(graph, routes)
    same = _between_same_nodes(graph)
    on = borne.index.to_numpy(np.int64)
    lying = on[_covered(graph, on, borne.to_numpy(object))]
    found = np.union1d(same, lying)
    on_route = np.isin(found, on)
    for segment, routed in zip(found.tolist(), on_route.tolist(), strict=True):
        length_m = float(graph.seg_length_m[segment])
        ref = borne.get(segment, "")
        severity: Severity = "serious" if routed else "note"
        key = "quality.effect.duplicate-route" if routed else "quality.effect.duplicate"
        values = {"length": length_m, "refs": str(ref).replace(";", ", ")}
        yield Issue("duplicate", severity, str(ref), length_m, key, values, np.array([segment]))


def _between_same_nodes(graph: RoadGraph) -> IntArray:
    """Segments that run like one with a smaller number between the same two nodes."""
    low, high = np.minimum(graph.seg_u, graph.seg_v), np.maximum(graph.seg_u, graph.seg_v)
    order = np.lexsort((np.arange(len(low)), graph.seg_length_m, high, low))
    a, b = order[:-1], order[1:]
    length = graph.seg_length_m
    alike = (
        (low[a] == low[b])
        & (high[a] == high[b])
        & (np.abs(length[a] - length[b]) <= SAME_LENGTH * length[b] + 1.0)
    )
    a, b = a[alike], b[alike]
    if not len(a):
        return np.empty(0, dtype=np.int64)
    lines_a, lines_b = _lines(graph, a), _lines(graph, b)
    scale = ground_scale(shapely.get_y(shapely.get_point(lines_a, 0)))
    near = shapely.hausdorff_distance(lines_a, lines_b) * scale <= SAME_LINE_M
    return np.unique(np.maximum(a, b)[near])


def _lines(graph: RoadGraph, segments: IntArray) -> Objects:
    return np.asarray(shapely.transform(graph.lines(segments), mercator), dtype=object)


def _covered(graph: RoadGraph, segments: IntArray, refs: Objects) -> BoolArray:
    """Which segments lie, at a quarter, half and three quarters, on others with a smaller number and a common ref."""
    if not len(segments):
        return np.empty(0, dtype=bool)
    lines = _lines(graph, segments)
    tree = shapely.STRtree(lines)
    hit = np.asarray(graph.seg_length_m[segments] >= LEAST_COVERED_M)
    for share in (0.25, 0.5, 0.75):
        points = shapely.line_interpolate_point(lines, share, normalized=True)
        reach = SAME_LINE_M / 2 / ground_scale(shapely.get_y(points))
        mine, other = tree.query(points, predicate="dwithin", distance=reach)
        earlier = segments[other] < segments[mine]
        mine, other = mine[earlier], other[earlier]
        found = np.zeros(len(segments), dtype=bool)
        found[mine[_share_a_ref(refs[mine], refs[other])]] = True
        hit &= found
    return hit


def _share_a_ref(a: Objects, b: Objects) -> BoolArray:
    """Whether two lists of refs, joined by ``;``, have one in common."""
    code, pairs = pd.factorize(pd.MultiIndex.from_arrays([a, b]))
    common = [bool(set(x.split(";")) & set(y.split(";"))) for x, y in pairs]
    return np.array(common, dtype=bool)[code] if len(code) else np.empty(0, dtype=bool)
