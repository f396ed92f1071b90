"""Tables as data: one description of each column feeds reading, docs, popups, aliases, headers and every shown figure.

A column name means the same thing in every table it appears in. Its label and meaning stand in the text
catalogue (``column.NAME`` and ``meaning.NAME``); its type, unit and decimals here, once. :func:`shown` is the only
place where a value becomes the words a person reads.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Literal, Protocol, Self, TypeVar

import numpy as np
import pandas as pd

from .column_names import CHOICES, COUNTS, EMPTY, FLAGS, NUMBERS, TEXTS
from .texts import catalogue, text
from .units import KM_PER_MILE

ABSENT = (
    "not_applicable",
    "not_counted",
    "not_reached",
    "operational_by_default",
    "outside",
    "none",
    "to_be_named",
)
"""Why a cell may be empty though nothing is unknown; ``none`` is said in words, the others are codes in files."""
Frame = TypeVar("Frame", bound=pd.DataFrame)
ColumnType = Literal["text", "int", "float", "bool", "date", "choice"]
FRICTIONLESS_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "date": "date"}
"""As data packages call the types; the others are strings."""


@dataclass(frozen=True)
class Form:
    """How numbers in a unit are written: so many decimals, always (``fixed``) or no zeros at the end; ``grouped``."""

    decimals: int
    fixed: bool = False
    grouped: bool = True


FORMS: Mapping[str, Form] = {
    "km": Form(1, fixed=True), "mi": Form(1, fixed=True), "m": Form(0), "ft": Form(0), "m²": Form(0), "t": Form(1),
    "kW": Form(1), "kWh": Form(0), "MWh": Form(1), "h": Form(1), "°": Form(5, fixed=True), "%": Form(1),
    "min": Form(0), "ratio": Form(3, fixed=True), "year": Form(0, grouped=False),
}  # fmt: skip
"""By unit. Others have as many decimals as their size asks for: none from 1000 on, one from 100 on, else two."""
SHARES = ("share", "bound", "margin")
"""Shares of 1, shown in per cent: as they are, rounded up (a gap that is proven), as a difference in points."""
NO_UNIT = frozenset({"", "ratio", "demand", "money", "year", *SHARES})
"""Units that no header names. ``demand`` is people or kilometres (:func:`of_objective`), ``money`` is in the
unit of the table of costs (:func:`in_currency`). A ``year`` is written as it is, without a comma."""


LengthUnit = Literal["km", "mi"]
"""The unit of lengths for a reader; the policy says which (``lengths`` of its profile)."""
READERS_UNITS: Mapping[tuple[str, str], tuple[str, float]] = {
    ("mi", "km"): ("mi", KM_PER_MILE),
    ("mi", "m"): ("ft", 0.3048),
}
"""By the reader's unit and that of a column: the unit shown instead, and how much of the column's it is."""


class Waymarks(Protocol):
    """What is known of places along the roads of a study; :mod:`plugspan.waymarks` makes words of it."""

    named: dict[str, tuple[float, str, int, str]]
    """Names that were given: kilometre, route, section and direction of each."""

    def posted(self, ref: str, section: int | None) -> bool:
        """Whether the kilometres of a section (None: of all sections) are those of given posts."""

    def beside(self, ref: str, section: int, direction: str, at_m: Any) -> Sequence[Any]:
        """Name the nearest place for each chainage: name, side of the compass, metres along the road; or None."""


class Reader(str):
    """The language of a reader, with the unit of lengths and what is known of the roads that are spoken of.

    It stands wherever a language does.

    Files keep kilometres and metres, as the names of their columns say; only what is put in words, and the cells of
    the workbook, are in the reader's unit.
    """

    lengths: LengthUnit
    waymarks: Waymarks | None

    def __new__(cls, lang: str, lengths: LengthUnit, waymarks: Waymarks | None = None) -> Self:
        """Take the language as the text itself."""
        reader = super().__new__(cls, lang)
        reader.lengths, reader.waymarks = lengths, waymarks
        return reader


def in_language(lang: str, other: str) -> Reader:
    """Return the same reader with another language."""
    return Reader(other, length_unit(lang), lang.waymarks if isinstance(lang, Reader) else None)


def length_unit(lang: str) -> LengthUnit:
    """Return the unit that lengths are shown in: kilometres unless a reader wants others."""
    return lang.lengths if isinstance(lang, Reader) else "km"


def readers_unit(unit: str, lang: str) -> str:
    """Return the unit that stands in the place of a unit for a reader."""
    return READERS_UNITS.get((length_unit(lang), unit), (unit, 1.0))[0]


def in_readers_unit(value: float, unit: str, lang: str) -> float:
    """Return a number in its reader's unit: 80.4672 km are 50 mi."""
    each = READERS_UNITS.get((length_unit(lang), unit))
    return value if each is None else round(value / each[1], 9)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        ASCII snake case, with the unit as suffix (``length_km``, ``power_kw``).
    type : str
        ``"text"``, ``"int"``, ``"float"``, ``"bool"`` (missing = unknown), ``"date"``, ``"choice"``.
    unit : str
        Unit as shown (``"km"``, ``"kW"``, ``"t"``), ``"share"`` of 1, ``"bound"`` or ``"margin"``; empty if none.
    required : bool
        Whether a file without the column is refused. Single cells may still be missing.
    aliases : tuple of str
        Other headers a file may use, Chinese or English; compared without case, spaces and punctuation.
    choices : dict
        For ``"choice"``: value -> spellings that mean it. Labels are ``choice.COLUMN.VALUE`` in the texts.
    form : Form, optional
        Decimals, if they are not those of the unit.
    labels : str
        Column whose choices this one has, if not its own.
    absent : str
        What an empty cell is where it is not unknown, one of :data:`ABSENT`; files have the code in its place, or
        beside a number in the column ``state``.
    absent_if : (str, tuple of str)
        Column that says which empty cells those are, and its values, None for an empty one; no values: any that is
        known. Without a name all.
    state : str
        Of a number with ``absent``: the column beside it that says whether it is known, and if not, why.
    """

    name: str
    type: ColumnType = "text"
    unit: str = ""
    required: bool = False
    aliases: tuple[str, ...] = ()
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()
    form: Form | None = None
    labels: str = ""
    absent: str = ""
    absent_if: tuple[str, tuple[object, ...]] = ("", ())
    state: str = ""

    def label(self, lang: str) -> str:
        """Return the header a person reads, with the unit in brackets."""
        label = text(f"column.{self.name}", lang)
        unit = self.unit_words(lang)
        return f"{label} ({unit})" if unit else label

    def unit_words(self, lang: str) -> str:
        """Return the unit as it stands behind a number, empty where there is none."""
        return "" if self.unit in NO_UNIT else unit_words(readers_unit(self.unit, lang), lang)

    def meaning(self, lang: str) -> str:
        """One sentence on what the column holds, and what an empty cell means if not unknown."""
        said = text(f"meaning.{self.name}", lang)
        if not self.absent or self.absent == "none":
            return said
        word, key = text(f"absent.{self.absent}", lang), "column" if self.state else "code"
        values = {"meaning": said.rstrip(".。"), "word": word, "code": self.absent, "column": self.state}
        return text(f"absent.in-{key}", lang, **values)


@dataclass(frozen=True)
class TableSchema:
    """The columns of one table, in order.

    Attributes
    ----------
    name : str
        Name of the table; ids that are missing are made from it.
    columns : tuple of Column
        In the order they are shown.
    geometry : str
        ``"point"`` (every row must have a position), ``"optional point"``, ``"area"`` (a polygon, may be
        missing), ``"line"`` (likewise) or ``"none"``.
    """

    name: str
    columns: tuple[Column, ...]
    geometry: Literal["point", "optional point", "area", "line", "none"] = "none"

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [c.name for c in self.columns]


# -- the registry ----------------------------------------------------------------------------------------


_STATES = (
    " ".join(dict.fromkeys(state for _, state, _, _ in EMPTY if state))
    + " length_state chainage_state points_state point_kw_state"
)


def _named(names: str, kind: ColumnType, unit: str = "", **more: Any) -> dict[str, Column]:
    return {name: Column(name, kind, unit, **more) for name in names.split()}


COLUMNS: dict[str, Column] = {
    **_named(TEXTS, "text"),
    **_named(CHOICES, "choice"),
    **_named("first second", "choice", labels="aim"),
    **_named("connected_status", "choice", labels="has"),
    **_named(FLAGS, "bool"),
    **_named("by arrived valid_from valid_to", "date"),
    **_named(COUNTS, "int"),
    **_named("stage_year", "int", "year"),
    **{
        name: found for unit, names in NUMBERS.items() for name, found in _named(names, "float", unit).items()
    },
    **_named("distance_km back_km straight_km", "float", "km", form=Form(2, fixed=True)),
    **_named("span_km", "float", "km", form=Form(1)),
    **_named(_STATES, "choice", labels="state"),
}
"""Every column that is shown, by its name. Input tables add their aliases: :mod:`plugspan.inputs.schemas`."""
for _code, _state, _where, _names in EMPTY:
    COLUMNS |= {n: replace(COLUMNS[n], absent=_code, state=_state, absent_if=_where) for n in _names.split()}


def column(name: str, **more: Any) -> Column:
    """Return a column of the registry, with what a table adds to it (``required``, ``aliases``, ``unit`` …).

    Raises
    ------
    KeyError
        If it is not in the registry.
    """
    return replace(COLUMNS[name], **more) if more else COLUMNS[name]


def add_columns(columns: Iterable[Column]) -> None:
    """Add columns from elsewhere to the registry; their labels and meanings stand in the catalogue already.

    Raises
    ------
    ValueError
        If another column of that name is there.
    """
    for each in columns:
        if COLUMNS.setdefault(each.name, each) != each:
            raise ValueError(f"column {each.name!r} is taken")


def columns(names: str) -> tuple[Column, ...]:
    """Return columns of the registry by their names, separated by blanks."""
    return tuple(COLUMNS[name] for name in names.split())


SITE_ID, ACTION_ID = {"id": "site_id"}, {"id": "action_id"}
"""How ``id`` is called in all outputs where the rows are places that are there, and where they are what may be done."""
UNIT_SUFFIXES = {"_m": "m", "_km": "km", "_kw": "kW", "_kwh": "kWh", "_t": "t", "_h": "h", "_s": "s"}


def with_units(frame: Frame, currency: str = "") -> Frame:
    """Return the frame with the units of its columns in ``attrs["units"]``: those of the registry, or of the name."""
    units = {}
    for name in map(str, frame.columns):
        unit = COLUMNS[name].unit if name in COLUMNS else ""
        unit = currency if unit == "money" else unit
        unit = unit or next((u for end, u in UNIT_SUFFIXES.items() if name.endswith(end)), "")
        if unit:
            units[name] = unit
    found: Frame = frame.copy(deep=False)
    found.attrs["units"] = units
    return found


OBJECTIVE_UNITS: Mapping[str, str] = {"people": "people", "highway": "km"}
"""What the siting's demand is counted in, where it is shown (the solver counts metres of highway)."""


