"""Mixed-integer programs with the prices of their rows, and the bounds that prices alone prove."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from .highs import Program, Solver
from .problem import BoolArray, FloatArray, IntArray

FEASIBLE = 1e-7
"""Slack within which a row counts as kept; rows are scaled to numbers near 1."""
LP_SHARE = 0.5
"""Part of the time that the relaxation may take."""
TIME_LIMIT_S = 600.0
LARGE = 150_000
"""Entries of a matrix above which the relaxation is solved by an interior point and branched on in parts."""
INTERIOR: dict[str, object] = {"solver": "ipm", "run_crossover": "off", "ipm_iteration_limit": 300}
WORK = 2e7
"""Looks of branch and cut times entries of the matrix, for an effort of 1."""
FEWEST_LOOKS = 20
PARTS = (300,)
"""Whole columns of a large program that are branched on at once."""
ROUGH = 1e-3
"""Gap of the parts that only look for better values."""


Watch = Callable[[float, float], None] | None


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
        ``optimal``, ``work_limit``, ``interrupted`` or ``infeasible``.
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
    effort: float = 1.0,
    time_limit_s: float = TIME_LIMIT_S,
    gap: float = 0.0,
    watch: Watch = None,
) -> Solution:
    """Solve a program: relaxation for the prices, then branch and cut from ``start``.

    Large programs are branched on in parts: the columns that the relaxation thinks best, then those that its prices
    can't rule out of a better solution.

    Parameters
    ----------
    program : PricedProgram
    start : (k,) float64, optional
        Values that keep the rows; what is found is never worse.
    effort : float
        How much work branch and cut may do, 1 by default: counted, not timed, so that the same program gives the same
        values on every machine.
    time_limit_s : float
        When to stop whatever is reached by then: only so that nothing runs for ever.
    gap : float
        Relative gap at which to stop.
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
    large = program.matrix.nnz > LARGE
    solver = Solver(_relaxed(program), time_limit_s, gap, **(INTERIOR if large else {}))
    ended = solver.run(time_limit_s * LP_SHARE)
    if ended and solver.infeasible:
        return Solution(None, np.inf, np.inf, -np.inf, prices, "infeasible", time.perf_counter() - begun)
    if ended and solver.optimal:
        prices, relaxed = usable(solver.prices, program.low, program.high), solver.values
        # Whole where it must be: nothing is left to branch on.
        whole = _rounded(program, relaxed)
        if program.keeps(relaxed) and program.keeps(whole):
            if best is None or program.objective @ whole < program.objective @ best:
                best = whole
            if not large:
                return _solution(program, best, prices, -np.inf, begun, gap, done=True)
    if solver.interrupted or not ended:
        return _solution(program, best, prices, -np.inf, begun, gap, interrupted=solver.interrupted)
    work = _Work(gap, effort, begun + time_limit_s, watch)
    if large and solver.optimal:
        best, branched = _in_parts(program, best, prices, relaxed, work)
    else:
        solver.make_integer(np.flatnonzero(program.integer).astype(np.int64))
        best, branched = _branch(solver, program, best, work)
    if branched.infeasible and best is None:
        return Solution(None, np.inf, np.inf, -np.inf, prices, "infeasible", time.perf_counter() - begun)
    done, interrupted = branched.done, branched.interrupted
    return _solution(program, best, prices, branched.bound, begun, gap, done=done, interrupted=interrupted)


def _rounded(program: PricedProgram, values: FloatArray) -> FloatArray:
    """Values made whole where they must be, and claims exactly what they can be then."""
    found = np.clip(np.where(program.integer, np.rint(values), values), 0.0, program.upper)
    rows, column = _claims(program, program.matrix, np.arange(len(found)))
    found[column] = np.clip(found[column] + program.matrix[rows] @ found, 0.0, 1.0)
    return np.asarray(found, dtype=np.float64)


@dataclass(frozen=True)
class _Work:
    """How far branch and cut goes; see :func:`solve_program`. ``end`` is on the clock of ``perf_counter``."""

    gap: float
    effort: float
    end: float
    watch: Watch


@dataclass(frozen=True)
class _Branched:
    """How branch and cut ended."""

    bound: float = -np.inf
    done: bool = False
    interrupted: bool = False
    infeasible: bool = False


def _relaxed(program: PricedProgram) -> Program:
    lower = np.zeros(len(program.upper))
    return Program(program.objective, program.matrix, program.low, program.high, lower, program.upper)


def _branch(
    solver: Solver, program: PricedProgram, best: FloatArray | None, work: _Work
) -> tuple[FloatArray | None, _Branched]:
    """Branch and cut with a solver that knows the program; the best values, and how it ended."""
    if program.unit:
        solver.highs.setOptionValue("mip_abs_gap", 0.999 * program.unit)
    if best is not None:
        solver.begin_with(best)
    solver.looks = max(int(work.effort * WORK / max(program.matrix.nnz, 1)), FEWEST_LOOKS)
    seconds = max(work.end - time.perf_counter(), 0.05)
    solver.highs.setOptionValue("time_limit", solver.highs.getRunTime() + seconds)
    if not solver.run(seconds, _news(solver, work.watch)):
        return best, _Branched(interrupted=solver.interrupted)
    if solver.infeasible:
        return best, _Branched(infeasible=True)
    if solver.feasible:
        found = _rounded(program, solver.values)
        if program.keeps(found) and (best is None or program.objective @ found < program.objective @ best):
            best = found
    return best, _Branched(solver.proven, solver.optimal, solver.interrupted)


# -- large programs in parts -----------------------------------------------------------------------------


