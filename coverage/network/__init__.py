"""Road networks: reading OpenStreetMap, regions, features, exchange with OSMnx."""

from .features import read_features, read_region_from_osm
from .graph import RoadGraph
from .osm import OsmExtract, OsmReport, read_network, read_osm
from .region import Region, graph_inside, read_region

__all__ = [
    "OsmExtract",
    "OsmReport",
    "Region",
    "RoadGraph",
    "graph_inside",
    "read_features",
    "read_network",
    "read_osm",
    "read_region",
    "read_region_from_osm",
]
