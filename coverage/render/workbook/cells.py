"""Cells of the workbook: typed, formatted, and never evaluated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ...schema import FORMS, SHARES, Column, day, in_readers_unit, readers_unit, shown
from ...tables.summary import width
from ...tables.table import Head, Table, absent_cells, cell_value
from ...texts import text

MOST_ROWS = 1_048_000
"""A sheet holds 1 048 576 rows; what is beyond is cut, and said to be."""
WIDEST, NARROWEST, LINES = 46, 8, 27
"""A row of a spreadsheet has room for 27 lines."""
WIDEST_ID = 72
"""Ids have no blanks to break at: a wrapped one would make every row two lines high."""
WIDEST_ASIDE = 110
"""Columns that are not printed may be wider: their long texts would make rows high that are short on paper."""

COMPUTED = tuple("=+-@＝＋－＠\t\r\n")
"""How a text begins that a spreadsheet computes once somebody edits its cell."""


def text_style(words: str, style: str) -> str:
    """Name of a text's format: with the mark ``'`` where a spreadsheet would take the text for a formula.

    >>> text_style("=1+1", "text"), text_style("1+1", "text")
    ("text'", 'text')
    """
    return f"{style}'" if words.startswith(COMPUTED) else style


def sheet_rows(sheet: Table, lang: str) -> list[list[str | int | float | dt.date | None]]:
    """All cells below the header."""
    rows = sheet.frame.head(MOST_ROWS)
    frame = rows.reindex(columns=[h.name for h in sheet.heads])
    columns = []
    for head in sheet.heads:
        values = frame[head.name].tolist()
        cells = zip(values, _units(sheet, head, len(frame)), strict=True)
        written = [_in_readers_unit(cell_value(v, head, lang), unit, lang) for v, unit in cells]
        # A blank cell is unknown; what is empty for another reason says so.
        word = text(f"absent.{head.column.absent}", lang) if head.column.absent else ""
        absent = absent_cells(rows, head.column, frame[head.name])
        columns.append([word if gone else cell for cell, gone in zip(written, absent, strict=True)])
    return [list(row) for row in zip(*columns, strict=True)]


def _in_readers_unit(value: Any, unit: str, lang: str) -> Any:
    """A number in its reader's unit; other cells as they are."""
    return in_readers_unit(value, unit, lang) if isinstance(value, (int, float)) else value


def _units(sheet: Table, head: Head, n: int) -> list[str]:
    """Unit of each cell of a column, as the frame holds it."""
    return sheet.frame[head.unit_by].tolist()[:n] if head.unit_by else [head.column.unit] * n


def column_widths(sheet: Table, rows: Sequence[Sequence[Any]], formats: Formats, lang: str) -> list[float]:
    """Width of each column in characters, from its header, its first texts and all its numbers and dates.

    A text that is too long breaks into lines; a number or a date shows as ``###``, so each of them counts, in
    the digits of the widest font that a spreadsheet may take instead of the book's.
    """
    found = []
    for c, head in enumerate(sheet.heads):
        words = [max((width(line) for line in row[c].split("\n")), default=0) for row in rows[:400]
                 if isinstance(row[c], str)]  # fmt: skip
        numbers = {displayed(row[c], kind, lang) for row, kind in zip(rows, formats[c], strict=True)
                   if row[c] is not None and not isinstance(row[c], str)}  # fmt: skip
        # A header may break into two lines; a filter button takes its room.
        header = width(head.label) / (2 if width(head.label) > 14 else 1) + 3
        aside = sheet.printed is not None and c >= sheet.printed
        most = WIDEST_ASIDE if aside else WIDEST_ID if head.column.name.endswith("id") else WIDEST
        need = min(max([header, NARROWEST, *(w + 2 for w in words)]), most)
        found.append(float(max(need, *map(number_width, numbers), 0.0)))
    return found


Formats = Sequence[Sequence[str]]
"""Of each column, the number format of each of its cells."""


