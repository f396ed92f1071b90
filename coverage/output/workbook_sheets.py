"""What stands on the sheets of the workbook: frames of the plan under labelled columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..assess.assessment import Assessment
from ..plan import Plan
from ..policy import FacilityShare, RouteSpacing
from ..schema import Column
from ..texts import text
from ..units import M_PER_KM
from . import numbers
from .charts import coverage_curve
from .columns import (
    ACCESS_COLUMNS,
    BERTH_COLUMNS,
    CAR_PARK_COLUMNS,
    FACILITY_COLUMNS,
    GAP_COLUMNS,
    ISSUE_COLUMNS,
    LEAST_COLUMNS,
    NAME,
    NOT_SERVED_COLUMNS,
    PROPOSED_COLUMNS,
    ROUTE_COLUMNS,
    SITE_COLUMNS,
    UNSERVED_COLUMNS,
)
from .plan_tables import quality_table
from .report_words import assumption_lines, figure_rows, licences
from .workbook_cells import Head, Sheet, capital

SERVICE_KINDS = ("expressway_service_area", "ordinary_trunk_service_station", "parking_area")
LON, LAT = Column("lon", "float", "°"), Column("lat", "float", "°")


def plan_sheets(plan: Plan, lang: str) -> list[Sheet]:
    """All sheets with rows, in the order in which they stand."""
    sheets = [
        findings_sheet(plan, lang),
        _figures(plan, lang),
        _counties(plan, lang),
        _routes(plan, lang),
        *(_gaps(plan, lang)),
        *_facilities(plan, lang),
        _berths(plan, lang),
        _car_parks(plan, lang),
        _sites(plan, lang),
        _proposed(plan, lang),
        _curve(plan, lang),
        _uncovered(plan, lang),
        *_least(plan, lang),
        retrofit_sheet(plan, lang),
        _survey(plan, lang),
        _access(plan, lang),
        _not_served(plan, lang),
        _faults(plan, lang),
        _issues(plan, lang),
        _sources(plan, lang),
    ]
    always = ("findings", "sources")
    return [sheet for sheet in sheets if len(sheet.frame) or sheet.key in always]


def heads_of(columns: Iterable[Column], lang: str) -> tuple[Head, ...]:
    """Heads of schema columns."""
    return tuple(Head.of(column, lang) for column in columns)


def own_head(name: str, lang: str, kind: str = "text", unit: str = "", **more: str) -> Head:
    """Head of a column that only the workbook has; ``unit_by`` and ``choices`` as in :class:`Head`."""
    label = capital(text(f"sheet.column.{name}.label", lang))
    return Head(name, label, kind, unit or kind, text(f"sheet.column.{name}.meaning", lang), **more)


def status_looks(lang: str) -> dict[str, tuple[str, ...]]:
    """Labels of a finding's status by the colour they get."""
    return {
        "good": (text("status.met", lang),),
        "middle": (text("status.undecided", lang),),
        "gap": (text("status.not-met", lang),),
    }


def choice_looks(name: str, lang: str, **values: str) -> dict[str, tuple[str, ...]]:
    """Labels of a choice by the colour they get: ``good="yes"``."""
    return {look: (text(f"choice.{name}.{value}", lang),) for look, value in values.items()}


# -- findings and figures --------------------------------------------------------------------------------


