"""Points of interest of AMap (高德): the answer of its place search, or the same as GeoJSON or a table."""

from __future__ import annotations

from .engine import Format

_SHARED = {"id": "id", "name": "name", "county": "adname", "position": "location", "note": "address"}
_MARKS = (frozenset({"typecode", "location", "name"}), frozenset({"typecode", "adname", "name"}))
_WHERE = ("pois", "*")

CHARGING = {"011100": "charging", "011102": "charging", "011101": "battery_swap"}
"""充电站, 充电桩, 换电站; 011103 is battery swap for bicycles."""
FACILITIES = {
    "180300": "expressway_service_area",
    "180301": "expressway_service_area",
    "180302": "parking_area",
    "150104": "airport",
    "150200": "hub",
    "150400": "hub",
    **{f"0101{i:02}": "fuel" for i in range(100)},
}
"""服务区, 停车区, 机场, 火车站, 长途汽车站, 加油站."""

FORMATS = (
    Format(
        name="AMap POI",
        table="chargers",
        marks=_MARKS,
        where=_WHERE,
        fields={**_SHARED, "kind": "typecode"},
        values={"kind": {**CHARGING, "*": "charging"}},
        keep={"typecode": frozenset(CHARGING)},
        datum="gcj02",
        unique="id",
        total="count",
    ),
    Format(
        name="AMap POI",
        table="facilities",
        marks=_MARKS,
        where=_WHERE,
        fields={**_SHARED, "kind": "typecode"},
        values={"kind": FACILITIES},
        keep={"typecode": frozenset(FACILITIES)},
        datum="gcj02",
        unique="id",
        total="count",
    ),
)
