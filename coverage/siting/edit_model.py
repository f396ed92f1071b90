"""What a page needs to recount a plan while it is changed by hand: sites on roads, distances, demand, rows, costs.

A **place** is a charging site that is there or one that an action would build; the places of today come first, in the
order of ``Inputs.sites``. Whether a place counts for a requirement follows from its status today and from the actions
at it. Positions are metres, unrounded but for a hundredth of a millimetre; the page compares them to the millimetre.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..inputs import Inputs
from ..measure.spacing import sites_inside
from ..measure.spacing_gaps import Driven, driven_once_m, drives_with_sites
from ..network.access import find_served
from ..network.distances import Snapper
from ..network.graph import BoolArray, IntArray
from ..network.snapping import Snapped, join_snapped
from ..rules.assessment import Assessment
from ..rules.berths import BerthShare, berth_membership
from ..rules.calls import CallShare, call_facts
from ..rules.covered_rows import join_roads
from ..rules.facilities import (
    FacilityShare,
    assign_chargers,
    counted_facilities,
    facility_status,
    qualified,
    surveyed_status,
)
from ..rules.finding import UNKNOWN, YES, Finding, three_valued
from ..rules.length import LengthCoverage, coverage_pieces, sites_on_pieces
from ..rules.model import Rule, SiteRequirement
from ..rules.parking import ShareMargin, ev_share, parking_population
from ..rules.reach import DemandReach, reach_cost
from ..rules.roads import RouteRule
from ..rules.spacing import RouteSpacing
from ..units import M_PER_KM, lonlat
from .actions import EVENTS, STATIONS
from .planning.reach import Places, measure
from .programme import Programme
from .rows import packed_rows
from .world import World

BUILT = ("new_site", "high_power", *STATIONS)
"""Kinds of actions that make a site of their own; all others change what is there."""
METRE_DIGITS = 5
MOST_SITES = 4
"""Up to so many charging sites at one facility are told apart when they are switched off one by one."""
Packed = dict[str, Any]


def status_numbers(status: npt.ArrayLike) -> list[int]:
    """``no``, ``unknown``, ``yes`` as 0, 1, 2."""
    found = np.asarray(status, dtype=object)
    return [int(x) for x in np.select([found == YES, found == UNKNOWN], [2, 1], 0)]


def edit_model(programme: Programme, before: Assessment, at: dt.date | None) -> Packed:
    """Everything that a page needs to recount the plan; see the module.

    Parameters
    ----------
    programme : Programme
        With its world.
    before : Assessment
        Today's state: rules that nothing in the page changes keep its values.
    at : date, optional
        Day at which rules are judged: the end of the plan's last year.

    Returns
    -------
    dict
        Lists and numbers as JSON has them: ``places, actions, requirements, nets, edges, reaches, rules, people, rows,
        years, money``.
    """
    packer = _Packer(programme.world)
    rules = [packer.rule(rule, before[rule.id], at) for rule in programme.world.policy.rules]
    people = packer.reach(*programme.people_reach)
    demand = programme.people.demand["id"].astype(str).to_numpy(object)
    years = programme.stages
    return {
        "places": {"sites": packer.n_sites, "n": packer.n_sites + len(packer.built)},
        "sites": _site_list(programme.world.context.inputs),
        "actions": packer.action_list(programme),
        "rules": rules,
        "requirements": [packer.requirement(site) for site in packer.asked],
        "nets": packer.nets,
        "edges": packer.edges,
        "reaches": packer.reaches,
        "people": {
            "reach": people,
            "requirement": packer.number(programme.people_reach[0]),
            "weight": dict(zip(demand, programme.people.weight.tolist(), strict=True)),
            "total": programme.people_total,
        },
        "rows": packed_rows(programme.rules),
        "years": [] if years is None else years.years.tolist(),
        "money": [] if years is None else np.diff(years.money, prepend=0.0).tolist(),
        "budget": programme.budget,
        "currency": programme.costs.currency,
    }


def _metres(values: npt.ArrayLike) -> list[float]:
    return [float(x) for x in np.round(np.asarray(values, dtype=np.float64), METRE_DIGITS)]


def _texts(column: pd.Series) -> list[str | None]:
    return [None if pd.isna(x) else str(x) for x in column]


def _site_list(inputs: Inputs) -> Packed:
    """Charging sites of today; those inside can be switched off."""
    sites = inputs.sites
    points = lonlat(sites.geometry)
    return {
        "id": _texts(sites["id"]),
        "name": _texts(sites["name"]),
        "county": _texts(sites["county"]),
        "free": [bool(x) for x in sites["inside"].astype(bool) & (sites["kind"] == "charging")],
        "inside": [bool(x) for x in sites["inside"].astype(bool)],
        "lonlat": np.round(points, 6).tolist(),
    }


@dataclass(eq=False)
class _Packer:
    """Collects what several rules need: requirements, networks of drives, road graphs, distances of demand."""

    world: World
    asked: list[SiteRequirement] = field(default_factory=list)
    nets: list[Packed] = field(default_factory=list)
    edges: list[Packed] = field(default_factory=list)
    reaches: list[Packed] = field(default_factory=list)
    _known: dict[Any, int] = field(default_factory=dict)

    @cached_property
    def n_sites(self) -> int:
        return len(self.world.context.inputs.sites)

    @cached_property
    def built(self) -> IntArray:
        """Positions of the actions that make a site of their own, in the order of their places."""
        return np.flatnonzero(self.world.actions["kind"].isin(BUILT))

    @cached_property
    def place_of_action(self) -> IntArray:
        """(n,) place that each action builds or changes; -1 for berths, car parks and surveys."""
        actions, sites = self.world.actions, self.world.context.inputs.sites
        at = {str(name): k for k, name in enumerate(sites["id"])}
        found = np.full(self.world.n, -1, dtype=np.int64)
        here = (actions["place"] == "site") & (actions["kind"] != "survey")
        found[here] = [at[str(name)] for name in actions.loc[here, "target"]]
        found[self.built] = self.n_sites + np.arange(len(self.built))
        return found

    @cached_property
    def snapped(self) -> Snapped:
        """All places on the roads."""
        context = self.world.context
        new = context.snapper.snap(lonlat(self.world.actions.geometry.iloc[self.built]))
        return join_snapped(context.snapped, new)

    def number(self, site: SiteRequirement) -> int:
        if site not in self.asked:
            self.asked.append(site)
        return self.asked.index(site)

    def requirement(self, site: SiteRequirement) -> Packed:
        """Status of each site today, and the actions with which a place surely meets the requirement."""
        adds = self.world.adds(site) & (self.place_of_action >= 0)
        return {
            "status": status_numbers(self.world.context.status(site)),
            "adds": np.flatnonzero(adds).tolist(),
            "may": np.flatnonzero(self.world.may_give(site) & (self.place_of_action >= 0)).tolist(),
        }

    def action_list(self, programme: Programme) -> Packed:
        table = programme.actions
        points = np.round(lonlat(table.geometry), 6)
        return {
            **{name: _texts(table[name]) for name in ("id", "kind", "place", "name", "county", "reason")},
            "target": _texts(table["target"]),
            "cost": table["cost"].astype(float).tolist(),
            "first": [None if pd.isna(x) else int(x) for x in table["year"]],
            "year": [None if pd.isna(x) else int(x) for x in table["stage_year"]],
            "chosen": [bool(x) for x in table["chosen"]],
            "event": [kind in EVENTS for kind in table["kind"]],
            "pinned": [bool(x) for x in programme.required],
            "at": self.place_of_action.tolist(),
            "lonlat": [[None, None] if np.isnan(x).any() else x.tolist() for x in points],
        }

    # -- rules -------------------------------------------------------------------------------------------

    def rule(self, rule: Rule, finding: Finding, at: dt.date | None) -> Packed:
        """A rule with what its value is made of; ``how`` is ``"today"`` if the page can't recount it."""
        found: Packed = {
            "id": rule.id,
            "unit": finding.unit,
            "target": rule.target.value,
            "at_most": bool(rule.target.at_most),
            "early": at is not None and rule.by is not None and rule.by > at,
            "by": None if rule.by is None else rule.by.year,
        }
        return found | (self._how(rule) or {"how": "today", "low": finding.low, "high": finding.high})

    def _how(self, rule: Rule) -> Packed | None:
        if isinstance(rule, RouteSpacing) or (isinstance(rule, LengthCoverage) and rule.reading == "edge"):
            return self._on_roads(rule)
        if isinstance(rule, FacilityShare) and rule.charging_spaces_min is None:
            return {"how": "facilities", "pairs": rule.unit == "pair", "of": self._facilities(rule)}
        if isinstance(rule, BerthShare):
            return {"how": "berths", "of": self._berths(rule)}
        if isinstance(rule, CallShare):
            return {"how": "calls", "of": call_facts(self.world.context.inputs.calls, rule),
                    "berths": self._shore_power()}  # fmt: skip
        if isinstance(rule, ShareMargin):
            return self._parking(rule)
        if isinstance(rule, DemandReach):
            reach = self.reach(rule.site, rule.reach_km, rule.reach_min)
            return {"how": "reach", "reach": reach, "requirement": self.number(rule.site)}
        return None

    def _on_roads(self, rule: RouteSpacing | LengthCoverage) -> Packed:
        found: Packed = {
            "requirement": self.number(rule.site),
            "net": self.net(rule),
            "outside": rule.counts_outside,
            "span_m": rule.span_km * M_PER_KM,
            "limits_m": [x * M_PER_KM for x in rule.limits_km],
        }
        if isinstance(rule, RouteSpacing):
            return found | {"how": "spacing", "longest": rule.of_longest_gap}
        return found | {"how": "edge", "edge": self.edge(rule)}

    def _facilities(self, rule: FacilityShare) -> Packed:
        """Each facility that counts: its own survey, the sites at it, the actions that serve it."""
        inputs = self.world.context.inputs
        table = counted_facilities(inputs.facilities, rule)
        surveys = self.world.at("survey")
        gives, may = self.world.gives(rule.site), self.world.may_give(rule.site)
        at, which = assign_chargers(table, self.world.chargers, rule.site)
        action = self.world.chargers["action"].to_numpy(np.int64)[which]
        serving: list[set[int]] = [set() for _ in range(len(table))]
        perhaps: list[set[int]] = [set() for _ in range(len(table))]
        for k, j in zip(at.tolist(), action.tolist(), strict=True):
            if gives[j] and self.world.actions["kind"].iloc[j] != "survey":
                serving[k].add(j)
            elif may[j]:
                perhaps[k].add(j)
        has, _ = facility_status(table, inputs.chargers, rule.site)
        states = self._states(table, rule, has)
        pair = table["pair"].fillna(table["name"]).fillna(table["id"])
        points = lonlat(table.geometry)
        return {
            **{name: _texts(table[name]) for name in ("id", "name", "side", "ref")},
            "pair": pair.astype(str).tolist(),
            "sites": [sites for sites, _ in states],
            "states": [status for _, status in states],
            "serving": [sorted(found) for found in serving],
            "perhaps": [sorted(found) for found in perhaps],
            "survey": [surveys.get(name, -1) for name in table["id"]],
            "lonlat": np.round(points, 6).tolist(),
        }

    def _states(
        self, table: gpd.GeoDataFrame, rule: FacilityShare, has: pd.Series
    ) -> list[tuple[list[int], list[int]]]:
        """Sites at each facility, and its status for each set of them that is switched on (bit by bit)."""
        inputs = self.world.context.inputs
        position = {str(name): k for k, name in enumerate(inputs.sites["id"])}
        at, which = assign_chargers(table, inputs.chargers, rule.site)
        found: list[tuple[list[int], list[int]]] = []
        for k in range(len(table)):
            mine = inputs.chargers.iloc[which[at == k]]
            names = [name for name in dict.fromkeys(mine["site"].astype(str)) if name in position]
            if len(names) > MOST_SITES or not names:
                found.append(([], status_numbers([has.iloc[k]])))
                continue
            status = []
            for mask in range(1 << len(names)):
                on = {name for b, name in enumerate(names) if mask >> b & 1}
                some = mine[mine["site"].astype(str).isin(on)]
                one = table.iloc[[k]]
                listed = pd.Series(qualified(some, rule.site) if len(some) else "", index=one.index)
                status.append(surveyed_status(one, listed, rule.site).iloc[0])
            found.append(([position[name] for name in names], status_numbers(status)))
        return found

    def _shore_power(self) -> Packed:
        """All berths: shore power today, and the actions that build it or ask for it."""
        berths = self.world.context.inputs.berths
        build, ask = self.world.at("shore_power"), self.world.at("survey")
        return {
            "id": _texts(berths["id"]),
            "has": status_numbers(three_valued(berths["shore_power"])),
            "build": [build.get(name, -1) for name in berths["id"]],
            "ask": [ask.get(name, -1) for name in berths["id"]],
        }

    def _berths(self, rule: BerthShare) -> Packed:
        berths = self.world.context.inputs.berths
        counts = berth_membership(berths, rule.berth)
        mine = ((counts != "no") & berths["inside"].astype(bool)).to_numpy(bool)
        every = self._shore_power()
        certain = (counts == YES).to_numpy(bool)
        rows = np.flatnonzero(mine).tolist()
        some = {name: [values[k] for k in rows] for name, values in every.items()}
        return {
            **some,
            "name": [_texts(berths["name"])[k] for k in rows],
            "certain": [bool(certain[k]) for k in rows],
        }

    def _parking(self, rule: ShareMargin) -> Packed | None:
        inputs = self.world.context.inputs
        fleet = ev_share(inputs.counties)
        table, belongs = parking_population(inputs.car_parks, rule)
        weighed = table["spaces"].astype("Float64").gt(0).fillna(False).to_numpy(bool)
        table, belongs = table[weighed], belongs[weighed]
        if fleet is None or table.empty:
            return None
        build = self.world.at("ready_spaces")
        spaces = table["spaces"].astype(float)
        ready = table["ready_spaces"].astype("Float64")
        return {
            "how": "parking",
            "fleet": fleet,
            "spaces": spaces.tolist(),
            "ready": [None if pd.isna(x) else float(x) for x in ready],
            "certain": [bool(x) for x in belongs.notna()],
            "build": [build.get(name, -1) for name in table["id"]],
            "adds": [
                0.0 if name not in build else float(self.world.actions["spaces"].iloc[build[name]])
                for name in table["id"]
            ],
        }

    # -- what several rules share ------------------------------------------------------------------------

    def _served(self, network: str, access_km: float) -> pd.DataFrame:
        """Which place serves which direction of a class of roads."""
        context, key = self.world.context, ("served", network, access_km)
        if key not in self._tables:
            routes = context.of_class(network)
            old = context.access(access_km).served
            old = old[old["ref"].isin({route.ref for route in routes})]
            points = lonlat(self.world.actions.geometry.iloc[self.built])
            new = find_served(
                context.index, routes, self.snapped.take(self.n_sites + np.arange(len(self.built))), points,
                access_m=access_km * M_PER_KM, snapper=context.snapper,
            )  # fmt: skip
            self._tables[key] = pd.concat(
                [old, new.assign(site=new["site"] + self.n_sites)], ignore_index=True
            )
        return self._tables[key]

    @cached_property
    def _tables(self) -> dict[Any, pd.DataFrame]:
        return {}

    def net(self, rule: RouteRule) -> int:
        """Number of the drives of a class of roads with all places on them."""
        key = ("net", rule.network, rule.site.access_km)
        if key not in self._known:
            context = self.world.context
            routes = context.of_class(rule.network)
            table = self._served(rule.network, rule.site.access_km)
            driven = drives_with_sites(routes, table, context.ends, context.pieces)
            inside = sites_inside(driven)
            within = set(inside.itertuples(index=False, name=None))
            knots = {(r.ref, s.number): s.knots_m[::-1] for r in routes for s in r.sections}
            self._known[key] = len(self.nets)
            self.nets.append(
                {
                    "driven_m": driven_once_m(driven),
                    "drives": [_drive(d, within, knots[d.ref, d.section]) for d in driven],
                }
            )
        return self._known[key]

    def edge(self, rule: LengthCoverage) -> int:
        """Number of the road graph on which a rule's covered length is measured."""
        key = ("edge", rule.network, rule.site.access_km)
        if key not in self._known:
            serving = np.unique(self._served(rule.network, rule.site.access_km)["site"].to_numpy(np.int64))
            self._known[key] = len(self.edges)
            self.edges.append(self._road_graph(rule.network, serving))
        return self._known[key]

    def _road_graph(self, network: str, serving: IntArray) -> Packed:
        """Roads joined between places and the ends of the pieces that count."""
        context = self.world.context
        places = self.snapped.take(serving)
        base = coverage_pieces(context, network, self.snapped.take(serving[:0]))
        full = coverage_pieces(context, network, places)
        first, k = context.graph.n_nodes, len(serving)
        at = np.flatnonzero(base.weight_m > 0)
        ends = [np.where(end < first, end, end + k)[at] for end in (base.a, base.b)]
        keep: BoolArray = np.zeros(full.n_nodes, np.bool_)
        keep[first : first + k] = True
        keep[np.concatenate(ends)] = True
        joined = join_roads(full.a, full.b, full.length_m, keep)
        kept = np.unique(np.concatenate([joined.u, joined.v, np.flatnonzero(keep)]))
        number = np.full(full.n_nodes, -1, dtype=np.int64)
        number[kept] = np.arange(len(kept))
        piece, place, on_m = sites_on_pieces(base, at, places)
        return {
            "nodes": len(kept),
            "u": number[joined.u].tolist(),
            "v": number[joined.v].tolist(),
            "m": _metres(joined.length_m),
            "place": serving.tolist(),
            "node": number[first : first + k].tolist(),
            "piece_u": number[ends[0]].tolist(),
            "piece_v": number[ends[1]].tolist(),
            "piece_m": _metres(base.length_m[at]),
            "weight_m": _metres(base.weight_m[at]),
            "on": {"piece": piece.tolist(), "place": serving[place].tolist(), "m": _metres(on_m)},
        }

    def reach(self, site: SiteRequirement, reach_km: float | None, reach_min: float | None) -> int:
        """Number of the list of demand with the places within a driving distance or time."""
        key = ("reach", reach_km, reach_min)
        if key not in self._known:
            self.number(site)
            self._known[key] = len(self.reaches)
            self.reaches.append(self._demand(reach_km, reach_min))
        return self._known[key]

    def _demand(self, reach_km: float | None, reach_min: float | None) -> Packed:
        world = self.world
        inputs, graph = world.context.inputs, world.context.graph
        demand = inputs.demand[inputs.demand["inside"].astype(bool)].reset_index(drop=True)
        points = pd.concat(
            [inputs.sites.geometry, world.actions.geometry.iloc[self.built]], ignore_index=True
        )
        table = gpd.GeoDataFrame(geometry=gpd.GeoSeries(points, crs=inputs.sites.crs))
        cost, limit = reach_cost(graph, reach_km, reach_min)
        limit_km = limit / M_PER_KM
        within = measure(graph, demand, Places(table, table), limit_km, cost).within(limit_km).tocsc()
        lost = ~Snapper(graph).snap(lonlat(demand.geometry)).found
        return {
            "id": _texts(demand["id"]),
            "county": demand["county"].fillna("").astype(str).tolist(),
            "weight": demand["weight"].astype(float).fillna(0.0).tolist(),
            "lost": [bool(x) for x in lost],
            "start": within.indptr.tolist(),
            "place": within.indices.tolist(),
        }


