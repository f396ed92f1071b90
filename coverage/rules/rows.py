"""What a rule asks of a plan, as rows: each wants enough of some actions.

A row reads ``sum_j amount_rj x_j >= need_r``; ``x_j`` is 1 if action ``j`` is carried out. A rule is met exactly when
its rows are served: a stretch of road without a site, a service area without a charger, a berth without shore power.
What exists today is taken off the needs; it counts if it surely is there: what is not known is missing, and a
``survey`` event may supply it. The actions come from siting, which stands the rows of all rules below each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..network.graph import BoolArray, FloatArray, IntArray
from .finding import Ratio, ratio_ends
from .model import Rule, SiteRequirement
from .roads import RoadContext

SERVED = 1e-9
"""Relative slack within which a sum of amounts reaches a need."""


class Reached(NamedTuple):
    """A rule's value with a plan, in the unit of its finding, and what it is made of; None if nothing is measured."""

    value: float | None
    ratio: Ratio | None = None

    @classmethod
    def of(cls, ratio: Ratio) -> Reached:
        """A share."""
        return cls(ratio.value, ratio)


def reached(part: FloatArray, whole: FloatArray, certain: BoolArray, favourable: bool) -> Reached:
    """One end of the share of ``whole``; rows that are not ``certain`` may not belong."""
    ends = ratio_ends(part, part, whole, certain)
    return Reached(None) if ends is None else Reached.of(ends[1 if favourable else 0])


@dataclass(frozen=True, eq=False)
class Line:
    """A road laid out as a line, with what stands on it: rows that want a site in a stretch can be recounted from it.

    Attributes
    ----------
    name : tuple of (str or int)
    ring_m : float
        Length of a ring, on which positions repeat; 0 for a line with ends.
    begin_m : (float, float)
        Where a stretch may begin so that the rule cares for it.
    fixed_m : (f,) float64
        Positions of existing sites that count.
    action : (k,) int64
    action_m : (k,) float64
        Where each action would put a site; one may have several places.
    """

    name: tuple[str | int, ...]
    ring_m: float
    begin_m: tuple[float, float]
    fixed_m: FloatArray
    action: IntArray
    action_m: FloatArray


@dataclass(frozen=True, eq=False)
class Stretches:
    """What the rows of a rule are if each wants a site in ``(from_m, from_m + span_m]`` of a line.

    Attributes
    ----------
    lines : tuple of Line
    line : (r,) int64
    from_m : (r,) float64
    span_m : float
    """

    lines: tuple[Line, ...]
    line: IntArray
    from_m: FloatArray
    span_m: float


@dataclass(frozen=True, eq=False)
class Drives:
    """Distances from both ends of a piece of road, without it: rows that want a second site can be recounted from them.

    The piece passes if two different sites have ``to_u_m`` of the one and ``to_v_m`` of the other within ``left_m``.

    Attributes
    ----------
    left_m : float
        Span less the length of the piece.
    action : (k,) int64
        Action of each site that may come; -1 for a site that is there.
    site : (k,) int64
        Number of the site; actions at one site share it.
    to_u_m, to_v_m : (k,) float64
    """

    left_m: float
    action: IntArray
    site: IntArray
    to_u_m: FloatArray
    to_v_m: FloatArray


@dataclass(frozen=True, eq=False)
class RuleRows:
    """Rows of one rule.

    Attributes
    ----------
    rule : str
        Id of the rule.
    matrix : (r, n) csr_array of float64
        Amount that each action gives to each row; 1 where one action is enough.
    need : (r,) float64
        What is still missing, above 0.
    item : (r,) int64
        Position in ``items`` of what the row belongs to: a thing counts as served when all its rows are.
    items : DataFrame
        What is to be served, a row each: ``weight`` (in the rule's own unit: metres, facilities, berths, spaces) and
        columns that say what it is: route and stretch, facility, berth.
    served, total : float
        Weight that is served today and weight in all, so that the rule's value is ``(served + …) / total``.
    share : float
        Share of ``total`` that the rule asks for; 1 for all of it.
    due : int or None
        Year by which the rule must be met.
    measure : callable, optional
        The rule's own value, if it is not the served share: from a (n,) mask of actions, and whether what is not known
        is to be taken as favourable.
    stretches : Stretches, optional
        What the first rows are recounted from.
    lacking : callable, optional
        Where rows are made as plans break the rule: from a (n,) mask of actions and the (i,) items that the rows so far
        call served, sets of actions of each of which one must be in any plan that serves the item, and their items.
    drives : callable, optional
        What the rows of an item are recounted from, if it is a piece of road that wants two sites.
    """

    rule: str
    matrix: sparse.csr_array
    need: FloatArray
    item: IntArray
    items: pd.DataFrame
    served: float = 0.0
    total: float = 0.0
    share: float = 1.0
    due: int | None = None
    measure: Callable[[BoolArray, bool], Reached] | None = None
    stretches: Stretches | None = None
    lacking: Callable[[BoolArray, BoolArray], tuple[list[IntArray], list[int]]] | None = None
    drives: Callable[[int], Drives | None] | None = None

    def served_items(self, chosen: BoolArray) -> BoolArray:
        """(i,) items all of whose rows a mask of actions serves."""
        met = self.matrix @ chosen.astype(np.float64) >= self.need * (1 - SERVED)
        return np.asarray(np.bincount(self.item, ~met, minlength=len(self.items)) == 0, dtype=np.bool_)

    def completed(self, chosen: BoolArray) -> RuleRows | None:
        """With the rows that a plan breaks although it keeps those so far; None if there are none."""
        if self.lacking is None:
            return None
        rows, item = self.lacking(chosen, self.served_items(chosen))
        if not rows:
            return None
        more = one_each(rows, self.matrix.shape[1])
        return replace(
            self,
            matrix=sparse.csr_array(sparse.vstack([self.matrix, more])),
            need=np.append(self.need, np.ones(len(rows))),
            item=np.append(self.item, np.array(item, dtype=np.int64)),
        )

    def reached(self, chosen: BoolArray, favourable: bool) -> Reached:
        """The rule's value with a (n,) mask of actions, and what it is made of."""
        if self.measure is not None:
            return self.measure(chosen, favourable)
        served = self.served + float(self.weight[self.served_items(chosen)].sum())
        return Reached.of(Ratio(served, self.total)) if self.total > 0 else Reached(None)

    @property
    def weight(self) -> FloatArray:
        """(i,) weight of each item."""
        return self.items["weight"].to_numpy(dtype=np.float64)


