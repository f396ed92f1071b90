"""Lengths of gaps on the ground: parts of a region, and roads that several routes share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..network.graph import FloatArray, IntArray
from .spacing_gaps import DRIVE_KEY, SHARED, Driven

COLUMNS = ["drive", "edge", "low", "high", "per_share_m", "gap", "rank"]


def length_rows(driven: Sequence[Driven], gaps: pd.DataFrame) -> pd.DataFrame:
    """Cut the drives in the region at the ends of their gaps.

    Returns
    -------
    DataFrame
        One row per edge, gap and drive: ``drive`` (number), ``edge`` (directed edge; far sides of roundabouts
        too), ``low``, ``high`` (shares of the edge along the drive), ``per_share_m`` (what the whole edge adds to
        the length), ``gap`` (row in ``gaps``), ``rank`` (the worse, the higher).
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
            edge, low, high, per_share, which = _rows(d, places[at].min(axis=1), places[at].max(axis=1))
            who = np.full(len(edge), number)
            parts.append(
                (who, edge, low, high, per_share, gaps.index.to_numpy()[at[which]], length[at[which]])
            )
    if not parts:
        return pd.DataFrame({name: [] for name in COLUMNS})
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


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
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray, IntArray]:
    """Edges, shares from and to, length of the whole edge, and number of the gap, for one drive."""
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
    far, row = _far_rows(d, k)
    own_m = d.drive.counted_m - np.bincount(d.drive.far.at, d.drive.far.counted_m, len(d.drive.edges))
    return (
        np.concatenate([d.drive.edges[k], d.drive.far.edge[far]]),
        np.concatenate([share_low, share_low[row]]),
        np.concatenate([share_high, share_high[row]]),
        np.concatenate([own_m[k], d.drive.far.counted_m[far]]),
        np.concatenate([in_gap[ok], in_gap[ok][row]]),
    )


def _far_rows(d: Driven, k: IntArray) -> tuple[IntArray, IntArray]:
    """Far sides of roundabouts lie where the edge lies that touches them: far side and row, for each row of it."""
    order = np.argsort(k, kind="stable")
    first, last = (np.searchsorted(k[order], d.drive.far.at, side=side) for side in ("left", "right"))
    far = np.repeat(np.arange(len(d.drive.far.at)), last - first)
    step = np.arange(len(far)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
    return far, order[first[far] + step]


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
