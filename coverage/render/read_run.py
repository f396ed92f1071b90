"""A run folder read back: results, and the layers and tables as frames."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from ..schema import with_units
from ..units import WGS84
from ..vectors import read_vector
from .compare import part_of, read_result, result_path, rows_of


class _Layers(Mapping[str, pd.DataFrame]):
    """Layers and tables of a GeoPackage by name, each read when it is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        first = read_vector(path)
        self._names = (first.name, *first.others)

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._names:
            raise KeyError(name)
        layer = read_vector(self._path, name)
        frame = pd.DataFrame(layer.rows, columns=layer.headers).infer_objects()
        if layer.shapes is not None:
            frame = gpd.GeoDataFrame(frame, geometry=layer.geometry).to_crs(WGS84)
        return with_units(frame)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What a run folder holds.

    Attributes
    ----------
    folder : Path
    result : dict
        ``result.json`` as it stands: see ``result.schema.json``.
    """

    folder: Path
    result: Mapping[str, Any]

    @cached_property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Layers and tables of ``layers.gpkg`` by name, EPSG:4326, with their units in ``attrs["units"]``."""
        return _Layers(self.folder / "layers.gpkg")

    @property
    def findings(self) -> pd.DataFrame:
        """A row for each rule: ``rule, title, kind, unit, target, low, high, status`` and ``…_after``."""
        names = ["rule", "title", "kind", "unit", "target", "low", "high", "shown"]
        rows = [
            pd.DataFrame([*self._rows(f"{part}findings"), *self._rows(f"{part}measures")])
            .reindex(columns=names)
            .rename(columns={"shown": "status"})
            for part in ("", "after.")
        ]
        after = rows[1][["rule", "low", "high", "status"]]
        return rows[0].merge(after, on="rule", how="left", suffixes=("", "_after"))

    def _rows(self, section: str) -> list[dict[str, Any]]:
        return rows_of(self.result, section, self.folder / "result.json")

    def _part(self, section: str) -> Any:
        return part_of(self.result, section, self.folder / "result.json")

    @property
    def gaps(self) -> pd.DataFrame:
        """Today's gaps of every rule on roads, a row each; their lines are in the layer ``routes_before``."""
        return with_units(pd.DataFrame(self._rows("gaps")))

    @property
    def actions(self) -> pd.DataFrame:
        """What the plan builds, in its order; without rows where no plan was asked for."""
        if self.result.get("plan") is None:
            return with_units(pd.DataFrame([]), "")
        return with_units(pd.DataFrame(self._rows("plan.actions")), str(self._part("plan.cost.unit")))

    def __repr__(self) -> str:
        """Where it is and what of."""
        return f"<Run {self._part('project.name')!r} in {self.folder}: {len(self.findings)} rules>"

    def _repr_html_(self) -> str:
        """The findings as a table."""
        return f"<p>{html.escape(repr(self))}</p>{self.findings.to_html(index=False, na_rep='')}"


def read_run(folder: str | Path) -> Run:
    """Read the folder that ``plugspan run`` or :meth:`plugspan.Plan.save` wrote.

    Parameters
    ----------
    folder : path
        The run folder, or its ``result.json``.

    Raises
    ------
    InputError
        If there is no ``result.json`` there, or a damaged one.

    Examples
    --------
    >>> import plugspan, tempfile
    >>> from pathlib import Path
    >>> with plugspan.sample_project() as sample, tempfile.TemporaryDirectory() as folder:
    ...     plan = plugspan.make_plan(plugspan.read_project(sample))
    ...     run = plugspan.read_run(plan.save(Path(folder) / "run"))
    ...     longest_m = run.gaps["length_km"].max() * 1000
    >>> bool(longest_m > 40_000)
    True
    """
    path = Path(folder)
    return Run(result_path(path).parent, read_result(path))
