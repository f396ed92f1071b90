"""The policy in words: each rule with its values, their source, and what the project changes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..rules.model import Rule
from ..rules.policy import FIXED, Policy, leaves, read_policy, value_at
from ..rules.policy import with_changes as changed_policy
from ..study import policy_name, read_project_policy
from ..tables.words import setting_words
from ..texts import text
from .ask import Ask
from .jobs import HOME
from .project_file import change_project, open_project
from .runs import finding_words
from .world import RefusedError

_NOT_SHOWN = {*FIXED, "by"}
_MOST_LETTERS = 100


def rules(ask: Ask) -> dict[str, Any]:
    """All rules of the project's policy, with the findings of today if they are known for the project as it is."""
    project, version = open_project(ask.folder)
    policy, _ = read_project_policy(project)
    profile = {rule.id: rule for rule in read_policy(policy_name(project)).rules}
    now = _assessed(ask, version, policy)
    lang = policy.reader(ask.lang)
    found = []
    for rule in policy.rules:
        asked = rule.model_dump(mode="json", exclude_unset=True, exclude=_NOT_SHOWN)
        values = []
        for path, value in leaves(asked):
            old = profile[rule.id].model_dump(mode="json")
            was = _inner(old, path)
            values.append(
                {
                    "path": list(path),
                    "words": _words(rule, path, lang),
                    "was": _words(profile[rule.id], path, lang) if was != value else "",
                    "value": value,
                    "editable": _is_value(value),
                    "default": was,
                    "assumed": not {*path}.isdisjoint(rule.assumptions),
                    "changed": was != value,
                }
            )
        found.append(
            {
                "id": rule.id,
                "title": rule.title[ask.lang],
                "source": rule.source.of(ask.lang),
                "by": rule.by.isoformat() if rule.by else "",
                "report_only": rule.target.report_only,
                "values": values,
                "now": now.get(rule.id),
            }
        )
    return {
        "version": version,
        "id": policy.id,
        "policy": policy.name[ask.lang],
        "source": policy.source.of(ask.lang),
        "rules": found,
        "assessed": bool(now),
    }


def _words(rule: Rule, path: tuple[str, ...], lang: str) -> str:
    """A value of a rule as a sentence; one of a table by kind of place names the kind."""
    value = value_at(rule, path)
    if isinstance(value_at(rule, path[:-1]), Mapping):
        return setting_words(path[-2], {path[-1]: value}, lang)
    return setting_words(path[-1], value, lang)


def _inner(data: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def _assessed(ask: Ask, version: str, policy: Policy) -> dict[str, Any]:
    """Findings of ``plugspan assess`` for this version of the project, by rule."""
    lang, rules = policy.reader(ask.lang), {rule.id: rule for rule in policy.rules}
    for path in (ask.folder.path / HOME).glob(f"assess-{version}-{ask.lang}.json"):
        try:
            rows = json.loads(path.read_text("utf-8"))["findings"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return {
            str(row.get("rule")): finding_words(row, lang, rules.get(str(row.get("rule"))))
            for row in rows
            if isinstance(row, dict)
        }
    return {}


def change_rule(ask: Ask) -> dict[str, Any]:
    """Change a value of a rule for this project, or take the profile's again (None)."""
    project, _ = open_project(ask.folder)
    policy, _ = read_project_policy(project)
    rule = next((rule for rule in policy.rules if rule.id == ask.text("rule")), None)
    path = ask.data.get("path")
    if rule is None or not isinstance(path, list) or not path or not all(isinstance(p, str) for p in path):
        raise RefusedError(400, "app-form")
    known = [
        list(each) for each, _ in leaves(rule.model_dump(mode="json", exclude_unset=True, exclude=_NOT_SHOWN))
    ]
    value = ask.data.get("value")
    if path not in known or not _is_value(value):
        raise RefusedError(400, "app-form")
    wanted = _with(project.rules.get(rule.id, {}), path, value)
    changed_policy(read_policy(policy_name(project)), {**project.rules, rule.id: wanted}, "project.toml")
    version = change_project(ask.folder, ask.version, [(("rules", rule.id), None), *_keys(rule.id, wanted)])
    return {"version": version, "changed": text("app.rules.saved", ask.lang)}


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) < 20 and all(map(_is_value, value))
    return (
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) < _MOST_LETTERS)
    )


def _with(table: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """A table with one value set, or taken away; tables that become empty go."""
    found = dict(table)
    if len(path) > 1:
        inner = _with(found.get(path[0], {}), path[1:], value)
        found[path[0]] = inner
        if not inner:
            del found[path[0]]
    elif value is None:
        found.pop(path[0], None)
    else:
        found[path[0]] = value
    return found


def _keys(rule: str, wanted: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], Any]]:
    return [(("rules", rule, key), value) for key, value in wanted.items()]
