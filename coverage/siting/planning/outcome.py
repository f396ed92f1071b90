"""One siting run as the outputs show it: plain frames, each with one row per thing shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import geopandas as gpd
import pandas as pd

from ...errors import Fault
from ..maxcover.result import SitingResult

GOALS = ("coverage", "capacity", "backup", "expected", "worst", "aims")
"""What the choice of sites was made for; ``goal.KEY`` in the catalogue says it in words."""

CLAIMED = (
    "sites",
    "backup",
    "counties",
    "scenarios",
    "aims",
    "pareto_front",
    "frontier",
    "frontier_by_money",
)
"""Frames that are written to ``result.json`` as they are, and recounted by :mod:`.recount`."""


@dataclass(frozen=True)
class Goal:
    """What the choice was made for, where that is not plain coverage, with its own certificate.

    Attributes
    ----------
    name : str
        One of :data:`GOALS`. ``capacity``: demand that sites can serve with their plugs; ``backup``: coverage of
        which a part counts only if two sites cover it; ``expected``: mean coverage over the scenarios; ``worst``: share
        covered in the worst scenario; ``aims``: weighted sum of the shares of several aims.
    unit : str
        ``"weight"`` (of the demand) or ``"share"`` (0 … 1).
    before, objective : float
        Value with the existing sites alone, and with the plan.
    bound, gap, status, runtime_s
        As in :class:`plugspan.siting.maxcover.SitingResult`, of this value.
    options : mapping
        Further numbers. ``backup``: share of the second cover. For capacity ``plugs_unknown_sites``: existing sites
        whose number of plugs is not known, which count as serving nothing, and ``objective_high``: the value of the
        same plan if they could serve all they reach.
    """

    name: str
    unit: str
    before: float
    objective: float
    bound: float
    gap: float
    status: str
    runtime_s: float
    options: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Siting:
    """The frames of a siting problem and its result.

    ``result`` always speaks of plain coverage: demand within reach of a site. If another goal decided (``goal`` is
    given), ``result.bound`` is the most that any plan could cover under the same conditions, so that ``result.gap``
    says what the other goal costs in coverage at most. Frames that were not asked for are empty.

    Attributes
    ----------
    objective_name : str
        ``"people"`` or ``"highway"``.
    rule : str
        Id of the rule whose requirement says which sites count: the policy's first on who is within reach of a charging
        site; empty if it has none.
    candidates : GeoDataFrame
        EPSG:4326; ``id, kind, name, cost, excluded`` (reason or missing).
    demand : GeoDataFrame
        What was to be covered: ``id, name, weight, county``, ``covered`` (``before``, ``after``, ``never``).
    proposed : GeoDataFrame
        Chosen candidates in build order: ``order, id, kind, name, cost, adds, share_after, objective``.
    reach : DataFrame
        Evidence: which existing site or candidate is how far from which demand: ``site, demand, distance_m``. With
        scenarios of shorter detours it goes beyond the reach.
    unreachable : DataFrame
        Demand that no candidate and no existing site can cover: ``id, name, weight``.
    result : SitingResult
        With bound and gap.
    faults : tuple of Fault
        What the independent check found wrong; empty if every claim holds.
    frontier : DataFrame
        For each number of new sites: ``sites, objective, bound, gap, cost``, best plan of its own. Constraints
        (required sites, minima, distances) do not bind it: the difference to the plan is what they cost. Empty if
        only a budget was given.
    frontier_by_money : DataFrame
        If only a budget was given: for each ``budget`` the best plan's ``objective, bound, gap``, its ``sites``
        (number) and ``cost``. Bounds hold for the budget, not for the number.
    choices : DataFrame
        For each chosen site: ``id``, ``price`` (what is lost without it, the others placed anew; missing for
        required sites), ``price_low`` (proven at least), ``share_of_good_plans``, ``essential`` (proven to be in every
        plan within 1 % of this one), ``required``.
    alternatives : tuple of (objective, ids)
        Plans within 1 % of this one that differ as much as possible.
    goal : Goal or None
        None: plain coverage decided.
    sites : DataFrame
        Existing sites that count, then the chosen ones in build order: ``id, name, existing`` (bool), ``lon, lat,
        county, covers`` (weight within its reach), ``left`` (weight still covered if this one is out of order),
        ``lost`` (the rest). With capacity also ``plugs`` (missing: not known), ``capacity`` and ``served`` (weight).
    backup : DataFrame
        Rows ``before`` and ``after`` in ``phase``: ``sites`` (number), ``covered``, ``twice`` (weight covered by two or
        more sites), ``left_worst`` and ``left_mean`` (weight still covered if any one site is out of order),
        ``worst_site`` (id; missing without sites). Always given.
    counties : DataFrame
        ``county, total, before, after`` (weight), ``share_before, share_after``, ``sites`` (new ones in it),
        ``min_sites`` (0 if none was asked for). ``""`` is demand outside of all counties. Always given.
    scenarios : DataFrame
        For each scenario: ``scenario, probability`` (they add up to 1), ``detour`` (factor on distances), ``total,
        before, after`` (weight), ``share_before, share_after``.
    aims : DataFrame
        For each aim: ``aim`` (``people``, ``highway``, ``flow``, ``equity``, ``cost``), ``importance`` (they add up
        to 1), ``total, before, after`` (in the aim's own unit; missing for equity), ``share_before, share_after``.
        The share of equity is that of the worst-served county, that of cost the share of money that is not spent.
    pareto_front : DataFrame
        Plans along the Pareto front of two aims: ``first, second`` (names), ``share_first, share_second, sites,
        cost, chosen`` (tuple of ids), ``status``; from the best for the first to the best for the second.
    served : DataFrame
        With capacity, the evidence of who is served where: ``site, demand, amount`` (weight).
    aim_demand, aim_reach : DataFrame
        With aims, their evidence: ``id, aim, amount, county`` and ``aim, site, demand, distance_m``.
    """

    objective_name: str
    candidates: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    proposed: gpd.GeoDataFrame
    reach: pd.DataFrame
    unreachable: pd.DataFrame
    result: SitingResult
    faults: tuple[Fault, ...] = ()
    frontier: pd.DataFrame = field(default_factory=pd.DataFrame)
    choices: pd.DataFrame = field(default_factory=pd.DataFrame)
    alternatives: tuple[tuple[float, tuple[str, ...]], ...] = ()
    goal: Goal | None = None
    frontier_by_money: pd.DataFrame = field(default_factory=pd.DataFrame)
    sites: pd.DataFrame = field(default_factory=pd.DataFrame)
    backup: pd.DataFrame = field(default_factory=pd.DataFrame)
    counties: pd.DataFrame = field(default_factory=pd.DataFrame)
    scenarios: pd.DataFrame = field(default_factory=pd.DataFrame)
    aims: pd.DataFrame = field(default_factory=pd.DataFrame)
    pareto_front: pd.DataFrame = field(default_factory=pd.DataFrame)
    served: pd.DataFrame = field(default_factory=pd.DataFrame)
    aim_demand: pd.DataFrame = field(default_factory=pd.DataFrame)
    aim_reach: pd.DataFrame = field(default_factory=pd.DataFrame)
    rule: str = ""

    def claims(self) -> dict[str, Any]:
        """Goal and frames as records, under the names they have in ``result.json``."""
        goal = None if self.goal is None else asdict(self.goal)
        return {"goal": goal} | {name: getattr(self, name).to_dict("records") for name in CLAIMED}
