"""``plugspan verify``: recompute what a run folder claims, without the solver's code."""

from __future__ import annotations

from pathlib import Path

import click

from ..texts import text
from .common import lang_option, ui_lang, verb, warn


@verb("verify")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@lang_option
def command(run: Path, lang: str | None) -> int:
    """Check the claims of ``result.json``; exit code 3 if one does not hold."""
    from ..output.verify import verify_run

    lang = lang or ui_lang()
    n, faults = verify_run(run, lang)
    for fault in faults:
        warn(fault)
    if not faults:
        warn(text("cli.verify.fine", lang, n=n))
    return 3 if faults else 0
