"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--extra-data", metavar="DIR", default=None, help="folder with the real data for tests marked extra_data"
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("--extra-data"):
        return
    skip = pytest.mark.skip(reason="wants real data that does not travel with the project: --extra-data DIR")
    for item in items:
        if "extra_data" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def extra_data(pytestconfig) -> Path:
    """Folder with the real data (see data/README.md)."""
    return Path(pytestconfig.getoption("--extra-data")).resolve()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root."""
    return Path(__file__).resolve().parent.parent