def _in_parts(
    program: PricedProgram,
    best: FloatArray | None,
    prices: FloatArray,
    relaxed: FloatArray,
    work: _Work,
) -> tuple[FloatArray | None, _Branched]:
    """Branch on the columns that the relaxation thinks best, then on all that a better solution may have.

    A solution with a column costs at least the bound of the prices and the column's reduced cost: if that is no less
    than the best solution, no better one has it (reduced-cost fixing). Without those columns the bound of branch and
    cut holds for every better solution.
    """
    reduced = program.objective - program.matrix.T @ prices
    bound = program.bound(prices)
    ended = _Branched()
    for most in PARTS:
        room = np.inf if best is None else float(program.objective @ best) - bound
        perhaps = np.maximum(reduced, 0.0) < room
        held = relaxed > 1e-4
        if best is not None:
            held |= best > 0.5
        whole = program.integer & (perhaps | held)
        exact = int(whole.sum()) <= most
        if not exact:
            rank = np.argsort(np.where(held, -np.inf, reduced), kind="stable")
            rank = rank[program.integer[rank]][: max(most, int((held & program.integer).sum()))]
            whole = np.zeros(len(whole), np.bool_)
            whole[rank] = True
        part, spread = _narrowed(program, whole | ~program.integer)
        # What branch and cut proves of a part is reported only where it holds for the whole.
        mine = replace(
            work,
            gap=work.gap if exact else max(work.gap, ROUGH),
            effort=work.effort / len(PARTS),
            watch=work.watch if exact else None,
        )
        solver = Solver(_whole(part), work.end - time.perf_counter(), mine.gap)
        begin = None if best is None else _values_of(part, spread, best)
        values, ended = _branch(solver, part, begin, mine)
        if values is not None:
            found = spread @ values
            if program.keeps(found) and (
                best is None or program.objective @ found < program.objective @ best
            ):
                best = found
        if ended.interrupted or (exact and not ended.infeasible):
            return best, ended
    return best, _Branched(interrupted=ended.interrupted)


def _whole(program: PricedProgram) -> Program:
    plain = _relaxed(program)
    return replace(plain, integer=program.integer)


def _values_of(part: PricedProgram, spread: sparse.csr_array, values: FloatArray) -> FloatArray | None:
    """Values of all columns as those of a part."""
    first = spread.T.tocsr()
    counts = np.asarray(first.sum(axis=1)).ravel()
    mine = np.asarray(first @ values) / np.maximum(counts, 1.0)
    return mine if part.keeps(mine) else None


def _narrowed(program: PricedProgram, keep: BoolArray) -> tuple[PricedProgram, sparse.csr_array]:
    """The program with the other columns 0, and the (k, k') matrix that turns its values into those of all columns.

    Columns ``z`` that stand in one row ``a·x - z >= 0`` each and are worth having all reach the same when their ``a``
    agree: without the other columns many do, and one column with their joint worth stands for them.
    """
    at = np.flatnonzero(keep & (program.upper > 0))
    matrix = sparse.csr_array(program.matrix[:, at])
    claims, column = _claims(program, matrix, at)
    digits = np.random.default_rng(0).random(len(at))
    digits[~program.integer[at]] = 0.0
    _, first, same = np.unique(
        np.round(np.asarray(matrix[claims] @ digits), 9), return_index=True, return_inverse=True
    )
    label = np.arange(len(at))
    label[column] = column[first[same.ravel()]]
    kept, number = np.unique(label, return_inverse=True)
    join = sparse.csr_array((np.ones(len(at)), (np.arange(len(at)), number)), shape=(len(at), len(kept)))
    rows = np.ones(matrix.shape[0], np.bool_)
    rows[np.delete(claims, first)] = False
    part = PricedProgram(
        objective=np.asarray(join.T @ program.objective[at]),
        matrix=sparse.csr_array((matrix @ join)[np.flatnonzero(rows)]),
        low=program.low[rows],
        high=program.high[rows],
        upper=program.upper[at][kept],
        integer=program.integer[at][kept],
        unit=program.unit,
    )
    place = sparse.csr_array(
        (np.ones(len(at)), (at, np.arange(len(at)))), shape=(len(program.upper), len(at))
    )
    return part, sparse.csr_array(place @ join)


def _claims(program: PricedProgram, matrix: sparse.csr_array, at: IntArray) -> tuple[IntArray, IntArray]:
    """Rows ``a·x - z >= 0`` whose ``z`` claims nothing else and is worth having; their columns ``z``."""
    entries = matrix.tocoo()
    loose = ~program.integer[at][entries.col]
    row, col, amount = entries.row[loose], entries.col[loose], entries.data[loose]
    taken = np.bincount(col[amount < 0], minlength=len(at))  # rows that the column makes harder
    alone = np.bincount(row, minlength=matrix.shape[0]) == 1
    open_row = (program.low == 0) & np.isinf(program.high)
    harder_above = np.bincount(col, np.isfinite(program.high)[row] & (amount > 0), minlength=len(at)) > 0
    good = (program.objective[at] <= 0) & (program.upper[at] == 1) & (taken == 1) & ~harder_above
    fits = (amount == -1.0) & alone[row] & open_row[row] & good[col]
    return row[fits].astype(np.int64), col[fits].astype(np.int64)


def _news(solver: Solver, watch: Watch) -> Callable[[], bool]:
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
    status = "optimal" if solved else "interrupted" if interrupted else "work_limit"
    return Solution(best, objective, bound, by_prices, prices, status, time.perf_counter() - begun)


def round_up(bound: float, unit: float) -> float:
    """A lower bound of a multiple of ``unit`` is at least the next multiple (less rounding of sums)."""
    return float(np.ceil(bound / unit - 1e-4) * unit) if unit and np.isfinite(bound) else float(bound)
