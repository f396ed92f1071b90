"""Covered length of a network: the edge rule and the two-site rule, exactly."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import Fault, InputError
from ..units import compare_m
from .covered_drives import Links, least_drives, nearest_two

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
    searches of the network and O(m log n) besides; see :mod:`plugspan.measure.covered_drives`.

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
        faults += _told("edges-length", edges, "length_m", ~(np.isfinite(length) & (length >= 0)))
        faults += _told(
            "edges-node", edges, "u", (edges["u"].isna() | edges["v"].isna()).to_numpy(dtype=bool)
        )
    if "counted" in edges.columns:
        good, counted = _yes_or_no(edges["counted"])
        faults += _told("edges-counted", edges, "counted", ~good)
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
