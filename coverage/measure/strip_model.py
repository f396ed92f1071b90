"""What a strip chart shows, as data: places and stretches on one straight scale, in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..network.routes import Direction


@dataclass(frozen=True)
class Stretch:
    """Part of a strip: chainage from, to (rising), and what it is (name of a county, ref of a route)."""

    from_m: float
    to_m: float
    name: str = ""


@dataclass(frozen=True)
class Town:
    """A town beside the route; ``weight`` says how important it is (people, where known)."""

    at_m: float
    name: str
    kind: str = ""
    weight: float = 0.0
    away_m: float = 0.0


@dataclass(frozen=True)
class Crossing:
    """Another route that meets this one; ``level`` is False if the roads share no junction (a bridge)."""

    at_m: float
    ref: str
    level: bool = True


@dataclass(frozen=True)
class StripSite:
    """A site that serves a direction.

    Attributes
    ----------
    at_m : float
        Place on the scale of the strip.
    chainage_m : float
        Chainage in its own direction.
    id, name : str
    fast : str
        ``"yes"``, ``"unknown"`` or ``"no"``.
    distance_m : float
        Driving distance from the route; NaN if not known.
    order : int, optional
        Build order of a proposed site.
    counts : bool
        It closes gaps under the rule; others (planned, too weak, outside where only inside counts) are shown.
    """

    at_m: float
    chainage_m: float
    id: str
    name: str
    fast: str = "unknown"
    distance_m: float = float("nan")
    order: int | None = None
    counts: bool = True


@dataclass(frozen=True)
class NearSite:
    """A site near the route that does not serve a direction, and why."""

    at_m: float
    id: str
    name: str
    reason: str


@dataclass(frozen=True)
class StripGap:
    """A gap between sites.

    Attributes
    ----------
    parts : tuple of (float, float)
        Where it lies on the scale, rising; two parts where it runs over the seam of a ring.
    from_m, to_m : float
        Chainage in driving order, as the assessment gives it.
    length_m : float
        Whole length, also beyond the strip.
    spacing_class : str
        ``"good"``, ``"middle"``, ``"gap"``, ``"open"``, ``"no_site"`` or empty.
    open_low, open_high : bool
        The road goes on beyond the data at the low or high end of the scale: at least this long.
    between : bool
        Has a site at both ends.
    own_m : float, optional
        Its part in the region, by which it is judged; the whole if left out.
    gap_id : str
        Its id in layers and tables; empty if it has none.
    """

    parts: tuple[tuple[float, float], ...]
    from_m: float
    to_m: float
    length_m: float
    spacing_class: str = ""
    open_low: bool = False
    open_high: bool = False
    between: bool = True
    own_m: float | None = None
    gap_id: str = ""

    @property
    def judged_m(self) -> float:
        """Length by which it is judged."""
        return self.length_m if self.own_m is None else self.own_m


@dataclass(frozen=True)
class LaneState:
    """Sites and gaps of one direction at one time (as it is, or with the proposed sites)."""

    sites: tuple[StripSite, ...] = ()
    gaps: tuple[StripGap, ...] = ()

    @property
    def mean_gap_m(self) -> float | None:
        """Mean of the gaps between two sites, in the region; None if there are none."""
        lengths = [g.judged_m for g in self.gaps if g.between]
        return float(np.mean(lengths)) if lengths else None

    @property
    def counted(self) -> tuple[StripSite, ...]:
        """Sites that close gaps."""
        return tuple(s for s in self.sites if s.counts)

    @property
    def longest(self) -> StripGap | None:
        """The longest gap in the region, at the ends too; of equal ones the first."""
        return max(self.gaps, key=lambda g: (round(g.judged_m, 3), -g.parts[0][0]), default=None)


@dataclass(frozen=True)
class StripLane:
    """One direction of a strip.

    Attributes
    ----------
    direction : str
        ``"forward"`` (rising chainage) or ``"backward"``.
    towards : str
        Name of what lies at its end: a town, a county, or a text key ``strip.compass.*``.
    length_m : float
        Driven length.
    driven, inferred : tuple of Stretch
        Where there is a road in this direction, and where its number is missing and was bridged.
    before, after : LaneState
        ``after`` is None without a plan.
    near : tuple of NearSite
    """

    direction: Direction
    towards: str
    length_m: float
    driven: tuple[Stretch, ...]
    inferred: tuple[Stretch, ...]
    before: LaneState
    after: LaneState | None = None
    near: tuple[NearSite, ...] = ()


@dataclass(frozen=True)
class StripData:
    """Everything a strip chart shows of one section; all places in metres on one scale.

    The scale is the chainage of the forward direction; the other direction is read on it
    (:meth:`plugspan.network.routes.Section.to_other`).
    """

    key: str
    ref: str
    road_class: str
    section: int
    sections: int
    length_m: float
    start_m: float
    end_m: float
    ring: bool
    ends: tuple[str, str]
    lanes: tuple[StripLane, ...]
    inside: tuple[Stretch, ...]
    towns: tuple[Town, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    shared: tuple[Stretch, ...] = ()
    counties: tuple[Stretch, ...] = ()
    limits_km: tuple[float, float] = (25.0, 40.0)
