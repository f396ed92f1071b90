"""Policy profiles: what a plan or a law demands, as data.

A profile is a TOML file of rules. Each rule has an ``id``, a ``kind`` that says how it is measured, a target,
and the source that demands it. Values that no source gives are listed as assumptions and shown as such.
"""

from .costs import ActionCost, CostTable, merged_costs
from .profile import PROFILES, Policy, read_policy
from .rules import (
    BerthRequirement,
    BerthShare,
    CallShare,
    DemandReach,
    EmissionFactors,
    FacilityShare,
    FleetPower,
    Inventory,
    LengthCoverage,
    RouteSpacing,
    Rule,
    ShareMargin,
    SiteRequirement,
    Target,
)

__all__ = [
    "PROFILES",
    "ActionCost",
    "BerthRequirement",
    "BerthShare",
    "CallShare",
    "CostTable",
    "DemandReach",
    "EmissionFactors",
    "FacilityShare",
    "FleetPower",
    "Inventory",
    "LengthCoverage",
    "Policy",
    "RouteSpacing",
    "Rule",
    "ShareMargin",
    "SiteRequirement",
    "Target",
    "merged_costs",
    "read_policy",
]
