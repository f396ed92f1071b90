"""Car parks: whether more spaces are ready for charging than cars are electric."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..policy import ShareMargin
from .finding import Finding, ratio_bounds


def assess_parking(car_parks: pd.DataFrame, counties: pd.DataFrame, rule: ShareMargin) -> Finding:
    """``ready spaces / spaces − registered EVs / registered cars`` over new and ancillary (配建) car parks.

    Ready spaces that are not known lie between 0 and all. Car parks without a number of spaces can't be weighed;
    they are left out and listed. Where registrations are missing, nothing is concluded.
    """
    table, belongs = parking_population(car_parks, rule)
    spaces = table["spaces"].astype("Float64")
    weighed = (spaces > 0).fillna(False).to_numpy(bool)
    ready = table["ready_spaces"].astype("Float64")[weighed]
    whole = spaces[weighed].to_numpy(float)
    low, high = ratio_bounds(
        np.minimum(ready.fillna(0.0).to_numpy(float), whole),
        np.minimum(ready.fillna(np.inf).to_numpy(float), whole),
        whole,
        belongs[weighed].notna().to_numpy(bool),
    )
    share = ev_share(counties)
    figures = {
        "ready_share_low": low,
        "ready_share_high": high,
        "registered_ev_share": share,
        "car_parks": len(table),
        "car_parks_without_spaces": int((~weighed).sum()),
    }
    survey = table[table["ready_spaces"].isna() | table["spaces"].isna() | belongs.isna()]
    survey = survey.sort_values(["spaces", "id"], ascending=[False, True], na_position="first")
    return Finding(
        rule,
        "margin",
        None if low is None or share is None else low - share,
        None if high is None or share is None else high - share,
        figures=figures,
        table=table,
        survey=survey,
    )


def parking_population(car_parks: pd.DataFrame, rule: ShareMargin) -> tuple[pd.DataFrame, pd.Series]:
    """Car parks that a rule counts or may count, and whether each belongs (missing: not known)."""
    table = pd.DataFrame(car_parks.drop(columns="geometry", errors="ignore"))
    if len(table):
        operational = table["status"].isna() | (table["status"] == "operational")
        table = table[car_parks["inside"].to_numpy(bool) & operational.to_numpy(bool)]
    if rule.population != "new_or_ancillary_car_parks":
        return table, pd.Series(True, index=table.index, dtype="boolean")
    belongs = table["park_type"].isin(["new", "ancillary"]).astype("boolean").mask(table["park_type"].isna())
    return table[belongs.fillna(True)], belongs[belongs.fillna(True)]


def ev_share(counties: pd.DataFrame) -> float | None:
    """Registered electric cars / registered cars over all counties; None if any county lacks a figure."""
    if counties.empty:
        return None
    figures = counties[["registered_ev", "registered_cars"]].astype("Float64")
    if figures.isna().to_numpy().any() or not figures["registered_cars"].sum() > 0:
        return None
    return float(figures["registered_ev"].sum() / figures["registered_cars"].sum())
