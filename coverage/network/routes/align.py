"""From a group of drives to a section: one chainage per direction, counted from the same end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from shapely import LineString

from ..graph import FloatArray
from .groups import Group, Paired
from .index import RoadIndex
from .model import Direction, Drive, FarSides, Section
from .pairing import Match


@dataclass(frozen=True, eq=False)
class Placed:
    """Drives of a section on two axes, +1 and -1, which count from the same end.

    ``start_m`` holds the chainage of each drive's end nearer to the origin; ``knots_m`` (2, k) places
    beside each other, row 0 on axis +1 and row 1 on axis -1, both rising.
    """

    signs: dict[int, int]
    start_m: dict[int, float]
    knots_m: FloatArray


def place(paired: Paired, group: Group) -> tuple[Placed, list[int]]:
    """Put the drives of a group on two axes.

    The longest drive comes first, then what shares most with those placed. A drive that would lie on top of
    another of its own direction is left over (second result) and makes a section of its own.
    """
    length = {k: paired.drives[k].length_m for k in group.signs}
    first = min(group.signs, key=lambda k: (-round(length[k], 3), k))
    signs = {k: sign * group.signs[first] for k, sign in group.signs.items()}
    start = {first: 0.0}
    left: list[int] = []
    knots = np.empty((2, 0))
    while match := _next_match(group.matches, start, left):
        new = match.b if match.a in start else match.a
        at = _start(match, new, signs, start, length, knots)
        fits = _fit(at, new, signs, start, length)
        if fits is None:
            left.append(new)
            continue
        start[new] = fits
        knots = _knots(group.matches, signs, start, length)
    signs = {k: sign for k, sign in signs.items() if k in start}
    return Placed(signs, start, knots), sorted(set(group.signs) - set(start))


def _next_match(matches: list[Match], start: dict[int, float], left: list[int]) -> Match | None:
    """The longest match between a placed and an unplaced drive."""
    open_ = [m for m in matches if (m.a in start) != (m.b in start) and m.a not in left and m.b not in left]
    return max(open_, key=lambda m: (m.s_m[-1] - m.s_m[0], -m.a, -m.b), default=None)


def _local(match: Match, drive: int, signs: dict[int, int], length: dict[int, float]) -> FloatArray:
    """Matched places of one of its drives, counted from that drive's end nearer to the origin."""
    at = match.s_m if drive == match.a else match.t_m
    return at if signs[drive] > 0 else length[drive] - at


def _start(
    match: Match,
    new: int,
    signs: dict[int, int],
    start: dict[int, float],
    length: dict[int, float],
    knots: FloatArray,
) -> float:
    """Where the new drive starts on its axis, from its matched place nearest to the origin."""
    old = match.a if new == match.b else match.b
    x = _local(match, new, signs, length)
    k = int(np.argmin(x))
    y = start[old] + float(_local(match, old, signs, length)[k])
    rows = (0, 1) if signs[old] > 0 else (1, 0)
    return _read(y, knots[rows[0]], knots[rows[1]]) - float(x[k])


def _read(at: float, x: FloatArray, y: FloatArray) -> float:
    if not len(x):
        return at
    return float(np.interp(at, x, y) + min(0.0, at - x[0]) + max(0.0, at - x[-1]))


def _fit(
    at: float, new: int, signs: dict[int, int], start: dict[int, float], length: dict[int, float]
) -> float | None:
    """Shift a drive off those of its own direction; None if it lies on top of one for more than half."""
    size = length[new]
    same = [k for k in start if signs[k] == signs[new]]
    for k in sorted(same, key=lambda k: start[k]):
        overlap = min(at + size, start[k] + length[k]) - max(at, start[k])
        if overlap > 0.5 * min(size, length[k]):
            return None
        if overlap > 0.0:
            at = start[k] + length[k] if at + size / 2 > start[k] + length[k] / 2 else start[k] - size
    clear = all(min(at + size, start[k] + length[k]) - max(at, start[k]) <= 1e-6 for k in same)
    return at if clear else None


def _knots(
    matches: list[Match], signs: dict[int, int], start: dict[int, float], length: dict[int, float]
) -> FloatArray:
    """All matched places on the two axes, both rising."""
    rows = []
    for match in matches:
        if match.a in start and match.b in start:
            plus, minus = (match.a, match.b) if signs[match.a] > 0 else (match.b, match.a)
            rows.append(np.stack([start[k] + _local(match, k, signs, length) for k in (plus, minus)]))
    if not rows:
        return np.empty((2, 0))
    knots = np.concatenate(rows, axis=1)
    knots = knots[:, np.lexsort(knots[::-1])]
    return np.maximum.accumulate(knots, axis=1)