def findings_sheet(plan: Plan, lang: str) -> Sheet:
    """A row for each rule: what was measured, before and after, as shown and as numbers."""
    rows = []
    for before, after in zip(plan.before.findings, plan.after.findings, strict=True):
        counts = dict(before.counts)
        row: dict[str, Any] = {
            "title": before.rule.title[lang],
            "finding_status": numbers.status(before, lang),
            "value": numbers.headline(before, lang),
            "target_shown": numbers.target(before, lang),
            "unit_shown": text(f"sheet.unit.{before.unit}", lang),
            "low": before.low,
            "high": before.high,
            "target_value": before.target,
            "yes": counts.get("yes"),
            "unknown": counts.get("unknown"),
            "no": counts.get("no"),
            "by": before.rule.by,
            "rule": before.rule.id,
            "source": before.rule.source,
            "unit": before.unit,
        }
        if plan.siting:
            row |= {
                "value_after": numbers.headline(after, lang),
                "status_after": numbers.status(after, lang),
                "low_after": after.low,
                "high_after": after.high,
            }
        rows.append(row)
    heads = _finding_heads(lang, with_after=bool(plan.siting))
    looks = {"finding_status": status_looks(lang), "status_after": status_looks(lang)}
    frame = pd.DataFrame(rows, columns=[*(h.name for h in heads), "unit"], dtype=object)
    return Sheet("findings", heads, frame, looks, printed=10 if plan.siting else 8)


def _finding_heads(lang: str, *, with_after: bool) -> tuple[Head, ...]:
    def number(name: str) -> Head:
        return own_head(name, lang, "float", unit_by="unit")

    after = heads_of((Column("value_after"), Column("status_after")), lang) if with_after else ()
    ends = (number("low_after"), number("high_after")) if with_after else ()
    return (
        *heads_of((Column("title"), Column("finding_status"), Column("value")), lang),
        own_head("target_shown", lang),
        *after,
        *(own_head(name, lang, "float", "count") for name in ("yes", "unknown", "no")),
        own_head("by", lang, "date"),
        own_head("unit_shown", lang),
        number("low"),
        number("high"),
        number("target_value"),
        *ends,
        *heads_of((Column("rule"), Column("source")), lang),
    )


def _figures(plan: Plan, lang: str) -> Sheet:
    rows = [
        {"title": finding.rule.title[lang], "figure": label, "number": value, "words": words, "unit": unit,
         "unit_shown": text(f"sheet.unit.{unit}", lang) if unit in ("share", "margin", "count") else unit,
         "rule": finding.rule.id, "key": key}
        for finding in plan.before.findings
        for key, label, value, unit, words in figure_rows(finding, lang)
    ]  # fmt: skip
    heads = (
        Head.of(Column("title"), lang), own_head("figure", lang), own_head("number", lang, "float", unit_by="unit"),
        own_head("words", lang), own_head("unit_shown", lang), Head.of(Column("rule"), lang), own_head("key", lang),
    )  # fmt: skip
    return Sheet(
        "figures", heads, pd.DataFrame(rows, columns=[*(h.name for h in heads), "unit"], dtype=object)
    )


def _counties(plan: Plan, lang: str) -> Sheet:
    """One row a county: reach, roads by class of spacing, power against the fleet."""
    frame = plan.inputs.counties.drop(columns="geometry", errors="ignore").reindex(
        columns=["name", "population"]
    )
    names = {"name": "county"}
    frame = pd.DataFrame(frame.rename(columns=names))
    for finding in plan.before.findings:
        table, wanted = finding.table, []
        if finding.rule.kind == "demand_reach":
            table, wanted = (
                table.rename(columns={"low": "reach_low", "high": "reach_high"}),
                ["reach_low", "reach_high"],
            )
        elif finding.rule.kind == "fleet_power":
            wanted = [
                "sites",
                "sites_without_power",
                "installed_kw",
                "points",
                "registered_ev",
                "kw_per_ev",
                "ev_per_point",
            ]
        elif finding.rule.kind == "route_spacing":
            table = pd.DataFrame(finding.figures.get("by_county", []))
            wanted = ["length_km", "good_km", "middle_km", "gap_km", "open_km", "gap_max_km"]
        if wanted and "county" in table and len(table) and not set(wanted) & set(frame.columns):
            frame = frame.merge(
                table.reindex(columns=["county", *wanted]), on="county", how="outer", sort=False
            )
    own = {"reach_low": "share", "reach_high": "share", "sites_without_power": "count", "installed_kw": "kW",
           "kw_per_ev": "float", "ev_per_point": "float"}  # fmt: skip
    known = {
        c.name: c
        for c in (
            *ROUTE_COLUMNS,
            *SITE_COLUMNS,
            Column("population", "float"),
            Column("registered_ev", "float"),
        )
    }
    heads = tuple(
        own_head(name, lang, "float", own[name]) if name in own else Head.of(known[name], lang)
        for name in map(str, frame.columns)
    )
    limit = _limits_km(plan)
    return Sheet("counties", heads, frame if len(frame.columns) > 2 else frame.head(0),
                 limits={"gap_max_km": limit[1]} if limit else {})  # fmt: skip


