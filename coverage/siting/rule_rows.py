"""The rules of a policy as rows of a plan: each kind of rule says what must be served, and which actions serve it.

Rows count what surely is there: what is not known is missing, and a ``survey`` event may supply it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from ..assess.berths import berth_membership
from ..assess.facilities import assign_chargers, counted_facilities, facility_status
from ..assess.finding import NO, UNKNOWN, YES, ratio_bounds, site_status
from ..assess.parking import ev_share, parking_population
from ..assess.spacing_rules import CoveragePieces, RoadContext, coverage_pieces, serving_sites
from ..inputs import qualify
from ..network.access import find_served
from ..network.graph import shortest_csr
from ..network.snapping import Snapped, join_snapped
from ..policy import (
    BerthShare,
    CallShare,
    DemandReach,
    FacilityShare,
    LengthCoverage,
    Policy,
    RouteSpacing,
    Rule,
    ShareMargin,
    SiteRequirement,
)
from ..units import M_PER_KM, lonlat
from .actions import action_chargers
from .edge_cover import SAME_M, Pieces, edge_rows
from .maxcover.problem import BoolArray, FloatArray, IntArray
from .planning.demand import people_demand
from .planning.reach import find_sites, measure
from .planning.spacing_rows import SpacingLine, spacing_lines, spacing_rows
from .rows import RuleRows, one_each

LEAST_M = 1e-6
"""A distance of 0 as it is stored."""


@dataclass(frozen=True, eq=False)
class World:
    """What rows are made from: the state today and the actions, with what several rules need of them."""

    context: RoadContext
    policy: Policy
    actions: gpd.GeoDataFrame
    close_shared: bool = False

    @property
    def n(self) -> int:
        """Number of actions and events."""
        return len(self.actions)

    @cached_property
    def chargers(self) -> gpd.GeoDataFrame:
        """Chargers at each action's site once it is carried out; column ``action`` holds its position."""
        return action_chargers(self.context.inputs, self.actions, self.policy)

    @cached_property
    def _known(self) -> dict[SiteRequirement, BoolArray]:
        return {}

    def gives(self, site: SiteRequirement) -> BoolArray:
        """(n,) actions and events with which a site meets a requirement."""
        if site not in self._known:
            asked = site.model_dump(
                include={"dc_min_kw", "min_points", "pool_min_kw", "connectors", "open_24h"}
            )
            table = self.chargers.assign(site=self.chargers["action"].astype(str))
            places = pd.DataFrame({"id": [str(k) for k in range(self.n)]})
            found = (qualify(places, table, **asked) == YES).to_numpy(bool).copy()
            if site.public_only:
                closed = self.chargers.loc[self.chargers["access"] == "restricted", "action"]
                found[closed.to_numpy(np.int64)] = False
            self._known[site] = found | self._answers(site)
        return self._known[site]

    def adds(self, site: SiteRequirement) -> BoolArray:
        """(n,) actions and events that make a site count for a requirement which does not surely count today."""
        inputs = self.context.inputs
        yes = set(inputs.sites["id"][site_status(inputs, site) == YES])
        there = (self.actions["place"] == "site") & self.actions["target"].isin(yes)
        return np.asarray(self.gives(site) & ~there.to_numpy(bool), dtype=np.bool_)

    def _answers(self, site: SiteRequirement) -> BoolArray:
        """(n,) surveys of charging sites that may turn out to meet a requirement."""
        status = dict(
            zip(self.context.inputs.sites["id"], site_status(self.context.inputs, site), strict=True)
        )
        asked = (self.actions["kind"] == "survey") & (self.actions["place"] == "site")
        unknown = self.actions["target"].map(status) == UNKNOWN
        return np.asarray(asked & unknown, dtype=np.bool_)

    def at(self, kind: str) -> dict[str, int]:
        """Position of the actions of a kind by the id of their target."""
        mine = self.actions["kind"] == kind
        return dict(zip(self.actions.loc[mine, "target"], np.flatnonzero(mine).tolist(), strict=True))


