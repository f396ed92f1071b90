"""Run by the system's Python with QGIS: use the plugin's tools as the Processing toolbox does, and tell what came out.

    QT_QPA_PLATFORM=offscreen /usr/bin/python3 qgis_plugin_use.py PLUGIN_FOLDER PROGRAM PROJECT BAD_PROJECT WORK FAKES

Prints JSON.
"""

import json
import shutil
import sys
import time
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsAttributeEditorContainer,
    QgsAttributeEditorRelation,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProject,
)
from qgis.PyQt.QtCore import QCoreApplication, QThread

plugins, program, good, bad, work, fakes = sys.argv[1:]
application = QgsApplication([], False)
application.initQgis()
sys.path += ["/usr/share/qgis/python/plugins", plugins]
from plugspan import classFactory  # noqa: E402
from processing.core.Processing import Processing  # noqa: E402 (they need QGIS started)

Processing.initialize()
plugin = classFactory(None)
plugin.initProcessing()


class Listener(QgsProcessingFeedback):
    """Keeps what a tool says; cancels at the first progress or message if told so."""

    def __init__(self, cancel=False):
        super().__init__(False)
        self.shares, self.words, self.said, self.errors, self.cancel = [], [], [], [], cancel
        self.progressChanged.connect(self.on_share)

    def on_share(self, share):
        self.shares.append(share)
        if self.cancel:
            QgsProcessingFeedback.cancel(self)

    def setProgressText(self, text):  # noqa: N802
        self.words.append(text)

    def pushInfo(self, info):  # noqa: N802
        self.said.append(info)
        if self.cancel:
            QgsProcessingFeedback.cancel(self)

    def reportError(self, error, fatalError=False):  # noqa: N802
        self.errors.append(error)


def use(name, cancel=False, clear=True, **parameters):
    """Run a tool; what it gave, said and drew."""
    project, listener = QgsProject.instance(), Listener(cancel)
    if clear:
        project.clear()
    context = QgsProcessingContext()
    context.setProject(project)
    tool = QgsApplication.processingRegistry().createAlgorithmById(f"plugspan:{name}")
    try:
        given, done = tool.run({"PROGRAM": program, **parameters}, context, listener, {}, False)
    except QgsProcessingException as error:
        return {"failed": str(error)}
    out = {"done": done, "given": {k: v for k, v in given.items() if isinstance(v, (str, int, float))}}
    out |= {
        "shares": listener.shares,
        "words": listener.words,
        "said": listener.said,
        "errors": listener.errors,
    }
    for key in ("FAULTS", "FINDINGS"):
        if key in given:
            table = context.getMapLayer(given[key])
            names = table.fields().names()
            out["rows"] = [
                dict(zip(names, map(plain, row.attributes()), strict=True)) for row in table.getFeatures()
            ]
    out["groups"] = {
        group.name(): [entry.name() for entry in group.findLayers()]
        for group in project.layerTreeRoot().findGroups(True)
    }
    out["layers"] = {
        layer.name(): [layer.isValid(), layer.renderer().type() if layer.renderer() else ""]
        for layer in project.mapLayers().values()
    }
    out["relations"] = [
        [r.referencingLayer().name(), r.referencedLayer().name(), r.isValid()]
        for r in project.relationManager().relations().values()
    ]
    return out | settings(project)


def settings(project):
    """What a project has beside its layers: what it plays, themes, layouts, and whether its forms find their rows."""
    time, themes = project.timeSettings(), project.mapThemeCollection()
    layers = project.mapLayers().values()
    return {
        "playing": sorted(layer.name() for layer in layers if layer.temporalProperties().isActive()),
        "time": [
            time.temporalRange().begin().toString("yyyy-MM-dd"),
            time.temporalRange().end().toString("yyyy-MM-dd"),
            time.framesPerSecond(),
            int(time.timeStepUnit()),
            time.isTemporalRangeCumulative(),
        ],
        "crs": project.crs().authid(),
        "themes": {
            theme: sorted(project.mapLayer(key).name() for key in themes.mapThemeVisibleLayerIds(theme))
            for theme in themes.mapThemes()
        },
        "layouts": sorted(layout.name() for layout in project.layoutManager().layouts()),
        "forms": sorted(
            [
                layer.name(),
                each.init(project.relationManager()) and each.relation().referencedLayerId() == layer.id(),
            ]
            for layer in layers
            if hasattr(layer, "editFormConfig")
            for each in form_relations(layer.editFormConfig().invisibleRootContainer())
        ),
    }


