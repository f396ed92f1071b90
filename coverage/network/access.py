"""Which sites serve which direction of which route, by driving there and back, and by which roads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import csgraph

from .distances import AnchoredGraph, Pairs, distances_within, subgraph
from .geometry import ground_scale, mercator
from .graph import BoolArray, FloatArray, IntArray
from .routes import Drive, RoadIndex, Route, drives_by_key
from .snapping import Snapped, Snapper

ACCESS_M = 3000.0
"""Driving distance from the route to a site, and back, by default."""
FAR_FACTOR = 4.0
"""For sites near a route that don't serve it, distances are looked for up to so many times the access distance."""
KEY = ["ref", "section", "direction"]
REASONS = ("no_road", "island", "wrong_side", "no_way_back", "too_far_by_road")
Numbered = list[tuple[str, int, str, Drive]]


@dataclass(frozen=True, eq=False)
class Access:
    """Which sites serve which routes.

    Attributes
    ----------
    served : DataFrame
        One row per site and direction it serves: ``site`` (position), ``ref``, ``section``, ``direction``,
        ``chainage_m`` (where the shortest way leaves the route), ``distance_m`` (route to site),
        ``back_m`` (site to the same direction). Sorted by route, direction, chainage, site.
    near : DataFrame
        One row per site and direction within the access distance in a straight line but not served: ``site``,
        ``ref``, ``section``, ``direction``, ``straight_m``, ``distance_m``, ``back_m`` (NaN beyond four times
        the access distance), ``reason`` (one of ``REASONS``), and ``chainage_m``: where a site on a cut-off piece of
        a route would serve it, NaN for all others.
    access_m : float
        The access distance.
    """

    served: pd.DataFrame
    near: pd.DataFrame
    access_m: float


def find_access(
    index: RoadIndex,
    routes: Sequence[Route],
    snapped: Snapped,
    points: FloatArray | None = None,
    *,
    access_m: float = ACCESS_M,
    snapper: Snapper | None = None,
) -> Access:
    """Find which sites serve which directions of the routes.

    A site serves a direction if one can drive from the route to the site within the access distance, and from
    the site back onto the same direction within the access distance. (Both, each for itself: the cautious
    reading of "within the access distance and back".) Distances run on the directed graph from the exact
    places; a site on the carriageway itself has distance 0. It doesn't matter whether one comes back before
    or behind the place where one left. What is too far from the road itself may lie on or at a parallel carriageway:
    it serves the route where one leaves the road for that.

    A site that stands on a cut-off piece of a route serves nothing, and is not moved to another road.

    Parameters
    ----------
    index : RoadIndex
    routes : sequence of Route
    snapped : Snapped
        The sites.
    points : (k, 2) float64, optional
        Longitude, latitude of the sites, EPSG:4326, for straight lines; ``snapped.xy`` by default.
    access_m : float
    snapper : Snapper, optional
        That of the sites, lest it is made anew where sites stand on roads that are cut off.

    Returns
    -------
    Access
    """
    xy = snapped.xy if points is None else np.asarray(points, dtype=np.float64).reshape(-1, 2)
    reach = _reach(index, routes, snapped, xy, access_m, snapper)
    near = _near(index, reach.drives, xy, access_m)
    missed = _with_cut_off(_missed(reach, near, access_m), reach.cut_off)
    served = _served_table(_named(reach.served, reach.drives))
    return Access(served, _near_table(_named(missed, reach.drives), served, access_m), access_m)


def find_served(
    index: RoadIndex,
    routes: Sequence[Route],
    snapped: Snapped,
    points: FloatArray | None = None,
    *,
    access_m: float = ACCESS_M,
    snapper: Snapper | None = None,
) -> pd.DataFrame:
    """Which places serve which directions: ``Access.served`` alone, without a look at what does not serve."""
    xy = snapped.xy if points is None else np.asarray(points, dtype=np.float64).reshape(-1, 2)
    reach = _reach(index, routes, snapped, xy, access_m, snapper)
    return _served_table(_named(reach.served, reach.drives))


@dataclass(frozen=True, eq=False)
class _Reach:
    """Sites on usable roads, the places they are driven to from, what they serve, and what cut-off ones would."""

    drives: Numbered
    snapped: Snapped
    anchored: AnchoredGraph
    places: pd.DataFrame
    served: pd.DataFrame
    cut_off: pd.DataFrame


