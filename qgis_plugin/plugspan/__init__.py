"""The QGIS plugin: the program plugspan as tools of the Processing toolbox."""


def classFactory(_iface):  # noqa: N802 (QGIS calls it by this name)
    """Make the plugin; QGIS calls this, with the interface that a headless run lacks."""
    from .provider import Plugin

    return Plugin()
