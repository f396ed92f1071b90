"""Demand, and who is reached from where: driving distances between demand, existing sites and candidates."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy import sparse
from shapely.geometry.base import BaseGeometry

from ...inputs import Inputs
from ...network import RoadGraph
from ...network.distances import AnchoredGraph, Pairs, distances_within, snap
from ...network.routes import RoadIndex, Route, drives_by_key, inside_intervals, locate
from ...units import M_PER_KM, WGS84, lonlat
from ...waymarks import place_names
from ..maxcover.problem import FloatArray, IntArray

REACH_SLACK = 1e-12
"""Relative slack for rounding where a distance is compared with the reach."""


@dataclass(frozen=True, eq=False)
class Places:
    """Existing sites that count, then the candidates that may be built; positions are those of the solver.

    Attributes
    ----------
    table : GeoDataFrame
        EPSG:4326; ``id, name, existing`` (bool), ``cost`` (0 for existing ones), ``county`` ("" outside of all),
        ``plugs`` (missing for candidates and where not known).
    free : GeoDataFrame
        The candidates among them, as :func:`.candidates.find_candidates` lists them.
    """

    table: gpd.GeoDataFrame
    free: gpd.GeoDataFrame

    @property
    def fixed(self) -> IntArray:
        """Positions of the existing sites."""
        return np.flatnonzero(self.table["existing"]).astype(np.int64)

    @property
    def names(self) -> npt.NDArray[np.object_]:
        """(n,) ids."""
        return np.asarray(self.table["id"], dtype=object)


@dataclass(frozen=True, eq=False)
class Reach:
    """Demand and the driving distances from it to the places."""

    demand: gpd.GeoDataFrame
    far: Pairs

    @property
    def weight(self) -> FloatArray:
        """(m,) weight of each demand."""
        return np.asarray(self.demand["weight"], dtype=np.float64)

    def within(self, reach_km: float, detour: float = 1.0) -> sparse.csr_array:
        """(n, m) who is within the reach if every way is ``detour`` times as long."""
        near = self.far.distance_m * detour <= reach_km * M_PER_KM * (1 + REACH_SLACK)
        at = self.far.target[near], self.far.source[near]
        return sparse.csr_array((np.ones(int(near.sum()), bool), at), shape=self.far.shape[::-1])

    def evidence(self, names: npt.NDArray[np.object_]) -> pd.DataFrame:
        """``site, demand, distance_m`` of all pairs, sorted by demand, distance, site."""
        table = pd.DataFrame(
            {
                "site": names[self.far.target],
                "demand": self.demand["id"].to_numpy()[self.far.source],
                "distance_m": self.far.distance_m,
            }
        )
        return table.sort_values(["demand", "distance_m", "site"], kind="stable").reset_index(drop=True)


def find_sites(inputs: Inputs, candidates: gpd.GeoDataFrame, counts: npt.NDArray[np.bool_]) -> Places:
    """Existing sites that count, by a mask of the sites, and candidates that are not excluded."""
    free = candidates[candidates["excluded"].isna()]
    existing = inputs.sites[counts]
    n_old, n_new = len(existing), len(free)
    points = gpd.GeoSeries(pd.concat([existing.geometry, free.geometry], ignore_index=True), crs=WGS84)
    plugs = existing["points"].astype(float).to_numpy() if n_old else np.empty(0)
    table = gpd.GeoDataFrame(
        {
            "id": np.concatenate([existing["id"].to_numpy(object), free["id"].to_numpy(object)]),
            "name": np.concatenate([existing["name"].to_numpy(object), free["name"].to_numpy(object)]),
            "existing": np.repeat([True, False], [n_old, n_new]),
            "cost": np.concatenate([np.zeros(n_old), free["cost"].to_numpy(float)]),
            "county": county_of(points, inputs.counties),
            "plugs": np.concatenate([plugs, np.full(n_new, np.nan)]),
        },
        geometry=points,
        crs=WGS84,
    )
    return Places(table, free)


def county_of(points: gpd.GeoSeries, counties: gpd.GeoDataFrame) -> npt.NDArray[np.object_]:
    """(n,) name of the county that each point lies in, "" outside of all; on a border the first listed."""
    found = np.full(len(points), "", dtype=object)
    areas = counties[counties.geometry.notna()] if len(counties) else counties
    if len(areas) and len(points):
        where = points.notna().to_numpy() & ~points.is_empty.to_numpy()
        rows = np.flatnonzero(where)
        point, area = shapely.STRtree(areas.geometry.to_numpy()).query(
            points.to_numpy()[rows], predicate="intersects"
        )
        order = np.lexsort((area, point))[::-1]
        found[rows[point[order]]] = areas["name"].to_numpy(object)[area[order]]
    return found


def measure(
    graph: RoadGraph,
    demand: gpd.GeoDataFrame,
    places: Places,
    limit_km: float,
    seg_cost: FloatArray | None = None,
) -> Reach:
    """Driving distances demand -> place within the limit; with ``seg_cost`` thousands of its unit instead of km."""
    points = np.concatenate([lonlat(demand.geometry), lonlat(places.table.geometry)])
    anchored = AnchoredGraph(graph, snap(graph, points), seg_cost)
    # Few places face many demands, so the search runs backwards from the places.
    found = distances_within(
        anchored,
        anchored.anchors[len(demand) :],
        anchored.anchors[: len(demand)],
        limit_km * M_PER_KM,
        reverse=True,
    )
    order = np.lexsort((found.source, found.target))
    return Reach(
        demand, Pairs(found.target[order], found.source[order], found.distance_m[order], found.shape[::-1])
    )


DEMAND_STEP_M = 1000.0
"""Highway length is sampled in stretches of this length."""
DEMAND_COLUMNS = ["id", "name", "weight", "county"]


def people_demand(inputs: Inputs, column: str = "weight") -> gpd.GeoDataFrame:
    """Demand points inside the region with their ``column`` as weight."""
    amount = inputs.demand[column].astype(float)
    own = inputs.demand.assign(weight=amount)[inputs.demand["inside"].astype(bool) & (amount > 0)]
    own = own.assign(county=own["county"].fillna("").astype(object))
    return own[[*DEMAND_COLUMNS, "geometry"]].reset_index(drop=True)


def highway_demand(
    inputs: Inputs,
    index: RoadIndex,
    routes: list[Route],
    region: BaseGeometry | None,
    lang: str = "en",
) -> gpd.GeoDataFrame:
    """Middles of stretches of each direction, weighted by the length that counts (each road once).

    Each is named by its route and place on it, as a reader of ``lang`` knows it.
    """
    frames = []
    for (ref, section, direction), drive in drives_by_key(routes).items():
        at, length_m = _stretches(inside_intervals(index, drive, region))
        if not len(at):
            continue
        where = locate(index, drive, at)
        ids = [f"{ref}-{section}-{direction}-{x / M_PER_KM:.2f}" for x in at]
        names = place_names(at / M_PER_KM, lang, ref, section, direction)
        weight = length_m * drive.weight[where["edge"]]
        frames.append(where.assign(id=ids, name=names, weight=weight))
    if not frames:
        return gpd.GeoDataFrame(columns=DEMAND_COLUMNS, geometry=[], crs=WGS84)
    table = pd.concat(frames, ignore_index=True)
    points = gpd.GeoSeries(gpd.points_from_xy(table["lon"], table["lat"]), crs=WGS84)
    table["county"] = county_of(points, inputs.counties)
    return gpd.GeoDataFrame(table[DEMAND_COLUMNS], geometry=points, crs=WGS84)


def _stretches(intervals: npt.NDArray[np.float64]) -> tuple[FloatArray, FloatArray]:
    """Middles and lengths of equal stretches, none longer than :data:`DEMAND_STEP_M`."""
    middles, lengths = [np.empty(0)], [np.empty(0)]
    for low, high in intervals:
        n = max(1, int(np.ceil((high - low) / DEMAND_STEP_M)))
        step = (high - low) / n
        middles.append(low + step * (np.arange(n) + 0.5))
        lengths.append(np.full(n, step))
    return np.concatenate(middles), np.concatenate(lengths)
