"""Gaps along the routes after each action of a plan, measured by the function that the assessment measures with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd

from ..inputs.bundle import PROPOSED
from ..rules.finding import NO, YES
from ..rules.roads import RoadContext, RouteRule, finite, gap_frame
from ..units import M_PER_KM, WGS84
from .maxcover.problem import BoolArray
from .programme import Programme

SAME = [
    "ref",
    "section",
    "direction",
    "from_m",
    "to_m",
    "from_site",
    "to_site",
    "spacing_class",
    "over",
    "once",
]
"""By these a gap is the same one before and after an action."""
SECTION = ["ref", "section"]


@dataclass(frozen=True, eq=False)
class StepGaps:
    """Gaps and figures through the steps of a plan.

    Attributes
    ----------
    rule : str
        The first rule on spacing, whose gaps these are.
    gaps : GeoDataFrame
        EPSG:4326; as :func:`.roads.gap_frame`, each gap once, with ``from_step, to_step``: the first
        and the last row of ``Programme.steps`` (0: today) at which it is there. A site more only splits gaps, so that
        the steps of a gap are in a row.
    figures : mapping
        Of each rule on routes by its id: index ``step``; the figures of its finding that are about gaps:
        ``span_m, gap_max_m, gap_max_open, own_gaps_over, routes_over``.
    """

    rule: str
    gaps: gpd.GeoDataFrame
    figures: Mapping[str, pd.DataFrame]


def gaps_by_step(
    today: RoadContext, built: RoadContext, rules: Sequence[RouteRule], programme: Programme
) -> StepGaps:
    """Measure the spacing today and after each action.

    Sites keep their ids and places when something is built, so that one look for who serves which route does for all
    steps: only which sites count differs. What is measured at the last step is the assessment after the plan.

    Parameters
    ----------
    today, built : RoadContext
        Without anything of the plan, and with all of it.
    rules : sequence of RouteRule
        The gaps are those of the first one.
    programme : Programme
        With its actions in order.
    """
    frames: list[gpd.GeoDataFrame] = []
    figures = {}
    for rule in rules:
        counts = _counting_sites(today, built, rule, programme)
        served = built.access(rule.site.access_km).served
        longest = {route.ref: _NO_GAPS for route in built.of_class(rule.network)}
        found: list[dict[str, object]] = []
        for step, now in enumerate(counts):
            # A site changes the gaps of the sections that it serves: only those routes are measured again.
            other = np.flatnonzero(now != counts[step - 1]) if step else np.arange(len(now))
            here = served.loc[served["site"].isin(other), SECTION].drop_duplicates()
            changed = set(here["ref"]).intersection(longest) if step else set(longest)
            if changed:
                spacing = built.spacing(rule, rule.network, now, changed)
                longest |= dict.fromkeys(changed, _NO_GAPS) | _longest_by_route(spacing.gaps)
                gaps = _of_sections(spacing.gaps, here) if step else spacing.gaps
                if rule is rules[0] and len(gaps):
                    drawn = gap_frame(built, rule, rule.network, replace(spacing, gaps=gaps))
                    frames.append(drawn.assign(from_step=step))
            found.append(_figures(longest, rule.span_km))
        figures[rule.id] = pd.DataFrame(found, index=pd.RangeIndex(len(found), name="step"))
    return StepGaps(rules[0].id, _each_once(frames, len(programme.steps)), figures)


_NO_GAPS = (np.nan, False, 0)


def _longest_by_route(gaps: pd.DataFrame) -> dict[str, tuple[float, bool, int]]:
    """Longest own part in the region, whether its end is open, and how many gaps are too long, of each route."""
    own_m, is_open = gaps["own_m"].to_numpy(np.float64), gaps["own_open"].to_numpy(bool)
    over = (gaps["over"] & gaps["once"]).to_numpy(bool)
    found = {}
    for ref, rows in gaps.groupby("ref", sort=False).indices.items():
        at = int(np.asarray(rows)[np.argmax(own_m[rows].round(3))])
        found[str(ref)] = (float(own_m[at]), bool(is_open[at]), int(over[rows].sum()))
    return found


def _figures(longest: Mapping[str, tuple[float, bool, int]], span_km: float) -> dict[str, object]:
    """Figures of all routes together, as :func:`.roads.spacing_figures` has them."""
    known = [each for each in longest.values() if not np.isnan(each[0])]
    gap_max_m, is_open, _ = max(known, key=lambda each: round(each[0], 3), default=_NO_GAPS)
    over = [n for *_, n in known if n]
    return {
        "span_m": span_km * M_PER_KM, "gap_max_m": finite(gap_max_m), "gap_max_open": is_open,
        "own_gaps_over": sum(over), "routes_over": len(over),
    }  # fmt: skip


def _counting_sites(
    today: RoadContext, built: RoadContext, rule: RouteRule, programme: Programme
) -> list[BoolArray]:
    """For each row of the steps which sites of the plan carried out surely count."""
    ids = built.inputs.sites["id"].astype(str)
    before = dict(zip(today.inputs.sites["id"].astype(str), today.status(rule.site), strict=True))
    after = built.status(rule.site) == YES
    at = dict(zip(ids, range(len(ids)), strict=True))
    now = (ids.map(before).fillna(NO) == YES).to_numpy(bool)
    target = dict(zip(programme.actions["id"], programme.actions["target"].astype(str), strict=True))
    counts = []
    for action in programme.steps["action"].astype(str):
        now = now.copy()
        for name in (f"{PROPOSED}{action}", target.get(action)):
            if name in at:
                now[at[name]] = after[at[name]]
        counts.append(now)
    return counts


def _of_sections(gaps: pd.DataFrame, sections: pd.DataFrame) -> pd.DataFrame:
    """Gaps of some sections, with their index."""
    wanted = pd.MultiIndex.from_frame(sections)
    return gaps[pd.MultiIndex.from_frame(gaps[SECTION]).isin(wanted)]


def _each_once(frames: list[gpd.GeoDataFrame], n_steps: int) -> gpd.GeoDataFrame:
    """Gaps of all states below each other, those that stay as one row.

    A frame has all gaps of the sections that changed; a section has a gap in every state, if any.
    """
    if not frames:
        return gpd.GeoDataFrame(
            {name: [] for name in (*SAME, "from_step", "to_step")}, geometry=[], crs=WGS84
        )
    joined = pd.concat(frames, ignore_index=True)
    states = joined[[*SECTION, "from_step"]].drop_duplicates()
    states["to_step"] = states.groupby(SECTION, sort=False)["from_step"].shift(-1).fillna(n_steps) - 1
    joined = joined.merge(states, on=[*SECTION, "from_step"], how="left")
    last = joined.groupby(SAME, sort=False, dropna=False)["to_step"].transform("max")
    kept = joined.assign(to_step=last.astype(np.int64))[~joined.duplicated(SAME)]
    return gpd.GeoDataFrame(kept.reset_index(drop=True), geometry="geometry", crs=WGS84)
