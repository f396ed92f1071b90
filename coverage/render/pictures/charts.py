"""Charts of a plan by matplotlib: coverage by number or money, with the bound and the gap to it."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ...schema import percent
from ...tables.layer import GAP, GOOD
from ...tables.styles import INK, READERS_FONTS
from ...texts import text
from .lettering import BOLD, FONT_FILES, families, families_for, glyph

FloatArray = npt.NDArray[np.float64]


LINES: dict[str, dict[str, Any]] = {
    "bound_share": {
        "color": GAP,
        "marker": "D",
        "linestyle": "--",
        "linewidth": 1.4,
        "markersize": 6,
        "fillstyle": "none",
    },
    "best_share": {"color": "#5A6670", "marker": ".", "linestyle": ":", "linewidth": 1.3},
    "share": {"color": GOOD, "marker": "o", "linewidth": 2},
}
"""Told apart by dash and marker, not by colour alone."""


def curve_figure(
    curve: pd.DataFrame, money: pd.DataFrame, lang: str, size_mm: tuple[float, float] = (166.0, 84.0)
) -> Figure:
    """Draw coverage by number of sites built, with the proven upper bound and the gap between them.

    Where only a budget limits the plan, the money spent takes the place of the number.

    Parameters
    ----------
    curve, money : DataFrame
        Rows of one siting from the tables ``curve`` and ``money``.
    lang : str
    size_mm : (float, float)
        Width and height.
    """
    axis, lines = _lines(curve, money)
    with mpl.rc_context({"font.family": list(families()), "axes.unicode_minus": False, "font.size": 8.5}):
        width, height = (mm / 25.4 for mm in size_mm)
        figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
        axes = figure.add_subplot()
        for name, (x, y) in lines.items():
            # Between two budgets nothing is known of the best plan, so nothing is drawn.
            alone = {"linestyle": "none"} if axis == "spent" and name != "share" else {}
            axes.plot(x, y, label=text(f"chart.{name.replace('_', '-')}", lang), **LINES[name] | alone)
        look: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": 7.5, "color": INK}
        for x, y in zip(*lines["share"], strict=True):
            axes.annotate(percent(y / 100.0).removesuffix("%"), (x, y), (0, -13), **look)
        axes.set(xlabel=text(f"chart.{axis}", lang), ylabel=text("chart.share-axis", lang))
        if axis == "built":
            axes.set_xticks(_ticks(1 + int(max(x.max(initial=0) for x, _ in lines.values()))))
        values = np.concatenate([y for _, y in lines.values()])
        room = max(float(np.ptp(values)), 1.0) * 0.12
        axes.set_ylim(values.min() - 1.5 * room, min(values.max() + room, 104.0))
        axes.grid(axis="y", color="#DDE2E6", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", frameon=False)
    return figure


def _lines(curve: pd.DataFrame, money: pd.DataFrame) -> tuple[str, dict[str, tuple[FloatArray, FloatArray]]]:
    """Return what stands on the x axis (``built``, ``spent``), and x and y (%) of each line that is known."""
    if len(money):
        axis, source = "spent", {"share": curve, "best_share": money.rename(columns={"share": "best_share"})}
        source["bound_share"] = money
        x = {"share": curve["cost_so_far"], "best_share": money["budget"], "bound_share": money["budget"]}
    else:
        axis, source, x = "built", dict.fromkeys(LINES, curve), dict.fromkeys(LINES, curve["sites_built"])
        if curve["best"].notna().sum() < 2:  # that of the plan itself: there is no frontier
            del source["best_share"]
    y = {name: frame[name] for name, frame in source.items()}
    lines = {}
    for name in (n for n in LINES if n in y):
        across, up = x[name].to_numpy(float), y[name].to_numpy(float) * 100
        known = np.isfinite(up)
        if known.any():
            lines[name] = across[known], up[known]
    return axis, lines


def _ticks(n: int) -> list[int]:
    """Whole numbers of sites, at most a dozen."""
    return list(range(0, n, max(1, -(-n // 12))))


def figure_png(figure: Figure, dpi: float = 200.0) -> bytes:
    """Return a figure as PNG; no time in it, so that bytes repeat. It has no transparent parts."""
    with mpl.rc_context({"font.family": list(families()), "axes.unicode_minus": False}):
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
    page = io.BytesIO()
    # Without the layer of transparency, and packed a little less hard: half the time, the same size.
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    picture = Image.fromarray(pixels).convert("RGB")
    picture.save(page, format="PNG", compress_level=4, dpi=(dpi, dpi))
    return page.getvalue()


def svg_png(svg: str, width_px: int = 1440) -> bytes:
    """Return an SVG picture of ours as PNG, with the fonts that travel instead of those its reader would have."""
    from resvg_py import svg_to_bytes

    drawn = "".join(map(glyph, svg))
    own = set(families_for(drawn)) <= set(families())
    drawn = _BOLD_TEXT.sub(_outlined, drawn).replace(READERS_FONTS, ", ".join(families()))
    files = [str(path) for path in FONT_FILES]
    return bytes(
        svg_to_bytes(
            svg_string=drawn, width=width_px, background="#ffffff", font_files=files, skip_system_fonts=own
        )
    )


_BOLD_TEXT = re.compile(r'<text ([^>]*) font-weight="600"([^>]*)>([^<]*)</text>')


def _outlined(bold: re.Match[str]) -> str:
    """Write a bold text twice: as it is, but regular, and on top with a line of its colour around the letters."""
    look, rim, words = bold.groups()
    fill, size = (re.search(rf'{name}="([^"]*)"', look) for name in ("fill", "font-size"))
    if fill is None or size is None:
        return bold[0]
    line = f'stroke="{fill[1]}" stroke-width="{BOLD * float(size[1]):.2f}"'
    return f"<text {look}{rim}>{words}</text><text {look} {line}>{words}</text>"
