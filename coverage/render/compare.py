"""Reading ``result.json`` when nobody knows who has written it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ..errors import Fault, InputError
from ..texts import LANGUAGES

MOST_BYTES = 100 << 20
"""A hundred times the ``result.json`` of Zhuzhou; read as JSON it takes ten times as much memory."""
_MOST_SHOWN = 120
_SHOWN_DIGITS = 20


def read_result(folder: Path) -> dict[str, Any]:
    """Read the ``result.json`` of a run folder (or the file itself).

    Raises
    ------
    InputError
        If there is none, or it was not written by plugspan.
    """
    path = result_path(folder)
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever
        raise InputError(Fault("result-no-file", file=str(path)))
    if path.exists() and path.stat().st_size > MOST_BYTES:
        raise InputError(Fault("result-too-large", file=str(path), values={"mb": MOST_BYTES >> 20}))
    try:
        result = json.loads(path.read_text("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except OSError as error:
        raise InputError(
            Fault("no-run-folder", file=str(path), values={"reason": error.strerror or error})
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(Fault("result-damaged", file=str(path), values={"reason": shown(error)})) from error
    if not isinstance(result, dict) or result.get("schema") != 1 or "findings" not in result:
        raise InputError(Fault("no-run-folder", file=str(path), values={"reason": "schema"}))
    return result


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:_SHOWN_DIGITS]} is beyond all numbers")
    return number


def part_of(result: Any, section: str, file: Path) -> Any:
    """A section (``"after.gaps"``) of a result of unknown origin.

    Raises
    ------
    InputError
        If it is missing, as in run folders of older versions, or would lie in what has no sections.
    """
    for name in section.split("."):
        if not isinstance(result, dict) or name not in result:
            key = "result-section-missing" if isinstance(result, dict) else "result-section"
            raise InputError(Fault(key, file=str(file), values={"section": section}))
        result = result[name]
    return result


def rows_of(result: Any, section: str, file: Path, key: str = "") -> list[dict[str, Any]]:
    """Rows of a section, as :func:`part_of`; each is a table of its own, with ``key`` in it."""
    rows = part_of(result, section, file)
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and (not key or key in row) for row in rows
    ):
        raise InputError(Fault("result-section", file=str(file), values={"section": section}))
    return rows


def result_path(folder: Path) -> Path:
    """Where the ``result.json`` of a run folder is; the file itself may be named, too."""
    return folder / "result.json" if folder.is_dir() else folder


def run_language(folder: Path) -> str | None:
    """The language that a run was written in; None if that can't be read."""
    try:
        language = read_result(folder)["project"]["language"]
    except (InputError, KeyError, TypeError):
        return None
    return next((known for known in LANGUAGES if known == language), None)


def shown(value: object, most: int = _MOST_SHOWN) -> str:
    r"""A value of unknown origin as a short line of printable text.

    Examples
    --------
    >>> shown(["a", "b\x1b[31m", 1.5, None])
    'a, b�[31m, 1.5, –'
    """
    if value is None:
        return "–"
    if isinstance(value, list):
        line = ", ".join(shown(each, most) for each in value[:most] if not isinstance(each, list))
    elif isinstance(value, float):
        line = f"{value:.9g}"
    else:
        try:
            line = str(value)
        except (
            ValueError,
            RecursionError,
        ):  # a number of thousands of digits, brackets in hundreds of levels
            line = "…"
    line = "".join(c if c.isprintable() else "�" for c in line[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"
