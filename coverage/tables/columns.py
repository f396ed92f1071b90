"""Which columns each layer and table of a plan has, in their order; what each is stands in the schema."""

from __future__ import annotations

from dataclasses import replace

from ..inputs.choices import HUB_KINDS
from ..schema import column, columns

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
ROAD_COLUMNS = columns("ref name highway")
EXPRESSWAY_COLUMNS = columns("ref section length_km")
SITE_COLUMNS = columns(
    "site_id name kind operator fast points point_kw pool_kw status service_area side county"
)
OTHER_COLUMNS = columns("name kind points status county site_id")
FACILITY_COLUMNS = tuple(
    replace(each, absent="not_applicable", absent_if=("kind", HUB_KINDS))
    if each.name in ("ref", "side")
    else each
    for each in columns("name kind ref side has points fast_points point_kw status county site_id")
)
"""A depot or an airport is at no numbered road and has no side of it."""
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
    "build_order name action_kind place stage_year money spent responsible payers certain closes_words without_words"
    " county action_id"
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
SAVING_COLUMNS = columns("what place saves_low saves_high county action_id")
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
    *columns("quality_kind severity ref name"),
    column("length_km", absent="not_applicable", state="length_state"),
    *columns("effect"),
)

# Tables without geometry.
FINDING_COLUMNS = columns(
    "rule title finding_status status_code value target value_after status_after status_code_after unit low high "
    "target_value low_after high_after yes unknown no low_part low_whole high_part high_whole numerator_unit "
    "denominator_unit clause"
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
