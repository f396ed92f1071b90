"""Traffic on the routes: counts laid onto them, vehicle-kilometres as an aim, and what is eased where there is little.

A count of a table goes onto a route by its number and kilometre marks, or by its line. Where counts overlap the latest
year is taken, in a year the last row. What no count lies on is unknown, and nothing is eased there.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from ..errors import Fault
from ..inputs import DEMAND, Inputs, as_table
from ..inputs.bundle import placed_in
from ..inputs.headers import listed
from ..network.geometry import ground_scale
from ..network.graph import FloatArray
from ..network.routes import Drive, RoadIndex, Route, locate, mercator
from ..units import M_PER_KM

if TYPE_CHECKING:
    from .model import Rule
    from .policy import Policy

STEP_M = 100.0
"""A line is compared with a route at places so far apart."""
BESIDE_M = 60.0
"""A line that runs this near is the route's: the far carriageway of an expressway, drawn by another hand."""
FLOW_STEP_M = 1_000.0
TRAFFIC = "traffic"

SectionKey = tuple[str, int]


@dataclass(frozen=True, eq=False)
class Laid:
    """Traffic along one section.

    Attributes
    ----------
    from_m, to_m : (k,) float64
        Chainage of the section's first direction, rising, without gaps.
    aadt, light : (k,) float64
        Vehicles and light vehicles a day, both directions together; NaN where it is unknown.
    """

    from_m: FloatArray
    to_m: FloatArray
    aadt: FloatArray
    light: FloatArray


def lay_traffic(
    index: RoadIndex, routes: Sequence[Route], table: gpd.GeoDataFrame
) -> tuple[dict[SectionKey, Laid], list[Fault]]:
    """Lay counts onto the routes.

    Parameters
    ----------
    index : RoadIndex
    routes : sequence of Route
    table : GeoDataFrame
        Of the schema ``traffic``.

    Returns
    -------
    dict
        (ref, section) -> :class:`Laid`; empty without counts.
    list of Fault
        Notices: how much of the routes has counts, and which rows lie on none.
    """
    if table.empty or not routes:
        return {}, []
    order = table.assign(_row=np.arange(len(table))).sort_values(["year", "_row"], na_position="first")
    light = order["aadt"] * (
        1.0 - order["heavy_share"].where(order["heavy_share"].between(0, 1), 0.0).fillna(0.0)
    )
    counts = order.assign(light=light)
    used = np.zeros(len(table), dtype=bool)
    laid: dict[SectionKey, Laid] = {}
    known_m = whole_m = 0.0
    for route in routes:
        mine = counts[counts["ref"].isna() | (counts["ref"].map(_plain) == _plain(route.ref))]
        for section in route.sections:
            drive, runs = section.drives[0], []
            for count in mine.to_dict("records"):
                found = _runs(index, drive, count)
                used[count["_row"]] |= len(found) > 0
                runs += [(low, high, count["aadt"], count["light"]) for low, high in found]
            laid[route.ref, section.number] = one = _painted(drive, runs)
            length = one.to_m - one.from_m
            known_m += float(length[~np.isnan(one.aadt)].sum())
            whole_m += float(length.sum())
    values: dict[str, object] = {
        "known": round(known_m / M_PER_KM),
        "unknown": round((whole_m - known_m) / M_PER_KM),
    }
    notes = [Fault("traffic-laid", file=TRAFFIC, values=values, warning=True)]
    if not used.all():
        rows = table["source_row"][~used].tolist()
        values = {"n": len(rows), "rows": listed(rows, 20), "far": f"{BESIDE_M:g}"}
        notes.append(Fault("traffic-unlaid", file=TRAFFIC, values=values, warning=True))
    return laid, notes


def _plain(ref: Any) -> str:
    return "" if pd.isna(ref) else "".join(str(ref).split()).casefold()


def _runs(index: RoadIndex, drive: Drive, count: Mapping[Hashable, Any]) -> list[tuple[float, float]]:
    """Chainage of a direction that one count lies on."""
    line = count["geometry"]
    low, high = drive.start_m, drive.end_m
    if line is None or line.is_empty:
        if pd.isna(count["ref"]):
            return []
        marks = [count["from_km"], count["to_km"]]
        begin, end = (
            float(m) * M_PER_KM if pd.notna(m) else edge for m, edge in zip(marks, (low, high), strict=True)
        )
        begin, end = max(min(begin, end), low), min(max(begin, end), high)
        return [(begin, end)] if end > begin else []
    at = low + STEP_M * (np.arange(max(1, int(np.ceil((high - low) / STEP_M))), dtype=np.float64) + 0.5)
    where = locate(index, drive, at)
    places = mercator(where[["lon", "lat"]].to_numpy())
    near_m = shapely.distance(shapely.points(places), shapely.transform(line, mercator)) * ground_scale(
        places[:, 1]
    )
    on = np.concatenate([[False], near_m <= BESIDE_M, [False]]).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(on) == 1), np.flatnonzero(np.diff(on) == -1)
    # A road that only crosses the line is near it at a place or two.
    return [
        (low + a * STEP_M, min(low + b * STEP_M, high))
        for a, b in zip(starts, ends, strict=True)
        if b - a > 2
    ]


def _painted(drive: Drive, runs: Sequence[tuple[float, float, float, float]]) -> Laid:
    """Step function of runs, of which a later one lies over an earlier one."""
    marks = np.unique([drive.start_m, drive.end_m, *(x for run in runs for x in run[:2])])
    middle = (marks[:-1] + marks[1:]) / 2
    aadt, light = np.full(len(middle), np.nan), np.full(len(middle), np.nan)
    for low, high, vehicles, few in runs:
        inside = (middle > low) & (middle < high)
        aadt[inside], light[inside] = vehicles, few
    return Laid(marks[:-1], marks[1:], aadt, light)


