"""From a project file to a finished plan: read, assess, site, assess again."""

from __future__ import annotations

import datetime as dt
import hashlib
import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from .errors import Fault, InputError
from .inputs import Built, read_table
from .inputs.schemas import PLAN_PINS
from .network.quality.report import QualityReport, network_figures, network_quality
from .network.routes import Route
from .plan import Plan, Provenance
from .project import PlanSettings, Project
from .rules.assessment import Assessment, assess
from .rules.berths import BerthShare
from .rules.costs import merged_costs
from .rules.finding import UNKNOWN, Finding
from .rules.model import EmissionFactors, SiteRequirement
from .rules.policy import Policy
from .rules.reach import DemandReach, first_of_charging, reach_bands
from .rules.roads import RoadContext, RouteRule
from .rules.spacing import RouteSpacing
from .rules.stretches import spacing_lines
from .scenario import Scenario
from .siting.actions import carry_out, find_actions
from .siting.maxcover.run import Progress
from .siting.pins import Pin, pin_actions, pinned_candidates, project_pins, scenario_actions, table_pins
from .siting.planning.candidates import find_candidates, free_beside_sites, route_points_at
from .siting.planning.comply import Compliance, comply
from .siting.planning.constraints import Constraints, SolverOptions, check_constraints
from .siting.planning.outcome import Siting
from .siting.planning.propose import propose
from .siting.planning.retrofit import Retrofit, plan_retrofits
from .siting.programme import Programme, ProgrammeOptions, make_programme
from .siting.step_gaps import StepGaps, gaps_by_step
from .siting.traffic_points import with_traffic_points
from .siting.world import World
from .study import StageProgress, Study, fetch, load, road_classes, sample_project, silent
from .units import M_PER_KM, WGS84, km

__all__ = ["Study", "assess_study", "fetch", "find_places", "load", "make_plan", "sample_project"]
PROPOSE_OPTIONS = {"objective", "sites", "budget", "reach_km", "method"}
SCENARIO_FILE = "scenario.json"
EXACT_POINT = r"route_point-.*\d\.\d{4}"
"""Ids of points that are candidates only because a plan with the least money may need them."""
ROOM_M = 1.0
"""A site exactly a span away from the next is a centimetre too far once its coordinates are rounded: where a point this
much nearer is as good, the plan takes that."""
LIBRARIES = (
    "plugspan",
    "geopandas",
    "highspy",
    "numpy",
    "osmium",
    "pandas",
    "pyproj",
    "scikit-learn",
    "scipy",
    "shapely",
)


def make_plan(
    project: Project,
    *,
    scenario: Scenario | None = None,
    progress: StageProgress = silent,
    solving: Progress | None = None,
) -> Plan:
    """Assess a project, propose sites, and assess what would be then.

    Parameters
    ----------
    project : Project
    scenario : Scenario, optional
        The plan is given: exactly its actions are carried out, the sites that it closes are gone.
    progress : callable
        Told of each stage.
    solving : callable, optional
        Told of each step of a solve: time, best plan, bound. Ctrl-C in a solve keeps the best plan so far.

    Returns
    -------
    Plan
        If no plan meets what the siting asks for, its ``siting`` has the status ``infeasible`` and the reason.

    Raises
    ------
    InputError
        If any input has faults; all faults of a file are told at once. So are names in ``[siting]`` that are in no
        table.
    """
    started = dt.datetime.now(dt.UTC)
    study = load(project, progress=progress)
    return plan_study(study, started=started, scenario=scenario, progress=progress, solving=solving)


