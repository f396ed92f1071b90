"""Maximum coverage: plugspan beside plain HiGHS and spopt, to the same gap.

    python benchmarks/siting.py                       the generated cases
    python benchmarks/siting.py --quick               small ones only
    python benchmarks/siting.py --mclp DIR            also NewYork and Bronx of that folder, against published values

Each line: how long until the gap was proven, or what was proven when the time was up. ``ratio`` is the other's
time to the gap that plugspan proved, divided by plugspan's (a lower limit where the other did not get there).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import highspy
import numpy as np
from plugspan.siting.maxcover import make_problem, solve, verify
from scipy import sparse
from scipy.spatial import cKDTree

EARTH_RADIUS_M = 6_378_137.0
PUBLISHED = {
    ("NewYork", 400.0): {50: 1153640, 60: 1288174, 70: 1396333, 80: 1481434, 90: 1539992, 100: 1574256},
    ("Bronx", 600.0): {50: 1205051, 60: 1290635, 70: 1348232, 80: 1376061, 90: 1384376, 100: 1385099},
}


def clustered(n_demands: int, n_sites: int, radius: float, seed: int = 0):
    """Demands in 40 clusters of different size and width in a unit square; half of the sites among them."""
    rng = np.random.default_rng(seed)
    centre, width = rng.random((40, 2)), rng.uniform(0.01, 0.06, 40)
    size = rng.dirichlet(np.ones(40))

    def scatter(count: int) -> np.ndarray:
        label = rng.choice(40, count, p=size)
        return centre[label] + rng.normal(size=(count, 2)) * width[label, None]

    demand = scatter(n_demands)
    site = np.where(rng.random(n_sites)[:, None] < 0.5, scatter(n_sites), rng.random((n_sites, 2)))
    weight = np.rint(rng.lognormal(3, 1, n_demands)) + 1
    near = cKDTree(demand).query_ball_point(site, radius)
    counts = [len(found) for found in near]
    columns = np.concatenate([np.sort(found) for found in near]).astype(np.int64)
    rows = np.repeat(np.arange(n_sites), counts)
    reach = sparse.csr_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(n_sites, n_demands))
    return reach, weight, demand, site


def read_mclp(path: Path, radius_m: float):
    """Points that are demand and site at once; covered within the great-circle distance."""
    head, demand = path.read_text().split("DEMAND_SECTION")
    lines = head.split("NODE_COORD_SECTION")[1].strip().splitlines()
    lat, lon = np.radians([[float(x) for x in line.split()[-2:]] for line in lines if line.strip()]).T
    weight = np.array([float(line.split()[-1]) for line in demand.splitlines() if line.strip()[:1].isdigit()])
    near = []
    for a, b in zip(lat, lon, strict=True):
        h = np.sin((lat - a) / 2) ** 2 + np.cos(a) * np.cos(lat) * np.sin((lon - b) / 2) ** 2
        near.append(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(h)) <= radius_m)
    return sparse.csr_array(np.array(near)), weight[: len(lat)]


def run_plugspan(reach, weight, p: int, seconds: float, gap: float = 0.0):
    problem = make_problem(reach, weight, n_sites=p)
    result = solve(problem, time_limit_s=seconds, gap=gap)
    faults = verify(problem, result)
    if faults:
        raise SystemExit("\n".join(fault.render() for fault in faults))
    return result


def run_highs(reach, weight, p: int, seconds: float, gap: float):
    """The textbook model, one row a demand, handed to HiGHS as it is; seconds include building it."""
    start = time.perf_counter()
    n, m = reach.shape
    rows = sparse.hstack([reach.T.astype(float), -sparse.eye_array(m)])
    count = sparse.hstack([sparse.csr_array(np.ones((1, n))), sparse.csr_array((1, m))])
    matrix = sparse.csr_array(sparse.vstack([rows, count]))
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n + m, m + 1
    lp.col_cost_ = np.concatenate([np.zeros(n), -weight])
    lp.col_lower_, lp.col_upper_ = np.zeros(n + m), np.ones(n + m)
    lp.row_lower_ = np.zeros(m + 1)
    lp.row_upper_ = np.concatenate([np.full(m, np.inf), [p]])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    lp.integrality_ = [highspy.HighsVarType.kInteger] * n + [highspy.HighsVarType.kContinuous] * m
    highs = highspy.Highs()
    for name, value in (
        ("output_flag", False),
        ("time_limit", seconds),
        ("mip_rel_gap", gap),
        ("threads", 2),
    ):
        highs.setOptionValue(name, value)
    highs.passModel(lp)
    highs.run()
    info = highs.getInfo()
    best, bound = -info.objective_function_value, -info.mip_dual_bound
    reached = (bound - best) / best if best > 0 else np.inf
    return best, reached, time.perf_counter() - start


def run_spopt(demand, site, weight, radius: float, p: int, seconds: float, gap: float):
    """Run spopt's MCLP with CBC, building included."""
    import pulp
    from spopt.locate import MCLP

    start = time.perf_counter()
    distance = np.sqrt(((demand[:, None] - site) ** 2).sum(axis=2))
    model = MCLP.from_cost_matrix(distance, weight, service_radius=radius, p_facilities=p)
    model.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=seconds, gapRel=gap, threads=2))
    best = pulp.value(model.problem.objective)
    return best, time.perf_counter() - start


