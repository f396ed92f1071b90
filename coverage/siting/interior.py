"""LP relaxation of maximum coverage by a primal-dual interior point method made for it.

With ``z_j <= 1`` (price ``alpha_j``) and ``z_j <= sum_i a_ij y_i`` (price ``lambda_j``, with alpha + lambda = weight)
the z can be eliminated, and each Newton step is one symmetric positive definite system over the candidates::

    (A diag(theta) A' + diag(eta / y + beta / (1 - y)) + sum_r pi_r / t_r g_r g_r') dy = right-hand side

so that the number of demands hardly matters. It starts from a strictly feasible point and stays feasible (Wright
1997, Primal-Dual Interior-Point Methods, ch. 5 and 10). Bounds are taken from its prices by
:func:`.bound.lagrangian`, so nothing rests on its accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from .core import Core, spendable
from .problem import FloatArray

_STEPS = 60
_SHORT = 0.95
"""Share of the way to the boundary that a step takes."""


@dataclass(eq=False)
class _Point:
    """Primal and dual values: y, z; prices lambda (of reach), pi (of rows), eta, beta (of y's bounds)."""

    y: FloatArray
    z: FloatArray
    price: FloatArray
    row_price: FloatArray
    low: FloatArray
    high: FloatArray


def interior_point(
    core: Core, left: Callable[[], float], tolerance: float
) -> tuple[FloatArray, FloatArray, float] | None:
    """Nearly optimal fractional plan and prices.

    Parameters
    ----------
    core : Core
        Limited by number and budget only.
    left : callable
        Seconds left.
    tolerance : float
        Relative duality gap at which to stop.

    Returns
    -------
    plan : (k,) float64
    demand : (d,) float64
        Prices of the demands.
    budget : float
        Price of the budget; None altogether if time ran out or the numbers broke down early.
    """
    rows, limit = _rows(core)
    if (limit <= 0).any():
        return None
    point = _start(core, rows, limit)
    best: tuple[FloatArray, FloatArray, float] | None = None
    for _ in range(_STEPS):
        if left() <= 0:
            return None
        slack = limit - rows @ point.y
        cover = core.by_demand @ point.y
        gap = _gap(core, point, slack, cover)
        budget = float(point.row_price[1]) if len(limit) > 1 else 0.0
        best = point.y, point.price, budget
        if gap <= tolerance * max(float(core.weight @ point.z), 1e-300):
            return best
        if not _newton(core, rows, point, slack, cover):
            return best
    return best


def _rows(core: Core) -> tuple[FloatArray, FloatArray]:
    """Rows ``g y <= h`` over the candidates: number, and budget if there is one (scaled to its size)."""
    k, _ = core.size
    rows, limit = [np.ones(k)], [float(min(core.limit, k)) + (1e-3 if core.limit >= k else 0.0)]
    if np.isfinite(core.budget):
        rows.append(core.cost)
        limit.append(spendable(core.budget))
    return np.array(rows), np.array(limit)


def _start(core: Core, rows: FloatArray, limit: FloatArray) -> _Point:
    """Strictly feasible: the same small share of every candidate, half of every weight as price."""
    k, _ = core.size
    share = 0.9 * float(np.min(np.append(limit / np.maximum(rows.sum(axis=1), 1e-300), 1.0)))
    y = np.full(k, share)
    z = 0.5 * np.minimum(1.0, core.by_demand @ y)
    price = 0.5 * core.weight
    score = core.reach @ price
    row_price = np.full(len(limit), 0.0)
    row_price[0] = float(np.mean(score))
    row_price[1:] = 1e-3 * row_price[0] / max(float(core.cost.mean()), 1e-300) if len(limit) > 1 else 0.0
    excess = score - row_price @ rows
    margin = max(float(np.abs(excess).mean()), 1e-9 * float(core.weight.sum()))
    return _Point(y, z, price, row_price, np.maximum(-excess, 0) + margin, np.maximum(excess, 0) + margin)


def _gap(core: Core, point: _Point, slack: FloatArray, cover: FloatArray) -> float:
    """Sum of all products of slack and price."""
    return float(
        ((core.weight - point.price) * (1 - point.z)).sum()
        + (point.price * (cover - point.z)).sum()
        + (point.low * point.y).sum()
        + (point.high * (1 - point.y)).sum()
        + (point.row_price * slack).sum()
    )


def _newton(core: Core, rows: FloatArray, point: _Point, slack: FloatArray, cover: FloatArray) -> bool:
    """One predictor-corrector step (Mehrotra 1992); False if the system can't be factorised any more."""
    room, over = 1 - point.z, cover - point.z
    other = core.weight - point.price
    pivot = point.price * room + over * other
    theta = other * point.price / pivot
    weighted = sparse.csr_array(
        (theta[core.reach.indices], core.reach.indices, core.reach.indptr), shape=core.reach.shape
    )
    system = (weighted @ core.by_demand).toarray()
    system += (rows.T * (point.row_price / slack)) @ rows
    system[np.diag_indices_from(system)] += point.low / point.y + point.high / (1 - point.y)
    try:
        factor = linalg.cho_factor(system, overwrite_a=True, check_finite=False)
    except linalg.LinAlgError:
        return False
    products = (other * room, point.price * over, point.low * point.y, point.high * (1 - point.y))
    count = 2 * len(room) + 2 * len(point.y) + len(slack)
    mean = (sum(float(p.sum()) for p in products) + float((point.row_price * slack).sum())) / count

    def direction(target: float, second: tuple[FloatArray, ...] | None) -> tuple[FloatArray, ...]:
        r_room, r_over, r_low, r_high = (target - p for p in products)
        r_row = target - point.row_price * slack
        if second is not None:
            r_room, r_over, r_low = r_room - second[0], r_over - second[1], r_low - second[2]
            r_high, r_row = r_high - second[3], r_row - second[4]
        push = core.reach @ ((other * r_over - point.price * r_room) / pivot)
        push += r_low / point.y - r_high / (1 - point.y) - (r_row / slack) @ rows
        dy = linalg.cho_solve(factor, push, check_finite=False)
        du = core.by_demand @ dy
        dz = (point.price * room * du - over * r_room - room * r_over) / pivot
        dprice = (other * r_over - point.price * r_room - other * point.price * du) / pivot
        dlow = (r_low - point.low * dy) / point.y
        dhigh = (r_high + point.high * dy) / (1 - point.y)
        drow = (r_row + point.row_price * (rows @ dy)) / slack
        return dy, dz, dprice, drow, dlow, dhigh, du

    dy, dz, dprice, drow, dlow, dhigh, du = direction(0.0, None)
    first = _lengths(point, slack, room, over, other, rows, (dy, dz, dprice, drow, dlow, dhigh, du))
    share = (1 - min(first)) ** 3
    second = (dprice * dz, dprice * (du - dz), dlow * dy, -dhigh * dy, -drow * (rows @ dy))
    step = direction(max(share, 1e-3) * mean, second)
    primal, dual = _lengths(point, slack, room, over, other, rows, step)
    point.y = point.y + _SHORT * primal * step[0]
    point.z = point.z + _SHORT * primal * step[1]
    point.price = point.price + _SHORT * dual * step[2]
    point.row_price = point.row_price + _SHORT * dual * step[3]
    point.low = point.low + _SHORT * dual * step[4]
    point.high = point.high + _SHORT * dual * step[5]
    return True


def _lengths(
    point: _Point,
    slack: FloatArray,
    room: FloatArray,
    over: FloatArray,
    other: FloatArray,
    rows: FloatArray,
    step: tuple[FloatArray, ...],
) -> tuple[float, float]:
    """How far the primal and the dual step may go, at most 1."""
    dy, dz, dprice, drow, dlow, dhigh, du = step
    primal = [(point.y, dy), (1 - point.y, -dy), (room, -dz), (over, du - dz), (slack, -(rows @ dy))]
    dual = [
        (point.price, dprice),
        (other, -dprice),
        (point.row_price, drow),
        (point.low, dlow),
        (point.high, dhigh),
    ]
    return _reach(primal), _reach(dual)


def _reach(pairs: list[tuple[FloatArray, FloatArray]]) -> float:
    """Largest step ≤ 1 / 0.95 that keeps every value at least 0."""
    longest = 1.0 / _SHORT
    for value, change in pairs:
        falling = change < 0
        if falling.any():
            longest = min(longest, float((-value[falling] / change[falling]).min()))
    return longest
