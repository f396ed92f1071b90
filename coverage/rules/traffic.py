"""Traffic on the routes: counts laid onto them, vehicle-kilometres as an aim, and what is eased where there is little.

A count of a table goes onto a route by its number and kilometre marks, or by its line. Where counts overlap the latest
year is taken, in a year the last row. What no count lies on is unknown, and nothing is eased there.

What a law eases by traffic holds for a **place** of a road, not for a route: the place is served if the gap that it
lies in is no longer than the span that holds there. A gap that reaches from a quiet stretch into a busy one is judged
by both: the place on the busy side needs the short span. So no site more ever makes anything worse.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from ..errors import Fault
from ..inputs import DEMAND, Inputs, as_table
from ..inputs.bundle import placed_in
from ..inputs.headers import listed
from ..measure.spacing_gaps import rows_by_drive
from ..network.geometry import ground_scale
from ..network.graph import BoolArray, FloatArray, IntArray, RoadGraph
from ..network.routes import Drive, DriveKey, RoadIndex, Route, Section, locate, mercator, merge_intervals
from ..units import M_PER_KM
from .model import OneWayPools

if TYPE_CHECKING:
    from .model import Rule
    from .policy import Policy

STEP_M = 100.0
"""A line is compared with a route at places so far apart."""
BESIDE_M = 60.0
"""A line that runs this near is the route's: the far carriageway of an expressway, drawn by another hand."""
FLOW_STEP_M = 1_000.0
TRAFFIC = "traffic"

SectionKey = tuple[str, int]


@dataclass(frozen=True, eq=False)
class Laid:
    """Traffic along one section.

    Attributes
    ----------
    from_m, to_m : (k,) float64
        Chainage of the section's first direction, rising, without gaps.
    aadt, light : (k,) float64
        Vehicles and light vehicles a day, both directions together; NaN where it is unknown.
    """

    from_m: FloatArray
    to_m: FloatArray
    aadt: FloatArray
    light: FloatArray

    def light_at(self, at_m: FloatArray) -> FloatArray:
        """Light vehicles a day at places along the section."""
        k = np.searchsorted(self.to_m, at_m, side="left")
        return np.asarray(self.light[np.minimum(k, len(self.light) - 1)], dtype=np.float64)


def lay_traffic(
    index: RoadIndex, routes: Sequence[Route], table: gpd.GeoDataFrame
) -> tuple[dict[SectionKey, Laid], list[Fault]]:
    """Lay counts onto the routes.

    Parameters
    ----------
    index : RoadIndex
    routes : sequence of Route
    table : GeoDataFrame
        Of the schema ``traffic``.

    Returns
    -------
    dict
        (ref, section) -> :class:`Laid`; empty without counts.
    list of Fault
        Notices: how much of the routes has counts, and which rows lie on none.
    """
    if table.empty or not routes:
        return {}, []
    order = table.assign(_row=np.arange(len(table))).sort_values(["year", "_row"], na_position="first")
    light = order["aadt"] * (
        1.0 - order["heavy_share"].where(order["heavy_share"].between(0, 1), 0.0).fillna(0.0)
    )
    counts = order.assign(light=light)
    used = np.zeros(len(table), dtype=bool)
    laid: dict[SectionKey, Laid] = {}
    known_m = whole_m = 0.0
    rows, refs = counts.to_dict("records"), counts["ref"].map(_plain).to_numpy(object)
    nameless, shapes = counts["ref"].isna().to_numpy(bool), counts.geometry.to_numpy()
    drawn = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    lines, number = shapely.STRtree(shapely.transform(shapes[drawn], mercator)), np.flatnonzero(drawn)
    for route in routes:
        own = refs == _plain(route.ref)
        for section in route.sections:
            drive = section.drives[0]
            found = {int(number[k]): parts for k, parts in _beside(index, drive, lines).items()}
            found |= {k: _between_marks(drive, rows[k]) for k in np.flatnonzero(own & ~drawn).tolist()}
            runs = []
            for k in (k for k in sorted(found) if own[k] or nameless[k]):
                used[rows[k]["_row"]] |= len(found[k]) > 0
                runs += [(low, high, rows[k]["aadt"], rows[k]["light"]) for low, high in found[k]]
            laid[route.ref, section.number] = one = _painted(drive, runs)
            length = one.to_m - one.from_m
            known_m += float(length[~np.isnan(one.aadt)].sum())
            whole_m += float(length.sum())
    values: dict[str, object] = {
        "known": round(known_m / M_PER_KM),
        "unknown": round((whole_m - known_m) / M_PER_KM),
    }
    notes = [Fault("traffic-laid", file=TRAFFIC, values=values, warning=True)]
    if not used.all():
        rows = table["source_row"][~used].tolist()
        values = {"n": len(rows), "rows": listed(rows, 20), "far": f"{BESIDE_M:g}"}
        notes.append(Fault("traffic-unlaid", file=TRAFFIC, values=values, warning=True))
    return laid, notes


