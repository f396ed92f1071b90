"""What actions cost: a table of the profile, which a project may replace in part or in whole."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from ..settings import Share, Wording

Money = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class ActionCost(BaseModel):
    """Cost of one kind of action: ``base + per_point × points + per_kw × kW + per_space × spaces``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: Money = 0.0
    place: dict[str, Money] = Field(default_factory=dict)
    per_point: Money = 0.0
    per_kw: Money = 0.0
    per_space: Money = 0.0
    paid_by: dict[str, Share] = Field(default_factory=dict)

    @field_validator("paid_by")
    @classmethod
    def _whole(cls, value: dict[str, float]) -> dict[str, float]:
        if value and abs(sum(value.values()) - 1.0) > 1e-6:
            raise PydanticCustomError(
                "paid_by", "the shares of paid_by must add up to 1", {"sum": sum(value.values())}
            )
        return value

    def of(self, place: str, points: float = 0.0, kw: float = 0.0, spaces: float = 0.0) -> float:
        """Money of an action at a kind of place.

        >>> ActionCost(base=80, place={"service_area": 100}, per_kw=0.1).of("service_area", 4, 480)
        148.0
        """
        base = self.place.get(place, self.base)
        return base + self.per_point * points + self.per_kw * kw + self.per_space * spaces


class CostTable(BaseModel):
    """Costs by kind of action, with their unit and source.

    Attributes
    ----------
    currency : str
        Unit of all money: ``"万元"``, ``"k€"``, ``"k$"``.
    source, date
        Where the figures come from, and of when they are.
    assumed : bool
        No source gives them: shown as an assumption wherever money stands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str = Field("", max_length=20)
    source: Wording = Wording("")
    date: dt.date | None = None
    assumed: bool = True
    new_site: ActionCost = ActionCost(base=1.0)
    upgrade: ActionCost = ActionCost(base=0.5)
    commission: ActionCost = ActionCost(base=0.5)
    high_power: ActionCost = ActionCost(base=2.0)
    shore_power: ActionCost = ActionCost(base=1.0)
    ready_spaces: ActionCost = ActionCost(per_space=0.01)
    battery_swap: ActionCost = ActionCost(base=5.0)
    hydrogen: ActionCost = ActionCost(base=15.0)
    photovoltaics: ActionCost = ActionCost(per_kw=0.004)


def merged_costs(profile: CostTable | None, own: CostTable) -> CostTable:
    """The profile's table with what a project says instead, key by key.

    Parameters
    ----------
    profile : CostTable or None
    own : CostTable
        ``[costs]`` of the project; only what it sets counts.
    """
    base = (profile or CostTable()).model_dump()
    for key, value in own.model_dump(exclude_unset=True).items():
        is_action = isinstance(getattr(own, key), ActionCost)  # a source by language is taken whole
        base[key] = {**base[key], **value} if is_action else value
    return CostTable.model_validate(base)
