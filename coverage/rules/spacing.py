"""Rules on the spacing of sites along routes: length per site, and the longest gap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from ..measure.spacing import Spacing, length_by_area
from ..network.graph import BoolArray, FloatArray
from ..settings import Positive
from ..units import M_PER_KM
from .finding import YES, Finding, Measured, Ratio
from .kind import Claim, RuleKind
from .roads import (
    RoadContext,
    RouteRule,
    both_spacings,
    gap_frame,
    route_rows,
    site_counts,
    spacing_figures,
    survey_of,
    with_classes,
)
from .rows import Reached, RuleRows, World
from .stretches import SpacingLine, lines_of, longest_own_gap_m, stretch_rows


class RouteSpacing(RouteRule):
    """Length per site and gaps along the routes of a class.

    ``class_limits_km`` are the two limits between good, middle and gap.
    """

    kind: Literal["route_spacing"]
    statistic: Literal["length_per_site", "gap_max"] = "length_per_site"
    class_limits_km: tuple[Positive, Positive] = (25.0, 40.0)
    outside_sites_count: bool = True

    @property
    def span_km(self) -> float:
        """How long a gap may be: what the rule allows for the longest one, else the last limit of the classes."""
        allowed = self.target.value_max if self.statistic == "gap_max" else None
        return self.class_limits_km[-1] if allowed is None else allowed

    def with_span(self, span_km: float) -> dict[str, Any]:
        """Return what changes where gaps may be so long: the limits, and the target of the longest gap."""
        changed = {"class_limits_km": (min(self.class_limits_km[0], span_km), span_km)}
        if self.statistic != "gap_max":
            return changed
        return {**changed, "target": self.target.model_copy(update={"value_max": span_km})}

    @property
    def spans_km(self) -> tuple[float, ...]:
        """Spans to try for the fewest sites: up to what is allowed; under an average, from the first limit on."""
        if self.statistic == "gap_max":
            return (self.span_km,)
        low, high = self.class_limits_km
        return tuple(round(low + (high - low) * k / 3, 1) for k in range(4))

    @property
    def limits_km(self) -> tuple[float, float]:
        """Limits between the classes of gaps: good, middle, gap."""
        return self.class_limits_km

    @property
    def counts_outside(self) -> bool:
        """Whether sites outside the region close a gap."""
        return self.outside_sites_count

    @property
    def of_longest_gap(self) -> bool:
        """Whether the value is itself the longest gap, not an average."""
        return self.statistic == "gap_max"

    @property
    def target_range(self) -> tuple[float, float] | None:
        """An average whose target is the upper limit of the classes: the two limits."""
        return (
            self.class_limits_km
            if not self.of_longest_gap and self.target.value == self.class_limits_km[1]
            else None
        )


def assess_spacing(context: RoadContext, rule: RouteSpacing) -> tuple[Finding, Spacing]:
    """Length per site along the routes of a class; gaps and classes stand beside the average.

    The lower bound counts sites of unknown quality, the upper one does not. Without any site there is no number:
    both are infinite, and the rule is not met. The longest gap is that of the own parts; it has no upper bound
    while the data end inside the region.
    """
    status = context.status(rule.site)
    strict, lenient = both_spacings(context, rule, status)
    statistic = "length_per_site_m" if rule.statistic == "length_per_site" else "gap_max_m"
    low, high = (_km_or_inf(s.network[statistic], s.network["length_m"]) for s in (lenient, strict))
    if rule.statistic == "gap_max" and bool(strict.gaps["own_open"].any()):
        high = np.inf  # an open gap is at least so long, and nobody knows how much longer
    averages = [Ratio(s.network["driven_m"], s.network["direction_sites"]) for s in (lenient, strict)]
    redone = rule.statistic == "length_per_site" and all(ratio.whole for ratio in averages)
    served = set(strict.gaps["from_site"].dropna()) | set(strict.gaps["to_site"].dropna())
    finding = Finding(
        rule,
        "km",
        low,
        high,
        counts=site_counts(context, rule, status),
        table=route_rows(strict),
        survey=survey_of(context, rule, status, strict),
        figures={
            **spacing_figures(strict, ""),
            **spacing_figures(lenient, "_with_unknown"),
            "sites_that_close_a_gap": len(served),
            "by_direction": _records(with_classes(strict, strict.by_direction)),
            "by_county": _county_rows(context, rule, strict),
        },
        ratios=(averages[0], averages[1]) if redone else None,
        ratio_unit="m/site",
    )
    return finding, strict


def _km_or_inf(value_m: float, length_m: float) -> float | None:
    if not length_m > 0:
        return None
    return float(value_m) / M_PER_KM if np.isfinite(value_m) else np.inf


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _county_rows(context: RoadContext, rule: RouteSpacing, spacing: Spacing) -> list[dict[str, object]]:
    counties = context.inputs.own_counties
    if counties.empty or counties.geometry.isna().all():
        return []
    areas = counties[counties.geometry.notna()]
    band = context.band(rule.network)
    table = length_by_area(context.index, band.routes, spacing, areas, band.cut)
    return _records(with_classes(spacing, table).assign(county=areas["name"]))


def _measured(rule: RouteSpacing, context: RoadContext) -> Measured:
    finding, spacing = assess_spacing(context, rule)
    whole = spacing
    if rule.network != rule.road_class:  # the record holds whole routes, whatever the traffic
        whole = context.spacing(rule, rule.road_class, context.status(rule.site) == YES)
    tables = [t for t in (route_rows(whole), *_other_classes(context, rule)) if len(t)]
    routes = pd.concat(tables, ignore_index=True) if tables else route_rows(spacing)
    return Measured(finding, gap_frame(context, rule, rule.network, spacing), routes)


def _other_classes(context: RoadContext, rule: RouteSpacing) -> list[pd.DataFrame]:
    """Routes of the other classes, measured in the same way for the record; no rule judges them."""
    others = sorted({route.road_class for route in context.routes} - {rule.road_class})
    yes = context.status(rule.site) == YES
    return [route_rows(context.spacing(rule, network, yes)) for network in others]


def spacing_rule_rows(world: World, rule: RouteSpacing) -> RuleRows | None:
    """A row for each stretch of the span's length without a site, and one for the average if the rule is on it."""
    lines = lines_of(world, rule)
    if not lines:
        return None
    found = stretch_rows(world, rule, lines, 1.0)
    counting = world.counting(world.context.status(rule.site))
    today = world.context.spacing(rule, rule.network, counting).network
    driven_m, there = float(today["driven_m"]), int(today["direction_sites"])
    amount = directions_served(lines, world.n)

    open_at = _open_ends(world, lines)
    known: dict[tuple[int, bytes], float] = {}

    def longest_m(k: int, chosen: BoolArray) -> float:
        """Longest gap of a direction; an action more changes that of a few, so it is kept."""
        key = k, chosen[lines[k].serving[0]].tobytes()
        if key not in known:
            known[key] = longest_own_gap_m(lines[k], chosen)
        return known[key]

    def measure(chosen: BoolArray, favourable: bool) -> Reached:
        if rule.statistic == "gap_max":
            if not favourable and any(not line.has_site_at(end_m, chosen) for line, end_m in open_at):
                return Reached(np.inf)  # how far it goes on beyond the data nobody knows
            return Reached(max(longest_m(k, chosen) for k in range(len(lines))) / M_PER_KM)
        by_site = np.zeros(world.n)
        np.maximum.at(by_site, world.things[chosen], amount[chosen])  # surveyed or built, a site is one
        sites = there + float(by_site.sum())
        return Reached(driven_m / sites / M_PER_KM, Ratio(driven_m, sites)) if sites else Reached(np.inf)

    if rule.statistic == "gap_max":
        found = _with_open_ends(found, open_at)
    found = replace(found, measure=measure)
    missing = np.ceil(driven_m / ((rule.target.value or np.inf) * M_PER_KM) - 1e-9) - there
    if rule.statistic != "length_per_site" or missing <= 0:
        return found
    average = pd.DataFrame([{"ref": "", "weight": 0.0}])
    return replace(
        found,
        matrix=sparse.csr_array(sparse.vstack([found.matrix, sparse.csr_array(amount[None, :])])),
        need=np.append(found.need, float(missing)),
        item=np.append(found.item, len(found.items)),
        items=pd.concat([found.items, average], ignore_index=True),
    )


