"""Groups of drives that are the two directions of one section, and what they share."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from ..graph import BoolArray, FloatArray, IntArray
from .cuts import seam_rings, split, straighten
from .drives import Path
from .index import RoadIndex
from .model import FarSides
from .pairing import (
    BESIDE_MIN_M,
    BESIDE_SHARE,
    END_SLACK_M,
    MIN_OVERLAP_M,
    STEP_M,
    Beside,
    Match,
    Measured,
    beside,
    falling,
    heaviest_falling,
    in_order,
    joined,
    measure,
    sample,
    shared_places,
    two_way_edges,
)

RATIO, RATIO_SLACK_M = 3.0, 1000.0
"""Between two matched places both drives belong together unless one is longer than 3 x the other + 1 km."""


@dataclass(frozen=True, eq=False)
class Group:
    """Drives of one section: numbers with sign +1 or -1 for the two directions, and their matches."""

    signs: dict[int, int]
    matches: list[Match]


@dataclass(frozen=True, eq=False)
class Paired:
    """All drives of a road number, grouped.

    Attributes
    ----------
    drives : list of Measured
    weight : list of (k,) float64
        Per drive and edge: its share of length, so that a two-way edge and two carriageways count once.
    groups : list of Group
    counted_m : list of (k,) float64
        Per drive and edge: what it adds to the length.
    far : list of FarSides
        Per drive: the far sides of roundabouts that count there.
    """

    drives: list[Measured]
    weight: list[FloatArray]
    groups: list[Group]
    counted_m: list[FloatArray] = field(default_factory=list)
    far: list[FarSides] = field(default_factory=list)


class Signs:
    """Union-find that knows whether two members run the same way or opposite ways."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))
        self.sign = [1] * n

    def find(self, k: int) -> tuple[int, int]:
        """Root of k, and k's sign against it."""
        sign = 1
        while self.parent[k] != k:
            sign *= self.sign[k]
            k = self.parent[k]
        return k, sign

    def oppose(self, a: int, b: int) -> bool:
        """Note that a and b run opposite ways; False if that contradicts what is known."""
        (ra, sa), (rb, sb) = self.find(a), self.find(b)
        if ra == rb:
            return sa != sb
        low, high = min(ra, rb), max(ra, rb)
        self.parent[high], self.sign[high] = low, -sa * sb
        return True


def pair_drives(index: RoadIndex, paths: list[Path]) -> Paired:
    """Group the drives of one road number into sections of two directions.

    Drives that return on themselves are cut where they turn. Where three or more drives contradict each
    other (three arms of one number at a junction), the shortest shared stretch is cut out.
    """
    paths = seam_rings(index, straighten(index, paths))
    signs = Signs(len(paths))
    for _ in range(len(paths) + 8):
        drives = in_order(index, [measure(index, path) for path in paths])
        shared = {pair: found for pair, found in shared_places(index, drives).items() if pair[0] != pair[1]}
        signs = Signs(len(paths))
        clash = _first_clash(signs, shared)
        cut = _cut_out(drives, clash, shared[clash]) if clash else None
        if cut is None:
            break
        paths = cut
    matches = _identical(shared, signs)
    free = _Free(drives)
    for match in matches:
        free.use(match)
    both = two_way_edges(index, drives)
    samples = sample(index, drives, both)
    near = beside(samples)
    count = np.bincount(samples.drive, minlength=len(drives))
    matches = _refine(matches, near, free)
    matches += _side_by_side(near, signs, free, count)
    free.close_ends(index, matches)
    return Paired(
        drives, [free.weight(k, both[k]) for k in range(len(drives))], _groups(signs, matches, len(drives))
    )


Stretches = dict[tuple[int, int], list[tuple[float, float, float, float]]]


def _first_clash(signs: Signs, shared: Stretches) -> tuple[int, int] | None:
    """Join the pairs, those that share most first; return the first that contradicts."""
    by_length = sorted(shared, key=lambda p: (-round(sum(s1 - s0 for s0, s1, _, _ in shared[p]), 3), p))
    return next((pair for pair in by_length if not signs.oppose(*pair)), None)


