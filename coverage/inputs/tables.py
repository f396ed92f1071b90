"""Reading a table: file -> frame of one schema in EPSG:4326, or all its faults at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from ..errors import Diagnostics, Fault, InputError
from ..schema import Column, TableSchema
from ..units import LEAST, MOST, WGS84
from . import checks
from .cells import BadCellError, check_cell, is_missing, parse_position, parser
from .datum import SHIFTED, parse_crs, to_wgs84
from .files import read_raw
from .formats import all_formats, as_native
from .frames import TEXT_DTYPE, as_series
from .headers import Mapped, find_column, listed, map_headers, unknown_name
from .ledger import FileEntry, as_written, faulty_rows, file_entry, without_rows
from .mapping import Reading, samples, steered, without_doubtful, without_ignored
from .raw_table import RawTable, merged_numbers, raw_from_frame, spreads, without_totals_and_footnotes
from .sites import LIST

RASTER_SUFFIXES = (".tif", ".tiff")
OnFault = Literal["stop", "skip", "keep"]


def read_table(
    path: str | Path | pd.DataFrame,
    schema: TableSchema,
    *,
    datum: str | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    layer: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    region: BaseGeometry | None = None,
    halo_km: float = 40.0,
    roads: BaseGeometry | None = None,
    notes: Diagnostics | None = None,
    on_fault: OnFault = "stop",
    ledger: list[FileEntry] | None = None,
    reading: Reading | None = None,
) -> gpd.GeoDataFrame:
    """Read a table of sites, berths, car parks, demand, counties or calls.

    Parameters
    ----------
    path : path or DataFrame
        CSV/TSV (UTF-8, GBK), Excel (.xlsx), GeoJSON, GeoPackage, Shapefile, FlatGeobuf, GeoParquet; for demand a
        GeoTIFF of people. Or a frame, whose columns
        are found by the same names and whose cells are checked in the same way; a GeoDataFrame is in its own CRS.
    schema : TableSchema
        One of :mod:`plugspan.inputs.schemas`.
    datum : str
        ``"wgs84"``, ``"gcj02"``, ``"bd09"`` or ``"EPSG:…"``: what the coordinates are in; if left out, what a native
        format defines, else WGS 84. A layer with a coordinate system of its own is converted from that.
    columns : mapping, optional
        Our column name -> header in the file, where the aliases don't find it.
    encoding, sheet, layer : str, optional
        See :func:`plugspan.inputs.files.read_raw`.
    defaults : mapping, optional
        Column name -> value for cells that are missing (``{"kind": "expressway_service_area"}``).
    region : geometry, optional
        EPSG:4326. Rows further than ``halo_km`` outside are warned of; swapped coordinates are found by it.
    halo_km : float
    roads : geometry, optional
        EPSG:4326. Without a region: where there are roads; rows further than ``halo_km`` outside are warned of.
    notes : Diagnostics, optional
        Warnings are appended here.
    on_fault : {"stop", "skip", "keep"}
        Whether a row that has a fault stops the reading, is left out with a note, or is kept with the cell missing,
        its fault among the notes; a column that is missing stops it either way.
    ledger : list of FileEntry, optional
        What became of the rows is appended here, also if there are faults.
    reading : Reading, optional
        What a person says of values, units and columns.

    Returns
    -------
    GeoDataFrame
        One row per row of the file, all columns of the schema but ``lon``, ``lat`` and ``position``, then
        ``source`` (file name), ``source_row`` (as a spreadsheet shows it), ``geometry`` (EPSG:4326). Missing
        cells are missing: ``Int64``, ``boolean`` and text columns hold NA, floats NaN. Tables without
        positions have an empty geometry column. ``attrs["datum"]`` is the datum that the positions were read with.

    Raises
    ------
    InputError
        With every fault of the file.
    """
    if not isinstance(path, pd.DataFrame) and Path(path).suffix.lower() in RASTER_SUFFIXES:
        return _raster(Path(path), schema, region, notes, ledger)
    known = recogniser(schema, columns)
    if isinstance(path, pd.DataFrame):
        raw = raw_from_frame(path, schema.name)
    else:
        raw = read_raw(path, encoding=encoding, sheet=sheet, layer=layer, table=schema.name, known=known)
    raw = as_native(raw, schema.name, all_formats(), columns)
    datum = datum or raw.datum or "wgs84"
    found = Diagnostics(raw.notes)
    reading = reading or Reading()
    raw = without_ignored(raw, reading, found)
    mapped = _map(raw, schema, None if raw.shown else columns, defaults, found)
    seen = samples(raw, mapped)
    raw, mapped = steered(raw, mapped, schema, reading, found)
    read = raw
    if raw.sites is None:  # a run has left them out already
        raw, left_out = without_totals_and_footnotes(raw, mapped)
        found += left_out
    frame = _typed(raw, schema, mapped, defaults or {}, found)
    known_area = region if region is not None else roads
    zone = checks.grown(known_area, halo_km) if known_area is not None else None
    far_km = halo_km if region is None else None
    table = _placed(raw, schema, frame, datum, zone=zone, far_km=far_km, found=found)
    _check(table, schema, raw, {m.column.name: m.header for m in mapped}, found)
    found = _as_the_file_says(found, raw) if raw.shown else found
    # Faults by their rows, notes before them as they came.
    found.sort(key=lambda fault: -1 if fault.warning else fault.row or 0)
    found = as_written(found, raw)
    faulty = faulty_rows(found, table, raw)
    if ledger is not None:
        ledger.append(replace(file_entry(schema, read, raw, faulty), columns=seen))
    if on_fault == "skip" and faulty:
        table, found = without_rows(table, found, faulty, raw.file)
    if on_fault == "keep":
        Diagnostics(fault for fault in found if fault.row not in faulty).stop()
    else:
        found.stop()
    if notes is not None:
        notes.extend(found)
    named = _with_ids(table, Path(raw.file).stem)
    if (
        schema.name == "demand"
        and raw.geometry is not None
        and (raw.geometry.geom_type.str.endswith("Polygon")).any()
    ):
        named = _spread(named, raw, datum, notes)
    if raw.sites:
        named[LIST] = named["source_row"].map(raw.sites).fillna("").astype(object)
    named.attrs["datum"] = datum
    return named


def _spread(
    table: gpd.GeoDataFrame, raw: RawTable, datum: str, notes: Diagnostics | None
) -> gpd.GeoDataFrame:
    """Demand given by areas, spread over them."""
    from .people import spread_areas

    spread, found = spread_areas(table, _to_wgs84_layer(raw, datum, Diagnostics()))
    if notes is not None:
        notes.extend(found)
    return spread


def _raster(
    path: Path,
    schema: TableSchema,
    region: BaseGeometry | None,
    notes: Diagnostics | None,
    ledger: list[FileEntry] | None,
) -> gpd.GeoDataFrame:
    from .people import people_from_raster  # rasterio is slow to load, and few need it

    if schema.name != "demand":
        raise InputError(Fault("raster-table", file=str(path)))
    table, found = people_from_raster(path, region)
    if notes is not None:
        notes.extend(found)
    if ledger is not None:
        ledger.append(FileEntry(str(path), schema.name, len(table)))
    return table


def recogniser(schema: TableSchema, columns: Mapping[str, str] | None) -> Callable[[str], bool]:
    """Return a function that says whether a header means a column of the schema."""
    named = set((columns or {}).values())
    return cache(lambda header: header in named or find_column(schema, header) is not None)


def _as_the_file_says(found: Diagnostics, raw: RawTable) -> Diagnostics:
    """Faults of a native format by the fields of the file; what several rows of one record share is reported once."""
    named = [replace(f, column=raw.shown.get(f.column or "", f.column)) for f in found]
    return Diagnostics({(f.key, f.row, f.column, str(f.value)): f for f in named}.values())


# -- columns ---------------------------------------------------------------------------------------------


def _map(
    raw: RawTable,
    schema: TableSchema,
    overrides: Mapping[str, str] | None,
    defaults: Mapping[str, Any] | None,
    found: Diagnostics,
) -> list[Mapped]:
    mapped, unused, wrong = map_headers(
        schema, raw.headers, overrides, file=raw.file, row=raw.header_row, cut=raw.cut
    )
    found += wrong
    mapped = without_doubtful(raw, mapped, overrides or {}, found)
    names = {m.column.name for m in mapped} | set(defaults or {})
    missing = [c for c in schema.columns if c.required and c.name not in names]
    if schema.geometry == "point" and raw.geometry is None and "position" not in names:
        missing += [schema[axis] for axis in ("lon", "lat") if axis not in names]
    elif raw.geometry is None and ("lon" in names) != ("lat" in names):
        missing.append(schema["lat" if "lon" in names else "lon"])
    found += [_column_missing(raw, column) for column in missing]
    unknown = sorted(set(defaults or {}) - set(schema.names))
    found += [unknown_name(schema, name, "defaults", raw.file) for name in unknown]
    unused = [header for header in unused if header]
    if unused:
        found.append(Fault("columns-unused", file=raw.file, values={"headers": listed(unused)}, warning=True))
    return mapped


def _column_missing(raw: RawTable, column: Column) -> Fault:
    spellings = listed([column.name, *column.aliases], 6)
    values = {"name": column.name, "spellings": spellings, "headers": listed(raw.headers)}
    return Fault("column-missing", file=raw.file, row=raw.header_row, values=values)


# -- cells -----------------------------------------------------------------------------------------------


def _typed(
    raw: RawTable,
    schema: TableSchema,
    mapped: list[Mapped],
    defaults: Mapping[str, Any],
    found: Diagnostics,
) -> pd.DataFrame:
    by_name = {m.column.name: m for m in mapped}
    series: dict[str, pd.Series[Any]] = {}
    for column in schema.columns:
        own = by_name.get(column.name)
        nothing = as_series([None], column)
        values = (
            nothing.take(np.zeros(len(raw.rows), np.int64)).reset_index(drop=True)
            if own is None
            else _column_values(raw, own, found)
        )
        default = _default(column, defaults.get(column.name), raw.file, found)
        series[column.name] = values if default is None else values.fillna(as_series([default], column)[0])
    frame = pd.DataFrame(series)
    frame["source"] = pd.Series([Path(raw.file).name] * len(frame), dtype=TEXT_DTYPE)
    frame["source_row"] = np.array(raw.row_numbers, dtype=np.int64)
    return frame


def _default(column: Column, value: Any, file: str, found: Diagnostics) -> Any:
    try:
        return None if is_missing(value) else parser(column)(value, column, 1.0)
    except BadCellError as error:
        shown = str(value)[:60]
        why = Fault(error.key, value=shown, values={"name": column.name, **error.values})
        found.append(Fault("default-value", file, value=shown, values={"name": column.name, "why": why}))
        return None


def _column_values(raw: RawTable, mapped: Mapped, found: Diagnostics) -> pd.Series[Any]:
    """Read the cells of a column; of texts each different one once, since lists repeat themselves."""
    column, at = mapped.column, raw.headers.index(mapped.header)
    factor = mapped.factor * raw.factors.get(column.name, 1.0)
    cells = [row[at] for row in raw.rows]
    if raw.spread and spreads(column):
        cells = [
            raw.spread.get((number, at)) if cell is None else cell
            for cell, number in zip(cells, raw.row_numbers, strict=True)
        ]
    if set(map(type, cells)) <= {str, type(None)}:
        code, different = pd.factorize(np.array(cells, dtype=object))
    else:  # 1, 1.0 and True are the same to a dictionary
        code, different = np.arange(len(cells)), np.array(cells, dtype=object)
    values: list[Any] = [None] * (len(different) + 1)  # the last one is for cells that are missing
    plain = _plain_numbers(different, column, factor)
    values[:-1] = plain.tolist() if plain is not None else values[:-1]
    parse = parser(column)
    wrong: dict[int, BadCellError] = {}
    for k in range(len(different)) if plain is None else np.flatnonzero(np.isnan(plain)).tolist():
        values[k] = None
        try:
            if not is_missing(different[k]):
                check_cell(different[k])
                values[k] = parse(different[k], column, factor)
        except BadCellError as error:
            wrong[k] = error
    for i in np.flatnonzero(np.isin(code, list(wrong))).tolist() if wrong else ():
        bad, shown = wrong[code[i]], " ".join(str(cells[i]).split())[:60]
        extra = {"name": column.name, "unit": column.unit, **bad.values}
        found.append(Fault(bad.key, raw.file, raw.row_numbers[i], mapped.header, shown, extra))
    if raw.spread and not spreads(column):
        found += merged_numbers(raw, at, mapped.header)
    return as_series(values, column).take(code).reset_index(drop=True)


_PLAIN_NUMBER = r"^[+-]?[0-9]{1,14}(\.[0-9]{1,14})?$"


def _plain_numbers(
    different: npt.NDArray[np.object_], column: Column, factor: float
) -> npt.NDArray[np.float64] | None:
    """Numbers in plain digits, all at once: NaN where one has to look closer, None if it is not worth while."""
    if column.type not in ("int", "float") or len(different) < 1000:
        return None
    try:
        texts = pa.array(different, pa.string())
    except (pa.ArrowException, UnicodeEncodeError):
        return None
    digits = pc.if_else(pc.match_substring_regex(texts, _PLAIN_NUMBER), texts, None)
    found = np.asarray(pc.cast(digits, pa.float64()).to_numpy(zero_copy_only=False), dtype=float) * factor
    within = (np.abs(found) >= LEAST) & (np.abs(found) <= MOST)
    if column.type == "int":
        within &= found == np.round(found)
    return np.where(within, found, np.nan)


# -- positions -------------------------------------------------------------------------------------------


def _placed(
    raw: RawTable,
    schema: TableSchema,
    frame: pd.DataFrame,
    datum: str,
    *,
    zone: BaseGeometry | None,
    far_km: float | None,
    found: Diagnostics,
) -> gpd.GeoDataFrame:
    rows = frame["source_row"].to_numpy()
    drop = [name for name in ("lon", "lat", "position") if name in frame]
    bare = frame.drop(columns=drop)
    if raw.geometry is not None and schema.geometry in ("area", "line"):
        found += _other_shapes(raw, schema.geometry)
        areas = _to_wgs84_layer(raw, datum, found)
        return gpd.GeoDataFrame(bare, geometry=areas, crs=WGS84)
    told_missing = any(f.key == "column-missing" and f.values["name"] in ("lon", "lat") for f in found)
    if schema.geometry in ("none", "line") or told_missing or (raw.geometry is None and "lon" not in frame):
        return gpd.GeoDataFrame(bare, geometry=_no_points(len(frame)), crs=WGS84)
    x, y, source = _coordinates(raw, schema, frame, datum, found)
    lon, lat, wrong = checks.position_faults(x, y, source, rows, file=raw.file, zone=zone, far_km=far_km)
    found += wrong
    absent = ~(np.isfinite(x) & np.isfinite(y))
    reported = {f.row for f in found if f.values.get("name") in ("lon", "lat", "position")}
    if schema.geometry == "point":
        found += [
            Fault("position-missing", file=raw.file, row=int(r)) for r in rows[absent] if r not in reported
        ]
    elif absent.any() and not absent.all():
        values = {"n": int(absent.sum()), "rows": listed(rows[absent].tolist(), 20)}
        found.append(Fault("position-some-missing", file=raw.file, values=values, warning=True))
    points = _no_points(len(frame))
    here = np.isfinite(lon) & np.isfinite(lat)
    points[here] = shapely.points(lon[here], lat[here])
    return gpd.GeoDataFrame(bare, geometry=points, crs=WGS84)


def _no_points(n: int) -> npt.NDArray[np.object_]:
    return np.full(n, None, dtype=object)


def _coordinates(
    raw: RawTable, schema: TableSchema, frame: pd.DataFrame, datum: str, found: Diagnostics
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], str]:
    """x, y and their datum: from the layer's geometry, from lon and lat, or from one text column."""
    if raw.geometry is not None and not (raw.geometry.isna().all() and frame["lon"].notna().any()):
        points = _points_of(raw, found)
        return shapely.get_x(points), shapely.get_y(points), _layer_datum(raw, datum)
    x, y = frame["lon"].to_numpy(dtype=float).copy(), frame["lat"].to_numpy(dtype=float).copy()
    together = frame["position"] if "position" in frame else pd.Series([None] * len(frame))
    for i in np.flatnonzero(together.notna() & np.isnan(x) & np.isnan(y)):
        try:
            x[i], y[i] = parse_position(together.iloc[i], schema)
        except BadCellError as error:
            row, values = int(frame["source_row"].iloc[i]), {"name": "position", **error.values}
            shown = " ".join(str(together.iloc[i]).split())[:60]
            found.append(Fault(error.key, raw.file, row, value=shown, values=values))
    return x, y, datum


