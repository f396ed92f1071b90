"""The reduced problem that all methods work on: open candidates against demand that is still uncovered.

Fixed and required sites are taken, what they cover is removed, so is demand without weight or without a
candidate; demands reached by exactly the same candidates become one (isomorphic aggregation, Chen et al.
2023, EJOR 311:73-87). It becomes smaller still, without losing a better plan, by dominance and by prices.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from ...errors import Fault
from .problem import COST_TOLERANCE, BoolArray, FloatArray, IntArray, SitingProblem
from .result import covered


@dataclass(frozen=True, eq=False)
class Core:
    """What is left to decide.

    Attributes
    ----------
    sites : (k,) int64
        Position of each candidate in the problem.
    reach : (k, d) csr_array of float64
        Ones; row = candidate, column = merged demand.
    weight : (d,) float64
        Weight of each merged demand, positive.
    cost : (k,) float64
    limit : int
        At most so many candidates.
    budget : float
        The candidates cost at most this much; infinite if there is no budget.
    group, group_min, conflicts
        As in the problem, renumbered; ``group_min`` is what is still missing.
    taken : int64 array
        Required sites, which are in every plan.
    base : float
        Weight covered by fixed and required sites.
    label : int64 array
        Merged demand of each demand of the problem (or core) it was made from, -1 for those left out.
    reason : Fault or None
        Why there is no plan at all, None if nothing was found against it.
    """

    sites: IntArray
    reach: sparse.csr_array
    weight: FloatArray
    cost: FloatArray
    limit: int
    budget: float
    group: IntArray
    group_min: IntArray
    conflicts: IntArray
    taken: IntArray
    base: float
    label: IntArray
    reason: Fault | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Number of candidates and of merged demands."""
        return len(self.sites), len(self.weight)

    @cached_property
    def by_demand(self) -> sparse.csr_array:
        """(d, k) the transpose, row = merged demand."""
        return sparse.csr_array(self.reach.T.tocsr())

    @property
    def plain(self) -> bool:
        """Whether only a number of sites limits the choice."""
        return np.isinf(self.budget) and not len(self.conflicts) and not self.group_min.any()

    def limited(self, *, limit: int | None = None, budget: float | None = None) -> Core:
        """Return the same core under other limits; the transpose is shared."""
        other = replace(
            self,
            limit=self.limit if limit is None else limit,
            budget=self.budget if budget is None else budget,
        )
        other.__dict__["by_demand"] = self.by_demand
        return other

    def row(self, i: int) -> IntArray:
        """Return the merged demands that candidate ``i`` reaches."""
        return np.asarray(self.reach.indices[self.reach.indptr[i] : self.reach.indptr[i + 1]])

    def value(self, chosen: IntArray) -> float:
        """Weight that ``chosen`` candidates cover, beyond :attr:`base`."""
        hit = np.zeros(len(self.weight), dtype=np.bool_)
        hit[self.reach[np.asarray(chosen, dtype=np.int64)].indices] = True
        return float(self.weight[hit].sum())

    def compatible(self, chosen: IntArray) -> bool:
        """Whether ``chosen`` candidates keep number, budget and conflicts (groups may still lack some)."""
        chosen = np.asarray(chosen, dtype=np.int64)
        if len(chosen) > self.limit or self.cost[chosen].sum() > spendable(self.budget):
            return False
        inside = np.zeros(len(self.sites), dtype=np.bool_)
        inside[chosen] = True
        return not bool(inside[self.conflicts].all(axis=1).any())

    def allows(self, chosen: IntArray) -> bool:
        """Whether ``chosen`` candidates keep every limit."""
        chosen = np.asarray(chosen, dtype=np.int64)
        if len(self.group_min):
            counts = np.bincount(self.group[chosen] + 1, minlength=len(self.group_min) + 1)[1:]
            if (counts < self.group_min).any():
                return False
        return self.compatible(chosen)


def spendable(budget: float) -> float:
    """Return the budget with the slack for rounding of sums."""
    return budget + COST_TOLERANCE * max(1.0, abs(budget)) if np.isfinite(budget) else np.inf


def reduce_problem(problem: SitingProblem) -> Core:
    """Take fixed and required sites, drop what cannot matter, merge identical demands."""
    n, _ = problem.size
    taken = np.union1d(problem.fixed, problem.required)
    is_taken = _mask(n, taken)
    open_ = ~is_taken & ~_mask(n, problem.forbidden)
    pairs = problem.conflicts
    blocked = pairs[is_taken[pairs].any(axis=1)].ravel()
    open_[blocked] = False
    limit = n if problem.n_sites is None else problem.n_sites - len(problem.required)
    budget = (
        np.inf if problem.budget is None else problem.budget - float(problem.cost[problem.required].sum())
    )
    if np.isfinite(budget):
        budget = 0.0 if abs(budget) <= COST_TOLERANCE * max(1.0, problem.budget or 0.0) else budget
        open_ &= problem.cost <= spendable(budget)
    missing = _missing(problem)
    sites = np.flatnonzero(open_).astype(np.int64)
    done = covered(problem, taken)
    rest = np.where(done, 0.0, problem.weight)
    reach, weight, label = merge_demands(sparse.csr_array(problem.reach[sites]), rest)
    useful = np.diff(reach.indptr) > 0
    if missing.any():
        useful |= np.append(missing, 0)[problem.group[sites]] > 0
    sites, reach = sites[useful], sparse.csr_array(reach[np.flatnonzero(useful)])
    position = np.full(n, -1, dtype=np.int64)
    position[sites] = np.arange(len(sites))
    left = position[pairs]
    return Core(
        sites=sites,
        reach=reach,
        weight=weight,
        cost=problem.cost[sites],
        limit=int(max(min(limit, len(sites)), -1)),
        budget=float(budget),
        group=problem.group[sites],
        group_min=missing,
        conflicts=left[(left >= 0).all(axis=1)],
        taken=problem.required,
        base=float(problem.weight[done].sum()),
        label=label,
        reason=_obvious(problem, limit, budget, missing, problem.group[sites]),
    )


