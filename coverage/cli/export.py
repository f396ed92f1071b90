"""``plugspan export``: the layers in other formats, or the workbook only."""

from __future__ import annotations

from pathlib import Path

import click

from .common import lang_option, messages_in, open_project, option, progress_bar, project_argument, verb, warn

FORMATS = ("shapefile", "geojson", "flatgeobuf", "geoparquet", "pmtiles", "xlsx")


@verb("export")
@project_argument
@option("format", type=click.Choice(FORMATS), required=True)
@option("out", type=click.Path(path_type=Path), default=None, metavar="PATH")
@option("encoding", type=click.Choice(("UTF-8", "GBK")), default="UTF-8", show_default=True)
@option("overwrite", is_flag=True)
@lang_option
def command(
    project: Path,
    format: str,  # noqa: A002 (the option's name)
    out: Path | None,
    encoding: str,
    overwrite: bool,
    lang: str | None,
) -> int:
    """Assess, propose sites, and write the layers in another format."""
    from ..atomic import check_file, check_folder
    from ..pipeline import make_plan
    from ..render.files import write_export

    opened = open_project(project, lang)
    target = out or Path("tables.xlsx" if format == "xlsx" else format)
    with messages_in(opened.language), progress_bar(opened.language) as progress:
        (check_file if format == "xlsx" else check_folder)(target, overwrite=overwrite)
        plan = make_plan(opened, progress=progress)
        notes = write_export(
            plan, target, format, encoding=encoding, overwrite=overwrite, lang=opened.language
        )
    for note in notes:
        warn(note.render(opened.language))
    warn(str(target))
    return 0
