"""Set covering programs for HiGHS; the model of :mod:`.cover`."""

from __future__ import annotations

import highspy
import numpy as np
from scipy import sparse

from .exact import Integer, begin_with, new_highs, run_highs
from .problem import FloatArray, IntArray


def cover_program(
    by_window: sparse.csr_array, need: IntArray, cost: FloatArray, start: IntArray, seconds: float, gap: float
) -> tuple[Integer, FloatArray]:
    """Cheapest choice with ``need`` sites in each window, from ``start``; and the LP's prices of the windows.

    Parameters
    ----------
    by_window : (w, n) csr_array
    need : (w,) int64, at least 1
    cost : (n,) float64
    start : int64 array
        A choice that serves.
    gap : float
        Relative gap at which to stop.

    Returns
    -------
    Integer
        ``plan`` and ``bound`` (a lower one).
    prices : (w,) float64
        Multipliers at least 0; zeros if the relaxation was not solved.
    """
    w, n = by_window.shape
    scale = 2.0 ** -np.round(np.log2(max(float(cost.max(initial=0.0)), 1e-300)) - 4)
    scale = 1.0 if 1.0 <= cost.max(initial=0.0) <= 1e6 or not cost.any() else float(scale)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n, w
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = scale * cost, np.zeros(n), np.ones(n)
    lp.row_lower_, lp.row_upper_ = need.astype(np.float64), np.full(w, np.inf)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = by_window.indptr, by_window.indices
    lp.a_matrix_.value_ = np.ones(by_window.nnz)
    highs = new_highs(lp, seconds, gap)
    ended, interrupted = run_highs(highs, seconds, lambda: False)
    prices = np.zeros(w)
    if ended and highs.getModelStatus() == highspy.HighsModelStatus.kOptimal:
        prices = np.maximum(np.asarray(highs.getSolution().row_dual) / scale, 0.0)
    if interrupted or not ended:
        return Integer(None, 0.0, False, False, interrupted), prices
    highs.changeColsIntegrality(n, np.arange(n, dtype=np.int32), np.full(n, highspy.HighsVarType.kInteger))
    begin_with(highs, np.isin(np.arange(n), start).astype(np.float64))
    ended, interrupted = run_highs(highs, seconds, lambda: False)
    if not ended:
        return Integer(None, 0.0, False, False, interrupted), prices
    info = highs.getInfo()
    values = np.asarray(highs.getSolution().col_value)
    plan = np.flatnonzero(values > 0.5).astype(np.int64) if info.primal_solution_status == 2 else None
    done = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    bound = max(info.mip_dual_bound / scale, 0.0) if np.isfinite(info.mip_dual_bound) else 0.0
    return Integer(plan, bound, done, False, interrupted), prices
