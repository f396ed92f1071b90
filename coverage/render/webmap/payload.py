"""What the page's scripts read: layers, findings and texts as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ...project import OutputSettings
from ...schema import Column, length_unit, shown
from ...tables.layer import GROUPS, PIECES, Category, FindingRow, Layer, SourceNote
from ...tables.plan_cards import PlanCard
from ...texts import catalogue, text
from .charts import chart_tree
from .packing import (
    hilbert_order,
    line_parts,
    pack_geometries,
    pack_index,
    pack_model,
    pack_texts,
    point_units,
    polygon_parts,
)

DENSE_LINES, DENSE_POINTS = 2500, 600
"""From so many features on, a layer is packed and drawn on canvas."""
MARGIN_DEG = 0.01
UI_PREFIXES = ("number.", "map.", "status.", "value.", "group.background")


@dataclass(frozen=True)
class Basemap:
    """Background tiles, none by default: an internal map may have to open without internet.

    ``url`` is a template with ``{z}/{x}/{y}`` (and ``{s}`` for ``subdomains``) or a path beside the page;
    ``attribution`` is shown in the line of notes; ``names`` is a template for tiles with names that lie over the
    others, from the same servers.
    """

    url: str
    attribution: str = ""
    max_zoom: int = 18
    subdomains: str = "abc"
    names: str = ""


def basemap_of(output: OutputSettings) -> Basemap | None:
    """The basemap that a project asks for, by address or by name; None without one."""
    address, names, credit, servers = output.tiles
    return Basemap(address, credit, subdomains=servers, names=names) if address else None


def layer_payload(layer: Layer, lang: str, block_id: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return a layer as JSON values and, if it is dense, its packed block (which goes under ``block_id``)."""
    frame = layer.frame
    usable = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy(dtype=bool)
    keep = np.flatnonzero(usable)
    if _is_dense(layer, len(keep)):
        return _dense(layer, lang, keep, block_id)
    return _plain(layer, lang, keep), None


def _is_dense(layer: Layer, n: int) -> bool:
    pins = any(category.symbol == "pin" for category in layer.style.categories)
    limit = {"line": DENSE_LINES, "point": DENSE_POINTS, "polygon": None}[layer.style.kind]
    return limit is not None and n > limit and not pins and layer.steps is None


