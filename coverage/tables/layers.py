"""The layers of a plan, lowest first: what the map draws and the GeoPackage holds.

Nothing is measured here. Frames get the columns that the schemas below name, in kilometres, and the styles
of :mod:`plugspan.tables.styles`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..inputs.choices import HUB_KINDS, OTHER_KINDS, SERVICE_KINDS
from ..measure.strips import strip_of
from ..plan import Plan
from ..rules.assessment import Assessment
from ..rules.berths import BerthShare
from ..rules.facilities import FacilityShare
from ..rules.kind import kind_of
from ..rules.length import LengthCoverage
from ..rules.model import Rule
from ..rules.parking import ShareMargin
from ..rules.reach import DemandReach
from ..rules.spacing import RouteSpacing
from ..schema import TableSchema, column, columns, percent
from ..settings import Wording
from ..texts import text
from ..units import M_PER_KM, WGS84, in_kilometres
from . import styles
from .columns import (
    BERTH_COLUMNS,
    CAR_PARK_COLUMNS,
    COUNTY_COLUMNS,
    EXPRESSWAY_COLUMNS,
    FACILITY_COLUMNS,
    GAP_LAYER_COLUMNS,
    ISSUE_COLUMNS,
    NOT_SERVED_COLUMNS,
    OTHER_COLUMNS,
    ROAD_COLUMNS,
    SITE_COLUMNS,
)
from .gap_words import with_gap_words
from .layer import QUIET, Category, Layer, LayerStyle, Phase, Popup, own_layer
from .layer_frame import make_layer
from .popups import GAP, POPUPS
from .siting_layers import (
    actions_layer,
    alternatives_layer,
    candidates_layer,
    demand_layer,
    least_layers,
    others_layers,
    proposed_layer,
)
from .source_tables import quality_table

OWN_LABELS = ("legend.expressway", "legend.site-fast", "legend.site-slow")
"""Legend texts that speak of China's roads and of fast charging; each has a twin for other policies."""


def plan_layers(plan: Plan, lang: str) -> list[Layer]:
    """All layers of a plan, lowest first, with their sentences in ``lang``."""
    layers = [
        _counties(plan, lang),
        _background(plan, "waterways", styles.WATERWAYS),
        *_bands(plan),
        _roads(plan),
        _expressways(plan),
        *_routes(plan, lang),
        *_demand(plan),
        _background(plan, "towns", styles.TOWNS, label="name"),
        candidates_layer(plan),
        *_car_parks(plan),
        *_facilities(plan, "hubs", HUB_KINDS),
        _not_served(plan),
        _issues(plan, lang),
        _other_sites(plan),
        _sites(plan.before),
        *_berths(plan),
        *_own_layers(plan),
        *_facilities(plan, "service_areas", SERVICE_KINDS),
        *least_layers(plan),
        alternatives_layer(plan, lang),
        proposed_layer(plan, lang),
        *others_layers(plan, lang),
        actions_layer(plan, lang),
    ]
    return [_named_for(plan, layer) for layer in layers if layer is not None]


def gis_layers(plan: Plan, layers: Sequence[Layer], lang: str) -> list[Layer]:
    """All layers of a plan, and below its routes those of rules on covered length, which the web map doesn't draw."""
    at = next((i for i, layer in enumerate(layers) if layer.group == "routes"), len(layers))
    return [*layers[:at], *_stretches(plan, lang), *layers[at:]]


def _stretches(plan: Plan, lang: str) -> list[Layer]:
    """Stretches between the sites that a rule on covered length counts, by rule and state."""
    layers = []
    for number, rule in enumerate(plan.policy.of(LengthCoverage), 1):
        for phase, assessment in _states(plan):
            layer = _gap_layer(assessment, rule, [rule], phase, lang)
            name = "stretches" if number == 1 else f"stretches_{number}"
            layers.append(replace(layer, name=name, rule=rule, visible=False))
    return layers[::-1]


