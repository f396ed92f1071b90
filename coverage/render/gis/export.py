"""Layers in other formats: Shapefile, GeoJSON, FlatGeobuf, GeoParquet, PMTiles; a file each, its QGIS style beside it.

Each folder has a ``README.txt`` that names the columns and says what the format could not hold.
"""

from __future__ import annotations

import csv
import errno
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely

from ...atomic import write_folder, write_text
from ...errors import Diagnostics, Fault
from ...tables.layer import Layer
from ...texts import LANGUAGES, text
from ...units import WGS84
from .fields import Field, ascii_names
from .geopackage import NO_TIME, Table, as_os_errors, prepare
from .qml import renamed_qml

Format = Literal["shapefile", "geojson", "flatgeobuf", "geoparquet", "pmtiles"]
Encoding = Literal["UTF-8", "GBK"]
SUFFIX: Mapping[Format, str] = {
    "shapefile": ".shp",
    "geojson": ".geojson",
    "flatgeobuf": ".fgb",
    "geoparquet": ".parquet",
    "pmtiles": ".pmtiles",
}
MERCATOR = "EPSG:3857"
ZOOM, AREA_ZOOM = 12, 10
"""Deepest zoom of vector tiles: their grid is 2.4 m wide there, 10 m for areas, which fill the tiles of a country; maps
draw the same tiles beyond it."""
DBF_NAME, DBF_BYTES = 10, 254
"""Longest name and text that a Shapefile's table holds."""
_PMTILES_HEAD = 127
"""Bytes of an archive of tiles that say where its parts are: index, metadata, leaves, tiles: place and length."""
IN_DEGREES: tuple[Format, ...] = ("geojson", "pmtiles")
"""Formats that are made of EPSG:4326, whatever system is asked for."""
README, PACKAGE = "README.txt", "datapackage.json"
_ABOUT = {
    "result.json": "app.handover.what-result-json",
    "result.schema.json": "app.handover.what-result-schema-json",
    PACKAGE: "app.handover.what-datapackage-json",
}
"""Text that says what a file is."""


@dataclass(frozen=True, eq=False)
class Exported:
    """What was written: file names in the folder, and what the format could not hold."""

    folder: Path
    files: tuple[str, ...]
    notes: tuple[Fault, ...]


def export_layers(
    layers: Sequence[Layer],
    folder: str | Path,
    format: Format,  # noqa: A002 (the word its users know)
    *,
    crs: str = "EPSG:4490",
    lang: str = "zh",
    encoding: Encoding = "UTF-8",
    source: str = "",
    time: str = NO_TIME,
    overwrite: bool = False,
) -> Exported:
    """Write each layer as a file of its own into a new folder.

    Parameters
    ----------
    layers : sequence of Layer
        Lowest first.
    folder : str or Path
        Written beside its place and renamed when complete.
    format : str
        ``"shapefile"``, ``"geojson"`` (always EPSG:4326, RFC 7946), ``"flatgeobuf"``, ``"geoparquet"`` or
        ``"pmtiles"`` (vector tiles in web mercator, one archive a layer).
    crs : str
        As for :func:`plugspan.render.gis.geopackage.write_geopackage`; not for GeoJSON and PMTiles.
    lang : str
        Language of README and legends.
    encoding : str
        Of a Shapefile's texts: ``"UTF-8"``, or ``"GBK"`` for old Chinese software.
    source : str
        Line on sources and date, for the README.
    time : str
        Date that a Shapefile's table carries (its first ten characters); the same time gives the same bytes.
    overwrite : bool
        Replace a folder that is there.

    Raises
    ------
    OutputExistsError
        If the folder is there and ``overwrite`` is False.
    InputError
        If ``crs`` is unknown or not made for this part of the world.
    """
    crs = WGS84 if format in IN_DEGREES else crs
    tables = prepare(layers, {}, crs=crs, lang=lang)
    return export_tables(
        tables,
        folder,
        format,
        crs=crs,
        lang=lang,
        encoding=encoding,
        source=source,
        time=time,
        overwrite=overwrite,
    )


