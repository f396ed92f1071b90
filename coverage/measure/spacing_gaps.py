"""Gaps between the sites of each drive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from shapely.geometry.base import BaseGeometry

from ..network.graph import BoolArray, FloatArray, IntArray
from ..network.routes import (
    Drive,
    DriveKey,
    OpenEnds,
    RoadIndex,
    Route,
    drives_by_key,
    each_drive,
    pieces_inside,
)
from ..units import compare_m
from .border import OwnPart

CLASS_LIMITS_M = (25_000.0, 40_000.0)
"""Limits of the plan's spacing (25 to 40 km)."""
NO_SITE, OPEN, SHARED = -1, -2, -3
"""Classes beside those of length: a short section and direction without any site, which nothing closes; a short gap
of which nobody knows where it ends; and one whose own part is within the span while the whole is not."""
DRIVE_KEY = ["ref", "section", "direction"]


def rows_by_drive(table: pd.DataFrame) -> dict[DriveKey, IntArray]:
    """Positions of the rows of each direction of each section, in the order in which the directions appear."""
    groups: Any = table.groupby(DRIVE_KEY, sort=False).indices
    return {(ref, int(section), way): np.asarray(rows) for (ref, section, way), rows in groups.items()}


@dataclass(frozen=True, eq=False)
class Driven:
    """A drive with its sites and its part in the region.

    ``pieces`` (p, 3): from, to (rising chainage) and number of the edge, of what is counted; ``judged`` the same of all
    that lies in the region, by which gaps are judged; ``site_m``, ``site``: chainage and position of each site, rising.
    """

    ref: str
    road_class: str
    section: int
    drive: Drive
    ends: OpenEnds
    pieces: FloatArray
    site_m: FloatArray
    site: IntArray
    judged: FloatArray

    def counted(self, low: FloatArray, high: FloatArray, per_m: FloatArray) -> FloatArray:
        """Sum of ``per_m`` (per metre of each piece) between chainages."""
        if not len(self.pieces):
            return np.zeros(len(low))
        knots = self.pieces[:, :2].ravel()
        value = np.repeat(np.cumsum((self.pieces[:, 1] - self.pieces[:, 0]) * per_m), 2)
        value[0::2] = np.concatenate([[0.0], value[1:-1:2]])
        return np.interp(high, knots, value) - np.interp(low, knots, value)

    @cached_property
    def own(self) -> OwnPart:
        """Its part in the region, on which gaps are judged."""
        return OwnPart.of(self.drive, self.judged)

    @property
    def counted_per_m(self) -> FloatArray:
        """What each metre of each piece adds to the route's length."""
        k = self.pieces[:, 2].astype(np.int64)
        length = self.drive.high_m[k] - self.drive.low_m[k]
        return np.divide(self.drive.counted_m[k], length, out=np.zeros(len(k)), where=length > 0)


def region_pieces(
    index: RoadIndex, routes: Sequence[Route], region: BaseGeometry | None
) -> dict[DriveKey, FloatArray]:
    """Pieces of each drive in the region; see :class:`Driven`."""
    return {key: pieces_inside(index, drive, region) for key, drive in drives_by_key(routes).items()}


def drives_with_sites(
    routes: Sequence[Route],
    served: pd.DataFrame,
    ends: Mapping[DriveKey, OpenEnds],
    pieces: Mapping[DriveKey, FloatArray],
    judged: Mapping[DriveKey, FloatArray] | None = None,
) -> list[Driven]:
    """Bring together each drive, its sites, its ends and its part in the region, in order of routes.

    ``judged`` are the parts in the region where ``pieces`` are but some of them: stretches with little traffic.
    """
    groups = dict(list(served.groupby(DRIVE_KEY, sort=False)))
    found = []
    for route, section, drive in each_drive(routes):
        key = (route.ref, section.number, drive.direction)
        mine = groups.get(key, served.iloc[:0])
        at, site = mine["chainage_m"].to_numpy(dtype=np.float64), mine["site"].to_numpy(dtype=np.int64)
        order = np.lexsort((site, at))
        end = ends.get(key, OpenEnds(False, False))
        found.append(
            Driven(
                route.ref,
                route.road_class,
                section.number,
                drive,
                end,
                pieces[key],
                at[order],
                site[order],
                (pieces if judged is None else judged)[key],
            )
        )
    return found


GAP_COLUMNS = [
    "ref", "road_class", "section", "direction", "kind", "from_m", "to_m", "from_site", "to_site",
    "open_start", "open_end", "own_open", "length_m", "own_m", "inside_m", "counted_m", "over", "length_class",
]  # fmt: skip


