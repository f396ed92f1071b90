"""Least sites to comply, and berths to retrofit, on the embedded sample."""

from __future__ import annotations

import pytest
from plugspan.pipeline import load, to_build
from plugspan.project import read_project
from plugspan.rules.berths import BerthShare
from plugspan.rules.finding import YES
from plugspan.rules.length import LengthCoverage, assess_coverage
from plugspan.rules.roads import RoadContext
from plugspan.rules.spacing import RouteSpacing
from plugspan.siting.planning.candidates import find_candidates
from plugspan.siting.planning.comply import comply
from plugspan.siting.planning.retrofit import plan_retrofits
from plugspan.units import GEOD


@pytest.fixture(scope="module")
def study(root):
    return load(read_project(root / "data" / "zhuzhou.toml"))


@pytest.fixture(scope="module")
def rule(study):
    return next(r for r in study.policy.rules if isinstance(r, RouteSpacing))


@pytest.fixture(scope="module")
def context(study):
    return RoadContext(study.inputs, study.roads, study.routes, study.region)


@pytest.fixture(scope="module")
def candidates(study, context, rule):
    settings = study.project.siting
    return find_candidates(
        study.inputs,
        context.index,
        context.of_class(rule.network),
        kinds=settings.candidates,
        route_point_km=5.0,
        cost={},
        region=context.area,
    )


@pytest.fixture(scope="module")
def found(context, rule, candidates):
    return {c.span_km: c for c in comply(context, rule, candidates, (25.0, 30.0, 35.0, 40.0))}


def test_wider_spans_need_no_more_sites(found):
    """25, 30, 35, 40 km: what complies with a span complies with any wider one."""
    whole = [c for c in found.values() if not len(c.unserved)]
    numbers = [len(c.sites) for c in sorted(whole, key=lambda c: c.span_km)]
    assert numbers == sorted(numbers, reverse=True)
    assert all(c.result.bound <= c.result.objective for c in found.values())


def too_long(study, context, rule, sites, span_km):
    """Own parts of gaps over a span with some sites built, metres."""
    built = context.with_inputs(study.inputs.with_built(sites))
    gaps = built.spacing(rule, rule.network, built.status(rule.site) == YES).gaps
    return gaps.loc[gaps["own_m"] > span_km * 1000.0 + 0.0005, "own_m"]


def test_with_the_sites_built_no_own_gap_is_longer_than_the_span(study, context, rule, found):
    """Assessed again without the solver, for each span. Before, there are such gaps."""
    for span_km, chosen in found.items():
        assert chosen.result.status == "optimal"
        assert len(too_long(study, context, rule, chosen.sites.iloc[:0], span_km)) > 0
        assert too_long(study, context, rule, chosen.sites, span_km).empty


def test_with_every_candidate_built_all_of_the_network_is_covered(study, context, candidates):
    """Nothing is left over where roads cross the border: 100 % by the edge rule, where 98.9 % used to be the end."""
    rule = next(r for r in study.policy.rules if isinstance(r, LengthCoverage))
    free = candidates[candidates["excluded"].isna()]
    built = context.with_inputs(study.inputs.with_built(free, to_build(study.policy)))
    assert assess_coverage(built, rule)[0].low == 1.0


def test_one_site_less_does_not_do(study, found, context, rule):
    """Each of the chosen sites is needed: without it a gap stays longer than the span."""
    for span_km, chosen in found.items():
        for k in range(len(chosen.sites)):
            assert len(too_long(study, context, rule, chosen.sites.drop(index=k), span_km)) > 0


def test_what_cannot_be_served_is_named_and_not_a_crash(context, rule, candidates):
    """Without any candidate every long stretch is named, and nothing is chosen."""
    none = candidates.assign(excluded="same_place")
    (least,) = comply(context, rule, none, (40.0,))
    assert least.result.status == "infeasible"
    assert len(least.sites) == 0
    assert set(least.unserved.columns) == {"ref", "section", "direction", "from_m", "to_m", "geometry"}
    drawn_m = least.unserved.geometry.map(GEOD.geometry_length)
    assert drawn_m.to_numpy() == pytest.approx(
        (least.unserved["to_m"] - least.unserved["from_m"]).abs(), rel=0.01
    )
    assert (least.unserved["to_m"] - least.unserved["from_m"] >= 40_000 - 1e-3).all()


def test_retrofits_spend_no_more_than_the_budget_and_the_best_comes_first(study):
    """Exact under a budget; ranked by CO2 per cost; what has no figures is never chosen."""
    berth_rule = next(r for r in study.policy.rules if isinstance(r, BerthShare))
    plan = plan_retrofits(study.inputs.berths, (berth_rule,), study.policy.emissions, budget=230.0)
    chosen = plan.berths[plan.berths["order"].notna()]
    assert chosen["retrofit_cost"].sum() <= 230.0
    ratio = plan.berths["co2_t_per_cost"].dropna().tolist()
    assert ratio == sorted(ratio, reverse=True)
    assert chosen["co2_avoided_t"].sum() == pytest.approx(plan.result.objective)
    assert plan.result.status == "optimal"
    assert (
        plan_retrofits(study.inputs.berths, (berth_rule,), study.policy.emissions, budget=None).result is None
    )
