"""Static maps for reports and slides: PNG or SVG, from the same layers as the web map and the GeoPackage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...atomic import write_file, write_text
from ...tables.layer import Layer
from ...tables.styles import INK, READERS_FONTS
from .layers import draw_layer, draw_names
from .legend import (
    Entry,
    draw_legend,
    draw_north,
    draw_scale,
    legend_entries,
    legend_height,
    legend_width,
    wrap,
)
from .lettering import as_paths, families, letter
from .paper import PT_PER_MM, Paper

GROUND = "#F4F6F7"
NOTE_SIZE, TITLE_SIZE = 6.0, 12.0
_EDGE_MM = 4.0
State = Literal["before", "after"]
SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "plugspan", "path.simplify": False}


@dataclass(frozen=True)
class _Boxes:
    """Left, bottom, width, height in points of the parts of a sheet."""

    map: tuple[float, float, float, float]
    legend: tuple[float, float, float, float] | None
    title_y: float
    note_lines: tuple[str, ...]


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
        Whether there is a legend, at the right.
    """
    drawn = [layer for layer in layers if layer.visible and layer.phase in ("both", phase)]
    with mpl.rc_context(SETTINGS):
        width, height = size_mm[0] * PT_PER_MM, size_mm[1] * PT_PER_MM
        figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
        shown = picture_extent(drawn) if extent is None else extent
        entries = legend_entries(drawn, lang) if legend else []
        boxes = _layout(width, height, title, note, entries)
        # Roads that are not drawn at this scale leave the legend; that leaves more room for the map, never less.
        entries = legend_entries(drawn, lang, Paper.fit(shown, *boxes.map[2:])) if legend else []
        boxes = _layout(width, height, title, note, entries)
        paper = Paper.fit(shown, *boxes.map[2:])
        axes = _axes(figure, boxes.map, GROUND)
        for i, layer in enumerate(drawn):
            draw_layer(axes, layer, paper, i / (len(drawn) + 1))
        draw_names(axes, drawn, paper)
        draw_scale(axes, paper, lang)
        draw_north(axes, paper, lang)
        if boxes.legend:
            draw_legend(_axes(figure, boxes.legend, "white"), entries, boxes.legend[3])
        sheet = _axes(figure, (0, 0, width, height), "none")
        _write_margins(sheet, boxes, title)
    return figure


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


def _layout(width: float, height: float, title: str, note: str, entries: Sequence[Entry]) -> _Boxes:
    legend_w, legend_h = legend_width(entries), legend_height(entries)
    edge = _EDGE_MM * PT_PER_MM
    lines = wrap(note, NOTE_SIZE, width - 2 * edge)
    top = height - edge - (TITLE_SIZE * 1.9 if title else 0)
    bottom = edge + len(lines) * NOTE_SIZE * 1.4 + (2 if lines else 0)
    beside = legend_w + edge if legend_w else 0.0
    box = (edge, bottom, width - 2 * edge - beside, top - bottom)
    legend = (width - edge - legend_w, max(top - legend_h, bottom), legend_w, min(legend_h, top - bottom))
    return _Boxes(box, legend if legend_w else None, height - edge - TITLE_SIZE * 0.75, tuple(lines))


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


def _write_margins(sheet: Axes, boxes: _Boxes, title: str) -> None:
    edge = _EDGE_MM * PT_PER_MM
    if title:
        letter(sheet, edge, boxes.title_y, title, TITLE_SIZE, INK, weight="bold")
    for i, line in enumerate(reversed(boxes.note_lines)):
        letter(sheet, edge, edge + (i + 0.4) * NOTE_SIZE * 1.4, line, NOTE_SIZE, "#5A6670")
