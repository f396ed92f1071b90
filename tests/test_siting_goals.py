"""Goals other than plain coverage, against brute force over all plans of small random cases."""

from __future__ import annotations

import itertools
import math

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
from plugspan.network.distances import Pairs
from plugspan.siting.maxcover import make_problem, solve, verify
from plugspan.siting.planning.constraints import (
    Capacity,
    Constraints,
    Scenario,
    SolverOptions,
    limits,
    too_close,
)
from plugspan.siting.planning.goals import aim_table, decide, pareto_table
from plugspan.siting.planning.reach import Places, Reach

SOLVER = SolverOptions(time_limit_s=3600.0, gap=0.0, seed=0)
REACH_KM = 10.0
COUNTIES = ["east", "north", "west"]


class Case:
    """Nine sites (the first is there already), twenty demands in three counties, random distances."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.n, self.m = 9, 20
        self.km = rng.uniform(2, 40, (self.n, self.m))
        self.weight = rng.integers(1, 9, self.m).astype(float)
        self.county = np.array(COUNTIES)[rng.integers(0, 3, self.m)]
        self.cost = np.where(np.arange(self.n) == 0, 0.0, rng.integers(1, 4, self.n).astype(float))
        self.site_county = np.array(COUNTIES)[rng.integers(0, 3, self.n)]
        plugs = np.full(self.n, np.nan)
        plugs[0] = 3
        table = gpd.GeoDataFrame(
            {
                "id": [f"s{i}" for i in range(self.n)],
                "name": "x",
                "existing": np.arange(self.n) == 0,
                "cost": self.cost,
                "county": self.site_county,
                "plugs": plugs,
            },
            geometry=gpd.points_from_xy(113 + rng.random(self.n), 27 + rng.random(self.n)),
            crs="EPSG:4326",
        )
        self.places = Places(table, table.iloc[1:])
        demand = gpd.GeoDataFrame(
            {"id": [f"d{j}" for j in range(self.m)], "weight": self.weight, "county": self.county},
            geometry=gpd.points_from_xy(np.full(self.m, 113.0), np.full(self.m, 27.0)),
            crs="EPSG:4326",
        )
        source, target = np.divmod(np.arange(self.n * self.m), self.n)
        pairs = Pairs(source, target, self.km.T.ravel() * 1000.0, (self.m, self.n))
        self.reach = Reach(demand, pairs)

    def problem(self, constraints=None, n_sites=3, **more):
        extra = limits(constraints or Constraints(), self.places, COUNTIES)
        return make_problem(
            self.reach.within(REACH_KM),
            self.weight,
            n_sites=n_sites,
            cost=self.cost,
            fixed=[0],
            **extra,
            **more,
        )

    def plans(self, size=3):
        every = range(1, self.n)
        return itertools.chain.from_iterable(itertools.combinations(every, k) for k in range(size + 1))

    def hit(self, plan, detour=1.0):
        """(m,) how many of the plan's sites and the existing one reach each demand."""
        return (self.km[[0, *plan]] * detour <= REACH_KM).sum(axis=0)

    def decide(self, constraints, aims=None, **more):
        problem = self.problem(constraints, **more)
        plain = solve(problem)
        found = decide(problem, self.reach, self.places, constraints, aims, SOLVER, REACH_KM, plain)
        assert verify(problem, found.result) == []
        return found


@pytest.mark.parametrize("seed", range(8))
def test_backup_decides(seed):
    """The best mix of first and second cover; coverage itself is bounded by the best coverage."""
    case = Case(seed)
    found = case.decide(Constraints(backup=0.4))
    best = max(
        0.6 * case.weight[case.hit(p) > 0].sum() + 0.4 * case.weight[case.hit(p) > 1].sum()
        for p in case.plans()
    )
    most = max(case.weight[case.hit(p) > 0].sum() for p in case.plans())
    assert found.goal.objective == pytest.approx(best)
    assert found.goal.bound == pytest.approx(best, rel=1e-6)
    assert found.result.objective <= most <= found.result.bound + 1e-9


SCENARIOS = (
    Scenario("more", demand={"east": 3.0, "north": 0.5}, probability=1.0),
    Scenario("longer", detour=1.4, probability=2.0),
    Scenario("shorter", demand=2.0, detour=0.7, probability=1.0),
)


