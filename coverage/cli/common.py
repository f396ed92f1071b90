"""What the verbs share: language (click's own words, too), options, progress bar, printing."""

from __future__ import annotations

import gettext
import json
import locale
import logging
import math
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from ..errors import PlugspanError
from ..texts import LANGUAGES, catalogue, text
from ..work_folder import LOG

if TYPE_CHECKING:
    from ..plan import Plan
    from ..project import Project
    from ..scenario import Scenario
    from ..siting.maxcover.result import LogLine
    from ..tables.publication import Publication

WITH_PROJECT = ("fetch", "check", "run", "assess", "site", "map", "export", "report")
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def ui_lang() -> str:
    """Language of help and messages: ``--lang``, else PLUGSPAN_LANG, else the system's; English if in doubt."""
    words = sys.argv[1:]
    asked = [w.removeprefix("--lang=") for w in words if w.startswith("--lang=")]
    asked += [b for a, b in zip(words, words[1:], strict=False) if a == "--lang"]
    for code in (*asked, os.environ.get("PLUGSPAN_LANG", "")):
        if code in LANGUAGES:
            return code
    system = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    if not system and sys.platform == "win32":
        system = locale.getlocale()[0] or ""
    known = (
        code for code in LANGUAGES if system.lower().startswith(tuple(text("language.system", code).split()))
    )
    return next(known, "en")


def run_lang(run: Path, lang: str | None) -> str:
    """Language of messages on a run folder: ``--lang``, else PLUGSPAN_LANG if it is set, else that of the run."""
    from ..render.read_run import run_language

    asked = lang or os.environ.get("PLUGSPAN_LANG", "")
    return asked if asked in LANGUAGES else run_language(run) or ui_lang()