def on_known_marks(inputs: Inputs, routes: Sequence[Route]) -> Inputs:
    """Return the inputs with the counts whose marks are known in a piece of a country: by posts, or by a line.

    A route of a piece begins where the piece does: kilometre 100 is not 100 km from there. What no count lies on is
    unknown, and nothing is eased there.
    """
    table = inputs.traffic
    posted = {_plain(route.ref) for route in routes if all(section.posted for section in route.sections)}
    by_marks = table.geometry.isna() & (table["from_km"].notna() | table["to_km"].notna())
    lost = by_marks & ~table["ref"].map(_plain).isin(posted)
    if not lost.any():
        return inputs
    note = Fault("traffic-elsewhere", file=TRAFFIC, values={"n": int(lost.sum())}, warning=True)
    return replace(inputs, traffic=table[~lost], warnings=(*inputs.warnings, note))


def _plain(ref: Any) -> str:
    return "" if pd.isna(ref) else "".join(str(ref).split()).casefold()


def _between_marks(drive: Drive, count: Mapping[Hashable, Any]) -> list[tuple[float, float]]:
    """Chainage of a direction between the kilometre marks of a count; one that is missing is the end of the road."""
    low, high = drive.start_m, drive.end_m
    marks = [count["from_km"], count["to_km"]]
    begin, end = (
        float(m) * M_PER_KM if pd.notna(m) else edge for m, edge in zip(marks, (low, high), strict=True)
    )
    begin, end = max(min(begin, end), low), min(max(begin, end), high)
    return [(begin, end)] if end > begin else []


def _beside(index: RoadIndex, drive: Drive, lines: shapely.STRtree) -> dict[int, list[tuple[float, float]]]:
    """Chainage of a direction that lines (Mercator) run beside, by their numbers."""
    if not len(lines):
        return {}
    low, high = drive.start_m, drive.end_m
    at = low + STEP_M * (np.arange(max(1, int(np.ceil((high - low) / STEP_M))), dtype=np.float64) + 0.5)
    places = mercator(locate(index, drive, at)[["lon", "lat"]].to_numpy())
    far = BESIDE_M / ground_scale(places[:, 1])
    place, line = lines.query(shapely.points(places), predicate="dwithin", distance=far)
    found = {}
    for number, near in pd.Series(place).groupby(line):
        on = np.zeros(len(at) + 2, dtype=np.int8)
        on[near.to_numpy() + 1] = 1
        starts, ends = np.flatnonzero(np.diff(on) == 1), np.flatnonzero(np.diff(on) == -1)
        # A road that only crosses the line is near it at a place or two.
        found[int(number)] = [
            (low + a * STEP_M, min(low + b * STEP_M, high))
            for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
            if b - a > 2
        ]
    return found


def _painted(drive: Drive, runs: Sequence[tuple[float, float, float, float]]) -> Laid:
    """Step function of runs, of which a later one lies over an earlier one."""
    marks = np.unique([drive.start_m, drive.end_m, *(x for run in runs for x in run[:2])])
    middle = (marks[:-1] + marks[1:]) / 2
    aadt, light = np.full(len(middle), np.nan), np.full(len(middle), np.nan)
    for low, high, vehicles, few in runs:
        inside = (middle > low) & (middle < high)
        aadt[inside], light[inside] = vehicles, few
    return Laid(marks[:-1], marks[1:], aadt, light)


# -- the aim ---------------------------------------------------------------------------------------------


