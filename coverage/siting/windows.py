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
from ..units import compare_m
from .maxcover.problem import FloatArray, ProblemError


@dataclass(frozen=True, eq=False)
class GapWindows:
    """Stretches that no fixed site is in, and the candidates on them.

    Attributes
    ----------
    cover : (n, w) csr_array of bool
        Which candidate lies in which window; a window without any cannot comply.
    from_m, to_m : (w,) float64
        The stretch ``(from_m, to_m]``. On a ring ``to_m`` may lie beyond the length: it runs over the start.
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
) -> GapWindows:
    """Windows of one direction of a route such that every gap is ≤ ``span_m`` if and only if each holds a site.

    Parameters
    ----------
    length_m : float
        Length of the route, or of its part in a region; positions run from 0 to it.
    candidate_m : (n,) float
        Position of the candidates; a candidate that doesn't serve the route has NaN.
    span_m : float
        Longest gap allowed, above 0; gaps are compared to the millimetre. A route no longer than this needs no site.
    fixed_m : float array
        Position of existing sites. Those beyond the ends close nothing here: the gap counts from the end on, so
        that a site outside never asks for more inside.
    ring : bool
        The end joins the start: the last gap closes on the first site.

    Raises
    ------
    ProblemError
        If a length is not positive and finite.
    """
    candidate, fixed = np.asarray(candidate_m, float).ravel(), np.asarray(fixed_m, float).ravel()
    _check(length_m, span_m, candidate, fixed)
    if ring:
        return _ring(length_m, candidate % length_m, span_m, fixed % length_m)
    inside = candidate[(candidate >= 0.0) & (candidate <= length_m)]
    starts = np.unique(np.concatenate([[0.0], inside, fixed[(fixed >= 0.0) & (fixed <= length_m)]]))
    starts = starts[compare_m(length_m - starts, span_m) > 0]
    return _windows(starts, span_m, candidate, fixed)


def _check(length_m: float, span_m: float, candidate: FloatArray, fixed: FloatArray) -> None:
    """Lengths are positive and finite, existing sites have a position."""
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
    starts = np.unique(np.concatenate([candidate[~np.isnan(candidate)], fixed]))
    if compare_m(length_m, span_m) <= 0:
        starts = starts[:0]
    elif not len(starts):
        starts = np.zeros(1)
    now = _windows(starts, span_m, candidate, np.concatenate([fixed, fixed + length_m]))
    later = _inside(now.from_m, span_m, candidate + length_m)
    return GapWindows(sparse.csr_array(now.cover + later), now.from_m, now.to_m)


def _inside(from_m: FloatArray, span_m: float, place: FloatArray) -> sparse.csr_array:
    """(places, windows) whether a place lies in ``(from, from + span]``."""
    order = np.argsort(place, kind="stable")  # NaN last
    known = place[order][: int((~np.isnan(place)).sum())]
    low = np.searchsorted(known, from_m, "right")
    size = np.searchsorted(known, from_m + span_m + 0.001, "right") - low
    first = np.repeat(low - np.concatenate([[0], np.cumsum(size)[:-1]]) if len(size) else low, size)
    at, columns = first + np.arange(int(size.sum())), np.repeat(np.arange(len(from_m)), size)
    near = compare_m(known[at] - from_m[columns], span_m) <= 0
    rows, columns = order[at[near]], columns[near]
    ones = np.ones(len(rows), dtype=np.bool_)
    return sparse.csr_array((ones, (rows, columns)), shape=(len(place), len(from_m)))


def _windows(from_m: FloatArray, span_m: float, candidate: FloatArray, fixed: FloatArray) -> GapWindows:
    """Windows without a fixed site."""
    held = np.asarray(_inside(from_m, span_m, fixed).sum(axis=0)).ravel()
    from_m = from_m[held == 0]
    return GapWindows(_inside(from_m, span_m, candidate), from_m, from_m + span_m)
