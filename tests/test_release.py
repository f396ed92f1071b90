"""What goes with a release: made from the project's own words, and one version everywhere."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
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
    for name in project["license-files"]:
        assert f"    - {name}\n" in recipe
        assert (root / name).is_file()


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


def test_the_start_file_keeps_versions_apart(release):
    """A folder for each version, cleared before it is filled; of a Python that is there, without another's folders."""
    template = Path(release.__file__).with_name("start.cmd").read_text("utf-8")
    assert r'"HOME_DIR=%LOCALAPPDATA%\{name}\{version}"' in template
    assert "-m venv --clear" in template
    assert 'set "PYTHONHOME="' in template
    assert re.findall(r"call :try (.*)", template) == ["py -3.13", "py -3.12", "py -3.11", "py -3", "python"]
    # `call` would fill in the percent signs of a path a second time
    assert not [line for line in template.splitlines() if line.startswith("call") and "%" in line]


def test_what_is_to_be_filled_in_is_named(release):
    """Addresses, an e-mail and the date; none of it once it is there."""
    project = {"version": "1.0.0", "authors": [{"name": "A"}]}
    lacking = release.to_fill_in(project, "## 1.0.0 – unreleased\n")
    assert [line.split()[-1] for line in lacking] == ["Homepage", "Repository", "Issues", "email", "1.0.0"]
    whole = {
        "version": "1.0.0", "authors": [{"name": "A", "email": "a@example.org"}],
        "urls": {"Homepage": "h", "Repository": "r", "Issues": "i"},
    }  # fmt: skip
    assert release.to_fill_in(whole, "## 1.0.0 – 2030-01-01\n\n## 0.9 – unreleased\n") == []


def test_licences_and_authors_are_the_same_everywhere(release, root):
    """Who holds the licence is who made the package; each vendored licence stands in the expression and goes along."""
    project = release.about()
    [author] = project["authors"]
    assert author["name"] in (root / "LICENSE").read_text("utf-8")
    vendored = re.findall(
        r"\| [\d.]+ \| ([\w.-]+) \|", (root / "coverage/render/vendor/README.md").read_text("utf-8")
    )
    assert {"MIT", *vendored} == set(project["license"].split(" AND "))
    assert len(project["license-files"]) == len({"MIT", *vendored})


def test_the_text_of_the_package_needs_no_other_file(release, root):
    """A package index shows neither pictures nor pages beside it: no link leads to a file."""
    words = (root / release.about()["readme"]).read_text("utf-8")
    assert "pip install plugspan" in words
    assert not [link for link in re.findall(r"\]\(([^)]*)\)", words) if not link.startswith("https:")]


@pytest.fixture(scope="module")
def archives(release, root):
    """The module that packs sdist and manual."""
    spec = importlib.util.spec_from_file_location("archives", root / "release" / "archives.py")
    made = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "release", release)
        spec.loader.exec_module(made)
    return made


def test_the_manual_is_packed_the_same_each_time(archives, tmp_path):
    """The pages in one folder, without what Sphinx leaves for itself; when files were written doesn't matter."""
    docs = tmp_path / "docs"
    for name in ("zh/index.html", "index.html", "_sources/index.md.txt", ".buildinfo"):
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(name, "utf-8")
    first, again = tmp_path / "manual-1.zip", tmp_path / "again" / "manual-1.zip"
    archives.pack_manual(docs, first, 1_700_000_000)
    os.utime(docs / "index.html", (0, 10**9))
    again.parent.mkdir()
    archives.pack_manual(docs, again, 1_700_000_000)
    assert zipfile.ZipFile(first).namelist() == ["manual-1/index.html", "manual-1/zh/index.html"]
    assert first.read_bytes() == again.read_bytes()


@pytest.fixture(scope="module")
def sdists(root, archives, tmp_path_factory):
    """The sdist of two copies of the checkout, with other times and other rights."""
    made = []
    for umask, when in ((0o022, 10**9), (0o077, 15 * 10**8)):
        copy = tmp_path_factory.mktemp("source") / "plugspan"
        unwanted = shutil.ignore_patterns(".*", "build", "__pycache__", "*.egg-info", "reference")
        shutil.copytree(root, copy, ignore=unwanted)
        for path in copy.rglob("*"):
            path.chmod(0o777 & ~umask if path.is_dir() or os.access(path, os.X_OK) else 0o666 & ~umask)
            os.utime(path, (when, when))
        words = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", copy.parent, copy]
        subprocess.run(list(map(str, words)), check=True, capture_output=True)
        [sdist] = copy.parent.glob("*.tar.gz")
        archives.repack_sdist(sdist, 1_700_000_000)
        made.append(sdist)
    return made


@pytest.mark.wheel
def test_the_sdist_is_the_same_each_time(sdists):
    """Whoever builds it, and whenever."""
    assert sdists[0].read_bytes() == sdists[1].read_bytes()


@pytest.mark.wheel
def test_the_sdist_is_whole(sdists, release):
    """What builds wheel, plugin, manual and release; no half of the tests, and nothing under another licence."""
    with tarfile.open(sdists[0]) as held:
        names = {name.partition("/")[2] for name in held.getnames()}
        about = held.extractfile(
            next(m for m in held if m.name.count("/") == 1 and m.name.endswith("PKG-INFO"))
        )
        metadata = about.read().decode("utf-8")
    wanted = {
        "CHANGELOG.md",
        "CITATION.cff",
        "Makefile",
        "requirements.lock",
        "setup_venv.py",
        "docs/conf.py",
    }
    wanted |= {
        "qgis_plugin/build.py",
        "qgis_plugin/plugspan/metadata.txt",
        "release/start.cmd",
        "MANIFEST.in",
    }
    wanted |= {*release.about()["license-files"], "data/osm/zhuzhou-sample.osm.pbf"}
    assert wanted <= names
    assert not [name for name in names if name.startswith("tests") or "helsinki" in name or ".pyc" in name]
    assert f"License-Expression: {release.about()['license']}\n" in metadata
    assert metadata.count("License-File: ") == len(release.about()["license-files"])


def test_sums_are_of_every_file(folder):
    """As sha256sum checks them."""
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    sums = {name: found for found, name in (line.split("  ") for line in lines)}
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS"]
    assert sums == {
        p.relative_to(folder).as_posix(): hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in files
    }
