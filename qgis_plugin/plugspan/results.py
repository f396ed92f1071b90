"""The layers of a run folder, with styles, groups, order and relations as its own QGIS project has them."""

from pathlib import Path

from qgis.core import QgsLayerTreeGroup, QgsProject, QgsRelation

PROJECT = "plugspan"
"""Name of the project inside ``layers.gpkg``."""


def read_project(folder):
    """Return the project inside a run folder's GeoPackage; None if there is none, or a damaged one."""
    path = Path(folder) / "layers.gpkg"
    project = QgsProject()
    if not path.is_file() or not project.read(f"geopackage:{path}?projectName={PROJECT}"):
        return None
    return project


def add_results(folder, target, title):
    """Add the layers of a run to a project, in a group of its own on top.

    Parameters
    ----------
    folder : path
        The run folder.
    target : QgsProject
    title : str
        Of the group, if the run has none.

    Returns
    -------
    list of QgsMapLayer
        What was added; empty if there is no project in the folder.
    """
    source = read_project(folder)
    if source is None:
        return []
    top = target.layerTreeRoot().insertGroup(0, source.title() or title)
    new = {}
    _copy(source.layerTreeRoot(), top, target, new)
    for relation in source.relationManager().relations().values():
        made = QgsRelation()
        made.setId(f"{relation.id()}_{new[relation.referencedLayerId()].id()}")
        made.setName(relation.name())
        made.setReferencedLayer(new[relation.referencedLayerId()].id())
        made.setReferencingLayer(new[relation.referencingLayerId()].id())
        for child, parent in relation.fieldPairs().items():
            made.addFieldPair(child, parent)
        target.relationManager().addRelation(made)
    return list(new.values())


def _copy(group, into, target, new):
    for child in group.children():
        if isinstance(child, QgsLayerTreeGroup):
            made = into.addGroup(child.name())
            _copy(child, made, target, new)
        elif child.layer() is not None:
            layer = child.layer().clone()
            target.addMapLayer(layer, False)
            new[child.layer().id()] = layer
            made = into.addLayer(layer)
        else:
            continue
        made.setItemVisibilityChecked(child.itemVisibilityChecked())
        made.setExpanded(child.isExpanded())
