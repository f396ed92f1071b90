"""Click's own words (usage, options, errors) in the language of the user."""

from __future__ import annotations

import gettext
import sys
from collections.abc import Callable, Mapping

from ..texts import catalogue

PREFIX = "click."


def speak(lang: str) -> None:
    """Let click take its words from the catalogue; what is not there stays English.

    Click hands each text to gettext under the names ``_`` and ``ngettext`` of its modules. Those names are replaced:
    gettext itself would need compiled files beside the catalogue, and the system's setting instead of ``--lang``.
    """
    known = {entry["en"]: entry[lang] for key, entry in catalogue().items() if key.startswith(PREFIX)}
    one, many = _speakers(known)
    for name, module in list(sys.modules.items()):
        if name == "click" or name.startswith(PREFIX):
            for word, speaker in (("_", one), ("ngettext", many)):
                if callable(vars(module).get(word)):
                    setattr(module, word, speaker)


def _speakers(known: Mapping[str, str]) -> tuple[Callable[[str], str], Callable[[str, str, int], str]]:
    def one(words: str) -> str:
        return known.get(words) or gettext.gettext(words)

    def many(single: str, several: str, n: int) -> str:
        return known.get(single if n == 1 else several) or gettext.ngettext(single, several, n)

    return one, many
