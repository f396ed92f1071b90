"""Tables of a Word document, written as XML in one piece: hundreds of cells cost no more than their text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from ...tables.table import clean

SHADES = {"good": "DCEBF6", "middle": "FDEDCB", "gap": "F6DCE1", "head": "E7ECF0", "soft": "F5F7F8"}
TWIPS_PER_MM = 1440 / 25.4
SIDE_TWIPS, TOP_TWIPS = 70, 30
"""Room inside a cell."""
SIZE_PT = 8.5
KEEP_ROWS = 12
"""Tables of so many rows stay on one page: each row is kept with the next."""
LINE = '<w:{side} w:val="single" w:sz="{size}" w:color="B5BDC4"/>'
BORDERS = "".join(
    LINE.format(side=side, size=size) for side, size in (("top", 8), ("bottom", 8), ("insideH", 4))
)
ROOM = "".join(
    f'<w:{side} w:w="{twips}" w:type="dxa"/>'
    for side, twips in (
        ("top", TOP_TWIPS),
        ("left", SIDE_TWIPS),
        ("bottom", TOP_TWIPS),
        ("right", SIDE_TWIPS),
    )
)


TURNS = dict.fromkeys([0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Marks that turn the direction of what follows: a name must not turn the sentence it stands in."""


def on_paper(words: object) -> str:
    """Text that XML can hold and that reads in the direction of the report.

    >>> on_paper("a" + chr(0x202E) + "b")
    'ab'
    """
    return clean(words).translate(TURNS)


@dataclass(frozen=True)
class Cell:
    """A table cell: its text, how it is aligned, and the shade behind it (a key of ``SHADES``)."""

    words: str
    right: bool = False
    shade: str = ""
    bold: bool = False


def table_element(heads: Sequence[str], rows: Sequence[Sequence[Cell]], widths_mm: Sequence[float]) -> Any:
    """Return a table as an XML element: header repeated on every page, no row broken, thin lines between rows.

    Parameters
    ----------
    heads : sequence of str
        Above a column of numbers a header stands at the right, as they do.
    rows : sequence of sequences of Cell
    widths_mm : sequence of float
        Of the columns.
    """
    right = [bool(rows) and all(row[c].right for row in rows) for c in range(len(heads))]
    twips = [round(width * TWIPS_PER_MM) for width in widths_mm]
    top = [Cell(words, right=at, shade="head", bold=True) for words, at in zip(heads, right, strict=True)]
    keep = len(rows) <= KEEP_ROWS
    body = "".join(_row(row, twips, keep=keep and i < len(rows) - 1) for i, row in enumerate(rows))
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in twips)
    return parse_xml(
        f"<w:tbl {nsdecls('w')}><w:tblPr><w:tblW w:w='{sum(twips)}' w:type='dxa'/><w:jc w:val='center'/>"
        f"<w:tblBorders>{BORDERS}</w:tblBorders><w:tblLayout w:type='fixed'/><w:tblCellMar>{ROOM}</w:tblCellMar>"
        f"<w:tblLook w:val='0020' w:firstRow='1'/></w:tblPr><w:tblGrid>{grid}</w:tblGrid>"
        f"{_row(top, twips, header=True, keep=True)}{body}</w:tbl>"
    )


def _row(cells: Sequence[Cell], twips: Iterable[int], *, header: bool = False, keep: bool = False) -> str:
    options = "<w:cantSplit/>" + ("<w:tblHeader/>" if header else "")
    inside = "".join(_cell(cell, width, keep=keep) for cell, width in zip(cells, twips, strict=True))
    return f"<w:tr><w:trPr>{options}</w:trPr>{inside}</w:tr>"


def _cell(cell: Cell, width: int, *, keep: bool) -> str:
    shade = f'<w:shd w:val="clear" w:color="auto" w:fill="{SHADES[cell.shade]}"/>' if cell.shade else ""
    paragraph = ("<w:keepNext/>" if keep else "") + '<w:spacing w:before="0" w:after="0"/>'
    paragraph += '<w:jc w:val="right"/>' if cell.right else ""
    size = f'<w:sz w:val="{SIZE_PT * 2:g}"/><w:szCs w:val="{SIZE_PT * 2:g}"/>'
    look = ("<w:b/>" if cell.bold else "") + size
    return (
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{shade}</w:tcPr><w:p><w:pPr>{paragraph}</w:pPr>'
        f"<w:r><w:rPr>{look}</w:rPr>{_words(cell.words)}</w:r></w:p></w:tc>"
    )


def _words(words: str) -> str:
    """Text of a run; a line break in it breaks the line."""
    lines = (escape(line.replace("\t", " ")) for line in on_paper(words).split("\n"))
    return "<w:br/>".join(f'<w:t xml:space="preserve">{line}</w:t>' for line in lines)
