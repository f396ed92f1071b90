"""Drives: what one follows when keeping to one road number in one direction.

At each node every way in continues on the straightest way out that leads on; a roundabout is one place whose driven
part belongs to the drive. A two-way road gives two drives, a dual carriageway too, and so do one-way pairs in towns.
Where carriageways of one direction part and meet again, one keeps straight on where they part, and goes on where
they meet.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..graph import BoolArray, FloatArray, IntArray
from .chains import Chain, ChainEnd, chain_ends, make_chains
from .geometry import mercator
from .index import RoadIndex

OTHER_CLASS_DEG, OTHER_NAME_DEG = 30.0, 15.0
"""A change of highway class, or of name, counts like so much of a turn."""
MAX_TURN_ONEWAY_DEG, MAX_TURN_MIXED_DEG = 120.0, 165.0
"""Sharper turns between two one-way roads, or a one-way and a two-way road, are ends, not the road going on:
where two carriageways meet at the end of a dual road, one doesn't turn round onto the other."""
CROSS_STREET_M = 1000.0
"""A two-way street up to this long that closes a one-way pair is driven one way only."""


@dataclass(frozen=True, eq=False)
class Path:
    """Directed edges in driving order, and for each whether it bears the road number (``own``).

    ``ring`` says whether the end joins the start.
    """

    edges: IntArray
    own: BoolArray
    ring: bool = False


def find_drives(index: RoadIndex, segments: IntArray) -> tuple[list[Path], IntArray]:
    """Follow one road number.

    Parameters
    ----------
    index : RoadIndex
    segments : (k,) int64
        Rising positions of its segments.

    Returns
    -------
    drives : list of Path
        Each directed edge of the number in exactly one of them, except directions of cross streets that lead
        nowhere, and
    aside : (k,) int64
        segments of roundabouts that no drive passes.
    """
    circles = _circles_on_the_way(index, segments)
    on_circle = np.isin(index.roundabout[segments], list(circles))
    chains = make_chains(index, segments[~on_circle])
    places = _places(index, chains, circles)
    left_out = _closing_streets(index, chains, places)
    follow = _match(index, places, left_out)
    _keep_on(chains, places, follow, left_out)
    drives = _join(index, chains, follow, segments, left_out)
    driven = np.concatenate([np.empty(0, np.int64), *(drive.edges for drive in drives)])
    return drives, np.setdiff1d(segments[on_circle], index.graph.edge_segment[driven])


def _circles_on_the_way(index: RoadIndex, segments: IntArray) -> set[int]:
    """Roundabouts that some segment of the number, not on a roundabout itself, touches."""
    approach = segments[index.roundabout[segments] < 0]
    nodes = np.concatenate([index.graph.seg_u[approach], index.graph.seg_v[approach]])
    return set(index.node_roundabout[nodes].tolist()) - {-1}


Arc = tuple[int, int]
"""(chain, direction); direction 1 runs against the chain's order."""
Follow = dict[Arc, tuple[int, int, IntArray]]
"""Arc -> the arc that one goes on along, and the roundabout edges between."""
Place = tuple[int, int]
"""(1, roundabout) or (0, node)."""


def _places(index: RoadIndex, chains: list[Chain], circles: set[int]) -> dict[Place, list[ChainEnd]]:
    """Ends of chains by where they meet."""
    places: dict[Place, list[ChainEnd]] = defaultdict(list)
    for end in chain_ends(index, chains):
        circle = int(index.node_roundabout[end.node])
        places[(1, circle) if circle in circles else (0, end.node)].append(end)
    return places


def _match(index: RoadIndex, places: dict[Place, list[ChainEnd]], left_out: set[Arc]) -> Follow:
    """Decide at each node or roundabout which way in continues on which way out."""
    follow: Follow = {}
    for (is_circle, number), ends in places.items():
        ways = _Circle(index, number) if is_circle else None
        follow.update(_match_place(ends, ways, left_out))
    return follow


def _out(end: ChainEnd) -> Arc:
    """The arc that leaves a place at an end."""
    return end.chain, end.last


