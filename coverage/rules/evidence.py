"""What stands behind a gap: sites that could close it, sites that seem to and don't, and how one gets there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..inputs import Inputs, qualify
from ..inputs.sites import exists
from ..measure.spacing_gaps import DRIVE_KEY, rows_by_drive
from ..measure.strips_around import DriveLines
from ..network.access import access_segments, find_served
from ..network.graph import FloatArray, IntArray
from ..network.routes import Drive, DriveKey, Route, drives_by_key, mercator
from ..units import M_PER_KM, lonlat
from .finding import NO, UNKNOWN, YES, site_status
from .model import SiteRequirement
from .policy import Policy
from .roads import RoadContext, RouteRule

EVIDENCE_COLUMNS = (
    *(
        "gap",
        "gap_id",
        "rule",
        *DRIVE_KEY,
        "from_m",
        "to_m",
        "evidence_kind",
        "rank",
        "id",
        "name",
        "kind",
        "reason",
    ),
    *("meets", "chainage_m", "distance_m", "back_m", "straight_m", "ways"),
)
"""Columns of :attr:`.assessment.Assessment.evidence`."""
MOST_CANDIDATES, MOST_NOT_COUNTING = 3, 5
REASONS = (
    *("restricted", "not_operational", "other_kind", "unknown_power", "unknown_points"),
    *("slow", "too_few_points", "weak_pool", "plug_or_hours", "outside"),
)
"""Why a site that serves a route does not count for a rule; those of :data:`plugspan.network.access.REASONS` say
why a site near it does not serve it."""
_SAME_M = 1e-3
"""Places are compared to the millimetre, as all lengths."""


def gap_evidence(
    context: RoadContext, policy: Policy, gaps: pd.DataFrame, candidates: gpd.GeoDataFrame | None = None
) -> pd.DataFrame:
    """Evidence for each gap of the rules on spacing and on covered length.

    Parameters
    ----------
    context : RoadContext
    policy : Policy
        The policy that was assessed.
    gaps : DataFrame
        ``Assessment.gaps``.
    candidates : GeoDataFrame, optional
        Places where a site may be built: ``id, kind, name``, ``excluded`` (missing = free), points (EPSG:4326).

    Returns
    -------
    DataFrame
        A row for each piece of evidence: ``gap`` (row in ``gaps``), ``evidence_kind``, ``rank`` (1 is best),
        ``id, name, kind, chainage_m`` and, where known, ``distance_m`` (route to site), ``back_m`` (site to
        the same direction), ``straight_m``.

        ``from_site``, ``to_site``
            the sites that close the gap, with the OSM ``ways`` from the road to the site, in driving order (none
            if it lies on the carriageway);
        ``candidate``
            the :data:`MOST_CANDIDATES` free candidates that would serve this direction and whose way leaves it
            inside the gap (not at its very end), nearest to its middle first (ties: shorter way, then id);
        ``not_counting``
            the :data:`MOST_NOT_COUNTING` sites at the gap that don't count, with the ``reason`` and whether the
            site itself ``meets`` the requirement (yes, unknown, no), nearest to the road first: those that serve
            this direction without meeting the requirement, and those near it that don't serve it.
    """
    if gaps.empty:
        return pd.DataFrame(columns=list(EVIDENCE_COLUMNS))
    parts = []
    for rule in policy.rules:
        if isinstance(rule, RouteRule):
            own = _Gaps(gaps[gaps["rule"] == rule.id], context.of_class(rule.network))
            parts += [_closing(context, rule, own.gaps), _candidates(context, rule, own, candidates)]
            parts.append(_not_counting(context, rule, own))
    table = pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
    table = table.join(gaps[["gap_id", "rule", *DRIVE_KEY, "from_m", "to_m"]], on="gap")
    kinds = pd.Categorical(table["evidence_kind"], ("from_site", "to_site", "candidate", "not_counting"))
    order = np.lexsort((table["rank"], kinds.codes, table["gap"]))
    return table.iloc[order].reindex(columns=list(EVIDENCE_COLUMNS)).reset_index(drop=True)


_PLACE = ["chainage_m", "distance_m", "back_m", "straight_m"]


@dataclass(frozen=True, eq=False)
class _Gaps:
    """The gaps of one rule, to look up in which of them a place lies."""

    gaps: pd.DataFrame
    routes: list[Route]

    @cached_property
    def drives(self) -> dict[DriveKey, Drive]:
        return drives_by_key(self.routes)

    @cached_property
    def _groups(self) -> dict[DriveKey, IntArray]:
        return rows_by_drive(self.gaps)

    @cached_property
    def bounds_m(self) -> FloatArray:
        """(g, 2) low and high chainage of each gap."""
        ends: FloatArray = np.sort(self.gaps[["from_m", "to_m"]].to_numpy(float), axis=1)
        return ends

    def place(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of a table of places that lie in a gap: ``gap``, ``off_m`` (from its middle), ``to_end_m``."""
        gap, off = np.full(len(table), -1, dtype=np.int64), np.full(len(table), np.nan)
        at = table["chainage_m"].to_numpy(float)
        for key, rows in rows_by_drive(table).items():
            mine = self._groups.get(key)
            if mine is not None:
                gap[rows], off[rows] = self._in_drive(mine, self.drives[key], at[rows])
        found = table.assign(gap=gap, off_m=off)[gap >= 0]
        half_m = self.gaps["length_m"].reindex(found["gap"]).to_numpy(float) / 2.0
        return found.assign(to_end_m=half_m - found["off_m"])

    def _in_drive(self, mine: IntArray, drive: Drive, at: FloatArray) -> tuple[IntArray, FloatArray]:
        """Row of the gap (-1: none) and distance from its middle of places on one drive."""
        order = mine[np.lexsort((self.bounds_m[mine, 1], self.bounds_m[mine, 0]))]
        low, high = self.bounds_m[order].T
        row, off = np.full(len(at), -1, dtype=np.int64), np.full(len(at), np.nan)
        for turn in (0.0, drive.end_m - drive.start_m) if drive.ring else (0.0,):
            k = np.maximum(np.searchsorted(low, at + turn + _SAME_M, side="right") - 1, 0)
            fits = (row < 0) & (at + turn >= low[k] - _SAME_M) & (at + turn <= high[k] + _SAME_M)
            row = np.where(fits, self.gaps.index.to_numpy(np.int64)[order[k]], row)
            off = np.where(fits, np.abs(at + turn - (low[k] + high[k]) / 2.0), off)
        return row, off


