"""The JSON Schema of ``result.json``, made of the registry of columns: what a figure is stands there, once."""

from __future__ import annotations

import json
from typing import Any, get_args

from ..project import Aim
from ..rules.finding import Shown, Status
from ..siting.maxcover import STATUSES
from ..tables.numbers import OF_PARTS
from ..tables.result import RESULT_SCHEMA
from ..texts import LANGUAGES
from .finding_schema import (
    ROUTE_FIGURES,
    evidence_schema,
    figures_schema,
    item_rows,
    options_schema,
    rates_schema,
)
from .schema_nodes import (
    COUNT,
    DATE,
    FLAG,
    NUMBER,
    TEXT,
    TEXTS,
    UNITS,
    Schema,
    by_name,
    describe_nodes,
    described,
    key_schema,
    list_of,
    object_of,
    one_of,
    or_null,
    rows_of,
    schema_words,
)

SCHEMA_ID = f"urn:plugspan:result:{RESULT_SCHEMA}"
"""Name of the schema; it stays while ``schema`` in a result does."""
_COUNTED_BY = described(
    "Rule that says which sites count for who is reached; null without one.", or_null(TEXT)
)

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
        "counts": by_name({"type": "number"}), "figures": figures_schema(), "source": TEXT,
        "may_count": described(
            "Of what may or may not count: how many meet the rule, do not, or are unknown; empty if all counts.",
            by_name({"type": "number"}),
        ),
        "assumptions": TEXTS, "evidence": evidence_schema(), "survey": TEXTS,
    }  # fmt: skip
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


_GAP = (
    "rule ref section direction from_km to_km length_km own_km open_start open_end over spacing_class gap_id"
)


def _gap_rows(**own: Any) -> Schema:
    """Gaps, with what a list of them says besides."""
    parts = {f"{part}_{end}_km": NUMBER for part in ("before", "after", "inside") for end in ("from", "to")}
    return rows_of(
        f"{_GAP} mark_kind {' '.join(own)}",
        "inside_km from_site to_site strip",
        road_class=described("Class of the road, by the policy's patterns of numbers.", TEXT),
        kind=described(
            "Where on its direction the gap lies.", one_of("between", "start", "end", "whole", "ring")
        ),
        over=described("The own part is longer than the span.", FLAG),
        once=described("False for the other direction of a gap that is counted already.", FLAG),
        needs=described(
            "Of a shared gap, only there: where the neighbour must build, as one drives.",
            one_of("before", "after", "either", "both", "several", None),
        ),
        one_inside=described(
            "Of a shared gap, only there: whether one site inside would close it.",
            one_of("yes", "no", "unknown", None),
        ),
        ways=described("OSM ways the gap runs on, in driving order.", TEXT),
        **parts,
        **own,
    )


def _gaps() -> Schema:
    """Gaps with the sites and places at them."""
    return _gap_rows(
        ends=rows_of("evidence_kind site_id", "name chainage_km distance_km back_km", ways=or_null(TEXT)),
        candidates=rows_of("action_id name kind chainage_km", "distance_km back_km"),
        not_counting=rows_of("site_id reason", "name meets chainage_km distance_km back_km straight_km"),
    )


def _routes() -> Schema:
    names = "ref class length_km sites length_per_site_km gap_mean_km gap_max_km"
    return rows_of(names, ROUTE_FIGURES, **{"class": TEXT})


