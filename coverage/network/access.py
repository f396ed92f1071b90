"""Which sites serve which direction of which route: by driving there and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from .distances import AnchoredGraph, Pairs, distances_within
from .graph import FloatArray, IntArray
from .routes import Drive, RoadIndex, Route
from .routes.geometry import ground_scale, mercator
from .snapping import Snapped

ACCESS_M = 3000.0
"""Driving distance from the route to a site, and back, by default."""
FAR_FACTOR = 4.0
"""For sites near a route that don't serve it, distances are looked for up to so many times the access distance."""
KEY = ["ref", "section", "direction"]
REASONS = ("no_road", "island", "wrong_side", "no_way_back", "too_far_by_road")


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
        the access distance), ``reason`` (one of ``REASONS``).
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
) -> Access:
    """Find which sites serve which directions of the routes.

    A site serves a direction if one can drive from the route to the site within the access distance, and from
    the site back onto the same direction within the access distance. (Both, each for itself: the cautious
    reading of "within the access distance and back".) Distances run on the directed graph from the exact
    places; a site on the carriageway itself has distance 0. It doesn't matter whether one comes back before
    or behind the place where one left.

    Parameters
    ----------
    index : RoadIndex
    routes : sequence of Route
    snapped : Snapped
        The sites.
    points : (k, 2) float64, optional
        Longitude, latitude of the sites, EPSG:4326, for straight lines; ``snapped.xy`` by default.
    access_m : float

    Returns
    -------
    Access
    """
    drives = _drives(routes)
    anchored = AnchoredGraph(index.graph, snapped)
    places = _places(index, drives, anchored)
    served = _served(anchored, places, snapped, access_m)
    xy = snapped.xy if points is None else np.asarray(points, dtype=np.float64).reshape(-1, 2)
    near = _near(index, drives, xy, access_m)
    missed = _missed(anchored, places, snapped, near, served, access_m)
    served = _served_table(_named(served, drives))
    return Access(served, _near_table(_named(missed, drives), served, access_m), access_m)


def find_served(
    index: RoadIndex, routes: Sequence[Route], snapped: Snapped, *, access_m: float = ACCESS_M
) -> pd.DataFrame:
    """Which places serve which directions: ``Access.served`` alone, without a look at what does not serve."""
    drives, anchored = _drives(routes), AnchoredGraph(index.graph, snapped)
    served = _served(anchored, _places(index, drives, anchored), snapped, access_m)
    return _served_table(_named(served, drives))


def _served(anchored: AnchoredGraph, places: pd.DataFrame, snapped: Snapped, access_m: float) -> pd.DataFrame:
    both = _both_ways(anchored, places, np.flatnonzero(snapped.found), access_m)
    return both[(both["distance_m"] <= access_m) & (both["back_m"] <= access_m)]


Numbered = list[tuple[str, int, str, Drive]]


def _drives(routes: Sequence[Route]) -> Numbered:
    return [(r.ref, s.number, d.direction, d) for r in routes for s in r.sections for d in s.drives]


def _places(index: RoadIndex, drives: Numbered, anchored: AnchoredGraph) -> pd.DataFrame:
    """Places on the drives where one can leave or join: their nodes, and sites on their edges."""
    graph, snapped = index.graph, anchored.snapped
    parts = []
    for number, (_, _, _, drive) in enumerate(drives):
        node = np.append(graph.edge_u[drive.edges], graph.edge_v[drive.edges[-1:]])
        parts.append((np.full(len(node), number), node, np.append(drive.from_m, drive.to_m[-1:])))
    edge_drive = [np.full(len(d.edges), number) for number, (_, _, _, d) in enumerate(drives)]
    if drives and snapped is not None and snapped.found.any():
        table = pd.DataFrame(
            {
                "drive": np.concatenate(edge_drive),
                "edge": np.concatenate([d.edges for *_, d in drives]),
                "from_m": np.concatenate([d.from_m for *_, d in drives]),
                "to_m": np.concatenate([d.to_m for *_, d in drives]),
            }
        )
        parts.append(_places_of_sites(index, table, anchored, snapped))
    parts.append((np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return pd.DataFrame(dict(zip(("drive", "node", "chainage_m"), columns, strict=True)))


def _places_of_sites(
    index: RoadIndex, table: pd.DataFrame, anchored: AnchoredGraph, snapped: Snapped
) -> tuple[IntArray, IntArray, FloatArray]:
    graph = index.graph
    table = table.assign(segment=graph.edge_segment[table["edge"]])
    at = np.flatnonzero(snapped.found)
    sites = pd.DataFrame({"segment": snapped.segment[at], "site": at, "offset_m": snapped.offset_m[at]})
    on = sites.merge(table, on="segment")
    length = graph.seg_length_m[on["segment"]]
    share = np.divide(on["offset_m"], length, out=np.zeros(len(on)), where=length > 0)
    share = np.where(graph.edge_reversed[on["edge"]], 1.0 - share, share)
    chainage = on["from_m"] + share * (on["to_m"] - on["from_m"])
    return on["drive"].to_numpy(), anchored.anchors[on["site"]], chainage.to_numpy()


def _both_ways(
    anchored: AnchoredGraph, places: pd.DataFrame, sites: IntArray, limit_m: float
) -> pd.DataFrame:
    """Per site and drive: chainage and distance of the shortest way there, and distance of the shortest back."""
    nodes = np.unique(places["node"].to_numpy())
    to = distances_within(anchored, anchored.anchors[sites], nodes, limit_m, reverse=True)
    back = distances_within(anchored, anchored.anchors[sites], nodes, limit_m)
    best_to = _best(to, nodes, sites, places).rename(columns={"d": "distance_m"})
    best_back = _best(back, nodes, sites, places).rename(columns={"d": "back_m"}).drop(columns="chainage_m")
    return best_to.merge(best_back, on=["site", "drive"], how="outer").sort_values(["site", "drive"])


def _best(pairs: Pairs, nodes: IntArray, sites: IntArray, places: pd.DataFrame) -> pd.DataFrame:
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


def _missed(
    anchored: AnchoredGraph,
    places: pd.DataFrame,
    snapped: Snapped,
    near: pd.DataFrame,
    served: pd.DataFrame,
    access_m: float,
) -> pd.DataFrame:
    """What is near but not served, with its distances and the reason."""
    missed = near.merge(served[["site", "drive"]], on=["site", "drive"], how="left", indicator=True)
    missed = missed[missed["_merge"] == "left_only"].drop(columns="_merge")
    sites = np.unique(missed["site"].to_numpy(dtype=np.int64))
    sites = sites[snapped.found[sites]]
    wide = _both_ways(anchored, places, sites, FAR_FACTOR * access_m).drop(columns="chainage_m")
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
    columns = ["site", *KEY, "straight_m", "distance_m", "back_m", "reason"]
    return missed[columns].sort_values(["site", *KEY]).reset_index(drop=True)
