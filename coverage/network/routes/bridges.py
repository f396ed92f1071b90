"""Breaks: stretches without the road number (often in towns), bridged along the road graph."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import cKDTree

from ...errors import Fault, InputError
from ...units import GEOD, M_PER_KM
from ..geometry import earth_centred, ground_scale
from ..graph import FloatArray, IntArray
from .align import Placed, place
from .chains import LOOK_M
from .drives import Path
from .groups import Group, Paired
from .index import RoadIndex

BRIDGE_M = 2000.0
"""Longest break that is bridged, metres along the road."""
DETOUR, DETOUR_SLACK_M = 3.0, 300.0
"""A way longer than 3 x the straight line + 300 m is not the road going on."""
NEAR_M, MAX_AWAY_DEG, RING_AWAY_DEG = 300.0, 120.0, 75.0
"""Over more than ``NEAR_M`` the other side must lie ahead, not behind; to close a ring, well ahead."""
CLOSE_M = 150.0
"""An end so close to another section is no break: the number goes on there."""
RING_RATIO = 10.0
"""A ring is closed only if it is that many times longer than the break."""
MOST_PAIRS = 1_000_000
"""So many pairs of ends of one number are looked at (5 s); 700 loose pieces close together have them."""


@dataclass(frozen=True)
class Terminal:
    """Where a direction of a section starts or ends.

    ``end`` is 0 at the low and 1 at the high end of the section as placed; ``out`` says whether one leaves
    the section here (the drive ends) or enters it (the drive starts).
    """

    group: int
    end: int
    out: bool
    drive: int
    node: int


@dataclass(frozen=True)
class Gap:
    """A break that can be bridged: the drive before, the drive after, the way between."""

    before: Terminal
    after: Terminal
    way: tuple[int, ...]
    length_m: float


def bridge(index: RoadIndex, paired: Paired, bridge_m: float, ref: str = "") -> list[Path] | None:
    """Join drives over breaks up to ``bridge_m``.

    A break lies between free ends: not where a spur starts from another part of the route. The way between
    runs on none of the route's own roads. The shortest breaks go first; each end is joined once; the two
    directions of a break are bridged each on its own way, and one suffices.

    Returns
    -------
    list of Path or None
        All drives with bridges put in, or None if there is nothing to bridge.

    Raises
    ------
    InputError
        If more than :data:`MOST_PAIRS` ends lie that close together; it names the road number ``ref``.
    """
    placed = [(g, place(paired, group)[0]) for g, group in enumerate(paired.groups)]
    terminals = [t for g, p in placed for t in _terminals(index, paired, g, p)]
    holes = [pair for _, p in placed for pair in _holes(index, paired, p)]
    free = _free(index, paired, terminals)
    ways = _Ways(index, paired, bridge_m)
    gaps = _choose(ways, free, ref) + [gap for pair in holes if (gap := ways.between(*pair)) is not None]
    return _joined(paired, gaps) if gaps else None


def _terminals(index: RoadIndex, paired: Paired, g: int, placed: Placed) -> list[Terminal]:
    """The outermost ends of both directions; a ring has none."""
    found = []
    for sign in (1, -1):
        mine = [k for k, s in placed.signs.items() if s == sign and not paired.drives[k].path.ring]
        if mine:
            low = min(mine, key=lambda k: placed.start_m[k])
            high = max(mine, key=lambda k: placed.start_m[k] + paired.drives[k].length_m)
            found += [
                _terminal(index, paired, g, low, 0, out=sign < 0),
                _terminal(index, paired, g, high, 1, out=sign > 0),
            ]
    return found


def _terminal(index: RoadIndex, paired: Paired, g: int, drive: int, end: int, *, out: bool) -> Terminal:
    edges = paired.drives[drive].path.edges
    node = index.graph.edge_v[edges[-1]] if out else index.graph.edge_u[edges[0]]
    return Terminal(g, end, out, drive, int(node))


def _holes(index: RoadIndex, paired: Paired, placed: Placed) -> list[tuple[Terminal, Terminal]]:
    """Breaks in one direction only: between neighbouring drives of the same direction."""
    found = []
    for sign in (1, -1):
        mine = sorted(
            (k for k, s in placed.signs.items() if s == sign), key=lambda k: sign * placed.start_m[k]
        )
        for a, b in zip(mine[:-1], mine[1:], strict=True):
            found.append(
                (_terminal(index, paired, -1, a, 1, out=True), _terminal(index, paired, -1, b, 0, out=False))
            )
    return found


def _free(index: RoadIndex, paired: Paired, terminals: list[Terminal]) -> list[Terminal]:
    """Keep the ends where no other section of the route passes, at the node or close by.

    A roundabout is one place. Ramps without the number often part an end from the road it leads to.
    """
    groups_at: dict[tuple[bool, int], set[int]] = defaultdict(set)
    for g, group in enumerate(paired.groups):
        for k in group.signs:
            edges = paired.drives[k].path.edges
            nodes = np.append(index.graph.edge_u[edges], index.graph.edge_v[edges[-1:]])
            for node in np.unique(nodes).tolist():
                groups_at[_place(index, node)].add(g)
    alone = [t for t in terminals if groups_at[_place(index, t.node)] <= {t.group}]
    taken = _beside_others(index, paired, alone) if len(paired.groups) > 1 else set()
    return [t for t in alone if (t.group, t.end) not in taken]


def _beside_others(index: RoadIndex, paired: Paired, terminals: list[Terminal]) -> set[tuple[int, int]]:
    """Ends of sections within ``CLOSE_M`` of another section, not counting that one's own ends."""
    group_of = {k: g for g, group in enumerate(paired.groups) for k in group.signs}
    paths = [index.path(drive.path.edges)[0] for drive in paired.drives]
    lines = np.array([shapely.LineString(xy) for xy in paths])
    xy = index.node_merc[[t.node for t in terminals]]
    scale = ground_scale(xy[:, 1])
    points = np.atleast_1d(np.asarray(shapely.points(xy), dtype=object))
    which, near = shapely.STRtree(lines).query(points, predicate="dwithin", distance=CLOSE_M / scale)
    along = shapely.line_locate_point(lines[near], points[which])
    left = np.minimum(along, shapely.length(lines[near]) - along) * scale[which]
    return {
        (terminals[i].group, terminals[i].end)
        for i, k, inner in zip(which.tolist(), near.tolist(), (left > NEAR_M).tolist(), strict=True)
        if inner and group_of[k] != terminals[i].group
    }


