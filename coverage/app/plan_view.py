"""The plan at hand: what must and must not be built, money by year, results kept under a name, two of them compared."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import Any

from starlette.responses import FileResponse, Response

from ..country.manifest import NATIONAL
from ..project import NAMED_TILES
from ..render.read_run import read_result
from ..render.run import is_run_folder
from ..scenario import SITE, Scenario, read_scenario
from .ask import Ask
from .door import with_policy
from .handover import COUNTRY, RUN, map_policy
from .jobs import Job
from .project_file import change_project, open_project
from .runs import plan_words
from .scenarios import HOME as SCENARIOS
from .scenarios import scenario_file, scenario_names
from .world import Folder, RefusedError, safe_name

KEPT = "runs"
"""Folder in a project with results that were kept under a name."""
_MOST_IDS = 5_000


def plan(ask: Ask) -> dict[str, Any]:
    """The plan of the last run, of many regions that of all of them; what the project asks of it; results kept."""
    project, version = open_project(ask.folder)
    run = ask.folder.inside(f"{RUN}/{NATIONAL}" if ask.folder.has(f"{RUN}/{COUNTRY}") else RUN)
    found = read_result(run) if (run / "result.json").is_file() else {}
    settings = project.plan
    return {
        "version": version,
        "plan": plan_words(found, ask.lang),
        "asked": settings is not None,
        "years": {} if settings is None else {str(year): money for year, money in settings.years.items()},
        "budget": None if settings is None else settings.budget,
        "required": [] if settings is None else list(settings.required),
        "forbidden": [] if settings is None else list(settings.forbidden),
        "basemap": project.output.basemap,
        "basemap_key": project.output.basemap_key,
        "basemaps": sorted(NAMED_TILES),
        "kept": kept(ask.folder),
        "scenarios": scenario_names(ask.folder),
    }


def kept(folder: Folder) -> list[str]:
    """Names of the results that were kept, in the order of the alphabet."""
    home = folder.path / KEPT
    if home.is_symlink() or not home.is_dir():
        return []
    return sorted(
        p.name for p in home.iterdir() if not p.is_symlink() and is_run_folder(p) and p.name[0] != "."
    )


def change_plan(ask: Ask) -> dict[str, Any]:
    """Require or forbid an action, or leave it to the plan: ``{"action": id, "pin": "required"}``.

    With ``{"scenario": name}`` what is on in a scenario is required, what was ruled out is forbidden: the next run
    completes it. With an empty name all is left to the plan again. Sites of today that it closes stay open, for a plan
    can't close them; ``closed`` counts them.
    """
    if "scenario" in ask.data:
        return _pin_scenario(ask)
    action, pin = ask.text("action"), ask.text("pin")
    project, _ = open_project(ask.folder)
    if not action or len(action) > 200 or pin not in ("required", "forbidden", "") or project.plan is None:
        raise RefusedError(400, "app-form")
    changes: list[Any] = []
    for name in ("required", "forbidden"):
        ids = [each for each in getattr(project.plan, name) if each != action]
        ids += [action] if name == pin else []
        if len(ids) > _MOST_IDS:
            raise RefusedError(400, "app-form")
        if tuple(ids) != getattr(project.plan, name):
            changes.append((("plan", name), ids or None))
    return {"version": change_project(ask.folder, ask.version, changes)}


def _pin_scenario(ask: Ask) -> dict[str, Any]:
    project, _ = open_project(ask.folder)
    if project.plan is None:
        raise RefusedError(400, "app-form")
    name = ask.text("scenario")
    scenario = read_scenario(scenario_file(ask.folder, name)) if name else Scenario(schema=1, on=())
    required = [*scenario.on, *(place.name for place in scenario.places)]
    forbidden = [name for name in scenario.off if not name.startswith(SITE)]
    if max(len(required), len(forbidden)) > _MOST_IDS:
        raise RefusedError(400, "app-form")
    changes: list[Any] = [
        (("plan", "required"), required or None),
        (("plan", "forbidden"), forbidden or None),
    ]
    version = change_project(ask.folder, ask.version, changes)
    return {"version": version, "closed": len(scenario.closed_sites)}


def keep(ask: Ask) -> dict[str, Any]:
    """Keep the results of the last run under a name, as they are."""
    name = safe_name(ask.text("name"))
    run, home = ask.folder.inside(RUN), ask.folder.inside(KEPT)
    if not is_run_folder(run):
        raise RefusedError(404, "app-no-file")
    if os.path.lexists(home / name):
        raise RefusedError(409, "app-name-taken", name=name)
    new = home / f".new-{secrets.token_hex(4)}"
    home.mkdir(exist_ok=True)
    try:
        shutil.copytree(run, new, symlinks=True)
        new.rename(home / name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return {"kept": kept(ask.folder)}


def compare(ask: Ask) -> dict[str, Any]:
    """Start comparing two of: the last result (``run``), one that was kept (``runs/NAME``), ``scenarios/NAME``."""
    if not is_run_folder(ask.folder.inside(RUN)):
        raise RefusedError(404, "app-no-file")
    known = {RUN: RUN, **{f"{KEPT}/{name}": f"{KEPT}/{name}" for name in kept(ask.folder)}}
    known |= {f"{SCENARIOS}/{name}": f"{SCENARIOS}/{name}.json" for name in scenario_names(ask.folder)}
    asked = [ask.text(name) for name in ("first", "second")]
    if not set(asked) <= known.keys():
        raise RefusedError(404, "app-no-file")
    args = [
        "compare",
        *(known[name] for name in asked),
        "--run",
        RUN,
        "--out",
        "compare",
        "--overwrite",
        "--lang",
        ask.lang,
    ]
    ask.folder.inside("compare")
    ask.jobs.start(Job(ask.folder, "compare"), args, ask.lang)
    return {"started": "compare"}


def compare_page(ask: Ask) -> Response:
    """The page with the map of the last comparison."""
    path = ask.folder.inside("compare/compare.html")
    if not path.is_file():
        raise RefusedError(404, "app-no-file")
    return with_policy(FileResponse(path, media_type="text/html; charset=utf-8"), map_policy(ask.folder))
