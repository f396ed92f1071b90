"""Where texts go on a strip chart: rows of labels above a line that don't run into each other."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

ROW_GAP_PX = 5.0
LEADER_PX = 1.5
MOST_TRIED = 80
"""With more labels than this none is moved up to make room for another."""
_NARROW = frozenset("iljtfrI.,:;|!' ()[]·1")


@dataclass(frozen=True)
class Label:
    """A text to be placed over ``x``; of two that don't fit, the one with the larger ``priority`` stays."""

    x: float
    text_px: float
    priority: tuple[float, ...]


@dataclass(frozen=True)
class Spot:
    """Where a label goes: its row (0 is nearest to the line) and its middle."""

    row: int
    x: float


def text_px(value: str, size_px: float, *, bold: bool = False) -> float:
    """Estimate the width of a text: CJK characters are as wide as high, Latin ones about half."""
    em = sum(
        1.0
        if unicodedata.east_asian_width(c) in "WF"
        else 0.33
        if c in _NARROW
        else 0.68
        if c.isupper()
        else 0.56
        for c in value
    )
    return em * size_px * (1.1 if bold else 1.0)


def shortened(value: str, size_px: float, most_px: float) -> str:
    """Cut a text with an ellipsis so that it is no wider than ``most_px``."""
    # Every letter is at least a third as wide as high: what lies beyond can't fit, and a name may be a book.
    fits = value[: max(int(most_px / (0.33 * size_px)) + 2, 1)]
    if fits == value and text_px(value, size_px) <= most_px:
        return value
    value = fits
    while value and text_px(value + "…", size_px) > most_px:
        value = value[:-1]
    return value.rstrip() + "…"


def place_labels(labels: Sequence[Label], rows: int, left: float, right: float) -> list[Spot | None]:
    """Place labels in rows; each is tied to its ``x`` by a vertical leader that no other label may cover.

    Parameters
    ----------
    labels : sequence of Label
    rows : int
        Rows there are.
    left, right : float
        Labels stay between these.

    Returns
    -------
    list of Spot or None
        None where a label found no room. By priority, then by x; the same labels always give the same places.
    """
    floor = [0] * len(labels)
    best = _placed(labels, rows, left, right, floor)
    if len(labels) > MOST_TRIED:
        return best
    for k in [k for k, spot in enumerate(best) if spot is None]:
        # a name that covers the leader of this one may make room on a higher row
        raised = [
            f + (s is not None and s.row == f and _covers(labels[j], s, labels[k].x))
            for j, (f, s) in enumerate(zip(floor, best, strict=True))
        ]
        trial = _placed(labels, rows, left, right, raised)
        lost = [labels[j] for j, spot in enumerate(trial) if spot is None and best[j] is not None]
        more = sum(s is not None for s in trial) > sum(s is not None for s in best)
        if more and trial[k] is not None and all(x.priority <= labels[k].priority for x in lost):
            best, floor = trial, raised
    return best


def _covers(label: Label, spot: Spot, x: float) -> bool:
    return abs(spot.x - x) <= label.text_px / 2.0 + LEADER_PX + ROW_GAP_PX


def _placed(
    labels: Sequence[Label], rows: int, left: float, right: float, floor: Sequence[int]
) -> list[Spot | None]:
    """Place labels greedily, each no lower than its floor."""
    taken: list[list[tuple[float, float]]] = [[] for _ in range(rows)]
    spots: list[Spot | None] = [None] * len(labels)
    order = sorted(range(len(labels)), key=lambda k: (tuple(-p for p in labels[k].priority), labels[k].x, k))
    for k in order:
        spot = _first_free(labels[k], taken, (left, right), floor[k])
        spots[k] = spot
        if spot is not None:
            half = labels[k].text_px / 2.0
            insort(taken[spot.row], (spot.x - half, spot.x + half))
            for row in range(spot.row):
                insort(taken[row], (labels[k].x - LEADER_PX, labels[k].x + LEADER_PX))
    return spots


def _first_free(
    label: Label, taken: Sequence[Sequence[tuple[float, float]]], ends: tuple[float, float], floor: int
) -> Spot | None:
    half, (left, right) = label.text_px / 2.0, ends
    if right - left < label.text_px:
        return None
    for row, intervals in enumerate(taken):
        if any(not _free(below, label.x - LEADER_PX, label.x + LEADER_PX) for below in taken[:row]):
            return None
        for shift in (0.0, half - 4.0, 4.0 - half) if row >= floor else ():
            x = min(max(label.x + shift, left + half), right - half)
            if abs(x - label.x) <= half + 1.0 and _free(
                intervals, x - half - ROW_GAP_PX, x + half + ROW_GAP_PX
            ):
                return Spot(row, x)
    return None


def _free(intervals: Sequence[tuple[float, float]], low: float, high: float) -> bool:
    """Whether no interval of a sorted, disjoint list meets (low, high)."""
    k = bisect_left(intervals, (low, low))
    if k < len(intervals) and intervals[k][0] < high:
        return False
    return k == 0 or intervals[k - 1][1] <= low


def bins(xs: Sequence[float], apart_px: float) -> list[list[int]]:
    """Group positions so that the means of neighbouring groups are ``apart_px`` apart or more.

    Returns
    -------
    list of list of int
        Positions in ``xs`` of each group, rising.
    """
    groups: list[tuple[float, list[int]]] = []
    for k in sorted(range(len(xs)), key=lambda k: (xs[k], k)):
        total, members = xs[k], [k]
        while groups and total / len(members) - groups[-1][0] / len(groups[-1][1]) < apart_px:
            before, earlier = groups.pop()
            total, members = before + total, earlier + members
        groups.append((total, members))
    return [members for _, members in groups]
