"""The only module that speaks to HiGHS: linear relaxation and mixed-integer program of the reduced problem.

A demand that one candidate alone reaches goes into that candidate's objective (singleton aggregation, Chen et
al. 2023); all other demands have a row ``sum_i a_ij y_i - z_j >= 0``.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from .core import Core, spendable
from .problem import BoolArray, FloatArray, IntArray

_POLL_S = 0.05
_GRACE_S = 1.0
"""Seconds after the deadline in which HiGHS may stop by itself before it is told to, and then left behind."""

_LAST_WAIT_S = 30.0


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Optimum of the LP relaxation with its duals (beyond ``core.base``)."""

    value: float
    plan: FloatArray
    demand: FloatArray
    budget: float
    group: FloatArray
    pair: FloatArray


PROVEN_GAP = 1e-6
"""Relative gap up to which a program that HiGHS has finished counts as solved: its own tolerance."""


@dataclass(frozen=True, eq=False)
class Integer:
    """Outcome of the MIP (beyond ``core.base``): best plan or None, bound, and whether HiGHS calls it done."""

    plan: IntArray | None
    bound: float
    done: bool
    infeasible: bool
    interrupted: bool

    def status(self, gap: float, *, stopped: bool) -> str:
        """Status of the best plan with its proven ``gap``; ``stopped``: Ctrl-C came before the program began."""
        if self.done:
            return "optimal" if gap <= PROVEN_GAP else "gap"
        return "interrupted" if stopped or self.interrupted else "time_limit"


@dataclass(frozen=True, eq=False)
class _Model:
    """Rows and columns as passed to HiGHS, and where to find things in them."""

    lp: highspy.HighsLp
    scale: float
    multi: BoolArray
    rows: dict[str, slice] = field(default_factory=dict)


def _scale(weight: FloatArray) -> float:
    """Power of two that brings the weights to a size at which absolute tolerances make sense."""
    largest = float(weight.max(initial=0.0))
    return 1.0 if not largest or 1.0 <= largest <= 1e6 else float(2.0 ** np.round(np.log2(1e4 / largest)))


def _model(core: Core, *, integer: bool) -> _Model:
    """Build the program; minimises, so signs are turned."""
    k, _ = core.size
    multi = np.diff(core.by_demand.indptr) > 1
    singles = np.flatnonzero(~multi)
    scale = _scale(core.weight)
    d = int(multi.sum())
    own = np.bincount(core.by_demand[singles].indices, core.weight[singles], minlength=k)
    blocks = [sparse.hstack([core.by_demand[np.flatnonzero(multi)], -sparse.eye_array(d)])]
    lower, upper = [np.zeros(d)], [np.full(d, np.inf)]
    rows = {"demand": slice(0, d)}
    for name, block, low, high in _side_rows(core):
        start = sum(b.shape[0] for b in blocks)
        rows[name] = slice(start, start + block.shape[0])
        blocks.append(sparse.hstack([block, sparse.csr_array((block.shape[0], d))]))
        lower.append(low)
        upper.append(high)
    matrix = sparse.csr_array(sparse.vstack(blocks))
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = k + d, matrix.shape[0]
    lp.col_cost_ = -scale * np.concatenate([own, core.weight[multi]])
    lp.col_lower_, lp.col_upper_ = np.zeros(k + d), np.ones(k + d)
    lp.row_lower_, lp.row_upper_ = np.concatenate(lower), np.concatenate(upper)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = matrix.indptr
    lp.a_matrix_.index_ = matrix.indices
    lp.a_matrix_.value_ = matrix.data.astype(np.float64)
    if integer:
        kinds = [highspy.HighsVarType.kInteger] * k + [highspy.HighsVarType.kContinuous] * d
        lp.integrality_ = kinds
    return _Model(lp, scale, multi, rows)


