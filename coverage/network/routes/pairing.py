"""Which drives are the two directions of one road, and which place on one is beside which on the other.

Two drives are matched where they share two-way road, and where they run side by side in opposite directions.
Between two matched places both belong together however far apart they lie (tunnels, one-way pairs in towns).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from ..geometry import ground_scale
from ..graph import BoolArray, FloatArray, IntArray
from .drives import Path
from .index import RoadIndex

STEP_M = 100.0
"""Drives are compared every so many metres."""
BESIDE_M, BESIDE_SHARE, BESIDE_MIN_M = 1000.0, 0.3, 60.0
"""Carriageways of one road lie at most 1 km apart where nothing else tells that they belong together, and no further
than 0.3 times what they run side by side (60 m are always allowed)."""
END_SLACK_M = 300.0
"""Two carriageways that end this close (along the road) end together."""
SQUARE_M = 0.75 * STEP_M
"""What lies beside a place lies square to it, give or take so much and the distance apart."""
ANTIPARALLEL_COS = -0.7
"""Opposite directions differ by 135 degrees or more."""
MIN_OVERLAP_M = 1000.0
"""Side by side for so long, or for half of the shorter one, makes two drives one road."""


@dataclass(frozen=True, eq=False)
class Match:
    """Places of drive ``a`` (increasing ``s_m``) and of drive ``b`` (decreasing ``t_m``) beside each other."""

    a: int
    b: int
    s_m: FloatArray
    t_m: FloatArray


@dataclass(frozen=True, eq=False)
class Measured:
    """A drive with its cumulated length at the nodes: ``at_m`` has one more entry than ``path.edges``."""

    path: Path
    at_m: FloatArray

    @property
    def length_m(self) -> float:
        """Length of the drive."""
        return float(self.at_m[-1])


def measure(index: RoadIndex, path: Path) -> Measured:
    """Cumulate the length along a drive."""
    return Measured(path, np.concatenate([[0.0], np.cumsum(index.graph.edge_length_m[path.edges])]))


def in_order(index: RoadIndex, drives: list[Measured]) -> list[Measured]:
    """Order drives by what they are, the longest first, so that it doesn't matter how roads are numbered."""
    graph = index.graph

    def key(drive: Measured) -> tuple[float, ...]:
        first, last = graph.edge_u[drive.path.edges[0]], graph.edge_v[drive.path.edges[-1]]
        ends = np.round(np.concatenate([graph.node_xy[first], graph.node_xy[last]]), 6).tolist()
        return (-round(drive.length_m, 1), *ends)

    return sorted(drives, key=key)


# -- where two drives share two-way road ---------------------------------------------------------------------


class _Places:
    """Where each directed edge lies in some drives."""

    def __init__(self, drives: list[Measured]) -> None:
        count = [len(drive.path.edges) for drive in drives]
        edges = np.concatenate([np.empty(0, np.int64), *(drive.path.edges for drive in drives)])
        # The last of equal ones comes first: an edge that two drives have is looked for in the later one.
        order = np.lexsort((-np.arange(len(edges)), edges))
        self.edges = edges[order]
        self.drive = np.repeat(np.arange(len(drives)), count)[order]
        self.place = np.concatenate([np.empty(0, np.int64), *map(np.arange, count)])[order]

    def of(self, edges: IntArray) -> tuple[IntArray, IntArray]:
        """Drive (or -1) and place in it of each edge; edge -1 is nowhere."""
        at = np.minimum(np.searchsorted(self.edges, edges), len(self.edges) - 1)
        there = (self.edges[at] == edges) & (edges >= 0)
        return np.where(there, self.drive[at], -1), np.where(there, self.place[at], 0)


