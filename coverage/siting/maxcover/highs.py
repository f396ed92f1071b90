"""The one interface to HiGHS: programs as arrays in; values, prices and bounds out; Ctrl-C and the clock stop it."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from .problem import BoolArray, FloatArray, IntArray

_POLL_S = 0.05
_GRACE_S = 1.0
"""Seconds after the deadline in which HiGHS may stop by itself before it is asked to, and then left behind."""

_LAST_WAIT_S = 30.0
"""A thread of HiGHS that is cut off at exit aborts the process: it is waited for so long."""


@dataclass(frozen=True, eq=False)
class Program:
    """A linear or mixed-integer program, to be made small.

    ::

        min   objective · v
        s.t.  low <= matrix v <= high,  lower <= v <= upper,  v_k whole where integer_k

    Attributes
    ----------
    objective, lower, upper : (k,) float64
    matrix : (r, k) csr_array of float64
    low, high : (r,) float64
        Infinite where a row has no such limit.
    integer : (k,) bool, optional
        None: no column has to be whole.
    """

    objective: FloatArray
    matrix: sparse.csr_array
    low: FloatArray
    high: FloatArray
    lower: FloatArray
    upper: FloatArray
    integer: BoolArray | None = None


HASTE = threading.Event()
"""Set when the best so far is wanted now: this solve and all after it stop as by Ctrl-C, and what follows goes on.

A plan is the outcome of many solves with other work between them; a KeyboardInterrupt there would end the whole run.
"""


class Solver:
    """HiGHS with a program: silent, on one thread, the same answer each time.

    Parameters
    ----------
    program : Program
    seconds : float
        Time that HiGHS gives itself.
    gap : float
        Relative gap at which branch and cut stops.
    **options
        Further options of HiGHS by name.

    Attributes
    ----------
    interrupted : bool
        Whether Ctrl-C came in a run.
    looks : float
        Branch and cut stops when it has looked up so often: a measure of its work that no clock has part in.
    best, bound : float
        Objective of the best values and its lower limit, as branch and cut reports them while it runs.
    """

    def __init__(self, program: Program, seconds: float, gap: float = 0.0, **options: object) -> None:
        make: Any = highspy.Highs
        self.highs = make()
        fixed = {"output_flag": False, "threads": 1, "random_seed": 0, "mip_rel_gap": gap}
        for name, value in {**fixed, "time_limit": max(seconds, 0.01)}.items():
            self.highs.setOptionValue(name, value)
        self.highs.passModel(_as_highs(program))
        for option, setting in options.items():
            self.highs.setOptionValue(option, setting)
        self.highs.cbMipInterrupt.subscribe(self._watch)
        self.interrupted = False
        self.looks = np.inf
        self.best, self.bound = np.inf, -np.inf

    def begin_with(self, values: FloatArray) -> None:
        """Give values of all columns to start from."""
        solution: Any = highspy.HighsSolution()
        solution.col_value = values
        self.highs.setSolution(solution)

    def make_integer(self, columns: IntArray) -> None:
        """Ask for whole numbers in more columns; the next run starts from what this one knows."""
        kinds = np.full(len(columns), highspy.HighsVarType.kInteger)
        self.highs.changeColsIntegrality(len(columns), columns.astype(np.int32), kinds)

    def run(
        self,
        seconds: float,
        poll: Callable[[], bool] = lambda: False,
        idle: Callable[[], object] | None = None,
    ) -> bool:
        """Run HiGHS beside this thread, so that Ctrl-C, the time limit and ``poll`` can stop it.

        Parameters
        ----------
        seconds : float
        poll : callable
            True to stop.
        idle : callable, optional
            Called again and again meanwhile; should return within a tenth of a second.

        Returns
        -------
        bool
            False if it did not stop when asked to; it must not be looked at then.
        """
        self.highs.HandleUserInterrupt = True
        over = threading.Event()

        def work() -> None:
            try:
                self.highs.run()
            finally:
                over.set()

        # Thread.join must not be asked: when Ctrl-C interrupts it, Python 3.11 and 3.12 take the thread for ended.
        end, stopping, interrupted = time.perf_counter() + seconds, False, False
        try:
            threading.Thread(target=work, daemon=True).start()
            while not over.is_set():
                try:
                    while not over.wait(_POLL_S if idle is None else 0.001):
                        late = time.perf_counter() - end
                        if HASTE.is_set():
                            self.interrupted = interrupted = True
                        if not stopping and (interrupted or late > 0 or poll()):
                            self.highs.cancelSolve()
                            stopping, end = True, min(end, time.perf_counter())
                        elif stopping and late > _GRACE_S:
                            atexit.register(over.wait, _LAST_WAIT_S)
                            return False
                        elif idle is not None and not stopping:
                            idle()
                except (
                    KeyboardInterrupt
                ):  # wherever in the loop it comes: HiGHS must be asked to stop before anything else
                    self.interrupted = interrupted = True
        except BaseException:  # the process is to end, but HiGHS first
            self.highs.cancelSolve()
            atexit.register(over.wait, _LAST_WAIT_S)
            raise
        return True

    def _watch(self, event: Any) -> None:
        self.best, self.bound = event.data_out.mip_primal_bound, event.data_out.mip_dual_bound
        self.looks -= 1
        if self.looks < 0:
            event.interrupt()

    @property
    def optimal(self) -> bool:
        """Whether HiGHS calls its answer the best, within the gap."""
        return bool(self.highs.getModelStatus() == highspy.HighsModelStatus.kOptimal)

    @property
    def infeasible(self) -> bool:
        """Whether no values keep the rows."""
        return bool(self.highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible)

    @property
    def feasible(self) -> bool:
        """Whether :attr:`values` keep the rows."""
        return bool(
            self.highs.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        )

    @property
    def values(self) -> FloatArray:
        """(k,) values of the columns."""
        return np.asarray(self.highs.getSolution().col_value)

    @property
    def prices(self) -> FloatArray:
        """(r,) dual values of the rows of a linear program."""
        return np.asarray(self.highs.getSolution().row_dual)

    @property
    def objective(self) -> float:
        """Objective of :attr:`values`."""
        return float(self.highs.getInfo().objective_function_value)

    @property
    def proven(self) -> float:
        """Lower limit of the objective by branch and cut, which may be infinite."""
        return float(self.highs.getInfo().mip_dual_bound)


def _as_highs(program: Program) -> highspy.HighsLp:
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = program.matrix.shape
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.objective, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.low, program.high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = program.matrix.indptr, program.matrix.indices
    lp.a_matrix_.value_ = program.matrix.data.astype(np.float64)
    if program.integer is not None:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(whole)] for whole in program.integer]
    return lp
