"""Prices of demands and limits, the upper bounds that they prove, and how good ones are found.

For prices ``demand`` (of ``z_j <= sum_i a_ij y_i``), ``budget``, ``group`` and ``pair``, all at least 0, no plan
covers more than::

    sum_j (w_j - demand_j)^+  +  budget * B  -  sum_g group_g min_g  +  sum_e pair_e
        +  the largest ``limit`` positive values of
           score_i = (A demand)_i - budget c_i + group_{g(i)} - sum_{e with i} pair_e

(Galvão & ReVelle 1996, EJOR 88:114-123, extended by the side constraints): a bound that holds whatever a solver's
tolerances are. Good prices come in tenths of a second from a first-order primal-dual method, or from HiGHS.

The linear relaxation is a saddle point over fractional plans ``y`` (between 0 and 1, within the budget or the number of
sites) and prices ``u`` (of demands, between 0 and their weights; of groups, pairs, and of the number beside a budget,
at least 0)::

    max_y  min_u   sum_j w_j  +  u' (K y - r)

where the rows of ``K`` are those of ``reach`` by demand and the side constraints. Each round steps up in ``y`` and
down in ``u`` (Chambolle & Pock 2011, J Math Imaging Vis 40:120-145), with one step size a row and column (Pock &
Chambolle 2011, ICCV), reflected and drawn back to where the last restart was (Lu & Yang 2024, Restarted Halpern PDHG
for Linear Programming), with a balance of both steps that is learnt at restarts (Applegate et al. 2021, PDLP, NeurIPS
34). Bounds are taken from its prices by :func:`lagrangian`, so nothing rests on its accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from .problem import FloatArray
from .programs import relaxation
from .reduced_problem import Core

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


_LOOK = 20
"""Rounds between two looks at bound and plan."""
_RESTART = 0.25
"""Restart when the gap has shrunk to this share of what it was at the last restart,"""
_PATIENCE = 400
"""or after so many rounds."""


@dataclass(frozen=True, eq=False)
class Saddle:
    """Where the method stands: (k,) fractional plan, prices, and the weight of plan steps against price steps."""

    plan: FloatArray
    prices: Prices
    balance: float = 0.3


def middle(core: Core, prices: Prices) -> Saddle:
    """Start from ``prices`` and the plan that has the same share of each candidate."""
    k = len(core.sites)
    return Saddle(np.full(k, min(1.0, max(core.limit, 0) / max(k, 1))), prices)


def primal_dual(
    core: Core, start: Saddle, rounds: int, stop: Stop, *, tolerance: float = 1e-5, enough: float = -np.inf
) -> tuple[Bound, Saddle]:
    """Improve plan and prices for ``rounds`` rounds of two passes over ``reach`` each.

    Parameters
    ----------
    core : Core
        With any limits.
    start : Saddle
        From :func:`middle`, or where a similar problem ended.
    tolerance : float
        Stop when the bound is within this share of the value of a fractional plan, which is its lower limit.
    enough : float
        Stop when the bound is down to this, beyond ``core.base``.

    Returns
    -------
    Bound
        The best bound met; its ``plan`` is the best fractional plan.
    Saddle
        Where it ended.
    """
    if not all(core.size) or core.limit <= 0:
        return lagrangian(core, start.prices), start
    walk = _Walk(core, start)
    for turn in range(1, rounds + 1):
        walk.step()
        if turn % _LOOK == 0:
            walk.look()
            near = walk.worth + tolerance * abs(walk.best.value)
            if walk.best.value <= max(near, enough) or stop() <= 0:
                break
        walk.move()
    return replace(walk.best, plan=walk.plan), Saddle(walk.y, walk.apart(walk.u), walk.balance)


class _Walk:
    """One run of the method.

    All prices but the budget's are in one vector ``u``: demands, groups, pairs, and the number of sites if there is a
    budget, too. The budget, or else the number, limits ``y`` itself: ``share @ y <= most``.
    """

    def __init__(self, core: Core, start: Saddle) -> None:
        self.core, self.balance = core, start.balance
        self.best = lagrangian(core, start.prices)
        self.plan, self.worth = start.plan, -np.inf
        self._measure()
        self.y, self.u = start.plan, self._together(start.prices)
        self._y, self._u = self._y0, self._u0 = self.y, self.u
        self._count = 0
        self._gap = np.inf
        self._price = start.prices.budget

    def _measure(self) -> None:
        """Rows, their limits, and steps; a unit of a side constraint is scaled to a mean candidate's worth."""
        core = self.core
        self.unit = float((core.reach @ core.weight).mean())
        side, r, scale = _side(core, self.unit)
        self.rows, self.columns = core.by_demand, core.reach
        if side.shape[0]:
            self.rows = sparse.csr_array(sparse.vstack([core.by_demand, side]))
            self.columns = sparse.csr_array(self.rows.T.tocsr())
        self.limits = np.concatenate([np.ones(len(core.weight)), r])
        self.scale = np.concatenate([core.weight, scale])
        self.dearest = np.concatenate([core.weight, np.full(len(r), np.inf)])
        self.spends = bool(np.isfinite(core.budget))
        self.share = core.cost if self.spends else np.ones(len(core.sites))
        self.most = core.budget if self.spends else float(core.limit)
        self.u_step = _divide(self.scale, np.asarray(abs(self.rows).sum(axis=1), dtype=np.float64))
        self.y_step = _divide(np.ones(len(core.sites)), abs(self.columns) @ self.scale)

    def _together(self, prices: Prices) -> FloatArray:
        u = np.concatenate([prices.demand, prices.group, prices.pair])
        return np.concatenate([u, np.zeros(len(self.limits) - len(u))])

    def apart(self, u: FloatArray) -> Prices:
        """Return the prices in ``u``, with the budget's."""
        d, g, e = len(self.core.weight), len(self.core.group_min), len(self.core.conflicts)
        return Prices(u[:d], self._price if self.spends else 0.0, u[d : d + g], u[d + g : d + g + e])

    def step(self) -> None:
        """One step of the plan along its scores, one of the prices against the plan thus extrapolated."""
        pace = self.y_step * self.balance
        moved = self._y + pace * (self.columns @ self._u)
        self.y, self._price = _cut(moved, pace, self.share, self.most, self._price)
        lacking = self.limits - self.rows @ (2.0 * self.y - self._y)
        self.u = np.clip(self._u + self.u_step / self.balance * lacking, 0.0, self.dearest)

    def move(self) -> None:
        """Go twice the step, and a little back towards the last restart."""
        share = 1.0 / (self._count + 2.0)
        self._y = (1.0 - share) * (2.0 * self.y - self._y) + share * self._y0
        self._u = (1.0 - share) * (2.0 * self.u - self._u) + share * self._u0
        self._count += 1

    def look(self) -> None:
        """Take the bound and the plan's worth; restart here if the gap has shrunk enough."""
        bound, worth = self._bound(), self._worth(self.y)
        self.best = bound if bound.value < self.best.value else self.best
        if worth > self.worth:
            self.plan, self.worth = self.y, worth
        gap = bound.value - worth
        if gap >= _RESTART * self._gap and self._count < _PATIENCE:
            return
        plan = float(_divide((self.y - self._y0) ** 2, self.y_step).sum())
        price = float(_divide((self.u - self._u0) ** 2, self.u_step).sum())
        if plan > 0 and price > 0:
            self.balance = float(np.sqrt(np.clip(np.sqrt(plan / price), 1e-4, 1e4) * self.balance))
        self._y, self._u = self._y0, self._u0 = self.y, self.u
        self._gap, self._count = gap, 0

    def _bound(self) -> Bound:
        """Bound of the present prices, with the better of two prices of the budget."""
        prices = self.apart(self.u)
        bound = lagrangian(self.core, prices)
        if not self.spends:
            return bound
        # Without a limit of number the best price is known: where the fractional knapsack is full.
        score = np.maximum(bound.score + prices.budget * self.core.cost, 0.0)
        dear = np.flatnonzero(self.core.cost > 0)
        density = score[dear] / self.core.cost[dear]
        order = np.argsort(-density, kind="stable")
        full = int(np.searchsorted(np.cumsum(self.core.cost[dear][order]), self.most, "right"))
        best = float(density[order[full]]) if full < len(dear) else 0.0
        other = lagrangian(self.core, replace(prices, budget=best))
        return min(bound, other, key=lambda found: found.value)

    def _worth(self, y: FloatArray) -> float:
        """What the fractional plan covers, less what it oversteps limits by, at the scale of their rows."""
        core, lacking = self.core, self.limits - self.rows @ y
        d = len(core.weight)
        covered = (core.weight * np.minimum(1.0, 1.0 - lacking[:d])).sum()
        return float(covered - (self.scale[d:] * np.maximum(lacking[d:], 0.0)).sum())


