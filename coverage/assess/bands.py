"""Areas within a driving distance of charging sites, for looking at; numbers never come from them."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from ..inputs import Inputs
from ..network import RoadGraph
from ..network.distances import AnchoredGraph, Snapper, nearest_source
from ..network.routes import ground_scale, mercator, unmercator
from ..policy import SiteRequirement
from ..units import M_PER_KM, WGS84, lonlat
from .finding import YES, site_status

BAND_LIMITS_KM = (5.0, 10.0, 20.0)
BESIDE_M = 1200.0
"""The area reaches this far beside a road that is within the distance."""
SMOOTH_M = 150.0


def reach_bands(
    graph: RoadGraph, inputs: Inputs, site: SiteRequirement, limits_km: Sequence[float] = BAND_LIMITS_KM
) -> gpd.GeoDataFrame:
    """Draw what lies within each driving distance of a site that surely qualifies.

    Returns
    -------
    GeoDataFrame
        EPSG:4326, widest first so that the nearer lie on top: ``within_km`` (text), MultiPolygons made of the roads
        within the distance, widened by :data:`BESIDE_M`.
    """
    sites = inputs.sites[site_status(inputs, site) == YES]
    anchored = AnchoredGraph(graph, Snapper(graph).snap(lonlat(sites.geometry)))
    distance_m, _ = nearest_source(
        anchored, anchored.anchors, limit_m=max(limits_km) * M_PER_KM, reverse=True
    )
    rows = []
    for limit in sorted(limits_km, reverse=True):
        area = _area(graph, distance_m[: graph.n_nodes], limit * M_PER_KM)
        if not area.is_empty:
            rows.append({"within_km": f"{limit:g}", "geometry": area})
    return gpd.GeoDataFrame(rows, columns=["within_km", "geometry"], geometry="geometry", crs=WGS84)


def _area(graph: RoadGraph, distance_m: np.ndarray, limit_m: float) -> BaseGeometry:
    at_u, at_v = distance_m[graph.seg_u], distance_m[graph.seg_v]
    whole = np.flatnonzero((at_u <= limit_m) & (at_v <= limit_m))
    part = np.flatnonzero((at_u <= limit_m) != (at_v <= limit_m))
    lines = [*graph.lines(whole), *_parts(graph, part, at_u, at_v, limit_m)]
    if not lines:
        return shapely.MultiPolygon()
    drawn = shapely.transform(np.array(lines, dtype=object), mercator)
    # Mercator stretches lengths; one scale for the whole picture will do.
    scale = float(np.median(ground_scale(shapely.get_coordinates(drawn)[:, 1])))
    drawn = shapely.simplify(drawn, SMOOTH_M / scale, preserve_topology=False)
    area = shapely.buffer(
        shapely.union_all(shapely.buffer(drawn, BESIDE_M / scale, quad_segs=3)), SMOOTH_M / scale
    )
    return shapely.transform(shapely.simplify(area, SMOOTH_M / scale), unmercator)


def _parts(
    graph: RoadGraph, segments: np.ndarray, at_u: np.ndarray, at_v: np.ndarray, limit_m: float
) -> list[BaseGeometry]:
    """The near end of segments that lead out of the distance."""
    found: list[BaseGeometry] = []
    for segment, line in zip(segments.tolist(), graph.lines(segments), strict=True):
        from_start = at_u[segment] <= at_v[segment]
        left = limit_m - min(at_u[segment], at_v[segment])
        share = min(1.0, left / max(graph.seg_length_m[segment], 1e-6))
        if share > 0:
            start, end = (0.0, share) if from_start else (1.0 - share, 1.0)
            found.append(substring(line, start, end, normalized=True))
    return found
