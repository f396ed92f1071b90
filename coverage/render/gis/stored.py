"""The tables of a run's ``layers.gpkg`` as they were written: values, labels and meanings, geometries, styles.

Nothing is computed anew; other formats and the database take them from here.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyogrio
import shapely

from ...errors import Fault, InputError
from ...schema import COLUMNS, Column
from ...tables.plan_tables import is_input_table
from ...texts import text
from ..read_run import told_as_damage
from .fields import Array, Field, in_wgs84
from .geopackage import Table
from .tables import COLUMNS as COLUMNS_KIND
from .tables import PROVENANCE, read_metadata

LAYERS = "layers.gpkg"


@dataclass(frozen=True, eq=False)
class StoredField(Field):
    """A column with the labels and meanings that its file gives it, by language."""

    labels: Mapping[str, str] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)

    def label(self, lang: str) -> str:
        """Return the header a person reads."""
        return self.labels.get(str(lang)) or super().label(lang)

    def meaning(self, lang: str) -> str:
        """Return what the column holds."""
        return self.meanings.get(str(lang)) or ""


@dataclass(frozen=True, eq=False)
class StoredLayers:
    """What a file of layers holds.

    Attributes
    ----------
    tables : tuple of Table
        Layers, then tables of results, then (named ``input_…``) what was read.
    crs : str
        Of the layers; geometries of what was read are in EPSG:4326.
    source : str
        The line on sources and date.
    """

    tables: tuple[Table, ...]
    crs: str
    source: str

    @property
    def results(self) -> tuple[Table, ...]:
        """The tables without those that the run read."""
        return tuple(table for table in self.tables if not is_input_table(table.name))


def read_layers(path: Path, lang: str, *, degrees: bool = False) -> StoredLayers:
    """Read all tables of a run's file of layers.

    Parameters
    ----------
    path : Path
        ``layers.gpkg``.
    lang : str
        Language of the styles.
    degrees : bool
        Give the layers in EPSG:4326, whatever the file has.

    Raises
    ------
    InputError
        If there is no such file, plugspan didn't write it, or it is damaged.
    """
    if not path.is_file():
        raise InputError(Fault("run-without-layers", file=str(path)))
    path.open("rb").close()  # a file that may not be read is not damaged
    with (
        told_as_damage(path),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database,
    ):
        # GDAL ends a layer at the first page that it can't read, and says nothing.
        if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("quick_check")
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'gpkg_metadata'").fetchone():
            raise InputError(Fault("run-without-layers", file=str(path)))
        about = read_metadata(database, PROVENANCE)
        if not about:
            raise InputError(Fault("run-without-layers", file=str(path)))
        names = database.execute(
            "SELECT table_name, identifier FROM gpkg_contents WHERE table_name <> 'layer_styles' ORDER BY rowid"
        ).fetchall()
        styles = {
            name: (qml, sld)
            for name, qml, sld in database.execute(
                "SELECT f_table_name, styleQML, styleSLD FROM layer_styles WHERE styleName = ?",
                (text("export.style", lang),),
            )
        }
        told = {name: read_metadata(database, COLUMNS_KIND, name).get("columns", []) for name, _ in names}
        read = [
            _read_table(path, name, title, told[name], lang, styles.get(name, ("", "")), degrees=degrees)
            for name, title in names
        ]
        for table, _ in read:
            [n] = database.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()
            if any(len(held.values) != n for held in table.fields):
                raise sqlite3.DatabaseError(table.name)
    systems = [crs for table, crs in read if crs and not is_input_table(table.name)]
    return StoredLayers(
        tuple(table for table, _ in read), next(iter(systems), ""), str(about.get("note", ""))
    )


def _read_table(
    path: Path,
    name: str,
    title: str,
    told: list[dict[str, Any]],
    lang: str,
    style: tuple[str, str],
    *,
    degrees: bool,
) -> tuple[Table, str]:
    meta, rows = pyogrio.raw.read_arrow(path, layer=name)
    spatial = meta["geometry_type"] is not None
    crs = str(meta["crs"]) if spatial else ""
    labels = {entry["name"]: entry for entry in told}
    fields = tuple(_field(column, rows.column(column), labels.get(column, {})) for column in meta["fields"])
    geometry = None
    if spatial:
        held = rows.column(meta["geometry_name"] or "wkb_geometry").to_pylist()
        geometry = shapely.from_wkb(np.array(held, dtype=object))
        if degrees:
            geometry = in_wgs84(gpd.GeoSeries(geometry, crs=crs)).to_numpy()
    return Table(
        name, title, fields, {lang: style[0]}, None, geometry, meta["geometry_type"], {lang: style[1]}
    ), crs


def _field(name: str, values: pa.ChunkedArray, told: Mapping[str, Any]) -> StoredField:
    held, missing = _values(values)
    own = Column(name, told.get("type", "text"), unit=told.get("unit", ""))
    known = COLUMNS.get(name)
    column = known if known is not None and (known.type, known.unit) == (own.type, own.unit) else own
    return StoredField(
        name, column, held, missing, labels=told.get("label", {}), meanings=told.get("meaning", {})
    )


def _values(column: pa.ChunkedArray) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Values and which are missing, as :func:`plugspan.render.gis.fields.fields` makes them."""
    missing = np.asarray(column.is_null().to_numpy(), dtype=bool)
    kind = column.type
    if pa.types.is_boolean(kind):
        return np.asarray(column.fill_null(False).to_numpy(), dtype=bool), missing
    if pa.types.is_integer(kind):
        return np.asarray(column.fill_null(0).to_numpy(), dtype=np.int64), missing
    if pa.types.is_floating(kind):
        return np.asarray(column.fill_null(np.nan).to_numpy(), dtype=np.float64), missing
    if pa.types.is_date(kind):
        return np.array(column.fill_null(dt.date(1970, 1, 1)).to_pylist(), dtype="datetime64[D]"), missing
    values = np.empty(len(column), dtype=object)
    values[:] = [None if value is None else str(value) for value in column.to_pylist()]
    return values, missing
