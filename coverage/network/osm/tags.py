"""What the tags of an OSM way mean for driving: the rules, one function each.

Sources: OSM wiki, *Key:highway*, *Key:access* (land-based transport hierarchy), *Key:oneway*, *Key:maxspeed*,
*Key:junction*, *Tag:route=ferry*, *Key:duration*.
"""

from __future__ import annotations

import re

import numpy as np

from ...units import KM_PER_MILE
from ..graph import BoolArray, FloatArray
from .ways import Coded, Ways

MAIN_CLASSES = ("motorway", "trunk", "primary", "secondary", "tertiary")
DRIVABLE = frozenset([*MAIN_CLASSES, *(f"{c}_link" for c in MAIN_CLASSES)]).union(
    ["unclassified", "residential", "living_street", "service", "road"]
)
"""Values of ``highway`` a car drives on. Tracks, ways under construction and proposed ways are out."""

DROPPED_SERVICE = frozenset(["parking_aisle", "driveway", "drive-through", "emergency_access"])
"""Kinds of ``highway=service`` left out: they are many, lead nowhere, and a charger beside one is snapped to
the service road or street it opens on, a few metres away. Plain service roads stay: they lead into service
areas."""

DENIED = frozenset(
    ["no", "private", "agricultural", "forestry", "emergency", "psv", "bus", "military", "delivery"]
).union(["permit", "residents", "employees", "staff"])
"""Access values that shut out the public. ``yes``, ``permissive``, ``destination``, ``customers``,
``designated``, ``unknown`` and anything else let it in."""

ACCESS_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")
"""The first of these that a way has decides."""


KMH_PER_KNOT = 1.852
WALKING_KMH = 7.0

_SPEED = re.compile(r"^(\d+(?:\.\d+)?)\s*(km/h|kmh|kph|mph|knots)?$")
_CLOCK = re.compile(r"^(?:(\d+):)?(\d+):(\d{2})$")
_ISO = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")


def tokens(value: str) -> list[str]:
    """Parts of a value with several entries, in lower case."""
    return [part.strip().lower() for part in re.split(r"[;|]", value) if part.strip()]


def is_denied(value: str) -> bool:
    """Whether an access value shuts out the public; of several, if each does."""
    parts = tokens(value)
    return bool(parts) and all(part in DENIED for part in parts)


def is_area(value: str) -> bool:
    """Whether ``area=*`` makes the way a surface."""
    return value.strip().lower() in {"yes", "true", "1"}


def is_present(value: str) -> bool:
    """Whether ``bridge=*`` or ``tunnel=*`` says there is one."""
    return value.strip().lower() not in {"no", "false", "0", ""}


def is_roundabout(value: str) -> bool:
    """Whether ``junction=*`` is a ring driven one way."""
    return value.strip().lower() in {"roundabout", "circular"}


def is_one_way(value: str) -> bool:
    """``oneway`` in drawing order."""
    return value.strip().lower() in {"yes", "true", "1"}


def is_one_way_back(value: str) -> bool:
    """``oneway`` against the drawing order."""
    return value.strip().lower() in {"-1", "reverse"}


def is_two_way(value: str) -> bool:
    """``oneway`` says that both directions may be driven.

    ``reversible`` and ``alternating`` count as both directions: each can be driven at some time.
    """
    return value.strip().lower() in {"no", "false", "0", "reversible", "alternating"}


def is_ferry(value: str) -> bool:
    """Whether ``route=*`` is a ferry."""
    return "ferry" in tokens(value)


def speed_kmh(value: str) -> float:
    """Speed limit in km/h; the lowest of several; NaN if the value gives no number.

    ``walk`` is 7 km/h. ``none`` (no limit), ``signals`` and ``CN:urban`` and the like are NaN.
    """
    return min((s for s in map(_one_speed_kmh, tokens(value)) if s > 0), default=float("nan"))


def _one_speed_kmh(part: str) -> float:
    if part == "walk":
        return WALKING_KMH
    match = _SPEED.match(part)
    if match is None:
        return float("nan")
    factor = {"mph": KM_PER_MILE, "knots": KMH_PER_KNOT}.get(match.group(2) or "", 1.0)
    return round(float(match.group(1)) * factor, 3)


def duration_s(value: str) -> float:
    """Seconds of ``duration=*``: ``HH:MM``, ``HH:MM:SS``, minutes, or ISO 8601 (``PT1H20M``); else NaN."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value) * 60.0
    if match := _CLOCK.match(value):
        first, second, third = match.groups()
        if first is None:
            return int(second) * 3600.0 + int(third) * 60.0
        return int(first) * 3600.0 + int(second) * 60.0 + int(third)
    if match := _ISO.match(value):
        parts = [float(g or 0) for g in match.groups()]
        return sum(n * s for n, s in zip(parts, (86400.0, 3600.0, 60.0, 1.0), strict=True)) or float("nan")
    return float("nan")


def denied(tags: dict[str, Coded]) -> BoolArray:
    """(w,) whether the public may not drive there, by the most specific access tag present."""
    out = np.zeros(len(tags["access"].codes), dtype=bool)
    for key in reversed(ACCESS_KEYS):
        has = tags[key].present
        out[has] = tags[key].table(is_denied)[has]
    return out


def ferries(tags: dict[str, Coded]) -> BoolArray:
    """(w,) whether the way is a ferry line."""
    return tags["route"].table(is_ferry)


def directions(tags: dict[str, Coded]) -> tuple[BoolArray, BoolArray]:
    """(w,) one-way at all, and (w,) one-way against the drawing order.

    Motorways, their links and roundabouts are one-way unless ``oneway`` says otherwise.
    """
    by_default = tags["highway"].table(lambda v: v in {"motorway", "motorway_link"})
    by_default |= tags["junction"].table(is_roundabout)
    back = tags["oneway"].table(is_one_way_back)
    said = tags["oneway"].table(is_one_way) | back
    return said | (by_default & ~tags["oneway"].table(is_two_way)), back


def is_candidate(highway: str | None, route: str | None) -> bool:
    """Whether a way may be a road or a ferry line, before access is looked at."""
    return highway in DRIVABLE if highway is not None else route is not None and is_ferry(route)


def why_dropped(raw: Ways) -> dict[str, BoolArray]:
    """Reason -> (w,) ways left out for it, each way for the first reason that applies.

    ``area``, ``access``, ``minor-service``. Footways, tracks, roads under construction and the like are no
    candidates and were never read.
    """
    tags = raw.tags
    minor = tags["highway"].table(lambda v: v == "service")
    minor &= tags["service"].table(lambda v: v in DROPPED_SERVICE)
    checks = {
        "area": tags["area"].table(is_area),
        "access": denied(tags),
        "minor-service": minor,
    }
    left = np.ones(len(raw.way_id), dtype=bool)
    reasons = {}
    for reason, mask in checks.items():
        reasons[reason] = mask & left
        left = left & ~mask
    return reasons


def way_speeds_kmh(tags: dict[str, Coded], way_length_m: FloatArray) -> FloatArray:
    """(w,) speed: the limit, or for a ferry with a duration its length by its duration; NaN if unknown."""
    speeds = tags["maxspeed"].numbers(speed_kmh)
    seconds = tags["duration"].numbers(duration_s)
    timed = ferries(tags) & (seconds > 0)
    speeds[timed] = np.round(way_length_m[timed] / seconds[timed] * 3.6, 1)
    speeds[timed & (speeds <= 0)] = np.nan
    return speeds