def in_scenario(case, scenario, plan):
    """Weight covered, and all weight, worked out by hand."""
    factor = np.ones(case.m)
    for j, county in enumerate(case.county):
        given = scenario.demand
        factor[j] = given.get(county, 1.0) if isinstance(given, dict) else given
    weight = case.weight * factor
    return weight[case.hit(plan, scenario.detour) > 0].sum(), weight.sum()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("goal", ["expected", "worst"])
def test_scenarios_decide(seed, goal):
    """The best mean by probability, or the best share in the worst scenario."""
    case = Case(seed)
    found = case.decide(Constraints(scenarios=SCENARIOS, scenario_goal=goal))

    def worth(plan):
        values = [in_scenario(case, s, plan) for s in SCENARIOS]
        if goal == "worst":
            return min(a / b for a, b in values)
        return sum(s.probability / 4 * a for s, (a, _) in zip(SCENARIOS, values, strict=True))

    best = max(map(worth, case.plans()))
    assert found.goal.objective == pytest.approx(best)
    assert found.goal.bound == pytest.approx(best, rel=1e-4)
    assert found.goal.status == "optimal"
    assert found.goal.before == pytest.approx(worth(()))


def flow(case, room, plan):
    """Maximum flow from the sites to the demands."""
    graph = nx.DiGraph()
    graph.add_nodes_from(["s", "t"])
    for i in (0, *plan):
        graph.add_edge("s", ("site", i), capacity=float(room[i]))
        for j in np.flatnonzero(case.km[i] <= REACH_KM):
            graph.add_edge(("site", i), ("demand", int(j)))
    for j, w in enumerate(case.weight):
        graph.add_edge(("demand", j), "t", capacity=float(w))
    return nx.maximum_flow_value(graph, "s", "t")


@pytest.mark.parametrize("seed", range(8))
def test_capacity_decides(seed):
    """An existing site serves 3 plugs × 2, a new one 4 × 2; no plan serves more."""
    case = Case(seed)
    found = case.decide(Constraints(capacity=Capacity(per_plug=2.0, plugs=4)))
    room = [6.0, *[8.0] * 8]
    assert found.goal.objective == pytest.approx(max(flow(case, room, p) for p in case.plans()))
    assert found.goal.before == pytest.approx(flow(case, room, ()))
    assert found.served.sum() == pytest.approx(found.goal.objective)
    assert found.goal.options["objective_high"] == pytest.approx(found.goal.objective)


def test_unknown_plugs_serve_nothing_and_give_the_upper_end():
    """Careful in the plan; beside it what the same plan serves if the unknown site could serve everything."""
    case = Case(1)
    case.places.table["plugs"] = np.nan
    found = case.decide(Constraints(capacity=Capacity(per_plug=2.0, plugs=4)))
    plan = found.result.chosen.tolist()
    assert found.goal.before == 0
    assert found.goal.objective == pytest.approx(flow(case, [0.0, *[8.0] * 8], plan))
    assert found.goal.options["objective_high"] == pytest.approx(flow(case, [1e9, *[8.0] * 8], plan))
    assert found.goal.options["plugs_unknown_sites"] == 1


def shares(case, plan, money):
    """People, worst county, money left; the second aim counts demands, not their weight."""
    hit = case.hit(plan) > 0
    worst = min(
        case.weight[hit & (case.county == c)].sum() / case.weight[case.county == c].sum()
        for c in sorted(set(case.county))
    )
    people = case.weight[hit].sum() / case.weight.sum()
    return {"people": people, "equity": worst, "cost": 1 - case.cost[list(plan)].sum() / money}


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    "importance", [{"people": 2, "equity": 1, "cost": 1}, {"equity": 1}, {"people": 1, "cost": 3}]
)
def test_several_aims_decide(seed, importance):
    """The best weighted sum of people, worst county and money left; money is that of the three dearest sites."""
    case = Case(seed)
    names = tuple(importance)
    aims = aim_table(names, {"people": case.reach}, case.problem(), REACH_KM)
    found = case.decide(Constraints(aims=importance), aims)
    money = sorted(case.cost)[-3:]
    whole = sum(importance.values())

    def worth(plan):
        own = shares(case, plan, sum(money))
        return sum(importance[a] / whole * own[a] for a in importance)

    best = max(map(worth, case.plans()))
    assert found.goal.objective == pytest.approx(best)
    assert found.goal.bound == pytest.approx(best, rel=1e-5)
    assert found.goal.before == pytest.approx(worth(()))


