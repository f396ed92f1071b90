"""Point symbols as path data in a box of -10 … 10: the same shapes as on the web map (``web/symbols.js``).

QGIS takes them as small SVG pictures whose colours it can change; matplotlib takes them as polygons.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
}
SOLID_MARKS = {
    "bolt": "M1.6-6.2L-4 1H-.6L-1.6 6.2L4-1.2H.6z",
    "plug": "M-3.6-5.5h1.8v3h3.6v-3h1.8v3h1v2.2a3.6 3.6 0 0 1-3.6 3.6V6h-2V3.3a3.6 3.6 0 0 1-3.6-3.6v-2.2h1z",
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


# -- path data as polygons -------------------------------------------------------------------------------

_TOKEN = re.compile(r"[MmLlHhVvCcAaZz]|[-+]?(?:\d+\.?\d*|\.\d+)")
_COUNT = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "A": 7, "Z": 0}


def polylines(path: str) -> list[npt.NDArray[np.float64]]:
    """Return the lines of SVG path data (M L H V C A Z; arcs of circles), y downwards.

    Returns
    -------
    list of (n, 2) arrays
        Closed ones end where they begin.
    """
    lines: list[list[npt.NDArray[np.float64]]] = []
    for command, numbers in _commands(path):
        if command.upper() == "M":
            start = lines[-1][-1] if lines and command == "m" else np.zeros(2)
            lines.append([start + numbers])
            continue
        line = lines[-1]
        line.extend(_drawn(command, np.array(numbers), line[-1], line[0]))
    return [np.array(line) for line in lines]


def _commands(path: str) -> Iterator[tuple[str, tuple[float, ...]]]:
    tokens = _TOKEN.findall(path)
    at = 0
    while at < len(tokens):
        command, end = tokens[at], at + 1
        while end < len(tokens) and not tokens[end].isalpha():
            end += 1
        n = _COUNT[command.upper()]
        values = [float(token) for token in tokens[at + 1 : end]]
        groups = [tuple(values[i : i + n]) for i in range(0, len(values), n)] if n else [()]
        yield from ((command, group) for group in groups)
        at = end


def _drawn(
    command: str,
    numbers: npt.NDArray[np.float64],
    at: npt.NDArray[np.float64],
    first: npt.NDArray[np.float64],
) -> list[npt.NDArray[np.float64]]:
    origin = at if command.islower() else np.zeros(2)
    kind = command.upper()
    if kind == "Z":
        return [first]
    if kind == "H":
        return [np.array([origin[0] + numbers[0], at[1]])]
    if kind == "V":
        return [np.array([at[0], origin[1] + numbers[0]])]
    if kind == "C":
        return _cubic(at, *(origin + pair for pair in numbers.reshape(3, 2)))
    if kind == "A":
        return _arc(at, origin + numbers[5:], numbers[0], large=bool(numbers[3]), sweep=bool(numbers[4]))
    return [origin + numbers]


def _cubic(*points: npt.NDArray[np.float64], n: int = 12) -> list[npt.NDArray[np.float64]]:
    t = np.linspace(0, 1, n + 1)[1:, None]
    a, b, c, d = points
    return list((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d)


def _arc(
    start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], radius: float, *, large: bool, sweep: bool
) -> list[npt.NDArray[np.float64]]:
    """Circle arc by its ends (SVG 1.1, F.6.5, with equal radii)."""
    half = (end - start) / 2
    length = float(np.hypot(*half))
    radius = max(radius, length)
    side = np.sqrt(max(radius**2 - length**2, 0.0)) / length * (1 if large != sweep else -1)
    centre = (start + end) / 2 + side * np.array([-half[1], half[0]])
    first, last = (float(np.arctan2(*(p - centre)[::-1])) for p in (start, end))
    turn = (last - first) % (2 * np.pi) if sweep else -((first - last) % (2 * np.pi))
    angles = first + turn * np.linspace(0, 1, 25)[1:]
    return list(centre + radius * np.column_stack([np.cos(angles), np.sin(angles)]))
