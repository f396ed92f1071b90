"""Which layers show what a rule counts: one answer for the map's findings and the report's maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..assess.finding import Finding
from ..inputs.choices import SERVICE_KINDS
from .layer import Layer

LAYERS: Mapping[str, tuple[str, ...]] = {
    "facility_share": ("service_areas",),
    "route_spacing": ("routes", "charging_sites"),
    "length_coverage": ("routes", "charging_sites"),
    "berth_share": ("berths",),
    "share_margin": ("car_parks",),
    "demand_reach": ("demand", "charging_sites"),
}
"""Kind of rule -> names of layers, the one that shows its result first; kinds that are not here have none."""


def rule_layer_names(layers: Sequence[Layer], finding: Finding) -> tuple[str, ...]:
    """Names of the layers that show a finding, its result first; facilities that serve no road are hubs."""
    if finding.rule.kind == "facility_share" and not _of_service_areas(layers, finding):
        return ("hubs",)
    return LAYERS.get(finding.rule.kind, ())


def _of_service_areas(layers: Sequence[Layer], finding: Finding) -> bool:
    ids = set(finding.table["id"]) if "id" in finding.table else set()
    kinds = set(finding.table["kind"].dropna()) if "kind" in finding.table else set()
    found = any(layer.name == "service_areas" and ids & set(layer.frame["id"]) for layer in layers)
    return found and kinds <= set(SERVICE_KINDS)
