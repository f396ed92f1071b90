"""``plugspan compare``: what changed between two runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .common import lang_option, told_in, ui_lang, verb


@verb("compare")
@click.argument("first", type=click.Path(path_type=Path), metavar="RUN")
@click.argument("second", type=click.Path(path_type=Path), metavar="RUN")
@lang_option
def command(first: Path, second: Path, lang: str | None) -> int:
    """Print a line for each finding, route and site that differs."""
    from ..output.compare import compare_runs, run_language

    lang = lang or run_language(first) or ui_lang()
    with told_in(lang):
        rows = compare_runs(first, second, lang)
    for row in rows:
        click.echo("  ".join(row) if sys.stdout.isatty() else "\t".join(cell.strip() for cell in row))
    return 0
