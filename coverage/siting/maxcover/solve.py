"""Maximum coverage, start to end: greedy, swaps, bounds, fixing, search, proof; as much as is asked for."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ...errors import Fault, SitingError
from .local_search import (
    HOT,
    MAX_TABLE,
    WARM,
    Search,
    greedy,
    improve,
    round_off,
    search,
    searchable,
    slots_needed,
)
from .prices import Saddle, lagrangian, linear_program, middle, primal_dual
from .problem import IntArray, ProblemError, SitingProblem, make_problem
from .programs import integer
from .reduced_problem import Core, restrict, undominated
from .result import SitingResult, relative_gap
from .run import Progress, Run

METHODS = ("auto", "exact", "greedy", "improve")

_SEARCH_WORK = 2e9
"""Effort of one search (array entries touched): some 4 s on the two cores this was written on."""
_TURNS = 5
_ROUNDS, _LONG = 600, 1500
"""Rounds for the first prices, and for better ones where the linear program is too large."""
_SMALL_PROGRAM = 250_000
"""With up to so many entries of reach HiGHS solves the linear program in a few seconds."""
_NARROW = 2e-3
"""With a gap below this, proving pays more than searching on."""
_LP_SHARE = 0.6
"""Share of the remaining time that the linear program may take."""
_CLOSE = 16.0
"""Candidates a site of the plan that a search looks at: nearly all that good plans use have such scores."""
_SMALL = 120
"""With so few candidates left, branch and cut goes before a long search."""


def max_coverage(
    reach: Any,
    weight: npt.ArrayLike,
    *,
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    method: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
    **limits: Any,
) -> SitingResult:
    """Choose new sites that cover the most weighted demand, with a bound on what any choice could cover.

    Parameters
    ----------
    reach : (n, m) array, scipy sparse matrix or DataFrame
        Which site (row) reaches which demand (column): 0 or 1, or booleans. For distances see
        :func:`.problem.from_distances`.
    weight : (m,) float
        Weight of each demand, not negative.
    time_limit_s : float
        Wall time, building the model included. Reaching it is a result: the best plan and bound by then.
    gap : float
        Stop as soon as ``(bound - objective) / objective`` is at most this. 0: prove the optimum.
    method : {"auto", "greedy", "improve", "exact"}
        ``greedy``: lazily evaluated. ``improve``: and swaps, ruin and repair. ``exact``: linear program, fixing,
        branch and cut. ``auto``: all of it, in the order that closes the gap soonest.
    seed : int
        Of the random choices in the search. Same input and seed, same answer, unless the time limit was hit.
    progress : callable, optional
        Told a :class:`LogLine` (elapsed, stage, best, bound) as the solve goes on.
    **limits
        ``n_sites`` or ``budget``, at least one of the two: at most so many new sites, costing at most so much.
        ``cost`` (1 each by default), ``fixed`` (sites that exist: they cover and cost nothing), ``required``,
        ``forbidden``, ``group``, ``group_min``, ``conflicts``: see :func:`.problem.make_problem`.

    Returns
    -------
    SitingResult
        Ctrl-C gives the best so far with status "interrupted".

    Raises
    ------
    ProblemError
        If the problem makes no sense; all faults at once.
    """
    start_s = time.perf_counter()
    _check_options(time_limit_s, gap, method, seed)
    problem = make_problem(reach, weight, **limits)
    return solve(
        problem,
        time_limit_s=time_limit_s,
        gap=gap,
        method=method,
        seed=seed,
        progress=progress,
        start_s=start_s,
    )


def solve(
    problem: SitingProblem,
    *,
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    method: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
    start_s: float | None = None,
) -> SitingResult:
    """Solve a problem made by :func:`.problem.make_problem`; see :func:`max_coverage`."""
    _check_options(time_limit_s, gap, method, seed)
    start_s = time.perf_counter() if start_s is None else start_s
    run = Run(problem, time_limit_s=time_limit_s, gap=gap, start_s=start_s, progress=progress)
    try:
        if not run.infeasible:
            _solve(run, method, seed)
    except KeyboardInterrupt:
        run.interrupted = True
    return run.result(method, seed)


def _check_options(time_limit_s: float, gap: float, method: str, seed: int) -> None:
    """Refuse options that mean nothing."""
    if method not in METHODS:
        raise SitingError("siting-method", method=method, known=", ".join(METHODS))
    faults = []
    if not time_limit_s > 0:
        faults.append(Fault("siting-time-limit", value=time_limit_s))
    if not 0 <= gap < np.inf:
        faults.append(Fault("siting-gap", value=gap))
    if not isinstance(seed, int | np.integer) or seed < 0:
        faults.append(Fault("siting-seed", value=seed))
    if faults:
        raise ProblemError(faults)


def _solve(run: Run, method: str, seed: int) -> None:
    """All stages that ``method`` has, until the run is done or out of time."""
    _construct(run)
    if run.done or run.left() <= 0:
        return
    if method != "greedy" and run.chosen is not None:
        _swap(run)
    if not run.done and run.left() > 0:
        _quick_bound(run, rounds=_ROUNDS // 3 if method == "greedy" else _ROUNDS)
    if method == "greedy" or run.done or run.left() <= 0:
        return
    rng = np.random.default_rng(seed)
    if method == "improve":
        _search(run, 2 * _SEARCH_WORK, rng)
        return
    if method == "auto":
        _search(run, _SEARCH_WORK / 4, rng)
        run.fix(lagrangian(run.core, run.prices))
    if not run.done and run.left() > 0:
        _tight_bound(run)
    if method == "auto":
        _search_in_turns(run, rng)
    if not run.done and run.left() > 0:
        _prove(run, rng)


def _construct(run: Run) -> None:
    """First plan: greedy, or by the MIP where groups and conflicts leave greedy without one."""
    run.offer(greedy(run.core))
    run.limit_to(lagrangian(run.core, run.prices).value)
    run.note("greedy")
    if run.chosen is None and run.left() > 0:
        found = integer(run.core, None, run.left(), gap=1e9)
        run.interrupted |= found.interrupted
        run.infeasible = found.infeasible
        run.offer(found.plan)
        run.note("feasible plan")


def _searched(run: Run, per_slot: float = np.inf) -> Core:
    """The core, or its candidates with the best scores: ``per_slot`` a site of the plan, and what tables can hold."""
    core = run.core
    slots = max(slots_needed(core), 1)
    size = int(min(MAX_TABLE / slots, max(per_slot * slots, _SMALL), len(core.sites)))
    if size == len(core.sites):
        return core
    keep = np.zeros(len(core.sites), dtype=np.bool_)
    keep[np.argsort(-run.score, kind="stable")[:size]] = True
    keep[run.present()] = True
    return restrict(core, keep, np.empty(0, dtype=np.int64))


def _offer_from(run: Run, core: Core, plan: IntArray) -> None:
    """Offer a plan of a part of the core."""
    run.offer(np.searchsorted(run.core.sites, core.sites[plan]).astype(np.int64))


def _start(run: Run, core: Core) -> IntArray:
    """Best plan so far as far as it lies in ``core``."""
    if run.chosen is None:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.isin(core.sites, run.chosen)).astype(np.int64)


def _swap(run: Run) -> None:
    """Swap the best plan to a local optimum."""
    core = _searched(run)
    if slots_needed(core):
        _offer_from(run, core, improve(core, _start(run, core), run.left))
    run.note("swaps")


def _quick_bound(run: Run, rounds: int) -> None:
    """Prices, bound and a fractional plan over undominated candidates, in tenths of a second to seconds."""
    keep = undominated(run.core)
    if not keep.all():
        run.shrink(keep, np.empty(0, dtype=np.int64))
    found, end = primal_dual(run.core, middle(run.core, run.prices), rounds, run.left, enough=run.enough)
    run.balance = end.balance
    run.fix(found)
    run.note("prices")


def _tight_bound(run: Run) -> None:
    """Bound and prices of the LP relaxation: exactly where that is quick, else by going on with more rounds."""
    core, end_s = run.core, _LP_SHARE * run.left() + run.elapsed()

    def left() -> float:
        return min(run.left(), end_s - run.elapsed())

    found = linear_program(core, left) if core.reach.nnz <= _SMALL_PROGRAM else None
    if found is None and left() > 0:
        start = middle(core, run.prices)
        start = start if run.guide is None else Saddle(run.guide, run.prices, run.balance)
        found, _ = primal_dual(core, start, _LONG, left, enough=run.enough)
    if found is not None:
        run.fix(found)
    run.note("linear program")


def _search(run: Run, work: float, rng: np.random.Generator, heat: float = WARM) -> None:
    """Ruin and repair from the best plan, guided by the LP solution if there is one."""
    core = _searched(run, _CLOSE)
    if not slots_needed(core) or not core.size[1]:
        return
    left = np.searchsorted(run.core.sites, core.sites)
    guide = None if run.guide is None else run.guide[left]
    start = _start(run, core)
    if guide is not None:
        rounded = round_off(core, guide, 20, rng, run.left)
        if core.value(rounded) > core.value(start) or not core.allows(start):
            start = rounded

    def better(value: float, plan: IntArray) -> bool:
        _offer_from(run, core, plan)
        run.live("search", value, np.inf)
        return run.done

    if core.allows(start):
        search(core, start, guide, work, rng, run.left, better, heat)
    run.note("search")


def _search_in_turns(run: Run, rng: np.random.Generator) -> None:
    """Search and fix in turns, as long as it finds better plans and many candidates are left."""
    heat = WARM
    for work in (_SEARCH_WORK / 4, *[_SEARCH_WORK] * _TURNS):
        if run.done or run.left() <= 0 or run.core.size[0] <= _SMALL:
            return
        before = run.best
        _search(run, work, rng, heat)
        if run.best <= before and work == _SEARCH_WORK:
            if heat == HOT or relative_gap(run.best, run.bound) < _NARROW:
                return
            heat = HOT
        if not run.done and run.best > before:
            run.fix(lagrangian(run.core, run.prices))


def _prove(run: Run, rng: np.random.Generator) -> None:
    """Branch and cut over what is left, while the search goes on beside it.

    What that search finds counts only if branch and cut does not end by itself: its outcome must not depend
    on which of the two was quicker.
    """
    core, start = run.core, run.present()
    if not core.size[0] or (not core.size[1] and not core.group_min.any()):
        nothing = np.empty(0, dtype=np.int64)
        run.offer(nothing)
        run.limit_to(0.0 if core.allows(nothing) else -np.inf)
        return
    begin = start if core.allows(start) else None
    beside = _beside(run, begin, rng)

    def report(best: float, bound: float) -> bool:
        run.live("branch and cut", max(best, -np.inf if beside is None else beside.value), bound)
        return False

    idle = None if beside is None else lambda: beside.step(run.left)
    found = integer(core, begin, run.left(), gap=run.gap, whole=run.whole, report=report, idle=idle)
    run.interrupted |= found.interrupted
    ended = found.done or found.infeasible
    run.out_of_time |= not ended and not found.interrupted
    run.offer(found.plan)
    if beside is not None and not ended:
        run.offer(beside.best)
    run.limit_to(-np.inf if found.infeasible else found.bound)
    run.note("branch and cut")


def _beside(run: Run, start: IntArray | None, rng: np.random.Generator) -> Search | None:
    """Search to run beside branch and cut, if there is anything to search."""
    core = run.core
    if start is None or run.gap > 0 or core.size[0] <= _SMALL or not searchable(core):
        return None
    return Search(core, start, run.guide, _SEARCH_WORK, rng, (HOT, WARM))


def shore_power(
    value: npt.ArrayLike,
    cost: npt.ArrayLike,
    budget: float,
    *,
    time_limit_s: float = 60.0,
) -> SitingResult:
    """Choose berths worth the most under a budget.

    ::

        max  sum_i value_i y_i   s.t.   sum_i cost_i y_i <= budget,  y binary

    Parameters
    ----------
    value : (n,) float
        What a retrofit is worth: CO2 avoided (t/year), calls, or tonnage. A berth where it avoids nothing
        has 0; a negative value (dirtier grid than ship) must be set to 0 by the caller, who knows why.
    cost : (n,) float
        In the unit of ``budget``.
    budget : float

    Returns
    -------
    SitingResult
        ``chosen`` berths, the most valuable first, with ``objective``, ``bound`` and ``gap``.

    Raises
    ------
    ProblemError
        As :func:`.solve.max_coverage`.
    """
    values = np.asarray(value, dtype=np.float64)
    return max_coverage(
        sparse.eye_array(len(values), format="csr", dtype=np.bool_),
        values,
        budget=budget,
        cost=cost,
        time_limit_s=time_limit_s,
    )
