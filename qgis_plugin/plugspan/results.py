"""The layers of a run folder, as the QGIS project inside its GeoPackage has them."""

import io
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

from qgis.core import (
    QgsAttributeEditorContainer,
    QgsAttributeEditorRelation,
    QgsLayerTreeGroup,
    QgsMapThemeCollection,
    QgsPrintLayout,
    QgsProject,
    QgsReadWriteContext,
    QgsRelation,
)
from qgis.PyQt.QtXml import QDomDocument

PROJECT = "plugspan"
"""Name of the project inside the GeoPackage."""
PACKAGES = ("layers.gpkg", "country.gpkg")
"""GeoPackage of a region's folder, and of a country's."""


def find_package(folder):
    """Return the GeoPackage with a project in a run folder; None if there is none, or a damaged one."""
    paths = (Path(folder) / name for name in PACKAGES)
    return next((path for path in paths if path.is_file() and count_layers(path)), None)


def regional_folders(folder):
    """Return the regions' run folders in a country's folder."""
    return sorted(path.parent for path in Path(folder).glob(f"regions/*/{PACKAGES[0]}"))


def count_layers(path):
    """Return how many layers the project of a GeoPackage has.

    The file is read, not the project: tools run beside the main thread, where a QgsProject and its layouts must not be
    made.
    """
    asked = "SELECT content FROM qgis_projects WHERE name = ?"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as package:
            content = package.execute(asked, (PROJECT,)).fetchone()[0]
        held = bytes.fromhex(content) if isinstance(content, str) else content
        with zipfile.ZipFile(io.BytesIO(held)) as archive:
            [project] = (name for name in archive.namelist() if name.endswith(".qgs"))
            return archive.read(project).count(b"<maplayer ")
    except (sqlite3.Error, zipfile.BadZipFile, TypeError, ValueError):
        return 0


def add_results(package, target, title):
    """Add the layers of a run to a project, in a group of its own on top.

    A project that is still empty also gets the run's coordinate system, time range, map themes and print layouts.

    Parameters
    ----------
    package : path
        The GeoPackage of the run.
    target : QgsProject
    title : str
        Of the group, if the run has none.

    Returns
    -------
    list of QgsMapLayer
        What was added; empty if there is no project in the file.
    """
    source = QgsProject()
    if not source.read(f"geopackage:{package}?projectName={PROJECT}"):
        return []
    was_empty = not target.mapLayers()
    root = target.layerTreeRoot()
    names = {group.name() for group in root.findGroups()}
    new = {}
    _copy_tree(
        source.layerTreeRoot(), root.insertGroup(0, _free(source.title() or title, names)), target, new
    )
    _copy_relations(source, target, new)
    if was_empty:
        _copy_settings(source, target)
        _copy_themes(source.mapThemeCollection(), target.mapThemeCollection(), new)
        _copy_layouts(source, target, new)
    return list(new.values())


def _free(name, taken):
    """The name, or the name with the first number that makes it another: the same run may be loaded twice."""
    tried, n = name, 1
    while tried in taken:
        n += 1
        tried = f"{name} ({n})"
    return tried


def _copy_tree(group, into, target, new):
    for child in group.children():
        if isinstance(child, QgsLayerTreeGroup):
            made = into.addGroup(child.name())
            _copy_tree(child, made, target, new)
        elif child.layer() is not None:
            layer = child.layer().clone()
            _copy_time(child.layer(), layer)
            target.addMapLayer(layer, False)
            new[child.layer().id()] = layer
            made = into.addLayer(layer)
        else:
            continue
        made.setItemVisibilityChecked(child.itemVisibilityChecked())
        made.setExpanded(child.isExpanded())


def _copy_time(source, layer):
    """What the time controller plays: ``clone`` leaves it out in QGIS 3.22."""
    if source.temporalProperties() is not None:
        document, context = QDomDocument(), QgsReadWriteContext()
        held = document.createElement("maplayer")
        source.temporalProperties().writeXml(held, document, context)
        layer.temporalProperties().readXml(held, context)


# -- relations -----------------------------------------------------------------------------------------------------


def _copy_relations(source, target, new):
    """Relations keep their ids, by which forms name them, where the project has none of these ids yet."""
    manager = target.relationManager()
    ids = {}
    for relation in source.relationManager().relations().values():
        made = QgsRelation()
        ids[relation.id()] = _free(relation.id(), manager.relations())
        made.setId(ids[relation.id()])
        made.setName(relation.name())
        made.setReferencedLayer(new[relation.referencedLayerId()].id())
        made.setReferencingLayer(new[relation.referencingLayerId()].id())
        for child, parent in relation.fieldPairs().items():
            made.addFieldPair(child, parent)
        manager.addRelation(made)
    for layer in new.values():
        if hasattr(layer, "editFormConfig"):
            form = layer.editFormConfig()
            _rename_relations(form.invisibleRootContainer(), ids)
            layer.setEditFormConfig(form)


def _rename_relations(container, ids):
    """Replace the relations of a form: they have no setter for the id, and a clone of 3.22 has lost it.

    Our forms call each relation by its id.
    """
    made = []
    for child in container.children():
        if isinstance(child, QgsAttributeEditorContainer):
            _rename_relations(child, ids)
        if isinstance(child, QgsAttributeEditorRelation) and child.name() in ids:
            relation = QgsAttributeEditorRelation(ids[child.name()], container)
            relation.setShowLabel(child.showLabel())
            relation.setLabel(child.label())
            relation.setRelationWidgetTypeId(child.relationWidgetTypeId())
            made.append(relation)
        else:
            made.append(child.clone(container))
    container.clear()
    for child in made:
        container.addChildElement(child)


# -- what an empty project gets, too -------------------------------------------------------------------------------


def _copy_settings(source, target):
    target.setCrs(source.crs())
    target.setEllipsoid(source.ellipsoid())
    target.viewSettings().setDefaultViewExtent(source.viewSettings().defaultViewExtent())
    given, taken = source.timeSettings(), target.timeSettings()
    taken.setTemporalRange(given.temporalRange())
    taken.setFramesPerSecond(given.framesPerSecond())
    taken.setTimeStep(given.timeStep())
    taken.setTimeStepUnit(given.timeStepUnit())
    taken.setIsTemporalRangeCumulative(given.isTemporalRangeCumulative())


def _copy_themes(source, target, new):
    for name in source.mapThemes():
        theme = QgsMapThemeCollection.MapThemeRecord()
        for each in source.mapThemeState(name).layerRecords():
            if each.layer() is not None and each.layer().id() in new:
                shown = QgsMapThemeCollection.MapThemeLayerRecord(new[each.layer().id()])
                shown.isVisible, shown.expandedLayerNode = each.isVisible, each.expandedLayerNode
                theme.addLayerRecord(shown)
        target.insert(name, theme)


def _copy_layouts(source, target, new):
    for layout in source.layoutManager().printLayouts():
        context, written = QgsReadWriteContext(), QDomDocument()
        written.appendChild(layout.writeXml(written, context))
        words = written.toString()
        for old, layer in new.items():  # legends and locked maps name layers; those of a run name its themes
            words = words.replace(f'"{old}"', f'"{layer.id()}"').replace(f">{old}<", f">{layer.id()}<")
        document = QDomDocument()
        document.setContent(words)
        made = QgsPrintLayout(target)
        made.readXml(document.documentElement(), document, context)
        target.layoutManager().addLayout(made)
