"""A siting's own frames put to the recount, before anything is written."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ...errors import Fault
from .constraints import Constraints
from .outcome import Siting
from .recount import Claimed, Evidence, claims

TOLERANCE = 1e-6
"""Relative difference that rounding of sums may explain; absolute for shares."""


def recount_frames(
    siting: Siting, constraints: Constraints, reach_km: float, *, n_sites: int | None, budget: float | None
) -> list[Fault]:
    """Check all that the frames claim; empty if every claim holds."""
    claimed = claimed_of(siting, constraints, reach_km, n_sites=n_sites, budget=budget)
    scale = max(1.0, abs(siting.result.total))
    return [
        Fault("siting-claim", values={"name": name, "claimed": claim, "found": found})
        for name, claim, found in claims(claimed)
        if not _same(claim, found, scale)
    ]


def _same(claim: Any, found: Any, scale: float) -> bool:
    number = isinstance(claim, (int, float)) and isinstance(found, (int, float))
    if number and not isinstance(claim, bool):
        slack = TOLERANCE if abs(found) <= 1 else TOLERANCE * scale
        return math.isclose(claim, found, rel_tol=TOLERANCE, abs_tol=slack)
    return bool(claim == found)


def claimed_of(
    siting: Siting, constraints: Constraints, reach_km: float, *, n_sites: int | None, budget: float | None
) -> Claimed:
    """The frames as records and plain evidence."""
    result, free = siting.result, siting.candidates[siting.candidates["excluded"].isna()]
    free = free[~free["id"].isin(constraints.forbidden)]
    row = {
        "chosen": siting.proposed["id"].tolist(),
        "status": result.status,
        "cost": result.cost,
        **siting.claims(),
    }
    aims = {str(aim): own for aim, own in siting.aim_demand.groupby("aim")} if len(siting.aim_demand) else {}
    return Claimed(
        row=row,
        constraints=constraints,
        reach_km=reach_km,
        n_sites=n_sites,
        budget=budget,
        demand=_evidence(pd.DataFrame(siting.demand), siting.reach, "weight"),
        aims={
            aim: _evidence(own, siting.aim_reach[siting.aim_reach["aim"] == aim], "amount")
            for aim, own in aims.items()
        },
        served=_triples(siting.served, "amount", ("site", "demand")),
        costs=dict(zip(free["id"], free["cost"].astype(float), strict=True)),
    )


def _evidence(demand: pd.DataFrame, reach: pd.DataFrame, amount: str) -> Evidence:
    return Evidence(
        dict(zip(demand["id"], demand[amount].astype(float), strict=True)),
        dict(zip(demand["id"], demand["county"].fillna("").astype(str), strict=True)),
        _triples(reach, "distance_m", ("site", "demand")),
    )


def _triples(frame: pd.DataFrame, value: str, ids: tuple[str, str]) -> list[tuple[str, str, float]]:
    if frame.empty:
        return []
    columns = (frame[name].tolist() for name in (*ids, value))
    return list(zip(*columns, strict=True))
