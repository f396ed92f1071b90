"""Rules on covered length: the share of route length within a span of sites, in three readings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from ..measure.covered import Links, covered_length
from ..measure.spacing import Spacing, find_spacing
from ..network.access import Access, find_served
from ..network.cutting import all_pieces
from ..network.graph import BoolArray, FloatArray, IntArray, shortest_csr
from ..network.routes import DriveKey, segment_weight, segments_inside
from ..network.snapping import Snapped, join_snapped, places_on
from ..settings import Positive
from ..units import M_PER_KM, compare_m, lonlat
from .covered_rows import SAME_M, Pieces, SitesOnRoads, edge_rows, join_roads, roads_of_pieces, watched
from .finding import NO, YES, Finding, Measured, Ratio
from .kind import RuleKind
from .roads import (
    RoadContext,
    RouteRule,
    both_spacings,
    finite,
    gap_frame,
    route_rows,
    serving_of,
    site_counts,
    spacing_figures,
    survey_of,
)
from .rows import Reached, RuleRows, Stretches, World, rule_rows
from .stretches import SpacingLine, gap_rows, lines_of

LEAST_M = 1e-6
"""A distance of 0 as it is stored."""


class LengthCoverage(RouteRule):
    """Share of route length covered; see *Covered length* in the method.

    ``reading`` decides: ``"route"`` (share of length in gaps within the span), ``"edge"`` or ``"two_site"``.
    All three are always reported.
    """

    kind: Literal["length_coverage"]
    span_max_km: Positive
    reading: Literal["route", "edge", "two_site"] = "edge"

    def with_span(self, span_km: float) -> dict[str, Any]:
        """Return what changes where gaps may be so long."""
        return {"span_max_km": span_km}

    @property
    def span_km(self) -> float:
        """How long a gap may be."""
        return self.span_max_km


def assess_coverage(context: RoadContext, rule: LengthCoverage) -> tuple[Finding, Spacing]:
    """Share of route length covered within the span, in three readings; the rule names the one that decides."""
    status = context.status(rule.site)
    strict, lenient = both_spacings(context, rule, status)
    low = _graph_coverage(context, rule, status == YES)
    length_m = float(strict.network["length_m"]) if rule.reading == "route" else low[2]
    high = low if lenient is strict else _graph_coverage(context, rule, status != NO)
    readings = {
        "route": (finite(strict.network["covered_low"]), finite(lenient.network["covered_high"])),
        "edge": (finite(low[0]), finite(high[0])),
        "two_site": (finite(low[1]), finite(high[1])),
    }
    figures: dict[str, object] = {
        "reading": rule.reading,
        "span_m": rule.span_max_km * M_PER_KM,
        "judged_m": low[2],
    }
    for name, (a, b) in readings.items():
        figures |= {f"{name}_low": a, f"{name}_high": b}
    a, b = readings[rule.reading]
    finding = Finding(
        rule,
        "share",
        a,
        b,
        counts=site_counts(context, rule, status),
        ratios=None
        if a is None or b is None
        else (Ratio(a * length_m, length_m), Ratio(b * length_m, length_m)),
        ratio_unit="m",
        figures={**figures, **spacing_figures(strict, "")},
        table=route_rows(strict),
        survey=survey_of(context, rule, status, strict),
    )
    return finding, strict


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
    """Cut all roads at the given sites, at the region's border and where bands of traffic end.

    Each piece lies inside or outside as a whole.
    """
    graph, band = context.graph, context.band(network)
    weight = segment_weight(graph, band.routes)
    limits = []
    if context.area is not None:
        limits.append(segments_inside(context.index, context.area, np.flatnonzero(weight > 0)))
    if band.stretches is not None:
        limits.append(band.on_segments(graph, weight > 0))
    places = sites
    for part, low, high in limits:
        ends, on = np.concatenate([low, high]), np.concatenate([part, part])
        cut = (ends > 0) & (ends < graph.seg_length_m[on])
        places = join_snapped(places, places_on(on[cut], ends[cut]))
    pieces = all_pieces(graph, places)
    inside = np.ones(len(pieces.a), dtype=np.bool_)
    for part, low, high in limits:
        inside &= _lies_in(pieces.segment, pieces.from_m + pieces.length_m / 2, part, low, high)
    return CoveragePieces(
        pieces.a,
        pieces.b,
        pieces.length_m,
        pieces.length_m * weight[pieces.segment] * inside,
        pieces.segment,
        pieces.from_m,
        graph.n_nodes + len(places.segment),
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
    sites = serving_of(context, rule)
    return sites[qualifies[sites]]


def _graph_coverage(
    context: RoadContext, rule: LengthCoverage, qualifies: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Shares by the edge rule and the two-site rule, and the length that counts, in metres.

    The sites that serve the network are nodes of it.

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
    return edge, two, total


def coverage_rows(world: World, rule: LengthCoverage) -> RuleRows | None:
    """Rows of the pieces that don't pass, by the rule's reading; see :mod:`.covered_rows`."""
    share = rule.target.share_min or 1.0
    if rule.reading == "route":
        return _route_rows(world, rule, share)
    if rule.reading == "two_site":
        return _two_site_rows(world, rule, share)
    failing, total_m, served_m = _failing_pieces(world, rule)
    if not total_m > 0:
        return None
    cover, piece, laid = edge_rows(failing.table, rule.span_max_km * M_PER_KM)
    found = rule_rows(
        rule, cover, failing.items, world, served=served_m, total=total_m, item=piece, share=share
    )
    return replace(found, stretches=laid, measure=_measured_on_lines(failing, laid, total_m))


def _measured_on_lines(
    failing: _Failing, laid: Stretches, total_m: float
) -> Callable[[BoolArray, bool], Reached]:
    """Share that passes: of each piece the parts that lie in no gap longer than the span, as the assessment cuts it."""
    piece = np.array([line.name[0] for line in laid.lines], dtype=np.int64)
    length_m, weight_m = failing.table.length_m[piece], failing.items["weight"].to_numpy(np.float64)[piece]
    per_m = weight_m / np.where(length_m > 0, length_m, 1.0)
    # What stands on the lines, line by line and rising. Sites that are there, and the ends of each line, beyond which
    # there is nothing, have action -1: the last of a mask.
    ends = np.array([-np.inf, np.inf])
    at = np.concatenate(
        [np.empty(0), *(x for line in laid.lines for x in (ends, line.fixed_m, line.action_m))]
    )
    counts = [(2 + len(line.fixed_m), len(line.action)) for line in laid.lines]
    action = np.concatenate(
        [np.empty(0, np.int64)]
        + [x for line, (n, _) in zip(laid.lines, counts, strict=True) for x in (np.full(n, -1), line.action)]
    )
    of_line = np.repeat(np.arange(len(piece)), [sum(n) for n in counts])
    order = np.lexsort((at, of_line))
    at, action, of_line = at[order], action[order], of_line[order]

    def measure(chosen: BoolArray, _favourable: bool) -> Reached:
        here = np.flatnonzero(np.append(chosen, True)[action])
        line, place = of_line[here], at[here]
        over = (line[1:] == line[:-1]) & (compare_m(np.diff(place), laid.span_m) > 0)
        part = np.clip(place, 0.0, length_m[line])
        failed_m = float((np.diff(part) * per_m[line[1:]])[over].sum())
        return Reached(1.0 - failed_m / total_m, Ratio(total_m - failed_m, total_m))

    return measure


def _two_site_rows(world: World, rule: LengthCoverage, share: float) -> RuleRows | None:
    """Items are the roads between junctions and places; rows come as plans turn out to be too little."""
    context = world.context
    old = context.snapped.take(serving_sites(context, rule, world.counting(context.status(rule.site))))
    new, serves = _serving_actions(world, rule)
    keys = [f"{row.place} {row.target}" for row in world.actions.iloc[serves].itertuples()]
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    full = coverage_pieces(context, rule.network, join_snapped(old, new.take(serves[first])))
    total_m, k = float(full.weight_m.sum()), len(old.segment)
    if not total_m > 0:
        return None
    keep = np.zeros(full.n_nodes, np.bool_)
    keep[context.graph.n_nodes : context.graph.n_nodes + k + len(first)] = True
    joined = join_roads(full.a, full.b, full.length_m, keep)
    ref = context.graph.segments["ref"].astype(object).to_numpy()[full.segment]
    table = {"ref": ref, "segment": full.segment, "from_m": full.from_m, "length_m": full.length_m}
    items = roads_of_pieces(joined, full.weight_m, pd.DataFrame(table))
    road = items["road"].to_numpy(np.int64)
    node = np.full(world.n, -1, dtype=np.int64)
    node[serves] = context.graph.n_nodes + k + which
    links = Links(joined.u.astype(np.int32), joined.v.astype(np.int32), joined.length_m, full.n_nodes)
    sites = SitesOnRoads(
        links, context.graph.n_nodes + np.arange(k), node, world.actions["cost"].to_numpy(float),
        rule.span_max_km * M_PER_KM,
    )  # fmt: skip
    dead = np.flatnonzero(road < 0)
    found = rule_rows(
        rule,
        [[] for _ in dead],
        items.drop(columns="road"),
        world,
        served=0.0,
        total=total_m,
        item=dead,
        share=share,
    )
    return watched(found, sites, road)


def _serving_actions(world: World, rule: LengthCoverage) -> tuple[Snapped, IntArray]:
    """All actions at their places on the roads, and which bring a site that serves the rule's routes."""
    context, points = world.context, lonlat(world.actions.geometry)
    new = context.snapper.snap(points)
    served = find_served(
        context.index,
        context.of_class(rule.road_class),
        new,
        points,
        access_m=rule.site.access_km * M_PER_KM,
        snapper=context.snapper,
    )
    serves = np.unique(served["site"].to_numpy(np.int64))
    return new, serves[world.adds(rule.site)[serves]]


