"""Kilometre marks as the road authority counts them: where they begin, and what the posts say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import shapely

from ...errors import Fault, InputError
from ..geometry import ground_scale, mercator
from ..graph import FloatArray
from ..refs import split_refs
from .index import RoadIndex
from .model import Direction, Drive, Section

MARK_M = 1000.0
"""A kilometre post stands at most this far from its route; further away it is a mistake."""
Side = Literal["north", "south", "east", "west"]
SIDES: Mapping[Side, tuple[str, bool]] = {
    "north": ("ns", False), "south": ("ns", True), "east": ("ew", False), "west": ("ew", True),
}  # fmt: skip
"""Axis of a route and whether it is counted from its other end, by where the marks begin."""


@dataclass(frozen=True)
class Mark:
    """A known kilometre post.

    Attributes
    ----------
    chainage_m : float
        What the post says, metres.
    lon, lat : float
        Where it stands, EPSG:4326.
    """

    chainage_m: float
    lon: float
    lat: float


@dataclass(frozen=True)
class Counting:
    """How the kilometre marks of a route are counted, as far as it is known.

    Attributes
    ----------
    counts_from : str, optional
        The end at which they begin: ``"north"``, ``"south"``, ``"east"`` or ``"west"``.
    start_m : float, optional
        Mark at the start of the route's longest section, metres.
    marks : tuple of Mark
        Posts. Each sets the section that it stands at; of two or more on a section the marks' order says in
        which direction they rise, and the median of what they say holds. Lengths stay as they are measured.
    elsewhere : bool
        Whether the route, or posts, may lie beyond the roads that there are: these are a piece of a country.
    """

    counts_from: Side | None = None
    start_m: float | None = None
    marks: tuple[Mark, ...] = ()
    elsewhere: bool = False


def by_route(counting: Mapping[str, Counting], refs: Sequence[str]) -> dict[str, Counting]:
    """Bring the names of routes to their plain form (``"G 320"`` is ``"G320"``).

    Raises
    ------
    InputError
        If there are no such routes; all of them at once.
    """
    plain = {"".join(split_refs(name)): how for name, how in counting.items()}
    unknown = [n for n, how in counting.items() if "".join(split_refs(n)) not in refs and not how.elsewhere]
    if unknown:
        known = ", ".join(sorted(refs)[:20]) or "-"
        raise InputError([Fault("route-counting-unknown", value=n, values={"known": known}) for n in unknown])
    return plain


def count(index: RoadIndex, ref: str, sections: Sequence[Section], how: Counting) -> list[Section]:
    """Count the chainage of a route's sections as its marks say.

    Parameters
    ----------
    index : RoadIndex
    ref : str
    sections : sequence of Section
        The longest first.
    how : Counting
        ``counts_from`` is not looked at; it is settled when sections are made.

    Raises
    ------
    InputError
        If marks stand further than :data:`MARK_M` from the route; all of them at once.
    """
    found = list(sections)
    at: dict[int, list[Mark]] = {}
    faults = []
    for mark in how.marks:
        number, apart_m = _nearest(index, sections, mark)
        if apart_m > MARK_M and how.elsewhere:
            continue
        if apart_m > MARK_M:
            values = {"km": f"{mark.chainage_m / 1000:g}", "apart": f"{apart_m / 1000:.1f}"}
            faults.append(Fault("route-mark-far", value=ref, values=values))
        at.setdefault(number, []).append(mark)
    if faults:
        raise InputError(faults)
    if how.start_m is not None and found and 0 not in at:
        found[0] = shifted(found[0], how.start_m - min(drive.start_m for drive in found[0].drives))
    for number, marks in at.items():
        found[number] = _set(index, found[number], marks)
    return found


def _nearest(index: RoadIndex, sections: Sequence[Section], mark: Mark) -> tuple[int, float]:
    """Position of the section at which a mark stands, and how far off, metres."""
    apart = [min(_place(index, drive, mark)[1] for drive in section.drives) for section in sections]
    number = int(np.argmin(np.round(apart, 3)))
    return number, apart[number]


def _place(index: RoadIndex, drive: Drive, mark: Mark) -> tuple[float, float]:
    """Chainage of the place on a drive that is nearest to a mark, and metres apart."""
    xy, s_m = index.path(drive.edges)
    line, point = shapely.LineString(xy), shapely.Point(mercator(np.array([mark.lon, mark.lat])))
    drawn = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    driven = float(np.interp(shapely.line_locate_point(line, point), drawn, s_m))
    ends = np.cumsum(np.abs(drive.to_m - drive.from_m))
    k = min(int(np.searchsorted(ends, driven)), len(ends) - 1)
    length = abs(float(drive.to_m[k] - drive.from_m[k]))
    share = (driven - (float(ends[k]) - length)) / length if length > 0 else 0.0
    chainage = float(drive.from_m[k] + min(max(share, 0.0), 1.0) * (drive.to_m[k] - drive.from_m[k]))
    return chainage, float(shapely.distance(line, point) * ground_scale(shapely.get_y(point)))


def _set(index: RoadIndex, section: Section, marks: Sequence[Mark]) -> Section:
    """Turn a section if its marks fall, and shift it to them."""
    said = np.array([mark.chainage_m for mark in marks])
    measured = _measured(index, section, marks)
    if len(marks) > 1 and float(((said - said.mean()) * (measured - measured.mean())).sum()) < 0:
        section = turned(section)
        measured = _measured(index, section, marks)
    return replace(shifted(section, float(np.median(said - measured))), posted=True)


def _measured(index: RoadIndex, section: Section, marks: Sequence[Mark]) -> FloatArray:
    """Chainage at which each mark stands, on the direction nearer to it."""
    places = [[_place(index, drive, mark) for drive in section.drives] for mark in marks]
    return np.array([min(options, key=lambda place: round(place[1], 3))[0] for options in places])


def shifted(section: Section, by_m: float) -> Section:
    """Add to all chainages of a section."""
    move = {
        drive.direction: replace(drive, from_m=drive.from_m + by_m, to_m=drive.to_m + by_m)
        for drive in section.drives
    }
    return replace(
        section,
        forward=move.get("forward"),
        backward=move.get("backward"),
        knots_m=section.knots_m + by_m,
    )


def turned(section: Section) -> Section:
    """Count a section from its other end; both directions agree at the first place that they share."""
    last = section.knots_m[:, -1] if section.knots_m.shape[1] else np.zeros(2)
    ends = {"forward": float(last[0]), "backward": float(last[1])}
    first = max(drive.end_m - ends[drive.direction] for drive in section.drives)
    total = {way: first + end for way, end in ends.items()}
    other: dict[str, Direction] = {"forward": "backward", "backward": "forward"}
    drives = {
        other[d.direction]: replace(
            d,
            direction=other[d.direction],
            from_m=total[d.direction] - d.from_m,
            to_m=total[d.direction] - d.to_m,
        )
        for d in section.drives
    }
    knots = np.stack([total["backward"] - section.knots_m[1], total["forward"] - section.knots_m[0]])
    return replace(
        section,
        forward=drives.get("forward"),
        backward=drives.get("backward"),
        knots_m=knots[:, ::-1],
        axis=section.axis.reverse(),
    )