def with_flow(
    inputs: Inputs,
    index: RoadIndex,
    routes: Sequence[Route],
    laid: Mapping[SectionKey, Laid],
    region: BaseGeometry | None,
) -> Inputs:
    """Return the inputs with traffic as demand: a point for each kilometre, its ``flow`` in vehicle-kilometres a day.

    A site near a road with much traffic then serves much of the aim ``flow``, whatever number of people lives there.
    """
    rows = []
    for route in routes:
        for section in route.sections:
            one = laid.get((route.ref, section.number))
            if one is None:
                continue
            drive = section.drives[0]
            n = max(1, int(np.ceil((drive.end_m - drive.start_m) / FLOW_STEP_M)))
            edges = np.linspace(drive.start_m, drive.end_m, n + 1)
            where = locate(index, drive, (edges[:-1] + edges[1:]) / 2)
            shared = np.minimum(edges[1:, None], one.to_m) - np.maximum(edges[:-1, None], one.from_m)
            flow = np.clip(shared, 0.0, None) @ np.nan_to_num(one.aadt) / M_PER_KM
            for k in np.flatnonzero(flow > 0).tolist():
                name = f"{TRAFFIC}-{route.ref}-{section.number}-{edges[k] / M_PER_KM:.1f}"
                point = shapely.Point(where["lon"].iloc[k], where["lat"].iloc[k])
                rows.append({"id": name, "name": f"{route.ref} {edges[k] / M_PER_KM:.1f} km", "kind": TRAFFIC,
                             "weight": 0.0, "flow": float(flow[k]), "geometry": point})  # fmt: skip
    if not rows:
        return inputs
    twice = bool((inputs.demand["flow"] > 0).any()) if len(inputs.demand) else False
    points = as_table(rows, DEMAND, TRAFFIC)
    others = inputs.demand.assign(flow=np.nan) if len(inputs.demand) else inputs.demand
    added = placed_in(points, region, inputs.counties)
    demand = gpd.GeoDataFrame(pd.concat([others, added], ignore_index=True), geometry="geometry", crs=4326)
    notes = [Fault("traffic-flow-twice", file=TRAFFIC, warning=True)] if twice else []
    return replace(inputs, demand=demand, warnings=(*inputs.warnings, *notes))


# -- what the law eases ----------------------------------------------------------------------------------


def in_band(network: str, low: float, high: float | None) -> str:
    """Name stretches of a class by their traffic: ``tent_core@3000-8500``; without an upper end the unknown, too."""
    return f"{network}@{low:g}-{'' if high is None else f'{high:g}'}"


@dataclass(frozen=True, eq=False)
class Band:
    """Routes of a class of roads, or stretches of them by their light vehicles a day.

    Attributes
    ----------
    routes : list of Route
        Those with any such stretch.
    stretches : mapping, optional
        (ref, section, direction) -> (k, 2) chainage from, to, rising; None for whole routes.
    others : mapping
        Stretches with more traffic; of the busiest band those with less.
    of_class : sequence of Route
        All routes of the class; those of ``stretches`` and ``others``.
    busiest : bool
        The band has no upper end: unknown traffic is in it.
    """

    routes: list[Route]
    stretches: Mapping[DriveKey, FloatArray] | None = None
    others: Mapping[DriveKey, FloatArray] = field(default_factory=dict)
    of_class: Sequence[Route] = ()
    busiest: bool = False

    @classmethod
    def of(cls, routes: Sequence[Route], network: str, laid: Mapping[SectionKey, Laid]) -> Band:
        """Find the stretches of ``network``: a class of roads, or one with a band as :func:`in_band` names it."""
        name, _, band = network.partition("@")
        mine = [route for route in routes if route.road_class == name]
        if not band:
            return cls(mine)
        low, _, high = band.partition("-")
        least, most = float(low), float(high or "inf")
        found = stretches_of(mine, laid, least, most)
        others = stretches_of(mine, laid, most, np.inf) if high else stretches_of(mine, laid, 0.0, least)
        some = {ref for (ref, _, _), parts in found.items() if len(parts)}
        return cls([route for route in mine if route.ref in some], found, others, mine, not high)

    def cut(self, pieces: Mapping[DriveKey, FloatArray]) -> Mapping[DriveKey, FloatArray]:
        """Return what of the pieces of drives (from, to, number of the edge) lies in the band."""
        if self.stretches is None:
            return pieces
        return {key: _cut(pieces[key], parts) for key, parts in self.stretches.items() if key in pieces}

    def holds(self, served: pd.DataFrame) -> BoolArray:
        """Whether sites (``ref, section, direction, chainage_m``) leave their routes in the band."""
        if self.stretches is None:
            return np.asarray(served["ref"].isin({route.ref for route in self.routes}), dtype=np.bool_)
        found, at = np.zeros(len(served), dtype=np.bool_), served["chainage_m"].to_numpy(np.float64)
        for key, rows in rows_by_drive(served).items():
            found[rows] = _within(self.stretches.get(key, _NOTHING), at[rows])
        return found

    def on_segments(self, graph: RoadGraph, of_routes: BoolArray) -> tuple[IntArray, FloatArray, FloatArray]:
        """Parts of segments in the band: segment, and from where to where in metres from its first node.

        ``of_routes`` says which segments are the routes' at all. On a road that several routes share the busier one
        decides; far sides of roundabouts, which no direction drives along, are the busiest band's.
        """
        first = np.concatenate([[0.0], np.cumsum(graph.seg_length_m + 1.0)])
        assert self.stretches is not None
        own, other = (
            _laid_end_to_end(graph, self.of_class, part, first) for part in (self.stretches, self.others)
        )
        if self.busiest:
            whole = np.column_stack([first[:-1], first[:-1] + graph.seg_length_m])[of_routes]
            parts = _without(whole, _without(other, own))
        else:
            parts = _without(own, other)
        segment = np.searchsorted(first, parts[:, 0] + _SAME_M, side="right") - 1
        low, high = (np.clip(end - first[segment], 0.0, graph.seg_length_m[segment]) for end in parts.T)
        return segment, low, high