def report(name: str, who: str, best: float, gap: float | None, seconds: float, note: str = "") -> None:
    shown = "      ?" if gap is None else f"{100 * gap:6.3f}%"
    print(f"{name:<28} {who:<9} {best:>14,.0f} {shown} {seconds:8.1f} s  {note}", flush=True)


def compare(m: int, n: int, p: int, radius: float, seconds: float, *, with_spopt: bool) -> None:
    name = f"{m} x {n}, p={p}, r={radius}"
    reach, weight, demand, site = clustered(m, n, radius)
    ours = run_plugspan(reach, weight, p, seconds)
    report(name, "plugspan", ours.objective, ours.gap, ours.runtime_s, ours.status)
    # time to the gap that counts: what plain HiGHS is asked for is what plugspan proved, at least 1 %
    goal = max(ours.gap, 1e-6) if ours.status == "optimal" else max(ours.gap, 0.01)
    first = ours if ours.status == "optimal" else run_plugspan(reach, weight, p, seconds, gap=goal)
    best, reached, took = run_highs(reach, weight, p, max(10 * first.runtime_s + 5, 20), goal)
    there = reached <= goal * 1.001
    ratio = f"ratio {'' if there else '>'} {took / first.runtime_s:.0f} (plugspan {first.runtime_s:.1f} s)"
    report(name, "HiGHS", best, reached, took, ratio if there else ratio + ", not reached")
    if with_spopt:
        best, took = run_spopt(demand, site, weight, radius, p, 60, goal)
        report(name, "spopt", best, None, took, f"ratio {took / first.runtime_s:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--mclp", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    print(f"{'case':<28} {'who':<9} {'objective':>14} {'gap':>7} {'time':>10}")
    compare(3000, 300, 15, 0.06, options.seconds, with_spopt=True)
    if not options.quick:
        # spopt holds a dense table and one Python object a demand: about as large as it can go in minutes.
        compare(10_000, 500, 20, 0.05, options.seconds, with_spopt=True)
        for radius in (0.05, 0.1):
            compare(50_000, 800, 20, radius, options.seconds, with_spopt=False)
            compare(50_000, 2000, 30, radius, options.seconds, with_spopt=False)
    if options.mclp:
        for (name, radius_m), values in PUBLISHED.items():
            reach, weight = read_mclp(options.mclp / f"{name}.txt", radius_m)
            for p, best in values.items():
                ours = run_plugspan(reach, weight, p, options.seconds)
                note = f"{ours.status}, {100 * (ours.objective / best - 1):+.3f}% of published"
                report(
                    f"{name} r={radius_m:.0f} m, p={p}",
                    "plugspan",
                    ours.objective,
                    ours.gap,
                    ours.runtime_s,
                    note,
                )


if __name__ == "__main__":
    main()
