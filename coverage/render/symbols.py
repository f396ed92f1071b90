"""Point symbols as path data in a box of -10 … 10: the same shapes as on the web map (``web/symbols.js``).

QGIS takes them as small SVG pictures whose colours it can change; matplotlib takes them as paths.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from matplotlib.path import Path
from svgpath2mpl import parse_path

from ..tables.layer import Category

BOX = 20.0
"""Side of the box that a symbol of ``Category.width`` pixels fills."""
_DISC = "M-8.5 0a8.5 8.5 0 1 0 17 0a8.5 8.5 0 1 0-17 0z"
SHAPES = {
    "circle": _DISC,
    "dot": _DISC,
    "square": "M-6.5-8h13a1.5 1.5 0 0 1 1.5 1.5v13a1.5 1.5 0 0 1-1.5 1.5h-13"
    "a1.5 1.5 0 0 1-1.5-1.5v-13a1.5 1.5 0 0 1 1.5-1.5z",
    "diamond": "M0-9.5L9.5 0L0 9.5L-9.5 0z",
    "triangle": "M0-8.8L9.2 7.6H-9.2z",
    "hexagon": "M0-9.5L8.2-4.8V4.8L0 9.5L-8.2 4.8V-4.8z",
}
SOLID_MARKS = {
    "bolt": "M1.6-6.2L-4 1H-.6L-1.6 6.2L4-1.2H.6z",
    "plug": "M-3.6-5.5h1.8v3h3.6v-3h1.8v3h1v2.2a3.6 3.6 0 0 1-3.6 3.6V6h-2V3.3a3.6 3.6 0 0 1-3.6-3.6v-2.2h1z",
    "sun": "M-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0z"
    "M-1 -3.6L0 -6.2L1 -3.6zM1.8 -3.3L4.4 -4.4L3.3 -1.8zM3.6 -1L6.2 0L3.6 1zM3.3 1.8L4.4 4.4L1.8 3.3z"
    "M1 3.6L0 6.2L-1 3.6zM-1.8 3.3L-4.4 4.4L-3.3 1.8zM-3.6 1L-6.2 0L-3.6 -1zM-3.3 -1.8L-4.4 -4.4L-1.8 -3.3z",
}
LINE_MARKS = {
    "cross": "M-3.6-3.6L3.6 3.6M3.6-3.6L-3.6 3.6",
    "question": "M-2.9-2.6a2.9 2.9 0 1 1 4.3 2.5c-1 .6-1.4 1.1-1.4 2.1M0 4.9v.1",
    "minus": "M-4 0h8",
}
PIN = "M0 0C-2-7-8.5-10.5-8.5-17a8.5 8.5 0 1 1 17 0C8.5-10.5 2-7 0 0z"
"""A drop whose tip is the place; its head is centred 17 above the tip."""
PIN_HEAD = 17.0
_MARK_WIDTH = 2.4


@dataclass(frozen=True)
class Stroke:
    """One path of a symbol: ``ink`` draws it in the second colour, else it is filled with the first."""

    path: str
    filled: str
    stroked: str
    width: float


def colours(category: Category) -> tuple[str, str]:
    """Return the colours of body and ink: a hollow symbol is white with ink of its colour, a filled one the reverse."""
    return (category.colour, "#ffffff") if category.fill else ("#ffffff", category.colour)


def strokes(category: Category) -> list[Stroke]:
    """Return what a symbol is made of, lowest first."""
    body, ink = colours(category)
    scale = category.width / BOX
    outline = max(1.8, 1 / scale) if category.fill else max(2.6, 1.5 / scale)
    if category.fill and category.symbol == "dot":
        outline = min(3.0, 0.8 / scale)
    shape = PIN if category.symbol == "pin" else SHAPES[category.symbol]
    found = [Stroke(shape, body, ink, outline)]
    if category.mark in SOLID_MARKS:
        found.append(Stroke(SOLID_MARKS[category.mark], ink, "", 0.0))
    elif category.mark in LINE_MARKS:
        found.append(Stroke(LINE_MARKS[category.mark], "", ink, _MARK_WIDTH))
    return found


def box(category: Category) -> tuple[float, float, float, float]:
    """Return left, top, width and height that hold a symbol with its outline."""
    pad = strokes(category)[0].width / 2 + 0.2
    if category.symbol == "pin":
        return (-8.5 - pad, -25.5 - pad, 17 + 2 * pad, 25.5 + 2 * pad)
    return (-10 - pad, -10 - pad, BOX + 2 * pad, BOX + 2 * pad)


def symbol_svg(category: Category) -> str:
    """Return a symbol as SVG whose fill and outline QGIS can set (``param(fill)``, ``param(outline)``)."""
    left, top, width, height = box(category)
    body, _ = colours(category)
    parts = []
    for stroke in strokes(category):
        fill = _param(stroke.filled, body) if stroke.filled else 'fill="none"'
        line = _param(stroke.stroked, body, "stroke") if stroke.stroked else 'stroke="none"'
        parts.append(f'<path d="{stroke.path}" {fill} {line} stroke-width="{stroke.width:g}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="{left:g} {top:g} {width:g} {height:g}"><g stroke-linejoin="round" stroke-linecap="round">'
        f"{''.join(parts)}</g></svg>"
    )


def embedded(category: Category) -> str:
    """Return the SVG as QGIS embeds it in a style."""
    return "base64:" + base64.b64encode(symbol_svg(category).encode()).decode("ascii")


def _param(colour: str, body: str, attribute: str = "fill") -> str:
    name = "fill" if colour == body else "outline"
    return f'{attribute}="param({name}) {colour}"'


def outline(path: str) -> Path:
    """Return path data as matplotlib has it, y downwards."""
    found: Path = parse_path(path)
    return found
