"""Make a reduced problem smaller without losing a better plan."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import sparse

from .core import Core, merge_demands
from .problem import BoolArray, FloatArray, IntArray

_DOMINANCE_WORK = 4e7
"""Pairs of candidates that share a demand, above which dominated candidates are not looked for."""


def restrict(core: Core, keep: BoolArray, take: IntArray) -> Core:
    """Build ``take`` and leave only the candidates of ``keep`` open.

    Returns
    -------
    Core
        Smaller; ``taken`` and ``base`` have grown by ``take``, demands that ``take`` covers are gone, and
        demands that have become identical are merged.
    """
    take = np.asarray(take, dtype=np.int64)
    open_ = keep.copy()
    open_[take] = False
    is_taken = np.zeros(len(keep), dtype=np.bool_)
    is_taken[take] = True
    open_[core.conflicts[is_taken[core.conflicts].any(axis=1)].ravel()] = False
    done = np.zeros(len(core.weight), dtype=np.bool_)
    done[core.reach[take].indices] = True
    kept = np.flatnonzero(open_)
    rest = np.where(done, 0.0, core.weight)
    reach, weight, label = merge_demands(sparse.csr_array(core.reach[kept]), rest)
    position = np.full(len(keep), -1, dtype=np.int64)
    position[kept] = np.arange(len(kept))
    pairs = position[core.conflicts]
    labels = core.group[take]
    have = np.bincount(labels[labels >= 0], minlength=len(core.group_min))
    return dataclasses.replace(
        core,
        sites=core.sites[kept],
        reach=reach,
        weight=weight,
        cost=core.cost[kept],
        limit=min(core.limit - len(take), len(kept)),
        budget=float(core.budget - core.cost[take].sum()),
        group=core.group[kept],
        group_min=np.maximum(core.group_min - have, 0),
        conflicts=pairs[(pairs >= 0).all(axis=1)],
        taken=np.union1d(core.taken, core.sites[take]),
        base=core.base + float(core.weight[done].sum()),
        label=label,
    )


def undominated(core: Core) -> BoolArray:
    """(k,) False for candidates that another one replaces: it reaches all they reach and costs no more.

    Only without groups and conflicts, where any candidate may stand for any other. Of equal candidates the
    one with the lowest position stays. All stay where looking would take too long.
    """
    k = len(core.sites)
    keep = np.ones(k, dtype=np.bool_)
    work = float((np.diff(core.by_demand.indptr).astype(np.float64) ** 2).sum())
    if len(core.conflicts) or core.group_min.any() or work > _DOMINANCE_WORK or not k:
        return keep
    shared = (core.reach @ core.by_demand).tocoo()
    small, large = (np.asarray(x, dtype=np.int64) for x in shared.coords)
    size = np.diff(core.reach.indptr)
    within = (shared.data == size[small]) & (small != large) & (core.cost[large] <= core.cost[small])
    twins = (size[small] == size[large]) & (core.cost[small] == core.cost[large])
    keep[small[within & (~twins | (large < small))]] = False
    return keep


def fix_by_price(core: Core, bound: float, score: FloatArray, wanted: float) -> tuple[BoolArray, IntArray]:
    """Candidates that a plan worth ``wanted`` may use, and those it must use (reduced-cost fixing).

    Parameters
    ----------
    bound : float
        Lagrangian bound beyond ``core.base``, as :func:`.bound.lagrangian` gives it.
    score : (k,) float64
        Its prices of the candidates.
    wanted : float
        Worth beyond ``core.base``; plans below it are given up.

    Returns
    -------
    keep : (k,) bool
    take : int64 array
    """
    k = len(score)
    limit = core.limit
    worth = np.maximum(score, 0.0)
    order = np.argsort(-worth, kind="stable")
    inside = np.zeros(k, dtype=np.bool_)
    inside[order[:limit]] = worth[order[:limit]] > 0
    last = float(worth[order[limit - 1]]) if 0 < limit <= k else 0.0
    following = float(worth[order[limit]]) if limit < k else 0.0
    slack = 1e-9 * abs(bound)
    keep = inside | (bound - last + score >= wanted - slack)
    take = np.flatnonzero(inside & (bound - worth + following < wanted - slack))
    return keep, take.astype(np.int64)
