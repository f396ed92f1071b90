"""Run by the system's Python with QGIS: open a GeoPackage as a GIS person would, tell what QGIS sees, paint it.

    QT_QPA_PLATFORM=offscreen /usr/bin/python3 qgis_render.py layers.gpkg [picture.png [theme [layers.qgs]]]

Prints JSON: for each layer its renderer, categories, aliases, labels and messages.
"""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsExpression,
    QgsExpressionContext,
    QgsMapRendererCustomPainterJob,
    QgsMapSettings,
    QgsProject,
    QgsRenderContext,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QImage, QPainter

WIDTH, HEIGHT = 1100, 1500


def seen(layer):
    """What QGIS knows of a layer."""
    renderer = layer.renderer()
    out = {
        "valid": layer.isValid(),
        "name": layer.name(),
        "crs": layer.crs().authid(),
        "count": layer.featureCount(),
        "aliases": {field.name(): field.alias() for field in layer.fields()},
        "types": {field.name(): field.typeName() for field in layer.fields()},
        "labels": bool(layer.labelsEnabled()),
        "display": layer.displayExpression(),
        "broken": [],
    }
    if layer.labelsEnabled():
        out["label_field"] = layer.labeling().settings().fieldName
    out["widgets"] = {
        field.name(): layer.editorWidgetSetup(i).type()
        for i, field in enumerate(layer.fields())
        if layer.editorWidgetSetup(i).type()
    }
    if renderer is not None:
        out["renderer"] = renderer.type()
        if renderer.type() == "categorizedSymbol":
            out["categories"] = [(c.value(), c.label()) for c in renderer.categories()]
            out["drawn"] = drawn(layer, renderer)
        for symbol in renderer.symbols(QgsRenderContext()):
            for part in symbol.symbolLayers():
                for key in part.dataDefinedProperties().propertyKeys():
                    text = part.dataDefinedProperties().property(key).asExpression()
                    if QgsExpression(text).hasParserError():
                        out["broken"].append(text)
    return out


def drawn(layer, renderer):
    """How many features each legend label draws; those without a symbol count as None."""
    context = QgsRenderContext()
    context.setExpressionContext(QgsExpressionContext())
    renderer.startRender(context, layer.fields())
    found = {}
    for feature in layer.getFeatures():
        context.expressionContext().setFeature(feature)
        context.expressionContext().setFields(layer.fields())
        symbol = renderer.originalSymbolForFeature(feature, context)
        look = symbol.dump() if symbol else None
        label = next((c.label() for c in renderer.categories() if c.symbol().dump() == look), None)
        found[label] = found.get(label, 0) + 1
    renderer.stopRender(context)
    return [[label, n] for label, n in sorted(found.items(), key=str)]


def paint(layers, extent, crs, path):
    """Paint layers (topmost first) as a PNG at 96 dpi."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(crs)
    settings.setBackgroundColor(QColor("#F4F6F7"))
    settings.setOutputSize(QSize(WIDTH, HEIGHT))
    settings.setOutputDpi(96)
    settings.setExtent(extent)
    image = QImage(settings.outputSize(), QImage.Format_ARGB32_Premultiplied)
    image.fill(QColor("#F4F6F7"))
    image.setDotsPerMeterX(round(96 / 0.0254))
    image.setDotsPerMeterY(round(96 / 0.0254))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.Antialiasing)
    job = QgsMapRendererCustomPainterJob(settings, painter)
    job.renderSynchronously()
    painter.end()
    if not image.save(path):
        raise SystemExit(f"{path} could not be written")


def main(geopackage, picture=None, theme=None, beside=None):
    """Open each layer on its own (default styles), then the project inside the file."""
    app = QgsApplication([], False)
    app.initQgis()
    messages = []
    app.messageLog().messageReceived.connect(
        lambda text, tag, level: messages.append([tag, int(level), text])
    )
    probe = QgsVectorLayer(geopackage, "probe", "ogr")
    names = [entry.split("!!::!!")[1] for entry in probe.dataProvider().subLayers()]
    alone = {}
    for name in names:
        layer = QgsVectorLayer(f"{geopackage}|layername={name}", name, "ogr")
        alone[name] = seen(layer)
    project = QgsProject.instance()
    inside = f"geopackage:{geopackage}?projectName=plugspan"
    read = project.read(beside or inside)
    themes = project.mapThemeCollection()
    root = project.layerTreeRoot()
    out = {
        "alone": alone,
        "project": {
            "read": read,
            "title": project.title(),
            "crs": project.crs().authid(),
            "groups": {g.name(): [n.name() for n in g.children()] for g in root.children()},
            "layers": {layer.name(): seen(layer) for layer in project.mapLayers().values()},
            "themes": {
                name: [layer.name() for layer in themes.mapThemeVisibleLayers(name)]
                for name in themes.mapThemes()
            },
            "checked": [layer.name() for layer in root.checkedLayers()],
            "order": [layer.name() for layer in root.layerOrder()],
        },
        "messages": messages,
    }
    if picture:
        visible = themes.mapThemeVisibleLayers(theme) if theme else root.checkedLayers()
        ordered = [layer for layer in root.layerOrder() if layer in visible]
        paint(ordered, project.viewSettings().defaultViewExtent(), project.crs(), picture)
    sys.stdout.buffer.write(json.dumps(out, ensure_ascii=False, indent=1).encode())


main(*sys.argv[1:])
