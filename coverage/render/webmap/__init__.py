"""The map: one HTML file that opens by double click, without internet.

folium and branca are imported only in this package.
"""

from __future__ import annotations

from pathlib import Path

from ...atomic import write_file, write_text
from .page import assemble
from .payload import Basemap, MapPage, basemap_of, page_payload

__all__ = ["Basemap", "MapPage", "basemap_of", "render_map", "write_map"]


def render_map(page: MapPage) -> str:
    """Return the page as text; the same input gives the same text."""
    return assemble(page_payload(page), lang=page.lang, title=page.title, basemap=page.basemap)


def write_map(page: MapPage, path: Path | str, *, overwrite: bool = True) -> None:
    """Write the page of :func:`render_map`, in the place of an earlier one; an interrupted run leaves that."""
    words = render_map(page)
    with write_file(Path(path), overwrite=overwrite) as new:
        write_text(new, words)