_NOTHING: FloatArray = np.empty((0, 2))
_SAME_M = 1e-6


def stretches_of(
    routes: Sequence[Route], laid: Mapping[SectionKey, Laid], low: float, high: float
) -> dict[DriveKey, FloatArray]:
    """Chainage of each direction with ``low`` to below ``high`` light vehicles a day; unknown is as much as can be."""
    found: dict[DriveKey, FloatArray] = {}
    for route in routes:
        for section in route.sections:
            one = laid.get((route.ref, section.number))
            first = section.drives[0]
            if one is None:
                one = Laid(*(np.array([x]) for x in (first.start_m, first.end_m, np.nan, np.nan)))
            light = np.nan_to_num(one.light, nan=np.inf)
            here = (light >= low) & ((light < high) | (high == np.inf))
            parts = merge_intervals(np.column_stack([one.from_m, one.to_m])[here])
            for drive in section.drives:
                found[route.ref, section.number, drive.direction] = _read_on(section, drive, parts)
    return found


def _read_on(section: Section, drive: Drive, parts: FloatArray) -> FloatArray:
    """Stretches of a section's first direction on the chainage of one of its directions."""
    first = section.drives[0]
    if drive is first:
        return parts
    own = np.asarray(section.to_other(parts, first.direction), dtype=np.float64).reshape(-1, 2)
    own = np.where(parts <= first.start_m, drive.start_m, np.where(parts >= first.end_m, drive.end_m, own))
    own = np.clip(own, drive.start_m, drive.end_m)
    return merge_intervals(own[own[:, 1] > own[:, 0]])


def _cut(pieces: FloatArray, parts: FloatArray) -> FloatArray:
    """(p, 3) what of the pieces lies in the parts, rising."""
    if not len(pieces) or not len(parts):
        return np.empty((0, 3))
    low = np.maximum(pieces[:, None, 0], parts[None, :, 0])
    high = np.minimum(pieces[:, None, 1], parts[None, :, 1])
    piece, part = np.nonzero(high - low > _SAME_M)
    found = np.column_stack([low[piece, part], high[piece, part], pieces[piece, 2]])
    return found[np.lexsort((found[:, 1], found[:, 0]))]


def _laid_end_to_end(
    graph: RoadGraph, routes: Sequence[Route], stretches: Mapping[DriveKey, FloatArray], first: FloatArray
) -> FloatArray:
    """Stretches on the segments that they run on, all segments standing one after the other; merged, rising."""
    found = [np.empty((0, 2))]
    for route in routes:
        for section in route.sections:
            for drive in section.drives:
                parts = stretches.get((route.ref, section.number, drive.direction), np.empty((0, 2)))
                k = np.arange(len(drive.edges), dtype=np.float64)
                piece = _cut(np.column_stack([drive.low_m, drive.high_m, k]), parts)
                at = piece[:, 2].astype(np.int64)
                whole = drive.to_m[at] - drive.from_m[at]
                share = (piece[:, :2] - drive.from_m[at, None]) / np.where(whole == 0.0, 1.0, whole)[:, None]
                edge = drive.edges[at]
                share = np.where(graph.edge_reversed[edge, None], 1.0 - share, share)
                segment = graph.edge_segment[edge]
                on = first[segment, None] + np.sort(share, axis=1) * graph.seg_length_m[segment, None]
                found.append(on)
    return merge_intervals(np.concatenate(found))


