"""``result.json`` as plain values: every number of a plan, with units in the key names.

The file is the same, byte for byte, for the same inputs and options; only ``provenance.started`` and the
``runtime_s`` entries differ. Its JSON Schema is made by :mod:`plugspan.render.result_schema`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..errors import Fault
from ..inputs.ledger import Merge
from ..plan import Plan
from ..rules.assessment import Assessment
from ..rules.finding import Finding
from ..rules.kind import kind_of
from ..rules.reach import first_of_charging
from ..scenario import SCENARIO_FILE
from ..schema import ACTION_ID, COLUMNS, SITE_ID, Column
from ..siting.planning.comply import Compliance
from ..siting.planning.outcome import Siting
from ..siting.planning.retrofit import Retrofit
from ..siting.programme import Programme
from ..units import figures_in_km, in_kilometres
from . import programme as plan_rows
from .columns import ISSUE_COLUMNS, NOT_SERVED_COLUMNS
from .gap_words import mark_kind
from .numbers import OF_PARTS, plain, ratio_parts, table_in_km
from .row_ids import GapsAround
from .source_tables import quality_table
from .table import coded
from .words import may_count

RESULT_SCHEMA = 2
"""What ``schema`` says: how ``result.json`` is laid out. 2: sites have a ``site_id``, actions an ``action_id``."""
WEIGHT_UNITS = {"people": "people", "highway": "m"}
"""Unit of every weight of a siting: objective, bound, gain, covers, left …"""


def plan_result(plan: Plan, lang: str) -> dict[str, Any]:
    """The whole of ``result.json`` as plain dicts, lists, numbers and texts (in ``lang``)."""
    lang = plan.reader(lang)
    result: dict[str, Any] = plain(
        {
            "schema": RESULT_SCHEMA,
            "project": {
                "name": plan.project.name.of(lang),
                "policy": plan.policy.id,
                "language": lang,
                "length_unit": plan.policy.lengths,
                "assess_at": plan.project.assess_at,
                "reference_date": plan.project.reference_date,
                "data_date": plan.project.network.data_date,
                "note": plan.project.output.note.of(lang),
                "options": plan.project.model_dump(
                    mode="json",
                    include={"region", "siting", "road_class", "rules", "plan", "costs"},
                    by_alias=True,
                ),
            },
            "provenance": {
                "inputs": [{"path": path, "sha256": digest} for path, digest in plan.provenance.inputs],
                "versions": dict(plan.provenance.versions),
                "started": plan.provenance.started,
                "scenario": None if plan.scenario is None else SCENARIO_FILE,
            },
            "network": figures_in_km(plan.network),
            "quality": _coded(quality_table(plan, lang), lang, ISSUE_COLUMNS),
            "routes": _coded(in_kilometres(plan.before.routes), lang),
            "findings": finding_rows(plan.before, lang),
            "measures": finding_rows(plan.before, lang, with_target=False),
            "gaps": gap_rows(plan.before, lang),
            "access": _coded(in_kilometres(plan.before.access).rename(columns=SITE_ID), lang),
            "not_served": _coded(
                in_kilometres(plan.before.not_served).rename(columns=SITE_ID),
                lang,
                NOT_SERVED_COLUMNS,
                drop=("geometry",),
            ),
            **siting_part(plan, lang),
            "plan": plan_part(plan, lang),
            "after": {
                "reference_date": plan.after_date,
                "findings": finding_rows(plan.after, lang),
                "measures": finding_rows(plan.after, lang, with_target=False),
                "routes": _coded(in_kilometres(plan.after.routes), lang),
                "gaps": gap_rows(plan.after, lang),
            },
            "warnings": [fault.render(lang) for fault in plan.inputs.warnings],
            "files": [entry.counts() for entry in plan.inputs.ledger],
            "merges": [_merge_row(merge, lang) for merge in plan.inputs.merges],
        }
    )
    if plan.programme is not None:
        result["plan"]["proof"] = plan.programme.proof  # unrounded: prices prove by all their digits
    return result


def _merge_row(merge: Merge, lang: str) -> dict[str, Any]:
    """A site of one list that was joined to another's."""
    names = ("into", "id", "table", "file", "rows", "score", "stays")
    return {**{name: getattr(merge, name) for name in names}, "reason": merge.reason(lang)}


