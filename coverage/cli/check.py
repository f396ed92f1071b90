"""``plugspan check``: the inputs only; every fault with its row."""

from __future__ import annotations

from pathlib import Path

from ..texts import text
from .common import lang_option, messages_in, open_project, progress_bar, project_argument, verb, warn


@verb("check")
@project_argument
@lang_option
def command(project: Path, lang: str | None) -> int:
    """Read everything, assess nothing."""
    from ..pipeline import check_siting, find_places, load

    opened = open_project(project, lang)
    with messages_in(opened.language), progress_bar(opened.language) as progress:
        study = load(opened, progress=progress)
        check_siting(study, find_places(study))
    reader = study.policy.reader(opened.language)
    for fault in study.inputs.warnings:
        warn(text("cli.warning", opened.language, what=fault.render(reader)))
    warn(text("cli.check.fine", opened.language, n=len(study.inputs.warnings)))
    return 0
