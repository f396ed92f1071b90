"""The fewest new sites so that no gap on any route and direction is longer than a span (least sites to comply)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd

from ...measure.spacing import gap_paths
from ...measure.spacing_gaps import DRIVE_KEY
from ...network.routes import merge_intervals
from ...rules.roads import RoadContext
from ...rules.spacing import RouteSpacing
from ...rules.stretches import SpacingLine, spacing_lines, spacing_rows
from ...units import M_PER_KM, WGS84
from ..maxcover.least_sites import LeastResult, least_sites
from .candidates import route_points_at


@dataclass(frozen=True, eq=False)
class Compliance:
    """Least sites for one span.

    Attributes
    ----------
    rule : str
        The rule on spacing whose routes and sites these are.
    span_km : float
    sites : GeoDataFrame
        Chosen candidates, the one that closes most stretches first: ``order, id, kind, name, cost, serves``.
    unserved : DataFrame
        Stretches without any candidate: ``ref, section, direction, from_m, to_m``. They stay longer than the span
        whatever is built at the candidates; there are none where points along the routes are candidates.
    stretches : int
        Stretches of the span's length that hold no site today, each of which must get one.
    result : LeastResult
        With bound and gap; its status is ``infeasible`` if ``unserved`` is not empty.
    """

    rule: str
    span_km: float
    sites: gpd.GeoDataFrame
    unserved: pd.DataFrame
    stretches: int
    result: LeastResult


def comply(
    context: RoadContext,
    rule: RouteSpacing,
    candidates: gpd.GeoDataFrame,
    spans_km: Iterable[float],
    *,
    close_shared: bool = False,
    time_limit_s: float = 20.0,
) -> list[Compliance]:
    """Find the fewest (or cheapest) sites for each span; existing sites that surely qualify are fixed.

    Parameters
    ----------
    context : RoadContext
        Roads, routes and existing sites.
    rule : RouteSpacing
        Says which routes, which sites count, and how far off they may be.
    candidates : GeoDataFrame
        EPSG:4326, ``id, kind, name, cost, excluded``; excluded ones are left out. If points along the routes are
        among them, so are those where a plan with the fewest sites may have to build (see
        :func:`.candidates.route_points_at`): the least is that over all points of the roads, and such a point is
        chosen only where it saves a site.
    spans_km : iterable of float
        "What if the span were 25, 30, 35, 40 km?"
    close_shared : bool
        Close gaps that are shared with a neighbour, too, as far as sites inside can.

    Notes
    -----
    A gap counts inside the region only; see *At the border* in the method. It counts from the end of the road, or
    from the border, on.
    """
    free = candidates[candidates["excluded"].isna()].reset_index(drop=True)
    lines = spacing_lines(context, rule, free)
    found = []
    for span_km in spans_km:
        least = _least(rule.id, lines, free, span_km, close_shared, time_limit_s)
        if (free["kind"] == "route_point").any() and least.stretches:
            cost = float(free.loc[free["kind"] == "route_point", "cost"].iloc[0])
            exact = route_points_at(context, lines, span_km * M_PER_KM, close_shared=close_shared)
            wide = pd.concat([free, exact.assign(cost=cost)], ignore_index=True)
            wide = gpd.GeoDataFrame(wide, geometry="geometry", crs=free.crs)
            both = [
                replace(line, candidate_m=np.append(line.candidate_m, more.candidate_m))
                for line, more in zip(lines, spacing_lines(context, rule, exact), strict=True)
            ]
            better = _least(rule.id, both, wide, span_km, close_shared, time_limit_s)
            least = _best(least, better)
        lines_of, _ = gap_paths(context.index, context.routes, least.unserved)
        drawn = gpd.GeoDataFrame(least.unserved, geometry=list(lines_of), crs=WGS84)
        found.append(replace(least, unserved=drawn))
    return found


def _best(grid: Compliance, exact: Compliance) -> Compliance:
    """The plan on the grid of candidates, unless the exact points save something; its bound is theirs."""
    saves = exact.result.objective < grid.result.objective - 1e-9
    if len(exact.unserved) < len(grid.unserved) or (len(exact.unserved) == len(grid.unserved) and saves):
        return exact
    bound = min(grid.result.bound, exact.result.bound)
    objective = grid.result.objective
    status = grid.result.status if bound >= objective else exact.result.status
    gap = (objective - bound) / objective if objective > bound else 0.0
    return replace(grid, result=replace(grid.result, bound=bound, gap=gap, status=status))


def _least(
    rule: str,
    lines: list[SpacingLine],
    free: gpd.GeoDataFrame,
    span_km: float,
    close_shared: bool,
    time_limit_s: float,
) -> Compliance:
    rows = spacing_rows(lines, len(free), span_km * M_PER_KM, close_shared=close_shared)
    result = least_sites(rows.cover, cost=free["cost"].to_numpy(float), time_limit_s=time_limit_s)
    sites = free.iloc[result.chosen].drop(columns="excluded")
    sites = sites.assign(order=np.arange(1, len(sites) + 1), serves=result.serves).reset_index(drop=True)
    unserved = _merged(rows.stretches.iloc[result.unserved])
    return Compliance(rule, span_km, sites, unserved, rows.cover.shape[1], result)


def _merged(stretches: pd.DataFrame) -> pd.DataFrame:
    """Join stretches of one direction that overlap: what a planner has to look at is one place."""
    rows: list[dict[str, object]] = []
    for key, group in stretches.groupby(DRIVE_KEY, sort=True):
        for low, high in merge_intervals(group[["from_m", "to_m"]].to_numpy(np.float64)):
            rows.append({**dict(zip(DRIVE_KEY, key, strict=True)), "from_m": low, "to_m": high})
    return pd.DataFrame(rows, columns=[*DRIVE_KEY, "from_m", "to_m"])
