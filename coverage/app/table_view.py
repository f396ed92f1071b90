"""A table as the page shows it: columns and what they were taken for, faults in their cells, points, counts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from ..errors import Diagnostics, Fault, InputError
from ..inputs import SCHEMAS, read_table, to_wgs84
from ..inputs.cells import BadCellError, parse_choice
from ..inputs.files import SUFFIXES, VECTOR_SUFFIXES, read_raw
from ..inputs.headers import find_column, map_headers
from ..inputs.raw_table import RawTable
from ..inputs.tables import RASTER_SUFFIXES
from ..notices import datum_notices
from ..project import Project, TableSettings
from ..schema import Column, TableSchema
from ..study import FAR_KM
from ..texts import catalogue, text
from .ask import Ask
from .ground import Ground, ground_of
from .project_file import change_project, open_project
from .world import Folder, RefusedError, suffix_of, version_of

PAGE_ROWS = 100
MOST_POINTS = 20_000
_FIRST_ROWS = 50
"""So many rows tell what kind of table a file is."""
_CELL_LETTERS = 200


# -- one table -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Opened:
    """A table of a project with its settings."""

    kind: str
    index: int
    schema: TableSchema
    settings: TableSettings
    path: Path
    project: Project
    version: str
    folder: Folder


def open_table(ask: Ask) -> Opened:
    """Return the table that a page asks for.

    Raises
    ------
    RefusedError
        404 if there is none, 403 if its file lies outside of the folder.
    """
    project, version = open_project(ask.folder)
    kind, index = ask.path["kind"], ask.path["index"]
    tables: Sequence[TableSettings] = project.tables.get(kind, ())  # type: ignore[call-overload]
    if kind not in SCHEMAS or not index.isdigit() or int(index) >= len(tables):
        raise RefusedError(404, "app-no-table")
    settings = tables[int(index)]
    path = ask.folder.inside(settings.path or project.network.osm)
    return Opened(kind, int(index), SCHEMAS[kind], settings, path, project, version, ask.folder)


def is_raster(path: Path) -> bool:
    """Whether a file is a raster of people: it has no rows to show."""
    return path.suffix.lower() in RASTER_SUFFIXES


def raw_of(path: Path, schema: TableSchema, settings: TableSettings) -> RawTable:
    """Read a file as it is, with the header found by the columns that are looked for."""
    named = set(settings.columns.values())
    return read_raw(
        path,
        encoding=settings.encoding,
        sheet=settings.sheet,
        layer=settings.layer,
        known=lambda header: header in named or find_column(schema, header) is not None,
    )


def table(ask: Ask) -> dict[str, Any]:
    """A table with its columns, a page of its rows, and everything that is wrong with it."""
    opened = open_table(ask)
    settings = opened.settings
    shown: dict[str, Any] = {
        "kind": opened.kind, "index": opened.index, "path": opened.path.name, "version": opened.version,
        "file": version_of(opened.path), "datum": settings.datum, "from_osm": settings.from_osm,
        "editable": opened.path.suffix.lower() not in (*VECTOR_SUFFIXES, *RASTER_SUFFIXES),
        "columns": _columns(opened.schema, ask.lang),
    }  # fmt: skip
    if settings.from_osm or is_raster(opened.path):
        return shown | {
            "faults": [],
            "notes": [],
            "headers": [],
            "rows": [],
            "points": [],
            "total": 0,
            "counts": {},
        }
    try:
        raw = raw_of(opened.path, opened.schema, settings)
    except InputError as error:
        told = [_fault(fault, ask.lang) for fault in error.faults]
        return shown | {
            "faults": told,
            "notes": [],
            "headers": [],
            "rows": [],
            "points": [],
            "total": 0,
            "counts": {},
        }
    under = ground_of(ask.folder, opened.project)
    read, faults, notes = _read(opened, under)
    mapped, _, _ = map_headers(opened.schema, raw.headers, settings.columns, cut=raw.cut)
    names = {m.header: m.column.name for m in mapped}
    bad: set[int | None] = {fault.row for fault in faults if fault.row is not None}
    chosen = set(settings.columns.values())
    shifted = next((fault for fault in notes if fault.key == "datum-mismatch"), None)
    return shown | {
        "headers": [{"header": h, "name": names.get(h, ""), "set": h in chosen} for h in raw.headers],
        "counts": _counts(raw, read, faults),
        "faults": [_in_cells(fault, names, ask.lang) for fault in faults[:500]],
        "notes": [_fault(fault, ask.lang) for fault in notes[:100]],
        "datum_notice": None
        if shifted is None
        else {"other": shifted.values["other"], "words": _shifted_words(shifted, ask.lang)},
        "points": _points(raw, read, names, settings.datum, bad),
        **_page(ask, raw, bad),
    }


def _columns(schema: TableSchema, lang: str) -> list[dict[str, Any]]:
    return [
        {"name": c.name, "label": c.label(lang), "required": c.required, "meaning": c.meaning(lang)}
        for c in schema.columns
    ]


def _shifted_words(fault: Fault, lang: str) -> str:
    """What the fault says with the datums as the page names them; the remedy is the button beside it."""
    named = {key: _datum_name(str(fault.values[key]), lang) for key in ("declared", "other")}
    return text("app.data.datum-shifted", lang, **{**fault.values, **named})


def _datum_name(code: str, lang: str) -> str:
    key = f"app.data.datum-{code.lower()}"
    return text(key, lang) if key in catalogue() else code


def _fault(fault: Fault, lang: str) -> dict[str, Any]:
    return {"row": fault.row, "column": fault.column, "words": fault.words(lang), "key": fault.key}


def _in_cells(fault: Fault, names: dict[str, str], lang: str) -> dict[str, Any]:
    """A fault with the headers of its cells: of a position those of longitude and latitude."""
    of = {"position": ("lon", "lat"), "id": ("id",)}.get(fault.key.split("-")[0], ())
    headers = {name: header for header, name in names.items()}
    columns = [fault.column] if fault.column else [headers[name] for name in of if name in headers]
    return {**_fault(fault, lang), "columns": columns}


def _read(opened: Opened, under: Ground) -> tuple[gpd.GeoDataFrame | None, list[Fault], list[Fault]]:
    """The table as a run reads it, or its faults; notes in any case."""
    notes = Diagnostics()
    try:
        read = _read_file(opened.path, opened.kind, opened.settings, opened.project, under, notes)
    except InputError as error:
        return None, list(error.faults), notes
    if opened.kind in ("chargers", "facilities"):
        lists = {"chargers": [], "facilities": _other_facilities(opened, under)}
        lists[opened.kind].append(read)
        told = datum_notices(lists, under.features, under.roads)
        own = set(read["source"])
        notes += [fault for fault in told if fault.file in own]
    return read, [], notes


def _read_file(
    path: Path, kind: str, s: TableSettings, project: Project, under: Ground, notes: Diagnostics
) -> gpd.GeoDataFrame:
    region, roads = under.region, under.roads
    return read_table(
        path, SCHEMAS[kind], datum=s.datum, columns=s.columns, encoding=s.encoding, sheet=s.sheet,
        layer=s.layer, defaults=s.defaults, region=None if region is None else region.polygon,
        halo_km=project.region.halo_km if region is not None else FAR_KM,
        roads=None if roads is None else shapely.box(*roads.node_xy.min(axis=0), *roads.node_xy.max(axis=0)),
        notes=notes,
    )  # fmt: skip


def _other_facilities(opened: Opened, under: Ground) -> list[gpd.GeoDataFrame]:
    """The project's other tables of facilities, as far as they can be read: what the datum is judged by, too."""
    found = []
    for i, settings in enumerate(opened.project.tables.get("facilities", ())):
        if settings.path is None or (opened.kind, opened.index) == ("facilities", i):
            continue
        path = opened.folder.inside(settings.path)
        with suppress(InputError):  # told where that table is shown
            found.append(_read_file(path, "facilities", settings, opened.project, under, Diagnostics()))
    return found