# -- routes and gaps -------------------------------------------------------------------------------------


def _limits_km(plan: Plan) -> tuple[float, float] | None:
    rule = next((r for r in plan.policy.rules if isinstance(r, RouteSpacing)), None)
    return None if rule is None else rule.class_limits_km


def _routes(plan: Plan, lang: str) -> Sheet:
    frame = plan.before.routes.rename(columns={"class": "road_class"})
    after_names = ["sites", "length_per_site_km", "gap_max_km", "gap_max_open", "gap_km"]
    heads = [_route_head(column, lang) for column in ROUTE_COLUMNS]
    heads += [own_head(name, lang, "float", "share") for name in ("covered_low", "covered_high")]
    if plan.siting and len(frame):
        after = plan.after.routes[["ref", *after_names]].rename(
            columns={n: f"{n}_after" for n in after_names}
        )
        frame = frame.merge(after, on="ref", how="left")
        columns = {c.name: c for c in ROUTE_COLUMNS}
        prefix = text("sheet.after-prefix", lang)
        heads += [_route_head(columns[n], lang, prefix, f"{n}_after") for n in after_names]
    limit = _limits_km(plan)
    limits = dict.fromkeys(("gap_max_km", "gap_max_km_after"), limit[1]) if limit else {}
    return Sheet("routes", tuple(heads), frame, limits=limits, printed=13)


def _route_head(column: Column, lang: str, prefix: str = "", name: str = "") -> Head:
    """Head of a column of routes; there ``gap_km`` is the length in gaps above the limit, not one gap."""
    head = Head.of(column, lang, prefix=prefix, name=name)
    if column.name != "gap_km":
        return head
    return replace(
        head,
        label=capital(f"{prefix}{text('figure.gap_km', lang)} (km)"),
        meaning=text("figure.gap_km", lang),
    )


def _gaps(plan: Plan, lang: str) -> list[Sheet]:
    """Gaps of every rule on spacing, longest first; before, and after building."""
    states: list[tuple[str, Assessment]] = [("gaps", plan.before)]
    if plan.siting:
        states.append(("gaps-after", plan.after))
    titles = {rule.id: rule.title[lang] for rule in plan.policy.rules}
    looks = {"spacing_class": choice_looks("spacing_class", lang, good="good", middle="middle", gap="gap")}
    heads = (
        *heads_of(GAP_COLUMNS, lang)[:-1],
        own_head("inside_km", lang, "float", "km"),
        own_head("rule_title", lang),
    )
    sheets = []
    for key, assessment in states:
        names = dict(zip(assessment.sites["id"], assessment.sites["name"], strict=True))
        frame = pd.DataFrame(assessment.gaps.drop(columns="geometry", errors="ignore"))
        frame = frame.assign(rule_title=frame["rule"].map(titles)) if len(frame) else frame
        for end in ("from_site", "to_site"):
            frame[end] = [_with_name(site, names) for site in frame[end]] if end in frame else None
        if len(frame):
            order = ["rule", "length_km", "ref", "section", "direction", "from_km"]
            frame = frame.sort_values(order, ascending=[True, False, True, True, True, True], kind="stable")
        sheets.append(Sheet(key, heads, frame.reset_index(drop=True), looks))
    return sheets


def _with_name(site: Any, names: dict[Any, Any]) -> str | None:
    if site is None or pd.isna(site) or site == "":
        return None
    name = names.get(site)
    return str(site) if name is None or pd.isna(name) else f"{name} ({site})"


