"""Tables of what the numbers rest on: survey, access, notes on the data, doubts about the roads, sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd

from ..inputs.ledger import row_sites
from ..plan import Plan
from ..schema import SITE_ID, column
from ..texts import text
from ..units import M_PER_KM, WGS84, in_kilometres
from .columns import ACCESS_COLUMNS, EVIDENCE_COLUMNS, ISSUE_COLUMNS, NOT_SERVED_COLUMNS
from .table import Head, Table, heads, labelled
from .words import assumption_lines, factor_sentence, licences


def survey(plan: Plan, lang: str) -> Table:
    """What to find out, by rule, most decisive first."""
    rows = []
    for finding in plan.before.findings:
        if "id" not in finding.survey:
            continue
        wanted = finding.survey.reindex(columns=["id", "name", "county", "provenance"])
        wanted = wanted[wanted["id"].notna()]
        rows += [
            {"title": finding.rule.title[lang], "priority": n, **row}
            for n, row in enumerate(wanted.to_dict("records"), 1)
        ]
    names = "title priority name id county provenance"
    return Table("survey", heads(names, lang), pd.DataFrame(rows, columns=names.split(), dtype=object))


def access(plan: Plan, lang: str) -> Table:
    """Which site serves which route and direction, and whether it is in operation."""
    state = plan.before.sites.drop_duplicates("id").set_index("id")["status"]
    frame = in_kilometres(plan.before.access).assign(status=plan.before.access["id"].map(state))
    frame = frame.rename(columns=SITE_ID)
    return Table("access", heads((*ACCESS_COLUMNS, column("status")), lang), frame)


def not_served(plan: Plan, lang: str) -> Table:
    """Sites near a route that don't serve it, with the reason."""
    frame = pd.DataFrame(in_kilometres(plan.before.not_served).drop(columns="geometry", errors="ignore"))
    frame = frame.rename(columns=SITE_ID)
    return Table("not-served", heads((*NOT_SERVED_COLUMNS, column("direction")), lang), frame)


def gap_evidence(plan: Plan, lang: str) -> Table:
    """Which sites close each gap, where to build inside it, which sites near it do not count."""
    frame = in_kilometres(plan.before.evidence).rename(columns={"ways": "access_ways"})
    built = frame["evidence_kind"] == "candidate"
    frame = frame.assign(site_id=frame["id"].where(~built), action_id=frame["id"].where(built))
    return Table("gap-evidence", heads(EVIDENCE_COLUMNS, lang), frame)


def faults(plan: Plan, lang: str) -> Table:
    """What was noticed in the inputs, with file, row, value and remedy."""
    rows = [
        {"file": Path(fault.file).name if fault.file else None, "row": fault.row, "column": fault.column,
         "cell": fault.value if fault.value is None or isinstance(fault.value, (int, float)) else str(fault.value),
         "remedy": fault.render(lang)}
        for fault in plan.inputs.warnings
    ]  # fmt: skip
    names = "file row column cell remedy"
    # What was a number in the file is one here; texts stay texts.
    found = (
        replace(h, column=replace(h.column, type="float")) if h.name == "cell" else h
        for h in heads(names, lang)
    )
    return Table("faults", tuple(found), pd.DataFrame(rows, columns=names.split(), dtype=object))


def ledger(plan: Plan, lang: str) -> Table:
    """The ledger: rows of each file that were read, kept, merged, left out, faulted."""
    rows = [
        {**entry.counts(), "file": entry.path, "table": text(f"ledger.table.{entry.table}", lang)}
        for entry in plan.inputs.ledger
    ]
    names = "file table read kept merged left_out faulted"
    return Table("files", heads(names, lang), pd.DataFrame(rows, columns=names.split(), dtype=object))


def input_rows(plan: Plan, lang: str) -> Table:
    """What each row of each table became: the site or place that counts it, or why it does not count."""
    frame = row_sites(plan.inputs)
    for name, key in (("outcome", "outcome"), ("table", "ledger.table")):
        frame[name] = [text(f"{key}.{word}", lang) for word in frame[name]]
    return Table("rows", heads("table file row id site outcome", lang), frame)


def merges(plan: Plan, lang: str) -> Table:
    """Sites of several lists that were taken for one, with score and reason: to check, and to take back."""
    rows = [
        {"id": merge.into, "other_id": merge.id, "file": merge.file, "rows": ", ".join(map(str, merge.rows)),
         "score": merge.score, "why": merge.reason(lang)}
        for merge in plan.inputs.merges
    ]  # fmt: skip
    names = "id other_id file rows score why"
    return Table("merges", heads(names, lang), pd.DataFrame(rows, columns=names.split(), dtype=object))


def quality_table(plan: Plan, lang: str) -> gpd.GeoDataFrame:
    """What is doubtful about the roads, a row each, with its effect in words."""
    report = plan.quality
    if report is None or report.issues.empty:
        return gpd.GeoDataFrame(columns=[c.name for c in ISSUE_COLUMNS], geometry=[], crs=WGS84)
    frame = report.issues.rename(columns={"kind": "quality_kind"})
    length_m = frame["length_m"].where(frame["length_m"] > 0)  # some doubts are about a place, not a stretch
    frame = frame.assign(length_km=length_m / M_PER_KM, effect=report.effects(lang))
    return gpd.GeoDataFrame(frame.drop(columns=["values", "length_m"]), geometry="geometry", crs=WGS84)


def issues(plan: Plan, lang: str) -> Table:
    """What is doubtful about the roads."""
    return Table("issues", heads(ISSUE_COLUMNS, lang), pd.DataFrame(quality_table(plan, lang)))


def files(plan: Plan, lang: str) -> Table:
    """The files that were read, with their checksums."""
    rows = [{"file": Path(path).as_posix(), "entry": digest} for path, digest in plan.provenance.inputs]
    named = labelled("report.head", {"file": column("file")}, lang)
    return Table("checksums", (*named, Head("entry", "SHA-256", column("entry"))), pd.DataFrame(rows))


def sources(plan: Plan, lang: str) -> Table:
    """What the numbers rest on: project, policy, rules with their assumptions, files, versions, licences."""
    project, rows = plan.project, []

    def add(group: str, item: object, value: object) -> None:
        rows.append({"group": text(f"sheet.group.{group}", lang), "item": item, "entry": value})

    for key, value in (
        ("name", project.name.of(lang)), ("policy", f"{plan.policy.name[lang]} ({plan.policy.id})"),
        ("assess-at", project.assess_at), ("data-date", project.network.data_date),
        ("author", project.output.author.of(lang)), ("sources", project.output.sources.of(lang)),
        ("note", project.output.note.of(lang)),
    ):  # fmt: skip
        if value:
            add("project", text(f"sheet.item.{key}", lang), value)
    add("policy", plan.policy.id, plan.policy.source.of(lang))
    for rule in plan.policy.rules:
        add("rule", rule.title[lang], plan.policy.clause(rule, lang))
        for line in assumption_lines(rule, lang):
            add("assumption", rule.title[lang], line)
    if plan.retrofit is not None:
        add("policy", text("report.retrofit", lang), factor_sentence(plan.retrofit.factors, lang))
    for path, digest in plan.provenance.inputs:
        add("file", path, f"sha256 {digest}")
    for name, version in plan.provenance.versions.items():
        add("version", name, version)
    for line in licences(plan, lang):
        add("licence", "", line)
    names = "group item entry"
    return Table("sources", heads(names, lang), pd.DataFrame(rows, columns=names.split(), dtype=object))
