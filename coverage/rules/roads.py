"""Roads, routes and sites, and what the rules on routes share: spacing of the sites that count, figures and gaps."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from shapely.geometry.base import BaseGeometry

from ..inputs import Inputs
from ..measure.border import SHARED_COLUMNS, OwnPart, shared_gaps
from ..measure.spacing import Spacing, find_spacing, gap_paths
from ..measure.spacing_gaps import NO_SITE, OPEN, SHARED, region_pieces, rows_by_drive
from ..network import Region, RoadGraph
from ..network.access import Access, find_access
from ..network.graph import FloatArray
from ..network.routes import Drive, DriveKey, OpenEnds, RoadIndex, Route, drives_by_key, open_ends
from ..network.snapping import Snapped, Snapper
from ..texts import LANGUAGES, text
from ..units import M_PER_KM, WGS84, lonlat
from .finding import NO, UNKNOWN, YES, site_status, status_counts
from .gap_ids import GapIds
from .model import Bilingual, Rule, SiteRequirement, UnderTraffic
from .traffic import Band, Laid, SectionKey, in_band, lay_traffic, light_at

CLASSES = ("good", "middle", "gap", "no_site", "open", "shared")
"""Names of the classes of length, in the order of :func:`~plugspan.measure.spacing.class_columns`."""


class RouteRule(Rule):
    """A rule on the routes of a class of road: how far apart the sites may be that meet its requirement."""

    network: str
    site: SiteRequirement
    under_traffic: tuple[UnderTraffic, ...] = ()

    @property
    def road_class(self) -> str:
        """Class of road, without the band of traffic."""
        return self.network.partition("@")[0]

    def with_span(self, span_km: float) -> dict[str, Any]:
        """Return what changes where gaps may be so long."""
        raise NotImplementedError

    def eased(self, steps: Sequence[UnderTraffic], low: float, high: float) -> RouteRule:
        """Return the rule for the stretches with ``low`` to ``high`` light vehicles a day, as the steps ease it."""
        spans = [step.span_km for step in steps if step.span_km is not None]
        title = {
            lang: text("finding.under-traffic", lang, title=self.title[lang], below=f"{high:g}")
            for lang in LANGUAGES
        }
        short = self.short and Bilingual(**{lang: f"{self.short[lang]} <{high:g}" for lang in LANGUAGES})
        return self.model_copy(
            update={
                "id": f"{self.id}-under-{high:g}",
                "title": Bilingual(**title),
                "short": short,
                "network": in_band(self.network, low, high),
                "under_traffic": (),
                "assumptions": (*self.assumptions, "under_traffic"),
                **(self.with_span(max(spans)) if spans else {}),
            }
        )

    @property
    def requirement(self) -> SiteRequirement:
        """What a site must have to count."""
        return self.site

    @property
    def on_roads(self) -> SiteRequirement:
        """What a site proposed along the roads must have."""
        return self.site

    @property
    def span_km(self) -> float:
        """How long a gap may be."""
        raise NotImplementedError

    @property
    def limits_km(self) -> tuple[float, float]:
        """Limits between the classes of gaps: good, middle, gap."""
        return (25.0, self.span_km)

    @property
    def counts_outside(self) -> bool:
        """Whether sites outside the region close a gap."""
        return True


@dataclass(frozen=True, eq=False)
class RoadContext:
    """Roads, routes and sites, with what several rules need of them."""

    inputs: Inputs
    graph: RoadGraph
    routes: tuple[Route, ...]
    region: Region | None
    lang: str = "en"
    """Language (and unit) that places along the roads are named in."""
    gap_ids: GapIds = field(default_factory=GapIds)
    """Gives the gaps of all states of these roads their ids."""

    @cached_property
    def index(self) -> RoadIndex:
        """Index of the road graph."""
        return RoadIndex(self.graph)

    @cached_property
    def snapper(self) -> Snapper:
        """Finds places on the roads."""
        return self.graph.snapper

    @cached_property
    def snapped(self) -> Snapped:
        """Sites at their places on the roads."""
        return self.snapper.snap(lonlat(self.inputs.sites.geometry))

    def with_inputs(self, inputs: Inputs) -> RoadContext:
        """Return the same roads with other sites; what was worked out about the roads is kept."""
        other = replace(self, inputs=inputs)
        for name in ("index", "snapper", "ends", "pieces", "laid", "_bands"):
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
        """Routes of a class of road, or those with any stretch in a band of its traffic."""
        return self.band(network).routes

    def band(self, network: str) -> Band:
        """Routes and stretches that a rule's ``network`` names; worked out once for each."""
        if network not in self._bands:
            laid = self.laid if "@" in network else {}
            self._bands[network] = Band.of(self.routes, network, laid)
        return self._bands[network]

    @cached_property
    def _bands(self) -> dict[str, Band]:
        return {}

    @cached_property
    def laid(self) -> dict[SectionKey, Laid]:
        """Counts of traffic along the sections; empty without counts."""
        return lay_traffic(self.index, self.routes, self.inputs.traffic)[0]

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
        found = site_status(self.inputs, site)
        share = self.pool_share(site)
        for part in np.unique(share[share < 1.0]).tolist():
            less = site.model_copy(update={"pool_min_kw": site.pool_min_kw * part})
            found = np.where(share == part, site_status(self.inputs, less), found)
        return found

    def pool_share(self, site: SiteRequirement) -> FloatArray:
        """(sites,) part of the pool's power that is enough: less for one direction of a quiet stretch.

        A pool on several roads of the class is judged by the busiest of the places where it serves one.
        """
        share = np.ones(len(self.inputs.sites))
        if site.one_way is None:
            return share
        served = self.access(site.access_km).served
        ways = served.groupby(["site", "ref", "section"])["direction"].nunique().groupby("site").max()
        routes = {route.ref: route for route in self.of_class(site.one_way.network)}
        mine = served[served["ref"].isin(routes)]
        light = pd.Series(np.nan_to_num(light_at(self.laid, routes, mine), nan=np.inf))
        most = light.groupby(mine["site"].to_numpy(np.int64)).max()
        lone = most[ways.reindex(most.index) == 1]
        share[lone.index.to_numpy(np.int64)] = [site.one_way.share(vehicles) for vehicles in lone]
        return share

    def spacing(
        self,
        rule: RouteRule,
        network: str,
        qualifies: npt.NDArray[np.bool_],
        only: Container[str] | None = None,
    ) -> Spacing:
        """Spacing of the qualifying sites along the routes of a class, or along some of them by their numbers."""
        routes = [route for route in self.of_class(network) if only is None or route.ref in only]
        refs = {route.ref for route in routes}
        access = self.access(rule.site.access_km)
        own = Access(access.served[access.served["ref"].isin(refs)], access.near, access.access_m)
        if not rule.counts_outside:
            qualifies = qualifies & self.inputs.sites["inside"].to_numpy(bool)
        return find_spacing(
            self.index,
            routes,
            own,
            qualifies,
            limits_m=[x * M_PER_KM for x in rule.limits_km],
            span_m=rule.span_km * M_PER_KM,
            ends=self.ends,
            pieces=self.band(network).cut(self.pieces),
            judged=self.pieces,
        )


