"""From degrees to points on paper, and lines drawn beside each other there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from ...tables.layer import Category
from ...units import GEOD
from ..gis.qml_symbols import SCALE_AT_ZOOM_0

Array = npt.NDArray[Any]
PT_PER_MM = 72 / 25.4
PT_PER_PX = 72 / 96


@dataclass(frozen=True)
class Paper:
    """A rectangle of paper and the part of the earth it shows.

    The projection is equirectangular, true to scale along the middle parallel: shapes of a province stay as they
    look, north is up everywhere.

    Attributes
    ----------
    west, south, east, north : float
        What is shown, in degrees (EPSG:4326).
    width, height : float
        Of the paper, in points (1/72 inch).
    """

    west: float
    south: float
    east: float
    north: float
    width: float
    height: float

    @classmethod
    def fit(cls, bounds: Iterable[float], width: float, height: float, margin: float = 0.04) -> Paper:
        """Return the paper that shows ``bounds`` with a margin, in the middle."""
        west, south, east, north = (float(v) for v in bounds)
        squeeze = np.cos(np.radians((south + north) / 2))
        x, y = (west + east) / 2, (south + north) / 2
        # Degrees of latitude per point, at least a hundred metres across.
        scale = max((east - west) * squeeze / width, (north - south) / height, 0.001 / width) * (
            1 + 2 * margin
        )
        half_x, half_y = scale * width / 2 / squeeze, scale * height / 2
        return cls(x - half_x, y - half_y, x + half_x, y + half_y, width, height)

    def part(self, window: tuple[float, float, float, float], width: float, height: float) -> Paper:
        """Return a part of it (left, bottom, right, top in points) on another paper, which has the same shape."""
        x = np.array([window[0], window[2]]) / self.width * (self.east - self.west) + self.west
        y = np.array([window[1], window[3]]) / self.height * (self.north - self.south) + self.south
        return Paper.fit((x[0], y[0], x[1], y[1]), width, height, margin=0.0)

    def project(self, lonlat: Array) -> Array:
        """Return points on the paper of degrees, both (n, 2); y upwards."""
        span = np.array([self.east - self.west, self.north - self.south])
        placed: Array = (lonlat - [self.west, self.south]) / span * [self.width, self.height]
        return placed

    def place(self, geometry: Array) -> Array:
        """Return geometries in points on the paper, cut off a little outside of it."""
        placed = shapely.transform(geometry, self.project)
        edge = 20.0
        return shapely.clip_by_rect(placed, -edge, -edge, self.width + edge, self.height + edge)

    @property
    def m_per_pt(self) -> float:
        """Metres on the ground (WGS 84) for a point on the paper, along the middle parallel."""
        middle = (self.south + self.north) / 2
        half = (self.east - self.west) / 2
        # Half the width, as a wide map's geodesic would leave the parallel; four parts keep it close.
        lons = np.linspace(self.west, self.west + half, 5)
        return float(GEOD.line_length(lons, np.full(5, middle))) / (self.width / 2)

    @property
    def scale(self) -> float:
        """Scale denominator."""
        return self.m_per_pt * PT_PER_MM * 1000

    @property
    def line_scale(self) -> float:
        """How much thinner lines are on small-scale maps (as on the web map below zoom 8.5 and 10)."""
        return 0.7 if self.scale > 1_500_000 else 0.85 if self.scale > 550_000 else 1.0

    def shows(self, category: Category) -> bool:
        """Whether things of a category are drawn at this scale."""
        return not category.min_zoom or self.scale <= SCALE_AT_ZOOM_0 / 2**category.min_zoom


def paths(geometry: Array) -> tuple[list[Array], npt.NDArray[np.int64]]:
    """Return the coordinates of all lines in geometries, and which geometry each is of."""
    parts, owner = shapely.get_parts(geometry, return_index=True)
    keep = (shapely.get_dimensions(parts) == 1) & ~shapely.is_empty(parts)
    parts, owner = parts[keep], owner[keep]
    coordinates, index = shapely.get_coordinates(parts, return_index=True)
    cuts = np.flatnonzero(np.diff(index)) + 1
    return (np.split(coordinates, cuts) if len(parts) else []), owner


def beside(line: Array, right: float) -> Array:
    """Return a line ``right`` points to the right of its direction (left if negative), mitred at the corners.

    Corners sharper than a right angle keep the width of a right angle, so that no spike shoots out.
    """
    if not right or len(line) < 2:
        return line
    steps = np.diff(line, axis=0)
    lengths = np.hypot(*steps.T)
    steps, line = steps[lengths > 0], line[np.concatenate([[True], lengths > 0])]
    if not len(steps):
        return line
    normals = np.column_stack([steps[:, 1], -steps[:, 0]]) / lengths[lengths > 0][:, None]
    first, last = np.vstack([normals[:1], normals]), np.vstack([normals, normals[-1:]])
    both = first + last
    square = np.maximum((both**2).sum(axis=1), 1.0)[:, None]
    moved: Array = line + 2 * both / square * right
    return moved