def _in(end: ChainEnd) -> Arc:
    """The arc that arrives at a place at an end."""
    return end.chain, 1 - end.last


def _match_place(ends: list[ChainEnd], circle: _Circle | None, left_out: set[Arc]) -> Follow:
    """Straightest first, each way in and each way out used once. Ties: by bearing, then by chain."""
    outward = [end.away if circle is None else circle.outward(end) for end in ends]
    options = []
    for i, a in enumerate(ends):
        for j, b in enumerate(ends):
            if i != j and a.arrive and b.leave and _in(a) not in left_out and _out(b) not in left_out:
                turn = _turn(outward[i], outward[j])
                if turn <= _limit(a, b):
                    pair = sorted([_bearing(outward[i]), _bearing(outward[j])])
                    options.append((round(turn + _penalty(a, b), 6), pair, min(i, j), max(i, j), i, j))
    follow: Follow = {}
    arrived: set[int] = set()
    left: set[int] = set()
    for *_, i, j in sorted(options):
        if i in arrived or j in left:
            continue
        way = np.empty(0, dtype=np.int64) if circle is None else circle.way(ends[i].node, ends[j].node)
        if way is None:
            continue
        arrived.add(i)
        left.add(j)
        follow[_in(ends[i])] = (*_out(ends[j]), way)
    return follow


def _turn(a: FloatArray, b: FloatArray) -> float:
    """Turn in degrees from arriving against ``a`` to leaving along ``b``; 0 is straight on. Symmetric."""
    return 180.0 - math.degrees(math.acos(max(-1.0, min(1.0, float(a[0] * b[0] + a[1] * b[1])))))


def _bearing(a: FloatArray) -> float:
    return round(math.degrees(math.atan2(a[0], a[1])) % 360.0, 6)


def _limit(a: ChainEnd, b: ChainEnd) -> float:
    oneway = int(not (a.arrive and a.leave)) + int(not (b.arrive and b.leave))
    return (180.0, MAX_TURN_MIXED_DEG, MAX_TURN_ONEWAY_DEG)[oneway]


def _penalty(a: ChainEnd, b: ChainEnd) -> float:
    other_class = OTHER_CLASS_DEG if a.kind[0] != b.kind[0] else 0.0
    named = a.kind[1] >= 0 and b.kind[1] >= 0
    return other_class + (OTHER_NAME_DEG if named and a.kind[1] != b.kind[1] else 0.0)


class _Circle:
    """One roundabout: its centre, and the way round from one node to another."""

    def __init__(self, index: RoadIndex, number: int) -> None:
        graph = index.graph
        self.index = index
        self.segments = index.roundabout_segments(number)
        nodes = np.unique(np.concatenate([graph.seg_u[self.segments], graph.seg_v[self.segments]]))
        xy = index.node_merc[nodes]
        rows = np.concatenate([np.arange(graph.seg_ptr[s], graph.seg_ptr[s + 1]) for s in self.segments])
        drawn = mercator(graph.xy[rows])
        self.centre = (drawn.min(axis=0) + drawn.max(axis=0)) / 2.0 if len(drawn) else xy.mean(axis=0)
        edges = index.edge_of[self.segments].ravel()
        self.edges = edges[edges >= 0]

    def outward(self, end: ChainEnd) -> FloatArray:
        """Unit vector from the centre to a point on the chain; robust where approaches flare."""
        away = end.look_xy - self.centre
        size = float(np.hypot(*away))
        return away / size if size > 0 else end.away

    def way(self, start: int, end: int) -> IntArray | None:
        """Shortest way on the circle between two of its nodes, or None."""
        return shortest_way(self.index, self.edges.tolist(), start, end)


def shortest_way(index: RoadIndex, edges: Iterable[int], start: int, end: int) -> IntArray | None:
    """Shortest path on a few directed edges, as edges; None if there is none. Ties: by edge id."""
    graph = index.graph
    out: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        out[int(graph.edge_u[edge])].append(edge)
    queue: list[tuple[float, tuple[int, ...], int]] = [(0.0, (), start)]
    done: set[int] = set()
    while queue:
        length, way, node = heapq.heappop(queue)
        if node == end:
            return np.array(way, dtype=np.int64)
        if node in done:
            continue
        done.add(node)
        for edge in out[node]:
            heapq.heappush(
                queue, (length + float(graph.edge_length_m[edge]), (*way, edge), int(graph.edge_v[edge]))
            )
    return None


