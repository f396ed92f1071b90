"""OCPI 2.2.1 and 2.3.0: locations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .engine import Format, Part, Record, at, elements, number

_STATUS: Mapping[str, str | None] = {
    "AVAILABLE": "operational",
    "BLOCKED": "operational",
    "CHARGING": "operational",
    "RESERVED": "operational",
    "INOPERATIVE": "out_of_order",
    "OUTOFORDER": "out_of_order",
    "PLANNED": "planned",
}
_PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3, "DC": 1}


def _kw(connector: Record) -> float | None:
    """Rated power; if it is not stated, voltage (between line and neutral) × current × phases, as OCPI defines it."""
    stated = number(connector.get("max_electric_power"), "evses.connectors.max_electric_power")
    if stated:
        return stated / 1000
    volt = number(connector.get("max_voltage"), "evses.connectors.max_voltage")
    ampere = number(connector.get("max_amperage"), "evses.connectors.max_amperage")
    phases = _PHASES.get(str(connector.get("power_type")))
    return volt * ampere * phases / 1000 if volt and ampere and phases else None


def _points(record: Record) -> Iterable[Part]:
    """An EVSE is a charge point: of its connectors one is used at a time. What was removed is none."""
    always = at(record, "opening_times.twentyfourseven")
    for evse in elements(record, "evses"):
        if evse.get("status") == "REMOVED":
            continue
        plugs = elements(evse, "connectors")
        powers = [(kw, plug) for plug in plugs if (kw := _kw(plug)) is not None]
        strongest = max(powers, key=lambda each: each[0])[1] if powers else (plugs[0] if plugs else {})
        kind = str(strongest.get("power_type", ""))
        yield {
            "point_kw": max((kw for kw, _ in powers), default=None),
            "current": "dc" if kind == "DC" else "ac" if kind.startswith("AC") else None,
            "connector": " ".join(sorted({str(plug.get("standard", "")) for plug in plugs})) or None,
            "status": _STATUS.get(str(evse.get("status"))),
            "open_24h": always if isinstance(always, bool) else None,
        }


FORMATS = tuple(
    Format(
        name="OCPI",
        table="chargers",
        marks=(frozenset({"id", "coordinates", "evses"}), frozenset({"id", "coordinates", "party_id"})),
        where=where,
        fields={
            "id": "id",
            "name": ("name", "address"),
            "operator": ("operator.name", "suboperator.name", "owner.name", "party_id"),
            "lon": "coordinates.longitude",
            "lat": "coordinates.latitude",
            "access": "publish",
            "county": "city",
        },
        values={"access": {"True": "public", "False": "restricted", "true": "public", "false": "restricted"}},
        parts=_points,
        part_fields={
            "points": "evses",
            "point_kw": "evses.connectors.max_electric_power",
            "current": "evses.connectors.power_type",
            "connector": "evses.connectors.standard",
            "status": "evses.status",
            "open_24h": "opening_times.twentyfourseven",
        },
        unique="id",
    )
    for where in (("data", "*"), ("*",), ("locations", "*"))
)
