"""The legend of a strip chart: only what the picture shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..assess.strip_model import StripData
from ..texts import text
from .strip_canvas import FAINT, SOFT, Canvas, diamond, pin, shield, site_symbol
from .strip_lanes import GAP_WIDTH, category_of
from .strip_layout import text_px
from .strip_scale import ROW_PX

SIZE_PX, START_PX = 9.5, 12.0
Item = tuple[str, float, Callable[[Canvas, float, float], None]]
"""Text, width of the sample, and what draws the sample with its left end at x and its middle at y."""


def draw_legend(canvas: Canvas, data: StripData, lang: str) -> None:
    """Samples with their meaning, wrapped to the width, then the note on what the numbers are."""
    canvas.y += 10
    canvas.line(6, canvas.y, canvas.width - 6, canvas.y, FAINT)
    canvas.y += ROW_PX + 2
    x = START_PX
    for label, px, draw in _items(data, lang):
        whole = px + 5 + text_px(label, SIZE_PX) + 14
        if x + whole - 14 > canvas.width - 6 and x > START_PX:
            x, canvas.y = START_PX, canvas.y + ROW_PX + 4
        draw(canvas, x, canvas.y - 3.4)
        canvas.text(x + px + 5, canvas.y, label, SIZE_PX, fill=SOFT)
        x += whole
    for line in _wrapped(text("strip.legend.note", lang), canvas.width - 2 * START_PX):
        canvas.y += ROW_PX + 1
        canvas.text(START_PX, canvas.y, line, SIZE_PX, fill=SOFT)
    canvas.y += 8


def _items(data: StripData, lang: str) -> Iterator[Item]:
    low, high = data.limits_km
    states = [s for lane in data.lanes for s in (lane.before, lane.after) if s is not None]
    classes = {g.spacing_class for s in states for g in s.gaps}
    for key in ("good", "middle", "gap", "open"):
        if key in classes or key == "gap":
            yield text(f"strip.legend.{key}", lang, low=low, high=high), 30.0, _line_sample(data, key)
    sites = [site for s in states for site in s.sites]
    for fast, key in (("yes", "fast"), ("no", "slow"), ("unknown", "unknown")):
        if any(s.fast == fast and s.order is None for s in sites):
            yield text(f"strip.legend.{key}", lang), 12.0, _site_sample(fast)
    if any(s.order is not None for s in sites):
        yield text("strip.legend.proposed", lang), 14.0, lambda c, x, y: pin(c, x + 7, y + 6, "1")
    if any(lane.near for lane in data.lanes):
        yield text("strip.legend.near", lang), 10.0, lambda c, x, y: diamond(c, x + 5, y)
    if any(not c.level for c in data.crossings):
        yield (
            text("strip.legend.bridge", lang),
            24.0,
            lambda c, x, y: shield(c, x + 12, y + 3.4, "G0", 22, level=False, size=9),
        )
    if any(lane.inferred for lane in data.lanes):
        yield text("strip.legend.inferred", lang), 24.0, _bridged_sample


def _line_sample(data: StripData, key: str) -> Callable[[Canvas, float, float], None]:
    look = category_of(data, key)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        assert look is not None
        if look.halo:
            canvas.line(x, y, x + 30, y, look.halo, look.width * GAP_WIDTH + 5)
        canvas.line(x, y, x + 30, y, look.colour, look.width * GAP_WIDTH, look.dash)

    return draw


def _site_sample(fast: str) -> Callable[[Canvas, float, float], None]:
    return lambda canvas, x, y: site_symbol(canvas, x + 6, y, fast)


def _bridged_sample(canvas: Canvas, x: float, y: float) -> None:
    canvas.line(x, y, x + 24, y, "#4B5560", 6.0)
    canvas.line(x + 4, y, x + 20, y, "#F4F6F7", 3.6, (3, 2))


def _wrapped(value: str, most_px: float) -> list[str]:
    """Break a text into lines: at spaces, or anywhere in Chinese."""
    pieces = value.split(" ") if " " in value else list(value)
    glue = " " if " " in value else ""
    lines = [""]
    for piece in pieces:
        longer = f"{lines[-1]}{glue if lines[-1] else ''}{piece}"
        if lines[-1] and text_px(longer, SIZE_PX) > most_px:
            lines.append(piece)
        else:
            lines[-1] = longer
    return lines
