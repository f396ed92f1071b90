"""Tables of what was measured: findings and figures, counties, routes and gaps, places, what rules list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from ..inputs.choices import SERVICE_KINDS
from ..plan import Plan
from ..rules.assessment import Assessment
from ..rules.berths import BerthShare
from ..rules.calls import CallShare
from ..rules.facilities import FacilityShare
from ..rules.finding import Finding
from ..rules.inventory import Inventory
from ..rules.kind import kind_of
from ..rules.roads import RouteRule
from ..rules.spacing import RouteSpacing
from ..schema import COLUMNS, SITE_ID, column, readers_unit, unit_words
from ..texts import catalogue, text
from ..units import WGS84, figures_in_km, in_kilometres
from . import numbers
from .columns import BERTH_COLUMNS, GAP_COLUMNS, ROUTE_COLUMNS, SITE_COLUMNS
from .gap_words import shared_words
from .row_ids import longest_gaps
from .table import Head, Table, capital, has_own_sheet, heads, labelled, own_sheet_title, placed, short_title
from .words import assumption_lines, figure_rows, measured


def status_looks(lang: str) -> dict[str, tuple[str, ...]]:
    """Labels of a finding's status by the colour they get."""
    return {
        "good": (text("status.met", lang),),
        "middle": (text("status.undecided", lang), text("status.met-on-average", lang)),
        "gap": (text("status.not-met", lang),),
    }


def choice_looks(name: str, lang: str, **values: str) -> dict[str, tuple[str, ...]]:
    """Labels of a choice by the colour they get: ``good="yes"``."""
    return {look: (text(f"choice.{name}.{value}", lang),) for look, value in values.items()}


# -- findings and figures --------------------------------------------------------------------------------


OF_UNIT = ("low", "high", "target_value", "low_after", "high_after", "number")
"""Columns of which each row has its own unit."""


def findings(plan: Plan, lang: str) -> Table:
    """A row for each rule: what was measured, before and after, as shown and as numbers."""
    rows = []
    for before, after in zip(plan.before.findings, plan.after.findings, strict=True):
        counts, parts = numbers.counted(before), numbers.ratio_parts(before, lang)
        then = numbers.ratio_parts(after, lang)
        row: dict[str, Any] = {
            "title": before.rule.title[lang],
            "finding_status": numbers.status(before, lang),
            "value": numbers.headline(before, lang),
            "target_shown": numbers.target(before, lang),
            "unit_shown": text(f"sheet.unit.{readers_unit(before.unit, lang)}", lang),
            "low": before.low,
            "high": before.high,
            "target_value": before.target,
            **parts,
            **{f"{name}_after": then.get(name) for name in numbers.OF_PARTS},
            **counts,
            "count_unit": parts["part_unit"] if before.unit == "share" else "",
            "by": before.rule.by,
            "rule": before.rule.id,
            "clause": plan.policy.clause(before.rule, lang),
            "unit": before.unit,
            "measured": measured(before),
            "said": numbers.said(before),
            "said_after": numbers.said(after),
            "value_after": numbers.headline(after, lang),
            "status_after": numbers.status(after, lang),
            "low_after": after.low,
            "high_after": after.high,
            "shown": before.shown,
            "shown_after": after.shown,
            "status_code": before.shown,
            "numerator_unit": None if before.parts is None else parts["part_unit"] or "count",
            "denominator_unit": None if before.parts is None else parts["whole_unit"] or "count",
            "status_code_after": after.shown,
        }
        rows.append(row)
    states = "value_after status_after " if plan.proposes else ""
    ends = "low_after high_after " if plan.proposes else ""
    parts_then = " ".join(f"{name}_after" for name in numbers.OF_PARTS) if plan.proposes else ""
    names = (
        f"title finding_status value target_shown {states}yes unknown no may_yes may_unknown may_no by unit_shown "
        f"low high target_value {ends}low_part low_whole high_part high_whole {parts_then} part_unit_shown rule clause"
    )
    unit_by = dict.fromkeys(OF_UNIT, "unit") | dict.fromkeys(numbers.COUNTS, "count_unit") | numbers.UNIT_BY
    found = tuple(replace(h, unit_by=unit_by.get(h.name, "")) for h in heads(names, lang))
    looks = {"finding_status": status_looks(lang), "status_after": status_looks(lang)}
    frame = pd.DataFrame(rows, dtype=object).assign(target=lambda rows: rows["target_shown"])
    words = labelled("report.head", {"title": COLUMNS["words"]}, lang)
    return Table("findings", found, frame, looks, printed=10 if plan.proposes else 8, paper=words)


