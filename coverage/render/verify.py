"""Recompute what a run folder claims, from its evidence alone: no solver, no road network, plain arithmetic.

``result.json`` holds the claims, the tables ``reach_…``, ``demand_…`` and ``served_…`` of ``layers.gpkg`` the evidence
of who reaches whom and who is served where.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

from ..atomic import MARKER, listed
from ..errors import Fault, InputError
from ..files import digest_of
from ..rules.kind import kinds
from ..schema import ABSENT
from ..siting.planning.constraints import Constraints
from ..siting.planning.recount import Claim, Claimed, Evidence, claims
from ..siting.proof import SMALL, check_proof, served_shares
from ..units import M_PER_KM
from .read_run import one_line, read_result, result_path

RELATIVE = 1e-5
"""``result.json`` holds six decimals."""
KM_ROUNDING = 0.003
CLASSES = ("good_km", "middle_km", "gap_km", "no_site_km", "open_km", "shared_km")
"""Columns with the length of each class of spacing; they add up."""
STEP, MOST_STEPS, MOST_LENGTH = 1_000_000, 400, 10_000_000
"""SQLite looks up after so many operations, gives up after so many looks (ten seconds), and holds no longer value."""


def verify_run(folder: Path) -> tuple[int, list[Fault]]:
    """Check the files and the claims of a run folder, and trust nothing in it.

    Parameters
    ----------
    folder : Path
        A run folder, or its ``result.json``.

    Returns
    -------
    (int, list of Fault)
        How many claims were checked, and what does not hold: each kind once, with its number. A warning says
        what could not be checked.

    Raises
    ------
    InputError
        If there is no ``result.json`` that can be read.
    """
    result = read_result(folder)
    path = result_path(folder)
    faults = list(_files(path.parent))
    changed = any(fault.values.get("name") == path.name for fault in faults)
    with suppress(KeyError, TypeError):  # what is damaged is reported below
        faults += _beyond_prices(result.get("plan"))
    every: list[Claim] = []
    for part, claim in _parts(result, path.with_name("layers.gpkg")):
        try:
            every += claim()
        except InputError as error:
            faults += [fault for fault in error.faults if fault not in faults]
        except Exception as error:
            older = isinstance(error, KeyError) and not changed
            reason = error.args[0] if older else f"{type(error).__name__}: {error}"
            values = {"what": one_line(part), "reason": one_line(reason)}
            faults.append(Fault("verify-older" if older else "verify-unreadable", values=values))
    wrong = [(what, claimed, found) for what, claimed, found in every if not _same(what, claimed, found)]
    return len(every), [*faults, *_each_once(wrong)]


def _files(folder: Path) -> Iterator[Fault]:
    """Files that are missing, or are not as plugspan wrote them."""
    files = listed(folder)
    if files is None:
        yield Fault("verify-no-list", values={"marker": MARKER}, warning=True)
    for name, digest in (files or {}).items():
        path = folder / name
        inside = not Path(name).is_absolute() and ".." not in Path(name).parts
        if not inside or path.is_symlink() or not path.is_file():
            yield Fault("verify-missing", values={"name": one_line(name)})
        elif digest_of(path) != digest:
            yield Fault("verify-changed", values={"name": one_line(name)})


def _each_once(wrong: list[Claim]) -> Iterator[Fault]:
    """One fault for claims of the same kind: ``G106.length_km`` and ``G320.length_km`` are."""
    kinds: dict[str, list[Claim]] = defaultdict(list)
    for claim in wrong:
        kinds[claim[0].rpartition(".")[2].split(" ")[0]].append(claim)
    for claims_of_kind in kinds.values():
        what, claimed, found = (one_line(value) for value in claims_of_kind[0])
        values = {"what": what, "claimed": claimed, "found": found, "n": len(claims_of_kind) - 1}
        yield Fault("verify-values" if values["n"] else "verify-value", values=values)


def _parts(result: dict[str, Any], layers: Path) -> Iterator[tuple[str, Callable[[], Iterable[Claim]]]]:
    """Sections of the result, each with what it claims."""
    yield "findings", lambda: list(_findings("", result, result["project"]))
    yield "after.findings", lambda: list(_findings("after.", result["after"], result["after"]))
    yield "routes", lambda: list(_routes(result))
    rows = result.get("siting", [])
    if "siting" not in result:
        yield "siting", lambda: result["siting"]
    if result.get("plan") is not None:
        yield "plan", lambda: list(_plan(result["plan"], result["after"]))
    for row in rows if isinstance(rows, list) else [rows]:
        yield "siting", lambda row=row: list(_siting(result, row, layers))  # type: ignore[misc]


def _plan(plan: dict[str, Any], after: dict[str, Any]) -> Iterator[Claim]:
    """The plan against its proof: rows, money, people and bounds by plain arithmetic, then what is said of them."""
    proof = plan["proof"]
    yield from ((f"plan.proof {failed}", True, False) for failed in check_proof(proof))
    ids, cost = proof["ids"], proof["cost"]
    built = [j for j in proof["chosen"] if not ids[j].startswith("opening-")]
    yield "plan.actions", [action["action_id"] for action in plan["actions"]], [ids[j] for j in built]
    spent = 0.0
    for action, j in zip(plan["actions"], built, strict=False):
        spent += cost[j]
        yield f"plan.{action['action_id']}.cost", action["cost"], cost[j]
        yield f"plan.{action['action_id']}.spent", action["spent"], spent
    money = plan["cost"]
    yield "plan.cost.high", money["high"], spent
    yield "plan.cost.low", money["low"], min(money["low"], spent)
    enough = money["budget"] is not None and plan["complete"]
    yield "plan.purse", proof["purse"], money["budget"] if enough else money["least"]
    chosen = set(proof["chosen"])
    good = sum(d["weight"] for d in proof["demand"] if not chosen.isdisjoint(d["actions"]))
    if set(plan["then"]) == {"people"}:
        yield "plan.people", plan["people"]["after"] - plan["people"]["before"], good
    payers = plan["cost"]["paid_by"].values()
    yield "plan.paid_by", plan["cost"]["high"] if payers else 0.0, sum(payers)
    yield "plan.complete", plan["complete"], proof["complete"]
    for level, proven in zip(plan["levels"], proof["levels"], strict=True):
        for key in ("name", "objective", "bound", "price_bound"):
            yield f"plan.{level['name']}.{key}", level[key], proven[key]
        best, bound = level["objective"], level["bound"]
        yield (
            f"plan.{level['name']}.sense",
            True,
            bound <= best if level["name"] in SMALL else bound >= best,
        )
        missing = abs(best - bound)
        yield f"plan.{level['name']}.gap", level["gap"], missing / abs(best) if best else missing
    yield from _plan_states(plan, {row["rule"]: row for row in after["findings"]})


def _plan_states(plan: dict[str, Any], after: dict[str, dict[str, Any]]) -> Iterator[Claim]:
    """Each rule's value at the end: by the rows, and as the assessment found it; the money of each year."""
    last = plan["steps"][-1]["rules"]
    for rule, share in served_shares(plan["proof"]).items():
        if after[rule]["kind"] == "facility_share" and not plan["faults"]:
            yield f"plan.{rule}.low", last[rule]["low"], share
    for rule, state in last.items():
        if plan["verified"] and after[rule]["low"] is not None:
            yield f"plan.{rule}.after", state["low"], after[rule]["low"]
    schedule, years = plan["schedule"], plan["proof"]["years"]
    if years is not None:
        for key in ("objective", "bound", "price_bound"):
            yield f"plan.years.{key}", schedule[key], years[key]
        yield "plan.years.missed", [[row["year"], row["rule"]] for row in schedule["missed"]], years["missed"]
        for stage, money in zip(plan["stages"], years["money"], strict=True):
            yield f"plan.{stage['year']}.money", stage["budget"], money
        low, high = years["objective"] - RELATIVE, years["price_bound"] + RELATIVE
        yield "plan.years.sense", True, low <= years["bound"] <= high
    for stage in plan["stages"]:
        now = [action["cost"] for action in plan["actions"] if action["year"] <= stage["year"]]
        yield f"plan.{stage['year']}.spent", stage["spent"], sum(now)
        if not plan["given"]:  # who makes a plan by hand may spend more than there is, and is told so
            yield f"plan.{stage['year']}.budget", True, sum(now) <= stage["budget"] * (1 + 1e-9) + RELATIVE


