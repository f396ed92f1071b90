"""``plugspan verify``: recompute what a run folder claims, without the solver's code."""

from __future__ import annotations

from pathlib import Path

import click

from ..texts import text
from .common import lang_option, messages_in, run_lang, verb, warn


@verb("verify")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@lang_option
def command(run: Path, lang: str | None) -> int:
    """Check the claims of ``result.json``; exit code 3 if one does not hold."""
    from ..render.verify import verify_run

    lang = run_lang(run, lang)
    with messages_in(lang):
        n, faults = verify_run(run)
    for fault in faults:
        warn(fault.render(lang))
    if all(fault.warning for fault in faults):
        warn(text("cli.verify.fine", lang, n=n))
        return 0
    return 3
