"""Texts in pictures: a font that has Chinese, every character drawn or replaced, nothing read as mathematics."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.patheffects import Stroke

from ..errors import PlugspanError
from .fields import clean_text

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


def printable(value: Any) -> str:
    """Return a text on one line whose characters all have a glyph; the others become an empty box (U+25A1).

    Characters that only change their neighbours (joiners, variation selectors) are left out.
    """
    line = " ".join(clean_text(value).split())
    kept = [c for c in line if unicodedata.category(c) not in ("Cf", "Mn") or _has(families(), c)]
    return "".join(c if _has(families(), c) else "\u25a1" for c in kept)


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
    look: dict[str, Any] = {
        "fontsize": size, "ha": across, "va": "center_baseline" if up == "center" else up, "weight": weight,
        "family": list(families()), "parse_math": False, "style": "italic" if italic else "normal",
    }  # fmt: skip
    text = printable(value)
    if halo:
        rim = [Stroke(linewidth=2 * halo, foreground="white")]
        axes.text(x, y, text, color="white", path_effects=rim, zorder=order, **look)
    axes.text(x, y, text, color=colour, zorder=order + 0.01, **look)
