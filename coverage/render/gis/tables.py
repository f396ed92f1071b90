"""What a GeoPackage says about its tables: styles, names and meanings of columns, codes, origin.

Uses the extensions *Schema* and *Metadata* of OGC 12-128r15 (annexes F.9 and F.8) and the tables in which QGIS
keeps styles and projects.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...markup import clean_text
from ...texts import LANGUAGES, text
from .fields import Field
from .iso_metadata import STANDARD as ISO

if TYPE_CHECKING:
    from .geopackage import Table

LAYER_STYLES = """CREATE TABLE layer_styles (
 id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
 f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
 useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
 update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"""
QGIS_PROJECTS = "CREATE TABLE qgis_projects (name TEXT PRIMARY KEY, metadata BLOB, content BLOB)"
EXTENSIONS = """CREATE TABLE IF NOT EXISTS gpkg_extensions (
 table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
 CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))"""
DATA_COLUMNS = """CREATE TABLE gpkg_data_columns (
 table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT, mime_type TEXT,
 constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
 CONSTRAINT fk_gdc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
 CONSTRAINT gdc_tn UNIQUE (table_name, name))"""
CONSTRAINTS = """CREATE TABLE gpkg_data_column_constraints (
 constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC, min_is_inclusive BOOLEAN,
 max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
 CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value))"""
METADATA = """CREATE TABLE gpkg_metadata (
 id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL, md_scope TEXT NOT NULL DEFAULT 'dataset',
 md_standard_uri TEXT NOT NULL, mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT '')"""
REFERENCES = """CREATE TABLE gpkg_metadata_reference (
 reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
 timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), md_file_id INTEGER NOT NULL,
 md_parent_id INTEGER, CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
 CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id))"""
SCHEMA_URI = "http://www.geopackage.org/spec121/#extension_schema"
METADATA_URI = "http://www.geopackage.org/spec121/#extension_metadata"
STANDARD = "https://json-schema.org/"
"""What our metadata are written in: JSON. ``kind`` in each says what it is."""
PROVENANCE, COLUMNS = "plugspan provenance", "plugspan columns"


def describe(
    database: sqlite3.Connection,
    tables: Sequence[Table],
    provenance: Mapping[str, Any],
    *,
    lang: str,
    time: str,
    project: tuple[str, bytes],
    iso: str,
) -> None:
    """Add styles, names, meanings, origin, ISO metadata and the QGIS project to a file that holds the tables."""
    with database:
        database.execute(EXTENSIONS)
        _styles(database, tables, lang, time)
        _columns(database, tables, lang)
        _metadata(database, tables, provenance, time)
        _insert_metadata(database, ISO, "text/xml", iso, None, time)
        _project(database, *project, time)


def read_metadata(database: sqlite3.Connection, kind: str, table: str | None = None) -> dict[str, Any]:
    """Return what the file says about its origin (``PROVENANCE``) or a table's columns (``COLUMNS``)."""
    rows = database.execute(
        "SELECT metadata FROM gpkg_metadata JOIN gpkg_metadata_reference ON md_file_id = id "
        "WHERE md_standard_uri = ? AND table_name IS ?",
        (STANDARD, table),
    )
    found = (json.loads(row[0]) for row in rows)
    return next((entry for entry in found if entry.get("kind") == kind), {})


def _styles(database: sqlite3.Connection, tables: Sequence[Table], lang: str, time: str) -> None:
    database.execute(LAYER_STYLES)
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) "
        "VALUES ('layer_styles', 'attributes', 'layer_styles', 'QGIS styles', ?)",
        (time,),
    )
    database.executemany(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
        "styleQML, styleSLD, useAsDefault, description, owner, ui, update_time) "
        "VALUES ('', '', ?, ?, ?, ?, ?, ?, ?, '', NULL, ?)",
        [
            (
                t.name,
                "geom" if t.geometry is not None else "",
                text("export.style", each),
                qml,
                t.sld.get(each, ""),
                each == lang,
                t.title,
                time,
            )
            for t in tables
            for each, qml in t.qml.items()
        ],
    )


