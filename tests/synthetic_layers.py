"""Small layers with every hard case for files: hostile texts, gaps in columns, empty and mixed geometries."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import pandas as pd
from plugspan.schema import COLUMNS, Column, TableSchema
from plugspan.tables import styles
from plugspan.tables.layer import GAP, GOOD, HALO, Category, Layer, LayerStyle
from shapely import GeometryCollection, LineString, MultiLineString, Point, box

WGS = "EPSG:4326"
HOSTILE = (
    "<script>alert(1)</script>",
    "\"quotes\" 'single' `back`",
    "</script><img src=x onerror=alert(1)>",
    "${7*7} {{7*7}} {% off {#1",
    "=1+1",
    "[% layer_property('x','path') %]",
    "two\nlines\r\nand\ttab",
    "emoji 🚢⚡ and 𠀀",
    "control \x01\x1b\x7f end",
    "&amp; & <![CDATA[ ]]>",
    "../../etc/passwd",
    "'; DROP TABLE gpkg_contents; --",
)
"""Come back as they are."""
BROKEN = {"nul \x00 end": "nul \ufffd end", "lone \ud800 half": "lone \ufffd half"}
"""Not possible in any file; come back with U+FFFD."""


def hostile_layer() -> Layer:
    """Points named with everything that ever broke a file."""
    names = [*HOSTILE, *BROKEN]
    frame = gpd.GeoDataFrame(
        {"name": pd.Series(names, dtype=object), "operator": pd.Series(names[::-1], dtype=object)},
        geometry=[Point(113 + i / 50, 27.5) for i in range(len(names))],
        crs=WGS,
    )
    schema = TableSchema("charging_sites", (Column("name"), Column("operator")))
    style = LayerStyle("point", (Category(None, "legend.town", GOOD, width=8),))
    return Layer(
        "charging_sites", "layer.charging_sites", frame, schema, style, "places",
        label_column="name", search_column="name",
    )  # fmt: skip


def typed_layer() -> Layer:
    """Each type of column, with gaps, as pandas may hold it."""
    frame = gpd.GeoDataFrame(
        pd.DataFrame({
            "id": ["a", None, "c"],
            "points": pd.array([4, None, 2**40], dtype="Int64"),
            "point_kw": [120.5, float("nan"), float("inf")],
            "open_24h": pd.array([True, None, False], dtype="boolean"),
            "opened": [dt.date(2024, 2, 29), None, pd.NaT],
            "kind": ["expressway_service_area", None, "hub"],
            "spaces": [1.0, None, 7.0],
            "wharf": [["a", "b"], {"k": 1}, 3],
            "has": ["yes", None, "unknown"],
        }),
        geometry=[Point(113, 27.5), None, Point()],
        crs=WGS,
    )  # fmt: skip
    schema = TableSchema(
        "service_areas",
        (Column("id"), Column("points", "int"), Column("point_kw", "float", "kW"), Column("open_24h", "bool"),
         Column("opened", "date"), Column("kind", "choice"), Column("spaces", "int"), Column("wharf")),
    )  # fmt: skip
    style = LayerStyle("point", styles.facility_style().categories, by="has")
    return Layer("service_areas", "layer.service_areas", frame, schema, style, "places")


def mixed_lines(phase: str = "both") -> Layer:
    """A line, a multi-line, a collection with a point in it, a closed ring, nothing."""
    ring = box(113, 27, 113.1, 27.1).exterior
    geometry = [
        LineString([(113, 27.5, 5), (113.5, 27.5, 6)]),
        MultiLineString([[(113, 27.6), (113.2, 27.6)], [(113.3, 27.6), (113.5, 27.6)]]),
        GeometryCollection([Point(113, 27), LineString([(113, 27.7), (113.4, 27.7)])]),
        ring,
        None,
    ]
    frame = gpd.GeoDataFrame(
        {"ref": ["G1", "G2", "G3", None, "G5"], "spacing_class": ["good", "gap", "middle", "open", "good"],
         "side": [1, -1, 0, 1, 1]},
        geometry=geometry, crs=WGS,
    )  # fmt: skip
    schema = TableSchema("routes", (Column("ref"), Column("spacing_class", "choice")))
    return Layer(
        "routes", "layer.routes", frame, schema, styles.route_style(25, 40), "routes",
        search_column="ref", phase=phase,
    )  # fmt: skip


def empty_layer(kind: str) -> Layer:
    """No features at all."""
    frame = gpd.GeoDataFrame({"name": []}, geometry=[], crs=WGS)
    style = LayerStyle(kind, (Category(None, "legend.county", GOOD),))
    return Layer(
        f"empty_{kind}", "layer.counties", frame, TableSchema("x", (Column("name"),)), style, "background"
    )


def valued_layer() -> Layer:
    """Classes by missing value, by anything else, and by truth."""
    frame = gpd.GeoDataFrame(
        {"has": ["yes", None, "odd", "yes"]}, geometry=[Point(113 + i / 9, 27.4) for i in range(4)], crs=WGS
    )
    classes = (
        Category("yes", "legend.berth-yes", GOOD),
        Category(None, "legend.berth-unknown", GAP),
        Category("*", "legend.berth-no", HALO),
    )
    schema = TableSchema("berths", (Column("has", "choice"),))
    return Layer("berths", "layer.berths", frame, schema, LayerStyle("point", classes, by="has"), "places")


def two_sides() -> Layer:
    """One line eastwards, drawn once to its right in red and once to its left in blue."""
    line = LineString([(113.0, 27.5), (113.5, 27.5)])
    frame = gpd.GeoDataFrame({"name": ["right", "left"], "side": [1, -1]}, geometry=[line, line], crs=WGS)
    classes = (
        Category("right", "legend.expressway", "#FF0000", width=6),
        Category("left", "legend.expressway", "#0000FF", width=6),
    )
    style = LayerStyle("line", classes, by="name", offset_by="side", offset_px=10)
    return Layer("sides", "layer.routes", frame, TableSchema("sides", ()), style, "background")


def county_layer() -> Layer:
    """One square county."""
    frame = gpd.GeoDataFrame({"name": ["攸县"]}, geometry=[box(112.9, 26.9, 113.6, 27.8)], crs=WGS)
    schema = TableSchema("counties", (Column("name"),))
    return Layer(
        "counties", "layer.counties", frame, schema, styles.COUNTIES, "background", label_column="name"
    )


def every_layer() -> list[Layer]:
    """All of them."""
    return [
        county_layer(), mixed_lines("before"), mixed_lines("after"), typed_layer(), hostile_layer(), valued_layer(),
        *(empty_layer(kind) for kind in ("point", "line", "polygon")),
    ]  # fmt: skip


def evidence() -> dict[str, tuple[pd.DataFrame, TableSchema]]:
    """Tables without geometry; one has a layer's name, one no rows, one the name of a system table."""
    schema = TableSchema("access", (Column("ref"), Column("distance_km", "float", "km")))
    frame = pd.DataFrame({"ref": ["G1", HOSTILE[0]], "distance_km": [1.5, None]})
    return {"access": (frame, schema), "counties": (frame.iloc[:0], schema), "gpkg_contents": (frame, schema)}


