"""Layers: what is shown, said once for every renderer.

A :class:`Layer` joins a frame, the schema that names its columns and a declarative :class:`LayerStyle`. The
web map, the GeoPackage (QML for QGIS) and matplotlib all read the same object, so a gap has one colour
everywhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import geopandas as gpd
import numpy as np

from ..rules.finding import Shown
from ..rules.kind import kind_of
from ..rules.model import Rule
from ..schema import COLUMNS, Column, TableSchema, day, shown
from ..texts import text
from ..units import WGS84

GOOD, MIDDLE, GAP = "#3B8BC2", "#F0A202", "#A50026"
"""Blue, amber, dark red: apart for colour-blind readers and in grey print (red and green are not)."""
ALLOWED = "#6DB1DF"
"""Long, but no longer than allowed: of the colour of what is good, and dashed."""
UNKNOWN, HALO, PLAN, QUIET = "#6B7280", "#FFE14D", "#5B2A86", "#9AA3AB"
"""Grey for unknown, yellow under gaps, purple for what is proposed, light grey for the background."""

Kind = Literal["line", "point", "polygon"]
Symbol = Literal["circle", "square", "diamond", "triangle", "hexagon", "pin", "dot"]
Mark = Literal["", "bolt", "plug", "sun", "cross", "question", "minus", "number"]
Phase = Literal["both", "before", "after"]
Group = Literal["routes", "places", "plan", "demand", "quality", "background"]
GROUPS: tuple[Group, ...] = ("routes", "places", "plan", "demand", "quality", "background")
"""Groups in the order in which the layer tree shows them; titles are ``group.NAME`` in the catalogue."""


@dataclass(frozen=True)
class Category:
    """How the features with one value look, and what the legend calls them.

    Attributes
    ----------
    value : str or bool, optional
        Value of ``LayerStyle.by`` this stands for; None stands for a missing value, ``"*"`` for any other.
    label_key : str
        Key of the legend's text, filled with ``label_values``: numbers by names of columns (limits come from the
        policy profile).
    colour : str
        ``#RRGGBB`` of line, fill or symbol.
    width : float
        Line width, outline width of a polygon, or diameter of a point symbol, in CSS pixels (1/96 inch).
    dash : tuple of float
        Dash pattern in CSS pixels, empty for a solid line.
    symbol, mark : str
        Shape of a point and the sign inside it; ``"number"`` is the layer's ``label_column``.
    fill : bool
        Filled (has) or hollow (has not).
    halo : str
        Colour of a wide band under a line, empty for none.
    edge : str
        Colour of a polygon's outline; empty for ``colour``.
    opacity : float
        Of the fill of a polygon, else of the whole symbol; 0 to 1.
    min_zoom : int
        Web map only: not drawn below this zoom.
    """

    value: str | bool | None
    label_key: str
    colour: str
    width: float = 2.0
    dash: tuple[float, ...] = ()
    symbol: Symbol = "circle"
    mark: Mark = ""
    fill: bool = True
    halo: str = ""
    edge: str = ""
    opacity: float = 1.0
    min_zoom: int = 0
    label_values: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def label(self, lang: str) -> str:
        """Return the legend's text; values that bear the name of a column are written as that column is."""
        return text(self.label_key, lang, **label_words(self.label_values, lang))


def label_words(values: Mapping[str, Any], lang: str) -> dict[str, str]:
    """Numbers of a legend or title, each as the column of its name is written; of a pair, both with one unit.

    Names that are no columns are limits in kilometres.
    """
    found = {}
    for key, value in values.items():
        held = COLUMNS.get(key, COLUMNS["span_km"])
        *first, last = value if isinstance(value, tuple) else (value,)
        ends = [
            *(shown(each, held, lang) for each in first),
            shown(last, held, lang, unit=True),
        ]
        found[key] = "–".join(ends)
    return found


@dataclass(frozen=True)
class LayerStyle:
    """Categories by one column, or a single symbol (``by=""`` and one category).

    ``offset_by`` names a column of -1, 0, +1: such lines are drawn ``offset_px`` to the left or right of
    their drawing direction, so that the two directions of one road can be told apart (+1 for both if each is
    drawn in its driving direction).
    """

    kind: Kind
    categories: tuple[Category, ...]
    by: str = ""
    offset_by: str = ""
    offset_px: float = 2.5

    def __post_init__(self) -> None:
        if not self.categories:
            raise ValueError("a style needs at least one category")
        if not self.by and len(self.categories) != 1:
            raise ValueError("a style without a column to go by has exactly one category")
        if len({c.value for c in self.categories}) != len(self.categories):
            raise ValueError(f"two categories of {self.by} stand for the same value")


