"""The country's folder: which regions are done, failed or stale, and where everything lies.

::

    manifest.json          regions with their states
    regions.gpkg           the regions' polygons: id, name
    pieces/<id>/           what a region is made from: its roads, its rows of the tables
    regions/<id>/          its run folder
    national/              the run folder of the routes of the whole country
    country.*              national results
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..atomic import write_file, write_text
from ..errors import Fault, InputError
from ..files import read_bytes

State = Literal["done", "failed", "stale", "todo"]
MANIFEST, REGIONS, PIECES, RUNS, NATIONAL = "manifest.json", "regions.gpkg", "pieces", "regions", "national"
COUNTRY_MAP = "country.html"
_MOST_MB = 64


@dataclass(frozen=True)
class RegionRun:
    """A region and how its run ended.

    Attributes
    ----------
    id, name : str
    state : {"done", "failed", "stale", "todo"}
        ``stale``: its run folder is that of other inputs, options or another version.
    reason : str
        Why it failed, in the project's language; empty otherwise.
    key : str
        Hash of everything that its run folder depends on; of the last run, empty if there was none.
    seconds, peak_mb : float, optional
        Time of the run, and most memory of the process that it ran in. They differ from run to run.
    """

    id: str
    name: str
    state: State = "todo"
    reason: str = ""
    key: str = ""
    seconds: float | None = None
    peak_mb: float | None = None


@dataclass(frozen=True)
class Manifest:
    """State of all regions, in the order of the file of regions.

    Attributes
    ----------
    name, language : str
        Of the project.
    regions : tuple of RegionRun
    national : RegionRun
        The run of the routes of the whole country.
    cutting : mapping
        Time and memory of cutting: ``seconds, peak_mb``; empty if nothing was cut.
    warnings : tuple of str
        What was noticed in the country's tables, in the project's language.
    """

    name: str
    language: str
    regions: tuple[RegionRun, ...]
    national: RegionRun = RegionRun("", "")
    cutting: tuple[tuple[str, float], ...] = ()
    warnings: tuple[str, ...] = ()

    def __getitem__(self, region: str) -> RegionRun:
        """Return the region with an id."""
        return next(each for each in self.regions if each.id == region)

    def with_run(self, run: RegionRun) -> Manifest:
        """Return the manifest with another state of a region."""
        return replace(self, regions=tuple(run if each.id == run.id else each for each in self.regions))

    def counts(self) -> dict[str, int]:
        """How many regions there are in each state."""
        return {state: sum(r.state == state for r in self.regions) for state in get_args(State)}


def read_manifest(out: Path) -> Manifest | None:
    """Return the manifest of a country's folder; None if there is none.

    Raises
    ------
    InputError
        If it is there and is not what plugspan writes.
    """
    path = out / MANIFEST
    if not path.exists():
        return None
    try:
        data = json.loads(read_bytes(path, _MOST_MB).decode("utf-8"))
        runs = tuple(RegionRun(**each) for each in data["regions"])
        national = RegionRun(**data["national"])
        cutting, warnings = tuple(data["cutting"].items()), tuple(data.get("warnings", ()))
        return Manifest(data["name"], data["language"], runs, national, cutting, warnings)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(Fault("manifest-broken", file=str(path))) from error


def write_manifest(out: Path, manifest: Manifest) -> None:
    """Write the manifest; whoever reads it meanwhile finds the old one or the new one."""
    data: dict[str, Any] = {
        "schema": 1,
        "made_by": "plugspan",
        "name": manifest.name,
        "language": manifest.language,
        "cutting": dict(manifest.cutting),
        "warnings": manifest.warnings,
        "national": asdict(manifest.national),
        "regions": [asdict(run) for run in manifest.regions],
    }
    with write_file(out / MANIFEST, overwrite=True, ours=is_manifest, is_input=True) as new:
        write_text(new, json.dumps(data, ensure_ascii=False, indent=1) + "\n")


def is_manifest(path: Path) -> bool:
    """Whether a file is a manifest that plugspan wrote."""
    try:
        return bool(json.loads(read_bytes(path, _MOST_MB).decode("utf-8")).get("made_by") == "plugspan")
    except (ValueError, AttributeError, RecursionError, InputError, OSError):
        return False


def run_folder(out: Path, region: str) -> Path:
    """Where the run folder of a region lies."""
    return out / RUNS / region
