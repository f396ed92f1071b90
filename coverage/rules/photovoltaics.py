"""Photovoltaics and storage at places of the road: where they are, and what other places could carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from pydantic import Field

from ..inputs.proximity import near_pairs
from ..inputs.sites import exists
from ..settings import NonNegative, Positive, Share
from .finding import NO, UNKNOWN, YES, Finding, Measured, share_bounds
from .kind import RuleKind
from .model import Bilingual, Rule
from .rows import RuleRows, World, rule_rows

KWH_PER_MWH = 1000.0
BUILT, SLOPE = "pv_storage", "pv_candidate"


class PvPotential(Rule):
    """Share of places with photovoltaics, and what the others could carry: area × usable part × power × yield.

    None of the four factors is measured: a profile names them among its ``assumptions`` and says in ``source`` where
    they are from.
    """

    kind: Literal["pv_potential"]
    facility: tuple[str, ...]
    usable_share: Share
    usable_by_kind: Mapping[str, Share] = Field(default_factory=dict)
    kw_per_m2: Positive
    yield_kwh_per_kw: Positive
    storage_kwh_per_kw: NonNegative = 0.0
    within_m: Positive = 300.0


def pv_table(facilities: gpd.GeoDataFrame, rule: PvPotential) -> gpd.GeoDataFrame:
    """Places that a rule counts, with what is there and what could be.

    A place has photovoltaics if its row says so, or if an installation in operation lies within ``within_m``. A slope
    that is listed as a candidate has none; of all others nothing is known until ``pv_kw`` says it.

    Returns
    -------
    GeoDataFrame
        Rows of the region in operation and installations at whatever stage; ``has`` (yes, unknown, no; missing for
        installations that are not in operation, which don't count), ``pv_kw``, ``storage_kwh``, and for places
        that are not known to have it ``possible_kw``, ``possible_mwh`` a year, ``possible_storage_kwh``, missing where
        ``area_m2`` is.
    """
    own = facilities["kind"].isin(rule.facility) & facilities["inside"].astype(bool)
    table = facilities[own & (exists(facilities) | (facilities["kind"] == BUILT))].reset_index(drop=True)
    runs = exists(table)
    power, kind = table["pv_kw"].to_numpy(float), table["kind"].to_numpy(object)
    there = runs & ((power > 0) | (kind == BUILT))
    at, other = _neighbours(table, rule)
    beside = np.zeros(len(table), dtype=bool)
    beside[at[there[other]]] = True
    none = (power == 0) | (kind == SLOPE)
    has = np.select([~runs, there | beside, none], ["", YES, NO], UNKNOWN).astype(object)
    has[has == ""] = None
    part = np.array([rule.usable_by_kind.get(str(name), rule.usable_share) for name in kind], dtype=float)
    possible = np.where(runs & (has != YES), table["area_m2"].to_numpy(float) * part * rule.kw_per_m2, np.nan)
    return table.assign(
        has=has,
        possible_kw=possible,
        possible_mwh=possible * rule.yield_kwh_per_kw / KWH_PER_MWH,
        possible_storage_kwh=possible * rule.storage_kwh_per_kw,
    )


def _neighbours(table: gpd.GeoDataFrame, rule: PvPotential) -> tuple[np.ndarray, np.ndarray]:
    """Positions (at, other) of places within ``within_m`` of each other, each pair both ways."""
    i, j, _ = near_pairs(table.geometry, rule.within_m)
    return np.concatenate([i, j]), np.concatenate([j, i])


def assess_pv(facilities: gpd.GeoDataFrame, rule: PvPotential) -> Finding:
    """Share of places with photovoltaics; the largest possible installations first in its table."""
    table = pv_table(facilities, rule)
    counted = table[table["has"].notna()].reset_index(drop=True)
    low, high, counts = share_bounds(counted["has"])
    lacks = counted["has"] != YES
    # A station and the installation beside it may both give its power, which is there once.
    at, other = _neighbours(counted, rule)
    stands = (counted["kind"] == BUILT).to_numpy(bool)
    there = counted[~lacks & ~np.isin(np.arange(len(counted)), at[stands[other] & ~stands[at]])]
    figures = {
        "places": len(counted),
        "places_without_area": int((lacks & counted["area_m2"].isna()).sum()),
        "pv_kw": float(there["pv_kw"].sum()),
        "pv_mwh": float(there["pv_kw"].sum()) * rule.yield_kwh_per_kw / KWH_PER_MWH,
        "possible_kw": float(counted["possible_kw"].sum()),
        "possible_mwh": float(counted["possible_mwh"].sum()),
        "possible_storage_kwh": float(counted["possible_storage_kwh"].sum()),
    }
    ranked = table.sort_values(["possible_kw", "id"], ascending=[False, True], kind="stable")
    survey = pd.DataFrame(ranked[ranked["has"] == UNKNOWN].drop(columns="geometry"))
    return Finding(
        rule,
        "share",
        low,
        high,
        counts=counts,
        figures=figures,
        table=pd.DataFrame(ranked),
        survey=survey,
    )


def pv_served(table: gpd.GeoDataFrame, rule: PvPotential, own: Sequence[set[int]]) -> list[list[int]]:
    """By place: the actions at it or within ``within_m`` of it, of those at each place."""
    found = [set(mine) for mine in own]
    for at, other in zip(*_neighbours(table, rule), strict=True):
        found[at] |= own[other]
    return [sorted(actions) for actions in found]


def pv_rows(world: World, rule: PvPotential) -> RuleRows | None:
    """A row for each place that is not known to have photovoltaics, there or beside it."""
    table = pv_table(world.context.inputs.facilities, rule)
    table = table[table["has"].notna()].reset_index(drop=True)
    if table.empty:
        return None
    builds, surveys = world.at("photovoltaics"), world.at("survey")
    own = [
        {at[name] for at in (builds, surveys if has == UNKNOWN else {}) if name in at}
        for name, has in zip(table["id"], table["has"], strict=True)
    ]
    serving = pv_served(table, rule, own)
    lacking = table[table["has"] != YES]
    why = lacking["area_m2"].isna().map({True: "no_area", False: None})
    items = pd.DataFrame(lacking[["id", "name", "ref"]]).assign(weight=1.0, why=why)
    total = float(len(table))
    share = rule.target.share_min or 1.0
    return rule_rows(
        rule,
        [serving[k] for k in lacking.index],
        items,
        world,
        served=total - len(items),
        total=total,
        share=share,
    )


KIND = RuleKind(
    "pv_potential",
    PvPotential,
    measure=lambda rule, context: Measured(assess_pv(context.inputs.facilities, rule)),
    rows=pv_rows,
    sign="pv",
    places=True,
    table=(("name", 48), ("kind", 32), ("has", 16), ("area_m2", 20), ("pv_kw", 18), ("possible_kw", 20),
           ("possible_mwh", 22), ("possible_storage_kwh", 22)),
    noun=Bilingual(zh="处地点", en="places"),
)  # fmt: skip