def verb(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function, with its help from the catalogue."""
    lang = ui_lang()
    return click.command(
        name, help=text(f"cli.{name}.help", lang), short_help=text(f"cli.{name}.short", lang),
        options_metavar=text("cli.options", lang),
        epilog=text("cli.project-words", lang) if name in WITH_PROJECT else None,
    )  # fmt: skip


def project_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """The project file, or its folder."""
    return click.argument("project", type=click.Path(path_type=Path), metavar="PROJECT")(function)


def option(name: str, *args: str, about: str = "", **kwargs: Any) -> Decorator:
    """Return an option whose help stands in the catalogue as ``cli.option.NAME``, or ``cli.option.ABOUT``."""
    if isinstance(
        kwargs.get("type"), click.Path
    ):  # letters of one width keep the columns of the help straight
        kwargs.setdefault("metavar", "FILE" if not kwargs["type"].dir_okay else "DIR")
    return click.option(f"--{name}", *args, help=text(f"cli.option.{about or name}", ui_lang()), **kwargs)


def out_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--out``, ``--overwrite``, ``--lang``, ``--strict``."""
    for decorate in (
        option("strict", is_flag=True),
        option("lang", type=click.Choice(LANGUAGES)),
        option("overwrite", is_flag=True),
        option("out", type=click.Path(path_type=Path, file_okay=False)),
    ):
        function = decorate(function)
    return function


def lang_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--lang``."""
    return option("lang", type=click.Choice(LANGUAGES))(function)


def progress_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--progress json``: lines of JSON on stderr, for programs that call this one."""
    return option("progress", "form", type=click.Choice(["json"]))(function)


def warn(message: str) -> None:
    """Print to stderr; what stands in names and cells must not steer the terminal or turn the line around."""
    click.echo(_STEERING.sub("\ufffd", message), err=True)


def open_project(path: Path, lang: str | None) -> Project:
    """Read a project; ``--lang`` wins over its language."""
    from ..project import read_project

    project = read_project(path)
    return project if lang is None else project.model_copy(update={"language": lang})


@contextmanager
def messages_in(lang: str) -> Iterator[None]:
    """Errors raised inside, and what happened to the user's files, appear in the project's language."""
    printer = _FaultPrinter(lang)
    LOG.addHandler(printer)
    try:
        yield
    except PlugspanError as error:
        error.lang = lang
        raise
    finally:
        LOG.removeHandler(printer)


class _FaultPrinter(logging.Handler):
    """Prints each fault that is logged, in a language."""

    def __init__(self, lang: str) -> None:
        super().__init__()
        self.lang = lang

    def emit(self, record: logging.LogRecord) -> None:
        fault = getattr(record, "fault", None)
        warn(record.getMessage() if fault is None else fault.render(self.lang))


class ProgressBar:
    """Shows the current stage, and how a long solve is getting on.

    Call it with the key of a stage (``stage.KEY`` in the catalogue) and the share done; hand :meth:`solving` to the
    solver. ``show`` gets a description and the share done, or None to leave it as it is.
    """

    def __init__(self, lang: str, show: Callable[[str, float | None], None]) -> None:
        self.lang, self.show = lang, show

    def __call__(self, key: str, share: float) -> None:
        """Show a stage."""
        self.show(text(f"stage.{key}", self.lang), share)

    def solving(self, line: LogLine) -> None:
        """Best plan, bound and gap so far."""
        gap = (line.bound - line.best) / line.best if line.best > 0 else float("inf")
        values = {
            "best": f"{line.best:,.0f}",
            "bound": f"{line.bound:,.0f}",
            "gap": f"{gap:.2%}" if gap < 10 else "–",
            "seconds": f"{line.elapsed_s:.0f}",
        }
        self.show(text("solving", self.lang, **values), None)

    def dashboard(self, address: str) -> None:
        """Where the cluster that runs a country can be watched."""
        warn(text("country.dashboard", self.lang, address=address))

    def regions(self, done: int, total: int, left_s: float | None) -> None:
        """How many regions of a country have ended, and about how long the others will take."""
        if left_s is None:
            words = text("country.progress", self.lang, done=done, n=total)
        else:
            unit, n = ("minutes", left_s / 60) if left_s > 90 else ("seconds", left_s)
            left = text(f"country.{unit}", self.lang, n=math.ceil(n))
            words = text("country.progress-left", self.lang, done=done, n=total, left=left)
        self.show(words, done / total)


_STEP = 0.01
"""Cutting a country says its share for every region."""


class ProgressLines(ProgressBar):
    """Says the same as lines of JSON on stderr, for another program."""

    def __init__(self, lang: str) -> None:
        super().__init__(lang, lambda _shown, _share: None)
        self.planning = False
        self.said: tuple[str, float] = ("", 0.0)

    def interrupted(self, signum: int, frame: FrameType | None) -> None:
        """End the run on Ctrl-C; once sites are being chosen, go on at once with the best plan so far."""
        from ..siting.maxcover.highs import HASTE

        if not self.planning:
            signal.default_int_handler(signum, frame)
        HASTE.set()

    def __call__(self, key: str, share: float) -> None:
        """Say a stage: ``{"stage": "tables", "share": 0.2, "words": …}``."""
        self.planning = self.planning or key == "siting"
        if key == self.said[0] and abs(share - self.said[1]) < _STEP:
            return
        self.said = key, share
        _print_progress({"stage": key, "share": share, "words": text(f"stage.{key}", self.lang)})

    def done(self) -> None:
        """Say that all is done, after whichever stage was the last."""
        stage, share = self.said
        if share < 1:
            self.said = ("", 0.0)  # the last step is said however small it is
            self(stage or "write-result", 1.0)

    def dashboard(self, address: str) -> None:
        """Say so: ``{"dashboard": "http://127.0.0.1:41234/status"}``."""
        _print_progress({"dashboard": address})

    def regions(self, done: int, total: int, left_s: float | None) -> None:
        """Say so: ``{"regions": 3, "of": 14, "seconds_left": …}``."""
        _print_progress({"regions": done, "of": total, "seconds_left": left_s})

    def solving(self, line: LogLine) -> None:
        """Say best value and bound: ``{"level": …, "best": …, "bound": …, "gap": …, "seconds": …}``."""
        key = f"report.plan.level.{line.stage}"
        level = text(key, self.lang) if key in catalogue() else text("stage.siting", self.lang)
        gap = abs(line.bound - line.best) / abs(line.best) if line.best else abs(line.bound - line.best)
        found = {
            "level": level,
            "best": line.best,
            "bound": line.bound,
            "gap": gap,
            "seconds": line.elapsed_s,
        }
        _print_progress(
            {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in found.items()}
        )


def _print_progress(line: Mapping[str, Any]) -> None:
    click.echo(json.dumps(line, ensure_ascii=False), err=True)


@contextmanager
def progress_bar(lang: str, form: str | None = None) -> Iterator[ProgressBar]:
    """Show the current stage on a terminal's stderr, or as JSON if another program wants it; else say nothing."""
    if form == "json":
        # A program in the background is started with Ctrl-C ignored; who asks for JSON may send it on purpose.
        lines = ProgressLines(lang)
        signal.signal(signal.SIGINT, lines.interrupted)
        yield lines
        lines.done()
        return
    if not sys.stderr.isatty():
        yield ProgressBar(lang, lambda _shown, _share: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text("stage.start", lang), total=1.0)
        yield ProgressBar(lang, lambda shown, share: bar.update(task, description=shown, completed=share))


def print_summary(shown: Publication) -> None:
    """Findings on stdout: a line each; aligned on a terminal, tab-separated when piped."""
    for row in shown.summary:
        click.echo("  ".join(row) if sys.stdout.isatty() else "\t".join(cell.strip() for cell in row))


def print_json(data: Any) -> None:
    """Print data as JSON."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def finish(shown: Publication, folder: Path, started: float, *, strict: bool) -> int:
    """Print what was found and where it is; the exit code."""
    plan, lang = shown.plan, shown.language
    print_summary(shown)
    if shown.warnings:
        warn(text("cli.notes", lang, n=len(shown.warnings), log=folder / "log.txt"))
    code = warn_of_siting(plan, lang)
    warn(text("cli.done", lang, seconds=f"{time.perf_counter() - started:.1f}", map=folder / "map.html"))
    return code or (1 if strict and not plan.before.all_met else 0)


def warn_of_siting(plan: Plan, lang: str) -> int:
    """Say why there is no plan, or that a solve was stopped; the exit code, 4 if nothing is feasible."""
    for siting in plan.siting:
        if siting.result.reason is not None:
            warn(text("cli.no-plan", lang, reason=siting.result.reason.render(lang)))
        if "interrupted" in (siting.result.status, siting.goal.status if siting.goal else ""):
            warn(text("cli.solve-interrupted", lang))
    return 4 if any(siting.result.status == "infeasible" for siting in plan.siting) else 0


def warn_of_scenario(plan: Plan, scenario: Scenario, lang: str) -> int:
    """Say where the page counted otherwise, or that it could not be compared; the exit code, 1 if it did."""
    if plan.programme is None:
        warn(text("scenario.no-plan", lang))
        return 1
    if scenario.inputs_sha256 != plan.provenance.inputs_sha256:
        warn(text("scenario.other-inputs", lang))
    wrong = [name.removeprefix("scenario ") for name in plan.programme.faults if name.startswith("scenario ")]
    if wrong:
        warn(text("scenario.differs", lang, names=", ".join(wrong)))
    return 1 if wrong else 0


# -- click's own words --------------------------------------------------------------------------------


PREFIX = "click."


def translate_click(lang: str) -> None:
    """Let click take its words from the catalogue; what is not there stays English.

    Click hands each text to gettext under the names ``_`` and ``ngettext`` of its modules. Those names are replaced:
    gettext itself would need compiled files beside the catalogue, and the system's setting instead of ``--lang``.
    """
    known = {entry["en"]: entry[lang] for key, entry in catalogue().items() if key.startswith(PREFIX)}
    one, many = _translators(known)
    for name, module in list(sys.modules.items()):
        if name == "click" or name.startswith(PREFIX):
            for word, translate in (("_", one), ("ngettext", many)):
                if callable(vars(module).get(word)):
                    setattr(module, word, translate)


def _translators(known: Mapping[str, str]) -> tuple[Callable[[str], str], Callable[[str, str, int], str]]:
    def one(words: str) -> str:
        return known.get(words) or gettext.gettext(words)

    def many(single: str, several: str, n: int) -> str:
        return known.get(single if n == 1 else several) or gettext.ngettext(single, several, n)

    return one, many