# -- places ----------------------------------------------------------------------------------------------


def _facilities(plan: Plan, lang: str) -> list[Sheet]:
    """Service areas and other places that a rule counts, with what each rule found."""
    every = plan.inputs.facilities
    shares = [f for f in plan.before.findings if isinstance(f.rule, FacilityShare)]
    sheets = []
    for key, wanted in (
        ("service-areas", every["kind"].isin(SERVICE_KINDS)),
        ("hubs", ~every["kind"].isin(SERVICE_KINDS)),
    ):
        frame = every[wanted]
        frame = pd.DataFrame(_placed(frame))
        counted = [f for f in shares if len(f.table) and set(f.table["id"]) & set(frame["id"])]
        frame = frame[frame["id"].isin({i for f in counted for i in f.table["id"]})]
        for finding in counted:
            found = finding.table.drop_duplicates("id").set_index("id")["has"]
            frame = frame.assign(**{f"has:{finding.rule.id}": frame["id"].map(found)})
        has = tuple(
            Head(f"has:{f.rule.id}", f.rule.title[lang], "choice", "choice", f.rule.source, "has")
            for f in counted
        )
        columns = [c for c in FACILITY_COLUMNS if c.name != "has"]
        heads = (*heads_of(columns[:2], lang), Head.of(Column("pair"), lang), *heads_of(columns[2:4], lang), *has,
                 *heads_of((*columns[4:], LON, LAT, Column("provenance"), Column("note")), lang))  # fmt: skip
        looks = {h.name: choice_looks("has", lang, good="yes", middle="unknown", gap="no") for h in has}
        sheets.append(Sheet(key, heads, frame.reset_index(drop=True), looks, printed=7 + len(has)))
    return sheets


def _placed(frame: pd.DataFrame) -> pd.DataFrame:
    """Positions as two columns; missing where there is none."""
    points = frame.geometry
    return pd.DataFrame(frame.drop(columns="geometry")).assign(lon=points.x.round(7), lat=points.y.round(7))


def _berths(plan: Plan, lang: str) -> Sheet:
    found = next((f for f in plan.before.findings if f.rule.kind == "berth_share"), None)
    frame = _placed(plan.inputs.berths)
    for name in ("has", "counts"):
        known = found is not None and name in found.table
        frame[name] = (
            frame["id"].map(found.table.drop_duplicates("id").set_index("id")[name])
            if found is not None and known
            else None
        )
    frame["counts"] = frame["counts"].fillna("no")
    heads = heads_of((*BERTH_COLUMNS, LON, LAT, Column("provenance"), Column("note")), lang)
    looks = {"has": choice_looks("has", lang, good="yes", middle="unknown", gap="no")}
    return Sheet("berths", heads, frame, looks)


def _car_parks(plan: Plan, lang: str) -> Sheet:
    frame = _placed(plan.inputs.car_parks)
    spaces = frame["spaces"].astype("Float64")
    frame["ready_share"] = frame["ready_spaces"].astype("Float64") / spaces.where(spaces > 0)
    columns = heads_of((*CAR_PARK_COLUMNS, LON, LAT, Column("provenance"), Column("note")), lang)
    heads = (*columns[:4], own_head("ready_share", lang, "float", "share"), *columns[4:])
    return Sheet("car-parks", heads, frame)


def _sites(plan: Plan, lang: str) -> Sheet:
    frame = _placed(plan.before.sites)
    looks = {"fast": choice_looks("fast", lang, good="yes", middle="unknown", gap="no")}
    return Sheet("sites", heads_of((*SITE_COLUMNS, LON, LAT), lang), frame, looks)


# -- siting ----------------------------------------------------------------------------------------------


