"""Where to build: maximum coverage with a certificate, fewest sites to comply, and what surrounds them."""

from __future__ import annotations

from .cover import LeastResult, least_sites
from .problem import ProblemError, SitingProblem, make_problem
from .result import STATUSES, LogLine, SitingResult
from .solve import METHODS, max_coverage, solve
from .verify import verify
from .windows import GapWindows, gap_windows

__all__ = [
    "METHODS",
    "STATUSES",
    "GapWindows",
    "LeastResult",
    "LogLine",
    "ProblemError",
    "SitingProblem",
    "SitingResult",
    "gap_windows",
    "least_sites",
    "make_problem",
    "max_coverage",
    "solve",
    "verify",
]
