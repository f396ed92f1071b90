"""Sheets of the workbook on what the numbers rest on: survey, access, notes on the data, sources."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..plan import Plan
from ..schema import column
from ..texts import text
from ..units import in_kilometres
from .columns import ACCESS_COLUMNS, ISSUE_COLUMNS, NOT_SERVED_COLUMNS
from .plan_tables import quality_table
from .sheet import Sheet, heads
from .words import assumption_lines, factor_sentence, licences


def survey_sheet(plan: Plan, lang: str) -> Sheet:
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
    return Sheet("survey", heads(names, lang), pd.DataFrame(rows, columns=names.split(), dtype=object))


def access_sheet(plan: Plan, lang: str) -> Sheet:
    """Which site serves which route and direction, and whether it is in operation."""
    state = plan.before.sites.drop_duplicates("id").set_index("id")["status"]
    frame = in_kilometres(plan.before.access).assign(status=plan.before.access["id"].map(state))
    return Sheet("access", heads((*ACCESS_COLUMNS, column("status")), lang), frame)


def not_served_sheet(plan: Plan, lang: str) -> Sheet:
    """Sites near a route that don't serve it, with the reason."""
    frame = pd.DataFrame(in_kilometres(plan.before.not_served).drop(columns="geometry", errors="ignore"))
    return Sheet("not-served", heads((*NOT_SERVED_COLUMNS, column("direction")), lang), frame)


def faults_sheet(plan: Plan, lang: str) -> Sheet:
    """What was noticed in the inputs, with file, row, value and remedy."""
    rows = [
        {"file": Path(fault.file).name if fault.file else None, "row": fault.row, "column": fault.column,
         "cell": None if fault.value is None else str(fault.value), "remedy": fault.render(lang)}
        for fault in plan.inputs.warnings
    ]  # fmt: skip
    names = "file row column cell remedy"
    return Sheet("faults", heads(names, lang), pd.DataFrame(rows, columns=names.split(), dtype=object))


def merges_sheet(plan: Plan, lang: str) -> Sheet:
    """Sites of several lists that were taken for one, with score and reason: to check, and to take back."""
    rows = [
        {"id": merge.into, "other_id": merge.id, "file": merge.file, "rows": ", ".join(map(str, merge.rows)),
         "score": merge.score, "why": merge.reason(lang)}
        for merge in plan.inputs.merges
    ]  # fmt: skip
    names = "id other_id file rows score why"
    return Sheet("merges", heads(names, lang), pd.DataFrame(rows, columns=names.split(), dtype=object))


def issues_sheet(plan: Plan, lang: str) -> Sheet:
    """What is doubtful about the roads."""
    return Sheet("issues", heads(ISSUE_COLUMNS, lang), pd.DataFrame(quality_table(plan, lang)))


def sources_sheet(plan: Plan, lang: str) -> Sheet:
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
    if plan.retrofit is not None:
        add("policy", text("report.retrofit", lang), factor_sentence(plan.retrofit.factors, lang))
    for path, digest in plan.provenance.inputs:
        add("file", path, f"sha256 {digest}")
    for name, version in plan.provenance.versions.items():
        add("version", name, version)
    for line in licences(plan, lang):
        add("licence", "", line)
    names = "group item entry"
    return Sheet("sources", heads(names, lang), pd.DataFrame(rows, columns=names.split(), dtype=object))
