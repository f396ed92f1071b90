"""Toy road graphs from nodes on a metre grid, for tests that are worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plugspan.network.graph import RoadGraph
from pyproj import Geod, Transformer

LON0, LAT0 = 113.0, 27.0
_GEOD = Geod(ellps="WGS84")
_GRID = Transformer.from_crs(
    f"+proj=tmerc +lat_0={LAT0} +lon_0={LON0} +ellps=WGS84", "EPSG:4326", always_xy=True
)


def lonlat(x_m, y_m):
    """Longitude, latitude of metres east and north of (113, 27); exact to 1e-5 within 30 km of the meridian."""
    lon, lat = _GRID.transform(np.asarray(x_m, dtype=float), np.asarray(y_m, dtype=float))
    return np.stack([lon, lat], axis=-1)


class Toy:
    """Collects nodes (name -> x, y in metres) and roads, and makes a RoadGraph.

    ``road("a b c", ref="G107")`` makes the two-way segments a-b and b-c. ``oneway=True`` lets one drive from
    a to c only; ``oneway=-1`` the other way. ``via={("a", "b"): [(x, y), …]}`` bends a segment.
    """

    def __init__(self, **nodes):
        self.at = dict(nodes)
        self.rows = []

    def node(self, name, x, y):
        self.at[name] = (x, y)
        return self

    def road(self, names, ref=None, *, oneway=False, highway="primary", name=None, junction=None, via=None):
        names = names.split() if isinstance(names, str) else list(names)
        for a, b in zip(names[:-1], names[1:], strict=True):
            bends = (via or {}).get((a, b), [])
            self.rows.append(
                {
                    "u": a,
                    "v": b,
                    "via": bends,
                    "ref": ref,
                    "oneway": oneway,
                    "highway": highway,
                    "name": name,
                    "junction": junction,
                }
            )
        return self

    def graph(self):
        used = {n for row in self.rows for n in (row["u"], row["v"])}
        names = [n for n in self.at if n in used]
        number = {n: k for k, n in enumerate(names)}
        node_xy = lonlat(*np.array([self.at[n] for n in names], dtype=float).T)
        lines = [
            np.concatenate(
                [
                    node_xy[[number[r["u"]]]],
                    *([lonlat(*np.array(r["via"], float).T)] if r["via"] else []),
                    node_xy[[number[r["v"]]]],
                ]
            )
            for r in self.rows
        ]
        return make_graph(
            np.arange(1, len(names) + 1),
            node_xy,
            np.array([number[r["u"]] for r in self.rows]),
            np.array([number[r["v"]] for r in self.rows]),
            lines,
            np.array([r["oneway"] != -1 for r in self.rows]),
            np.array(
                [
                    r["oneway"] in (False, -1) and (r["oneway"] is False or r["oneway"] == -1)
                    for r in self.rows
                ]
            ),
            pd.DataFrame(self.rows)[["highway", "ref", "name", "junction"]],
        )

    def names(self):
        used = {n for row in self.rows for n in (row["u"], row["v"])}
        return [n for n in self.at if n in used]


def make_graph(node_id, node_xy, u, v, lines, forward, backward, attributes):
    """RoadGraph from arrays and lines; geodesic lengths are worked out here."""
    length = np.array([_GEOD.line_length(line[:, 0], line[:, 1]) for line in lines])
    segments = attributes.reset_index(drop=True).astype("object").copy()
    for column in ("highway", "ref", "name", "junction"):
        segments[column] = segments[column].where(segments[column].notna(), None).astype("category")
    segments.insert(0, "way_id", np.arange(1, len(u) + 1))
    segments["speed_kmh"] = np.nan
    for column in ("ferry", "bridge", "tunnel"):
        segments[column] = False
    return RoadGraph(
        node_id=np.asarray(node_id, dtype=np.int64),
        node_xy=np.asarray(node_xy, dtype=float),
        seg_u=np.asarray(u, dtype=np.int64),
        seg_v=np.asarray(v, dtype=np.int64),
        seg_length_m=length,
        seg_forward=np.asarray(forward, dtype=bool),
        seg_backward=np.asarray(backward, dtype=bool),
        xy=np.concatenate(lines),
        seg_ptr=np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64),
        segments=segments,
    )
