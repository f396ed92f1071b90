"""The GeoPackage: styled layers, evidence tables, aliases, meanings and provenance in one file.

The file is written beside its place, checked, and renamed. The same layers give the same bytes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import Transformer

from ..errors import PlugspanError
from ..schema import Column, TableSchema
from ..texts import catalogue
from ..units import WGS84
from .atomic import write_file
from .layer import Layer
from .qml import layer_qml

CRS_CHOICES = ("EPSG:4326", "EPSG:4490", "EPSG:4547")
WRITTEN_AT = "2000-01-01T00:00:00.000Z"
"""Time stamp inside the file: constant, so that the same plan gives the same bytes. The provenance has the real one."""
_GEOMETRY = {"line": "MultiLineString", "point": "Point", "polygon": "MultiPolygon"}
Tables = Mapping[str, tuple[pd.DataFrame, TableSchema]]


def write_geopackage(
    layers: Sequence[Layer],
    path: Path,
    *,
    crs: str = "EPSG:4490",
    lang: str = "zh",
    provenance: Mapping[str, Any] | None = None,
    tables: Tables | None = None,
    overwrite: bool = False,
) -> None:
    """Write layers and tables.

    Parameters
    ----------
    layers : sequence of Layer
        EPSG:4326, lowest first. Layers with a phase get its name as suffix (``routes_before``).
    path : Path
    crs : str
        One of :data:`CRS_CHOICES`. CGCS2000 and WGS 84 agree to a few centimetres; they are taken as the same
        datum, as all Chinese practice does.
    lang : str
        Language of titles, aliases, legends and meanings.
    provenance : mapping, optional
        Written as JSON into the file's metadata.
    tables : mapping, optional
        Name -> frame and schema of tables without geometry.
    overwrite : bool

    Raises
    ------
    OutputExistsError
        If the file is there and ``overwrite`` is False.
    PlugspanError
        If the written file fails SQLite's checks.
    """
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": WRITTEN_AT})
    try:
        with write_file(Path(path), overwrite=overwrite) as new:
            names = [table_name(layer) for layer in layers]
            for layer, name in zip(layers, names, strict=True):
                _write_layer(layer, name, new, crs, lang)
            for name, (frame, schema) in (tables or {}).items():
                _write_table(frame, schema, name, new)
            _finish(new, layers, names, tables or {}, lang, dict(provenance or {}))
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def table_name(layer: Layer) -> str:
    """Name of a layer's table: its own, with the phase where there is a before and an after."""
    return layer.name if layer.phase == "both" else f"{layer.name}_{layer.phase}"


# -- layers and tables -----------------------------------------------------------------------------------


def _write_layer(layer: Layer, name: str, path: Path, crs: str, lang: str) -> None:
    frame = projected(layer_frame(layer), crs)
    pyogrio.write_dataframe(
        frame.rename_geometry("geom"), path, layer=name, driver="GPKG", append=path.exists(),
        geometry_type=_GEOMETRY[layer.style.kind], promote_to_multi=layer.style.kind != "point",
        dataset_options=None if path.exists() else {"VERSION": "1.3"},
        layer_options={
            "IDENTIFIER": _unique_title(layer, name, lang), "DESCRIPTION": layer.title(lang), "SPATIAL_INDEX": "YES",
            "GEOMETRY_NAME": "geom", "FID": "fid",
        },
    )  # fmt: skip


def _unique_title(layer: Layer, name: str, lang: str) -> str:
    """Titles must differ inside a file."""
    return layer.title(lang) if layer.phase == "both" else f"{layer.title(lang)} ({name})"