def _mask(n: int, positions: IntArray) -> BoolArray:
    """(n,) True at ``positions``."""
    mask = np.zeros(n, dtype=np.bool_)
    mask[positions] = True
    return mask


def _missing(problem: SitingProblem) -> IntArray:
    """How many new sites each group still lacks beside the required ones."""
    labels = problem.group[problem.required]
    have = np.bincount(labels[labels >= 0], minlength=len(problem.group_min))
    return np.asarray(np.maximum(problem.group_min - have, 0), dtype=np.int64)


def _obvious(
    problem: SitingProblem, limit: int, budget: float, missing: IntArray, group: IntArray
) -> Fault | None:
    """Name what alone makes the problem infeasible; None if nothing does."""
    if limit < 0:
        values = {"required": len(problem.required), "sites": problem.n_sites}
        return Fault("siting-required-number", values=values)
    if budget < 0:
        spent = float(problem.cost[problem.required].sum())
        return Fault("siting-required-budget", values={"cost": spent, "budget": problem.budget})
    required = _mask(problem.size[0], problem.required)
    there = required | _mask(problem.size[0], problem.fixed)
    pairs = problem.conflicts
    clash = there[pairs].all(axis=1) & required[pairs].any(axis=1)
    if clash.any():
        i, k = pairs[np.argmax(clash)]
        return Fault("siting-required-conflict", values={"site": int(i), "other": int(k)})
    have = np.bincount(group[group >= 0], minlength=len(missing))
    if (have < missing).any():
        g = int(np.argmax(have < missing))
        values = {"group": g, "missing": int(missing[g]), "candidates": int(have[g])}
        return Fault("siting-group-candidates", values=values)
    if missing.sum() > limit:
        return Fault("siting-group-number", values={"missing": int(missing.sum()), "left": int(limit)})
    return None


def merge_demands(
    reach: sparse.csr_array, weight: FloatArray
) -> tuple[sparse.csr_array, FloatArray, IntArray]:
    """Drop demands without weight or candidate; one column for all demands with the same candidates.

    Returns
    -------
    reach : (k, merged) csr_array of float64
    weight : (merged,) float64
    label : (demands,) int64
        Column of each demand, -1 if it was dropped.
    """
    by_demand = sparse.csr_array(reach.T.tocsr())
    by_demand.sort_indices()
    useful = np.flatnonzero((np.diff(by_demand.indptr) > 0) & (weight > 0))
    by_demand = sparse.csr_array(by_demand[useful])
    kept, found = np.unique(identical_rows(by_demand), return_inverse=True)
    label = np.full(len(weight), -1, dtype=np.int64)
    label[useful] = found
    merged = sparse.csr_array(by_demand[kept].T.tocsr())
    merged.sort_indices()
    entries = (np.ones(merged.nnz), merged.indices, merged.indptr)
    total = np.asarray(np.bincount(found, weights=weight[useful], minlength=len(kept)), dtype=np.float64)
    return sparse.csr_array(entries, shape=merged.shape), total, label


def identical_rows(matrix: sparse.csr_array) -> IntArray:
    """(rows,) the first row with exactly the same columns, for each row of a sorted boolean CSR.

    Rows are grouped by a random 64-bit sum and their length, and then compared entry by entry.
    """
    rows, columns = matrix.shape
    key = np.random.default_rng(0).integers(0, 2**63, size=columns, dtype=np.uint64)
    sums = np.concatenate([[np.uint64(0)], np.cumsum(key[matrix.indices], dtype=np.uint64)])
    indptr = matrix.indptr.astype(np.int64)
    signature = sums[indptr[1:]] - sums[indptr[:-1]]
    degree = np.diff(indptr)
    order = np.lexsort((np.arange(rows), degree, signature))
    new = np.ones(rows, dtype=np.bool_)
    new[1:] = (np.diff(signature[order]) != 0) | (np.diff(degree[order]) != 0)
    first = np.empty(rows, dtype=np.int64)
    first[order] = order[np.maximum.accumulate(np.where(new, np.arange(rows), 0))] if rows else order
    shift = np.repeat(indptr[first] - indptr[:-1], degree)
    same = matrix.indices[np.arange(matrix.nnz) + shift] == matrix.indices
    wrong = np.unique(np.repeat(np.arange(rows), degree)[~same])
    first[wrong] = wrong
    return first


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
        Lagrangian bound beyond ``core.base``, as :func:`.prices.lagrangian` gives it.
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