# -- one-way pairs that a cross street closes ----------------------------------------------------------------


def _closing_streets(index: RoadIndex, chains: list[Chain], places: dict[Place, list[ChainEnd]]) -> set[Arc]:
    """Directions of two-way cross streets that nobody drives who follows the number.

    A street joins the two one-way streets of a pair. One direction of traffic needs it. The other would come to
    where the pair's other street only arrives (or would come from where it only leaves), and turns off before.
    """
    found: set[Arc] = set()
    for ahead in (True, False):
        blind = _blind(chains, places, ahead=ahead)
        for run in _runs_of(blind, places):
            length = sum(float(index.graph.edge_length_m[chains[c].edges].sum()) for c, _ in run)
            if length <= CROSS_STREET_M and _turns_off(run, chains, places, ahead=ahead):
                found |= run
    return found


def _blind(chains: list[Chain], places: dict[Place, list[ChainEnd]], *, ahead: bool) -> set[Arc]:
    """Arcs of two-way chains that end where others arrive and none goes on (or begin where none arrives)."""
    blind: set[Arc] = set()
    size = -1
    while len(blind) > size:
        size = len(blind)
        for ends in places.values():
            for end in (e for e in ends if chains[e.chain].two_way):
                arc = _in(end) if ahead else _out(end)
                others = [e for e in ends if e is not end]
                on = [(_out(e) if ahead else _in(e)) for e in others if (e.leave if ahead else e.arrive)]
                need = [(_in(e) if ahead else _out(e)) for e in others if (e.arrive if ahead else e.leave)]
                if set(on) <= blind and not set(need) <= blind:
                    blind.add(arc)
    return blind


def _runs_of(arcs: set[Arc], places: dict[Place, list[ChainEnd]]) -> list[set[Arc]]:
    """Arcs that follow each other, together."""
    run_of = {arc: {arc} for arc in arcs}
    for ends in places.values():
        ins = [_in(e) for e in ends if _in(e) in arcs]
        outs = [_out(e) for e in ends if _out(e) in arcs]
        for a, b in ((a, b) for a in ins for b in outs if run_of[a] is not run_of[b]):
            run_of[a] |= run_of[b]
            for arc in run_of[b]:
                run_of[arc] = run_of[a]
    return [run for arc, run in sorted(run_of.items()) if arc == min(run)]


def _turns_off(
    run: set[Arc], chains: list[Chain], places: dict[Place, list[ChainEnd]], *, ahead: bool
) -> bool:
    """Whether all who come to where the run begins can leave for (or come from) a one-way street instead."""
    streets = {c for c, _ in run}
    for ends in places.values():
        if any((_out(e) if ahead else _in(e)) in run for e in ends):
            others = [e for e in ends if e.chain not in streets]
            comers = [e for e in others if (e.arrive if ahead else e.leave)]
            pair = [e for e in others if (e.leave if ahead else e.arrive) and not chains[e.chain].two_way]
            if pair and all(
                any(a is not b and _turn(a.away, b.away) <= _limit(a, b) for b in pair) for a in comers
            ):
                return True
    return False


# -- carriageways that part and meet again -------------------------------------------------------------------


def _keep_on(
    chains: list[Chain], places: dict[Place, list[ChainEnd]], follow: Follow, left_out: set[Arc]
) -> None:
    """Where carriageways meet that parted before, let that one go on to which one came straight on.

    A drive that ends where another passes, and that other one begins where the first passes: they change tails. So
    do the drives the other way round of two-way roads, lest the two directions take different roads.
    """
    none = np.empty(0, dtype=np.int64)
    for _ in range(len(chains)):
        tails = _better_tails(chains, _strings(chains, follow, left_out), places, follow)
        if tails is None:
            break
        last, before, onward = tails
        del follow[before]
        follow[last] = (*onward, none)
        if _two_way(chains, tails):
            follow[_back(onward)] = (*_back(last), none)


