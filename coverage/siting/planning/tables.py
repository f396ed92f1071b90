"""Frames that show what a plan means: site by site, county by county, scenario by scenario, aim by aim."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import sparse

from ..maxcover.problem import FloatArray, IntArray, SitingProblem
from ..maxcover.result import covered
from ..maxcover.robustness import Failures, failures
from .constraints import Constraints
from .goals import AimTable, probabilities
from .reach import Places, Reach


def sites_table(
    problem: SitingProblem,
    places: Places,
    chosen: IntArray,
    capacity: FloatArray | None,
    served: sparse.csr_array | None,
) -> pd.DataFrame:
    """Existing sites, then the chosen ones; see :attr:`.outcome.Siting.sites`."""
    rows = np.concatenate([problem.fixed, chosen])
    own = places.table.iloc[rows]
    left = failures(problem, chosen)
    without = left.left[np.searchsorted(left.site, rows)]
    part = sparse.csr_array(problem.reach[rows]).astype(np.float64)
    whole = float(problem.weight[covered(problem, rows)].sum())
    table = pd.DataFrame(
        {
            "id": own["id"].to_numpy(object),
            "name": own["name"].to_numpy(object),
            "existing": own["existing"].to_numpy(bool),
            "lon": own.geometry.x.to_numpy(float),
            "lat": own.geometry.y.to_numpy(float),
            "county": own["county"].to_numpy(object),
            "covers": part @ problem.weight,
            "left": without,
            "lost": whole - without,
        }
    )
    if capacity is not None and served is not None:
        table["plugs"] = own["plugs"].to_numpy(float)
        table["capacity"] = capacity[rows]
        table["served"] = np.asarray(served.sum(axis=1)).ravel()[rows]
    return table


def backup_table(problem: SitingProblem, names: np.ndarray, chosen: IntArray) -> pd.DataFrame:
    """What a failure leaves, before and after; see :attr:`.outcome.Siting.backup`."""
    none = np.empty(0, dtype=np.int64)
    return pd.DataFrame(
        [_backup_row("before", problem, names, none), _backup_row("after", problem, names, chosen)]
    )


def _backup_row(phase: str, problem: SitingProblem, names: np.ndarray, chosen: IntArray) -> dict[str, object]:
    found: Failures = failures(problem, chosen)
    hit = covered(problem, found.site)
    return {
        "phase": phase,
        "sites": len(found.site),
        "covered": float(problem.weight[hit].sum()),
        "twice": found.twice,
        "left_worst": found.worst,
        "left_mean": found.mean,
        "worst_site": names[found.site[int(found.left.argmin())]] if len(found.site) else None,
    }


def counties_table(
    problem: SitingProblem, reach: Reach, places: Places, chosen: IntArray, minima: Mapping[str, int]
) -> pd.DataFrame:
    """Coverage and new sites by county; see :attr:`.outcome.Siting.counties`."""
    before = covered(problem, problem.fixed)
    after = covered(problem, np.union1d(problem.fixed, chosen))
    county, weight = reach.demand["county"].to_numpy(object), problem.weight
    new = places.table["county"].to_numpy(object)[chosen]
    rows = []
    for name in sorted({*county, *new, *minima}):
        own = county == name
        total = float(weight[own].sum())
        amounts = [float(weight[own & hit].sum()) for hit in (before, after)]
        rows.append((name, total, *amounts, *_shares(amounts, total), int((new == name).sum()),
                     int(minima.get(name, 0))))  # fmt: skip
    columns = ["county", "total", "before", "after", "share_before", "share_after", "sites", "min_sites"]
    return pd.DataFrame(rows, columns=columns)


def scenarios_table(
    problem: SitingProblem, reach: Reach, constraints: Constraints, chosen: IntArray, reach_km: float
) -> pd.DataFrame:
    """What the plan covers in each scenario; see :attr:`.outcome.Siting.scenarios`."""
    rows = []
    for scenario, chance in zip(constraints.scenarios, probabilities(constraints), strict=True):
        weight = problem.weight * scenario.factor(reach.demand["county"])
        near = reach.within(reach_km, scenario.detour)
        total = float(weight.sum())
        amounts = [_sum(near, weight, s) for s in (problem.fixed, np.union1d(problem.fixed, chosen))]
        rows.append(
            (scenario.name, float(chance), scenario.detour, total, *amounts, *_shares(amounts, total))
        )
    columns = ["scenario", "probability", "detour", "total", "before", "after", "share_before", "share_after"]
    return pd.DataFrame(rows, columns=columns)


def aims_table(aims: AimTable, importance: Mapping[str, float], chosen: IntArray) -> pd.DataFrame:
    """What the plan reaches of each aim; see :attr:`.outcome.Siting.aims`."""
    none = np.empty(0, dtype=np.int64)
    before, after = aims.values(none), aims.values(chosen)
    whole = sum(importance.values())
    total = dict(zip(aims.names, aims.total, strict=False))
    rows = []
    for name in importance:
        amount = _money(aims, chosen) if name == "cost" else None
        all_ = amount[0] if amount else float(total.get(name, np.nan))
        parts = amount[1:] if amount else (all_ * before[name], all_ * after[name])
        rows.append((name, importance[name] / whole, all_, *parts, before[name], after[name]))
    columns = ["aim", "importance", "total", "before", "after", "share_before", "share_after"]
    return pd.DataFrame(rows, columns=columns)


def _money(aims: AimTable, chosen: IntArray) -> tuple[float, float, float]:
    """All of the money, and what is left of it before and after."""
    cost, share = aims.problem.cost, aims.price
    money = float(np.max(np.divide(cost, share, out=np.zeros_like(cost), where=share > 0), initial=0.0))
    return money, money, money - float(cost[chosen].sum())


def _sum(reach: sparse.csr_array, weight: FloatArray, sites: IntArray) -> float:
    hit = np.zeros(len(weight), dtype=bool)
    hit[reach[sites].indices] = True
    return float(weight[hit].sum())


def _shares(amounts: list[float], total: float) -> tuple[float, float]:
    """(before, after) as shares; missing where there is nothing to cover."""
    if not total > 0:
        return (np.nan, np.nan)
    return (amounts[0] / total, amounts[1] / total)