def of_objective(column: Column, objective: str) -> Column:
    """Give an amount of demand the unit that the siting's objective counts in."""
    return replace(column, unit=OBJECTIVE_UNITS[objective]) if column.unit == "demand" else column


def in_currency(column: Column, currency: str) -> Column:
    """Give money the unit of the table of costs; small sums keep two decimals, sums of a plan add up as shown."""
    return replace(column, unit=currency, form=Form(2)) if column.unit == "money" else column


# -- values as words -------------------------------------------------------------------------------------


def shown(value: Any, column: Column, lang: str, *, unit: bool = False) -> str:
    """Return a value as a person reads it, the same on every surface.

    Numbers have the decimals of their column, rounded half up, thousands set apart. What is missing is said to be
    missing, never shown as 0 or empty.

    Examples
    --------
    >>> shown(59.76, COLUMNS["length_km"], "en", unit=True), shown(0.9999, COLUMNS["share"], "en")
    ('59.8 km', '99.99%')
    """
    if is_missing(value):
        known = column.absent and not column.absent_if[0]
        return text(f"absent.{column.absent}" if known else "value.unknown", lang)
    if column.type == "bool":
        return text("value.yes" if value else "value.no", lang)
    if column.type == "choice":
        key = f"choice.{column.labels or column.name}.{value}"
        key = f"absent.{value}" if value == column.absent else key
        return text(key, lang) if key in catalogue() else str(value)
    if isinstance(value, dt.date):
        return day(value, lang)
    if column.type not in ("int", "float") or isinstance(value, str):
        return str(value)
    number = float(value)
    if column.unit in SHARES:
        return {"share": percent, "bound": at_most}.get(column.unit, lambda x: points(x, lang))(number)
    number = in_readers_unit(number, column.unit, lang)
    words = decimal(number, form_of(number, replace(column, unit=readers_unit(column.unit, lang))))
    behind = column.unit_words(lang) if unit else ""
    return f"{words}{'' if behind == '%' else ' '}{behind}" if behind else words


