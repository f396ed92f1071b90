"""Static maps for reports and slides: PNG or SVG, from the same layers as the web map and the GeoPackage."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...atomic import write_file, write_text
from ...tables.layer import Layer
from ...tables.styles import INK, READERS_FONTS
from .inset import Window, densest_part
from .layers import Names, Spots, draw_layer, draw_names
from .legend import Legend, draw_legend, draw_north, draw_scale, legend_entries, wrap
from .lettering import as_paths, families, letter
from .paper import PT_PER_MM, Paper

GROUND = "#F4F6F7"
NOTE_SIZE, TITLE_SIZE = 6.0, 12.0
_EDGE_MM = 4.0
LEAST_PT = 110.0
"""Least width and height of the frame: scale bar and north arrow need it."""
INSET_PT = 130.0
"""Least width of a second frame."""
WIDER = 1.15
"""The frame of a tall region is so much wider than its ground: names stand at its sides."""
State = Literal["before", "after"]
SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "plugspan", "path.simplify": False}


Box = tuple[float, float, float, float]
"""Left, bottom, width, height in points."""


@dataclass(frozen=True)
class _Sheet:
    """Where the parts of a sheet stand, in points."""

    map: Box
    legend_box: Box
    legend: Legend | None
    title_y: float
    note_lines: tuple[str, ...]
    spare: float
    """How much lower the sheet may be for the same scale."""
    inset: Box
    """What a second frame beside the map could take if all moves to the left."""

    def with_inset(self) -> _Sheet:
        """Move the map to the left edge and the legend to the right one; the second frame stands between."""
        moved = self.inset[0] - _EDGE_MM * PT_PER_MM - self.map[2] - self.map[0]
        right = self.inset[0] + self.inset[2] + _EDGE_MM * PT_PER_MM - self.legend_box[0]
        return replace(self, map=_shifted(self.map, moved), legend_box=_shifted(self.legend_box, right))


def _shifted(box: Box, right: float) -> Box:
    return (box[0] + right, *box[1:])


def map_figure(
    layers: Sequence[Layer],
    *,
    lang: str = "zh",
    size_mm: tuple[float, float] = (180.0, 200.0),
    title: str = "",
    note: str = "",
    phase: State = "before",
    extent: Sequence[float] | None = None,
    legend: bool = True,
    inset: bool = False,
) -> Figure:
    """Draw layers as a map with legend, scale bar, north arrow and a line of notes.

    Parameters
    ----------
    layers : sequence of Layer
        Lowest first. Only those that are ``visible`` and of this phase (or both) are drawn.
    lang : str
        ``"zh"`` or ``"en"``.
    size_mm : (float, float)
        Width and height of the sheet.
    title, note : str
        Above and below the map; the note is the line of sources that every map must have
        (:meth:`plugspan.tables.layer.SourceNote.line`).
    phase : str
        ``"before"`` (today) or ``"after"`` (with the plan).
    extent : sequence of float, optional
        West, south, east, north in degrees; the counties if left out, else all layers.
    legend : bool
        Whether there is a legend, at the right or, where that leaves the map a larger scale, below.
    inset : bool
        Whether a second frame beside a narrow map shows the part where symbols hide each other.
    """
    drawn = _drawn(layers, phase)
    with mpl.rc_context(SETTINGS):
        width, height = size_mm[0] * PT_PER_MM, size_mm[1] * PT_PER_MM
        figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
        shown = picture_extent(drawn) if extent is None else extent
        sheet = _sheet(drawn, shown, lang, (width, height), title, note, legend=legend)
        paper = Paper.fit(shown, *sheet.map[2:])
        part = _part(drawn, paper, sheet) if inset else None
        if part is not None:
            sheet = sheet.with_inset()
        axes = _axes(figure, sheet.map, GROUND)
        _draw_ground(axes, drawn, paper, lang, part)
        if part is not None:
            axes.add_patch(_outline(part))
            axes = _axes(figure, sheet.inset, GROUND)
            _draw_ground(axes, drawn, paper.part(part, *sheet.inset[2:]), lang)
        if sheet.legend:
            draw_legend(_axes(figure, sheet.legend_box, "white"), sheet.legend, sheet.legend_box[3])
        _write_margins(_axes(figure, (0, 0, width, height), "none"), sheet, title)
    return figure


def _draw_ground(
    axes: Axes, drawn: Sequence[Layer], paper: Paper, lang: str, part: Window | None = None
) -> None:
    """Draw what a frame shows; large symbols in a part that another frame shows are dots."""
    names, spots = Names(paper), Spots(drawn, paper)
    draw_scale(axes, names, lang)
    draw_north(axes, names, lang)
    if part is not None:
        spots.hide(axes, part)
    spots.spread(axes)
    for i, layer in enumerate(drawn):
        draw_layer(axes, layer, paper, i / (len(drawn) + 1), spots)
    draw_names(axes, drawn, names, spots)


def _part(drawn: Sequence[Layer], paper: Paper, sheet: _Sheet) -> Window | None:
    """Where symbols lie closest on a map that leaves the sheet enough for a second frame."""
    if sheet.inset[2] < INSET_PT:
        return None
    return densest_part(*Spots(drawn, paper).large(), (paper.width, paper.height), sheet.inset[2:])


def _outline(part: Window) -> Rectangle:
    left, bottom, right, top = part
    return Rectangle(
        (left, bottom), right - left, top - bottom, fill=False, edgecolor=INK, linewidth=0.8, zorder=30
    )


def map_height_mm(
    layers: Sequence[Layer],
    *,
    lang: str,
    width_mm: float,
    most_mm: float,
    note: str = "",
    phase: State = "before",
    extent: Sequence[float] | None = None,
) -> float:
    """Return how high the sheet of :func:`map_figure` need be for the largest scale that fits."""
    drawn = _drawn(layers, phase)
    shown = picture_extent(drawn) if extent is None else extent
    size = (width_mm * PT_PER_MM, most_mm * PT_PER_MM)
    return most_mm - _sheet(drawn, shown, lang, size, "", note).spare / PT_PER_MM


def map_key(
    layers: Sequence[Layer], *, lang: str, phase: State = "before", extent: Sequence[float] | None = None
) -> str:
    """Return a key of what :func:`map_figure` would draw: the same for maps that differ in their size alone."""
    drawn = _drawn(layers, phase)
    key = hashlib.sha256(repr((legend_entries(drawn, lang), extent)).encode())
    for layer in drawn:
        written = [name for name in (layer.label_column, layer.style.offset_by) if name]
        key.update(b"".join(shape or b"" for shape in shapely.to_wkb(layer.frame.geometry.to_numpy())))
        key.update(layer.category_index().tobytes())
        key.update(repr([layer.frame[name].tolist() for name in written]).encode())
    return key.hexdigest()


def write_map_picture(
    layers: Sequence[Layer],
    path: str | Path,
    *,
    lang: str = "zh",
    size_mm: tuple[float, float] = (180.0, 200.0),
    title: str = "",
    note: str = "",
    phase: State = "before",
    extent: Sequence[float] | None = None,
    legend: bool = True,
    dpi: float = 200.0,
    letters: Literal["text", "paths"] = "text",
    overwrite: bool = False,
) -> None:
    """Draw layers (see :func:`map_figure`) into a ``.png`` or ``.svg`` file; the same layers give the same bytes.

    Parameters
    ----------
    dpi : float
        Resolution of a PNG.
    letters : str
        In an SVG: ``"text"`` can be searched and takes the reader's fonts, ``"paths"`` looks the same everywhere.

    Raises
    ------
    OutputExistsError
        If the file is there and ``overwrite`` is False.
    ValueError
        If the file's name ends in something else.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".png", ".svg"):
        raise ValueError(f"a picture is a .png or a .svg, not {path.name}")
    with as_paths(kind == ".png" or letters == "paths"):
        figure = map_figure(
            layers,
            lang=lang,
            size_mm=size_mm,
            title=title,
            note=note,
            phase=phase,
            extent=extent,
            legend=legend,
        )
    write_figure(figure, path, dpi=dpi, letters=letters, overwrite=overwrite)


