"""The upper part of a strip chart: the road with its kilometres, and what lies along it."""

from __future__ import annotations

from ..assess.strip_model import StripData
from ..texts import text
from .strip_canvas import INK, PAPER, SOFT, Canvas, shield, tip
from .strip_layout import Label, bins, place_labels, text_px
from .strip_scale import LEFT_PX, RIGHT_PX, ROW_PX, Scale, kilometres, outside_of

RANKS = {"city": 5.0, "district": 4.0, "county": 4.0, "town": 2.0}


def draw_along(canvas: Canvas, scale: Scale, data: StripData, lang: str) -> None:
    """Names of areas, towns and crossing routes, the road, kilometres, shared stretches."""
    _areas(canvas, scale, data, lang)
    road_y = _places(canvas, scale, data, lang)
    _road(canvas, scale, data, road_y, lang)
    for town in data.towns:
        note = " · ".join([town.name, text("strip.at", lang, km=kilometres(town.at_m))])
        radius = 3.6 if town.kind == "city" else 2.8
        canvas.add(
            "circle",
            tip(note),
            cx=scale.x(town.at_m),
            cy=road_y,
            r=radius,
            fill=PAPER,
            stroke=INK,
            stroke_width=1.4,
        )
    for km in scale.ticks():
        x = scale.x(km * 1000)
        canvas.line(x, road_y + 4, x, road_y + 8, SOFT)
        canvas.text(x, road_y + 18, f"{km:g}", 9.5, anchor="middle", fill=SOFT, halo=True)
    canvas.text(LEFT_PX - 10, road_y + 18, "km", 9.5, anchor="end", fill=SOFT)
    canvas.y = road_y + 22
    _shared(canvas, scale, data, lang)


def _areas(canvas: Canvas, scale: Scale, data: StripData, lang: str) -> None:
    """Names of counties, and of what is outside."""
    outside = [] if len(data.counties) else [(a, b, text("strip.outside", lang)) for a, b in outside_of(data)]
    named = [(s.from_m, s.to_m, s.name) for s in data.counties] if len(data.counties) > 1 else []
    shown = False
    for low, high, name in [*named, *outside]:
        a, b = scale.x(low), scale.x(high)
        if b - a >= text_px(name, 10) + 6:
            canvas.text((a + b) / 2, canvas.y + 11, name, 10, anchor="middle", fill=SOFT)
            shown = True
    canvas.y += 16 if shown else 2


def _places(canvas: Canvas, scale: Scale, data: StripData, lang: str) -> float:
    """Names of towns and numbers of crossing routes above the road; returns where the road lies."""
    refs = _crossings_at(scale, data)
    labels = [
        Label(scale.x(t.at_m), text_px(t.name, _town_size(t.kind)), (RANKS.get(t.kind, 1.0), t.weight))
        for t in data.towns
    ]
    labels += [Label(x, text_px(ref, 9.5, bold=True) + 7, (3.0, 0.0)) for x, ref, _ in refs]
    spots = place_labels(labels, 4, 4.0, scale.right + RIGHT_PX - 3)
    rows = max((s.row + 1 for s in spots if s is not None), default=0)
    y = canvas.y + rows * (ROW_PX + 2) + 10
    for label, spot in zip(labels, spots, strict=True):
        if spot is not None:
            canvas.line(label.x, y - 6 - spot.row * (ROW_PX + 2), label.x, y, "#9AA3AB", 0.7)
    for town, spot in zip(data.towns, spots, strict=False):
        if spot is not None:
            base = y - 9 - spot.row * (ROW_PX + 2)
            canvas.text(
                spot.x,
                base,
                town.name,
                _town_size(town.kind),
                anchor="middle",
                bold=town.kind == "city",
                halo=True,
            )
    for (x, ref, level), spot in zip(refs, spots[len(data.towns) :], strict=True):
        canvas.line(
            x,
            y - 5,
            x,
            y + 5,
            "#4B5560",
            1.6,
            () if level else (2, 1.5),
            "" if level else f"{ref}: {text('strip.bridge-tip', lang)}",
        )
        if spot is not None:
            px = text_px(ref, 9.5, bold=True) + 7
            shield(canvas, spot.x, y - 9 - spot.row * (ROW_PX + 2), ref, px, level=level, size=9.5)
    return y


def _town_size(kind: str) -> float:
    return 11.5 if kind == "city" else 10.5


def _crossings_at(scale: Scale, data: StripData) -> list[tuple[float, str, bool]]:
    """Crossing routes; several within a few pixels share a shield."""
    found = sorted((scale.x(c.at_m), c.ref, c.level) for c in data.crossings)
    groups = bins([x for x, _, _ in found], 5.0)
    merged = []
    for group in groups:
        refs = list(dict.fromkeys(found[k][1] for k in group))
        xs = [found[k][0] for k in group]
        merged.append(
            (
                sum(xs) / len(xs),
                "/".join(refs[:3]) + ("…" if len(refs) > 3 else ""),
                any(found[k][2] for k in group),
            )
        )
    return merged


def _road(canvas: Canvas, scale: Scale, data: StripData, y: float, lang: str) -> None:
    canvas.line(scale.left, y, scale.right, y, "#B4BCC3", 6.0)
    for stretch in data.inside:
        canvas.line(scale.x(stretch.from_m), y, scale.x(stretch.to_m), y, "#4B5560", 6.0)
    for stretch in dict.fromkeys(s for lane in data.lanes for s in lane.inferred):
        a, b = scale.x(stretch.from_m), scale.x(stretch.to_m)
        note = f"{text('strip.inferred-tip', lang)} · {kilometres(stretch.to_m - stretch.from_m)} km"
        canvas.line(a, y, max(b, a + 3), y, "#F4F6F7", 3.6, (3, 2), note)
    if data.ring:
        for x in (scale.left, scale.right):
            canvas.add("circle", cx=x, cy=y, r=4.5, fill="none", stroke="#4B5560", stroke_width=1.6)


def _shared(canvas: Canvas, scale: Scale, data: StripData, lang: str) -> None:
    """Brackets where another route runs on the same road; those that overlap go on lines of their own."""
    lines: list[float] = []
    for stretch in data.shared:
        a, b = scale.x(stretch.from_m), scale.x(stretch.to_m)
        name = text("strip.with", lang, ref=stretch.name)
        inside = b - a > text_px(name, 9.5) + 10
        name_x = (a + b) / 2 if inside else b + 4 + text_px(name, 9.5) / 2
        if name_x + text_px(name, 9.5) / 2 > scale.right + RIGHT_PX:
            name_x = a - 4 - text_px(name, 9.5) / 2
        row = next((k for k, end in enumerate(lines) if a > end), len(lines))
        lines[row:row + 1] = [max(b, name_x + text_px(name, 9.5) / 2) + 6]  # fmt: skip
        y = canvas.y + 7 + row * 13
        canvas.add(
            "path",
            d=f"M{a:.1f} {y - 4:.1f}v4H{max(b, a + 2):.1f}v-4",
            fill="none",
            stroke="#4B5560",
            stroke_width=1.2,
        )
        canvas.text(
            name_x, y + (3 if not inside else 3.5), name, 9.5, anchor="middle", fill="#4B5560", halo=True
        )
    canvas.y += 13 * len(lines) + (2 if lines else 0)