def _proposed(plan: Plan, lang: str) -> Sheet:
    frames = []
    for siting in plan.siting:
        frame = _placed(siting.proposed).rename(columns={"order": "build_order"})
        more = ["id", "price", "share_of_good_plans", "essential"]
        frames.append(
            frame.merge(siting.choices[more], on="id", how="left") if len(siting.choices) else frame
        )
    columns = heads_of((*PROPOSED_COLUMNS, LON, LAT), lang)
    heads = (
        *columns[:-3],
        own_head("price", lang, "float", "count"),
        own_head("share_of_good_plans", lang, "float", "share"),
        own_head("essential", lang, "bool"),
        *columns[-3:],
    )
    return Sheet("proposed", heads, pd.concat(frames, ignore_index=True) if frames else pd.DataFrame())


def _curve(plan: Plan, lang: str) -> Sheet:
    frames = [coverage_curve(s).assign(objective_name=s.objective_name) for s in plan.siting]
    heads = (
        own_head("built", lang, "int"),
        own_head("objective_name", lang, "choice", choices="objective"),
        Head.of(Column("name"), lang),
        Head.of(Column("adds", "float"), lang),
        own_head("objective_value", lang, "float", "count"),
        own_head("share", lang, "float", "share"),
        own_head("cost_so_far", lang, "float"),
        own_head("best", lang, "float", "count"),
        own_head("best_share", lang, "float", "share"),
        own_head("bound", lang, "float", "count"),
        own_head("bound_share", lang, "float", "share"),
        own_head("gap", lang, "float", "share"),
    )
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Sheet(
        "curve", heads, frame.rename(columns={"objective": "objective_value", "cost": "cost_so_far"})
    )


def _least(plan: Plan, lang: str) -> list[Sheet]:
    """Least sites for each span, and the stretches that nothing can serve."""
    sites = [_placed(c.sites).assign(span_km=c.span_km) for c in plan.compliance if len(c.sites)]
    left = [c.unserved.assign(span_km=c.span_km) for c in plan.compliance if len(c.unserved)]
    found, never = (pd.concat(f, ignore_index=True) if f else pd.DataFrame() for f in (sites, left))
    span = Column("span_km", "float", "km")
    return [
        Sheet("least-sites", heads_of((span, *LEAST_COLUMNS, LON, LAT), lang),
              found.rename(columns={"order": "build_order"})),
        Sheet("unserved", heads_of(UNSERVED_COLUMNS, lang), never),
    ]  # fmt: skip


def retrofit_sheet(plan: Plan, lang: str) -> Sheet:
    """Berths to retrofit, best first."""
    columns = (NAME, Column("port"), Column("class_t", "float", "t"), Column("calls_per_year", "float"),
               Column("hours_per_call", "float", "h"))  # fmt: skip
    heads = (
        *heads_of(columns, lang),
        own_head("energy_kwh", lang, "float", "count"),
        own_head("energy_estimated", lang, "bool"),
        own_head("co2_avoided_t", lang, "float", "km"),
        Head.of(Column("retrofit_cost", "float"), lang),
        own_head("co2_t_per_cost", lang, "float", "ratio"),
        Head.of(Column("build_order", "int"), lang),
        Head.of(Column("id"), lang),
    )
    frame = (
        pd.DataFrame()
        if plan.retrofit is None
        else plan.retrofit.berths.rename(columns={"order": "build_order"})
    )
    return Sheet("retrofit", heads, frame)


def _uncovered(plan: Plan, lang: str) -> Sheet:
    frames = []
    for siting in plan.siting:
        left = siting.demand[siting.demand["covered"] == "never"]
        never = left["id"].isin(set(siting.unreachable["id"]))
        why = np.where(never, text("sheet.never-reachable", lang), text("sheet.not-chosen", lang))
        points = bool((left.geometry.geom_type == "Point").all())
        frame = _placed(left) if points else pd.DataFrame(left.drop(columns="geometry"))
        frames.append(frame.assign(objective_name=siting.objective_name, why=why))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if len(frame):
        frame = frame.sort_values(["weight", "id"], ascending=[False, True], kind="stable").reset_index(
            drop=True
        )
    heads = (
        *heads_of((Column("name"), Column("weight", "float")), lang), own_head("why", lang),
        own_head("objective_name", lang, "choice", choices="objective"),
        *heads_of((LON, LAT, Column("id")), lang),
    )  # fmt: skip
    return Sheet("uncovered", heads, frame)