def _columns(database: sqlite3.Connection, tables: Sequence[Table], lang: str) -> None:
    database.execute(DATA_COLUMNS)
    database.execute(CONSTRAINTS)
    _extension(database, "gpkg_data_columns", "gpkg_schema", SCHEMA_URI)
    _extension(database, "gpkg_data_column_constraints", "gpkg_schema", SCHEMA_URI)
    enums: dict[str, dict[str, str]] = {}
    for table in tables:
        taken: set[str] = set()
        for field in table.fields:
            enum = _enum(field, lang, enums)
            label = _not_taken(clean_text(field.label(lang)), taken)
            row = (table.name, field.name, label, label, clean_text(field.meaning(lang)) or None, enum)
            database.execute(
                "INSERT INTO gpkg_data_columns (table_name, column_name, name, title, description, constraint_name) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
    database.executemany(
        "INSERT INTO gpkg_data_column_constraints (constraint_name, constraint_type, value, description) "
        "VALUES (?, 'enum', ?, ?)",
        [(name, code, label) for name, codes in enums.items() for code, label in codes.items()],
    )


def _enum(field: Field, lang: str, enums: dict[str, dict[str, str]]) -> str | None:
    choices = field.choices(lang)
    if not choices:
        return None
    name = f"choice_{field.column.name}".lower()
    enums[name] = choices
    return name


def _not_taken(label: str, taken: set[str]) -> str:
    new, n = label, 1
    while new in taken:
        n += 1
        new = f"{label} ({n})"
    taken.add(new)
    return new


def _metadata(
    database: sqlite3.Connection, tables: Sequence[Table], provenance: Mapping[str, Any], time: str
) -> None:
    database.execute(METADATA)
    database.execute(REFERENCES)
    _extension(database, "gpkg_metadata", "gpkg_metadata", METADATA_URI)
    _extension(database, "gpkg_metadata_reference", "gpkg_metadata", METADATA_URI)
    _add_metadata(database, {"kind": PROVENANCE, **provenance}, None, time)
    for table in tables:
        entry = {"kind": COLUMNS, "title": table.title, "columns": [_column(field) for field in table.fields]}
        _add_metadata(database, entry, table.name, time)


def _column(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "type": field.column.type,
        "unit": field.column.unit,
        "label": {lang: field.label(lang) for lang in LANGUAGES},
        "meaning": {lang: field.meaning(lang) for lang in LANGUAGES},
    }


def _add_metadata(database: sqlite3.Connection, entry: dict[str, Any], table: str | None, time: str) -> None:
    content = clean_text(json.dumps(entry, ensure_ascii=False, indent=1, default=str))
    _insert_metadata(database, STANDARD, "application/json", content, table, time)


def _insert_metadata(
    database: sqlite3.Connection, standard: str, kind: str, content: str, table: str | None, time: str
) -> None:
    cursor = database.execute(
        "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata) VALUES (?, ?, ?, ?)",
        ("dataset", standard, kind, content),
    )
    database.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, table_name, timestamp, md_file_id) VALUES (?, ?, ?, ?)",
        ("table" if table else "geopackage", table, time, cursor.lastrowid),
    )


def _extension(database: sqlite3.Connection, table: str, name: str, uri: str) -> None:
    database.execute("INSERT INTO gpkg_extensions VALUES (?, NULL, ?, ?, 'read-write')", (table, name, uri))


def _project(database: sqlite3.Connection, name: str, archive: bytes, time: str) -> None:
    """QGIS keeps the zipped project as hexadecimal text in a blob (QgsGeoPackageProjectStorage)."""
    about = json.dumps({"last_modified_time": time, "last_modified_user": "plugspan"})
    database.execute(QGIS_PROJECTS)
    database.execute("INSERT INTO qgis_projects VALUES (?, ?, ?)", (name, about, archive.hex()))