def shared_places(
    index: RoadIndex, drives: list[Measured]
) -> dict[tuple[int, int], list[tuple[float, float, float, float]]]:
    """Stretches that two drives share, driving in opposite directions.

    Returns
    -------
    dict
        ``(a, b)`` with ``a <= b`` -> list of ``(s0, s1, t0, t1)``: drive a from s0 to s1 is drive b from t1 back to t0.
    """
    at = _Places(drives)
    found: dict[tuple[int, int], list[tuple[float, float, float, float]]] = defaultdict(list)
    for number, drive in enumerate(drives):
        other, place = at.of(index.opposite[drive.path.edges])
        after = (other > number) | ((other == number) & (place > np.arange(len(place))))
        for k in np.flatnonzero(after).tolist():
            b, j = int(other[k]), int(place[k])
            found[(number, b)].append(
                (
                    float(drive.at_m[k]),
                    float(drive.at_m[k + 1]),
                    float(drives[b].at_m[j]),
                    float(drives[b].at_m[j + 1]),
                )
            )
    return found


def two_way_edges(index: RoadIndex, drives: list[Measured]) -> list[BoolArray]:
    """Per drive: which of its edges are driven the other way by some drive too."""
    at = _Places(drives)
    return [at.of(index.opposite[drive.path.edges])[0] >= 0 for drive in drives]


# -- where two drives run side by side -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Samples:
    """Points every ``STEP_M`` along the one-way stretches of all drives of a number."""

    drive: IntArray
    s_m: FloatArray
    xy: FloatArray
    heading: FloatArray
    length_m: FloatArray


def sample(index: RoadIndex, drives: list[Measured], both: list[BoolArray]) -> Samples:
    """Sample the one-way stretches of the drives; metres on the ground."""
    parts: list[tuple[npt.NDArray[np.generic], ...]] = []
    for number, drive in enumerate(drives):
        if both[number].all():
            continue
        xy, s_m = index.path(drive.path.edges)
        n = max(1, int(np.ceil(drive.length_m / STEP_M)))
        at = np.linspace(0.0, drive.length_m, n + 1)
        edge = np.clip(np.searchsorted(drive.at_m, at, side="right") - 1, 0, len(both[number]) - 1)
        at = at[~both[number][edge]]
        ahead, behind = np.minimum(at + 15.0, drive.length_m), np.maximum(at - 15.0, 0.0)
        heading = _along(xy, s_m, ahead) - _along(xy, s_m, behind)
        whole = np.full(len(at), drive.length_m)
        parts.append((np.full(len(at), number), at, _along(xy, s_m, at), _unit(heading), whole))
    if not parts:
        return Samples(np.empty(0, np.int64), np.empty(0), np.empty((0, 2)), np.empty((0, 2)), np.empty(0))
    drive_no, at, xy, heading, whole = (np.concatenate(column) for column in zip(*parts, strict=True))
    scale = ground_scale(float(np.median(xy[:, 1]))) if len(xy) else 1.0
    return Samples(drive_no, at, xy * scale, heading, whole)


def _along(xy: FloatArray, s_m: FloatArray, at: FloatArray) -> FloatArray:
    return np.stack([np.interp(at, s_m, xy[:, 0]), np.interp(at, s_m, xy[:, 1])], axis=1)


def _unit(vector: FloatArray) -> FloatArray:
    size = np.hypot(vector[:, 0], vector[:, 1])[:, None]
    return np.divide(vector, size, out=np.zeros_like(vector), where=size > 0)


@dataclass(frozen=True, eq=False)
class Beside:
    """For each sample the nearest antiparallel place on each other drive near it."""

    drive: IntArray
    s_m: FloatArray
    other: IntArray
    t_m: FloatArray
    apart_m: FloatArray


