"""Covered length as rows of a plan: which places make a piece of road pass, by the edge rule and by two sites."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from ..measure.covered import Links, least_drives, nearest_two
from ..network.graph import BoolArray, FloatArray, IntArray, shortest_csr
from ..units import compare_m
from .finding import Ratio
from .rows import Drives, Line, Reached, RuleRows, Stretches

SAME_M = 5e-4
"""Lengths are compared to the millimetre."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of road and the distances from their ends to sites.

    Attributes
    ----------
    length_m : (p,) float64
    near_u_m, near_v_m : (p,) float64
        Distance from each end to the nearest existing site; infinite if there is none within the span.
    far_u_m, far_v_m : (p, n) csr_array
        Distance from each end to each possible place within the span. A stored 0 is a distance of 0.
    on_piece, on_place : (k,) int64
        Possible places that lie on a piece, and
    on_m : (k,) float64
        how far from its first end.
    """

    length_m: FloatArray
    near_u_m: FloatArray
    near_v_m: FloatArray
    far_u_m: sparse.csr_array
    far_v_m: sparse.csr_array
    on_piece: IntArray
    on_place: IntArray
    on_m: FloatArray

    def passes(self, span_m: float) -> npt.NDArray[np.bool_]:
        """(p,) pieces that pass with the existing sites alone."""
        whole = self.near_u_m + self.length_m + self.near_v_m
        return np.asarray(whole <= span_m + SAME_M, dtype=np.bool_)


def edge_rows(pieces: Pieces, span_m: float) -> tuple[sparse.csr_array, IntArray, Stretches]:
    """Rows of the pieces that don't pass yet.

    Returns
    -------
    cover : (r, n) csr_array of float64
        Row: one stretch of one piece; 1 for each place that lies in it. A row without any cannot be served.
    piece : (r,) int64
        The piece of each row; it passes exactly when all its rows hold a site.
    stretches : Stretches
        The pieces laid out as lines, and where on them each row begins.
    """
    n = pieces.far_u_m.shape[1]
    on_start = np.searchsorted(pieces.on_piece, np.arange(len(pieces.length_m) + 1))
    rows: list[IntArray] = []
    owner: list[int] = []
    begin: list[float] = []
    lines: list[Line] = []
    for e in np.flatnonzero(~pieces.passes(span_m)).tolist():
        u_place, u_far = _row(pieces.far_u_m, e)
        v_place, v_far = _row(pieces.far_v_m, e)
        on = slice(on_start[e], on_start[e + 1])
        length = float(pieces.length_m[e])
        at = np.concatenate([-u_far, pieces.on_m[on], length + v_far])
        place = np.concatenate([u_place, pieces.on_place[on], v_place])
        left, right = -float(pieces.near_u_m[e]), length + float(pieces.near_v_m[e])
        found = stretches_on(at, place, left, right, length, span_m)
        rows += [members for _, members in found]
        begin += [start for start, _ in found]
        owner += [e] * len(found)
        ends = np.array([left, right])
        lines.append(Line((e,), 0.0, (-span_m, length), ends[np.isfinite(ends)], place, at))
    size = np.array([len(row) for row in rows], dtype=np.int64)
    start = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    members = np.concatenate([np.empty(0, np.int64), *rows])
    cover = sparse.csr_array((np.ones(len(members)), members, start), shape=(len(rows), n))
    piece = np.array(owner, dtype=np.int64)
    of_line = np.unique(piece, return_inverse=True)[1] if len(piece) else piece
    rowed = set(owner)
    laid = tuple(line for line in lines if line.name[0] in rowed)
    return cover, piece, Stretches(laid, of_line, np.array(begin), span_m)


def _row(matrix: sparse.csr_array, e: int) -> tuple[IntArray, FloatArray]:
    at = slice(matrix.indptr[e], matrix.indptr[e + 1])
    return matrix.indices[at].astype(np.int64), matrix.data[at]


def stretches_on(
    at: FloatArray, place: IntArray, left: float, right: float, length: float, span: float
) -> list[tuple[float, IntArray]]:
    """Stretches that must hold a place: where each begins, and the places in it.

    ``left`` and ``right`` are the nearest existing sites.

    Stretches that hold all the places of another one are left out.
    """
    order = np.lexsort((place, at))
    at, place = at[order], place[order]
    first = max(left, -span)
    starts = np.unique(np.concatenate([[first], at[(at > first) & (at < length - SAME_M)]]))
    starts = starts[starts + span < right - SAME_M]
    low = np.searchsorted(at, starts + SAME_M, "right")
    high = np.searchsorted(at, starts + span + SAME_M, "right")
    found: list[tuple[float, IntArray]] = []
    seen: set[bytes] = set()
    for start, a, b in zip(starts.tolist(), low.tolist(), high.tolist(), strict=True):
        members = np.unique(place[a:b])
        key = members.tobytes()
        if key not in seen:
            seen.add(key)
            found.append((start, members))
    return _smallest(found)


def _smallest(found: list[tuple[float, IntArray]]) -> list[tuple[float, IntArray]]:
    """Stretches of whose places those of no other one are a part."""
    if len(found) < 2:
        return found
    rows = [members for _, members in found]
    names, columns = np.unique(np.concatenate(rows), return_inverse=True)
    number = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    holds = np.zeros((len(rows), len(names)), dtype=np.float32)
    holds[number, columns] = 1.0
    size = holds.sum(axis=1)
    common = holds @ holds.T
    # Row i is a part of row k if all of it is in k; no two rows are the same.
    part = (common == size[:, None]) & (size[:, None] < size[None, :])
    return [row for row, superset in zip(found, part.any(axis=0), strict=True) if not superset]


# -- covered length by the two-site reading as rows of a plan --------------------------------------------

# A piece of road passes if it lies on a drive between two different sites, no longer than the span, that
# reaches it from both ends without using it. No short list of rows says so beforehand. But more sites
# never spoil a piece: if it fails with some sites, add others as long as it fails; of those left over at
# least one must be built. That row holds for every plan that makes the piece pass, and the plan at hand
# breaks it. So bounds hold at every moment, and once no piece fails the plan is what the assessment
# finds.
#
# Between places of sites a road without junctions passes or fails as a whole, and dead ends without any
# place never do: the roads are cut at all places, chains are joined and dead ends left out, which changes
# no verdict.


@dataclass(frozen=True, eq=False)
class JoinedRoads:
    """Roads between junctions and places, and the roads that they are joined from.

    ``of_piece`` is the joined road of each given piece, -1 where it is a dead end or a ring that no place is on.
    """

    u: IntArray
    v: IntArray
    length_m: FloatArray
    of_piece: IntArray


def join_roads(u: IntArray, v: IntArray, length_m: FloatArray, keep: BoolArray) -> JoinedRoads:
    """Join chains of roads and leave out dead ends, but for the nodes to keep.

    Examples
    --------
    >>> keep = np.array([True, False, True, False])
    >>> found = join_roads(np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([3.0, 4.0, 5.0]), keep)
    >>> found.length_m.tolist(), found.of_piece.tolist()
    ([7.0], [0, 0, -1])
    """
    of_piece = np.arange(len(u))
    while True:
        degree = np.bincount(np.concatenate([u, v]), minlength=len(keep))
        looped = np.zeros(len(keep), np.bool_)
        looped[u[u == v]] = True
        leaf, middle = (degree == 1) & ~keep, (degree == 2) & ~keep & ~looped
        dropped = leaf[u] | leaf[v] | ((u == v) & (degree[u] == 2) & ~keep[u])
        label = np.arange(len(u)) + len(keep)
        if dropped.any():
            label[dropped], middle[:] = -1, False
        elif (middle[u] | middle[v]).any():
            both = middle[u] & middle[v]
            chain = csgraph.connected_components(
                sparse.coo_array((np.ones(int(both.sum())), (u[both], v[both])), shape=(len(keep),) * 2),
                directed=False,
            )[1]
            label = np.where(middle[u], chain[u], np.where(middle[v], chain[v], label))
        else:
            return JoinedRoads(u, v, length_m, of_piece)
        names, group = np.unique(label, return_inverse=True)
        ends = np.concatenate([u[~middle[u]], v[~middle[v]]])
        owner = np.concatenate([group[~middle[u]], group[~middle[v]]])
        order = np.argsort(owner, kind="stable")
        ends, owner = ends[order], owner[order]
        # A joined road has two ends; a ring that nothing is on has none.
        real = (np.bincount(owner, minlength=len(names)) == 2) & (names >= 0)
        number = np.where(real, np.cumsum(real) - 1, -1)
        of_piece = np.where(of_piece >= 0, number[group[np.maximum(of_piece, 0)]], -1)
        length_m = np.bincount(group, length_m, minlength=len(names))[real]
        pair = ends[real[owner]].reshape(-1, 2)
        u, v = pair[:, 0], pair[:, 1]


@dataclass(frozen=True, eq=False)
class SitesOnRoads:
    """Roads that may pass, with the nodes of the sites that are there and of those that actions bring.

    Attributes
    ----------
    links : Links
    fixed : (f,) int64
        Nodes of existing sites.
    node : (n,) int64
        Node of each action's site; -1 if it brings none. Actions at one site share it.
    cost : (n,) float64
        Of the actions: it decides which rows come first.
    span_m : float
    """

    links: Links
    fixed: IntArray
    node: IntArray
    cost: FloatArray
    span_m: float
    _ways: dict[int, FloatArray] = field(default_factory=dict, repr=False)

    @cached_property
    def _places(self) -> IntArray:
        """Nodes of all sites, those that actions would bring among them: a few of all."""
        return np.unique(np.concatenate([self.fixed, self.node[self.node >= 0]]))

    def passes(self, chosen: BoolArray) -> BoolArray:
        """(m,) roads that pass with a (n,) mask of actions carried out."""
        sites = self._sites(chosen)
        if len(sites) < 2 or not len(self.links.u):
            return np.zeros(len(self.links.u), np.bool_)
        nearest = nearest_two(self.links, sites.astype(np.int32), self.span_m + 2 * SAME_M)
        return np.asarray(compare_m(least_drives(self.links, nearest), self.span_m) <= 0)

    def _sites(self, chosen: BoolArray) -> IntArray:
        return np.unique(np.concatenate([self.fixed, self.node[chosen & (self.node >= 0)]]))

    def needed(self, road: int, chosen: BoolArray) -> list[IntArray]:
        """Sets of actions of which one must be carried out so that a road passes which fails now.

        Each is what is left over when sites are added in some order as long as the road fails: the dearest first,
        the cheapest first, those nearest to one end or to the other first.
        """
        to_u, to_v = self._distances(road)
        left_m = self.span_m - float(self.links.length_m[road]) + SAME_M
        places = np.unique(self.node[self.node >= 0])
        places = places[np.minimum(to_u[places], to_v[places]) <= left_m]
        price = np.full(self.links.n, np.inf)
        np.minimum.at(price, self.node[self.node >= 0], self.cost[self.node >= 0])
        there = self._sites(chosen)
        found: dict[bytes, IntArray] = {}
        for key in (-price[places], price[places], to_u[places], to_v[places]):
            pair = _BestPair(to_u, to_v, left_m)
            for site in there.tolist():
                pair.add(site)
            order = places[np.argsort(key, kind="stable")]
            over = [site for site in order.tolist() if not pair.add(site)]
            members = np.flatnonzero(np.isin(self.node, over) & (self.node >= 0))
            found[members.tobytes()] = members
        return list(found.values())

    def drives(self, road: int) -> Drives:
        """What the rows of a road are recounted from: all sites near enough to one of its ends."""
        to_u, to_v = self._distances(road)
        left_m = self.span_m - float(self.links.length_m[road])
        action = np.flatnonzero(self.node >= 0)
        site = np.concatenate([self.node[action], self.fixed])
        action = np.concatenate([action, np.full(len(self.fixed), -1)])
        near = np.minimum(to_u[site], to_v[site]) <= left_m + SAME_M
        beyond = 2 * self.span_m  # further than any drive
        ends = (np.minimum(far[site[near]], beyond) for far in (to_u, to_v))
        return Drives(left_m, action[near], site[near], *ends)

    def _distances(self, road: int) -> tuple[FloatArray, FloatArray]:
        """Distances of all sites' nodes from both ends of a road, without that road; infinite beyond the span."""
        if road not in self._ways:
            links, other = self.links, np.arange(len(self.links.u)) != road
            low, high = np.minimum(links.u, links.v)[other], np.maximum(links.u, links.v)[other]
            graph = shortest_csr(low, high, links.length_m[other], links.n)
            ends = [int(links.u[road]), int(links.v[road])]
            far = csgraph.dijkstra(graph, directed=False, indices=ends, limit=self.span_m + 2 * SAME_M)
            self._ways[road] = far[:, self._places]
        found = np.full((2, self.links.n), np.inf)
        found[:, self._places] = self._ways[road]
        return found[0], found[1]


