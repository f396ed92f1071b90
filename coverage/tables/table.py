"""A named table of the plan: a frame, the columns that are shown, what is marked. All renderers take these."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from ..markup import clean_text, clean_xml
from ..rules.kind import kind_of
from ..rules.model import Rule
from ..rules.policy import Policy
from ..schema import COLUMNS, Column, Frame, columns, in_currency, of_objective, shown
from ..texts import text
from .numbers import plain

LONGEST_TITLE = 31
"""Characters of a sheet's name at most."""

LONGEST = 16_000
"""Characters of a cell at most (Excel: 32 767 UTF-16 units)."""


def clean(value: object) -> str:
    """Text that XML can hold: what it forbids becomes U+FFFD, what is too long is cut and says so.

    >>> clean("a" + chr(1) + "b")
    'a\ufffdb'
    """
    shown = clean_xml(clean_text(value)).replace("\r\n", "\n").replace("\r", "\n")
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def capital(label: str) -> str:
    """Begin a header with a capital letter, as the others do.

    >>> capital("mean gap (km)"), capital("kW per EV")
    ('Mean gap (km)', 'kW per EV')
    """
    return label if label[1:2].isupper() else label[:1].upper() + label[1:]


@dataclass(frozen=True)
class Head:
    """A column of a sheet: where its values are, what stands above it, how they are written.

    ``unit_by`` names a column of the frame that holds each row's own unit; ``width`` is its share of a page's width,
    where the table has a place of its own on paper. ``rule`` is the id of the rule that measures it, if the
    columns of a table are of several.
    """

    name: str
    label: str
    column: Column
    meaning: str = ""
    unit_by: str = ""
    width: float = 0.0
    rule: str = ""

    @classmethod
    def of(
        cls,
        column: Column,
        lang: str,
        *,
        prefix: str = "",
        name: str = "",
        width: float = 0.0,
        rule: str = "",
    ) -> Head:
        """Head of a column, labelled as maps and layers label it."""
        label = capital(prefix + column.label(lang))
        return cls(name or column.name, label, column, column.meaning(lang), width=width, rule=rule)


def heads(
    names: str | Iterable[Column], lang: str, objective: str = "", currency: str = ""
) -> tuple[Head, ...]:
    """Heads of columns, or of names in the registry.

    Amounts of demand are in the unit of the siting's ``objective``, money is in that of the table of costs.
    """
    found = columns(names) if isinstance(names, str) else names
    found = (of_objective(each, objective) if objective else each for each in found)
    return tuple(Head.of(in_currency(each, currency), lang) for each in found)


def labelled(prefix: str, names: Mapping[str, Column], lang: str) -> tuple[Head, ...]:
    """Heads with texts of their own above them: ``PREFIX.NAME`` of the catalogue, and the unit of their column."""
    found = []
    for name, each in names.items():
        label, unit = capital(text(f"{prefix}.{name}", lang)), each.unit_words(lang)
        found.append(Head(name, f"{label} ({unit})" if unit else label, each))
    return tuple(found)


@dataclass(frozen=True)
class Subtotal:
    """Number or sum of the cells of a column of another sheet that its filter leaves."""

    what: Literal["count", "sum"]
    table: str
    column: str


@dataclass(frozen=True, eq=False)
class Table:
    """A table of the plan, for all outputs.

    Attributes
    ----------
    name : str
        Its name among the tables of the plan; title and note of its sheet are the texts ``sheet.NAME``.
    rule : Rule, optional
        The rule whose sheet it is, if it is the sheet of one: it bears the rule's id.
    heads : tuple of Head
    frame : DataFrame
        A row each, codes and numbers; what is missing is missing. ``attrs["units"]`` has the units of its columns.
    looks : mapping
        Column name -> what the conditional format goes by: ``{"good": (labels,), "middle": …, "gap": …}``.
    limits : mapping
        Column name -> number above which the cell is marked as a gap.
    printed : int, optional
        So many of the first columns are printed; all if left out, with 0 nothing but the header.
    paper : tuple of Head
        Further columns, for the report: sentences and what several columns say together.
    label, subject : str
        Name of its sheet and title of its rule, if it is one of several of the same kind.
    totals : tuple of str
        Columns whose sum stands at the foot of the sheet, and follows its filter.
    row_id : str
        Column with the ids of its rows, if they are gaps, sites or actions: the last one on paper.
    live : mapping
        Column name -> for each row the subtotal of another sheet that stands there and follows its filter.
    """

    name: str
    heads: tuple[Head, ...]
    frame: pd.DataFrame
    looks: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    printed: int | None = None
    rule: Rule | None = None
    paper: tuple[Head, ...] = ()
    label: str = ""
    subject: str = ""
    live: Mapping[str, Sequence[Subtotal]] = field(default_factory=dict)
    row_id: str = ""
    totals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        units = {head.name: head.column.unit for head in self.heads if head.column.unit}
        frame = self.frame.copy(deep=False)
        frame.attrs = {"units": units}
        object.__setattr__(self, "frame", frame)

    @property
    def family(self) -> str:
        """Its name without that of its rule: ``rule`` of ``rule:ordinary-highway-spacing``."""
        return self.name.partition(":")[0]

    def title(self, lang: str) -> str:
        """Name of the sheet."""
        return self.label or text(f"sheet.{self.name}.title", lang)

    def note(self, lang: str) -> str:
        """What stands on it."""
        return self._of_subject("note", lang)

    def question(self, lang: str) -> str:
        """Which question it answers."""
        return self._of_subject("question", lang)

    def _of_subject(self, key: str, lang: str) -> str:
        subject = self.rule.title[lang] if self.rule else self.subject
        return text(f"sheet.{self.family}.{key}", lang, title=subject)