def _drive(d: Driven, within: set[tuple[Any, ...]], knots: Any) -> Packed:
    """One direction of a section with everything that its gaps depend on."""
    key = (d.ref, d.section, d.drive.direction)
    return {
        "ref": d.ref,
        "section": d.section,
        "direction": d.drive.direction,
        "ring": d.drive.ring,
        "ends": _metres([d.drive.start_m, d.drive.end_m]),
        "open": [bool(d.ends.low), bool(d.ends.high)],
        "own": _metres(d.own.stretches.ravel()),
        "pieces": _metres(_merged_pieces(d).ravel()),
        "site": d.site.tolist(),
        "at": _metres(d.site_m),
        "inside": [int((*key, site) in within) for site in d.site.tolist()],
        "other": [_metres(axis) for axis in knots] if d.drive.direction == "backward" else [],
    }


def _merged_pieces(d: Driven) -> npt.NDArray[np.float64]:
    """(p, 3) chainage from, to, and the length that the stretch adds to its route; neighbours alike are one."""
    if not len(d.pieces):
        return np.empty((0, 3))
    low, high, per_m = d.pieces[:, 0], d.pieces[:, 1], d.counted_per_m
    new = np.ones(len(low), np.bool_)
    new[1:] = (np.abs(low[1:] - high[:-1]) > 1e-6) | (np.abs(np.diff(per_m)) > 1e-9)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(low)) - 1
    counted = np.add.reduceat((high - low) * per_m, first)
    return np.stack([low[first], high[last], counted], axis=1)