def _counts(raw: RawTable, read: gpd.GeoDataFrame | None, faults: Sequence[Fault]) -> dict[str, int]:
    """Rows read, kept, left out (sums, footnotes) and faulted: read = kept + left out + faulted."""
    faulted = {fault.row for fault in faults if fault.row is not None and fault.row != raw.header_row}
    ragged = len({fault.row for fault in raw.notes if fault.key == "row-ragged"})
    total = len(raw.rows) + ragged
    if read is not None:
        return {"read": total, "kept": len(read), "left_out": total - len(read), "faulted": 0}
    return {"read": total, "kept": total - len(faulted), "left_out": 0, "faulted": len(faulted)}


def _page(ask: Ask, raw: RawTable, bad: set[int | None]) -> dict[str, Any]:
    """Some rows of the table: all of them in turn, or those with faults."""
    which = range(len(raw.rows))
    if ask.query.get("only") == "faults":
        which = [i for i in which if raw.row_numbers[i] in bad]  # type: ignore[assignment]
    offset = ask.number("offset", 0, max(len(which) - 1, 0))
    some = which[offset : offset + PAGE_ROWS]
    return {
        "total": len(which),
        "offset": offset,
        "rows": [
            {"n": raw.row_numbers[i], "cells": [shown_cell(cell) for cell in raw.rows[i]]} for i in some
        ],
    }


