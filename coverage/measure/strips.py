"""What a strip chart shows: one section of a route as a straight line, both directions on one scale.

Nothing is measured here that a rule rests on: gaps, sites and reasons are those of the assessment. Only their
places along the road, and what lies beside it, are looked up.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import astuple, dataclass, field
from functools import cached_property
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from ..network.geometry import mercator
from ..network.graph import BoolArray, FloatArray
from ..network.routes import Drive, Route, Section, merge_intervals
from ..units import compare_m, lonlat
from .strip_model import (
    Crossing,
    LaneState,
    NearSite,
    Stretch,
    StripData,
    StripGap,
    StripLane,
    StripSite,
    Town,
)
from .strips_around import DriveLines, Surroundings, end_names

Key = tuple[str, int, str]
DRIVE = ["ref", "section", "direction"]
NEAR_ROW_M = 4000.0
"""A site that is near but does not serve is placed at the nearest point of the route within this distance."""


@dataclass(frozen=True, eq=False)
class StripFrames:
    """Frames of one assessed state, as the assessment gives them.

    Attributes
    ----------
    gaps : DataFrame
        ``ref, section, direction, from_site, to_site, from_m, to_m`` (driving order; on rings running on
        beyond the seam), ``length_m, spacing_class, open_start, open_end``.
    served : DataFrame
        ``id`` (of the site), ``ref, section, direction, chainage_m``, optionally ``distance_m``.
    sites : GeoDataFrame
        ``id, name, fast``.
    near : GeoDataFrame
        ``id, name, ref, section, direction, reason, geometry`` (points, EPSG:4326).
    order : mapping
        Id of a proposed site -> build order.
    """

    gaps: pd.DataFrame
    served: pd.DataFrame
    sites: pd.DataFrame
    near: gpd.GeoDataFrame | None = None
    order: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def _groups(self) -> dict[str, dict[Any, pd.DataFrame]]:
        named = {"gaps": self.gaps, "served": self.served, "near": self.near}
        return {
            name: dict(iter(frame.groupby(DRIVE, sort=False)))
            for name, frame in named.items()
            if frame is not None and len(frame)
        }

    def rows(self, name: Literal["gaps", "served", "near"], key: Key) -> pd.DataFrame | None:
        """Rows of one direction in a frame; None if there are none."""
        return self._groups.get(name, {}).get(key)

    @cached_property
    def about(self) -> dict[str, tuple[str, str]]:
        """Name and ``fast`` of each site, by id; empty where it charges no vehicles."""
        columns = (self.sites[c].to_numpy(object) for c in ("id", "name", "fast"))
        return {
            str(i): (_text(name), "unknown" if pd.isna(fast) else str(fast))
            for i, name, fast in zip(*columns, strict=True)
        }


def strip_key(ref: str, section: int) -> str:
    """Key of a strip chart: both directions of a section share one picture."""
    return f"{ref}/{section}"


def strip_of(key: str, rule: str) -> str:
    """Key of the strip of a further rule on spacing, from that of the gaps: ``REF/SECTION@RULE``."""
    return f"{key}@{rule}"


def strip_data(
    around: Surroundings,
    route: Route,
    section: Section,
    before: StripFrames,
    after: StripFrames | None = None,
    *,
    limits_km: tuple[float, float] = (25.0, 40.0),
) -> StripData:
    """Gather what the strip chart of a section shows.

    Parameters
    ----------
    around : Surroundings
        Towns, counties, region and all routes; made once for a road graph.
    route, section
        What to draw; ``section`` is one of the route's.
    before, after : StripFrames
        The assessed states; their frames may hold other routes too.
    limits_km : (float, float)
        Limits of the spacing classes, for the legend.
    """
    scale = section.forward or section.drives[0]
    lines = DriveLines(around.index, scale)
    towns = tuple(Town(*row) for row in around.towns_near(lines))
    counties = tuple(Stretch(*row) for row in around.counties_along(scale))
    crossings, shared = around.crossings(route, section)
    named = [(t.at_m, t.name, t.kind, t.weight) for t in towns]
    names = end_names(section.axis, named, counties, scale.start_m, scale.end_m)
    states = before, after
    lanes = tuple(
        _lane(lines, (route.ref, section), drive, states, names[drive.direction == "forward"])
        for drive in section.drives
    )
    inside = around.inside(scale)
    return StripData(
        key=strip_key(route.ref, section.number), ref=route.ref, road_class=route.road_class,
        section=section.number, sections=len(route.sections), length_m=section.length_m, start_m=scale.start_m,
        end_m=scale.end_m, ring=section.ring, ends=names, lanes=lanes, inside=_stretches(inside), towns=towns,
        crossings=tuple(Crossing(*row) for row in crossings), shared=tuple(Stretch(*row) for row in shared),
        counties=counties, limits_km=limits_km,
    )  # fmt: skip


def _lane(
    lines: DriveLines,
    of: tuple[str, Section],
    drive: Drive,
    states: tuple[StripFrames, StripFrames | None],
    towards: str,
) -> StripLane:
    (ref, section), (before, after) = of, states
    key = (ref, section.number, drive.direction)
    driven = np.column_stack([drive.low_m, drive.high_m])
    now = _state(section, drive, before, key)
    then = None if after is None else _state(section, drive, after, key)
    return StripLane(
        direction=drive.direction,
        towards=towards,
        length_m=drive.length_m,
        driven=_stretches(_on_scale(section, drive, merge_intervals(driven, 1.0))),
        inferred=_stretches(_on_scale(section, drive, merge_intervals(driven[drive.inferred], 1.0))),
        before=now,
        # Chainages measured anew differ in digits far below the millimetre where nothing was built.
        after=now if then is not None and _same(astuple(now), astuple(then)) else then,
        near=_near(lines, before, key),
    )


def _same(one: object, other: object) -> bool:
    """Whether two values, or tuples of values, are the same: lengths to the millimetre."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return bool(compare_m(one, other) == 0) or (np.isnan(one) and np.isnan(other))
    return one == other