def displayed(value: float | dt.date, kind: str, lang: str) -> str:
    """Return a number or a date as a spreadsheet shows it in one of the formats of :func:`number_formats`.

    >>> displayed(1234.5, "#,##0.00", "en"), displayed(dt.date(2025, 12, 31), "date", "zh")
    ('1,234.50', '2025年12月31日')
    """
    if isinstance(value, dt.date):
        return day(value, lang)
    decimals = len(kind.partition(";")[0].partition(".")[2].rstrip("%"))
    sign = "+" if kind.startswith("+") else ""
    return f"{value:{sign}.{decimals}%}" if "%" in kind else f"{value:,.{decimals}f}"


def number_width(words: str) -> float:
    """Width of a number or date in a column's characters, which are the digits of Calibri 11: 7 of 96 pixels an inch.

    Letters are those of bold DejaVu Sans 10, wider than Calibri, YaHei and Noto Sans CJK. Excel keeps 5 pixels of a
    column to itself, an indent takes 9 and LibreOffice 13.
    """
    em = sum(1.0 if width(c) == 2 else EM.get(c, 0.7 if c.isdigit() else 1.0) for c in words)
    return (em * 10 * 96 / 72 + 13 + 5) / 7


EM = {",": 0.39, ".": 0.39, "-": 0.42, " ": 0.36, "+": 0.84}


def row_height(row: Sequence[Any], widths: Sequence[float], line_pt: float = 15.0) -> float | None:
    """Height for the longest wrapped text of a row; None if one line is enough."""
    lines = max(
        (
            sum(max(1, -(-width(part) // max(int(at) - 1, 1))) for part in cell.split("\n"))
            for cell, at in zip(row, widths, strict=True)
            if isinstance(cell, str)
        ),
        default=1,
    )
    return None if lines <= 1 else line_pt * min(lines, LINES)


def write_rows(
    page: Worksheet,
    rows: Sequence[Sequence[Any]],
    widths: Sequence[float],
    formats: Formats,
    style: Callable[[str], Format],
) -> None:
    """Write the cells below the header, each by the writer of its type: nothing is guessed from its text."""
    for r, row in enumerate(rows):
        height = row_height(row, widths)
        if height:
            page.set_row(r + 1, height)
        for c, value in enumerate(row):
            if value is None:
                page.write_blank(r + 1, c, None, style("text"))
            elif isinstance(value, str):
                page.write_string(r + 1, c, value, style(text_style(value, "text")))
            elif isinstance(value, dt.date):
                page.write_datetime(r + 1, c, dt.datetime(value.year, value.month, value.day), style("date"))
            else:
                page.write_number(r + 1, c, value, style(formats[c][r]))


def number_formats(sheet: Table, c: int, rows: Sequence[Sequence[Any]], lang: str) -> list[str]:
    """Excel's number format of each cell of a column: it shows what :func:`plugspan.schema.shown` says.

    Numbers of one unit have the same decimals down the column, as many as one of them needs. Each has its own where the
    size says how many, as of a share that is nearly one.
    """
    head = sheet.heads[c]
    units = [readers_unit(unit, lang) for unit in _units(sheet, head, len(rows))]
    cells = [(replace(head.column, unit=unit), row[c]) for unit, row in zip(units, rows, strict=True)]
    needed = [_decimals(column, value) for column, value in cells]
    most = {
        unit: max(n for u, n in zip(units, needed, strict=True) if u == unit) for unit in sorted(set(units))
    }
    return [
        _format(column, most[column.unit] if column.form or column.unit in FORMS else n)
        for (column, _), n in zip(cells, needed, strict=True)
    ]


def _decimals(column: Column, value: Any) -> int:
    """Decimals of a number as it is shown; shares have one at least."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    _, _, behind = shown(value, column, "en").partition(".")
    digits = len(behind) - len(behind.lstrip("0123456789"))
    return max(digits, 1) if column.unit in SHARES else digits


def _format(column: Column, decimals: int) -> str:
    zeros = "." + "0" * decimals if decimals else ""
    if column.unit == "margin":
        return f"+0{zeros}%;-0{zeros}%;0{zeros}%"
    if column.unit == "year":
        return "0"
    return f"0{zeros}%" if column.unit in SHARES else f"#,##0{zeros}"
