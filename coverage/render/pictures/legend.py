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
from .layers import draw_areas, draw_lines, draw_number, draw_symbols, legend_value
from .lettering import letter, printable
from .paper import PT_PER_PX, Paper

HEAD_SIZE, TEXT_SIZE = 7.5, 6.8
ROW, GAP, SIGN_W = 13.5, 5.0, 26.0
BOLD = 1.08
"""Bold letters are so much wider."""
MAX_WIDTH, MIN_WIDTH = 150.0, 90.0
_MAX_SIGN_PX = 15.0


@dataclass(frozen=True)
class Entry:
    """A row: a layer's title (no category) or the sign of a category; ``apart`` leaves a gap above."""

    text: str
    kind: Kind = "line"
    category: Category | None = None
    number: str = ""
    apart: bool = False
    single: bool = False


def legend_entries(layers: Sequence[Layer], lang: str, paper: Paper | None = None) -> list[Entry]:
    """Return the rows, topmost layer first: what occurs, and is drawn on ``paper`` if that is given.

    A single sign needs no title of its own.
    """
    rows: list[Entry] = []
    for layer in reversed(layers):
        counts = np.bincount(layer.category_index() + 1, minlength=len(layer.style.categories) + 1)[1:]
        occur = [c for c, n in zip(layer.style.categories, counts, strict=True) if n]
        found = [c for c in occur if paper is None or paper.shows(c)]
        number = legend_value(layer, lang)
        signs = [Entry(printable(c.label(lang)), layer.style.kind, c, number) for c in found]
        title = printable(layer.title(lang))
        label = f"{title}: {signs[0].text}" if signs and layer.style.by else title
        if len(signs) == 1 and (label == title or _row_width(label) <= MAX_WIDTH):
            after_list = found[0].symbol == "pin" or (bool(rows) and not rows[-1].single)
            rows.append(replace(signs[0], text=label, apart=after_list, single=True))
        elif signs:
            heads = wrap(title, HEAD_SIZE * BOLD, MAX_WIDTH - 8)
            rows += [Entry(line, apart=bool(rows) and not k) for k, line in enumerate(heads)] + signs
    return rows


def _row_width(label: str) -> float:
    return text_px(label, TEXT_SIZE) + SIGN_W + 10


def legend_width(entries: Sequence[Entry]) -> float:
    """Return how wide the legend must be, in points; 0 for none."""
    if not entries:
        return 0.0
    widths = [_row_width(e.text) if e.category else text_px(e.text, HEAD_SIZE) + 8 for e in entries]
    return min(max(*widths, MIN_WIDTH) if len(widths) > 1 else max(widths[0], MIN_WIDTH), MAX_WIDTH)


def legend_height(entries: Sequence[Entry]) -> float:
    """Return how tall it is, in points."""
    return sum(ROW + (GAP if entry.apart else 0) for entry in entries) + 4


def draw_legend(axes: Axes, entries: Sequence[Entry], height: float) -> None:
    """Draw the rows from the top; tighter if they don't fit."""
    squeeze = min(1.0, height / legend_height(entries))
    y = height
    for entry in entries:
        y -= (ROW + (GAP if entry.apart else 0)) * squeeze
        middle = y + ROW * squeeze / 2
        if entry.category is None:
            letter(axes, 2, middle, entry.text, HEAD_SIZE * squeeze, INK, weight="bold")
            continue
        _sign(axes, entry, 4.0, middle, squeeze)
        letter(axes, SIGN_W + 6, middle, entry.text, TEXT_SIZE * squeeze, INK)


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


def draw_scale(axes: Axes, paper: Paper, lang: str) -> None:
    """Draw a bar of a round length in two halves, at the lower left; below one kilometre or mile in metres or feet."""
    longest = paper.width * _SHARE
    for unit, each_m in (("km", M_PER_KM), ("m", 1.0)):
        most = in_readers_unit(longest * paper.m_per_pt / each_m, unit, lang)
        if most >= 1.0:
            break
    round_length = bar_length(most)
    length = longest * round_length / most
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


def draw_north(axes: Axes, paper: Paper, lang: str) -> None:
    """Draw a slim arrow at the upper left; north is up on the whole map."""
    x, top, tall, half = _MARGIN + 6, paper.height - _MARGIN, 18.0, 4.5
    foot = top - tall
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
