"""Tables of the plan to adopt: actions, steps, years, what is left, how certain and how proven it is, costs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from ..plan import Plan
from ..rules.finding import Finding
from ..schema import COLUMNS, Column, at_most, column, columns, day, shown
from ..siting.actions import KINDS
from ..texts import catalogue, text
from ..units import M_PER_KM, figures_in_km
from . import numbers, programme
from .columns import (
    ACTION_COLUMNS,
    CLOSES_COLUMNS,
    OTHER_ACTION_COLUMNS,
    SAVING_COLUMNS,
    STEP_COLUMNS,
    TRAFFIC_POINTS,
)
from .gap_words import shared_stretch, shared_words
from .row_ids import GapsAround
from .sentences import people_words
from .table import Head, Table, heads, labelled, placed

YEARS = 4
"""So many years stand beside today in a table on paper."""
NAMED = 1
"""So many of those responsible for a kind of action are named on the first page; the others are counted."""
_UNIT_TWICE = re.compile(r"([+-]?[\d.,]+)(\D*) – ([+-]?[\d.,]+)\2")
LOOKS = {
    "met": "good",
    "met on average": "middle",
    "undecided": "middle",
    "not met": "gap",
    "not due": "soft",
}
SIGNS = {"met": "✓", "met on average": "!", "undecided": "?", "not met": "✕", "not due": "…"}
"""What stands before a value, so that a print without colours says it, too: as on the map."""
WORDS, AMOUNT = COLUMNS["words"], COLUMNS["number"]


def programme_tables(plan: Plan, lang: str) -> Iterator[Table]:
    """All tables of the plan to adopt; none if no plan was asked for."""
    if plan.programme is None:
        return
    yield actions(plan, lang)
    yield duties(plan, lang)
    yield steps(plan, lang)
    survey = programme.shown_savings(plan)
    yield Table("plan-survey", _heads(plan, SAVING_COLUMNS, lang), survey, row_id="action_id")
    yield closes(plan, lang)
    others = placed(programme.why_not(plan, lang, grid=True))
    told = (*OTHER_ACTION_COLUMNS[:-1], *columns("why_words"), OTHER_ACTION_COLUMNS[-1], *columns("lon lat"))
    yield Table("plan-others", _heads(plan, told, lang), others)
    states = _states(plan)
    yield _state_table(plan, [states[0], states[-1]], lang, "plan-brief")
    for start in range(0, max(len(states) - 1, 1), YEARS):
        part = [states[0], *states[1 + start : 1 + start + YEARS]]
        yield _state_table(plan, part, lang, f"plan-states-{1 + start // YEARS}")
    for make in (unmet, shared, two_plans, methods, levels, costs):
        yield make(plan, lang)


def _heads(plan: Plan, names: Iterable[Column], lang: str) -> tuple[Head, ...]:
    return heads(names, lang, currency=plan.currency)


# -- actions, steps, years -------------------------------------------------------------------------------


def actions(plan: Plan, lang: str) -> Table:
    """What is built, in its order: the sheet for finance."""
    frame = placed(programme.shown_actions(plan, lang))
    frame["place_words"] = [
        f"{programme.action_name(row, lang)}\n{shown(row['kind'], column('action_kind'), lang)}"
        for row in frame.to_dict("records")
    ]
    sure, doubtful = text("report.plan.sure", lang), text("report.plan.if-survey", lang)
    frame["certain_words"] = [sure if certain else doubtful for certain in frame["certain"]]
    looks = {"certain_words": {"middle": (doubtful,)}}
    more = TRAFFIC_POINTS if "traffic_points" in frame else ()
    found = _heads(plan, (*ACTION_COLUMNS, *more, *columns("lon lat")), lang)
    frame["who_words"] = frame["responsible"].fillna(text("report.plan.to-name", lang))
    words = dict.fromkeys(("place_words", "payers", "who_words", "certain_words"), WORDS)
    paper = labelled("report.plan.head", words, lang)
    return Table("plan-actions", found, frame, looks, paper=paper, row_id="action_id")


def closes(plan: Plan, lang: str) -> Table:
    """What each action closes, by rule and place or gap of today; covered length, which has no gaps, by road."""
    gaps = GapsAround(plan.before.gaps)
    chosen = programme.adopted(plan).chosen
    rows = [
        {
            "action_id": action,
            "rule": item["rule"],
            "site_id": item.get("id") or None,
            "gap_id": gaps.id_of(item),
            "ref": item.get("ref"),
            "length_km": item["weight"] / M_PER_KM if "from_m" in item else None,
        }
        for action, items in zip(chosen["id"], chosen["closes"], strict=True)
        for item in items
    ]
    names = [each.name for each in CLOSES_COLUMNS]
    frame = pd.DataFrame(rows, columns=names).astype({"length_km": float})
    summed = frame.groupby(names[:-1], sort=False, dropna=False)["length_km"].sum(min_count=1)
    return Table("plan-closes", heads(CLOSES_COLUMNS, lang), summed.reset_index())


def duties(plan: Plan, lang: str) -> Table:
    """Number and money of each kind of action by year, and who is responsible: for the head of department."""
    table = pd.DataFrame(programme.action_table(plan).drop(columns="geometry"))
    table["responsible"] = programme.responsible(plan, lang)
    years = [row["year"] for row in programme.stage_rows(plan)]
    years = years if len(years) <= YEARS else []
    in_money = programme.money_column(plan)
    of_kind = {kind: table[table["kind"] == kind] for kind in KINDS if (table["kind"] == kind).any()}
    named = {shown(kind, column("action_kind"), lang): rows for kind, rows in of_kind.items()}
    rows = [
        {
            "kind": kind,
            "number": len(rows),
            **{f"year_{y}": float(rows.loc[rows["year"] == y, "cost"].sum()) for y in years},
            "cost": float(rows["cost"].sum()),
            "responsible": _named(rows["responsible"], lang),
            "kind:look": look,
        }
        for kind, rows, look in (
            *((kind, rows, "") for kind, rows in named.items()),
            (text("report.plan.sum", lang), table.assign(responsible=None), "soft"),
        )
    ]
    money = [Head(f"year_{y}", str(y), in_money) for y in years]
    kind, number, total, who = labelled(
        "report.plan.head",
        {"kind": WORDS, "number": COLUMNS["number"], "cost": in_money, "responsible": WORDS},
        lang,
    )
    return Table("plan-duties", (kind, number, *money, total, who), pd.DataFrame(rows))


def _named(responsible: pd.Series[str], lang: str) -> str:
    """The first of those responsible, and how many actions nobody is named for."""
    names = list(dict.fromkeys(name for name in responsible.dropna() if name))
    words = text("map.comma", lang).join(names[:NAMED])
    if len(names) > NAMED:
        words += text("report.plan.more-bodies", lang, n=len(names) - NAMED)
    missing = int((responsible == "").sum())
    if not missing:
        return words
    return text("report.plan.unnamed" if words else "report.plan.to-name", lang, names=words, n=missing)


def steps(plan: Plan, lang: str) -> Table:
    """Today and each step, with each rule's value."""
    rules = [plan.before[rule.rule].rule for rule in programme.adopted(plan).rules]
    values = tuple(Head(rule.id, rule.title[lang], COLUMNS["value"], rule.title[lang]) for rule in rules)
    found = programme.shown_steps(plan, lang)
    return Table("plan-steps", (*_heads(plan, STEP_COLUMNS, lang), *values), found)


