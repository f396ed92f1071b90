"""One cell -> a value of its column's type, or a fault that says what to write instead."""

from __future__ import annotations

import datetime as dt
import math
import numbers
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

from ..schema import ABSENT, Column, TableSchema
from ..units import LEAST, MOST
from .headers import COUNT_WORDS, SCALES, UNIT_FACTORS

YES = frozenset(
    [
        "是",
        "有",
        "已配备",
        "已配",
        "配备",
        "具备",
        "已建",
        "y",
        "yes",
        "true",
        "t",
        "1",
        "1.0",
        "✓",
        "✔",
        "√",
        "☑",
        "对",
        "ja",
        "si",
        "oui",
    ]
)
NO = frozenset(
    [
        "否",
        "无",
        "没有",
        "未配备",
        "未配",
        "未建",
        "不具备",
        "n",
        "no",
        "false",
        "f",
        "0",
        "0.0",
        "✗",
        "✘",
        "×",
        "☐",
        "错",
        "nein",
        "non",
    ]
)
MISSING = frozenset(
    ["", "-", "--", "—", "——", "/", "\\", "?", "？", "未知", "不详", "空", "暂无", "待查", "不明", "未调查",
     "unknown", "n/a", "na", "nan", "null", "none", "nil", "#n/a", "nodata", "no data", "tbd",
     *ABSENT]
)  # fmt: skip
"""Spellings of "nobody knows", and the codes of our own layers for what a list doesn't say.

Excel's #N/A is one of them; other error values are faults.
"""

_NUMBER = re.compile(r"([+-]?(?:\d+(?:,\d+)*\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(.*)", re.DOTALL)
_BOUND = re.compile(
    r"(?:[≥≧≤≦><~≈约]=?|大于|小于|不小于|不大于|不低于|不高于|不超过|至少|最多|大约|近|"
    r"about|up to|at least|at most|ca\.?)\s*=?\s*([\d.,]+.*)",
    re.DOTALL | re.IGNORECASE,
)
_BOUND_END = re.compile(r"(?:及?以[上下]|左右|上下|多|余|\+|or more|or less)$")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_DECIMAL_DEGREES = re.compile(r"[+-]?[\d,]*\.?\d*(?:e[+-]?\d+)?\s*[°度]?", re.IGNORECASE)
_DEGREES = re.compile(
    r"""([NSEW东西南北])?\s*(\d{1,3}(?:\.\d+)?)\s*
        (?:[°度d:\s]\s*|(?=[NSEW东西南北]|$))
        (?:(\d{1,2}(?:\.\d+)?)\s*['′’分m:]?\s*)?
        (?:(\d{1,2}(?:\.\d+)?)\s*(?:"|″|”|''|秒|s)?\s*)?
        ([NSEW东西南北])?""",
    re.VERBOSE | re.IGNORECASE,
)
_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})\s*日?)?(?:[月\sT].*)?")
_MARK = re.compile(r"[A-Z]?K(\d{1,5}(?:\.\d+)?)(?:\s*\+\s*(\d{3}))?", re.IGNORECASE)
_EPOCH_EXCEL = dt.date(1899, 12, 30)


_ALWAYS = re.compile(
    r"24\s*[/x*]\s*7|(?:00?:00|0时)\s*[-–~至到]+\s*(?:24:00|23:59|24时)|24\s*(?:小时|h\b|hours)|全天",
    re.IGNORECASE,
)
_HOURS = re.compile(r"\d{1,2}[:：]\d\d")


class BadCellError(ValueError):
    """A cell that can't be read: the key of its fault and what to write instead."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


ERRORS = frozenset(["#ref!", "#div/0!", "#value!", "#name?", "#num!", "#null!", "#spill!", "#calc!"])
"""What spreadsheets show where a formula failed."""


def check_cell(cell: Any) -> None:
    """Refuse what is no content in any column: the error value of a formula.

    Raises
    ------
    BadCellError
    """
    if isinstance(cell, str) and cell.startswith("#") and cell.strip().casefold() in ERRORS:
        raise BadCellError("cell-error")


def folded(cell: Any) -> str:
    """Text of a cell: full-width folded to half-width, ends trimmed."""
    return unicodedata.normalize("NFKC", str(cell)).replace("\u200b", "").replace("\ufeff", "").strip()


def is_missing(cell: Any) -> bool:
    """Whether a cell says nothing: empty, NaN, or one of :data:`MISSING`."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return True
    if isinstance(cell, str) and cell.isascii():
        return cell.strip().casefold() in MISSING
    return folded(cell).casefold() in MISSING


