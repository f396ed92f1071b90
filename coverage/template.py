"""``plugspan init``: a commented project file and empty tables with the right headers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .atomic import write_file, write_text
from .inputs.schemas import SCHEMAS
from .schema import FRICTIONLESS_TYPES, Column
from .texts import LANGUAGES, text

TABLES = ("chargers", "facilities", "berths", "car_parks", "demand")


def write_template(folder: Path, lang: str) -> list[Path]:
    """Write ``project.toml``, empty tables and their ``datapackage.json`` into ``folder``; what exists is left alone.

    Headers are the labels of the schema in ``lang``; the tables are UTF-8 with a BOM, so that Excel opens
    them right. Returns the files written.
    """
    content = {"project.toml": text("template.project", lang).lstrip("\n")}
    for name in TABLES:
        columns = [c for c in SCHEMAS[name].columns if c.name != "position"]
        content[f"{name}.csv"] = "\ufeff" + ",".join(column.label(lang) for column in columns) + "\r\n"
    content["datapackage.json"] = data_package(TABLES, lang)
    written = []
    for name, body in content.items():
        path = folder / name
        if not os.path.lexists(path):
            with write_file(path, overwrite=False, is_input=True) as new:
                write_text(new, body)
            written.append(path)
    return written


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
        "name": column.label(lang), "type": FRICTIONLESS_TYPES.get(column.type, "string"), "column": column.name,
        "titles": {code: column.label(code) for code in LANGUAGES},
        "description": " / ".join(meanings.values()), "descriptions": meanings,
    }  # fmt: skip
    found |= {"unit": column.unit} if column.unit else {}
    found |= {"values": [value for value, _ in column.choices]} if column.choices else {}
    return found | ({"must_exist": True} if column.required else {})
