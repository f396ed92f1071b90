"""``plugspan run``: from the project file to the run folder."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .common import (
    finish,
    messages_in,
    open_project,
    option,
    out_options,
    progress_bar,
    progress_option,
    project_argument,
    verb,
    warn_of_scenario,
)


@verb("run")
@project_argument
@option("scenario", type=click.Path(path_type=Path, dir_okay=False))
@option("only", metavar="IDS")
@option("workers", type=click.IntRange(1, 10_000))
@option("memory", metavar="MB", type=click.IntRange(100, 10_000_000))
@option("scheduler", metavar="ADDRESS")
@out_options
@progress_option
def command(
    project: Path,
    scenario: Path | None,
    only: str | None,
    workers: int | None,
    memory: int | None,
    scheduler: str | None,
    out: Path | None,
    overwrite: bool,
    lang: str | None,
    strict: bool,
    form: str | None,
) -> int:
    """Read, assess, site, write."""
    from ..atomic import check_folder
    from ..errors import Fault, InputError

    started = time.perf_counter()
    opened = open_project(project, lang)
    folder = out or opened.folder / "run"
    if opened.regions is not None:
        if scenario is not None or strict:
            raise InputError(Fault("regions-one-only", file="project.toml"))
        from .regions import run_regions

        ids = [] if only is None else [id_.strip() for id_ in only.split(",") if id_.strip()]
        return run_regions(opened, folder, ids, form, workers=workers, scheduler=scheduler, memory_mb=memory)
    if any(given is not None for given in (only, workers, memory, scheduler)):
        raise InputError(Fault("regions-none", file="project.toml"))
    from ..pipeline import make_plan
    from ..scenario import read_scenario

    with messages_in(opened.language), progress_bar(opened.language, form) as progress:
        check_folder(folder, overwrite=overwrite)
        changed = None if scenario is None else read_scenario(scenario)
        plan = make_plan(opened, scenario=changed, progress=progress, solving=progress.solving)
        from ..render.run import write_run  # slow to load, and not needed where the inputs have faults

        shown = write_run(plan, folder, overwrite=overwrite, lang=opened.language, progress=progress)
    code = finish(shown, folder, started, strict=strict)
    return code if changed is None else warn_of_scenario(plan, changed, opened.language) or code