def plan_study(
    study: Study,
    *,
    started: dt.datetime | None = None,
    scenario: Scenario | None = None,
    progress: StageProgress = silent,
    solving: Progress | None = None,
) -> Plan:
    """Plan what is read already; see :func:`make_plan`."""
    project = study.project
    begun = (started or dt.datetime.now(dt.UTC)).isoformat(timespec="seconds")
    candidates = find_places(study)
    check_siting(study, candidates)
    before = assess_study(study, candidates, progress=progress)
    progress("siting", 0.6)
    siting = _site(study, candidates, solving)
    programme = plan_programme(study, candidates, solving, scenario)
    progress("after", 0.75)
    provenance = _provenance(project, begun)
    step_gaps = None
    if programme is None:
        after = _after(study, before, siting, candidates)
    else:
        chosen = programme.chosen
        inputs = carry_out(programme.world.context.inputs, programme.carried_out, study.policy)
        built = study.context.with_inputs(inputs)
        at = project.reference_date if programme.stages is None else programme.stages.last_day
        after = _assess(
            study, built, _left_over(candidates, chosen.loc[chosen["kind"] == "new_site", "target"]), at
        )
        step_gaps = _step_gaps(study, built, programme)
        assert project.plan is not None  # or there were no programme
        programme = replace(
            programme,
            actions=with_traffic_points(programme.actions, built, study.policy, project.plan.traffic),
        )
        wrong = judged(programme, after)
        if scenario is not None and scenario.inputs_sha256 == provenance.inputs_sha256:
            wrong += scenario_differences(scenario, programme, after, step_gaps)
        programme = replace(programme, faults=(*programme.faults, *wrong))
    return Plan(
        project,
        study.policy,
        study.region,
        study.inputs,
        study.roads,
        study.routes,
        before,
        siting,
        after,
        provenance=provenance,
        network=network_figures(study.roads, study.routes),
        background=study.background,
        quality=_quality(study),
        candidates=candidates,
        compliance=_comply(study, candidates),
        retrofit=_retrofit(study),
        bands=_bands(study),
        programme=programme,
        step_gaps=step_gaps,
    )


# -- measuring -------------------------------------------------------------------------------------------


def assess_study(
    study: Study, candidates: gpd.GeoDataFrame | None = None, *, progress: StageProgress = silent
) -> Assessment:
    """Assess what is there now; ``candidates`` are named in the evidence of the gaps."""
    progress("assess", 0.4)
    return _assess(study, study.context, candidates, study.project.reference_date)


def _assess(
    study: Study, context: RoadContext, candidates: gpd.GeoDataFrame | None, at: dt.date | None
) -> Assessment:
    return assess(
        study.policy,
        context.inputs,
        study.roads,
        study.routes,
        study.region,
        candidates=candidates,
        context=context,
        at=at,
    )


def _assessed_routes(study: Study) -> list[Route]:
    """Routes of the classes that a rule on spacing names."""
    classes = {rule.road_class for rule in study.policy.of(RouteSpacing)}
    return [route for route in study.routes if route.road_class in classes]


def find_places(study: Study) -> gpd.GeoDataFrame:
    """Places where a site may be built."""
    settings = study.project.siting
    judged = {rule.road_class for rule in study.policy.of(RouteRule)}
    return find_candidates(
        study.inputs,
        study.context.index,
        [route for route in study.routes if route.road_class in judged],
        kinds=settings.candidates,
        route_point_km=settings.route_point_km,
        cost=settings.cost,
        region=None if study.region is None else study.region.polygon,
        lengths=study.policy.lengths,
    )


