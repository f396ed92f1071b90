"""``plugspan merge``: what two people made of one scenario, joined."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .common import lang_option, messages_in, option, ui_lang, verb, warn

FILE = click.Path(path_type=Path, dir_okay=False)


@verb("merge")
@click.argument("base", type=FILE, metavar="BASE")
@click.argument("mine", type=FILE, metavar="MINE")
@click.argument("theirs", type=FILE, metavar="THEIRS")
@option("out", type=FILE)
@option("overwrite", is_flag=True)
@lang_option
def command(base: Path, mine: Path, theirs: Path, out: Path | None, overwrite: bool, lang: str | None) -> int:
    """Print what both agree on and where they differ; with ``--out`` write the joined scenario."""
    from ..atomic import check_file, write_file, write_text
    from ..scenario import merge_lines, merge_scenarios, merged_scenario, read_scenario
    from ..texts import text

    lang = lang or ui_lang()
    with messages_in(lang):
        if out is not None:
            check_file(out, overwrite=overwrite)
        read = [read_scenario(path) for path in (base, mine, theirs)]
        found = merge_scenarios(*read)
        for line in merge_lines(found, lang):
            click.echo(line)
        if out is not None:
            places = {place.name: place for scenario in read for place in scenario.places}
            with write_file(out, overwrite=overwrite) as new:
                joined = json.dumps(merged_scenario(found, read[0], places), ensure_ascii=False, indent=1)
                write_text(new, joined + "\n")
            warn(text("scenario.written", lang, file=out))
    return 1 if found.conflicts else 0
