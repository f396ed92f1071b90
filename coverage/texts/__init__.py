"""Every text a user sees, in Chinese and English, side by side in the TOML files of this folder.

A file ``faults.toml`` holds tables such as::

    [fault.column-missing]
    zh = "缺少列“{column}”。请……"
    en = "column {column} is missing; …"

Keys are joined with dots (``fault.column-missing``). Values are put in with :meth:`str.format_map`-like
replacement of ``{name}`` only: no attribute access, no format specs, so data can't run as a format.
``{n|gap|gaps}`` is the first word where ``n`` is 1, else the second.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, reduce
from importlib import resources
from types import MappingProxyType
from typing import Any

LANGUAGES = tuple(
    tomllib.loads((resources.files(__package__) / "language.toml").read_text("utf-8"))["language"]["name"]
)
"""Codes of the languages: those that ``language.toml`` names."""
_FIELD = re.compile(r"\{([a-z][a-z_0-9]*)(?:\|([^|{}]*)\|([^|{}]*))?\}")


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    for key, value in table.items():
        if set(value) <= set(LANGUAGES) and all(isinstance(v, str) for v in value.values()):
            yield prefix + key, value
        else:
            yield from _leaves(value, f"{prefix}{key}.")


@cache
def _merged() -> dict[str, Mapping[str, str]]:
    """All texts of this folder in one dict.

    Raises
    ------
    ValueError
        If two files define the same key.
    """
    merged: dict[str, Mapping[str, str]] = {}
    for path in sorted(resources.files(__package__).iterdir(), key=lambda p: p.name):
        if not path.name.endswith(".toml"):
            continue
        for key, value in _leaves(tomllib.loads(path.read_text("utf-8"))):
            if key in merged:
                raise ValueError(f"text {key} is defined twice, again in {path.name}")
            merged[key] = value
    return merged


def catalogue() -> Mapping[str, Mapping[str, str]]:
    """All texts: key -> {"zh": …, "en": …}."""
    return MappingProxyType(_merged())


def add_texts(texts: Mapping[str, Mapping[str, str]]) -> None:
    """Add texts from elsewhere: key -> {"zh": …, "en": …}. Those that are there are kept.

    Raises
    ------
    ValueError
        If a text lacks a language.
    """
    for key, both in texts.items():
        if set(both) != set(LANGUAGES):
            raise ValueError(f"text {key} needs {' and '.join(LANGUAGES)}")
        _merged().setdefault(key, both)


def text(key: str, lang: str, /, **values: Any) -> str:
    """Return the text of ``key`` in ``lang``, with ``{name}`` replaced by ``values["name"]``.

    Raises
    ------
    KeyError
        If the key, the language or a value is missing.

    Examples
    --------
    >>> text("report.opening-not-due", "en", n=1), text("report.opening-not-due", "en", n=2)
    (' 1 rule is not due yet.', ' 2 rules are not due yet.')
    """

    def put_in(found: re.Match[str]) -> str:
        name, one, several = found.groups()
        shown = _shown(values[name])
        return shown if one is None else one if shown == "1" else several

    return _FIELD.sub(put_in, catalogue()[key][lang])


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def joined(sentences: Sequence[str], lang: str) -> str:
    """Return sentences as one paragraph, set apart as the language does.

    >>> joined(["One.", "Two."], "en"), joined(["一。", "二。"], "zh")
    ('One. Two.', '一。二。')
    """
    if not sentences:
        return ""
    return reduce(
        lambda first, second: text("language.sentences", lang, first=first, second=second), sentences
    )
