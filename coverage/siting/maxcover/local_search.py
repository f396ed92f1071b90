"""Plans that are found without a proof: greedy construction, swaps, ruin and repair.

Greedy is lazily evaluated (Minoux 1978); with a number of sites it reaches at least 1 - 1/e of the optimum. For a
candidate ``i`` outside and a site in slot ``s`` of the plan, a swap is worth ``gain_i - loss_s + extra_si`` with
``extra`` the weight that ``s`` alone covers and ``i`` would cover too (Resende & Werneck 2003). After a change only the
demands whose cover changes between 0, 1 and 2 matter.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .prices import Stop
from .problem import BoolArray, FloatArray, IntArray
from .reduced_problem import Core, spendable


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
