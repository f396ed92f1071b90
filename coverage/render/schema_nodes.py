"""The nodes of which the JSON Schemas of ``result.json`` and ``country.json`` are made.

What a key holds is declared once: as a column of the registry (:mod:`plugspan.schema`, the input tables), or with its
type and meaning in ``result_words.toml``. Objects are closed: a key that is not named here is refused.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..inputs.schemas import SCHEMAS
from ..schema import COLUMNS, Column
from ..texts import catalogue

Schema = dict[str, Any]
TYPES = {"int": "integer", "float": "number", "bool": "boolean"}
"""JSON types of a column's; the others are texts."""
TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
NUMBER: Schema = {"type": ["number", "null"]}
COUNT: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
DATE: Schema = {
    "type": ["string", "null"],
    "description": 'Day of the state that was assessed; rules due later are "not due" until they are met.',
}
UNITS = ("share", "km", "margin", "count")
JSON_TYPES = ("integer", "number", "string", "boolean")
"""Sections of ``result_words.toml`` with keys that are no columns: what they hold, unless null, and their meaning."""
INPUT_COLUMNS = {column.name: column for table in SCHEMAS.values() for column in table.columns}


def one_of(*values: object) -> Schema:
    """One of these values."""
    return {"enum": list(values)}


def object_of(required: str = "", optional: str = "", /, **own: Any) -> Schema:
    """Return the schema of an object: keys by name, and what ``own`` says of others. It has no other keys.

    Parameters
    ----------
    required, optional : str
        Names separated by blanks, of columns and of keys in ``result_words.toml``. They have the type and meaning that
        stand there, and may be null, as what is unknown is.
    **own
        Schema by name, of keys that are neither or are something else here; optional unless in ``required``.
    """
    names = dict.fromkeys([*required.split(), *optional.split(), *own])
    return {
        "type": "object",
        "required": required.split(),
        "properties": {name: own.get(name) or key_schema(name) for name in names},
        "additionalProperties": False,
    }


def rows_of(required: str = "", optional: str = "", /, **own: Any) -> Schema:
    """A list of objects; see :func:`object_of`."""
    return list_of(object_of(required, optional, **own))


def list_of(held: Schema) -> Schema:
    """A list of values of one kind."""
    return {"type": "array", "items": held}


def by_name(held: Schema) -> Schema:
    """An object with a value for each of some names: rules, counties, programs."""
    return {"type": "object", "additionalProperties": held}


def or_null(held: Schema) -> Schema:
    """A value that may be missing as a whole."""
    return {"anyOf": [held, {"type": "null"}]}


def described(what: str, found: Schema) -> Schema:
    """A schema with its meaning."""
    return {**found, "description": what}


def key_schema(name: str) -> Schema:
    """What a key holds by itself: a column of the registry or of an input table, or a key of ``result_words.toml``."""
    for kind in JSON_TYPES:
        if name in schema_words()[kind]:
            return {"type": [kind, "null"], "description": schema_words()[kind][name]}
    return column_schema(COLUMNS[name] if name in COLUMNS else INPUT_COLUMNS[name])


def column_schema(column: Column) -> Schema:
    """What a column holds: its type or null, its codes, its meaning and unit."""
    found: Schema = {"type": [TYPES.get(column.type, "string"), "null"]}
    if column.type == "choice" and (codes := _codes(column.labels or column.name)):
        found = {"enum": [*codes, *([column.absent] if column.absent else []), None]}
    meaning = column.meaning("en")
    return described(f"{meaning} [{column.unit}]" if column.unit not in ("", "money") else meaning, found)


def _codes(name: str) -> list[str]:
    start = f"choice.{name}."
    return [key.removeprefix(start) for key in catalogue() if key.startswith(start)]


@cache
def schema_words(of: str = "result") -> Mapping[str, Mapping[str, str]]:
    """Meanings of keys: at the top, by parent and key, by key alone, and with their type (:data:`JSON_TYPES`)."""
    words = tomllib.loads((Path(__file__).parent / "result_words.toml").read_text("utf-8"))
    return words if of == "result" else {**words, **words[of]}


def describe_nodes(schema: Schema, parent: str, words: Mapping[str, Mapping[str, str]]) -> None:
    """Give every key its meaning: the words of parent and key, else what it says itself, else the registry's."""
    for name, held in schema.get("properties", {}).items():
        own = words["top"].get(name) if parent == "top" else words["parent"].get(f"{parent}.{name}")
        meaning = own or held.get("description") or words["key"].get(name) or key_schema(name)["description"]
        schema["properties"][name] = {**held, "description": meaning}
        describe_nodes(schema["properties"][name], name, words)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = dict(schema[key])
            describe_nodes(schema[key], parent, words)
    if "anyOf" in schema:
        schema["anyOf"] = [dict(each) for each in schema["anyOf"]]
        for each in schema["anyOf"]:
            describe_nodes(each, parent, words)
