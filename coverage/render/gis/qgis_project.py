"""A QGIS project over the layers of a GeoPackage: groups, order, titles, and the states as map themes.

It travels inside the GeoPackage (QGIS: Project, Open From, GeoPackage).
"""

from __future__ import annotations

import datetime as dt
import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyproj import CRS

from ...markup import clean_xml
from ...tables.layer import GROUPS, Group, Layer, Phase
from ...texts import text
from .fields import Field, in_crs
from .qgis_layout import paper_system, print_layouts
from .qml import (
    BUILT,
    DOCTYPE,
    FROM,
    QGIS_VERSION,
    TO,
    field_elements,
    label_column,
    scale_limits,
    style_elements,
    to_text,
)
from .qml_symbols import Element, element, node, symbol

_WKB_KIND = {"point": "Point", "line": "Line", "polygon": "Polygon"}
_PAPER = "#F4F6F7"
MARGIN = 0.04
"""Share of the width that stays free around the data."""


@dataclass(frozen=True, eq=False)
class ProjectLayer:
    """A layer, the table it is in, and its columns as they are named there."""

    table: str
    title: str
    layer: Layer
    fields: tuple[Field, ...]
    geometry_type: str


@dataclass(frozen=True, eq=False)
class ProjectTable:
    """A table without geometry, and its columns as they are named in the file."""

    table: str
    title: str
    fields: tuple[Field, ...]


