"""Vector files in: one door for tables, regions and road networks.

A data file is data. GDAL with all its drivers goes by a file's content: a ``.geojson`` that holds a VRT or a WFS
request reads other files, asks servers, and writes. So GeoJSON, GeoPackage and KML are read here by Python's own
parsers, and GDAL sees only Shapefiles and FlatGeobufs: their bytes, in memory, with the one driver for them.
"""

from __future__ import annotations

import codecs
import io
import json
import re
import sqlite3
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyogrio
import shapely
from pyarrow import parquet
from pyproj import CRS
from pyproj.exceptions import CRSError

from .errors import Fault, InputError
from .files import MOST_CELLS, MOST_MB, check_bytes, check_size, check_there, read_bytes, unreadable
from .geopackage import read_geopackage
from .markup import read_xml
from .shapes import (
    BrokenShape,
    Cells,
    TooManyError,
    VectorLayer,
    broken_shape,
    chosen_layer,
    layer_shapes,
    plain_cell,
    read_json,
    ring_area,
)
from .units import WGS84

SUFFIXES = (".geojson", ".json", ".gpkg", ".shp", ".fgb", ".parquet", ".kml")
_MAGIC = {".gpkg": b"SQLite format 3\0", ".fgb": b"fgb", ".parquet": b"PAR1", ".shp": b"\0\0\x27\x0a"}
_SHAPEFILE_PARTS = (".shx", ".dbf")
_NAMED_CRS = re.compile(
    r"(?:urn:ogc:def:crs:)?(?:EPSG:(?:[\w.]*:)?(\d{1,7})|OGC:(?:[\w.]*:)?CRS84)", re.IGNORECASE
)
_UNUSABLE_CODECS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7"}


def read_vector(
    path: Path, layer: str | None = None, encoding: str | None = None, *, most_mb: float | None = None
) -> VectorLayer:
    """Read the first layer that has geometries, or the one named.

    Parameters
    ----------
    path : Path
        GeoJSON, GeoPackage, Shapefile, FlatGeobuf or KML (its areas only).
    layer : str, optional
    encoding : str, optional
        Of a Shapefile's texts; else its ``.cpg`` says so, or UTF-8 and GB 18030 are tried.
    most_mb : float, optional
        Largest table of a GeoPackage; :data:`~plugspan.files.MOST_MB` if left out.

    Raises
    ------
    InputError
        If the file is broken, incomplete, too large, or another format than its name says, or has no such layer.
    """
    check_there(path)
    suffix, file = path.suffix.lower(), str(path)
    magic = _MAGIC.get(suffix, b"")
    try:
        with path.open("rb") as opened:
            start = opened.read(len(magic))
    except OSError as error:
        raise unreadable(path, error) from error
    if start != magic:
        raise InputError(Fault("layer-foreign", file=file, value=suffix))
    try:
        read = partial(read_geopackage, most_mb=most_mb) if suffix == ".gpkg" else _READERS[suffix]
        found = read(path, layer, encoding)
    except InputError:  # a ValueError, too
        raise
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError, sqlite3.Error,
            ValueError, IndexError, KeyError, TypeError, RuntimeError, OverflowError) as error:  # fmt: skip
        raise InputError(Fault("layer-broken", file=file)) from error
    check_size(file, len(found.rows), len(found.headers))
    if found.shapes is not None:
        found.shapes[shapely.is_empty(found.shapes)] = None
    if found.crs is not None and found.crs.type_name == "Engineering CRS":
        return replace(found, crs=None)  # as GDAL's "Undefined SRS": no place on the earth
    return found


# -- GeoJSON ---------------------------------------------------------------------------------------------------


