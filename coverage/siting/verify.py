"""Checks what a siting result claims, by plain arithmetic and without any of the solver's code."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..errors import Fault
from .problem import SitingProblem
from .result import STATUSES, SitingResult

RELATIVE = 1e-9
"""Sums of floats may differ by rounding; nothing else is forgiven."""


def verify(problem: SitingProblem, result: SitingResult) -> list[Fault]:
    """Recompute every claim of a result.

    Checked are: the status is a known one; sites are chosen once, exist, are new, allowed, and within number,
    budget, groups and conflicts; required ones are in; base, each gain, objective, total and cost are what the
    reach and the weights give; the bound is not below the objective and the gap follows from both; a result
    called optimal has no gap.

    Returns
    -------
    list of Fault
        One for each claim that does not hold, with the claimed and the recomputed value; empty if all do.
    """
    faults: list[Fault] = []

    def claim(what: str, claimed: float, found: float) -> None:
        same = claimed == found or math.isclose(claimed, found, rel_tol=RELATIVE, abs_tol=RELATIVE * scale)
        if not same:
            faults.append(Fault("verify-value", values={"what": what, "claimed": claimed, "found": found}))

    def rule(what: str, holds: bool) -> None:
        if not holds:
            faults.append(Fault("verify-rule", values={"what": what}))

    weight, chosen = np.asarray(problem.weight, float), [int(i) for i in result.chosen]
    scale = max(1.0, float(weight.sum()))
    rule("status", result.status in STATUSES)
    if math.isnan(result.objective):
        rule(
            "no-plan", result.status in ("infeasible", "unknown", "interrupted", "time_limit") and not chosen
        )
        return faults
    _check_choice(problem, chosen, rule)
    covered = np.zeros(len(weight), bool)
    for site in problem.fixed:
        covered[_row(problem, int(site))] = True
    base = float(weight[covered].sum())
    claim("base", result.base, base)
    rule("gain-length", len(result.gain) == len(chosen))
    for order, (site, gain) in enumerate(zip(chosen, result.gain, strict=False), start=1):
        new = [j for j in _row(problem, site) if not covered[j]]
        claim(f"gain {order}", float(gain), float(weight[new].sum()))
        covered[new] = True
    objective = float(weight[covered].sum())
    claim("objective", result.objective, objective)
    claim("total", result.total, float(weight.sum()))
    claim("cost", result.cost, float(sum(problem.cost[i] for i in chosen)))
    rule("bound", result.bound >= objective - RELATIVE * scale)
    gap = 0.0 if result.bound <= result.objective else math.inf
    if result.bound > result.objective:
        gap = (result.bound - result.objective) / result.objective if result.objective > 0 else 1.0
    claim("gap", result.gap, gap)
    rule("optimal", result.status != "optimal" or gap <= 1e-6)
    return faults


def _row(problem: SitingProblem, site: int) -> list[int]:
    """Demands that a site reaches."""
    start, stop = problem.reach.indptr[site], problem.reach.indptr[site + 1]
    return [int(j) for j in problem.reach.indices[start:stop]]


def _check_choice(problem: SitingProblem, chosen: list[int], rule: Callable[[str, bool], None]) -> None:
    """Whether the sites may be chosen together."""
    n = problem.reach.shape[0]
    rule("once", len(set(chosen)) == len(chosen))
    rule("exists", all(0 <= i < n for i in chosen))
    rule("new", not set(chosen) & {int(i) for i in problem.fixed})
    rule("allowed", not set(chosen) & {int(i) for i in problem.forbidden})
    rule("required", {int(i) for i in problem.required} <= set(chosen))
    rule("number", problem.n_sites is None or len(chosen) <= problem.n_sites)
    spent = float(sum(problem.cost[i] for i in chosen))
    rule("budget", problem.budget is None or spent <= problem.budget * (1 + RELATIVE) + RELATIVE)
    for group, least in enumerate(problem.group_min):
        rule(f"group {group}", sum(int(problem.group[i]) == group for i in chosen) >= least)
    there = set(chosen) | {int(i) for i in problem.fixed}
    for a, b in problem.conflicts:
        rule(f"apart {a} {b}", not (int(a) in there and int(b) in there and ({int(a), int(b)} & set(chosen))))
