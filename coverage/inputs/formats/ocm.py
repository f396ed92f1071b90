"""Open Charge Map: its export and the answer of its API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .engine import Format, Part, Record, at, elements, number

_STATUS: Mapping[str, str | None] = {
    "0": None,
    "10": "operational",
    "20": "operational",
    "30": "out_of_order",
    "50": "operational",
    "75": "operational",
    "100": "out_of_order",
    "150": "planned",
}
"""Available, in use, temporarily unavailable, operational, partly operational, not operational, planned."""
_CURRENT = {"10": "ac", "20": "ac", "30": "dc"}
_PLUGS = {
    "1": "Type 1",
    "2": "CHAdeMO",
    "25": "Type 2",
    "27": "Tesla",
    "28": "Schuko",
    "30": "Tesla",
    "32": "CCS1",
    "33": "CCS2",
    "1036": "Type 2",
    "1038": "GB/T AC",
    "1039": "GB/T AC",
    "1040": "GB/T DC",
}


def _id(record: Record, name: str) -> str:
    """An id stands by itself in exports, or inside an object in the verbose answer."""
    found = record.get(f"{name}ID")
    return str(at(record, f"{name}.ID") if found is None else found)


def _points(record: Record) -> Iterable[Part]:
    """Connections, the strongest first, up to the number of points: those of one point are used one at a time."""
    most = number(record.get("NumberOfPoints"), "NumberOfPoints")
    found = elements(record, "Connections")
    powers = [number(each.get("PowerKW"), "Connections.PowerKW") for each in found]
    counts = [number(each.get("Quantity"), "Connections.Quantity") for each in found]
    if len(found) == 1 and most:
        counts = [most]
    left = most or float("inf")
    for i in sorted(range(len(found)), key=lambda k: (-(powers[k] or 0.0), k)):
        count = min(counts[i] or 1, left)
        if count <= 0:
            break
        left -= count
        yield {
            "points": count if counts[i] or most else None,
            "point_kw": powers[i] or None,
            "current": _CURRENT.get(_id(found[i], "CurrentType")),
            "connector": _PLUGS.get(_id(found[i], "ConnectionType"), at(found[i], "ConnectionType.Title")),
            "status": _STATUS.get(_id(found[i], "StatusType"), _STATUS.get(_id(record, "StatusType"))),
        }
    if not found:
        yield {"points": most or None, "status": _STATUS.get(_id(record, "StatusType"))}


FORMATS = (
    Format(
        name="Open Charge Map",
        table="chargers",
        marks=(frozenset({"ID", "AddressInfo", "Connections"}), frozenset({"ID", "AddressInfo", "UUID"})),
        fields={
            "id": "ID",
            "name": "AddressInfo.Title",
            "operator": ("OperatorInfo.Title", "OperatorID"),
            "lon": "AddressInfo.Longitude",
            "lat": "AddressInfo.Latitude",
            "access": ("UsageTypeID", "UsageType.ID"),
        },
        values={
            # 1 public, 4 with membership, 5 pay at location, 7 notice required; 2, 3, 6 private
            "access": {
                "0": None,
                **dict.fromkeys(("1", "4", "5", "7"), "public"),
                **dict.fromkeys(("2", "3", "6"), "restricted"),
            },
            # Unknown, a private home, the business at the place: no operator that two places have in common.
            "operator": dict.fromkeys(
                (
                    "1",
                    "44",
                    "45",
                    "(Unknown Operator)",
                    "(Private Residence/Individual)",
                    "(Business Owner at Location)",
                )
            ),
        },
        keep={"StatusTypeID": frozenset({"", "none", *_STATUS})},
        parts=_points,
        part_fields={
            "points": "Connections.Quantity",
            "point_kw": "Connections.PowerKW",
            "current": "Connections.CurrentTypeID",
            "connector": "Connections.ConnectionTypeID",
            "status": "Connections.StatusTypeID",
        },
        unique="ID",
    ),
)
