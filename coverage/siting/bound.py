"""Upper bounds that hold whatever a solver's tolerances: Lagrangian values of any multipliers.

For prices ``demand`` (of ``z_j <= sum_i a_ij y_i``), ``budget``, ``group`` and ``pair``, all at least 0, no plan
covers more than::

    sum_j (w_j - demand_j)^+  +  budget * B  -  sum_g group_g min_g  +  sum_e pair_e
        +  the largest ``limit`` positive values of
           score_i = (A demand)_i - budget c_i + group_{g(i)} - sum_{e with i} pair_e

(Galvão & ReVelle 1996, EJOR 88:114-123, extended by the side constraints.) Good prices come from subgradients
and from linear programs over few candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from .core import Core
from .exact import Relaxation, relaxation
from .interior import interior_point
from .presolve import restrict
from .problem import BoolArray, FloatArray, IntArray

_WHOLE_ENTRIES = 250_000
"""Up to this size of ``reach`` one linear program over all candidates is quickest."""

_DENSE_CANDIDATES = 4000
"""Up to so many candidates the interior point method's dense system is affordable."""
_NEAR = 1e-4
"""Relative accuracy asked of it: what is missing costs a hundredth of a percent of bound."""

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


def subgradient(core: Core, best: float, prices: Prices, rounds: int, stop: Stop) -> Bound:
    """Improve demand prices by deflected subgradients with Polyak's step (Held, Wolfe & Crowder 1974).

    Parameters
    ----------
    best : float
        Worth of a known plan beyond ``core.base``: the value steps aim at.
    """
    found = lagrangian(core, prices)
    if not core.size[1] or not core.plain or core.limit <= 0:
        return found
    now, step, stale = found, 1.0, 0
    direction = np.zeros(core.size[1])
    k = core.size[0]
    mean = np.zeros(k)
    for turn in range(rounds):
        if step < 1e-3 or (turn % 16 == 0 and stop() <= 0):
            break
        top = np.argpartition(-now.score, core.limit - 1)[: core.limit] if core.limit < k else np.arange(k)
        mean *= 0.98
        mean[top] += 0.02
        slope = _counts(core, top) - 1.0
        slope[(now.prices.demand >= core.weight) & (slope < 0)] = 0.0
        direction = 0.4 * slope + 0.6 * direction
        square = float((direction * direction).sum())  # not @: BLAS threads would fight over the cores
        if square <= 0.0:
            break
        moved = now.prices.demand - step * max(now.value - best, 1e-9 * now.value) / square * direction
        now = lagrangian(core, Prices(moved, 0.0, found.prices.group, found.prices.pair))
        better = now.value < found.value * (1 - 1e-6)
        stale = 0 if better else stale + 1
        found = now if now.value < found.value else found
        if stale >= 15:
            step, stale = step * 0.7, 0
            now = found
    return replace(found, plan=mean)


def _counts(core: Core, chosen: IntArray) -> FloatArray:
    """(d,) how many of ``chosen`` reach each demand."""
    return np.bincount(core.reach[chosen].indices, minlength=core.size[1]).astype(np.float64)


def sift(
    core: Core, start: Bound, stop: Stop, *, tolerance: float = 1e-6, report: Callable[[Bound], bool]
) -> Bound:
    """Solve the LP relaxation by linear programs over few candidates, others joining when they pay.

    With few candidates most demands are identical and merge, which keeps the programs small. Each one gives
    prices for all demands (a merged price is shared out along the prices before), which give a bound.

    Parameters
    ----------
    tolerance : float
        Stop when the bound is within this share of the last program's value, which is its lower limit.
    report : callable
        Told of each better bound; sifting stops when it returns True.
    """
    k, _ = core.size
    best = start
    inside = np.zeros(k, dtype=np.bool_)
    size = max(150, 3 * max(core.limit, 1))
    inside[np.argsort(-start.score, kind="stable")[:size]] = True
    if len(start.plan):
        inside[np.argsort(-start.plan, kind="stable")[:size]] = True
    if not core.plain or core.reach.nnz <= _WHOLE_ENTRIES:
        inside[:] = True
    while stop() > 0:
        part = restrict(core, inside, np.empty(0, dtype=np.int64))
        solved = _relaxed(part, stop)
        if solved is None:
            break
        plan = np.zeros(k)
        position = np.full(int(core.sites.max(initial=0)) + 1, -1, dtype=np.int64)
        position[core.sites] = np.arange(k)
        plan[position[part.sites]] = solved.plan
        demand = _share_out(core, part, solved.demand, best.prices.demand)
        now = lagrangian(core, Prices(demand, solved.budget, solved.group, _zero(core, solved.pair)), plan)
        best = replace(min((best, now, *_between(core, best, now)), key=lambda b: b.value), plan=plan)
        if report(best) or inside.all() or now.value <= solved.value * (1 + tolerance):
            break
        inside |= _joining(now.score, inside, core.limit)
    return best


