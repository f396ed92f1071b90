"""Scale bar and north arrow."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from ...schema import told, told_unit
from ...tables.styles import INK
from ...texts import text
from ...units import M_PER_KM
from .lettering import letter
from .paper import Paper

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
        most = told(longest * paper.m_per_pt / each_m, unit, lang)
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
        f"{round_length:g} {told_unit(unit, lang)}",
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
