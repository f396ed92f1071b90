"""Measuring: one function per kind of rule, from frames to findings."""

from .assess import assess
from .assessment import Assessment
from .finding import Finding

__all__ = ["Assessment", "Finding", "assess"]
