"""Cuts: drives that come back on themselves, rings, and drives whose shared stretches contradict each other."""

from __future__ import annotations

import numpy as np

from ..geometry import ground_scale
from ..graph import BoolArray, FloatArray, IntArray
from ..u_turns import LOOK_M, TURN_DEG
from .drives import Path
from .index import RoadIndex
from .pairing import Beside, Measured, Samples, beside, measure, sample, shared_places, two_way_edges

FOLD_APART_M = 60.0
"""A one-way drive that runs beside itself this close, the other way, for most of its length is folded."""
SEAM_M = 200.0
"""The two directions of a ring are cut at places no further apart than this, if there are any."""


def straighten(index: RoadIndex, paths: list[Path]) -> list[Path]:
    """Cut drives that return on themselves (a road that ends in a one-way loop) where they turn back."""
    for _ in range(len(paths) + 8):
        drives = [measure(index, path) for path in paths]
        shared = shared_places(index, drives)
        folded = {a for a, b in shared if a == b}
        if not folded:
            break
        new: list[Path] = []
        for number, path in enumerate(paths):
            if number in folded:
                stretches = np.array(shared[(number, number)])
                new += _unfold(index, drives[number], stretches)
            else:
                new.append(path)
        paths = new
    return _cut_beside(index, paths)


def _unfold(index: RoadIndex, drive: Measured, shared: FloatArray) -> list[Path]:
    """Cut a drive in the middle of the loop at which it turns; open a closed one at the start of a loop first."""
    if drive.path.ring:
        return [rotate(drive.path, _longest_loop(drive, shared), ring=False)]
    low, high = shared[:, 1].max(), shared[:, 2].min()
    places = _inner_junctions(index, drive)
    ends = np.searchsorted(drive.at_m, [low - 1e-6, high - 1e-6])
    places = np.unique(np.append(places[(drive.at_m[places] >= low) & (drive.at_m[places] <= high)], ends))
    return split(
        drive.path, [int(places[np.argmin(np.abs(drive.at_m[places] - (low + high) / 2.0).round(3))])]
    )


def _longest_loop(drive: Measured, shared: FloatArray) -> int:
    """Position of the edge at which the longest stretch of a closed drive begins that is driven one way only."""
    alone = np.ones(len(drive.path.edges), dtype=bool)
    alone[np.searchsorted(drive.at_m, shared[:, [0, 2]].ravel() + 1e-9, side="right") - 1] = False
    starts = np.flatnonzero(alone & ~np.roll(alone, 1))
    if not len(starts):
        return int(np.searchsorted(drive.at_m, shared[0, 1] - 1e-6))
    length = np.diff(drive.at_m)
    sizes = []
    for start in starts.tolist():
        turned = np.roll(alone, -start)
        stop = int(np.argmin(turned)) if not turned.all() else len(turned)
        sizes.append(round(float(np.roll(length, -start)[:stop].sum()), 3))
    return int(starts[int(np.argmax(sizes))])


def _inner_junctions(index: RoadIndex, drive: Measured) -> IntArray:
    """Positions of edges, but the first, that start where other roads meet or the drive turns right round."""
    nodes = index.graph.edge_u[drive.path.edges]
    at = np.flatnonzero((index.degree[nodes] != 2) | _turns_round(index, drive.path))
    return at[at > 0]


def _turns_round(index: RoadIndex, path: Path) -> BoolArray:
    """Which edges start within a hairpin turn; see :mod:`plugspan.network.u_turns`."""
    xy, s_m = index.path(path.edges)
    at = np.concatenate([[0.0], np.cumsum(index.graph.edge_length_m[path.edges])[:-1]])
    arrive, leave = (_heading(xy, s_m, at + side) for side in (-LOOK_M, LOOK_M))
    size = np.hypot(*leave.T) * np.hypot(*arrive.T)
    return np.asarray((leave * arrive).sum(axis=1) <= np.cos(np.radians(TURN_DEG)) * size)


def _heading(xy: FloatArray, s_m: FloatArray, at: FloatArray) -> FloatArray:
    """(k, 2) direction of the leg of a path at some lengths along it."""
    leg = np.clip(np.searchsorted(s_m, at, side="right"), 1, len(s_m) - 1)
    while (still := s_m[leg] <= s_m[leg - 1]).any():  # a node between two edges stands twice
        leg = np.where(still & (leg > 1), leg - 1, leg)
        if (still & (leg == 1)).any():
            break
    return np.asarray(xy[leg] - xy[leg - 1])


def _cut_beside(index: RoadIndex, paths: list[Path]) -> list[Path]:
    """Cut one-way drives that come back right beside themselves."""
    for _ in range(2):  # a closed loop is opened first, then cut where it turns
        drives = [measure(index, path) for path in paths]
        samples = sample(index, drives, two_way_edges(index, drives))
        near = beside(samples)
        new: list[Path] = []
        for number, drive in enumerate(drives):
            fold = _fold_m(number, samples, near)
            if fold is None or not len(_inner_junctions(index, drive)):
                new.append(drive.path)
            elif drive.path.ring:
                new.append(rotate(drive.path, _edge_at(index, drive, fold), ring=False))
            else:
                new += split(drive.path, [_edge_at(index, drive, fold)])
        if len(new) == len(paths) and all(a is b for a, b in zip(new, paths, strict=True)):
            break
        paths = new
    return paths


