"""A comparison of two runs as a page with a map in two colours, and as a sheet."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
import xlsxwriter

from ..atomic import write_file
from ..errors import InputError
from ..markup import clean_xml
from ..scenario import is_scenario
from ..schema import columns
from ..tables import styles
from ..tables.layer import MIDDLE, PLAN, QUIET, Category, Layer, LayerStyle, Mark
from ..tables.layer_frame import make_layer
from ..tables.plan_cards import PlanCard
from ..texts import text
from ..units import WGS84
from .changes import PARTS, Comparison
from .read_run import read_run
from .webmap import MapPage, write_map
from .workbook.cells import text_style

COLOURS = {"first": MIDDLE, "second": PLAN, "both": QUIET}
"""The first run amber, the second purple, what both have grey; dash and sign differ, too."""
MARKS: dict[str, Mark] = {"first": "minus", "second": "bolt", "changed": "question", "both": ""}
TOO_LONG = ("gap", "no_site")
GAP_KEY = ["ref", "section", "direction", "from_km", "to_km"]
WIDTHS = (16, 44, 34, 34, 40)


def write_comparison(
    found: Comparison,
    first: Path,
    second: Path,
    folder: Path,
    *,
    lang: str,
    overwrite: bool,
    base: Path | None = None,
) -> None:
    """Write ``compare.html`` and ``compare.xlsx`` into a folder.

    Parameters
    ----------
    found : Comparison
    first, second : Path
        Run folders; roads are drawn where they hold ``layers.gpkg``. Or scenarios.
    folder : Path
        Made if it is missing.
    lang : str
    overwrite : bool
    base : Path, optional
        Run folder on whose map the scenarios were made: its roads and today's gaps are drawn.

    Raises
    ------
    OutputExistsError
        If one of the files is there and ``overwrite`` is False.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with write_file(folder / "compare.xlsx", overwrite=overwrite) as new:
        new.write_bytes(_workbook(found, lang))
    a, b = found.names
    named = " · ".join((text("compare.first", lang, name=a), text("compare.second", lang, name=b)))
    cards = [card for part in PARTS if (card := _card(found, part, lang)) is not None]
    here, there = (base if base is not None and is_scenario(path) else path for path in (first, second))
    gaps = [
        *_gaps(here, there, "compared_gaps_today", ("routes_before", "routes")),
        *_gaps(first, second, "compared_gaps", ("routes_after", "routes")),
    ]
    layers = [*_ground(there), *gaps, *_actions(found)]
    page = MapPage(layers, text("compare.title", lang), lang=lang, subtitle=named, cards=cards)
    write_map(page, folder / "compare.html", overwrite=overwrite)


def _card(found: Comparison, part: str, lang: str) -> PlanCard | None:
    """The changes of a part as a card beside the map."""
    rows = [change for change in found.changes if change.part == part]
    if not rows:
        return None
    lines = []
    for change in rows:
        words = f"{change.first} → {change.second}"
        lines.append((change.what, f"{words} ({change.note})" if change.note else words))
    layer = "compared_actions" if part == "actions" else "compared_gaps_today" if part == "gaps" else ""
    return PlanCard(text(f"compare.part.{part}", lang), tuple(lines), layer)


# -- layers ----------------------------------------------------------------------------------------------


def _style(kind: str) -> LayerStyle:
    if kind == "line":
        dash = {"first": (6.0, 3.0), "second": (), "both": (2.0, 3.0)}
        kinds = [
            Category(run, f"legend.compared.{run}", COLOURS[run], width=4.0, dash=dash[run])
            for run in COLOURS
        ]
        return LayerStyle("line", tuple(kinds), by="run")
    points = [
        Category(
            run,
            f"legend.compared.{run}",
            COLOURS.get(run, PLAN),
            width=15.0,
            mark=mark,
            fill=run != "changed",
        )
        for run, mark in MARKS.items()
    ]
    return LayerStyle("point", tuple(points), by="run")


def _actions(found: Comparison) -> list[Layer]:
    if not found.places:
        return []
    rows = [{"run": p.run, "name": p.name, "words": p.about} for p in found.places]
    points = gpd.points_from_xy([p.lon for p in found.places], [p.lat for p in found.places])
    frame = gpd.GeoDataFrame(rows, geometry=points, crs=WGS84)
    moved = [(p, p.from_at) for p in found.places if p.from_at is not None]
    lines = gpd.GeoDataFrame(
        [{"name": p.name, "words": p.about} for p, _ in moved],
        geometry=[shapely.LineString([old, (p.lon, p.lat)]) for p, old in moved],
        crs=WGS84,
    )
    ways = make_layer("compared_moves", lines, columns("name words"), styles.MOVED, "plan") if moved else None
    points_layer = make_layer("compared_actions", frame, columns("name words"), _style("point"), "plan", keep=("run",),
                              search_column="name")  # fmt: skip
    return [layer for layer in (ways, points_layer) if layer is not None]


