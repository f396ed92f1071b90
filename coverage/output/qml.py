"""QGIS styles (QML) from the declarative layer styles: the same look as on the map.

Sizes are CSS pixels (1/96 inch) in the layer styles and millimetres in QML.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from .layer import Category, Layer, LayerStyle

MM_PER_PX = 25.4 / 96
QGIS_VERSION = "3.22.16"
FONT = "Noto Sans CJK SC"
_SHAPES = {
    "circle": "circle", "square": "square", "diamond": "diamond", "triangle": "triangle", "pin": "circle", "dot": "circle",
}  # fmt: skip
_MARKS = {"cross": "cross2", "question": "?", "bolt": "⚡", "plug": "P", "minus": "–"}


def layer_qml(layer: Layer, lang: str, fields: dict[str, str]) -> str:
    """Return the QML of a layer: renderer, labels, and field aliases.

    Parameters
    ----------
    layer : Layer
    lang : str
        Language of legend and aliases.
    fields : dict
        Field name -> alias, in the order of the table.
    """
    root = ET.Element(
        "qgis", version=QGIS_VERSION, styleCategories="Symbology|Labeling|Fields",
        labelsEnabled="1" if layer.label_column else "0",
    )  # fmt: skip
    root.append(_renderer(layer.style, lang))
    if layer.label_column:
        root.append(_labelling(layer))
    aliases = ET.SubElement(root, "aliases")
    for index, (name, alias) in enumerate(fields.items()):
        ET.SubElement(aliases, "alias", field=name, index=str(index), name=clean(alias))
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>" + ET.tostring(root, encoding="unicode")


def clean(value: str) -> str:
    """Text without the characters that XML 1.0 cannot hold."""
    return "".join(c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "�" for c in value)


def _renderer(style: LayerStyle, lang: str) -> ET.Element:
    if not style.by:
        renderer = ET.Element("renderer-v2", type="singleSymbol", symbollevels="0")
        ET.SubElement(renderer, "symbols").append(_symbol("0", style.categories[0], style))
        return renderer
    renderer = ET.Element("renderer-v2", type="categorizedSymbol", attr=style.by, symbollevels="0", enableorderby="0")
    categories, symbols = ET.SubElement(renderer, "categories"), ET.SubElement(renderer, "symbols")
    for index, category in enumerate(style.categories):
        value = "" if category.value in (None, "*") else str(category.value)
        kind = "bool" if isinstance(category.value, bool) else "string"
        ET.SubElement(
            categories, "category", value=value.lower() if kind == "bool" else value, symbol=str(index),
            label=clean(category.label(lang)), render="true", type=kind,
        )  # fmt: skip
        symbols.append(_symbol(str(index), category, style))
    return renderer


def _symbol(name: str, category: Category, style: LayerStyle) -> ET.Element:
    kind = {"line": "line", "point": "marker", "polygon": "fill"}[style.kind]
    symbol = ET.Element("symbol", type=kind, name=name, alpha="1" if kind == "fill" else str(category.opacity), clip_to_extent="1", force_rhr="0")
    if style.kind == "line":
        _line(symbol, category, style)
    elif style.kind == "polygon":
        _fill(symbol, category)
    else:
        _marker(symbol, category)
    return symbol


def _line(symbol: ET.Element, category: Category, style: LayerStyle) -> None:
    if category.halo:
        _line_layer(symbol, category.halo, category.width + 5, (), style)
    _line_layer(symbol, category.colour, category.width, category.dash, style)


def _line_layer(symbol: ET.Element, colour: str, width_px: float, dash: tuple[float, ...], style: LayerStyle) -> None:
    options = {
        "line_color": _rgba(colour), "line_width": _mm(width_px), "line_width_unit": "MM", "capstyle": "flat" if dash else "round",
        "joinstyle": "round", "offset_unit": "MM", "use_custom_dash": "1" if dash else "0",
    }  # fmt: skip
    if dash:
        options |= {"customdash": ";".join(_mm(d) for d in dash), "customdash_unit": "MM"}
    layer = _layer(symbol, "SimpleLine", options)
    if style.offset_by:
        inner = _map(ET.SubElement(layer, "data_defined_properties"))
        _option(inner, "name", "")
        offset = _map(_map(inner, "properties"), "offset")
        _option(offset, "active", "true", kind="bool")
        _option(offset, "expression", f'"{style.offset_by}" * {_mm(style.offset_px)}')
        _option(offset, "type", "3", kind="int")
        _option(inner, "type", "collection")


def _fill(symbol: ET.Element, category: Category) -> None:
    _layer(symbol, "SimpleFill", {
        "color": _rgba(category.colour, category.opacity), "style": "solid" if category.fill else "no",
        "outline_color": _rgba(category.edge or category.colour), "outline_width": _mm(category.width), "outline_width_unit": "MM",
        "outline_style": "dash" if category.dash else "solid",
    })  # fmt: skip


def _marker(symbol: ET.Element, category: Category) -> None:
    white = "255,255,255,255"
    ink = _rgba(category.colour)
    _layer(symbol, "SimpleMarker", {
        "name": _SHAPES[category.symbol], "color": ink if category.fill else white, "size": _mm(category.width), "size_unit": "MM",
        "outline_color": white if category.fill else ink, "outline_width": _mm(1.5), "outline_width_unit": "MM",
    })  # fmt: skip
    inside = white if category.fill else ink
    if category.mark == "cross":
        _layer(symbol, "SimpleMarker", {
            "name": "cross2", "color": inside, "outline_color": inside, "outline_width": _mm(2), "outline_width_unit": "MM",
            "size": _mm(category.width * 0.45), "size_unit": "MM",
        })  # fmt: skip
    elif category.mark in _MARKS:
        _layer(symbol, "FontMarker", {
            "chr": _MARKS[category.mark], "font": FONT, "color": inside, "size": _mm(category.width * 0.7), "size_unit": "MM",
        })  # fmt: skip


def _labelling(layer: Layer) -> ET.Element:
    number = any(c.mark == "number" for c in layer.style.categories)
    labelling = ET.Element("labeling", type="simple")
    settings = ET.SubElement(labelling, "settings", calloutType="simple")
    style = ET.SubElement(
        settings, "text-style", fieldName=layer.label_column or "", fontFamily=FONT, fontSize="8", isExpression="0",
        textColor="255,255,255,255" if number else "51,64,74,255", fontWeight="75" if number else "50",
    )  # fmt: skip
    ET.SubElement(
        style, "text-buffer", bufferDraw="0" if number else "1", bufferSize="0.8", bufferSizeUnits="MM", bufferColor="255,255,255,255"
    )
    placement = "1" if layer.style.kind == "point" else "0"
    ET.SubElement(settings, "placement", placement=placement, quadOffset="4" if number else "7", dist="1.5", distUnits="MM")
    return labelling


def _layer(symbol: ET.Element, kind: str, options: dict[str, str]) -> ET.Element:
    layer = ET.SubElement(symbol, "layer", {"class": kind, "enabled": "1", "locked": "0", "pass": "0"})
    group = ET.SubElement(layer, "Option", type="Map")
    for name, value in options.items():
        ET.SubElement(group, "Option", type="QString", name=name, value=value)
    return layer


def _option(parent: ET.Element, name: str, value: str, kind: str = "QString") -> None:
    ET.SubElement(parent, "Option", name=name, type=kind, value=value)


def _map(parent: ET.Element, name: str = "") -> ET.Element:
    return ET.SubElement(parent, "Option", {"type": "Map", **({"name": name} if name else {})})


def _rgba(colour: str, opacity: float = 1.0) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{round(255 * opacity)}"


def _mm(px: float) -> str:
    return f"{px * MM_PER_PX:.3f}".rstrip("0").rstrip(".")
