"""Kinds of rules: what each declares once, in its own file, for all outputs.

A kind is a module of this folder with a :class:`RuleKind` named ``KIND``; nothing else names it. Kinds from elsewhere
are added by :func:`register`. See ``CONTRIBUTING.md``.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..schema import Column, add_columns
from ..texts import add_texts
from .model import Bilingual, Rule

if TYPE_CHECKING:
    import pandas as pd

    from .finding import Finding, Measured
    from .roads import RoadContext
    from .rows import RuleRows, World


Claim = tuple[str, Any, Any]
"""What is claimed of a figure, the value, and what it is when recomputed."""


@dataclass(frozen=True, eq=False)
class RuleKind:
    """Everything that the program knows of one kind of rule.

    Attributes
    ----------
    name : str
        The ``kind`` of its rules in a profile.
    model : type of Rule
        Its keys.
    measure : callable
        From a rule and the roads, routes and tables of a :class:`~.roads.RoadContext` to what is measured.
    rows : callable, optional
        From the state of a plan and a rule to rows that are served exactly when the rule is met. Without it no plan
        can be made for the kind: its rules are measured only.
    table : sequence of (str, float)
        Columns of the finding's table that stand in the report, with their share of the width.
    column_names : mapping
        Names in the schema of columns that are called otherwise in the finding's table.
    lengths_in_km : bool
        Lengths of its table are of roads: metres that are shown in kilometres (``length_m`` as ``length_km``).
    sheet : str
        Sheet of the workbook with all rows of the table. Empty: each rule gets a sheet of its own.
    sheet_of_first : bool
        That sheet holds the rows of the first rule of the kind; the others get sheets of their own.
    layers : tuple of str
        Layers of the map that show what its rules count, the result first. Empty: a finding whose table has a
        ``geometry`` gets a layer of its own.
    sign : str
        Look and words of that layer: ``"facility"``, or ``"pv"`` for photovoltaics.
    close_to : str
        Layer that the map of its page in the report is cut to; empty for the whole region.
    own_gaps : bool
        Its page shows the rule's own gaps on the layer of routes.
    noun : Bilingual or function, optional
        What is counted as yes, unknown and no, or that of a rule; without it these counts are not put in words.
    fall_text : str
        Why building may lower the value: key of a sentence, empty if it can't.
    counts_text : str
        Key of the sentence on these counts.
    lists : bool
        Its rules measure no value: they list.
    places : bool
        The rows of its table are places: their ``id`` is the ``site_id`` of all outputs.
    names_lacking : bool
        Things that lack what is asked are named on the report's first page.
    by_county : callable, optional
        From a finding to its table by county, and
    county_columns : tuple of str
        the columns of it that stand on the sheet of counties.
    claims : callable, optional
        What ``plugspan verify`` recomputes from a finding of ``result.json``: (what, claimed, found).
    columns, texts
        Columns that only this kind has, and texts by key, for the registries of both: ``column.NAME``,
        ``meaning.NAME``.
    """

    name: str
    model: type[Rule]
    measure: Callable[[Any, RoadContext], Measured]
    rows: Callable[[World, Any], RuleRows | None] | None = None
    table: Sequence[tuple[str, float]] = ()
    column_names: Mapping[str, str] = field(default_factory=dict)
    lengths_in_km: bool = False
    sheet: str = ""
    sheet_of_first: bool = False
    layers: tuple[str, ...] = ()
    sign: str = "facility"
    close_to: str = ""
    own_gaps: bool = False
    noun: Bilingual | Callable[[Any], Bilingual] | None = None
    counts_text: str = "report.say.counts"
    fall_text: str = ""
    lists: bool = False
    places: bool = False
    names_lacking: bool = False
    by_county: Callable[[Finding], pd.DataFrame] | None = None
    county_columns: tuple[str, ...] = ()
    claims: Callable[[Mapping[str, Any]], Iterable[Claim]] | None = None
    columns: tuple[Column, ...] = ()
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


_FROM_ELSEWHERE: dict[str, RuleKind] = {}


@cache
def _own() -> Mapping[str, RuleKind]:
    """Kinds declared in this folder, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(import_module(__package__).__path__))
    modules = [import_module(f"{__package__}.{name}") for name in names]
    found = [kind for m in modules if isinstance(kind := getattr(m, "KIND", None), RuleKind)]
    for kind in found:
        add_texts(kind.texts)
        add_columns(kind.columns)
    return {kind.name: kind for kind in found}


def kinds() -> Mapping[str, RuleKind]:
    """All kinds of rules by name."""
    return {**_own(), **_FROM_ELSEWHERE}


def kinds_from_elsewhere() -> tuple[RuleKind, ...]:
    """Kinds of rules that are not plugspan's own."""
    return tuple(_FROM_ELSEWHERE.values())


def kind_of(rule: Rule) -> RuleKind:
    """What the kind of a rule declares."""
    return kinds()[rule.kind]


def register(kind: RuleKind) -> None:
    """Add a kind of rule from elsewhere; one of the same name is replaced unless it is our own.

    Raises
    ------
    ValueError
        If the name is taken by a kind of plugspan.
    """
    if kind.name in _own():
        raise ValueError(f"kind {kind.name!r} is taken")
    add_texts(kind.texts)
    add_columns(kind.columns)
    _FROM_ELSEWHERE[kind.name] = kind
