"""Mixed-integer programs with the prices of their rows, and the bounds that prices alone prove."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from .highs import Program, Solver
from .problem import BoolArray, FloatArray

FEASIBLE = 1e-7
"""Slack within which a row counts as kept; rows are scaled to numbers near 1."""
LP_SHARE = 0.5
"""Part of the time that the relaxation may take."""


@dataclass(frozen=True, eq=False)
class PricedProgram:
    """A program to be made small.

    ::

        min   objective · v
        s.t.  low <= matrix v <= high,  0 <= v <= upper,  v_k whole where integer_k

    Attributes
    ----------
    objective : (k,) float64
    matrix : (r, k) csr_array of float64
    low, high : (r,) float64
        Infinite where a row has no such limit.
    upper : (k,) float64
        Finite, so that prices alone give a bound.
    integer : (k,) bool
    unit : float
        The objective of whole solutions is a multiple of it; 0 if it has no such unit.
    """

    objective: FloatArray
    matrix: sparse.csr_array
    low: FloatArray
    high: FloatArray
    upper: FloatArray
    integer: BoolArray
    unit: float = 0.0

    def keeps(self, values: FloatArray) -> bool:
        """Whether values keep every row and limit, and are whole where they must be."""
        rows = self.matrix @ values
        slack = FEASIBLE * np.maximum(1.0, np.asarray(abs(self.matrix).sum(axis=1)).ravel())
        whole = np.abs(values - np.rint(values))[self.integer].max(initial=0.0) <= FEASIBLE
        inside = (values >= -FEASIBLE).all() and (values <= self.upper + FEASIBLE).all()
        return bool(
            whole and inside and (rows >= self.low - slack).all() and (rows <= self.high + slack).all()
        )

    def bound(self, prices: FloatArray) -> float:
        """The least objective that any prices of the rows prove: weak duality, plain arithmetic.

        For every ``v`` that keeps the rows, ``objective · v = prices · (matrix v) + (objective - matrix' prices) · v``.
        The first term is at least each price times the limit that it presses against, the second at least the sum
        of the negative reduced costs times the upper limits.

        Parameters
        ----------
        prices : (r,) float64
            Any numbers; a price that presses against a limit that is not there is taken as 0.
        """
        y = usable(prices, self.low, self.high)
        reduced = self.objective - self.matrix.T @ y
        against = np.where(y > 0, self.low, np.where(y < 0, self.high, 0.0))
        return float(np.sum(y * against) + np.sum(np.minimum(reduced, 0.0) * self.upper))


def usable(prices: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Prices with 0 where they press against a limit that is not there."""
    y = np.where(np.isfinite(prices), prices, 0.0)
    return np.where((y > 0) & ~np.isfinite(low) | (y < 0) & ~np.isfinite(high), 0.0, y)


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solve found.

    Attributes
    ----------
    values : (k,) float64 or None
        The best values; None if none were found.
    objective : float
    bound : float
        No values that keep the rows have a smaller objective; the better one of ``price_bound`` and branch and cut.
    price_bound : float
        What ``prices`` alone prove.
    prices : (r,) float64
        Of the rows, from the relaxation.
    status : str
        ``optimal``, ``time_limit``, ``interrupted`` or ``infeasible``.
    runtime_s : float
    """

    values: FloatArray | None
    objective: float
    bound: float
    price_bound: float
    prices: FloatArray = field(repr=False)
    status: str
    runtime_s: float

    @property
    def gap(self) -> float:
        """``(objective - bound) / |objective|``, 0 if both agree."""
        missing = self.objective - self.bound
        return missing / abs(self.objective) if missing > 0 and self.objective else max(missing, 0.0)


def solve_program(
    program: PricedProgram,
    *,
    start: FloatArray | None = None,
    time_limit_s: float = 20.0,
    gap: float = 0.0,
    watch: Callable[[float, float], None] | None = None,
) -> Solution:
    """Solve a program: relaxation for the prices, then branch and cut from ``start``.

    Parameters
    ----------
    program : PricedProgram
    start : (k,) float64, optional
        Values that keep the rows; what is found is never worse.
    time_limit_s, gap : float
        When to stop with the best so far.
    watch : callable, optional
        Given the best objective and its bound while branch and cut runs, each time one of them changes.

    Returns
    -------
    Solution
        ``optimal`` if nothing better exists, or nothing better by more than ``gap``.
    """
    begun = time.perf_counter()
    prices = np.zeros(program.matrix.shape[0])
    best = start if start is not None and program.keeps(start) else None
    if not program.matrix.shape[1]:
        return _solution(program, np.zeros(0), prices, -np.inf, begun, gap, done=True)
    plain = Program(
        program.objective,
        program.matrix,
        program.low,
        program.high,
        np.zeros(len(program.upper)),
        program.upper,
    )
    solver = Solver(plain, time_limit_s, gap)
    ended = solver.run(time_limit_s * LP_SHARE)
    if ended and solver.infeasible:
        return Solution(None, np.inf, np.inf, -np.inf, prices, "infeasible", time.perf_counter() - begun)
    if ended and solver.optimal:
        prices, relaxed = usable(solver.prices, program.low, program.high), solver.values
        if program.keeps(relaxed):  # whole where it must be: nothing is left to branch on
            best = np.where(program.integer, np.rint(relaxed), relaxed)
            return _solution(program, best, prices, -np.inf, begun, gap, done=True)
    if solver.interrupted or not ended:
        return _solution(program, best, prices, -np.inf, begun, gap, interrupted=solver.interrupted)
    solver.make_integer(np.flatnonzero(program.integer).astype(np.int64))
    if program.unit:
        solver.highs.setOptionValue("mip_abs_gap", 0.999 * program.unit)
    if best is not None:
        solver.begin_with(best)
    seconds = max(time_limit_s - (time.perf_counter() - begun), 0.05)
    solver.highs.setOptionValue("time_limit", solver.highs.getRunTime() + seconds)
    if not solver.run(seconds, _news(solver, watch)):
        return _solution(program, best, prices, -np.inf, begun, gap, interrupted=solver.interrupted)
    if solver.infeasible and best is None:
        return Solution(None, np.inf, np.inf, -np.inf, prices, "infeasible", time.perf_counter() - begun)
    if solver.feasible:
        found = np.clip(np.where(program.integer, np.rint(solver.values), solver.values), 0.0, program.upper)
        if program.keeps(found) and (best is None or program.objective @ found < program.objective @ best):
            best = found
    return _solution(
        program, best, prices, solver.proven, begun, gap, done=solver.optimal, interrupted=solver.interrupted
    )


def _news(solver: Solver, watch: Callable[[float, float], None] | None) -> Callable[[], bool]:
    """What a running solver is polled with: it tells what is new, and never stops it."""
    last = (np.inf, -np.inf)

    def poll() -> bool:
        nonlocal last
        now = (solver.best, solver.bound)
        if watch is not None and now != last and np.isfinite(now).all():
            watch(*now)
        last = now
        return False

    return poll


def _solution(
    program: PricedProgram,
    best: FloatArray | None,
    prices: FloatArray,
    branch_bound: float,
    begun: float,
    gap: float,
    *,
    done: bool = False,
    interrupted: bool = False,
) -> Solution:
    """Put together what is known; a bound of a program with a unit is rounded up to it."""
    objective = float(program.objective @ best) if best is not None else np.inf
    by_prices = round_up(program.bound(prices), program.unit)
    bound = max(by_prices, round_up(branch_bound, program.unit) if np.isfinite(branch_bound) else -np.inf)
    if objective - bound <= 1e-7 * max(1.0, abs(objective)):
        bound = objective
    solved = best is not None and (
        bound >= objective or (done and objective - bound <= gap * abs(objective) + 1e-6)
    )
    status = "optimal" if solved else "interrupted" if interrupted else "time_limit"
    return Solution(best, objective, bound, by_prices, prices, status, time.perf_counter() - begun)


def round_up(bound: float, unit: float) -> float:
    """A lower bound of a multiple of ``unit`` is at least the next multiple (less rounding of sums)."""
    return float(np.ceil(bound / unit - 1e-4) * unit) if unit and np.isfinite(bound) else float(bound)
