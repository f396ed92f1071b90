"""What places along a road are named by: its kilometre posts where they are known, else the nearest named place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from ..inputs import Inputs
from ..inputs.choices import SERVICE_KINDS
from ..network.graph import FloatArray
from ..network.routes import Drive, RoadIndex, Route, ground_scale, mercator
from ..units import EARTH_RADIUS_M, WGS84, lonlat
from .strips_around import COMPASS, DriveLines

OFF_ROAD_M: Mapping[str, float] = {
    "city": 5000.0, "town": 5000.0, "suburb": 2000.0, "village": 1500.0, "hamlet": 800.0, "service": 500.0,
    "motorway_junction": 300.0,
}  # fmt: skip
"""So near in a straight line the road must pass a place of a kind for it to be named."""
RANK: Mapping[str, float] = {
    "city": 1.0,
    "town": 1.0,
    "suburb": 1.5,
    "village": 2.0,
    "service": 2.0,
    "motorway_junction": 2.0,
    "hamlet": 3.0,
}
"""What is little known must be so many times nearer along the road."""
NO_SETTLEMENT = ("service", "motorway_junction")
SAME_M = 3000.0
"""Sides of a service area and exits of a junction lie nearer to each other; further apart a name is one of several."""
FAR_M = 30_000.0
"""Further along the road than this, divided by the rank, a place says nothing."""
HERE_M = 300.0
"""Nearer than this along the road one is at the place."""
KINDS: Mapping[str, str] = {
    **{kind: kind for kind in ("city", "town", "suburb", "village", "hamlet")},
    **dict.fromkeys(("城市", "城区", "市区", "县城"), "city"),
    **dict.fromkeys(("township", "镇", "镇区", "乡", "乡镇", "集镇"), "town"),
    **dict.fromkeys(("村", "行政村", "村庄"), "village"),
    **dict.fromkeys(("自然村",), "hamlet"),
}
"""Kinds of places by how OpenStreetMap and tables of demand call them; others (grid cells, parks) name nothing."""


def named_places(places: gpd.GeoDataFrame | None, inputs: Inputs) -> gpd.GeoDataFrame:
    """Places that people know by name: those of the map, its motorway junctions, those of demand, service areas.

    Returns
    -------
    GeoDataFrame
        EPSG:4326 points with ``name`` and ``kind`` (of :data:`RANK`); a settlement may stand twice, also in several
        places. What is no settlement has a name that nothing else has: a brand of fuel names many places, so none.
    """
    demand, areas = inputs.demand, inputs.facilities
    tables = [places] if places is not None else []
    tables += [demand.assign(kind=demand["kind"].astype("string").str.strip().str.lower().map(KINDS))]
    tables += [areas[areas["kind"].isin(SERVICE_KINDS)].assign(kind="service")]
    names: list[str] = []
    kinds: list[str] = []
    points: list[shapely.Point] = []
    for table in tables:
        held = table[table["kind"].isin(list(RANK)) & table["name"].notna() & table.geometry.notna()]
        names += held["name"].astype(str).str.strip().tolist()
        kinds += held["kind"].astype(str).tolist()
        points += held.geometry.to_crs(WGS84).tolist() if len(held) else []
    found = gpd.GeoDataFrame({"name": names, "kind": kinds}, geometry=points, crs=WGS84)
    found = found[(found["name"] != "") & ~found.geometry.is_empty]
    spread = np.radians(found.geometry.get_coordinates()).groupby(found["name"]).agg(["min", "max"])
    (west, east), (south, north) = ((spread[axis, "min"], spread[axis, "max"]) for axis in ("x", "y"))
    far = np.hypot((east - west) * np.cos(south), north - south) * EARTH_RADIUS_M > SAME_M
    other = found["kind"].isin(NO_SETTLEMENT) & found["name"].map(far)
    return found[~other].reset_index(drop=True)


class Landmarks:
    """Posts of routes and named places beside them; see :class:`plugspan.schema.Waymarks`.

    Parameters
    ----------
    routes : iterable of Route
    index : callable, optional
        Gives the index of their roads; called when a place is asked for that has no post.
    places : GeoDataFrame, optional
        See :func:`named_places`.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        index: Callable[[], RoadIndex] | None = None,
        places: gpd.GeoDataFrame | None = None,
    ) -> None:
        self.named: dict[str, tuple[float, str, int, str]] = {}
        self._sections = {(route.ref, s.number): s for route in routes for s in route.sections}
        self._numbers: dict[str, list[int]] = {}
        for ref, number in self._sections:
            self._numbers.setdefault(ref, []).append(number)
        self._index, self._places = index, places
        self._beside: dict[tuple[str, int, str], _DriveMarks | None] = {}

    def posted(self, ref: str, section: int | None) -> bool:
        """Whether the kilometres of a section (None: of all sections of the route) are those of given posts."""
        numbers = self._numbers.get(ref, []) if section is None else [section]
        found = [self._sections.get((ref, number)) for number in numbers]
        return bool(found) and all(each is not None and each.posted for each in found)

    def beside(
        self, ref: str, section: int, direction: str, at_m: FloatArray
    ) -> list[tuple[str, str, float] | None]:
        """For each place on a direction the nearest named one: name, side of the compass, metres along the road.

        Nearest along the road; what is little known counts as further. The side is empty where one is at the place.
        """
        key = (ref, section, direction)
        if key not in self._beside:
            drive = self._drive(*key)
            if drive is None or self._index is None or self._places is None:
                self._beside[key] = None
            else:
                self._beside[key] = _DriveMarks(self._index(), drive, self._places, self._xy)
        marks = self._beside[key]
        return [None] * len(at_m) if marks is None else marks.nearest(at_m)

    def _drive(self, ref: str, section: int, direction: str) -> Drive | None:
        """A direction of a section; the first where it is not said."""
        found = self._sections.get((ref, section))
        drives = () if found is None else found.drives
        return next((d for d in drives if d.direction == direction), drives[0] if drives else None)

    @cached_property
    def _xy(self) -> FloatArray:
        return mercator(lonlat(self._places.geometry)) if self._places is not None else np.empty((0, 2))


