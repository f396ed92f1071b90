"""A small project that uses every input: two counties, five roads, all tables; read and assessed in half a second.

The files are written once by :func:`build`; a fuzzed case copies them and spoils one.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from pathlib import Path

import docx
import geopandas as gpd
import openpyxl
import pandas as pd
from osm_xml import osm_xml, write_osm

LON, LAT = 113.0, 27.5
STEP = 0.02
"""Degrees between crossings: some 2 km."""

PROJECT = """\
schema = 1
name = "小世界"
policy = "zhuzhou-2025"
language = "en"
assess_at = 2025-12-31

[region]
file = "counties.geojson"
halo_km = 5.0

[network]
osm = "roads.osm"
data_date = 2025-06-30
bridge_km = 2.0

[road_class]
expressway = ['[GS]\\d{1,2}', '[GS]\\d{4}']
ordinary_trunk = ['[GS]\\d{3}']

[routes.G107]
counts_from = "north"
start_km = 12.5
marks = [{ km = 12.5, lon = 113.02, lat = 27.58 }]

[tables.chargers]
path = "chargers.csv"
datum = "wgs84"
defaults = { current = "dc" }

[tables.facilities]
path = "facilities.csv"

[tables.berths]
path = "berths.csv"

[tables.car_parks]
path = "car_parks.csv"

[tables.demand]
path = "demand.csv"

[tables.counties]
path = "counties.geojson"

[tables.calls]
path = "calls.csv"

[siting]
objective = "people"
sites = 2
reach_km = 3.0
route_point_km = 4.0
spans_km = [5.0, 10.0]
shore_power_budget = 100
cost = { fuel = 2.0 }
time_limit_s = 2.0
min_distance_km = 0.5

[output]
crs = "EPSG:4490"
schematic = true
"""

TABLES = {
    "chargers": """\
id,name,operator,lon,lat,kind,current,points,point_kw,pool_kw,status,access,open_24h,opened,side,service_area,note
c1,North,甲,113.0201,27.5801,charging,dc,4,120,480,operational,public,yes,2021-05-01,,,
c2,South,乙,113.0203,27.5002,charging,dc,2,,,operational,public,,2020,,,
c3,Area,甲,113.0602,27.5401,charging,dc,4,60,,operational,public,yes,,east,A,
c4,Slow,丙,112.9802,27.5199,charging,ac,6,7,,planned,restricted,no,2026-01-01,,,a note
""",
    "facilities": """\
id,name,kind,lon,lat,pair,side,ref,status,surveyed,points,fast_points,point_kw,small_car_spaces,charging_spaces,area_m2
f1,A east,expressway_service_area,113.0604,27.5402,A,east,G4,operational,yes,4,4,60,80,12,9000
f2,A west,expressway_service_area,113.0596,27.5402,A,west,G4,operational,,,,,80,,
f3,Pump,fuel,113.0005,27.5402,,,S201,operational,,,,,,,
f4,Station,hub,112.9805,27.5605,,,,operational,no,0,0,,,,42000
f5,Depot,bus_depot,113.0205,27.5605,,,,planned,yes,2,2,200,,,
""",
    "berths": """\
id,name,port,wharf,lon,lat,class_t,length_m,cargo,status,shore_power,shore_power_kw,built,calls_per_year,hours_per_call,connected_calls,kwh_per_year,retrofit_cost
b1,Quay 1,Port,W,112.965,27.52,2000,98,container,operational,yes,400,2019-06-01,420,18,260,212000,
b2,Quay 2,Port,W,112.966,27.521,1000,85,bulk,operational,no,,2015-04-01,360,14,0,126000,118
b3,Quay 3,Port,W,,,1000,85,bulk,operational,,,,,,,,60
""",
    "car_parks": """\
id,name,lon,lat,park_type,spaces,ready_spaces,status,county
p1,Market,113.0102,27.5598,ancillary,860,150,operational,West
p2,Tower,113.0402,27.5498,new,520,130,operational,East
p3,Yard,113.0502,27.5298,existing,100,,operational,East
""",
    "demand": """\
