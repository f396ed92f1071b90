"""A made-up county map for the tests of the map: true towns, invented roads and sites."""

# ruff: noqa: E501 (data in rows)

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from plugspan.schema import Column, TableSchema
from plugspan.tables import styles
from plugspan.tables.layer import FindingRow, Layer, SourceNote
from shapely import LineString, Point, Polygon, box

WGS = "EPSG:4326"
TOWNS = {
    "株洲市区": (113.15, 27.83),
    "醴陵市": (113.50, 27.67),
    "渌口区": (113.15, 27.70),
    "攸县": (113.36, 27.00),
    "茶陵县": (113.54, 26.79),
    "炎陵县": (113.77, 26.49),
}
OUTLINE = Polygon(
    [(112.97, 27.9), (113.1, 28.0), (113.32, 27.93), (113.5, 28.01), (113.72, 27.85), (113.82, 27.6), (113.78, 27.3),
     (113.9, 27.05), (114.05, 26.7), (114.08, 26.4), (113.9, 26.1), (113.65, 26.2), (113.5, 26.55), (113.3, 26.75),
     (113.2, 27.0), (113.05, 27.3), (112.98, 27.6)]
)  # fmt: skip
COURSES = {
    "G106": ["醴陵市", "攸县", "茶陵县", "炎陵县"],
    "G320": ["醴陵市", "株洲市区", (112.95, 27.86)],
    "G240": ["株洲市区", "渌口区", "攸县", (113.25, 26.85)],
    "G322": [(113.80, 27.05), "攸县", (113.1, 27.15)],
    "S209": [(113.3, 27.95), (113.25, 27.5), (113.3, 27.2), "攸县"],
    "S321": [(114.05, 26.45), "炎陵县", (113.5, 26.5)],
}
CLASSES = {
    "G106": "good middle gap gap open", "G320": "good good", "G240": "good middle good gap", "G322": "middle open",
    "S209": "good middle", "S321": "gap open",
}  # fmt: skip


def col(name, kind="text", unit=""):
    """A column."""
    return Column(name, kind, unit)


def schema(name, *columns):
    """A table schema."""
    return TableSchema(name, columns)


def wavy(rng, points, n=60, wobble=0.012):
    """A line through points with bends like a road's."""
    line = LineString(points)
    along = np.linspace(0, 1, n * (len(points) - 1) + 1)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(line, along, normalized=True))
    noise = np.cumsum(rng.normal(0, wobble, xy.shape), axis=0)
    noise -= np.linspace(0, 1, len(xy))[:, None] * noise[-1]
    return LineString(xy + 0.2 * noise)


def frame(rows, geometry):
    """A frame in WGS 84."""
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry=list(geometry), crs=WGS)


def counties():
    """Cells around the towns within the outline."""
    seeds = shapely.MultiPoint([*TOWNS.values()])
    cells = shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=OUTLINE.buffer(1)))
    rows, geometry = [], []
    for name, at in TOWNS.items():
        cell = next(c for c in cells if c.contains(Point(at)))
        rows.append(
            {
                "name": name,
                "population": 300_000 + 10_000 * len(rows),
                "reached_low": 71.5,
                "share_after": 92.25,
            }
        )
        geometry.append(cell.intersection(OUTLINE))
    fields = schema(
        "counties",
        col("name"),
        col("population", "int"),
        col("reached_low", "float", "%"),
        col("share_after", "float", "%"),
    )
    return Layer(
        "counties", "layer.counties", frame(rows, geometry), fields, styles.COUNTIES, "background",
        label_column="name", search_column="name",
    )  # fmt: skip


def course(rng, ref):
    """A route's line."""
    return wavy(rng, [TOWNS[p] if isinstance(p, str) else p for p in COURSES[ref]])