def _named_for(plan: Plan, layer: Layer) -> Layer:
    """Roads and sites of a policy whose classes of roads are not China's bear names that fit any policy."""
    spacing = {rule.road_class for rule in plan.policy.of(RouteSpacing)}
    drawn = {
        "routes": spacing,
        "charging_sites": spacing,
        "expressways": {route.road_class for route in plan.routes} - spacing,
    }
    names = {
        "routes": {"ordinary_trunk"},
        "charging_sites": {"ordinary_trunk"},
        "expressways": {"expressway"},
    }
    if layer.name not in names or drawn[layer.name] <= names[layer.name]:
        return layer
    own = tuple(
        replace(c, label_key=f"{c.label_key}-own") if c.label_key in OWN_LABELS else c
        for c in layer.style.categories
    )
    title = layer.title_key if layer.name == "charging_sites" else f"{layer.title_key}-own"
    return replace(layer, title_key=title, style=replace(layer.style, categories=own))


def _counties(plan: Plan, lang: str) -> Layer | None:
    counties = plan.inputs.own_counties
    known = not (counties.empty or counties.geometry.isna().all())
    if not known:
        if plan.region is None:
            return None
        name, outline = Wording(plan.region.name).of(lang), plan.region.polygon
        counties = gpd.GeoDataFrame({"name": [name]}, geometry=[outline], crs=WGS84)
    counties = _with_reached(plan, counties[counties.geometry.notna()], lang)
    layer = make_layer(
        "counties",
        counties,
        COUNTY_COLUMNS,
        styles.COUNTIES,
        "background",
        label_column="name",
        search_column="name",
    )
    # Without counties it is the outline of the region, of which there are no figures.
    return layer if known else replace(layer, title_key="layer.region", popup=Popup(()))


def _interval(low: float, high: float) -> str | None:
    """``"82% – 91%"`` of two percentages, one number if they agree."""
    if math.isnan(low) or math.isnan(high):
        return None
    return " – ".join(dict.fromkeys(percent(float(value) / 100.0) for value in (low, high)))


def _with_reached(plan: Plan, counties: gpd.GeoDataFrame, lang: str) -> gpd.GeoDataFrame:
    """Add who is within reach today and with the plan: per cent of the first rule on reach, words of all of them."""
    rules = plan.policy.of(DemandReach)
    words: dict[str, list[list[str]]] = {"reached_today": [], "reached_then": []}
    for rule in reversed(rules):  # the numbers of the first one stay
        title = f"{rule.title[lang]}{text('report.colon', lang)}" if len(rules) > 1 else ""
        names = kind_of(rule).column_names.items()
        people = {name: _by_county(plan.before, rule, part, counties) for part, name in names}
        low, high = people["reach_low"] * 100, people["reach_high"] * 100
        then = _by_county(plan.after, rule, "low", counties) * 100 if plan.proposes else low * np.nan
        counties = counties.assign(**people, reached_low=low, reached_high=high, reached_after=then)
        for name, ends in (("reached_today", (low, high)), ("reached_then", (then, then))):
            told = [_interval(*pair) for pair in zip(*ends, strict=True)]
            words[name].insert(0, [f"{title}{one}" if one else "" for one in told])
    return counties.assign(
        **{
            name: ["\n".join(filter(None, lines)) or None for lines in zip(*columns, strict=True)]
            if columns
            else None
            for name, columns in words.items()
        }
    )


def _by_county(
    assessment: Assessment, rule: DemandReach, name: str, counties: gpd.GeoDataFrame
) -> pd.Series[float]:
    """A column of the rule's table for each of the counties; missing where no demand lies."""
    table = assessment[rule.id].table
    values = pd.Series(table[name].to_numpy(float), index=table["county"].to_numpy(object))
    found: pd.Series[float] = counties["name"].map(values[~values.index.duplicated()])
    return found


def _background(plan: Plan, name: str, style: LayerStyle, label: str | None = None) -> Layer | None:
    frame = plan.background.get(name)
    if frame is None or frame.empty:
        return None
    return make_layer(name, frame, columns("name"), style, "background", label_column=label)


ROAD_CLASSES = {
    "motorway": "motorway", "trunk": "trunk", "primary": "trunk", "secondary": "local", "tertiary": "local",
}  # fmt: skip
"""How a road is drawn, by its tag ``highway``; ramps as their roads."""