def shown_cell(cell: Any) -> str:
    """Return a cell as the page shows it and takes it back."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        cell = int(cell)
    return str(cell)[:_CELL_LETTERS]


def _points(
    raw: RawTable, read: gpd.GeoDataFrame | None, names: dict[str, str], datum: str, bad: set[int | None]
) -> list[list[Any]]:
    """Longitude, latitude, row and whether it has a fault; with faults, of what looks like numbers."""
    if read is not None:
        here = read[read.geometry.notna()]
        xy = shapely.get_coordinates(shapely.point_on_surface(here.geometry.to_numpy()))
        rows = here["source_row"].to_numpy()
    else:
        xy, rows = _guessed(raw, names, datum)
    ok = np.isfinite(xy).all(axis=1) & (np.abs(xy[:, 0]) <= 180) & (np.abs(xy[:, 1]) <= 90)
    found = zip(xy[ok][:MOST_POINTS].tolist(), rows[ok][:MOST_POINTS].tolist(), strict=True)
    return [[round(x, 6), round(y, 6), row, row in bad] for (x, y), row in found]


def _guessed(raw: RawTable, names: dict[str, str], datum: str) -> tuple[Any, Any]:
    at = {name: raw.headers.index(header) for header, name in names.items() if name in ("lon", "lat")}
    if len(at) < 2:
        return np.empty((0, 2)), np.empty(0)
    xy = np.array([[_float(row[at["lon"]]), _float(row[at["lat"]])] for row in raw.rows]).reshape(-1, 2)
    near = (np.abs(xy[:, 0]) <= 180) & (np.abs(xy[:, 1]) <= 90)
    if datum in ("gcj02", "bd09") and near.any():
        xy[near] = np.column_stack(to_wgs84(xy[near, 0], xy[near, 1], datum))
    return xy, np.array(raw.row_numbers)


def _float(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return float("nan")


# -- which table a file is -----------------------------------------------------------------------------------


def guess_kind(path: Path) -> str:
    """Return the kind of table that knows headers of a file that the others don't; "" if none fits.

    A header counts the more, the fewer kinds know it: a name and a position say nothing. What a kind requires must be
    there. A list of service areas has the headers of one of chargers, too: its column 类型 tells them apart.
    """
    known: dict[str, set[str]] = {}
    for kind, schema in SCHEMAS.items():
        try:
            raw = raw_of(path, schema, TableSettings(path=Path("x")))
        except InputError:
            continue
        found = _known_headers(raw, schema)
        required = {c.name for c in schema.columns if c.required}
        if raw.geometry is not None:
            areas = raw.geometry.geom_type.isin(["Polygon", "MultiPolygon"]).mean() > 0.5
            lines = raw.geometry.geom_type.isin(["LineString", "MultiLineString"]).mean() > 0.5
            if areas != (schema.geometry == "area") or lines != (schema.geometry == "line"):
                continue
        elif schema.geometry == "point" and "position" not in found:
            required |= {"lon", "lat"}
        if found and required <= set(found):
            known[kind] = set(found.values())
    weight = {
        h: 1 / sum(h in headers for headers in known.values()) for headers in known.values() for h in headers
    }
    scores = {kind: sum(weight[h] for h in headers) for kind, headers in known.items()}
    return max(scores, key=lambda kind: scores[kind], default="")


def _known_headers(raw: RawTable, schema: TableSchema) -> dict[str, str]:
    """Headers by the column they are taken for, without those of which no cell is one of the column's values."""
    found = {}
    for at, header in enumerate(raw.headers):
        column = find_column(schema, header, cut=raw.cut) if header else None
        if column is None:
            continue
        cells = (
            [row[at] for row in raw.rows[:_FIRST_ROWS] if row[at] not in (None, "")] if column.choices else []
        )
        if not cells or any(_is_choice(cell, column) for cell in cells):
            found[column.name] = header
    return found


def _is_choice(cell: Any, column: Column) -> bool:
    try:
        return bool(parse_choice(cell, column))
    except BadCellError:
        return False


def add_table(ask: Ask) -> dict[str, Any]:
    """Use a file of the folder as a table: of the kind that is named, or of the one it looks like."""
    name, kind = ask.text("path"), ask.text("kind")
    if name not in ask.folder.data_files() or suffix_of(name) not in (*SUFFIXES, *RASTER_SUFFIXES):
        raise RefusedError(404, "app-no-table")
    path = ask.folder.inside(name)
    if kind and kind not in SCHEMAS:
        raise RefusedError(400, "app-form")
    kind = kind or ("demand" if is_raster(path) else guess_kind(path))
    if not kind:
        raise RefusedError(422, "app-which-table", name=path.name)
    project, _ = open_project(ask.folder)
    index = len(project.tables.get(kind, ()))  # type: ignore[call-overload]
    version = change_project(ask.folder, ask.version, [(("tables", kind, index), {"path": name})])
    return {"kind": kind, "index": index, "version": version}


def change_table(ask: Ask) -> dict[str, Any]:
    """Change datum or columns of a table, or take it out of the project (its file stays)."""
    opened = open_table(ask)
    at = ("tables", opened.kind, opened.index)
    if ask.data.get("remove") is True:
        return {"version": change_project(ask.folder, ask.version, [(at, None)])}
    if isinstance(datum := ask.data.get("datum"), str):
        return {"version": change_project(ask.folder, ask.version, [((*at, "datum"), datum)])}
    header, name = ask.text("header"), ask.text("name")
    columns = {n: h for n, h in opened.settings.columns.items() if h != header and n != name}
    if name:
        columns[name] = header
    return {"version": change_project(ask.folder, ask.version, [((*at, "columns"), columns or None)])}