def _edge_at(index: RoadIndex, drive: Measured, s_m: float) -> int:
    """Position of the edge that starts at the junction nearest to ``s_m``."""
    places = _inner_junctions(index, drive)
    return int(places[np.argmin(np.abs(drive.at_m[places] - s_m).round(3))])


def _fold_m(number: int, samples: Samples, near: Beside) -> float | None:
    """Where a drive turns back beside itself, or None."""
    own = near.drive == number
    apart = np.full(len(own), np.inf)
    apart[own] = near.apart_m[own]
    best: dict[float, tuple[float, int, float]] = {}
    for s, other, t, d in zip(near.s_m[own], near.other[own], near.t_m[own], near.apart_m[own], strict=True):
        if (d, other, t) < best.get(s, (np.inf, 0, 0.0)):
            best[s] = (d, int(other), t)
    folded = np.array(
        [(s + t) / 2.0 for s, (d, other, t) in best.items() if other == number and d <= FOLD_APART_M]
    )
    if 2 * len(folded) <= (samples.drive == number).sum() or not len(folded):
        return None
    return float(np.sort(folded)[len(folded) // 2])


def split(path: Path, at: list[int]) -> list[Path]:
    """Cut a drive before the edges ``at``."""
    bounds = [0, *sorted(set(at) - {0, len(path.edges)}), len(path.edges)]
    return [Path(path.edges[i:j], path.own[i:j]) for i, j in zip(bounds[:-1], bounds[1:], strict=True)]


def rotate(path: Path, at: int, *, ring: bool = True) -> Path:
    """Start a closed drive at another of its edges."""
    return Path(np.roll(path.edges, -at), np.roll(path.own, -at), ring)


# -- rings ---------------------------------------------------------------------------------------------------


def seam_rings(index: RoadIndex, paths: list[Path]) -> list[Path]:
    """Start each ring at its northernmost junction, and its other direction beside it.

    Northernmost (then westernmost) among the junctions that have one of the other direction within
    ``SEAM_M``; if none has, the two that are closest.
    """
    rings = [k for k, path in enumerate(paths) if path.ring]
    if not rings:
        return paths
    drives = [measure(index, path) for path in paths]
    partner = _ring_partners(index, drives, rings)
    new = list(paths)
    done: set[int] = set()
    for k in sorted(rings, key=lambda k: (-drives[k].length_m, k)):
        if k in done:
            continue
        other = partner.get(k)
        i, j = _seam(index, paths[k], None if other is None or other in done else paths[other])
        new[k] = rotate(paths[k], i)
        done.add(k)
        if other is not None and other not in done:
            new[other] = rotate(paths[other], j)
            done.add(other)
    return new


def _ring_partners(index: RoadIndex, drives: list[Measured], rings: list[int]) -> dict[int, int]:
    """For each ring the ring it shares most road with, or else runs beside most."""
    score: dict[tuple[int, int], float] = {}
    for (a, b), stretches in shared_places(index, drives).items():
        score[(a, b)] = 1e9 + sum(s1 - s0 for s0, s1, _, _ in stretches)
    near = beside(sample(index, drives, two_way_edges(index, drives)))
    for a, b in zip(near.drive.tolist(), near.other.tolist(), strict=True):
        score[(min(a, b), max(a, b))] = score.get((min(a, b), max(a, b)), 0.0) + 1.0
    found: dict[int, int] = {}
    for (a, b), _ in sorted(score.items(), key=lambda item: (-item[1], item[0])):
        if a in rings and b in rings and a != b and a not in found and b not in found:
            found[a], found[b] = b, a
    return found


def _seam(index: RoadIndex, ring: Path, other: Path | None) -> tuple[int, int]:
    """Positions of the edges at which a ring and its other direction start."""
    i = _junctions(index, ring)
    xy = index.node_merc[index.graph.edge_u[ring.edges[i]]]
    if other is None:
        return int(i[np.lexsort((xy[:, 0], -xy[:, 1]))[0]]), 0
    j = _junctions(index, other)
    oxy = index.node_merc[index.graph.edge_u[other.edges[j]]]
    from scipy.spatial import cKDTree

    apart, which = cKDTree(oxy).query(xy)
    apart = np.asarray(apart) * ground_scale(xy[:, 1])
    close = apart <= SEAM_M
    rank = np.lexsort((xy[:, 0], -xy[:, 1], np.where(close, 0.0, apart)))
    return int(i[rank[0]]), int(j[np.asarray(which)[rank[0]]])


def _junctions(index: RoadIndex, ring: Path) -> IntArray:
    """Positions of edges that start where other roads meet; all positions if there is none."""
    at = np.flatnonzero(index.degree[index.graph.edge_u[ring.edges]] != 2)
    return at if len(at) else np.arange(len(ring.edges))