def _siting() -> Schema:
    goal = object_of(
        "name unit before objective bound gap status runtime_s", name=TEXT, before=NUMBER,
        unit=one_of("weight", "share"),
        **PROOF, options=by_name(NUMBER),
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
        twice=NUMBER, left_worst=NUMBER, left_mean=NUMBER, worst_site=or_null(TEXT),
    )  # fmt: skip
    return rows_of(
        "objective_name method chosen objective bound gap status runtime_s",
        objective_name=TEXT, method=TEXT, rule=_COUNTED_BY, chosen=TEXTS,
        gain=list_of({"type": "number"}), **PROOF,
        seed=COUNT, total=NUMBER, existing=NUMBER, cost=NUMBER, candidates=COUNT,
        proposed=_proposed("adds share_after objective"), unreachable=rows_of("id name weight"),
        verified=FLAG, faults=TEXTS, reason=or_null(TEXT),
        frontier=rows_of("sites objective bound gap", objective=NUMBER, cost=NUMBER),
        choices=rows_of("action_id price price_low share_of_good_plans essential", "required"),
        alternatives=rows_of("objective chosen", objective=NUMBER, chosen=TEXTS),
        weight_unit=described("Unit of every weight of this siting.", one_of("people", "m")),
        goal=described("What decided, where it is not plain coverage.", or_null(goal)),
        sites=sites, backup=phases, counties=counties,
        scenarios=rows_of("scenario probability detour total before after share_before share_after", **_shares(),
                          probability=NUMBER),
        aims=rows_of("aim importance total before after share_before share_after", **_shares(), importance=NUMBER),
        pareto_front=curve,
        frontier_by_money=rows_of("budget sites objective bound gap cost", objective=NUMBER),
    )  # fmt: skip


def _proposed(more: str = "") -> Schema:
    return rows_of(
        "action_id kind name cost order lon lat", more, order=COUNT, cost=NUMBER, lon=NUMBER, lat=NUMBER
    )


def _shares() -> dict[str, Any]:
    return dict.fromkeys(("total", "before", "after", "share_before", "share_after"), NUMBER)


def _plan() -> Schema:
    rules = by_name(
        object_of(
            "low high status", " ".join(OF_PARTS), status=one_of(*get_args(Status)), low=NUMBER, high=NUMBER
        )
    )
    amount: Schema = {"type": "number"}
    year: dict[str, Any] = {"year": or_null(COUNT)}
    kind: dict[str, Any] = {"kind": key_schema("action_kind"), "place": TEXT, "cost": amount}
    lengths = rows_of("rule ref length_km", "section direction from_km to_km")
    actions = rows_of(
        "action_id kind place name lon lat year order cost spent closes closed_lengths people_gained certain "
        "without_low without_high without_lost", "county pin traffic_points target", order=COUNT,
        closed_lengths=lengths,
        people_gained=amount, spent=amount, closes=item_rows("weight"), without_low=NUMBER, without_high=NUMBER,
        bureau_cost=NUMBER, paid_by=by_name(amount),
        **kind, **year,
    )  # fmt: skip
    steps = rows_of(
        "order action_id year spent people people_share longest_gap_km gaps_over rules", order=COUNT,
        spent=amount, people=amount, people_share=NUMBER, longest_gap_km=NUMBER, gaps_over=or_null(COUNT),
        rules=rules, **year,
    )  # fmt: skip
    levels = rows_of(
        "name objective bound price_bound rests_on gap status runtime_s",
        name=one_of("money", "people", "highway", "flow", "aims", "actions"), price_bound=NUMBER,
        rests_on=one_of("prices", "branch_and_bound"), **{**PROOF, "status": LEVEL},
    )  # fmt: skip
    schedule = object_of(
        "objective bound price_bound rests_on gap status runtime_s missed", price_bound=NUMBER,
        rests_on=one_of("prices", "branch_and_bound"), missed=rows_of("year rule", year=COUNT),
        **{**PROOF, "status": LEVEL},
    )  # fmt: skip
    stages = rows_of(
        "year budget spent actions people people_share rules", year=COUNT, budget=amount, spent=amount, actions=COUNT,
        people=amount, people_share=NUMBER,
        rules=rules,
    )  # fmt: skip
    others = rows_of(
        "action_id kind place name cost insist_low insist_high chosen_at",
        "county lon lat pin",
        **kind,
    )
    excluded = rows_of(
        "action_id kind place name reason", "county", kind=kind["kind"], place=TEXT, reason=TEXT
    )
    cost = object_of(
        "low high least greedy budget unit source assumed", low=amount, high=amount, least=amount, greedy=amount,
        budget=NUMBER, unit=TEXT, source=TEXT, assumed=FLAG, paid_by=by_name(amount), date=or_null(TEXT),
    )  # fmt: skip
    plan = object_of(
        "then actions steps step_gaps levels "
        "stages unmet shared_gaps survey others excluded cost candidates in_time verified faults "
        "proof",
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
            _gap_rows(from_step=COUNT, to_step=COUNT),
        ),
        schedule=or_null(described(
            "Proof of the spread over the years; missed: rules that are due by the end of a year and not met then.",
            schedule,
        )),
        stages=described("State at the end of each year; budget: money up to it.", stages),
        unmet=described(
            "What no action can serve.", item_rows("why who", why=TEXT, who=TEXT),
        ),
        shared_gaps=_gap_rows(),
        survey=described(
            "What to find out, by the money that the answer can save.",
            rows_of("what saves_low saves_high", "action_id target place county", place=TEXT),
        ),
        others=described(
            "Actions not in the plan: additional money if one insists, and the cost at which it would be chosen.",
            others,
        ),
        excluded=described("Places that can't be chosen, and why.", excluded),
        then=described("What the rest of the money is spent on, with its importance; 1 in all.",
                  by_name(amount)),
        traffic=or_null(rates_schema()),
        cost=cost, people=object_of("total before after", rule=_COUNTED_BY, **_shares()), proof=_proof(),
        given=described("The plan is a scenario's: recounted, not optimised.", FLAG),
        complete=FLAG, candidates=COUNT, verified=FLAG, faults=TEXTS,
    )  # fmt: skip
    return described("The plan to adopt; null if none was asked for. Money in cost.unit.", plan)


