"""What the rows of rules are made from: the state today and the actions, and who is reached by which of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..inputs import qualify
from ..network.distances import snap
from ..rules.finding import UNKNOWN, YES, site_status
from ..rules.kind import kind_of
from ..rules.model import SiteRequirement
from ..rules.policy import Policy
from ..rules.reach import reach_cost
from ..rules.roads import RoadContext, RouteRule
from ..rules.rows import DemandReached, RuleRows
from ..units import M_PER_KM, lonlat
from .actions import action_chargers
from .maxcover.problem import BoolArray, IntArray
from .planning.reach import find_sites, highway_demand, measure, people_demand


@dataclass(frozen=True, eq=False)
class World:
    """What rows are made from: the state today and the actions, with what several rules need of them.

    Attributes
    ----------
    context : RoadContext
    policy : Policy
    actions : GeoDataFrame
    close_shared : bool
        Gaps that are shared with a neighbour are asked for, too.
    favourable : bool
        Actions after which nobody knows whether their site meets a requirement count, too: a planned site without a
        power that is put into service; so do sites outside the region of which nobody knows it, which no survey of the
        plan asks. A plan can't rely on them; the upper end of what it reaches can.
    """

    context: RoadContext
    policy: Policy
    actions: gpd.GeoDataFrame
    close_shared: bool = False
    favourable: bool = False

    @property
    def n(self) -> int:
        """Number of actions and events."""
        return len(self.actions)

    @cached_property
    def things(self) -> IntArray:
        """(n,) number of what each action is at: those of one site, facility, berth or car park share it."""
        at = self.actions["place"].astype(str) + " " + self.actions["target"].astype(str)
        return np.asarray(pd.factorize(at)[0], dtype=np.int64)

    @cached_property
    def chargers(self) -> gpd.GeoDataFrame:
        """Chargers at each action's site once it is carried out; column ``action`` holds its position."""
        return action_chargers(self.context.inputs, self.actions, self.policy)

    def counting(self, status: npt.NDArray[np.object_]) -> BoolArray:
        """(sites,) which sites count today by their status: those that surely do; see ``favourable``."""
        surely = np.asarray(status == YES, dtype=np.bool_)
        return surely | self._open_outside(status) if self.favourable else surely

    def _open_outside(self, status: npt.NDArray[np.object_]) -> BoolArray:
        inside = self.context.inputs.sites["inside"].to_numpy(bool)
        return np.asarray((status == UNKNOWN) & ~inside, dtype=np.bool_)

    def leaves_open(self, site: SiteRequirement) -> bool:
        """Whether a requirement has a favourable end beyond the surveys of the plan."""
        return bool(self.may_give(site).any() or self._open_outside(self.context.status(site)).any())

    @cached_property
    def _known(self) -> dict[SiteRequirement, BoolArray]:
        return {}

    def gives(self, site: SiteRequirement) -> BoolArray:
        """(n,) actions and events with which a site meets a requirement."""
        if site not in self._known:
            known = self._status(site, YES) | self._answers(site)
            self._known[site] = known | self.may_give(site) if self.favourable else known
        return self._known[site]

    def may_give(self, site: SiteRequirement) -> BoolArray:
        """(n,) actions after which nobody knows whether their site meets a requirement."""
        built = (self.actions["kind"] != "survey").to_numpy(bool)
        return np.asarray(self._status(site, UNKNOWN) & built, dtype=np.bool_)

    def _status(self, site: SiteRequirement, wanted: str) -> BoolArray:
        """(n,) actions whose own chargers have a status; a site that is there may need less, see ``pool_share``."""
        found = self._plain_status(site, wanted)
        if site.one_way is not None:
            parts = dict(zip(self.context.inputs.sites["id"], self.context.pool_share(site), strict=True))
            share = self.actions["target"].where(self.actions["place"] == "site").map(parts).fillna(1.0)
            for part in sorted(set(share[share < 1.0])):
                less = site.model_copy(update={"pool_min_kw": site.pool_min_kw * part})
                found = np.where(share == part, self._plain_status(less, wanted), found)
        return np.asarray(found, dtype=np.bool_)

    def _plain_status(self, site: SiteRequirement, wanted: str) -> BoolArray:
        table = self.chargers.assign(site=self.chargers["action"].astype(str))
        places = pd.DataFrame({"id": [str(k) for k in range(self.n)]})
        found = (qualify(places, table, **site.asked) == wanted).to_numpy(bool).copy()
        if site.public_only:
            closed = self.chargers.loc[self.chargers["access"] == "restricted", "action"]
            found[closed.to_numpy(np.int64)] = False
        return np.asarray(found, dtype=np.bool_)

    def adds(self, site: SiteRequirement) -> BoolArray:
        """(n,) actions and events that make a site count for a requirement which does not surely count today."""
        inputs = self.context.inputs
        yes = set(inputs.sites["id"][self.context.status(site) == YES])
        there = (self.actions["place"] == "site") & self.actions["target"].isin(yes)
        return np.asarray(self.gives(site) & ~there.to_numpy(bool), dtype=np.bool_)

    def _answers(self, site: SiteRequirement) -> BoolArray:
        """(n,) surveys of charging sites that may turn out to meet a requirement."""
        status = dict(zip(self.context.inputs.sites["id"], self.context.status(site), strict=True))
        asked = (self.actions["kind"] == "survey") & (self.actions["place"] == "site")
        unknown = self.actions["target"].map(status) == UNKNOWN
        return np.asarray(asked & unknown, dtype=np.bool_)

    def at(self, kind: str) -> dict[str, int]:
        """Position of the actions of a kind by the id of their target."""
        mine = self.actions["kind"] == kind
        return dict(zip(self.actions.loc[mine, "target"], np.flatnonzero(mine).tolist(), strict=True))

    def _highway(self) -> gpd.GeoDataFrame:
        judged = {rule.road_class for rule in self.policy.rules if isinstance(rule, RouteRule)}
        routes = [route for route in self.context.routes if route.road_class in judged]
        return highway_demand(
            self.context.inputs, self.context.index, routes, self.context.area, self.context.lang
        )

    def demand_within(
        self,
        site: SiteRequirement,
        reach_km: float | None,
        weight: str = "weight",
        *,
        reach_min: float | None = None,
    ) -> DemandReached:
        """Who is reached today and by which action, by driving distance or driving time.

        Parameters
        ----------
        site : SiteRequirement
            What a site must have to count.
        reach_km : float or None
        weight : str
            ``"weight"`` (people), ``"flow"`` or another amount of the demand, or ``"highway"``: length of the roads
            that the policy judges.
        reach_min : float, optional
            Driving time; it counts instead of ``reach_km`` if it is given.
        """
        counts = np.flatnonzero(self.gives(site))
        frame = self.actions.iloc[counts][["id", "name", "cost", "geometry"]].assign(excluded=None)
        inputs = self.context.inputs
        places = find_sites(inputs, frame, self.counting(site_status(inputs, site)))
        demand = self._highway() if weight == "highway" else people_demand(self.context.inputs, weight)
        cost, limit = reach_cost(self.context.graph, reach_km, reach_min)
        limit_km = limit / M_PER_KM
        within = measure(self.context.graph, demand, places, limit_km, cost).within(limit_km)
        old = len(places.fixed)
        reached = np.asarray(within[:old].sum(axis=0)).ravel() > 0
        by_action = sparse.csr_array(within[old:].T.tocsr().astype(np.float64))
        spread = sparse.csr_array(
            (np.ones(len(counts)), (np.arange(len(counts)), counts)), shape=(len(counts), self.n)
        )
        table = pd.DataFrame(demand[["id", "name", "county"]])
        return DemandReached(
            table,
            demand["weight"].to_numpy(np.float64),
            reached,
            sparse.csr_array(by_action @ spread),
            ~snap(self.context.graph, lonlat(demand.geometry)).found,
        )


def rows_of(world: World) -> tuple[RuleRows, ...]:
    """Rows of all rules with a target, in the policy's order; kinds that make none are left out."""
    asked = [(rule, kind_of(rule).rows) for rule in world.policy.rules if rule.target.value is not None]
    made = [rows(world, rule) for rule, rows in asked if rows is not None]
    return tuple(rows for rows in made if rows is not None)


def favourable_rows(world: World, rules: tuple[RuleRows, ...]) -> tuple[RuleRows, ...]:
    """Rows whose value is the favourable end: of the same rules, with what actions and sites outside may turn out as.

    Parameters
    ----------
    world : World
    rules : tuple of RuleRows
        As :func:`rows_of` made them; the same come back where nothing is left open.
    """
    asked = {rule.requirement for rule in world.policy.rules if rule.target.value is not None} - {None}
    if not any(world.leaves_open(site) for site in asked if site is not None):
        return rules
    known = {rule.rule: rule for rule in rows_of(replace(world, favourable=True))}
    return tuple(known.get(rule.rule, rule) for rule in rules)
