"""Tagged objects of an OSM file with their shapes, whatever the order of objects in the file.

The file is gone through once for each sieve of objects, once for the ways their relations are made of, and
once for the nodes of all these: no table of all nodes is held, and nodes may stand after ways (as Overpass
writes them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import shapely
from shapely.geometry.base import BaseGeometry

from .files import osm_faults, osm_items

AREA_RELATIONS = frozenset(["multipolygon", "boundary"])


@dataclass(frozen=True)
class OsmObject:
    """One object: ``osm_type`` (node, way, relation), ``osm_id``, its tags and shape (EPSG:4326).

    The shape is a Point, a LineString, a Polygon or a MultiPolygon.
    """

    osm_type: str
    osm_id: int
    tags: dict[str, str]
    shape: BaseGeometry


@dataclass
class _Found:
    """What the first pass finds: tags of all, places of nodes, node ids of ways, member ways of relations."""

    tags: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    nodes: dict[int, tuple[float, float]] = field(default_factory=dict)
    ways: dict[int, list[int]] = field(default_factory=dict)
    relations: dict[int, list[int]] = field(default_factory=dict)

    def add(self, item: Any, tags: dict[str, str]) -> None:
        """Take an object of the file."""
        if item.is_node():
            if not item.location.valid():
                return
            self.nodes[item.id] = (item.location.lon, item.location.lat)
        elif item.is_way():
            self.ways[item.id] = [node.ref for node in item.nodes]
        elif tags.get("type") in AREA_RELATIONS:
            self.relations[item.id] = [member.ref for member in item.members if member.type == "w"]
        else:
            return
        self.tags[item.type_str(), item.id] = tags


def read_objects(
    path: Path,
    sieves: Sequence[osmium.BaseFilter],
    wanted: Callable[[dict[str, str]], bool],
    relation_id: int | None = None,
) -> list[OsmObject]:
    """Read objects that pass one of the sieves and are ``wanted``: nodes, ways, then relations, by id.

    Ways whose nodes are partly missing are drawn from those present; relations that do not close to an area
    are left out. If ``relation_id`` is given, only that relation is read.

    Raises
    ------
    InputError
        If the file is truncated, damaged, or not what its suffix says.
    """
    found = _Found()
    entities = osmium.osm.ALL if relation_id is None else osmium.osm.RELATION
    with osm_faults(path):
        for sieve in sieves:
            for item in osm_items(path, entities, sieve):
                if relation_id in {None, item.id}:
                    tags = {tag.k: tag.v for tag in item.tags}
                    if wanted(tags):
                        found.add(item, tags)
        members = {ref for refs in found.relations.values() for ref in refs}
        way_nodes = {**_ways(path, members - set(found.ways)), **found.ways}
        places = _places(path, {ref for refs in way_nodes.values() for ref in refs})
    return _shaped(found, way_nodes, places)


def _with_ids(path: Path, entities: Any, ids: set[int]) -> Iterator[Any]:
    """Objects of one kind with the given ids."""
    # osmium's filter knows no negative ids (files edited by hand have them)
    sieve = osmium.filter.IdFilter(ids) if min(ids) > 0 else None
    return (item for item in osm_items(path, entities, sieve) if item.id in ids)


def _ways(path: Path, ids: set[int]) -> dict[int, list[int]]:
    """Node ids of the ways asked for, as far as the file has them."""
    if not ids:
        return {}
    return {w.id: [node.ref for node in w.nodes] for w in _with_ids(path, osmium.osm.WAY, ids)}


def _places(path: Path, ids: set[int]) -> dict[int, tuple[float, float]]:
    """Longitude and latitude of the nodes asked for, as far as the file has them."""
    if not ids:
        return {}
    nodes = _with_ids(path, osmium.osm.NODE, ids)
    return {n.id: (n.location.lon, n.location.lat) for n in nodes if n.location.valid()}


def _shaped(
    found: _Found, way_nodes: dict[int, list[int]], places: dict[int, tuple[float, float]]
) -> list[OsmObject]:
    """Give each object its shape."""
    objects = [
        OsmObject("node", i, found.tags["n", i], shapely.Point(found.nodes[i])) for i in sorted(found.nodes)
    ]
    lines = {i: [places[n] for n in refs if n in places] for i, refs in way_nodes.items()}
    for i in sorted(found.ways):
        refs = found.ways[i]
        closed = len(refs) > 3 and refs[0] == refs[-1]
        shape = way_shape(lines[i], closed and _is_area(found.tags["w", i]))
        if shape is not None:
            objects.append(OsmObject("way", i, found.tags["w", i], shape))
    for i in sorted(found.relations):
        shape = area_of([lines[w] for w in found.relations[i] if w in lines])
        if shape is not None:
            objects.append(OsmObject("relation", i, found.tags["r", i], shape))
    return objects


def _is_area(tags: dict[str, str]) -> bool:
    """Whether a closed way means its inside (everything but water lines and ``area=no``)."""
    return tags.get("area") != "no" and "waterway" not in tags


def way_shape(points: list[tuple[float, float]], is_area: bool) -> BaseGeometry | None:
    """Line or area of a way; None if it has fewer than two different points."""
    if len(set(points)) < 2:
        return None
    line = shapely.LineString(points)
    return (area_of([points]) or line) if is_area else line


def area_of(lines: list[list[tuple[float, float]]]) -> BaseGeometry | None:
    """Area that lines enclose, holes left out; None if they do not close."""
    drawn = [shapely.LineString(points) for points in lines if len(points) > 1]
    if not drawn:
        return None
    area = shapely.build_area(shapely.MultiLineString(drawn))
    if area.is_empty or not np.isfinite(area.bounds).all():
        return None
    return area if area.is_valid else shapely.make_valid(area)


def point_of(shape: BaseGeometry) -> shapely.Point:
    """Return the point that stands for a shape: on an area, half-way along a line."""
    if isinstance(shape, shapely.Point):
        return shape
    if isinstance(shape, shapely.LineString):
        return shapely.line_interpolate_point(shape, 0.5, normalized=True)
    return shape.representative_point()
