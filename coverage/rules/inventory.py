"""Rules that only list: facilities of given kinds, by status."""

from __future__ import annotations

from typing import Literal

import geopandas as gpd
import pandas as pd

from .finding import Finding, Measured
from .kind import RuleKind
from .model import Rule


class Inventory(Rule):
    """Count of facilities of given kinds; no target."""

    kind: Literal["inventory"]
    facility: tuple[str, ...]


def assess_inventory(facilities: gpd.GeoDataFrame, sites: gpd.GeoDataFrame, rule: Inventory) -> Finding:
    """How many facilities of each kind there are, by status; sites of that kind count too."""
    columns = ["id", "name", "kind", "status", "county"]
    rows = [
        frame.loc[frame["kind"].isin(rule.facility) & frame["inside"].astype(bool), columns]
        for frame in (facilities, sites)
        if len(frame)
    ]
    table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)
    status = table["status"].fillna("operational")
    by_kind = {
        kind: int(((table["kind"] == kind) & (status == "operational")).sum()) for kind in rule.facility
    }
    planned = {
        kind: int(((table["kind"] == kind) & (status != "operational")).sum()) for kind in rule.facility
    }
    return Finding(
        rule, "count", None, None, table=table, figures={"operational": by_kind, "other_status": planned}
    )


KIND = RuleKind(
    "inventory",
    Inventory,
    measure=lambda rule, context: Measured(
        assess_inventory(context.inputs.facilities, context.inputs.sites, rule)
    ),
    places=True,
    table=(("name", 60), ("kind", 36), ("status", 26), ("county", 30)),
    sheet="inventory",
    lists=True,
)
