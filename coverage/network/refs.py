"""Road numbers (``ref``): tokens, classes, and what a mistyped one may mean.

A ``ref`` may name several roads (``G107;S211``). It is brought to Unicode NFKC (full-width letters, digits,
``；`` and ``／`` become plain), split on ``; / 、 ,``, and all spaces are dropped from each token: ``"E 6"`` and
``"E6"`` are one road. Case is kept: ``g107`` is a mistype, not a road.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..patterns import matches
from .graph import IntArray, RoadGraph

_SEPARATORS = re.compile(r"[;/、,]")
_SPACES = re.compile(r"\s+")
_LOOKALIKES = str.maketrans(
    {"O": "0", "o": "0", "Q": "0", "I": "1", "l": "1", "|": "1", "i": "1", "Z": "2", "z": "2"}
)
_SIGNS = re.compile(r"[-_.·—–~*'\"()\[\]]+")


def split_refs(ref: object) -> tuple[str, ...]:
    """Return the road numbers in one ``ref`` value, each once, in order; empty if there is none.

    >>> split_refs("G107；S 211")
    ('G107', 'S211')
    """
    if not isinstance(ref, str):
        return ()
    parts = (_SPACES.sub("", part) for part in _SEPARATORS.split(unicodedata.normalize("NFKC", ref)))
    return tuple(dict.fromkeys(part for part in parts if part))


def raw_refs(ref: object) -> tuple[str, ...]:
    """Return the road numbers in one ``ref`` value as they are written, spaces inside kept.

    >>> raw_refs("G107；S 211")
    ('G107', 'S 211')
    """
    if not isinstance(ref, str):
        return ()
    parts = (part.strip() for part in _SEPARATORS.split(unicodedata.normalize("NFKC", ref)))
    return tuple(dict.fromkeys(part for part in parts if part))


@dataclass(frozen=True)
class RoadClass:
    """One class of numbered roads.

    Attributes
    ----------
    name : str
        Such as ``"ordinary_trunk"``.
    patterns : tuple of str
        Regular expressions, matched against the whole token.
    north_south, east_west : tuple of str
        Patterns of refs whose kilometre marks are known to run from the north, or from the east.
        Others follow their shape (see :func:`plugspan.network.routes.find_routes`).
    """

    name: str
    patterns: tuple[str, ...]
    north_south: tuple[str, ...] = ()
    east_west: tuple[str, ...] = ()

    def matches(self, token: str) -> bool:
        """Whether the token names a road of this class."""
        return any(matches(p, token) for p in self.patterns)

    def axis_of(self, token: str) -> str | None:
        """``"ns"`` or ``"ew"`` where the number says it, else None."""
        if any(matches(p, token) for p in self.north_south):
            return "ns"
        if any(matches(p, token) for p in self.east_west):
            return "ew"
        return None


@dataclass(frozen=True)
class RoadClasses:
    """The classes of a policy, in order; a token belongs to the first that matches."""

    classes: tuple[RoadClass, ...]

    @classmethod
    def from_mapping(cls, patterns: Mapping[str, Sequence[str] | str]) -> RoadClasses:
        """Make classes from ``{"ordinary_trunk": [regex, …], …}``.

        A class with exactly the patterns of GB/T 917 counts its marks as that standard says.
        """
        made = (
            RoadClass(name, (found,) if isinstance(found, str) else tuple(found))
            for name, found in patterns.items()
        )
        standard = {c.patterns: c for c in GB_T_917.classes}
        return cls(tuple(replace(standard.get(c.patterns, c), name=c.name) for c in made))

    @property
    def names(self) -> list[str]:
        """Class names in order."""
        return [c.name for c in self.classes]

    def class_of(self, token: str) -> RoadClass | None:
        """Return the class of a token, or None."""
        return next((c for c in self.classes if c.matches(token)), None)


GB_T_917 = RoadClasses(
    (
        RoadClass("ordinary_trunk", (r"[GS]\d{3}",), north_south=(r"[GS]2\d\d",), east_west=(r"[GS]3\d\d",)),
        RoadClass("expressway", (r"[GS]\d{1,2}", r"[GS]\d{4}")),
    )
)
"""GB/T 917-2017: G or S and three digits is ordinary (2xx counts from the north, 3xx from the east), one, two or
four digits an expressway."""


def route_segments(graph: RoadGraph, classes: RoadClasses) -> dict[str, IntArray]:
    """Find the numbered roads of the classes in a graph, as positions: a province has thousands of numbers.

    Parameters
    ----------
    graph : RoadGraph
    classes : RoadClasses

    Returns
    -------
    dict
        Token -> (k,) int64, rising positions of the segments that bear it; tokens sorted. Links (``*_link``) and
        ferries belong to no route.
    """
    codes, values = pd.factorize(graph.segments["ref"].astype(object), use_na_sentinel=True)
    highway = graph.segments["highway"].astype(object).astype("string").fillna("")
    road = ~highway.str.endswith("_link").to_numpy(dtype=bool)
    if "ferry" in graph.segments:
        road &= ~graph.segments["ferry"].to_numpy(dtype=bool)
    at = np.flatnonzero(road & (codes >= 0))
    at = at[np.argsort(codes[at], kind="stable")]
    ptr = np.searchsorted(codes[at], np.arange(len(values) + 1))
    tokens: dict[str, list[int]] = {}
    for code, value in enumerate(values):
        for token in split_refs(value):
            tokens.setdefault(token, []).append(code)
    found = {}
    for token in sorted(tokens):
        if classes.class_of(token) is not None:
            segments = np.sort(np.concatenate([at[ptr[code] : ptr[code + 1]] for code in tokens[token]]))
            if len(segments):
                found[token] = segments
    return found


def corrections(token: str) -> list[tuple[str, str]]:
    """List plausible corrections of a token and what kind they are, the smallest first."""
    digits = token[:1] + token[1:].translate(_LOOKALIKES)
    plain = _SIGNS.sub("", token)
    return [
        (token.upper(), "case"),
        (digits, "lookalike"),
        (digits.upper(), "lookalike"),
        (plain, "sign"),
        (plain.upper(), "sign"),
        (plain[:1].upper() + plain[1:].translate(_LOOKALIKES), "sign"),
    ]