def _route_rows(world: World, rule: LengthCoverage, share: float) -> RuleRows | None:
    """Rows of the gaps that are too long or open; the share itself is measured as the assessment does."""
    context, span_m = world.context, rule.span_max_km * M_PER_KM
    today = context.spacing(rule, rule.network, world.counting(context.status(rule.site)))
    total_m = float(today.network["length_m"])
    lines: dict[DriveKey, list[SpacingLine]] = {}
    for line in lines_of(world, rule):
        lines.setdefault(line.key, []).append(line)
    if not lines or not total_m > 0:
        return None
    gaps = today.gaps
    is_open = (gaps["open_start"] | gaps["open_end"]).to_numpy(bool)
    whole = (gaps["kind"] == "whole").to_numpy(bool)
    fails = is_open | whole | (compare_m(gaps["length_m"].to_numpy(np.float64), span_m) > 0)
    rows: list[IntArray] = []
    items: list[dict[str, Any]] = []
    item: list[int] = []
    for gap in gaps[fails].to_dict("records"):
        here = lines[(gap["ref"], gap["section"], gap["direction"])]
        members = [row for line in here for row in gap_rows(line, gap, span_m)]
        rows += members
        item += [len(items)] * len(members)
        low, high = sorted([gap["from_m"], gap["to_m"]])
        named = {name: gap[name] for name in ("ref", "section", "direction")}
        items.append({**named, "from_m": low, "to_m": high, "weight": float(gap["counted_m"])})
    table = pd.DataFrame(items, columns=["ref", "section", "direction", "from_m", "to_m", "weight"])
    lost_m = float(table["weight"].sum())
    found = rule_rows(
        rule, rows, table, world, served=max(total_m - lost_m, 0.0), total=max(total_m, lost_m),
        item=np.array(item, dtype=np.int64), share=share,
    )  # fmt: skip
    return replace(found, measure=_measured_on_routes(world, rule))


