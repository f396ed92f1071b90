"""The country as tables and layers, and what its page needs to colour, rank and link regions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import geopandas as gpd
import pandas as pd
import shapely

from ..schema import TableSchema, columns, in_currency
from ..tables import numbers
from ..tables.layer import (
    ALLOWED,
    GAP,
    GOOD,
    HALO,
    MIDDLE,
    PLAN,
    QUIET,
    UNKNOWN,
    Category,
    Layer,
    LayerStyle,
    Popup,
)
from ..tables.rule_tables import OF_UNIT, status_looks
from ..tables.styles import BORDER, route_style
from ..tables.table import Table, heads
from ..texts import text
from ..units import WGS84
from .findings import STATUSES
from .manifest import RUNS
from .national import PLAN_COLUMNS, Results

REGION_COLUMNS = f"id name region_state state_reason rank {' '.join(STATUSES.values())} {PLAN_COLUMNS}"
RULE_COLUMNS = (
    "region title finding_status value target_shown value_after status_after rank yes unknown no low_part "
    "low_whole high_part high_whole part_unit_shown unit_shown low high target_value low_after high_after rule "
    "region_id"
)
GAP_COLUMNS = (
    "rule_title ref section direction from_km to_km length_km own_km regions region_lengths builders mark_kind rule "
    "gap_id"
)
ACTION_COLUMNS = "build_order name action_kind region money stage_year at_border action_id"
WHOLE_COLUMNS = (
    "title value target_shown finding_status value_after status_after yes unknown no low_part low_whole high_part "
    "high_whole part_unit_shown regions_met "
    "regions_on_average regions_not_met regions_undecided regions_not_due rule"
)
REGION_VERTICES, ROUTE_VERTICES = 150_000, 1_500_000
"""So many vertices of all regions and of all routes a map page holds: about 1 MB and 4 MB of it."""
COARSEST_DEG = 0.05
ROUTE_COLUMNS = (
    "ref direction section spacing_class length_km own_km from_site to_site from_km to_km mark_kind rule "
    "gap_id"
)


def _area(code: str | None, key: str, colour: str, opacity: float = 0.5) -> Category:
    return Category(code, key, colour, width=1.1, edge=BORDER, opacity=opacity)


STANDINGS = LayerStyle(
    "polygon",
    (
        _area("all", "choice.standing.all", GOOD),
        _area("open", "choice.standing.open", UNKNOWN),
        _area("few", "choice.standing.few", MIDDLE),
        _area("many", "choice.standing.many", GAP),
        _area("none", "choice.standing.none", QUIET, 0.15),
    ),
    by="standing",
)
"""Regions by how they stand in all."""
FINDINGS = LayerStyle(
    "polygon",
    (
        _area("met", "status.met", GOOD),
        _area("met on average", "status.met-on-average", MIDDLE),
        _area("undecided", "status.undecided", UNKNOWN),
        _area("not met", "status.not-met", GAP),
        _area("not due", "national.not-due", ALLOWED, 0.35),
        _area(None, "choice.standing.none", QUIET, 0.15),
    ),
    by="status",
)
"""Regions by one rule."""
THEMES = LayerStyle("polygon", (*STANDINGS.categories[:4], *FINDINGS.categories), by="standing")
"""Both, for the page, which changes between them."""
GAPS = LayerStyle(
    "line", (Category(None, "layer.shared_gaps", PLAN, width=4.0, dash=(7, 3, 1, 3), halo=HALO),)
)
ACTIONS = LayerStyle(
    "point",
    (
        Category(True, "national.at-border", PLAN, width=13.0, symbol="diamond"),
        Category(False, "national.elsewhere", PLAN, width=9.0, symbol="diamond", fill=False, min_zoom=8),
    ),
    by="at_border",
)


def country_layers(country: Results) -> list[Layer]:
    """Layers of ``country.gpkg`` and of the exports, lowest first; those without a feature are left out."""
    outlines = thinned(country.regions.geometry, REGION_VERTICES)
    shapes = pd.Series(outlines.to_numpy(), country.regions["id"])
    by_rule = gpd.GeoDataFrame(
        country.findings, geometry=shapes.reindex(country.findings["region_id"]).to_numpy(), crs=WGS84
    )
    found = [
        _layer(country, "regions", country.regions, REGION_COLUMNS, STANDINGS, label_column="name"),
        _layer(country, "region_rules", by_rule, RULE_COLUMNS, FINDINGS, visible=False),
        _routes(country, country.routes),
        _layer(country, "shared_gaps", country.gaps, GAP_COLUMNS, GAPS, search_column="ref"),
        _layer(country, "national_actions", country.actions, ACTION_COLUMNS, ACTIONS, search_column="name"),
    ]
    return [layer for layer in found if len(layer.frame)]


def rule_layer(country: Results, rule: str) -> Layer:
    """The regions by one rule, for a picture."""
    mine = country.findings[country.findings["rule"] == rule].set_index("region_id")
    frame = country.regions.assign(status=mine["status"].reindex(country.regions["id"]).to_numpy())
    frame["status"] = frame["status"].astype(object).where(frame["status"].notna(), None)
    return _layer(country, "regions", frame, REGION_COLUMNS, FINDINGS, label_column="name")


def _layer(
    country: Results, name: str, frame: gpd.GeoDataFrame, names: str, style: LayerStyle, **options: Any
) -> Layer:
    shown = tuple(in_currency(each, country.currency) for each in columns(names))
    group = {"polygon": "background", "line": "routes", "point": "plan"}[style.kind]
    kept = gpd.GeoDataFrame(frame.reset_index(drop=True), geometry=frame.geometry.to_numpy(), crs=WGS84)
    return Layer(name, f"layer.{name}", kept, TableSchema(name, shown), style, group, **options)  # type: ignore[arg-type]


def _routes(country: Results, routes: gpd.GeoDataFrame) -> Layer:
    """All routes by class; the limits between the classes stand in the regions' own maps."""
    style = route_style(0.0, 0.0)
    plain = tuple(
        Category(c.value, f"choice.spacing_class.{c.value}", c.colour, c.width, c.dash, halo=c.halo)
        for c in style.categories
    )
    popup = Popup(
        columns("length_km own_km direction from_site to_site gap_id"), frozenset({"from_site", "to_site"})
    )
    frame = routes.assign(side=1)
    style = LayerStyle("line", plain, by=style.by, offset_by="side")
    return _layer(country, "routes", frame, ROUTE_COLUMNS, style, search_column="ref", popup=popup)


