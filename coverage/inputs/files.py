"""Table files of all kinds as they are: headers, raw cells, spreadsheet rows, geometries.

Nothing is interpreted here but the container: text encoding, delimiter, sheet, layer.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

from ..errors import Fault, InputError
from .raw import HEADER_ROWS_SEARCHED, RawTable, below_header
from .vectors import read_layer
from .workbooks import read_workbook

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
VECTOR_SUFFIXES = (".geojson", ".json", ".gpkg", ".shp", ".fgb")
SUFFIXES = (*TEXT_SUFFIXES, ".xlsx", ".xlsm", *VECTOR_SUFFIXES)
_DELIMITERS = ",;\t|"
_BOM = b"\xef\xbb\xbf"
_ZIP = b"PK\x03\x04"


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
        Of a text file; else UTF-8, GB 18030 and UTF-16 are tried.
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
    _check_there(path)
    if suffix not in SUFFIXES:
        key = "file-xls" if suffix in (".xls", ".et") else "file-format"
        raise InputError(Fault(key, file=str(path), value=suffix, values={"known": ", ".join(SUFFIXES)}))
    try:
        with path.open("rb") as opened:
            start = opened.read(8)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not start:
        raise InputError(Fault("file-empty", file=str(path)))
    if suffix in TEXT_SUFFIXES:
        return _read_text(path, encoding, known)
    if suffix in VECTOR_SUFFIXES:
        return read_layer(path, layer, encoding)
    return read_workbook(path, sheet, start, known)


def _check_there(path: Path) -> None:
    """Refuse what is missing, a folder, a link that leads nowhere, or neither file nor folder (a pipe)."""
    try:
        if path.is_file():
            return
        key = "file-missing"
        if path.is_dir():
            key = "file-is-folder"
        elif path.is_symlink():
            key = "file-link"
        elif path.exists():
            key = "file-no-file"
        elif "\\" in str(path) and os.sep == "/":
            key = "file-missing-backslash"
    except OSError as error:
        raise _unreadable(path, error) from error
    raise InputError(Fault(key, file=str(path), value=str(path)))


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(Fault("file-unreadable", file=str(path), values={"reason": error.strerror}))


# -- text ------------------------------------------------------------------------------------------------


def _decode(content: bytes, encoding: str | None, file: str) -> str:
    if encoding is not None:
        try:
            return content.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
        except LookupError as error:
            raise InputError(Fault("encoding-unknown", file=file, value=encoding)) from error
        except UnicodeDecodeError as error:
            row = _row_of(content, error.start)
            raise InputError(Fault("encoding-wrong", file, row, values={"encoding": encoding})) from error
    for attempt in _encodings(content):
        try:
            decoded = content.removeprefix(_BOM).decode(attempt)
        except UnicodeDecodeError:
            continue
        if _looks_like_text(decoded) and ("utf-16-" not in attempt or _has_cells(decoded)):
            return decoded
    if b"\0" in content or content.startswith(_ZIP):
        raise InputError(Fault("file-binary", file=file))
    raise InputError(Fault("encoding-unclear", file, _first_strange_row(content)))


def _encodings(content: bytes) -> tuple[str, ...]:
    """Encodings to try. Texts in UTF-16 hold zero bytes, for instance in every comma; others hold none."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    return ("utf-16-le", "utf-16-be") if b"\0" in content else ("utf-8", "gb18030")


def _has_cells(decoded: str) -> bool:
    """Whether there are separators and line ends: in UTF-16 without a mark, read in the wrong order, are none."""
    return sum(map(decoded.count, f"{_DELIMITERS}\r\n")) > 2 and ("\n" in decoded or "\r" in decoded)


def _row_of(content: bytes, position: int) -> int:
    return content[:position].count(b"\n") + 1


def _first_strange_row(content: bytes) -> int | None:
    """Return the first row that is not UTF-8: where a file of mixed encodings changes."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return _row_of(content, error.start)
    return None


def _looks_like_text(decoded: str) -> bool:
    """No control characters, and no private-use ones, which stray bytes become in GB 18030."""
    strange = sum(1 for c in decoded if (c < " " and c not in "\t\r\n\f\v") or "\ue000" <= c <= "\uf8ff")
    return strange <= len(decoded) // 200


def _delimiter(first_line: str) -> str:
    """Return the most frequent of comma, semicolon, tab and bar outside quotes in the header."""
    outside = "".join(first_line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _read_text(path: Path, encoding: str | None, known: Callable[[str], bool]) -> RawTable:
    file = str(path)
    decoded = _decode(path.read_bytes(), encoding, file)
    if not decoded.strip():
        raise InputError(Fault("file-empty", file=file))
    if "\0" in decoded:
        raise InputError(Fault("file-binary", file=file))
    heads = [line for line in decoded.splitlines() if line.strip()][:HEADER_ROWS_SEARCHED]
    delimiter = _delimiter(max(heads, key=lambda h: sum(map(known, h.split(_delimiter(h))))))
    reader = csv.reader(io.StringIO(decoded, newline=""), delimiter=delimiter, strict=True)
    records: list[list[str]] = []
    try:
        for record in reader:
            records.append(record)  # noqa: PERF402 - an error must keep what was read before it
    except csv.Error as error:
        raise InputError(Fault("csv-broken", file=file, row=len(records) + 1)) from error
    return below_header(file, records, known, ragged=True)
