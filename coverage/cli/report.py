"""``plugspan report``: the report only, as Word document and, if asked for, as PDF."""

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


@verb("report")
@project_argument
@option("file", type=click.Path(path_type=Path, dir_okay=False), default=None)
@option("pdf", is_flag=True)
@option("overwrite", is_flag=True)
@lang_option
def command(project: Path, file: Path | None, pdf: bool, overwrite: bool, lang: str | None) -> int:
    """Write the report of a project, or take that of a run folder."""
    from ..atomic import check_file
    from ..render.files import REPORTS, write_report_files, write_run_report
    from ..render.run import run_folder

    of_country = any((project / name).is_file() for name in REPORTS[1:])
    run = project if of_country else run_folder(project)
    if run is not None:
        with messages_in(run_lang(run, lang)):
            made = write_run_report(run, file, pdf=pdf, overwrite=overwrite, lang=lang)
    else:
        from ..pipeline import make_plan  # slow to load, and not needed to copy a file

        opened = open_project(project, lang)
        target = file or Path("report.docx")
        if target.suffix.lower() == ".pdf":
            target, pdf = target.with_suffix(".docx"), True
        with messages_in(opened.language), progress_bar(opened.language) as progress:
            check_file(target, overwrite=overwrite)
            if pdf:
                check_file(target.with_suffix(".pdf"), overwrite=overwrite)
            plan = make_plan(opened, progress=progress)
            made = write_report_files(plan, target, pdf=pdf, overwrite=overwrite, lang=opened.language)
    for path in made:
        warn(str(path))
    return 0
