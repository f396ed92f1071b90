"""Other plans that are nearly as good, the price of doing without a site, and what every good plan has."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .problem import FloatArray, IntArray, SitingProblem
from .result import SitingResult, build_order, covered
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
