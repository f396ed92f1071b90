"""Strip charts (路线条形图): a section of a route as a straight line, with towns, sites and gaps.

One picture for both directions of a section: above, what lies along the road, on one kilometre scale; below,
a lane for each direction with its sites as beads and the gaps between them, as they are and with the plan.
"""

from __future__ import annotations

import zlib
from itertools import pairwise

from ...measure.strip_model import StripData
from ...plan import Plan
from ...schema import chainage
from ...tables.strips import plan_strips
from ...units import km
from .canvas import FAINT, SOFT, Canvas, diamond, element, shield, tip
from .lanes import draw_lane
from .layout import shortened, text_px
from .legend import draw_legend
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
        sheet.words("strip.label", ref=data.ref, low=low, high=high, length=sheet.length(data.length_m))
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
    for at in _limits(sheet.data):
        canvas.line(sheet.x(at), top + 2, sheet.x(at), bottom, "#8A939B", dash=(5, 3))
    return canvas.body


def _limits(data: StripData) -> list[float]:
    """County limits: middles between neighbouring stretches of different counties."""
    return [(a.to_m + b.from_m) / 2.0 for a, b in pairwise(data.counties) if a.name != b.name]


def _near_list(sheet: Sheet) -> None:
    """List what is near but does not serve, with the reason: the first few by chainage, and how many more."""
    found: dict[tuple[int, str, str], float] = {}
    near = (s for lane in sheet.data.lanes for s in lane.near)
    for site in sorted(near, key=lambda s: (s.at_m, s.name, s.reason)):
        key = (round(site.at_m / 1000.0), site.name or sheet.words("strip.unnamed"), site.reason)
        found.setdefault(key, site.at_m)
    rows = [(chainage(km(at), sheet.lang), name, why) for (_, name, why), at in found.items()]
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


def strip_charts(plan: Plan, lang: str) -> dict[str, str]:
    """Strip charts of all routes that the policy's rules on spacing judge.

    Returns
    -------
    dict
        ``REF/SECTION`` (the ``strip`` column of the gaps; of further rules as :func:`strip_of` says) -> SVG picture of
        both directions.
    """
    return {key: strip_svg(data, lang) for key, data in plan_strips(plan).items()}