def gap_table(driven: Sequence[Driven], limits_m: Sequence[float], span_m: float) -> pd.DataFrame:
    """All gaps of all drives that touch the region, in order of routes, sections, directions, driving."""
    parts = [_gaps(d) for d in driven]
    names = [name for name in GAP_COLUMNS if name not in ("over", "length_class")]
    table = pd.DataFrame(
        {name: np.concatenate([part[name] for part in parts]) if parts else [] for name in names}
    )
    for column in ("from_site", "to_site"):
        table[column] = table[column].where(table[column] >= 0).astype("Int64")
    for column in ("open_start", "open_end", "own_open"):
        table[column] = table[column].astype(bool)
    length, own = (table[name].to_numpy(dtype=np.float64) for name in ("length_m", "own_m"))
    over, long = compare_m(own, span_m) > 0, compare_m(length, span_m) > 0
    is_open = (table["open_start"] | table["open_end"]).to_numpy(dtype=bool)
    whole = (table["kind"] == "whole").to_numpy(dtype=bool)
    table["over"] = over
    table["length_class"] = np.select(
        [~over & long, ~over & whole, ~over & is_open],
        [SHARED, NO_SITE, OPEN],
        length_class(np.where(over, own, length), limits_m),
    )
    return table[GAP_COLUMNS]


def length_class(length_m: FloatArray, limits_m: Sequence[float]) -> IntArray:
    """Class of each length: 0 below the first limit, and so on; the last limit itself is still below it.

    Lengths are compared to the millimetre.
    """
    inner = sum((compare_m(length_m, limit) >= 0).astype(np.int64) for limit in limits_m[:-1])
    return np.asarray(inner + (compare_m(length_m, limits_m[-1]) > 0), dtype=np.int64)


def _gaps(d: Driven) -> dict[str, npt.NDArray[np.generic]]:
    """Columns of the gaps of one drive that touch the region, in driving order."""
    low, high, site, kind = _bounds(d)
    start = np.full(len(low), d.drive.start_m)
    beyond = np.maximum(high - d.drive.end_m, 0.0)
    inside, counted = (
        d.counted(low, high - beyond, per) + d.counted(start, start + beyond, per)
        for per in (np.ones(len(d.pieces)), d.counted_per_m)
    )
    open_low = np.isin(kind, ["start", "whole"]) & d.ends.low
    open_high = np.isin(kind, ["end", "whole"]) & d.ends.high
    one = (low, site[0], open_low)
    other = (high, site[1], open_high)
    order = np.arange(len(low))
    if d.drive.direction == "backward":
        one, other, order = other, one, order[::-1]
        kind = np.where(kind == "start", "end", np.where(kind == "end", "start", kind))
    order = order[compare_m(inside[order], 0.0) > 0]
    reaches = d.own.reaches
    columns = {
        "kind": kind, "from_m": one[0], "to_m": other[0], "from_site": one[1], "to_site": other[1],
        "open_start": one[2], "open_end": other[2], "own_open": open_low & reaches[0] | open_high & reaches[1],
        "length_m": high - low, "own_m": d.own.at(high) - d.own.at(low), "inside_m": inside, "counted_m": counted,
    }  # fmt: skip
    labels = {"ref": d.ref, "road_class": d.road_class, "section": d.section, "direction": d.drive.direction}
    kinds = {"section": np.int64}
    repeated = {k: np.full(len(order), v, dtype=kinds.get(k, object)) for k, v in labels.items()}
    return {**repeated, **{k: v[order] for k, v in columns.items()}}


def _bounds(
    d: Driven,
) -> tuple[FloatArray, FloatArray, IntArray, np.ndarray[tuple[int], np.dtype[np.object_]]]:
    """Low and high chainage of each gap, the sites there (2, k), and its kind by rising chainage."""
    first = np.ones(len(d.site_m), dtype=bool)
    first[1:] = compare_m(d.site_m[1:], d.site_m[:-1]) > 0
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
        if len(at) > 1 and compare_m(at[0] + high_end - low_end, at[-1]) <= 0:  # one place at the seam
            at, site = at[:-1], site[:-1]
        low, high = at, np.append(at[1:], at[0] + high_end - low_end)
        kind = np.array(["between"] * (len(at) - 1) + ["ring"], dtype=object)
        return low, high, np.stack([site, np.roll(site, -1)]), kind
    low, high = np.append(low_end, at), np.append(at, high_end)
    kind = np.array(["start"] + ["between"] * (len(at) - 1) + ["end"], dtype=object)
    keep = (compare_m(high, low) > 0) | (kind == "between")
    return low[keep], high[keep], np.stack([np.append(-1, site), np.append(site, -1)])[:, keep], kind[keep]


