"""Installed charging power against the registered electric fleet."""

from __future__ import annotations

from typing import Literal

import geopandas as gpd
import pandas as pd

from ..inputs.sites import exists
from ..schema import Column, Form
from .finding import Finding, Measured
from .kind import RuleKind
from .model import Rule


class FleetPower(Rule):
    """Installed power and charge points against the registered electric fleet, by county."""

    kind: Literal["fleet_power"]
    site_kind: str = "charging"


def assess_fleet(sites: gpd.GeoDataFrame, counties: gpd.GeoDataFrame, rule: FleetPower) -> Finding:
    """Installed kW and charge points of the sites in operation against the registered electric fleet, by county.

    Sites without a known power add nothing to ``installed_kw``, so it is a lower bound; they are counted. Where no site
    of a county says its power, or its points, the sum is unknown; 0 is a county without sites.
    ``ev_per_point`` is unknown where a site does not say how many points it has.
    Rows of one name are parts of one county: their fleets add up, and are unknown if one of them is.
    """
    own = sites[(sites["kind"] == rule.site_kind) & sites["inside"].astype(bool)]
    own = own[exists(own)]
    county = own["county"].fillna("")
    table = pd.DataFrame(
        {
            "sites": own.groupby(county).size(),
            "sites_without_power": own["pool_kw"].isna().groupby(county).sum(),
            "installed_kw": own["pool_kw"].astype("Float64").groupby(county).sum(min_count=1),
            "points": own["points"].astype("Float64").groupby(county).sum(min_count=1),
        }
    )
    fleet = pd.Series(dtype="Float64")
    if len(counties):
        own_fleet = (
            counties["registered_ev"].astype("Float64").groupby(counties["name"].astype(str), sort=False)
        )
        fleet = own_fleet.agg(lambda parts: parts.sum(skipna=False)).astype("Float64")
    without_sites = fleet.index.difference(table.index)
    table = table.reindex(fleet.index.union(table.index, sort=False))
    table.loc[without_sites] = 0
    table["registered_ev"] = fleet.reindex(table.index)
    table["kw_per_ev"] = (table["installed_kw"] / table["registered_ev"]).round(4)
    all_told = ~own["points"].isna().groupby(county).any().reindex(table.index, fill_value=False)
    told = table["points"].where((table["points"] > 0) & all_told)
    table["ev_per_point"] = (table["registered_ev"] / told).round(2)
    table = table.rename_axis("county").reset_index()
    total = {
        "installed_kw_low": float(table["installed_kw"].sum()),
        "sites_without_power": int(table["sites_without_power"].sum()),
        "registered_ev": None if fleet.isna().any() or fleet.empty else float(fleet.sum()),
    }
    return Finding(rule, "count", None, None, table=table, figures=total)


KIND = RuleKind(
    "fleet_power",
    FleetPower,
    measure=lambda rule, context: Measured(
        assess_fleet(context.inputs.sites, context.inputs.own_counties, rule)
    ),
    table=(("county", 30), ("sites", 20), ("sites_without_power", 30), ("installed_kw", 30), ("points", 22),
           ("registered_ev", 26), ("ev_per_point", 22)),
    sheet="counties",
    by_county=lambda finding: finding.table,
    county_columns=("sites", "sites_without_power", "installed_kw", "points", "registered_ev", "kw_per_ev",
                    "ev_per_point"),
    lists=True,
    columns=tuple(Column(name, "float", form=Form(2, fixed=True)) for name in ("kw_per_ev", "ev_per_point")),
)  # fmt: skip
