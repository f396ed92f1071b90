"""Workbooks (.xlsx): one sheet as records, with its merged cells and its formulas.

Read part by part, as a stream and within limits: a sheet may claim two thousand million rows, or a gigabyte of
texts. Nothing is followed that leads out of the file, and no formula is computed.
"""

from __future__ import annotations

import datetime as dt
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils import range_boundaries
from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel, from_ISO8601

from ..errors import Fault, InputError
from ..files import check_size, read_bytes
from ..markup import Package
from .headers import listed
from .raw_table import RawTable, below_header

_OLE = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK"
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
"""Of a sheet, by the standard."""


def read_workbook(path: Path, sheet: str | None, known: Callable[[str], bool]) -> RawTable:
    """Read the first sheet, or the one named.

    Parameters
    ----------
    path : Path
    sheet : str, optional
    known : callable
        Whether a header is one that is looked for.

    Raises
    ------
    InputError
        If it is no workbook, has no such sheet, or the sheet is empty or too large.
    """
    file, content = str(path), read_bytes(path)
    if content.startswith(_OLE):
        raise InputError(Fault("file-locked", file=file))
    if not content.startswith(_ZIP):
        raise InputError(Fault("excel-foreign", file=file))
    try:
        book = _Book(Package(file, content))
        names = list(book.sheets)
        page = book.page(sheet if sheet is not None or not names else names[0])
        raw = below_header(file, page.records, known, ragged=False)
        spread = _spread(file, page.records, page.merged, raw.header_row)
    except InputError:  # a ValueError, too
        raise
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, AttributeError) as error:
        raise InputError(Fault("package-broken", file=file)) from error
    raw.notes.extend(page.faults)
    if sheet is None and len(names) > 1:
        values = {"sheet": names[0], "others": listed(names[1:])}
        raw.notes.append(Fault("sheet-first", file=file, values=values, warning=True))
    return replace(raw, spread=spread)


@dataclass
class _Page:
    """A sheet: its cells, formulas without values, and merged ranges (first column, first row, last ones)."""

    records: list[list[Any]] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class _Book:
    """The parts of a workbook that say what the cells of its sheets mean."""

    def __init__(self, package: Package) -> None:
        self.package, self.epoch = package, WINDOWS_EPOCH
        self.sheets: dict[str, str] = {}
        """Name -> part; sheets that hold only a chart are none."""
        self.texts: list[str] = []
        self.times: dict[int, bool] = {}
        """Cell formats that show a date -> whether it is a length of time."""
        main = next(iter(self._related("", "officeDocument").values()), "")
        sheets = self._related(main, "worksheet")

        def start(tag: str, given: Mapping[str, str]) -> None:
            if tag == "workbookPr" and given.get("date1904", "0").lower() in ("1", "true"):
                self.epoch = MAC_EPOCH
            elif tag == "sheet":
                relation = next((value for key, value in given.items() if key.endswith(":id")), "")
                if relation in sheets:
                    self.sheets[given["name"]] = sheets[relation]

        package.read(main, start=start)
        for part in self._related(main, "sharedStrings").values():
            self._read_texts(part)
        for part in self._related(main, "styles").values():
            self._read_formats(part)

    def _related(self, part: str, kind: str) -> dict[str, str]:
        """Relation -> part, of the parts of a kind that belong to one; what lies outside the file is none."""
        folder, name = posixpath.split(part)
        found: dict[str, str] = {}

        def start(tag: str, given: Mapping[str, str]) -> None:
            if tag == "Relationship" and given.get("TargetMode") != "External":
                where = posixpath.normpath(posixpath.join("/", folder, given["Target"])).lstrip("/")
                if given["Type"].rpartition("/")[2] == kind and where in self.package.names:
                    found[given["Id"]] = where

        self.package.read(posixpath.join(folder, "_rels", f"{name}.rels"), start=start)
        return found

    def _read_texts(self, part: str) -> None:
        """Texts that cells share; of runs with formats of their own the words, without how they are pronounced."""
        words: list[str] = []

        def end(tag: str, said: str) -> None:
            if tag == "t":
                words.append(said)
            elif tag == "rPh":
                words.pop()
            elif tag == "si":
                self.texts.append("".join(words).replace("x005F_", ""))
                words.clear()
                check_size(self.package.file, 0, 0, cells=len(self.texts), key="workbook-too-many-texts")

        self.package.read(part, end=end, keep={"t"})

    def _read_formats(self, part: str) -> None:
        codes = dict(BUILTIN_FORMATS)
        inside, used = "", []

        def start(tag: str, given: Mapping[str, str]) -> None:
            nonlocal inside
            if tag == "numFmt" and "numFmtId" in given:
                codes[int(given["numFmtId"])] = given.get("formatCode", "")
            elif tag in ("cellXfs", "cellStyleXfs"):
                inside = tag
            elif tag == "xf" and inside == "cellXfs":
                used.append(int(given.get("numFmtId", 0)))

        self.package.read(part, start=start)
        shown = {code: is_date_format(words) for code, words in codes.items()}
        for number, code in enumerate(used):
            if shown.get(code):
                self.times[number] = bool(is_timedelta_format(codes[code]))

    def page(self, name: str | None) -> _Page:
        """Read a sheet.

        Raises
        ------
        InputError
            If there is none of that name, or it is empty or too large.
        """
        file = self.package.file
        if name is None or name not in self.sheets:
            values = {"known": listed(list(self.sheets))}
            raise InputError(Fault("sheet-missing", file=file, value=name, values=values))
        sheet = _SheetReader(self)
        self.package.read(self.sheets[name], start=sheet.start, end=sheet.end, keep={"v", "f", "t"})
        if not sheet.page.records:
            raise InputError(Fault("sheet-empty", file=file, value=name))
        return sheet.page

    def value(self, kind: str, said: str, style: int) -> Any:
        """Value of a cell as the standard stores it."""
        if kind == "s":
            return self.texts[int(said)]
        if kind == "b":
            return bool(int(said))
        if kind == "d":
            return from_ISO8601(said)
        if kind != "n":
            return said or None
        if not said:
            return None
        number = float(said) if "." in said or "E" in said or "e" in said else int(said)
        if style not in self.times:
            return number
        try:
            moment = from_excel(number, self.epoch, timedelta=self.times[style])
        except (OverflowError, ValueError):
            return "#VALUE!"
        return str(moment) if isinstance(moment, dt.timedelta) else moment


