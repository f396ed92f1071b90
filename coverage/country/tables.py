"""The tables of a country: read once, with every fault at its row, and cut by region.

A region's rows are those in it and its halo. They keep the file and the row that they come from, so that faults and
sources of a region name the country's own files.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pyarrow import feather

from ..errors import Diagnostics, Fault, InputError
from ..inputs import SCHEMAS
from ..inputs.frames import TEXT_DTYPE
from ..inputs.ledger import FileEntry, again
from ..inputs.tables import OnFault
from ..network import Region, RoadGraph
from ..project import Project, TableSettings
from ..study import content_of, file_twice, read_list
from ..units import WGS84

_OURS = b"plugspan"


@dataclass(frozen=True, eq=False)
class ListOfRows:
    """One file of a table.

    Attributes
    ----------
    name : str
        Of its schema.
    number : int
        Of the file among those of the table, in the project.
    settings : TableSettings
    frame : GeoDataFrame
        Its rows, those with faults, too.
    faults : tuple of Fault
        Of rows that have a place: the regions that read them cannot be assessed.
    """

    name: str
    number: int
    settings: TableSettings
    frame: gpd.GeoDataFrame
    faults: tuple[Fault, ...] = ()

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Finds rows by their places."""
        return shapely.STRtree(self.frame.geometry.to_numpy())

    @cached_property
    def unplaced(self) -> np.ndarray:
        """Positions of the rows that have no place."""
        return np.flatnonzero(self.frame.geometry.isna().to_numpy())

    @cached_property
    def counties(self) -> pd.Series[Any] | None:
        """County of each row without a place, by position; a row of counties is its own. None in a table without."""
        column = "name" if self.name == "counties" else "county"
        if column not in self.frame:
            return None
        named: pd.Series[Any] = self.frame[column].iloc[self.unplaced].set_axis(self.unplaced)
        return named

    @cached_property
    def _by_county(self) -> Mapping[Hashable, np.ndarray]:
        return {} if self.counties is None else _rows_by(self.counties)

    @cached_property
    def by_berth(self) -> Mapping[Hashable, np.ndarray]:
        """Positions of calls by their berth."""
        return _rows_by(self.frame["berth"].reset_index(drop=True))

    @cached_property
    def _faults_by_row(self) -> Mapping[int | None, list[Fault]]:
        found: dict[int | None, list[Fault]] = {}
        for fault in self.faults:
            found.setdefault(fault.row, []).append(fault)
        return found

    def within(self, region: Region, counties: set[str]) -> ListOfRows:
        """Return the rows in a region and its halo, and those without a place that have one of these counties."""
        near = self.tree.query(region.with_halo, predicate="intersects")
        unplaced = self.unplaced if self.counties is None else _joined(self._by_county, counties)
        return self.take(np.sort(np.concatenate([unplaced, near])))

    def take(self, rows: np.ndarray) -> ListOfRows:
        """Return the list with some of the rows, by position."""
        frame = self.frame.iloc[rows].reset_index(drop=True)
        numbers = dict.fromkeys(
            frame["source_row"].tolist()
        )  # an area that is spread is many rows of one number
        faults = tuple(fault for number in numbers for fault in self._faults_by_row.get(number, ()))
        return replace(self, frame=frame, faults=faults)


def _rows_by(values: pd.Series[Any]) -> Mapping[Hashable, np.ndarray]:
    """Labels of the rows by their values, found once: thousands of regions ask for theirs."""
    return {value: labels.to_numpy() for value, labels in values.groupby(values).groups.items()}


def _joined(rows: Mapping[Hashable, np.ndarray], values: Iterable[Hashable]) -> np.ndarray:
    """Rows of some values, ascending."""
    found = [rows[value] for value in values if value in rows]
    return np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *found]))


@dataclass(frozen=True, eq=False)
class Tables:
    """All lists of a country or of a region, and what was noticed in them."""

    lists: tuple[ListOfRows, ...]
    notes: tuple[Fault, ...] = ()
    ledger: tuple[FileEntry, ...] = ()

    @property
    def faults(self) -> list[Fault]:
        """Faults of single rows."""
        return [fault for each in self.lists for fault in each.faults]

    def faulty(self) -> Tables:
        """Return the rows with faults alone."""
        return Tables(tuple(
            each.take(np.flatnonzero(each.frame["source_row"].isin([fault.row for fault in each.faults])))
            for each in self.lists
        ))  # fmt: skip

    def within(self, region: Region) -> Tables:
        """Return the rows in a region and its halo, and those that name a county of it and have no place.

        Calls of ships go with their berths.
        """
        names = {region.name} | self.county_names(region)
        cut = {
            (each.name, each.number): each.within(region, names)
            for each in self.lists
            if each.name != "calls"
        }
        berths = {
            id_ for (name, _), each in cut.items() if name == "berths" for id_ in each.frame["id"].dropna()
        }
        return Tables(tuple(
            each.take(_joined(each.by_berth, berths)) if each.name == "calls" else cut[each.name, each.number]
            for each in self.lists
        ))  # fmt: skip

    def county_names(self, region: Region | None = None) -> set[str]:
        """Names of the counties that have a border, or of those whose middle lies in a region."""
        names, middles = self._counties
        inside = slice(None) if region is None else middles.query(region.polygon, predicate="intersects")
        return set(names[inside])

    @cached_property
    def _counties(self) -> tuple[np.ndarray, shapely.STRtree]:
        """Names of the counties that have a border and a name, and a point of each."""
        frames = [each.frame for each in self.lists if each.name == "counties"]
        areas = [frame[frame.geometry.notna() & frame["name"].notna()] for frame in frames]
        names = [name for frame in areas for name in frame["name"].astype(str)]
        shapes = [shape for frame in areas for shape in frame.geometry]
        return np.array(names, dtype=object), shapely.STRtree(shapely.point_on_surface(shapes))

    def of_other_than_one(self, regions: gpd.GeoDataFrame) -> list[Fault]:
        """Notes of the rows without a place that no region counts, or several: by the names of their counties."""
        names, middles = self._counties
        owner, middle = middles.query(regions.geometry.to_numpy(), predicate="intersects")
        named = {"region": [*range(len(regions)), *owner], "name": [*regions["name"], *names[middle]]}
        held = pd.DataFrame(named).drop_duplicates()["name"].value_counts()
        found = []
        for each in self.lists:
            if each.name == "calls" or each.counties is None or each.settings.path is None:
                continue
            n = each.counties.map(held).fillna(0)
            for key, rows in (("row-no-region", n == 0), ("row-many-regions", n > 1)):
                numbers = each.frame["source_row"].to_numpy()[n.index[rows.to_numpy(bool)]]
                found += [
                    Fault(key, each.settings.path.as_posix(), int(row), warning=True) for row in numbers
                ]
        return found


