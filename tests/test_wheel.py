"""The built wheel works away from the checkout, with the test-coverage tool beside it and without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    """A wheel built from a copy of the checkout (building leaves folders behind)."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "MANIFEST.in", "LICENSE"):
        shutil.copy(root / name, copy)
    for name in ("coverage", "data", "release"):
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    out = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(out),
        str(copy),
    ]
    subprocess.run(build, check=True, capture_output=True, cwd=out)
    return next(out.glob("*.whl"))


def _run(code: list[str], folder: Path, paths: list[Path]) -> subprocess.CompletedProcess[str]:
    home = folder / "home"
    home.touch()  # a file: nothing can be written in there
    env = {
        k: v for k, v in os.environ.items() if k not in ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    }
    env |= {"PYTHONPATH": os.pathsep.join(map(str, paths)), "PLUGSPAN_LANG": "en", "HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-P", *code], capture_output=True, text=True, env=env, cwd=folder, check=False
    )


def test_the_wheel_carries_the_sample_and_nothing_named_coverage(wheel):
    """The sample, profiles, texts and the map's parts travel; no top-level package but plugspan."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"plugspan"}
    for wanted in (
        "plugspan/data/zhuzhou.toml",
        "plugspan/rules/profiles/zhuzhou-2025.toml",
        "plugspan/texts/faults.toml",
        "plugspan/render/vendor/fonts/PlugspanSansSC-Regular.otf",
        "plugspan/render/vendor/fonts/OFL.txt",
        "plugspan/py.typed",
    ):
        assert wanted in names
    roads = [n for n in names if n.startswith("plugspan/data/osm/") and not n.endswith(".md")]
    assert roads == ["plugspan/data/osm/zhuzhou-sample.osm.pbf"]
    assert any(n.startswith("plugspan/render/vendor/") and "LICENSE" in n for n in names)


@pytest.mark.parametrize("beside", [True, False])
def test_what_is_installed_runs_away_from_the_checkout(wheel, tmp_path, beside):
    """The demo from the unpacked wheel ends with a run folder; ``coverage`` stays the tool, or is absent."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    if beside:
        (site / "coverage").mkdir()
        (site / "coverage" / "__init__.py").write_text("Coverage = object\n")
    where = _run(["-c", "import plugspan, sys; print(plugspan.__file__)"], tmp_path, [site])
    assert str(site) in where.stdout, where.stderr
    tool = _run(["-c", "import coverage; print(coverage.Coverage)"], tmp_path, [site])
    if beside:
        assert tool.returncode == 0
    verb = ["demo", "--out", "out"] if beside else ["--version"]  # the demo once: it takes long
    run = _run(["-m", "plugspan", *verb], tmp_path, [site])
    assert run.returncode == 0, run.stderr
    assert "matplotlib" not in run.stderr.lower()  # it talks of a home that it can't write to
    assert (tmp_path / "out" / "map.html").is_file() == beside
