"""A made-up country of 120 by 100 km: numbered roads with breaks, local roads, sites and people, cut into regions."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from plugspan.project import read_project
from road_world import World

LON, LAT = 112.0, 28.0
WIDE, TALL = 120_000, 100_000
LEAST = """
[plan]
meet = "all"
"""


def _line(a, b, rng, step=2_000):
    """A road from a to b with bends."""
    a, b = np.array(a, float), np.array(b, float)
    n = max(2, round(float(np.hypot(*(b - a))) / step))
    line = a + np.linspace(0, 1, n + 1)[:, None] * (b - a)
    line[1:-1] += rng.normal(0, 150, (n - 1, 2))
    return line


def roads(path, seed=0):
    """Write the roads; local ones lead from the numbered ones to where sites are. Places of sites in degrees."""
    rng = np.random.default_rng(seed)
    world = World(LON, LAT, seed, noise_m=0.5)
    ends, spots = [], []
    for i, y in enumerate((-35_000, 2_000, 38_000)):
        line = _line((-WIDE / 2, y), (WIDE / 2, y + 4_000), rng)
        hole = len(line) // 2 + i  # the number is missing there for 2 km
        world.road(line[: hole + 1], f"G{301 + i}")
        world.road(line[hole : hole + 2])
        world.road(line[hole + 1 :], f"G{301 + i}")
        ends.append(line)
    for i, x in enumerate((-41_000, -3_000, 37_000)):
        rows = [line[np.abs(line[:, 0] - x).argmin()] for line in ends]
        stops = [(x, -TALL / 2), *rows, (x + 3_000, TALL / 2)]
        parts = [_line(a, b, rng) for a, b in zip(stops[:-1], stops[1:], strict=True)]
        line = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
        world.road(line, f"S{201 + i}", "secondary")
        ends.append(line)
    for line in ends:
        for k in rng.choice(len(line) - 2, 14, replace=False) + 1:
            side = line[k] + rng.uniform(-2_000, 2_000, 2)
            bend = (line[k] + side) / 2 + rng.normal(0, 200, 2)
            world.road(np.array([line[k], bend, side]), None, "unclassified")
            spots.append(side + rng.normal(0, 30, 2))
    for _ in range(60):  # lanes that lead nowhere
        a = rng.uniform(-0.5, 0.5, 2) * (WIDE, TALL)
        world.road(_line(a, a + rng.uniform(-6_000, 6_000, 2), rng, 700), None, "residential")
    world.write(path)
    return np.stack(world.to_degrees.transform(*np.array(spots).T), axis=1)


def grid(n):
    """So many rectangles, n a square, that make up the country, with a margin; ``id`` is row and column."""
    k = round(n**0.5)
    world = World(LON, LAT)
    west, south = world.to_degrees.transform(-WIDE / 2 - 9_000, -TALL / 2 - 9_000)
    east, north = world.to_degrees.transform(WIDE / 2 + 9_000, TALL / 2 + 9_000)
    # Not at round numbers: a site on a border would be in two regions.
    x, y = np.linspace(west, east, k + 1), np.linspace(south, north, k + 1)
    rows = [
        {"id": f"{j}{i}", "name": f"Region {j}{i}", "geometry": shapely.box(x[i], y[j], x[i + 1], y[j + 1])}
        for j in range(k)
        for i in range(k)
    ]
    return gpd.GeoDataFrame(rows, crs=4326)


def country(folder, n, seed=0, more="", roads_of="main", halo_km=1.0):
    """Write a project of n regions, and the same as one; return both."""
    rng = np.random.default_rng(seed + 1)
    folder.mkdir(parents=True, exist_ok=True)
    at = roads(folder / "roads.osm.pbf", seed)
    chosen = rng.permutation(len(at))
    sites, people, stops, parks = np.split(at[chosen], [26, 56, 70])
    ids = [f"C{i}" for i in range(len(sites))]
    pd.DataFrame(
        {"id": ids, "operator": ids, "lon": sites[:, 0], "lat": sites[:, 1], "kind": "charging", "current": "dc",
         "points": 4, "point_kw": [120, None, 60][0:1] * len(sites), "status": "operational", "access": "public"}
    ).to_csv(folder / "chargers.csv", index=False)  # fmt: skip
    pd.DataFrame(
        {"id": [f"D{i}" for i in range(len(people))], "name": [f"Town {i}" for i in range(len(people))],
         "lon": people[:, 0], "lat": people[:, 1], "kind": "town", "weight": rng.integers(100, 9000, len(people))}
    ).to_csv(folder / "demand.csv", index=False)  # fmt: skip
    pd.DataFrame(
        {"id": [f"F{i}" for i in range(len(stops))], "name": [f"Stop {i}" for i in range(len(stops))],
         "kind": "expressway_service_area", "lon": stops[:, 0], "lat": stops[:, 1], "surveyed": "yes"}
    ).to_csv(folder / "facilities.csv", index=False)  # fmt: skip
    pd.DataFrame(
        {"id": [f"P{i}" for i in range(len(parks))], "lon": parks[:, 0], "lat": parks[:, 1], "spaces": 50}
    ).to_csv(folder / "car_parks.csv", index=False)  # fmt: skip
    regions = grid(n)
    regions.to_file(folder / "regions.gpkg")
    regions.dissolve().drop(columns="id").to_file(folder / "all.gpkg")
    head = 'schema = 1\nname = "Made-up country"\npolicy = "zhuzhou-2025"\nlanguage = "en"\n'
    tables = "".join(
        f'[tables.{name}]\npath = "{name}.csv"\n'
        for name in ("chargers", "demand", "facilities", "car_parks")
    )
    rest = f'[network]\nosm = "roads.osm.pbf"\n[siting]\ntime_limit_s = 60\n{tables}{more}'
    many = f'[region]\nhalo_km = {halo_km}\n[regions]\nfile = "regions.gpkg"\nroads = "{roads_of}"\n'
    (folder / "project.toml").write_text(head + many + rest, "utf-8")
    one = '[region]\nfile = "all.gpkg"\nhalo_km = 43.0\n'
    (folder / "one.toml").write_text(head + one + rest, "utf-8")
    return read_project(folder), read_project(folder / "one.toml")
