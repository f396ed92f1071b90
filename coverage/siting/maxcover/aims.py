"""Several aims at once: weighted sums, the Pareto front of two, the worst-served group."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...errors import Fault
from .problem import FloatArray, IntArray, ProblemError, SitingProblem
from .programs import aims_program, worst_program
from .result import SitingResult, build_order, covered, relative_gap
from .solve import solve


@dataclass(frozen=True, eq=False)
class AimsResult:
    """A plan and what it is worth for each aim.

    Attributes
    ----------
    chosen : int64 array
        New sites in build order (by the sum of all aims).
    values : (s,) float64
        Share of each aim that is reached: what is covered of it, divided by all of it.
    objective, bound, gap : float
        Of what was maximised (the worst share, or the weighted sum).
    status : str
        One of :data:`.result.STATUSES`.
    runtime_s : float
    reason : Fault or None
        Why there is no plan, if that is known.
    """

    chosen: IntArray
    values: FloatArray
    objective: float
    bound: float
    gap: float
    status: str
    runtime_s: float
    reason: Fault | None = None


def as_shares(problem: SitingProblem, aims: npt.ArrayLike) -> FloatArray:
    """(s, m) aims, each divided by its sum; an aim without any weight stays 0.

    Raises
    ------
    ProblemError
        If the shape doesn't match or a value is negative or not finite.
    """
    rows = np.asarray(aims, dtype=np.float64)
    m = problem.size[1]
    if rows.ndim != 2 or rows.shape[1] != m or not len(rows):
        raise ProblemError(
            [Fault("siting-length", values={"name": "aims", "expected": m, "shape": tuple(rows.shape)})]
        )
    if not np.isfinite(rows).all() or (rows < 0).any():
        bad = ~np.isfinite(rows) | (rows < 0)
        where = {"name": "aims", "count": int(bad.sum()), "first": int(np.argmax(bad.any(axis=0)))}
        raise ProblemError(
            [Fault("siting-negative" if np.isfinite(rows).all() else "siting-not-finite", values=where)]
        )
    total = rows.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(rows, total, out=np.zeros_like(rows), where=total > 0))


def weighted_aims(
    problem: SitingProblem,
    aims: npt.ArrayLike,
    importance: npt.ArrayLike,
    *,
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    seed: int = 0,
) -> AimsResult:
    """Maximise the weighted sum of the aims' shares: maximum coverage with mixed weights.

    Parameters
    ----------
    aims : (s, m) float
        What each demand is worth for each aim (people, highway km, vehicles per day, …).
    importance : (s,) float
        Weights of the aims; only their proportions matter.
    time_limit_s, gap, seed
        As in :func:`.solve.max_coverage`.

    Returns
    -------
    AimsResult
        ``objective`` is the weighted sum, ``values`` are the (s,) shares.

    Raises
    ------
    ProblemError
        If the aims or their importances don't fit the problem, are negative or not finite.
    """
    start_s = time.perf_counter()
    rows, weight = as_shares(problem, aims), np.asarray(importance, dtype=np.float64)
    if (
        weight.shape != (len(rows),)
        or not np.isfinite(weight).all()
        or (weight < 0).any()
        or not weight.sum() > 0
    ):
        raise ProblemError([Fault("siting-importance", value=importance, values={"expected": len(rows)})])
    mixed = weight / weight.sum() @ rows
    found = solve(replace(problem, weight=mixed), time_limit_s=time_limit_s, gap=gap, seed=seed)
    return AimsResult(
        found.chosen,
        _values(problem, rows, found.chosen),
        found.objective,
        found.bound,
        found.gap,
        found.status,
        time.perf_counter() - start_s,
        found.reason,
    )


def _values(problem: SitingProblem, rows: FloatArray, chosen: IntArray) -> FloatArray:
    """(s,) share of each aim that fixed and chosen sites cover."""
    return np.asarray(rows[:, covered(problem, np.union1d(problem.fixed, chosen))].sum(axis=1))


def mixed_aims(
    problem: SitingProblem,
    linear: npt.ArrayLike,
    rows: npt.ArrayLike,
    worst: float,
    price: npt.ArrayLike,
    *,
    time_limit_s: float = 60.0,
    gap: float = 1e-4,
    seed: int = 0,
) -> AimsResult:
    """Maximise ``linear z + worst × least of (rows z) - price y``: aims that add up, equity and cost together.

    Without equity and cost it is maximum coverage; else the whole program goes to HiGHS (thousands of demands).

    Parameters
    ----------
    linear : (m,) float
        Worth of each covered demand: aims as shares, times their importance.
    rows : (s, m) float
        Shares of each county; the least sum counts ``worst`` times.
    price : (n,) float
        What each new site takes away: importance of cost × its share of the money.

    Returns
    -------
    AimsResult
        ``values``: the three terms of the sum (:func:`mixed_values`).
    """
    start_s = time.perf_counter()
    weight, shares, prices = (np.asarray(x, dtype=np.float64) for x in (linear, rows, price))
    plain = replace(problem, weight=weight + (worst * shares.mean(axis=0) if len(shares) and worst else 0.0))
    rest = worst > 0 or bool(prices.any())
    first_s, first_gap = (0.3 * time_limit_s, 1e-2) if rest else (time_limit_s, gap)
    begin = solve(plain, time_limit_s=first_s, gap=first_gap, seed=seed)
    if begin.status == "infeasible":
        return _no_plan(begin, 3)
    options = [begin.chosen] if np.isfinite(begin.objective) else []
    bound, found = begin.bound, None
    stopped = begin.status == "interrupted"
    if rest:
        left_s = 0.0 if stopped else time_limit_s - (time.perf_counter() - start_s) - 0.2
        start = options[0] if options else None
        found = aims_program(problem, weight, shares, worst, prices, start, max(left_s, 0.05), gap)
        options += [found.plan] if found.plan is not None else []
        bound = found.bound
    if not options:
        return _no_plan(begin, 3)
    values = [mixed_values(problem, weight, shares, worst, prices, p) for p in options]
    best = max(range(len(options)), key=lambda i: float(values[i].sum()))
    objective = float(values[best].sum())
    bound = max(min(bound, float(weight.sum() + worst)), objective)
    order, _ = build_order(plain, options[best])
    reached = relative_gap(objective, bound)
    status = begin.status if found is None else found.status(reached, stopped=stopped)
    elapsed = time.perf_counter() - start_s
    return AimsResult(order, values[best], objective, bound, reached, status, elapsed)


def mixed_values(
    problem: SitingProblem,
    linear: FloatArray,
    rows: FloatArray,
    worst: float,
    price: FloatArray,
    plan: IntArray,
) -> FloatArray:
    """(3,) the terms of :func:`mixed_aims` for a plan: aims that add up, the worst share, minus the price."""
    hit = covered(problem, np.union1d(problem.fixed, plan))
    least = float(rows[:, hit].sum(axis=1).min()) if len(rows) else 0.0
    return np.array([float(linear[hit].sum()), worst * least, -float(price[plan].sum())])


def _no_plan(begin: SitingResult, size: int) -> AimsResult:
    """Nothing was found, or nothing is possible."""
    status = "infeasible" if begin.status == "infeasible" else "unknown"
    none = np.empty(0, dtype=np.int64)
    return AimsResult(none, np.zeros(size), np.nan, np.nan, np.nan, status, begin.runtime_s, begin.reason)


def pareto_front(
    problem: SitingProblem,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    n_points: int = 9,
    time_limit_s: float = 60.0,
    gap: float = 1e-3,
    seed: int = 0,
) -> list[AimsResult]:
    """Pareto front of two aims that add up; see :func:`pareto_curve`.

    Parameters
    ----------
    first, second : (m,) float
        What each demand is worth for each of the two.
    n_points : int
        So many weighted sums are solved at most; they share ``time_limit_s``.

    Returns
    -------
    list of AimsResult
        From the best for the first aim to the best for the second; ``values`` are the two shares.

    Raises
    ------
    ProblemError
        As :func:`weighted_aims`.
    """
    aims = np.stack([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)])
    share_s = time_limit_s / max(n_points, 2)

    def at(weight: float) -> AimsResult:
        return weighted_aims(problem, aims, [1 - weight, weight], time_limit_s=share_s, gap=gap, seed=seed)

    return pareto_curve(at, n_points=n_points, time_limit_s=time_limit_s)


def pareto_curve(
    at: Callable[[float], AimsResult], *, n_points: int = 9, time_limit_s: float = 60.0
) -> list[AimsResult]:
    """Pareto front of two aims: plans that weighted sums can reach, from all first to all second.

    Between two neighbours the weights that make both equally good are tried next (the non-inferior set
    estimation of Cohon, Church & Sheer 1979). Plans beaten in both aims are left out. Ctrl-C ends it with what is
    there.

    Parameters
    ----------
    at : callable
        The best plan when the second aim weighs so much (0 … 1) and the first the rest; ``values`` are the two.
    """
    start_s = time.perf_counter()
    points = [at(1e-6), at(1 - 1e-6)]
    tried = 2
    queue = [(points[0], points[1])] if all(np.isfinite(p.objective) for p in points) else []
    while queue and tried < n_points and time.perf_counter() - start_s < time_limit_s:
        if points[-1].status == "interrupted":
            break
        queue.sort(key=lambda pair: -float(np.abs(pair[0].values - pair[1].values).prod()))
        a, b = queue.pop(0)
        gain, loss = b.values[1] - a.values[1], a.values[0] - b.values[0]
        if gain <= 1e-9 or loss <= 1e-9:
            continue
        between = at(float(loss / (gain + loss)))
        tried += 1
        if not any(np.allclose(between.values, p.values, rtol=0, atol=1e-9) for p in points):
            points.append(between)
            queue += [(a, between), (between, b)]
    points = [p for p in points if np.isfinite(p.objective)]
    kept = [p for p in points if not any(_beats(q, p) for q in points)]
    unique = {tuple(np.round(p.values, 12)): p for p in kept}
    return [unique[key] for key in sorted(unique, reverse=True)]


def _beats(a: AimsResult, b: AimsResult) -> bool:
    return bool((a.values >= b.values).all() and (a.values > b.values + 1e-12).any())


def worst_served(
    problem: SitingProblem,
    aims: npt.ArrayLike,
    *,
    time_limit_s: float = 60.0,
    gap: float = 1e-4,
    seed: int = 0,
) -> AimsResult:
    """Maximise the share of the worst-served aim: equity between counties, or the worst scenario.

    For counties, ``aims`` has a row per county with the demand of the others set to 0
    (:func:`by_group`); for scenarios a row per scenario. Among plans with the same worst share the one with
    the better mean is preferred (it counts a thousandth). Exact by branch and cut, from the best
    weighted sum; meant for thousands of demands, not for tens of thousands. ``objective`` is the least share.

    Parameters
    ----------
    aims : (s, m) float
        What each demand is worth for each aim; an aim without any weight is left out.

    Raises
    ------
    ProblemError
        If the shape of ``aims`` doesn't match or a value is negative or not finite.
    """
    start_s = time.perf_counter()
    rows = as_shares(problem, aims)
    rows = rows[rows.sum(axis=1) > 0] if rows.any() else rows
    begin = solve(
        replace(problem, weight=rows.mean(axis=0)), time_limit_s=0.3 * time_limit_s, gap=1e-2, seed=seed
    )
    if begin.status == "infeasible":
        return _no_plan(begin, len(rows))
    plan = begin.chosen if np.isfinite(begin.objective) else None
    stopped = begin.status == "interrupted"
    bound = 1.0
    # first the mean counts a little, then not at all: that proves the worst share itself
    for mean_share in (1e-3, 0.0):
        left_s = 0.05 if stopped else max(time_limit_s - (time.perf_counter() - start_s) - 0.2, 0.05)
        found = worst_program(problem, rows, mean_share, plan, left_s, gap)
        options = [p for p in (plan, found.plan) if p is not None]
        if not options:
            return _no_plan(begin, len(rows))
        plan = max(options, key=lambda p: _worth(_values(problem, rows, p)))
        # the mean is never below the worst, so worst + mean_share * worst <= the program's bound
        bound = min(bound, found.bound / (1 + mean_share))
        stopped = stopped or found.interrupted
        objective = float(_values(problem, rows, plan).min())
        if stopped or not found.done or relative_gap(objective, bound) <= max(gap, 1e-9):
            break
    assert plan is not None
    order, _ = build_order(replace(problem, weight=rows.sum(axis=0)), plan)
    values = _values(problem, rows, plan)
    bound = max(bound, objective)
    rest = relative_gap(objective, bound)
    status = found.status(rest, stopped=stopped)
    return AimsResult(order, values, objective, bound, rest, status, time.perf_counter() - start_s)


def _worth(values: FloatArray) -> float:
    return float(values.min() + 1e-3 * values.mean())


def by_group(weight: npt.ArrayLike, group: npt.ArrayLike) -> FloatArray:
    """(g, m) rows for :func:`worst_served`: the weights of each group of demands, 0 elsewhere (-1: no group)."""
    weights, labels = np.asarray(weight, dtype=np.float64), np.asarray(group, dtype=np.int64)
    count = int(labels.max(initial=-1)) + 1
    rows = np.zeros((count, len(weights)))
    known = np.flatnonzero(labels >= 0)
    rows[labels[known], known] = weights[known]
    return rows