class _BestPair:
    """The shortest drive from one end of a road to a site and from the other end to another one, as sites are added."""

    def __init__(self, to_u: FloatArray, to_v: FloatArray, left_m: float) -> None:
        self.to_u, self.to_v, self.left_m = to_u, to_v, left_m
        self.sites: set[int] = set()
        self.near_u: list[tuple[float, int]] = []
        self.near_v: list[tuple[float, int]] = []

    def add(self, site: int) -> bool:
        """Add a site unless the road passes with it; whether it was added (or was there)."""
        if site in self.sites:
            return True
        a = sorted([*self.near_u, (float(self.to_u[site]), site)])[:2]
        b = sorted([*self.near_v, (float(self.to_v[site]), site)])[:2]
        if any(x + y <= self.left_m for x, i in a for y, j in b if i != j):
            return False
        self.near_u, self.near_v = a, b
        self.sites.add(site)
        return True


def watched(found: RuleRows, roads: SitesOnRoads, road: IntArray) -> RuleRows:
    """Rows of a rule that are completed as plans break them, with the share that passes as its value.

    Parameters
    ----------
    found : RuleRows
        Its items are roads.
    roads : SitesOnRoads
    road : (i,) int64
        Road of each item; -1 for what never passes.
    """
    weight_m = found.weight

    def failing(chosen: BoolArray) -> BoolArray:
        return np.asarray((road < 0) | ~np.append(roads.passes(chosen), False)[road], dtype=np.bool_)

    def measure(chosen: BoolArray, _favourable: bool) -> Reached:
        failed_m = float(weight_m[failing(chosen)].sum())
        return Reached(1.0 - failed_m / found.total, Ratio(found.total - failed_m, found.total))

    def lacking(chosen: BoolArray, promised: BoolArray) -> tuple[list[IntArray], list[int]]:
        rows: list[IntArray] = []
        item: list[int] = []
        for i in np.flatnonzero(promised & failing(chosen)).tolist():
            needed = roads.needed(int(road[i]), chosen)
            rows += needed
            item += [i] * len(needed)
        return rows, item

    def drives(i: int) -> Drives | None:
        return roads.drives(int(road[i])) if road[i] >= 0 else None

    return replace(found, measure=measure, lacking=lacking, drives=drives)


def roads_of_pieces(joined: JoinedRoads, weight_m: FloatArray, table: pd.DataFrame) -> pd.DataFrame:
    """Joined roads that count as items: the columns of their heaviest piece, and ``weight`` of all of them.

    What is left out never passes; it is a last item for each ``ref``, with ``road`` -1.
    """
    pieces = table.assign(weight=weight_m, road=joined.of_piece)[weight_m > 0]
    pieces = pieces.sort_values(["road", "weight"], ascending=[True, False], kind="stable")
    on, off = pieces[pieces["road"] >= 0], pieces[pieces["road"] < 0]
    total = on.groupby("road", sort=True)["weight"].sum()
    items = on.drop_duplicates("road").assign(weight=total.to_numpy())
    dead = off.groupby("ref", sort=True, dropna=False)["weight"].sum()
    first = off.drop_duplicates("ref").sort_values("ref", kind="stable")
    ends = first.assign(weight=dead.to_numpy(), why="dead_end") if len(first) else first
    return pd.concat([items, ends], ignore_index=True) if len(ends) else items.reset_index(drop=True)
