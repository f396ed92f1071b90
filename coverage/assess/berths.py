"""Berths and shore power: which have it, how much it is used, what a retrofit would avoid."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from ..policy import BerthRequirement, BerthShare, CallShare, EmissionFactors
from .finding import NO, UNKNOWN, YES, Finding, ratio_bounds, status_counts


def co2_avoided_t(energy_kwh: float | pd.Series, factors: EmissionFactors) -> float | pd.Series:
    """Tonnes of CO2 a year avoided when ``energy_kwh`` a year come from shore; NaN without the grid's factor."""
    avoided = factors.avoided_kg_per_kwh
    return energy_kwh * (np.nan if avoided is None else avoided) / 1000.0


def berth_membership(berths: pd.DataFrame, berth: BerthRequirement) -> pd.Series:
    """Whether each berth counts: ``yes``, ``unknown`` (class or cargo missing) or ``no``.

    A berth of which nothing else is said is operational.
    """
    column = "class_t" if berth.class_basis == "design" else "structure_class_t"
    class_t = berths[column].astype("Float64")
    cargo, status = berths["cargo"], berths["status"]
    no = (class_t < berth.class_t_min).fillna(False).astype(bool) | cargo.isin(berth.exclude_cargo)
    unknown = class_t.isna()
    if berth.exclude_cargo:
        unknown = unknown | cargo.isna()
    if berth.built_after is not None:
        built = pd.to_datetime(berths["built"])
        no, unknown = no | (built < pd.Timestamp(berth.built_after)), unknown | built.isna()
    if berth.operational_only:
        no = no | (status.notna() & (status != "operational"))
    return pd.Series(np.select([no, unknown], [NO, UNKNOWN], YES), index=berths.index, dtype=object)


def assess_berths(berths: gpd.GeoDataFrame, rule: BerthShare) -> Finding:
    """Share of berths that have shore power, by count; by length and tonnage as further figures."""
    inside = berths[berths["inside"].to_numpy(bool)] if len(berths) else berths
    table = pd.DataFrame(inside.drop(columns="geometry", errors="ignore"))
    table["counts"] = berth_membership(inside, rule.berth)
    table["has"] = _three_valued(inside["shore_power"])
    table = table[table["counts"] != NO]
    certain = (table["counts"] == YES).to_numpy(bool)
    ones = np.ones(len(table))
    low, high = _bounds(table["has"], ones, certain)
    survey = table[(table["has"] == UNKNOWN) | ~certain].sort_values(
        ["class_t", "id"], ascending=[False, True], na_position="first"
    )
    return Finding(
        rule,
        "share",
        low,
        high,
        counts=status_counts(table["has"][certain]),
        table=table,
        survey=survey,
        figures={
            "berths_of_unknown_membership": int((~certain).sum()),
            "by_length": _figure(table, "length_m", certain),
            "by_class_tonnage": _figure(table, "class_t", certain),
            "by_port": _by_port(table),
        },
    )


def _three_valued(flag: pd.Series) -> pd.Series:
    known = flag.astype("boolean")
    return pd.Series(
        np.select([known.isna(), known.fillna(False).to_numpy(bool)], [UNKNOWN, YES], NO),
        index=flag.index,
        dtype=object,
    )


def _bounds(has: pd.Series, whole: np.ndarray, certain: np.ndarray) -> tuple[float | None, float | None]:
    part_low = np.where(has == YES, whole, 0.0)
    part_high = np.where(has == NO, 0.0, whole)
    return ratio_bounds(part_low, part_high, whole, certain)


def _figure(table: pd.DataFrame, column: str, certain: np.ndarray) -> dict[str, float | int | None]:
    """Interval weighted by a column; rows without it are left out and counted."""
    whole = table[column].astype("Float64")
    known = (whole.notna() & (whole > 0).fillna(False)).to_numpy(bool)
    low, high = _bounds(table["has"][known], whole[known].to_numpy(float), certain[known])
    return {"low": low, "high": high, "berths_left_out": int((~known).sum())}


def _by_port(table: pd.DataFrame) -> list[dict[str, object]]:
    rows = []
    for port, group in table.groupby(table["port"].fillna(""), sort=True):
        certain = (group["counts"] == YES).to_numpy(bool)
        low, high = _bounds(group["has"], np.ones(len(group)), certain)
        rows.append({"port": port, "berths": len(group), "low": low, "high": high})
    return rows


def assess_calls(calls: pd.DataFrame, berths: pd.DataFrame, rule: CallShare) -> Finding:
    """Shore-power use: calls connected / calls able to connect.

    A call is able to connect if its berth has shore power, its ship can take it, it stays long enough and its
    kind of ship is not excluded. Where one of these is unknown, the call may or may not belong. A call that did
    connect was able to, whatever else is not known of its berth and ship.
    """
    has = _three_valued(berths["shore_power"]).set_axis(berths["id"])
    if calls.empty:
        return Finding(rule, "share", None, None)
    berth_has = calls["berth"].map(has[~has.index.duplicated()].to_dict()).astype(object).fillna(UNKNOWN)
    stay = calls["hours"].astype("Float64")
    able = calls["able"].astype("boolean")
    no = (
        (berth_has == NO)
        | ~able.fillna(True)
        | (stay < rule.min_stay_h).fillna(False)
        | calls["ship_kind"].isin(rule.exclude_ships)
    )
    proven = calls["connected"].astype("boolean").fillna(False).to_numpy(bool)
    unknown = (((berth_has == UNKNOWN) | able.isna()) & ~proven) | stay.isna()
    if rule.exclude_ships:
        unknown |= calls["ship_kind"].isna()
    table = calls.assign(connected_status=_three_valued(calls["connected"]))[~no.to_numpy(bool)]
    certain = ~unknown[~no].to_numpy(bool)
    low, high = _bounds(table["connected_status"], np.ones(len(table)), certain)
    return Finding(
        rule,
        "share",
        low,
        high,
        counts=status_counts(table["connected_status"][certain]),
        table=table,
        figures={"calls_of_unknown_membership": int((~certain).sum())},
    )
