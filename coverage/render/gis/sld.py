"""Layer styles as SLD 1.0 (OGC 02-070), for GeoServer and programs that don't read QGIS's own.

Signs inside symbols, directions side by side and numbers in pins are beyond SLD's plain marks:
shape, colour, size, dash and legend stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

from ...markup import clean_xml
from ...tables.layer import Category, Layer
from .qml_symbols import SCALE_AT_ZOOM_0

NAMESPACES: Mapping[str, str] = {
    "": "http://www.opengis.net/sld",
    "ogc": "http://www.opengis.net/ogc",
    "xlink": "http://www.w3.org/1999/xlink",
}
_MARKS: Mapping[str, tuple[str, int]] = {
    "circle": ("circle", 0), "dot": ("circle", 0), "square": ("square", 0), "diamond": ("square", 45),
    "triangle": ("triangle", 0), "hexagon": ("star", 0), "pin": ("circle", 0),
}  # fmt: skip
"""Well-known mark and rotation of each symbol."""
_WHITE = "#FFFFFF"


def layer_sld(layer: Layer, names: Mapping[str, str], name: str, lang: str) -> str:
    """Return the style of a layer.

    Parameters
    ----------
    layer : Layer
    names : mapping
        Column of the layer's frame -> its name in the file.
    name : str
        Of the table.
    lang : str
        Of the legend.

    Returns
    -------
    str
        XML, the same for the same layer.
    """
    root = _node("StyledLayerDescriptor", version="1.0.0")
    for prefix, uri in NAMESPACES.items():
        root.set(f"xmlns:{prefix}" if prefix else "xmlns", uri)
    rules = [_rule(layer, category, names, lang) for category in layer.style.categories]
    style = _node(
        "UserStyle", _text("Name", name), _text("Title", layer.title(lang)), _node("FeatureTypeStyle", *rules)
    )
    root.append(_node("NamedLayer", _text("Name", name), style))
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _rule(layer: Layer, category: Category, names: Mapping[str, str], lang: str) -> ElementTree.Element:
    found = _node("Rule", _text("Title", category.label(lang)))
    if layer.style.by:
        found.extend(_filter(category, names[layer.style.by]))
    if category.min_zoom:
        found.append(_text("MaxScaleDenominator", f"{SCALE_AT_ZOOM_0 / 2**category.min_zoom:.0f}"))
    found.extend({"line": _lines, "point": _points, "polygon": _areas}[layer.style.kind](category))
    return found


def _filter(category: Category, name: str) -> list[ElementTree.Element]:
    column = _text("ogc:PropertyName", name)
    if category.value == "*":
        return [_node("ElseFilter")]
    if category.value is None:
        return [_node("ogc:Filter", _node("ogc:PropertyIsNull", column))]
    value = str(category.value).lower() if isinstance(category.value, bool) else category.value
    return [_node("ogc:Filter", _node("ogc:PropertyIsEqualTo", column, _text("ogc:Literal", value)))]


def _lines(category: Category) -> list[ElementTree.Element]:
    found = [_node("LineSymbolizer", _stroke(category.halo, category.width + 4))] if category.halo else []
    return [
        *found,
        _node("LineSymbolizer", _stroke(category.colour, category.width, category.dash, category.opacity)),
    ]


def _areas(category: Category) -> list[ElementTree.Element]:
    fill = _node(
        "Fill", _parameter("fill", category.colour), _parameter("fill-opacity", f"{category.opacity:g}")
    )
    edge = _stroke(category.edge or category.colour, category.width, category.dash)
    return [_node("PolygonSymbolizer", fill, edge)]


def _points(category: Category) -> list[ElementTree.Element]:
    shape, turn = _MARKS[category.symbol]
    fill = _node("Fill", _parameter("fill", category.colour if category.fill else _WHITE))
    mark = _node("Mark", _text("WellKnownName", shape), fill, _stroke(category.colour, 1.5))
    graphic = _node(
        "Graphic", mark, _text("Opacity", f"{category.opacity:g}"), _text("Size", f"{category.width:g}")
    )
    if turn:
        graphic.append(_text("Rotation", str(turn)))
    return [_node("PointSymbolizer", graphic)]


def _stroke(
    colour: str, width: float, dash: tuple[float, ...] = (), opacity: float = 1.0
) -> ElementTree.Element:
    found = _node("Stroke", _parameter("stroke", colour), _parameter("stroke-width", f"{width:g}"))
    if opacity < 1:
        found.append(_parameter("stroke-opacity", f"{opacity:g}"))
    if dash:
        found.append(_parameter("stroke-dasharray", " ".join(f"{part:g}" for part in dash)))
    return found


def _parameter(name: str, value: str) -> ElementTree.Element:
    found = _text("CssParameter", value)
    found.set("name", name)
    return found


def _text(tag: str, words: str) -> ElementTree.Element:
    found = ElementTree.Element(tag)
    found.text = clean_xml(words)
    return found


def _node(tag: str, *children: ElementTree.Element, **attributes: str) -> ElementTree.Element:
    found = ElementTree.Element(tag, attributes)
    found.extend(children)
    return found
