"""OpenStreetMap features -> the same tables that files give.

Features are frames with the columns ``osm_type`` (``node``, ``way``, ``relation``), ``osm_id``, ``name``,
``tags`` (dict) and ``geometry`` (EPSG:4326). What OSM does not say stays missing: it is unknown, not no.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import geopandas as gpd
import shapely

from ..errors import Diagnostics, Fault
from ..schema import Column
from ..units import GEOD
from .cells import BadCellError, parse_bool, parse_date, parse_number
from .frames import as_table
from .schemas import BERTHS, CAR_PARKS, CHARGERS, COUNTIES, DEMAND, FACILITIES

SOURCE = "OpenStreetMap"
"""Source of every row that comes from the OSM file."""

Features = Mapping[str, gpd.GeoDataFrame]
Row = dict[str, Any]
Table = tuple[gpd.GeoDataFrame, list[Fault]]
"""A table, and what was assumed or left out."""

PLACE_POPULATION: Mapping[str, float] = {
    "city": 250_000.0,
    "town": 30_000.0,
    "village": 1_500.0,
    "hamlet": 100.0,
    "isolated_dwelling": 5.0,
    "farm": 5.0,
}
"""People assumed for a place without ``population``, by its kind: the middle, on a log scale, of what the OSM
wiki gives as usual (city above 100 000, town 10 000 to 100 000, village 200 to 10 000, hamlet below 200).
Such rows are flagged ``estimated``."""
TOWN_PARTS = frozenset(["borough", "suburb", "quarter", "neighbourhood", "city_block"])
"""Places whose people are those of a city or town already."""

_DIRECTION = re.compile(
    r"[\s_-]*(?:[(（].*[)）]|[东西南北]区?|[上下]行(?:线)?|[AB]区?|north|south|east|west|(?:north|south|east|west)bound|"
    r"nord|sud|süd|ost|est|ouest|nb|sb|eb|wb)\s*$",
    re.IGNORECASE,
)
_PAIR_REACH_DEG = 0.03
_COUNT = Column("count", "int")
_PEOPLE = Column("people", "float")
_DATE = Column("date", "date")
_FLAG = Column("flag", "bool")


def table_from_osm(table: str, features: Features, *, notes: Diagnostics | None = None) -> gpd.GeoDataFrame:
    """Return the table ``chargers``, ``facilities``, ``berths``, ``car_parks``, ``demand`` or ``counties``.

    Parameters
    ----------
    table : str
        Key of the project file.
    features : mapping
        Name of a layer -> frame: ``charging``, ``service_areas``, ``fuel``, ``parking``, ``bus_stations``,
        ``airports``, ``harbours``, ``places``, ``boundaries``; absent ones count as empty.
    notes : Diagnostics, optional
        What was assumed or left out is added.

    Returns
    -------
    GeoDataFrame
        In the form of :func:`plugspan.inputs.read_table`; ids are ``osm-node-…``, ``source`` is
        ``OpenStreetMap``.

    Raises
    ------
    KeyError
        If OSM has no such table (ship calls).
    """
    build: Callable[[Features], Table] = {
        "chargers": chargers_from_osm,
        "facilities": facilities_from_osm,
        "berths": berths_from_osm,
        "car_parks": car_parks_from_osm,
        "demand": demand_from_osm,
        "counties": counties_from_osm,
    }[table]
    found, noticed = build(features)
    if found.empty:
        noticed.append(Fault("osm-nothing", values={"table": table}, warning=True))
    if notes is not None:
        notes += noticed
    return found


def _rows(features: Features, layer: str) -> list[Row]:
    """Return the features of a layer in order of type and number, each as a row with its tags."""
    frame = features.get(layer)
    if frame is None or frame.empty:
        return []
    ordered = frame.sort_values(["osm_type", "osm_id"], kind="stable")
    rows = []
    for kind, number, tags, shape in zip(
        ordered["osm_type"], ordered["osm_id"], ordered["tags"], ordered.geometry, strict=True
    ):
        if shape is None or shape.is_empty:
            continue
        known = tags if isinstance(tags, dict) else {}
        names = (known.get(k) for k in ("name", "name:zh", "name:en", "ref:name", "official_name"))
        rows.append({
            "id": f"osm-{kind}-{number}", "name": next((n for n in names if n), None), "tags": known,
            "operator": known.get("operator") or known.get("network") or known.get("brand"),
            "status": _status(known), "opened": _number(parse_date, known.get("start_date"), _DATE),
            "ref": known.get("ref"), "shape": shape, "geometry": point_of(shape),
        })  # fmt: skip
    return rows


def point_of(shape: Any) -> Any:
    """Return a point on a feature: itself, the middle of a line, or a point inside an area."""
    if shape.geom_type == "Point":
        return shape
    if shape.geom_type == "LineString":
        return shapely.line_interpolate_point(shape, 0.5, normalized=True)
    return shapely.point_on_surface(shape)


def _number(parse: Callable[[Any, Column, float], Any], value: Any, column: Column) -> Any:
    """Parse a tag, None if it is missing or makes no sense."""
    if value is None:
        return None
    try:
        return parse(str(value).lstrip("~≈ "), column, 1.0)
    except BadCellError:
        return None


def _status(tags: Mapping[str, str]) -> str | None:
    said = tags.get("operational_status", "").lower()
    if said in ("closed", "broken", "out_of_order", "out of order", "non-operational"):
        return "out_of_order"
    if tags.get("construction") or said in ("construction", "under_construction"):
        return "under_construction"
    return "planned" if tags.get("proposed") or said in ("planned", "proposed") else None


# -- chargers --------------------------------------------------------------------------------------------


def chargers_from_osm(features: Features) -> Table:
    """Charging stations; those for bicycles only are left out and counted in a note."""
    rows, bicycles = [], 0
    for row in _rows(features, "charging"):
        tags = row["tags"]
        cars = tags.get("motorcar") or tags.get("car") or tags.get("hgv")
        if cars == "no" or (cars is None and tags.get("bicycle") in ("yes", "designated")):
            bicycles += 1
            continue
        always = tags.get("opening_hours")
        shared = {
            **row, "kind": "charging", "access": _access(tags),
            "open_24h": None if always is None else always.strip() == "24/7", "provenance": SOURCE,
        }  # fmt: skip
        rows += [{**shared, **sockets} for sockets in socket_rows(row["id"], tags)]
    note = Fault("osm-bicycle-chargers", values={"n": bicycles}, warning=True)
    return as_table(rows, CHARGERS, SOURCE), [note] if bicycles else []


def _access(tags: Mapping[str, str]) -> str | None:
    access = tags.get("access")
    if access in ("yes", "public", "permissive"):
        return "public"
    return (
        "restricted" if access in ("private", "customers", "no", "permit", "delivery", "residents") else None
    )


# -- facilities ------------------------------------------------------------------------------------------


def facilities_from_osm(features: Features) -> Table:
    """Service areas and rest areas (with their pair), fuel stations, bus stations, airports.

    An object with the tags of several (a service area that sells fuel) is one facility: fuel is what it is named last.
    OSM does not say which kind of road a service area belongs to: all of ``highway=services`` become
    ``expressway_service_area``.
    """
    rows = []
    for row in _rows(features, "service_areas"):
        rest = row["tags"].get("highway") == "rest_area"
        rows.append({**row, "kind": "parking_area" if rest else "expressway_service_area"})
    _join_pairs(rows)
    rows += [{**row, "kind": "airport"} for row in _rows(features, "airports")]
    for row in _rows(features, "bus_stations"):
        depot = row["tags"].get("landuse") == "depot" or "depot" in row["tags"].get("industrial", "")
        rows.append({**row, "kind": "bus_depot" if depot else "hub"})
    rows += [{**row, "kind": "fuel"} for row in _rows(features, "fuel")]
    once: dict[str, Row] = {}
    for row in rows:
        once.setdefault(row["id"], {**row, "provenance": SOURCE})
    return as_table(once.values(), FACILITIES, SOURCE), []


def pair_name(name: str) -> str:
    """Name of a service area without the side (``朱亭服务区(北区)`` and ``朱亭服务区南区`` are one pair)."""
    shorter = _DIRECTION.sub("", name).strip()
    return shorter or name


def _join_pairs(rows: list[Row]) -> None:
    """Give rows of one name, their sides aside, within some 3 km a common ``pair``; a lone one is its own."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        row["pair"] = row["name"] or row["id"]
        if row["name"]:
            by_name.setdefault(pair_name(row["name"]), []).append(row)
    for name, group in by_name.items():
        for row in group:
            near = [r for r in group if r["geometry"].distance(row["geometry"]) <= _PAIR_REACH_DEG]
            if len(near) > 1:
                row["pair"] = name


