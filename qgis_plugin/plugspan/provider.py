"""The plugin, and its tools as a provider of the Processing toolbox."""

from qgis.core import QgsApplication, QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .tools import TOOLS
from .words import ICON, say


class Provider(QgsProcessingProvider):
    """Group *plugspan* of the toolbox."""

    def id(self):
        """Return its name in ``qgis_process``: ``plugspan:plan``."""
        return "plugspan"

    def name(self):
        """Return its name in the toolbox."""
        return "plugspan"

    def longName(self):  # noqa: N802
        """Return what it is."""
        return say("plugin.name")

    def icon(self):
        """Return its picture."""
        return QIcon(ICON)

    def svgIconPath(self):  # noqa: N802
        """Return its picture, for any size."""
        return ICON

    def loadAlgorithms(self):  # noqa: N802
        """Offer the tools."""
        for tool in TOOLS:
            self.addAlgorithm(tool())


class Plugin:
    """What QGIS loads: it registers the provider and takes it back."""

    def __init__(self):
        self.provider = None

    def initProcessing(self):  # noqa: N802
        """Register the tools; ``qgis_process`` calls this alone."""
        self.provider = Provider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self):  # noqa: N802
        """Register the tools."""
        self.initProcessing()

    def unload(self):
        """Take them back."""
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