def _proof() -> Schema:
    amount: Schema = {"type": "number"}
    amounts, counts = list_of(amount), list_of(COUNT)
    rows = rows_of(
        "item need actions", item=COUNT, need=amount, actions=counts, amounts=amounts, lost=FLAG, line=COUNT,
        from_m=amount, drive=COUNT,
    )  # fmt: skip
    drives = described(
        "Distances from both ends of a piece of road, without it: it passes if to_u_m of one site and to_v_m of "
        "another are within left_m; action -1: a site that is there.",
        rows_of(
            "left_m action site to_u_m to_v_m", left_m=amount, action=counts, site=counts, to_u_m=amounts,
            to_v_m=amounts,
        ),
    )  # fmt: skip
    lines = rows_of(
        "name span_m ring_m begin_m fixed_m action action_m",
        name=list_of({"type": ["string", "integer"]}), span_m=amount, ring_m=amount,
        begin_m=amounts, fixed_m=amounts, action=counts, action_m=amounts,
    )  # fmt: skip
    levels = rows_of(
        "name objective bound price_bound prices ties", name=TEXT, objective=amount, bound=amount, price_bound=amount,
        prices=amounts, ties=amounts,
    )  # fmt: skip
    years = described(
        "The spread over the years: position of each action's year, rules held from a year on, prices of its rows.",
        object_of(
            "years money first hold stage missed count good ties people prices objective bound price_bound",
            years=counts, money=amounts, first=counts, hold=list_of(counts), stage=counts, count=COUNT, good=amount,
            missed=list_of(list_of({"type": ["integer", "string"]})),
            ties=amounts, people=list_of(amounts), prices=amounts, objective=amount, bound=amount, price_bound=amount,
        ),
    )  # fmt: skip
    proof = object_of(
        "ids cost required forbidden rules items rows lines drives demand purse chosen complete levels years",
        ids=TEXTS, unit=amount, cost=amounts, required=counts, forbidden=counts, purse=amount, chosen=counts,
        complete=FLAG, rows=rows, lines=lines, drives=drives, levels=levels,
        rules=rows_of("id served total share due", served=amount, total=amount, share=amount,
                      due=or_null(COUNT)),
        years=or_null(years),
        items=rows_of("rule weight hopeless", rule=COUNT, weight=amount, hopeless=FLAG),
        demand=rows_of("weight actions", weight=amount, actions=counts),
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
        unserved=rows_of("ref section direction from_km to_km"), proposed=_proposed("serves"), stretches=COUNT,
        reason=or_null(TEXT),
    )  # fmt: skip
    factors = "sfoc_kg_per_kwh carbon_factor grid_kg_per_kwh avoided_kg_per_kwh source"
    kg: dict[str, Any] = dict.fromkeys(factors.split()[:4], NUMBER)
    retrofit = object_of(
        "berths factors load_kw", load_kw=NUMBER, factors=object_of(factors, **kg, source=TEXT), chosen=TEXTS, **PROOF,
        berths=rows_of("""site_id name port class_t calls_per_year hours_per_call energy_kwh energy_estimated
            co2_avoided_t retrofit_cost co2_t_per_cost order""", order=or_null(COUNT)),
    )  # fmt: skip
    found = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "plugspan result",
        "description": "Every number of a plan. Keys ending in a unit are in that unit; shares go from 0 to 1.",
        **object_of(
            "schema project provenance network routes findings siting after",
            schema={"const": RESULT_SCHEMA},
            project=object_of(
                "name policy", name=TEXT, policy=TEXT, language=one_of(*LANGUAGES), reference_date=DATE, note=TEXT,
                assess_at=or_null(TEXT), data_date=or_null(TEXT),
                length_unit=described(
                    "Unit that map, workbook, report and terminal show lengths in; keys keep theirs.",
                    one_of("km", "mi"),
                ),
            ),
            provenance=object_of(
                "inputs versions",
                inputs=rows_of("path sha256", path=TEXT, sha256=sha256),
                versions=by_name(TEXT), started=TEXT,
                scenario=described(
                    "The file beside this one that the plan was recounted from; null if the plan was optimised.",
                    or_null(TEXT),
                ),
            ),
            network=object_of(
                "nodes edges length_km islands", "segments ferry_km islands_km routes_km bridged_km parallel_km",
                nodes=COUNT, edges=COUNT, islands=COUNT, routes=COUNT,
            ),
            **state, gaps=_gaps(),
            access=rows_of("site_id ref section direction name chainage_km distance_km back_km",
                           "distance_state back_state"),
            not_served=rows_of(
                "site_id ref section direction reason", "name straight_km distance_km back_km chainage_km "
                "straight_state distance_state back_state chainage_state",
            ),
            siting=_siting(), least_sites=least, retrofit=or_null(retrofit),
            quality=rows_of("quality_kind severity effect", "ref name length_km length_state lon lat"),
            plan=or_null(_plan()),
            after=object_of("findings", reference_date=DATE, **state, gaps=_gaps()),
            warnings=TEXTS,
            files=rows_of(
                "path table read kept merged left_out faulted", path=TEXT, table=TEXT,
                read=COUNT, kept=COUNT, merged=COUNT, left_out=COUNT, faulted=COUNT,
            ),
            merges=rows_of(
                "into id table file rows score reason stays", into=TEXT, id=TEXT, table=TEXT, file=TEXT,
                rows=list_of(COUNT), score=NUMBER, reason=TEXT, stays={"type": "boolean"},
            ),
        ),
    }  # fmt: skip
    describe_nodes(found, "top", schema_words())
    options = described(
        "Settings of the project that decided, those that were left out filled in.", options_schema()
    )
    found["properties"]["project"]["properties"]["options"] = options  # settings have meanings of their own
    return found


def result_text(result: dict[str, Any]) -> str:
    """Return the text of ``result.json``."""
    return json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
