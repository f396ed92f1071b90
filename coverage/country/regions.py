"""The regions of a country: a polygon, an id and a name each."""

from __future__ import annotations

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from ..atomic import write_file
from ..errors import Diagnostics, Fault, InputError
from ..files import RESERVED
from ..network.region import Region
from ..project import Project, RegionsSettings
from ..rules.policy import Policy
from ..rules.reach import DemandReach
from ..rules.roads import RouteRule
from ..units import WGS84
from ..vectors import read_vector
from .manifest import NATIONAL

_ID = re.compile(r"\w(?:[\w.-]{0,62}[\w-])?")
"""An id names a folder: letters of any script, digits, dots (Windows drops one at the end), hyphens."""
_KM_PER_MINUTE = 2.0
"""Nobody drives faster than 120 km/h for minutes on end."""


def read_regions(project: Project) -> gpd.GeoDataFrame:
    """Read the polygons of ``[regions]``, in the order of their file; rows with the same id are one region.

    Returns
    -------
    GeoDataFrame
        ``id``, ``name``, ``geometry`` in EPSG:4326, valid.

    Raises
    ------
    InputError
        With every fault: no such file or column, rows without polygon or id, ids that cannot name a folder, and a
        project that names one region beside them.
    """
    settings = project.regions
    assert settings is not None
    found = Diagnostics()
    named = project.region
    if any(value is not None for value in (named.file, named.osm_relation, named.bbox)):
        found.append(Fault("regions-and-region", file="project.toml"))
    path = project.path(settings.file)
    with found.collecting():
        frame = _polygons(path, settings, found)
    found.stop()
    return frame


def _polygons(path: Path, settings: RegionsSettings, found: Diagnostics) -> gpd.GeoDataFrame:
    file = str(path)
    layer = read_vector(path, settings.layer)
    found += layer.faults
    if layer.geometry is None:
        raise InputError(Fault("region-file-no-polygon", file=file))
    known = ", ".join(map(str, layer.headers[:20]))
    lacking = [name for name in (settings.id, settings.name) if name not in layer.headers]
    if lacking:
        raise InputError(
            [Fault("regions-column", file=file, value=name, values={"known": known}) for name in lacking]
        )
    at = [layer.headers.index(name) for name in (settings.id, settings.name)]
    ids, names = ([_written(row[i]) for row in layer.rows] for i in at)
    shapes = layer.geometry if layer.geometry.crs is None else layer.geometry.to_crs(WGS84)
    shapes = shapely.make_valid(np.asarray(shapes, dtype=object))
    for i, (id_, shape) in enumerate(zip(ids, shapes, strict=True)):
        if shape is None or shape.geom_type not in ("Polygon", "MultiPolygon", "GeometryCollection"):
            found.append(Fault("layer-no-area", file=file, row=i + 2, value=getattr(shape, "geom_type", "–")))
        if not _ID.fullmatch(id_) or RESERVED.fullmatch(id_) or id_.casefold() == NATIONAL:
            found.append(Fault("regions-id", file=file, row=i + 2, column=settings.id, value=id_))
    found.stop()
    west, south, east, north = shapely.total_bounds(shapes)
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InputError(Fault("region-file-no-crs", file=file))
    # Systems that don't tell capital letters from small ones would put two regions into one folder.
    order = {id_.casefold(): id_ for id_ in ids}
    if len(order) < len(set(ids)):
        twice = sorted(id_ for id_ in set(ids) if order[id_.casefold()] != id_)
        raise InputError(Fault("regions-id-twice", file=file, column=settings.id, value=", ".join(twice)))
    # A name stands in one line of a terminal, and a region without one goes by its id.
    names = [
        "".join(c for c in " ".join(n.split()) if c.isprintable()) or i
        for i, n in zip(ids, names, strict=True)
    ]
    frame = gpd.GeoDataFrame({"id": ids, "name": names}, geometry=shapes, crs=WGS84)
    joined = frame.dissolve("id", sort=False, aggfunc="first").reset_index()
    joined.geometry = [_areas(shape) for shape in joined.geometry]
    return gpd.GeoDataFrame(joined[["id", "name", "geometry"]])


def _areas(shape: shapely.Geometry) -> shapely.Geometry:
    """Polygons alone: what is made valid may have lines beside them."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    return shapely.union_all(parts[np.isin(shapely.get_type_id(parts), [3, 6])])


def _written(value: object) -> str:
    """A cell as text; whole numbers have no decimals."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def margin_km(project: Project, policy: Policy) -> float:
    """How far beyond its border a region is read: the halo, or what the policy looks further for.

    A gap is judged by sites up to the span away, to which one drives; people reach sites within their distance.
    """
    reaches = [rule.span_km + rule.site.access_km for rule in policy.rules if isinstance(rule, RouteRule)]
    reaches += [
        rule.reach_km if rule.reach_km is not None else (rule.reach_min or 0.0) * _KM_PER_MINUTE
        for rule in policy.of(DemandReach)
    ]
    if project.plan is not None or project.siting.sites is not None or project.siting.budget is not None:
        reaches.append(project.siting.reach_km)
    return max([project.region.halo_km, *reaches])


_SLIVER = 0.01
"""So much of a region's area may be in another one, because borders are drawn roughly."""


def overlaps(project: Project, frame: gpd.GeoDataFrame, whole: Region) -> list[Fault]:
    """Notes of regions that lie on each other: what is there counts in both, and twice in the country's sums."""
    assert project.regions is not None
    shapes, names = frame.geometry.to_numpy(), frame["name"].tolist()
    area = shapely.area(shapes)
    if (
        area.sum() - whole.polygon.area < _SLIVER * area.min()
    ):  # two borders of each region were compared otherwise
        return []
    one, two = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, two = one[one < two], two[one < two]
    share = shapely.area(shapely.intersection(shapes[one], shapes[two])) / np.minimum(area[one], area[two])
    file = project.regions.file.as_posix()
    return [
        Fault("regions-overlap", file, warning=True,
              values={"one": names[one[k]], "two": names[two[k]], "share": f"{share[k]:.0%}"})
        for k in np.flatnonzero(share > _SLIVER)
    ]  # fmt: skip


def write_regions(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write the polygons as a GeoPackage with the columns ``id`` and ``name``."""
    option, before = "OGR_CURRENT_DATE", pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options(
        {option: "2000-01-01T00:00:00.000Z"}
    )  # the same regions are the same bytes
    try:
        with write_file(path, overwrite=True, ours=lambda _: True, is_input=True) as new:
            frame.to_file(new, layer="regions", driver="GPKG", engine="pyogrio")
    finally:
        pyogrio.set_gdal_config_options({option: before})
