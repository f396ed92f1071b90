"""Plans that stand a failure: what is left with any one site out of order, backup coverage, scenarios."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ...errors import Fault
from .problem import FloatArray, IntArray, ProblemError, SitingProblem, canonical, check_reach
from .programs import backup_program
from .result import build_order, relative_gap
from .solve import solve


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
    faults: list[Fault] = []
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