def _roads(plan: Plan) -> Layer:
    roads = plan.roads
    segments = roads.segments.reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "ref": segments["ref"].astype("string"),
            "name": segments["name"].astype("string"),
            "highway": segments["highway"].astype("string"),
            "road_class": segments["highway"]
            .str.removesuffix("_link")
            .astype(object)
            .map(ROAD_CLASSES)
            .fillna("minor"),
        }
    )
    frame = gpd.GeoDataFrame(frame, geometry=roads.lines(), crs=WGS84)
    return Layer(
        "roads",
        "layer.roads",
        frame,
        TableSchema("roads", ROAD_COLUMNS),
        styles.ROADS,
        "background",
        popup=POPUPS["roads"],
    )


def _bands(plan: Plan) -> list[Layer]:
    """Areas within reach of the sites that rules on reach count; a layer for each kind of site they ask for."""
    if plan.bands is None or plan.bands.empty:
        return []
    layers, rules = [], [rule for rule in plan.policy.rules if rule.id in set(plan.bands["rule"])]
    for name, bands in in_kilometres(plan.bands).groupby("rule", sort=False):
        style = styles.reach_bands(tuple(sorted(bands["within_km"])))
        words = [f"{limit:g}" for limit in bands["within_km"]]
        layer = make_layer(
            "reach", bands.assign(within_km=words), columns("within_km"), style, "demand", visible=False
        )
        layers.append(own_layer(layer, rules, plan.before[name].rule) if rules else layer)
    return layers


def _expressways(plan: Plan) -> Layer | None:
    spacing = {rule.road_class for rule in plan.policy.of(RouteSpacing)}
    rows = [
        {"ref": route.ref, "section": s.number, "length_km": s.length_m / M_PER_KM, "geometry": s.axis}
        for route in plan.routes
        if route.road_class not in spacing
        for s in route.sections
    ]
    if not rows:
        return None
    frame = gpd.GeoDataFrame(rows, geometry="geometry", crs=WGS84)
    return make_layer(
        "expressways",
        frame,
        EXPRESSWAY_COLUMNS,
        styles.EXPRESSWAYS,
        "routes",
        search_column="ref",
    )


def _routes(plan: Plan, lang: str) -> list[Layer]:
    """Gaps of each rule on spacing, the first rule's on top."""
    rules = plan.policy.of(RouteSpacing)
    return [
        own_layer(_gap_layer(assessment, rule, rules, phase, lang), rules, rule)
        for rule in reversed(rules)
        for phase, assessment in _states(plan)
    ]


def _states(plan: Plan) -> list[tuple[Phase, Assessment]]:
    if not plan.proposes:
        return [("both", plan.before)]
    return [("before", plan.before), ("after", plan.after)]


def _gap_layer(
    assessment: Assessment,
    rule: RouteSpacing | LengthCoverage,
    rules: Sequence[Rule],
    phase: Phase,
    lang: str,
) -> Layer:
    gaps = in_kilometres(assessment.gaps)
    gaps = gaps[(gaps["rule"] == rule.id) & gaps.geometry.notna()]
    frame = with_gap_words(gaps, in_kilometres(assessment.evidence), lang)
    frame["side"] = 1  # pieces run in driving direction: each direction lies on its own side of the road
    if rule is not rules[0]:
        frame["strip"] = [strip_of(key, rule.id) for key in frame["strip"]]
    return make_layer(
        "routes",
        frame,
        GAP_LAYER_COLUMNS,
        styles.route_style(*rule.limits_km, rule.span_km),
        "routes",
        visible=rule is rules[0],
        keep=("strip", "side"),
        popup=GAP,
        search_column="ref",
        strip_column="strip",
        phase=phase,
    )