# -- berths, car parks, demand, counties -----------------------------------------------------------------


def berths_from_osm(features: Features) -> Table:
    """Quays, piers and harbours: their class is missing, so whether they count is unknown."""
    rows = []
    for row in _rows(features, "harbours"):
        tags = row["tags"]
        line = row["shape"].geom_type == "LineString"
        rows.append({
            **row, "port": tags.get("seamark:name") or tags.get("harbour:name"),
            "length_m": round(GEOD.geometry_length(row["shape"]), 1) if line else None,
            "shore_power": _number(parse_bool, tags.get("power_supply"), _FLAG),
            "provenance": SOURCE,
        })  # fmt: skip
    return as_table(rows, BERTHS, SOURCE), []


def car_parks_from_osm(features: Features) -> Table:
    """Car parks with their spaces; whether they are new or ancillary is not in OSM."""
    rows = [
        {
            **row,
            "spaces": _whole(row["tags"].get("capacity")),
            "charging_spaces": _whole(row["tags"].get("capacity:charging")),
            "provenance": SOURCE,
        }
        for row in _rows(features, "parking")
    ]
    return as_table(rows, CAR_PARKS, SOURCE), []


def _whole(value: Any) -> int | None:
    number = _number(parse_number, value, _COUNT)
    return None if number is None or number < 0 else int(number)


