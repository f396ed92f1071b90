"""What an assessment says about one rule: an interval, a status, and the evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..inputs import Inputs, qualify
from ..units import M_PER_KM, compare_m
from .model import Rule, SiteRequirement

Status = Literal["met", "not met", "undecided", "not due"]
Shown = Literal["met", "met on average", "not met", "undecided", "not due"]
YES, UNKNOWN, NO = "yes", "unknown", "no"
TOLERANCE = 1e-9
"""Shares are ratios of sums; a target is taken as reached this close to it."""


class Ratio(NamedTuple):
    """What a share is made of, so that a reader can redo it: so many, or metres, of so many."""

    part: float
    whole: float

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, eq=False, repr=False)
class Finding:
    """The measured value of a rule.

    Attributes
    ----------
    rule : Rule
        What was demanded.
    unit : str
        ``"share"`` (0 … 1), ``"km"`` or ``"margin"`` (difference of two shares).
    low, high : float or None
        The value if every unknown is unfavourable to the number being large, and if it is favourable. None
        where there is nothing to measure, or no bound.
    counts : mapping
        ``yes``, ``unknown``, ``no``: how many were counted as what.
    figures : mapping
        Further numbers, with their unit in the key.
    table : DataFrame
        The evidence, a row for each thing counted.
    survey : DataFrame
        What to find out, most decisive first.
    ratios : (Ratio, Ratio) or None
        What ``low`` and ``high`` are made of, where the counts don't say it; of a margin, the shares it starts from.
    ratio_unit : str
        ``""`` if the parts are counted as ``counts`` is, ``"m"`` for metres of road, ``"m/site"`` for metres of road of
        so many sites.
    at : date or None
        Day of the state that was measured. A rule that is due later is not missed then, only not met so far.
    may_count : mapping
        ``counts`` of what may or may not belong to what the rule counts; empty where all that is counted belongs.
    """

    rule: Rule
    unit: Literal["share", "km", "margin", "count"]
    low: float | None
    high: float | None
    counts: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    survey: pd.DataFrame = field(default_factory=pd.DataFrame)
    ratios: tuple[Ratio, Ratio] | None = None
    ratio_unit: Literal["", "m", "m/site"] = ""
    at: dt.date | None = None
    may_count: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Rule, interval and status."""
        return f"<Finding {self.rule.id}: {self.low} – {self.high} {self.unit}, {self.shown or 'reported'}>"

    @property
    def target(self) -> float | None:
        """What the rule asks for, in the finding's unit; None if it asks only for a report."""
        return self.rule.target.value

    @property
    def parts(self) -> tuple[Ratio, Ratio] | None:
        """What the ends of a share are made of: ``ratios``, or the counts if they give the value; None if neither."""
        if self.ratios is not None or self.unit != "share" or self.low is None or self.high is None:
            return self.ratios if self.low is not None else None
        if not {YES, UNKNOWN, NO} <= set(self.counts):
            return None
        low, high = count_ratios(self.counts)
        if low.value is None or high.value is None:
            return None
        same = abs(low.value - self.low) <= TOLERANCE and abs(high.value - self.high) <= TOLERANCE
        return (low, high) if same else None

    @property
    def status(self) -> Status | None:
        """``"met"``, ``"not met"``, ``"undecided"``, ``"not due"`` (nor met yet); None for a rule without a target."""
        found = self._compared()
        early = self.at is not None and self.rule.by is not None and self.rule.by > self.at
        return "not due" if early and found in ("not met", "undecided") else found

    def _compared(self) -> Status | None:
        """The value against the target, whenever that is due."""
        if self.target is None:
            return None
        if self.low is None and self.high is None:
            return "undecided"
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        if self.unit == "km":
            target_m = self.target * M_PER_KM
            met = bool(compare_m(high * M_PER_KM, target_m) <= 0)
            missed = bool(compare_m(low * M_PER_KM, target_m) > 0)
        elif self.rule.target.at_most:
            met, missed = high <= self.target + TOLERANCE, low > self.target + TOLERANCE
        else:
            met, missed = low >= self.target - TOLERANCE, high < self.target - TOLERANCE
        return "met" if met else "not met" if missed else "undecided"

    @property
    def shown(self) -> Shown | None:
        """The status as it must be shown: an average hides holes, so it is never plainly met while there are any.

        A share of length is no average: what it leaves uncovered is in the share itself.
        """
        if self.unit == "km" and self.status == "met" and self.figures.get("own_gaps_over"):
            return "met on average"
        return self.status


@dataclass(frozen=True, eq=False)
class Measured:
    """What a kind of rule measures: the finding, and rows of frames that several rules fill.

    Attributes
    ----------
    finding : Finding
    gaps : GeoDataFrame, optional
        Gaps along routes, as :attr:`.assessment.Assessment.gaps`.
    routes : DataFrame, optional
        Figures of routes, as :attr:`.assessment.Assessment.routes`: the first rule that gives them fills the table.
    demand : GeoDataFrame, optional
        Demand points with what the rule found, as :attr:`.assessment.Assessment.demand`.
    """

    finding: Finding
    gaps: gpd.GeoDataFrame | None = None
    routes: pd.DataFrame | None = None
    demand: gpd.GeoDataFrame | None = None


