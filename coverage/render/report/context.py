"""What the chapters of the report share: what a plan shows, the paper, and how a table is put on it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from ...schema import day, shown
from ...tables.layer import Layer, SourceNote
from ...tables.plan_tables import Tables
from ...tables.publication import Publication
from ...tables.table import Head, Table, cell_value
from ...texts import text
from ..pictures.charts import figure_png
from ..pictures.lettering import as_paths
from ..pictures.maps import State, map_figure, map_height_mm, map_key
from .doc import CAPTION_MM, FIGURE_MM, TEXT_MM, Paper
from .grid import NORMAL, Cell, Type

ROWS = 24
"""Rows of a table in the report's text at most; the workbook has all of them."""
NAMES = ("name", "port", "ship", "berth_name", "county", "ref", "side")
NAME_LENGTH, WORDS_LENGTH = 60, 320
"""Characters of a name and of other words in a cell at most: the workbook has them whole."""
CUT = re.compile(r".*[\s,;，；、]", re.DOTALL)
OURS = ("words",)
"""Columns of sentences that we write: they are never cut."""
ID_MM = {"gap_id": 18.0, "site_id": 17.0, "action_id": 20.0, "id": 20.0}
"""Width of the last column of a table, which has the ids of its rows: by these they are found in layers and sheets."""
MAP_MM, MAP_SHRINK, FREE_MM = 78.0, 0.6, 6.0
"""A map higher than this may be set smaller, by this much, to stand on a page with its text and table; what stays free
around it and its caption."""


