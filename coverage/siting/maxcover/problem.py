"""What is to be decided: the siting problem as arrays, with every fault of its statement named at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ...errors import Diagnostics, Fault, SitingError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Labels = npt.NDArray[Any]

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
    site_ids : (n,) array or None
        Labels of the sites, if ``reach`` or the distances came as a frame.
    demand_ids : (m,) array or None
        Labels of the demands.
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
    site_ids: Labels | None = None
    demand_ids: Labels | None = None

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
    site_ids: npt.ArrayLike | None = None,
    demand_ids: npt.ArrayLike | None = None,
) -> SitingProblem:
    """Check everything and return the problem; see :class:`SitingProblem` for the arguments.

    Parameters
    ----------
    reach : (n, m) array, scipy sparse matrix or DataFrame
        0 or 1, or booleans: whether a site (row) reaches a demand (column). For distances see
        :func:`from_distances`. The labels of a frame are kept, and series are aligned with them.
    fixed, required, forbidden : positions, or (n,) booleans
        With a frame: its labels, or booleans. The same holds for ``conflicts``.
    site_ids : (n,) array, optional
        Labels of the sites, in the place of a frame's.
    demand_ids : (m,) array, optional
        Labels of the demands.

    Raises
    ------
    ProblemError
        With all faults at once: values of ``reach`` that are not 0 or 1, shapes or labels that don't match, NaN,
        infinite or negative weights, costs or budget, ``n_sites`` above the number of sites, positions out of
        range, no limit at all, …

    Examples
    --------
    >>> problem = make_problem([[1, 1, 0], [0, 0, 1], [1, 0, 0]], [1, 2, 2.5], n_sites=2)
    >>> problem.size
    (3, 3)
    """
    faults = Diagnostics()
    matrix = check_reach(reach, faults)
    n, m = (int(k) for k in matrix.shape)
    known = not faults
    own = frame_labels(reach)
    sites = own[0] if site_ids is None else np.asarray(site_ids)
    demands = own[1] if demand_ids is None else np.asarray(demand_ids)
    _check_labels((sites, demands), (n, m) if known else None, faults)
    weights = _amounts("weight", _aligned("weight", weight, demands, faults), m, faults, check_length=known)
    costs = np.ones(n)
    if cost is not None:
        costs = _amounts("cost", _aligned("cost", cost, sites, faults), n, faults, check_length=known)
    lists = {}
    for name, given in (("fixed", fixed), ("required", required), ("forbidden", forbidden)):
        there = _places(name, _aligned(name, given, sites, faults), sites, faults)
        lists[name] = _positions(name, there, n, faults, check_range=known)
    if known:
        _check_limits(n_sites, budget, n, faults)
    groups, minima = _groups(_aligned("group", group, sites, faults), group_min, n, faults)
    pairs = _pairs(_places("conflicts", conflicts, sites, faults), n, faults)
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
        site_ids=sites,
        demand_ids=demands,
    )


def from_distances(
    distances: Any,
    radius: npt.ArrayLike,
    *,
    axis: int,
    weight: npt.ArrayLike | None = None,
    same_points: bool | None = None,
    **limits: Any,
) -> SitingProblem:
    """Return the problem in which a site reaches what is not further than ``radius``.

    Parameters
    ----------
    distances : (n, m) or (m, n) array, scipy sparse matrix or DataFrame
        From sites to demands in any unit, none negative; infinite where there is no way. What a sparse matrix does
        not store is too far. The labels of a frame are kept.
    radius : float or (n,) float
        In the unit of ``distances``, for all sites or for each; a distance equal to it is within.
    axis : {0, 1}
        0 if the sites are the rows, 1 if they are the columns. A square matrix doesn't tell, so it has to be said.
    weight : (m,) float, optional
        1 each by default.
    same_points : bool, optional
        For a square sparse matrix: whether site i and demand i are one place, which is then reached. Sparse matrices
        drop zeros on many ways, so it has to be said where entries of the diagonal are not stored.
    **limits
        ``n_sites``, ``budget``, ``cost``, …: see :func:`make_problem`.

    Raises
    ------
    ProblemError
        If a distance is negative or NaN, the radius no length, the axis neither 0 nor 1, a diagonal left open, or for
        any reason of :func:`make_problem`.

    Examples
    --------
    >>> problem = from_distances([[0, 4, 9], [6, 3, 2]], 4, axis=0, n_sites=1)
    >>> problem.reach.toarray().astype(int).tolist()
    [[1, 1, 0], [0, 1, 1]]
    """
    labels = frame_labels(distances)
    try:
        dense = not sparse.issparse(distances)
        given = np.asarray(distances, dtype=np.float64) if dense else distances.tocoo()
        limit = np.asarray(radius, dtype=np.float64)
    except (TypeError, ValueError):
        raise ProblemError([Fault("siting-not-number", values={"name": "distances, radius"})]) from None
    if given.ndim != 2:
        raise ProblemError([Fault("siting-reach-shape", values={"shape": tuple(given.shape)})])
    if axis not in (0, 1):
        raise ProblemError([Fault("siting-axis", value=axis)])
    if axis == 1:
        given, labels = given.T, (labels[1], labels[0])
    faults = Diagnostics()
    if limit.shape not in ((), given.shape[:1]) or not (limit >= 0).all():
        faults.append(Fault("siting-radius", value=radius))
    values = np.asarray(given if dense else given.data, dtype=np.float64)
    if (bad := np.isnan(values) | (values < 0)).any():
        faults.append(Fault("siting-distances", values={"count": int(bad.sum())}))
    if faults:
        raise ProblemError(faults)
    reach = _within(given, np.broadcast_to(limit, given.shape[:1]), same_points)
    ones = np.ones(given.shape[1]) if weight is None else weight
    site_ids, demand_ids = labels
    return make_problem(reach, ones, site_ids=site_ids, demand_ids=demand_ids, **limits)


def _within(distances: Any, limit: FloatArray, same_points: bool | None) -> sparse.csr_array:
    """(n, m) whether a distance is finite and at most its row's limit."""
    n, m = distances.shape
    if isinstance(distances, np.ndarray):
        return sparse.csr_array((distances <= limit[:, None]) & np.isfinite(distances))
    near = (distances.data <= limit[distances.row]) & np.isfinite(distances.data)
    rows, columns = distances.row[near], distances.col[near]
    if n == m:
        open_ = np.setdiff1d(np.arange(n), distances.row[distances.row == distances.col])
        if same_points is None and len(open_):
            where = {"count": len(open_), "first": int(open_[0])}
            raise ProblemError([Fault("siting-diagonal", values=where)])
        same = np.arange(n if same_points else 0)
        rows, columns = np.concatenate([rows, same]), np.concatenate([columns, same])
    return sparse.csr_array((np.ones(len(rows), np.bool_), (rows, columns)), shape=(n, m))