def check_siting(study: Study, candidates: gpd.GeoDataFrame) -> None:
    """Check that the names in ``[siting]`` exist, before anything takes time.

    Raises
    ------
    InputError
        With all of them that do not.
    """
    constraints = Constraints.from_options(study.project.siting.model_dump())
    check_constraints(constraints, candidates, study.inputs)


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
    demand = study.inputs.demand
    if "flow" in settings.aims and not ("flow" in demand and (demand["flow"] > 0).any()):
        raise InputError(Fault("siting-no-flow", file=file, values={"key": "plan.then"}))
    _check_growth(study, settings)
    pins = _pins(study.project, settings)
    if scenario is not None:
        pins += [Pin("require", place.name, "places", SCENARIO_FILE) for place in scenario.places]
    places = plan_candidates(study, candidates, pins)
    costs = merged_costs(study.policy.costs, study.project.costs)
    year = (study.project.reference_date or dt.date(2000, 1, 1)).year
    last = max([year, *(settings.years or [r.by.year for r in study.policy.rules if r.by is not None])])
    context = _closed(study, scenario)
    actions = find_actions(context.inputs, study.policy, places, costs, year=year, last_year=last)
    actions, required = pin_actions(actions, pins, study.context.index, study.routes)
    today = dict(zip(candidates["id"], candidates.geometry, strict=True))
    moved = actions["target"].where(actions["pin"] == "move")
    actions["moved_from"] = [today.get(name) for name in moved]
    options = ProgrammeOptions(
        meet, settings.aims, settings.growth, year, settings.budget, dict(sorted(settings.years.items())),
        settings.method == "greedy", settings.effort, settings.time_limit_s, settings.gap,
    )  # fmt: skip
    if scenario is not None:
        named = [*scenario.on, *(place.name for place in scenario.places)]
        actions, required = scenario_actions(actions, named, scenario.closed_sites, SCENARIO_FILE)
        options = replace(options, scheduled=scenario.years, greedy=False)
    grid = ~actions["id"].astype(str).str.match(EXACT_POINT).to_numpy(bool)
    world = World(context, study.policy, actions, settings.close_shared)
    return make_programme(
        world,
        options,
        required=required,
        costs=costs,
        reach_km=study.project.siting.reach_km,
        prefer=grid,
        progress=solving,
    )


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
    if scenario.places or not scenario.figures:
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
    """Candidates of the plan: those of the project, pinned places, and points that make "least" exact."""
    context = study.context
    parts = [pinned_candidates(candidates, pins, context.index, study.routes)]
    if (candidates["kind"] == "route_point").any():
        for rule in study.policy.of(RouteSpacing):
            if rule.target.value is not None:
                lines = spacing_lines(context, rule, candidates.iloc[:0])
                span_m = rule.span_km * M_PER_KM
                for at_m, digits in ((span_m - ROOM_M, 3), (span_m, 4)):
                    points = route_points_at(context, lines, at_m, digits=digits)
                    parts.append(points.assign(excluded=None))
    filled = [part for part in parts if len(part)] or parts[:1]
    joined = pd.concat(filled, ignore_index=True).drop_duplicates("id").reset_index(drop=True)
    found = gpd.GeoDataFrame(joined, geometry="geometry", crs=WGS84)
    rules = [rule.site.access_km for rule in study.policy.rules if isinstance(rule, RouteRule)]
    return found.assign(
        excluded=free_beside_sites(found, context, max(rules, default=SiteRequirement().access_km))
    )


def _left_over(candidates: gpd.GeoDataFrame, taken: pd.Series) -> gpd.GeoDataFrame:
    return candidates[~candidates["id"].isin(set(taken))]


def _step_gaps(study: Study, built: RoadContext, programme: Programme) -> StepGaps | None:
    """Gaps after each action; the first rule on spacing is the one that the map draws."""
    rules = [r for r in study.policy.rules if isinstance(r, RouteRule)]
    spacing = [r for r in rules if isinstance(r, RouteSpacing)]
    if not spacing:
        return None
    asked = {rows.rule for rows in programme.rules}
    others = [r for r in rules if r is not spacing[0] and r.id in asked]
    return gaps_by_step(programme.world.context, built, [spacing[0], *others], programme)


def judged(programme: Programme, after: Assessment) -> list[str]:
    """Rules of which the plan claims another value than the assessment finds: none, or there is a fault of ours.

    What may or may not be good enough outside counts for the assessment alone.
    """
    last = programme.steps.iloc[-1]
    wrong = []
    for rule in programme.rules:
        found = after[rule.rule]
        for end, value in (("low", found.low), ("high", found.high)):
            claimed = last[f"{rule.rule}.{end}"]
            favourable = end == ("low" if found.unit == "km" else "high")
            if value is None or not np.isfinite(value) or (favourable and _left_open(programme, found)):
                continue
            if abs(claimed - value) > 1e-6 * max(1.0, abs(value)):
                wrong.append(f"{rule.rule}.{end}")
    return wrong


def _left_open(programme: Programme, finding: Finding) -> bool:
    """Whether a site outside may or may not meet what the rule asks."""
    if finding.rule.requirement is None:
        return False
    world, site = programme.world, finding.rule.requirement
    inside = world.context.inputs.sites["inside"].to_numpy(bool)
    outside = (world.context.status(site) == UNKNOWN) & ~inside
    return bool(outside.any())


def _site(study: Study, candidates: gpd.GeoDataFrame, solving: Progress | None = None) -> tuple[Siting, ...]:
    """Propose sites if the project says how many, or how much money there is."""
    settings = study.project.siting
    rules_first = study.project.plan is not None and study.project.plan.goal == "rules"
    if rules_first or (settings.sites is None and settings.budget is None):
        return ()
    found = propose(
        study.inputs,
        study.roads,
        _assessed_routes(study),
        candidates,
        region=None if study.region is None else study.region.polygon,
        site=_counting_site(study),
        solver=SolverOptions(settings.time_limit_s, settings.gap, settings.seed),
        constraints=Constraints.from_options(settings.model_dump()),
        lengths=study.policy.lengths,
        progress=solving,
        **settings.model_dump(include=PROPOSE_OPTIONS),
    )
    return (found,)