def beside(samples: Samples, beside_m: float = BESIDE_M) -> Beside:
    """Find what runs beside each sample in the opposite direction, its own drive included."""
    n = len(samples.drive)
    if n == 0:
        return Beside(*(np.empty(0, t) for t in (np.int64, float, np.int64, float, float)))
    near = cKDTree(samples.xy).query(samples.xy, k=min(n, 64), distance_upper_bound=beside_m)
    apart, which = (np.asarray(part).reshape(n, -1) for part in near)
    rows = np.repeat(np.arange(n), which.shape[1])
    apart_m, cols = apart.ravel(), which.ravel()
    ok = np.isfinite(apart_m)
    rows, cols, apart_m = rows[ok], cols[ok], apart_m[ok]
    against = (samples.heading[rows] * samples.heading[cols]).sum(axis=1) < ANTIPARALLEL_COS
    rows, cols, apart_m = rows[against], cols[against], apart_m[against]
    order = np.lexsort((cols, apart_m, samples.drive[cols], rows))
    rows, cols = rows[order], cols[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (np.diff(rows) != 0) | (np.diff(samples.drive[cols]) != 0)
    rows, cols = rows[first], cols[first]
    return _refined(samples, rows, cols)


def _refined(samples: Samples, rows: IntArray, cols: IntArray) -> Beside:
    """Shift each found place along its drive to lie square to the sample; drop what lies ahead or behind instead."""
    to = samples.xy[rows] - samples.xy[cols]
    along = (to * samples.heading[cols]).sum(axis=1)
    apart = np.hypot(*(to - along[:, None] * samples.heading[cols]).T)
    square = np.abs(along) <= SQUARE_M + apart
    rows, cols, along, apart = rows[square], cols[square], along[square], apart[square]
    t_m = np.clip(samples.s_m[cols] + np.clip(along, -SQUARE_M, SQUARE_M), 0.0, samples.length_m[cols])
    return Beside(samples.drive[rows], samples.s_m[rows], samples.drive[cols], t_m, apart)


# -- one chain of matched places per pair --------------------------------------------------------------------


def falling(s_m: FloatArray, t_m: FloatArray) -> IntArray:
    """Rows of a longest subsequence, in order of ``s_m``, whose ``t_m`` falls; each s once."""
    order = np.lexsort((t_m, s_m))
    tails: list[float] = []
    last: list[int] = []
    before = np.full(len(order), -1, dtype=np.int64)
    for k in order.tolist():
        value = -float(t_m[k])
        at = bisect_left(tails, value)
        before[k] = last[at - 1] if at else -1
        if at == len(tails):
            tails.append(value)
            last.append(k)
        else:
            tails[at], last[at] = value, k
    chosen = []
    k = last[-1] if last else -1
    while k >= 0:
        chosen.append(k)
        k = int(before[k])
    return np.array(chosen[::-1], dtype=np.int64)


def joined(stretches: FloatArray) -> FloatArray:
    """Join shared stretches ``(s0, s1, t0, t1)`` that follow each other on both drives; rising by ``s0``."""
    blocks: list[list[float]] = []
    for s0, s1, t0, t1 in stretches[np.argsort(stretches[:, 0], kind="stable")].tolist():
        if blocks and abs(blocks[-1][1] - s0) <= 1e-6 and abs(blocks[-1][2] - t1) <= 1e-6:
            blocks[-1][1], blocks[-1][2] = s1, t0
        else:
            blocks.append([s0, s1, t0, t1])
    return np.array(blocks)


def heaviest_falling(blocks: FloatArray) -> FloatArray:
    """Blocks ``(s0, s1, t0, t1)`` whose t falls while s rises, of the greatest length together."""
    weight = blocks[:, 1] - blocks[:, 0]
    best = weight.copy()
    before = np.full(len(blocks), -1, dtype=np.int64)
    for k in range(1, len(blocks)):
        fits = blocks[:k, 2] >= blocks[k, 3] - 1e-6
        if fits.any():
            j = int(np.argmax(np.where(fits, best[:k], -1.0)))
            best[k], before[k] = best[j] + weight[k], j
    chosen = []
    k = int(np.argmax(best))
    while k >= 0:
        chosen.append(k)
        k = int(before[k])
    return blocks[chosen[::-1]]
