"""Road numbers that look mistyped, judged by what is usual in the file itself.

No country's rules are built in: a number is odd if hardly any other is written like it *and* one plausible
correction makes it one that is usual here. ``E 6``, ``Ring 1``, ``CG-1`` or ``B 191`` are as good as ``G320``
where they are common.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..graph import BoolArray, IntArray, RoadGraph
from ..refs import corrections, raw_refs, split_refs

ESTABLISHED = 3
"""Numbers written alike (``G320``, ``G106``, ``G240``) from which on that way of writing is usual."""
MUCH_LONGER = 5.0
"""A number is taken for a slip of another one only if that one's roads are so many times longer."""
SHORT_M = 2000.0
"""A number used on less than this, between roads of a similar number, is doubtful."""
SPACED_SHARE = 0.2
_DIGIT, _LETTERS = re.compile(r"\d"), re.compile(r"^\D*")


@dataclass(frozen=True, eq=False)
class OddRef:
    """A number that looks mistyped.

    Attributes
    ----------
    ref : str
        As it stands in the data.
    suggestion : str
        What it probably should be.
    reason : str
        ``"case"``, ``"lookalike"``, ``"sign"``, ``"space"``, ``"between"`` (lies between two parts of a similar
        number), ``"name"`` (bears the road name of a similar number).
    segments : (k,) int64
    """

    ref: str
    suggestion: str
    reason: str
    segments: IntArray


class _Tokens:
    """Which segments bear which numbers, and how long they are."""

    def __init__(self, graph: RoadGraph) -> None:
        self.graph = graph
        self.codes, self.values = pd.factorize(graph.segments["ref"].astype(object), use_na_sentinel=True)
        self.by_token: dict[str, list[int]] = defaultdict(list)
        self.by_piece: dict[tuple[str, str], list[int]] = defaultdict(list)
        for code, value in enumerate(self.values):
            for piece in raw_refs(value):
                for token in split_refs(piece):
                    self.by_token[token].append(code)
                    self.by_piece[(token, piece)].append(code)
        per_value = np.bincount(
            self.codes[self.codes >= 0],
            weights=graph.seg_length_m[self.codes >= 0],
            minlength=len(self.values),
        )
        self.length_m = {t: float(per_value[sorted(set(c))].sum()) for t, c in self.by_token.items()}
        self.piece_length_m = {p: float(per_value[sorted(set(c))].sum()) for p, c in self.by_piece.items()}
        self.alike = Counter(signature(token) for token in self.by_token)

    def segments(self, codes: Sequence[int]) -> IntArray:
        """Segments whose ``ref`` is one of some values."""
        wanted = np.zeros(len(self.values) + 1, dtype=bool)
        wanted[list(codes)] = True
        return np.flatnonzero(wanted[self.codes])

    def usual(self, token: str) -> bool:
        """Whether at least :data:`ESTABLISHED` numbers are written like this one."""
        return self.alike[signature(token)] >= ESTABLISHED


def signature(token: str) -> str:
    """How a number is written: every digit becomes ``9``.

    >>> signature("G32O")
    'G99O'
    """
    return _DIGIT.sub("9", token)


def odd_refs(graph: RoadGraph) -> list[OddRef]:
    """Find numbers that look mistyped; sorted by number.

    Looked for: capitals, letters for digits, stray signs, spaces where most have none; numbers on a short piece
    of road between two parts of a similar number, or under the road name of one.
    """
    tokens = _Tokens(graph)
    found = {o.ref: o for o in [*_spelling(tokens), *_spaced(tokens)]}
    for odd in _short(tokens, set(found)):
        found.setdefault(odd.ref, odd)
    return [found[ref] for ref in sorted(found)]


def _spelling(tokens: _Tokens) -> Iterator[OddRef]:
    for token, codes in tokens.by_token.items():
        if tokens.usual(token):
            continue
        for better, reason in corrections(token):
            if better != token and _plausible(tokens, token, better, reason):
                yield OddRef(token, better, reason, tokens.segments(codes))
                break


def _plausible(tokens: _Tokens, token: str, better: str, reason: str) -> bool:
    """Whether the corrected number is a much longer road here, or at least written as is usual here."""
    if tokens.length_m.get(better, 0.0) >= MUCH_LONGER * tokens.length_m[token]:
        return True
    if not tokens.usual(better) or tokens.alike[signature(token)] > 1:
        return False
    return reason != "lookalike" or _slip_among_digits(tokens, token)


