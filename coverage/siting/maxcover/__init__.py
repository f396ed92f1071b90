"""Where to build: maximum coverage with a certificate, fewest sites to comply, and what surrounds them."""

from __future__ import annotations

from .aims import AimsResult, by_group, trade_off, weighted_aims, worst_served
from .alternatives import Alternative, Alternatives, alternatives
from .capacity import CapacityResult, capacitated_coverage
from .cover import LeastResult, least_sites
from .frontier import Frontier, frontier
from .problem import ProblemError, SitingProblem, from_distances, make_problem
from .result import STATUSES, LogLine, SitingResult
from .robust import BackupResult, Failures, backup_coverage, failures, scenario_problem
from .shore import shore_power
from .solve import METHODS, max_coverage, solve
from .verify import verify

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
    "scenario_problem",
    "shore_power",
    "solve",
    "trade_off",
    "verify",
    "weighted_aims",
    "worst_served",
]