def _side_rows(core: Core) -> list[tuple[str, sparse.csr_array, FloatArray, FloatArray]]:
    """Rows beside the demands': count, budget, groups, conflicts; each with its lower and upper limits."""
    k, _ = core.size
    found = [("count", sparse.csr_array(np.ones((1, k))), np.zeros(1), np.array([float(core.limit)]))]
    if np.isfinite(core.budget):
        unit = _cost_unit(core)
        row = sparse.csr_array((core.cost / unit)[None, :])
        found.append(("budget", row, np.zeros(1), np.array([spendable(core.budget) / unit])))
    if core.group_min.any():
        labels = np.flatnonzero(core.group >= 0)
        ones = np.ones(len(labels))
        block = sparse.csr_array((ones, (core.group[labels], labels)), shape=(len(core.group_min), k))
        limits = core.group_min.astype(np.float64), np.full(len(core.group_min), np.inf)
        found.append(("group", block, *limits))
    if len(core.conflicts):
        e = len(core.conflicts)
        at = np.repeat(np.arange(e), 2), core.conflicts.ravel()
        block = sparse.csr_array((np.ones(2 * e), at), shape=(e, k))
        found.append(("pair", block, np.zeros(e), np.ones(e)))
    return found


def _cost_unit(core: Core) -> float:
    """Whole costs stay whole; others are divided by the largest."""
    whole = bool(np.all(core.cost == np.rint(core.cost))) and float(core.cost.max(initial=0.0)) < 1e6
    return 1.0 if whole else float(core.cost.max(initial=1.0)) or 1.0


def new_highs(lp: highspy.HighsLp, seconds: float, gap: float = 0.0) -> Any:
    """HiGHS, silent, deterministic, with the model and the time that is left."""
    make: Any = highspy.Highs
    highs = make()
    for name, value in (("output_flag", False), ("threads", 1), ("random_seed", 0), ("mip_rel_gap", gap)):
        highs.setOptionValue(name, value)
    highs.setOptionValue("time_limit", max(seconds, 0.01))
    highs.passModel(lp)
    return highs


def begin_with(highs: Any, values: FloatArray) -> None:
    """Give HiGHS values of all columns to start from."""
    solution: Any = highspy.HighsSolution()
    solution.col_value = values
    highs.setSolution(solution)


def run_highs(
    highs: Any,
    seconds: float,
    poll: Callable[[], bool],
    idle: Callable[[], object] | None = None,
) -> tuple[bool, bool]:
    """Run HiGHS beside this thread, so that Ctrl-C, the time limit and ``poll`` can stop it.

    Returns
    -------
    ended : bool
        False if it did not stop when told to; it must not be looked at then.
    interrupted : bool
    """
    highs.HandleUserInterrupt = True
    over = threading.Event()

    def work() -> None:
        try:
            highs.run()
        finally:
            over.set()

    # Thread.join must not be asked: when Ctrl-C interrupts it, Python 3.11 and 3.12 take the thread for ended.
    end, told, interrupted = time.perf_counter() + seconds, False, False
    threading.Thread(target=work, daemon=True).start()
    while not over.is_set():
        try:
            while not over.wait(_POLL_S if idle is None else 0.001):
                late = time.perf_counter() - end
                if not told and (interrupted or late > 0 or poll()):
                    highs.cancelSolve()
                    told, end = True, min(end, time.perf_counter())
                elif told and late > _GRACE_S:
                    # A thread of HiGHS that is cut off at exit aborts the process.
                    atexit.register(over.wait, _LAST_WAIT_S)
                    return False, interrupted
                elif idle is not None and not told:
                    idle()
        except KeyboardInterrupt:  # wherever in the loop it comes: HiGHS must be told before anything else
            interrupted = True
        except BaseException:  # the process is to end, but HiGHS first
            highs.cancelSolve()
            atexit.register(over.wait, _LAST_WAIT_S)
            raise
    return True, interrupted


