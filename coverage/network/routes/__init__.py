"""Routes: the roads of one number, their sections, directions and chainage. See ``docs/routes.md``."""

from __future__ import annotations

from ..geometry import ground_scale, mercator, unmercator
from .clip import (
    OpenEnds,
    inside_intervals,
    locate,
    merge_intervals,
    open_ends,
    parallel_inside_m,
    path_between,
    paths_between,
    pieces_inside,
    segments_inside,
)
from .find import find_routes
from .index import RoadIndex
from .kilometre_posts import Counting, Mark
from .model import (
    Direction,
    Drive,
    DriveKey,
    ParallelCarriageway,
    Route,
    Section,
    drives_by_key,
    each_drive,
    edge_weight,
    network_length_m,
    segment_weight,
)

__all__ = [
    "Counting",
    "Direction",
    "Drive",
    "DriveKey",
    "Mark",
    "OpenEnds",
    "ParallelCarriageway",
    "RoadIndex",
    "Route",
    "Section",
    "drives_by_key",
    "each_drive",
    "edge_weight",
    "find_routes",
    "ground_scale",
    "inside_intervals",
    "locate",
    "mercator",
    "merge_intervals",
    "network_length_m",
    "open_ends",
    "parallel_inside_m",
    "path_between",
    "paths_between",
    "pieces_inside",
    "segment_weight",
    "segments_inside",
    "unmercator",
]
