"""Rules on spacing and covered length: from the measures to findings, with unknown sites as intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from shapely.geometry.base import BaseGeometry

from ..inputs import Inputs
from ..network import Region, RoadGraph
from ..network.access import Access, find_access
from ..network.cutting import all_pieces
from ..network.routes import (
    Drive,
    OpenEnds,
    RoadIndex,
    Route,
    open_ends,
    segment_weight,
    segments_inside,
)
from ..network.snapping import Snapped, Snapper, join_snapped, places_on
from ..policy import LengthCoverage, RouteSpacing, SiteRequirement
from ..units import M_PER_KM, WGS84, km, lonlat
from .border import SHARED_COLUMNS, OwnPart, shared_gaps
from .covered import covered_length
from .finding import NO, UNKNOWN, YES, Finding, site_status, status_counts
from .spacing import Spacing, drives_by_key, find_spacing, gap_paths, length_by_area
from .spacing_gaps import NO_SITE, OPEN, SHARED, DriveKey, region_pieces, rows_by_drive

CLASSES = ("good", "middle", "gap", "no_site", "open", "shared")
"""Names of the classes of length, in the order of :func:`~plugspan.assess.spacing.class_columns`."""


@dataclass(frozen=True, eq=False)
class RoadContext:
    """Roads, routes and sites, with what several rules need of them."""

    inputs: Inputs
    graph: RoadGraph
    routes: tuple[Route, ...]
    region: Region | None

    @cached_property
    def index(self) -> RoadIndex:
        """Index of the road graph."""
        return RoadIndex(self.graph)

    @cached_property
    def snapper(self) -> Snapper:
        """Finds places on the roads."""
        return Snapper(self.graph)

    @cached_property
    def snapped(self) -> Snapped:
        """Sites at their places on the roads."""
        return self.snapper.snap(lonlat(self.inputs.sites.geometry))

    def with_inputs(self, inputs: Inputs) -> RoadContext:
        """Return the same roads with other sites; what was worked out about the roads is kept."""
        other = replace(self, inputs=inputs)
        for name in ("index", "snapper", "ends", "pieces"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    @property
    def area(self) -> BaseGeometry | None:
        """The assessed region, EPSG:4326, without its halo."""
        return None if self.region is None else self.region.polygon

    @property
    def boundary(self) -> BaseGeometry | None:
        """The area the roads were cut to, EPSG:4326."""
        return None if self.region is None else self.region.with_halo

    @cached_property
    def ends(self) -> dict[DriveKey, OpenEnds]:
        """Where routes go on beyond the data."""
        return open_ends(self.index, list(self.routes), self.boundary)

    @cached_property
    def pieces(self) -> dict[DriveKey, npt.NDArray[np.float64]]:
        """Parts of each drive in the region."""
        return region_pieces(self.index, self.routes, self.area)

    def of_class(self, network: str) -> list[Route]:
        """Routes of a class of road."""
        return [route for route in self.routes if route.road_class == network]

    @cached_property
    def _access(self) -> dict[float, Access]:
        return {}

    def access(self, access_km: float) -> Access:
        """Which sites serve which routes; worked out once for each distance."""
        if access_km not in self._access:
            self._access[access_km] = find_access(
                self.index,
                self.routes,
                self.snapped,
                lonlat(self.inputs.sites.geometry),
                access_m=access_km * M_PER_KM,
                snapper=self.snapper,
            )
        return self._access[access_km]

    def status(self, site: SiteRequirement) -> npt.NDArray[np.object_]:
        """(sites,) whether each site meets the requirement."""
        return site_status(self.inputs, site)

    def spacing(
        self, rule: RouteSpacing | LengthCoverage, network: str, qualifies: npt.NDArray[np.bool_]
    ) -> Spacing:
        """Spacing of the qualifying sites along the routes of a class."""
        routes = self.of_class(network)
        refs = {route.ref for route in routes}
        access = self.access(rule.site.access_km)
        own = Access(access.served[access.served["ref"].isin(refs)], access.near, access.access_m)
        limits = rule.class_limits_km if isinstance(rule, RouteSpacing) else (25.0, rule.span_max_km)
        if not getattr(rule, "outside_sites_count", True):
            qualifies = qualifies & self.inputs.sites["inside"].to_numpy(bool)
        return find_spacing(
            self.index,
            routes,
            own,
            qualifies,
            limits_m=[x * M_PER_KM for x in limits],
            span_m=rule.span_km * M_PER_KM,
            ends=self.ends,
            pieces=self.pieces,
        )


def assess_spacing(context: RoadContext, rule: RouteSpacing) -> tuple[Finding, Spacing]:
    """Length per site along the routes of a class; gaps and classes stand beside the average.

    The lower bound counts sites of unknown quality, the upper one does not. Without any site there is no number:
    both are infinite, and the rule is not met. The longest gap is that of the own parts; it has no upper bound
    while the data end inside the region.
    """
    status = context.status(rule.site)
    strict, lenient = _both(context, rule, status)
    statistic = "length_per_site_m" if rule.statistic == "length_per_site" else "gap_max_m"
    low, high = (_km_or_inf(s.network[statistic], s.network["length_m"]) for s in (lenient, strict))
    if rule.statistic == "gap_max" and bool(strict.gaps["own_open"].any()):
        high = np.inf  # an open gap is at least so long, and nobody knows how much longer
    served = set(strict.gaps["from_site"].dropna()) | set(strict.gaps["to_site"].dropna())
    finding = Finding(
        rule,
        "km",
        low,
        high,
        counts=_site_counts(context, rule, status),
        table=route_rows(strict),
        survey=_survey(context, rule, status, strict),
        figures={
            **_figures(strict, ""),
            **_figures(lenient, "_with_unknown"),
            "sites_that_close_a_gap": len(served),
            "by_direction": _direction_rows(strict),
            "by_county": _county_rows(context, rule, strict),
        },
    )
    return finding, strict


def _both(
    context: RoadContext, rule: RouteSpacing | LengthCoverage, status: npt.NDArray[np.object_]
) -> tuple[Spacing, Spacing]:
    """Spacing without and with the sites of unknown quality; one object if there are none."""
    strict = context.spacing(rule, rule.network, status == YES)
    if not (status == UNKNOWN).any():
        return strict, strict
    return strict, context.spacing(rule, rule.network, status != NO)


def _km_or_inf(value_m: float, length_m: float) -> float | None:
    if not length_m > 0:
        return None
    return float(value_m) / M_PER_KM if np.isfinite(value_m) else np.inf


def _figures(spacing: Spacing, suffix: str) -> dict[str, object]:
    row = spacing.network
    figures: dict[str, object] = {}
    if not suffix:
        figures |= {"length_km": km(row["length_m"]), "span_km": spacing.span_m / M_PER_KM}
    for name in ("sites", "direction_sites", "gaps", "own_gaps_over", "shared_gaps"):
        figures[name + suffix] = int(row[name])
    for name in ("driven", "length_per_site", "gap_mean", "gap_median", "gap_p90", "gap_max", "shared_max"):
        figures[f"{name}_km{suffix}"] = _km(row[f"{name}_m"])
    figures["gap_max_open" + suffix] = bool(row["gap_max_open"])
    figures["routes_over" + suffix] = int((spacing.by_route["own_gaps_over"] > 0).sum())
    for name, column in zip(CLASSES, spacing.class_columns, strict=True):
        figures[f"{name}_km{suffix}"] = _km(row[column])
    return figures


def _km(value_m: float) -> float | None:
    return km(value_m) if np.isfinite(value_m) else None


def _site_counts(
    context: RoadContext, rule: RouteSpacing | LengthCoverage, status: npt.NDArray[np.object_]
) -> dict[str, float]:
    """Sites that serve the network, by whether they qualify."""
    return status_counts(status[_serving(context, rule)])


def _serving(context: RoadContext, rule: RouteSpacing | LengthCoverage) -> npt.NDArray[np.int64]:
    served = context.access(rule.site.access_km).served
    refs = {route.ref for route in context.of_class(rule.network)}
    return np.unique(served.loc[served["ref"].isin(refs), "site"].to_numpy(np.int64))


def _survey(
    context: RoadContext,
    rule: RouteSpacing | LengthCoverage,
    status: npt.NDArray[np.object_],
    strict: Spacing,
) -> pd.DataFrame:
    """Sites of unknown quality that serve the network; first those that would shorten a gap the most."""
    serving = _serving(context, rule)
    unknown = serving[status[serving] == UNKNOWN]
    served = context.access(rule.site.access_km).served
    drives = drives_by_key(context.of_class(rule.network))
    shortens = shortening_m(strict, served[served["site"].isin(unknown)], drives)
    shortens = shortens.reindex(unknown, fill_value=0.0)
    ids = context.inputs.sites["id"].astype(str).to_numpy(dtype=object)[unknown]
    order = np.lexsort((ids, -shortens.to_numpy().round(3)))
    return pd.DataFrame(context.inputs.sites.iloc[unknown[order]][["id", "name"]])


def shortening_m(spacing: Spacing, served: pd.DataFrame, drives: Mapping[DriveKey, Drive]) -> pd.Series:
    """By how much each site would shorten the gap that it lies in, metres: the distance to the gap's nearer end.

    Parameters
    ----------
    spacing : Spacing
        Of the sites that count.
    served : DataFrame
        ``site, ref, section, direction, chainage_m`` of further sites.
    drives : mapping
        The drives of the network by ref, section and direction.

    Returns
    -------
    Series
        Index ``site``; the most over all directions. Sites in no gap of the region are missing.
    """
    gaps, groups = spacing.gaps, rows_by_drive(spacing.gaps)
    places = np.sort(gaps[["from_m", "to_m"]].to_numpy(dtype=np.float64), axis=1)
    found: dict[int, float] = {}
    for key in sorted(set(groups) & set(of_site := rows_by_drive(served))):
        low, high = places[groups[key]].T
        round_m = drives[key].end_m - drives[key].start_m
        for site, at in served.iloc[of_site[key]][["site", "chainage_m"]].itertuples(index=False):
            # Before the first site of a ring lies the end of its last gap.
            best = max(float(np.minimum(x - low, high - x).max()) for x in (at, at + round_m))
            if best >= 0.0:
                found[int(site)] = max(found.get(int(site), 0.0), best)
    return pd.Series(found, dtype=np.float64)


ROUTE_COLUMNS = {
    "length_m": "length_km",
    "driven_m": "driven_km",
    "length_per_site_m": "length_per_site_km",
    "gap_mean_m": "gap_mean_km",
    "gap_median_m": "gap_median_km",
    "gap_p90_m": "gap_p90_km",
    "gap_max_m": "gap_max_km",
    "shared_max_m": "shared_max_km",
}


def route_rows(spacing: Spacing) -> pd.DataFrame:
    """A row for each route, in kilometres: ``ref, class, length_km, sites, length_per_site_km, gap_…_km``."""
    return _in_km(spacing, spacing.by_route).rename(columns={"road_class": "class"})


def _direction_rows(spacing: Spacing) -> list[dict[str, object]]:
    return _records(_in_km(spacing, spacing.by_direction))


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _in_km(spacing: Spacing, table: pd.DataFrame) -> pd.DataFrame:
    classes = dict(zip(spacing.class_columns, [f"{c}_km" for c in CLASSES], strict=True))
    names = {**ROUTE_COLUMNS, **classes}
    shown = table.drop(columns="gap_max_row").rename(columns=names)
    for name in names.values():
        shown[name] = (shown[name].astype(float) / M_PER_KM).round(3)
    return shown


def _county_rows(context: RoadContext, rule: RouteSpacing, spacing: Spacing) -> list[dict[str, object]]:
    counties = context.inputs.counties
    if counties.empty or counties.geometry.isna().all():
        return []
    areas = counties[counties.geometry.notna()]
    table = length_by_area(context.index, context.of_class(rule.network), spacing, areas)
    table = (table / M_PER_KM).round(3)
    table.columns = ["length_km", *(f"{c}_km" for c in CLASSES), "gap_max_km"]
    return _records(table.assign(county=areas["name"]))


def gap_frame(
    context: RoadContext, rule: RouteSpacing | LengthCoverage, network: str, spacing: Spacing
) -> gpd.GeoDataFrame:
    """Gaps as the outputs show them: site ids, kilometres, class, line (EPSG:4326) and the OSM ways it runs on."""
    gaps, routes = spacing.gaps, context.of_class(network)
    ids = context.inputs.sites["id"].astype(object)
    way = context.graph.segments["way_id"].to_numpy()
    lines, edges = gap_paths(context.index, routes, gaps)
    ways = [" ".join(map(str, pd.unique(way[context.graph.edge_segment[e]]))) for e in edges]
    frame = pd.DataFrame(
        {
            "rule": rule.id,
            **{name: gaps[name].to_numpy() for name in ("ref", "road_class", "section", "direction", "kind")},
            "from_site": gaps["from_site"].map(ids).to_numpy(object),
            "to_site": gaps["to_site"].map(ids).to_numpy(object),
            **{f"{n}_km": _kilometres(gaps[f"{n}_m"]) for n in ("from", "to", "length", "own", "inside")},
            **{name: gaps[name].to_numpy(bool) for name in ("open_start", "open_end", "over", "once")},
            "spacing_class": _spacing_class(gaps),
            **_shared(context, routes, spacing),
            "strip": [f"{r}/{s}" for r, s in zip(gaps["ref"], gaps["section"], strict=True)],
            "ways": ways,
        }
    )
    return gpd.GeoDataFrame(frame, geometry=list(lines), crs=WGS84)


def _kilometres(length_m: pd.Series) -> npt.NDArray[np.float64]:
    return (length_m.to_numpy(np.float64) / M_PER_KM).round(3)


def _shared(context: RoadContext, routes: list[Route], spacing: Spacing) -> dict[str, pd.Series]:
    """What would close each shared gap, in kilometres; empty for the other gaps."""
    gaps = spacing.gaps
    own = {key: OwnPart.of(drive, context.pieces[key]) for key, drive in drives_by_key(routes).items()}
    table = shared_gaps(gaps[gaps["length_class"] == SHARED], own, spacing.span_m).reindex(gaps.index)
    marks = [name for name in SHARED_COLUMNS if name.endswith("_m")]
    return {
        **{name: table[name] for name in SHARED_COLUMNS if name not in marks},
        **{
            f"{name.removesuffix('_m')}_km": (table[name].astype(float) / M_PER_KM).round(3) for name in marks
        },
    }


def _spacing_class(gaps: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Class of each gap by name."""
    names = {0: "good", 1: "middle", 2: "gap", NO_SITE: "no_site", OPEN: "open", SHARED: "shared"}
    return gaps["length_class"].map(names).to_numpy(dtype=object)


