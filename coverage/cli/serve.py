"""``plugspan serve``: the local application in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from .common import lang_option, messages_in, option, ui_lang, verb


@verb("serve")
@click.argument("folder", type=click.Path(path_type=Path), metavar="[PROJECT]", required=False)
@option("port", type=click.IntRange(0, 65535), default=0)
@option("no-browser", is_flag=True)
@lang_option
def command(folder: Path | None, port: int, no_browser: bool, lang: str | None) -> int:
    """Serve a folder; the first line on stdout is the address with its token."""
    from ..app.server import serve

    lang = lang or ui_lang()
    root = Path.home() / "plugspan" if folder is None else folder.parent if folder.is_file() else folder
    with messages_in(lang):
        serve(root, port=port, lang=lang, browser=not no_browser, announce=click.echo)
    return 0
