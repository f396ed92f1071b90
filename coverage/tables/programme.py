"""The plan to adopt as tables: what map, layers, workbook, report and ``result.json`` say of it, computed once.

Money is in the unit of the cost table, lengths in metres, shares 0 to 1; nothing is rounded here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..plan import Plan
from ..rules.finding import Finding, Ratio
from ..rules.length import LengthCoverage
from ..rules.model import Rule
from ..schema import COLUMNS, Column, in_currency, is_missing, percent, shown
from ..siting.actions import EVENTS
from ..siting.programme import Programme
from ..texts import catalogue, text
from ..units import M_PER_KM, figures_in_km, in_kilometres
from ..waymarks import ends_by_name, place_names, road_words, span_words
from . import numbers
from .row_ids import GapsAround


def action_table(plan: Plan) -> gpd.GeoDataFrame:
    """Actions of the plan in building order.

    Returns
    -------
    GeoDataFrame
        EPSG:4326; ``order, id, kind, place, name, county, year, cost, bureau_cost`` (the bureau's part), ``certain``,
        ``without_low, without_high, without_lost, closes`` (list of mappings), ``closed_lengths``, ``people_gained``
        (brought within reach), ``spent`` (money up to it).
    """
    programme = adopted(plan)
    table = programme.chosen.reset_index(drop=True)
    paid = [getattr(programme.costs, kind).paid_by for kind in table["kind"]]
    shares = [found.get("bureau", 0.0) if found else np.nan for found in paid]
    gained = dict(zip(programme.steps["action"], programme.steps["people"].diff(), strict=True))
    halves = halves_of(plan)
    return table.assign(
        year=table["stage_year"],
        bureau_cost=table["cost"] * np.array(shares, dtype=float),
        paid_by=[
            paid_by(programme, kind, cost) for kind, cost in zip(table["kind"], table["cost"], strict=True)
        ],
        spent=table["cost"].cumsum(),
        closed_lengths=[closed_lengths(closes, halves) for closes in table["closes"]],
        people_gained=[float(gained.get(action, 0.0)) for action in table["id"]],
    )


def paid_by(programme: Programme, kind: str, cost: float) -> dict[str, float]:
    """Money that each payer has to bring for an action; empty where the table of costs doesn't say."""
    return {who: cost * share for who, share in getattr(programme.costs, kind).paid_by.items()}


def money_by_payer(plan: Plan) -> dict[str, float]:
    """Money that each payer has to bring for the whole plan; ``""`` for what nobody is named for."""
    found: dict[str, float] = {}
    for row in action_table(plan).to_dict("records"):
        parts = row["paid_by"] or {"": row["cost"]}
        for who, money in parts.items():
            found[who] = found.get(who, 0.0) + money
    return found if set(found) != {""} else {}


def halves_of(plan: Plan) -> frozenset[str]:
    """Ids of rules of which each direction has a part of the length that counts: those on covered length."""
    return frozenset(f.rule.id for f in plan.before.findings if isinstance(f.rule, LengthCoverage))


def closed_lengths(closes: Sequence[Mapping[str, Any]], halves: Collection[str] = ()) -> list[dict[str, Any]]:
    """Lengths of road that an action closes, a row for each rule and route.

    Parameters
    ----------
    closes : sequence of mapping
        Items of an action.
    halves : collection of str
        Rules whose directions add up to the length of the road; of the others each direction has all of it, and the
        longer one counts, so that no road counts twice.

    Returns
    -------
    list of dict
        ``rule, ref, length_km`` and, of a single stretch, ``section, direction, from_km, to_km``.
    """
    groups: dict[tuple[str, str], dict[Any, list[Mapping[str, Any]]]] = {}
    for item in closes:
        if "from_m" in item and not pd.isna(item.get("ref")):
            held = groups.setdefault((item["rule"], str(item["ref"])), {})
            held.setdefault(item.get("direction"), []).append(item)
    rows = []
    for (rule, ref), directions in groups.items():
        mine = max(directions.values(), key=_weight)
        counted = [item for items in directions.values() for item in items] if rule in halves else mine
        row = {"rule": rule, "ref": ref, "length_km": _weight(counted) / M_PER_KM}
        places = {item.get("section") for item in counted}
        if len(mine) == len(places) == 1 and not pd.isna(mine[0].get("to_m")):
            low, high = sorted(float(mine[0][end]) / M_PER_KM for end in ("from_m", "to_m"))
            about = {name: mine[0].get(name) for name in ("section", "direction")}
            row |= {**about, "from_km": low, "to_km": high}
        rows.append(row)
    return rows


def _weight(items: Sequence[Mapping[str, Any]]) -> float:
    return float(sum(item["weight"] for item in items))


def steps(plan: Plan) -> list[dict[str, Any]]:
    """Rows of ``Programme.steps`` with their number as ``step``: today is 0."""
    rows = adopted(plan).steps.to_dict("records")
    return [{"step": k, **{str(name): value for name, value in row.items()}} for k, row in enumerate(rows)]


ALIKE = 0.05
"""Both directions of a stretch are as long as each other but for such a part."""
TOGETHER = 4
"""So many places that are not met for the same reason stand in one row."""


def step_findings(plan: Plan, row: Mapping[str, Any], at: dt.date | None = None) -> dict[str, Finding]:
    """The findings after a step, judged at the end of its year, or on another day.

    An average has its longest gap and its holes beside it.
    """
    tables = {} if plan.step_gaps is None else plan.step_gaps.figures
    if at is None and not pd.isna(row["year"]):
        at = dt.date(int(row["year"]), 12, 31)
    found = {}
    for rule in adopted(plan).rules:
        today = plan.before[rule.rule]
        ends = {end: row[f"{rule.rule}.{end}"] for end in ("low", "high")}
        parts = [Ratio(row[f"{rule.rule}.{end}_part"], row[f"{rule.rule}.{end}_whole"]) for end in ends]
        told = today.parts is not None and not any(pd.isna(value) for ratio in parts for value in ratio)
        fleet = {name: today.figures[name] for name in numbers.FLEET if name in today.figures}
        figures = tables[rule.rule].loc[row["step"]].to_dict() if rule.rule in tables else {}
        found[rule.rule] = replace(
            today,
            **ends,
            figures={**fleet, **figures},
            ratios=(parts[0], parts[1]) if told else None,
            counts={},
            at=at or today.at,
        )
    return found


def step_rows(plan: Plan) -> list[dict[str, Any]]:
    """Today, then the state after each action.

    Returns
    -------
    list of dict
        ``order, action_id`` (not applicable to today), ``year, spent, people, people_share``, ``longest_gap_km`` and
        ``gaps_over`` of the rule on spacing, and under ``rules`` each rule's ``low, high, status``.
    """
    gaps = None if plan.step_gaps is None else plan.step_gaps.figures[plan.step_gaps.rule]
    rows = []
    for row in steps(plan):
        about = {"order": row["order"], "action_id": row["action"] or COLUMNS["action_id"].absent}
        about |= {key: row[key] for key in ("year", "spent", "people")}
        about["people_share"] = people_share(plan, row["people"])
        for key, name in (("longest_gap_m", "gap_max_m"), ("gaps_over", "own_gaps_over")):
            about[key] = None if gaps is None else gaps.loc[row["step"], name]
        rows.append(figures_in_km(about) | {"rules": _values(step_findings(plan, row))})
    return rows


def people_share(plan: Plan, people: float) -> float | None:
    """Share of all people; None where there are none."""
    total = adopted(plan).people_total
    return people / total if total else None


def _values(findings: Mapping[str, Finding]) -> dict[str, dict[str, Any]]:
    """Value, status, and what the value is made of, by rule."""
    found = {}
    for name, finding in findings.items():
        parts = numbers.ratio_parts(finding, "en")
        ends = {key: parts.get(key) for key in numbers.OF_PARTS}
        found[name] = {"low": finding.low, "high": finding.high, "status": finding.status, **ends}
    return found


def year_end(plan: Plan, year: int) -> tuple[dict[str, Any], dict[str, Finding]]:
    """The last step by the end of a year, and the findings then: nothing may happen in a year, yet a rule falls due."""
    done = [row for row in steps(plan) if pd.isna(row["year"]) or row["year"] <= year]
    return done[-1], step_findings(plan, done[-1], dt.date(year, 12, 31))


def level_rows(plan: Plan) -> list[dict[str, Any]]:
    """Each level with its certificate: ``name, objective, bound, price_bound, rests_on, gap, status, runtime_s``.

    ``rests_on`` says what proves ``bound``: the prices of the rows, or branch and bound beyond ``price_bound``.
    """
    keys = ("name", "objective", "bound", "price_bound", "rests_on", "gap", "status", "runtime_s")
    return [{key: getattr(level, key) for key in keys} for level in adopted(plan).levels]


def rules_outside(plan: Plan) -> list[Rule]:
    """Rules with a target that the plan is not made for: no action changes them, or the project asks for others."""
    made = {rule.rule for rule in adopted(plan).rules}
    return [f.rule for f in plan.before.findings if f.target is not None and f.rule.id not in made]


def stage_rows(plan: Plan) -> list[dict[str, Any]]:
    """Each year: money given and spent up to it, actions, and the rules' values at its end."""
    programme = adopted(plan)
    if programme.stages is None:
        return []
    rows = []
    for year, money in zip(programme.stages.years.tolist(), programme.stages.money.tolist(), strict=True):
        last, found = year_end(plan, year)
        rows.append(
            {
                "year": year,
                "budget": money,
                "spent": last["spent"],
                "actions": int((programme.chosen["stage_year"] == year).sum()),
                "people": last["people"],
                "people_share": people_share(plan, last["people"]),
                "rules": _values(found),
            }
        )
    return rows


def shared_gap_table(plan: Plan) -> pd.DataFrame:
    """Gaps that the region shares with a neighbour once the plan is carried out, and what closes them."""
    gaps = in_kilometres(plan.after.gaps)
    rules = {rule.rule for rule in adopted(plan).rules}
    return pd.DataFrame(
        gaps[(gaps["spacing_class"] == "shared") & gaps["rule"].isin(rules)].drop(columns="geometry")
    )


def shared_gaps_once(plan: Plan) -> pd.DataFrame:
    """Each shared stretch once, whichever rules and directions find it."""
    table = shared_gap_table(plan)
    return table[table["once"].astype(bool)].drop_duplicates(["ref", "from_km", "to_km"])


def other_actions(plan: Plan) -> gpd.GeoDataFrame:
    """Actions that could be in the plan and are not, the least additional money first: those of :func:`why_not`."""
    found = _left_out(plan)
    return found[found["reason"].isna()].reset_index(drop=True)


def _left_out(plan: Plan) -> gpd.GeoDataFrame:
    table = adopted(plan).actions
    asked = (
        ~table["chosen"]
        & ~table["kind"].isin(EVENTS)
        & (table["insist_low"].notna() | table["reason"].notna())
    )
    return table[asked].sort_values(["insist_high", "insist_low", "id"]).reset_index(drop=True)


# -- as people read them ---------------------------------------------------------------------------------


def shown_actions(plan: Plan, lang: str) -> gpd.GeoDataFrame:
    """Actions in building order with the columns of :data:`.columns.ACTION_COLUMNS`."""
    table = action_table(plan)
    return table.assign(
        action_id=table["id"],
        build_order=table["order"],
        action_kind=table["kind"],
        stage_year=table["year"],
        money=table["cost"],
        responsible=[each or None for each in responsible(plan, lang)],
        payers=[payers(plan, kind, lang) or None for kind in table["kind"]],
        closes_words=[
            closes_words(plan, found, lang, people=gain)
            for found, gain in zip(table["closes"], table["people_gained"], strict=True)
        ],
        without_words=[without_words(plan, row, lang) for row in table.to_dict("records")],
    )


def closes_words(plan: Plan, closes: list[dict[str, Any]], lang: str, *, people: float = 0.0) -> str:
    """What an action closes, rule by rule: ``"spacing: G106 K222.7–K266.3 (43.6 km); shore power: Berth 4"``.

    Rules of which it closes the same stand behind it. ``people`` are those that it brings within reach.
    """
    titles: dict[str, list[str]] = {}
    for rule in dict.fromkeys(item["rule"] for item in closes):
        mine = [item for item in closes if item["rule"] == rule]
        if lengths := sorted(closed_lengths(mine, halves_of(plan)), key=lambda row: row["ref"]):
            named = [_closed_length(row, lang) for row in lengths]
        else:
            names = [str(item.get("name") or item.get("id") or "") for item in mine]
            named = [name for name in names if name and name != "nan"]
        what = text("map.comma", lang).join(named)
        titles.setdefault(what, []).append(plan.before[rule].rule.title[lang])
    parts = []
    for what, held in titles.items():
        rules = text("plan.semicolon", lang).join(held)
        if len(held) > 1 and what:
            parts.append(text("plan.closes-for", lang, what=what, rules=rules))
        else:
            parts.append(f"{rules}{text('report.colon', lang)}{what}" if what else rules)
    if people > 0:
        parts.append(text("plan.closes-people", lang, people=shown(people, COLUMNS["people_reached"], lang)))
    return text("plan.semicolon", lang).join(parts) or text("plan.closes-nothing", lang)


def _closed_length(row: Mapping[str, Any], lang: str) -> str:
    """A length on a route; if it is one stretch, between named places or its marks."""
    length = numbers.kilometres(row["length_km"], lang)
    if "from_km" not in row:
        return text("plan.closes-length", lang, length=length, ref=road_words(row["ref"], lang))
    whole_km = row["to_km"] - row["from_km"]
    if row["length_km"] < (1.0 - ALIKE) * whole_km:  # the rest lies outside the region
        whole = numbers.kilometres(whole_km, lang)
        length = text("report.glance.gap-part", lang, length=length, whole=whole)
    values = {"ref": road_words(row["ref"], lang), "length": length}
    values["span"] = span_words(row["from_km"], row["to_km"], lang, row["ref"], row["section"])
    if named := ends_by_name(row, ("from_km", "to_km"), lang):
        return text("report.glance.gap-between", lang, low=named[0], high=named[1], **values)
    return text("report.glance.gap", lang, **values)


def action_name(row: Mapping[Any, Any], lang: str) -> str:
    """Name of an action's place; what has none on the map is said to be what it is, with the number it has there."""
    name, kind = str(row["name"]), f"choice.place.{row['place']}"
    return (
        text("plan.unnamed", lang, kind=text(kind, lang), id=name)
        if name.startswith("osm-") and kind in catalogue()
        else name
    )


def payers(plan: Plan, kind: str, lang: str) -> str:
    """Who pays which share of a kind of action; empty if the costs don't say."""
    shares = getattr(adopted(plan).costs, kind).paid_by
    known = catalogue()
    named = {who: text(f"payer.{who}", lang) if f"payer.{who}" in known else who for who in shares}
    return text("map.comma", lang).join(f"{named[who]} {percent(share)}" for who, share in shares.items())


def responsible(plan: Plan, lang: str) -> list[str]:
    """Who is responsible for each action of the plan, in its order; empty where the data don't say.

    Of a site, a berth or a charging site that is there already it is the operator; else those who the table of costs
    says pay for it.
    """
    named: dict[str, str] = {}
    for table in (plan.inputs.sites, plan.inputs.berths):
        if table is not None and "operator" in table:
            known = table[["id", "operator"]].dropna()
            named |= dict(zip(known["id"].astype(str), known["operator"].astype(str), strict=True))
    chosen, known_texts = adopted(plan).chosen, catalogue()
    found = []
    for row in chosen[["kind", "target"]].to_dict("records"):
        paying = getattr(adopted(plan).costs, row["kind"]).paid_by
        words = (text(f"payer.{who}", lang) if f"payer.{who}" in known_texts else who for who in paying)
        found.append(named.get(str(row["target"])) or text("map.comma", lang).join(words))
    return found


def unmet_rows(plan: Plan, lang: str) -> list[dict[str, str | None]]:
    """What nothing can serve, with ``rule, what, why, who`` in words, and the ``id`` of the gaps or places that it is.

    Both directions of a section stand together, and so do all rules that lack the same for the same reason.
    """
    gaps = GapsAround(plan.after.gaps)
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in adopted(plan).unmet.to_dict("records"):
        about = [row.get(name) for name in ("rule", "why", "who", "ref", "section", "id", "name")]
        held = alike.setdefault(tuple("" if is_missing(value) else str(value) for value in about), [])
        held.append({str(name): value for name, value in row.items()})
    short: dict[tuple[str, str, str], list[str]] = {}
    ids: dict[str, list[str]] = {}
    for (rule, why, who, *_), rows in alike.items():
        what = _unmet_what(plan, rows, lang)
        short.setdefault((what, why, who), []).append(rule)
        own = (gaps.id_of(row) or row.get("id") for row in rows)
        ids.setdefault(what, []).extend(str(each) for each in own if not is_missing(each))
    found: dict[tuple[tuple[str, ...], str, str], list[str]] = {}
    for (what, why, who), rules in short.items():
        found.setdefault((tuple(rules), why, who), []).append(what)
    semicolon = text("plan.semicolon", lang)
    return [
        {
            "rule": semicolon.join(plan.before[rule].rule.title[lang] for rule in rules),
            "what": semicolon.join(some),
            "why": text(f"reason.unmet.{why}", lang),
            "who": text(f"payer.{who}", lang),
            "id": ", ".join(dict.fromkeys(each for what in some for each in ids[what])) or None,
        }
        for (rules, why, who), whats in found.items()
        for some in (whats[k : k + TOGETHER] for k in range(0, len(whats), TOGETHER))
    ]


def _unmet_what(plan: Plan, rows: list[dict[str, Any]], lang: str) -> str:
    """Places, stretches or things; the end of the data is a place without length."""
    if all("to_m" in row and row["from_m"] == row["to_m"] for row in rows):
        names: dict[str, None] = {}
        for row in rows:
            drive = (row["ref"], int(row["section"]), row["direction"])
            names |= dict.fromkeys(place_names([row["from_m"] / M_PER_KM], lang, *drive))
        return text("plan.semicolon", lang).join(names)
    title = plan.before[rows[0]["rule"]].rule.title[lang]
    what = closes_words(plan, rows, lang).removeprefix(title).removeprefix(text("report.colon", lang))
    return what or text("value.none", lang)


def without_words(plan: Plan, row: dict[str, Any], lang: str) -> str:
    """What doing without an action costs: more money, or what nobody serves then."""
    if row["without_lost"]:
        return text("plan.without-lost", lang, n=int(row["without_lost"]))
    if pd.isna(row["without_low"]):
        return text("value.none", lang)
    if row["without_high"] < row["without_low"] + 1e-6 and row["without_low"] <= 1e-6:
        return text("plan.without-nothing", lang)
    return text("plan.without-money", lang, money=money(plan, row["without_low"], lang))


def money_column(plan: Plan) -> Column:
    """The column of money, in the unit of the table of costs."""
    return in_currency(COLUMNS["money"], adopted(plan).costs.currency)


def money(plan: Plan, value: float, lang: str) -> str:
    """An amount of money with its unit."""
    return shown(value, money_column(plan), lang, unit=True)


def why_not(plan: Plan, lang: str, *, grid: bool = False) -> gpd.GeoDataFrame:
    """Every place that was not chosen, with what insisting on it costs or why it can't be: "why not my town?".

    Of the points between two marks that only a long gap has (``grid``) a map has enough with those around them.

    Returns
    -------
    GeoDataFrame
        With the columns of :data:`.columns.OTHER_ACTION_COLUMNS`, ``reason``, ``left_out`` (``"equal"``: a plan with it
        costs no more; ``"dearer"``; ``"closed"``) and ``why_words``.
    """
    found = _left_out(plan)
    found = found if grid else found[found["span_point"].isna()].reset_index(drop=True)
    closed, equal = found["reason"].notna(), found["insist_high"] <= 1e-6
    found = found.assign(
        action_id=found["id"],
        action_kind=found["kind"],
        money=found["cost"],
        left_out=np.select([closed, equal], ["closed", "equal"], "dearer").astype(object),
    )
    return found.assign(why_words=[_why_words(plan, row, lang) for row in found.to_dict("records")])


def _why_words(plan: Plan, row: Mapping[Any, Any], lang: str) -> str:
    if row["left_out"] == "closed":
        return text("plan.why-closed", lang, reason=shown(row["reason"], COLUMNS["reason"], lang))
    if row["left_out"] == "equal":
        return text("plan.why-equal", lang)
    ends = dict.fromkeys(money(plan, row[end], lang) for end in ("insist_low", "insist_high"))
    key = "dearer" if row["chosen_at"] > 0 else "never" if row["insist_low"] >= row["cost"] - 1e-6 else "open"
    return text(f"plan.why-{key}", lang, extra=" – ".join(ends), at=money(plan, row["chosen_at"], lang))


def shown_steps(plan: Plan, lang: str) -> pd.DataFrame:
    """Today and each step, with each rule's value in words in a column of its own, called by the rule's id."""
    names = dict(zip(adopted(plan).actions["id"], adopted(plan).actions["name"], strict=True))
    rows = []
    for step in steps(plan):
        values = {rule: numbers.headline(now, lang) for rule, now in step_findings(plan, step).items()}
        action = names.get(step["action"], text("plan.today", lang))
        year = None if step["year"] is None or pd.isna(step["year"]) else int(step["year"])
        about = {"build_order": step["order"], "action": action, "stage_year": year, "spent": step["spent"]}
        about["action_id"] = step["action"] or None
        rows.append({**about, "people_reached": step["people"], **values})
    return pd.DataFrame(rows).astype({"stage_year": "Int64"})


def shown_savings(plan: Plan) -> pd.DataFrame:
    """What to survey, by the money that the answer can save, with the columns of :data:`.columns.SAVING_COLUMNS`."""
    return adopted(plan).survey.rename(columns={"name": "what", "id": "action_id", "target": "site_id"})


def adopted(plan: Plan) -> Programme:
    """The plan to adopt, where there is one."""
    assert plan.programme is not None
    return plan.programme
