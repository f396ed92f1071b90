"""Points of the roads where a plan with the fewest sites may have to build: whole spans from sites and ends."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np

from ...assess.border import OwnPart
from ...network.graph import FloatArray
from ...network.routes import Direction, locate
from ...rules.roads import RoadContext
from ...rules.stretches import SpacingLine
from ...units import compare_m
from .candidates import points_on, united

SAME_SITE_M = 1.0
"""Where the two directions leave for one site lies this close together on a common scale."""


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
            frames.append(
                points_on(context.index, ref, number, line.drive, at, digits=4, lengths=context.lengths)
            )
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
