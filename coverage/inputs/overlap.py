"""What stands in a table and in OpenStreetMap, too: counted once, with the provenance of both.

A user's tables complete each other and are added up. OpenStreetMap is a survey of the same places by others:
where it shows what a table lists already, the table's row stays, what it does not know is taken from
OpenStreetMap, and ``provenance`` names both.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import Fault
from .from_osm import SOURCE
from .headers import listed
from .ledger import Merge
from .proximity import pairs_between

OVERLAP_M = 100.0
"""As far apart as points of one charging site may be; see :data:`plugspan.inputs.sites.SITE_REACH_M`."""
MEASURES = ("current", "points", "dc_points", "fast_points", "point_kw", "pool_kw")
"""What belongs together: it is taken over only where the numbers of points don't contradict each other."""
OWN = frozenset(["id", "provenance", "note", "source", "source_row", "geometry", "ref", "kind"])
"""What a row keeps as it is."""

IntArray = npt.NDArray[np.int64]


def merge_overlap(
    table: gpd.GeoDataFrame, agree: Sequence[str], reach_m: float = OVERLAP_M
) -> tuple[gpd.GeoDataFrame, list[Fault], list[Merge]]:
    """Leave out rows from OpenStreetMap that a table of the user lists already.

    Parameters
    ----------
    table : GeoDataFrame
        Chargers or facilities of all sources, EPSG:4326.
    agree : sequence of str
        Columns in which two known values must agree for two rows to be the same thing (``operator``,
        ``kind``, ``current``, ``side``); a name that holds the other (``Fortum``, ``Fortum Charge``) agrees.
    reach_m : float
        Geodesic distance up to which two rows may be the same thing.

    Returns
    -------
    GeoDataFrame
        A row of OpenStreetMap goes with the nearest row that agrees, ties by id. If that row has no other
        partner, it takes over what it does not know.
    list of Fault
        A note that names what was left out, if anything was.
    list of Merge
        What was left out, for the ledger.
    """
    osm = (table["source"] == SOURCE).to_numpy(dtype=bool) & table.geometry.notna().to_numpy()
    own = ~osm & table.geometry.notna().to_numpy()
    if not osm.any() or not own.any():
        return table, [], []
    theirs, ours = np.flatnonzero(osm), np.flatnonzero(own)
    i, j, distance_m = pairs_between(table.geometry.iloc[theirs], table.geometry.iloc[ours], reach_m)
    i, j = theirs[i], ours[j]
    same = np.ones(len(i), dtype=bool)
    for name in agree:
        same &= _agrees(table[name], i, j)
    i, j, distance_m = i[same], j[same], distance_m[same]
    if not len(i):
        return table, [], []
    order = np.lexsort((table["id"].astype(str).to_numpy()[j], np.round(distance_m, 3), i))
    gone, first = np.unique(i[order], return_index=True)
    kept = j[order][first]
    merged = _taken_over(table, gone, kept, np.bincount(i, minlength=len(table)) == 1)
    rows = [f"{a} = {b}" for a, b in zip(table["id"].iloc[gone], table["id"].iloc[kept], strict=True)]
    values = {"n": len(gone), "rows": listed(rows, 10)}
    note = Fault("osm-overlap", values=values, warning=True)
    name = "chargers" if "connector" in table else "facilities"
    ids, numbers = table["id"].astype(str).to_numpy(), table["source_row"].to_numpy()
    merges = [
        Merge(ids[k], ids[g], name, SOURCE, (int(numbers[g]),), 1.0, (("osm", ""),))
        for g, k in zip(gone.tolist(), kept.tolist(), strict=True)
    ]
    return merged.drop(index=table.index[gone]).reset_index(drop=True), [note], merges


def plain(value: Any) -> str:
    """Return a name without case, spaces, punctuation and width; empty if it is missing."""
    return "" if pd.isna(value) else _plain(str(value))


@lru_cache(maxsize=10_000)
def _plain(value: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", value).casefold() if c.isalnum())


def _agrees(column: pd.Series[Any], i: IntArray, j: IntArray) -> npt.NDArray[np.bool_]:
    words = [plain(value) for value in column]
    return np.array(
        [words[a] in words[b] or words[b] in words[a] for a, b in zip(i.tolist(), j.tolist(), strict=True)],
        dtype=bool,
    )


def _taken_over(
    table: gpd.GeoDataFrame, gone: IntArray, kept: IntArray, lone: npt.NDArray[np.bool_]
) -> gpd.GeoDataFrame:
    """Fill what the kept rows don't know from their only partner, and name both sources."""
    only = lone[gone] & (np.bincount(kept, minlength=len(table))[kept] == 1)
    row, other = kept[only], gone[only]
    points = [table["points"].to_numpy(float, na_value=np.nan)[at] for at in (row, other)]
    clash = ~np.isnan(points).any(axis=0) & (points[0] != points[1])
    filled: dict[str, pd.Series[Any]] = {}
    for name in (n for n in table.columns if n not in OWN):
        known = table[name].notna().to_numpy()
        takes = ~known[row] & known[other] & ~(clash & (name in MEASURES))
        if takes.any():
            filled[name] = table[name].copy()
            filled[name].iloc[row[takes]] = table[name].iloc[other[takes]].to_numpy()
    said = table["provenance"].fillna(table["source"]).astype(object)
    for at, ids in pd.Series(table["id"].to_numpy(object)[gone]).groupby(kept):
        said.iloc[at] = f"{said.iloc[at]}; {SOURCE} ({', '.join(ids)})"
    said = said.where(np.isin(np.arange(len(table)), kept), table["provenance"])
    return table.assign(**filled, provenance=said.astype(table["provenance"].dtype))
