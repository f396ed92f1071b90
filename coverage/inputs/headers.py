"""Which column of a file is which column of a schema, and in which unit it is written."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ..errors import Fault
from ..schema import Column, TableSchema
from ..texts import LANGUAGES

_BRACKETS = re.compile(r"[(\[{【〔<][^)\]}】〕>]*[)\]}】〕>]")
_SHAPEFILE_NAME_BYTES = 10

UNIT_FACTORS: Mapping[str, Mapping[str, float]] = {
    "kW": {"kw": 1.0, "千瓦": 1.0, "w": 0.001, "瓦": 0.001, "mw": 1000.0, "兆瓦": 1000.0, "万千瓦": 10_000.0},
    "kWh": {"kwh": 1.0, "千瓦时": 1.0, "度": 1.0, "mwh": 1000.0, "兆瓦时": 1000.0, "万千瓦时": 10_000.0},
    "t": {
        "t": 1.0,
        "吨": 1.0,
        "吨级": 1.0,
        "dwt": 1.0,
        "gt": 1.0,
        "千吨": 1000.0,
        "千吨级": 1000.0,
        "kt": 1000.0,
        "万吨": 10_000.0,
        "万吨级": 10_000.0,
    },
    "km": {"km": 1.0, "公里": 1.0, "千米": 1.0, "m": 0.001, "米": 0.001},
    "m": {"m": 1.0, "米": 1.0, "km": 1000.0, "公里": 1000.0, "千米": 1000.0},
    "m²": {
        "m2": 1.0,
        "平方米": 1.0,
        "平米": 1.0,
        "㎡": 1.0,
        "亩": 10_000 / 15,
        "公顷": 10_000.0,
        "ha": 10_000.0,
    },
    "h": {"h": 1.0, "小时": 1.0, "hours": 1.0, "min": 1 / 60, "分钟": 1 / 60, "d": 24.0, "天": 24.0},
    "°": {"度": 1.0, "deg": 1.0, "degrees": 1.0, "°": 1.0},
    "share": {"%": 0.01},
}
"""Spellings of units, and what one of them is in the schema's unit. 1 亩 is 10 000/15 m²."""

COUNT_WORDS = frozenset(["个", "把", "支", "台", "根", "辆", "人", "艘次", "艘", "次", "位", "车位", "元"])
"""Words after a count that change nothing."""

SCALES: Mapping[str, float] = {"千": 1e3, "万": 1e4, "百万": 1e6, "亿": 1e8}


@dataclass(frozen=True)
class Mapped:
    """One column of the schema, found in a file: its header and the factor to the schema's unit."""

    column: Column
    header: str
    factor: float = 1.0


def _plain(header: str) -> str:
    folded = unicodedata.normalize("NFKC", header).casefold()
    return "".join(c for c in folded if c.isalnum())


@cache
def normal(header: str) -> str:
    """``header`` without case, spaces, punctuation and brackets with what is in them; full width folded."""
    folded = unicodedata.normalize("NFKC", header)
    return _plain(_BRACKETS.sub("", folded)) or _plain(folded)


@cache
def _known(schema: TableSchema) -> dict[str, Column]:
    table: dict[str, Column] = {}
    for column in schema.columns:
        for spelling in (column.name, *map(column.label, LANGUAGES), *column.aliases):
            table.setdefault(normal(spelling), column)
    return table


def bracket_unit(header: str) -> str:
    """Return what stands in the last bracket of ``header``, folded (``"功率（kW）"`` gives ``"kw"``)."""
    found = _BRACKETS.findall(unicodedata.normalize("NFKC", header))
    return _plain(found[-1][1:-1]) if found else ""


def _unit_factor(column: Column, unit: str) -> float | None:
    """Factor of ``unit``; 1 if it is no unit at all (``"额定"``), None if it is one of something else."""
    if unit in UNIT_FACTORS.get(column.unit, {}):
        return UNIT_FACTORS[column.unit][unit]
    if column.type in ("int", "float") and unit in SCALES and not column.unit:
        return SCALES[unit]
    if (
        column.type in ("int", "float")
        and not column.unit
        and unit[:-1] in SCALES
        and unit[-1:] in COUNT_WORDS
    ):
        return SCALES[unit[:-1]]
    foreign = unit in {"kva", "a", "v", "马力", "hp"} or any(unit in units for units in UNIT_FACTORS.values())
    return None if foreign and column.unit else 1.0


