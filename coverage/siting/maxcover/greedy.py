"""Greedy construction, lazily evaluated (Minoux 1978): with a number of sites at least 1 - 1/e of the optimum."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from .core import Core, spendable
from .problem import BoolArray, FloatArray, IntArray


@dataclass
class _State:
    """A plan under construction, and what may still be added to it."""

    core: Core
    rest: FloatArray
    chosen: list[int] = field(default_factory=list)
    spent: float = 0.0

    def __post_init__(self) -> None:
        self.missing = self.core.group_min.copy()
        self.blocked: BoolArray = np.zeros(len(self.core.sites), dtype=np.bool_)
        self.rivals: dict[int, list[int]] = {}
        for i, k in self.core.conflicts.tolist():
            self.rivals.setdefault(i, []).append(k)
            self.rivals.setdefault(k, []).append(i)

    def gain(self, i: int) -> float:
        """Return the weight candidate ``i`` would add now."""
        return float(self.rest[self.core.row(i)].sum())

    def needed(self, i: int) -> bool:
        """Whether the group of ``i`` still lacks sites."""
        g = int(self.core.group[i])
        return g >= 0 and bool(self.missing[g] > 0)

    def fits(self, i: int) -> bool:
        """Whether adding ``i`` leaves room for what the groups still lack."""
        core, lacking = self.core, int(self.missing.sum())
        lacking -= int(self.needed(i))
        if self.blocked[i] or len(self.chosen) + 1 + lacking > core.limit:
            return False
        spent = self.spent + core.cost[i]
        return bool(spent + (self._reserve(i) if lacking else 0.0) <= spendable(core.budget))

    def _reserve(self, without: int) -> float:
        """Least cost of filling the groups after ``without`` is added; 0 if there is no budget."""
        core = self.core
        if np.isinf(core.budget):
            return 0.0
        total = 0.0
        free = ~self.blocked
        free[[*self.chosen, without]] = False
        for g in np.flatnonzero(self.missing):
            lacking = int(self.missing[g]) - int(core.group[without] == g)
            costs = np.sort(core.cost[free & (core.group == g)])
            total += float(costs[:lacking].sum()) if len(costs) >= lacking else np.inf
        return total

    def add(self, i: int) -> None:
        """Build candidate ``i``."""
        if self.needed(i):
            self.missing[self.core.group[i]] -= 1
        self.chosen.append(i)
        self.spent += float(self.core.cost[i])
        self.rest[self.core.row(i)] = 0.0
        self.blocked[[i, *self.rivals.get(i, [])]] = True


def _construct(core: Core, *, per_cost: bool) -> IntArray:
    """One greedy run, by gain or by gain per cost; groups that still lack sites are filled at the end.

    Gains only shrink while a plan grows, so the heap's top needs a new look only if its key is old.
    """
    state = _State(core, core.weight.copy())
    price = np.where(core.cost > 0, core.cost, 1e-300) if per_cost else np.ones(len(core.sites))
    gains = core.reach @ core.weight
    heap = list(zip((-(gains / price)).tolist(), range(len(core.sites)), [0] * len(core.sites), strict=True))
    heapq.heapify(heap)
    while heap and len(state.chosen) < core.limit:
        key, i, seen = heapq.heappop(heap)
        if key == 0.0:
            break
        if seen == len(state.chosen):
            if state.fits(i):
                state.add(i)
        elif not state.blocked[i]:
            heapq.heappush(heap, (-(state.gain(i) / float(price[i])), i, len(state.chosen)))
    _fill_groups(state)
    return np.sort(np.array(state.chosen, dtype=np.int64))


def _fill_groups(state: _State) -> None:
    """Add the cheapest candidates of groups that still lack sites, though they gain nothing."""
    for g in np.flatnonzero(state.missing):
        members = np.flatnonzero(state.core.group == g)
        for i in members[np.lexsort((members, state.core.cost[members]))].tolist():
            if state.missing[g] and i not in state.chosen and state.fits(i):
                state.add(i)


def greedy(core: Core) -> IntArray | None:
    """Greedy plan for the reduced problem, ties broken by lowest position.

    With a budget the best of three: by gain per cost, by gain, and the best single candidate, which makes the
    first a safe one (Khuller, Moss & Naor 1999).

    Returns
    -------
    int64 array or None
        Positions in the core, sorted; None if no plan was found that keeps the groups' minima.
    """
    plans = [_construct(core, per_cost=False)]
    if np.isfinite(core.budget):
        plans.append(_construct(core, per_cost=True))
        if core.limit >= 1 and len(core.sites):
            plans.append(np.array([np.argmax(core.reach @ core.weight)], dtype=np.int64))
    sound = [plan for plan in plans if core.allows(plan)]
    return max(sound, key=core.value) if sound else None
