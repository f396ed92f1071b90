"""What stands in a table and is no row of it: sums, footnotes; and numbers that a merged cell holds once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..errors import Fault
from ..schema import Column
from .cells import folded, is_missing
from .headers import Mapped, listed
from .raw_table import RawTable

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
