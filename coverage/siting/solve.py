"""Maximum coverage, start to end."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from .core import reduce_problem
from .greedy import greedy
from .problem import make_problem
from .result import LogLine, SitingResult, build_order, relative_gap


def max_coverage(
    reach: Any,
    weight: npt.ArrayLike,
    *,
    n_sites: int | None = None,
    budget: float | None = None,
    cost: npt.ArrayLike | None = None,
    fixed: npt.ArrayLike = (),
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    method: str = "auto",
    seed: int = 0,
) -> SitingResult:
    """Choose sites that cover the most weight. (Greedy for now, with the bound of everything reachable.)"""
    start = time.perf_counter()
    problem = make_problem(reach, weight, n_sites=n_sites, budget=budget, cost=cost, fixed=fixed)
    core = reduce_problem(problem)
    plan = greedy(core)
    chosen = np.empty(0, dtype=np.int64) if plan is None else core.sites[plan]
    order, gains = build_order(problem, np.union1d(core.taken, chosen))
    base = float(
        problem.weight[np.isin(np.arange(problem.size[1]), problem.reach[problem.fixed].indices)].sum()
    )
    objective = base + float(gains.sum())
    bound = core.base + float(core.weight.sum())
    return SitingResult(
        chosen=order,
        gain=gains,
        objective=objective,
        bound=bound,
        gap=relative_gap(objective, bound),
        status="optimal" if bound <= objective else "feasible",
        runtime_s=time.perf_counter() - start,
        base=base,
        total=float(problem.weight.sum()),
        cost=float(problem.cost[order].sum()),
        method=method,
        seed=seed,
        log=(LogLine(time.perf_counter() - start, "greedy", objective, bound),),
    )
