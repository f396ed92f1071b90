"""Plain SVG with presentation attributes only: no style sheets, no scripts, nothing that loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from ...markup import clean_xml
from ...tables.layer import GAP, GOOD, PLAN, UNKNOWN
from ...tables.styles import READERS_FONTS

INK, SOFT, FAINT, PAPER, BASE = "#1F2A33", "#5A6670", "#DDE2E6", "#FFFFFF", "#C9CFD4"
ROAD, THREAD = "#4B5560", "#9AA3AB"
"""The road itself; leaders from names to their place."""


def clean(value: str) -> str:
    """Make a text fit for XML and for one line."""
    return " ".join(clean_xml(value).split())


def element(tag: str, *children: str, **attributes: object) -> str:
    """Write an SVG element; ``stroke_width`` becomes ``stroke-width``, what is None is left out."""
    parts = [
        f"{name.replace('_', '-')}={quoteattr(_number(value))}"
        for name, value in attributes.items()
        if value is not None
    ]
    head = " ".join([tag, *parts])
    return f"<{head}>{''.join(children)}</{tag}>" if children else f"<{head}/>"


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return clean(str(value))


def tip(value: str) -> str:
    """Tooltip of the element it stands in."""
    lines = (clean(line) for line in value.split("\n"))
    return f"<title>{escape(chr(10).join(lines))}</title>" if value else ""


@dataclass
class Canvas:
    """Elements of a picture in drawing order, and how far down it reaches."""

    width: float
    y: float = 0.0
    body: list[str] = field(default_factory=list)

    def add(self, tag: str, *children: str, **attributes: object) -> None:
        """Append an element."""
        self.body.append(element(tag, *children, **attributes))

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        stroke: str,
        *,
        width: float = 1.0,
        dash: Sequence[float] = (),
        note: str = "",
        opacity: float | None = None,
    ) -> None:
        """Append a straight line."""
        dashes = " ".join(f"{d:g}" for d in dash) or None
        ends = {"x1": float(x1), "y1": float(y1), "x2": float(x2), "y2": float(y2)}
        look = {
            "stroke": stroke,
            "stroke_width": float(width),
            "stroke_dasharray": dashes,
            "stroke_opacity": opacity,
        }
        self.add("line", *((tip(note),) if note else ()), **ends, **look)

    def text(
        self,
        x: float,
        y: float,
        value: str,
        size: float = 10.5,
        *,
        anchor: str = "start",
        fill: str = INK,
        bold: bool = False,
        halo: bool = False,
    ) -> None:
        """Append a text; with ``halo`` on a white rim."""
        rim = (
            {"paint_order": "stroke", "stroke": PAPER, "stroke_width": 2.6, "stroke_linejoin": "round"}
            if halo
            else {}
        )
        self.add(
            "text", escape(clean(value)), x=float(x), y=float(y), font_size=float(size), fill=fill,
            text_anchor=None if anchor == "start" else anchor, font_weight="600" if bold else None, **rim,
        )  # fmt: skip

    def svg(self, label: str) -> str:
        """Return the finished picture."""
        height = round(self.y)
        return element(
            "svg", tip(label), element("rect", width=self.width, height=height, fill=PAPER),
            element("g", *self.body, font_family=READERS_FONTS),
            xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {self.width:g} {height}", width=self.width,
            height=height, role="img", aria_label=label,
        )  # fmt: skip


def shield(
    canvas: Canvas, x: float, y: float, ref: str, px: float, *, level: bool = True, size: float = 10.0
) -> None:
    """Draw a road number in a frame, its middle at ``x``, its base line at ``y``; dashed if on a bridge."""
    canvas.add(
        "rect", x=x - px / 2, y=y - size, width=px, height=size + 3.5, rx=2.5, fill=PAPER, stroke=ROAD,
        stroke_width=1.0, stroke_dasharray=None if level else "2.5 2",
    )  # fmt: skip
    canvas.text(x, y, ref, size, anchor="middle", fill="#26313A", bold=True)


def site_symbol(canvas: Canvas, x: float, y: float, fast: str, *, count: int = 1, note: str = "") -> None:
    """Draw a site: filled = fast, hollow = not fast, ? = unknown; a group shows how many it is."""
    colour = {"yes": GOOD, "no": GOOD}.get(fast, UNKNOWN)
    filled = fast != "no"
    radius = (5.6 if count == 1 else 7.2 if count < 100 else 9.0) - (0.0 if filled else 0.8)
    canvas.add(
        "circle", tip(note), cx=float(x), cy=float(y), r=radius, fill=colour if filled else PAPER,
        stroke=PAPER if filled else colour, stroke_width=1.2 if filled else 2.0,
    )  # fmt: skip
    if count > 1:
        mark = f"{count}" if fast != "unknown" else f"{count}?"
        canvas.text(
            x,
            y + 3.0,
            mark,
            8.5 if len(mark) < 3 else 7.0,
            anchor="middle",
            fill=PAPER if filled else INK,
            bold=True,
        )
    elif fast == "unknown":
        canvas.text(x, y + 3.2, "?", 9.0, anchor="middle", fill=PAPER, bold=True)
    elif fast == "yes":
        bolt = f"M{x + 0.9:.1f} {y - 3.6:.1f}l-3 4.4h2.1l-.9 3 3.2-4.5h-2.2z"
        canvas.add("path", d=bolt, fill=PAPER)


def idle_symbol(canvas: Canvas, x: float, y: float, *, note: str = "") -> None:
    """Draw a site that serves the road but does not count for the rule."""
    canvas.add(
        "circle", tip(note), cx=float(x), cy=float(y), r=4.2, fill=PAPER, stroke=UNKNOWN, stroke_width=1.3,
        stroke_dasharray="2 1.6",
    )  # fmt: skip


def pin(canvas: Canvas, x: float, y: float, number: str, *, note: str = "") -> None:
    """Draw a proposed site: a numbered pin whose point is at (x, y)."""
    d = f"M{x:.1f} {y:.1f}l-4.4-6.4a7 7 0 1 1 8.8 0z"
    canvas.add("path", tip(note), d=d, fill=PLAN, stroke=PAPER, stroke_width=0.8)
    canvas.text(x, y - 8.6, number, 8.5 if len(number) < 3 else 6.8, anchor="middle", fill=PAPER, bold=True)


def diamond(canvas: Canvas, x: float, y: float, *, note: str = "") -> None:
    """Draw a site that is near but does not serve."""
    canvas.add(
        "path",
        tip(note),
        d=f"M{x:.1f} {y - 4.6:.1f}l4.6 4.6-4.6 4.6-4.6-4.6z",
        fill=PAPER,
        stroke=GAP,
        stroke_width=1.4,
    )
    canvas.line(x - 1.8, y, x + 1.8, y, GAP, width=1.2)