def rows_of(world: World) -> tuple[RuleRows, ...]:
    """Rows of all rules with a target, in the policy's order."""
    found = []
    for rule in world.policy.rules:
        if rule.target.value is None:
            continue
        made = MAKERS[type(rule)](world, rule)
        if made is not None:
            found.append(made)
    return tuple(found)


def _rule_rows(
    rule: Rule,
    serving: list[Any] | sparse.csr_array,
    items: pd.DataFrame,
    world: World,
    *,
    served: float,
    total: float,
    item: IntArray | None = None,
    need: FloatArray | None = None,
    share: float = 1.0,
) -> RuleRows:
    matrix = one_each(serving, world.n) if isinstance(serving, list) else serving
    r = matrix.shape[0]
    return RuleRows(
        rule.id,
        matrix,
        np.ones(r) if need is None else need,
        np.arange(r) if item is None else item,
        items.reset_index(drop=True),
        served,
        total,
        share,
        None if rule.by is None else rule.by.year,
    )


# -- facilities ------------------------------------------------------------------------------------------


def _facility_rows(world: World, rule: FacilityShare) -> RuleRows | None:
    """A row for each side (or pair) that is not known to hold what is asked."""
    inputs = world.context.inputs
    table = counted_facilities(inputs.facilities, rule)
    if rule.charging_spaces_min is not None or table.empty:
        return None
    has, _ = facility_status(table, inputs.chargers, rule.site)
    gives = world.gives(rule.site)
    at, which = assign_chargers(table, world.chargers, rule.site)
    action = world.chargers["action"].to_numpy(np.int64)[which]
    members: dict[int, set[int]] = {k: set() for k in range(len(table))}
    for k, j in zip(at.tolist(), action.tolist(), strict=True):
        if gives[j]:
            members[k].add(j)
    surveys = world.at("survey")
    for k, (name, status) in enumerate(zip(table["id"], has, strict=True)):
        if status == UNKNOWN and name in surveys:
            members[k].add(surveys[name])
    pair = table["pair"].fillna(table["name"]).fillna(table["id"]).to_numpy(object)
    unit = pair if rule.unit == "pair" else table["id"].to_numpy(object)
    good = set(unit[(has == YES).to_numpy(bool)])
    names = [name for name in dict.fromkeys(unit) if name not in good]
    serving = [
        sorted(set().union(*(members[k] for k in np.flatnonzero(unit == name).tolist()))) for name in names
    ]
    first = [int(np.flatnonzero(unit == name)[0]) for name in names]
    items = table.iloc[first][["id", "name", "side", "ref"]].assign(weight=1.0)
    total = float(len(dict.fromkeys(unit)))
    share = rule.target.share_min or 1.0
    return _rule_rows(rule, serving, items, world, served=float(len(good)), total=total, share=share)


# -- berths, car parks, calls ----------------------------------------------------------------------------


def _berth_rows(world: World, rule: BerthShare) -> RuleRows | None:
    """A row for each berth that counts, or may count, and is not known to have shore power."""
    berths = world.context.inputs.berths
    counts = berth_membership(berths, rule.berth)
    table = berths[(counts != NO) & berths["inside"].astype(bool)]
    has = table["shore_power"].astype("boolean").fillna(False).to_numpy(bool)
    build, ask = world.at("shore_power"), world.at("survey")
    lacking = table[~has]
    serving = [[d[name] for d in (build, ask) if name in d] for name in lacking["id"]]
    items = pd.DataFrame(lacking[["id", "name", "port", "class_t"]]).assign(weight=1.0)
    share = rule.target.share_min or 1.0
    found = _rule_rows(
        rule, serving, items, world, served=float(has.sum()), total=float(len(table)), share=share
    )
    certain, ones = (counts[table.index] == YES).to_numpy(bool), np.ones(len(table))
    # Of a berth that lacks it for sure a survey can only say that it doesn't count.
    lacks = lacking["shore_power"].astype("boolean").eq(False).fillna(False).to_numpy(bool)
    survey = (world.actions["kind"] == "survey").to_numpy(bool)
    supplies = found.matrix.toarray() * ~(lacks[:, None] & survey[None, :])

    def measure(chosen: BoolArray, favourable: bool) -> float | None:
        now = has.copy()
        now[np.flatnonzero(~has)[supplies @ chosen > 0]] = True
        return ratio_bounds(now.astype(float), now.astype(float), ones, certain)[1 if favourable else 0]

    return replace(found, measure=measure)


