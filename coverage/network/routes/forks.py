"""Forks: where the arcs of a road number part and meet, which lead on and which go on."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from ..geometry import ground_scale
from ..graph import FloatArray, IntArray
from .chains import Arc, Chain, ChainEnd, limit_deg, turn_deg
from .index import RoadIndex

CROSS_STREET_M = 1000.0
"""A two-way street up to this long that closes a one-way pair is driven one way only."""
STUB_M, STUB_RATIO = 500.0, 3.0
"""A one-way piece up to this long that ends at a drive is left for another drive that is 3 times as long."""
Follow = dict[Arc, tuple[int, int, IntArray]]
"""Arc -> the arc that one goes on along, and the roundabout edges between."""
Place = tuple[int, int]
"""(1, roundabout) or (0, node)."""


def strings_of(chains: list[Chain], follow: Follow, left_out: set[Arc]) -> list[list[Arc]]:
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


# -- one-way pairs that a cross street closes ----------------------------------------------------------------


Door = tuple[Arc | None, Arc | None, ChainEnd]
"""The arc by which one comes to a place at an end of a chain, and the one by which one goes."""


def closing_streets(index: RoadIndex, chains: list[Chain], places: dict[Place, list[ChainEnd]]) -> set[Arc]:
    """Directions of two-way cross streets that nobody drives who follows the number.

    A street joins the two one-way streets of a pair. One direction of traffic needs it. The other would come to
    where the pair's other street only arrives, and turns off before; or it would come from where that only leaves,
    which is the same seen against the traffic.
    """
    if all(chain.two_way for chain in chains):
        return set()
    with_it: list[list[Door]] = [
        [(e.arriving if e.arrive else None, e.leaving if e.leave else None, e) for e in ends]
        for ends in places.values()
    ]
    against_it: list[list[Door]] = [[(go, come, e) for come, go, e in doors] for doors in with_it]
    blind = [_blind(chains, way) for way in (with_it, against_it)]
    found: set[Arc] = set()
    for way, arcs in zip((with_it, against_it), blind, strict=True):
        near = _to_a_one_way_street(index, chains, way, blind[0] | blind[1]) if arcs else set()
        for run in _runs_of(arcs, way):
            length = sum(_length_m(index, chains, arc) for arc in run)
            if length <= CROSS_STREET_M and _turns_off(run, way, blind[0] | blind[1], near):
                found |= run
    return found


def _length_m(index: RoadIndex, chains: list[Chain], arc: Arc) -> float:
    return float(index.graph.edge_length_m[chains[arc[0]].edges].sum())


def _blind(chains: list[Chain], way: list[list[Door]]) -> set[Arc]:
    """Arcs of two-way chains that end where others come and none goes on."""
    blind: set[Arc] = set()
    size = -1
    while len(blind) > size:
        size = len(blind)
        for doors in way:
            for arc, _, end in doors:
                if arc is not None and chains[end.chain].two_way:
                    go = {go for _, go, e in doors if e is not end} - {None}
                    come = {come for come, _, e in doors if e is not end} - {None}
                    if go <= blind and not come <= blind:
                        blind.add(arc)
    return blind


def _runs_of(arcs: set[Arc], way: list[list[Door]]) -> list[set[Arc]]:
    """Arcs that follow each other, together."""
    run_of = {arc: {arc} for arc in arcs}
    for doors in way:
        ins, outs = ([arc for door in doors if (arc := door[k]) in run_of] for k in (0, 1))
        for a, b in ((a, b) for a in ins for b in outs if run_of[a] is not run_of[b]):
            run_of[a] |= run_of[b]
            for arc in run_of[b]:
                run_of[arc] = run_of[a]
    return [run for arc, run in sorted(run_of.items()) if arc == min(run)]


def _to_a_one_way_street(
    index: RoadIndex, chains: list[Chain], way: list[list[Door]], useless: set[Arc]
) -> set[Arc]:
    """Arcs that are one-way streets or lead to one within ``CROSS_STREET_M``."""
    ahead_m = {
        go: 0.0 for doors in way for _, go, e in doors if go is not None and not chains[e.chain].two_way
    }
    size = -1
    while len(ahead_m) > size:
        size = len(ahead_m)
        for doors in way:
            on = [(ahead_m[go], e) for _, go, e in doors if go in ahead_m and go not in useless]
            for come, _, end in doors:
                left = [m for m, e in on if e is not end]
                if come is not None and come not in useless and left:
                    reach = _length_m(index, chains, come) + min(left)
                    if reach <= min(CROSS_STREET_M, ahead_m.get(come, math.inf)):
                        ahead_m[come] = reach
    return set(ahead_m)


def _turns_off(run: set[Arc], way: list[list[Door]], useless: set[Arc], near: set[Arc]) -> bool:
    """Whether all who come to where the run begins can go to a one-way street instead."""
    streets = {c for c, _ in run}
    for doors in way:
        if any(go in run for _, go, _ in doors):
            others = [door for door in doors if door[2].chain not in streets]
            comers = [e for come, _, e in others if come is not None and come not in useless]
            turns = [e for _, go, e in others if go in near]
            if turns and all(
                any(a is not b and turn_deg(a.away, b.away) <= limit_deg(a, b) for b in turns) for a in comers
            ):
                return True
    return False


def round_the_block(
    index: RoadIndex,
    chains: list[Chain],
    place_of: dict[Arc, list[ChainEnd]],
    ends: list[ChainEnd],
    options: set[tuple[int, int]],
) -> set[tuple[int, int]]:
    """Ways straight over a cross street from one street of a pair to the other, where both could take another road.

    A two-way road that meets the middle of a one-way cross street turns onto it. What tells this from a carriageway
    that passes the end of a two-way road: the streets lie beside each other further on.

    Parameters
    ----------
    place_of : mapping
        By the end of a chain (its leaving arc), all ends at that place.
    ends, options
        Ends of chains at one place, and which may be followed by which: positions in ``ends``.
    """
    found = set()
    for i, j in options:
        other = {k for k in range(len(ends)) if k not in (i, j) and (i, k) in options and (k, j) in options}
        if other and not (chains[ends[i].chain].two_way or chains[ends[j].chain].two_way):
            (here, here_m), (there, there_m) = (_further_on(index, chains, place_of, ends[k]) for k in (i, j))
            apart_m = float(np.hypot(*(here - there)) * ground_scale(here[1]))
            if apart_m < 0.5 * (here_m + there_m):
                found.add((i, j))
    return found


def _further_on(
    index: RoadIndex, chains: list[Chain], place_of: dict[Arc, list[ChainEnd]], end: ChainEnd
) -> tuple[FloatArray, float]:
    """Mercator point up to ``CROSS_STREET_M`` along a one-way street up to where others join, and how far that is."""
    passed: set[int] = set()
    walked_m = 0.0
    while True:
        passed.add(end.chain)
        ((xy, s_m),) = index.paths([chains[end.chain].edges])
        if end.last:
            xy, s_m = xy[::-1], s_m[-1] - s_m[::-1]
        left_m = min(CROSS_STREET_M - walked_m, float(s_m[-1]))
        point = np.array([np.interp(left_m, s_m, xy[:, 0]), np.interp(left_m, s_m, xy[:, 1])])
        walked_m += left_m
        on = [
            e for e in place_of[(end.chain, 1 - end.last)] if (e.chain, e.last) != (end.chain, 1 - end.last)
        ]
        one_way_on = len(on) == 1 and (on[0].arrive, on[0].leave) == (end.arrive, end.leave)
        if walked_m >= CROSS_STREET_M or not one_way_on or on[0].chain in passed:
            return point, walked_m
        end = on[0]


# -- one-way pieces that lead nowhere ------------------------------------------------------------------------


def leave_stubs(
    index: RoadIndex,
    chains: list[Chain],
    places: dict[Place, list[ChainEnd]],
    follow: Follow,
    left_out: set[Arc],
) -> None:
    """Turn off with the number where straight on lies a short one-way piece that ends at a drive, or at its own.

    So do cross streets of two carriageways that close a one-way pair, and the way round the block. Pieces that begin
    at a drive are the same seen against the traffic.
    """
    none = np.empty(0, dtype=np.int64)
    for _ in range(len(chains)):
        strings = strings_of(chains, follow, left_out)
        found = [
            stub
            for ahead in (True, False)
            for stub in _stubs(index, chains, places, strings, follow, ahead=ahead)
        ]
        if not found:
            break
        _, _, ahead, road, stub, other = min(found, key=lambda option: option[:3])
        if ahead:
            follow[road] = (*other, none)
        else:
            del follow[stub]
            follow[other] = (*road, none)


Stub = tuple[float, list[float], bool, Arc, Arc, Arc]
"""Its length, where it is, the side it hangs on, the arc of the road at it, its own there, and that to join instead."""


def _stubs(
    index: RoadIndex,
    chains: list[Chain],
    places: dict[Place, list[ChainEnd]],
    strings: list[list[Arc]],
    follow: Follow,
    *,
    ahead: bool,
) -> Iterator[Stub]:
    """One-way ends (or beginnings) of drives at a place that a drive passes, with a longer drive at their root."""
    here = [(place, e) for place, ends in places.items() for e in ends]
    root = {(e.leaving if ahead else e.arriving): (place, e) for place, e in here}
    tip = {(e.arriving if ahead else e.leaving): (place, e) for place, e in here}
    passed = {root[arc][0] for string in strings for arc in (string[1:] if ahead else string[:-1])}
    open_ = [string if ahead else string[::-1] for string in strings if string[-1] not in follow]
    at_root: dict[Place, list[list[Arc]]] = defaultdict(list)
    for string in open_:
        at_root[root[string[0]][0]].append(string)
    for string in open_:
        if tip[string[-1]][0] not in passed:
            continue
        length = 0.0
        for arc, before in zip(string[:0:-1], string[-2::-1], strict=True):
            length += _length_m(index, chains, arc)
            if chains[arc[0]].two_way or length > STUB_M:
                break
            place, end = root[arc]
            for other in at_root[place] if not place[0] else ():
                first, last = root[other[0]][1], tip[before][1]
                long = sum(_length_m(index, chains, a) for a in other) >= STUB_RATIO * length
                one_way = not chains[other[0][0]].two_way
                if (
                    other is not string
                    and long
                    and one_way
                    and turn_deg(last.away, first.away) <= limit_deg(last, first)
                ):
                    yield round(length, 3), end.look_xy.round(1).tolist(), ahead, before, arc, other[0]


# -- carriageways that part and meet again -------------------------------------------------------------------


def keep_on(
    chains: list[Chain], places: dict[Place, list[ChainEnd]], follow: Follow, left_out: set[Arc]
) -> None:
    """Where carriageways meet that parted before, let that one go on to which one came straight on.

    A drive that ends where another passes, and that other one begins where the first passes: they change tails. So
    do the drives the other way round of two-way roads, lest the two directions take different roads.
    """
    none = np.empty(0, dtype=np.int64)
    for _ in range(len(chains)):
        tails = _better_tails(chains, strings_of(chains, follow, left_out), places, follow)
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
    start = {e.leaving: place for place, ends in places.items() for e in ends if e.leave}
    at = {arc: (k, i) for k, string in enumerate(strings) for i, arc in enumerate(string)}
    found: list[tuple[float, list[float], tuple[Arc, Arc, Arc]]] = []
    for (is_circle, _), ends in places.items():
        for a in (
            e for e in ends if not is_circle and e.arrive and e.arriving in at and e.arriving not in follow
        ):
            mine, _ = at[a.arriving]
            passed = {start[arc]: i for i, arc in enumerate(strings[mine]) if i}
            for b in (e for e in ends if e.arrive and e.arriving in follow):
                onward = follow[b.arriving][:2]
                other, before = at[b.arriving]
                ring = strings[other][-1] in follow
                fork = passed.get(start[strings[other][0]], -1)
                leave = next(e for e in ends if e.leave and e.leaving == onward)
                turn = turn_deg(a.away, leave.away)
                onward_fork = not ring and fork > (before if other == mine else 0)
                tails = (a.arriving, b.arriving, onward)
                both = followed.get(_back(b.arriving)) == _back(onward) and _back(a.arriving) not in followed
                if onward_fork and turn <= limit_deg(a, leave) and (both or not _two_way(chains, tails)):
                    where = np.concatenate([a.look_xy, leave.look_xy]).round(1).tolist()
                    found.append((round(turn, 6), where, tails))
    return min(found)[2] if found else None