def project_archive(
    layers: Sequence[ProjectLayer],
    source: str,
    *,
    crs: str,
    lang: str,
    title: str,
    time: str,
    tables: Sequence[ProjectTable] = (),
    note: str = "",
) -> bytes:
    """Return the project as QGIS's zipped form (``.qgz``), the same bytes for the same content."""
    content = project_xml(layers, source, crs=crs, lang=lang, title=title, tables=tables, note=note)
    year, month, day = int(time[:4]), int(time[5:7]), int(time[8:10])
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        entry = zipfile.ZipInfo("plugspan.qgs", (max(year, 1980), month, day, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, content)
    return held.getvalue()


def project_xml(
    layers: Sequence[ProjectLayer],
    source: str,
    *,
    crs: str,
    lang: str,
    title: str,
    tables: Sequence[ProjectTable] = (),
    note: str = "",
) -> str:
    """Return the project.

    Parameters
    ----------
    layers : sequence of ProjectLayer
        Lowest first.
    source : str
        The GeoPackage as seen from the project, e.g. ``"./layers.gpkg"``.
    tables : sequence of ProjectTable
        Tables without geometry; a group of their own, lowest.
    note : str
        Below the map on paper.
    """
    title = clean_xml(title)
    root = element("qgis", version=QGIS_VERSION, projectname=title)
    root.append(_text("title", title))
    root.append(node("projectCrs", _srs(crs)))
    root.append(_tree(layers, tables, source, lang))
    root.append(_canvas(layers, crs))
    related = relations(layers, tables, lang)
    maps = [_map_layer(layer, source, crs, lang, related) for layer in layers]
    maps += [_table(table, source, lang) for table in tables]
    root.append(node("projectlayers", *maps))
    root.append(node("layerorder", *(element("layer", id=_id(layer)) for layer in reversed(layers))))
    root.append(_properties())
    root.append(_themes(layers, lang))
    root.append(_view(layers, crs))
    root.append(node("relations", *(_relation(each) for each in related)))
    root.append(_build_up(layers))
    themes = [text(f"map.{phase}", lang) for phase in _phases(layers)]
    root.append(_layouts(layers, themes, crs=crs, lang=lang, title=title, note=note))
    return DOCTYPE + to_text(root)


def _layouts(
    layers: Sequence[ProjectLayer], themes: Sequence[str], *, crs: str, lang: str, title: str, note: str
) -> Element:
    bounds = extent(layers, crs)
    paper = crs if bounds is None else paper_system(crs, bounds)
    shown = extent(layers, paper)
    return print_layouts(themes, shown, system=_srs(paper), lang=lang, title=title, note=note)


def _id(layer: ProjectLayer | ProjectTable) -> str:
    return f"plugspan_{layer.table}"


def _source(layer: ProjectLayer | ProjectTable, source: str) -> str:
    return f"{source}|layername={layer.table}"


def _text(tag: str, value: str, **attributes: str) -> Element:
    found = element(tag, **attributes)
    found.text = value
    return found


def _srs(crs: str) -> Element:
    known = CRS.from_user_input(crs)
    of_its_own = known.to_authority() is None
    return node(
        "spatialrefsys",
        _text("wkt", known.to_wkt()),
        _text("srid", str(known.to_epsg() or 0)),
        _text("authid", "" if of_its_own else crs),
        _text("description", known.name),
        _text("geographicflag", "true" if known.is_geographic else "false"),
    )


# -- tree ------------------------------------------------------------------------------------------------


def _tree(layers: Sequence[ProjectLayer], tables: Sequence[ProjectTable], source: str, lang: str) -> Element:
    """Groups and layers, topmost first; the order of the tree is the order of drawing."""
    root = element("layer-tree-group")
    for group in group_order(layers):
        members = [layer for layer in reversed(layers) if layer.layer.group == group]
        entries = [_tree_layer(layer, source) for layer in members]
        shown = any(_shown(layer.layer, "before") for layer in members)
        root.append(
            node("layer-tree-group", *entries, name=text(f"group.{group}", lang), expanded="1" if shown else "0",
                 checked="Qt::Checked")
        )  # fmt: skip
    if tables:
        entries = [
            element("layer-tree-layer", id=_id(t), name=clean_xml(t.title), providerKey="ogr",
                    source=_source(t, source), checked="Qt::Checked", expanded="0")
            for t in tables
        ]  # fmt: skip
        title = text("export.tables", lang)
        root.append(node("layer-tree-group", *entries, name=title, expanded="0", checked="Qt::Checked"))
    return root


def group_order(layers: Sequence[ProjectLayer]) -> list[Group]:
    """Groups, topmost first: by their highest layer, the background last."""
    top: dict[Group, int] = {}
    for i, layer in enumerate(layers):
        top[layer.layer.group] = i
    return sorted(top, key=lambda group: (group == "background", -top[group], GROUPS.index(group)))


def _tree_layer(layer: ProjectLayer, source: str) -> Element:
    shown = _shown(layer.layer, "before")
    found = element(
        "layer-tree-layer",
        id=_id(layer),
        name=clean_xml(layer.title),
        providerKey="ogr",
        source=_source(layer, source),
        checked="Qt::Checked" if shown else "Qt::Unchecked",
        expanded="1" if shown and layer.layer.style.by else "0",
    )
    style = layer.layer.style
    pins = [
        element("Option", name=f"legend/custom-symbol-{i}", type="QString",
                value=to_text(symbol(str(i), category, style, in_legend=True)))
        for i, category in enumerate(style.categories) if category.symbol == "pin"
    ]  # fmt: skip
    if pins:
        found.append(node("customproperties", node("Option", *pins, type="Map")))
    return found


def _shown(layer: Layer, phase: Phase) -> bool:
    return layer.visible and layer.phase in ("both", phase)


def _phases(layers: Sequence[ProjectLayer]) -> list[Phase]:
    return ["before", "after"] if any(p.layer.phase != "both" for p in layers) else []


def _themes(layers: Sequence[ProjectLayer], lang: str) -> Element:
    """Map themes today / with the plan: what the switch is on the web map."""
    found = element("visibility-presets")
    for phase in _phases(layers):
        theme = node("visibility-preset", name=text(f"map.{phase}", lang))
        theme.set("has-expanded-info", "0")
        theme.set("has-checked-group-info", "0")
        theme.extend(
            element("layer", id=_id(p), style="", visible="1", expanded="0")
            for p in layers
            if _shown(p.layer, phase)
        )
        found.append(theme)
    return found


# -- canvas, layers, properties --------------------------------------------------------------------------


def _canvas(layers: Sequence[ProjectLayer], crs: str) -> Element:
    found = element("mapcanvas", name="theMapCanvas")
    found.append(_text("units", "degrees" if CRS.from_user_input(crs).is_geographic else "meters"))
    bounds = extent(layers, crs)
    if bounds is not None:
        found.append(_extent(bounds))
    found.append(_text("rotation", "0"))
    found.append(node("destinationsrs", _srs(crs)))
    return found


def extent(layers: Sequence[ProjectLayer], crs: str) -> tuple[float, float, float, float] | None:
    """Return what the map shows first: the counties if there are any, else all layers; None if all are empty."""
    counties = [p for p in layers if p.layer.name == "counties"] or list(layers)
    boxes = [in_crs(p.layer.frame.geometry, crs).total_bounds for p in counties]
    boxes = [box for box in boxes if np.isfinite(box).all()]
    if not boxes:
        return None
    west, south = min(box[0] for box in boxes), min(box[1] for box in boxes)
    east, north = max(box[2] for box in boxes), max(box[3] for box in boxes)
    dx, dy = MARGIN * (east - west), MARGIN * (north - south)
    return float(west - dx), float(south - dy), float(east + dx), float(north + dy)


def _extent(bounds: tuple[float, float, float, float]) -> Element:
    tags = ("xmin", "ymin", "xmax", "ymax")
    return node("extent", *(_text(tag, f"{value:.8g}") for tag, value in zip(tags, bounds, strict=True)))


def _view(layers: Sequence[ProjectLayer], crs: str) -> Element:
    found = element("ProjectViewSettings", UseProjectScales="0")
    bounds = extent(layers, crs)
    if bounds is not None:
        tags = ("xmin", "ymin", "xmax", "ymax")
        sides = {tag: f"{value:.8g}" for tag, value in zip(tags, bounds, strict=True)}
        found.append(node("DefaultViewExtent", _srs(crs), **sides))
    return found


def _map_layer(layer: ProjectLayer, source: str, crs: str, lang: str, related: Sequence[Relation]) -> Element:
    found = element(
        "maplayer", type="vector", geometry=_WKB_KIND[layer.layer.style.kind], wkbType=layer.geometry_type,
        labelsEnabled="1" if label_column(layer.layer) else "0", **scale_limits(layer.layer),
    )  # fmt: skip
    found.append(_text("id", _id(layer)))
    found.append(_text("datasource", _source(layer, source)))
    found.append(_text("layername", clean_xml(layer.title)))
    found.append(node("srs", _srs(crs)))
    found.append(_text("provider", "ogr", encoding="UTF-8"))
    own = [each.name for each in related if each.parent == _id(layer)]
    found.extend(style_elements(layer.layer, layer.fields, lang, relations=own))
    return found


def _table(table: ProjectTable, source: str, lang: str) -> Element:
    found = element("maplayer", type="vector", geometry="No geometry", wkbType="NoGeometry")
    found.append(_text("id", _id(table)))
    found.append(_text("datasource", _source(table, source)))
    found.append(_text("layername", clean_xml(table.title)))
    found.append(_text("provider", "ogr", encoding="UTF-8"))
    found.extend(field_elements(table.fields, lang))
    return found


# -- relations, time -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Relation:
    """Rows (child) that speak of a feature or row (parent): where their columns are equal."""

    name: str
    title: str
    parent: str
    parent_field: str
    child: str
    child_field: str


_PLACES = ("charging_sites", "other_sites", "service_areas", "hubs", "berths", "car_parks")
_ACTIONS = ("candidates", "proposed", "least_sites", "plan_actions", "plan_others")
_OF_ROUTE = (
    "routes", "stretches", "expressways", "charging_sites", "service_areas", "not_served", "issues", "access",
    "gap_evidence",
)  # fmt: skip
LINKS: tuple[tuple[str, str, str, str], ...] = (
    ("routes", "gap_id", "gap_evidence", "gap_id"),
    ("stretches", "gap_id", "gap_evidence", "gap_id"),
    *(
        (place, "site_id", name, "site_id")
        for place in _PLACES
        for name in ("access", "gap_evidence", "not_served", "rule")
    ),
    *(("charging_sites", "site_id", "routes", end) for end in ("from_site", "to_site")),
    ("charging_sites", "site_id", "reach_people", "site"),
    ("charging_sites", "site_id", "reach_highway", "site"),
    ("demand", "id", "reach_people", "demand"),
    *(
        (action, "action_id", name, "action_id")
        for action in _ACTIONS
        for name in ("gap_evidence", "plan_steps")
    ),
    *(("candidates", "action_id", name, "action_id") for name in ("plan_actions", "plan_others")),
    *(
        ("findings", "rule", name, "rule")
        for name in ("routes", "stretches", "unserved_stretches", "gap_evidence")
    ),
    *(("route_figures", "ref", name, "ref") for name in _OF_ROUTE),
    ("regions", "id", "country_rules", "region_id"),
    ("regions", "id", "country_plan", "id"),
)
"""Parent and its column, child and its column: tables, or layers whose names begin so; made where rows join."""


def relations(layers: Sequence[ProjectLayer], tables: Sequence[ProjectTable], lang: str) -> list[Relation]:
    """Return the relations whose parent and child are there and have values in common."""
    found = []
    held: list[ProjectLayer | ProjectTable] = [*layers, *tables]
    # What is played step by step has rows of every state: it is nobody's child.
    children = [each for each in held if each.table.partition("_after")[0] != "routes_by_step"]
    for parent_family, parent_field, child_family, child_field in LINKS:
        for parent in _family(held, parent_family):
            for child in _family(children, child_family):
                if not _values(parent, parent_field) & _values(child, child_field):
                    continue
                title = text("export.relation", lang, layer=parent.title, table=child.title)
                if child_field in ("from_site", "to_site"):
                    title = f"{title} · {text(f'column.{child_field}', lang)}"
                key = f"plugspan_{parent.table}_{child.table}_{child_field}"
                found.append(Relation(key, title, _id(parent), parent_field, _id(child), child_field))
    return found


def _family(held: Sequence[ProjectLayer | ProjectTable], name: str) -> list[ProjectLayer | ProjectTable]:
    """Tables of that name, and layers whose names begin so: those of several rules are numbered."""
    layers = [p for p in held if isinstance(p, ProjectLayer) and f"{p.layer.name}_".startswith(f"{name}_")]
    return [*layers, *(t for t in held if isinstance(t, ProjectTable) and t.table == name)]


def _values(held: ProjectLayer | ProjectTable, name: str) -> set[object]:
    """Values of a column of ids; empty without the column."""
    found = (field.values[~field.missing].tolist() for field in held.fields if field.name == name)
    return set(next(found, ()))


def _relation(each: Relation) -> Element:
    pair = element("fieldRef", referencingField=each.child_field, referencedField=each.parent_field)
    return node(
        "relation", pair, id=each.name, name=clean_xml(each.title), strength="Association",
        referencingLayer=each.child, referencedLayer=each.parent,
    )  # fmt: skip


def _build_up(layers: Sequence[ProjectLayer]) -> Element:
    """The time that the time controller plays: the years of what is built, in frames that no change falls inside of.

    Frames don't add up, or what has ended would be drawn on. Where only years are known, a frame is a month.
    """
    frames = [p.layer.frame for p in layers]
    days = {day for frame in frames if FROM in frame for day in frame[FROM]}
    ends = {day for frame in frames if TO in frame for day in frame[TO]}
    # Without years the cells say why they have none.
    built = [pd.to_numeric(frame[BUILT], errors="coerce").dropna() for frame in frames if BUILT in frame]
    years = {int(year) for each in built for year in each}
    begins = days | {dt.date(year, 1, 1) for year in years}
    first = min(begins, default=None)
    length = math.gcd(*((day - first).days for day in days)) if first else 0
    found = element(
        "ProjectTimeSettings", frameRate="2", timeStep=str(length or 1), timeStepUnit="d" if length else "mon",
        cumulativeTemporalRange="0",
    )  # fmt: skip
    if first:
        after = {day + dt.timedelta(days=1) for day in days | ends} | {dt.date(y + 1, 1, 1) for y in years}
        span = [_text(tag, f"{at}T00:00:00Z") for tag, at in (("start", first), ("end", max(after)))]
        found.append(node("TemporalRange", *span))
    return found


def _properties() -> Element:
    paths = node("Paths", _text("Absolute", "false", type="bool"))
    red, green, blue = (str(int(_PAPER[i : i + 2], 16)) for i in (1, 3, 5))
    gui = node(
        "Gui",
        _text("CanvasColorRedPart", red, type="int"),
        _text("CanvasColorGreenPart", green, type="int"),
        _text("CanvasColorBluePart", blue, type="int"),
    )
    # Without this QGIS leaves the project's own system unread.
    system = node("SpatialRefSys", _text("ProjectionsEnabled", "1", type="int"))
    measure = node("Measure", _text("Ellipsoid", "EPSG:7030", type="QString"))
    return node("properties", paths, gui, system, measure)
