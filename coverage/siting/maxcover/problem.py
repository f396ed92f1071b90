"""What is to be decided: the siting problem as arrays, with every fault of its statement named at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ...errors import Fault, SitingError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

COST_TOLERANCE = 1e-9
"""Relative slack by which the sum of costs may exceed the budget: rounding of sums, nothing else."""


class ProblemError(SitingError):
    """The statement of a siting problem makes no sense. ``faults`` holds everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("siting-problem")

    def render(self, lang: str = "en") -> str:
        """Return all faults, one a line."""
        return "\n".join([super().render(lang), *(fault.render(lang) for fault in self.faults)])


@dataclass(frozen=True, eq=False)
class SitingProblem:
    """Maximum coverage: which new sites cover the most weighted demand (MCLP, Church & ReVelle 1974).

    ::

        max   sum_j weight_j z_j
        s.t.  z_j <= sum_i reach_ij y_i          demand counts if a site that is built reaches it
              sum_{i new} y_i <= n_sites
              sum_{i new} cost_i y_i <= budget
              sum_{i new in group g} y_i >= group_min_g
              y_i + y_k <= 1                     for each pair in conflicts
              y_i = 1 for fixed and required, y_i = 0 for forbidden, y binary

    Make it with :func:`make_problem`, which checks everything.

    Attributes
    ----------
    reach : (n, m) csr_array of bool
        Row = site, column = demand; sorted indices, no stored zeros.
    weight : (m,) float64
        Weight of each demand (people, km, trips, …), finite and not negative.
    cost : (n,) float64
        Cost of each site in the unit of ``budget``, finite and not negative.
    n_sites : int or None
        At most so many new sites (fixed ones not counted, required ones counted).
    budget : float or None
        The new sites cost at most this much.
    fixed : int64 array
        Sites that exist: they cover, cost nothing, and are never "chosen".
    required, forbidden : int64 array
        New sites that must, or must not, be chosen. Fixed sites are left out of both.
    group : (n,) int64
        Group (county) of each site, -1 for none.
    group_min : (g,) int64
        At least so many *new* sites in each group.
    conflicts : (k, 2) int64
        Pairs that are too close to be both there. A pair with a fixed site excludes the other one.
    """

    reach: sparse.csr_array
    weight: FloatArray
    cost: FloatArray
    n_sites: int | None
    budget: float | None
    fixed: IntArray
    required: IntArray
    forbidden: IntArray
    group: IntArray
    group_min: IntArray
    conflicts: IntArray

    @property
    def size(self) -> tuple[int, int]:
        """Number of sites and of demands."""
        n, m = self.reach.shape
        return int(n), int(m)

    @property
    def plain(self) -> bool:
        """Whether only a number of sites limits the choice."""
        return self.budget is None and not len(self.conflicts) and not self.group_min.any()

    @property
    def integral(self) -> bool:
        """Whether all weights are whole numbers, so that every objective is one too."""
        return bool(np.all(self.weight == np.rint(self.weight)) and self.weight.sum() < 2**53)


def make_problem(
    reach: Any,
    weight: npt.ArrayLike,
    *,
    n_sites: int | None = None,
    budget: float | None = None,
    cost: npt.ArrayLike | None = None,
    fixed: npt.ArrayLike = (),
    required: npt.ArrayLike = (),
    forbidden: npt.ArrayLike = (),
    group: npt.ArrayLike | None = None,
    group_min: npt.ArrayLike | None = None,
    conflicts: npt.ArrayLike | None = None,
) -> SitingProblem:
    """Check everything and return the problem; see :class:`SitingProblem` for the arguments.

    Parameters
    ----------
    reach : (n, m) array or scipy sparse matrix
        Anything that is not zero means "reaches".
    fixed, required, forbidden : positions, or (n,) booleans

    Raises
    ------
    ProblemError
        With all faults at once: shapes that don't match, NaN, infinite or negative weights, costs or budget,
        ``n_sites`` above the number of sites, positions out of range, no limit at all, …
    """
    faults: list[Fault] = []
    matrix = _reach(reach, faults)
    n, m = (int(k) for k in matrix.shape)
    known = not faults
    weights = _amounts("weight", weight, m, faults, check_length=known)
    costs = np.ones(n) if cost is None else _amounts("cost", cost, n, faults, check_length=known)
    lists = {
        name: _positions(name, given, n, faults, check_range=known)
        for name, given in (("fixed", fixed), ("required", required), ("forbidden", forbidden))
    }
    if known:
        _check_limits(n_sites, budget, n, faults)
    groups, minima = _groups(group, group_min, n, faults)
    pairs = _pairs(conflicts, n, faults)
    must = np.setdiff1d(lists["required"], lists["fixed"])
    never = np.setdiff1d(lists["forbidden"], lists["fixed"])
    both = np.intersect1d(must, never)
    if len(both):
        faults.append(Fault("siting-clash", values={"count": len(both), "first": int(both[0])}))
    if faults:
        raise ProblemError(faults)
    return SitingProblem(
        reach=matrix,
        weight=weights,
        cost=costs,
        n_sites=None if n_sites is None else int(n_sites),
        budget=None if budget is None else float(budget),
        fixed=lists["fixed"],
        required=must,
        forbidden=never,
        group=groups,
        group_min=minima,
        conflicts=pairs,
    )


