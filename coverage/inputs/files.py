"""Table files of all kinds as they are: headers, raw cells, spreadsheet rows, geometries.

Nothing is interpreted here but the container: text encoding, delimiter, sheet, layer.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..errors import Fault, InputError
from .headers import listed

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
VECTOR_SUFFIXES = (".geojson", ".json", ".gpkg", ".shp", ".fgb")
SUFFIXES = (*TEXT_SUFFIXES, ".xlsx", ".xlsm", *VECTOR_SUFFIXES)
_HEADER_ROWS_SEARCHED = 10
_OLE = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class RawTable:
    """A table as its file has it.

    Attributes
    ----------
    file : str
        Name as given.
    headers : list of str
    rows : list of list
        Cells: text, or what a spreadsheet or layer holds (numbers, dates, booleans, None).
    row_numbers : list of int
        As a spreadsheet shows them; the n-th feature of a layer is row n + 1.
    geometry : GeoSeries, optional
        In its own coordinate system (``geometry.crs`` may be None).
    cut : bool
        Headers are cut at ten bytes (Shapefile).
    notes : list of Fault
        What was noticed on the way.
    """

    file: str
    headers: list[str]
    rows: list[list[Any]]
    row_numbers: list[int]
    geometry: gpd.GeoSeries | None = None
    cut: bool = False
    notes: list[Fault] = field(default_factory=list)


def read_raw(
    path: str | Path,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    layer: str | None = None,
    known: Callable[[str], bool] = bool,
) -> RawTable:
    """Read a table file without interpreting its cells.

    Parameters
    ----------
    path : path
        CSV, TSV, Excel (.xlsx), GeoJSON, GeoPackage, Shapefile or FlatGeobuf.
    encoding : str, optional
        Of a text file; else UTF-8 and GB 18030 are tried.
    sheet, layer : str, optional
        Sheet of a workbook, layer of a GeoPackage; the first if left out (a note says so if there are more).
    known : callable
        Whether a header is one that is looked for: finds the header below a title.

    Raises
    ------
    InputError
        If the file is missing, empty, of an unknown format, locked, broken, or of another encoding.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if not path.is_file():
        raise InputError(Fault("file-missing", file=str(path), value=str(path)))
    if suffix not in SUFFIXES:
        key = "file-xls" if suffix in (".xls", ".et") else "file-format"
        raise InputError(Fault(key, file=str(path), value=suffix, values={"known": ", ".join(SUFFIXES)}))
    try:
        with path.open("rb") as opened:
            start = opened.read(8)
    except OSError as error:
        raise InputError(
            Fault("file-unreadable", file=str(path), values={"reason": error.strerror})
        ) from error
    if not start:
        raise InputError(Fault("file-empty", file=str(path)))
    if suffix in TEXT_SUFFIXES:
        return _read_text(path, encoding, known)
    if suffix in VECTOR_SUFFIXES:
        return _read_vector(path, layer, encoding)
    return _read_excel(path, sheet, start, known)


# -- text ------------------------------------------------------------------------------------------------


def _decode(content: bytes, encoding: str | None, file: str) -> str:
    if encoding is not None:
        try:
            return content.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
        except LookupError as error:
            raise InputError(Fault("encoding-unknown", file=file, value=encoding)) from error
        except UnicodeDecodeError as error:
            values = {"position": error.start + 1, "encoding": encoding}
            raise InputError(Fault("encoding-wrong", file=file, values=values)) from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        attempts: tuple[str, ...] = ("utf-16",)
    elif b"\0" in content:
        raise InputError(Fault("file-binary", file=file))
    else:
        attempts = ("utf-8-sig", "gb18030")
    for attempt in attempts:
        try:
            decoded = content.decode(attempt)
        except UnicodeDecodeError:
            continue
        if _looks_like_text(decoded):
            return decoded
    raise InputError(Fault("encoding-unclear", file=file))


def _looks_like_text(decoded: str) -> bool:
    """No control characters, and no private-use ones, which stray bytes become in GB 18030."""
    strange = sum(1 for c in decoded if (c < " " and c not in "\t\r\n\f\v") or "\ue000" <= c <= "\uf8ff")
    return strange <= len(decoded) // 200


def _delimiter(first_line: str) -> str:
    """Return the most frequent of comma, semicolon and tab outside quotes in the header."""
    outside = "".join(first_line.split('"')[::2])
    return max(",;\t", key=outside.count)


def _read_text(path: Path, encoding: str | None, known: Callable[[str], bool]) -> RawTable:
    file = str(path)
    decoded = _decode(path.read_bytes(), encoding, file)
    if not decoded.strip():
        raise InputError(Fault("file-empty", file=file))
    if "\0" in decoded:
        raise InputError(Fault("file-binary", file=file))
    heads = [line for line in decoded.splitlines() if line.strip()][:_HEADER_ROWS_SEARCHED]
    delimiter = _delimiter(max(heads, key=lambda h: sum(map(known, h.split(_delimiter(h))))))
    reader = csv.reader(io.StringIO(decoded, newline=""), delimiter=delimiter, strict=True)
    records: list[list[str]] = []
    try:
        for record in reader:
            records.append(record)  # noqa: PERF402 - an error must keep what was read before it
    except csv.Error as error:
        values = {"reason": error, "line": len(records) + 1}
        raise InputError(Fault("csv-broken", file=file, row=len(records) + 1, values=values)) from error
    return _below_header(file, records, known, ragged=True)


