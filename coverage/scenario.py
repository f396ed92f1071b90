"""A scenario: a plan that somebody changed by hand on the map, as ``scenario.json`` has it.

Read here, compared with another one in lines, and merged with what somebody else made of the same one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import Fault, InputError
from .settings import validated
from .texts import text

MOST_BYTES = 5_000_000
SCENARIO_FILE = "scenario.json"
"""In a run folder: what its plan was recounted from, so that the command repeats it."""
SITE = "site:"
"""Before the id of a site of today, in the list of what is off."""
Name = Annotated[str, Field(min_length=1, max_length=300)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ScenarioPlace(_Part):
    """A new site at a place of its own on a route.

    Attributes
    ----------
    ref : str
        Number of the route.
    km : float
        Its mark, of the direction's own chainage.
    direction : str
        ``both`` where the two directions run on one carriageway, else the carriageway it stands on.
    section : int, optional
        Section of the route; the one that has the mark (and lies at ``lon``, ``lat``) if it is left out.
    lon, lat : float, optional
        Where the page saw it, EPSG:4326: a mark that is somewhere else by now is a fault.
    """

    ref: Name
    km: Annotated[float, Field(allow_inf_nan=False, ge=-100_000, le=100_000)]
    direction: Literal["both", "forward", "backward"] = "both"
    section: int | None = None
    lon: Annotated[float, Field(ge=-180, le=180)] | None = None
    lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    kind: Literal["new_site"] = "new_site"

    @property
    def name(self) -> str:
        """As a file is read, in any language: ``G106 265.12 km``."""
        way = " ←" if self.direction == "backward" else ""
        section = f" ({self.section})" if (self.section or 1) > 1 else ""
        return f"{self.ref} {round(self.km, 3):.10g} km{section}{way}"

    @property
    def id(self) -> str:
        """Id of the action that builds it, as candidates on routes have it."""
        way = "-back" if self.direction == "backward" else ""
        return f"route_point-{self.ref}-{self.section or 1}-{self.km:.3f}{way}"


class Scenario(_Part):
    """What is carried out and what is switched off.

    Attributes
    ----------
    schema_ : int
        1.
    name, project, inputs_sha256 : str
        What it is called, and what it was made from.
    on : tuple of str
        Ids of the actions that are carried out, no others.
    off : tuple of str
        Ids of actions that were ruled out by hand, and ``site:ID`` of sites of today that are closed.
    places : tuple of ScenarioPlace
    years : mapping
        Year in which each action is carried out, where there are years.
    figures : mapping
        What the page said of it: ``rules, longest_gap_km, gaps_over, people, cost``.
    """

    schema_: Literal[1] = Field(alias="schema")
    name: str = ""
    project: str = ""
    inputs_sha256: str = ""
    on: tuple[Name, ...]
    off: tuple[Name, ...] = ()
    places: tuple[ScenarioPlace, ...] = ()
    years: dict[str, int] = Field(default_factory=dict)
    figures: dict[str, Any] = Field(default_factory=dict)

    def text(self) -> str:
        """Return it as ``scenario.json`` has it."""
        return json.dumps(self.model_dump(by_alias=True, mode="json"), ensure_ascii=False, indent=1) + "\n"

    @property
    def closed_sites(self) -> tuple[str, ...]:
        """Ids of the sites of today that are switched off."""
        return tuple(name.removeprefix(SITE) for name in self.off if name.startswith(SITE))

    def decisions(self) -> dict[str, Any]:
        """Each decision by what it is on: ``"on"`` (with its year, if any) or ``"off"``."""
        found: dict[str, Any] = dict.fromkeys(self.off, "off")
        on = [(name, name) for name in self.on] + [(place.name, place.id) for place in self.places]
        return found | {name: f"on {self.years[key]}" if key in self.years else "on" for name, key in on}


def read_scenario(path: Path) -> Scenario:
    """Read a ``scenario.json``.

    Raises
    ------
    InputError
        If it is no file, too large, no JSON, or no scenario; with every fault of its entries.
    """
    try:
        if not path.is_file():
            raise InputError(Fault("scenario-no-file", file=str(path)))
        if path.stat().st_size > MOST_BYTES:
            raise InputError(Fault("scenario-no-file", file=str(path)))
        found = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(Fault("scenario-no-file", file=str(path))) from error
    except (ValueError, RecursionError) as error:
        raise InputError(Fault("scenario-damaged", file=str(path))) from error
    if not isinstance(found, dict) or found.get("schema") != 1:
        raise InputError(Fault("scenario-damaged", file=str(path)))
    return validated(found, Scenario, str(path))


def is_scenario(path: Path) -> bool:
    """Whether a path is to be read as a scenario and not as a run: a JSON file with ``on`` and no findings."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return False
        found = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "on" in found and "findings" not in found


