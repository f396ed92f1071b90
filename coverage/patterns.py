"""Patterns of road numbers from project files and policies: matched in a time that grows with the text alone.

Python's own regular expressions try every way to match: ``(1+)+x`` takes centuries for forty digits. RE2, which
comes with pyarrow, reads the text once; it knows no back references and no look-around.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


@cache
def matches(pattern: str, token: str) -> bool:
    r"""Whether a pattern (RE2) matches a whole token.

    Raises
    ------
    ValueError
        If it is no pattern; the text says what is wrong with it.

    Examples
    --------
    >>> matches(r"[GS]\d{3}", "G107"), matches(r"[GS]\d{3}", "G1070")
    (True, False)
    """
    # Letters that are no characters of their own (half of a pair) are in no road number.
    return _found(rf"\A(?:{pattern})\z", token.encode("utf-8", "replace").decode("utf-8"))


def _found(pattern: str, words: str) -> bool:
    import pyarrow as pa  # slow to import: only when it is needed
    import pyarrow.compute as pc

    return bool(pc.match_substring_regex(pa.scalar(words), pattern=pattern).as_py())


def _check(classes: Mapping[str, Iterable[str]]) -> Mapping[str, Iterable[str]]:
    """Refuse what is no pattern."""
    for pattern in (p for patterns in classes.values() for p in patterns):
        try:
            _found(pattern, "")
        except ValueError as error:
            why = str(error).removeprefix("Invalid regular expression: ").removesuffix(f": {pattern}")
            values = {"pattern": pattern[:60], "why": why[:100]}
            raise PydanticCustomError("pattern", "not a regular expression", values) from error
    return classes


RoadPatterns = Annotated[dict[str, tuple[str, ...]], AfterValidator(_check)]
"""Class of road -> patterns of its numbers, in a settings file."""
