"""The road graph: compact arrays inside, node and edge tables outside.

A *segment* is a piece of road between two nodes of the graph, drawn once, with the directions it may be
driven in. A directed *edge* is a segment driven one way; a two-way segment gives two edges that share its
geometry. Nodes are junctions, dead ends and places where attributes that matter change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy import sparse
from scipy.sparse import csgraph

from ..units import WGS84

if TYPE_CHECKING:
    from .snapping import Snapper

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class RoadGraph:
    """A directed, simplified road graph.

    Attributes
    ----------
    node_id : (n,) int64
        OSM id of each node (or any integer id). Positions ``0 … n-1`` are used everywhere else.
    node_xy : (n, 2) float64
        Longitude, latitude, EPSG:4326.
    seg_u, seg_v : (s,) int64
        Positions of the first and last node of each segment, in drawing order.
    seg_length_m : (s,) float64
        Geodesic length on WGS 84, metres.
    seg_forward, seg_backward : (s,) bool
        May it be driven u -> v, and v -> u? (:func:`read_network` draws one-way segments as they are driven,
        OSM ``oneway=-1`` too; graphs from elsewhere may have ``seg_forward`` False.)
    xy : (c, 2) float64
        Longitude, latitude of all segments' vertices, one segment after the other.
    seg_ptr : (s + 1,) int64
        Segment ``i`` has the vertices ``xy[seg_ptr[i]:seg_ptr[i + 1]]``.
    segments : DataFrame, index 0 … s-1
        ``way_id`` (int64, the first OSM way), ``highway``, ``ref``, ``name``, ``junction`` (str or missing;
        ``junction`` is ``"roundabout"`` or missing), ``speed_kmh`` (float, NaN where OSM says nothing),
        ``ferry``, ``bridge``, ``tunnel`` (bool). Text columns are categorical.
    """

    node_id: IntArray
    node_xy: FloatArray
    seg_u: IntArray
    seg_v: IntArray
    seg_length_m: FloatArray
    seg_forward: BoolArray
    seg_backward: BoolArray
    xy: FloatArray
    seg_ptr: IntArray
    segments: pd.DataFrame

    def __repr__(self) -> str:
        """Sizes."""
        km = float(self.seg_length_m.sum()) / 1000
        return f"<RoadGraph: {self.n_nodes} nodes, {self.n_segments} segments, {km:.1f} km>"

    # -- sizes -------------------------------------------------------------------------------------------
    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_id)

    @property
    def n_segments(self) -> int:
        """Number of undirected segments."""
        return len(self.seg_u)

    # -- directed edges ----------------------------------------------------------------------------------
    @cached_property
    def edge_segment(self) -> IntArray:
        """(m,) segment of each directed edge; ordered by segment, the forward edge first."""
        both = np.stack([self.seg_forward, self.seg_backward], axis=1)
        return np.repeat(np.arange(self.n_segments), both.sum(axis=1))

    @cached_property
    def edge_reversed(self) -> BoolArray:
        """(m,) whether the directed edge runs against the segment's drawing order."""
        both = np.stack([self.seg_forward, self.seg_backward], axis=1)
        return np.broadcast_to(np.array([False, True]), both.shape)[both]

    @cached_property
    def edge_u(self) -> IntArray:
        """(m,) start node of each directed edge."""
        return np.where(self.edge_reversed, self.seg_v[self.edge_segment], self.seg_u[self.edge_segment])

    @cached_property
    def edge_v(self) -> IntArray:
        """(m,) end node of each directed edge."""
        return np.where(self.edge_reversed, self.seg_u[self.edge_segment], self.seg_v[self.edge_segment])

    @cached_property
    def edge_length_m(self) -> FloatArray:
        """(m,) length of each directed edge, metres."""
        return self.seg_length_m[self.edge_segment]

    @cached_property
    def csr(self) -> sparse.csr_array:
        """(n, n) directed adjacency, metres; of parallel edges the shortest. Lengths of 0 become 1 µm."""
        return shortest_csr(self.edge_u, self.edge_v, self.edge_length_m, self.n_nodes)

    # -- geometry ----------------------------------------------------------------------------------------
    def lines(self, segments: Sequence[int] | IntArray | None = None) -> npt.NDArray[np.object_]:
        """Shapely LineStrings (EPSG:4326) of the given segments, or of all."""
        which = np.arange(self.n_segments) if segments is None else np.asarray(segments, dtype=np.int64)
        counts = self.seg_ptr[which + 1] - self.seg_ptr[which]
        if not len(which):
            return np.empty(0, dtype=object)
        starts = np.repeat(self.seg_ptr[which] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        rows = starts + np.arange(counts.sum())
        return np.asarray(
            shapely.linestrings(self.xy[rows], indices=np.repeat(np.arange(len(which)), counts)), dtype=object
        )

    @cached_property
    def dense(self) -> tuple[FloatArray, IntArray]:
        """Vertices with more on long legs, and where each segment begins: see :func:`.geometry.dense_lines`."""
        from .geometry import dense_lines

        return dense_lines(self)

    @cached_property
    def dense_merc(self) -> FloatArray:
        """(c, 2) Mercator coordinates of the vertices of :attr:`dense`."""
        from .geometry import mercator

        return mercator(self.dense[0])

    @cached_property
    def snapper(self) -> Snapper:
        """Finds places on the roads of the main network; made once, since its tree holds every road."""
        from .snapping import Snapper

        return Snapper(self)

    # -- tables ------------------------------------------------------------------------------------------
    @cached_property
    def nodes(self) -> gpd.GeoDataFrame:
        """Node table: index 0 … n-1, ``osm_id``, ``geometry`` (Point, EPSG:4326)."""
        return gpd.GeoDataFrame({"osm_id": self.node_id}, geometry=shapely.points(self.node_xy), crs=WGS84)

    @cached_property
    def edges(self) -> gpd.GeoDataFrame:
        """Directed edge table, index 0 … m-1.

        ``u, v`` (node positions), ``segment``, ``reversed``, ``length_m``, ``oneway``, the columns of
        :attr:`segments`, and ``geometry`` in driving direction (LineString, EPSG:4326).
        """
        lines = self.lines()[self.edge_segment]
        back = self.edge_reversed
        lines[back] = shapely.reverse(lines[back])
        frame = self.segments.iloc[self.edge_segment].reset_index(drop=True)
        frame.insert(0, "u", self.edge_u)
        frame.insert(1, "v", self.edge_v)
        frame.insert(2, "segment", self.edge_segment)
        frame.insert(3, "reversed", self.edge_reversed)
        frame.insert(4, "length_m", self.edge_length_m)
        frame.insert(5, "oneway", ~(self.seg_forward & self.seg_backward)[self.edge_segment])
        return gpd.GeoDataFrame(frame, geometry=lines, crs=WGS84)

    # -- connectivity ------------------------------------------------------------------------------------
    @cached_property
    def component(self) -> IntArray:
        """(n,) strongly connected component of each node, numbered by size; 0 is the main network."""
        n, labels = csgraph.connected_components(self.csr, directed=True, connection="strong")
        sizes = np.bincount(labels, minlength=n)
        order = np.lexsort((np.arange(n), -sizes))
        rank = np.empty(n, dtype=np.int64)
        rank[order] = np.arange(n)
        return rank[labels]


def shortest_csr(u: IntArray, v: IntArray, length_m: FloatArray, n: int) -> sparse.csr_array:
    """Adjacency matrix (n, n) from directed edges, keeping the shortest of parallel ones.

    scipy treats a stored 0 as "no edge" in some routines, so lengths below 1 µm are raised to 1 µm.
    """
    order = np.lexsort((length_m, v, u))
    u, v, length_m = u[order], v[order], length_m[order]
    first = np.ones(len(u), dtype=bool)
    first[1:] = (np.diff(u) != 0) | (np.diff(v) != 0)
    data = np.maximum(length_m[first], 1e-6)
    return sparse.csr_array((data, (u[first], v[first])), shape=(n, n))


# -- driving times ---------------------------------------------------------------------------------------


DEFAULT_KMH = {
    "motorway": 100.0,
    "motorway_link": 50.0,
    "trunk": 80.0,
    "trunk_link": 45.0,
    "primary": 65.0,
    "primary_link": 40.0,
    "secondary": 55.0,
    "secondary_link": 35.0,
    "tertiary": 45.0,
    "tertiary_link": 30.0,
    "unclassified": 40.0,
    "road": 40.0,
    "residential": 30.0,
    "living_street": 10.0,
    "service": 15.0,
}
"""Travelling speeds where OSM gives no limit, km/h: usual limits less stops and bends. They are assumptions,
and only times depend on them, never lengths."""
FERRY_KMH = 15.0
OTHER_KMH = 30.0
LIMIT_SHARE = 0.9
"""Share of a speed limit that is driven on the average."""


def travel_speeds_kmh(graph: RoadGraph) -> FloatArray:
    """(s,) assumed travelling speed of each segment, km/h: 0.9 of the limit if known, else by class."""
    table = graph.segments
    by_class = table["highway"].astype(object).map(DEFAULT_KMH).to_numpy(dtype=np.float64, na_value=np.nan)
    ferry = table["ferry"].to_numpy(dtype=bool)
    default = np.where(ferry, FERRY_KMH, np.where(np.isnan(by_class), OTHER_KMH, by_class))
    known = table["speed_kmh"].to_numpy(dtype=np.float64)
    # A ferry's speed comes from its timetable and is driven in full.
    said = np.where(ferry, known, known * LIMIT_SHARE)
    return np.where(known > 0, said, default)


def travel_time_s(graph: RoadGraph) -> FloatArray:
    """(s,) driving time along each segment in seconds, without waiting at its ends."""
    return graph.seg_length_m / (travel_speeds_kmh(graph) / 3.6)