def _beyond_prices(plan: Any) -> Iterator[Fault]:
    """Bounds that a reader can't derive: they rest on branch and bound beyond what the prices of the rows prove."""
    if not isinstance(plan, dict):
        return
    for level in plan["levels"]:
        if level["rests_on"] != "prices":
            values = {key: one_line(level[key]) for key in ("name", "bound", "price_bound")}
            yield Fault("verify-branch-and-bound", values=values, warning=True)
    schedule = plan["schedule"]
    if schedule is not None and schedule["rests_on"] != "prices":
        values = {key: one_line(schedule[key]) for key in ("bound", "price_bound")}
        yield Fault("verify-years", values=values, warning=True)
    if schedule is not None and schedule["missed"]:
        missed = ", ".join(one_line(f"{row['rule']} {row['year']}") for row in schedule["missed"])
        yield Fault("verify-years-missed", values={"missed": missed}, warning=True)


def _same(what: str, claimed: Any, found: Any) -> bool:
    if isinstance(claimed, (int, float)) and isinstance(found, (int, float)):
        # Kilometres are written to the metre, and their ratios were rounded from exact ones.
        rounding = KM_ROUNDING if what.endswith("_km") else RELATIVE
        try:
            return math.isclose(claimed, found, rel_tol=RELATIVE, abs_tol=rounding)
        except OverflowError:  # a whole number beyond all numbers with decimals
            return False
    return bool(claimed == found)


