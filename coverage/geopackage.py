"""GeoPackages read by Python's own SQLite, which is let read tables and nothing else.

A GeoPackage is a database, and a database from elsewhere may hold views, triggers and functions that run when it is
read. SQLite's authorizer refuses everything but selecting from stored tables (:func:`_may`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError

from .errors import Fault, InputError
from .files import MOST_MB, check_size
from .shapes import Cells, VectorLayer, chosen_layer, layer_shapes, plain_cell

_STYLES = "layer_styles"
"""The table in which QGIS keeps its styles: no data."""


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a GeoPackage for reading its tables and nothing else.

    Without a journal of another program beside it the file is opened as unchanging: SQLite then makes no files of
    its own. With one, what that program has saved so far is read.
    """
    ends = ("-wal", "-journal")
    busy = any(p.is_file() and p.stat().st_size for p in (path.with_name(path.name + end) for end in ends))
    address = path.absolute().as_uri() + "?mode=ro" + ("" if busy else "&immutable=1")
    with closing(sqlite3.connect(address, uri=True)) as database:
        database.execute("PRAGMA trusted_schema = OFF")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000_000)  # bytes of a row
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        database.set_authorizer(_may)
        yield database


def _may(action: int, first: str | None, *_more: str | None) -> int:
    """Allow reading and asking for the columns of a table: no function, no other file, nothing recursive."""
    asks = action == sqlite3.SQLITE_PRAGMA and first == "table_info"
    return (
        sqlite3.SQLITE_OK
        if asks or action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
        else sqlite3.SQLITE_DENY
    )


def layer_names(path: Path) -> list[str]:
    """Names of the layers and tables, in the order in which they were written."""
    with _database(path) as database:
        return _names(database)


def column_types(path: Path, table: str) -> dict[str, str]:
    """Types that a table declares for its columns, as ``REAL`` or ``TEXT(9)``."""
    with _database(path) as database:
        described = database.execute(f"PRAGMA table_info({_quoted(table)})").fetchall()
    return {str(name): str(kind).upper() for _, name, kind, *_ in described}


def _names(database: sqlite3.Connection) -> list[str]:
    kinds = (
        "SELECT table_name FROM gpkg_contents WHERE data_type IN ('features', 'attributes') ORDER BY rowid"
    )
    return [str(n) for (n,) in database.execute(kinds) if n != _STYLES]


def read_geopackage(
    path: Path, layer: str | None, encoding: str | None, most_mb: float | None = None
) -> VectorLayer:
    """Read the layer of that name, or the first with geometries; its texts are UTF-8 whatever ``encoding`` says."""
    file = str(path)
    with _database(path) as database:
        stored = {
            n
            for (n,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
            )
        }
        lists = ("gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys")
        if not stored.issuperset(lists):
            raise InputError(Fault("layer-broken", file=file))
        names = _names(database)
        asked = "SELECT table_name, column_name, srs_id FROM gpkg_geometry_columns"
        shaped = {str(name): (str(column), srs) for name, column, srs in database.execute(asked)}
        if not names:
            raise InputError(Fault("layer-broken", file=file))
        chosen = chosen_layer(file, names, layer, next((n for n in names if n in shaped), None))
        if chosen not in stored:
            raise InputError(Fault("layer-view", file=file, value=chosen))
        geometry, srs = shaped.get(chosen, (None, None))
        headers, rows, raw = _table(database, path, chosen, geometry, most_mb)
        crs = None if geometry is None else _crs(database, srs)
    shapes, faults = layer_shapes(file, None if geometry is None else [_blob_wkb(blob) for blob in raw])
    others = tuple(n for n in names if n != chosen)
    return VectorLayer(chosen, others, headers, rows, shapes, crs, faults)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _table(
    database: sqlite3.Connection, path: Path, table: str, geometry: str | None, most_mb: float | None
) -> tuple[list[str], Cells, list[Any]]:
    """Columns but the running number, cells, and the shapes as they are stored."""
    most_mb = MOST_MB if most_mb is None else most_mb
    file, room = str(path), most_mb * 1_000_000
    described = database.execute(f"PRAGMA table_info({_quoted(table)})").fetchall()
    kinds = {
        str(name): str(kind).upper()
        for _, name, kind, _, _, key in described
        if not (key and kind == "INTEGER")
    }
    headers = [name for name in kinds if name != geometry]
    check_size(file, 0, len(headers))
    if not kinds:
        raise InputError(Fault("layer-broken", file=file))
    wanted = [*headers, *([geometry] if geometry is not None else [])]
    flags = [i for i, name in enumerate(headers) if kinds[name] == "BOOLEAN"]
    rows, raw = [], []
    for record in database.execute(f"SELECT {', '.join(map(_quoted, wanted))} FROM {_quoted(table)}"):
        # Damaged pages may hold one long text that many rows point to.
        room -= sum(len(cell) for cell in record if isinstance(cell, str | bytes))
        if room < 0:
            raise InputError(Fault("file-too-large", file=file, values={"most": most_mb}))
        cells = [plain_cell(cell) for cell in record[: len(headers)]]
        for i in flags:
            cells[i] = None if cells[i] is None else bool(cells[i])
        rows.append(cells)
        raw.append(record[-1] if geometry is not None else None)
        check_size(file, len(rows), max(len(headers), 1))
    return headers, rows, raw


def _blob_wkb(blob: Any) -> bytes | None:
    """Well-known binary inside a GeoPackage's geometry: behind 8 bytes, and an envelope whose size the flags tell."""
    if blob is None:
        return None
    if not isinstance(blob, bytes) or blob[:2] != b"GP" or len(blob) < 8:
        return b""
    envelope_bytes = (0, 32, 48, 48, 64, 0, 0, 0)[blob[3] >> 1 & 7]
    return blob[8 + envelope_bytes :]


def _crs(database: sqlite3.Connection, srs: Any) -> CRS | None:
    asked = (
        "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id = ?"
    )
    found = database.execute(asked, (srs,)).fetchone()
    if found is None or srs in (0, -1):
        return None
    organization, code, definition = found
    try:
        return CRS.from_epsg(code) if str(organization).upper() == "EPSG" else CRS.from_wkt(str(definition))
    except CRSError:
        return None
