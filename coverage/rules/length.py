"""Rules on covered length: the share of route length within a span of sites, in three readings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from ..assess.covered import covered_length
from ..assess.spacing import Spacing
from ..network.access import find_served
from ..network.cutting import all_pieces
from ..network.graph import FloatArray, IntArray, shortest_csr
from ..network.routes import segment_weight, segments_inside
from ..network.snapping import Snapped, join_snapped, places_on
from ..settings import Positive
from ..units import M_PER_KM, lonlat
from .finding import NO, YES, Finding, Measured
from .kind import RuleKind
from .roads import (
    RoadContext,
    RouteRule,
    both_spacings,
    gap_frame,
    route_rows,
    serving_of,
    site_counts,
    spacing_figures,
    survey_of,
)
from .rows import Line, RuleRows, Stretches, World, rule_rows
from .stretches import lines_of, stretch_rows

SAME_M = 5e-4
"""Lengths are compared to the millimetre."""
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

    @property
    def span_km(self) -> float:
        """How long a gap may be."""
        return self.span_max_km


def assess_coverage(context: RoadContext, rule: LengthCoverage) -> tuple[Finding, Spacing]:
    """Share of route length covered within the span, in three readings; the rule names the one that decides."""
    status = context.status(rule.site)
    strict, lenient = both_spacings(context, rule, status)
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
        counts=site_counts(context, rule, status),
        figures={**figures, **spacing_figures(strict, "")},
        table=route_rows(strict),
        survey=survey_of(context, rule, status, strict),
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
    sites = serving_of(context, rule)
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


def coverage_rows(world: World, rule: LengthCoverage) -> RuleRows | None:
    """Rows of the pieces that don't pass, by the rule's reading."""
    share = rule.target.share_min or 1.0
    if rule.reading == "route":
        lines = lines_of(world, rule)
        return stretch_rows(world, rule, lines, share) if lines else None
    failing, total_m, served_m = _failing_pieces(world, rule)
    if not total_m > 0:
        return None
    cover, piece, laid = edge_rows(failing.table, rule.span_max_km * M_PER_KM)
    found = rule_rows(
        rule, cover, failing.items, world, served=served_m, total=total_m, item=piece, share=share
    )
    return replace(found, stretches=laid)


@dataclass(frozen=True, eq=False)
class _Failing:
    """Pieces of road that don't pass today."""

    table: Pieces
    items: pd.DataFrame


def _failing_pieces(world: World, rule: LengthCoverage) -> tuple[_Failing, float, float]:
    """Pieces that count and don't pass, with distances to the actions; length that counts, and that passes today."""
    context, span_m = world.context, rule.span_max_km * M_PER_KM
    sites = serving_sites(context, rule, context.status(rule.site) == YES)
    old = context.snapped.take(sites)
    routes = context.of_class(rule.network)
    new = context.snapper.snap(lonlat(world.actions.geometry))
    serves = np.unique(
        find_served(context.index, routes, new, access_m=rule.site.access_km * M_PER_KM)["site"].to_numpy(
            np.int64
        )
    )
    serves = serves[world.gives(rule.site)[serves]]
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
    on_piece, on_place, on_m = _places_on(base, at, new.take(serves))
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


def _places_on(base: CoveragePieces, at: IntArray, places: Snapped) -> tuple[IntArray, IntArray, FloatArray]:
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


