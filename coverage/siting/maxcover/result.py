"""What came out: the plan, what it is worth, how far from the best possible it can be at most; and its check."""

from __future__ import annotations

from collections.abc import Iterator
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


TOLERANCE = 1e-6
"""Relative difference between a claim and its recomputation that rounding may explain."""


def verify(problem: SitingProblem, result: SitingResult) -> list[Fault]:
    """Check a result against its problem.

    Objective, gains and their order, cost, number, budget, required, forbidden and fixed sites, groups,
    conflicts, bound, gap and status are recomputed from ``problem`` alone. That no plan exceeds the bound can't
    be recomputed cheaply; what is checked is that it is not below the objective, not above all weight, and
    that it agrees with gap and status.

    Returns
    -------
    list of Fault
        Empty if every claim holds.
    """
    if np.isnan(result.objective):
        return _check_no_plan(result)
    faults = list(_site_faults(problem, result))
    if not faults:
        faults = [*_limit_faults(problem, result), *_number_faults(problem, result)]
    return [*faults, *_certificate_faults(result, float(problem.weight.sum()))]


def _fault(name: str, claimed: object, found: object) -> Fault:
    return Fault("siting-claim", values={"name": name, "claimed": claimed, "found": found})


def _differ(problem: SitingProblem, a: float, b: float) -> bool:
    return not abs(a - b) <= TOLERANCE * max(float(problem.weight.sum()), abs(b))


def _check_no_plan(result: SitingResult) -> list[Fault]:
    """Without an objective there must be no sites, and a status that says so."""
    faults = [_fault("chosen", list(result.chosen), [])] if len(result.chosen) else []
    if result.status not in ("infeasible", "unknown"):
        faults.append(_fault("status", result.status, "infeasible"))
    return faults


def _site_faults(problem: SitingProblem, result: SitingResult) -> Iterator[Fault]:
    """Chosen sites exist, once each, with a gain each."""
    sites = [int(i) for i in result.chosen]
    wrong = sorted({i for i in sites if not 0 <= i < problem.reach.shape[0]})
    if wrong:
        yield _fault("chosen", sites, wrong)
    if len(set(sites)) != len(sites):
        yield _fault("chosen", len(sites), len(set(sites)))
    if len(result.gain) != len(sites):
        yield _fault("gain", len(result.gain), len(sites))


def _limit_faults(problem: SitingProblem, result: SitingResult) -> Iterator[Fault]:
    """Number, budget, lists, groups and conflicts."""
    new = {int(i) for i in result.chosen}
    fixed = {int(i) for i in problem.fixed}
    if problem.n_sites is not None and len(new) > problem.n_sites:
        yield _fault("n_sites", len(new), problem.n_sites)
    cost = sum(float(problem.cost[i]) for i in sorted(new))
    if problem.budget is not None and cost > problem.budget * (1 + 1e-9) + 1e-9:
        yield _fault("budget", cost, problem.budget)
    if abs(result.cost - cost) > TOLERANCE * max(1.0, cost):
        yield _fault("cost", result.cost, cost)
    if missing := sorted({int(i) for i in problem.required} - new):
        yield _fault("required", "chosen", missing)
    if extra := sorted(new & ({int(i) for i in problem.forbidden} | fixed)):
        yield _fault("forbidden", "not chosen", extra)
    for g, least in enumerate(problem.group_min.tolist()):
        have = sum(1 for i in new if problem.group[i] == g)
        if have < least:
            yield _fault(f"group_min[{g}]", have, least)
    for i, k in problem.conflicts.tolist():
        if {i, k} <= new | fixed and {i, k} & new:
            yield _fault("conflicts", "kept", (i, k))


def _number_faults(problem: SitingProblem, result: SitingResult) -> Iterator[Fault]:
    """Objective, base, and the gain of each site in build order; gains must not grow."""
    reach, weight = problem.reach, problem.weight
    uncovered = np.ones(len(weight), dtype=bool)
    first = np.full(len(weight), -1)
    for i in problem.fixed:
        demands = reach.indices[reach.indptr[i] : reach.indptr[i + 1]]
        first[demands[uncovered[demands]]] = i
        uncovered[demands] = False
    base = float(weight[~uncovered].sum())
    if _differ(problem, result.base, base):
        yield _fault("base", result.base, base)
    previous = np.inf
    for place, i in enumerate(result.chosen):
        demands = reach.indices[reach.indptr[i] : reach.indptr[i + 1]]
        gain = float(weight[demands[uncovered[demands]]].sum())
        first[demands[uncovered[demands]]] = i
        uncovered[demands] = False
        if _differ(problem, float(result.gain[place]), gain):
            yield _fault(f"gain[{place}]", float(result.gain[place]), gain)
        if gain > previous * (1 + TOLERANCE):
            yield _fault(f"gain[{place}]", "falling", gain)
        previous = gain
    objective = float(weight[~uncovered].sum())
    if _differ(problem, result.objective, objective):
        yield _fault("objective", result.objective, objective)
    if not np.array_equal(result.covered_by, first):
        yield _fault("covered_by", result.covered_by.tolist(), first.tolist())
    if _differ(problem, result.total, float(weight.sum())):
        yield _fault("total", result.total, float(weight.sum()))


def _certificate_faults(result: SitingResult, total: float) -> Iterator[Fault]:
    """Bound, gap and status agree with each other."""
    if not result.objective <= result.bound * (1 + 1e-12):
        yield _fault("bound", result.bound, result.objective)
    if result.bound > total * (1 + TOLERANCE):
        yield _fault("bound", result.bound, total)
    gap = 0.0
    if result.bound > result.objective:
        gap = (result.bound - result.objective) / result.objective if result.objective > 0 else 1.0
    if not abs(result.gap - gap) <= 1e-9 * max(1.0, gap):
        yield _fault("gap", result.gap, gap)
    if result.status not in STATUSES or result.status in ("infeasible", "unknown"):
        yield _fault("status", result.status, "a plan")
    if result.status == "optimal" and gap > TOLERANCE:
        yield _fault("status", result.status, gap)
