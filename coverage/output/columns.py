"""The columns of every layer and table of a plan, in the order in which they are shown."""

from __future__ import annotations

from ..schema import Column

ID, NAME, REF = Column("id"), Column("name"), Column("ref")
KIND, STATUS, COUNTY = Column("kind", "choice"), Column("status", "choice"), Column("county")
HAS = Column("has", "choice")
COUNTY_COLUMNS = (
    NAME,
    Column("population", "float"),
    Column("registered_ev", "float"),
    Column("reached_low", "float", "%"),
    Column("reached_high", "float", "%"),
    Column("reached_after", "float", "%"),
)
GAP_COLUMNS = (
    REF,
    Column("direction", "choice"),
    Column("section", "int"),
    Column("spacing_class", "choice"),
    Column("length_km", "float", "km"),
    Column("from_site"),
    Column("to_site"),
    Column("from_km", "float", "km"),
    Column("to_km", "float", "km"),
    Column("open_start", "bool"),
    Column("open_end", "bool"),
    Column("evidence"),
)
GAP_LAYER_COLUMNS = (
    *GAP_COLUMNS[:-1],
    Column("begins"),
    Column("ends"),
    Column("could_build"),
    Column("not_counting"),
)
"""The layer says in words what the table ``gap_evidence`` holds in rows."""
ROAD_COLUMNS = (REF, NAME, Column("highway"))
EXPRESSWAY_COLUMNS = (REF, Column("section", "int"), Column("length_km", "float", "km"))
SITE_COLUMNS = (
    ID,
    NAME,
    Column("operator"),
    Column("fast", "choice"),
    Column("points", "int"),
    Column("point_kw", "float", "kW"),
    Column("pool_kw", "float", "kW"),
    STATUS,
    Column("service_area"),
    Column("side"),
    COUNTY,
)
FACILITY_COLUMNS = (
    NAME,
    KIND,
    REF,
    Column("side"),
    HAS,
    Column("points", "int"),
    Column("fast_points", "int"),
    Column("point_kw", "float", "kW"),
    STATUS,
    COUNTY,
    ID,
)
BERTH_COLUMNS = (
    NAME,
    Column("port"),
    Column("wharf"),
    Column("class_t", "float", "t"),
    Column("counts", "choice"),
    HAS,
    Column("cargo", "choice"),
    STATUS,
    Column("length_m", "float", "m"),
    Column("shore_power_kw", "float", "kW"),
    ID,
)
CAR_PARK_COLUMNS = (
    NAME,
    Column("park_type", "choice"),
    Column("spaces", "int"),
    Column("ready_spaces", "int"),
    STATUS,
    COUNTY,
    ID,
)
DEMAND_COLUMNS = (
    NAME,
    Column("weight", "float"),
    Column("covered", "choice"),
    Column("distance_km", "float", "km"),
    COUNTY,
    Column("problem", "choice"),
)
CANDIDATE_COLUMNS = (
    NAME,
    KIND,
    Column("cost", "float"),
    Column("candidate_status", "choice"),
    Column("reason", "choice"),
    ID,
)
PROPOSED_COLUMNS = (
    Column("build_order", "int"),
    NAME,
    KIND,
    Column("adds", "float"),
    Column("share_after", "float", "%"),
    Column("cost", "float"),
    Column("objective", "choice"),
    ID,
)
WORTH_COLUMNS = (
    Column("price", "float"),
    Column("price_low", "float"),
    Column("share_of_good_plans", "float", "%"),
    Column("essential", "bool"),
    Column("required", "bool"),
)
"""What is lost without a proposed site, the others placed anew."""
OUTAGE_COLUMNS = (
    Column("covers", "float"),
    Column("lost", "float"),
    Column("plugs", "int"),
    Column("capacity", "float"),
    Column("served", "float"),
)
"""What a site covers, what is lost if it is out of order and, with capacity, what it can serve."""
ALTERNATIVE_COLUMNS = (
    NAME,
    KIND,
    Column("plans", "int"),
    Column("of_plans", "int"),
    Column("worst_loss", "float"),
    Column("cost", "float"),
    Column("objective", "choice"),
    ID,
)
LEAST_COLUMNS = (
    Column("build_order", "int"),
    NAME,
    KIND,
    Column("serves", "int"),
    Column("cost", "float"),
    ID,
)
UNSERVED_COLUMNS = (
    Column("span_km", "float", "km"),
    REF,
    Column("section", "int"),
    Column("direction", "choice"),
    Column("from_km", "float", "km"),
    Column("to_km", "float", "km"),
)
NOT_SERVED_COLUMNS = (
    NAME,
    REF,
    Column("reason", "choice"),
    Column("distance_km", "float", "km"),
    ID,
)

ISSUE_COLUMNS = (
    Column("quality_kind", "choice"),
    Column("severity", "choice"),
    REF,
    NAME,
    Column("length_km", "float", "km"),
    Column("effect"),
)

# Tables without geometry.
FINDING_COLUMNS = (
    Column("rule"),
    Column("title"),
    Column("finding_status"),
    Column("value"),
    Column("target"),
    Column("value_after"),
    Column("status_after"),
    Column("source"),
)
ROUTE_COLUMNS = (
    REF,
    Column("road_class", "choice"),
    Column("length_km", "float", "km"),
    Column("sites", "int"),
    Column("length_per_site_km", "float", "km"),
    Column("gap_mean_km", "float", "km"),
    Column("gap_median_km", "float", "km"),
    Column("gap_p90_km", "float", "km"),
    Column("gap_max_km", "float", "km"),
    Column("gap_max_open", "bool"),
    Column("good_km", "float", "km"),
    Column("middle_km", "float", "km"),
    Column("gap_km", "float", "km"),
    Column("no_site_km", "float", "km"),
    Column("open_km", "float", "km"),
)
ACCESS_COLUMNS = (
    REF,
    Column("section", "int"),
    Column("direction", "choice"),
    Column("chainage_km", "float", "km"),
    ID,
    NAME,
    Column("distance_km", "float", "km"),
    Column("back_km", "float", "km"),
)
EVIDENCE_COLUMNS = (
    Column("rule"),
    REF,
    Column("section", "int"),
    Column("direction", "choice"),
    Column("from_km", "float", "km"),
    Column("to_km", "float", "km"),
    Column("evidence_kind", "choice"),
    Column("rank", "int"),
    ID,
    NAME,
    KIND,
    Column("reason", "choice"),
    Column("meets", "choice"),
    Column("chainage_km", "float", "km"),
    Column("distance_km", "float", "km"),
    Column("back_km", "float", "km"),
    Column("straight_km", "float", "km"),
    Column("access_ways"),
)
SITING_DEMAND_COLUMNS = (ID, NAME, Column("weight", "float"), Column("covered", "choice"))
REACH_COLUMNS = (Column("site"), Column("demand"), Column("distance_km", "float", "km"))
