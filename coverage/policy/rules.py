"""The kinds of rules, each a frozen model whose fields are the keys of the profile file."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ..settings import Count, NonNegative, Positive, Share


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bilingual(_Frozen):
    """A text in both languages."""

    zh: str
    en: str

    def __getitem__(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


class SiteRequirement(_Frozen):
    """What a charging site must have to count.

    ``dc_min_kw`` is the power one DC charge point must reach; 0 means that any charge point counts, AC
    included. ``pool_min_kw`` is what the whole site must give at the same time ("power output of the pool"),
    ``connectors`` parts of names of plugs of which a point must have one, ``open_24h`` that it never closes.
    ``within_m`` and ``same_side`` bind a site to a facility, ``access_km`` to a route. With
    ``public_only`` sites that are known to be closed to the public don't count.
    """

    dc_min_kw: NonNegative = 0.0
    min_points: Annotated[Count, Field(ge=1)] = 1
    pool_min_kw: NonNegative = 0.0
    connectors: tuple[str, ...] = ()
    open_24h: bool = False
    within_m: Positive = 300.0
    same_side: bool = False
    access_km: Positive = 3.0
    access_metric: Literal["drive"] = "drive"
    public_only: bool = False


class Target(_Frozen):
    """What must be reached: a share at least, a value at most, a margin at least, or nothing."""

    share_min: Share | None = None
    value_max: Positive | None = None
    margin_min: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    report_only: bool = False

    @model_validator(mode="after")
    def _one_of(self) -> Target:
        given = [v for v in (self.share_min, self.value_max, self.margin_min) if v is not None]
        if len(given) + self.report_only != 1:
            raise PydanticCustomError("target_one", "one target is expected")
        return self

    @property
    def value(self) -> float | None:
        """The number to compare with, None if there is none."""
        for found in (self.share_min, self.value_max, self.margin_min):
            if found is not None:
                return found
        return None

    @property
    def at_most(self) -> bool:
        """True if smaller is better."""
        return self.value_max is not None


class _Rule(_Frozen):
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Bilingual
    source: str = ""
    assumptions: tuple[str, ...] = ()
    by: dt.date | None = None
    target: Target


def _as_tuple(data: Any, key: str) -> Any:
    if isinstance(data, dict) and isinstance(data.get(key), str):
        return {**data, key: (data[key],)}
    return data


class FacilityShare(_Rule):
    """Share of facilities that hold a qualifying site, per side or per pair.

    With ``charging_spaces_min`` it is instead the share of those where so large a part of the parking spaces for
    cars has charging, built or prepared (``charging_spaces / small_car_spaces``).
    """

    kind: Literal["facility_share"]
    facility: tuple[str, ...]
    unit: Literal["side", "pair"] = "side"
    include_parking_areas: bool = False
    site: SiteRequirement = SiteRequirement()
    charging_spaces_min: Share | None = None

    @model_validator(mode="before")
    @classmethod
    def _facility_list(cls, data: Any) -> Any:
        return _as_tuple(data, "facility")


class RouteSpacing(_Rule):
    """Length per site and gaps along the routes of a class.

    ``class_limits_km`` are the two limits between good, middle and gap.
    """

    kind: Literal["route_spacing"]
    network: str
    site: SiteRequirement
    statistic: Literal["length_per_site", "gap_max"] = "length_per_site"
    class_limits_km: tuple[Positive, Positive] = (25.0, 40.0)
    outside_sites_count: bool = True

    @property
    def span_km(self) -> float:
        """How long a gap may be: what the rule allows for the longest one, else the last limit of the classes."""
        allowed = self.target.value_max if self.statistic == "gap_max" else None
        return self.class_limits_km[-1] if allowed is None else allowed

    @property
    def spans_km(self) -> tuple[float, ...]:
        """Spans to try for the fewest sites: up to what is allowed; under an average, from the first limit on."""
        if self.statistic == "gap_max":
            return (self.span_km,)
        low, high = self.class_limits_km
        return tuple(round(low + (high - low) * k / 3, 1) for k in range(4))


class LengthCoverage(_Rule):
    """Share of route length covered; see *Covered length* in the method.

    ``reading`` decides: ``"route"`` (share of length in gaps within the span), ``"edge"`` or ``"two_site"``.
    All three are always reported.
    """

    kind: Literal["length_coverage"]
    network: str
    site: SiteRequirement
    span_max_km: Positive
    reading: Literal["route", "edge", "two_site"] = "edge"

    @property
    def span_km(self) -> float:
        """How long a gap may be."""
        return self.span_max_km


class EmissionFactors(_Frozen):
    """What a kilowatt-hour from shore avoids: ``sfoc_kg_per_kwh * carbon_factor - grid_kg_per_kwh`` kg of CO2.

    ``sfoc_kg_per_kwh`` is the specific fuel oil consumption of auxiliary engines, ``carbon_factor`` the CO2 by weight
    of fuel (3.206 for marine gas oil: IMO MEPC.308(73)), ``grid_kg_per_kwh`` the factor of the grid, unknown if
    left out. ``source`` says where they are from.
    """

    sfoc_kg_per_kwh: Positive = 0.215
    carbon_factor: Positive = 3.206
    grid_kg_per_kwh: NonNegative | None = None
    source: str = ""

    @property
    def avoided_kg_per_kwh(self) -> float | None:
        """CO2 that a kilowatt-hour from shore avoids; None if the grid's factor is not known."""
        if self.grid_kg_per_kwh is None:
            return None
        return self.sfoc_kg_per_kwh * self.carbon_factor - self.grid_kg_per_kwh


class BerthRequirement(_Frozen):
    """Which berths count; with ``built_after`` only those built or rebuilt on that day or later."""

    class_t_min: NonNegative = 1000.0
    class_basis: Literal["design", "structure"] = "design"
    exclude_cargo: tuple[str, ...] = ()
    operational_only: bool = True
    built_after: dt.date | None = None


class BerthShare(_Rule):
    """Share of berths that have shore power."""

    kind: Literal["berth_share"]
    berth: BerthRequirement


class CallShare(_Rule):
    """Shore-power use: calls connected / calls able to connect."""

    kind: Literal["call_share"]
    min_stay_h: NonNegative = 2.0
    exclude_ships: tuple[str, ...] = ()


class ShareMargin(_Rule):
    """Ready share of car-park spaces minus the share of electric vehicles among registered cars."""

    kind: Literal["share_margin"]
    population: Literal["new_or_ancillary_car_parks", "car_parks"] = "new_or_ancillary_car_parks"


class Inventory(_Rule):
    """Count of facilities of given kinds; no target."""

    kind: Literal["inventory"]
    facility: tuple[str, ...]


class FleetPower(_Rule):
    """Installed power and charge points against the registered electric fleet, by county."""

    kind: Literal["fleet_power"]
    site_kind: str = "charging"


class DemandReach(_Rule):
    """Share of demand within a driving distance, or a driving time, of a qualifying site, by county."""

    kind: Literal["demand_reach"]
    site: SiteRequirement
    reach_km: Positive | None = None
    reach_min: Positive | None = None

    @model_validator(mode="after")
    def _distance_or_time(self) -> DemandReach:
        if (self.reach_km is None) == (self.reach_min is None):
            raise PydanticCustomError("reach_one", "either reach_km or reach_min is expected")
        return self


Rule = Annotated[
    FacilityShare
    | RouteSpacing
    | LengthCoverage
    | BerthShare
    | CallShare
    | ShareMargin
    | Inventory
    | FleetPower
    | DemandReach,
    Field(discriminator="kind"),
]
