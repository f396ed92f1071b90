"""Maximum coverage when a site can only serve so much: plugs against demand."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from ..errors import Fault
from .problem import FloatArray, IntArray, ProblemError, SitingProblem, make_problem
from .result import relative_gap


@dataclass(frozen=True, eq=False)
class CapacityResult:
    """A plan with its certificate, and who is served where.

    Attributes
    ----------
    chosen : int64 array
        New sites, the one that serves most first.
    served : (n, m) csr_array of float64
        Weight of each demand (column) that each site (row) serves, fixed sites included.
    objective, bound, gap : float
        Weight served, a limit that no plan exceeds, and the relative gap between them.
    status : str
        ``optimal``, ``time_limit``, ``infeasible`` or ``unknown``, as in :data:`.result.STATUSES`.
    runtime_s : float
    """

    chosen: IntArray
    served: sparse.csr_array
    objective: float
    bound: float
    gap: float
    status: str
    runtime_s: float


def capacitated_coverage(
    reach: Any,
    weight: npt.ArrayLike,
    capacity: npt.ArrayLike,
    *,
    n_sites: int | None = None,
    budget: float | None = None,
    cost: npt.ArrayLike | None = None,
    fixed: npt.ArrayLike = (),
    time_limit_s: float = 60.0,
) -> CapacityResult:
    """Choose sites that serve the most weight, none more than its capacity.

    ::

        max   sum_ij x_ij
        s.t.  sum_i x_ij <= weight_j             a demand may be split between sites
              sum_j x_ij <= capacity_i y_i       a site serves no more than it can, and nothing if not built
              x_ij <= weight_j y_i               (tightens the relaxation; Current & Storbeck 1988)
              sum_{i new} y_i <= n_sites,  sum_{i new} cost_i y_i <= budget,  y_i = 1 for fixed, y binary

    Parameters
    ----------
    reach, weight, n_sites, budget, cost, fixed
        As in :func:`.solve.max_coverage`.
    capacity : (n,) float
        Weight each site can serve, in the unit of ``weight``; infinite for no limit.
    time_limit_s : float

    Raises
    ------
    ProblemError
        If the problem makes no sense, with all its faults.

    Notes
    -----
    Solved as one program by HiGHS: exact up to some hundred sites and some ten thousand pairs of ``reach``.
    """
    started = time.perf_counter()
    problem = make_problem(reach, weight, n_sites=n_sites, budget=budget, cost=cost, fixed=fixed)
    room = _checked(capacity, problem)
    pairs = sparse.coo_array(problem.reach)
    site, demand = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
    n, k = problem.size[0], len(site)
    answer = milp(
        np.concatenate([np.zeros(n), -np.ones(k)]),
        integrality=np.concatenate([np.ones(n), np.zeros(k)]),
        bounds=_bounds(problem, demand),
        constraints=_constraints(problem, room, site, demand),
        options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
    )
    elapsed = time.perf_counter() - started
    if answer.x is None:
        empty = sparse.csr_array(problem.reach.shape)
        status = "infeasible" if answer.status == 2 else "unknown"
        nan = float("nan")
        return CapacityResult(
            np.empty(0, np.int64), empty, nan, float(problem.weight.sum()), nan, status, elapsed
        )
    built = answer.x[:n] > 0.5
    amount = np.where(built[site], np.clip(answer.x[n:], 0.0, None), 0.0)
    served = sparse.csr_array((amount, (site, demand)), shape=problem.reach.shape)
    chosen = np.setdiff1d(np.flatnonzero(built), problem.fixed)
    load = np.asarray(served.sum(axis=1)).ravel()
    chosen = chosen[np.lexsort((chosen, -load[chosen]))]
    chosen = chosen[load[chosen] > 0].astype(np.int64)
    objective = float(amount.sum())
    # The solver's bound holds to its tolerance: a part in a billion of the whole is added, unless it says the same.
    slack = 1e-9 * float(problem.weight.sum())
    bound = -float(answer.mip_dual_bound)
    bound = objective if bound <= objective + slack else bound + slack
    gap = relative_gap(objective, bound)
    status = "optimal" if answer.status == 0 and gap <= 1e-6 else "time_limit"
    return CapacityResult(chosen, served, objective, bound, gap, status, elapsed)


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


def _bounds(problem: SitingProblem, demand: IntArray) -> Bounds:
    low = np.zeros(problem.size[0])
    low[problem.fixed] = 1.0
    upper = np.concatenate([np.ones(problem.size[0]), problem.weight[demand]])
    return Bounds(np.concatenate([low, np.zeros(len(demand))]), upper)


def _constraints(
    problem: SitingProblem, room: FloatArray, site: IntArray, demand: IntArray
) -> list[LinearConstraint]:
    n, m = problem.size
    k = len(site)
    column = n + np.arange(k)
    ones = np.ones(k)
    rows = [
        (sparse.csr_array((ones, (demand, column)), shape=(m, n + k)), problem.weight),
        (
            sparse.csr_array(
                (
                    np.concatenate([ones, -room]),
                    (np.concatenate([site, np.arange(n)]), np.concatenate([column, np.arange(n)])),
                ),
                shape=(n, n + k),
            ),
            np.zeros(n),
        ),
        (
            sparse.csr_array(
                (
                    np.concatenate([ones, -problem.weight[demand]]),
                    (np.concatenate([np.arange(k), np.arange(k)]), np.concatenate([column, site])),
                ),
                shape=(k, n + k),
            ),
            np.zeros(k),
        ),
    ]
    new = np.ones(n)
    new[problem.fixed] = 0.0
    for limit, factor in ((problem.n_sites, new), (problem.budget, new * problem.cost)):
        if limit is not None:
            rows.append(
                (sparse.csr_array(np.concatenate([factor, np.zeros(k)])[None]), np.array([float(limit)]))
            )
    return [LinearConstraint(matrix, -np.inf, upper) for matrix, upper in rows]