@dataclass(frozen=True)
class Pages:
    """Tables and layers on their way to paper."""

    tables: Tables
    layers: tuple[Layer, ...]
    paper: Paper
    lang: str
    note: SourceNote
    cut: list[Table] = field(default_factory=list)
    """Tables of which the text shows the first rows only, as they come."""
    drawn: dict[str, int] = field(default_factory=dict)
    """Number of each map so far by what it shows: rules on the same roads have the same one, which stands once."""
    boxed: set[str] = field(default_factory=set)
    """Characters that no font has, so that pictures show a box."""

    def words(self, key: str, **values: object) -> str:
        """Text ``report.KEY`` in the report's language."""
        return text(f"report.{key}", self.lang, **values)

    def soft(self, words: str) -> None:
        """Write a note below a table."""
        self.paper.text(words, indent=False, soft=True)

    def rows(self, name: str, where: Callable[[pd.DataFrame], Any] | None = None) -> Table:
        """A table of the plan, or those of its rows that are wanted; without rows if there is no such table."""
        table = self.tables.get(name, Table(name, (), pd.DataFrame()))
        if where is None or not len(table.frame):
            return table
        return replace(table, frame=table.frame[where(table.frame)])

    def table(
        self,
        caption: str,
        table: Table,
        widths_mm: Mapping[str, float] | None = None,
        most: int = ROWS,
        type_: Type | None = None,
    ) -> int:
        """Write a table with the columns of which a width is given, by default those that have one of their own.

        Returns
        -------
        int
            How many rows stand there now: ``most`` at most. A table without rows is not written.
        """
        if len(table.frame):
            heads, rows, widths = self._laid(table, widths_mm, most)
            self.paper.table(caption, heads, rows, widths, type_)
        return min(len(table.frame), most)

    def table_high_mm(self, table: Table, most: int = ROWS) -> float:
        """About how high such a table gets; 0 without rows."""
        if not len(table.frame):
            return 0.0
        return self.paper.table_high_mm(*self._laid(table, None, most), NORMAL)

    def _laid(
        self, table: Table, widths_mm: Mapping[str, float] | None, most: int
    ) -> tuple[list[str], list[list[Cell]], list[float]]:
        """Headers, cells and wished widths of a table on paper."""
        heads = {head.name: head for head in (*table.heads, *table.paper)}
        widths = dict(widths_mm or {name: head.width for name, head in heads.items() if head.width})
        frame = table.frame.head(most)
        if not self.has_counties and len(widths) > 1 and table.frame.get("county", NO_COLUMN).isna().all():
            widths.pop("county", None)
        if table.row_id and frame[table.row_id].notna().any():
            widths[table.row_id] = ID_MM[table.row_id]
        shown_heads = [heads[name] for name in widths]
        records = [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
        rows = [[_cell(row, head, table, self.lang) for head in shown_heads] for row in records]
        if table.row_id in widths:
            rows = [[*row[:-1], replace(row[-1], small=True)] for row in rows]
        return [_header(head.label) for head in shown_heads], rows, list(widths.values())

    @property
    def has_counties(self) -> bool:
        """Whether counties are known, so that it says something to lie in none of them."""
        return any(layer.title_key == "layer.counties" for layer in self.layers)

    def map(
        self,
        layers: list[Layer],
        caption: str,
        *,
        phase: State = "before",
        extent: Sequence[float] | None = None,
        height_mm: float | None = None,
        below_mm: float = 0.0,
        inset: bool = False,
    ) -> None:
        """Write a map with its caption, by default as high as its ground asks for and the page has left.

        ``below_mm`` is how high what stands below it is: on the same page, if that leaves the map enough.
        """
        key = map_key(layers, lang=self.lang, phase=phase, extent=extent)
        if same := self.drawn.get(key):
            self.soft(self.words("same-map", caption=caption, number=same))
            return
        if height_mm is None:
            least, height_mm = self.map_range_mm(layers, phase=phase, extent=extent)
            left = self.paper.left_mm - CAPTION_MM - FREE_MM
            fits = next((room for room in (left - below_mm, left) if room >= least), height_mm)
            height_mm = min(height_mm, fits)
        with as_paths():
            figure = map_figure(
                layers,
                lang=self.lang,
                size_mm=(TEXT_MM, height_mm),
                phase=phase,
                extent=extent,
                note=self.note.line(self.lang),
                inset=inset,
            )
        self.paper.figure(figure_png(figure, 180.0), caption)
        self.drawn[key] = self.paper.figures

    def map_range_mm(
        self, layers: list[Layer], *, phase: State = "before", extent: Sequence[float] | None = None
    ) -> tuple[float, float]:
        """Least height of a map, and the one at which its ground fills the width of the page or a good part of it."""
        most = map_height_mm(
            layers, lang=self.lang, width_mm=TEXT_MM, most_mm=FIGURE_MM, phase=phase, extent=extent,
            note=self.note.line(self.lang),
        )  # fmt: skip
        return min(most, max(MAP_MM, MAP_SHRINK * most)), most


@dataclass(frozen=True, kw_only=True)
class Report(Pages):
    """A plan on its way to paper."""

    shown: Publication

    @classmethod
    def of(cls, shown: Publication, paper: Paper) -> Report:
        """What a plan shows, on a paper."""
        return cls(shown.tables, shown.layers, paper, shown.lang, shown.note, shown=shown)

    @property
    def has_plan(self) -> bool:
        """Whether there is a plan to adopt."""
        return "plan-actions" in self.tables

    def said(self, part: str, of: str = "") -> list[str]:
        """The sentences of a part, of one rule or siting if it is named."""
        return [words for _, words in self.leads(part, of)]

    def leads(self, part: str, of: str = "") -> list[tuple[str, str]]:
        """The same with the words in bold before each."""
        lines = self.rows("sentences", lambda frame: frame["part"] == part).frame
        lines = lines[lines["of"] == of] if of else lines
        return list(zip(lines["lead"], lines["words"], strict=True))


NO_COLUMN = pd.Series([0])
"""Stands for a column that a table hasn't."""


def _header(label: str) -> str:
    """A header begins with a capital letter, unless that is a sign like km."""
    first = label.partition(" ")[0]
    return label[0].upper() + label[1:] if len(first) > 2 and first.isalpha() and first.islower() else label


def _cell(row: Mapping[str, Any], head: Head, table: Table, lang: str) -> Cell:
    """A value on paper: numbers to the right, what is lacking or unknown shaded as in the workbook."""
    number = head.column.type in ("float", "int")
    raw = row.get(head.name)
    worded = isinstance(raw, str) and (number or head.column.name == "words")
    value = raw if worded else cell_value(raw, head, lang)
    own = row.get(f"{head.name}:look")
    if value is None:
        words = shown(None, head.column, lang) if number else text("value.none", lang)
        return Cell(text("report.robust.no-county", lang) if head.name == "county" else words, right=number)
    if isinstance(value, dt.date):
        return Cell(day(value, lang))
    if isinstance(value, (int, float)):
        words = shown(value, head.column, lang)
        if head.name == "gap_max_km" and row.get("gap_max_open") is True:
            words = f"≥ {words}"
        limit = table.limits.get(head.name) if head.name != "gap_max_km" else None
        return Cell(words, right=True, shade="gap" if limit is not None and value > limit else "")
    looks = table.looks.get(head.name, {})
    shade = own if isinstance(own, str) else next((x for x, labels in looks.items() if value in labels), "")
    most = NAME_LENGTH if head.name in NAMES else WORDS_LENGTH
    if len(value) > most and head.column.name not in OURS:
        whole = CUT.match(value[: most - 1])  # ends with a whole word, or within one if it is as long as that
        value = (whole[0] if whole else value[: most - 1]).rstrip(" ,;:，；：、") + "…"
    return Cell(value, right=number, shade=shade, bold=shade == "gap")