class _SheetReader:
    """Takes down the cells of a sheet as its elements come."""

    def __init__(self, book: _Book) -> None:
        self.book, self.page = book, _Page()
        self.row = self.column = self.cells = self.style = 0
        self.kind = "n"
        self.said: str | None = None
        self.formula: str | None = None
        self.words: list[str] = []

    def start(self, tag: str, given: Mapping[str, str]) -> None:
        """Note where the next cell is."""
        if tag == "c":
            if "r" in given:
                self.row, self.column = coordinate_to_tuple(given["r"])
            else:
                self.column += 1
            self.kind, self.style = given.get("t", "n"), int(given.get("s", 0))
            self.said = self.formula = None
            self.words.clear()
        elif tag == "row":
            self.row = int(given["r"]) if "r" in given else self.row + 1
            self.column = 0
            if not 0 < self.row <= MOST_ROWS:
                raise self._nowhere()
        elif tag == "mergeCell":
            self.page.merged.append(range_boundaries(given["ref"]))
            check_size(self.book.package.file, 0, 0, cells=len(self.page.merged))

    def end(self, tag: str, said: str) -> None:
        """Keep a cell when it is complete."""
        if tag == "v":
            self.said = said
        elif tag == "f":
            self.formula = said
        elif tag == "t":
            self.words.append(said)
        elif tag == "rPh":
            self.words.pop()
        elif tag == "c":
            self._keep()

    def _keep(self) -> None:
        value = "".join(self.words) or None if self.kind == "inlineStr" else None
        if self.said is not None:
            value = self.book.value(self.kind, self.said, self.style)
        if value is None and self.formula is not None and (self.kind, self.said) != ("str", ""):
            shown = f"={self.formula}"[:60]
            file = self.book.package.file
            self.page.faults.append(Fault("excel-formula", file=file, row=self.row, value=shown))
        if value is None:
            return
        if not (0 < self.row <= MOST_ROWS and 0 < self.column <= MOST_COLUMNS):
            raise self._nowhere()
        records = self.page.records
        while len(records) < self.row:
            records.append([])
        record = records[self.row - 1]
        self.cells += max(self.column - len(record), 0)
        check_size(self.book.package.file, self.row, self.column, cells=self.cells)
        record.extend([None] * (self.column - len(record)))
        record[self.column - 1] = value

    def _nowhere(self) -> InputError:
        values = {"row": f"{self.row:,}", "column": f"{max(self.column, 1):,}"}
        return InputError(Fault("excel-nowhere", file=self.book.package.file, values=values))


def _spread(
    file: str, records: list[list[Any]], ranges: list[tuple[int, int, int, int]], header_row: int
) -> dict[tuple[int, int], Any]:
    """(row number, column from 0) -> value of the merged cell above or left of it, for rows below the header."""
    spread = {}
    width = max(map(len, records), default=0)
    spent = 0
    for left, top, right, bottom in ranges:
        if top <= header_row or top > len(records) or left > len(records[top - 1]):
            continue
        value = records[top - 1][left - 1]
        if value is None:
            continue
        rows, columns = range(top, min(bottom, len(records)) + 1), range(left, min(right, width) + 1)
        spent += len(rows) * len(columns)  # ranges that lie one on the other have more cells than the sheet
        check_size(file, 0, 0, cells=spent)
        for row in rows:
            for column in columns:
                if (row, column) != (top, left):
                    spread[row, column - 1] = value
    return spread
