"""Where a new site may be built: service areas, fuel stations, car parks, hubs, towns, junctions, route points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry
from sklearn.neighbors import BallTree

from ...errors import Fault, InputError
from ...inputs import Inputs
from ...inputs.choices import HUB_KINDS, SERVICE_KINDS
from ...inputs.sites import exists
from ...measure.border import OwnPart
from ...network import RoadGraph
from ...network.access import find_served
from ...network.graph import FloatArray
from ...network.routes import Direction, Drive, RoadIndex, Route, each_drive, inside_intervals, locate
from ...rules.facilities import assign_chargers
from ...rules.model import SiteRequirement
from ...rules.roads import RoadContext
from ...rules.stretches import ALL, SpacingLine
from ...units import EARTH_RADIUS_M, M_PER_KM, WGS84, compare_m, lonlat
from ...waymarks import place_names

TOWNS = ("city", "town")
APART_M = 300.0
"""A place this close to an existing site, or to a candidate listed before it, is no place of its own."""
MOST_CANDIDATES = 20_000
"""What a machine can work with; a province with all kinds has some 5 000."""
COLUMNS = ["id", "kind", "name", "cost", "excluded", "geometry"]


def find_candidates(
    inputs: Inputs,
    index: RoadIndex,
    routes: Iterable[Route],
    *,
    kinds: Iterable[str],
    route_point_km: float,
    cost: Mapping[str, float],
    region: BaseGeometry | None,
    lang: str = "en",
) -> gpd.GeoDataFrame:
    """List candidates of the given kinds inside the region, each with its cost and why it is out, if it is.

    Parameters
    ----------
    inputs : Inputs
        Facilities, car parks and towns; existing sites that are operational exclude what is beside them.
    index, routes
        Roads, and the routes whose junctions and points are candidates.
    kinds : iterable of str
        ``service_area``, ``fuel``, ``hub``, ``car_park``, ``town``, ``junction``, ``route_point``.
    route_point_km : float
        Distance between route points along a section.
    cost : mapping
        Kind -> cost of a site; 1 for kinds that are not in it.
    region : geometry or None
        EPSG:4326; None: everywhere.
    lang : str
        Language that points along a route are named in.

    Returns
    -------
    GeoDataFrame
        EPSG:4326, ``id`` (``kind-…``), ``kind``, ``name``, ``cost``, ``excluded``: missing, or ``"has_site"``
        (a charging site is within :data:`APART_M`) or ``"same_place"`` (a candidate of an earlier kind is).
        Kinds come in the order given, so the first listed wins where two share a place.

    Raises
    ------
    InputError
        If there are more than :data:`MOST_CANDIDATES`.
    """
    makers: dict[str, Callable[[], gpd.GeoDataFrame]] = {
        "service_area": lambda: _facilities(inputs, "service_area", SERVICE_KINDS),
        "fuel": lambda: _facilities(inputs, "fuel", ("fuel",)),
        "hub": lambda: _facilities(inputs, "hub", HUB_KINDS),
        "car_park": lambda: _of_table(inputs.car_parks, "car_park"),
        "town": lambda: _of_table(inputs.demand[inputs.demand["kind"].isin(TOWNS)], "town"),
        "junction": lambda: _junctions(index.graph, list(routes), region),
        "route_point": lambda: _route_points(index, list(routes), route_point_km * M_PER_KM, region, lang),
    }
    frames = [frame for kind in kinds if len(frame := makers[kind]())]
    if not frames:
        return gpd.GeoDataFrame(columns=COLUMNS, geometry="geometry", crs=WGS84)
    table = pd.concat([frame.to_crs(WGS84) for frame in frames], ignore_index=True)
    if len(table) > MOST_CANDIDATES:
        counts = ", ".join(f"{kind} {n}" for kind, n in table["kind"].value_counts().items())
        values = {"n": len(table), "most": MOST_CANDIDATES, "counts": counts}
        raise InputError(Fault("siting-many-candidates", file="project.toml", values=values))
    candidates = gpd.GeoDataFrame(table, geometry="geometry", crs=WGS84)
    candidates["cost"] = candidates["kind"].map(dict(cost)).fillna(1.0).astype(float)
    existing = inputs.sites[exists(inputs.sites)] if len(inputs.sites) else inputs.sites
    candidates["excluded"] = _excluded(candidates, existing)
    return candidates[COLUMNS]


def _of_table(table: gpd.GeoDataFrame, kind: str) -> gpd.GeoDataFrame:
    own = table[table["inside"].astype(bool) & table.geometry.notna()]
    names = own["name"].fillna(own["id"]).astype(str)
    return gpd.GeoDataFrame(
        {"id": f"{kind}-" + own["id"].astype(str), "kind": kind, "name": names},
        geometry=own.geometry,
        crs=WGS84,
    )


def _facilities(inputs: Inputs, kind: str, kinds: tuple[str, ...]) -> gpd.GeoDataFrame:
    table = inputs.facilities[inputs.facilities["kind"].isin(kinds)]
    frame = _of_table(table, kind)
    side = table.loc[frame.index, "side"].fillna("").astype(str)
    missing = [not s or s in name for name, s in zip(frame["name"], side, strict=True)]
    frame["name"] = np.where(missing, frame["name"], frame["name"] + " " + side)
    return frame


def _inside(frame: gpd.GeoDataFrame, region: BaseGeometry | None) -> gpd.GeoDataFrame:
    return (
        frame
        if region is None or frame.empty
        else frame[shapely.intersects(region, frame.geometry.to_numpy())]
    )


def _junctions(graph: RoadGraph, routes: list[Route], region: BaseGeometry | None) -> gpd.GeoDataFrame:
    """Nodes where two routes meet (not those inside a stretch they share)."""
    refs: dict[int, set[str]] = {}
    degree: dict[int, set[int]] = {}
    for route, _, drive in each_drive(routes):
        for node, segment in _ends(graph, drive.edges):
            refs.setdefault(node, set()).add(route.ref)
            degree.setdefault(node, set()).add(segment)
    meeting = sorted(n for n, r in refs.items() if len(r) > 1 and len(degree[n]) > 2)
    rows = [
        {"id": f"junction-{graph.node_id[n]}", "kind": "junction", "name": " × ".join(sorted(refs[n]))}
        for n in meeting
    ]
    points = gpd.points_from_xy(*graph.node_xy[meeting].T)
    return _inside(
        gpd.GeoDataFrame(pd.DataFrame(rows, columns=["id", "kind", "name"]), geometry=points, crs=WGS84),
        region,
    )


def _ends(graph: RoadGraph, edges: npt.NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    segments = graph.edge_segment[edges].tolist()
    yield from zip(graph.edge_u[edges].tolist(), segments, strict=True)
    yield from zip(graph.edge_v[edges].tolist(), segments, strict=True)


def _route_points(
    index: RoadIndex, routes: list[Route], step_m: float, region: BaseGeometry | None, lang: str
) -> gpd.GeoDataFrame:
    """Points every ``step_m`` along each section, half a step from its start.

    On the other direction only where it runs on a carriageway of its own.
    """
    frames = []
    for route in routes:
        for section in route.sections:
            there: npt.NDArray[np.int64] = np.empty(0, np.int64)
            for drive in section.drives:
                at = np.arange(drive.start_m + step_m / 2, drive.end_m, step_m)
                inside = inside_intervals(index, drive, region)
                at = at[[bool(((inside[:, 0] <= x) & (x <= inside[:, 1])).any()) for x in at]]
                frame = points_on(index, route.ref, section.number, drive, at, digits=1, lang=lang)
                segment = index.graph.edge_segment[drive.edges]
                frames.append(frame[~np.isin(segment[frame["edge"].to_numpy(np.int64)], there)])
                there = np.append(there, segment)
    return united(frames)


def points_on(
    index: RoadIndex,
    ref: str,
    section: int,
    drive: Drive,
    at: FloatArray,
    *,
    digits: int,
    lang: str,
) -> gpd.GeoDataFrame:
    """Points on a drive, named after their chainage: ``id, kind, name, edge``."""
    found = locate(index, drive, at)
    way = "" if drive.direction == "forward" else "-back"
    marks = [f"{x / M_PER_KM:.{digits}f}" for x in at]
    table = pd.DataFrame(
        {
            "id": [f"route_point-{ref}-{section}-{mark}{way}" for mark in marks],
            "kind": "route_point",
            "name": place_names(at / M_PER_KM, lang, ref, section, drive.direction),
            "edge": found["edge"],
        }
    )
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(found["lon"], found["lat"]), crs=WGS84)


def united(frames: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Points of several drives as candidates: ``id, kind, name``."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return gpd.GeoDataFrame(columns=["id", "kind", "name"], geometry=[], crs=WGS84)
    table = pd.concat(filled, ignore_index=True).drop(columns="edge")
    return gpd.GeoDataFrame(table, geometry="geometry", crs=WGS84)


def _excluded(candidates: gpd.GeoDataFrame, sites: gpd.GeoDataFrame) -> pd.Series:
    """Why a candidate is out: a site is there already, or an earlier candidate is."""
    reason = pd.Series(None, index=candidates.index, dtype=object)
    here = _radians(candidates)
    near = BallTree(here, metric="haversine").query_radius(here, APART_M / EARTH_RADIUS_M)
    kept = np.zeros(len(candidates), dtype=bool)
    kinds = candidates["kind"].to_numpy()
    for i, others in enumerate(near):  # in order, so that the earlier kind wins
        rivals = others[(others < i) & kept[others]]
        # Two of one kind are told apart on purpose: the two sides of a service area, two car parks.
        kept[i] = not (kinds[rivals] != kinds[i]).any()
    reason[~kept] = "same_place"
    if len(sites):
        distance = BallTree(_radians(sites), metric="haversine").query(here)[0][:, 0] * EARTH_RADIUS_M
        reason[kept & (distance <= APART_M)] = "has_site"
    return reason


def free_beside_sites(candidates: gpd.GeoDataFrame, context: RoadContext, access_km: float) -> pd.Series[Any]:
    """Why candidates are out, without those beside a site that gives nothing to their place.

    What is built at a site that falls short is an upgrade of that site. But a site on the other side of the road does
    nothing for this one: a place is taken only if a public charging site within :data:`APART_M` serves every direction
    that the place would serve; one side of a service area only if a charger belongs to that side.

    Parameters
    ----------
    candidates : GeoDataFrame
        See :func:`find_candidates`.
    context : RoadContext
    access_km : float
        Driving distance within which a site serves a route.
    """
    reason: pd.Series[Any] = candidates["excluded"].copy()
    sites = context.inputs.sites
    here = (reason == "has_site").to_numpy(bool)
    if not here.any():
        return reason
    side = here & (candidates["kind"] == "service_area").to_numpy(bool)
    held = _sides_with_chargers(context.inputs)
    reason[side & ~candidates["id"].isin(held)] = None
    running = exists(sites)
    counts = np.flatnonzero(
        running & (sites["kind"] == "charging") & (sites["access"] != "restricted").fillna(True)
    )
    others = np.flatnonzero(here & ~side)
    points = candidates.geometry.iloc[others]
    found = find_served(
        context.index,
        context.routes,
        context.snapper.snap(lonlat(points)),
        lonlat(points),
        access_m=access_km * M_PER_KM,
        snapper=context.snapper,
    )
    served, mine = (_directions(table) for table in (context.access(access_km).served, found))
    near: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)] * len(others)
    if len(counts) and len(others):
        tree = BallTree(_radians(sites.iloc[counts]), metric="haversine")
        near = list(tree.query_radius(_radians(candidates.iloc[others]), APART_M / EARTH_RADIUS_M))
    free = []
    for k, at in enumerate(near):
        given = set().union(*(served.get(int(site), set()) for site in counts[at]))
        free.append(not len(at) or not mine.get(k, set()) <= given)
    reason.iloc[others[np.array(free, dtype=bool)]] = None
    return reason


def _sides_with_chargers(inputs: Inputs) -> set[str]:
    """Ids of candidates at sides of service areas to which a charger in operation belongs."""
    areas = inputs.facilities[inputs.facilities["kind"].isin(SERVICE_KINDS)]
    running = inputs.chargers[exists(inputs.chargers)]
    at, _ = assign_chargers(areas, running, SiteRequirement(same_side=True))
    return set("service_area-" + areas["id"].astype(str).iloc[at])


def _directions(served: pd.DataFrame) -> dict[int, set[tuple[object, ...]]]:
    """Directions that each site serves."""
    found: dict[int, set[tuple[object, ...]]] = {}
    for row in served[["site", "ref", "section", "direction"]].itertuples(index=False):
        found.setdefault(int(row[0]), set()).add(tuple(row[1:]))
    return found


def _radians(points: gpd.GeoDataFrame) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = np.radians(np.column_stack([points.geometry.y, points.geometry.x]))
    return found


SAME_SITE_M = 1.0
"""Where the two directions leave for one site lies this close together on a common scale."""


def route_points_at(
    context: RoadContext,
    lines: Iterable[SpacingLine],
    span_m: float,
    *,
    close_shared: bool = False,
    digits: int = 4,
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
    digits : int
        Decimals of the marks in the ids.

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
        if line.judged_m != ALL:  # a plan may stand a span from where the traffic changes, too
            other = np.append(other, line.own.chainage(np.minimum(line.judged_m, line.own.length_m)))
        found = [line.own.chainage(span_multiples(line.own, line.fixed_m, other, span_m))]
        if close_shared:
            far = line.whole.chainage(span_multiples(line.whole, line.fixed_m, other, span_m))
            found.append(far[line.own.contains(far)])
        at = np.concatenate(found)
        at = at[np.unique(at.round(3), return_index=True)[1]]
        if len(at):
            at = as_snapped(context, line.drive, at)
            frames.append(
                points_on(context.index, ref, number, line.drive, at, digits=digits, lang=context.lang)
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


def as_snapped(context: RoadContext, drive: Drive, at: FloatArray) -> FloatArray:
    """Chainages to draw points at so that the roads, asked where these lie, say ``at``: to a tenth of a millimetre.

    A point is drawn on a straight line between two vertices and read back along the Earth's surface; over a road of
    100 km without a vertex these differ by metres.
    """
    drawn, graph = at.copy(), context.graph
    for _ in range(4):
        found = locate(context.index, drive, drawn)
        k = found["edge"].to_numpy(np.int64)
        snapped = context.snapper.snap(found[["lon", "lat"]].to_numpy(np.float64))
        edge = drive.edges[k]
        segment = graph.edge_segment[edge]
        share = snapped.offset_m / np.maximum(graph.seg_length_m[segment], 1e-9)
        share = np.where(graph.edge_reversed[edge], 1.0 - share, share)
        read = drive.from_m[k] + share * (drive.to_m[k] - drive.from_m[k])
        error = np.where(snapped.segment == segment, at - read, 0.0)
        drawn = np.clip(drawn + error, drive.low_m[k], drive.high_m[k])
    return drawn