# -- covered length as rows: which places make a piece pass the edge rule --------------------------------
#
# A piece from ``u`` to ``v`` passes if ``d(u, nearest site) + length + d(v, nearest site) <= span``; sites on it
# cut it, and each part must pass. Laid out as a line with ``u`` at 0 and ``v`` at its length, every site stands
# at minus its distance from ``u``, at the length plus its distance from ``v``, and where it is if it lies on the
# piece. Then the piece passes exactly when no two neighbouring sites of this line, with the piece or a part of it
# between them, are further apart than the span: that is, when every stretch ``(x, x + span]`` that touches the
# piece holds a site. It is enough to look at the stretches that begin at a possible place of a site, and at the
# one that ends where the piece begins.


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of road and the distances from their ends to sites.

    Attributes
    ----------
    length_m : (p,) float64
    near_u_m, near_v_m : (p,) float64
        Distance from each end to the nearest existing site; infinite if there is none within the span.
    far_u_m, far_v_m : (p, n) csr_array
        Distance from each end to each possible place within the span. A stored 0 is a distance of 0.
    on_piece, on_place : (k,) int64
        Possible places that lie on a piece, and
    on_m : (k,) float64
        how far from its first end.
    """

    length_m: FloatArray
    near_u_m: FloatArray
    near_v_m: FloatArray
    far_u_m: sparse.csr_array
    far_v_m: sparse.csr_array
    on_piece: IntArray
    on_place: IntArray
    on_m: FloatArray

    def passes(self, span_m: float) -> npt.NDArray[np.bool_]:
        """(p,) pieces that pass with the existing sites alone."""
        whole = self.near_u_m + self.length_m + self.near_v_m
        return np.asarray(whole <= span_m + SAME_M, dtype=np.bool_)


def edge_rows(pieces: Pieces, span_m: float) -> tuple[sparse.csr_array, IntArray, Stretches]:
    """Rows of the pieces that don't pass yet.

    Returns
    -------
    cover : (r, n) csr_array of float64
        Row: one stretch of one piece; 1 for each place that lies in it. A row without any cannot be served.
    piece : (r,) int64
        The piece of each row; it passes exactly when all its rows hold a site.
    stretches : Stretches
        The pieces laid out as lines, and where on them each row begins.
    """
    n = pieces.far_u_m.shape[1]
    on_start = np.searchsorted(pieces.on_piece, np.arange(len(pieces.length_m) + 1))
    rows: list[IntArray] = []
    owner: list[int] = []
    begin: list[float] = []
    lines: list[Line] = []
    for e in np.flatnonzero(~pieces.passes(span_m)).tolist():
        u_place, u_far = _row(pieces.far_u_m, e)
        v_place, v_far = _row(pieces.far_v_m, e)
        on = slice(on_start[e], on_start[e + 1])
        length = float(pieces.length_m[e])
        at = np.concatenate([-u_far, pieces.on_m[on], length + v_far])
        place = np.concatenate([u_place, pieces.on_place[on], v_place])
        left, right = -float(pieces.near_u_m[e]), length + float(pieces.near_v_m[e])
        found = _stretches(at, place, left, right, length, span_m)
        rows += [members for _, members in found]
        begin += [start for start, _ in found]
        owner += [e] * len(found)
        ends = np.array([left, right])
        lines.append(Line((e,), 0.0, (-span_m, length), ends[np.isfinite(ends)], place, at))
    size = np.array([len(row) for row in rows], dtype=np.int64)
    start = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    members = np.concatenate([np.empty(0, np.int64), *rows])
    cover = sparse.csr_array((np.ones(len(members)), members, start), shape=(len(rows), n))
    piece = np.array(owner, dtype=np.int64)
    of_line = np.unique(piece, return_inverse=True)[1] if len(piece) else piece
    laid = tuple(line for line in lines if line.name[0] in set(owner))
    return cover, piece, Stretches(laid, of_line, np.array(begin), span_m)


def _row(matrix: sparse.csr_array, e: int) -> tuple[IntArray, FloatArray]:
    at = slice(matrix.indptr[e], matrix.indptr[e + 1])
    return matrix.indices[at].astype(np.int64), matrix.data[at]


def _stretches(
    at: FloatArray, place: IntArray, left: float, right: float, length: float, span: float
) -> list[tuple[float, IntArray]]:
    """Stretches that must hold a place: where each begins, and the places in it.

    ``left`` and ``right`` are the nearest existing sites.

    Stretches that hold all the places of another one are left out.
    """
    order = np.lexsort((place, at))
    at, place = at[order], place[order]
    first = max(left, -span)
    starts = np.unique(np.concatenate([[first], at[(at > first) & (at < length - SAME_M)]]))
    starts = starts[starts + span < right - SAME_M]
    low = np.searchsorted(at, starts + SAME_M, "right")
    high = np.searchsorted(at, starts + span + SAME_M, "right")
    found: list[tuple[float, IntArray]] = []
    seen: set[bytes] = set()
    for start, a, b in zip(starts.tolist(), low.tolist(), high.tolist(), strict=True):
        members = np.unique(place[a:b])
        key = members.tobytes()
        if key not in seen:
            seen.add(key)
            found.append((start, members))
    return _smallest(found)


def _smallest(found: list[tuple[float, IntArray]]) -> list[tuple[float, IntArray]]:
    """Stretches of whose places those of no other one are a part."""
    if len(found) < 2:
        return found
    rows = [members for _, members in found]
    names, columns = np.unique(np.concatenate(rows), return_inverse=True)
    number = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    holds = np.zeros((len(rows), len(names)), dtype=np.float32)
    holds[number, columns] = 1.0
    size = holds.sum(axis=1)
    common = holds @ holds.T
    # Row i is a part of row k if all of it is in k; no two rows are the same.
    part = (common == size[:, None]) & (size[:, None] < size[None, :])
    return [row for row, superset in zip(found, part.any(axis=0), strict=True) if not superset]


def _measured(rule: LengthCoverage, context: RoadContext) -> Measured:
    finding, spacing = assess_coverage(context, rule)
    return Measured(finding, gap_frame(context, rule, rule.network, spacing))


KIND = RuleKind(
    "length_coverage",
    LengthCoverage,
    measure=_measured,
    rows=coverage_rows,
    table=(("ref", 20), ("length_km", 24), ("sites", 18), ("gap_max_km", 28), ("covered_low", 30),
           ("covered_high", 30)),
    sheet="routes",
    sheet_of_first=True,
    layers=("routes", "charging_sites"),
    own_gaps=True,
)  # fmt: skip
