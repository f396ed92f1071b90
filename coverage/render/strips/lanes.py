"""The lanes of a strip chart: one for each direction, with sites as beads and the gaps between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ...measure.strip_model import LaneState, StripData, StripGap, StripLane, StripSite
from ...schema import column, shown
from ...tables.layer import PLAN, Category
from ...tables.styles import route_style
from ...units import km
from ...waymarks import span_words
from .canvas import BASE, FAINT, INK, SOFT, THREAD, diamond, idle_symbol, pin, site_symbol
from .layout import Label, bins, place_labels, shortened, text_px
from .scale import LEFT_PX, ROW_PX, Sheet

BEAD_PX = 13.5
"""Sites closer together than this on the picture are drawn as one symbol with their number."""
MOST_NOTES = 12
"""Sites that the tooltip of a group names."""
GAP_WIDTH = 1.7
"""Lines are drawn so much wider than on the map."""
PARTED = " · "
SHOWN_FIRST = {"yes": 3.0, "unknown": 2.0, "no": 1.0}


def draw_lane(sheet: Sheet, lane: StripLane) -> None:
    """Head with figures, the line as it is, the line with the plan, what is near but does not serve."""
    sheet.y += 8
    sheet.line(6, sheet.y, sheet.width - 6, sheet.y, FAINT)
    sheet.y += 15
    _head(sheet, lane)
    skipped = _site_names(sheet, lane.before.sites)
    _state_line(sheet, lane, lane.before, 10.0)
    sheet.text(LEFT_PX - 8, sheet.y - 9.5, sheet.words("strip.before-mark"), 9, anchor="end", fill=SOFT)
    if lane.after is not None and lane.after != lane.before:
        _state_line(sheet, lane, lane.after, 27.0)
        sheet.text(LEFT_PX - 8, sheet.y - 9.5, sheet.words("strip.after-mark"), 9, anchor="end", fill=PLAN)
    if lane.near or skipped:
        sheet.y += 14
    if lane.near:
        _near_row(sheet, lane, sheet.y - 7)
    if skipped:
        more = sheet.words("strip.more", n=skipped)
        sheet.text(sheet.scale.right, sheet.y - 3.5, more, 9.5, anchor="end", fill=SOFT, halo=True)


# -- head ------------------------------------------------------------------------------------------------


def _head(sheet: Sheet, lane: StripLane) -> None:
    """Arrow, where to, figures; wrapped to the width."""
    y, left = sheet.y, LEFT_PX - 8
    arrow = (
        f"M16 {y - 4:.1f}h14m-5-4l5 4-5 4"
        if lane.direction == "forward"
        else f"M30 {y - 4:.1f}h-14m5-4l-5 4 5 4"
    )
    sheet.add(
        "path",
        d=arrow,
        fill="none",
        stroke=INK,
        stroke_width=1.8,
        stroke_linecap="round",
        stroke_linejoin="round",
    )
    head = sheet.words("strip.towards", place=shortened(sheet.place(lane.towards), 11.5, 160))
    if sheet.data.ring:
        head = sheet.words(f"strip.ring-{lane.direction}")
    sheet.text(left, y, head, 11.5, bold=True, halo=True)
    x = left + text_px(head, 11.5, bold=True) + 12
    room = sheet.width - 6 - left
    rows = [(row, colour) for fact, colour in _facts(sheet, lane) for row in fact_rows(fact, room)]
    for value, colour in rows:
        px = text_px(value, 10)
        if x + px > sheet.width - 6:
            sheet.y += ROW_PX
            x = left
        sheet.text(x, sheet.y, value, 10, fill=colour, halo=True)
        x += px + 12
    sheet.y += 4


def fact_rows(fact: str, room: float) -> list[str]:
    """A fact on as many rows as it needs, broken between its parts."""
    rows: list[str] = []
    for part in fact.split(PARTED):
        if rows and text_px(longer := f"{rows[-1]}{PARTED}{part}", 10) <= room:
            rows[-1] = longer
        else:
            rows.append(part)
    return rows


def _facts(sheet: Sheet, lane: StripLane) -> list[tuple[str, str]]:
    """Say how many sites, mean and longest gap (always together), and the same with the plan."""
    facts = [(_count(sheet, lane.before), SOFT), (_figures(sheet, lane.before), INK)]
    if lane.after == lane.before:
        facts.append((sheet.words("strip.unchanged"), PLAN))
    elif lane.after is not None:
        new = sum(s.order is not None for s in lane.after.sites)
        parts = [sheet.words("strip.proposed", n=new)] if new else []
        figures = PARTED.join([*parts, _figures(sheet, lane.after)])
        facts.append(
            (sheet.words("language.sentences", first=sheet.words("strip.after"), second=figures), PLAN)
        )
    return [(value, colour) for value, colour in facts if value]


def _count(sheet: Sheet, state: LaneState) -> str:
    """Sites that count, by kind; then how many serve the road but don't count."""
    sites, others = state.counted, len(state.sites) - len(state.counted)
    kinds = (("yes", "fast"), ("no", "slow"), ("unknown", "unknown"))
    counts = [(key, sum(s.fast == value for s in sites)) for value, key in kinds]
    words = [sheet.words(f"strip.{key}", n=n) for key, n in counts if n]
    words += [sheet.words("strip.not-counted", n=others)] if others else []
    keys = {0: "strip.no-sites", 1: "strip.one-site"}
    whole = sheet.words(keys.get(len(sites), "strip.sites"), n=len(sites))
    if not words:
        return whole
    return sheet.words("language.brackets", words=whole, more=sheet.words("language.comma").join(words))


