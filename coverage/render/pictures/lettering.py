"""Texts in pictures: a font that has Chinese, every character drawn or replaced, nothing read as mathematics.

The fonts are files that travel with the packages, so that a picture is the same on every machine, and whole on one
without any Chinese font: our own (``vendor/fonts``), then DejaVu Sans of matplotlib. Only a character that neither
has is looked for in the system's fonts.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import (
    FontProperties,
    OSXFontDirectories,
    X11FontDirectories,
    findfont,
    findSystemFonts,
    fontManager,
    get_font,
)
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.patheffects import Stroke
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

from ...markup import clean_text

FONT_FILES = (
    Path(__file__).parents[1] / "vendor" / "fonts" / "PlugspanSansSC-Regular.otf",
    Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf",
)
FAMILIES = ("Plugspan Sans SC", "DejaVu Sans")
"""The families of these files, in the order in which characters are looked for."""
BOLD = 0.035
"""Width of the line around bold letters, in parts of their size: a second font file would double the download."""
BOX = "\u25a1"
"""Stands for a character that no font has."""
FONT_FOLDERS = None if sys.platform == "win32" else [*X11FontDirectories, *OSXFontDirectories]
"""Where the system's fonts are looked for. Named, as matplotlib would start other programs (``fc-list``) to ask."""


@cache
def families() -> tuple[str, ...]:
    """Return the families that travel with the packages, made known to matplotlib.

    They are registered by file: matplotlib's list of the system's fonts may be older than what is installed.
    """
    fontManager.addfont(FONT_FILES[0])
    # Bold is drawn as an outline, or by the reader of an SVG; laying out takes the same file without complaint.
    fontManager.ttflist.append(replace(fontManager.ttflist[-1], weight=700))
    return FAMILIES


@cache
def _has(family: str, character: str) -> bool:
    families()
    file = findfont(FontProperties(family=[family]), fallback_to_default=False)
    return bool(get_font(file).get_char_index(ord(character)))


@cache
def _family_with(character: str) -> str | None:
    """Return the first family that has a character: of the files that travel, else of the system's by path."""
    if character.isspace():
        return FAMILIES[0]
    own = next((name for name in FAMILIES if _has(name, character)), None)
    return own or _system_family_with(character)


def _system_family_with(character: str) -> str | None:
    if unicodedata.category(character).startswith("C"):  # no character, though symbol fonts put signs there
        return None
    for path in sorted(findSystemFonts(FONT_FOLDERS)):
        try:
            font = get_font(path)
            if not font.scalable or not font.get_char_index(ord(character)):
                continue
            fontManager.addfont(path)
            # A family may have the character in one of its files only.
            if _has(font.family_name, character):
                return font.family_name
        except (OSError, RuntimeError, ValueError):  # a font file that FreeType or matplotlib can't read
            continue
    return None


def families_for(text: str) -> tuple[str, ...]:
    """Return the families that a text needs (each one more costs time to lay out), at least the first."""
    needed = dict.fromkeys(family for c in text if (family := _family_with(c)))
    own = [name for name in families() if name in needed] or [FAMILIES[0]]
    return (*own, *(name for name in needed if name not in own))


_BOXED: ContextVar[set[str] | None] = ContextVar("plugspan_boxed_characters", default=None)


@contextmanager
def boxed_characters(found: set[str]) -> Iterator[None]:
    """Collect the characters that pictures drawn inside show as an empty box, because no font has them."""
    token = _BOXED.set(found)
    try:
        yield
    finally:
        _BOXED.reset(token)


def printable(value: Any) -> str:
    """Return a text on one line whose characters all have a glyph; the others become an empty box (U+25A1).

    Characters that only change their neighbours (joiners, variation selectors) are left out.
    """
    return "".join(map(glyph, " ".join(clean_text(value).split())))


def glyph(character: str) -> str:
    """Return a character that can be drawn in place of one: itself, an empty box, or nothing."""
    if _family_with(character):
        return character
    if unicodedata.category(character) in ("Cf", "Mn"):
        return ""
    boxed = _BOXED.get()
    if boxed is not None:
        boxed.add(character)
    return BOX


_AS_PATHS: ContextVar[bool] = ContextVar("plugspan_letters_as_paths", default=False)


@contextmanager
def as_paths(yes: bool = True) -> Iterator[None]:
    """Draw letters inside as outlines: each text is laid out once, whatever maps it stands on, and may be bold."""
    token = _AS_PATHS.set(yes)
    try:
        yield
    finally:
        _AS_PATHS.reset(token)


@lru_cache(maxsize=8192)
def _outline(text: str) -> tuple[Outline, float, float]:
    """Return a text's outline at one point's size, its width, and how far its letters rise above the baseline."""
    font = FontProperties(family=list(families_for(text)))
    corners, codes = text_to_path.get_text_path(font, text, ismath=False)
    if not len(corners):
        return Outline([(0.0, 0.0)]), 0.0, 0.0
    outline = Outline(np.asarray(corners) / text_to_path.FONT_SCALE, codes)
    box = outline.get_extents()
    rise = box.y1 if text == "lp" else max(box.y1, _outline("lp")[2])
    return outline, float(box.x1), float(rise)


def _draw_outline(
    axes: Axes, x: float, y: float, text: str, size: float, colour: str, halo: float, across: str, bold: bool,
    order: float,
) -> None:  # fmt: skip
    outline, width, rise = _outline(text)
    line = BOLD * size if bold else 0.0
    left = {"left": 0.0, "center": width / 2, "right": width}[across]
    placed = outline.transformed(Affine2D().translate(-left, -rise / 2).scale(size).translate(x, y))
    looks: list[dict[str, Any]] = [
        {
            "facecolor": colour,
            "linewidth": line,
            "edgecolor": colour if bold else "none",
            "zorder": order + 0.01,
        }
    ]
    if halo:
        rim = {"facecolor": "white", "edgecolor": "white", "linewidth": 2 * halo + line, "joinstyle": "round"}
        looks.insert(0, {**rim, "zorder": order})
    for look in looks:
        axes.add_artist(PathPatch(placed, clip_on=False, **look))


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
        _draw_outline(axes, x, y, text, size, colour, halo, across, weight == "bold", order)
        return
    look: dict[str, Any] = {
        "fontsize": size, "ha": across, "va": "center_baseline" if up == "center" else up, "weight": weight,
        "family": list(families_for(text)), "parse_math": False, "style": "italic" if italic else "normal",
    }  # fmt: skip
    if halo:
        rim = [Stroke(linewidth=2 * halo, foreground="white")]
        axes.text(x, y, text, color="white", path_effects=rim, zorder=order, **look)
    axes.text(x, y, text, color=colour, zorder=order + 0.01, **look)
