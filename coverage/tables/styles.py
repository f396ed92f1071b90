"""The standard styles: one look for each kind of layer, shared by map, GeoPackage and pictures.

Colour never stands alone: width and dash tell spacing classes apart, filled is *has*, a hollow cross *has
not*, a question mark *unknown*; circles are service areas, squares berths, hexagons places for photovoltaics (larger,
since they lie under the others), numbered pins what is proposed.
"""

from __future__ import annotations

from typing import Any

from .layer import ALLOWED, GAP, GOOD, HALO, MIDDLE, PLAN, QUIET, UNKNOWN, Category, LayerStyle, Mark, Symbol

READERS_FONTS = "Microsoft YaHei, PingFang SC, Noto Sans CJK SC, sans-serif"
"""For pictures whose letters the reader's program draws."""
INK, WATER, LAND, BORDER = "#33404A", "#B5D5E8", "#FAF8F3", "#8A939B"

COUNTIES = LayerStyle(
    "polygon", (Category(None, "legend.county", LAND, width=1.2, dash=(5, 3), edge=BORDER),)
)
WATERWAYS = LayerStyle("line", (Category(None, "legend.waterway", WATER, width=3.0),))
EXPRESSWAYS = LayerStyle(
    "line", (Category(None, "legend.expressway", "#7F8FA3", width=2.4, halo="#FFFFFF", opacity=0.9),)
)
ROADS = LayerStyle(
    "line",
    (
        Category("motorway", "legend.road-motorway", "#8F98A0", width=2.2),
        Category("trunk", "legend.road-trunk", "#A3ABB2", width=1.5),
        Category("local", "legend.road-local", "#C3C9CE", width=0.9, min_zoom=9),
        Category("minor", "legend.road-minor", "#D3D8DC", width=0.7, min_zoom=11),
    ),
    by="road_class",
)
"""By ``road_class``: motorway, trunk (trunk and primary), local (secondary, tertiary), minor (the rest)."""
TOWNS = LayerStyle("point", (Category(None, "legend.town", INK, width=5.0, symbol="dot"),))
SITES = LayerStyle(
    "point",
    (
        Category("yes", "legend.site-fast", GOOD, width=11.0, symbol="circle", mark="bolt"),
        Category("no", "legend.site-slow", GOOD, width=9.0, symbol="circle", fill=False),
        Category("unknown", "legend.site-unknown", UNKNOWN, width=10.0, symbol="circle", mark="question"),
        Category(
            "waiting", "legend.site-waiting", QUIET, width=9.0, symbol="circle", mark="bolt", fill=False
        ),
    ),
    by="site_class",
)
"""Charging sites by how fast they are: yes, no, unknown; those not in operation are waiting."""
OTHER_SITES = LayerStyle(
    "point",
    (
        Category("yes", "legend.other-site", GOOD, width=10.0, symbol="triangle"),
        Category("waiting", "legend.site-waiting", QUIET, width=10.0, symbol="triangle", fill=False),
    ),
    by="site_class",
)
CAR_PARKS = LayerStyle(
    "point",
    (
        Category("yes", "legend.car-park-ready", GOOD, width=13.0, symbol="triangle"),
        Category("no", "legend.car-park-short", GAP, width=14.0, symbol="triangle", mark="cross", fill=False),
        Category(
            "unknown", "legend.car-park-unknown", UNKNOWN, width=14.0, symbol="triangle", mark="question"
        ),
    ),
    by="ready",
)
DEMAND = LayerStyle(
    "point",
    (
        Category("before", "legend.demand-before", GOOD, width=6.0, symbol="dot", opacity=0.75),
        Category("after", "legend.demand-after", PLAN, width=8.0, symbol="diamond", opacity=0.9),
        Category("never", "legend.demand-never", GAP, width=7.0, symbol="dot", fill=False),
    ),
    by="covered",
)
"""Demand by ``covered``: before (already), after (by the plan), never."""
CANDIDATES = LayerStyle(
    "point",
    (
        Category("free", "legend.candidate", PLAN, width=5.0, symbol="dot", fill=False),
        Category("excluded", "legend.candidate-excluded", UNKNOWN, width=5.0, symbol="dot", mark="cross"),
    ),
    by="candidate_status",
)
PROPOSED = LayerStyle(
    "point", (Category(None, "legend.proposed", PLAN, width=22.0, symbol="pin", mark="number"),)
)
LEFT_OUT = LayerStyle(
    "point",
    (
        Category("equal", "legend.left-out-equal", PLAN, width=9.0, symbol="diamond", min_zoom=10),
        Category(
            "dearer", "legend.left-out-dearer", PLAN, width=9.0, symbol="diamond", fill=False, min_zoom=10
        ),
        Category(
            "closed", "legend.left-out-closed", QUIET, width=8.0, symbol="diamond", mark="minus", min_zoom=10
        ),
    ),
    by="left_out",
)
"""Places that the plan left out by their price; drawn from near only, since they are many."""
MOVED = LayerStyle("line", (Category(None, "legend.moved", PLAN, width=2.2, dash=(2, 4)),))
ALTERNATIVES = LayerStyle(
    "point",
    (Category(None, "legend.alternative", PLAN, width=13.0, symbol="circle", mark="bolt", fill=False),),
)
LEAST_SITES = LayerStyle(
    "point", (Category(None, "legend.least-site", PLAN, width=13.0, symbol="diamond", fill=False),)
)
NOT_SERVED = LayerStyle(
    "point",
    (Category(None, "legend.not-served", GAP, width=12.0, symbol="diamond", mark="minus", fill=False),),
)
UNSERVED = LayerStyle("line", (Category(None, "legend.unserved", GAP, width=5.0, dash=(2.0, 4.0)),))
LISTED = LayerStyle("point", (Category(None, "legend.listed", GOOD, width=10.0, symbol="triangle"),))
"""Places that a rule only lists."""
ISSUES = LayerStyle(
    "point", (Category(None, "legend.issue", MIDDLE, width=12.0, symbol="triangle", mark="question"),)
)