State = tuple[Any, dict[str, Any], dict[str, Finding]]
"""Year (None for today, "" for a plan without years), row of the steps, findings then."""


def _states(plan: Plan) -> list[State]:
    """Today and the end of each year, or of the plan."""
    rows = programme.steps(plan)
    today: State = (None, rows[0], programme.step_findings(plan, rows[0]))
    years = [row["year"] for row in programme.stage_rows(plan)]
    if not years:
        return [today, ("", rows[-1], programme.step_findings(plan, rows[-1]))]
    return [today, *((year, *programme.year_end(plan, year)) for year in years)]


def _state_table(plan: Plan, states: list[State], lang: str, name: str) -> Table:
    """Each rule's value in each state, then actions, money and people."""
    names, brief = [f"state_{k}" for k in range(len(states))], name == "plan-brief"
    rows: list[dict[str, Any]] = []
    for rule in programme.adopted(plan).rules:
        today: Finding = plan.before[rule.rule]
        row: dict[str, Any] = {
            "title": today.rule.title[lang], "target": numbers.target(today, lang), "due": _due(today, lang)
        }  # fmt: skip
        for key, (_, _, found) in zip(names, states, strict=True):
            now = found[rule.rule]
            shown_value = _value(now, lang)
            if brief:
                shown_value = text("map.comma", lang).join(shown_value.split("\n"))
            shown_value = f"{SIGNS.get(str(now.shown), '')} {shown_value}".lstrip()
            row |= {key: shown_value, f"{key}:look": LOOKS.get(str(now.shown), "")}
        rows.append(row)
    sums = _sums(plan, lang)
    for key in () if brief else sums:
        if value := sums.get(key):
            words = {n: value(year, step) for n, (year, step, _) in zip(names, states, strict=True)}
            title = text(f"report.plan.{key}", lang)
            rows.append({"title": title, "title:look": "soft", "target": "", "due": "", **words})
    above = [Head(n, _state_name(year, lang), WORDS) for n, (year, _, _) in zip(names, states, strict=True)]
    due = {"due": WORDS} if any(row["due"] for row in rows) else {}
    first = labelled("report.head", {"title": WORDS, "target": WORDS, **due}, lang)
    return Table(name, (*first, *above), pd.DataFrame(rows))


