"""The tables of a plan that go with its layers: findings, routes, access, evidence, what is doubtful."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from ..plan import Plan
from ..schema import Column, TableSchema, column, columns
from ..siting.planning.outcome import Siting
from ..units import M_PER_KM, WGS84, in_kilometres
from . import numbers
from .columns import (
    ACCESS_COLUMNS,
    EVIDENCE_COLUMNS,
    FINDING_COLUMNS,
    ISSUE_COLUMNS,
    REACH_COLUMNS,
    ROUTE_COLUMNS,
    SITING_DEMAND_COLUMNS,
    UNSERVED_COLUMNS,
)


def quality_table(plan: Plan, lang: str) -> gpd.GeoDataFrame:
    """What is doubtful about the roads, a row each, with its effect in words."""
    report = plan.quality
    if report is None or report.issues.empty:
        return gpd.GeoDataFrame(columns=[c.name for c in ISSUE_COLUMNS], geometry=[], crs=WGS84)
    frame = report.issues.rename(columns={"kind": "quality_kind"})
    length_m = frame["length_m"].where(frame["length_m"] > 0)  # some doubts are about a place, not a stretch
    frame = frame.assign(length_km=length_m / M_PER_KM, effect=report.effects(lang))
    return gpd.GeoDataFrame(frame.drop(columns=["values", "length_m"]), geometry="geometry", crs=WGS84)


def plan_tables(plan: Plan, lang: str) -> dict[str, tuple[pd.DataFrame, TableSchema]]:
    """Tables that go with the layers: findings, routes, access, and who reaches whom (the siting's evidence)."""
    findings = pd.DataFrame(
        [
            {
                "rule": before.rule.id,
                "title": before.rule.title[lang],
                "finding_status": numbers.status(before, lang),
                "value": numbers.headline(before, lang),
                "target": numbers.target(before, lang),
                "value_after": numbers.headline(after, lang),
                "status_after": numbers.status(after, lang),
                "clause": before.rule.source,
            }
            for before, after in zip(plan.before.findings, plan.after.findings, strict=True)
        ]
    )
    tables = {
        "findings": (findings, FINDING_COLUMNS),
        "route_figures": (
            in_kilometres(plan.before.routes).rename(columns={"class": "road_class"}),
            ROUTE_COLUMNS,
        ),
        "access": (in_kilometres(plan.before.access), ACCESS_COLUMNS),
        "gap_evidence": (
            in_kilometres(plan.before.evidence).rename(columns={"ways": "access_ways"}),
            EVIDENCE_COLUMNS,
        ),
    }
    unserved = [
        in_kilometres(c.unserved).assign(span_km=c.span_km) for c in plan.compliance if len(c.unserved)
    ]
    if unserved:
        tables["unserved_stretches"] = (pd.concat(unserved, ignore_index=True), UNSERVED_COLUMNS)
    for siting in plan.siting:
        tables |= siting_tables(siting)
    return {
        name: (frame.reindex(columns=[c.name for c in columns]), TableSchema(name, columns))
        for name, (frame, columns) in tables.items()
    }


SERVED_COLUMNS = columns("site demand amount")
AIM_DEMAND_COLUMNS = columns("aim id amount county")
AIM_REACH_COLUMNS = (column("aim"), *REACH_COLUMNS)


def siting_tables(siting: Siting) -> dict[str, tuple[pd.DataFrame, tuple[Column, ...]]]:
    """Tables by name; those of capacity and aims only if they were asked for."""
    name = siting.objective_name
    tables = {
        f"reach_{name}": (_reach_km(siting.reach), REACH_COLUMNS),
        f"demand_{name}": (pd.DataFrame(siting.demand), SITING_DEMAND_COLUMNS),
    }
    if siting.goal is not None and siting.goal.name == "capacity":
        tables[f"served_{name}"] = (siting.served, SERVED_COLUMNS)
    if len(siting.aim_demand):
        tables["demand_aims"] = (siting.aim_demand, AIM_DEMAND_COLUMNS)
        tables["reach_aims"] = (_reach_km(siting.aim_reach), AIM_REACH_COLUMNS)
    return tables


def _reach_km(reach: pd.DataFrame) -> pd.DataFrame:
    """Who reaches whom, unrounded: what lies exactly at the limit is recounted from the file."""
    return reach.assign(distance_km=reach["distance_m"] / M_PER_KM)


def coverage_curve(siting: Siting) -> pd.DataFrame:
    """Coverage by number of new sites: along the plan's build order, the best of each number, and the proven bound.

    Returns
    -------
    DataFrame
        A row for each number of new sites, from none. Along the build order, as far as the plan goes: the ``site``
        and ``name`` built at this step, what it ``adds``, ``objective`` (weight covered), ``share`` of all weight,
        ``cost`` so far. From the frontier, where there is one: ``best`` and ``best_share`` (a plan of its own for
        each number), ``bound`` and ``bound_share`` (no plan of that number covers more), ``gap`` (relative).
    """
    result, proposed = siting.result, siting.proposed
    gain = np.asarray(result.gain, float)
    covered = result.base + np.concatenate([[0.0], np.cumsum(gain)])
    total = result.total or np.nan
    missing: list[object] = [None]
    frame = pd.DataFrame(
        {
            "built": np.arange(len(covered)),
            "site": missing + proposed["id"].tolist(),
            "name": missing + proposed["name"].tolist(),
            "adds": [np.nan, *gain],
            "objective": covered,
            "share": covered / total,
            "cost": np.concatenate([[0.0], np.cumsum(proposed["cost"].astype(float))]),
        }
    )
    best = _best(siting, len(frame))
    frame = frame.merge(best, on="built", how="outer").sort_values("built", kind="stable", ignore_index=True)
    return frame.assign(best_share=frame["best"] / total, bound_share=frame["bound"] / total)


def _best(siting: Siting, n: int) -> pd.DataFrame:
    """``built, best, bound, gap`` of the frontier, as far as it rises; without one those of the plan alone."""
    curve = siting.frontier
    if curve.empty:
        result = siting.result
        return pd.DataFrame(
            {"built": [n - 1], "best": [result.objective], "bound": [result.bound], "gap": [result.gap]}
        )
    rises = np.flatnonzero(np.diff(curve["objective"].to_numpy(float), prepend=-np.inf) > 0)
    last = max(n - 1, int(curve["sites"].iloc[rises[-1]]) if len(rises) else 0)
    kept = curve[curve["sites"] <= last]
    return kept.rename(columns={"sites": "built", "objective": "best"})[["built", "best", "bound", "gap"]]
