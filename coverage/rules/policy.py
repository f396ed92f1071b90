"""Reading a policy profile, shipped or one's own."""

from __future__ import annotations

from functools import cache, reduce
from importlib import resources
from operator import or_
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SerializeAsAny,
    TypeAdapter,
    field_validator,
)
from pydantic_core import PydanticCustomError

from ..errors import Fault, InputError
from ..patterns import RoadPatterns
from ..schema import LengthUnit, Reader
from ..settings import parse_toml, read_toml
from .costs import CostTable
from .kind import kinds
from .model import Bilingual, EmissionFactors, Rule

R = TypeVar("R", bound=Rule)


@cache
def _reader(models: tuple[type[Rule], ...]) -> TypeAdapter[Rule]:
    """Reads a rule by its kind; built once for the kinds there are."""
    union: Any = Annotated[reduce(or_, models), Field(discriminator="kind")]
    return TypeAdapter(union)


def _rule(value: Any) -> Rule:
    return _reader(tuple(kind.model for kind in kinds().values())).validate_python(value)


AnyRule = Annotated[SerializeAsAny[Rule], PlainValidator(_rule)]
"""A rule of any kind that is declared when a profile is read."""


class Policy(BaseModel):
    """A policy profile.

    Attributes
    ----------
    id, name, source : str
        What it is and where it comes from.
    road_class : dict
        Class of road -> regular expressions; a road belongs to the class if one token of its ``ref``
        matches one of them wholly.
    map_approval : bool
        Whether the country approves maps before they are published (审图号: China's map regulations of 2015).
    lengths : str
        Unit that readers are told lengths in, ``"km"`` or ``"mi"``; settings and files keep kilometres.
    emissions : EmissionFactors
        For the CO2 that shore power avoids; a project may give others.
    rules : tuple of Rule
        In the order of the file.
    costs : CostTable or None
        What actions of a plan cost, where a project does not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def __repr__(self) -> str:
        """Name and number of rules."""
        return f"<Policy {self.id}: {len(self.rules)} rules>"

    __str__ = __repr__

    schema_: Annotated[int, Field(alias="schema", ge=1, le=1)]
    id: str
    name: Bilingual
    source: str
    map_approval: bool = False
    lengths: LengthUnit = "km"
    emissions: EmissionFactors = EmissionFactors()
    road_class: RoadPatterns
    rules: Annotated[tuple[AnyRule, ...], Field(alias="rule")]
    costs: CostTable | None = None

    def reader(self, lang: str) -> Reader:
        """Return a language with the unit that this policy counts lengths in."""
        return Reader(lang, self.lengths)

    def of(self, model: type[R]) -> tuple[R, ...]:
        """Rules of one model, or of models made from it, in the policy's order."""
        return tuple(rule for rule in self.rules if isinstance(rule, model))

    @field_validator("rules")
    @classmethod
    def _unique(cls, value: tuple[Rule, ...]) -> tuple[Rule, ...]:
        ids = [rule.id for rule in value]
        if len(set(ids)) != len(ids):
            twice = {"ids": ", ".join(sorted({i for i in ids if ids.count(i) > 1}))}
            raise PydanticCustomError("rule_ids", "rule ids must differ", twice)
        return value


def _shipped() -> dict[str, str]:
    folder = resources.files(__package__) / "profiles"
    return {
        path.name.removesuffix(".toml"): path.read_text("utf-8")
        for path in sorted(folder.iterdir(), key=lambda p: p.name)
        if path.name.endswith(".toml")
    }


PROFILES = tuple(_shipped())
"""Ids of the profiles that come with plugspan."""


def read_policy(name: str | Path) -> Policy:
    """Read a profile by its id (``"zhuzhou-2025"``) or from a TOML file.

    Raises
    ------
    InputError
        If there is no such profile, or the file has faults (all of them are named).
    """
    shipped = _shipped()
    if str(name) in shipped:
        return parse_toml(shipped[str(name)], Policy, f"{name}.toml")
    path = Path(name)
    if not path.exists():
        key = "policy-missing" if path.suffix == ".toml" or path.name != str(name) else "policy-unknown"
        raise InputError(Fault(key, value=str(name), values={"known": ", ".join(shipped)}))
    return read_toml(path, Policy)
