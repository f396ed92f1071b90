"""Each rule of a country: of every region as its run says it, with ranks, and of the whole, summed or measured.

A share of the whole is the sum of the numerators by the sum of the denominators, at both ends of the interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..render.read_run import Run
from ..rules.finding import TOLERANCE
from ..rules.kind import kinds
from ..rules.roads import RouteRule
from ..schema import column, readers_unit, shown
from ..tables.numbers import OF_PARTS, fraction_words
from ..texts import text

STATUSES = {
    "met": "rules_met", "met on average": "rules_on_average", "not met": "rules_not_met",
    "undecided": "rules_undecided", "not due": "rules_not_due",
}  # fmt: skip
"""How a rule stands, and the column that counts such rules of a region."""


def rows_of(run: Run, lang: str) -> Iterable[dict[str, Any]]:
    """Each rule of a run: figures from result.json, words from the table of findings."""
    words = run.tables["findings"].set_index("rule")
    after = {row["rule"]: row for part in ("findings", "measures") for row in run.result["after"][part]}
    for row in (*run.result["findings"], *run.result["measures"]):
        counts, said, then = row["counts"], words.loc[row["rule"]], after.get(row["rule"], {})
        yield {
            **{name: row[name] for name in ("rule", "title", "kind", "unit", "low", "high")},
            **{name: row.get(name) for name in ("sense", "by", *OF_PARTS, "part_unit", "whole_unit")},
            "unit_shown": _unit(row["unit"], lang), "part_unit_shown": _unit(row.get("part_unit") or "count", lang),
            "target_value": row.get("target"), "status": row.get("shown"), "low_after": then.get("low"),
            "high_after": then.get("high"), "status_code_after": then.get("shown"),
            **{f"{name}_after": then.get(name) for name in OF_PARTS},
            **{f"{name}_after": then.get("counts", {}).get(name) for name in COUNTS},
            **{name: counts.get(name) for name in COUNTS},
            "finding_status": said["finding_status"], "value": said["value"], "target_shown": said["target"],
            "value_after": said.get("value_after"), "status_after": said.get("status_after"),
        }  # fmt: skip


COUNTS = ("yes", "unknown", "no")
_FINDING = (
    "rule", "title", "kind", "unit", "unit_shown", "low", "high", "target_value", "sense", "by", "status", "low_after",
    "high_after", "status_code_after", *COUNTS, *OF_PARTS, "part_unit", "whole_unit", "part_unit_shown",
    "finding_status", "value", "target_shown", "value_after", "status_after",
    *(f"{name}_after" for name in (*OF_PARTS, *COUNTS)),
)  # fmt: skip


def _unit(unit: str, lang: str) -> str:
    return text(f"sheet.unit.{readers_unit(unit, lang)}", lang)


def region_findings(rows_by: Mapping[str, Iterable[dict[str, Any]]], states: pd.DataFrame) -> pd.DataFrame:
    """A row for each rule of each region; ``rows_by`` has what :func:`rows_of` gives, by the id of the region."""
    names = states.set_index("id")["name"]
    rows = [
        {"region_id": region, "region": names[region], **row}
        for region, own in rows_by.items()
        for row in own
    ]
    return pd.DataFrame(rows, columns=["region_id", "region", *_FINDING], dtype=object)


def ranked(findings: pd.DataFrame) -> pd.DataFrame:
    """Ranks of the regions by each rule with a target: by the end of the interval that speaks against them.

    Some are decided without an interval, as a road without any site has no spacing: what is not met lies beyond all
    numbers then, what is met at the target.
    """
    at_most = findings["sense"] == "<="
    against = findings["high"].where(at_most, findings["low"])
    known = findings["low"].notna() | findings["high"].notna() | findings["status"].isin(["met", "not met"])
    beyond = pd.Series(np.where(at_most, np.inf, -np.inf), findings.index)
    worst = findings["target_value"].astype(float).where(findings["status"] == "met", beyond)
    value = against.astype(float).fillna(worst).where(known & findings["sense"].notna())
    rank = value.where(at_most, -value).groupby(findings["rule"]).rank(method="min")
    return findings.assign(rank=rank.astype("Int64"))


def _on_roads(kind: str) -> bool:
    """Whether rules of a kind are measured on the routes of the whole country."""
    found = kinds().get(kind)
    return found is not None and issubclass(found.model, RouteRule)


def whole_country(
    findings: pd.DataFrame, national: Run | None, days: tuple[str | None, str | None], lang: str
) -> pd.DataFrame:
    """Each rule for the whole country: rules on roads as the national run has them, others as sums of the regions.

    With a plan the others are those of the national plan, if the national run counts today what the regions count
    together. Else, as where a region has no result, they are the sums of what the regions' own plans make of them.

    Parameters
    ----------
    findings : DataFrame
        Of the regions, see :func:`ranked`.
    national : Run, optional
    days : (str, str)
        Day of the state today, and of that with the plan; see :func:`days_of`.
    lang : str
    """
    of_national = {} if national is None else {row["rule"]: row for row in rows_of(national, lang)}
    on_roads = [rule for rule, row in of_national.items() if _on_roads(row["kind"])]
    rows = []
    for rule in dict.fromkeys([*findings["rule"], *on_roads]):
        mine = findings[findings["rule"] == rule]
        stands = mine["status"].value_counts()
        by_region = {name.replace("rules", "regions"): int(stands.get(s, 0)) for s, name in STATUSES.items()}
        row = of_national[rule] if rule in on_roads else _summed(mine, of_national.get(rule), days, lang)
        rows.append({**row, **by_region})
    columns = [*_FINDING, *(name.replace("rules", "regions") for name in STATUSES.values())]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def days_of(run: Run) -> tuple[str | None, str | None]:
    """Day of the state today, and of that with the plan."""
    return run.result["project"].get("reference_date"), (run.result.get("after") or {}).get("reference_date")


_SAME = (
    "rule", "title", "kind", "target_shown", "target_value", "unit", "unit_shown", "sense", "by", "part_unit",
    "whole_unit",
)  # fmt: skip


def _summed(
    mine: pd.DataFrame, national: Mapping[str, Any] | None, days: tuple[str | None, str | None], lang: str
) -> dict[str, Any]:
    """A rule's counts and parts of shares, summed over the regions: what it counts lies in one region each."""
    row: dict[str, Any] = {name: mine[name].iloc[0] for name in _SAME}
    counts = mine[list(COUNTS)].astype(float)
    if counts.notna().any(axis=None):
        row |= {name: float(counts[name].sum()) for name in COUNTS}
    today = _share(mine, row, days[0], lang)
    row |= today
    planned = mine
    if national is not None and all(
        national[name] is not None and np.isclose(national[name], row[name], rtol=0, atol=1e-6)
        for name in OF_PARTS
        if name in row
    ):
        planned = pd.DataFrame([national], dtype=object)
    if today and planned["value_after"].notna().all():
        of_then = {f"{name}_after": name for name in (*OF_PARTS, *COUNTS)}
        then = _share(
            planned.drop(columns=list(of_then.values())).rename(columns=of_then), row, days[1], lang
        )
        names = {"low": "low_after", "high": "high_after", "status": "status_code_after",
                 "finding_status": "status_after", "value": "value_after"}  # fmt: skip
        row |= {name: then[key] for key, name in names.items() if key in then}
    return row


