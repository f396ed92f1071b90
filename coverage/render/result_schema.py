"""The JSON Schema of ``result.json``, made of the registry of columns: what a figure is stands there, once."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from ..project import Aim
from ..rules.finding import Shown, Status
from ..schema import COLUMNS
from ..siting.maxcover import STATUSES
from ..tables.numbers import OF_PARTS
from ..tables.result import RESULT_SCHEMA
from ..texts import catalogue

Schema = dict[str, Any]
TYPES = {"int": "integer", "float": "number", "bool": "boolean"}
"""JSON types of a column's; the others are texts."""
TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
_COUNTED_BY: Schema = {
    "type": ["string", "null"],
    "description": "Rule that says which sites count for who is reached; null without one.",
}
NUMBER: Schema = {"type": ["number", "null"]}
COUNT: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
DATE: Schema = {
    "type": ["string", "null"],
    "description": 'Day of the state that was assessed; rules due later are "not due" until they are met.',
}
FREE: Schema = {"type": "object"}
SCHEMA_ID = f"urn:plugspan:result:{RESULT_SCHEMA}"
"""Name of the schema; it stays while ``schema`` in a result does."""
UNITS = ("share", "km", "margin", "count")


def one_of(*values: object) -> Schema:
    """One of these values."""
    return {"enum": list(values)}


def object_of(required: str = "", optional: str = "", /, *, more: bool = False, **own: Any) -> Schema:
    """Return the schema of an object: columns of the registry by name, and what ``own`` says of others.

    Parameters
    ----------
    required, optional : str
        Names separated by blanks. Columns of the registry have the type and meaning that stand there; they may be
        null, as what is unknown is.
    more : bool
        Whether there may be other keys.
    **own
        Schema by name, of keys that are no columns or are something else here; optional unless in ``required``.
    """
    names = dict.fromkeys([*required.split(), *optional.split(), *own])
    return {
        "type": "object",
        "required": required.split(),
        "properties": {name: own.get(name) or column_schema(name) for name in names},
        "additionalProperties": more,
    }


def rows_of(required: str = "", optional: str = "", /, *, more: bool = False, **own: Any) -> Schema:
    """A list of objects; see :func:`object_of`."""
    return {"type": "array", "items": object_of(required, optional, more=more, **own)}


def column_schema(name: str) -> Schema:
    """What a column of the registry holds: its type or null, its codes, its meaning and unit."""
    column = COLUMNS[name]
    found: Schema = {"type": [TYPES.get(column.type, "string"), "null"]}
    if column.type == "choice" and (codes := _codes(column.labels or name)):
        found = {"enum": [*codes, *([column.absent] if column.absent else []), None]}
    meaning = column.meaning("en")
    return {
        **found,
        "description": f"{meaning} [{column.unit}]" if column.unit not in ("", "money") else meaning,
    }


def _codes(name: str) -> list[str]:
    start = f"choice.{name}."
    return [key.removeprefix(start) for key in catalogue() if key.startswith(start)]


# -- the parts -------------------------------------------------------------------------------------------

SOLVER = one_of(*STATUSES, "unknown")
PROOF: dict[str, Any] = {
    "objective": NUMBER, "bound": NUMBER, "gap": NUMBER, "status": SOLVER, "runtime_s": {"type": "number"},
}  # fmt: skip
"""A figure with its proof: no plan has more than ``bound``, so the plan is within ``gap`` of the best."""
LEVEL = one_of("optimal", "greedy", "work_limit", "interrupted")
"""How a level of the plan ended; ``work_limit``: with the best plan and bound by then."""


def _findings(*, with_target: bool) -> Schema:
    own: dict[str, Any] = {
        "kind": TEXT, "unit": one_of(*UNITS), "low": NUMBER, "high": NUMBER,
        "counts": {"type": "object", "additionalProperties": {"type": "number"}}, "figures": FREE, "source": TEXT,
        "assumptions": TEXTS, "evidence": {"type": "array", "items": FREE}, "survey": TEXTS,
    }  # fmt: skip
    own["may_count"] = described(
        "How many more things may belong to what the rule counts; null: it counts nothing.",
        {"type": ["integer", "null"]},
    )
    own["part_unit"] = described("Numerators: km, or counted.", one_of("", "km", None))
    own["whole_unit"] = described("Denominators: km, or counted.", one_of("", "km", None))
    names = "rule title low high"
    if with_target:
        own |= {
            "target": {"type": "number"},
            "by": {"type": ["string", "null"], "description": "Day by which the rule must be met."},
            "sense": one_of("<=", ">="),
            "status": one_of(*get_args(Status)),
            "shown": one_of(*get_args(Shown)),
        }
        names += " target status"
    found = rows_of(names, " ".join(OF_PARTS), **own)
    if with_target:
        found["items"]["description"] = (
            "A rule with a target. [low, high] is the value over all ways to decide what is unknown; shown is the "
            "status as it is shown: an average that is met while own parts of gaps are too long is met on average."
        )
    return found


