"""The upper part of a strip chart: the road with its kilometres, and what lies along it."""

from __future__ import annotations

from collections.abc import Iterable

from ...measure.strip_model import Stretch
from ...schema import unit_words
from ...waymarks import road_words
from .canvas import INK, PAPER, ROAD, SOFT, THREAD, shield, tip
from .layout import Label, Spot, bins, place_labels, shortened, text_px
from .scale import LEFT_PX, Sheet

RANKS = {"city": 5.0, "district": 4.0, "county": 4.0, "crossing": 3.0, "town": 2.0}
LINE_PX = 15.0
"""Height of a row of names above the road."""
NAME_PX = 130.0
"""Longer names are cut."""
SAME_PLACE_PX = 5.0
"""Routes that cross closer together than this share a frame."""


def draw_along(sheet: Sheet) -> None:
    """Names of areas, towns and crossing routes, the road, kilometres, shared stretches."""
    _areas(sheet)
    y = _places(sheet)
    _road(sheet, y)
    for town in sheet.data.towns:
        note = f"{town.name} · {sheet.mark(town.at_m)}"
        sheet.add(
            "circle", tip(note), cx=sheet.x(town.at_m), cy=y, r=3.6 if town.kind == "city" else 2.8, fill=PAPER,
            stroke=INK, stroke_width=1.4,
        )  # fmt: skip
    for at in sheet.scale.ticks():
        x = sheet.x(at * sheet.scale.unit_m)
        sheet.line(x, y + 4, x, y + 8, SOFT)
        sheet.text(x, y + 18, f"{at:g}", 9.5, anchor="middle", fill=SOFT, halo=True)
    sheet.text(LEFT_PX - 10, y + 18, unit_words(sheet.scale.unit, sheet.lang), 9.5, anchor="end", fill=SOFT)
    sheet.y = y + 22
    _shared(sheet)


def _areas(sheet: Sheet) -> None:
    """Names of counties; what is outside is named where there are no counties."""
    data = sheet.data
    named = [(s.from_m, s.to_m, s.name) for s in data.counties] if len(data.counties) > 1 else []
    if not data.counties:
        named = [(a, b, sheet.words("strip.outside")) for a, b in sheet.outside]
    fitting = [
        (sheet.x(a), sheet.x(b), n) for a, b, n in named if sheet.x(b) - sheet.x(a) >= text_px(n, 10) + 6
    ]
    for a, b, name in fitting:
        sheet.text((a + b) / 2, sheet.y + 11, name, 10, anchor="middle", fill=SOFT, halo=True)
    sheet.y += 16 if fitting else 2


def _places(sheet: Sheet) -> float:
    """Names of towns and numbers of crossing routes; returns where the road lies."""
    towns, refs = sheet.data.towns, _crossings_at(sheet)
    names = [shortened(t.name, _size(t.kind), NAME_PX) for t in towns]
    labels = [
        Label(sheet.x(t.at_m), text_px(name, _size(t.kind), bold=True), (RANKS.get(t.kind, 1.0), t.weight))
        for t, name in zip(towns, names, strict=True)
    ]
    labels += [Label(x, text_px(ref, 9.5, bold=True) + 7, (RANKS["crossing"], 0.0)) for x, ref, _ in refs]
    spots = place_labels(labels, 4, *sheet.margins)
    y = sheet.y + max((s.row + 1 for s in spots if s is not None), default=0) * LINE_PX + 10
    for label, spot in zip(labels, spots, strict=True):
        if spot is not None:
            sheet.line(label.x, y - 6 - spot.row * LINE_PX, label.x, y, THREAD, width=0.7)
    for town, name, spot in zip(towns, names, spots[: len(towns)], strict=True):
        if spot is not None:
            base, bold = y - 9 - spot.row * LINE_PX, town.kind == "city"
            sheet.text(spot.x, base, name, _size(town.kind), anchor="middle", bold=bold, halo=True)
    for crossing, spot in zip(refs, spots[len(towns) :], strict=True):
        _crossing(sheet, crossing, spot, y)
    return y


