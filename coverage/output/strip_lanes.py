"""The lanes of a strip chart: one for each direction, with sites as beads and the gaps between them."""

from __future__ import annotations

from collections.abc import Sequence

from ..assess.strip_model import LaneState, StripData, StripGap, StripLane, StripSite
from ..texts import text
from .layer import PLAN, Category
from .strip_canvas import BASE, FAINT, INK, PAPER, SOFT, Canvas, diamond, pin, site_symbol
from .strip_layout import Label, bins, place_labels, shortened, text_px
from .strip_scale import LEFT_PX, RIGHT_PX, ROW_PX, Scale, kilometres, outside_of, place_name, reason
from .styles import route_style

BEAD_PX = 12.0
"""Sites closer together than this on the picture are drawn as one symbol with their number."""
GAP_WIDTH = 1.7
"""Lines are drawn so much wider than on the map."""


def draw_lane(canvas: Canvas, scale: Scale, data: StripData, lane: StripLane, lang: str) -> None:
    """Head with figures, the line as it is, the line with the plan, what is near but does not serve."""
    canvas.y += 8
    canvas.line(6, canvas.y, scale.right + RIGHT_PX - 6, canvas.y, FAINT, 1.0)
    canvas.y += 15
    _lane_head(canvas, lane, lang)
    skipped = _state_line(canvas, scale, data, lane, lane.before, lang, names=True)
    canvas.text(LEFT_PX - 8, canvas.y - 9.5, text("strip.before-mark", lang), 9, anchor="end", fill=SOFT)
    if lane.after is not None:
        canvas.y += 9
        _state_line(canvas, scale, data, lane, lane.after, lang, names=False)
        canvas.text(LEFT_PX - 8, canvas.y - 9.5, text("strip.after-mark", lang), 9, anchor="end", fill=PLAN)
    if lane.near:
        _near_row(canvas, scale, lane, lang)
    if skipped:
        canvas.y += 12
        canvas.text(
            scale.right, canvas.y - 2, text("strip.more", lang, n=skipped), 9.5, anchor="end", fill=SOFT
        )


def _lane_head(canvas: Canvas, lane: StripLane, lang: str) -> None:
    y, forward = canvas.y, lane.direction == "forward"
    arrow = f"M16 {y - 4}h14m-5-4l5 4-5 4" if forward else f"M30 {y - 4}h-14m5-4l-5 4 5 4"
    canvas.add(
        "path",
        d=arrow,
        fill="none",
        stroke=INK,
        stroke_width=1.8,
        stroke_linecap="round",
        stroke_linejoin="round",
    )
    head = text("strip.towards", lang, place=shortened(place_name(lane.towards, lang), 11.5, 160))
    canvas.text(LEFT_PX - 8, y, head, 11.5, bold=True)
    x = LEFT_PX - 8 + text_px(head, 11.5, bold=True) + 12
    for value, colour in _facts(lane, lang):
        px = text_px(value, 10)
        if x + px > canvas.width - 6:
            canvas.y += ROW_PX
            x = LEFT_PX - 8
        canvas.text(x, canvas.y, value, 10, fill=colour)
        x += px + 12
    canvas.y += 4


def _facts(lane: StripLane, lang: str) -> list[tuple[str, str]]:
    """What the head of a lane says: sites, mean and longest gap (always together), and the same with the plan."""
    facts = [(_count(lane.before.sites, lang), SOFT), (_figures(lane.before, lang), INK)]
    if lane.after is not None:
        new = sum(s.order is not None for s in lane.after.sites)
        parts = [text("strip.proposed", lang, n=new)] if new else []
        figures = _figures(lane.after, lang)
        facts.append((text("strip.after", lang) + " " * (lang == "en") + " · ".join([*parts, figures]), PLAN))
    return [(value, colour) for value, colour in facts if value]


def _count(sites: Sequence[StripSite], lang: str) -> str:
    if not sites:
        return text("strip.no-sites", lang)
    kinds = [
        (key, sum(s.fast == value for s in sites))
        for value, key in (("yes", "fast"), ("no", "slow"), ("unknown", "unknown"))
    ]
    words = [text(f"strip.{key}", lang, n=n) for key, n in kinds if n]
    whole = text("strip.one-site", lang) if len(sites) == 1 else text("strip.sites", lang, n=len(sites))
    return f"{whole}（{'，'.join(words)}）" if lang == "zh" else f"{whole} ({', '.join(words)})"


