"""Routes of a road graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ..graph import FloatArray, IntArray, RoadGraph
from ..refs import GB_T_917, RoadClass, RoadClasses, route_segments
from .align import make_section, place
from .bridges import BRIDGE_M, bridge
from .drives import find_drives
from .groups import Group, Paired, pair_drives
from .index import RoadIndex
from .model import Route, Section


def find_routes(
    graph: RoadGraph,
    classes: RoadClasses = GB_T_917,
    *,
    bridge_m: float = BRIDGE_M,
    reverse_refs: Iterable[str] = (),
) -> list[Route]:
    """Find the routes of the classes in a road graph.

    Parameters
    ----------
    graph : RoadGraph
        Clipped to the region and its halo.
    classes : RoadClasses
        Which road numbers make routes; GB/T 917-2017 by default.
    bridge_m : float
        Breaks in the number up to this length along the road graph are bridged.
    reverse_refs : iterable of str
        Numbers whose chainage counts from the other end.

    Returns
    -------
    list of Route
        Sorted by ref. Kilometre marks count from the north or from the east: by the number where the class
        says so, else by the larger extent of the route; rings count clockwise.

    Notes
    -----
    Nothing depends on how ways are cut, drawn or numbered.
    """
    index = RoadIndex(graph)
    turned = set(reverse_refs)
    routes = []
    for ref, segments in route_segments(graph, classes).items():
        road_class = classes.class_of(ref)
        assert road_class is not None
        routes.append(_route(index, ref, road_class, segments, bridge_m, reverse=ref in turned))
    return routes


def _route(
    index: RoadIndex, ref: str, road_class: RoadClass, segments: IntArray, bridge_m: float, *, reverse: bool
) -> Route:
    paths, aside = find_drives(index, segments)
    paired = pair_drives(index, paths)
    joined = bridge(index, paired, bridge_m)
    if joined is not None:
        paired = pair_drives(index, joined)
    paired = replace(paired, counted_m=_counted_m(index, paired, aside))
    axis = road_class.axis_of(ref) or _longer_extent(index, paired)
    sections = [
        section for group in paired.groups for section in _sections(index, paired, group, axis, reverse)
    ]
    ordered = sorted(sections, key=_order)
    numbered = tuple(
        Section(k, s.forward, s.backward, s.length_m, s.knots_m, s.axis)
        for k, s in enumerate(ordered, start=1)
    )
    return Route(ref, road_class.name, numbered, aside)


def _sections(index: RoadIndex, paired: Paired, group: Group, axis: str, reverse: bool) -> list[Section]:
    """Sections of one group; what can't be placed in it stands alone."""
    placed, left = place(paired, group)
    found = [make_section(index, paired, placed, axis, reverse=reverse)]
    for k in left:
        found += _sections(index, paired, Group({k: 1}, []), axis, reverse)
    return found


def _order(section: Section) -> tuple[float, float, float]:
    """Longest first; of equal ones the northern, then the western."""
    x, y = section.axis.coords[0]
    return (-round(section.length_m, 1), -y, x)


def _longer_extent(index: RoadIndex, paired: Paired) -> str:
    xy: FloatArray = np.concatenate(
        [index.node_merc[index.graph.edge_u[d.path.edges]] for d in paired.drives]
    )
    width, height = xy.max(axis=0) - xy.min(axis=0)
    return "ns" if height >= width else "ew"


def _counted_m(index: RoadIndex, paired: Paired, aside: IntArray) -> list[FloatArray]:
    """Weighted length of each edge of each drive; the first that passes a roundabout takes half its far sides."""
    counted = [w * np.diff(d.at_m) for w, d in zip(paired.weight, paired.drives, strict=True)]
    far = np.bincount(index.roundabout[aside], weights=index.graph.seg_length_m[aside] / 2.0, minlength=1)
    longest_first = sorted(range(len(counted)), key=lambda k: (-round(paired.drives[k].length_m, 3), k))
    for circle in np.flatnonzero(far).tolist():
        for k in longest_first:
            edges = paired.drives[k].path.edges
            ends = index.graph.edge_u[edges], index.graph.edge_v[edges]
            touches = (index.node_roundabout[ends[0]] == circle) | (index.node_roundabout[ends[1]] == circle)
            if touches.any():
                counted[k][int(np.argmax(touches))] += far[circle]
                break
    return counted
