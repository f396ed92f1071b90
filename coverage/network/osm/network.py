"""OpenStreetMap files in: the road graph, the features, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np

from ...errors import Fault, InputError
from ..build import build_graph
from ..graph import RoadGraph
from ..region import Region, contains
from .features import FEATURE_TAGS, feature_tables
from .files import OSM_SUFFIXES, OTHER_SUFFIXES, check_file, read_content
from .objects import Selection, draw
from .tags import why_dropped
from .ways import Ways


@dataclass(frozen=True)
class OsmReport:
    """What was read from an OSM file, what was left out and why.

    Attributes
    ----------
    ways : int
        Ways with ``highway`` or ``route``.
    kept : int
        Of these, ways on which the public drives.
    dropped : dict
        Reason -> number of ways (``"not-drivable"``, ``"area"``, ``"access"``, ``"minor-service"``).
    missing_nodes : int
        Vertices of kept ways whose node is not in the file; the way is cut there.
    short_ways : int
        Kept ways without two different nodes in the file.
    faults : tuple of Fault
        What the user should know, all of them warnings.
    """

    ways: int
    kept: int
    dropped: dict[str, int]
    missing_nodes: int
    short_ways: int
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class OsmExtract:
    """An OSM file's roads, its features (name -> points, lines or polygons in EPSG:4326), and the report."""

    roads: RoadGraph
    features: dict[str, gpd.GeoDataFrame]
    report: OsmReport


def read_network(path: str | Path, region: Region | None = None) -> RoadGraph:
    """Read a directed, simplified road graph with exact lengths.

    Parameters
    ----------
    path : path
        ``.osm.pbf``, ``.osm``, ``.osm.bz2``, ``.osm.gz``, ``.graphml`` or ``.gpkg`` written
        by OSMnx, or ``.parquet`` with segments of Overture Maps.
    region : Region, optional
        Keep what lies in the region and its halo. A road is cut at its last node inside.

    Returns
    -------
    RoadGraph
        EPSG:4326, lengths in metres.

    Raises
    ------
    InputError
        If there is no such file, it is damaged, of another kind, or holds no roads (in the region).
    """
    path = Path(path)
    suffix = check_file(path, OSM_SUFFIXES + OTHER_SUFFIXES)
    if suffix == ".parquet":
        from ..overture import read_overture

        return read_overture(path, region)
    if suffix in OTHER_SUFFIXES:
        from ..interchange import read_osmnx

        return read_osmnx(path, region)
    return read_roads(path, region)[0]


def read_osm(path: str | Path, region: Region | None = None) -> OsmExtract:
    """Read roads and features from an OSM file.

    Parameters
    ----------
    path : path
        ``.osm.pbf``, ``.osm``, ``.osm.bz2`` or ``.osm.gz``.
    region : Region, optional
        Keep what lies in the region and its halo.

    Raises
    ------
    InputError
        If there is no such file, it is damaged, of another kind, or holds no roads (in the region).
    """
    path = Path(path)
    check_file(path, OSM_SUFFIXES)
    content = read_content(path, Selection(roads=True, tags=FEATURE_TAGS))
    roads, report = roads_of(path, content.roads, region)
    return OsmExtract(roads, feature_tables(draw(content), region), report)


def read_roads(path: Path, region: Region | None) -> tuple[RoadGraph, OsmReport]:
    """Read the road graph, cut to the region and its halo, and the report on it from an OSM file.

    Raises
    ------
    InputError
        If the file holds no drivable road, or none in the region.
    """
    return roads_of(path, read_content(path, Selection(roads=True)).roads, region)


def roads_of(path: Path, ways: Ways, region: Region | None) -> tuple[RoadGraph, OsmReport]:
    """Build the road graph of ways read from a file; see :func:`read_roads`."""
    reasons = why_dropped(ways)
    keep = ~np.logical_or.reduce(list(reasons.values()))
    roads = ways.take(keep)
    inside = None if region is None else contains(region.with_halo, roads.node_xy)
    graph = build_graph(roads, inside)
    if not graph.seg_length_m.any():
        raise InputError(_no_roads(path, roads, region))
    dropped = {"not-drivable": ways.n_seen - len(ways.way_id)}
    dropped |= {reason: int(mask.sum()) for reason, mask in reasons.items()}
    return graph, _report(path, ways.n_seen, dropped, roads)


def _no_roads(path: Path, roads: Ways, region: Region | None) -> Fault:
    """Say why no road is left: there is none, or without its nodes, or without length, or none in the region."""
    n, bounds = len(roads.way_id), _bounds(roads)
    if n and not len(roads.node_id):
        return Fault("osm-no-nodes", file=str(path), values={"n_ways": n})
    inside = region is None or contains(region.with_halo, roads.node_xy).any()
    if n and inside:
        return Fault("osm-one-place", file=str(path), values={"n_ways": n, "bounds": bounds})
    key = "osm-none-in-region" if n else "osm-no-roads"
    return Fault(key, file=str(path), values={"bounds": bounds})


def _bounds(ways: Ways) -> str:
    """West, south, east, north of the nodes, for a message."""
    if not len(ways.node_xy):
        return "–"
    corners = [*ways.node_xy.min(axis=0), *ways.node_xy.max(axis=0)]
    return ", ".join(f"{value:.4f}" for value in corners)


def _report(path: Path, n_ways: int, dropped: dict[str, int], roads: Ways) -> OsmReport:
    """Count what is wrong with the ways that were kept."""
    missing = roads.vertex < 0
    u, v = roads.vertex[:-1], roads.vertex[1:]
    way = np.repeat(np.arange(len(roads.way_id)), np.diff(roads.ptr))
    step = (u >= 0) & (v >= 0) & (u != v) & (way[1:] == way[:-1])
    short = len(roads.way_id) - len(np.unique(way[:-1][step]))
    faults = []
    if missing.any():
        values = {"n_nodes": int(missing.sum()), "n_ways": len(np.unique(way[missing]))}
        faults.append(Fault("osm-missing-nodes", file=str(path), values=values, warning=True))
    if short:
        faults.append(Fault("osm-short-ways", file=str(path), values={"n_ways": short}, warning=True))
    return OsmReport(n_ways, len(roads.way_id), dropped, int(missing.sum()), short, tuple(faults))
