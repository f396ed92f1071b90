"""Lengths of real roads against a second reading of the file: plain osmium and pyproj, way by way."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

import networkx
import numpy as np
import osmium
import pytest
from plugspan import read_network
from plugspan.network.osm.tags import ACCESS_KEYS, DENIED, DRIVABLE, DROPPED_SERVICE
from plugspan.network.refs import RoadClasses, route_segments
from plugspan.network.routes import RoadIndex, find_routes
from pyproj import Geod

GEOD = Geod(ellps="WGS84")
ANY = RoadClasses.from_mapping({"any": [".+"]})
LONG_M = 3000.0


def roads(path):
    """Yield (nodes, their places, one-way, refs of its own) of each road a car may drive on; links bear no number.

    One-way roads are given in driving order.
    """
    for way in osmium.FileProcessor(str(path)).with_locations():
        if not way.is_way():
            continue
        tags = dict(way.tags)
        access = next((tags[k] for k in ACCESS_KEYS if k in tags), "yes")
        left_out = tags.get("area") == "yes" or access in DENIED or tags.get("service") in DROPPED_SERVICE
        if tags.get("highway") not in DRIVABLE or left_out:
            continue
        nodes = [(n.ref, n.location.lon, n.location.lat) for n in way.nodes if n.location.valid()]
        said = tags.get("oneway")
        circle = tags.get("junction") in ("roundabout", "circular")
        free = said not in ("no", "false", "0", "reversible", "alternating")
        implied = free and (circle or tags["highway"] in ("motorway", "motorway_link"))
        one_way = said in ("yes", "true", "1", "-1", "reverse") or implied
        ref = "" if tags["highway"].endswith("_link") else unicodedata.normalize("NFKC", tags.get("ref", ""))
        tokens = {re.sub(r"\s", "", part) for part in re.split("[;/、,]", ref)} - {""}
        ids, *lonlat = (
            np.array(nodes[::-1] if said in ("-1", "reverse") else nodes).T if nodes else ([], [], [])
        )
        yield np.asarray(ids, np.int64), np.array(lonlat), one_way, tokens


def length_m(lonlat):
    """Length of a way."""
    return GEOD.line_length(*lonlat) if lonlat.shape[1] > 1 else 0.0


@pytest.mark.extra_data
@pytest.mark.parametrize("name", ["andorra", "liechtenstein", "oslo-east", "helsinki"])
def test_every_number_is_as_long_as_its_ways(extra_data, name):
    """All roads together, and each number over 3 km.

    Without what is bridged, and with what runs beside the road or leads nowhere, a number has its two-way ways, half
    of its one-way ways, and once more half of those that have no other direction: to 0.1 %.
    """
    path = extra_data / "osm" / f"{name}.osm.pbf"
    graph = read_network(path)
    total, drawn, counted = 0.0, defaultdict(float), defaultdict(float)
    for _, lonlat, one_way, tokens in roads(path):
        size = length_m(lonlat)
        total += size
        for token in tokens:
            drawn[token] += size
            counted[token] += size / 2 if one_way else size
    ferry_m = graph.seg_length_m[graph.segments["ferry"].to_numpy(bool)].sum()
    assert graph.seg_length_m.sum() - ferry_m == pytest.approx(total, rel=1e-3)
    routes = {route.ref: route for route in find_routes(graph, ANY)}
    bears = route_segments(graph, ANY)
    for ref in (token for token, size in drawn.items() if size > LONG_M):
        drives = [d for s in routes[ref].sections for d in s.drives]
        bridged = sum(d.counted_m[d.inferred].sum() for d in drives)
        alone = sum(((d.weight - 0.5) * np.abs(d.to_m - d.from_m))[~d.inferred].sum() for d in drives)
        other = np.isin(graph.edge_segment, bears[ref])
        other[np.concatenate([d.edges for d in drives])] = False
        other &= ~np.isin(graph.edge_segment, routes[ref].left_out)
        beside = graph.edge_length_m[other].sum() / 2
        assert beside <= 0.2 * counted[ref]
        assert routes[ref].length_m - bridged - alone + beside == pytest.approx(counted[ref], rel=1e-3), ref


@pytest.mark.extra_data
@pytest.mark.parametrize("name", ["andorra", "liechtenstein", "oslo-east"])
def test_every_drive_is_the_way_along_its_number(extra_data, name):
    """From end to end of each stretch that is driven without a break, over the ways of the number alone.

    The drive is not shorter than the shortest way, which networkx finds on the ways as they are drawn, and no more
    than 0.3 % longer, unless a parallel carriageway is shorter than the road.
    """
    path = extra_data / "osm" / f"{name}.osm.pbf"
    graph, ways = read_network(path), defaultdict(networkx.DiGraph)
    for ids, lonlat, one_way, tokens in roads(path):
        steps = GEOD.inv(*lonlat[:, :-1], *lonlat[:, 1:])[2] if len(ids) > 1 else []
        for token in tokens:
            ways[token].add_weighted_edges_from(zip(ids[:-1].tolist(), ids[1:].tolist(), steps, strict=True))
            if not one_way:
                ways[token].add_weighted_edges_from(
                    zip(ids[1:].tolist(), ids[:-1].tolist(), steps, strict=True)
                )
    tried = 0
    circle = RoadIndex(graph).node_roundabout
    place = np.where(circle >= 0, -1 - circle, np.arange(graph.n_nodes))
    for route in find_routes(graph, ANY):
        saved = sum(max(0.0, abs(p.to_m - p.from_m) - p.length_m) for p in route.parallel)
        for drive in (d for s in route.sections for d in s.drives if not d.ring):
            start, end = graph.edge_u[drive.edges], graph.edge_v[drive.edges]
            stop = drive.inferred | np.append(drive.inferred[1:] | (end[:-1] != start[1:]), False)
            for run in np.split(np.arange(len(stop)), np.flatnonzero(stop) + 1):
                own = run[~drive.inferred[run]]
                driven = float(graph.edge_length_m[drive.edges[own]].sum())
                passed = place[np.append(start[own], end[own[-1:]])]
                passed = passed[
                    (passed >= 0) | (np.diff(passed, prepend=np.nan) != 0)
                ]  # a roundabout is one place
                if driven < 500.0 or len(np.unique(passed)) < len(passed):  # it comes back to where it was
                    continue
                ends = [int(graph.node_id[n]) for n in (start[own[0]], end[own[-1]])]
                shortest = networkx.shortest_path_length(ways[route.ref], *ends, weight="weight")
                assert shortest - 0.1 <= driven <= 1.003 * shortest + saved, (route.ref, drive.direction)
                tried += 1
    assert tried >= 2