def _gaps() -> Schema:
    ends = rows_of(
        "evidence_kind site_id", "name chainage_km distance_km back_km", ways={"type": ["string", "null"]}
    )
    return rows_of(
        "rule ref section direction from_km to_km length_km open_start open_end spacing_class own_km over "
        "gap_id mark_kind",
        "road_class from_site to_site inside_km",
        more=True,
        road_class=described("Class of the road, by the policy's patterns of numbers.", TEXT),
        over={**FLAG, "description": "The own part is longer than the span."},
        once={**FLAG, "description": "False for the other direction of a gap that is counted already."},
        needs={
            **one_of("before", "after", "either", "both", "several", None),
            "description": "Of a shared gap, only there: where the neighbour must build, as one drives.",
        },
        one_inside={
            **one_of("yes", "no", "unknown", None),
            "description": "Of a shared gap, only there: whether one site inside would close it.",
        },
        **{f"{part}_{end}_km": NUMBER for part in ("before", "after", "inside") for end in ("from", "to")},
        ways={**TEXT, "description": "OSM ways the gap runs on, in driving order."},
        ends=ends,
        candidates=rows_of("action_id name kind chainage_km", "distance_km back_km"),
        not_counting=rows_of("site_id reason", "name meets chainage_km distance_km back_km straight_km"),
    )


def _routes() -> Schema:
    numbers = (
        "parallel_km gap_median_km gap_p90_km driven_km direction_sites own_gaps_over good_km middle_km gap_km "
        "no_site_km open_km shared_km shared_max_km gap_max_open covered_low covered_high"
    )
    names = "ref class length_km sites length_per_site_km gap_mean_km gap_max_km"
    own = {"class": TEXT, "gaps": COUNT, "shared_gaps": COUNT, "covered_low": NUMBER, "covered_high": NUMBER}
    return rows_of(names, numbers, more=True, **own)


def _siting() -> Schema:
    any_row: Schema = {"type": "array", "items": FREE}
    goal = object_of(
        "name unit before objective bound gap status runtime_s", name=TEXT, before=NUMBER,
        unit=one_of("weight", "share"),
        **PROOF, options={"type": "object", "additionalProperties": NUMBER},
    )  # fmt: skip
    sites = rows_of(
        "name existing lon lat county covers left lost",
        "site_id action_id plugs capacity served",
        existing=FLAG,
        county=TEXT,
    )
    counties = rows_of(
        "county total before after share_before share_after sites min_sites", **_shares(), county=TEXT
    )
    aims = get_args(Aim)
    curve = rows_of(
        "first second share_first share_second sites cost chosen status", first=one_of(*aims), second=one_of(*aims),
        chosen=TEXTS, status=SOLVER, cost=NUMBER,
    )  # fmt: skip
    phases = rows_of(
        "phase sites covered twice left_worst left_mean worst_site", phase=one_of("before", "after"), covered=NUMBER,
        twice=NUMBER, left_worst=NUMBER, left_mean=NUMBER, worst_site={"type": ["string", "null"]},
    )  # fmt: skip
    return rows_of(
        "objective_name method chosen objective bound gap status runtime_s",
        objective_name=TEXT, method=TEXT, rule=_COUNTED_BY, chosen=TEXTS,
        gain={"type": "array", "items": {"type": "number"}}, **PROOF,
        seed=COUNT, total=NUMBER, existing=NUMBER, cost=NUMBER, candidates=COUNT,
        proposed=rows_of("action_id", more=True), unreachable=any_row,
        verified=FLAG, faults=TEXTS, reason={"type": ["string", "null"]},
        frontier=rows_of("sites objective bound gap", objective=NUMBER, cost=NUMBER, more=True),
        choices=rows_of("action_id price price_low share_of_good_plans essential", more=True),
        alternatives=rows_of("objective chosen", objective=NUMBER, chosen=TEXTS, more=True),
        weight_unit={**one_of("people", "m"), "description": "Unit of every weight of this siting."},
        goal={"anyOf": [goal, {"type": "null"}], "description": "What decided, where it is not plain coverage."},
        sites=sites, backup=phases, counties=counties,
        scenarios=rows_of("scenario probability detour total before after share_before share_after", **_shares(),
                          probability=NUMBER),
        aims=rows_of("aim importance total before after share_before share_after", **_shares(), importance=NUMBER),
        pareto_front=curve,
        frontier_by_money=rows_of("budget sites objective bound gap cost", objective=NUMBER),
    )  # fmt: skip


