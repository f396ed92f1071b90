"""Scenarios of the page's edit core as files of the project: ``scenarios/NAME.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..atomic import write_text
from .ask import Ask
from .world import Folder, RefusedError, replacing, safe_name, version_of

HOME = "scenarios"


def scenario_names(folder: Folder) -> list[str]:
    """Names of the scenarios of a project."""
    home = folder.path / HOME
    if home.is_symlink() or not home.is_dir():
        return []
    return sorted(p.stem for p in home.glob("*.json") if p.is_file() and not p.is_symlink())


def scenario_file(folder: Folder, name: str) -> Path:
    """Return where a scenario is kept."""
    return folder.inside(Path(HOME) / f"{safe_name(name)}.json")


def read_scenario(ask: Ask) -> Any:
    """A scenario as the edit core wrote it."""
    path = scenario_file(ask.folder, ask.path["name"])
    if not path.is_file() or path.stat().st_size > 1_000_000:
        raise RefusedError(404, "app-no-file")
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(422, "app-form") from error


def write_scenario(ask: Ask) -> dict[str, Any]:
    """Keep a scenario; one of that name is replaced as it stands now."""
    if ask.data.get("schema") != 1:
        raise RefusedError(400, "app-form")
    path = scenario_file(ask.folder, ask.path["name"])
    path.parent.mkdir(exist_ok=True)
    with replacing(path, version_of(path)) as new:
        write_text(new, json.dumps(ask.data, ensure_ascii=False, indent=1) + "\n")
    return {"scenarios": scenario_names(ask.folder)}
