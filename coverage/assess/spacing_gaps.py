"""Gaps between the sites of each drive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from shapely import Geometry

from ..network.graph import FloatArray, IntArray
from ..network.routes import Drive, OpenEnds, RoadIndex, Route, pieces_inside

CLASS_LIMITS_M = (25_000.0, 40_000.0)
"""Limits of the plan's spacing (25 to 40 km)."""
SAME_PLACE_M = 1.0
"""Sites that leave the route closer together than this are one place: no gap lies between them."""
NO_SITE = -1
"""Class of a section and direction without any site: nothing closes its gap."""
DRIVE_KEY = ["ref", "section", "direction"]


@dataclass(frozen=True, eq=False)
class Driven:
    """A drive with its sites and its part in the region.

    ``pieces`` (p, 3): from, to (rising chainage) and number of the edge; ``site_m``, ``site``: chainage and
    position of each site, rising.
    """

    ref: str
    road_class: str
    section: int
    drive: Drive
    ends: OpenEnds
    pieces: FloatArray
    site_m: FloatArray
    site: IntArray

    def counted(self, low: FloatArray, high: FloatArray, per_m: FloatArray) -> FloatArray:
        """Sum of ``per_m`` (per metre of each piece) between chainages."""
        if not len(self.pieces):
            return np.zeros(len(low))
        knots = self.pieces[:, :2].ravel()
        value = np.repeat(np.cumsum((self.pieces[:, 1] - self.pieces[:, 0]) * per_m), 2)
        value[0::2] = np.concatenate([[0.0], value[1:-1:2]])
        return np.interp(high, knots, value) - np.interp(low, knots, value)

    @property
    def counted_per_m(self) -> FloatArray:
        """What each metre of each piece adds to the route's length."""
        k = self.pieces[:, 2].astype(np.int64)
        length = self.drive.high_m[k] - self.drive.low_m[k]
        return np.divide(self.drive.counted_m[k], length, out=np.zeros(len(k)), where=length > 0)


def drives_with_sites(
    index: RoadIndex,
    routes: Sequence[Route],
    served: pd.DataFrame,
    ends: dict[tuple[str, int, str], OpenEnds],
    region: Geometry | None,
) -> list[Driven]:
    groups = dict(list(served.groupby(DRIVE_KEY, sort=False)))
    found = []
    for route in routes:
        for section in route.sections:
            for drive in section.drives:
                key = (route.ref, section.number, drive.direction)
                mine = groups.get(key)
                at = np.empty(0) if mine is None else mine["chainage_m"].to_numpy(dtype=np.float64)
                site = np.empty(0, np.int64) if mine is None else mine["site"].to_numpy(dtype=np.int64)
                order = np.lexsort((site, at))
                pieces = pieces_inside(index, drive, region)
                found.append(
                    Driven(
                        route.ref,
                        route.road_class,
                        section.number,
                        drive,
                        ends.get(key, OpenEnds(False, False)),
                        pieces,
                        at[order],
                        site[order],
                    )  # fmt: skip
                )
    return found


GAP_COLUMNS = [
    "ref", "road_class", "section", "direction", "kind", "from_m", "to_m", "from_site", "to_site",
    "open_start", "open_end", "length_m", "inside_m", "counted_m", "length_class",
]  # fmt: skip


def gap_table(driven: Sequence[Driven], limits_m: Sequence[float]) -> pd.DataFrame:
    """All gaps of all drives that touch the region, in order of routes, sections, directions, driving."""
    parts = [part for d in driven if len(part := _gaps(d))]
    if not parts:
        return pd.DataFrame(columns=GAP_COLUMNS).astype(
            {"length_m": float, "inside_m": float, "counted_m": float}
        )
    table = pd.concat(parts, ignore_index=True)
    length = table["length_m"].to_numpy()
    table["length_class"] = length_class(length, limits_m)
    nothing = (table["kind"] == "whole") & (length <= limits_m[-1])
    table.loc[nothing, "length_class"] = NO_SITE
    for column in ("from_site", "to_site"):
        table[column] = table[column].where(table[column] >= 0).astype("Int64")
    return table[GAP_COLUMNS]


def length_class(length_m: FloatArray, limits_m: Sequence[float]) -> IntArray:
    """Class of each length: 0 below the first limit, and so on; the last limit itself is still below it.

    Lengths are compared to the millimetre.
    """
    length_m = np.round(np.asarray(length_m, dtype=np.float64), 3)
    inner = sum((length_m >= limit).astype(np.int64) for limit in limits_m[:-1])
    return np.asarray(inner + (length_m > limits_m[-1]).astype(np.int64))


def _gaps(d: Driven) -> pd.DataFrame:
    low, high, site, kind = _bounds(d)
    start = np.full(len(low), d.drive.start_m)
    beyond = np.maximum(high - d.drive.end_m, 0.0)
    inside, counted = (
        d.counted(low, high - beyond, per) + d.counted(start, start + beyond, per)
        for per in (np.ones(len(d.pieces)), d.counted_per_m)
    )
    forward = d.drive.direction == "forward"
    opens = (
        np.isin(kind, ["start", "whole"]) & d.ends.low,
        np.isin(kind, ["end", "whole"]) & d.ends.high,
    )
    table = pd.DataFrame(
        {
            "ref": d.ref,
            "road_class": d.road_class,
            "section": d.section,
            "direction": d.drive.direction,
            "kind": kind,
            "from_m": low if forward else high,
            "to_m": high if forward else low,
            "from_site": site[0] if forward else site[1],
            "to_site": site[1] if forward else site[0],
            "open_start": opens[0] if forward else opens[1],
            "open_end": opens[1] if forward else opens[0],
            "length_m": high - low,
            "inside_m": inside,
            "counted_m": counted,
        }
    )
    if not forward:
        table = table.iloc[::-1]
        table["kind"] = table["kind"].replace({"start": "end", "end": "start"})
    return table[table["inside_m"] > 0.0]


def _bounds(
    d: Driven,
) -> tuple[FloatArray, FloatArray, IntArray, np.ndarray[tuple[int], np.dtype[np.object_]]]:
    """Low and high chainage of each gap, the sites there (2, k), and its kind by rising chainage."""
    first = np.ones(len(d.site_m), dtype=bool)
    first[1:] = np.diff(d.site_m) > SAME_PLACE_M
    at, site = d.site_m[first], d.site[first]
    low_end, high_end = d.drive.start_m, d.drive.end_m
    if not len(at):
        return (
            np.array([low_end]),
            np.array([high_end]),
            np.array([[-1], [-1]]),
            np.array(["whole"], dtype=object),
        )
    if d.drive.ring:
        low, high = at, np.append(at[1:], at[0] + high_end - low_end)
        kind = np.array(["between"] * (len(at) - 1) + ["ring"], dtype=object)
        return low, high, np.stack([site, np.roll(site, -1)]), kind
    low, high = np.append(low_end, at), np.append(at, high_end)
    kind = np.array(["start"] + ["between"] * (len(at) - 1) + ["end"], dtype=object)
    keep = (high - low > SAME_PLACE_M) | (kind == "between")
    return low[keep], high[keep], np.stack([np.append(-1, site), np.append(site, -1)])[:, keep], kind[keep]
