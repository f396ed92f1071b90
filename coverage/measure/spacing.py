"""Spacing of sites along routes: length per site, gaps, length by class, and covered length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from ..network.access import Access
from ..network.graph import BoolArray, FloatArray, IntArray
from ..network.routes import (
    DriveKey,
    OpenEnds,
    RoadIndex,
    Route,
    drives_by_key,
    open_ends,
    paths_between,
)
from ..units import compare_m
from .spacing_gaps import (
    CLASS_LIMITS_M,
    DRIVE_KEY,
    NO_SITE,
    OPEN,
    SHARED,
    Driven,
    driven_once_m,
    drives_with_sites,
    each_road_once,
    gap_table,
    length_rows,
    region_pieces,
    rows_by_drive,
)


@dataclass(frozen=True, eq=False)
class Spacing:
    """How sites are spaced along routes, inside a region.

    Attributes
    ----------
    gaps : DataFrame
        One row per gap and direction that touches the region: ``ref, road_class, section, direction``;
        ``kind`` (``"between"`` two sites, ``"start"`` and ``"end"`` of the drive, ``"ring"`` round to the first
        site again, ``"whole"`` without any site); in driving order ``from_m, to_m`` (chainage; on rings it runs
        on beyond the seam), ``from_site, to_site`` (positions, missing at ends), ``open_start, open_end``
        (the road goes on and the data don't: at least this long); ``length_m`` (whole gap), ``own_m`` (its part
        in the region, by which it is judged), ``own_open`` (the data end inside the region), ``over`` (the own part
        is longer than the span), ``once`` (False for the gap of the other direction beside one that counts
        already), ``inside_m`` (length driven in the region), ``counted_m`` (what that adds to the route's length),
        ``length_class`` (0, 1, … or ``NO_SITE``, ``OPEN``, ``SHARED``).
    sites : DataFrame
        ``ref, section, direction, site`` of the sites that count and leave their route inside the region.
    driven : sequence of Driven
        The directions that were measured, with the sites that count.
    limits_m : tuple of float
        Limits of the length classes, metres.
    span_m : float
        Longest own part that is allowed.
    """

    gaps: pd.DataFrame
    sites: pd.DataFrame
    driven: Sequence[Driven]
    limits_m: tuple[float, ...]
    span_m: float

    @cached_property
    def network(self) -> pd.Series:
        """The same figures for all routes together, roads that several routes share counted once."""
        return _network(self.driven, self.gaps, self.sites, _Terms(self.limits_m, self.span_m))

    @cached_property
    def by_direction(self) -> pd.DataFrame:
        """One row per direction of each section; see :func:`find_spacing`."""
        return _summary(self.gaps, self.sites, DRIVE_KEY, "inside_m", _Terms(self.limits_m, self.span_m))

    @cached_property
    def by_route(self) -> pd.DataFrame:
        """One row per route; see :func:`find_spacing`."""
        return _summary(self.gaps, self.sites, ["ref"], "counted_m", _Terms(self.limits_m, self.span_m))

    @property
    def class_columns(self) -> list[str]:
        """Columns with the length of each class, rising, then of what is in none."""
        return class_columns(self.limits_m)


def class_columns(limits_m: Sequence[float]) -> list[str]:
    """Names of the length columns, which add up: ``class_0_m`` (shortest gaps) …, ``no_site_m, open_m, shared_m``."""
    return [f"class_{k}_m" for k in range(len(limits_m) + 1)] + ["no_site_m", "open_m", "shared_m"]


def find_spacing(
    index: RoadIndex,
    routes: Sequence[Route],
    access: Access,
    qualifies: BoolArray | None = None,
    *,
    limits_m: Sequence[float] = CLASS_LIMITS_M,
    span_m: float = 40_000.0,
    region: BaseGeometry | None = None,
    boundary: BaseGeometry | None = None,
    ends: Mapping[DriveKey, OpenEnds] | None = None,
    pieces: Mapping[DriveKey, FloatArray] | None = None,
    judged: Mapping[DriveKey, FloatArray] | None = None,
) -> Spacing:
    """Measure the spacing of sites along routes.

    Parameters
    ----------
    index : RoadIndex
    routes : sequence of Route
        The assessed network, such as all ordinary trunk roads.
    access : Access
        Which sites serve them.
    qualifies : (k,) bool, optional
        Which sites count; all by default. Sites of unknown power: call twice, without and with them.
    limits_m : sequence of float
        Rising limits of the length classes; a gap of exactly the last limit is still below it, a gap of
        exactly another limit is above (< 25, 25-40, > 40 km).
    span_m : float
        Longest own part of a gap that is allowed, and longest gap that counts as covered.
    region : Polygon or MultiPolygon, optional
        EPSG:4326. Lengths and sites are counted inside; sites outside close gaps.
    boundary : Polygon or MultiPolygon, optional
        EPSG:4326; the area (region and halo) the data were cut to, for open ends.
    ends, pieces : mapping, optional
        Open ends and parts in the region of (at least) these routes, if they are known already: then ``boundary``
        and ``region`` are not used.
    judged : mapping, optional
        Parts in the region, where ``pieces`` are but those to be counted: stretches of a band of traffic. A gap belongs
        to them if it reaches into one, and is judged by all of its part in the region.

    Returns
    -------
    Spacing
        Its tables hold: ``length_m`` (each road once in ``by_route`` and ``network``; as driven in
        ``by_direction``), ``sites``, ``driven_m`` (length of the directions together), ``direction_sites`` (sites
        of the directions together), ``length_per_site_m`` (the one by the other; NaN without sites), ``gaps``,
        ``gap_mean_m``, ``gap_median_m``, ``gap_p90_m`` (over gaps between two sites), ``gap_max_m`` (over all gaps,
        ends too), all of own parts; ``gap_max_open`` (is it open), ``gap_max_row`` (its row in ``gaps``),
        ``own_gaps_over`` (gaps whose own part is longer than the span), ``shared_gaps``, ``shared_max_m`` (the
        longest of them, as a whole), length by class (:func:`class_columns`), ``covered_low``, ``covered_high``
        (with ``_m`` the length, else its share: in gaps <= span as a whole; open gaps count in the upper one only,
        those of a road without any site in the data, too).

    Notes
    -----
    A site counts for the length inside if it leaves the route inside.
    """
    limits = tuple(float(limit) for limit in limits_m)
    ends = open_ends(index, list(routes), boundary) if ends is None else ends
    pieces = region_pieces(index, routes, region) if pieces is None else pieces
    table = access.served
    if qualifies is not None:
        table = table[np.asarray(qualifies, dtype=bool)[table["site"].to_numpy(dtype=np.int64)]]
    driven = drives_with_sites(routes, table, ends, pieces, judged)
    gaps = gap_table(driven, limits, span_m)
    gaps["once"] = _once(gaps, routes)
    return Spacing(gaps, sites_inside(driven), driven, limits, span_m)


def _once(gaps: pd.DataFrame, routes: Sequence[Route]) -> BoolArray:
    """Whether each gap counts among those that are too long: where both directions have one, the forward one does."""
    once = np.ones(len(gaps), dtype=bool)
    groups, places = rows_by_drive(gaps), np.sort(gaps[["from_m", "to_m"]].to_numpy(dtype=np.float64), axis=1)
    state = np.where(gaps["over"], 2, gaps["length_class"].to_numpy(np.int64) == SHARED)
    for route in routes:
        for section in route.sections:
            there, back = (
                rows[state[rows] > 0]
                for rows in (
                    groups.get((route.ref, section.number, way), np.empty(0, np.int64))
                    for way in ("forward", "backward")
                )
            )
            if len(there) and len(back):
                own, other = places[there], section.to_other(places[back], "backward")
                overlap = np.minimum(own[:, 1], other[:, 1, None]) - np.maximum(own[:, 0], other[:, 0, None])
                least = np.minimum(own[:, 1] - own[:, 0], (other[:, 1] - other[:, 0])[:, None])
                beside = (2.0 * overlap > least) & (state[there] == state[back][:, None])
                once[back] = ~beside.any(axis=1)
    return once


def sites_inside(driven: Sequence[Driven]) -> pd.DataFrame:
    """Sites that leave their route inside the region: ``ref, section, direction, site``."""
    inside = [_is_inside(d) for d in driven]
    counts = [len(site) for site in inside]
    labels = (
        zip(*((d.ref, d.section, d.drive.direction) for d in driven), strict=True) if driven else ((),) * 3
    )
    kinds = (object, np.int64, object)
    table = {
        name: np.repeat(np.array(values, dtype=kind), counts)
        for name, values, kind in zip(DRIVE_KEY, labels, kinds, strict=True)
    }
    return pd.DataFrame({**table, "site": np.concatenate([*inside, np.empty(0, np.int64)])})


def _is_inside(d: Driven) -> IntArray:
    """Sites of a drive that leave it in the region."""
    if not len(d.pieces):
        return d.site[:0]
    k = np.maximum(np.searchsorted(d.pieces[:, 0], d.site_m + 1e-6, side="right") - 1, 0)
    inside = (d.site_m >= d.pieces[k, 0] - 1e-6) & (d.site_m <= d.pieces[k, 1] + 1e-6)
    return np.asarray(d.site[inside], dtype=np.int64)


@dataclass(frozen=True)
class _Terms:
    """What lengths are compared with."""

    limits_m: tuple[float, ...]
    span_m: float


@dataclass(frozen=True, eq=False)
class _GapArrays:
    """Columns of the gap table as arrays."""

    row: IntArray
    length_m: FloatArray
    own_m: FloatArray
    inside_m: FloatArray
    closed: BoolArray
    whole: BoolArray
    is_open: BoolArray
    own_open: BoolArray
    over: BoolArray
    once: BoolArray
    length_class: IntArray

    @classmethod
    def of(cls, gaps: pd.DataFrame) -> _GapArrays:
        kind = gaps["kind"].to_numpy(dtype=object)
        return cls(
            row=gaps.index.to_numpy(dtype=np.int64),
            length_m=gaps["length_m"].to_numpy(dtype=np.float64),
            own_m=gaps["own_m"].to_numpy(dtype=np.float64),
            inside_m=gaps["inside_m"].to_numpy(dtype=np.float64),
            closed=np.isin(kind, ["between", "ring"]),
            whole=kind == "whole",
            is_open=gaps["open_start"].to_numpy(dtype=bool) | gaps["open_end"].to_numpy(dtype=bool),
            own_open=gaps["own_open"].to_numpy(dtype=bool),
            over=gaps["over"].to_numpy(dtype=bool),
            once=gaps["once"].to_numpy(dtype=bool),
            length_class=gaps["length_class"].to_numpy(dtype=np.int64),
        )

    def take(self, at: IntArray) -> _GapArrays:
        """Return some of the gaps."""
        return _GapArrays(*(getattr(self, f.name)[at] for f in fields(self)))


@dataclass(frozen=True)
class _Count:
    """Sites of a route, a direction or the network, and the length driven past them."""

    sites: int
    direction_sites: int
    driven_m: float


def _figures(gaps: _GapArrays, length_m: FloatArray, count: _Count, terms: _Terms) -> dict[str, object]:
    """Figures of some gaps; ``length_m`` is what each adds to the length."""
    total = float(length_m.sum())
    closed = gaps.own_m[gaps.closed]
    within = compare_m(gaps.length_m, terms.span_m) <= 0
    sure, perhaps = within & ~gaps.whole & ~gaps.is_open, within & (~gaps.whole | gaps.is_open)
    longest = int(np.argmax(gaps.own_m.round(3))) if len(gaps.row) else None
    classes = [*range(len(terms.limits_m) + 1), NO_SITE, OPEN, SHARED]
    shared = gaps.length_class == SHARED
    some = bool(len(closed))
    return {
        "length_m": total,
        "sites": count.sites,
        "driven_m": count.driven_m,
        "direction_sites": count.direction_sites,
        "length_per_site_m": count.driven_m / count.direction_sites if count.direction_sites else np.nan,
        "gaps": len(closed),
        "gap_mean_m": float(closed.mean()) if some else np.nan,
        "gap_median_m": float(np.median(closed)) if some else np.nan,
        "gap_p90_m": float(np.percentile(closed, 90)) if some else np.nan,
        "gap_max_m": np.nan if longest is None else float(gaps.own_m[longest]),
        "gap_max_open": False if longest is None else bool(gaps.own_open[longest]),
        "gap_max_row": -1 if longest is None else int(gaps.row[longest]),
        "own_gaps_over": int((gaps.over & gaps.once).sum()),
        "shared_gaps": int((shared & gaps.once).sum()),
        "shared_max_m": float(gaps.length_m[shared].max()) if shared.any() else np.nan,
        **{
            name: float(length_m[gaps.length_class == k].sum())
            for name, k in zip(class_columns(terms.limits_m), classes, strict=True)
        },
        "covered_low_m": float(length_m[sure].sum()),
        "covered_high_m": float(length_m[perhaps].sum()),
        "covered_low": 1.0 - float(length_m[~sure].sum()) / total if total > 0 else np.nan,
        "covered_high": 1.0 - float(length_m[~perhaps].sum()) / total if total > 0 else np.nan,
    }


def _count(sites: pd.DataFrame, driven_m: float) -> _Count:
    """Count sites, and how many directions each serves: two, or one where it lies on one side.

    Roads that several routes share are one road, whichever way each of them counts its kilometres.
    """
    directions = sites.groupby(["site", "ref", "section"], observed=True)["direction"].nunique()
    return _Count(int(sites["site"].nunique()), int(directions.groupby("site").max().sum()), driven_m)


def _summary(
    gaps: pd.DataFrame, sites: pd.DataFrame, key: list[str], measure: str, terms: _Terms
) -> pd.DataFrame:
    """Figures per route, or per direction of each section, in the order of the gaps."""
    groups: dict[Any, pd.DataFrame] = dict(list(sites.groupby(key if len(key) > 1 else key[0], sort=False)))
    arrays, length_m = _GapArrays.of(gaps), gaps[measure].to_numpy(dtype=np.float64)
    rows = []
    for found, at in gaps.groupby(key if len(key) > 1 else key[0], sort=False).indices.items():
        name = found if isinstance(found, tuple) else (found,)
        count = _count(groups.get(found, sites.iloc[:0]), float(arrays.inside_m[at].sum()))
        figures = _figures(arrays.take(np.asarray(at)), length_m[at], count, terms)
        rows.append(
            (
                at[0],
                {
                    **dict(zip(key, name, strict=True)),
                    "road_class": gaps["road_class"].iloc[at[0]],
                    **figures,
                },
            )
        )
    none = _figures(arrays.take(np.empty(0, np.int64)), np.empty(0), _Count(0, 0, 0.0), terms)
    columns = [*key, "road_class", *none]
    return pd.DataFrame([row for _, row in sorted(rows, key=lambda r: r[0])], columns=columns)


def _network(driven: Sequence[Driven], gaps: pd.DataFrame, sites: pd.DataFrame, terms: _Terms) -> pd.Series:
    once = each_road_once(length_rows(driven, gaps)).groupby("gap")["length_m"].sum()
    length_m = once.reindex(gaps.index, fill_value=0.0).to_numpy(dtype=np.float64)
    count = _count(sites, driven_once_m(driven))
    return pd.Series(_figures(_GapArrays.of(gaps), length_m, count, terms), name="network")


def length_by_area(
    index: RoadIndex,
    routes: Sequence[Route],
    spacing: Spacing,
    areas: gpd.GeoDataFrame,
    cut: Callable[[Mapping[DriveKey, FloatArray]], Mapping[DriveKey, FloatArray]] = lambda pieces: pieces,
) -> pd.DataFrame:
    """Length by class in each area, such as the counties; shared roads once, with the longest gap.

    Parameters
    ----------
    index : RoadIndex
    routes : sequence of Route
        The routes that ``spacing`` was made of.
    spacing : Spacing
        Its gaps are used as they are.
    areas : GeoDataFrame
        Polygons, EPSG:4326.
    cut : callable
        Returns what of the pieces of drives is counted; all by default.

    Returns
    -------
    DataFrame
        Index of ``areas``; ``length_m``, the classes, ``gap_max_m`` (longest gap that touches it).
    """
    gaps = spacing.gaps
    nobody = pd.DataFrame({name: [] for name in [*DRIVE_KEY, "chainage_m", "site"]})
    rows = []
    terms = _Terms(spacing.limits_m, spacing.span_m)
    boxes = shapely.STRtree([_box(index, route) for route in routes])
    for polygon in areas.geometry:
        here = [routes[k] for k in np.sort(boxes.query(shapely.box(*polygon.bounds))).tolist()]
        driven = drives_with_sites(here, nobody, {}, cut(region_pieces(index, here, polygon)))
        once = each_road_once(length_rows(driven, gaps)).groupby("gap")["length_m"].sum()
        touching = _GapArrays.of(gaps.loc[once.index])
        figures = _figures(touching, once.to_numpy(dtype=np.float64), _Count(0, 0, 0.0), terms)
        rows.append({k: figures[k] for k in ("length_m", *class_columns(spacing.limits_m), "gap_max_m")})
    return pd.DataFrame(rows, index=areas.index)


def _box(index: RoadIndex, route: Route) -> BaseGeometry:
    """Box around a route, EPSG:4326."""
    edges = np.concatenate([drive.edges for section in route.sections for drive in section.drives])
    bounds = index.bounds[index.graph.edge_segment[edges]]
    box: BaseGeometry = shapely.box(*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))
    return box


def gap_paths(
    index: RoadIndex, routes: Sequence[Route], gaps: pd.DataFrame
) -> tuple[gpd.GeoSeries, list[IntArray]]:
    """Draw gaps and list their roads: the evidence from one site to the next.

    Parameters
    ----------
    index : RoadIndex
    routes : sequence of Route
    gaps : DataFrame
        Rows of ``Spacing.gaps``.

    Returns
    -------
    lines : GeoSeries
        MultiLineString in driving direction, EPSG:4326, index of ``gaps``.
    edges : list of (k,) int64
        Directed edges of each gap, in driving order, partly driven ones too.
    """
    drives = drives_by_key(routes)
    places = gaps[["from_m", "to_m"]].to_numpy(dtype=np.float64)
    lines = np.empty(len(gaps), dtype=object)
    edges: list[IntArray] = [np.empty(0, np.int64)] * len(gaps)
    for key, rows in rows_by_drive(gaps).items():
        found = paths_between(index, drives[key], *places[rows].T)
        for row, (driven, line) in zip(rows.tolist(), found, strict=True):
            edges[row], lines[row] = driven, line
    return gpd.GeoSeries(lines, index=gaps.index, crs="EPSG:4326"), edges
