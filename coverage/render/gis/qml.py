"""Layer styles as QML, the XML in which QGIS keeps how a layer looks.

Written for QGIS 3.22 and later. Everything that comes from data goes through the XML writer, which escapes it;
nothing from data becomes an expression.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from ...markup import clean_xml
from ...tables.layer import Category, Layer
from ...tables.plan_panel import MOST_DAYS
from ...tables.styles import INK
from ...texts import LANGUAGES, text
from .fields import Field
from .qml_symbols import MM_PER_PX, SCALE_AT_ZOOM_0, element, node, rgba, symbol

Element = ElementTree.Element
QGIS_VERSION = "3.22.16"
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
FONTS = ("Microsoft YaHei", "PingFang SC", "Noto Sans CJK SC", "Source Han Sans SC", "SimHei")
"""QGIS takes the first one that is there."""
NAMES_FROM_SCALE, ROAD_NAMES_FROM_SCALE = 250_000, 30_000
"""Names of places show at this scale and larger (zoom 11 of the web map), those of background roads from 1 : 30 000."""
WATER_INK = "#3F7A9E"
MOST_IN_TIP = 8
"""So many rows stand beside the pointer at most."""
BUILT, ORDER = "stage_year", "build_order"
"""Columns with the year in which something is built, and its place in the order."""
FROM, TO = "valid_from", "valid_to"
"""Columns with the first and the last day on which something is there; without a last one it stays."""
_MISSING = "(missing)"
_PLACEMENT = {"point": "6", "line": "4", "polygon": "4"}


def layer_qml(layer: Layer, fields: Sequence[Field], lang: str) -> str:
    """Return the default style of a layer: renderer, labels, aliases, names of codes.

    Parameters
    ----------
    layer : Layer
        What is shown.
    fields : sequence of Field
        Its columns as they are named in the file.
    lang : str
        ``"zh"`` or ``"en"``.
    """
    labels = label_column(layer) is not None
    return _document(style_elements(layer, fields, lang), labels=labels, limits=scale_limits(layer))


def table_qml(fields: Sequence[Field], lang: str) -> str:
    """Return the default style of a table without geometry: aliases and names of codes."""
    return _document(field_elements(fields, lang), labels=False)


def renamed_qml(qml: str, names: Mapping[str, str]) -> str:
    """Return a style for a file whose columns have other names.

    Parameters
    ----------
    qml : str
        From :func:`layer_qml`.
    names : mapping
        Old name -> new name.
    """
    if all(old == new for old, new in names.items()):
        return qml
    root = ElementTree.fromstring(qml.removeprefix(DOCTYPE))
    quoted = re.compile("|".join(f'"{re.escape(old)}"' for old in names))

    def in_expression(words: str) -> str:
        return quoted.sub(lambda found: f'"{names[found[0][1:-1]]}"', words)

    for each in root.iter():
        for key in ("attr", "field", "fieldName"):
            if key in each.attrib:
                each.set(key, names.get(each.attrib[key], in_expression(each.attrib[key])))
        if each.tag == "fieldConfiguration":
            for held in each:
                held.set("name", names.get(held.attrib["name"], held.attrib["name"]))
        if each.tag == "attributeEditorField":
            each.set("name", names.get(each.attrib["name"], each.attrib["name"]))
        if each.tag == "temporal":
            for end in ("startExpression", "endExpression"):
                each.set(end, in_expression(each.attrib[end]))
        if each.tag == "Option" and each.get("name") == "expression":
            each.set("value", in_expression(each.attrib["value"]))
        if each.tag in ("previewExpression", "mapTip") and each.text:
            each.text = in_expression(each.text)
    return DOCTYPE + to_text(root)


def style_elements(
    layer: Layer, fields: Sequence[Field], lang: str, *, relations: Sequence[str] = ()
) -> list[Element]:
    """Return the children that a QML file and a project's layer have in common; a project's forms show relations."""
    names = {field.column.name: field.name for field in fields}
    found = [_renderer(layer, names, lang)]
    column = label_column(layer)
    if column is not None:
        found.append(_labeling(layer, names[column]))
    heading = _heading(layer, names)
    if heading:
        preview = element("previewExpression")
        preview.text = f'"{names[heading]}"'
        found.append(preview)
    found.append(_map_tip(layer, fields, heading, lang))
    if BUILT in names or FROM in names:
        found.append(_temporal(names))
    found += _form(layer, fields, names, lang, relations)
    return [*found, *field_elements(fields, lang)]


def scale_limits(layer: Layer) -> dict[str, str]:
    """The attributes that hide a layer at small scales: where the web map draws none of it there either."""
    zoom = min(category.min_zoom for category in layer.style.categories)
    if not zoom:
        return {"hasScaleBasedVisibilityFlag": "0"}
    limit = f"{SCALE_AT_ZOOM_0 / 2**zoom:.0f}"
    return {"hasScaleBasedVisibilityFlag": "1", "minScale": limit, "maxScale": "0"}


def _heading(layer: Layer, names: Mapping[str, str]) -> str:
    """The column that says which feature it is; empty if there is none."""
    popup = layer.popup.heading if layer.popup else ""
    wanted = (layer.search_column, layer.label_column, popup, "name")
    return next((name for name in wanted if name and name in names), "")


def _map_tip(layer: Layer, fields: Sequence[Field], heading: str, lang: str) -> Element:
    """What appears beside the pointer: heading, then what a click on the web map shows; what is missing is left out."""
    by_column = {field.column.name: field for field in fields}
    shown = [column.name for column in layer.popup_columns if column.labels != "state"]
    rows = [by_column[name] for name in shown if name in by_column]
    if not heading and not rows:
        rows = [field for field in fields if field.column in layer.schema.columns]
    first = title = _literal(layer.title(lang))
    if heading:
        first = f"[% coalesce({_in_words(by_column[heading], lang)}, '{title}') %]"
    found = element("mapTip")
    found.text = f"<b>{first}</b>" + "".join(
        f"[% coalesce('<br>{_literal(field.label(lang))}: ' || {_in_words(field, lang)}, '') %]"
        for field in rows[:MOST_IN_TIP]
        if field.column.name != heading
    )
    return found


def _literal(words: str) -> str:
    """A text inside the quotes of an expression, and as HTML."""
    return clean_xml(words).replace("&", "&amp;").replace("<", "&lt;").replace("'", "''").replace("%]", "% ]")


def _in_words(field: Field, lang: str) -> str:
    """Expression: a value in words, as text that HTML takes for nothing else; missing where it is."""
    value = f'"{field.name}"'
    if field.values.dtype.kind == "b":
        words = f"if({value}, '{text('value.yes', lang)}', '{text('value.no', lang)}')"
    elif field.values.dtype.kind == "f":
        words = f"to_string(round({value}, 2))"
    else:
        words = f"represent_value({value})"
    absent, nothing = field.column.absent, f"{value} IS NULL"
    if absent in ("not_applicable", "none") and not field.column.state:
        codes = (absent, *(text(f"absent.{absent}", each) for each in LANGUAGES))
        quoted = ", ".join(f"'{code}'" for code in codes)
        nothing += f" OR {value} IN ({quoted})"
    elif absent and field.column.type == "text":
        words = f"if({value} = '{absent}', '{_literal(text(f'absent.{absent}', lang))}', {words})"
    return f"replace(replace(if({nothing}, NULL, {words}), '&', '&amp;'), '<', '&lt;')"


def _temporal(names: dict[str, str]) -> Element:
    """When a feature is there, as the time controller plays it: its days, or from its year on, a day later each step.

    Expressions, since GDAL would compare a date with the start of a frame as texts: 2026-01-02 before 2026-01-02T00:00.
    """
    end = ""
    if FROM in names:
        start = f'to_datetime("{names[FROM]}")'
        end = f"to_datetime(\"{names[TO]}\") + to_interval('1 day')" if TO in names else ""
    else:
        order = f'min(coalesce("{names[ORDER]}", 0), {MOST_DAYS})' if ORDER in names else "0"
        # A plan without years has no year in any row, only the code for that.
        start = f"try(make_date(\"{names[BUILT]}\", 1, 1)) + to_interval(to_string({order}) || ' days')"
    return element(
        "temporal", enabled="1", mode="4", accumulate="0", startExpression=start, endExpression=end, startField="",
        endField="", durationField="", durationUnit="min", fixedDuration="0", limitMode="0",
    )  # fmt: skip


def _form(
    layer: Layer, fields: Sequence[Field], names: dict[str, str], lang: str, relations: Sequence[str]
) -> list[Element]:
    """Tabs of the form: what a click on the web map shows, everything else, and the rows that speak of the feature."""
    first = [names[column.name] for column in layer.popup_columns if column.name in names]
    heading = _heading(layer, names)
    first = list(dict.fromkeys([*([names[heading]] if heading else []), *first]))
    index = {field.name: str(i) for i, field in enumerate(fields, 1)}
    rest = [name for name in index if name not in first]
    tabs = [
        _tab(text(f"export.tab-{key}", lang),
             *(element("attributeEditorField", name=name, index=index[name], showLabel="1") for name in part))
        for key, part in (("main", first), ("more", rest)) if part
    ]  # fmt: skip
    if relations:
        held = (
            element("attributeEditorRelation", name=name, relation=name, showLabel="1", nmRelationId="",
                    relationWidgetTypeId="relation_editor", forceSuppressFormPopup="0", label="")
            for name in relations
        )  # fmt: skip
        tabs.append(_tab(text("export.tab-evidence", lang), *held))
    layout = element("editorlayout")
    layout.text = "tablayout"
    return [layout, node("attributeEditorForm", *tabs)]


def _tab(title: str, *children: Element) -> Element:
    return node(
        "attributeEditorContainer", *children, name=title, groupBox="0", columnCount="1", showLabel="1",
        visibilityExpressionEnabled="0", visibilityExpression="",
    )  # fmt: skip


def field_elements(fields: Sequence[Field], lang: str) -> list[Element]:
    """Return aliases, and lists that show codes by their names."""
    aliases = element("aliases")
    widgets = element("fieldConfiguration")
    for i, field in enumerate(fields, 1):
        label = clean_xml(field.label(lang))
        aliases.append(element("alias", field=field.name, index=str(i), name=label))
        choices = field.choices(lang)
        if choices:
            widget = element("field", name=field.name)
            widget.append(_value_map(choices))
            widgets.append(widget)
    return [widgets, aliases]


def label_column(layer: Layer) -> str | None:
    """Return the column whose texts stand beside the features; None where they stand inside, or nowhere."""
    if any(category.mark == "number" for category in layer.style.categories):
        return None
    return layer.label_column or layer.search_column


def _document(children: list[Element], *, labels: bool, limits: Mapping[str, str] | None = None) -> str:
    root = element("qgis", version=QGIS_VERSION, labelsEnabled=_flag(labels), **(limits or {}))
    root.extend(children)
    return DOCTYPE + to_text(root)


def to_text(root: Element) -> str:
    """Return an element as indented text, the same for the same content."""
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode")


def _flag(value: bool) -> str:
    return "1" if value else "0"


# -- renderer --------------------------------------------------------------------------------------------


def _renderer(layer: Layer, names: dict[str, str], lang: str) -> Element:
    style = layer.style
    offset = names[style.offset_by] if style.offset_by else ""
    number = names[layer.label_column] if layer.label_column else ""
    symbols = element("symbols")
    # Halos of all lines lie under all lines.
    levels = any(category.halo for category in style.categories)
    for i, category in enumerate(style.categories):
        symbols.append(symbol(str(i), category, style, offset=offset, number=number))
    if not style.by:
        return node("renderer-v2", symbols, type="singleSymbol", symbollevels=_flag(levels), forceraster="0")
    categories = element("categories")
    for i, category in enumerate(style.categories):
        label = clean_xml(category.label(lang))
        categories.append(
            element("category", value=_value(category), label=label, symbol=str(i), render="true")
        )
    found = node("renderer-v2", categories, type="categorizedSymbol", attr=_attribute(layer, names[style.by]))
    found.set("symbollevels", _flag(levels))
    found.set("forceraster", "0")
    found.append(symbols)
    return found


def _value(category: Category) -> str:
    """QGIS compares texts; an empty one stands for all other values."""
    if category.value is None:
        return _MISSING
    if isinstance(category.value, bool):
        return "true" if category.value else "false"
    return "" if category.value == "*" else clean_xml(category.value)


def _attribute(layer: Layer, name: str) -> str:
    """QGIS puts missing values among "all other", so a class of their own needs an expression."""
    if any(category.value is None for category in layer.style.categories):
        return f"coalesce(to_string(\"{name}\"), '{_MISSING}')"
    return name


# -- labels ----------------------------------------------------------------------------------------------


def _labeling(layer: Layer, name: str) -> Element:
    quiet = layer.group == "background"
    kind = layer.style.kind
    size = "10.5" if kind == "polygon" else "9" if kind == "point" else "8.5"
    ink = WATER_INK if kind == "line" and quiet else INK
    text_style = element(
        "text-style", fieldName=name, isExpression="0", fontFamily=FONTS[0], fontSize=size, fontSizeUnit="Point",
        fontWeight="50" if kind == "point" or quiet else "63", textColor=rgba(ink), textOpacity="1", allowHtml="0",
        fontItalic=_flag(kind == "line" and quiet),
    )  # fmt: skip
    text_style.append(node("families", *(element("family", name=font) for font in FONTS)))
    text_style.append(
        element("text-buffer", bufferDraw="1", bufferSize="0.8", bufferSizeUnits="MM",
                bufferColor="255,255,255,230", bufferNoFill="1", bufferJoinStyle="128", bufferOpacity="1")
    )  # fmt: skip
    widest = max(category.width for category in layer.style.categories) * MM_PER_PX
    placement = element(
        "placement", placement=_PLACEMENT[kind], dist=f"{widest / 2 + 0.6:.2f}" if kind == "point" else "0",
        distUnits="MM", predefinedPositionOrder="R,L,T,B,TR,BR,TL,BL", offsetType="0",
        priority="9" if kind == "polygon" else "5",
    )  # fmt: skip
    limit = _names_from(layer)
    # QGIS calls the smallest denominator scaleMin.
    rendering = element(
        "rendering", scaleVisibility=_flag(limit > 0), scaleMin="0", scaleMax=str(limit),
        mergeLines=_flag(kind == "line"), obstacle="1", drawLabels="1", displayAll="0", fontMinPixelSize="3",
        fontMaxPixelSize="10000", limitNumLabels="0", labelPerPart="0",
    )  # fmt: skip
    settings = node("settings", text_style, placement, rendering, calloutType="simple")
    return node("labeling", settings, type="simple")


def _names_from(layer: Layer) -> int:
    """Scale denominator from which names show; 0 for always."""
    if layer.group == "background":
        return ROAD_NAMES_FROM_SCALE if layer.style.kind == "line" and layer.style.by else 0
    return NAMES_FROM_SCALE if layer.style.kind == "point" else 0


# -- lists of values -------------------------------------------------------------------------------------


def _value_map(choices: dict[str, str]) -> Element:
    values = [
        node(
            "Option",
            element("Option", name=clean_xml(label), value=clean_xml(code), type="QString"),
            type="Map",
        )
        for code, label in choices.items()
    ]
    entries = node("Option", *values, name="map", type="List")
    return node("editWidget", node("config", node("Option", entries, type="Map")), type="ValueMap")
