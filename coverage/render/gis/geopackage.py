"""The GeoPackage for GIS staff: all layers with styles, names, meanings, evidence tables and where it is from.

Written whole beside its place, checked, then renamed. The same input gives the same bytes.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import pyogrio.errors
import shapely

from ...atomic import write_file
from ...markup import clean_text
from ...schema import TableSchema, in_language
from ...tables.layer import Layer
from ...tables.plan_tables import is_input_table
from ...texts import LANGUAGES, catalogue, text
from ...units import WGS84
from .fields import Field, ascii_names, geometries, layer_fields, table_fields
from .iso_metadata import iso_metadata
from .qgis_project import ProjectLayer, ProjectTable, project_archive
from .qml import layer_qml, table_qml
from .sld import layer_sld
from .tables import describe

VERSION = "1.2"
"""Of the GeoPackage standard: the newest that QGIS 3.22 with GDAL 3.4 opens without a warning."""
NO_TIME = "2000-01-01T00:00:00.000Z"
"""Time of change in a file that must be the same for the same input; the run's own time is in result.json."""
PROJECT_NAME = "plugspan"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_SYSTEM = re.compile(r"(?i)gpkg_|rtree_|sqlite_|layer_styles$|qgis_projects$")


@dataclass(frozen=True, eq=False)
class Table:
    """One table as it is written.

    Attributes
    ----------
    name : str
        ASCII, unique in the file.
    title : str
        In the chosen language, unique in the file.
    fields : tuple of Field
        Its columns.
    qml : dict
        Style by language; the chosen language comes first and is the default.
    layer : Layer, optional
        What it was made of; None for a table that is not drawn.
    geometry : (n,) array of Geometry or None, optional
        In the file's CRS; of a table that is no layer, EPSG:4326.
    geometry_type : str, optional
        ``"Point"``, ``"MultiLineString"`` …
    sld : dict
        The style as SLD, by language.
    """

    name: str
    title: str
    fields: tuple[Field, ...]
    qml: Mapping[str, str]
    layer: Layer | None = None
    geometry: npt.NDArray[Any] | None = None
    geometry_type: str | None = None
    sld: Mapping[str, str] = field(default_factory=dict)


def write_geopackage(
    layers: Sequence[Layer],
    path: str | Path,
    *,
    crs: str = "EPSG:4490",
    lang: str = "zh",
    provenance: Mapping[str, Any] | None = None,
    tables: Mapping[str, tuple[pd.DataFrame, TableSchema]] | None = None,
    title: str = "",
    time: str = NO_TIME,
    overwrite: bool = False,
) -> tuple[Table, ...]:
    """Write layers and tables with their styles, and a QGIS project inside the file.

    Parameters
    ----------
    layers : sequence of Layer
        Lowest first. A layer of phase before or after becomes the table ``NAME_before`` or ``NAME_after``.
    path : str or Path
        The file.
    crs : str
        ``"EPSG:4326"``, ``"EPSG:4490"`` (CGCS2000), ``"EPSG:4547"`` (3-degree zone, 114° E), or another EPSG code.
    lang : str
        Language of titles, aliases and legends, ``"zh"`` or ``"en"``; the styles of the other one come along.
    provenance : mapping
        What the data were made from, as JSON in ``gpkg_metadata``.
    tables : mapping of name -> (DataFrame, TableSchema)
        Evidence, and what was read; a GeoDataFrame keeps its geometries as they are.
    title : str
        Title of the QGIS project.
    time : str
        Written as the time of change, UTC, like ``2026-11-22T00:00:00.000Z``. Same time, same bytes.
    overwrite : bool
        Replace a file that is there.

    Returns
    -------
    tuple of Table
        What was written, in order.

    Raises
    ------
    OutputExistsError
        If the file is there and ``overwrite`` is False.
    InputError
        If ``crs`` is unknown or not made for this part of the world.
    ValueError
        If there is nothing to write, ``time`` has another form, or the name doesn't end in ``.gpkg``.
    """
    if not _TIME.fullmatch(time):
        raise ValueError(f"time must look like {NO_TIME}, not {time!r}")
    path = Path(path)
    if path.suffix.lower() != ".gpkg":
        raise ValueError(f"the name of a GeoPackage ends in .gpkg, not {path.name}")
    held = prepare(layers, tables or {}, crs=crs, lang=lang)
    if not held:
        raise ValueError("there are no layers and no tables to write")
    archive = project_archive(
        project_layers(held), f"./{path.name}", crs=crs, lang=lang, title=title, time=time, tables=project_tables(held),
        note=str((provenance or {}).get("note", "")),
    )  # fmt: skip
    with write_file(path, overwrite=overwrite) as new, as_os_errors(path):
        with _settings(time):
            for table in held:
                _write_table(table, new, crs)
        with closing(sqlite3.connect(new)) as database:
            about = provenance or {}
            iso = iso_metadata(title, about, _bounds(layers), [t.title for t in held], crs=crs, lang=lang)
            describe(database, held, about, lang=lang, time=time, project=(PROJECT_NAME, archive), iso=iso)
            _finish(database)
    return held


