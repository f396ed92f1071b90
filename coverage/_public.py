"""The public names of plugspan, each loaded when it is first used.

Loading late keeps ``plugspan --help`` fast: pandas and GDAL are only imported by what needs them.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import assess as assess
    from .api import make_plan as make_plan
    from .api import read_tables as read_tables
    from .errors import Fault as Fault
    from .errors import InputError as InputError
    from .errors import NetworkError as NetworkError
    from .errors import OutputExistsError as OutputExistsError
    from .errors import PlugspanError as PlugspanError
    from .errors import SitingError as SitingError
    from .inputs import Inputs as Inputs
    from .measure.covered import covered_length as covered_length
    from .network import Region as Region
    from .network import RoadGraph as RoadGraph
    from .network import read_network as read_network
    from .network import read_region as read_region
    from .network.routes import Route as Route
    from .network.routes import find_routes as find_routes
    from .plan import Plan as Plan
    from .project import Project as Project
    from .project import read_project as read_project
    from .render.read_run import Run as Run
    from .render.read_run import read_run as read_run
    from .rules.assessment import Assessment as Assessment
    from .rules.policy import Policy as Policy
    from .rules.policy import read_policy as read_policy
    from .siting.maxcover import from_distances as from_distances
    from .siting.maxcover import max_coverage as max_coverage
    from .study import sample_project as sample_project

try:
    __version__ = version("plugspan")
except PackageNotFoundError:  # a bare checkout that was never installed
    __version__ = "0"

_HOME = {
    "Assessment": "rules.assessment",
    "Fault": "errors",
    "InputError": "errors",
    "Inputs": "inputs",
    "NetworkError": "errors",
    "OutputExistsError": "errors",
    "Plan": "plan",
    "PlugspanError": "errors",
    "Policy": "rules.policy",
    "Project": "project",
    "Region": "network",
    "RoadGraph": "network",
    "Route": "network.routes",
    "Run": "render.read_run",
    "SitingError": "errors",
    "assess": "api",
    "covered_length": "measure.covered",
    "find_routes": "network.routes",
    "from_distances": "siting.maxcover",
    "make_plan": "api",
    "max_coverage": "siting.maxcover",
    "read_network": "network",
    "read_policy": "rules.policy",
    "read_project": "project",
    "read_region": "network",
    "read_run": "render.read_run",
    "read_tables": "api",
    "sample_project": "study",
}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'plugspan' has no attribute {name!r}")
    return getattr(import_module(f"{__package__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
