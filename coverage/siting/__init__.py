"""Where to build: maximum coverage with a certificate, fewest sites to comply, and what surrounds them."""

from __future__ import annotations

from .outcome import Siting
from .problem import ProblemError, SitingProblem, make_problem
from .result import STATUSES, LogLine, SitingResult
from .solve import max_coverage

__all__ = [
    "STATUSES",
    "LogLine",
    "ProblemError",
    "Siting",
    "SitingProblem",
    "SitingResult",
    "make_problem",
    "max_coverage",
]
