"""What an OSM file knows besides roads: places to charge, to stop, to berth, and where people live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from shapely import GeometryType
from shapely.geometry.base import BaseGeometry

from ...errors import Fault, InputError
from ...units import WGS84
from ..graph import IntArray
from ..region import HALO_M, Region, contains
from .files import OSM_SUFFIXES, check_file, read_content
from .objects import Objects, Selection, Tags, draw, point_of

PLACES = frozenset(["city", "town", "village", "hamlet", "suburb"])
COLUMNS = ("osm_type", "osm_id", "name", "kind", "tags", "geometry")
"""Columns of every feature table. ``kind`` is the value that made the object a feature of its table
(``rest_area``, ``quay``, ``town``, ``river``, the ``admin_level`` …); ``tags`` is a dict of all its tags."""

TAGS = {
    "amenity": ("charging_station", "fuel", "parking", "bus_station", "ferry_terminal"),
    "man_made": ("charge_point", "quay", "pier"),
    "highway": ("services", "rest_area", "motorway_junction"),
    "public_transport": ("station",),
    "seamark:type": ("berth", "harbour"),
    "landuse": ("harbour", "port"),
    "industrial": ("port",),
    "aeroway": ("aerodrome",),
    "place": tuple(sorted(PLACES)),
    "boundary": ("administrative",),
    "waterway": ("river", "canal"),
}
"""Every object of a feature table has one of these tags or one of :data:`KEYS`; the readers sift by them."""
KEYS = ("harbour", "mooring")
FEATURE_TAGS = {key: frozenset(values) for key, values in TAGS.items()} | {key: frozenset() for key in KEYS}


def _one_of(key: str, *values: str) -> Callable[[Tags], str | None]:
    """Rule: the tag has one of these values; the kind is the value."""
    return lambda tags: tags[key] if tags.get(key) in values else None


def _bus_station(tags: Tags) -> str | None:
    """Bus stations by either tagging scheme."""
    if tags.get("amenity") == "bus_station":
        return "bus_station"
    return "station" if tags.get("public_transport") == "station" and tags.get("bus") == "yes" else None


def _charging(tags: Tags) -> str | None:
    """Charging stations, and single charge points."""
    return _one_of("amenity", "charging_station")(tags) or _one_of("man_made", "charge_point")(tags)


def _harbour(tags: Tags) -> str | None:
    """Berths, quays and piers, moorings, harbours and ports; the most particular tag gives the kind."""
    for key, values in (
        ("seamark:type", ("berth", "harbour")),
        ("man_made", ("quay", "pier")),
        ("landuse", ("harbour", "port")),
        ("industrial", ("port",)),
    ):
        if tags.get(key) in values:
            return tags[key]
    return next((k for k in ("harbour", "mooring") if tags.get(k, "no") != "no"), None)


def _boundary(tags: Tags) -> str | None:
    """Administrative boundaries that say their level."""
    return tags.get("admin_level") if tags.get("boundary") == "administrative" else None


RULES: dict[str, Callable[[Tags], str | None]] = {
    "charging": _charging,
    "service_areas": _one_of("highway", "services", "rest_area"),
    "junctions": _one_of("highway", "motorway_junction"),
    "fuel": _one_of("amenity", "fuel"),
    "parking": _one_of("amenity", "parking"),
    "bus_stations": _bus_station,
    "harbours": _harbour,
    "airports": _one_of("aeroway", "aerodrome"),
    "ferry_terminals": _one_of("amenity", "ferry_terminal"),
    "places": _one_of("place", *sorted(PLACES)),
    "boundaries": _boundary,
    "waterways": _one_of("waterway", "river", "canal"),
}
"""Table -> rule that gives the kind of an object, or None if it does not belong."""


def read_features(path: str | Path, region: Region | None = None) -> dict[str, gpd.GeoDataFrame]:
    """Read all features of an OSM file.

    Parameters
    ----------
    path : path
        ``.osm.pbf``, ``.osm``, ``.osm.bz2`` or ``.osm.gz``.
    region : Region, optional
        Keep what lies in the region and its halo; boundaries and waterways that touch it stay whole.

    Returns
    -------
    dict
        One GeoDataFrame for each key of :data:`RULES`, EPSG:4326, with :data:`COLUMNS`, nodes first, then
        ways, then relations, by id. ``boundaries`` are areas, ``waterways`` lines, the others points: on an
        area, half-way along a line. An area and a node of the same place and name inside it are one place.

    Raises
    ------
    InputError
        If the file is damaged or not what its suffix says.
    """
    path = Path(path)
    check_file(path, OSM_SUFFIXES)
    return feature_tables(draw(read_content(path, Selection(tags=FEATURE_TAGS))), region)


def feature_tables(objects: Objects, region: Region | None) -> dict[str, gpd.GeoDataFrame]:
    """Sort objects into tables; see :func:`read_features`."""
    return {name: _table(name, rule, objects, region) for name, rule in RULES.items()}


def _table(
    name: str, rule: Callable[[Tags], str | None], objects: Objects, region: Region | None
) -> gpd.GeoDataFrame:
    """Table of the objects that a rule takes."""
    kind = np.array([rule(tags) for tags in objects.tags], dtype=object)
    take = np.array([k is not None for k in kind], dtype=bool)
    form = shapely.get_type_id(objects.shape)
    if name == "boundaries":
        named = np.array(["name" in tags for tags in objects.tags], dtype=bool)
        take &= (objects.osm_type == "relation") | named  # closed ways without a name are parts of relations
        take &= (form == GeometryType.POLYGON) | (form == GeometryType.MULTIPOLYGON)
    elif name == "waterways":
        take &= form == GeometryType.LINESTRING
    chosen = np.flatnonzero(take)
    if name == "places":
        chosen = chosen[_single_places(objects, chosen, kind)]
    shape = objects.shape[chosen]
    tags = [objects.tags[i] for i in chosen.tolist()]
    frame = gpd.GeoDataFrame(
        {
            "osm_type": objects.osm_type[chosen].astype(object),
            "osm_id": objects.osm_id[chosen],
            "name": [t.get("name") for t in tags],
            "kind": kind[chosen].tolist(),
            "tags": tags,
        },
        geometry=shape if name in {"boundaries", "waterways"} else point_of(shape),
        crs=WGS84,
    )
    return frame if region is None else _clipped(frame, region)


def _clipped(frame: gpd.GeoDataFrame, region: Region) -> gpd.GeoDataFrame:
    """Rows that lie in, or touch, the region and its halo."""
    polygon = region.with_halo
    shapes = np.asarray(frame.geometry, dtype=object)
    if len(shapes) and (shapely.get_type_id(shapes) == GeometryType.POINT).all():
        keep = contains(polygon, shapely.get_coordinates(shapes))
    else:
        shapely.prepare(polygon)
        keep = shapely.intersects(polygon, shapes)
    return frame[keep].reset_index(drop=True)


def _single_places(objects: Objects, chosen: IntArray, kind: npt.NDArray[Any]) -> list[int]:
    """Drop areas of places that have a node of the same kind and name inside; positions among the chosen."""
    nodes: dict[tuple[str, str | None], list[BaseGeometry]] = {}
    kept = []
    for k, i in enumerate(chosen.tolist()):
        same = nodes.setdefault((kind[i], objects.tags[i].get("name")), [])
        if objects.osm_type[i] == "node":  # nodes come first
            same.append(objects.shape[i])
        elif same and shapely.intersects(objects.shape[i], same).any():
            continue
        kept.append(k)
    return kept


MOST_NAMED = 10
"""So many boundaries are named where the one asked for is not there."""


def read_region_from_osm(
    path: str | Path, relation_id: int, *, halo_m: float = HALO_M, name: str | None = None
) -> Region:
    """Region from a boundary or multipolygon relation in an OSM file; its name unless another is given.

    Raises
    ------
    InputError
        If the file is damaged, lacks the relation, or lacks members so that it does not close.
    """
    path = Path(path)
    check_file(path, OSM_SUFFIXES)
    found = draw(read_content(path, Selection(relation_id=relation_id)))
    if not len(found.shape):
        raise InputError(_no_such_relation(path, relation_id))
    return Region(found.shape[0], halo_m, found.tags[0].get("name", "") if name is None else name)


def _no_such_relation(path: Path, relation_id: int) -> Fault:
    """Say that a relation gives no region, and which boundaries of the file would."""
    found = draw(read_content(path, Selection(tags={"boundary": frozenset(["administrative"])})))
    areas = np.flatnonzero(found.osm_type == "relation").tolist()
    names = [f"{found.osm_id[i]} ({found.tags[i].get('name', '?')})" for i in areas[:MOST_NAMED]]
    values = {"relation_id": relation_id, "others": ", ".join(names)}
    key = "region-relation-others" if areas else "region-relation-missing"
    return Fault(key, file=str(path), value=relation_id, values=values)
