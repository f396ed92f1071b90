"""The ground under a project's maps: region and roads; and a region drawn by hand, kept as a file of the project."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.polygon import orient

from ..atomic import write_text
from ..errors import PlugspanError
from ..network import Region, RoadGraph, read_region
from ..project import Project, RegionSettings
from ..study import read_ground
from ..units import M_PER_KM
from .ask import Ask
from .project_file import Change, change_project, open_project
from .world import Folder, RefusedError, replacing, version_of

DRAWN = "drawn-region.geojson"
"""A region that was drawn; a file of the user's own is never written."""
_NEXT_TO = 0.004
"""Degrees by which lines under the points are simplified: some 400 m."""
_MOST_LINES, _MOST_CORNERS = 20_000, 500
_CHEAP_MB = 60
"""Roads of a file up to this size are shown to draw on: some eight seconds to read, once."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Region, roads and what else their file holds, as far as they are there."""

    region: Region | None = None
    roads: RoadGraph | None = None
    features: Mapping[str, gpd.GeoDataFrame] = field(default_factory=dict)


@lru_cache(maxsize=3)
def _ground(_versions: tuple[str, ...], project: _Ignored) -> Ground:
    try:
        return Ground(*read_ground(project.project))
    except PlugspanError:  # told on the page of the run; tables can be looked at without
        return Ground()


@dataclass(frozen=True)
class _Ignored:
    """A project that is no part of the key it is kept under."""

    project: Project = field(compare=False)


def ground_of(folder: Folder, project: Project) -> Ground:
    """Region and roads of a project; read again when their files or settings change."""
    files = [project.network.osm, *([project.region.file] if project.region.file else [])]
    if not all(map(folder.has, files)):
        return Ground()
    versions = [version_of(folder.inside(path)) for path in files]
    return _ground((str(folder.path), *versions, project.region.model_dump_json()), _Ignored(project))


def ground(ask: Ask) -> dict[str, Any]:
    """Outlines for the map under the points: the region, and roads with a number."""
    project, _ = open_project(ask.folder)
    return _outlines(ground_of(ask.folder, project))


def sheet(ask: Ask) -> dict[str, Any]:
    """What a region is drawn on: all roads of the file if it is small, and the region as it is now."""
    project, _ = open_project(ask.folder)
    now, whole = Ground(), project.model_copy(update={"region": RegionSettings()})
    if ask.folder.has(project.network.osm):
        small = ask.folder.inside(project.network.osm).stat().st_size <= _CHEAP_MB * 1_000_000
        now = ground_of(ask.folder, whole) if small else Ground()
    region = _region_alone(ask.folder, project)
    shown = _outlines(Ground(region, now.roads))
    bounds = None if now.roads is None else [*now.roads.node_xy.min(axis=0), *now.roads.node_xy.max(axis=0)]
    return {
        **shown,
        "extent": None if bounds is None else [round(float(v), 5) for v in bounds],
        "file": version_of(ask.folder.path / DRAWN),
    }


def _region_alone(folder: Folder, project: Project) -> Region | None:
    if project.region.file is None or not folder.has(project.region.file):
        return None
    path, halo_m = folder.inside(project.region.file), project.region.halo_km * M_PER_KM
    try:
        return read_region(path, layer=project.region.layer, halo_m=halo_m, name=project.name)
    except PlugspanError:  # told by the check
        return None


def _outlines(found: Ground) -> dict[str, Any]:
    region = [] if found.region is None else _rings(found.region.polygon.simplify(_NEXT_TO / 2))
    roads: list[Any] = []
    if found.roads is not None:
        numbered = found.roads.segments["ref"].notna().to_numpy()
        lines = shapely.simplify(np.asarray(found.roads.lines(), dtype=object)[numbered], _NEXT_TO)
        roads = [_coordinates(line) for line in lines[:_MOST_LINES]]
    return {"region": region, "roads": roads}


def _rings(polygon: Any) -> list[Any]:
    return [_coordinates(part.exterior) for part in shapely.get_parts(polygon)]


def _coordinates(line: Any) -> list[list[float]]:
    return [[round(x, 5), round(y, 5)] for x, y in shapely.get_coordinates(line).tolist()]


# -- drawn by hand -------------------------------------------------------------------------------------------


def draw_region(ask: Ask) -> dict[str, Any]:
    """Keep a polygon as the project's region: ``{"corners": [[lon, lat], …], "file": version seen}``.

    Raises
    ------
    RefusedError
        422 if the corners make no area, 412 if project or drawing changed since they were seen.
    """
    polygon = _polygon(ask.data.get("corners"))
    project, version = open_project(ask.folder)
    if version != ask.version:
        raise RefusedError(412, "app-changed", name=ask.folder.file.name)
    found = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": project.name},
                "geometry": shapely.geometry.mapping(polygon),
            }
        ],
    }
    path = ask.folder.path / DRAWN
    if path.is_symlink():
        raise RefusedError(403, "app-outside", name=DRAWN)
    with replacing(path, ask.text("file")) as new:
        write_text(new, json.dumps(found, ensure_ascii=False) + "\n")
    others: list[Change] = [(("region", key), None) for key in ("layer", "osm_relation", "bbox", "name")]
    return {"version": change_project(ask.folder, version, [*others, (("region", "file"), DRAWN)])}


def _polygon(corners: Any) -> shapely.Polygon:
    """The polygon of corners in degrees (WGS 84), anticlockwise as GeoJSON wants it."""
    if not isinstance(corners, list) or not all(map(_is_place, corners)):
        raise RefusedError(422, "app-region-corners")
    if not 3 <= len(corners) <= _MOST_CORNERS:
        raise RefusedError(422, "app-region-few", most=_MOST_CORNERS)
    polygon = shapely.Polygon(corners)
    if not polygon.is_valid or not polygon.area:
        raise RefusedError(422, "app-region-crosses")
    return orient(polygon, 1.0)


def _is_place(corner: Any) -> bool:
    if not isinstance(corner, Sequence) or len(corner) != 2:
        return False
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in corner)
    return numbers and abs(corner[0]) <= 180 and abs(corner[1]) <= 90