def siting_part(plan: Plan, lang: str) -> dict[str, Any]:
    """What ``result.json`` says of building: proposed sites, least sites to comply, berths to retrofit."""
    lang = plan.reader(lang)
    part: dict[str, Any] = plain(
        {
            "siting": [siting_row(siting, lang) for siting in plan.siting],
            "least_sites": [least_row(found, lang) for found in plan.compliance],
            "retrofit": None if plan.retrofit is None else retrofit_row(plan.retrofit, lang),
        }
    )
    return part


def finding_rows(assessment: Assessment, lang: str, *, with_target: bool = True) -> list[dict[str, Any]]:
    """Findings of rules that have a target, or the measures of those that only ask for a report."""
    chosen = [f for f in assessment.findings if (f.target is not None) == with_target]
    rows: list[dict[str, Any]] = plain([_finding_row(finding, lang) for finding in chosen])
    return rows


def _finding_row(finding: Finding, lang: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "rule": finding.rule.id,
        "title": finding.rule.title[lang],
        "kind": finding.rule.kind,
        "unit": finding.unit,
        "low": finding.low,
        "high": finding.high,
    }
    if finding.target is not None:
        row |= {
            "target": finding.target,
            "by": finding.rule.by,
            "sense": "<=" if finding.rule.target.at_most else ">=",
            "status": finding.status,
            "shown": finding.shown,
        }
    parts, table = ratio_parts(finding, lang), table_in_km(finding)
    table = table.rename(columns=SITE_ID) if kind_of(finding.rule).places else table
    return row | {
        **{name: parts.get(name) for name in (*OF_PARTS, "part_unit", "whole_unit")},
        "counts": dict(finding.counts),
        "may_count": may_count(finding),
        "figures": figures_in_km(finding.figures),
        "source": finding.rule.source.of(lang),
        "assumptions": list(finding.rule.assumptions),
        "evidence": _coded(table, lang, drop=("geometry",)),
        "survey": [] if "id" not in finding.survey else finding.survey["id"].tolist(),
    }


SHARED_KEYS = ("needs", "one_inside", *(f"{part}_{end}_km" for part in ("before", "after", "inside")
                                       for end in ("from", "to")))  # fmt: skip
"""Keys that only gaps have which the region shares with a neighbour."""


def gap_rows(assessment: Assessment, lang: str) -> list[dict[str, Any]]:
    """Gaps, each with the sites that close it, candidates inside it, and sites that don't count."""
    gaps = in_kilometres(assessment.gaps)
    evidence = evidence_of(in_kilometres(assessment.evidence), gaps.index)
    rows = _plain_gaps(gaps, lang)
    found: list[dict[str, Any]] = plain([row | more for row, more in zip(rows, evidence, strict=True)])
    return found


def _plain_gaps(gaps: gpd.GeoDataFrame, lang: str) -> list[dict[str, Any]]:
    """Gaps, in kilometres, without what stands behind them."""
    rows = _coded(gaps, lang, drop=("geometry",))
    for row in rows:
        row["mark_kind"] = mark_kind(row, lang)
        if row["spacing_class"] != "shared":
            for key in SHARED_KEYS:
                row.pop(key, None)
    return rows


def step_gap_rows(plan: Plan, lang: str) -> list[dict[str, Any]]:
    """Gaps of the first rule on spacing that are there after some steps only, neither today nor with the plan."""
    if plan.step_gaps is None or plan.programme is None:
        return []
    gaps, last = plan.step_gaps.gaps, len(plan.programme.steps) - 1
    between = (gaps["from_step"] > 0) & (gaps["to_step"] < last)
    return _plain_gaps(in_kilometres(gaps[between]), lang)


def evidence_of(evidence: pd.DataFrame, gaps: Iterable[int]) -> list[dict[str, list[dict[str, Any]]]]:
    """For each gap its evidence, in kilometres, as ``result.json`` has it: ``ends, candidates, not_counting``."""
    columns = {
        "ends": ["evidence_kind", "id", "name", "chainage_km", "distance_km", "back_km", "ways"],
        "candidates": ["id", "name", "kind", "chainage_km", "distance_km", "back_km"],
        "not_counting": [
            "id",
            "name",
            "reason",
            "meets",
            "chainage_km",
            "distance_km",
            "back_km",
            "straight_km",
        ],
    }
    names = {
        "from_site": "ends",
        "to_site": "ends",
        "candidate": "candidates",
        "not_counting": "not_counting",
    }
    found: dict[int, dict[str, list[dict[str, Any]]]] = {}
    for row in evidence.to_dict("records"):
        name = names[row["evidence_kind"]]
        mine = found.setdefault(int(row["gap"]), {k: [] for k in columns})
        names_here = ACTION_ID if name == "candidates" else SITE_ID
        mine[name].append({names_here.get(c, c): row[c] for c in columns[name]})
    return [found.get(int(g), {k: [] for k in columns}) for g in gaps]


