"""Routes: the roads of one number, their sections, directions and chainage. See ``docs/routes.md``."""

from __future__ import annotations

from .find import find_routes
from .index import RoadIndex
from .model import Drive, Route, Section

__all__ = ["Drive", "RoadIndex", "Route", "Section", "find_routes"]
