"""The user's own tables with their faults: cells coloured, what is wrong and the remedy beside, counts on a sheet."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ...atomic import write_file
from ...errors import Fault, InputError
from ...inputs import SCHEMAS
from ...inputs.files import read_raw
from ...inputs.formats import all_formats, as_native
from ...inputs.ledger import FileEntry
from ...inputs.raw_table import RawTable
from ...inputs.tables import recogniser
from ...project import Project, TableSettings
from ...schema import columns
from ...tables.table import clean
from ...texts import text
from .cells import MOST_ROWS

_COLOURS = {"fault": "#F4B8B0", "note": "#FBE3AE", "head": "#DDE6EE"}
_SHEET_NAME = 31


def write_faults(
    path: Path,
    project: Project,
    faults: Sequence[Fault],
    ledger: Sequence[FileEntry],
    *,
    lang: str,
    overwrite: bool = True,
) -> None:
    """Write a workbook: a sheet of counts, one of all faults and notes, and one for each table that has some.

    Parameters
    ----------
    path : Path
        ``.xlsx`` to write.
    project : Project
        Its tables are read again, as they are.
    faults : sequence of Fault
        Faults and notes.
    ledger : sequence of FileEntry
    lang : str
    overwrite : bool
    """
    held = io.BytesIO()
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "in_memory": True,
    }
    with xlsxwriter.Workbook(held, options) as book:
        style = {name: book.add_format({"bg_color": colour, "text_wrap": name != "head", "quote_prefix": True,
                                        "bold": name == "head"}) for name, colour in _COLOURS.items()}  # fmt: skip
        style["text"] = book.add_format({"quote_prefix": True})
        _counts(book.add_worksheet(text("faults-book.counts", lang)), faults, ledger, lang, style)
        _list(book.add_worksheet(text("faults-book.all", lang)), faults, lang, style)
        # Excel keeps the name History to itself.
        taken = {
            text("faults-book.counts", lang).casefold(),
            text("faults-book.all", lang).casefold(),
            "history",
        }
        for name, tables in project.tables.items():
            for settings in tables:
                own = _of(project, settings, faults)
                raw = _raw(project, name, settings) if own else None
                if raw is not None:
                    _table(book.add_worksheet(_sheet_name(raw.file, taken)), raw, own, lang, style)
        for page in book.worksheets():
            page.set_landscape()
            page.set_paper(9)
            page.fit_to_pages(1, 0)
    with write_file(path, overwrite=overwrite) as new:
        new.write_bytes(held.getvalue())


def _of(project: Project, settings: TableSettings, faults: Sequence[Fault]) -> list[Fault]:
    """Faults of the file of a table."""
    return [] if settings.path is None else [f for f in faults if f.file == str(project.path(settings.path))]


def _raw(project: Project, name: str, settings: TableSettings) -> RawTable | None:
    """Read a table as its file has it; None where it is no table of rows and cells, or can't be read at all."""
    assert settings.path is not None
    schema = SCHEMAS[name]
    try:
        raw = read_raw(
            project.path(settings.path), encoding=settings.encoding, sheet=settings.sheet, layer=settings.layer,
            known=recogniser(schema, settings.columns),
        )  # fmt: skip
        return None if as_native(raw, name, all_formats(), settings.columns).shown else raw
    except InputError:
        return None


def _sheet_name(file: str, taken: set[str]) -> str:
    stem = re.sub(r"[\[\]:*?/\\']", " ", clean(Path(file).stem)).strip() or "table"
    name, n = stem[:_SHEET_NAME], 2
    while name.casefold() in taken:
        name, n = f"{stem[: _SHEET_NAME - 4]} {n}", n + 1
    taken.add(name.casefold())
    return name


def _head(sheet: Worksheet, labels: Sequence[str], style: Mapping[str, Format], row: int = 0) -> None:
    for at, label in enumerate(labels):
        sheet.write_string(row, at, label, style["head"])


