"""Print layouts of the QGIS project: A3 with map, legend, north arrow, scale bar and notes, one for each state."""

from __future__ import annotations

import base64
import math
import uuid
from collections.abc import Sequence

from pyproj import CRS, Proj, Transformer
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import LambertAzimuthalEqualAreaConversion

from ...markup import clean_xml
from ...texts import text
from .qml import FONTS
from .qml_symbols import Element, element, node

Box = tuple[float, float, float, float]
"""West, south, east, north; or x, y, width, height on paper, mm."""
PAGE: Box = (0, 0, 420, 297)
TITLE: Box = (10, 7, 400, 12)
MAP: Box = (10, 21, 305, 262)
LEGEND: Box = (320, 21, 90, 200)
NORTH: Box = (297, 25, 14, 18)
RATIO: Box = (15, 256, 70, 7)
SCALE: Box = (15, 262, 70, 16)
NOTES: Box = (10, 285, 400, 8)
_LABEL, _PICTURE, _MAP, _SCALE, _LEGEND, _PAGE = "65641", "65640", "65639", "65646", "65642", "65638"
_ARROW = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 52"><path d="M20 12 32 46 20 38 8 46Z" fill="#33404A"/>'
    '<text x="20" y="10" font-family="sans-serif" font-size="12" text-anchor="middle" fill="#33404A">N</text></svg>'
)
_NAMESPACE = uuid.UUID("6b1f6c9e-5f0e-5d0b-9a53-0d1f2b7c4e11")
_BAR_STEPS, _SCALE_STEPS = (1, 2, 5, 10), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10)
_BAR_SHARE = 0.1
"""Length of one of the two parts of the scale bar, of the width of the map, at most."""
_RATIO = "1 : [% format_number(round(map_get(item_variables('map'), 'map_scale'), -2), 0) %]"
"""The scale in numbers; QGIS's own item for it shows 1:799,999.999."""
_TRUE = 0.01
"""So much may lengths in a projected system be off in the middle of the map."""


def print_layouts(
    themes: Sequence[str], bounds: Box | None, *, system: Element, lang: str, title: str, note: str
) -> Element:
    """Return the layouts of a project.

    Parameters
    ----------
    themes : sequence of str
        Map themes, a layout each; one layout of what is visible if there are none.
    bounds : tuple, optional
        What the map shows, in metres; no layouts without it.
    system : Element
        The system of ``bounds``, from :func:`paper_system`.
    lang : str
    title, note : str
        Above and below the map.
    """
    found = element("Layouts")
    if bounds is None:
        return found
    shown = at_round_scale(bounds)
    for theme in themes or ("",):
        name = text("export.layout", lang, theme=theme) if theme else text("export.layout-alone", lang)
        head = f"{title} · {theme}" if theme and title else title or theme
        found.append(_layout(name, theme, shown, system, clean_xml(head), clean_xml(note)))
    return found


def paper_system(crs: str, bounds: Box) -> str:
    """Return a system in which a length on paper is the same in all directions: ``crs`` itself if it is one.

    Parameters
    ----------
    crs : str
        System of the layers.
    bounds : tuple
        West, south, east, north in it.

    Returns
    -------
    str
        ``crs``, or as WKT an azimuthal projection (equal areas) around the middle on the same datum: 300 km from there
        lengths are off by 3 in 10,000, in a whole country by some per cent.
    """
    known = CRS.from_user_input(crs)
    degrees = known.geodetic_crs
    west, south, east, north = bounds
    lon, lat = Transformer.from_crs(known, degrees, always_xy=True).transform(
        (west + east) / 2, (south + north) / 2
    )
    if known.is_projected:
        there = Proj(known).get_factors(lon, lat)
        if max(abs(there.meridional_scale - 1), abs(there.parallel_scale - 1)) < _TRUE:
            return crs
    lon, lat = round(lon, 1), round(lat, 1)
    around = LambertAzimuthalEqualAreaConversion(lat, lon)
    return str(ProjectedCRS(around, f"LAEA {lat:g}, {lon:g}", geodetic_crs=degrees).to_wkt())


def at_round_scale(bounds: Box) -> Box:
    """Return bounds in metres widened to the shape of the map on paper and to a round scale.

    Examples
    --------
    >>> at_round_scale((0, 0, 6100, 1000))  # 305 mm show 6100 m at 1 : 20 000
    (0.0, -2120.0, 6100.0, 3120.0)
    """
    west, south, east, north = bounds
    least = max((east - west) / MAP[2], (north - south) / MAP[3], 1e-3) * 1000
    scale = _round_up(least * (1 - 1e-9), _SCALE_STEPS)
    width, height = (side * scale / 1000 for side in MAP[2:])
    x, y = (west + east) / 2, (south + north) / 2
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _round_up(value: float, steps: Sequence[float]) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in steps if step * power >= value)


def bar_km(bounds: Box) -> float:
    """Return the length of a part of the scale bar: 1, 2 or 5 times a power of ten, km."""
    longest = (bounds[2] - bounds[0]) / 1000 * _BAR_SHARE * 1.0001
    power = 10.0 ** math.floor(math.log10(longest))
    return max(step * power for step in _BAR_STEPS if step * power <= longest)


def _layout(name: str, theme: str, bounds: Box, system: Element, title: str, note: str) -> Element:
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
    # Brackets with a per cent sign would be an expression; nothing from data becomes one.
    found.append(_label(name, "title", TITLE, title.replace("[%", "[ %"), 18))
    found.append(_label(name, "notes", NOTES, note.replace("[%", "[ %"), 8))
    found.append(_legend(name, map_id, theme))
    found.append(_scale_bar(name, map_id, bar_km(bounds)))
    found.append(_label(name, "ratio", RATIO, _RATIO, 8))
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
    shown.append(node("crs", system))
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
    found = _item(
        layout, part, _LABEL, box, labelText=words, htmlState="0", halign="1", valign="128",
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
    styles = [("title", 11), ("group", 9), ("subgroup", 7.5), ("symbol", 7), ("symbolLabel", 7)]
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
    letters = element(
        "text-style", fontFamily=FONTS[2], fontSize="8", fontSizeUnit="Point", textColor="51,64,74,255",
        textOpacity="1",
    )  # fmt: skip
    found.append(letters)
    return found