def layer_frame(layer: Layer) -> gpd.GeoDataFrame:
    """Return the columns that are shown or styled by, with dtypes and texts that every format takes."""
    style = layer.style
    keys = [k for k in (style.by, style.offset_by, layer.label_column) if k]
    columns = list(dict.fromkeys([*layer.schema.names, *keys]))
    known = {c.name: c for c in layer.schema.columns}
    table = pd.DataFrame({name: _typed(layer.frame[name], known.get(name)) for name in columns})
    geometry = layer.frame.geometry
    if style.kind == "line":
        geometry = gpd.GeoSeries(_multi_lines(geometry.to_numpy()), crs=layer.frame.crs)
    return gpd.GeoDataFrame(table.reset_index(drop=True), geometry=geometry.reset_index(drop=True), crs=WGS84)


def _multi_lines(lines: np.ndarray) -> np.ndarray:
    """Multi-part lines without the empty and single-point parts that some tools stumble over."""
    return np.array([None if g is None or g.is_empty else shapely.multilinestrings(_parts(g)) for g in lines], dtype=object)


def _parts(geometry: Any) -> list[Any]:
    return [part for part in shapely.get_parts(geometry) if part.geom_type == "LineString"]


def _typed(series: pd.Series[Any], column: Column | None) -> pd.Series[Any]:
    kind = column.type if column is not None else None
    if kind == "float":
        return pd.to_numeric(series, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
    if kind == "int":
        return pd.to_numeric(series, errors="coerce").astype("Int64")
    if kind == "bool":
        return series.astype("boolean")
    if kind == "date":
        return pd.to_datetime(series, errors="coerce")
    if pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series):
        return series
    return series.astype(object).map(plain_text).astype(object)


