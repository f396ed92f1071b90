"""Several aims side by side: people, highway, flow, equity and cost as shares, and the Pareto front of two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..maxcover.aims import AimsResult, by_group, mixed_aims, pareto_curve
from ..maxcover.problem import FloatArray, IntArray, SitingProblem
from ..maxcover.result import covered
from .constraints import SolverOptions
from .reach import Reach

PARETO_POINTS = 9


@dataclass(frozen=True, eq=False)
class AimTable:
    """Several aims over one set of demands side by side.

    Attributes
    ----------
    names : tuple of str
        Aims that add up, in the order of ``rows``; then ``equity`` and ``cost`` if they are asked for.
    problem : SitingProblem
        Reach and limits; its weights don't matter.
    rows : (s, m) float64
        What each demand is worth for each aim that adds up, as shares of all of it.
    total : (s,) float64
        All of each aim, in its unit.
    counties : (g, m) float64
        Shares of the people of each county.
    price : (n,) float64
        Cost of each new site as a share of the money.
    """

    names: tuple[str, ...]
    problem: SitingProblem
    rows: FloatArray
    total: FloatArray
    counties: FloatArray
    price: FloatArray

    def terms(self, importance: Mapping[str, float]) -> tuple[FloatArray, float, FloatArray]:
        """Arguments of :func:`plugspan.siting.maxcover.aims.mixed_aims`; importances are divided by their sum."""
        whole = sum(importance.values())
        share = {name: importance.get(name, 0.0) / whole for name in self.names}
        linear = np.zeros(self.problem.size[1])
        for k, row in enumerate(self.rows):
            linear += share[self.names[k]] * row
        return linear, share.get("equity", 0.0), share.get("cost", 0.0) * self.price

    def values(self, plan: IntArray) -> dict[str, float]:
        """Share of each aim that a plan reaches; of cost the share of the money that is left."""
        hit = covered(self.problem, np.union1d(self.problem.fixed, plan))
        found = {name: float(row[hit].sum()) for name, row in zip(self.names, self.rows, strict=False)}
        if "equity" in self.names:
            found["equity"] = float(self.counties[:, hit].sum(axis=1).min(initial=1.0))
        if "cost" in self.names:
            found["cost"] = 1.0 - float(self.price[plan].sum())
        return found

    def best(self, importance: Mapping[str, float], solver: SolverOptions, share: float = 1.0) -> AimsResult:
        """Plan with the best weighted sum; a ``cost`` aim counts from all the money being left."""
        linear, worst, price = self.terms(importance)
        return mixed_aims(self.problem, linear, self.counties, worst, price, **solver.keywords(share))


def pareto_table(
    aims: AimTable,
    pair: tuple[str, str],
    solver: SolverOptions,
    names: np.ndarray[Any, Any],
    cost: FloatArray,
) -> pd.DataFrame:
    """Plans along the Pareto front of two aims; see :attr:`.outcome.Siting.pareto_front`."""
    first, second = pair

    def at(weight: float) -> AimsResult:
        found = aims.best(
            {first: 1 - weight, second: weight}, replace(solver, gap=max(solver.gap, 1e-4)), share
        )
        if not np.isfinite(found.objective):
            return found
        values = aims.values(found.chosen)
        return replace(found, values=np.array([values[first], values[second]]))

    share = 1.0 / PARETO_POINTS
    curve = pareto_curve(at, n_points=PARETO_POINTS, time_limit_s=solver.time_limit_s)
    return pd.DataFrame(
        {
            "first": [first] * len(curve),
            "second": [second] * len(curve),
            "share_first": [float(p.values[0]) for p in curve],
            "share_second": [float(p.values[1]) for p in curve],
            "sites": [len(p.chosen) for p in curve],
            "cost": [float(cost[p.chosen].sum()) for p in curve],
            "chosen": [tuple(names[p.chosen]) for p in curve],
            "status": [p.status for p in curve],
        }
    )


def aim_table(
    names: tuple[str, ...],
    reaches: Mapping[str, Reach],
    problem: SitingProblem,
    reach_km: float,
) -> AimTable:
    """Put the demands of all aims side by side.

    Parameters
    ----------
    names : tuple of str
        Aims wanted.
    reaches : mapping
        Demand and distances of ``people``, ``highway``, ``flow`` as far as they are wanted; ``people`` for equity.
    problem : SitingProblem
        Limits and sites.
    reach_km : float
        Driving distance from demand to site.
    """
    adding = [n for n in ("people", "highway", "flow") if n in names]
    stacked = [n for n in ("people", "highway", "flow") if n in reaches]
    sizes = {n: len(reaches[n].demand) for n in stacked}
    start = dict(zip(stacked, np.concatenate([[0], np.cumsum(list(sizes.values()))])[:-1], strict=True))
    m = sum(sizes.values())
    rows, total = np.zeros((len(adding), m)), np.zeros(len(adding))
    for k, name in enumerate(adding):
        total[k] = float(reaches[name].weight.sum())
        own = reaches[name].weight / total[k] if total[k] > 0 else 0.0
        rows[k, start[name] : start[name] + sizes[name]] = own
    counties = np.zeros((0, m))
    if "equity" in names:
        own = _county_rows(reaches["people"])
        counties = np.zeros((len(own), m))
        counties[:, start["people"] : start["people"] + sizes["people"]] = own
    reach = sparse.csr_array(sparse.hstack([reaches[n].within(reach_km) for n in stacked]))
    both = replace(problem, reach=reach, weight=np.zeros(m))
    rest = tuple(n for n in ("equity", "cost") if n in names)
    return AimTable((*adding, *rest), both, rows, total, counties, _price(problem))


def _county_rows(people: Reach) -> FloatArray:
    """(g, m) share of its county's demand that each demand is; demand outside of all counties is left out."""
    county = people.demand["county"].to_numpy(object)
    known = sorted({c for c in county if c})
    rows = by_group(people.weight, [known.index(c) if c else -1 for c in county])
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def _price(problem: SitingProblem) -> FloatArray:
    """(n,) cost as a share of the money: the budget, or what the dearest sites that may be built cost together."""
    open_ = np.setdiff1d(np.arange(problem.size[0]), np.union1d(problem.fixed, problem.forbidden))
    dearest = np.sort(problem.cost[open_])[::-1][: problem.n_sites]
    money = problem.budget if problem.budget else float(dearest.sum())
    return problem.cost / money if money else np.zeros(problem.size[0])
