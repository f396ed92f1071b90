"""Demand within reach: driving distance to the nearest qualifying site, and the areas within one, to look at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pydantic import model_validator
from pydantic_core import PydanticCustomError
from scipy import sparse
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from ..inputs import Inputs
from ..network import RoadGraph, travel_time_s
from ..network.distances import AnchoredGraph, Snapped, nearest_distance, nearest_source
from ..network.graph import FloatArray
from ..network.routes import ground_scale, mercator, unmercator
from ..settings import Positive
from ..units import M_PER_KM, WGS84, lonlat
from .finding import NO, UNKNOWN, YES, Finding, Measured, count_ratios, site_status, status_counts
from .kind import RuleKind
from .model import Bilingual, Rule, SiteRequirement
from .roads import RoadContext
from .rows import RuleRows, World, rule_rows

if TYPE_CHECKING:
    from .policy import Policy

S_PER_MIN = 60.0
BAND_LIMITS_KM = (5.0, 10.0, 20.0)
BESIDE_M = 1200.0
"""The area reaches this far beside a road that is within the distance."""
SMOOTH_M = 150.0
AT_ONCE = 10_000
"""So many segments are drawn at once: memory grows with the area, not with the roads."""
HALF_WORLD_M, GRID_WIDTH = 25_000_000.0, 1 << 20
"""Where the grid begins west and south of all places, in Mercator metres, and most cells of one of its rows."""


class DemandReach(Rule):
    """Share of demand within a driving distance, or a driving time, of a qualifying site, by county."""

    kind: Literal["demand_reach"]
    site: SiteRequirement
    reach_km: Positive | None = None
    reach_min: Positive | None = None

    @model_validator(mode="after")
    def _distance_or_time(self) -> DemandReach:
        if (self.reach_km is None) == (self.reach_min is None):
            raise PydanticCustomError("reach_one", "either reach_km or reach_min is expected")
        return self

    @property
    def requirement(self) -> SiteRequirement:
        """What a site must have to count."""
        return self.site

    @property
    def on_roads(self) -> SiteRequirement:
        """What a site proposed along the roads must have."""
        return self.site


def first_of_charging(policy: Policy) -> DemandReach | None:
    """The first rule on who is within reach of a charging site, which people of a plan are counted by."""
    return next((rule for rule in policy.of(DemandReach) if rule.site.serves == "charging"), None)


def assess_reach(inputs: Inputs, graph: RoadGraph, rule: DemandReach) -> tuple[Finding, gpd.GeoDataFrame]:
    """Share of demand within ``reach_km``, or ``reach_min`` of driving, of a qualifying site, by county.

    Demand is snapped to the nearest road of the main network. What is further than 1 km from one counts as not
    reached in the lower bound and as reached in the upper one; that, and what lies on an island of roads, is listed.

    Returns
    -------
    Finding
        Its table has a row per county: ``county, weight, low, high``.
    GeoDataFrame
        The demand inside the region, EPSG:4326, with ``distance_m`` to the nearest site that surely qualifies (NaN if
        none is in reach of the network), ``reached`` (yes / unknown / no) and ``problem`` (``far``, ``island`` or
        missing).
    """
    demand = inputs.demand[inputs.demand["inside"].astype(bool)].reset_index(drop=True)
    status = site_status(inputs, rule.site)
    snapper = graph.snapper
    here, there = snapper.snap(lonlat(demand.geometry)), snapper.snap(lonlat(inputs.sites.geometry))
    strict = nearest_distance(graph, here, there.take(status == YES))
    lost, island = ~here.found, here.island
    sure, perhaps = _within(graph, here, there, rule, status)
    reached = np.select([lost, sure, perhaps], [UNKNOWN, YES, UNKNOWN], NO)
    problem = np.select([island, lost], ["island", "far"], "").astype(object)
    problem[problem == ""] = None
    demand = demand.assign(
        distance_m=np.where(np.isfinite(strict), strict, np.nan), reached=reached, problem=problem
    )
    table = _by_county(demand)
    counts = status_counts(reached, demand["weight"].fillna(0.0))
    low, high = count_ratios(counts)
    return Finding(
        rule,
        "share",
        low.value,
        high.value,
        counts=counts,
        table=table,
        survey=pd.DataFrame(demand[demand["problem"].notna()].drop(columns="geometry")),
        figures={
            "demand_without_weight": int(demand["weight"].isna().sum()),
            **(
                {"reach_min": rule.reach_min}
                if rule.reach_km is None
                else {"reach_m": rule.reach_km * M_PER_KM}
            ),
        },
    ), demand


def reach_cost(
    graph: RoadGraph, reach_km: float | None, reach_min: float | None
) -> tuple[FloatArray | None, float]:
    """Cost of each segment, and the most that a way may cost: seconds if a driving time is given, else metres.

    Returns
    -------
    (s,) float64 or None
        None: the length.
    float
    """
    if reach_min is not None:
        return travel_time_s(graph), reach_min * S_PER_MIN
    assert reach_km is not None
    return None, reach_km * M_PER_KM


def _within(
    graph: RoadGraph, here: Snapped, there: Snapped, rule: DemandReach, status: npt.NDArray[np.object_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which demand is within reach of a site that surely qualifies, and of one that may qualify."""
    cost, limit = reach_cost(graph, rule.reach_km, rule.reach_min)
    sure, perhaps = (
        nearest_distance(graph, here, there.take(sites), seg_cost=cost) <= limit
        for sites in (status == YES, status != NO)
    )
    return sure, perhaps


