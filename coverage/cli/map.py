"""``plugspan map``: the map only."""

from __future__ import annotations

from pathlib import Path

import click

from .common import (
    lang_option,
    messages_in,
    open_project,
    option,
    progress_bar,
    project_argument,
    run_lang,
    verb,
    warn,
)


@verb("map")
@project_argument
@option("file", type=click.Path(path_type=Path, dir_okay=False), default=Path("map.html"), show_default=True)
@option("overwrite", is_flag=True)
@lang_option
def command(project: Path, file: Path, overwrite: bool, lang: str | None) -> int:
    """Assess, propose sites, and write one HTML file; of a run folder the map that is there."""
    from ..atomic import check_file
    from ..render.files import copy_from_run
    from ..render.run import run_folder, write_map_file

    run = run_folder(project)
    if run is not None:
        with messages_in(run_lang(run, lang)):
            copy_from_run(run, "map.html", file, overwrite=overwrite, lang=lang)
    else:
        from ..pipeline import make_plan  # slow to load, and not needed to copy a file

        opened = open_project(project, lang)
        with messages_in(opened.language), progress_bar(opened.language) as progress:
            check_file(file, overwrite=overwrite)
            plan = make_plan(opened, progress=progress)
            write_map_file(plan, file, overwrite=overwrite, lang=opened.language)
    warn(str(file))
    return 0
