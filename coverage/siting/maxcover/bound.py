"""Upper bounds that hold whatever a solver's tolerances: Lagrangian values of any multipliers.

For prices ``demand`` (of ``z_j <= sum_i a_ij y_i``), ``budget``, ``group`` and ``pair``, all at least 0, no plan
covers more than::

    sum_j (w_j - demand_j)^+  +  budget * B  -  sum_g group_g min_g  +  sum_e pair_e
        +  the largest ``limit`` positive values of
           score_i = (A demand)_i - budget c_i + group_{g(i)} - sum_{e with i} pair_e

(Galvão & ReVelle 1996, EJOR 88:114-123, extended by the side constraints.) Good prices come from
:mod:`.primal_dual`, those of the LP relaxation from HiGHS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .core import Core
from .problem import FloatArray
from .programs import relaxation

Stop = Callable[[], float]
"""Seconds that are left; 0 or less means stop."""


@dataclass(frozen=True, eq=False)
class Prices:
    """Multipliers: (d,) per demand, one for the budget, (g,) per group, (e,) per conflicting pair."""

    demand: FloatArray
    budget: float
    group: FloatArray
    pair: FloatArray


@dataclass(frozen=True, eq=False)
class Bound:
    """A Lagrangian bound beyond ``core.base``, its prices, the candidates' scores, and (k,) a fractional plan."""

    value: float
    prices: Prices
    score: FloatArray
    plan: FloatArray


def lagrangian(core: Core, prices: Prices, plan: FloatArray | None = None) -> Bound:
    """Evaluate the bound of ``prices`` (negative ones count as 0)."""
    demand = np.clip(prices.demand, 0.0, core.weight)
    budget = max(prices.budget, 0.0) if np.isfinite(core.budget) else 0.0
    group, pair = np.maximum(prices.group, 0.0), np.maximum(prices.pair, 0.0)
    score = core.reach @ demand - budget * core.cost
    value = float((core.weight - demand).sum()) + float(pair.sum())
    if len(group):
        score += np.append(group, 0.0)[core.group]
        value -= float(group @ core.group_min)
    if len(pair):
        score -= np.bincount(core.conflicts.ravel(), np.repeat(pair, 2), minlength=len(score))
    if budget:
        value += budget * core.budget
    limit = max(core.limit, 0)
    worth = np.maximum(score, 0.0)
    if not limit:
        worth = worth[:0]
    elif limit < len(worth):
        worth = np.partition(worth, len(worth) - limit)[len(worth) - limit :]
    value += float(worth.sum())
    return Bound(value, Prices(demand, budget, group, pair), score, np.zeros(0) if plan is None else plan)


def first_prices(core: Core) -> Prices:
    """Prices to start from: each demand's weight, spread over the candidates that reach it."""
    k, _ = core.size
    share = np.minimum(1.0, 3.0 * max(core.limit, 1) / max(k, 1))
    return Prices(core.weight * share, 0.0, np.zeros(len(core.group_min)), np.zeros(len(core.conflicts)))


def linear_program(core: Core, stop: Stop) -> Bound | None:
    """Bound by the LP relaxation's own prices, from HiGHS; None if it did not finish in time."""
    solved = relaxation(core, stop())
    if solved is None:
        return None
    pair = solved.pair if len(solved.pair) == len(core.conflicts) else np.zeros(len(core.conflicts))
    return lagrangian(core, Prices(solved.demand, solved.budget, solved.group, pair), solved.plan)


def carry_over(prices: Prices, part: Core) -> Prices:
    """Prices for the smaller core ``part``: merged demands are worth what their members were."""
    there = part.label >= 0
    sums = np.bincount(part.label[there], prices.demand[there], len(part.weight))
    demand = np.asarray(sums, dtype=np.float64)
    pair = np.zeros(len(part.conflicts))
    return Prices(demand, prices.budget, prices.group, pair)