def _points_of(raw: RawTable, found: Diagnostics) -> npt.NDArray[np.object_]:
    """A point for each feature; of areas, lines and several points one that lies on them, with a note."""
    assert raw.geometry is not None
    points = np.array(raw.geometry.to_numpy(), dtype=object)
    kinds, counts = shapely.get_type_id(points), shapely.get_num_geometries(points)
    other = (kinds > 0) & ~shapely.is_empty(points)
    several = other & ~((kinds == shapely.GeometryType.MULTIPOINT) & (counts == 1))
    points[other] = shapely.point_on_surface(points[other])
    if several.any():
        rows = [number for number, is_other in zip(raw.row_numbers, several, strict=True) if is_other]
        values = {"n": len(rows), "rows": listed(rows, 20)}
        found.append(Fault("layer-no-points", file=raw.file, values=values, warning=True))
    return points


def _layer_datum(raw: RawTable, datum: str) -> str:
    """Datum of a layer's coordinates: its own system unless that is WGS 84 and the setting says otherwise."""
    own = raw.geometry.crs if raw.geometry is not None else None
    if own is None:
        return datum
    code = CRS.from_user_input(own).to_epsg() or 0
    plain = code in (4326, 4490) or (not code and CRS.from_user_input(own).is_geographic)
    if plain and datum.lower() in ("wgs84", *SHIFTED):
        return datum
    if datum.lower() != "wgs84" and (datum.lower() in SHIFTED or parse_crs(datum).to_epsg() != code):
        values = {"own": f"EPSG:{code}" if code else str(own)[:40]}
        raise InputError(Fault("datum-conflict", file=raw.file, value=datum, values=values))
    return f"EPSG:{code}" if code else CRS.from_user_input(own).to_wkt()