def _without(intervals: FloatArray, others: FloatArray) -> FloatArray:
    """What of merged intervals lies in none of the others."""
    marks = np.unique(np.concatenate([intervals.ravel(), others.ravel()]))
    middle = (marks[1:] + marks[:-1]) / 2
    keep = _within(intervals, middle) & ~_within(others, middle)
    return merge_intervals(np.column_stack([marks[:-1], marks[1:]])[keep])


def _within(intervals: FloatArray, at: FloatArray) -> BoolArray:
    if not len(intervals):
        return np.zeros(len(at), dtype=np.bool_)
    k = np.maximum(np.searchsorted(intervals[:, 0], at, side="right") - 1, 0)
    return np.asarray((at >= intervals[k, 0]) & (at <= intervals[k, 1]), dtype=np.bool_)


def eased(policy: Policy, routes: Sequence[Route], laid: Mapping[SectionKey, Laid]) -> Policy:
    """Return the policy with a rule of its own for the stretches of little traffic, where a rule has ``under_traffic``.

    Where traffic is unknown nothing is eased. What is eased under 8 500 vehicles is eased under 3 000, too. Which
    pools count is the same in all of these rules: it depends on where a pool stands, not on which gap it closes.

    Parameters
    ----------
    policy : Policy
    routes : sequence of Route
    laid : mapping
        See :func:`lay_traffic`.
    """
    rules: list[Rule] = []
    for rule in policy.rules:
        steps = sorted(getattr(rule, "under_traffic", ()), key=lambda step: float(step.light_below))
        edges = [0.0, *(step.light_below for step in steps)]
        ours = [route for route in routes if steps and route.road_class == rule.network]  # type: ignore[attr-defined]
        bands = [
            k for k in range(len(steps))
            if any(len(parts) for parts in stretches_of(ours, laid, edges[k], edges[k + 1]).values())
        ]  # fmt: skip
        if not bands:
            rules.append(rule)
            continue
        shares = [(step.light_below, step.one_way_pool_share) for step in steps if step.one_way_pool_share]
        less = OneWayPools(steps=tuple(shares), network=rule.network) if shares else None  # type: ignore[attr-defined]
        site = {"site": rule.site.model_copy(update={"one_way": less})}  # type: ignore[attr-defined]
        # What is not low goes on under the rule's own name.
        rules.append(rule.model_copy(update={"network": in_band(rule.network, edges[-1], None), **site}))  # type: ignore[attr-defined]
        rules += [
            rule.model_copy(update=site).eased(steps[k:], edges[k], edges[k + 1])  # type: ignore[attr-defined]
            for k in reversed(bands)
        ]
    return policy.model_copy(update={"rules": tuple(rules)})


def light_at(
    laid: Mapping[SectionKey, Laid], routes: Mapping[str, Route], served: pd.DataFrame
) -> FloatArray:
    """Light vehicles a day at the places where sites leave their routes; NaN where that is unknown.

    Parameters
    ----------
    laid : mapping
    routes : mapping
        By ref; those of ``served``.
    served : DataFrame
        ``ref, section, direction, chainage_m``.
    """
    found = np.full(len(served), np.nan)
    at = served["chainage_m"].to_numpy(np.float64)
    for (ref, number, way), rows in rows_by_drive(served).items():
        one = laid.get((ref, number))
        if one is None:
            continue
        section = next(section for section in routes[ref].sections if section.number == number)
        here, first = at[rows], section.drives[0].direction
        if way != first:
            here = section.to_other(here, "backward" if first == "forward" else "forward")
        found[rows] = one.light_at(here)
    return found


def apply_traffic(
    policy: Policy, inputs: Inputs, index: RoadIndex, routes: Sequence[Route], region: BaseGeometry | None
) -> tuple[Policy, Inputs]:
    """Return policy and inputs as the counts of traffic make them: rules eased, and the aim ``flow``."""
    laid, notes = lay_traffic(index, routes, inputs.traffic)
    if not laid:
        return policy, inputs
    inputs = replace(inputs, warnings=(*inputs.warnings, *notes))
    return eased(policy, routes, laid), with_flow(inputs, index, routes, laid, region)
