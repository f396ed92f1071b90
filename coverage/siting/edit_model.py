"""What a page needs to recount a plan while it is changed by hand: sites on roads, distances, demand, rows, costs.

A **place** is a charging site that is there or one that an action would build; the places of today come first, in the
order of ``Inputs.sites``. Whether a place counts for a requirement follows from its status today and from the actions
at it. Positions are metres, unrounded but for a hundredth of a millimetre; the page compares them to the millimetre.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import NetworkError
from ..inputs import Inputs
from ..inputs.sites import count_points
from ..network.graph import IntArray
from ..rules.assessment import Assessment
from ..rules.berths import BerthShare, berth_membership
from ..rules.calls import CallShare, call_facts, calls_inside
from ..rules.costs import CostTable
from ..rules.facilities import (
    FacilityShare,
    chargers_at,
    counted_facilities,
    surveyed_status,
)
from ..rules.finding import NO, UNKNOWN, YES, Finding, three_valued
from ..rules.length import LengthCoverage
from ..rules.model import Rule, SiteRequirement
from ..rules.parking import ShareMargin, ev_share, parking_population
from ..rules.photovoltaics import PvPotential, pv_served, pv_table
from ..rules.reach import DemandReach
from ..rules.spacing import RouteSpacing
from ..units import M_PER_KM, lonlat
from .actions import EVENTS, Equipment
from .edit_roads import Packed, RoadPacker
from .programme import Programme
from .rows import packed_rows
from .world import World


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
    roads = packer.roads
    rules = [packer.rule(rule, before[rule.id], at) for rule in programme.world.policy.rules]
    by_id = {rule["id"]: rule for rule in rules}
    site, *within = programme.people_reach
    people = roads.reach(*within)
    number = packer.number(site)
    on_roads = any(net["drives"] for net in roads.nets) and roads.few_enough()
    own = packer.own(programme.costs) if on_roads else None
    try:
        lines = roads.along(own=own is not None)
    except NetworkError:  # so many people by so many roads that the page would not hold them
        own, lines = None, roads.along(own=False)
    packer.beside_roads(own=own is not None)
    demand = programme.people.demand["id"].astype(str).to_numpy(object)
    years = programme.stages
    return {
        "places": {"sites": roads.n_sites, "n": roads.n_sites + len(roads.built)},
        "sites": _site_list(programme.world.context.inputs),
        "actions": packer.action_list(programme),
        "rules": rules,
        "requirements": [packer.requirement(site) for site in packer.asked],
        "own": own,
        "lines": lines,
        "nets": roads.nets,
        "edges": roads.edges,
        "reaches": roads.reaches,
        "people": {
            "reach": people,
            "requirement": number,
            "weight": dict(zip(demand, programme.people.weight.tolist(), strict=True)),
            "total": programme.people_total,
        },
        "rows": [
            packed | {"laid": roads.laid(rows, by_id[rows.rule])}
            for packed, rows in zip(packed_rows(programme.rules), programme.rules, strict=True)
        ],
        "years": [] if years is None else years.years.tolist(),
        "money": [] if years is None else np.diff(years.money, prepend=0.0).tolist(),
        "budget": programme.budget,
    }


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
    """Packs the rules, and collects what several of them need."""

    world: World
    asked: list[SiteRequirement] = field(default_factory=list)

    asked_at: list[tuple[FacilityShare, Packed]] = field(default_factory=list)

    @cached_property
    def roads(self) -> RoadPacker:
        return RoadPacker(self.world)

    @cached_property
    def place_of_action(self) -> IntArray:
        """(n,) place that each action builds or changes; -1 for berths, car parks and surveys."""
        actions, sites = self.world.actions, self.world.context.inputs.sites
        at = {str(name): k for k, name in enumerate(sites["id"])}
        found = np.full(self.world.n, -1, dtype=np.int64)
        here = (actions["place"] == "site") & (actions["kind"] != "survey")
        found[here] = [at[str(name)] for name in actions.loc[here, "target"]]
        found[self.roads.built] = self.roads.n_sites + np.arange(len(self.roads.built))
        return found

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

    def own(self, costs: CostTable) -> Packed | None:
        """What a new site at a place of one's own costs and meets; None if it builds none, or of several sizes."""
        kinds = self.world.actions["kind"]
        some = np.flatnonzero(kinds == "new_site")
        built = Equipment.of(self.world.policy).site
        points = float(built.points)
        # Where traffic decides how many points a site has, the page can't know its cost at any metre.
        if not len(some) or (self.world.actions["points"].iloc[some].astype(float) != points).any():
            return None
        return {
            "cost": float(costs.new_site.of("route_point", points, points * (built.point_kw or 0.0), 0.0)),
            "adds": [bool(self.world.gives(site)[some[0]]) for site in self.asked],
        }

    def beside_roads(self, *, own: bool) -> None:
        """Where along the roads a new site would belong to a facility and give what its rule asks for."""
        new = np.flatnonzero(self.world.actions["kind"] == "new_site")
        for rule, found in self.asked_at:
            found["along"] = []
            if own and self.world.gives(rule.site)[new[0]]:
                found["along"] = self.roads.beside(rule)

    def action_list(self, programme: Programme) -> Packed:
        table, required = programme.actions, programme.required
        points = np.round(lonlat(table.geometry), 6)
        if programme.given:  # what a scenario alone has decided may be changed again
            free = (table["reason"] == "forbidden") & (table["pin"] != "forbid")
            table = table.assign(reason=table["reason"].mask(free, None))
            required = (table["pin"] == "require").to_numpy(bool)
        return {
            **{name: _texts(table[name]) for name in ("id", "kind", "place", "name", "county", "reason")},
            "target": _texts(table["target"]),
            "cost": table["cost"].astype(float).tolist(),
            "first": [None if pd.isna(x) else int(x) for x in table["year"]],
            "year": [None if pd.isna(x) else int(x) for x in table["stage_year"]],
            "chosen": [bool(x) for x in table["chosen"]],
            "event": [kind in EVENTS for kind in table["kind"]],
            "pinned": [bool(x) for x in required],
            "own": [None] * len(table),
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
        if isinstance(rule, RouteSpacing | LengthCoverage):
            return self._on_roads(rule)
        if isinstance(rule, FacilityShare) and rule.charging_spaces_min is None:
            if rule.site.of_whole_site or rule.site.public_only:
                return None
            found = self._facilities(rule)
            self.asked_at.append((rule, found))
            return {"how": "facilities", "pairs": rule.unit == "pair", "of": found}
        if isinstance(rule, BerthShare):
            return {"how": "berths", "of": self._berths(rule)}
        if isinstance(rule, CallShare):
            inputs = self.world.context.inputs
            return {"how": "calls", "of": call_facts(calls_inside(inputs.calls, inputs.berths), rule),
                    "berths": self._shore_power()}  # fmt: skip
        if isinstance(rule, ShareMargin):
            return self._parking(rule)
        if isinstance(rule, PvPotential):
            return {"how": "facilities", "pairs": False, "of": self._photovoltaics(rule)}
        if isinstance(rule, DemandReach):
            reach = self.roads.reach(rule.reach_km, rule.reach_min)
            return {"how": "reach", "reach": reach, "requirement": self.number(rule.site)}
        return None

    def _on_roads(self, rule: RouteSpacing | LengthCoverage) -> Packed:
        found: Packed = {
            "requirement": self.number(rule.site),
            "net": self.roads.net(rule),
            "outside": rule.counts_outside,
            "span_m": rule.span_km * M_PER_KM,
            "limits_m": [x * M_PER_KM for x in rule.limits_km],
        }
        if isinstance(rule, RouteSpacing):
            return found | {"how": "spacing", "longest": rule.of_longest_gap}
        if rule.reading == "route":
            return found | {"how": "route"}
        return found | {"how": rule.reading, "edge": self.roads.edge(rule)}

    def _facilities(self, rule: FacilityShare) -> Packed:
        """Each facility that counts: its own survey, the sites at it, the actions that serve it."""
        inputs = self.world.context.inputs
        table = counted_facilities(inputs.facilities, rule)
        gives, may = self.world.gives(rule.site), self.world.may_give(rule.site)
        at, which = chargers_at(inputs.facilities, self.world.chargers, rule)
        action = self.world.chargers["action"].to_numpy(np.int64)[which]
        serving: list[set[int]] = [set() for _ in range(len(table))]
        perhaps: list[set[int]] = [set() for _ in range(len(table))]
        survey = (self.world.actions["kind"] == "survey").to_numpy(bool)
        for k, j in zip(at.tolist(), action.tolist(), strict=True):
            if gives[j] and not survey[j]:
                serving[k].add(j)
            elif may[j]:
                perhaps[k].add(j)
        pair = table["pair"].fillna(table["name"]).fillna(table["id"])
        return {
            "pair": pair.astype(str).tolist(),
            **self._points_at(table, rule),
            "serving": [sorted(found) for found in serving],
            "perhaps": [sorted(found) for found in perhaps],
        }

    def _photovoltaics(self, rule: PvPotential) -> Packed:
        """Each place that counts: what is there today, and the actions at it or beside it."""
        table = pv_table(self.world.context.inputs.facilities, rule)
        table = table[table["has"].notna()].reset_index(drop=True)
        builds = self.world.at("photovoltaics")
        own = [{builds[name]} if name in builds else set() for name in table["id"]]
        none: list[list[int]] = [[] for _ in own]
        return {
            "states": [[status] for status in status_numbers(table["has"])],
            **dict.fromkeys(("sites", "least", "most"), none),
            "serving": pv_served(table, rule, own),
            "perhaps": none,
            "along": [],
        }

    def _points_at(self, table: gpd.GeoDataFrame, rule: FacilityShare) -> Packed:
        """The sites at each facility with the points that count at least and at most, so that any may be switched off.

        ``states`` are a facility's status if none is listed there, and if what is listed is too little, may be enough,
        and is enough. Of points no more are told than are asked for.
        """
        inputs, site = self.world.context.inputs, rule.site
        position = {str(name): k for k, name in enumerate(inputs.sites["id"])}
        at, which = chargers_at(inputs.facilities, inputs.chargers, rule)
        mine = inputs.chargers.iloc[which]
        least, most = count_points(mine, site.dc_min_kw, serves=site.serves)
        points = pd.DataFrame({"at": at, "site": mine["site"].astype(str).map(position).to_numpy(),
                               "least": np.minimum(least, site.min_points),
                               "most": np.minimum(most, site.min_points)})  # fmt: skip
        sums = points.groupby(["at", "site"], sort=True).sum().reset_index()
        first = np.searchsorted(sums["at"], np.arange(len(table) + 1))
        by_facility = [sums[a:b] for a, b in zip(first[:-1], first[1:], strict=True)]
        states = [
            status_numbers(surveyed_status(table, pd.Series(found, index=table.index), site))
            for found in ("", NO, UNKNOWN, YES)
        ]
        return {
            "min": site.min_points,
            "states": np.array(states).T.tolist(),
            "sites": [rows["site"].astype(int).tolist() for rows in by_facility],
            "least": [rows["least"].tolist() for rows in by_facility],
            "most": [rows["most"].tolist() for rows in by_facility],
        }

    def _shore_power(self) -> Packed:
        """All berths: shore power today, and the actions that build it or ask for it."""
        berths = self.world.context.inputs.berths
        build = self.world.at("shore_power")
        return {
            "id": _texts(berths["id"]),
            "has": status_numbers(three_valued(berths["shore_power"])),
            "build": [build.get(name, -1) for name in berths["id"]],
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
            "certain": [bool(certain[k]) for k in rows],
        }

    def _parking(self, rule: ShareMargin) -> Packed | None:
        inputs = self.world.context.inputs
        fleet = ev_share(inputs.own_counties)
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
            "fleet": [int(inputs.own_counties[name].sum()) for name in ("registered_ev", "registered_cars")],
            "spaces": spaces.tolist(),
            "ready": [None if pd.isna(x) else float(x) for x in ready],
            "certain": [bool(x) for x in belongs.notna()],
            "build": [build.get(name, -1) for name in table["id"]],
            "adds": [
                0.0 if name not in build else float(self.world.actions["spaces"].iloc[build[name]])
                for name in table["id"]
            ],
        }
