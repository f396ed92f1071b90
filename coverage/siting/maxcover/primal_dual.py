"""LP relaxation of maximum coverage by a first-order primal-dual method: good prices in tenths of a second.

The relaxation is a saddle point over fractional plans ``y`` (between 0 and 1, within the budget or the number of sites)
and prices ``u`` (of demands, between 0 and their weights; of groups, pairs, and of the number beside a budget, at least
0)::

    max_y  min_u   sum_j w_j  +  u' (K y - r)

where the rows of ``K`` are those of ``reach`` by demand and the side constraints. Each round steps up in ``y`` and
down in ``u`` (Chambolle & Pock 2011, J Math Imaging Vis 40:120-145), with one step size a row and column (Pock &
Chambolle 2011, ICCV), reflected and drawn back to where the last restart was (Lu & Yang 2024, Restarted Halpern PDHG
for Linear Programming), with a balance of both steps that is learnt at restarts (Applegate et al. 2021, PDLP, NeurIPS
34). Bounds are taken from its prices by :func:`.bound.lagrangian`, so nothing rests on its accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from .bound import Bound, Prices, Stop, lagrangian
from .core import Core
from .problem import FloatArray

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