def _place(index: RoadIndex, node: int) -> tuple[bool, int]:
    circle = int(index.node_roundabout[node])
    return (True, circle) if circle >= 0 else (False, node)


class _Ways:
    """Bounded shortest ways off the route's own roads."""

    def __init__(self, index: RoadIndex, paired: Paired, limit_m: float) -> None:
        self.index, self.paired, self.limit_m = index, paired, limit_m
        driven = np.concatenate([drive.path.edges for drive in paired.drives])
        self.own = set(index.graph.edge_segment[driven].tolist())
        self._headings: dict[tuple[int, bool], FloatArray] = {}

    def between(self, before: Terminal, after: Terminal) -> Gap | None:
        """Return the way from where one drive ends to where another starts, if there is a sensible one."""
        apart = _apart_m(self.index, before.node, after.node)
        if apart > self.limit_m or not self._ahead(before, after, apart):
            return None
        found = self._way(before.node, after.node)
        if found is None or found[1] > DETOUR * apart + DETOUR_SLACK_M:
            return None
        if before.drive == after.drive and not self._closes(before, found[1]):
            return None
        return Gap(before, after, *found)

    def _closes(self, before: Terminal, length_m: float) -> bool:
        return RING_RATIO * length_m <= self.paired.drives[before.drive].length_m

    def _ahead(self, before: Terminal, after: Terminal, apart_m: float) -> bool:
        """Whether the road goes on towards the other side, on both sides."""
        ring = before.drive == after.drive
        if apart_m <= NEAR_M and not ring:
            return True
        to = self.index.node_merc[after.node] - self.index.node_merc[before.node]
        limit = np.cos(np.radians(RING_AWAY_DEG if ring else MAX_AWAY_DEG))
        for heading in (self._heading(before), self._heading(after)):
            size = float(np.hypot(*to) * np.hypot(*heading))
            if size > 0 and float(to @ heading) < limit * size:
                return False
        return True

    def _heading(self, terminal: Terminal) -> FloatArray:
        """Direction of driving over the last, or first, ``LOOK_M`` of a drive."""
        key = (terminal.drive, terminal.out)
        if key not in self._headings:
            xy, s_m = self.index.path(self.paired.drives[terminal.drive].path.edges)
            at = np.array([s_m[-1] - LOOK_M, s_m[-1]] if terminal.out else [0.0, LOOK_M])
            x, y = np.interp(at, s_m, xy[:, 0]), np.interp(at, s_m, xy[:, 1])
            self._headings[key] = np.array([x[1] - x[0], y[1] - y[0]])
        return self._headings[key]

    def _way(self, start: int, goal: int) -> tuple[tuple[int, ...], float] | None:
        """Dijkstra from ``start`` to ``goal`` within the limit, as edges and length. Ties: by edge id."""
        graph, index = self.index.graph, self.index
        best = {start: 0.0}
        came: dict[int, int] = {}
        queue: list[tuple[float, int, int]] = [(0.0, -1, start)]
        while queue:
            length, edge, node = heapq.heappop(queue)
            if length > best[node] or (edge >= 0 and came.get(node, edge) != edge):
                continue
            if node == goal:
                return _traced(came, graph.edge_u, start, goal), length
            for out in index.out_edge[index.out_ptr[node] : index.out_ptr[node + 1]].tolist():
                reach, to = length + float(graph.edge_length_m[out]), int(graph.edge_v[out])
                if (
                    reach <= self.limit_m
                    and int(graph.edge_segment[out]) not in self.own
                    and reach < best.get(to, np.inf)
                ):
                    best[to], came[to] = reach, out
                    heapq.heappush(queue, (reach, out, to))
        return None


