"""Print layouts of the QGIS project: A3 with map, legend, north arrow, scale bar and notes, one for each state."""

from __future__ import annotations

import base64
import math
import uuid
from collections.abc import Sequence

from pyproj import CRS, Geod, Transformer

from ...markup import clean_xml
from ...texts import text
from .qml import FONTS
from .qml_symbols import Element, element, node

Box = tuple[float, float, float, float]
"""West, south, east, north in the project's system; or x, y, width, height on paper, mm."""
PAGE: Box = (0, 0, 420, 297)
TITLE: Box = (10, 7, 400, 12)
MAP: Box = (10, 21, 305, 262)
LEGEND: Box = (320, 21, 90, 200)
NORTH: Box = (297, 25, 14, 18)
SCALE: Box = (15, 262, 70, 16)
NOTES: Box = (10, 285, 400, 8)
_LABEL, _PICTURE, _MAP, _SCALE, _LEGEND, _PAGE = "65641", "65640", "65639", "65646", "65642", "65638"
_ARROW = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 52"><path d="M20 12 32 46 20 38 8 46Z" fill="#33404A"/>'
    '<text x="20" y="10" font-family="sans-serif" font-size="12" text-anchor="middle" fill="#33404A">N</text></svg>'
)
_NAMESPACE = uuid.UUID("6b1f6c9e-5f0e-5d0b-9a53-0d1f2b7c4e11")
_STEPS_KM = (1, 2, 5)
_BAR_SHARE = 0.1
"""Length of one of the two parts of the scale bar, of the width of the map, at most."""


def print_layouts(
    themes: Sequence[str], bounds: Box | None, *, crs: str, lang: str, title: str, note: str
) -> Element:
    """Return the layouts of a project.

    Parameters
    ----------
    themes : sequence of str
        Map themes, a layout each; one layout of what is visible if there are none.
    bounds : tuple, optional
        What the map shows; no layouts without it.
    crs : str
        System of ``bounds``.
    lang : str
    title, note : str
        Above and below the map.
    """
    found = element("Layouts")
    if bounds is None:
        return found
    shown = fitted(bounds, MAP[2] / MAP[3])
    for theme in themes or ("",):
        name = text("export.layout", lang, theme=theme) if theme else text("export.layout-alone", lang)
        head = f"{title} · {theme}" if theme and title else title or theme
        found.append(_layout(name, theme, shown, crs, clean_xml(head), clean_xml(note)))
    return found


def fitted(bounds: Box, ratio: float) -> Box:
    """Return bounds widened so that width and height have a ratio.

    Examples
    --------
    >>> fitted((0, 0, 1, 1), 2.0)
    (-0.5, 0.0, 1.5, 1.0)
    """
    west, south, east, north = bounds
    width = max(east - west, (north - south) * ratio) or 1e-3
    height = width / ratio
    x, y = (west + east) / 2, (south + north) / 2
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def bar_km(bounds: Box, crs: str) -> float:
    """Return the length of a part of the scale bar: 1, 2 or 5 times a power of ten, km."""
    west, south, east, north = bounds
    lon, lat = Transformer.from_crs(crs, CRS(crs).geodetic_crs, always_xy=True).transform(
        [west, east], [(south + north) / 2] * 2
    )
    width_km = Geod(ellps="WGS84").line_length(lon, lat) / 1000
    power = 10.0 ** math.floor(math.log10(max(width_km * _BAR_SHARE, 1e-6)))
    return max(step * power for step in _STEPS_KM if step * power <= width_km * _BAR_SHARE * 1.0001)


