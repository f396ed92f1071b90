"""``plugspan check``: the inputs only; every fault with its row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..texts import LANGUAGES, text
from .common import (
    lang_option,
    messages_in,
    open_project,
    option,
    print_json,
    progress_bar,
    progress_option,
    project_argument,
    ui_lang,
    verb,
    warn,
)  # fmt: skip

if TYPE_CHECKING:
    from ..errors import Fault


@verb("check")
@project_argument
@option("json", "as_json", is_flag=True)
@option("faults", type=click.Path(path_type=Path, dir_okay=False), default=None)
@lang_option
@progress_option
def command(project: Path, as_json: bool, faults: Path | None, lang: str | None, form: str | None) -> int:
    """Read everything, assess nothing."""
    from ..country.run import read_country
    from ..errors import Diagnostics, InputError, fault_lines
    from ..inputs.ledger import FileEntry, ledger_line
    from ..pipeline import check_siting, find_places, load

    try:
        opened = open_project(project, lang)
    except InputError as error:
        if not as_json:
            raise
        print_json({"files": [], "faults": _fault_records(error.faults, lang or ui_lang()), "notes": []})
        return 3
    ledger: list[FileEntry] = []
    notes = Diagnostics()
    wrong: InputError | None = None
    reader: str = opened.language
    with messages_in(opened.language), progress_bar(opened.language, form) as progress:
        try:
            if opened.regions is not None:
                country = read_country(opened)
                ledger, notes = [*country.tables.ledger], Diagnostics(country.tables.notes)
                reader = country.policy.reader(reader)
                Diagnostics(country.tables.faults).stop()
            else:
                study = load(opened, progress=progress, ledger=ledger, notes=notes)
                ledger, notes, reader = (
                    [*study.inputs.ledger],
                    Diagnostics(study.inputs.warnings),
                    study.policy.reader(reader, study.waymarks),
                )
                check_siting(study, find_places(study))
        except InputError as error:
            wrong = error
        found = [] if wrong is None else [*wrong.faults]
        if faults is not None:
            from ..render.workbook.faults import write_faults

            write_faults(faults, opened, [*found, *notes], ledger, lang=opened.language)
        if wrong is not None and not as_json:
            raise wrong
    if as_json:
        names = ("column", "header", "samples")
        files = [
            {**e.counts(), "columns": [dict(zip(names, c, strict=True)) for c in e.columns]} for e in ledger
        ]
        print_json(
            {"files": files, "faults": _fault_records(found, reader), "notes": _fault_records(notes, reader)}
        )
        return 3 if found else 0
    for entry in ledger:
        click.echo(ledger_line(entry, opened.language), err=True)
        for name, header, values in entry.columns:
            warn(text("ledger.column", opened.language, name=name, header=header, values=values))
    for line in fault_lines(notes, reader):
        warn(text("cli.warning", opened.language, what=line))
    lacking = {note.file for note in notes if note.key == "measures-missing"}
    closing = "cli.check.lacking" if lacking else "cli.check.fine"
    warn(text(closing, opened.language, n=len(notes), files=len(lacking)))
    return 0


def _fault_records(faults: Sequence[Fault], lang: str) -> list[dict[str, Any]]:
    """Faults as data, with the sentence on what is wrong and the remedy, in the language asked for and in all."""
    return [
        {"key": fault.key, "file": Path(fault.file).name, "row": fault.row, "column": fault.column,
         "value": None if fault.value is None else str(fault.value), "message": fault.render(lang),
         "messages": {code: fault.render(code) for code in LANGUAGES}}
        for fault in faults
    ]  # fmt: skip