def export_tables(
    tables: Sequence[Table],
    folder: str | Path,
    format: Format,  # noqa: A002
    *,
    crs: str,
    lang: str,
    encoding: Encoding = "UTF-8",
    source: str = "",
    title: str = "",
    more: Mapping[str, str] | None = None,
    time: str = NO_TIME,
    overwrite: bool = False,
    done: Callable[[float], None] = lambda _share: None,
) -> Exported:
    """Write tables that are ready for files: see :func:`export_layers`. Those without geometry become CSV files.

    Parameters
    ----------
    title : str
        Of the data package.
    more : mapping
        Further texts by the name of their file.
    done : callable
        Gets the share of tables that are written, before each.
    """
    notes = Diagnostics()
    with write_folder(Path(folder), overwrite=overwrite) as new:
        written = []
        for n, table in enumerate(tables):
            done(n / len(tables))
            held = _fit(table, format, encoding, notes)
            if format == "pmtiles" and held.geometry is not None and not len(held.geometry):
                notes.append(_note("export-empty", table))  # its driver writes no archive without a tile
                continue
            with as_os_errors(Path(folder)):
                file = new / _file_name(held, format)
                (_write_csv if held.geometry is None else _WRITERS[format])(held, file, crs, encoding, time)
                _check_whole(held, file)
            if held.geometry is not None:
                names = {old.name: short.name for old, short in zip(table.fields, held.fields, strict=True)}
                write_text(new / f"{held.name}.qml", renamed_qml(table.qml[lang], names))
                write_text(new / f"{held.name}.sld", _renamed_sld(table.sld[lang], names))
            written.append(held)
        more = more or {}
        shown = MERCATOR if format == "pmtiles" else crs
        readme = _readme(written, format, shown, lang, encoding, source, notes, sorted(more))
        write_text(new / README, "\n".join(readme) + "\n", "utf-8-sig")
        for name, content in more.items():
            write_text(new / name, content)
        package = _package(written, format, encoding, lang, title or source, sorted(more))
        write_text(new / PACKAGE, package)
        files = tuple(sorted(p.name for p in new.iterdir()))
    return Exported(Path(folder), files, tuple(notes))


def _renamed_sld(sld: str, names: Mapping[str, str]) -> str:
    """A style whose columns have other names in a file."""
    for old, new in names.items():
        sld = sld.replace(
            f"<ogc:PropertyName>{old}</ogc:PropertyName>", f"<ogc:PropertyName>{new}</ogc:PropertyName>"
        )
    return sld


def _file_name(table: Table, format: Format) -> str:  # noqa: A002
    return f"{table.name}{SUFFIX[format] if table.geometry is not None else '.csv'}"


def _geometry(table: Table) -> npt.NDArray[Any]:
    return np.asarray(table.geometry, dtype=object)


# -- what a format can hold ------------------------------------------------------------------------------


def _fit(table: Table, format: Format, encoding: Encoding, notes: Diagnostics) -> Table:  # noqa: A002
    if table.geometry is None:
        return _fit_csv(table, encoding, notes) if format == "shapefile" and encoding != "UTF-8" else table
    if format == "shapefile":
        return _fit_shapefile(table, encoding, notes)
    if format in ("flatgeobuf", "pmtiles"):
        return _only_placed(table, notes)
    return table


def _only_placed(table: Table, notes: Diagnostics) -> Table:
    """FlatGeobuf with its index, and tiles, hold no feature without a geometry."""
    geometry = _geometry(table)
    placed: npt.NDArray[np.bool_] = ~np.asarray(shapely.is_missing(geometry))
    if placed.all():
        return table
    notes.append(_note("export-no-place", table, n=int((~placed).sum())))
    fields = tuple(replace(f, values=f.values[placed], missing=f.missing[placed]) for f in table.fields)
    return replace(table, fields=fields, geometry=geometry[placed])


def _fit_shapefile(table: Table, encoding: Encoding, notes: Diagnostics) -> Table:
    names = ascii_names([f.name for f in table.fields], width=DBF_NAME, reserved=())
    fields = [
        _fit_dbf(replace(f, name=name), table, encoding, notes)
        for f, name in zip(table.fields, names, strict=True)
    ]
    return replace(table, fields=tuple(fields))


def _fit_csv(table: Table, encoding: Encoding, notes: Diagnostics) -> Table:
    """Say where an encoding lacks characters; what it writes in their place is the writer's business."""
    for field in table.fields:
        held = field.values[~field.missing] if field.values.dtype == object else ()
        lost = sum(fit_text(value, encoding)[2] for value in held)
        if lost:
            notes.append(_note("export-lost", table, field, n=lost, encoding=encoding))
    return table


def _fit_dbf(field: Field, table: Table, encoding: Encoding, notes: Diagnostics) -> Field:
    if field.values.dtype != object:
        return field
    fitted = field.values.copy()
    cut = lost = 0
    for i in np.flatnonzero(~field.missing):
        fitted[i], was_cut, was_lost = fit_text(field.values[i], encoding)
        cut += was_cut
        lost += was_lost
    if cut:
        notes.append(_note("export-cut", table, field, n=cut))
    if lost:
        notes.append(_note("export-lost", table, field, n=lost, encoding=encoding))
    return replace(field, values=fitted)


