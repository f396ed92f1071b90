"""A plan that can be changed quickly: what adding, dropping or swapping sites is worth, kept up to date.

For a candidate ``i`` outside and a site in slot ``s`` of the plan, a swap is worth
``gain_i - loss_s + extra_si`` with ``extra`` the weight that ``s`` alone covers and ``i`` would cover too
(Resende & Werneck 2003). After a change only the demands whose cover changes between 0, 1 and 2 matter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .core import Core, spendable
from .problem import FloatArray, IntArray

MAX_TABLE = 3e7
"""Largest slots × candidates table; above it, swaps are tried one slot at a time."""


_CALL_WORK = 2e4
"""What the calls of one small step cost, in array entries."""


class Plan:
    """Slots with sites, and the worth of changing them. ``work`` counts the array entries touched."""

    def __init__(self, core: Core, slots: int) -> None:
        k, d = core.size
        self.core = core
        self.site: IntArray = np.full(slots, -1, dtype=np.int64)
        self.count = np.zeros(d, dtype=np.int32)
        self.owner: IntArray = np.zeros(
            d, dtype=np.int64
        )  # sum of the slots that cover it: one slot's if count is 1
        self.gain: FloatArray = core.reach @ core.weight
        self.loss: FloatArray = np.zeros(slots)
        self.extra: FloatArray = np.zeros((slots, k))
        self.closed: FloatArray = np.zeros(k)  # -inf for sites in the plan
        self.value = 0.0
        self.spent = 0.0
        self.work = 0.0
        self._degree = np.diff(core.by_demand.indptr)
        self._rivals = _neighbours(core)
        self.rival_count: IntArray = np.zeros(k, dtype=np.int64)
        self.rival_slot: IntArray = np.zeros(k, dtype=np.int64)
        self.group_count = np.zeros(len(core.group_min), dtype=np.int64)

    @property
    def chosen(self) -> IntArray:
        """Sites of the plan, sorted."""
        return np.sort(self.site[self.site >= 0])

    def fill(self, sites: IntArray) -> None:
        """Add all of ``sites`` to free slots."""
        for site in sites:
            self.add(int(np.argmax(self.site < 0)), int(site))

    def add(self, slot: int, i: int) -> None:
        """Put candidate ``i`` into a free slot."""
        core = self.core
        self.work += _CALL_WORK
        mine = core.row(i)
        before = self.count[mine]
        fresh, shared = mine[before == 0], mine[before == 1]
        worth = self._spread(fresh)
        self.gain -= worth
        self.extra[slot] += worth
        own = float(core.weight[fresh].sum())
        self.loss[slot] += own
        self.value += own
        self._hand(shared, -1.0)
        self.count[mine] += 1
        self.owner[mine] += slot
        self._enter(slot, i, 1)

    def drop(self, slot: int) -> int:
        """Empty a slot; returns the site that was in it."""
        core, i = self.core, int(self.site[slot])
        mine = core.row(i)
        self.count[mine] -= 1
        self.owner[mine] -= slot
        after = self.count[mine]
        bare, single = mine[after == 0], mine[after == 1]
        self.gain += self._spread(bare)
        self.value -= float(core.weight[bare].sum())
        self.extra[slot] = 0.0
        self.loss[slot] = 0.0
        self._hand(single, 1.0)
        self._enter(slot, i, -1)
        return i

    def _enter(self, slot: int, i: int, sign: int) -> None:
        """Note that ``i`` came (1) into the slot or left it (-1)."""
        self.site[slot] = i if sign > 0 else -1
        self.closed[i] = -np.inf if sign > 0 else 0.0
        self.spent += sign * float(self.core.cost[i])
        if self.core.group[i] >= 0 and len(self.group_count):
            self.group_count[self.core.group[i]] += sign
        rivals = self._rivals.get(i)
        if rivals is not None:
            self.rival_count[rivals] += sign
            self.rival_slot[rivals] += sign * slot

    def _entries(self, demands: IntArray) -> tuple[npt.NDArray[np.integer], IntArray]:
        """Candidates that reach ``demands``, one demand after the other, and how many each has."""
        size = self._degree[demands]
        first = self.core.by_demand.indptr[demands] - np.concatenate([[0], np.cumsum(size)[:-1]])
        at = np.repeat(first, size) + np.arange(int(size.sum()))
        self.work += 8.0 * len(at)
        return self.core.by_demand.indices[at], size

    def _spread(self, demands: IntArray) -> FloatArray:
        """(k,) weight of ``demands`` that each candidate reaches."""
        if not len(demands):
            return np.zeros(len(self.gain))
        candidates, size = self._entries(demands)
        weight = np.repeat(self.core.weight[demands], size)
        return np.asarray(np.bincount(candidates, weight, len(self.gain)), dtype=np.float64)

    def _hand(self, demands: IntArray, sign: float) -> None:
        """``demands`` become (1), or cease to be (-1), covered by their owner alone."""
        if not len(demands):
            return
        slots, weight = self.owner[demands], sign * self.core.weight[demands]
        self.loss += np.bincount(slots, weight, len(self.loss))
        candidates, size = self._entries(demands)
        cells = np.repeat(slots, size) * self.extra.shape[1] + candidates
        np.add.at(self.extra.reshape(-1), cells, np.repeat(weight, size))

    # -- what may be done --------------------------------------------------------------------------------
    def best_swap(self) -> tuple[float, int, int]:
        """Worth, slot and newcomer of the best allowed swap; ties go to the lowest slot, then candidate."""
        table = self.extra + (self.gain + self.closed)
        self.work += float(table.size) + _CALL_WORK
        if not self.core.plain:
            self._forbid(table)
        newcomer = table.argmax(axis=1)
        worth = table[np.arange(len(newcomer)), newcomer] - self.loss
        worth[self.site < 0] = -np.inf
        slot = int(worth.argmax())
        return float(worth[slot]), slot, int(newcomer[slot])

    def _forbid(self, table: FloatArray) -> None:
        """Set swaps that break a limit to -inf."""
        core, used = self.core, np.flatnonzero(self.site >= 0)
        costs = np.where(self.site >= 0, core.cost[self.site], 0.0)
        if np.isfinite(core.budget):
            table[self.spent - costs[:, None] + core.cost > spendable(core.budget)] = -np.inf
        if len(core.conflicts):
            table[:, self.rival_count > 1] = -np.inf
            for i in np.flatnonzero(self.rival_count == 1):
                others = used[used != self.rival_slot[i]]
                table[others, i] = -np.inf
        for g in np.flatnonzero((self.group_count <= core.group_min) & (core.group_min > 0)):
            table[np.ix_(used[core.group[self.site[used]] == g], np.flatnonzero(core.group != g))] = -np.inf

    def addable(self) -> FloatArray:
        """(k,) gain of each candidate that may be added, -inf for the others."""
        core = self.core
        if int((self.site >= 0).sum()) >= min(len(self.site), core.limit):
            return np.full(len(self.gain), -np.inf)
        room = self.gain + self.closed
        if np.isfinite(core.budget):
            room = np.where(self.spent + core.cost <= spendable(core.budget), room, -np.inf)
        return np.where(self.rival_count > 0, -np.inf, room) if len(core.conflicts) else room


def _neighbours(core: Core) -> dict[int, IntArray]:
    """Rivals of each candidate that has any."""
    found: dict[int, list[int]] = {}
    for i, k in core.conflicts.tolist():
        found.setdefault(i, []).append(k)
        found.setdefault(k, []).append(i)
    return {i: np.array(rivals, dtype=np.int64) for i, rivals in found.items()}