@dataclass(frozen=True)
class Popup:
    """What a click on the web map shows.

    Attributes
    ----------
    columns : tuple of Column
        Columns of the layer's frame, most important first; the heading holds the layer's name already.
    quiet : frozenset of str
        Names of those that are left out where they are missing or no, instead of being listed as unknown.
    lists : frozenset of str
        Names of those that hold an entry a line.
    heading : str
        Column of the heading, for layers that are neither labelled nor searched.
    """

    columns: tuple[Column, ...]
    quiet: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    heading: str = ""


PIECES = "pieces"
"""Column with the positions of the features that a line consists of; none where it has its own."""


@dataclass(frozen=True)
class Layer:
    """One layer of map, GeoPackage and pictures.

    Attributes
    ----------
    name : str
        ASCII snake case; the GeoPackage's table name, unique among layers of the same phase.
    title_key : str
        Key of the title in the catalogue (``layer.NAME``), filled with ``title_values``.
    frame : GeoDataFrame
        EPSG:4326. Columns named in ``schema`` are shown; others (style, keys) serve the renderer only.
    schema : TableSchema
        Columns that popups, aliases and headers show, with labels and units.
    label_column : str, optional
        Written beside (names) or inside (``mark="number"``) each feature; ``search_column`` if there is none.
    search_column : str, optional
        What the search box looks through.
    more : tuple of str
        Columns that files hold beyond those of ``schema``, for those who read the layer back as a list.
    strip_column : str, optional
        Key of the strip chart that a click opens.
    phase : str
        ``"before"`` and ``"after"`` layers are shown by the before/after switch in turn.
    popup : Popup, optional
        What a click shows; without one all columns of ``schema`` but the one that is the heading.
    unplaced : int
        How many things of its table have no position: they count, but nothing is drawn.
    rule : Rule, optional
        The rule whose answers the layer shows, if it shows those of one.
    steps : (str, str), optional
        Columns with the first and the last step of the plan at which a feature is there (web map only). A column
        :data:`PIECES` beside them may say of which features of the last step a line consists.
    """

    name: str
    title_key: str
    frame: gpd.GeoDataFrame
    schema: TableSchema
    style: LayerStyle
    group: Group
    visible: bool = True
    label_column: str | None = None
    search_column: str | None = None
    more: tuple[str, ...] = ()
    strip_column: str | None = None
    phase: Phase = "both"
    popup: Popup | None = None
    rule: Rule | None = None
    unplaced: int = 0
    title_values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    steps: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if self.group not in GROUPS:
            raise ValueError(f"layer {self.name}: no group {self.group!r}; use one of {', '.join(GROUPS)}")
        if self.frame.crs is None or self.frame.crs != WGS84:
            raise ValueError(f"layer {self.name} must be in {WGS84}, not {self.frame.crs}")
        keys = (self.label_column, self.search_column, self.strip_column, self.style.by, self.style.offset_by)
        popup = [c.name for c in self.popup_columns] + ([self.popup.heading] if self.popup else [])
        wanted = [*self.schema.names, *self.more, *(key for key in (*keys, *popup) if key)]
        missing = [name for name in dict.fromkeys(wanted) if name not in self.frame.columns]
        if missing:
            raise ValueError(f"layer {self.name}: no column {', '.join(missing)} in its frame")

    def title(self, lang: str) -> str:
        """Return the layer's title: that of its rule, if it shows one."""
        if self.rule is not None:
            return self.rule.title[lang]
        title = text(self.title_key, lang, **label_words(self.title_values, lang))
        return text("layer.unplaced", lang, title=title, n=self.unplaced) if self.unplaced else title

    @property
    def popup_columns(self) -> tuple[Column, ...]:
        """Columns that a click shows."""
        if self.popup is not None:
            return self.popup.columns
        heading = self.search_column if self.style.categories[0].mark == "number" else None
        heading = heading or self.label_column or self.search_column
        return tuple(column for column in self.schema.columns if column.name != heading)

    def category_index(self) -> np.ndarray:
        """Return which category each feature has, -1 for none.

        Returns
        -------
        ndarray of int32, shape (len(frame),)
        """
        if not self.style.by:
            return np.zeros(len(self.frame), dtype=np.int32)
        values = self.frame[self.style.by]
        found = np.full(len(values), -1, dtype=np.int32)
        for i, category in enumerate(self.style.categories):
            if category.value is None:
                found[values.isna().to_numpy()] = i
            elif category.value != "*":
                same = (values == category.value).fillna(False).to_numpy(dtype=bool)
                found[same] = i
        other = [i for i, category in enumerate(self.style.categories) if category.value == "*"]
        if other:
            found[found < 0] = other[0]
        return found


