"""The parts of the schema of ``result.json`` that depend on kinds of rules or settings: figures, evidence, options."""

from __future__ import annotations

from typing import Any

from ..inputs.schemas import SCHEMAS
from ..project import Project
from ..rules.kind import kinds_from_elsewhere
from ..rules.roads import CLASSES
from ..texts import text
from .schema_nodes import (
    COUNT,
    FLAG,
    NUMBER,
    TEXT,
    Schema,
    by_name,
    described,
    key_schema,
    list_of,
    object_of,
    rows_of,
)

_OF_CLASSES = " ".join(f"{name}_km" for name in CLASSES)
SPACING = (
    "sites direction_sites gaps own_gaps_over shared_gaps driven_km length_per_site_km gap_mean_km gap_median_km "
    f"gap_p90_km gap_max_km shared_max_km gap_max_open {_OF_CLASSES}"
)
"""Figures of a network, a route, a direction or a county."""
COVERED = "covered_low covered_high covered_low_km covered_high_km"
_ENDS = "low low_part low_whole high high_part high_whole"
_FACILITIES = """
    sides sides_low sides_high pairs pairs_low pairs_high pairs_yes pairs_unknown pairs_no pairs_both_sides_low
    pairs_both_sides_high pairs_both_sides_yes pairs_both_sides_unknown pairs_both_sides_no
"""
_LENGTH = "reading route_low route_high edge_low edge_high two_site_low two_site_high"
_CAR_PARKS = """
    ready_share_low ready_share_high registered_ev_share registered_ev registered_cars car_parks
    car_parks_without_spaces
"""
_PHOTOVOLTAICS = "places places_without_area pv_kw pv_mwh possible_kw possible_mwh possible_storage_kwh"
_OTHERS = """
    demand_without_weight reach_km judged_km reach_min
    installed_kw_low sites_without_power length_km span_km sites_that_close_a_gap routes_over
"""
ROUTE_FIGURES = f"parallel_km {COVERED} {SPACING} length_per_site_state gaps_state shared_state"
"""What is measured of a route, and why a figure of it may be missing."""
_ITEM = """
    site_id name side ref section direction from_m to_m segment length_m gap_id port class_t
"""
OPTIONS = ("region", "siting", "road_class", "rules", "plan", "costs")
"""Sections of the project file that ``project.options`` repeats."""


def figures_schema() -> Schema:
    """Further figures of a finding: those of all kinds of rules; each kind has some of them."""
    with_unknown = {
        f"{name}_with_unknown": _with_unknown(key_schema(name)) for name in f"{SPACING} routes_over".split()
    }
    ends = described(
        "By a measure of the berths: share, and what it is made of.", object_of(_ENDS, "berths_left_out")
    )
    counted = by_name(COUNT)
    found = object_of(
        "",
        f"{_FACILITIES} {SPACING} {_LENGTH} {_CAR_PARKS} {_PHOTOVOLTAICS} {_OTHERS}",
        **with_unknown,
        by_kind=rows_of("kind facilities low high yes unknown no"),
        by_direction=rows_of(f"ref section direction road_class length_km {SPACING}", COVERED),
        by_county=rows_of("county length_km", f"road_class {COVERED} {SPACING}"),
        by_length=ends,
        by_class_tonnage=ends,
        by_port=rows_of(f"port berths {_ENDS}"),
        operational=described("Facilities in operation, by kind.", counted),
        other_status=described("Facilities planned, being built, broken or closed, by kind.", counted),
    )
    return _open_to_others(found)


def _with_unknown(held: Schema) -> Schema:
    return described(
        f"The same with the sites of which it is unknown whether they count. {held['description']}", held
    )


def evidence_schema() -> Schema:
    """The rows behind a finding: columns of the input tables and of routes, and what was found of each."""
    own: dict[str, Any] = {"class": TEXT, "inside": FLAG}
    columns = dict.fromkeys(column.name for table in SCHEMAS.values() for column in table.columns)
    found = object_of(
        "",
        f"""site_id {" ".join(columns)} source source_row has fast counts evidence
        length_km {ROUTE_FIGURES}
        pv_state shore_power_state low high {_ENDS} low_state high_state parts_state
        possible_kw possible_mwh possible_storage_kwh possible_state
        sites_without_power installed_kw kw_per_ev ev_per_point connected_status berth_name""",
        **own,
    )
    return list_of(_open_to_others(found))


def item_rows(more: str = "", **own: Any) -> Schema:
    """Rows of what rules ask for, and an action serves: a place, or a stretch of a road."""
    found = object_of(f"rule {more}", _ITEM, weight=NUMBER, **own)
    return list_of(_open_to_others(found))


def _open_to_others(found: Schema) -> Schema:
    """Let rules of kinds from elsewhere have keys of their own, if there are such kinds."""
    if not kinds_from_elsewhere():
        return found
    other = {"description": "Of a kind of rule that was added to plugspan, which says what it means."}
    return {**found, "additionalProperties": other}


# -- settings --------------------------------------------------------------------------------------------


def options_schema() -> Schema:
    """The settings of the project that decided, with what was left out of the file filled in."""
    whole = Project.model_json_schema(mode="serialization", by_alias=True)
    parts = {name: _setting(whole["properties"][name], name, whole["$defs"]) for name in OPTIONS}
    change = {
        "description": "What the key of the rule is here; the profile of the policy says what it means."
    }
    parts["rules"]["additionalProperties"] = described("Changes of a rule, by its keys.", by_name(change))
    return object_of(" ".join(OPTIONS), **parts)


def _setting(held: Schema, key: str, models: Schema) -> Schema:
    """The schema of a setting as pydantic has it, closed and with the meanings of the manual."""
    if "$ref" in held:
        name = held["$ref"].rpartition("/")[2]
        within = "costs.ACTION" if name == "ActionCost" else key
        fields = models[name]["properties"]
        inner = {each: _setting(field, f"{within}.{each}", models) for each, field in fields.items()}
        found: Schema = {"type": "object", "properties": inner, "additionalProperties": False}
    else:
        found = {name: value for name, value in held.items() if name not in ("title", "default")}
        for name in ("anyOf", "oneOf", "prefixItems"):
            if name in found:
                found[name] = [_setting(each, key, models) for each in found[name]]
        for name, within in (("items", key), ("additionalProperties", f"{key}.NAME")):
            if isinstance(found.get(name), dict):
                found[name] = _setting(found[name], within, models)
    meaning = f"setting.{key}"
    return described(text(meaning, "en"), found) if not key.endswith(".NAME") else found


def rates_schema() -> Schema:
    """The factors by which traffic suggests charge points."""
    whole = Project.model_json_schema(mode="serialization", by_alias=True)
    found = _setting({"$ref": "#/$defs/ChargingRates"}, "plan.traffic", whole["$defs"])
    assumed = described("No source was given for the factors.", FLAG)
    return {
        **found,
        "properties": {**found["properties"], "source": key_schema("source"), "assumed": assumed},
    }