@dataclass(frozen=True)
class Merged:
    """Two scenarios that come from a third one, joined.

    Attributes
    ----------
    agreed : mapping
        Decisions that both changed alike, or one of them alone: what it is on -> the decision.
    conflicts : mapping
        What both changed differently -> (base, one, other).
    decisions : mapping
        All decisions of the joined scenario; where there is a conflict, that of the base.
    """

    agreed: Mapping[str, str]
    conflicts: Mapping[str, tuple[str, str, str]]
    decisions: Mapping[str, str]


NOTHING = ""
"""No decision on something: it is not carried out, and nobody ruled it out."""


def merge_scenarios(base: Scenario, one: Scenario, other: Scenario) -> Merged:
    """Join what two people made of one scenario.

    Examples
    --------
    >>> def of(on, off=()): return Scenario(schema=1, on=on, off=off)
    >>> merged = merge_scenarios(of(["a", "b"]), of(["a", "c"]), of(["a", "b", "d"], ["c"]))
    >>> dict(merged.agreed), dict(merged.conflicts)
    ({'b': '', 'd': 'on'}, {'c': ('', 'on', 'off')})
    """
    was, mine, theirs = (scenario.decisions() for scenario in (base, one, other))
    agreed: dict[str, str] = {}
    conflicts: dict[str, tuple[str, str, str]] = {}
    joined: dict[str, str] = {}
    for name in sorted({*was, *mine, *theirs}):
        a, b, c = (found.get(name, NOTHING) for found in (was, mine, theirs))
        if c in (a, b):
            result = b
        elif b == a:
            result = c
        else:
            conflicts[name] = (a, b, c)
            result = a
        if result != a:
            agreed[name] = result
        if result != NOTHING:
            joined[name] = result
    return Merged(agreed, conflicts, joined)


def merged_scenario(merged: Merged, base: Scenario, places: Mapping[str, ScenarioPlace]) -> dict[str, Any]:
    """The joined scenario as ``scenario.json`` has it, without figures: nobody has counted it yet."""
    on = [n for n, what in merged.decisions.items() if what.startswith("on")]
    ids = {name: place.id for name, place in places.items()}
    return {
        "schema": 1,
        "name": base.name,
        "project": base.project,
        "inputs_sha256": base.inputs_sha256,
        "on": [name for name in on if name not in places],
        "off": [name for name, what in merged.decisions.items() if what == "off"],
        "places": [places[name].model_dump(exclude_none=True) for name in on if name in places],
        "years": {
            ids.get(n, n): int(merged.decisions[n].split()[1]) for n in on if " " in merged.decisions[n]
        },
    }


# -- two scenarios in words ---------------------------------------------------------------------------


def decision_words(decision: str, lang: str) -> str:
    """A decision in words: switched on (in a year), ruled out, none."""
    what, _, year = decision.partition(" ")
    return text(f"scenario.{what or 'nothing'}", lang) + (f" {year}" if year else "")


def decided_on(name: str, lang: str) -> str:
    """What a decision is on: the id of an action, or a site of today in words."""
    return text("scenario.site", lang, name=name.removeprefix(SITE)) if name.startswith(SITE) else name


