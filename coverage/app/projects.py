"""Projects: the list of them, a new one, one at a glance, and changes of its settings."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ..errors import InputError
from ..project import TABLES, Project, boundary_file
from ..rules.policy import PROFILES, read_policy
from ..study import sample_project
from ..texts import LANGUAGES, text
from .ask import Ask
from .handover import COUNTRY, RUN
from .project_file import Change, change_project, changed_text, open_project, read_file
from .world import Folder, RefusedError, safe_name, version_of

_SECTION = re.compile(r"(?m)^\[tables\.\w+\].*\n(?:(?!\[).+\n)*\n?")
"""A section of the template for a table that a new project doesn't have yet."""


@cache
def _profiles() -> list[dict[str, Any]]:
    return [{"id": name, "name": dict(read_policy(name).name)} for name in PROFILES]


def home(ask: Ask) -> dict[str, Any]:
    """The folder served, its projects, and the policies to choose from."""
    found = []
    for name in ask.world.names():
        folder = ask.world.folder(name)
        changed = dt.datetime.fromtimestamp(folder.file.stat().st_mtime).astimezone()
        entry = {"name": name, "title": name, "policy": "", "changed": changed.isoformat(timespec="minutes")}
        try:
            project, _ = open_project(folder)
            entry |= {"title": project.name.of(ask.lang), "policy": _policy_name(project.policy, ask.lang)}
        except InputError:
            entry["broken"] = "yes"
        found.append(entry | {"run": any(folder.has(f"{RUN}/{made}") for made in ("result.json", COUNTRY))})
    policies = [{"id": p["id"], "name": p["name"].get(ask.lang, p["name"]["en"])} for p in _profiles()]
    return {
        "folder": str(ask.world.root),
        "single": ask.world.is_project,
        "projects": found,
        "policies": policies,
        "languages": [{"code": code, "name": text("language.name", code)} for code in LANGUAGES],
    }


def _policy_name(policy: str, lang: str) -> str:
    return next((p["name"].get(lang, p["name"]["en"]) for p in _profiles() if p["id"] == policy), policy)


def create(ask: Ask) -> dict[str, Any]:
    """Make a project: empty, or a copy of the sample."""
    name = safe_name(ask.text("name"))
    if ask.data.get("sample"):
        with sample_project() as sample:
            content = sample.read_text("utf-8")
            content = changed_text(content, [(("language",), _language(ask))])
            ask.world.create(name, content, beside=sample.parent)
        return {"name": name}
    policy = ask.text("policy", PROFILES[0])
    if policy not in PROFILES:
        raise RefusedError(400, "app-form")
    content = _SECTION.sub("", text("template.project", ask.lang).lstrip("\n"))
    changes: list[Change] = [(("name",), name), (("policy",), policy), (("language",), _language(ask))]
    ask.world.create(name, changed_text(content, changes))
    return {"name": name}


def _language(ask: Ask) -> str:
    language = ask.text("language", ask.lang)
    if language not in LANGUAGES:
        raise RefusedError(400, "app-form")
    return language


def overview(ask: Ask) -> dict[str, Any]:
    """A project at a glance: settings, files, and what is missing for a run."""
    folder = ask.folder
    try:
        project, version = open_project(folder)
    except InputError as error:
        content, version = read_file(folder) if folder.file.stat().st_size < 1_000_000 else ("", "")
        faults = [fault.render(ask.lang) for fault in error.faults]
        return {"name": ask.path["project"], "version": version, "faults": faults, "toml": content}
    osm, roads = project.path(project.network.osm), folder.has(project.network.osm)
    missing = [] if roads else ["roads"]
    missing += [] if project.tables else ["tables"]
    bounded = project.regions is not None or boundary_file(project).is_file()
    if not bounded and project.region.model_dump(exclude={"halo_km", "layer"}) == {
        "file": None, "osm_relation": None, "bbox": None, "name": None,
    }:  # fmt: skip
        missing.append("region")
    return {
        "name": ask.path["project"],
        "version": version,
        "faults": [],
        "missing": missing,
        "project": project.model_dump(mode="json", by_alias=True),
        "policy": _policy_name(project.policy, ask.lang),
        "roads": {
            "path": project.network.osm.as_posix(),
            "there": roads,
            "mb": round(osm.stat().st_size / 1e6, 1) if roads else 0,
        },
        "files": [{"path": p, "version": version_of(folder.path / p)} for p in folder.data_files()],
        "tables": _tables(project, folder),
        "kinds": TABLES,
    }


def _tables(project: Project, folder: Folder) -> list[dict[str, Any]]:
    found = []
    for kind in TABLES:
        for i, table in enumerate(project.tables.get(kind, ())):  # type: ignore[call-overload]
            path = table.path.as_posix() if table.path is not None else ""
            there = table.from_osm or folder.has(path)
            found.append({"kind": kind, "index": i, "path": path, "from_osm": table.from_osm, "there": there})
    return found


# -- settings ------------------------------------------------------------------------------------------------


def _any_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 2_000


def _money(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _years(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(map(_money, value.values())))


_MAY_CHANGE: Mapping[tuple[str, ...], Callable[[Any], bool]] = {
    ("name",): _any_text,
    ("policy",): lambda value: value in PROFILES,
    ("language",): lambda value: value in LANGUAGES,
    ("region", "file"): lambda value: value is None or _any_text(value),
    ("region", "name"): lambda value: value is None or _any_text(value),
    ("network", "osm"): _any_text,
    ("network", "data_date"): lambda value: value is None or _any_text(value),
    ("plan", "budget"): _money,
    ("plan", "years"): _years,
    ("output", "title"): _any_text,
    ("output", "author"): _any_text,
    ("output", "basemap"): _any_text,
    ("output", "basemap_key"): _any_text,
    ("output", "approval_number"): _any_text,
}
"""Keys that the pages change, and what may be asked for; whether it makes sense, the project's model says."""
_FILES = (("region", "file"), ("network", "osm"))


def settings(ask: Ask) -> dict[str, Any]:
    """Change settings: ``{"set": [[path, value], …]}``."""
    asked = ask.data.get("set")
    if not isinstance(asked, list) or not all(isinstance(each, list) and len(each) == 2 for each in asked):
        raise RefusedError(400, "app-form")
    changes: list[Change] = []
    for path, value in asked:
        key = tuple(path) if isinstance(path, list) and all(isinstance(p, str) for p in path) else ()
        if key not in _MAY_CHANGE or not _MAY_CHANGE[key](value):
            raise RefusedError(400, "app-form")
        if key in _FILES and value is not None:
            ask.folder.inside(value)
        changes.append((key, _typed(key, value)))
    return {"version": change_project(ask.folder, ask.version, changes)}


def _typed(key: tuple[str, ...], value: Any) -> Any:
    if key == ("network", "data_date") and value:
        try:
            return dt.date.fromisoformat(value)
        except ValueError as error:
            raise RefusedError(422, "app-date", value=value[:40]) from error
    return value
