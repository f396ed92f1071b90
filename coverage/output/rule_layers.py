"""Which layers show what a rule counts: one answer for the map's findings and the report's maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..rules.finding import Finding
from .layer import Layer

LAYERS: Mapping[str, tuple[str, ...]] = {
    "route_spacing": ("routes", "charging_sites"),
    "length_coverage": ("routes", "charging_sites"),
    "berth_share": ("berths",),
    "share_margin": ("car_parks",),
    "demand_reach": ("demand", "charging_sites"),
}
"""Kind of rule -> names of layers, the one that shows its result first; kinds that are not here have none."""


def rule_layer_names(layers: Sequence[Layer], finding: Finding) -> tuple[str, ...]:
    """Names of the layers that show a finding, its result first: a layer of its own, else those of its kind."""
    own = tuple(layer.name for layer in layers if layer.rule is not None and layer.rule.id == finding.rule.id)
    return own or LAYERS.get(finding.rule.kind, ())