_SHAPES_OF = {"area": ("Polygon", "MultiPolygon"), "line": ("LineString", "MultiLineString")}


def _other_shapes(raw: RawTable, wanted: str) -> list[Fault]:
    """Rows of a layer of areas, or of lines, that are something else."""
    assert raw.geometry is not None
    kinds = raw.geometry.geom_type.tolist()
    return [
        Fault(f"layer-no-{wanted}", file=raw.file, row=number, value=kind)
        for number, kind in zip(raw.row_numbers, kinds, strict=True)
        if kind is not None and kind not in _SHAPES_OF[wanted]
    ]


def _to_wgs84_layer(raw: RawTable, datum: str, found: Diagnostics) -> npt.NDArray[np.object_]:
    """Areas of a layer in EPSG:4326, made valid; one that lies nowhere on the globe is a fault."""
    assert raw.geometry is not None
    name = _layer_datum(raw, datum)
    shapes = shapely.force_2d(raw.geometry.to_numpy())
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    lon, lat = to_wgs84(xy[:, 0], xy[:, 1], name)
    off = np.flatnonzero(~((np.abs(lon) <= 180) & (np.abs(lat) <= 90)))
    for i, first in zip(*np.unique(owner[off], return_index=True), strict=True):
        x, y = xy[off[first]].tolist()
        values = {"x": f"{x:g}", "y": f"{y:g}", "datum": name if len(name) < 20 else "CRS"}
        found.append(Fault("position-impossible", file=raw.file, row=raw.row_numbers[i], values=values))
        shapes[i] = None
    moved = shapely.transform(shapes, lambda xy: np.column_stack(to_wgs84(xy[:, 0], xy[:, 1], name)))
    return np.asarray(shapely.make_valid(moved), dtype=object)


