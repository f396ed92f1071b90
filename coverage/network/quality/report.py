"""The network report: the network in a few numbers, and what is doubtful about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from ...texts import text
from ..graph import RoadGraph
from ..refs import GB_T_917, RoadClasses
from ..routes import RoadIndex, Route, each_drive, network_length_m
from ..snapping import main_segments
from .issue import KINDS, Issue, Severity, in_words, issue_frame
from .refs import odd_refs
from .roads import duplicates, islands, route_segments
from .routes import beside, bridged, dead_ends, one_direction, open_breaks, without_speed


@dataclass(frozen=True, eq=False, repr=False)
class QualityReport:
    """Issues of a road network.

    Attributes
    ----------
    issues : GeoDataFrame
        EPSG:4326 points; ``kind`` (one of :data:`KINDS`), ``severity`` (``serious`` changes what rules say,
        ``doubtful`` may, ``note`` hardly), ``ref``, ``name``, ``length_m``, ``effect`` (key of a text), ``values``
        (dict for the text). By kind in the order of :data:`KINDS`, then longest first.
    lines : GeoSeries
        What each issue is about, drawn: (Multi)LineStrings, EPSG:4326, missing for places; index of ``issues``.
    """

    issues: gpd.GeoDataFrame
    lines: gpd.GeoSeries

    def __repr__(self) -> str:
        """How many issues of which severity."""
        counts = self.issues["severity"].value_counts().to_dict()
        return f"<QualityReport: {', '.join(f'{n} {name}' for name, n in counts.items()) or 'no issues'}>"

    def effects(self, lang: str) -> pd.Series[str]:
        """One sentence for each issue: what it does to the numbers."""
        rows = zip(self.issues["effect"], self.issues["values"], strict=True)
        return pd.Series(
            [text(key, lang, **in_words(values, lang)) for key, values in rows],
            index=self.issues.index,
            dtype="object",
        )

    def counts(self) -> pd.DataFrame:
        """Return, by kind: ``n``, ``serious``, ``length_m``. All kinds, also those without an issue."""
        groups = self.issues.assign(serious=self.issues["severity"] == "serious").groupby("kind")
        table: pd.DataFrame = groups.agg(
            n=("kind", "size"), serious=("serious", "sum"), length_m=("length_m", "sum")
        )
        whole: pd.DataFrame = table.reindex(list(KINDS)).fillna(0.0)
        return whole.astype({"n": int, "serious": int, "length_m": float})


def network_quality(
    graph: RoadGraph,
    routes: Sequence[Route],
    *,
    classes: RoadClasses = GB_T_917,
    region: BaseGeometry | None = None,
    boundary: BaseGeometry | None = None,
) -> QualityReport:
    """Look through a road network for what may spoil its numbers.

    Parameters
    ----------
    graph : RoadGraph
    routes : sequence of Route
        Found in ``graph``.
    classes : RoadClasses
        Which numbers make routes; a mistyped one of these is serious.
    region : Polygon or MultiPolygon, optional
        EPSG:4326; issues outside are left out (those that touch it stay).
    boundary : Polygon or MultiPolygon, optional
        EPSG:4326; region and halo, to which the graph was cut. A road that ends there does not end.

    Returns
    -------
    QualityReport
    """
    index = RoadIndex(graph)
    found = [
        *islands(graph, routes),
        *dead_ends(index, routes, boundary),
        *bridged(index, routes),
        *open_breaks(index, routes),
        *_mistyped(graph, routes, classes),
        *duplicates(graph, routes),
        *one_direction(index, routes),
        *beside(index, routes),
        *without_speed(index, routes),
    ]
    frame, lines = issue_frame(graph, found)
    if region is not None and len(frame):
        keep = _touches(region, frame.geometry.to_numpy(), lines.to_numpy())
        frame, lines = frame[keep].reset_index(drop=True), lines[keep].reset_index(drop=True)
    return QualityReport(frame, lines)


def _touches(
    region: BaseGeometry,
    points: np.ndarray[tuple[int], np.dtype[np.object_]],
    lines: np.ndarray[tuple[int], np.dtype[np.object_]],
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    shapely.prepare(region)
    return np.asarray(shapely.intersects(region, points) | shapely.intersects(region, lines))


def _mistyped(graph: RoadGraph, routes: Sequence[Route], classes: RoadClasses) -> Iterator[Issue]:
    """Numbers that look mistyped; serious if the right one makes a route that lacks the length."""
    odds = odd_refs(graph)
    borne = route_segments(graph, routes) if odds else pd.Series(dtype=object)
    for odd in odds:
        length = graph.seg_length_m[odd.segments]
        counted = borne.reindex(odd.segments).map(
            lambda refs, r=odd.suggestion: isinstance(refs, str) and r in refs.split(";")
        )
        lacking_m = float(length[~counted.to_numpy(bool)].sum())
        routed = odd.reason != "space" and classes.class_of(odd.suggestion) is not None
        kind = (
            "space"
            if odd.reason == "space"
            else "other"
            if not routed
            else "route"
            if lacking_m > 1.0
            else "bridged"
        )
        severity: Severity = (
            "note" if kind != "route" else "doubtful" if odd.reason in ("between", "name") else "serious"
        )
        shown_m = lacking_m if kind == "route" else float(length.sum())
        values = {"ref": odd.ref, "suggestion": odd.suggestion, "length": shown_m}
        yield Issue(
            "ref", severity, odd.ref, float(length.sum()), f"quality.effect.ref-{kind}", values, odd.segments
        )


__all__ = ["KINDS", "QualityReport", "network_quality"]


# -- the road network in a few numbers -------------------------------------------------------------------


def network_figures(graph: RoadGraph, routes: Sequence[Route]) -> dict[str, float | int]:
    """Count nodes, directed edges and islands; lengths in metres, every road once.

    ``islands`` are pieces of road that cannot be reached from the main network or not left for it.
    """
    cut_off = ~main_segments(graph)
    pieces = np.unique(graph.component[graph.seg_u[cut_off]]) if cut_off.any() else np.empty(0)
    ferry = graph.segments["ferry"].to_numpy(bool)
    drives = [drive for _, _, drive in each_drive(routes)]
    inferred = sum(float(d.weight[d.inferred] @ np.abs(d.to_m - d.from_m)[d.inferred]) for d in drives)
    return {
        "nodes": graph.n_nodes,
        "edges": len(graph.edge_u),
        "segments": graph.n_segments,
        "length_m": float(graph.seg_length_m[~ferry].sum()),
        "ferry_m": float(graph.seg_length_m[ferry].sum()),
        "islands": len(pieces),
        "islands_m": float(graph.seg_length_m[cut_off].sum()),
        "routes": len(routes),
        "routes_m": float(network_length_m(graph, routes)),
        "bridged_m": inferred,
        "parallel_m": float(sum(p.length_m for r in routes for p in r.parallel)),
    }
