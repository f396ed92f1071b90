"""Roads cut: segments at places that lie on them, a finished graph at the border of an area."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
from shapely.geometry.base import BaseGeometry

from .geometry import line_lengths_m
from .graph import FloatArray, IntArray, RoadGraph
from .osm.ways import pointers, ranges
from .region import contains
from .snapping import Snapped


class Pieces(NamedTuple):
    """Pieces of segments, in drawing order: nodes ``a -> b``, length in metres, the segment each is part of.

    ``from_m`` is where on its segment a piece begins.
    """

    a: IntArray
    b: IntArray
    length_m: FloatArray
    segment: IntArray
    from_m: FloatArray


def cut_segments(graph: RoadGraph, snapped: Snapped) -> Pieces:
    """Cut the segments that hold places; place ``k`` becomes node ``n_nodes + k``.

    Returns
    -------
    Pieces
        Of cut segments only; several places on one segment cut it in the order of their offset, then of ``k``.
    """
    at = np.flatnonzero(snapped.found)
    at = at[np.lexsort((at, snapped.offset_m[at], snapped.segment[at]))]
    segment, offset = snapped.segment[at], snapped.offset_m[at]
    first = np.ones(len(at), dtype=bool)
    first[1:] = segment[1:] != segment[:-1]
    last = np.ones(len(at), dtype=bool)
    last[:-1] = first[1:]
    node = graph.n_nodes + at
    before = np.where(first, graph.seg_u[segment], np.roll(node, 1))
    offset_before = np.where(first, 0.0, np.roll(offset, 1))
    rest = graph.seg_length_m[segment[last]] - offset[last]
    return Pieces(
        np.concatenate([before, node[last]]),
        np.concatenate([node, graph.seg_v[segment[last]]]),
        np.maximum(np.concatenate([offset - offset_before, rest]), 0.0),
        np.concatenate([segment, segment[last]]),
        np.concatenate([offset_before, offset[last]]),
    )


def all_pieces(graph: RoadGraph, snapped: Snapped) -> Pieces:
    """Every segment, whole or cut (see :func:`cut_segments`)."""
    cut = cut_segments(graph, snapped)
    whole = np.ones(graph.n_segments, dtype=bool)
    whole[cut.segment] = False
    rest = np.flatnonzero(whole)
    return Pieces(
        np.concatenate([graph.seg_u[rest], cut.a]),
        np.concatenate([graph.seg_v[rest], cut.b]),
        np.concatenate([graph.seg_length_m[rest], cut.length_m]),
        np.concatenate([rest, cut.segment]),
        np.concatenate([np.zeros(len(rest)), cut.from_m]),
    )


# -- cutting a finished road graph at the border of an area ----------------------------------------------


def clip_graph(graph: RoadGraph, polygon: BaseGeometry) -> RoadGraph:
    """Keep what lies in a polygon (EPSG:4326); a segment is cut at its last vertex inside.

    Cut ends become nodes with ids below all others. A segment that leaves and comes back becomes several.
    """
    inside = contains(polygon, graph.xy)
    if inside.all():
        return graph
    owner = np.repeat(np.arange(graph.n_segments), np.diff(graph.seg_ptr))
    joined = inside[:-1] & inside[1:] & (owner[:-1] == owner[1:])
    # A piece is a longest row of joined vertices: it starts where the step before is not joined.
    before = np.append(False, joined)
    after = np.append(joined, False)
    start, end = np.flatnonzero(after & ~before), np.flatnonzero(before & ~after)
    segment = owner[start]
    counts = end - start + 1
    xy = graph.xy[ranges(start, counts)]
    ptr = pointers(counts)
    whole = counts == np.diff(graph.seg_ptr)[segment]
    length_m = np.where(whole, graph.seg_length_m[segment], line_lengths_m(xy, ptr))
    at_u, at_v = start == graph.seg_ptr[segment], end == graph.seg_ptr[segment + 1] - 1
    ends = np.concatenate(
        [np.where(at_u, graph.seg_u[segment], -1), np.where(at_v, graph.seg_v[segment], -1)]
    )
    node_id, node_xy, ends = _renumbered(graph, ends, np.concatenate([start, end]))
    return dataclasses.replace(
        graph,
        node_id=node_id,
        node_xy=node_xy,
        seg_u=ends[: len(start)],
        seg_v=ends[len(start) :],
        seg_length_m=length_m,
        seg_forward=graph.seg_forward[segment],
        seg_backward=graph.seg_backward[segment],
        xy=xy,
        seg_ptr=ptr,
        segments=graph.segments.iloc[segment].reset_index(drop=True),
    )


def _renumbered(graph: RoadGraph, ends: IntArray, vertex: IntArray) -> tuple[IntArray, FloatArray, IntArray]:
    """Nodes that are left, new ones for cut ends (-1) first, and the ends' positions among them."""
    cut = np.flatnonzero(ends < 0)
    kept = np.unique(ends[ends >= 0])
    lowest = min(0, int(graph.node_id.min(initial=0)))
    new_id = lowest - len(cut) + np.arange(len(cut), dtype=np.int64)
    place = np.searchsorted(kept, ends) + len(cut)
    place[cut] = np.arange(len(cut))
    node_id = np.concatenate([new_id, graph.node_id[kept]])
    return node_id, np.concatenate([graph.xy[vertex[cut]], graph.node_xy[kept]]), place