def make_section(
    index: RoadIndex, paired: Paired, placed: Placed, axis: str, *, reverse: bool = False
) -> Section:
    """Turn placed drives into a section that counts from the north (``axis="ns"``) or the east (``"ew"``).

    Rings run forward clockwise.
    """
    ends = {sign: _ends(paired, placed, sign) for sign in (1, -1)}
    flip = _must_flip(index, paired, placed, axis) != reverse
    shift, scale = _origin(placed.knots_m, ends, flip)
    drives = {}
    for sign in (1, -1):
        direction: Direction = "forward" if (sign > 0) != flip else "backward"
        drive = _drive(paired, placed, sign, direction, shift[sign], scale)
        if drive is not None:
            drives[direction] = drive
    knots = np.stack([shift[1] + scale * placed.knots_m[0], shift[-1] + scale * placed.knots_m[1]])
    if flip:
        knots = knots[::-1, ::-1]
    return Section(
        number=0,
        forward=drives.get("forward"),
        backward=drives.get("backward"),
        length_m=float(sum(d.counted_m.sum() for d in drives.values())),
        knots_m=knots,
        axis=_axis(index, drives),
    )


def _ends(paired: Paired, placed: Placed, sign: int) -> tuple[float, float] | None:
    mine = [k for k, s in placed.signs.items() if s == sign]
    if not mine:
        return None
    return min(placed.start_m[k] for k in mine), max(
        placed.start_m[k] + paired.drives[k].length_m for k in mine
    )


def _origin(
    knots: FloatArray, ends: dict[int, tuple[float, float] | None], flip: bool
) -> tuple[dict[int, float], float]:
    """Shift per axis and scale (1 or -1), so that both count up from one end and agree at the first place."""
    scale = -1.0 if flip else 1.0
    at = -1 if flip else 0
    first = {1: float(knots[0, at]), -1: float(knots[1, at])} if knots.shape[1] else {1: 0.0, -1: 0.0}
    behind = [scale * (first[sign] - end[1 if flip else 0]) for sign, end in ends.items() if end is not None]
    return {sign: max(behind) - scale * first[sign] for sign in (1, -1)}, scale


def _must_flip(index: RoadIndex, paired: Paired, placed: Placed, axis: str) -> bool:
    """Whether the origin is at the high end of the axes as placed."""
    longest = max(placed.signs, key=lambda k: (paired.drives[k].length_m, -k))
    path = paired.drives[longest].path
    xy, _ = index.path(path.edges)
    if placed.signs[longest] < 0:
        xy = xy[::-1]
    if path.ring:
        x, y = xy[:, 0] - xy[0, 0], xy[:, 1] - xy[0, 1]
        return bool((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0.0)
    low, high = _end_points(index, paired, placed)
    along = 1 if axis == "ns" else 0
    return bool(high[along] > low[along])


def _end_points(index: RoadIndex, paired: Paired, placed: Placed) -> tuple[FloatArray, FloatArray]:
    """Mercator points at the low and the high end."""
    low = min(placed.signs, key=lambda k: (placed.start_m[k], -placed.signs[k]))
    high = max(placed.signs, key=lambda k: (placed.start_m[k] + paired.drives[k].length_m, placed.signs[k]))
    graph = index.graph
    points = []
    for k, wants_start in ((low, True), (high, False)):
        edges = paired.drives[k].path.edges
        at_start = wants_start == (placed.signs[k] > 0)
        node = graph.edge_u[edges[0]] if at_start else graph.edge_v[edges[-1]]
        points.append(index.node_merc[node])
    return points[0], points[1]


def _drive(
    paired: Paired, placed: Placed, sign: int, direction: Direction, shift: float, scale: float
) -> Drive | None:
    mine = sorted((k for k, s in placed.signs.items() if s == sign), key=lambda k: sign * placed.start_m[k])
    if not mine:
        return None
    from_m, to_m = [], []
    for k in mine:
        at = paired.drives[k].at_m if sign > 0 else paired.drives[k].length_m - paired.drives[k].at_m
        on_axis = shift + scale * (placed.start_m[k] + at)
        from_m.append(on_axis[:-1])
        to_m.append(on_axis[1:])
    return Drive(
        direction=direction,
        edges=np.concatenate([paired.drives[k].path.edges for k in mine]),
        from_m=np.concatenate(from_m),
        to_m=np.concatenate(to_m),
        inferred=np.concatenate([~paired.drives[k].path.own for k in mine]),
        weight=np.concatenate([paired.weight[k] for k in mine]),
        counted_m=np.concatenate([paired.counted_m[k] for k in mine]),
        ring=len(mine) == 1 and paired.drives[mine[0]].path.ring,
        far=_far_sides(paired, mine),
    )


def _far_sides(paired: Paired, mine: list[int]) -> FarSides:
    """Far sides of several drives behind each other."""
    size = [len(paired.drives[k].path.edges) for k in mine]
    first = np.cumsum(size) - size
    return FarSides(
        np.concatenate([paired.far[k].at + start for k, start in zip(mine, first.tolist(), strict=True)]),
        np.concatenate([paired.far[k].edge for k in mine]),
        np.concatenate([paired.far[k].counted_m for k in mine]),
    )


def _axis(index: RoadIndex, drives: dict[Direction, Drive]) -> LineString:
    longest = max(drives.values(), key=lambda d: (d.length_m, d.direction))
    xy = index.lonlat_path(longest.edges)
    if len(xy) == 1:  # all its nodes lie at one place
        xy = np.repeat(xy, 2, axis=0)
    return LineString(xy if longest.direction == "forward" else xy[::-1])