def _own_layers(plan: Plan) -> list[Layer]:
    """A layer for each finding with places of which no layer of its kind speaks: all columns of its table."""
    layers = []
    for finding in plan.before.findings:
        kind, table = kind_of(finding.rule), finding.table
        if kind.layers or "geometry" not in table or table["geometry"].isna().all():
            continue
        frame = gpd.GeoDataFrame(table[table["geometry"].notna()], geometry="geometry", crs=WGS84)
        by = "has" if "has" in frame else ""
        style = _with_uncounted(styles.facility_style()) if by else styles.LISTED
        shown = tuple(column(kind.column_names.get(name, name)) for name, _ in kind.table)
        shown += columns("site_id") if kind.places else ()
        frame = frame.rename(columns=kind.column_names)
        frame = frame.assign(has=frame["has"].fillna(NOT_COUNTED)) if by else frame
        name = f"rule_{finding.rule.id.replace('-', '_')}"
        layer = make_layer(name, frame, shown, style, "places", keep=(by,) if by else ())
        layers.append(replace(layer, rule=finding.rule, unplaced=int(table["geometry"].isna().sum())))
    return layers


def _demand(plan: Plan) -> list[Layer]:
    """Demand by who is within reach, by each rule on it; the first rule's on top."""
    rules = plan.policy.of(DemandReach)
    if len(rules) < 2:
        return [demand_layer(plan, plan.before.demand)]
    return [
        own_layer(demand_layer(plan, plan.before.demand_by_rule[rule.id]), rules, rule)
        for rule in reversed(rules)
    ]


NOT_COUNTED = "not_counted"
"""In the place of yes, no and unknown for what no rule counts: in the halo, or not in operation."""
WAITING = "waiting"
"""In the place of yes, no and unknown for sites that are not in operation: they are shown as they will be."""


def _sites(assessment: Assessment) -> Layer:
    """Sites that charge vehicles, by how fast they are; those not in operation are a class of their own."""
    frame = assessment.sites[assessment.sites["kind"] == "charging"]
    frame = frame.assign(site_class=np.where(_running(frame), frame["fast"], WAITING))
    more = ("current", "access", "ref")
    keep = ("site_class", *more)
    return make_layer(
        "charging_sites",
        frame,
        SITE_COLUMNS,
        styles.SITES,
        "places",
        keep=keep,
        search_column="name",
        more=more,
    )


def _other_sites(plan: Plan) -> Layer | None:
    """Battery-swap, hydrogen and other sites that no rule on charging counts, from both tables."""
    sites, facilities = plan.inputs.sites, plan.inputs.facilities
    columns = [*(column.name for column in OTHER_COLUMNS), "id", "geometry"]
    found = [sites[sites["kind"] != "charging"], facilities[facilities["kind"].isin(OTHER_KINDS)]]
    frame = pd.concat([part.reindex(columns=columns) for part in found], ignore_index=True)
    frame = frame[frame.geometry.notna()]
    if frame.empty:
        return None
    frame = frame.assign(site_class=np.where(_running(frame), "yes", WAITING), site_id=frame["id"])
    keep = ("site_class", "current", "access", "ref")  # some are for those who read the layer back as a list
    return make_layer(
        "other_sites", frame, OTHER_COLUMNS, styles.OTHER_SITES, "places", keep=keep, search_column="name"
    )


