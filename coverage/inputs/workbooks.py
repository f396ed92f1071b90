"""Workbooks (.xlsx): one sheet as records, with its merged cells and its formulas."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import Fault, InputError
from .headers import listed
from .raw import RawTable, below_header

_OLE = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK"
_MERGE = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*?\bref=\"([A-Z]+[0-9]+:[A-Z]+[0-9]+)\"")
_BROKEN = (KeyError, ValueError, TypeError, IndexError, zipfile.BadZipFile, SyntaxError, OSError, EOFError)


def read_workbook(path: Path, sheet: str | None, start: bytes, known: Callable[[str], bool]) -> RawTable:
    """Read the first sheet, or the one named.

    Parameters
    ----------
    path : Path
    sheet : str, optional
    start : bytes
        First bytes of the file.
    known : callable
        Whether a header is one that is looked for.

    Raises
    ------
    InputError
        If it is no workbook, has no such sheet, or the sheet is empty.
    """
    file = str(path)
    if start.startswith(_OLE):
        raise InputError(Fault("file-locked", file=file))
    if not start.startswith(_ZIP):
        raise InputError(Fault("excel-foreign", file=file))
    values_book, formula_book = _open_book(path, data_only=True), _open_book(path, data_only=False)
    try:
        names = [s.title for s in values_book.worksheets]
        if not names or (sheet is not None and sheet not in names):
            raise InputError(Fault("sheet-missing", file=file, value=sheet, values={"known": listed(names)}))
        chosen = sheet if sheet is not None else names[0]
        records, faults = _records(file, values_book[chosen], formula_book[chosen])
        ranges = _merged_ranges(path, values_book[chosen])
    except _BROKEN as error:
        if isinstance(error, InputError):
            raise
        raise InputError(Fault("excel-broken", file=file)) from error
    finally:
        values_book.close()
        formula_book.close()
    if not any(any(cell is not None for cell in record) for record in records):
        raise InputError(Fault("sheet-empty", file=file, value=chosen))
    raw = below_header(file, records, known, ragged=False)
    raw.notes.extend(faults)
    if sheet is None and len(names) > 1:
        values = {"sheet": chosen, "others": listed(names[1:])}
        raw.notes.append(Fault("sheet-first", file=file, values=values, warning=True))
    return replace(raw, spread=_spread(records, ranges, raw.header_row))


def _open_book(path: Path, *, data_only: bool) -> Any:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=data_only, keep_links=False)
    except (*_BROKEN, InvalidFileException) as error:
        raise InputError(Fault("excel-broken", file=str(path))) from error


def _records(file: str, values: Any, formulas: Any) -> tuple[list[list[Any]], list[Fault]]:
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


def _merged_ranges(path: Path, sheet: Any) -> list[tuple[int, int, int, int]]:
    """Merged cells of a sheet as (first column, first row, last column, last row), counted from 1.

    openpyxl leaves them out when it reads row by row, so they are taken from the sheet's own XML.
    """
    from openpyxl.utils import range_boundaries

    with zipfile.ZipFile(path) as archive:
        content = archive.read(str(sheet._worksheet_path).lstrip("/"))
    found = _MERGE.findall(content, max(content.rfind(b"</sheetData>"), 0))
    return [range_boundaries(ref.decode("ascii")) for ref in found]


def _spread(
    records: list[list[Any]], ranges: list[tuple[int, int, int, int]], header_row: int
) -> dict[tuple[int, int], Any]:
    """(row number, column from 0) -> value of the merged cell above or left of it, for rows below the header."""
    spread = {}
    width = max(map(len, records), default=0)
    for left, top, right, bottom in ranges:
        if top <= header_row or top > len(records) or left > len(records[top - 1]):
            continue
        value = records[top - 1][left - 1]
        for row in range(top, min(bottom, len(records)) + 1):
            for column in range(left, min(right, width) + 1):
                if value is not None and (row, column) != (top, left):
                    spread[row, column - 1] = value
    return spread
