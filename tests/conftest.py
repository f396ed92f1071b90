"""Fixtures and options shared by all tests.

``--extra-data DIR`` gives the tests marked ``extra_data`` their files; ``--slow`` runs those marked ``slow``.
PLUGSPAN_NO_SKIP (set by ``.ci/run``) names
markers whose tests may not be skipped: there a skip is a failure, because it would hide a hole.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from pathlib import Path

import pytest
from coverage_case import coverage_project
from hypothesis import HealthCheck, settings
from plugspan.pipeline import make_plan
from plugspan.project import read_project

HANGS_S = 300
"""What takes longer than this hangs, whatever else the machine does; nothing is judged by time."""
NO_SKIP = set(os.environ.get("PLUGSPAN_NO_SKIP", "").split())
# How long an example takes is the machine's business; and so is what its user has set.
settings.register_profile(
    "any-machine", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")
for name in [n for n in os.environ if n.lower().endswith("_proxy") or n in ("PLUGSPAN_LANG", "FORCE_COLOR")]:
    del os.environ[name]


# Whoever runs the tests in the background has children ignore these; tests send them.
for number, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if getattr(signal, number, None) and signal.getsignal(getattr(signal, number)) is signal.SIG_IGN:
        signal.signal(getattr(signal, number), handler)


def pytest_addoption(parser):
    parser.addoption(
        "--extra-data",
        metavar="DIR",
        default=None,
        help="folder with the real data for tests marked extra_data",
    )
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too (minutes)")


def pytest_collection_modifyitems(config, items):
    reasons = {
        "extra_data": "wants real data that does not travel with the project: --extra-data DIR",
        "slow": "takes minutes: --slow",
    }
    for mark, reason in reasons.items():
        if not config.getoption(f"--{mark.replace('_', '-')}"):
            for item in items:
                if mark in item.keywords:
                    item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.skipped and NO_SKIP.intersection(item.keywords):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} must not be skipped here: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def generate():
    """The module that writes the generated parts of the manual."""
    path = Path(__file__).parent.parent / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def extra_data(pytestconfig) -> Path:
    """Folder with the real data (see data/README.md)."""
    return Path(pytestconfig.getoption("--extra-data")).resolve()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def sample_plan(root):
    """The plan of the embedded sample; it takes long, and the tests that read it change nothing."""
    return make_plan(read_project(root / "data" / "zhuzhou.toml"))


@pytest.fixture(scope="session")
def coverage_plan(root, tmp_path_factory):
    """The plan of the embedded sample with the goal "coverage"."""
    return make_plan(coverage_project(root, tmp_path_factory.mktemp("coverage")))


FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  {folders}<cachedir>{cache}</cachedir>
  <match><edit name="family" mode="prepend_first"><string>{family}</string></edit></match>
</fontconfig>
"""
"""Sizes of texts decide what fits on a page: with the fonts that travel they are the same on every machine."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A Chromium for all tests of a file."""
    from plugspan.render.pictures.lettering import FAMILIES, FONT_FILES

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("wants a Chromium on the PATH (or named by CHROMIUM)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="wants the package playwright")
    folder = tmp_path_factory.mktemp("fonts")
    folders = "".join(f"<dir>{path.parent}</dir>" for path in FONT_FILES)
    fonts = FONTS.format(folders=folders, cache=folder, family=FAMILIES[0])
    (folder / "fonts.conf").write_text(fonts, "utf-8")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
            ],
            env={**os.environ, "FONTCONFIG_FILE": str(folder / "fonts.conf")},
            timeout=HANGS_S * 1000,
        )
        yield found
        found.close()