def _stretches(intervals: FloatArray) -> tuple[Stretch, ...]:
    return tuple(Stretch(low, high) for low, high in intervals.tolist())


def _on_scale(section: Section, drive: Drive, chainage_m: FloatArray) -> FloatArray:
    """Read chainage of a direction on the scale of the strip."""
    if drive.direction == "forward" or section.forward is None:
        return np.asarray(chainage_m, dtype=np.float64)
    return section.to_other(chainage_m, "backward")


def _state(section: Section, drive: Drive, frames: StripFrames, key: Key) -> LaneState:
    gaps = frames.rows("gaps", key)
    return LaneState(
        _sites(section, drive, frames, frames.rows("served", key), _closing_m(drive, gaps)),
        _gaps(section, drive, gaps),
    )


def _closing_m(drive: Drive, gaps: pd.DataFrame | None) -> FloatArray:
    """Chainage where sites close gaps; a ring's seam is crossed back."""
    if gaps is None:
        return np.empty(0)
    ends = [gaps.loc[gaps[f"{name}_site"].notna(), f"{name}_m"] for name in ("from", "to")]
    at = np.concatenate([end.to_numpy(float) for end in ends])
    return np.mod(at - drive.start_m, drive.end_m - drive.start_m) + drive.start_m if drive.ring else at


def _sites(
    section: Section, drive: Drive, frames: StripFrames, served: pd.DataFrame | None, closing_m: FloatArray
) -> tuple[StripSite, ...]:
    if served is None:
        return ()
    chainage = served["chainage_m"].to_numpy(float)
    away = served["distance_m"] if "distance_m" in served else pd.Series(np.nan, index=served.index)
    counts = _near_one(chainage, np.sort(closing_m))
    at = _on_scale(section, drive, chainage)
    found = []
    away_m = away.astype(float).tolist()
    rows = zip(served["id"].astype(str), chainage.tolist(), at.tolist(), away_m, counts.tolist(), strict=True)
    for site, own, place, distance, closes in rows:
        name, fast = frames.about.get(site, ("", "unknown"))
        found.append(StripSite(place, own, site, name, fast, distance, frames.order.get(site), closes))
    return tuple(sorted(found, key=lambda s: (s.at_m, s.id)))