def _open_ends(world: World, lines: list[SpacingLine]) -> list[tuple[SpacingLine, float]]:
    """Ends of directions in the region at which the road goes on and the data don't, by their chainage."""
    found = []
    for line in lines:
        ends = world.context.ends.get(line.key)
        reaches = line.own.reaches
        if ends is not None and not line.drive.ring:
            low, high = line.judged_m
            begins, stops = low <= 0.0, high >= line.own.length_m
            found += [(line, line.drive.start_m)] if ends.low and reaches[0] and begins else []
            found += [(line, line.drive.end_m)] if ends.high and reaches[1] and stops else []
    return found


def _with_open_ends(found: RuleRows, open_at: list[tuple[SpacingLine, float]]) -> RuleRows:
    """Add the ends of the data as things that only a site at that very place serves: no gap beyond is known."""
    names = ("ref", "section", "direction")
    items = [
        {
            **dict(zip(names, line.key, strict=True)),
            "from_m": at,
            "to_m": at,
            "weight": 0.0,
            "why": "data_end",
        }
        for line, at in open_at
        if not line.has_site_at(at, np.zeros(found.matrix.shape[1], np.bool_))
    ]
    if not items:
        return found
    k = len(items)
    rows = sparse.csr_array((k, found.matrix.shape[1]), dtype=np.float64)
    return replace(
        found,
        matrix=sparse.csr_array(sparse.vstack([found.matrix, rows])),
        need=np.append(found.need, np.ones(k)),
        item=np.append(found.item, len(found.items) + np.arange(k)),
        items=pd.concat([found.items, pd.DataFrame(items)], ignore_index=True),
    )