def _by_county(demand: pd.DataFrame) -> pd.DataFrame:
    weight = demand["weight"].fillna(0.0)
    sums = (
        pd.DataFrame(
            {
                "county": demand["county"].fillna(""),
                "weight": weight,
                "low_part": weight.where(demand["reached"] == YES, 0.0),
                "high_part": weight.where(demand["reached"] != NO, 0.0),
            }
        )
        .groupby("county", sort=True)
        .sum()
        .reset_index()
    )
    whole = sums["weight"].where(sums["weight"] > 0)
    return sums.assign(low=sums["low_part"] / whole, high=sums["high_part"] / whole)


def _measured(rule: DemandReach, context: RoadContext) -> Measured:
    finding, demand = assess_reach(context.inputs, context.graph, rule)
    return Measured(finding, demand=demand)


def demand_rows(world: World, rule: DemandReach) -> RuleRows | None:
    """A row for each place whose people have no site within reach."""
    reach = world.demand_within(rule.site, rule.reach_km, "weight", reach_min=rule.reach_min)
    if not reach.weight.sum() > 0:
        return None
    lacking = np.flatnonzero(~reach.reached)
    rows = rule_rows(
        rule,
        sparse.csr_array(reach.matrix[lacking]),
        reach.demand.iloc[lacking].assign(weight=reach.weight[lacking]),
        world,
        served=float(reach.weight[reach.reached].sum()),
        total=float(reach.weight.sum()),
        share=rule.target.share_min or 1.0,
    )
    return replace(rows, measure=reach.share)


# -- areas within a driving distance: only to look at, numbers never come from them ----------------------


def reach_bands(graph: RoadGraph, inputs: Inputs, site: SiteRequirement) -> gpd.GeoDataFrame:
    """Draw what lies within each driving distance of a site that surely qualifies.

    Returns
    -------
    GeoDataFrame
        EPSG:4326, widest first so that the nearer lie on top: ``within_m``, MultiPolygons made of the roads
        within the distance, widened by :data:`BESIDE_M`.
    """
    sites = inputs.sites[site_status(inputs, site) == YES]
    anchored = AnchoredGraph(graph, graph.snapper.snap(lonlat(sites.geometry)))
    distance_m, _ = nearest_source(
        anchored, anchored.anchors, limit_m=max(BAND_LIMITS_KM) * M_PER_KM, reverse=True
    )
    rows = []
    for limit in sorted(BAND_LIMITS_KM, reverse=True):
        area = _area(graph, distance_m[: graph.n_nodes], limit * M_PER_KM)
        if not area.is_empty:
            rows.append({"within_m": limit * M_PER_KM, "geometry": area})
    return gpd.GeoDataFrame(rows, columns=["within_m", "geometry"], geometry="geometry", crs=WGS84)


