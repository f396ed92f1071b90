"""``plugspan init``: a commented project file and empty tables."""

from __future__ import annotations

from pathlib import Path

import click

from ..texts import text
from .common import lang_option, messages_in, ui_lang, verb, warn


@verb("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@lang_option
def command(folder: Path, lang: str | None) -> int:
    """Write the files; nothing that is there is touched."""
    from ..template import write_template

    lang = lang or ui_lang()
    with messages_in(lang):
        write_template(folder, lang)
    warn(text("cli.init.done", lang, folder=folder))
    return 0
