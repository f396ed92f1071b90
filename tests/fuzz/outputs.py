"""What must hold for every run folder, whatever names and numbers went in."""

from __future__ import annotations

import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import openpyxl

SCRIPTS = 4
"""Leaflet, folium's two, ours: a page never holds more."""


TOTAL = re.compile(
    r"=SUBTOTAL\((102|109),'[^'!]{1,31}'!\$[A-Z]{1,3}\$2:\$[A-Z]{1,3}\$\d+\)|=SUBTOTAL\(109,[A-Z]{1,3}2:[A-Z]{1,3}\d+\)"
)
"""The only formulas of the workbook: what a filter leaves of a sheet."""


def strange(run: Path) -> Iterator[str]:
    """Say what is wrong with the files of a run folder."""
    yield from _page((run / "map.html").read_text("utf-8"))
    try:
        json.loads((run / "result.json").read_text("utf-8"), parse_constant=_refuse)
    except ValueError as error:
        yield f"result.json: {error}"
    with closing(sqlite3.connect(run / "layers.gpkg")) as db:
        if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            yield "layers.gpkg is damaged"
        names = {name for (name,) in db.execute("SELECT table_name FROM gpkg_contents")}
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        yield from (f"layers.gpkg lacks {name}" for name in names - there)
    for name in ("tables.xlsx", "report.docx"):
        with zipfile.ZipFile(run / name) as archive:
            for part in archive.namelist():
                if part.endswith((".xml", ".rels")):
                    yield from _markup(f"{name} {part}", archive.read(part))
    book = openpyxl.load_workbook(run / "tables.xlsx")
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            yield from (
                f"{sheet.title} {cell.coordinate} is a formula"
                for cell in row
                if cell.data_type == "f" and not TOTAL.fullmatch(str(cell.value))
            )


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def _page(page: str) -> Iterator[str]:
    """Data stand in JSON blocks alone, and those hold no mark that HTML knows."""
    blocks = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, flags=re.DOTALL)
    for block in blocks:
        if re.search("[<>&\u2028\u2029]", block):
            yield "map.html: a mark of HTML among the data"
        json.loads(block, parse_constant=_refuse)
    shell = re.sub(
        r"<title>.*?</title>", "", re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)
    )
    if page.count("<script>") != SCRIPTS or "Content-Security-Policy" not in page:
        yield f"map.html: {page.count('<script>')} scripts"
    if re.search(r"boom|onerror|onload|javascript:", shell):
        yield "map.html: data outside of the blocks"


def _markup(name: str, content: bytes) -> Iterator[str]:
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        yield f"{name}: {error}"
        return
    for part in root.iter():
        if part.get("TargetMode") == "External" or "vbaProject" in (part.get("Target") or ""):
            yield f"{name}: leads outside ({part.get('Target')})"