def _reach(reach: Any, faults: list[Fault]) -> sparse.csr_array:
    """Canonical boolean CSR of ``reach``; an empty one and a fault if it is no matrix of finite numbers."""
    empty = sparse.csr_array((0, 0), dtype=np.bool_)
    try:
        given: Any = reach if sparse.issparse(reach) else np.asarray(reach)
        if given.ndim != 2:
            faults.append(Fault("siting-reach-shape", values={"shape": tuple(given.shape)}))
            return empty
        matrix = sparse.csr_array(given)
        finite = matrix.dtype == np.bool_ or bool(np.all(np.isfinite(matrix.data.astype(np.float64))))
    except (TypeError, ValueError):
        finite = False
    if not finite:
        faults.append(Fault("siting-reach-values"))
        return empty
    return canonical(matrix)


def canonical(matrix: sparse.csr_array) -> sparse.csr_array:
    """Boolean copy with sorted indices, no duplicates and no stored zeros."""
    copy = sparse.csr_array(
        (matrix.data != 0, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int64)),
        shape=matrix.shape,
    )
    copy.sum_duplicates()
    copy.eliminate_zeros()
    return copy


def _amounts(
    name: str, given: npt.ArrayLike, expected: int, faults: list[Fault], *, check_length: bool
) -> FloatArray:
    """Finite, non-negative numbers, ``expected`` of them; faults otherwise."""
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        faults.append(Fault("siting-not-number", values={"name": name}))
        return np.zeros(expected)
    if check_length and values.shape != (expected,):
        shape = tuple(values.shape)
        faults.append(Fault("siting-length", values={"name": name, "expected": expected, "shape": shape}))
    flat = values.ravel()
    for key, wrong in (("siting-not-finite", ~np.isfinite(flat)), ("siting-negative", flat < 0)):
        if wrong.any():
            where = {"name": name, "count": int(wrong.sum()), "first": int(np.argmax(wrong))}
            faults.append(Fault(key, values=where))
    return flat


def _positions(
    name: str, given: npt.ArrayLike, n: int, faults: list[Fault], *, check_range: bool
) -> IntArray:
    """Sorted unique positions in 0 … n-1, from positions or from n booleans."""
    values = np.asarray(given)
    if values.dtype == np.bool_ and values.shape == (n,):
        return np.flatnonzero(values).astype(np.int64)
    if not values.size:
        return np.empty(0, dtype=np.int64)
    sound = values.ndim == 1 and values.dtype.kind in "iu"
    if not sound or (check_range and (values.min() < 0 or values.max() >= n)):
        faults.append(Fault("siting-index", values={"name": name, "last": n - 1}))
        return np.empty(0, dtype=np.int64)
    return np.unique(values).astype(np.int64)


def _check_limits(n_sites: int | None, budget: float | None, n: int, faults: list[Fault]) -> None:
    """``n_sites`` is a whole number in 0 … n, ``budget`` finite and ≥ 0, and one of them is there."""
    if n_sites is None and budget is None:
        faults.append(Fault("siting-no-limit"))
    if n_sites is not None:
        whole = isinstance(n_sites, int | np.integer) and not isinstance(n_sites, bool)
        if not whole or n_sites < 0:
            faults.append(Fault("siting-count", value=n_sites))
        elif n_sites > n:
            faults.append(Fault("siting-count-high", value=n_sites, values={"available": n}))
    if budget is not None:
        number = isinstance(budget, int | float | np.number) and not isinstance(budget, bool)
        if not number or not np.isfinite(budget) or budget < 0:
            faults.append(Fault("siting-budget", value=budget))


def _groups(
    group: npt.ArrayLike | None, group_min: npt.ArrayLike | None, n: int, faults: list[Fault]
) -> tuple[IntArray, IntArray]:
    """Return the group of each site (-1 for none) and the minimum of each group."""
    none = np.full(n, -1, dtype=np.int64), np.empty(0, dtype=np.int64)
    if group is None and group_min is None:
        return none
    labels = np.asarray(-1 if group is None else group)
    minima = np.asarray([] if group_min is None else group_min)
    sound = labels.shape == (n,) and labels.dtype.kind in "iu" and minima.ndim == 1
    sound = sound and (minima.size == 0 or (minima.dtype.kind in "iu" and minima.min() >= 0))
    if not sound or (labels.size and minima.size and labels.max() >= len(minima)):
        faults.append(Fault("siting-group-min"))
        return none
    return np.maximum(labels, -1).astype(np.int64), minima.astype(np.int64)


def _pairs(conflicts: npt.ArrayLike | None, n: int, faults: list[Fault]) -> IntArray:
    """Conflicting pairs, each with the lower position first, sorted, without duplicates."""
    empty = np.empty((0, 2), dtype=np.int64)
    pairs = np.asarray([] if conflicts is None else conflicts)
    if not pairs.size:
        return empty
    sound = pairs.ndim == 2 and pairs.shape[1] == 2 and pairs.dtype.kind in "iu"
    if not sound or pairs.min() < 0 or pairs.max() >= n or bool((pairs[:, 0] == pairs[:, 1]).any()):
        faults.append(Fault("siting-conflicts"))
        return empty
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64)
