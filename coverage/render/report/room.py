"""How much room things take on a page of the report, estimated before they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...tables.summary import width
from ...texts import text
from .table import Cell

MM_PER_PT = 25.4 / 72
LINE = 1.4
"""Height of a line by the size of its letters, as the taller of the usual fonts have it."""
BODY_PT, BODY_AFTER_PT, TABLE_PT, CAPTION_MM, CELL_MM = 10.5, 6.0, 8.5, 8.0, 4.0
"""Of running text and tables; ``CELL_MM`` is the room a cell keeps at its sides and a bit more."""


def text_mm(words: str, text_width_mm: float, lang: str) -> float:
    """Height of a paragraph of running text."""
    lines = _lines(words, BODY_PT, text_width_mm)
    line = float(text("language.line-height", lang)) * float(text("language.line-spacing", lang))
    return (lines * BODY_PT * line + BODY_AFTER_PT) * MM_PER_PT


def heading_mm(words: str, size_pt: float, around_pt: float, text_width_mm: float) -> float:
    """Height of a heading with the space around it."""
    return (_lines(words, size_pt * 1.1, text_width_mm) * size_pt * LINE + around_pt) * MM_PER_PT


def rows_mm(heads: Sequence[str], rows: Sequence[Sequence[Cell]], widths_mm: Sequence[float]) -> list[float]:
    """Height of the header with the caption, then of each row; ``widths_mm`` are those on the page."""
    top = _row_mm(heads, widths_mm, TABLE_PT * 1.08) + CAPTION_MM
    return [top, *(_row_mm([cell.words for cell in row], widths_mm, TABLE_PT) for row in rows)]


def fitting(heights_mm: Sequence[float], room_mm: float) -> int:
    """How many rows fit below their header; ``heights_mm`` as of :func:`rows_mm`."""
    left, n = room_mm - heights_mm[0], 0
    for height in heights_mm[1:]:
        left -= height
        if left < 0:
            break
        n += 1
    return n


def _row_mm(words: Sequence[str], widths_mm: Sequence[float], size_pt: float) -> float:
    lines = max(
        (_lines(word, size_pt, w - CELL_MM) for word, w in zip(words, widths_mm, strict=True)), default=1
    )
    return lines * size_pt * LINE * MM_PER_PT + 1.1


def _lines(words: str, size_pt: float, width_mm: float) -> int:
    """Lines that a text takes: a Chinese character is a square, others a bit more than half of one."""
    columns = max(width_mm / MM_PER_PT / (size_pt * 0.53), 1.0)
    return sum(max(1, math.ceil(width(line) / columns)) for line in words.split("\n"))
