"""Where to build: maximum coverage with a certificate, fewest sites to comply, and what surrounds them."""

from __future__ import annotations

from .aims import AimsResult, by_group, pareto_front, weighted_aims, worst_served
from .capacity import CapacityResult, capacitated_coverage
from .frontier import Frontier, frontier
from .least_sites import LeastResult, least_sites
from .problem import ProblemError, SitingProblem, from_distances, make_problem
from .result import STATUSES, LogLine, SitingResult, verify
from .robustness import (
    Alternative,
    Alternatives,
    BackupResult,
    Failures,
    alternatives,
    backup_coverage,
    failures,
    scenario_problem,
)
from .solve import METHODS, max_coverage, shore_power, solve

__all__ = [
    "METHODS",
    "STATUSES",
    "AimsResult",
    "Alternative",
    "Alternatives",
    "BackupResult",
    "CapacityResult",
    "Failures",
    "Frontier",
    "LeastResult",
    "LogLine",
    "ProblemError",
    "SitingProblem",
    "SitingResult",
    "alternatives",
    "backup_coverage",
    "by_group",
    "capacitated_coverage",
    "failures",
    "from_distances",
    "frontier",
    "least_sites",
    "make_problem",
    "max_coverage",
    "pareto_front",
    "scenario_problem",
    "shore_power",
    "solve",
    "verify",
    "weighted_aims",
    "worst_served",
]
