"""Where to build: maximum coverage with a certificate, fewest sites to comply, and what surrounds them."""

from __future__ import annotations

from .problem import ProblemError, SitingProblem, make_problem
from .result import STATUSES, LogLine, SitingResult
from .solve import METHODS, max_coverage, solve
from .verify import verify

__all__ = [
    "METHODS",
    "STATUSES",
    "LogLine",
    "ProblemError",
    "SitingProblem",
    "SitingResult",
    "make_problem",
    "max_coverage",
    "solve",
    "verify",
]
