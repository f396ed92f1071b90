"""``plugspan assess``: the findings only, without siting and without a run folder."""

from __future__ import annotations

from pathlib import Path

from .common import (
    lang_option,
    messages_in,
    open_project,
    option,
    print_json,
    progress_bar,
    progress_option,
    project_argument,
    verb,
)


@verb("assess")
@project_argument
@lang_option
@option("strict", is_flag=True)
@progress_option
def command(project: Path, lang: str | None, strict: bool, form: str | None) -> int:
    """Print the findings as JSON."""
    from ..pipeline import assess_study, load
    from ..tables.result import finding_rows

    opened = open_project(project, lang)
    with messages_in(opened.language), progress_bar(opened.language, form) as progress:
        study = load(opened, progress=progress)
        assessment = assess_study(study, progress=progress)
    print_json({"findings": finding_rows(assessment, opened.language)})
    return 1 if strict and not assessment.all_met else 0