@dataclass(frozen=True)
class Length:
    """A limit that a message names, in its reader's unit."""

    km: float

    def render(self, lang: str) -> str:
        """Return it with its unit."""
        return shown(self.km, COLUMNS["span_km"], lang, unit=True)


def form_of(value: float, column: Column) -> Form:
    """How a number of a column is written."""
    if column.type == "int":
        return FORMS["year"] if column.unit == "year" else Form(0)
    by_size = Form(0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2)
    return column.form or FORMS.get(column.unit, by_size)


def unit_words(unit: str, lang: str) -> str:
    """Return a unit in words, if its language has any: ``people`` is 人."""
    return text(f"unit.{unit}", lang) if f"unit.{unit}" in catalogue() else unit


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing."""
    found: Any = pd.isna(value)
    return found is True or (isinstance(found, np.bool_) and bool(found))


def decimal(value: float, form: Form) -> str:
    """A number with its decimals, rounded half up as spreadsheets do, thousands set apart.

    >>> decimal(1234.25, Form(1)), decimal(40.0, Form(1)), decimal(40.0, Form(1, fixed=True))
    ('1,234.3', '40', '40.0')
    """
    if not math.isfinite(value):
        return str(value)
    exact = Decimal(repr(float(value))).quantize(
        Decimal(1).scaleb(-form.decimals), ROUND_HALF_UP, Context(prec=400)
    )
    words = f"{exact + 0:,f}" if form.grouped else f"{exact + 0:f}"
    return words if form.fixed or "." not in words else words.rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """``0.6667`` -> ``66.7%``; with as many decimals as keep it from reading 100 % or 0 % where it is not.

    >>> percent(0.9999), percent(1.0)
    ('99.99%', '100%')
    """
    for decimals in range(1, 8):
        words = decimal(share * 100.0, Form(decimals))
        if (words != "100" or share >= 1 - 1e-9) and (words != "0" or share <= 1e-9):
            break
    return f"{words}%"


def at_most(share: float) -> str:
    """Write a share that is a limit from above: rounded up, never down; a dash if there is none.

    >>> at_most(0.0021), at_most(0.0)
    ('0.3%', '0%')
    """
    if not math.isfinite(share):
        return "–"
    return f"{math.ceil(max(share, 0.0) * 1000 - 1e-9) / 10:g}%"


def points(margin: float, lang: str) -> str:
    """A difference of shares, in percentage points: 0.095 is +9.5 pp."""
    words = decimal(margin * 100.0, Form(1, fixed=True))
    return text("number.points", lang, value=words if words.startswith("-") else f"+{words}")


def day(date: dt.date, lang: str) -> str:
    """A date in words, so that nobody takes the day for the month.

    >>> day(dt.date(2025, 6, 30), "en"), day(dt.date(2025, 6, 30), "zh")
    ('30 June 2025', '2025年6月30日')
    """
    name = text(f"number.month-{date.month}", lang)
    return text("number.day", lang, year=date.year, month=name, day=date.day)
