"""Tables as data: one description of each column feeds reading, docs, popups, aliases and headers.

A column name means the same thing in every table it appears in. Its label and meaning stand in the text
catalogue (``column.NAME`` and ``meaning.NAME``), its unit here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .texts import text

ColumnType = Literal["text", "int", "float", "bool", "date", "choice"]


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
        Unit as shown (``"km"``, ``"kW"``, ``"t"``), empty if none.
    required : bool
        Whether a file without the column is refused. Single cells may still be missing.
    aliases : tuple of str
        Other headers a file may use, Chinese or English; compared without case, spaces and punctuation.
    choices : dict
        For ``"choice"``: value -> spellings that mean it. Labels are ``choice.COLUMN.VALUE`` in the texts.
    """

    name: str
    type: ColumnType = "text"
    unit: str = ""
    required: bool = False
    aliases: tuple[str, ...] = ()
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def label(self, lang: str) -> str:
        """Return the header a person reads, with the unit in brackets."""
        label = text(f"column.{self.name}", lang)
        return f"{label} ({self.unit})" if self.unit else label

    def meaning(self, lang: str) -> str:
        """One sentence on what the column holds."""
        return text(f"meaning.{self.name}", lang)


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
        missing) or ``"none"``.
    """

    name: str
    columns: tuple[Column, ...]
    geometry: Literal["point", "optional point", "area", "none"] = "none"

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [c.name for c in self.columns]
