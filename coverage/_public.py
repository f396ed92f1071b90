"""The public names of plugspan, each loaded when it is first used.

Loading late keeps ``plugspan --help`` fast: pandas and GDAL are only imported by what needs them.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assess.covered import covered_length as covered_length
    from .errors import Fault as Fault
    from .errors import InputError as InputError
    from .errors import NetworkError as NetworkError
    from .errors import OutputExistsError as OutputExistsError
    from .errors import PlugspanError as PlugspanError
    from .errors import SitingError as SitingError
    from .network import read_network as read_network
    from .pipeline import make_plan as make_plan
    from .policy import read_policy as read_policy
    from .project import read_project as read_project

try:
    __version__ = version("plugspan")
except PackageNotFoundError:  # a bare checkout that was never installed
    __version__ = "0"

_HOME = {
    "Fault": "errors",
    "InputError": "errors",
    "NetworkError": "errors",
    "OutputExistsError": "errors",
    "PlugspanError": "errors",
    "SitingError": "errors",
    "covered_length": "assess.covered",
    "make_plan": "pipeline",
    "read_network": "network",
    "read_policy": "policy",
    "read_project": "project",
}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'plugspan' has no attribute {name!r}")
    return getattr(import_module(f"{__package__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
