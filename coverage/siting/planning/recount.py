"""Recount what a siting claims beyond plain coverage, from ids and distances alone: no solver, plain arithmetic.

The same code checks each run before it is written and ``plugspan verify`` afterwards, from the files.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...units import EARTH_RADIUS_M, M_PER_KM
from .constraints import Capacity, Constraints
from .reach import REACH_SLACK

Claim = tuple[str, Any, Any]
"""What is claimed, the claim, and what was found."""
Record = Mapping[str, Any]
APART_SLACK_M = 1.0
"""Positions are written to 7 decimals: a centimetre."""
SLACK = 1e-6


@dataclass(frozen=True)
class Evidence:
    """Demand and who is how far from it.

    Attributes
    ----------
    weight : mapping
        Demand id -> weight.
    county : mapping
        Demand id -> county, "" for none.
    pairs : list of (site, demand, metres)
    """

    weight: Mapping[str, float]
    county: Mapping[str, str]
    pairs: list[tuple[str, str, float]]

    def reached(self, reach_km: float, detour: float = 1.0) -> dict[str, set[str]]:
        """Demands within reach of each site if all ways are ``detour`` times as long."""
        found: dict[str, set[str]] = defaultdict(set)
        for site, demand, metres in self.pairs:
            if metres * detour <= reach_km * M_PER_KM * (1 + REACH_SLACK):
                found[site].add(demand)
        return found


@dataclass(frozen=True)
class Claimed:
    """One siting as its records say it, and the evidence for it.

    Attributes
    ----------
    row : mapping
        The siting's entry of ``result.json``, or the same from its frames.
    constraints : Constraints
    reach_km : float
    n_sites, budget
        Limits that were asked for.
    demand : Evidence
    aims : mapping of Evidence
        By aim that adds up.
    served : list of (site, demand, amount)
    costs : mapping
        Cost of each candidate that may be built.
    """

    row: Record
    constraints: Constraints
    reach_km: float
    n_sites: int | None
    budget: float | None
    demand: Evidence
    aims: Mapping[str, Evidence] = field(default_factory=dict)
    served: list[tuple[str, str, float]] = field(default_factory=list)
    costs: Mapping[str, float] = field(default_factory=dict)

    @property
    def chosen(self) -> list[str]:
        """Ids of the new sites."""
        return [s["id"] for s in self.row["sites"] if not s["existing"]]

    @property
    def existing(self) -> list[str]:
        """Ids of the sites that are there."""
        return [s["id"] for s in self.row["sites"] if s["existing"]]

    @property
    def phases(self) -> tuple[tuple[str, list[str]], ...]:
        """Sites before and after."""
        return ("before", self.existing), ("after", self.existing + self.chosen)


def claims(claimed: Claimed) -> Iterator[Claim]:
    """Everything that can be counted again."""
    yield "sites.chosen", sorted(claimed.row["chosen"]), sorted(claimed.chosen)
    yield from _constraint_claims(claimed)
    yield from _failures(claimed)
    yield from _counties(claimed)
    yield from _scenarios(claimed)
    yield from _capacity(claimed)
    yield from _aims(claimed)
    yield from _curves(claimed)
    yield from _goal(claimed)


def _constraint_claims(claimed: Claimed) -> Iterator[Claim]:
    """Required, forbidden, least distance."""
    if claimed.row["status"] in ("infeasible", "unknown"):
        return
    constraints, chosen = claimed.constraints, set(claimed.chosen)
    yield "required", sorted(set(constraints.required) & chosen), sorted(set(constraints.required))
    yield "forbidden", [], sorted(set(constraints.forbidden) & chosen)
    if constraints.min_distance_km > 0:
        sites = sorted(claimed.row["sites"], key=lambda site: bool(site["existing"]))  # the new ones first
        near = [
            (a["id"], b["id"])
            for i, a in enumerate(sites)
            if not a["existing"]
            for b in sites[i + 1 :]
            if _apart_m(a, b) < constraints.min_distance_km * M_PER_KM - APART_SLACK_M
        ]
        yield "min_distance_km", [], near


def _apart_m(a: Record, b: Record) -> float:
    """Straight-line distance on the sphere (haversine)."""
    lon = math.radians(b["lon"] - a["lon"])
    low, high = math.radians(a["lat"]), math.radians(b["lat"])
    half = math.sin((high - low) / 2) ** 2 + math.cos(low) * math.cos(high) * math.sin(lon / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


def _counts(sites: Iterable[str], reached: Mapping[str, set[str]]) -> dict[str, int]:
    """How many of ``sites`` reach each demand."""
    found: dict[str, int] = defaultdict(int)
    for site in sites:
        for demand in reached.get(site, ()):
            found[demand] += 1
    return found


def _sum(weight: Mapping[str, float], demands: Iterable[str]) -> float:
    return math.fsum(weight.get(d, 0.0) for d in demands)


def _failures(claimed: Claimed) -> Iterator[Claim]:
    """What each site covers, and what is left without it."""
    reached, weight = claimed.demand.reached(claimed.reach_km), claimed.demand.weight
    stated = {row["phase"]: row for row in claimed.row["backup"]}
    for phase, sites in claimed.phases:
        count = _counts(sites, reached)
        covered = _sum(weight, count)
        left = {s: covered - _sum(weight, (d for d in reached.get(s, ()) if count[d] == 1)) for s in sites}
        row = stated[phase]
        yield f"backup.{phase}.sites", row["sites"], len(sites)
        yield f"backup.{phase}.covered", row["covered"], covered
        yield f"backup.{phase}.twice", row["twice"], _sum(weight, (d for d, n in count.items() if n > 1))
        yield f"backup.{phase}.left_worst", row["left_worst"], min(left.values(), default=0.0)
        mean = math.fsum(left.values()) / len(left) if left else 0.0
        yield f"backup.{phase}.left_mean", row["left_mean"], mean
        if sites:
            worst = left[row["worst_site"]]
            yield f"backup.{phase}.worst_site", row["left_worst"], worst
        if phase == "after":
            for site in claimed.row["sites"]:
                name = site["id"]
                yield f"sites.{name}.covers", site["covers"], _sum(weight, reached.get(name, ()))
                yield f"sites.{name}.left", site["left"], left[name]
                yield f"sites.{name}.lost", site["lost"], covered - left[name]


def _counties(claimed: Claimed) -> Iterator[Claim]:
    """Coverage by county, new sites by county, minima."""
    evidence = claimed.demand
    reached = evidence.reached(claimed.reach_km)
    hit = {phase: set(_counts(sites, reached)) for phase, sites in claimed.phases}
    totals: dict[str, float] = defaultdict(float)
    for demand, amount in evidence.weight.items():
        totals[evidence.county.get(demand, "")] += amount
    minima = claimed.constraints.minima(row["county"] for row in claimed.row["counties"] if row["county"])
    for row in claimed.row["counties"]:
        name = row["county"]
        yield f"counties.{name}.total", row["total"], totals.get(name, 0.0)
        for phase in ("before", "after"):
            own = _sum(evidence.weight, (d for d in hit[phase] if evidence.county.get(d, "") == name))
            yield f"counties.{name}.{phase}", row[phase], own
        yield from _shares(f"counties.{name}", row)
        new = sum(1 for s in claimed.row["sites"] if not s["existing"] and s["county"] == name)
        yield f"counties.{name}.sites", row["sites"], new
        if isinstance(claimed.constraints.min_per_county, Mapping):
            yield f"counties.{name}.min_sites", row["min_sites"], minima.get(name, 0)
        if claimed.row["status"] not in ("infeasible", "unknown"):
            yield f"counties.{name}.enough", True, new >= row["min_sites"]


def _shares(name: str, row: Record) -> Iterator[Claim]:
    """Shares are amounts over the total; missing where there is none."""
    for phase in ("before", "after"):
        share = row[f"share_{phase}"]
        known = share is not None and not math.isnan(share)
        found = row[phase] / row["total"] if row["total"] else None
        yield f"{name}.share_{phase}", share if known else None, found


def _scenarios(claimed: Claimed) -> Iterator[Claim]:
    """What the plan covers in each scenario."""
    given = {s.name: s for s in claimed.constraints.scenarios}
    chance = math.fsum(s.probability for s in given.values())
    evidence = claimed.demand
    for row in claimed.row["scenarios"]:
        scenario = given[row["scenario"]]
        ids = list(evidence.weight)
        factor = scenario.factor([evidence.county.get(d, "") for d in ids])
        weight = {d: evidence.weight[d] * float(f) for d, f in zip(ids, factor, strict=True)}
        reached = evidence.reached(claimed.reach_km, scenario.detour)
        name = f"scenarios.{scenario.name}"
        yield f"{name}.probability", row["probability"], scenario.probability / chance
        yield f"{name}.total", row["total"], math.fsum(weight.values())
        for phase, sites in claimed.phases:
            yield f"{name}.{phase}", row[phase], _sum(weight, _counts(sites, reached))
        yield from _shares(name, row)


def _capacity(claimed: Claimed) -> Iterator[Claim]:
    """No site serves more than it can, no demand more than there is, nobody out of reach."""
    capacity = claimed.constraints.capacity
    if capacity is None or not claimed.row["goal"]:
        return
    reached = claimed.demand.reached(claimed.reach_km)
    by_site: dict[str, float] = defaultdict(float)
    by_demand: dict[str, float] = defaultdict(float)
    stray = []
    for site, demand, amount in claimed.served:
        by_site[site] += amount
        by_demand[demand] += amount
        stray += [] if demand in reached.get(site, ()) and amount >= 0 else [(site, demand)]
    yield "served.within_reach", [], stray
    weight = claimed.demand.weight
    slack = SLACK * max([1.0, *weight.values()])
    over = [d for d, amount in by_demand.items() if amount > weight.get(d, 0.0) + slack]
    yield "served.demand", [], over
    for site in claimed.row["sites"]:
        name = f"sites.{site['id']}"
        yield f"{name}.capacity", site["capacity"], _site_capacity(capacity, site)
        yield f"{name}.served", site["served"], by_site.get(site["id"], 0.0)
        yield f"{name}.not_above_capacity", True, site["served"] <= site["capacity"] + slack
    strangers = set(by_site) - {s["id"] for s in claimed.row["sites"]}
    yield "served.strangers", [], sorted(strangers)


def _site_capacity(capacity: Capacity, site: Record) -> float:
    """What a site can serve by its plugs."""
    if not site["existing"]:
        new = capacity.per_site
        return float(new if new is not None else capacity.plugs * (capacity.per_plug or 0.0))
    if capacity.per_plug is None:
        return float(capacity.per_site or 0.0)
    plugs = site["plugs"]
    return 0.0 if plugs is None or math.isnan(plugs) else float(plugs) * capacity.per_plug


def _aim_shares(claimed: Claimed, sites: list[str], cost: float) -> dict[str, float]:
    """Share of each aim that ``sites`` reach."""
    found: dict[str, float] = {"cost": 1.0 - cost / _money(claimed) if _money(claimed) else 1.0}
    for name, evidence in claimed.aims.items():
        hit = set(_counts(sites, evidence.reached(claimed.reach_km)))
        total = math.fsum(evidence.weight.values())
        found[name] = _sum(evidence.weight, hit) / total if total else 0.0
        if name == "people":
            found["equity"] = _worst_county(evidence, hit)
    return found


def _worst_county(evidence: Evidence, hit: set[str]) -> float:
    total: dict[str, float] = defaultdict(float)
    own: dict[str, float] = defaultdict(float)
    for demand, amount in evidence.weight.items():
        county = evidence.county.get(demand, "")
        total[county] += amount
        own[county] += amount if demand in hit else 0.0
    return min((own[c] / t for c, t in total.items() if c and t > 0), default=1.0)


def _money(claimed: Claimed) -> float:
    """What a share of money is of: the budget, or the dearest sites that may be built."""
    if claimed.budget:
        return claimed.budget
    dearest = sorted(claimed.costs.values(), reverse=True)
    return math.fsum(dearest[: claimed.n_sites])


def _aims(claimed: Claimed) -> Iterator[Claim]:
    """Shares of the aims, and those of the plans along the Pareto front."""
    whole = math.fsum(claimed.constraints.aims.values())
    cost = {"before": 0.0, "after": claimed.row["cost"]}
    shares = {phase: _aim_shares(claimed, sites, cost[phase]) for phase, sites in claimed.phases}
    for row in claimed.row["aims"]:
        name = row["aim"]
        yield f"aims.{name}.importance", row["importance"], claimed.constraints.aims[name] / whole
        for phase in ("before", "after"):
            yield f"aims.{name}.share_{phase}", row[f"share_{phase}"], shares[phase][name]
        if name in claimed.aims:
            yield f"aims.{name}.total", row["total"], math.fsum(claimed.aims[name].weight.values())
    for i, row in enumerate(claimed.row["pareto_front"]):
        spent = math.fsum(claimed.costs[s] for s in row["chosen"])
        found = _aim_shares(claimed, claimed.existing + list(row["chosen"]), spent)
        yield f"pareto_front.{i}.cost", row["cost"], spent
        for place in ("first", "second"):
            yield f"pareto_front.{i}.share_{place}", row[f"share_{place}"], found[row[place]]


def _curves(claimed: Claimed) -> Iterator[Claim]:
    """Curves rise, and stay under their bounds and budgets."""
    for key, limit in (("frontier", "sites"), ("frontier_by_money", "budget")):
        rows = list(claimed.row[key])
        for row in rows:
            name = f"{key}.{row[limit]:g}"
            yield f"{name}.bound", True, row["objective"] <= row["bound"] + SLACK * abs(row["bound"])
            if limit == "budget":
                yield f"{name}.cost", True, row["cost"] <= row["budget"] * (1 + SLACK) + SLACK
        fall = [
            b[limit] for a, b in zip(rows, rows[1:], strict=False) if b["objective"] < a["objective"] - SLACK
        ]
        yield f"{key}.falls", [], fall


def _goal(claimed: Claimed) -> Iterator[Claim]:
    """The goal's value from its parts, and its certificate."""
    goal = claimed.row["goal"]
    if not goal:
        return
    backup = {row["phase"]: row for row in claimed.row["backup"]}
    for phase, key in (("before", "before"), ("after", "objective")):
        if goal["name"] == "backup":
            share = claimed.constraints.backup or 0.0
            worth = (1 - share) * backup[phase]["covered"] + share * backup[phase]["twice"]
        elif goal["name"] == "expected":
            worth = math.fsum(r["probability"] * r[phase] for r in claimed.row["scenarios"])
        elif goal["name"] == "worst":
            worth = min((r[phase] / r["total"] for r in claimed.row["scenarios"] if r["total"]), default=0.0)
        elif goal["name"] == "aims":
            worth = math.fsum(r["importance"] * r[f"share_{phase}"] for r in claimed.row["aims"])
        elif phase == "after":
            worth = math.fsum(amount for _, _, amount in claimed.served)
        else:  # a maximum flow is not counted again; what all could serve at most is
            own = [s for s in claimed.row["sites"] if s["existing"]]
            most = math.fsum(min(s["capacity"], s["covers"]) for s in own)
            yield "goal.before", True, goal["before"] <= most + SLACK * max(most, 1.0)
            continue
        yield f"goal.{key}", goal[key], worth
    yield "goal.bound", True, goal["bound"] >= goal["objective"] - SLACK * max(1.0, abs(goal["objective"]))
    if goal["objective"]:
        yield "goal.gap", goal["gap"], max(0.0, goal["bound"] / goal["objective"] - 1)
