"""The ledger: what became of each row of each file, so that read = kept + merged + left out + faulted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from ..errors import Diagnostics, Fault
from ..schema import TableSchema
from ..texts import text
from .headers import listed
from .raw_table import RawTable

OUTCOMES = ("kept", "merged", "left_out", "faulted")


@dataclass(frozen=True)
class Merge:
    """A site of one list that was joined to that of another, and why.

    Attributes
    ----------
    into, id : str
        Ids of the rows that stand for both: what stayed and what was joined to it.
    table, file : str
        Name of the schema; file that ``rows`` (as a spreadsheet shows them) are of.
    score : float
        0 to 1; 1 if people decided so.
    reasons : tuple of (key, value)
        See :meth:`reason`.
    path : str
        The file as the project names it.
    stays : bool
        The rows are kept beside those of ``into``: AC posts beside the DC ones that the other list names.
    """

    into: str
    id: str
    table: str
    file: str
    rows: tuple[int, ...]
    score: float
    reasons: tuple[tuple[str, Any], ...]
    stays: bool = False
    path: str = ""

    def reason(self, lang: str) -> str:
        """Say in words why the two were taken for one."""
        return text("fusion.and", lang).join(text(f"fusion.{key}", lang, value=v) for key, v in self.reasons)


@dataclass(frozen=True)
class FileEntry:
    """What became of the rows of one file.

    Attributes
    ----------
    path, table : str
        File as the project names it; name of the schema.
    read : int
        Rows below the header that hold anything; features of a layer; places of the OSM file.
    left_out, faulted : tuple of int
        Rows (as a spreadsheet shows them) that are no rows of the table (sums, footnotes), and rows that could not be
        used. A row stands there as often as the table has it.
    columns : tuple of (str, str, str)
        Our column, the header that was taken for it, and its first values.
    osm : bool
        Whether the rows are places of the OSM file.
    merged : int
        Rows that stand for a site which another list, or the same file given before, has, too.
    """

    path: str
    table: str
    read: int
    left_out: tuple[int, ...] = ()
    faulted: tuple[int, ...] = ()
    merged: int = 0
    osm: bool = False
    columns: tuple[tuple[str, str, str], ...] = ()

    @property
    def kept(self) -> int:
        """Rows that count."""
        return self.read - self.merged - len(self.left_out) - len(self.faulted)

    def counts(self) -> dict[str, Any]:
        """Return the entry as ``result.json`` and ``check --json`` have it."""
        others = {"left_out": len(self.left_out), "faulted": len(self.faulted)}
        counts = {"read": self.read, "kept": self.kept, "merged": self.merged}
        return {"path": self.path, "table": self.table, **counts, **others}


def ledger_line(entry: FileEntry, lang: str) -> str:
    """What became of a file's rows, in a sentence."""
    counts = entry.counts()
    return text("ledger.line", lang, **{**counts, "table": text(f"ledger.table.{entry.table}", lang)})


def as_written(found: Diagnostics, raw: RawTable) -> Diagnostics:
    """Quote cells as the file has them: ``15610400000``, not what a number made of it (``1.56104e+10``)."""
    at = {header: i for i, header in reversed(list(enumerate(raw.headers)))}
    row_at = (
        {number: i for i, number in enumerate(raw.row_numbers)} if any(_of_cell(f) for f in found) else {}
    )

    def quoted(fault: Fault) -> Fault:
        if not _of_cell(fault) or fault.column not in at or fault.row not in row_at:
            return fault
        cell = raw.rows[row_at[fault.row]][at[fault.column]]
        return fault if cell is None else replace(fault, value=" ".join(str(cell).split())[:60])

    return Diagnostics(quoted(fault) for fault in found)


def _of_cell(fault: Fault) -> bool:
    return isinstance(fault.value, float) and fault.key in ("value-odd", "value-negative", "value-share")


