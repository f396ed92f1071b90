"""All tables of a project together."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import pandas as pd

from ..errors import Fault


@dataclass(frozen=True, eq=False)
class Inputs:
    """The tables of a project, each in the form of its schema, EPSG:4326.

    Every frame with positions has a boolean column ``inside``: True within the assessed region, False in its
    halo. ``sites`` are the ``chargers`` grouped into charging sites; ``chargers["site"]`` names the site of
    each charger. ``warnings`` lists what was noticed and did not stop anything.
    """

    chargers: gpd.GeoDataFrame
    sites: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    berths: gpd.GeoDataFrame
    car_parks: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    counties: gpd.GeoDataFrame
    calls: pd.DataFrame
    warnings: tuple[Fault, ...] = field(default_factory=tuple)