def _measured_on_routes(world: World, rule: LengthCoverage) -> Callable[[BoolArray, bool], Reached]:
    """Share of length in gaps within the span, by the assessment's own function with the actions' sites as well."""
    context = world.context
    routes, k = context.of_class(rule.network), len(context.inputs.sites)
    points, adds = lonlat(world.actions.geometry), world.adds(rule.site)
    limit = rule.site.access_km * M_PER_KM
    new = find_served(
        context.index, routes, context.snapper.snap(points), points, access_m=limit, snapper=context.snapper
    )
    access = context.access(rule.site.access_km)
    own = access.served[access.served["ref"].isin({route.ref for route in routes})]
    served = pd.concat([own, new.assign(site=new["site"] + k)], ignore_index=True)
    today = world.counting(context.status(rule.site))

    def measure(chosen: BoolArray, favourable: bool) -> Reached:
        found = find_spacing(
            context.index,
            routes,
            Access(served, access.near, limit),
            np.concatenate([today, chosen & adds]),
            limits_m=[x * M_PER_KM for x in rule.limits_km],
            span_m=rule.span_max_km * M_PER_KM,
            ends=context.ends,
            pieces=context.band(rule.network).cut(context.pieces),
            judged=context.pieces,
        )
        share = float(found.network["covered_high" if favourable else "covered_low"])
        length_m = float(found.network["length_m"])
        return Reached(share, Ratio(share * length_m, length_m))

    return measure


@dataclass(frozen=True, eq=False)
class _Failing:
    """Pieces of road that don't pass today."""

    table: Pieces
    items: pd.DataFrame


