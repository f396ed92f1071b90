"""What new sites are to serve: demand points, and stretches of highway."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from shapely.geometry.base import BaseGeometry

from ...inputs import Inputs
from ...network.routes import RoadIndex, Route, inside_intervals, locate
from ...units import M_PER_KM, WGS84
from ..maxcover.problem import FloatArray
from .reach import county_of

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
    inputs: Inputs, index: RoadIndex, routes: list[Route], region: BaseGeometry | None
) -> gpd.GeoDataFrame:
    """Middles of stretches of each direction, weighted by the length that counts (each road once)."""
    frames = []
    for route in routes:
        for section in route.sections:
            for drive in section.drives:
                at, length_m = _stretches(inside_intervals(index, drive, region))
                if not len(at):
                    continue
                where = locate(index, drive, at)
                name = [f"{route.ref}-{section.number}-{drive.direction}-{x / M_PER_KM:.2f}" for x in at]
                weight = length_m * drive.weight[where["edge"]]
                frames.append(where.assign(id=name, name=route.ref, weight=weight))
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