def demand_from_osm(features: Features) -> Table:
    """Places with their population; one that OSM does not give is assumed by kind and flagged ``estimated``.

    Regions, islands, squares and the like are no places to live in and are left out, and so are the parts of towns
    where the file has towns.
    """
    rows, assumed = [], 0
    places = _rows(features, "places")
    whole = any(row["tags"].get("place") in ("city", "town") for row in places)
    for row in places:
        kind = row["tags"].get("place")
        if whole and kind in TOWN_PARTS:
            continue
        people = _number(parse_number, row["tags"].get("population"), _PEOPLE)
        if people is None and kind not in PLACE_POPULATION:
            continue
        known = people is not None and people >= 0
        assumed += not known
        weight = people if known else PLACE_POPULATION.get(str(kind))
        rows.append({**row, "kind": kind, "weight": weight, "estimated": not known, "provenance": SOURCE})
    note = Fault("osm-population-assumed", values={"n": assumed, "total": len(rows)}, warning=True)
    return as_table(rows, DEMAND, SOURCE), [note] if assumed else []


def counties_from_osm(features: Features) -> Table:
    """Administrative areas of one level (China: counties are 6), the finest there is up to 6.

    Levels beyond 6 (townships, quarters) are used only if there is nothing coarser.
    """
    rows = [r for r in _rows(features, "boundaries") if r["shape"].geom_type in ("Polygon", "MultiPolygon")]
    levels = {level for row in rows if (level := _whole(row["tags"].get("admin_level"))) is not None}
    admin_level = max((level for level in levels if level <= 6), default=min(levels, default=None))
    kept = [
        {
            **row,
            "geometry": row["shape"],
            "population": _number(parse_number, row["tags"].get("population"), _PEOPLE),
            "provenance": SOURCE,
        }
        for row in rows
        if _whole(row["tags"].get("admin_level")) == admin_level
    ]
    return as_table(kept, COUNTIES, SOURCE), []


# -- what the ``socket -----------------------------------------------------------------------------------

# ``socket:type2_combo=2`` is a count, ``socket:type2_combo:output=150 kW`` a power. Sockets are not charge
# points: a post with one CHAdeMO and one CCS cable often serves one vehicle at a time. So a count is taken only
# where there is one kind of DC (or AC) socket, or where ``capacity`` settles it; else the number of points is
# missing.


