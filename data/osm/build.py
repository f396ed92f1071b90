"""Build the schematic OSM file of Zhuzhou from the tables beside it.

Run ``python data/osm/build.py`` after a change of the tables. See ``README.md`` here for what is fact and
what is invented. The file is the same for the same tables.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import shapely

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from drawing import (  # noqa: E402
    Array,
    Line,
    bend,
    beside,
    chainage,
    course,
    length_m,
    node_lines,
    phase,
    point_at,
    spline,
    split_at,
    to_plane,
    with_vertices,
)
from osm_file import write_osm  # noqa: E402
from ramps import Ramps  # noqa: E402

TARGET = HERE / "zhuzhou-sample.osm.pbf"
SITES = HERE.parent / "sites"
HALF_MOTORWAY_M, HALF_TRUNK_M = 15.0, 8.0
SPEED = {"motorway": "120", "trunk": "80", "primary": "60"}
GRID = {"city": (9, 330.0), "town": (5, 250.0), "village": (2, 200.0), "hamlet": (2, 120.0)}
XIANG_BRIDGE_M, OTHER_BRIDGE_M = 450.0, 90.0


def table(name: str) -> list[dict[str, str]]:
    """Rows of a table beside this file, or of the sites."""
    path = (
        HERE / "tables" / f"{name}.csv"
        if (HERE / "tables" / f"{name}.csv").exists()
        else SITES / f"{name}.csv"
    )
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def place_of(row: dict[str, str]) -> Array:
    """Position of a row with lon and lat (WGS 84) on the plane."""
    return to_plane(np.array([float(row["lon"]), float(row["lat"])]))


def service_areas() -> list[dict[str, object]]:
    """Sides of the expressway service areas, converted from GCJ-02."""
    from plugspan.inputs.datum import to_wgs84

    rows = table("service_areas_gcj02")
    lon, lat = to_wgs84([float(r["lon"]) for r in rows], [float(r["lat"]) for r in rows], "gcj02")
    return [{**row, "xy": to_plane(np.array([x, y]))} for row, x, y in zip(rows, lon, lat, strict=True)]


# -- roads -----------------------------------------------------------------------------------------------


def waypoints(text: str, places: dict[str, Array]) -> Array:
    """Points of a course: names of towns, ``@`` and a service area, or longitude and latitude."""
    points = []
    for part in text.split(" - "):
        name = part.strip()
        points.append(
            places[name] if name in places else to_plane(np.array([float(v) for v in name.split()]))
        )
    return np.array(points)


def centre_lines(places: dict[str, Array]) -> list[tuple[dict[str, str], Array]]:
    """Row and centre line of each road."""
    drawn, rows = [], table("roads")
    points = [waypoints(row["course"], places) for row in rows]
    goes_on = [
        np.array_equal(one[-1], other[0]) and "oneway" not in (a["form"], b["form"])
        for (one, other), (a, b) in zip(pairwise(points), pairwise(rows), strict=True)
    ]
    for i, row in enumerate(rows):
        motorway = row["highway"] == "motorway"
        before = points[i - 1][-2] if i and goes_on[i - 1] else None
        legs = spline(points[i], before, points[i + 1][1] if i < len(goes_on) and goes_on[i] else None)
        target = float(row["length_km"]) * 1000 if row["length_km"] else None
        drawn.append((row, course(legs, row["id"], float(row["wiggle"]), 2 if motorway else 4, target)))
    return drawn


def motorways(drawn: list[tuple[dict[str, str], Array]]) -> dict[str, Array]:
    """Centre line of each motorway, its sections joined; the name is what stands before ``-``."""
    chains: dict[str, Array] = {}
    for row, xy in drawn:
        if row["highway"] == "motorway":
            chain = row["id"].split("-")[0]
            chains[chain] = np.vstack([chains[chain], xy[1:]]) if chain in chains else xy
    return chains


def carriageways(chains: dict[str, Array], drawn: list[tuple[dict[str, str], Array]]) -> dict[str, Line]:
    """Two one-way lines for each motorway: ``+`` in the order of the table, ``-`` against it."""
    lines = {}
    for chain, xy in chains.items():
        row = next(r for r, _ in drawn if r["id"].split("-")[0] == chain)
        tags = {"highway": "motorway", "ref": row["ref"], "name": row["name"], "lanes": "2", "oneway": "yes"}
        tags["maxspeed"] = "100" if chain in ("G1517", "G72") else "120"
        for sign in "+-":
            side = beside(xy, HALF_MOTORWAY_M) if sign == "+" else beside(xy, -HALF_MOTORWAY_M)[::-1]
            lines[chain + sign] = Line(chain + sign, side, tags, "motorway")
    return lines


def surface_roads(drawn: list[tuple[dict[str, str], Array]]) -> list[Line]:
    """All other roads: two-way, one-way, or with two carriageways."""
    lines = []
    for row, xy in drawn:
        if row["highway"] == "motorway":
            continue
        tags = {"highway": row["highway"], "ref": row["ref"], "name": row["name"]}
        if row["highway"] == "ferry":
            tags = {"route": "ferry", "name": row["name"], "motor_vehicle": "yes", "duration": "00:08"}
        elif row["highway"] in SPEED and phase(row["id"]) > 2.0:
            tags["maxspeed"] = SPEED[row["highway"]]
        tags = {k: v for k, v in tags.items() if v}
        one_way = {**tags, "oneway": "yes"}
        if row["form"] == "dual":
            lines.append(Line(row["id"] + "+", beside(xy, HALF_TRUNK_M, 120.0), one_way))
            lines.append(Line(row["id"] + "-", beside(xy, -HALF_TRUNK_M, 120.0)[::-1].copy(), one_way))
        else:
            lines.append(Line(row["id"], xy, one_way if row["form"] == "oneway" else tags))
    return lines


def edited(lines: list[Line]) -> list[Line]:
    """Cut lines where the table of edits changes a tag, and change it."""
    done = []
    for line in lines:
        edits = [e for e in table("edits") if e["road"] == line.id]
        scale = length_m(line.xy) / chainage(line.xy)[-1]
        cuts = [float(e[k]) * 1000 / scale for e in edits for k in ("from_km", "to_km")]
        at = 0.0
        for number, piece in enumerate(split_at(line.xy, cuts) if cuts else [line.xy]):
            middle = (at + chainage(piece)[-1] / 2) * scale / 1000
            at += chainage(piece)[-1]
            tags = dict(line.tags)
            for e in edits:
                if float(e["from_km"]) <= middle <= float(e["to_km"]):
                    tags[e["tag"]] = e["value"]
            name = line.id if not number else f"{line.id}/{number}"
            done.append(Line(name, piece, {k: v for k, v in tags.items() if v}))
    return done


def county_roads(places: dict[str, Array], roads: list[Line], river: shapely.LineString) -> list[Line]:
    """Background: roads between towns that are neighbours (Gabriel graph) and not joined yet."""
    rows = [r for r in table("towns") if r["place"] != "hamlet"]
    xy = np.array([places[r["name"]] for r in rows])
    far = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    near = shapely.buffer(shapely.union_all([r.shape for r in roads]), 1500.0)
    shapely.prepare(near)
    lines = []
    for i in range(len(xy)):
        for j in range(i + 1, len(xy)):
            middle = np.hypot(*(xy - (xy[i] + xy[j]) / 2).T)
            middle[[i, j]] = np.inf
            if far[i, j] > 26_000 or middle.min() < far[i, j] / 2:
                continue
            straight = shapely.LineString(xy[[i, j]])
            joined = shapely.intersection(near, straight).length > 0.6 * far[i, j]
            if joined or straight.crosses(river):
                continue
            number = len(lines) + 101
            main = "village" not in (rows[i]["place"], rows[j]["place"])
            kind, letter = ("secondary", "X") if main or number % 3 == 0 else ("tertiary", "Y")
            path = course(spline(xy[[i, j]]), f"{letter}{number}", 1.2, 4)
            lines.append(Line(f"{letter}{number}", path, {"highway": kind, "ref": f"{letter}{number}"}))
    return lines


def streets(places: dict[str, Array]) -> list[Line]:
    """Draw a grid of streets in each town, turned and bent a little."""
    lines = []
    for row in table("towns"):
        n, step = GRID[row["place"]]
        turn = phase(row["name"]) / 8
        axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        half, wide = (n - 1) / 2 * step, (n - 1) / 2 * step + 60.0
        for axis in (0, 1):
            for k in range(n):
                across = k * step - half + 0.13 * step
                ends = np.array([[-wide, across], [wide, across]])[:, :: 1 - 2 * axis] @ axes
                path = bend(_dense_street(places[row["name"]] + ends), f"{row['name']}{axis}{k}", 0.25, 4)
                kind = "tertiary" if k == n // 2 and row["place"] in ("city", "town") else "residential"
                lines.append(Line(f"street-{row['name']}-{axis}-{k}", path, {"highway": kind}))
    return lines


def _dense_street(ends: Array) -> Array:
    return ends[0] + np.linspace(0, 1, 9)[:, None] * (ends[1] - ends[0])


def roundabouts(lines: list[Line], places: dict[str, Array]) -> list[Line]:
    """Cut the lines at each roundabout and put a ring there, driven against the clock."""
    rings = []
    for row in table("roundabouts"):
        centre, radius = places[row["place"]], float(row["radius_m"])
        angle = np.linspace(0, 2 * np.pi, 25)
        ring = centre + radius * np.column_stack([np.cos(angle), np.sin(angle)])
        ring[-1] = ring[0]
        disc, kept, ends = shapely.Polygon(ring), [], []
        for line in lines:
            if line.shape.distance(shapely.Point(centre)) >= radius:
                kept.append(line)
                continue
            outside = shapely.get_parts(shapely.difference(line.shape, disc))
            parts = [shapely.get_coordinates(part) for part in outside if part.length > 20.0]
            kept += [Line(f"{line.id}~{k}", xy, line.tags) for k, xy in enumerate(parts)]
            tips = [tip for xy in parts for tip in (xy[0], xy[-1])]
            ends += [tip for tip in tips if disc.exterior.distance(shapely.Point(tip)) < 0.01]
        tags = {"highway": row["highway"], "ref": row["ref"], "junction": "roundabout", "oneway": "yes"}
        ring = with_vertices(ring, ends)
        rings.append(Line(f"roundabout-{row['place']}", ring, {k: v for k, v in tags.items() if v}))
        lines = kept
    return lines + rings


# -- interchanges ----------------------------------------------------------------------------------------


def spur_roads(chains: dict[str, Array], roads: list[Line]) -> list[Line]:
    """Draw connecting roads from a motorway to a road that it does not cross."""
    spurs = []
    for row in table("interchanges"):
        if row["kind"] != "spur":
            continue
        xy, place = chains[row["a"].split("-")[0]], shapely.Point(place_of(row))
        start = point_at(xy, shapely.LineString(xy).project(place))
        target = shapely.union_all([r.shape for r in roads if r.id.split("/")[0].rstrip("+-") == row["b"]])
        end = shapely.get_coordinates(shapely.shortest_line(shapely.Point(start), target))[1]
        way = (end - start) / np.hypot(*(end - start))
        path = np.vstack(
            [start - 260.0 * way, start, start + 260.0 * way, (start + end) / 2, end + 3.0 * way]
        )
        tags = {"highway": "secondary", "name": f"{row['name']}互通连接线"}
        spurs.append(Line(f"spur-{row['name']}", path, tags))
    return spurs


def connect(ramps: Ramps) -> None:
    """Build all interchanges of the table."""
    surface = {i: line for i, line in ramps.lines.items() if line.kind == "surface"}
    for row in table("interchanges"):
        a, place = row["a"].split("-")[0], place_of(row)
        b = row["b"].split("-")[0]
        if row["kind"] == "system":
            ramps.system(a, b, place, row["name"])
            continue
        wanted = f"spur-{row['name']}" if row["kind"] == "spur" else row["b"]
        roads = [i for i in surface if i.split("/")[0].split("~")[0].rstrip("+-") == wanted]
        if row["kind"] == "end":
            ramps.terminal(a, roads or [b + "+", b + "-"], place, row["name"])
        else:
            ramps.diamond(a, roads, place, row["name"])


# -- all together ----------------------------------------------------------------------------------------


def rivers(places: dict[str, Array]) -> list[Line]:
    """River lines."""
    return [
        Line(row["id"], course(spline(waypoints(row["course"], places)), row["id"], float(row["wiggle"]), 4),
             {"waterway": "river", "name": row["name"]}, "water")
        for row in table("rivers")
    ]  # fmt: skip


def bridged(lines: Iterable[Line], waters: list[Line]) -> list[Line]:
    """Cut lines at rivers and tag what spans them."""
    done = []
    for line in lines:
        cuts: list[tuple[float, float]] = []
        for water in waters if line.tags.get("highway") else []:
            half = (XIANG_BRIDGE_M if water.id == "xiang" else OTHER_BRIDGE_M) / 2
            for point in shapely.get_coordinates(shapely.intersection(line.shape, water.shape)):
                at = line.shape.project(shapely.Point(point))
                cuts.append((at - half, at + half))
        total, pieces, at = (
            chainage(line.xy)[-1],
            split_at(line.xy, [c for pair in cuts for c in pair if c > 0]),
            0.0,
        )
        for piece in pieces if cuts else [line.xy]:
            middle = at + chainage(piece)[-1] / 2
            at += chainage(piece)[-1]
            over = any(low <= middle <= high for low, high in cuts) and total > 0
            done.append(
                Line(
                    line.id,
                    piece,
                    {**line.tags, "bridge": "yes", "layer": "1"} if over else line.tags,
                    line.kind,
                )
            )
    return done


def build() -> tuple[list[Line], list[dict[str, object]]]:
    """All lines of the sample, and its service areas."""
    areas = service_areas()
    places = {row["name"]: place_of(row) for row in table("towns")}
    for pair in sorted({str(a["pair"]) for a in areas}):
        sides = [np.asarray(a["xy"]) for a in areas if a["pair"] == pair]
        places["@" + pair.removesuffix("服务区")] = np.mean(sides, axis=0)
    drawn, waters = centre_lines(places), rivers(places)
    chains, surface = motorways(drawn), edited(surface_roads(drawn))
    surface += spur_roads(chains, surface)
    xiang = next(w.shape for w in waters if w.id == "xiang")
    surface += county_roads(places, surface, xiang) + streets(places)
    surface = node_lines(roundabouts(surface, places))
    ramps = Ramps({line.id: line for line in surface} | carriageways(chains, drawn))
    connect(ramps)
    for chain in chains:
        ramps.edge_of_map(chain)
    by_ref = {row["ref"]: row["id"].split("-")[0] for row, _ in drawn if row["highway"] == "motorway"}
    for area in areas:
        ramps.service_area(by_ref[str(area["ref"])], area)
    roads = bridged([*ramps.lines.values(), *ramps.ramps], waters)
    return roads + waters, areas


def main(target: Path = TARGET) -> None:
    """Write the file."""
    lines, areas = build()
    write_osm(target, lines, areas, table, SITES / "counties.geojson")


if __name__ == "__main__":
    main()