def prepare(
    layers: Sequence[Layer],
    tables: Mapping[str, tuple[pd.DataFrame, TableSchema]],
    *,
    crs: str,
    lang: str,
) -> tuple[Table, ...]:
    """Return layers and tables as they are written, with unique names and titles."""
    names = ascii_names(
        [_free_of_system(n) for n in (*(table_name(layer) for layer in layers), *tables)], reserved=()
    )
    titles = _unique(
        [*(layer_title(layer, lang) for layer in layers), *(_table_title(t, lang) for t in tables)]
    )
    languages = [lang, *(in_language(lang, other) for other in LANGUAGES if other != lang)]
    found = []
    for layer, name, title in zip(layers, names, titles, strict=False):
        fields = layer_fields(layer)
        qml = {each: layer_qml(layer, fields, each) for each in languages}
        columns = {field.column.name: field.name for field in fields}
        sld = {each: layer_sld(layer, columns, name, each) for each in languages}
        found.append(Table(name, title, fields, qml, layer, *geometries(layer, crs), sld))
    n = len(layers)
    for (frame, schema), name, title in zip(tables.values(), names[n:], titles[n:], strict=True):
        fields = table_fields(frame, schema)
        qml = {each: table_qml(fields, each) for each in languages}
        found.append(Table(name, title, fields, qml, None, *_own_geometries(frame)))
    return tuple(found)


def _own_geometries(frame: pd.DataFrame) -> tuple[npt.NDArray[Any] | None, str | None]:
    """Geometries of a table as they are, to the last digit, and their type."""
    if not isinstance(frame, gpd.GeoDataFrame) or frame.geometry.isna().all():
        return None, None
    types = frame.geometry.geom_type.dropna().unique()
    return frame.geometry.to_numpy(), types[0] if len(types) == 1 else "Unknown"


def _bounds(layers: Sequence[Layer]) -> tuple[float, float, float, float] | None:
    """West, south, east, north of all layers; None if nothing has a place."""
    boxes = np.array([layer.frame.total_bounds for layer in layers] or [[np.nan] * 4], dtype=float)
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(boxes):
        return None
    west, south = boxes[:, :2].min(axis=0).tolist()
    east, north = boxes[:, 2:].max(axis=0).tolist()
    return west, south, east, north


def project_layers(tables: Sequence[Table]) -> list[ProjectLayer]:
    """Return the tables that a QGIS project shows, as :func:`write_geopackage` has written them."""
    return [
        ProjectLayer(t.name, t.title, t.layer, t.fields, t.geometry_type or "") for t in tables if t.layer
    ]


def project_tables(tables: Sequence[Table]) -> list[ProjectTable]:
    """Return the tables of results that a QGIS project shows beside its layers."""
    return [
        ProjectTable(t.name, t.title, t.fields)
        for t in tables
        if t.geometry is None and not is_input_table(t.name)
    ]


def table_name(layer: Layer) -> str:
    """Name of a layer's table: with ``_before`` or ``_after`` where there are two states."""
    return layer.name if layer.phase == "both" else f"{layer.name}_{layer.phase}"


def layer_title(layer: Layer, lang: str) -> str:
    """Title of a layer, with the state where there are two."""
    title = clean_text(layer.title(lang))
    if layer.phase == "both":
        return title
    return text("export.in-phase", lang, title=title, phase=text(f"map.{layer.phase}", lang))


def _table_title(name: str, lang: str) -> str:
    entry = catalogue().get(f"table.{name}")
    return entry[lang] if entry else name


def _free_of_system(name: str) -> str:
    return f"t_{name}" if _SYSTEM.match(name) else name


def _unique(titles: Sequence[str]) -> list[str]:
    """Number titles that occur again: the GeoPackage wants unique identifiers."""
    found: list[str] = []
    for title in titles:
        new, n = title, 1
        while new in found:
            n += 1
            new = f"{title} ({n})"
        found.append(new)
    return found


# -- writing ---------------------------------------------------------------------------------------------


def _write_table(table: Table, path: Path, crs: str) -> None:
    first = not path.exists()
    spatial = table.geometry is not None
    options = {"IDENTIFIER": table.title, "FID": "fid"}
    options |= (
        {"GEOMETRY_NAME": "geom", "SPATIAL_INDEX": "YES"}
        if spatial
        else {"ASPATIAL_VARIANT": "GPKG_ATTRIBUTES"}
    )
    pyogrio.raw.write(
        path,
        shapely.to_wkb(table.geometry) if spatial else None,
        [field.values for field in table.fields],
        [field.name for field in table.fields],
        field_mask=[field.missing for field in table.fields],
        layer=table.name,
        driver="GPKG",
        geometry_type=table.geometry_type,
        crs=(WGS84 if table.layer is None else crs) if spatial else None,
        promote_to_multi=False if spatial else None,
        dataset_options={"VERSION": VERSION} if first else None,
        layer_options=options,
    )


@contextmanager
def as_os_errors(path: Path) -> Iterator[None]:
    """What GDAL and SQLite could not write is an error of the disk, like any other.

    Raises
    ------
    OSError
        With what they said of it.
    """
    try:
        yield
    except (pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError, sqlite3.Error) as error:
        raise OSError(errno.EIO, " ".join(str(error).split())[:200], str(path)) from error


@contextmanager
def _settings(time: str) -> Iterator[None]:
    """Have GDAL write ``time`` as the time of change, and not wait for the disk at each step of a file nobody sees yet.

    GDAL's settings are put back afterwards.
    """
    wanted = {"OGR_CURRENT_DATE": time, "OGR_SQLITE_SYNCHRONOUS": "OFF"}
    before = {key: pyogrio.get_gdal_config_option(key) for key in wanted}
    pyogrio.set_gdal_config_options(wanted)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def _finish(database: sqlite3.Connection) -> None:
    """Pack the file and make sure that it is sound.

    Raises
    ------
    RuntimeError
        If SQLite finds a fault in it; the old file stays.
    """
    database.execute("VACUUM")
    faults = [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
    faults += [str(row) for row in database.execute("PRAGMA foreign_key_check")]
    if faults:
        raise RuntimeError(f"the GeoPackage just written is damaged: {'; '.join(faults[:5])}")
