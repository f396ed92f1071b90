"""What came out: the plan, what it is worth, and how far from the best possible it can be at most."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...errors import Fault
from .problem import FloatArray, IntArray, Labels, SitingProblem

STATUSES = {
    "optimal": "the objective is proven to be the best possible",
    "gap": "the gap asked for is proven; better plans may exist within it",
    "feasible": "a plan with a valid bound; the method asked for proves no more",
    "time_limit": "stopped by the time limit with the best plan and bound so far",
    "interrupted": "stopped by the user (Ctrl-C) with the best plan and bound so far",
    "infeasible": "no choice satisfies the required sites, minima, conflicts and limits",
    "unknown": "stopped before any plan was found, and none is proven impossible",
}
"""Every value of ``SitingResult.status`` and what it means."""


@dataclass(frozen=True)
class LogLine:
    """One step of a solve: seconds since the start, what was done, best objective and bound by then."""

    elapsed_s: float
    stage: str
    best: float
    bound: float


@dataclass(frozen=True, eq=False)
class SitingResult:
    """A plan with its certificate.

    Attributes
    ----------
    chosen : int64 array
        New sites in build order: each one adds the most to those before it (and to the fixed ones). Fixed
        sites are not in it, required ones are. May hold fewer than ``n_sites`` if more would add nothing.
    gain : float64 array
        Weight that each chosen site adds when built in this order.
    objective : float
        Weight covered by the chosen and fixed sites together; NaN if there is no plan.
    bound : float
        No plan covers more than this. Valid whatever the solver's tolerances (see ``docs/siting.md``).
    gap : float
        ``(bound - objective) / objective``; 0 if both are 0, 1 if only the objective is; NaN without a plan.
    status : str
        One of :data:`STATUSES`.
    runtime_s : float
        Wall time, building the model included.
    base : float
        Weight covered by the fixed sites alone: ``objective == base + gain.sum()``.
    total : float
        Weight of all demands.
    cost : float
        Cost of the chosen sites.
    reason : Fault or None
        Why there is no plan, if that is known: a text of the catalogue with its values (``reason.render(lang)``).
        Sites and groups are named by their positions.
    sites : (len(chosen),) array
        The same as ``chosen`` by the labels of the frame that the problem came from; positions if it had none.
    covered_by : (m,) int64
        Which site covers each demand: the first fixed one, else the first chosen one in build order; -1 if none.
    method, seed
        As asked for.
    log : tuple of LogLine
        The course of the solve.
    """

    chosen: IntArray
    gain: FloatArray
    objective: float
    bound: float
    gap: float
    status: str
    runtime_s: float
    base: float = 0.0
    total: float = 0.0
    cost: float = 0.0
    reason: Fault | None = None
    sites: Labels = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    covered_by: IntArray = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    method: str = "auto"
    seed: int = 0
    log: tuple[LogLine, ...] = field(default=(), repr=False)

    @property
    def share(self) -> float:
        """Share of all weight that is covered; 0 if there is no weight."""
        return self.share_of(self.objective)

    @property
    def share_before(self) -> float:
        """Share that the fixed sites alone cover."""
        return self.share_of(self.base)

    @property
    def share_bound(self) -> float:
        """Share that no plan exceeds."""
        return min(self.share_of(self.bound), 1.0)

    def share_of(self, weight: float) -> float:
        """Any weight as a share of all weight; 0 if there is none."""
        return weight / self.total if self.total > 0 else 0.0


def relative_gap(objective: float, bound: float) -> float:
    """Return ``(bound - objective) / objective``; 0 if both are 0, 1 if only the objective is, NaN without plan."""
    if np.isnan(objective):
        return float("nan")
    if bound <= objective:
        return 0.0
    return float((bound - objective) / objective) if objective > 0 else 1.0


def covered(problem: SitingProblem, sites: IntArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(m,) whether each demand is reached by one of ``sites``."""
    hit = np.zeros(problem.size[1], dtype=np.bool_)
    hit[problem.reach[np.asarray(sites, dtype=np.int64)].indices] = True
    return hit


def who_covers(problem: SitingProblem, order: IntArray) -> IntArray:
    """(m,) the first fixed site that reaches each demand, else the first of ``order``; -1 if none does."""
    by = np.full(problem.size[1], -1, dtype=np.int64)
    for i in [*order[::-1].tolist(), *problem.fixed[::-1].tolist()]:
        by[problem.reach.indices[problem.reach.indptr[i] : problem.reach.indptr[i + 1]]] = i
    return by


def build_order(problem: SitingProblem, sites: IntArray) -> tuple[IntArray, FloatArray]:
    """Order ``sites`` so that each adds the most to those before it; ties by lowest position.

    Returns
    -------
    order : int64 array
    gain : float64 array
        What each adds in this order.
    """
    sites = np.unique(np.asarray(sites, dtype=np.int64))
    rest = np.where(covered(problem, problem.fixed), 0.0, problem.weight)
    rows = [problem.reach.indices[problem.reach.indptr[i] : problem.reach.indptr[i + 1]] for i in sites]
    adds = np.array([rest[row].sum() for row in rows])
    open_ = np.ones(len(sites), dtype=np.bool_)
    order, gain = [], []
    for _ in sites:
        # what a site adds only shrinks, so old values are upper limits: look again only at the best one
        while True:
            best = int(np.argmax(np.where(open_, adds, -1.0)))
            now = rest[rows[best]].sum()
            if now == adds[best]:
                break
            adds[best] = now
        open_[best] = False
        order.append(int(sites[best]))
        gain.append(float(adds[best]))
        rest[rows[best]] = 0.0
    return np.array(order, dtype=np.int64), np.array(gain, dtype=np.float64)