def site_status(inputs: Inputs, site: SiteRequirement) -> npt.NDArray[np.object_]:
    """(sites,) ``yes``, ``unknown`` or ``no``: whether each charging site meets a requirement."""
    status = qualify(inputs.sites, inputs.chargers, **site.asked)
    closed = (inputs.sites["access"] == "restricted").fillna(False).to_numpy(bool) & site.public_only
    return np.where(closed, NO, status.to_numpy(object))


def status_counts(status: npt.ArrayLike, weight: npt.ArrayLike = 1.0) -> dict[str, float]:
    """Sum ``weight`` (each row counts 1 by default) over the rows that are ``yes``, ``unknown``, ``no``.

    Examples
    --------
    >>> status_counts(["yes", "no", "yes"], [2.0, 1.0, 0.5])
    {'yes': 2.5, 'unknown': 0.0, 'no': 1.0}
    """
    found = np.asarray(status, dtype=object)
    each = np.broadcast_to(np.asarray(weight, dtype=np.float64), found.shape)
    return {key: float(each[found == key].sum()) for key in (YES, UNKNOWN, NO)}


def count_ratios(counts: Mapping[str, float]) -> tuple[Ratio, Ratio]:
    """What the ends of a share are made of: unknowns count as no at the low end, as yes at the high one.

    Examples
    --------
    >>> count_ratios({"yes": 2.0, "unknown": 1.0, "no": 1.0})
    (Ratio(part=2.0, whole=4.0), Ratio(part=3.0, whole=4.0))
    """
    whole = sum(counts.values())
    return Ratio(counts[YES], whole), Ratio(counts[YES] + counts[UNKNOWN], whole)


def share_bounds(status: pd.Series) -> tuple[float | None, float | None, dict[str, float]]:
    """Interval of a share from ``yes / unknown / no``, and the counts.

    Examples
    --------
    >>> share_bounds(pd.Series(["yes", "unknown", "no", "yes"]))
    (0.5, 0.75, {'yes': 2.0, 'unknown': 1.0, 'no': 1.0})
    """
    counts = status_counts(status)
    low, high = count_ratios(counts)
    return low.value, high.value, counts


def ratio_ends(
    low: npt.ArrayLike, high: npt.ArrayLike, whole: npt.ArrayLike, certain: npt.ArrayLike
) -> tuple[Ratio, Ratio] | None:
    """Least and largest ``sum(part) / sum(whole)`` when parts are intervals and some rows may not belong.

    Parameters
    ----------
    low, high : (n,) float
        Interval of each row's part, ``0 <= low <= high <= whole``.
    whole : (n,) float
        Each row's whole, positive.
    certain : (n,) bool
        True where the row surely belongs to the population; the others may or may not.

    Returns
    -------
    (Ratio, Ratio) or None
        The smallest and largest value over all ways to decide the unknowns; None if no row can belong.

    Notes
    -----
    An optional row lowers a pooled ratio exactly if its own ratio is below it, so taking the optional rows in
    order of their ratio as long as that helps gives the optimum (fractional programming).
    """
    low, high = np.asarray(low, float), np.asarray(high, float)
    whole, certain = np.asarray(whole, float), np.asarray(certain, bool)
    if not len(whole):
        return None
    least, most = _extreme(low, whole, certain), _extreme(-high, whole, certain)
    return least, Ratio(0.0 - most.part, most.whole)


def _extreme(part: npt.NDArray[Any], whole: npt.NDArray[Any], certain: npt.NDArray[Any]) -> Ratio:
    ratio = part / whole
    order = np.argsort(ratio[~certain], kind="stable")
    parts = part[certain].sum() + np.concatenate([[0.0], np.cumsum(part[~certain][order])])
    wholes = whole[certain].sum() + np.concatenate([[0.0], np.cumsum(whole[~certain][order])])
    parts, wholes = parts[wholes > 0], wholes[wholes > 0]
    ratios = parts / wholes
    at = int(np.flatnonzero(ratios == ratios.min())[-1])  # of equal ones all that may belong: 0/45, not 0/1
    return Ratio(float(parts[at]), float(wholes[at]))


def three_valued(flag: pd.Series) -> pd.Series:
    """A flag as ``yes``, ``unknown`` (missing) or ``no``."""
    known = flag.astype("boolean")
    return pd.Series(
        np.select([known.isna(), known.fillna(False).to_numpy(bool)], [UNKNOWN, YES], NO),
        index=flag.index,
        dtype=object,
    )


def has_ends(
    has: pd.Series, whole: npt.NDArray[Any], certain: npt.NDArray[Any]
) -> tuple[Ratio, Ratio] | None:
    """Ends of the share of ``whole`` that has what is asked; rows that are not ``certain`` may not belong."""
    part_low = np.where(has == YES, whole, 0.0)
    part_high = np.where(has == NO, 0.0, whole)
    return ratio_ends(part_low, part_high, whole, certain)


def told_ends(ends: tuple[Ratio, Ratio] | None) -> dict[str, float | None]:
    """Figures of a share: its ends, and what each is made of."""
    low, high = ends or (Ratio(0.0, 0.0), Ratio(0.0, 0.0))
    return {
        "low": low.value, "low_part": low.part, "low_whole": low.whole,
        "high": high.value, "high_part": high.part, "high_whole": high.whole,
    }  # fmt: skip