def _due(finding: Finding, lang: str) -> str:
    """By when a rule asks for its target; empty if it doesn't say."""
    by = finding.rule.by
    if by is None:
        return ""
    last = (by.month, by.day) == (12, 31)
    return text("report.plan.due-year", lang, year=by.year) if last else day(by, lang)


def _value(finding: Finding, lang: str) -> str:
    """A value in a narrow cell: its unit once; an average with the longest gap and the number of holes below it."""
    value = _UNIT_TWICE.sub(r"\1 – \3\2", numbers.with_parts(finding, lang))
    figures = figures_in_km(finding.figures)
    longest, over = figures.get("gap_max_km"), figures.get("own_gaps_over")
    if longest is None or finding.rule.of_longest_gap:
        return value
    limit = numbers.span(figures["span_km"], lang)
    if finding.unit != "km":
        gaps = numbers.gaps_along(finding.unit, finding.status, figures)
        return text("report.plan.holes", lang, value=value, n=gaps, limit=limit) if gaps else value
    key = "report.plan.spacing-over" if over else "report.plan.spacing"
    return text(key, lang, value=value, longest=numbers.kilometres(longest, lang), n=over, limit=limit)


def _state_name(year: Any, lang: str) -> str:
    if year is None:
        return text("plan.today", lang)
    return text("report.plan.end-of", lang, year=year) if year else text("report.plan.with-plan", lang)


def _sums(plan: Plan, lang: str) -> dict[str, Callable[[Any, Any], str]]:
    """Rows below the rules: key of the label -> words for a year and its state."""
    found = programme.adopted(plan)
    table = programme.action_table(plan)
    stages = {row["year"]: row for row in programme.stage_rows(plan)}
    shares = {kind: getattr(found.costs, kind).paid_by.get("bureau") for kind in KINDS}

    def money(value: Any) -> str:
        return programme.money(plan, float(value), lang)

    def of_year(year: Any) -> pd.DataFrame:
        own = table if year == "" else table.loc[(table["year"] == year).fillna(False).to_numpy(bool)]
        return pd.DataFrame(own)

    sums: dict[str, Callable[[Any, Any], str]] = {
        "count": lambda y, _: "" if y is None else str(len(of_year(y))),
        "year-money": lambda y, _: "" if y is None else money(of_year(y)["cost"].sum()),
        "budget": lambda y, _: money(stages[y]["budget"]) if y in stages else "",
        "spent": lambda _, r: money(r["spent"]),
        "people": lambda _, r: people_words(plan, r["people"], lang, "report.plan.people-of"),
    }
    if not stages:
        del sums["budget"], sums["year-money"]  # which is what is spent in all
    if any(share is not None for share in shares.values()):
        sums["bureau"] = lambda y, _: "" if y is None else money(of_year(y)["bureau_cost"].sum())
    return sums


# -- what is left ----------------------------------------------------------------------------------------


def unmet(plan: Plan, lang: str) -> Table:
    """What no action serves, and who must act."""
    rows = programme.unmet_rows(plan, lang)
    columns = dict.fromkeys(("rule", "what", "why", "who"), WORDS)
    found = (*labelled("report.plan.head", columns, lang), *heads("id", lang))
    return Table("plan-unmet", found, pd.DataFrame(rows), row_id="id" if rows else "")


def shared(plan: Plan, lang: str) -> Table:
    """Gaps that the region shares with a neighbour once the plan is carried out, each stretch once."""
    rows = []
    for row in programme.shared_gaps_once(plan).to_dict("records"):
        words = {"stretch": shared_stretch(row, lang), "neighbour": shared_words(row, lang) or ""}
        rows.append({**words, "whole": row["length_km"], "own": row["own_km"], "gap_id": row["gap_id"]})
    columns = {
        "stretch": WORDS,
        **dict.fromkeys(("whole", "own"), column("length_km")),
        "neighbour": WORDS,
    }
    found = (*labelled("report.plan.head", columns, lang), *heads("gap_id", lang))
    return Table("plan-shared", found, pd.DataFrame(rows), row_id="gap_id" if rows else "")


