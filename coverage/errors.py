"""What can go wrong, as a tree.

::

    PlugspanError
    ├── InputError (ValueError)                 files, tables, settings; carries every fault at once
    ├── NetworkError (ValueError)               a road network that cannot be used, a download that failed
    ├── SitingError (ValueError)                a siting problem that makes no sense, or has no answer
    └── OutputExistsError (FileExistsError)     the result is there already and --overwrite was not given

A message is a key of the text catalogue with its values, so that it can be shown in Chinese and English;
``str(error)`` is the English one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .texts import text

MOST_FAULTS_SHOWN = 50
"""So many faults of a settings file are looked up in its lines; the others are reported without."""
MOST_ALIKE = 20
"""So many faults of one kind are reported one by one."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong (or noticed) in an input.

    Attributes
    ----------
    key : str
        Key in the text catalogue under ``fault.``; the text says what is wrong *and* the remedy.
    file : str
        File the fault is in, as the user named it.
    row : int, optional
        Row as a spreadsheet shows it: the header is row 1.
    column : str, optional
        Column as the file names it.
    value : object, optional
        The offending value.
    values : dict
        Further values for the text.
    warning : bool
        True if the input can be used all the same.
    """

    key: str
    file: str = ""
    row: int | None = None
    column: str | None = None
    value: Any = None
    values: dict[str, Any] = field(default_factory=dict)
    warning: bool = False

    def render(self, lang: str = "en") -> str:
        """One line: where, what, remedy."""
        where = [Path(self.file).name] if self.file else []
        if self.row is not None:
            where.append(text("fault.at-row", lang, row=self.row))
        if self.column:
            where.append(text("fault.at-column", lang, column=self.column))
        what = self.words(lang)
        return text("language.told-of", lang, what=" ".join(where), words=what) if where else what

    def words(self, lang: str = "en") -> str:
        """What and remedy, for who sees where."""
        values = {
            "file": self.file,
            "row": self.row,
            "column": self.column,
            "value": self.value,
            **self.values,
        }
        shown = {k: v.render(lang) if hasattr(v, "render") else v for k, v in values.items()}
        return text(f"fault.{self.key}", lang, **shown)


class Diagnostics(list[Fault]):
    """What is noticed while something is read: faults, which stop it, and notes, which don't, in the order found.

    Examples
    --------
    >>> found = Diagnostics()
    >>> with found.collecting():  # a fault of one input doesn't hide those of the next
    ...     raise InputError(Fault("table-empty", "a.csv"))
    >>> len(found.faults), len(found.notes)
    (1, 0)
    """

    @property
    def faults(self) -> list[Fault]:
        """What must be mended."""
        return [fault for fault in self if not fault.warning]

    @property
    def notes(self) -> list[Fault]:
        """What can be left as it is."""
        return [fault for fault in self if fault.warning]

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Take in the faults of an :class:`InputError`, and go on after the block."""
        try:
            yield
        except InputError as error:
            self.extend(error.faults)

    def stop(self) -> None:
        """Raise all faults at once, if there are any.

        Raises
        ------
        InputError
            With the faults; the notes stay here.
        """
        if self.faults:
            raise InputError(self.faults)


def fault_lines(faults: Iterable[Fault], lang: str) -> list[str]:
    """Say faults and notes, each once: of more than :data:`MOST_ALIKE` of one kind the rows of the others.

    One kind are those of one file and column with the same key. A file that is used for two things may have the same
    fault twice; its line stands there once.
    """
    kinds: dict[tuple[str, str, str | None], list[Fault]] = {}
    for fault in faults:
        kinds.setdefault((fault.file, fault.key, fault.column), []).append(fault)
    lines = []
    for alike in kinds.values():
        shown = list(dict.fromkeys(fault.render(lang) for fault in alike[:MOST_ALIKE]))
        rest = alike[MOST_ALIKE:]
        if rest:
            rows = [str(fault.row) for fault in rest if fault.row is not None]
            words = ", ".join(rows[:MOST_ALIKE]) + (", …" if len(rows) > MOST_ALIKE else "")
            key = "error.input-alike-rows" if rows else "error.input-alike"
            shown.append(text(key, lang, n=len(rest), file=Path(alike[0].file).name, rows=words))
        lines += shown
    return lines


class PlugspanError(Exception):
    """Anything plugspan reports to its user.

    ``render(lang)`` gives the text; ``lang`` is the language to tell it in, where the one who raised it knows.
    """

    lang: str | None = None

    def __init__(self, key: str, **values: Any) -> None:
        self.key = key
        self.values = values
        super().__init__(self.render("en"))

    def render(self, lang: str = "en") -> str:
        """Return the message in ``lang`` ("zh" or "en")."""
        return text(f"error.{self.key}", lang, **self.values)


class InputError(PlugspanError, ValueError):
    """Inputs cannot be used. ``faults`` holds all of them, each with file, row, column, value and remedy."""

    def __init__(self, faults: Sequence[Fault] | Fault) -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("input")

    def render(self, lang: str = "en") -> str:
        """Return the faults, one a line; see :func:`fault_lines`."""
        return "\n".join(fault_lines(self.faults, lang))


class NetworkError(PlugspanError, ValueError):
    """A road network cannot be used, or could not be downloaded."""


class SitingError(PlugspanError, ValueError):
    """A siting problem makes no sense (NaN weights, shapes that don't match, a negative budget, …)."""


class OutputExistsError(PlugspanError, FileExistsError):
    """The output is there already and overwriting was not asked for."""
