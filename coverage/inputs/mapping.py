"""How a person steers the reading of a table: values, units, columns left out, order of a position, decimal comma."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..errors import Diagnostics, Fault
from ..schema import TableSchema
from .cells import BadCellError, folded, is_missing, parser
from .headers import UNIT_FACTORS, Mapped, bracket_unit, listed, normal, unknown_name
from .raw_table import RawTable

_DECIMAL_COMMA = re.compile(r"([+-]?)(\d{1,3}(?:[.\s]\d{3})+|\d+),(\d+)(\D.*)?", re.DOTALL)
_WEAK: Mapping[str, str] = {
    "state": "status", "area": "area_m2", "capacity": "points",
    "设备类型": "current", "桩类型": "current", "类别": "park_type",
}  # fmt: skip
"""Headers that mean something else just as often: a federal state, a yes of OpenStreetMap, kilowatts, a cabinet."""
_LOOKED_AT = 200
_SAMPLES = 3


@dataclass(frozen=True)
class Reading:
    """What a person says of a file, where it is not found by itself.

    Attributes
    ----------
    values : mapping
        Our column -> what a cell says -> our value; an empty text means unknown.
    ignore : sequence of str
        Headers that are left out.
    units : mapping
        Our column -> unit that its numbers are in.
    position_order : str
        What stands first where one cell holds both coordinates.
    decimal : str
        The sign before decimals; with a comma, points and spaces set thousands apart.
    """

    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ignore: Sequence[str] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    position_order: Literal["lon,lat", "lat,lon"] = "lon,lat"
    decimal: Literal[".", ","] = "."


def without_ignored(raw: RawTable, reading: Reading, found: Diagnostics) -> RawTable:
    """Take the headers off that are left out; one that is not there is a fault."""
    values = {"headers": listed(raw.headers)}
    found += [
        Fault("ignore-missing", raw.file, value=h, values=values)
        for h in reading.ignore
        if h not in raw.headers
    ]
    left = [header if header not in reading.ignore else "" for header in raw.headers]
    return replace(raw, headers=left) if reading.ignore else raw


def without_doubtful(
    raw: RawTable, mapped: list[Mapped], columns: Mapping[str, str], found: Diagnostics
) -> list[Mapped]:
    """Leave out columns whose header may mean something else and whose cells say that it does."""
    kept = []
    for one in mapped:
        if one.column.name not in columns and _WEAK.get(normal(one.header)) == one.column.name:
            cells = [row[raw.headers.index(one.header)] for row in raw.rows]
            said = [cell for cell in cells if not is_missing(cell)][:_LOOKED_AT]
            unread = [cell for cell in said if not _readable(cell, one)]
            unit = bracket_unit(one.header)
            foreign = not one.column.unit and any(unit in units for units in UNIT_FACTORS.values())
            if foreign or 2 * len(unread) > len(said):
                values = {
                    "name": one.column.name,
                    "samples": listed(list(dict.fromkeys(map(str, unread or said))), 3),
                }
                found.append(
                    Fault("column-doubtful", raw.file, column=one.header, values=values, warning=True)
                )
                continue
        kept.append(one)
    return kept


def _readable(cell: Any, mapped: Mapped) -> bool:
    try:
        parser(mapped.column)(cell, mapped.column, mapped.factor)
    except BadCellError:
        return False
    return True


def steered(
    raw: RawTable, mapped: list[Mapped], schema: TableSchema, reading: Reading, found: Diagnostics
) -> tuple[RawTable, list[Mapped]]:
    """Give cells the meaning that a person says they have.

    Parameters
    ----------
    raw, mapped, schema
        The table, and which of its columns is which.
    reading : Reading
    found : Diagnostics
        Takes up settings that name no column, or no unit.

    Returns
    -------
    raw : RawTable
        With other cells.
    mapped : list of Mapped
        With the factors of the units that were set.
    """
    for setting, names in (("values", reading.values), ("units", reading.units)):
        found += [unknown_name(schema, name, setting, raw.file) for name in names if name not in schema.names]
    mapped = [_in_unit(one, reading.units, raw.file, found) for one in mapped]
    changes: dict[int, Callable[[Any], Any]] = {}
    for one in mapped:
        at, numeric = raw.headers.index(one.header), one.column.type in ("int", "float")
        if one.column.name in reading.values:
            changes[at] = _translation(reading.values[one.column.name])
        elif one.column.name == "position" and reading.position_order == "lat,lon":
            changes[at] = _turned
        elif numeric and reading.decimal == ",":
            changes[at] = _with_point
    if not changes:
        return raw, mapped
    rows = [[changes[i](cell) if i in changes else cell for i, cell in enumerate(row)] for row in raw.rows]
    return replace(raw, rows=rows), mapped


def _in_unit(mapped: Mapped, units: Mapping[str, str], file: str, found: Diagnostics) -> Mapped:
    name = mapped.column.name
    if name not in units:
        return mapped
    known = UNIT_FACTORS.get(mapped.column.unit, {})
    factor = known.get(folded(units[name]).casefold().replace(" ", ""))
    if factor is None:
        values = {"name": name, "known": listed(sorted(known)) or "–"}
        found.append(Fault("units-unknown", file, value=units[name], values=values))
        return mapped
    return replace(mapped, factor=factor)


def _translation(meanings: Mapping[str, Any]) -> Callable[[Any], Any]:
    known = {folded(key).casefold(): value for key, value in meanings.items()}

    def meaning(cell: Any) -> Any:
        if cell is None:
            return None
        whole = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
        value = known.get(folded(whole).casefold(), cell)
        return None if value == "" else value

    return meaning


def _turned(cell: Any) -> Any:
    """Longitude before latitude; what are not two parts stays as it is, and is reported as that."""
    parts = re.split(r"\s*[,;、/|，]\s*|\s+", folded(cell).strip("()[]{} ")) if isinstance(cell, str) else []
    return f"{parts[1]}, {parts[0]}" if len(parts) == 2 else cell


def _with_point(cell: Any) -> Any:
    """A number with a decimal comma as one with a point."""
    match = _DECIMAL_COMMA.fullmatch(folded(cell)) if isinstance(cell, str) else None
    if match is None:
        return cell
    sign, whole, decimals, rest = match.groups()
    plain = re.sub(r"[.\s]", "", whole)
    return f"{sign}{plain}.{decimals}{rest or ''}"


def samples(raw: RawTable, mapped: Sequence[Mapped]) -> tuple[tuple[str, str, str], ...]:
    """(our column, header, first values) of each column that was recognised: what a person looks at before use."""
    shown = []
    for one in mapped:
        at = raw.headers.index(one.header)
        different = list(
            dict.fromkeys(str(row[at]) for row in raw.rows[:_LOOKED_AT] if not is_missing(row[at]))
        )
        shown.append((one.column.name, one.header, listed(different, _SAMPLES)))
    return tuple(shown)
