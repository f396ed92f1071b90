"""Which berths to give shore power: ranked by CO2 avoided per cost, and chosen under a budget, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from ...rules.berths import BerthShare, berth_membership, co2_avoided_t
from ...rules.model import EmissionFactors
from ..maxcover.result import SitingResult
from ..maxcover.solve import shore_power


@dataclass(frozen=True, eq=False)
class Retrofit:
    """Berths that lack shore power, the best first.

    Attributes
    ----------
    berths : DataFrame
        ``id, name, port, class_t, calls_per_year, hours_per_call, energy_kwh, energy_estimated, co2_avoided_t,
        retrofit_cost, co2_t_per_cost, order`` (missing if not chosen). What isn't known is missing; such berths
        come last and are never chosen.
    factors : EmissionFactors
        What CO2 was reckoned with.
    load_kw : float or None
        Mean load of a ship at berth in these data, used where a berth has no energy figure.
    result : SitingResult or None
        None without a budget.
    """

    berths: pd.DataFrame
    factors: EmissionFactors
    load_kw: float | None
    result: SitingResult | None


def plan_retrofits(
    berths: gpd.GeoDataFrame,
    rules: Sequence[BerthShare],
    factors: EmissionFactors,
    *,
    budget: float | None,
    time_limit_s: float = 20.0,
) -> Retrofit:
    """Rank and choose berths to retrofit.

    Candidates are operational berths that a rule counts (or may count) and that are known to lack shore power. The
    energy a berth would give is its calls × hours per call × the mean load of ships at berths that have shore power
    in the same data; such figures are flagged as estimated. CO2 avoided follows the factors given.

    Parameters
    ----------
    berths : GeoDataFrame
        Schema ``berths`` with ``inside``.
    rules : sequence of BerthShare
    factors : EmissionFactors
        Without the grid's factor CO2 is unknown: the berths are ranked by energy, and none is chosen.
    budget : float, optional
        In the unit of ``retrofit_cost``.
    """
    counted = np.any([berth_membership(berths, rule.berth) != "no" for rule in rules], axis=0)
    lacks = berths["shore_power"].astype("boolean").eq(False).fillna(False).astype(bool)
    table = pd.DataFrame(berths[counted & lacks & berths["inside"].astype(bool)].drop(columns="geometry"))
    load_kw = _mean_load_kw(berths)
    hours = table["calls_per_year"].astype(float) * table["hours_per_call"].astype(float)
    stated = table["kwh_per_year"].astype(float)
    table["energy_kwh"] = stated.fillna(hours * load_kw if load_kw is not None else np.nan)
    table["energy_estimated"] = stated.isna() & table["energy_kwh"].notna()
    table["co2_avoided_t"] = co2_avoided_t(table["energy_kwh"], factors)
    cost = table["retrofit_cost"].astype(float)
    table["co2_t_per_cost"] = table["co2_avoided_t"] / cost.where(cost > 0)
    table = table.sort_values(
        ["co2_t_per_cost", "co2_avoided_t", "energy_kwh", "id"],
        ascending=[False, False, False, True],
        na_position="last",
    )
    table = table.reset_index(drop=True)
    result = _choose(table, budget, time_limit_s) if budget is not None else None
    table["order"] = pd.array([pd.NA] * len(table), dtype="Int64")
    if result is not None:
        table.loc[_weighed(table)[result.chosen], "order"] = np.arange(1, len(result.chosen) + 1)
    columns = [
        *(
            "id",
            "name",
            "port",
            "class_t",
            "calls_per_year",
            "hours_per_call",
            "energy_kwh",
            "energy_estimated",
        ),
        *("co2_avoided_t", "retrofit_cost", "co2_t_per_cost", "order"),
    ]
    return Retrofit(table[columns], factors, load_kw, result)


def _mean_load_kw(berths: pd.DataFrame) -> float | None:
    """Energy over connected hours, of all berths that state both."""
    hours = berths["connected_calls"].astype(float) * berths["hours_per_call"].astype(float)
    energy = berths["kwh_per_year"].astype(float)
    known = hours.notna() & energy.notna() & (hours > 0)
    return float(energy[known].sum() / hours[known].sum()) if known.any() else None


def _weighed(table: pd.DataFrame) -> np.ndarray:
    """Rows with all that a choice needs."""
    return np.flatnonzero(table["co2_avoided_t"].notna() & table["retrofit_cost"].notna())


def _choose(table: pd.DataFrame, budget: float, time_limit_s: float) -> SitingResult:
    rows = table.iloc[_weighed(table)]
    value = rows["co2_avoided_t"].clip(lower=0.0).to_numpy(float)
    return shore_power(value, rows["retrofit_cost"].to_numpy(float), budget, time_limit_s=time_limit_s)
