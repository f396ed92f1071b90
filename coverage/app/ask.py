"""What a page asks: in which project, language and version, with which data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .jobs import Jobs
from .world import Folder, RefusedError, World


@dataclass(frozen=True)
class Ask:
    """One request, read.

    Attributes
    ----------
    world : World
    jobs : Jobs
    lang : str
        Language of the page.
    path, query : mapping
        Parts of the address, and what stands behind its question mark.
    data : dict
        The JSON object that was sent.
    version : str
        Version of the file that the page saw; "" if it saw none.
    """

    world: World
    jobs: Jobs
    lang: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    data: Mapping[str, Any]
    version: str

    @cached_property
    def folder(self) -> Folder:
        """The project's folder."""
        return self.world.folder(self.path["project"])

    def text(self, name: str, default: str = "") -> str:
        """Return a text of the data.

        Raises
        ------
        RefusedError
            400 if something else stands there.
        """
        value = self.data.get(name, default)
        if not isinstance(value, str):
            raise RefusedError(400, "app-form")
        return value

    def number(self, name: str, default: int, most: int) -> int:
        """Return a whole number of the query from 0 to ``most``."""
        given = self.query.get(name, "")
        return min(int(given), most) if given.isascii() and given.isdigit() and len(given) < 10 else default