def _divide(a: FloatArray, b: FloatArray) -> FloatArray:
    """``a / b``, and 0 where ``b`` is (or so small that this overflows): rows and columns without entries stay."""
    return np.divide(a, b, out=np.zeros(len(a)), where=b > 1e-300)


def _side(core: Core, unit: float) -> tuple[sparse.csr_array, FloatArray, FloatArray]:
    """Rows ``K y >= r`` of groups, pairs, and the number of sites beside a budget, and their scales."""
    k = len(core.sites)
    rows, r, scale = [], [], []
    if len(core.group_min):
        there = np.flatnonzero(core.group >= 0)
        shape = (len(core.group_min), k)
        rows.append(sparse.csr_array((np.ones(len(there)), (core.group[there], there)), shape=shape))
        r.append(core.group_min.astype(np.float64))
        scale.append(np.full(len(core.group_min), unit))
    if (n := len(core.conflicts)) > 0:
        at = np.repeat(np.arange(n), 2), core.conflicts.ravel()
        rows.append(sparse.csr_array((-np.ones(2 * n), at), shape=(n, k)))
        r.append(np.full(n, -1.0))
        scale.append(np.full(n, unit))
    if np.isfinite(core.budget) and core.limit < k:
        rows.append(sparse.csr_array(-np.ones((1, k))))
        r.append(np.array([-float(core.limit)]))
        scale.append(np.array([unit]))
    if not rows:
        return sparse.csr_array((0, k)), np.zeros(0), np.zeros(0)
    return sparse.csr_array(sparse.vstack(rows)), np.concatenate(r), np.concatenate(scale)


def _cut(
    y: FloatArray, step: FloatArray, share: FloatArray, most: float, price: float
) -> tuple[FloatArray, float]:
    """Nearest point with values in 0 … 1 and ``share @ y <= most``, by Newton's method from ``price``.

    Returns
    -------
    (k,) float64
    float
        What one more unit is worth: ``y - price * step * share``, clipped, uses up ``most``.
    """
    cut = np.clip(y, 0.0, 1.0)
    if float((share * cut).sum()) <= most:
        return cut, 0.0
    pace = step * share
    low, high = 0.0, np.inf
    for _ in range(60):
        moved = y - price * pace
        cut = np.clip(moved, 0.0, 1.0)
        excess = float((share * cut).sum()) - most
        if abs(excess) <= 1e-9 * most:
            break
        low, high = (price, high) if excess > 0 else (low, price)
        inside = (moved > 0.0) & (moved < 1.0)
        slope = float((share[inside] * pace[inside]).sum())
        newton = price + excess / slope if slope > 0 else np.nan
        if not low < newton < high:
            newton = (low + high) / 2 if np.isfinite(high) else 2.0 * max(price, 1.0 / float(pace.max()))
        price = newton
    return cut, price
