"""Levels of one plan against brute force on small random worlds."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from plugspan.rules.rows import RuleRows, one_each
from plugspan.siting.levels import PlanProblem, solve_levels
from plugspan.siting.maxcover import priced
from plugspan.siting.plan_steps import doing_without, insisting_on, survey_savings
from plugspan.siting.proof import check_proof, price_bound, write_proof
from plugspan.siting.rows import stack_rows
from plugspan.siting.stages import DUE, LITTLE, spread_plan
from scipy import sparse


def random_problem(seed: int, *, shares: bool = True, most: int = 9) -> PlanProblem:
    """Two or three rules over up to nine actions, some rows hopeless, some rules asking for a share."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, most + 1))
    forbidden = rng.random(n) < 0.1
    rules = []
    for k in range(int(rng.integers(1, 4))):
        r = int(rng.integers(1, 6))
        serving = [np.flatnonzero(rng.random(n) < 0.35) for _ in range(r)]
        weight = rng.integers(1, 6, r).astype(float)
        matrix, need = one_each(serving, n), np.ones(r)
        if rng.random() < 0.3:  # amounts: car parks
            matrix = sparse.csr_array(matrix.multiply(rng.integers(1, 5, (r, n))))
            need = rng.integers(1, 7, r).astype(float)
        served = float(rng.integers(0, 6))
        share = float(rng.choice([0.5, 0.8])) if shares and rng.random() < 0.4 else 1.0
        item = np.sort(rng.integers(0, r, r)) if rng.random() < 0.5 else np.arange(r)
        item = np.unique(item, return_inverse=True)[1]
        weight = weight[: item.max() + 1]
        table = pd.DataFrame({"weight": weight})
        rules.append(RuleRows(f"rule-{k}", matrix, need, item, table, served, served + weight.sum(), share))
    rows = stack_rows(rules, n, ~forbidden)
    m = int(rng.integers(0, 7))
    reach = one_each([np.flatnonzero(rng.random(n) < 0.3) for _ in range(m)], n)
    required = (rng.random(n) < 0.1) & ~forbidden
    cost = rng.choice([0.5, 1.0, 1.5, 2.0, 0.0], n, p=[0.3, 0.3, 0.2, 0.15, 0.05])
    return PlanProblem(cost, rows, reach, rng.integers(1, 9, m).astype(float), required, forbidden)


def allowed_plans(problem: PlanProblem) -> list[np.ndarray]:
    """Every plan that keeps pins and rows, by definition and without the solver's matrices."""
    rows, found = problem.rows, []
    for bits in product([False, True], repeat=rows.n_actions):
        x = np.array(bits)
        if (x & problem.forbidden).any() or (problem.required & ~x).any():
            continue
        good = True
        for rule in rows.rules:
            held = rule.matrix.toarray() @ x
            possible = rule.matrix.toarray() @ ~problem.forbidden
            every = range(len(rule.items))
            ok = np.array([(held >= rule.need - 1e-9)[rule.item == i].all() for i in every])
            hopeless = np.array([(possible < rule.need - 1e-9)[rule.item == i].any() for i in every])
            if rule.share >= 1:
                good &= bool(((held >= rule.need - 1e-9) | (possible < rule.need - 1e-9)).all())
            else:
                asked = min(rule.share * rule.total - rule.served, rule.weight[~hopeless].sum())
                good &= bool(rule.weight[ok].sum() >= asked - 1e-9)
        if good:
            found.append(x)
    return found


@pytest.mark.parametrize("seed", range(150))
def test_levels_are_those_of_brute_force(seed):
    """Least money, most people within the purse, fewest actions: each as trying every plan finds it."""
    problem = random_problem(seed)
    plans = allowed_plans(problem)
    least = min(problem.money(x) for x in plans)
    extra = [None, 0.0, 1.0, 2.5][seed % 4]
    purse = least if extra is None else least + extra
    found = solve_levels(problem, budget=None if extra is None else purse)
    assert found.least == pytest.approx(least)
    within = [x for x in plans if problem.money(x) <= purse + 1e-9]
    people = max(problem.people(x) for x in within)
    assert problem.people(found.chosen) == pytest.approx(people)
    best = [x for x in within if problem.people(x) >= people - 1e-9]
    assert found.chosen.sum() == min(x.sum() for x in best)
    assert any((found.chosen == x).all() for x in plans)
    assert sorted(found.order.tolist()) == np.flatnonzero(found.chosen).tolist()
    for level in found.levels:
        assert level.status == "optimal"
        assert level.gap <= 1e-6
        worse = (
            level.price_bound >= level.objective
            if level.name == "people"
            else level.price_bound <= level.objective
        )
        assert worse or level.price_bound == pytest.approx(level.objective, abs=1e-6)


