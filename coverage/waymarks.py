"""Places along a road in words: official marks where posts were given, measured kilometres everywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .schema import (
    COLUMNS,
    FORMS,
    Reader,
    Waymarks,
    decimal,
    in_readers_unit,
    is_missing,
    length_unit,
    shown,
    unit_words,
)
from .texts import text
from .units import M_PER_KM

POSTS = {"km": "K", "mi": "MP "}
"""What stands before the number on a post, by the reader's unit."""


def is_posted(lang: str, ref: Any, section: Any = None) -> bool:
    """Whether posts of the route's section were given, so that its kilometres are the official ones.

    Without a section, whether those of all its sections are.
    """
    known = _known(lang)
    return known is not None and known.posted(str(ref), None if is_missing(section) else int(section))


def road_words(ref: Any, lang: str) -> str:
    """A road as it begins a place or a stretch in words; a number alone would be read as any other number.

    Examples
    --------
    >>> road_words("G106", "en"), road_words("36", "en"), road_words("36", "zh")
    ('G106', 'route 36', '36 号路')
    """
    return text("map.road", lang, ref=ref) if str(ref).isdecimal() else str(ref)


def road_of(name: Any, lang: str) -> tuple[str, int] | None:
    """Route and section of a name of :func:`place_names`; None for other names."""
    known = _known(lang)
    found = None if known is None else known.named.get(name)
    return None if found is None else found[1:3]


def mark_words(km: Any, lang: str, ref: Any, section: Any = None) -> str:
    """A place along a route in short: ``K68.8`` or ``MP 42.8`` by its posts, else measured; empty if it is not known.

    Parameters
    ----------
    km : float
        Chainage.
    lang : str
        A :class:`~plugspan.schema.Reader` knows the unit and which routes have posts.
    ref, section
        Route, and number of its section if it is known.

    Examples
    --------
    >>> mark_words(68.8, "en", "G106"), mark_words(68.8, "zh", "G106")
    ('measured km 68.8', '量算 68.8 km')
    """
    return "" if is_missing(km) else _words(_number(km, lang), lang, ref, section)


def span_words(from_km: Any, to_km: Any, lang: str, ref: Any, section: Any = None) -> str:
    """A stretch of a route between two places, in short.

    Examples
    --------
    >>> span_words(9.0, 68.8, "en", "G106"), span_words(9.0, 68.8, "zh", "G106")
    ('measured km 9.0–68.8', '量算 9.0–68.8 km')
    """
    if is_missing(from_km) or is_missing(to_km):
        return ""
    between = "–" + POSTS[length_unit(lang)] if is_posted(lang, ref, section) else "–"
    return _words(between.join(_number(km, lang) for km in (from_km, to_km)), lang, ref, section)


def stretch_words(row: Mapping[Any, Any], ends: tuple[str, str], lang: str) -> str:
    """A stretch between two columns of a row with ``ref, section, direction``: by named places if any are near.

    *2.1 km south of 朱亭 to 丫江桥 (measured km 46.5–109.6)*; by posts ``K46.5–K109.6``.
    """
    span = span_words(row[ends[0]], row[ends[1]], lang, row["ref"], row["section"])
    named = ends_by_name(row, ends, lang)
    return text("place.stretch", lang, low=named[0], high=named[1], span=span) if named else span


def ends_by_name(row: Mapping[Any, Any], ends: tuple[str, str], lang: str) -> list[str]:
    """Both ends of a stretch by the named places nearest to them, as *2.1 km south of 朱亭* and *丫江桥*.

    Parameters
    ----------
    row : mapping
        With ``ref``, and ``section`` and ``direction`` if they are known.
    ends : tuple of str
        Columns with the chainages [km].

    Returns
    -------
    list of str
        Empty where an end has no named place near it, or both the same, and on roads with posts: their marks say it.

    Examples
    --------
    >>> ends_by_name({"ref": "G106", "section": 1, "from_km": 9.0, "to_km": 68.8}, ("from_km", "to_km"), "en")
    []
    """
    if is_missing(row.get("section")) or any(is_missing(row[end]) for end in ends):
        return []
    drive = row["ref"], int(row["section"]), str(row.get("direction") or "")
    places = _beside([float(row[end]) for end in ends], lang, *drive)
    if None in places or len({place[0] for place in places if place}) < len(places):
        return []
    return [_by_place(place, lang, "name") for place in places]