def routes(courses, phase="before"):
    """Pieces of the routes by spacing class, in both directions."""
    rows, geometry = [], []
    for ref, line in courses.items():
        classes = CLASSES[ref].split()
        if phase == "after":
            classes = ["middle" if c == "gap" else c for c in classes]
        for direction in ("forward", "backward"):
            for i, name in enumerate(classes):
                piece = shapely.ops.substring(line, i / len(classes), (i + 1) / len(classes), normalized=True)
                rows.append(
                    {"ref": ref, "direction": direction, "spacing_class": name, "side": 1 if direction == "forward" else -1,
                     "from_km": 23.4 * i, "to_km": 23.4 * (i + 1), "gap_km": {"good": 18.2, "middle": 33.5, "gap": 61.75, "open": None}[name],
                     "strip": ref}
                )  # fmt: skip
                geometry.append(piece)
    fields = schema(
        "routes",
        col("ref"),
        col("direction", "choice"),
        col("from_km", "float", "km"),
        col("to_km", "float", "km"),
        col("gap_km", "float", "km"),
    )
    return Layer(
        "routes", "layer.routes", frame(rows, geometry), fields, styles.route_style(25.0, 40.0), "routes",
        label_column="ref", search_column="ref", strip_column="strip", phase=phase,
    )  # fmt: skip


def roads(rng, n):
    """Short wavy lines, more of them around towns."""
    spots = rng.uniform([112.95, 26.05], [114.1, 28.0], (n * 2, 2))
    towns = np.array([*TOWNS.values()])
    near = towns[rng.integers(0, len(towns), n)] + rng.normal(0, 0.06, (n, 2))
    spots = np.vstack([near, spots])
    spots = spots[shapely.contains_xy(OUTLINE, spots)][:n]
    turn = rng.uniform(0, 2 * np.pi, len(spots))[:, None] + np.cumsum(
        rng.normal(0, 0.5, (len(spots), 6)), axis=1
    )
    steps = 0.0025 * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    xy = spots[:, None, :] + np.cumsum(steps, axis=1)
    kind = rng.choice(["motorway", "trunk", "local", "minor"], len(xy), p=[0.02, 0.08, 0.3, 0.6])
    rows = {
        "road_class": kind,
        "name": [f"路{i % 900}" for i in range(len(xy))],
        "length_m": rng.uniform(50, 3000, len(xy)).round(1),
    }
    fields = schema("roads", col("name"), col("road_class"), col("length_m", "float", "m"))
    return Layer(
        "roads",
        "layer.roads",
        frame(rows, shapely.linestrings(xy)),
        fields,
        styles.ROADS,
        "background",
        search_column="name",
    )


def points(rng, lines, n, name="点"):
    """Rows and places near lines."""
    rows, geometry = [], []
    for i in range(n):
        line = lines[i % len(lines)]
        at = line.interpolate(rng.uniform(0.05, 0.95), normalized=True)
        rows.append({"id": f"{name}{i:03d}", "name": f"{name}{i + 1}"})
        geometry.append(Point(at.x + rng.normal(0, 0.003), at.y + rng.normal(0, 0.003)))
    return rows, geometry


def service_areas(rng, lines):
    """One side each, of every status."""
    rows, geometry = points(rng, lines, 18, "服务区")
    for i, row in enumerate(rows):
        row.update(
            side="AB"[i % 2],
            has=["yes", "no", "unknown", "yes"][i % 4],
            fast_points=[4, 0, None, 8][i % 4],
        )
    fields = schema("service_areas", col("name"), col("side"), col("fast_points", "int"))
    return Layer(
        "service_areas", "layer.service_areas", frame(rows, geometry), fields, styles.facility_style(), "places",
        label_column="name", search_column="name",
    )  # fmt: skip