def siting_row(siting: Siting, lang: str) -> dict[str, Any]:
    """One siting run with its certificate."""
    result = siting.result
    return {
        "objective_name": siting.objective_name,
        "rule": siting.rule or None,
        "method": result.method,
        "chosen": siting.proposed["id"].tolist(),
        "gain": result.gain.tolist(),
        "objective": result.objective,
        "bound": result.bound,
        "gap": result.gap,
        "status": result.status,
        "runtime_s": result.runtime_s,
        "seed": result.seed,
        "total": result.total,
        "existing": result.base,
        "cost": result.cost,
        "candidates": len(siting.candidates),
        "proposed": _records(siting.proposed.rename(columns=ACTION_ID)),
        "unreachable": _records(siting.unreachable),
        "reason": _reason(result.reason, lang),
        "weight_unit": WEIGHT_UNITS[siting.objective_name],
        **siting.claims(),
        "sites": [_site_row(row) for row in _records(siting.sites)],
        "choices": _records(siting.choices.rename(columns=ACTION_ID)),
        "alternatives": [{"objective": value, "chosen": list(ids)} for value, ids in siting.alternatives],
        "verified": not siting.faults,
        "faults": [fault.render(lang) for fault in siting.faults],
    }


def _site_row(row: dict[str, Any]) -> dict[str, Any]:
    """A site with the siting: one that is there, or what the siting builds."""
    name = "site_id" if row["existing"] else "action_id"
    return {name if key == "id" else key: value for key, value in row.items()}


def least_row(found: Compliance, lang: str) -> dict[str, Any]:
    """Least sites for one span, in the form of a siting run."""
    result = found.result
    return {
        "objective_name": "least_sites",
        "rule": found.rule,
        "span_km": found.span_km,
        "method": "set cover",
        "chosen": found.sites["id"].tolist(),
        "objective": result.objective,
        "bound": result.bound,
        "gap": result.gap,
        "status": result.status,
        "runtime_s": result.runtime_s,
        "reason": _reason(result.reason, lang),
        "stretches": found.stretches,
        "proposed": _records(found.sites.rename(columns=ACTION_ID)),
        "unserved": _records(in_kilometres(found.unserved), drop=("geometry",)),
    }


def _reason(reason: Fault | None, lang: str) -> str | None:
    """Why there is no plan, in words."""
    return None if reason is None else reason.render(lang)


def retrofit_row(found: Retrofit, lang: str) -> dict[str, Any]:
    """Berths to retrofit, ranked, with the certificate of the choice if there was a budget."""
    factors = {
        **found.factors.model_dump(),
        "source": found.factors.source.of(lang),
        "avoided_kg_per_kwh": found.factors.avoided_kg_per_kwh,
    }
    row: dict[str, Any] = {"berths": _records(found.berths.rename(columns=SITE_ID)), "load_kw": found.load_kw}
    row["factors"] = factors
    if found.result is not None:
        result = found.result
        row |= {
            "chosen": found.berths["id"]
            .iloc[np.argsort(found.berths["order"])][: len(result.chosen)]
            .tolist(),
            "objective": result.objective,
            "bound": result.bound,
            "gap": result.gap,
            "status": result.status,
            "runtime_s": result.runtime_s,
        }
    return row


# -- the plan to adopt -----------------------------------------------------------------------------------


ACTION_KEYS = (
    "action_id kind place name target county lon lat year order cost bureau_cost paid_by pin spent closes "
    "closed_lengths people_gained certain without_low without_high without_lost"
)
OTHER_KEYS = "action_id kind place name county lon lat cost insist_low insist_high chosen_at pin"