def load_json(path: Path) -> Any:
    """Read a JSON file; what looks like a geometry is a shape.

    Raises
    ------
    InputError
        If it is none, too large, or nested too deep.
    """
    file = str(path)
    try:
        return read_json(read_bytes(path))
    except TooManyError as error:
        raise InputError(Fault("table-too-large", file=file, values={"most": f"{MOST_CELLS:,}"})) from error
    except json.JSONDecodeError as error:
        values = {"position": error.colno}
        raise InputError(Fault("layer-json", file=file, row=error.lineno, values=values)) from error
    except (RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(Fault("layer-broken", file=file)) from error


def _read_geojson(path: Path, layer: str | None, encoding: str | None) -> VectorLayer:
    file, suffix, read = str(path), path.suffix.lower(), load_json(path)
    kind = read.get("type") if isinstance(read, dict) else None
    if isinstance(read, shapely.Geometry | BrokenShape):
        features: Any = [{"geometry": read}]
    else:
        features = read.get("features") if kind == "FeatureCollection" else [read]
    if not isinstance(read, dict | shapely.Geometry | BrokenShape) or (
        isinstance(read, dict) and kind not in ("Feature", "FeatureCollection")
    ):
        raise InputError(Fault("layer-foreign", file=file, value=suffix))
    if not isinstance(features, list) or not all(isinstance(f, dict) for f in features):
        raise InputError(Fault("layer-broken", file=file))
    name = read["name"] if isinstance(read, dict) and isinstance(read.get("name"), str) else path.stem
    chosen_layer(file, [name, path.stem], layer)
    headers, rows = _json_cells(file, features)
    shapes = np.full(len(features), None, dtype=object)
    faults = []
    for i, feature in enumerate(features):
        shape = feature.get("geometry")
        if isinstance(shape, shapely.Geometry):
            shapes[i] = shape
        elif shape is not None:
            faults.append(broken_shape(file, i))
    crs = _json_crs(file, read.get("crs", WGS84) if isinstance(read, dict) else WGS84)
    return VectorLayer(name, (), headers, rows, shapes, crs, faults)


def _json_cells(file: str, features: list[dict[str, Any]]) -> tuple[list[str], Cells]:
    """Columns in the order in which they first occur; a feature's own ``id`` is one if it is a text."""
    properties = [f["properties"] if isinstance(f.get("properties"), dict) else {} for f in features]
    places: dict[str, int] = {}
    if any(isinstance(f.get("id"), str) for f in features) and not any("id" in p for p in properties):
        properties = [{"id": f.get("id"), **p} for f, p in zip(features, properties, strict=True)]
    for one in properties:
        for key in one:
            places.setdefault(key, len(places))
    check_size(file, len(features), len(places))
    return list(places), [[plain_cell(one.get(key)) for key in places] for one in properties]


def _json_crs(file: str, said: Any) -> CRS | None:
    """Coordinate system by name. A link is not followed: a data file makes nobody ask a server."""
    if said is None:
        return None
    name = said
    if isinstance(said, dict):
        inside = said.get("properties")
        name = inside.get("name") if isinstance(inside, dict) and said.get("type") == "name" else None
    named = _NAMED_CRS.fullmatch(name) if isinstance(name, str) else None
    try:
        if named is not None:
            return CRS.from_user_input(f"EPSG:{named[1]}" if named[1] else WGS84)
    except CRSError:
        pass
    raise InputError(Fault("layer-crs", file=file, value=json.dumps(said, default=str)[:60]))


# -- GeoParquet ------------------------------------------------------------------------------------------------

_LEFT_ASIDE = {"bbox", "sources", "socials", "websites", "emails", "phones"}
"""Columns of Overture that take most of the room and say nothing that is asked for."""


def _read_parquet(path: Path, layer: str | None, encoding: str | None) -> VectorLayer:
    file = str(path)
    check_bytes(path)
    try:
        with parquet.ParquetFile(path) as stored:
            names = [name for name in stored.schema_arrow.names if name not in _LEFT_ASIDE]
            check_size(file, stored.metadata.num_rows, len(names))
            room = sum(
                stored.metadata.row_group(i).total_byte_size for i in range(stored.metadata.num_row_groups)
            )
            if room > 10 * MOST_MB * 1_000_000:
                raise InputError(Fault("file-too-large", file=file, values={"most": MOST_MB}))
            said = json.loads((stored.schema_arrow.metadata or {}).get(b"geo", b"{}"))
            table = stored.read(columns=names)
        main = said.get("primary_column", "geometry")
        column = said.get("columns", {}).get(main, {})
        cells = {
            name: [plain_cell(cell) for cell in table[name].to_pylist()] for name in names if name != main
        }
        raw = table[main].to_pylist() if main in names else None
        crs = CRS.from_user_input(column.get("crs") or WGS84)
    except (pyarrow.ArrowException, CRSError, AttributeError) as error:
        raise InputError(Fault("layer-broken", file=file)) from error
    if column.get("encoding", "WKB") != "WKB" or (raw and not isinstance(raw[0], bytes | None)):
        raise InputError(Fault("layer-broken", file=file))
    shapes, faults = layer_shapes(file, raw)
    rows = [list(row) for row in zip(*cells.values(), strict=True)] if cells else [[] for _ in raw or ()]
    return VectorLayer(path.stem, (), list(cells), rows, shapes, crs, faults)


# -- KML -------------------------------------------------------------------------------------------------------


def _read_kml(path: Path, layer: str | None, encoding: str | None) -> VectorLayer:
    """Areas of a KML file. What it links to is not followed."""
    file = str(path)
    areas: list[Any] = []
    rings: list[Any] = []
    faults: list[Fault] = []

    def end(tag: str, words: str) -> None:
        if tag == "coordinates":
            rings.append([pair.split(",")[:2] for pair in words.split()])
        elif tag == "Polygon":
            try:
                areas.append(ring_area(rings))
            except (ValueError, IndexError):
                faults.append(broken_shape(file, len(areas) + len(faults)))
        if tag in ("Polygon", "Point", "LineString"):
            rings.clear()

    read_xml(file, io.BytesIO(read_bytes(path)), end=end, keep={"coordinates"})
    return VectorLayer(
        path.stem,
        (),
        [],
        [[] for _ in areas],
        np.array(areas, dtype=object),
        CRS.from_user_input(WGS84),
        faults,
    )


# -- GDAL: Shapefile and FlatGeobuf ----------------------------------------------------------------------------

_GDAL = threading.RLock()


@contextmanager
def _only(driver: str) -> Iterator[None]:
    """Have GDAL know one driver. Its list of drivers is the process's, so it is put back afterwards."""
    from pyogrio._ogr import _register_drivers

    with _GDAL, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GDAL's and pyogrio's; what they mean shows in the rows
        before = pyogrio.get_gdal_config_option("GDAL_SKIP")
        skipped = ",".join(name for name in pyogrio.list_drivers() if name != driver)
        pyogrio.set_gdal_config_options({"GDAL_SKIP": skipped})
        try:
            _register_drivers()
            if list(pyogrio.list_drivers()) != [driver]:
                raise RuntimeError("GDAL keeps drivers that were taken away")
            yield
        finally:
            pyogrio.set_gdal_config_options({"GDAL_SKIP": before})
            _register_drivers()


def _read_gdal(
    path: Path, driver: str, content: bytes, layer: str | None, encoding: str | None
) -> VectorLayer:
    file = str(path)
    with _only(driver):
        names = [str(name) for name, _ in pyogrio.list_layers(content)]
        chosen_layer(file, [*names, path.stem], layer)
        about, _, wkb, columns = pyogrio.raw.read(
            content, layer=0, encoding=encoding, datetime_as_string=True
        )
    headers = [str(name) for name in about["fields"]]
    check_size(file, len(columns[0]) if columns else 0, len(headers))
    n = len(wkb) if wkb is not None else len(columns[0]) if columns else 0
    rows = (
        [list(map(plain_cell, row)) for row in zip(*columns, strict=True)]
        if columns
        else [[] for _ in range(n)]
    )
    shapes, faults = layer_shapes(file, wkb)
    crs = CRS.from_user_input(about["crs"]) if about["crs"] else None
    return VectorLayer(path.stem, (), headers, rows, shapes, crs, faults)


def _read_flatgeobuf(path: Path, layer: str | None, encoding: str | None) -> VectorLayer:
    return _read_gdal(path, "FlatGeobuf", read_bytes(path), layer, encoding)


def _read_shapefile(path: Path, layer: str | None, encoding: str | None) -> VectorLayer:
    """Read the parts of a Shapefile, and nothing else that lies beside them."""
    file = str(path)
    beside = {p.suffix.lower(): p for p in path.parent.iterdir() if p.stem == path.stem}
    missing = [part for part in _SHAPEFILE_PARTS if part not in beside]
    if missing:
        raise InputError(Fault("shapefile-parts", file=file, values={"parts": ", ".join(missing)}))
    parts = {end: read_bytes(beside[end]) for end in (".shp", *_SHAPEFILE_PARTS, ".prj") if end in beside}
    encoding = encoding or _dbf_encoding(beside.get(".cpg"), parts[".dbf"])
    check_encoding(file, encoding)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for end, content in parts.items():
            archive.writestr(f"layer{end}", content)
    del parts
    found = _read_gdal(path, "ESRI Shapefile", packed.getvalue(), layer, "ISO-8859-1")

    def decoded(cell: Any) -> Any:
        # dBASE cuts names at ten bytes and texts at 254, also in the middle of a character: its rest is dropped.
        return cell.encode("ISO-8859-1").decode(encoding, errors="ignore") if isinstance(cell, str) else cell

    found.headers[:] = map(decoded, found.headers)
    found.rows[:] = [list(map(decoded, row)) for row in found.rows]
    return found


def _dbf_encoding(cpg: Path | None, dbf: bytes) -> str:
    """Return a Shapefile's encoding: its .cpg, else UTF-8 if the bytes allow it, else GB 18030."""
    if cpg is not None:
        named = read_bytes(cpg).decode("ascii", errors="replace").strip()
        return {"936": "GB18030", "cp936": "GB18030"}.get(named.lower(), named) or "UTF-8"
    try:
        dbf[int.from_bytes(dbf[8:10], "little") :].decode("utf-8")
    except UnicodeDecodeError:
        return "GB18030"
    return "UTF-8"


def check_encoding(file: str, name: str) -> None:
    """Refuse a name that is no encoding of texts, or one that no data file is written in.

    Raises
    ------
    InputError
        With the encodings to write instead.
    """
    try:
        known = codecs.lookup(name).name.replace("-", "_")
        "x".encode(name)
    except (LookupError, ValueError) as error:
        raise InputError(Fault("encoding-unknown", file=file, value=name[:40])) from error
    if known in _UNUSABLE_CODECS:
        raise InputError(Fault("encoding-unknown", file=file, value=name[:40]))


_READERS: Mapping[str, Callable[[Path, str | None, str | None], VectorLayer]] = {
    ".geojson": _read_geojson,
    ".json": _read_geojson,
    ".parquet": _read_parquet,
    ".shp": _read_shapefile,
    ".fgb": _read_flatgeobuf,
    ".kml": _read_kml,
}
