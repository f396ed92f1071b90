"""Tables of a Word document, as XML: how large they are set, how high they get, cells with their shades."""

from __future__ import annotations

import math
import unicodedata
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
KEEP_ROWS, KEEP_MM = 5, 50.0
"""Tables of so many rows, and no higher, stay on one page; longer ones begin with two: more would leave the foot of a
page empty."""


@dataclass(frozen=True)
class Type:
    """How large a table is set: letters and lines in points."""

    size_pt: float
    line_pt: float


NORMAL, BRIEF, COMPACT, SMALL = Type(8.5, 11.0), Type(7.5, 9.6), Type(7.0, 8.8), Type(6.5, 7.8)
"""Tables in the text, of page 1, lists in full, and ids in them. Lines are exact: fonts for Chinese would take half
as much again."""
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


NARROW, WIDE = " .,;:'|!ijlrItf()-/", "mwMW%—"
MM_PER_PT = 25.4 / 72
ROW_SPACE_MM = 2 * TOP_TWIPS / TWIPS_PER_MM


def lines_in(words: str, width_mm: float, size_pt: float) -> int:
    """About how many lines a text takes: Chinese characters are as wide as high, others as in a wide Arial.

    >>> lines_in("株洲市交通局", 20, 10), lines_in("Zhuzhou", 20, 10)
    (2, 1)
    """
    em = size_pt * MM_PER_PT
    widths = (sum(map(_letter_em, line)) * em for line in on_paper(words).split("\n"))
    return sum(max(math.ceil(width / width_mm), 1) for width in widths)


def _letter_em(letter: str) -> float:
    """Width of a letter by its height: Arial's, and a twelfth for fonts that stand for it."""
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 1.08 * (
        0.33 if letter in NARROW else 0.86 if letter in WIDE else 0.7 if letter.isupper() else 0.54
    )


def row_mm(cells: Sequence[str], widths_mm: Sequence[float], type_: Type) -> float:
    """About how high a row with these texts gets."""
    inside = (width - 2 * SIDE_TWIPS / TWIPS_PER_MM for width in widths_mm)
    lines = max(lines_in(words, width, type_.size_pt) for words, width in zip(cells, inside, strict=True))
    return lines * type_.line_pt * MM_PER_PT + ROW_SPACE_MM


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
    """A table cell: its text, how it is aligned, the shade behind it (a key of ``SHADES``), and whether it is an id."""

    words: str
    right: bool = False
    shade: str = ""
    bold: bool = False
    small: bool = False


def table_element(
    heads: Sequence[str], rows: Sequence[Sequence[Cell]], widths_mm: Sequence[float], type_: Type = NORMAL
) -> Any:
    """Return a table as an XML element: header repeated on every page, no row broken, thin lines between rows.

    Parameters
    ----------
    heads : sequence of str
        Above a column of numbers a header stands at the right, as they do.
    rows : sequence of sequences of Cell
    widths_mm : sequence of float
        Of the columns.
    type_ : Type
    """
    right = [bool(rows) and all(row[c].right for row in rows) for c in range(len(heads))]
    twips = [round(width * TWIPS_PER_MM) for width in widths_mm]
    small = [bool(rows) and all(row[c].small for row in rows) for c in range(len(heads))]
    top = [
        Cell(words, right=at, shade="head", bold=True, small=ids)
        for words, at, ids in zip(heads, right, small, strict=True)
    ]
    high = sum(row_mm([cell.words for cell in row], widths_mm, type_) for row in rows)
    kept = (len(rows) if len(rows) <= KEEP_ROWS and high <= KEEP_MM else 2) - 1
    body = "".join(_row(row, twips, type_, keep=i < kept) for i, row in enumerate(rows))
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in twips)
    return parse_xml(
        f"<w:tbl {nsdecls('w')}><w:tblPr><w:tblW w:w='{sum(twips)}' w:type='dxa'/><w:jc w:val='center'/>"
        f"<w:tblBorders>{BORDERS}</w:tblBorders><w:tblLayout w:type='fixed'/><w:tblCellMar>{ROOM}</w:tblCellMar>"
        f"<w:tblLook w:val='0020' w:firstRow='1'/></w:tblPr><w:tblGrid>{grid}</w:tblGrid>"
        f"{_row(top, twips, type_, header=True, keep=True)}{body}</w:tbl>"
    )


def _row(
    cells: Sequence[Cell], twips: Iterable[int], type_: Type, *, header: bool = False, keep: bool = False
) -> str:
    options = "<w:cantSplit/>" + ("<w:tblHeader/>" if header else "")
    inside = "".join(_cell(cell, width, type_, keep=keep) for cell, width in zip(cells, twips, strict=True))
    return f"<w:tr><w:trPr>{options}</w:trPr>{inside}</w:tr>"


def _cell(cell: Cell, width: int, type_: Type, *, keep: bool) -> str:
    shade = f'<w:shd w:val="clear" w:color="auto" w:fill="{SHADES[cell.shade]}"/>' if cell.shade else ""
    type_ = _type_of(cell, width, type_)
    line = f'w:line="{type_.line_pt * 20:g}" w:lineRule="exact"'
    paragraph = ("<w:keepNext/>" if keep else "") + f'<w:spacing w:before="0" w:after="0" {line}/>'
    paragraph += '<w:jc w:val="right"/>' if cell.right else ""
    size = f'<w:sz w:val="{type_.size_pt * 2:g}"/><w:szCs w:val="{type_.size_pt * 2:g}"/>'
    look = ("<w:b/>" if cell.bold else "") + size
    return (
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{shade}</w:tcPr><w:p><w:pPr>{paragraph}</w:pPr>'
        f"<w:r><w:rPr>{look}</w:rPr>{_words(cell.words)}</w:r></w:p></w:tc>"
    )


def _type_of(cell: Cell, width: int, type_: Type) -> Type:
    """Ids are set small: on the line of their row, or on closer ones if they take several."""
    if not cell.small:
        return type_
    size = min(SMALL.size_pt, type_.size_pt)
    one = lines_in(cell.words, (width - 2 * SIDE_TWIPS) / TWIPS_PER_MM, size) == 1
    return Type(size, type_.line_pt if one else SMALL.line_pt)


def _words(words: str) -> str:
    """Text of a run; a line break in it breaks the line."""
    lines = (escape(line.replace("\t", " ")) for line in on_paper(words).split("\n"))
    return "<w:br/>".join(f'<w:t xml:space="preserve">{line}</w:t>' for line in lines)