def _cut_out(
    drives: list[Measured], pair: tuple[int, int], stretches: list[tuple[float, float, float, float]]
) -> list[Path] | None:
    """Cut both drives at the ends of what they share; None if that cuts nothing."""
    table = np.array(stretches)
    spans = {pair[0]: (table[:, 0].min(), table[:, 1].max()), pair[1]: (table[:, 2].min(), table[:, 3].max())}
    new: list[Path] = []
    for number, drive in enumerate(drives):
        if number in spans:
            at = np.searchsorted(drive.at_m, np.array(spans[number]) - 1e-6)
            new += split(drive.path, at.tolist())
        else:
            new.append(drive.path)
    return new if len(new) > len(drives) else None


def _identical(shared: Stretches, signs: Signs) -> list[Match]:
    """Matches from shared two-way road, in falling order."""
    found = []
    for (a, b), stretches in sorted(shared.items()):
        (ra, sa), (rb, sb) = signs.find(a), signs.find(b)
        if ra != rb or sa == sb:
            continue
        table = heaviest_falling(joined(np.array(stretches)))
        found.append(Match(a, b, table[:, :2].ravel(), table[:, [3, 2]].ravel()))
    return found


def _refine(matches: list[Match], near: Beside, free: _Free) -> list[Match]:
    """Add to shared stretches the places side by side between them, before them and after them."""
    found = []
    for match in matches:
        a, b = match.a, match.b
        s, t, _ = _rows(near, a, b)
        k = np.searchsorted(match.s_m, s)
        bound_t = np.concatenate([[np.inf], match.t_m, [-np.inf]])
        between = (t < bound_t[k]) & (t > bound_t[k + 1])
        outer = (k == 0) | (k == len(match.s_m))
        fits = between & (~outer | (free.at(a, s) & free.at(b, t)))
        all_s, all_t = np.concatenate([match.s_m, s[fits]]), np.concatenate([match.t_m, t[fits]])
        keep = falling(all_s, all_t)
        better = Match(a, b, all_s[keep], all_t[keep])
        free.use(better)
        found.append(better)
    return found