DC_SOCKETS = frozenset(
    ["chademo", "type2_combo", "type1_combo", "ccs", "ccs1", "ccs2", "combo", "gb_dc", "gbt_dc", "gb/t_dc",
     "mcs", "tesla_supercharger", "tesla_supercharger_ccs", "chaoji"]
)  # fmt: skip
AC_SOCKETS = frozenset(
    ["type1", "type1_cable", "type2", "type2_cable", "type3", "type3a", "type3c", "schuko", "typee", "typef",
     "typeg", "type_e", "bs1363", "cee_blue", "cee_red_16a", "cee_red_32a", "cee_red_63a", "cee_red_125a",
     "gb_ac", "gbt_ac", "gb/t_ac", "nema_5_15", "nema_5_20", "nema_14_50", "nema_14_30", "tesla_destination",
     "tesla_standard", "sev1011_t13", "as3112"]
)  # fmt: skip
_TOKENS = re.compile(r"[;,/|]")
_POWER = Column("power", "float", "kW")


def power_kw(value: str | None) -> float | None:
    """Strongest power in a tag such as ``50 kW``, ``22;43 kW``, ``11000 W``, ``150``; None if none."""
    if not value:
        return None
    parts = [p.strip() for p in _TOKENS.split(value) if p.strip()]
    unit = re.sub(r"[\d.\s]", "", parts[-1]) if parts else ""
    found = []
    for part in parts:
        with_unit = part if re.search(r"[a-zA-Z]", part) else part + unit
        try:
            number = parse_number(with_unit, _POWER)
        except BadCellError:
            continue
        # A bare number above any charger's kilowatts was written in watts, the unit of older tagging.
        found.append(number / 1000 if not unit and number >= 2000 else number)
    return max((n for n in found if n > 0), default=None)


def _count(value: str | None) -> int | None:
    try:
        number = parse_number(value, _COUNT) if value else None
    except BadCellError:
        return None
    return None if number is None or number < 0 else int(number)


def sockets_of(tags: Mapping[str, str]) -> list[tuple[str, int | None, float | None]]:
    """Kinds of sockets with count and power; kinds that are said not to be there are left out."""
    found = []
    for key in sorted(tags):
        kind = key.removeprefix("socket:")
        if kind == key or ":" in kind or tags[key].strip().lower() in ("no", "0"):
            continue
        output = tags.get(f"{key}:output") or tags.get(f"{key}:power")
        found.append((kind, _count(tags[key]), power_kw(output)))
    return found


def current_of(kind: str) -> str | None:
    """Return ``dc``, ``ac`` or None for a kind of socket."""
    plain = kind.lower()
    return "dc" if plain in DC_SOCKETS else "ac" if plain in AC_SOCKETS else None


def socket_rows(station: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Columns of the schema ``chargers`` for one station: a row for each current, split by known power.

    Parameters
    ----------
    station : str
        Id; further rows get ``-2``, ``-3`` … behind it.
    tags : mapping

    Returns
    -------
    list of dict
        ``id, current, points, point_kw, pool_kw, connector``. One row at least.
    """
    capacity, pool = _count(tags.get("capacity")), power_kw(tags.get("charging_station:output"))
    groups: dict[tuple[str, bool], list[tuple[str, int | None, float | None]]] = {}
    for kind, count, power in sockets_of(tags):
        groups.setdefault((current_of(kind) or "", power is None), []).append((kind, count, power))
    if not groups:
        return [{"id": station, "points": capacity, "pool_kw": pool}]
    rows = []
    for number, ((current, _), sockets) in enumerate(
        sorted(groups.items(), key=lambda g: (g[0][0] != "dc", g[0]))
    ):
        powers = [power for _, _, power in sockets if power is not None]
        rows.append({
            "id": station if number == 0 else f"{station}-{number + 1}",
            "current": current or None,
            "points": _points([c for _, c, _ in sockets], capacity, alone=len(groups) == 1),
            "point_kw": max(powers) if powers else None,
            "pool_kw": pool if len(groups) == 1 else None,
            "connector": ";".join(kind for kind, _, _ in sockets),
        })  # fmt: skip
    return rows


def _points(counts: list[int | None], capacity: int | None, *, alone: bool) -> int | None:
    """Return the number of charge points behind sockets of one sort."""
    if alone and capacity is not None:
        return capacity
    if len(counts) > 1 or counts[0] is None:
        return None
    return counts[0] if capacity is None else min(counts[0], capacity)