def _typed_number(cell: Any) -> float | None:
    if isinstance(cell, bool):
        raise BadCellError("number-unreadable")
    if not isinstance(cell, numbers.Real) and not isinstance(cell, Decimal):
        return None
    try:
        return float(cell)
    except OverflowError:
        raise BadCellError("number-too-large") from None


@cache
def _unit(unit: str, column_unit: str) -> tuple[float, bool] | None:
    """Factor of what follows a number and whether it is a unit, None if it is nothing known."""
    unit = re.sub(r"\s", "", unit).casefold().rstrip(".")
    units = UNIT_FACTORS.get(column_unit, {})
    if not unit or (not column_unit and unit in COUNT_WORDS):
        return 1.0, False
    if unit in units:
        return units[unit], True
    for word in sorted(SCALES, key=len, reverse=True):
        rest = unit.removeprefix(word)
        if rest != unit and (not rest or rest in units or (not column_unit and rest in COUNT_WORDS)):
            return SCALES[word] * units.get(rest, 1.0), rest in units
    return None


def parse_number(cell: Any, column: Column, factor: float = 1.0) -> float:
    """Read a number: thousands separators, full-width digits and the column's own units are understood.

    Raises
    ------
    BadCellError
        If there is no number, a range, a decimal comma, an unknown unit, or a word for a number.
    """
    typed = _typed_number(cell)
    if typed is not None:
        return _sensible(typed * factor)
    written = folded(cell)
    match = _NUMBER.fullmatch(written.casefold())
    if match is None and (bound := _BOUND.fullmatch(written)):
        raise BadCellError("number-bound", write=bound[1])
    if match is None:
        word = _unit(written, column.unit)
        if word is not None and word[0] > 1.0:
            raise BadCellError("number-word", write=word[0])
        raise BadCellError("number-unreadable")
    digits, rest = match.groups()
    if "," in digits and not _THOUSANDS.fullmatch(digits.rstrip(".")):
        raise BadCellError("number-comma", write=digits.replace(",", "."))
    unit = _unit(rest.strip(), column.unit)
    if unit is None and rest.strip() == "%":
        raise BadCellError("number-percent")
    if unit is None and (end := _BOUND_END.search(rest.strip())):
        raise BadCellError("number-bound", write=digits + rest.strip()[: end.start()])
    if unit is None:
        raise BadCellError("number-trailing", rest=rest.strip()[:20], number=digits)
    scale, has_unit = unit
    value = float(digits.replace(",", "")) * scale * (1.0 if has_unit else factor)
    return _sensible(value)


def _sensible(value: float) -> float:
    """Refuse what no quantity is; what is left of a computation that gave nothing (1e-17) is nothing."""
    if abs(value) < LEAST:
        return 0.0
    if abs(value) > MOST and math.isfinite(value):
        raise BadCellError("number-too-large")
    if not math.isfinite(value):
        raise BadCellError("number-unreadable")
    return value


def parse_int(cell: Any, column: Column, factor: float = 1.0) -> int:
    """Read a whole number; see :func:`parse_number`."""
    value = parse_number(cell, column, factor)
    if abs(value - round(value)) > 1e-6:
        raise BadCellError("number-not-whole")
    return round(value)


def parse_mark(cell: Any, column: Column, factor: float = 1.0) -> float:
    """Read a kilometre mark: ``12.3``, ``K12+300``, ``K12.3``, ``12 km``."""
    match = _MARK.fullmatch(folded(cell)) if isinstance(cell, str) else None
    return (
        parse_number(cell, column, factor) if match is None else float(match[1]) + int(match[2] or 0) / 1000
    )


def parse_degrees(cell: Any, column: Column, factor: float = 1.0) -> float:
    """Read a longitude or latitude, decimal or in degrees, minutes and seconds (``54°57'01"N``).

    South and west are negative. A plain number may be in metres if the source's datum is a projected system.
    """
    if _typed_number(cell) is not None or _DECIMAL_DEGREES.fullmatch(folded(cell)):
        return parse_number(cell, column, factor)
    signs = str.maketrans({"″": '"', "′": "'", "´": "'", "º": "°", "˚": "°"})
    match = _DEGREES.fullmatch(folded(str(cell).translate(signs)))
    if match is None:
        raise BadCellError("degrees-unreadable")
    before, degrees, minutes, seconds, after = match.groups()
    if (before and after) or float(minutes or 0) >= 60 or float(seconds or 0) >= 60:
        raise BadCellError("degrees-unreadable")
    value = float(degrees) + float(minutes or 0) / 60 + float(seconds or 0) / 3600
    letter = (before or after or "").upper()
    if letter and (letter in "NS北南") != (column.name == "lat"):
        raise BadCellError("degrees-axis")
    return -value if letter in tuple("SW南西") else value