# -- how certain, how proven -----------------------------------------------------------------------------


def two_plans(plan: Plan, lang: str) -> Table:
    """The plan that takes the unknown as missing beside the one in which all of it turns out well."""
    found = programme.adopted(plan)
    sure = found.chosen.loc[found.chosen["certain"]]
    counts = [
        Counter(kinds)
        for kinds in (
            *(found.actions.loc[found.actions[flag], "kind"] for flag in ("chosen", "in_other")),
            sure["kind"],
        )
    ]
    names = ("missing", "there", "certain-part")
    rows = [
        {"action": shown(kind, column("action_kind"), lang), **dict(zip(names, each, strict=True))}
        for kind in KINDS
        for each in [[str(count[kind]) for count in counts]]
        if counts[0][kind] or counts[1][kind]
    ]
    there = found.actions.loc[
        found.actions["in_other"], "cost"
    ]  # where money binds, it may be more than the plan's
    money = (found.cost_high, float(there.sum()), float(sure["cost"].sum()))
    sums = (programme.money(plan, value, lang) for value in money)
    rows.append({"action": text("report.plan.total", lang), **dict(zip(names, sums, strict=True))})
    columns = {"action": WORDS, **dict.fromkeys(names, AMOUNT)}
    return Table("plan-two", labelled("report.plan.head", columns, lang), pd.DataFrame(rows))


def methods(plan: Plan, lang: str) -> Table:
    """Money for the rules by the greedy method and by this plan, with what is proven."""
    found = programme.adopted(plan)
    bound = found.levels[0].bound
    rows = [
        {
            "method": text(f"report.plan.by-{name}", lang),
            "cost-of": programme.money(plan, cost, lang),
            "bound": programme.money(plan, bound, lang),
            "gap": at_most(max(cost - bound, 0.0) / cost if cost else 0.0),
        }
        for name, cost in (("greedy", found.greedy_cost), ("proof", found.least))
    ]
    columns = {"method": WORDS, **dict.fromkeys(("cost-of", "bound", "gap"), AMOUNT)}
    return Table("plan-methods", labelled("report.plan.head", columns, lang), pd.DataFrame(rows))


def levels(plan: Plan, lang: str) -> Table:
    """The certificate of each level."""
    rows = []
    for level in programme.adopted(plan).levels:
        each = programme.money_column(plan) if level.name == "money" else AMOUNT
        values = {"value": level.objective, "bound": level.bound, "price-bound": level.price_bound}
        key = f"report.plan.level.{level.name}"
        proven = "optimal" if level.status == "optimal" else "bounded"
        rows.append(
            {
                "level": text(key, lang) if key in catalogue() else level.name,
                **{name: shown(value, each, lang, unit=True) for name, value in values.items()},
                "gap": at_most(level.gap),
                "status": text(f"report.plan.{proven}", lang),
            }
        )
    columns = {
        "level": WORDS,
        **dict.fromkeys(("value", "bound", "price-bound", "gap"), AMOUNT),
        "status": WORDS,
    }
    return Table("plan-levels", labelled("report.plan.head", columns, lang), pd.DataFrame(rows))


def costs(plan: Plan, lang: str) -> Table:
    """What each kind of action costs, and who pays."""
    found = programme.adopted(plan)
    used = set(found.actions["kind"])

    def words(key: str, value: float, **more: str) -> str:
        return text(f"report.plan.cost-{key}", lang, money=programme.money(plan, value, lang), **more)

    rows = []
    for kind in KINDS:
        if kind not in used:
            continue
        table = getattr(found.costs, kind)
        parts: Mapping[str, float] = {
            "base": table.base, "point": table.per_point, "kw": table.per_kw, "space": table.per_space,
        }  # fmt: skip
        named = [words(key, value) for key, value in parts.items() if value]
        named += [
            words("at", base, place=shown(place, column("place"), lang))
            for place, base in table.place.items()
        ]
        payers = programme.payers(plan, kind, lang) or text("report.plan.no-payers", lang)
        each = {"costs": text("map.comma", lang).join(named) or "0", "who-pays": payers}
        rows.append({"action": shown(kind, column("action_kind"), lang), **each})
    columns = dict.fromkeys(("action", "costs", "who-pays"), WORDS)
    return Table("plan-costs", labelled("report.plan.head", columns, lang), pd.DataFrame(rows))
