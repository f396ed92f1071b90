"""From a project file to a finished plan: read, assess, site, assess again."""

from __future__ import annotations

import datetime as dt
import hashlib
import platform
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from .inputs import Built
from .network.quality.report import QualityReport, network_figures, network_quality
from .network.routes import Route
from .plan import Plan, Provenance
from .programme import plan_programme, scenario_differences
from .project import Project
from .rules.assessment import Assessment, assess
from .rules.berths import BerthShare
from .rules.model import EmissionFactors, SiteRequirement
from .rules.policy import Policy
from .rules.reach import DemandReach, first_of_charging, reach_bands
from .rules.roads import RoadContext, RouteRule
from .rules.spacing import RouteSpacing
from .scenario import Scenario
from .siting.actions import carry_out, least_equipment
from .siting.maxcover.run import Progress
from .siting.planning.candidates import find_candidates
from .siting.planning.comply import Compliance, comply
from .siting.planning.constraints import Constraints, SolverOptions, check_constraints
from .siting.planning.outcome import Siting
from .siting.planning.propose import propose
from .siting.planning.retrofit import Retrofit, plan_retrofits
from .siting.programme import Programme
from .siting.step_gaps import StepGaps, gaps_by_step
from .siting.traffic_points import with_traffic_points
from .study import ListReader, StageProgress, Study, fetch, load, road_classes, sample_project, silent
from .units import WGS84

__all__ = ["Study", "assess_study", "fetch", "find_places", "load", "make_plan", "sample_project"]
PROPOSE_OPTIONS = {"objective", "sites", "budget", "reach_km", "method"}
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
    read: ListReader | None = None,
    piece: bool = False,
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
    read : callable, optional
        Reads the files of tables; see :func:`~plugspan.study.load`.
    piece : bool
        Whether the roads are a piece of those that the project speaks of.

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
    study = load(project, progress=progress, read=read, piece=piece)
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
        scenario=None if programme is None else scenario,
        waymarks=study.waymarks,
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
        lang=study.lang,
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
    """Rules of which the plan claims another value than the assessment finds: none, or there is a fault of ours."""
    last = programme.steps.iloc[-1]
    wrong = []
    for rule in programme.rules:
        found = after[rule.rule]
        for end, value in (("low", found.low), ("high", found.high)):
            if value is None or not np.isfinite(value):
                continue
            if abs(last[f"{rule.rule}.{end}"] - value) > 1e-6 * max(1.0, abs(value)):
                wrong.append(f"{rule.rule}.{end}")
    return wrong


def _site(study: Study, candidates: gpd.GeoDataFrame, solving: Progress | None = None) -> tuple[Siting, ...]:
    """Propose sites if the project says how many, or how much money there is."""
    settings = study.project.siting
    rules_first = study.project.plan is not None and study.project.plan.goal == "rules"
    if rules_first or (settings.sites is None and settings.budget is None):
        return ()
    rule = first_of_charging(study.policy)
    found = propose(
        study.inputs,
        study.roads,
        _assessed_routes(study),
        candidates,
        region=None if study.region is None else study.region.polygon,
        site=SiteRequirement() if rule is None else rule.site,
        solver=SolverOptions(settings.time_limit_s, settings.gap, settings.seed),
        constraints=Constraints.from_options(settings.model_dump()),
        lang=study.lang,
        progress=solving,
        **settings.model_dump(include=PROPOSE_OPTIONS),
    )
    return (found if rule is None else replace(found, rule=rule.id),)


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
    own = {key: value for key, value in project.emissions if value is not None}
    return policy.emissions.model_copy(update=own)


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
    return least_equipment([site for site in asked if site is not None and site.serves == "charging"])


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
