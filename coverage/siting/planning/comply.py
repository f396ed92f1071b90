"""The fewest new sites so that no gap on any route and direction is longer than a span (least sites to comply)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import sparse

from ...assess.finding import YES
from ...assess.spacing_rules import RoadContext
from ...network.access import find_served
from ...network.routes import Drive, Route, inside_intervals
from ...policy import RouteSpacing
from ...units import M_PER_KM, km, lonlat
from ..cover import LeastResult, least_sites
from ..problem import FloatArray
from ..windows import GapWindows, gap_windows

KEY = ["ref", "section", "direction"]


@dataclass(frozen=True, eq=False)
class Compliance:
    """Least sites for one span.

    Attributes
    ----------
    span_km : float
    sites : GeoDataFrame
        Chosen candidates, the one that closes most stretches first: ``order, id, kind, name, cost, serves``.
    unserved : DataFrame
        Stretches without any candidate: ``ref, section, direction, from_km, to_km``. They stay longer than the span
        whatever is built at the candidates.
    stretches : int
        Stretches of the span's length that hold no site today, each of which must get one.
    result : LeastResult
        With bound and gap; its status is ``infeasible`` if ``unserved`` is not empty.
    """

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
        EPSG:4326, ``id, kind, name, cost, excluded``; excluded ones are left out.
    spans_km : iterable of float
        "What if the span were 25, 30, 35, 40 km?"

    Notes
    -----
    A gap counts from the end of the road, or from the border of the region where the road goes on and no site in
    the halo closes it.
    """
    free = candidates[candidates["excluded"].isna()].reset_index(drop=True)
    routes = context.of_class(rule.network)
    lines = list(_lines(context, rule, routes, free))
    return [_least(lines, free, span, time_limit_s) for span in spans_km]


@dataclass(frozen=True, eq=False)
class _Line:
    """One direction of a section inside the region, with the chainage of sites and candidates from ``low_m``."""

    key: tuple[str, int, str]
    low_m: float
    length_m: float
    ring: bool
    fixed_m: FloatArray
    candidate_m: FloatArray


def _lines(
    context: RoadContext, rule: RouteSpacing, routes: list[Route], free: gpd.GeoDataFrame
) -> Iterable[_Line]:
    access_m = rule.site.access_km * M_PER_KM
    points = lonlat(free.geometry)
    snapped = context.snapper.snap(points)
    found = find_served(context.index, routes, snapped, points, access_m=access_m, snapper=context.snapper)
    new = dict(list(found.groupby(KEY)))
    served = context.access(rule.site.access_km).served
    yes = context.status(rule.site) == YES
    old = dict(list(served[yes[served["site"].to_numpy(np.int64)]].groupby(KEY)))
    for route in routes:
        for section in route.sections:
            for drive in section.drives:
                key = (route.ref, section.number, drive.direction)
                line = _line(context, key, drive, old.get(key), new.get(key), len(free))
                if line is not None:
                    yield line


def _line(
    context: RoadContext,
    key: tuple[str, int, str],
    drive: Drive,
    old: pd.DataFrame | None,
    new: pd.DataFrame | None,
    n: int,
) -> _Line | None:
    inside = inside_intervals(context.index, drive, context.area)
    if not len(inside):
        return None
    low, high = float(inside[0, 0]), float(inside[-1, 1])
    whole = drive.ring and high - low >= drive.end_m - drive.start_m - 1.0
    fixed = np.empty(0) if old is None else old["chainage_m"].to_numpy(float) - low
    if not whole:
        # Of the sites in the halo only the nearest one on each side closes a gap of the region.
        beyond = [fixed[fixed < 0].max(initial=-np.inf), fixed[fixed > high - low].min(initial=np.inf)]
        fixed = np.concatenate(
            [fixed[(fixed >= 0) & (fixed <= high - low)], np.array(beyond)[np.isfinite(beyond)]]
        )
    candidate = np.full(n, np.nan)
    if new is not None:
        candidate[new["site"].to_numpy(np.int64)] = new["chainage_m"].to_numpy(float) - low
    return _Line(key, low, high - low, whole, fixed, candidate)


def _least(lines: list[_Line], free: gpd.GeoDataFrame, span_km: float, time_limit_s: float) -> Compliance:
    found: list[tuple[_Line, GapWindows]] = [
        (line, gap_windows(line.length_m, line.candidate_m, span_km * M_PER_KM, line.fixed_m, ring=line.ring))
        for line in lines
        if line.length_m > 0
    ]
    parts = [windows.cover for _, windows in found]
    cover = sparse.csr_array(sparse.hstack(parts)) if parts else sparse.csr_array((len(free), 0))
    stretches = (
        pd.concat([_stretches(*pair) for pair in found], ignore_index=True) if found else _stretch_table()
    )
    cost = free["cost"].to_numpy(float)
    result = least_sites(cover, cost=cost, time_limit_s=time_limit_s)
    sites = free.iloc[result.chosen].drop(columns="excluded")
    sites = sites.assign(order=np.arange(1, len(sites) + 1), serves=result.serves).reset_index(drop=True)
    unserved = _merged(stretches.iloc[result.unserved])
    return Compliance(span_km, sites, unserved, cover.shape[1], result)


def _stretch_table() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in (*KEY, "from_km", "to_km")})


def _stretches(line: _Line, windows: GapWindows) -> pd.DataFrame:
    ref, section, direction = line.key
    return pd.DataFrame(
        {
            "ref": ref,
            "section": section,
            "direction": direction,
            "from_km": [km(x + line.low_m) for x in windows.from_m],
            "to_km": [km(x + line.low_m) for x in windows.to_m],
        }
    )


def _merged(stretches: pd.DataFrame) -> pd.DataFrame:
    """Join stretches of one direction that overlap: what a planner has to look at is one place."""
    rows: list[dict[str, object]] = []
    for key, group in stretches.groupby(KEY, sort=True):
        ordered = group.sort_values("from_km")
        low, high = ordered["from_km"].iloc[0], ordered["to_km"].iloc[0]
        for start, end in zip(ordered["from_km"], ordered["to_km"], strict=True):
            if start > high:
                rows.append({**dict(zip(KEY, key, strict=True)), "from_km": low, "to_km": high})
                low, high = start, end
            high = max(high, end)
        rows.append({**dict(zip(KEY, key, strict=True)), "from_km": low, "to_km": high})
    return pd.DataFrame(rows) if rows else _stretch_table()
