"""Which columns each layer and table of a plan has, in their order; what each is stands in the schema."""

from __future__ import annotations

from dataclasses import replace

from ..inputs.choices import HUB_KINDS
from ..schema import Column, column, columns


def _absent(names: str, by: str = "", *values: object) -> tuple[Column, ...]:
    """Columns whose empty cells are ``not_applicable``: all, or where the column ``by`` has one of the values."""
    return tuple(
        replace(
            each,
            absent="not_applicable",
            absent_if=(by, values),
            state=f"{each.name}_state" if each.type in ("int", "float") else "",
        )
        for each in columns(names)
    )


COUNTY_COLUMNS = columns(
    "name population registered_ev people_counted people_low people_high reached_low reached_high reached_after"
)
GAP_COLUMNS = columns(
    "ref direction section spacing_class length_km own_km from_site to_site from_km to_km open_start open_end gap_id"
)
GAP_LAYER_COLUMNS = (
    *GAP_COLUMNS,
    *columns("mark_kind stretch begins ends shared_words could_build not_counting rule"),
)
"""The layer says in words what the table ``gap_evidence`` holds in rows."""
ROAD_COLUMNS = _absent("ref name highway")
"""A road need have no number and no name; a ferry is no ``highway``."""
EXPRESSWAY_COLUMNS = columns("ref section length_km")
SITE_COLUMNS = (
    *columns("site_id name kind operator fast points"),
    *_absent("point_kw", "points", 0),
    *columns("pool_kw status"),
    *_absent("service_area"),
    *_absent("side", "service_area", None),
    *_absent("ref"),
    *columns("county"),
)
"""A site whose list names no facility is at none and at no side of one; nor is every site at a numbered road."""
OTHER_COLUMNS = (
    *columns("name kind"),
    *_absent("points", "kind", "pv_storage", "pv_candidate", "vessel_service_area"),
    *columns("status county site_id"),
)
FACILITY_COLUMNS = (
    *columns("name kind"),
    *_absent("ref", "kind", *HUB_KINDS),
    *_absent("side", "kind", *HUB_KINDS, "ordinary_trunk_service_station"),
    *columns("has served_by points fast_points"),
    *_absent("point_kw", "points", 0),
    *columns("status county site_id"),
)
"""A depot or an airport is at no numbered road and has no side of it; a service station lies at one place."""
BERTH_COLUMNS = columns("name port wharf class_t counts has cargo status length_m shore_power_kw site_id")
CAR_PARK_COLUMNS = columns("name park_type spaces ready_spaces status county site_id")
DEMAND_COLUMNS = columns("name weight covered distance_km county problem id")
CANDIDATE_COLUMNS = columns("name kind cost candidate_status reason action_id")
PROPOSED_COLUMNS = columns("build_order name kind adds share_after cost objective action_id")
WORTH_COLUMNS = columns("price price_low share_of_good_plans essential required")
"""What is lost without a proposed site, the others placed anew."""
OUTAGE_COLUMNS = columns("covers lost plugs capacity served")
"""What a site covers, what is lost if it is out of order and, with capacity, what it can serve."""
ALTERNATIVE_COLUMNS = columns("name kind plans of_plans worst_loss cost objective action_id")
LEAST_COLUMNS = columns("build_order name kind serves cost action_id")
ACTION_COLUMNS = columns(
    "build_order name action_kind place stage_year money spent responsible payers certain closes_words people_gained "
    "without_words without_low without_high county action_id"
)
ACTION_POPUP = columns(
    "action_kind closes_words money stage_year responsible payers certain without_words pin place county action_id"
)
TRAFFIC_POINTS = columns("traffic_points")
"""Further column of the actions where there are counts of traffic."""
OTHER_ACTION_COLUMNS = columns(
    "name action_kind place money insist_low insist_high chosen_at county action_id"
)
LEFT_OUT_POPUP = ("why_words", "action_kind", "money", "place", "pin", "county", "action_id")
STEP_COLUMNS = columns("build_order action stage_year spent people_reached action_id")
SAVING_COLUMNS = columns("what place saves_low saves_high county site_id action_id")
CLOSES_COLUMNS = (
    *columns("action_id rule site_id"),
    *_absent("gap_id ref"),
    column("length_km", absent="not_applicable", state="length_state"),
)
"""A place that meets a rule then is no gap and has no length, nor is a gap a place."""
LEAST_BY_SPAN = columns("rule span_km build_order name kind serves cost action_id lon lat")
"""Of the plan to adopt: its actions, those it leaves out, what each step reaches, what a survey can save."""
UNSERVED_COLUMNS = columns("rule span_km ref section direction from_km to_km")
NOT_SERVED_COLUMNS = (
    *columns("name ref reason distance_km"),
    column(
        "chainage_km", absent="not_applicable", state="chainage_state"
    ),  # only on a cut-off piece of the route
    *columns("site_id"),
)
# A dead end has no length: nothing is to be found out there.
ISSUE_COLUMNS = (
    *columns("quality_kind severity"),
    *_absent("ref name"),
    column("length_km", absent="not_applicable", state="length_state"),
    *columns("effect"),
)

# Tables without geometry.
FINDING_COLUMNS = columns(
    "rule title finding_status status_code value target value_after status_after status_code_after unit low high "
    "target_value low_after high_after yes unknown no may_yes may_unknown may_no low_part low_whole high_part "
    "high_whole low_part_after low_whole_after high_part_after high_whole_after numerator_unit denominator_unit clause"
)
ROUTE_COLUMNS = columns(
    "ref road_class length_km parallel_km sites driven_km direction_sites length_per_site_km gap_mean_km gap_median_km "
    "gap_p90_km gap_max_km gap_max_open own_gaps_over good_km middle_km gap_km no_site_km open_km shared_km "
    "shared_max_km"
)
ACCESS_COLUMNS = columns("ref section direction chainage_km site_id name distance_km back_km")
EVIDENCE_COLUMNS = columns(
    "rule ref section direction from_km to_km evidence_kind rank name kind reason meets chainage_km "
    "distance_km back_km straight_km access_ways site_id action_id gap_id"
)
SITING_DEMAND_COLUMNS = columns("id name weight covered county")
REACH_COLUMNS = columns("site demand distance_km")
