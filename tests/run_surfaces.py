"""All that a run folder shows, as (where, text or number), for tests that compare surfaces."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing

import docx
import openpyxl
from docx.oxml.ns import qn
from plugspan.tables.publication import Publication

OWN_TABLES = ("gpkg_", "sqlite_", "rtree_", "layer_styles", "qgis_projects")
"""Tables of a GeoPackage that hold no rows of ours; the styles travel in both languages."""


def json_blocks(folder) -> list:
    """The JSON that the map's scripts read."""
    page = (folder / "map.html").read_text("utf-8")
    found = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, flags=re.S)
    return [json.loads(block) for block in found]


def leaves(value, path=""):
    """Each text and number of a JSON value with its path of keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value


def layer_tables(folder) -> dict:
    """Each table of ``layers.gpkg`` with its rows as dicts, geometries left out."""
    with closing(sqlite3.connect(folder / "layers.gpkg")) as db:
        names = [n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for name in names:
            if not name.startswith(OWN_TABLES):
                cursor = db.execute(f'SELECT * FROM "{name}"')
                heads = [c[0] for c in cursor.description]
                found[name] = [
                    {h: v for h, v in zip(heads, row, strict=True) if not isinstance(v, bytes)}
                    for row in cursor
                ]
    return found


def sheets(folder) -> dict:
    """Each sheet of the workbook as rows of cells."""
    book = openpyxl.load_workbook(folder / "tables.xlsx")
    return {sheet.title: [list(row) for row in sheet.iter_rows()] for sheet in book}


def report_lines(folder) -> list[str]:
    """Paragraphs of the report, those in tables too, without the marks that keep words together."""
    body = docx.Document(str(folder / "report.docx")).element.body
    lines = ("".join(t.text or "" for t in p.iter(qn("w:t"))) for p in body.iter(qn("w:p")))
    return [line.replace("\u00a0", " ").replace("\u2060", "") for line in lines]


def shown_texts(folder):
    """(where, text) of every text of the run folder; codes of ``result.json`` and of layers are among them."""
    for block in json_blocks(folder):
        yield from ((f"map{path}", value) for path, value in leaves(block) if isinstance(value, str))
    for name, rows in layer_tables(folder).items():
        for row in rows:
            yield from ((f"layers.{name}.{c}", v) for c, v in row.items() if isinstance(v, str))
    for title, rows in sheets(folder).items():
        for row in rows:
            named = zip(rows[0], row, strict=True)
            yield from ((f"tables.{title}.{h.value}", c.value) for h, c in named if isinstance(c.value, str))
    yield from (("report", line) for line in report_lines(folder))
    result = json.loads((folder / "result.json").read_text("utf-8"))
    yield from ((f"result{path}", value) for path, value in leaves(result) if isinstance(value, str))
    yield from (("log", line) for line in (folder / "log.txt").read_text("utf-8").split("\n"))


def published(plan, lang, **parts) -> Publication:
    """What a plan shows, with some parts in the place of its own: ``layers=()`` makes no maps."""
    shown = Publication(plan, lang)
    vars(shown).update(parts)  # where cached properties are kept
    return shown
