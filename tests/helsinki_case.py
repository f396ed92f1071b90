"""A small project on the real extract of central Helsinki, with tables whose texts are as bad as texts can be."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "${window.hacked=1}",
    "{{7*7}}",
    "{% off",
    "{#",
    "\"quoted\" 'single' & <b>",
    "=1+1",
    "+cmd|' /C calc'!A0",
    "two\nlines",
    "🔌⚡ 充电",
    "back\\slash `tick`",
    "a,b;c\td",
)
PROJECT = """
schema = 1
name = NAME
language = "en"
[region]
bbox = [24.92, 60.15, 24.99, 60.19]
halo_km = 2
[network]
osm = "helsinki.osm.pbf"
[road_class]
expressway = []
ordinary_trunk = ['\\d{2,4}', 'E ?\\d+']
[tables.chargers]
path = "chargers.csv"
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
[siting]
sites = 2
reach_km = 0.6
time_limit_s = 3600
[output]
note = NAME
"""
LON, LAT, STEP = 24.935, 60.165, 0.002


def write_case(folder: Path, root: Path, names: tuple[str, ...] = HOSTILE) -> Path:
    """Write project and tables; every text field holds one of ``names``. Returns the project file."""
    shutil.copy(root / "data" / "osm" / "helsinki.osm.pbf", folder)
    spots = [(LON + STEP * (k % 7), LAT + STEP * (k // 7)) for k in range(len(names))]
    rows = [(n, f"{x:.4f}", f"{y:.4f}") for n, (x, y) in zip(names, spots, strict=True)]
    _table(folder / "chargers.csv", "name,lon,lat,operator,service_area,side,note,current,points,point_kw",
           [(n, x, y, n, n, n, n, "dc", 2, 120 if k % 2 else "") for k, (n, x, y) in enumerate(rows)])  # fmt: skip
    kinds = ("expressway_service_area", "hub", "fuel", "bus_depot")
    _table(folder / "facilities.csv", "name,lon,lat,kind,pair,side,ref,county,note",
           [(n, x, y, kinds[k % 4], n, n, n, n, n) for k, (n, x, y) in enumerate(rows)])  # fmt: skip
    _table(folder / "berths.csv", "name,lon,lat,class_t,port,wharf,operator,shore_power,note",
           [(n, x, y, 2000, n, n, n, ("yes", "no", "")[k % 3], n) for k, (n, x, y) in enumerate(rows)])  # fmt: skip
    _table(folder / "car_parks.csv", "name,lon,lat,park_type,spaces,ready_spaces,operator,note",
           [(n, x, y, "new", 100, 20, n, n) for n, x, y in rows])  # fmt: skip
    _table(
        folder / "demand.csv",
        "name,lon,lat,kind,weight,note",
        [(n, x, y, "town", 100, n) for n, x, y in rows],
    )
    feature = {
        "type": "Feature",
        "properties": {
            "name": names[0],
            "population": 5,
            "registered_ev": 1,
            "registered_cars": 9,
            "note": names[1],
        },
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[24.9, 60.1], [25, 60.1], [25, 60.2], [24.9, 60.2], [24.9, 60.1]]],
        },
    }
    (folder / "counties.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8"
    )
    path = folder / "project.toml"
    path.write_text(PROJECT.replace("NAME", json.dumps(names[1], ensure_ascii=False)), "utf-8")
    return path


def _table(path: Path, header: str, rows: list[tuple]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header.split(","))
        writer.writerows(rows)