def _shares() -> dict[str, Any]:
    return dict.fromkeys(("total", "before", "after", "share_before", "share_after"), NUMBER)


def described(what: str, found: Schema) -> Schema:
    """A schema with its meaning."""
    return {**found, "description": what}


def _plan() -> Schema:
    rules: Schema = {
        "type": "object",
        "additionalProperties": object_of(
            "low high status", status=one_of(*get_args(Status)), low=NUMBER, high=NUMBER
        ),
    }
    amount: Schema = {"type": "number"}
    year: dict[str, Any] = {"year": {"type": ["integer", "null"]}}
    kind: dict[str, Any] = {"kind": column_schema("action_kind"), "place": TEXT, "cost": amount}
    closes = {"type": "array", "items": object_of("rule weight", "site_id gap_id", weight=NUMBER, more=True)}
    lengths = rows_of("rule ref length_km", "section direction from_km to_km")
    actions = rows_of(
        "action_id kind place name lon lat year order cost spent closes closed_lengths people_gained certain "
        "without_low without_high without_lost", "county pin traffic_points", order=COUNT, closed_lengths=lengths,
        people_gained=amount, traffic_points={"type": ["integer", "null"]}, spent=amount, closes=closes,
        without_low=NUMBER, without_high=NUMBER,
        **kind, **year, more=True,
    )  # fmt: skip
    steps = rows_of(
        "order action_id year spent people people_share longest_gap_km gaps_over rules", order=COUNT,
        spent=amount, people=amount, people_share=NUMBER, longest_gap_km={"type": ["number", "null"]},
        gaps_over={"type": ["integer", "null"]}, rules=rules, **year,
    )  # fmt: skip
    levels = rows_of(
        "name objective bound price_bound rests_on gap status runtime_s",
        name=one_of("money", "people", "highway", "flow", "aims", "actions"), price_bound=NUMBER,
        rests_on=one_of("prices", "branch_and_bound"), **{**PROOF, "status": LEVEL}, more=True,
    )  # fmt: skip
    schedule = object_of(
        "objective bound price_bound rests_on gap status runtime_s missed", price_bound=NUMBER,
        rests_on=one_of("prices", "branch_and_bound"), missed=rows_of("year rule", year=COUNT, more=True),
        **{**PROOF, "status": LEVEL}, more=True,
    )  # fmt: skip
    stages = rows_of(
        "year budget spent actions people people_share rules", year=COUNT, budget=amount, spent=amount, actions=COUNT,
        people=amount, people_share=NUMBER,
        rules=rules, more=True,
    )  # fmt: skip
    others = rows_of(
        "action_id kind place name cost insist_low insist_high chosen_at",
        "county lon lat pin",
        **kind,
        more=True,
    )
    excluded = rows_of(
        "action_id kind place name reason", "county", kind=kind["kind"], place=TEXT, reason=TEXT, more=True
    )
    cost = object_of(
        "low high least greedy budget unit source assumed", low=amount, high=amount, least=amount, greedy=amount,
        budget=NUMBER, unit=TEXT, source=TEXT, assumed=FLAG, paid_by={"type": "object", "additionalProperties": amount},
        more=True,
    )  # fmt: skip
    plan = object_of(
        "then actions steps step_gaps levels "
        "stages unmet shared_gaps survey others excluded cost candidates in_time verified faults "
        "proof",
        more=True,
        in_time=described(
            "Actions that were set so that rules are met by their years: what is proven is proven of plans with them.",
            TEXTS,
        ),
        actions=described(
            "In building order. without_…: additional money if the action must not be; without_lost: what nothing "
            "serves then.", actions,
        ),
        steps=described(
            "Today, then the state after each action; what opens by itself is a step with the order of the one before.",
            steps,
        ),
        levels=described(
            "price_bound follows from the prices of the proof by weak duality; bound may rest on branch and bound "
            "beyond it.", levels,
        ),
        step_gaps=described(
            "Gaps of the first rule on spacing that are there between two steps only, neither today nor with the plan.",
            rows_of(
                "gap_id rule ref section direction from_km to_km length_km own_km spacing_class from_step to_step",
                from_step=COUNT, to_step=COUNT, more=True,
            ),
        ),
        schedule={"anyOf": [{"type": "null"}, described(
            "Proof of the spread over the years; missed: rules that are due by the end of a year and not met then.",
            schedule,
        )]},
        stages=described("State at the end of each year; budget: money up to it.", stages),
        unmet=described(
            "What no action can serve.", rows_of("rule why who", "site_id gap_id", why=TEXT, who=TEXT, more=True),
        ),
        shared_gaps=rows_of("gap_id", more=True),
        survey=described(
            "What to find out, by the money that the answer can save.",
            rows_of("what saves_low saves_high", what={"type": ["string", "null"]}, more=True),
        ),
        others=described(
            "Actions not in the plan: additional money if one insists, and the cost at which it would be chosen.",
            others,
        ),
        excluded=described("Places that can't be chosen, and why.", excluded),
        then=described("What the rest of the money is spent on, with its importance; 1 in all.",
                  {"type": "object", "additionalProperties": amount}),
        cost=cost, people=object_of("total before after", rule=_COUNTED_BY, **_shares(), more=True), proof=_proof(),
        given=described("The plan is a scenario's: recounted, not optimised.", FLAG),
        complete=FLAG, candidates=COUNT, verified=FLAG, faults=TEXTS,
    )  # fmt: skip
    return described("The plan to adopt; null if none was asked for. Money in cost.unit.", plan)


