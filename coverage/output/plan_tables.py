"""The tables of a plan that go with its layers: findings, routes, access, evidence, what is doubtful."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from ..plan import Plan
from ..schema import Column, TableSchema, column, columns
from ..siting.planning.outcome import Siting
from ..units import M_PER_KM, WGS84
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
        "route_figures": (plan.before.routes.rename(columns={"class": "road_class"}), ROUTE_COLUMNS),
        "access": (plan.before.access, ACCESS_COLUMNS),
        "gap_evidence": (plan.before.evidence.rename(columns={"ways": "access_ways"}), EVIDENCE_COLUMNS),
    }
    unserved = [c.unserved.assign(span_km=c.span_km) for c in plan.compliance if len(c.unserved)]
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
        f"reach_{name}": (siting.reach, REACH_COLUMNS),
        f"demand_{name}": (pd.DataFrame(siting.demand), SITING_DEMAND_COLUMNS),
    }
    if siting.goal is not None and siting.goal.name == "capacity":
        tables[f"served_{name}"] = (siting.served, SERVED_COLUMNS)
    if len(siting.aim_demand):
        tables["demand_aims"] = (siting.aim_demand, AIM_DEMAND_COLUMNS)
        tables["reach_aims"] = (siting.aim_reach, AIM_REACH_COLUMNS)
    return tables