def write_figure(
    figure: Figure,
    path: Path,
    *,
    dpi: float = 200.0,
    letters: Literal["text", "paths"] = "text",
    overwrite: bool = False,
) -> None:
    """Write any figure as PNG or SVG without a time in it, beside its place first."""
    vector = path.suffix.lower() == ".svg"
    about = {"Date": None, "Creator": "plugspan"} if vector else {"Software": "plugspan"}
    settings: dict[Any, Any] = {**SETTINGS, "svg.fonttype": "none" if letters == "text" else "path"}
    with write_file(path, overwrite=overwrite) as new, mpl.rc_context(settings):
        figure.savefig(new, dpi=dpi, metadata=about, format=path.suffix[1:].lower())
        if vector and letters == "text":
            drawn = new.read_text("utf-8").replace(repr(families()[0]), READERS_FONTS)
            write_text(new, drawn)


def picture_extent(layers: Sequence[Layer]) -> tuple[float, float, float, float]:
    """Return what a map of these layers shows: the counties, else everything; the whole earth if there is nothing."""
    counties = [layer for layer in layers if layer.name == "counties"] or list(layers)
    boxes = [layer.frame.total_bounds for layer in counties]
    boxes = [box for box in boxes if np.isfinite(box).all()]
    if not boxes:
        return -180.0, -80.0, 180.0, 80.0
    low, high = np.min(boxes, axis=0), np.max(boxes, axis=0)
    return float(low[0]), float(low[1]), float(high[2]), float(high[3])