def plain_text(value: Any) -> str | None:
    """Text as every format can hold it: no NUL, no half surrogates; None where it is missing."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    return str(value).replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def projected(frame: gpd.GeoDataFrame, crs: str) -> gpd.GeoDataFrame:
    """Return the frame in ``crs``, x before y; CGCS2000 is taken to be WGS 84.

    Raises
    ------
    ValueError
        If ``crs`` is not one of :data:`CRS_CHOICES`.
    """
    if crs not in CRS_CHOICES:
        raise ValueError(f"{crs} is not one of {', '.join(CRS_CHOICES)}")
    if crs == "EPSG:4547":
        # From geographic CGCS2000: a pure map projection, without any guessed datum shift.
        to = Transformer.from_crs("EPSG:4490", crs, always_xy=True)
        moved = shapely.transform(frame.geometry.to_numpy(), to.transform, interleaved=False)
        return gpd.GeoDataFrame(frame.drop(columns="geometry"), geometry=moved, crs=crs)
    return frame.set_crs(crs, allow_override=True)


def _write_table(frame: pd.DataFrame, schema: TableSchema, name: str, path: Path) -> None:
    table = pd.DataFrame({c.name: _typed(frame[c.name], c) for c in schema.columns}).reset_index(drop=True)
    pyogrio.write_dataframe(table, path, layer=name, driver="GPKG", append=path.exists(), layer_options={"FID": "fid"})


# -- styles, aliases, metadata ---------------------------------------------------------------------------

_DDL = """
CREATE TABLE layer_styles(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
  f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT,
  styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
CREATE TABLE IF NOT EXISTS gpkg_extensions(table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
  definition TEXT NOT NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE(table_name, column_name, extension_name));
CREATE TABLE IF NOT EXISTS gpkg_data_columns(table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT,
  description TEXT, mime_type TEXT, constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY(table_name, column_name),
  CONSTRAINT gdc_tn UNIQUE(table_name, name));
CREATE TABLE IF NOT EXISTS gpkg_data_column_constraints(constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL,
  value TEXT, min NUMERIC, min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
  CONSTRAINT gdcc_ntv UNIQUE(constraint_name, constraint_type, value));
CREATE TABLE IF NOT EXISTS gpkg_metadata(id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL,
  md_scope TEXT NOT NULL DEFAULT 'dataset', md_standard_uri TEXT NOT NULL, mime_type TEXT NOT NULL DEFAULT 'text/xml',
  metadata TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS gpkg_metadata_reference(reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT,
  row_id_value INTEGER, timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  md_file_id INTEGER NOT NULL, md_parent_id INTEGER,
  CONSTRAINT crmr_mfi_fk FOREIGN KEY(md_file_id) REFERENCES gpkg_metadata(id),
  CONSTRAINT crmr_mpi_fk FOREIGN KEY(md_parent_id) REFERENCES gpkg_metadata(id));
"""
_EXTENSIONS = {
    "gpkg_schema": ("gpkg_data_columns", "gpkg_data_column_constraints"),
    "gpkg_metadata": ("gpkg_metadata", "gpkg_metadata_reference"),
}


def _finish(
    path: Path, layers: Sequence[Layer], names: Sequence[str], tables: Tables, lang: str, provenance: dict[str, Any]
) -> None:
    """Add styles, aliases, meanings and provenance, and check the file."""
    with closing(sqlite3.connect(path)) as db:
        with db:
            db.executescript(_DDL)
            db.execute(
                "INSERT INTO gpkg_contents(table_name, data_type, identifier, description, last_change)"
                " VALUES('layer_styles', 'attributes', 'layer_styles', 'QGIS', ?)", (WRITTEN_AT,),
            )  # fmt: skip
            for extension, owned in _EXTENSIONS.items():
                rows = [(t, extension, f"http://www.geopackage.org/spec/#extension_{extension[5:]}") for t in owned]
                db.executemany(
                    "INSERT OR IGNORE INTO gpkg_extensions VALUES(?, NULL, ?, ?, 'read-write')", rows
                )
            for layer, name in zip(layers, names, strict=True):
                _add_style(db, layer, name, lang)
                _add_columns(db, layer.schema, name, lang)
            for name, (_, schema) in tables.items():
                _add_columns(db, schema, name, lang)
            db.execute(
                "INSERT INTO gpkg_metadata VALUES(1, 'dataset', 'http://www.isotc211.org/2005/gmd', 'application/json', ?)",
                (json.dumps(provenance, ensure_ascii=False, sort_keys=True),),
            )
            db.execute(
                "INSERT INTO gpkg_metadata_reference VALUES('geopackage', NULL, NULL, NULL, ?, 1, NULL)", (WRITTEN_AT,)
            )
        _check(db)


def _add_style(db: sqlite3.Connection, layer: Layer, name: str, lang: str) -> None:
    fields = [row[1] for row in db.execute(f'PRAGMA table_info("{name}")') if row[1] != "geom"]
    known = {c.name: c.label(lang) for c in layer.schema.columns}
    qml = layer_qml(layer, lang, {field: known.get(field, field) for field in fields})
    db.execute(
        "INSERT INTO layer_styles(f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML,"
        " useAsDefault, description, owner, update_time) VALUES('', '', ?, 'geom', 'plugspan', ?, 1, ?, '', ?)",
        (name, qml, layer.title(lang), WRITTEN_AT),
    )


def _add_columns(db: sqlite3.Connection, schema: TableSchema, name: str, lang: str) -> None:
    """Aliases and meanings; names must be unique in a table, so a second of the same gets its field name."""
    seen: set[str] = set()
    for column in schema.columns:
        label = column.label(lang)
        alias = label if label not in seen else f"{label} [{column.name}]"
        seen.add(alias)
        meaning = column.meaning(lang) if f"meaning.{column.name}" in catalogue() else label
        db.execute(
            "INSERT INTO gpkg_data_columns(table_name, column_name, name, title, description) VALUES(?, ?, ?, ?, ?)",
            (name, column.name, alias, label, meaning),
        )


def _check(db: sqlite3.Connection) -> None:
    sound = db.execute("PRAGMA integrity_check").fetchone()[0]
    orphans = db.execute("PRAGMA foreign_key_check").fetchall()
    if sound != "ok" or orphans:
        raise PlugspanError("geopackage-broken", reason=f"{sound} {orphans}")
