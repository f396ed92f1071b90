"""``plugspan export``: layers and tables in other formats or a database, or the workbook only."""

from __future__ import annotations

from collections.abc import Callable
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
    run_lang,
    verb,
    warn,
)

if TYPE_CHECKING:
    from ..render.gis.export import Format

FORMATS = ("shapefile", "geojson", "flatgeobuf", "geoparquet", "pmtiles", "postgis", "xlsx")
SCHEMA, ENCODING = "plugspan", "UTF-8"
PLANNED = 0.8
"""Share of the work that a plan is, where it has to be made first."""


@verb("export")
@project_argument
@option("format", "kind", type=click.Choice(FORMATS), required=True)
@option("out", about="out-export", type=click.Path(path_type=Path), default=None, metavar="PATH")
@option("to", default=None, metavar="URL")
@option("schema", default=SCHEMA, show_default=True, metavar="NAME")
@option("encoding", type=click.Choice(("UTF-8", "GBK")), default=ENCODING, show_default=True)
@option("overwrite", is_flag=True)
@lang_option
@progress_option
def command(
    project: Path, kind: str, out: Path | None, lang: str | None, form: str | None, **more: Any
) -> int:
    """Take a run folder as it is, or assess and propose sites; then write in another format."""
    from ..atomic import check_file, check_folder
    from ..render.files import check_language
    from ..render.run import run_folder

    run = run_folder(project)
    opened = None if run is not None else open_project(project, lang)
    spoken = opened.language if opened is not None else run_lang(project, lang)
    _check_use(kind, spoken, **more)
    target = out or Path("tables.xlsx" if kind == "xlsx" else kind)
    with messages_in(spoken), progress_bar(spoken, form) as progress:
        if kind != "postgis":
            (check_file if kind == "xlsx" else check_folder)(target, overwrite=more["overwrite"])
        if run is not None:
            source: Any = run
            written, start = check_language(run, lang) or spoken, 0.0
        elif opened is not None:
            from ..pipeline import make_plan  # slow to load, and not needed for a run folder

            source, written, start = make_plan(opened, progress=progress), spoken, PLANNED
        done = lambda share: progress("write-layers", start + (1 - start) * share)  # noqa: E731
        told = _write(source, target, kind, spoken, written, done, **more)
    for line in told:
        warn(line)
    return 0


def _check_use(kind: str, lang: str, *, to: str | None, schema: str, encoding: str, **_more: Any) -> None:
    """Refuse options of other formats: what they ask for would not be done."""
    if (kind == "postgis") != (to is not None) or (kind != "postgis" and schema != SCHEMA):
        raise click.UsageError(text("cli.export.to", lang))
    if kind != "shapefile" and encoding != ENCODING:
        raise click.UsageError(text("cli.export.encoding", lang))


def _write(
    source: Any,
    target: Path,
    kind: str,
    spoken: str,
    written: str,
    done: Callable[[float], None],
    *,
    overwrite: bool,
    **more: Any,
) -> list[str]:
    """Write what a plan or a run folder holds, in the language ``written``; what is to be said of it, as ``spoken``."""
    from ..render.files import Handover, copy_from_run, write_workbook_file
    from ..render.gis.export import IN_DEGREES

    of_run = isinstance(source, Path)
    if kind == "xlsx":
        if of_run:
            copy_from_run(source, "tables.xlsx", target, overwrite=overwrite, lang=None)
        else:
            write_workbook_file(source, target, overwrite=overwrite, lang=written)
        return [str(target)]
    take = Handover.of_run if of_run else Handover.of_plan
    held = take(source, written, degrees=kind in IN_DEGREES)
    if kind == "postgis":
        n = held.store(more["to"], more["schema"], overwrite=overwrite, lang=written, done=done)
        return [text("cli.export.stored", spoken, n=n, schema=more["schema"])]
    notes = held.export(
        target, cast("Format", kind), encoding=more["encoding"], overwrite=overwrite, lang=written, done=done
    )
    return [*(note.render(spoken) for note in notes), str(target)]
