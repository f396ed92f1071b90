"""The rule on spacing as rows of a plan: stretches that must hold a site, and the points where one may have to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import sparse

from ...assess.border import OwnPart
from ...assess.finding import YES
from ...assess.spacing_gaps import DRIVE_KEY, DriveKey, rows_by_drive
from ...assess.spacing_rules import RoadContext
from ...network.access import find_served
from ...network.graph import BoolArray, FloatArray, IntArray
from ...network.routes import Direction, Drive, Section, locate
from ...policy import LengthCoverage, RouteSpacing
from ...units import M_PER_KM, compare_m, lonlat
from ..windows import gap_windows
from .candidates import points_on, united

SAME_SITE_M = 1.0
"""Where the two directions leave for one site lies this close together on a common scale."""


@dataclass(frozen=True, eq=False)
class SpacingLine:
    """One direction of a section in the region, with the sites that are there and those that could be.

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
    """

    key: DriveKey
    section: Section
    drive: Drive
    own: OwnPart
    fixed_m: FloatArray
    candidate_m: FloatArray

    @cached_property
    def whole(self) -> OwnPart:
        """The whole drive as if all of it were in the region: for gaps that are shared."""
        ends = np.array([[self.drive.start_m, self.drive.end_m]])
        return OwnPart(ends, self.drive.start_m, self.drive.end_m, self.drive.ring)


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
    context: RoadContext,
    rule: RouteSpacing | LengthCoverage,
    candidates: gpd.GeoDataFrame,
    qualifies: BoolArray | None = None,
) -> list[SpacingLine]:
    """Directions of a rule's routes in the region, with the places of sites and candidates.

    Parameters
    ----------
    context : RoadContext
    rule : RouteSpacing or LengthCoverage
    candidates : GeoDataFrame
        EPSG:4326; all of them count.
    qualifies : (sites,) bool, optional
        Which existing sites count; those that surely meet the rule's requirement by default.

    Returns
    -------
    list of SpacingLine
        In order of routes, sections and directions; without those that never are in the region.
    """
    if qualifies is None:
        qualifies = context.status(rule.site) == YES
    if not getattr(rule, "outside_sites_count", True):
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
    for route in routes:
        for section in route.sections:
            for drive in section.drives:
                key = (route.ref, section.number, drive.direction)
                own = OwnPart.of(drive, context.pieces[key])
                if own.length_m > 0:
                    (_, fixed_m), (site, at_m) = (_places(*table, key) for table in tables)
                    candidate_m = np.full(len(candidates), np.nan)
                    candidate_m[site] = at_m
                    lines.append(SpacingLine(key, section, drive, own, np.sort(fixed_m), candidate_m))
    return lines


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
    found = gap_windows(
        part.length_m, part.at(line.candidate_m), span_m, part.at(line.fixed_m), ring=part.ring
    )
    named = dict(zip(DRIVE_KEY, line.key, strict=True))
    ends = {"from_m": part.chainage(found.from_m), "to_m": part.chainage(found.to_m)}
    return found.cover, pd.DataFrame({**ends, **named}).assign(shared=False)


def route_points_at(
    context: RoadContext, lines: Iterable[SpacingLine], span_m: float, *, close_shared: bool = False
) -> gpd.GeoDataFrame:
    """Points of the roads where a plan with the fewest sites may have to build, whatever the grid.

    Pushed as far along the road as the span allows, each site of such a plan stands a whole number of spans from an
    existing site, from the border or from an end of the road, seen in one direction or the other. So these points,
    both ways, are enough: the fewest over them is the fewest over all points of a road.

    Parameters
    ----------
    context : RoadContext
    lines : iterable of SpacingLine
        Directions of sections, with the sites that count.
    span_m : float
    close_shared : bool
        Measure along the whole road, too, not only along its part in the region.

    Returns
    -------
    GeoDataFrame
        EPSG:4326, ``id, kind, name``; points of gaps that are too long, each once.
    """
    lines = list(lines)
    fixed = {line.key: line.fixed_m for line in lines}
    frames = []
    for line in lines:
        ref, number, way = line.key
        opposite: Direction = "backward" if way == "forward" else "forward"
        other = line.section.to_other(fixed.get((ref, number, opposite), np.empty(0)), opposite)
        found = [line.own.chainage(span_multiples(line.own, line.fixed_m, other, span_m))]
        if close_shared:
            far = line.whole.chainage(span_multiples(line.whole, line.fixed_m, other, span_m))
            found.append(far[line.own.contains(far)])
        at = np.concatenate(found)
        at = at[np.unique(at.round(3), return_index=True)[1]]
        if len(at):
            at = _as_snapped(context, line, at)
            frames.append(points_on(context.index, ref, number, line.drive, at, digits=4))
    return united(frames)


def span_multiples(part: OwnPart, fixed_m: FloatArray, other_m: FloatArray, span_m: float) -> FloatArray:
    """Places (on the own part) at whole multiples of the span from each anchor, both ways, in gaps that are too long.

    Anchors are the sites of either direction and the ends. A chain of multiples ends at the next site that serves both
    directions: there every plan begins anew.
    """
    length = part.length_m
    own, other = np.unique(part.at(fixed_m)), np.unique(part.at(other_m))
    both = (
        own[[bool(len(other)) and np.abs(other - x).min() <= SAME_SITE_M for x in own]] if len(own) else own
    )
    if part.ring and not len(own) and not len(other):  # no site at all: it doesn't matter where one begins
        return np.arange(0.0, length, span_m) if compare_m(length, span_m) > 0 else own
    ends = np.empty(0) if part.ring else np.array([0.0, length])
    anchors, stops = np.unique(np.concatenate([own, other, ends])), np.unique(np.concatenate([both, ends]))
    if part.ring:
        stops = np.concatenate([stops - length, stops, stops + length])
    steps = np.arange(1, int(length // span_m) + 2) * span_m
    found = []
    for sign in (1.0, -1.0):
        limit = np.sort(sign * stops)
        k = np.searchsorted(limit, sign * anchors + 1e-3, side="right")
        stop = np.append(limit, np.inf)[k] - sign * anchors - 1e-3
        # Right round a ring and past the anchor: its site may serve the other direction only.
        ok = steps[None, :] < np.minimum(stop, length + span_m)[:, None]
        found.append((anchors[:, None] + sign * steps[None, :])[ok])
    places = np.concatenate(found)
    if part.ring:
        places = places % length
        own = np.concatenate([own - length, own, own + length])
        gap = np.diff(np.concatenate([[-np.inf], own, [np.inf]]))
    else:
        places = places[(places > 0.0) & (places < length)]
        gap = np.diff(np.concatenate([[0.0], own, [length]]))
    return places[compare_m(gap[np.searchsorted(own, places)], span_m) > 0]


def _as_snapped(context: RoadContext, line: SpacingLine, at: FloatArray) -> FloatArray:
    """Chainages to draw points at so that the roads, asked where these lie, say ``at``: to a tenth of a millimetre.

    A point is drawn on a straight line between two vertices and read back along the Earth's surface; over a road of
    100 km without a vertex these differ by metres.
    """
    drawn, graph = at.copy(), context.graph
    for _ in range(4):
        found = locate(context.index, line.drive, drawn)
        k = found["edge"].to_numpy(np.int64)
        snapped = context.snapper.snap(found[["lon", "lat"]].to_numpy(np.float64))
        edge = line.drive.edges[k]
        segment = graph.edge_segment[edge]
        share = snapped.offset_m / np.maximum(graph.seg_length_m[segment], 1e-9)
        share = np.where(graph.edge_reversed[edge], 1.0 - share, share)
        read = line.drive.from_m[k] + share * (line.drive.to_m[k] - line.drive.from_m[k])
        error = np.where(snapped.segment == segment, at - read, 0.0)
        drawn = np.clip(drawn + error, line.drive.low_m[k], line.drive.high_m[k])
    return drawn
