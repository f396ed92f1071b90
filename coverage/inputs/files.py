"""Table files of all kinds as they are: headers, raw cells, spreadsheet rows, geometries.

Nothing is interpreted here but the container: text encoding, delimiter, sheet, layer.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ..errors import Fault, InputError
from ..files import (
    MOST_COLUMNS,
    MOST_ROWS,
    MOST_TEXT_CELLS,
    MOST_TEXT_MB,
    check_size,
    check_there,
    read_bytes,
)
from ..vectors import check_encoding, load_json, read_vector
from .formats import all_formats, native_json
from .headers import listed
from .raw_table import HEADER_ROWS_SEARCHED, RawTable, below_header
from .workbooks import read_workbook

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
VECTOR_SUFFIXES = (".geojson", ".json", ".gpkg", ".shp", ".fgb", ".parquet")
SUFFIXES = (*TEXT_SUFFIXES, ".xlsx", ".xlsm", *VECTOR_SUFFIXES)
RUN_TABLE = "input_"
"""In the layers of a run, tables named so and by their schema hold all that the run read, to be read again."""
SITE = "site"
_DELIMITERS = ",;\t|"
_BOM = b"\xef\xbb\xbf"
_ZIP = b"PK\x03\x04"
_STRANGE = re.compile("[\x00-\x08\x0e-\x1f\ue000-\uf8ff]")


def read_raw(
    path: str | Path,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    layer: str | None = None,
    table: str = "",
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
    table : str
        Name of the schema that is looked for: of the layers of a run, the table of its inputs is read.
    known : callable
        Whether a header is one that is looked for: finds the header below a title.

    Raises
    ------
    InputError
        If the file is missing, empty, too large, of an unknown format, locked, broken, or of another encoding.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    check_there(path)
    if suffix not in SUFFIXES:
        key = "file-xls" if suffix in (".xls", ".et") else "file-format"
        raise InputError(Fault(key, file=str(path), value=suffix, values={"known": ", ".join(SUFFIXES)}))
    if suffix in VECTOR_SUFFIXES:
        raw = _read_layer(path, layer, encoding, table)
    elif suffix in TEXT_SUFFIXES:
        raw = _read_text(path, encoding, known)
    else:
        raw = read_workbook(path, sheet, known)
    if len(raw.rows) > MOST_ROWS:
        raise InputError(Fault("table-too-long", file=str(path), values={"most": f"{MOST_ROWS:,}"}))
    return raw


def _read_layer(path: Path, layer: str | None, encoding: str | None, table: str) -> RawTable:
    """Read a layer as a table; a feature whose shape is broken is left out and a fault."""
    file = str(path)
    try:
        found = read_vector(path, layer, encoding)
    except InputError as error:
        if path.suffix.lower() not in (".json", ".geojson") or error.faults[0].key != "layer-foreign":
            raise
        native = native_json(load_json(path), file, all_formats())
        if native is None:
            names = ", ".join(dict.fromkeys(each.name for each in all_formats()))
            raise InputError(Fault("json-unknown", file=file, values={"known": names})) from error
        return native
    if layer is None and any(name.startswith(RUN_TABLE) for name in (found.name, *found.others)):
        layer = RUN_TABLE + table
        found = read_vector(path, layer, encoding)
    of_run = layer == RUN_TABLE + table and bool(table)
    notes = list(found.faults)
    if layer is not None and not of_run and RUN_TABLE + table in found.others:
        values = {"layer": layer, "full": RUN_TABLE + table}
        notes.append(Fault("layer-summary", file=file, values=values, warning=True))
    if layer is None and found.others:
        values = {"layer": found.name, "others": listed(found.others)}
        notes.append(Fault("layer-first", file=file, values=values, warning=True))
    broken = {fault.row for fault in found.faults}
    kept = [i for i in range(len(found.rows)) if i + 2 not in broken]
    geometry = None if found.geometry is None else found.geometry.iloc[kept].reset_index(drop=True)
    cut = path.suffix.lower() == ".shp"
    rows, numbers = [found.rows[i] for i in kept], [i + 2 for i in kept]
    raw = RawTable(file, found.headers, rows, numbers, geometry, cut, notes)
    return _of_run(raw) if of_run else raw


def _of_run(raw: RawTable) -> RawTable:
    """A table that a run wrote of its inputs: the site of a charger is no column, but keeps chargers apart."""
    if SITE not in raw.headers:
        return replace(raw, sites={})
    at = raw.headers.index(SITE)
    said = zip(raw.row_numbers, (row[at] for row in raw.rows), strict=True)
    return replace(
        raw,
        headers=[*raw.headers[:at], *raw.headers[at + 1 :]],
        rows=[[*row[:at], *row[at + 1 :]] for row in raw.rows],
        sites={number: str(site) for number, site in said if site is not None},
    )


# -- text ------------------------------------------------------------------------------------------------


def _encoding(content: bytes, wanted: str | None, file: str) -> str:
    """Return the encoding in which a content is text: the one wanted, or the first that fits."""
    if wanted is not None:
        check_encoding(file, wanted)
        known = "utf-8-sig" if wanted.lower() in ("utf-8", "utf8") else wanted
        try:
            empty = not content.decode(known).strip()
        except UnicodeDecodeError as error:
            row = _row_of(content, error.start)
            raise InputError(Fault("encoding-wrong", file, row, values={"encoding": wanted})) from error
        if empty:
            raise InputError(Fault("file-empty", file=file))
        return known
    for attempt in _encodings(content):
        try:
            decoded = content.decode(attempt)
        except UnicodeDecodeError:
            continue
        if _looks_like_text(decoded) and ("utf-16-" not in attempt or _has_cells(decoded)):
            if not decoded.strip():
                raise InputError(Fault("file-empty", file=file))
            return attempt
    if b"\0" in content or content.startswith(_ZIP):
        raise InputError(Fault("file-binary", file=file))
    raise InputError(Fault("encoding-unclear", file, _first_strange_row(content)))


def _encodings(content: bytes) -> tuple[str, ...]:
    """Encodings to try. Texts in UTF-16 hold zero bytes, for instance in every comma; others hold none."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    if b"\0" in content:
        return ("utf-16-le", "utf-16-be")
    runs = Counter(map(len, re.findall(rb"[\x80-\xff]+", content[:MOST_LINE])))
    if _single_accents(content, runs):
        return ("utf-8", "cp1252", "gb18030")
    # Where the bytes stand alone and are no Chinese either, they are accents all the same (``été``, ``n° 5 à``).
    alone = bool(runs) and runs[1] >= 0.9 * runs.total()
    return ("utf-8", "gb18030", "cp1252") if alone else ("utf-8", "gb18030")


