"""Road networks: reading OpenStreetMap, regions, features, exchange with OSMnx."""

from .cutting import clip_graph
from .download import fetch_osm
from .graph import RoadGraph, travel_time_s
from .interchange import from_networkx, to_networkx
from .osm.features import read_features, read_region_from_osm
from .osm.network import OsmExtract, OsmReport, read_network, read_osm
from .region import Region, graph_inside, read_region

__all__ = [
    "OsmExtract",
    "OsmReport",
    "Region",
    "RoadGraph",
    "clip_graph",
    "fetch_osm",
    "from_networkx",
    "graph_inside",
    "read_features",
    "read_network",
    "read_osm",
    "read_region",
    "read_region_from_osm",
    "to_networkx",
    "travel_time_s",
]
