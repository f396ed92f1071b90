"""A proof that a stranger can check: rows, costs, prices and what they prove, by plain arithmetic.

:func:`write_proof` turns a plan into lists of numbers; :func:`check_proof` recounts it and derives every bound anew.
The check uses neither a solver nor the matrices of :mod:`.levels`: loops over lists, and weak duality.

Weak duality: any plan that keeps rows ``low <= a·v`` (or ``a·v <= high``) has ``c·v >= sum of price × limit +
sum of (c - prices·a)`` over the variables where that is negative. Prices may be any numbers: wrong ones only
prove less.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .levels import KEPT, LevelPlan, PlanProblem
from .maxcover.priced import round_up
from .maxcover.problem import COST_TOLERANCE
from .stages import StagePlan
from .year_proof import check_years, write_years

CLOSE = 1e-6
"""Relative slack for rounding where a claim is compared with its recount."""
DIGITS = 12
SMALL = ("money", "actions")
"""Levels that are made small; the one between them, called after its good, is made large."""
METRE_DIGITS = 4
NEAR_M = 2e-3
"""A place this close to the end of a stretch may be taken as in it or not."""


def write_proof(
    problem: PlanProblem,
    plan: LevelPlan,
    purse: float,
    ids: Iterable[str] = (),
    stages: StagePlan | None = None,
) -> dict[str, Any]:
    """What a stranger needs to check a plan, as JSON has it.

    Parameters
    ----------
    problem : PlanProblem
    plan : LevelPlan
    purse : float
        Money that the second and third level were given.
    ids : iterable of str
        Of the actions.
    stages : StagePlan, optional
        The plan over years.

    Returns
    -------
    dict
        ``ids, cost, required, forbidden`` of the actions by position; ``rules``; ``items`` (rule, weight, hopeless);
        ``rows`` (item, need, actions, amounts: left out where each is 1; ``lost`` if nothing serves it; ``line`` and
        ``from_m`` if it wants a site in a stretch, ``drive`` if it wants a second site); ``lines`` and ``drives`` (see
        :mod:`plugspan.rules.rows`);
        ``demand`` (weight, actions); ``chosen``;
        ``levels`` with their prices in the order of the rows of :meth:`_Reader.rows`; ``years`` (see
        :mod:`.year_proof`).
    """
    rows, matrix, reach = problem.rows, problem.rows.matrix, problem.reach
    listed = []
    for r in range(matrix.shape[0]):
        at = slice(matrix.indptr[r], matrix.indptr[r + 1])
        entry = {
            "item": int(rows.item[r]),
            "need": float(rows.need[r]),
            "actions": matrix.indices[at].tolist(),
        }
        if (matrix.data[at] != 1.0).any():
            entry["amounts"] = matrix.data[at].tolist()
        if rows.lost[r]:
            entry["lost"] = True
        listed.append(entry)
    lines, drives = _write_lines(problem, listed), _write_drives(problem, listed)
    demand = [
        {"weight": float(w), "actions": reach.indices[reach.indptr[d] : reach.indptr[d + 1]].tolist()}
        for d, w in enumerate(problem.weight)
    ]
    items = zip(rows.rule_of_item.tolist(), rows.item_weight.tolist(), rows.hopeless.tolist(), strict=True)
    return {
        "ids": list(ids),
        "cost": problem.cost.tolist(),
        "unit": problem.unit,
        "required": np.flatnonzero(problem.required).tolist(),
        "forbidden": np.flatnonzero(problem.forbidden).tolist(),
        "rules": [
            {
                "id": r.rule,
                "served": float(r.served),
                "total": float(r.total),
                "share": float(r.share),
                "due": r.due,
            }
            for r in rows.rules
        ],
        "items": [{"rule": rule, "weight": weight, "hopeless": lost} for rule, weight, lost in items],
        "rows": listed,
        "lines": lines,
        "drives": drives,
        "demand": demand,
        "purse": purse,
        "chosen": (plan if stages is None else stages).order.tolist(),
        "complete": plan.complete,
        "levels": [
            {
                "name": level.name,
                "objective": level.objective,
                "bound": level.bound,
                "price_bound": level.price_bound,
                "prices": [float(f"{p:.{DIGITS}g}") for p in level.prices.tolist()],
                "ties": level.ties.tolist(),
            }
            for level in plan.levels
        ],
        "years": None if stages is None else write_years(stages),
    }


def _write_lines(problem: PlanProblem, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines of the rules that have them; each of their rows gets its line and where on it its stretch begins."""
    lines: list[dict[str, Any]] = []
    first = 0
    for rule in problem.rows.rules:
        laid = rule.stretches
        for r, (line, at) in enumerate(
            zip(laid.line.tolist(), laid.from_m.tolist(), strict=True) if laid else ()
        ):
            listed[first + r] |= {"line": len(lines) + line, "from_m": round(at, METRE_DIGITS)}
        for line in laid.lines if laid else ():
            found = {"name": list(line.name), "span_m": laid.span_m if laid else 0.0, "ring_m": line.ring_m}
            places: dict[str, Any] = {
                "begin_m": line.begin_m,
                "fixed_m": line.fixed_m,
                "action_m": line.action_m,
            }
            found |= {key: np.round(value, METRE_DIGITS).tolist() for key, value in places.items()}
            lines.append(found | {"action": line.action.tolist()})
        first += rule.matrix.shape[0]
    return lines