def read_tables(project: Project, region: Region) -> Tables:
    """Read every file of every table once.

    Raises
    ------
    InputError
        With all faults, if some concern a whole file, or rows that have no place: nobody knows which region they are
        in. Faults of rows with a place alone stay with them.
    """
    found, ledger, lists = Diagnostics(), list[FileEntry](), list[ListOfRows]()
    seen: dict[Hashable, Path] = {}
    for name in SCHEMAS:
        for number, settings in enumerate(project.tables.get(name, ())):  # type: ignore[call-overload]
            if settings.path is None:
                continue
            content = content_of(project, name, settings)
            if content is not None and content in seen:
                found.append(file_twice(settings, seen[content]))
                first = next(
                    (e for e in ledger if (e.table, e.path) == (name, seen[content].as_posix())), None
                )
                ledger += [] if first is None else [again(first, settings.path.as_posix())]
                continue
            if content is not None:
                seen[content] = settings.path
            with found.collecting():
                lists.append(_read(project, name, number, settings, region, found, ledger))
    if found.faults:
        raise InputError([*found.faults, *(fault for each in lists for fault in each.faults)])
    return Tables(tuple(lists), tuple(found), tuple(ledger))


def _read(
    project: Project,
    name: str,
    number: int,
    settings: TableSettings,
    region: Region,
    found: Diagnostics,
    ledger: list[FileEntry],
) -> ListOfRows:
    """Read one file; faults of rows with a place are kept with the list, all others are appended."""
    notes, entries = Diagnostics(), list[FileEntry]()
    on_fault: OnFault | None = "keep" if settings.on_fault == "stop" else None
    try:
        frame = read_list(project, name, settings, region, None, notes, entries, on_fault=on_fault)
    finally:
        ledger += entries
        found += notes.notes
    placed = set(frame.loc[frame.geometry.notna(), "source_row"].tolist())
    found += [fault for fault in notes.faults if fault.row not in placed]
    of_rows = tuple(fault for fault in notes.faults if fault.row in placed)
    return ListOfRows(name, number, settings, frame, of_rows)


# -- lists as files ----------------------------------------------------------------------------------------
def write_list(each: ListOfRows, path: Path) -> None:
    """Write the rows as an Arrow file (Parquet has no dates in whole seconds), with the file that they are of."""
    plain = pd.DataFrame(each.frame).assign(geometry=shapely.to_wkb(each.frame.geometry.to_numpy()))
    table = pa.Table.from_pandas(plain, preserve_index=False)
    said = {key: each.frame.attrs.get(key) for key in ("path", "datum")}
    words = json.dumps(said, ensure_ascii=False, sort_keys=True).encode()
    told = table.replace_schema_metadata({**(table.schema.metadata or {}), _OURS: words})
    feather.write_feather(told, str(path), compression="zstd")


def read_written(
    project: Project,
    name: str,
    settings: TableSettings,
    _region: Region | None,
    _roads: RoadGraph | None,
    _found: Diagnostics,
    ledger: list[FileEntry],
) -> gpd.GeoDataFrame:
    """Read what :func:`write_list` has written: a :data:`~plugspan.study.ListReader`."""
    assert settings.path is not None
    table = feather.read_table(project.path(settings.path))
    said = json.loads(table.schema.metadata[_OURS])
    plain = table.to_pandas()
    texts = [c for c in plain if pd.api.types.is_string_dtype(plain[c].dtype) and plain[c].dtype != object]
    plain = plain.astype(dict.fromkeys(texts, TEXT_DTYPE))
    frame = gpd.GeoDataFrame(
        plain.drop(columns="geometry"), geometry=shapely.from_wkb(plain["geometry"]), crs=WGS84
    )
    frame.attrs |= {key: said[key] for key in ("path", "datum") if said[key] is not None}
    ledger.append(FileEntry(said["path"], name, len(frame)))
    return frame