def fit_text(value: str, encoding: str) -> tuple[str, bool, bool]:
    """Return a text that a Shapefile holds, whether it was cut at 254 bytes, and whether characters became ``?``.

    Examples
    --------
    >>> fit_text("醴陵🚢", "GBK")
    ('醴陵?', False, True)
    """
    raw = value.encode(encoding, errors="replace")
    kept = raw[:DBF_BYTES].decode(encoding, errors="ignore")
    return kept, len(raw) > DBF_BYTES, raw.decode(encoding) != value


def _note(key: str, table: Table, field: Field | None = None, **values: Any) -> Fault:
    column = field.name if field else None
    return Fault(key, file=table.name, column=column, values=values, warning=True)


# -- writers ---------------------------------------------------------------------------------------------


def _write_ogr(
    table: Table,
    path: Path,
    crs: str,
    driver: str,
    encoding: str | None = None,
    dataset_options: Mapping[str, str] | None = None,
    **options: str,
) -> None:
    pyogrio.raw.write(
        path,
        shapely.to_wkb(table.geometry),
        [field.values for field in table.fields],
        [field.name for field in table.fields],
        field_mask=[field.missing for field in table.fields],
        layer=table.name,
        driver=driver,
        geometry_type=table.geometry_type,
        crs=crs,
        encoding=encoding,
        promote_to_multi=False,
        dataset_options=dict(dataset_options or {}),
        layer_options=options,
    )


