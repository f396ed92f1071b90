"""What the ``socket:*`` tags of an OSM charging station say about its charge points.

``socket:type2_combo=2`` is a count, ``socket:type2_combo:output=150 kW`` a power. Sockets are not charge
points: a post with one CHAdeMO and one CCS cable often serves one vehicle at a time. So a count is taken only
where there is one kind of DC (or AC) socket, or where ``capacity`` settles it; else the number of points is
missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..schema import Column
from .cells import BadCellError, parse_number

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
_COUNT = Column("count", "int")


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