def _table(folder: Path, name: str) -> gpd.GeoDataFrame | None:
    """A layer of a run folder; None if there is none, or it can't be read."""
    try:
        tables = read_run(folder).tables
        found = tables.get(name)
    except InputError:
        return None
    if not isinstance(found, gpd.GeoDataFrame) or found.empty:
        return None
    return found[found.geometry.notna()]


def _gaps(first: Path, second: Path, name: str, tables: tuple[str, ...]) -> list[Layer]:
    """Gaps that are too long, in the first run, the second, or both; of the first of the tables that a run has."""
    frames = []
    for folder in (first, second):
        table = next((found for each in tables if (found := _table(folder, each)) is not None), None)
        if table is None or not {*GAP_KEY, "spacing_class"} <= set(table.columns):
            return []
        frames.append(table[table["spacing_class"].isin(TOO_LONG)][[*GAP_KEY, "geometry"]])
    keys = [
        set(frame[GAP_KEY].astype(str).agg("|".join, axis=1)) if len(frame) else set() for frame in frames
    ]
    joined = pd.concat(frames, ignore_index=True).drop_duplicates(GAP_KEY)
    if joined.empty:
        return []
    own = joined[GAP_KEY].astype(str).agg("|".join, axis=1)
    run = [
        "both" if key in keys[0] and key in keys[1] else "first" if key in keys[0] else "second"
        for key in own
    ]
    frame = gpd.GeoDataFrame(joined.assign(run=run), geometry="geometry", crs=WGS84)
    return [make_layer(name, frame, columns("ref from_km to_km"), _style("line"), "routes", keep=("run",),
                       search_column="ref")]  # fmt: skip


def _ground(folder: Path) -> list[Layer]:
    """Counties and roads of the second run, quiet."""
    layers = []
    for name, kind, label in (("counties", "polygon", "name"), ("roads", "line", None)):
        table = _table(folder, name)
        if table is None:
            continue
        look = Category(None, f"layer.{name}", "#FAF8F3" if kind == "polygon" else "#C3C9CE", width=1.0,
                        edge="#9AA3AB", opacity=1.0)  # fmt: skip
        style = LayerStyle(kind, (look,))  # type: ignore[arg-type]
        layers.append(
            make_layer(name, table, columns("name"), style, "background", label_column=label, popup=None)
        )
    return layers


# -- sheet -----------------------------------------------------------------------------------------------


def _workbook(found: Comparison, lang: str) -> bytes:
    """One sheet, a row a change; no cell evaluates what came from data."""
    held = io.BytesIO()
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "in_memory": True,
    }
    with xlsxwriter.Workbook(held, options) as book:
        # By the comment a later --overwrite knows its own file; the date is the same in every run.
        title = text("compare.title", lang)
        book.set_properties({"title": title, "comments": "plugspan", "created": dt.datetime(2000, 1, 1)})
        plain = {
            "font_name": text("language.sheet-font", lang),
            "font_size": 10,
            "valign": "top",
            "text_wrap": True,
        }
        looks = {
            "text": book.add_format(plain),
            "text'": book.add_format(plain | {"quote_prefix": True}),
            "head": book.add_format(plain | {"bold": True, "bg_color": "#E7ECF0"}),
        }
        page = book.add_worksheet(title[:31])
        a, b = found.names
        heads = [
            title,
            text("compare.what", lang),
            text("compare.first", lang, name=a),
            text("compare.second", lang, name=b),
            text("compare.note", lang),
        ]
        for c, (head, width) in enumerate(zip(heads, WIDTHS, strict=True)):
            page.set_column(c, c, width)
            page.write_string(0, c, clean_xml(head), looks["head"])
        for r, change in enumerate(found.changes, 1):
            part = text(f"compare.part.{change.part}", lang)
            for c, words in enumerate((part, change.what, change.first, change.second, change.note)):
                page.write_string(r, c, clean_xml(words), looks[text_style(words, "text")])
        page.freeze_panes(1, 2)
        page.repeat_rows(0)
        page.autofilter(0, 0, max(len(found.changes), 1), len(heads) - 1)
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)
    return held.getvalue()
