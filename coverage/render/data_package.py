"""``datapackage.json``: the files of a run, and each column of its tables, as Frictionless describes data."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

from ..schema import FRICTIONLESS_TYPES, readers_unit
from ..tables.publication import Publication
from ..tables.sheets import sheets
from ..tables.table import Head, Table
from ..texts import LANGUAGES, text

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FILES: Mapping[str, str] = {
    "map.html": "text/html",
    "layers.gpkg": "application/geopackage+sqlite3",
    "report.docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "result.json": "application/json",
    "result.schema.json": "application/schema+json",
}
"""What stands beside the tables, with its type; ``app.handover.what-…`` tells what it is.

They are of type ``file``: readers of packages take JSON for a table, and ``schema`` in it for the table's.
"""


def run_package(shown: Publication) -> str:
    """Return the data package of a run folder.

    Parameters
    ----------
    shown : Publication
        Its language is that of the workbook, and so of its sheets' and columns' names; meanings stand in all languages.

    Returns
    -------
    str
        JSON. Every sheet of ``tables.xlsx`` is a resource with its columns, then each other file.
    """
    lang = shown.lang
    files = [
        {"name": (name := path.replace(".", "-")), "path": path, "type": "file", "format": path.rpartition(".")[2],
         "mediatype": kind, "title": text(f"app.handover.what-{name}", lang)}
        for path, kind in _FILES.items()
    ]  # fmt: skip
    package = {
        "profile": "data-package",
        "name": "plugspan-run",
        "title": shown.title,
        "sources": [{"title": path, "path": path, "sha256": sum_} for path, sum_ in shown.provenance.inputs],
        "resources": [*(_sheet(table, lang) for table in sheets(shown.tables, lang)), *files],
    }
    return json.dumps(package, ensure_ascii=False, indent=1) + "\n"


def _sheet(table: Table, lang: str) -> dict[str, Any]:
    return {
        "name": re.sub(r"[^a-z0-9]+", "-", table.name.lower()).strip("-"),
        "title": table.title(lang),
        "description": table.note(lang),
        "path": "tables.xlsx",
        "profile": "tabular-data-resource",
        "format": "xlsx",
        "mediatype": _XLSX,
        "dialect": {"excel": {"sheet": table.title(lang)}, "headerRows": [1]},
        "schema": {
            "fields": [_field(table, head, lang) for head in table.heads],
            "missingValues": ["", *_words_for_numbers(table, lang)],
        },
    }


def _words_for_numbers(table: Table, lang: str) -> list[str]:
    """What stands in the place of a number that is not unknown, but can't be."""
    numbers = (head.column for head in table.heads if head.column.type in ("int", "float"))
    codes = (column.absent for column in numbers if column.absent)
    return [text(f"absent.{code}", lang) for code in dict.fromkeys(codes)]


def _field(table: Table, head: Head, lang: str) -> dict[str, Any]:
    """A column of a sheet: codes, and yes or no, are words there; rows may have units of their own, or be dates."""
    column = head.column
    kind = "string" if column.type == "bool" else FRICTIONLESS_TYPES.get(column.type, "string")
    values = table.frame.get(head.name, ())
    dated = kind != "date" and any(isinstance(value, dt.date) for value in values)
    mixed = kind in ("integer", "number") and any(isinstance(value, str) for value in values)
    meanings = {code: column.meaning(code) for code in LANGUAGES}
    found = {
        "name": head.label,
        "type": "any" if head.unit_by or dated or mixed or head.name in table.live else kind,
        "column": head.name,
        "titles": {code: column.label(code) for code in LANGUAGES},
        "description": " / ".join(meanings.values()),
        "descriptions": meanings,
    }
    return found | ({"unit": readers_unit(column.unit, lang)} if column.unit and not head.unit_by else {})
