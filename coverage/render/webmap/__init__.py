"""The map: one HTML file that opens by double click, without internet.

folium and branca are imported only in this package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...atomic import write_file
from ...tables.layer import FindingRow, Layer, SourceNote
from ...tables.plan_cards import PlanCard
from .page import assemble
from .payload import Basemap, basemap_of, page_payload

__all__ = ["Basemap", "basemap_of", "render_map", "write_map"]


def render_map(
    layers: Sequence[Layer],
    findings: Sequence[FindingRow] = (),
    *,
    lang: str = "zh",
    title: str,
    subtitle: str = "",
    note: SourceNote | None = None,
    strips: Mapping[str, str] | None = None,
    basemap: Basemap | None = None,
    cards: Sequence[PlanCard] = (),
    panel: Mapping[str, Any] | None = None,
    edit: Mapping[str, Any] | None = None,
    regions: Mapping[str, Any] | None = None,
) -> str:
    """Return the page as text; the same input gives the same text.

    Parameters
    ----------
    layers : sequence of Layer
        Lowest first. The first view shows the layer ``counties``, else ``routes``, else everything.
    findings : sequence of FindingRow
        Rows of the findings panel.
    lang : str
        ``"zh"`` or ``"en"``.
    note : SourceNote, optional
        Sources, date and what the sheet is not; its standing parts are shown without one, too.
    strips : mapping of str to str
        Strip charts (SVG; see :func:`.charts.chart_tree` for what is kept) by the key that the layers'
        ``strip_column`` holds.
    basemap : Basemap, optional
        Background tiles.
    cards : sequence of PlanCard
        What the siting comes to, above the findings.
    panel : mapping, optional
        Steps of a plan to adopt, see :class:`plugspan.tables.plan_panel.PlanPanel`.
    edit : mapping, optional
        What the edit mode recounts with, see :func:`.edit_data.edit_block`.
    regions : mapping, optional
        Figures and links of the features of the layer ``regions``, and by what they are coloured: see
        :func:`plugspan.country.layers.region_panel`.
    """
    notes = (note or SourceNote()).parts(lang)
    blocks = page_payload(
        layers,
        findings,
        lang=lang,
        title=title,
        subtitle=subtitle,
        notes=notes,
        strips=strips or {},
        basemap=basemap,
        cards=cards,
        panel=panel,
        edit=edit,
        regions=regions,
    )
    return assemble(blocks, lang=lang, title=title, basemap=basemap)


def write_map(
    layers: Sequence[Layer],
    findings: Sequence[FindingRow],
    path: Path | str,
    *,
    lang: str = "zh",
    title: str,
    subtitle: str = "",
    note: SourceNote | None = None,
    strips: Mapping[str, str] | None = None,
    basemap: Basemap | None = None,
    cards: Sequence[PlanCard] = (),
    panel: Mapping[str, Any] | None = None,
    edit: Mapping[str, Any] | None = None,
    regions: Mapping[str, Any] | None = None,
    overwrite: bool = True,
) -> None:
    """Write the page of :func:`render_map`, in the place of an earlier one; an interrupted run leaves that."""
    page = render_map(
        layers,
        findings,
        lang=lang,
        title=title,
        subtitle=subtitle,
        note=note,
        strips=strips,
        basemap=basemap,
        cards=cards,
        panel=panel,
        edit=edit,
        regions=regions,
    )
    with write_file(Path(path), overwrite=overwrite) as new:
        new.write_text(page, "utf-8", newline="\n")
