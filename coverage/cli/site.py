"""``plugspan site``: the proposed sites only, without a run folder."""

from __future__ import annotations

from pathlib import Path

from .common import (
    lang_option,
    messages_in,
    open_project,
    print_json,
    progress_bar,
    project_argument,
    verb,
    warn_of_siting,
)


@verb("site")
@project_argument
@lang_option
def command(project: Path, lang: str | None) -> int:
    """Print proposed sites, least sites and retrofits as JSON, as they stand in result.json."""
    from ..pipeline import make_plan
    from ..tables.result import siting_part

    opened = open_project(project, lang)
    with messages_in(opened.language), progress_bar(opened.language) as progress:
        plan = make_plan(opened, progress=progress, solving=progress.solving)
    print_json(siting_part(plan, opened.language))
    return warn_of_siting(plan, opened.language)
