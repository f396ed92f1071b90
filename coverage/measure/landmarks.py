"""What places along a road are named by: its kilometre posts, where they are known."""

from __future__ import annotations

from collections.abc import Iterable

from ..network.routes import Route


class Landmarks:
    """Posts of routes; see :class:`plugspan.schema.Waymarks`."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.named: dict[str, tuple[float, str, int, str]] = {}
        self._posted = {(route.ref, s.number): s.posted for route in routes for s in route.sections}
        sections: dict[str, list[bool]] = {}
        for (ref, _), posted in self._posted.items():
            sections.setdefault(ref, []).append(posted)
        self._all_posted = {ref: all(posted) for ref, posted in sections.items()}

    def posted(self, ref: str, section: int | None) -> bool:
        """Whether the kilometres of a section (None: of all sections of the route) are those of given posts."""
        return (
            self._all_posted.get(ref, False) if section is None else self._posted.get((ref, section), False)
        )
