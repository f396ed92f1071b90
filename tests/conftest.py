"""Fixtures and options shared by all tests.

``--extra-data DIR`` gives the tests marked ``extra_data`` their files; ``--slow`` runs those marked ``slow``.
PLUGSPAN_NO_SKIP (set by ``.ci/run``) names
markers whose tests may not be skipped: there a skip is a failure, because it would hide a hole.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NO_SKIP = set(os.environ.get("PLUGSPAN_NO_SKIP", "").split())


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
def extra_data(pytestconfig) -> Path:
    """Folder with the real data (see data/README.md)."""
    return Path(pytestconfig.getoption("--extra-data")).resolve()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root."""
    return Path(__file__).resolve().parent.parent
