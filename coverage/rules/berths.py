"""Berths and shore power: which have it, and what a retrofit would avoid."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from ..network.graph import BoolArray
from ..settings import NonNegative
from .finding import (
    NO,
    UNKNOWN,
    YES,
    Finding,
    Measured,
    has_ends,
    status_counts,
    three_valued,
    told_ends,
)
from .kind import RuleKind
from .model import Bilingual, EmissionFactors, Frozen, Rule
from .rows import Reached, RuleRows, World, reached, rule_rows


class BerthRequirement(Frozen):
    """Which berths count; with ``built_after`` only those built or rebuilt on that day or later."""

    class_t_min: NonNegative = 1000.0
    class_basis: Literal["design", "structure"] = "design"
    exclude_cargo: tuple[str, ...] = ()
    operational_only: bool = True
    built_after: dt.date | None = None


class BerthShare(Rule):
    """Share of berths that have shore power."""

    kind: Literal["berth_share"]
    berth: BerthRequirement


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
    table["has"] = three_valued(inside["shore_power"])
    table = table[table["counts"] != NO]
    certain = (table["counts"] == YES).to_numpy(bool)
    ones = np.ones(len(table))
    ends = has_ends(table["has"], ones, certain)
    survey = table[(table["has"] == UNKNOWN) | ~certain].sort_values(
        ["class_t", "id"], ascending=[False, True], na_position="first"
    )
    return Finding(
        rule,
        "share",
        None if ends is None else ends[0].value,
        None if ends is None else ends[1].value,
        ratios=ends,
        counts=status_counts(table["has"][certain]),
        may_count=status_counts(table["has"][~certain]),
        table=table,
        survey=survey,
        figures={
            "by_length": _figure(table, "length_m", certain),
            "by_class_tonnage": _figure(table, "class_t", certain),
            "by_port": _by_port(table),
        },
    )


def _figure(table: pd.DataFrame, column: str, certain: np.ndarray) -> dict[str, float | int | None]:
    """Interval weighted by a column; rows without it are left out and counted."""
    whole = table[column].astype("Float64")
    known = (whole.notna() & (whole > 0).fillna(False)).to_numpy(bool)
    ends = has_ends(table["has"][known], whole[known].to_numpy(float), certain[known])
    return {**told_ends(ends), "berths_left_out": int((~known).sum())}


def _by_port(table: pd.DataFrame) -> list[dict[str, object]]:
    rows = []
    for port, group in table.groupby(table["port"].fillna(""), sort=True):
        certain = (group["counts"] == YES).to_numpy(bool)
        ends = has_ends(group["has"], np.ones(len(group)), certain)
        rows.append({"port": port, "berths": len(group), **told_ends(ends)})
    return rows


def berth_rows(world: World, rule: BerthShare) -> RuleRows | None:
    """A row for each berth that counts, or may count, and is not known to have shore power."""
    berths = world.context.inputs.berths
    counts = berth_membership(berths, rule.berth)
    table = berths[(counts != NO) & berths["inside"].astype(bool)]
    has = table["shore_power"].astype("boolean").fillna(False).to_numpy(bool)
    build, ask = world.at("shore_power"), world.at("survey")
    lacking, certain = table[~has], (counts[table.index] == YES).to_numpy(bool)
    serving = [[d[name] for d in (build, ask) if name in d] for name in lacking["id"]]
    share, ones = rule.target.share_min or 1.0, np.ones(len(table))
    # The share must be reached with all that may count and lack it, and without all that may count and have it: of
    # a berth that then no longer counts the share that is asked for is no longer asked.
    weight = np.where(certain[~has], 1.0, share)
    items = pd.DataFrame(lacking[["id", "name", "port", "class_t"]]).assign(weight=weight)
    served, total = float((has & certain).sum()), float((certain | ~has).sum())
    found = rule_rows(rule, serving, items, world, served=served, total=total, share=share)
    # Of a berth that lacks it for sure a survey can only say that it doesn't count.
    lacks = lacking["shore_power"].astype("boolean").eq(False).fillna(False).to_numpy(bool)
    survey = (world.actions["kind"] == "survey").to_numpy(bool)
    row, action = found.matrix.nonzero()
    row, action = (at[~(lacks[row] & survey[action])] for at in (row, action))

    def measure(chosen: BoolArray, favourable: bool) -> Reached:
        now = has.copy()
        now[np.flatnonzero(~has)[row[chosen[action]]]] = True
        return reached(now.astype(float), ones, certain, favourable)

    return replace(found, measure=measure)


KIND = RuleKind(
    "berth_share",
    BerthShare,
    measure=lambda rule, context: Measured(assess_berths(context.inputs.berths, rule)),
    rows=berth_rows,
    places=True,
    table=(("name", 50), ("port", 36), ("class_t", 24), ("counts", 20), ("has", 20)),
    sheet="berths",
    layers=("berths",),
    close_to="berths",
    noun=Bilingual(zh="个泊位", en="berths"),
    counts_text="report.say.counts-berths",
    names_lacking=True,
)