def both_spacings(
    context: RoadContext, rule: RouteRule, status: npt.NDArray[np.object_]
) -> tuple[Spacing, Spacing]:
    """Spacing without and with the sites of unknown quality; one object if there are none."""
    strict = context.spacing(rule, rule.network, status == YES)
    if not (status == UNKNOWN).any():
        return strict, strict
    return strict, context.spacing(rule, rule.network, status != NO)


def spacing_figures(spacing: Spacing, suffix: str) -> dict[str, object]:
    """Figures of a spacing, in metres; those that unknown sites would change have a suffix."""
    row = spacing.network
    figures: dict[str, object] = {}
    if not suffix:
        figures |= {"length_m": float(row["length_m"]), "span_m": spacing.span_m}
    for name in ("sites", "direction_sites", "gaps", "own_gaps_over", "shared_gaps"):
        figures[name + suffix] = int(row[name])
    for name in ("driven", "length_per_site", "gap_mean", "gap_median", "gap_p90", "gap_max", "shared_max"):
        figures[f"{name}_m{suffix}"] = finite(row[f"{name}_m"])
    figures["gap_max_open" + suffix] = bool(row["gap_max_open"])
    over = spacing.gaps["over"] & spacing.gaps["once"]
    figures["routes_over" + suffix] = int(spacing.gaps.loc[over, "ref"].nunique())
    for name, column in zip(CLASSES, spacing.class_columns, strict=True):
        figures[f"{name}_m{suffix}"] = finite(row[column])
    return figures


