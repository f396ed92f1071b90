"""Lines, places and boundaries -> an OSM file, with common nodes where coordinates agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import osmium
import shapely
from drawing import Array, Line, to_degrees

Table = Callable[[str], list[dict[str, str]]]
WAY_VERTICES = 180
COUNTY_LEVEL, CITY_LEVEL = "6", "5"
NOTE = "示意样例数据，非测绘成果 schematic sample, not survey data"


class Writer:
    """Collects nodes, ways and relations and numbers them in order."""

    def __init__(self) -> None:
        self.node_ids: dict[tuple[float, float], int] = {}
        self.node_tags: dict[int, dict[str, str]] = {}
        self.ways: list[tuple[list[int], dict[str, str]]] = []
        self.relations: list[tuple[list[tuple[str, int, str]], dict[str, str]]] = []

    def node(self, lonlat: Array, tags: dict[str, str] | None = None) -> int:
        """Id of the node at a position; one there is already is taken."""
        key = (float(lonlat[0]), float(lonlat[1]))
        number = self.node_ids.setdefault(key, len(self.node_ids) + 1)
        if tags:
            self.node_tags[number] = {**self.node_tags.get(number, {}), **tags}
        return number

    def way(self, lonlat: Array, tags: dict[str, str]) -> int:
        """Add a way; its id."""
        refs = [self.node(point) for point in lonlat]
        refs = [r for i, r in enumerate(refs) if i == 0 or r != refs[i - 1]]
        self.ways.append((refs, tags))
        return len(self.ways)

    def write(self, path: Path) -> None:
        """Write everything in the order OSM files have."""
        path.unlink(missing_ok=True)
        header = osmium.io.Header()
        header.set("generator", "plugspan sample builder")
        with osmium.SimpleWriter(str(path), header=header) as out:
            for (lon, lat), number in self.node_ids.items():
                tags = self.node_tags.get(number, {})
                out.add_node(osmium.osm.mutable.Node(id=number, version=1, location=(lon, lat), tags=tags))
            for number, (refs, tags) in enumerate(self.ways, start=1):
                out.add_way(osmium.osm.mutable.Way(id=number, version=1, nodes=refs, tags=tags))
            for number, (members, tags) in enumerate(self.relations, start=1):
                letters = [(kind[0], ref, role) for kind, ref, role in members]
                out.add_relation(
                    osmium.osm.mutable.Relation(id=number, version=1, members=letters, tags=tags)
                )


def write_osm(
    path: Path, lines: list[Line], areas: list[dict[str, object]], table: Table, counties: Path
) -> None:
    """Write the sample."""
    out = Writer()
    for line in lines:
        _write_line(out, line)
    for area in areas:
        _write_service_area(out, area)
    for row in table("towns"):
        tags = {"place": row["place"], "name": row["name"], "population": row["population"]}
        out.node(_position(row), tags)
    for row in table("facilities"):
        tag = {
            "fuel": ("amenity", "fuel"),
            "bus_depot": ("amenity", "bus_station"),
            "hub": ("amenity", "bus_station"),
        }
        if row["kind"] in tag and row["county"]:
            out.node(_position(row), {tag[row["kind"]][0]: tag[row["kind"]][1], "name": row["name"]})
    for row in table("berths"):
        if row["经度"]:
            out.node(_position(row), {"seamark:type": "berth", "name": row["泊位名称"]})
    for row in table("car_parks"):
        out.node(_position(row), {"amenity": "parking", "name": row["name"], "capacity": row["spaces"]})
    _write_boundaries(out, counties)
    out.write(path)


def _position(row: dict[str, str]) -> Array:
    lon, lat = (row.get(en) or row[zh] for en, zh in (("lon", "经度"), ("lat", "纬度")))
    return np.round([float(lon), float(lat)], 7)


def _write_line(out: Writer, line: Line) -> None:
    """Write a line as ways of limited length; a carriageway of G4 is drawn against its traffic."""
    xy, tags = line.xy, dict(line.tags)
    if line.id == "G4-":
        xy, tags["oneway"] = xy[::-1], "-1"
    if line.id.startswith("G60"):
        del tags["oneway"]  # a motorway is one-way by default
    lonlat = to_degrees(xy)
    step = len(lonlat) if tags.get("junction") or "waterway" in tags else WAY_VERTICES
    for start in range(0, max(len(lonlat) - 1, 1), step):
        out.way(lonlat[start : start + step + 1], tags)


def _write_service_area(out: Writer, area: dict[str, object]) -> None:
    """Write the ground of a service area and its fuel station."""
    here = np.asarray(area["xy"])
    corners = here + np.array([[-70, -50], [70, -50], [70, 50], [-70, 50], [-70, -50]])
    out.way(to_degrees(corners), {"highway": "services", "name": str(area["name"])})
    out.node(to_degrees(here + np.array([0.0, 48.0])), {"amenity": "fuel", "name": f"{area['name']}加油站"})


def _write_boundaries(out: Writer, path: Path) -> None:
    """Counties and the city as relations; the first relation is the city."""
    features = json.loads(path.read_text("utf-8"))["features"]
    shapes = {f["properties"]["name"]: shapely.geometry.shape(f["geometry"]) for f in features}
    city = shapely.union_all(list(shapes.values()))
    named = [("株洲市", CITY_LEVEL, city), *((name, COUNTY_LEVEL, shape) for name, shape in shapes.items())]
    for name, level, shape in named:
        rings = [part.exterior for part in shapely.get_parts(shape)]
        members = [
            (
                "way",
                out.way(np.round(shapely.get_coordinates(ring), 7), {"boundary": "administrative"}),
                "outer",
            )
            for ring in rings
        ]
        tags = {
            "type": "boundary",
            "boundary": "administrative",
            "admin_level": level,
            "name": name,
            "note": NOTE,
        }
        out.relations.append((members, tags))