def _findings(state: str, part: dict[str, Any], dated: dict[str, Any]) -> Iterator[Claim]:
    """Statuses from the intervals and the day of the state, and shares from their counts and evidence."""
    day = dated["reference_date"]  # ISO 8601, as each rule's
    for row in part["findings"]:
        name = f"{state}{row['rule']}"
        yield f"{name}.status", row["status"], _status(row, day)
        kind = kinds().get(row["kind"])
        if kind is not None and kind.claims is not None:
            yield from ((f"{name}.{what}", claimed, found) for what, claimed, found in kind.claims(row))


def _status(row: dict[str, Any], day: str | None) -> str:
    found = _compared(row)
    early = day is not None and row["by"] is not None and row["by"] > day
    return "not due" if early and found != "met" else found


def _compared(row: dict[str, Any]) -> str:
    low, high = row["low"], row["high"]
    if low is None and high is None:
        # Spacing without any site is infinite, which JSON cannot say.
        nothing = row["unit"] != "km" or not row["figures"].get("length_km")
        return "undecided" if nothing else "not met"
    low = -math.inf if low is None else low
    high = math.inf if high is None else high
    if row["sense"] == "<=":
        met, missed = high <= row["target"] + 1e-6, low > row["target"] + 1e-6
    else:
        met, missed = low >= row["target"] - 1e-6, high < row["target"] - 1e-6
    return "met" if met else "not met" if missed else "undecided"


def _routes(result: dict[str, Any]) -> Iterator[Claim]:
    """Lengths from their classes, averages from lengths and sites, longest gaps from those of the first such rule."""
    spacing = {
        row["rule"] for part in ("findings", "measures") for row in result[part] if row["unit"] == "km"
    }
    longest: dict[str, float] = defaultdict(float)
    first = next((gap["rule"] for gap in result["gaps"] if gap["rule"] in spacing), None)
    for gap in result["gaps"]:
        if gap["rule"] == first:
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