FORBIDDEN_IN_TITLES = r"[\[\]:*?/\\']"
"""What no sheet's name may hold."""


def free_title(words: str, taken: set[str], end: str = "") -> str:
    """Name of a sheet that none of those taken has, which it joins: cut behind a word, and numbered where it must be.

    ``end`` is never cut.

    >>> taken = {"read me"}
    >>> free_title("Gaps: mean spacing of charging sites", taken), free_title("Read me", taken)
    ('Gaps mean spacing of charging…', 'Read me 2')
    """
    words = " ".join(re.sub(FORBIDDEN_IN_TITLES, " ", words).split())
    name, number = f"{_cut(words, LONGEST_TITLE - len(end))}{end}", 1
    while name.casefold() in taken:
        number += 1
        name = f"{_cut(words, LONGEST_TITLE - len(f'{end} {number}'))}{end} {number}"
    taken.add(name.casefold())
    return name


def _cut(words: str, most: int) -> str:
    """Words in so many characters; behind the last that has room stands an ellipsis."""
    if len(words) <= most:
        return words
    start = words[: most - 1]
    whole = start if words[most - 1] == " " or " " not in start else start.rpartition(" ")[0]
    return f"{whole.rstrip(' ,;')}…"


def short_title(rule: Rule, lang: str) -> str:
    """What names a rule where there is little room."""
    return (rule.short or rule.title)[lang]


def own_sheet_title(rule: Rule, policy: Policy, lang: str) -> str:
    """Name of the sheet of one rule, by its short title; of rules of one title those behind the first have numbers."""
    taken: set[str] = set()
    names = (
        (other.id, free_title(text("sheet.rule.title", lang, rule=short_title(other, lang)), taken))
        for other in policy.rules
    )
    return next(name for found, name in names if found == rule.id)


def rule_sheet_title(rule: Rule, policy: Policy, lang: str) -> str:
    """Name of the sheet with all rows of a rule's table."""
    return (
        own_sheet_title(rule, policy, lang)
        if has_own_sheet(rule, policy)
        else text(f"sheet.{kind_of(rule).sheet}.title", lang)
    )


def has_own_sheet(rule: Rule, policy: Policy) -> bool:
    """Whether a rule has a sheet of its own: its kind has no other, or that one is full with the first of the kind."""
    kind = kind_of(rule)
    first = next(other.id for other in policy.rules if other.kind == rule.kind)
    return not kind.sheet or (kind.sheet_of_first and rule.id != first)


def absent_cells(frame: pd.DataFrame, each: Column, cells: pd.Series[Any]) -> pd.Series[bool]:
    """Return which cells of a column of the frame are empty though nothing is unknown, as the registry says it.

    A column that the condition goes by and that is not there leaves the cells unknown.
    """
    if not each.absent:
        return pd.Series(False, index=cells.index)
    by, values = each.absent_if
    nothing: pd.Series[bool] = (cells == "").fillna(False).astype(bool)
    by = "geometry" if by == "lon" and by not in frame else by
    if by and by not in frame:
        return nothing
    known = cells.isna() if not by else frame[by].isin(values) if values else frame[by].notna()
    if None in values:
        known |= frame[by].isna()
    return nothing | (cells.isna() & known)


def coded(frame: Frame, schema: Iterable[Column], lang: str) -> tuple[Frame, tuple[Column, ...]]:
    """Return rows for files, in which an empty cell is unknown and nothing else, and their columns.

    Texts have the code of what else an empty cell means; beside the numbers of a kind stands a column with ``known``,
    ``unknown`` or that code, of the last number if they differ.

    Examples
    --------
    >>> rows = pd.DataFrame({"has": ["yes", None], "distance_km": [1.5, float("nan")]})
    >>> coded(rows, columns("has distance_km"), "en")[0].to_dict("list")["distance_state"]
    ['known', 'not_reached']
    """
    found, shown_columns, states = frame.copy(deep=False), list(schema), {}
    for each in shown_columns:
        if not each.absent:
            if each.type == "text" and (frame[each.name] == "").any():
                found[each.name] = frame[each.name].replace("", None)
            continue
        empty = absent_cells(frame, each, frame[each.name])
        if each.state:
            state = pd.Series("known", index=frame.index, dtype=object)
            state[frame[each.name].isna() | frame[each.name].isin([math.inf, -math.inf])] = "unknown"
            state[empty] = each.absent
            states[each.state] = (each.name, state)
        elif empty.any():
            word = text("absent.none", lang) if each.absent == "none" else each.absent
            found[each.name] = frame[each.name].astype(object).where(~empty, word)
    for name, (after, state) in states.items():
        found[name] = state
        at = next(i for i, each in enumerate(shown_columns) if each.name == after) + 1
        shown_columns.insert(at, COLUMNS[name])
    return found, tuple(shown_columns)


def placed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows with their positions as two columns; missing where there is none."""
    points = frame.geometry
    return pd.DataFrame(frame.drop(columns="geometry")).assign(lon=points.x.round(7), lat=points.y.round(7))


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
