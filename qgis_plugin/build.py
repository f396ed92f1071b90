"""Build the plugin's zip: ``python qgis_plugin/build.py [FOLDER]``. What it is called comes from the project.

The same sources give the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ICON = ROOT / "coverage" / "app" / "static" / "icon.svg"
PLACES = {
    "email": "authors: email", "repository": "[project.urls] Repository", "tracker": "[project.urls] Issues",
    "homepage": "[project.urls] Homepage",
}  # fmt: skip
"""What a published plugin must say of itself, and where in ``pyproject.toml`` it stands."""
_TIME = (2000, 1, 1, 0, 0, 0)


def plugin_texts() -> dict[str, dict[str, str]]:
    """The texts of the catalogue that the plugin shows."""
    from plugspan.texts import catalogue

    return {key: dict(value) for key, value in catalogue().items() if key.startswith("plugin.")}


def _identity(about: dict[str, Any]) -> str:
    """Version, author and addresses as ``pyproject.toml`` has them; a plugin repository asks for all of them."""
    author, urls = about["authors"][0], about.get("urls", {})
    found = {
        "version": about["version"], "author": author["name"],
        "email": author.get("email"), "repository": urls.get("Repository"), "tracker": urls.get("Issues"),
        "homepage": urls.get("Homepage"),
    }  # fmt: skip
    return "".join(f"{key}={value}\n" for key, value in found.items() if value)


def _changes(version: str) -> str:
    """What is new in short, by the changelog; ``%`` doubled, as QGIS's reader fills in values."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    _, _, section = changelog.partition(f"## {version}")
    short = re.search(r"(?ms)^- .*?(?=^\n)", section + "\n\n")
    lines = [version, *(short[0] if short else "").replace("%", "%%").splitlines()]
    return "changelog=" + "\n  ".join(lines) + "\n"


def build(folder: Path) -> Path:
    """Write ``plugspan-qgis-VERSION.zip`` into a folder and return its path."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    files = {path.name: path.read_text("utf-8") for path in sorted((HERE / "plugspan").glob("*.py"))}
    files["metadata.txt"] = (HERE / "plugspan" / "metadata.txt").read_text("utf-8")
    files["metadata.txt"] += _identity(about) + _changes(about["version"])
    files["icon.svg"] = ICON.read_text("utf-8")
    files["LICENSE"] = (ROOT / "LICENSE").read_text("utf-8")
    files["texts.json"] = json.dumps(plugin_texts(), ensure_ascii=False, indent=1) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"plugspan-qgis-{about['version']}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"plugspan/{name}", _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return path


def lacking() -> list[str]:
    """What QGIS's plugin repository asks for and ``pyproject.toml`` doesn't have: nothing is made up in its place."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    written = {line.partition("=")[0] for line in _identity(about).splitlines()}
    return [f"{PLACES[key]} ({key} of the plugin)" for key in PLACES if key not in written]


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build"))
    if lacking():
        print("The plugin works; to publish it, fill in pyproject.toml:", file=sys.stderr)
        print(*(f"  {place}" for place in lacking()), sep="\n", file=sys.stderr)