def compare_lines(first: Scenario, second: Scenario, lang: str) -> list[str]:
    """What two scenarios decide differently, then the figures that the page said of each.

    Parameters
    ----------
    first, second : Scenario
    lang : str

    Returns
    -------
    list of str
        Tab-separated: what, in the first, in the second.
    """
    one, other = first.decisions(), second.decisions()
    lines = [
        "\t".join(
            [decided_on(name, lang), *(decision_words(found.get(name, ""), lang) for found in (one, other))]
        )
        for name in sorted({*one, *other})
        if one.get(name, "") != other.get(name, "")
    ]
    for key in ("cost", "people", "longest_gap_km", "gaps_over"):
        a, b = first.figures.get(key), second.figures.get(key)
        if a != b:
            lines.append("\t".join([text(f"scenario.figure.{key}", lang), *(_number(x) for x in (a, b))]))
    mine, theirs = (s.figures.get("rules") for s in (first, second))
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for rule in sorted({*mine, *theirs}):
            ends = [_interval(found.get(rule)) for found in (mine, theirs)]
            if ends[0] != ends[1]:
                lines.append("\t".join([rule, *ends]))
    return lines or [text("scenario.same", lang)]


def scenario_result(scenario: Scenario, run: Mapping[str, Any]) -> dict[str, Any]:
    """What ``result.json`` would say of a scenario, as far as the page has told it.

    Parameters
    ----------
    scenario : Scenario
    run : mapping
        ``result.json`` of the run on whose map it was made: today's state, and names, costs and places of its actions.

    Returns
    -------
    dict
        As ``result.json`` is laid out; ``plan.off`` has what was ruled out by hand.
    """
    told = scenario.figures
    known = {
        str(row.get("action_id")): row
        for path in (("plan", "others"), ("plan", "actions"))
        for row in _rows(run, *path)
    }
    actions = [
        {key: known.get(name, {}).get(key) for key in ("kind", "name", "lon", "lat", "cost")}
        | {"action_id": name}
        for name in scenario.on
    ]
    actions += [place.model_dump() | {"action_id": place.id, "name": place.name} for place in scenario.places]
    for row in actions:
        row["year"] = scenario.years.get(str(row["action_id"]))
    gaps = {"gap_max_km": told.get("longest_gap_km"), "own_gaps_over": told.get("gaps_over")}
    rules, after = told.get("rules"), _rows(run, "after", "findings")
    spacing = [row.get("rule") for row in after if row.get("unit") == "km"]
    findings = []
    for row in after:
        mine = _at(rules, str(row.get("rule")))
        figures = gaps if [row.get("rule")] == spacing else {}  # the page tells the gaps of one rule
        said = {**mine, "shown": mine.get("status"), "figures": figures} if isinstance(mine, Mapping) else {}
        findings.append({**row, **said})
    before = _rows(run, "plan", "steps")[:1]
    cost = {"high": told.get("cost"), "unit": _at(run, "plan", "cost", "unit")}
    plan = {
        "actions": actions,
        "off": list(scenario.off),
        "cost": cost,
        "people": {"after": told.get("people")},
        "steps": [*before, {"longest_gap_km": told.get("longest_gap_km")}],
    }
    today = {key: run.get(key) for key in ("project", "provenance", "findings", "routes", "siting")}
    return {**today, "after": {"findings": findings}, "plan": plan}


def _at(found: object, *names: str) -> Any:
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _rows(found: object, *names: str) -> list[dict[str, Any]]:
    """Rows of a part of ``result.json``; none where somebody else's has no list."""
    rows = _at(found, *names)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _number(value: object) -> str:
    return f"{value:,.10g}" if isinstance(value, int | float) else "–"


def _interval(found: object) -> str:
    if not isinstance(found, dict):
        return "–"
    low, high = (_number(found.get(end)) for end in ("low", "high"))
    status = found.get("status")
    return (low if low == high else f"{low} – {high}") + (f" ({status})" if isinstance(status, str) else "")


def merge_lines(merged: Merged, lang: str) -> list[str]:
    """What both agree on, then the conflicts with all three decisions.

    Parameters
    ----------
    merged : Merged
    lang : str
    """
    agreed = [
        "\t".join([text("scenario.agreed", lang), decided_on(name, lang), decision_words(decision, lang)])
        for name, decision in merged.agreed.items()
    ]
    conflicts = [
        "\t".join(
            [
                text("scenario.conflict", lang),
                decided_on(name, lang),
                *(decision_words(x, lang) for x in three),
            ]
        )
        for name, three in merged.conflicts.items()
    ]
    return [*agreed, *conflicts] or [text("scenario.same", lang)]
