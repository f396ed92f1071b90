"""What stands beside a static map: its legend (what occurs in it, by layer, with the same signs), scale, north."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from ...schema import in_readers_unit, readers_unit
from ...tables.layer import Category, Kind, Layer
from ...tables.styles import INK
from ...texts import text
from ...units import M_PER_KM
from ..strips.layout import text_px
from .layers import Names, draw_areas, draw_lines, draw_number, draw_symbols, legend_value
from .lettering import letter, printable
from .paper import PT_PER_PX, Paper

HEAD_SIZE, TEXT_SIZE = 7.5, 6.8
ROW, LINE, GAP, SIGN_W = 13.5, 8.6, 5.0, 26.0
"""Height of a row, of each further line in it, of the gap above a list; width of a sign."""
BOLD = 1.08
"""Bold letters are so much wider."""
MAX_WIDTH, MIN_WIDTH = 150.0, 90.0
_MAX_SIGN_PX = 15.0
SAME_ROADS = {"legend.expressway": "legend.road-motorway"}
"""Labels of routes that are drawn over roads of the same name: one row is enough."""


@dataclass(frozen=True)
class Entry:
    """A row: a layer's title (no category) or the sign of a category; ``apart`` leaves a gap above."""

    text: str
    kind: Kind = "line"
    category: Category | None = None
    number: str = ""
    apart: bool = False
    single: bool = False

    @property
    def width(self) -> float:
        """How wide it is on one line, in points."""
        return _row_width(self.text) if self.category else text_px(self.text, HEAD_SIZE * BOLD) + 8

    def lines(self, width: float) -> list[str]:
        """Return its text in lines that a column of ``width`` points holds."""
        if self.category is None:
            return wrap(self.text, HEAD_SIZE * BOLD, width - 8) or [""]
        return wrap(self.text, TEXT_SIZE, width - SIGN_W - 10) or [""]

    def height(self, width: float) -> float:
        """Return how high it is in such a column."""
        return ROW + (len(self.lines(width)) - 1) * LINE + (GAP if self.apart else 0.0)


def legend_entries(layers: Sequence[Layer], lang: str, paper: Paper | None = None) -> list[Entry]:
    """Return the rows, topmost layer first: what occurs, and is drawn on ``paper`` if that is given.

    A single sign needs no title of its own.
    """
    rows: list[Entry] = []
    told: set[str] = set()
    for layer in reversed(layers):
        counts = np.bincount(layer.category_index() + 1, minlength=len(layer.style.categories) + 1)[1:]
        occur = [c for c, n in zip(layer.style.categories, counts, strict=True) if n]
        found = [c for c in occur if (paper is None or paper.shows(c)) and c.label_key not in told]
        told |= {SAME_ROADS[c.label_key] for c in found if c.label_key in SAME_ROADS}
        number = legend_value(layer, lang)
        signs = [Entry(printable(c.label(lang)), layer.style.kind, c, number) for c in found]
        title = printable(layer.title(lang))
        label = f"{title}: {signs[0].text}" if signs and layer.style.by else title
        if len(signs) == 1 and (label == title or _row_width(label) <= MAX_WIDTH):
            after_list = found[0].symbol == "pin" or (bool(rows) and not rows[-1].single)
            rows.append(replace(signs[0], text=label, apart=after_list, single=True))
        elif signs:
            rows += [Entry(title, apart=bool(rows)), *signs]
    return rows


def _row_width(label: str) -> float:
    return text_px(label, TEXT_SIZE) + SIGN_W + 10


