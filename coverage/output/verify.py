"""Recompute what a run folder claims, from its evidence alone: no solver, no road network, plain arithmetic.

``result.json`` holds the claims, the tables ``reach_…``, ``demand_…`` and ``served_…`` of ``layers.gpkg`` the evidence
of who reaches whom and who is served where.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ..errors import Fault, InputError
from ..siting.planning.recount import Claim, Claimed, Evidence, claims
from ..siting.planning.wishes import Wishes
from .compare import read_result

RELATIVE = 1e-5
"""``result.json`` holds six decimals."""
KM_ROUNDING = 0.003
CLASSES = ("good_km", "middle_km", "gap_km", "no_site_km", "open_km", "shared_km")
"""Columns with the length of each class of spacing; they add up."""


def verify_run(folder: Path, lang: str) -> tuple[int, list[str]]:
    """Check the claims of a run folder.

    Returns
    -------
    (int, list of str)
        How many claims were checked, and a line for each that does not hold.

    Raises
    ------
    InputError
        If the folder is no run folder, or its layers can't be read.
    """
    result = read_result(folder)
    every = [*_findings(result), *_routes(result), *_siting(result, folder / "layers.gpkg")]
    wrong = [
        Fault("verify-value", values={"what": what, "claimed": claimed, "found": found})
        for what, claimed, found in every
        if not _same(what, claimed, found)
    ]
    return len(every), [fault.render(lang) for fault in wrong]


def _same(what: str, claimed: Any, found: Any) -> bool:
    if isinstance(claimed, (int, float)) and isinstance(found, (int, float)):
        # Kilometres are written to the metre, and their ratios were rounded from exact ones.
        rounding = KM_ROUNDING if what.endswith("_km") else RELATIVE
        return math.isclose(claimed, found, rel_tol=RELATIVE, abs_tol=rounding)
    return bool(claimed == found)


def _findings(result: dict[str, Any]) -> Iterator[Claim]:
    """Statuses from the intervals, and shares from their counts and evidence."""
    for state, rows in (("", result["findings"]), ("after.", result["after"]["findings"])):
        for row in rows:
            name = f"{state}{row['rule']}"
            yield f"{name}.status", row["status"], _status(row)
            if row["kind"] == "facility_share" and row["figures"]["sides"] == len(row["evidence"]):
                has = [e["has"] for e in row["evidence"]]
                yield f"{name}.sides_low", row["figures"]["sides_low"], _share(has, "yes")
                yield f"{name}.sides_high", row["figures"]["sides_high"], _share(has, "yes", "unknown")
            if row["kind"] == "route_spacing" and row["figures"]["direction_sites"]:
                per_site = row["figures"]["driven_km"] / row["figures"]["direction_sites"]
                yield f"{name}.length_per_site_km", row["figures"]["length_per_site_km"], per_site


def _status(row: dict[str, Any]) -> str:
    low, high = row["low"], row["high"]
    if low is None and high is None:
        # Spacing without any site is infinite, which JSON cannot say.
        nothing = row["kind"] != "route_spacing" or not row["figures"].get("length_km")
        return "undecided" if nothing else "not met"
    low = -math.inf if low is None else low
    high = math.inf if high is None else high
    if row["sense"] == "<=":
        met, missed = high <= row["target"] + 1e-6, low > row["target"] + 1e-6
    else:
        met, missed = low >= row["target"] - 1e-6, high < row["target"] - 1e-6
    return "met" if met else "not met" if missed else "undecided"


def _share(values: list[str], *wanted: str) -> float | None:
    return sum(v in wanted for v in values) / len(values) if values else None


def _routes(result: dict[str, Any]) -> Iterator[Claim]:
    """Lengths from their classes, averages from lengths and sites, longest gaps from the gaps."""
    spacing = {row["rule"] for row in result["findings"] if row["kind"] == "route_spacing"}
    longest: dict[str, float] = defaultdict(float)
    for gap in result["gaps"]:
        if gap["rule"] in spacing:
            longest[gap["ref"]] = max(longest[gap["ref"]], gap["own_km"])
    for row in result["routes"]:
        parts = sum(row[c] for c in CLASSES)
        yield f"{row['ref']}.length_km", row["length_km"], parts
        if row["direction_sites"]:
            yield (
                f"{row['ref']}.length_per_site_km",
                row["length_per_site_km"],
                row["driven_km"] / row["direction_sites"],
            )
        if row["ref"] in longest:
            yield f"{row['ref']}.gap_max_km", row["gap_max_km"], longest[row["ref"]]


def _siting(result: dict[str, Any], layers: Path) -> Iterator[Claim]:
    """Objective, gains, limits, bound and gap, from the tables of who reaches whom; then all the rest."""
    options = result["project"]["options"]["siting"]
    for row in result["siting"]:
        name = row["objective_name"]
        with closing(_open(layers)) as db:
            claimed = _claimed(row, options, db)
            candidates = {i for (i,) in db.execute("SELECT id FROM candidates")}
        if row["objective"] is not None:
            yield from _coverage(row, claimed, candidates)
        yield from ((f"{name}.{what}", claim, found) for what, claim, found in claims(claimed))


def _coverage(row: dict[str, Any], claimed: Claimed, candidates: set[str]) -> Iterator[Claim]:
    """Plain coverage, site by site."""
    name, weight = row["objective_name"], claimed.demand.weight
    reached = claimed.demand.reached(claimed.reach_km)
    covered = set().union(*(d for site, d in reached.items() if site not in candidates), set())
    yield f"{name}.total", row["total"], sum(weight.values())
    yield f"{name}.existing", row["existing"], sum(weight[d] for d in covered)
    yield f"{name}.chosen", row["chosen"], [p["id"] for p in row["proposed"]]
    for site, gain in zip(row["chosen"], row["gain"], strict=True):
        new = reached.get(site, set()) - covered
        yield f"{name}.gain {site}", gain, sum(weight[d] for d in new)
        covered |= new
    yield f"{name}.objective", row["objective"], sum(weight[d] for d in covered)
    sites, budget, cost = claimed.n_sites, claimed.budget, row["cost"]
    yield f"{name}.number", True, sites is None or len(set(row["chosen"])) <= sites
    yield f"{name}.cost", cost, sum(p["cost"] for p in row["proposed"])
    yield f"{name}.budget", True, budget is None or cost <= budget * (1 + 1e-9) + RELATIVE
    yield f"{name}.bound", True, row["bound"] >= row["objective"] - RELATIVE
    if row["objective"]:
        yield f"{name}.gap", row["gap"], max(0.0, row["bound"] / row["objective"] - 1)


def _claimed(row: dict[str, Any], options: dict[str, Any], db: sqlite3.Connection) -> Claimed:
    """A siting's entry with the evidence of its tables."""
    name = row["objective_name"]
    wishes = Wishes.from_options(options)
    tables = {t for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    free = db.execute("SELECT id, cost FROM candidates WHERE reason IS NULL OR reason = ''").fetchall()
    costs = {i: float(cost) for i, cost in free if i not in wishes.forbidden}
    sites = options["sites"]
    served = f'SELECT site, demand, amount FROM "served_{name}"'
    return Claimed(
        row=row,
        wishes=wishes,
        reach_km=options["reach_km"],
        n_sites=None if sites is None else min(sites, len(free)),
        budget=options["budget"],
        demand=_evidence(
            db.execute(f'SELECT id, weight, county FROM "demand_{name}"').fetchall(),
            db.execute(f'SELECT site, demand, distance_km FROM "reach_{name}"').fetchall(),
        ),
        aims=_aims(db) if "demand_aims" in tables else {},
        served=db.execute(served).fetchall() if f"served_{name}" in tables else [],
        costs=costs,
    )


def _aims(db: sqlite3.Connection) -> dict[str, Evidence]:
    """Evidence of each aim that adds up."""
    demand, reach = defaultdict(list), defaultdict(list)
    for aim, *row in db.execute("SELECT aim, id, amount, county FROM demand_aims"):
        demand[aim].append(tuple(row))
    for aim, *row in db.execute("SELECT aim, site, demand, distance_km FROM reach_aims"):
        reach[aim].append(tuple(row))
    return {aim: _evidence(rows, reach[aim]) for aim, rows in demand.items()}


def _evidence(demand: list[tuple[Any, ...]], reach: list[tuple[Any, ...]]) -> Evidence:
    return Evidence(
        {i: float(w) for i, w, _ in demand},
        {i: county or "" for i, _, county in demand},
        [(site, i, float(km)) for site, i, km in reach],
    )


def _open(layers: Path) -> sqlite3.Connection:
    if not layers.is_file():
        raise InputError(Fault("no-run-folder", file=str(layers), values={"reason": "layers.gpkg"}))
    return sqlite3.connect(f"file:{layers.as_posix()}?mode=ro", uri=True)