def _single_parts(
    layer: Layer, keep: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Return single geometries in drawing order and, for each, its row of the frame."""
    geometry = layer.frame.geometry.iloc[keep]
    if layer.style.kind == "point":
        geometry = geometry.representative_point()
    parts, owner = geometry.reset_index(drop=True), keep
    if (shapely.get_num_geometries(parts.to_numpy()) > 1).any() or parts.geom_type.str.startswith(
        "Multi"
    ).any():
        parts = parts.explode(index_parts=False)  # copies every shape, which are all roads of a country
        owner = keep[parts.index.to_numpy()]
    order = hilbert_order(parts.reset_index(drop=True))
    return parts.to_numpy()[order], owner[order]


def _common(layer: Layer, lang: str, keep: npt.NDArray[np.int64]) -> dict[str, Any]:
    category = layer.category_index()[keep]
    style = layer.style
    return {
        "name": layer.name,
        "title": layer.title(lang),
        "group": layer.group,
        "phase": layer.phase,
        "visible": layer.visible,
        "kind": style.kind,
        "count": len(keep),
        "counts": np.bincount(category[category >= 0], minlength=len(style.categories)).tolist(),
        "bounds": _bounds(layer, keep),
        "categories": [_category(c, lang) for c in style.categories],
        "columns": [_header(column, lang) for column in layer.popup_columns],
        "lists": [layer.popup is not None and c.name in layer.popup.lists for c in layer.popup_columns],
        "offset_px": style.offset_px,
        "numbered": any(c.symbol == "pin" for c in style.categories),
        "named_from_zoom": 0 if layer.group == "background" else 11,
        "has": {
            "labels": bool(layer.label_column or layer.search_column),
            "search": bool(layer.search_column),
            "strip": bool(layer.strip_column),
            "heading": bool(layer.popup and layer.popup.heading),
        },
    }


def _plain(layer: Layer, lang: str, keep: npt.NDArray[np.int64]) -> dict[str, Any]:
    kind, frame = layer.style.kind, layer.frame.iloc[keep]
    encode: Any = {"line": line_parts, "polygon": polygon_parts, "point": point_units}[kind]
    out = _common(layer, lang, keep)
    out["cat"] = layer.category_index()[keep].tolist()
    out["geom"] = [encode(geometry) for geometry in frame.geometry]
    if kind == "polygon":
        out["centre"] = [point_units(point) for point in frame.geometry.representative_point()]
    out["props"] = []
    for column in layer.popup_columns:
        values, index = _distinct(frame[column.name], cell_writer(layer, column, lang))
        out["props"].append({"values": values, "index": index.tolist()})
    if layer.style.offset_by:
        out["side"] = frame[layer.style.offset_by].fillna(0).astype(int).tolist()
    if layer.steps is not None:
        out |= _stepped(layer, frame, out["cat"])
        if PIECES in frame and len(keep) == len(layer.frame):
            pieces = frame[PIECES].tolist()
            out["geom"] = [mine or line for mine, line in zip(pieces, out["geom"], strict=True)]
    for key, name in _extra_columns(layer).items():
        out[key] = [_plain_text(value) for value in frame[name]]
    if layer.popup and layer.popup.heading:
        heading = _headings(layer, lang)
        out["heading"] = [heading(value) for value in frame[layer.popup.heading]]
    return out


def _stepped(layer: Layer, frame: pd.DataFrame, category: Sequence[int]) -> dict[str, Any]:
    """First and last step of each feature; what is there at the last of all is counted, and comes first."""
    steps = frame[list(layer.steps or ())].to_numpy(np.int64)
    there = steps[:, 1] == steps[:, 1].max(initial=0)
    counted = np.array(category, dtype=np.int64)[there]
    counts = np.bincount(counted[counted >= 0], minlength=len(layer.style.categories))
    return {"steps": steps.tolist(), "count": int(there.sum()), "counts": counts.tolist()}


def _dense(
    layer: Layer, lang: str, usable: npt.NDArray[np.int64], block_id: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    geometries, keep = _single_parts(layer, usable)
    frame = layer.frame.iloc[keep]
    pack = pack_geometries(geometries)
    pack["cat"] = pack_index(layer.category_index()[keep])
    pack["props"] = [
        pack_texts(*_distinct(frame[column.name], cell_writer(layer, column, lang)))
        for column in layer.popup_columns
    ]
    for key, name in _extra_columns(layer).items():
        pack[key] = pack_texts(*_distinct(frame[name], _plain_text))
    if layer.popup and layer.popup.heading:
        pack["heading"] = pack_texts(*_distinct(frame[layer.popup.heading], _headings(layer, lang)))
    if layer.style.offset_by:
        pack["side"] = pack_index(frame[layer.style.offset_by].fillna(0).astype(int).to_numpy())
    return {**_common(layer, lang, keep), "packed": block_id}, pack


def _header(column: Column, lang: str) -> str:
    """Header of a row; the unit stands behind the value."""
    label = replace(column, unit="").label(lang)
    return label[:1].upper() + label[1:]


def cell_writer(layer: Layer, column: Column, lang: str) -> Callable[[Any], str]:
    """How a popup writes a column; nothing where nothing is to be said."""
    quiet = layer.popup is not None and column.name in layer.popup.quiet

    def write(value: Any) -> str:
        if quiet and (_plain_text(value) in ("", "False", column.absent)):
            return ""
        return shown(value, column, lang, unit=True)

    return write


def _extra_columns(layer: Layer) -> dict[str, str]:
    # What can be searched for is what a feature is called.
    label = layer.label_column or layer.search_column
    named = {"labels": label, "search": layer.search_column, "strip": layer.strip_column}
    return {key: name for key, name in named.items() if name}


def _headings(layer: Layer, lang: str) -> Callable[[Any], str]:
    """How the heading's column is written: a name as it is, a code by its name."""
    column = next((c for c in layer.schema.columns if layer.popup and c.name == layer.popup.heading), None)
    return lambda value: _plain_text(value) and (shown(value, column, lang) if column else _plain_text(value))


def _distinct(series: pd.Series[Any], render: Any) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return the distinct texts of a column and, for each row, which one (rendering each value once)."""
    codes, values = pd.factorize(series, use_na_sentinel=False)
    texts = [render(value) for value in values]
    return texts, np.asarray(codes, dtype=np.int64)


def _plain_text(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _category(category: Category, lang: str) -> dict[str, Any]:
    return {
        "label": category.label(lang),
        "colour": category.colour,
        "width": category.width,
        "dash": list(category.dash),
        "symbol": category.symbol,
        "mark": category.mark,
        "fill": category.fill,
        "halo": category.halo,
        "edge": category.edge,
        "opacity": category.opacity,
        "min_zoom": category.min_zoom,
    }


def _bounds(layer: Layer, keep: npt.NDArray[np.int64]) -> list[float] | None:
    if not len(keep):
        return None
    box = shapely.total_bounds(layer.frame.geometry.to_numpy()[keep])
    return [round(float(v), 5) for v in box]


@dataclass(frozen=True)
class MapPage:
    """All that a page shows; the same page gives the same text.

    Attributes
    ----------
    layers : sequence of Layer
        Lowest first. The first view shows the layer ``counties``, else ``routes``, else everything.
    title : str
    findings : sequence of FindingRow
        Rows of the findings panel.
    lang : str
        ``"zh"`` or ``"en"``.
    subtitle : str
    note : SourceNote
        Sources, date and what the sheet is not; its standing parts are shown without any, too.
    strips : mapping of str to str
        Strip charts (SVG; see :func:`.charts.chart_tree` for what is kept) by the key that the layers'
        ``strip_column`` holds.
    basemap : Basemap, optional
        Background tiles.
    cards : sequence of PlanCard
        What the siting comes to, above the findings.
    panel : mapping, optional
        Steps of a plan to adopt, see :class:`plugspan.tables.plan_panel.PlanPanel`.
    edit : mapping, optional
        What the edit mode recounts with, see :func:`plugspan.tables.edit_tables.edit_data`.
    regions : mapping, optional
        Figures and links of the features of the layer ``regions``, and by what they are coloured: see
        :func:`plugspan.country.layers.region_panel`.
    all_regions : str
        Address, from the page, of the map of the country that its region belongs to.
    """

    layers: Sequence[Layer]
    title: str
    findings: Sequence[FindingRow] = ()
    lang: str = "zh"
    subtitle: str = ""
    note: SourceNote = field(default_factory=SourceNote)
    strips: Mapping[str, str] = field(default_factory=dict)
    basemap: Basemap | None = None
    cards: Sequence[PlanCard] = ()
    panel: Mapping[str, Any] | None = None
    edit: Mapping[str, Any] | None = None
    regions: Mapping[str, Any] | None = None
    all_regions: str = ""


def page_payload(page: MapPage) -> dict[str, dict[str, Any]]:
    """Return the page's JSON blocks by id; ``plugspan-data`` is the main one."""
    blocks: dict[str, dict[str, Any]] = {}
    specs, lang, basemap = [], page.lang, page.basemap
    for i, layer in enumerate(page.layers):
        spec, pack = layer_payload(layer, lang, f"packed-{i}")
        specs.append(spec)
        if pack is not None:
            blocks[f"packed-{i}"] = pack
    credit = [basemap.attribution] if basemap and basemap.attribution else []
    main = {
        "lang": lang,
        "lengths": length_unit(lang),
        "title": page.title,
        "subtitle": page.subtitle,
        "notes": [*page.note.parts(lang), *credit],
        "texts": _ui_texts(lang),
        "bounds": _view(page.layers, specs),
        "groups": [{"name": name, "title": text(f"group.{name}", lang)} for name in GROUPS],
        "layers": specs,
        "findings": [vars(row) for row in page.findings],
        "cards": [vars(card) for card in page.cards],
        "plan": page.panel,
        "regions": page.regions,
        "all_regions": page.all_regions,
        "strips": {key: chart_tree(svg) for key, svg in page.strips.items()},
        "basemap": vars(basemap) if basemap else None,
    }
    if page.edit is not None:
        blocks["plugspan-edit"] = pack_model(page.edit)
    return {"plugspan-data": main, **blocks}


def _ui_texts(lang: str) -> dict[str, str]:
    return {key: value[lang] for key, value in catalogue().items() if key.startswith(UI_PREFIXES)}


def _view(layers: Sequence[Layer], specs: Sequence[dict[str, Any]]) -> list[float]:
    """Return what the map shows first: a country's regions; counties and assessed routes; else everything."""
    for wanted in ({"regions"}, {"counties", "routes"}, {layer.name for layer in layers}):
        boxes = [spec["bounds"] for spec in specs if spec["name"] in wanted and spec["bounds"]]
        if boxes:
            west, south, east, north = np.array(boxes).T
            box = [
                west.min() - MARGIN_DEG,
                south.min() - MARGIN_DEG,
                east.max() + MARGIN_DEG,
                north.max() + MARGIN_DEG,
            ]
            return [round(float(v), 5) for v in box]
    return [-180.0, -60.0, 180.0, 75.0]
