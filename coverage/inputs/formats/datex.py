"""DATEX II 3, energy infrastructure (AFIR profile): the table of sites and stations as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from .engine import Format, Part, Record, at, elements, number

_LOCATIONS = ("locPointLocation", "locAreaLocation", "locLinearLocation")
_POINTS = ("pointByCoordinates.pointCoordinates", "coordinatesForDisplay")
_PLUGS = {
    "iec62196T2": "Type 2",
    "iec62196T2COMBO": "CCS2",
    "chademo": "CHAdeMO",
    "iec62196T1COMBO": "CCS1",
    "mcs": "MCS",
}


def _charging_point(refill: Record) -> Record:
    """Electric charging point in a refill point; profiles name it with a prefix of their own."""
    return next(
        (
            each
            for name, each in refill.items()
            if name.endswith("lectricChargingPoint") and isinstance(each, dict)
        ),
        {},
    )


def _points(record: Record) -> Iterable[Part]:
    """A refill point is a charge point: of its connectors one is used at a time. Power is in watts."""
    total = number(record.get("totalMaximumPower"), "totalMaximumPower")
    found = [_charging_point(each) for each in elements(record, "refillPoint")]
    plugs = [elements(each, "connector") for each in found]
    powers = [
        max(
            (number(p.get("maxPowerAtSocket"), "connector.maxPowerAtSocket") or 0.0 for p in each),
            default=0.0,
        )
        for each in plugs
    ]
    always = next(
        (True for name in (at(record, "operatingHours") or {}) if str(name).endswith("OpenAllHours")), None
    )
    for point, own, watt in zip(found, plugs, powers, strict=True):
        kinds = [str(at(p, "connectorType.value") or "") for p in own]
        share = (
            total * watt / sum(powers)
            if total and all(powers)
            else total
            if total and len(found) == 1
            else None
        )
        yield {
            "point_kw": watt / 1000 or None,
            "pool_kw": share / 1000 if share else None,
            "current": at(point, "currentType.value"),
            "connector": " ".join(sorted(_PLUGS.get(kind, kind) for kind in kinds)) or None,
            "open_24h": always,
        }


_SITE = (
    "energyInfrastructureTable",
    "*",
    "energyInfrastructureSite",
    "*",
    "energyInfrastructureStation",
    "*",
)
_PLACES = [f"locationReference.{location}.{point}" for point in _POINTS for location in _LOCATIONS]
_NAMED = "{}.{}AnOrganisation.name.values.0.value"

FORMATS = tuple(
    Format(
        name="DATEX II",
        table="chargers",
        marks=(frozenset({"refillPoint", "locationReference"}), frozenset({"refillPoint", "idG"})),
        where=(*above, "?nergyInfrastructureTablePublication", *_SITE),
        fields={
            "id": ("idG", "id"),
            "name": ("name.values.0.value", "brand.values.0.value", "description.values.0.value"),
            "operator": tuple(_NAMED.format("operator", prefix) for prefix in ("afac", "fac")),
            "lon": tuple(f"{place}.longitude" for place in _PLACES),
            "lat": tuple(f"{place}.latitude" for place in _PLACES),
        },
        parts=_points,
        part_fields={
            "points": "refillPoint",
            "point_kw": "refillPoint.connector.maxPowerAtSocket",
            "pool_kw": "totalMaximumPower",
            "current": "refillPoint.currentType",
            "connector": "refillPoint.connector.connectorType",
            "open_24h": "operatingHours",
        },
        unique="idG",
    )
    for above in (("payload",), ("messageContainer", "payload", "*"), ())
)
