"""Made-up road networks of the kinds that real extracts hold, with lengths that are known. Metres; x east, y north.

Roads are drawn as an OSM file has them: vertices some metres off, ways cut at random, two-way ways drawn either way,
some one-way ways against their direction, with bridges, limits and names that change on the way.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from osm_xml import write_osm
from pyproj import Transformer


def arc(radius, a0, a1, step=150):
    """Points on a circle round the origin; bearings in radians, rising is clockwise."""
    a = np.linspace(a0, a1, max(2, int(abs(a1 - a0) * radius / step)) + 1)
    return np.stack([radius * np.sin(a), radius * np.cos(a)], axis=1)


def bent(end, n=100, bow=300):
    """A line from the origin to ``end`` with a bow."""
    t = np.linspace(0, 1, n + 1)
    side = np.array([end[1], -end[0]]) / math.hypot(*end)
    return t[:, None] * np.array(end, float) + (bow * np.sin(2 * math.pi * t))[:, None] * side


def offset(line, by, *, closed=False):
    """Move a line to the right of its direction."""
    if closed:
        t = np.roll(line[:-1], -1, axis=0) - np.roll(line[:-1], 1, axis=0)
        t = np.concatenate([t, t[:1]])
    else:
        t = np.gradient(line, axis=0)
    t = t / np.hypot(*t.T)[:, None]
    return line + by * np.stack([t[:, 1], -t[:, 0]], axis=1)


def length(line):
    """Length of a line in the plane."""
    return float(np.hypot(*np.diff(np.asarray(line, float), axis=0).T).sum())


class World:
    """Collects roads and writes them as an OSM file; points at the same place (to 0.1 m) are one node."""

    def __init__(self, lon, lat, seed=0, noise_m=1.0, cut=0.15):
        self.rng = np.random.default_rng(seed)
        self.noise_m, self.cut = noise_m, cut
        plane = f"+proj=tmerc +lat_0={lat} +lon_0={lon} +ellps=WGS84"
        self.to_degrees = Transformer.from_crs(plane, "EPSG:4326", always_xy=True)
        self.ids, self.points, self.ways = {}, [], []

    def node(self, xy):
        """Id of the node at a place."""
        key = (round(float(xy[0]), 1), round(float(xy[1]), 1))
        if key not in self.ids:
            self.ids[key] = len(self.points) + 1
            self.points.append(np.array(xy, float) + self.rng.normal(0, self.noise_m, 2))
        return self.ids[key]

    def road(self, line, ref=None, highway="primary", *, oneway=False, **tags):
        """Draw a road; ``oneway`` True (as drawn) or a value of the tag."""
        refs = [self.node(xy) for xy in line]
        about = {"highway": highway} | ({"ref": ref} if ref else {})
        if oneway:
            about["oneway"] = "yes" if oneway is True else oneway
        if self.rng.random() < (0.1 if oneway is True else 0.5):
            refs = refs[::-1]
            about |= {"oneway": "-1"} if oneway is True else {}
        inner = [k for k in range(1, len(refs) - 1) if self.rng.random() < self.cut]
        for a, b in itertools.pairwise([0, *inner, len(refs) - 1]):
            chance = self.rng.random()
            more = {"bridge": "yes"} if chance < 0.15 else {"maxspeed": "60"} if chance < 0.3 else {}
            more |= {"name": f"name {self.rng.integers(5)}"} if chance > 0.9 else {}
            self.ways.append((refs[a : b + 1], {**about, **more, **tags}))

    def dual(self, line, ref=None, by=12, highway="motorway", *, closed=False, **tags):
        """Draw two carriageways; return both in driving order, the one along ``line`` first."""
        ways = offset(line, by, closed=closed), offset(line, -by, closed=closed)[::-1]
        for way in ways:
            self.road(way, ref, highway, oneway=True, **tags)
        return ways

    def ferry(self, line, **tags):
        """Draw a ferry line."""
        self.ways.append(([self.node(xy) for xy in line], {"route": "ferry", **tags}))

    def write(self, path):
        """Write the file; ids of nodes in random order."""
        lon, lat = self.to_degrees.transform(*np.array(self.points).T)
        ids = [0, *(1000 + self.rng.permutation(len(self.points))).tolist()]
        nodes = sorted(
            (ids[k + 1], float(x), float(y), {}) for k, (x, y) in enumerate(zip(lon, lat, strict=True))
        )
        ways = [(5000 + k, [ids[r] for r in refs], tags) for k, (refs, tags) in enumerate(self.ways)]
        return write_osm(path, nodes, ways)
