"""``plugspan fetch``: download the region's OpenStreetMap data, cached."""

from __future__ import annotations

from pathlib import Path

from ..texts import text
from .common import lang_option, messages_in, open_project, option, project_argument, verb, warn


@verb("fetch")
@project_argument
@option("overwrite", is_flag=True)
@lang_option
def command(project: Path, overwrite: bool, lang: str | None) -> int:
    """Download to the path that the project names as its network."""
    from ..pipeline import fetch

    opened = open_project(project, lang)
    with messages_in(opened.language):
        path = fetch(opened, overwrite=overwrite, log=warn)
    warn(text("cli.fetch.done", opened.language, path=path))
    return 0
