"""``plugspan compare``: what changed between two runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .common import lang_option, messages_in, option, run_lang, ui_lang, verb, warn


@verb("compare")
@click.argument("first", type=click.Path(path_type=Path), metavar="RUN")
@click.argument("second", type=click.Path(path_type=Path), metavar="RUN")
@option("out", type=click.Path(path_type=Path, file_okay=False))
@option("overwrite", is_flag=True)
@option("run", type=click.Path(path_type=Path, file_okay=False))
@lang_option
def command(
    first: Path, second: Path, out: Path | None, overwrite: bool, run: Path | None, lang: str | None
) -> int:
    """Print a line for each thing that differs; with ``--out`` also write a page with a map, and a sheet.

    Of two scenarios alone the decisions and figures are compared; with ``--run`` they are compared as runs are.
    """
    from ..render.changes import compare, table_lines
    from ..scenario import compare_lines, is_scenario, read_scenario
    from ..texts import text

    if run is None and is_scenario(first) and is_scenario(second):
        lang = lang or ui_lang()
        with messages_in(lang):
            if out is not None:
                raise click.UsageError(text("scenario.no-out", lang))
            for line in compare_lines(read_scenario(first), read_scenario(second), lang):
                click.echo(line)
        return 0
    lang = run_lang(run or first, lang)
    with messages_in(lang):
        found = compare(first, second, lang, base=run)
        if out is not None:
            from ..render.change_page import write_comparison

            write_comparison(found, first, second, out, lang=lang, overwrite=overwrite, base=run)
            warn(text("compare.written", lang, folder=out))
    for line in table_lines(found, lang, aligned=sys.stdout.isatty()):
        click.echo(line)
    return 0
