"""What goes with a release: made from the project's own words, and one version everywhere."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
import tarfile
import tomllib
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def release(root):
    """The module that makes it."""
    spec = importlib.util.spec_from_file_location("release", root / "release" / "release.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def folder(release, tmp_path):
    """A folder with an sdist, made ready."""
    project = release.about()
    with tarfile.open(tmp_path / f"{project['name']}-{project['version']}.tar.gz", "w:gz"):
        pass
    release.release(tmp_path)
    return tmp_path


def test_the_version_stands_in_one_place(release, root):
    """Where others must repeat it (citation, first heading of the changelog) it is the same; sources hold no other."""
    version = release.about()["version"]
    assert re.search(r"(?m)^## (\S+)", (root / "CHANGELOG.md").read_text("utf-8"))[1] == version
    assert f"version: {version}\n" in (root / "CITATION.cff").read_text("utf-8")
    for path in (root / "release").glob("*.*"):
        assert version not in path.read_text("utf-8")
    assert version not in (root / "qgis_plugin" / "plugspan" / "metadata.txt").read_text("utf-8")


def test_notes_are_the_section_of_the_version(release):
    """That of the version, else of what is unreleased; a changelog with neither is refused."""
    log = (
        "# Changelog\n\n## 0.3.0 – unreleased\n\n- new\n\n"
        "## 0.2.0 – 2026-01-01\n\n**A**\n- old\n\n## 0.1.0\n\n- first\n"
    )
    assert release.release_notes(log, "0.2.0") == "**A**\n- old\n"
    assert release.release_notes(log, "0.1.0") == "- first\n"
    assert release.release_notes(log, "0.4.0") == "- new\n"
    with pytest.raises(ValueError, match=r"0\.4\.0"):
        release.release_notes("# Changelog\n\n## 0.2.0\n\n- old\n", "0.4.0")


def test_the_recipe_asks_for_what_the_project_asks_for(release, folder, root):
    """Every dependency with its limit, the program, the licence, the sum of the sdist."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    recipe = (folder / "conda" / "recipe.yaml").read_text("utf-8")
    run = recipe.partition("  run:\n")[2].partition("\n\n")[0].splitlines()
    assert len(run) == 1 + len(project["dependencies"])
    for wanted in project["dependencies"]:
        name, limit = re.match(r"([\w-]+)(.*)", wanted).groups()
        assert f"    - {release.CONDA_NAMES.get(name, name)} {limit}" in run
    [sdist] = folder.glob("*.tar.gz")
    assert hashlib.sha256(sdist.read_bytes()).hexdigest() in recipe
    assert f"      - plugspan = {project['scripts']['plugspan']}" in recipe
    assert f"license: {project['license']}" in recipe


def test_the_start_file_is_one_that_windows_runs(release, folder):
    """ASCII alone, lines as Windows wants, nothing left to fill in, all labels; PowerShell says the Chinese."""
    content = (folder / "plugspan.cmd").read_bytes().decode("ascii")
    chinese = [ast.literal_eval(f"'{said}'") for said in re.findall(r"Unescape\('([^']*)'\)", content)]
    template = Path(release.__file__).with_name("start.cmd").read_text("utf-8")
    wanted = re.findall(r"(?m)^echo ([^\n]*[^\x00-\x7f][^\n]*)$", template)
    assert chinese == [words.replace("{python}", release.about()["requires-python"][2:]) for words in wanted]
    assert len(chinese) == 3
    assert content.count("\n") == content.count("\r\n")
    assert not re.findall(r"\{\w+\}", content)
    assert set(re.findall(r"(?:goto |call :)(\w+)", content)) == set(re.findall(r"(?m)^:(\w+)", content))
    project = release.about()
    assert f"plugspan-{project['version']}-py3-none-any.whl" in content
    assert project["requires-python"].removeprefix(">=") in content


def test_sums_are_of_every_file(folder):
    """As sha256sum checks them."""
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    sums = {name: found for found, name in (line.split("  ") for line in lines)}
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS"]
    assert sums == {
        p.relative_to(folder).as_posix(): hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in files
    }