def _below_header(
    file: str, records: Sequence[Sequence[Any]], known: Callable[[str], bool], *, ragged: bool
) -> RawTable:
    """Split records into header and rows; blank rows are left out, ragged ones are faults."""
    at = _header_row(records, known)
    header = ["" if cell is None else str(cell).strip() for cell in records[at]] if records else []
    while header and not header[-1]:
        header.pop()
    if not header:
        raise InputError(Fault("file-empty", file=file))
    faults, rows, numbers = [], [], []
    for number, record in enumerate(records[at + 1 :], start=at + 2):
        cells = list(record)
        if all(_blank(cell) for cell in cells):
            continue
        beyond = [cell for cell in cells[len(header) :] if not _blank(cell)]
        if beyond or (ragged and len(cells) < len(header)):
            values = {"found": len(cells), "expected": len(header)}
            faults.append(Fault("row-ragged", file=file, row=number, values=values))
        rows.append((cells + [None] * len(header))[: len(header)])
        numbers.append(number)
    if faults:
        raise InputError(faults)
    return RawTable(file, header, rows, numbers)


def _blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _header_row(records: Sequence[Sequence[Any]], known: Callable[[str], bool]) -> int:
    """Return the first row that is not blank, or a later one of the first ten that names two more columns."""
    scores = []
    for row in records[:_HEADER_ROWS_SEARCHED]:
        cells = [str(cell) for cell in row if not _blank(cell)]
        scores.append(sum(map(known, cells)) if cells else -1)
    if not scores:
        return 0
    first = next((i for i, score in enumerate(scores) if score >= 0), 0)
    best = max(range(len(scores)), key=lambda i: (scores[i], -i))
    return best if scores[best] >= scores[first] + 2 else first


# -- workbooks -------------------------------------------------------------------------------------------


def _read_excel(path: Path, sheet: str | None, start: bytes, known: Callable[[str], bool]) -> RawTable:
    file = str(path)
    if start.startswith(_OLE):
        raise InputError(Fault("file-locked", file=file))
    values_book, formula_book = _open_book(path, data_only=True), _open_book(path, data_only=False)
    try:
        names = [s.title for s in values_book.worksheets]
        if not names or (sheet is not None and sheet not in names):
            raise InputError(Fault("sheet-missing", file=file, value=sheet, values={"known": listed(names)}))
        chosen = sheet if sheet is not None else names[0]
        records, faults = _excel_records(file, values_book[chosen], formula_book[chosen])
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile, SyntaxError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(Fault("excel-broken", file=file, values={"reason": error})) from error
    finally:
        values_book.close()
        formula_book.close()
    if faults:
        raise InputError(faults)
    if not records:
        raise InputError(Fault("sheet-empty", file=file, value=chosen))
    raw = _below_header(file, records, known, ragged=False)
    if sheet is None and len(names) > 1:
        values = {"sheet": chosen, "others": listed(names[1:])}
        raw.notes.append(Fault("sheet-first", file=file, values=values, warning=True))
    return raw


def _open_book(path: Path, *, data_only: bool) -> Any:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=data_only, keep_links=False)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError, SyntaxError) as error:
        raise InputError(Fault("excel-broken", file=str(path), values={"reason": error})) from error


def _excel_records(file: str, values: Any, formulas: Any) -> tuple[list[list[Any]], list[Fault]]:
    """Rows of a sheet; a formula that was never calculated has no value and is a fault."""
    values.reset_dimensions()
    formulas.reset_dimensions()
    records, faults = [], []
    for number, (shown, written) in enumerate(
        zip(values.iter_rows(values_only=True), formulas.iter_rows(values_only=True), strict=True), start=1
    ):
        for value, formula in zip(shown, written, strict=False):
            if value is None and isinstance(formula, str) and formula.startswith("="):
                faults.append(Fault("excel-formula", file=file, row=number, value=formula[:60]))
        records.append(list(shown))
    return records, faults


# -- layers ----------------------------------------------------------------------------------------------


def _read_vector(path: Path, layer: str | None, encoding: str | None) -> RawTable:
    import pyogrio

    file, notes, cut = str(path), [], path.suffix.lower() == ".shp"
    if cut:
        encoding = encoding or _dbf_encoding(path)
    try:
        names = [str(name) for name, _ in pyogrio.list_layers(path)]
        if layer is not None and layer not in names:
            raise InputError(Fault("layer-missing", file=file, value=layer, values={"known": listed(names)}))
        if layer is None and len(names) > 1:
            values = {"layer": names[0], "others": listed(names[1:])}
            notes.append(Fault("layer-first", file=file, values=values, warning=True))
        frame = pyogrio.read_dataframe(
            path, layer=layer or names[0], encoding="ISO-8859-1" if cut else encoding
        )
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(Fault("layer-broken", file=file, values={"reason": error})) from error
    if cut:
        frame = _recoded(frame, encoding or "UTF-8", file)
    geometry = frame.geometry if isinstance(frame, gpd.GeoDataFrame) else None
    plain = pd.DataFrame(frame.drop(columns=geometry.name) if geometry is not None else frame)
    rows = [[_python(cell) for cell in row] for row in plain.itertuples(index=False, name=None)]
    numbers = list(range(2, len(rows) + 2))
    return RawTable(file, [str(c) for c in plain.columns], rows, numbers, geometry, cut, notes)


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
