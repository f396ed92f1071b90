"""The plan in a few lines of text, for the terminal and the log."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import pandas as pd

from ..plan import Plan
from ..schema import at_most, percent
from ..siting.planning.comply import Compliance
from ..siting.planning.outcome import Siting
from ..texts import text
from . import numbers, programme
from .table import Table, heads
from .words import title_before


def width(shown: str) -> int:
    """Columns a text takes on a terminal; Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in shown)


def summary_lines(tables: Mapping[str, Table]) -> list[tuple[str, ...]]:
    """A row for each finding: status, value before → after, target, title; then what is to be built.

    Cells are padded to the same width, so that joined by blanks they line up.

    Parameters
    ----------
    tables : mapping of name -> Table
        From :func:`plugspan.tables.plan_tables.plan_tables`.
    """
    rows: list[tuple[str, ...]] = []
    for row in tables["findings"].frame.to_dict("records"):
        if pd.isna(row["low"]) and pd.isna(row["high"]) and pd.isna(row["target_value"]):
            continue
        now, then = row["value"], row["value_after"]
        value = now if now == then else f"{now} → {then}"
        rows.append((row["finding_status"], value, row["target_shown"], row["title"]))
    rows += tables["summary"].frame.itertuples(index=False, name=None)
    widths = [max((width(row[i]) for row in rows), default=0) for i in range(4)]
    return [tuple(padded(cell, w) for cell, w in zip(row, widths, strict=True)) for row in rows]


def summary(plan: Plan, lang: str) -> Table:
    """What is to be built, in the columns of the findings: plan to adopt, proposed sites, least sites."""
    rows = _programme_lines(plan, lang)
    rows += [_siting_line(siting, lang) for siting in plan.siting]
    for found in plan.widest:
        if found.stretches:
            *cells, title = _least_line(found, lang)
            rows.append((*cells, f"{title_before(plan, found.rule, lang)}{title}"))
    names = ("finding_status", "value", "target_shown", "title")
    return Table("summary", heads(" ".join(names), lang), pd.DataFrame(rows, columns=names, dtype=object))


def _programme_lines(plan: Plan, lang: str) -> list[tuple[str, ...]]:
    """The plan to adopt: how many actions for how much, how certain, and by when."""
    found = plan.programme
    if found is None:
        return []
    low, high = (programme.money(plan, value, lang) for value in (found.cost_low, found.cost_high))
    proof = found.levels[0]
    proven = text(
        "summary.optimal" if proof.status == "optimal" else "summary.gap", lang, gap=at_most(proof.gap)
    )
    last = programme.step_rows(plan)[-1]["rules"]
    missed = [name for name, values in last.items() if values["status"] != "met"]
    aim = (
        "given"
        if found.given
        else "part"
        if not found.complete
        else "more"
        if found.spends_more
        else "can"  # what no action serves is not the money's fault
        if missed
        else "complete"
    )
    rows: list[tuple[str, ...]] = [
        (
            text("summary.plan", lang, n=len(found.chosen)),
            high if high == low else f"{low} – {high}",
            "" if found.given else proven,
            text(f"summary.plan-{aim}", lang, least=programme.money(plan, found.least, lang)),
        )
    ]
    if found.faults:
        rules = text("map.comma", lang).join(
            dict.fromkeys(plan.before[name.removeprefix("scenario ").rsplit(".", 1)[0]].rule.title[lang]
                          for name in found.faults if name.endswith((".low", ".high")))
        )  # fmt: skip
        rows.append((text("summary.plan-unconfirmed", lang), "", "", rules))
    for stage in programme.stage_rows(plan):
        met = sum(rule["status"] == "met" for rule in stage["rules"].values())
        spent = programme.money(plan, stage["spent"], lang)
        rows.append(
            (str(stage["year"]), spent, f"{met}/{len(stage['rules'])}", text("summary.plan-year", lang))
        )
    if missed:
        titles = text("map.comma", lang).join(plan.before[name].rule.title[lang] for name in missed)
        rows.append((text("summary.plan-missed", lang, n=len(missed)), "", "", titles))
    if outside := programme.rules_outside(plan):
        titles = text("map.comma", lang).join(rule.title[lang] for rule in outside)
        rows.append((text("summary.plan-outside", lang, n=len(outside)), "", "", titles))
    return rows


def _siting_line(siting: Siting, lang: str) -> tuple[str, ...]:
    result = siting.result
    if result.status in ("infeasible", "unknown"):
        nothing = text(f"summary.{result.status}", lang)
        return (nothing, "", "", text(f"objective.{siting.objective_name}", lang))
    if not result.total:
        return (
            text("summary.proposed", lang, n=0),
            text("summary.no-demand", lang),
            "",
            text(f"objective.{siting.objective_name}", lang),
        )
    return (
        text("summary.proposed", lang, n=len(siting.proposed)),
        f"{percent(result.share_before)} → {percent(result.share)}",
        text(
            "summary.optimal" if result.status == "optimal" else "summary.gap",
            lang,
            gap=at_most(result.gap),
        ),
        text(f"objective.{siting.objective_name}", lang),
    )


def _least_line(found: Compliance, lang: str) -> tuple[str, ...]:
    result = found.result
    if not len(found.sites) and len(found.unserved):
        return (
            text("summary.least-none", lang),
            text("summary.no-candidate", lang),
            f"≤ {numbers.span(found.span_km, lang)}",
            text("summary.least-title", lang),
        )
    proven = "summary.least-proven" if result.bound >= result.objective else "summary.least-bound"
    return (
        text("summary.least", lang, n=len(found.sites)),
        text(proven, lang, bound=result.bound),
        f"≤ {numbers.span(found.span_km, lang)}",
        text("summary.least-title" if not len(found.unserved) else "summary.least-title-part", lang),
    )


def padded(cell: str, to: int) -> str:
    """A cell with blanks behind it, up to so many columns."""
    cell = " ".join(cell.split())
    return cell + " " * (to - width(cell))
