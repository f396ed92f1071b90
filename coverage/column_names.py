"""The names of all columns that are shown, by type and unit, and what their empty cells are: the registry's words.

:mod:`plugspan.schema` makes columns of them; labels and meanings stand in the catalogue under the same names.
"""

from __future__ import annotations

from collections.abc import Mapping

TEXTS = """
    id name ref county port wharf operator pair side service_area provenance note source clause title rule value target
    finding_status value_after status_after highway from_site to_site begins ends could_build not_counting stretch
    reached_today reached_then adds_words without_it in_plans covers_words lost_words capacity_words served_words
    in_others effect shared_words evidence site demand access_ways ship berth berth_name scenario plan chosen rule_title
    unit status_code status_code_after numerator_unit denominator_unit
    figure words key unit_shown part_unit_shown target_shown file column cell remedy group item entry why within_km
    other_id rows outcome table
    gap_id site_id action_id served_by responsible payers closes_words without_words why_words action what
    region region_id state_reason regions region_lengths builders phase place_name
"""
CHOICES = """
    kind status has fast counts cargo park_type spacing_class direction reason problem covered candidate_status
    objective quality_kind severity road_class evidence_kind meets ship_kind aim part action_kind place pin region_state
    standing mark_kind level
"""
FLAGS = """
    open_start open_end gap_max_open essential required existing energy_estimated able counts_in_rule certain at_border
    adds_up
"""
COUNTS = """
    section points fast_points spaces ready_spaces build_order serves sites plugs plans of_plans rank row priority
    sites_built direction_sites own_gaps_over gap_count gap_count_shown new_sites min_sites sites_without_power
    without_lost people_reached people_gained traffic_points read kept merged left_out faulted rules_met
    rules_on_average rules_not_met rules_undecided rules_not_due own_sites national_sites border_sites regions_met
    regions_on_average regions_not_met regions_undecided regions_not_due
"""
NUMBERS: Mapping[str, str] = {
    "money": """spent money insist_low insist_high chosen_at without_low without_high saves_low saves_high cost
        cost_so_far retrofit_cost budget own_money national_money border_money""",
    "": """weight population registered_ev calls_per_year detour yes no unknown may_yes may_unknown may_no low high
        low_after high_after people_counted people_low people_high target_value number score low_part low_whole
        high_part high_whole low_part_after low_whole_after high_part_after high_whole_after numerator denominator""",
    "km": """length_km from_km to_km chainage_km inside_km good_km middle_km gap_km no_site_km open_km parallel_km
        gap_mean_km gap_median_km gap_p90_km gap_max_km length_per_site_km driven_km own_km own_km_shown
        shared_km shared_max_km covered_low_km covered_high_km""",
    "m": "length_m",
    "m²": "area_m2",
    "kW": "point_kw pool_kw shore_power_kw installed_kw pv_kw possible_kw", "MWh": "possible_mwh",
    "kWh": "kwh energy_kwh storage_kwh possible_storage_kwh", "t": "class_t gross_tonnage co2_avoided_t",
    "ratio": "co2_t_per_cost", "h": "hours hours_per_call", "°": "lon lat",
    "%": "reached_low reached_high reached_after share_after share_of_good_plans",
    "share": """covered_low covered_high reach_low reach_high ready_share share share_today share_planned bound_share
        best_share probability importance share_first share_second""",
    "bound": "gap",
    "demand": """adds covers lost left less total before after bound best objective_value price price_low worst_loss
        capacity served amount""",
}  # fmt: skip
"""Names by unit."""
_SAID = ("listed", "nothing", "value")
EMPTY: tuple[tuple[str, str, tuple[str, tuple[object, ...]], str], ...] = (
    ("not_counted", "", ("", ()), "has connected_status"),
    ("not_applicable", "", ("", ()), "reason meets problem access_ways site_id action_id status_code "
     "status_code_after"),
    ("not_applicable", "", ("open_start", (False,)), "from_site"),
    ("not_applicable", "", ("open_end", (False,)), "to_site"),
    ("none", "", ("", ()), "shared_words could_build not_counting served_by"),
    ("operational_by_default", "", ("", ()), "status"),
    ("to_be_named", "", ("", ()), "responsible payers"),
    ("outside", "", ("lon", ()), "county"),
    ("not_applicable", "year_state", ("", ()), "stage_year"),
    ("not_applicable", "gaps_state", ("", ()), "gap_mean_km gap_median_km gap_p90_km"),
    ("not_applicable", "length_per_site_state", ("", ()), "length_per_site_km"),
    ("not_applicable", "shared_state", ("", ()), "shared_max_km"),
    ("not_applicable", "insist_state", ("", ()), "insist_low insist_high chosen_at"),
    ("not_applicable", "without_state", ("", ()), "without_low without_high"),
    ("not_applicable", "straight_state", ("", ()), "straight_km"),
    ("not_applicable", "reached_state", ("", ()), "people_counted people_low people_high reached_low reached_high"),
    ("not_applicable", "reached_after_state", ("", ()), "reached_after"),
    ("not_applicable", "shore_power_state", ("shore_power", (False,)), "shore_power_kw"),
    ("not_applicable", "pv_state", ("has", ("no",)), "pv_kw"),
    ("not_applicable", "possible_state", ("has", ("yes", "not_counted")),
     "possible_kw possible_mwh possible_storage_kwh"),
    *(("not_applicable", f"{end}{then}_state", (f"said{then}", ("listed", "nothing")), f"{end}{then}")
      for end in ("low", "high") for then in ("", "_after")),
    ("not_applicable", "target_state", ("", ()), "target_value"),
    ("not_applicable", "counts_state", ("", ()), "yes unknown no may_yes may_unknown may_no"),
    ("not_applicable", "parts_state", ("said", _SAID), "low_part low_whole high_part high_whole"),
    ("not_applicable", "parts_after_state", ("said_after", _SAID),
     "low_part_after low_whole_after high_part_after high_whole_after"),
    ("not_applicable", "", ("said", _SAID), "numerator_unit denominator_unit"),
    ("not_reached", "distance_state", ("", ()), "distance_km"),
    ("not_reached", "back_state", ("", ()), "back_km"),
)  # fmt: skip
"""What empty cells are that are not unknown: code, column beside numbers, which cells, and the columns."""