def finite(value: float) -> float | None:
    """A number as it is told; None where there is none, or no bound."""
    return float(value) if np.isfinite(value) else None


def site_counts(context: RoadContext, rule: RouteRule, status: npt.NDArray[np.object_]) -> dict[str, float]:
    """Sites that serve the network, by whether they qualify."""
    served = context.access(rule.site.access_km).served
    here = served[context.band(rule.network).holds(served)]
    return status_counts(status[np.unique(here["site"].to_numpy(np.int64))])


def serving_of(context: RoadContext, rule: RouteRule) -> npt.NDArray[np.int64]:
    """Positions of the sites that serve the class of roads of a rule, on its quiet stretches or on others."""
    served = context.access(rule.site.access_km).served
    refs = {route.ref for route in context.of_class(rule.road_class)}
    return np.unique(served.loc[served["ref"].isin(refs), "site"].to_numpy(np.int64))


def survey_of(
    context: RoadContext,
    rule: RouteRule,
    status: npt.NDArray[np.object_],
    strict: Spacing,
) -> pd.DataFrame:
    """Sites of unknown quality that serve the network; first those that would shorten a gap the most."""
    serving = serving_of(context, rule)
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


def route_rows(spacing: Spacing) -> pd.DataFrame:
    """A row for each route, in metres: ``ref, class, length_m, sites, length_per_site_m, gap_…_m``."""
    return with_classes(spacing, spacing.by_route).rename(columns={"road_class": "class"})


def with_classes(spacing: Spacing, table: pd.DataFrame) -> pd.DataFrame:
    """A table by route or direction with the lengths of the classes under their names."""
    classes = dict(zip(spacing.class_columns, [f"{c}_m" for c in CLASSES], strict=True))
    return table.drop(columns="gap_max_row", errors="ignore").rename(columns=classes)


GAP_COLUMNS = (
    *("rule", "ref", "road_class", "section", "direction", "kind", "from_site", "to_site"),
    *("from_m", "to_m", "length_m", "own_m", "inside_m", "open_start", "open_end", "over", "once"),
    *("spacing_class", *SHARED_COLUMNS, "strip", "ways", "gap_id"),
)
"""Columns of :func:`gap_frame`, beside the geometry; under a policy without a rule on gaps, too."""


def gap_frame(context: RoadContext, rule: RouteRule, network: str, spacing: Spacing) -> gpd.GeoDataFrame:
    """Gaps with site ids, metres, class, line (EPSG:4326) and the OSM ways it runs on."""
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
            **{n: gaps[n].to_numpy(float) for n in ("from_m", "to_m", "length_m", "own_m", "inside_m")},
            **{name: gaps[name].to_numpy(bool) for name in ("open_start", "open_end", "over", "once")},
            "spacing_class": _spacing_class(gaps),
            **_shared(context, routes, spacing),
            "strip": [f"{r}/{s}" for r, s in zip(gaps["ref"], gaps["section"], strict=True)],
            "ways": ways,
        }
    )
    frame["gap_id"] = context.gap_ids.of(frame)
    return gpd.GeoDataFrame(frame, geometry=list(lines), crs=WGS84)


def _shared(context: RoadContext, routes: list[Route], spacing: Spacing) -> dict[str, pd.Series]:
    """What would close each shared gap; empty for the other gaps."""
    gaps = spacing.gaps
    some, drives = gaps[gaps["length_class"] == SHARED], drives_by_key(routes)
    own = {key: OwnPart.of(drives[key], context.pieces[key]) for key in rows_by_drive(some)}
    table = shared_gaps(some, own, spacing.span_m).reindex(gaps.index)
    marks = [name for name in SHARED_COLUMNS if name.endswith("_m")]
    words = {name: table[name] for name in SHARED_COLUMNS if name not in marks}
    return {**words, **{name: table[name].astype(float) for name in marks}}


def _spacing_class(gaps: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Class of each gap by name."""
    names = {0: "good", 1: "middle", 2: "gap", NO_SITE: "no_site", OPEN: "open", SHARED: "shared"}
    return gaps["length_class"].map(names).to_numpy(dtype=object)