def _reach(
    index: RoadIndex,
    routes: Sequence[Route],
    snapped: Snapped,
    xy: FloatArray,
    access_m: float,
    snapper: Snapper | None,
) -> _Reach:
    drives: Numbered = [(*key, drive) for key, drive in drives_by_key(routes).items()]
    rows = np.flatnonzero(snapped.island & np.isfinite(xy).all(axis=1))
    cut_off = pd.DataFrame(
        {"site": rows[:0], "drive": rows[:0], "chainage_m": [], "distance_m": [], "back_m": []}
    )
    if len(rows) and drives:
        there = (snapper or index.graph.snapper).snap(xy[rows], islands=True)
        rows, there = rows[there.island], there.take(there.island)
        anchored = AnchoredGraph(index.graph, there)
        cut_off = _served(anchored, leaving_places(index, drives, routes, anchored), there, access_m)
        cut_off = cut_off.assign(site=rows[cut_off["site"].to_numpy(np.int64)])
        segment = snapped.segment.copy()
        segment[cut_off["site"]] = -1
        snapped = replace(snapped, segment=segment)
    anchored = AnchoredGraph(index.graph, snapped)
    places = leaving_places(index, drives, routes, anchored)
    served = _served(anchored, places, snapped, access_m)
    return _Reach(drives, snapped, anchored, places, served, cut_off)


def _served(anchored: AnchoredGraph, places: pd.DataFrame, snapped: Snapped, access_m: float) -> pd.DataFrame:
    both = _both_ways(anchored, places, np.flatnonzero(snapped.found), access_m)
    return both[(both["distance_m"] <= access_m) & (both["back_m"] <= access_m)]


def _with_cut_off(missed: pd.DataFrame, cut_off: pd.DataFrame) -> pd.DataFrame:
    """Put what cut-off sites would serve in the place of what was not found for them."""
    found = missed.merge(cut_off, on=["site", "drive"], how="left", suffixes=("", "_there"))
    for column in ("distance_m", "back_m"):
        found[column] = found[column].fillna(found.pop(f"{column}_there"))
    return found


def leaving_places(
    index: RoadIndex, drives: Numbered, routes: Sequence[Route], anchored: AnchoredGraph
) -> pd.DataFrame:
    """Places where one can leave or join: nodes, and sites on the edges, of the drives and of what runs beside them."""
    graph, snapped = index.graph, anchored.snapped
    number = {key[:3]: k for k, key in enumerate(drives)}
    # drive, edges, chainage at the start and the end of each edge, whether beside the road
    lines = [(k, d.edges, d.from_m, d.to_m, False) for k, (_, _, _, d) in enumerate(drives)]
    lines += [
        (number[(r.ref, p.section, p.direction)], p.edges, p.leave_m[:-1], p.leave_m[:-1], True)
        for r in routes
        for p in r.parallel
    ]
    none = np.empty(0, dtype=np.int64)
    parts = [(none, none, np.empty(0), np.empty(0, dtype=bool))]
    for k, edges, from_m, to_m, beside in lines:
        node = np.append(graph.edge_u[edges], graph.edge_v[edges[-1:]])
        at = np.append(from_m, to_m[-1:])
        parts.append((np.full(len(node), k), node, at, np.full(len(node), beside)))
    if lines and snapped is not None and snapped.found.any():
        size = [len(edges) for _, edges, *_ in lines]
        table = pd.DataFrame(
            {
                "drive": np.repeat([k for k, *_ in lines], size),
                "edge": np.concatenate([edges for _, edges, *_ in lines]),
                "from_m": np.concatenate([from_m for _, _, from_m, _, _ in lines]),
                "to_m": np.concatenate([to_m for _, _, _, to_m, _ in lines]),
                "beside": np.repeat([beside for *_, beside in lines], size),
            }
        )
        parts.append(_places_of_sites(index, table, anchored, snapped))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return pd.DataFrame(dict(zip(("drive", "node", "chainage_m", "beside"), columns, strict=True)))


def _places_of_sites(
    index: RoadIndex, table: pd.DataFrame, anchored: AnchoredGraph, snapped: Snapped
) -> tuple[IntArray, IntArray, FloatArray, BoolArray]:
    graph = index.graph
    table = table.assign(segment=graph.edge_segment[table["edge"]])
    at = np.flatnonzero(snapped.found)
    sites = pd.DataFrame({"segment": snapped.segment[at], "site": at, "offset_m": snapped.offset_m[at]})
    on = sites.merge(table, on="segment")
    length = graph.seg_length_m[on["segment"]]
    share = np.divide(on["offset_m"], length, out=np.zeros(len(on)), where=length > 0)
    share = np.where(graph.edge_reversed[on["edge"]], 1.0 - share, share)
    chainage = on["from_m"] + share * (on["to_m"] - on["from_m"])
    return on["drive"].to_numpy(), anchored.anchors[on["site"]], chainage.to_numpy(), on["beside"].to_numpy()


