"""What all rules have: the base of their models, what a site must have, what is to be reached."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ..settings import Count, NonNegative, Positive, Share, Wording
from ..texts import LANGUAGES


class Frozen(BaseModel):
    """Base of all parts of a rule: no key but those named, nothing changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Bilingual(Frozen):
    """A text in Chinese and English, and in what other languages it is given; English stands for those that lack."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, str] = Field(init=False)

    zh: str
    en: str

    @model_validator(mode="after")
    def _known_languages(self) -> Bilingual:
        if unknown := sorted(set(self.model_extra or ()) - set(LANGUAGES)):
            raise PydanticCustomError("title_language", "unknown language", {"unknown": ", ".join(unknown)})
        return self

    def __getitem__(self, lang: str) -> str:
        return str(getattr(self, lang, self.en))

    def render(self, lang: str) -> str:
        """Return the text in ``lang``, as what stands in a fault."""
        return self[lang]


_OF_EQUIPMENT = ("serves", "dc_min_kw", "min_points", "pool_min_kw", "connectors", "open_24h")


class OneWayPools(Frozen):
    """Where a pool that serves one direction only needs but a part of ``pool_min_kw``: on quiet stretches of a class.

    ``steps`` are light vehicles a day below which, and the part that is enough there.
    """

    steps: tuple[tuple[Positive, Share], ...]
    network: str

    def share(self, light: float) -> float:
        """Part that is enough at a place; 1 where traffic is unknown (NaN)."""
        return min((share for below, share in self.steps if light < below), default=1.0)


class SiteRequirement(Frozen):
    """What a site must have to count.

    ``serves`` says what vehicles get there: power from a charger, another battery, or hydrogen. ``dc_min_kw`` is the
    power one DC charge point must reach; 0 means that any charge point counts, AC included. ``pool_min_kw`` is what
    the whole site must give at the same time ("power output of the pool"), ``connectors`` parts of names of plugs of
    which a point must have one, ``open_24h`` that it never closes.
    ``within_m`` and ``same_side`` bind a site to a facility, ``access_km`` to a route. With
    ``public_only`` sites that are known to be closed to the public don't count. ``one_way`` is set by the program
    where a rule has ``under_traffic``.
    """

    serves: Literal["charging", "battery_swap", "hydrogen"] = "charging"
    dc_min_kw: NonNegative = 0.0
    min_points: Annotated[Count, Field(ge=1)] = 1
    pool_min_kw: NonNegative = 0.0
    connectors: tuple[str, ...] = ()
    open_24h: bool = False
    within_m: Positive = 300.0
    same_side: bool = False
    one_way: OneWayPools | None = None
    access_km: Positive = 3.0
    access_metric: Literal["drive"] = "drive"
    public_only: bool = False

    @property
    def of_whole_site(self) -> bool:
        """Whether more is asked of the equipment than points of a power."""
        return self.pool_min_kw > 0 or bool(self.connectors) or self.open_24h

    @property
    def asked(self) -> dict[str, Any]:
        """What is asked of the equipment of a site, as :func:`plugspan.inputs.qualify` takes it."""
        return self.model_dump(include=set(_OF_EQUIPMENT))


class UnderTraffic(Frozen):
    """What is eased on stretches with fewer light vehicles a day (both directions together) than ``light_below``.

    ``span_km`` is how long a gap may be there, ``one_way_pool_share`` what part of its power a pool needs that serves
    one direction only.
    """

    light_below: Positive
    span_km: Positive | None = None
    one_way_pool_share: Share | None = None


class ChargingRates(Frozen):
    """From vehicles a day to charge points: the assumptions, none with a source unless ``source`` names it.

    ``electric_share`` of the light vehicles are electric; of what these use, ``on_way_share`` is charged along the
    road, ``km_per_charge`` at a time in ``minutes_per_charge``. ``peak_hour_share`` of a day's charges begin in its
    busiest hour, in which a point is taken ``busy_share`` of the time at most.
    """

    electric_share: Share = 0.2
    on_way_share: Share = 0.3
    km_per_charge: Positive = 200.0
    minutes_per_charge: Positive = 30.0
    peak_hour_share: Share = 0.1
    busy_share: Annotated[Share, Field(ge=0.05)] = 0.8
    source: Wording = Wording("")


class Target(Frozen):
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


class Rule(Frozen):
    """A rule of a policy; each kind adds the keys that say how it is measured, and the literal ``kind``.

    ``short`` names it where there is no room for the title, as on the tab of a sheet. The properties are what the rest
    of the program asks of a rule whatever its kind.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    kind: str
    title: Bilingual
    short: Bilingual | None = None
    source: Wording = Wording("")
    assumptions: tuple[str, ...] = ()
    by: dt.date | None = None
    target: Target

    @property
    def of_longest_gap(self) -> bool:
        """Whether the value is itself the longest gap, not an average."""
        return False

    @property
    def requirement(self) -> SiteRequirement | None:
        """What a charging site must have to count for the rule; None if it asks nothing of sites to be built."""
        return None

    @property
    def on_roads(self) -> SiteRequirement | None:
        """What a site proposed along the roads must have for the rule; None if it asks for sites at given places."""
        return None

    @property
    def facility_kinds(self) -> frozenset[str]:
        """Kinds of facilities that the rule counts."""
        return frozenset()

    @property
    def target_range(self) -> tuple[float, float] | None:
        """Two limits in the place of the target, where the text of the rule names both."""
        return None

    @classmethod
    def variants(cls) -> tuple[type[Rule], ...]:
        """The models of all kinds of rules, for those who look for the keys of a profile."""
        from .kind import kinds

        return tuple(kind.model for kind in kinds().values()) if cls is Rule else ()


def as_tuple(data: Any, key: str) -> Any:
    """A profile's table with a list under ``key`` where it has a single text."""
    if isinstance(data, dict) and isinstance(data.get(key), str):
        return {**data, key: (data[key],)}
    return data


class EmissionFactors(Frozen):
    """What a kilowatt-hour from shore avoids: ``sfoc_kg_per_kwh * carbon_factor - grid_kg_per_kwh`` kg of CO2.

    ``sfoc_kg_per_kwh`` is the specific fuel oil consumption of auxiliary engines, ``carbon_factor`` the CO2 by weight
    of fuel (3.206 for marine gas oil: IMO MEPC.308(73)), ``grid_kg_per_kwh`` the factor of the grid, unknown if
    left out. ``source`` says where they are from.
    """

    sfoc_kg_per_kwh: Positive = 0.215
    carbon_factor: Positive = 3.206
    grid_kg_per_kwh: NonNegative | None = None
    source: Wording = Wording("")

    @property
    def avoided_kg_per_kwh(self) -> float | None:
        """CO2 that a kilowatt-hour from shore avoids; None if the grid's factor is not known."""
        if self.grid_kg_per_kwh is None:
            return None
        return self.sfoc_kg_per_kwh * self.carbon_factor - self.grid_kg_per_kwh
