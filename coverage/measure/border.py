"""What a region answers for where roads cross its border: its own part of each drive, and gaps that it shares.

The duty depends on the own part alone: a gap fails if its part inside the region is longer than the span. If
only the whole gap is, region and neighbour share it. So no site, inside or outside, ever makes anything worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..network.graph import FloatArray
from ..network.routes import Drive, merge_intervals
from ..units import compare_m

NOWHERE = (np.nan, np.nan)


@dataclass(frozen=True, eq=False)
class OwnPart:
    """The part of a drive inside the region as one line, on which what lies outside has no length.

    Attributes
    ----------
    stretches : (k, 2) float64
        Chainage from, to of the stretches inside, rising, apart from each other.
    start_m, end_m : float
        Chainage of the drive's ends.
    ring : bool
        The end joins the start: chainage beyond the end runs on from the start.
    """

    stretches: FloatArray
    start_m: float
    end_m: float
    ring: bool

    @classmethod
    def of(cls, drive: Drive, pieces: FloatArray) -> OwnPart:
        """Own part of a drive from its pieces in the region; see :func:`~plugspan.network.routes.pieces_inside`.

        Where the road's number is missing for longer than is bridged, chainage jumps: a jump between two
        stretches inside is inside as well.
        """
        stretches = merge_intervals(pieces[:, :2])
        driven = merge_intervals(np.stack([drive.low_m, drive.high_m], axis=1))
        jumps = np.stack([driven[:-1, 1], driven[1:, 0]], axis=1)
        inside = [
            jump
            for jump in jumps
            if len(stretches)
            and np.abs(stretches[:, 1] - jump[0]).min() < 1e-6
            and np.abs(stretches[:, 0] - jump[1]).min() < 1e-6
        ]
        if inside:
            stretches = merge_intervals(np.concatenate([stretches, np.array(inside)]))
        return cls(stretches, drive.start_m, drive.end_m, drive.ring)

    @cached_property
    def _knots(self) -> tuple[FloatArray, FloatArray]:
        """Chainage and own position of the ends of the stretches."""
        length = self.stretches[:, 1] - self.stretches[:, 0]
        high = np.cumsum(length)
        return self.stretches.ravel(), np.stack([high - length, high], axis=1).ravel()

    @property
    def length_m(self) -> float:
        """Length of the own part; 0 if the drive never is in the region."""
        return float(self._knots[1][-1]) if len(self.stretches) else 0.0

    @property
    def reaches(self) -> tuple[bool, bool]:
        """Whether the drive's start and end lie in the region."""
        if not len(self.stretches):
            return False, False
        ends = self.stretches[0, 0] - self.start_m, self.end_m - self.stretches[-1, 1]
        return bool(compare_m(ends[0], 0.0) <= 0), bool(compare_m(ends[1], 0.0) <= 0)

    def at(self, chainage_m: npt.ArrayLike) -> FloatArray:
        """Own position (metres from the start of the own part) of places along the drive; NaN stays NaN.

        Places outside are where the border is, or between two stretches.
        """
        x = np.asarray(chainage_m, dtype=np.float64)
        if not len(self.stretches):
            return np.zeros_like(x)
        chainage, own = self._knots
        if not self.ring:
            return np.interp(x, chainage, own)
        round_m = self.end_m - self.start_m
        turns = np.floor((x - self.start_m) / round_m)
        return np.interp(x - turns * round_m, chainage, own) + turns * self.length_m

    def chainage(self, own_m: npt.ArrayLike) -> FloatArray:
        """Places along the drive of own positions; where two stretches meet, the end of the earlier one."""
        at = np.asarray(own_m, dtype=np.float64)
        turns = np.zeros_like(at)
        if self.ring:
            turns = np.maximum(np.ceil(at / self.length_m) - 1.0, 0.0)
        own = self._knots[1]
        rest = at - turns * self.length_m
        k = np.minimum(np.searchsorted(own[1::2], rest - 5e-4), len(self.stretches) - 1)
        found = np.clip(
            self.stretches[k, 0] + rest - own[0::2][k], self.stretches[k, 0], self.stretches[k, 1]
        )
        return np.asarray(found + turns * (self.end_m - self.start_m))

    def contains(self, chainage_m: FloatArray) -> npt.NDArray[np.bool_]:
        """Whether places along the drive are inside, or on the border."""
        at = np.asarray(chainage_m, dtype=np.float64)
        if self.ring:
            at = self.start_m + (at - self.start_m) % (self.end_m - self.start_m)
        k = np.maximum(np.searchsorted(self.stretches[:, 0], at + 5e-4, side="right") - 1, 0)
        return np.asarray(
            (compare_m(at, self.stretches[k, 0]) >= 0) & (compare_m(at, self.stretches[k, 1]) <= 0)
        )

    def inside(self, low_m: float, high_m: float) -> FloatArray:
        """(k, 2) stretches inside between two chainages; on a ring ``high_m`` may lie beyond the end."""
        parts = self.stretches
        if self.ring:
            parts = merge_intervals(np.concatenate([parts, parts + (self.end_m - self.start_m)]))
        cut = np.clip(parts, low_m, high_m)
        return cut[compare_m(cut[:, 1], cut[:, 0]) > 0]


Span = tuple[float, float]
Answer = Literal["yes", "no", "unknown"]


