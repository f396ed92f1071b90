"""A country from its project file to its folder: read, cut, run what is missing or stale, and sum up."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import Fault, InputError, OutputExistsError, fault_lines
from ..network import Region
from ..network.osm.files import OSM_SUFFIXES, check_file
from ..project import Project
from ..reference_systems import check_crs
from ..study import read_project_policy
from ..units import M_PER_KM
from ..work_folder import held
from . import outputs
from .cut import Country, cut_country, piece_key
from .manifest import (
    MANIFEST,
    NATIONAL,
    PIECES,
    REGIONS,
    Manifest,
    RegionRun,
    write_manifest,
)
from .regions import margin_km, overlaps, read_regions, write_regions
from .tables import read_tables
from .tasks import Task, Where, cluster, last_run, note_run, peak_mb, run_tasks

MANIFEST_S = 5.0
"""The manifest has a row for each region: written after every region it would take the longer the more there are."""


class Progress:
    """Is told how the run of a country is getting on; this one tells nobody."""

    def stage(self, key: str, share: float) -> None:
        """Take the key of a stage (``stage.KEY`` in the catalogue) and the share of it that is done."""

    def begin(self, tasks: Sequence[Task], at_once: int, dashboard: str) -> None:
        """Take what is going to be run, by how many workers, and the address of Dask's dashboard."""

    def region(self, run: RegionRun) -> None:
        """Take a region that has ended."""


def read_country(project: Project) -> Country:
    """Read policy, regions and tables of a project of many regions.

    Raises
    ------
    InputError
        With every fault that does not concern single regions.
    """
    policy, _ = read_project_policy(project)
    check_file(project.path(project.network.osm), OSM_SUFFIXES)
    frame = read_regions(project)
    halo_m = margin_km(project, policy) * M_PER_KM
    whole = Region(frame.geometry.union_all(), halo_m, project.name)
    check_crs(project.output.crs, whole.with_halo.bounds, file="project.toml")
    tables = read_tables(project, whole)
    notes = (*tables.notes, *overlaps(project, frame, whole), *tables.of_other_than_one(frame))
    return Country(project, policy, frame, whole, replace(tables, notes=notes))


def run_country(
    project: Project,
    out: Path,
    *,
    only: Sequence[str] = (),
    workers: int | None = None,
    scheduler: str | None = None,
    memory_mb: float | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Run all regions of a country that are missing or stale, the national run, and write the national results.

    Parameters
    ----------
    project : Project
        With ``[regions]``.
    out : Path
        The country's folder; what is in it and up to date is kept.
    only : sequence of str
        Ids of the regions to run; all if empty. The others keep what they have.
    workers : int, optional
        Processes of this machine; as many as there are cores if left out.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers see the same files, instead.
    memory_mb : float, optional
        Most memory of a worker, MB: a region whose worker needs more has failed, and the worker is replaced.
        Left out, a worker of this machine has an equal share of its memory.
    progress : Progress

    Returns
    -------
    Manifest
        Failed regions have their reason; it is written every few seconds, and at the end.

    Raises
    ------
    InputError
        If the regions, the roads or whole tables cannot be used, ``only`` names regions that are not there, or
        another run is writing to the folder.
    OutputExistsError
        If the folder holds something else.
    PlugspanError
        If there is no Dask, or its scheduler is not there or is lost.
    """
    progress = progress or Progress()
    progress.stage("tables", 0.05)
    country = read_country(project)
    if unknown := [id_ for id_ in only if id_ not in (NATIONAL, *country.ids)]:
        known = ", ".join(country.ids[:20]) + (", …" if len(country.ids) > 20 else "")
        raise InputError(
            Fault("regions-only", file="project.toml", value=", ".join(unknown), values={"known": known})
        )
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).exists() and not (out / PIECES).is_dir():
        raise OutputExistsError("country-other-folder", path=out)
    (out / PIECES).mkdir(parents=True, exist_ok=True)
    with held(out / PIECES) as free:
        if not free:
            raise InputError(Fault("country-busy", file=str(out)))
        return _run_country(country, out, only, progress, Where(workers, scheduler, memory_mb))


def _run_country(
    country: Country, out: Path, only: Sequence[str], progress: Progress, where: Where
) -> Manifest:
    """Cut, run what is wanted, and sum up."""
    project = country.project
    write_regions(country.regions, out / REGIONS)
    started = time.perf_counter()
    was_cut = cut_country(country, out, lambda share: progress.stage("country-cut", share))
    cutting = (
        {"seconds": round(time.perf_counter() - started, 2), "peak_mb": peak_mb() or 0.0} if was_cut else {}
    )
    names = dict(zip(country.ids, country.regions["name"], strict=True)) | {
        NATIONAL: project.name.of(project.language)
    }
    tasks = {id_: Task(id_, names[id_], piece_key(out, id_)) for id_ in [NATIONAL, *country.ids]}
    runs = {id_: last_run(out, task) for id_, task in tasks.items()}
    faulty = _faulty(country, tasks)
    for run in faulty.values():
        note_run(out, run)
    runs |= faulty
    regions = tuple(runs[id_] for id_ in country.ids)
    manifest = Manifest(
        project.name.of(project.language),
        project.language,
        regions,
        runs[NATIONAL],
        tuple(cutting.items()),
        tuple(fault_lines(country.tables.notes, project.language)),
    )
    write_manifest(out, manifest)
    wanted = [
        replace(task, anew=runs[id_].state == "done")
        for id_, task in tasks.items()
        if (id_ in only if only else runs[id_].state != "done") and id_ not in faulty
    ]
    if wanted:
        manifest = _run(out, manifest, wanted, progress, where)
    progress.stage("country-national", 0.99)
    outputs.write(out, project, country.policy)
    return manifest


def _run(out: Path, manifest: Manifest, wanted: Sequence[Task], progress: Progress, where: Where) -> Manifest:
    """Run the tasks; what became of each is noted at once, the manifest follows every few seconds and at the end."""
    ended, written = dict[str, RegionRun](), time.monotonic()

    def now() -> Manifest:
        regions = tuple(ended.get(run.id, run) for run in manifest.regions)
        return replace(manifest, regions=regions, national=ended.get(NATIONAL, manifest.national))

    try:
        with cluster(where) as client:
            progress.begin(wanted, sum(client.nthreads().values()), client.dashboard_link)
            for run in run_tasks(client, out, wanted, manifest.language, where.memory_mb):
                note_run(out, run)
                ended[run.id] = run
                if time.monotonic() - written > MANIFEST_S:
                    write_manifest(out, now())
                    written = time.monotonic()
                progress.region(run)
    finally:
        write_manifest(out, now())
    return now()


def _faulty(country: Country, tasks: Mapping[str, Task]) -> dict[str, RegionRun]:
    """Regions that read rows with faults, with these as the reason; so has the national run if there are any."""
    found: dict[str, RegionRun] = {}
    if not country.tables.faults:
        return found
    lang, wrong = country.project.language, country.tables.faulty()
    for id_, task in tasks.items():
        faults = (wrong if id_ == NATIONAL else wrong.within(country.region(id_))).faults
        if faults:
            reason = "\n".join(fault_lines(faults, lang))
            found[id_] = RegionRun(id_, task.name, "failed", reason, task.key)
    return found
