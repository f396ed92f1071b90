"""From ways to the simplified road graph, in whole arrays.

Words used here
---------------
step
    From one vertex of a way to the next.
class
    Everything that must not change along a segment: ``highway``, ``ref``, ``name``, ``speed_kmh``,
    ``junction``, ``ferry`` and one-way or not. Bridges and tunnels do not cut: they would triple the
    segments of a mountain road and no number depends on where they start; a segment is a bridge if any part
    of it is.
interior node
    A node where exactly two steps of the same class meet and traffic can pass: it vanishes in a segment. The
    middle of a hairpin turn of a numbered one-way road stays (see :mod:`~plugspan.network.u_turns`).
run
    Consecutive steps of one way between nodes that are not interior, or the way's ends.
chain
    Runs joined at interior nodes, perhaps over several ways: a segment.

The result does not depend on the order of ways in the file, on how a road is cut into ways, or on which way
it was drawn: nodes are ordered by OSM id, a two-way segment starts at its end with the smaller id, a one-way
segment is drawn the way it is driven, and segments are ordered by the smallest way id, then by their ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .geometry import step_lengths_m, sums
from .graph import BoolArray, FloatArray, IntArray, RoadGraph
from .osm.tags import directions, ferries, is_present, is_roundabout, way_speeds_kmh
from .osm.ways import Coded, Ways, pointers, ranges
from .u_turns import u_turns


@dataclass(frozen=True)
class Steps:
    """Steps ``u -> v`` (node positions) of ways (positions), with lengths; ``follows``: on from the last."""

    u: IntArray
    v: IntArray
    way: IntArray
    length_m: FloatArray
    follows: BoolArray

    def __len__(self) -> int:
        return len(self.u)


@dataclass(frozen=True)
class Pieces:
    """Chains as sequences of stretches of steps.

    ``first`` is the step a piece starts with in the chain's direction, ``count`` how many it has, ``back``
    whether it is driven against its drawing; chain ``i`` has the pieces ``ptr[i]:ptr[i + 1]``.
    """

    first: IntArray
    count: IntArray
    back: BoolArray
    ptr: IntArray


def build_graph(raw: Ways, keep_node: BoolArray | None = None) -> RoadGraph:
    """Make the simplified graph of ways that are all to be kept.

    Parameters
    ----------
    raw : Ways
        Drivable ways only (see :func:`~plugspan.network.osm.tags.why_dropped`).
    keep_node : (n,) bool, optional
        Nodes inside the region and its halo; a road is cut at its last node inside.

    Returns
    -------
    RoadGraph
        One-way segments are drawn as they are driven. Steps to nodes missing in the file are left out.
    """
    one_way, backward = directions(raw.tags)
    steps = make_steps(raw, backward, keep_node)
    way_length_m = sums(steps.way, steps.length_m, len(raw.way_id))
    speed = way_speeds_kmh(raw.tags, way_length_m)
    way_class = classes(raw.tags, one_way, speed)
    interior = interior_nodes(steps, way_class[steps.way], one_way[steps.way], len(raw.node_id))
    numbered = one_way & raw.tags["ref"].present & ~raw.tags["junction"].table(is_roundabout)
    turns = u_turns(raw.node_xy, steps.u, steps.v, steps.length_m, numbered[steps.way])
    interior[turns] = False
    pieces = chains(steps, interior, one_way)
    return _assemble(raw, steps, pieces, one_way, speed)


def make_steps(raw: Ways, backward: BoolArray, keep_node: BoolArray | None) -> Steps:
    """Cut ways into steps, those of ``backward`` ways in driving direction, without steps of no length.

    Consecutive repetitions of one node vanish; steps to missing nodes or to nodes outside are left out.
    """
    vertex = raw.vertex
    way = np.repeat(np.arange(len(raw.way_id)), np.diff(raw.ptr))
    if backward.any():
        counts = np.diff(raw.ptr)[backward]
        at = ranges(raw.ptr[:-1][backward], counts)
        turned = np.repeat(raw.ptr[1:][backward] + raw.ptr[:-1][backward] - 1, counts) - at
        vertex = vertex.copy()
        vertex[at] = raw.vertex[turned]
    if keep_node is not None:
        vertex = np.where(np.append(keep_node, False)[vertex], vertex, -1)
    again = np.zeros(len(vertex), dtype=bool)
    again[1:] = (vertex[1:] == vertex[:-1]) & (way[1:] == way[:-1])
    if again.any():
        vertex, way = vertex[~again], way[~again]
    u, v = vertex[:-1], vertex[1:]
    good = (u >= 0) & (v >= 0) & (way[:-1] == way[1:])
    at = np.flatnonzero(good)
    u, v, way = u[at], v[at], way[at]
    follows = np.zeros(len(at), dtype=bool)
    follows[1:] = (np.diff(at) == 1) & (way[1:] == way[:-1])
    return Steps(u, v, way, step_lengths_m(raw.node_xy, u, v), follows)


def classes(tags: dict[str, Coded], one_way: BoolArray, speed_kmh: FloatArray) -> IntArray:
    """(w,) number of the class of each way: equal numbers, equal attributes."""
    speed = np.unique(np.nan_to_num(speed_kmh, nan=-1.0), return_inverse=True)[1]
    flags = one_way + 2 * tags["junction"].table(is_roundabout) + 4 * ferries(tags)
    code = np.asarray(speed * 8 + flags, dtype=np.int64)
    for key in ("highway", "ref", "name"):
        coded = tags[key]
        code = code * (len(coded.values) + 1) + coded.codes + 1
        code = np.unique(code, return_inverse=True)[1].astype(np.int64)
    return code


def interior_nodes(steps: Steps, step_class: IntArray, step_one_way: BoolArray, n: int) -> BoolArray:
    """(n,) nodes that vanish inside segments."""
    arriving = np.bincount(steps.v, minlength=n)
    leaving = np.bincount(steps.u, minlength=n)
    seen = np.zeros(n, dtype=np.int64)
    seen[steps.u] = step_class
    seen[steps.v] = step_class
    mixed = np.zeros(n, dtype=bool)
    mixed[steps.u[seen[steps.u] != step_class]] = True
    mixed[steps.v[seen[steps.v] != step_class]] = True
    one_way = np.zeros(n, dtype=bool)
    one_way[steps.u[step_one_way]] = True
    one_way[steps.v[step_one_way]] = True
    vanishes: BoolArray = (arriving + leaving == 2) & ~mixed & (~one_way | (arriving == 1))
    return vanishes


def chains(steps: Steps, interior: BoolArray, one_way: BoolArray) -> Pieces:
    """Join steps to chains, each in its final direction."""
    starts = np.ones(len(steps), dtype=bool)
    starts[1:] = ~(steps.follows[1:] & interior[steps.u[1:]])
    first = np.flatnonzero(starts)
    count = np.diff(np.append(first, len(steps)))
    partner = _partners(steps, interior, first, count)
    alone = (partner[0::2] < 0) & (partner[1::2] < 0)
    joined, closed = _walk(partner, np.flatnonzero(~alone))
    single = np.flatnonzero(alone)
    halves = np.concatenate([2 * single, np.fromiter((h for c in joined for h in c), np.int64)])
    sizes = np.concatenate([np.ones(len(single), np.int64), np.fromiter(map(len, joined), np.int64)])
    run, back = halves // 2, halves % 2 == 1
    open_chains = Pieces(
        np.where(back, first[run] + count[run] - 1, first[run]), count[run], back, pointers(sizes)
    )
    pieces = _with_rings(open_chains, [_ring(steps, first, count, c) for c in closed])
    return _turned(steps, pieces, one_way)


def _partners(steps: Steps, interior: BoolArray, first: IntArray, count: IntArray) -> IntArray:
    """For each end of each run (start ``2 r``, end ``2 r + 1``) the run end it is joined to, or -1."""
    ends = np.empty(2 * len(first), dtype=np.int64)
    ends[0::2] = steps.u[first]
    ends[1::2] = steps.v[first + count - 1]
    partner = np.full(len(ends), -1, dtype=np.int64)
    loose = np.flatnonzero(interior[ends])
    loose = loose[np.argsort(ends[loose], kind="stable")]
    # An interior node has exactly two step ends, so here each such node stands exactly twice.
    partner[loose[0::2]], partner[loose[1::2]] = loose[1::2], loose[0::2]
    return partner


def _walk(partner: IntArray, runs: IntArray) -> tuple[list[list[int]], list[list[int]]]:
    """Follow joined runs; return open chains and rings as lists of run ends entered."""
    ends = np.stack([2 * runs, 2 * runs + 1], axis=1).ravel()
    link = dict(zip(ends.tolist(), partner[ends].tolist(), strict=True))
    done: set[int] = set()
    found: tuple[list[list[int]], list[list[int]]] = ([], [])
    terminals = [h for h, other in link.items() if other < 0]
    for kind, entries in enumerate((terminals, list(link))):
        for entry in entries:
            if entry >> 1 in done:
                continue
            chain = []
            half = entry
            while half >= 0 and half >> 1 not in done:
                done.add(half >> 1)
                chain.append(half)
                half = link[half ^ 1]
            found[kind].append(chain)
    return found


def _ring(steps: Steps, first: IntArray, count: IntArray, halves: list[int]) -> list[tuple[int, int, bool]]:
    """Cut a ring of runs without any junction at its node with the smallest id; return its pieces."""
    pieces = []
    for half in halves:
        start, n, back = int(first[half // 2]), int(count[half // 2]), half % 2 == 1
        pieces.append((start + n - 1 if back else start, n, back))
    heads = [(steps.v[s - n + 1 : s + 1][::-1] if b else steps.u[s : s + n]) for s, n, b in pieces]
    at = int(np.argmin([h.min() for h in heads]))
    cut = int(np.argmin(heads[at]))
    start, n, back = pieces[at]
    after = (start - cut if back else start + cut, n - cut, back)
    turned = [after, *pieces[at + 1 :], *pieces[:at]]
    return [*turned, (start, cut, back)] if cut else turned


def _with_rings(pieces: Pieces, rings: list[list[tuple[int, int, bool]]]) -> Pieces:
    """Append rings to the open chains."""
    if not rings:
        return pieces
    extra = np.array([p for ring in rings for p in ring], dtype=np.int64)
    sizes = np.append(np.diff(pieces.ptr), [len(ring) for ring in rings])
    return Pieces(
        np.append(pieces.first, extra[:, 0]),
        np.append(pieces.count, extra[:, 1]),
        np.append(pieces.back, extra[:, 2].astype(bool)),
        pointers(sizes),
    )


def _turned(steps: Steps, pieces: Pieces, one_way: BoolArray) -> Pieces:
    """Turn two-way chains that run from the larger id to the smaller, one-way ones walked backwards."""
    head, tail = pieces.ptr[:-1], pieces.ptr[1:] - 1
    (u, second), (v, before) = _ends(steps, pieces, head), _ends(steps, _opposite(pieces), tail)
    single_way = one_way[steps.way[pieces.first[head]]]
    against = np.where(single_way, pieces.back[head], (u > v) | ((u == v) & (second > before)))
    if not against.any():
        return pieces
    sizes = np.diff(pieces.ptr)
    order = np.arange(len(pieces.first))
    flip = np.repeat(against, sizes)
    order[flip] = np.repeat(head + tail, sizes)[flip] - order[flip]
    back = _opposite(pieces)
    first = np.where(flip, back.first[order], pieces.first)
    count = np.where(flip, pieces.count[order], pieces.count)
    return Pieces(first, count, np.where(flip, back.back[order], pieces.back), pieces.ptr)


def _opposite(pieces: Pieces) -> Pieces:
    """Each piece for itself driven the other way."""
    last = pieces.first + np.where(pieces.back, 1 - pieces.count, pieces.count - 1)
    return Pieces(last, pieces.count, ~pieces.back, pieces.ptr)


def _ends(steps: Steps, pieces: Pieces, which: IntArray) -> tuple[IntArray, IntArray]:
    """First and second node of the given pieces."""
    step, back = pieces.first[which], pieces.back[which]
    return np.where(back, steps.v[step], steps.u[step]), np.where(back, steps.u[step], steps.v[step])


def _ordered(raw: Ways, steps: Steps, pieces: Pieces) -> tuple[Pieces, IntArray]:
    """Chains in their final order, and the smallest way id of each."""
    way_id = raw.way_id[steps.way[pieces.first]]
    head, tail = pieces.ptr[:-1], pieces.ptr[1:] - 1
    smallest = np.minimum.reduceat(way_id, head)
    (u, second), (v, _) = _ends(steps, pieces, head), _ends(steps, _opposite(pieces), tail)
    order = np.lexsort((second, v, u, smallest))
    sizes = np.diff(pieces.ptr)[order]
    at = ranges(head[order], sizes)
    return Pieces(pieces.first[at], pieces.count[at], pieces.back[at], pointers(sizes)), smallest[order]


def _assemble(
    raw: Ways, steps: Steps, pieces: Pieces, one_way: BoolArray, speed_kmh: FloatArray
) -> RoadGraph:
    """Lay the chains out as segments with vertices, lengths and attributes."""
    if not len(steps):
        return _empty(raw)
    pieces, way_id = _ordered(raw, steps, pieces)
    piece_ptr = pointers(pieces.count)
    offset = np.arange(piece_ptr[-1]) - np.repeat(piece_ptr[:-1], pieces.count)
    back = np.repeat(pieces.back, pieces.count)
    step = np.repeat(pieces.first, pieces.count) + np.where(back, -offset, offset)
    step_ptr = piece_ptr[pieces.ptr]
    ends = np.where(back, steps.u[step], steps.v[step])
    u = np.where(back, steps.v[step], steps.u[step])[step_ptr[:-1]]
    v = ends[step_ptr[1:] - 1]
    vertices = np.insert(ends, step_ptr[:-1], u)
    length_m = np.add.reduceat(steps.length_m[step], step_ptr[:-1])
    piece_way = steps.way[pieces.first]
    is_end = np.zeros(len(raw.node_id), dtype=bool)
    is_end[u] = is_end[v] = True
    used = np.flatnonzero(is_end)
    position = np.cumsum(is_end) - 1
    both = ~one_way[piece_way[pieces.ptr[:-1]]]
    return RoadGraph(
        node_id=raw.node_id[used],
        node_xy=raw.node_xy[used],
        seg_u=position[u],
        seg_v=position[v],
        seg_length_m=length_m,
        seg_forward=np.ones(len(u), dtype=bool),
        seg_backward=both,
        xy=raw.node_xy[vertices],
        seg_ptr=step_ptr + np.arange(len(step_ptr)),
        segments=_attributes(raw.tags, piece_way, pieces.ptr[:-1], way_id, speed_kmh),
    )


def _attributes(
    tags: dict[str, Coded], piece_way: IntArray, head: IntArray, way_id: IntArray, speed_kmh: FloatArray
) -> pd.DataFrame:
    """Table of segments; see :attr:`RoadGraph.segments`."""
    way = piece_way[head]
    ring = np.where(tags["junction"].table(is_roundabout)[way], 0, -1)
    anywhere = {
        key: np.logical_or.reduceat(tags[key].table(is_present)[piece_way], head)
        for key in ("bridge", "tunnel")
    }
    return pd.DataFrame(
        {
            "way_id": way_id,
            "highway": categorical(tags["highway"].take(way)),
            "ref": categorical(tags["ref"].take(way)),
            "name": categorical(tags["name"].take(way)),
            "speed_kmh": speed_kmh[way],
            "junction": _from_codes(ring, ["roundabout"]),
            "ferry": ferries(tags)[way],
            **anywhere,
        }
    )


def _from_codes(codes: npt.NDArray[Any], names: list[str]) -> pd.Categorical[Any]:
    """Categorical of code -1 (missing) or a position in ``names``."""
    return pd.Categorical.from_codes(codes, pd.Index(names, dtype=object))


def categorical(coded: Coded) -> pd.Categorical[Any]:
    """Categories in alphabetical order, only those that occur."""
    used = np.flatnonzero(np.bincount(coded.codes[coded.codes >= 0], minlength=len(coded.values)))
    names = [coded.values[i] for i in used.tolist()]
    order = sorted(range(len(names)), key=names.__getitem__)
    table = np.full(len(coded.values) + 1, -1, dtype=np.int32)
    table[used[np.array(order, dtype=np.int64)]] = np.arange(len(order), dtype=np.int32)
    return _from_codes(table[coded.codes], [names[i] for i in order])


def _empty(raw: Ways) -> RoadGraph:
    """Return a graph without anything, with the right columns."""
    none: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    no_tags = {key: Coded(np.zeros(0, np.int32), []) for key in raw.tags}
    table = pd.DataFrame(
        {
            "way_id": none,
            **{k: categorical(no_tags[k]) for k in ("highway", "ref", "name")},
            "speed_kmh": none.astype(float),
            "junction": _from_codes(none, ["roundabout"]),
            **{k: none.astype(bool) for k in ("ferry", "bridge", "tunnel")},
        }
    )
    flags, points = none.astype(bool), np.zeros((0, 2))
    return RoadGraph(
        none, points, none, none, none.astype(float), flags, flags, points, np.zeros(1, np.int64), table
    )
