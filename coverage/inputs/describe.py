"""The weights of fusion as Markdown for the documentation, and the data package of empty tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..schema import Column
from ..texts import LANGUAGES
from .same_site import model
from .schemas import SCHEMAS


def describe_weights() -> str:
    """Return a Markdown table of the weights by which sites of two lists are taken for one."""
    names, weights, constant, threshold = model()
    rows = [("constant", constant), *zip(names, weights.tolist(), strict=True), ("threshold", threshold)]
    return "\n".join(
        ["| feature | weight |", "|---|---|", *(f"| `{name}` | {weight:g} |" for name, weight in rows)]
    )


TYPES: Mapping[str, str] = {"int": "integer", "float": "number", "bool": "boolean", "date": "date"}


def data_package(names: Iterable[str], lang: str) -> str:
    """Return the data package (Frictionless) of empty tables: each column with type, unit and meaning twice.

    Parameters
    ----------
    names : iterable of str
        Schemas; the tables are ``NAME.csv``.
    lang : str
        Language of the headers, and so of the fields' names.
    """
    resources = [
        {
            "name": name.replace("_", "-"), "path": f"{name}.csv", "profile": "tabular-data-resource", "format": "csv",
            "mediatype": "text/csv", "encoding": "utf-8",
            "schema": {"fields": [_field(c, lang) for c in SCHEMAS[name].columns if c.name != "position"],
                       "missingValues": ["", "-", "未知", "unknown", "N/A"]},
        }
        for name in names
    ]  # fmt: skip
    package = {"profile": "data-package", "name": "plugspan-inputs", "resources": resources}
    return json.dumps(package, ensure_ascii=False, indent=1) + "\n"


def _field(column: Column, lang: str) -> dict[str, Any]:
    """One column. ``must_exist``: a file without it is refused; single cells may be empty, which is unknown."""
    meanings = {code: column.meaning(code) for code in LANGUAGES}
    found: dict[str, Any] = {
        "name": column.label(lang), "type": TYPES.get(column.type, "string"), "column": column.name,
        "titles": {code: column.label(code) for code in LANGUAGES},
        "description": " / ".join(meanings.values()), "descriptions": meanings,
    }  # fmt: skip
    found |= {"unit": column.unit} if column.unit else {}
    found |= {"values": [value for value, _ in column.choices]} if column.choices else {}
    return found | ({"must_exist": True} if column.required else {})