def _counting_site(study: Study) -> SiteRequirement:
    """What a site must have to bring people within reach."""
    rule = first_of_charging(study.policy)
    return SiteRequirement() if rule is None else rule.site


def _comply(study: Study, candidates: gpd.GeoDataFrame) -> tuple[Compliance, ...]:
    """Least sites for each span, under each rule on spacing."""
    settings = study.project.siting
    allowed = candidates[~candidates["id"].isin(settings.forbidden)]
    return tuple(
        found
        for rule in study.policy.of(RouteSpacing)
        for found in comply(
            study.context,
            rule,
            allowed,
            rule.spans_km if settings.spans_km is None else settings.spans_km,
            close_shared=settings.close_shared,
            time_limit_s=settings.time_limit_s,
        )
    )


def _bands(study: Study) -> gpd.GeoDataFrame:
    """Areas within driving distance of sites, a set for each requirement that rules on reach have of a site."""
    asked = {rule.site: rule.id for rule in reversed(study.policy.of(DemandReach))} or {SiteRequirement(): ""}
    frames = [reach_bands(study.roads, study.inputs, site).assign(rule=rule) for site, rule in asked.items()]
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=WGS84)


def _retrofit(study: Study) -> Retrofit | None:
    """Which berths to give shore power, of those that any rule on berths counts."""
    rules, berths = study.policy.of(BerthShare), study.inputs.berths
    if not rules or berths.empty:
        return None
    factors = emission_factors(study.project, study.policy)
    return plan_retrofits(berths, rules, factors, budget=study.project.siting.shore_power_budget)


def emission_factors(project: Project, policy: Policy) -> EmissionFactors:
    """The policy's factors of CO2, with the project's own in their place."""
    return policy.emissions.model_copy(update=project.emissions.model_dump(exclude_none=True))


def _quality(study: Study) -> QualityReport:
    """Look through the roads for what may spoil the numbers."""
    region = study.region
    return network_quality(
        study.roads,
        study.routes,
        classes=road_classes(study.project, study.policy),
        region=None if region is None else region.polygon,
        boundary=None if region is None else region.with_halo,
    )


def _after(
    study: Study, before: Assessment, siting: tuple[Siting, ...], candidates: gpd.GeoDataFrame
) -> Assessment:
    """Assess again with the proposed sites as if they were built (fast, operational)."""
    proposed = [s.proposed for s in siting if len(s.proposed)]
    if not proposed:
        return before
    chosen = pd.concat(proposed, ignore_index=True)
    context = study.context.with_inputs(study.inputs.with_built(chosen, to_build(study.policy)))
    return _assess(study, context, _left_over(candidates, chosen["id"]), study.project.reference_date)


def to_build(policy: Policy) -> Built:
    """What a proposed site is taken to be: enough for every rule on routes and reach, 4 x 120 kW at least."""
    asked = [rule.on_roads for rule in policy.rules]
    sites = [site for site in asked if site is not None and site.serves == "charging"]
    plain = Built()
    return Built(
        point_kw=max([plain.point_kw, *(site.dc_min_kw for site in sites)]),
        points=max([plain.points, *(site.min_points for site in sites)]),
        pool_min_kw=max([0.0, *(site.pool_min_kw for site in sites)]),
        connector=";".join(dict.fromkeys(site.connectors[0] for site in sites if site.connectors)),
    )


# -- provenance ------------------------------------------------------------------------------------------


def _provenance(project: Project, started: str) -> Provenance:
    files = [project.network.osm, project.region.file]
    files += [t.path for tables in project.tables.values() for t in tables]
    files += [project.fusion.same_site, project.fusion.different_site]
    files += [project.plan.pins] if project.plan is not None else []
    if project.path(Path(project.policy)).is_file():
        files.append(Path(project.policy))
    known = {path.as_posix(): project.path(path) for path in files if path is not None}
    named = sorted((name, path) for name, path in known.items() if path.is_file())  # frames have no file
    versions = {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}}
    return Provenance(tuple((name, _sha256(path)) for name, path in named), versions, started)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
