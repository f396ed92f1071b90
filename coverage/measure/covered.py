"""Covered length of a network: the edge rule and the two-site rule, exactly."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from ..errors import Fault, InputError
from ..units import compare_m

MAX_FAULTS = 20
"""Faults of one kind that are told one by one."""


@dataclass(frozen=True, eq=False)
class CoveredLength:
    """How much of a network's length is covered.

    Attributes
    ----------
    edge_rule, two_site_rule : float
        Shares (0 to 1) of the counted length that pass each rule; NaN if nothing counts.
    length_m : float
        Counted length, metres.
    edge_passes, two_site_passes : Series of bool
        Per edge (index of ``edges``), edges that don't count too.
    sites_unknown : tuple
        Site nodes that are no nodes of the edges; they cover nothing.
    """

    edge_rule: float
    two_site_rule: float
    length_m: float
    edge_passes: pd.Series
    two_site_passes: pd.Series
    sites_unknown: tuple[Hashable, ...] = ()


def covered_length(edges: pd.DataFrame, site_nodes: Iterable[Hashable], span_m: float) -> CoveredLength:
    """Measure the share of a network's length that is covered by sites.

    An edge ``(u, v)`` passes the **edge rule** if ``d(u, nearest site) + length + d(v, nearest site)`` is no
    longer than the span. It passes the **two-site rule** if it lies on a drive ``A -> u -> v -> B`` between
    two different sites, no longer than the span, where neither ``A -> u`` nor ``v -> B`` uses the edge.

    Parameters
    ----------
    edges : DataFrame
        One row per undirected edge: ``u``, ``v`` (any hashable ids), ``length_m`` (metres, 0 or more) and
        optionally ``counted`` (bool, or 0 and 1): edges that don't count carry distance only. Parallel edges
        are different edges; loops are allowed.
    site_nodes : iterable
        Nodes with a site. A node named twice is one site.
    span_m : float
        Longest drive, metres.

    Returns
    -------
    CoveredLength

    Raises
    ------
    InputError
        If columns are missing, lengths are missing, negative or infinite, ends are missing, the span isn't
        positive (all faults at once), or the site nodes are ids of the edges in another type (``"7"`` for 7).

    Notes
    -----
    The edge rule is the reading of a French analysis of the EU's regulation 2023/1804 (AFIR).

    With ``G - e`` the network without the edge, the two-site rule asks for the least
    ``d_{G-e}(A, u) + length + d_{G-e}(v, B)`` over sites ``A != B``. Both rules are exact and take two
    searches of the network and O(m log n) besides; see :mod:`plugspan.measure.covered`.

    Examples
    --------
    >>> edges = pd.DataFrame({"u": [1, 2, 3], "v": [2, 3, 4], "length_m": [10.0, 20.0, 10.0]})
    >>> found = covered_length(edges, [1, 3], span_m=30)
    >>> round(found.edge_rule, 3), found.two_site_rule, found.length_m
    (1.0, 0.75, 40.0)
    """
    length, counted = _checked(edges, span_m)
    links, sites, unknown = _numbered(edges, length, list(dict.fromkeys(site_nodes)))
    if unknown and not len(sites):
        _refuse_other_type(edges, unknown)
    nearest = nearest_two(links, sites, float(span_m) + 0.001)
    by_edge = compare_m(nearest.near_m[links.u] + length + nearest.near_m[links.v], span_m) <= 0
    by_two = compare_m(least_drives(links, nearest), span_m) <= 0
    total = float(length[counted].sum())
    return CoveredLength(
        edge_rule=_share(length, counted & by_edge, total),
        two_site_rule=_share(length, counted & by_two, total),
        length_m=total,
        edge_passes=pd.Series(by_edge, index=edges.index, name="edge_rule"),
        two_site_passes=pd.Series(by_two, index=edges.index, name="two_site_rule"),
        sites_unknown=unknown,
    )


def _share(length: npt.NDArray[np.float64], passed: npt.NDArray[np.bool_], total: float) -> float:
    return float(length[passed].sum()) / total if total > 0 else float("nan")


def _refuse_other_type(edges: pd.DataFrame, sites: tuple[Hashable, ...]) -> None:
    """Raise if no site is on the network only because ids are numbers here and text there."""
    written = {str(site): site for site in sites}
    same = next((node for node in chain(edges["u"], edges["v"]) if str(node) in written), None)
    if same is not None:
        values = {"count": len(sites), "node": repr(same)}
        raise InputError(Fault("sites-not-on-network", value=repr(written[str(same)]), values=values))


# -- inputs --------------------------------------------------------------------------------------------------


def _checked(edges: pd.DataFrame, span_m: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Lengths and which edges count; raises all faults at once."""
    missing = [c for c in ("u", "v", "length_m") if c not in edges.columns]
    faults = [Fault("edges-column-missing", values={"column": c}) for c in missing]
    if not (isinstance(span_m, (int, float, np.number)) and np.isfinite(span_m) and span_m > 0):
        faults.append(Fault("span-invalid", value=span_m))
    length = np.empty(0)
    counted = np.ones(len(edges), dtype=bool)
    if not missing:
        length = pd.to_numeric(edges["length_m"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        faults += _edge_faults("edges-length", edges, "length_m", ~(np.isfinite(length) & (length >= 0)))
        faults += _edge_faults(
            "edges-node", edges, "u", (edges["u"].isna() | edges["v"].isna()).to_numpy(dtype=bool)
        )
    if "counted" in edges.columns:
        good, counted = _yes_or_no(edges["counted"])
        faults += _edge_faults("edges-counted", edges, "counted", ~good)
    if faults:
        raise InputError(faults)
    return length, counted


def _edge_faults(key: str, edges: pd.DataFrame, column: str, wrong: npt.NDArray[np.bool_]) -> list[Fault]:
    rows = np.flatnonzero(wrong)
    faults = [
        Fault(key, value=edges[column].iloc[k], values={"edge": edges.index[k]})
        for k in rows[:MAX_FAULTS].tolist()
    ]
    if len(rows) > MAX_FAULTS:
        faults.append(Fault("edges-more", values={"count": len(rows) - MAX_FAULTS}))
    return faults


def _yes_or_no(values: pd.Series) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which values are booleans (or 0 and 1), and which are true."""
    if values.dtype == np.dtype(bool):
        return np.ones(len(values), dtype=bool), values.to_numpy()
    numbers = (bool, np.bool_, int, float, np.integer, np.floating)
    good = np.fromiter(
        (isinstance(x, numbers) and x in (0, 1) for x in values), dtype=bool, count=len(values)
    )
    true = np.fromiter(
        (g and bool(x) for g, x in zip(good, values, strict=True)), dtype=bool, count=len(values)
    )
    return good, true


# -- nodes ---------------------------------------------------------------------------------------------------


def _numbered(
    edges: pd.DataFrame, length: npt.NDArray[np.float64], wanted: list[Hashable]
) -> tuple[Links, npt.NDArray[np.int32], tuple[Hashable, ...]]:
    """Return the network with nodes 0 … n-1, the sites among them (sorted), and wanted nodes not there.

    Integer ids are numbered by pandas, others by a dict; ids are the same if Python says they are equal.
    """
    ends = [edges["u"], edges["v"]]
    places: npt.NDArray[np.int32]
    if ends[0].dtype == ends[1].dtype and isinstance(ends[0].dtype, np.dtype) and ends[0].dtype.kind in "iu":
        codes, ids = pd.factorize(np.concatenate([end.to_numpy() for end in ends]))
        position = {node: k for k, node in enumerate(wanted)}
        of_node = np.fromiter(
            (position.get(node, -1) for node in ids.tolist()), dtype=np.int32, count=len(ids)
        )
        n, places = len(ids), np.full(len(wanted), -1, dtype=np.int32)
        there = np.flatnonzero(of_node >= 0)
        places[of_node[there]] = there
    else:
        nodes: dict[Hashable, int] = {}
        numbers = (nodes.setdefault(node, len(nodes)) for node in chain(*ends))
        codes = np.fromiter(numbers, dtype=np.int32, count=2 * len(edges))
        n, places = len(nodes), np.array([nodes.get(node, -1) for node in wanted], dtype=np.int32)
    ends_at: npt.NDArray[np.int32] = codes.astype(np.int32, copy=False)
    links = Links(ends_at[: len(edges)], ends_at[len(edges) :], length, n)
    unknown = tuple(node for node, place in zip(wanted, places.tolist(), strict=True) if place < 0)
    return links, np.sort(places[places >= 0]), unknown


# -- shortest drives between two different sites over every edge of a network, in a handful of compiled pa

# For an edge ``e = (u, v)`` of length ``w``, with ``G - e`` the network without it, wanted is the least
# ``d_{G-e}(A, u) + w + d_{G-e}(v, B)`` over sites ``A != B``. No search per edge is needed:
#
# 1. ``d1(x)`` is the distance to the nearest site, ``s1(x)`` that site. The shortest ways form trees, one per
#    site; the nodes of a tree are the *cell* of its site. Ties are broken once, by the trees.
# 2. ``d2(x)`` is the distance to the nearest site other than ``s1(x)``. A way from ``x`` to another site
#    leaves the cell ``A`` of ``x``, because that site is its own cell; from the first node outside, ``d1``
#    goes on, as the nearest site there isn't ``A``. So ``d2`` is one search inside the cells that starts at
#    their borders, and has trees as well.
# 3. **Ends in different cells**: ``e`` is in no tree of ``d1``, so both ends keep their nearest site in
#    ``G - e``, and these differ. The drive has ``d1(u) + w + d1(v)``.
# 4. **Both ends in the cell of A.** Let ``near`` be the distance to the nearest site in ``G - e``, ``other``
#    that to the nearest one except ``A``. The drive has ``w + min(near(u) + other(v), other(u) + near(v))``:
#    ``e`` hangs at most one of its ends on ``A``, so say ``near(v) = d1(v)`` is still that to ``A``. A drive
#    from ``X`` to ``u`` and from ``v`` to ``Y`` with neither being ``A`` is no shorter than that with ``Y``
#    replaced by ``A``. And if ``near(u)`` is not that to ``A``, it equals ``other(u)``, and the first term is
#    no less than the second: no harm is done by having it.
# 5. ``near`` and ``other`` are ``d1`` and ``d2`` unless ``e`` is the tree edge by which the end hangs on its
#    parent: the tree's way from an end uses ``e`` only if it begins with it.
# 6. **Tree edges.** Let ``u`` hang on ``v`` by ``e``, in a tree of either search with distances ``d``. Nodes
#    outside the subtree of ``u`` keep their ways. The best way to ``u`` in ``G - e`` enters the subtree for
#    the last time by some edge ``(x, y)``, ``x`` outside; inside, from ``y`` to ``u``, nothing is shorter
#    than the tree, ``d(y) - d(u)``. So it has ``min(d(x) + length(x, y) + d(y)) - d(u)`` over the edges that
#    enter the subtree. An edge ``(x, y)`` enters the subtrees of exactly those nodes that lie on the tree's
#    way between ``x`` and ``y``, below where they meet: a minimum over ways in trees, for all edges together.
#
# The step 6 is that of replacement paths and best swap edges (Malik, Mittal, Gupta 1989; Nardelli, Proietti,
# Widmayer 2003); the cells are those of the network Voronoi diagram (Erwig 2000).


FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Links:
    """An undirected network; parallel edges, loops and edges of length 0 are welcome.

    Attributes
    ----------
    u, v : (m,) int32
        Ends of each edge, positions ``0 … n-1``.
    length_m : (m,) float64
        Length of each edge, metres, 0 or more.
    n : int
        Number of nodes.
    """

    u: IntArray
    v: IntArray
    length_m: FloatArray
    n: int

    @cached_property
    def shortest(self) -> BoolArray:
        """(m,) whether an edge is the shortest between its ends, the first of equals; loops never are.

        Searches go by these edges only, so in a tree "the edge between a node and its parent" is unique.
        """
        key = np.minimum(self.u, self.v).astype(np.int64) * self.n + np.maximum(self.u, self.v)
        order = np.lexsort((self.length_m, key))
        first = np.ones(len(key), dtype=bool)
        first[1:] = np.diff(key[order]) != 0
        found = np.zeros(len(key), dtype=bool)
        found[order[first]] = True
        return np.asarray(found & (self.u != self.v))


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest site of each node and the nearest other site, with the trees of the ways to them.

    Attributes
    ----------
    site : (n,) int32
        Node of the nearest site; negative beyond the limit.
    near_m, other_m : (n,) float64
        Distance to it, and to the nearest site that isn't it; infinite beyond the limit.
    near_parent, other_parent : (n + 1,) int32
        Next node on the way; ``n``, which hangs on itself, where the way ends: at the site, or where it
        leaves the node's cell.
    """

    site: IntArray
    near_m: FloatArray
    other_m: FloatArray
    near_parent: IntArray
    other_parent: IntArray


def nearest_two(links: Links, sites: IntArray, limit_m: float) -> Nearest:
    """Find the nearest site of every node and the nearest other one, no further than a limit.

    Parameters
    ----------
    links : Links
    sites : (s,) int32
        Different nodes, in the order in which ties are broken.
    limit_m : float
        Metres. Cutting off is exact for all drives within the limit: what passes a node beyond it is longer.

    Returns
    -------
    Nearest
    """
    way = links.shortest
    u, v, length = links.u[way], links.v[way], links.length_m[way]
    near, near_parent, site = _search(Links(u, v, length, links.n), sites, limit_m)
    crossing = site[u] != site[v]
    start = np.full(links.n, np.inf)
    np.minimum.at(start, v[crossing], (near[u] + length)[crossing])
    np.minimum.at(start, u[crossing], (near[v] + length)[crossing])
    begin = np.flatnonzero(start <= limit_m).astype(np.int32)
    inside = ~crossing & (site[u] >= 0)
    outer = np.array([links.n], dtype=np.int32)  # a further node, from which all borders are entered
    inner = Links(
        np.concatenate([u[inside], np.repeat(outer, len(begin))]),
        np.concatenate([v[inside], begin]),
        np.concatenate([length[inside], start[begin]]),
        links.n + 1,
    )
    other, other_parent, _ = _search(inner, outer, limit_m)
    return Nearest(
        site=site,
        near_m=near,
        other_m=other[:-1],
        near_parent=np.append(_ended(near_parent, links.n), outer),
        other_parent=_ended(other_parent, links.n),
    )


def _search(links: Links, sources: IntArray, limit_m: float) -> tuple[FloatArray, IntArray, IntArray]:
    """Distance to the nearest source, next node on the way to it, the source; negative where there is none.

    Lengths of 0 are stored, and scipy keeps stored zeros in a Dijkstra search. A node's parent was settled
    before it, so the parents form trees, whatever the ties.
    """
    n = links.n
    if not len(sources):
        return np.full(n, np.inf), np.full(n, -1, dtype=np.int32), np.full(n, -1, dtype=np.int32)
    ends = (np.concatenate([links.u, links.v]), np.concatenate([links.v, links.u]))
    both_ways = sparse.csr_array((np.concatenate([links.length_m, links.length_m]), ends), shape=(n, n))
    distance, parent, source = csgraph.dijkstra(
        both_ways, indices=sources, min_only=True, return_predecessors=True, limit=limit_m
    )
    return distance, parent, source


def _ended(parent: IntArray, root: int) -> IntArray:
    """Let what has no parent hang on a common root."""
    return np.where(parent < 0, root, parent).astype(np.int32, copy=False)


def least_drives(links: Links, nearest: Nearest) -> FloatArray:
    """Length of the shortest drive between two different sites over each edge, reached without that edge.

    Returns
    -------
    (m,) float64
        Metres; infinite, or beyond the limit of ``nearest``, if there is none within that limit.
    """
    u, v, length, d1, d2 = links.u, links.v, links.length_m, nearest.near_m, nearest.other_m
    crossing = nearest.site[u] != nearest.site[v]
    hangs = _hanging(links, nearest.near_parent)
    free = ~(hangs[0] | hangs[1])
    ways = (u[free], v[free], (d1[u] + length + d1[v])[free])
    near_u, near_v = _without(links, hangs, d1, _least_over_ways(nearest.near_parent, *ways))
    hangs = _hanging(links, nearest.other_parent)
    free = ~(hangs[0] | hangs[1] | crossing)
    outside = np.full(int(crossing.sum()), links.n, dtype=np.int32)
    ways = (
        np.concatenate([u[free], u[crossing], v[crossing]]),
        np.concatenate([v[free], outside, outside]),
        np.concatenate(
            [
                (d2[u] + length + d2[v])[free],
                (d2[u] + length + d1[v])[crossing],
                (d1[u] + length + d2[v])[crossing],
            ]
        ),
    )
    other_u, other_v = _without(links, hangs, d2, _least_over_ways(nearest.other_parent, *ways))
    within = np.minimum(near_u + other_v, other_u + near_v)
    return np.asarray(length + np.where(crossing, d1[u] + d1[v], within))


def _hanging(links: Links, parent: IntArray) -> tuple[BoolArray, BoolArray]:
    """Whether each edge is the tree edge by which its end u (its end v) hangs on its parent."""
    return links.shortest & (parent[links.u] == links.v), links.shortest & (parent[links.v] == links.u)


def _without(
    links: Links, hangs: tuple[BoolArray, BoolArray], distance_m: FloatArray, entering_m: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Distances of each edge's two ends on the network without the edge.

    ``entering_m`` (n,): the least ``d(x) + length + d(y)`` over edges that enter a node's subtree, apart from
    its own tree edge.
    """
    spare = np.full(links.n, np.inf)
    np.subtract(entering_m, distance_m, out=spare, where=np.isfinite(distance_m))
    u, v = links.u, links.v
    return (
        np.where(hangs[0], spare[u], distance_m[u]),
        np.where(hangs[1], spare[v], distance_m[v]),
    )


# -- ways in trees -------------------------------------------------------------------------------------------


def _least_over_ways(parent: IntArray, x: IntArray, y: IntArray, cost_m: FloatArray) -> FloatArray:
    """For each node, the least cost of the ways in the tree that use the edge from it to its parent.

    Parameters
    ----------
    parent : (n + 1,) int32
        A tree; the last node is its root and hangs on itself.
    x, y : (q,) int32
        Ends of the ways.
    cost_m : (q,) float64
        Costs; an infinite one says nothing.

    Returns
    -------
    (n,) float64
        Infinite where no way passes.

    Notes
    -----
    With the ancestors at 1, 2, 4, … steps, a way is cut into pieces of these lengths (binary lifting), each
    piece holds the least cost of the ways that have it, and pieces hand that down to their halves:
    O((n + q) log depth), in numpy.
    """
    told = np.isfinite(cost_m)
    x, y, cost_m = x[told], y[told], cost_m[told]
    up, depth = _ancestors(parent)
    top = _meeting(up, depth, x, y)
    at, cost_m = np.concatenate([x, y]), np.concatenate([cost_m, cost_m])
    steps = depth[at] - np.concatenate([depth[top], depth[top]])
    least = np.full(len(parent), np.inf)
    for level in range(len(up) - 1, -1, -1):
        if level < len(up) - 1:
            held = np.flatnonzero(np.isfinite(least))
            np.minimum.at(least, up[level][held], least[held])
        here = np.flatnonzero(steps >> level & 1)
        np.minimum.at(least, at[here], cost_m[here])
        at[here] = up[level][at[here]]
    return least[:-1]


def _ancestors(parent: IntArray) -> tuple[list[IntArray], IntArray]:
    """Ancestors of every node at 1, 2, 4, … steps (the root's is itself) up to the height, and depths."""
    root = len(parent) - 1
    up = [parent]
    depth = (np.arange(root + 1) != root).astype(np.int32)
    while (up[-1] != root).any():
        depth += depth[up[-1]]
        up.append(up[-1][up[-1]])
    return up, depth


def _meeting(up: list[IntArray], depth: IntArray, x: IntArray, y: IntArray) -> IntArray:
    """Where the ways from x and y to the root meet: their lowest common ancestor."""
    deeper = depth[x] >= depth[y]
    low, high = np.where(deeper, x, y), np.where(deeper, y, x)
    ahead = depth[low] - depth[high]
    for level, above in enumerate(up):
        here = np.flatnonzero(ahead >> level & 1)
        low[here] = above[low[here]]
    for above in reversed(up):
        apart = np.flatnonzero(above[low] != above[high])
        low[apart], high[apart] = above[low[apart]], above[high[apart]]
    return np.where(low == high, low, up[0][low])
