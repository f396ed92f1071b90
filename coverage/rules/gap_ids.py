"""Ids of gaps, short enough to be printed and read out: ``G106-7QH4M``."""

from __future__ import annotations

import hashlib
import re
import unicodedata

import pandas as pd

LETTERS = "0123456789ABCDEFGHJMNPQRSTVWXYZ"
"""Crockford's without K: no I, L, O, U, which are taken for others, and nothing like a mark ``K55``."""
LENGTH, LONGEST_ROUTE = 5, 12


class GapIds:
    """Gives each gap of a run its id: the route, and five letters made of all that the gap is.

    A gap that a plan leaves as it is keeps its id, in this run and in the next one. Ids are given by one object for
    all states of a run, so that where two gaps would have the same one, which happens to one pair in 29 million, the
    second has a number behind it in each state.
    """

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def of(self, gaps: pd.DataFrame) -> pd.Series[str]:
        """Return the ids of gaps.

        Parameters
        ----------
        gaps : DataFrame
            ``rule, ref, section, direction, from_m, to_m``; the marks (metres) count by whole metres. Of several gaps
            between two metres the second is told from the first by its number.

        Returns
        -------
        Series
            Index that of ``gaps``; ASCII letters, digits and hyphens, unique within this object's gaps.
        """
        parts = [gaps[name].astype(str).to_numpy(object) for name in ("rule", "ref", "section", "direction")]
        ends = [
            gaps[name].round().astype("int64").astype(str).to_numpy(object) for name in ("from_m", "to_m")
        ]
        what = pd.Series(
            ["/".join(each) for each in zip(*parts, *ends, strict=True)], gaps.index, dtype=object
        )
        again = what.groupby(what).cumcount()
        what = what.where(again == 0, what + "/" + (again + 1).astype(str))
        ids = [self._give(ref, each) for ref, each in zip(parts[1], what, strict=True)]
        return pd.Series(ids, gaps.index, dtype=object)

    def _give(self, ref: str, what: str) -> str:
        first = found = f"{route_in_ids(ref)}-{letters(what)}"
        number = 1
        while self._given.setdefault(found, what) != what:
            number += 1
            found = f"{first}-{number}"
        return found


def route_in_ids(ref: str) -> str:
    """A road's number as ids have it: ASCII letters, digits and single hyphens; ``R`` if it has none of them.

    >>> route_in_ids("E 18"), route_in_ids("CG-1/2"), route_in_ids("Ｇ１０６国道"), route_in_ids("环线")
    ('E18', 'CG-1-2', 'G106', 'R')
    """
    plain = unicodedata.normalize("NFKD", ref).encode("ascii", "ignore").decode()
    joined = re.sub(r"[^A-Za-z0-9]+", "-", re.sub(r"\s+", "", plain))
    return joined.strip("-")[:LONGEST_ROUTE].rstrip("-") or "R"


def letters(what: str) -> str:
    """Five letters that stand for a text.

    >>> letters("ordinary-highway-spacing/G106/1/forward/8996/68755")
    'A6702'
    """
    digest = hashlib.blake2b(what.encode(), digest_size=LENGTH).digest()
    number = int.from_bytes(digest, "big")
    return "".join(LETTERS[number // len(LETTERS) ** k % len(LETTERS)] for k in range(LENGTH))