@dataclass(frozen=True)
class Legend:
    """The rows of a legend in columns of one width, in points."""

    columns: tuple[tuple[Entry, ...], ...]
    column_width: float

    @classmethod
    def of(cls, entries: Sequence[Entry], width: float | None = None) -> Legend:
        """Return the legend in one column, as beside a map, or in as many as ``width`` points hold, as below it."""
        column = min(max([entry.width for entry in entries], default=0.0), MAX_WIDTH)
        column = max(column, MIN_WIDTH)
        most = 1 if width is None else max(int(width // column), 1)
        whole = cls((tuple(entries),), column)
        # As low as the columns may be: the total shared out, or somewhat more where a title would end a column.
        low = whole.height / most
        while len(columns := _shared(entries, column, low)) > most:
            low += LINE
        return cls(columns, column)

    @property
    def width(self) -> float:
        """Of all columns."""
        return self.column_width * len(self.columns)

    @property
    def height(self) -> float:
        """Of the highest column."""
        heights = (sum(entry.height(self.column_width) for entry in column) for column in self.columns)
        return max(heights, default=0.0) + 4.0


def _shared(entries: Sequence[Entry], width: float, most: float) -> tuple[tuple[Entry, ...], ...]:
    """Share rows out over columns no higher than ``most``; a title stands above what it is the title of."""
    columns: list[list[Entry]] = [[]]
    high = 0.0
    for i, entry in enumerate(entries):
        needs = entry.height(width)
        if entry.category is None and i + 1 < len(entries):
            needs += entries[i + 1].height(width)
        if columns[-1] and high + needs > most:
            columns.append([])
            high = 0.0
        columns[-1].append(entry if columns[-1] else replace(entry, apart=False))
        high += columns[-1][-1].height(width)
    return tuple(map(tuple, columns))


def draw_legend(axes: Axes, legend: Legend, height: float) -> None:
    """Draw the rows from the top; tighter if they don't fit."""
    squeeze = min(1.0, height / legend.height)
    width = legend.column_width
    for c, column in enumerate(legend.columns):
        left, y = c * width, height
        for entry in column:
            top = y - (GAP * squeeze if entry.apart else 0.0)
            y -= entry.height(width) * squeeze
            middle = top - ROW * squeeze / 2
            if entry.category is not None:
                _sign(axes, entry, left + 4.0, middle, squeeze)
            for n, line in enumerate(entry.lines(width)):
                at = middle - n * LINE * squeeze
                if entry.category is None:
                    letter(axes, left + 2, at, line, HEAD_SIZE * squeeze, INK, weight="bold")
                else:
                    letter(axes, left + SIGN_W + 6, at, line, TEXT_SIZE * squeeze, INK)


def _sign(axes: Axes, entry: Entry, left: float, y: float, squeeze: float) -> None:
    category = entry.category
    if category is None:
        return
    if entry.kind == "line":
        draw_lines(axes, [np.array([[left, y], [left + 22, y]])], category, 0.0)
    elif entry.kind == "polygon":
        half = 4.2 * squeeze
        draw_areas(axes, np.array([shapely.box(left + 1, y - half, left + 21, y + half)]), category, 0.0)
    else:
        small = replace(category, width=min(category.width, _MAX_SIGN_PX) * squeeze)
        down = 0.6 * small.width * PT_PER_PX if category.symbol == "pin" else 0.0
        draw_symbols(axes, np.array([[left + 11, y - down]]), small, 5.0)
        if category.mark == "number":
            draw_number(axes, left + 11, y - down, entry.number or "1", small, 6.0)


# -- long texts ---------------------------------------------------------------------------------------


def wrap(value: str, size: float, width: float) -> list[str]:
    """Break a text into lines no wider than ``width`` points: between its parts (`` · ``) if that does, else anywhere.

    Latin words stay whole; between Chinese characters a line may break.
    """
    lines: list[str] = []
    line = ""
    for part in _parts(printable(value)):
        pieces = [part] if text_px(part, size) <= width else _pieces(part)
        for piece in pieces:
            if line and text_px((line + piece).rstrip(" ·"), size) > width:
                lines.append(line.rstrip(" ·"))
                line = piece.lstrip()
            else:
                line += piece
    return [*lines, line] if line else lines


def _parts(value: str) -> list[str]:
    parts = value.split(" · ")
    return [*(f"{part} · " for part in parts[:-1]), parts[-1]]


def _pieces(value: str) -> list[str]:
    found: list[str] = []
    word = ""
    for character in value:
        if character == " " or ord(character) > 0x2E7F:
            found += [word] if word else []
            found.append(character)
            word = ""
        else:
            word += character
    return [*found, word] if word else found


# -- scale bar and north arrow ------------------------------------------------------------------------


_SIZE, _MARGIN, _THICK = 6.5, 10.0, 3.0
_ORDER = 20.0
_SHARE = 0.24
"""Longest scale bar, as a share of the map's width."""


def bar_length(longest: float) -> float:
    """Return the longest of 1, 2, 5 × 10ⁿ that is not longer than ``longest``, in its unit.

    Examples
    --------
    >>> [bar_length(x) for x in (9.9, 20_000, 49_999, 7_000_000)]
    [5.0, 20000.0, 20000.0, 5000000.0]
    """
    power = 1.0
    while power * 10 <= longest:
        power *= 10
    return max(step * power for step in (1, 2, 5) if step == 1 or step * power <= longest)


def draw_scale(axes: Axes, names: Names, lang: str) -> None:
    """Draw a bar of a round length in two halves, at the lower left; below one kilometre or mile in metres or feet.

    Names are kept off it, as off the arrow.
    """
    paper = names.paper
    longest = paper.width * _SHARE
    for unit, each_m in (("km", M_PER_KM), ("m", 1.0)):
        most = in_readers_unit(longest * paper.m_per_pt / each_m, unit, lang)
        if most >= 1.0:
            break
    round_length = bar_length(most)
    length = longest * round_length / most
    names.keep_clear(_MARGIN + length / 2, _MARGIN + _SIZE, length + 3 * _MARGIN, 3 * _SIZE)
    for i, colour in enumerate((INK, "white")):
        axes.add_patch(
            Rectangle((_MARGIN + i * length / 2, _MARGIN), length / 2, _THICK, facecolor=colour, edgecolor=INK,
                      linewidth=0.6, zorder=_ORDER)
        )  # fmt: skip
    y = _MARGIN + _THICK + _SIZE * 0.8
    letter(axes, _MARGIN, y, "0", _SIZE, INK, halo=1, across="center", order=_ORDER)
    letter(
        axes,
        _MARGIN + length,
        y,
        f"{round_length:g} {readers_unit(unit, lang)}",
        _SIZE,
        INK,
        halo=1,
        across="center",
        order=_ORDER,
    )


def draw_north(axes: Axes, names: Names, lang: str) -> None:
    """Draw a slim arrow at the upper left; north is up on the whole map."""
    x, top, tall, half = _MARGIN + 6, names.paper.height - _MARGIN, 18.0, 4.5
    foot = top - tall
    names.keep_clear(x, top - tall / 2 - _SIZE / 2, 4 * half, tall + 2 * _SIZE)
    left = [(x, top), (x - half, foot), (x, foot + 4)]
    right = [(x, top), (x + half, foot), (x, foot + 4)]
    axes.add_patch(Polygon(left, facecolor=INK, edgecolor=INK, linewidth=0.6, zorder=_ORDER))
    axes.add_patch(Polygon(right, facecolor="white", edgecolor=INK, linewidth=0.6, zorder=_ORDER))
    letter(
        axes,
        x,
        foot - 6,
        text("picture.north", lang),
        _SIZE + 0.5,
        INK,
        halo=1,
        across="center",
        order=_ORDER,
    )