def _failing_pieces(world: World, rule: LengthCoverage) -> tuple[_Failing, float, float]:
    """Pieces that count and don't pass, with distances to the actions; length that counts, and that passes today."""
    context, span_m = world.context, rule.span_max_km * M_PER_KM
    sites = serving_sites(context, rule, world.counting(context.status(rule.site)))
    old = context.snapped.take(sites)
    new, serves = _serving_actions(world, rule)
    base = coverage_pieces(context, rule.network, old)
    full = coverage_pieces(context, rule.network, join_snapped(old, new.take(serves)))
    graph = _undirected(full)
    n_graph, k = context.graph.n_nodes, len(sites)
    near = np.full(full.n_nodes, np.inf)
    if k:
        near = csgraph.dijkstra(
            graph, directed=False, indices=n_graph + np.arange(k), limit=span_m, min_only=True
        )
    # Nodes of the graph and of the sites are the same in both; those at the border come after the sites.
    border = len(serves)
    ends = [np.where(end < n_graph + k, end, end + border) for end in (base.a, base.b)]
    whole = near[ends[0]] + base.length_m + near[ends[1]]
    counts = base.weight_m > 0
    fails = counts & ~(whole <= span_m + SAME_M)
    at = np.flatnonzero(fails)
    far = _within(graph, n_graph + k + np.arange(border), np.concatenate([ends[0][at], ends[1][at]]), span_m)
    spread = sparse.csr_array((np.ones(border), (np.arange(border), serves)), shape=(border, world.n))
    far_u, far_v = (sparse.csr_array(part @ spread) for part in (far[: len(at)], far[len(at) :]))
    on_piece, on_place, on_m = sites_on_pieces(base, at, new.take(serves))
    table = Pieces(
        base.length_m[at],
        near[ends[0][at]],
        near[ends[1][at]],
        far_u,
        far_v,
        on_piece,
        serves[on_place],
        on_m,
    )
    ref = context.graph.segments["ref"].astype(object).to_numpy()[base.segment[at]]
    items = pd.DataFrame({"ref": ref, "segment": base.segment[at], "from_m": base.from_m[at],
                          "length_m": base.length_m[at], "weight": base.weight_m[at]})  # fmt: skip
    total_m = float(base.weight_m.sum())
    return _Failing(table, items), total_m, total_m - float(base.weight_m[at].sum())


def _undirected(pieces: CoveragePieces) -> sparse.csr_array:
    """Shortest pieces between nodes; lengths of 0 become a micrometre, which scipy can store."""
    low, high = np.minimum(pieces.a, pieces.b), np.maximum(pieces.a, pieces.b)
    return shortest_csr(low, high, pieces.length_m, pieces.n_nodes)


def _within(graph: sparse.csr_array, sources: IntArray, nodes: IntArray, span_m: float) -> sparse.csr_array:
    """(nodes, sources) distances within the span; a few sources at a time, so that memory stays small."""
    parts = [sparse.csc_array((len(nodes), 0))]
    step = max(1, int(2e7 // max(graph.shape[0], 1)))
    for first in range(0, len(sources), step):
        some = sources[first : first + step]
        reached = csgraph.dijkstra(graph, directed=False, indices=some, limit=span_m)[:, nodes].T
        row, column = np.nonzero(np.isfinite(reached))
        data = np.maximum(reached[row, column], LEAST_M)
        parts.append(sparse.csc_array((data, (row, column)), shape=reached.shape))
    return sparse.csr_array(sparse.hstack(parts))


def sites_on_pieces(
    base: CoveragePieces, at: IntArray, places: Snapped
) -> tuple[IntArray, IntArray, FloatArray]:
    """Which places lie on which of the pieces ``at``, and how far from their first ends; by piece."""
    pairs = pd.DataFrame({"piece": np.arange(len(at)), "segment": base.segment[at], "from_m": base.from_m[at],
                          "length_m": base.length_m[at]}).merge(
        pd.DataFrame({"place": np.arange(len(places.segment)), "segment": places.segment, "offset": places.offset_m}),
        on="segment",
    )  # fmt: skip
    pairs["on_m"] = pairs["offset"] - pairs["from_m"]
    pairs = pairs[(pairs["on_m"] >= 0) & (pairs["on_m"] <= pairs["length_m"])].sort_values(["piece", "place"])
    piece, place = (pairs[name].to_numpy(np.int64) for name in ("piece", "place"))
    return piece, place, pairs["on_m"].to_numpy(np.float64)


def _measured(rule: LengthCoverage, context: RoadContext) -> Measured:
    finding, spacing = assess_coverage(context, rule)
    return Measured(finding, gap_frame(context, rule, rule.network, spacing))


KIND = RuleKind(
    "length_coverage",
    LengthCoverage,
    measure=_measured,
    rows=coverage_rows,
    table=(
        ("ref", 20),
        ("length_km", 20),
        ("sites", 16),
        ("gap_max_km", 22),
        ("covered_low_km", 26),
        ("covered_low", 26),
        ("covered_high_km", 26),
        ("covered_high", 26),
    ),
    sheet="routes",
    sheet_of_first=True,
    layers=("routes", "charging_sites"),
    own_gaps=True,
    lengths_in_km=True,
)