def find_column(schema: TableSchema, header: str, *, cut: bool = False) -> Column | None:
    """Return the column of ``schema`` that ``header`` names, or None.

    A unit at the end without brackets is taken off (``功率kW``). With ``cut``, a header of ten bytes may be
    the beginning of a name (the dBASE limit of Shapefiles).
    """
    known, key = _known(schema), normal(header)
    if key in known:
        return known[key]
    for units in UNIT_FACTORS.values():
        for unit in sorted(units, key=len, reverse=True):
            column = known.get(key.removesuffix(unit)) if key.endswith(unit) else None
            if column is not None and unit in UNIT_FACTORS.get(column.unit, {}):
                return column
    if cut and len(header.encode()) >= _SHAPEFILE_NAME_BYTES - 2:
        names = {c.name: c for spelling, c in known.items() if spelling.startswith(key)}
        if len(names) == 1:
            return next(iter(names.values()))
    return None


def _factor(column: Column, header: str) -> float | None:
    unit = bracket_unit(header)
    if not unit:
        key = normal(header)
        spellings = {normal(s) for s in (column.name, *column.aliases)}
        unit = next((u for s in spellings if key.startswith(s) and (u := key[len(s) :])), "")
        if unit not in UNIT_FACTORS.get(column.unit, {}):
            return 1.0
    return _unit_factor(column, unit)


def map_headers(
    schema: TableSchema,
    headers: Sequence[str],
    overrides: Mapping[str, str] | None = None,
    *,
    file: str = "",
    row: int = 1,
    cut: bool = False,
) -> tuple[list[Mapped], list[str], list[Fault]]:
    """Map the headers of a file to the columns of a schema.

    Parameters
    ----------
    schema : TableSchema
        The table expected.
    headers : sequence of str
        As the file has them.
    overrides : mapping, optional
        Our column name -> the file's header; stronger than the aliases.
    file : str
        Named in the faults.
    row : int
        Row of the headers, as a spreadsheet shows it.
    cut : bool
        Headers may be cut at ten bytes (Shapefile).

    Returns
    -------
    mapped : list of Mapped
    unused : list of str
        Headers that are none of ours.
    faults : list of Fault
        Unknown or missing overrides, two headers for one column, a unit that does not fit.
    """
    overrides = dict(overrides or {})
    faults = _override_faults(schema, headers, overrides, file)
    taken = {header: name for name, header in overrides.items() if header in headers and name in schema.names}
    found: dict[str, list[str]] = {name: [header] for header, name in taken.items()}
    unused = []
    for header in (each for each in dict.fromkeys(headers) if each not in taken):
        column = find_column(schema, header, cut=cut)
        if column is None or column.name in overrides:
            unused.append(header)
        else:
            found.setdefault(column.name, []).append(header)
    repeated = [h for h in dict.fromkeys(headers) if headers.count(h) > 1 and h not in unused]
    faults += [Fault("column-repeated", file=file, row=row, column=h) for h in repeated]
    mapped = []
    for name, names in found.items():
        if len(names) > 1:
            faults.append(
                Fault("column-twice", file=file, row=row, value=", ".join(names), values={"name": name})
            )
        factor = _factor(schema[name], names[0])
        if factor is None:
            values = {"unit": bracket_unit(names[0]), "expected": schema[name].unit}
            faults.append(Fault("unit-wrong", file=file, row=row, column=names[0], values=values))
        mapped.append(Mapped(schema[name], names[0], factor or 1.0))
    return mapped, unused, faults


def _override_faults(
    schema: TableSchema, headers: Sequence[str], overrides: Mapping[str, str], file: str
) -> list[Fault]:
    faults = []
    for name, header in overrides.items():
        if name not in schema.names:
            faults.append(unknown_name(schema, name, "columns", file))
        elif header not in headers:
            values = {"name": name, "headers": listed(headers)}
            faults.append(Fault("override-missing", file=file, value=header, values=values))
    return faults


def unknown_name(schema: TableSchema, name: str, setting: str, file: str) -> Fault:
    """Say that a setting names a column that the schema does not have, and which one may be meant."""
    near = find_column(schema, name)
    names = [near.name] if near is not None else difflib.get_close_matches(name, schema.names, n=1)
    values = {"known": ", ".join(schema.names), "setting": setting, "near": "".join(names)}
    return Fault("override-unknown-near" if names else "override-unknown", file, value=name, values=values)


def listed(items: Sequence[object], most: int = 12) -> str:
    """Return ``a, b, c, …``: at most ``most`` of ``items``, each cut to 40 characters."""
    shown = [" ".join(str(item).split())[:40] for item in items[:most]]
    return ", ".join(shown) + (", …" if len(items) > most else "")
