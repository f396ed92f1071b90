"""Overture Maps: places (GeoParquet, or GeoJSON as its tools write it)."""

from __future__ import annotations

from .engine import Format

CHARGING = {"ev_charging_station": "charging"}
FACILITIES = {
    "gas_station": "fuel",
    "truck_gas_station": "fuel",
    "rest_stop": "parking_area",
    "rest_areas": "parking_area",
    "truck_stop": "expressway_service_area",
    "airport": "airport",
    "train_station": "hub",
    "bus_station": "hub",
}
_FIELDS: dict[str, str | tuple[str, ...]] = {
    "id": "id",
    "name": "names.primary",
    "operator": ("brand.names.primary", "operator"),
    "kind": "categories.primary",
    "status": "operating_status",
    "note": "addresses.0.freeform",
}
_STATUS: dict[str, str | bool | None] = {
    "open": "operational",
    "permanently_closed": "out_of_order",
    "temporarily_closed": "out_of_order",
}

FORMATS = tuple(
    Format(
        name="Overture Maps",
        table=table,
        marks=(frozenset({"id", "names", "categories", "confidence"}),),
        fields=_FIELDS,
        values={"kind": kinds, "status": _STATUS},
        keep={"categories.primary": frozenset(kinds)},
        unique="id",
    )
    for table, kinds in (("chargers", CHARGING), ("facilities", FACILITIES))
)
