"""What a click shows for each layer: the few columns a planner asks for, most important first.

Files and tables hold every column; a popup leaves out what its heading says already, and what is empty because there
is nothing to say (a hub has no side of the road), so that *unknown* stands only where something is to be found out.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ..schema import Column, column
from . import columns as c
from .layer import Popup


def _pick(columns: tuple[Column, ...], *names: str) -> tuple[Column, ...]:
    by_name = {column.name: column for column in columns}
    return tuple(by_name[name] for name in names)


GAP = Popup(
    (
        *_pick(c.GAP_LAYER_COLUMNS, "length_km", "own_km"),
        column("stretch"),
        *_pick(
            c.GAP_LAYER_COLUMNS,
            "direction",
            "begins",
            "ends",
            "shared_words",
            "could_build",
            "not_counting",
            "gap_id",
        ),
    ),
    quiet=frozenset({"shared_words", "could_build", "not_counting"}),
    lists=frozenset({"could_build", "not_counting"}),
)
POPUPS: Mapping[str, Popup] = {
    "counties": Popup((*_pick(c.COUNTY_COLUMNS, "population", "registered_ev", "people_counted", "people_low",
                              "people_high"), column("reached_today"), column("reached_then")),
                      quiet=frozenset({"people_counted", "people_low", "people_high", "reached_then"})),
    "charging_sites": Popup(
        _pick(c.SITE_COLUMNS, "status", "operator", "points", "point_kw", "pool_kw", "service_area", "side", "county",
              "site_id"),
        quiet=frozenset({"operator", "service_area", "side", "county"})),
    "other_sites": Popup(_pick(c.OTHER_COLUMNS, "kind", "points", "status", "county", "site_id"),
                         quiet=frozenset({"points", "county"})),
    "service_areas": Popup(
        _pick(c.FACILITY_COLUMNS, "kind", "ref", "side", "served_by", "points", "fast_points", "point_kw", "status",
              "county", "site_id"),
        quiet=frozenset({"ref", "side", "points", "fast_points", "point_kw", "county"})),
    "hubs": Popup(
        _pick(c.FACILITY_COLUMNS, "kind", "served_by", "points", "fast_points", "point_kw", "status", "county",
              "site_id"),
        quiet=frozenset({"points", "fast_points", "point_kw", "county"})),
    "berths": Popup(
        _pick(c.BERTH_COLUMNS, "port", "wharf", "class_t", "shore_power_kw", "cargo", "length_m", "status", "site_id"),
        quiet=frozenset({"port", "wharf", "shore_power_kw", "length_m"})),
    "car_parks": Popup(
        _pick(c.CAR_PARK_COLUMNS, "park_type", "spaces", "ready_spaces", "status", "county", "site_id"),
        quiet=frozenset({"county"})),
    "demand": Popup(
        _pick(c.DEMAND_COLUMNS, "weight", "covered", "distance_km", "county", "problem"),
        quiet=frozenset({"distance_km", "county", "problem"}), heading="name"),
    "candidates": Popup(_pick(c.CANDIDATE_COLUMNS, "kind", "cost", "reason", "action_id"), quiet=frozenset({"reason"}),
                        heading="name"),
    "alternatives": Popup((*_pick(c.ALTERNATIVE_COLUMNS, "kind"), column("in_others"),
                           *_pick(c.ALTERNATIVE_COLUMNS, "cost", "action_id"))),
    "least_sites": Popup(_pick(c.LEAST_COLUMNS, "kind", "build_order", "serves", "cost", "action_id")),
    "not_served": Popup(_pick(c.NOT_SERVED_COLUMNS, "ref", "reason", "distance_km", "site_id"),
                        quiet=frozenset({"distance_km"}), heading="name"),
    "issues": Popup(_pick(c.ISSUE_COLUMNS, "effect", "severity", "ref", "name", "length_km"),
                    quiet=frozenset({"ref", "name", "length_km"}), heading="quality_kind"),
    "roads": Popup(_pick(c.ROAD_COLUMNS, "ref", "highway"), quiet=frozenset({"ref"}), heading="name"),
    "expressways": Popup(_pick(c.EXPRESSWAY_COLUMNS, "section", "length_km")),
    "waterways": Popup(()),
    "towns": Popup(()),
    "reach": Popup(()),
}  # fmt: skip
"""By the layer's name; a layer without an entry shows all columns of its schema."""


def proposed_popup(frame: pd.DataFrame) -> Popup:
    """What a proposed site shows: of the siting's extras only those that were worked out."""
    extras = (
        "without_it",
        "in_plans",
        "covers_words",
        "lost_words",
        "plugs",
        "capacity_words",
        "served_words",
    )
    held = [column(name) for name in extras if name in frame and frame[name].notna().any()]
    first = (
        *_pick(c.PROPOSED_COLUMNS, "build_order", "kind"),
        column("adds_words"),
        *_pick(c.PROPOSED_COLUMNS, "share_after"),
    )
    last = _pick(c.PROPOSED_COLUMNS, "cost", "objective", "action_id")
    return Popup((*first, *held, *last), quiet=frozenset(extras))