def _proof() -> Schema:
    amount: Schema = {"type": "number"}
    amounts: Schema = {"type": "array", "items": amount}
    counts: Schema = {"type": "array", "items": COUNT}
    rows = rows_of(
        "item need actions", item=COUNT, need=amount, actions=counts, amounts=amounts, lost=FLAG, line=COUNT,
        from_m=amount, more=True,
    )  # fmt: skip
    whole: Schema = {"type": "array", "items": {"type": "integer"}}
    drives = described(
        "Distances from both ends of a piece of road, without it: it passes if to_u_m of one site and to_v_m of "
        "another are within left_m; action -1: a site that is there.",
        rows_of(
            "left_m action site to_u_m to_v_m", left_m=amount, action=whole, site=whole, to_u_m=amounts, to_v_m=amounts,
            more=True,
        ),
    )  # fmt: skip
    lines = rows_of(
        "name span_m ring_m begin_m fixed_m action action_m", name={"type": "array"}, span_m=amount, ring_m=amount,
        begin_m=amounts, fixed_m=amounts, action=counts, action_m=amounts, more=True,
    )  # fmt: skip
    levels = rows_of(
        "name objective bound price_bound prices ties", name=TEXT, objective=amount, bound=amount, price_bound=amount,
        prices=amounts, ties=amounts, more=True,
    )  # fmt: skip
    pairs: Schema = {"type": "array", "items": {"type": "array"}}
    years = described(
        "The spread over the years: position of each action's year, rules held from a year on, prices of its rows.",
        object_of(
            "years money first hold stage missed count good ties people prices objective bound price_bound",
            years=counts, money=amounts, first=counts, hold=pairs, stage=whole, missed=pairs, count=COUNT, good=amount,
            ties=amounts, people=pairs, prices=amounts, objective=amount, bound=amount, price_bound=amount, more=True,
        ),
    )  # fmt: skip
    proof = object_of(
        "ids cost required forbidden rules items rows lines drives demand purse chosen complete levels years",
        more=True, ids=TEXTS,
        cost=amounts, required=counts, forbidden=counts, purse=amount, chosen=counts, complete=FLAG, rows=rows,
        lines=lines, drives=drives, levels=levels,
        rules=rows_of("id served total share due", served=amount, total=amount, share=amount,
                      due={"type": ["integer", "null"]}, more=True),
        years={"anyOf": [{"type": "null"}, years]},
        items=rows_of("rule weight hopeless", rule=COUNT, weight=amount, hopeless=FLAG, more=True),
        demand=rows_of("weight actions", weight=amount, actions=counts, more=True),
    )  # fmt: skip
    return described(
        "All that is needed to derive the bounds anew; positions are those in ids. See docs/plan.md.", proof
    )