def frame_labels(given: Any) -> tuple[Labels | None, Labels | None]:
    """Labels of the rows and of the columns of a frame; None for anything else."""
    if hasattr(given, "columns") and hasattr(given, "index"):
        return np.asarray(given.index), np.asarray(given.columns)
    return None, None


def _check_labels(
    labels: tuple[Labels | None, Labels | None], shape: tuple[int, int] | None, faults: Diagnostics
) -> None:
    """There is a label for each, where the shape is known, and none stands twice."""
    for k, (name, ids) in enumerate(zip(("sites", "demands"), labels, strict=True)):
        if ids is not None and shape is not None and ids.shape != (shape[k],):
            values = {"name": name, "expected": shape[k], "shape": tuple(ids.shape)}
            faults.append(Fault("siting-length", values=values))
        twice = [label for label, n in Counter([] if ids is None else ids.ravel().tolist()).items() if n > 1]
        if twice:
            faults.append(Fault("siting-id-twice", value=twice[0], values={"name": name}))


def _aligned(name: str, given: Any, ids: Labels | None, faults: Diagnostics) -> Any:
    """Values of a series in the order of ``ids``; anything else as it is."""
    if ids is None or not hasattr(given, "index") or not hasattr(given, "to_numpy"):
        return given
    at = {label: i for i, label in enumerate(given.index)}
    lacking = [label for label in ids.tolist() if label not in at]
    if lacking or len(at) != len(ids) or len(given) != len(ids):
        values = {"name": name, "count": len(lacking), "first": lacking[0] if lacking else "–"}
        faults.append(Fault("siting-id-mismatch", values=values))
        return np.zeros(len(ids), dtype=given.to_numpy().dtype)
    return given.to_numpy()[[at[label] for label in ids.tolist()]]


def _places(name: str, given: Any, ids: Labels | None, faults: Diagnostics) -> Any:
    """Positions of labels; positions and booleans as they are."""
    values = np.asarray([] if given is None else given)
    if ids is None or not values.size or values.dtype == np.bool_:
        return given
    at = {label: i for i, label in enumerate(ids.tolist())}
    unknown = [label for label in values.ravel().tolist() if label not in at]
    if unknown:
        faults.append(
            Fault("siting-id-unknown", value=unknown[0], values={"name": name, "count": len(unknown)})
        )
        return []
    return np.array([at[label] for label in values.ravel().tolist()], dtype=np.int64).reshape(values.shape)


def check_reach(reach: Any, faults: Diagnostics) -> sparse.csr_array:
    """Canonical boolean CSR of ``reach``; an empty one and a fault if it is no matrix of 0 and 1."""
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
    other = matrix.data[(matrix.data != 0) & (matrix.data != 1)]
    if len(other):
        faults.append(Fault("siting-reach-binary", value=float(other[0]), values={"count": len(other)}))
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
    name: str, given: npt.ArrayLike, expected: int, faults: Diagnostics, *, check_length: bool
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
    name: str, given: npt.ArrayLike, n: int, faults: Diagnostics, *, check_range: bool
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


def _check_limits(n_sites: int | None, budget: float | None, n: int, faults: Diagnostics) -> None:
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
    group: npt.ArrayLike | None, group_min: npt.ArrayLike | None, n: int, faults: Diagnostics
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


def _pairs(conflicts: npt.ArrayLike | None, n: int, faults: Diagnostics) -> IntArray:
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
