"""Driving times."""

from __future__ import annotations

import numpy as np

from .graph import FloatArray, RoadGraph

DEFAULT_KMH = {
    "motorway": 100.0,
    "motorway_link": 50.0,
    "trunk": 80.0,
    "trunk_link": 45.0,
    "primary": 65.0,
    "primary_link": 40.0,
    "secondary": 55.0,
    "secondary_link": 35.0,
    "tertiary": 45.0,
    "tertiary_link": 30.0,
    "unclassified": 40.0,
    "road": 40.0,
    "residential": 30.0,
    "living_street": 10.0,
    "service": 15.0,
}
"""Travelling speeds where OSM gives no limit, km/h: usual limits less stops and bends. They are assumptions,
and only times depend on them, never lengths."""
FERRY_KMH = 15.0
OTHER_KMH = 30.0
LIMIT_SHARE = 0.9
"""Share of a speed limit that is driven on the average."""


def travel_speeds_kmh(graph: RoadGraph) -> FloatArray:
    """(s,) assumed travelling speed of each segment, km/h: 0.9 of the limit if known, else by class."""
    table = graph.segments
    by_class = table["highway"].astype(object).map(DEFAULT_KMH).to_numpy(dtype=np.float64, na_value=np.nan)
    ferry = table["ferry"].to_numpy(dtype=bool)
    default = np.where(ferry, FERRY_KMH, np.where(np.isnan(by_class), OTHER_KMH, by_class))
    known = table["speed_kmh"].to_numpy(dtype=np.float64)
    # A ferry's speed comes from its timetable and is driven in full.
    said = np.where(ferry, known, known * LIMIT_SHARE)
    return np.where(known > 0, said, default)


def travel_time_s(graph: RoadGraph) -> FloatArray:
    """(s,) driving time along each segment in seconds, without waiting at its ends."""
    return graph.seg_length_m / (travel_speeds_kmh(graph) / 3.6)
