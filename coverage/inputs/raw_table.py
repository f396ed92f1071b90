"""A table as its file has it: where its header stands, and what in it is no row (sums, footnotes, merged cells)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import geopandas as gpd
import pandas as pd

from ..errors import Fault, InputError
from ..schema import Column
from .cells import folded, is_missing
from .headers import Mapped, listed

HEADER_ROWS_SEARCHED = 10


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
        What was noticed on the way, and faults that don't keep the rest from being read.
    header_row : int
        Row of the header, as a spreadsheet shows it.
    spread : mapping
        (row number, column) -> value of the merged cell that covers this empty one.
    shown : mapping
        Of a native format, whose headers are our columns: column -> field of the file, for messages.
    factors : mapping
        Of a native format: column -> factor to our unit.
    datum : str
        Of the positions, as the format defines it; empty if it does not.
    each_point : bool
        Each row is a charge point: rows alike at one place are nothing odd.
    sites : mapping, optional
        Of a table that a run wrote of its inputs: row number -> site of the charger, empty for other tables.
    """

    file: str
    headers: list[str]
    rows: list[list[Any]]
    row_numbers: list[int]
    geometry: gpd.GeoSeries | None = None
    cut: bool = False
    notes: list[Fault] = field(default_factory=list)
    header_row: int = 1
    spread: Mapping[tuple[int, int], Any] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    datum: str = ""
    each_point: bool = False
    sites: Mapping[int, str] | None = None


def raw_from_frame(frame: pd.DataFrame, name: str) -> RawTable:
    """Return a frame as a table that is still to be checked: headers, cells, geometry; rows count from 1.

    Parameters
    ----------
    frame : DataFrame or GeoDataFrame
    name : str
        What messages call it.
    """
    geometry = frame.geometry if isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name else None
    cells = pd.DataFrame(frame.drop(columns=[] if geometry is None else [geometry.name])).astype(object)
    return RawTable(
        name,
        [str(header) for header in cells.columns],
        cells.where(cells.notna(), None).to_numpy(object).tolist(),
        list(range(1, len(cells) + 1)),
        None if geometry is None else geometry.reset_index(drop=True),
        header_row=0,
    )


def below_header(
    file: str, records: Sequence[Sequence[Any]], known: Callable[[str], bool], *, ragged: bool
) -> RawTable:
    """Split records into header and rows; blank rows are left out, ragged ones are faults.

    Raises
    ------
    InputError
        If there is no header.
    """
    at = header_row(records, known)
    header = _texts(records[at]) if records else []
    under = _second_header(header, _texts(records[at + 1]), known) if at + 1 < len(records) else None
    header = under or header
    while header and not header[-1]:
        header.pop()
    if not header:
        raise InputError(Fault("file-empty", file=file))
    faults, rows, numbers = [], [], []
    start = at + 1 + (under is not None)
    for number, record in enumerate(islice(records, start, None), start=start + 1):
        if all(blank(cell) for cell in record):
            continue
        if len(record) == len(header):
            rows.append(record if isinstance(record, list) else list(record))
            numbers.append(number)
            continue
        cells = list(record)
        beyond = [cell for cell in cells[len(header) :] if not blank(cell)]
        if beyond or (ragged and len(cells) < len(header)):
            values = {"found": len(cells), "expected": len(header)}
            faults.append(Fault("row-ragged", file=file, row=number, values=values))
            continue
        rows.append((cells + [None] * len(header))[: len(header)])
        numbers.append(number)
    return RawTable(file, header, rows, numbers, notes=faults, header_row=start)


def _texts(record: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell).strip() for cell in record]