def _slip_among_digits(tokens: _Tokens, token: str) -> bool:
    """Whether letters stand right after digits, and not as a last letter of the kind that others have too."""
    prefix = _LETTERS.match(token)
    tail = token[len(prefix.group()) if prefix else 0 :]
    letters = [k for k, c in enumerate(tail) if not c.isdigit()]
    if not letters or any(k == 0 for k in letters):
        return False
    if letters == [len(tail) - 1]:
        stem = signature(token[:-1])
        suffixed = sum(
            n
            for s, n in tokens.alike.items()
            if s[:-1] == stem and s[-1:].isalpha() and s != signature(token)
        )
        return suffixed == 0
    return True


def _spaced(tokens: _Tokens) -> Iterator[OddRef]:
    """Numbers with a space where those with the same letters mostly have none."""
    length_m: dict[tuple[str, bool], float] = defaultdict(float)
    for (token, piece), metres in tokens.piece_length_m.items():
        length_m[_letters(token), " " in piece] += metres
    for (token, piece), codes in tokens.by_piece.items():
        if " " in piece and tokens.usual(token):
            spaced, plain = length_m[_letters(token), True], length_m[_letters(token), False]
            if spaced < SPACED_SHARE * (spaced + plain):
                yield OddRef(piece, token, "space", tokens.segments(codes))


def _letters(token: str) -> str:
    found = _LETTERS.match(token)
    return found.group() if found else ""


# -- short pieces under a similar number -----------------------------------------------------------------


def _short(tokens: _Tokens, known: set[str]) -> Iterator[OddRef]:
    short = {
        t: tokens.segments(c)
        for t, c in tokens.by_token.items()
        if tokens.length_m[t] < SHORT_M and t not in known
    }
    if not short:
        return
    at_node = _numbers_at(tokens, np.concatenate(list(short.values())))
    for token, segments in sorted(short.items()):
        near = Counter(
            t for node in _ends(tokens.graph, segments) for t in at_node.get(node, {}) if one_slip(token, t)
        )
        for other, _ in sorted(near.items()):
            if tokens.length_m[other] < MUCH_LONGER * tokens.length_m[token]:
                continue
            reason = _relation(tokens, segments, other, at_node)
            if reason:
                yield OddRef(token, other, reason, segments)
                break


def _ends(graph: RoadGraph, segments: IntArray) -> list[int]:
    nodes: list[int] = np.unique(np.concatenate([graph.seg_u[segments], graph.seg_v[segments]])).tolist()
    return nodes


def _numbers_at(tokens: _Tokens, segments: IntArray) -> dict[int, Counter[str]]:
    """How many segments of each number end at the nodes of some segments."""
    g = tokens.graph
    here: BoolArray = np.zeros(g.n_nodes, dtype=bool)
    here[g.seg_u[segments]] = here[g.seg_v[segments]] = True
    found: dict[int, Counter[str]] = defaultdict(Counter)
    refs = [split_refs(value) for value in tokens.values]
    for ends in (g.seg_u, g.seg_v):
        for k in np.flatnonzero(here[ends] & (tokens.codes >= 0)).tolist():
            found[int(ends[k])].update(refs[tokens.codes[k]])
    return found


def _relation(tokens: _Tokens, segments: IntArray, other: str, at_node: dict[int, Counter[str]]) -> str:
    """``"between"`` if the other number breaks off at two ends of the piece, ``"name"`` if it shares its name."""
    touching = [node for node in _ends(tokens.graph, segments) if at_node[node][other]]
    if sum(at_node[node][other] == 1 for node in touching) >= 2:
        return "between"
    names = set(tokens.graph.segments["name"].iloc[segments].dropna().astype(str))
    theirs = tokens.segments(tokens.by_token[other])
    meets = np.isin(tokens.graph.seg_u[theirs], touching) | np.isin(tokens.graph.seg_v[theirs], touching)
    beside = set(tokens.graph.segments["name"].iloc[theirs[meets]].dropna().astype(str))
    return "name" if names and names <= beside else ""


def one_slip(a: str, b: str) -> bool:
    """Whether one typing slip makes ``a`` of ``b``: one character changed, left out, put in, or two swapped.

    >>> one_slip("G320", "G302"), one_slip("G320", "G32"), one_slip("S101", "S210")
    (True, True, False)
    """
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    if len(a) == len(b):
        wrong = [k for k in range(len(a)) if a[k] != b[k]]
        swapped = (
            len(wrong) == 2
            and wrong[1] == wrong[0] + 1
            and a[wrong[0]] == b[wrong[1]]
            and a[wrong[1]] == b[wrong[0]]
        )
        return len(wrong) == 1 or swapped
    short, long = sorted((a, b), key=len)
    return any(short == long[:k] + long[k + 1 :] for k in range(len(long)))
