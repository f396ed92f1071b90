"""Tables of sites, berths, car parks, demand and counties: reading, datums, duplicates, checks, grouping."""

from __future__ import annotations

from .bundle import Built, Inputs, collect
from .checks import distance_to, notice_table_datum
from .datum import notice_datum, to_wgs84
from .frames import as_table, combine_tables, empty_table
from .from_osm import table_from_osm
from .schemas import BERTHS, CALLS, CAR_PARKS, CHARGERS, COUNTIES, DEMAND, FACILITIES, SCHEMAS, TRAFFIC
from .sites import group_sites, qualify, qualify_points
from .tables import read_table

__all__ = [
    "BERTHS",
    "CALLS",
    "CAR_PARKS",
    "CHARGERS",
    "COUNTIES",
    "DEMAND",
    "FACILITIES",
    "SCHEMAS",
    "TRAFFIC",
    "Built",
    "Inputs",
    "as_table",
    "collect",
    "combine_tables",
    "distance_to",
    "empty_table",
    "group_sites",
    "notice_datum",
    "notice_table_datum",
    "qualify",
    "qualify_points",
    "read_table",
    "table_from_osm",
    "to_wgs84",
]