@pytest.mark.parametrize("seed", range(40))
def test_with_more_money_no_rule_is_worse_off(seed):
    """From nothing to half as much again as the least money, every rule's share only rises."""
    problem = random_problem(seed, shares=False)
    least = solve_levels(problem).least
    before = np.zeros(len(problem.rows.rules))
    for budget in np.linspace(0, 1.5 * least, 9):
        found = solve_levels(problem, budget=float(budget))
        values = problem.rows.values(found.chosen)
        assert (values >= before - 1e-9).all()
        assert problem.money(found.chosen) <= budget + 1e-9 or found.complete
        before = values


def test_prices_alone_prove_a_chain_of_stretches():
    """Stretches in a row, each of two neighbouring places: the relaxation is whole, so prices prove the least money."""
    n = 9
    chain = one_each([[k, k + 1] for k in range(n - 1)], n)
    table = pd.DataFrame({"weight": np.ones(n - 1)})
    rule = RuleRows("spacing", chain, np.ones(n - 1), np.arange(n - 1), table, 0.0, n - 1.0)
    rows = stack_rows([rule], n)
    problem = PlanProblem(
        np.ones(n), rows, sparse.csr_array((0, n)), np.empty(0), np.zeros(n, bool), np.zeros(n, bool)
    )
    money = solve_levels(problem).levels[0]
    assert (money.objective, money.price_bound, money.status) == (4.0, 4.0, "optimal")


@pytest.mark.parametrize("seed", range(200, 230))
def test_large_programs_are_solved_in_parts(monkeypatch, seed):
    """By an interior point, two columns first, then all that its prices leave: as trying every plan finds it."""
    monkeypatch.setattr(priced, "LARGE", 0)
    monkeypatch.setattr(priced, "PARTS", (2, 1000))
    test_levels_are_those_of_brute_force(seed)
    test_stages_are_those_of_brute_force(seed)


def test_work_is_counted_not_timed():
    """Cut off after a few looks, the same program gives the same values each time, with a bound that holds."""
    rng = np.random.default_rng(7)
    n = 60
    rows = one_each([rng.choice(n, 6, replace=False) for _ in range(120)], n)
    program = priced.PricedProgram(
        rng.integers(3, 9, n).astype(float),
        rows,
        np.ones(120),
        np.full(120, np.inf),
        np.ones(n),
        np.ones(n, bool),
    )
    found = [priced.solve_program(program, start=np.ones(n), effort=1e-6) for _ in range(3)]
    assert {f.status for f in found} == {"work_limit"}
    assert len({f.values.tobytes() for f in found}) == 1
    assert len({f.bound for f in found}) == 1
    best = priced.solve_program(program)
    assert best.status == "optimal"
    assert found[0].bound <= best.objective <= found[0].objective


def test_required_actions_come_on_top():
    """What must be built is built, though it serves nothing."""
    rows = stack_rows(
        [
            RuleRows(
                "r", one_each([[0]], 2), np.ones(1), np.arange(1), pd.DataFrame({"weight": [1.0]}), 0.0, 1.0
            )
        ],
        2,
    )
    problem = PlanProblem(np.array([1.0, 5.0]), rows, sparse.csr_array((0, 2)), np.empty(0),
                          np.array([False, True]), np.zeros(2, bool))  # fmt: skip
    found = solve_levels(problem)
    assert found.least == 6.0
    assert found.order.tolist() == [0, 1]


def early_value(problem: PlanProblem, on: np.ndarray, year: int) -> float:
    """What a year adds to the stages' objective by its definition: weighted rows, and people for ties."""
    total, value = problem.weight.sum(), 0.0
    for rule in problem.rows.rules:
        due = DUE if rule.due is not None and rule.due <= year else 1.0
        held = rule.matrix.toarray() @ on
        possible = rule.matrix.toarray() @ ~problem.forbidden >= rule.need - 1e-9
        for i, weight in enumerate(rule.weight):
            mine = rule.item == i
            part = (np.minimum(held / rule.need, 1.0) * possible)[mine].mean()
            value += due * weight * part / rule.total
    return value + (LITTLE * problem.people(on) / total if total else 0.0)


