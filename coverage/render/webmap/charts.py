"""Strip charts as trees of shapes and text: nothing that runs, loads or links goes into the page.

The browser never parses a chart's markup; it builds the elements from the tree.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

TAGS = frozenset({
    "svg", "g", "path", "line", "rect", "circle", "ellipse", "polyline", "polygon", "text", "tspan",
    "title", "desc", "defs", "clipPath", "pattern",
})  # fmt: skip
ATTRIBUTES = frozenset({
    "d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "dx", "dy", "width",
    "height", "viewBox", "preserveAspectRatio", "points", "transform", "id", "fill", "stroke",
    "opacity", "fill-opacity", "stroke-opacity", "stroke-width", "stroke-dasharray",
    "stroke-linecap", "stroke-linejoin", "fill-rule", "font-family", "font-size", "font-weight",
    "font-style", "text-anchor", "dominant-baseline", "alignment-baseline", "letter-spacing",
    "paint-order", "clip-path", "patternUnits", "patternTransform", "role", "aria-label",
    "textLength", "lengthAdjust",
})  # fmt: skip
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_LOADS = re.compile(r"url\(|javascript:|data:", re.I)
_OWN_PART = re.compile(r"url\(#[\w-]+\)")

Tree = list[Any]
"""``[tag, {attribute: value}, child, …]`` with trees and texts as children."""


def chart_tree(svg: str) -> Tree:
    """Return an SVG picture as a tree of its shapes and texts.

    Style attributes become attributes of presentation; style sheets, scripts, links, pictures and whatever
    else is not a shape or text are left out.

    Raises
    ------
    ValueError
        If the text is not well-formed, declares entities, or is not an SVG picture.
    """
    text = _NOT_XML.sub("\ufffd", svg)
    if "<!DOCTYPE" in text.upper() and "<!ENTITY" in text.upper():
        raise ValueError("a strip chart must not declare entities")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"a strip chart is not well-formed SVG: {error}") from error
    if _local(root.tag) != "svg":
        raise ValueError("a strip chart must be an SVG picture")
    return _tree(root)


def _local(name: Any) -> str:
    return name.rsplit("}", 1)[-1] if isinstance(name, str) else ""


def _tree(element: ElementTree.Element) -> Tree:
    tree: Tree = [_local(element.tag), _attributes(element)]
    if element.text:
        tree.append(element.text)
    for child in element:
        if _local(child.tag) in TAGS:
            tree.append(_tree(child))
        if child.tail:
            tree.append(child.tail)
    return [tree[0], tree[1], *(part for part in tree[2:] if not isinstance(part, str) or part.strip())]


def _attributes(element: ElementTree.Element) -> dict[str, str]:
    found = dict(element.attrib)
    for declaration in found.pop("style", "").split(";"):
        name, _, value = declaration.partition(":")
        found[name.strip()] = value.strip()
    return {k: v for k, v in found.items() if k in ATTRIBUTES and v and _is_harmless(v)}


def _is_harmless(value: str) -> bool:
    return not _LOADS.search(value) or bool(_OWN_PART.fullmatch(value.strip()))