def form_relations(container):
    """The relations that a form shows."""
    for child in container.children():
        if isinstance(child, QgsAttributeEditorRelation):
            yield child
        elif isinstance(child, QgsAttributeEditorContainer):
            yield from form_relations(child)


def source_settings(package):
    """The same of the project inside a GeoPackage."""
    project = QgsProject()
    project.read(f"geopackage:{package}?projectName=plugspan")
    return settings(project)


def in_a_model(run):
    """Load a run by a model, which works in a thread of its own; how many layers came, and if into the main one."""
    project = QgsProject.instance()
    project.clear()
    child = QgsProcessingModelChildAlgorithm("plugspan:load")
    child.setChildId("load")
    child.addParameterSources("RUN", [QgsProcessingModelChildParameterSource.fromStaticValue(run)])
    model = QgsProcessingModelAlgorithm("model", "model", "group")
    model.addChildAlgorithm(child)
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
    context.setProject(project)
    task, ended = QgsProcessingAlgRunnerTask(model, {}, context, feedback), []
    task.executed.connect(lambda done, _given: ended.append(done))
    QgsApplication.taskManager().addTask(task)
    until = time.monotonic() + 300
    while not (ended and project.mapLayers()) and time.monotonic() < until:
        QCoreApplication.processEvents()
    main = QThread.currentThread()
    return {
        "done": ended, "layers": len(project.mapLayers()),
        "main": all(layer.thread() == main for layer in project.mapLayers().values()),
    }  # fmt: skip


def fake(name, tool="plan", **parameters):
    """Run a tool with a program that only pretends."""
    given = {"RUN": str(Path(work) / name)} if tool == "plan" else {}
    return use(tool, PROJECT=good, PROGRAM=str(Path(fakes) / name), **given, **parameters)


def country():
    """Load the folder of many regions, whole, and then without the layers of the whole."""
    folder = Path(work) / "regions"
    loaded = use("load", RUN=str(folder))
    shutil.move(folder / "country.gpkg", folder / "regions/R1/layers.gpkg")
    return loaded, use("load", RUN=str(folder))


def plain(value):
    """A value that JSON holds."""
    return None if value is None or (hasattr(value, "isNull") and value.isNull()) else value


memory, run = "memory:", str(Path(work) / "run")
registry = QgsApplication.processingRegistry()
found = {
    "tools": {a.id(): a.displayName() for a in registry.providerById("plugspan").algorithms()},
    "check": use("check", PROJECT=good, FAULTS=memory),
    "check_bad": use("check", PROJECT=bad, FAULTS=memory),
    "assess": use("assess", PROJECT=good, FINDINGS=memory, LANGUAGE=1),
    "assess_bad": use("assess", PROJECT=bad, FINDINGS=memory, LANGUAGE=2),
    "cancelled": use("plan", cancel=True, PROJECT=good, RUN=run),
    "left": sorted(path.name for path in Path(work).iterdir()),
    "plan": use("plan", PROJECT=good, RUN=run),
    "again": use("plan", PROJECT=good, RUN=run, LANGUAGE=2),
    "load": use("load", RUN=run),
    "load_twice": use("load", clear=False, RUN=run),
    "source": source_settings(Path(run) / "layers.gpkg"),
    "load_nothing": use("load", RUN=work),
    "in_a_model": in_a_model(run),
    "wrong_program": use("check", PROJECT=good, FAULTS=memory, PROGRAM="/no/such"),
    "no_project": use("check", PROJECT="/no/such.toml", FAULTS=memory),
    "unread": use("check", PROJECT=str(Path(fakes) / "unread.toml"), FAULTS=memory),
    "other_program": use("plan", PROJECT=good, RUN=str(Path(work) / "true"), PROGRAM="/bin/true"),
    "nothing": fake("nothing"),
    "no_json": fake("nothing", "assess", FINDINGS=memory),
    "old": fake("old"),
    "regions": fake("regions"),
    "regions_loaded": country(),
    "regions_cancelled": fake("waiting", cancel=True),
    "icons": [
        not entry.icon().isNull()
        for entry in (
            registry.providerById("plugspan"),
            *registry.providerById("plugspan").algorithms(),
        )
    ],
}
plugin.unload()
found["unloaded"] = registry.providerById("plugspan") is None
print(json.dumps(found, ensure_ascii=False))
