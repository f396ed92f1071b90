"""Reading a policy profile, shipped or one's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
from ..schema import LengthUnit, Reader, Waymarks
from ..settings import Wording, parse_toml, read_toml, validated
from ..texts import text
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
        What it is and where it comes from, the source plain or by language.
    road_class : dict
        Class of road -> regular expressions; a road belongs to the class if one token of its ``ref``
        matches one of them wholly.
    document : Bilingual or None
        Name of the document that the clauses of the rules are of, where they don't name it themselves.
    map_approval : bool
        Whether the country approves maps before they are published (审图号: China's map regulations of 2015).
    lengths : str
        Unit that lengths are shown in, ``"km"`` or ``"mi"``; settings and files keep kilometres.
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
    source: Wording
    document: Bilingual | None = None
    map_approval: bool = False
    lengths: LengthUnit = "km"
    emissions: EmissionFactors = EmissionFactors()
    road_class: RoadPatterns
    rules: Annotated[tuple[AnyRule, ...], Field(alias="rule")]
    costs: CostTable | None = None

    def reader(self, lang: str, waymarks: Waymarks | None = None) -> Reader:
        """Return a language with the unit that this policy counts lengths in, and what is known of the roads."""
        return Reader(lang, self.lengths, waymarks)

    def clause(self, rule: Rule, lang: str) -> str:
        """The clause a rule comes from, with the name of its document."""
        source = rule.source.of(lang)
        if self.document is None:
            return source
        return text("policy.clause", lang, document=self.document[lang], source=source)

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


FIXED = ("id", "kind", "title", "short", "source", "assumptions")
"""Keys of a rule that a project can't change: what is asked for, not what it is."""


def with_changes(
    policy: Policy, changes: Mapping[str, Mapping[str, Any]], file: str
) -> tuple[Policy, list[Fault]]:
    """Return a policy with values of its rules changed for one project; the profile stays as it is.

    Parameters
    ----------
    policy : Policy
    changes : mapping
        Id of a rule -> keys as the profile writes them (``{"site": {"dc_min_kw": 120.0}}``).
    file : str
        Named in the faults: where the changes stand.

    Returns
    -------
    Policy
        Changed values are assumptions of the rule: no source of the profile gives them.
    list of Fault
        A warning for each value that differs from the profile's.

    Raises
    ------
    InputError
        If there is no such rule, or a rule can't be as the changes say; all faults are named.
    """
    known = {rule.id: rule for rule in policy.rules}
    faults: list[Fault] = []
    notes: list[Fault] = []
    for name, wanted in changes.items():
        if name not in known:
            faults.append(Fault("rule-unknown", file=file, value=name, values={"known": ", ".join(known)}))
            continue
        rule = known[name]
        try:
            known[name] = _changed(rule, wanted, file)
        except InputError as error:
            faults += error.faults
            continue
        for path, new in leaves(wanted):
            old = value_at(rule, path)
            if old != value_at(known[name], path):
                values = {
                    "rule": rule.title,
                    "key": ".".join(path),
                    "old": _plainly(old),
                    "new": _plainly(new),
                }
                notes.append(Fault("rule-changed", file=file, value=name, values=values, warning=True))
    if faults:
        raise InputError(faults)
    return policy.model_copy(update={"rules": tuple(known.values())}), notes


def _changed(rule: Rule, wanted: Mapping[str, Any], file: str) -> Rule:
    if fixed := sorted(set(wanted) & set(FIXED)):
        values = {"key": fixed[0], "rule": rule.id}
        raise InputError(Fault("rule-fixed", file=file, value=fixed[0], values=values))
    data = _merged(rule.model_dump(exclude_unset=True), wanted)
    changed = [path[-1] for path, _ in leaves(wanted) if value_at(rule, path) != _at(wanted, path)]
    data["assumptions"] = tuple(dict.fromkeys([*rule.assumptions, *changed]))
    try:
        return validated(data, type(rule), file)
    except InputError as error:
        raise InputError([_of_rule(fault, rule.id) for fault in error.faults]) from error


def _of_rule(fault: Fault, name: str) -> Fault:
    """A fault of a rule's keys with the whole path of the key in the project file."""
    if "key" in fault.values:
        return replace(fault, values={**fault.values, "key": f"rules.{name}.{fault.values['key']}"})
    return replace(fault, value=f"rules.{name}.{fault.value}")


def _merged(data: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Tables within tables are merged key by key; of a target the new kind takes the place of the old one."""
    found = dict(data)
    for key, value in wanted.items():
        inner = found.get(key)
        if key == "target" or not (isinstance(inner, Mapping) and isinstance(value, Mapping)):
            found[key] = value
        else:
            found[key] = _merged(inner, value)
    return found


def leaves(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (path, value) of all values of a table with tables in it."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def value_at(rule: Rule, path: Sequence[str]) -> Any:
    """Return a rule's value by the path of its key, lists as tuples; None if it has no such key."""
    found: Any = rule
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else getattr(found, part, None)
    return found


def _at(table: Any, path: Sequence[str]) -> Any:
    for part in path:
        table = table[part]
    return tuple(table) if isinstance(table, list) else table


def _plainly(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_plainly, value))
    return f"{value:g}" if isinstance(value, float) else "–" if value is None else str(value)


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