def thinned(shapes: gpd.GeoSeries, most: int) -> gpd.GeoSeries:
    """Shapes with so many vertices at most, by leaving out what lies nearest to the line between its neighbours."""
    tolerance, found = 1e-4, shapes
    while shapely.get_num_coordinates(found.to_numpy()).sum() > most and tolerance < COARSEST_DEG:
        found = shapes.simplify(tolerance)
        tolerance *= 2
    return found


# -- tables ----------------------------------------------------------------------------------------------


def country_tables(country: Results) -> dict[str, Table]:
    """The sheets of ``country.xlsx`` by name: whole country, ranking, rules by region, shared gaps, plans, failures."""
    lang, looks = country.lang, status_looks(country.lang)
    unit_by = dict.fromkeys(OF_UNIT, "unit") | numbers.UNIT_BY

    def made(name: str, names: str, frame: pd.DataFrame, **options: Any) -> Table:
        found = tuple(
            replace(h, unit_by=unit_by.get(h.name, "") if "unit" in frame else "")
            for h in heads(names, lang, currency=country.currency)
        )
        return Table(name, found, pd.DataFrame(frame.drop(columns="geometry", errors="ignore")), **options)

    status = {"looks": {"finding_status": looks, "status_after": looks}}
    ranked = country.regions.sort_values(["rank", "id"], na_position="last")
    undone = country.regions[country.regions["region_state"] != "done"]
    return {
        table.name: table
        for table in (
            made("country-whole", WHOLE_COLUMNS, country.whole, **status),
            made(
                "country-ranking", f"rank name {' '.join(STATUSES.values())} id", ranked.dropna(subset="rank")
            ),
            made("country-rules", RULE_COLUMNS, country.findings, printed=11, **status),
            made("country-gaps", GAP_COLUMNS, country.gaps, row_id="gap_id"),
            made("country-plan", f"name {PLAN_COLUMNS} id", country.regions),
            made("country-actions", f"{ACTION_COLUMNS} lon lat", country.actions, row_id="action_id"),
            made("country-undone", "name region_state state_reason id", undone),
        )
    }


# -- the page --------------------------------------------------------------------------------------------


def page_layers(country: Results) -> list[Layer]:
    """Layers of ``country.html``: regions, all routes by class, shared gaps, what the national plan builds."""
    found = []
    for layer in country_layers(country):
        frame = layer.frame
        if layer.name == "regions":
            frame = frame.set_geometry(thinned(frame.geometry, REGION_VERTICES))
            frame["standing"] = frame["standing"].where(frame["standing"] != "none", None)
            found.append(
                _layer(country, "regions", frame, "name", THEMES, label_column="name", search_column="name")
            )
        elif layer.name == "routes":
            frame = frame.set_geometry(thinned(frame.geometry, ROUTE_VERTICES))
            found.append(_routes(country, frame))
        elif layer.name != "region_rules":
            found.append(layer)
    return found


def region_panel(country: Results) -> dict[str, Any]:
    """What the page's panel of regions reads: rules to choose from, and each region with its figures and its map."""
    lang = country.lang
    titles = country.findings.drop_duplicates("rule")
    chosen = titles[titles["sense"].notna()]
    by_region = dict(list(country.findings.groupby("region_id")))
    codes = [category.value for category in THEMES.categories]
    overall = [codes.index(None if s == "none" else s) for s in country.regions["standing"]]
    themes = [{"rule": "", "title": text("national.all-rules", lang), "target": "", "cat": overall}]
    for rule, title, target in zip(chosen["rule"], chosen["title"], chosen["target_shown"], strict=True):
        mine = country.findings[country.findings["rule"] == rule].set_index("region_id")["status"]
        stand = mine.reindex(country.regions["id"]).tolist()
        cat = [codes.index(s if isinstance(s, str) else None) for s in stand]
        themes.append({"rule": rule, "title": title, "target": target, "cat": cat})
    regions = [
        {
            "name": row["name"],
            "state": row["region_state"],
            "reason": row["state_reason"],
            "link": f"{RUNS}/{quote(row['id'], safe='')}/map.html" if row["id"] in by_region else None,
            "rank": row["rank"],
            "counts": [row[name] for name in STATUSES.values()],
            "rules": _panel_rows(by_region.get(row["id"])),
        }
        for row in pd.DataFrame(country.regions.drop(columns="geometry")).to_dict("records")
    ]
    found: dict[str, Any] = numbers.plain({"themes": themes, "regions": regions})
    return found


def _panel_rows(mine: pd.DataFrame | None) -> list[list[Any]]:
    """Of each rule of a region: id, title, value, status, value with the plan, status then, rank, last year."""
    if mine is None:
        return []
    years = [None if not isinstance(by, str) else by[:4] for by in mine["by"]]
    names = ["rule", "title", "value", "status", "value_after", "status_code_after", "rank"]
    held = mine[names].astype(object).where(mine[names].notna(), None)
    return [[*row, year] for row, year in zip(held.to_numpy(object).tolist(), years, strict=True)]