def one_each(serving: Sequence[npt.ArrayLike], n_actions: int) -> sparse.csr_array:
    """Matrix of rows of which any one of the named actions serves each.

    >>> one_each([[0, 2], []], 3).toarray().tolist()
    [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    found = [np.unique(np.asarray(actions, dtype=np.int64)) for actions in serving]
    start = np.concatenate([[0], np.cumsum([len(actions) for actions in found])]).astype(np.int64)
    at = np.concatenate([np.empty(0, np.int64), *found])
    return sparse.csr_array((np.ones(len(at)), at, start), shape=(len(found), n_actions))


def rule_rows(
    rule: Rule,
    serving: list[Any] | sparse.csr_array,
    items: pd.DataFrame,
    world: World,
    *,
    served: float,
    total: float,
    item: IntArray | None = None,
    need: FloatArray | None = None,
    share: float = 1.0,
) -> RuleRows:
    """Rows of a rule from those who serve them: positions of actions for each row, or a matrix of amounts.

    Parameters
    ----------
    rule : Rule
    serving : list of positions, or (r, n) csr_array
    items : DataFrame
        What is to be served, with its ``weight``.
    world : World
    served, total : float
        Weight that is served today, and in all.
    item : (r,) int64, optional
        Item of each row; each row is one of its own by default.
    need : (r,) float64, optional
        What each row lacks; 1 by default.
    share : float
        Share of the total that the rule asks for.
    """
    matrix = one_each(serving, world.n) if isinstance(serving, list) else serving
    r = matrix.shape[0]
    return RuleRows(
        rule.id,
        matrix,
        np.ones(r) if need is None else need,
        np.arange(r) if item is None else item,
        items.reset_index(drop=True),
        served,
        total,
        share,
        None if rule.by is None else rule.by.year,
    )


@dataclass(frozen=True, eq=False)
class DemandReached:
    """Demand within reach of a qualifying site: today, and by each action.

    Attributes
    ----------
    demand : DataFrame
        ``id, name, county``.
    weight : (m,) float64
    reached : (m,) bool
        By a site that surely qualifies.
    matrix : (m, n) csr_array
        Actions and events that bring each demand within reach.
    off_road : (m,) bool
        No road of the main network is near: whether a site is within reach nobody knows.
    """

    demand: pd.DataFrame
    weight: FloatArray
    reached: BoolArray
    matrix: sparse.csr_array
    off_road: BoolArray

    def within(self, chosen: BoolArray) -> float:
        """Weight within reach with a (n,) mask of actions carried out."""
        now = self.reached | (np.asarray(self.matrix @ chosen.astype(np.float64)) > 0.5)
        return float(self.weight[now].sum())

    def share(self, chosen: BoolArray, favourable: bool) -> Reached:
        """Share of the weight within reach, as the assessment counts what is off the road."""
        unknown = float(self.weight[self.off_road].sum()) if favourable else 0.0
        return Reached.of(Ratio(self.within(chosen) + unknown, float(self.weight.sum())))


class World(Protocol):
    """The state today and the actions of a plan, as :class:`plugspan.siting.world.World` gives them."""

    @property
    def context(self) -> RoadContext:
        """Roads, routes and tables as they are today."""

    @property
    def actions(self) -> gpd.GeoDataFrame:
        """Actions and events: ``id, kind, place, target, spaces``, points (EPSG:4326)."""

    @property
    def close_shared(self) -> bool:
        """Whether gaps that are shared with a neighbour are asked for, too."""

    @property
    def n(self) -> int:
        """Number of actions and events."""

    @property
    def things(self) -> IntArray:
        """(n,) number of what each action is at; the actions and surveys of one site share it."""

    @property
    def chargers(self) -> gpd.GeoDataFrame:
        """Chargers at each action's site once it is carried out; ``action`` holds its position."""

    def counting(self, status: npt.NDArray[np.object_]) -> BoolArray:
        """(sites,) which sites count today by their status."""

    def gives(self, site: SiteRequirement) -> BoolArray:
        """(n,) actions and events with which a site meets a requirement."""

    def adds(self, site: SiteRequirement) -> BoolArray:
        """(n,) actions and events that make a site count which does not surely count today."""

    def at(self, kind: str) -> dict[str, int]:
        """Position of the actions of a kind by the id of their target."""

    def demand_within(
        self, site: SiteRequirement, reach_km: float | None, weight: str, *, reach_min: float | None = None
    ) -> DemandReached:
        """Who is reached today and by which action, by driving distance or, if it is given, driving time."""
