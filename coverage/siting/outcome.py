"""One siting run as the outputs show it."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    frontier : DataFrame
        For each number of new sites: ``sites, objective, bound, gap, cost``, best plan of its own.
    choices : DataFrame
        For each chosen site: ``id``, ``price`` (what is lost without it, the others placed anew), ``price_low``
        (proven at least), ``share_of_good_plans``, ``essential`` (proven to be in every plan within 1 % of this one).
    alternatives : tuple of (objective, ids)
        Plans within 1 % of this one that differ as much as possible.
    """

    objective_name: str
    candidates: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    proposed: gpd.GeoDataFrame
    reach: pd.DataFrame
    unreachable: pd.DataFrame
    result: SitingResult
    faults: tuple[Fault, ...] = ()
    frontier: pd.DataFrame = field(default_factory=pd.DataFrame)
    choices: pd.DataFrame = field(default_factory=pd.DataFrame)
    alternatives: tuple[tuple[float, tuple[str, ...]], ...] = ()