def _single_accents(content: bytes, runs: Counter[int]) -> bool:
    """Whether bytes beyond ASCII stand alone between letters (``Électricité``): Chinese ones come in pairs and rows."""
    letters = rb"[A-Za-z][\x80-\xff][a-z]|\b[\x80-\xff][a-z]{2}|[a-z]{2}[\x80-\xff](?![A-Za-z\x80-\xff])"
    amid = len(re.findall(letters, content[:MOST_LINE]))
    return bool(runs) and runs[1] >= 0.9 * runs.total() and amid >= 0.7 * runs.total()


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
    return sum(1 for _ in _STRANGE.finditer(decoded)) <= len(decoded) // 200


def _delimiter(first_line: str) -> str:
    """Return the most frequent of comma, semicolon, tab and bar outside quotes in the header."""
    outside = "".join(first_line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


_MOST_SHARED = 50_000
"""Different texts that are looked for; those of a column of names would fill the memory themselves."""
MOST_LINE = 1_000_000
"""Bytes of one line of a text table: a thousand columns of a thousand letters."""


def _read_text(path: Path, encoding: str | None, known: Callable[[str], bool]) -> RawTable:
    file, content = str(path), read_bytes(path, MOST_TEXT_MB)
    if encoding is None:
        content = content.removeprefix(_BOM)
    for start in range(0, len(content) - MOST_LINE, MOST_LINE):
        if not any(content.find(end, start, start + MOST_LINE) >= 0 for end in (b"\n", b"\r")):
            values = {"most": f"{MOST_LINE:,}"}
            raise InputError(Fault("line-too-long", file, _row_of(content, start), values=values))
    encoding = _encoding(content, encoding, file)
    if "utf-16" not in encoding.lower() and b"\0" in content:
        raise InputError(Fault("file-binary", file=file))

    def lines(newline: str | None) -> io.TextIOWrapper:
        """Decoded again piece by piece: as a whole the text may take four times its bytes."""
        return io.TextIOWrapper(io.BytesIO(content), encoding, newline=newline)

    heads = list(islice(filter(str.strip, lines(None)), HEADER_ROWS_SEARCHED))
    delimiter = _delimiter(max(heads, key=lambda h: sum(map(known, h.split(_delimiter(h))))))
    reader = csv.reader(lines(""), delimiter=delimiter, strict=True)
    records: list[list[str]] = []
    cells = 0
    shared: dict[str, str] = {}  # lists repeat themselves, and each text of its own takes 50 bytes and more
    try:
        for read in reader:
            if len(shared) < _MOST_SHARED:
                record = [shared.setdefault(cell, cell) for cell in read]
            else:
                record = [shared.get(cell, cell) for cell in read]
            records.append(record)
            cells += len(record)
            # Forms drag thousands of empty columns along.
            wide = len(record) > MOST_COLUMNS
            width = max((i for i, cell in enumerate(record, 1) if cell.strip()), default=0) if wide else 0
            check_size(file, len(records), width, cells=cells, most=MOST_TEXT_CELLS)
            if len(records) > 2 * MOST_ROWS:  # blank ones are left out below
                break
    except csv.Error as error:
        raise InputError(Fault("csv-broken", file=file, row=len(records) + 1)) from error
    return below_header(file, records, known, ragged=True)