def directions_served(lines: list[SpacingLine], n: int) -> FloatArray:
    """(n,) directions that each action serves inside the region: two, or one; of a shared road once."""
    number: dict[tuple[str, int], int] = {}
    pairs = [np.empty(0, np.int64)]
    for line in lines:
        action, at = line.serving
        pairs.append(number.setdefault(line.key[:2], len(number)) * n + action[line.holds(at)])
    pair, times = np.unique(np.concatenate(pairs), return_counts=True)
    found = np.zeros(n)
    np.maximum.at(found, pair % n, times)
    return found


def _claims(row: Mapping[str, Any]) -> Iterator[Claim]:
    """The average from length and sites."""
    figures = row["figures"]
    if figures["direction_sites"]:
        per_site = figures["driven_km"] / figures["direction_sites"]
        yield "length_per_site_km", figures["length_per_site_km"], per_site


KIND = RuleKind(
    "route_spacing",
    RouteSpacing,
    measure=_measured,
    rows=spacing_rule_rows,
    table=(("ref", 20), ("length_km", 22), ("sites", 16), ("length_per_site_km", 26), ("gap_mean_km", 24),
           ("gap_max_km", 26), ("gap_km", 26)),
    sheet="routes",
    sheet_of_first=True,
    lengths_in_km=True,
    layers=("routes", "charging_sites"),
    by_county=lambda finding: pd.DataFrame(finding.figures.get("by_county", [])),
    claims=_claims,
    county_columns=("length_km", "good_km", "middle_km", "gap_km", "open_km", "shared_km", "gap_max_km"),
)  # fmt: skip