id,name,kind,lon,lat,weight,flow,estimated,county
d1,Aa,town,112.982,27.561,6000,1000,yes,West
d2,Bb,village,113.001,27.521,400,,no,West
d3,Cc,village,113.041,27.579,900,200,no,East
d4,Dd,town,113.061,27.501,3000,,yes,East
""",
    "calls": """\
id,berth,ship,ship_kind,gross_tonnage,arrived,hours,able,connected,kwh
v1,b1,One,container,2059,2024-05-08,6.0,yes,no,
v2,b1,Two,dry cargo,1361,2024-05-24,20.0,yes,yes,560
v3,b2,Three,dry cargo,1894,2024-06-04,8.1,,,
""",
}

COUNTY_FIELDS = ("name", "population", "registered_ev", "registered_cars", "electric_buses")


def crossing(i: int, j: int) -> int:
    """Node id of a crossing of the grid, i to the east and j to the north."""
    return 1 + i + 10 * j


def roads():
    """Nodes and ways: a grid of 5 by 5 crossings, an expressway of two carriageways, a roundabout, a ferry."""
    nodes = [
        (crossing(i, j), LON - 2 * STEP + i * STEP, LAT + j * STEP, {}) for i in range(5) for j in range(5)
    ]
    ways = []
    for i, tags in enumerate(
        [
            {"route": "ferry", "motor_vehicle": "yes", "duration": "00:20"},
            {"highway": "secondary"},
            {"highway": "primary", "ref": "S201"},
            {"highway": "trunk", "ref": "G107"},
            {"highway": "residential"},
        ]
    ):
        ways.append((100 + i, [crossing(i, j) for j in range(5)], tags))
    ways += [
        (
            200 + j,
            [crossing(i, j) for i in range(5)],
            {"highway": "tertiary", "maxspeed": "60", "name": f"Street {j}"},
        )
        for j in range(5)
    ]
    for side, dx in (("up", 0.0004), ("down", -0.0004)):
        ids = list(range(300 if side == "up" else 320, (300 if side == "up" else 320) + 9))
        nodes += [(n, LON + 0.06 + dx, LAT - 0.01 + k * 0.0125, {}) for k, n in enumerate(ids)]
        refs = ids if side == "up" else ids[::-1]
        ways.append((400 + (side == "up"), refs, {"highway": "motorway", "ref": "G4", "oneway": "yes"}))
    ways.append((410, [305, crossing(4, 2), 325], {"highway": "motorway_link"}))
    ring = [(500 + k, LON + 0.0008 * x, LAT + 0.001 + 0.0008 * y, {}) for k, (x, y) in enumerate(_RING)]
    nodes += ring
    ways.append((510, [500, 501, 502, 503, 500], {"highway": "primary", "junction": "roundabout"}))
    ways.append((511, [crossing(2, 0), 503], {"highway": "primary", "ref": "S201"}))
    nodes += [
        (600, LON + 0.0201, LAT + 0.0801, {"amenity": "charging_station", "name": "Node", "capacity": "4"}),
        (601, LON, LAT + 0.02, {"place": "town", "name": "Town", "population": "5000"}),
        (602, LON - 0.035, LAT + 0.02, {"man_made": "quay", "name": "Quay"}),
        (603, LON, LAT + 0.04, {"amenity": "fuel"}),
        (604, LON + 0.02, LAT + 0.06, {"amenity": "parking", "capacity": "100"}),
    ]
    corners = [(700 + k, LON + x * 0.045, LAT + y, {}) for k, (x, y) in enumerate(_BOX)]
    nodes += corners
    ways.append((710, [700, 701, 702], {"boundary": "administrative"}))
    ways.append((711, [702, 703, 700], {"boundary": "administrative"}))
    members = [("way", 710, "outer"), ("way", 711, "outer")]
    about = {"type": "boundary", "boundary": "administrative", "admin_level": "6", "name": "Box"}
    return nodes, ways, [(900, members, about)]


_RING = ((1, 0), (0, 1), (-1, 0), (0, -1))
_BOX = ((-1, -0.005), (2, -0.005), (2, 0.095), (-1, 0.095))


def counties() -> gpd.GeoDataFrame:
    """Two rectangles side by side."""
    import shapely

    rows = [("West", 8000, 900, 4000, 10), ("East", 4000, 300, 2500, 0)]
    boxes = [shapely.box(112.95, 27.48, 113.03, 27.6), shapely.box(113.03, 27.48, 113.09, 27.6)]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=list(COUNTY_FIELDS)), geometry=boxes, crs="EPSG:4326")


def records(table: str) -> list[list[str]]:
    """Header and rows of a table."""
    return list(csv.reader(io.StringIO(TABLES[table])))


def as_csv(rows) -> str:
    """Rows as CSV text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def as_geojson(rows) -> dict:
    """Rows as a FeatureCollection; ``lon`` and ``lat`` make its points."""
    head, *body = rows
    features = []
    for row in body:
        cells = dict(zip(head, row, strict=False))
        lon, lat = cells.pop("lon", ""), cells.pop("lat", "")
        point = {"type": "Point", "coordinates": [float(lon), float(lat)]} if lon and lat else None
        features.append({"type": "Feature", "properties": cells, "geometry": point})
    return {"type": "FeatureCollection", "features": features}