def route_style(low_km: float, high_km: float, span_km: float | None = None) -> LayerStyle:
    """Routes by ``spacing_class``: good (< low), middle, gap (> high), shared, open (no known end), no_site.

    Parameters
    ----------
    low_km, high_km : float
        Limits of the profile in km, e.g. 25 and 40.
    span_km : float, optional
        How long a gap may be; the last limit by default. What is shorter is never drawn like a warning.
    """
    limits = class_limits(low_km, high_km)
    middle = ALLOWED if span_km is None or span_km >= high_km else MIDDLE
    return LayerStyle(
        "line",
        (
            Category("good", "legend.spacing-good", GOOD, width=3.0, label_values=limits),
            Category("middle", "legend.spacing-middle", middle, width=3.4, dash=(11, 4), label_values=limits),
            Category(
                "gap", "legend.spacing-gap", GAP, width=4.4, dash=(3, 4), halo=HALO, label_values=limits
            ),
            Category(
                "shared", "legend.spacing-shared", PLAN, width=3.4, dash=(7, 3, 1, 3), label_values=limits
            ),
            Category("open", "legend.spacing-open", UNKNOWN, width=3.4, dash=(2, 5), label_values=limits),
            Category(
                "no_site", "legend.spacing-no-site", GAP, width=2.4, dash=(9, 4, 2, 4), label_values=limits
            ),
        ),
        by="spacing_class",
        offset_by="side",
    )


def class_limits(low_km: float, high_km: float) -> dict[str, Any]:
    """Limits between the classes of spacing as legends name them; see :func:`label_words`."""
    return {"low_km": low_km, "range_km": (low_km, high_km), "high_km": high_km}


def reach_bands(limits_km: tuple[float, ...]) -> LayerStyle:
    """Service areas of sites as bands by ``within_km``: the nearer, the stronger.

    Parameters
    ----------
    limits_km : tuple of float
        Upper limits of the bands in km, ascending; the frame's ``within_km`` holds one of them as text.
    """
    shades = [0.34 - 0.26 * i / max(len(limits_km) - 1, 1) for i in range(len(limits_km))]
    return LayerStyle(
        "polygon",
        tuple(
            Category(
                f"{limit:g}",
                "legend.reach-band",
                GOOD,
                width=0.6 + 0.3 * i,
                edge="#A9C8DE",
                opacity=shade,
                label_values={"span_km": limit},
            )
            for i, (limit, shade) in enumerate(zip(limits_km, shades, strict=True))
        ),
        by="within_km",
    )


def facility_style() -> LayerStyle:
    """Service areas (circles) by whether they have what a rule asks for: yes, no, unknown."""
    return LayerStyle("point", _three("facility", "circle", "bolt", {}), by="has")


def own_style(sign: str) -> LayerStyle:
    """Places of a rule that has a layer of its own, by whether they have what it asks for; see ``RuleKind.sign``."""
    if sign == "pv":
        return LayerStyle("point", _three("pv", "hexagon", "sun", {}, width=20.0), by="has")
    return facility_style()


def berth_style(class_t: float | None = 1000) -> LayerStyle:
    """Berths (squares) by ``status``: yes, no, unknown of those that surely count; may count; not counted.

    Parameters
    ----------
    class_t : float, optional
        Design class in tonnes from which a berth counts; None if no rule counts berths.
    """
    values = {} if class_t is None else {"class_t": class_t}
    why = "legend.facility-not-counted" if class_t is None else "legend.berth-not-counted"
    out = Category("not_counted", why, QUIET, width=10.0, symbol="square", label_values=values)
    maybe = Category(
        "may_count", "legend.berth-may-count", UNKNOWN, width=14.0, symbol="square", mark="question", fill=False,
        label_values=values,
    )  # fmt: skip
    return LayerStyle("point", (*_three("berth", "square", "plug", values), maybe, out), by="status")


def _three(
    name: str, symbol: Symbol, mark: Mark, values: dict[str, Any], width: float = 16.0
) -> tuple[Category, Category, Category]:
    common: dict[str, Any] = {"width": width, "symbol": symbol, "label_values": values}
    return (
        Category("yes", f"legend.{name}-yes", GOOD, mark=mark, **common),
        Category("no", f"legend.{name}-no", GAP, mark="cross", fill=False, **common),
        Category("unknown", f"legend.{name}-unknown", UNKNOWN, mark="question", **common),
    )


HUBS = LayerStyle("point", _three("facility", "diamond", "bolt", {}), by="has")
"""Hubs (diamonds), as service areas."""
