"""One siting run as the outputs show it."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from ..errors import Fault
from .result import SitingResult


@dataclass(frozen=True, eq=False)
class Siting:
    """The frames of a siting problem and its result.

    Attributes
    ----------
    objective_name : str
        ``"people"`` or ``"highway"``.
    candidates : GeoDataFrame
        EPSG:4326; ``id, kind, name, cost, excluded`` (reason or missing).
    demand : GeoDataFrame
        What was to be covered: ``id, name, weight``, ``covered`` (``before``, ``after``, ``never``).
    proposed : GeoDataFrame
        Chosen candidates in build order: ``order, id, kind, name, cost, adds, share_after, objective``.
    reach : DataFrame
        Evidence: which existing site or candidate reaches which demand: ``site, demand, distance_km``.
    unreachable : DataFrame
        Demand that no candidate and no existing site can cover: ``id, name, weight``.
    result : SitingResult
        With bound and gap.
    faults : tuple of Fault
        What the independent check found wrong; empty if every claim holds.
    """

    objective_name: str
    candidates: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    proposed: gpd.GeoDataFrame
    reach: pd.DataFrame
    unreachable: pd.DataFrame
    result: SitingResult
    faults: tuple[Fault, ...] = ()
