"""Strip charts (路线条形图): a section of a route as a straight line, with towns, sites and gaps.

One picture for both directions of a section: above, what lies along the road, on one kilometre scale; below,
a lane for each direction with its sites as beads and the gaps between them, as they are and with the plan.
"""

from __future__ import annotations

import zlib

import geopandas as gpd
import pandas as pd

from ..assess.assessment import Assessment
from ..assess.strip_model import StripData
from ..assess.strips import StripFrames, strips_of
from ..assess.strips_around import Surroundings
from ..network.routes import RoadIndex
from ..plan import Plan
from ..policy import RouteSpacing
from ..texts import text
from ..units import WGS84
from .strip_canvas import FAINT, SOFT, Canvas, diamond, element, shield, tip
from .strip_lanes import draw_lane
from .strip_layout import shortened, text_px
from .strip_legend import draw_legend
from .strip_road import draw_along
from .strip_scale import LEFT_PX, ROW_PX, Scale, kilometres, outside_of, place_name, reason

WIDTH_PX = 720.0
NEAR_LINES = 5
TOWN_KINDS = {
    **dict.fromkeys(("city", "城市", "城区", "市区", "县城"), "city"),
    **dict.fromkeys(("town", "township", "镇", "镇区", "乡", "乡镇", "集镇"), "town"),
}
"""Kinds of demand that are towns to name on a strip; others (villages, grid cells, parks) are not."""


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
    canvas, scale = Canvas(float(width)), Scale(data, width)
    _title(canvas, data, lang)
    top = canvas.y
    back = len(canvas.body)
    draw_along(canvas, scale, data, lang)
    for lane in data.lanes:
        draw_lane(canvas, scale, data, lane, lang)
    canvas.body[back:back] = _background(scale, data, top, canvas.y, lang)
    _near_list(canvas, data, lang)
    draw_legend(canvas, data, lang)
    low, high = (place_name(name, lang) for name in data.ends)
    return canvas.svg(
        text("strip.label", lang, ref=data.ref, low=low, high=high, length=kilometres(data.length_m))
    )


def _title(canvas: Canvas, data: StripData, lang: str) -> None:
    px = text_px(data.ref, 13, bold=True) + 12
    shield(canvas, LEFT_PX / 3 + px / 2, 19, data.ref, px, size=13.0)
    low, high = (shortened(place_name(name, lang), 14, 180) for name in data.ends)
    parts = [f"{kilometres(data.length_m)} km"]
    if data.sections > 1:
        parts.append(text("strip.section", lang, number=data.section, n=data.sections))
    if data.ring:
        parts.append(text("strip.ring", lang))
    x = LEFT_PX / 3 + px + 9
    head = f"{low} — {high}"
    canvas.text(x, 19, head, 14, bold=True)
    canvas.text(x + text_px(head, 14, bold=True) + 10, 19, " · ".join(parts), 12, fill=SOFT)
    canvas.y = 30


def _background(scale: Scale, data: StripData, top: float, bottom: float, lang: str) -> list[str]:
    """Hatching outside the region, kilometre lines, county limits."""
    canvas = Canvas(0)
    outside = outside_of(data)
    hatch = f"hatch-{zlib.crc32(data.key.encode()):08x}"
    if outside:
        stripe = element("path", d="M-1 7L7 -1M5 13L13 5", stroke="#D5DADF", stroke_width=1.0)
        sheet = element("rect", width=8, height=8, fill="#F2F4F5")
        canvas.add(
            "defs",
            element("pattern", sheet, stripe, id=hatch, width=8, height=8, patternUnits="userSpaceOnUse"),
        )
    for low, high in outside:
        x, px = scale.x(low), scale.x(high) - scale.x(low)
        canvas.add(
            "rect",
            tip(text("strip.outside", lang)),
            x=x,
            y=top,
            width=px,
            height=bottom - top,
            fill=f"url(#{hatch})",
        )
    for km in scale.ticks():
        canvas.line(scale.x(km * 1000), top + 16, scale.x(km * 1000), bottom, FAINT, 0.6)
    for at in _limits(data):
        canvas.line(scale.x(at), top + 2, scale.x(at), bottom, "#8A939B", 1.0, (5, 3))
    return canvas.body


