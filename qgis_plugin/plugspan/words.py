"""The plugin's texts, in the language of QGIS; ``texts.json`` is made from the program's catalogue."""

import configparser
import json
from pathlib import Path

from qgis.PyQt.QtCore import QLocale, QSettings

_HERE = Path(__file__).parent
_TEXTS = json.loads((_HERE / "texts.json").read_text("utf-8"))
_metadata = configparser.ConfigParser()
_metadata.read(_HERE / "metadata.txt", "utf-8")
ABOUT = _metadata["general"]
"""What the plugin says of itself."""
ICON = str(_HERE / "icon.svg")


def language():
    """Language of QGIS's interface: Chinese, else English."""
    own = (
        QSettings().value("locale/userLocale", "")
        if QSettings().value("locale/overrideFlag", False, bool)
        else ""
    )
    return "zh" if str(own or QLocale().name()).startswith("zh") else "en"


def say(key, **values):
    """Return a text, with its values filled in."""
    return _TEXTS[key][language()].format(**values)
