"""Rules on gaps as stretches that must hold a site.

Every gap is at most ``span_m`` exactly when every stretch of that length holds a site. A stretch can slide
until it has just passed a possible place of a site, so only the stretches ``(x, x + span]`` behind each possible
place ``x`` matter, and the one from the start; behind one that holds no place, the one that ends at the next place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..errors import Fault, InputError
from ..measure.border import OwnPart
from ..measure.spacing_gaps import DRIVE_KEY, rows_by_drive
from ..network.access import find_served
from ..network.graph import BoolArray, FloatArray, IntArray
from ..network.routes import Drive, DriveKey, Section, each_drive, merge_intervals
from ..units import M_PER_KM, compare_m, lonlat
from .covered_rows import stretches_on
from .finding import YES
from .roads import RoadContext, RouteRule
from .rows import Line, RuleRows, Stretches, World, rule_rows
from .traffic import Band

ALL = (0.0, np.inf)
"""The whole of a direction's part in the region."""


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
    judged_m: tuple[float, float] = ALL,
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
    judged_m : (float, float)
        Gaps that don't reach into this stretch may be longer: the windows that touch it are enough, and the one that
        ends where it begins, for a gap that comes from far before.

    Raises
    ------
    InputError
        If a length is not positive and finite.
    """
    candidate, fixed = np.asarray(candidate_m, float).ravel(), np.asarray(fixed_m, float).ravel()
    _check(length_m, span_m, candidate, fixed)
    if ring:
        return _ring(length_m, candidate % length_m, span_m, fixed % length_m, judged_m)
    inside, before = candidate[(candidate >= 0.0) & (candidate <= length_m)], [max(judged_m[0] - span_m, 0.0)]
    starts = np.unique(np.concatenate([[0.0], inside, fixed[(fixed >= 0.0) & (fixed <= length_m)], before]))
    starts = starts[(compare_m(length_m - starts, span_m) > 0) & _touches(starts, starts + span_m, judged_m)]
    found = _windows(starts, span_m, candidate, fixed)
    place, empty = np.append(np.sort(inside), np.inf), np.asarray(found.cover.sum(axis=0)).ravel() == 0
    more = np.setdiff1d(place[np.searchsorted(place, found.to_m[empty], "right")] - span_m, [*starts, np.inf])
    return _windows(np.union1d(starts, more), span_m, candidate, fixed) if len(more) else found


def _touches(
    from_m: FloatArray, to_m: FloatArray, judged_m: tuple[float, float], ring_m: float = 0.0
) -> BoolArray:
    """Whether stretches reach into the judged one, or end where it begins."""
    found = np.zeros(len(from_m), dtype=np.bool_)
    for turn in (0.0, ring_m) if ring_m else (0.0,):
        found |= (compare_m(from_m, judged_m[1] + turn) < 0) & (compare_m(to_m, judged_m[0] + turn) >= 0)
    return found


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
        raise InputError(faults)


def _ring(
    length_m: float,
    candidate: FloatArray,
    span_m: float,
    fixed: FloatArray,
    judged_m: tuple[float, float],
) -> GapWindows:
    """Windows of a ring: those that run over the start see the sites a second time, one length further on."""
    before = np.array([] if judged_m == ALL else [(judged_m[0] - span_m) % length_m])
    starts = np.unique(np.concatenate([candidate[~np.isnan(candidate)], fixed, before]))
    if compare_m(length_m, span_m) <= 0:
        starts = starts[:0]
    elif not len(starts):
        starts = np.zeros(1)
    starts = starts[_touches(starts, starts + span_m, judged_m, length_m)]
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


@dataclass(frozen=True, eq=False)
class SpacingLine:
    """One direction of a section in the region, with the sites that are there and those that could be.

    Where a rule holds for stretches with a certain traffic only, each of them is a line of its own.

    Attributes
    ----------
    section : Section
    drive : Drive
    own : OwnPart
        Its part in the region, on which gaps are judged.
    fixed_m : (f,) float64
        Chainage of the sites that count, outside the region too, rising.
    candidate_m : (n,) float64
        Chainage of the candidates; NaN for those that don't serve it.
    judged_m : (float, float)
        From, to on the own part: gaps that reach into this stretch are judged.
    """

    key: DriveKey
    section: Section
    drive: Drive
    own: OwnPart
    fixed_m: FloatArray
    candidate_m: FloatArray
    judged_m: tuple[float, float] = ALL

    @cached_property
    def serving(self) -> tuple[IntArray, FloatArray]:
        """Candidates that serve it, and their chainage: a few of all."""
        action = np.flatnonzero(~np.isnan(self.candidate_m))
        return action, self.candidate_m[action]

    def site_m(self, chosen: BoolArray) -> FloatArray:
        """Chainage of the sites that are there, and of those of a mask of actions."""
        action, at = self.serving
        return np.concatenate([self.fixed_m, at[chosen[action]]])

    @cached_property
    def whole(self) -> OwnPart:
        """The whole drive as if all of it were in the region: for gaps that are shared."""
        ends = np.array([[self.drive.start_m, self.drive.end_m]])
        return OwnPart(ends, self.drive.start_m, self.drive.end_m, self.drive.ring)

    @property
    def length_m(self) -> float:
        """Length that is judged."""
        return min(self.judged_m[1], self.own.length_m) - self.judged_m[0]

    def judged_of(self, low_m: float, high_m: float) -> float:
        """How much of a stretch of the own part is judged; on a ring it may run on beyond the end."""
        turns = (0.0, self.own.length_m) if self.own.ring else (0.0,)
        low, high = self.judged_m[0], min(self.judged_m[1], self.own.length_m)
        return float(sum(max(min(high_m, high + t) - max(low_m, low + t), 0.0) for t in turns))

    def holds(self, chainage_m: FloatArray) -> BoolArray:
        """Whether places along the drive are in the region, and where gaps are judged."""
        round_m = self.drive.end_m - self.drive.start_m
        turned = self.drive.start_m + (chainage_m - self.drive.start_m) % round_m
        at = self.own.at(turned if self.own.ring else chainage_m)
        within = (compare_m(at, self.judged_m[0]) >= 0) & (compare_m(at, self.judged_m[1]) <= 0)
        return np.asarray(self.own.contains(chainage_m) & within, dtype=np.bool_)

    def judged(self, low_m: float, high_m: float) -> FloatArray:
        """(k, 2) stretches in the region between two chainages that are judged."""
        parts = self.own.inside(low_m, high_m)
        if self.judged_m == ALL:
            return parts
        low, high = self.own.chainage(np.minimum(self.judged_m, self.own.length_m)).tolist()
        turns = (0.0, self.drive.end_m - self.drive.start_m) if self.own.ring else (0.0,)
        cut = np.concatenate([np.clip(parts, low + turn, high + turn) for turn in turns])
        return cut[compare_m(cut[:, 1], cut[:, 0]) > 0]

    def has_site_at(self, chainage_m: float, chosen: BoolArray) -> bool:
        """Whether a site that is there, or one of a mask of actions, is at a place of the drive, to the millimetre."""
        return bool((compare_m(self.site_m(chosen), chainage_m) == 0).any())


@dataclass(frozen=True, eq=False)
class SpacingRows:
    """The rule on spacing as rows of a plan: it is met exactly when every stretch holds a site.

    Attributes
    ----------
    cover : (n, w) csr_array of bool
        Which candidate lies in which stretch.
    stretches : DataFrame
        One row per stretch: ``ref, section, direction, from_m, to_m`` (chainage ``(from_m, to_m]``; beyond the end of
        a ring it runs on from the start), ``shared``: asked for only to close a gap that is shared with a neighbour.
    """

    cover: sparse.csr_array
    stretches: pd.DataFrame


def spacing_lines(
    context: RoadContext, rule: RouteRule, candidates: gpd.GeoDataFrame, counts: BoolArray | None = None
) -> list[SpacingLine]:
    """Directions of a rule's routes in the region, with the places of sites that count and of candidates.

    Parameters
    ----------
    context : RoadContext
    rule : RouteRule
    candidates : GeoDataFrame
        EPSG:4326; all of them count.
    counts : (sites,) bool, optional
        Existing sites that count; those that surely do if left out.

    Returns
    -------
    list of SpacingLine
        In order of routes, sections and directions; without those that never are in the region.
    """
    qualifies = context.status(rule.site) == YES if counts is None else counts
    if not rule.counts_outside:
        qualifies = qualifies & context.inputs.sites["inside"].to_numpy(bool)
    routes = context.of_class(rule.network)
    points = lonlat(candidates.geometry)
    new = find_served(
        context.index,
        routes,
        context.snapper.snap(points),
        points,
        access_m=rule.site.access_km * M_PER_KM,
        snapper=context.snapper,
    )
    old = context.access(rule.site.access_km).served
    old = old[qualifies[old["site"].to_numpy(np.int64)]]
    tables = [(t, rows_by_drive(t)) for t in (old, new)]
    lines = []
    for route, section, drive in each_drive(routes):
        key = (route.ref, section.number, drive.direction)
        own = OwnPart.of(drive, context.pieces[key])
        if own.length_m > 0:
            (_, fixed_m), (site, at_m) = (_places(*table, key) for table in tables)
            candidate_m = np.full(len(candidates), np.nan)
            candidate_m[site] = at_m
            line = SpacingLine(key, section, drive, own, np.sort(fixed_m), candidate_m)
            lines += [
                replace(line, judged_m=part) for part in _judged_parts(context.band(rule.network), line)
            ]
    return lines


def _judged_parts(band: Band, line: SpacingLine) -> list[tuple[float, float]]:
    """From, to on the own part of the stretches of a direction in a band of traffic; those that touch are one."""
    if band.stretches is None:
        return [ALL]
    own = merge_intervals(line.own.at(band.stretches[line.key]), join_m=5e-4)
    whole = len(own) == 1 and compare_m(own[0, 1] - own[0, 0], line.own.length_m) == 0
    return [ALL] if whole else [(a, b) for a, b in own.tolist() if compare_m(b, a) > 0]


def _places(
    served: pd.DataFrame, groups: Mapping[DriveKey, IntArray], key: DriveKey
) -> tuple[IntArray, FloatArray]:
    """Sites that serve a direction, and their chainage."""
    mine = served.iloc[groups.get(key, np.empty(0, np.int64))]
    return mine["site"].to_numpy(np.int64), mine["chainage_m"].to_numpy(np.float64)


def spacing_rows(
    lines: Iterable[SpacingLine], n: int, span_m: float, *, close_shared: bool = False
) -> SpacingRows:
    """Stretches each of which must hold a site so that no own part of a gap is longer than the span.

    Parameters
    ----------
    lines : iterable of SpacingLine
    n : int
        Number of candidates.
    span_m : float
    close_shared : bool
        Ask for sites in shared gaps, too, where a candidate inside helps; where none does, the neighbour must build.
        An open end counts as if a site were there, so that a site more in the halo never asks for more.
    """
    parts: list[tuple[sparse.csr_array, pd.DataFrame]] = []
    for line in lines:
        parts.append(_rows(line, line.own, span_m))
        if close_shared:
            cover, table = _rows(line, line.whole, span_m)
            touches = compare_m(line.own.at(table["to_m"]), line.own.at(table["from_m"])) > 0
            helps = np.flatnonzero(touches & (np.asarray(cover.sum(axis=0)).ravel() > 0))
            parts.append((sparse.csr_array(cover[:, helps]), table.iloc[helps].assign(shared=True)))
    if not parts:
        return SpacingRows(
            sparse.csr_array((n, 0), dtype=np.bool_),
            pd.DataFrame(columns=[*DRIVE_KEY, "from_m", "to_m", "shared"]),
        )
    cover = sparse.csr_array(sparse.hstack([c for c, _ in parts]))
    return SpacingRows(cover, pd.concat([t for _, t in parts], ignore_index=True))


def _rows(line: SpacingLine, part: OwnPart, span_m: float) -> tuple[sparse.csr_array, pd.DataFrame]:
    """Stretches of one direction on its own part, or on the whole of it."""
    judged = line.judged_m
    if part is not line.own and judged != ALL:
        judged = tuple(part.at(line.own.chainage(np.minimum(judged, line.own.length_m))).tolist())
    found = gap_windows(
        part.length_m,
        part.at(line.candidate_m),
        span_m,
        part.at(line.fixed_m),
        ring=part.ring,
        judged_m=judged,
    )
    named = dict(zip(DRIVE_KEY, line.key, strict=True))
    ends = {"from_m": part.chainage(found.from_m), "to_m": part.chainage(found.to_m)}
    return found.cover, pd.DataFrame({**ends, **named}).assign(shared=False)


def lines_of(world: World, rule: RouteRule) -> list[SpacingLine]:
    """Directions of a rule's routes; actions that don't meet its requirement have no place on them."""
    adds, found = world.adds(rule.site), []
    today = world.counting(world.context.status(rule.site))
    for line in spacing_lines(world.context, rule, world.actions, today):
        here = adds if rule.counts_outside else adds & line.own.contains(line.candidate_m)
        found.append(replace(line, candidate_m=np.where(here, line.candidate_m, np.nan)))
    return found


def stretch_rows(world: World, rule: RouteRule, lines: list[SpacingLine], share: float) -> RuleRows:
    """Rows of the stretches without a site; items are the gaps, by their own part, that are too long."""
    covers: list[sparse.csr_array] = []
    items: list[dict[str, Any]] = []
    number: list[IntArray] = []
    starts: list[FloatArray] = []
    before = 0
    for line in lines:
        found = spacing_rows([line], world.n, rule.span_km * M_PER_KM, close_shared=world.close_shared)
        fixed = np.unique(line.own.at(line.fixed_m[line.own.contains(line.fixed_m)]))
        starts.append(line.own.at(found.stretches["from_m"]))
        gap = np.searchsorted(fixed, starts[-1] + 5e-4)
        if line.own.ring and len(fixed):
            gap = gap % len(fixed)
        ends = _ends_of_gaps(line, fixed)
        for k in np.unique(gap).tolist():
            low, high = ends[k]
            at = dict(zip(("from_m", "to_m"), line.own.chainage([low, high]), strict=True))
            named = dict(zip(("ref", "section", "direction"), line.key, strict=True))
            number.append(np.flatnonzero(gap == k) + before)
            items.append({**named, **at, "weight": line.judged_of(low, high)})
        covers.append(found.cover)
        before += found.cover.shape[1]
    cover = sparse.hstack([sparse.csr_array((world.n, 0)), *covers])
    matrix = sparse.csr_array(cover.T.tocsr().astype(np.float64))
    item = np.zeros(matrix.shape[0], dtype=np.int64)
    for k, rows in enumerate(number):
        item[rows] = k
    table = pd.DataFrame(items, columns=["ref", "section", "direction", "from_m", "to_m", "weight"])
    total = float(sum(line.length_m for line in lines))
    served = total - float(table["weight"].sum())
    found_rows = rule_rows(rule, matrix, table, world, served=served, total=total, item=item, share=share)
    if world.close_shared:  # those of shared gaps lie on the whole drive, not on its own part
        return found_rows
    number_of_line = np.repeat(np.arange(len(lines)), [len(at) for at in starts])
    laid = tuple(_laid_out(line, rule.span_km * M_PER_KM) for line in lines)
    begin = np.concatenate([np.empty(0), *starts])
    return replace(found_rows, stretches=Stretches(laid, number_of_line, begin, rule.span_km * M_PER_KM))


def _laid_out(line: SpacingLine, span_m: float) -> Line:
    """A direction by its own part: what lies outside stands at the border."""
    (action, action_m), length_m = line.serving, line.own.length_m
    ring_m, begin_m = length_m, (0.0, length_m)
    if not line.own.ring:
        low, high = line.judged_m
        ring_m, begin_m = 0.0, (max(low - span_m, 0.0), min(high, length_m - span_m))
    return Line(
        line.key,
        ring_m,
        begin_m,
        line.own.at(line.fixed_m),
        action,
        line.own.at(action_m),
    )


def gap_rows(line: SpacingLine, gap: Mapping[Any, Any], span_m: float) -> list[IntArray]:
    """Actions of each stretch that must hold one so that all of a gap inside the region lies in gaps within the span.

    Here a gap counts as a whole, in the region and outside. Beyond an open end no site is known; at an end of the road
    a gap ends, but a road without any site is not covered.

    Parameters
    ----------
    line : SpacingLine
    gap : mapping
        Row of the assessment's table of gaps.
    span_m : float
    """
    low, high = sorted([float(gap["from_m"]), float(gap["to_m"])])
    backward = line.drive.direction == "backward"
    open_low, open_high = (
        gap["open_end" if backward else "open_start"],
        gap["open_start" if backward else "open_end"],
    )
    (action, at), ring_m = line.serving, line.drive.end_m - line.drive.start_m
    rows: list[IntArray] = []
    if line.drive.ring:
        at, action = np.concatenate([at - ring_m, at, at + ring_m, at + 2 * ring_m]), np.tile(action, 4)
        nothing = gap["kind"] == "whole"
        open_low, open_high = open_low or nothing, open_high or nothing
    elif gap["kind"] == "whole":
        rows.append(np.unique(action))
    left, right = -np.inf if open_low else low, np.inf if open_high else high
    for a, b in line.judged(low, high).tolist():
        found = stretches_on(at - a, action, left - a, right - a, b - a, span_m)
        rows += [members for _, members in found]
    return rows


def _ends_of_gaps(line: SpacingLine, fixed: FloatArray) -> list[tuple[float, float]]:
    """Own positions of the ends of each gap between existing sites; on a ring the first is the one over the seam."""
    length = line.own.length_m
    if line.own.ring and len(fixed):
        return [(float(fixed[-1]), float(fixed[0]) + length), *zip(fixed[:-1], fixed[1:], strict=True)]
    return list(zip([0.0, *fixed], [*fixed, length], strict=True))


def longest_own_gap_m(line: SpacingLine, chosen: BoolArray) -> float:
    """Longest gap of a direction by its own part, with existing sites and the chosen actions; 0 if none is judged."""
    at = np.unique(line.own.at(line.site_m(chosen)))
    length = line.own.length_m
    if line.own.ring and len(at):
        ends = np.append(at, at[0] + length)
    else:
        ends = np.concatenate([[0.0], at[(at > 0) & (at < length)], [length]])
    gaps = np.diff(ends)
    if line.judged_m != ALL:
        some = [compare_m(line.judged_of(a, b), 0.0) > 0 for a, b in zip(ends[:-1], ends[1:], strict=True)]
        gaps = gaps[np.array(some, dtype=np.bool_)]
    return float(gaps.max(initial=0.0))
