"""The layers of a plan, lowest first: what the map draws and the GeoPackage holds.

Nothing is measured here. Frames get the columns that the schemas below name, in kilometres, and the styles
of :mod:`plugspan.output.styles`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..assess.assessment import Assessment
from ..plan import Plan
from ..policy import BerthShare, FacilityShare, RouteSpacing, ShareMargin
from ..schema import Column, TableSchema
from ..units import M_PER_KM, WGS84
from . import styles
from .columns import (
    BERTH_COLUMNS,
    CANDIDATE_COLUMNS,
    CAR_PARK_COLUMNS,
    COUNTY_COLUMNS,
    DEMAND_COLUMNS,
    FACILITY_COLUMNS,
    GAP_COLUMNS,
    ISSUE_COLUMNS,
    LEAST_COLUMNS,
    NAME,
    NOT_SERVED_COLUMNS,
    PROPOSED_COLUMNS,
    REF,
    SITE_COLUMNS,
)
from .layer import QUIET, Category, Group, Layer, LayerStyle, Phase
from .plan_tables import quality_table


def plan_layers(plan: Plan) -> list[Layer]:
    """All layers of a plan, lowest first."""
    layers = [
        _counties(plan),
        _background(plan, "waterways", styles.WATERWAYS),
        _bands(plan),
        _roads(plan),
        _expressways(plan),
        *_routes(plan),
        _demand(plan),
        _background(plan, "towns", styles.TOWNS, label="name"),
        _candidates(plan),
        _car_parks(plan),
        _hubs(plan),
        _not_served(plan),
        _issues(plan),
        _sites(plan.before),
        _berths(plan),
        _service_areas(plan),
        _least_sites(plan),
        _proposed(plan),
    ]
    return [layer for layer in layers if layer is not None]


def _frame(frame: pd.DataFrame, schema: TableSchema, *keep: str) -> gpd.GeoDataFrame:
    """Only the columns that are shown or that the renderer needs; missing ones are missing values."""
    wanted = list(dict.fromkeys([*schema.names, *keep]))
    geometry = frame.geometry if isinstance(frame, gpd.GeoDataFrame) else gpd.GeoSeries([], crs=WGS84)
    table = pd.DataFrame(frame.drop(columns="geometry", errors="ignore")).reindex(columns=wanted)
    return gpd.GeoDataFrame(table.reset_index(drop=True), geometry=geometry.reset_index(drop=True), crs=WGS84)


def _layer(
    name: str,
    frame: pd.DataFrame,
    columns: tuple[Column, ...],
    style: LayerStyle,
    group: Group,
    *,
    keep: tuple[str, ...] = (),
    **options: Any,
) -> Layer:
    """Make a layer whose texts go by its name; ``keep`` are columns that only the style needs."""
    schema = TableSchema(name, columns)
    return Layer(name, f"layer.{name}", _frame(frame, schema, *keep), schema, style, group, **options)


def _counties(plan: Plan) -> Layer | None:
    counties = plan.inputs.counties
    if counties.empty or counties.geometry.isna().all():
        if plan.region is None:
            return None
        counties = gpd.GeoDataFrame({"name": [plan.region.name]}, geometry=[plan.region.polygon], crs=WGS84)
    counties = counties[counties.geometry.notna()]
    before, after = _reached(plan.before), _reached(plan.after)
    counties = counties.merge(before, on="name", how="left").merge(
        after[["name", "reached_low"]].rename(columns={"reached_low": "reached_after"}), on="name", how="left"
    )
    return _layer(
        "counties",
        counties,
        COUNTY_COLUMNS,
        styles.COUNTIES,
        "background",
        label_column="name",
        search_column="name",
    )


def _reached(assessment: Assessment) -> pd.DataFrame:
    finding = next((f for f in assessment.findings if f.rule.kind == "demand_reach"), None)
    columns = ["name", "reached_low", "reached_high"]
    if finding is None or finding.table.empty:
        return pd.DataFrame(columns=columns)
    table = finding.table.rename(columns={"county": "name", "low": "reached_low", "high": "reached_high"})[
        columns
    ]
    return table.assign(reached_low=table["reached_low"] * 100, reached_high=table["reached_high"] * 100)


def _background(plan: Plan, name: str, style: LayerStyle, label: str | None = None) -> Layer | None:
    frame = plan.background.get(name)
    if frame is None or frame.empty:
        return None
    return _layer(name, frame, (NAME,), style, "background", label_column=label)


ROAD_CLASSES = {
    "motorway": "motorway",
    "motorway_link": "motorway",
    "trunk": "trunk",
    "trunk_link": "trunk",
    "primary": "trunk",
    "primary_link": "trunk",
    "secondary": "local",
    "secondary_link": "local",
    "tertiary": "local",
    "tertiary_link": "local",
}


def _roads(plan: Plan) -> Layer:
    roads = plan.roads
    segments = roads.segments.reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "ref": segments["ref"].astype("string"),
            "name": segments["name"].astype("string"),
            "highway": segments["highway"].astype("string"),
            "road_class": segments["highway"].astype(object).map(ROAD_CLASSES).fillna("minor"),
        }
    )
    schema = TableSchema("roads", (REF, NAME, Column("highway")))
    frame = gpd.GeoDataFrame(frame, geometry=roads.lines(), crs=WGS84)
    return Layer("roads", "layer.roads", frame, schema, styles.ROADS, "background")


def _bands(plan: Plan) -> Layer | None:
    if plan.bands is None or plan.bands.empty:
        return None
    limits = sorted(float(value) for value in plan.bands["within_km"])
    style = styles.reach_bands(tuple(limits))
    return _layer("reach", plan.bands, (Column("within_km"),), style, "demand", visible=False)


def _expressways(plan: Plan) -> Layer | None:
    spacing = {r.network for r in plan.policy.rules if isinstance(r, RouteSpacing)}
    rows = [
        {"ref": route.ref, "section": s.number, "length_km": s.length_m / M_PER_KM, "geometry": s.axis}
        for route in plan.routes
        if route.road_class not in spacing
        for s in route.sections
    ]
    if not rows:
        return None
    frame = gpd.GeoDataFrame(rows, geometry="geometry", crs=WGS84)
    return _layer(
        "expressways",
        frame,
        (
            REF,
            Column("section", "int"),
            Column("length_km", "float", "km"),
        ),
        styles.EXPRESSWAYS,
        "routes",
        search_column="ref",
    )


def _routes(plan: Plan) -> list[Layer]:
    rule = next((r for r in plan.policy.rules if isinstance(r, RouteSpacing)), None)
    if rule is None:
        return []
    schema = TableSchema("routes", GAP_COLUMNS)
    states: list[tuple[Phase, Assessment]] = [("before", plan.before), ("after", plan.after)]
    if not plan.siting:
        states = [("both", plan.before)]
    layers = []
    for phase, assessment in states:
        gaps = assessment.gaps[(assessment.gaps["rule"] == rule.id) & assessment.gaps.geometry.notna()]
        frame = _frame(gaps, schema, "strip")
        frame["side"] = 1  # pieces run in driving direction: each direction lies on its own side of the road
        layers.append(
            Layer(
                "routes",
                "layer.routes",
                frame,
                schema,
                styles.route_style(*rule.class_limits_km),
                "routes",
                search_column="ref",
                strip_column="strip",
                phase=phase,
            )
        )
    return layers


def _sites(assessment: Assessment) -> Layer:
    return _layer(
        "charging_sites", assessment.sites, SITE_COLUMNS, styles.SITES, "places", search_column="name"
    )


def _with_status(plan: Plan, frame: gpd.GeoDataFrame, rule_id: str | None) -> gpd.GeoDataFrame:
    """Join the finding's ``has`` and ``counts`` to the things it counted; the others have none."""
    if rule_id is None or frame.empty:
        return frame.assign(has=None, counts=None)
    table = plan.before[rule_id].table
    columns = [c for c in ("has", "counts") if c in table]
    joined = frame.merge(table[["id", *columns]].drop_duplicates("id"), on="id", how="left")
    return gpd.GeoDataFrame(joined, geometry="geometry", crs=WGS84)


