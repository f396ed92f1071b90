"""Better plans: swaps to a local optimum, then iterated ruin and repair guided by the LP solution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .bound import Stop
from .core import Core, spendable
from .problem import FloatArray, IntArray
from .swaps import MAX_TABLE, Plan

WARM, HOT = 5e-4, 2e-3
"""Losses that a search accepts at first, as shares of the best value."""

Better = Callable[[float, IntArray], bool]
"""Told of each better plan (value, sites); returns True when it is good enough."""


def slots_needed(core: Core) -> int:
    """How many sites a plan can hold at most."""
    most = min(core.limit, len(core.sites))
    if np.isfinite(core.budget):
        dearest = np.cumsum(np.sort(core.cost))
        most = min(most, int(np.searchsorted(dearest, spendable(core.budget), "right")))
    return max(most, 0)


def searchable(core: Core) -> bool:
    """Whether the tables that local search needs fit into memory."""
    return 0 < slots_needed(core) * len(core.sites) <= MAX_TABLE


def descend(plan: Plan, stop: Stop) -> None:
    """Add what may be added, swap while it pays."""
    least = 1e-9 * float(plan.core.weight.sum())
    while True:
        room = plan.addable()
        i = int(room.argmax())
        if room[i] > least:
            plan.add(int(np.argmax(plan.site < 0)), i)
            continue
        worth, slot, newcomer = plan.best_swap()
        if worth <= least or stop() <= 0:
            return
        plan.drop(slot)
        plan.add(slot, newcomer)


def improve(core: Core, start: IntArray, stop: Stop) -> IntArray:
    """Local optimum from ``start``."""
    plan = Plan(core, slots_needed(core))
    plan.fill(start)
    descend(plan, stop)
    return plan.chosen


def round_off(core: Core, guide: FloatArray, rounds: int, rng: np.random.Generator, stop: Stop) -> IntArray:
    """Best local optimum from ``rounds`` random roundings of a fractional plan."""
    slots = slots_needed(core)
    best, value = np.empty(0, dtype=np.int64), -1.0
    for _ in range(rounds):
        if stop() <= 0:
            break
        plan = Plan(core, slots)
        for i in np.argsort(-guide * rng.uniform(0.3, 1.0, len(guide)), kind="stable")[: 2 * slots]:
            if plan.addable()[i] > 0 and guide[i] > 0:
                plan.add(int(np.argmax(plan.site < 0)), int(i))
        descend(plan, stop)
        if plan.value > value and core.allows(plan.chosen):
            best, value = plan.chosen, plan.value
    return best


class Search:
    """Iterated ruin and repair with swaps; accepts slightly worse plans, less and less within each cycle.

    Parameters
    ----------
    guide : (k,) float64, optional
        Fractional plan: half of the repairs prefer its sites.
    cycle : float
        Array entries to touch in one cycle of cooling: a measure of effort that does not depend on the clock.
    heats : tuple of float
        Share of the best value that may be lost at the beginning of a cycle; cycles take turns.
    """

    def __init__(
        self,
        core: Core,
        start: IntArray,
        guide: FloatArray | None,
        cycle: float,
        rng: np.random.Generator,
        heats: tuple[float, ...],
    ) -> None:
        self.core, self.guide, self.cycle, self.rng, self.heats = core, guide, cycle, rng, heats
        self.plan = Plan(core, slots_needed(core))
        self.plan.fill(start)
        self.best, self.value = start, core.value(start)
        self._current, self._level = start, self.value
        self.idle_steps = 0
        self._turn = 0.0

    def step(self, stop: Stop) -> bool:
        """Change the plan once; True if the best plan has become better."""
        plan, core = self.plan, self.core
        self.idle_steps += 1
        _ruin_and_repair(plan, self.guide, self.rng)
        descend(plan, stop)
        sound = plan.value >= self._level - self._heat() and core.allows(plan.chosen)
        if not sound:
            _return_to(plan, self._current)
            return False
        self._current, self._level = plan.chosen, plan.value
        if plan.value <= self.value * (1 + 1e-12):
            return False
        self.best, self.value, self.idle_steps = plan.chosen, plan.value, 0
        return True

    def _heat(self) -> float:
        """Loss that is accepted now; each cycle begins at the best plan and has the next of the heats."""
        turn, cooled = divmod(self.plan.work / self.cycle, 1.0)
        if turn > self._turn:
            self._turn = turn
            self._current, self._level = self.best, self.value
        heat = self.heats[int(turn) % len(self.heats)]
        return float(heat * self.value * self.rng.random() * (1.0 - cooled))


def search(
    core: Core,
    start: IntArray,
    guide: FloatArray | None,
    work: float,
    rng: np.random.Generator,
    stop: Stop,
    better: Better,
    heat: float = WARM,
) -> IntArray:
    """Run one cycle of :class:`Search` of ``work`` entries; returns the best plan found."""
    found = Search(core, start, guide, work, rng, (heat,))
    if better(found.value, found.best):
        return found.best
    descend(found.plan, stop)
    patience = 50 + 5 * len(core.sites)
    while found.plan.work < work and found.idle_steps < patience and stop() > 0:
        if found.step(stop) and better(found.value, found.best):
            break
    return found.best


def _ruin_and_repair(plan: Plan, guide: FloatArray | None, rng: np.random.Generator) -> None:
    """Take a few neighbouring sites out and put others in, greedily with noise."""
    k = len(plan.gain)
    near = _near(plan, int(rng.integers(k)))
    used = np.flatnonzero(plan.site >= 0)
    rank = used[np.argsort(-near[plan.site[used]] * rng.uniform(0.7, 1.0, len(used)), kind="stable")]
    size = int(rng.integers(min(2, len(used)), min(9, len(used)) + 1)) if len(used) else 0
    taste = rng.uniform(0.7, 1.0, k)
    if guide is not None and rng.random() < 0.5:
        taste *= 0.02 + guide
    if np.isfinite(plan.core.budget) and rng.random() < 0.7:
        taste /= np.maximum(plan.core.cost, 1e-9 * max(1.0, plan.core.budget))
    for slot in rank[:size].tolist():
        plan.drop(slot)
    while True:
        room = plan.addable()
        _prefer_lacking(plan, room)
        attraction = np.where(room > -np.inf, (np.maximum(room, 0.0) + 1e-300) * taste, -np.inf)
        i = int(attraction.argmax())
        if room[i] == -np.inf or (room[i] <= 0.0 and not plan.core.group_min.any()):
            return
        plan.add(int(np.argmax(plan.site < 0)), i)


def _prefer_lacking(plan: Plan, room: FloatArray) -> None:
    """If free slots are only as many as groups lack sites, leave only those groups' candidates in ``room``."""
    core = plan.core
    lacking = np.maximum(core.group_min - plan.group_count, 0)
    if lacking.any() and int((plan.site < 0).sum()) <= int(lacking.sum()):
        room[np.append(lacking, 0)[core.group] == 0] = -np.inf


def _near(plan: Plan, i: int) -> FloatArray:
    """(k,) how close candidates are to ``i``: three steps of a walk over shared demands."""
    core = plan.core
    x = np.zeros(len(plan.gain))
    x[i] = 1.0
    for _ in range(3):
        x = core.reach @ (core.by_demand @ x)
        x /= max(float(x.max()), 1e-300)
    plan.work += 6.0 * core.reach.nnz
    return x


def _return_to(plan: Plan, sites: IntArray) -> None:
    """Change the plan back to ``sites``."""
    keep = np.isin(plan.site, sites)
    for slot in np.flatnonzero(~keep & (plan.site >= 0)).tolist():
        plan.drop(slot)
    plan.fill(np.setdiff1d(sites, plan.site))
