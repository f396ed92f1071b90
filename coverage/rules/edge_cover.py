"""Covered length as rows: which places make a piece of road pass the edge rule.

A piece from ``u`` to ``v`` passes if ``d(u, nearest site) + length + d(v, nearest site) <= span``; sites on it cut
it, and each part must pass. Laid out as a line with ``u`` at 0 and ``v`` at its length, every site stands at minus its
distance from ``u``, at the length plus its distance from ``v``, and where it is if it lies on the piece. Then the piece
passes exactly when no two neighbouring sites of this line, with the piece or a part of it between them, are further
apart than the span: that is, when every stretch ``(x, x + span]`` that touches the piece holds a site. It is enough to
look at the stretches that begin at a possible place of a site, and at the one that ends where the piece begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..network.graph import FloatArray, IntArray
from .rows import Line, Stretches

SAME_M = 5e-4
"""Lengths are compared to the millimetre."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of road and the distances from their ends to sites.

    Attributes
    ----------
    length_m : (p,) float64
    near_u_m, near_v_m : (p,) float64
        Distance from each end to the nearest existing site; infinite if there is none within the span.
    far_u_m, far_v_m : (p, n) csr_array
        Distance from each end to each possible place within the span. A stored 0 is a distance of 0.
    on_piece, on_place : (k,) int64
        Possible places that lie on a piece, and
    on_m : (k,) float64
        how far from its first end.
    """

    length_m: FloatArray
    near_u_m: FloatArray
    near_v_m: FloatArray
    far_u_m: sparse.csr_array
    far_v_m: sparse.csr_array
    on_piece: IntArray
    on_place: IntArray
    on_m: FloatArray

    def passes(self, span_m: float) -> npt.NDArray[np.bool_]:
        """(p,) pieces that pass with the existing sites alone."""
        whole = self.near_u_m + self.length_m + self.near_v_m
        return np.asarray(whole <= span_m + SAME_M, dtype=np.bool_)


def edge_rows(pieces: Pieces, span_m: float) -> tuple[sparse.csr_array, IntArray, Stretches]:
    """Rows of the pieces that don't pass yet.

    Returns
    -------
    cover : (r, n) csr_array of float64
        Row: one stretch of one piece; 1 for each place that lies in it. A row without any cannot be served.
    piece : (r,) int64
        The piece of each row; it passes exactly when all its rows hold a site.
    stretches : Stretches
        The pieces laid out as lines, and where on them each row begins.
    """
    n = pieces.far_u_m.shape[1]
    on_start = np.searchsorted(pieces.on_piece, np.arange(len(pieces.length_m) + 1))
    rows: list[IntArray] = []
    owner: list[int] = []
    begin: list[float] = []
    lines: list[Line] = []
    for e in np.flatnonzero(~pieces.passes(span_m)).tolist():
        u_place, u_far = _row(pieces.far_u_m, e)
        v_place, v_far = _row(pieces.far_v_m, e)
        on = slice(on_start[e], on_start[e + 1])
        length = float(pieces.length_m[e])
        at = np.concatenate([-u_far, pieces.on_m[on], length + v_far])
        place = np.concatenate([u_place, pieces.on_place[on], v_place])
        left, right = -float(pieces.near_u_m[e]), length + float(pieces.near_v_m[e])
        found = stretches_on(at, place, left, right, length, span_m)
        rows += [members for _, members in found]
        begin += [start for start, _ in found]
        owner += [e] * len(found)
        ends = np.array([left, right])
        lines.append(Line((e,), 0.0, (-span_m, length), ends[np.isfinite(ends)], place, at))
    size = np.array([len(row) for row in rows], dtype=np.int64)
    start = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    members = np.concatenate([np.empty(0, np.int64), *rows])
    cover = sparse.csr_array((np.ones(len(members)), members, start), shape=(len(rows), n))
    piece = np.array(owner, dtype=np.int64)
    of_line = np.unique(piece, return_inverse=True)[1] if len(piece) else piece
    laid = tuple(line for line in lines if line.name[0] in set(owner))
    return cover, piece, Stretches(laid, of_line, np.array(begin), span_m)


def _row(matrix: sparse.csr_array, e: int) -> tuple[IntArray, FloatArray]:
    at = slice(matrix.indptr[e], matrix.indptr[e + 1])
    return matrix.indices[at].astype(np.int64), matrix.data[at]


def stretches_on(
    at: FloatArray, place: IntArray, left: float, right: float, length: float, span: float
) -> list[tuple[float, IntArray]]:
    """Stretches that must hold a place: where each begins, and the places in it.

    ``left`` and ``right`` are the nearest existing sites.

    Stretches that hold all the places of another one are left out.
    """
    order = np.lexsort((place, at))
    at, place = at[order], place[order]
    first = max(left, -span)
    starts = np.unique(np.concatenate([[first], at[(at > first) & (at < length - SAME_M)]]))
    starts = starts[starts + span < right - SAME_M]
    low = np.searchsorted(at, starts + SAME_M, "right")
    high = np.searchsorted(at, starts + span + SAME_M, "right")
    found: list[tuple[float, IntArray]] = []
    seen: set[bytes] = set()
    for start, a, b in zip(starts.tolist(), low.tolist(), high.tolist(), strict=True):
        members = np.unique(place[a:b])
        key = members.tobytes()
        if key not in seen:
            seen.add(key)
            found.append((start, members))
    return _smallest(found)


def _smallest(found: list[tuple[float, IntArray]]) -> list[tuple[float, IntArray]]:
    """Stretches of whose places those of no other one are a part."""
    if len(found) < 2:
        return found
    rows = [members for _, members in found]
    names, columns = np.unique(np.concatenate(rows), return_inverse=True)
    number = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    holds = np.zeros((len(rows), len(names)), dtype=np.float32)
    holds[number, columns] = 1.0
    size = holds.sum(axis=1)
    common = holds @ holds.T
    # Row i is a part of row k if all of it is in k; no two rows are the same.
    part = (common == size[:, None]) & (size[:, None] < size[None, :])
    return [row for row, superset in zip(found, part.any(axis=0), strict=True) if not superset]
