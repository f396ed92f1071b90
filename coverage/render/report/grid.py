"""Tables of a Word document, as XML: how large they are set, how high they get, cells with their shades."""

from __future__ import annotations

import math
import re
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
KEEP_ROWS, KEEP_MM, END_ROWS = 12, 80.0, 3
"""Tables of so many rows, and no higher, stay on one page; longer ones begin with two, as more would leave the foot of
a page empty, and end with three: fewer look lost at the top of a page."""


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


ARIAL = {
    0.222: "ijl'|", 0.278: " !,./:;I[]ft", 0.333: "()-r", 0.5: "ckJsvxyz", 0.584: "+<=>~×≥≤", 0.611: "FTZ",
    0.667: "&ABEKPSVXY", 0.722: "CDHNRUw", 0.778: "GOQ", 0.833: "Mm", 0.889: "%", 0.944: "W", 1.0: "—…@",
}  # fmt: skip
LETTER_EM = {letter: em for em, letters in ARIAL.items() for letter in letters}
"""Widths of letters by their height, of Arial and of Liberation Sans, which stands for it; all others: 0.556."""
MM_PER_PT = 25.4 / 72
ROW_SPACE_MM = 2 * TOP_TWIPS / TWIPS_PER_MM + 0.5 * MM_PER_PT
"""Room above and below the lines of a row, and the line between rows."""
BOLD, WORD_MM, SHORT = 1.06, 34.0, 12
"""Bold letters are so much wider; no word asks for a wider column; numbers of so few letters don't break at spaces."""


def lines_in(words: str, width_mm: float, size_pt: float) -> int:
    """About how many lines a text takes: Chinese characters are as wide as high, others as in Arial.

    Lines break between words, and between Chinese characters; a word that is longer than a line breaks within.

    >>> lines_in("株洲市交通局", 20, 10), lines_in("Zhuzhou", 20, 10), lines_in("south of Zhuzhou", 16, 10)
    (2, 1, 2)
    """
    width = width_mm / (size_pt * MM_PER_PT)
    lines = 0
    for line in on_paper(words).split("\n"):
        lines, at = lines + 1, 0.0
        for word in _WORDS.findall(line):
            long = sum(map(_letter_em, word.rstrip(" ")))
            if at > 0 and at + long > width:
                lines, at = lines + 1, 0.0
            more = max(math.ceil((at + long) / width) - 1, 0)
            lines, at = lines + more, at + sum(map(_letter_em, word)) - more * width
    return lines


_WORDS = re.compile(r"(?:[\u2e80-\uffff]|[^ \u2e80-\uffff-]+-?|-) *| +")


def _letter_em(letter: str) -> float:
    """Width of a letter by its height."""
    return 1.0 if unicodedata.east_asian_width(letter) in "WF" else LETTER_EM.get(letter, 0.556)


def line_height(words: str) -> float:
    """How high a line is by the size of its letters, as in LibreOffice with the fonts it has on Linux.

    Lines with Chinese are higher; where it is a name here and there, these are some of the lines.
    """
    chinese = sum(unicodedata.east_asian_width(letter) in "WF" for letter in words)
    return 1.45 if chinese > len(words) / 4 else 1.3 if chinese else 1.15


def fitted(
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    widths_mm: Sequence[float],
    whole_mm: float,
    type_: Type,
) -> list[float]:
    """Return widths of columns that together are ``whole_mm``, shared out as wished but for long words.

    A column is as wide as its longest word, so that none breaks; what it takes is missing where there is most to spare.
    """
    wished = [width * whole_mm / sum(widths_mm) for width in widths_mm]
    least = [
        max(_cell_mm(cell, type_) for cell in column)
        for column in zip(header_row(heads, rows), *rows, strict=True)
    ]
    if sum(least) >= whole_mm:
        return [width * whole_mm / sum(least) for width in least]
    widths = [max(pair) for pair in zip(wished, least, strict=True)]
    spare = [width - low for width, low in zip(widths, least, strict=True)]
    share = (sum(widths) - whole_mm) / max(sum(spare), 1e-9)
    return [width - share * more for width, more in zip(widths, spare, strict=True)]


def _cell_mm(cell: Cell, type_: Type) -> float:
    size = min(SMALL.size_pt, type_.size_pt) if cell.small else type_.size_pt * (BOLD if cell.bold else 1.0)
    number = cell.right and cell.shade != "head" and len(cell.words) <= SHORT
    words = cell.words.replace(" ", "\u00a0") if number else cell.words
    return _word_mm(words, size)


def _word_mm(words: str, size_pt: float) -> float:
    """Width of a cell whose longest word just fits; between Chinese characters a line may break."""
    longest = max((sum(map(_letter_em, word)) for word in _BREAKS.split(on_paper(words))), default=0.0)
    return min(longest * size_pt * MM_PER_PT, WORD_MM) + 2 * SIDE_TWIPS / TWIPS_PER_MM + 0.3


_BREAKS = re.compile(r"[ \n\t]|(?<=-)|(?<=[\u2e80-\uffff])|(?=[\u2e80-\uffff])")


def row_mm(cells: Sequence[Cell], widths_mm: Sequence[float], type_: Type) -> float:
    """About how high a row gets."""
    high = 0.0
    for cell, width in zip(cells, widths_mm, strict=True):
        own = _type_of(cell, round(width * TWIPS_PER_MM), type_)
        inside = width - 2 * SIDE_TWIPS / TWIPS_PER_MM
        size = own.size_pt * (BOLD if cell.bold else 1.0)
        high = max(high, lines_in(cell.words, inside, size) * own.line_pt)
    return high * MM_PER_PT + ROW_SPACE_MM


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


def header_row(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[Cell]:
    """Return the header: at the right above numbers, small above ids."""
    right = [bool(rows) and all(row[c].right for row in rows) for c in range(len(heads))]
    small = [bool(rows) and all(row[c].small for row in rows) for c in range(len(heads))]
    return [
        Cell(words, right=at, shade="head", bold=True, small=ids)
        for words, at, ids in zip(heads, right, small, strict=True)
    ]


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
    twips = [round(width * TWIPS_PER_MM) for width in widths_mm]
    top = header_row(heads, rows)
    high = sum(row_mm(row, widths_mm, type_) for row in rows)
    whole, last = len(rows) <= KEEP_ROWS and high <= KEEP_MM, len(rows) - 1
    kept = [i < last and (whole or i == 0 or i > last - END_ROWS) for i in range(len(rows))]
    body = "".join(_row(row, twips, type_, keep=keep) for row, keep in zip(rows, kept, strict=True))
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