def rule_layer_names(layers: Sequence[Layer], rule: Rule) -> tuple[str, ...]:
    """Names of the layers that show what a rule counts, its result first: its own, then the others of its kind."""
    own = tuple(dict.fromkeys(x.name for x in layers if x.rule is not None and x.rule.id == rule.id))
    wanted = kind_of(rule).layers
    return (*own, *wanted[1:]) if own else wanted


@dataclass(frozen=True)
class FindingRow:
    """A finding as panels and tables show it: texts are ready in the chosen language.

    ``value`` holds the figure or its interval (``"82–91 %"``), ``target`` what it is held against
    (``"≥ 100 %"``); ``layer`` names the layer that shows it. ``status_after`` and ``value_after`` are empty
    without a plan. ``source`` is the clause the rule comes from, ``due`` the year by which it must be met;
    ``note`` is always in view: what an average is made of.
    """

    title: str
    status: Shown
    value: str
    target: str
    layer: str = ""
    status_after: Shown | Literal[""] = ""
    value_after: str = ""
    note: str = ""
    source: str = ""
    due: int | None = None


@dataclass(frozen=True)
class SourceNote:
    """The line on every map and page: where the data are from, of when, and what the sheet is not.

    ``sources`` is shown as given; so is ``date``, unless it is an ISO date, which is written out.
    ``schematic`` says the data are drawn by hand; ``osm`` adds
    the attribution OpenStreetMap asks for (ODbL 4.3); ``approval`` is the approval number (审图号) that a
    public map needs in China, empty if there is none; None where none is asked for.
    """

    sources: str = ""
    date: str = ""
    schematic: bool = False
    osm: bool = True
    approval: str | None = ""
    extra: tuple[str, ...] = field(default=())

    def parts(self, lang: str) -> list[str]:
        """Return the line's parts, in order."""
        parts = [text("note.sources", lang, sources=self.sources)] if self.sources else []
        parts += [text("note.date", lang, date=_date_words(self.date, lang))] if self.date else []
        parts += [text("note.schematic", lang)] if self.schematic else []
        parts += [text("note.internal", lang)]
        parts += [text("note.osm", lang)] if self.osm else []
        parts += [approval_line(self.approval, lang)] if self.approval is not None else []
        return [*parts, *self.extra]

    def line(self, lang: str) -> str:
        """Return the parts as one line."""
        return " · ".join(self.parts(lang))


@dataclass(frozen=True)
class Imprint:
    """What stands on the cover of a workbook or report: what it is of, and who made it of data of which day.

    ``subtitle`` names the policy; ``version`` is that of plugspan; rules are judged on the day ``assess_at``.
    """

    title: str
    subtitle: str = ""
    author: str = ""
    date: dt.date | None = None
    version: str = ""
    assess_at: dt.date | None = None

    @property
    def origin(self) -> dict[str, str]:
        """Who made it of data of which day (ISO), where that is said, as the provenance of a file names them."""
        held = {"author": self.author, "date": self.date.isoformat() if self.date else ""}
        return {name: words for name, words in held.items() if words}


def approval_line(number: str, lang: str) -> str:
    """The number under which a map was approved for publication, or that it was not."""
    return text("note.approval", lang, number=number or text("note.no-approval", lang))


def _date_words(date: str, lang: str) -> str:
    try:
        return day(dt.date.fromisoformat(date), lang)
    except ValueError:
        return date


def own_layer(layer: Layer, rules: Sequence[Rule], rule: Rule) -> Layer:
    """The layer of one of several rules of a kind: it bears the rule's title, all but the first its id, too.

    A rule that is alone has the layer of its kind.
    """
    if len(rules) < 2:
        return layer
    name = layer.name if rule is rules[0] else f"{layer.name}_{rule.id.replace('-', '_')}"
    return replace(layer, name=name, rule=rule)