def _siting(result: dict[str, Any], row: dict[str, Any], layers: Path) -> Iterator[Claim]:
    """Objective, gains, limits, bound and gap, from the tables of who reaches whom; then all the rest."""
    options = result["project"]["options"]["siting"]
    name = row["objective_name"]
    with closing(_open(layers)) as db:
        claimed = _claimed(row, options, db)
        candidates = {i for (i,) in _rows(db, "candidates", "action_id")}
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
    yield f"{name}.chosen", row["chosen"], [p["action_id"] for p in row["proposed"]]
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
    constraints = Constraints.from_options(options)
    tables = _tables(db)
    free = [
        (i, cost)
        for i, cost, state in _rows(db, "candidates", "action_id, cost, candidate_status")
        if state == "free"
    ]
    costs = {i: float(cost) for i, cost in free if i not in constraints.forbidden}
    sites = options["sites"]
    served = f"served_{name}"
    named = [{**site, "id": site["site_id" if site["existing"] else "action_id"]} for site in row["sites"]]
    return Claimed(
        row={**row, "sites": named},
        constraints=constraints,
        reach_km=options["reach_km"],
        n_sites=None if sites is None else min(sites, len(free)),
        budget=options["budget"],
        demand=_evidence(
            _rows(db, f"demand_{name}", "id, weight, county"),
            _rows(db, f"reach_{name}", "site, demand, distance_km"),
        ),
        aims=_aims(db) if "demand_aims" in tables else {},
        served=_rows(db, served, "site, demand, amount") if served in tables else [],
        costs=costs,
    )


def _aims(db: sqlite3.Connection) -> dict[str, Evidence]:
    """Evidence of each aim that adds up."""
    demand, reach = defaultdict(list), defaultdict(list)
    for aim, *row in _rows(db, "demand_aims", "aim, id, amount, county"):
        demand[aim].append(tuple(row))
    for aim, *row in _rows(db, "reach_aims", "aim, site, demand, distance_km"):
        reach[aim].append(tuple(row))
    return {aim: _evidence(rows, reach[aim]) for aim, rows in demand.items()}


def _evidence(demand: list[tuple[Any, ...]], reach: list[tuple[Any, ...]]) -> Evidence:
    return Evidence(
        {i: float(w) for i, w, _ in demand},
        {i: "" if county in (None, *ABSENT) else county for i, _, county in demand},
        [(site, i, float(km) * M_PER_KM) for site, i, km in reach],
    )


# -- a database that anybody may have written --------------------------------------------------------------
def _open(layers: Path) -> sqlite3.Connection:
    """Open the layers for reading: no code of the file runs, and no work takes for ever.

    Raises
    ------
    InputError
        If they are missing or damaged.
    """
    if not layers.is_file():
        raise InputError(Fault("verify-missing", values={"name": layers.name}))
    # immutable: no lock, no file beside it, and what a journal beside it says is left alone.
    db = sqlite3.connect(f"{layers.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    steps = count()
    db.set_progress_handler(lambda: next(steps) > MOST_STEPS, STEP)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_LENGTH)
    try:
        db.execute("PRAGMA trusted_schema = OFF")
        damage = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        damage = str(error)
    if damage != "ok":
        db.close()
        raise InputError(Fault("verify-damaged", values={"name": layers.name, "reason": one_line(damage)}))
    return db


def _tables(db: sqlite3.Connection) -> set[str]:
    """Names of the plain tables: a view, a virtual table or a computed column would be code."""
    plain = "type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    computed = "EXISTS (SELECT * FROM pragma_table_xinfo(m.name) WHERE hidden > 0)"
    return {
        name for (name,) in db.execute(f"SELECT name FROM sqlite_master m WHERE {plain} AND NOT {computed}")
    }


def _rows(db: sqlite3.Connection, table: str, columns: str) -> list[tuple[Any, ...]]:
    """Columns of a plain table, whatever it is called.

    Raises
    ------
    InputError
        If there is no such table.
    """
    if table not in _tables(db):
        raise InputError(Fault("verify-table", values={"table": one_line(table)}))
    name = table.replace('"', '""')
    return db.execute(f'SELECT {columns} FROM "{name}"').fetchall()