def _layout(name: str, theme: str, bounds: Box, crs: str, title: str, note: str) -> Element:
    map_id = _id(name, "map")
    found = element("Layout", name=clean_xml(name), units="mm", printResolution="300", worldFileMap="")
    page = _item(name, "page", _PAGE, PAGE)
    white = node(
        "Option", element("Option", name="color", type="QString", value="255,255,255,255"),
        element("Option", name="outline_style", type="QString", value="no"),
        element("Option", name="style", type="QString", value="solid"), type="Map",
    )  # fmt: skip
    fill = node("layer", white, **{"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"})
    page.append(node("symbol", fill, type="fill", name="", alpha="1", clip_to_extent="1", force_rhr="0"))
    found.append(node("PageCollection", page, element("GuideCollection", visible="1")))
    found.append(_label(name, "title", TITLE, title, 18))
    found.append(_label(name, "notes", NOTES, note, 8))
    found.append(_legend(name, map_id, theme))
    found.append(_scale_bar(name, map_id, bar_km(bounds, crs)))
    picture = base64.b64encode(_ARROW.encode()).decode()
    found.append(
        _item(name, "north", _PICTURE, NORTH, file=f"base64:{picture}", mode="1", mapUuid=map_id, northMode="0",
              northOffset="0", resizeMode="0", anchorPoint="4", z="4")
    )  # fmt: skip
    sides = dict(zip(("xmin", "ymin", "xmax", "ymax"), (f"{side:.9g}" for side in bounds), strict=True))
    shown = _item(
        name, "map", _MAP, MAP, frame="true", followPreset="true" if theme else "false", followPresetName=theme,
        mapRotation="0", keepLayerSet="false", drawCanvasItems="true", isTemporal="0", labelMargin="0,mm",
    )  # fmt: skip
    shown.append(element("Extent", **sides))
    found.append(shown)
    return found


def _id(layout: str, part: str) -> str:
    """A name that is the same each time."""
    return f"{{{uuid.uuid5(_NAMESPACE, f'{layout}/{part}')}}}"


def _item(
    layout: str, part: str, kind: str, box: Box, *, z: str = "0", frame: str = "false", **more: str
) -> Element:
    x, y, width, height = box
    own, clear = _id(layout, part), kind in (_LABEL, _PICTURE, _SCALE)
    return element(
        "LayoutItem", type=kind, uuid=own, templateUuid=own, id=part, position=f"{x},{y},mm",
        size=f"{width},{height},mm", positionOnPage=f"{x},{y},mm", referencePoint="0", itemRotation="0",
        visibility="1", opacity="1", frame=frame, background="false" if clear else "true", zValue=z,
        outlineWidthM="0.3,mm", frameJoinStyle="miter", positionLock="false", excludeFromExports="0", blendMode="0",
        groupUuid="", **more,
    )  # fmt: skip


def _label(layout: str, part: str, box: Box, words: str, points: int) -> Element:
    # Brackets with a per cent sign would be an expression; nothing from data becomes one.
    found = _item(
        layout, part, _LABEL, box, labelText=words.replace("[%", "[ %"), htmlState="0", halign="1", valign="128",
        marginX="0", marginY="0", z="5",
    )  # fmt: skip
    found.append(element("LabelFont", description=_font(points), style=""))
    return found


def _font(points: float) -> str:
    return f"{FONTS[2]},{points:g},-1,5,50,0,0,0,0,0"


def _legend(layout: str, map_id: str, theme: str) -> Element:
    found = _item(
        layout, "legend", _LEGEND, LEGEND, title="", map_uuid=map_id, legendFilterByMap="1", resizeToContents="1",
        columnCount="1", symbolWidth="7", symbolHeight="3", boxSpace="2", columnSpace="2", splitLayer="0",
        equalColumnWidth="0", titleAlignment="1", fontColor="#33404A", wrapChar="", symbolAlignment="1", z="3",
        **({"legendFilterByAtlas": "0"} if theme else {}),
    )  # fmt: skip
    styles = [("title", 11), ("group", 9), ("subgroup", 8), ("symbol", 7), ("symbolLabel", 7)]
    found.append(
        node("styles", *(
            node("style", element("styleFont", description=_font(points), style=""), name=name, alignment="1",
                 indent="0", marginTop="0.8", marginLeft="1.5")
            for name, points in styles
        ))
    )  # fmt: skip
    return found


def _scale_bar(layout: str, map_id: str, part_km: float) -> Element:
    found = _item(
        layout, "scale", _SCALE, SCALE, mapUuid=map_id, style="Single Box", unitType="km", unitLabel="km",
        numUnitsPerSegment=f"{part_km:g}", numMapUnitsPerScaleBarUnit="1", numSegments="2", numSegmentsLeft="0",
        height="2.5", boxContentSpace="1", labelBarSpace="1.5", segmentSizeMode="0", minBarWidth="20",
        maxBarWidth="150", alignment="0", outlineWidth="0.3", lineJoinStyle="miter", lineCapStyle="square", z="4",
    )  # fmt: skip
    style = element(
        "text-style",
        fontFamily=FONTS[2],
        fontSize="8",
        fontSizeUnit="Point",
        textColor="51,64,74,255",
        textOpacity="1",
    )
    found.append(style)
    return found