def place_names(at_km: Iterable[float], lang: str, ref: str, section: int, direction: str = "") -> list[str]:
    """Names of places along a route: by its posts, else by the nearest named place with what is measured.

    :func:`renamed` finds them again for readers of another language.

    Parameters
    ----------
    at_km : iterable of float
        Chainages of the direction; of the first direction of the section if none is given.
    lang : str
        A :class:`~plugspan.schema.Reader` knows what is beside the roads; without it only the kilometre is said.
    ref, section, direction
        Route, number of the section, direction.

    Examples
    --------
    >>> place_names([68.8], "en", "G106", 1)
    ['G106 measured km 68.8']
    """
    at_km, known, names, road = list(at_km), _known(lang), [], road_words(ref, lang)
    for km, place in zip(at_km, _beside(at_km, lang, ref, section, direction), strict=True):
        at, where = mark_words(km, lang, ref, section), _by_place(place, lang, "at")
        name = text("place.named", lang, ref=road, where=where, at=at) if where else f"{road} {at}"
        names.append(name)
        if known is not None:
            known.named[name] = (float(km), ref, section, direction)
    return names


def _known(lang: str) -> Waymarks | None:
    return lang.waymarks if isinstance(lang, Reader) else None


def _beside(at_km: list[float], lang: str, ref: str, section: int, direction: str) -> Sequence[Any]:
    """For each place the named one nearest along the road; None where there is none, or the road has posts."""
    known = _known(lang)
    if known is None or known.posted(ref, section):
        return [None] * len(at_km)
    return known.beside(ref, section, direction, np.asarray(at_km, dtype=np.float64) * M_PER_KM)


def _by_place(place: tuple[str, str, float] | None, lang: str, here: str) -> str:
    """Where a place is from a named one; empty without."""
    if place is None:
        return ""
    name, way, far_m = place
    side = text(f"place.compass.{way}", lang) if way else ""
    far = shown(far_m / M_PER_KM, COLUMNS["length_km"], lang, unit=True)
    return text("place.beside" if way else f"place.{here}", lang, name=name, way=side, far=far)


def other_names(lang: str) -> dict[str, str]:
    """Every name that was given to a place along a route, with that in a reader's language."""
    known = _known(lang)
    given: dict[tuple[str, int, str], list[tuple[str, float]]] = {}
    for name, (km, ref, section, direction) in ({} if known is None else known.named).items():
        given.setdefault((ref, section, direction), []).append((name, km))
    found: dict[str, str] = {}
    for (ref, section, direction), held in given.items():
        names = place_names([km for _, km in held], lang, ref, section, direction)
        found |= dict(zip((name for name, _ in held), names, strict=True))
    return found


def renamed(value: Any, names: Mapping[str, str], stop: tuple[type, ...] = ()) -> Any:
    """Return frames, sequences, mappings and dataclasses with other names in them; what has none is itself.

    Parameters
    ----------
    value : object
    names : mapping
        Name -> other name.
    stop : tuple of type
        What is left alone.
    """
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, pd.DataFrame):
        columns = {name: renamed(column.tolist(), names, stop) for name, column in _texts(value).items()}
        changed = {name: found for name, found in columns.items() if any(map(_is_other, found, value[name]))}
        return value.assign(**changed) if changed else value
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        items = [renamed(item, names, stop) for item in value]
        return type(value)(items) if any(map(_is_other, items, value)) else value
    if isinstance(value, dict):
        held = {name: renamed(item, names, stop) for name, item in value.items()}
        return held if any(map(_is_other, held.values(), value.values())) else value
    if not is_dataclass(value) or isinstance(value, (type, *stop)):
        return value
    held = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
    parts = {name: renamed(part, names, stop) for name, part in held.items()}
    whole: Any = value
    return replace(whole, **parts) if any(map(_is_other, parts.values(), held.values())) else value


def _texts(frame: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """Columns that may hold names."""
    return {
        str(name): column for name, column in frame.items() if column.dtype.kind == "O" and name != "geometry"
    }


def _is_other(one: object, other: object) -> bool:
    return one is not other


def _number(km: Any, lang: str) -> str:
    return decimal(in_readers_unit(float(km), "km", lang), FORMS["km"]).replace(",", "")


def _words(number: str, lang: str, ref: Any, section: Any) -> str:
    unit = length_unit(lang)
    if is_posted(lang, ref, section):
        return POSTS[unit] + number
    return text("map.mark-measured", lang, at=number, unit=unit_words(unit, lang))