def _ranked(table: pd.DataFrame, by: list[str], most: int, kind: str) -> pd.DataFrame:
    """Return the first few of each gap."""
    table = table.sort_values(["gap", *by], kind="stable")
    rank = table.groupby("gap").cumcount() + 1
    return table.assign(rank=rank, evidence_kind=kind)[rank <= most]


# -- sites that close a gap ------------------------------------------------------------------------------


def _closing(context: RoadContext, rule: RouteRule, gaps: pd.DataFrame) -> pd.DataFrame:
    """The sites at the two ends of each gap, how far off the road they are, and the roads one takes there."""
    served = context.access(rule.site.access_km).served
    ids = context.inputs.sites["id"].to_numpy(object)
    closing = set(gaps["from_site"].dropna()) | set(gaps["to_site"].dropna())
    of_rule = served["ref"].isin(set(gaps["ref"])).to_numpy(bool)
    served = served[of_rule & np.isin(ids[served["site"].to_numpy(np.int64)], list(closing))]
    served = _about_sites(context, served.assign(ways=_ways_to(context, rule, served)))
    parts = []
    for end in ("from_site", "to_site"):
        rows = gaps[[*DRIVE_KEY, end]].rename(columns={end: "id"}).dropna(subset="id")
        found = rows.reset_index(names="gap").merge(served, on=[*DRIVE_KEY, "id"], how="left")
        parts.append(found.assign(evidence_kind=end, rank=1))
    return _shaped(pd.concat(parts, ignore_index=True)).assign(meets=YES)


def _ways_to(context: RoadContext, rule: RouteRule, served: pd.DataFrame) -> list[str]:
    """OSM ways from the road to the site."""
    routes = context.of_class(rule.network)
    limit_m = rule.site.access_km * M_PER_KM
    segments = access_segments(context.index, routes, context.snapped, served, access_m=limit_m)
    way = context.graph.segments["way_id"].to_numpy()
    return [" ".join(map(str, pd.unique(way[s]))) for s in segments]


def _about_sites(context: RoadContext, table: pd.DataFrame) -> pd.DataFrame:
    """Put id, name and kind in the place of a site's number."""
    sites, at = context.inputs.sites, table["site"].to_numpy(np.int64)
    columns = {name: sites[name].to_numpy(object)[at] for name in ("id", "name", "kind")}
    return table.assign(**columns)


def _shaped(table: pd.DataFrame) -> pd.DataFrame:
    columns = ["gap", "evidence_kind", "rank", "id", "name", "kind", "reason", "meets", "ways", *_PLACE]
    shaped = table.reindex(columns=columns)
    return shaped.astype(dict.fromkeys(_PLACE, float)).astype(
        dict.fromkeys(("reason", "meets", "ways"), object)
    )


# -- candidates ------------------------------------------------------------------------------------------


