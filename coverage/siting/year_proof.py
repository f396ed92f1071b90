"""The proof of a plan's years: the program of the spread by plain lists, its prices, and what they prove.

Variables, in this order: actions of each year; part served of each row in all years but the last; demand reached in
each year; items of rules that ask for a share, for each year in which such rules are held and for the last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .maxcover.problem import COST_TOLERANCE
from .stages import DUE, LITTLE, StagePlan

if TYPE_CHECKING:
    from .proof import Row, _Reader

DIGITS = 12


def write_years(stages: StagePlan) -> dict[str, Any] | None:
    """What a stranger needs to check the years, as JSON has it; None if there was nothing to spread."""
    if not stages.program or stages.keeps is None:
        return None
    listed, keeps = stages.program, stages.keeps
    return {
        "years": stages.years.tolist(),
        "money": stages.money.tolist(),
        "first": keeps.first.tolist(),
        "hold": np.argwhere(keeps.hold).tolist(),
        "stage": stages.stage.tolist(),
        "missed": [list(found) for found in stages.missed],
        "count": listed["count"],
        "good": listed["good"],
        "ties": listed["ties"].tolist(),
        "people": listed["people"].tolist(),
        "prices": [float(f"{p:.{DIGITS}g}") for p in listed["prices"].tolist()],
        "objective": stages.objective,
        "bound": stages.bound,
        "price_bound": stages.price_bound,
    }


class _Spread:
    """The program of the years over the lists of a proof."""

    def __init__(self, reader: _Reader) -> None:
        self.reader, self.proof, self.years = reader, reader.proof, reader.proof["years"]
        self.n, self.t = reader.n, len(self.years["years"])
        rows, items = self.proof["rows"], self.proof["items"]
        self.open = [row for row in rows if not row.get("lost")]
        self.first_s = self.n * self.t
        self.first_z = self.first_s + len(self.open) * (self.t - 1)
        self.first_item = self.first_z + len(self.proof["demand"]) * self.t
        many = [0] * len(items)
        for row in rows:
            many[row["item"]] += 1
        rules = self.proof["rules"]
        self.weight = [
            [
                item["weight"] / (rule["total"] or 1.0) / many[row["item"]] * self._due(rule, year)
                for row in self.open
                for item in [items[row["item"]]]
                for rule in [rules[item["rule"]]]
            ]
            for year in self.years["years"][:-1]
        ]

    @staticmethod
    def _due(rule: dict[str, Any], year: int) -> float:
        return DUE if rule["due"] is not None and rule["due"] <= year else 1.0

    def objective(self) -> dict[int, float]:
        """What is made small: all that is served early, with its sign turned."""
        found = {(self.t - 1) * self.n + j: tie for j, tie in enumerate(self.years["ties"])}
        for t, weights in enumerate(self.weight):
            found |= {self.first_s + t * len(self.open) + r: -w for r, w in enumerate(weights)}
        demand = len(self.proof["demand"])
        for t, people in enumerate(self.years["people"]):
            found |= {self.first_z + t * demand + d: -LITTLE * w for d, w in enumerate(people)}
        return found

    def rows(self) -> Iterator[Row]:
        """Rows in the order of their prices."""
        proof, n, last = self.proof, self.n, self.t - 1
        for t in range(last):
            for r, row in enumerate(self.open):
                part = {t * n + j: a for j, a in self.reader.amounts(row).items()}
                yield {**part, self.first_s + t * len(self.open) + r: -1.0}, 0.0, math.inf
        demand = proof["demand"]
        for t in range(self.t):
            for d, place in enumerate(demand):
                part = {t * n + j: 1.0 for j in place["actions"]}
                yield {**part, self.first_z + t * len(demand) + d: -1.0}, 0.0, math.inf
        total = max(sum(place["weight"] for place in demand), 1e-300)
        first = self.first_z + last * len(demand)
        good = {first + d: place["weight"] / total for d, place in enumerate(demand)}
        yield good, self.years["good"] / total - COST_TOLERANCE, math.inf
        yield {last * n + j: 1.0 for j in range(n)}, -math.inf, float(self.years["count"])
        for t in range(last):
            for j in range(n):
                yield {(t + 1) * n + j: 1.0, t * n + j: -1.0}, 0.0, math.inf
        scale = max([*proof["cost"], 1e-300])
        for t, money in enumerate(self.years["money"]):
            spent = {t * n + j: c / scale for j, c in enumerate(proof["cost"]) if c}
            yield spent, -math.inf, money * (1 + COST_TOLERANCE) / scale
        for t in range(self.t):
            for j in proof["required"]:
                if t == last or (proof["cost"][j] <= 0 and self.years["first"][j] <= t):
                    yield {t * n + j: 1.0}, 1.0, math.inf
        yield from self._held()

    def _held(self) -> Iterator[Row]:
        """Rows of the rules that are held from a year on, and of all rules in the last."""
        first, items = self.first_item, self.proof["items"]
        for t in range(self.t):
            only = {k for year, k in self.years["hold"] if year == t}
            if t == self.t - 1:
                only = set(range(len(self.proof["rules"])))
            mine = [k for i, k in self.reader.partial.items() if items[i]["rule"] in only]
            at = {self.n + k: first + position for position, k in enumerate(mine)}
            if only:
                for row, low, high in self.reader.kept(only):
                    yield {at.get(k, t * self.n + k): a for k, a in row.items()}, low, high
                first += len(mine)

    def price_bound(self) -> float:
        """The most that any spread can serve early, as the prices prove it by weak duality."""
        reduced, value = self.objective(), 0.0
        for (row, low, high), price in zip(self.rows(), self.years["prices"], strict=True):
            limit = low if price > 0 else high
            if not price or not math.isfinite(limit):
                continue
            value += price * limit
            for k, a in row.items():
                reduced[k] = reduced.get(k, 0.0) - price * a
        first, forbidden = self.years["first"], self.reader.forbidden
        for k, r in reduced.items():
            t, j = divmod(k, self.n)
            shut = k < self.first_s and (j in forbidden or first[j] > t)
            value += 0.0 if shut else min(r, 0.0)
        return -value

    def counted(self) -> float:
        """What the spread serves early."""
        stage, value = self.years["stage"], 0.0
        for t, (weights, people) in enumerate(zip(self.weight, self.years["people"], strict=True)):
            now = {j for j, year in enumerate(stage) if 0 <= year <= t}
            for row, weight in zip(self.open, weights, strict=True):
                value += weight * min(sum(a for j, a in self.reader.amounts(row).items() if j in now), 1.0)
            reached = (now.intersection(place["actions"]) for place in self.proof["demand"])
            value += LITTLE * sum(w for w, found in zip(people, reached, strict=True) if found)
        return float(value - sum(self.years["ties"][j] for j, year in enumerate(stage) if year >= 0))


def check_years(reader: _Reader, close: float) -> list[str]:
    """Recount a spread and derive its bound; one line for each claim that does not hold.

    Raises
    ------
    ValueError
        If there are not as many prices as rows.
    """
    proof, years = reader.proof, reader.proof["years"]
    spread, stage = _Spread(reader), years["stage"]
    t = len(years["years"])
    built = {j for j, year in enumerate(stage) if year >= 0}
    failed = [] if built == set(proof["chosen"]) and len(stage) == reader.n else ["years chosen"]
    if (
        not all(-1 <= year < t for year in stage)
        or len(years["money"]) != t
        or len(years["first"]) != reader.n
    ):
        raise ValueError("a year that is not in the list")
    failed += (
        ["years order"] if [stage[j] for j in proof["chosen"]] != sorted(stage[j] for j in built) else []
    )
    failed += [f"years first {j}" for j in built if stage[j] < min(years["first"][j], t - 1)]
    for year, money in enumerate(years["money"]):
        spent = sum(proof["cost"][j] for j in built if stage[j] <= year)
        failed += [f"years money {year}"] if spent > money * (1 + close) + close else []
    met = [reader.met_rules({j for j in built if stage[j] <= year}) for year in range(t)]
    failed += [f"years hold {year} {k}" for year, k in years["hold"] if k not in met[year]]
    missed = [
        [year, rule["id"]]
        for at, year in enumerate(years["years"])
        for k, rule in enumerate(proof["rules"])
        if rule["due"] is not None and rule["due"] <= year and k not in met[at]
    ]
    failed += ["years missed"] if missed != years["missed"] else []
    good = sum(place["weight"] for place in proof["demand"] if built.intersection(place["actions"]))
    failed += (
        ["years good"] if years["good"] > good * (1 + close) + close or years["count"] < len(built) else []
    )
    failed += (
        ["years objective"]
        if abs(spread.counted() - years["objective"]) > close * max(1, years["objective"])
        else []
    )
    proven = spread.price_bound()
    if proven > years["price_bound"] + close * max(1.0, abs(proven)):
        failed.append("bound years")
    return failed
