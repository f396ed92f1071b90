"""What stands behind each gap, in words: which sites close it, where to build, which sites don't count and why.

The rows themselves are in the table ``gap_evidence``; here they become one cell each, for popups and for the layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import pandas as pd

from ..schema import column, shown
from ..texts import catalogue, text
from ..waymarks import ends_by_name, is_posted, mark_words, road_of, road_words, span_words, stretch_words

CLOSE_KM = 0.05
"""A site nearer to the road than this is said to lie on it."""


def with_gap_words(gaps: gpd.GeoDataFrame, evidence: pd.DataFrame, lang: str) -> gpd.GeoDataFrame:
    """Add ``mark_kind, stretch, begins, ends, shared_words, could_build, not_counting`` to gaps.

    Parameters
    ----------
    gaps : GeoDataFrame
        Gaps of an assessment, with its index: the number that ``gap`` of the evidence refers to.
    evidence : DataFrame
        See :func:`plugspan.rules.evidence.gap_evidence`.

    Returns
    -------
    GeoDataFrame
        ``could_build`` and ``not_counting`` hold one line an entry and are missing where the spacing is good or there
        is nothing to name.
    """
    found: dict[Any, dict[Any, list[dict[Any, Any]]]] = {}
    for each in evidence.to_dict("records"):
        found.setdefault(each["evidence_kind"], {}).setdefault(each["gap"], []).append(each)
    rows = gaps.drop(columns="geometry").to_dict("records")
    wide = [row["spacing_class"] != "good" for row in rows]

    def listed(kind: str, key: str) -> list[str | None]:
        own = found.get(kind, {})
        return [
            _lines(own.get(i, ()), key, lang) if is_wide else None
            for i, is_wide in zip(gaps.index, wide, strict=True)
        ]

    return gaps.assign(
        mark_kind=[mark_kind(row, lang) for row in rows],
        stretch=[stretch_words(row, ("from_km", "to_km"), lang) for row in rows],
        begins=_ends(rows, gaps.index, found.get("from_site", {}), "start", lang),
        ends=_ends(rows, gaps.index, found.get("to_site", {}), "end", lang),
        shared_words=[shared_words(row, lang) for row in rows],
        could_build=listed("candidate", "gap.candidate"),
        not_counting=listed("not_counting", "gap.not-counting"),
    )


def mark_kind(row: Mapping[Any, Any], lang: str) -> str:
    """Whether the marks of a gap are those of official posts, or measured along the road."""
    return "posted" if is_posted(lang, row["ref"], row["section"]) else "measured"


def marked_gap(row: Mapping[Any, Any], length_of: str, lang: str) -> str:
    """A gap in a sentence: between named places if both ends are near one, with its marks and its length.

    *G106 between 2.1 km south of 朱亭 and 丫江桥 (measured km 46.5–109.6, 63.1 km)*; with posts, or where no place is
    near, ``G106 K222.7–K266.3 (43.6 km)``.
    ``length_of`` names the length that is meant: the part inside the region (``own_km``) or the whole (``length_km``).
    Between the marks lies the whole gap: where only a part of it is meant, both lengths are said.
    """
    start, end = sorted(("from_km", "to_km"), key=lambda name: float(row[name]))
    length, whole = (
        shown(float(row[name]), column("length_km"), lang, unit=True) for name in (length_of, "length_km")
    )
    if length_of == "length_km" and (row["open_start"] or row["open_end"]):
        length = text("report.glance.gap-open", lang, length=length)
    elif length != whole:
        length = text("report.glance.gap-part", lang, length=length, whole=whole)
    span = span_words(row[start], row[end], lang, row["ref"], row.get("section"))
    values = {"ref": road_words(row["ref"], lang), "span": span, "length": length}
    if named := ends_by_name(row, (start, end), lang):
        return text("report.glance.gap-between", lang, low=named[0], high=named[1], **values)
    return text("report.glance.gap", lang, **values)


def shared_stretch(row: Mapping[Any, Any], lang: str) -> str:
    """Road and stretch of a shared gap, which both directions have: from the lower end on, by named places if any."""
    ends = ("from_km", "to_km") if row["from_km"] <= row["to_km"] else ("to_km", "from_km")
    key = "place.stretch-of" if ends_by_name(row, ends, lang) else "place.marks-of"
    return text(key, lang, ref=road_words(row["ref"], lang), stretch=stretch_words(row, ends, lang))


def shared_words(row: Mapping[Any, Any], lang: str) -> str | None:
    """What would close a shared gap: the neighbour's sites, between which marks, or one inside; None for other gaps."""
    if row.get("spacing_class") != "shared":
        return None
    marks = {
        side: _span(row, (f"{side}_from_km", f"{side}_to_km"), lang) for side in ("before", "after", "inside")
    }
    outside = text(f"gap.shared-{row['needs']}", lang, **marks)
    return text(f"gap.inside-{row['one_inside']}", lang, outside=outside, **marks)


def _span(row: Mapping[Any, Any], ends: tuple[str, str], lang: str) -> str:
    """Between two columns of a gap, as its direction is driven."""
    return span_words(row[ends[0]], row[ends[1]], lang, row["ref"], row["section"])


def _ends(
    rows: Sequence[Mapping[str, Any]], index: pd.Index, found: Mapping[Any, Any], side: str, lang: str
) -> list[str]:
    out = []
    for row, gap in zip(rows, index, strict=True):
        sites = found.get(gap)
        if sites:
            out.append(_site(sites[0], lang))
        elif row.get("kind") == "whole":
            out.append(text("gap.no-site", lang))
        else:
            out.append(text("gap.goes-on" if row[f"open_{side}"] else "gap.road-ends", lang))
    return out


def _site(row: Mapping[str, Any], lang: str) -> str:
    values = {"name": _name(row, lang), "at": _at(row, lang)}
    if not values["at"]:
        return values["name"]
    far = row["distance_km"]
    if pd.isna(far) or far < CLOSE_KM:
        return text("gap.site", lang, **values)
    return text("gap.site-off", lang, far=shown(far, column("distance_km"), lang, unit=True), **values)


def _lines(rows: Sequence[Mapping[str, Any]], key: str, lang: str) -> str | None:
    return "\n".join(text(key, lang, **_line_values(row, lang)) for row in rows) or None


def _line_values(row: Mapping[str, Any], lang: str) -> dict[str, str]:
    reason = f"choice.reason.{row['reason']}"
    return {
        "place": _place(row, lang),
        "why": text(reason, lang) if reason in catalogue() else "",
    }


def _place(row: Mapping[str, Any], lang: str) -> str:
    name, at = _name(row, lang), _at(row, lang)
    return text("gap.site", lang, name=name, at=at) if at else name


def _at(row: Mapping[str, Any], lang: str) -> str:
    """Where on the gap's road: nothing where the name says it, with the road where it is of a place on another."""
    at, named = mark_words(row["chainage_km"], lang, row["ref"], row["section"]), road_of(row["name"], lang)
    if named is not None and named != (row["ref"], row["section"]):
        return f"{road_words(row['ref'], lang)} {at}"
    return "" if named or row.get("kind") == "route_point" or at in str(row["name"]) else at


def _name(row: Mapping[str, Any], lang: str) -> str:
    """Its name; else what it is, as the kilometre mark tells where; else its id."""
    if pd.notna(row["name"]) and row["name"]:
        return str(row["name"])
    kind = f"choice.kind.{row.get('kind')}"
    return text(kind, lang) if kind in catalogue() else str(row["id"])
