"""What a route is: sections, each driven in one or two directions, with chainage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from shapely import LineString

from ..graph import BoolArray, FloatArray, IntArray, RoadGraph

Direction = Literal["forward", "backward"]


@dataclass(frozen=True, eq=False)
class FarSides:
    """Sides of roundabouts that bear the number but are driven by nobody who follows it.

    Attributes
    ----------
    at : (f,) int64
        Position, in the edges of the drive, of the edge that touches the roundabout and at which they count.
    edge : (f,) int64
        Directed edge of the road graph.
    counted_m : (f,) float64
        What each adds to the length: half of its own.
    """

    at: IntArray
    edge: IntArray
    counted_m: FloatArray

    @classmethod
    def none(cls) -> FarSides:
        """No far sides."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True, eq=False)
class Drive:
    """One direction of a section.

    Attributes
    ----------
    direction : str
        ``"forward"`` runs with increasing chainage, ``"backward"`` with decreasing.
    edges : (k,) int64
        Directed edges of the road graph, in driving order.
    from_m, to_m : (k,) float64
        Chainage at the start and end of each edge. Where the road number is missing in this direction
        for longer than may be bridged, chainage jumps by the length of the other direction.
    inferred : (k,) bool
        The edge does not bear the road number; it bridges a break.
    weight : (k,) float64
        Share of the edge's length that counts: one half where the other direction has its counterpart.
    counted_m : (k,) float64
        What each edge adds to the length of the section: its weighted length, and at a roundabout also half
        of its far sides.
    far : FarSides
        These far sides, each once in a route.
    ring : bool
        Does the end join the start?
    """

    direction: Direction
    edges: IntArray
    from_m: FloatArray
    to_m: FloatArray
    inferred: BoolArray
    weight: FloatArray
    counted_m: FloatArray
    ring: bool
    far: FarSides = field(default_factory=FarSides.none)

    @cached_property
    def length_m(self) -> float:
        """Driven length, metres."""
        return float(np.abs(self.to_m - self.from_m).sum())

    @cached_property
    def low_m(self) -> FloatArray:
        """(k,) the smaller chainage of each edge."""
        return np.minimum(self.from_m, self.to_m)

    @cached_property
    def high_m(self) -> FloatArray:
        """(k,) the larger chainage of each edge."""
        return np.maximum(self.from_m, self.to_m)

    @property
    def start_m(self) -> float:
        """Smallest chainage."""
        return float(self.low_m.min())

    @property
    def end_m(self) -> float:
        """Largest chainage."""
        return float(self.high_m.max())