def _both_ways(
    anchored: AnchoredGraph, places: pd.DataFrame, sites: IntArray, limit_m: float
) -> pd.DataFrame:
    """Per site and drive: chainage and distance of the shortest way there, and distance of the shortest back.

    The way there starts from a parallel carriageway only if none starts from the road itself.
    """
    nodes = np.unique(places["node"].to_numpy())
    to = distances_within(anchored, anchored.anchors[sites], nodes, limit_m, reverse=True)
    back = distances_within(anchored, anchored.anchors[sites], nodes, limit_m)
    best_to = shortest_by_drive(to, nodes, sites, places[~places["beside"]])
    if places["beside"].any():
        best_to = pd.concat([best_to, shortest_by_drive(to, nodes, sites, places)]).drop_duplicates(
            ["site", "drive"]
        )
    best_to = best_to.rename(columns={"d": "distance_m"})
    best_back = (
        shortest_by_drive(back, nodes, sites, places)
        .rename(columns={"d": "back_m"})
        .drop(columns="chainage_m")
    )
    return best_to.merge(best_back, on=["site", "drive"], how="outer").sort_values(["site", "drive"])


def shortest_by_drive(pairs: Pairs, nodes: IntArray, sites: IntArray, places: pd.DataFrame) -> pd.DataFrame:
    """Shortest distance per site and drive; of equal ones (to the millimetre) the smallest chainage."""
    found = pd.DataFrame({"site": sites[pairs.source], "node": nodes[pairs.target], "d": pairs.distance_m})
    found = found.merge(places, on="node")
    found["mm"] = found["d"].round(3)
    found = found.sort_values(["site", "drive", "mm", "chainage_m"])
    return found.drop_duplicates(["site", "drive"])[["site", "drive", "chainage_m", "d"]]


def _near(index: RoadIndex, drives: Numbered, points: FloatArray, access_m: float) -> pd.DataFrame:
    """Sites and drives within the access distance in a straight line."""
    empty = pd.DataFrame(
        {"site": np.empty(0, np.int64), "drive": np.empty(0, np.int64), "straight_m": np.empty(0)}
    )
    ok = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not drives or not len(ok):
        return empty
    edges = np.concatenate([d.edges for *_, d in drives])
    of = np.concatenate([np.full(len(d.edges), k) for k, (*_, d) in enumerate(drives)])
    segment, which = np.unique(index.graph.edge_segment[edges], return_inverse=True)
    lines = shapely.transform(index.graph.lines(segment), mercator)
    xy = mercator(points[ok])
    scale = ground_scale(xy[:, 1])
    at = np.atleast_1d(np.asarray(shapely.points(xy), dtype=object))
    site, near = shapely.STRtree(lines).query(at, predicate="dwithin", distance=access_m / scale)
    found = pd.DataFrame(
        {"site": ok[site], "line": near, "straight_m": shapely.distance(at[site], lines[near]) * scale[site]}
    )
    found = found.merge(pd.DataFrame({"line": which, "drive": of}).drop_duplicates(), on="line")
    return found.groupby(["site", "drive"])["straight_m"].min().reset_index()


def _missed(reach: _Reach, near: pd.DataFrame, access_m: float) -> pd.DataFrame:
    """What is near but not served, with its distances and the reason."""
    snapped = reach.snapped
    missed = near.merge(reach.served[["site", "drive"]], on=["site", "drive"], how="left", indicator=True)
    missed = missed[missed["_merge"] == "left_only"].drop(columns="_merge")
    sites = np.unique(missed["site"].to_numpy(dtype=np.int64))
    sites = sites[snapped.found[sites]]
    wide = _both_ways(reach.anchored, reach.places, sites, FAR_FACTOR * access_m).drop(columns="chainage_m")
    missed = missed.merge(wide, on=["site", "drive"], how="left")
    site = missed["site"].to_numpy(dtype=np.int64)
    return missed.assign(found=snapped.found[site], island=snapped.island[site])


def _named(table: pd.DataFrame, drives: Numbered) -> pd.DataFrame:
    """Put ref, section and direction in the place of the drive's number."""
    number = table["drive"].to_numpy(dtype=np.int64)
    return table.assign(
        ref=np.array([drives[k][0] for k in number], dtype=object),
        section=np.array([drives[k][1] for k in number], dtype=np.int64),
        direction=np.array([drives[k][2] for k in number], dtype=object),
    ).drop(columns="drive")


def _served_table(served: pd.DataFrame) -> pd.DataFrame:
    columns = ["site", *KEY, "chainage_m", "distance_m", "back_m"]
    return served[columns].sort_values([*KEY, "chainage_m", "site"]).reset_index(drop=True)