def blank(cell: Any) -> bool:
    """Whether a cell holds nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def header_row(records: Sequence[Sequence[Any]], known: Callable[[str], bool]) -> int:
    """Return the first row that is not blank, or a later one of the first ten that names two more columns."""
    scores = []
    for row in records[:HEADER_ROWS_SEARCHED]:
        cells = [str(cell) for cell in row if not blank(cell)]
        scores.append(sum(map(known, cells)) if cells else -1)
    if not scores:
        return 0
    first = next((i for i, score in enumerate(scores) if score >= 0), 0)
    best = max(range(len(scores)), key=lambda i: (scores[i], -i))
    return best if scores[best] >= scores[first] + 2 else first


def _second_header(header: list[str], under: list[str], known: Callable[[str], bool]) -> list[str] | None:
    """Join a header of two rows (``位置`` above ``经度`` and ``纬度``), None if the second row is none.

    A second header row holds nothing but names of columns, one of them where the first row has none.
    """
    width = max(len(header), len(under))
    above, below = header + [""] * (width - len(header)), under + [""] * (width - len(under))
    named = [cell for cell in below if cell]
    if not named or not all(map(known, named)):
        return None
    if not any(b and not known(a) for a, b in zip(above, below, strict=True)):
        return None
    return [b if b and not known(a) else a for a, b in zip(above, below, strict=True)]


# -- what is no row: sums and footnotes ---------------------------------------------------------------


_SUMS = frozenset(
    ["合计", "总计", "小计", "共计", "累计", "本页小计", "total", "totals", "subtotal", "grandtotal", "sum"]
)
_FOOTNOTE = re.compile(
    r"(?:注|备注|说明|填表|制表|填报|审核|复核|数据来源|资料来源|来源|截至|截止|联系|note|source|remark|prepared)"
    r".*|[*＊※].*",
    re.IGNORECASE | re.DOTALL,
)
_POSITIONS = ("lon", "lat", "position")


def without_totals_and_footnotes(raw: RawTable, mapped: Sequence[Mapped]) -> tuple[RawTable, list[Fault]]:
    """Leave out rows of sums (合计, 小计) and footnotes below the table, and note which.

    A sum is a row whose first cell says so and that has no position; a footnote the only cell of a row
    below all others. Layers hold neither.
    """
    if raw.geometry is not None or not raw.rows:
        return raw, []
    places = [raw.headers.index(m.header) for m in mapped if m.column.name in _POSITIONS]
    sums = [i for i, row in enumerate(raw.rows) if _is_sum(row, places)]
    counted = set(sums)
    feet = []
    for i in range(len(raw.rows) - 1, -1, -1):
        if i not in counted and not _is_footnote(raw.rows[i]):
            break
        feet += [] if i in counted else [i]
    notes = []
    for key, found in (("rows-sums", sums), ("rows-footnotes", sorted(feet))):
        if found:
            rows = [raw.row_numbers[i] for i in found]
            values = {"n": len(rows), "rows": listed(rows, 20)}
            notes.append(Fault(key, file=raw.file, values=values, warning=True))
    gone = {*sums, *feet}
    if not gone:
        return raw, []
    keep = [i for i in range(len(raw.rows)) if i not in gone]
    left = replace(raw, rows=[raw.rows[i] for i in keep], row_numbers=[raw.row_numbers[i] for i in keep])
    return left, notes


def _word(cell: Any) -> str:
    if isinstance(cell, str) and cell.isascii():
        return "".join(cell.split()).replace(":", "").casefold()
    return re.sub(r"[\s:：]", "", folded(cell)).casefold()


def _is_sum(row: Sequence[Any], places: Sequence[int]) -> bool:
    if isinstance(row[0], str) and row[0][-1:].isdigit():
        return False
    first = next((cell for cell in row if not is_missing(cell)), None)
    if not isinstance(first, str) or _word(first) not in _SUMS:
        return False
    return all(is_missing(row[at]) or _word(row[at]) in _SUMS for at in places)


def _is_footnote(row: Sequence[Any]) -> bool:
    cells = [cell for cell in row if not is_missing(cell)]
    return len(row) > 1 and len(cells) == 1 and _FOOTNOTE.fullmatch(folded(cells[0])) is not None


def spreads(column: Column) -> bool:
    """Whether a merged cell counts for all rows it covers: words and places do, numbers and ids don't."""
    return column.name != "id" and (column.type not in ("int", "float") or column.unit == "°")


def merged_numbers(raw: RawTable, at: int, header: str) -> list[Fault]:
    """Note rows whose number stands in a cell merged with the one above: whose share it is, is not known."""
    rows = [
        number
        for row, number in zip(raw.rows, raw.row_numbers, strict=True)
        if is_missing(row[at]) and (number, at) in raw.spread and not is_missing(raw.spread[number, at])
    ]
    values = {"n": len(rows), "rows": listed(rows, 20)}
    return [Fault("merged-number", raw.file, column=header, values=values, warning=True)] if rows else []