def plan_part(plan: Plan, lang: str) -> dict[str, Any] | None:
    """The plan as ``result.json`` has it; None if none was asked for."""
    programme = plan.programme
    if programme is None:
        return None
    more = " traffic_points" if "traffic_points" in programme.actions else ""
    costs, counted = programme.costs, first_of_charging(programme.world.policy)
    today, then = GapsAround(plan.before.gaps), GapsAround(plan.after.gaps)
    actions = plan_rows.action_table(plan)
    actions["closes"] = [[_item(item, today) for item in items] for items in actions["closes"]]
    return {
        "then": dict(programme.then),
        "traffic": _rates(plan, programme, lang),
        "actions": _listed(actions, ACTION_KEYS + more),
        "steps": plan_rows.step_rows(plan),
        "step_gaps": step_gap_rows(plan, lang),
        "levels": plan_rows.level_rows(plan),
        "stages": plan_rows.stage_rows(plan),
        "schedule": _schedule(programme),
        "unmet": [_item(row, then) for row in _records(programme.unmet)],
        "shared_gaps": [
            row | {"mark_kind": mark_kind(row, lang)} for row in _records(plan_rows.shared_gap_table(plan))
        ],
        "survey": programme.survey.rename(columns={"name": "what", **ACTION_ID}).to_dict("records"),
        "others": _listed(plan_rows.other_actions(plan), OTHER_KEYS),
        "excluded": _excluded(programme),
        "cost": {
            "low": programme.cost_low,
            "high": programme.cost_high,
            "least": programme.least,
            "greedy": programme.greedy_cost,
            "budget": programme.budget,
            "unit": costs.currency,
            "source": costs.source.of(lang),
            "date": None if costs.date is None else costs.date.isoformat(),
            "assumed": costs.assumed,
            "paid_by": plan_rows.money_by_payer(plan),
        },
        "people": {
            "rule": None if counted is None else counted.id,
            "total": programme.people_total,
            "before": programme.people_before,
            "after": programme.people_after,
        },
        "given": programme.given,
        "in_time": list(programme.in_time),
        "complete": programme.complete,
        "candidates": int(
            (
                programme.actions["reason"].isna() & ~programme.actions["kind"].isin(["survey", "opening"])
            ).sum()
        ),
        "verified": not programme.faults,
        "faults": list(programme.faults),
    }


def _item(item: Mapping[str, Any], gaps: GapsAround) -> dict[str, Any]:
    """What a rule asks for: a place by its id (several together have none), or a stretch of road with its gap."""
    found = {SITE_ID.get(key, key): value for key, value in item.items() if (key, value) != ("id", "")}
    gap = gaps.id_of(item)
    return found if gap is None else {**found, "gap_id": gap}


def _excluded(programme: Programme) -> list[dict[str, Any]]:
    """Places that can't be chosen, and why: a site serves them already, another candidate stands for them, a pin."""
    table = programme.actions
    table = table[table["reason"].notna()].rename(columns=ACTION_ID)
    return _records(table[["action_id", "kind", "place", "name", "county", "reason"]])


def _schedule(programme: Programme) -> dict[str, Any] | None:
    """Certificate of the spread over the years."""
    if programme.stages is None:
        return None
    keys = ("objective", "bound", "price_bound", "gap", "status", "runtime_s")
    found = {key: getattr(programme.stages, key) for key in keys}
    missed = [{"year": year, "rule": rule} for year, rule in programme.stages.missed]
    return {**found, "rests_on": programme.stages.rests_on, "missed": missed}


def _listed(table: gpd.GeoDataFrame, keys: str) -> list[dict[str, Any]]:
    points = table.geometry
    here = points.notna() & ~points.is_empty
    lonlat = {"lon": points.x.where(here).round(7), "lat": points.y.where(here).round(7)}
    frame = pd.DataFrame(table.drop(columns="geometry")).assign(**lonlat).rename(columns=ACTION_ID)
    return _records(frame[keys.split()])


def _rates(plan: Plan, programme: Programme, lang: str) -> dict[str, Any] | None:
    """The factors behind ``traffic_points``, and whether they are assumed; None without counts of traffic."""
    if plan.project.plan is None or "traffic_points" not in programme.actions:
        return None
    rates = plan.project.plan.traffic
    return {**rates.model_dump(), "source": rates.source.of(lang), "assumed": not rates.source}


def _coded(
    frame: pd.DataFrame, lang: str, own: Iterable[Column] = (), drop: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Rows as dicts in which null is unknown: codes for all else, and beside numbers what they are."""
    known = {name: COLUMNS[name] for name in map(str, frame.columns) if name in COLUMNS}
    known |= {each.name: each for each in own if each.name in frame}
    return _records(coded(frame, known.values(), lang)[0], drop)


def _records(frame: pd.DataFrame, drop: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Rows as dicts; a point geometry that is kept becomes ``lon`` and ``lat``."""
    if "geometry" in frame and "geometry" not in drop:
        points = frame["geometry"]
        frame = frame.assign(lon=points.x.round(7), lat=points.y.round(7)).drop(columns="geometry")
    frame = pd.DataFrame(frame).drop(columns=[c for c in drop if c in frame])
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
