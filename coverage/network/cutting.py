"""Segments cut at places that lie on them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .graph import FloatArray, IntArray, RoadGraph
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
