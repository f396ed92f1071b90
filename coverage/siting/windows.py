"""Gaps along a route as finitely many windows, each of which must hold a site.

Every gap is at most ``span_m`` exactly when every stretch of that length holds a site. A stretch can slide
until it has just passed a possible place of a site, so only the stretches ``(x, x + span]`` behind each possible
place ``x`` matter, and the one from the start of the route.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..errors import Fault
from .problem import BoolArray, FloatArray, ProblemError


@dataclass(frozen=True, eq=False)
class GapWindows:
    """Stretches that no fixed site is in, and the candidates on them.

    Attributes
    ----------
    cover : (n, w) csr_array of bool
        Which candidate lies in which window; a window without any cannot comply.
    from_m, to_m : (w,) float64
        The stretch ``(from_m, to_m]`` as chainage; the first one of a line includes its start. On a ring
        ``to_m`` may lie beyond the length: the stretch runs over the start.
    """

    cover: sparse.csr_array
    from_m: FloatArray
    to_m: FloatArray


def gap_windows(
    length_m: float,
    candidate_m: npt.ArrayLike,
    span_m: float,
    fixed_m: npt.ArrayLike = (),
    *,
    ring: bool = False,
    start_counts: bool = True,
    end_counts: bool = True,
) -> GapWindows:
    """Windows of one direction of a route such that every gap is ≤ ``span_m`` if and only if each holds a site.

    Parameters
    ----------
    length_m : float
        Length of the route; chainage runs from 0 to it.
    candidate_m : (n,) float
        Chainage of the candidates; a candidate that doesn't serve the route has NaN.
    span_m : float
        Longest gap allowed, above 0. A route no longer than this needs no site.
    fixed_m : float array
        Chainage of existing sites. Those beyond the ends (in the halo) close the end gaps.
    ring : bool
        The end joins the start: the last gap closes on the first site.
    start_counts, end_counts : bool
        Whether the gap between that end and the nearest site is one. If not, the stretch that has to comply
        begins (ends) at the outermost existing site, and candidates beyond it lie in no window.

    Raises
    ------
    ProblemError
        If a length is not positive and finite, or a ring has sites outside ``[0, length_m]``.
    """
    candidate, fixed = np.asarray(candidate_m, float).ravel(), np.sort(np.asarray(fixed_m, float).ravel())
    _check(length_m, span_m, candidate, fixed)
    if ring:
        return _ring(length_m, candidate % length_m, span_m, np.sort(fixed % length_m))
    low, high = 0.0, float(length_m)
    if not start_counts or (len(fixed) and fixed[0] < 0):
        low = float(fixed[0]) if len(fixed) else np.inf
    if not end_counts or (len(fixed) and fixed[-1] > high):
        high = float(fixed[-1]) if len(fixed) else -np.inf
    inside = candidate[(candidate >= low) & (candidate <= high)]
    places = np.unique(np.concatenate([inside, fixed[(fixed >= low) & (fixed <= high)]]))
    starts = places[places + span_m < high]
    if high - low > span_m and np.isfinite(high - low) and not (len(places) and places[0] == low):
        starts = np.concatenate([[low], starts])
    ends = starts + span_m
    first = np.zeros(len(starts), dtype=np.bool_)
    first[:1] = len(starts) > 0 and not (len(places) and starts[0] in places)
    return _windows(starts, ends, first, candidate, fixed)


def _check(length_m: float, span_m: float, candidate: FloatArray, fixed: FloatArray) -> None:
    """Lengths are positive and finite, existing sites have a chainage."""
    faults = [
        Fault("siting-length-positive", value=value, values={"name": name})
        for name, value in (("length_m", length_m), ("span_m", span_m))
        if not 0 < value < np.inf
    ]
    if not np.isfinite(fixed).all() or np.isinf(candidate).any():
        bad = int((~np.isfinite(fixed)).sum() + np.isinf(candidate).sum())
        faults.append(Fault("siting-not-finite", values={"name": "chainage", "count": bad, "first": 0}))
    if faults:
        raise ProblemError(faults)


def _ring(length_m: float, candidate: FloatArray, span_m: float, fixed: FloatArray) -> GapWindows:
    """Windows of a ring: those that run over the start see the sites a second time, one length further on."""
    places = np.unique(np.concatenate([candidate[~np.isnan(candidate)], fixed]))
    starts = places if length_m > span_m else places[:0]
    if length_m > span_m and not len(places):
        starts = np.zeros(1)
    twice = np.concatenate([fixed, fixed + length_m])
    now = _windows(starts, starts + span_m, np.zeros(len(starts), np.bool_), candidate, twice)
    later = sparse.csr_array(
        _inside(now.from_m, now.to_m, np.zeros(len(now.from_m), np.bool_), candidate + length_m)
    )
    return GapWindows(sparse.csr_array(now.cover + later), now.from_m, now.to_m)


def _inside(from_m: FloatArray, to_m: FloatArray, closed: BoolArray, place: FloatArray) -> sparse.csr_array:
    """(places, windows) whether a place lies in ``(from, to]``, or ``[from, to]`` where ``closed``."""
    order = np.argsort(place, kind="stable")  # NaN last
    known = place[order][: int((~np.isnan(place)).sum())]
    low = np.where(closed, np.searchsorted(known, from_m, "left"), np.searchsorted(known, from_m, "right"))
    size = np.maximum(np.searchsorted(known, to_m, "right") - low, 0)
    first = np.repeat(low - np.concatenate([[0], np.cumsum(size)[:-1]]) if len(size) else low, size)
    rows = order[first + np.arange(int(size.sum()))]
    columns = np.repeat(np.arange(len(from_m)), size)
    ones = np.ones(len(rows), dtype=np.bool_)
    return sparse.csr_array((ones, (rows, columns)), shape=(len(place), len(from_m)))


def _windows(
    from_m: FloatArray, to_m: FloatArray, closed: BoolArray, candidate: FloatArray, fixed: FloatArray
) -> GapWindows:
    """Windows without a fixed site."""
    low = np.where(closed, np.searchsorted(fixed, from_m, "left"), np.searchsorted(fixed, from_m, "right"))
    open_ = np.searchsorted(fixed, to_m, "right") <= low
    cover = _inside(from_m[open_], to_m[open_], closed[open_], candidate)
    return GapWindows(cover, from_m[open_], to_m[open_])