def evidence(plan: Plan, lang: str) -> list[Table]:
    """What each rule rests on, as its page in the report shows it: what lacks something first."""
    found = []
    for finding in plan.before.findings:
        kind, frame = kind_of(finding.rule), _worst_first(numbers.table_in_km(finding))
        frame, row_id = _with_row_id(plan, finding, frame)
        columns = [
            Head.of(column(kind.column_names.get(name, name)), lang, name=name, width=width)
            for name, width in kind.table
            if name in frame or not len(frame)
        ]
        looks = {
            h.name: choice_looks("has", lang, middle="unknown", gap="no")
            for h in columns
            if "has" in (h.column.name, h.column.labels)
        }
        ids = (
            heads(row_id, lang)
            if row_id != "gap_id"
            else labelled("report.head", {row_id: column(row_id)}, lang)
        )
        name = f"evidence:{finding.rule.id}"
        found.append(Table(name, tuple(columns), frame, looks, rule=finding.rule, paper=ids, row_id=row_id))
    return found


def _with_row_id(plan: Plan, finding: Finding, frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A rule's rows with the ids of the places that they are, or of the longest gap of the route; and the column."""
    if isinstance(finding.rule, RouteRule) and len(frame):
        ids = longest_gaps(plan.before.gaps, finding.rule.id, frame)
        return frame.assign(gap_id=ids), "gap_id" if ids.notna().any() else ""
    frame = frame.rename(columns=SITE_ID) if kind_of(finding.rule).places else frame
    return frame, "site_id" if "site_id" in frame else ""


def _worst_first(table: pd.DataFrame) -> pd.DataFrame:
    """What has it not first, then what is unknown; routes by their longest gap. Ties as they stand."""
    for name in ("has", "connected_status"):
        if name in table:
            rank = table[name].map({"no": 0, "unknown": 1, "yes": 2}).fillna(3)
            if "counts" in table:
                rank = rank.where(table["counts"] != "no", 4)
            return table.iloc[rank.argsort(kind="stable")]
    if "gap_max_km" in table:
        return table.sort_values("gap_max_km", ascending=False, kind="stable")
    return table


def assumptions(plan: Plan, lang: str) -> Table:
    """Settings that the policy's text leaves open, with the rules that rest on them."""
    rules: dict[str, list[str]] = {}
    for rule in plan.policy.rules:
        for line in assumption_lines(rule, lang):
            rules.setdefault(line, []).append(rule.title[lang])
    mark = text("report.assumption-mark", lang)
    rows = [
        {"assumption": line, "title": text("report.semicolon", lang).join(titles), "mark": mark}
        for line, titles in rules.items()
    ]
    columns = dict.fromkeys(("assumption", "title", "mark"), COLUMNS["words"])
    found = labelled("report.head", columns, lang)
    return Table("assumptions", found, pd.DataFrame(rows), {"mark": {"middle": (mark,)}})


READINGS = {"route": "length_km", "edge": "judged_km", "two_site": "judged_km"}
"""Of the readings of covered length: the figure with the length that each is a share of."""
MEASURES = {"by_length": "m", "by_class_tonnage": "t"}
"""Figures that weigh places by a further measure, and its unit."""


def figures(plan: Plan, lang: str) -> Table:
    """Further figures of each rule, a row each, with what its shares are made of."""
    rows: list[dict[str, Any]] = []
    for finding in plan.before.findings:
        every = figures_in_km(finding.figures)
        for key, label, value, own_unit, words in figure_rows(finding, lang):
            group, _, last = key.rpartition(".")
            unit = MEASURES.get(group, own_unit) if last.endswith(("_part", "_whole")) else own_unit
            part, whole, in_unit = _figure_parts(key, every)
            named = {
                name: unit_words(readers_unit(u, lang), lang)
                for name, u in (("unit_shown", unit), ("part_unit_shown", in_unit))
            }
            rows.append({
                "title": finding.rule.title[lang], "figure": label, "number": value, "words": words, "unit": unit,
                "numerator": part, "denominator": whole, "part_unit": in_unit, **named,
                "rule": finding.rule.id, "key": key,
            })  # fmt: skip
            if unit == "share":
                rows[-1]["unit_shown"] = text("sheet.unit.share", lang)
    names = "title figure number unit_shown numerator denominator part_unit_shown words rule key"
    unit_by = {"number": "unit", "numerator": "part_unit", "denominator": "part_unit"}
    found = tuple(replace(h, unit_by=unit_by.get(h.name, "")) for h in heads(names, lang))
    columns = [*names.split(), "unit", "part_unit"]
    return Table("figures", found, pd.DataFrame(rows, columns=columns, dtype=object))


def _figure_parts(key: str, every: Mapping[str, Any]) -> tuple[float | None, float | None, str]:
    """Numerator and denominator of a share among the figures, and their unit; nothing if it has none of its own."""
    name, _, end = key.rpartition("_")
    if name in READINGS and every[key] is not None:
        whole = every[READINGS[name]]
        return every[key] * whole, whole, "km"
    group, _, end = key.rpartition(".")
    if group in MEASURES and end in ("low", "high"):
        return every[group].get(f"{end}_part"), every[group].get(f"{end}_whole"), MEASURES[group]
    return None, None, ""


def counties(plan: Plan, lang: str) -> Table:
    """One row a county: reach, roads by class of spacing, power against the fleet."""
    frame = plan.inputs.own_counties.drop(columns="geometry", errors="ignore").reindex(
        columns=["name", "population"]
    )
    frame = pd.DataFrame(frame.rename(columns={"name": "county"}))
    found = [*heads(" ".join(map(str, frame.columns)), lang)]
    for finding in plan.before.findings:
        kind = kind_of(finding.rule)
        if kind.by_county is None:
            continue
        table = in_kilometres(kind.by_county(finding)).rename(columns=kind.column_names)
        if "county" not in table or not len(table):
            continue
        # A further rule of the kind has columns of its own, with its title before their labels.
        again = set(kind.county_columns) & set(frame.columns)
        prefix = f"{finding.rule.title[lang]}{text('report.colon', lang)}" if again else ""
        names = {name: f"{name}:{finding.rule.id}" if again else name for name in kind.county_columns}
        table = table.reindex(columns=["county", *names]).rename(columns=names)
        frame = frame.merge(table, on="county", how="outer", sort=False)
        found += [
            Head.of(column(name), lang, prefix=prefix, name=own, rule=finding.rule.id)
            for name, own in names.items()
        ]
    if "sites_without_power" in frame and (frame["sites_without_power"] > 0).any():
        least = text("sheet.kw-per-ev-at-least", lang)
        found = [replace(head, label=least) if head.name == "kw_per_ev" else head for head in found]
    limit = _limits_km(plan)
    found = _named_by_limits(found, plan, lang)
    return Table("counties", tuple(found), frame if len(frame.columns) > 2 else frame.head(0),
                 limits={"gap_max_km": limit[1]} if limit else {})  # fmt: skip


# -- routes and gaps -------------------------------------------------------------------------------------


def _limits_km(plan: Plan) -> tuple[float, float] | None:
    rule = next(iter(plan.policy.of(RouteSpacing)), None)
    return None if rule is None else rule.class_limits_km


def _named_by_limits(found: Iterable[Head], plan: Plan, lang: str) -> list[Head]:
    """Heads of lengths by class, and of gaps that are too long, with the limits that they go by.

    A rule may allow less than the last limit of its classes, which it allows under little traffic: then a gap that is
    too long lies in the middle class.
    """
    rules = {rule.id: rule for rule in plan.policy.of(RouteSpacing)}
    first = next(iter(rules.values()), None)
    named = []
    for head in found:
        rule, key = rules.get(head.rule, first), f"sheet.limits.{head.column.name}"
        if rule is None or key not in catalogue():
            named.append(head)
            continue
        low, high = rule.class_limits_km
        words = {
            "low": numbers.span(low, lang), "high": numbers.span(high, lang), "span": numbers.span(rule.span_km, lang),
            "range": numbers.limits((low, high), lang),
        }  # fmt: skip
        before = head.label[: len(head.label) - len(head.column.label(lang))]
        named.append(replace(head, label=capital(before + text(key, lang, **words))))
    return named


def own_tables(plan: Plan, lang: str) -> list[Table]:
    """A sheet for each rule whose rows stand on no other: all columns of its table that have a name."""
    sheets = []
    for finding in plan.before.findings:
        if not has_own_sheet(finding.rule, plan.policy):
            continue
        kind = kind_of(finding.rule)
        table = numbers.table_in_km(finding)
        if "geometry" in table and set(shapely.get_type_id(table["geometry"])) <= {-1, 0}:  # points, or none
            table = placed(gpd.GeoDataFrame(table, geometry="geometry", crs=WGS84))
        names_here = SITE_ID if kind.places else {}
        table = table.rename(columns={"class": "road_class", **names_here, **kind.column_names})
        first = [kind.column_names.get(name, name) for name, _ in kind.table]
        names = dict.fromkeys([n for n in (*first, *map(str, table.columns)) if n in COLUMNS and n in table])
        limits = {"gap_max_km": finding.rule.limits_km[1]} if isinstance(finding.rule, RouteRule) else {}
        looks = {"has": choice_looks("has", lang, good="yes", middle="unknown", gap="no")}
        sheets.append(
            Table(
                f"rule:{finding.rule.id}",
                heads(" ".join(names), lang),
                table,
                looks,
                limits,
                rule=finding.rule,
                label=own_sheet_title(finding.rule, plan.policy, lang),
            )
        )
    return sheets


def routes(plan: Plan, lang: str) -> Table:
    """Figures of each route, today and with the plan, and the rule whose figure they add up to."""
    frame = in_kilometres(plan.before.routes).rename(columns={"class": "road_class"})
    asked = next(iter(plan.policy.of(RouteSpacing)), None)
    frame["rule"] = None if asked is None else frame["road_class"].map({asked.network: asked.id})
    # What is printed, then the rest.
    names = (
        "ref road_class length_km sites length_per_site_km gap_max_km gap_max_open own_gaps_over good_km middle_km "
        "gap_km no_site_km open_km shared_km covered_low_km covered_low covered_high_km covered_high"
    )
    aside = [c.name for c in ROUTE_COLUMNS if c.name not in names.split()]
    after_names = ["sites", "gap_max_km", "own_gaps_over", "gap_km", "length_per_site_km", "gap_max_open"]
    found, then = [*heads(names, lang)], []
    if plan.proposes and len(frame):
        after = in_kilometres(plan.after.routes)[["ref", *after_names]].rename(
            columns={n: f"{n}_after" for n in after_names}
        )
        frame = frame.merge(after, on="ref", how="left")
        prefix = text("sheet.after-prefix", lang)
        then = [Head.of(column(n), lang, prefix=prefix, name=f"{n}_after") for n in after_names]
    found, printed = [*found, *then[:4], *heads(" ".join(aside), lang), *then[4:]], len(found) + len(then[:4])
    found = _named_by_limits(found, plan, lang)
    limit = _limits_km(plan)
    limits = dict.fromkeys(("gap_max_km", "gap_max_km_after"), limit[1]) if limit else {}
    return Table("routes", tuple(found), frame, limits=limits, printed=printed)


def gaps(plan: Plan, lang: str) -> list[Table]:
    """Gaps of every rule on routes, those on spacing first, the longest first; today and with the plan."""
    states: list[tuple[str, Assessment]] = [("gaps", plan.before)]
    if plan.proposes:
        states.append(("gaps-after", plan.after))
    ranked = sorted(plan.policy.rules, key=lambda rule: kind_of(rule).own_gaps)
    titles = {rule.id: rule.title[lang] for rule in ranked}
    short = {rule.id: short_title(rule, lang) for rule in ranked}
    looks = {"spacing_class": choice_looks("spacing_class", lang, good="good", middle="middle", gap="gap")}
    found = heads((column("rule_title"), *GAP_COLUMNS, column("shared_words")), lang)
    sheets = []
    for key, assessment in states:
        names = dict(zip(assessment.sites["id"], assessment.sites["name"], strict=True))
        frame = pd.DataFrame(in_kilometres(assessment.gaps).drop(columns="geometry", errors="ignore"))
        if len(frame):
            words = [shared_words(row, lang) for row in frame.to_dict("records")]
            frame = frame.assign(
                rule_title=frame["rule"].map(titles),
                rule_short=frame["rule"].map(short),
                shared_words=pd.Series(words, dtype=object),
            )
        for end in ("from_site", "to_site"):
            frame[end] = [_with_name(site, names) for site in frame[end]] if end in frame else None
        if len(frame):
            frame["rank"] = frame["rule"].map({rule: i for i, rule in enumerate(titles)})
            order = ["rank", "own_km", "ref", "section", "direction", "from_km"]
            frame = frame.sort_values(order, ascending=[True, False, True, True, True, True], kind="stable")
        sheets.append(Table(key, found, frame.reset_index(drop=True), looks))
    return sheets


def _with_name(site: Any, names: dict[Any, Any]) -> str | None:
    if site is None or pd.isna(site) or site == "":
        return None
    name = names.get(site)
    return str(site) if name is None or pd.isna(name) else f"{name} ({site})"


# -- places ----------------------------------------------------------------------------------------------


def facilities(plan: Plan, lang: str) -> list[Table]:
    """Service areas and other places that a rule counts, with what each rule found."""
    every = plan.inputs.facilities
    shares = [f for f in plan.before.findings if isinstance(f.rule, FacilityShare)]
    sheets = []
    for key, wanted in (
        ("service-areas", every["kind"].isin(SERVICE_KINDS)),
        ("hubs", ~every["kind"].isin(SERVICE_KINDS)),
    ):
        frame = every[wanted]
        frame = pd.DataFrame(placed(frame))
        counted = [f for f in shares if len(f.table) and set(f.table["id"]) & set(frame["id"])]
        frame = frame[frame["id"].isin({i for f in counted for i in f.table["id"]})]
        for finding in counted:
            found = finding.table.drop_duplicates("id").set_index("id")["has"]
            frame = frame.assign(**{f"has:{finding.rule.id}": frame["id"].map(found)})
        has = tuple(
            Head(f"has:{f.rule.id}", f.rule.title[lang], column("has"), plan.policy.clause(f.rule, lang))
            for f in counted
        )
        names = "points fast_points point_kw status county site_id lon lat provenance note"
        above = (*heads("name kind pair ref side", lang), *has, *heads(names, lang))
        looks = {h.name: choice_looks("has", lang, good="yes", middle="unknown", gap="no") for h in has}
        frame = frame.reset_index(drop=True).rename(columns=SITE_ID)
        sheets.append(Table(key, above, frame, looks, printed=7 + len(has)))
    return sheets


def berths(plan: Plan, lang: str) -> Table:
    """All berths, with what each rule on them found; the columns of a further rule bear its title."""
    frame = placed(plan.inputs.berths).assign(has=None, counts="no")
    above, more = [*heads(BERTH_COLUMNS, lang)], []
    for number, rule in enumerate(plan.policy.of(BerthShare)):
        table = plan.before[rule.id].table.drop_duplicates("id").set_index("id")
        prefix = f"{rule.title[lang]}{text('report.colon', lang)}" if number else ""
        for name in ("has", "counts"):
            own = f"{name}:{rule.id}" if number else name
            frame[own] = frame["id"].map(table[name]) if name in table else None
            frame[own] = frame[own].fillna("no") if name == "counts" else frame[own]
            more += [Head.of(column(name), lang, prefix=prefix, name=own)] if number else []
    above += [*more, *heads("lon lat provenance note", lang)]
    looks = {h.name: choice_looks("has", lang, good="yes", middle="unknown", gap="no")
             for h in above if h.column.name == "has"}  # fmt: skip
    return Table("berths", tuple(above), frame.rename(columns=SITE_ID), looks)


def car_parks(plan: Plan, lang: str) -> Table:
    """All car parks, with the share of their spaces that is ready."""
    frame = placed(plan.inputs.car_parks)
    spaces = frame["spaces"].astype("Float64")
    frame["ready_share"] = frame["ready_spaces"].astype("Float64") / spaces.where(spaces > 0)
    names = "name park_type spaces ready_spaces ready_share status county site_id lon lat provenance note"
    return Table("car-parks", heads(names, lang), frame.rename(columns=SITE_ID))


def sites(plan: Plan, lang: str) -> Table:
    """All charging sites of the assessment."""
    frame = placed(plan.before.sites).rename(columns=SITE_ID)
    looks = {"fast": choice_looks("fast", lang, good="yes", middle="unknown", gap="no")}
    return Table("sites", (*heads(SITE_COLUMNS, lang), *heads("lon lat", lang)), frame, looks)


def calls(plan: Plan, lang: str) -> Table:
    """Each call: ship, berth, hours, whether it could connect and did, and whether the rule counts it."""
    frame = pd.DataFrame(plan.inputs.calls.drop(columns="geometry", errors="ignore"))
    more = []
    for number, rule in enumerate(plan.policy.of(CallShare)):
        table = plan.before[rule.id].table
        if "connected_status" not in table:
            continue
        known = table.drop_duplicates("id").set_index("id")["connected_status"]
        status, counts = (f"{n}:{rule.id}" if number else n for n in ("connected_status", "counts_in_rule"))
        frame = frame.assign(**{status: frame["id"].map(known), counts: frame["id"].isin(known.index)})
        if number:  # the columns of a further rule bear its title
            prefix = f"{rule.title[lang]}{text('report.colon', lang)}"
            more += [Head.of(column(n), lang, prefix=prefix, name=f"{n}:{rule.id}")
                     for n in ("connected_status", "counts_in_rule")]  # fmt: skip
    berths = plan.inputs.berths.drop_duplicates("id").set_index("id")["name"]
    frame = frame.assign(berth_name=frame["berth"].map(berths)) if len(frame) else frame
    names = (
        "ship ship_kind gross_tonnage berth berth_name arrived hours able connected_status counts_in_rule kwh id "
        "provenance note"
    )
    look = {
        "good": (text("choice.has.yes", lang),), "middle": (text("choice.has.unknown", lang),),
        "gap": (text("choice.has.no", lang),),
    }  # fmt: skip
    found = (*heads(names, lang), *more)
    return Table("calls", found, frame, {h.name: look for h in found if h.column.name == "connected_status"})


def inventory(plan: Plan, lang: str) -> Table:
    """What the rules only list, with its place."""
    findings = [f for f in plan.before.findings if isinstance(f.rule, Inventory) and len(f.table)]
    frames = [f.table.assign(rule_title=f.rule.title[lang]) for f in findings]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if len(frame):
        # What is listed may stand in the table of facilities or among the charging sites.
        known = [
            placed(t[["id", "geometry"]])
            for t in (plan.inputs.facilities, plan.inputs.sites, plan.inputs.chargers)
        ]
        where = pd.concat(known, ignore_index=True).drop_duplicates("id")
        frame = pd.DataFrame(frame.drop(columns=["geometry", "lon", "lat"], errors="ignore"))
        frame = frame.merge(where, on="id", how="left")
    names = "name kind status county lon lat site_id rule_title"
    return Table("inventory", heads(names, lang), frame.rename(columns=SITE_ID))
