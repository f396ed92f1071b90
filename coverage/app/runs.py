"""What a page may start, and what the last run found."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response, StreamingResponse

from ..country.manifest import COUNTRY_MAP, NATIONAL, RUNS, Manifest, read_manifest
from ..errors import Fault, InputError
from ..files import read_bytes
from ..render.read_run import read_result
from ..rules.model import Rule
from ..schema import column, unit_words
from ..schema import shown as shown_value
from ..study import read_project_policy
from ..tables import numbers
from ..texts import catalogue, text
from .ask import Ask
from .handover import COUNTRY, FILES, RUN, map_state, write_zip
from .jobs import HOME, KINDS, Job, file_of
from .project_file import open_project
from .scenarios import scenario_file
from .world import Folder, RefusedError

CHECKED = "check.json"
FAULTS = f"{HOME}/faults.xlsx"
"""The tables given back with their faults in colour, as ``plugspan check --faults`` writes them."""
_MOST_BYTES, _MOST_LINES = 20_000_000, 200
_MOST_COUNTRY_MB = 300.0
"""2 900 counties with a dozen rules each have 30 MB."""


def job_of(ask: Ask) -> Job:
    """Return the command that a page speaks of."""
    if ask.path["kind"] not in KINDS:
        raise RefusedError(404, "app-form")
    return Job(ask.folder, ask.path["kind"])


def start(ask: Ask) -> dict[str, Any]:
    """Start a command of the project."""
    job = job_of(ask)
    project, version = open_project(ask.folder)
    lang, here = ask.lang, "."
    run = ["run", here]
    if name := ask.text("scenario"):
        run += ["--scenario", str(scenario_file(ask.folder, name).relative_to(ask.folder.path))]
    args = {
        "check": lambda: ["check", here, "--json", "--faults", FAULTS, "--lang", lang],
        "fetch": lambda: ["fetch", here, "--lang", lang],
        "run": lambda: [*run, "--overwrite", "--progress", "json", "--lang", project.language],
        "assess": lambda: ["assess", here, "--lang", lang],
        "pdf": lambda: ["report", RUN, "--pdf", "--overwrite", "--lang", project.language],
    }
    if job.kind not in args:
        raise RefusedError(404, "app-form")
    written: dict[str, str | Path] = {"check": FAULTS, "fetch": project.network.osm, "run": RUN, "pdf": RUN}
    ask.folder.inside(written.get(job.kind, HOME))  # the command follows links; out of the folder it may not
    home = ask.folder.inside(HOME)
    out = {"assess": home / f"assess-{version}-{lang}.json", "check": home / CHECKED}.get(job.kind)
    for old in home.glob(f"{job.kind}*.json"):
        old.unlink(missing_ok=True)
    ask.jobs.start(job, args[job.kind](), lang, out=out)
    return {"started": job.kind}


def checked(ask: Ask) -> dict[str, Any]:
    """What the last check found: each file with its rows read, kept, merged, left out and faulted; faults, notes."""
    path = file_of(ask.folder, CHECKED)
    found: Any = {}
    if path.is_file() and path.stat().st_size < _MOST_BYTES:
        with suppress(ValueError):
            found = json.loads(path.read_text("utf-8"))
    files = [
        _some(row, "path", "table", "read", "kept", "merged", "left_out", "faulted")
        for row in _rows(found, "files")
    ]
    lines = {
        name: [_sentence(row, ask.lang) for row in _rows(found, name)[:_MOST_LINES]]
        for name in ("faults", "notes")
    }
    lacking = any(row.get("key") == "measures-missing" for row in _rows(found, "notes"))
    return {"files": files, **lines, "lacking": lacking, "workbook": bool(files) and ask.folder.has(FAULTS)}


def _sentence(row: dict[str, Any], lang: str) -> str:
    """What a check found, in the language of the page, whatever that of the check was."""
    return str(_part(row, "messages", lang) or row.get("message"))[:500]


def fault_workbook(ask: Ask) -> Response:
    """The tables given back with their faults in colour, as the last check wrote them."""
    path = ask.folder.inside(FAULTS)
    if not path.is_file():
        raise RefusedError(404, "app-no-file")
    return FileResponse(
        path, filename=f"{ask.path['project']}-faults.xlsx", media_type="application/octet-stream"
    )


def cancel(ask: Ask) -> dict[str, Any]:
    """End a command, or its solving alone."""
    ask.jobs.cancel(job_of(ask), keep=ask.data.get("keep") is True)
    return {}


def events_of(ask: Ask) -> Response:
    """Follow a command."""
    job = job_of(ask)
    return StreamingResponse(ask.jobs.events(job), media_type="text/event-stream")


# -- results -------------------------------------------------------------------------------------------------


def results(ask: Ask) -> dict[str, Any]:
    """What the last run found, rule by rule, its plan in short, and its files."""
    run = ask.folder.inside(RUN)
    if (run / COUNTRY).is_file():
        return country_results(ask, run)
    if not (run / "result.json").is_file():
        none: dict[str, Any] = {"there": False, "stale": False, "files": []}
        if (begun := _manifest(run)) is not None:
            none["regions"] = [_region(asdict(each), ask, each.seconds) for each in begun.regions]
        return none
    result = read_result(run)
    after = {str(found.get("rule")): found for found in _rows(result.get("after"), "findings", "measures")}
    lang, rules = _reader(ask)
    findings = []
    for found in _rows(result, "findings", "measures"):
        rule = rules.get(str(found.get("rule")))
        then = _interval(after.get(str(found.get("rule")), {}), lang, rule)
        findings.append(finding_words(found, lang, rule) | {"after": then})
    return {
        "there": True,
        "stale": _stale(ask.folder, run / "result.json"),
        "started": str(_part(result, "provenance", "started"))[:19],
        "findings": findings,
        "plan": plan_words(result, ask.lang),
        "warnings": [str(w)[:500] for w in result.get("warnings") or []][:100],
        "map": map_state(run / "map.html", ask.folder),
        "files": _files(run),
    }


def _files(run: Path) -> list[dict[str, Any]]:
    return [{"name": n, "mb": round((run / n).stat().st_size / 1e6, 3)} for n in FILES if (run / n).is_file()]


def country_results(ask: Ask, run: Path) -> dict[str, Any]:
    """What the last run of many regions found: the rules of the whole country, and the regions by rank.

    Raises
    ------
    InputError
        If ``country.json`` is no result.
    """
    try:
        result = json.loads(read_bytes(run / COUNTRY, _MOST_COUNTRY_MB).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            Fault("result-damaged", file=COUNTRY, values={"reason": str(error)[:200]})
        ) from error
    findings = []
    lang, rules = _reader(ask)
    for row in _rows(_part(result, "national"), "findings"):
        found = {**row, "shown": row.get("status"), "target": row.get("target_value")}
        then = found | {name: row.get(f"{name}_after") for name in ("low", "high", *numbers.OF_PARTS)}
        rule = rules.get(str(row.get("rule")))
        said = {"value": str(row.get("value") or ""), "after": _interval(then, lang, rule)}
        words = finding_words(found, lang, rule) | said
        # Sums without an interval have no finding; a rule without a target only asks for a report.
        findings.append(words | ({"status_words": "–"} if words["target"] and not words["status"] else {}))
    begun = _manifest(run)
    took = {} if begun is None else {each.id: each.seconds for each in begun.regions}
    regions = [_region(row, ask, took.get(str(row.get("id")))) for row in _rows(result, "regions")]
    regions.sort(key=lambda row: math.inf if row["rank"] is None else row["rank"])
    undone = [row for row in regions if row["state"] != "done"]
    national, plan = run / NATIONAL, None
    with suppress(InputError):  # there is none, or it is too large for a page
        plan = plan_words(read_result(national), ask.lang)
    made = dt.datetime.fromtimestamp((run / COUNTRY).stat().st_mtime, dt.UTC)
    return {
        "there": True,
        "stale": _stale(ask.folder, run / COUNTRY),
        "started": made.isoformat()[:19],
        "findings": findings,
        "regions": regions,
        "plan": plan,
        "national_map": map_state(national / "map.html", ask.folder) == "ok",
        "warnings": [f"{row['name']}: {row['reason'] or row['state_words']}" for row in undone][:100],
        "map": map_state(run / COUNTRY_MAP, ask.folder),
        "files": _files(run),
    }


def _manifest(run: Path) -> Manifest | None:
    """What became of the regions when they were run; None without one that can be read."""
    with suppress(InputError):
        return read_manifest(run)
    return None


def _region(row: Mapping[str, Any], ask: Ask, seconds: float | None) -> dict[str, Any]:
    """One of many regions: its rank and how many rules stand how, or why it has no result."""
    id_, key = str(row.get("id")), f"choice.region_state.{row.get('state')}"
    counts = {name: row.get(f"rules_{name}") for name in ("met", "on_average", "not_met", "undecided")}
    whole = {name: n if isinstance(n, int) else None for name, n in counts.items()}
    met = [n for name in ("met", "on_average") if (n := whole.pop(name)) is not None]
    return {
        "id": id_,
        "name": str(row.get("name"))[:200],
        "state": str(row.get("state")),
        "state_words": text(key, ask.lang) if key in catalogue() else "",
        "reason": str(row.get("reason") or "")[:500],
        "seconds": seconds if isinstance(seconds, int | float) else None,
        "rank": row.get("rank") if isinstance(row.get("rank"), int) else None,
        "met": sum(met) if met else None,
        **whole,
        "map": ask.folder.has(f"{RUN}/{RUNS}/{id_}/map.html") and row.get("state") == "done",
    }


def _part(data: Any, *names: str) -> Any:
    for name in names:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _rows(data: Any, *names: str) -> list[dict[str, Any]]:
    """Rows of sections of a result; what is none (a file that was tampered with) is left out."""
    found = [_part(data, name) for name in names]
    return [row for rows in found if isinstance(rows, list) for row in rows if isinstance(row, dict)]


def _stale(folder: Folder, result: Path) -> bool:
    """Whether the project file or one of its inputs is younger than the results."""
    made = result.stat().st_mtime
    files = [folder.file, *(folder.path / name for name in folder.data_files())]
    return any(path.stat().st_mtime > made for path in files)


def _reader(ask: Ask) -> tuple[str, dict[str, Rule]]:
    """The language of the page with the unit of lengths of the project's policy, and its rules by id.

    Without a policy that can be read now: kilometres, and no rules.
    """
    try:
        policy, _ = read_project_policy(open_project(ask.folder)[0])
    except InputError:
        return ask.lang, {}
    return policy.reader(ask.lang), {rule.id: rule for rule in policy.rules}


def finding_words(found: dict[str, Any], lang: str, rule: Rule | None = None) -> dict[str, str]:
    """A row of findings of ``result.json`` in words, as the report has them: rule, status, value, target."""
    shown = str(found.get("shown") or "")
    key = f"status.{shown.replace(' ', '-')}"
    year = str(found.get("by") or "")[:4]
    sense = {">=": "≥", "<=": "≤"}.get(str(found.get("sense")), "")
    if sense == "≥" and found.get("unit") == "share" and found.get("target") == 1:
        sense = ""  # as numbers.target has it: there is no more than 100 %
    target = found.get("target")
    words = _value(target, found, lang).removeprefix("+")
    if found.get("unit") == "km" and isinstance(target, int | float):
        words = numbers.span(target, lang)
        if rule is not None and rule.target_range is not None and rule.target_range[1] == target:
            words, sense = numbers.limits(rule.target_range, lang), ""
    return {
        "rule": str(found.get("rule")),
        "title": rule.title[lang] if rule is not None else str(found.get("title")),
        "status": shown.replace(" ", "-"),
        "status_words": text(key, lang, year=year)
        if key in catalogue()
        else text("finding.report-only", lang),
        "value": _interval(found, lang, rule),
        "target": f"{sense} {words}".lstrip() if words else "",
    }


def _interval(found: dict[str, Any], lang: str, rule: Rule | None = None) -> str:
    """The value of a finding, as numbers.headline has it: an average never without the longest gap."""
    low, high = (_value(found.get(end), found, lang) for end in ("low", "high"))
    value = low if low == high else f"{low} – {high}"
    if not low or not high:  # the other end is infinite
        value = (
            text(f"finding.at-{'least' if low else 'most'}", lang, value=low or high) if low or high else ""
        )
    figures = found.get("figures")
    held = figures if isinstance(figures, dict) else {}
    if value and (told := numbers.share_words(value, found, held, lang)):
        return told
    if not value or found.get("unit") != "km":
        return value
    longest = _value(_part(found, "figures", "gap_max_km"), found, lang)
    if longest and not (rule is not None and rule.of_longest_gap):
        key = "finding.longest-open" if _part(found, "figures", "gap_max_open") is True else "finding.longest"
        value = text(key, lang, value=value, longest=longest)
    gaps, routes, limit = (_part(found, "figures", k) for k in ("own_gaps_over", "routes_over", "span_km"))
    if not isinstance(gaps, int) or not gaps or not isinstance(limit, int | float):
        return value
    return text("finding.over", lang, value=value, limit=numbers.span(limit, lang), gaps=gaps, routes=routes)


def _value(value: Any, found: dict[str, Any], lang: str) -> str:
    unit = str(found.get("unit") or "")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    return shown_value(float(value), column("number", unit="" if unit == "count" else unit), lang, unit=True)


def plan_words(result: dict[str, Any], lang: str) -> dict[str, Any] | None:
    """Cost, years, levels and actions of the plan, as far as they are shown."""
    plan = result.get("plan")
    if not isinstance(plan, dict):
        return None
    numbers = ("year", "budget", "spent", "actions")
    return {
        "cost": {
            **{k: _part(plan, "cost", k) for k in ("low", "high", "assumed")},
            "unit": unit_words(str(_part(plan, "cost", "unit") or ""), lang),
        },
        "given": plan.get("given") is True,
        "complete": plan.get("complete"),
        "stages": [{**_some(row, *numbers), "met": _met(row)} for row in _rows(plan, "stages")],
        "levels": [
            {
                **_some(row, "objective", "bound", "gap", "status"),
                "name": _named("report.plan.level", row, "name", lang),
            }
            for row in _rows(plan, "levels")
        ],
        "actions": [
            {
                **_some(row, "action_id", "name", "county", "year", "order", "cost"),
                "kind": _named("choice.action_kind", row, "kind", lang),
            }
            for row in _rows(plan, "actions")
        ],
    }


def _some(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: row.get(name) for name in names}


def _named(section: str, row: dict[str, Any], name: str, lang: str) -> str:
    key = f"{section}.{row.get(name)}"
    return text(key, lang) if key in catalogue() else str(row.get(name))


def _met(stage: dict[str, Any]) -> list[int]:
    rules = stage.get("rules")
    states = [_part(rule, "status") for rule in rules.values()] if isinstance(rules, dict) else []
    return [states.count("met"), len(states)]


def handover(ask: Ask) -> Response:
    """The results as one zip."""
    found = results(ask)
    if not found["there"]:
        raise RefusedError(404, "app-no-file")
    return write_zip(ask, found)
