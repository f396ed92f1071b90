"""``plugspan export``: layers and tables in other formats or a database, or the workbook only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from ..texts import text
from .common import (
    lang_option,
    messages_in,
    open_project,
    option,
    progress_bar,
    progress_option,
    project_argument,
    ui_lang,
    verb,
    warn,
)

if TYPE_CHECKING:
    from ..render.gis.export import Format

FORMATS = ("shapefile", "geojson", "flatgeobuf", "geoparquet", "pmtiles", "postgis", "xlsx")


@verb("export")
@project_argument
@option("format", "kind", type=click.Choice(FORMATS), required=True)
@option("out", type=click.Path(path_type=Path), default=None, metavar="PATH")
@option("to", default=None, metavar="URL")
@option("schema", default="plugspan", show_default=True, metavar="NAME")
@option("encoding", type=click.Choice(("UTF-8", "GBK")), default="UTF-8", show_default=True)
@option("overwrite", is_flag=True)
@lang_option
@progress_option
def command(
    project: Path, kind: str, out: Path | None, lang: str | None, form: str | None, **more: Any
) -> int:
    """Take a run folder as it is, or assess and propose sites; then write in another format."""
    from ..atomic import check_file, check_folder
    from ..pipeline import make_plan
    from ..plan import Plan
    from ..render.read_run import run_language
    from ..render.run import is_run_folder

    opened = None if is_run_folder(project) else open_project(project, lang)
    spoken = lang or run_language(project) or ui_lang() if opened is None else opened.language
    if (kind == "postgis") != (more["to"] is not None):
        raise click.UsageError(text("cli.export.to", spoken))
    target = out or Path("tables.xlsx" if kind == "xlsx" else kind)
    with messages_in(spoken), progress_bar(spoken, form) as progress:
        if kind != "postgis":
            (check_file if kind == "xlsx" else check_folder)(target, overwrite=more["overwrite"])
        source: Plan | Path = project if opened is None else make_plan(opened, progress=progress)
        told = _write(source, target, kind, spoken, lang, **more)
    for line in told:
        warn(line)
    return 0


def _write(
    source: Any,
    target: Path,
    kind: str,
    spoken: str,
    asked: str | None,
    *,
    overwrite: bool,
    **more: Any,
) -> list[str]:
    """Write what a plan or a run folder holds; what is to be said of it."""
    from ..render.files import Handover, copy_from_run, write_workbook_file
    from ..render.gis.export import IN_DEGREES

    of_run = isinstance(source, Path)
    if kind == "xlsx":
        if of_run:
            copy_from_run(source, "tables.xlsx", target, overwrite=overwrite, lang=asked)
        else:
            write_workbook_file(source, target, overwrite=overwrite, lang=spoken)
        return [str(target)]
    take = Handover.of_run if of_run else Handover.of_plan
    held = take(source, spoken, degrees=kind in IN_DEGREES)
    if kind == "postgis":
        n = held.store(more["to"], more["schema"], overwrite=overwrite, lang=spoken)
        return [text("cli.export.stored", spoken, n=n, schema=more["schema"])]
    notes = held.export(
        target, cast("Format", kind), encoding=more["encoding"], overwrite=overwrite, lang=spoken
    )
    return [*(note.render(spoken) for note in notes), str(target)]
