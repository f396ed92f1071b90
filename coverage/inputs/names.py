"""Names of operators and sites in a form that can be compared, and the side of a road that a name tells.

Two lists write one operator as ``特来电`` and ``青岛特来电新能源股份有限公司``, or as ``Tesla`` and
``TESLA France SARL``. The spellings and the words that tell nothing apart are data: ``operators.toml``.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

SAME, DIFFERS, UNKNOWN = 1, -1, 0
_LEAST_ALIKE = 0.72
"""Dice coefficient of letter pairs from which two operators are spellings of one (``Fastned``, ``Fast-Ned BV``)."""
_HAN = "\u4e00-\u9fff"
_SIDE_WORDS = {
    "north": "北", "south": "南", "east": "东", "west": "西", "nord": "北", "sud": "南", "est": "东", "ouest": "西",
    "northbound": "北", "southbound": "南", "eastbound": "东", "westbound": "西", "nb": "北", "sb": "南", "eb": "东",
    "wb": "西", "up": "上行", "down": "下行", "left": "左", "right": "右", "ost": "东", "sued": "南", "süd": "南",
}  # fmt: skip
_SIDE = re.compile(
    r"上行|下行|[东西南北]|左(?=侧|幅|区|边)|右(?=侧|幅|区|边)"
    r"|(?<![a-z])[ab](?=区|侧|站|面|边|座|场|坪|片|$|[)\]）\s])|(?<=区)[ab]|(?<=side )[a-d1-2]\b|(?<=area )[ab]\b"
)
_BOUND_FOR = re.compile(rf"(?:往|向|至|去)([{_HAN}]{{2,4}}?)(?:方向|$|[)\]）])|([{_HAN}]{{2,3}})方向")
_SERVICE_AREA = re.compile(
    r"服务区|停车区|service area|services|rest area|\baire\b|rast(?:hof|platz|statte)|area di servizio"
)
_NUMBER = re.compile(r"\d+|[一二三四五六七八九十]+(?=期|号|区|栋|座|站|楼|桩|场)")
_PILE = re.compile(r"[#＃号]?\d+[#＃号]?(?:直流|交流)?(?:充电)?(?:桩|枪|终端|pile|post|gun)s?.*$")


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("operators.toml").read_text("utf-8"))


@cache
def _aliases() -> dict[str, str]:
    """Spelling, folded -> the operator that it stands for; longest first."""
    pairs = [(folded(word), names[0]) for names in _data()["aliases"] for word in names]
    return dict(sorted(pairs, key=lambda pair: (-len(pair[0]), pair[0])))


@cache
def folded(name: str) -> str:
    """``name`` without case, width and accents, traditional characters simplified; words by single spaces."""
    flat = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    flat = "".join(c for c in flat if not unicodedata.combining(c)).replace("ß", "ss")
    flat = flat.translate(_simplified())
    return re.sub(r"[\s_\-–/·.,;:|]+", " ", flat).strip()


def joined(words: str) -> str:
    """Return letters and digits only."""
    return "".join(c for c in words if c.isalnum())


@cache
def _finder(words: tuple[str, ...]) -> re.Pattern[str]:
    """Pattern that finds any of the words, the longest first; Latin ones as whole words."""
    longest = sorted(filter(None, words), key=lambda word: (-len(word), word))
    parts = [rf"(?<![a-z0-9]){re.escape(w)}(?![a-z0-9])" if w.isascii() else re.escape(w) for w in longest]
    return re.compile("|".join(parts) or r"(?!)")


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """What is looked for in every name."""
    data, names = _data(), tuple(_aliases())
    return {
        "alias": _finder(tuple(word for word in names if len(word) > (5 if word.isascii() else 2))),
        "begins": re.compile(
            "|".join(rf"{re.escape(w)}(?![a-z0-9])" for w in names if not w.isascii() or len(w) > 2)
        ),
        "any alias": _finder(names),
        "place": re.compile(data["place_zh"]),
        "branch": re.compile(data["branch_zh"]),
        "brackets": re.compile(r"[(\[（【][^)\]）】]*[)\]）】]"),
        "words": re.compile(rf"[a-z0-9&+']+|[{_HAN}]+"),
        "site": _finder((*data["site"]["zh"], *data["site"]["latin"])),
    }


@cache
def _simplified() -> dict[int, int]:
    return str.maketrans(_data()["simplified"]["from"], _data()["simplified"]["to"])


@cache
def _unknown() -> frozenset[str]:
    return frozenset(joined(folded(word)) for word in _data()["unknown"])


@cache
def _weak() -> frozenset[str]:
    return frozenset([*_data()["legal"], *_data()["general"]])


@cache
def operator_key(name: str) -> str:
    """Return what stands for an operator in all its spellings; empty if the name says that it is not known.

    Examples
    --------
    >>> operator_key("TESLA France SARL") == operator_key("特斯拉（上海）有限公司")
    True
    >>> operator_key("湖南绿动新能源科技有限公司")
    '绿动'
    """
    data, text, find = _data(), folded(name), _patterns()
    if not joined(text) or joined(text) in _unknown():
        return ""
    if text in _aliases():
        return _aliases()[text]
    known = (
        find["alias"].search(text)
        or find["begins"].match(find["place"].sub("", text))
        or find["begins"].match(text)
    )
    if known is not None:
        return _aliases()[known.group()]
    bare = find["brackets"].sub(" ", text).strip() or text
    strong = [w for w in find["words"].findall(bare) if w not in _weak()]
    if not strong:
        strong = [w for w in bare.split() if w not in data["legal"]] or bare.split()
    if " ".join(strong) in _aliases():
        return _aliases()[" ".join(strong)]
    found = joined("".join(strong))
    return found if text.isascii() else _chinese_key(found)


def _chinese_key(name: str) -> str:
    """Take off places, forms of companies and general words, as long as two characters stay."""
    data = _data()
    for pattern in (_patterns()["branch"], _patterns()["place"]):
        shorter = pattern.sub("", name)
        name = shorter if len(shorter) >= 2 else name
    for word in (*data["legal_zh"], *data["general_zh"]):
        shorter = name.replace(word, "")
        name = shorter if len(shorter) >= 2 else name
    return name


def same_operator(a: str, b: str) -> int:
    """Compare two keys of :func:`operator_key`: :data:`SAME`, :data:`DIFFERS`, or :data:`UNKNOWN` if one is missing."""
    if not a or not b:
        return UNKNOWN
    if a == b:
        return SAME
    if {a, b} <= set(_aliases().values()):
        return DIFFERS
    short, long = sorted((a, b), key=len)
    if short in long and len(short) >= (4 if short.isascii() else 2):
        return SAME
    return SAME if alike(a, b) >= _LEAST_ALIKE else DIFFERS


@cache
def _pairs_of(word: str) -> frozenset[tuple[str, int]]:
    """Neighbouring letters with the how-many-eth time each pair stands there."""
    seen: Counter[str] = Counter()
    marked = f"^{word}"
    found = []
    for i in range(len(marked) - 1):
        pair = marked[i : i + 2]
        found.append((pair, seen[pair]))
        seen[pair] += 1
    return frozenset(found)


def alike(a: str, b: str) -> float:
    """Dice coefficient of the letter pairs of two words: 1 if equal, 0 if nothing is shared or one is empty."""
    if not a or not b:
        return 0.0
    if a == b:
        return 1.0
    left, right = _pairs_of(a), _pairs_of(b)
    return 2.0 * len(left & right) / (len(left) + len(right))


@dataclass(frozen=True)
class SiteName:
    """The name of a site, taken apart.

    Attributes
    ----------
    stem : str
        What is left without operators, general words, sides and numbers.
    whole : str
        Letters and digits of the whole name.
    sides : frozenset
        Directions and letters of sides in it, each with how many-eth it is.
    bound_for : str
        Where the side leads to (``长沙`` of ``往长沙方向``).
    numbers : tuple of str
    """

    stem: str = ""
    whole: str = ""
    sides: frozenset[tuple[str, int]] = frozenset()
    bound_for: str = ""
    numbers: tuple[str, ...] = ()


@cache
def site_name(name: str, operator: str = "", side: str = "") -> SiteName:
    """Take the name of a site apart; ``operator`` is its key, ``side`` what its own column says."""
    text = folded(name)
    text = _PILE.sub("", text).strip() or text
    whole = joined(text)
    sides, bound_for, rest = _sides(text)
    if side:
        more, other_bound, left = _sides(folded(side))
        sides = _counted([word for word, _ in sides] + ([word for word, _ in more] or [joined(left)]))
        bound_for = bound_for or other_bound
    numbers = tuple(sorted(_NUMBER.findall(rest)))
    rest = _patterns()["any alias"].sub(" ", _NUMBER.sub(" ", rest))
    if operator:
        rest = rest.replace(operator, " ")
    rest = _patterns()["site"].sub(" ", rest)
    return SiteName(joined(rest), whole, sides, bound_for, numbers)


def _counted(words: list[str]) -> frozenset[tuple[str, int]]:
    seen: Counter[str] = Counter()
    found = []
    for word in words:
        found.append((word, seen[word]))
        seen[word] += 1
    return frozenset(found)


def _sides(text: str) -> tuple[frozenset[tuple[str, int]], str, str]:
    """Sides in a folded name, where the road leads to, and the name without both."""
    bound = _BOUND_FOR.search(text)
    destination = next((g for g in bound.groups() if g), "") if bound else ""
    if destination and not _SIDE.fullmatch(destination):
        text = text.replace(bound.group(0), " ") if bound else text
    else:
        destination = ""
    words = [_SIDE_WORDS.get(word, word) for word in text.split(" ")]
    found = [word for word in words if word in _SIDE_WORDS.values()]
    text = " ".join(word for word in words if word not in _SIDE_WORDS.values())
    found += _SIDE.findall(text)
    return _counted(found), destination, _SIDE.sub("", text)


@cache
def side_in_name(name: str) -> str:
    """Side of a service area that its name tells, as one word; empty if it is none, or tells no side."""
    if not _SERVICE_AREA.search(folded(name)):
        return ""
    found = site_name(name)
    return found.bound_for or "".join(sorted(word for word, _ in found.sides))


def sides_differ(a: SiteName, b: SiteName) -> bool:
    """Whether two names tell two sides of one place: 东区 and 西区, A and B, 往长沙 and 往株洲方向.

    A name that says no more than the other (``白关服务区`` and ``白关服务区北区``) tells no other side.
    """
    if a.bound_for and b.bound_for and a.bound_for != b.bound_for:
        return True
    if a.sides <= b.sides or b.sides <= a.sides:
        return False
    return not a.stem or not b.stem or a.stem in b.stem or b.stem in a.stem or alike(a.stem, b.stem) >= 0.6