def _traced(came: dict[int, int], edge_u: IntArray, start: int, goal: int) -> tuple[int, ...]:
    way: list[int] = []
    node = goal
    while node != start:
        way.append(came[node])
        node = int(edge_u[came[node]])
    return tuple(reversed(way))


def _apart_m(index: RoadIndex, a: int, b: int) -> float:
    (lon_a, lat_a), (lon_b, lat_b) = index.graph.node_xy[a], index.graph.node_xy[b]
    return float(GEOD.inv(lon_a, lat_a, lon_b, lat_b)[2])


def _choose(ways: _Ways, free: list[Terminal], ref: str) -> list[Gap]:
    """Breaks between section ends, shortest first; each end once, with one way per direction."""
    at: dict[tuple[int, int], dict[bool, Terminal]] = defaultdict(dict)
    for t in free:
        at[(t.group, t.end)][t.out] = t
    options: list[tuple[float, tuple[int, int], tuple[int, int], list[Gap]]] = []
    for a, b in _neighbours(ways, free, ref):
        gaps = [gap for x, y in ((a, b), (b, a)) if (gap := _one_way(ways, at[x], at[y])) is not None]
        if gaps:
            options.append((round(min(gap.length_m for gap in gaps), 3), a, b, gaps))
    used: set[tuple[int, int]] = set()
    chosen: list[Gap] = []
    for _, a, b, gaps in sorted(options, key=lambda option: option[:3]):
        if a not in used and b not in used:
            used |= {a, b}
            chosen += gaps
    return chosen


def _neighbours(ways: _Ways, free: list[Terminal], ref: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs of section ends within the limit in a straight line, each pair once."""
    if len(free) < 2:
        return []
    place = ways.index.graph.node_xy[[t.node for t in free]]
    tree = cKDTree(earth_centred(place).T)
    if tree.count_neighbors(tree, ways.limit_m + 1.0) > 2 * MOST_PAIRS + len(free):
        lon, lat = np.median(place, axis=0).tolist()
        values = {"n": len(free), "km": ways.limit_m / M_PER_KM, "lon": round(lon, 5), "lat": round(lat, 5)}
        raise InputError(Fault("route-loose-ends", value=ref, values=values))
    near = tree.query_pairs(ways.limit_m + 1.0, output_type="ndarray")
    ends = [(t.group, t.end) for t in free]
    pairs = {(min(ends[i], ends[j]), max(ends[i], ends[j])) for i, j in near.tolist()}
    return sorted(pair for pair in pairs if pair[0] != pair[1])


def _one_way(ways: _Ways, x: dict[bool, Terminal], y: dict[bool, Terminal]) -> Gap | None:
    """The way out of end x into end y."""
    if True not in x or False not in y:
        return None
    if x[True].group == y[False].group and x[True].drive != y[False].drive:
        return None
    return ways.between(x[True], y[False])


def _joined(paired: Paired, gaps: list[Gap]) -> list[Path]:
    """Rebuild the drives with the bridges between them."""
    after = {gap.before.drive: gap for gap in gaps}
    starts_free = set(range(len(paired.drives))) - {gap.after.drive for gap in gaps}
    found, done = [], set()
    for first in [*sorted(starts_free), *range(len(paired.drives))]:
        if first in done:
            continue
        edges: list[IntArray] = []
        own: list[FloatArray] = []
        drive, closed = first, False
        while drive not in done:
            done.add(drive)
            path = paired.drives[drive].path
            edges.append(path.edges)
            own.append(path.own.astype(float))
            closed = path.ring
            if drive in after:
                way = np.array(after[drive].way, dtype=np.int64)
                edges.append(way)
                own.append(np.zeros(len(way)))
                drive = after[drive].after.drive
                closed = drive == first
        found.append(Path(np.concatenate(edges), np.concatenate(own).astype(bool), closed))
    return found


__all__ = ["BRIDGE_M", "Group", "bridge"]
