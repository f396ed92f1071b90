"""One issue of a road network, before it becomes a row of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import shapely

from ...schema import column, shown
from ...units import M_PER_KM, WGS84
from ...waymarks import road_words, span_words
from ..graph import IntArray, RoadGraph

Severity = Literal["serious", "doubtful", "note"]
Kind = Literal[
    "island", "dead_end", "bridged", "break", "ref", "duplicate", "one_direction", "parallel", "no_speed"
]
KINDS: tuple[Kind, ...] = (
    "island", "dead_end", "bridged", "break", "ref", "duplicate", "one_direction", "parallel", "no_speed",
)  # fmt: skip
"""``island`` roads cut off from the main network; ``dead_end`` a route that ends in the open; ``bridged`` a break
in a road number that was bridged, ``break`` one that was not; ``ref`` a number that looks mistyped;
``duplicate`` a road drawn twice; ``one_direction`` a carriageway without its counterpart; ``parallel`` one
beside the road, in no length; ``no_speed`` a route with parts without a speed limit."""


@dataclass(frozen=True, eq=False)
class Issue:
    """What was found.

    Attributes
    ----------
    kind, severity : str
    ref : str
        Number of the route, empty if it is about no route.
    length_m : float
        Length it is about.
    effect : str
        Key of the text that says what it does to the numbers, filled with ``values``.
    segments : (k,) int64
        Segments it is about; may be empty if ``at`` is given.
    at : (float, float), optional
        Longitude, latitude; the middle of the longest segment by default.
    """

    kind: Kind
    severity: Severity
    ref: str
    length_m: float
    effect: str
    values: Mapping[str, Any]
    segments: IntArray
    at: tuple[float, float] | None = None


def in_words(values: Mapping[str, object], lang: str) -> dict[str, object]:
    """Values of an effect as texts show them: lengths and chainages are metres and floats, all else is as it is.

    ``road`` is the road in words, ``ref`` its number.

    >>> in_words({"ref": "G4", "section": 1, "length": 1234.0, "low": 9040.0, "high": 10_300.0}, "en")
    {'ref': 'G4', 'section': 1, 'length': '1.2 km', 'span': 'measured km 9.0–10.3', 'road': 'G4'}
    """
    found: dict[str, object] = {}
    for name, value in values.items():
        if not isinstance(value, float):
            found[name] = value
        elif name not in ("low", "high"):
            near = name in ("away", "look")
            length = (value, column("length_m")) if near else (value / M_PER_KM, column("length_km"))
            found[name] = shown(*length, lang, unit=True)
    ends = [
        value / M_PER_KM
        for name, value in values.items()
        if name in ("low", "high") and isinstance(value, float)
    ]
    if ends:
        found["span"] = span_words(ends[0], ends[-1], lang, values["ref"], values["section"])
    if "ref" in values:
        found["road"] = road_words(values["ref"], lang)
    return found


def issue_frame(graph: RoadGraph, issues: Sequence[Issue]) -> tuple[gpd.GeoDataFrame, gpd.GeoSeries]:
    """Points with attributes, and lines, of issues: by kind, then longest first, then by place."""
    ordered = sorted(
        issues,
        key=lambda i: (
            KINDS.index(i.kind),
            -round(i.length_m, 3),
            i.ref,
            int(i.segments.min()) if len(i.segments) else -1,
            i.at or (),
        ),
    )
    counts = np.array([len(i.segments) for i in ordered], dtype=np.int64)
    of = np.repeat(np.arange(len(ordered)), counts)
    segments = np.concatenate([np.empty(0, np.int64), *(i.segments for i in ordered)]).astype(np.int64)
    lines = np.full(len(ordered), None, dtype=object)
    if len(segments):
        shapely.multilinestrings(graph.lines(segments), indices=of, out=lines)
    longest = _longest(graph, segments, of, len(ordered))
    names = graph.segments["name"].astype(object).to_numpy()
    frame = gpd.GeoDataFrame(
        {
            "kind": [i.kind for i in ordered],
            "severity": [i.severity for i in ordered],
            "ref": [i.ref for i in ordered],
            "name": [names[k] if k >= 0 and isinstance(names[k], str) else None for k in longest],
            "length_m": np.array([i.length_m for i in ordered], dtype=np.float64),
            "effect": [i.effect for i in ordered],
            "values": [dict(i.values) for i in ordered],
        },
        geometry=_points(graph, ordered, longest),
        crs=WGS84,
    )
    return frame, gpd.GeoSeries(list(lines), crs=WGS84)


def _longest(graph: RoadGraph, segments: IntArray, of: IntArray, n: int) -> IntArray:
    """(n,) longest segment of each issue, -1 for none; of equal ones the smallest number."""
    found = np.full(n, -1, dtype=np.int64)
    order = np.lexsort((-segments, graph.seg_length_m[segments], of))
    found[of[order]] = segments[order]
    return found


def _points(graph: RoadGraph, issues: Sequence[Issue], longest: IntArray) -> list[shapely.Point]:
    have = longest >= 0
    middles = np.full(len(issues), None, dtype=object)
    if have.any():
        middles[have] = shapely.line_interpolate_point(graph.lines(longest[have]), 0.5, normalized=True)
    return [m if i.at is None else shapely.Point(i.at) for i, m in zip(issues, middles, strict=True)]