def _relaxed(part: Core, stop: Stop) -> Relaxation | None:
    """LP relaxation: by HiGHS if it is small or has groups or conflicts, else by the method made for it."""
    side = part.group_min.any() or len(part.conflicts)
    if side or part.reach.nnz <= _WHOLE_ENTRIES or part.size[0] > _DENSE_CANDIDATES:
        return relaxation(part, stop())
    found = interior_point(part, stop, _NEAR)
    if found is None:
        return None
    plan, demand, budget = found
    value = float(part.weight @ np.minimum(part.by_demand @ plan, 1.0))
    none = np.zeros(0)
    return Relaxation(value, plan, demand, budget, np.zeros(len(part.group_min)), none)


def _between(core: Core, old: Bound, new: Bound) -> Iterator[Bound]:
    """Bounds of prices on the way from ``old`` to ``new``: the bound is convex, its least is often in between."""
    for step in (0.05, 0.1, 0.2, 0.35, 0.5, 0.75):
        a, b = old.prices, new.prices
        yield lagrangian(
            core,
            Prices(
                a.demand + step * (b.demand - a.demand),
                a.budget + step * (b.budget - a.budget),
                a.group + step * (b.group - a.group),
                a.pair + step * (b.pair - a.pair),
            ),
        )


def _zero(core: Core, pair: FloatArray) -> FloatArray:
    """Prices of pairs, or none where a program left some pairs out."""
    return pair if len(pair) == len(core.conflicts) else np.zeros(len(core.conflicts))


def _joining(score: FloatArray, inside: BoolArray, limit: int) -> BoolArray:
    """(k,) candidates outside that would be chosen at these prices, and the next best of the others."""
    ranked = np.sort(score[inside])[::-1]
    price = max(float(ranked[min(limit, len(ranked)) - 1]), 0.0) if limit else 0.0
    size = int(inside.sum())
    outside = np.flatnonzero(~inside)
    outside = outside[np.argsort(-score[outside], kind="stable")]
    paying = int((score[outside] > price).sum())
    joins = np.zeros(len(score), dtype=np.bool_)
    joins[outside[: min(paying, max(100, size // 2)) + max(50, size // 8)]] = True
    return joins


def _share_out(core: Core, part: Core, price: FloatArray, before: FloatArray) -> FloatArray:
    """(d,) price of each demand from the prices of merged demands of ``part``.

    Demands of one merged demand keep their prices of before, moved towards 0 or their weight until they add
    up. A demand that no candidate of ``part`` reaches is worth all its weight to the others.
    """
    there = np.flatnonzero(part.label >= 0)
    label = part.label[there]
    weight, old = core.weight[there], np.minimum(before[there], core.weight[there])
    total = np.bincount(label, old, len(price))
    target = np.clip(price, 0.0, part.weight)
    up = np.clip((target - total) / np.maximum(part.weight - total, 1e-300), 0.0, 1.0)[label]
    down = np.clip(target / np.maximum(total, 1e-300), 0.0, 1.0)[label]
    demand = core.weight.copy()
    demand[there] = np.where((target >= total)[label], old + up * (weight - old), old * down)
    return demand


def carry_over(prices: Prices, part: Core) -> Prices:
    """Prices for the smaller core ``part``: merged demands are worth what their members were."""
    there = part.label >= 0
    sums = np.bincount(part.label[there], prices.demand[there], len(part.weight))
    demand = np.asarray(sums, dtype=np.float64)
    pair = np.zeros(len(part.conflicts))
    return Prices(demand, prices.budget, prices.group, pair)
