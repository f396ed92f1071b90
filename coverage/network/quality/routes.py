"""Issues of routes: where they end in the open, break, run one way only, or have no speed limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from ...units import EARTH_RADIUS_M, GEOD
from ..graph import BoolArray, FloatArray, IntArray
from ..routes import Drive, RoadIndex, Route, Section, each_drive, ground_scale, mercator
from ..routes.clip import DataEdge
from .issue import Issue, Severity

Objects = np.ndarray[tuple[int], np.dtype[np.object_]]
NEAR_MISS_M = 50.0
"""A dead end this close to another road probably misses the junction."""
LOOK_M = 200.0
BREAK_M = 5000.0
"""Ends of sections up to this far apart may belong together."""
HEADING_M, FACING_DEG = 500.0, 70.0
"""The heading of an end is that of its last stretch of this length; a break lies ahead of both within this angle."""
LONG_BRIDGE_M = 1000.0
LANE_M = 100.0
"""Parallel carriageways are listed from this length on."""
ONE_WAY_M, LONG_ONE_WAY_M = 300.0, 2000.0
"""A carriageway without its counterpart is listed from the first length on, and doubtful from the second."""


def end_nodes(index: RoadIndex, section: Section) -> tuple[IntArray, IntArray]:
    """Nodes where the directions of a section start or end, at its low and its high chainage."""
    g = index.graph
    ends = [(g.edge_u[d.edges[0]], g.edge_v[d.edges[-1]]) for d in section.drives]
    ordered = [e if d.direction == "forward" else e[::-1] for e, d in zip(ends, section.drives, strict=True)]
    low, high = np.array(ordered, dtype=np.int64).T
    return np.unique(low), np.unique(high)


# -- dead ends -------------------------------------------------------------------------------------------


def dead_ends(index: RoadIndex, routes: Sequence[Route], boundary: BaseGeometry | None) -> Iterator[Issue]:
    """Ends of routes that meet no other road, far from the edge of the data."""
    places = [
        (route.ref, nodes)
        for route in routes
        for section in route.sections
        if not section.ring
        for nodes in end_nodes(index, section)
        if (index.degree[nodes] == 1).all()
    ]
    if not places:
        return
    first = np.array([nodes[0] for _, nodes in places])
    inland = ~DataEdge(index.graph, boundary).is_near(index.node_merc[first])
    away = _other_road_m(index, first)
    for k in np.flatnonzero(inland).tolist():
        ref, node, m = places[k][0], first[k], float(away[k])
        close = m <= NEAR_MISS_M
        key = "near" if close else "some" if np.isfinite(m) else "none"
        values = {"ref": ref, "away": float(m), "look": LOOK_M}
        segment = np.flatnonzero((index.graph.seg_u == node) | (index.graph.seg_v == node))
        lon, lat = index.graph.node_xy[node].tolist()
        severity: Severity = "serious" if close else "doubtful"
        yield Issue(
            "dead_end", severity, ref, 0.0, f"quality.effect.dead-end-{key}", values, segment[:1], (lon, lat)
        )


def _other_road_m(index: RoadIndex, nodes: IntArray) -> FloatArray:
    """Distance of each node from the nearest road that does not end there; infinite beyond ``LOOK_M``."""
    g = index.graph
    points: Objects = np.asarray(shapely.points(index.node_merc[nodes]), dtype=object)
    scale = ground_scale(index.node_merc[nodes, 1])
    reach = LOOK_M / scale
    merc = mercator(g.xy)
    box = shapely.box(
        *(index.node_merc[nodes] - reach[:, None]).T, *(index.node_merc[nodes] + reach[:, None]).T
    )
    low = np.minimum.reduceat(merc, g.seg_ptr[:-1], axis=0)
    high = np.maximum.reduceat(merc, g.seg_ptr[:-1], axis=0)
    # lines are made for the roads alone whose boxes come near
    boxes: Objects = np.asarray(shapely.box(*low.T, *high.T), dtype=object)
    which, segment = shapely.STRtree(boxes).query(box)
    apart = (g.seg_u[segment] != nodes[which]) & (g.seg_v[segment] != nodes[which])
    which, segment = which[apart], segment[apart]
    found = np.full(len(nodes), np.inf)
    if len(which):
        lines = shapely.transform(g.lines(segment), mercator)
        m = shapely.distance(points[which], lines) * scale[which]
        np.minimum.at(found, which, np.where(m <= LOOK_M, m, np.inf))
    return found


# -- breaks ----------------------------------------------------------------------------------------------


def bridged(index: RoadIndex, routes: Sequence[Route]) -> Iterator[Issue]:
    """Stretches without the road number that count as the route; both directions of one are one issue."""
    for route in routes:
        for section in route.sections:
            taken: list[tuple[float, float]] = []
            for drive in section.drives:
                for run in runs(drive.inferred):
                    ends = _on_forward(
                        section, drive, np.array([drive.low_m[run].min(), drive.high_m[run].max()])
                    )
                    if any(low < ends[1] and ends[0] < high for low, high in taken):
                        continue
                    taken.append((float(ends[0]), float(ends[1])))
                    length_m = float(np.abs(drive.to_m[run] - drive.from_m[run]).sum())
                    severity: Severity = "doubtful" if length_m > LONG_BRIDGE_M else "note"
                    values = {
                        "ref": route.ref,
                        "section": section.number,
                        "length": length_m,
                        "low": float(ends[0]),
                        "high": float(ends[1]),
                    }
                    segments = np.unique(index.graph.edge_segment[drive.edges[run]])
                    yield Issue(
                        "bridged", severity, route.ref, length_m, "quality.effect.bridged", values, segments
                    )


def runs(mask: BoolArray) -> list[IntArray]:
    """Positions of each run of True.

    >>> [r.tolist() for r in runs(np.array([True, False, True, True]))]
    [[0], [2, 3]]
    """
    at = np.flatnonzero(mask)
    return np.split(at, np.flatnonzero(np.diff(at) > 1) + 1) if len(at) else []


def _on_forward(section: Section, drive: Drive, chainage_m: FloatArray) -> FloatArray:
    if drive.direction == "backward" and section.forward is not None:
        return section.to_other(chainage_m, "backward")
    return chainage_m


def open_breaks(index: RoadIndex, routes: Sequence[Route]) -> Iterator[Issue]:
    """Sections of a route that face each other over less than ``BREAK_M`` and were not joined."""
    for route in routes:
        if len(route.sections) < 2:
            continue
        ends = _free_ends(index, route)
        if len(ends) < 2:
            continue
        pairs, length_m = _pairs_within(np.array([index.graph.node_xy[node] for _, node, _ in ends]), BREAK_M)
        used: set[int] = set()
        for k in np.lexsort((pairs[:, 1], pairs[:, 0], length_m)).tolist():
            a, b = pairs[k].tolist()
            if ends[a][0] is not ends[b][0] and not used & {a, b} and _facing(index, ends[a], ends[b]):
                used |= {a, b}
                yield _open_break(index, route, ends[a][1], ends[b][1], float(length_m[k]))


def _pairs_within(lonlat: FloatArray, most_m: float) -> tuple[IntArray, FloatArray]:
    """(p, 2) pairs of places no further apart than ``most_m``, and their geodesic distances."""
    lon, lat = np.radians(lonlat).T
    xyz = EARTH_RADIUS_M * np.stack(
        [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1
    )
    pairs = cKDTree(xyz).query_pairs(1.01 * most_m, output_type="ndarray").astype(np.int64)
    a, b = lonlat[pairs[:, 0]], lonlat[pairs[:, 1]]
    length_m = np.asarray(GEOD.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])[2])
    near = length_m <= most_m
    return pairs[near], length_m[near]


def _open_break(index: RoadIndex, route: Route, a: int, b: int, length_m: float) -> Issue:
    middle = index.graph.node_xy[[a, b]].mean(axis=0)
    values = {"ref": route.ref, "length": length_m, "n": len(route.sections)}
    here = (float(middle[0]), float(middle[1]))
    none = np.empty(0, dtype=np.int64)
    return Issue("break", "doubtful", route.ref, length_m, "quality.effect.break", values, none, here)


End = tuple[Section, int, FloatArray]
"""Section, node, and the direction in which the road leaves it there (Mercator)."""


def _free_ends(index: RoadIndex, route: Route) -> list[End]:
    """Ends of sections where no other section of the route passes."""
    g = index.graph
    nodes = [
        np.unique(np.concatenate([g.edge_u[d.edges], g.edge_v[d.edges]]))
        for s in route.sections
        for d in s.drives
    ]
    owner = [k for k, s in enumerate(route.sections) for _ in s.drives]
    of = np.repeat(owner, [len(n) for n in nodes])
    seen, counts = np.unique(
        np.unique(np.stack([np.concatenate(nodes), of], axis=1), axis=0)[:, 0], return_counts=True
    )
    common = set(seen[counts > 1].tolist())
    ends: list[End] = []
    for section in route.sections:
        if not section.ring:
            for at_high, found in enumerate(end_nodes(index, section)):
                if not common & set(found.tolist()):
                    ends.append((section, int(found[0]), _heading(section, high=bool(at_high))))
    return ends


def _heading(section: Section, *, high: bool) -> FloatArray:
    xy = mercator(np.asarray(section.axis.coords))
    xy = xy if high else xy[::-1]
    far = np.hypot(*(xy - xy[-1]).T) * ground_scale(xy[-1, 1]) >= HEADING_M
    start = xy[np.flatnonzero(far)[-1]] if far.any() else xy[0]
    return np.asarray(xy[-1] - start)


def _facing(index: RoadIndex, a: End, b: End) -> bool:
    """Whether each road goes on towards the other, within :data:`FACING_DEG`."""
    to = index.node_merc[b[1]] - index.node_merc[a[1]]
    least = np.cos(np.radians(FACING_DEG)) * np.hypot(*to)
    return bool(to @ a[2] >= least * np.hypot(*a[2]) and -to @ b[2] >= least * np.hypot(*b[2]))


# -- one way only, and speeds ----------------------------------------------------------------------------


def one_direction(index: RoadIndex, routes: Sequence[Route]) -> Iterator[Issue]:
    """One-way stretches without a counterpart: the other carriageway, or its number, is missing."""
    g = index.graph
    for route, _, drive in each_drive(routes):
        segment = g.edge_segment[drive.edges]
        alone = (drive.weight >= 1.0) & ~drive.inferred & (g.seg_forward[segment] != g.seg_backward[segment])
        alone &= index.roundabout[segment] < 0
        for run in runs(alone):
            length_m = float(g.seg_length_m[segment[run]].sum())
            if length_m >= ONE_WAY_M:
                severity: Severity = "doubtful" if length_m >= LONG_ONE_WAY_M else "note"
                values = {"ref": route.ref, "length": length_m}
                key = f"quality.effect.one-{drive.direction}"
                own = np.unique(segment[run])
                yield Issue("one_direction", severity, route.ref, length_m, key, values, own)


def beside(index: RoadIndex, routes: Sequence[Route]) -> Iterator[Issue]:
    """Parallel carriageways: express or local lanes, a second tunnel tube. Slip roads at junctions are too many."""
    for route in routes:
        for lane in (p for p in route.parallel if p.length_m >= LANE_M):
            low, high = sorted((lane.from_m, lane.to_m))
            values = {
                "ref": route.ref,
                "section": lane.section,
                "length": lane.length_m,
                "low": float(low),
                "high": float(high),
            }
            segments = np.unique(index.graph.edge_segment[lane.edges])
            yield Issue(
                "parallel",
                "note",
                route.ref,
                lane.length_m,
                f"quality.effect.parallel-{lane.direction}",
                values,
                segments,
            )


def without_speed(index: RoadIndex, routes: Sequence[Route]) -> Iterator[Issue]:
    """Routes with parts that have no speed limit; placed on the longest such part."""
    g = index.graph
    unknown = np.isnan(g.segments["speed_kmh"].to_numpy(dtype=np.float64))
    for route in routes:
        drives = [d for s in route.sections for d in s.drives]
        counted = np.concatenate([d.counted_m for d in drives])
        missing = np.concatenate([unknown[g.edge_segment[d.edges]] for d in drives])
        length_m, whole_m = float(counted[missing].sum()), float(counted.sum())
        if length_m <= 0:
            continue
        parts = [
            g.edge_segment[d.edges[run]] for d in drives for run in runs(unknown[g.edge_segment[d.edges]])
        ]
        longest = max(parts, key=lambda p: (round(float(g.seg_length_m[p].sum()), 3), -int(p.min())))
        share = f"{100 * length_m / whole_m:.0f}"
        values = {"ref": route.ref, "length": length_m, "share": share}
        yield Issue(
            "no_speed", "note", route.ref, length_m, "quality.effect.no-speed", values, np.unique(longest)
        )
