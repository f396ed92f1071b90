"""The public names of plugspan."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from .errors import (
    Fault,
    InfeasibleError,
    InputError,
    NetworkError,
    OutputExistsError,
    PlugspanError,
    SitingError,
)

try:
    __version__ = version("plugspan")
except PackageNotFoundError:  # run from a bare checkout
    __version__ = "0"

__all__ = [
    "Fault",
    "InfeasibleError",
    "InputError",
    "NetworkError",
    "OutputExistsError",
    "PlugspanError",
    "SitingError",
]