COLUMNS = ["drive", "edge", "low", "high", "per_share_m", "from_m", "to_m", "falls", "gap", "rank"]


def length_rows(driven: Sequence[Driven], gaps: pd.DataFrame) -> pd.DataFrame:
    """Cut the drives in the region at the ends of their gaps.

    Returns
    -------
    DataFrame
        One row per edge, gap and drive: ``drive`` (number), ``edge`` (directed edge; far sides of roundabouts
        too), ``low``, ``high`` (shares of the edge along the drive), ``per_share_m`` (what the whole edge adds to
        the length), ``from_m``, ``to_m`` (lower and higher chainage), ``falls`` (whether the chainage falls from
        ``low`` to ``high``), ``gap`` (row in ``gaps``), ``rank`` (the
        worse, the higher).
    """
    if gaps.empty:
        return pd.DataFrame({name: [] for name in COLUMNS})
    groups = gaps.groupby(DRIVE_KEY, sort=False).indices
    places = gaps[["from_m", "to_m"]].to_numpy(dtype=np.float64)
    length = _rank(gaps)
    parts = []
    for number, d in enumerate(driven):
        at = groups.get((d.ref, d.section, d.drive.direction))
        if at is not None and len(d.pieces):
            *columns, which = _rows(d, places[at].min(axis=1), places[at].max(axis=1))
            who = np.full(len(which), number)
            parts.append((who, *columns, gaps.index.to_numpy()[at[which]], length[at[which]]))
    if not parts:
        return pd.DataFrame({name: [] for name in COLUMNS})
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return pd.DataFrame(dict(zip(COLUMNS, joined, strict=True)))


def _rank(gaps: pd.DataFrame) -> FloatArray:
    """Order in which gaps decide over a shared road: too long, without any site, shared, then by length."""
    worse = [gaps["over"], gaps["kind"] == "whole", gaps["length_class"] == SHARED]
    length = gaps["length_m"].to_numpy(dtype=np.float64)
    return np.asarray(length + np.select([w.to_numpy(dtype=bool) for w in worse], [3e9, 2e9, 1e9], 0.0))


def driven_once_m(driven: Sequence[Driven]) -> float:
    """Length driven in the region in all directions; a carriageway that several routes share counts once."""
    parts = [np.empty((0, 3))]
    for d in driven:
        k = d.pieces[:, 2].astype(np.int64)
        whole = np.maximum(d.drive.high_m[k] - d.drive.low_m[k], 1e-9)
        share = (d.pieces[:, 0] - d.drive.low_m[k]) / whole
        # One drive's chainage rises along the edge, another's may fall: the share is taken in driving direction.
        share = np.where(
            d.drive.to_m[k] < d.drive.from_m[k], 1.0 - (d.pieces[:, 1] - d.drive.low_m[k]) / whole, share
        )
        length = d.pieces[:, 1] - d.pieces[:, 0]
        parts.append(np.column_stack([d.drive.edges[k], share.round(6), length]))
    rows = np.concatenate(parts)
    _, first = np.unique(rows[:, :2], axis=0, return_index=True)
    return float(rows[first, 2].sum())


def _rows(
    d: Driven, low: FloatArray, high: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, BoolArray, IntArray]:
    """Edges, shares from and to, length of the whole edge, chainage from and to, if it falls, and number of the gap."""
    start, end = d.drive.start_m, d.drive.end_m
    seam = np.where(high > end, high - (end - start), -np.inf)
    cuts = np.unique(
        np.concatenate([d.pieces[:, :2].ravel(), low, np.minimum(high, end), seam[np.isfinite(seam)]])
    )
    middle = (cuts[1:] + cuts[:-1]) / 2.0
    piece = np.searchsorted(d.pieces[:, 0], middle, side="right") - 1
    ok = (piece >= 0) & (middle < d.pieces[np.maximum(piece, 0), 1]) & (np.diff(cuts) > 0)
    order = np.argsort(low, kind="stable")
    in_gap = order[np.maximum(np.searchsorted(low[order], middle, side="right") - 1, 0)]
    if np.isfinite(seam).any():  # before the first site of a ring the last gap runs on
        in_gap = np.where(middle < seam.max(), int(np.argmax(seam)), in_gap)
    ok &= (middle >= low[in_gap]) | (middle < seam[in_gap])
    ok &= middle <= high[in_gap]
    k = d.pieces[piece[ok], 2].astype(np.int64)
    length = d.drive.high_m[k] - d.drive.low_m[k]
    share_low, share_high = (
        (cuts[:-1][ok] - d.drive.low_m[k]) / length,
        (cuts[1:][ok] - d.drive.low_m[k]) / length,
    )
    # Of two routes on an edge one may count up and the other down: shares go with the driving direction.
    falls = d.drive.to_m[k] < d.drive.from_m[k]
    share_low, share_high = (
        np.where(falls, 1.0 - share_high, share_low),
        np.where(falls, 1.0 - share_low, share_high),
    )
    far, row = _far_rows(d, k)
    own_m = d.drive.counted_m - np.bincount(d.drive.far.at, d.drive.far.counted_m, len(d.drive.edges))
    return (
        np.concatenate([d.drive.edges[k], d.drive.far.edge[far]]),
        np.concatenate([share_low, share_low[row]]),
        np.concatenate([share_high, share_high[row]]),
        np.concatenate([own_m[k], d.drive.far.counted_m[far]]),
        np.concatenate([cuts[:-1][ok], cuts[:-1][ok][row]]),
        np.concatenate([cuts[1:][ok], cuts[1:][ok][row]]),
        np.concatenate([falls, falls[row]]),
        np.concatenate([in_gap[ok], in_gap[ok][row]]),
    )