def _car_park_rows(world: World, rule: ShareMargin) -> RuleRows | None:
    """One row for the spaces that are missing in all; one for each car park that may or may not belong."""
    inputs = world.context.inputs
    fleet = ev_share(inputs.counties)
    table, belongs = parking_population(inputs.car_parks, rule)
    weighed = table["spaces"].astype("Float64").gt(0).fillna(False).to_numpy(bool)
    table, belongs = table[weighed], belongs[weighed]
    if fleet is None or table.empty:
        return None
    spaces = table["spaces"].to_numpy(float)
    ready = np.minimum(table["ready_spaces"].astype("Float64").fillna(0.0).to_numpy(float), spaces)
    unknown = table["ready_spaces"].isna().to_numpy(bool)
    wanted = spaces * (fleet + (rule.target.value or 0.0))
    certain = belongs.notna().to_numpy(bool)
    groups: list[list[int]] = [
        np.flatnonzero(certain).tolist(),
        *([k] for k in np.flatnonzero(~certain).tolist()),
    ]
    build, ask = world.at("ready_spaces"), world.at("survey")
    rows, need, items = [], [], []
    for group in groups:
        missing = float(wanted[group].sum() - ready[group].sum())
        if missing <= 1e-9:
            continue
        amount = np.zeros(world.n)
        for k in group:
            name = table["id"].iloc[k]
            if name in build:
                amount[build[name]] = float(world.actions["spaces"].iloc[build[name]])
            if unknown[k] and name in ask:
                amount[ask[name]] = spaces[k]
        rows.append(amount)
        need.append(missing)
        items.append({"id": "" if len(group) > 1 else table["id"].iloc[group[0]], "weight": missing})
    total = float(wanted.sum())
    frame = pd.DataFrame(items, columns=["id", "weight"])
    matrix = sparse.csr_array(np.array(rows).reshape(-1, world.n))
    served = max(total - float(sum(need)), 0.0)
    found = _rule_rows(rule, matrix, frame, world, served=served, total=total, need=np.array(need))
    added = np.zeros((len(table), world.n))
    for k, name in enumerate(table["id"]):
        if name in build:
            added[k, build[name]] = float(world.actions["spaces"].iloc[build[name]])
        if unknown[k] and name in ask:
            added[k, ask[name]] = spaces[k]

    def measure(chosen: BoolArray, favourable: bool) -> float | None:
        now = np.minimum(ready + added @ chosen, spaces)
        value = ratio_bounds(now, now, spaces, certain)[1 if favourable else 0]
        return None if value is None else value - fleet

    return replace(found, measure=measure)


# -- roads -----------------------------------------------------------------------------------------------


def _lines(world: World, rule: RouteSpacing | LengthCoverage) -> list[SpacingLine]:
    """Directions of a rule's routes; actions that don't meet its requirement have no place on them."""
    counts = world.adds(rule.site)
    lines = spacing_lines(world.context, rule, world.actions)
    return [replace(line, candidate_m=np.where(counts, line.candidate_m, np.nan)) for line in lines]


