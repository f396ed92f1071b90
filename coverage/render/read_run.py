"""A run folder read back: ``result.json``, whoever has written it, and the layers and tables as frames."""

from __future__ import annotations

import html
import json
import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio

from ..errors import Fault, InputError
from ..files import MOST_MB, check_there
from ..geopackage import column_types, layer_names
from ..schema import with_units
from ..tables.result import RESULT_SCHEMA
from ..texts import LANGUAGES
from ..units import WGS84
from ..vectors import read_vector


class _Layers(Mapping[str, pd.DataFrame]):
    """Layers and tables of a GeoPackage by name, each read when it is asked for."""

    def __init__(self, path: Path, most_mb: float | None) -> None:
        self._path, self._most_mb = path, most_mb
        if not path.exists():
            raise InputError(Fault("run-without-file", file=str(path.parent), value=path.name))
        check_there(path)
        with told_as_damage(path):
            self._names = layer_names(path)

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._names:
            raise KeyError(name)
        with told_as_damage(self._path):
            layer = read_vector(self._path, name, most_mb=self._most_mb)
            types = column_types(self._path, name)
        frame = pd.DataFrame(layer.rows, columns=layer.headers, dtype=object)
        frame = frame.assign(**{column: _cast(frame[column], types[column]) for column in layer.headers})
        if layer.shapes is not None:
            frame = gpd.GeoDataFrame(frame, geometry=layer.geometry).to_crs(WGS84)
        return with_units(frame)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


TYPES = {
    "INT": "Int64", "INTEGER": "Int64", "MEDIUMINT": "Int64", "SMALLINT": "Int64", "TINYINT": "Int64",
    "REAL": "Float64", "DOUBLE": "Float64", "FLOAT": "Float64", "BOOLEAN": "boolean", "TEXT": "string",
}  # fmt: skip
"""Types of pandas by those of GeoPackages: a column has the same type whatever its rows hold."""


def _cast(values: pd.Series[Any], declared: str) -> pd.Series[Any]:
    """Values with the type that their file declares; as they are where they are of another, as a stranger may write."""
    kind = declared.partition("(")[0]
    try:
        if kind in ("DATE", "DATETIME"):
            return pd.to_datetime(values, utc=kind == "DATETIME").dt.as_unit("us")
        return values.astype(TYPES.get(kind, "object"))  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return values


@contextmanager
def told_as_damage(path: Path) -> Iterator[None]:
    """Say of a file that can't be read what helps with a run folder: the remedies of input files don't."""
    try:
        yield
    except (sqlite3.Error, pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError) as error:
        raise InputError(Fault("run-file-damaged", file=str(path))) from error
    except InputError as error:
        if any(fault.key in ("layer-broken", "layer-foreign") for fault in error.faults):
            raise InputError(Fault("run-file-damaged", file=str(path))) from error
        raise


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What a run folder holds.

    Attributes
    ----------
    folder : Path
    result : dict
        ``result.json`` as it stands: see ``result.schema.json``.
    most_mb : float, optional
        Largest layer or table that is read.
    """

    folder: Path
    result: Mapping[str, Any]
    most_mb: float | None = None

    @cached_property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Layers and tables of ``layers.gpkg`` by name, EPSG:4326, with their units in ``attrs["units"]``."""
        return _Layers(self.folder / "layers.gpkg", self.most_mb)

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


def read_run(folder: str | Path, *, most_mb: float | None = None) -> Run:
    """Read the folder that ``plugspan run`` or :meth:`plugspan.Plan.save` wrote.

    Parameters
    ----------
    folder : path
        The run folder, or its ``result.json``.
    most_mb : float, optional
        Largest ``result.json``, and largest layer, that is read: one takes ten times as much memory.

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
    return Run(result_path(path).parent, read_result(path, most_mb), most_mb)


# -- result.json --------------------------------------------------------------------------------------


_MOST_SHOWN = 120
_SHOWN_DIGITS = 20


def read_result(folder: Path, most_mb: float | None = None) -> dict[str, Any]:
    """Read the ``result.json`` of a run folder (or the file itself).

    Raises
    ------
    InputError
        If there is none, or it was not written by plugspan.
    """
    path = result_path(folder)
    most_mb = MOST_MB if most_mb is None else most_mb
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever
        raise InputError(Fault("result-no-file", file=str(path)))
    if path.exists() and path.stat().st_size > most_mb * 1_000_000:
        raise InputError(Fault("result-too-large", file=str(path), values={"mb": most_mb}))
    try:
        result = json.loads(path.read_text("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except OSError as error:
        raise InputError(
            Fault("no-run-folder", file=str(path), values={"reason": error.strerror or error})
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(
            Fault("result-damaged", file=str(path), values={"reason": one_line(error)})
        ) from error
    if isinstance(result, dict) and result.get("schema") in range(1, RESULT_SCHEMA):
        raise InputError(Fault("result-older", file=str(path)))
    if not isinstance(result, dict) or result.get("schema") != RESULT_SCHEMA or "findings" not in result:
        raise InputError(Fault("no-run-folder", file=str(path), values={"reason": "schema"}))
    return result


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:_SHOWN_DIGITS]} is beyond all numbers")
    return number


def part_of(result: Any, section: str, file: Path) -> Any:
    """A section (``"after.gaps"``) of a result of unknown origin.

    Raises
    ------
    InputError
        If it is missing, as in run folders of older versions, or would lie in what has no sections.
    """
    for name in section.split("."):
        if not isinstance(result, dict) or name not in result:
            key = "result-section-missing" if isinstance(result, dict) else "result-section"
            raise InputError(Fault(key, file=str(file), values={"section": section}))
        result = result[name]
    return result


def rows_of(result: Any, section: str, file: Path, key: str = "") -> list[dict[str, Any]]:
    """Rows of a section, as :func:`part_of`; each is a table of its own, with ``key`` in it."""
    rows = part_of(result, section, file)
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and (not key or key in row) for row in rows
    ):
        raise InputError(Fault("result-section", file=str(file), values={"section": section}))
    return rows


def result_path(folder: Path) -> Path:
    """Where the ``result.json`` of a run folder is; the file itself may be named, too."""
    return folder / "result.json" if folder.is_dir() else folder


def run_language(folder: Path) -> str | None:
    """The language that a run was written in; None if that can't be read."""
    try:
        language = read_result(folder)["project"]["language"]
    except (InputError, KeyError, TypeError):
        return None
    return next((known for known in LANGUAGES if known == language), None)


def one_line(value: object, most: int = _MOST_SHOWN) -> str:
    r"""A value of unknown origin as a short line of printable text.

    Examples
    --------
    >>> one_line(["a", "b\x1b[31m", 1.5, None])
    'a, b�[31m, 1.5, –'
    """
    if value is None:
        return "–"
    if isinstance(value, list):
        line = ", ".join(one_line(each, most) for each in value[:most] if not isinstance(each, list))
    elif isinstance(value, float):
        line = f"{value:.9g}"
    else:
        try:
            line = str(value)
        except (
            ValueError,
            RecursionError,
        ):  # a number of thousands of digits, brackets in hundreds of levels
            line = "…"
    line = "".join(c if c.isprintable() else "�" for c in line[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"