def _limits(data: StripData) -> list[float]:
    """County limits: middles between neighbouring stretches of different counties."""
    pairs = zip(data.counties[:-1], data.counties[1:], strict=True)
    return [(a.to_m + b.from_m) / 2.0 for a, b in pairs if a.name != b.name]


def _near_list(canvas: Canvas, data: StripData, lang: str) -> None:
    """What is near but does not serve, with the reason: the first few by chainage, and how many more."""
    found = dict.fromkeys(
        (s.at_m, s.name or text("strip.unnamed", lang), s.reason) for lane in data.lanes for s in lane.near
    )
    rows = sorted(found)
    canvas.y += 4
    for at, name, why in rows[:NEAR_LINES]:
        canvas.y += ROW_PX
        diamond(canvas, LEFT_PX - 14, canvas.y - 3.5)
        line = text(
            "strip.near-line",
            lang,
            km=f"{at / 1000:.1f}",
            name=shortened(name, 10, 260),
            reason=reason(why, lang),
        )
        canvas.text(LEFT_PX - 4, canvas.y, line, 10, fill=SOFT)
    if len(rows) > NEAR_LINES:
        canvas.y += ROW_PX
        canvas.text(
            LEFT_PX - 4, canvas.y, text("strip.near-more", lang, n=len(rows) - NEAR_LINES), 10, fill=SOFT
        )


# -- all of a plan ---------------------------------------------------------------------------------------


def strip_charts(plan: Plan, lang: str) -> dict[str, str]:
    """Strip charts of all routes that the policy's rule on spacing judges.

    Returns
    -------
    dict
        ``REF/SECTION`` (the ``strip`` column of the gaps) -> SVG picture of both directions.
    """
    return {key: strip_svg(data, lang) for key, data in plan_strips(plan).items()}


def plan_strips(plan: Plan) -> dict[str, StripData]:
    """Gather what the strip charts of a plan show; empty without a rule on spacing."""
    rule = next((r for r in plan.policy.rules if isinstance(r, RouteSpacing)), None)
    if rule is None:
        return {}
    counties = plan.inputs.counties
    around = Surroundings(
        RoadIndex(plan.roads), plan.routes, _towns(plan), counties[counties.geometry.notna()],
        None if plan.region is None else plan.region.polygon,
    )  # fmt: skip
    order = {
        str(row.id): int(row.order)
        for siting in plan.siting
        for row in siting.proposed[["id", "order"]].itertuples()
    }
    after = _frames(plan.after, rule.id, order) if plan.siting else None
    routes = [route for route in plan.routes if route.road_class == rule.network]
    return strips_of(around, routes, _frames(plan.before, rule.id, {}), after, limits_km=rule.class_limits_km)


def _frames(assessment: Assessment, rule_id: str, order: dict[str, int]) -> StripFrames:
    sites, gaps = assessment.sites, assessment.gaps
    built = {f"proposed-{name}": number for name, number in order.items()}
    numbers = {str(site): built[str(site)] for site in sites["id"] if str(site) in built}
    return StripFrames(
        gaps[gaps["rule"] == rule_id], assessment.access, sites, assessment.not_served, numbers
    )


def _towns(plan: Plan) -> gpd.GeoDataFrame:
    """Cities and towns of the map's background, and those of the demand table."""
    frames = []
    places = plan.background.get("towns")
    if places is not None and len(places):
        tags = places["tags"] if "tags" in places else pd.Series([{}] * len(places), index=places.index)
        people = pd.to_numeric(tags.map(lambda t: t.get("population")), errors="coerce")
        frames.append(places[["name", "kind", "geometry"]].assign(weight=people))
    demand = plan.inputs.demand
    if len(demand):
        towns = demand.assign(kind=demand["kind"].astype("string").str.strip().str.lower().map(TOWN_KINDS))
        frames.append(towns[towns["kind"].notna() & towns.geometry.notna()][["name", "kind", "weight", "geometry"]])
    if not frames:
        return gpd.GeoDataFrame({"name": [], "kind": [], "weight": []}, geometry=[], crs=WGS84)
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=WGS84)