def _rows(near: Beside, a: int, b: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Places of a, places of b, metres apart; seen from both."""
    ab, ba = (near.drive == a) & (near.other == b), (near.drive == b) & (near.other == a)
    s = np.concatenate([near.s_m[ab], near.t_m[ba]])
    t = np.concatenate([near.t_m[ab], near.s_m[ba]])
    return s, t, np.concatenate([near.apart_m[ab], near.apart_m[ba]])


def _side_by_side(near: Beside, signs: Signs, free: _Free, count: IntArray) -> list[Match]:
    """Match carriageways that run side by side; what is matched is no longer free.

    Each free place votes for the nearest drive beside it; the pair with most votes goes first.
    """
    found = []
    rows = near.drive != near.other
    votes = _Votes(near)
    while pair := votes.most(rows):
        match = _match_beside(near, pair, free, count)
        if match is not None and signs.oppose(*pair):
            free.use(match)
            found.append(match)
            for k in pair:
                mine, other = np.flatnonzero(near.drive == k), np.flatnonzero(near.other == k)
                rows[mine] &= free.at(k, near.s_m[mine])
                rows[other] &= free.at(k, near.t_m[other])
    return found


class _Votes:
    """Counts for which drive beside it each place votes; each pair is named once."""

    def __init__(self, near: Beside) -> None:
        self.order = np.lexsort((near.apart_m, near.s_m, near.drive))
        drive, s_m = near.drive[self.order], near.s_m[self.order]
        new = np.ones(len(drive), dtype=bool)
        new[1:] = (np.diff(drive) != 0) | (np.diff(s_m) != 0)
        self.place = np.cumsum(new) - 1
        low, high = np.minimum(near.drive, near.other), np.maximum(near.drive, near.other)
        n = int(high.max(initial=0)) + 1
        codes, self.pair = np.unique((low * n + high)[self.order], return_inverse=True)
        self.pairs = [(code // n, code % n) for code in codes.tolist()]
        self.named = np.zeros(len(codes), dtype=bool)

    def most(self, rows: BoolArray) -> tuple[int, int] | None:
        """Return the pair with most votes by the nearest of the rows of each place; of equal ones the first."""
        at = np.flatnonzero(rows[self.order])
        first = np.ones(len(at), dtype=bool)
        first[1:] = np.diff(self.place[at]) != 0
        votes = np.bincount(self.pair[at[first]], minlength=len(self.pairs))
        votes[self.named] = 0
        if not votes.any():
            return None
        best = int(np.argmax(votes))
        self.named[best] = True
        return self.pairs[best]


def _match_beside(near: Beside, pair: tuple[int, int], free: _Free, count: IntArray) -> Match | None:
    """Match two drives if they run side by side long enough, and close enough for that length."""
    a, b = pair
    s, t, apart = _rows(near, a, b)
    ok = free.at(a, s) & free.at(b, t)
    ok &= apart <= max(BESIDE_MIN_M, BESIDE_SHARE * STEP_M * ok.sum() / 2.0)
    enough = min(MIN_OVERLAP_M, 0.5 * STEP_M * min(count[a], count[b]))
    if not ok.any() or ok.sum() / 2.0 * STEP_M < enough:
        return None
    keep = falling(s[ok], t[ok])
    return Match(a, b, s[ok][keep], t[ok][keep])


class _Free:
    """Which stretches of each drive have no counterpart yet."""

    def __init__(self, drives: list[Measured]) -> None:
        self.drives = drives
        self.used: list[list[tuple[float, float]]] = [[] for _ in drives]

    def use(self, match: Match) -> None:
        """Take the stretches between matched places, on both drives."""
        ds, dt = np.diff(match.s_m), -np.diff(match.t_m)
        together = np.maximum(ds, dt) <= RATIO * np.minimum(ds, dt) + RATIO_SLACK_M
        for k in np.flatnonzero(together).tolist():
            self.used[match.a].append((float(match.s_m[k]), float(match.s_m[k + 1])))
            self.used[match.b].append((float(match.t_m[k + 1]), float(match.t_m[k])))

    def at(self, drive: int, s_m: FloatArray) -> BoolArray:
        """Whether the places are free."""
        free = np.ones(len(s_m), dtype=bool)
        for low, high in _merged(self.used[drive]):
            free &= (s_m < low) | (s_m > high)
        return free

    def close_ends(self, index: RoadIndex, matches: list[Match]) -> None:
        """Carriageways that end less than ``END_SLACK_M`` apart, or in one loop, end together."""
        graph = index.graph
        for match in matches:
            a, b = (self.drives[k].path.edges for k in (match.a, match.b))
            one_loop = {
                -1: graph.edge_u[a[0]] == graph.edge_v[b[-1]],
                1: graph.edge_v[a[-1]] == graph.edge_u[b[0]],
            }
            for k, towards in ((0, -1), (-1, 1)):
                s, t = float(match.s_m[k]), float(match.t_m[k])
                left_a, left_b = self._left(match.a, s, towards), self._left(match.b, t, -towards)
                if one_loop[towards] or max(left_a, left_b) <= END_SLACK_M:
                    self.used[match.a].append((min(s, s + towards * left_a), max(s, s + towards * left_a)))
                    self.used[match.b].append((min(t, t - towards * left_b), max(t, t - towards * left_b)))

    def _left(self, drive: int, s_m: float, towards: int) -> float:
        """Free length from a place to the next used stretch or the end."""
        if towards > 0:
            ahead = [low for low, high in self.used[drive] if high > s_m + 1e-6]
            return max(0.0, min([self.drives[drive].length_m, *ahead]) - s_m)
        behind = [high for low, high in self.used[drive] if low < s_m - 1e-6]
        return max(0.0, s_m - max([0.0, *behind]))

    def weight(self, drive: int, both: BoolArray) -> FloatArray:
        """Weight of each edge: one half where it is two-way or has a counterpart, one where it has none."""
        at = self.drives[drive].at_m
        length = np.diff(at)
        covered = np.zeros_like(length)
        for low, high in _merged(self.used[drive]):
            covered += np.clip(np.minimum(at[1:], high) - np.maximum(at[:-1], low), 0.0, None)
        share = np.divide(covered, length, out=np.zeros_like(length), where=length > 0)
        return np.where(both, 0.5, 1.0 - 0.5 * np.clip(share, 0.0, 1.0))


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _groups(signs: Signs, matches: list[Match], n: int) -> list[Group]:
    members: dict[int, dict[int, int]] = defaultdict(dict)
    for k in range(n):
        root, sign = signs.find(k)
        members[root][k] = sign
    of_group: dict[int, list[Match]] = defaultdict(list)
    for match in matches:
        of_group[signs.find(match.a)[0]].append(match)
    return [Group(found, of_group[root]) for root, found in sorted(members.items())]