class _DriveMarks:
    """Named places beside one direction of a road."""

    def __init__(self, index: RoadIndex, drive: Drive, places: gpd.GeoDataFrame, xy: FloatArray) -> None:
        self.on = DriveLines(index, drive)
        west, south, east, north = self.on.bounds
        far = max(OFF_ROAD_M.values()) / float(ground_scale(max(abs(south), abs(north))))
        box = np.array([west - far, south - far, east + far, north + far])
        near = np.flatnonzero((xy >= box[:2]).all(axis=1) & (xy <= box[2:]).all(axis=1))
        which, at, away = self.on.nearest(xy[near], max(OFF_ROAD_M.values()))
        which = near[which]
        kinds = places["kind"].to_numpy(object)[which]
        beside = away <= np.array([OFF_ROAD_M[kind] for kind in kinds], dtype=np.float64)
        names = places["name"].to_numpy(object)[which][beside]
        rank = np.array([RANK[kind] for kind in kinds[beside]], dtype=np.float64)
        order = np.lexsort((names.astype(str), away[beside], rank))
        first = np.unique(names[order].astype(str), return_index=True)[1]  # a town stands in several tables
        keep = order[np.sort(first)]
        self.name, self.at_m, self.rank = names[keep], at[beside][keep], rank[keep]
        self.foot = self._points(self.at_m)

    def nearest(self, at_m: FloatArray) -> list[tuple[str, str, float] | None]:
        """As :meth:`Landmarks.beside`; of equally near ones the better known, then the first by name."""
        if not len(self.at_m):
            return [None] * len(at_m)
        along = np.abs(at_m[:, None] - self.at_m[None, :])
        best = np.argmin(np.round(along * self.rank, 0), axis=1)
        east, north = (self._points(at_m) - self.foot[best]).T
        turn = np.round(np.degrees(np.arctan2(east, north)) / 45.0).astype(int) % 8
        rows = np.arange(len(at_m))
        found: list[tuple[str, str, float] | None] = []
        for k, far_m, way in zip(best.tolist(), along[rows, best].tolist(), turn.tolist(), strict=True):
            here = far_m < HERE_M
            close = far_m * self.rank[k] <= FAR_M
            found.append((str(self.name[k]), "" if here else COMPASS[way], far_m) if close else None)
        return found

    def _points(self, at_m: FloatArray) -> FloatArray:
        """(n, 2) Mercator places on the direction."""
        drive = self.on.drive
        order = np.argsort(drive.low_m, kind="stable")
        k = order[np.clip(np.searchsorted(drive.low_m[order], at_m, side="right") - 1, 0, len(order) - 1)]
        span = drive.to_m[k] - drive.from_m[k]
        share = np.clip((at_m - drive.from_m[k]) / np.where(span == 0.0, 1.0, span), 0.0, 1.0)
        points: npt.NDArray[np.float64] = shapely.get_coordinates(
            shapely.line_interpolate_point(self.on.lines[k], share, normalized=True)
        )
        return points
