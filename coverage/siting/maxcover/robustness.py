"""How much hangs on single sites: other plans, the price of doing without a site, failures, backup, scenarios."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ...errors import Diagnostics, Fault
from .problem import FloatArray, IntArray, ProblemError, SitingProblem, canonical, check_reach
from .programs import backup_program
from .result import SitingResult, build_order, covered, relative_gap
from .solve import solve


@dataclass(frozen=True, eq=False)
class Alternative:
    """A plan beside the best one: its sites in build order, objective, and how many sites the best one has not."""

    chosen: IntArray
    objective: float
    differs: int


@dataclass(frozen=True, eq=False)
class Alternatives:
    """What surrounds a plan.

    Attributes
    ----------
    plans : tuple of Alternative
        Plans within ``tolerance`` of the result's objective, each differing as much as possible from those
        before it (and from the result).
    price : (len(chosen),) float64
        Weight that is lost without each chosen site, the others placed anew as well as was found.
    price_low : (len(chosen),) float64
        It is proven that at least this much is lost (0 where nothing is proven).
    share : (len(chosen),) float64
        Share of the good plans found (the result among them) that have each chosen site.
    essential : (len(chosen),) bool
        Proven: no plan without this site comes within ``tolerance``.
    tolerance : float
    runtime_s : float
    """

    plans: tuple[Alternative, ...]
    price: FloatArray
    price_low: FloatArray
    share: FloatArray
    essential: np.ndarray[tuple[int], np.dtype[np.bool_]]
    tolerance: float
    runtime_s: float


def alternatives(
    problem: SitingProblem,
    result: SitingResult,
    *,
    n_plans: int = 5,
    tolerance: float = 0.01,
    time_limit_s: float = 30.0,
    seed: int = 0,
) -> Alternatives:
    """Do without each chosen site in turn, then without many at once, and keep what is nearly as good.

    Parameters
    ----------
    tolerance : float
        A plan is good if it covers at least ``(1 - tolerance)`` of the result's objective.

    Raises
    ------
    KeyboardInterrupt
        At Ctrl-C: prices of some sites only would mislead.
    """
    start_s = time.perf_counter()
    pool: dict[tuple[int, ...], float] = {tuple(sorted(result.chosen.tolist())): result.objective}
    share_s = 0.7 * time_limit_s / max(len(result.chosen), 1)
    price, low = np.zeros(len(result.chosen)), np.zeros(len(result.chosen))
    required = set(problem.required.tolist())
    for place, site in enumerate(result.chosen.tolist()):
        if site in required:
            price[place] = low[place] = np.inf
            continue
        other = _without(problem, [site], max(share_s, 0.05), seed)
        price[place] = (
            max(result.objective - other.objective, 0.0) if len(other.chosen) else result.gain[place]
        )
        low[place] = max(result.objective - other.bound, 0.0) if np.isfinite(other.bound) else 0.0
        _keep(pool, other, result.objective, tolerance)
        if other.status == "interrupted":
            raise KeyboardInterrupt
    for banned in _many(result, price, tolerance, seed):
        if time.perf_counter() - start_s > time_limit_s:
            break
        other = _without(problem, banned, max(share_s, 0.05), seed)
        if other.status == "interrupted":
            raise KeyboardInterrupt
        _keep(pool, other, result.objective, tolerance)
    plans = _most_different(problem, result, pool, n_plans)
    share = np.array([np.mean([site in plan for plan in pool]) for site in result.chosen.tolist()])
    essential = low > tolerance * result.objective
    return Alternatives(plans, price, low, share, essential, tolerance, time.perf_counter() - start_s)


def _without(problem: SitingProblem, sites: list[int], time_limit_s: float, seed: int) -> SitingResult:
    """Best plan without ``sites``, to within 0.1 % or the time."""
    banned = np.union1d(problem.forbidden, np.array(sites, dtype=np.int64))
    return solve(replace(problem, forbidden=banned), time_limit_s=time_limit_s, gap=1e-3, seed=seed)


def _many(result: SitingResult, price: FloatArray, tolerance: float, seed: int) -> Iterator[list[int]]:
    """Yield sets of cheap-to-miss sites to do without at once: all of them, then random halves."""
    rng = np.random.default_rng(seed)
    cheap = result.chosen[price <= tolerance * result.objective]
    if len(cheap) < 2:
        return
    yield cheap.tolist()
    for _ in range(12):
        size = int(rng.integers(1, len(cheap)))
        yield sorted(rng.choice(cheap, size, replace=False).tolist())


def _keep(
    pool: dict[tuple[int, ...], float], other: SitingResult, objective: float, tolerance: float
) -> None:
    """Note a plan that is good."""
    if other.objective >= (1 - tolerance) * objective:
        pool[tuple(sorted(other.chosen.tolist()))] = other.objective


def _most_different(
    problem: SitingProblem, result: SitingResult, pool: dict[tuple[int, ...], float], n_plans: int
) -> tuple[Alternative, ...]:
    """Pick plans one after the other, each furthest from those picked; ties to the better, then the first."""
    best = set(result.chosen.tolist())
    picked = [best]
    found: list[Alternative] = []
    rest = [plan for plan in sorted(pool) if set(plan) != best]
    while rest and len(found) < n_plans:
        distance = [min(len(p ^ set(plan)) for p in picked) for plan in rest]
        place = max(range(len(rest)), key=lambda i: (distance[i], pool[rest[i]], -i))
        plan = rest.pop(place)
        picked.append(set(plan))
        order, _ = build_order(problem, np.array(plan, dtype=np.int64))
        hit = covered(problem, np.union1d(problem.fixed, order))
        found.append(Alternative(order, float(problem.weight[hit].sum()), len(set(plan) - best)))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Failures:
    """What is left when one site is out of order.

    Attributes
    ----------
    site : int64 array
        Fixed and chosen sites, sorted.
    left : float64 array
        Weight still covered without each of them.
    worst, mean : float
        Least and mean of ``left``; with no site at all both are 0.
    twice : float
        Weight covered by two sites or more: no single failure uncovers it.
    """

    site: IntArray
    left: FloatArray
    worst: float
    mean: float
    twice: float


def failures(problem: SitingProblem, chosen: npt.ArrayLike) -> Failures:
    """Weight still covered with any one site out of order, fixed ones included."""
    sites = np.union1d(problem.fixed, np.asarray(chosen, dtype=np.int64))
    part = sparse.csr_array(problem.reach[sites]).astype(np.float64)
    count = part.T @ np.ones(len(sites))
    whole = float(problem.weight[count > 0].sum())
    left = whole - part @ np.where(count == 1, problem.weight, 0.0)
    worst, mean = (float(left.min()), float(left.mean())) if len(left) else (0.0, 0.0)
    return Failures(sites, left, worst, mean, float(problem.weight[count > 1].sum()))


@dataclass(frozen=True, eq=False)
class BackupResult:
    """A plan for backup coverage: sites in build order, weight covered once and twice, certificate, failures."""

    chosen: IntArray
    once: float
    twice: float
    objective: float
    bound: float
    gap: float
    status: str
    failures: Failures
    runtime_s: float
    reason: Fault | None = None


def backup_coverage(
    problem: SitingProblem,
    *,
    backup: float = 0.3,
    time_limit_s: float = 60.0,
    gap: float = 1e-4,
    seed: int = 0,
) -> BackupResult:
    """Maximise ``(1 - backup) × weight covered + backup × weight covered at least twice`` (Hogan & ReVelle 1986).

    Parameters
    ----------
    backup : float
        In 0 … 0.5: up to a half, first cover is never worth less than second.

    Raises
    ------
    ProblemError
        If ``backup`` is out of range.
    """
    if not 0 <= backup <= 0.5:
        raise ProblemError([Fault("siting-backup", value=backup)])
    start_s = time.perf_counter()
    begin = solve(problem, time_limit_s=0.3 * time_limit_s, gap=1e-2, seed=seed)
    plan = begin.chosen if np.isfinite(begin.objective) else None
    left_s = 0.0 if begin.status == "interrupted" else time_limit_s - (time.perf_counter() - start_s) - 0.2
    seconds = max(left_s, 0.05)
    found = backup_program(problem, backup, plan, seconds, gap)
    options = [p for p in (plan, found.plan) if p is not None]
    if not options:
        nothing = np.empty(0, dtype=np.int64)
        status = "infeasible" if found.infeasible or begin.status == "infeasible" else "unknown"
        none, elapsed = float("nan"), time.perf_counter() - start_s
        reason = begin.reason or (Fault("siting-no-choice") if status == "infeasible" else None)
        lost = failures(problem, nothing)
        return BackupResult(nothing, none, none, none, none, none, status, lost, elapsed, reason)
    best = max(options, key=lambda p: backup_value(problem, p, backup))
    once, twice = _covered(problem, best)
    objective = backup_value(problem, best, backup)
    bound = max(min(found.bound, float(problem.weight.sum())), objective)
    reached = relative_gap(objective, bound)
    return BackupResult(
        build_order(problem, best)[0],
        once,
        twice,
        objective,
        bound,
        reached,
        found.status(reached, stopped=begin.status == "interrupted"),
        failures(problem, best),
        time.perf_counter() - start_s,
    )


def _covered(problem: SitingProblem, plan: IntArray) -> tuple[float, float]:
    """Weight covered by at least one, and by at least two sites."""
    y = np.zeros(problem.size[0])
    y[np.union1d(plan, problem.fixed)] = 1.0
    count = problem.reach.T.astype(np.float64) @ y
    return float(problem.weight[count > 0].sum()), float(problem.weight[count > 1].sum())


def backup_value(problem: SitingProblem, plan: IntArray, backup: float) -> float:
    """What :func:`backup_coverage` maximises, for a plan beside the fixed sites."""
    once, twice = _covered(problem, plan)
    return (1 - backup) * once + backup * twice


def scenario_problem(
    problem: SitingProblem,
    weights: npt.ArrayLike | None = None,
    reaches: Sequence[Any] | None = None,
) -> tuple[SitingProblem, FloatArray]:
    """Put scenarios side by side as demands: maximum coverage of it maximises the mean over scenarios.

    Parameters
    ----------
    weights : (s, m) float, optional
        Demand in each scenario; that of the problem by default.
    reaches : s matrices (n, m), optional
        Who reaches whom in each scenario (a bridge closed, a slower road); that of the problem by default.

    Returns
    -------
    problem : SitingProblem
        With ``s × m`` demands; weights are divided by ``s``.
    aims : (s, s × m) float64
        A row per scenario, for :func:`.aims.worst_served`.

    Raises
    ------
    ProblemError
        If shapes or numbers of scenarios don't match, or a weight is negative or not finite.
    """
    n, m = problem.size
    rows = np.atleast_2d(problem.weight if weights is None else np.asarray(weights, dtype=np.float64))
    s = max(len(rows), 1 if reaches is None else len(reaches))
    faults = Diagnostics()
    matrices = [problem.reach] * s if reaches is None else [check_reach(r, faults) for r in reaches]
    if faults:
        raise ProblemError(faults)
    rows = np.repeat(rows, s, axis=0) if len(rows) == 1 else rows
    shapes = {matrix.shape for matrix in matrices} | {(n, rows.shape[1])}
    if shapes != {(n, m)} or len(matrices) != s or len(rows) != s:
        raise ProblemError([Fault("siting-scenarios", values={"n_sites": n, "n_demands": m})])
    if not np.isfinite(rows).all() or (rows < 0).any():
        bad = int((~np.isfinite(rows) | (rows < 0)).sum())
        raise ProblemError([Fault("siting-negative", values={"name": "weights", "count": bad, "first": 0})])
    reach = canonical(sparse.csr_array(sparse.hstack(matrices).tocsr()))
    aims = np.zeros((s, s * m))
    for k in range(s):
        aims[k, k * m : (k + 1) * m] = rows[k]
    return replace(problem, reach=reach, weight=aims.sum(axis=0) / s, demand_ids=None), aims