def met_by_hand(problem: PlanProblem, on: np.ndarray) -> list[bool]:
    """Rules of which all is served that can be, or the share that is asked for."""
    found = []
    for rule in problem.rows.rules:
        held, all_ = (rule.matrix.toarray() @ x for x in (on, ~problem.forbidden))
        if rule.share >= 1:
            found.append(bool(((held >= rule.need - 1e-9) | (all_ < rule.need - 1e-9)).all()))
            continue
        ok, can = ([(h[rule.item == i] >= rule.need[rule.item == i] - 1e-9).all() for i in range(len(rule.weight))]
                   for h in (held, all_))  # fmt: skip
        got, most = (sum(w for w, o in zip(rule.weight, x, strict=True) if o) for x in (ok, can))
        found.append(got >= min(max(rule.share * rule.total - rule.served, 0), most) - 1e-9)
    return found


class Chains:
    """All spreads over three years of all plans within the money, as masks of actions that grow."""

    def __init__(self, problem: PlanProblem, years: list[int], upto: np.ndarray) -> None:
        n = problem.rows.n_actions
        ends = {tuple(x.tolist()) for x in allowed_plans(problem) if problem.money(x) <= upto[-1] + 1e-9}
        free = problem.required & (problem.cost <= 0)
        masks = [
            np.array(m, bool)
            for m in product([False, True], repeat=n)
            if not (free & ~np.array(m, bool)).any()
        ]
        self.problem, self.years = problem, years
        self.met = {m.tobytes(): met_by_hand(problem, m) for m in masks}
        self.value = [{m.tobytes(): early_value(problem, m, year) for m in masks} for year in years[:-1]]
        money = {m.tobytes(): problem.money(m) for m in masks}
        self.all = [
            (a, b, c)
            for c in masks if tuple(c.tolist()) in ends
            for b in masks if not (b & ~c).any() and money[b.tobytes()] <= upto[1] + 1e-9
            for a in masks if not (a & ~b).any() and money[a.tobytes()] <= upto[0] + 1e-9
        ]  # fmt: skip

    def in_time(self) -> tuple[list, list[tuple[int, int]]]:
        """Spreads that meet due rules as early as can be, year by year in the order of the rules; what they hold."""
        left, held = self.all, []
        for t, year in enumerate(self.years[:-1]):
            for k, rule in enumerate(self.problem.rows.rules):
                if rule.due is None or rule.due > year or k in [h for _, h in held]:
                    continue
                those = [chain for chain in left if self.met[chain[t].tobytes()][k]]
                if those:
                    left, held = those, [*held, (t, k)]
        return left, held

    def worth(self, chain) -> float:
        return sum(value[x.tobytes()] for value, x in zip(self.value, chain, strict=False))


def spread_case(seed: int):
    """A random problem whose rules are due at different times, with money for three years and its spread plan."""
    problem = random_problem(seed, most=6)
    years = [2026, 2027, 2028]
    rules = tuple(replace(rule, due=[2026, None, 2027][k % 3]) for k, rule in enumerate(problem.rows.rules))
    problem = replace(problem, rows=stack_rows(rules, problem.rows.n_actions, ~problem.forbidden))
    money = np.array([0.35, 0.4, [0.3, 0.6][seed % 2]]) * solve_levels(problem).least + 0.25

    def levels(asked: PlanProblem):
        return solve_levels(asked, budget=float(money.sum()))

    return problem, years, money, levels(problem), levels


@pytest.mark.parametrize("seed", range(60))
def test_stages_are_those_of_brute_force(seed):
    """Due rules are met in their years whenever money allows; then no spread of a plan as good serves more early."""
    problem, years, money, plan, levels = spread_case(1000 + seed)
    changed, end, found = spread_plan(problem, plan, years, money, levels)
    assert found.status == "optimal"
    on, upto = found.stage >= 0, np.cumsum(money)
    states = [on & (found.stage <= t) for t in range(3)]
    for state, most in zip(states, upto, strict=True):
        assert problem.money(state) <= most + 1e-9
    assert found.objective == pytest.approx(sum(
        early_value(problem, x, year) for x, year in zip(states, years[:-1], strict=False)), abs=1e-6)  # fmt: skip
    chains = Chains(problem, years, upto)
    left, held = chains.in_time()
    assert all(met_by_hand(problem, states[t])[k] for t, k in held)
    due = [(year, k) for year in years for k, r in enumerate(problem.rows.rules) if r.due and r.due <= year]
    missed = [
        (y, problem.rows.rules[k].rule) for y, k in due if not met_by_hand(problem, states[y - 2026])[k]
    ]
    assert list(found.missed) == missed
    as_good = [
        c for c in left
        if c[2].sum() <= plan.chosen.sum() and problem.people(c[2]) >= problem.people(plan.chosen) - 1e-9
    ]  # fmt: skip
    assert bool(as_good) == (changed is problem)
    if as_good:
        assert found.objective == pytest.approx(max(map(chains.worth, as_good)), abs=1e-6)
    assert sorted(found.order.tolist()) == np.flatnonzero(on).tolist()
    assert (np.diff(found.stage[found.order]) >= 0).all()
    assert (
        check_proof(json.loads(json.dumps(write_proof(changed, end, float(money.sum()), stages=found)))) == []
    )


