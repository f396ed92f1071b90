"""Cells of the workbook: typed, formatted, and never evaluated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ...schema import Column
from ...texts import catalogue, text
from ..fields import clean_text, clean_xml
from ..result import plain
from ..summary import width

MOST_ROWS = 1_048_000
"""A sheet holds 1 048 576 rows; what is beyond is cut, and said to be."""
LONGEST = 16_000
"""Characters of a cell at most (Excel: 32 767 UTF-16 units)."""
LON, LAT = Column("lon", "float", "°"), Column("lat", "float", "°")
WIDEST, NARROWEST, LINES = 46, 8, 8

NUMBER_FORMATS: Mapping[str, str] = {
    "km": "#,##0.0",
    "m": "#,##0",
    "t": "#,##0",
    "kW": "#,##0",
    "%": "0.0",
    "share": "0.0%",
    "ratio": "0.000",
    "margin": "+0.0%;-0.0%;0.0%",
    "int": "#,##0",
    "float": "General",
    "°": "0.00000",
    "count": "#,##0",
}
"""How numbers look, by unit; the cell holds the same value as ``result.json``."""


def clean(value: object) -> str:
    """Text that XML can hold: what it forbids becomes U+FFFD, what is too long is cut and says so.

    >>> clean("a" + chr(1) + "b")
    'a\ufffdb'
    """
    shown = clean_xml(clean_text(value)).replace("\r\n", "\n").replace("\r", "\n")
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def capital(label: str) -> str:
    """Begin a header with a capital letter, as the others do.

    >>> capital("mean gap (km)"), capital("kW per EV")
    ('Mean gap (km)', 'kW per EV')
    """
    return label if label[1:2].isupper() else label[:1].upper() + label[1:]


@dataclass(frozen=True)
class Head:
    """A column of a sheet: where its values are, what stands above it, how they are written.

    ``unit`` picks the number format; ``unit_by`` names a column of the frame that holds each row's own unit.
    ``choices`` is the name under which values have labels (``choice.NAME.VALUE``).
    """

    name: str
    label: str
    kind: str = "text"
    unit: str = ""
    meaning: str = ""
    choices: str = ""
    unit_by: str = ""

    @classmethod
    def of(cls, column: Column, lang: str, *, prefix: str = "", name: str = "") -> Head:
        """Head of a schema's column, as maps and layers label it."""
        return cls(
            name or column.name,
            capital(prefix + column.label(lang)),
            column.type,
            column.unit or column.type,
            column.meaning(lang),
            column.name if column.type == "choice" else "",
        )


def heads_of(columns: Iterable[Column], lang: str) -> tuple[Head, ...]:
    """Heads of schema columns."""
    return tuple(Head.of(column, lang) for column in columns)


def own_head(name: str, lang: str, kind: str = "text", unit: str = "", **more: str) -> Head:
    """Head of a column that only the workbook has; ``unit_by`` and ``choices`` as in :class:`Head`."""
    label = capital(text(f"sheet.column.{name}.label", lang))
    return Head(name, label, kind, unit or kind, text(f"sheet.column.{name}.meaning", lang), **more)


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table of the workbook.

    Attributes
    ----------
    key : str
        Name and note are the texts ``sheet.KEY`` and ``sheet.KEY.note`` of the catalogue.
    heads : tuple of Head
    frame : DataFrame
        A row each; missing values stay empty cells.
    looks : mapping
        Column name -> what the conditional format goes by: ``{"good": (labels,), "middle": …, "gap": …}``.
    limits : mapping
        Column name -> number above which the cell is marked as a gap.
    printed : int, optional
        So many of the first columns are printed; all if left out.
    """

    key: str
    heads: tuple[Head, ...]
    frame: pd.DataFrame
    looks: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    printed: int | None = None

    def title(self, lang: str) -> str:
        """Name of the sheet."""
        return text(f"sheet.{self.key}.title", lang)


def cell_value(value: Any, head: Head, lang: str) -> str | int | float | dt.date | None:
    """Return what a cell holds: a number, a date, a text; None where the value is missing."""
    if isinstance(value, (pd.Timestamp, dt.date)) and not pd.isna(value):
        return dt.date(value.year, value.month, value.day)
    value = plain(value)
    if head.kind == "bool":
        return text("value.unknown" if value is None else "value.yes" if value else "value.no", lang)
    if value is None or value == "":
        return None
    if head.choices:
        key = f"choice.{head.choices}.{value}"
        return text(key, lang) if key in catalogue() else clean(value)
    if head.kind in ("int", "float") and isinstance(value, (int, float)):
        return value
    return clean(value)


def sheet_rows(sheet: Sheet, lang: str) -> list[list[str | int | float | dt.date | None]]:
    """All cells below the header."""
    frame = sheet.frame.reindex(columns=[h.name for h in sheet.heads]).head(MOST_ROWS)
    columns = [
        [cell_value(v, head, lang) for v in frame[head.name].tolist()] for head in sheet.heads
    ]  # fmt: skip
    return [list(row) for row in zip(*columns, strict=True)]


def column_widths(sheet: Sheet, rows: Sequence[Sequence[Any]]) -> list[float]:
    """Width of each column in characters, from its header and its first rows; Chinese characters take two."""
    found = []
    for i, head in enumerate(sheet.heads):
        words = [max((width(line) for line in str(row[i]).split("\n")), default=0) for row in rows[:400]
                 if row[i] is not None and not isinstance(row[i], float)]  # fmt: skip
        # A header may break into two lines; a filter button takes its room.
        header = width(head.label) / (2 if width(head.label) > 14 else 1) + 3
        need = max([header, NARROWEST, *(w + 2 for w in words)])
        found.append(float(min(need, WIDEST)))
    return found


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
    sheet: Sheet,
    rows: Sequence[Sequence[Any]],
    widths: Sequence[float],
    style: Callable[[str], Format],
) -> None:
    """Write the cells below the header, each by the writer of its type: nothing is guessed from its text."""
    units = {h.unit_by: sheet.frame[h.unit_by].tolist() for h in sheet.heads if h.unit_by}
    for r, row in enumerate(rows):
        height = row_height(row, widths)
        if height:
            page.set_row(r + 1, height)
        for c, (value, head) in enumerate(zip(row, sheet.heads, strict=True)):
            unit = units[head.unit_by][r] if head.unit_by else head.unit
            if value is None:
                page.write_blank(r + 1, c, None, style("text"))
            elif isinstance(value, str):
                page.write_string(r + 1, c, value, style("text"))
            elif isinstance(value, dt.date):
                page.write_datetime(r + 1, c, dt.datetime(value.year, value.month, value.day), style("date"))
            else:
                page.write_number(r + 1, c, value, style(_number_format(value, unit, head.kind)))


def _number_format(value: float, unit: str, kind: str) -> str:
    """Name of the number format: that of the unit; without one, thousands are set apart in whole numbers."""
    if unit not in NUMBER_FORMATS:
        unit = kind
    return "count" if unit == "float" and float(value).is_integer() else unit


def placed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows with their positions as two columns; missing where there is none."""
    points = frame.geometry
    return pd.DataFrame(frame.drop(columns="geometry")).assign(lon=points.x.round(7), lat=points.y.round(7))
