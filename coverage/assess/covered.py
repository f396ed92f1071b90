"""Covered length of a network: the edge rule and the two-site rule, exactly."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import Fault, InputError

TOLERANCE_M = 1e-6
"""Sums of lengths are compared with the span to the micrometre."""
MAX_FAULTS = 20
"""Faults of one kind that are told one by one."""

Label = tuple[float, int, int]
"""Distance to a site, the site's node, the edge by which the shortest way reaches the labelled node (-1 at the site)."""
Links = list[list[tuple[int, float, int]]]
"""Per node: (neighbour, length, edge)."""


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

    An edge ``(u, v)`` passes the **edge rule** if ``d(u, nearest site) + length + d(v, nearest site) <= span``.
    It passes the **two-site rule** if it lies on a drive ``A -> u -> v -> B`` between two different sites, no
    longer than the span, where neither ``A -> u`` nor ``v -> B`` uses the edge itself.

    Parameters
    ----------
    edges : DataFrame
        One row per undirected edge: ``u``, ``v`` (any hashable ids), ``length_m`` (metres, 0 or more) and
        optionally ``counted`` (bool): edges that don't count carry distance only. Parallel edges are
        different edges; loops are allowed.
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
        positive, or none of several site nodes is a node of the edges; all faults at once.

    Notes
    -----
    The edge rule is the reading of a French analysis of the EU's regulation 2023/1804 (AFIR).

    With ``G - e`` the network without the edge, the two-site rule asks for the least
    ``d_{G-e}(A, u) + length + d_{G-e}(v, B)`` over sites ``A != B``; the two nearest sites of each end *in*
    ``G - e`` are enough for it. In ``G`` the two nearest sites of every node are found once, with the edge by
    which each is reached. A shortest way to ``u`` that doesn't arrive by ``e`` doesn't use ``e``. So the labels
    give a lower bound (all labels), an upper bound (those that don't arrive by ``e``), and only edges between
    the two are searched again, without the edge.

    Examples
    --------
    >>> edges = pd.DataFrame({"u": [1, 2, 3], "v": [2, 3, 4], "length_m": [10.0, 20.0, 10.0]})
    >>> found = covered_length(edges, [1, 3], span_m=30)
    >>> round(found.edge_rule, 3), found.two_site_rule, found.length_m
    (1.0, 0.75, 40.0)
    """
    length, counted = _checked(edges, span_m)
    nodes: dict[Hashable, int] = {}
    u = [nodes.setdefault(node, len(nodes)) for node in edges["u"]]
    v = [nodes.setdefault(node, len(nodes)) for node in edges["v"]]
    wanted = list(dict.fromkeys(site_nodes))
    sites = {nodes[node] for node in wanted if node in nodes}
    if wanted and nodes and not sites:
        raise InputError(Fault("sites-not-on-network", value=wanted[0], values={"count": len(wanted)}))
    links = _links(u, v, length, len(nodes))
    labels = _two_nearest_everywhere(links, sorted(sites))
    limit = float(span_m) + TOLERANCE_M
    ends = list(zip(u, v, length, strict=True))
    by_edge = np.array(
        [_nearest(labels[a]) + d + _nearest(labels[b]) <= limit for a, b, d in ends], dtype=bool
    )
    by_two = np.array(
        [_two_site(links, labels, sites, k, *end, limit) for k, end in enumerate(ends)], dtype=bool
    )
    total = float(length[counted].sum())
    return CoveredLength(
        edge_rule=_share(length, counted & by_edge, total),
        two_site_rule=_share(length, counted & by_two, total),
        length_m=total,
        edge_passes=pd.Series(by_edge, index=edges.index, name="edge_rule"),
        two_site_passes=pd.Series(by_two, index=edges.index, name="two_site_rule"),
        sites_unknown=tuple(node for node in wanted if node not in nodes),
    )


def _share(length: npt.NDArray[np.float64], passed: npt.NDArray[np.bool_], total: float) -> float:
    return float(length[passed].sum()) / total if total > 0 else float("nan")


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
        faults += _told("edges-length", edges, "length_m", ~(np.isfinite(length) & (length >= 0)))
        faults += _told(
            "edges-node", edges, "u", (edges["u"].isna() | edges["v"].isna()).to_numpy(dtype=bool)
        )
    if "counted" in edges.columns:
        good = np.array([isinstance(x, (bool, np.bool_)) for x in edges["counted"]], dtype=bool)
        faults += _told("edges-counted", edges, "counted", ~good)
        counted = np.array(
            [x is True or (isinstance(x, np.bool_) and bool(x)) for x in edges["counted"]], dtype=bool
        )
    if faults:
        raise InputError(faults)
    return length, counted


def _told(key: str, edges: pd.DataFrame, column: str, wrong: npt.NDArray[np.bool_]) -> list[Fault]:
    rows = np.flatnonzero(wrong)
    faults = [
        Fault(key, value=edges[column].iloc[k], values={"edge": edges.index[k]})
        for k in rows[:MAX_FAULTS].tolist()
    ]
    if len(rows) > MAX_FAULTS:
        faults.append(Fault("edges-more", values={"count": len(rows) - MAX_FAULTS}))
    return faults


# -- distances -----------------------------------------------------------------------------------------------


def _links(u: list[int], v: list[int], length: npt.NDArray[np.float64], n: int) -> Links:
    """Neighbours of each node; a loop leads nowhere and is left out."""
    links: Links = [[] for _ in range(n)]
    for edge, (a, b, d) in enumerate(zip(u, v, length.tolist(), strict=True)):
        if a != b:
            links[a].append((b, d, edge))
            links[b].append((a, d, edge))
    return links


def _two_nearest_everywhere(links: Links, sites: list[int]) -> list[list[Label]]:
    """Return for every node its two nearest sites; one search in which each node is settled at most twice."""
    labels: list[list[Label]] = [[] for _ in links]
    queue: list[tuple[float, int, int, int]] = [(0.0, site, site, -1) for site in sites]
    heapq.heapify(queue)
    while queue:
        d, site, node, by = heapq.heappop(queue)
        known = labels[node]
        if len(known) == 2 or (known and known[0][1] == site):
            continue
        known.append((d, site, by))
        for to, length, edge in links[node]:
            there = labels[to]
            if edge != by and len(there) < 2 and not (there and there[0][1] == site):
                heapq.heappush(queue, (d + length, site, to, edge))
    return labels


def _two_nearest_without(
    links: Links, sites: set[int], start: int, without: int, limit: float
) -> list[Label]:
    """Return the two nearest sites of a node within a limit, on the network without one edge."""
    found: list[Label] = []
    best = {start: 0.0}
    done: set[int] = set()
    queue: list[tuple[float, int]] = [(0.0, start)]
    while queue and len(found) < 2:
        d, node = heapq.heappop(queue)
        if node in done:
            continue
        done.add(node)
        if node in sites:
            found.append((d, node, -1))
        for to, length, edge in links[node]:
            reach = d + length
            if edge != without and reach <= limit and reach < best.get(to, np.inf):
                best[to] = reach
                heapq.heappush(queue, (reach, to))
    return found


def _nearest(labels: list[Label]) -> float:
    return labels[0][0] if labels else float("inf")


def _least_pair(a: list[Label], b: list[Label]) -> float:
    """Least sum of a distance to a site and a distance to another site."""
    return min((x[0] + y[0] for x in a for y in b if x[1] != y[1]), default=float("inf"))


def _two_site(
    links: Links,
    labels: list[list[Label]],
    sites: set[int],
    edge: int,
    u: int,
    v: int,
    length: float,
    limit: float,
) -> bool:
    """Decide the two-site rule for one edge: by its bounds, else by searching without the edge."""
    if not _least_pair(labels[u], labels[v]) + length <= limit:
        return False
    free_u = [label for label in labels[u] if label[2] != edge]
    free_v = [label for label in labels[v] if label[2] != edge]
    if _least_pair(free_u, free_v) + length <= limit:
        return True
    left = limit - length
    from_u = _two_nearest_without(links, sites, u, edge, left - _nearest(labels[v]))
    if not from_u:
        return False
    from_v = _two_nearest_without(links, sites, v, edge, left - from_u[0][0])
    return _least_pair(from_u, from_v) + length <= limit