def planned_layer():
    """Three actions of two years in their order."""
    frame = gpd.GeoDataFrame(
        {
            "name": ["A", "B", "C"],
            "action_id": ["a1", "b2", "c3"],
            "build_order": [1, 2, 3],
            "stage_year": [2026, 2026, 2028],
        },
        geometry=[Point(113.1, 27.1), Point(113.2, 27.2), Point(113.3, 27.3)],
        crs=4326,
    )
    columns = tuple(COLUMNS[name] for name in ("name", "action_id", "build_order", "stage_year"))
    return Layer(
        "plan_actions", "layer.plan_actions", frame, TableSchema("plan_actions", columns), styles.PROPOSED, "plan",
        label_column="build_order", search_column="name", phase="after",
    )  # fmt: skip


def stepped_layer():
    """A stretch that two steps of the plan change in turn, and one that stays: the days of a time controller."""
    days = [dt.date(2026, 1, 1), dt.date(2026, 1, 26), dt.date(2027, 2, 5), dt.date(2029, 1, 1)]
    last = [day - dt.timedelta(days=1) for day in days]
    frame = gpd.GeoDataFrame(
        {
            "name": ["today", "first step", "second step", "stays"],
            "valid_from": [*days[:3], days[0]],
            "valid_to": [*last[1:], last[3]],
        },
        geometry=[LineString([(113.1, 27.1 + k / 10), (113.4, 27.1 + k / 10)]) for k in range(4)],
        crs=4326,
    )
    schema = TableSchema("steps", tuple(COLUMNS[name] for name in ("name", "valid_from", "valid_to")))
    return Layer(
        "routes_by_step", "layer.routes_by_step", frame, schema, styles.EXPRESSWAYS, "routes", visible=False,
        search_column="name", phase="after",
    )  # fmt: skip


def far_layer():
    """A layer of which nothing is drawn from far."""
    frame = gpd.GeoDataFrame({"name": ["A"], "left_out": ["equal"]}, geometry=[Point(113.1, 27.1)], crs=4326)
    schema = TableSchema("plan_others", (COLUMNS["name"],))
    return Layer(
        "plan_others", "layer.plan_others", frame, schema, styles.LEFT_OUT, "plan", search_column="name"
    )