# -- what to survey, what is doubtful, where it is from ---------------------------------------------------


def _survey(plan: Plan, lang: str) -> Sheet:
    rows = []
    for finding in plan.before.findings:
        if "id" not in finding.survey:
            continue
        wanted = finding.survey.reindex(columns=["id", "name", "county", "provenance"])
        rows += [
            {"title": finding.rule.title[lang], "priority": n, **row}
            for n, row in enumerate(wanted.to_dict("records"), 1)
        ]
    heads = (Head.of(Column("title"), lang), own_head("priority", lang, "int"),
             *heads_of((Column("name"), Column("id"), Column("county"), Column("provenance")), lang))  # fmt: skip
    return Sheet("survey", heads, pd.DataFrame(rows, columns=[h.name for h in heads], dtype=object))


def _access(plan: Plan, lang: str) -> Sheet:
    return Sheet("access", heads_of(ACCESS_COLUMNS, lang), plan.before.access)


def _not_served(plan: Plan, lang: str) -> Sheet:
    frame = pd.DataFrame(plan.before.not_served.drop(columns="geometry", errors="ignore"))
    if len(frame):
        frame = frame.assign(distance_km=frame["distance_m"] / M_PER_KM)
    columns = heads_of((*NOT_SERVED_COLUMNS, Column("direction", "choice")), lang)
    return Sheet("not-served", columns, frame)


def _faults(plan: Plan, lang: str) -> Sheet:
    rows = [
        {"file": Path(fault.file).name if fault.file else None, "row": fault.row, "column": fault.column,
         "value": None if fault.value is None else str(fault.value), "remedy": fault.render(lang)}
        for fault in plan.inputs.warnings
    ]  # fmt: skip
    heads = (
        own_head("file", lang), own_head("row", lang, "int"), own_head("column", lang), own_head("cell", lang),
        own_head("remedy", lang),
    )  # fmt: skip
    frame = pd.DataFrame(rows, columns=["file", "row", "column", "value", "remedy"], dtype=object)
    return Sheet("faults", heads, frame.rename(columns={"value": "cell"}))


def _issues(plan: Plan, lang: str) -> Sheet:
    return Sheet("issues", heads_of(ISSUE_COLUMNS, lang), pd.DataFrame(quality_table(plan, lang)))


def _sources(plan: Plan, lang: str) -> Sheet:
    """What the numbers rest on: project, policy, rules with their assumptions, files, versions, licences."""
    project, rows = plan.project, []

    def add(group: str, item: object, value: object) -> None:
        rows.append({"group": text(f"sheet.group.{group}", lang), "item": item, "entry": value})

    for key, value in (
        ("name", project.name), ("policy", f"{plan.policy.name[lang]} ({plan.policy.id})"),
        ("assess-at", project.assess_at), ("data-date", project.network.data_date),
        ("author", project.output.author), ("sources", project.output.sources), ("note", project.output.note),
    ):  # fmt: skip
        if value:
            add("project", text(f"sheet.item.{key}", lang), value)
    add("policy", plan.policy.id, plan.policy.source)
    for rule in plan.policy.rules:
        add("rule", rule.title[lang], rule.source)
        for line in assumption_lines(rule, lang):
            add("assumption", rule.title[lang], line)
    for path, digest in plan.provenance.inputs:
        add("file", path, f"sha256 {digest}")
    for name, version in plan.provenance.versions.items():
        add("version", name, version)
    for line in licences(plan, lang):
        add("licence", "", line)
    heads = tuple(own_head(name, lang) for name in ("group", "item", "entry"))
    return Sheet("sources", heads, pd.DataFrame(rows, columns=["group", "item", "entry"], dtype=object))
