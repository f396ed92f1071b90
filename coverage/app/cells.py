"""A cell of a table mended: in a text table that cell alone; a workbook stays, its table goes on as CSV beside it."""

from __future__ import annotations

import csv
import io
from typing import Any

from ..files import read_bytes
from ..inputs.files import TEXT_SUFFIXES, VECTOR_SUFFIXES
from ..inputs.raw_table import RawTable
from .ask import Ask
from .project_file import Change, change_project
from .table_view import Opened, open_table, raw_of, shown_cell
from .world import RefusedError, replacing, version_of

_ENCODINGS = ("utf-8", "gb18030", "utf-16")
_DELIMITERS = ",;\t|"
_MOST_LETTERS = 2_000


def change_cell(ask: Ask) -> dict[str, Any]:
    """Write another value into a cell: ``{"row": 17, "at": 3, "old": …, "value": …}``."""
    opened = open_table(ask)
    row, at = ask.data.get("row"), ask.data.get("at")
    value = " ".join(ask.text("value").split())
    if type(row) is not int or type(at) is not int or len(value) > _MOST_LETTERS:
        raise RefusedError(400, "app-form")
    if opened.settings.from_osm or opened.path.suffix.lower() in VECTOR_SUFFIXES:
        raise RefusedError(422, "app-cell-layer", name=opened.path.name)
    if version_of(opened.path) != ask.version:
        raise RefusedError(412, "app-changed", name=opened.path.name)
    raw = raw_of(opened.path, opened.schema, opened.settings)
    if row not in raw.row_numbers or not 0 <= at < len(raw.headers):
        raise RefusedError(404, "app-cell-gone", name=opened.path.name)
    nth = raw.row_numbers.index(row)
    if shown_cell(raw.rows[nth][at]) != ask.text("old"):
        raise RefusedError(412, "app-changed", name=opened.path.name)
    if opened.path.suffix.lower() not in TEXT_SUFFIXES:
        return _into_copy(ask, opened, raw, nth, at, value)
    changed = _changed(opened, raw, row, at, value)
    with replacing(opened.path, ask.version) as new:
        new.write_bytes(changed)
    return {"file": version_of(opened.path)}


def _changed(opened: Opened, raw: RawTable, row: int, at: int, value: str) -> bytes:
    """The file with one cell changed; all else stays, byte by byte.

    Raises
    ------
    RefusedError
        422 if the record is not where the table has it, or the file's encoding lacks a letter.
    """
    content = read_bytes(opened.path)
    named = [opened.settings.encoding] if opened.settings.encoding else _ENCODINGS
    expected = [shown_cell(cell) for cell in raw.rows[raw.row_numbers.index(row)]]
    for encoding in named:
        for delimiter in _DELIMITERS:
            try:
                span = _record(content.decode(encoding), delimiter, row)
            except (UnicodeError, csv.Error, LookupError):
                continue
            if span is None or [c.strip()[:200] for c in span[2]][: len(expected)] != [
                c.strip() for c in expected
            ]:
                continue
            start, end, fields = span
            text = content.decode(encoding)
            record = _with_field(text[start:end], delimiter, at, value, len(fields))
            try:
                return (text[:start] + record + text[end:]).encode(encoding)
            except UnicodeEncodeError as error:
                raise RefusedError(
                    422, "app-cell-letter", name=opened.path.name, encoding=encoding
                ) from error
    raise RefusedError(422, "app-cell-form", name=opened.path.name)


def _record(text: str, delimiter: str, row: int) -> tuple[int, int, list[str]] | None:
    """Where the record of a row begins and ends, without its line end, and its fields."""
    lines = list(io.StringIO(text, newline=""))
    reader, before = csv.reader(lines, delimiter=delimiter, strict=True), 0
    for number, fields in enumerate(reader, start=1):
        if number == row:
            start = sum(map(len, lines[:before]))
            record = "".join(lines[before : reader.line_num])
            return start, start + len(record.rstrip("\r\n")), fields
        before = reader.line_num
    return None


def _with_field(record: str, delimiter: str, at: int, value: str, width: int) -> str:
    """Return a record with another value in one field; fields that are missing are made."""
    quoted = any(c in value for c in f'{delimiter}"') or value != value.strip()
    new = f'"{value.replace(chr(34), chr(34) * 2)}"' if quoted else value
    if at >= width:
        return record + delimiter * (at - width + 1) + new
    inside, nth, starts = False, 0, [0]
    for i, letter in enumerate(record):
        if letter == '"':
            inside = not inside
        elif letter == delimiter and not inside:
            nth += 1
            starts.append(i + 1)
    end = starts[at + 1] - 1 if at + 1 < len(starts) else len(record)
    return record[: starts[at]] + new + record[end:]


def _into_copy(ask: Ask, opened: Opened, raw: RawTable, nth: int, at: int, value: str) -> dict[str, Any]:
    """Write the sheet as CSV beside the workbook, the cell mended, and let the project use that."""
    taken = opened.path.with_suffix(".csv")
    for n in range(2, 1000):
        if not taken.exists():
            break
        taken = opened.path.with_name(f"{opened.path.stem} {n}.csv")
    rows = [[shown_cell(cell) for cell in row] for row in raw.rows]
    rows[nth][at] = value
    with replacing(taken, "") as new, new.open("w", encoding="utf-8-sig", newline="") as out:
        csv.writer(out).writerows([raw.headers, *rows])
    path = taken.relative_to(ask.folder.path.resolve())
    section = ("tables", opened.kind, opened.index)
    changes: list[Change] = [((*section, "path"), path.as_posix())]
    changes += [((*section, key), None) for key in ("sheet", "encoding") if getattr(opened.settings, key)]
    version = change_project(ask.folder, opened.version, changes)
    return {"file": version_of(taken), "copy": taken.name, "version": version, "row": nth + 2}
