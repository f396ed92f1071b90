"""A second opinion: everything a result claims, recomputed without the solver's code."""

from __future__ import annotations

import numpy as np

from ...errors import Fault
from .problem import SitingProblem
from .result import STATUSES, SitingResult

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
    faults: list[Fault] = []
    _check_sites(problem, result, faults)
    if not faults:
        _check_limits(problem, result, faults)
        _check_numbers(problem, result, faults)
    _check_certificate(problem, result, faults)
    return faults


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


def _check_sites(problem: SitingProblem, result: SitingResult, faults: list[Fault]) -> None:
    """Chosen sites exist, once each, with a gain each."""
    sites = [int(i) for i in result.chosen]
    wrong = sorted({i for i in sites if not 0 <= i < problem.reach.shape[0]})
    if wrong:
        faults.append(_fault("chosen", sites, wrong))
    if len(set(sites)) != len(sites):
        faults.append(_fault("chosen", len(sites), len(set(sites))))
    if len(result.gain) != len(sites):
        faults.append(_fault("gain", len(result.gain), len(sites)))


def _check_limits(problem: SitingProblem, result: SitingResult, faults: list[Fault]) -> None:
    """Number, budget, lists, groups and conflicts."""
    new = {int(i) for i in result.chosen}
    fixed = {int(i) for i in problem.fixed}
    if problem.n_sites is not None and len(new) > problem.n_sites:
        faults.append(_fault("n_sites", len(new), problem.n_sites))
    cost = sum(float(problem.cost[i]) for i in sorted(new))
    if problem.budget is not None and cost > problem.budget * (1 + 1e-9) + 1e-9:
        faults.append(_fault("budget", cost, problem.budget))
    if abs(result.cost - cost) > TOLERANCE * max(1.0, cost):
        faults.append(_fault("cost", result.cost, cost))
    if missing := sorted({int(i) for i in problem.required} - new):
        faults.append(_fault("required", "chosen", missing))
    if extra := sorted(new & ({int(i) for i in problem.forbidden} | fixed)):
        faults.append(_fault("forbidden", "not chosen", extra))
    for g, least in enumerate(problem.group_min.tolist()):
        have = sum(1 for i in new if problem.group[i] == g)
        if have < least:
            faults.append(_fault(f"group_min[{g}]", have, least))
    for i, k in problem.conflicts.tolist():
        if {i, k} <= new | fixed and {i, k} & new:
            faults.append(_fault("conflicts", "kept", (i, k)))


def _check_numbers(problem: SitingProblem, result: SitingResult, faults: list[Fault]) -> None:
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
        faults.append(_fault("base", result.base, base))
    previous = np.inf
    for place, i in enumerate(result.chosen):
        demands = reach.indices[reach.indptr[i] : reach.indptr[i + 1]]
        gain = float(weight[demands[uncovered[demands]]].sum())
        first[demands[uncovered[demands]]] = i
        uncovered[demands] = False
        if _differ(problem, float(result.gain[place]), gain):
            faults.append(_fault(f"gain[{place}]", float(result.gain[place]), gain))
        if gain > previous * (1 + TOLERANCE):
            faults.append(_fault(f"gain[{place}]", "falling", gain))
        previous = gain
    objective = float(weight[~uncovered].sum())
    if _differ(problem, result.objective, objective):
        faults.append(_fault("objective", result.objective, objective))
    if not np.array_equal(result.covered_by, first):
        faults.append(_fault("covered_by", result.covered_by.tolist(), first.tolist()))
    if _differ(problem, result.total, float(weight.sum())):
        faults.append(_fault("total", result.total, float(weight.sum())))


def _check_certificate(problem: SitingProblem, result: SitingResult, faults: list[Fault]) -> None:
    """Bound, gap and status agree with each other."""
    total = float(problem.weight.sum())
    if not result.objective <= result.bound * (1 + 1e-12):
        faults.append(_fault("bound", result.bound, result.objective))
    if result.bound > total * (1 + TOLERANCE):
        faults.append(_fault("bound", result.bound, total))
    gap = 0.0
    if result.bound > result.objective:
        gap = (result.bound - result.objective) / result.objective if result.objective > 0 else 1.0
    if not abs(result.gap - gap) <= 1e-9 * max(1.0, gap):
        faults.append(_fault("gap", result.gap, gap))
    if result.status not in STATUSES or result.status in ("infeasible", "unknown"):
        faults.append(_fault("status", result.status, "a plan"))
    if result.status == "optimal" and gap > TOLERANCE:
        faults.append(_fault("status", result.status, gap))