def test_a_building_order_cut_by_years_is_not_called_the_best():
    """With half of the money the first actions of the whole plan are spread: nothing was looked for, nothing proven."""
    problem, years, money, plan, _ = spread_case(1001)
    part = solve_levels(problem, budget=plan.least / 2)
    assert not part.complete
    found = spread_plan(problem, part, years, money * part.least / 2 / money.sum(), lambda asked: part)[2]
    assert found.status == "greedy"
    assert np.isnan([found.objective, found.bound, found.gap]).all()
    assert found.rests_on == "prices"


def proof_of(problem: PlanProblem, budget: float | None = None) -> dict:
    """Proof of a plan, as it is read back from a file."""
    plan = solve_levels(problem, budget=budget)
    purse = plan.least if budget is None or not plan.complete else budget
    return json.loads(json.dumps(write_proof(problem, plan, purse)))


@pytest.mark.parametrize("seed", range(60))
def test_a_proof_is_checked_by_arithmetic(seed):
    """A sound proof has no fault; each claim made better than it is, is found."""
    problem = random_problem(seed)
    proof = proof_of(problem, budget=[None, 3.0, 0.5][seed % 3])
    assert check_proof(proof) == []
    for level in proof["levels"]:
        told = level["price_bound"]
        level["price_bound"] = told - 1 if level["name"] == "people" else told + 1
        assert f"bound {level['name']}" in check_proof(proof)
        level["price_bound"] = told
        if proof["complete"] and level["name"] == "people":
            level["objective"] += 1
            assert "people" in check_proof(proof)
            level["objective"] -= 1
    if proof["complete"]:
        needed = [j for j in proof["chosen"] if not rows_met(proof, set(proof["chosen"]) - {j})]
        for j in needed:
            assert check_proof({**proof, "chosen": [i for i in proof["chosen"] if i != j]})


def rows_met(proof: dict, chosen: set[int]) -> bool:
    """Whether a choice meets every row that can be met."""
    return all(
        row.get("lost", False)
        or sum(a for j, a in zip(row["actions"], row.get("amounts") or [1] * 99, strict=False) if j in chosen)
        >= row["need"]
        for row in proof["rows"]
    )


def test_tampered_prices_prove_less():
    """Other prices never prove more than the truth, whatever they are."""
    rng = np.random.default_rng(1)
    for seed in range(30):
        problem = random_problem(seed)
        proof = proof_of(problem)
        truth = {level["name"]: level["objective"] for level in proof["levels"]}
        for level in proof["levels"]:
            level["prices"] = (np.array(level["prices"]) + rng.normal(0, 1, len(level["prices"]))).tolist()
            proven = price_bound(proof, level, truth.get("people", 0.0))
            if level["name"] == "people":
                assert proven >= truth["people"] - 1e-6
            else:
                assert proven <= truth[level["name"]] + 1e-6


@pytest.mark.parametrize("seed", range(40))
def test_prices_of_single_actions_hold(seed):
    """Doing without, insisting on and surveying: each interval holds what brute force finds."""
    problem = random_problem(seed, most=7)
    plan = solve_levels(problem)
    without, insisting = doing_without(problem, plan), insisting_on(problem, plan)
    for j in np.flatnonzero(~np.isnan(without.low)):
        forbidden = problem.forbidden.copy()
        forbidden[j] = True
        rows = stack_rows(problem.rows.rules, problem.rows.n_actions, ~forbidden)
        if (rows.lost == problem.rows.lost).all():
            least = min(
                problem.money(x) for x in allowed_plans(replace(problem, rows=rows, forbidden=forbidden))
            )
            assert without.low[j] - 1e-6 <= least - plan.least <= without.high[j] + 1e-6
        else:
            assert without.lost[j] > 0
    for j in np.flatnonzero(~np.isnan(insisting.low)):
        least = min(problem.money(x) for x in allowed_plans(problem) if x[j])
        assert insisting.low[j] - 1e-6 <= least - plan.least <= insisting.high[j] + 1e-6
    free = np.flatnonzero(problem.forbidden & (problem.cost == 0))
    saved = survey_savings(problem, plan, free)
    for k in free:
        pins = replace(problem, forbidden=problem.forbidden & (np.arange(len(problem.cost)) != k))
        least = min(problem.money(x) for x in allowed_plans(pins) if x[k])
        assert saved.low[k] == pytest.approx(max(plan.least - least, 0)) or saved.lost[k]
