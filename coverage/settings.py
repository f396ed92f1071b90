"""TOML text -> a checked model, with every fault named by line, key, value and remedy."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .errors import MOST_FAULTS_SHOWN, Fault, InputError
from .files import read_bytes
from .texts import LANGUAGES, catalogue, text
from .units import LEAST, MOST

Model = TypeVar("Model", bound=BaseModel)


def _something(value: float) -> float:
    """Refuse what is nothing in any unit: 1e-320 would be lost in the first sum."""
    if value < LEAST:
        raise PydanticCustomError("greater_than", "greater than 0", {"gt": 0})
    return value


NonNegative = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)]
Positive = Annotated[NonNegative, AfterValidator(_something)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_SHOWN = 80
"""So many letters of a value stand in a message."""
_MOST_MB = 1
"""No settings are larger; the policies that come with plugspan have some 10 kB."""
_MOST_PARTS = 100
"""A key has so many parts at most: what tomllib keeps of one grows with their square."""
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]++|\\.?)*+"?|'[^'\n]*+'?)"""
_WORDS = re.compile(
    r"""#[^\n]*+|\"{3}(?:[^"\\]++|\\.?|"(?!""))*+"*+|'{3}(?:[^']++|'(?!''))*+'*+"""
    rf"|({_PART}(?:[ \t]*+\.[ \t]*+{_PART})*+)",
    re.DOTALL,
)
"""Comments and texts of several lines, and (as a group) keys or values, with dots between their parts."""


class Wording(str):
    """A text of a settings file, plain or by language: ``"…"`` or ``{ zh = "…", en = "…" }``.

    As a plain string it is the first that is given: what asks for no language stays as simple as before.

    Examples
    --------
    >>> name = Wording(dict(zh="株洲", en="Zhuzhou"))
    >>> name, name.of("en"), Wording("Oslo").of("zh")
    ('株洲', 'Zhuzhou', 'Oslo')
    """

    by_language: dict[str, str]

    def __new__(cls, given: str | Mapping[str, str]) -> Wording:
        """Take a text, or texts by language."""
        texts = {} if isinstance(given, str) else dict(given)
        made = super().__new__(cls, next(iter(texts.values()), given if isinstance(given, str) else ""))
        made.by_language = dict(getattr(given, "by_language", texts))
        return made

    def of(self, lang: str) -> str:
        """Return the text in a language; the first one given, if there is none in it."""
        return self.by_language.get(lang, str(self))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        """Accept both forms; written again, each keeps its own."""
        by_language = core_schema.dict_schema(
            core_schema.literal_schema(list(LANGUAGES)), core_schema.str_schema(), min_length=1
        )
        forms = core_schema.tagged_union_schema(
            {"plain": core_schema.str_schema(), "by language": by_language},
            lambda given: "by language" if isinstance(given, dict) else "plain",
        )
        written = core_schema.plain_serializer_function_ser_schema(lambda own: own.by_language or str(own))
        return core_schema.no_info_after_validator_function(cls, forms, serialization=written)


def read_toml(path: Path, model: type[Model]) -> Model:
    """Read a TOML file into ``model``.

    Raises
    ------
    InputError
        With all faults: a file that cannot be read, is too large, or not UTF-8; else as :func:`parse_toml`.
    """
    content = read_bytes(path, _MOST_MB, "toml-large")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise InputError(Fault("not-utf8", file=str(path), values={"row": row})) from error
    return parse_toml(text.replace("\r\n", "\n").replace("\r", "\n"), model, str(path))


def parse_toml(content: str, model: type[Model], file: str) -> Model:
    """Parse TOML ``content`` into ``model``.

    Raises
    ------
    InputError
        With all faults: broken syntax, unknown keys (with the nearest known one), missing keys, values of the
        wrong type or outside their range.
    """
    for found in _WORDS.finditer(content):
        if found[1] and len(re.findall(_PART, found[1], re.DOTALL)) > _MOST_PARTS:
            row = content.count("\n", 0, found.start()) + 1
            raise InputError(Fault("toml-deep", file=file, row=row))
    try:
        data = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise InputError(_syntax_fault(str(error), content, file)) from error
    except ValueError as error:  # whole numbers of thousands of digits
        row, value = _longest_number(content)
        raise InputError(Fault("toml-number", file=file, row=row, value=value)) from error
    except RecursionError as error:
        raise InputError(Fault("toml-deep", file=file, row=_deepest_line(content))) from error
    return validated(data, model, file, content)


