"""The symbols of a QML style: lines with halo and dashes, areas with dashed outline, points as small SVG pictures.

Sizes become millimetres (1 CSS pixel = 1/96 inch); colours and dashes are the ones of the web map.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from ...tables.layer import Category, LayerStyle
from ..symbols import BOX, PIN_HEAD, box, colours, embedded

Element = ElementTree.Element
MM_PER_PX = 25.4 / 96
PIN_SHARE = 0.75
"""Size of pins, of that on the web map: paper can't be zoomed, where they would hide each other."""
HALO_PX = 6.0
"""How much wider than its line a halo is."""
SCALE_AT_ZOOM_0 = 559_082_264.0
"""Scale denominator of web maps at zoom 0 (OGC WMTS, GoogleMapsCompatible)."""


def element(tag: str, **attributes: str) -> Element:
    """Return an element without children."""
    return ElementTree.Element(tag, attributes)


def node(tag: str, *children: Element, **attributes: str) -> Element:
    """Return an element with children."""
    found = element(tag, **attributes)
    found.extend(children)
    return found


def symbol(
    name: str,
    category: Category,
    style: LayerStyle,
    *,
    offset: str = "",
    number: str = "",
    in_legend: bool = False,
) -> Element:
    """Return the symbol of a category.

    Parameters
    ----------
    name : str
        Number by which the renderer refers to it.
    category, style : Category, LayerStyle
        Look.
    offset, number : str
        Names of the columns of the side (-1, 0, 1) and of the number inside a pin; empty for none.
    in_legend : bool
        A pin stands in the middle of its row, with a number 1: QGIS would draw it by its tip, over the row above.
    """
    kind = {"line": "line", "point": "marker", "polygon": "fill"}[style.kind]
    alpha = 1.0 if style.kind == "polygon" else category.opacity
    found = element("symbol", type=kind, name=name, alpha=f"{alpha:g}", clip_to_extent="1", force_rhr="0")
    if style.kind == "point":
        found.extend(_markers(category, number, in_legend=in_legend))
    elif style.kind == "line":
        found.extend(_lines(category, style, offset))
    else:
        found.extend(_fills(category))
    return found


def _lines(category: Category, style: LayerStyle, offset: str) -> list[Element]:
    side = {"offset": f'coalesce("{offset}", 0) * {style.offset_px * MM_PER_PX:.4f}'} if offset else {}
    dynamic = {**side, **_from_zoom(category)}
    found = []
    if category.halo:
        found.append(_line(category.halo, category.width + HALO_PX, (), dynamic, level=0, cap="round"))
    found.append(_line(category.colour, category.width, category.dash, dynamic, level=1, cap="flat"))
    return found


def _line(
    colour: str,
    width_px: float,
    dash: tuple[float, ...],
    dynamic: dict[str, str],
    *,
    level: int = 0,
    cap: str,
) -> Element:
    pattern = dash * 2 if len(dash) % 2 else dash
    values = {
        "line_color": rgba(colour), "line_style": "solid", "line_width": _mm(width_px), "line_width_unit": "MM",
        "capstyle": cap, "joinstyle": "round", "offset": "0", "offset_unit": "MM",
        "use_custom_dash": "1" if dash else "0",
        "customdash": ";".join(_mm(v) for v in pattern) or "5;2", "customdash_unit": "MM",
    }  # fmt: skip
    return _symbol_layer("SimpleLine", values, dynamic, level=level)


def _fills(category: Category) -> list[Element]:
    colour = rgba(category.colour, category.opacity)
    inside = {"color": colour, "style": "solid", "outline_style": "no", "outline_color": colour}
    outline = _line(category.edge or category.colour, category.width, category.dash, {}, cap="flat")
    return [_symbol_layer("SimpleFill", inside, _from_zoom(category)), outline]


def _markers(category: Category, number: str, *, in_legend: bool) -> list[Element]:
    body, ink = colours(category)
    _, top, width, height = box(category)
    size = category.width * (PIN_SHARE if category.symbol == "pin" else 1.0)
    px = width / BOX * size
    on_tip = category.symbol == "pin" and not in_legend
    values = {
        "name": embedded(category), "color": rgba(body), "outline_color": rgba(ink), "outline_width": "0",
        "size": _mm(px), "size_unit": "MM", "scale_method": "diameter", "fixedAspectRatio": "0",
        "horizontal_anchor_point": "1", "vertical_anchor_point": "2" if on_tip else "1", "offset": "0,0",
        "offset_unit": "MM",
    }  # fmt: skip
    found = [_symbol_layer("SvgMarker", values, _from_zoom(category))]
    if category.mark == "number" and (number or in_legend):
        head = PIN_HEAD if category.symbol == "pin" else 0.0
        up = head if on_tip else head + top + height / 2
        found.append(_number(category, ink, number, size=size, up=up / BOX * size))
    return found


def _number(category: Category, ink: str, column: str, *, size: float, up: float) -> Element:
    """The number inside a symbol: a character marker that takes its characters from a column."""
    values = {
        "font": "Arial", "chr": "" if column else "1", "font_style": "Bold", "color": rgba(ink),
        "size": _mm(size * 0.5), "size_unit": "MM", "offset": f"0,{-up * MM_PER_PX:.4f}", "offset_unit": "MM",
        "outline_width": "0", "horizontal_anchor_point": "1", "vertical_anchor_point": "1",
    }  # fmt: skip
    char = {"char": f'to_string("{column}")'} if column else {}
    return _symbol_layer("FontMarker", values, {**char, **_from_zoom(category)})


def _from_zoom(category: Category) -> dict[str, str]:
    """What the web map draws from a zoom level on, QGIS draws from the scale of that level on."""
    if not category.min_zoom:
        return {}
    return {"enabled": f"@map_scale <= {SCALE_AT_ZOOM_0 / 2**category.min_zoom:.0f}"}


def _symbol_layer(kind: str, values: dict[str, str], dynamic: dict[str, str], *, level: int = 0) -> Element:
    found = element("layer", **{"class": kind, "enabled": "1", "locked": "0", "pass": str(level)})
    options = element("Option", type="Map")
    options.extend(element("Option", name=key, type="QString", value=value) for key, value in values.items())
    found.append(options)
    if dynamic:
        found.append(_data_defined(dynamic))
    return found


def _data_defined(expressions: dict[str, str]) -> Element:
    properties = element("Option", name="properties", type="Map")
    for key, expression in expressions.items():
        entry = element("Option", name=key, type="Map")
        entry.append(element("Option", name="active", type="bool", value="true"))
        entry.append(element("Option", name="expression", type="QString", value=expression))
        entry.append(element("Option", name="type", type="int", value="3"))
        properties.append(entry)
    collection = element("Option", type="Map")
    collection.append(element("Option", name="name", type="QString", value=""))
    collection.append(properties)
    collection.append(element("Option", name="type", type="QString", value="collection"))
    found = element("data_defined_properties")
    found.append(collection)
    return found


def _mm(px: float) -> str:
    return f"{px * MM_PER_PX:.4f}"


def rgba(colour: str, opacity: float = 1.0) -> str:
    """Return ``#RRGGBB`` as QGIS writes colours: ``r,g,b,a``."""
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", colour):
        raise ValueError(f"a colour like #A50026 is expected, not {colour!r}")
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return ",".join(str(part) for part in (*parts, round(opacity * 255)))
