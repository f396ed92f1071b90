"""The programs that HiGHS solves: maximum coverage (relaxed, whole), several aims, backup, capacity, set covering.

In maximum coverage a demand that one candidate alone reaches goes into that candidate's objective (singleton
aggregation, Chen et al. 2023); all other demands have a row ``sum_i a_ij y_i - z_j >= 0``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from .highs import Program, Solver
from .problem import BoolArray, FloatArray, IntArray, SitingProblem
from .reduced_problem import Core, spendable


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
    """The program, its scale, and where to find things in it."""

    program: Program
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
    program = Program(
        objective=-scale * np.concatenate([own, core.weight[multi]]),
        matrix=matrix,
        low=np.concatenate(lower),
        high=np.concatenate(upper),
        lower=np.zeros(k + d),
        upper=np.ones(k + d),
        integer=np.arange(k + d) < k if integer else None,
    )
    return _Model(program, scale, multi, rows)


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


def relaxation(core: Core, seconds: float) -> Relaxation | None:
    """LP relaxation by interior point without crossover; None if it did not finish in time."""
    if not core.size[0] or not core.size[1]:
        return None
    model = _model(core, integer=False)
    solver = Solver(model.program, seconds, solver="ipx", run_crossover="off")
    ended = solver.run(seconds)
    if solver.interrupted:
        raise KeyboardInterrupt
    if not ended or not solver.optimal:
        return None
    dual = solver.prices / model.scale
    demand = core.weight.copy()
    demand[model.multi] = dual[model.rows["demand"]]
    budget = -dual[model.rows["budget"]].sum() / _cost_unit(core) if "budget" in model.rows else 0.0
    return Relaxation(
        value=-solver.objective / model.scale,
        plan=np.clip(solver.values[: core.size[0]], 0.0, 1.0),
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
    options = {
        "mip_abs_gap": 0.999 * model.scale if whole else 1e-7,
        "mip_feasibility_tolerance": 1e-9 if np.isfinite(core.budget) else 1e-6,
    }
    solver = Solver(model.program, seconds, gap, **options)
    if start is not None:
        solver.begin_with(_values(core, model, start))

    def poll() -> bool:
        return report(-solver.best / model.scale, -solver.bound / model.scale)

    if not solver.run(seconds, poll, idle):
        return Integer(None, safe(-solver.bound / model.scale, core), False, False, solver.interrupted)
    plan = np.flatnonzero(solver.values[: core.size[0]] > 0.5).astype(np.int64) if solver.feasible else None
    if plan is not None and not core.allows(plan):
        plan = None
    bound = safe(-solver.proven / model.scale, core)
    return Integer(plan, bound, solver.optimal, solver.infeasible, solver.interrupted)


def safe(bound: float, core: Core) -> float:
    """Return HiGHS's bound, raised by what its dual tolerance (1e-7 a column, relative) may hide."""
    return bound + 1e-9 * float(core.weight.sum()) if np.isfinite(bound) else float("inf")


def _values(core: Core, model: _Model, plan: IntArray) -> FloatArray:
    """``plan`` as values of all columns."""
    y = np.zeros(core.size[0])
    y[plan] = 1.0
    z = np.minimum(core.by_demand @ y, 1.0)[model.multi]
    return np.concatenate([y, z])


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
    whole = np.arange(len(cost)) < n
    solver = Solver(Program(-scale * cost, matrix, low, high, floor, ceiling, whole), seconds, gap)
    if start is not None:
        solver.begin_with(start)
    if not solver.run(seconds):
        return Integer(None, np.inf, False, False, solver.interrupted)
    plan = None
    if solver.feasible:
        plan = np.setdiff1d(np.flatnonzero(solver.values[:n] > 0.5), problem.fixed).astype(np.int64)
    bound = -solver.proven / scale if np.isfinite(solver.proven) else np.inf
    return Integer(plan, bound + 1e-9 * abs(bound), solver.optimal, solver.infeasible, solver.interrupted)


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


def cover_program(
    by_window: sparse.csr_array, need: IntArray, cost: FloatArray, start: IntArray, seconds: float, gap: float
) -> tuple[Integer, FloatArray]:
    """Cheapest choice with ``need`` sites in each window, from ``start``, and the relaxation's prices of the windows.

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
    no_limit = np.full(w, np.inf)
    program = Program(
        scale * cost, by_window.astype(np.float64), need.astype(np.float64), no_limit, np.zeros(n), np.ones(n)
    )
    solver = Solver(program, seconds, gap)
    ended = solver.run(seconds)
    prices = np.zeros(w)
    if ended and solver.optimal:
        prices = np.maximum(solver.prices / scale, 0.0)
    if solver.interrupted or not ended:
        return Integer(None, 0.0, False, False, solver.interrupted), prices
    solver.make_integer(np.arange(n))
    solver.begin_with(np.isin(np.arange(n), start).astype(np.float64))
    if not solver.run(seconds):
        return Integer(None, 0.0, False, False, solver.interrupted), prices
    plan = np.flatnonzero(solver.values > 0.5).astype(np.int64) if solver.feasible else None
    bound = max(solver.proven / scale, 0.0) if np.isfinite(solver.proven) else 0.0
    return Integer(plan, bound, solver.optimal, False, solver.interrupted), prices