def parse_position(cell: Any, schema: TableSchema) -> tuple[float, float]:
    """Read longitude and latitude from one cell: ``113.15, 27.83``, ``(113.15 27.83)``, ``E113°09' N27°50'``.

    Raises
    ------
    BadCellError
        If there are not two coordinates.
    """
    written = folded(cell).strip("()[]{} ")
    parts = [part for part in re.split(r"[,;、/|]|(?<=[\d.])\s+(?=[+-]?\d+\.\d)", written) if part.strip()]
    if len(parts) != 2:
        raise BadCellError("degrees-unreadable")
    return parse_degrees(parts[0], schema["lon"]), parse_degrees(parts[1], schema["lat"])


def open_always(said: Any) -> bool | None:
    """Whether opening hours mean day and night, None if nobody can tell.

    Examples
    --------
    >>> open_always("周一至周日 00:00-24:00"), open_always("Mo-Fr 08:00-12:00"), open_always("见公告")
    (True, False, None)
    """
    words = str(said) if said is not None else ""
    return True if _ALWAYS.search(words) else False if _HOURS.search(words) else None


def parse_bool(cell: Any, column: Column, factor: float = 1.0) -> bool:
    """Read yes or no; "unknown" is missing and never gets here."""
    word = folded(cell).casefold()
    if isinstance(cell, bool):
        return cell
    if word in YES or word in NO:
        return word in YES
    if column.name == "open_24h" and (always := open_always(word)) is not None:
        return always
    raise BadCellError("bool-unreadable")


@cache
def _spellings(column: Column) -> dict[str, str]:
    table = {}
    for value, spellings in column.choices:
        for spelling in (value, *spellings):
            table[_loose(spelling)] = value
    return table


def _loose(word: str) -> str:
    return "".join(c for c in folded(word).casefold() if c.isalnum())


def parse_choice(cell: Any, column: Column, factor: float = 1.0) -> str:
    """Read one of the column's values, by any of its spellings."""
    try:
        return _spellings(column)[_loose(str(cell))]
    except KeyError:
        allowed = ", ".join(f"{v} ({s[0]})" if s else v for v, s in column.choices)
        raise BadCellError("choice-unknown", allowed=allowed) from None


def parse_date(cell: Any, column: Column, factor: float = 1.0) -> dt.date:
    """Read a date: ``2024-12-31``, ``2024/12/31``, ``2024年12月31日``, ``2024-12``, a year, a day number.

    Day numbers are those of Excel (days since 30 December 1899). Without a day or a month the first is meant.
    """
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    word = folded(cell)
    try:
        if re.fullmatch(r"(19|20)\d\d(年|\.0)?", word):
            return dt.date(int(word[:4]), 1, 1)
        if re.fullmatch(r"\d{5}(\.\d+)?", word):
            return _EPOCH_EXCEL + dt.timedelta(days=int(float(word)))
        if re.fullmatch(r"(19|20)\d{6}", word):
            return dt.date(int(word[:4]), int(word[4:6]), int(word[6:]))
        match = _DATE.fullmatch(word)
        if match is not None:
            year, month, day = match.groups()
            return dt.date(int(year), int(month), int(day or 1))
    except (ValueError, OverflowError):
        pass
    raise BadCellError("date-unreadable")


def parse_text(cell: Any, column: Column, factor: float = 1.0) -> str:
    """Text as it stands, ends trimmed; whole numbers without ``.0``. Nothing in it is ever evaluated."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


Parser = Callable[[Any, Column, float], Any]

_BY_TYPE: dict[str, Parser] = {
    "text": parse_text,
    "int": parse_int,
    "float": parse_number,
    "bool": parse_bool,
    "date": parse_date,
    "choice": parse_choice,
}


def parser(column: Column) -> Parser:
    """Return the function that reads cells of ``column``."""
    return {"°": parse_degrees, "km": parse_mark}.get(column.unit, _BY_TYPE[column.type])