def _rule_id(plan: Plan, kind: type, facility: str = "") -> str | None:
    rules = (r for r in plan.policy.rules if isinstance(r, kind))
    return next((r.id for r in rules if not facility or facility in getattr(r, "facility", ())), None)


def _with_uncounted(style: LayerStyle) -> LayerStyle:
    """Style by ``has``; what no rule counts (in the halo, not in operation) is small and grey."""
    out = Category(None, "legend.facility-not-counted", QUIET, width=8.0, symbol=style.categories[0].symbol)
    return replace(style, by="has", categories=(*style.categories, out))


def _service_areas(plan: Plan) -> Layer:
    kinds = ("expressway_service_area", "ordinary_trunk_service_station", "parking_area")
    frame = plan.inputs.facilities
    frame = _with_status(plan, frame[frame["kind"].isin(kinds)], _rule_id(plan, FacilityShare, kinds[0]))
    every = _rule_id(plan, FacilityShare, kinds[1])
    if every:
        frame["has"] = frame["has"].fillna(_with_status(plan, frame.drop(columns="has"), every)["has"])
    style = _with_uncounted(styles.facility_style())
    return _layer("service_areas", frame, FACILITY_COLUMNS, style, "places", search_column="name")


def _hubs(plan: Plan) -> Layer:
    kinds = ("bus_depot", "logistics_park", "hub", "airport")
    frame = plan.inputs.facilities
    frame = _with_status(plan, frame[frame["kind"].isin(kinds)], _rule_id(plan, FacilityShare, "hub"))
    style = _with_uncounted(styles.HUBS)
    return _layer("hubs", frame, FACILITY_COLUMNS, style, "places", search_column="name")


