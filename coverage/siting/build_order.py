"""Building order: what serves the most weighted rows per money first; lazily evaluated (Minoux 1978)."""

from __future__ import annotations

import heapq

import numpy as np
from scipy import sparse

from .maxcover.problem import BoolArray, FloatArray, IntArray
from .rows import Rows

FREE = 1e-9
"""Money by which an action that costs nothing is divided, as a share of the dearest."""


def build_order(
    rows: Rows,
    cost: FloatArray,
    chosen: BoolArray,
    reach: sparse.csr_array,
    weight: FloatArray,
    *,
    first: BoolArray | None = None,
) -> IntArray:
    """Order the actions of a plan.

    The worth of an action is what it adds to the served part of the rows, each rule weighing 1 in all; where that is
    the same per money, what it adds to the demand within reach decides, then the position. Both only shrink while
    the plan grows, so an action's worth is worked out again only when it comes up.

    Parameters
    ----------
    rows : Rows
    cost : (n,) float64
    chosen : (n,) bool
        Actions of the plan.
    reach, weight
        (m, n) demand that each action brings within reach, and its (m,) weights.
    first : (n,) bool, optional
        Actions that come before all others (of an earlier year).

    Returns
    -------
    (k,) int64
        Positions of the chosen actions.
    """
    by_action, by_reach = sparse.csc_array(rows.matrix), sparse.csc_array(reach)
    left, unmet = np.ones(len(rows.need)), np.ones(len(weight), np.bool_)
    price = np.maximum(cost, FREE * max(float(cost.max(initial=0.0)), 1.0))
    early = np.zeros(len(cost), np.bool_) if first is None else first

    def worth(j: int) -> tuple[float, float]:
        at = slice(by_action.indptr[j], by_action.indptr[j + 1])
        mine = by_action.indices[at]
        gain = np.minimum(by_action.data[at] / rows.need[mine], left[mine]) @ rows.weight[mine]
        people = by_reach.indices[by_reach.indptr[j] : by_reach.indptr[j + 1]]
        return _rounded(gain / price[j]), _rounded(weight[people[unmet[people]]].sum() / price[j])

    def carry_out(j: int) -> None:
        at = slice(by_action.indptr[j], by_action.indptr[j + 1])
        mine = by_action.indices[at]
        left[mine] = np.maximum(left[mine] - by_action.data[at] / rows.need[mine], 0.0)
        unmet[by_reach.indices[by_reach.indptr[j] : by_reach.indptr[j + 1]]] = False

    def entry(j: int, seen: int) -> tuple[bool, float, float, int, int]:
        rows_gain, people_gain = worth(j)
        return (not early[j], -rows_gain, -people_gain, j, seen)

    order: list[int] = []
    heap = [entry(int(j), 0) for j in np.flatnonzero(chosen)]
    heapq.heapify(heap)
    while heap:
        *_, j, seen = heapq.heappop(heap)
        if seen == len(order):
            carry_out(j)
            order.append(j)
        else:
            heapq.heappush(heap, entry(j, len(order)))
    return np.array(order, dtype=np.int64)


def _rounded(value: float) -> float:
    """Ten digits, so that the order of summing does not decide a tie."""
    return float(f"{value:.10g}")
