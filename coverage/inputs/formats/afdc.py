"""United States and Canada, Alternative Fuels Data Center: stations as CSV and as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from ..cells import open_always
from .engine import Format, Part, Record, number

_COUNTS = (("dc", ("EV DC Fast Count", "ev_dc_fast_num")),
           ("ac", ("EV Level2 EVSE Num", "ev_level2_evse_num")),
           ("ac", ("EV Level1 EVSE Num", "ev_level1_evse_num")))  # fmt: skip


def _points(record: Record) -> Iterable[Part]:
    """Counts of DC, level 2 and level 1; their power is not in the list."""
    plugs = record.get("EV Connector Types", record.get("ev_connector_types"))
    always = open_always(record.get("Access Days Time", record.get("access_days_time")))
    shared = {
        "connector": " ".join(map(str, plugs)) if isinstance(plugs, list) else plugs or None,
        "open_24h": always,
    }
    found = False
    for current, names in _COUNTS:
        name = next((each for each in names if each in record), names[0])
        count = number(record.get(name), name)
        if count:
            found = True
            yield {**shared, "points": count, "current": current}
    if not found:
        yield {**shared, "points": None, "current": None}


def _afdc(
    fields: dict[str, str | tuple[str, ...]], marks: set[str], where: tuple[str, ...], keep: str
) -> Format:
    return Format(
        name="AFDC",
        table="chargers",
        marks=(frozenset(marks),),
        where=where,
        fields=fields,
        values={
            "status": {"E": "operational", "P": "planned", "T": "out_of_order"},
            "access": {"public": "public", "private": "restricted"},
        },
        keep={keep: frozenset({"elec"})},
        parts=_points,
        part_fields={
            "points": "EV DC Fast Count, EV Level2 EVSE Num, EV Level1 EVSE Num",
            "current": "EV DC Fast Count",
            "connector": "EV Connector Types",
            "open_24h": "Access Days Time",
        },
        unique=str(fields["id"]),
        total="total_results",
    )


FORMATS = (
    _afdc(
        {
            "id": "ID",
            "name": "Station Name",
            "operator": "EV Network",
            "lon": "Longitude",
            "lat": "Latitude",
            "status": "Status Code",
            "access": "Access Code",
            "opened": "Open Date",
        },
        {"Fuel Type Code", "Station Name", "Status Code", "Latitude", "Longitude"},
        (),
        "Fuel Type Code",
    ),
    _afdc(
        {
            "id": "id",
            "name": "station_name",
            "operator": "ev_network",
            "lon": "longitude",
            "lat": "latitude",
            "status": "status_code",
            "access": "access_code",
            "opened": "open_date",
        },
        {"fuel_type_code", "station_name", "status_code"},
        ("fuel_stations", "*"),
        "fuel_type_code",
    ),
)