def _crossing(sheet: Sheet, crossing: tuple[float, str, bool], spot: Spot | None, y: float) -> None:
    x, ref, level = crossing
    note = ref if level else f"{ref}: {sheet.words('strip.bridge-tip')}"
    sheet.line(x, y - 5, x, y + 5, ROAD, width=1.6, dash=() if level else (2, 1.5), note=note)
    if spot is not None:
        px = text_px(ref, 9.5, bold=True) + 7
        shield(sheet, spot.x, y - 9 - spot.row * LINE_PX, ref, px, level=level, size=9.5)


def _size(kind: str) -> float:
    return 11.5 if kind == "city" else 10.5


def _crossings_at(sheet: Sheet) -> list[tuple[float, str, bool]]:
    """Crossing routes by pixel: those at one place share a frame."""
    found = sorted((sheet.x(c.at_m), c.ref, c.level) for c in sheet.data.crossings)
    merged = []
    for group in bins([x for x, _, _ in found], SAME_PLACE_PX):
        refs = list(dict.fromkeys(shortened(found[k][1], 9.5, NAME_PX / 2) for k in group))
        x = sum(found[k][0] for k in group) / len(group)
        merged.append((x, "/".join(refs[:3]) + "…" * (len(refs) > 3), any(found[k][2] for k in group)))
    return merged


def _road(sheet: Sheet, y: float) -> None:
    left, right = sheet.scale.left, sheet.scale.right
    sheet.line(left, y, right, y, "#B4BCC3", width=6.0)
    for stretch in sheet.data.inside:
        sheet.line(sheet.x(stretch.from_m), y, sheet.x(stretch.to_m), y, ROAD, width=6.0)
    for low, high in _united(s for lane in sheet.data.lanes for s in lane.inferred):
        a, b = sheet.x(low), sheet.x(high)
        note = f"{sheet.words('strip.inferred-tip')} · {sheet.length(high - low)}"
        sheet.line(a, y, max(b, a + 3), y, "#F4F6F7", width=3.6, dash=(3, 2), note=note)
    if sheet.data.ring:
        for x in (left, right):
            sheet.add("circle", cx=x, cy=y, r=4.5, fill=PAPER, stroke=ROAD, stroke_width=1.6)


def _united(stretches: Iterable[Stretch]) -> list[tuple[float, float]]:
    """Join stretches that overlap; rising."""
    found: list[tuple[float, float]] = []
    for stretch in sorted(stretches, key=lambda s: (s.from_m, s.to_m)):
        if found and stretch.from_m <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stretch.to_m))
        else:
            found.append((stretch.from_m, stretch.to_m))
    return found


def _shared(sheet: Sheet) -> None:
    """Brackets where another route runs on the same road; those that overlap go on lines of their own."""
    lines: list[float] = []
    for stretch in sheet.data.shared:
        a, b = sheet.x(stretch.from_m), sheet.x(stretch.to_m)
        name = sheet.words("strip.with", ref=road_words(stretch.name, sheet.lang))
        px = text_px(name, 9.5)
        inside = b - a > px + 10
        middle = (a + b) / 2 if inside else b + 4 + px / 2
        if middle + px / 2 > sheet.margins[1]:
            middle = a - 4 - px / 2
        row = next((k for k, end in enumerate(lines) if min(a, middle - px / 2) > end), len(lines))
        lines[row : row + 1] = [max(b, middle + px / 2) + 6]
        y = sheet.y + 7 + row * 13
        d = f"M{a:.1f} {y - 4:.1f}v4H{max(b, a + 2):.1f}v-4"
        sheet.add("path", d=d, fill="none", stroke=ROAD, stroke_width=1.2)
        sheet.text(middle, y + 3.5, name, 9.5, anchor="middle", fill=ROAD, halo=True)
    sheet.y += 13 * len(lines) + (2 if lines else 0)
