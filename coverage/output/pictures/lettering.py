"""Texts in pictures: a font that has Chinese, every character drawn or replaced, nothing read as mathematics."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.patheffects import Stroke
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

from ...errors import PlugspanError
from ..fields import clean_text

FAMILIES = (
    "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "Noto Sans SC",
    "Noto Sans CJK JP", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei",
)  # fmt: skip
"""In this order; what is missing in one is looked for in the next."""
LAST_FAMILY = "DejaVu Sans"
"""Comes with matplotlib: signs and accents."""
_COMMON = "株洲市公路服务区充电覆盖率"


@cache
def families() -> tuple[str, ...]:
    """Return the families of the list that this machine has.

    Raises
    ------
    PlugspanError
        ``no-chinese-font`` if none of them has Chinese.
    """
    have = {font.name for font in fontManager.ttflist}
    found = (*(name for name in FAMILIES if name in have), LAST_FAMILY)
    if any(not _has(found, character) for character in _COMMON):
        raise PlugspanError("no-chinese-font", fonts=", ".join(FAMILIES[:4]))
    return found


@cache
def _has(names: tuple[str, ...], character: str) -> bool:
    return any(get_font(_file(name)).get_char_index(ord(character)) for name in names)


@cache
def _file(name: str) -> Any:
    return findfont(FontProperties(family=[name]), fallback_to_default=False)


def families_for(text: str) -> tuple[str, ...]:
    """Return the families a text needs: the first alone if it has every character (fallbacks cost time to lay out)."""
    every = families()
    return every[:1] if all(_has(every[:1], c) for c in text) else every


def printable(value: Any) -> str:
    """Return a text on one line whose characters all have a glyph; the others become an empty box (U+25A1).

    Characters that only change their neighbours (joiners, variation selectors) are left out.
    """
    line = " ".join(clean_text(value).split())
    kept = [c for c in line if unicodedata.category(c) not in ("Cf", "Mn") or _has(families(), c)]
    return "".join(c if _has(families(), c) else "\u25a1" for c in kept)


_AS_PATHS: ContextVar[bool] = ContextVar("plugspan_letters_as_paths", default=False)


@contextmanager
def as_paths(yes: bool = True) -> Iterator[None]:
    """Draw letters inside as outlines: each text is laid out once, whatever maps it stands on. For PNG only."""
    token = _AS_PATHS.set(yes)
    try:
        yield
    finally:
        _AS_PATHS.reset(token)


@lru_cache(maxsize=8192)
def _outline(text: str, weight: str) -> tuple[Outline, float, float]:
    """Return a text's outline at one point's size, its width, and how far its letters rise above the baseline."""
    font = FontProperties(family=list(families_for(text)), weight=weight)
    corners, codes = text_to_path.get_text_path(font, text, ismath=False)
    if not len(corners):
        return Outline([(0.0, 0.0)]), 0.0, 0.0
    outline = Outline(np.asarray(corners) / text_to_path.FONT_SCALE, codes)
    box = outline.get_extents()
    rise = box.y1 if text == "lp" else max(box.y1, _outline("lp", weight)[2])
    return outline, float(box.x1), float(rise)


def _draw_outline(
    axes: Axes, x: float, y: float, text: str, size: float, colour: str, halo: float, across: str, weight: str,
    order: float,
) -> None:  # fmt: skip
    outline, width, rise = _outline(text, weight)
    left = {"left": 0.0, "center": width / 2, "right": width}[across]
    placed = outline.transformed(Affine2D().translate(-left, -rise / 2).scale(size).translate(x, y))
    looks: list[dict[str, Any]] = [
        {"facecolor": colour, "linewidth": 0.0, "edgecolor": "none", "zorder": order + 0.01}
    ]
    if halo:
        rim = {"facecolor": "white", "edgecolor": "white", "linewidth": 2 * halo, "joinstyle": "round"}
        looks.insert(0, {**rim, "zorder": order})
    for look in looks:
        axes.add_artist(PathPatch(placed, clip_on=False, **look))


def width_pt(value: str, size: float) -> float:
    """Return about how wide a text is: a Chinese character is a square, others a bit more than half of one."""
    return size * sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.56 for c in value)


def letter(
    axes: Axes,
    x: float,
    y: float,
    value: Any,
    size: float,
    colour: str,
    *,
    halo: float = 0.0,
    across: str = "left",
    up: str = "center",
    weight: str = "normal",
    italic: bool = False,
    order: float = 10.0,
) -> None:
    """Write a text at a point of the paper, with a white rim of ``halo`` points if asked for."""
    text = printable(value)
    if _AS_PATHS.get() and up == "center" and not italic:
        _draw_outline(axes, x, y, text, size, colour, halo, across, weight, order)
        return
    look: dict[str, Any] = {
        "fontsize": size, "ha": across, "va": "center_baseline" if up == "center" else up, "weight": weight,
        "family": list(families_for(text)), "parse_math": False, "style": "italic" if italic else "normal",
    }  # fmt: skip
    if halo:
        rim = [Stroke(linewidth=2 * halo, foreground="white")]
        axes.text(x, y, text, color="white", path_effects=rim, zorder=order, **look)
    axes.text(x, y, text, color=colour, zorder=order + 0.01, **look)