def _candidates(
    context: RoadContext, rule: RouteRule, gaps: _Gaps, candidates: gpd.GeoDataFrame | None
) -> pd.DataFrame:
    if candidates is None or candidates.empty:
        return _shaped(pd.DataFrame({"gap": []}))
    free = candidates[candidates["excluded"].isna()] if "excluded" in candidates else candidates
    points = lonlat(free.geometry)
    access_m, snapped = rule.site.access_km * M_PER_KM, context.snapper.snap(points)
    served = find_served(
        context.index, gaps.routes, snapped, points, access_m=access_m, snapper=context.snapper
    )
    at = served["site"].to_numpy(np.int64)
    named = served.assign(**{name: free[name].to_numpy(object)[at] for name in ("id", "name", "kind")})
    placed = gaps.place(named)
    placed = placed[placed["to_end_m"] > _SAME_M].round({"off_m": 1})
    return _shaped(_ranked(placed, ["off_m", "distance_m", "id"], MOST_CANDIDATES, "candidate"))


# -- sites that don't count ------------------------------------------------------------------------------


def _not_counting(context: RoadContext, rule: RouteRule, gaps: _Gaps) -> pd.DataFrame:
    access = context.access(rule.site.access_km)
    why = why_not(context.inputs, rule)
    why[context.status(rule.site) == YES] = None
    served = access.served[access.served["ref"].isin({r.ref for r in gaps.routes})]
    reason = why[served["site"].to_numpy(np.int64)]
    served = served.assign(reason=reason)[pd.notna(reason)]
    near = access.near[access.near["ref"].isin({r.ref for r in gaps.routes})]
    near = near.assign(chainage_m=_beside(context, near, gaps.drives))
    table = pd.concat([t for t in (served, near) if len(t)] or [served], ignore_index=True)
    table["meets"] = context.status(rule.site)[table["site"].to_numpy(np.int64)]
    table = _about_sites(context, gaps.place(table[table["chainage_m"].notna()].reset_index(drop=True)))
    away = table["straight_m"] if "straight_m" in table else pd.Series(np.nan, index=table.index)
    table["away_m"] = away.astype(float).fillna(table["distance_m"])
    return _shaped(_ranked(table, ["away_m", "id"], MOST_NOT_COUNTING, "not_counting"))


def _beside(context: RoadContext, near: pd.DataFrame, drives: Mapping[DriveKey, Drive]) -> FloatArray:
    """Chainage of the place on the road that is nearest in a straight line; NaN if there is none."""
    points = mercator(lonlat(context.inputs.sites.geometry))
    found = np.full(len(near), np.nan)
    site, far = near["site"].to_numpy(np.int64), near["straight_m"].to_numpy(float) * 1.01 + 10.0
    for key, rows in rows_by_drive(near).items():
        lines = DriveLines(context.index, drives[key])
        which, at, _ = lines.nearest(points[site[rows]], float(far[rows].max()))
        found[rows[which]] = at
    return found


def why_not(inputs: Inputs, rule: RouteRule) -> npt.NDArray[np.object_]:
    """(sites,) why each site does not count for a rule, one of :data:`REASONS`; None where it does.

    The first that holds: closed to the public, not in operation, no charging site (battery swap, hydrogen), power
    or number of points unknown, too slow, too few points, too little power of the whole site, the wrong plug or
    not open day and night, outside the region (where such sites don't count).
    """
    site, sites = rule.site, inputs.sites
    status = site_status(inputs, site)
    # Each asks for one thing more: power of a point, number of points, power of the whole site.
    keys = ["serves", "dc_min_kw", "min_points", "pool_min_kw"]
    enough_kw, enough, strong = (
        qualify(sites, inputs.chargers, **{key: site.asked[key] for key in keys[:n]}).to_numpy(object)
        for n in (2, 3, 4)
    )
    outside = ~sites["inside"].to_numpy(bool) & (not rule.counts_outside)
    holds = {
        "restricted": _restricted(inputs, site),
        "not_operational": ~_any_charger(inputs, exists(inputs.chargers)),
        "other_kind": ~_any_charger(
            inputs, (inputs.chargers["kind"].fillna("charging") == site.serves).to_numpy(bool)
        ),
        "unknown_power": (status == UNKNOWN) & (enough_kw == UNKNOWN),
        "unknown_points": status == UNKNOWN,
        "slow": (status == NO) & (enough_kw == NO) & (site.dc_min_kw > 0),
        "too_few_points": enough == NO,
        "weak_pool": (status == NO) & (strong == NO),
        "plug_or_hours": status == NO,
        "outside": np.asarray(outside),
    }
    counts = (status == YES) & ~holds["outside"]
    reason = np.full(len(sites), None, dtype=object)
    for name in reversed(REASONS):
        reason[holds[name] & ~counts] = name
    return reason


def _restricted(inputs: Inputs, site: SiteRequirement) -> npt.NDArray[np.bool_]:
    closed = (inputs.sites["access"] == "restricted").fillna(False).to_numpy(bool)
    return np.asarray(closed & site.public_only)


def _any_charger(inputs: Inputs, holds: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(sites,) whether it holds for any charger of each site."""
    of_site = pd.Series(holds).groupby(inputs.chargers["site"].to_numpy()).any()
    return np.asarray(of_site.reindex(inputs.sites["id"], fill_value=False).to_numpy(bool))
