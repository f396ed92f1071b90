"""Lengths of real roads against a second reading of the file: plain osmium and pyproj, way by way."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

import numpy as np
import osmium
import pytest
from plugspan import read_network
from plugspan.network.osm.tags import ACCESS_KEYS, DENIED, DRIVABLE, DROPPED_SERVICE
from plugspan.network.refs import RoadClasses
from plugspan.network.routes import find_routes
from pyproj import Geod

GEOD = Geod(ellps="WGS84")
ANY = RoadClasses.from_mapping({"any": [".+"]})
LONG_M = 3000.0


def roads(path):
    """Yield (length, one-way, refs of its own) of each road a car may drive on; links bear no number."""
    for way in osmium.FileProcessor(str(path)).with_locations():
        if not way.is_way():
            continue
        tags = dict(way.tags)
        access = next((tags[k] for k in ACCESS_KEYS if k in tags), "yes")
        left_out = tags.get("area") == "yes" or access in DENIED or tags.get("service") in DROPPED_SERVICE
        if tags.get("highway") not in DRIVABLE or left_out:
            continue
        xy = [(n.location.lon, n.location.lat) for n in way.nodes if n.location.valid()]
        said = tags.get("oneway")
        circle = tags.get("junction") in ("roundabout", "circular")
        free = said not in ("no", "false", "0", "reversible", "alternating")
        implied = free and (circle or tags["highway"] in ("motorway", "motorway_link"))
        one_way = said in ("yes", "true", "1", "-1", "reverse") or implied
        ref = "" if tags["highway"].endswith("_link") else unicodedata.normalize("NFKC", tags.get("ref", ""))
        tokens = {re.sub(r"\s", "", part) for part in re.split("[;/、,]", ref)} - {""}
        yield (GEOD.line_length(*zip(*xy, strict=True)) if len(xy) > 1 else 0.0), one_way, tokens


@pytest.mark.extra_data
@pytest.mark.parametrize("name", ["andorra", "liechtenstein", "oslo-east", "helsinki"])
def test_every_number_is_as_long_as_its_ways(extra_data, name):
    """All roads together, and each number over 3 km.

    Without what is bridged a number has its two-way ways, half of its one-way ways, and once more half of
    those that have no other direction: to 0.1 %.
    """
    path = extra_data / "osm" / f"{name}.osm.pbf"
    graph = read_network(path)
    total, drawn, counted = 0.0, defaultdict(float), defaultdict(float)
    for length_m, one_way, tokens in roads(path):
        total += length_m
        for token in tokens:
            drawn[token] += length_m
            counted[token] += length_m / 2 if one_way else length_m
    ferry_m = graph.seg_length_m[graph.segments["ferry"].to_numpy(bool)].sum()
    assert graph.seg_length_m.sum() - ferry_m == pytest.approx(total, rel=1e-3)
    routes = {route.ref: route for route in find_routes(graph, ANY)}
    for ref in (token for token, length_m in drawn.items() if length_m > LONG_M):
        drives = [d for s in routes[ref].sections for d in s.drives]
        bridged = sum(d.counted_m[d.inferred].sum() for d in drives)
        alone = sum(((d.weight - 0.5) * np.abs(d.to_m - d.from_m))[~d.inferred].sum() for d in drives)
        assert routes[ref].length_m - bridged - alone == pytest.approx(counted[ref], rel=1e-3), ref