def berths():
    """Five berths of every status."""
    rows = [
        {"name": f"{port}{i}号泊位", "class_t": t, "status": s}
        for port, i, t, s in [("铜塘湾", 1, 2000, "yes"), ("铜塘湾", 2, 1000, "no"), ("大唐华银", 1, 1000, "unknown"),
                              ("华新水泥", 1, 500, "not_counted"), ("湖塘", 1, 2000, "no")]
    ]  # fmt: skip
    spots = [(113.075, 27.865), (113.08, 27.875), (113.111, 27.852), (113.083, 27.84), (113.10, 27.66)]
    fields = schema("berths", col("name"), col("class_t", "int", "t"))
    return Layer(
        "berths", "layer.berths", frame(rows, map(Point, spots)), fields, styles.berth_style(1000), "places",
        label_column="name", search_column="name",
    )  # fmt: skip


def sites(rng, lines, n=160):
    """Charging sites in towns and along routes."""
    rows, geometry = points(rng, lines, n, "充电站")
    towns = [*TOWNS.values()]
    for i in range(0, n, 3):  # two thirds lie in and around towns
        for j in range(i, min(i + 2, n)):
            x, y = towns[(i // 3) % len(towns)]
            geometry[j] = Point(x + rng.normal(0, 0.04), y + rng.normal(0, 0.04))
    for i, row in enumerate(rows):
        row.update(
            site_class=["yes", "no", "unknown", "no"][i % 4],
            point_kw=[120.0, 7.0, None, 40.0][i % 4],
            operator="国网湖南电动",
        )
    fields = schema("charging_sites", col("name"), col("operator"), col("point_kw", "float", "kW"))
    return Layer(
        "charging_sites", "layer.charging_sites", frame(rows, geometry), fields, styles.SITES, "places",
        label_column="name", search_column="name",
    )  # fmt: skip


def demand(rng, n=1500):
    """Villages."""
    spots = rng.uniform([112.95, 26.05], [114.1, 28.0], (n * 3, 2))
    spots = spots[shapely.contains_xy(OUTLINE, spots)][:n]
    covered = np.where(spots[:, 1] > 27.2, "before", np.where(spots[:, 0] < 113.6, "after", "never"))
    rows = {
        "name": [f"村{i}" for i in range(len(spots))],
        "population": rng.integers(100, 3000, len(spots)),
        "covered": covered,
    }
    fields = schema("demand", col("name"), col("population", "int"))
    return Layer(
        "demand",
        "layer.demand",
        frame(rows, map(Point, spots)),
        fields,
        styles.DEMAND,
        "demand",
        visible=False,
    )


def proposed(courses):
    """Six sites in build order."""
    spots = [courses["G106"].interpolate(s, normalized=True) for s in (0.5, 0.52, 0.68, 0.9)]
    spots += [
        courses["G240"].interpolate(0.8, normalized=True),
        courses["S321"].interpolate(0.3, normalized=True),
    ]
    rows = {
        "build_order": range(1, 7),
        "name": [f"建议{i}" for i in range(1, 7)],
        "adds": [35_210.0, 21_000.5, 15_000, 9_000, 8_000, 1],
    }
    fields = schema("proposed", col("name"), col("build_order", "int"), col("adds", "float"))
    return Layer(
        "proposed", "layer.proposed", frame(rows, spots), fields, styles.PROPOSED, "plan",
        label_column="build_order", search_column="name", phase="after",
    )  # fmt: skip


def strip(ref):
    """A strip chart."""
    marks = "".join(
        f'<g><line x1="{40 + 60 * i}" y1="58" x2="{40 + 60 * i}" y2="66" stroke="#333"/>'
        f'<text x="{40 + 60 * i}" y="80" font-size="11" text-anchor="middle">K{10 * i}</text></g>'
        for i in range(16)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 100"><title>{ref}</title>'
        f'<text x="8" y="20" font-size="14">{ref} 醴陵 → 炎陵</text><line x1="40" y1="50" x2="400" y2="50" stroke="#3B8BC2" stroke-width="7"/>'
        '<line x1="400" y1="50" x2="600" y2="50" stroke="#F0A202" stroke-width="7" stroke-dasharray="11 4"/>'
        '<line x1="600" y1="50" x2="940" y2="50" stroke="#FFE14D" stroke-width="14"/>'
        f'<line x1="600" y1="50" x2="940" y2="50" style="stroke:#A50026;stroke-width:7" stroke-dasharray="3 4"/>{marks}</svg>'
    )


FINDINGS = {
    "zh": [
        FindingRow("高速公路服务区快充站覆盖率", "not met", "62–88 %", "100 %", "service_areas"),
        FindingRow("普通公路充电点位平均间距", "not met", "41.3 km", "25–40 km", "routes", "met", "31.0 km", "最长缺口 61.8 km"),
        FindingRow("普通公路快充站覆盖率（沿线长度）", "undecided", "78–100 %", "100 %", "routes", "met", "100 %"),
        FindingRow("千吨级以上泊位岸电配备率", "not met", "25–50 %", "100 %", "berths"),
        FindingRow("车位充电条件比例高于电动车比例", "met", "+12.5 %", "≥ +10 %"),
    ],
    "en": [
        FindingRow("Expressway service areas with fast charging", "not met", "62–88 %", "100 %", "service_areas"),
        FindingRow("Mean spacing of charging sites on ordinary highways", "not met", "41.3 km", "25–40 km", "routes", "met", "31.0 km", "longest gap 61.8 km"),
        FindingRow("Ordinary highways within reach of fast charging", "undecided", "78–100 %", "100 %", "routes", "met", "100 %"),
        FindingRow("Berths of 1000 t and above with shore power", "not met", "25–50 %", "100 %", "berths"),
    ],
}  # fmt: skip
TITLES = {"zh": "株洲市充电与岸电覆盖评估", "en": "Charging and shore power in Zhuzhou"}


def case(lang="zh", n_roads=4000, seed=7):
    """Arguments of ``render_map`` for the demo."""
    rng = np.random.default_rng(seed)
    courses = {ref: course(rng, ref) for ref in COURSES}
    expressway = [
        wavy(rng, [(113.02, 27.95), (113.0, 27.3)]),
        wavy(rng, [(113.55, 28.0), (113.45, 27.4), (113.45, 26.95), (113.6, 26.6), (113.75, 26.15)]),
    ]
    river = frame(
        {"name": ["湘江", "洣水"]},
        [
            wavy(rng, [(113.09, 27.45), (113.08, 27.97)]),
            wavy(rng, [(113.75, 26.5), (113.5, 26.85), (113.1, 27.1)]),
        ],
    )
    waterways = Layer(
        "waterways",
        "layer.waterways",
        river,
        schema("waterways", col("name")),
        styles.WATERWAYS,
        "background",
        search_column="name",
    )
    town = frame({"name": list(TOWNS)}, map(Point, TOWNS.values()))
    towns = Layer(
        "towns",
        "layer.towns",
        town,
        schema("towns", col("name")),
        styles.TOWNS,
        "background",
        label_column="name",
    )
    layers = [
        counties(), waterways, roads(rng, n_roads), demand(rng), routes(courses), routes(courses, "after"), towns,
        sites(rng, list(courses.values())), service_areas(rng, expressway), berths(), proposed(courses),
    ]  # fmt: skip
    note = SourceNote(
        "OpenStreetMap、市交通运输局" if lang == "zh" else "OpenStreetMap, transport bureau",
        "2026-11-20",
        schematic=True,
    )
    return {
        "layers": layers, "findings": FINDINGS[lang], "lang": lang, "title": TITLES[lang],
        "subtitle": "方案 zhuzhou-2025 · 充电间距 25–40 km" if lang == "zh" else "profile zhuzhou-2025 · spacing 25–40 km",
        "note": note, "strips": {ref: strip(ref) for ref in COURSES},
    }  # fmt: skip


SQUARE = box(113.0, 27.0, 113.5, 27.5)
