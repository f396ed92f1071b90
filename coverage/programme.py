"""The plan to adopt, of a project or of a scenario: its actions, what people decided, its money and years."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from .errors import Fault, InputError
from .inputs import read_table
from .inputs.schemas import PLAN_PINS
from .project import PlanSettings, Project
from .rules.assessment import Assessment
from .rules.costs import merged_costs
from .rules.model import SiteRequirement
from .rules.roads import RoadContext, RouteRule
from .rules.spacing import RouteSpacing
from .rules.stretches import spacing_lines
from .scenario import SCENARIO_FILE, Scenario
from .siting.actions import find_actions
from .siting.maxcover.run import Progress
from .siting.pins import (
    Pin,
    own_places,
    pin_actions,
    pinned_candidates,
    project_pins,
    scenario_actions,
    table_pins,
)
from .siting.planning.candidates import free_beside_sites, route_points_at
from .siting.programme import Programme, ProgrammeOptions, make_programme
from .siting.step_gaps import StepGaps
from .siting.traffic_points import sized_points
from .siting.world import World
from .study import Study
from .units import M_PER_KM, WGS84, km

ROOM_M = 1.0
"""A site exactly a span away from the next is a centimetre too far once its coordinates are rounded: where a point this
much nearer is as good, the plan takes that."""


def plan_programme(
    study: Study,
    candidates: gpd.GeoDataFrame,
    solving: Progress | None = None,
    scenario: Scenario | None = None,
) -> Programme | None:
    """The plan to adopt, if the project has a section ``[plan]`` whose goal is the rules; or the one of a scenario.

    Raises
    ------
    InputError
        If a pin names no action, or a rule in ``meet`` is none of the policy's with a target.
    """
    settings = study.project.plan
    if settings is None or settings.goal != "rules":
        return None
    file = "project.toml"
    meet = () if settings.meet == "all" else settings.meet
    known = [rule.id for rule in study.policy.rules if rule.target.value is not None]
    wrong = [name for name in meet if name not in known]
    if wrong:
        values = {"known": ", ".join(known)}
        raise InputError([Fault("plan-rule-unknown", file=file, value=name, values=values) for name in wrong])
    if "flow" in settings.aims and "flow" in study.inputs.aims_without_data:
        raise InputError(Fault("siting-no-flow", file=file, values={"key": "plan.then"}))
    _check_growth(study, settings)
    pins = _pins(study.project, settings)
    places = plan_candidates(study, candidates, pins)
    own: dict[str, str] = {}
    if scenario is not None and scenario.places:
        mine, own = own_places(study.context, scenario.places, SCENARIO_FILE)
        places = pd.concat([places[~places["id"].isin(mine["id"])], mine], ignore_index=True)
    costs = merged_costs(study.policy.costs, study.project.costs)
    year = (study.project.reference_date or dt.date(2000, 1, 1)).year
    last = max([year, *(settings.years or [r.by.year for r in study.policy.rules if r.by is not None])])
    context = _closed(study, scenario)
    actions = find_actions(
        context.inputs,
        study.policy,
        places,
        costs,
        year=year,
        last_year=last,
        sized=_sized(study, context, settings),
    )
    actions, required = pin_actions(actions, pins, study.context.index, study.routes)
    today = dict(zip(candidates["id"], candidates.geometry, strict=True))
    moved = actions["target"].where(actions["pin"] == "move")
    actions["moved_from"] = [today.get(name) for name in moved]
    options = ProgrammeOptions(
        meet, settings.aims, settings.growth, year, settings.budget, dict(sorted(settings.years.items())),
        settings.method == "greedy", settings.effort, settings.time_limit_s, settings.gap,
    )  # fmt: skip
    if scenario is not None:
        named = [*scenario.on, *own.values()]
        actions, required = scenario_actions(actions, named, scenario.closed_sites, SCENARIO_FILE)
        options = replace(
            options,
            scheduled={own.get(name, name): year for name, year in scenario.years.items()},
            greedy=False,
        )
    world = World(context, study.policy, actions, settings.close_shared)
    return make_programme(
        world,
        options,
        required=required,
        costs=costs,
        reach_km=study.project.siting.reach_km,
        prefer=(actions["span_point"] != "exact").to_numpy(bool),
        progress=solving,
    )


def _sized(
    study: Study, context: RoadContext, settings: PlanSettings
) -> Callable[[gpd.GeoDataFrame], pd.Series[Any]] | None:
    """How many points actions build, if that goes by traffic.

    Raises
    ------
    InputError
        If there are no counts on the routes.
    """
    if settings.points != "traffic":
        return None
    if not context.laid:
        raise InputError(Fault("plan-points-no-traffic", file="project.toml"))
    return lambda actions: sized_points(actions, context, study.policy, settings.traffic)


def _closed(study: Study, scenario: Scenario | None) -> RoadContext:
    """Roads and sites without those that a scenario closes.

    Raises
    ------
    InputError
        With all sites that are not there, or not in the region.
    """
    if scenario is None or not scenario.closed_sites:
        return study.context
    sites, chargers = study.inputs.sites, study.inputs.chargers
    own = set(sites.loc[sites["inside"].astype(bool) & (sites["kind"] == "charging"), "id"].astype(str))
    wrong = [name for name in scenario.closed_sites if name not in own]
    if wrong:
        raise InputError([Fault("scenario-site-unknown", file=SCENARIO_FILE, value=name) for name in wrong])
    left = chargers[~chargers["site"].astype(str).isin(scenario.closed_sites)]
    return study.context.with_inputs(study.inputs.with_chargers(left, []))


def scenario_differences(
    scenario: Scenario, programme: Programme, after: Assessment, step_gaps: StepGaps | None
) -> list[str]:
    """Figures of which the page said something else than the assessment: none, or there is a fault of ours."""
    if not scenario.figures:
        return []
    found: dict[str, float | None] = {"cost": programme.cost_high, "people": programme.people_after}
    if step_gaps is not None:
        last = step_gaps.figures[step_gaps.rule].iloc[-1]
        found["longest_gap_km"] = None if last["gap_max_m"] is None else km(last["gap_max_m"])
        found["gaps_over"] = last["own_gaps_over"]
    said = {name: scenario.figures.get(name) for name in found}
    rules = scenario.figures.get("rules")
    for finding in after.findings:
        mine = rules.get(finding.rule.id) if isinstance(rules, dict) else None
        if not isinstance(mine, dict):
            continue
        for end, value in (("low", finding.low), ("high", finding.high)):
            found[f"{finding.rule.id}.{end}"] = value if value is None or np.isfinite(value) else None
            said[f"{finding.rule.id}.{end}"] = mine.get(end)
    return [f"scenario {name}" for name, value in found.items() if not _same_figure(value, said[name])]


def _same_figure(value: float | None, said: object) -> bool:
    """Whether two figures are the same to the sixth decimal, as files have them."""
    if value is None or not isinstance(said, int | float):
        return value is None and said is None
    return bool(abs(float(value) - said) <= 1.5e-6 * max(1.0, abs(value)))


def _check_growth(study: Study, settings: PlanSettings) -> None:
    """Counties of ``plan.growth`` exist, and there are years in which the demand grows."""
    known = sorted(set(study.inputs.demand["county"].dropna().astype(str)))
    values = {"known": ", ".join(known) or "–"}
    faults = [
        Fault("plan-growth-county", file="project.toml", value=name, values=values)
        for name in settings.growth
        if name != "*" and name not in known
    ]
    faults += (
        [Fault("plan-growth-years", file="project.toml")] if settings.growth and not settings.years else []
    )
    if faults:
        raise InputError(faults)


def _pins(project: Project, settings: PlanSettings) -> list[Pin]:
    """What people decided, in the project file and in the table beside it."""
    pins = project_pins(settings.required, settings.forbidden, settings.cost, settings.moved, "project.toml")
    if settings.pins is not None:
        path = project.path(settings.pins)
        pins += table_pins(read_table(path, PLAN_PINS), str(path))
    return pins


def plan_candidates(study: Study, candidates: gpd.GeoDataFrame, pins: Sequence[Pin]) -> gpd.GeoDataFrame:
    """Candidates of the plan: those of the project, pinned places, and points that make "least" exact.

    These have ``span_point``: ``exact`` a whole number of spans from what is there, ``near`` a metre nearer.
    """
    context = study.context
    parts = [pinned_candidates(candidates, pins, context.index, study.routes, context.lang)]
    if (candidates["kind"] == "route_point").any():
        for rule in study.policy.of(RouteSpacing):
            if rule.target.value is not None:
                lines = spacing_lines(context, rule, candidates.iloc[:0])
                span_m = rule.span_km * M_PER_KM
                for at_m, digits, which in ((span_m - ROOM_M, 3, "near"), (span_m, 4, "exact")):
                    points = route_points_at(context, lines, at_m, digits=digits)
                    parts.append(points.assign(excluded=None, span_point=which))
    filled = [part for part in parts if len(part)] or parts[:1]
    joined = pd.concat(filled, ignore_index=True).drop_duplicates("id").reset_index(drop=True)
    found = gpd.GeoDataFrame(joined, geometry="geometry", crs=WGS84)
    rules = [rule.site.access_km for rule in study.policy.rules if isinstance(rule, RouteRule)]
    return found.assign(
        excluded=free_beside_sites(found, context, max(rules, default=SiteRequirement().access_km))
    )