def _berths(plan: Plan) -> Layer:
    rule = next((r for r in plan.policy.rules if isinstance(r, BerthShare)), None)
    frame = plan.inputs.berths
    frame = _with_status(plan, frame[frame.geometry.notna()], rule.id if rule else None)
    frame["counts"] = frame["counts"].fillna("no")
    frame["berth_status"] = frame["has"].where(frame["counts"] != "no", "not counted")
    style = replace(styles.berth_style(rule.berth.class_t_min if rule else 1000), by="berth_status")
    return _layer(
        "berths", frame, BERTH_COLUMNS, style, "places", keep=("berth_status",), search_column="name"
    )


def _car_parks(plan: Plan) -> Layer:
    frame = plan.inputs.car_parks
    frame = frame[frame.geometry.notna()].copy()
    rule_id = _rule_id(plan, ShareMargin)
    need = (plan.before[rule_id].figures.get("registered_ev_share") if rule_id else None) or 0.0
    margin = plan.before[rule_id].target if rule_id else 0.0
    share = frame["ready_spaces"].astype("Float64") / frame["spaces"].astype("Float64").where(
        frame["spaces"] > 0
    )
    enough = share - need >= (margin or 0.0)
    frame["ready"] = np.where(share.isna(), "unknown", np.where(enough.fillna(False), "yes", "no"))
    return _layer(
        "car_parks", frame, CAR_PARK_COLUMNS, styles.CAR_PARKS, "places", keep=("ready",), visible=False
    )


def _demand(plan: Plan) -> Layer:
    frame = plan.before.demand.copy()
    people = next((s for s in plan.siting if s.objective_name == "people"), None)
    if people is not None:
        covered = people.demand.set_index("id")["covered"]
        frame["covered"] = frame["id"].map(covered[~covered.index.duplicated()]).fillna("never")
    frame["distance_km"] = frame["distance_m"] / M_PER_KM
    return _layer("demand", frame, DEMAND_COLUMNS, styles.DEMAND, "demand", visible=False)


def _candidates(plan: Plan) -> Layer | None:
    frames = [siting.candidates for siting in plan.siting if len(siting.candidates)]
    if not frames and plan.candidates is not None and len(plan.candidates):
        frames = [plan.candidates]
    if not frames:
        return None
    frame = gpd.GeoDataFrame(pd.concat(frames).drop_duplicates("id"), geometry="geometry", crs=WGS84)
    frame["candidate_status"] = np.where(frame["excluded"].isna(), "free", "excluded")
    frame["reason"] = frame["excluded"]
    return _layer("candidates", frame, CANDIDATE_COLUMNS, styles.CANDIDATES, "plan", visible=False)


def _proposed(plan: Plan) -> Layer | None:
    frames = [siting.proposed for siting in plan.siting if len(siting.proposed)]
    if not frames:
        return None
    frame = gpd.GeoDataFrame(pd.concat(frames), geometry="geometry", crs=WGS84).rename(
        columns={"order": "build_order"}
    )
    return _layer(
        "proposed",
        frame,
        PROPOSED_COLUMNS,
        styles.PROPOSED,
        "plan",
        label_column="build_order",
        search_column="name",
        phase="after",
    )


def _least_sites(plan: Plan) -> Layer | None:
    """Least sites for the widest span that was asked for."""
    found = max(plan.compliance, key=lambda c: c.span_km, default=None)
    if found is None or found.sites.empty:
        return None
    frame = found.sites.rename(columns={"order": "build_order"})
    return _layer(
        "least_sites",
        frame,
        LEAST_COLUMNS,
        styles.LEAST_SITES,
        "plan",
        visible=False,
        search_column="name",
        title_values={"span": found.span_km},
    )


def _not_served(plan: Plan) -> Layer | None:
    frame = plan.before.not_served
    if frame.empty:
        return None
    frame = frame.assign(distance_km=frame["distance_m"] / M_PER_KM)
    return _layer("not_served", frame, NOT_SERVED_COLUMNS, styles.NOT_SERVED, "quality", visible=False)


def _issues(plan: Plan) -> Layer | None:
    frame = quality_table(plan, plan.project.language)
    if frame.empty:
        return None
    return _layer("issues", frame, ISSUE_COLUMNS, styles.ISSUES, "quality", visible=False)