def faulty_rows(found: Diagnostics, table: gpd.GeoDataFrame, raw: RawTable) -> dict[int, int]:
    """Rows that have a fault of their own, each with how many rows of the table it stands for."""
    rows = {f.row for f in found.faults if f.row is not None and f.row > raw.header_row}
    again = table["id"].notna() & table["id"].duplicated()
    rows |= set(table.loc[again & ~table["source_row"].isin(rows), "source_row"].astype(int).tolist())
    counts = table["source_row"].value_counts()
    return {row: int(counts.get(row, 1)) for row in sorted(rows)}


def file_entry(schema: TableSchema, read: RawTable, kept: RawTable, faulty: Mapping[int, int]) -> FileEntry:
    """What became of the rows of a file; rows that could not even be taken apart count as read, too."""
    there = set(kept.row_numbers)
    left_out = [number for number in read.row_numbers if number not in there]
    known = there.union(left_out)
    broken = [row for row in faulty if row not in known]
    rows = tuple(row for row, n in faulty.items() for _ in range(n))
    return FileEntry(read.file, schema.name, len(read.rows) + len(broken), tuple(left_out), rows)


def without_rows(
    table: gpd.GeoDataFrame, found: Diagnostics, faulty: Mapping[int, int], file: str
) -> tuple[gpd.GeoDataFrame, Diagnostics]:
    """Leave out rows with faults; their faults become notes."""
    kept = table[~table["source_row"].isin(faulty)].reset_index(drop=True)
    values = {"n": len(faulty), "rows": listed(list(faulty), 20)}
    notes = [replace(f, warning=True) if f.row in faulty else f for f in found]
    return kept, Diagnostics([Fault("rows-skipped", file=file, values=values, warning=True), *notes])


def again(entry: FileEntry, path: str) -> FileEntry:
    """Entry of a file with the content of one that was read before: all its rows are there already."""
    return replace(entry, path=path, merged=entry.read - len(entry.left_out) - len(entry.faulted))


def with_merges(entries: Iterable[FileEntry], merges: Sequence[Merge]) -> tuple[FileEntry, ...]:
    """Count in each entry what was merged into rows of others; merges of OpenStreetMap have no path."""
    gone: dict[tuple[str, str], int] = {}
    for merge in merges:
        if not merge.stays:
            key = (merge.table, merge.path)
            gone[key] = gone.get(key, 0) + len(merge.rows)
    return tuple(
        replace(e, merged=e.merged + gone.get((e.table, "" if e.osm else e.path), 0)) for e in entries
    )


def row_sites(inputs: Any) -> pd.DataFrame:
    """Return what each row became: ``table``, ``file``, ``row``, ``id``, ``site``, ``outcome``.

    Parameters
    ----------
    inputs : Inputs
        Rows that count have their ``id`` and, of chargers, the ``site`` they belong to; merged ones those that they
        were merged into.
    """
    parts = []
    for name in ("chargers", "facilities", "berths", "car_parks", "demand", "counties", "calls"):
        table = getattr(inputs, name)
        site = table["site"] if "site" in table else table["id"]
        shown = {
            "table": name,
            "file": table["source"],
            "row": table["source_row"],
            "id": table["id"],
            "site": site,
        }
        parts.append(pd.DataFrame({**shown, "outcome": "kept"}))
    site_of = dict(zip(inputs.chargers["id"].astype(str), inputs.chargers["site"].astype(str), strict=True))
    rows = [
        (m.table, m.file, row, m.into, site_of.get(m.into, m.into), "merged")
        for m in inputs.merges if not m.stays for row in m.rows
    ]  # fmt: skip
    rows += [
        (e.table, Path(e.path).name, row, None, None, outcome)
        for e in inputs.ledger for outcome in ("left_out", "faulted") for row in getattr(e, outcome)
    ]  # fmt: skip
    names = ["table", "file", "row", "id", "site", "outcome"]
    parts.append(pd.DataFrame(rows, columns=names))
    joined = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return joined.sort_values(["table", "file", "row"], kind="stable", ignore_index=True)