def _near_one(at_m: FloatArray, places_m: FloatArray) -> BoolArray:
    """Whether each place lies at one of some sorted places."""
    if not len(places_m):
        return np.zeros(len(at_m), dtype=bool)
    k = np.clip(np.searchsorted(places_m, at_m), 1, max(len(places_m) - 1, 1))
    ends = np.abs(at_m - places_m[k - 1]), np.abs(at_m - places_m[np.minimum(k, len(places_m) - 1)])
    return np.asarray(compare_m(np.minimum(*ends), 0.0) <= 0)


def _gaps(section: Section, drive: Drive, gaps: pd.DataFrame | None) -> tuple[StripGap, ...]:
    if gaps is None:
        return ()
    found = [
        _gap(section, drive, row) for row in gaps.drop(columns="geometry", errors="ignore").to_dict("records")
    ]
    return tuple(sorted(found, key=lambda g: g.parts))


def _gap(section: Section, drive: Drive, row: Mapping[Hashable, Any]) -> StripGap:
    low, high = sorted(float(row[name]) for name in ("from_m", "to_m"))
    parts = [_on_scale(section, drive, np.array(part)).tolist() for part in _unwrapped(drive, low, high)]
    start, end = bool(row.get("open_start")), bool(row.get("open_end"))
    return StripGap(
        parts=tuple((a, b) for a, b in parts),
        from_m=float(row["from_m"]),
        to_m=float(row["to_m"]),
        length_m=float(row["length_m"]),
        spacing_class=_text(row.get("spacing_class")),
        open_low=start if drive.direction == "forward" else end,
        open_high=end if drive.direction == "forward" else start,
        between=bool(_text(row.get("from_site")) and _text(row.get("to_site"))),
        own_m=float(row["own_m"]) if "own_m" in row else None,
        gap_id=_text(row.get("gap_id")),
    )


def _unwrapped(drive: Drive, low_m: float, high_m: float) -> list[tuple[float, float]]:
    """Cut a gap that runs over the seam of a ring."""
    start, end = drive.start_m, drive.end_m
    if not drive.ring or (low_m >= start and high_m <= end):
        return [(low_m, high_m)]
    round_m = end - start
    over = high_m > end
    parts = [(low_m, end), (start, high_m - round_m)] if over else [(low_m + round_m, end), (start, high_m)]
    return [(a, b) for a, b in parts if b > a]


def _near(lines: DriveLines, frames: StripFrames, key: Key) -> tuple[NearSite, ...]:
    rows = frames.rows("near", key)
    if rows is None:
        return ()
    rows = rows[rows.geometry.notna()]
    which, at, _ = lines.nearest(mercator(lonlat(rows.geometry)), NEAR_ROW_M)
    ids, names, reasons = (rows[c].to_numpy(object) for c in ("id", "name", "reason"))
    found = [
        NearSite(m, _text(ids[k]), _text(names[k]), _text(reasons[k]))
        for k, m in zip(which.tolist(), at.tolist(), strict=True)
    ]
    return tuple(sorted(found, key=lambda s: (s.at_m, s.id)))


def _text(value: object) -> str:
    return (
        ""
        if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))
        else str(value)
    )


def strips_of(
    around: Surroundings,
    routes: Iterable[Route],
    before: StripFrames,
    after: StripFrames | None = None,
    *,
    limits_km: tuple[float, float] = (25.0, 40.0),
) -> dict[str, StripData]:
    """Gather the strips of all sections of some routes, by key."""
    found = [
        strip_data(around, route, section, before, after, limits_km=limits_km)
        for route in routes
        for section in route.sections
    ]
    return {data.key: data for data in found}