def assess_coverage(context: RoadContext, rule: LengthCoverage) -> tuple[Finding, Spacing]:
    """Share of route length covered within the span, in three readings; the rule names the one that decides."""
    status = context.status(rule.site)
    strict, lenient = _both(context, rule, status)
    low = _graph_coverage(context, rule, status == YES)
    high = low if lenient is strict else _graph_coverage(context, rule, status != NO)
    readings = {
        "route": (_share(strict.network["covered_low"]), _share(lenient.network["covered_high"])),
        "edge": (_share(low[0]), _share(high[0])),
        "two_site": (_share(low[1]), _share(high[1])),
    }
    figures: dict[str, object] = {"reading": rule.reading, "span_km": rule.span_max_km}
    for name, (a, b) in readings.items():
        figures |= {f"{name}_low": a, f"{name}_high": b}
    finding = Finding(
        rule,
        "share",
        *readings[rule.reading],
        counts=_site_counts(context, rule, status),
        figures={**figures, **_figures(strict, "")},
        table=route_rows(strict),
        survey=_survey(context, rule, status, strict),
    )
    return finding, strict


def _share(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


@dataclass(frozen=True, eq=False)
class CoveragePieces:
    """Roads cut at sites and at the border of the region: what the readings of covered length judge one by one.

    Attributes
    ----------
    a, b : (p,) int64
        Nodes; site ``k`` is node ``n_graph + k``, whether it is on a road or not.
    length_m : (p,) float64
    weight_m : (p,) float64
        Length that counts: a carriageway half, nothing outside the region or on other roads.
    segment, from_m
        The segment of each piece, and where on it the piece begins.
    n_nodes : int
    """

    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]
    length_m: npt.NDArray[np.float64]
    weight_m: npt.NDArray[np.float64]
    segment: npt.NDArray[np.int64]
    from_m: npt.NDArray[np.float64]
    n_nodes: int