def validated(data: Any, model: type[Model], file: str, content: str | None = None) -> Model:
    """Return values as a model; ``content`` is the text that they stand in, if any, so that its lines are named.

    Raises
    ------
    InputError
        With all faults.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # Those that are not shown are only counted: to look for the line of each takes as long as the file is.
        faults = [_fault(e, model, content, file) for e in errors[:MOST_FAULTS_SHOWN]]
        rest = [_fault(e, None, None, file) for e in errors[MOST_FAULTS_SHOWN:]]
        raise InputError(faults + rest) from error


def _longest_number(content: str) -> tuple[int, str]:
    """Line and beginning of the longest number of a file."""
    longest = max(re.finditer(r"[\d_]+", content), key=lambda found: len(found[0]))
    return content.count("\n", 0, longest.start()) + 1, f"{longest[0][:20]}…"


def _deepest_line(content: str) -> int:
    """Line with the most brackets, for a file with more levels of them than can be read."""
    lines = content.split("\n")
    return max(range(len(lines)), key=lambda k: lines[k].count("[") + lines[k].count("{")) + 1


_FULL_WIDTH = re.compile("[“”‘’＝，［］｛｝＃．：]")
_UNQUOTED = re.compile(r"[^=]+=\s*[^\s\d\"'\[{+-]")


def _syntax_fault(message: str, content: str, file: str) -> Fault:
    """Say what is wrong with a line in words of its own; tomllib's are English and speak of its grammar."""
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    lines = content.splitlines() or [""]
    row = int(found[1]) if found else len(lines)
    line = lines[min(row, len(lines)) - 1].strip()
    code = re.sub(r"\"[^\"]*\"|'[^']*'", "", line)
    if found is None:
        key = "toml-open"
    elif re.search(r"twice|overwrite|already|[Mm]utate", message):
        key = "toml-twice"
    elif "\\" in line and re.search("Unescaped|escape|hex", message):
        key = "toml-backslash"
    elif _FULL_WIDTH.search(code):
        key = "toml-full-width"
    else:
        key = "toml-unquoted" if _UNQUOTED.match(code) else "toml-syntax"
    return Fault(key, file=file, row=row, value=line[:80])


def _fault(error: Any, model: type[BaseModel] | None, content: str | None, file: str) -> Fault:
    # Unions put the name of their branch into the location; only keys that stand in the file are shown.
    location = [
        p
        for p in error["loc"]
        if content is None or isinstance(p, int) or re.search(rf"\b{re.escape(p)}\b\W*[=\].]", content)
    ]
    if error["type"] in ("missing", "extra_forbidden"):
        location = [*location, error["loc"][-1]] if location[-1:] != [error["loc"][-1]] else location
    key = ".".join(str(part + 1) if isinstance(part, int) else part[:_SHOWN] for part in location)
    row = None if content is None else _line_of(content, location)
    if error["type"] == "extra_forbidden":
        known = [] if model is None else sorted(_known_keys(model))
        near = difflib.get_close_matches(str(location[-1])[:_SHOWN], known, n=1, cutoff=0.6)
        if near and near[0] != location[-1]:  # the key of another section is none here
            return Fault("key-unknown-near", file=file, row=row, value=key, values={"near": near[0]})
        return Fault("key-unknown", file=file, row=row, value=key)
    if error["type"] == "missing":
        return Fault("key-missing", file=file, row=row, value=key)
    values = {"key": key, "reason": _reason(error)}
    return Fault("key-value", file=file, row=row, value=_shown(error.get("input")), values=values)


def _shown(value: Any) -> str:
    """Beginning of a value as it may stand in the file; lists within lists only so far as Python shows them."""
    if isinstance(value, str):
        return repr(value[:_SHOWN])
    try:
        return str(value)[:_SHOWN]
    except (RecursionError, ValueError):  # hundreds of levels; a whole number of thousands of digits
        return "…"


def _reason(error: Any) -> Reason:
    """Pydantic's reason as a text in both languages, its own English words where there is none."""
    expected = {k: v for k, v in error.get("ctx", {}).items() if k != "error"}
    return Reason(error["type"], error["msg"].removeprefix("Value error, "), expected)


@dataclass(frozen=True)
class Reason:
    """Why a value cannot be used."""

    type: str
    message: str
    expected: dict[str, Any]

    def render(self, lang: str) -> str:
        """Return the reason in ``lang``."""
        key = f"reason.{self.type.replace('_', '-')}"
        return text(key, lang, **self.expected) if key in catalogue() else self.message

    def __str__(self) -> str:
        return self.render("en")


def _known_keys(model: type[BaseModel], seen: set[type[BaseModel]] | None = None) -> set[str]:
    seen = set() if seen is None else seen
    if model in seen:
        return set()
    seen.add(model)
    keys: set[str] = set()
    for name, info in model.model_fields.items():
        keys.add(info.alias or name)
        for inner in _models_in(info.annotation):
            for one in (inner, *getattr(inner, "variants", tuple)()):
                keys |= _known_keys(one, seen)
    return keys


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for arg in getattr(annotation, "__args__", ()) for m in _models_in(arg)]


def _line_of(content: str, location: Sequence[Any]) -> int | None:
    """Line on which the deepest key of ``location`` stands, searching on from its table's header."""
    lines = content.splitlines()
    at, found = 0, None
    for i, part in enumerate(location):
        if isinstance(part, int):
            continue
        name = re.escape(part)
        nth = location[i + 1] if i + 1 < len(location) and isinstance(location[i + 1], int) else 0
        pattern = re.compile(rf"^\s*\[+[^\]]*\b{name}\b|(?:^|[{{,])\s*\"?{name}\"?\s*[=.]")
        hits = [k for k in range(at, len(lines)) if pattern.search(lines[k])]
        if len(hits) > nth:
            at, found = hits[nth], hits[nth] + 1
    return found