def _check_whole(table: Table, path: Path) -> None:
    """Find out whether a file holds all of a table: on a full disk GDAL loses what it writes last and is silent.

    Raises
    ------
    OSError
        If it doesn't.
    """
    whole = True
    if path.suffix == ".shp":
        shapes, rows = path.read_bytes(), path.with_suffix(".dbf").read_bytes()
        n, start, width = (int.from_bytes(rows[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
        whole = n == len(_geometry(table)) and 0 < start <= len(rows) - n * width
        whole = whole and len(shapes) == 2 * int.from_bytes(shapes[24:28], "big")  # counted in 16-bit words
    elif path.suffix == ".geojson":
        whole = path.read_bytes().endswith(b"]\n}\n")
    elif path.suffix == ".fgb":
        pyogrio.raw.read(path)
    elif path.suffix == ".pmtiles":
        head = path.read_bytes()[:_PMTILES_HEAD]
        parts = [int.from_bytes(head[k : k + 8], "little") for k in range(8, 72, 8)]
        ends = [offset + length for offset, length in zip(parts[::2], parts[1::2], strict=True)]
        whole = (
            len(head) == _PMTILES_HEAD and head.startswith(b"PMTiles") and max(ends) <= path.stat().st_size
        )
    if not whole:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _write_shapefile(table: Table, path: Path, crs: str, encoding: Encoding, time: str) -> None:
    # A Shapefile's lines and areas may always have several parts; its driver knows the single kinds only.
    kind = (
        (table.geometry_type or "").removeprefix("Multi")
        if "Point" not in (table.geometry_type or "")
        else table.geometry_type
    )
    _write_ogr(
        replace(table, geometry_type=kind),
        path,
        crs,
        "ESRI Shapefile",
        encoding,
        DBF_DATE_LAST_UPDATE=time[:10],
    )


def _write_geojson(table: Table, path: Path, crs: str, encoding: Encoding, time: str) -> None:
    _write_ogr(table, path, crs, "GeoJSON", RFC7946="YES")


def _write_flatgeobuf(table: Table, path: Path, crs: str, encoding: Encoding, time: str) -> None:
    _write_ogr(table, path, crs, "FlatGeobuf", SPATIAL_INDEX="YES" if len(_geometry(table)) else "NO")


def _write_geoparquet(table: Table, path: Path, crs: str, encoding: Encoding, time: str) -> None:
    columns = {field.name: _nullable(field) for field in table.fields}
    frame = gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(table.geometry, crs=crs), crs=crs)
    frame.to_parquet(path, index=False, compression="zstd", schema_version="1.1.0", write_covering_bbox=True)


def _write_pmtiles(table: Table, path: Path, crs: str, encoding: Encoding, time: str) -> None:
    deepest = AREA_ZOOM if "Polygon" in (table.geometry_type or "") else ZOOM
    zoom = {"NAME": table.name, "MINZOOM": "0", "MAXZOOM": str(deepest)}
    _write_ogr(table, path, crs, "PMTiles", dataset_options=zoom)


def _write_csv(table: Table, path: Path, _crs: str, encoding: str, _time: str) -> None:
    """All names and texts in full; a Shapefile's encoding is that of its tables, too."""
    held = [
        np.where(field.missing, "", [_csv_cell(value) for value in field.values.tolist()])
        for field in table.fields
    ]
    marked = "utf-8-sig" if encoding == "UTF-8" else encoding  # Excel takes UTF-8 by its mark alone
    with path.open("w", encoding=marked, errors="replace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in table.fields])
        writer.writerows(zip(*held, strict=True))


def _csv_cell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


_ARROW = {"b": pa.bool_(), "i": pa.int64(), "f": pa.float64(), "M": pa.date32(), "O": pa.string()}


def _nullable(field: Field) -> pd.Series[Any]:
    values = pa.array(field.values, type=_ARROW[field.values.dtype.kind], mask=field.missing)
    return pd.Series(pd.arrays.ArrowExtensionArray(values))


_WRITERS: Mapping[Format, Callable[[Table, Path, str, Encoding, str], None]] = {
    "shapefile": _write_shapefile,
    "geojson": _write_geojson,
    "flatgeobuf": _write_flatgeobuf,
    "geoparquet": _write_geoparquet,
    "pmtiles": _write_pmtiles,
}


# -- readme ----------------------------------------------------------------------------------------------


def _readme(
    tables: Sequence[Table],
    format: Format,  # noqa: A002
    crs: str,
    lang: str,
    encoding: str,
    source: str,
    notes: Sequence[Fault],
    more: Sequence[str],
) -> list[str]:
    lines = [text("export.readme", lang, format=text(f"export.{format}", lang), crs=crs)]
    lines += [source] if source else []
    lines += ["", text(f"export.limits-{format}", lang, encoding=encoding)]
    lines += ["", text("export.notes", lang), *(f"- {note.render(lang)}" for note in notes)] if notes else []
    lines += ["", *(f"{name}  {text(_ABOUT[name], lang)}" for name in (*more, PACKAGE))]
    for table in tables:
        n = len(table.fields[0].values) if table.fields else 0
        lines += ["", f"{_file_name(table, format)}  {table.title}  ({n})"]
        lines += [_readme_column(field, lang) for field in table.fields]
    return lines


def _readme_column(field: Field, lang: str) -> str:
    full = "" if field.name == field.column.name else f" = {field.column.name}"
    meaning = field.meaning(lang)
    return f"  {field.name}{full}: {field.label(lang)}{' — ' + meaning if meaning else ''}"


# -- data package ----------------------------------------------------------------------------------------


def _package(
    tables: Sequence[Table],
    format: Format,  # noqa: A002
    encoding: str,
    lang: str,
    title: str,
    more: Sequence[str],
) -> str:
    """``datapackage.json``: each file, and each column with type, unit and meaning in all languages."""
    resources: list[dict[str, Any]] = [
        {
            "name": table.name.lower().replace("_", "-"),
            "title": table.title,
            "path": _file_name(table, format),
            "profile": "data-resource" if table.geometry is not None else "tabular-data-resource",
            "format": _file_name(table, format).rpartition(".")[2],
            "encoding": encoding if format == "shapefile" else "UTF-8",
            "schema": {
                "fields": [
                    *(_package_field(field, lang) for field in table.fields),
                    *(_place_fields(lang) if _file_name(table, format).endswith(".parquet") else ()),
                ],
                "missingValues": [""],
            },
        }
        for table in tables
    ]
    resources += [
        # Readers of packages take JSON for a table, and "schema" in it for the table's.
        {"name": name.replace(".", "-"), "title": text(_ABOUT[name], lang), "path": name, "type": "file",
         "format": "json"}
        for name in more
    ]  # fmt: skip
    package = {"profile": "data-package", "name": "plugspan-export", "title": title, "resources": resources}
    return json.dumps(package, ensure_ascii=False, indent=1) + "\n"


def _place_fields(lang: str) -> list[dict[str, Any]]:
    """The columns of GeoParquet that hold the places."""
    return [
        {"name": name, "type": kind, "title": text(f"export.{name}", lang),
         "titles": {code: text(f"export.{name}", code) for code in LANGUAGES}}
        for name, kind in (("geometry", "any"), ("bbox", "object"))
    ]  # fmt: skip


def _package_field(field: Field, lang: str) -> dict[str, Any]:
    kind = {"b": "boolean", "i": "integer", "f": "number", "M": "date", "O": "string"}[
        field.values.dtype.kind
    ]
    meanings = {code: field.meaning(code) for code in LANGUAGES}
    found = {
        "name": field.name, "type": kind, "column": field.column.name, "title": field.label(lang),
        "titles": {code: field.label(code) for code in LANGUAGES},
        "description": " / ".join(filter(None, meanings.values())), "descriptions": meanings,
    }  # fmt: skip
    return found | ({"unit": field.column.unit} if field.column.unit else {})