def relaxation(core: Core, seconds: float) -> Relaxation | None:
    """LP relaxation by interior point without crossover; None if it did not finish in time."""
    if not core.size[0] or not core.size[1]:
        return None
    model = _model(core, integer=False)
    highs = new_highs(model.lp, seconds)
    highs.setOptionValue("solver", "ipx")
    highs.setOptionValue("run_crossover", "off")
    ended, interrupted = run_highs(highs, seconds, lambda: False)
    if interrupted:
        raise KeyboardInterrupt
    if not ended or highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    solution = highs.getSolution()
    plan = np.asarray(solution.col_value)[: core.size[0]]
    dual = np.asarray(solution.row_dual) / model.scale
    demand = core.weight.copy()
    demand[model.multi] = dual[model.rows["demand"]]
    budget = -dual[model.rows["budget"]].sum() / _cost_unit(core) if "budget" in model.rows else 0.0
    return Relaxation(
        value=-highs.getInfo().objective_function_value / model.scale,
        plan=np.clip(plan, 0.0, 1.0),
        demand=demand,
        budget=float(budget),
        group=dual[model.rows["group"]] if "group" in model.rows else np.zeros(len(core.group_min)),
        pair=-dual[model.rows["pair"]] if "pair" in model.rows else np.zeros(len(core.conflicts)),
    )


def integer(
    core: Core,
    start: IntArray | None,
    seconds: float,
    *,
    gap: float = 0.0,
    whole: bool = False,
    report: Callable[[float, float], bool] = lambda best, bound: False,
    idle: Callable[[], object] | None = None,
) -> Integer:
    """Mixed-integer program by branch and cut, from ``start`` if there is one.

    Parameters
    ----------
    gap : float
        Relative gap at which to stop.
    whole : bool
        All objectives are whole numbers: a difference below 1 is none.
    report : callable
        Told (best, bound) beyond ``core.base`` as they move; returns True to stop.
    idle : callable, optional
        Called again and again while HiGHS works beside; should return within a tenth of a second.
    """
    model = _model(core, integer=True)
    highs = new_highs(model.lp, seconds, gap)
    highs.setOptionValue("mip_abs_gap", 0.999 * model.scale if whole else 1e-7)
    highs.setOptionValue("mip_feasibility_tolerance", 1e-9 if np.isfinite(core.budget) else 1e-6)
    if start is not None:
        begin_with(highs, _values(core, model, start))
    seen = {"best": -np.inf, "bound": np.inf}

    def watch(event: Any) -> None:
        seen["best"] = -event.data_out.mip_primal_bound / model.scale
        seen["bound"] = -event.data_out.mip_dual_bound / model.scale

    highs.cbMipInterrupt.subscribe(watch)
    ended, interrupted = run_highs(highs, seconds, lambda: report(seen["best"], seen["bound"]), idle)
    if not ended:
        return Integer(None, safe(seen["bound"], core), False, False, interrupted)
    status = highs.getModelStatus()
    infeasible = status == highspy.HighsModelStatus.kInfeasible
    info = highs.getInfo()
    value = np.asarray(highs.getSolution().col_value)[: core.size[0]]
    plan = np.flatnonzero(value > 0.5).astype(np.int64) if info.primal_solution_status == 2 else None
    if plan is not None and not core.allows(plan):
        plan = None
    bound = safe(-info.mip_dual_bound / model.scale, core)
    return Integer(plan, bound, status == highspy.HighsModelStatus.kOptimal, infeasible, interrupted)


def safe(bound: float, core: Core) -> float:
    """Return HiGHS's bound, raised by what its dual tolerance (1e-7 a column, relative) may hide."""
    return bound + 1e-9 * float(core.weight.sum()) if np.isfinite(bound) else float("inf")


def _values(core: Core, model: _Model, plan: IntArray) -> FloatArray:
    """``plan`` as values of all columns."""
    y = np.zeros(core.size[0])
    y[plan] = 1.0
    z = np.minimum(core.by_demand @ y, 1.0)[model.multi]
    return np.concatenate([y, z])
