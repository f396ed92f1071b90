"""The fewest or cheapest new sites so that every stretch holds one (or several): set covering, with proof."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ...errors import Fault
from .problem import FloatArray, IntArray, ProblemError, SitingProblem, make_problem
from .programs import cover_program
from .result import LogLine


@dataclass(frozen=True, eq=False)
class LeastResult:
    """A choice of sites that serves every window that can be served, with its certificate.

    Attributes
    ----------
    chosen : int64 array
        New sites, the one that serves most still unserved windows first; fixed ones are not in it.
    serves : int64 array
        Windows that each one helps to serve, beyond those before it, in this order.
    objective : float
        Cost of the chosen sites (their number, if no costs were given).
    bound : float
        Nothing cheaper serves the same windows.
    gap : float
        ``(objective - bound) / objective``, 0 if both are 0.
    status : str
        ``optimal``, ``gap``, ``time_limit``, ``interrupted``; ``infeasible`` if some window cannot be served: the
        choice then serves all others, and its certificate is for that.
    unserved : int64 array
        Windows that even all candidates together cannot serve.
    reason : Fault or None
        Why the status is ``infeasible``.
    runtime_s : float
    log : tuple of LogLine
    """

    chosen: IntArray
    serves: IntArray
    objective: float
    bound: float
    gap: float
    status: str
    unserved: IntArray
    runtime_s: float
    log: tuple[LogLine, ...] = field(default=(), repr=False)
    reason: Fault | None = None


def least_sites(
    cover: Any,
    *,
    need: int | npt.ArrayLike = 1,
    cost: npt.ArrayLike | None = None,
    fixed: npt.ArrayLike = (),
    forbidden: npt.ArrayLike = (),
    time_limit_s: float = 60.0,
    gap: float = 0.0,
) -> LeastResult:
    """Choose the fewest (or cheapest) new sites so that every window holds ``need`` of them.

    ::

        min   sum_i cost_i y_i
        s.t.  sum_{i in window j} y_i >= need_j      for each window
              y_i = 1 for fixed (at no cost), y_i = 0 for forbidden, y binary

    Parameters
    ----------
    cover : (n, w) array or scipy sparse matrix
        Which site (row) lies in which window (column); see :func:`plugspan.rules.stretches.gap_windows`.
    need : int or (w,) int
        Sites that each window must hold, fixed ones counted; 2 for a backup.
    cost : (n,) float, optional
        1 each by default.
    fixed, forbidden : positions or (n,) bool

    Raises
    ------
    ProblemError
        If the problem makes no sense. Windows that can't be served are no error: see ``LeastResult.unserved``.
    """
    start_s = time.perf_counter()
    windows = cover.shape[1] if hasattr(cover, "shape") else len(np.atleast_2d(cover)[0])
    problem = make_problem(cover, np.ones(windows), n_sites=0, cost=cost, fixed=fixed, forbidden=forbidden)
    wanted = _needs(need, problem.size[1])
    _check(time_limit_s, gap)
    n = problem.size[0]
    open_ = np.ones(n, dtype=np.bool_)
    open_[np.union1d(problem.fixed, problem.forbidden)] = False
    by_window = sparse.csr_array(problem.reach.T.tocsr())
    by_window.sort_indices()
    left = np.maximum(wanted - _held(by_window, problem.fixed), 0)
    possible = _held(by_window, np.flatnonzero(open_))
    unserved = np.flatnonzero(possible < left).astype(np.int64)
    left = np.minimum(left, possible)
    return _solve(problem, by_window, left, open_, unserved, start_s, time_limit_s, gap)


def _solve(
    problem: SitingProblem,
    by_window: sparse.csr_array,
    left: IntArray,
    open_: npt.NDArray[np.bool_],
    unserved: IntArray,
    start_s: float,
    time_limit_s: float,
    gap: float,
) -> LeastResult:
    """Greedy choice, then the program over candidates and windows that matter."""
    rows, columns = np.flatnonzero(left > 0), np.flatnonzero(open_).astype(np.int64)
    part = sparse.csr_array(sparse.csr_array(by_window[rows])[:, columns])
    part.sort_indices()
    cost = problem.cost[columns]
    best = _thin_out(part, left[rows], cost, _greedy(part, left[rows], cost))
    log = [LogLine(time.perf_counter() - start_s, "greedy", float(cost[best].sum()), 0.0)]
    status, bound = "optimal", 0.0
    if len(rows):
        seconds = time_limit_s * 0.97 - (time.perf_counter() - start_s)
        found, prices = cover_program(part, left[rows], cost, best, max(seconds, 0.05), gap)
        if found.plan is not None and _serves(part, left[rows], found.plan):
            tidy = _thin_out(part, left[rows], cost, found.plan)
            best = tidy if cost[tidy].sum() < cost[best].sum() - 1e-12 else best
        objective = float(cost[best].sum())
        bound = _lower(cost, objective, found.bound, _lagrangian(part, left[rows], cost, prices))
        status = _status(objective, bound, gap, found.interrupted)
        log.append(LogLine(time.perf_counter() - start_s, "branch and cut", objective, bound))
    order, serves = _order(part, left[rows], best)
    objective = float(cost[best].sum())
    return LeastResult(
        chosen=columns[order],
        serves=serves,
        objective=objective,
        bound=bound,
        gap=(objective - bound) / objective if objective > bound else 0.0,
        status="infeasible" if len(unserved) else status,
        unserved=unserved,
        runtime_s=time.perf_counter() - start_s,
        log=tuple(log),
        reason=Fault("siting-unserved", values={"count": len(unserved)}) if len(unserved) else None,
    )


def _needs(need: int | npt.ArrayLike, windows: int) -> IntArray:
    """(w,) sites that each window needs."""
    wanted = np.asarray(need)
    sound = wanted.dtype.kind in "iu" and wanted.shape in ((), (windows,)) and not (wanted < 0).any()
    if not sound:
        raise ProblemError([Fault("siting-need", value=need)])
    return np.broadcast_to(wanted, (windows,)).astype(np.int64)


def _check(time_limit_s: float, gap: float) -> None:
    faults = [] if time_limit_s > 0 else [Fault("siting-time-limit", value=time_limit_s)]
    faults += [] if 0 <= gap < np.inf else [Fault("siting-gap", value=gap)]
    if faults:
        raise ProblemError(faults)


def _held(by_window: sparse.csr_array, sites: IntArray) -> IntArray:
    """(w,) how many of ``sites`` lie in each window."""
    there = np.zeros(by_window.shape[1], dtype=np.int64)
    there[sites] = 1
    return np.asarray(by_window.astype(np.int64) @ there)


def _serves(by_window: sparse.csr_array, need: IntArray, plan: IntArray) -> bool:
    return bool((_held(by_window, plan) >= need).all())


def _greedy(by_window: sparse.csr_array, need: IntArray, cost: FloatArray) -> IntArray:
    """Cheapest per window still to be served, again and again (Chvátal 1979); ties to the lowest position."""
    by_site = sparse.csr_array(by_window.T.tocsr())
    left = need.copy()
    chosen: list[int] = []
    helps = np.asarray(by_site.astype(np.int64) @ (left > 0).astype(np.int64)).astype(np.float64)
    while left.any():
        worth = np.where(helps > 0, helps / np.maximum(cost, 1e-300), -1.0)
        worth[chosen] = -1.0
        i = int(worth.argmax())
        chosen.append(i)
        mine = by_site.indices[by_site.indptr[i] : by_site.indptr[i + 1]]
        served = mine[left[mine] == 1]
        left[mine] = np.maximum(left[mine] - 1, 0)
        helps -= np.bincount(sparse.csr_array(by_window[served]).indices, minlength=len(helps))
    return np.array(sorted(chosen), dtype=np.int64)


def _thin_out(by_window: sparse.csr_array, need: IntArray, cost: FloatArray, plan: IntArray) -> IntArray:
    """Drop sites that are not needed, dearest first."""
    spare = _held(by_window, plan) - need
    by_site = sparse.csr_array(by_window.T.tocsr())
    keep = []
    for i in plan[np.lexsort((-plan, -cost[plan]))]:
        mine = by_site.indices[by_site.indptr[i] : by_site.indptr[i + 1]]
        if len(mine) and (spare[mine] == 0).any():
            keep.append(int(i))
        else:
            spare[mine] -= 1
    return np.array(sorted(keep), dtype=np.int64)


def _lagrangian(by_window: sparse.csr_array, need: IntArray, cost: FloatArray, prices: FloatArray) -> float:
    """Lower bound of any prices at least 0: what is paid for the windows, less what sites earn too much."""
    reduced = cost - by_window.T @ prices
    return float(prices @ need + np.minimum(reduced, 0.0).sum())


def _lower(cost: FloatArray, objective: float, *bounds: float) -> float:
    """Best of the bounds, rounded up where all costs are whole numbers."""
    bound = max(0.0, max(bounds) - 1e-9 * float(cost.sum()))
    if np.all(cost == np.rint(cost)):
        bound = float(np.ceil(bound - 1e-4))
    close = objective - bound <= 1e-7 * max(objective, 1e-300)
    return objective if close else min(bound, objective)


def _status(objective: float, bound: float, gap: float, interrupted: bool) -> str:
    if bound >= objective:
        return "optimal"
    if interrupted:
        return "interrupted"
    return "gap" if (objective - bound) <= gap * objective else "time_limit"


def _order(by_window: sparse.csr_array, need: IntArray, plan: IntArray) -> tuple[IntArray, IntArray]:
    """Sites of ``plan``, the one that helps most windows first; ties to the lowest position."""
    by_site = sparse.csr_array(by_window.T.tocsr())
    left, rest, order, serves = need.copy(), plan.tolist(), [], []
    while rest:
        helps = [
            int((left[by_site.indices[by_site.indptr[i] : by_site.indptr[i + 1]]] > 0).sum()) for i in rest
        ]
        place = int(np.argmax(helps))
        i = rest.pop(place)
        mine = by_site.indices[by_site.indptr[i] : by_site.indptr[i + 1]]
        left[mine] = np.maximum(left[mine] - 1, 0)
        order.append(i)
        serves.append(helps[place])
    return np.array(order, dtype=np.int64), np.array(serves, dtype=np.int64)
