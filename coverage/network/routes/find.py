"""Routes of a road graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from ..graph import BoolArray, FloatArray, IntArray, RoadGraph
from ..refs import GB_T_917, RoadClass, RoadClasses, route_segments
from .align import make_section, place
from .bridges import BRIDGE_M, bridge
from .drives import find_drives
from .groups import Group, Paired, pair_drives
from .index import RoadIndex
from .kilometre_posts import SIDES, Counting, by_route, count
from .model import FarSides, Route, Section
from .parallel import locate_beside, part


def find_routes(
    graph: RoadGraph,
    classes: RoadClasses = GB_T_917,
    *,
    bridge_m: float = BRIDGE_M,
    reverse_refs: Iterable[str] = (),
    counting: Mapping[str, Counting] | None = None,
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
    counting : mapping, optional
        Number -> where its kilometre marks begin, and known posts; goes before everything else.

    Returns
    -------
    list of Route
        Sorted by ref. Kilometre marks count from the north or from the east: by the number where the class
        says so, else by the larger extent of the route; rings count clockwise.

    Raises
    ------
    InputError
        If ``counting`` names routes that are not there, or posts that stand far from their route.

    Notes
    -----
    Nothing depends on how ways are cut, drawn or numbered.
    """
    index = RoadIndex(graph)
    turned = set(reverse_refs)
    found = route_segments(graph, classes)
    how = by_route(counting or {}, list(found))
    routes = []
    for ref, segments in found.items():
        road_class = classes.class_of(ref)
        assert road_class is not None
        route = _route(index, ref, road_class, segments, bridge_m, how.get(ref), reverse=ref in turned)
        if route.sections:
            routes.append(route)
    return routes


def _route(
    index: RoadIndex,
    ref: str,
    road_class: RoadClass,
    segments: IntArray,
    bridge_m: float,
    how: Counting | None,
    *,
    reverse: bool,
) -> Route:
    paths, left_out = find_drives(index, segments)
    paths, beside = part(index, paths)
    paired = pair_drives(index, paths)
    joined = bridge(index, paired, bridge_m, ref)
    if joined is not None:
        paired = pair_drives(index, joined)
    paired = _with_lengths(index, paired, left_out)
    axis = road_class.axis_of(ref) or _longer_extent(index, paired)
    if how is not None and how.counts_from is not None:
        axis, reverse = SIDES[how.counts_from]
    made = (section for group in paired.groups for section in _sections(index, paired, group, axis, reverse))
    # Damaged files hold roads whose nodes all lie at one place: nothing is driven on them.
    sections = sorted((section for section in made if section.length_m > 0.0), key=_order)
    counted = sections if how is None or not sections else count(index, ref, sections, how)
    numbered = tuple(replace(section, number=k) for k, section in enumerate(counted, start=1))
    return Route(ref, road_class.name, numbered, left_out, locate_beside(index, numbered, beside))


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


def _with_lengths(index: RoadIndex, paired: Paired, left_out: IntArray) -> Paired:
    """Work out what each edge of each drive adds to the length.

    The first drive that passes a roundabout, the longest first, takes half of its far sides.
    """
    counted = [w * np.diff(d.at_m) for w, d in zip(paired.weight, paired.drives, strict=True)]
    far = [FarSides.none() for _ in counted]
    longest_first = sorted(range(len(counted)), key=lambda k: (-round(paired.drives[k].length_m, 3), k))
    for circle in np.unique(index.roundabout[left_out]).tolist():
        segments = left_out[index.roundabout[left_out] == circle]
        half_m = index.graph.seg_length_m[segments] / 2.0
        for k in longest_first:
            touches = _touches(index, paired.drives[k].path.edges, circle)
            if touches.any():
                at = int(np.argmax(touches))
                counted[k][at] += float(half_m.sum())
                where = np.full(len(segments), at, dtype=np.int64)
                parts = zip(
                    (far[k].at, far[k].edge, far[k].counted_m),
                    (where, _an_edge(index, segments), half_m),
                    strict=True,
                )
                far[k] = FarSides(*(np.concatenate(pair) for pair in parts))
                break
    return replace(paired, counted_m=counted, far=far)


def _touches(index: RoadIndex, edges: IntArray, circle: int) -> BoolArray:
    """Which edges begin or end at a roundabout."""
    ends = index.graph.edge_u[edges], index.graph.edge_v[edges]
    found = (index.node_roundabout[ends[0]] == circle) | (index.node_roundabout[ends[1]] == circle)
    return np.asarray(found)


def _an_edge(index: RoadIndex, segments: IntArray) -> IntArray:
    """The directed edge of each segment, along it if it has two."""
    along, against = index.edge_of[segments, 0], index.edge_of[segments, 1]
    return np.asarray(np.where(along >= 0, along, against))
