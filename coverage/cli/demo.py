"""``plugspan demo``: the embedded sample of Zhuzhou, start to end."""

from __future__ import annotations

import time
from pathlib import Path

import click

from ..texts import LANGUAGES, text
from .common import finish, messages_in, open_project, option, progress_bar, verb, warn


@verb("demo")
@option(
    "out", type=click.Path(path_type=Path, file_okay=False), default=Path("plugspan-demo"), show_default=True
)
@option("lang", type=click.Choice(LANGUAGES))
def command(out: Path, lang: str | None) -> int:
    """Run the sample; a demo folder of an earlier run is replaced."""
    from ..atomic import check_folder
    from ..pipeline import make_plan, sample_project
    from ..render.run import write_run

    started = time.perf_counter()
    with sample_project() as path:
        opened = open_project(path, lang)
        with messages_in(opened.language), progress_bar(opened.language) as progress:
            check_folder(out, overwrite=True)
            plan = make_plan(opened, progress=progress, solving=progress.solving)
            shown = write_run(plan, out, overwrite=True, lang=opened.language, progress=progress)
    warn(text("cli.demo.schematic", opened.language))
    return finish(shown, out, started, strict=False)