# -- checks ----------------------------------------------------------------------------------------------


def _check(
    table: gpd.GeoDataFrame,
    schema: TableSchema,
    raw: RawTable,
    headers: Mapping[str, str],
    found: Diagnostics,
) -> None:
    file = raw.file
    if table.empty:
        found.append(Fault("table-empty", file=file, warning=True))
        return
    found += checks.value_faults(table, file, headers)
    for part, whole in checks.PARTS:
        found += checks.part_faults(table, file, part, whole)
    found += checks.duplicate_id_faults(table, file)
    if schema.geometry in ("point", "optional point") and not raw.each_point:
        ignored = {"id", "note", "provenance", "source", "source_row", "geometry"}
        found += checks.duplicate_place_faults(table, file, [c for c in table.columns if c not in ignored])


def _with_ids(table: gpd.GeoDataFrame, stem: str) -> gpd.GeoDataFrame:
    """Give rows without an id one made of the file's name and the row: ``chargers-17``."""
    lacking = np.flatnonzero(table["id"].isna().to_numpy())
    if not len(lacking):
        return table
    ids = table["id"].astype(object).to_numpy().copy()
    taken, rows = set(ids[table["id"].notna().to_numpy()].tolist()), table["source_row"].to_numpy()
    for i in lacking.tolist():
        candidate = f"{stem}-{rows[i]}"
        while candidate in taken:
            candidate += "x"
        ids[i] = candidate
        taken.add(candidate)
    return table.assign(id=pd.Series(ids, index=table.index, dtype=TEXT_DTYPE))
