"""The parts of the manual that the code itself says: keys of the project file, policies, columns, public names.

``python docs/generate.py`` prints them; the site takes them in while it is built (``conf.py``), so they are never
behind the code.
"""

from __future__ import annotations

import datetime as dt
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import plugspan
from plugspan import api as frames
from plugspan import schema
from plugspan.inputs.schemas import SCHEMAS
from plugspan.project import Project
from plugspan.rules.costs import ActionCost
from plugspan.rules.finding import Finding
from plugspan.rules.kind import kinds
from plugspan.rules.model import Rule
from plugspan.rules.policy import PROFILES, read_policy
from plugspan.settings import Wording
from plugspan.siting import maxcover
from plugspan.tables import numbers
from plugspan.tables.plan_tables import is_input_table
from plugspan.tables.publication import Publication
from plugspan.texts import catalogue, text
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

_PAIRS = {
    "key": ("键", "key"), "type": ("类型", "type"), "default": ("默认值", "default"),
    "meaning": ("含义", "meaning"), "required": ("必填", "required"), "column": ("列名", "column"),
    "header": ("表头", "header"), "unit": ("单位", "unit"), "also": ("也认作", "also read"),
    "rule": ("规则", "rule"), "target": ("目标", "target"), "by": ("期限", "by"), "source": ("来源", "source"),
    "assumed": ("假定值", "assumed"), "value": ("值", "value"), "text": ("文字", "text"),
    "texts": ("文字，可按语言分写", "text, or texts by language"),
    "int": ("整数", "whole number"), "float": ("数", "number"), "bool": ("是否", "true or false"),
    "date": ("日期", "date"), "choice": ("选项", "choice"), "path": ("路径", "path"),
    "list": ("列表：", "list of "), "table": ("表：名称 = ", "table: name = "), "section": ("一节", "section"),
    "or": (" 或 ", " or "), "colon": ("：", ": "), "comma": ("、", ", "),
    "kinds": ("各类规则的键", "Keys of each kind of rule"), "where": ("所在", "where"),
    "layer": ("图层 ", "layer "), "file-table": ("图层文件的表 ", "table of the layers "), "list-in": ("；", "; "),
    "sheet": ("工作表", "sheet"), "holds": ("内容", "holds"), "outputs": ("成果中的列", "Columns of the outputs"),
}  # fmt: skip
WORDS = {lang: {key: pair[at] for key, pair in _PAIRS.items()} for at, lang in enumerate(("zh", "en"))}
PLACEHOLDERS = {"routes": "REF"}
"""What stands for the names of a table of tables; NAME elsewhere."""
SHARED = {ActionCost: "costs.ACTION"}
"""Models that several keys have in common: their own keys are told once."""
PLAIN = {
    Any: "value", str: "text", Wording: "texts", int: "int", float: "float", bool: "bool", dt.date: "date", Path: "path"
}  # fmt: skip
TABLE_NAMES = {
    "zh": ("充电站（桩）", "服务区、场站等设施", "泊位", "停车场", "需求点", "区县", "靠泊记录", "交通量"),
    "en": (
        "Charging sites",
        "Service areas, depots, hubs",
        "Berths",
        "Car parks",
        "Demand",
        "Counties",
        "Ship calls",
        "Traffic",
    ),
}
"""In the order of the schemas."""
API = """# Reference of the Python names

## `plugspan`

{plugspan}

{frames}

## `plugspan.siting.maxcover`

The solvers as a library on arrays, for any distance matrix; see <a href="../siting.html">siting</a>.

{solvers}
"""


# -- the project file ------------------------------------------------------------------------------------


def settings(model: type[BaseModel] = Project, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (key, annotation, default) of every key of the project file, sections before what is in them."""
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        key = f"{path}.{field.alias or name}" if path else field.alias or name
        yield key, field.annotation, field.get_default(call_default_factory=True)
        for inner, repeated in _models(field.annotation):
            if inner in SHARED:
                last = name == [n for n, f in model.model_fields.items() if f.annotation is inner][-1]
                if last:
                    yield from settings(inner, SHARED[inner])
            else:
                yield from settings(inner, f"{key}.{PLACEHOLDERS.get(key, 'NAME')}" if repeated else key)


def _models(annotation: Any, repeated: bool = False) -> list[tuple[type[BaseModel], bool]]:
    """Models inside an annotation, and whether they stand in a table by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, repeated)]
    repeated = repeated or get_origin(annotation) is dict
    return [found for inner in get_args(annotation) for found in _models(inner, repeated)]


def kind_of(annotation: Any, lang: str) -> str:
    """Return the type of a key in words."""
    words, origin, args = WORDS[lang], get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(args[0], lang)
    if origin in (Union, types.UnionType):
        return words["or"].join(dict.fromkeys(kind_of(a, lang) for a in args if a is not type(None)))
    if origin is Literal:
        return words["comma"].join(f'`"{value}"`' for value in args)
    if origin is tuple:
        inner = [a for a in args if a is not ...]
        return words["list"] + kind_of(inner[0], lang) + (f" × {len(inner)}" if len(inner) > 1 else "")
    if origin in (dict, Mapping):
        return words["table"] + kind_of(args[1], lang)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return words["section"]
    return words[PLAIN[annotation]]


