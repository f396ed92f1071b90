"""The embedded sample with the goal "coverage": eight sites for the most people, whatever the rules say."""

from __future__ import annotations

import re
import shutil

from plugspan.project import Project, read_project

GOAL = """[plan]
goal = "coverage"

[siting]
objective = "people"
sites = 8
"""


def coverage_text(root) -> str:
    """The sample's project file with this goal in the place of its own."""
    words = (root / "data" / "zhuzhou.toml").read_text("utf-8")
    found, n = re.subn(r"\[plan\]\n.*?\[siting\]\n", GOAL, words, flags=re.S)
    assert n == 1
    return found


def coverage_file(root, folder):
    """Write the project file, with the sample's tables, into an empty folder."""
    shutil.copytree(root / "data", folder, dirs_exist_ok=True)
    path = folder / "zhuzhou.toml"
    path.write_text(coverage_text(root), "utf-8")
    return path


def coverage_project(root, folder) -> Project:
    """The project; its tables stay where they are."""
    path = folder / "coverage.toml"
    path.write_text(coverage_text(root), "utf-8")
    return read_project(path).model_copy(update={"folder": root / "data"})
