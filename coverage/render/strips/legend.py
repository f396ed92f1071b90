"""The legend of a strip chart: only what the picture shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...measure.strip_model import StripData
from ...schema import column
from ...tables.layer import label_words
from ...tables.styles import class_limits
from .canvas import FAINT, ROAD, SOFT, Canvas, diamond, idle_symbol, pin, shield, site_symbol
from .lanes import GAP_WIDTH, category_of
from .layout import text_px
from .scale import ROW_PX, Sheet

SIZE_PX, START_PX = 9.5, 12.0
Item = tuple[str, float, Callable[[Canvas, float, float], None]]
"""Text, width of the sample, and what draws the sample with its left end at x and its middle at y."""


def draw_legend(sheet: Sheet) -> None:
    """Draw samples with their meaning, wrapped to the width, then the note on what the numbers are."""
    sheet.y += 10
    sheet.line(6, sheet.y, sheet.width - 6, sheet.y, FAINT)
    sheet.y += ROW_PX + 2
    x = START_PX
    for label, px, draw in _items(sheet):
        whole = px + 5 + text_px(label, SIZE_PX) + 14
        if x + whole - 14 > sheet.width - 6 and x > START_PX:
            x, sheet.y = START_PX, sheet.y + ROW_PX + 4
        draw(sheet, x, sheet.y - 3.4)
        sheet.text(x + px + 5, sheet.y, label, SIZE_PX, fill=SOFT)
        x += whole
    for line in _wrapped(
        sheet.words("strip.legend.note", unit=column("length_km").unit_words(sheet.lang)),
        sheet.width - 2 * START_PX,
    ):
        sheet.y += ROW_PX + 1
        sheet.text(START_PX, sheet.y, line, SIZE_PX, fill=SOFT)
    sheet.y += 8


def _items(sheet: Sheet) -> Iterator[Item]:
    data = sheet.data
    limits = label_words(class_limits(*data.limits_km), sheet.lang)
    states = [s for lane in data.lanes for s in (lane.before, lane.after) if s is not None]
    classes = {g.spacing_class for s in states for g in s.gaps}
    for key in ("good", "middle", "gap", "shared", "open", "no_site"):
        if key in classes:
            yield sheet.words(f"strip.legend.{key}", **limits), 30.0, _line_sample(data, key)
    sites = [site for s in states for site in s.sites]
    for fast, key in (("yes", "fast"), ("no", "slow"), ("unknown", "unknown")):
        if any(s.fast == fast and s.counts and s.order is None for s in sites):
            yield sheet.words(f"strip.legend.{key}"), 12.0, _site_sample(fast)
    if any(not s.counts for s in sites):
        yield sheet.words("strip.legend.idle"), 10.0, lambda c, x, y: idle_symbol(c, x + 5, y)
    if any(s.order is not None for s in sites):
        yield sheet.words("strip.legend.proposed"), 14.0, lambda c, x, y: pin(c, x + 7, y + 6, "1")
    if any(lane.near for lane in data.lanes):
        yield sheet.words("strip.legend.near"), 10.0, lambda c, x, y: diamond(c, x + 5, y)
    if any(not c.level for c in data.crossings):
        yield (
            sheet.words("strip.legend.bridge"),
            24.0,
            lambda c, x, y: shield(c, x + 12, y + 3.4, "G0", 22, level=False, size=9),
        )
    if any(lane.inferred for lane in data.lanes):
        yield sheet.words("strip.legend.inferred"), 24.0, _bridged_sample


def _line_sample(data: StripData, key: str) -> Callable[[Canvas, float, float], None]:
    look = category_of(data, key)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        assert look is not None
        if look.halo:
            canvas.line(x, y, x + 30, y, look.halo, width=look.width * GAP_WIDTH + 5)
        canvas.line(x, y, x + 30, y, look.colour, width=look.width * GAP_WIDTH, dash=look.dash)

    return draw


def _site_sample(fast: str) -> Callable[[Canvas, float, float], None]:
    return lambda canvas, x, y: site_symbol(canvas, x + 6, y, fast)


def _bridged_sample(canvas: Canvas, x: float, y: float) -> None:
    canvas.line(x, y, x + 24, y, ROAD, width=6.0)
    canvas.line(x + 4, y, x + 20, y, "#F4F6F7", width=3.6, dash=(3, 2))


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