def _running(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether each thing is in operation; nothing said means that it is."""
    status = frame["status"]
    return (status.isna() | (status == "operational").fillna(False)).to_numpy(bool)


def _with_status(plan: Plan, frame: gpd.GeoDataFrame, rule_id: str | None) -> gpd.GeoDataFrame:
    """Join the finding's ``has`` and ``counts`` to the things it counted; the others are not counted."""
    if rule_id is None or frame.empty:
        return frame.assign(has=NOT_COUNTED, counts=None)
    table = plan.before[rule_id].table
    columns = [c for c in ("has", "counts") if c in table]
    joined = frame.merge(table[["id", *columns]].drop_duplicates("id"), on="id", how="left")
    joined["has"] = joined["has"].fillna(NOT_COUNTED)
    return gpd.GeoDataFrame(joined, geometry="geometry", crs=WGS84)


def _with_uncounted(style: LayerStyle, by: str = "has") -> LayerStyle:
    """Style by ``has``; what no rule counts (in the halo, not in operation) is small and grey."""
    symbol = style.categories[0].symbol
    out = Category(NOT_COUNTED, "legend.facility-not-counted", QUIET, width=8.0, symbol=symbol)
    return replace(style, by=by, categories=(*style.categories, out))


def _facilities(plan: Plan, family: str, own: tuple[str, ...]) -> list[Layer]:
    """A layer for each rule on such facilities, so that its legend counts what the rule counts; the first one on top.

    ``own`` are the family's kinds: those that no rule names are drawn with the first.
    """
    rules = [rule for rule in plan.policy.of(FacilityShare) if _family(rule) == family]
    unnamed = set(own) - {kind for rule in plan.policy.rules for kind in rule.facility_kinds}
    layers = []
    for number, rule in enumerate(rules or [None], 1):
        kinds = (rule.facility_kinds if rule else frozenset()) | (unnamed if number == 1 else set())
        frame = plan.inputs.facilities
        frame = _with_status(plan, frame[frame["kind"].isin(kinds)], rule.id if rule else None)
        style = _with_uncounted(styles.HUBS if family == "hubs" else styles.facility_style())
        name = family if number == 1 else f"{family}_{number}"
        layer = make_layer(
            name, frame, FACILITY_COLUMNS, style, "places", popup=POPUPS[family], search_column="name"
        )
        layers.append(replace(layer, title_key=f"layer.{family}", rule=rule))
    return layers[::-1]


def _family(rule: FacilityShare) -> str:
    """Facilities of a road are shown apart from all others."""
    return "service_areas" if rule.facility_kinds <= set(SERVICE_KINDS) else "hubs"


def _berths(plan: Plan) -> list[Layer]:
    """Berths by what each rule on them found, the first rule's on top."""
    placed = plan.inputs.berths.geometry.notna()
    rules = plan.policy.of(BerthShare)
    layers = []
    for rule in reversed(rules or (None,)):
        frame = _with_status(plan, plan.inputs.berths[placed], rule.id if rule else None)
        frame["counts"] = frame["counts"].fillna("no")
        # What the rule counts for sure has its answer; of the others none is missing shore power, nor has it.
        status = frame["has"].where(frame["counts"] != "no", NOT_COUNTED)
        frame["berth_status"] = status.where(frame["counts"] != "unknown", "may_count")
        style = replace(styles.berth_style(rule.berth.class_t_min if rule else None), by="berth_status")
        layer = make_layer(
            "berths", frame, BERTH_COLUMNS, style, "places", keep=("berth_status",), search_column="name",
            unplaced=int((~placed).sum()),
        )  # fmt: skip
        layers.append(own_layer(layer, rules, rule) if rule else layer)
    return layers


def _car_parks(plan: Plan) -> list[Layer]:
    """Car parks that a rule counts by whether enough of their spaces are ready; the others small and grey."""
    placed = plan.inputs.car_parks.geometry.notna()
    frame = plan.inputs.car_parks[placed].copy()
    spaces = frame["spaces"].astype("Float64")
    share = frame["ready_spaces"].astype("Float64") / spaces.where(spaces > 0)
    rules = plan.policy.of(ShareMargin)
    layers = []
    for rule in reversed(rules or (None,)):
        finding = plan.before[rule.id] if rule else None
        need = (finding.figures.get("registered_ev_share") if finding else None) or 0.0
        enough = share - need >= ((finding.target if finding else None) or 0.0)
        ready = np.where(share.isna(), "unknown", np.where(enough.fillna(False), "yes", "no")).astype(object)
        if finding is not None:
            ready[~frame["id"].isin(finding.table["id"]).to_numpy()] = NOT_COUNTED
        layer = make_layer(
            "car_parks", frame.assign(ready=ready), CAR_PARK_COLUMNS, _with_uncounted(styles.CAR_PARKS, "ready"),
            "places", keep=("ready",), visible=False, unplaced=int((~placed).sum()),
        )  # fmt: skip
        layers.append(own_layer(layer, rules, rule) if rule else layer)
    return layers


def _not_served(plan: Plan) -> Layer | None:
    frame = plan.before.not_served
    if frame.empty:
        return None
    return make_layer(
        "not_served", in_kilometres(frame), NOT_SERVED_COLUMNS, styles.NOT_SERVED, "quality", visible=False
    )


def _issues(plan: Plan, lang: str) -> Layer | None:
    frame = quality_table(plan, lang)
    if frame.empty:
        return None
    return make_layer("issues", frame, ISSUE_COLUMNS, styles.ISSUES, "quality", visible=False)
