"""Ids of rows: under the names that all outputs have for them, and of gaps for rows that tell of one.

A place that is there has a ``site_id``, what may be built or done an ``action_id``, a gap a ``gap_id``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..measure.spacing_gaps import DRIVE_KEY
from ..schema import Frame
from ..units import M_PER_KM

_KEY = ["rule", *DRIVE_KEY]
_SAME_KM = 1e-3
"""Lengths are compared to the metre, by which gaps are told apart."""


def with_row_id(frame: Frame, names: Iterable[str]) -> Frame:
    """Return a frame with its own ``id`` under the name that its columns have for it, if they have one."""
    wanted = next((n for n in ("site_id", "action_id") if n in names and n not in frame), None)
    found: Frame = frame.rename(columns={"id": wanted}) if wanted else frame
    return found


def with_both_ids(sites: pd.DataFrame) -> pd.DataFrame:
    """Return sites (``id, existing``) with a ``site_id`` if they exist, else with an ``action_id``."""
    if not len(sites):
        return sites
    there = sites["existing"].astype(bool)
    return sites.assign(site_id=sites["id"].where(there, None), action_id=sites["id"].where(~there, None))


class GapsAround:
    """Finds the gap in which a stretch of road lies.

    Parameters
    ----------
    gaps : GeoDataFrame
        ``Assessment.gaps``, in metres.
    """

    def __init__(self, gaps: gpd.GeoDataFrame) -> None:
        ends = gaps[["from_m", "to_m"]].to_numpy(float)
        self._low, self._high = ends.min(axis=1), ends.max(axis=1)
        self._ids = gaps["gap_id"].to_numpy(object)
        self._rows = gaps.groupby(_KEY, sort=False).indices

    def id_of(self, stretch: Mapping[Any, Any]) -> str | None:
        """Id of the gap that holds most of a stretch.

        Parameters
        ----------
        stretch : mapping
            ``rule, ref, section, direction, from_m, to_m``; without all of these it lies in no gap.

        Returns
        -------
        str or None
            ``gap_id``; None if no gap of that rule and direction holds any of it.
        """
        if any(pd.isna(stretch.get(name)) for name in (*_KEY, "from_m", "to_m")):
            return None
        mine = self._rows.get(tuple(stretch[name] for name in _KEY))
        if mine is None:
            return None
        low, high = sorted((float(stretch["from_m"]), float(stretch["to_m"])))
        common = np.minimum(self._high[mine], high) - np.maximum(self._low[mine], low)
        best = int(np.argmax(common))
        return str(self._ids[mine[best]]) if common[best] >= 0.0 else None


def longest_gaps(gaps: gpd.GeoDataFrame, rule: str, routes: pd.DataFrame) -> pd.Series[str]:
    """Id of the gap that ``gap_max_km`` of each route of a rule is the length of; missing where there is none."""
    mine = gaps[gaps["rule"] == rule]
    longest = mine.loc[mine.groupby("ref")["own_m"].idxmax().dropna()].set_index("ref")
    found = longest.reindex(routes["ref"])
    off_km = found["own_m"].to_numpy(float) / M_PER_KM - routes["gap_max_km"].to_numpy(float)
    ids = pd.Series(found["gap_id"].to_numpy(object), routes.index, dtype=object)
    return ids.where(abs(off_km) <= _SAME_KM, None)
