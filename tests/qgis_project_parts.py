"""Run by the system's Python with QGIS: what the project inside a GeoPackage has beside its layers.

    QT_QPA_PLATFORM=offscreen /usr/bin/python3 qgis_project_parts.py layers.gpkg FOLDER

Prints JSON; the layouts are painted into FOLDER.
"""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsDateTimeRange,
    QgsExpression,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsFeatureRequest,
    QgsInterval,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemMap,
    QgsLayoutItemScaleBar,
    QgsProject,
    QgsTemporalNavigationObject,
    QgsVectorLayerTemporalContext,
)
from qgis.PyQt.QtCore import QDateTime, Qt

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03", "2028-12-31")
path, folder = sys.argv[1:]
application = QgsApplication([], False)
application.initQgis()
messages = []
application.messageLog().messageReceived.connect(
    lambda text, tag, level: messages.append([tag, int(level), text])
)
project = QgsProject.instance()
if not project.read(f"geopackage:{path}?projectName=plugspan"):
    raise SystemExit("the project can't be read")


def tips(layer):
    """The tip of each feature."""
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    found = []
    for feature in layer.getFeatures():
        context.setFeature(feature)
        found.append(QgsExpression.replaceExpressionText(layer.mapTipTemplate(), context))
    return found


def there(layer, day):
    """Names of the features that are drawn when the time controller stands at a day."""
    at = QDateTime.fromString(f"{day}T12:00:00Z", Qt.ISODate)
    return drawn(layer, QgsDateTimeRange(at, at))


def drawn(layer, time):
    """Names of the features that are drawn in a frame."""
    context = QgsVectorLayerTemporalContext()
    context.setLayer(layer)
    expression = layer.temporalProperties().createFilterString(context, time)
    return sorted(f["name"] for f in layer.getFeatures(QgsFeatureRequest().setFilterExpression(expression)))


def played():
    """Names of what is drawn in each frame of the time controller, by layer; the frames as the project has them."""
    settings = project.timeSettings()
    controller = QgsTemporalNavigationObject()
    controller.setTemporalExtents(settings.temporalRange())
    controller.setFrameDuration(QgsInterval(settings.timeStep(), settings.timeStepUnit()))
    controller.setTemporalRangeCumulative(settings.isTemporalRangeCumulative())
    controller.setNavigationMode(QgsTemporalNavigationObject.Animated)
    timed = [layer for layer in project.mapLayers().values() if layer.temporalProperties().isActive()]
    frames = [controller.dateTimeRangeForFrameNumber(n) for n in range(controller.totalFrameCount())]
    return {
        layer.name(): [[f.begin().toUTC().toString("yyyy-MM-dd"), drawn(layer, f)] for f in frames]
        for layer in timed
    }


def layout_parts(number, layout):
    """Items, texts and size of a layout, and whether it can be painted."""
    items = [item for item in layout.items() if hasattr(item, "id") and item.id() and item.id() != "page"]
    page = layout.pageCollection().page(0).pageSize()
    settings = QgsLayoutExporter.ImageExportSettings()
    settings.dpi = 40
    done = QgsLayoutExporter(layout).exportToImage(f"{folder}/layout_{number}.png", settings)
    bar = next(item for item in items if isinstance(item, QgsLayoutItemScaleBar))
    sheet = next(item for item in items if isinstance(item, QgsLayoutItemMap))
    return {
        "in_degrees": sheet.crs().isGeographic(),
        "scale": sheet.scale(),
        "name": layout.name(),
        "page": [page.width(), page.height()],
        "items": [item.id() for item in items],
        "labels": {item.id(): item.currentText() for item in items if isinstance(item, QgsLayoutItemLabel)},
        "theme": sheet.followVisibilityPresetName(),
        "bar_mm": bar.segmentMillimeters() * bar.numberOfSegments()
        if hasattr(bar, "segmentMillimeters")
        else bar.rect().width(),
        "exported": done == QgsLayoutExporter.Success,
    }


layers = {layer.name(): layer for layer in project.mapLayers().values()}
span = project.timeSettings().temporalRange()
planned = next(layer for layer in layers.values() if "plan_actions" in layer.source())
found = {
    "groups": {g.name(): [n.name() for n in g.children()] for g in project.layerTreeRoot().children()},
    "relations": [
        [r.referencingLayer().name(), r.referencedLayer().name(), r.isValid()]
        for r in project.relationManager().relations().values()
    ],
    "tabs": {
        name: [tab.name() for tab in layer.editFormConfig().tabs()]
        for name, layer in layers.items()
        if layer.editFormConfig().layout() == layer.editFormConfig().TabLayout
    },
    "tips": {name: tips(layer) for name, layer in layers.items() if layer.mapTipTemplate()},
    "time": [span.begin().toUTC().toString("yyyy-MM-dd"), span.end().toUTC().toString("yyyy-MM-dd")],
    "played": played(),
    "there": {day: there(planned, day) for day in DAYS},
    "layouts": [layout_parts(i, each) for i, each in enumerate(project.layoutManager().printLayouts())],
    "scales": {
        name: layer.minimumScale() if layer.hasScaleBasedVisibility() else 0 for name, layer in layers.items()
    },
    "messages": messages,
}
print(json.dumps(found, ensure_ascii=False))