def _share(rows: pd.DataFrame, rule: Mapping[str, Any], at: str | None, lang: str) -> dict[str, Any]:
    """Sums of the numerators and denominators of rows, their share, how it stands to the target, and words.

    Where it is uncertain whether something counts at all, the sums are no interval of the whole: no region's worst case
    need be part of the country's. Then they are told without one.
    """
    parts, counted = rows[list(OF_PARTS)].astype(float), rows[list(COUNTS)].astype(float).sum(axis=1)
    known = parts.notna().all(axis=1)
    if rule["unit"] != "share" or not known.any() or (counted[~known] > 0).any():
        return {}
    found: dict[str, Any] = {name: float(parts[name].sum()) for name in OF_PARTS}
    units = str(rule["part_unit"] or ""), str(rule["whole_unit"] or "")
    ends = [
        fraction_words(found[f"{end}_part"], found[f"{end}_whole"], units, lang) for end in ("low", "high")
    ]
    found["value"] = " – ".join(dict.fromkeys(ends))
    # What certainly counts is counted; the one berth of a region that may count is in both wholes all the same.
    certain = (parts["low_whole"] == parts["high_whole"]) & (
        (rule["part_unit"] == "km") | np.isclose(counted, parts["low_whole"], rtol=0, atol=1e-6)
    )
    if found["low_whole"] > 0 and certain[known].all():
        found |= {end: found[f"{end}_part"] / found[f"{end}_whole"] for end in ("low", "high")}
        shares = [shown(found[end], column("number", unit="share"), lang) for end in ("low", "high")]
        found["value"] = text(
            "national.sum", lang, share=" – ".join(dict.fromkeys(shares)), parts=found["value"]
        )
        found |= _status({**rule, **found}, at, lang)
    return found


def _status(row: Mapping[str, Any], at: str | None, lang: str) -> dict[str, Any]:
    """How the whole country stands to a rule that asks for a share, on a day."""
    if row["sense"] != ">=":
        return {}
    target, by = row["target_value"], row["by"]
    found = "met" if row["low"] >= target - TOLERANCE else "undecided"
    found = "not met" if row["high"] < target - TOLERANCE else found
    if found != "met" and by is not None and at is not None and by > at:
        found = "not due"
    words = text(f"status.{found.replace(' ', '-')}", lang, year="" if by is None else by[:4])
    return {"status": found, "finding_status": words}