@pytest.mark.parametrize("seed", range(4))
def test_no_plan_beats_the_pareto_curve(seed):
    """Equity against cost: each point is a plan's own values, and no plan is better in both."""
    case = Case(seed)
    pair = ("equity", "cost")
    aims = aim_table(pair, {"people": case.reach}, case.problem(), REACH_KM)
    curve = pareto_table(aims, pair, SOLVER, case.places.names, case.cost)
    money = sum(sorted(case.cost)[-3:])
    every = np.array([[shares(case, p, money)[a] for a in pair] for p in case.plans()])
    for row in curve.itertuples():
        plan = [int(name[1:]) for name in row.chosen]
        own = shares(case, plan, money)
        assert (row.share_first, row.share_second) == pytest.approx((own["equity"], own["cost"]))
        assert not (every > np.array([row.share_first, row.share_second]) + 1e-3).all(axis=1).any()
    assert curve["share_first"].is_monotonic_decreasing
    assert curve["share_first"].iloc[0] == pytest.approx(every[:, 0].max())


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("goal", [{}, {"backup": 0.3}, {"capacity": Capacity(per_site=9.0)}])
def test_constraints_bind_every_goal(seed, goal):
    """Required, forbidden, least distance and county minima hold whatever decides, or no plan is given."""
    case = Case(seed)
    minima = {"east": 1, "west": 1}
    constraints = Constraints(
        required=("s3",), forbidden=("s5", "s6"), min_distance_km=25.0, min_per_county=minima, **goal
    )
    pairs = {frozenset(p) for p in too_close(case.places, 25.0).tolist()}

    def allowed(plan):
        if 3 not in plan or {5, 6} & set(plan):
            return False
        if any(frozenset(p) in pairs for p in itertools.combinations((0, *plan), 2)):
            return False
        counties = [case.site_county[i] for i in plan]
        return all(counties.count(c) >= k for c, k in minima.items())

    options = [p for p in case.plans(4) if allowed(p)]
    found = case.decide(constraints, n_sites=4)
    if not options:
        assert found.result.status == "infeasible"
        assert found.result.reason is not None
        assert not len(found.result.chosen)
        return
    assert allowed(tuple(found.result.chosen.tolist()))
    if not goal:
        best = max(case.weight[case.hit(p) > 0].sum() for p in options)
        assert found.result.objective == best
    elif "backup" in goal:
        best = max(
            0.7 * case.weight[case.hit(p) > 0].sum() + 0.3 * case.weight[case.hit(p) > 1].sum()
            for p in options
        )
        assert found.goal.objective == pytest.approx(best)
    else:
        assert found.goal.objective == pytest.approx(max(flow(case, [9.0] * 9, p) for p in options))


def test_both_kinds_of_constraints_were_met_and_not_met():
    """The test above sees feasible and infeasible cases."""
    constraints = Constraints(
        required=("s3",), forbidden=("s5", "s6"), min_distance_km=25.0, min_per_county={"east": 1, "west": 1}
    )
    states = {solve(Case(seed).problem(constraints, n_sites=4)).status for seed in range(10)}
    assert "infeasible" in states
    assert len(states) > 1


def test_distance_is_the_straight_line_and_its_limit_may_be_kept_exactly():
    """Two places 0.1° apart on a meridian are 11.1195 km apart: nearer than 11.2 km, not nearer than 11.1 km."""
    case = Case(0)
    table = case.places.table.iloc[[1, 2]].reset_index(drop=True)
    table = table.set_geometry(gpd.points_from_xy([113.0, 113.0], [27.0, 27.1]), crs="EPSG:4326")
    places = Places(table, table)
    exact = math.radians(0.1) * 6371.0088
    assert too_close(places, 11.2).tolist() == [[0, 1]]
    assert too_close(places, 11.1).tolist() == []
    assert too_close(places, exact).tolist() == []