def _figures(state: LaneState, lang: str) -> str:
    parts = []
    if state.mean_gap_m is not None:
        parts.append(text("strip.mean", lang, value=kilometres(state.mean_gap_m)))
    gap = state.longest
    if gap is not None:
        low, high = sorted((gap.from_km, gap.to_km))
        parts.append(text("strip.longest", lang, value=_length(gap), low=f"{low:.1f}", high=f"{high:.1f}"))
    return " · ".join(parts)


def _length(gap: StripGap) -> str:
    return ("≥ " if gap.open_low or gap.open_high else "") + kilometres(gap.length_m)


def _state_line(
    canvas: Canvas,
    scale: Scale,
    data: StripData,
    lane: StripLane,
    state: LaneState,
    lang: str,
    *,
    names: bool,
) -> int:
    """A line of gaps with sites as beads; lengths below. Returns how many names found no room."""
    groups = bins([scale.x(s.at_m) for s in state.sites], BEAD_PX)
    skipped = 0
    if names:
        skipped = _site_names(canvas, scale, state.sites, groups, lang)
    y = canvas.y + (10 if names else 18)
    for stretch in lane.driven:
        canvas.line(scale.x(stretch.from_m), y, scale.x(stretch.to_m), y, BASE, 2.0)
    for low, high in _holes(lane):
        canvas.line(scale.x(low), y, scale.x(high), y, SOFT, 1.0, (1, 4), text("strip.one-way-gap", lang))
    for gap in state.gaps:
        _gap_bar(canvas, scale, data, gap, y, lang)
    for low, high in outside_of(data):
        canvas.add(
            "rect",
            x=scale.x(low),
            y=y - 8,
            width=scale.x(high) - scale.x(low),
            height=16.0,
            fill=PAPER,
            fill_opacity=0.55,
        )
    for group in groups:
        _bead(canvas, scale, [state.sites[k] for k in group], y, lang)
    _gap_lengths(canvas, scale, state, y + 17)
    canvas.y = y + 21
    return skipped


def _holes(lane: StripLane) -> list[tuple[float, float]]:
    pairs = zip(lane.driven[:-1], lane.driven[1:], strict=True)
    return [(a.to_m, b.from_m) for a, b in pairs]


def category_of(data: StripData, spacing_class: str) -> Category | None:
    return next((c for c in route_style(*data.limits_km).categories if c.value == spacing_class), None)


def _gap_bar(canvas: Canvas, scale: Scale, data: StripData, gap: StripGap, y: float, lang: str) -> None:
    look = category_of(data, gap.spacing_class)
    note = text(
        "strip.gap-tip",
        lang,
        value=_length(gap),
        low=f"{min(gap.from_km, gap.to_km):.1f}",
        high=f"{max(gap.from_km, gap.to_km):.1f}",
    )
    for low, high in gap.parts:
        a, b = scale.x(low), scale.x(high)
        if look is None:
            canvas.line(a, y, b, y, SOFT, 3.0, note=note)
            continue
        if look.halo:
            canvas.line(a, y, b, y, look.halo, look.width * GAP_WIDTH + 6)
        canvas.line(a, y, b, y, look.colour, look.width * GAP_WIDTH, look.dash, note)
    for is_open, x, turn in (
        (gap.open_low, scale.x(gap.parts[0][0]), 1),
        (gap.open_high, scale.x(gap.parts[-1][1]), -1),
    ):
        if is_open:
            canvas.add(
                "path",
                d=f"M{x + 5 * turn:.1f} {y - 5:.1f}l{-5 * turn} 5 {5 * turn} 5",
                fill="none",
                stroke=SOFT,
                stroke_width=1.6,
            )