def write_xlsx(path: Path, rows) -> None:
    """Write a workbook; numbers as numbers."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append([_number(cell) for cell in row])
    book.active.merge_cells("A1:A1")
    book.save(path)


def _number(cell):
    try:
        return float(cell)
    except (TypeError, ValueError):
        return cell or None


def write_template(path: Path) -> None:
    """Write a Word template with a cover, a header and a table."""
    paper = docx.Document()
    paper.add_heading("Bureau", 0)
    paper.sections[0].header.paragraphs[0].text = "Header of the bureau"
    paper.add_table(2, 2)
    paper.save(path)


def build(folder: Path) -> Path:
    """Write all files; every table also as workbook, GeoJSON and GeoPackage. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.toml").write_text(PROJECT, "utf-8")
    for name, text in TABLES.items():
        rows = records(name)
        (folder / f"{name}.csv").write_text(text, "utf-8")
        write_xlsx(folder / f"{name}.xlsx", rows)
        layer = as_geojson(rows)
        (folder / f"{name}.geojson").write_text(json.dumps(layer, ensure_ascii=False), "utf-8")
        gpd.read_file(folder / f"{name}.geojson").to_file(folder / f"{name}.gpkg", driver="GPKG")
    area = counties()
    (folder / "counties.geojson").write_text(area.to_json(drop_id=True), "utf-8")
    area.to_file(folder / "counties.gpkg", driver="GPKG")
    area.to_file(folder / "counties.shp", encoding="UTF-8")
    area.to_file(folder / "counties.fgb", driver="FlatGeobuf")
    nodes, ways, relations = roads()
    (folder / "roads.osm").write_text(osm_xml(nodes, ways, relations), "utf-8")
    write_osm(folder / "roads.osm.pbf", nodes, ways, relations)
    write_template(folder / "template.docx")
    for path in folder.glob("*.gpkg"):
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA journal_mode = DELETE")
        db.close()
    return folder


def write_graphs(folder: Path) -> None:
    """Write the roads as OSMnx would: GraphML, and a GeoPackage of nodes and edges."""
    import osmnx as ox
    from plugspan.network import read_network, to_networkx

    graph = to_networkx(read_network(folder / "roads.osm"))
    ox.save_graphml(graph, folder / "roads.graphml")
    ox.save_graph_geopackage(graph, folder / "graph.gpkg", directed=True)


def run(folder: Path) -> None:
    """Write the run folder ``run`` of the project, for ``verify`` and ``compare``."""
    from plugspan.pipeline import make_plan
    from plugspan.project import read_project
    from plugspan.render.run import write_run

    plan = make_plan(read_project(folder))
    write_run(plan, folder / "run", overwrite=True, lang="en", progress=lambda _key, _share: None)