def toml(value: Any) -> str:
    """Return a default as it would stand in the file."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None or value in ("", (), {}) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(toml(v).strip('`') for v in value)}]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def project_keys(lang: str) -> str:
    """Return every key of the project file, a table for each section."""
    words, parts = WORDS[lang], {}
    for key, annotation, default in settings():
        section = key.split(".")[0] if _models(annotation) or "." in key else ""
        shown = words["required"] if default is PydanticUndefined else toml(default)
        meaning = catalogue()[f"setting.{key}"][lang]
        parts.setdefault(section, []).append((f"`{key}`", kind_of(annotation, lang), shown, meaning))
    head = [words[name] for name in ("key", "type", "default", "meaning")]
    return "\n\n".join(
        (f"### `[{section}]`\n\n" if section else "") + table(head, rows) for section, rows in parts.items()
    )


# -- policies --------------------------------------------------------------------------------------------


def policies(lang: str) -> str:
    """Return the rules of each profile that comes with plugspan."""
    words, parts = WORDS[lang], []
    for name in PROFILES:
        policy = read_policy(name)
        rows = []
        for rule in policy.rules:
            assumed = words["comma"].join(f"`{key}`" for key in rule.assumptions)
            by = schema.day(rule.by, lang) if rule.by else ""
            rows.append(
                (
                    rule.title[lang],
                    f"`{rule.id}`",
                    target(rule, policy.reader(lang)),
                    by,
                    assumed,
                    rule.source.of(lang),
                )
            )
        head = [words["rule"], "id", *(words[k] for k in ("target", "by", "assumed", "source"))]
        parts.append(
            f"### {policy.name[lang]}\n\n`{name}`{words['colon']}{policy.source.of(lang)}\n\n{table(head, rows)}"
        )
    return "\n\n".join([*parts, f"### {words['kinds']}", *rule_keys(lang)])


def rule_keys(lang: str) -> Iterator[str]:
    """Yield a table of the keys that all rules have, then those that each kind has beside them."""
    words = WORDS[lang]
    head = [words[name] for name in ("key", "type", "default", "meaning")]
    yield table(head, list(_keys(Rule, lang)))
    for name, kind in sorted(kinds().items()):
        if kind.model.__module__.startswith("plugspan."):  # others are somebody else's
            rows = list(_keys(kind.model, lang, frozenset(Rule.model_fields)))
            yield f"#### `{name}`\n\n{table(head, rows)}" if rows else f"#### `{name}`"


def _keys(
    model: type[BaseModel], lang: str, known: frozenset[str] = frozenset(), path: str = ""
) -> Iterator[tuple[str, ...]]:
    """Yield key, type, default and meaning of the keys of a rule, sections before what is in them."""
    for name, field in model.model_fields.items():
        if name in known:
            continue
        default = field.get_default(call_default_factory=True)
        shown = WORDS[lang]["required"] if default is PydanticUndefined else toml(default)
        key = f"assumption.{name}"
        meaning = text(key, lang, value="…") if key in catalogue() else ""
        yield f"`{path}{name}`", kind_of(field.annotation, lang), shown, meaning
        for inner, _ in _models(field.annotation):
            yield from _keys(inner, lang, path=f"{path}{name}.")


def target(rule: Rule, lang: str) -> str:
    """Return what a rule asks for, worded as in the outputs."""
    asked = rule.target
    unit = "km" if asked.value_max is not None else "margin" if asked.margin_min is not None else "share"
    return numbers.target(Finding(rule, unit, None, None), lang)


# -- the data dictionary ---------------------------------------------------------------------------------


def dictionary(lang: str) -> str:
    """Return the columns of every input table, then those of the outputs."""
    words = WORDS[lang]
    head = [words[k] for k in ("column", "header", "type", "unit", "meaning", "also")]
    parts = []
    for title, (name, table_schema) in zip(TABLE_NAMES[lang], SCHEMAS.items(), strict=True):
        rows = [(*_column(c, lang), words["comma"].join(c.aliases)) for c in table_schema.columns]
        parts.append(f"## {title} `{name}`\n\n{table(head, rows)}")
    where = places(lang)
    output = [
        (*_column(c, lang), words["list-in"].join(where.get(name, ())))
        for name, c in sorted(schema.COLUMNS.items())
        if f"meaning.{name}" in catalogue()
    ]
    parts.append(f"## {words['outputs']}\n\n{table([*head[:-1], words['where']], output)}")
    return "\n\n".join(parts)


@cache
def sample_plan() -> plugspan.Plan:
    """The plan of the embedded sample: which columns its tables and layers have."""
    with plugspan.sample_project() as project:
        return plugspan.make_plan(plugspan.read_project(project))


def places(lang: str) -> dict[str, list[str]]:
    """Sheets, layers and tables of the GeoPackage that hold a column, by its name; those of the embedded sample."""
    words, plan = WORDS[lang], sample_plan()
    shown, found = Publication(plan, lang), {}
    held = [
        (f"`tables.xlsx` {found_in.title(lang)}", [head.column.name for head in found_in.heads])
        for found_in in shown.tables.values()
        if f"sheet.{found_in.family}.title" in catalogue()
    ]
    held += [(f"{words['layer']}`{layer.name}`", layer.schema.names) for layer in shown.gis_layers]
    held += [
        (f"{words['file-table']}`{name}`", held.names)
        for name, (_, held) in shown.file_tables.items()
        if not is_input_table(name)
    ]
    for place, names in held:
        for name in names:
            mine = found.setdefault(name, [])
            if place not in mine:
                mine.append(place)
    return found


def _column(column: schema.Column, lang: str) -> tuple[str, str, str, str, str]:
    meaning, labels = column.meaning(lang), f"choice.{column.labels or column.name}."
    choices = [
        f"`{value}` {catalogue()[labels + value][lang]}" if labels + value in catalogue() else f"`{value}`"
        for value in dict.fromkeys(
            [
                *(value for value, _ in column.choices),
                *(k.removeprefix(labels) for k in catalogue() if k.startswith(labels) and not column.choices),
            ]
        )
    ]
    if choices and column.type == "choice":
        meaning += f" {WORDS[lang]['comma'].join(choices)}"
    name = f"**`{column.name}`**" if column.required else f"`{column.name}`"
    unit = "%" if column.unit in schema.SHARES else column.unit_words(lang)
    return name, text(f"column.{column.name}", lang), WORDS[lang][column.type], unit, meaning


# -- the workbook ----------------------------------------------------------------------------------------


def sheets(lang: str) -> str:
    """Return the sheets of the workbook, those of the plan last."""
    texts = {key: words[lang] for key, words in catalogue().items() if key.startswith("sheet.")}
    named = (re.fullmatch(r"sheet\.([a-z-]+)\.note", key) for key in texts)
    names = [m[1] for m in named if m and "{" not in texts.get(f"sheet.{m[1]}.title", "{")]
    names.sort(key=lambda name: name.startswith("plan-"))
    rows = [(texts[f"sheet.{name}.title"], texts[f"sheet.{name}.note"]) for name in names]
    return table([WORDS[lang]["sheet"], WORDS[lang]["holds"]], rows)


# -- the public names ------------------------------------------------------------------------------------


def api(lang: str) -> str:
    """Return the page of the public names: each with the first line of its docstring, and a page of its own."""
    del lang  # docstrings are English
    more = [
        name
        for name, value in vars(frames).items()
        if getattr(value, "__module__", "") == frames.__name__
        and name[0] != "_"
        and name not in plugspan.__all__
    ]
    return API.format(
        plugspan=_names(plugspan, plugspan.__all__),
        frames=f"## `plugspan.api`\n\n{_names(frames, more)}" if more else "",
        solvers=_names(maxcover, maxcover.__all__),
    )


def _names(module: types.ModuleType, names: Sequence[str]) -> str:
    home = module.__name__
    kinds: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors": []}
    for name in names:
        value = getattr(module, name)
        if isinstance(value, type):
            kinds["Errors" if issubclass(value, Exception) else "Classes"].append(f"~{home}.{name}")
        elif callable(value):
            kinds["Functions"].append(f"~{home}.{name}")
    return "\n\n".join(
        f"### {kind}\n\n```{{eval-rst}}\n.. autosummary::\n   :toctree: api\n   :nosignatures:\n\n"
        + "".join(f"   {name}\n" for name in listed)
        + "```"
        for kind, listed in kinds.items()
        if listed
    )


# -- tables ----------------------------------------------------------------------------------------------


def table(head: list[str], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table; columns without any entry are left out."""
    kept = [k for k in range(len(head)) if any(row[k] for row in rows)]
    lines = [[head[k] for k in kept], ["---"] * len(kept), *([_cell(row[k]) for k in kept] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


PARTS: dict[str, Callable[[str], str]] = {
    "project-keys": project_keys,
    "policies": policies,
    "dictionary": dictionary,
    "sheets": sheets,
    "api": api,
}
"""Name of a part -> the function that writes it in a language."""


def write_parts(folder: Path, lang: str) -> None:
    """Write every part into ``folder``, touching only what changed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in PARTS.items():
        path, content = folder / f"{name}.md", part(lang) + "\n"
        if not path.exists() or path.read_text("utf-8") != content:
            path.write_text(content, "utf-8")


if __name__ == "__main__":
    for language in WORDS:
        for part in PARTS.values():
            print(part(language), end="\n\n")