def _far_rows(d: Driven, k: IntArray) -> tuple[IntArray, IntArray]:
    """Far sides of roundabouts lie where the edge lies that touches them: far side and row, for each row of it."""
    order = np.argsort(k, kind="stable")
    first, last = (np.searchsorted(k[order], d.drive.far.at, side=side) for side in ("left", "right"))
    far = np.repeat(np.arange(len(d.drive.far.at)), last - first)
    step = np.arange(len(far)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
    return far, order[first[far] + step]


def roads_of_drives(driven: Sequence[Driven]) -> pd.DataFrame:
    """Rows of :func:`length_rows` for drives as a whole: what each adds to the network, whatever the gaps."""
    gaps = pd.DataFrame(
        {
            **{name: [getattr(d, name) for d in driven] for name in ("ref", "section")},
            "direction": [d.drive.direction for d in driven],
            "from_m": [d.drive.start_m for d in driven],
            "to_m": [d.drive.end_m for d in driven],
            **{"length_m": 0.0, "over": False, "kind": "", "length_class": 0},
        }
    )
    return length_rows(driven, gaps)


def each_road_once(rows: pd.DataFrame) -> pd.DataFrame:
    """Count a road that several routes share once, with the worst of the gaps that it lies in.

    Parameters
    ----------
    rows : DataFrame
        From :func:`length_rows`.

    Returns
    -------
    DataFrame
        ``gap``, ``length_m``.
    """
    if rows.empty:
        return pd.DataFrame({"gap": np.empty(0, np.int64), "length_m": np.empty(0)})
    drives = rows.groupby("edge")["drive"].transform("nunique")
    alone = rows[drives == 1]
    parts = [
        pd.DataFrame({"gap": alone["gap"], "length_m": (alone["high"] - alone["low"]) * alone["per_share_m"]})
    ]
    if (drives > 1).any():
        parts.append(_overlaid(rows[drives > 1]))
    return pd.concat(parts, ignore_index=True)


def _overlaid(rows: pd.DataFrame) -> pd.DataFrame:
    """Of all rows over each stretch of an edge, the one with the worst gap; the smallest length counts.

    Equally bad gaps: the row that comes first. Stretches come by edge, then along it.
    """
    low, high = rows["low"].to_numpy().round(12), rows["high"].to_numpy().round(12)
    edge = rows["edge"].to_numpy(np.int64)
    cuts = np.unique(np.stack([np.tile(edge, 2), np.concatenate([low, high])], axis=1), axis=0)
    number = pd.MultiIndex.from_arrays([cuts[:, 0].astype(np.int64), cuts[:, 1]])
    first, last = (number.get_indexer(pd.MultiIndex.from_arrays([edge, at])) for at in (low, high))
    count = last - first
    row = np.repeat(np.arange(len(rows)), count)
    stretch = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(count.sum())
    order = np.lexsort((row, -rows["rank"].to_numpy()[row], stretch))
    row, stretch = row[order], stretch[order]
    found, start = np.unique(stretch, return_index=True)
    if not len(found):
        return pd.DataFrame({"gap": np.empty(0, np.int64), "length_m": np.empty(0)})
    per_share = np.minimum.reduceat(rows["per_share_m"].to_numpy()[row], start)
    length = (cuts[found + 1, 1] - cuts[found, 1]) * per_share
    return pd.DataFrame({"gap": rows["gap"].to_numpy()[row[start]], "length_m": length})
