"""A table as its file has it, and where in it the header stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import geopandas as gpd
import pandas as pd

from ..errors import Fault, InputError

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
