"""Maximum coverage when a site can only serve so much: plugs against demand."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linprog

from ...errors import Fault
from .problem import FloatArray, IntArray, ProblemError, SitingProblem, make_problem
from .programs import capacity_program
from .result import relative_gap
from .solve import solve


@dataclass(frozen=True, eq=False)
class CapacityResult:
    """A plan with its certificate, and who is served where.

    Attributes
    ----------
    chosen : int64 array
        New sites, the one that serves most first; a site that serves nothing is left out, unless it is required.
    served : (n, m) csr_array of float64
        Weight of each demand (column) that each site (row) serves, fixed sites included.
    objective, bound, gap : float
        Weight served, a limit that no plan exceeds, and the relative gap between them.
    status : str
        ``optimal``, ``gap``, ``time_limit``, ``interrupted``, ``infeasible`` or ``unknown``, as in
        :data:`.result.STATUSES`.
    runtime_s : float
    reason : Fault or None
        Why there is no plan, if that is known.
    """

    chosen: IntArray
    served: sparse.csr_array
    objective: float
    bound: float
    gap: float
    status: str
    runtime_s: float
    reason: Fault | None = None


def capacitated_coverage(
    reach: Any,
    weight: npt.ArrayLike,
    capacity: npt.ArrayLike,
    *,
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    seed: int = 0,
    **limits: Any,
) -> CapacityResult:
    """Choose sites that serve the most weight, none more than its capacity.

    ::

        max   sum_ij x_ij
        s.t.  sum_i x_ij <= weight_j             a demand may be split between sites
              sum_j x_ij <= capacity_i y_i       a site serves no more than it can, and nothing if not built
              x_ij <= weight_j y_i               (tightens the relaxation; Current & Storbeck 1988)
              and the limits of maximum coverage on y

    Parameters
    ----------
    reach, weight
        As in :func:`.solve.max_coverage`.
    capacity : (n,) float
        Weight each site can serve, in the unit of ``weight``; infinite for no limit.
    time_limit_s, gap, seed
        As in :func:`.solve.max_coverage`.
    **limits
        ``n_sites``, ``budget``, ``cost``, ``fixed``, ``required``, ``forbidden``, ``group``, ``group_min``,
        ``conflicts``: see :class:`.problem.SitingProblem`.

    Raises
    ------
    ProblemError
        If the problem makes no sense, with all its faults.

    Notes
    -----
    Solved as one program by HiGHS: exact up to some hundred sites and some ten thousand pairs of ``reach``.
    """
    problem = make_problem(reach, weight, **limits)
    return capacity_plan(problem, capacity, time_limit_s=time_limit_s, gap=gap, seed=seed)


def capacity_plan(
    problem: SitingProblem,
    capacity: npt.ArrayLike,
    *,
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    seed: int = 0,
) -> CapacityResult:
    """:func:`capacitated_coverage` of a problem that is made already; Ctrl-C gives the best so far."""
    started = time.perf_counter()
    room = _checked(capacity, problem)
    begin = solve(problem, time_limit_s=0.3 * time_limit_s, gap=1e-2, seed=seed)
    if begin.status == "infeasible":
        return _no_plan(problem, "infeasible", begin.reason, started)
    plan = begin.chosen if np.isfinite(begin.objective) else None
    seconds = max(time_limit_s - (time.perf_counter() - started) - 0.2, 0.05)
    found = capacity_program(problem, room, plan, 0.05 if begin.status == "interrupted" else seconds, gap)
    flows = [(p, served_by(problem, room, p)) for p in (plan, found.plan) if p is not None]
    if not flows:
        reason = Fault("siting-no-choice") if found.infeasible else None
        return _no_plan(problem, "infeasible" if found.infeasible else "unknown", reason, started)
    best, served = max(flows, key=lambda pair: float(pair[1].sum()))
    load = np.asarray(served.sum(axis=1)).ravel()
    best = best[(load[best] > 0) | np.isin(best, problem.required) | _needed(problem, best)]
    objective = float(served.sum())
    # The solver's bound holds to its tolerance: a part in a billion of the whole is added, unless it says the same.
    slack = 1e-9 * float(problem.weight.sum())
    bound = min(found.bound, float(problem.weight.sum()))
    bound = objective if bound <= objective + slack else bound + slack
    rest = relative_gap(objective, bound)
    status = found.status(rest, stopped=begin.status == "interrupted")
    order = best[np.lexsort((best, -load[best]))].astype(np.int64)
    return CapacityResult(order, served, objective, bound, rest, status, time.perf_counter() - started)


def _needed(problem: SitingProblem, plan: IntArray) -> npt.NDArray[np.bool_]:
    """(len(plan),) whether a site stands in a group with a minimum."""
    return np.append(problem.group_min, 0)[problem.group[plan]] > 0


def _no_plan(problem: SitingProblem, status: str, reason: Fault | None, started: float) -> CapacityResult:
    empty, nan = sparse.csr_array(problem.reach.shape), float("nan")
    bound = nan if status == "infeasible" else float(problem.weight.sum())
    nothing, elapsed = np.empty(0, np.int64), time.perf_counter() - started
    return CapacityResult(nothing, empty, nan, bound, nan, status, elapsed, reason)


def served_by(problem: SitingProblem, capacity: npt.ArrayLike, plan: npt.ArrayLike) -> sparse.csr_array:
    """(n, m) weight that fixed and chosen sites serve at best, none more than its capacity: a maximum flow.

    Raises
    ------
    ProblemError
        If a capacity is negative or NaN.
    """
    room = _checked(capacity, problem)
    sites = np.union1d(problem.fixed, np.asarray(plan, dtype=np.int64))
    pairs = sparse.coo_array(problem.reach)
    there = np.isin(pairs.row, sites) & (problem.weight[pairs.col] > 0) & (room[pairs.row] > 0)
    site, demand = pairs.row[there], pairs.col[there]
    k = len(site)
    if not k:
        return sparse.csr_array(problem.reach.shape)
    at = np.arange(k)
    limits = sparse.vstack(
        [
            sparse.csr_array((np.ones(k), (site, at)), shape=(problem.size[0], k)),
            sparse.csr_array((np.ones(k), (demand, at)), shape=(problem.size[1], k)),
        ]
    )
    highs: Any = linprog  # its stubs know no sparse matrices
    answer = highs(
        -np.ones(k), A_ub=limits.tocsr(), b_ub=np.concatenate([room, problem.weight]), method="highs"
    )
    amount = np.clip(answer.x, 0.0, problem.weight[demand])
    served = sparse.csr_array((amount, (site, demand)), shape=problem.reach.shape)
    served.eliminate_zeros()
    return served


def _checked(capacity: npt.ArrayLike, problem: SitingProblem) -> FloatArray:
    """(n,) capacity, none larger than what the site could ever serve."""
    given = np.asarray(capacity, dtype=np.float64).ravel()
    if given.shape != (problem.size[0],):
        values = {"got": len(given), "expected": problem.size[0]}
        raise ProblemError([Fault("siting-capacity-shape", values=values)])
    if np.isnan(given).any() or (given < 0).any():
        where = int(np.flatnonzero(np.isnan(given) | (given < 0))[0])
        raise ProblemError([Fault("siting-capacity-value", value=float(given[where]), values={"at": where})])
    reachable = np.asarray(problem.reach.astype(np.float64) @ problem.weight).ravel()
    room: FloatArray = np.minimum(given, reachable)
    return room