# -- the sheet -------------------------------------------------------------------------------------------


def _drawn(layers: Sequence[Layer], phase: State) -> list[Layer]:
    return [layer for layer in layers if layer.visible and layer.phase in ("both", phase)]


def _sheet(
    drawn: Sequence[Layer], shown: Sequence[float], lang: str, size: tuple[float, float], title: str, note: str,
    *, legend: bool = True,
) -> _Sheet:  # fmt: skip
    """Lay out a sheet so that the ground gets the largest scale, its frame as wide as the ground asks for."""
    entries = legend_entries(drawn, lang) if legend else []
    sheet = _layout(size, title, note, Legend.of(entries) if entries else None, shown)
    if sheet.legend is None:
        return sheet
    # Roads that are not drawn at this scale leave the legend; that leaves more room for the map, never less.
    entries = legend_entries(drawn, lang, Paper.fit(shown, *sheet.map[2:]))
    if not entries:
        return _layout(size, title, note, None, shown)
    beside, below = (
        _layout(size, title, note, made, shown)
        for made in (Legend.of(entries), Legend.of(entries, size[0] - 2 * _EDGE_MM * PT_PER_MM))
    )
    scales = [Paper.fit(shown, *each.map[2:]).m_per_pt for each in (beside, below)]
    return below if scales[1] < scales[0] else beside


def _layout(
    size: tuple[float, float], title: str, note: str, legend: Legend | None, shown: Sequence[float]
) -> _Sheet:
    """Place the parts; the legend stands below the map if it has several columns."""
    edge = _EDGE_MM * PT_PER_MM
    width, height = size
    lines = wrap(note, NOTE_SIZE, width - 2 * edge)
    top = height - edge - (TITLE_SIZE * 1.9 if title else 0)
    bottom = edge + len(lines) * NOTE_SIZE * 1.4 + (2 if lines else 0)
    below = legend is not None and len(legend.columns) > 1
    aside = legend.width + edge if legend and not below else 0.0
    under = legend.height + edge if legend and below else 0.0
    room, high = width - 2 * edge - aside, max(top - bottom - under, LEAST_PT)
    west, south, east, north = shown
    ground = max((east - west) * np.cos(np.radians((south + north) / 2)), 1e-9) / max(north - south, 1e-9)
    wide = min(room, max(WIDER * ground * high, LEAST_PT))
    lowest = max(wide / ground, LEAST_PT, legend.height if legend and not below else 0.0)
    left = (width - wide - aside) / 2
    if legend is None:
        box = (0.0, 0.0, 0.0, 0.0)
    elif below:
        box = (max((width - legend.width) / 2, edge), bottom, legend.width, legend.height)
    else:
        fits = min(legend.height, high)
        box = (left + wide + edge, top - fits, legend.width, fits)
    free = min(room - wide - edge, 1.4 * high)
    second = (edge + (room - wide - edge - free) / 2 + wide + edge, top - high, max(free, 0.0), high)
    return _Sheet(
        (left, top - high, wide, high), box, legend, height - edge - TITLE_SIZE * 0.75, tuple(lines),
        max(high - lowest, 0.0), second,
    )  # fmt: skip


def _axes(figure: Figure, box: tuple[float, float, float, float], ground: str) -> Axes:
    """Axes whose units are points on the paper."""
    width, height = figure.get_size_inches() * 72
    left, bottom, w, h = box
    axes = figure.add_axes((left / width, bottom / height, w / width, h / height), facecolor=ground)
    axes.set(xlim=(0, w), ylim=(0, h), xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set(edgecolor="#C3C9CE", linewidth=0.6, visible=ground not in ("none", "white"))
    axes.patch.set_visible(ground != "none")
    return axes


def _write_margins(axes: Axes, sheet: _Sheet, title: str) -> None:
    edge = _EDGE_MM * PT_PER_MM
    if title:
        letter(axes, edge, sheet.title_y, title, TITLE_SIZE, INK, weight="bold")
    narrow = sheet.map[0] > edge + 1  # then map and legend stand in the middle, and so do the notes
    at, across = (axes.get_xlim()[1] / 2, "center") if narrow else (edge, "left")
    for i, line in enumerate(reversed(sheet.note_lines)):
        up = edge + (i + 0.4) * NOTE_SIZE * 1.4
        letter(axes, at, up, line, NOTE_SIZE, "#5A6670", across=across)
