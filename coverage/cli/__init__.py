"""The command ``plugspan``: one module per verb; each parses, calls and prints.

Exit codes: 0 done, 1 done but a rule is not met (only with ``--strict``), 2 usage, 3 bad input, 4 nothing
feasible, 130 interrupted, 143 ended by SIGTERM (129 by SIGHUP). Whatever ends a command, the old results stay.
"""

from __future__ import annotations

import logging
import signal
import sys
from importlib import import_module

import click

from ..errors import OutputExistsError, PlugspanError
from ..texts import LANGUAGES, text
from .common import translate_click, ui_lang, warn

VERBS = (
    "demo",
    "init",
    "fetch",
    "check",
    "run",
    "assess",
    "site",
    "map",
    "export",
    "report",
    "compare",
    "merge",
    "verify",
    "serve",
)


class _Verbs(click.Group):
    """Loads a verb's module when it is called, so that ``--help`` is quick."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = import_module(f"{__package__}.{name}").command
        return command


def _group() -> click.Group:
    lang = ui_lang()
    translate_click(lang)
    group = _Verbs(
        name="plugspan", help=text("cli.help", lang), epilog=text("cli.epilog", lang), callback=_before_verb,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        options_metavar=text("cli.options", lang), subcommand_metavar=text("cli.verb", lang),
        params=[click.Option(["--lang"], type=click.Choice(LANGUAGES), help=text("cli.option.lang", lang))],
    )  # fmt: skip
    return click.version_option(package_name="plugspan")(group)


@click.pass_context
def _before_verb(context: click.Context, lang: str | None) -> None:
    """``--lang`` before the verb is the default of the verb's own ``--lang``."""
    if lang is not None:
        context.default_map = {verb: {"lang": lang} for verb in VERBS}


class _Ended(BaseException):
    """The system ends the process."""


def _end(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # the first one is being obeyed
    raise _Ended(number)


def main(args: list[str] | None = None) -> None:
    """Run the command and exit with its code; nobody sees a traceback."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has its reasons
            signal.signal(number, _end)
    # Where it can't write into the home folder it takes a temporary one, and says so at length in English.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # LANG=C and GBK consoles must not crash on a name
            stream.reconfigure(errors="replace", encoding="utf-8" if not stream.isatty() else None)
    sys.exit(_run(args))


def _run(args: list[str] | None) -> int:
    try:
        return int(_group().main(args=args, standalone_mode=False) or 0)
    except (click.exceptions.Abort, KeyboardInterrupt):  # click turns Ctrl-C into the first once it runs
        warn(text("cli.interrupted", ui_lang()))
        return 130
    except _Ended as ended:
        warn(text("cli.interrupted", ui_lang()))
        return 128 + int(ended.args[0])
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except PlugspanError as error:
        warn(error.render(getattr(error, "lang", None) or ui_lang()))
        return 2 if isinstance(error, OutputExistsError) else 3
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        warn(text("cli.os-error", ui_lang(), path=error.filename or "", reason=error.strerror or error))
        return 3
    except MemoryError:
        warn(text("cli.memory", ui_lang()))
        return 3
    except Exception as error:
        return _own_fault(error)


def _own_fault(error: Exception) -> int:
    """Say that the fault is plugspan's own; the traceback is kept in a file, not thrown at the user."""
    import tempfile
    import traceback
    from pathlib import Path

    with tempfile.NamedTemporaryFile(
        "w", prefix="plugspan-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write("".join(traceback.format_exception(error)))
    warn(text("cli.own-fault", ui_lang(), what=f"{type(error).__name__}: {error}"[:300], log=Path(log.name)))
    return 70
