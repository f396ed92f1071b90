"""What all formats share: recognise a file, take its records apart, and give the rows of one of our tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import shapely

from ...errors import Diagnostics, Fault, InputError
from ...files import check_size
from ..headers import listed
from ..raw_table import RawTable

Record = Mapping[str, Any]
Part = dict[str, Any]
"""Charge points that are alike: columns of ours -> what the file says. ``points`` is 1 where it is left out."""

_LONGEST = 100_000
"""Letters of a cell that is looked into."""


@dataclass(frozen=True)
class Format:
    """One format as data.

    Attributes
    ----------
    name : str
        What people call it, the same in all languages.
    table : str
        Name of the schema that its records are rows of.
    marks : tuple of sets of str
        Fields by which a file is recognised: all of one of the sets.
    fields : mapping
        Our column -> field of a record, or several of which the first counts that says something. A dot leads into what
        a field holds (``opening_times.twentyfourseven``), a number to one of several.
    values : mapping
        Our column -> what its field says -> our value; ``None`` is unknown, ``*`` all else. What is not named stays as
        it is, and is a fault if the column does not know it.
    units : mapping
        Our column -> factor to our unit.
    keep : mapping
        Field -> the values of records that are taken; all others are left out and counted.
    fixed : mapping
        Our column -> value of every row.
    parts : callable, optional
        Record -> its charge points. Those that are alike become one row. Raises :class:`WrongElementError`.
    part_fields : mapping
        Our column -> what messages call it, for what ``parts`` gives.
    where : tuple of str
        Path of the records in a JSON file; ``*`` goes through a list, ``?`` through any one key.
    datum : str
        Of the positions, unless the project says another one.
    unique : str
        Field that names a record: one named again is left out.
    total : str
        Field that says how many records there are in all, for files that are one page of several.
    each_point : bool
        A row is a charge point, so that several rows alike at one place are nothing odd.
    """

    name: str
    table: str
    marks: tuple[frozenset[str], ...]
    fields: Mapping[str, str | tuple[str, ...]]
    values: Mapping[str, Mapping[str, str | bool | None]] = field(default_factory=dict)
    units: Mapping[str, float] = field(default_factory=dict)
    keep: Mapping[str, frozenset[str]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    parts: Callable[[Record], Iterable[Part]] | None = None
    part_fields: Mapping[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()
    datum: str = "wgs84"
    unique: str = ""
    total: str = ""
    each_point: bool = False


class WrongElementError(ValueError):
    """An element is not what its format says: its path, what stands there, and what should."""

    def __init__(self, path: str, value: Any, expected: str) -> None:
        super().__init__(path)
        self.path, self.value, self.expected = path, value, expected


def elements(record: Record, path: str) -> list[Record]:
    """Return the objects that a field lists; none if it is missing.

    Raises
    ------
    WrongElementError
        If there is something else.
    """
    found = record.get(path)
    if found is None or found == "":
        return []
    if not isinstance(found, list):
        raise WrongElementError(path, found, "[…]")
    for each in found:
        if not isinstance(each, dict):
            raise WrongElementError(path, each, "{…}")
    return found


def number(value: Any, path: str) -> float | None:
    """Return a number that the parts of a record are computed from, None if there is none.

    Raises
    ------
    WrongElementError
        If something else stands there.
    """
    if value is None or value in ("", []):
        return None
    try:
        read = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError, OverflowError):
        read = float("nan")
    if not 0 <= read < 1e9:
        raise WrongElementError(path, value, "0 … 1e9")
    return read


def at(record: Any, path: str) -> Any:
    """Return what stands at a path, None if the way is not there; an empty list or object says nothing."""
    for step in path.split("."):
        if isinstance(record, str) and record[:1] in "{[" and len(record) < _LONGEST:
            record = _unpacked(record)
        if isinstance(record, list) and step.isdigit():
            record = record[int(step)] if int(step) < len(record) else None
        else:
            record = record.get(step) if isinstance(record, Mapping) else None
    return None if record in ([], {}, "") else record


def _unpacked(cell: str) -> Any:
    """What has parts stands in a layer as JSON."""
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None


# -- recognising -----------------------------------------------------------------------------------------


def native_json(content: Any, file: str, formats: Sequence[Format]) -> RawTable | None:
    """Return the records of a JSON file that is no GeoJSON as a table, None if no format knows it."""
    for each in formats:
        records = (
            _records(content, each.where) if each.where else content if isinstance(content, list) else []
        )
        found = [record for record in records if isinstance(record, dict)]
        if not any(mark <= record.keys() for record in found[:20] for mark in each.marks):
            continue
        headers = list(dict.fromkeys(key for record in found for key in record))
        check_size(file, len(records), len(headers))
        rows = [
            [record.get(key) if isinstance(record, dict) else None for key in headers] for record in records
        ]
        wrong = [
            Fault("format-element", file, i + 2, value=str(record)[:60], values={"expected": "{…}"})
            for i, record in enumerate(records)
            if not isinstance(record, dict)
        ]
        return RawTable(file, headers, rows, list(range(2, len(rows) + 2)), notes=wrong)
    return None


def _records(content: Any, where: tuple[str, ...]) -> list[Any]:
    """Records at the end of a path; a record below others takes over what those say and it does not."""
    if not where:
        return content if isinstance(content, list) else [content]
    step, rest = where[0], where[1:]
    if step == "*":
        return [one for each in content for one in _records(each, rest)] if isinstance(content, list) else []
    if not isinstance(content, Mapping):
        return []
    keys = (
        [key for key in content if key.endswith(step[1:])]
        if step[0] == "?"
        else [step]
        if step in content
        else []
    )
    found = [one for key in keys for one in _records(content[key], rest)]
    above = {key: value for key, value in content.items() if key not in keys}
    return [{**above, **one} if isinstance(one, dict) else one for one in found]


def as_native(
    raw: RawTable, table: str, formats: Sequence[Format], columns: Mapping[str, str] | None = None
) -> RawTable:
    """Return a table of a known format as one of ours, any other one as it is.

    Parameters
    ----------
    raw : RawTable
        As the file has it.
    table : str
        Name of the schema that is read.
    formats : sequence of Format
    columns : mapping, optional
        Our column -> field of the file, as the project says: stronger than the format.

    Returns
    -------
    RawTable
        Its headers are our columns; ``notes`` say how many records were read, how many rows they make, and which were
        left out.

    Raises
    ------
    InputError
        If the format is one of another table.
    """
    there = set(raw.headers)
    known = [each for each in formats if any(mark <= there for mark in each.marks)]
    if not known:
        return raw
    fitting = [each for each in known if each.table == table]
    if not fitting:
        values = {
            "name": known[0].name,
            "known": ", ".join(sorted({each.table for each in known})),
            "table": table,
        }
        raise InputError(Fault("format-table", file=raw.file, values=values))
    best = max(fitting, key=lambda form: max(len(mark) for mark in form.marks if mark <= there))
    own = {column: path for column, path in (columns or {}).items() if path.split(".")[0] in there}
    given = {column: path for column, path in best.part_fields.items() if column not in own}
    return _converted(raw, replace(best, fields={**best.fields, **own}, part_fields=given))


# -- converting ------------------------------------------------------------------------------------------


def _converted(raw: RawTable, form: Format) -> RawTable:
    notes = Diagnostics(raw.notes)
    kept = _kept(raw, form, notes)
    names = {column: (path,) if isinstance(path, str) else path for column, path in form.fields.items()}
    headers = {
        column: next((p for p in paths if p.split(".")[0] in raw.headers), paths[0])
        for column, paths in names.items()
    }
    taken = set(form.part_fields)
    headers |= {**form.part_fields, **{column: column for column in form.fixed}}
    order = list(headers)
    rows: list[list[Any]] = []
    numbers: list[int] = []
    points: list[int] = []
    for i in kept:
        record = dict(zip(raw.headers, raw.rows[i], strict=True))
        try:
            base = {c: _first_value(record, paths, form.values.get(c)) for c, paths in names.items()}
            groups = _alike(form.parts(record)) if form.parts is not None else [{}]
        except WrongElementError as error:
            expected = {"expected": error.expected}
            shown = " ".join(str(error.value).split())[:60]
            notes.append(Fault("format-element", raw.file, raw.row_numbers[i], error.path, shown, expected))
            continue
        for k, group in enumerate(groups):
            made = {**base, **form.fixed} | {
                column: value for column, value in group.items() if column in taken
            }
            if k:
                made["id"] = f"{base['id']}-{k + 1}" if base.get("id") is not None else None
            rows.append([made.get(column) for column in order])
            numbers.append(raw.row_numbers[i])
            points.append(i)
    check_size(raw.file, len(rows), len(order))
    values: dict[str, Any] = {"name": form.name, "n": len(raw.rows), "rows": len(rows)}
    notes.append(Fault("format-read", raw.file, values=values, warning=True))
    said = str(raw.rows[0][raw.headers.index(form.total)]) if raw.rows and form.total in raw.headers else ""
    if said.isdecimal() and len(said) < 10 and int(said) > len(raw.rows):
        values = {"n": len(raw.rows), "total": int(said)}
        notes.append(Fault("format-incomplete", raw.file, column=form.total, values=values, warning=True))
    geometry = None if raw.geometry is None else raw.geometry.iloc[points].reset_index(drop=True)
    return replace(
        raw,
        headers=order,
        rows=rows,
        row_numbers=numbers,
        geometry=geometry if not {"lon", "position"} & form.fields.keys() or _placed(raw) else None,
        notes=notes,
        shown=headers,
        factors=form.units,
        datum=form.datum,
        each_point=form.each_point,
    )


def _placed(raw: RawTable) -> bool:
    geometry: gpd.GeoSeries | None = raw.geometry
    return geometry is not None and bool((~shapely.is_missing(geometry.to_numpy())).any())


def _first_value(record: Record, paths: Sequence[str], values: Mapping[str, str | bool | None] | None) -> Any:
    """What the first of the fields says that says something, in our words."""
    found = next((value for path in paths if (value := at(record, path)) is not None), None)
    if isinstance(found, list | dict):
        raise WrongElementError(paths[0], found, "…")
    if values is None or found is None:
        return found
    word = str(int(found)) if isinstance(found, float) and found.is_integer() else str(found).strip()
    return values.get(word, values.get("*", found))


def _kept(raw: RawTable, form: Format, notes: Diagnostics) -> list[int]:
    """Positions of the records that are taken; a note for each reason to leave some out."""
    keep = list(range(len(raw.rows)))

    def leave(key: str, column: str, gone: list[int]) -> None:
        if not gone:
            return
        said = listed(list(dict.fromkeys(str(at(_record(raw, i, column), column)) for i in gone)), 5)
        values = {"n": len(gone), "rows": listed([raw.row_numbers[i] for i in gone], 20), "name": form.name}
        notes.append(Fault(key, raw.file, column=column, value=said, values=values, warning=True))
        dropped = set(gone)
        keep[:] = [i for i in keep if i not in dropped]

    for column, wanted in form.keep.items():
        if column.split(".")[0] in raw.headers:
            fits = [_fits(at(_record(raw, i, column), column), wanted) for i in keep]
            leave("format-left-out", column, [i for i, fit in zip(keep, fits, strict=True) if not fit])
    if form.unique in raw.headers:
        seen: set[Any] = set()
        again = []
        place = raw.headers.index(form.unique)
        for i in keep:
            name = raw.rows[i][place]
            if name not in (None, "") and isinstance(name, str | int) and name in seen:
                again.append(i)
            elif isinstance(name, str | int):
                seen.add(name)
        leave("format-twice", form.unique, again)
    return keep


def _record(raw: RawTable, i: int, path: str) -> Record:
    head = path.partition(".")[0]
    return {head: raw.rows[i][raw.headers.index(head)]}


def _fits(said: Any, wanted: frozenset[str]) -> bool:
    """Whether one of the values that stand in a field (``011100|150900``) is wanted."""
    words = said if isinstance(said, list) else str("" if said is None else said).split("|")
    return any(str(word).strip().casefold() in wanted for word in words)


def _alike(parts: Iterable[Part]) -> list[Part]:
    """Charge points that agree in everything but their power at the same time, added up; one of nothing if none."""
    groups: dict[tuple[Any, ...], Part] = {}
    for part in parts:
        one = {"points": 1, **part}
        key = tuple((k, str(v)) for k, v in one.items() if k not in ("points", "pool_kw"))
        if key not in groups:
            groups[key] = one
            continue
        for column in ("points", "pool_kw"):
            terms = [groups[key].get(column), one.get(column)]
            groups[key][column] = None if None in terms else sum(terms)
    return list(groups.values()) or [{}]
