"""Layers drawn on paper: areas, lines with halo, symbols, names. The same looks as on the web map and in QGIS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.path import Path as Outline
from matplotlib.transforms import Affine2D

from ...schema import shown
from ...tables.layer import Category, Layer
from ...tables.styles import INK
from ..gis.qml import NAMES_FROM_SCALE
from ..gis.qml_symbols import HALO_PX
from ..strips.layout import text_px
from ..symbols import BOX, PIN_HEAD, Stroke, outline, strokes
from .lettering import letter, printable
from .paper import PT_PER_PX, Paper, beside, paths
from .spread import spread_apart

Array = npt.NDArray[Any]
AREA, QUIET_LINE, HALO, LINE, SMALL, NAME, SIGN, PIN = 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0
"""What lies over what, as on the web map: names above small symbols and below large ones."""
SMALL_PX = 13.0
LEADER_PT, GAP_PT = 2.0, 0.4
"""Symbols moved by more than this have a line to their place; what is left free around a symbol that is moved."""
DOT: dict[str, Any] = {"symbol": "dot", "width": 5.0, "mark": "", "fill": True}
SIMPLIFY_PT = 0.25
WATER_INK = "#3F7A9E"


def draw_layer(axes: Axes, layer: Layer, paper: Paper, order: float, spots: Spots) -> None:
    """Draw the features of a layer; ``order`` (0 … 1) is its place among layers of its kind.

    ``spots`` has where the features of each layer of points stand.
    """
    index = layer.category_index()
    for i, category in enumerate(layer.style.categories):
        if not paper.shows(category):
            continue
        chosen = (index == i) & _placed(layer)
        if not chosen.any():
            continue
        geometry = layer.frame.geometry.to_numpy()[chosen]
        if layer.style.kind == "polygon":
            draw_areas(axes, paper.place(shapely.force_2d(geometry)), category, order)
        elif layer.style.kind == "line":
            sides = np.zeros(int(chosen.sum()))
            if layer.style.offset_by:
                sides = layer.frame[layer.style.offset_by].fillna(0).to_numpy(dtype=float)[chosen]
            right = sides * layer.style.offset_px * PT_PER_PX * paper.line_scale
            lines = placed_lines(geometry, right, paper)
            draw_lines(axes, lines, category, order, paper.line_scale, quiet=layer.group == "background")
        else:
            _draw_points(axes, layer, spots.places[layer.name], chosen, category, paper, order)


def _placed(layer: Layer) -> npt.NDArray[np.bool_]:
    """Which features are anywhere."""
    geometry = layer.frame.geometry.to_numpy()
    nowhere: npt.NDArray[np.bool_] = np.asarray(shapely.is_missing(geometry)) | np.asarray(
        shapely.is_empty(geometry)
    )
    return ~nowhere


# -- areas and lines -------------------------------------------------------------------------------------


def draw_areas(axes: Axes, areas: Array, category: Category, order: float) -> None:
    """Fill areas (in points on the paper) and draw their outline."""
    parts = shapely.get_parts(areas)
    parts = parts[shapely.get_dimensions(parts) == 2]
    outlines = [_area_path(part) for part in parts if not part.is_empty]
    look: dict[str, Any] = {
        "linewidths": category.width * PT_PER_PX,
        "linestyles": _dashes(category),
        "zorder": AREA + order,
    }
    edge = category.edge or category.colour
    axes.add_collection(
        PathCollection(outlines, facecolors=[(category.colour, category.opacity)], edgecolors=[edge], **look),
        autolim=False,
    )


def _area_path(area: shapely.Polygon) -> Outline:
    rings = [area.exterior, *area.interiors]
    return Outline.make_compound_path(
        *(Outline(np.asarray(ring.coords)[:, :2], closed=True) for ring in rings)
    )


def placed_lines(geometry: Array, right_pt: npt.NDArray[np.float64], paper: Paper) -> list[Array]:
    """Return lines on the paper, each moved to its side."""
    placed = shapely.simplify(paper.place(shapely.force_2d(geometry)), SIMPLIFY_PT, preserve_topology=False)
    lines, owner = paths(placed)
    return [beside(line, float(right_pt[i])) for line, i in zip(lines, owner, strict=True)]


def draw_lines(
    axes: Axes,
    lines: Sequence[Array],
    category: Category,
    order: float,
    scale: float = 1.0,
    *,
    quiet: bool = False,
) -> None:
    """Draw lines (in points on the paper) ``scale`` times as wide, with their halo under all other lines."""
    width = category.width * PT_PER_PX * scale
    if category.halo:
        halo = width + HALO_PX * PT_PER_PX * scale
        under = LineCollection(
            lines, colors=[category.halo], linewidths=halo, capstyle="round", joinstyle="round"
        )
        under.set_zorder(HALO + order)
        axes.add_collection(under, autolim=False)
    drawn = LineCollection(
        lines, colors=[category.colour], linewidths=width, linestyles=_dashes(category), capstyle="butt",
        joinstyle="round", alpha=category.opacity, zorder=(QUIET_LINE if quiet else LINE) + order,
    )  # fmt: skip
    axes.add_collection(drawn, autolim=False)


def _dashes(category: Category) -> list[Any]:
    """Matplotlib counts dashes in line widths."""
    if not category.dash:
        return ["solid"]
    pattern = category.dash * 2 if len(category.dash) % 2 else category.dash
    return [(0, tuple(value / category.width for value in pattern))]


# -- symbols ---------------------------------------------------------------------------------------------


@dataclass
class Spots:
    """Where the features of each layer of points stand on a paper, NaN for those that are nowhere.

    Large symbols that would hide each other can be moved apart; those that a second frame shows are dots on the first.
    Pins stay: they are their own leaders.
    """

    layers: Sequence[Layer]
    paper: Paper
    places: dict[str, Array] = field(init=False)
    radius: dict[str, Array] = field(init=False)
    """How much paper each symbol needs around its middle, 0 if it may be hidden."""

    def __post_init__(self) -> None:
        self.layers = [layer for layer in self.layers if layer.style.kind == "point"]
        self.places = {layer.name: _own_places(layer, self.paper) for layer in self.layers}
        self.radius = {layer.name: _radii(layer, self.paper) for layer in self.layers}

    def large(self) -> tuple[Array, Array]:
        """Places and radii of the large symbols on the paper."""
        if not self.layers:
            return np.empty((0, 2)), np.empty(0)
        at, radius = np.concatenate(list(self.places.values())), np.concatenate(list(self.radius.values()))
        seen = (radius > 0) & ((at > 0) & (at < [self.paper.width, self.paper.height])).all(axis=1)
        return at[seen], radius[seen]

    def hide(self, axes: Axes, part: tuple[float, float, float, float]) -> None:
        """Draw large symbols in a part of the paper as dots, and no more."""
        for layer in self.layers:
            at, category = self.places[layer.name], layer.category_index()
            inside = ((at >= part[:2]) & (at <= part[2:])).all(axis=1) & (self.radius[layer.name] > 0)
            for i, each in enumerate(layer.style.categories):
                draw_symbols(axes, at[inside & (category == i)], replace(each, **DOT), SIGN)
            at[inside] = np.nan

    def spread(self, axes: Axes) -> None:
        """Move large symbols apart; a thin line leads each to its own place."""
        own, radius = self.large()
        if not len(own):
            return
        moved = spread_apart(own, radius, self.paper.width, self.paper.height)
        leaders = np.stack([own, moved], axis=1)
        far = np.hypot(*(moved - own).T) > LEADER_PT
        look: dict[str, Any] = {"colors": [INK], "linewidths": 0.5, "zorder": SIGN - 0.5, "capstyle": "round"}
        axes.add_collection(LineCollection(list(leaders[far]), **look), autolim=False)
        draw_symbols(axes, own[far], Category(None, "", INK, width=3.0, symbol="dot"), SIGN - 0.4)
        for name, at in self.places.items():
            seen = (self.radius[name] > 0) & ((at > 0) & (at < [self.paper.width, self.paper.height])).all(
                axis=1
            )
            at[seen], moved = np.split(moved, [int(seen.sum())])


def _own_places(layer: Layer, paper: Paper) -> Array:
    at, placed = np.full((len(layer.frame), 2), np.nan), _placed(layer)
    inside = shapely.point_on_surface(layer.frame.geometry.to_numpy()[placed])
    at[placed] = paper.project(shapely.get_coordinates(inside))
    return at


def _radii(layer: Layer, paper: Paper) -> Array:
    movable = [
        c.width / 2 * PT_PER_PX + GAP_PT
        if c.width >= SMALL_PX and c.symbol != "pin" and layer.group != "background" and paper.shows(c)
        else 0.0
        for c in layer.style.categories
    ]
    radii: Array = np.array([*movable, 0.0])[layer.category_index()]
    return radii  # the last one is that of no category


def _draw_points(
    axes: Axes, layer: Layer, spots: Array, chosen: Array, category: Category, paper: Paper, order: float
) -> None:
    at = spots[chosen]
    seen = ((at > -5) & (at < [paper.width + 5, paper.height + 5])).all(axis=1)
    at = at[seen]
    level = PIN if category.symbol == "pin" else SMALL if category.width < SMALL_PX else SIGN
    if category.mark != "number" or not layer.label_column:
        draw_symbols(axes, at, category, level + order)
        return
    # The first to be built lies on top; each number lies on its own symbol.
    numbers = layer.frame[layer.label_column].to_numpy()[chosen][seen]
    for i in range(len(at))[::-1]:
        above = level + order + 0.5 * (len(at) - i) / (len(at) + 1)
        draw_symbols(axes, at[i : i + 1], category, above)
        draw_number(axes, float(at[i, 0]), float(at[i, 1]), numbers[i], category, above)


def draw_symbols(axes: Axes, at: Array, category: Category, order: float) -> None:
    """Draw a symbol at each point of the paper, one after the other so that each covers the one before."""
    if not len(at):
        return
    scale = category.width / BOX * PT_PER_PX
    made = strokes(category)
    outlines = [_outline(stroke, scale) for stroke in made]
    axes.add_collection(
        PathCollection(
            outlines,
            sizes=None,
            offsets=np.repeat(at, len(made), axis=0),
            offset_transform=axes.transData,
            transform=Affine2D().scale(1 / 72) + axes.figure.dpi_scale_trans,
            facecolors=[stroke.filled or "none" for stroke in made],
            edgecolors=[stroke.stroked or "none" for stroke in made],
            linewidths=[stroke.width * stroke.scale * scale for stroke in made],
            capstyle="round",
            joinstyle="round",
            alpha=None if category.opacity == 1 else category.opacity,
            zorder=order,
        ),
        autolim=False,
    )


def _outline(stroke: Stroke, scale: float) -> Outline:
    drawn = outline(stroke.path)
    placed = np.asarray(drawn.vertices) * stroke.scale + [0.0, stroke.down]
    return Outline(placed * [scale, -scale], drawn.codes)


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def draw_number(axes: Axes, x: float, y: float, number: Any, category: Category, order: float) -> None:
    """Write a number inside a symbol."""
    up = PIN_HEAD / BOX * category.width * PT_PER_PX if category.symbol == "pin" else 0.0
    value = printable("" if _missing(number) else number)
    size = category.width * PT_PER_PX * (0.5 if len(value) < 3 else 0.38)
    letter(axes, x, y + up, value, size, "#ffffff", across="center", weight="bold", order=order)


# -- names -----------------------------------------------------------------------------------------------


@dataclass
class Names:
    """Places names where there is room: no two over each other, each once."""

    paper: Paper
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)
    written: set[str] = field(default_factory=set)

    def keep_clear(self, x: float, y: float, width: float, height: float) -> None:
        """Leave a box around a point free."""
        self.taken.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))

    def find(
        self, value: str, size: float, places: Sequence[tuple[float, float]]
    ) -> tuple[float, float] | None:
        """Return the first of the places (centres) where the text fits, and take it."""
        if not value or value in self.written:
            return None
        half_w, half_h = text_px(value, size) / 2 + 1.5, size * 0.65
        for x, y in places:
            box = (x - half_w, y - half_h, x + half_w, y + half_h)
            inside = box[0] > 0 and box[1] > 0 and box[2] < self.paper.width and box[3] < self.paper.height
            if inside and not any(_meet(box, other) for other in self.taken):
                self.taken.append(box)
                self.written.add(value)
                return x, y
        return None


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def draw_names(axes: Axes, layers: Sequence[Layer], names: Names, spots: Spots) -> None:
    """Write route numbers, then counties, towns, and rivers where there is still room."""
    paper = names.paper
    for layer in layers:
        if layer.style.kind == "point":
            _keep_symbols_clear(names, layer, spots.places[layer.name])
    for layer in sorted(layers, key=_urgency):
        column = layer.label_column or (layer.search_column if layer.style.kind == "line" else None)
        numbered = any(c.mark == "number" for c in layer.style.categories)
        roads = layer.group == "background" and layer.style.kind == "line" and bool(layer.style.by)
        far = layer.group != "background" and layer.style.kind == "point" and paper.scale > NAMES_FROM_SCALE
        if column and not (numbered or roads or far):
            _name_features(axes, names, layer, column, paper)


def _urgency(layer: Layer) -> tuple[bool, int]:
    kinds = {"line": 0, "polygon": 1, "point": 2}
    quiet_line = layer.group == "background" and layer.style.kind == "line"
    return quiet_line, kinds[layer.style.kind]


def _keep_symbols_clear(names: Names, layer: Layer, spots: Array) -> None:
    index = layer.category_index()
    for i, category in enumerate(layer.style.categories):
        if category.width < SMALL_PX:
            continue
        size = category.width * PT_PER_PX
        tall = 1.4 * size if category.symbol == "pin" else size
        up = 0.6 * size if category.symbol == "pin" else 0.0
        for x, y in spots[(index == i) & np.isfinite(spots[:, 0])]:
            names.keep_clear(float(x), float(y) + up, size, tall)


def _name_features(axes: Axes, names: Names, layer: Layer, column: str, paper: Paper) -> None:
    kind, quiet = layer.style.kind, layer.group == "background"
    size = {"line": 6.5, "polygon": 9.0, "point": 7.0}[kind]
    ink = WATER_INK if kind == "line" and quiet else INK
    index, placed = layer.category_index(), _placed(layer)
    for i, (value, geometry) in enumerate(zip(layer.frame[column], layer.frame.geometry, strict=True)):
        text = "" if _missing(value) else printable(value)
        if not placed[i] or index[i] < 0 or not text:
            continue
        near = layer.style.categories[index[i]].width / 2 * PT_PER_PX
        found = names.find(text, size, _places(geometry, kind, text, size, near, paper))
        if found:
            letter(
                axes, *found, text, size, ink, halo=1.1, across="center", order=NAME,
                weight="normal" if kind == "point" or (quiet and kind == "line") else "bold",
                italic=False,
            )  # fmt: skip


def _places(
    geometry: shapely.Geometry, kind: str, text: str, size: float, near: float, paper: Paper
) -> list[tuple[float, float]]:
    """Where a name may stand, best first."""
    if kind == "line":
        longest = max(shapely.get_parts(geometry), key=lambda part: part.length)
        spots = shapely.line_interpolate_point(
            longest, [0.5, 0.3, 0.7, 0.15, 0.85, 0.4, 0.6], normalized=True
        )
        return [(float(x), float(y)) for x, y in paper.project(shapely.get_coordinates(spots))]
    x, y = (float(v) for v in paper.project(shapely.get_coordinates(shapely.point_on_surface(geometry)))[0])
    half = text_px(text, size) / 2
    if kind == "polygon":
        return [
            (x, y),
            (x, y - 14),
            (x, y + 14),
            (x - 26, y),
            (x + 26, y),
            (x - 26, y + 15),
            (x + 26, y - 15),
        ]
    side, up = half + near + 3, near + size * 0.7 + 1
    return [(x + side, y), (x - side, y), (x, y + up), (x, y - up)]


def legend_value(layer: Layer, lang: str) -> str:
    """First number of a layer, for the legend's pin."""
    if not layer.label_column or layer.frame.empty:
        return ""
    columns = [c for c in layer.schema.columns if c.name == layer.label_column]
    value = layer.frame[layer.label_column].iloc[0]
    return shown(value, columns[0], lang) if columns else str(value)