# -- the aim ---------------------------------------------------------------------------------------------


def with_flow(
    inputs: Inputs,
    index: RoadIndex,
    routes: Sequence[Route],
    laid: Mapping[SectionKey, Laid],
    region: BaseGeometry | None,
) -> Inputs:
    """Return the inputs with traffic as demand: a point for each kilometre, its ``flow`` in vehicle-kilometres a day.

    A site near a road with much traffic then serves much of the aim ``flow``, whatever number of people lives there.
    """
    rows = []
    for route in routes:
        for section in route.sections:
            one = laid.get((route.ref, section.number))
            if one is None:
                continue
            drive = section.drives[0]
            n = max(1, int(np.ceil((drive.end_m - drive.start_m) / FLOW_STEP_M)))
            edges = np.linspace(drive.start_m, drive.end_m, n + 1)
            where = locate(index, drive, (edges[:-1] + edges[1:]) / 2)
            shared = np.minimum(edges[1:, None], one.to_m) - np.maximum(edges[:-1, None], one.from_m)
            flow = np.clip(shared, 0.0, None) @ np.nan_to_num(one.aadt) / M_PER_KM
            for k in np.flatnonzero(flow > 0).tolist():
                name = f"{TRAFFIC}-{route.ref}-{section.number}-{edges[k] / M_PER_KM:.1f}"
                point = shapely.Point(where["lon"].iloc[k], where["lat"].iloc[k])
                rows.append({"id": name, "name": f"{route.ref} {edges[k] / M_PER_KM:.1f} km", "kind": TRAFFIC,
                             "weight": 0.0, "flow": float(flow[k]), "geometry": point})  # fmt: skip
    if not rows:
        return inputs
    twice = bool((inputs.demand["flow"] > 0).any()) if len(inputs.demand) else False
    points = as_table(rows, DEMAND, TRAFFIC)
    others = inputs.demand.assign(flow=np.nan) if len(inputs.demand) else inputs.demand
    added = placed_in(points, region, inputs.counties)
    demand = gpd.GeoDataFrame(pd.concat([others, added], ignore_index=True), geometry="geometry", crs=4326)
    notes = [Fault("traffic-flow-twice", file=TRAFFIC, warning=True)] if twice else []
    return replace(inputs, demand=demand, warnings=(*inputs.warnings, *notes))


# -- what the law eases ----------------------------------------------------------------------------------


def light_of(routes: Sequence[Route], laid: Mapping[SectionKey, Laid]) -> dict[str, float]:
    """Most light vehicles a day anywhere along each route; routes with a stretch of unknown traffic are left out."""
    found = {}
    for route in routes:
        parts = [laid.get((route.ref, section.number)) for section in route.sections]
        values = [np.nan if part is None else float(np.max(part.light)) for part in parts]
        if values and not np.isnan(values).any():
            found[route.ref] = max(values)
    return found


def eased(policy: Policy, routes: Sequence[Route], light: Mapping[str, float]) -> Policy:
    """Return the policy with a rule of its own for the routes of little traffic, where a rule has ``under_traffic``.

    A route belongs to a band by the most light vehicles anywhere along it; where that is unknown nothing is eased. What
    is eased under 8 500 vehicles is eased under 3 000, too.

    Parameters
    ----------
    policy : Policy
    routes : sequence of Route
    light : mapping
        See :func:`light_of`.
    """
    rules: list[Rule] = []
    for rule in policy.rules:
        steps = sorted(getattr(rule, "under_traffic", ()), key=lambda step: float(step.light_below))
        edges = [0.0, *(step.light_below for step in steps)]
        ours = [light[r.ref] for r in routes if steps and r.road_class == rule.network and r.ref in light]  # type: ignore[attr-defined]
        bands = [k for k in range(len(steps)) if any(edges[k] <= n < edges[k + 1] for n in ours)]
        if not bands:
            rules.append(rule)
            continue
        # What is not low goes on under the rule's own name.
        rules.append(rule.model_copy(update={"network": in_band(rule.network, edges[-1], None)}))  # type: ignore[attr-defined]
        rules += [rule.eased(steps[k:], edges[k], edges[k + 1]) for k in reversed(bands)]  # type: ignore[attr-defined]
    return policy.model_copy(update={"rules": tuple(rules)})


def in_band(network: str, low: float, high: float | None) -> str:
    """Name the routes of a class by their traffic: ``tent_core@3000-8500``; without an upper end the unknown, too."""
    return f"{network}@{low:g}-{'' if high is None else f'{high:g}'}"


def routes_in(routes: Sequence[Route], network: str, light: Mapping[str, float]) -> list[Route]:
    """Routes of a class, or of a band of it; see :func:`in_band`."""
    name, _, band = network.partition("@")
    low, _, high = band.partition("-")
    least, most = float(low or 0), float(high or "inf")
    mine = [route for route in routes if route.road_class == name]
    unknown = np.inf  # as much as can be
    return [
        r
        for r in mine
        if not band or least <= (n := light.get(r.ref, unknown)) < most or (not high and n >= least)
    ]


def apply_traffic(
    policy: Policy, inputs: Inputs, index: RoadIndex, routes: Sequence[Route], region: BaseGeometry | None
) -> tuple[Policy, Inputs]:
    """Return policy and inputs as the counts of traffic make them: rules eased, and the aim ``flow``."""
    laid, notes = lay_traffic(index, routes, inputs.traffic)
    if not laid:
        return policy, inputs
    inputs = replace(inputs, warnings=(*inputs.warnings, *notes))
    return eased(policy, routes, light_of(routes, laid)), with_flow(inputs, index, routes, laid, region)