def _near_table(missed: pd.DataFrame, served: pd.DataFrame, access_m: float) -> pd.DataFrame:
    """Add the reason: the first that holds, in the order of ``REASONS``."""
    other = served[["site", "ref", "section"]].drop_duplicates().assign(other=True)
    missed = missed.merge(other, on=["site", "ref", "section"], how="left")
    holds = [
        ~missed["found"] & ~missed["island"],
        ~missed["found"],
        missed["other"].notna(),
        missed["distance_m"] <= access_m,
    ]
    missed["reason"] = np.select([h.to_numpy(dtype=bool) for h in holds], list(REASONS[:4]), REASONS[4])
    columns = ["site", *KEY, "straight_m", "distance_m", "back_m", "reason", "chainage_m"]
    return missed[columns].sort_values(["site", *KEY]).reset_index(drop=True)


# -- the roads one takes from a route to a site ----------------------------------------------------------


SAME_M = 0.002
"""Chainages are compared to the millimetre."""


def access_segments(
    index: RoadIndex, routes: Sequence[Route], snapped: Snapped, served: pd.DataFrame, *, access_m: float
) -> list[IntArray]:
    """Segments of the shortest way from the route to the site.

    Parameters
    ----------
    index : RoadIndex
    routes : sequence of Route
    snapped : Snapped
        The sites.
    served : DataFrame
        Rows of ``Access.served``: ``site, ref, section, direction, chainage_m``.
    access_m : float
        The access distance that ``served`` was found with.

    Returns
    -------
    list of (k,) int64
        For each row the segments in driving order, each once; none where the site lies on the carriageway.
    """
    site = served["site"].to_numpy(np.int64)
    unique, which = np.unique(site, return_inverse=True)
    anchored = AnchoredGraph(index.graph, snapped.take(unique))
    drives = drives_by_key(routes)
    keys = list(zip(served["ref"], served["section"].astype(int), served["direction"], strict=True))
    chainage = served["chainage_m"].to_numpy(float)
    found: list[IntArray] = [np.empty(0, np.int64)] * len(served)
    scratch = np.full(anchored.n, -1, dtype=np.int64)
    for number in range(len(unique)):
        tree = _Tree(anchored, number, access_m, scratch)
        for row in np.flatnonzero(which == number).tolist():
            places = _nodes_at(index, drives[keys[row]], float(chainage[row]))
            found[row] = _segments(index, anchored, tree.way(places))
    return found


class _Tree:
    """Shortest ways to one place."""

    def __init__(self, anchored: AnchoredGraph, number: int, limit_m: float, scratch: IntArray) -> None:
        anchor = anchored.anchors[number : number + 1]
        self.nodes = anchored.near(anchor, limit_m)
        part = subgraph(anchored.csr_reversed, self.nodes, scratch)
        distance, following = csgraph.dijkstra(
            part,
            directed=True,
            indices=np.searchsorted(self.nodes, anchor),
            limit=limit_m + 1.0,
            return_predecessors=True,
        )
        self.distance, self.next = distance[0], following[0]

    def way(self, places: IntArray) -> IntArray:
        """Nodes from the nearest of some places to the site."""
        at = np.minimum(np.searchsorted(self.nodes, places), len(self.nodes) - 1)
        at = at[(self.nodes[at] == places) & np.isfinite(self.distance[at])]
        if not len(at):
            return np.empty(0, np.int64)
        node = int(at[np.argmin(self.distance[at])])
        way = [node]
        while (node := int(self.next[node])) >= 0:
            way.append(node)
        return np.asarray(self.nodes[np.array(way)], dtype=np.int64)


def _nodes_at(index: RoadIndex, drive: Drive, chainage_m: float) -> IntArray:
    """Nodes of a drive at a chainage."""
    at: FloatArray = np.append(drive.from_m, drive.to_m[-1:])
    node = np.append(index.graph.edge_u[drive.edges], index.graph.edge_v[drive.edges[-1:]])
    return np.unique(node[np.abs(at - chainage_m) <= SAME_M])


def _segments(index: RoadIndex, anchored: AnchoredGraph, way: IntArray) -> IntArray:
    """Segments between the nodes of a way, each once, in driving order."""
    graph, snapped = index.graph, anchored.snapped
    assert snapped is not None
    found = []
    for a, b in zip(way[:-1].tolist(), way[1:].tolist(), strict=True):
        if max(a, b) >= graph.n_nodes:
            found.append(int(snapped.segment[max(a, b) - graph.n_nodes]))
            continue
        out = index.out_edge[index.out_ptr[a] : index.out_ptr[a + 1]]
        out = out[graph.edge_v[out] == b]
        found.append(int(graph.edge_segment[out[np.argmin(graph.edge_length_m[out])]]))
    return np.array(list(dict.fromkeys(found)), dtype=np.int64)