def _two_way(chains: list[Chain], arcs: Iterable[Arc]) -> bool:
    return all(chains[c].two_way for c, _ in arcs)


def _back(arc: Arc) -> Arc:
    """The other direction of a two-way chain."""
    return arc[0], 1 - arc[1]


def _better_tails(
    chains: list[Chain], strings: list[list[Arc]], places: dict[Place, list[ChainEnd]], follow: Follow
) -> tuple[Arc, Arc, Arc] | None:
    """The last arc of a drive, and the two arcs of another between which it ends, if they should change tails.

    Of several the straightest; ties by where the arcs lie. On two-way roads both directions must be able to.
    """
    followed = {arc[:2]: before for before, arc in follow.items()}
    start = {_out(e): place for place, ends in places.items() for e in ends if e.leave}
    at = {arc: (k, i) for k, string in enumerate(strings) for i, arc in enumerate(string)}
    found: list[tuple[float, list[float], tuple[Arc, Arc, Arc]]] = []
    for (is_circle, _), ends in places.items():
        for a in (e for e in ends if not is_circle and e.arrive and _in(e) in at and _in(e) not in follow):
            mine, _ = at[_in(a)]
            passed = {start[arc]: i for i, arc in enumerate(strings[mine]) if i}
            for b in (e for e in ends if e.arrive and _in(e) in follow):
                onward = follow[_in(b)][:2]
                other, before = at[_in(b)]
                ring = strings[other][-1] in follow
                fork = passed.get(start[strings[other][0]], -1)
                leave = next(e for e in ends if e.leave and _out(e) == onward)
                turn = _turn(a.away, leave.away)
                onward_fork = not ring and fork > (before if other == mine else 0)
                tails = (_in(a), _in(b), onward)
                both = followed.get(_back(_in(b))) == _back(onward) and _back(_in(a)) not in followed
                if onward_fork and turn <= _limit(a, leave) and (both or not _two_way(chains, tails)):
                    where = np.concatenate([a.look_xy, leave.look_xy]).round(1).tolist()
                    found.append((round(turn, 6), where, tails))
    return min(found)[2] if found else None


def _join(
    index: RoadIndex, chains: list[Chain], follow: Follow, segments: IntArray, left_out: set[Arc]
) -> list[Path]:
    """String chains together as matched; what has no start is a ring."""
    found = []
    for string in _strings(chains, follow, left_out):
        pieces: list[IntArray] = []
        for c, d in string:
            chain = chains[c]
            pieces.append(index.opposite[chain.edges[::-1]] if d else chain.edges)
            if (c, d) in follow:
                pieces.append(follow[(c, d)][2])
        edges = np.concatenate(pieces)
        ring = follow.get(string[-1], (-1, -1))[:2] == string[0]
        found.append(Path(edges, _among(index.graph.edge_segment[edges], segments), ring))
    return found


def _strings(chains: list[Chain], follow: Follow, left_out: set[Arc]) -> list[list[Arc]]:
    """Arcs in driving order, one list a drive: those with a start first, then the rings."""
    arcs = [(c, d) for c, chain in enumerate(chains) for d in ((0, 1) if chain.two_way else (0,))]
    arcs = [arc for arc in arcs if arc not in left_out]
    followed = {(c, d) for c, d, _ in follow.values()}
    done: set[Arc] = set()
    found = []
    for first in [a for a in arcs if a not in followed] + arcs:
        string = []
        step: Arc | None = first
        while step is not None and step not in done:
            done.add(step)
            string.append(step)
            step = follow[step][:2] if step in follow else None
        if string:
            found.append(string)
    return found


def _among(values: IntArray, rising: IntArray) -> BoolArray:
    """Which values are among the rising ones."""
    at = np.minimum(np.searchsorted(rising, values), len(rising) - 1)
    return np.asarray(rising[at] == values)
