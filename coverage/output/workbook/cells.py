"""Cells of the workbook: typed, formatted, and never evaluated."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ...rules.kind import kind_of
from ...rules.model import Rule
from ...rules.policy import Policy
from ...schema import SHARES, Column, columns, of_objective, shown, told, told_unit
from ...texts import text
from ..fields import clean_text, clean_xml
from ..result import plain
from ..summary import width

MOST_ROWS = 1_048_000
"""A sheet holds 1 048 576 rows; what is beyond is cut, and said to be."""
LONGEST_TITLE = 31
"""Characters of a sheet's name at most."""
LONGEST = 16_000
"""Characters of a cell at most (Excel: 32 767 UTF-16 units)."""
WIDEST, NARROWEST, LINES = 46, 8, 8

COMPUTED = tuple("=+-@＝＋－＠\t\r\n")
"""How a text begins that a spreadsheet computes once somebody edits its cell."""


def clean(value: object) -> str:
    """Text that XML can hold: what it forbids becomes U+FFFD, what is too long is cut and says so.

    >>> clean("a" + chr(1) + "b")
    'a\ufffdb'
    """
    shown = clean_xml(clean_text(value)).replace("\r\n", "\n").replace("\r", "\n")
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def text_style(words: str, style: str) -> str:
    """Name of a text's format: with the mark ``'`` where a spreadsheet would take the text for a formula.

    >>> text_style("=1+1", "text"), text_style("1+1", "text")
    ("text'", 'text')
    """
    return f"{style}'" if words.startswith(COMPUTED) else style


def capital(label: str) -> str:
    """Begin a header with a capital letter, as the others do.

    >>> capital("mean gap (km)"), capital("kW per EV")
    ('Mean gap (km)', 'kW per EV')
    """
    return label if label[1:2].isupper() else label[:1].upper() + label[1:]


@dataclass(frozen=True)
class Head:
    """A column of a sheet: where its values are, what stands above it, how they are written.

    ``unit_by`` names a column of the frame that holds each row's own unit.
    """

    name: str
    label: str
    column: Column
    meaning: str = ""
    unit_by: str = ""

    @classmethod
    def of(cls, column: Column, lang: str, *, prefix: str = "", name: str = "") -> Head:
        """Head of a column, labelled as maps and layers label it."""
        label = capital(prefix + column.label(lang))
        return cls(name or column.name, label, column, column.meaning(lang))


def heads(names: str | Iterable[Column], lang: str, objective: str = "") -> tuple[Head, ...]:
    """Heads of columns, or of names in the registry; amounts of demand in the unit of the siting's objective."""
    found = columns(names) if isinstance(names, str) else names
    return tuple(Head.of(of_objective(c, objective) if objective else c, lang) for c in found)


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table of the workbook.

    Attributes
    ----------
    key : str
        Name and note are the texts ``sheet.KEY`` and ``sheet.KEY.note`` of the catalogue.
    rule : Rule, optional
        The rule whose sheet it is, if it is the sheet of one: it bears the rule's id.
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
    rule: Rule | None = None

    def title(self, lang: str) -> str:
        """Name of the sheet."""
        return (
            text(f"sheet.{self.key}.title", lang) if self.rule is None else own_sheet_title(self.rule, lang)
        )

    def note(self, lang: str) -> str:
        """What stands on it."""
        return text(f"sheet.{self.key}.note", lang, **({"title": self.rule.title[lang]} if self.rule else {}))


def own_sheet_title(rule: Rule, lang: str) -> str:
    """Name of the sheet of one rule: its id, cut to what a spreadsheet takes and told apart by a sum if it is cut."""
    name = text("sheet.rule.title", lang, rule=rule.id)
    if len(name) <= LONGEST_TITLE:
        return name
    return f"{name[: LONGEST_TITLE - 9].rstrip('-')}-{hashlib.sha256(rule.id.encode()).hexdigest()[:8]}"


def rule_sheet_title(rule: Rule, policy: Policy, lang: str) -> str:
    """Name of the sheet with all rows of a rule's table."""
    return (
        own_sheet_title(rule, lang)
        if has_own_sheet(rule, policy)
        else text(f"sheet.{kind_of(rule).sheet}.title", lang)
    )


def has_own_sheet(rule: Rule, policy: Policy) -> bool:
    """Whether a rule has a sheet of its own: its kind has no other, or that one is full with the first of the kind."""
    kind = kind_of(rule)
    first = next(other.id for other in policy.rules if other.kind == rule.kind)
    return not kind.sheet or (kind.sheet_of_first and rule.id != first)


def cell_value(value: Any, head: Head, lang: str) -> str | int | float | dt.date | None:
    """Return what a cell holds: a number, a date, a text; None where the value is missing."""
    if isinstance(value, (pd.Timestamp, dt.date)) and not pd.isna(value):
        return dt.date(value.year, value.month, value.day)
    value, column = plain(value), head.column
    if column.type == "bool":
        return shown(value, column, lang)
    if value is None or value == "":
        return None
    if column.type == "choice":
        return clean(shown(value, column, lang))
    if column.type in ("int", "float") and isinstance(value, (int, float)):
        # A limit from above is rounded up, which no number format does.
        return math.ceil(value * 1000 - 1e-9) / 1000 if column.unit == "bound" else value
    return clean(value)


def sheet_rows(sheet: Sheet, lang: str) -> list[list[str | int | float | dt.date | None]]:
    """All cells below the header."""
    frame = sheet.frame.reindex(columns=[h.name for h in sheet.heads]).head(MOST_ROWS)
    columns = [
        [_told(cell_value(v, head, lang), unit, lang) for v, unit in zip(frame[head.name].tolist(), units, strict=True)]
        for head in sheet.heads
        for units in [_units(sheet, head, len(frame))]
    ]  # fmt: skip
    return [list(row) for row in zip(*columns, strict=True)]


def _told(value: Any, unit: str, lang: str) -> Any:
    """Return a cell in its reader's unit."""
    return told(value, unit, lang) if isinstance(value, (int, float)) else value


def _units(sheet: Sheet, head: Head, n: int) -> list[str]:
    """Unit of each cell of a column, as the frame holds it."""
    return sheet.frame[head.unit_by].tolist()[:n] if head.unit_by else [head.column.unit] * n


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
    lang: str,
) -> None:
    """Write the cells below the header, each by the writer of its type: nothing is guessed from its text."""
    formats = [_number_formats(sheet, c, rows, lang) for c in range(len(sheet.heads))]
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


def _number_formats(sheet: Sheet, c: int, rows: Sequence[Sequence[Any]], lang: str) -> list[str]:
    """Excel's number format of each cell of a column: it shows what :func:`plugspan.schema.shown` says.

    Numbers of one unit have the same decimals down the column, as many as one of them needs.
    """
    head = sheet.heads[c]
    units = [told_unit(unit, lang) for unit in _units(sheet, head, len(rows))]
    cells = [(replace(head.column, unit=unit), row[c]) for unit, row in zip(units, rows, strict=True)]
    needed = [_decimals(column, value) for column, value in cells]
    most = {unit: max(n for u, n in zip(units, needed, strict=True) if u == unit) for unit in set(units)}
    return [
        _format(column, most[column.unit] if column.unit else n)
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
    return f"0{zeros}%" if column.unit in SHARES else f"#,##0{zeros}"


def placed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows with their positions as two columns; missing where there is none."""
    points = frame.geometry
    return pd.DataFrame(frame.drop(columns="geometry")).assign(lon=points.x.round(7), lat=points.y.round(7))