def _spacing_rows(world: World, rule: RouteSpacing) -> RuleRows | None:
    """A row for each stretch of the span's length without a site, and one for the average if the rule is on it."""
    lines = _lines(world, rule)
    if not lines:
        return None
    found = _stretch_rows(world, rule, lines, 1.0)
    today = world.context.spacing(rule, rule.network, world.context.status(rule.site) == YES).network
    driven_m, there = float(today["driven_m"]), int(today["direction_sites"])
    amount = directions_served(lines, world.n)

    def measure(chosen: BoolArray, _favourable: bool) -> float | None:
        if rule.statistic == "gap_max":
            return max(longest_own_gap_m(line, chosen) for line in lines) / M_PER_KM
        sites = there + float(amount @ chosen)
        return driven_m / sites / M_PER_KM if sites else np.inf

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


def directions_served(lines: list[SpacingLine], n: int) -> FloatArray:
    """(n,) directions that each action serves inside the region: two, or one; of a shared road once."""
    found: dict[tuple[str, int], FloatArray] = {}
    for line in lines:
        inside = line.own.contains(line.candidate_m).astype(np.float64)
        key = line.key[:2]
        found[key] = found.get(key, np.zeros(n)) + inside
    return np.asarray(np.max([np.zeros(n), *found.values()], axis=0), dtype=np.float64)


def longest_own_gap_m(line: SpacingLine, chosen: BoolArray) -> float:
    """Longest gap of a direction by its own part, with existing sites and the chosen actions."""
    new = line.candidate_m[chosen & ~np.isnan(line.candidate_m)]
    at = np.unique(line.own.at(np.concatenate([line.fixed_m, new])))
    length = line.own.length_m
    if line.own.ring and len(at):
        return float(np.diff(np.append(at, at[0] + length)).max())
    return float(np.diff(np.concatenate([[0.0], at[(at > 0) & (at < length)], [length]])).max())


def _stretch_rows(
    world: World, rule: RouteSpacing | LengthCoverage, lines: list[SpacingLine], share: float
) -> RuleRows:
    """Rows of the stretches without a site; items are the gaps, by their own part, that are too long."""
    covers: list[sparse.csr_array] = []
    items: list[dict[str, Any]] = []
    number: list[IntArray] = []
    for line in lines:
        found = spacing_rows([line], world.n, rule.span_km * M_PER_KM, close_shared=world.close_shared)
        fixed = np.unique(line.own.at(line.fixed_m[line.own.contains(line.fixed_m)]))
        gap = np.searchsorted(fixed, line.own.at(found.stretches["from_m"]) + 5e-4)
        if line.own.ring and len(fixed):
            gap = gap % len(fixed)
        ends = _ends_of_gaps(line, fixed)
        for k in np.unique(gap).tolist():
            low, high = ends[k]
            at = dict(zip(("from_m", "to_m"), line.own.chainage([low, high]), strict=True))
            named = dict(zip(("ref", "section", "direction"), line.key, strict=True))
            number.append(np.flatnonzero(gap == k) + sum(c.shape[1] for c in covers))
            items.append({**named, **at, "weight": high - low})
        covers.append(found.cover)
    cover = sparse.hstack([sparse.csr_array((world.n, 0)), *covers])
    matrix = sparse.csr_array(cover.T.tocsr().astype(np.float64))
    item = np.zeros(matrix.shape[0], dtype=np.int64)
    for k, rows in enumerate(number):
        item[rows] = k
    table = pd.DataFrame(items, columns=["ref", "section", "direction", "from_m", "to_m", "weight"])
    total = float(sum(line.own.length_m for line in lines))
    served = total - float(table["weight"].sum())
    return _rule_rows(rule, matrix, table, world, served=served, total=total, item=item, share=share)


def _ends_of_gaps(line: SpacingLine, fixed: FloatArray) -> list[tuple[float, float]]:
    """Own positions of the ends of each gap between existing sites; on a ring the first is the one over the seam."""
    length = line.own.length_m
    if line.own.ring and len(fixed):
        return [(float(fixed[-1]), float(fixed[0]) + length), *zip(fixed[:-1], fixed[1:], strict=True)]
    return list(zip([0.0, *fixed], [*fixed, length], strict=True))