def _area(graph: RoadGraph, distance_m: np.ndarray, limit_m: float) -> BaseGeometry:
    at_u, at_v = distance_m[graph.seg_u], distance_m[graph.seg_v]
    reached = np.flatnonzero((at_u <= limit_m) | (at_v <= limit_m))
    if not len(reached):
        return shapely.MultiPolygon()
    # Mercator stretches lengths; one scale for the whole picture will do.
    scale = float(np.median(ground_scale(mercator(graph.node_xy[graph.seg_u[reached]])[:, 1])))
    cell = SMOOTH_M / scale
    found = [np.empty(0, np.int64)]
    for some in np.array_split(reached, 1 + len(reached) // AT_ONCE):
        whole = (at_u[some] <= limit_m) & (at_v[some] <= limit_m)
        lines = [*graph.lines(some[whole]), *_parts(graph, some[~whole], at_u, at_v, limit_m)]
        drawn = shapely.transform(np.array(lines, dtype=object), mercator)
        at = shapely.get_coordinates(shapely.segmentize(drawn, cell))
        col, row = np.floor((at + HALF_WORLD_M) / cell).astype(np.int64).T
        found.append(np.unique(row * GRID_WIDTH + col))
    area = shapely.buffer(_beside(np.unique(np.concatenate(found)), cell, BESIDE_M / SMOOTH_M), cell / 2)
    return shapely.transform(shapely.simplify(area, cell), unmercator)


def _beside(cells: npt.NDArray[np.int64], cell: float, beside: float) -> BaseGeometry:
    """Area of cells and of those within a distance, in cells: where roads are dense, the union of buffers is dear.

    A run is a row of cells that touch.
    """
    reach = int(np.ceil(beside))
    first, last = runs = _runs(cells, cells)
    for up in range(1 - reach, reach):
        across = int(np.sqrt(beside**2 - up**2))
        shift = up * GRID_WIDTH
        runs = _runs(np.append(runs[0], first + shift - across), np.append(runs[1], last + shift + across))
    row, start = np.divmod(runs[0], GRID_WIDTH)
    end, top = runs[1] - row * GRID_WIDTH + 1, row + 1
    west, south, east, north = (edge * cell - HALF_WORLD_M for edge in (start, row, end, top))
    return shapely.union_all(shapely.box(west, south, east, north))


def _runs(first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
    """Join runs of cells that touch or overlap."""
    order = np.argsort(first)
    first, last = first[order], np.maximum.accumulate(last[order])
    begins = np.append(True, first[1:] > last[:-1] + 1)
    return first[begins], last[np.append(begins[1:], True)]


def _parts(
    graph: RoadGraph, segments: np.ndarray, at_u: np.ndarray, at_v: np.ndarray, limit_m: float
) -> list[BaseGeometry]:
    """The near end of segments that lead out of the distance."""
    found: list[BaseGeometry] = []
    for segment, line in zip(segments.tolist(), graph.lines(segments), strict=True):
        from_start = at_u[segment] <= at_v[segment]
        left = limit_m - min(at_u[segment], at_v[segment])
        share = min(1.0, left / max(graph.seg_length_m[segment], 1e-6))
        if share > 0:
            start, end = (0.0, share) if from_start else (1.0 - share, 1.0)
            found.append(substring(line, start, end, normalized=True))
    return found


KIND = RuleKind(
    "demand_reach",
    DemandReach,
    measure=_measured,
    rows=demand_rows,
    table=(("county", 32), ("weight", 30), ("low_part", 30), ("low", 26), ("high_part", 30), ("high", 26)),
    column_names={
        "weight": "people_counted",
        "low_part": "people_low",
        "high_part": "people_high",
        "low": "reach_low",
        "high": "reach_high",
    },
    sheet="counties",
    layers=("demand", "charging_sites"),
    by_county=lambda finding: finding.table,
    county_columns=("people_counted", "people_low", "people_high", "reach_low", "reach_high"),
    noun=Bilingual(zh="人", en="people"),
    counts_text="report.say.counts-people",
)
