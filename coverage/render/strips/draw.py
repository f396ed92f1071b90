"""Strip charts (路线条形图): a section of a route as a straight line, with towns, sites and gaps.

One picture for both directions of a section: above, what lies along the road, on one kilometre scale; below,
a lane for each direction with its sites as beads and the gaps between them, as they are and with the plan.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from ...measure.strip_model import StripData
from ...schema import column
from ...tables.layer import label_words
from ...tables.styles import class_limits
from ...waymarks import is_posted, road_words
from .canvas import FAINT, ROAD, SOFT, Canvas, diamond, element, idle_symbol, pin, shield, site_symbol, tip
from .lanes import GAP_WIDTH, category_of, draw_lane
from .layout import shortened, text_px
from .road import draw_along
from .scale import LEFT_PX, ROW_PX, Sheet

WIDTH_PX = 720.0
NEAR_LINES = 5


def strip_svg(data: StripData, lang: str, width: float = WIDTH_PX) -> str:
    """Draw the strip chart of a section.

    Parameters
    ----------
    data : StripData
    lang : str
        ``"zh"`` or ``"en"``.
    width : float
        Width in CSS pixels; the height follows from what there is to show.

    Returns
    -------
    str
        A plain SVG picture: presentation attributes only, tooltips as ``title`` elements.
    """
    sheet = Sheet(data, lang, width)
    _title(sheet)
    top, back = sheet.y, len(sheet.body)
    draw_along(sheet)
    for lane in data.lanes:
        draw_lane(sheet, lane)
    sheet.body[back:back] = _background(sheet, top, sheet.y)
    _near_list(sheet)
    draw_legend(sheet)
    low, high = (sheet.place(name) for name in data.ends)
    return sheet.svg(
        sheet.words(
            "strip.label",
            ref=road_words(data.ref, sheet.lang),
            low=low,
            high=high,
            length=sheet.length(data.length_m),
        )
    )


def _title(sheet: Sheet) -> None:
    data = sheet.data
    ref = shortened(data.ref, 13, 120)
    px, x = text_px(ref, 13, bold=True) + 12, LEFT_PX / 3
    shield(sheet, x + px / 2, 19, ref, px, size=13.0)
    low, high = (shortened(sheet.place(name), 14, 180) for name in data.ends)
    parts = [sheet.length(data.length_m)]
    if data.sections > 1:
        parts.append(sheet.words("strip.section", number=data.section, n=data.sections))
    if data.ring:
        parts.append(sheet.words("strip.ring"))
    x += px + 9
    head = sheet.words("strip.ring-title") if data.ring else f"{low} — {high}"
    sheet.text(x, 19, head, 14, bold=True)
    sheet.text(x + text_px(head, 14, bold=True) + 10, 19, " · ".join(parts), 12, fill=SOFT)
    sheet.y = 30


def _background(sheet: Sheet, top: float, bottom: float) -> list[str]:
    """Hatching outside the region, kilometre lines, county limits."""
    canvas = Canvas(0)
    # several charts may stand on one page: ids must differ
    hatch = f"hatch-{zlib.crc32(sheet.data.key.encode()):08x}"
    if sheet.outside:
        stripe = element("path", d="M-1 7L7 -1M5 13L13 5", stroke="#D5DADF", stroke_width=1.0)
        paper = element("rect", width=8, height=8, fill="#F2F4F5")
        pattern = element(
            "pattern", paper, stripe, id=hatch, width=8, height=8, patternUnits="userSpaceOnUse"
        )
        canvas.add("defs", pattern)
    for low, high in sheet.outside:
        x, px = sheet.x(low), sheet.x(high) - sheet.x(low)
        note = tip(sheet.words("strip.outside"))
        canvas.add("rect", note, x=x, y=float(top), width=px, height=bottom - top, fill=f"url(#{hatch})")
    for at in sheet.scale.ticks():
        x = sheet.x(at * sheet.scale.unit_m)
        canvas.line(x, top + 16, x, bottom, FAINT, width=0.6)
    borders = [(a.to_m + b.from_m) / 2.0 for a, b in pairwise(sheet.data.counties) if a.name != b.name]
    for at in borders:
        canvas.line(sheet.x(at), top + 2, sheet.x(at), bottom, "#8A939B", dash=(5, 3))
    return canvas.body


def _near_list(sheet: Sheet) -> None:
    """List what is near but does not serve, with the reason: the first few by chainage, and how many more."""
    found: dict[tuple[int, str, str], float] = {}
    near = (s for lane in sheet.data.lanes for s in lane.near)
    for site in sorted(near, key=lambda s: (s.at_m, s.name, s.reason)):
        key = (round(site.at_m / 1000.0), site.name or sheet.words("strip.unnamed"), site.reason)
        found.setdefault(key, site.at_m)
    rows = [(sheet.mark(at), name, why) for (_, name, why), at in found.items()]
    sheet.y += 4
    for at, name, why in rows[:NEAR_LINES]:
        sheet.y += ROW_PX
        diamond(sheet, LEFT_PX - 14, sheet.y - 3.5)
        line = sheet.words("strip.near-line", at=at, name=shortened(name, 10, 260), reason=sheet.reason(why))
        sheet.text(LEFT_PX - 4, sheet.y, line, 10, fill=SOFT)
    if len(rows) > NEAR_LINES:
        sheet.y += ROW_PX
        sheet.text(
            LEFT_PX - 4, sheet.y, sheet.words("strip.near-more", n=len(rows) - NEAR_LINES), 10, fill=SOFT
        )


def strip_charts(strips: Mapping[str, StripData], lang: str) -> dict[str, str]:
    """Strip charts of all routes that the policy's rules on spacing judge.

    Parameters
    ----------
    strips : mapping of str to StripData
        From :func:`plugspan.tables.strips.plan_strips`, by ``REF/SECTION`` (the ``strip`` column of the gaps; of
        further rules as :func:`plugspan.measure.strips.strip_of` says).
    lang : str

    Returns
    -------
    dict
        The same keys -> SVG picture of both directions.
    """
    return {key: strip_svg(data, lang) for key, data in strips.items()}


# -- legend -------------------------------------------------------------------------------------------


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
    posted = is_posted(sheet.lang, sheet.data.ref, sheet.data.section)
    for line in _wrapped(
        sheet.words(
            f"strip.legend.{'note-posted' if posted else 'note'}",
            unit=column("length_km").unit_words(sheet.lang),
        ),
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