def _counts(
    sheet: Worksheet,
    faults: Sequence[Fault],
    ledger: Sequence[FileEntry],
    lang: str,
    style: Mapping[str, Format],
) -> None:
    """Rows of each file, and how many faults and notes of each kind, with the first as an example."""
    names = "file table read kept merged left_out faulted"
    _head(sheet, [column.label(lang) for column in columns(names)], style)
    for at, entry in enumerate(ledger, 1):
        for i, value in enumerate(entry.counts().values()):
            _write(sheet, at, i, value, style["text"])
    start = len(ledger) + 3
    _head(
        sheet,
        [text(f"faults-book.{key}", lang) for key in ("file", "kind", "n", "example")],
        style,
        start - 1,
    )
    kinds: dict[tuple[str, str, bool], list[Fault]] = {}
    for fault in faults:
        kinds.setdefault((fault.file, fault.key, fault.warning), []).append(fault)
    for at, ((file, _, warning), alike) in enumerate(kinds.items(), start):
        word = text("faults-book.note" if warning else "faults-book.fault", lang)
        for i, value in enumerate((Path(file).name, word, len(alike), alike[0].render(lang))):
            _write(sheet, at, i, value, style["note" if warning else "fault"] if i == 1 else style["text"])
    sheet.set_column(0, 0, 30)
    sheet.set_column(3, 3, 80)


def _list(sheet: Worksheet, faults: Sequence[Fault], lang: str, style: Mapping[str, Format]) -> None:
    """Every fault and note."""
    _head(sheet, [column.label(lang) for column in columns("file row column cell remedy")], style)
    for at, fault in enumerate(faults[:MOST_ROWS], 1):
        values = (Path(fault.file).name, fault.row, fault.column, fault.value, fault.render(lang))
        for i, value in enumerate(values):
            colour = style["note" if fault.warning else "fault"] if i == len(values) - 1 else style["text"]
            _write(sheet, at, i, value, colour)
    sheet.set_column(0, 0, 24)
    sheet.set_column(4, 4, 100)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)


def _table(
    sheet: Worksheet, raw: RawTable, faults: Sequence[Fault], lang: str, style: Mapping[str, Format]
) -> None:
    """The table, each row where the file has it; cells with faults in colour, the words behind the last column."""
    at = {header: i for i, header in reversed(list(enumerate(raw.headers)))}
    head = max(raw.header_row, 1) - 1
    colours: dict[tuple[int, int], str] = {}
    words: dict[int, list[str]] = {}
    worst: dict[int, str] = {}
    for fault in sorted(faults, key=lambda f: not f.warning):
        if fault.row is None:
            continue
        kind, row = "note" if fault.warning else "fault", fault.row - 1
        places = [at[fault.column]] if fault.column in at else range(len(raw.headers))
        colours.update({(row, i): kind for i in places})
        words.setdefault(row, []).append(fault.render(lang))
        worst[row] = kind
    _head(sheet, [*raw.headers, text("faults-book.remedy", lang)], style, head)
    for number, cells in zip(raw.row_numbers[:MOST_ROWS], raw.rows, strict=False):
        for i, cell in enumerate(cells):
            _write(sheet, number - 1, i, cell, style[colours.get((number - 1, i), "text")])
    for row, lines in words.items():
        if row < MOST_ROWS:
            _write(sheet, row, len(raw.headers), "\n".join(dict.fromkeys(lines)), style[worst[row]])
    sheet.set_column(len(raw.headers), len(raw.headers), 80)
    sheet.freeze_panes(head + 1, 0)
    sheet.repeat_rows(head)


def _write(sheet: Worksheet, row: int, column: int, value: Any, style: Format) -> None:
    """Write a cell as the file has it: numbers as numbers, all else as text; nothing is ever computed."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        sheet.write_number(row, column, value, style)
    elif value is None:
        sheet.write_blank(row, column, None, style)
    else:
        sheet.write_string(row, column, clean(value), style)
