"""What a place would serve wherever it stood along roads: access and driving distances, piece by piece.

Along a segment the way to a place is as long as the way to one end and the rest of the segment, so whom it serves, and
where one leaves for it, changes at a few points only. Between them everything is constant or runs along evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .access import leaving_places, shortest_by_drive
from .distances import AnchoredGraph, distances_within
from .graph import BoolArray, FloatArray, IntArray, RoadGraph
from .routes import Drive, RoadIndex, Route, drives_by_key
from .snapping import Snapped

WHOLE_M = 1e-4
"""A place stands at a whole metre of its road; what ends so little short of one includes it."""
SAME_M = 1e-6


@dataclass(frozen=True, eq=False)
class RoadSegments:
    """The segments that drives run on, a row each: what lies along them is given by rows.

    Attributes
    ----------
    table : DataFrame
        ``line`` (number of the drive), ``segment``, ``at_u``, ``at_v`` (chainage at the segment's first and last node),
        ``u``, ``v``, ``length_m``, ``ahead``, ``back`` (may it be driven from u to v, and from v to u).
    """

    table: pd.DataFrame

    @classmethod
    def of(cls, graph: RoadGraph, drives: Sequence[Drive]) -> RoadSegments:
        """Segments of drives, which are numbered in their order."""
        edges = np.concatenate([np.empty(0, np.int64), *(d.edges for d in drives)])
        from_m, to_m = (
            np.concatenate([np.empty(0), *ends])
            for ends in ([d.from_m for d in drives], [d.to_m for d in drives])
        )
        turned, segment = graph.edge_reversed[edges], graph.edge_segment[edges]
        return cls(
            pd.DataFrame(
                {
                    "line": np.repeat(np.arange(len(drives)), [len(d.edges) for d in drives]),
                    "segment": segment,
                    "at_u": np.where(turned, to_m, from_m),
                    "at_v": np.where(turned, from_m, to_m),
                    "u": graph.seg_u[segment],
                    "v": graph.seg_v[segment],
                    "length_m": graph.seg_length_m[segment],
                    "ahead": graph.seg_forward[segment],
                    "back": graph.seg_backward[segment],
                }
            ).rename_axis("row")
        )

    @property
    def nodes(self) -> IntArray:
        """Ends of the segments, each once."""
        return np.unique(self.table[["u", "v"]].to_numpy(np.int64))


def served_along(
    index: RoadIndex, routes: Sequence[Route], roads: RoadSegments, access_m: float
) -> pd.DataFrame:
    """Which drives a place would serve at each point of roads, and where one would leave them for it.

    The definition is that of :func:`.access.find_access`.

    Parameters
    ----------
    index : RoadIndex
    routes : sequence of Route
        Their drives are numbered in the order of ``drives_by_key``.
    roads : RoadSegments
    access_m : float

    Returns
    -------
    DataFrame
        ``row`` (of the roads), ``target`` (number of the drive), ``from_m``, ``to_m`` (along the segment), ``low``,
        ``high`` (chainage of leaving at these ends).
    """
    drives = [(*key, drive) for key, drive in drives_by_key(routes).items()]
    anchored = AnchoredGraph(index.graph)
    places = leaving_places(index, drives, routes, anchored)
    nodes, target = roads.nodes, np.unique(places["node"].to_numpy(np.int64))
    to = distances_within(anchored, nodes, target, access_m, reverse=True)
    back = shortest_by_drive(distances_within(anchored, nodes, target, access_m), target, nodes, places)
    own = _laid_on(index, drives, routes)
    near = shortest_by_drive(to, target, nodes, places[~places["beside"]])
    pairs = _pairs(roads.table, near, back, own)
    found = [_direct(pairs), _around(pairs[~pairs["own"]], access_m)]
    if places["beside"].any():
        # Where none starts from the road itself, the way starts from a parallel carriageway.
        every = _pairs(roads.table, shortest_by_drive(to, target, nodes, places), back, own)
        every = every.merge(
            pairs[["row", "drive", "to_u", "to_v"]], on=["row", "drive"], how="left", suffixes=("", "_road")
        )
        every["least"] = (access_m - every.pop("to_u_road")).fillna(0.0).clip(lower=0.0)
        most = every["length_m"] - (access_m - every.pop("to_v_road"))
        every["most"] = np.minimum(most.fillna(np.inf), every["length_m"])
        rest = every[~every["own"] & (every["most"] - every["least"] > SAME_M)]
        found += [_direct(rest.assign(own=rest["beside"])), _around(rest[~rest["beside"]], access_m)]
    return pd.DataFrame(pd.concat(found, ignore_index=True).rename(columns={"drive": "target"}))


def _laid_on(
    index: RoadIndex, drives: Sequence[tuple[str, int, str, Drive]], routes: Sequence[Route]
) -> pd.DataFrame:
    """Segments of the drives and of what runs beside them: ``drive, segment, low, high, beside``, each once."""
    graph = index.graph
    number = {key[:3]: k for k, key in enumerate(drives)}
    lines = [(k, d.edges, d.from_m, d.to_m, False) for k, (_, _, _, d) in enumerate(drives)]
    lines += [
        (number[(r.ref, p.section, p.direction)], p.edges, p.leave_m[:-1], p.leave_m[:-1], True)
        for r in routes
        for p in r.parallel
    ]
    frames = []
    for k, edges, from_m, to_m, beside in lines:
        turned = graph.edge_reversed[edges]
        frames.append(
            pd.DataFrame(
                {
                    "drive": k,
                    "segment": graph.edge_segment[edges],
                    "low": np.where(turned, to_m, from_m),
                    "high": np.where(turned, from_m, to_m),
                    "beside": beside,
                }
            )
        )
    if not frames:
        return pd.DataFrame({"drive": [], "segment": [], "low": [], "high": [], "beside": []}).astype(
            {"drive": np.int64, "segment": np.int64, "beside": bool}
        )
    table = pd.concat(frames, ignore_index=True).sort_values(["drive", "segment", "beside", "low"])
    return table.drop_duplicates(["drive", "segment"])


def _pairs(table: pd.DataFrame, near: pd.DataFrame, back: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Rows and drives that may be served: ways there by either end, ways back by either end, and whether on it."""
    edges = table.reset_index()
    joined: pd.DataFrame | None = None
    for end, way_there, way_back in (("u", "ahead", "back"), ("v", "back", "ahead")):
        there = edges.loc[edges[way_there], ["row", end]].merge(near, left_on=end, right_on="site")
        there = there.rename(columns={"d": f"to_{end}", "chainage_m": f"at_{end}"})
        home = edges.loc[edges[way_back], ["row", end]].merge(back, left_on=end, right_on="site")
        home = home.rename(columns={"d": f"back_{end}"})
        for part in (
            there[["row", "drive", f"to_{end}", f"at_{end}"]],
            home[["row", "drive", f"back_{end}"]],
        ):
            joined = part if joined is None else joined.merge(part, on=["row", "drive"], how="outer")
    laid = edges[["row", "segment"]].merge(own, on="segment").drop(columns="segment")
    assert joined is not None
    joined = joined.merge(laid, on=["row", "drive"], how="outer")
    joined["own"] = joined["beside"].eq(False)
    joined["beside"] = joined["beside"].eq(True)
    return joined.merge(edges[["row", "length_m"]], on="row").assign(
        least=0.0, most=lambda found: found["length_m"]
    )


COLUMNS = ["row", "drive", "from_m", "to_m", "low", "high"]


def _direct(pairs: pd.DataFrame) -> pd.DataFrame:
    """Where a place stands on the drive itself."""
    on = pairs[pairs["own"]]
    slope = (on["high"] - on["low"]) / on["length_m"].where(on["length_m"] > 0, 1.0)
    low, high = on["low"] + slope * on["least"], on["low"] + slope * on["most"]
    return pd.DataFrame(on.assign(from_m=on["least"], to_m=on["most"], low=low, high=high)[COLUMNS])


def _around(pairs: pd.DataFrame, access_m: float) -> pd.DataFrame:
    """Where one drives to a place by one end of its segment and back by one."""
    to_u, to_v, back_u, back_v = (
        pairs[name].to_numpy(np.float64, na_value=np.inf) for name in ("to_u", "to_v", "back_u", "back_v")
    )
    length = pairs["length_m"].to_numpy(np.float64)
    least, most = (pairs[name].to_numpy(np.float64) for name in ("least", "most"))
    both = np.isfinite(to_u) & np.isfinite(to_v)
    turn = np.where(np.isfinite(to_u), np.inf, -np.inf)
    turn[both] = (to_v[both] + length[both] - to_u[both]) / 2.0
    home = [(np.zeros(len(pairs)), access_m - back_u), (length - (access_m - back_v), length)]
    if pairs["beside"].any():
        home[0][1][pairs["beside"].to_numpy(bool)] = np.inf
    parts: list[pd.DataFrame] = []
    for low, high, at in (
        (least, np.minimum(access_m - to_u, turn), "at_u"),
        (np.maximum(length - (access_m - to_v), turn), most, "at_v"),
    ):
        for begin, end in home:
            first = np.maximum(np.maximum(low, begin), least)
            last = np.minimum(np.minimum(high, end), most)
            some = first <= last
            leave = pairs.loc[some, at]
            parts.append(
                pairs[some].assign(from_m=first[some], to_m=last[some], low=leave, high=leave)[COLUMNS]
            )
    return pd.concat(parts, ignore_index=True)


def reached_along(
    graph: RoadGraph, roads: RoadSegments, demand: Snapped, limit: float, seg_cost: FloatArray | None = None
) -> pd.DataFrame:
    """Where along roads a place would be within reach of demand: ``row, target, from_m, to_m, low, high``.

    Parameters
    ----------
    graph : RoadGraph
    roads : RoadSegments
    demand : Snapped
        ``target`` is the position among these.
    limit : float
        Metres, or units of ``seg_cost``.
    seg_cost : (s,) float64, optional
    """
    anchored = AnchoredGraph(graph, demand, seg_cost)
    far = distances_within(anchored, anchored.anchors, roads.nodes, limit)
    near = pd.DataFrame(
        {"target": far.source, "node": roads.nodes[far.target], "left": limit - far.distance_m}
    )
    edges = roads.table.reset_index()
    edges["per_cost"] = edges["length_m"] / np.maximum(anchored.seg_cost[edges["segment"]], 1e-12)
    here = pd.DataFrame(
        {"target": np.arange(len(demand.segment)), "segment": demand.segment, "offset": demand.offset_m}
    )
    on = edges.merge(here[demand.found], on="segment")
    on["left_m"] = on["per_cost"] * limit
    ahead, back = on[on["ahead"]], on[on["back"]]
    by_u = edges[edges["ahead"]].merge(near, left_on="u", right_on="node")
    by_v = edges[edges["back"]].merge(near, left_on="v", right_on="node")
    parts = [
        by_u.assign(from_m=0.0, to_m=by_u["left"] * by_u["per_cost"]),
        by_v.assign(from_m=by_v["length_m"] - by_v["left"] * by_v["per_cost"], to_m=by_v["length_m"]),
        ahead.assign(from_m=ahead["offset"], to_m=ahead["offset"] + ahead["left_m"]),
        back.assign(from_m=back["offset"] - back["left_m"], to_m=back["offset"]),
    ]
    found = pd.concat(parts, ignore_index=True)
    found = found.assign(
        from_m=found["from_m"].clip(lower=0.0), to_m=np.minimum(found["to_m"], found["length_m"])
    )
    found = found.assign(low=0.0, high=0.0)
    return pd.DataFrame(found[["row", "target", "from_m", "to_m", "low", "high"]])


def by_whole_metres(roads: RoadSegments, found: pd.DataFrame, *, at_ends: float = 0.0) -> pd.DataFrame:
    """Stretches along segments as whole metres of chainage, joined where one goes on as the other.

    Parameters
    ----------
    roads : RoadSegments
    found : DataFrame
        ``row, target, from_m, to_m, low, high``: at the ends along the segment a value has ``low`` and ``high``.
    at_ends : float
        What is left out at both ends of each stretch, metres.

    Returns
    -------
    DataFrame
        ``line, target, first, last`` (whole metres) and ``low, high``, the value there; sorted.
    """
    edge = roads.table.loc[found["row"]]
    length = edge["length_m"].to_numpy(np.float64)
    at_u, at_v = (edge[name].to_numpy(np.float64) for name in ("at_u", "at_v"))
    share = [
        np.divide(found[name].to_numpy(np.float64), length, out=np.zeros(len(found)), where=length > 0)
        for name in ("from_m", "to_m")
    ]
    ends = np.stack([at_u + (at_v - at_u) * part for part in share])
    value = found[["low", "high"]].to_numpy(np.float64).T.copy()
    turned = ends[0] > ends[1]
    ends[:, turned], value[:, turned] = ends[::-1, turned], value[::-1, turned]
    first = np.ceil(ends[0] - WHOLE_M + at_ends)
    last = np.floor(ends[1] + WHOLE_M - at_ends)
    size = ends[1] - ends[0]
    slope = np.divide(value[1] - value[0], size, out=np.zeros(len(size)), where=size > SAME_M)
    table = pd.DataFrame(
        {
            "line": edge["line"].to_numpy(np.int64),
            "target": found["target"].to_numpy(np.int64),
            "first": first.astype(np.int64),
            "last": last.astype(np.int64),
            "low": value[0] + slope * (first - ends[0]),
            "slope": slope,
        }
    )
    return _joined(table[table["first"] <= table["last"]])


def _joined(table: pd.DataFrame) -> pd.DataFrame:
    table = table.sort_values(["line", "target", "first", "last"], ignore_index=True)
    slope, low = table["slope"].to_numpy(), table["low"].to_numpy()
    first, last = table["first"].to_numpy(), table["last"].to_numpy()
    group = table.groupby(["line", "target"], sort=False).ngroup().to_numpy()
    # The furthest end so far within the group: numbers of groups stand further apart than any two metres.
    apart = int(last.max(initial=0)) - int(first.min(initial=0)) + 2
    furthest = np.maximum.accumulate(last + group * apart) - group * apart
    goes_on: BoolArray = np.zeros(len(table), np.bool_)
    step = first[1:] - first[:-1]
    goes_on[1:] = (group[1:] == group[:-1]) & (first[1:] <= furthest[:-1] + 1)
    goes_on[1:] &= np.abs(slope[1:] - slope[:-1]) <= 1e-9
    goes_on[1:] &= np.abs(low[1:] - (low[:-1] + slope[:-1] * step)) <= SAME_M
    begin = np.flatnonzero(~goes_on)
    if not len(begin):
        return table.assign(high=[])[["line", "target", "first", "last", "low", "high"]]
    found = table.iloc[begin].assign(last=np.maximum.reduceat(last, begin))
    found = found.assign(high=found["low"] + found["slope"] * (found["last"] - found["first"]))
    return found[["line", "target", "first", "last", "low", "high"]].reset_index(drop=True)
