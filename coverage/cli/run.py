"""``plugspan run``: from the project file to the run folder."""

from __future__ import annotations

import time
from pathlib import Path

from .common import finish, open_project, out_options, progress, project_argument, told_in, verb


@verb("run")
@project_argument
@out_options
def command(project: Path, out: Path | None, overwrite: bool, lang: str | None, strict: bool) -> int:
    """Read, assess, site, write."""
    from ..atomic import check_folder
    from ..render.run import write_run
    from ..pipeline import make_plan

    started = time.perf_counter()
    opened = open_project(project, lang)
    folder = out or opened.folder / "run"
    with told_in(opened.language), progress(opened.language) as tell:
        check_folder(folder, overwrite=overwrite)
        plan = make_plan(opened, tell=tell, solving=tell.solving)
        write_run(plan, folder, overwrite=overwrite, lang=opened.language, tell=tell)
    return finish(plan, folder, opened.language, started, strict=strict)