def _figures(sheet: Sheet, state: LaneState) -> str:
    parts = []
    if state.mean_gap_m is not None:
        parts.append(sheet.words("strip.mean", value=sheet.length(state.mean_gap_m)))
    gap = state.longest
    if gap is not None:
        parts.append(
            sheet.words("strip.longest", value=length_text(sheet, gap, unit=True), span=_span(sheet, gap))
        )
    return PARTED.join(parts)


def _span(sheet: Sheet, gap: StripGap) -> str:
    """Between the two ends, rising; on a ring in driving order, within the ring."""
    ends = sorted((gap.from_m, gap.to_m))
    if sheet.data.ring:
        start, round_m = sheet.data.start_m, sheet.data.end_m - sheet.data.start_m
        ends = [start + (m - start) % round_m for m in ends]
    low, high = (km(m) for m in ends)
    return span_words(low, high, sheet.lang, sheet.data.ref, sheet.data.section)


def length_text(sheet: Sheet, gap: StripGap, *, unit: bool = False) -> str:
    """Write the length of a gap in the region, behind it that of the whole; an open one is at least so long."""
    own, whole = (sheet.length(x, unit=unit) for x in (gap.judged_m, gap.length_m))
    least = "≥ " if gap.open_low or gap.open_high else ""
    return least + whole if own == whole else f"{own} ({least}{whole})"


# -- line ------------------------------------------------------------------------------------------------


def _state_line(sheet: Sheet, lane: StripLane, state: LaneState, above_px: float) -> None:
    """Draw gaps with sites as beads, and their lengths below."""
    y = sheet.y + above_px
    for stretch in lane.driven:
        sheet.line(sheet.x(stretch.from_m), y, sheet.x(stretch.to_m), y, BASE)
    for a, b in pairwise(lane.driven):
        none = sheet.words("strip.one-way-gap")
        sheet.line(sheet.x(a.to_m), y, sheet.x(b.from_m), y, SOFT, dash=(1, 4), note=none)
    for gap in state.gaps:
        _gap_bar(sheet, gap, y)
    for group in bins([sheet.x(s.at_m) for s in state.sites], BEAD_PX):
        _bead(sheet, [state.sites[k] for k in group], y)
    _gap_lengths(sheet, state, y + 17)
    sheet.y = y + 21


def category_of(data: StripData, spacing_class: str) -> Category | None:
    """Look of a spacing class, the same as on the map; None if the class is not known."""
    return next((c for c in route_style(*data.limits_km).categories if c.value == spacing_class), None)


def _gap_bar(sheet: Sheet, gap: StripGap, y: float) -> None:
    look = category_of(sheet.data, gap.spacing_class) or Category(None, "", SOFT, width=2.0)
    note = sheet.words("strip.gap-tip", value=length_text(sheet, gap, unit=True), span=_span(sheet, gap))
    note = "\n".join(line for line in (note, gap.gap_id) if line)
    for low, high, faint in _pieces(gap, sheet.outside):
        a, b, opacity = sheet.x(low), sheet.x(high), 0.4 if faint else None
        if look.halo:
            sheet.line(a, y, b, y, look.halo, width=look.width * GAP_WIDTH + 6, opacity=opacity)
        sheet.line(
            a, y, b, y, look.colour, width=look.width * GAP_WIDTH, dash=look.dash, note=note, opacity=opacity
        )
    low_x, high_x = sheet.x(gap.parts[0][0]), sheet.x(gap.parts[-1][1])
    for is_open, x, turn in ((gap.open_low, low_x, 1), (gap.open_high, high_x, -1)):
        if is_open:
            d = f"M{x + 5 * turn:.1f} {y - 5:.1f}l{-5 * turn} 5 {5 * turn} 5"
            sheet.add("path", d=d, fill="none", stroke=INK, stroke_width=1.6)


def _pieces(gap: StripGap, outside: Sequence[tuple[float, float]]) -> list[tuple[float, float, bool]]:
    """Parts of a gap inside and outside the region: from, to, is it outside."""
    found = []
    for low, high in gap.parts:
        cuts = sorted({low, high, *(min(max(e, low), high) for part in outside for e in part)})
        found += [(a, b, any(x <= (a + b) / 2 <= y for x, y in outside)) for a, b in pairwise(cuts)]
    return found