def _coverage_rows(world: World, rule: LengthCoverage) -> RuleRows | None:
    """Rows of the pieces that don't pass, by the rule's reading; see :mod:`.edge_cover`."""
    share = rule.target.share_min or 1.0
    if rule.reading == "route":
        lines = _lines(world, rule)
        return _stretch_rows(world, rule, lines, share) if lines else None
    failing, total_m, served_m = _failing_pieces(world, rule)
    if not total_m > 0:
        return None
    cover, piece = edge_rows(failing.table, rule.span_max_km * M_PER_KM)
    items = failing.items
    return _rule_rows(rule, cover, items, world, served=served_m, total=total_m, item=piece, share=share)


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


# -- demand ----------------------------------------------------------------------------------------------


def _demand_rows(world: World, rule: DemandReach) -> RuleRows | None:
    """A row for each place whose people have no site within reach."""
    reach = demand_reach(world, rule)
    if not reach.weight.sum() > 0:
        return None
    lacking = np.flatnonzero(~reach.reached)
    items = reach.demand.iloc[lacking].assign(weight=reach.weight[lacking])
    return _rule_rows(
        rule,
        sparse.csr_array(reach.matrix[lacking]),
        items,
        world,
        served=float(reach.weight[reach.reached].sum()),
        total=float(reach.weight.sum()),
        share=rule.target.share_min or 1.0,
    )


@dataclass(frozen=True, eq=False)
class DemandReached:
    """Demand within reach of a qualifying site: today, and by each action.

    Attributes
    ----------
    demand : DataFrame
        ``id, name, county``.
    weight : (m,) float64
    reached : (m,) bool
        By a site that surely qualifies.
    matrix : (m, n) csr_array
        Actions and events that bring each demand within reach.
    """

    demand: pd.DataFrame
    weight: FloatArray
    reached: BoolArray
    matrix: sparse.csr_array


def demand_reach(
    world: World,
    rule: DemandReach | None = None,
    *,
    site: SiteRequirement | None = None,
    reach_km: float = 10.0,
    weight: str = "weight",
) -> DemandReached:
    """Who is reached today and by which action, by driving distance.

    Parameters
    ----------
    world : World
    rule : DemandReach, optional
        Says what counts and how far; else ``site`` and ``reach_km`` do.
    weight : str
        ``"weight"`` (people), ``"flow"`` or another amount of the demand.
    """
    if rule is not None:
        site, reach_km = rule.site, rule.reach_km or reach_km
    site = site or SiteRequirement()
    counts = np.flatnonzero(world.gives(site))
    frame = world.actions.iloc[counts][["id", "name", "cost", "geometry"]].assign(excluded=None)
    places = find_sites(world.context.inputs, frame, site)
    demand = people_demand(world.context.inputs, weight)
    within = measure(world.context.graph, demand, places, reach_km).within(reach_km)
    old = len(places.fixed)
    reached = np.asarray(within[:old].sum(axis=0)).ravel() > 0
    by_action = sparse.csr_array(within[old:].T.tocsr().astype(np.float64))
    spread = sparse.csr_array(
        (np.ones(len(counts)), (np.arange(len(counts)), counts)), shape=(len(counts), world.n)
    )
    table = pd.DataFrame(demand[["id", "name", "county"]])
    return DemandReached(
        table, demand["weight"].to_numpy(np.float64), reached, sparse.csr_array(by_action @ spread)
    )


MAKERS: Mapping[type, Callable[[World, Any], RuleRows | None]] = {
    FacilityShare: _facility_rows,
    BerthShare: _berth_rows,
    ShareMargin: _car_park_rows,
    RouteSpacing: _spacing_rows,
    LengthCoverage: _coverage_rows,
    DemandReach: _demand_rows,
    CallShare: lambda _world, _rule: None,
}
"""How each kind of rule becomes rows."""
