"""A solve under way: best plan, bound, clock, log; what every method reports to."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ...errors import Fault
from .highs import HASTE
from .prices import Bound, Prices, carry_over, first_prices
from .problem import FloatArray, IntArray, SitingProblem
from .reduced_problem import Core, fix_by_price, reduce_problem, restrict
from .result import LogLine, SitingResult, build_order, covered, relative_gap, who_covers

Progress = Callable[[LogLine], None]

PROOF_TOLERANCE = 1e-8
"""Share of all weight below which bound and objective count as equal when weights are not whole numbers."""


class Run:
    """State of one solve. Values are absolute: they include what fixed and required sites cover."""

    def __init__(
        self,
        problem: SitingProblem,
        *,
        time_limit_s: float,
        gap: float,
        start_s: float,
        progress: Progress | None,
    ) -> None:
        self.problem = problem
        self.start_s, self.time_limit_s, self.gap, self.progress = start_s, time_limit_s, gap, progress
        self.core: Core = reduce_problem(problem)
        self.whole = problem.integral
        self.chosen: IntArray | None = None
        self.best = -np.inf
        self.bound = self.core.base + float(self.core.weight.sum())
        self.given_up = -np.inf  # no plan that was discarded is worth more
        self.guide: FloatArray | None = None
        self.prices: Prices = first_prices(self.core)
        self.balance = 1.0  # of the steps that led to them
        self.score: FloatArray = self.core.reach @ self.core.weight
        self.infeasible = bool(self.core.reason)
        self.interrupted = False
        self.out_of_time = False
        self.log: list[LogLine] = []

    # -- clock -------------------------------------------------------------------------------------------
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start_s

    def left(self) -> float:
        """Seconds left, short of a reserve for finishing; a call that finds none is remembered."""
        if HASTE.is_set():
            self.interrupted = True
            return 0.0
        reserve = min(0.5, 0.02 * self.time_limit_s)
        seconds = self.time_limit_s - reserve - self.elapsed()
        if seconds <= 0:
            self.out_of_time = True
        return seconds

    # -- news --------------------------------------------------------------------------------------------
    def offer(self, plan: IntArray | None) -> None:
        """Keep ``plan`` (positions in the present core) if it is the best so far."""
        if plan is None or not self.core.allows(plan):
            return
        value = self.core.base + self.core.value(plan)
        if self.chosen is None or value > self.best * (1 + 1e-12):
            self.best = value
            self.chosen = np.union1d(self.core.taken, self.core.sites[plan])

    def limit_to(self, bound: float) -> None:
        """No plan of the present core is worth more than ``bound`` beyond its base."""
        total = self.core.base + bound + 1e-12 * float(self.problem.weight.sum())
        total = float(np.floor(total + 1e-6)) if self.whole else total
        total = max(total, self.given_up, self.best)
        self.bound = min(self.bound, total)

    def note(self, stage: str) -> None:
        """Log a stage that has ended."""
        line = LogLine(self.elapsed(), stage, float(self.best), float(self.bound))
        self.log.append(line)
        if self.progress is not None:
            self.progress(line)

    def live(self, stage: str, best: float, bound: float) -> None:
        """Show news inside a stage; values beyond the present base."""
        if self.progress is not None:
            best, bound = max(self.best, self.core.base + best), min(self.bound, self.core.base + bound)
            self.progress(LogLine(self.elapsed(), stage, float(best), float(max(best, bound))))

    @property
    def _tolerance(self) -> float:
        return PROOF_TOLERANCE * float(self.problem.weight.sum())

    @property
    def proven(self) -> bool:
        """Whether nothing better is possible."""
        step = 1.0 - 1e-6 if self.whole else max(self._tolerance, 1e-300)
        return self.chosen is not None and self.bound - self.best < step

    @property
    def enough(self) -> float:
        """Bound beyond the core's base that ends the solve with the present plan."""
        if self.chosen is None:
            return -np.inf
        return max(self.best * (1 + self.gap), self.best + 0.999 * self.whole) - self.core.base

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do: no plan at all, or the gap asked for is proven."""
        return (
            self.infeasible
            or self.proven
            or (self.chosen is not None and relative_gap(self.best, self.bound) <= self.gap)
        )

    # -- shrinking ---------------------------------------------------------------------------------------
    def present(self) -> IntArray:
        """Sites of the best plan that are candidates of the present core."""
        if self.chosen is None:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(np.isin(self.core.sites, self.chosen)).astype(np.int64)

    def shrink(self, keep: np.ndarray, take: IntArray) -> None:
        """Go on with a smaller core; guide and scores follow."""
        sites = self.core.sites
        self.core = restrict(self.core, keep, take)
        left = np.searchsorted(sites, self.core.sites)
        self.guide = None if self.guide is None else self.guide[left]
        self.score = self.score[left]
        self.prices = carry_over(self.prices, self.core)

    def fix(self, found: Bound) -> None:
        """Use a bound: as such, and to leave out what no better plan can use."""
        self.limit_to(found.value)
        self.score, self.prices = found.score, found.prices
        if len(found.plan):
            self.guide = found.plan
        if self.chosen is None or self.done:
            return
        step = 1.0 if self.whole else self._tolerance / 4
        wanted = max(self.best + step, self.best * (1 + self.gap))
        keep, take = fix_by_price(self.core, found.value, found.score, wanted - self.core.base)
        if not keep.all() or len(take):
            self.given_up = max(self.given_up, wanted - step if self.whole else wanted)
            if self.core.compatible(take):
                self.shrink(keep, take)
            else:  # what any better plan needs cannot be had together
                self.limit_to(-np.inf)

    # -- end ---------------------------------------------------------------------------------------------
    def status(self) -> str:
        """One of :data:`.result.STATUSES`."""
        if self.infeasible:
            return "infeasible"
        if self.proven:
            return "optimal"
        if self.interrupted:
            return "interrupted"
        if self.chosen is not None and self.gap > 0 and relative_gap(self.best, self.bound) <= self.gap:
            return "gap"
        if self.out_of_time:
            return "time_limit" if self.chosen is not None else "unknown"
        return "feasible" if self.chosen is not None else "unknown"

    def result(self, method: str, seed: int) -> SitingResult:
        """Put the result together; objective and gains are computed anew from the problem."""
        problem, status = self.problem, self.status()
        base = float(problem.weight[covered(problem, problem.fixed)].sum())
        order, gain = build_order(problem, np.empty(0, np.int64) if self.chosen is None else self.chosen)
        objective, bound = float("nan"), float("nan")
        if self.chosen is not None:
            hit = covered(problem, np.union1d(problem.fixed, order))
            objective = float(problem.weight[hit].sum())
            bound = objective if status == "optimal" else max(float(self.bound), objective)
        elif status != "infeasible":
            bound = float(self.bound)
        return SitingResult(
            chosen=order,
            gain=gain,
            objective=objective,
            bound=bound,
            gap=relative_gap(objective, bound),
            status=status,
            runtime_s=self.elapsed(),
            base=base,
            total=float(problem.weight.sum()),
            cost=float(problem.cost[order].sum()),
            reason=(self.core.reason or Fault("siting-no-choice")) if self.infeasible else None,
            sites=order if problem.site_ids is None else problem.site_ids[order],
            covered_by=who_covers(problem, order),
            method=method,
            seed=seed,
            log=tuple(self.log),
        )
