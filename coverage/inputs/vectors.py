"""Layers: GeoJSON, GeoPackage, Shapefile, FlatGeobuf as they are, and what is wrong with them in plain words."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from ..errors import Fault, InputError
from .headers import listed
from .raw import RawTable

_PARTS = (".shx", ".dbf")
_STARTS = {".gpkg": b"SQLite format 3\0", ".fgb": b"fgb"}


def read_layer(path: Path, layer: str | None, encoding: str | None) -> RawTable:
    """Read the first layer, or the one named.

    Raises
    ------
    InputError
        If the file is broken, incomplete or another format than its name says, or has no such layer.
    """
    file, notes, cut = str(path), [], path.suffix.lower() == ".shp"
    if cut:
        _check_parts(path)
        encoding = encoding or _dbf_encoding(path)
    try:
        names, chosen, frame = _open_layer(path, layer, "ISO-8859-1" if cut else encoding)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(_broken(path)) from error
    if layer is None and len(names) > 1:
        values = {"layer": chosen, "others": listed([name for name in names if name != chosen])}
        notes.append(Fault("layer-first", file=file, values=values, warning=True))
    if cut:
        frame = _recoded(frame, encoding or "UTF-8", file)
    geometry = frame.geometry if isinstance(frame, gpd.GeoDataFrame) else None
    plain = pd.DataFrame(frame.drop(columns=geometry.name) if geometry is not None else frame)
    rows = [[_python(cell) for cell in row] for row in plain.itertuples(index=False, name=None)]
    numbers = list(range(2, len(rows) + 2))
    return RawTable(file, [str(c) for c in plain.columns], rows, numbers, geometry, cut, notes)


def _open_layer(path: Path, layer: str | None, encoding: str | None) -> tuple[list[str], str, pd.DataFrame]:
    """Names of the layers, the one that is read, and its rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GDAL's and pyogrio's; what they mean shows in the rows
        listing = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
        names = [name for name, _ in listing if name != "layer_styles"]  # QGIS keeps its styles there
        if layer is not None and layer not in names:
            values = {"known": listed(names)}
            raise InputError(Fault("layer-missing", file=str(path), value=layer, values=values))
        chosen = layer or next((name for name, kind in listing if kind is not None), names[0])
        return names, chosen, pyogrio.read_dataframe(path, layer=chosen, encoding=encoding)


def _check_parts(path: Path) -> None:
    """Refuse a Shapefile without the files that belong to it."""
    beside = {p.suffix.lower() for p in path.parent.glob(path.stem + ".*")}
    missing = [part for part in _PARTS if part not in beside]
    if missing:
        raise InputError(Fault("shapefile-parts", file=str(path), values={"parts": ", ".join(missing)}))


def _broken(path: Path) -> Fault:
    """Say why a layer cannot be read. GDAL's own words speak of drivers and options that are not the user's."""
    suffix, file = path.suffix.lower(), str(path)
    with path.open("rb") as opened:
        foreign = suffix in _STARTS and opened.read(len(_STARTS[suffix])) != _STARTS[suffix]
    if suffix in (".json", ".geojson"):
        try:
            content = json.loads(path.read_bytes())
            foreign = not (isinstance(content, dict) and "type" in content)
        except json.JSONDecodeError as error:
            return Fault("layer-json", file=file, row=error.lineno, values={"position": error.colno})
        except (UnicodeDecodeError, RecursionError):
            pass
    return Fault("layer-foreign" if foreign else "layer-broken", file=file, value=suffix)


def _recoded(frame: pd.DataFrame, encoding: str, file: str) -> pd.DataFrame:
    """Decode the texts of a Shapefile, which were read byte by byte.

    dBASE cuts names at ten bytes and texts at 254, also in the middle of a character: what is left of one is
    dropped.
    """

    def decoded(cell: Any) -> Any:
        return cell.encode("ISO-8859-1").decode(encoding, errors="ignore") if isinstance(cell, str) else cell

    try:
        frame = frame.rename(columns=decoded)
        for name in frame.columns:
            if isinstance(frame[name].dtype, pd.StringDtype) or frame[name].dtype == object:
                frame[name] = frame[name].map(decoded)
    except LookupError as error:
        raise InputError(Fault("encoding-unknown", file=file, value=encoding)) from error
    return frame


def _python(cell: Any) -> Any:
    """Return a cell as plain Python: numpy scalars unpacked, NaN and NaT to None."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if cell is None or cell is pd.NaT or (isinstance(cell, float) and np.isnan(cell)):
        return None
    return cell.to_pydatetime() if isinstance(cell, pd.Timestamp) else cell


def _dbf_encoding(path: Path) -> str:
    """Return a Shapefile's encoding: its .cpg, else UTF-8 if the bytes allow it, else GB 18030."""
    beside = {p.suffix.lower(): p for p in path.parent.glob(path.stem + ".*")}
    if ".cpg" in beside:
        named = beside[".cpg"].read_text("ascii", errors="replace").strip()
        return {"936": "GB18030", "cp936": "GB18030"}.get(named.lower(), named) or "UTF-8"
    if ".dbf" not in beside or beside[".dbf"].stat().st_size == 0:
        return "UTF-8"
    content = beside[".dbf"].read_bytes()
    header_bytes = int.from_bytes(content[8:10], "little")
    try:
        content[header_bytes:].decode("utf-8")
    except UnicodeDecodeError:
        return "GB18030"
    return "UTF-8"
