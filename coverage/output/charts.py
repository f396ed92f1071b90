"""Charts of a plan by matplotlib: coverage by number of sites built, with the bound and the gap to it."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..siting.outcome import Siting
from ..texts import text
from .layer import GAP, GOOD
from .lettering import families
from .styles import INK


def coverage_curve(siting: Siting) -> pd.DataFrame:
    """Coverage after each step of the build order, and the proven bound where there is one.

    Returns
    -------
    DataFrame
        A row for each number of new sites built, from none: ``built``, the ``site`` and ``name`` built at this
        step, what it ``adds``, ``objective`` (weight covered), ``share`` of all weight, ``bound`` and
        ``bound_share`` (no plan with so many sites covers more), ``gap`` (relative), ``cost`` so far.
    """
    result, proposed = siting.result, siting.proposed
    gain = np.asarray(result.gain, float)
    covered = result.base + np.concatenate([[0.0], np.cumsum(gain)])
    total = result.total or np.nan
    missing: list[object] = [None]
    frame = pd.DataFrame(
        {
            "built": np.arange(len(covered)),
            "site": missing + proposed["id"].tolist(),
            "name": missing + proposed["name"].tolist(),
            "adds": [np.nan, *gain],
            "objective": covered,
            "share": covered / total,
            "cost": np.concatenate([[0.0], np.cumsum(proposed["cost"].astype(float))]),
        }
    )
    bound, gap = _bounds(siting, len(frame))
    return frame.assign(bound=bound, bound_share=bound / total, gap=gap)


def _bounds(siting: Siting, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) bound and gap by number of sites: of the frontier if there is one, else of the plan alone."""
    bound, gap = np.full(n, np.nan), np.full(n, np.nan)
    curve = getattr(siting, "frontier", None)
    if curve is not None and len(getattr(curve, "limit", ())):
        at = np.asarray(curve.limit, float)
        known = (at >= 0) & (at < n) & (at == np.round(at))
        bound[at[known].astype(int)] = np.asarray(curve.bound, float)[known]
        gap[at[known].astype(int)] = np.asarray(curve.gap, float)[known]
    bound[-1], gap[-1] = siting.result.bound, siting.result.gap
    return bound, gap


def curve_figure(siting: Siting, lang: str, size_mm: tuple[float, float] = (166.0, 84.0)) -> Figure:
    """Draw coverage by number of sites built, with the proven upper bound and the gap between them.

    Raises
    ------
    PlugspanError
        ``no-chinese-font`` if the machine has no font with Chinese.
    """
    curve = coverage_curve(siting)
    share = curve["share"].to_numpy(float) * 100
    bound = curve["bound_share"].to_numpy(float) * 100
    with mpl.rc_context({"font.family": list(families()), "axes.unicode_minus": False, "font.size": 8.5}):
        figure = Figure(
            figsize=(size_mm[0] / 25.4, size_mm[1] / 25.4), facecolor="white", layout="constrained"
        )
        axes = figure.add_subplot()
        built = curve["built"].to_numpy()
        axes.step(built, share, where="post", color=GOOD, linewidth=0.8, alpha=0.5)
        axes.plot(built, share, color=GOOD, marker="o", linewidth=2, label=text("chart.share", lang))
        known = np.isfinite(bound)
        axes.plot(built[known], bound[known], color=GAP, marker="D", linestyle="--", linewidth=1.4, markersize=5,
                  label=text("chart.bound", lang), fillstyle="none")  # fmt: skip
        for x, y in zip(built, share, strict=True):
            axes.annotate(
                f"{y:.1f}", (x, y), (0, -13), textcoords="offset points", ha="center", fontsize=7.5, color=INK
            )
        axes.set(
            xlabel=text("chart.built", lang), ylabel=text("chart.share-axis", lang), xticks=_ticks(len(built))
        )
        low, high = np.nanmin(share), np.nanmax(np.concatenate([share, bound[known]]))
        room = max(high - low, 1.0) * 0.18
        axes.set_ylim(low - 1.5 * room, min(high + room, 104.0))
        axes.grid(axis="y", color="#DDE2E6", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", frameon=False)
    return figure


def _ticks(n: int) -> list[int]:
    """Whole numbers of sites, at most a dozen."""
    return list(range(0, n, max(1, -(-n // 12))))


def figure_png(figure: Figure, dpi: float = 200.0) -> bytes:
    """Return a figure as PNG; no time in it, so that bytes repeat."""
    page = io.BytesIO()
    with mpl.rc_context({"font.family": list(families()), "axes.unicode_minus": False}):
        figure.savefig(page, format="png", dpi=dpi, metadata={"Software": "plugspan"})
    return page.getvalue()


def svg_png(svg: str, width_px: int = 1600) -> bytes:
    """Return an SVG picture as PNG, with the fonts of the machine."""
    from resvg_py import svg_to_bytes

    return bytes(
        svg_to_bytes(svg_string=svg, width=width_px, background="#ffffff", sans_serif_family=families()[0])
    )