def _gap_lengths(sheet: Sheet, state: LaneState, y: float) -> None:
    """Write lengths where they fit; that of the longest gap always."""
    longest, labels = state.longest, []
    for gap in state.gaps:
        low, high = max(gap.parts, key=lambda p: p[1] - p[0])
        px = text_px(length_text(sheet, gap), 10, bold=gap is longest)
        fits = gap is longest or sheet.x(high) - sheet.x(low) >= px - 2
        middle = (sheet.x(low) + sheet.x(high)) / 2
        labels.append(Label(middle, px if fits else 1e9, (float(gap is longest), gap.length_m)))
    for gap, spot in zip(state.gaps, place_labels(labels, 1, *sheet.margins), strict=True):
        if spot is not None:
            bold = gap is longest or gap.spacing_class == "gap"
            sheet.text(spot.x, y, length_text(sheet, gap), 10, anchor="middle", bold=bold, halo=True)


# -- sites -----------------------------------------------------------------------------------------------


def _site_names(sheet: Sheet, sites: Sequence[StripSite]) -> int:
    """Write names above the beads in up to three rows; returns how many sites stay without."""
    groups = bins([sheet.x(s.at_m) for s in sites], BEAD_PX)
    labels, names = [], []
    for group in groups:
        best = max((sites[k] for k in group), key=lambda s: (s.counts, SHOWN_FIRST.get(s.fast, 0.0), -s.at_m))
        name = shortened(best.name or sheet.words("strip.unnamed"), 10, 130)
        if len(group) > 1:
            name = sheet.words("strip.and-more", name=name, n=len(group) - 1)
        x = sum(sheet.x(sites[k].at_m) for k in group) / len(group)
        labels.append(
            Label(
                x, text_px(name, 10), (float(best.counts), SHOWN_FIRST.get(best.fast, 0.0), float(len(group)))
            )
        )
        names.append(name)
    spots = place_labels(labels, 3, *sheet.margins)
    base = sheet.y + max((s.row + 1 for s in spots if s is not None), default=0) * ROW_PX
    for label, name, spot in zip(labels, names, spots, strict=True):
        if spot is not None:
            y = base - spot.row * ROW_PX
            sheet.line(label.x, y + 1.5, label.x, base + 6, THREAD, width=0.7)
            sheet.text(spot.x, y, name, 10, anchor="middle", halo=True)
    sheet.y = base
    return sum(len(group) for group, spot in zip(groups, spots, strict=True) if spot is None)


def _bead(sheet: Sheet, group: Sequence[StripSite], y: float) -> None:
    """One symbol for the sites of a place; proposed ones as a pin."""
    x = sum(sheet.x(s.at_m) for s in group) / len(group)
    note = "\n".join(
        [*(_site_note(sheet, s) for s in group[:MOST_NOTES]), *["…"] * (len(group) > MOST_NOTES)]
    )
    orders = [s.order for s in group if s.order is not None]
    others = {s.fast for s in group if s.order is None and s.counts}
    n_counted = sum(s.order is None and s.counts for s in group)
    if others:
        fast = next((k for k in SHOWN_FIRST if k in others), "no")
        site_symbol(sheet, x, y, fast, count=n_counted, note=note)
    elif not orders:
        idle_symbol(sheet, x, y, note=note)
    if orders:
        pin(sheet, x, y - (6 if others else 1), f"{min(orders)}{'+' * (len(orders) > 1)}", note=note)


def _site_note(sheet: Sheet, site: StripSite) -> str:
    key = "strip.legend.proposed" if site.order is not None else f"choice.fast.{site.fast}"
    parts = [site.name or sheet.words("strip.unnamed"), sheet.mark(site.chainage_m)]
    parts += [sheet.words(key)] if site.order is not None or site.fast else []
    if not site.counts:
        parts.append(sheet.words("strip.legend.idle"))
    if site.distance_m == site.distance_m:
        parts.append(
            sheet.words(
                "strip.away",
                far=shown(km(site.distance_m), column("distance_km"), sheet.lang, unit=True),
            )
        )
    return PARTED.join([*parts, site.id])


def _near_row(sheet: Sheet, lane: StripLane, y: float) -> None:
    sheet.text(LEFT_PX - 8, y + 3, sheet.words("strip.near-mark"), 9, anchor="end", fill=SOFT)
    for group in bins([sheet.x(s.at_m) for s in lane.near], 10.0):
        sites = [lane.near[k] for k in group]
        x = sum(sheet.x(s.at_m) for s in sites) / len(sites)
        notes = [
            f"{s.name or sheet.words('strip.unnamed')}: {sheet.reason(s.reason)}" for s in sites[:MOST_NOTES]
        ]
        diamond(sheet, x, y, note="\n".join(notes))
        if len(sites) > 1:
            sheet.text(x + 6, y + 3, f"{len(sites)}", 8.5, fill=SOFT, halo=True)