def _gap_lengths(canvas: Canvas, scale: Scale, state: LaneState, y: float) -> None:
    longest, labels = state.longest, []
    for gap in state.gaps:
        low, high = max(gap.parts, key=lambda p: p[1] - p[0])
        middle, strong = (scale.x(low) + scale.x(high)) / 2, gap is longest
        px = text_px(_length(gap), 10, bold=strong)
        fits = scale.x(high) - scale.x(low) >= px - 2 or strong
        labels.append((gap, strong, Label(middle, px if fits else 1e9, (float(strong), gap.length_m))))
    spots = place_labels([label for _, _, label in labels], 1, 4.0, scale.right + RIGHT_PX - 3)
    for (gap, strong, _), spot in zip(labels, spots, strict=True):
        if spot is not None:
            canvas.text(
                spot.x,
                y,
                _length(gap),
                10,
                anchor="middle",
                bold=strong or gap.spacing_class == "gap",
                halo=True,
            )


def _site_names(
    canvas: Canvas, scale: Scale, sites: Sequence[StripSite], groups: list[list[int]], lang: str
) -> int:
    """Names above the beads in up to three rows; returns how many sites stay without."""
    ranks = {"yes": 3.0, "unknown": 2.0, "no": 1.0}
    labels, shown = [], []
    for group in groups:
        best = max(group, key=lambda k: (ranks.get(sites[k].fast, 0.0), -k))
        name = shortened(sites[best].name or text("strip.unnamed", lang), 10, 130)
        if len(group) > 1:
            name = text("strip.and-more", lang, name=name, n=len(group) if lang == "zh" else len(group) - 1)
        x = sum(scale.x(sites[k].at_m) for k in group) / len(group)
        labels.append(Label(x, text_px(name, 10), (ranks.get(sites[best].fast, 0.0), float(len(group)))))
        shown.append(name)
    spots = place_labels(labels, 3, 4.0, scale.right + RIGHT_PX - 3)
    rows = max((s.row + 1 for s in spots if s is not None), default=0)
    base = canvas.y + rows * ROW_PX
    for label, name, spot in zip(labels, shown, spots, strict=True):
        if spot is not None:
            y = base - spot.row * ROW_PX
            canvas.line(label.x, y + 1.5, label.x, base + 6, "#9AA3AB", 0.7)
            canvas.text(spot.x, y, name, 10, anchor="middle", halo=True)
    canvas.y = base
    return sum(len(group) for group, spot in zip(groups, spots, strict=True) if spot is None)


def _bead(canvas: Canvas, scale: Scale, group: Sequence[StripSite], y: float, lang: str) -> None:
    """One symbol for the sites of a place."""
    x = sum(scale.x(s.at_m) for s in group) / len(group)
    note = "\n".join(_site_note(s, lang) for s in group[:12]) + ("\n…" if len(group) > 12 else "")
    proposed = [s for s in group if s.order is not None]
    others = [s for s in group if s.order is None]
    if others:
        kinds = {s.fast for s in others}
        fast = next(k for k in ("yes", "unknown", "no") if k in kinds or k == "no")
        site_symbol(canvas, x, y, fast, len(others), note)
    if proposed:
        first = min(s.order for s in proposed if s.order is not None)
        pin(canvas, x, y - (6 if others else 1), f"{first}" if len(proposed) == 1 else f"{first}+", note)


def _site_note(site: StripSite, lang: str) -> str:
    parts = [
        site.name or text("strip.unnamed", lang),
        text("strip.at", lang, km=f"{site.chainage_m / 1000:.1f}"),
    ]
    parts.append(
        text("strip.legend.proposed" if site.order is not None else f"choice.fast.{site.fast}", lang)
    )
    if site.distance_m == site.distance_m:
        parts.append(text("strip.away", lang, km=f"{site.distance_m / 1000:.1f}"))
    return " · ".join(parts)


def _near_row(canvas: Canvas, scale: Scale, lane: StripLane, lang: str) -> None:
    y = canvas.y + 7
    canvas.text(LEFT_PX - 8, y + 3, text("strip.near-mark", lang), 9, anchor="end", fill=SOFT)
    groups = bins([scale.x(s.at_m) for s in lane.near], 10.0)
    for group in groups:
        sites = [lane.near[k] for k in group]
        x = sum(scale.x(s.at_m) for s in sites) / len(sites)
        note = "\n".join(
            f"{s.name or text('strip.unnamed', lang)}: {reason(s.reason, lang)}" for s in sites[:12]
        )
        diamond(canvas, x, y, note)
        if len(sites) > 1:
            canvas.text(x + 6, y + 3, f"{len(sites)}", 8.5, fill=SOFT, halo=True)
    canvas.y = y + 7