def coverage_pieces(context: RoadContext, network: str, sites: Snapped) -> CoveragePieces:
    """Cut all roads at the given sites and at the region's border; each piece lies inside or outside as a whole."""
    graph = context.graph
    weight = segment_weight(graph, context.of_class(network))
    if context.area is None:
        pieces = all_pieces(graph, sites)
        inside = np.ones(len(pieces.a), dtype=np.bool_)
        nodes = len(sites.segment)
    else:
        part, low, high = segments_inside(context.index, context.area, np.flatnonzero(weight > 0))
        ends = np.concatenate([low, high])
        on = np.concatenate([part, part])
        cut = (ends > 0) & (ends < graph.seg_length_m[on])
        places = join_snapped(sites, places_on(on[cut], ends[cut]))
        pieces = all_pieces(graph, places)
        nodes = len(places.segment)
        inside = _lies_in(pieces.segment, pieces.from_m + pieces.length_m / 2, part, low, high)
    return CoveragePieces(
        pieces.a,
        pieces.b,
        pieces.length_m,
        pieces.length_m * weight[pieces.segment] * inside,
        pieces.segment,
        pieces.from_m,
        graph.n_nodes + nodes,
    )


def _lies_in(
    segment: npt.NDArray[np.int64],
    at_m: npt.NDArray[np.float64],
    part: npt.NDArray[np.int64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
) -> npt.NDArray[np.bool_]:
    """Whether places on segments lie in one of the parts; the parts of a segment are apart."""
    order = np.lexsort((low, part))
    part, low, high = part[order], low[order], high[order]
    every = np.lexsort((np.concatenate([low, at_m]), np.concatenate([part, segment])))
    is_part = every < len(part)
    last = np.maximum.accumulate(np.where(is_part, np.arange(len(every)), -1))
    here = every[~is_part] - len(part)
    before = every[last[~is_part]]
    found = np.zeros(len(segment), dtype=np.bool_)
    known = last[~is_part] >= 0
    k = np.where(known, before, 0)
    if len(part):
        found[here] = known & (part[k] == segment[here]) & (at_m[here] <= high[k])
    return found


def serving_sites(
    context: RoadContext, rule: LengthCoverage, qualifies: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Sites that serve a rule's network and count."""
    sites = _serving(context, rule)
    return sites[qualifies[sites]]


def _graph_coverage(
    context: RoadContext, rule: LengthCoverage, qualifies: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """Shares by the edge rule and the two-site rule on the roads, with the sites that serve the network as nodes.

    Each road counts once, as in all lengths: a carriageway half, a segment by its part inside the region.
    """
    sites = serving_sites(context, rule, qualifies)
    pieces = coverage_pieces(context, rule.network, context.snapped.take(sites))
    edges = pd.DataFrame(
        {"u": pieces.a, "v": pieces.b, "length_m": pieces.length_m, "counted": pieces.weight_m > 0}
    )
    nodes = context.graph.n_nodes + np.arange(len(sites))
    found = covered_length(edges, nodes, rule.span_max_km * M_PER_KM)
    total = float(pieces.weight_m.sum())
    passes = (found.edge_passes.to_numpy(bool), found.two_site_passes.to_numpy(bool))
    # From what fails, so that all is exactly 1.
    edge, two = (1.0 - float(pieces.weight_m[~p].sum()) / total if total > 0 else np.nan for p in passes)
    return edge, two


__all__: Sequence[str] = ["RoadContext", "assess_coverage", "assess_spacing", "gap_frame", "route_rows"]
