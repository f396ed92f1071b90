"""Car parks: whether more spaces are ready for charging than cars are electric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ..inputs.sites import exists
from ..network.graph import BoolArray, IntArray
from .finding import Finding, Measured, ratio_ends
from .kind import RuleKind
from .model import Bilingual, Rule
from .rows import Reached, RuleRows, World, reached, rule_rows


class ShareMargin(Rule):
    """Ready share of car-park spaces minus the share of electric vehicles among registered cars."""

    kind: Literal["share_margin"]
    population: Literal["new_or_ancillary_car_parks", "car_parks"] = "new_or_ancillary_car_parks"


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
    ends = ratio_ends(
        np.minimum(ready.fillna(0.0).to_numpy(float), whole),
        np.minimum(ready.fillna(np.inf).to_numpy(float), whole),
        whole,
        belongs[weighed].notna().to_numpy(bool),
    )
    low, high = (None, None) if ends is None else (ends[0].value, ends[1].value)
    share = ev_share(counties)
    figures = {
        "ready_share_low": low,
        "ready_share_high": high,
        "registered_ev_share": share,
        "registered_ev": None if share is None else int(counties["registered_ev"].sum()),
        "registered_cars": None if share is None else int(counties["registered_cars"].sum()),
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
        ratios=ends,
        figures=figures,
        table=table,
        survey=survey,
    )


def parking_population(car_parks: pd.DataFrame, rule: ShareMargin) -> tuple[pd.DataFrame, pd.Series]:
    """Car parks that a rule counts or may count, and whether each belongs (missing: not known)."""
    table = pd.DataFrame(car_parks.drop(columns="geometry", errors="ignore"))
    if len(table):
        table = table[car_parks["inside"].to_numpy(bool) & exists(table)]
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


def car_park_rows(world: World, rule: ShareMargin) -> RuleRows | None:
    """One row for the spaces that are missing in all: of a car park that may not belong only what it lacks counts."""
    inputs = world.context.inputs
    fleet = ev_share(inputs.own_counties)
    table, belongs = parking_population(inputs.car_parks, rule)
    weighed = table["spaces"].astype("Float64").gt(0).fillna(False).to_numpy(bool)
    table, belongs = table[weighed], belongs[weighed]
    if fleet is None or table.empty:
        return None
    spaces = table["spaces"].to_numpy(float)
    ready = np.minimum(table["ready_spaces"].astype("Float64").fillna(0.0).to_numpy(float), spaces)
    unknown = table["ready_spaces"].isna().to_numpy(bool)
    wanted = spaces * (fleet + (rule.target.value or 0.0))
    certain = belongs.notna().to_numpy(bool)
    ids, more = table["id"].to_numpy(object), world.actions["spaces"].astype(float).to_numpy()
    build, ask = (_at_parks(ids, world.at(kind)) for kind in ("ready_spaces", "survey"))
    ask = ask[unknown[ask[:, 0]]]
    built, answered = (
        sparse.csr_array((amount, (at[:, 0], at[:, 1])), shape=(len(table), world.n))
        for amount, at in ((more[build[:, 1]], build), (spaces[ask[:, 0]], ask))
    )
    missing = np.where(certain, wanted - ready, np.maximum(wanted - ready, 0.0))
    given = sparse.coo_array(built + answered)
    amount = np.minimum(given.data, np.where(certain, np.inf, missing)[given.row])
    need, total = np.array([missing.sum()]), float(wanted.sum())
    need = need[need > 1e-9]
    matrix = sparse.csr_array((amount, (np.zeros_like(given.row), given.col)), shape=(1, world.n))
    matrix.eliminate_zeros()
    frame = pd.DataFrame({"id": [ids[0] if len(ids) == 1 else ""], "weight": missing.sum()})[: len(need)]
    served = max(total - float(need.sum()), 0.0)
    found = rule_rows(rule, matrix[: len(need)], frame, world, served=served, total=total, need=need)

    def measure(chosen: BoolArray, favourable: bool) -> Reached:
        # Where spaces are built they are counted, too, and nothing is left to ask.
        plan = chosen.astype(np.float64)
        new = built @ plan
        now = np.minimum(ready + new + np.where(new > 0, 0.0, answered @ plan), spaces)
        found = reached(now, spaces, certain, favourable)
        return found if found.value is None else Reached(found.value - fleet, found.ratio)

    return replace(found, measure=measure)


def _at_parks(ids: npt.NDArray[np.object_], actions: Mapping[str, int]) -> IntArray:
    """(k, 2) position of each car park that has an action, and that of the action."""
    found = [(k, actions[name]) for k, name in enumerate(ids) if name in actions]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


KIND = RuleKind(
    "share_margin",
    ShareMargin,
    measure=lambda rule, context: Measured(
        assess_parking(context.inputs.car_parks, context.inputs.own_counties, rule)
    ),
    rows=car_park_rows,
    places=True,
    table=(("name", 60), ("park_type", 24), ("spaces", 24), ("ready_spaces", 30)),
    noun=Bilingual(zh="个车位", en="spaces"),
    sheet="car-parks",
    layers=("car_parks",),
    close_to="car_parks",
)
