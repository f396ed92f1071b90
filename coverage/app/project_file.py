"""The project file changed key by key: comments and form stay, and what would be no project is not written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from ..atomic import write_text
from ..files import read_bytes
from ..project import Project
from ..settings import parse_toml
from .world import Folder, RefusedError, replacing, version_of

Key = tuple[str | int, ...]
Change = tuple[Key, Any]
"""Path of a key and its new value; None takes it away. Whole numbers of a path count tables of one name."""


def read_file(folder: Folder) -> tuple[str, str]:
    """Return text and version of a project file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    version = version_of(folder.file)
    content = read_bytes(folder.inside(folder.file.name), 1, "toml-large")
    return content.decode("utf-8-sig", "replace"), version


def open_project(folder: Folder) -> tuple[Project, str]:
    """Return a project and the version of its file.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    text, version = read_file(folder)
    project = parse_toml(text.replace("\r\n", "\n"), Project, str(folder.file))
    return project.model_copy(update={"folder": folder.path}), version


def change_project(folder: Folder, version: str, changes: Sequence[Change]) -> str:
    """Change keys of a project file.

    Parameters
    ----------
    folder : Folder
    version : str
        The one that the user saw.
    changes : sequence of (path, value)

    Returns
    -------
    str
        The new version.

    Raises
    ------
    RefusedError
        412 if the file was changed since.
    InputError
        If it would be no project any more; nothing is written then.
    """
    text, now = read_file(folder)
    if now != version:
        raise RefusedError(412, "app-changed", name=folder.file.name)
    changed = changed_text(text, changes)
    parse_toml(changed.replace("\r\n", "\n"), Project, str(folder.file))
    if changed != text:
        with replacing(folder.file, version) as new:
            write_text(new, changed)
    return version_of(folder.file)


def changed_text(text: str, changes: Sequence[Change]) -> str:
    r"""Return the text of a project file with keys changed; all else stays as it is, comments too.

    Raises
    ------
    RefusedError
        If the text is no TOML.

    Examples
    --------
    >>> changed_text('a = 1  # one\n[b]\nc = 2\n', [(("a",), 3), (("b", "d"), "x")])
    'a = 3  # one\n[b]\nc = 2\nd = "x"\n'
    """
    try:
        document = tomlkit.parse(text)
    except (TOMLKitError, RecursionError, ValueError) as error:
        raise RefusedError(422, "app-toml") from error
    for path, value in changes:
        shorter = without_table(text, path) if value is None and path[0] == "tables" else None
        if shorter is not None:
            document = tomlkit.parse(shorter)
        else:
            _change(document, path, value)
        text = tomlkit.dumps(document)
    return text


def without_table(text: str, path: Key) -> str | None:
    """Return the text without one table, comments behind it kept; None if it has no header of its own."""
    if len(path) != 3 or not isinstance(path[2], int):
        return None
    expected = tomllib.loads(text)
    tables = expected.get("tables", {})
    found = tables.get(path[1])
    if not isinstance(found, list):
        tables.pop(path[1], None)
    elif path[2] < len(found):
        del found[path[2]]
    block = re.compile(rf"(?m)^\[{{1,2}}tables\.{path[1]}\]{{1,2}}.*\n(?:(?!\[).+\n?)*\n?")
    blocks = list(block.finditer(text))
    if path[2] >= len(blocks):
        return None
    at = blocks[path[2]]
    shorter = text[: at.start()] + text[at.end() :]
    try:
        same = tomllib.loads(shorter)
    except tomllib.TOMLDecodeError:
        return None
    for each in (same, expected):  # whether the last one leaves empty sections doesn't matter
        each["tables"] = {k: v for k, v in each.get("tables", {}).items() if v}
    return shorter if same == expected else None


def _change(document: Any, path: Key, value: Any) -> None:
    """Set a key, or take it away; sections that are missing are made."""
    at: Any = document
    if isinstance(path[-1], int):
        _change_list(document, path, value)
        return
    for depth, part in enumerate(path[:-1]):
        if isinstance(part, int):
            at = at[part] if isinstance(at, AoT) else at  # a table alone may be written without [[ ]]
        elif part in at:
            at = at[part]
        elif value is None:
            return
        else:
            at[part] = _section(path, depth)
            at = at[part]
    last = path[-1]
    if value is None:
        at.pop(last, None)
    elif last in at or not isinstance(at, Table):
        at[last] = _item(value)
    else:
        _add(at, last, _item(value))


def _item(value: Any) -> Any:
    """A value as it is written: tables within the line."""
    if not isinstance(value, dict):
        return tomlkit.item(value)
    table = tomlkit.inline_table()
    table.update(value)
    return table


def _section(path: Key, depth: int) -> Any:
    """A new section: one with a header, deeper down within the line."""
    named = path[0] in ("tables", "rules")
    if depth > int(named):
        return tomlkit.inline_table()
    return tomlkit.table(is_super_table=named and depth == 0)


def _add(at: Table, key: str, value: Any) -> None:
    """Add a key behind the last one of its section: comments that follow may belong to the next section."""
    keys = [k for k, _ in at.value.body if k is not None]
    if keys:
        at.value._insert_after(keys[-1], key, value)
    else:
        at.add(key, value)


def _change_list(document: Any, path: Key, value: Any) -> None:
    """Take away the table of a number, or add one behind the last."""
    section, kind, at = path
    tables = document.setdefault(section, tomlkit.table(is_super_table=True))
    found = tables.get(kind)
    if value is None:
        if isinstance(found, AoT) and len(found) > 1:
            found.pop(int(at))
        else:
            tables.pop(kind, None)
        return
    table = tomlkit.table()
    table.update(value)
    table.add(tomlkit.nl())
    if found is None:
        tables[kind] = table
    elif isinstance(found, AoT):
        found.append(table)
    else:
        several = tomlkit.aot()
        several.append(found)
        several.append(table)
        tables[kind] = several
