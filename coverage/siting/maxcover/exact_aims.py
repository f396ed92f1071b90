"""Programs for HiGHS beyond maximum coverage: the worst of several aims, second cover, limited capacity."""

from __future__ import annotations

import highspy
import numpy as np
from scipy import sparse

from .exact import Integer, begin_with, new_highs, run_highs
from .problem import FloatArray, IntArray, SitingProblem


def _side(problem: SitingProblem, width: int) -> tuple[sparse.csr_array, FloatArray, FloatArray]:
    """Rows for number, budget, groups and conflicts over (n) sites and ``width`` further columns."""
    n, _ = problem.size
    new = np.ones(n)
    new[problem.fixed] = 0.0
    most = n if problem.n_sites is None else problem.n_sites
    blocks, low, high = [sparse.csr_array(new[None, :])], [0.0], [float(most)]
    if problem.budget is not None:
        unit = max(float(problem.cost.max(initial=0.0)), 1e-300)
        blocks.append(sparse.csr_array((new * problem.cost / unit)[None, :]))
        low.append(0.0)
        high.append(problem.budget * (1 + 1e-9) / unit)
    for g in np.flatnonzero(problem.group_min):
        blocks.append(sparse.csr_array((new * (problem.group == g))[None, :]))
        low.append(float(problem.group_min[g]))
        high.append(np.inf)
    for i, k in problem.conflicts.tolist():
        if new[i] or new[k]:
            blocks.append(sparse.csr_array((np.ones(2), (np.zeros(2, int), np.array([i, k]))), shape=(1, n)))
            low.append(0.0)
            high.append(1.0)
    rows = sparse.vstack(blocks)
    wide = sparse.hstack([rows, sparse.csr_array((rows.shape[0], width))])
    return sparse.csr_array(wide), np.array(low), np.array(high)


def _solve(
    problem: SitingProblem,
    matrix: sparse.csr_array,
    low: FloatArray,
    high: FloatArray,
    cost: FloatArray,
    upper: FloatArray,
    start: FloatArray | None,
    seconds: float,
    gap: float,
) -> Integer:
    """Maximise ``cost @ x``; the first n columns are the sites and binary."""
    n, _ = problem.size
    floor, ceiling = np.zeros(len(cost)), upper.copy()
    ceiling[problem.forbidden] = 0.0
    floor[problem.required] = floor[problem.fixed] = 1.0
    scale = 1e4 / max(float(np.abs(cost).max(initial=0.0)), 1e-300)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(cost), matrix.shape[0]
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = -scale * cost, floor, ceiling
    lp.row_lower_, lp.row_upper_ = low, high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
    lp.a_matrix_.value_ = matrix.data.astype(np.float64)
    kinds = [highspy.HighsVarType.kInteger] * n + [highspy.HighsVarType.kContinuous] * (len(cost) - n)
    lp.integrality_ = kinds
    highs = new_highs(lp, seconds, gap)
    if start is not None:
        begin_with(highs, start)
    ended, interrupted = run_highs(highs, seconds, lambda: False)
    if not ended:
        return Integer(None, np.inf, False, False, interrupted)
    info, status = highs.getInfo(), highs.getModelStatus()
    value = np.asarray(highs.getSolution().col_value)
    plan = None
    if info.primal_solution_status == 2:
        plan = np.setdiff1d(np.flatnonzero(value[:n] > 0.5), problem.fixed).astype(np.int64)
    infeasible = status == highspy.HighsModelStatus.kInfeasible
    bound = -info.mip_dual_bound / scale if np.isfinite(info.mip_dual_bound) else np.inf
    done = status == highspy.HighsModelStatus.kOptimal
    return Integer(plan, bound + 1e-9 * abs(bound), done, infeasible, interrupted)


def _built(problem: SitingProblem, plan: IntArray) -> FloatArray:
    """(n,) 1 for the sites of a plan and the fixed ones, else 0."""
    y = np.zeros(problem.size[0])
    y[np.union1d(plan, problem.fixed)] = 1.0
    return y


def worst_program(
    problem: SitingProblem,
    aims: FloatArray,
    mean_share: float,
    start: IntArray | None,
    seconds: float,
    gap: float,
) -> Integer:
    """Maximise ``min_s aims_s z + mean_share * mean_s aims_s z`` over plans; z as in maximum coverage.

    Parameters
    ----------
    aims : (s, m) float64
        One row an aim, already divided by what all of it is worth.
    """
    none = np.zeros(problem.size[0])
    return aims_program(problem, mean_share * aims.mean(axis=0), aims, 1.0, none, start, seconds, gap)