@dataclass(frozen=True, eq=False)
class Section:
    """A connected part of a route.

    Attributes
    ----------
    number : int
        From 1; the longest section of a route is 1.
    forward, backward : Drive, optional
        The two directions; one may be missing (a one-way road without a counterpart).
    length_m : float
        Length, each road once: two-way roads and pairs of carriageways count half in each direction.
    knots_m : (2, k) float64
        Places beside each other: row 0 on the forward chainage, row 1 on the backward one, both rising.
    axis : LineString
        The longer direction, EPSG:4326, with rising chainage, for drawing.
    posted : bool
        Its chainage is that of given kilometre posts; else it is measured from an end of the data.
    """

    number: int
    forward: Drive | None
    backward: Drive | None
    length_m: float
    knots_m: FloatArray
    axis: LineString
    posted: bool = False

    @property
    def ring(self) -> bool:
        """Whether a direction closes on itself."""
        return any(drive.ring for drive in self.drives)

    @property
    def drives(self) -> tuple[Drive, ...]:
        """The one or two directions, forward first."""
        return tuple(drive for drive in (self.forward, self.backward) if drive is not None)

    def to_other(self, chainage_m: FloatArray | float, direction: Direction) -> FloatArray:
        """Read chainage of ``direction`` on the other direction: linear between places beside each other.

        Beyond the last known places both directions count on alike.
        """
        x, y = self.knots_m if direction == "forward" else self.knots_m[::-1]
        at = np.asarray(chainage_m, dtype=np.float64)
        if not len(x):
            return at.copy()
        found = np.interp(at, x, y)
        beyond = np.where(at < x[0], at - x[0], 0.0) + np.where(at > x[-1], at - x[-1], 0.0)
        return np.asarray(found + beyond, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class ParallelCarriageway:
    """A carriageway beside the road that bears its number too (express and local lanes, a second tunnel tube).

    Attributes
    ----------
    section : int
        Number of the section beside which it runs.
    direction : str
        Direction of that section in which it is driven.
    edges : (k,) int64
        Directed edges of the road graph, in driving order.
    leave_m : (k + 1,) float64
        Chainage at which one leaves the road for the start of each edge, and for its end.
    to_m : float
        Chainage at which one comes back.
    length_m : float
        Its own length; it adds nothing to the route's.
    """

    section: int
    direction: Direction
    edges: IntArray
    leave_m: FloatArray
    to_m: float
    length_m: float

    @property
    def from_m(self) -> float:
        """Chainage at which one leaves the road for its start."""
        return float(self.leave_m[0])


@dataclass(frozen=True, eq=False, repr=False)
class Route:
    """All roads that bear one number.

    Attributes
    ----------
    ref : str
        The number, without spaces.
    road_class : str
        Name of its class.
    sections : tuple of Section
        Longest first.
    left_out : (k,) int64
        Segments with the number that nobody drives who follows it: the far sides of roundabouts. They count
        half in the section that passes there.
    parallel : tuple of ParallelCarriageway
        Carriageways beside the road, by section, direction, and chainage; in no length of the route.
    """

    ref: str
    road_class: str
    sections: tuple[Section, ...]
    left_out: IntArray
    parallel: tuple[ParallelCarriageway, ...] = ()

    def __repr__(self) -> str:
        """Number, class and length."""
        n = len(self.sections)
        return f"<Route {self.ref} ({self.road_class}): {self.length_m / 1000:.1f} km in {n} sections>"

    @property
    def length_m(self) -> float:
        """Length of all sections, metres."""
        return float(sum(section.length_m for section in self.sections))


DriveKey = tuple[str, int, str]
"""Road number, number of the section, direction."""


def each_drive(routes: Iterable[Route]) -> Iterator[tuple[Route, Section, Drive]]:
    """Go through all directions in the order of routes and sections, forward first."""
    return (
        (route, section, drive) for route in routes for section in route.sections for drive in section.drives
    )


def drives_by_key(routes: Iterable[Route]) -> dict[DriveKey, Drive]:
    """Drives by road number, section and direction, in the order of :func:`each_drive`."""
    return {
        (route.ref, section.number, drive.direction): drive for route, section, drive in each_drive(routes)
    }


# -- lengths of networks of routes -----------------------------------------------------------------------


def edge_weight(graph: RoadGraph, routes: Iterable[Route]) -> FloatArray:
    """Share of each directed edge's length that counts in the network of some routes.

    Parameters
    ----------
    graph : RoadGraph
    routes : iterable of Route

    Returns
    -------
    (m,) float64
        0 for edges of no route, one half for a direction whose other direction is on another edge (of the same
        road or of another carriageway) and for far sides of roundabouts, 1 where there is no other direction.
        Of several routes on one edge the smallest weight holds: who knows of both directions knows more.
    """
    lowest = np.full(len(graph.edge_u), np.inf)
    for route in routes:
        for section in route.sections:
            for drive in section.drives:
                np.minimum.at(lowest, drive.edges, drive.weight)
                np.minimum.at(lowest, drive.far.edge, 0.5)
    return np.where(np.isfinite(lowest), lowest, 0.0)


def segment_weight(graph: RoadGraph, routes: Iterable[Route]) -> FloatArray:
    """(s,) share of each segment's length that counts: the sum over its directed edges; see :func:`edge_weight`."""
    found = np.zeros(graph.n_segments)
    np.add.at(found, graph.edge_segment, edge_weight(graph, routes))
    return found


def network_length_m(graph: RoadGraph, routes: Iterable[Route]) -> float:
    """Length of all roads of some routes, metres, each road once."""
    return float((edge_weight(graph, routes) * graph.edge_length_m).sum())
