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
from scipy.optimize import linear_sum_assignment

from ...errors import Fault, InputError
from ..geometry import mercator
from ..graph import BoolArray, FloatArray, IntArray
from .chains import Arc, Chain, ChainEnd, chain_ends, limit_deg, make_chains, turn_deg
from .forks import Follow, Place, closing_streets, keep_on, leave_stubs, round_the_block, strings_of
from .index import RoadIndex

OTHER_CLASS_DEG, OTHER_NAME_DEG = 30.0, 15.0
"""A change of highway class, or of name, counts like so much of a turn."""
MOST_BRANCHES = 100
"""Roads of one number that meet at one place; each is matched with each other. Real ones have eight at most."""


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
    left_out : (k,) int64
        segments of roundabouts that no drive passes.

    Raises
    ------
    InputError
        If more than :data:`MOST_BRANCHES` of them meet at one place.
    """
    circles = _circles_on_the_way(index, segments)
    on_circle = np.isin(index.roundabout[segments], list(circles))
    chains = make_chains(index, segments[~on_circle])
    places = _places(index, chains, circles)
    left_out = closing_streets(index, chains, places)
    follow = _match(index, chains, places, left_out)
    leave_stubs(index, chains, places, follow, left_out)
    keep_on(chains, places, follow, left_out)
    drives = _join(index, chains, follow, segments, left_out)
    driven = np.concatenate([np.empty(0, np.int64), *(drive.edges for drive in drives)])
    return drives, np.setdiff1d(segments[on_circle], index.graph.edge_segment[driven])


def _circles_on_the_way(index: RoadIndex, segments: IntArray) -> set[int]:
    """Roundabouts that some segment of the number, not on a roundabout itself, touches."""
    approach = segments[index.roundabout[segments] < 0]
    nodes = np.concatenate([index.graph.seg_u[approach], index.graph.seg_v[approach]])
    return set(index.node_roundabout[nodes].tolist()) - {-1}


def _places(index: RoadIndex, chains: list[Chain], circles: set[int]) -> dict[Place, list[ChainEnd]]:
    """Ends of chains by where they meet."""
    places: dict[Place, list[ChainEnd]] = defaultdict(list)
    for end in chain_ends(index, chains):
        circle = int(index.node_roundabout[end.node])
        places[(1, circle) if circle in circles else (0, end.node)].append(end)
    return places


def _match(
    index: RoadIndex, chains: list[Chain], places: dict[Place, list[ChainEnd]], left_out: set[Arc]
) -> Follow:
    """Decide at each node or roundabout which way in continues on which way out."""
    place_of = {e.leaving: ends for ends in places.values() for e in ends}
    follow: Follow = {}
    for (is_circle, number), ends in places.items():
        if len(ends) > MOST_BRANCHES:
            lon, lat = index.graph.node_xy[ends[0].node].tolist()
            values = {"n": len(ends), "lon": round(lon, 5), "lat": round(lat, 5)}
            raise InputError(Fault("route-branches", values=values))
        ways = _Circle(index, number) if is_circle else None
        outward = [end.away if ways is None else ways.outward(end) for end in ends]
        options = _options(ends, outward, left_out)
        if len(ends) > 2:
            block = round_the_block(index, chains, place_of, ends, {option[-2:] for option in options})
            options = [option for option in options if option[-2:] not in block]
        if left_out and any(end.arriving in left_out or end.leaving in left_out for end in ends):
            options = _most(options, [_before(end, place_of, left_out) for end in ends], outward)
        follow.update(_match_place(ends, options, ways))
    return follow


Option = tuple[float, list[float], int, int, int, int]
"""Degrees, both bearings, both ends in order, the end at which one comes and the one at which one goes."""


def _options(ends: list[ChainEnd], outward: list[FloatArray], left_out: set[Arc]) -> list[Option]:
    """Ways in and ways out that may follow each other."""
    options = []
    for i, a in enumerate(ends):
        for j, b in enumerate(ends):
            if i != j and a.arrive and b.leave and a.arriving not in left_out and b.leaving not in left_out:
                turn = turn_deg(outward[i], outward[j])
                if turn <= limit_deg(a, b):
                    pair = sorted([_bearing(outward[i]), _bearing(outward[j])])
                    options.append((round(turn + _penalty(a, b), 6), pair, min(i, j), max(i, j), i, j))
    return options


def _match_place(ends: list[ChainEnd], options: list[Option], circle: _Circle | None) -> Follow:
    """Straightest first, each way in and each way out used once. Ties: by bearing, then by chain."""
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
        follow[ends[i].arriving] = (*ends[j].leaving, way)
    return follow


def _most(options: list[Option], before: list[FloatArray], outward: list[FloatArray]) -> list[Option]:
    """As many options as go together, of the smallest turns; of like ones those that keep to where one came from.

    For cross streets that are driven one way only: what goes straight over them would turn round the block.
    """
    cost = np.full((len(before), len(before)), 1e4)
    for turn, *_, i, j in options:
        cost[i, j] = turn + turn_deg(before[i], outward[j])
    chosen = set(zip(*(side.tolist() for side in linear_sum_assignment(cost)), strict=True))
    return [option for option in options if option[-2:] in chosen]


def _before(end: ChainEnd, starts: dict[Arc, list[ChainEnd]], left_out: set[Arc]) -> FloatArray:
    """Outward direction of the street from which one came to the cross street that arrives at an end."""
    passed: set[Arc] = set()
    while end.leaving in left_out and end.arriving not in passed:
        passed.add(end.arriving)
        comers = [
            e
            for e in starts[end.arriving]
            if e.arrive and e.chain != end.chain and e.arriving not in left_out
        ]
        if len(comers) != 1:
            break
        end = comers[0]
    return end.away


def _bearing(a: FloatArray) -> float:
    return round(math.degrees(math.atan2(a[0], a[1])) % 360.0, 6)


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


def _join(
    index: RoadIndex, chains: list[Chain], follow: Follow, segments: IntArray, left_out: set[Arc]
) -> list[Path]:
    """String chains together as matched; what has no start is a ring."""
    found = []
    for string in strings_of(chains, follow, left_out):
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


def _among(values: IntArray, rising: IntArray) -> BoolArray:
    """Which values are among the rising ones."""
    at = np.minimum(np.searchsorted(rising, values), len(rising) - 1)
    return np.asarray(rising[at] == values)