def aims_program(
    problem: SitingProblem,
    linear: FloatArray,
    rows: FloatArray,
    worst: float,
    price: FloatArray,
    start: IntArray | None,
    seconds: float,
    gap: float,
) -> Integer:
    """Maximise ``linear z + worst * min_s rows_s z - price y`` over plans; z as in maximum coverage.

    Parameters
    ----------
    linear : (m,) float64
        What each covered demand adds.
    rows : (s, m) float64
        The least of these sums counts ``worst`` times.
    price : (n,) float64
        What each new site takes away.
    """
    n, m = problem.size
    s = len(rows)
    side, low, high = _side(problem, m + 1)
    reach = sparse.hstack(
        [problem.reach.T.astype(np.float64), -sparse.eye_array(m), sparse.csr_array((m, 1))]
    )
    least = sparse.hstack(
        [sparse.csr_array((s, n)), sparse.csr_array(rows), sparse.csr_array(-np.ones((s, 1)))]
    )
    matrix = sparse.csr_array(sparse.vstack([side, reach, least]))
    low = np.concatenate([low, np.zeros(m + s)])
    high = np.concatenate([high, np.full(m + s, np.inf)])
    new = np.ones(n)
    new[problem.fixed] = 0.0
    cost = np.concatenate([-new * price, linear, [worst]])
    upper = np.concatenate([np.ones(n + m), [float(rows.sum(axis=1).max(initial=0.0))]])
    begin = None
    if start is not None:
        y = _built(problem, start)
        z = np.minimum(problem.reach.T @ y, 1.0)
        begin = np.concatenate([y, z, [float((rows @ z).min(initial=np.inf)) if s else 0.0]])
    return _solve(problem, matrix, low, high, cost, upper, begin, seconds, gap)


def backup_program(
    problem: SitingProblem, backup: float, start: IntArray | None, seconds: float, gap: float
) -> Integer:
    """Maximise ``sum_j w_j ((1 - backup) z1_j + backup z2_j)``, z1 covered at all, z2 covered at least twice."""
    n, m = problem.size
    side, low, high = _side(problem, 2 * m)
    eye = sparse.eye_array(m)
    reach = sparse.hstack([problem.reach.T.astype(np.float64), -eye, -eye])
    order = sparse.hstack([sparse.csr_array((m, n)), eye, -eye])
    matrix = sparse.csr_array(sparse.vstack([side, reach, order]))
    low = np.concatenate([low, np.zeros(2 * m)])
    high = np.concatenate([high, np.full(2 * m, np.inf)])
    cost = np.concatenate([np.zeros(n), (1 - backup) * problem.weight, backup * problem.weight])
    begin = None
    if start is not None:
        y = _built(problem, start)
        count = problem.reach.T.astype(np.float64) @ y
        begin = np.concatenate([y, np.minimum(count, 1.0), np.clip(count - 1.0, 0.0, 1.0)])
    return _solve(problem, matrix, low, high, cost, np.ones(n + 2 * m), begin, seconds, gap)


def capacity_program(
    problem: SitingProblem, room: FloatArray, start: IntArray | None, seconds: float, gap: float
) -> Integer:
    """Maximise ``sum_ij x_ij``, with x_ij <= weight_j y_i, sum_i x_ij <= weight_j, sum_j x_ij <= room_i y_i.

    Parameters
    ----------
    room : (n,) float64
        What each site can serve.
    start : int64 array, optional
        A plan to begin from; what it serves HiGHS works out.
    """
    n, m = problem.size
    pairs = sparse.coo_array(problem.reach)
    site, demand, k = pairs.row, pairs.col, pairs.nnz
    side, low, high = _side(problem, k)
    eye = sparse.eye_array(k)
    at = np.arange(k)
    blocks = [
        side,
        sparse.hstack([sparse.csr_array((m, n)), sparse.csr_array((np.ones(k), (demand, at)), shape=(m, k))]),
        sparse.hstack([sparse.diags_array(-room), sparse.csr_array((np.ones(k), (site, at)), shape=(n, k))]),
        sparse.hstack([sparse.csr_array((-problem.weight[demand], (at, site)), shape=(k, n)), eye]),
    ]
    low = np.concatenate([low, np.full(m + n + k, -np.inf)])
    high = np.concatenate([high, problem.weight, np.zeros(n + k)])
    cost = np.concatenate([np.zeros(n), np.ones(k)])
    upper = np.concatenate([np.ones(n), problem.weight[demand]])
    begin = None
    if start is not None:
        begin = np.concatenate([_built(problem, start), np.zeros(k)])
    matrix = sparse.csr_array(sparse.vstack(blocks))
    return _solve(problem, matrix, low, high, cost, upper, begin, seconds, gap)
