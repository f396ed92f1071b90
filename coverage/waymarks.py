"""Places along a road in words: official marks where posts were given, measured kilometres everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pandas as pd

from .schema import FORMS, Reader, decimal, in_readers_unit, is_missing, length_unit, unit_words
from .texts import text

POSTS = {"km": "K", "mi": "MP "}
"""What stands before the number on a post, by the reader's unit."""


def is_posted(lang: str, ref: Any, section: Any = None) -> bool:
    """Whether posts of the route's section were given, so that its kilometres are the official ones.

    Without a section, whether those of all its sections are.
    """
    known = lang.waymarks if isinstance(lang, Reader) else None
    return known is not None and known.posted(str(ref), None if is_missing(section) else int(section))


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


def place_name(km: Any, lang: str, ref: str, section: int, direction: str) -> str:
    """Name of a place along a route, with the route; :func:`renamed` finds it again for readers of another language."""
    name = f"{ref} {mark_words(km, lang, ref, section)}"
    if isinstance(lang, Reader) and lang.waymarks is not None:
        lang.waymarks.named[name] = (km, ref, section, direction)
    return name


def other_names(lang: str) -> dict[str, str]:
    """Every name that was given to a place along a route, with that in a reader's language."""
    known = lang.waymarks if isinstance(lang, Reader) else None
    given = {} if known is None else dict(known.named)
    return {name: place_name(place[0], lang, *place[1:]) for name, place in given.items()}


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
