"""Where numbered one-way roads turn right round: there one carriageway ends and the other begins.

Where a dual road ends, its carriageways are often one line that turns round. A node at the turn lets routes tell
the two directions apart. Only the shape counts, so it makes no difference where the ways are cut.
"""

from __future__ import annotations

import numpy as np

from .graph import BoolArray, FloatArray, IntArray

LOOK_M = 40.0
"""Headings are compared so far before and behind a place: turns up to about 80 m long are found."""
TURN_DEG = 150.0
"""A road that turns by more turns right round."""
MOST_STEPS = 40


def u_turns(xy: FloatArray, u: IntArray, v: IntArray, length_m: FloatArray, of_road: BoolArray) -> IntArray:
    """Find the nodes in the middle of hairpin turns.

    Parameters
    ----------
    xy : (n, 2) float64
        Longitude, latitude of the nodes.
    u, v : (s,) int64
        Steps of roads, in driving order where ``of_road``.
    length_m : (s,) float64
    of_road : (s,) bool
        Steps of the one-way roads that are looked at.

    Returns
    -------
    (k,) int64
        Of each turn the node at which half of the turning is done; ties by position. Junctions are left out.
    """
    n = len(xy)
    passes = (np.bincount(u, minlength=n) == 1) & (np.bincount(v, minlength=n) == 1)
    at = np.flatnonzero(of_road)
    leaving, arriving = (np.full(n, -1, dtype=np.int64) for _ in range(2))
    leaving[u[at[passes[u[at]]]]] = at[passes[u[at]]]
    arriving[v[at[passes[v[at]]]]] = at[passes[v[at]]]
    nodes = np.flatnonzero((leaving >= 0) & (arriving >= 0))
    if not len(nodes):
        return nodes
    leg = xy[v] - xy[u]
    heading = np.degrees(np.arctan2(leg[:, 0] * np.cos(np.radians(xy[u, 1])), leg[:, 1]))
    before = _walk(arriving[nodes], arriving, u, length_m)
    behind = _walk(leaving[nodes], leaving, v, length_m)
    bent = np.abs(_turn(heading[before], heading[behind])) >= TURN_DEG
    nodes, before, behind = nodes[bent], before[bent], behind[bent]
    first, second = (
        np.abs(_turn(heading[a], heading[b]))
        for a, b in ((before, leaving[nodes]), (arriving[nodes], behind))
    )
    return _middles(nodes, np.abs(first - second).round(6), leaving, v)


def _walk(step: IntArray, onward: IntArray, end: IntArray, length_m: FloatArray) -> IntArray:
    """The step that lies ``LOOK_M`` on, or the last one before a junction."""
    step, gone = step.copy(), length_m[step].copy()
    for _ in range(MOST_STEPS):
        then = onward[end[step]]
        go = np.flatnonzero((gone < LOOK_M) & (then >= 0))
        if not len(go):
            break
        step[go] = then[go]
        gone[go] += length_m[step[go]]
    return step


def _turn(a_deg: FloatArray, b_deg: FloatArray) -> FloatArray:
    """Turn from one heading to another, -180 … 180 degrees."""
    return np.asarray((b_deg - a_deg + 180.0) % 360.0 - 180.0)


def _middles(nodes: IntArray, uneven: FloatArray, leaving: IntArray, v: IntArray) -> IntArray:
    """Of neighbouring nodes the one with the least ``uneven``."""
    score = dict(zip(nodes.tolist(), uneven.tolist(), strict=True))
    starts = set(score) - {int(v[leaving[node]]) for node in score}
    found, done = [], set()
    for start in [*sorted(starts), *sorted(score)]:
        run = []
        node = start
        while node in score and node not in done:
            done.add(node)
            run.append(node)
            node = int(v[leaving[node]])
        if run:
            found.append(min(run, key=lambda node: (score[node], node)))
    return np.array(sorted(found), dtype=np.int64)