def _write_drives(problem: PlanProblem, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Distances from the ends of pieces of road that want two sites; each of their rows gets which."""
    drives: list[dict[str, Any]] = []
    first = 0
    for rule in problem.rows.rules:
        known: dict[int, int] = {}
        for r, item in enumerate(rule.item.tolist() if rule.drives is not None else ()):
            if item not in known:
                found = rule.drives(item) if rule.drives is not None else None
                if found is None:
                    continue
                known[item] = len(drives)
                far = {"to_u_m": found.to_u_m, "to_v_m": found.to_v_m}
                drives.append(
                    {"left_m": round(found.left_m, METRE_DIGITS), "action": found.action.tolist()}
                    | {"site": found.site.tolist()}
                    | {key: np.round(value, METRE_DIGITS).tolist() for key, value in far.items()}
                )
            listed[first + r]["drive"] = known[item]
        first += rule.matrix.shape[0]
    return drives


Row = tuple[dict[int, float], float, float]
"""Coefficients by variable, lower limit, upper limit."""


class _Reader:
    """The lists of a proof with the variables of its programs: actions, then items asked for in part, then demand."""

    def __init__(self, proof: dict[str, Any]) -> None:
        self.proof = proof
        self.n = len(proof["cost"])
        self.forbidden = set(proof["forbidden"])
        part = [rule["share"] < 1.0 for rule in proof["rules"]]
        open_items = [(i, item) for i, item in enumerate(proof["items"]) if not item["hopeless"]]
        self.partial = {i: k for k, i in enumerate(i for i, item in open_items if part[item["rule"]])}
        self.shares = [k for k, partial in enumerate(part) if partial]
        self.demand = [d for d in proof["demand"] if d["weight"] > 0 and d["actions"]]
        self.first_demand = self.n + len(self.partial)
        self.size = self.first_demand + len(self.demand)

    def asked(self, row: dict[str, Any]) -> bool:
        """Whether every complete plan serves a row: of a rule that asks for all, unless nothing can."""
        rule = self.proof["rules"][self.proof["items"][row["item"]]["rule"]]
        return not rule["share"] < 1.0 and not row.get("lost")

    def amounts(self, row: dict[str, Any]) -> dict[int, float]:
        given = row.get("amounts") or [1.0] * len(row["actions"])
        return {j: min(a / row["need"], 1.0) for j, a in zip(row["actions"], given, strict=True)}

    def kept(self, only: set[int] | None = None) -> Iterator[Row]:
        """Rows that every level keeps: of whole items, of partial ones, the shares; ``only``: those of some rules."""
        asked = set(range(len(self.proof["rules"]))) if only is None else only
        rows = [row for row in self.proof["rows"] if self.proof["items"][row["item"]]["rule"] in asked]
        for row in rows:
            if self.asked(row):
                yield self.amounts(row), 1.0, math.inf
        for row in rows:
            if row["item"] in self.partial:
                yield {**self.amounts(row), self.n + self.partial[row["item"]]: -1.0}, 0.0, math.inf
        for k in (k for k in self.shares if k in asked):
            rule, items = self.proof["rules"][k], self.proof["items"]
            total = max(rule["total"], 1e-300)
            mine = [i for i in self.partial if items[i]["rule"] == k]
            possible = sum(items[i]["weight"] for i in mine)
            least = min(max(rule["share"] * rule["total"] - rule["served"], 0.0), possible) / total
            yield (
                {self.n + self.partial[i]: items[i]["weight"] / total for i in mine},
                least * (1 - KEPT),
                math.inf,
            )

    def rows(self, level: str, good: float) -> Iterator[Row]:
        """Rows of a level in the order of its prices."""
        yield from self.kept()
        yield from (({j: 1.0}, 1.0, math.inf) for j in self.proof["required"])
        if level == "money":
            return
        for d, demand in enumerate(self.demand):
            yield {**dict.fromkeys(demand["actions"], 1.0), self.first_demand + d: -1.0}, 0.0, math.inf
        scale = max([*self.proof["cost"], 1e-300])
        spent = {j: c / scale for j, c in enumerate(self.proof["cost"]) if c}
        yield spent, -math.inf, self.proof["purse"] * (1 + COST_TOLERANCE) / scale
        if level == "actions":
            total = max(sum(d["weight"] for d in self.demand), 1e-300)
            people = {self.first_demand + d: x["weight"] / total for d, x in enumerate(self.demand)}
            yield people, good / total - KEPT, math.inf

    def objective(self, level: dict[str, Any]) -> list[float]:
        """What the level makes small."""
        found = [0.0] * self.size
        if level["name"] == "money":
            found[: self.n] = self.proof["cost"]
        elif level["name"] == "actions":
            found[: self.n] = [1.0 + tie for tie in level["ties"]]
        else:
            found[self.first_demand :] = [-d["weight"] for d in self.demand]
        return found

    def met_rules(self, chosen: set[int]) -> set[int]:
        """Rules of which a choice serves what can be served, or the share that is asked for."""
        items, rules = self.proof["items"], self.proof["rules"]
        missed = {row["item"] for row in self.proof["rows"] if not _full(row, chosen)}
        got, possible = [0.0] * len(rules), [0.0] * len(rules)
        for i, item in enumerate(items):
            weight = 0.0 if item["hopeless"] else item["weight"]
            possible[item["rule"]] += weight
            got[item["rule"]] += 0.0 if i in missed else weight
        late = {
            items[row["item"]]["rule"]
            for row in self.proof["rows"]
            if self.asked(row) and not _full(row, chosen)
        }
        found = set()
        for k, rule in enumerate(rules):
            asked = (
                math.inf if rule["share"] >= 1.0 else max(rule["share"] * rule["total"] - rule["served"], 0.0)
            )
            if k not in late and got[k] >= min(asked, possible[k]) * (1 - CLOSE) - CLOSE:
                found.add(k)
        return found

    def reached(self, chosen: set[int]) -> float:
        return float(sum(d["weight"] for d in self.demand if chosen.intersection(d["actions"])))


def price_bound(proof: dict[str, Any], level: dict[str, Any], good: float) -> float:
    """The bound that a level's prices prove, in the level's unit; ``good`` is the people of the level before.

    Raises
    ------
    ValueError
        If there are not as many prices as rows.
    """
    reader = _Reader(proof)
    reduced, value = reader.objective(level), 0.0
    for (row, low, high), price in zip(reader.rows(level["name"], good), level["prices"], strict=True):
        limit = low if price > 0 else high
        if not price or not math.isfinite(limit):
            continue
        value += price * limit
        for k, a in row.items():
            reduced[k] -= price * a
    value += sum(min(r, 0.0) for k, r in enumerate(reduced) if k not in reader.forbidden)
    if level["name"] not in SMALL:
        return -value
    if level["name"] == "actions":
        return float(math.ceil(value - 0.5 - 1e-9))
    return round_up(value, proof["unit"])


def check_proof(proof: dict[str, Any]) -> list[str]:
    """Recount a plan and derive its bounds; one line for each claim that does not hold, empty if all do.

    Parameters
    ----------
    proof : dict
        As :func:`write_proof` made it, or read from ``proof.json``.

    Returns
    -------
    list of str
        ``"row 17"``, ``"money"``, ``"bound people"`` … : what failed.
    """
    reader = _Reader(proof)
    chosen = set(proof["chosen"])
    _known(proof)
    failed = [f"required {j}" for j in proof["required"] if proof["complete"] and j not in chosen]
    failed += [f"forbidden {j}" for j in proof["forbidden"] if j in chosen]
    held = [sum(a for j, a in reader.amounts(row).items() if j in chosen) for row in proof["rows"]]
    met = [value >= 1.0 - CLOSE or _full(row, chosen) for value, row in zip(held, proof["rows"], strict=True)]
    if proof["complete"]:
        failed += [f"row {r}" for r, row in enumerate(proof["rows"]) if reader.asked(row) and not met[r]]
        failed += _shares(proof, reader, met)
    failed += _hopeless(proof, reader)
    failed += _recounted(proof)
    cost = sum(proof["cost"][j] for j in chosen)
    if cost > proof["purse"] * (1 + CLOSE) + CLOSE:
        failed.append("purse")
    good = reader.reached(chosen)
    for level in proof["levels"]:
        if proof["complete"]:
            counted = {"actions": float(len(chosen)), "money": level["objective"]}.get(level["name"], good)
            if not _same(counted, level["objective"]):
                failed.append(level["name"])
        proven = price_bound(proof, level, _good(proof, good))
        large = level["name"] not in SMALL
        worse = proven > level["price_bound"] if large else proven < level["price_bound"]
        if worse and not _same(proven, level["price_bound"]):
            failed.append(f"bound {level['name']}")
    return failed + (check_years(reader, CLOSE) if proof["years"] is not None else [])


def served_shares(proof: dict[str, Any]) -> dict[str, float]:
    """Served share of each rule's total with the chosen actions, by the rows."""
    chosen = set(proof["chosen"])
    missed = {row["item"] for row in proof["rows"] if not _full(row, chosen)}
    found = {}
    for k, rule in enumerate(proof["rules"]):
        mine = [i for i, item in enumerate(proof["items"]) if item["rule"] == k and i not in missed]
        if rule["total"] > 0:
            served = rule["served"] + sum(proof["items"][i]["weight"] for i in mine)
            found[rule["id"]] = served / rule["total"]
    return found


def _known(proof: dict[str, Any]) -> None:
    """Every position of an action, item, rule and line is one of the list.

    Raises
    ------
    ValueError
        If one is not: a negative one would be read from the end.
    """
    n = len(proof["cost"])
    used = [
        (n, [*proof["chosen"], *proof["required"], *proof["forbidden"]]),
        (len(proof["items"]), [row["item"] for row in proof["rows"]]),
        (len(proof["rules"]), [item["rule"] for item in proof["items"]]),
        (len(proof["lines"]), [row["line"] for row in proof["rows"] if "line" in row]),
        (len(proof["drives"]), [row["drive"] for row in proof["rows"] if "drive" in row]),
    ]
    places = [*proof["rows"], *proof["demand"]]
    inside = all(0 <= k < size for size, found in used for k in found)
    if not inside or not all(0 <= j < n for place in places for j in place["actions"]):
        raise ValueError("a position that is not in the list")
    if any(cost < 0 for cost in proof["cost"]) or any(not row["need"] > 0 for row in proof["rows"]):
        raise ValueError("a negative cost, or a need that is not above 0")


def _recounted(proof: dict[str, Any]) -> Iterator[str]:
    """Rows that are not the road's by the distances: others lie in a stretch, or a site is there already."""
    sorted_places: dict[int, tuple[list[Place], list[Place]]] = {}
    for r, row in enumerate(proof["rows"]):
        if "drive" in row and _passes_without(proof["drives"][row["drive"]], row):
            yield f"drive {r}"
        if "line" not in row:
            continue
        line, low = proof["lines"][row["line"]], row["from_m"]
        if row["line"] not in sorted_places:
            fixed = [(at, -1) for at in line["fixed_m"]]
            built = list(zip(line["action_m"], line["action"], strict=True))
            sorted_places[row["line"]] = _round(line, built), _round(line, fixed)
        possible, there = (_in(places, low, low + line["span_m"]) for places in sorted_places[row["line"]])
        surely, perhaps = ({j for _, j in found} for found in possible)
        first, last = line["begin_m"]
        asked = first - NEAR_M <= low <= last + NEAR_M
        if there[0] or not asked or row["need"] != 1.0 or not surely <= set(row["actions"]) <= perhaps:
            yield f"stretch {r}"


Place = tuple[float, int]
"""A position on a line, and the action that would put a site there."""


def _round(line: dict[str, Any], places: list[Place]) -> list[Place]:
    """Places of a line, rising; those of a ring once more, a turn further on."""
    turns = (0.0, line["ring_m"]) if line["ring_m"] else (0.0,)
    return sorted((at + turn, j) for at, j in places for turn in turns)


def _in(places: list[Place], low: float, high: float) -> tuple[list[Place], list[Place]]:
    """Places that surely lie in a stretch, and those that may."""
    near = places[bisect_left(places, (low - NEAR_M,)) : bisect_right(places, (high + NEAR_M, math.inf))]
    return [(at, j) for at, j in near if low + NEAR_M < at < high - NEAR_M], near


def _passes_without(drive: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a piece of road passes by what is there and actions that its row doesn't name: then it is no row."""
    mine = set(row["actions"])
    if row["need"] != 1.0 or not mine <= set(drive["action"]):
        return True
    columns = zip(drive["action"], drive["site"], drive["to_u_m"], drive["to_v_m"], strict=True)
    other = [(site, u, v) for action, site, u, v in columns if action not in mine]
    by_u, by_v = (sorted((far[end], far[0]) for far in other) for end in (1, 2))
    # Of each end the nearest site and the nearest other one are enough.
    near_v = [next(iter(by_v), None), next((x for x in by_v if x[1] != by_v[0][1]), None)]
    near_u = [next(iter(by_u), None), next((x for x in by_u if x[1] != by_u[0][1]), None)]
    pairs = [(a, b) for a in near_u if a for b in near_v if b and a[1] != b[1]]
    return any(a[0] + b[0] < drive["left_m"] - NEAR_M for a, b in pairs)


def _good(proof: dict[str, Any], counted: float) -> float:
    """People that the third level keeps: those of the second, which an incomplete plan does not reach."""
    stated = [level["objective"] for level in proof["levels"] if level["name"] not in SMALL]
    return counted if proof["complete"] or not stated else float(stated[0])


def _full(row: dict[str, Any], chosen: set[int]) -> bool:
    """Whether unscaled amounts reach the need: amounts of several actions were cut to it one by one."""
    given = row.get("amounts") or [1.0] * len(row["actions"])
    held = sum(a for j, a in zip(row["actions"], given, strict=True) if j in chosen)
    return bool(held >= row["need"] * (1 - CLOSE))


def _shares(proof: dict[str, Any], reader: _Reader, met: list[bool]) -> Iterator[str]:
    """Rules that ask for a share and don't get it."""
    missed = {row["item"] for row, ok in zip(proof["rows"], met, strict=True) if not ok}
    for k in reader.shares:
        rule = proof["rules"][k]
        mine = [i for i in reader.partial if proof["items"][i]["rule"] == k]
        got = sum(proof["items"][i]["weight"] for i in mine if i not in missed)
        possible = sum(proof["items"][i]["weight"] for i in mine)
        if got < min(rule["share"] * rule["total"] - rule["served"], possible) - CLOSE * rule["total"]:
            yield f"share {rule['id']}"


def _hopeless(proof: dict[str, Any], reader: _Reader) -> Iterator[str]:
    """Rows called lost that all actions together would serve, and items called hopeless without any such row."""
    everything = set(range(reader.n)) - reader.forbidden
    lost = {r: row["item"] for r, row in enumerate(proof["rows"]) if row.get("lost")}
    yield from (f"lost {r}" for r in lost if _full(proof["rows"][r], everything))
    for i in {i for i, item in enumerate(proof["items"]) if item["hopeless"]} ^ set(lost.values()):
        yield f"item {i}"


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= CLOSE * max(1.0, abs(a), abs(b))