def result_schema() -> Schema:
    """Return the JSON Schema (2020-12) of ``result.json``."""
    state: dict[str, Any] = {
        "routes": _routes(),
        "findings": _findings(with_target=True),
        "measures": _findings(with_target=False),
    }
    sha256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    least = rows_of(
        "objective_name rule span_km method chosen objective bound gap status runtime_s unserved", **PROOF,
        objective_name=TEXT, rule=TEXT, method=TEXT, chosen=TEXTS,
        unserved=rows_of("ref section direction from_km to_km", more=True), proposed=rows_of("action_id", more=True),
        reason={"type": ["string", "null"]}, more=True,
    )  # fmt: skip
    factors = "sfoc_kg_per_kwh carbon_factor grid_kg_per_kwh avoided_kg_per_kwh source"
    kg: dict[str, Any] = dict.fromkeys(factors.split()[:4], NUMBER)
    retrofit = object_of(
        "berths factors load_kw", more=True, berths=rows_of("site_id", more=True), load_kw=NUMBER,
        factors=object_of(factors, **kg, source=TEXT),
    )  # fmt: skip
    found = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "plugspan result",
        "description": "Every number of a plan. Keys ending in a unit are in that unit; shares go from 0 to 1.",
        **object_of(
            "schema project provenance network routes findings siting after",
            more=True,
            schema={"const": RESULT_SCHEMA},
            project=object_of(
                "name policy", name=TEXT, policy=TEXT, reference_date=DATE, more=True,
                length_unit={
                    **one_of("km", "mi"),
                    "description": "Unit that map, workbook, report and terminal show lengths in; keys keep theirs.",
                },
            ),
            provenance=object_of(
                "inputs versions",
                inputs=rows_of("path sha256", path=TEXT, sha256=sha256),
                versions={"type": "object", "additionalProperties": TEXT}, started=TEXT,
                scenario=described(
                    "The file beside this one that the plan was recounted from; null if the plan was optimised.",
                    {"type": ["string", "null"]},
                ),
                more=True,
            ),
            network=object_of("nodes edges length_km islands", nodes=COUNT, edges=COUNT, islands=COUNT, more=True),
            **state, gaps=_gaps(), access=rows_of("site_id", more=True),
            not_served=rows_of("site_id", more=True),
            siting=_siting(), least_sites=least, retrofit={"anyOf": [retrofit, {"type": "null"}]},
            quality=rows_of("quality_kind severity effect", more=True),
            plan={"anyOf": [_plan(), {"type": "null"}]},
            after=object_of("findings", reference_date=DATE, **state, gaps=_gaps(), more=True),
            warnings=TEXTS,
            files=rows_of(
                "path table read kept merged left_out faulted", path=TEXT, table=TEXT,
                read=COUNT, kept=COUNT, merged=COUNT, left_out=COUNT, faulted=COUNT,
            ),
            merges=rows_of(
                "into id table file rows score reason stays", into=TEXT, id=TEXT, table=TEXT, file=TEXT,
                rows={"type": "array", "items": COUNT}, score=NUMBER, reason=TEXT, stays={"type": "boolean"},
            ),
        ),
    }  # fmt: skip
    describe_nodes(found, "top", schema_words())
    return found


def schema_words(of: str = "result") -> Mapping[str, Mapping[str, str]]:
    """Meanings of keys that say none themselves: at the top, by parent and key, by key alone."""
    words = tomllib.loads((Path(__file__).parent / "result_words.toml").read_text("utf-8"))
    return words if of == "result" else {**words[of], "key": words["key"]}


def describe_nodes(schema: Schema, parent: str, words: Mapping[str, Mapping[str, str]]) -> None:
    """Give every key its meaning: the words of parent and key, else what it says itself, else the registry's."""
    for name, held in schema.get("properties", {}).items():
        own = words["top"].get(name) if parent == "top" else words["parent"].get(f"{parent}.{name}")
        meaning = own or held.get("description") or words["key"].get(name) or COLUMNS[name].meaning("en")
        schema["properties"][name] = {**held, "description": meaning}
        describe_nodes(schema["properties"][name], name, words)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = dict(schema[key])
            describe_nodes(schema[key], parent, words)
    if "anyOf" in schema:
        schema["anyOf"] = [dict(each) for each in schema["anyOf"]]
        for each in schema["anyOf"]:
            describe_nodes(each, parent, words)


def result_text(result: dict[str, Any]) -> str:
    """Return the text of ``result.json``."""
    return json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