@dataclass(frozen=True)
class SharedGap:
    """What would close a shared gap; see :func:`shared_gap`."""

    needs: Literal["low", "high", "either", "both", "several"]
    low_m: Span
    high_m: Span
    one_inside: Answer
    inside_m: Span


def shared_gap(
    low_m: float, high_m: float, inside: FloatArray, is_open: tuple[bool, bool], span_m: float
) -> SharedGap:
    """What would close a gap that is longer than the span though its own part is not.

    Parameters
    ----------
    low_m, high_m : float
        Chainage of the gap's ends, rising.
    inside : (k, 2) float64
        Its stretches in the region, one at least.
    is_open : (bool, bool)
        Whether the road goes on beyond the data at the low and at the high end: nobody knows how far the next
        site is.
    span_m : float

    Returns
    -------
    SharedGap
        ``needs``: a site outside at ``"low"`` or ``"high"`` chainage, ``"either"``, ``"both"``, or ``"several"`` (the
        road leaves and comes back: look at the map). ``low_m, high_m``: from, to of where these sites must be;
        NaN where none is needed. ``one_inside``: whether one site inside would do instead; ``inside_m``: where.

    Notes
    -----
    The neighbour must build so that no gap that touches the region is longer than the span. What is left wholly
    outside is the neighbour's own business.

    Examples
    --------
    Sites at km 0 and 60, the region up to km 20, span 40: the neighbour has km 20 to 40, the region km 20 alone.

    >>> shared_gap(0.0, 60.0, np.array([[0.0, 20.0]]), (False, False), 40.0).high_m
    (20.0, 40.0)
    """
    first, last = float(inside[0, 0]), float(inside[-1, 1])
    low, high = max(low_m, high_m - span_m), min(high_m, low_m + span_m)
    outside = bool(compare_m(first, low_m) > 0), bool(compare_m(high_m, last) > 0)
    unknown = is_open[0] and outside[0], is_open[1] and outside[1]
    answer = _one_inside(low, high, inside, unknown)
    if compare_m(last - first, span_m) > 0:
        return SharedGap("several", NOWHERE, NOWHERE, *answer)
    # A site before the region is enough if the next one behind it is near enough, and known; and the other way round.
    before = outside[0] and not unknown[1] and bool(compare_m(low, first) <= 0)
    behind = outside[1] and not unknown[0] and bool(compare_m(high, last) >= 0)
    if not (before or behind):
        ends = (max(low_m, last - span_m), first), (last, min(high_m, first + span_m))
        return SharedGap("both", *ends, *answer)
    return SharedGap(
        "either" if before and behind else "low" if before else "high",
        (low, first) if before else NOWHERE,
        (last, high) if behind else NOWHERE,
        *answer,
    )


def _one_inside(
    low: float, high: float, inside: FloatArray, unknown: tuple[bool, bool]
) -> tuple[Answer, Span]:
    """Whether and where one site inside leaves no more than the span on both sides: the first stretch it may be in."""
    start, end = np.maximum(inside[:, 0], low), np.minimum(inside[:, 1], high)
    fits = np.flatnonzero(compare_m(start, end) <= 0)
    if not len(fits):
        return "no", NOWHERE
    k = int(fits[0])
    return "unknown" if any(unknown) else "yes", (float(start[k]), float(end[k]))


SHARED_COLUMNS = (
    *("needs", "before_from_m", "before_to_m", "after_from_m", "after_to_m"),
    *("one_inside", "inside_from_m", "inside_to_m"),
)


def shared_gaps(
    gaps: pd.DataFrame, own: Mapping[tuple[str, int, str], OwnPart], span_m: float
) -> pd.DataFrame:
    """What would close each shared gap, as one drives.

    Parameters
    ----------
    gaps : DataFrame
        Shared gaps: ``ref, section, direction, from_m, to_m`` (driving order), ``open_start, open_end``.
    own : mapping
        Own part of each drive.
    span_m : float

    Returns
    -------
    DataFrame
        Index of ``gaps``; ``needs``: where the neighbour must build, ``"before"`` the region, ``"after"`` it,
        ``"either"``, ``"both"`` or ``"several"`` places; ``before_from_m … after_to_m``: between which marks;
        ``one_inside``: whether one site inside would do instead (yes, no, unknown); ``inside_from_m, inside_to_m``:
        where.
    """
    rows = []
    names = ["ref", "section", "direction", "from_m", "to_m", "open_start", "open_end"]
    for ref, section, way, start, end, open_start, open_end in gaps[names].itertuples(index=False):
        rising = start <= end
        low, high = (start, end) if rising else (end, start)
        opens = (open_start, open_end) if rising else (open_end, open_start)
        found = shared_gap(low, high, own[(ref, section, way)].inside(low, high), opens, span_m)
        spans = [found.low_m, found.high_m, found.inside_m]
        if not rising:
            spans = [(b, a) for a, b in (found.high_m, found.low_m, found.inside_m)]
        needs = {"low": ("after", "before"), "high": ("before", "after")}.get(found.needs)
        rows.append(
            [
                found.needs if needs is None else needs[rising],
                *spans[0],
                *spans[1],
                found.one_inside,
                *spans[2],
            ]
        )
    return pd.DataFrame(rows, index=gaps.index, columns=list(SHARED_COLUMNS))
